//! The IAM policies that follow from the stack file's entries. Resources are full ARNs, with these exceptions. A
//! wildcard stands for the streams within a function's own log group, for the stream of a table of the stack, whose ARN
//! contains the time, and for the keys that encrypt parameters, existing secrets and streams outside of the stack. The
//! permissions for a VPC have the resource `*`. X-Ray's permissions to send traces have it too, because AWS allows no
//! other (docs/aws.md, Tracing). `allow` has the resources that the stack file gives.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::grants::grants;
use super::sections::with_pool;
use super::{Destination, Function, Rotation, Stack, StreamSource};
use crate::policy::Policy;
use crate::scope::Scope;

/// The greatest size of a role's inline policies, without white space, in characters (docs/aws.md, Policy documents).
pub(super) const MAX_POLICY: usize = 10_240;

/// The actions that Lambda performs with the role of a function in a VPC.
const NETWORK_ACTIONS: [&str; 6] = [
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
];

/// The `Sid`s of statements in functions' policies. `NUMBERED_SIDS` has those that end in a number.
const SIDS: [&str; 22] = [
    "DecryptParameters",
    "DecryptTheirSecrets",
    "InvokeOwnFunctions",
    "JoinVpc",
    "NoNetworkCallsByCode",
    "PublishToOwnTopics",
    "ReadOwnSecrets",
    "ReadParameterPaths",
    "ReadParameters",
    "ReadStreams",
    "ReadTableStreams",
    "ReadTables",
    "ReadTheirSecrets",
    "ReceiveFromOwnQueues",
    "RotateOwnSecrets",
    "SendFailedEvents",
    "SendToOwnQueues",
    "SendTraces",
    "TellOfFailedEvents",
    "UseKey",
    "WriteOwnLogs",
    "WriteTables",
];
const NUMBERED_SIDS: [&str; 2] = ["Allow", "DecryptStream"];

/// Whether this is the `Sid` of a statement that the program gives functions for some stack file.
pub fn is_of_the_program(sid: &str) -> bool {
    let number = |rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit());
    SIDS.contains(&sid) || NUMBERED_SIDS.iter().any(|beginning| sid.strip_prefix(beginning).is_some_and(number))
}

/// Lets the Lambda service, and nobody else, assume a function's role for functions of this account.
pub fn trust(account: &str) -> Policy {
    Policy::trust("lambda.amazonaws.com", account)
}

/// Lets a function write to its log group (an ARN without `:*`), read these secrets, publish to these topics and, with
/// `tracing`, send traces.
pub fn function(log_group: &str, secrets: &[String], topics: &[String], tracing: bool) -> Policy {
    let mut statements = vec![json!({
        "Sid": "WriteOwnLogs",
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": format!("{log_group}:*"),
    })];
    if !secrets.is_empty() {
        statements.push(json!({
            "Sid": "ReadOwnSecrets",
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": secrets,
        }));
    }
    if !topics.is_empty() {
        statements.push(json!({
            "Sid": "PublishToOwnTopics",
            "Effect": "Allow",
            "Action": "sns:Publish",
            "Resource": topics,
        }));
    }
    if tracing {
        statements.push(json!({
            "Sid": "SendTraces",
            "Effect": "Allow",
            "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
            "Resource": "*",
        }));
    }
    Policy::new(statements)
}

/// Lets a function replace the values of these secrets (docs/aws.md, Rotation).
pub fn rotate(secrets: &[String]) -> Option<serde_json::Value> {
    (!secrets.is_empty()).then(|| {
        json!({
            "Sid": "RotateOwnSecrets",
            "Effect": "Allow",
            "Action": [
                "secretsmanager:DescribeSecret",
                "secretsmanager:GetSecretValue",
                "secretsmanager:PutSecretValue",
                "secretsmanager:UpdateSecretVersionStage",
            ],
            "Resource": secrets,
        })
    })
}

