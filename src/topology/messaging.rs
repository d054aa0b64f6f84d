//! Topics and secrets, and how secrets are rotated.

use std::collections::BTreeMap;

use super::Input;
use super::functions::Ready;
use super::queues::Queues;
use crate::aws::Encryption;
use crate::aws::secretsmanager::{Rotation, Secret};
use crate::aws::sns::{Address, Subscription, Topic};
use crate::choices::LIVE;
use crate::engine::{Graph, Handle};
use crate::policy::Policy;
use crate::scope::Scope;
use crate::spec::{self, Stack, Subscriber, Value, policies};

/// The ids of the resources that this file adds.
pub(crate) mod ids {
    use crate::aws::lambda::Permission;
    use crate::aws::secretsmanager::{Rotation, Secret};
    use crate::aws::sns::{Subscription, Topic};
    use crate::topology::id::IdOf;

    pub(crate) fn topic(name: &str) -> IdOf<Topic> {
        IdOf::new("topic", name)
    }

    /// A secret of the stack file, or the one that holds a service user's name and password.
    pub(crate) fn secret(name: &str) -> IdOf<Secret> {
        IdOf::new("secret", name)
    }

    /// The rotation of a secret.
    pub(super) fn rotation(secret: &str) -> IdOf<Rotation> {
        IdOf::new("rotation", secret)
    }

    /// The subscription of a queue to a topic.
    pub(super) fn subscription(topic: &str, queue: &str) -> IdOf<Subscription> {
        IdOf::new("subscription", &format!("{topic} to {queue}"))
    }

    /// The permission to invoke the function that rotates a secret.
    pub(super) fn rotation_permission(secret: &str) -> IdOf<Permission> {
        IdOf::new("permission", &format!("rotation {secret}"))
    }
}

pub(super) type Topics = BTreeMap<String, Handle<Topic>>;
pub(super) type Secrets = BTreeMap<String, Handle<Secret>>;

/// The resource policy that the stack file demands for a secret of its own or of a service user. The ARNs of roles
/// follow from their names, and AWS does not check whether the roles exist.
pub(super) fn secret_policy(stack: &Stack, scope: &Scope, secret: &str) -> Policy {
    let settings = stack.secrets.get(secret).map(|secret| &secret.settings);
    let of_user = stack.service_users.get(secret).is_some_and(|user| user.resource_policy);
    if !of_user && !settings.is_some_and(|settings| settings.resource_policy) {
        return Policy::default();
    }
    let rotator = settings.and_then(|settings| settings.rotation.as_ref()).map(|rotation| &rotation.function);
    let reads = |(name, function): &(&String, &spec::Function)| {
        function.secrets.iter().any(|read| read == secret) || rotator == Some(*name)
    };
    let readers = stack.functions.iter().filter(reads).map(|(name, _)| scope.role_arn(&scope.physical(name)));
    let administrators = settings.map_or(&[][..], |settings| &settings.administrators);
    // `up` itself reads the secret of an identity provider.
    let of_provider = stack.provider_secrets().any(|name| name == secret);
    let operators = administrators.iter().filter(|_| of_provider).cloned();
    let readers: Vec<String> = readers.chain(operators).collect();
    policies::secret(&scope.account, &readers, administrators)
}

/// The rotations of secrets by functions. Secrets Manager asks the function to replace the value, so the permission to
/// do so and the function's policy come first.
pub(super) fn rotations(
    graph: &mut Graph,
    Input { stack, .. }: Input<'_>,
    secrets: &Secrets,
    functions: &BTreeMap<String, Ready>,
) {
    for (name, wanted) in &stack.secrets {
        let Some(rotation) = &wanted.settings.rotation else { continue };
        let (Some(secret), Some(function)) = (secrets.get(name), functions.get(&rotation.function)) else { continue };
        let sid = rotation_sid(name);
        let needs = (function.called, *secret);
        let id = ids::rotation_permission(name);
        let permission = id.add_under(graph, function.function, needs, move |(called, secret)| {
            called.permission(&sid, "secretsmanager.amazonaws.com", secret.arn)
        });
        let needs = (*secret, function.called, permission, function.policy);
        let days = i64::from(rotation.days);
        ids::rotation(name).add_under(graph, *secret, needs, move |(secret, called, _, _)| Rotation {
            secret_arn: secret.arn,
            function_arn: called.arn,
            days,
        });
    }
}

