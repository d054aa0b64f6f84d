//! Describes the requests and answers of checks without secrets: tokens and keys are named, and never shown.

use crate::probe::{Answer, Request};

/// The longest part of a body that is shown, in characters.
const BODY: usize = 160;

/// The headers of an answer that show who sent it and why.
const DECIDING: [&str; 6] =
    ["x-amzn-errortype", "www-authenticate", "apigw-requestid", "x-amz-apigw-id", "x-amzn-requestid", "content-type"];

/// A word of at least this length, in bytes, may be a token, a key or a signature.
const LONG_WORD: usize = 48;

/// Describes a request: method, URL without its query, credential, content type, and the beginning of the body.
/// `credential` names the header and the kind of the token in it.
pub(super) fn sent(request: &Request<'_>, credential: &str) -> String {
    let mut text = format!("{} {}", request.method, request.url.split('?').next().unwrap_or_default());
    if !credential.is_empty() {
        text += &format!("; {credential}");
    }
    if let Some(body) = &request.body {
        if !body.content_type.is_empty() {
            text += &format!("; Content-Type: {}", body.content_type);
        }
        text += &match body.data.len() {
            long if long > 10_000 => format!("; body of {long} bytes"),
            _ => format!("; body {}", beginning(&String::from_utf8_lossy(body.data))),
        };
    }
    text
}

/// Describes an answer: its status, its sender `who`, the deciding headers, and the beginning of the body.
pub(super) fn received(answer: &Answer, who: &str) -> String {
    let mut text = format!("{} from {who}", answer.status);
    for name in DECIDING {
        if let Some(value) = answer.headers.get(name) {
            text += &format!("; {name}: {}", redacted(value.split(':').next().unwrap_or_default()));
        }
    }
    if !answer.body.is_empty() {
        text += &format!("; body {}", beginning(&answer.text()));
    }
    text
}

/// The beginning of a body on one line, without anything that looks like a secret.
fn beginning(body: &str) -> String {
    let redacted = redacted(body);
    let short: String = redacted.chars().take(BODY).collect();
    if short.len() < redacted.len() { format!("{short}…") } else { short }
}

/// The text with every word hidden that may be a token, a key or a signature.
fn redacted(text: &str) -> String {
    let part_of_word = |c: char| c.is_ascii_alphanumeric() || "-_+/=.".contains(c);
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c| !part_of_word(c)).unwrap_or(rest.len());
        if word == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (head, tail) = rest.split_at(word);
        let secret = head.len() >= LONG_WORD
            || head.starts_with("eyJ")
            || ["AKIA", "ASIA"].iter().any(|key| head.starts_with(key) && head.len() >= 20);
        out += if secret { "(hidden)" } else { head };
        rest = tail;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::classify::tests::{function, gateway};
    use super::*;
    use crate::probe::Body;
    use crate::secret::SecretValue;

    #[test]
    fn a_request_is_shown_without_its_token_and_its_query() {
        let token = SecretValue::new("eyJhbGciOiJSUzI1NiJ9.secret.x".to_owned());
        let request = Request {
            method: "POST",
            url: "https://abc.example.com/dev/notes?Authorization=secret",
            token: Some(&token),
            body: Some(Body::json(r#"{"name":"securelambda-verify-0123456789abcdef"}"#)),
        };
        assert_eq!(
            sent(&request, "Authorization: an ID token of Users"),
            "POST https://abc.example.com/dev/notes; Authorization: an ID token of Users; Content-Type: \
             application/json; body {\"name\":\"securelambda-verify-0123456789abcdef\"}"
        );
        let large = "x".repeat(20_000);
        let body = Body::text("text/plain", &large);
        let text = sent(&Request { body: Some(body), token: None, ..request }, "");
        assert!(text.ends_with("; Content-Type: text/plain; body of 20000 bytes"), "{text}");
    }

    #[test]
    fn an_answer_is_shown_with_its_sender_and_the_deciding_header() {
        assert_eq!(
            received(&gateway(401, "Unauthorized"), "API Gateway"),
            "401 from API Gateway; x-amzn-errortype: SomeException; body {\"message\":\"Unauthorized\"}"
        );
        let own = Answer { body: r#"{"error":"Admin access required"}"#.into(), ..function(403) };
        assert_eq!(
            received(&own, "the function"),
            "403 from the function; x-amzn-requestid: 1; body {\"error\":\"Admin access required\"}"
        );
    }

    #[test]
    fn nothing_that_looks_like_a_secret_is_shown() {
        for secret in [
            "eyJhbGciOiJSUzI1NiJ9.e30.x",
            "AKIAIOSFODNN7EXAMPLE",
            "ASIAIOSFODNN7EXAMPLE",
            &"wJalrXUtnFEMI/K7MDENG+bPxRfiCY".repeat(2),
        ] {
            let answer = Answer { body: format!(r#"{{"echo":"Bearer {secret}","äö":1}}"#).into(), ..function(200) };
            let shown = received(&answer, "the function");
            assert!(!shown.contains(secret) && shown.contains("(hidden)") && shown.contains("äö"), "{shown}");
        }
        let long = received(&Answer { body: "word ".repeat(100).into(), ..function(200) }, "the function");
        assert!(long.chars().count() < 240 && long.ends_with('…'), "{long}");
    }
}
