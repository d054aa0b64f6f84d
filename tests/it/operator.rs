//! The generated operator policy: it suffices for every command, and every statement is needed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::services::{OURS, SERVICES, StackIdentity, Usage, needs};
use crate::support::botocore;
use crate::support::default_account::default_account;
use crate::support::domains;
use crate::support::emulator::{account, endpoint, python};
use crate::support::iam::{Operator, allows, policies, reduced_for_ministack};
use crate::support::program::User;
use crate::support::proxy::{Call, Proxy};
use crate::support::simulator;

const PASSWORD: &str = "Correct-Horse-7-Battery\n";
const REGION: &str = "eu-central-1";

/// A larger stack with nearly every feature: several topics, secrets and pools, a layer, an image, MFA, and a firewall with
/// IPv4 and IPv6, a log and a rule of its own, which also filters a pool.
const LARGER: &str = r#"
[stack]
name = "larger"
kms_key = "create"
[alarms]
notify = "ops@example.com"
[tables.notes]
key = "userId"
ttl = "expires"
stream = "new"
recovery = true
[topics.orders]
[topics.news]
[secrets.Where]
ORDERS = { topic = "orders" }
KEY = { generate = 32 }
[secrets.Other]
KEY = { generate = 16 }
[functions.Orders]
source = "lambdas/external"
secrets = ["Where"]
publishes = ["orders"]
reads = ["notes"]
writes = ["notes"]
[queues.work]
dead_letter_after = 3
[functions.News]
source = "lambdas/external"
provisioned_concurrency = 1
secrets = ["Where"]
publishes = ["news"]
sends = ["work"]
environment = { QUEUE = { queue = "work" } }
[functions.Listener]
source = "lambdas/internal"
trigger = { topic = "orders" }
on_failure = { queue = "dead" }
[functions.Reader]
source = "lambdas/internal"
layers = ["arn:aws:lambda:eu-central-1:210987654321:layer:tools:3"]
ephemeral_mb = 1024
[[functions.Reader.triggers]]
topic = "news"
[[functions.Reader.triggers]]
queue = "work"
[[functions.Reader.triggers]]
schedule = "rate(1 day)"
[[functions.Reader.triggers]]
stream = "notes"
[[functions.Reader.triggers]]
service = "s3.amazonaws.com"
source_arn = "arn:aws:s3:::photos"
[functions.Pictures]
image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/pictures@sha256:0000000000000000000000000000000000000000000000000000000000000000"
ephemeral_mb = 2048
[pools.Customers]
mfa = "optional"
firewall = true
mail = { ses = "arn:aws:ses:eu-central-1:123456789012:identity/example.com", from = "no-reply@example.com" }
[identity_pools.Files]
pool = "Staff"
allow = [{ actions = ["s3:GetObject"], resources = ["arn:{partition}:s3:::photos/*"] }]
tags = { tenant = "custom:tenant" }
groups = { staff = [{ actions = ["s3:PutObject"], resources = ["arn:{partition}:s3:::photos/*"] }] }
[pools.Staff]
hooks = { post_confirmation = "News", pre_authentication = "Listener" }
groups = ["staff", "old"]
attributes = { tenant = { mutable = false } }
scopes = { orders = ["read"], old = ["all"] }
login = { domain = "larger-of-the-tests", callbacks = ["https://app.example.com/callback"] }
providers = { Google = { client_id = "app", client_secret = { secret = "Other", key = "KEY" } } }
clients = { partner = { secret = true, flows = ["client-credentials"], scopes = ["orders/read"] }, app = {} }
[plans.partner]
quota = { requests = 1000, per = "day" }
keys = ["acme"]
[api]
stage = "live"
domain = { name = "api.example.com", certificate = "{certificate}", zone = "example.com" }
default_endpoint = false
cors = { origins = ["https://app.example.com"], headers = ["Authorization"] }
[[api.routes]]
route = "POST /orders/{id}"
function = "Orders"
pool = "Customers"
body = "lambdas/external/request.schema.json"
[[api.routes]]
route = "POST /news"
function = "News"
pool = "Staff"
key = true
rate_limit = 40
[[api.routes]]
route = "GET /staff"
function = "News"
pool = "Staff"
groups = ["staff"]
[[api.routes]]
route = "GET /orders"
function = "News"
pool = "Staff"
scopes = ["orders/read"]
[firewall]
mode = "block"
addresses = ["203.0.113.7/32", "2001:db8::/48"]
rate_per_ip = 500
managed_rules = ["common"]
log = true
[[firewall.rules]]
name = "admin"
path = "/admin/*"
unless_address = ["203.0.113.0/24"]
"#;

/// The stack file with the ARN of a certificate. No policy depends on the certificate.
fn unnamed(file: &str) -> String {
    file.replace("{certificate}", "arn:aws:acm:eu-central-1:123456789012:certificate/a")
}

