//! Each class of refusals that time heals (see `settle`), met by a real verb: refused a few times, and for ever.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::body::SdkBody;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join_all};
use hyper::{Request, Response};
use serde_json::json;
use tokio::time::Instant;

use super::settle::{self, THROTTLE, WAITS, Wait, settled};
use super::{Clients, apigateway, apigatewayv2, cognito, iam, lambda, logs, secretsmanager, sns, testing, wafv2};
use crate::engine::{Cause, Failure, Provider, ServiceError, Task, TimeScale};
use crate::policy::Policy;

/// What a refusal says: status, code, message.
type Refusal = (u16, &'static str, &'static str);

/// What AWS answers: status and body.
type Answer = (u16, String);

/// A verb that meets a wait.
struct Case {
    /// The wait's name in the table.
    wait: &'static str,
    /// The call that is refused, as in `asked`.
    at: &'static str,
    refusal: Refusal,
    verb: fn(Clients, Task) -> LocalBoxFuture<'static, Result<(), Failure>>,
}

/// A call by its operation, or else by method and path.
fn asked(request: &Request<SdkBody>) -> String {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    if let Some(operation) = target.and_then(|target| target.rsplit('.').next()) {
        return operation.to_owned();
    }
    let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
    match body.strip_prefix("Action=").and_then(|rest| rest.split('&').next()) {
        Some(action) => action.to_owned(),
        None => format!("{} {}", request.method(), request.uri().path()),
    }
}

/// A refusal in the words of every protocol at once, and with API Gateway's hint if there is one.
fn refuse((status, code, message): Refusal, hint: Option<u64>, query: bool) -> Response<String> {
    let body = if query {
        format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>")
    } else {
        json!({ "__type": code, "message": message }).to_string()
    };
    let answer = Response::builder().status(status).header("x-amzn-errortype", code);
    let answer = if let Some(seconds) = hint { answer.header("retry-after", seconds) } else { answer };
    answer.body(body).expect("an answer")
}

/// What AWS says when there is nothing in the way.
fn willing(call: &str, body: &str) -> Answer {
    let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:demo-s-AbCdEf";
    let json = match call {
        "GetIPSet" => json!({ "LockToken": "t2", "IPSet": {
            "Name": "demo", "Id": "1", "ARN": "arn:x", "IPAddressVersion": "IPV4", "Addresses": [] } }),
        "CreateIPSet" | "CreateWebACL" => json!({ "Summary": { "Id": "1", "ARN": "arn:x", "LockToken": "t" } }),
        "CreateSecret" if !body.contains("demo-going") => {
            let words = "a secret with this name is already scheduled for deletion";
            return (400, json!({ "__type": "InvalidRequestException", "message": words }).to_string());
        }
        "DescribeSecret" if body.contains("demo-going") => {
            return (400, json!({ "__type": "ResourceNotFoundException" }).to_string());
        }
        // Scheduled for deletion, and ours.
        "DescribeSecret" => json!({ "ARN": arn, "Name": "demo-s", "DeletedDate": 1_763_700_000,
            "Tags": [{ "Key": "securelambda:stack", "Value": "demo" }] }),
        // Deleted, and seen to be.
        "GET /restapis/abc" => return (404, json!({ "__type": "NotFoundException" }).to_string()),
        "GET /2015-03-31/functions/demo-f" => {
            return (404, json!({ "__type": "ResourceNotFoundException" }).to_string());
        }
        "POST /2015-03-31/functions" => json!({ "FunctionArn": "arn:f", "State": "Active",
            "LastUpdateStatus": "Successful" }),
        "POST /restapis/abc/deployments" => json!({ "id": "d1" }),
        "CreateRole" => {
            return (
                200,
                "<CreateRoleResponse><CreateRoleResult><Role><Path>/</Path><RoleName>demo-r</RoleName>\
                <RoleId>AROA</RoleId><Arn>arn:r</Arn><CreateDate>2026-11-21T00:00:00Z</CreateDate></Role>\
                </CreateRoleResult></CreateRoleResponse>"
                    .into(),
            );
        }
        "ListRolePolicies" | "ListAttachedRolePolicies" => {
            let (list, item) =
                if call == "ListRolePolicies" { (call, "PolicyNames") } else { (call, "AttachedPolicies") };
            return (200, format!("<{list}Response><{list}Result><{item}/></{list}Result></{list}Response>"));
        }
        query if query.chars().all(char::is_alphabetic) && QUERY.contains(&query) => {
            return (200, format!("<{query}Response><{query}Result/></{query}Response>"));
        }
        _ => json!({}),
    };
    (200, json.to_string())
}