/// Lets Lambda connect a function (an ARN) to its VPC, with the permissions of AWS's `AWSLambdaVPCAccessExecutionRole`.
/// The code of the function may use none of them (docs/aws.md, Functions in a VPC).
pub fn join_vpc(function: &str) -> [serde_json::Value; 2] {
    let statement = |sid: &str, effect: &str, actions: &[&str]| json!({ "Sid": sid, "Effect": effect, "Action": actions, "Resource": "*" });
    let mut not_by_code = statement("NoNetworkCallsByCode", "Deny", &NETWORK_ACTIONS);
    not_by_code["Condition"] = json!({ "ArnEquals": { "lambda:SourceFunctionArn": function } });
    [statement("JoinVpc", "Allow", &NETWORK_ACTIONS), not_by_code]
}

/// The resource policy of a secret of this account. It only denies: everything to other accounts, and reading the value
/// to everybody except `readers`. If there are administrators (ARNs of roles and users), it denies everything to
/// everybody except readers and administrators.
pub fn secret(account: &str, readers: &[String], administrators: &[String]) -> Policy {
    let deny = |sid: &str, actions: &str, condition: serde_json::Value| {
        let mut statement =
            json!({ "Sid": sid, "Effect": "Deny", "Principal": "*", "Action": actions, "Resource": "*" });
        if !condition.is_null() {
            statement["Condition"] = condition;
        }
        statement
    };
    let all_but = |arns: &[String]| match arns {
        [] => serde_json::Value::Null,
        arns => json!({ "StringNotEquals": { "aws:PrincipalArn": arns } }),
    };
    // AWS's own services have no account.
    let others = json!({
        "StringNotEquals": { "aws:PrincipalAccount": account },
        "Bool": { "aws:PrincipalIsAWSService": "false" },
    });
    let mut statements = vec![
        deny("NoOtherAccounts", "secretsmanager:*", others),
        deny("NoOtherReaders", "secretsmanager:GetSecretValue", all_but(readers)),
    ];
    if !administrators.is_empty() {
        let known: Vec<String> = readers.iter().chain(administrators).cloned().collect();
        statements.push(deny("NobodyElse", "secretsmanager:*", all_but(&known)));
    }
    Policy::new(statements)
}

/// The secrets that a function rotates.
pub fn rotated_by<'a>(stack: &'a Stack, function: &'a str) -> impl Iterator<Item = &'a String> {
    let rotates = move |rotation: &Rotation| rotation.function == function;
    let found = stack.secrets.iter().filter(move |(_, secret)| secret.settings.rotation.as_ref().is_some_and(rotates));
    found.map(|(name, _)| name)
}

/// Lets the users of an identity pool call exactly the methods with these ARNs, and adds the statements in `granted`. A
/// policy without any permission denies everything, because IAM refuses a policy without statements.
pub fn callers(arns: &[String], granted: impl IntoIterator<Item = serde_json::Value>) -> Policy {
    let invoke = (!arns.is_empty()).then(
        || json!({ "Sid": "CallOwnRoutes", "Effect": "Allow", "Action": "execute-api:Invoke", "Resource": arns }),
    );
    let mut statements: Vec<serde_json::Value> = invoke.into_iter().chain(granted).collect();
    if statements.is_empty() {
        statements.push(json!({ "Sid": "AllowNothing", "Effect": "Deny", "Action": "*", "Resource": "*" }));
    }
    Policy::new(statements)
}

/// Every function's policy before its resources exist. ARNs follow from names, with two exceptions: AWS chooses the
/// last six characters of a secret's ARN, and the id in a pool's ARN.
pub fn planned(stack: &Stack, scope: &Scope, known: &Known<'_>) -> Vec<(String, Policy)> {
    let plan = stack.functions.iter().map(|(name, wanted)| {
        let rotated: Vec<String> = rotated_by(stack, name).map(|secret| secret_arn(secret, scope, known)).collect();
        let key = stack.kms_key.as_ref().map(|key| key.arn(scope));
        let policy = planned_for(stack, name, wanted, scope, key.as_ref(), known);
        (name.clone(), rotate(&rotated).into_iter().fold(policy, Policy::with))
    });
    plan.collect()
}

/// The ARNs of the secrets and pools that exist already, by name.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    pub secret: &'a dyn Fn(&str) -> Option<String>,
    pub pool: &'a dyn Fn(&str) -> Option<String>,
}

