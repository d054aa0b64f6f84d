//! A stack as a template of CloudFormation, with the list of existing resources that `create-change-set` imports.

mod data;
mod firewall;
mod functions;
mod http;
mod messaging;
mod rest;
mod users;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

#[cfg(test)]
pub(super) use self::messaging::topic;
use super::references::{Part, Placed, Syntax, link, place};
use super::resources::{Form, Left, Piece, Resources};
use crate::aws::AnyKind;

/// The names of the parameters: the bucket with the functions' packages, and the beginning of their keys.
const BUCKET: &str = "PackagesBucket";
const PREFIX: &str = "PackagesPrefix";

/// Why resources without a documented identifier are not taken over.
const NO_IDENTIFIER: &str = "the identifier that an import of this type needs is not documented; it stays as it is";

/// A template and the resources to import.
pub struct Template {
    pub template: Value,
    /// For `--resources-to-import`.
    pub imports: Value,
    /// What CloudFormation does not take over.
    pub left: Vec<Left>,
}

/// The template of a stack's resources. `left` are other resources that it does not contain.
pub fn template(stack: &Resources<'_>, mut left: Vec<Left>) -> Template {
    let (mut placed, others) = place(&stack.nodes, |resource| form(resource, stack));
    left.extend(others);
    label(&mut placed, stack);
    link(&mut placed, &stack.nodes, &Intrinsic);
    let imports = placed.iter().map(|one| {
        json!({
            "ResourceType": one.piece.kind,
            "LogicalResourceId": one.label,
            "ResourceIdentifier": one.piece.identity,
        })
    });
    Template { imports: imports.collect(), template: document(&placed, stack, &left), left }
}

/// The form of a resource in CloudFormation. The match has no fall-through, so a forgotten kind does not compile.
fn form(resource: &AnyKind<'_>, stack: &Resources<'_>) -> Form {
    match resource {
        AnyKind::Topic(seen) => messaging::topic(seen, stack),
        AnyKind::Subscription(seen) => messaging::subscription(seen),
        AnyKind::Queue(seen) => messaging::queue(seen, stack),
        AnyKind::Table(seen) => data::table(seen, stack),
        AnyKind::Secret(seen) => data::secret(seen, stack),
        AnyKind::Rotation(seen) => data::rotation(seen),
        AnyKind::LogGroup(seen) => functions::log_group(seen, stack),
        AnyKind::Role(seen) => functions::role(seen, stack),
        AnyKind::RolePolicy(seen) => functions::role_policy(seen),
        AnyKind::Function(seen) => functions::function(seen, stack),
        AnyKind::Alias(seen) => functions::alias(seen, stack),
        AnyKind::Permission(seen) => functions::permission(seen, stack),
        AnyKind::EventSourceMapping(seen) => functions::event_source_mapping(seen, stack),
        AnyKind::ScheduleGroup(seen) => messaging::schedule_group(seen, stack),
        AnyKind::Schedule(seen) => messaging::schedule(seen),
        AnyKind::RestApi(seen) => rest::api(seen, stack),
        AnyKind::GatewayResponses(seen) => rest::gateway_responses(seen),
        AnyKind::Authorizer(seen) => rest::authorizer(seen),
        AnyKind::LambdaAuthorizer(seen) => rest::lambda_authorizer(seen),
        AnyKind::Validator(seen) => rest::validator(seen),
        AnyKind::Model(seen) => rest::model(seen),
        AnyKind::Paths(seen) => rest::paths(seen),
        AnyKind::Routes(seen) => rest::routes(seen),
        AnyKind::Deployment(seen) => rest::deployment(seen),
        AnyKind::Stage(seen) => rest::stage(seen, stack),
        // These are settings of the stage, the API, the pool or the alias.
        AnyKind::Release(_)
        | AnyKind::HttpRouteLimits(_)
        | AnyKind::HttpDefaultEndpoint(_)
        | AnyKind::PoolHooks(_)
        | AnyKind::ProvisionedConcurrency(_) => Form::part(),
        AnyKind::ApiKey(seen) => rest::api_key(seen, stack),
        AnyKind::UsagePlan(seen) => rest::usage_plan(seen, stack),
        AnyKind::UsagePlanKey(seen) => rest::usage_plan_key(seen),
        AnyKind::LogRole(seen) => Form::default().but(&seen.outputs.role_arn, super::OF_THE_ACCOUNT),
        AnyKind::HttpApi(seen) => http::api(seen, stack),
        AnyKind::JwtAuthorizer(seen) => http::jwt_authorizer(seen),
        AnyKind::HttpLambdaAuthorizer(seen) => http::lambda_authorizer(seen),
        AnyKind::HttpRoutes(seen) => http::routes(seen),
        AnyKind::HttpStage(seen) => http::stage(seen, stack),
        AnyKind::DomainName(seen) => http::domain_name(seen, stack),
        AnyKind::ApiMapping(seen) => http::api_mapping(seen),
        AnyKind::Record(seen) => http::record(seen),
        AnyKind::IdentityPool(seen) => users::identity_pool(seen, stack),
        AnyKind::IdentityPoolRoles(seen) => users::identity_pool_roles(seen),
        AnyKind::UserPool(seen) => users::pool(seen, stack),
        AnyKind::AppClient(seen) => users::client(seen),
        AnyKind::UserGroup(seen) => users::group(seen),
        AnyKind::ResourceServer(seen) => users::resource_server(seen),
        AnyKind::IdentityProvider(seen) => users::identity_provider(seen),
        AnyKind::PoolDomain(seen) => users::domain(seen),
        AnyKind::ServiceUser(seen) => users::service_user(seen),
        AnyKind::IpSet(seen) => firewall::ip_set(seen, stack),
        AnyKind::WebAcl(seen) => firewall::web_acl(seen, stack),
        AnyKind::Association(seen) => firewall::association(seen),
        AnyKind::PoolAssociation(seen) => firewall::pool_association(seen),
        AnyKind::Logging(seen) => firewall::logging(seen),
        AnyKind::Key(seen) => data::key(seen, stack),
        AnyKind::Alarm(seen) => messaging::alarm(seen, stack),
    }
}

