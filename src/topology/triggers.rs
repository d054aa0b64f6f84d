//! What calls functions besides routes: topics, queues, and services for something that another tool made.

use sha2::{Digest, Sha256};

use super::functions::Ready;
use super::messaging::Topics;
use super::queues::Queues;
use crate::aws::lambda::{EventSourceMapping, Permission};
use crate::aws::sns::{Subscription, Topic};
use crate::aws::sqs::Queue;
use crate::engine::{Graph, Handle};
use crate::scope::Scope;
use crate::spec::{Function as Wanted, OutsideCaller, QueueTrigger};

/// The ids of what this file adds.
mod ids {
    use crate::aws::lambda::{EventSourceMapping, Permission};
    use crate::aws::sns::Subscription;
    use crate::topology::id::IdOf;

    /// Lets something call a function.
    pub(super) fn permission(trigger: &str) -> IdOf<Permission> {
        IdOf::new("permission", trigger)
    }

    pub(super) fn mapping(function: &str, queue: &str) -> IdOf<EventSourceMapping> {
        IdOf::new("mapping", &format!("{function}.{queue}"))
    }

    pub(super) fn subscription(trigger: &str) -> IdOf<Subscription> {
        IdOf::new("subscription", trigger)
    }
}

/// The principal of SNS.
const SNS: &str = "sns.amazonaws.com";

/// The id of the statement in a function's resource policy for its topic, if it has one topic.
const TOPIC_SID: &str = "securelambda-topic";

/// The topics of a function, each with what follows the function's name in ids, and with the id of its statement. A
/// single topic is not named in either.
fn topics(wanted: &Wanted) -> impl Iterator<Item = (&String, String, String)> {
    let only = wanted.topics().count() == 1;
    wanted.topics().map(move |topic| {
        let named = || (topic, format!(".{topic}"), format!("{TOPIC_SID}-{topic}"));
        if only { (topic, String::new(), TOPIC_SID.to_owned()) } else { named() }
    })
}

/// The id of the statement for a service. AWS allows no ARN in it.
fn outside_sid(caller: &OutsideCaller) -> String {
    let source = format!("{} {}", caller.service, caller.source_arn);
    format!("securelambda-service-{}", &hex::encode(Sha256::digest(source))[..16])
}

/// The ids of the statements for the triggers of a function.
pub(super) fn statements(wanted: &Wanted) -> impl Iterator<Item = String> {
    topics(wanted).map(|(_, _, sid)| sid).chain(wanted.outside_callers().map(outside_sid))
}

/// Adds what calls a function.
pub(super) fn triggers(
    graph: &mut Graph,
    (name, wanted): (&str, &Wanted),
    scope: &Scope,
    function: Ready,
    (topics, queues): (&Topics, &Queues),
) {
    for (topic, suffix, sid) in self::topics(wanted) {
        if let Some(topic) = topics.get(topic) {
            subscribe(graph, &format!("{name}{suffix}"), function, *topic, sid);
        }
    }
    for trigger in wanted.queues() {
        if let Some(queue) = queues.get(&trigger.queue) {
            map(graph, name, function, *queue, trigger);
        }
    }
    for caller in wanted.outside_callers() {
        permit(graph, name, scope, function, caller);
    }
}

/// Creates the permission before the subscription. In the other order SNS would drop messages without an error
/// (docs/aws.md, Subscriptions).
fn subscribe(graph: &mut Graph, trigger: &str, Ready { function, policy }: Ready, topic: Handle<Topic>, sid: String) {
    let id = ids::permission(trigger);
    let permission = id.add_under(graph, function, (function, topic), move |(function, topic)| Permission {
        function: function.name,
        sid: sid.clone(),
        principal: SNS.into(),
        source_arn: topic.arn,
        source_account: None,
    });
    let needs = (function, topic, permission, policy);
    ids::subscription(trigger).add_under(graph, topic, needs, |(function, topic, _, _)| Subscription {
        topic: topic.arn,
        function: function.arn,
    });
}

/// Calls a function with the messages of a queue. Lambda reads the queue as the function, so the policy comes first.
fn map(
    graph: &mut Graph,
    name: &str,
    Ready { function, policy }: Ready,
    queue: Handle<Queue>,
    QueueTrigger { queue: called, batch, window_s, partial }: &QueueTrigger,
) {
    let id = ids::mapping(name, called);
    let mapping = EventSourceMapping {
        id: id.to_string(),
        function: String::new(),
        source_arn: String::new(),
        batch_size: i32::try_from(*batch).unwrap_or(i32::MAX),
        window_s: i32::try_from(*window_s).unwrap_or(i32::MAX),
        reports_failures: *partial,
    };
    // A message must be hidden for longer than the function may take: AWS refuses the mapping otherwise.
    graph.order_after(function, queue);
    id.add_under(graph, function, (function, queue, policy), move |(function, queue, _)| EventSourceMapping {
        function: function.name,
        source_arn: queue.arn,
        ..mapping.clone()
    });
}

/// Lets a service call a function. The policy of the function comes first.
fn permit(graph: &mut Graph, name: &str, scope: &Scope, Ready { function, policy }: Ready, caller: &OutsideCaller) {
    let OutsideCaller { service, source_arn } = caller.clone();
    let (sid, account) = (outside_sid(caller), (!caller.names_account()).then(|| scope.account.clone()));
    let id = ids::permission(&format!("{name} {service} {source_arn}"));
    id.add_under(graph, function, (function, policy), move |(function, _)| Permission {
        function: function.name,
        sid: sid.clone(),
        principal: service.clone(),
        source_arn: source_arn.clone(),
        source_account: account.clone(),
    });
}