impl Known<'_> {
    /// No secret and no pool exists.
    pub(super) const NOTHING: Known<'static> = Known { secret: &|_| None, pool: &|_| None };

    /// The ARN of a pool, with `?` in place of its id if the pool does not exist.
    fn pool_arn(&self, name: &str, scope: &Scope) -> String {
        let unknown = || scope.arn("cognito-idp", &format!("userpool/{}_?????????", scope.region));
        (self.pool)(name).unwrap_or_else(unknown)
    }
}

fn secret_arn(name: &str, scope: &Scope, known: &Known<'_>) -> String {
    (known.secret)(name)
        .unwrap_or_else(|| scope.arn("secretsmanager", &format!("secret:{}-??????", scope.physical(name))))
}

/// The policy of one function before its resources exist, as in [`planned`].
pub(super) fn planned_for(
    stack: &Stack,
    name: &str,
    wanted: &Function,
    scope: &Scope,
    key: Option<&String>,
    known: &Known<'_>,
) -> Policy {
    let logs = scope.arn("logs", &format!("log-group:/aws/lambda/{}", scope.physical(name)));
    let own = wanted.secrets.iter().filter(|secret| !stack.existing_secrets.contains_key(*secret));
    let secrets: Vec<String> = own.map(|secret| secret_arn(secret, scope, known)).collect();
    let topics: Vec<String> = wanted.publishes.iter().map(|topic| scope.arn("sns", &scope.physical(topic))).collect();
    let policy = function(&logs, &secrets, &topics, traces(wanted, scope));
    let uses_key = key.map(|key| use_key(stack, name, wanted, scope, key));
    let theirs = |name: &str| stack.existing_pools.get(name).map(|pool| pool.arn(scope));
    let pool = |name: &str| theirs(name).or_else(|| Some(known.pool_arn(name, scope)));
    beyond(stack, name, wanted, scope, &pool).into_iter().chain(uses_key).fold(policy, Policy::with)
}

/// The statements of a function's policy that depend on nothing but the stack file and the ARNs of the pools that it
/// names.
pub fn beyond(
    stack: &Stack,
    name: &str,
    wanted: &Function,
    scope: &Scope,
    pool: &dyn Fn(&str) -> Option<String>,
) -> Vec<serde_json::Value> {
    let arn = scope.arn("lambda", &format!("function:{}", scope.physical(name)));
    // A function with empty lists in `vpc` needs these permissions too: Lambda uses them to delete the network
    // interfaces of the VPC that the function leaves.
    let network = wanted.vpc.iter().flat_map(|_| join_vpc(&arn));
    let failures = |of: fn(&Destination) -> bool| {
        let arns = wanted.failures().filter(move |one| of(one)).map(|one| one.arn(stack, scope));
        let arns: BTreeSet<String> = arns.collect();
        (!arns.is_empty()).then_some(arns)
    };
    let failed = failures(|one| one.queue().is_some()).map(|queues| send("SendFailedEvents", &one_or_all(&queues)));
    let told = failures(|one| one.topic().is_some()).map(
        |topics| json!({ "Sid": "TellOfFailedEvents", "Effect": "Allow", "Action": "sns:Publish", "Resource": topics }),
    );
    let queues: Vec<String> = wanted.sends.iter().map(|queue| stack.queue_arn(scope, queue)).collect();
    let sends = (!queues.is_empty()).then(|| send("SendToOwnQueues", &json!(queues)));
    let sources: Vec<String> = wanted.queues().map(|trigger| stack.queue_arn(scope, &trigger.queue)).collect();
    let receives = (!sources.is_empty()).then(|| {
        json!({
            "Sid": "ReceiveFromOwnQueues",
            "Effect": "Allow",
            "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            "Resource": sources,
        })
    });
    let granted = grants(stack, wanted, scope).into_iter().map(|grant| grant.with_pools(pool).statement());
    let queues = failed.into_iter().chain(told).chain(sends).chain(receives);
    network.chain(queues).chain(streams(wanted, scope)).chain(granted).collect()
}

/// A statement of [`beyond`] with the ARNs of these pools.
pub fn with_pools(statement: &serde_json::Value, arns: &BTreeMap<String, String>) -> serde_json::Value {
    let mut statement = statement.clone();
    for resource in statement["Resource"].as_array_mut().into_iter().flatten() {
        if let Some(text) = resource.as_str() {
            *resource = with_pool(text, &|name| arns.get(name).cloned()).into();
        }
    }
    statement
}

