//! A stack as a configuration of Terraform, with `import` blocks, so that nothing is created again.

mod data;
mod firewall;
mod functions;
mod hcl;
mod http;
mod identities;
mod messaging;
mod rest;
mod routes;
mod users;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

#[cfg(test)]
pub(super) use self::messaging::topic;
use super::references::{Part, Placed, Syntax, link, place};
use super::resources::{Form, JSON, Left, Piece, Resources};
use crate::aws::AnyKind;
use crate::policy::Policy;

/// The configuration, one text for each file.
pub struct Configuration {
    /// The version of the provider, and the region.
    pub main: String,
    pub resources: String,
    pub imports: String,
    /// What Terraform does not take over.
    pub left: Vec<Left>,
}

/// The configuration of a stack's resources. `left` are other resources that it does not contain.
pub fn configuration(stack: &Resources<'_>, mut left: Vec<Left>) -> Configuration {
    let (mut placed, others) = place(&stack.nodes, |resource| form(resource, stack));
    left.extend(others);
    labels(&mut placed, stack);
    link(&mut placed, &stack.nodes, &Hcl);
    depend(&mut placed);
    Configuration { main: main(stack, &left), resources: resources(&placed, stack), imports: imports(&placed), left }
}

/// The form of a resource in Terraform. The match has no fall-through, so a forgotten kind does not compile.
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
        AnyKind::Alias(seen) => functions::alias(seen),
        AnyKind::ProvisionedConcurrency(seen) => functions::provisioned_concurrency(seen),
        AnyKind::Permission(seen) => functions::permission(seen),
        AnyKind::EventSourceMapping(seen) => functions::event_source_mapping(seen, stack),
        AnyKind::ScheduleGroup(seen) => messaging::schedule_group(seen, stack),
        AnyKind::Schedule(seen) => messaging::schedule(seen),
        AnyKind::RestApi(seen) => rest::api(seen, stack),
        AnyKind::GatewayResponses(seen) => rest::gateway_responses(seen),
        AnyKind::Authorizer(seen) => rest::authorizer(seen),
        AnyKind::LambdaAuthorizer(seen) => rest::lambda_authorizer(seen),
        AnyKind::Validator(seen) => rest::validator(seen),
        AnyKind::Model(seen) => rest::model(seen),
        AnyKind::Paths(seen) => routes::paths(seen),
        AnyKind::Routes(seen) => routes::routes(seen),
        AnyKind::Deployment(seen) => rest::deployment(seen),
        AnyKind::Stage(seen) => rest::stage(seen, stack),
        // These are settings of the stage, the API or the pool.
        AnyKind::Release(_) | AnyKind::HttpRouteLimits(_) | AnyKind::HttpDefaultEndpoint(_) | AnyKind::PoolHooks(_) => {
            Form::part()
        }
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
        AnyKind::IdentityPool(seen) => identities::pool(seen, stack),
        AnyKind::IdentityPoolRoles(seen) => identities::roles(seen),
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

/// A policy, which is a text in JSON for Terraform.
fn document(policy: &Policy) -> Value {
    json!({ JSON: policy.document() })
}

/// A name that Terraform accepts: letters, digits and underscores, and no digit first.
fn label(text: &str) -> String {
    let mut label = String::new();
    for c in text.chars() {
        match c {
            c if c.is_ascii_alphanumeric() => label.push(c),
            _ if !label.ends_with('_') && !label.is_empty() => label.push('_'),
            _ => {}
        }
    }
    let label = label.trim_end_matches('_');
    if label.starts_with(|c: char| c.is_ascii_alphabetic()) { label.to_owned() } else { format!("_{label}") }
}