/// The id of the statement that lets Secrets Manager call the function that rotates a secret.
pub(super) fn rotation_sid(secret: &str) -> String {
    format!("securelambda-rotation-{secret}")
}

/// The ARNs of a function and of the alias that it may have.
fn both_arns(scope: &Scope, function: &str) -> [String; 2] {
    let arn = scope.arn("lambda", &format!("function:{}", scope.physical(function)));
    let alias = format!("{arn}:{LIVE}");
    [arn, alias]
}

pub(super) fn topics(graph: &mut Graph, Input { stack, scope, encrypted_by, .. }: Input<'_>) -> Topics {
    let add = |(name, wanted): (&String, &spec::Topic)| {
        let id = ids::topic(name);
        let physical = scope.physical(name);
        let triggered = stack.functions.iter().filter(|(_, function)| function.topics().any(|topic| topic == name));
        let triggered = triggered.map(|(function, _)| stack.called_arn(scope, function));
        let addresses = wanted.subscribers.iter().filter_map(|subscriber| match subscriber {
            Subscriber::Email(address) => Some(Address::email(address)),
            Subscriber::Https(url) => Some(Address::https(url)),
            Subscriber::Queue { .. } => None,
        });
        let topic = Topic {
            id: id.to_string(),
            arn: scope.arn("sns", &physical),
            name: physical,
            account: scope.account.clone(),
            kms_key: Encryption::default(),
            addresses: addresses.collect(),
            alarms: None,
            // Both ARNs of each function, because it may have gained or lost its alias since it was subscribed.
            functions: stack.functions.keys().flat_map(|function| both_arns(scope, function)).collect(),
            subscribers: triggered.chain(wanted.queues().map(|(queue, _)| stack.queue_arn(scope, queue))).collect(),
            tls_only: wanted.tls_only,
            tracing: wanted.tracing,
            signature_version: wanted.signature_version,
        };
        (name.clone(), id.add(graph, encrypted_by.clone(), move |kms_key| Topic { kms_key, ..topic.clone() }))
    };
    stack.topics.iter().map(add).collect()
}

/// The subscriptions of queues to topics. The policy of a queue, which lets the topic send, is part of the queue.
pub(super) fn subscriptions(graph: &mut Graph, Input { stack, .. }: Input<'_>, (topics, queues): (&Topics, &Queues)) {
    for (name, wanted) in &stack.topics {
        for (queue, raw) in wanted.queues() {
            let (Some(&topic), Some(&handle)) = (topics.get(name), queues.get(queue)) else { continue };
            ids::subscription(name, queue).add_under(graph, topic, (topic, handle), move |(topic, queue)| {
                Subscription { topic: topic.arn, endpoint: queue.arn, raw }
            });
        }
    }
}

pub(super) fn secrets(
    graph: &mut Graph,
    Input { stack, scope, secrets, encrypted_by, .. }: Input<'_>,
    topics: &Topics,
) -> Secrets {
    let mut handles = Secrets::new();
    for (name, wanted) in &stack.secrets {
        // Values that are topics' ARNs need these topics; the other values are known now.
        let from_topics: BTreeMap<String, Handle<Topic>> = wanted
            .values
            .iter()
            .filter_map(|(key, value)| match value {
                Value::Topic(topic) => Some((key.clone(), *topics.get(topic)?)),
                _ => None,
            })
            .collect();
        let id = ids::secret(name);
        let secret = Secret {
            id: id.to_string(),
            name: scope.physical(name),
            description: format!("Settings of the functions of the stack {}", scope.stack),
            plain: BTreeMap::new(),
            rotate: secrets.rotate.contains(name),
            filled_by_another: false,
            rotated: wanted.settings.rotation.is_some(),
            policy: secret_policy(stack, scope, name),
            account: scope.account.clone(),
            kms_key: Encryption::default(),
            secret_fields: secrets
                .values
                .iter()
                .filter(|((of, _), _)| of == name)
                .map(|((_, key), value)| (key.clone(), value.clone()))
                .collect(),
        };
        let handle = id.add(graph, (from_topics, encrypted_by.clone()), move |(topics, kms_key)| Secret {
            kms_key,
            plain: topics.into_iter().map(|(key, topic)| (key, topic.arn)).collect(),
            ..secret.clone()
        });
        handles.insert(name.clone(), handle);
    }
    handles
}
