//! Prints a response: the body on standard output byte for byte, and everything else on standard error.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::commands::pretty;
use crate::outputs::SCHEMA_VERSION;
use crate::probe::Answer;
use crate::report::{Output, answer, bytes, say};

/// The types of content that are never text.
const NO_TEXT: [&str; 8] = [
    "image/",
    "audio/",
    "video/",
    "font/",
    "application/octet-stream",
    "application/pdf",
    "application/zip",
    "application/gzip",
];

pub(super) fn show(answered: &Answer, include: bool, output: Output) {
    if output.json {
        answer(&pretty(&document(answered)));
        return;
    }
    if include {
        say(&format!("HTTP {}", answered.status));
        for (name, value) in answered.headers.iter() {
            say(&format!("{name}: {value}"));
        }
    }
    match (output.shown, is_text(&answered.body)) {
        (false, _) => bytes(&answered.body),
        (true, true) if answered.body.is_empty() || answered.body.ends_with(b"\n") => bytes(&answered.body),
        (true, true) => answer(&answered.text()),
        (true, false) => {
            let kind = answered.headers.get("content-type").map(|kind| format!(" ({kind})")).unwrap_or_default();
            say(&format!(
                "The response has {} bytes that are not text{kind}. To save them, write `> FILE` after the command.",
                answered.body.len()
            ));
        }
    }
}

/// Whether these bytes are text without control characters that a terminal would execute.
fn is_text(data: &[u8]) -> bool {
    let controls = |c: char| c.is_control() && !"\n\r\t".contains(c);
    std::str::from_utf8(data).is_ok_and(|text| !text.contains(controls))
}

fn document(answered: &Answer) -> Value {
    let header = |(name, value): (&str, &str)| json!({ "name": name, "value": value });
    let headers: Vec<Value> = answered.headers.iter().map(header).collect();
    let mut document = json!({ "schema_version": SCHEMA_VERSION, "status": answered.status, "headers": headers });
    match std::str::from_utf8(&answered.body) {
        Ok(text) => document["body"] = serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        Err(_) => document["body_base64"] = json!(STANDARD.encode(&answered.body)),
    }
    document
}

/// Whether the body is base64 text although its type is not text: API Gateway did not decode what the function
/// returned.
pub(super) fn is_undecoded(answered: &Answer) -> bool {
    let kind = answered.headers.get("content-type").unwrap_or_default().to_lowercase();
    // The raw bytes of a picture or an archive are not valid base64.
    NO_TEXT.iter().any(|binary| kind.starts_with(binary))
        && !kind.contains("svg")
        && answered.body.len() >= 16
        && STANDARD.decode(&answered.body).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answer { status: 200, headers, body: body.to_vec() }
    }

    #[test]
    fn the_json_document_has_every_header_and_the_exact_body() {
        let cookies = [("set-cookie", "a=1"), ("x", "y"), ("set-cookie", "b=2")];
        let told = document(&response(&cookies, b"{\"a\":[1]}"));
        let names: Vec<_> = told["headers"].as_array().into_iter().flatten().map(|header| &header["value"]).collect();
        assert_eq!(names, ["a=1", "y", "b=2"]);
        assert_eq!(told["body"], json!({ "a": [1] }));
        assert_eq!(document(&response(&[], b"plain"))["body"], "plain");
        assert_eq!(document(&response(&[], b""))["body"], "");
        let binary = document(&response(&[], b"\x89PNG\xff"));
        assert_eq!((&binary["body_base64"], binary.get("body")), (&json!("iVBOR/8="), None));
    }

    #[test]
    fn text_is_what_a_terminal_can_show() {
        for text in ["", "a\tb\r\n", "ä\u{1f600}"] {
            assert!(is_text(text.as_bytes()), "{text:?}");
        }
        for data in [&b"\x89PNG"[..], b"\x1b[2J", b"a\0b", "\u{9b}2J".as_bytes()] {
            assert!(!is_text(data), "{data:?}");
        }
    }

    #[test]
    fn a_picture_in_base64_was_not_decoded() {
        let picture = STANDARD.encode([7; 30]);
        assert!(is_undecoded(&response(&[("content-type", "image/png")], picture.as_bytes())));
        for (kind, body) in
            [("text/plain", picture.as_bytes()), ("image/png", b"\x89PNG\xff and so on"), ("image/png", b"")]
        {
            assert!(!is_undecoded(&response(&[("content-type", kind)], body)), "{kind}");
        }
    }
}
