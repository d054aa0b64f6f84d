//! The functions, each with a log group, a role and a policy.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::apis::{ApiIds, permission_sid};
use super::encryption::EncryptedBy;
use super::messaging::{self, Secrets, Topics};
use super::queues::Queues;
use super::references::{self, References, Variables};
use super::source::Source;
use super::tables::Tables;
use super::triggers::Receiver;
use super::{Input, authorizers, hooks, triggers};
use crate::aws::Encryption;
use crate::aws::cognito::UserPool;
use crate::aws::iam::{Role, RolePolicy};
use crate::aws::lambda::{Alias, Code, Function, Permission, ProvisionedConcurrency, Vpc};
use crate::aws::logs::LogGroup;
use crate::aws::secretsmanager::Secret;
use crate::bundle::Bundles;
use crate::choices::LIVE;
use crate::engine::{Graph, Handle, Needs, Resource};
use crate::policy::Policy;
use crate::scope::Scope;
use crate::spec::grants::pools_of;
use crate::spec::policies;
use crate::spec::{self, Function as Wanted, ORIGINS_VARIABLE, Stack};
use crate::spec::{deprecated_on, secret_variable};

/// The ids of the resources that this file adds.
pub(crate) mod ids {
    use crate::aws::iam::{Role, RolePolicy};
    use crate::aws::lambda::{Alias, Function, ProvisionedConcurrency};
    use crate::aws::logs::LogGroup;
    use crate::topology::id::IdOf;

    pub(crate) fn function(name: &str) -> IdOf<Function> {
        IdOf::new("function", name)
    }

    /// The alias by which a function with provisioned concurrency is called.
    pub(crate) fn alias(function: &str) -> IdOf<Alias> {
        IdOf::new("alias", function)
    }

    pub(crate) fn provisioned(function: &str) -> IdOf<ProvisionedConcurrency> {
        IdOf::new("provisioned", function)
    }

    pub(crate) fn log_group(function: &str) -> IdOf<LogGroup> {
        IdOf::new("logs", function)
    }

    pub(crate) fn role(function: &str) -> IdOf<Role> {
        IdOf::new("role", function)
    }

    pub(crate) fn policy(function: &str) -> IdOf<RolePolicy> {
        IdOf::new("policy", function)
    }
}

/// The inputs of a policy: its role, the log group, the stack's encryption, and the pools that the policy names.
type Given<'a> = (Handle<Role>, Handle<LogGroup>, &'a EncryptedBy, BTreeMap<String, Source<UserPool>>);

/// The name of a role's one inline policy.
const POLICY_NAME: &str = "securelambda";

/// A function, the target of calls to it, and the policy that must exist before it is called.
#[derive(Clone, Copy)]
pub(super) struct Ready {
    pub function: Handle<Function>,
    pub called: Called,
    pub policy: Handle<RolePolicy>,
}

/// The target of calls to a function: its alias, if it has one, or else the function. Every resource that calls a
/// function, or that permits calls, depends on this target and not on the function.
#[derive(Clone, Copy)]
pub(super) struct Called {
    function: Handle<Function>,
    alias: Option<Handle<Alias>>,
}

/// The names of the target of calls.
pub(super) struct CalledOutputs {
    /// The function's name.
    pub name: String,
    pub alias: Option<String>,
    /// The ARN of the function or of its alias.
    pub arn: String,
}

impl Called {
    /// Orders a resource after the function and its alias.
    pub(super) fn comes_before<R: Resource>(self, graph: &mut Graph, then: Handle<R>) {
        graph.order_after(then, self.function);
        if let Some(alias) = self.alias {
            graph.order_after(then, alias);
        }
    }
}

impl Needs for Called {
    type Out = CalledOutputs;

    fn indices(&self) -> Vec<usize> {
        self.function.indices().into_iter().chain(self.alias.iter().flat_map(Needs::indices)).collect()
    }

