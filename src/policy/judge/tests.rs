#![allow(clippy::needless_pass_by_value, reason = "the statements of a test are written in place")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:t";

fn allow(action: Value, resource: Value) -> Value {
    json!({ "Effect": "Allow", "Action": action, "Resource": resource })
}

/// A statement of a trust policy for Lambda, with this condition.
fn lambda(condition: Value) -> Value {
    let principal = json!({ "Service": "lambda.amazonaws.com" });
    json!({ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", "Condition": condition })
}

fn grant(principal: Value) -> Value {
    json!({ "Effect": "Allow", "Principal": principal, "Action": "sns:Publish", "Resource": TOPIC })
}

#[track_caller]
fn judged(want: impl IntoIterator<Item = Value>, live: impl IntoIterator<Item = Value>, effect: Effect) {
    let (want, live) = (Policy::new(want), Policy::new(live));
    assert_eq!(want.judge(&live), effect, "wanted {want}\nlive {live}");
}

#[track_caller]
fn narrower(want: Value, live: Value) {
    judged([want.clone()], [live.clone()], Effect::Differs);
    judged([live], [want], Effect::Weakens);
}

#[track_caller]
fn same(want: Value, live: Value) {
    judged([want.clone()], [live.clone()], Effect::Same);
    judged([live], [want], Effect::Same);
}

/// Neither is narrower than the other.
#[track_caller]
fn incomparable(one: Value, other: Value) {
    judged([one.clone()], [other.clone()], Effect::Weakens);
    judged([other], [one], Effect::Weakens);
}

#[test]
fn a_further_permission_weakens_and_a_missing_one_differs() {
    let publish = allow(json!("sns:Publish"), json!(TOPIC));
    let read = allow(json!("s3:GetObject"), json!("arn:aws:s3:::b/*"));
    judged([publish.clone()], [publish.clone(), read.clone()], Effect::Weakens);
    judged([publish.clone(), read.clone()], [publish.clone()], Effect::Differs);
    judged([publish.clone()], [read], Effect::Weakens);
    judged([], [publish.clone()], Effect::Weakens);
    judged([publish], [], Effect::Differs);
    judged([], [], Effect::Same);
}

#[test]
fn statements_that_say_the_same_together_are_equal() {
    let (a, b) = ("arn:aws:sns:r:1:a", "arn:aws:sns:r:1:b");
    let apart = [allow(json!("sns:Publish"), json!(a)), allow(json!("sns:publish"), json!([b]))];
    judged(apart.clone(), [allow(json!("sns:Publish"), json!([b, a]))], Effect::Same);
    judged([allow(json!("sns:Publish"), json!([a, b]))], apart, Effect::Same);
    // These allow two combinations fewer.
    let fewer = [allow(json!("sns:Publish"), json!(a)), allow(json!("sns:Subscribe"), json!(b))];
    judged([allow(json!(["sns:Publish", "sns:Subscribe"]), json!([a, b]))], fewer.clone(), Effect::Differs);
    judged(fewer, [allow(json!(["sns:Publish", "sns:Subscribe"]), json!([a, b]))], Effect::Weakens);
}

#[test]
fn wildcards_are_wider_than_what_they_match() {
    narrower(allow(json!("sns:*"), json!(TOPIC)), allow(json!("sns:Publish"), json!(TOPIC)));
    narrower(allow(json!("SNS:Pub*"), json!(TOPIC)), allow(json!("sns:publish"), json!(TOPIC)));
    narrower(allow(json!("*"), json!("*")), allow(json!("sns:*"), json!("*")));
    narrower(allow(json!("sns:Publish"), json!("*")), allow(json!("sns:Publish"), json!(TOPIC)));
    narrower(
        allow(json!("logs:PutLogEvents"), json!("arn:aws:logs:r:1:log-group:g:*")),
        allow(json!("logs:PutLogEvents"), json!("arn:aws:logs:r:1:log-group:g:log-stream:s")),
    );
    incomparable(allow(json!("sns:Pub*"), json!(TOPIC)), allow(json!("sns:*ish"), json!(TOPIC)));
    // Resources are case-sensitive.
    incomparable(allow(json!("a:b"), json!("arn:aws:s3:::b")), allow(json!("a:b"), json!("arn:aws:s3:::B")));
}

#[test]
fn excluded_actions_and_resources_are_understood() {
    let all_but = |actions: Value| json!({ "Effect": "Allow", "NotAction": actions, "Resource": TOPIC });
    narrower(all_but(json!(["sns:Publish"])), all_but(json!(["sns:Publish", "sns:Subscribe"])));
    narrower(all_but(json!("sns:Publish")), all_but(json!("sns:*")));
    narrower(all_but(json!("iam:*")), allow(json!("sns:Publish"), json!(TOPIC)));
    incomparable(all_but(json!("sns:Publish")), allow(json!("sns:*"), json!(TOPIC)));
    narrower(allow(json!("*"), json!(TOPIC)), all_but(json!("sns:Publish")));
    let elsewhere = |out: &str| json!({ "Effect": "Allow", "Action": "sns:Publish", "NotResource": out });
    narrower(elsewhere("arn:aws:sns:r:1:u"), allow(json!("sns:Publish"), json!(TOPIC)));
    incomparable(elsewhere(TOPIC), allow(json!("sns:Publish"), json!(TOPIC)));
    narrower(allow(json!("sns:Publish"), json!("*")), elsewhere(TOPIC));
}

#[test]
fn only_equal_principals_and_everybody_cover_a_principal() {
    let account = json!({ "AWS": "123456789012" });
    let role = json!({ "AWS": "arn:aws:iam::123456789012:role/r" });
    let service = json!({ "Service": "events.amazonaws.com" });
    same(grant(account.clone()), grant(json!({ "AWS": ["arn:aws:iam::123456789012:root"] })));
    narrower(grant(json!("*")), grant(account.clone()));
    narrower(grant(json!({ "AWS": "*" })), grant(role.clone()));
    same(grant(json!("*")), grant(json!({ "AWS": ["*"] })));
    // A policy that names the role gives it access without a policy of the role's own.
    incomparable(grant(account.clone()), grant(role.clone()));
    incomparable(grant(account.clone()), grant(service.clone()));
    incomparable(grant(json!("*")), grant(service.clone()));
    let both = json!({ "AWS": ["123456789012", "arn:aws:iam::123456789012:role/r"] });
    narrower(grant(both), grant(role.clone()));
    let all_but =
        |who: Value| json!({ "Effect": "Allow", "NotPrincipal": who, "Action": "sns:Publish", "Resource": TOPIC });
    incomparable(all_but(role.clone()), grant(account.clone()));
    incomparable(all_but(role.clone()), grant(json!("*")));
    narrower(
        all_but(role.clone()),
        all_but(json!({ "AWS": ["arn:aws:iam::123456789012:role/r", "arn:aws:iam::123456789012:role/s"] })),
    );
    same(all_but(role.clone()), all_but(role));
    // An element that is missing is not a wildcard.
    incomparable(grant(json!("*")), allow(json!("sns:Publish"), json!(TOPIC)));
}

#[test]
fn a_further_condition_differs_and_a_missing_one_weakens() {
    let account = json!({ "StringEquals": { "aws:SourceAccount": "123456789012" } });
    narrower(lambda(json!({})), lambda(account.clone()));
    let both = json!({ "StringEquals": { "AWS:sourceaccount": ["123456789012"] },
        "ArnLike": { "aws:SourceArn": "arn:aws:lambda:r:123456789012:function:f" } });
    narrower(lambda(account.clone()), lambda(both.clone()));
    incomparable(lambda(account), lambda(json!({ "StringEquals": { "aws:SourceAccount": "999999999999" } })));
    incomparable(lambda(both), lambda(json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } })));
}

