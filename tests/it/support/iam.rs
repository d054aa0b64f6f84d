//! IAM as far as the operator's policies need it: which permissions a call needs, and whether a policy allows them. And
//! operators: users of an account who have only one policy.
//!
//! MiniStack enforces IAM too, but it does not know role paths, the resources of Cognito's and WAF's calls, tags of
//! resources, PassRole, and the services' condition keys. [`reduced_for_ministack`] removes these from a policy, and
//! [`needs`] with [`allows`] tests them instead.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::botocore;
use super::program::User;
use super::proxy::Call;

/// A question to IAM: is this action allowed on this resource, with these condition values?
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Usage {
    pub action: String,
    pub resource: String,
    pub context: BTreeMap<String, String>,
}

/// The documents that `policy` prints for these arguments.
pub fn policies(user: &User, args: &[&str]) -> Vec<Value> {
    let printed = user.run(&[&["policy", "--json"], args].concat()).ends(0).json();
    printed["policies"].as_array().unwrap().iter().map(|policy| policy["document"].clone()).collect()
}

/// Whether one of the policies allows it. Knows only the condition operators that our policies use.
pub fn allows(policies: &[Value], need: &Usage) -> bool {
    policies.iter().flat_map(|policy| policy["Statement"].as_array().unwrap()).any(|statement| {
        let any = |element: &str, value: &str| many(&statement[element]).any(|pattern| matches_pattern(pattern, value));
        assert_eq!(statement["Effect"], "Allow");
        any("Action", &need.action) && any("Resource", &need.resource) && holds(&statement["Condition"], need)
    })
}

fn holds(condition: &Value, need: &Usage) -> bool {
    let operators = condition.as_object().into_iter().flatten();
    operators.into_iter().all(|(operator, keys)| {
        keys.as_object().unwrap().iter().all(|(key, wanted)| {
            let Some(value) = need.context.get(key) else { return operator.ends_with("IfExists") };
            match operator.as_str() {
                "StringEquals" | "StringEqualsIfExists" => many(wanted).any(|wanted| wanted == value),
                "StringLike" | "ArnEquals" | "ArnLike" => many(wanted).any(|wanted| matches_pattern(wanted, value)),
                other => panic!("no such operator here: {other}"),
            }
        })
    })
}

fn many(values: &Value) -> impl Iterator<Item = &str> {
    let all = values.as_array().map_or(std::slice::from_ref(values), Vec::as_slice);
    all.iter().map(|value| value.as_str().unwrap())
}

/// In a pattern, `*` stands for anything and `${*}` for an asterisk.
fn matches_pattern(pattern: &str, value: &str) -> bool {
    let (pattern, value) = (pattern.replace("${*}", "\u{1}"), value.replace('*', "\u{1}"));
    let (pattern, value) = (pattern.as_str(), value.as_str());
    let mut parts = pattern.split('*');
    let Some(mut rest) = value.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// The stack that makes the calls.
pub struct StackIdentity<'a> {
    pub account: &'a str,
    pub region: &'a str,
    pub stack: &'a str,
    /// The permissions boundary of its roles.
    pub boundary: Option<&'a str>,
}

impl StackIdentity<'_> {
    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }

    fn stage_or_api(&self, path: &str) -> String {
        format!("arn:aws:apigateway:{}::{path}", self.region)
    }
}

/// The condition key of the resource's stack tag.
pub const OURS: &str = "aws:ResourceTag/securelambda:stack";

fn need(action: &str, resource: String, context: &[(&str, String)]) -> Usage {
    let context = context.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    Usage { action: action.to_owned(), resource, context }
}

/// The permissions that AWS requires for this call, according to the service authorization reference. None for unsigned
/// calls and for GetCallerIdentity.
pub fn needs(call: &Call, place: &StackIdentity<'_>) -> Vec<Usage> {
    let mut needs = needs_without_resource_tags(call, place);
    // An existing resource with a name has our tag. A resource that is being created, or is gone, has none.
    let service = call.sent.service.as_str();
    let makes = call.sent.operation.starts_with("Create") && call.sent.operation != "CreateUserPoolClient";
    let named = ["sns", "sqs", "iam", "secretsmanager", "logs", "lambda", "wafv2"].contains(&service);
    let makes = makes
        || (service, call.sent.method.as_str(), call.sent.path.ends_with("/functions")) == ("lambda", "POST", true);
    for need in needs.iter_mut().filter(|_| named && !makes && call.status < 400) {
        let tagless = ["*", "/managedruleset/", ":apigateway:", "/rulegroup/", ":role/aws-service-role/"];
        let tagless = need.resource == "*" || tagless[1..].iter().any(|part| need.resource.contains(part));
        let of_a_user = need.resource.contains(":user/");
        if !tagless && !of_a_user {
            need.context.insert(OURS.to_owned(), place.stack.to_owned());
        }
    }
    needs
}