/// One text, or a list of several.
fn one_or_all(texts: &BTreeSet<String>) -> serde_json::Value {
    match texts.first() {
        Some(only) if texts.len() == 1 => json!(only),
        _ => json!(texts),
    }
}

/// The actions that Lambda performs on a stream with the function's role. AWS's list includes `ListStreams`, although
/// AWS allows it only on `*` and reading a stream does not need it (docs/aws.md, Event source mappings).
const READ_TABLE_STREAM: [&str; 4] =
    ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"];
const READ_STREAM: [&str; 6] = [
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
    "kinesis:ListStreams",
];

/// Lets Lambda read the streams that invoke a function, and decrypt the streams outside of the stack. The permission to
/// decrypt is limited to these streams and to the service that stores them.
fn streams(wanted: &Function, scope: &Scope) -> Vec<serde_json::Value> {
    let of = |service: &str| -> Vec<String> {
        let sources = wanted.streams().map(|trigger| &trigger.source).filter(|source| source.service() == service);
        sources.map(|source| source.arn(scope)).collect()
    };
    let read = |sid: &str, actions: &[&str], arns: Vec<String>| {
        let statement = json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": arns });
        (!arns.is_empty()).then_some(statement)
    };
    let theirs = wanted.streams().filter_map(|trigger| match &trigger.source {
        StreamSource::Arn(arn) => Some(arn),
        StreamSource::Table(_) => None,
    });
    let decrypts = theirs.enumerate().map(|(at, arn)| decrypt_stream(at, arn, scope));
    let tables = read("ReadTableStreams", &READ_TABLE_STREAM, of("dynamodb"));
    tables.into_iter().chain(read("ReadStreams", &READ_STREAM, of("kinesis"))).chain(decrypts).collect()
}

