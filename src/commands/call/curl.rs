//! Writes the request of `call` as a curl command. It contains no secret, but a shell variable for each.

use super::caller::pool_of;
use super::content::Content;
use super::route::Target;
use crate::args;
use crate::commands::session::Session;
use crate::error::Error;
use crate::outputs::Outputs;
use crate::probe::API_KEY_HEADER;
use crate::report::{command, quoted};
use crate::spec::Auth;

/// The shell line that reads an API key into a variable.
struct Key(String);

impl Key {
    fn of(name: &str) -> Self {
        Self(format!("API_KEY=$({})", command(&format!("outputs --keys {}", quoted(name)))))
    }
}

/// The proof of the caller's identity that curl sends.
#[derive(Debug, PartialEq, Eq)]
enum Proof {
    Nothing,
    /// A token, and the command that gets it.
    Token(Option<String>),
    /// A signature for this region, with the credentials of this identity pool.
    Signature {
        region: String,
        identity_pool: String,
    },
}

/// The lines of a shell script that sends the request.
pub(super) fn text(
    args: &args::Call,
    session: &Session,
    outputs: &Outputs,
    target: &Target<'_>,
    url: &str,
    content: &Content,
) -> Result<String, Error> {
    let proof = proof(args, session, outputs, target)?;
    let key = args.key.as_deref().map(Key::of);
    Ok(script(args, target.method, url, content, (&proof, key.as_ref())))
}

fn proof(args: &args::Call, session: &Session, outputs: &Outputs, target: &Target<'_>) -> Result<Proof, Error> {
    let signs = target.route.auth == Auth::Iam && !args.anonymous;
    if signs {
        let (name, _) = super::caller::identity_pool(args, &session.config.stack, target)?;
        let id = outputs.identity_pools.get(name).map_or("", |pool| &pool.id);
        return Ok(Proof::Signature {
            region: session.scope().region.clone(),
            identity_pool: format!("{name} ({id})"),
        });
    }
    if args.token_stdin {
        return Ok(Proof::Token(None));
    }
    let holder = match (&args.user, &args.client) {
        (Some(email), _) => quoted(email),
        (None, Some(client)) => format!("--client {}", quoted(client)),
        (None, None) => return Ok(Proof::Nothing),
    };
    let pool = pool_of(args, target).map(|pool| format!(" --pool {}", quoted(pool))).unwrap_or_default();
    let access = if args.user.is_some() && !target.route.scopes.is_empty() { " --access" } else { "" };
    Ok(Proof::Token(Some(command(&format!("token {holder}{pool}{access}")))))
}