const QUERY: [&str; 7] =
    ["DeleteRole", "PutRolePolicy", "DeleteTopic", "CreateTopic", "CreateRole", "ListRolePolicies", "DeleteRolePolicy"];

/// Clients whose calls at one place are refused so many times; and how often that place was called.
fn clients(
    at: &'static str,
    refusal: Refusal,
    times: usize,
    hint: Option<u64>,
    retries: RetryConfig,
) -> (Clients, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let http = infallible_client_fn(move |request: Request<SdkBody>| {
        let call = asked(&request);
        if call == at && count.fetch_add(1, Ordering::SeqCst) < times {
            return refuse(refusal, hint, QUERY.contains(&at)).map(SdkBody::from);
        }
        let (status, body) = willing(&call, &String::from_utf8_lossy(request.body().bytes().unwrap_or_default()));
        let mut answer = Response::builder().status(status);
        if status >= 400 {
            let code = body.split('"').nth(3).unwrap_or_default();
            answer = answer.header("x-amzn-errortype", code);
        }
        answer.body(SdkBody::from(body)).expect("an answer")
    });
    (testing::clients(http, retries), calls)
}

/// The web ACL's ids and an IP set's are of one shape.
fn ids() -> wafv2::Outputs {
    wafv2::Outputs { name: "demo".into(), id: "1".into(), arn: "arn:x".into(), lock_token: "t1".into() }
}

fn ip_set() -> wafv2::IpSet {
    wafv2::IpSet {
        id: "ip_set.office".into(),
        name: "demo".into(),
        description: None,
        addresses: Vec::new(),
        v6: false,
    }
}

fn delete_ip_set(clients: Clients, task: Task) -> LocalBoxFuture<'static, Result<(), Failure>> {
    async move { Provider::<wafv2::IpSet>::delete(&wafv2::Wafv2::new(&clients), &ids(), &task).await }.boxed_local()
}

/// One that is scheduled for deletion is brought back; one that is going away for good is waited for.
fn create_secret(name: &str, clients: Clients, task: Task) -> LocalBoxFuture<'static, Result<(), Failure>> {
    let want = secretsmanager::Secret {
        id: "secret.s".into(),
        name: name.into(),
        description: "what".into(),
        plain: [("TOPIC_ARN".to_owned(), "arn:t".to_owned())].into(),
        secret_fields: std::collections::BTreeMap::new(),
        rotate: false,
        filled_by_another: false,
    };
    async move { secretsmanager::SecretsManager::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
}

fn delete_topic(clients: Clients, task: Task) -> LocalBoxFuture<'static, Result<(), Failure>> {
    let gone = sns::TopicOutputs { arn: "arn:aws:sns:eu-central-1:123456789012:demo-t".into() };
    async move { Provider::<sns::Topic>::delete(&sns::Sns::new(&clients), &gone, &task).await }.boxed_local()
}

fn role() -> iam::Role {
    iam::Role {
        id: "role.r".into(),
        name: "demo-r".into(),
        trust: Policy::new([]),
        description: "what".into(),
        boundary: None,
        inline_policies: Vec::new(),
    }
}

