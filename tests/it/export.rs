//! `export openapi`: a third-party validator checks its documents.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::program::User;
use crate::support::python;

const VALIDATOR: &str = "openapi-spec-validator==0.9.0";

/// The validator's complaint about a document; `None` if it is valid OpenAPI 3.0.
fn complaint(file: &Path) -> Option<String> {
    let python = python::installed("openapi", VALIDATOR).join("venv/bin/python");
    let arguments = ["-I", "-m", "openapi_spec_validator", "--schema", "3.0"];
    let checked = Command::new(python).args(arguments).arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    (!checked.status.success()).then_some(said)
}

/// A stack with every kind of route. Its body schema has keywords that OpenAPI 3.0 lacks.
const STACK: &str = r#"
[stack]
name = "orders"
[functions.F]
source = "f"
[pools.Users]
[firewall]
addresses = ["192.0.2.0/24"]
[api]
cors = { origins = ["https://app.example.com"], headers = ["Authorization"], credentials = true }
[[api.routes]]
route = "POST /orders/{id}"
function = "F"
pool = "Users"
body = "order.json"
[[api.routes]]
route = "ANY /orders/{id}"
function = "F"
auth = "iam"
[[api.routes]]
route = "GET /files/{proxy+}"
function = "F"
auth = "none"
[[api.routes]]
route = "GET /"
function = "F"
auth = "none"
parameters = { query = ["from"], headers = ["X-Tenant"] }
[apis.Mobile]
kind = "http"
cors = { origins = ["*"] }
[[apis.Mobile.routes]]
route = "GET /orders"
function = "F"
pool = "Users"
"#;

const SCHEMA: &str = r##"{
  "$schema": "http://json-schema.org/draft-04/schema#",
  "type": ["object", "null"],
  "required": ["lines"],
  "properties": {
    "lines": {"type": "array", "items": {"$ref": "#/definitions/line"}},
    "pair": {"type": "array", "items": [{"type": "string"}, {"type": "integer"}]},
    "note": {"type": ["string", "integer", "null"], "default": "none"},
    "parent": {"$ref": "#"}
  },
  "patternProperties": {"^x-": {"type": "string"}},
  "additionalProperties": false,
  "definitions": {"line": {"type": "object", "properties": {"amount": {"type": "number", "minimum": 0, "exclusiveMinimum": true}}}}
}"##;

/// A user with the stack file, a function and the schema. Nothing is created.
fn user() -> User {
    let user = User::bare();
    user.write("securelambda.toml", STACK);
    user.write("f/index.mjs", "export const handler = async () => ({ statusCode: 200 });\n");
    user.write("order.json", SCHEMA);
    user
}

#[test]
fn every_apis_document_is_valid_and_needs_no_credentials() {
    let user = user();
    user.run(&["export", "openapi", "--out", "inventory"]).ends(0);
    for name in ["api", "Mobile"] {
        let file = user.folder.path().join(format!("inventory/{name}.openapi.json"));
        assert_eq!(complaint(&file), None, "{name}");
    }
    let file = user.folder.path().join("inventory/api.openapi.json");
    let mut document: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(document["paths"].as_object().unwrap().len(), 3);
    // The gateway answers preflight requests itself, also on a path whose route takes every method.
    assert_eq!(document["paths"]["/orders/{id}"]["options"]["security"], json!([]));
    assert_eq!(document["paths"]["/"]["get"]["parameters"].as_array().unwrap().len(), 2);
    // Without its parameter, the path is invalid: the validator can fail.
    document["paths"]["/orders/{id}"]["parameters"] = json!([]);
    std::fs::write(&file, document.to_string()).unwrap();
    assert!(complaint(&file).is_some());
}

#[test]
fn several_apis_are_printed_one_at_a_time() {
    let user = user();
    user.run(&["export", "openapi"]).ends(2).says("the stack has 2 APIs: api, Mobile").says("--api NAME");
    let printed = user.run(&["export", "openapi", "--api", "Mobile"]).ends(0).stdout;
    let document: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(document["info"]["title"], "orders-Mobile");
    user.run(&["export", "openapi", "--api", "mobile"]).ends(2).says("did you mean Mobile?");
}

#[test]
fn the_document_of_a_stack_that_exists_has_its_address() {
    let user = User::with_a_stack();
    let address = user.run(&["outputs", "api.base_url"]).ends(0).stdout;
    let document: Value = serde_json::from_str(&user.run(&["export", "openapi"]).ends(0).stdout).unwrap();
    assert_eq!(document["servers"][0]["url"], address.trim());
    let file = user.folder.path().join("openapi.json");
    std::fs::write(&file, document.to_string()).unwrap();
    assert_eq!(complaint(&file), None);
}