/// The documents that `policy` prints without credentials.
fn policy(user: &User, account: &str, args: &[&str]) -> Vec<Value> {
    let account = if account == "test" { "000000000000" } else { account };
    policies(user, &[&["--account", account, "--region", REGION], args].concat())
}

fn with_sources(user: &User) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/lambdas");
    std::os::unix::fs::symlink(source, user.folder.path().join("lambdas")).unwrap();
}

fn without(policies: &[Value], sid: &str) -> Vec<Value> {
    let mut left = policies.to_vec();
    for policy in &mut left {
        policy["Statement"].as_array_mut().unwrap().retain(|statement| statement["Sid"] != sid);
    }
    left
}

fn statements(policies: &[Value]) -> impl Iterator<Item = &Value> {
    policies.iter().flat_map(|policy| policy["Statement"].as_array().unwrap())
}

fn sids(policies: &[Value]) -> Vec<String> {
    statements(policies).map(|statement| statement["Sid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_generated_policy_suffices_for_every_command_of_the_tutorial() {
    let _alone = default_account();
    let mut operator = Operator::new("test", &endpoint());
    let least = policy(&operator.user, "test", &[]);
    operator.set_policy(&reduced_for_ministack(&least));
    let user = &operator.user;
    let pool = ["--pool", "MyUserPool1", "--password-stdin"];
    user.run(&["plan"]).ends(0);
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run_with(PASSWORD, &[&["add-user", "ada@example.com"], &pool[..]].concat()).ends(0);
    user.run(&["add-user", "ivy@example.com", "--pool", "MyUserPool2", "--invite"]).ends(0);
    user.run_with(PASSWORD, &[&["add-user", "sue@example.com", "--sign-up"], &pool[..]].concat()).ends(0);
    user.run(&["users"]).ends(0);
    user.run_with(PASSWORD, &[&["token", "ada@example.com"], &pool[..]].concat()).ends(0);
    let data = ["--as", "ada@example.com", "--password-stdin", "--data", r#"{"name":"Ada"}"#];
    user.run_with(PASSWORD, &[&["call", "POST /lambda1"], &data[..]].concat()).ends(0);
    user.run(&["verify"]).ends(0);
    user.run(&["logs"]).ends(0);
    // The emulator lacks the call, and says so only to a caller with the permission.
    user.run(&["traffic"]).ends(1).says("keeps no samples");
    user.run(&["doctor"]).ends(0);
    user.run(&["remove-user", "--yes", "ada@example.com", "--pool", "MyUserPool1"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["sweep", "--stack", "securelambda", "--yes"]).ends(0);
    user.run(&["down", "--yes", "--purge"]).ends(0);
}

/// The other blueprints, each with one of its pools.
const BLUEPRINTS: [(&str, &str); 2] = [("http-jwt", "Users"), ("api-to-api", "Callers")];

#[test]
fn the_generated_policy_suffices_for_the_other_blueprints() {
    let _alone = default_account();
    for (blueprint, pool) in BLUEPRINTS {
        let mut operator = Operator::new("test", &endpoint());
        operator.user = operator.user.with("SECURELAMBDA_BLUEPRINT", blueprint).with("SECURELAMBDA_TIME_SCALE", "0.02");
        let least = policy(&operator.user, "test", &[]);
        operator.set_policy(&reduced_for_ministack(&least));
        let user = &operator.user;
        user.run(&["plan"]).ends(0);
        user.run(&["up", "--yes"]).ends(0);
        user.run(&["status", "--detailed-exitcode"]).ends(0);
        user.run(&["add-user", "ada@example.com", "--pool", pool, "--generate"]).ends(0);
        user.run(&["users"]).ends(0);
        user.run(&["verify"]).ends(0);
        user.run(&["logs"]).ends(0);
        user.run(&["doctor"]).ends(0);
        user.run(&["remove-user", "--yes", "ada@example.com", "--pool", pool]).ends(0);
        user.run(&["down", "--yes"]).ends(0).says("0 left");
        user.run(&["up", "--yes"]).ends(0);
        user.run(&["sweep", "--stack", blueprint, "--yes"]).ends(0);
        // Delete the secrets in their recovery windows.
        user.run(&["down", "--yes", "--purge"]).ends(0);
    }
}

#[test]
fn the_policy_for_one_command_suffices_for_that_command() {
    let mut operator = Operator::new(&account(), &endpoint());
    let account = operator.account().to_owned();
    let pool = ["--pool", "MyUserPool1"];
    let add = ["add-user", "ivy@example.com", "--invite"];
    for (work, args) in [
        ("plan", vec!["plan"]),
        ("up", vec!["up", "--yes"]),
        ("status", vec!["status", "--detailed-exitcode"]),
        ("add-user", [&add[..], &pool].concat()),
        ("users", vec!["users"]),
        ("remove-user", [&["remove-user", "--yes", "ivy@example.com"], &pool[..]].concat()),
        ("logs", vec!["logs"]),
        ("down", vec!["down", "--yes"]),
    ] {
        operator.set_policy(&reduced_for_ministack(&policy(&operator.user, &account, &["--for", work])));
        operator.user.run(&args).ends(0);
    }
    // `doctor` checks everything, and finds only the missing permissions of the other commands.
    operator.set_policy(&reduced_for_ministack(&policy(&operator.user, &account, &["--for", "doctor"])));
    let document = operator.user.run(&["doctor", "--json"]).ends(1).json();
    let bad = document["checks"].as_array().unwrap().iter().filter(|check| check["health"] == "bad");
    assert_eq!(bad.map(|check| &check["subject"]).collect::<Vec<_>>(), ["permissions"], "{document:#}");
}

/// An operator of the larger stack in a new account.
fn of_the_larger_stack() -> (Operator, Vec<Value>) {
    let operator = Operator::new(&account(), &endpoint());
    with_sources(&operator.user);
    let root = User::of(operator.account(), &endpoint());
    operator.user.write("securelambda.toml", &domains::filled_in(&root, LARGER));
    let least = policy(&operator.user, operator.account(), &[]);
    (operator, least)
}

#[track_caller]
fn fails_without(operator: &mut Operator, least: &[Value], sid: &str, args: &[&str], action: &str) {
    assert!(sids(least).iter().any(|known| known == sid), "there is no statement {sid}");
    operator.set_policy(&reduced_for_ministack(&without(least, sid)));
    let ran = operator.user.run(args);
    assert_ne!(ran.code, 0, "without {sid} {args:?} succeeds:\n{}{}", ran.stdout, ran.stderr);
    ran.says(action).says("`securelambda policy` prints the required permissions");
}

/// Statements without which `up` fails, each with the action that is refused.
const FOR_UP: [(&str, &str); 9] = [
    ("OnAnything", "cognito-idp:ListUserPools"),
    ("FindOwn", "acm:DescribeCertificate"),
    ("OwnByName", "logs:PutRetentionPolicy"),
    ("MakeOwn", "sns:CreateTopic"),
    ("MakeUserPools", "cognito-idp:CreateUserPool"),
    ("OwnByTag", "cognito-idp:CreateUserPoolClient"),
    ("MakeRoles", "iam:CreateRole"),
    ("MakeKeys", "kms:CreateKey"),
    ("LetServicesInvoke", "lambda:AddPermission"),
];

/// Tests the statements that MiniStack checks. It does not check PassRole, service-linked roles, the protocols of
/// subscriptions, tags of APIs and tag permissions at creation; `the_policy_allows_the_programs_calls_and_little_else`
/// tests these.
#[test]
fn up_fails_without_any_one_statement_of_the_policy() {
    std::thread::scope(|threads| {
        for (sid, action) in FOR_UP {
            threads.spawn(move || {
                let (mut operator, least) = of_the_larger_stack();
                fails_without(&mut operator, &least, sid, &["up", "--yes"], action);
            });
        }
    });
    let (_, least) = of_the_larger_stack();
    let tested = FOR_UP.map(|(sid, _)| sid);
    let elsewhere = [
        "AskWhatIsAllowed",
        "FirstApi",
        "MakeEventSourceMappings",
        "OwnFunctionsEvents",
        "PassRolesToGroups",
        "PassRolesToIdentityPools",
        "PassRolesToLambda",
        "PassRolesToScheduler",
        "DeliverAccessLogs",
        "DomainParts",
        "FirstMailSender",
        "OwnApiKeys",
        "OwnDomains",
        "OwnRecords",
        "OwnUsagePlans",
        "PutBeforePools",
        "ReadProvidersSecrets",
        "RequestValidators",
        "Retag",
        "RetagOwn",
        "SubscribeAddresses",
        "SubscribeFunctions",
        "TagNewKeys",
        "TagSessions",
        "TagWhatIsMade",
        "UseImages",
        "UseLayers",
        "UseOwnKey",
    ];
    let all: BTreeSet<String> = tested.into_iter().chain(elsewhere).map(str::to_owned).collect();
    assert_eq!(sids(&least).into_iter().collect::<BTreeSet<_>>(), all, "each statement is to be tested");
}

fn actions(policies: &[Value]) -> Vec<String> {
    let of = |statement: &Value| match &statement["Action"] {
        Value::Array(many) => many.clone(),
        one => vec![one.clone()],
    };
    statements(policies).flat_map(of).map(|action| action.as_str().unwrap().to_owned()).collect()
}

/// A stack for which every command is run.
#[derive(Clone, Copy)]
struct Life<'a> {
    account: &'a str,
    /// Flags for every command.
    flags: &'a [&'a str],
    /// The stack file. `None` for a built-in stack.
    file: Option<&'a str>,
    /// The pool to which users are added.
    pool: &'a str,
}

impl Life<'_> {
    fn tutorial() -> Self {
        Self { account: "test", flags: &[], file: None, pool: "MyUserPool1" }
    }

    fn flag(&self, name: &str) -> Option<&str> {
        let at = self.flags.iter().position(|flag| *flag == name)?;
        self.flags.get(at + 1).copied()
    }

    fn policy(&self) -> Vec<Value> {
        let planner = User::bare();
        if let Some(text) = self.file {
            planner.write("securelambda.toml", &unnamed(text));
        }
        policy(&planner, self.account, self.flags)
    }

    fn place(&self) -> StackIdentity<'_> {
        StackIdentity {
            account: if self.account == "test" { "000000000000" } else { self.account },
            region: REGION,
            stack: self.flag("--blueprint").unwrap_or(if self.file.is_some() { "larger" } else { "securelambda" }),
            boundary: self.flag("--permissions-boundary"),
        }
    }

    /// Runs every command and returns the calls.
    fn calls(&self, proxy: &Proxy) -> Vec<Call> {
        let Self { flags, file, pool, .. } = *self;
        let user = User::of(self.account, &proxy.endpoint).with("SECURELAMBDA_TIME_SCALE", "0.1");
        if let Some(text) = file {
            with_sources(&user);
            user.write("securelambda.toml", &domains::filled_in(&User::of(self.account, &endpoint()), text));
        }
        let run = |args: &[&str]| user.run(&[args, flags].concat()).ends(0);
        run(&["plan"]);
        run(&["up", "--yes"]);
        let more: &[&str] = if file.is_some() { &["--group", "staff", "--attribute", "name=Ivy"] } else { &[] };
        run(&[&["add-user", "ivy@example.com", "--pool", pool, "--generate"], more].concat());
        run(&["users"]);
        if file.is_some() {
            run(&["users", "--group", "staff"]);
            run(&["groups"]);
        }
        if self.account == "test" {
            run(&["verify"]);
        }
        run(&["logs"]);
        run(&["doctor"]);
        // This fails: the emulator keeps no samples, and an HTTP API has no firewall.
        assert_ne!(user.run(&[&["traffic"], flags].concat()).code, 0);
        run(&["remove-user", "--yes", "ivy@example.com", "--pool", pool]);
        // The state was lost. Every resource gets the lineage of the new one.
        std::fs::remove_dir_all(user.folder.path().join("state")).unwrap();
        run(&["up", "--yes", "--adopt"]);
        if let Some(text) = file {
            // Change everything in the file that can change in place.
            let text = text
                .replace("[[functions.Reader.triggers]]\ntopic = \"news\"\n", "memory_mb = 256\n")
                .replace("203.0.113.7/32", "203.0.113.8/32")
                .replace("rate_per_ip = 500", "rate_per_ip = 600")
                .replace("stream = \"new\"", "stream = \"old\"")
                .replace("POST /news", "PUT /news")
                .replace("groups = [\"staff\", \"old\"]", "groups = [\"staff\"]\nself_sign_up = false")
                .replace("orders = [\"read\"], old = [\"all\"]", "orders = [\"read\", \"write\"]")
                .replace("app = {} }", "web = { flows = [\"srp\"] } }")
                .replace("larger-of-the-tests", "larger-of-the-test")
                .replace("tenant = { mutable = false }", "tenant = { mutable = false }, colour = {}")
                .replace("https://app.example.com", "https://www.example.com")
                .replace("stage = \"live\"", "stage = \"live\"\nrate_limit = 70");
            user.write("securelambda.toml", &domains::filled_in(&User::of(self.account, &endpoint()), &text));
            open_a_function(self.account);
            run(&["up", "--yes"]);
            run(&["up", "--yes", "--rotate", "Other"]);
        }
        run(&["down", "--yes"]);
        // This restores the secret.
        run(&["up", "--yes"]);
        run(&["sweep", "--stack", self.place().stack, "--yes"]);
        let table = if file.is_some() { &["--remove-table", "notes"][..] } else { &[] };
        run(&[&["down", "--yes", "--purge"], table].concat());
        proxy.take()
    }
}

