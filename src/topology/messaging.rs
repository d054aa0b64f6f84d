//! Topics and secrets.

use std::collections::BTreeMap;

use super::{SecretValues, ids};
use crate::aws::secretsmanager::Secret;
use crate::aws::sns::Topic;
use crate::engine::{Graph, Handle};
use crate::scope::Scope;
use crate::spec::{Stack, Value};

pub(super) type Topics = BTreeMap<String, Handle<Topic>>;
pub(super) type Secrets = BTreeMap<String, Handle<Secret>>;

pub(super) fn topics(graph: &mut Graph, stack: &Stack, scope: &Scope) -> Topics {
    let add = |name: &String| {
        let id = ids::topic(name);
        let topic = Topic { id: id.to_string(), name: scope.physical(name) };
        (name.clone(), id.add(graph, (), move |()| topic.clone()))
    };
    stack.topics.iter().map(add).collect()
}

pub(super) fn secrets(
    graph: &mut Graph,
    stack: &Stack,
    scope: &Scope,
    topics: &Topics,
    secrets: &SecretValues,
) -> Secrets {
    let mut handles = Secrets::new();
    for (name, values) in &stack.secrets {
        // Values that are topics' ARNs need these topics; the other values are known now.
        let from_topics: BTreeMap<String, Handle<Topic>> = values
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
            secret_fields: secrets
                .values
                .iter()
                .filter(|((of, _), _)| of == name)
                .map(|((_, key), value)| (key.clone(), value.clone()))
                .collect(),
        };
        let handle = id.add(graph, from_topics, move |topics| Secret {
            plain: topics.into_iter().map(|(key, topic)| (key, topic.arn)).collect(),
            ..secret.clone()
        });
        handles.insert(name.clone(), handle);
    }
    handles
}