    fn read(&self, outputs: &dyn Fn(usize) -> Value) -> CalledOutputs {
        let function = self.function.read(outputs);
        let alias = self.alias.map(|alias| alias.read(outputs));
        CalledOutputs {
            name: function.name,
            alias: alias.as_ref().map(|_| LIVE.to_owned()),
            arn: alias.map_or(function.arn, |alias| alias.arn),
        }
    }
}

impl CalledOutputs {
    /// The permission of a service to call the function for this source.
    pub(super) fn permission(self, sid: &str, service: &str, source_arn: String) -> Permission {
        Permission {
            sid: statement(sid, self.alias.as_deref()),
            function: self.name,
            alias: self.alias,
            principal: service.to_owned(),
            source_arn,
            source_account: None,
        }
    }
}

/// The id of a statement. The statements of a function and of its alias have different ids, so that both can exist
/// while callers move from one to the other. AWS has a policy for each, but an emulator may have only one.
fn statement(sid: &str, alias: Option<&str>) -> String {
    alias.map_or(sid.to_owned(), |alias| format!("{sid}-{alias}"))
}

pub(super) fn functions(
    graph: &mut Graph,
    Input { stack, scope, bundles, encrypted_by, endpoint, .. }: Input<'_>,
    (topics, queues, tables): (&Topics, &Queues, &Tables),
    secrets: &Secrets,
    references: &References,
) -> BTreeMap<String, Ready> {
    let mut ready = BTreeMap::new();
    for (name, wanted) in &stack.functions {
        let physical = scope.physical(name);
        let logs = log_group(graph, name, (scope, encrypted_by), wanted);
        let role = role(graph, name, &physical, scope, stack.permissions_boundary.as_ref());
        let rotated = policies::rotated_by(stack, name).filter_map(|secret| secrets.get(secret).copied()).collect();
        let of_allow = pools_of(&wanted.rights.allow);
        let named = of_allow.filter_map(|pool| Some((pool.to_owned(), references.pools.pools.get(pool)?.clone())));
        let pools: BTreeMap<String, Source<UserPool>> = named.collect();
        let given = (role, logs, encrypted_by, pools);
        let policy = policy(graph, name, (stack, scope), given, wanted, topics, secrets, rotated);
        let statements = statements(stack, name, wanted);
        let variables = references.of(&wanted.environment);
        let receiver = Receiver::of(wanted.on_failure.as_ref(), (topics, queues));
        let (function, called) = function(
            graph,
            name,
            (stack, scope, endpoint),
            wanted,
            bundles,
            (role, logs, receiver, encrypted_by),
            variables,
            statements,
        );
        references.first(graph, &wanted.environment, function);
        // New code may need what the new policy allows.
        graph.order_after(function, policy);
        let function = Ready { function, called, policy };
        triggers::triggers(graph, (name, wanted), scope, function, (topics, queues, tables));
        ready.insert(name.clone(), function);
    }
    ready
}

/// The name of a function's log group.
pub(super) fn log_group_name(scope: &Scope, function: &str) -> String {
    format!("/aws/lambda/{}", scope.physical(function))
}

fn log_group(
    graph: &mut Graph,
    name: &str,
    (scope, encrypted_by): (&Scope, &EncryptedBy),
    wanted: &Wanted,
) -> Handle<LogGroup> {
    let id = ids::log_group(name);
    let group = LogGroup {
        id: id.to_string(),
        name: log_group_name(scope, name),
        retention_days: i32::try_from(wanted.log_retention_days).unwrap_or(14),
        account: scope.account.clone(),
        kms_key: Encryption::default(),
    };
    id.add(graph, encrypted_by.clone(), move |kms_key| LogGroup { kms_key, ..group.clone() })
}

fn role(graph: &mut Graph, name: &str, physical: &str, scope: &Scope, boundary: Option<&String>) -> Handle<Role> {
    let id = ids::role(name);
    let role = Role {
        id: id.to_string(),
        name: physical.to_owned(),
        trust: policies::trust(&scope.account),
        description: format!("Permissions of the function {physical} of the stack {}", scope.stack),
        boundary: boundary.cloned(),
        inline_policies: vec![POLICY_NAME.to_owned()],
    };
    id.add(graph, (), move |()| role.clone())
}