/// Adds triggers, permissions, a URL and settings to a function of the larger stack, and stops the function.
fn open_a_function(account: &str) {
    let somebody = User::of(account, &endpoint());
    let function = "larger-Orders";
    let queue = format!("arn:aws:sqs:{REGION}:{account}:foreign");
    let statement = json!({
        "FunctionName": function, "StatementId": "open", "Action": "lambda:InvokeFunction", "Principal": "*",
    });
    let destinations =
        json!({ "FunctionName": function, "DestinationConfig": { "OnSuccess": { "Destination": queue } } });
    let calls = [
        json!(["sqs", "create_queue", { "QueueName": "foreign" }]),
        json!(["lambda", "create_event_source_mapping", { "FunctionName": function, "EventSourceArn": queue }]),
        json!(["lambda", "add_permission", statement]),
        json!(["lambda", "create_function_url_config", { "FunctionName": function, "AuthType": "NONE" }]),
        json!(["lambda", "put_function_event_invoke_config", destinations]),
        json!(["lambda", "publish_version", { "FunctionName": function }]),
        json!(["lambda", "create_alias", { "FunctionName": function, "Name": "live", "FunctionVersion": "1" }]),
        json!(["lambda", "put_function_recursion_config", { "FunctionName": function, "RecursiveLoop": "Allow" }]),
        json!(["lambda", "put_function_concurrency", { "FunctionName": function, "ReservedConcurrentExecutions": 0 }]),
    ];
    for (call, answer) in calls.iter().zip(botocore::calls(&somebody, &calls)) {
        assert!(answer.get("Error").is_none(), "{call}: {answer}");
    }
}

