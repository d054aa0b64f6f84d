//! The callers of functions, apart from routes: topics, queues, streams, and services on behalf of resources that
//! another tool made.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::functions::Ready;
use super::messaging::Topics;
use super::queues::Queues;
use super::tables::Tables;
use crate::aws::dynamodb::Table;
use crate::aws::lambda::{EventSourceMapping, Permission, Reading, StreamReading};
use crate::aws::sns::{Subscription, Topic};
use crate::aws::sqs::Queue;
use crate::engine::{Graph, Handle, Needs};
use crate::scope::Scope;
use crate::spec::{Batches, Destination, Function as Wanted, OutsideCaller, QueueTrigger, StreamSource, StreamTrigger};

/// The ids of the resources that this file adds.
mod ids {
    use crate::aws::lambda::{EventSourceMapping, Permission};
    use crate::aws::sns::Subscription;
    use crate::topology::id::IdOf;

    /// The permission of a trigger to call a function.
    pub(super) fn permission(trigger: &str) -> IdOf<Permission> {
        IdOf::new("permission", trigger)
    }

    /// The source is the name of a queue, or a name that identifies a stream.
    pub(super) fn mapping(function: &str, source: &str) -> IdOf<EventSourceMapping> {
        IdOf::new("mapping", &format!("{function}.{source}"))
    }

    pub(super) fn subscription(trigger: &str) -> IdOf<Subscription> {
        IdOf::new("subscription", trigger)
    }
}

/// The principal of SNS.
const SNS: &str = "sns.amazonaws.com";

/// The id of the statement in a function's resource policy for its topic, if it has one topic.
const TOPIC_SID: &str = "securelambda-topic";

/// The destination of events that a function could not handle.
#[derive(Clone, Copy)]
pub(super) enum Receiver {
    Queue(Handle<Queue>),
    Topic(Handle<Topic>),
}

impl Receiver {
    pub(super) fn of(destination: Option<&Destination>, (topics, queues): (&Topics, &Queues)) -> Option<Self> {
        match destination? {
            Destination::Queue(queue) => queues.get(queue).copied().map(Self::Queue),
            Destination::Topic(topic) => topics.get(topic).copied().map(Self::Topic),
        }
    }
}

impl Needs for Receiver {
    /// Its ARN.
    type Out = String;

    fn indices(&self) -> Vec<usize> {
        match self {
            Self::Queue(queue) => queue.indices(),
            Self::Topic(topic) => topic.indices(),
        }
    }

    fn read(&self, outputs: &dyn Fn(usize) -> Value) -> String {
        match self {
            Self::Queue(queue) => queue.read(outputs).arn,
            Self::Topic(topic) => topic.read(outputs).arn,
        }
    }
}

/// The stream that a mapping reads.
#[derive(Clone)]
enum Stream {
    Table(Handle<Table>),
    Arn(String),
}

impl Needs for Stream {
    /// Its ARN. A table that has no stream yet has an empty one.
    type Out = String;

    fn indices(&self) -> Vec<usize> {
        match self {
            Self::Table(table) => table.indices(),
            Self::Arn(_) => Vec::new(),
        }
    }

    fn read(&self, outputs: &dyn Fn(usize) -> Value) -> String {
        match self {
            Self::Table(table) => table.read(outputs).stream_arn.unwrap_or_default(),
            Self::Arn(arn) => arn.clone(),
        }
    }
}

/// The topics of a function, each with the suffix of the function's name in ids, and with the id of its statement. If
/// there is a single topic, neither contains the topic's name.
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

/// Adds the triggers of a function.
pub(super) fn triggers(
    graph: &mut Graph,
    (name, wanted): (&str, &Wanted),
    scope: &Scope,
    function: Ready,
    (topics, queues, tables): (&Topics, &Queues, &Tables),
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
    for trigger in wanted.streams() {
        let stream = match &trigger.source {
            StreamSource::Table(table) => tables.get(table).copied().map(Stream::Table),
            StreamSource::Arn(arn) => Some(Stream::Arn(arn.clone())),
        };
        let told = Receiver::of(trigger.on_failure.as_ref(), (topics, queues));
        if let Some(stream) = stream {
            follow(graph, name, function, (stream, told), trigger);
        }
    }
    for caller in wanted.outside_callers() {
        permit(graph, name, scope, function, caller);
    }
}

