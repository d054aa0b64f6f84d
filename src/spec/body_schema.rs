//! Checks body schemas: API Gateway accepts draft 4 of JSON Schema, up to 400 KB (docs/aws.md, Request bodies). It
//! refuses keywords of later drafts, or ignores them.

use serde_json::{Map, Value};

/// The largest schema of a model, in bytes.
const MAX_SCHEMA: usize = 400 * 1024;

const DRAFT_4: [&str; 2] = ["http://json-schema.org/draft-04/schema", "http://json-schema.org/schema"];

const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// A message, and perhaps a suggestion.
type Wrong = (String, Option<String>);

/// All mistakes of a body schema. The list is empty if API Gateway would accept it.
pub fn check_body_schema(text: &str) -> Vec<Wrong> {
    if text.len() > MAX_SCHEMA {
        return vec![(format!("the schema has {} bytes; API Gateway allows {MAX_SCHEMA}", text.len()), None)];
    }
    let schema: Value = match serde_json::from_str(text) {
        Ok(schema) => schema,
        Err(why) => return vec![(format!("invalid JSON: {why}"), None)],
    };
    let Value::Object(object) = &schema else {
        return vec![("a schema must be a JSON object".to_owned(), None)];
    };
    let mut check = SchemaCheck { root: &schema, wrong: Vec::new() };
    if let Some(named) = object.get("$schema") {
        let known = named.as_str().is_some_and(|named| DRAFT_4.contains(&named.trim_end_matches('#')));
        if !known {
            let help = format!("set \"$schema\": \"{}#\", or remove it", DRAFT_4[0]);
            check.wrong.push((format!("$schema is {named}, but API Gateway supports draft 4 only"), Some(help)));
        }
    }
    check.schema(object, "");
    check.wrong
}

struct SchemaCheck<'a> {
    root: &'a Value,
    wrong: Vec<Wrong>,
}

/// The values that a keyword of draft 4 takes.
enum Holds {
    Schema,
    Schemas,
    NamedSchemas,
    SchemaOrSchemas,
    SchemaOrFlag,
    SchemasOrNames,
    Text,
    Flag,
    Number,
    Count,
    Names,
    Types,
    List,
    Reference,
    Anything,
}

fn holds(keyword: &str) -> Option<Holds> {
    Some(match keyword {
        "not" => Holds::Schema,
        "allOf" | "anyOf" | "oneOf" => Holds::Schemas,
        "properties" | "patternProperties" | "definitions" => Holds::NamedSchemas,
        "items" => Holds::SchemaOrSchemas,
        "additionalProperties" | "additionalItems" => Holds::SchemaOrFlag,
        "dependencies" => Holds::SchemasOrNames,
        "$schema" | "id" | "title" | "description" | "pattern" | "format" => Holds::Text,
        "uniqueItems" | "exclusiveMinimum" | "exclusiveMaximum" => Holds::Flag,
        "minimum" | "maximum" | "multipleOf" => Holds::Number,
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => Holds::Count,
        "required" => Holds::Names,
        "type" => Holds::Types,
        "enum" => Holds::List,
        "$ref" => Holds::Reference,
        "default" => Holds::Anything,
        _ => return None,
    })
}

/// Frequent keywords, for suggestions.
const OFTEN: [&str; 16] = [
    "properties",
    "required",
    "type",
    "items",
    "enum",
    "pattern",
    "description",
    "title",
    "format",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "additionalProperties",
];

/// The equivalents of later drafts' keywords in draft 4.
fn instead(keyword: &str) -> Option<&'static str> {
    Some(match keyword {
        "const" => "write \"enum\" with one value",
        "$id" => "draft 4 calls it \"id\"",
        "$defs" => "draft 4 calls it \"definitions\"",
        "examples" | "example" | "$comment" => "put it into \"description\"",
        "nullable" => "write \"type\": [\"string\", \"null\"], with the type of the property in place of \"string\"",
        "if" | "then" | "else" | "contains" | "propertyNames" | "dependentRequired" | "dependentSchemas" => {
            "draft 4 has no equivalent; validate this in the function"
        }
        _ => return None,
    })
}