/// The policies allow every call that the program makes. Without any one statement, a call is refused. Nearly every granted
/// action is used, and no call is allowed on another stack's resources. A simulator with AWS's own list of actions,
/// resources and condition keys must agree, also in other regions and partitions.
#[test]
fn the_policy_allows_the_programs_calls_and_little_else() {
    let proxy = Proxy::new(&endpoint(), Duration::ZERO);
    let (mut granted, mut used) = (BTreeSet::new(), BTreeSet::new());
    let bounded = ["--permissions-boundary", "arn:aws:iam::aws:policy/PowerUserAccess"];
    let _alone = default_account();
    let other = account();
    let larger = Life { account: &other, flags: &[], file: Some(LARGER), pool: "Staff" };
    let blueprints = BLUEPRINTS.map(|(name, pool)| (["--blueprint", name], pool));
    let carried = blueprints.iter().map(|(flags, pool)| Life { flags, pool, ..Life::tutorial() });
    for life in [Life::tutorial(), Life { flags: &bounded, ..larger }, larger].into_iter().chain(carried) {
        let (least, calls, place) = (life.policy(), life.calls(&proxy), life.place());
        let mut asked: BTreeSet<Vec<Usage>> = calls.iter().map(|call| needs(call, &place)).collect();
        // `doctor` simulates the caller's permissions, but not for the root user, which makes the calls here.
        asked.insert(vec![Usage {
            action: "iam:SimulatePrincipalPolicy".to_owned(),
            resource: format!("arn:aws:iam::{}:user/operator", place.account),
            context: BTreeMap::new(),
        }]);
        let needed: BTreeSet<&Usage> = asked.iter().flatten().collect();
        assert!(needed.len() > 60, "{}", needed.len());
        for need in &needed {
            assert!(allows(&least, need), "not allowed: {need:#?}\n{least:#?}");
        }
        for sid in sids(&least) {
            let less = without(&least, &sid);
            let missed = needed.iter().filter(|need| !allows(&less, need)).count();
            // In the emulator, no service uses the key, and Lambda reads no layers of others. Only a function of the
            // larger stack is opened. The second larger stack in the account restores the first one's key instead of
            // creating a key.
            let is_rare = ["UseOwnKey", "UseLayers"].contains(&sid.as_str())
                || ["MakeKeys", "TagNewKeys"].contains(&sid.as_str()) && life.flags.is_empty()
                || life.file.is_none() && (life.flags.is_empty() || sid == "OwnFunctionsEvents");
            assert!(missed > 0 || is_rare, "{sid} could be left out");
        }
        let alike: Vec<Vec<Usage>> = asked.iter().filter_map(|call| alike(call, &place)).collect();
        assert!(alike.len() > 30, "{}", alike.len());
        for call in &alike {
            assert!(call.iter().any(|need| !allows(&least, need)), "on another stack: {call:#?}");
        }
        judged_by_aws(&life, &asked, &alike);
        // Roles without the required permissions boundary must be refused.
        let free = StackIdentity { boundary: None, ..place };
        for operation in ["CreateRole", "PutRolePolicy"] {
            let of_roles = calls.iter().filter(|call| place.boundary.is_some() && call.sent.operation == operation);
            let roles: Vec<Usage> = of_roles.map(|call| needs(call, &free).remove(0)).collect();
            assert!(place.boundary.is_none() || !roles.is_empty(), "{operation} was never called");
            for need in roles {
                assert!(!allows(&least, &need), "without the boundary: {need:#?}");
            }
        }
        used.extend(needed.into_iter().map(|need| need.action.clone()));
        granted.extend(actions(&least));
    }
    let unused: BTreeSet<String> = granted.difference(&used).cloned().collect();
    // The reason for each is in `tests/it/services`.
    let rare = SERVICES.iter().flat_map(|service| service.unused);
    assert_eq!(unused, rare.map(|(action, _)| (*action).to_owned()).collect());
}