fn script(
    args: &args::Call,
    method: &str,
    url: &str,
    content: &Content,
    (proof, key): (&Proof, Option<&Key>),
) -> String {
    let mut curl = "curl".to_owned();
    if args.include {
        curl += " -i";
    }
    curl += &match method {
        "GET" if content.data.is_none() => String::new(),
        // With -X HEAD, curl would wait for a body.
        "HEAD" => " --head".to_owned(),
        method => format!(" -X {method}"),
    };
    curl += &format!(" {}", quoted(url));
    for given in &args.headers {
        curl += &format!(" -H {}", quoted(given));
    }
    if let Some(data) = &args.data {
        let typed = args.headers.iter().any(|header| header.to_lowercase().starts_with("content-type:"));
        if !typed && !content.media_type.is_empty() {
            curl += &format!(" -H {}", quoted(&format!("Content-Type: {}", content.media_type)));
        }
        curl += &format!(" --data-binary {}", quoted(data));
    }
    let key_line = key.map(|Key(from)| format!("{from}\n")).unwrap_or_default();
    if let Proof::Signature { region, identity_pool } = proof {
        let key = key.map(|_| format!("header = \"{API_KEY_HEADER}: $API_KEY\"\n")).unwrap_or_default();
        return format!(
            "# AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN are credentials of the identity pool\n\
             # {identity_pool}: see `aws cognito-identity get-id` and\n\
             # `aws cognito-identity get-credentials-for-identity`\n\
             {key_line}{curl} --aws-sigv4 {} --config - <<END\n\
             user = \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\"\n\
             header = \"x-amz-security-token: $AWS_SESSION_TOKEN\"\n\
             {key}END",
            quoted(&format!("aws:amz:{region}:execute-api")),
        );
    }
    // A header among the arguments could be read by other users of the machine.
    let (from, token) = match proof {
        Proof::Token(from) => {
            let from = match from {
                Some(command) => format!("TOKEN=$({command})\n"),
                None => "# TOKEN is the value for the header Authorization\n".to_owned(),
            };
            (from, Some(("Authorization: %s\\n", "\"$TOKEN\"")))
        }
        Proof::Nothing | Proof::Signature { .. } => (String::new(), None),
    };
    let key_header = format!("{API_KEY_HEADER}: %s\\n");
    let key = key.map(|_| (key_header.as_str(), "\"$API_KEY\""));
    let (headers, values): (Vec<&str>, Vec<&str>) = token.into_iter().chain(key).unzip();
    if headers.is_empty() {
        return curl;
    }
    format!("{from}{key_line}printf '{}' {} | {curl} -H @-", headers.concat(), values.join(" "))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn curl(words: &[&str], method: &str, proof: &Proof) -> String {
        let line = ["securelambda", "call", "GET /notes"].iter().chain(words);
        let cli = args::Cli::parse_from(line);
        let args::Command::Traffic(args::TrafficCommand::Call(args)) = cli.command else { panic!("a call") };
        let data = args.data.as_ref().map(|data| data.as_bytes().to_vec());
        let media_type = if data.is_some() { "application/json".to_owned() } else { String::new() };
        script(
            &args,
            method,
            "https://abc.example.com/dev/notes?a=1&b=2",
            &Content { media_type, data, ..Content::default() },
            (proof, args.key.as_deref().map(Key::of).as_ref()),
        )
    }

    #[test]
    fn a_request_is_written_for_a_shell() {
        let url = "'https://abc.example.com/dev/notes?a=1&b=2'";
        assert_eq!(curl(&[], "GET", &Proof::Nothing), format!("curl {url}"));
        assert_eq!(curl(&["-i"], "HEAD", &Proof::Nothing), format!("curl -i --head {url}"));
        assert_eq!(
            curl(&["--data", "{\"a\":\"it's\"}", "--header", "X-T: a b"], "PUT", &Proof::Nothing),
            format!(
                "curl -X PUT {url} -H 'X-T: a b' -H 'Content-Type: application/json' --data-binary '{{\"a\":\"it'\\''s\"}}'"
            )
        );
        assert_eq!(
            curl(&["--data", "@a b.png", "--header", "content-type: image/png"], "POST", &Proof::Nothing),
            format!("curl -X POST {url} -H 'content-type: image/png' --data-binary '@a b.png'")
        );
    }

    #[test]
    fn secrets_are_variables_that_curl_reads_from_its_standard_input() {
        let token = Proof::Token(Some("securelambda token ada@example.com --pool Users".into()));
        insta::assert_snapshot!(curl(&[], "GET", &token), @r#"
        TOKEN=$(securelambda token ada@example.com --pool Users)
        printf 'Authorization: %s\n' "$TOKEN" | curl 'https://abc.example.com/dev/notes?a=1&b=2' -H @-
        "#);
        insta::assert_snapshot!(curl(&["--key", "acme"], "GET", &token), @r#"
        TOKEN=$(securelambda token ada@example.com --pool Users)
        API_KEY=$(securelambda outputs --keys acme)
        printf 'Authorization: %s\nx-api-key: %s\n' "$TOKEN" "$API_KEY" | curl 'https://abc.example.com/dev/notes?a=1&b=2' -H @-
        "#);
        insta::assert_snapshot!(curl(&["--key", "acme"], "GET", &Proof::Nothing), @r#"
        API_KEY=$(securelambda outputs --keys acme)
        printf 'x-api-key: %s\n' "$API_KEY" | curl 'https://abc.example.com/dev/notes?a=1&b=2' -H @-
        "#);
        let signature =
            Proof::Signature { region: "eu-central-1".into(), identity_pool: "Callers (eu-central-1:1)".into() };
        insta::assert_snapshot!(curl(&[], "GET", &signature), @r#"
        # AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN are credentials of the identity pool
        # Callers (eu-central-1:1): see `aws cognito-identity get-id` and
        # `aws cognito-identity get-credentials-for-identity`
        curl 'https://abc.example.com/dev/notes?a=1&b=2' --aws-sigv4 aws:amz:eu-central-1:execute-api --config - <<END
        user = "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"
        header = "x-amz-security-token: $AWS_SESSION_TOKEN"
        END
        "#);
    }
}