/// Names the pieces after the resources of the stack. The kind of resource is added where names are the same.
fn labels(placed: &mut [Placed], stack: &Resources<'_>) {
    let name = |one: &Placed, whole: bool| {
        let id = stack.nodes[one.node].id;
        let name = if whole { id.as_str() } else { id.parts().1 };
        let suffix = one.piece.suffix.as_ref().map(|suffix| format!(" {suffix}")).unwrap_or_default();
        label(&format!("{name}{suffix}"))
    };
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for one in &*placed {
        *counts.entry((one.piece.kind, name(one, false))).or_default() += 1;
    }
    let mut taken: BTreeMap<(&'static str, String), usize> = BTreeMap::new();
    for one in placed.iter_mut() {
        let short = name(one, false);
        let once = counts.get(&(one.piece.kind, short.clone())).is_none_or(|count| *count == 1);
        let chosen = if once { short } else { name(one, true) };
        let before = taken.entry((one.piece.kind, chosen.clone())).or_default();
        *before += 1;
        one.label = if *before == 1 { chosen } else { format!("{chosen}_{before}") };
    }
}

/// Writes the dependencies that no reference expresses.
fn depend(placed: &mut [Placed]) {
    let address = |one: &Placed| json!({ "$raw": format!("{}.{}", one.piece.kind, one.label) });
    let addresses: Vec<Value> = placed.iter().map(address).collect();
    for one in placed.iter_mut().filter(|one| !one.after.is_empty()) {
        one.piece.body["depends_on"] = one.after.iter().map(|at| addresses[*at].clone()).collect();
    }
}

struct Hcl;

impl Syntax for Hcl {
    fn reference(&self, piece: &Piece, label: &str, attribute: &str) -> Value {
        json!({ "$raw": format!("{}.{label}.{attribute}", piece.kind) })
    }

    fn joined(&self, parts: Vec<Part<'_>>) -> Value {
        let part = |part| match part {
            Part::Text(text) => text.into(),
            Part::Reference { piece, label, attribute } => self.reference(piece, label, attribute),
        };
        json!({ "$text": parts.into_iter().map(part).collect::<Vec<Value>>() })
    }
}

fn main(stack: &Resources<'_>, left: &[Left]) -> String {
    let scope = stack.scope;
    let mut text = format!(
        "# The stack {} in account {}, written by securelambda. docs/leaving.md says how to take it over.\n",
        scope.stack, scope.account
    );
    if !left.is_empty() {
        text += "#\n# Not contained:\n";
        for Left { what, why } in left {
            let _ = writeln!(text, "# - {what}: {why}");
        }
    }
    let source = json!({ "source": "hashicorp/aws", "version": "~> 6.25" });
    let required = json!({ "required_version": ">= 1.5", "required_providers": { "aws": source } });
    let provider = json!({ "region": scope.region, "allowed_account_ids": [scope.account] });
    text.push('\n');
    text += &hcl::block("terraform", &[], &required);
    text.push('\n');
    text += &hcl::block("provider", &["aws"], &provider);
    text
}

fn resources(placed: &[Placed], stack: &Resources<'_>) -> String {
    let mut text = String::new();
    let mut before = None;
    for one in placed {
        if !text.is_empty() {
            text.push('\n');
        }
        if before != Some(one.node) {
            let node = &stack.nodes[one.node];
            let about = crate::aws::kind::about(node.kind).map_or(node.kind, |about| about.label);
            let _ = writeln!(text, "# {about} {}", node.id.parts().1);
            before = Some(one.node);
        }
        let mut body = one.piece.body.clone();
        if let Some(Value::Object(data)) = body.as_object_mut().and_then(|body| body.remove("$data")) {
            for (kind, named) in data {
                for (label, body) in named.as_object().into_iter().flatten() {
                    text += &hcl::block("data", &[&kind, label], body);
                    text.push('\n');
                }
            }
        }
        text += &hcl::block("resource", &[one.piece.kind, &one.label], &body);
    }
    text
}

fn imports(placed: &[Placed]) -> String {
    let import = |one: &Placed| {
        let to = json!({ "$raw": format!("{}.{}", one.piece.kind, one.label) });
        hcl::block("import", &[], &json!({ "to": to, "id": one.piece.identity }))
    };
    placed.iter().map(import).collect::<Vec<_>>().join("\n")
}