/// The same call on the resources of another stack whose name begins with this stack's name. `None` for calls that concern
/// no stack's resources, such as lists.
fn alike(call: &[Usage], place: &StackIdentity<'_>) -> Option<Vec<Usage>> {
    let (stack, other) = (place.stack, format!("{}-prod", place.stack));
    let renamed = |text: &str| {
        text.replace(&format!("{stack}-"), &format!("{other}-"))
            .replace(&format!("/securelambda/{stack}/"), &format!("/securelambda/{other}/"))
            // An existing role of the other stack has that stack's path.
            .replace(&format!(":role/{other}-"), &format!(":role/securelambda/{other}/{other}-"))
    };
    let of_another = |need: &Usage| {
        let value = |(key, value): (&String, &String)| {
            let tag = key.ends_with("/securelambda:stack");
            (key.clone(), if tag { other.clone() } else { renamed(value) })
        };
        let mut context: BTreeMap<String, String> = need.context.iter().map(value).collect();
        let resource = renamed(&need.resource);
        // The resource exists and has the other stack's tag. Parts of an HTTP API and validators of a REST API have no tags,
        // and AWS offers no other condition; here they count as having the tag of their API.
        let made = context.keys().any(|key| key.starts_with("aws:RequestTag/"));
        let parts = ["authorizers", "integrations", "routes", "routesettings", "cors", "requestvalidators"];
        // Event source mappings that somebody added by hand count as having the tag of their function.
        let is_mapping = resource.contains(":event-source-mapping:");
        let is_part = is_mapping
            || parts.iter().any(|part| resource.contains(&format!("/{part}")) && resource.contains(":apigateway:"));
        if is_part || (!made && resource.contains(&format!("{other}-"))) {
            context.insert(OURS.to_owned(), other.clone());
        }
        Usage { action: need.action.clone(), resource, context }
    };
    // No policy can reliably limit this read of a subscription to a topic (docs/aws.md, Permissions of single calls).
    let everywhere = "sns:GetSubscriptionAttributes";
    let limited = call.iter().filter(|need| need.action != everywhere);
    let others: Vec<Usage> = limited.map(of_another).collect();
    let call: Vec<Usage> = call.iter().filter(|need| need.action != everywhere).cloned().collect();
    (others != call).then_some(others)
}