fn needs_without_resource_tags(call: &Call, place: &StackIdentity<'_>) -> Vec<Usage> {
    let service = &call.sent.service;
    if service.is_empty() || !call.sent.headers.contains_key("authorization") {
        return Vec::new();
    }
    let body = body(call);
    let operation = call.sent.operation.clone();
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let action = format!("{service}:{operation}");
    let given = |tags: &Value| tags.as_object().map(request_tags).unwrap_or_default();
    let tagged = |mut need: Usage, tags: BTreeMap<String, String>| {
        need.context.extend(tags);
        need
    };
    match service.as_str() {
        // Routes are called with other credentials than the operator's.
        "sts" | "execute-api" => Vec::new(),
        "sns" => {
            let resource = match operation.as_str() {
                "CreateTopic" => place.arn("sns", &text("Name")),
                "ListTagsForResource" | "TagResource" => text("ResourceArn"),
                "ListTopics" | "ListSubscriptions" => "*".to_owned(),
                // The ARN of the topic is the beginning of the subscription's ARN.
                "GetSubscriptionAttributes" | "SetSubscriptionAttributes" | "Unsubscribe" => {
                    text("SubscriptionArn").rsplit_once(':').unwrap().0.to_owned()
                }
                _ => text("TopicArn"),
            };
            let context = [("sns:Protocol", text("Protocol")), ("sns:Endpoint", text("Endpoint"))];
            let tags = query_tags(&body);
            let mut needs = vec![tagged(need(&action, resource.clone(), &context), tags.clone())];
            if operation == "CreateTopic" {
                needs.push(tagged(need("sns:TagResource", resource, &[]), tags));
            }
            needs
        }
        "sqs" => {
            let name = match operation.as_str() {
                "CreateQueue" | "GetQueueUrl" => text("QueueName"),
                _ => text("QueueUrl").rsplit('/').next().unwrap_or_default().to_owned(),
            };
            let resource = if operation == "ListQueues" { "*".to_owned() } else { place.arn("sqs", &name) };
            let tags = given(&body["tags"]);
            let mut needs = vec![tagged(need(&action, resource.clone(), &[]), tags.clone())];
            if operation == "CreateQueue" {
                assert!(!tags.is_empty(), "{body}");
                needs.push(tagged(need("sqs:TagQueue", resource, &[]), tags));
            }
            needs
        }
        "iam" => {
            let resource = match operation.as_str() {
                "GetAccountSummary" | "ListRoles" => "*".to_owned(),
                "SimulatePrincipalPolicy" => text("PolicySourceArn"),
                "RemoveRoleFromInstanceProfile" => {
                    format!("arn:aws:iam::{}:instance-profile/{}", place.account, text("InstanceProfileName"))
                }
                // The path of a missing role is not known.
                _ if call.status == 404 => format!("arn:aws:iam::{}:role/{}", place.account, text("RoleName")),
                _ => format!("arn:aws:iam::{}:role/securelambda/{}/{}", place.account, place.stack, text("RoleName")),
            };
            let boundary: Vec<_> =
                place.boundary.map(|arn| ("iam:PermissionsBoundary", arn.to_owned())).into_iter().collect();
            let tags = query_tags(&body);
            let mut needs = vec![tagged(need(&action, resource.clone(), &boundary), tags.clone())];
            if operation == "CreateRole" {
                assert_eq!(text("Path"), format!("/securelambda/{}/", place.stack));
                needs.push(tagged(need("iam:TagRole", resource, &[]), tags));
            }
            needs
        }
        "secretsmanager" => {
            let name = [text("SecretId"), text("Name")].concat();
            let resource = match operation.as_str() {
                "ListSecrets" => "*".to_owned(),
                _ if name.starts_with("arn:") => name,
                _ => place.arn("secretsmanager", &format!("secret:{name}-AbCdEf")),
            };
            let tags = list_tags(&body["Tags"], "Key", "Value");
            let mut needs = vec![tagged(need(&action, resource.clone(), &[]), tags.clone())];
            if operation == "CreateSecret" {
                needs.push(tagged(need("secretsmanager:TagResource", resource, &[]), tags));
            }
            if operation == "RotateSecret" {
                needs.push(need("lambda:InvokeFunction", text("RotationLambdaARN"), &[]));
            }
            needs
        }
        "logs" => {
            let resource = match operation.as_str() {
                "DescribeLogGroups" | "DescribeResourcePolicies" => "*".to_owned(),
                "DeleteResourcePolicy" => text("resourceArn"),
                "ListTagsForResource" => text("resourceArn"),
                _ => place.arn("logs", &format!("log-group:{}", text("logGroupName"))),
            };
            let tags = given(&body["tags"]);
            let mut needs = vec![tagged(need(&action, resource.clone(), &[]), tags.clone())];
            if operation == "CreateLogGroup" {
                needs.push(tagged(need("logs:TagResource", resource, &[]), tags));
            }
            needs
        }
        "lambda" => lambda(call, &body, place),
        "wafv2" => {
            let arn = |kind: &str| place.arn("wafv2", &format!("regional/{kind}/{}/0b1c", text("Name")));
            let tags = list_tags(&body["TagInfoList"], "", "");
            assert!(tags.is_empty());
            let tags = list_tags(&body["Tags"], "Key", "Value");
            let one = |resource: String| tagged(need(&action, resource, &[]), tags.clone());
            let ours = [(OURS, place.stack.to_owned())];
            // The service of the protected resource is asked too.
            let owner = |verb: &str, resource: &str| {
                if resource.contains(":userpool/") {
                    need(&format!("cognito-idp:{verb}WebACL"), resource.to_owned(), &ours)
                } else {
                    need("apigateway:SetWebACL", resource.to_owned(), &ours)
                }
            };
            let everywhere = |actions: &[&str]| -> Vec<Usage> {
                actions.iter().map(|action| need(&format!("logs:{action}"), "*".to_owned(), &[])).collect()
            };
            match operation.as_str() {
                "ListIPSets" | "ListWebACLs" => vec![one("*".to_owned())],
                "ListTagsForResource" => vec![one(text("ResourceARN"))],
                "GetIPSet" | "UpdateIPSet" | "DeleteIPSet" => vec![one(arn("ipset"))],
                "CreateIPSet" => {
                    vec![one(arn("ipset")), tagged(need("wafv2:TagResource", arn("ipset"), &[]), tags.clone())]
                }
                "CreateWebACL" | "UpdateWebACL" => {
                    let mut needs = vec![one(arn("webacl"))];
                    let rules = body["Rules"].to_string();
                    let sets = rules.split('"').filter(|part| part.contains(":regional/ipset/"));
                    needs.extend(sets.map(|set| one(set.to_owned())));
                    if rules.contains("ManagedRuleGroupStatement") {
                        needs.push(one(place.arn("wafv2", "regional/managedruleset/AWSManagedRulesCommonRuleSet/1")));
                    }
                    if operation == "CreateWebACL" {
                        needs.push(tagged(need("wafv2:TagResource", arn("webacl"), &[]), tags.clone()));
                    }
                    needs
                }
                "AssociateWebACL" => {
                    let groups = place.arn("wafv2", &format!("regional/rulegroup/{}-any/0b1c", place.stack));
                    let more =
                        ["Get", "Put"].map(|verb| need(&format!("wafv2:{verb}PermissionPolicy"), groups.clone(), &[]));
                    let resource = text("ResourceArn");
                    // Cognito checks the web ACL too, and sees no tags of it.
                    let acl = resource
                        .contains(":userpool/")
                        .then(|| need("cognito-idp:AssociateWebACL", text("WebACLArn"), &[]));
                    let these = [one(text("WebACLArn")), one(resource.clone()), owner("Associate", &resource)];
                    these.into_iter().chain(acl).chain(more).collect()
                }
                "DisassociateWebACL" => {
                    let groups = place.arn("wafv2", &format!("regional/rulegroup/{}-any/0b1c", place.stack));
                    let more = need("wafv2:PutPermissionPolicy", groups, &[]);
                    vec![one(text("ResourceArn")), owner("Disassociate", &text("ResourceArn")), more]
                }
                "GetWebACLForResource" => {
                    let acl = place.arn("wafv2", &format!("regional/webacl/{}-web-acl/0b1c", place.stack));
                    let resource = text("ResourceArn");
                    let pool = resource.contains(":userpool/");
                    let pool = pool.then(|| need("cognito-idp:GetWebACLForResource", resource.clone(), &[]));
                    let these = [one(resource), one(acl.clone()), need("wafv2:GetWebACL", acl, &[])];
                    these.into_iter().chain(pool).collect()
                }
                "ListResourcesForWebACL" => {
                    let pools = text("ResourceType") == "COGNITO_USER_POOL";
                    let pools = pools.then(|| need("cognito-idp:ListResourcesForWebACL", text("WebACLArn"), &[]));
                    [one(text("WebACLArn"))].into_iter().chain(pools).collect()
                }
                "GetLoggingConfiguration" => vec![one(text("ResourceArn"))],
                "PutLoggingConfiguration" => {
                    let acl = body["LoggingConfiguration"]["ResourceArn"].as_str().unwrap();
                    let delivery =
                        ["CreateLogDelivery", "DescribeLogGroups", "DescribeResourcePolicies", "PutResourcePolicy"];
                    [vec![one(acl.to_owned())], everywhere(&delivery)].concat()
                }
                "DeleteLoggingConfiguration" => {
                    [vec![one(text("ResourceArn"))], everywhere(&["DeleteLogDelivery"])].concat()
                }
                "GetSampledRequests" => vec![one(text("WebAclArn"))],
                _ => vec![one(arn("webacl"))],
            }
        }
        "cognito-idp" => {
            if operation == "CreateUserPool" {
                let tags = given(&body["UserPoolTags"]);
                let one = |action: &str, on: String| tagged(need(action, on, &[]), tags.clone());
                let nameless = place.arn("cognito-idp", "userpool/*");
                return vec![
                    one("cognito-idp:CreateUserPool", "*".to_owned()),
                    one("cognito-idp:TagResource", nameless),
                ];
            }
            if operation == "ListUserPools" {
                return vec![need(&action, "*".to_owned(), &[])];
            }
            let pool = place.arn("cognito-idp", &format!("userpool/{}", text("UserPoolId")));
            // A missing pool has no tag. AdminGetUser may also fail because the user is missing, and then the pool has one.
            let tag = (call.status < 400 || operation == "AdminGetUser").then(|| (OURS, place.stack.to_owned()));
            vec![need(&action, pool, tag.as_slice())]
        }
        "cognito-identity" => match operation.as_str() {
            "ListIdentityPools" => vec![need(&action, "*".to_owned(), &[])],
            "SetIdentityPoolRoles" => {
                let to = [("iam:PassedToService", "cognito-identity.amazonaws.com".to_owned())];
                let roles = body["Roles"].as_object().into_iter().flatten();
                let passed = roles.map(|(_, role)| need("iam:PassRole", role.as_str().unwrap().to_owned(), &to));
                [need(&action, "*".to_owned(), &[])].into_iter().chain(passed).collect()
            }
            "CreateIdentityPool" => {
                let tags = given(&body["IdentityPoolTags"]);
                let one = |action: &str, on: String| tagged(need(action, on, &[]), tags.clone());
                let nameless = place.arn("cognito-identity", "identitypool/*");
                vec![
                    one("cognito-identity:CreateIdentityPool", "*".to_owned()),
                    one("cognito-identity:TagResource", nameless),
                ]
            }
            _ => {
                let pool = place.arn("cognito-identity", &format!("identitypool/{}", text("IdentityPoolId")));
                let tag = (call.status < 400).then(|| (OURS, place.stack.to_owned()));
                vec![need(&action, pool, tag.as_slice())]
            }
        },
        "apigateway" | "apigatewayv2" => {
            let path = call.sent.path.split('?').next().unwrap_or_default();
            let path = path.strip_prefix("/v2").unwrap_or(path);
            let verb = format!("apigateway:{}", call.sent.method);
            let tags = given(&body["tags"]);
            let mut needs = Vec::new();
            if path.matches('/').count() > 1 {
                // According to the documentation, all parts of a REST API but one inherit the API's tag. The parts of an HTTP
                // API inherit none: only the API and its stages have tags.
                let parts: Vec<&str> = path.split('/').collect();
                let tagged_itself = matches!(parts.as_slice(), ["", "apis", _] | ["", "apis", _, "stages", _]);
                let inherits = parts[1] == "restapis" && parts.get(3) != Some(&"requestvalidators");
                let tag = (call.status != 404 && (tagged_itself || inherits)).then(|| (OURS, place.stack.to_owned()));
                let mut one = need(&verb, place.stage_or_api(path), tag.as_slice());
                one.context.extend(tags.clone());
                needs.push(one);
            } else {
                needs.push(tagged(need(&verb, place.stage_or_api(path), &[]), tags.clone()));
                if verb == "apigateway:POST" {
                    let role = "role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway";
                    let role = format!("arn:aws:iam::{}:{role}", place.account);
                    needs.push(need("iam:CreateServiceLinkedRole", role, &[]));
                }
            }
            // For a resource without an id yet, AWS checks an asterisk in its place (docs/aws.md, Permissions).
            let kind = (path.split('/').nth(1).unwrap_or_default(), path.ends_with("/stages"));
            let nameless = |what: &str| {
                place.stage_or_api(&format!("/tags/arn%3Aaws%3Aapigateway%3A{}%3A%3A%2F{what}%2F*", place.region))
            };
            let (tag, on) = match kind {
                ("restapis", false) => ("apigateway:PUT", nameless("restapis")),
                ("restapis", true) => ("apigateway:PUT", nameless("restapis%2Fabc%2Fstages")),
                ("apis", false) => ("apigateway:POST", nameless("v2%2Fapis")),
                _ => ("apigateway:TagResource", place.stage_or_api(path)),
            };
            if !tags.is_empty() {
                needs.push(tagged(need(tag, on, &[]), tags));
            }
            // CloudWatch checks these permissions of whoever turns on access logs.
            if body.get("accessLogSettings").is_some() {
                let rights = ["Create", "Get", "Update", "Delete"].map(|verb| format!("logs:{verb}LogDelivery"));
                needs.extend(rights.iter().map(|right| need(right, "*".to_owned(), &[])));
                let others = ["ListLogDeliveries", "DescribeResourcePolicies", "PutResourcePolicy"];
                needs.extend(others.map(|right| need(&format!("logs:{right}"), "*".to_owned(), &[])));
            }
            needs
        }
        other => panic!("the permissions for a call to {other} are not known"),
    }
}

