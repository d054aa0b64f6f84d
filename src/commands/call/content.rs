//! Reads the body and the additional headers of a request from the flags.

use crate::args;
use crate::commands::ask;
use crate::commands::headers::header;
use crate::error::Error;
use crate::probe::{API_KEY_HEADER, Body};
use crate::secret::SecretValue;

/// The body and the headers of a request.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// Without `Content-Type` if there is a body.
    pub headers: Vec<(String, SecretValue)>,
    /// The type of the body; empty without a body.
    pub media_type: String,
    pub data: Option<Vec<u8>>,
}

impl Content {
    pub(super) async fn read(args: &args::Call) -> Result<Self, Error> {
        let mut headers = Vec::new();
        for given in &args.headers {
            headers.extend(read_headers(given)?);
        }
        let data = match args.data.as_deref() {
            Some(given) => Some(data(given).await?),
            None => None,
        };
        let Some(data) = data else { return Ok(Self { headers, ..Self::default() }) };
        let types = headers.extract_if(.., |(name, _)| name.eq_ignore_ascii_case("content-type"));
        let given = types.last().map(|(_, value)| value.reveal().to_owned());
        let binary = std::str::from_utf8(&data).is_err();
        let usual = if binary { "application/octet-stream" } else { "application/json" };
        Ok(Self { headers, media_type: given.unwrap_or_else(|| usual.to_owned()), data: Some(data) })
    }

    /// Whether the user gave this header. Case is ignored.
    pub(super) fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name))
    }

    pub(super) fn body(&self) -> Option<Body<'_>> {
        let data = self.data.as_deref()?;
        Some(Body { content_type: &self.media_type, data })
    }
}

/// Refuses flags that would read standard input twice, or read it for `--curl`, which only prints a command.
pub(super) fn check(args: &args::Call) -> Result<(), Error> {
    let data = args.data.as_deref() == Some("@-");
    if data && args.curl {
        return Err(
            Error::usage("--curl does not read standard input").hint("put the body into a file and use --data @FILE")
        );
    }
    let readers =
        [(args.sign_in.password_stdin, "--password-stdin"), (args.token_stdin, "--token-stdin"), (data, "--data @-")];
    let reading: Vec<&str> = readers.iter().filter(|(reads, _)| *reads).map(|(_, flag)| *flag).collect();
    if reading.len() > 1 {
        return Err(Error::usage(format!("{} would both read standard input", reading.join(" and ")))
            .hint("put the body into a file and use --data @FILE"));
    }
    Ok(())
}

/// The bytes of `--data`: the text itself, a file's contents with `@FILE`, or standard input with `@-`.
async fn data(given: &str) -> Result<Vec<u8>, Error> {
    match given.strip_prefix('@') {
        None => Ok(given.as_bytes().to_vec()),
        Some("-") => ask::all_of_standard_input("body").await,
        Some(file) => std::fs::read(file).map_err(|error| Error::usage(format!("{file} cannot be read: {error}"))),
    }
}

/// One header, as in `X-Tenant: acme`, or with `@FILE` the headers of a file, one on each line.
fn read_headers(given: &str) -> Result<Vec<(String, SecretValue)>, Error> {
    let Some(file) = given.strip_prefix('@') else {
        let (name, value) = header(given)?;
        let secrets =
            [("Authorization", "its value with --token-stdin"), (API_KEY_HEADER, "the key's name with --key")];
        if let Some((secret, instead)) = secrets.iter().find(|(secret, _)| name.eq_ignore_ascii_case(secret)) {
            let message =
                format!("the header {secret} is a secret, and other users of this machine can read arguments");
            return Err(Error::usage(message)
                .hint(format!("pass {instead}, or a file that contains the header with --header @FILE")));
        }
        return Ok(vec![(name, value)]);
    };
    let text =
        std::fs::read_to_string(file).map_err(|error| Error::usage(format!("{file} cannot be read: {error}")))?;
    text.lines().filter(|line| !line.trim().is_empty()).map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorization_is_no_argument() {
        let error = read_headers("authorization: Bearer sentinel").expect_err("refused");
        assert!(!format!("{error:?}").contains("sentinel") && error.hints[0].contains("--token-stdin"));
        let error = read_headers("X-Api-Key: sentinel").expect_err("refused");
        assert!(!format!("{error:?}").contains("sentinel") && error.hints[0].contains("--key"));
    }
}
