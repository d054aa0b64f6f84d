//! The stack file's JSON schema, for editors. It is made from the same declarations of keys that the reader uses.

use serde_json::{Map, Value, json};

use super::environments;
use super::field::{Holds, Key};
use super::rules::NAME;
use super::section::{Choice, Section};
use super::sections::{ENVIRONMENTS, ROOT, SETTINGS, VARIABLE};
use super::tags;

/// The schema, in draft 7, which editors' TOML plugins know.
pub fn json_schema() -> Value {
    let mut schema = table(&ROOT);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("A stack of securelambda's");
    schema
}

fn table(section: &'static dyn Section) -> Value {
    let keys = section.keys();
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut table = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        table["required"] = json!(required);
    }
    match section.choice() {
        Choice::Free => {}
        Choice::OneKey => {
            table["minProperties"] = json!(1);
            table["maxProperties"] = json!(1);
        }
        Choice::OneOf(groups) => {
            let one_of =
                |names: &&[&str]| -> Value { names.iter().map(|name| json!({ "required": [name] })).collect() };
            match groups {
                [only] => table["oneOf"] = one_of(only),
                several => table["allOf"] = several.iter().map(|names| json!({ "oneOf": one_of(names) })).collect(),
            }
        }
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
        Holds::Auth(words, from) => json!({ "anyOf": [{ "enum": words }, table(from)] }),
        Holds::Reasons | Holds::NamedTexts => {
            json!({ "type": "object", "additionalProperties": { "type": "string", "pattern": "\\S" } })
        }
        Holds::Lists => {
            let list = json!({ "type": "array", "items": { "type": "string" }, "minItems": 1, "uniqueItems": true });
            json!({ "type": "object", "additionalProperties": list })
        }
        Holds::Tags => json!({
            "type": "object",
            "maxProperties": tags::MOST,
            "propertyNames": { "pattern": tags::KEY },
            "additionalProperties": { "type": "string", "pattern": tags::VALUE },
        }),
        Holds::Conditions => {
            let value = json!({ "type": ["string", "boolean", "integer"] });
            let values = json!({ "anyOf": [value, { "type": "array", "items": value, "minItems": 1 }] });
            json!({ "type": "object", "additionalProperties": { "type": "object", "additionalProperties": values } })
        }
        Holds::Environments => {
            let keys = ROOT.keys().into_iter().filter(|key| key.name != ENVIRONMENTS.key.name);
            let keys: Map<String, Value> = keys.map(|key| (key.name.to_owned(), json!({}))).collect();
            named(&json!({ "type": "object", "properties": keys, "additionalProperties": false }), environments::NAME)
        }
        Holds::Table(section) => table(section),
        Holds::Tables(section) => json!({ "type": "array", "items": table(section), "minItems": 1 }),
        Holds::NamedTables(section) => {
            let list = json!({ "type": "array", "items": table(section), "minItems": 1 });
            json!({ "type": "object", "additionalProperties": list })
        }
        Holds::Named(names, section) => named(&table(section), names.form),
        Holds::Secrets(value, settings) => {
            let either = json!({ "anyOf": [table(value), table(settings)] });
            let secret = json!({
                "type": "object",
                "properties": { SETTINGS: either },
                "additionalProperties": table(value),
                "minProperties": 1,
            });
            named(&secret, NAME.form)
        }
    };
    let hardened = key.hardened_default();
    let hardened = hardened.map(|default| format!(" With posture = \"hardened\", the default is {default}."));
    property["description"] = json!(format!("{}{}", key.about, hardened.unwrap_or_default()));
    if let Some(default) = key.default() {
        property["default"] = default;
    }
    property
}

/// Names chosen by the user that match the pattern, each with the same kind of value.
fn named(value: &Value, pattern: &str) -> Value {
    json!({ "type": "object", "patternProperties": { pattern: value }, "additionalProperties": false })
}
