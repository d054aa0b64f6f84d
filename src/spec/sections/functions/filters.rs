//! The patterns of triggers, which select the messages and records that a function gets (docs/aws.md, Event source
//! mappings).

use serde_json::{Map, Value};

use crate::spec::reader::suggest;

/// How long a pattern may be.
const LONGEST: usize = 4096;

/// The operators of patterns.
const OPERATORS: [&str; 6] = ["anything-but", "equals-ignore-case", "exists", "numeric", "prefix", "suffix"];

/// The comparisons of `numeric`.
const COMPARISONS: [&str; 5] = ["=", "<", "<=", ">", ">="];

/// The member whose list combines patterns.
const OR: &str = "$or";

/// A message, and how to correct the mistake.
type Flaw = (String, String);

/// Checks a pattern. AWS refuses an invalid pattern only when the trigger is created.
pub(super) fn check(pattern: &str) -> Result<(), Flaw> {
    if pattern.len() > LONGEST {
        return Err((format!("a filter has at most {LONGEST} characters"), "split it into several".into()));
    }
    let help = "write an object in JSON, in single quotes: '{\"eventName\": [\"INSERT\"]}'";
    let read: Result<Map<String, Value>, _> = serde_json::from_str(pattern);
    members(&read.map_err(|error| (format!("a filter must be a JSON object: {error}"), help.into()))?, None)
}

/// The members of a pattern, or of the object `within` it.
fn members(object: &Map<String, Value>, within: Option<&str>) -> Result<(), Flaw> {
    if object.is_empty() {
        let what = within.map_or("a filter".to_owned(), |name| format!("`{name}` in a filter"));
        let help = "name the members that must match, as in '{\"eventName\": [\"INSERT\"]}', or leave the filter out";
        return Err((format!("{what} is empty"), help.into()));
    }
    object.iter().try_for_each(|(name, value)| match value {
        Value::Object(inner) => members(inner, Some(name)),
        Value::Array(choices) if choices.is_empty() => {
            let help = format!("name the values that match, as in {{\"{name}\": [\"…\"]}}");
            Err((format!("`{name}` in a filter has an empty list"), help))
        }
        Value::Array(patterns) if name == OR => patterns.iter().try_for_each(|pattern| match pattern {
            Value::Object(pattern) => members(pattern, Some(OR)),
            other => Err((format!("`{OR}` in a filter has a list of patterns, not of {other}"), write_or())),
        }),
        Value::Array(choices) => choices.iter().try_for_each(|choice| of_value(name, choice)),
        scalar => {
            let help = format!("write a list of the values that match: {{\"{name}\": [{scalar}]}}");
            Err((format!("`{name}` in a filter is not a list"), help))
        }
    })
}

fn write_or() -> String {
    format!("write {{\"{OR}\": [{{\"a\": [1]}}, {{\"b\": [2]}}]}}")
}

/// Checks one choice of a member: a plain value, or an operator.
fn of_value(name: &str, choice: &Value) -> Result<(), Flaw> {
    let operator = match choice {
        Value::Object(operator) => operator,
        Value::Array(_) => {
            let help = format!("write one list: {{\"{name}\": [\"a\", \"b\"]}}");
            return Err((format!("`{name}` in a filter has a list in its list"), help));
        }
        _ => return Ok(()),
    };
    let mut operators = operator.iter();
    let (Some((operator, wanted)), None) = (operators.next(), operators.next()) else {
        let help = format!("write one of {} in each pair of braces", OPERATORS.join(", "));
        return Err((format!("`{name}` in a filter needs exactly one operator in braces"), help));
    };
    if !OPERATORS.contains(&operator.as_str()) {
        return Err((format!("filters have no operator `{operator}`"), suggest(operator, &OPERATORS)));
    }
    let wrong = |wants: &str, example: &str| {
        let help = format!("write {{\"{name}\": [{{\"{operator}\": {example}}}]}}");
        Err((format!("`{operator}` of `{name}` in a filter takes {wants}"), help))
    };
    match operator.as_str() {
        "exists" if !wanted.is_boolean() => wrong("true or false", "true"),
        "numeric" if !is_comparison(wanted) => wrong("comparisons with numbers", "[\">\", 0, \"<=\", 10]"),
        "prefix" | "suffix" | "equals-ignore-case" if !wanted.is_string() => wrong("text", "\"a\""),
        "anything-but" if !is_exception(wanted) => wrong("a value, or a list of values", "[\"a\"]"),
        _ => Ok(()),
    }
}

