//! `ci role` on the emulator. Its IAM judges the trust policies, botocore reads what was created, and the AWS CLI runs the
//! printed commands.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::services::{StackIdentity, needs};
use crate::support::botocore::{accepted, call};
use crate::support::emulator::{account, endpoint, without_proxy};
use crate::support::facts::recorded_refusal;
use crate::support::iam::{allows, policies};
use crate::support::inventory::inventory;
use crate::support::program::User;
use crate::support::proxy::{CallOutcome, Proxy};
use crate::support::python;
use crate::support::simulator::findings;

const GITHUB: &str = "token.actions.githubusercontent.com";
const REPOSITORY: &str = "octo-org@123456/orders@456789";
const AWS_CLI: &str = "awscli==1.46.3";

fn stack(bucket: &str, account: &str) -> String {
    format!(
        "[stack]\nname = \"orders\"\nstate = \"s3://{bucket}/team\"\n\
         permissions_boundary = \"arn:aws:iam::{account}:policy/functions\"\n[topics.news]\n[queues.work]\n[pools.Users]\n\
         [environments.prod]\n"
    )
}

/// An administrator with a bucket and the stack file.
fn administrator(endpoint: &str) -> User {
    let account = account();
    let bucket = format!("states-{account}");
    let user = User::of(&account, endpoint).with("SECURELAMBDA_TIME_SCALE", "0.01");
    user.run(&["state", "bucket", &bucket, "--yes"]).ends(0);
    user.write("securelambda.toml", &stack(&bucket, &account));
    user
}

fn role(user: &User, args: &[&str]) -> crate::support::program::CommandOutput {
    user.run(&[&["ci", "role", "--repository", REPOSITORY], args].concat())
}

fn provider(user: &User) -> String {
    format!("arn:aws:iam::{}:oidc-provider/{GITHUB}", user.account().unwrap())
}

/// The roles and policies that workflows have in the account, and the audiences of the provider.
fn live(user: &User) -> (BTreeSet<String>, Value) {
    let named = |operation: &str, items: &str, name: &str, arguments: &Value| -> Vec<String> {
        let answer = accepted(user, "iam", operation, arguments);
        let path = |item: &&Value| item["Path"].as_str().unwrap().starts_with("/securelambda-ci/");
        let items = answer[items].as_array().unwrap().iter().filter(path);
        items.map(|item| format!("{}{}", item["Path"].as_str().unwrap(), item[name].as_str().unwrap())).collect()
    };
    let roles = named("list_roles", "Roles", "RoleName", &json!({}));
    let policies = named("list_policies", "Policies", "PolicyName", &json!({ "Scope": "Local" }));
    let provider =
        call(user, "iam", "get_open_id_connect_provider", &json!({ "OpenIDConnectProviderArn": provider(user) }));
    (roles.into_iter().chain(policies).collect(), provider["ClientIDList"].clone())
}

/// The documents of a role's attached policies.
fn attached(user: &User, role: &str) -> Vec<Value> {
    let attached = accepted(user, "iam", "list_attached_role_policies", &json!({ "RoleName": role }));
    let arns = attached["AttachedPolicies"].as_array().unwrap().iter().map(|policy| policy["PolicyArn"].clone());
    let mut documents: Vec<Value> = arns
        .map(|arn| {
            let policy = accepted(user, "iam", "get_policy", &json!({ "PolicyArn": arn }));
            let version = &policy["Policy"]["DefaultVersionId"];
            let asked = json!({ "PolicyArn": arn, "VersionId": version });
            accepted(user, "iam", "get_policy_version", &asked)["PolicyVersion"]["Document"].clone()
        })
        .collect();
    documents.sort_by_key(Value::to_string);
    documents
}

fn sorted(mut documents: Vec<Value>) -> Vec<Value> {
    documents.sort_by_key(Value::to_string);
    documents
}

/// Whether the emulator lets a run of a workflow with this subject and audience assume the role.
fn admits(user: &User, role: &str, issuer: &str, subject: &str, audience: &str) -> bool {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "iss": format!("https://{issuer}"), "sub": subject, "aud": audience });
    let token = format!("{}.{}.c2ln", part(json!({ "alg": "RS256", "typ": "JWT" })), part(claims));
    let arn = format!("arn:aws:iam::{}:role/securelambda-ci/{role}", user.account().unwrap());
    let asked = json!({ "RoleArn": arn, "RoleSessionName": "run", "WebIdentityToken": token });
    let answer = call(user, "sts", "assume_role_with_web_identity", &asked);
    let refused = answer["Error"].as_str();
    assert!(refused.is_none_or(|error| error.contains("(AccessDenied)")), "{answer}");
    refused.is_none()
}

