//! The event sources that Lambda reads to call a function: queues and streams (docs/aws.md, Event source mappings).

use super::Function;
use super::events::{self, Destination, OnFailureKeys};
use super::filters;
use crate::choices::StreamStart;
use crate::scope::Scope;
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Flag, List, Nested, Number, OptionalNumber, Text, Word};
use crate::spec::reader::{Reader, Table};
use crate::spec::rules::is_account;
use crate::spec::sections::{Stack, queues, tables};

/// The form of a stream's ARN, as a regular expression of ECMAScript.
pub(super) const STREAM_FORM: &str = "^arn:[a-z-]+:(kinesis:[a-z0-9-]+:[0-9]{12}:stream/[A-Za-z0-9_.-]{1,128}|dynamodb:[a-z0-9-]+:[0-9]{12}:table/[A-Za-z0-9_.-]{3,255}/stream/[0-9T:.-]+)$";

/// How many messages AWS takes from a queue at once. A larger batch needs a window to collect its messages.
const AT_ONCE: u32 = 10;

/// How many messages of a queue, and how many records of a stream, a call contains if the stack file says nothing.
const BATCH_OF_QUEUE: u32 = 10;
const BATCH_OF_STREAM: u32 = 100;

/// How many filters a trigger may have, unless the account has another quota.
const MOST_FILTERS: usize = 5;

/// How messages or records are collected for a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batches {
    /// How many messages or records a call contains at most: 1 to 10,000.
    pub size: u32,
    /// How many seconds they are collected before a call: 0 to 300.
    pub window_s: u32,
    /// Whether the function reports the messages or records that it could not handle.
    pub partial: bool,
    /// Patterns in JSON. The function gets messages or records that match one of them, or all if there are none.
    pub filters: Vec<String>,
}

/// A trigger that reads the messages of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueTrigger {
    pub queue: String,
    pub batches: Batches,
    /// How many calls are made at the same time at most: 2 to 1000.
    pub concurrency: Option<u32>,
}

/// A trigger that reads the records of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamTrigger {
    pub source: StreamSource,
    pub batches: Batches,
    pub start: StreamStart,
    /// How many calls are made at the same time for a shard: 1 to 10.
    pub parallel: u32,
    /// How often a failed call is repeated. `None`: until its records are too old.
    pub retries: Option<u32>,
    /// After how many seconds a record is too old: 60 to 604,800. `None`: when the stream's retention ends.
    pub max_age_s: Option<u32>,
    /// Whether the batch of a failed call is split in two.
    pub bisect: bool,
    /// The destination that gets a message about discarded records.
    pub on_failure: Option<Destination>,
}

/// The stream that a trigger reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamSource {
    /// The stream of this table of the stack.
    Table(String),
    /// A stream outside of the stack, by its ARN.
    Arn(String),
}

impl StreamSource {
    /// The stream's ARN. For a table of the stack, `*` stands for the last part, the time at which the stream was
    /// turned on.
    pub fn arn(&self, scope: &Scope) -> String {
        match self {
            Self::Table(table) => scope.arn("dynamodb", &format!("table/{}/stream/*", scope.physical(table))),
            Self::Arn(arn) => arn.clone(),
        }
    }

    /// `dynamodb` or `kinesis`.
    pub fn service(&self) -> &str {
        match self {
            Self::Table(_) => "dynamodb",
            Self::Arn(arn) => arn.split(':').nth(2).unwrap_or_default(),
        }
    }
}

impl Function {
    /// The ARNs of its event sources, in which `*` may stand for a part.
    pub fn sources<'a>(&'a self, stack: &'a Stack, scope: &'a Scope) -> impl Iterator<Item = String> + 'a {
        let queues = self.queues().map(|trigger| stack.queue_arn(scope, &trigger.queue));
        queues.chain(self.streams().map(|trigger| trigger.source.arn(scope)))
    }
}

