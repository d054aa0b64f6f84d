//! The operator's policies for every region and for every kind of stack, checked against IAM's rules and with a linter.

use std::collections::BTreeSet;

use securelambda::bundle::Bundles;
use securelambda::operator::{LONGEST_POLICY, MOST_POLICIES, Named, Wanted, policies};
use securelambda::scope::{Scope, partition_of};
use securelambda::spec::{self, blueprints};
use securelambda::topology::{self, SecretValues};
use serde_json::Value;

use crate::support::simulator::findings;

/// The regions of AWS's commercial partition and of GovCloud.
const REGIONS: [&str; 34] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-west-2",
    "us-gov-east-1",
    "us-gov-west-1",
];

/// Stack names: the shortest, a usual one, the longest, and the pattern of the stacks of pull requests.
const NAMES: [&str; 4] = ["a", "orders-batch", "abcdefghijklmnopqrstuvwx", "orders-pr-*"];

/// A stack file with every feature, 20 functions and 10 pools.
fn everything() -> String {
    let mut text =
        "[stack]\nname = \"everything\"\n[topics.news]\n[queues.work]\n[secrets.Where]\nNEWS = { topic = \"news\" }\n"
            .to_owned();
    for number in 0..20 {
        let trigger = match number {
            0 => "trigger = { topic = \"news\" }",
            1 => "trigger = { queue = \"work\" }",
            _ => "secrets = [\"Where\"]",
        };
        text += &format!("[functions.F{number}]\nsource = \"lambdas/external\"\n{trigger}\n");
    }
    for number in 0..10 {
        text += &format!("[pools.P{number}]\n");
    }
    text += "[api]\n";
    for number in 1..10 {
        text +=
            &format!("[[api.routes]]\nroute = \"POST /r{number}\"\nfunction = \"F{number}\"\npool = \"P{number}\"\n");
    }
    text + "[firewall]\nmode = \"block\"\nmanaged_rules = [\"common\"]\naddresses = [\"203.0.113.7/32\"]\n"
}

/// The kinds of resources in a stack.
fn kinds(text: &str) -> BTreeSet<String> {
    let stack = spec::parse(text).expect("a sound file");
    let scope = scope("demo", "eu-central-1");
    let graph = topology::desired(&stack, &scope, None, &Bundles::default(), &SecretValues::default(), None);
    graph.ids().map(|(_, kind)| kind.to_owned()).collect()
}

fn scope(name: &str, region: &str) -> Scope {
    Scope {
        partition: partition_of(region).to_owned(),
        account: "123456789012".to_owned(),
        region: region.to_owned(),
        stack: name.to_owned(),
        ..Scope::default()
    }
}

/// The policies for all regions, names and stacks, each with a description.
fn all() -> Vec<(String, Value)> {
    let mut stacks: Vec<(&str, BTreeSet<String>)> =
        blueprints::ALL.iter().map(|blueprint| (blueprint.name, kinds(blueprint.text))).collect();
    let whole = everything();
    let every_kind = stacks.iter().flat_map(|(_, kinds)| kinds.clone()).chain(kinds(&whole)).collect();
    stacks.push(("everything", kinds(&whole)));
    stacks.push(("of every kind", every_kind));
    let mut documents = Vec::new();
    for region in REGIONS {
        for name in NAMES {
            let scope = scope(name, region);
            let boundary = format!("arn:{}:iam::123456789012:policy/{}", scope.partition, "b".repeat(128));
            for boundary in [None, Some(boundary.as_str())] {
                for (stack, kinds) in &stacks {
                    let named = Named {
                        boundary: boundary.map(str::to_owned),
                        outside_callers: ["s3.amazonaws.com".to_owned()].into(),
                        ..Named::default()
                    };
                    let made = policies(&Wanted { scope: &scope, works: &[], kinds, named: &named });
                    assert!((1..=MOST_POLICIES).contains(&made.len()), "{stack} in {region}: {}", made.len());
                    for (number, document) in made.iter().enumerate() {
                        let what = format!("{stack}, {name}, {region}, {}, {number}", boundary.is_some());
                        documents.push((what, serde_json::to_value(document).unwrap()));
                    }
                }
            }
        }
    }
    documents
}

fn many(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().map(|value| value.as_str().unwrap()).collect(),
        one => vec![one.as_str().unwrap()],
    }
}

/// The rules of IAM's documentation for managed policies.
#[test]
fn every_operator_policy_meets_iams_rules_for_managed_policies() {
    let documents = all();
    assert!(documents.len() > 1000, "{}", documents.len());
    for (what, document) in documents {
        let text = document.to_string();
        assert!(text.len() <= LONGEST_POLICY, "{what}: {}", text.len());
        assert!(text.chars().all(|c| ('\u{20}'..='\u{ff}').contains(&c)), "{what}");
        let mut sids = BTreeSet::new();
        for statement in document["Statement"].as_array().unwrap() {
            let sid = statement["Sid"].as_str().unwrap();
            assert!(sids.insert(sid) && sid.chars().all(|c| c.is_ascii_alphanumeric()), "{what}: {sid}");
            for action in many(&statement["Action"]) {
                assert!(!action.contains('*') && action.split(':').count() == 2, "{what}: {action}");
            }
            for resource in many(&statement["Resource"]).into_iter().filter(|resource| *resource != "*") {
                // A full ARN. IAM accepts patterns only after the fifth colon.
                let parts: Vec<&str> = resource.splitn(6, ':').collect();
                assert_eq!((parts.len(), parts[0]), (6, "arn"), "{what}: {resource}");
                assert!(parts[1..5].iter().all(|part| !part.contains(['*', '?', '$'])), "{what}: {resource}");
            }
        }
    }
}

/// Wrong findings of the linter, with reasons.
const OUTDATED: &[(&str, &str, &str)] = &[
    (
        "UNKNOWN_ACTION",
        "logs:PutBearerTokenAuthentication",
        "its list is older than the operation; today's service authorization reference has it",
    ),
    (
        "UNKNOWN_ACTION",
        "cognito-idp:DeleteUserPoolClientSecret",
        "its list is older than the operation; today's service authorization reference has it",
    ),
    (
        "UNKNOWN_ACTION",
        "cognito-idp:ListUserPoolClientSecrets",
        "its list is older than the operation; today's service authorization reference has it",
    ),
    (
        "UNKNOWN_ACTION",
        "apigateway:TagResource",
        "no list of AWS's has it, and AWS asks for it by that name when a stage of an HTTP API is made with tags",
    ),
];

#[test]
fn parliament_finds_no_fault_in_any_operator_policy() {
    let found = findings(&all());
    let mut heard: BTreeSet<&str> = BTreeSet::new();
    for (what, issue, detail) in found {
        let muted = OUTDATED.iter().find(|(name, action, _)| issue == *name && detail.contains(action));
        assert!(muted.is_some(), "{what}: {issue}: {detail}");
        heard.extend(muted.map(|(_, action, _)| *action));
    }
    let muted: BTreeSet<&str> = OUTDATED.iter().map(|(_, action, _)| *action).collect();
    assert_eq!(heard, muted, "remove exceptions that the linter no longer reports");
}