#[test]
fn each_role_has_exactly_its_documents_and_admits_exactly_its_runs() {
    let user = administrator(&endpoint());
    role(&user, &[]).ends(2).says("--yes").says("+ the role securelambda-ci-orders-deploy");
    assert_eq!(live(&user), (BTreeSet::new(), Value::Null));
    let made = role(&user, &["--yes", "--previews"]).ends(0);
    let arn = |name: &str| format!("arn:aws:iam::{}:role/securelambda-ci/orders/{name}", user.account().unwrap());
    let names = ["deploy", "plan", "preview"].map(|purpose| format!("securelambda-ci-orders-{purpose}"));
    assert_eq!(made.stdout, names.iter().map(|name| arn(name) + "\n").collect::<String>());
    assert_eq!(live(&user).1, json!(["sts.amazonaws.com"]));

    let [deploy, plan, preview] = &names;
    assert_eq!(attached(&user, deploy), sorted(policies(&user, &["--for", "up", "--for", "verify"])));
    assert_eq!(attached(&user, plan), sorted(policies(&user, &["--for", "plan"])));
    let reads = |document: &Value| !document.to_string().contains("iam:Create");
    assert!(attached(&user, plan).iter().all(reads));
    assert!(attached(&user, preview).iter().all(|document| document.to_string().contains("orders-pr-*")));

    let on = |what: &str| format!("repo:{REPOSITORY}:{what}");
    let (main, pull_request) = (on("ref:refs/heads/main"), on("pull_request"));
    for (name, subjects) in [(deploy, vec![&main]), (plan, vec![&pull_request]), (preview, vec![&pull_request, &main])]
    {
        let role = format!("orders/{name}");
        let others = [
            on("ref:refs/heads/other"),
            on("ref:refs/heads/main2"),
            on("environment:prod"),
            on("ref:refs/tags/main"),
            "repo:octo-org/orders:ref:refs/heads/main".to_owned(),
            "repo:octo-org@123456/orders@1:ref:refs/heads/main".to_owned(),
            "repo:evil@1/orders@456789:pull_request".to_owned(),
            "*".to_owned(),
        ];
        for subject in [&main, &pull_request].into_iter().chain(&others) {
            let expected = subjects.contains(&subject);
            assert_eq!(admits(&user, &role, GITHUB, subject, "sts.amazonaws.com"), expected, "{name}: {subject}");
        }
        assert!(!admits(&user, &role, GITHUB, subjects[0], "https://github.com/octo-org"), "another audience");
        assert!(!admits(&user, &role, "issuer.example.com", subjects[0], "sts.amazonaws.com"), "another issuer");
    }
    role(&user, &["--yes", "--previews"]).ends(0).says("Nothing to do").says("was not changed");
    // A role of an environment has its own name.
    user.run(&["ci", "role", "--repository", "octo-org/orders", "--env", "prod", "--yes"]).ends(0).says("by its name");
    assert!(live(&user).0.contains("/securelambda-ci/orders-prod/securelambda-ci-orders-prod-deploy"));
    user.run(&["ci", "role", "--env", "prod", "--remove", "--yes"]).ends(0).says("Removed 2 roles");
    // Neither is a resource of the stack.
    assert!(!inventory(&user).is_empty());
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert!(live(&user).0.contains(&format!("/securelambda-ci/orders/{deploy}")));

    user.run(&["ci", "role", "--remove", "--previews"]).ends(2).says("--yes");
    user.run(&["ci", "role", "--remove", "--previews", "--yes"]).ends(0).says("Removed 3 roles").says("stays");
    assert_eq!(live(&user), (BTreeSet::new(), json!(["sts.amazonaws.com"])));
    std::fs::remove_file(user.folder.path().join("securelambda.toml")).unwrap();
    user.run(&["ci", "role", "--remove", "--stack", "orders", "--yes"]).ends(0).says("Nothing to remove");
}