/// Partition, region and identity pool principal: of the tests' region, of GovCloud, and of a region with a long name.
const ELSEWHERE: [(&str, &str, &str); 3] = [
    ("aws", REGION, "cognito-identity.amazonaws.com"),
    ("aws-us-gov", "us-gov-west-1", "cognito-identity-us-gov.amazonaws.com"),
    ("aws", "ap-southeast-2", "cognito-identity.amazonaws.com"),
];

fn judged_by_aws(life: &Life<'_>, asked: &BTreeSet<Vec<Usage>>, alike: &[Vec<Usage>]) {
    let account = if life.account == "test" { "000000000000" } else { life.account };
    for (partition, region, identity_pools) in ELSEWHERE {
        let planner = User::bare();
        if let Some(text) = life.file {
            // The stack file names a layer and an image by region.
            let text = text.replace("arn:aws:", &format!("arn:{partition}:")).replace(REGION, region);
            planner.write("securelambda.toml", &unnamed(&text));
        }
        let least = policies(&planner, &[&["--account", account, "--region", region], life.flags].concat());
        let there = |need: &Usage| -> Usage {
            let moved = |text: &str| {
                text.replace("arn:aws:", &format!("arn:{partition}:"))
                    .replace("arn%3Aaws%3A", &format!("arn%3A{partition}%3A"))
                    .replace(REGION, region)
                    .replace("cognito-identity.amazonaws.com", identity_pools)
            };
            // The flag determines the boundary.
            let value = |(key, value): (&String, &String)| {
                (key.clone(), if key == "iam:PermissionsBoundary" { value.clone() } else { moved(value) })
            };
            Usage {
                action: need.action.clone(),
                resource: moved(&need.resource),
                context: need.context.iter().map(value).collect(),
            }
        };
        let moved = |calls: &mut dyn Iterator<Item = &Vec<Usage>>| -> Vec<Vec<Usage>> {
            calls.map(|call| call.iter().map(there).collect()).collect()
        };
        let (own, others) = (moved(&mut asked.iter()), moved(&mut alike.iter()));
        let needs: Vec<Usage> = own.iter().chain(&others).flatten().cloned().collect();
        let mut answers = simulator::allowed(&least, &needs).into_iter();
        for need in own.iter().flatten() {
            assert_eq!(
                answers.next(),
                Some(true),
                "according to AWS's data, in {region}, not allowed: {need:#?}\n{least:#?}"
            );
        }
        for call in &others {
            let allowed = answers.by_ref().take(call.len()).filter(|allowed| *allowed).count();
            assert!(allowed < call.len(), "according to AWS's data, in {region}, allowed on another stack: {call:#?}");
        }
    }
}