fn delete_role(clients: Clients, task: Task) -> LocalBoxFuture<'static, Result<(), Failure>> {
    let gone = iam::RoleOutputs { name: "demo-r".into(), arn: "arn:r".into(), unique_id: "AROA".into() };
    async move { Provider::<iam::Role>::delete(&iam::Iam::new(&clients), &gone, &task).await }.boxed_local()
}

fn delete_log_group(clients: Clients, task: Task) -> LocalBoxFuture<'static, Result<(), Failure>> {
    let gone = logs::LogGroupOutputs { name: "/aws/lambda/demo-f".into(), arn: "arn:l".into() };
    async move { logs::Logs::new(&clients).delete(&gone, &task).await }.boxed_local()
}

/// Integrations of one method: the shortest of the writes to an API.
fn create_routes(clients: Clients, task: Task) -> LocalBoxFuture<'static, Result<(), Failure>> {
    let method = apigateway::Method {
        resource_id: "p1".into(),
        http_method: "POST".into(),
        authorization: apigateway::Authorization::Cognito { authorizer_id: "a1".into() },
        validator_id: None,
        model: None,
        path_parameters: Vec::new(),
        integration_uri: "arn:i".into(),
    };
    let want = apigateway::Routes {
        api_id: "abc".into(),
        methods: [("POST /x".to_owned(), method)].into(),
        authorizers: [("a1".to_owned(), "First".to_owned())].into(),
        fingerprint: "f".into(),
    };
    async move {
        Provider::<apigateway::Routes>::create(&apigateway::ApiGateway::new(&clients), &want, &task).await.map(drop)
    }
    .boxed_local()
}

const PUT: &str = "PUT /restapis/abc/resources/p1/methods/POST";
const INTEGRATE: &str = "PUT /restapis/abc/resources/p1/methods/POST/integration";