fn lambda(call: &Call, body: &Value, place: &StackIdentity<'_>) -> Vec<Usage> {
    let path = call.sent.path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let name = parts.get(2).copied().unwrap_or_else(|| body["FunctionName"].as_str().unwrap_or_default());
    let name = name.replace("%3A", ":");
    let arn = if name.starts_with("arn:") { name } else { place.arn("lambda", &format!("function:{name}")) };
    let principal = [("lambda:Principal", body["Principal"].as_str().unwrap_or_default().to_owned())];
    let one = |action: &str| vec![need(action, arn.clone(), &principal)];
    let pass = || {
        let role = body["Role"].as_str().map(str::to_owned);
        role.map(|role| need("iam:PassRole", role, &[("iam:PassedToService", "lambda.amazonaws.com".to_owned())]))
    };
    match (call.sent.method.as_str(), parts.get(1).copied(), parts.get(3).copied()) {
        ("GET", Some("account-settings"), _) => vec![need("lambda:GetAccountSettings", "*".to_owned(), &[])],
        ("GET", Some("functions"), None) if parts.len() == 2 => {
            vec![need("lambda:ListFunctions", "*".to_owned(), &[])]
        }
        ("GET", Some("functions"), None) => [one("lambda:GetFunction"), one("lambda:ListTags")].concat(),
        ("GET", _, Some("policy")) => one("lambda:GetPolicy"),
        ("POST", _, Some("policy")) => one("lambda:AddPermission"),
        ("POST", _, Some("invocations")) => one("lambda:InvokeFunction"),
        ("DELETE", _, Some("policy")) => one("lambda:RemovePermission"),
        ("PUT", _, Some("code")) => one("lambda:UpdateFunctionCode"),
        ("PUT", _, Some("configuration")) => {
            one("lambda:UpdateFunctionConfiguration").into_iter().chain(pass()).collect()
        }
        ("GET", Some("event-source-mappings"), _) => vec![need("lambda:ListEventSourceMappings", "*".to_owned(), &[])],
        ("DELETE", Some("event-source-mappings"), _) => {
            let mapping = place.arn("lambda", &format!("event-source-mapping:{}", parts[2]));
            // AWS alone knows the mapping's function: here the one that `operator.rs` opens.
            let function = place.arn("lambda", &format!("function:{}-Orders", place.stack));
            vec![need("lambda:DeleteEventSourceMapping", mapping, &[("lambda:FunctionArn", function)])]
        }
        ("GET", _, Some("urls")) => one("lambda:ListFunctionUrlConfigs"),
        ("DELETE", _, Some("url")) => one("lambda:DeleteFunctionUrlConfig"),
        ("GET", _, Some("event-invoke-config")) => one("lambda:ListFunctionEventInvokeConfigs"),
        ("DELETE", _, Some("event-invoke-config")) => one("lambda:DeleteFunctionEventInvokeConfig"),
        ("GET", _, Some("aliases")) => one("lambda:ListAliases"),
        ("DELETE", _, Some("aliases")) => one("lambda:DeleteAlias"),
        ("GET", _, Some("versions")) => one("lambda:ListVersionsByFunction"),
        ("GET", _, Some("runtime-management-config")) => one("lambda:GetRuntimeManagementConfig"),
        ("PUT", _, Some("runtime-management-config")) => one("lambda:PutRuntimeManagementConfig"),
        ("GET", _, Some("recursion-config")) => one("lambda:GetFunctionRecursionConfig"),
        ("PUT", _, Some("recursion-config")) => one("lambda:PutFunctionRecursionConfig"),
        ("PUT", _, Some("concurrency")) => one("lambda:PutFunctionConcurrency"),
        ("DELETE", _, Some("concurrency")) => one("lambda:DeleteFunctionConcurrency"),
        ("DELETE", _, None) => one("lambda:DeleteFunction"),
        ("POST", _, None) => {
            let tags = body["Tags"].as_object().map(request_tags).unwrap_or_default();
            let mut needs = [one("lambda:CreateFunction"), one("lambda:TagResource")].concat();
            for need in &mut needs {
                need.context.extend(tags.clone());
            }
            needs.into_iter().chain(pass()).collect()
        }
        _ => panic!("the permissions for {} are not known", call.name),
    }
}

