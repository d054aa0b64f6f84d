//! The permissions that the stack file gives to functions: the program's copy of AWS's list of actions, the generated
//! policy documents, checked with third-party tools, and the permissions of a live stack.

use std::collections::BTreeSet;
use std::io::Read;
use std::process::Command;

use securelambda::scope::Scope;
use securelambda::spec;
use securelambda::spec::policies::{self, Known};
use serde_json::{Value, json};

use crate::services::Usage;
use crate::support::botocore::accepted;
use crate::support::emulator::{account, endpoint};
use crate::support::iam::allows;
use crate::support::program::User;
use crate::support::simulator::{allowed, findings, reference};

/// A function with every key that gives it permissions.
const FILE: &str = r#"
[stack]
name = "demo"
[functions.Other]
source = "f"
[functions.Notes]
source = "f"
invokes_functions = ["Other"]
reads_parameters = ["/app/*", "/shared/url"]
environment = { OTHER = { function = "Other" }, URL = { parameter = "/one/url" } }
allow = [
    { actions = ["s3:GetObject", "s3:PutObject"], resources = ["arn:{partition}:s3:::photos/*"] },
    { actions = ["s3:ListBucket"], resources = ["arn:{partition}:s3:::photos"], conditions = { StringLike = { "s3:prefix" = ["a/*"] } } },
    { actions = ["s3:ListAllMyBuckets"], resources = ["*"] },
    { actions = ["cognito-idp:AdminGetUser"], resources = ["arn:{partition}:cognito-idp:{region}:{account}:userpool/eu-central-1_AbCdEfGhI"] },
]
"#;

const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:demo-Other";

fn document() -> Value {
    let stack = spec::parse(FILE).expect("a sound file");
    let scope = Scope {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "eu-central-1".into(),
        stack: "demo".into(),
        ..Scope::default()
    };
    let planned = policies::planned(&stack, &scope, &Known { secret: &|_| None, pool: &|_| None });
    let (_, policy) = planned.into_iter().find(|(name, _)| name == "Notes").unwrap();
    serde_json::from_str(&policy.to_string()).unwrap()
}

#[test]
fn the_reference_is_what_its_script_makes_of_the_package() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/authorization.py");
    let output = Command::new("python3").args([script, "--text"]).arg(reference()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let packed = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/src/authorization/reference.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    assert!(text == String::from_utf8(output.stdout).unwrap(), "run scripts/authorization.py, as it says");
}

#[test]
fn a_linter_finds_no_fault_in_the_policy_of_a_function() {
    let found: BTreeSet<(String, String)> =
        findings(&[("Notes".to_owned(), document())]).into_iter().map(|(_, issue, detail)| (issue, detail)).collect();
    assert_eq!(found, BTreeSet::new());
}

#[test]
fn a_simulator_allows_exactly_what_the_keys_say() {
    let on = |action: &str, resource: &str| Usage::new(action, resource);
    let parameter = |name: &str| format!("arn:aws:ssm:eu-central-1:123456789012:parameter/{name}");
    let decrypt = |name: &str, through: &str| {
        on("kms:Decrypt", "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab")
            .with("kms:ViaService", through)
            .with("kms:EncryptionContext:PARAMETER_ARN", parameter(name))
    };
    let ssm = "ssm.eu-central-1.amazonaws.com";
    let needs = [
        (on("s3:GetObject", "arn:aws:s3:::photos/a.jpg"), true),
        (on("s3:GetObject", "arn:aws:s3:::others/a.jpg"), false),
        (on("s3:DeleteObject", "arn:aws:s3:::photos/a.jpg"), false),
        (on("s3:ListBucket", "arn:aws:s3:::photos").with("s3:prefix", "a/b"), true),
        (on("s3:ListBucket", "arn:aws:s3:::photos").with("s3:prefix", "b"), false),
        (on("lambda:InvokeFunction", ARN), true),
        (on("lambda:InvokeFunction", &ARN.replace("Other", "Notes")), false),
        (on("ssm:GetParameter", &parameter("app/deep/url")), true),
        (on("ssm:GetParametersByPath", &parameter("app")), true),
        (on("ssm:GetParameter", &parameter("one/url")), true),
        (on("ssm:GetParameter", &parameter("application/url")), false),
        (on("ssm:PutParameter", &parameter("app/url")), false),
        (decrypt("app/url", ssm), true),
        (decrypt("other/url", ssm), false),
        (decrypt("app/url", "s3.eu-central-1.amazonaws.com"), false),
    ];
    // The simulator ignores values of the encryption context.
    let (decryption, needs): (Vec<_>, Vec<_>) = needs.into_iter().partition(|(need, _)| need.action == "kms:Decrypt");
    for (need, wanted) in decryption {
        assert_eq!(allows(&[document()], &need), wanted, "{need:?}");
    }
    let (needs, wanted): (Vec<Usage>, Vec<bool>) = needs.into_iter().unzip();
    let found = allowed(&[document()], &needs);
    for ((need, wanted), found) in needs.iter().zip(wanted).zip(found) {
        assert_eq!(found, wanted, "{need:?}");
    }
}

/// The live role has the permissions of the keys. A permission that somebody adds by hand is named with the key that
/// would keep it, and is removed.
#[test]
fn a_permission_added_by_hand_is_taken_away_and_the_key_that_keeps_it_is_named() {
    let user = User::of(&account(), &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.write("f/index.mjs", "export const handler = async () => ({});\n");
    user.write("securelambda.toml", FILE);
    user.run(&["up", "--yes"]).ends(0);
    let proof = user.run(&["verify", "--json"]).stdout;
    let proof: Vec<Value> = proof.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let checks: Vec<&Value> = proof.iter().filter(|line| line["subject"] == "role Notes").collect();
    let claims = |text: &str| checks.iter().filter(|check| check["claim"].as_str().unwrap().contains(text)).count();
    assert!(
        claims("`allow` allows s3:GetObject") == 1 && claims("such as") >= 4 && claims("nothing allows") >= 4,
        "{checks:#?}"
    );
    assert!(checks.iter().all(|check| check["verdict"] != "fail"), "{checks:#?}");

    let added = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "dynamodb:Scan", "Resource": "*" },
        { "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*" },
    ] });
    let role = json!({ "RoleName": "demo-Notes", "PolicyName": "securelambda", "PolicyDocument": added.to_string() });
    accepted(&user, "iam", "put_role_policy", &role);
    for command in [&["status"][..], &["plan"]] {
        let said = user.run(command).ends(0).stdout;
        assert!(said.contains("(dynamodb:Scan, lambda:InvokeFunction)"), "{said}");
        assert!(said.contains("use `invokes_functions` and `reads` under [functions.Notes]"), "{said}");
    }
    user.run(&["up", "--yes"]).ends(0);
    let role = json!({ "RoleName": "demo-Notes", "PolicyName": "securelambda" });
    let live = accepted(&user, "iam", "get_role_policy", &role)["PolicyDocument"].to_string();
    assert!(live.contains("s3:GetObject") && !live.contains("dynamodb:Scan"), "{live}");
    user.run(&["down", "--yes"]).ends(0);
}