#[test]
fn a_second_run_changes_only_what_differs() {
    let user = administrator(&endpoint());
    role(&user, &["--yes"]).ends(0);
    let name = "securelambda-ci-orders-deploy";
    let before = attached(&user, name);
    let policy = format!("arn:aws:iam::{}:policy/securelambda-ci/orders/{name}-1", user.account().unwrap());
    let open = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
    let damage = [
        (
            "create_policy_version",
            json!({ "PolicyArn": policy, "PolicyDocument": open.to_string(), "SetAsDefault": true }),
        ),
        ("put_role_policy", json!({ "RoleName": name, "PolicyName": "more", "PolicyDocument": open.to_string() })),
        ("attach_role_policy", json!({ "RoleName": name, "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess" })),
    ];
    for (operation, arguments) in &damage {
        accepted(&user, "iam", operation, arguments);
    }
    let ran = role(&user, &["--yes", "--branch", "release"]).ends(0);
    let changes: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("  ")).collect();
    let expected = [
        format!("  ~ who may assume the role {name}"),
        format!("  ~ the role {name}: detach arn:aws:iam::aws:policy/AdministratorAccess"),
        format!("  - the inline policy more of the role {name}"),
        format!("  ~ the policy {name}-1"),
    ];
    assert_eq!(changes, expected);
    assert_eq!(attached(&user, name), before);
    assert!(!admits(
        &user,
        &format!("orders/{name}"),
        GITHUB,
        &format!("repo:{REPOSITORY}:ref:refs/heads/main"),
        "sts.amazonaws.com"
    ));
    // A policy that is changed often keeps few versions.
    for _ in 0..6 {
        let versions = json!({ "PolicyArn": policy, "PolicyDocument": open.to_string(), "SetAsDefault": true });
        accepted(&user, "iam", "create_policy_version", &versions);
        role(&user, &["--yes", "--branch", "release"]).ends(0);
    }
    let versions = accepted(&user, "iam", "list_policy_versions", &json!({ "PolicyArn": policy }));
    assert!(versions["Versions"].as_array().unwrap().len() <= 3, "{versions}");
    // Fewer documents are needed now.
    let more = format!("{name}-9");
    let made = json!({ "PolicyName": more, "Path": "/securelambda-ci/orders/", "PolicyDocument": open.to_string() });
    let made = accepted(&user, "iam", "create_policy", &made)["Policy"]["Arn"].clone();
    accepted(&user, "iam", "attach_role_policy", &json!({ "RoleName": name, "PolicyArn": made }));
    role(&user, &["--yes", "--branch", "release"]).ends(0).says(&format!("- the policy {more}"));
    assert_eq!(attached(&user, name), before);
}

#[test]
fn what_belongs_to_somebody_else_is_not_touched() {
    let user = administrator(&endpoint());
    let name = "securelambda-ci-orders-plan";
    let trust = json!({ "Version": "2012-10-17", "Statement": [] }).to_string();
    accepted(&user, "iam", "create_role", &json!({ "RoleName": name, "AssumeRolePolicyDocument": trust }));
    role(&user, &["--yes"]).ends(4).says("does not belong to this stack").says("was not touched");
    user.run(&["ci", "role", "--remove", "--yes"]).ends(4).says("was not touched");
    assert_eq!(live(&user), (BTreeSet::new(), Value::Null), "and nothing else was created");
    accepted(&user, "iam", "delete_role", &json!({ "RoleName": name }));

    let theirs = json!({ "Url": format!("https://{GITHUB}"), "ClientIDList": ["https://github.com/octo-org"] });
    accepted(&user, "iam", "create_open_id_connect_provider", &theirs);
    role(&user, &["--yes"]).ends(4).says("add-client-id-to-open-id-connect-provider").says("was not changed");
    assert_eq!(live(&user), (BTreeSet::new(), json!(["https://github.com/octo-org"])));
}

/// Names are unique, so a call whose answer was lost can be repeated, and what it created is found.
#[test]
fn a_lost_answer_creates_nothing_twice() {
    let all = ["CreateOpenIDConnectProvider", "CreateRole", "CreatePolicy", "AttachRolePolicy", "CreatePolicyVersion"];
    for (call, lost) in all
        .into_iter()
        .flat_map(|call| [CallOutcome::AnswerLost, CallOutcome::ConnectionLost].map(|outcome| (call, outcome)))
    {
        let proxy = Proxy::for_first_call(call, lost.clone());
        let user = administrator(&proxy.endpoint);
        if call == "CreatePolicyVersion" {
            role(&user, &["--yes"]).ends(0);
            let file = std::fs::read_to_string(user.folder.path().join("securelambda.toml")).unwrap();
            user.write("securelambda.toml", &file.replace("[queues.work]\n", "[secrets.Own]\nA = { generate = 20 }\n"));
        }
        role(&user, &["--yes"]).ends(0);
        role(&user, &["--yes"]).ends(0).says("Nothing to do");
        let documents = sorted(policies(&user, &["--for", "up", "--for", "verify"]));
        assert_eq!(attached(&user, "securelambda-ci-orders-deploy"), documents, "{call}: {lost:?}");
        user.run(&["ci", "role", "--remove", "--yes"]).ends(0);
        assert_eq!(live(&user).0, BTreeSet::new());
    }
}

/// IAM does not see a new role or policy everywhere at once.
#[test]
fn a_role_that_is_not_visible_yet_gets_its_policies_later() {
    let unseen = recorded_refusal("role-unseen", &[("name", "securelambda-ci-orders-deploy")]);
    let proxy = Proxy::for_first_call("AttachRolePolicy", CallOutcome::Refused(unseen));
    let user = administrator(&proxy.endpoint);
    role(&user, &["--yes"]).ends(0);
    assert_eq!(proxy.take().iter().filter(|call| call.name == "iam AttachRolePolicy" && call.status == 404).count(), 1);
    role(&user, &["--yes"]).ends(0).says("Nothing to do");
}