/// The JSON body, or the form as a JSON object.
fn body(call: &Call) -> Value {
    serde_json::from_slice(&call.sent.body).unwrap_or_else(|_| {
        let form = String::from_utf8_lossy(&call.sent.body).into_owned();
        let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(key, value)| (decoded(key), json!(decoded(value)))).collect::<serde_json::Map<_, _>>().into()
    })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}

fn request_tags(tags: &serde_json::Map<String, Value>) -> BTreeMap<String, String> {
    tags.iter().map(|(key, value)| (format!("aws:RequestTag/{key}"), value.as_str().unwrap().to_owned())).collect()
}

fn list_tags(tags: &Value, key: &str, value: &str) -> BTreeMap<String, String> {
    let tags = tags.as_array().into_iter().flatten();
    tags.map(|tag| (format!("aws:RequestTag/{}", tag[key].as_str().unwrap()), tag[value].as_str().unwrap().to_owned()))
        .collect()
}

fn query_tags(form: &Value) -> BTreeMap<String, String> {
    let form = form.as_object().into_iter().flatten();
    let keys = form.clone().filter(|(name, _)| name.starts_with("Tags.member.") && name.ends_with(".Key"));
    let value = |name: &str| {
        let name = name.replace(".Key", ".Value");
        form.clone().find(|(known, _)| **known == name).and_then(|(_, value)| value.as_str()).unwrap().to_owned()
    };
    keys.map(|(name, key)| (format!("aws:RequestTag/{}", key.as_str().unwrap()), value(name))).collect()
}