/// Creates the permission before the subscription. In the other order SNS would drop messages without an error
/// (docs/aws.md, Subscriptions).
fn subscribe(graph: &mut Graph, trigger: &str, ready: Ready, topic: Handle<Topic>, sid: String) {
    let Ready { function, called, policy } = ready;
    let id = ids::permission(trigger);
    let permission =
        id.add_under(graph, function, (called, topic), move |(called, topic)| called.permission(&sid, SNS, topic.arn));
    let needs = (called, topic, permission, policy);
    ids::subscription(trigger).add_under(graph, topic, needs, |(called, topic, _, _)| Subscription {
        topic: topic.arn,
        endpoint: called.arn,
        raw: false,
    });
}

/// A mapping whose source and function are not known yet.
fn mapping(id: &impl ToString, batches: &Batches, reading: Reading) -> EventSourceMapping {
    EventSourceMapping {
        id: id.to_string(),
        function: String::new(),
        alias: None,
        source_arn: String::new(),
        batch_size: number(batches.size),
        window_s: number(batches.window_s),
        reports_failures: batches.partial,
        filters: batches.filters.clone(),
        reading,
    }
}

fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Calls a function with the messages of a queue. Lambda reads the queue as the function, so the policy comes first.
fn map(
    graph: &mut Graph,
    name: &str,
    Ready { function, called, policy }: Ready,
    queue: Handle<Queue>,
    QueueTrigger { queue: source, batches, concurrency }: &QueueTrigger,
) {
    let id = ids::mapping(name, source);
    let mapping = mapping(&id, batches, Reading::Queue { concurrency: concurrency.map(number) });
    // A message must be hidden for longer than the function may take: AWS refuses the mapping otherwise.
    graph.order_after(function, queue);
    id.add_under(graph, function, (called, queue, policy), move |(called, queue, _)| EventSourceMapping {
        function: called.name,
        alias: called.alias,
        source_arn: queue.arn,
        ..mapping.clone()
    });
}

/// A short name for an ARN, because the id is in a tag: the name of the stream or of its table, and a hash.
fn short(arn: &str) -> String {
    let name = arn.split('/').nth(1).unwrap_or_default();
    let name: String = name.chars().take(40).collect();
    format!("{name}-{}", &hex::encode(Sha256::digest(arn))[..8])
}

/// Calls a function with the records of a stream. Lambda reads it as the function, so the policy comes first.
fn follow(
    graph: &mut Graph,
    name: &str,
    Ready { function, called, policy }: Ready,
    (stream, told): (Stream, Option<Receiver>),
    trigger: &StreamTrigger,
) {
    // A queue may have the name of a table, so a table's name gets a suffix.
    let id = match &trigger.source {
        StreamSource::Table(table) => ids::mapping(name, &format!("{table}.stream")),
        StreamSource::Arn(arn) => ids::mapping(name, &short(arn)),
    };
    let StreamTrigger { batches, start, parallel, retries, max_age_s, bisect, .. } = trigger;
    let reading = StreamReading {
        start: *start,
        parallel: number(*parallel),
        retries: retries.map(number),
        max_age_s: max_age_s.map(number),
        bisect: *bisect,
        on_failure: None,
    };
    let mapping = mapping(&id, batches, Reading::Stream(reading.clone()));
    id.add_under(graph, function, (called, stream, told, policy), move |(called, source_arn, on_failure, _)| {
        let reading = Reading::Stream(StreamReading { on_failure, ..reading.clone() });
        EventSourceMapping { function: called.name, alias: called.alias, source_arn, reading, ..mapping.clone() }
    });
}

/// Lets a service call a function. The policy of the function comes first.
fn permit(graph: &mut Graph, name: &str, scope: &Scope, ready: Ready, caller: &OutsideCaller) {
    let Ready { function, called, policy } = ready;
    let OutsideCaller { service, source_arn } = caller.clone();
    let (sid, account) = (outside_sid(caller), (!caller.names_account()).then(|| scope.account.clone()));
    let id = ids::permission(&format!("{name} {service} {source_arn}"));
    id.add_under(graph, function, (called, policy), move |(called, _)| Permission {
        source_account: account.clone(),
        ..called.permission(&sid, &service, source_arn.clone())
    });
}