#[test]
fn conditions_imply_wider_ones() {
    let of = |operator: &str, values: Value| lambda(json!({ operator: { "aws:SourceArn": values } }));
    narrower(of("StringEquals", json!(["a", "b"])), of("StringEquals", json!("a")));
    narrower(of("StringLike", json!("a*")), of("StringLike", json!("ab")));
    narrower(of("StringLike", json!("a*")), of("StringEquals", json!("ab")));
    narrower(of("StringEqualsIgnoreCase", json!("A")), of("StringEquals", json!("a")));
    narrower(of("ArnLike", json!("arn:aws:sns:*:1:t")), of("ArnEquals", json!("arn:aws:sns:r:1:t")));
    narrower(of("ArnLike", json!("arn:aws:sns:*:1:t")), of("StringEquals", json!("arn:aws:sns:r:1:t")));
    same(of("ArnLike", json!(TOPIC)), of("ArnEquals", json!([TOPIC])));
    narrower(of("StringEqualsIfExists", json!("a")), of("StringEquals", json!("a")));
    narrower(of("StringNotEquals", json!("a")), of("StringNotEquals", json!(["a", "b"])));
    narrower(of("StringNotLike", json!("ab")), of("StringNotLike", json!("a*")));
    narrower(of("NotIpAddress", json!("10.0.0.0/8")), of("NotIpAddress", json!(["10.0.0.0/8", "11.0.0.0/8"])));
    narrower(of("ForAnyValue:StringEquals", json!(["a", "b"])), of("ForAnyValue:StringEquals", json!("a")));
    same(of("Bool", json!(true)), of("bool", json!("TRUE")));
    same(of("StringEquals", json!("a")), of("stringequals", json!(["a"])));
    for (one, other) in [
        (of("StringEquals", json!("a")), of("StringNotEquals", json!("a"))),
        (of("StringEquals", json!("a")), of("ForAllValues:StringEquals", json!("a"))),
        (of("NumericLessThan", json!("5")), of("NumericLessThan", json!("4"))),
        (of("Null", json!("true")), of("Null", json!("false"))),
        (of("IpAddress", json!("10.0.0.0/8")), of("IpAddress", json!("11.0.0.0/8"))),
        (of("StringLike", json!("${aws:x}")), of("StringLike", json!("a"))),
        (of("StringEquals", json!("a*")), of("StringLike", json!("ab"))),
    ] {
        incomparable(one, other);
    }
}