/// Tagging a foreign resource would make it the stack's own. This and reading foreign secrets must be refused, whether the
/// resource has no tag or another stack's tag.
#[test]
fn the_policy_forbids_tagging_foreign_resources_and_reading_secrets() {
    let user = User::bare();
    with_sources(&user);
    user.write("securelambda.toml", &unnamed(LARGER));
    let mut all = policy(&user, "123456789012", &[]);
    for (blueprint, _) in BLUEPRINTS {
        all.extend(policy(&User::bare(), "123456789012", &["--blueprint", blueprint, "--stack", "larger"]));
    }
    let tags =
        |api: &str| format!("arn:aws:apigateway:{REGION}::/tags/arn%3Aaws%3Aapigateway%3A{REGION}%3A%3A%2F{api}");
    let at = |service: &str, rest: &str| format!("arn:aws:{service}:{REGION}:123456789012:{rest}");
    let mut taking = vec![
        ("cognito-idp:TagResource", at("cognito-idp", "userpool/eu-central-1_Abc")),
        ("cognito-identity:TagResource", at("cognito-identity", "identitypool/eu-central-1:1-2")),
        ("cognito-idp:UpdateUserPool", at("cognito-idp", "userpool/eu-central-1_Abc")),
        ("cognito-identity:UpdateIdentityPool", at("cognito-identity", "identitypool/eu-central-1:1-2")),
        ("cognito-idp:DescribeUserPoolClient", at("cognito-idp", "userpool/eu-central-1_Abc")),
        ("cognito-idp:ListUsers", at("cognito-idp", "userpool/eu-central-1_Abc")),
        ("secretsmanager:GetSecretValue", at("secretsmanager", "secret:larger-Where-AbCdEf")),
    ];
    for verb in ["POST", "PUT", "PATCH", "DELETE"] {
        let action: &str = match verb {
            "POST" => "apigateway:POST",
            "PUT" => "apigateway:PUT",
            "PATCH" => "apigateway:PATCH",
            _ => "apigateway:DELETE",
        };
        for api in [
            "restapis%2Fabc",
            "restapis%2Fabc%2Fstages%2Flive",
            "apis%2Fabc",
            "v2%2Fapis%2Fabc",
            "v2%2Fapis%2Fabc%2Fstages%2Flive",
            "apis%2Fabc%2Fstages%2Flive",
        ] {
            taking.push((action, tags(api)));
        }
        for api in ["restapis/abc", "restapis/abc/stages/live", "apis/abc", "apis/abc/stages/live"] {
            taking.push((action, format!("arn:aws:apigateway:{REGION}::/{api}")));
        }
    }
    for api in ["restapis/abc", "restapis/abc/stages/live", "restapis/abc/stages", "apis/abc", "apis/abc/stages/live"] {
        taking.push(("apigateway:TagResource", format!("arn:aws:apigateway:{REGION}::/{api}")));
    }
    for (action, resource) in taking {
        for carried in [None, Some("larger-prod")] {
            let context = [("aws:RequestTag/securelambda:stack", Some("larger")), (OURS, carried)];
            let context = context.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
            let need = Usage { action: action.to_owned(), resource: resource.clone(), context: context.collect() };
            assert!(!allows(&all, &need), "{need:#?}");
        }
    }
    // A resource of another stack cannot get this stack's tag either.
    for (action, resource) in [
        ("sns:TagResource", at("sns", "larger-prod-news")),
        ("lambda:TagResource", at("lambda", "function:larger-prod-News")),
        ("secretsmanager:TagResource", at("secretsmanager", "secret:larger-prod-Where-AbCdEf")),
        ("logs:TagResource", at("logs", "log-group:/aws/lambda/larger-prod-News")),
        ("wafv2:TagResource", at("wafv2", "regional/webacl/larger-prod-web-acl/1")),
        ("iam:TagRole", "arn:aws:iam::123456789012:role/securelambda/larger-prod/larger-prod-News".to_owned()),
    ] {
        let context = [("aws:RequestTag/securelambda:stack", "larger"), (OURS, "larger-prod")];
        let context = context.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let need = Usage { action: action.to_owned(), resource, context };
        assert!(!allows(&all, &need), "{need:#?}");
    }
}

/// An action that does not exist in AWS allows nothing, and IAM reports no error.
#[test]
fn every_action_of_the_policies_exists_in_aws() {
    let script = r"
import json, sys, botocore.session
loader = botocore.session.get_session()
print(json.dumps({service: loader.get_service_model(service).operation_names for service in sys.argv[1:]}))
";
    let grants: Vec<_> = securelambda::aws::rights::grants().collect();
    let granted: BTreeSet<&str> =
        grants.iter().flat_map(|grant| grant.template.rights).flat_map(|right| right.actions).copied().collect();
    let services: BTreeSet<&str> = granted.iter().map(|action| action.split_once(':').unwrap().0).collect();
    let output = std::process::Command::new(python()).args(["-c", script]).args(services).output().unwrap();
    let known: Value = serde_json::from_slice(&output.stdout).unwrap();
    // Permissions that are no operations. API Gateway's permissions are HTTP methods.
    let others = [
        // Lambda's permission for Invoke, those of Cognito for web ACLs, and those that CloudWatch requires for logs.
        "lambda:InvokeFunction",
        // The permission for ListObjectsV2.
        "s3:ListBucket",
        "cognito-idp:AssociateWebACL",
        "cognito-idp:DisassociateWebACL",
        "cognito-idp:GetWebACLForResource",
        "cognito-idp:ListResourcesForWebACL",
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:UpdateLogDelivery",
        "iam:PassRole",
        "apigateway:RemoveCertificateFromDomain",
        "apigateway:SetWebACL",
        "apigateway:TagResource",
        "apigateway:UpdateRestApiPolicy",
    ];
    let verbs = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    for action in granted {
        let (service, name) = action.split_once(':').unwrap();
        let is_operation = known[service].as_array().unwrap().contains(&json!(name));
        let is_verb = service == "apigateway" && verbs.contains(&name);
        assert!(is_operation || is_verb || others.contains(&action), "{action}");
    }
}

