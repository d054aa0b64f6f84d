//! Body schemas in the form that OpenAPI 3.0 uses. API Gateway takes JSON Schema draft 4; OpenAPI's schema objects lack
//! some of its keywords. Where they do, the result accepts more than the original, never less.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The schema objects for a body schema, by their names in `components`: `model` for the schema itself, and one for each
/// part of it that a reference names.
///
/// # Errors
/// `text` is not JSON.
pub(super) fn components(model: &str, text: &str) -> Result<BTreeMap<String, Value>, serde_json::Error> {
    let root: Value = serde_json::from_str(text)?;
    let mut parts = Parts { model, names: BTreeMap::new(), waiting: Vec::new() };
    let mut found = BTreeMap::new();
    parts.reference("#");
    while let Some((pointer, name)) = parts.waiting.pop() {
        if let Some(part) = root.pointer(&pointer) {
            found.insert(name, parts.schema(part));
        }
    }
    Ok(found)
}

/// The parts of a body schema that become components of their own.
struct Parts<'a> {
    model: &'a str,
    /// The names of the parts, by their JSON pointers.
    names: BTreeMap<String, String>,
    /// The pointers and names of the parts that are not converted yet.
    waiting: Vec<(String, String)>,
}

impl Parts<'_> {
    /// The reference to the component for a part, which is converted later.
    fn reference(&mut self, to: &str) -> Value {
        let pointer = to.trim_start_matches('#');
        let name = if let Some(name) = self.names.get(pointer) {
            name.clone()
        } else {
            let name = self.free_name(pointer);
            self.names.insert(pointer.to_owned(), name.clone());
            self.waiting.push((pointer.to_owned(), name.clone()));
            name
        };
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    /// A name that no other part has: `Model.address` for `/definitions/address`.
    fn free_name(&self, pointer: &str) -> String {
        let steps = pointer.strip_prefix("/definitions").unwrap_or(pointer);
        let allowed = |c: char| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '_' };
        let name = format!("{}{}", self.model, steps.replace('/', ".")).chars().map(allowed).collect::<String>();
        let taken = |name: &String| self.names.values().any(|other| other == name);
        let numbered = (2..).map(|number| format!("{name}{number}"));
        std::iter::once(name.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(name)
    }

    fn schema(&mut self, schema: &Value) -> Value {
        // `additionalProperties` and `additionalItems` may also be true or false.
        let Value::Object(schema) = schema else { return schema.clone() };
        // Draft 4 ignores all keywords beside `$ref`.
        if let Some(Value::String(to)) = schema.get("$ref") {
            return self.reference(to);
        }
        let mut converted = Map::new();
        for (keyword, value) in schema {
            let value = match keyword.as_str() {
                // OpenAPI lacks the first four. The others depend on each other, and follow below.
                "$schema"
                | "id"
                | "definitions"
                | "dependencies"
                | "type"
                | "items"
                | "additionalItems"
                | "additionalProperties"
                | "patternProperties" => continue,
                "properties" => self.each(value),
                "allOf" | "anyOf" | "oneOf" => self.list(value).into(),
                "not" => self.schema(value),
                _ => value.clone(),
            };
            converted.insert(keyword.clone(), value);
        }
        self.items(schema, &mut converted);
        if let Some(additional) = self.additional_properties(schema) {
            converted.insert("additionalProperties".into(), additional);
        }
        types(schema, &mut converted);
        Value::Object(converted)
    }

    fn each(&mut self, schemas: &Value) -> Value {
        let schemas = schemas.as_object().into_iter().flatten();
        schemas.map(|(name, schema)| (name.clone(), self.schema(schema))).collect::<Map<_, _>>().into()
    }

    fn list(&mut self, schemas: &Value) -> Vec<Value> {
        schemas.as_array().into_iter().flatten().map(|schema| self.schema(schema)).collect()
    }

    /// A list of schemas, one for each position, becomes one schema that each item matches.
    fn items(&mut self, schema: &Map<String, Value>, converted: &mut Map<String, Value>) {
        let items = match schema.get("items") {
            None => return,
            Some(Value::Array(_)) => {
                let mut any = self.list(&schema["items"]);
                match schema.get("additionalItems") {
                    Some(Value::Bool(false)) => {
                        let stated = schema.get("maxItems").and_then(Value::as_u64).unwrap_or(u64::MAX);
                        let positions = u64::try_from(any.len()).unwrap_or(u64::MAX);
                        converted.insert("maxItems".into(), stated.min(positions).into());
                    }
                    Some(more @ Value::Object(_)) => any.push(self.schema(more)),
                    _ => any.push(json!({})),
                }
                json!({ "anyOf": any })
            }
            Some(one) => self.schema(one),
        };
        converted.insert("items".into(), items);
    }

    /// A property whose name matches a pattern counts as an additional one.
    fn additional_properties(&mut self, schema: &Map<String, Value>) -> Option<Value> {
        let additional = schema.get("additionalProperties");
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        let Some(patterns) = patterns.filter(|patterns| !patterns.is_empty()) else {
            return additional.map(|additional| self.schema(additional));
        };
        let mut any: Vec<Value> = patterns.values().map(|schema| self.schema(schema)).collect();
        match additional {
            None | Some(Value::Bool(true)) => return Some(true.into()),
            Some(Value::Object(_)) => any.push(self.schema(&schema["additionalProperties"])),
            Some(_) => {}
        }
        Some(json!({ "anyOf": any }))
    }
}