#[test]
fn a_further_denial_differs_and_a_missing_or_smaller_one_weakens() {
    let publish = grant(json!({ "AWS": "123456789012" }));
    let deny = |actions: Value, condition: Value| json!({ "Effect": "Deny", "Principal": "*", "Action": actions, "Resource": TOPIC, "Condition": condition });
    let insecure = json!({ "Bool": { "aws:SecureTransport": "false" } });
    let wanted = [publish.clone(), deny(json!("sns:*"), insecure.clone())];
    let with = |denial: Value| [publish.clone(), denial];
    judged([publish.clone()], wanted.clone(), Effect::Differs);
    judged(wanted.clone(), [publish.clone()], Effect::Weakens);
    judged(wanted.clone(), with(deny(json!("sns:Publish"), insecure.clone())), Effect::Weakens);
    judged(wanted.clone(), with(deny(json!("sns:*"), json!({}))), Effect::Differs);
    judged(wanted.clone(), with(deny(json!("*"), insecure.clone())), Effect::Differs);
    let narrow = json!({ "Bool": { "aws:SecureTransport": "false" }, "StringEquals": { "aws:username": "a" } });
    judged(wanted.clone(), with(deny(json!("sns:*"), narrow)), Effect::Weakens);
    let everyone_but = json!({ "Effect": "Deny", "NotPrincipal": { "AWS": "123456789012" }, "Action": "sns:*",
        "Resource": TOPIC, "Condition": insecure });
    judged(wanted, with(everyone_but), Effect::Weakens);
}

#[test]
fn sending_traces_is_harmless_for_an_identity_and_only_that() {
    let publish = allow(json!("sns:Publish"), json!(TOPIC));
    let traces = allow(json!(["xray:PutTraceSegments", "xray:PutTelemetryRecords"]), json!("*"));
    judged([publish.clone()], [publish.clone(), traces.clone()], Effect::Differs);
    judged([publish.clone(), traces.clone()], [publish.clone()], Effect::Differs);
    for more in [
        allow(json!(["xray:PutTraceSegments", "xray:GetTraceSummaries"]), json!("*")),
        allow(json!("xray:*"), json!("*")),
        json!({ "Effect": "Allow", "Principal": "*", "Action": "xray:PutTraceSegments", "Resource": "*" }),
        json!({ "Effect": "Allow", "NotAction": "xray:PutTraceSegments", "Resource": "*" }),
    ] {
        judged([publish.clone()], [publish.clone(), more], Effect::Weakens);
    }
}

#[test]
fn the_version_matters_only_for_variables() {
    let old = |statement: &Value| Policy(json!({ "Version": "2008-10-17", "Statement": statement }));
    let plain = allow(json!("sns:Publish"), json!(TOPIC));
    assert_eq!(Policy::new([plain.clone()]).judge(&old(&plain)), Effect::Same);
    let variable = allow(json!("s3:GetObject"), json!("arn:aws:s3:::b/${aws:username}"));
    assert_eq!(Policy::new([variable.clone()]).judge(&old(&variable)), Effect::Weakens);
    assert_eq!(Policy::new([variable.clone()]).judge(&Policy::new([variable.clone()])), Effect::Same);
    narrower(allow(json!("s3:GetObject"), json!("arn:aws:s3:::b/*")), variable);
}

#[test]
fn everything_that_is_not_understood_weakens() {
    let plain = allow(json!("sns:Publish"), json!(TOPIC));
    for odd in [
        json!({ "Effect": "allow", "Action": "sns:Publish", "Resource": TOPIC }),
        json!({ "Effect": "Allow", "Action": "sns:Publish", "NotAction": "sns:x", "Resource": TOPIC }),
        json!({ "Effect": "Allow", "Resource": TOPIC }),
        json!({ "Effect": "Allow", "Action": "sns:Publish", "Resource": TOPIC, "Extra": "x" }),
        json!({ "Effect": "Allow", "Action": "sns:Publish", "Resource": TOPIC, "Condition": "x" }),
        json!({ "Effect": "Allow", "Action": "sns:Publish", "Resource": TOPIC, "Condition": { "StringEquals": { "a": [] } } }),
        json!("sns:Publish"),
    ] {
        judged([plain.clone()], [plain.clone(), odd.clone()], Effect::Weakens);
        judged([odd.clone()], [odd.clone()], Effect::Same);
        judged([odd], [plain.clone()], Effect::Weakens);
    }
    assert_eq!(Policy::new([plain]).judge(&Policy(json!("text"))), Effect::Weakens);
}

