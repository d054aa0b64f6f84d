//! The stack file's JSON schema, for editors: written from the same table that the parser reads by.

use serde_json::{Map, Value, json};

use super::keys::{Holds, Key, NAME, ROOT, Section, VARIABLE};

/// The schema, in draft 7, which editors' TOML plugins know.
pub fn json_schema() -> Value {
    let mut schema = table(&ROOT);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("A stack of securelambda's");
    schema
}

fn table(section: &Section) -> Value {
    let properties: Map<String, Value> = section.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = section.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut table = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        table["required"] = json!(required);
    }
    let alone = |name: &str| json!({ "required": [name] });
    match section.what {
        // Who may call is always said, in one of the two ways.
        "a route" => table["oneOf"] = json!([alone("pool"), alone("auth")]),
        "a secret's value" | "a variable" => {
            table["minProperties"] = json!(1);
            table["maxProperties"] = json!(1);
        }
        _ => {}
    }
    table
}

fn property(key: &Key) -> Value {
    let mut property = match key.holds {
        Holds::Text => json!({ "type": "string", "pattern": "\\S" }),
        Holds::Form(pattern) => json!({ "type": "string", "pattern": pattern }),
        Holds::Word(words) => json!({ "enum": words }),
        Holds::Number(from, to) => json!({ "type": "integer", "minimum": from, "maximum": to }),
        Holds::OneOf(numbers) => json!({ "enum": numbers }),
        Holds::Flag => json!({ "type": "boolean" }),
        Holds::True => json!({ "enum": [true] }),
        Holds::Texts => json!({ "type": "array", "items": { "type": "string" }, "uniqueItems": true }),
        Holds::Words(words) => json!({ "type": "array", "items": { "enum": words }, "uniqueItems": true }),
        Holds::Variables(from) => named(&json!({ "anyOf": [{ "type": "string" }, table(from)] }), VARIABLE),
        Holds::Auth(from) => json!({ "anyOf": [{ "enum": ["none", "iam"] }, table(from)] }),
        Holds::Table(section) => table(section),
        Holds::Tables(section) => json!({ "type": "array", "items": table(section), "minItems": 1 }),
        Holds::Named(form, section) => named(&table(section), form),
        Holds::Secrets(value) => {
            named(&json!({ "type": "object", "additionalProperties": table(value), "minProperties": 1 }), NAME)
        }
    };
    property["description"] = json!(key.about);
    if let Some(default) = key.default.and_then(|default| serde_json::from_str::<Value>(default).ok()) {
        property["default"] = default;
    }
    property
}

/// Names of the user's choice, in this form, each with the same kind of thing.
fn named(thing: &Value, pattern: &str) -> Value {
    json!({ "type": "object", "patternProperties": { pattern: thing }, "additionalProperties": false })
}
