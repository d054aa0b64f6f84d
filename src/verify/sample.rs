//! Generates bodies for a JSON schema: a minimal valid one and an invalid one.
//!
//! It supports the usual keywords. For other keywords, such as `pattern`, the generated body may be invalid. The check
//! that sends it shows the answer of the gateway.

use serde_json::{Map, Value, json};

/// The maximum depth of nested references.
const DEPTH: usize = 16;

/// A valid body, with `marker` in every string without a format.
pub fn satisfying(schema: &Value, marker: &str) -> Value {
    build(schema, schema, marker, DEPTH)
}

/// An invalid body that contains `marker`; `None` if the schema allows every body.
pub(super) fn breaking(schema: &Value, marker: &str) -> Option<String> {
    let is_object = kind(schema) == "object";
    if is_object && schema.get("additionalProperties") == Some(&json!(false)) {
        let mut body = satisfying(schema, marker);
        body["securelambda-verify"] = json!(marker);
        return Some(body.to_string());
    }
    let required = schema.get("required").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
    match kind(schema) {
        "object" if !required => Some(json!([marker]).to_string()),
        "" => None,
        _ => Some(json!({ "securelambda-verify": marker }).to_string()),
    }
}

fn build(schema: &Value, root: &Value, marker: &str, depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return target.map_or(Value::Null, |target| build(target, root, marker, depth));
    }
    if let Some(value) = schema.get("const").or_else(|| schema.pointer("/enum/0")) {
        return value.clone();
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        if let Some(first) = schema.get(choice).and_then(|all| all.get(0)) {
            return build(first, root, marker, depth);
        }
    }
    match kind(schema) {
        "string" => Value::String(string(schema, marker)),
        "integer" | "number" => number(schema),
        "boolean" => json!(true),
        "array" => {
            let count = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
            let item = build(schema.get("items").unwrap_or(&Value::Null), root, marker, depth);
            Value::Array((0..count.min(100)).map(|_| item.clone()).collect())
        }
        "null" => Value::Null,
        _ => {
            let mut object = Map::new();
            for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
                let Some(name) = name.as_str() else { continue };
                let property = schema.get("properties").and_then(|all| all.get(name)).unwrap_or(&Value::Null);
                object.insert(name.to_owned(), build(property, root, marker, depth));
            }
            Value::Object(object)
        }
    }
}

/// The type of a schema or its first type. A schema with properties is an object.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::Array(several)) => several.first().and_then(Value::as_str).unwrap_or_default(),
        Some(kind) => kind.as_str().unwrap_or_default(),
        None if schema.get("properties").is_some() => "object",
        None => "",
    }
}

fn string(schema: &Value, marker: &str) -> String {
    let known = match schema.get("format").and_then(Value::as_str) {
        Some("email") => Some("verify@example.com"),
        Some("date") => Some("2026-01-01"),
        Some("date-time") => Some("2026-01-01T00:00:00Z"),
        Some("uri") => Some("https://example.com/"),
        Some("uuid") => Some("00000000-0000-4000-8000-000000000000"),
        _ => None,
    };
    if let Some(text) = known {
        return text.to_owned();
    }
    let length = |field: &str| schema.get(field).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let mut text: String = marker.chars().take(length("maxLength").unwrap_or(usize::MAX)).collect();
    let missing = length("minLength").unwrap_or(0).saturating_sub(text.chars().count());
    text.extend(std::iter::repeat_n('-', missing));
    text
}

fn number(schema: &Value) -> Value {
    let bound = |field: &str| schema.get(field).and_then(Value::as_i64);
    // In draft 4, which API Gateway uses, `exclusiveMinimum` is a flag for `minimum`.
    let above = i64::from(schema.get("exclusiveMinimum") == Some(&json!(true)));
    let least =
        bound("minimum").map(|least| least + above).or_else(|| bound("exclusiveMinimum").map(|least| least + 1));
    json!(least.unwrap_or(0).min(bound("maximum").unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKER: &str = "securelambda-verify-0123456789abcdef";

    #[test]
    fn bodies_for_the_built_in_schema_contain_the_marker() {
        let schema = serde_json::from_str(include_str!("../../lambdas/external/request.schema.json")).expect("JSON");
        assert_eq!(satisfying(&schema, MARKER), json!({ "name": MARKER }));
        let broken = breaking(&schema, MARKER).expect("it can be broken");
        assert!(broken.contains("\"securelambda-verify\":"), "{broken}");
    }

    #[test]
    fn a_valid_body_has_the_smallest_value_of_each_type() {
        let schema = json!({
            "type": "object",
            "required": ["a", "b", "c", "d", "e", "f", "g"],
            "properties": {
                "a": { "type": "string", "minLength": 40 },
                "b": { "type": "integer", "minimum": 3, "exclusiveMinimum": true },
                "c": { "enum": ["red", "green"] },
                "d": { "type": "array", "minItems": 2, "items": { "$ref": "#/definitions/flag" } },
                "e": { "type": "string", "format": "email" },
                "f": { "oneOf": [{ "type": "number", "maximum": -1 }, { "type": "null" }] },
                "g": { "type": ["string", "null"], "maxLength": 5 },
                "optional": { "type": "string" },
            },
            "definitions": { "flag": { "type": "boolean" } },
        });
        let want = json!({
            "a": format!("{MARKER}----"), "b": 4, "c": "red", "d": [true, true], "e": "verify@example.com",
            "f": -1, "g": "secur",
        });
        assert_eq!(satisfying(&schema, MARKER), want);
        let broken = breaking(&schema, MARKER);
        assert_eq!(broken, Some(json!({ "securelambda-verify": MARKER }).to_string()));
    }

    #[test]
    fn a_schema_that_allows_everything_has_no_invalid_body_and_recursion_ends() {
        assert_eq!(breaking(&json!({}), MARKER), None);
        let list = breaking(&json!({ "type": "object" }), MARKER);
        assert_eq!(list, Some(json!([MARKER]).to_string()));
        assert!(breaking(&json!({ "type": "array" }), MARKER).is_some_and(|body| body.starts_with('{')));
        let endless = json!({ "type": "object", "required": ["next"], "properties": { "next": { "$ref": "#" } } });
        assert!(satisfying(&endless, MARKER).is_object());
    }
}