/// All policies in one document, without the parts that MiniStack cannot evaluate (see the top of this file).
pub fn reduced_for_ministack(policies: &[Value]) -> Value {
    let mut statements = Vec::new();
    for statement in policies.iter().flat_map(|policy| policy["Statement"].as_array().unwrap()) {
        // MiniStack does not know the resources of these actions either.
        let blind = ["iam:SimulatePrincipalPolicy", "lambda:CreateFunction", "sns:ListTagsForResource"];
        let part_of = |action: &str| (action.split(':').next().unwrap().to_owned(), blind.contains(&action));
        let parts: std::collections::BTreeSet<_> = many(&statement["Action"]).map(part_of).collect();
        for (number, of) in parts.iter().enumerate() {
            let service = of.0.as_str();
            let actions: Vec<&str> = many(&statement["Action"]).filter(|action| part_of(action) == *of).collect();
            let mut part = statement.clone();
            part["Sid"] = json!(format!("{}{number}", statement["Sid"].as_str().unwrap()));
            part["Action"] = json!(actions);
            part["Resource"] = match service {
                // It knows neither the resources of these services nor role paths.
                "cognito-idp" | "cognito-identity" | "wafv2" => json!("*"),
                _ if of.1 => json!("*"),
                "iam" => {
                    let pathless = |arn: &str| match arn.split_once("role/securelambda/") {
                        Some((start, end)) => format!("{start}role/{}", end.replace("/*", "-*")),
                        None => arn.to_owned(),
                    };
                    json!(many(&statement["Resource"]).map(pathless).collect::<Vec<_>>())
                }
                _ => statement["Resource"].clone(),
            };
            // For these services it knows neither request tags nor resource tags.
            let tagless = ["apigateway", "cognito-idp", "cognito-identity"].contains(&service);
            if let Some(operators) = part.get_mut("Condition").and_then(Value::as_object_mut) {
                for keys in operators.values_mut() {
                    keys.as_object_mut().unwrap().retain(|key, _| key.starts_with("aws:RequestTag/") && !tagless);
                }
                operators.retain(|_, keys| !keys.as_object().unwrap().is_empty());
            }
            statements.push(part);
        }
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// A user of an account who has only one policy.
pub struct Operator {
    root: User,
    name: String,
    /// Runs the program with this user's credentials.
    pub user: User,
    policies: usize,
    account: String,
}

impl Operator {
    /// A new operator in this account, with this endpoint.
    pub fn new(account: &str, endpoint: &str) -> Self {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let name = format!("operator{}", COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let root = User::of(account, &super::emulator::endpoint());
        let answers = botocore::calls(
            &root,
            &[
                json!(["iam", "create_user", { "UserName": name }]),
                json!(["iam", "create_access_key", { "UserName": name }]),
            ],
        );
        let key = &answers[1]["AccessKey"];
        let (id, secret) = (key["AccessKeyId"].as_str().unwrap(), key["SecretAccessKey"].as_str().unwrap());
        let user = User::of(account, endpoint).with("AWS_ACCESS_KEY_ID", id).with("AWS_SECRET_ACCESS_KEY", secret);
        let account = if account == "test" { "000000000000" } else { account };
        Self { root, name, user, policies: 0, account: account.to_owned() }
    }

    pub fn account(&self) -> &str {
        &self.account
    }

    /// Replaces the operator's policy.
    pub fn set_policy(&mut self, policy: &Value) {
        let arn = |number: usize| format!("arn:aws:iam::{}:policy/{}-{number}", self.account, self.name);
        let mut calls = Vec::new();
        if self.policies > 0 {
            calls
                .push(json!(["iam", "detach_user_policy", { "UserName": self.name, "PolicyArn": arn(self.policies) }]));
        }
        let next = self.policies + 1;
        let name = format!("{}-{next}", self.name);
        calls.push(json!(["iam", "create_policy", { "PolicyName": name, "PolicyDocument": policy.to_string() }]));
        calls.push(json!(["iam", "attach_user_policy", { "UserName": self.name, "PolicyArn": arn(next) }]));
        for answer in botocore::calls(&self.root, &calls) {
            assert!(answer.get("Error").is_none(), "{answer}");
        }
        self.policies = next;
    }
}
