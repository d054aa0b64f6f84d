//! The syntax of Terraform's configuration language.
//!
//! A value is written from JSON. Objects are blocks, except for the members in [`MAPS`]. Members with `$` have a meaning
//! of their own: `$raw` is an expression, `$text` a text with expressions in it, and `$json` a document that becomes a
//! text.

use serde_json::{Map, Value};

use crate::export::resources::JSON;

/// The arguments that are maps and not blocks, and the object in `required_providers`.
const MAPS: [&str; 15] = [
    "attribute_mapping",
    "aws",
    "dimensions",
    "principal_tags",
    "provider_details",
    "request_models",
    "request_parameters",
    "request_templates",
    "response_parameters",
    "response_templates",
    "roles",
    "stage_variables",
    "tags",
    "triggers",
    "variables",
];

/// A block with its content.
pub(super) fn block(kind: &str, labels: &[&str], content: &Value) -> String {
    let head: Vec<String> = [kind.to_owned()].into_iter().chain(labels.iter().map(|label| quoted(label))).collect();
    let mut text = format!("{} {{\n", head.join(" "));
    body(&mut text, content, 1);
    text += "}\n";
    text
}

/// A text in quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

fn escaped(text: &str) -> String {
    let mut written = String::new();
    for c in text.chars() {
        match c {
            '"' => written += "\\\"",
            '\\' => written += "\\\\",
            '\n' => written += "\\n",
            '\r' => written += "\\r",
            '\t' => written += "\\t",
            c => written.push(c),
        }
    }
    written.replace("${", "$${").replace("%{", "%%{")
}

fn indent(depth: usize) -> String {
    "  ".repeat(depth)
}

/// The arguments of a block, then its blocks.
fn body(text: &mut String, content: &Value, depth: usize) {
    let empty = Map::new();
    let members = content.as_object().unwrap_or(&empty);
    let (arguments, blocks): (Vec<_>, Vec<_>) = members.iter().partition(|(name, value)| !is_block(name, value));
    write_arguments(text, arguments.iter().map(|(name, value)| ((*name).clone(), *value)), depth);
    let mut first = arguments.is_empty();
    for (name, value) in blocks {
        for one in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
            if !std::mem::take(&mut first) {
                text.push('\n');
            }
            match one.as_object() {
                Some(members) if members.is_empty() => *text += &format!("{}{name} {{}}\n", indent(depth)),
                _ => {
                    *text += &format!("{}{name} {{\n", indent(depth));
                    body(text, one, depth + 1);
                    *text += &format!("{}}}\n", indent(depth));
                }
            }
        }
    }
}

fn is_block(name: &str, value: &Value) -> bool {
    let is_plain =
        |value: &Value| value.as_object().is_some_and(|members| !members.keys().any(|key| key.starts_with('$')));
    match value {
        Value::Object(_) => is_plain(value) && !MAPS.contains(&name),
        Value::Array(items) => items.first().is_some_and(is_plain),
        _ => false,
    }
}

/// Lines of `name = value`. The signs are aligned in each run of values of one line.
fn write_arguments<'a>(text: &mut String, all: impl Iterator<Item = (String, &'a Value)>, depth: usize) {
    let lines: Vec<(String, String)> = all.map(|(name, value)| (name, expression(value, depth))).collect();
    let mut at = 0;
    while at < lines.len() {
        let run = lines[at..].iter().take_while(|(_, value)| !value.contains('\n')).count();
        let run = run.max(1);
        let single = !lines[at].1.contains('\n');
        let width = lines[at..at + run].iter().map(|(name, _)| name.len()).max().filter(|_| single).unwrap_or(0);
        for (name, value) in &lines[at..at + run] {
            *text += &format!("{}{name:width$} = {value}\n", indent(depth));
        }
        at += run;
    }
}

fn expression(value: &Value, depth: usize) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => value.to_string(),
        Value::Number(number) => plain(number),
        Value::String(text) => quoted(text),
        Value::Array(items) => list(items, depth),
        Value::Object(members) => special(members, depth).unwrap_or_else(|| object(members, depth)),
    }
}

/// A number, without the fraction of a whole one.
fn plain(number: &serde_json::Number) -> String {
    let text = number.to_string();
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn special(members: &Map<String, Value>, depth: usize) -> Option<String> {
    if let Some(raw) = members.get("$raw") {
        return raw.as_str().map(str::to_owned);
    }
    if let Some(document) = members.get(JSON) {
        return Some(format!("jsonencode({})", expression(document, depth)));
    }
    let parts = members.get("$text")?.as_array()?;
    let part = |part: &Value| match part {
        Value::String(text) => escaped(text),
        other => format!("${{{}}}", expression(other, depth)),
    };
    Some(format!("\"{}\"", parts.iter().map(part).collect::<String>()))
}

fn list(items: &[Value], depth: usize) -> String {
    let items: Vec<String> = items.iter().map(|item| expression(item, depth + 1)).collect();
    let line = items.join(", ");
    if line.len() <= 90 && !line.contains('\n') {
        return format!("[{line}]");
    }
    let lines = items.iter().fold(String::new(), |lines, item| lines + &indent(depth + 1) + item + ",\n");
    format!("[\n{lines}{}]", indent(depth))
}

fn object(members: &Map<String, Value>, depth: usize) -> String {
    if members.is_empty() {
        return "{}".to_owned();
    }
    let mut text = "{\n".to_owned();
    write_arguments(&mut text, members.iter().map(|(name, value)| (key(name), value)), depth + 1);
    text + &indent(depth) + "}"
}

/// The key of a map, in quotes if it is not a plain word.
fn key(name: &str) -> String {
    let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_word { name.to_owned() } else { quoted(name) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_in_terraforms_syntax() {
        let body = json!({
            "name": "a \"b\" ${c} %{d}\n",
            "rate": 50.0,
            "arn": { "$raw": "aws_sns_topic.t.arn" },
            "text": { "$text": ["${x}/", { "$raw": "aws_sns_topic.t.arn" }, "/*"] },
            "tags": { "securelambda:stack": "demo", "team": "payments" },
            "statement": [{ "and": {} }, { "not": { "x": 1 } }],
            "policy": { "$json": { "Version": "2012-10-17", "Statement": [{ "Action": ["a", "b"] }] } },
            "list": ["a", { "$raw": "b.c" }],
        });
        insta::assert_snapshot!(block("resource", &["aws_x", "y"], &body), @r#"
        resource "aws_x" "y" {
          name = "a \"b\" $${c} %%{d}\n"
          rate = 50
          arn  = aws_sns_topic.t.arn
          text = "$${x}/${aws_sns_topic.t.arn}/*"
          tags = {
            "securelambda:stack" = "demo"
            team                 = "payments"
          }
          policy = jsonencode({
            Version = "2012-10-17"
            Statement = [
              {
                Action = ["a", "b"]
              },
            ]
          })
          list = ["a", b.c]

          statement {
            and {}
          }

          statement {
            not {
              x = 1
            }
          }
        }
        "#);
    }
}