/// The keys of every trigger whose messages or records are collected.
pub(super) struct BatchKeys<'a> {
    pub batch: &'a OptionalNumber,
    pub window_s: &'a Number,
    pub partial: &'a Flag,
    pub filters: &'a List,
}

/// The keys of a trigger with a stream.
pub(super) struct StreamKeys<'a> {
    pub start: &'a Word<StreamStart>,
    pub parallel: &'a Number,
    pub retries: &'a OptionalNumber,
    pub max_age_s: &'a OptionalNumber,
    pub bisect: &'a Flag,
    pub on_failure: &'a Nested<OnFailureKeys>,
}

fn batches(reader: &mut Reader, table: &Table, keys: &BatchKeys, size: u32) -> Batches {
    let BatchKeys { batch, window_s, partial, filters } = keys;
    let patterns = reader.list(table, filters);
    if let Some((_, span)) = patterns.get(MOST_FILTERS) {
        reader.diagnostic(span, format!("a trigger has at most {MOST_FILTERS} filters"), None);
    }
    for (pattern, span) in &patterns {
        if let Err((why, help)) = filters::check(pattern) {
            reader.diagnostic(span, why, Some(help));
        }
    }
    Batches {
        size: reader.optional_number(table, batch).unwrap_or(size),
        window_s: reader.number(table, window_s),
        partial: reader.flag(table, partial),
        filters: patterns.into_iter().map(|(pattern, _)| pattern).collect(),
    }
}

pub(super) fn queue(
    reader: &mut Reader,
    table: &Table,
    (queue, concurrency): (&Text, &OptionalNumber),
    keys: &BatchKeys,
) -> Option<QueueTrigger> {
    let (queue, _) = reader.text(table, queue)?;
    let batches = batches(reader, table, keys, BATCH_OF_QUEUE);
    Some(QueueTrigger { queue, batches, concurrency: reader.optional_number(table, concurrency) })
}

pub(super) fn stream(
    reader: &mut Reader,
    table: &Table,
    (stream, stream_arn): (&Text, &Text),
    keys: &BatchKeys,
    StreamKeys { start, parallel, retries, max_age_s, bisect, on_failure }: &StreamKeys,
) -> Option<StreamTrigger> {
    let source = if let Some((table, _)) = reader.text(table, stream) {
        StreamSource::Table(table)
    } else {
        let (arn, span) = reader.text(table, stream_arn)?;
        if let Err((why, help)) = stream_of(&arn) {
            reader.diagnostic(&span, why, Some(help.into()));
        }
        StreamSource::Arn(arn)
    };
    Some(StreamTrigger {
        source,
        batches: batches(reader, table, keys, BATCH_OF_STREAM),
        start: reader.word(table, start),
        parallel: reader.number(table, parallel),
        retries: reader.optional_number(table, retries),
        max_age_s: reader.optional_number(table, max_age_s),
        bisect: reader.flag(table, bisect),
        on_failure: reader.table(table, on_failure).and_then(|table| events::destination(reader, &table)),
    })
}

/// Checks the ARN of a stream outside of the stack.
fn stream_of(arn: &str) -> Result<(), (String, &'static str)> {
    let example =
        "as in arn:aws:kinesis:eu-central-1:123456789012:stream/clicks, or LatestStreamArn of a DynamoDB table";
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, service, region, account, name] = parts.as_slice() else {
        return Err((format!("{arn:?} is not an ARN"), example));
    };
    let named = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    let is_stream = match (*service, name.split('/').collect::<Vec<_>>().as_slice()) {
        ("kinesis", ["stream", name]) => named(name),
        ("kinesis", ["stream", _, "consumer", _]) => {
            let help = "name the stream itself; triggers read streams without a consumer of their own";
            return Err((format!("{arn} is a consumer of a stream"), help));
        }
        ("dynamodb", ["table", table, "stream", time]) => {
            named(table) && !time.is_empty() && time.chars().all(|c| c.is_ascii_digit() || "T:.-".contains(c))
        }
        ("dynamodb", ["table", _]) => {
            let help = "name the stream of the table, which is LatestStreamArn in the output of DescribeTable";
            return Err((format!("{arn} is a table"), help));
        }
        _ => false,
    };
    if is_stream && partition.starts_with("aws") && !region.is_empty() && is_account(account) {
        return Ok(());
    }
    Err((format!("{arn:?} is not the ARN of a stream"), example))
}