#[test]
fn policy_names_missing_and_wrong_arguments() {
    let user = User::bare();
    user.run(&["policy", "--account", "1234", "--region", REGION]).ends(2).says("12 digits");
    user.run(&["policy", "--account", "123456789012"]).ends(2).says("--region");
    user.run(&["policy", "--region", REGION]).ends(3).says("credentials");
    user.run(&["policy", "--for", "token", "--account", "123456789012", "--region", REGION])
        .ends(2)
        .says("possible values");
    let ran = user.run(&["policy", "--account", "123456789012", "--region", REGION, "--permissions-boundary", "x"]);
    ran.ends(2).says("ARN of a managed policy");
    let gov = user.run(&["policy", "--account", "123456789012", "--region", "us-gov-west-1", "--json"]).ends(0);
    assert!(gov.stdout.contains("arn:aws-us-gov:iam::123456789012:role/securelambda/securelambda/*"), "{}", gov.stdout);
    assert_eq!(gov.stderr, "");
}

/// A single policy is printed. Several policies go into files, or into one JSON document.
#[test]
fn several_policies_are_written_to_files_or_printed_as_json() {
    let user = User::bare();
    let at = ["policy", "--account", "123456789012", "--region", REGION];
    let one = user.run(&[&at[..], &["--for", "status"]].concat()).ends(0).json();
    assert_eq!(one["Version"], "2012-10-17");
    let refused = user.run(&at).ends(2).says("require 3 managed policies").says("--out DIR").says("--json");
    assert_eq!(refused.stdout, "");

    let printed = user.run(&[&at[..], &["--json"]].concat()).ends(0).json();
    assert_eq!((&printed["schema_version"], printed["policies"].as_array().unwrap().len()), (&json!(1), 3));
    let written = user.run(&[&at[..], &["--out", "my policies"]].concat()).ends(0);
    for (number, policy) in printed["policies"].as_array().unwrap().iter().enumerate() {
        let name = format!("securelambda-operator-{}", number + 1);
        assert_eq!(policy["name"], name.as_str());
        let file = user.folder.path().join("my policies").join(format!("{name}.json"));
        let text = std::fs::read_to_string(file).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), policy["document"]);
        let length = text.chars().filter(|c| !c.is_whitespace()).count();
        assert!(length <= 6144 && policy["characters"] == length, "{length}: {}", policy["characters"]);
        let command =
            format!("aws iam create-policy --policy-name {name} --policy-document 'file://my policies/{name}.json'");
        assert!(written.stdout.lines().any(|line| line == command), "{}", written.stdout);
    }
    written.says("Wrote my policies/securelambda-operator-1.json");
    // Policies for some commands have other names and leave these files alone. Files of an earlier run that are no longer
    // needed are named.
    let one = user.run(&[&at[..], &["--for", "status", "--for", "logs", "--out", "my policies"]].concat()).ends(0);
    assert!(one.stdout.contains("--policy-name securelambda-status-logs-1 "), "{}", one.stdout);
    assert!(!one.stderr.contains("earlier run"), "{}", one.stderr);
    user.write("my policies/securelambda-status-2.json", "{}");
    let fewer = user.run(&[&at[..], &["--for", "status", "--out", "my policies"]].concat()).ends(0);
    fewer.says("securelambda-status-2.json is from an earlier run");
    let foreign = [&at[..], &["--permissions-boundary", "arn:aws:iam::999999999999:policy/b", "--json"]].concat();
    user.run(&foreign).ends(2).says("the permissions boundary is in account 999999999999");
    user.write("file", "");
    user.run(&[&at[..], &["--out", "file/x"]].concat()).ends(1).says("cannot be written");
}

#[test]
fn policy_uses_the_account_of_the_credentials() {
    let account = account();
    let user = User::of(&account, &endpoint());
    let asked = policies(&user, &[]);
    assert_eq!(asked, policy(&user, &account, &[]));
    for (number, document) in asked.iter().enumerate() {
        let name = format!("least-{number}");
        let policy = json!({ "PolicyName": name, "PolicyDocument": document.to_string() });
        let answer = botocore::call(&user, "iam", "create_policy", &policy);
        assert!(answer.get("Error").is_none(), "{answer}");
    }
}