/// Statements over few names, so that many of them overlap.
fn statements() -> impl Strategy<Value = Vec<Value>> {
    let names = |from: &'static [&'static str]| prop::collection::btree_set(prop::sample::select(from), 1..3);
    let actions = names(&["a:x", "a:y", "a:*", "b:x", "*"]);
    let resources = names(&["arn:p:s:r:1:x", "arn:p:s:r:1:y", "arn:p:s:r:1:*", "*"]);
    let condition = prop::option::of(names(&["1", "2", "3"]));
    let statement = (any::<bool>(), any::<bool>(), any::<bool>(), actions, resources, condition);
    let write = |(denies, not, negated, actions, resources, condition): (bool, bool, bool, _, _, Option<_>)| {
        let operator = if negated { "StringNotEquals" } else { "StringEquals" };
        let condition = condition.map_or(json!({}), |values| json!({ operator: { "k": values } }));
        let action = if not { "NotAction" } else { "Action" };
        json!({ "Effect": if denies { "Deny" } else { "Allow" }, action: actions, "Resource": resources,
            "Condition": condition })
    };
    prop::collection::vec(statement.prop_map(write), 0..4)
}

/// Whether a policy of [`statements`] allows a request, by the plain rules of IAM.
fn allowed(policy: &Policy, action: &str, resource: &str, key: Option<&str>) -> bool {
    let has = |values: &Value, one: &str| {
        let matches = |pattern: &str| match pattern.strip_suffix('*') {
            Some(start) => one.starts_with(start),
            None => one == pattern,
        };
        values.as_array().unwrap_or(&Vec::new()).iter().filter_map(Value::as_str).any(matches)
    };
    let applies = |statement: &&Value| {
        let acts = match statement.get("Action") {
            Some(actions) => has(actions, action),
            None => !has(&statement["NotAction"], action),
        };
        let condition = &statement["Condition"];
        let met = match (condition.get("StringEquals"), condition.get("StringNotEquals")) {
            (Some(equals), _) => key.is_some_and(|key| has(&equals["k"], key)),
            (_, Some(differs)) => key.is_none_or(|key| !has(&differs["k"], key)),
            _ => true,
        };
        acts && has(&statement["Resource"], resource) && met
    };
    let matching: Vec<&Value> = policy.statements().filter(applies).collect();
    let any = |effect: &str| matching.iter().any(|statement| statement["Effect"] == effect);
    any("Allow") && !any("Deny")
}

proptest! {
    /// A document that is judged as narrower never allows a request that the wanted document does not allow.
    #[test]
    fn no_request_gets_through_a_document_that_does_not_weaken(want in statements(), live in statements()) {
        let (want, live) = (Policy::new(want), Policy::new(live));
        let effect = want.judge(&live);
        for action in ["a:x", "a:y", "b:x", "b:z"] {
            for resource in ["arn:p:s:r:1:x", "arn:p:s:r:1:y", "arn:p:s:r:1:z", "arn:p:t:r:1:x"] {
                for key in [None, Some("1"), Some("2"), Some("3"), Some("4")] {
                    let (before, after) = (allowed(&want, action, resource, key), allowed(&live, action, resource, key));
                    prop_assert!(effect == Effect::Weakens || before || !after, "{action} {resource} {key:?}: {want} {live}");
                    prop_assert!(effect != Effect::Same || before == after, "{action} {resource} {key:?}: {want} {live}");
                }
            }
        }
    }

    #[test]
    fn a_part_of_a_document_does_not_weaken_and_more_of_it_is_never_the_same(want in statements(), more in statements()) {
        let grants = |statements: &[Value]| statements.iter().filter(|one| one["Effect"] == "Allow").cloned().collect::<Vec<_>>();
        let denials = more.iter().filter(|one| one["Effect"] == "Deny").cloned();
        let whole = Policy::new(want.clone());
        prop_assert_eq!(whole.judge(&whole), Effect::Same);
        let stricter = Policy::new(want.iter().cloned().chain(denials));
        prop_assert_ne!(whole.judge(&stricter), Effect::Weakens);
        let fewer = Policy::new(want.iter().filter(|one| one["Effect"] == "Deny").cloned().chain(grants(&want).into_iter().skip(1)));
        prop_assert_ne!(whole.judge(&fewer), Effect::Weakens);
    }
}
