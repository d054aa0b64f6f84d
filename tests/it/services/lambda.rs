//! Lambda.

use serde_json::{Value, json};

use super::Entry::{Is, Not};
use super::{Asked, Host, Kind, List, Reads, Refusals, Service, Usage, WrongTime, by_operation};

const VPC: &str = "Lambda looks as the caller, if a function has the key `vpc`";

pub const SERVICE: Service = Service {
    name: "lambda",
    host: Host::Regional("lambda"),
    sdk: "lambda",
    kinds: &[
        Kind {
            name: "lambda.function",
            read: "GetFunction",
            list: Is(List {
                operation: "ListFunctions",
                arguments: || json!({}),
                of_parent: None,
                items: "Functions",
                name: "FunctionName",
            }),
            create: Is("CreateFunction"),
            id: Not("its name identifies it"),
            lag: Not("its name is unique"),
            delete: Is("DeleteFunction"),
            outlives: Is(Reads { called: "function ", with_state: &[], without_state: &["ListFunctions"] }),
        },
        Kind {
            name: "lambda.alias",
            read: "GetAlias",
            list: Not("it disappears with its function"),
            create: Is("CreateAlias"),
            id: Not("its name identifies it"),
            lag: Not("its name is unique in its function"),
            delete: Not("it goes with its function"),
            outlives: Not("the account reader shows it in its function"),
        },
        Kind {
            name: "lambda.provisioned_concurrency",
            read: "GetProvisionedConcurrencyConfig",
            list: Not("it disappears with its alias"),
            create: Is("PutProvisionedConcurrencyConfig"),
            id: Not("its alias identifies it"),
            lag: Not("an alias has one at most"),
            delete: Not("it goes with its alias"),
            outlives: Not("the account reader shows it in its function"),
        },
        Kind {
            name: "lambda.permission",
            read: "GetPolicy",
            list: Not("its function's policy has it"),
            create: Is("AddPermission"),
            id: Not("its name identifies it"),
            lag: Not("its name is unique in its function"),
            delete: Not("it goes with its function"),
            outlives: Not("the account reader shows it in its function"),
        },
        Kind {
            name: "lambda.event_source_mapping",
            read: "ListEventSourceMappings",
            list: Is(List {
                operation: "ListEventSourceMappings",
                arguments: || json!({}),
                of_parent: None,
                items: "EventSourceMappings",
                name: "FunctionArn",
            }),
            create: Is("CreateEventSourceMapping"),
            id: Is("/UUID"),
            lag: Not("AWS takes only one between a queue and a function"),
            delete: Is("DeleteEventSourceMapping"),
            outlives: Is(Reads {
                called: "event source ",
                with_state: &["ListTags"],
                without_state: &["ListEventSourceMappings", "ListTags"],
            }),
        },
    ],
    created: by_operation,
    needs,
    unused: &[
        ("lambda:UntagResource", "the stack file loses a tag, or the stack no longer expires"),
        ("lambda:UpdateEventSourceMapping", "another tool has changed a mapping"),
        ("lambda:PutFunctionConcurrency", "a function has the key `reserved_concurrency`"),
        ("lambda:DeleteProvisionedConcurrencyConfig", "a function loses the key `provisioned_concurrency`"),
        ("lambda:GetLayerVersion", "an emulator has no layers of other accounts"),
        ("lambda:PutRuntimeManagementConfig", "another tool has pinned a runtime, which the emulator does not know"),
        ("lambda:UpdateFunctionCode", "changed code"),
        ("ec2:DescribeSecurityGroups", VPC),
        ("ec2:DescribeSubnets", VPC),
        ("ec2:DescribeVpcs", VPC),
    ],
    unseen: &[
        ("DeleteProvisionedConcurrencyConfig", "it goes with its alias; replayed exchanges test the call"),
        ("PutRuntimeManagementConfig", "the emulator does not know it; replayed exchanges test the call"),
    ],
    refusals: Refusals {
        throttled: "lambda-throttled",
        retry_after: None,
        unavailable: "lambda-unavailable",
        conflicts: &["permission-concurrent", "function-deleting", "mapping-in-use", "function-updating"],
        denied: (403, "AccessDeniedException"),
        wrong_time: WrongTime::Rest,
    },
};

