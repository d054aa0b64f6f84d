//! Commands that send requests to a live stack, or show what happened to requests.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueHint};

use super::candidates;
use super::users::SignIn;
use crate::controls::Standard;

#[derive(Debug, Subcommand)]
pub enum TrafficCommand {
    /// Send one request to a route
    Call(Call),
    /// Show the functions' logs
    Logs(Logs),
    /// Show which requests the firewall counted, allowed and blocked
    Traffic(Traffic),
    /// Test every security layer of the live stack
    Verify(Verify),
    /// Compare the live stack with the controls of security standards
    Audit(Audit),
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent flag")]
#[command(
    after_help = "The response's body goes to standard output byte for byte. Exits with code 1 unless the status is 2xx.

Examples:
  securelambda call 'POST /lambda1' --as you@example.com --data '{\"name\":\"Ada\"}'
  securelambda call 'GET /health'                                        an open route needs no user
  securelambda call 'PUT /files/{proxy+}' --param proxy=a/b.png --data @b.png --header 'Content-Type: image/png'
  securelambda call 'GET /orders' --client partner                       a route that is for programs
  securelambda call 'GET /quotes/bolt' --as you@example.com --key acme   a route that also asks for an API key
  securelambda call 'GET /files/a/b.png' > b.png"
)]
pub struct Call {
    /// The route as in the stack file ('POST /lambda1'), or a request as a client sends it ('GET /orders/7?page=2'); the
    /// path alone if only one route has it
    #[arg(add = candidates::routes())]
    pub route: String,
    /// Sign in as this user of the route's pool; without it, the user who is signed in with `login` calls. If the route
    /// takes signed requests, sign with the credentials that an
    /// identity pool gives the user
    #[arg(long = "as", value_name = "EMAIL")]
    pub user: Option<String>,
    /// Sign in to this pool instead of the route's pool
    #[arg(long, value_name = "POOL", add = candidates::pools())]
    pub pool: Option<String>,
    /// Sign with the credentials of this identity pool, if several have any for the route
    #[arg(long, value_name = "NAME", conflicts_with = "anonymous", add = candidates::identity_pools())]
    pub identity_pool: Option<String>,
    /// Also send this API key of the stack file. Its value is read from AWS
    #[arg(long, value_name = "NAME", conflicts_with = "anonymous")]
    pub key: Option<String>,
    /// Call as this machine client of the route's pool, with the access token that it gets for itself
    #[arg(
        long, value_name = "NAME", add = candidates::clients(),
        conflicts_with_all = ["user", "anonymous", "token_stdin", "password_stdin"]
    )]
    pub client: Option<String>,
    #[command(flatten)]
    pub sign_in: SignIn,
    /// Read a token from standard input and send it, instead of signing in
    #[arg(long, conflicts_with_all = ["user", "anonymous", "password_stdin"])]
    pub token_stdin: bool,
    /// Send neither a token nor a signature nor an API key
    #[arg(long, conflicts_with = "user")]
    pub anonymous: bool,
    /// Request body, sent as JSON unless --header names another type; @FILE reads it from a file, @- from standard input
    #[arg(long, value_name = "DATA")]
    pub data: Option<String>,
    /// Value of a path parameter, which is percent-encoded; can be repeated
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub params: Vec<String>,
    /// Query parameter, which is percent-encoded; can be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub query: Vec<String>,
    /// Request header; can be repeated; @FILE reads headers from a file, one a line
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// Also print the status and the headers, on standard error
    #[arg(short, long)]
    pub include: bool,
    /// Send nothing, and print the request as a command for curl, without any secret
    #[arg(long)]
    pub curl: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  securelambda logs                       the last ten minutes of all functions
  securelambda logs ExternalLambda1 --follow   new entries of one function, until Ctrl-C
  securelambda logs --since 2h --filter error")]
pub struct Logs {
    /// The function's name in the stack file [default: all functions]
    #[arg(add = candidates::functions())]
    pub function: Option<String>,
    /// Print new entries until Ctrl-C
    #[arg(short, long)]
    pub follow: bool,
    /// How far back to begin: 30s, 10m, 2h or 1d
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = time_span)]
    pub since: Duration,
    /// Print only entries that contain this text (case-sensitive)
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  securelambda traffic --since 30m")]
pub struct Traffic {
    /// How far back to begin, at most 3h: AWS keeps samples for 3 hours
    #[arg(long, value_name = "TIME", default_value = "3h", value_parser = time_span)]
    pub since: Duration,
}

