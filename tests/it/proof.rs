//! Verdicts that `verify` must not give: it does not fail a sound stack, it does not pass a check that it did not try,
//! and it gives no verdict without credentials.
//!
//! Earlier versions of the proof gave wrong verdicts, and the operator's policies gave access to other stacks. Each of
//! these bugs has a test:
//!
//! | Bug | Test |
//! |---|---|
//! | open policies of a topic and a secret, an open function URL, an open statement, a second client: `status`, `plan` and `verify` saw nothing | here: `holes_that_give_access_are_in_status_plan_and_the_proof`; each kind: `access`, `function_access`, `pools`, `gateway_holes` |
//! | `aws:SourceAccount` in a trust, the permission to send traces, reported as weakening | `access::HOLES`, `policy::judge` |
//! | a geo rule reported as weakening, and removed, without a key for it in the stack file | `firewall::hardening_by_hand_is_kept_once_the_stack_file_has_it` |
//! | a KMS permission reported as weakening, without a key for it in the stack file | `keys::the_key_of_the_stack_file_encrypts_everything_and_is_put_back` |
//! | shorter tokens, and sign-in only by SRP, reported as drift, without keys for them in the stack file | `pools::what_somebody_hardened_differs_and_does_not_weaken` |
//! | "a user can sign in" on an emulator that asks for no code | here: `a_required_second_factor_is_not_claimed_on_an_emulator` |
//! | a firewall that passes on an emulator that does not filter | `firewall::verify_proves_the_firewall_by_its_values`, `verify::firewall` |
//! | a token with a broken signature sent instead of an expired token | `verify::expiry`, `verify::classify::an_http_api_must_say_that_a_token_has_expired` |
//! | "every layer holds" without mention of the emulator or of checks that were not tried | here: `every_text_says_first_that_the_endpoint_is_an_emulator`; `report::proof::a_layer_is_not_said_to_hold_without_saying_what_was_not_tried` |
//! | a function's own 403 or 401 taken for the gateway's | here: `a_function_that_refuses_its_user_itself_has_accepted_the_token`; `verify::classify::a_token_is_accepted_if_the_request_reaches_the_function` |
//! | probes of paths that another entry of `invokes`, or `{proxy+}`, allows | here: `no_probe_asks_for_what_another_route_allows`, `a_greedy_route_leaves_no_path_to_probe` |
//! | four false failures after the web ACL's association was removed | `verify::verify_names_every_damage_and_up_repairs_it` |
//! | passing tokens sent to handlers that change data; no route can be left out | here: `routes_that_change_data_are_called_only_if_the_stack_file_says_so` |
//! | evidence that repeats the claim | `function_access::verify_fails_while_others_can_call_a_function_and_shows_what_it_read`, `firewall::verify_proves_the_firewall_by_its_values` |
//! | credentials that expire half-way | here: `credentials_that_expire_half_way_give_no_verdict_and_the_next_run_removes_the_user` |
//! | an answer of the proxy taken for the function's | `network::an_answer_of_the_proxy_is_not_taken_for_the_routes_answer`, `verify::reach::an_api_that_answered_no_request_fails` |
//! | a firewall that lets every request pass, without a note | `verify::firewall::the_summary_says_whether_the_firewall_blocks_nothing` |
//! | the operator's policy gave access to stacks with the same name prefix, to clients of other pools, and, by tagging, to pools and APIs | `operator::the_policy_allows_the_programs_calls_and_little_else`, `operator::the_policy_forbids_tagging_foreign_resources_and_reading_secrets` |

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::default_account::default_account;
use crate::support::emulator::endpoint;
use crate::support::program::{CommandOutput, User};
use crate::support::proxy::{AwsRequest, CallOutcome, Fault, Proxy};

fn checks(ran: &CommandOutput) -> Vec<Value> {
    let lines = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.filter(|line: &Value| line["type"] == "check").collect()
}

/// The check with this name: `<subject>: <claim>`.
#[track_caller]
fn check(ran: &CommandOutput, name: &str) -> Value {
    let all = checks(ran);
    let named = |check: &&Value| {
        format!("{}: {}", check["subject"].as_str().unwrap(), check["claim"].as_str().unwrap()) == name
    };
    let found = all.iter().find(named).cloned();
    found.unwrap_or_else(|| panic!("no check {name}:\n{}", ran.stdout))
}

fn verdict(ran: &CommandOutput, name: &str) -> String {
    check(ran, name)["verdict"].as_str().unwrap().to_owned()
}

