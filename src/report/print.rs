//! Prints everything that is not part of a run: results, remarks, errors and the log of `-v`.

use std::fmt::Write as _;

use console::Term;
use serde_json::{Value, json};

use super::commands::completed;
use super::words::hanging;
use super::{Output, Palette, Stream};
use crate::error::{Error, Kind};
use crate::outputs::SCHEMA_VERSION;
use crate::verify;

/// Prints a result on standard output. A reader that closed the pipe, as in `securelambda outputs | head -1`, is no
/// error.
pub fn answer(text: &str) {
    Stream::stdout().line(text);
}

/// Prints a result that advises: every command in backticks keeps the flags that say which stack is meant.
pub fn advise(text: &str) {
    Stream::stdout().line(fitted(&completed(text), &Term::stdout()));
}

/// Writes a result to standard output, byte for byte.
pub fn bytes(data: &[u8]) {
    Stream::stdout().bytes(data);
}

/// Prints a remark on standard error.
pub fn say(text: &str) {
    Stream::stderr().line(fitted(&completed(text), &Term::stderr()));
}

/// Sentences wrapped at words, if the stream is a terminal that is too narrow for them.
fn fitted(text: &str, stream: &Term) -> String {
    match stream.size_checked() {
        Some((_, columns)) => wrapped(text, columns.into()),
        None => text.to_owned(),
    }
}

/// Commands, which people copy, and lines with columns stay whole. Other indented lines, such as lists, keep their indent.
fn wrapped(text: &str, columns: usize) -> String {
    let line = |line: &str| {
        let text = line.trim_start();
        let indent = &line[..line.len() - text.len()];
        let is_list = indent.is_empty() || text.contains(", ") && !text.contains(" --") && !text.contains('\'');
        let whole = !is_list || text.contains("  ");
        let fits = whole || console::measure_text_width(line) <= columns;
        if fits { line.to_owned() } else { hanging(indent, text, columns).join("\n") }
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Prints the error that ended a command: its message, AWS's code with the request id, and its hints. With `--json` it
/// is a JSON document. Both are on standard error.
pub fn error(error: &Error, output: Output) {
    if output.json {
        Stream::stderr().line(error_document(error));
    } else {
        Stream::stderr().line(error_lines(error, output));
    }
}

/// The JSON document of an error.
pub(super) fn error_document(error: &Error) -> Value {
    let mut document = json!({ "schema_version": SCHEMA_VERSION, "type": "error" });
    extend(&mut document, error_json(error));
    document
}

/// The `summary` line of a command that prints events and failed before its run began. It has the fields of every
/// summary and the error that is also printed on standard error.
pub fn failed_line(verb: &str, error: &Error) -> String {
    let version = if verb == "verify" { verify::SCHEMA_VERSION } else { SCHEMA_VERSION };
    let document = json!({
        "schema_version": version,
        "type": "summary",
        "verb": verb,
        "succeeded": false,
        "stopped": matches!(error.kind, Kind::Stopped | Kind::Interrupted),
        "error": error_json(error),
    });
    document.to_string()
}

fn error_json(error: &Error) -> Value {
    json!({
        "kind": error.kind,
        "exit_code": error.kind.code(),
        "message": completed(&error.message),
        "aws": error.aws,
        "hints": error.hints.iter().map(|hint| completed(hint)).collect::<Vec<_>>(),
        "details": error.details,
        "mistakes": error.mistakes,
    })
}

fn extend(document: &mut Value, with: Value) {
    if let (Some(document), Value::Object(with)) = (document.as_object_mut(), with) {
        document.extend(with);
    }
}

/// The error as text for standard error.
pub(super) fn error_lines(error: &Error, output: Output) -> String {
    error_text(error, output.messages, output.error_columns)
}

fn error_text(error: &Error, palette: Palette, width: usize) -> String {
    // Text with line breaks is not wrapped.
    let paragraph = |head: &str, text: &str| {
        let whole = width == usize::MAX || text.contains('\n');
        if whole { format!("{head}{text}") } else { hanging(head, text, width).join("\n") }
    };
    let mut message = completed(&error.message).into_owned();
    if let Some(aws) = &error.aws {
        let request = aws.request_id.as_ref().map(|id| format!(", request {id}")).unwrap_or_default();
        let _ = write!(message, " ({}{request})", aws.code);
    }
    let mut text = paragraph(&format!("{} ", palette.bad("error:")), &message);
    if let Some(details) = &error.details {
        let _ = write!(text, "\n\n{}", details.trim_end());
    }
    for hint in &error.hints {
        text += "\n";
        text += &paragraph(&format!("  {} ", palette.dim("hint:")), &completed(hint));
    }
    text
}

/// Turns on the log: waits for `-v`, and every call for `-vv`. Only our own modules log, because the SDK's log may
/// contain requests.
pub fn trace(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => "securelambda=info",
        _ => "securelambda=debug",
    };
    let filter = tracing_subscriber::EnvFilter::new(level);
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // If the reader of the log is gone, as in `up -v 2>&1 | head`, the run continues. Reporting the error would panic.
    let log = log.log_internal_errors(false);
    // A second call in the same process, as in tests, has no effect.
    let _ = log.with_ansi(false).try_init();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::AwsAnswer;

    #[test]
    fn sentences_are_wrapped_at_words_and_commands_are_not() {
        let text = "Two routes together: many requests.\n\n  securelambda call 'POST /lambda1' --local";
        let narrow = "Two routes\ntogether: many\nrequests.\n\n  securelambda call 'POST /lambda1' --local";
        assert_eq!(wrapped(text, 14), narrow);
        assert_eq!(wrapped(text, 100), text);
        assert_eq!(
            wrapped("  1. Roles: these\n     role.a, role.b", 14),
            "  1. Roles: these\n     role.a,\n     role.b"
        );
    }

    #[test]
    fn an_error_shows_its_message_code_request_and_hints() {
        let mut error =
            Error::new(Kind::Resource, "could not create the topic x: not authorised").hint("ask for the right");
        error.aws = Some(Box::new(AwsAnswer { code: "AuthorizationError".into(), request_id: Some("1234".into()) }));
        let plain = Palette { color: false, unicode: true };
        let narrow = error_text(&error, plain, 40);
        assert!(narrow.lines().all(|line| line.len() <= 40), "{narrow}");
        assert!(narrow.starts_with("error: could not create the topic x: not\n       authorised"), "{narrow}");
        insta::assert_snapshot!(error_text(&error, plain, usize::MAX), @r"
        error: could not create the topic x: not authorised (AuthorizationError, request 1234)
          hint: ask for the right
        ");
    }
}
