//! A line of a function's log. The blueprints' functions write JSON: its level, message and other fields are shown.
//! Other lines are shown unchanged except for characters that control a terminal.

use console::{Alignment, pad_str};
use serde_json::{Map, Value, json};

use super::palette::Palette;
use super::timestamp::{clock, date};
use super::words::harmless;
use crate::outputs::SCHEMA_VERSION;

/// The beginnings of lines that Lambda itself writes.
const PLATFORM: [&str; 5] =
    ["START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_START ", "INIT_REPORT "];

/// The fields that are shown at a fixed position, and the time, which CloudWatch Logs has for every line.
const KNOWN: [&str; 4] = ["timestamp", "level", "requestId", "message"];

/// The width of the longest usual level.
const LEVEL: usize = 5;

/// One entry of a function's log.
#[derive(Debug, Clone, Copy)]
pub struct LogLine<'a> {
    /// The function's name in the stack file.
    pub function: &'a str,
    /// The index of the function in the stack, which determines its colour.
    pub index: usize,
    /// The time of writing, in milliseconds since 1970.
    pub at_ms: i64,
    pub message: &'a str,
}

#[derive(Debug, Clone, Copy)]
pub struct LogStyle {
    pub palette: Palette,
    /// The length of the longest function's name.
    pub name_width: usize,
    /// Also show request ids and the lines that Lambda itself writes.
    pub verbose: bool,
    /// The current time in milliseconds since 1970. Lines of another day show their date.
    pub now_ms: i64,
}

/// A parsed line.
struct ParsedLine {
    level: Option<String>,
    request_id: Option<String>,
    message: String,
    fields: Map<String, Value>,
}

impl ParsedLine {
    fn new(line: &str) -> Self {
        match serde_json::from_str(line) {
            Ok(Value::Object(mut fields)) if fields.get("message").is_some_and(Value::is_string) => {
                let text = |name: &str| match fields.get(name)? {
                    Value::String(text) => Some(text.clone()),
                    other => Some(other.to_string()),
                };
                let (level, request_id, message) = (text("level"), text("requestId"), text("message"));
                fields.retain(|name, _| !KNOWN.contains(&name.as_str()));
                Self { level, request_id, message: message.unwrap_or_default(), fields }
            }
            _ => Self { level: None, request_id: None, message: line.to_owned(), fields: Map::new() },
        }
    }
}

/// Whether Lambda itself wrote the line.
fn is_platform(message: &str) -> bool {
    PLATFORM.iter().any(|start| message.starts_with(start))
}

/// `12:34:56.789Z InternalLambda   INFO  Hello Ada. …  messageId=…`, followed by the other lines of the message,
/// indented. `None` if the style omits the line.
pub fn log_text(line: &LogLine<'_>, style: &LogStyle) -> Option<String> {
    let palette = style.palette;
    let platform = is_platform(line.message);
    if platform && !style.verbose {
        return None;
    }
    let parsed = ParsedLine::new(line.message);
    let today = date(line.at_ms.div_euclid(1000)) == date(style.now_ms.div_euclid(1000));
    let time = if today { clock(line.at_ms) } else { stamp(line.at_ms) };
    let name = pad_str(line.function, style.name_width, Alignment::Left, None);
    let level = harmless(parsed.level.as_deref().unwrap_or_default());
    let level = match (level.as_str(), format!("{level:LEVEL$}")) {
        ("ERROR" | "FATAL", padded) => palette.bad(&padded),
        ("WARN", padded) => palette.warn(&padded),
        (_, padded) => padded,
    };
    let mut message = parsed.message.lines().map(harmless);
    let first = message.next().unwrap_or_default();
    let first = if platform { palette.dim(&first) } else { first };
    let mut text = format!("{} {} {level} {first}", palette.dim(&time), palette.nth(line.index, &name));
    let id = parsed.request_id.filter(|_| style.verbose).map(|id| ("requestId".to_owned(), Value::String(id)));
    for (name, value) in id.into_iter().chain(parsed.fields) {
        let value = match value {
            Value::String(text) if !text.is_empty() && !text.contains([' ', '"', '=']) => text,
            other => other.to_string(),
        };
        text += &format!("  {}", palette.dim(&harmless(&format!("{name}={value}"))));
    }
    for more in message {
        text += &format!("\n    {more}");
    }
    Some(text)
}