/// AWS's rules for batches of queues.
pub(super) fn check_queue(place: &str, QueueTrigger { queue, batches, .. }: &QueueTrigger, checks: &mut Checks) {
    queues::exists(checks, format!("{place}.queue"), queue);
    let fifo = checks.stack.all_queues().get(queue).is_some_and(|queue| queue.fifo);
    let flaw = match (fifo, batches.size > AT_ONCE, batches.window_s > 0) {
        (true, true, _) => {
            (format!("a FIFO queue takes at most {AT_ONCE} messages at once"), "write batch = 10 or less")
        }
        (true, _, true) => ("a FIFO queue has no window".to_owned(), "leave `window_s` out"),
        (false, true, false) => (format!("more than {AT_ONCE} messages must be collected"), "add window_s = 1 or more"),
        _ => return,
    };
    checks.report([Diagnostic::new(format!("{place}.batch"), flaw.0).help(flaw.1)]);
}

pub(super) fn check_stream(place: &str, StreamTrigger { source, on_failure, .. }: &StreamTrigger, checks: &mut Checks) {
    if let StreamSource::Table(table) = source {
        checks.exists(format!("{place}.stream"), "table", table, &[&tables::KEY.key]);
        if checks.stack.tables.get(table).is_some_and(|table| table.stream.is_none()) {
            let flaw = Diagnostic::new(format!("{place}.stream"), format!("the table {table} has no stream"));
            checks.report([flaw.help(format!("add stream = \"new-and-old\" to [tables.{table}]"))]);
        }
    }
    if let Some(destination) = on_failure {
        events::check_destination(&format!("{place}.on_failure"), destination, checks);
    }
}

