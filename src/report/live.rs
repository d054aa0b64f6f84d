//! The output of `dev`: one stream of logs, requests and changes. On a terminal, the last line says what is wrong, for as long
//! as it is.

use std::time::Duration;

use serde_json::{Value, json};

use super::bars::Pinned;
use super::logs::{LogLine, LogStyle, log_json, log_text};
use super::print::{error_document, error_lines};
use super::timestamp::clock;
use super::words::{duration, harmless};
use super::{Output, Stream, Style};
use crate::error::Error;
use crate::outputs::SCHEMA_VERSION;

/// A request to an API, with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// When it came, in milliseconds since 1970.
    pub at_ms: i64,
    pub method: String,
    /// The path within the API.
    pub path: String,
    pub status: u16,
    /// How long it took, in milliseconds.
    pub ms: Option<u64>,
    /// Why the gateway refused it.
    pub why: Option<String>,
}

/// The stream. Logs and requests go to standard output, everything else to standard error.
pub struct Live {
    output: Output,
    answers: Stream,
    messages: Stream,
    /// The last line of the terminal; `None` without a terminal.
    pinned: Option<Pinned>,
}

impl Live {
    pub fn new(output: Output) -> Self {
        let pinned = (output.style == Style::Bars).then(Pinned::stderr);
        Self { output, answers: Stream::stdout(), messages: Stream::stderr(), pinned }
    }

    /// Whether somebody still reads standard output.
    pub fn is_read(&self) -> bool {
        self.answers.is_open()
    }

    /// A line of a function's log. `name_width` is the length of the longest function's name.
    pub fn log(&mut self, line: &LogLine<'_>, name_width: usize, now_ms: i64) {
        let Output { answers: palette, verbose, .. } = self.output;
        let style = LogStyle { palette, name_width, verbose, now_ms };
        let text = if self.output.json { Some(typed("log", &log_json(line))) } else { log_text(line, &style) };
        if let Some(text) = text {
            self.answer(&text);
        }
    }

    pub fn request(&mut self, request: &Request) {
        let text = if self.output.json { request_json(request) } else { self.request_text(request) };
        self.answer(&text);
    }

    /// `12:34:56.789Z GET /notes/{id}  401  3 ms  Unauthorized`
    fn request_text(&self, request: &Request) -> String {
        let palette = self.output.answers;
        let Request { at_ms, method, path, status, ms, why } = request;
        let status = match status {
            ..400 => palette.good(&status.to_string()),
            400..500 => palette.warn(&status.to_string()),
            _ => palette.bad(&status.to_string()),
        };
        let ms = ms.map(|ms| format!("  {ms} ms")).unwrap_or_default();
        let why = why.as_ref().map(|why| format!("  {}", harmless(why))).unwrap_or_default();
        let what = palette.strong(&harmless(&format!("{method} {path}")));
        format!("{} {what}  {status}{}", palette.dim(&clock(*at_ms)), palette.dim(&format!("{ms}{why}")))
    }

    /// The stack is as its files want it, `took` after the change was seen.
    pub fn up_to_date(&mut self, at_ms: i64, took: Duration) {
        self.pin(None);
        if self.output.json {
            let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            return self.answer(&typed("live", &json!({ "schema_version": SCHEMA_VERSION, "ms": ms }).to_string()));
        }
        let palette = self.output.messages;
        let text =
            format!("{} {}", palette.dim(&clock(at_ms)), palette.good(&format!("live after {}", duration(took))));
        self.say(&text);
    }

    /// What went wrong. It stays visible until the stack is up to date again.
    pub fn failed(&mut self, error: &Error, at_ms: i64) {
        if self.output.json {
            return self.answer(&error_document(error).to_string());
        }
        let text = error_lines(error, self.output);
        self.tell(&text);
        let first = error.message.lines().next().unwrap_or_default();
        let palette = self.output.messages;
        self.pin(Some(format!(
            "{} {} {}",
            palette.failed(),
            palette.dim(&clock(at_ms)),
            palette.bad(&harmless(first))
        )));
    }

    /// A remark, unless `--quiet` or `--json` is given.
    pub fn say(&mut self, text: &str) {
        if !self.output.quiet && !self.output.json {
            self.tell(text);
        }
    }

    /// The run of the engine draws on the terminal itself.
    pub fn pause(&mut self) {
        self.pin(None);
    }

    fn pin(&mut self, text: Option<String>) {
        if let Some(pinned) = &mut self.pinned {
            pinned.set(text);
        }
    }

    fn tell(&mut self, text: &str) {
        let messages = &mut self.messages;
        match &self.pinned {
            Some(pinned) => pinned.above(|| messages.line(text)),
            None => messages.line(text),
        }
    }

    fn answer(&mut self, text: &str) {
        let answers = &mut self.answers;
        match &self.pinned {
            Some(pinned) => pinned.above(|| answers.line(text)),
            None => answers.line(text),
        }
    }
}

fn request_json(request: &Request) -> String {
    let Request { at_ms, method, path, status, ms, why } = request;
    let document = json!({
        "schema_version": SCHEMA_VERSION,
        "type": "request",
        "at_ms": at_ms,
        "method": method,
        "path": path,
        "status": status,
        "ms": ms,
        "why": why,
    });
    document.to_string()
}

/// The JSON object with a type, so that the objects of one stream can be told apart.
fn typed(name: &str, object: &str) -> String {
    match serde_json::from_str(object) {
        Ok(Value::Object(mut fields)) => {
            fields.insert("type".to_owned(), name.into());
            Value::Object(fields).to_string()
        }
        _ => object.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Palette;
    use super::*;

    fn live() -> Live {
        let palette = Palette::default();
        let output = Output {
            json: false,
            quiet: false,
            verbose: false,
            style: Style::Lines,
            timings: false,
            can_ask: false,
            shown: false,
            columns: 80,
            error_columns: usize::MAX,
            answers: palette,
            messages: palette,
        };
        Live { output, answers: Stream::new(Vec::new()), messages: Stream::new(Vec::new()), pinned: None }
    }

    #[test]
    fn a_request_shows_its_answer_and_no_control_characters() {
        let why = Some("Unauthorized".to_owned());
        let request =
            Request { at_ms: 0, method: "GET".into(), path: "/a\u{1b}[2J".into(), status: 401, ms: Some(3), why };
        assert_eq!(live().request_text(&request), "00:00:00.000Z GET /a [2J  401  3 ms  Unauthorized");
        let request = Request { ms: None, why: None, path: "/".into(), ..request };
        assert_eq!(live().request_text(&request), "00:00:00.000Z GET /  401");
    }

    #[test]
    fn objects_of_the_stream_have_a_type() {
        assert_eq!(typed("log", "{\"a\":1}"), "{\"a\":1,\"type\":\"log\"}");
    }
}