/// OpenAPI 3.0 takes one type, and says `nullable` instead of the type `null`.
fn types(schema: &Map<String, Value>, converted: &mut Map<String, Value>) {
    let names: Vec<&str> = match schema.get("type") {
        None => return,
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        Some(name) => name.as_str().into_iter().collect(),
    };
    let nullable = names.contains(&"null");
    let others: Vec<&str> = names.into_iter().filter(|name| *name != "null").collect();
    match others.as_slice() {
        [] => {
            converted.insert("type".into(), "string".into());
            converted.insert("enum".into(), json!([null]));
        }
        [one] => {
            converted.insert("type".into(), (*one).into());
            if *one == "array" {
                converted.entry("items").or_insert_with(|| json!({}));
            }
        }
        several => {
            let one = |name: &&str| match *name {
                "array" => json!({ "type": "array", "items": converted.get("items").cloned().unwrap_or(json!({})) }),
                other => json!({ "type": other }),
            };
            let mut any: Vec<Value> = several.iter().map(one).collect();
            if nullable {
                any[0]["nullable"] = true.into();
            }
            converted.remove("items");
            let any = json!({ "anyOf": any });
            match converted.get_mut("allOf").and_then(Value::as_array_mut) {
                Some(all) => all.push(any),
                None => drop(converted.insert("allOf".into(), json!([any]))),
            }
            return;
        }
    }
    if nullable {
        converted.insert("nullable".into(), true.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(schema: &Value) -> Value {
        let mut all = components("M", &schema.to_string()).expect("JSON");
        all.remove("M").expect("the schema itself")
    }

    #[test]
    fn the_type_null_becomes_nullable() {
        assert_eq!(converted(&json!({"type": ["string", "null"]})), json!({"type": "string", "nullable": true}));
        assert_eq!(converted(&json!({"type": "null"})), json!({"type": "string", "enum": [null], "nullable": true}));
        assert_eq!(
            converted(&json!({"type": ["integer", "array", "null"], "minimum": 1, "items": {"type": "string"}})),
            json!({"minimum": 1, "allOf": [{"anyOf": [
                {"type": "integer", "nullable": true},
                {"type": "array", "items": {"type": "string"}},
            ]}]})
        );
        assert_eq!(converted(&json!({"type": "array"})), json!({"type": "array", "items": {}}));
    }

    #[test]
    fn keywords_that_openapi_lacks_become_wider_ones() {
        let tuple =
            json!({"type": "array", "items": [{"type": "string"}, {"type": "integer"}], "additionalItems": false});
        assert_eq!(
            converted(&tuple),
            json!({"type": "array", "maxItems": 2, "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}})
        );
        let open = json!({"items": [{"type": "string"}]});
        assert_eq!(converted(&open), json!({"items": {"anyOf": [{"type": "string"}, {}]}}));
        let patterns = json!({"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": false});
        assert_eq!(converted(&patterns), json!({"additionalProperties": {"anyOf": [{"type": "string"}]}}));
        let any = json!({"patternProperties": {"^x-": {"type": "string"}}});
        assert_eq!(converted(&any), json!({"additionalProperties": true}));
        let others =
            json!({"$schema": "http://json-schema.org/draft-04/schema#", "id": "a", "dependencies": {"a": ["b"]}});
        assert_eq!(converted(&others), json!({}));
    }

    #[test]
    fn each_part_that_a_reference_names_becomes_a_component() {
        let schema = json!({
            "properties": {
                "home": {"$ref": "#/definitions/address", "title": "ignored"},
                "work": {"$ref": "#/properties/home"},
                "self": {"$ref": "#"},
            },
            "definitions": {"address": {"properties": {"next": {"$ref": "#/definitions/address"}}}},
        });
        let to = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
        let all = components("M", &schema.to_string()).expect("JSON");
        assert_eq!(all.keys().collect::<Vec<_>>(), ["M", "M.address", "M.properties.home"]);
        assert_eq!(
            all["M"],
            json!({"properties": {"home": to("M.address"), "work": to("M.properties.home"), "self": to("M")}})
        );
        assert_eq!(all["M.address"], json!({"properties": {"next": to("M.address")}}));
        assert_eq!(all["M.properties.home"], to("M.address"));
    }

    #[test]
    fn parts_whose_names_would_be_equal_are_numbered() {
        let schema = json!({
            "allOf": [{"$ref": "#/definitions/a b"}, {"$ref": "#/definitions/a_b"}],
            "definitions": {"a b": {"minimum": 1}, "a_b": {"minimum": 2}},
        });
        let all = components("M", &schema.to_string()).expect("JSON");
        assert_eq!((&all["M.a_b"], &all["M.a_b2"]), (&json!({"minimum": 1}), &json!({"minimum": 2})));
    }

    #[test]
    fn a_property_that_is_called_like_a_keyword_is_kept() {
        let schema = json!({"properties": {"$ref": {"type": "string"}, "definitions": {"type": "null"}}});
        let properties = converted(&schema)["properties"].clone();
        assert_eq!(properties["$ref"], json!({"type": "string"}));
        assert_eq!(properties["definitions"]["nullable"], json!(true));
    }
}