#[test]
fn the_printed_commands_create_the_same() {
    let user = administrator(&endpoint());
    let printed = role(&user, &["--print", "--previews"]).ends(0).stdout;
    assert_eq!(live(&user), (BTreeSet::new(), Value::Null));
    user.write("create.sh", &printed);
    let tools = python::installed("awscli", AWS_CLI).join("venv/bin");
    let ran = Command::new("bash")
        .args(["-e", "create.sh"])
        .current_dir(user.folder.path())
        .env_clear()
        .envs(user.command::<&str>(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))))
        .envs([("AWS_ENDPOINT_URL", without_proxy(&endpoint()).as_str()), ("AWS_DEFAULT_REGION", "eu-central-1")])
        .env("PATH", format!("{}:/usr/bin:/bin", tools.display()))
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    role(&user, &["--yes", "--previews"]).ends(0).says("Nothing to do");
    // Without credentials, the documents are the same.
    let account = user.account().unwrap().to_owned();
    let offline = User::bare();
    offline.write("securelambda.toml", &stack(&format!("states-{account}"), &account));
    let again = ["--print", "--previews", "--account", &account, "--region", "eu-central-1"];
    assert_eq!(role(&offline, &again).ends(0).stdout, printed);
    role(&offline, &["--print", "--account", "1"]).ends(2);
    offline.run(&["ci", "role", "--print"]).ends(2).says("--repository");
}

/// The documents of previews allow every call for the stack of a pull request, and nothing on the stack itself.
#[test]
fn the_role_of_previews_suffices_for_previews_alone() {
    let proxy = Proxy::new(&endpoint(), Duration::ZERO);
    let user = administrator(&proxy.endpoint);
    let boundary =
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
    accepted(
        &user,
        "iam",
        "create_policy",
        &json!({ "PolicyName": "functions", "PolicyDocument": boundary.to_string() }),
    );
    let file = std::fs::read_to_string(user.folder.path().join("securelambda.toml")).unwrap();
    user.write("f/index.mjs", "export const handler = async () => ({ statusCode: 200 });\n");
    user.write("securelambda.toml", &format!("{file}[functions.F]\nsource = \"f\"\nsends = [\"work\"]\n[api]\n[[api.routes]]\nroute = \"GET /\"\nfunction = \"F\"\npool = \"Users\"\n"));
    let printed = role(&user, &["--print", "--previews", "--json"]).ends(0).json();
    let role = printed["roles"].as_array().unwrap().iter().find(|role| role["purpose"] == "preview").unwrap();
    let documents: Vec<Value> =
        role["policies"].as_array().unwrap().iter().map(|one| one["document"].clone()).collect();
    let named: Vec<(String, Value)> = documents.iter().map(|one| ("previews".to_owned(), one.clone())).collect();
    let found = findings(&named);
    assert!(found.iter().all(|(_, issue, _)| issue == "UNKNOWN_ACTION"), "{found:?}");

    let calls = |stack: &str| {
        proxy.take();
        let run = |args: &[&str]| user.run(&[args, &["--stack", stack]].concat()).ends(0);
        run(&["up", "--yes", "--ttl", "1h"]);
        run(&["down", "--yes", "--purge"]);
        user.run(&["sweep", "--expired", "--stack", "orders-pr-*", "--yes"]).ends(0).says("No stack has expired");
        proxy.take()
    };
    let account = user.account().unwrap().to_owned();
    let boundary = format!("arn:aws:iam::{account}:policy/functions");
    let of = |stack| StackIdentity { account: &account, region: "eu-central-1", stack, boundary: Some(&boundary) };
    let previews = calls("orders-pr-7");
    let needed: BTreeSet<_> = previews.iter().flat_map(|call| needs(call, &of("orders-pr-7"))).collect();
    assert!(needed.len() > 60, "{}", needed.len());
    for need in &needed {
        assert!(allows(&documents, need), "not allowed: {need:#?}\n{documents:#?}");
    }
    let writes = ["Create", "Delete", "Put", "Update", "POST", "PUT", "DELETE", "PATCH"];
    let others = calls("orders").into_iter().filter(|call| call.writes);
    let others: Vec<_> = others.flat_map(|call| needs(&call, &of("orders"))).collect();
    let strong = others.iter().filter(|need| writes.iter().any(|verb| need.action.contains(&format!(":{verb}"))));
    let allowed: BTreeSet<&str> =
        strong.filter(|need| allows(&documents, need)).map(|need| need.action.as_str()).collect();
    // A new API has no name yet, and its first one needs a role that belongs to the account.
    assert_eq!(allowed, BTreeSet::from(["apigateway:POST", "iam:CreateServiceLinkedRole"]));
}