impl SchemaCheck<'_> {
    fn schema(&mut self, schema: &Map<String, Value>, at: &str) {
        for (keyword, value) in schema {
            let place = format!("{at}/{keyword}");
            if let Some(holds) = holds(keyword) {
                self.keyword(&holds, value, &place);
            } else {
                let near = || crate::spelling::nearest(keyword, &OFTEN).map(|near| format!("did you mean \"{near}\"?"));
                let help = instead(keyword).map(str::to_owned).or_else(near);
                self.wrong.push((format!("{place} is not a keyword of JSON Schema draft 4"), help));
            }
        }
    }

    fn sub(&mut self, value: &Value, at: &str) {
        match value.as_object() {
            Some(schema) => self.schema(schema, at),
            None => self.wrong.push((format!("{at} must be a schema, which is an object"), None)),
        }
    }

    fn keyword(&mut self, holds: &Holds, value: &Value, at: &str) {
        let is_name = |value: &Value| value.is_string();
        let fits = match (holds, value) {
            (Holds::Schema, _) | (Holds::SchemaOrSchemas | Holds::SchemaOrFlag, Value::Object(_)) => {
                return self.sub(value, at);
            }
            (Holds::Schemas | Holds::SchemaOrSchemas, Value::Array(schemas)) if !schemas.is_empty() => {
                for (index, schema) in schemas.iter().enumerate() {
                    self.sub(schema, &format!("{at}/{index}"));
                }
                return;
            }
            (Holds::NamedSchemas, Value::Object(schemas)) => {
                for (name, schema) in schemas {
                    self.sub(schema, &format!("{at}/{name}"));
                }
                return;
            }
            (Holds::SchemasOrNames, Value::Object(by_name)) => {
                for (name, value) in by_name.iter().filter(|(_, value)| !value.is_array()) {
                    self.sub(value, &format!("{at}/{name}"));
                }
                return;
            }
            (Holds::SchemaOrFlag | Holds::Flag, Value::Bool(_))
            | (Holds::Text, Value::String(_))
            | (Holds::Number, Value::Number(_))
            | (Holds::Anything, _) => true,
            (Holds::Count, value) => value.as_u64().is_some(),
            (Holds::Names, Value::Array(names)) => !names.is_empty() && names.iter().all(is_name),
            (Holds::List, Value::Array(values)) => !values.is_empty(),
            (Holds::Types, Value::String(name)) => TYPES.contains(&name.as_str()),
            (Holds::Types, Value::Array(names)) => {
                !names.is_empty() && names.iter().all(|name| name.as_str().is_some_and(|name| TYPES.contains(&name)))
            }
            (Holds::Reference, Value::String(to)) => return self.reference(to, at),
            _ => false,
        };
        if !fits {
            let wanted = match holds {
                Holds::Schema | Holds::SchemaOrSchemas => "a schema",
                Holds::Schemas => "a list of one or more schemas",
                Holds::NamedSchemas | Holds::SchemasOrNames => "an object of schemas",
                Holds::SchemaOrFlag => "a schema, true or false",
                Holds::Flag => "true or false",
                Holds::Number => "a number",
                Holds::Count => "a whole number",
                Holds::Names => "a list of one or more names",
                Holds::List => "a list of one or more values",
                Holds::Types => "one of array, boolean, integer, null, number, object, string, or a list of them",
                Holds::Text | Holds::Reference | Holds::Anything => "a string",
            };
            self.wrong.push((format!("{at} must be {wanted}"), None));
        }
    }

    fn reference(&mut self, to: &str, at: &str) {
        let found = to.strip_prefix('#').is_some_and(|pointer| self.root.pointer(pointer).is_some());
        if !found {
            let message = if to.starts_with('#') {
                format!("{at} refers to {to}, which does not exist")
            } else {
                format!("{at} refers to {to}, which is outside of the file")
            };
            self.wrong.push((message, Some("refer to a part of this file, as in \"#/definitions/name\"".into())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Vec<String> {
        check_body_schema(text).into_iter().map(|(message, _)| message).collect()
    }

    #[test]
    fn a_schema_of_draft_4_has_no_mistakes() {
        let schema = r##"{"$schema":"http://json-schema.org/draft-04/schema#","type":"object","required":["a"],
            "properties":{"a":{"$ref":"#/definitions/a"},"const":{"type":["string","null"]},"b":{"items":[{"enum":[1]}]}},
            "definitions":{"a":{"anyOf":[{"minimum":1,"exclusiveMinimum":true}]}},"additionalProperties":false}"##;
        assert_eq!(wrong(schema), Vec::<String>::new());
        assert_eq!(wrong("{}"), Vec::<String>::new());
    }

    #[test]
    fn all_mistakes_of_a_schema_are_reported() {
        let schema = r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"objekt","propertys":{},
            "properties":{"a":{"const":1},"b":true,"c":{"$ref":"#/nowhere"},"d":{"$ref":"other.json"}},
            "required":[],"exclusiveMinimum":3,"minLength":-1,"items":[],"oneOf":{}}"##;
        let mut told = wrong(schema);
        told.sort();
        assert_eq!(told.len(), 12, "{told:#?}");
        assert!(told.iter().any(|message| message == "/properties/a/const is not a keyword of JSON Schema draft 4"));
        assert_eq!(wrong("[]"), ["a schema must be a JSON object"]);
        assert!(wrong("{")[0].starts_with("invalid JSON: EOF"));
        assert!(wrong(&format!("{{\"title\":\"{}\"}}", "x".repeat(MAX_SCHEMA)))[0].starts_with("the schema has 4096"));
    }
}