/// A stack whose function answers every request with this status and body.
fn answering(routes: &str, status: u16, body: &str) -> User {
    let user = User::of("test", &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.05");
    let head = "[stack]\nname = \"honest\"\n[functions.F]\nsource = \"f\"\n[pools.People]\n[api]\n";
    user.write("securelambda.toml", &format!("{head}{routes}"));
    let answer = json!({ "statusCode": status, "body": body });
    user.write("f/index.mjs", &format!("export const handler = async () => ({answer});\n"));
    user.run(&["up", "--yes"]).ends(0);
    user
}

fn route(route: &str, more: &str) -> String {
    format!("[[api.routes]]\nroute = \"{route}\"\nfunction = \"F\"\n{more}\n")
}

#[test]
fn credentials_that_expire_half_way_give_no_verdict_and_the_next_run_removes_the_user() {
    let _alone = default_account();
    let expired = Arc::new(AtomicBool::new(false));
    // From the first sign-in on, AWS accepts no signed call.
    let faults = {
        let expired = Arc::clone(&expired);
        move |asked: &AwsRequest| {
            if expired.load(Ordering::Relaxed) && !asked.service.is_empty() && asked.operation != "InitiateAuth" {
                let words = "The security token included in the request is expired";
                return CallOutcome::Refused(Fault::new(400, "ExpiredTokenException", words));
            }
            CallOutcome::Passed
        }
    };
    let watched = Arc::clone(&expired);
    let armed = Arc::new(AtomicBool::new(false));
    let arm = Arc::clone(&armed);
    let faults = move |asked: &AwsRequest| {
        let outcome = faults(asked);
        if arm.load(Ordering::Relaxed) && asked.operation == "InitiateAuth" {
            watched.store(true, Ordering::Relaxed);
        }
        outcome
    };
    let proxy = Proxy::with_faults(&endpoint(), Duration::ZERO, Arc::new(faults));
    let user = User::of("test", &proxy.endpoint);
    user.run(&["up", "--yes"]).ends(0);

    armed.store(true, Ordering::Relaxed);
    let ran = user.run(&["verify", "--report", "proof.html"]).ends(3).says("no verdict");
    assert!(!ran.stdout.contains("FAIL") && !ran.stdout.contains("passed"), "{}", ran.stdout);
    assert!(!user.folder.path().join("proof.html").exists(), "a report would be a verdict");
    assert!(ran.stderr.contains("securelambda-verify-"), "{}", ran.stderr);

    armed.store(false, Ordering::Relaxed);
    expired.store(false, Ordering::Relaxed);
    let left = user.run(&["users", "--json"]).ends(0).json()["users"].as_array().unwrap().len();
    assert!(left > 0, "a test user remains");
    user.run(&["verify", "--json"]).ends(0);
    assert_eq!(user.run(&["users", "--json"]).ends(0).json()["users"], json!([]), "removed at once");
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn holes_that_give_access_are_in_status_plan_and_the_proof() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    let anyone = |action: &str, resource: &Value| {
        let statement = json!({ "Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource });
        json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
    };
    let topic = &outputs["topics"]["greetings"]["arn"];
    let called = |function: &str| format!("securelambda-{function}");
    let holes = [
        json!(["sns", "set_topic_attributes",
            { "TopicArn": topic, "AttributeName": "Policy", "AttributeValue": anyone("sns:Publish", topic) }]),
        json!(["secretsmanager", "put_resource_policy", { "SecretId": called("LambdaSNSTopicARN"),
            "ResourcePolicy": anyone("secretsmanager:GetSecretValue", &json!("*")) }]),
        json!(["lambda", "create_function_url_config", { "FunctionName": called("ExternalLambda1"), "AuthType": "NONE" }]),
        json!(["lambda", "add_permission", { "FunctionName": called("InternalLambda"), "StatementId": "open",
            "Action": "lambda:InvokeFunction", "Principal": "*" }]),
        json!(["cognito-idp", "create_user_pool_client",
            { "UserPoolId": outputs["pools"]["MyUserPool1"]["id"], "ClientName": "theirs" }]),
    ];
    for (call, answer) in holes.iter().zip(botocore::calls(&user, &holes)) {
        assert!(answer.get("Error").is_none(), "{call}: {answer}");
    }
    let ids = [
        "function.ExternalLambda1",
        "function.InternalLambda",
        "pool.MyUserPool1",
        "secret.LambdaSNSTopicARN",
        "topic.greetings",
    ];
    let status = user.run(&["status", "--json", "--detailed-exitcode"]).ends(7).json();
    let rows = status["resources"].as_array().unwrap().iter();
    let weaker: BTreeSet<&str> =
        rows.filter(|row| row["weakens"] == true).map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(weaker, BTreeSet::from(ids));
    let plan = user.run(&["plan", "--detailed-exitcode"]).ends(7).stdout;
    assert!(ids.iter().all(|id| plan.contains(id)), "{plan}");
    let ran = user.run(&["verify", "--json"]).ends(5);
    let failed =
        |subject: &str| checks(&ran).iter().any(|check| check["verdict"] == "fail" && check["subject"] == subject);
    for subject in ["ExternalLambda1", "InternalLambda", "MyUserPool1", "secret LambdaSNSTopicARN", "topic greetings"] {
        assert!(failed(subject), "{subject} passes:\n{}", ran.stdout);
    }
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn a_function_that_refuses_its_user_itself_has_accepted_the_token() {
    let _alone = default_account();
    let routes = route("GET /admin", "pool = \"People\"");
    let user = answering(&routes, 403, r#"{"error":"Admin access required"}"#);
    let ran = user.run(&["verify", "--json"]).ends(0);
    let passes = check(&ran, "GET /admin: a token of People passes");
    assert_eq!(passes["verdict"], "pass");
    let received = passes["received"].as_str().unwrap();
    assert!(received.starts_with("403 from the function") && received.contains("Admin access required"), "{received}");
    assert_eq!(verdict(&ran, "GET /admin: a call without a token is refused"), "pass");
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn routes_that_change_data_are_called_only_if_the_stack_file_says_so() {
    let _alone = default_account();
    let routes = [
        route("POST /notes", "pool = \"People\""),
        route("PUT /notes", "pool = \"People\"\nverify = true"),
        route("DELETE /all", "auth = \"none\""),
        route("GET /notes", "pool = \"People\""),
    ];
    let user = answering(&routes.concat(), 200, "{}");
    let ran = user.run(&["verify", "--json", "--skip", "GET /notes"]).ends(0);
    let kept = check(&ran, "POST /notes: a token of People passes");
    assert_eq!(kept["verdict"], "not_tried");
    assert_eq!(kept["received"], "the route changes data; set verify = true");
    assert_eq!(verdict(&ran, "POST /notes: a call without a token is refused"), "pass");
    assert_eq!(verdict(&ran, "POST /notes: a token in the query string is refused"), "not_tried");
    assert_eq!(verdict(&ran, "PUT /notes: a token of People passes"), "pass");
    assert_eq!(verdict(&ran, "DELETE /all: a request without a token passes"), "not_tried");
    let skipped = checks(&ran).into_iter().filter(|check| check["subject"] == "GET /notes").collect::<Vec<_>>();
    assert!(skipped.len() > 5, "{skipped:#?}");
    for check in skipped {
        assert_eq!(check["verdict"], "not_tried", "{check}");
    }
    user.run(&["verify", "--skip", "GET /note"]).ends(2).says("did you mean GET /notes?");
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn no_probe_asks_for_what_another_route_allows() {
    let _alone = default_account();
    let routes = [
        route("GET /notes", "auth = \"iam\""),
        route("GET /notes/{id}", "auth = \"iam\""),
        route("GET /open", "auth = \"none\""),
    ];
    let callers = "[identity_pools.Callers]\npool = \"People\"\ninvokes = [\"GET /notes\", \"GET /notes/{id}\"]\n";
    let user = answering(&(routes.concat() + callers), 200, "{}");
    let ran = user.run(&["verify", "--json"]);
    let others = "the role of Callers's users cannot use other paths";
    let beside = check(&ran, &format!("GET /notes: {others}"));
    assert!(!beside["sent"].as_str().unwrap().contains("/notes/"), "{beside}");
    ran.ends(0);
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn a_greedy_route_leaves_no_path_to_probe() {
    let _alone = default_account();
    let routes = route("ANY /{proxy+}", "pool = \"People\"");
    let user = answering(&routes, 200, "{}");
    let ran = user.run(&["verify", "--json"]).ends(0);
    let paths = check(&ran, "API: paths that no route has are refused");
    assert_eq!(paths["received"], "a greedy route answers every path");
    assert_eq!(verdict(&ran, "/{proxy+}: methods that no route has are refused"), "not_tried");
    assert_eq!(verdict(&ran, "/{proxy+}: OPTIONS does not reach a function"), "pass");
    assert_eq!(verdict(&ran, "API: requests reach it"), "pass");
    assert_eq!(verdict(&ran, "web ACL: requests from this machine pass the firewall"), "not_tried");
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn a_required_second_factor_is_not_claimed_on_an_emulator() {
    let _alone = default_account();
    let routes = route("GET /hello", "pool = \"People\"") + "[pools.Strict]\nmfa = \"on\"\n";
    let user = answering(&routes, 200, "{}");
    let ran = user.run(&["verify", "--json"]).ends(0);
    assert_eq!(verdict(&ran, "People: a user can sign in"), "pass");
    assert_eq!(verdict(&ran, "Strict: a user can sign in"), "not_tried");
    assert_eq!(verdict(&ran, "Strict: a password alone gives no tokens"), "not_tried");
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn every_text_says_first_that_the_endpoint_is_an_emulator() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    let first = format!("{} is an emulator, not AWS.", endpoint());
    let up = user.run(&["up", "--yes"]).ends(0);
    assert!(up.stderr.starts_with(&first), "{}", up.stderr);
    for command in ["status", "plan", "verify"] {
        let ran = user.run(&[command]).ends(0);
        assert!(ran.stdout.starts_with(&first), "{command}: {}", ran.stdout);
    }
    for command in ["status", "plan"] {
        let document = user.run(&[command, "--json"]).ends(0).json();
        assert_eq!(document["emulator"]["endpoint"], endpoint(), "{command}");
    }
    assert_eq!(user.run(&["up", "--json"]).ends(0).summary()["emulator"]["endpoint"], endpoint());
    let text = user.run(&["verify"]).ends(0).stdout;
    assert!(text.contains("checks were not tried") && !text.contains("Every layer holds"), "{text}");
    assert!(text.contains("The firewall blocks nothing"), "{text}");
    user.run(&["down", "--yes"]).ends(0);
}