/// One for every row of the table.
#[rustfmt::skip]
fn cases() -> Vec<Case> {
    vec![
        Case {
            wait: "ROLE",
            at: "POST /2015-03-31/functions",
            refusal: (400, "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda."),
            verb: |clients, task| {
                let want = lambda::Function {
                    id: "function.f".into(),
                    name: "demo-f".into(),
                    description: "what".into(),
                    runtime: "nodejs24.x".into(),
                    handler: "index.handler".into(),
                    architecture: "arm64".into(),
                    memory_mb: 128,
                    timeout_s: 10,
                    role_arn: "arn:r".into(),
                    log_group: "/aws/lambda/demo-f".into(),
                    environment: std::collections::BTreeMap::new(),
                    code: lambda::Code::new(b"zip".to_vec()),
                };
                async move {
                    let lambda = lambda::Lambda::new(&clients);
                    Provider::<lambda::Function>::create(&lambda, &want, &task).await.map(drop)
                }.boxed_local()
            },
        },
        Case {
            wait: "FUNCTION_BUSY",
            at: "DELETE /2015-03-31/functions/demo-f",
            refusal: (409, "ResourceConflictException",
                "The operation cannot be performed at this time. The function is currently in the following state: Pending"),
            verb: |clients, task| {
                let gone = lambda::FunctionOutputs { name: "demo-f".into(), arn: "arn:f".into() };
                async move {
                    Provider::<lambda::Function>::delete(&lambda::Lambda::new(&clients), &gone, &task).await
                }.boxed_local()
            },
        },
        Case {
            wait: "FUNCTION_VISIBLE",
            at: "POST /2015-03-31/functions/demo-f/policy",
            refusal: (404, "ResourceNotFoundException", "Function not found: arn:f"),
            verb: |clients, task| {
                let want = lambda::Permission {
                    function: "demo-f".into(),
                    sid: "s".into(),
                    principal: "sns.amazonaws.com".into(),
                    source_arn: "arn:t".into(),
                };
                async move {
                    let lambda = lambda::Lambda::new(&clients);
                    Provider::<lambda::Permission>::create(&lambda, &want, &task).await.map(drop)
                }.boxed_local()
            },
        },
        Case {
            wait: "WAF_ASSOCIATION",
            at: "AssociateWebACL",
            refusal: (400, "WAFUnavailableEntityException",
                "AWS WAF couldn\u{2019}t retrieve the resource that you requested. Retry your request."),
            verb: |clients, task| {
                let want = wafv2::Association { web_acl_arn: "arn:acl".into(), stage_arn: "arn:stage".into() };
                async move { wafv2::Wafv2::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
            },
        },
        Case {
            wait: "WAF_IN_USE",
            at: "DeleteIPSet",
            refusal: (400, "WAFAssociatedItemException",
                "AWS WAF couldn\u{2019}t perform the operation because your resource is being used by another resource \
                 or it\u{2019}s associated with another resource."),
            verb: delete_ip_set,
        },
        Case {
            wait: "WAF_LOCK",
            at: "DeleteIPSet",
            refusal: (400, "WAFOptimisticLockException",
                "AWS WAF couldn\u{2019}t save your changes because you tried to update or delete a resource that has \
                 changed since you last retrieved it. Get the resource again, make any changes you need to make to \
                 the new copy, and retry your operation."),
            verb: delete_ip_set,
        },
        Case {
            wait: "WAF_IP_SET",
            at: "CreateWebACL",
            refusal: (400, "WAFUnavailableEntityException",
                "AWS WAF couldn\u{2019}t retrieve the resource that you requested. Retry your request."),
            verb: |clients, task| {
                let want = wafv2::WebAcl {
                    id: "web_acl.w".into(),
                    name: "demo".into(),
                    metric: "demo".into(),
                    default_allow: true,
                    rules: Vec::new(),
                };
                async move { wafv2::Wafv2::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
            },
        },
        Case {
            wait: "WAF_TROUBLE",
            at: "CreateIPSet",
            refusal: (500, "WAFInternalErrorException",
                "Your request is valid, but AWS WAF couldn\u{2019}t perform the operation because of a system problem. \
                 Retry your request."),
            verb: |clients, task| {
                async move { wafv2::Wafv2::new(&clients).create(&ip_set(), &task).await.map(drop) }.boxed_local()
            },
        },
        Case {
            wait: "SECRET_NAME",
            at: "CreateSecret",
            refusal: (400, "InvalidRequestException",
                "You can't create this secret because a secret with this name is already scheduled for deletion."),
            verb: |clients, task| create_secret("demo-going", clients, task),
        },
        Case {
            wait: "SECRET_BACK",
            at: "TagResource",
            refusal: (400, "InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion."),
            verb: |clients, task| create_secret("demo-s", clients, task),
        },
        Case {
            wait: "ROLE_IN_USE",
            at: "DeleteRole",
            refusal: (409, "DeleteConflict", "Cannot delete entity, must delete policies first."),
            verb: delete_role,
        },
        Case {
            wait: "ROLE_VISIBLE",
            at: "PutRolePolicy",
            refusal: (404, "NoSuchEntity", "The role with name demo-r cannot be found."),
            verb: |clients, task| {
                let want =
                    iam::RolePolicy { role: "demo-r".into(), name: "p".into(), document: Policy::new([]) };
                async move { iam::Iam::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
            },
        },
        Case {
            wait: "IAM_BUSY",
            at: "CreateRole",
            refusal: (409, "ConcurrentModification",
                "The request was rejected because multiple requests to change this object were submitted \
                 simultaneously. Wait a few minutes and submit your request again."),
            verb: |clients, task| {
                async move { iam::Iam::new(&clients).create(&role(), &task).await.map(drop) }.boxed_local()
            },
        },
        Case {
            wait: "SNS_BUSY",
            at: "CreateTopic",
            refusal: (400, "StaleTag",
                "A tag has been added to a resource with the same ARN as a deleted resource. Wait a short while and \
                 then retry the operation."),
            verb: |clients, task| {
                let want = sns::Topic { id: "topic.t".into(), name: "demo-t".into() };
                async move { sns::Sns::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
            },
        },
        Case {
            wait: "COGNITO_BUSY",
            at: "DeleteUserPool",
            refusal: (400, "ConcurrentModificationException",
                "This exception is thrown if two or more modifications are happening concurrently."),
            verb: |clients, task| {
                let gone = cognito::UserPoolOutputs {
                    id: "p1".into(),
                    arn: "arn:p".into(),
                    name: "demo-p".into(),
                    deletion_protection: false,
                };
                async move {
                    Provider::<cognito::UserPool>::delete(&cognito::Cognito::new(&clients), &gone, &task).await
                }.boxed_local()
            },
        },
        Case {
            wait: "API_BUSY",
            at: INTEGRATE,
            refusal: (409, "ConflictException",
                "Unable to complete operation due to concurrent modification. Please try again later."),
            verb: create_routes,
        },
        Case {
            wait: "API_UPDATING",
            at: "POST /restapis/abc/deployments",
            refusal: (400, "BadRequestException",
                "You cannot deploy a RestApi while the apiStatus is UPDATING or FAILED."),
            verb: |clients, task| {
                let want = apigateway::Deployment { api_id: "abc".into(), hash: "h".into() };
                async move {
                    apigateway::ApiGateway::new(&clients).create(&want, &task).await.map(drop)
                }.boxed_local()
            },
        },
        Case {
            wait: "API_AUTHORIZER_VISIBLE",
            at: PUT,
            refusal: (400, "BadRequestException",
                "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS \
                 requires a valid authorizer."),
            verb: create_routes,
        },
        Case {
            wait: "IDENTITY_ROLES",
            at: "SetIdentityPoolRoles",
            refusal: (400, "InvalidParameterException", "Invalid role ARN"),
            verb: |clients, task| {
                let want = cognito::IdentityPoolRoles { pool_id: "r:1".into(), role_arn: "arn:r".into() };
                async move {
                    cognito::CognitoIdentity::new(&clients).create(&want, &task).await.map(drop)
                }.boxed_local()
            },
        },
        Case {
            wait: "IDENTITY_BUSY",
            at: "DeleteIdentityPool",
            refusal: (400, "ConcurrentModificationException",
                "Thrown if there are parallel requests to modify a resource."),
            verb: |clients, task| {
                let gone = cognito::IdentityPoolOutputs { id: "r:1".into() };
                async move {
                    let pools = cognito::CognitoIdentity::new(&clients);
                    Provider::<cognito::IdentityPool>::delete(&pools, &gone, &task).await
                }.boxed_local()
            },
        },
        Case {
            wait: "API_ISSUER",
            at: "POST /v2/apis/abc/authorizers",
            refusal: (400, "BadRequestException",
                "Issuer must have a valid discovery endpoint ended with '/.well-known/openid-configuration'"),
            verb: |clients, task| {
                let want = apigatewayv2::JwtAuthorizer {
                    api_id: "abc".into(),
                    name: "Users".into(),
                    issuer: "https://issuer".into(),
                    audience: "c1".into(),
                };
                async move {
                    apigatewayv2::ApiGatewayV2::new(&clients).create(&want, &task).await.map(drop)
                }.boxed_local()
            },
        },
        Case {
            wait: "API_LOG_GROUP",
            at: "POST /v2/apis/abc/stages",
            refusal: (400, "BadRequestException", "Insufficient permissions to enable logging"),
            verb: |clients, task| {
                let want = apigatewayv2::HttpStage {
                    id: "stage.$default".into(),
                    api_id: "abc".into(),
                    name: "$default".into(),
                    rate_limit: 50.0,
                    burst_limit: 50,
                    log_group_arn: "arn:logs".into(),
                };
                async move {
                    apigatewayv2::ApiGatewayV2::new(&clients).create(&want, &task).await.map(drop)
                }.boxed_local()
            },
        },
        Case {
            wait: "THROTTLE",
            at: INTEGRATE,
            refusal: (429, "TooManyRequestsException", "Too Many Requests"),
            verb: create_routes,
        },
        Case {
            wait: "API_DELETE_RATE",
            at: "DELETE /restapis/abc",
            refusal: (429, "TooManyRequestsException", "Too Many Requests"),
            verb: |clients, task| {
                let gone = apigateway::RestApiOutputs {
                    id: "abc".into(),
                    root_resource_id: "r".into(),
                    name: "demo".into(),
                    revision: 0,
                };
                async move {
                    Provider::<apigateway::RestApi>::delete(&apigateway::ApiGateway::new(&clients), &gone, &task).await
                }.boxed_local()
            },
        },
        Case {
            wait: "LOGS_BUSY",
            at: "DeleteLogGroup",
            refusal: (400, "OperationAbortedException", "A conflicting operation is currently in progress against this resource. Please try again."),
            verb: delete_log_group,
        },
        Case {
            wait: "LOGS_VISIBLE",
            at: "PutRetentionPolicy",
            refusal: (400, "ResourceNotFoundException", "The specified log group does not exist."),
            verb: |clients, task| {
                let want = logs::LogGroup {
                    id: "log_group.f".into(),
                    name: "/aws/lambda/demo-f".into(),
                    retention_days: 14,
                };
                async move { logs::Logs::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
            },
        },
    ]
}

fn row(name: &str) -> &'static Wait {
    WAITS.iter().find(|(known, _)| *known == name).map(|(_, wait)| *wait).expect("a row of the table")
}

/// The table is whole, and none of its rows is without a verb that meets it.
#[test]
fn every_wait_has_a_case() {
    let source = include_str!("settle.rs");
    let rows: Vec<&str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.split_once(": Wait =").map(|(name, _)| name))
        .collect();
    let table: Vec<&str> = WAITS.iter().map(|(name, _)| *name).collect();
    assert_eq!(rows, table, "the table leaves out a wait");
    let cases: Vec<&str> = cases().iter().map(|case| case.wait).collect();
    assert_eq!(cases, table, "a wait has no case");
}

/// Of the classes that stay, AWS's own words say which it is.
#[test]
fn a_case_is_about_its_own_wait() {
    for case in cases() {
        let failure = Failure::refused("could not").answered(ServiceError::new(case.refusal.1, case.refusal.2));
        assert!(row(case.wait).heals(&failure), "{}", case.wait);
    }
}

/// The cases say what AWS says: see `tests/it/facts`.
#[test]
fn a_case_speaks_in_known_words() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/facts");
    let tables = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let tables = tables.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let facts: Vec<toml::Value> = tables
        .flat_map(|path| {
            let table: toml::Value =
                toml::from_str(&std::fs::read_to_string(path).expect("a file")).expect("a table of facts");
            table["fact"].as_array().expect("facts").clone()
        })
        .collect();
    for Case { wait, refusal: (status, code, message), .. } in cases() {
        let says = |fact: &toml::Value| {
            let words = fact.get("message").and_then(toml::Value::as_str).unwrap_or("{unknown}");
            // What varies stands in braces.
            let parts: Vec<&str> = words.split(['{', '}']).step_by(2).collect();
            let begins = message.starts_with(parts[0]) && message.ends_with(parts[parts.len() - 1]);
            fact["code"].as_str() == Some(code) && fact["status"].as_integer() == Some(status.into()) && begins
        };
        assert!(facts.iter().any(says), "{wait}: tests/it/facts knows no {status} {code}: {message}");
    }
}

/// Densely at first, then less so, and never longer apart than a third of the budget: a class that heals late is seen to
/// heal.
#[test]
fn a_wait_begins_densely_and_ends_in_minutes() {
    for (name, wait) in WAITS {
        assert!(wait.first <= wait.cap && wait.cap.as_secs_f64() * 1.2 * 3.0 <= wait.budget.as_secs_f64(), "{name}");
        // AWS says "about 15 minutes" of a changed security policy, in which the API cannot be deployed.
        let longest = if name == "API_UPDATING" { 25 } else { 10 };
        assert!(wait.budget <= Duration::from_mins(longest), "{name}");
        assert!(wait.first <= Duration::from_secs(5) || name == "API_DELETE_RATE", "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn refused_twice_each_succeeds_and_says_why_it_waits() {
    let runs = cases().into_iter().map(|case| async move {
        let (clients, calls) = clients(case.at, case.refusal, 2, None, RetryConfig::disabled());
        let (task, mut notes) = Task::overheard("test.wait");
        let done = (case.verb)(clients, task).await;
        assert_eq!(done, Ok(()), "{}", case.wait);
        let mut said = BTreeSet::new();
        while let Ok((_, why)) = notes.try_recv() {
            said.insert(why);
        }
        assert!(said.contains(row(case.wait).why), "{}: {said:?}", case.wait);
        // A role that is in use is tried again at once, when what hung on it has been removed.
        let again = usize::from(case.wait == "API_BUSY" || case.wait == "ROLE_IN_USE");
        let calls = calls.load(Ordering::SeqCst);
        assert!((3..=3 + again).contains(&calls), "{}: {calls} calls", case.wait);
    });
    join_all(runs).await;
}

#[tokio::test(start_paused = true)]
async fn refused_for_ever_each_ends_with_the_last_refusal_and_the_reason() {
    let runs = cases().into_iter().map(|case| async move {
        let wait = row(case.wait);
        let (clients, calls) = clients(case.at, case.refusal, usize::MAX, None, RetryConfig::disabled());
        let began = Instant::now();
        let done = (case.verb)(clients, Task::detached("test.wait")).await;
        let elapsed = began.elapsed();
        let failure = done.expect_err(case.wait);
        assert_eq!(failure.code().map(|code| code.to_string()).as_deref(), Some(case.refusal.1), "{}", case.wait);
        for words in [case.refusal.2, wait.why, "waited "] {
            assert!(failure.to_string().contains(words), "{}: {words:?} is not in {failure}", case.wait);
        }
        // Never longer than its budget and one pause's jitter, and as long as another pause would still have fitted.
        let pause = wait.cap.max(wait.first).mul_f64(1.2);
        assert!(elapsed <= wait.budget + pause, "{}: {elapsed:?}", case.wait);
        assert!(elapsed + pause >= wait.budget, "{}: {elapsed:?}", case.wait);
        // As dense as the table says.
        let calls = u32::try_from(calls.load(Ordering::SeqCst)).expect("few");
        assert!(pause * calls >= wait.budget, "{}: {calls} calls", case.wait);
    });
    join_all(runs).await;
}

/// Two classes that take turns do not set each other's clock back.
#[tokio::test(start_paused = true)]
async fn refusals_of_two_classes_by_turns_end_too() {
    let turn = AtomicUsize::new(0);
    let task = Task::detached("test.turns");
    let ended = settled(&task, &[&settle::WAF_LOCK], || async {
        let code = ["WAFOptimisticLockException", "ThrottlingException"][turn.fetch_add(1, Ordering::SeqCst) % 2];
        Err::<(), _>(Failure::refused("could not").answered(ServiceError::new(code, "no")))
    });
    let ended = tokio::time::timeout(THROTTLE.budget + settle::WAF_LOCK.budget, ended).await.expect("an end");
    assert_eq!(ended.expect_err("a refusal").cause, Cause::Refused);
}

/// API Gateway's hint is slept instead of our own pause, at the run's tempo.
#[tokio::test(start_paused = true)]
async fn a_hint_is_honoured_at_the_runs_tempo() {
    let refusal = (429, "TooManyRequestsException", "Too Many Requests");
    let time_scale = TimeScale::new(0.01).expect("a tempo");
    for (hint, least) in [(20, 200), (1, 10)] {
        let (clients, calls) = clients(INTEGRATE, refusal, 1, Some(hint), RetryConfig::disabled());
        let began = Instant::now();
        create_routes(clients, Task::detached("test.hint").at(time_scale)).await.expect("done");
        // A fifth more at most, and the clock's grain.
        let elapsed = began.elapsed();
        assert!(elapsed >= Duration::from_millis(least), "{hint} s: {elapsed:?}");
        assert!(elapsed < Duration::from_millis(least * 6 / 5 + 3), "{hint} s: {elapsed:?}");
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }
    // Longer than what is left of the budget: the refusal stands at once.
    let (clients, calls) = clients(INTEGRATE, refusal, 1, Some(301), RetryConfig::disabled());
    let failure = create_routes(clients, Task::detached("test.hint").at(time_scale)).await.expect_err("no time");
    assert!(failure.to_string().contains(THROTTLE.why), "{failure}");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

/// Waiters do not ask in step.
#[tokio::test(start_paused = true)]
async fn pauses_are_spread() {
    let runs = (0..8).map(|_| async {
        let pauses = Mutex::new(Vec::new());
        let task = Task::detached("test.jitter");
        let _ = settled(&task, &[&settle::ROLE_VISIBLE], || async {
            let mut pauses = pauses.lock().expect("nobody panics");
            pauses.push(Instant::now());
            let code = if pauses.len() < 6 { "NoSuchEntity" } else { "Other" };
            Err::<(), _>(Failure::refused("could not").answered(ServiceError::new(code, "no")))
        })
        .await;
        let pauses = pauses.into_inner().expect("nobody panics");
        pauses[5].duration_since(pauses[0]).as_micros()
    });
    let spread: BTreeSet<u128> = join_all(runs).await.into_iter().map(|micros| micros / 1000).collect();
    assert!(spread.len() > 1, "all of them took the same time: {spread:?}");
}

/// Neither here nor by the SDK's own retries: time heals none of these.
#[tokio::test(start_paused = true)]
async fn what_must_not_be_retried_is_asked_once() {
    type Verb = fn(Clients, Task) -> LocalBoxFuture<'static, Result<(), Failure>>;
    let json: [&str; 9] = [
        "AccessDeniedException",
        "UnrecognizedClientException",
        "ExpiredTokenException",
        "ValidationException",
        "LimitExceededException",
        "WAFLimitsExceededException",
        "PolicyLengthExceededException",
        "CodeStorageExceededException",
        "FeatureUnavailableInTierException",
    ];
    let places: [(&'static str, Verb, &[&'static str]); 5] = [
        ("DeleteLogGroup", delete_log_group, &json),
        ("DeleteIPSet", delete_ip_set, &json),
        (INTEGRATE, create_routes, &json),
        ("DeleteRole", delete_role, &["AccessDenied", "ExpiredToken", "InvalidClientTokenId", "LimitExceeded"]),
        ("DeleteTopic", delete_topic, &["AuthorizationError", "ExpiredToken", "InvalidClientTokenId"]),
    ];
    for (at, verb, codes) in places {
        for &code in codes {
            // As `connect` has them, but for the time they take.
            let retries = RetryConfig::standard().with_max_attempts(5).with_initial_backoff(Duration::from_millis(1));
            let status = if code == "LimitExceededException" && at == INTEGRATE { 429 } else { 400 };
            let (clients, calls) = clients(at, (status, code, "no"), usize::MAX, None, retries);
            let failure = verb(clients, Task::detached("test.once")).await.expect_err(code);
            assert_eq!(failure.code().map(|code| code.to_string()).as_deref(), Some(code), "at {at}");
            assert_eq!(calls.load(Ordering::SeqCst), 1, "{code} at {at}");
        }
    }
}