#[allow(clippy::too_many_arguments, reason = "a policy follows from all of these")]
fn policy(
    graph: &mut Graph,
    name: &str,
    (stack, scope): (&Stack, &Scope),
    (role, logs, encrypted_by, pools): Given<'_>,
    wanted: &Wanted,
    topics: &Topics,
    secrets: &Secrets,
    rotated: Vec<Handle<Secret>>,
) -> Handle<RolePolicy> {
    let secrets: Vec<_> = wanted.secrets.iter().filter_map(|secret| secrets.get(secret).copied()).collect();
    let topics: Vec<_> = wanted.publishes.iter().filter_map(|topic| topics.get(topic).copied()).collect();
    let tracing = policies::traces(wanted, scope);
    let beyond = policies::beyond(stack, name, wanted, scope, &|_| None);
    let use_key = policies::use_key(stack, name, wanted, scope, "");
    let needs = (role, (logs, encrypted_by.clone()), secrets, topics, (rotated, pools));
    ids::policy(name).add_under(
        graph,
        role,
        needs,
        move |(role, (logs, encryption), secrets, topics, (rotated, pools))| {
            let pools = pools.into_iter().map(|(name, pool)| (name, pool.arn)).collect();
            let use_key = encryption.key().map(|arn| {
                let mut use_key = use_key.clone();
                use_key["Resource"] = arn.as_str().into();
                use_key
            });
            let secrets: Vec<String> = secrets.into_iter().map(|secret| secret.arn).collect();
            let topics: Vec<String> = topics.into_iter().map(|topic| topic.arn).collect();
            let rotated: Vec<String> = rotated.into_iter().map(|secret| secret.arn).collect();
            let document = policies::function(&logs.arn, &secrets, &topics, tracing);
            RolePolicy {
                role: role.name,
                name: POLICY_NAME.to_owned(),
                document: policies::rotate(&rotated)
                    .into_iter()
                    .chain(beyond.iter().map(|statement| policies::with_pools(statement, &pools)))
                    .chain(use_key)
                    .fold(document, Policy::with),
            }
        },
    )
}

/// The ids of the statements that the function's resource policy may have: one for each route and each pool that calls
/// it, those for its triggers, and one for each secret that it rotates.
fn statements(stack: &Stack, name: &str, wanted: &Wanted) -> BTreeSet<String> {
    let routes = stack.all_apis().flat_map(|(api, wanted)| {
        let calls = wanted.routes.iter().filter(|route| route.function().is_some_and(|function| function == name));
        calls.map(move |route| permission_sid(&ApiIds(api).within(&route.name())))
    });
    let rotations = policies::rotated_by(stack, name).map(|secret| messaging::rotation_sid(secret));
    let routes = routes.chain(authorizers::sids(stack, name)).chain(hooks::sids(stack, name));
    let alias = wanted.provisioned_concurrency.map(|_| LIVE);
    let all = routes.chain(triggers::statements(wanted)).chain(rotations);
    all.map(|sid| statement(&sid, alias)).collect()
}