/// Reports two triggers that read the same source. AWS takes only one for a function.
pub(super) fn check_twins(name: &str, function: &Function, checks: &mut Checks) {
    let queues = function.queues().map(|trigger| format!("the queue {}", trigger.queue));
    let streams = function.streams().map(|trigger| match &trigger.source {
        StreamSource::Table(table) => format!("the stream of the table {table}"),
        StreamSource::Arn(arn) => arn.clone(),
    });
    let mut read: Vec<String> = queues.chain(streams).collect();
    read.sort_unstable();
    let twin = read.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| &pair[0]);
    checks.report(twin.map(|source| {
        let message = format!("two triggers of {name} read {source}; AWS takes one for a function");
        Diagnostic::new(format!("functions.{name}.triggers"), message)
    }));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn function(trigger: &str) -> Result<Function, String> {
        let file = format!(
            "[stack]\nname = \"demo\"\n[topics.failed]\n[queues.work]\n[queues.ordered]\nfifo = true\n[tables.notes]\n\
             key = \"id\"\nstream = \"new\"\n[tables.plain]\nkey = \"id\"\n[functions.F]\nsource = \"f\"\n{trigger}\n"
        );
        parse(&file).map(|stack| stack.functions["F"].clone()).map_err(|mistakes| format!("{mistakes:?}"))
    }

    fn trigger(keys: &str) -> Result<Function, String> {
        function(&format!("[[functions.F.triggers]]\n{keys}"))
    }

    #[track_caller]
    fn wrong(trigger: &Result<Function, String>, why: &str) {
        assert!(trigger.as_ref().is_err_and(|mistakes| mistakes.contains(why)), "{why}: {trigger:?}");
    }

    #[test]
    fn a_queue_has_a_batch_that_aws_takes() {
        let batches = Batches { size: 10, window_s: 0, partial: false, filters: Vec::new() };
        let work = QueueTrigger { queue: "work".into(), batches, concurrency: None };
        assert_eq!(trigger("queue = \"work\"").unwrap().queues().collect::<Vec<_>>(), [&work]);
        for sound in [
            "queue = \"work\"\nbatch = 100\nwindow_s = 5\npartial = true\nconcurrency = 2",
            "queue = \"ordered\"\nbatch = 1",
        ] {
            assert!(trigger(sound).is_ok(), "{sound}");
        }
        wrong(&trigger("queue = \"wrk\""), "there is no queue called wrk");
        wrong(&trigger("queue = \"work\"\nbatch = 11"), "must be collected");
        wrong(&trigger("queue = \"ordered\"\nbatch = 11\nwindow_s = 1"), "at most 10 messages");
        wrong(&trigger("queue = \"ordered\"\nwindow_s = 1"), "has no window");
        wrong(&trigger("queue = \"work\"\nretries = 1"), "a trigger with `queue` has no `retries`");
    }

    #[test]
    fn a_table_has_a_stream_whose_oldest_change_is_read_first() {
        let read = trigger("stream = \"notes\"").unwrap();
        let stream = read.streams().next().unwrap();
        assert_eq!(stream.source, StreamSource::Table("notes".into()));
        assert_eq!((stream.batches.size, stream.start, stream.retries), (100, StreamStart::Oldest, None));
        let all = trigger(
            "stream = \"notes\"\nbatch = 1000\nwindow_s = 60\npartial = true\nfilters = ['{\"eventName\": [\"INSERT\"]}']\n\
             start = \"latest\"\nparallel = 2\nretries = 0\nmax_age_s = 60\nbisect = true\non_failure = { topic = \"failed\" }",
        );
        let all = all.unwrap();
        let stream = all.streams().next().unwrap();
        assert_eq!(stream.on_failure, Some(Destination::Topic("failed".into())));
        assert_eq!((stream.retries, stream.max_age_s, stream.parallel), (Some(0), Some(60), 2));
        wrong(&trigger("stream = \"note\""), "there is no table called note");
        wrong(&trigger("stream = \"plain\""), "the table plain has no stream");
        wrong(&trigger("stream = \"notes\"\nconcurrency = 2"), "a trigger with `stream` has no `concurrency`");
        wrong(&trigger("stream = \"notes\"\nfilters = [\"INSERT\"]"), "must be a JSON object");
        wrong(&trigger("stream = \"notes\"\nmax_age_s = 59"), "from 60 to 604800");
        wrong(&trigger("stream = \"notes\"\non_failure = { queue = \"ordered\" }"), "is a FIFO queue");
        wrong(&trigger("stream = \"notes\"\non_failure = { topic = \"faild\" }"), "there is no topic called faild");
    }

    #[test]
    fn somebody_elses_stream_is_named_by_its_arn() {
        let sound = [
            "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks",
            "arn:aws:dynamodb:eu-central-1:123456789012:table/orders/stream/2026-11-29T18:00:00.123",
        ];
        for arn in sound {
            let read = trigger(&format!("stream_arn = \"{arn}\"")).unwrap();
            assert_eq!(read.streams().next().unwrap().source, StreamSource::Arn(arn.into()));
        }
        for (arn, why) in [
            ("clicks", "is not an ARN"),
            ("arn:aws:kinesis:eu-central-1:123456789012:stream/*", "is not the ARN of a stream"),
            ("arn:aws:kinesis:eu-central-1:123456789012:stream/a/consumer/b:1", "is a consumer"),
            ("arn:aws:dynamodb:eu-central-1:123456789012:table/orders", "is a table"),
            ("arn:aws:sqs:eu-central-1:123456789012:work", "is not the ARN of a stream"),
        ] {
            wrong(&trigger(&format!("stream_arn = \"{arn}\"")), why);
        }
    }

    #[test]
    fn a_function_reads_each_source_once() {
        let twice =
            "[[functions.F.triggers]]\nstream = \"notes\"\nbatch = 1\n[[functions.F.triggers]]\nstream = \"notes\"\n";
        wrong(&function(twice), "two triggers of F read the stream of the table notes");
    }
}