/// Parses a whole number and a unit, such as `10m`.
fn time_span(text: &str) -> Result<Duration, String> {
    let malformed = || "expected a whole number and a unit, such as 30s, 10m, 2h or 1d".to_owned();
    let unit = text.chars().last().ok_or_else(malformed)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(malformed()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| malformed())?;
    match count.checked_mul(seconds) {
        Some(1..) if count <= 36_500 * 86_400 / seconds => Ok(Duration::from_secs(count * seconds)),
        Some(0) => Err("must be longer than 0, such as 30s, 10m, 2h or 1d".to_owned()),
        _ => Err("must be at most 100 years".to_owned()),
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "Adds test users with random addresses and removes them at the end, also when it is stopped. Exits with
code 5 if a check fails.

Example:
  securelambda verify --report proof.html --report proof.xml"
)]
pub struct Verify {
    /// Send no request to this route, named as in `call`; can be repeated
    #[arg(long = "skip", value_name = "ROUTE")]
    pub skip: Vec<String>,
    /// Prove that an authorizer of the stack file admits callers: send its routes the headers and query parameters in this
    /// file, one a line, as in 'X-Partner: KEY' or 'key=KEY'; @- reads standard input; can be repeated
    #[arg(long = "identity", value_name = "AUTHORIZER=@FILE")]
    pub identities: Vec<String>,
    /// Sign in as this user of a pool with `existing`, in which verify makes no user
    #[arg(long = "as", value_name = "USER")]
    pub user: Option<String>,
    /// The pool of that user, if several have `existing`
    #[arg(long, value_name = "POOL", add = candidates::pools())]
    pub pool: Option<String>,
    #[command(flatten)]
    pub sign_in: SignIn,
    /// Read an ID token of a user of a pool with `existing` from standard input, instead of signing in
    #[arg(long, conflicts_with_all = ["user", "password_stdin"])]
    pub token_stdin: bool,
    /// Also test that an expired token is refused: create a temporary app client whose tokens are valid for five minutes,
    /// and wait
    #[arg(long)]
    pub wait_for_expiry: bool,
    /// Write a report: a web page if the file name ends in .html, JUnit XML if it ends in .xml; can be repeated
    #[arg(long = "report", value_name = "FILE", value_parser = report_file)]
    pub reports: Vec<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Reads the live stack, as `status` does, and changes nothing. Exits with code 5 if a control fails. Each failure
names the key of the stack file that fixes it. `[audit] accept` in the stack file closes a control with a reason.

Examples:
  securelambda audit
  securelambda audit --standard fsbp --sarif audit.sarif --report audit.html"
)]
pub struct Audit {
    /// Evaluate only this list of controls: fsbp (AWS Security Hub), prowler, owasp or checklist; can be repeated
    #[arg(long = "standard", value_name = "NAME", value_parser = standard)]
    pub standards: Vec<Standard>,
    /// Also list the controls that passed or do not apply
    #[arg(long)]
    pub all: bool,
    /// Write the result as SARIF 2.1.0, for code scanning
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub sarif: Option<PathBuf>,
    /// Write the result as a web page
    #[arg(long, value_name = "FILE", value_parser = html_file, value_hint = ValueHint::FilePath)]
    pub report: Option<PathBuf>,
}

fn standard(word: &str) -> Result<Standard, String> {
    let known = Standard::ALL.into_iter().find(|standard| standard.word() == word);
    known.ok_or_else(|| format!("must be one of {}", Standard::ALL.map(Standard::word).join(", ")))
}

fn html_file(name: &str) -> Result<PathBuf, String> {
    let file = PathBuf::from(name);
    let html = file.extension().is_some_and(|extension| extension == "html");
    if html { Ok(file) } else { Err("the file name must end in .html".to_owned()) }
}

fn report_file(name: &str) -> Result<PathBuf, String> {
    let file = PathBuf::from(name);
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html" | "xml") => Ok(file),
        _ => Err("the file name must end in .html or .xml".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_span_is_a_whole_number_and_a_unit() {
        let table = [("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86_400)];
        for (text, seconds) in table {
            assert_eq!(time_span(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["", "m", "10", "10 m", "-1m", "1.5h", "10min", "1w", "1m30s", "+5m "] {
            assert!(time_span(text).is_err_and(|why| why.contains("30s, 10m, 2h or 1d")), "{text:?}");
        }
        assert!(time_span("0s").is_err());
        for text in ["99999999999999999999s", "18446744073709551615d", "40000d"] {
            assert!(time_span(text).is_err(), "{text:?}");
        }
    }
}