/// The tags of a resource, as most types of CloudFormation take them.
fn tags(stack: &Resources<'_>, id: &str) -> Vec<Value> {
    stack.tags(id).into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// Names the pieces after the resources of the stack, with letters and digits alone: `topic.greetings` becomes
/// `TopicGreetings`.
fn label(placed: &mut [Placed], stack: &Resources<'_>) {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for one in placed {
        let id = stack.nodes[one.node].id;
        let suffix = one.piece.suffix.as_deref().unwrap_or_default();
        let words = format!("{id} {suffix}");
        let words = words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let label: String = words.map(capitalized).collect();
        let before = taken.entry(label.clone()).or_default();
        *before += 1;
        one.label = if *before == 1 { label } else { format!("{label}{before}") };
    }
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + rest
}

struct Intrinsic;

impl Syntax for Intrinsic {
    fn reference(&self, _: &Piece, label: &str, attribute: &str) -> Value {
        match attribute {
            "Ref" => json!({ "Ref": label }),
            attribute => json!({ "Fn::GetAtt": [label, attribute] }),
        }
    }

    fn joined(&self, parts: Vec<Part<'_>>) -> Value {
        let part = |part: &Part<'_>| match part {
            Part::Text(text) => text.replace("${", "${!"),
            Part::Reference { label, attribute: "Ref", .. } => format!("${{{label}}}"),
            Part::Reference { label, attribute, .. } => format!("${{{label}.{attribute}}}"),
        };
        json!({ "Fn::Sub": parts.iter().map(part).collect::<String>() })
    }
}

fn document(placed: &[Placed], stack: &Resources<'_>, left: &[Left]) -> Value {
    let resource = |one: &Placed| {
        let after: Vec<&str> = one.after.iter().map(|at| placed[*at].label.as_str()).collect();
        let mut resource = json!({
            "Type": one.piece.kind,
            // An import demands it, and the resource stays if somebody deletes the stack by mistake.
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": one.piece.body,
        });
        if !after.is_empty() {
            resource["DependsOn"] = json!(after);
        }
        (one.label.clone(), resource)
    };
    let resources: Map<String, Value> = placed.iter().map(resource).collect();
    let mut template = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": format!("The stack {}, written by securelambda", stack.scope.stack),
        "Resources": resources,
    });
    if !left.is_empty() {
        let left: Map<String, Value> = left.iter().map(|Left { what, why }| (what.clone(), (*why).into())).collect();
        template["Metadata"] = json!({ "NotContained": left });
    }
    let has_packages = placed.iter().any(|one| one.piece.body["Code"]["S3Bucket"].is_object());
    if has_packages {
        template["Parameters"] = json!({
            BUCKET: { "Type": "String", "Description": "The S3 bucket with the packages of the functions" },
            PREFIX: { "Type": "String", "Default": "", "Description": "The beginning of the packages' keys" },
        });
    }
    template
}
