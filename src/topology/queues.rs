//! The queues, and the dead-letter queues for messages that they cannot deliver.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Input;
use crate::aws::Encryption;
use crate::aws::sqs::{Queue, Redrive, queue_url};
use crate::engine::{Graph, Handle};
use crate::scope::Scope;
use crate::spec;

/// The ids of the resources that this file adds.
pub(crate) mod ids {
    use crate::aws::sqs::Queue;
    use crate::topology::id::IdOf;

    pub(crate) fn queue(name: &str) -> IdOf<Queue> {
        IdOf::new("queue", name)
    }
}

pub(super) type Queues = BTreeMap<String, Handle<Queue>>;

/// The URL of a queue, except for the queue's name.
#[derive(Debug, Clone)]
pub(super) struct QueueUrls {
    endpoint: Option<String>,
    scope: Scope,
}

impl QueueUrls {
    pub(super) fn of(Input { scope, endpoint, .. }: Input<'_>) -> Self {
        Self { endpoint: endpoint.map(str::to_owned), scope: scope.clone() }
    }

    pub(super) fn url(&self, name: &str) -> String {
        queue_url(self.endpoint.as_deref(), &self.scope, name)
    }
}

pub(super) fn queues(graph: &mut Graph, from: Input<'_>) -> Queues {
    let all = from.stack.all_queues();
    let mut names: Vec<&String> = all.keys().collect();
    // A dead-letter queue, which has a longer name than its queue, must exist first (docs/aws.md, Dead-letter queues).
    names.sort_by_key(|name| Reverse(name.len()));
    let mut queues = Queues::new();
    for name in names {
        let queue = add(graph, from, (name, &all[name]), &queues);
        queues.insert(name.clone(), queue);
    }
    queues
}

fn add(
    graph: &mut Graph,
    Input { stack, scope, encrypted_by, .. }: Input<'_>,
    (name, wanted): (&str, &spec::Queue),
    known: &Queues,
) -> Handle<Queue> {
    let id = ids::queue(name);
    let queue = Queue {
        id: id.to_string(),
        name: stack.queue_name(scope, name),
        arn: stack.queue_arn(scope, name),
        account: scope.account.clone(),
        fifo: wanted.fifo,
        retention_days: wanted.retention_days,
        visibility_s: stack.visibility_s(name),
        topics: stack.topics_of(name).map(|topic| scope.arn("sns", &scope.physical(topic))).collect(),
        dead_letters: None,
        kms_key: Encryption::default(),
    };
    let behind = wanted.dead_letters_of(name).and_then(|dead| known.get(&dead).copied());
    let after = wanted.dead_letter_after;
    id.add(graph, (behind, encrypted_by.clone()), move |(behind, kms_key)| {
        let dead_letters = behind.zip(after).map(|(behind, after)| Redrive { queue: behind.arn, after });
        Queue { dead_letters, kms_key, ..queue.clone() }
    })
}