#[allow(clippy::too_many_arguments, reason = "a function is given all of these")]
fn function(
    graph: &mut Graph,
    name: &str,
    (stack, scope, endpoint): (&Stack, &Scope, Option<&str>),
    wanted: &Wanted,
    bundles: &Bundles,
    (role, logs, receiver, encrypted_by): (Handle<Role>, Handle<LogGroup>, Option<Receiver>, &EncryptedBy),
    variables: Variables,
    statements: BTreeSet<String>,
) -> (Handle<Function>, Called) {
    let id = ids::function(name);
    let mut environment: BTreeMap<String, String> = wanted
        .environment
        .iter()
        .filter_map(|(variable, value)| Some((variable.clone(), references::known(value, stack, scope)?)))
        .collect();
    environment.insert("SECURELAMBDA_FUNCTION".into(), name.to_owned());
    // Variables hold the names of the function's secrets, never their values: SECRET_ID for a single secret, and
    // SECRET_ID_<NAME> for each of several. A name, unlike an ARN, is known before the secret exists, so the function
    // does not wait for it. Nothing can call the function before its policy, which has the ARN, exists.
    match wanted.secrets.as_slice() {
        [only] => {
            environment.insert("SECRET_ID".into(), stack.secret_id(only, scope));
        }
        several => {
            let each = several.iter().map(|secret| (secret_variable(secret), stack.secret_id(secret, scope)));
            environment.extend(each);
        }
    }
    environment.extend(stack.cors_origins(name).map(|origins| (ORIGINS_VARIABLE.to_owned(), origins)));
    let zip = bundles.functions.get(name);
    let zip = zip.map(|zip| Code::Zip { bytes: zip.bytes.clone(), sha256: zip.sha256.clone() }).unwrap_or_default();
    // An image contains its runtime and its handler.
    let (code, runtime, handler, layers, architecture) = match &wanted.code {
        spec::Code::Image(image) => {
            (Code::Image(image.uri.clone()), String::new(), String::new(), Vec::new(), &image.architecture)
        }
        spec::Code::Packed(packed) => {
            let spec::Packed { runtime, handler, architecture, .. } = packed;
            (zip, runtime.clone(), handler.clone(), layers(packed, scope, endpoint), architecture)
        }
    };
    let function = Function {
        id: id.to_string(),
        name: scope.physical(name),
        description: format!("{name} of the stack's API"),
        runtime,
        patched_until: deprecated_on,
        handler,
        layers,
        architecture: architecture.clone(),
        memory_mb: i32::try_from(wanted.memory_mb).unwrap_or(128),
        ephemeral_mb: i32::try_from(wanted.ephemeral_mb).unwrap_or(512),
        timeout_s: i32::try_from(wanted.timeout_s).unwrap_or(10),
        role_arn: String::new(),
        log_group: String::new(),
        environment,
        tracing: policies::traces(wanted, scope),
        reserved_concurrency: wanted.reserved_concurrency.and_then(|reserved| i32::try_from(reserved).ok()),
        provisioned_concurrency: wanted.provisioned_concurrency.and_then(|ready| i32::try_from(ready).ok()),
        statements,
        sources: wanted.sources(stack, scope).collect(),
        vpc: wanted.vpc.as_ref().map(|vpc| Vpc::new(&vpc.subnets, &vpc.security_groups)).unwrap_or_default(),
        dead_letters: None,
        kms_key: Encryption::default(),
        code,
    };
    let needs = (role, logs, receiver, variables, encrypted_by.clone());
    let provisioned = function.provisioned_concurrency;
    let desired = move |(role, logs, dead_letters, variables, kms_key): DesiredFrom| {
        let mut function =
            Function { role_arn: role.arn, log_group: logs.name, dead_letters, kms_key, ..function.clone() };
        function.environment.extend(variables);
        function
    };
    let function = id.add(graph, needs.clone(), desired.clone());
    let alias = provisioned.map(|executions| {
        let alias = ids::alias(name)
            .add_under(graph, function, (function, needs), move |(_, needs)| Alias { function: desired(needs) });
        ids::provisioned(name).add_under(graph, alias, alias, move |alias| ProvisionedConcurrency {
            function: alias.function,
            executions,
        });
        alias
    });
    (function, Called { function, alias })
}

/// The outputs that a function's description is made from.
type DesiredFrom = (
    <Role as Resource>::Outputs,
    <LogGroup as Resource>::Outputs,
    Option<String>,
    <Variables as Needs>::Out,
    Encryption,
);

/// The layers of a function. An emulator has no layers of other accounts, and would refuse a function with them.
fn layers(packed: &spec::Packed, scope: &Scope, endpoint: Option<&str>) -> Vec<String> {
    let mut layers = packed.layers.clone();
    if endpoint.is_some() {
        layers.retain(|layer| !packed.layers_of_others(&scope.account).any(|other| other == layer));
    }
    layers
}