/// Lets a function decrypt a stream outside of the stack with any key of its account. The encryption context that the
/// stream's service sets limits the permission to this stream (docs/aws.md, Event source mappings).
fn decrypt_stream(at: usize, arn: &str, scope: &Scope) -> serde_json::Value {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let part = |index: usize| parts.get(index).copied().unwrap_or_default();
    let (service, account) = (part(2), part(4));
    let context = if service == "kinesis" {
        json!({ "kms:EncryptionContext:aws:kinesis:arn": arn })
    } else {
        let table = part(5).split('/').nth(1).unwrap_or_default();
        json!({
            "kms:EncryptionContext:aws:dynamodb:tableName": table,
            "kms:EncryptionContext:aws:dynamodb:subscriberId": account,
        })
    };
    let mut conditions = context;
    conditions["kms:ViaService"] = json!(scope.host(service));
    json!({
        "Sid": format!("DecryptStream{}", at + 1),
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": Scope { account: account.to_owned(), ..scope.clone() }.arn("kms", "key/*"),
        "Condition": { "StringEquals": conditions },
    })
}

/// Lets a function send messages to one or more queues.
fn send(sid: &str, queues: &serde_json::Value) -> serde_json::Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queues })
}

/// Lets a function use the key with this ARN, only through the services that use the key for the function.
pub fn use_key(stack: &Stack, name: &str, wanted: &Function, scope: &Scope, key: &str) -> serde_json::Value {
    let rotates = rotated_by(stack, name).next().is_some();
    // The service creates data keys with the permissions of the principal that sends or writes (docs/aws.md, Keys of
    // the stack file).
    let publishes = !wanted.publishes.is_empty() || wanted.failures().any(|one| one.topic().is_some());
    let sends = !wanted.sends.is_empty() || wanted.failures().any(|one| one.queue().is_some());
    let makes = publishes || sends || rotates;
    let (reads, writes) = (!wanted.rights.reads.is_empty(), !wanted.rights.writes.is_empty());
    let follows = wanted.streams().any(|trigger| matches!(trigger.source, StreamSource::Table(_)));
    let actions = [
        ("kms:Decrypt", true),
        ("kms:DescribeKey", reads || writes || follows),
        ("kms:Encrypt", writes),
        ("kms:GenerateDataKey", makes || writes),
        ("kms:ReEncryptFrom", writes),
        ("kms:ReEncryptTo", writes),
    ];
    let actions: Vec<&str> = actions.iter().filter(|(_, used)| *used).map(|(action, _)| *action).collect();
    let services = [
        ("lambda", true),
        ("secretsmanager", rotates || !wanted.secrets.is_empty()),
        ("sns", publishes),
        ("sqs", sends || wanted.queues().next().is_some()),
        ("dynamodb", reads || writes || follows),
    ];
    // The hosts end differently in some partitions.
    let through = services.iter().filter(|(_, used)| *used).map(|(service, _)| format!("{service}.{}.*", scope.region));
    json!({
        "Sid": "UseKey",
        "Effect": "Allow",
        "Action": actions,
        "Resource": key,
        "Condition": { "StringLike": { "kms:ViaService": through.collect::<Vec<_>>() } },
    })
}

/// Whether a function sends traces: its entry sets `tracing`, and the partition has X-Ray (docs/aws.md, Tracing).
pub fn traces(wanted: &Function, scope: &Scope) -> bool {
    wanted.tracing && scope.has_tracing()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_of_a_statement_is_known_as_the_programs() {
        let rich = "[stack]\nname = \"s\"\n[tables.notes]\nkey = \"id\"\nstream = \"keys\"\n[queues.work]\n[topics.news]\n\
            [secrets.mine]\nTOPIC = { topic = \"news\" }\n[functions.G]\nsource = \"g\"\n[functions.F]\nsource = \"f\"\nreads = [\"notes\"]\n\
            writes = [\"notes\"]\ninvokes_functions = [\"G\"]\npublishes = [\"news\"]\nsends = [\"work\"]\n\
            secrets = [\"mine\"]\nreads_parameters = [\"/a\", \"/b/*\"]\n\
            allow = [{ actions = [\"s3:GetObject\"], resources = [\"arn:aws:s3:::x/*\"] }]\n\
            on_failure = { topic = \"news\" }\n[[functions.F.triggers]]\nstream = \"notes\"\n\
            [[functions.F.triggers]]\nqueue = \"work\"\n\
            [[functions.F.triggers]]\nstream_arn = \"arn:aws:kinesis:eu-west-1:123456789012:stream/x\"\n";
        let scope = Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            stack: "s".into(),
            ..Scope::default()
        };
        let stack = crate::spec::parse(rich).unwrap_or_else(|flaws| panic!("{flaws:?}"));
        let mut ids = BTreeSet::new();
        for (_, policy) in planned(&stack, &scope, &Known::NOTHING) {
            ids.extend(policy.statements().filter_map(|one| Some(one["Sid"].as_str()?.to_owned())));
        }
        assert!(ids.len() >= 14, "{ids:?}");
        assert!(ids.iter().all(|id| is_of_the_program(id)), "{ids:?}");
        assert!(is_of_the_program("Allow12") && !is_of_the_program("Allow") && !is_of_the_program("AllowAll"));
    }

    #[test]
    fn policies_are_known_before_the_resources_exist() {
        let scope = Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            stack: "demo".into(),
            ..Scope::default()
        };
        let Ok(stack) = crate::spec::parse(crate::spec::BUILTIN) else { unreachable!("the built-in stack is sound") };
        let of = |secret: &dyn Fn(&str) -> Option<String>| {
            let plan = planned(&stack, &scope, &Known { secret, ..Known::NOTHING });
            plan.into_iter().find(|(name, _)| name == "ExternalLambda1").map(|(_, policy)| policy.to_string())
        };
        let arn = |what: &str| format!("arn:aws:{what}");
        let logs = arn("logs:eu-west-1:123456789012:log-group:/aws/lambda/demo-ExternalLambda1");
        let topics = [arn("sns:eu-west-1:123456789012:demo-greetings")];
        let secret =
            |tail: &str| [arn(&format!("secretsmanager:eu-west-1:123456789012:secret:demo-LambdaSNSTopicARN-{tail}"))];
        assert_eq!(of(&|_| None), Some(function(&logs, &secret("??????"), &topics, false).to_string()));
        let known = secret("a1B2c3");
        assert_eq!(of(&|_| Some(known[0].clone())), Some(function(&logs, &known, &topics, false).to_string()));
    }
}