/// Pairs of a comparison and a number: one, or two for a range.
fn is_comparison(wanted: &Value) -> bool {
    let Some(parts) = wanted.as_array() else { return false };
    let is_pair = |pair: &[Value]| match pair {
        [comparison, number] => {
            comparison.as_str().is_some_and(|sign| COMPARISONS.contains(&sign)) && number.is_number()
        }
        _ => false,
    };
    (1..=2).contains(&parts.len().div_ceil(2)) && parts.chunks(2).all(is_pair)
}

/// Whether `anything-but` can exclude this. We accept operators, which EventBridge's `anything-but` takes, and let
/// Lambda check them.
fn is_exception(wanted: &Value) -> bool {
    let is_one = |value: &Value| value.is_string() || value.is_number();
    match wanted {
        Value::Array(values) => !values.is_empty() && values.iter().all(is_one),
        Value::Object(operators) => !operators.is_empty(),
        value => is_one(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_pattern_is_sound() {
        for pattern in [
            r#"{"eventName": ["INSERT", "REMOVE"]}"#,
            r#"{"body": {"user": [null], "name": [""], "count": [3], "on": [true]}}"#,
            r#"{"body": ["plain text"]}"#,
            r#"{"body": {"a": [{"equals-ignore-case": "x"}, {"prefix": "y"}, {"suffix": "z"}, {"exists": false}]}}"#,
            r#"{"body": {"a": [{"anything-but": ["x", 1]}], "b": [{"anything-but": "x"}]}}"#,
            r#"{"body": {"a": [{"numeric": ["=", 100]}], "b": [{"numeric": [">", 10, "<=", 20.5]}]}}"#,
            r#"{"$or": [{"a": ["x"]}, {"b": {"c": [{"exists": true}]}}]}"#,
        ] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn what_lambda_refuses_is_a_mistake() {
        for (pattern, says) in [
            ("INSERT", "must be a JSON object"),
            ("[]", "must be a JSON object"),
            ("{}", "a filter is empty"),
            (r#"{"eventName": "INSERT"}"#, "`eventName` in a filter is not a list"),
            (r#"{"body": {"x": []}}"#, "`x` in a filter has an empty list"),
            (r#"{"body": {}}"#, "`body` in a filter is empty"),
            (r#"{"body": {"x": null}}"#, "`x` in a filter is not a list"),
            (r#"{"x": [["a"]]}"#, "a list in its list"),
            (r#"{"x": [{}]}"#, "exactly one operator"),
            (r#"{"x": [{"prefix": "a", "suffix": "b"}]}"#, "exactly one operator"),
            (r#"{"x": [{"prefx": "a"}]}"#, "no operator `prefx`"),
            (r#"{"x": [{"prefix": 1}]}"#, "`prefix` of `x` in a filter takes text"),
            (r#"{"x": [{"exists": "yes"}]}"#, "takes true or false"),
            (r#"{"x": [{"numeric": 5}]}"#, "takes comparisons"),
            (r#"{"x": [{"numeric": []}]}"#, "takes comparisons"),
            (r#"{"x": [{"numeric": [">"]}]}"#, "takes comparisons"),
            (r#"{"x": [{"numeric": ["!=", 5]}]}"#, "takes comparisons"),
            (r#"{"x": [{"anything-but": []}]}"#, "takes a value, or a list of values"),
            (r#"{"$or": ["a"]}"#, "has a list of patterns"),
        ] {
            let (why, _) = check(pattern).expect_err(pattern);
            assert!(why.contains(says), "{pattern}: {why}");
        }
    }
}
