//! Functions whose code is a container image: their creation, the detection of another image, and refused changes.

use serde_json::json;

use crate::support::botocore::{accepted, call};
use crate::support::emulator::{account, endpoint};
use crate::support::program::User;

const REPOSITORY: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/resize";

fn uri(digit: &str) -> String {
    format!("{REPOSITORY}@sha256:{}", digit.repeat(64))
}

fn written(user: &User, code: &str) {
    let file = format!(
        "[stack]\nname = \"pictures\"\n[functions.Resize]\n{code}\nmemory_mb = 1024\ntimeout_s = 20\n\
         allow = [{{ actions = [\"s3:GetObject\"], resources = [\"arn:{{partition}}:s3:::photos/in/a\"] }}]\n\
         [[functions.Resize.triggers]]\nservice = \"s3.amazonaws.com\"\nsource_arn = \"arn:aws:s3:::photos-123456789012\"\n"
    );
    user.write("securelambda.toml", &file);
}

fn owner(code: &str) -> User {
    let user = User::of(&account(), &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.write("f/index.mjs", "export const handler = async () => ({});\n");
    written(&user, code);
    user
}

#[test]
fn a_function_runs_the_image_of_the_stack_file_and_no_other() {
    let user = owner(&format!("image = \"{}\"", uri("a")));
    user.run(&["plan"]).ends(0);
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    let named = json!({ "FunctionName": "pictures-Resize" });
    let function = accepted(&user, "lambda", "get_function", &named);
    assert_eq!(function["Configuration"]["PackageType"], "Image", "{function}");
    assert_eq!(function["Code"]["ImageUri"], uri("a"), "{function}");

    let other = json!({ "FunctionName": "pictures-Resize", "ImageUri": uri("b") });
    accepted(&user, "lambda", "update_function_code", &other);
    let status = user.run(&["status", "--json"]).ends(0).json();
    let row =
        status["resources"].as_array().unwrap().iter().find(|row| row["id"] == "function.Resize").unwrap().clone();
    let drift = row["drift"].as_array().unwrap();
    assert!(drift.iter().any(|one| one["field"] == "Code.ImageUri" && one["weakens"] == true), "{row}");
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(accepted(&user, "lambda", "get_function", &named)["Code"]["ImageUri"], uri("a"));

    // AWS cannot change a function from a container image to a zip archive.
    written(&user, "source = \"f\"");
    let plan = user.run(&["plan"]).ends(4);
    assert!(plan.stdout.contains("AWS cannot change PackageType"), "{}", plan.stdout);
    user.run(&["down", "--yes"]).ends(0);
    assert!(call(&user, "lambda", "get_function", &named).get("Error").is_some());
}

#[test]
fn an_image_of_another_region_is_a_mistake() {
    let user = owner(&format!("image = \"{}\"", uri("a").replace("eu-central-1", "eu-west-1")));
    user.run(&["plan"]).ends(2).says("the image is in eu-west-1, but the stack is in eu-central-1");
}