/// The line as a JSON object on one line: `schema_version`, `function`, `timestamp`, `level`, `request_id`, `message`,
/// `fields`, and `platform`, which is true if Lambda itself wrote it.
pub fn log_json(line: &LogLine<'_>) -> String {
    let ParsedLine { level, request_id, message, fields } = ParsedLine::new(line.message);
    json!({
        "schema_version": SCHEMA_VERSION,
        "function": line.function,
        "timestamp": stamp(line.at_ms).replace(' ', "T"),
        "level": level,
        "request_id": request_id,
        "message": message,
        "fields": fields,
        "platform": is_platform(line.message),
    })
    .to_string()
}

/// `2026-11-28 12:34:56.789Z`.
fn stamp(at_ms: i64) -> String {
    format!("{} {}", date(at_ms.div_euclid(1000)), clock(at_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 1_795_869_296_789;
    const OURS: &str = r#"{"timestamp":"2026-11-28T12:34:56.700Z","level":"INFO","requestId":"r-1",
        "message":"Hello Ada.","messageId":"m-1","note":"two words"}"#;

    fn line(message: &str) -> LogLine<'_> {
        LogLine { function: "Internal", index: 0, at_ms: AT, message }
    }

    fn plain() -> LogStyle {
        LogStyle { palette: Palette::default(), name_width: 10, verbose: false, now_ms: AT }
    }

    fn shown(message: &str) -> String {
        log_text(&line(message), &plain()).unwrap_or_default()
    }

    #[test]
    fn json_lines_show_level_message_and_other_fields() {
        assert_eq!(shown(OURS), "12:34:56.789Z Internal   INFO  Hello Ada.  messageId=m-1  note=\"two words\"");
        let verbose = LogStyle { verbose: true, ..plain() };
        assert!(log_text(&line(OURS), &verbose).is_some_and(|text| text.contains("  requestId=r-1  ")));
        let tomorrow = LogStyle { now_ms: AT + 86_400_000, ..plain() };
        assert!(log_text(&line(OURS), &tomorrow).is_some_and(|text| text.starts_with("2026-11-28 12:34:56.789Z ")));
    }

    #[test]
    fn other_lines_are_shown_without_control_characters() {
        assert_eq!(shown("Task timed out"), "12:34:56.789Z Internal         Task timed out");
        assert_eq!(shown("a\u{1b}[2J\nat b"), "12:34:56.789Z Internal         a [2J\n    at b");
        let forged = serde_json::json!({ "message": "x\r\u{1b}[31mERROR", "k\u{7}": "\u{9b}" }).to_string();
        assert!(shown(&forged).chars().all(|c| !c.is_control()), "{:?}", shown(&forged));
        for odd in ["{\"message\":1}", "[1]", "{", ""] {
            assert!(shown(odd).ends_with(odd), "{odd}");
        }
    }

    #[test]
    fn lambdas_own_lines_are_shown_only_if_verbose() {
        let report = "REPORT RequestId: r-1\tDuration: 3 ms";
        assert_eq!(shown(report), "");
        let verbose = LogStyle { verbose: true, ..plain() };
        assert!(log_text(&line(report), &verbose).is_some_and(|text| text.ends_with(report)));
    }

    #[test]
    fn functions_differ_in_colour_and_name() {
        let palette = Palette { color: true, unicode: true };
        let style = LogStyle { palette, ..plain() };
        let of = |function, index| log_text(&LogLine { function, index, ..line("x") }, &style).unwrap_or_default();
        assert!(of("A", 0).contains("\u{1b}[36mA         \u{1b}[0m"), "{:?}", of("A", 0));
        assert!(of("B", 1).contains("\u{1b}[35mB         \u{1b}[0m"), "{:?}", of("B", 1));
    }

    #[test]
    fn log_lines_as_json() {
        let entry: Value = serde_json::from_str(&log_json(&line(OURS))).unwrap_or_default();
        let expected = json!({
            "schema_version": 1, "function": "Internal", "timestamp": "2026-11-28T12:34:56.789Z", "level": "INFO",
            "request_id": "r-1", "message": "Hello Ada.", "platform": false,
            "fields": { "messageId": "m-1", "note": "two words" },
        });
        assert_eq!(entry, expected);
        let entry: Value = serde_json::from_str(&log_json(&line("END RequestId: r-1"))).unwrap_or_default();
        assert_eq!((&entry["platform"], &entry["level"]), (&json!(true), &Value::Null));
    }
}