/// Some permissions have other names than the operations.
fn needs(asked: &Asked<'_>) -> Vec<Usage> {
    let parts: Vec<&str> = asked.path().split('/').filter(|part| !part.is_empty()).collect();
    let name = parts.get(2).map_or_else(|| asked.text("FunctionName"), |name| name.replace("%3A", ":"));
    let arn = if name.starts_with("arn:") { name } else { asked.stack.arn("lambda", &format!("function:{name}")) };
    let of_alias =
        |action: &str| vec![Usage::new(format!("lambda:{action}"), format!("{arn}:{}", asked.query("Qualifier")))];
    let one = |action: &str| {
        vec![Usage::new(format!("lambda:{action}"), &*arn).with("lambda:Principal", asked.text("Principal"))]
    };
    let everywhere = |action: &str| vec![Usage::new(format!("lambda:{action}"), "*")];
    let pass = || {
        let role = asked.body["Role"].as_str();
        role.map(|role| Usage::new("iam:PassRole", role).with("iam:PassedToService", "lambda.amazonaws.com"))
    };
    // Lambda reads layers and images as the caller.
    let layers = || {
        let layers = asked.body["Layers"].as_array().into_iter().flatten().filter_map(Value::as_str);
        layers.map(|layer| Usage::new("lambda:GetLayerVersion", layer)).collect::<Vec<_>>()
    };
    let image = || {
        let image = asked.body["Code"]["ImageUri"].as_str().or(asked.body["ImageUri"].as_str());
        let repository = image.map(|image| {
            let (host, name) = image.split_once('/').unwrap();
            let (account, name) = (host.split('.').next().unwrap(), name.split('@').next().unwrap());
            format!("arn:aws:ecr:{}:{account}:repository/{name}", host.split('.').nth(3).unwrap())
        });
        let actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
        repository.into_iter().flat_map(|arn| actions.map(|action| Usage::new(action, &*arn))).collect::<Vec<_>>()
    };
    let needs: Vec<Usage> = match (asked.call.sent.method.as_str(), parts.get(1).copied(), parts.get(3).copied()) {
        ("GET", Some("account-settings"), _) => everywhere("GetAccountSettings"),
        ("GET", Some("functions"), None) if parts.len() == 2 => everywhere("ListFunctions"),
        ("GET", Some("functions"), None) => [one("GetFunction"), one("ListTags")].concat(),
        ("GET", _, Some("policy")) => one("GetPolicy"),
        ("POST", _, Some("policy")) => one("AddPermission"),
        ("POST", _, Some("invocations")) => one("InvokeFunction"),
        ("DELETE", _, Some("policy")) => one("RemovePermission"),
        ("PUT", _, Some("code")) => [one("UpdateFunctionCode"), image()].concat(),
        ("PUT", _, Some("configuration")) => {
            one("UpdateFunctionConfiguration").into_iter().chain(pass()).chain(layers()).collect()
        }
        ("GET", Some("event-source-mappings"), _) if parts.len() == 2 => everywhere("ListEventSourceMappings"),
        ("POST", Some("event-source-mappings"), _) => {
            let (tags, mapping) = (asked.map_of_tags("Tags"), asked.stack.arn("lambda", "event-source-mapping:u"));
            let create = Usage::new("lambda:CreateEventSourceMapping", "*").with("lambda:FunctionArn", &*arn);
            vec![create.with_tags(&tags), Usage::new("lambda:TagResource", mapping).with_tags(&tags)]
        }
        (method, Some("event-source-mappings"), _) => {
            let action = match method {
                "GET" => "GetEventSourceMapping",
                "PUT" => "UpdateEventSourceMapping",
                _ => "DeleteEventSourceMapping",
            };
            let mapping = asked.stack.arn("lambda", &format!("event-source-mapping:{}", parts[2]));
            // Only AWS knows the mapping's function. In these tests it is the function that `operator.rs` opens.
            let function = asked.stack.arn("lambda", &format!("function:{}-Orders", asked.stack.stack));
            vec![Usage::new(format!("lambda:{action}"), mapping).with("lambda:FunctionArn", function)]
        }
        ("GET", Some("tags"), _) => vec![Usage::new("lambda:ListTags", &*arn)],
        ("GET", _, Some("urls")) => one("ListFunctionUrlConfigs"),
        ("DELETE", _, Some("url")) => one("DeleteFunctionUrlConfig"),
        ("GET", _, Some("event-invoke-config")) => one("ListFunctionEventInvokeConfigs"),
        ("DELETE", _, Some("event-invoke-config")) => one("DeleteFunctionEventInvokeConfig"),
        ("GET", _, Some("aliases")) if parts.len() > 4 => one("GetAlias"),
        ("GET", _, Some("aliases")) => one("ListAliases"),
        ("POST", _, Some("aliases")) => one("CreateAlias"),
        ("PUT", _, Some("aliases")) => one("UpdateAlias"),
        ("DELETE", _, Some("aliases")) => one("DeleteAlias"),
        ("POST", _, Some("versions")) => one("PublishVersion"),
        ("GET", _, Some("provisioned-concurrency")) => of_alias("GetProvisionedConcurrencyConfig"),
        ("PUT", _, Some("provisioned-concurrency")) => of_alias("PutProvisionedConcurrencyConfig"),
        ("DELETE", _, Some("provisioned-concurrency")) => of_alias("DeleteProvisionedConcurrencyConfig"),
        ("GET", _, Some("versions")) => one("ListVersionsByFunction"),
        ("GET", _, Some("runtime-management-config")) => one("GetRuntimeManagementConfig"),
        ("PUT", _, Some("runtime-management-config")) => one("PutRuntimeManagementConfig"),
        ("GET", _, Some("recursion-config")) => one("GetFunctionRecursionConfig"),
        ("PUT", _, Some("recursion-config")) => one("PutFunctionRecursionConfig"),
        ("PUT", _, Some("concurrency")) => one("PutFunctionConcurrency"),
        ("DELETE", _, Some("concurrency")) => one("DeleteFunctionConcurrency"),
        ("DELETE", _, None) => one("DeleteFunction"),
        ("POST", _, None) => {
            let tags = asked.map_of_tags("Tags");
            let needs = [one("CreateFunction"), one("TagResource")].concat().into_iter();
            needs.map(|need| need.with_tags(&tags)).chain(pass()).chain(layers()).chain(image()).collect()
        }
        _ => panic!("the permissions for {} are not known", asked.call.name),
    };
    asked.with_our_tag(needs, &[])
}
