//! The triggers of a function, which call it besides routes.

use std::collections::BTreeSet;

use super::events::{ON_FAILURE, OnFailureKeys};
use super::{Function, QueueTrigger, StreamTrigger, event_sources, schedules};
use crate::choices::StreamStart;
use crate::spec::checks::Checks;
use crate::spec::field::{Flag, Key, List, Nested, Number, OptionalNumber, Text, TextOr, Word};
use crate::spec::reader::{Reader, Table, joined};
use crate::spec::section::{Choice, Section, section};
use crate::spec::sections::{Stack, topics};
use crate::spelling::nearest;

section! {
    TRIGGER: TriggerKeys = "a trigger",
        Choice::OneOf(&[&["topic", "queue", "stream", "stream_arn", "schedule", "service"]]);
    topic: Text = any("The topic whose messages call the function.");
    queue: Text = any(
        "The queue whose messages call the function. A message that the function could not handle is delivered again after six times the function's timeout.",
    );
    stream: Text = any(
        "The table whose changes call the function. The table's own key `stream` says what the function learns of a change.",
    );
    stream_arn: Text = form(
        event_sources::STREAM_FORM,
        "The ARN of a stream that another tool made, in the stack's region: of Kinesis, or of a table of DynamoDB. The function's role may read it, and may use the key that encrypts it.",
    );
    batch: OptionalNumber = range(
        1, 10_000,
        "With `queue`, `stream` and `stream_arn`: how many messages or changes a call contains at most. Left out: 10 of a queue, 100 of a stream. More than 10 of a queue need a window. A FIFO queue takes up to 10.",
    );
    window_s: Number = range(
        0, 300, 0,
        "With `queue`, `stream` and `stream_arn`: how many seconds messages or changes are collected before a call. FIFO queues have no window.",
    );
    partial: Flag = or(
        false,
        "With `queue`, `stream` and `stream_arn`: whether the function answers which messages or changes of a call it could not handle, as { batchItemFailures: [{ itemIdentifier }] }. Otherwise all of a failed call are delivered again.",
    );
    filters: List = texts(
        "With `queue`, `stream` and `stream_arn`: up to 5 patterns in JSON, as in '{\"eventName\": [\"INSERT\"]}'. The function gets messages or changes that match one of them. Other messages of a queue are deleted.",
    );
    concurrency: OptionalNumber = range(
        2, 1000, "With `queue`: how many calls are made at the same time at most.",
    );
    start: Word<StreamStart> = of(
        &["oldest", "latest"],
        &[StreamStart::Oldest, StreamStart::Latest],
        "With `stream` and `stream_arn`: where reading begins when `up` makes the trigger. oldest (TRIM_HORIZON): with everything that the stream still has. latest (LATEST): with later records; records that arrive in the minutes in which the trigger is created may be missed. A later change of this key has no effect.",
    );
    parallel: Number = range(
        1, 10, 1,
        "With `stream` and `stream_arn`: how many calls are made at the same time for one shard of the stream. Changes of the same item stay in order.",
    );
    retries: OptionalNumber = range(
        0, 10_000,
        "With `stream` and `stream_arn`: how often a call that failed is repeated. Left out: until its changes are too old. Until then, later changes wait.",
    );
    max_age_s: OptionalNumber = range(
        60, 604_800,
        "With `stream` and `stream_arn`: after how many seconds a change is too old to be handled. Left out: when the stream no longer has the change; for a table, this is after a day.",
    );
    bisect: Flag = or(
        false,
        "With `stream` and `stream_arn`: whether a call that failed is repeated as two calls with half of its changes each, so that one bad change is found.",
    );
    on_failure: Nested<OnFailureKeys> = table(
        &ON_FAILURE,
        "With `stream` and `stream_arn`: where Lambda reports the changes that it gives up after `retries` or `max_age_s`: their position in the stream, not their content.",
    );
    schedule: Text = form(
        "^(rate|cron|at)\\(.+\\)$",
        "When the function is called: rate(5 minutes), cron(0 8 ? * MON-FRI *) or at(2027-01-31T08:00:00), as EventBridge Scheduler takes it. The event is empty. `on_failure` of the function gets the events that it could not handle.",
    );
    timezone: TextOr = form(
        "^[A-Za-z0-9_+/-]{1,50}$", "UTC", "With `schedule`: the time zone of cron and at, as in Europe/Berlin.",
    );
    service: Text = form(
        "^[a-z0-9.-]+\\.amazonaws\\.com(\\.cn)?$",
        "The service that calls the function on behalf of a resource that another tool made, as in s3.amazonaws.com. `up` only permits the call; the other tool configures the resource to make it.",
    );
    source_arn: Text = form(
        "^arn:[a-z-]+:[a-z0-9-]+:",
        "With `service`: the ARN of the resource on whose behalf the service calls, as in arn:aws:s3:::photos. An ARN without an account means a resource of this account.",
    );
    because: Text = any("With `service`: why `source_arn` has a wildcard. Without a reason it must not have one.");
}

/// A trigger of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// Every message of this topic.
    Topic(String),
    Queue(QueueTrigger),
    Stream(StreamTrigger),
    Schedule(ScheduleTrigger),
    Service(OutsideCaller),
}

/// The times at which a function is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleTrigger {
    /// `rate(…)`, `cron(…)` or `at(…)`.
    pub expression: String,
    /// As in `Europe/Berlin`.
    pub timezone: String,
}

/// A service that calls a function on behalf of a resource that another tool made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutsideCaller {
    /// As in `s3.amazonaws.com`.
    pub service: String,
    /// As in `arn:aws:s3:::photos`.
    pub source_arn: String,
}

impl OutsideCaller {
    /// Whether the ARN of the resource names an account.
    pub fn names_account(&self) -> bool {
        self.source_arn.split(':').nth(4).is_some_and(|account| !account.is_empty())
    }
}

/// Services that call functions with a permission in the function's resource policy (docs/aws.md, Invoke permissions),
/// without the suffix `.amazonaws.com`. AWS has further ones.
const SERVICES: [&str; 19] = [
    "apigateway",
    "bedrock",
    "cloudformation",
    "codecommit",
    "codepipeline",
    "cognito-idp",
    "config",
    "connect",
    "elasticloadbalancing",
    "events",
    "iot",
    "lambda.alarms.cloudwatch",
    "lexv2",
    "logs",
    "s3",
    "secretsmanager",
    "ses",
    "sns",
    "vpc-lattice",
];

impl Function {
    /// The topics whose messages call it.
    pub fn topics(&self) -> impl Iterator<Item = &String> {
        self.triggers.iter().filter_map(|trigger| match trigger {
            Trigger::Topic(topic) => Some(topic),
            _ => None,
        })
    }

    /// The services that call it on behalf of resources that another tool made.
    pub fn outside_callers(&self) -> impl Iterator<Item = &OutsideCaller> {
        self.triggers.iter().filter_map(|trigger| match trigger {
            Trigger::Service(caller) => Some(caller),
            _ => None,
        })
    }

    /// The queues whose messages call it.
    pub fn queues(&self) -> impl Iterator<Item = &QueueTrigger> {
        self.triggers.iter().filter_map(|trigger| match trigger {
            Trigger::Queue(queue) => Some(queue),
            _ => None,
        })
    }

    /// The streams whose records call it.
    pub fn streams(&self) -> impl Iterator<Item = &StreamTrigger> {
        self.triggers.iter().filter_map(|trigger| match trigger {
            Trigger::Stream(stream) => Some(stream),
            _ => None,
        })
    }

    /// The times at which it is called.
    pub fn schedules(&self) -> impl Iterator<Item = &ScheduleTrigger> {
        self.triggers.iter().filter_map(|trigger| match trigger {
            Trigger::Schedule(schedule) => Some(schedule),
            _ => None,
        })
    }
}

impl Stack {
    /// The services that call functions on behalf of resources that another tool made.
    pub fn outside_callers(&self) -> BTreeSet<String> {
        let callers = self.functions.values().flat_map(Function::outside_callers);
        callers.map(|caller| caller.service.clone()).collect()
    }
}

/// Reads the one trigger in the key `trigger`, or those in the list `triggers`.
pub(super) fn read(
    reader: &mut Reader,
    table: &Table,
    (one, several): (&Nested<TriggerKeys>, &Nested<TriggerKeys>),
) -> Vec<Trigger> {
    let mut triggers = Vec::new();
    let list = reader.tables(table, several).unwrap_or_default();
    if let Some(table) = reader.table(table, one) {
        triggers.extend(trigger(reader, &table));
        if !list.is_empty() {
            let help = "write all of them as [[functions.NAME.triggers]]";
            reader.diagnostic(&table.span, "a function has either `trigger` or `triggers`", Some(help.into()));
        }
    }
    let place = table.at(&several.key);
    for (index, item) in list.into_iter().enumerate() {
        let path = joined(&place, &index.to_string());
        let Some(table) = reader.open(item, "a trigger", path, several.section) else { continue };
        let Some(trigger) = trigger(reader, &table) else { continue };
        if triggers.contains(&trigger) {
            reader.diagnostic(&table.span, "the function has this trigger twice", None);
        }
        triggers.push(trigger);
    }
    triggers
}

/// Reads a trigger. `None` means that a mistake was reported.
fn trigger(reader: &mut Reader, table: &Table) -> Option<Trigger> {
    let TriggerKeys {
        topic,
        queue,
        stream,
        stream_arn,
        batch,
        window_s,
        partial,
        filters,
        concurrency,
        start,
        parallel,
        retries,
        max_age_s,
        bisect,
        on_failure,
        schedule,
        timezone,
        service,
        source_arn,
        because,
    } = &TRIGGER;
    let of_queue: &[&Key] = &[&batch.key, &window_s.key, &partial.key, &filters.key, &concurrency.key];
    let of_stream: &[&Key] = &[
        &batch.key,
        &window_s.key,
        &partial.key,
        &filters.key,
        &start.key,
        &parallel.key,
        &retries.key,
        &max_age_s.key,
        &bisect.key,
        &on_failure.key,
    ];
    let kinds: [(&Key, &[&Key]); 6] = [
        (&topic.key, &[]),
        (&queue.key, of_queue),
        (&stream.key, of_stream),
        (&stream_arn.key, of_stream),
        (&schedule.key, &[&timezone.key]),
        (&service.key, &[&source_arn.key, &because.key]),
    ];
    let given: Vec<_> = kinds.iter().filter(|(kind, _)| table.get(kind).is_some()).collect();
    let [(kind, settings)] = given.as_slice() else {
        let names = kinds.map(|(kind, _)| kind.name).join(", ");
        let help = format!("its keys are {names}, and the settings of each");
        reader.diagnostic(&table.span, format!("a trigger has exactly one of {names}"), Some(help));
        return None;
    };
    for key in TRIGGER.keys() {
        let fits = key.name == kind.name || settings.iter().any(|setting| setting.name == key.name);
        if let Some(item) = table.get(key).filter(|_| !fits) {
            reader.diagnostic(&item.span(), format!("a trigger with `{}` has no `{}`", kind.name, key.name), None);
        }
    }
    let batches = event_sources::BatchKeys { batch, window_s, partial, filters };
    let of_stream = event_sources::StreamKeys { start, parallel, retries, max_age_s, bisect, on_failure };
    match kind.name {
        "topic" => reader.text(table, topic).map(|(topic, _)| Trigger::Topic(topic)),
        "queue" => event_sources::queue(reader, table, (queue, concurrency), &batches).map(Trigger::Queue),
        "schedule" => scheduled(reader, table, (schedule, timezone)).map(Trigger::Schedule),
        "service" => outside_caller(reader, table, (service, source_arn, because)).map(Trigger::Service),
        _ => {
            let stream = event_sources::stream(reader, table, (stream, stream_arn), &batches, &of_stream);
            stream.map(Trigger::Stream)
        }
    }
}

fn scheduled(reader: &mut Reader, table: &Table, (schedule, timezone): (&Text, &TextOr)) -> Option<ScheduleTrigger> {
    let (expression, span) = reader.text(table, schedule)?;
    if let Err((why, help)) = schedules::expression(&expression) {
        reader.diagnostic(&span, why, help);
    }
    let (timezone, span) = reader.text_or(table, timezone);
    if let Some(span) = span
        && let Err((why, help)) = schedules::timezone(&timezone)
    {
        reader.diagnostic(&span, why, help);
    }
    Some(ScheduleTrigger { expression, timezone })
}

fn outside_caller(
    reader: &mut Reader,
    table: &Table,
    (service, source_arn, because): (&Text, &Text, &Text),
) -> Option<OutsideCaller> {
    let because = reader.text(table, because);
    let source = reader.text(table, source_arn);
    let (service, span) = reader.text(table, service)?;
    if let Err((why, help)) = principal(&service) {
        reader.diagnostic(&span, why, help);
    }
    let Some((source_arn, span)) = source else {
        let help =
            "name the resource on whose behalf it calls the function, as in source_arn = \"arn:aws:s3:::photos\"";
        reader.diagnostic(&table.span, format!("{service} needs a `source_arn`"), Some(help.into()));
        return None;
    };
    if !is_arn(&source_arn) {
        reader.diagnostic(&span, format!("{source_arn:?} is not an ARN"), Some("as in arn:aws:s3:::photos".into()));
    } else if has_wildcard(&source_arn) && because.is_none() {
        let help = "name one thing, or say why it must be several: because = \"…\"";
        reader.diagnostic(&span, format!("{source_arn} has a wildcard"), Some(help.into()));
    }
    Some(OutsideCaller { service, source_arn })
}

/// Checks the name of a service. An unknown name may be valid, unless it resembles a known one.
fn principal(service: &str) -> Result<(), (String, Option<String>)> {
    let name = service.strip_suffix(".amazonaws.com").or_else(|| service.strip_suffix(".amazonaws.com.cn"));
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Err((format!("{service:?} is not a service"), Some("as in s3.amazonaws.com".into())));
    };
    match nearest(name, &SERVICES) {
        Some(near) if near != name && !SERVICES.contains(&name) => {
            Err((format!("no service is called {service}"), Some(format!("did you mean `{near}.amazonaws.com`?"))))
        }
        _ => Ok(()),
    }
}

fn is_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let blank = text.chars().any(char::is_whitespace);
    matches!(parts.as_slice(), ["arn", partition, service, _, _, resource]
        if partition.starts_with("aws") && !service.is_empty() && !resource.is_empty() && !blank)
}

/// Whether an ARN has a wildcard. The `:*` at the end of a log group's ARN stands for its streams and does not count.
fn has_wildcard(arn: &str) -> bool {
    let arn = arn.strip_suffix(":*").filter(|arn| arn.contains(":log-group:")).unwrap_or(arn);
    arn.contains(['*', '?'])
}

pub(super) fn check(name: &str, function: &Function, checks: &mut Checks) {
    let one = format!("functions.{name}.trigger");
    let one = checks.is_written(&one).then_some(one);
    for (index, trigger) in function.triggers.iter().enumerate() {
        let place = one.clone().unwrap_or_else(|| format!("functions.{name}.triggers.{index}"));
        match trigger {
            Trigger::Topic(topic) => checks.exists(format!("{place}.topic"), "topic", topic, &[&topics::KEY.key]),
            Trigger::Queue(trigger) => event_sources::check_queue(&place, trigger, checks),
            Trigger::Stream(trigger) => event_sources::check_stream(&place, trigger, checks),
            Trigger::Schedule(_) | Trigger::Service(_) => {}
        }
    }
    event_sources::check_twins(name, function, checks);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn triggers(keys: &str) -> Result<Vec<Trigger>, String> {
        let file = format!("[stack]\nname = \"demo\"\n[topics.a]\n[topics.b]\n[functions.F]\nsource = \"f\"\n{keys}\n");
        parse(&file).map(|stack| stack.functions["F"].triggers.clone()).map_err(|mistakes| format!("{mistakes:?}"))
    }

    fn entries(entries: &[&str]) -> Result<Vec<Trigger>, String> {
        let entries = entries.iter().map(|entry| format!("[[functions.F.triggers]]\n{entry}\n"));
        triggers(&entries.collect::<Vec<_>>().concat())
    }

    #[test]
    fn a_function_has_one_trigger_or_a_list_of_them() {
        let topic = |name: &str| Trigger::Topic(name.into());
        assert_eq!(triggers("trigger = { topic = \"a\" }"), Ok(vec![topic("a")]));
        assert_eq!(entries(&["topic = \"a\"", "topic = \"b\""]), Ok(vec![topic("a"), topic("b")]));
        let both = "trigger = { topic = \"a\" }\n[[functions.F.triggers]]\ntopic = \"b\"";
        for (wrong, why) in [
            (triggers(both), "either `trigger` or `triggers`"),
            (entries(&["topic = \"a\"", "topic = \"a\""]), "twice"),
            (entries(&["topic = \"c\""]), "there is no topic called c"),
            (entries(&["topic = \"a\"\nservice = \"s3.amazonaws.com\""]), "exactly one of topic, "),
            (entries(&["source_arn = \"arn:aws:s3:::photos\""]), "exactly one of topic, "),
            (entries(&["topic = \"a\"\nbecause = \"x\""]), "a trigger with `topic` has no `because`"),
        ] {
            assert!(wrong.as_ref().is_err_and(|mistakes| mistakes.contains(why)), "{wrong:?}");
        }
    }

    #[test]
    fn a_schedule_has_a_time_zone() {
        let schedule = |keys: &str| entries(&[keys]);
        let wanted = |expression: &str, timezone: &str| {
            let (expression, timezone) = (expression.to_owned(), timezone.to_owned());
            Ok(vec![Trigger::Schedule(ScheduleTrigger { expression, timezone })])
        };
        assert_eq!(schedule("schedule = \"rate(1 day)\""), wanted("rate(1 day)", "UTC"));
        let morning = "cron(0 8 ? * * *)";
        let keys = format!("schedule = \"{morning}\"\ntimezone = \"Europe/Berlin\"");
        assert_eq!(schedule(&keys), wanted(morning, "Europe/Berlin"));
        assert!(schedule("schedule = \"rate(1 second)\"").is_err_and(|mistakes| mistakes.contains("is not a rate")));
        let crontab = schedule("schedule = \"*/5 * * * *\"");
        assert!(crontab.is_err_and(|mistakes| mistakes.contains("did you mean `cron(*/5 * * * ? *)`?")));
        let elsewhere = schedule(&format!("schedule = \"{morning}\"\ntimezone = \"Berlin\""));
        assert!(elsewhere.is_err_and(|mistakes| mistakes.contains("did you mean `Europe/Berlin`?")));
    }

    #[test]
    fn a_service_calls_for_one_thing_unless_there_is_a_reason() {
        let caller =
            |service: &str, source: &str| entries(&[&format!("service = \"{service}\"\nsource_arn = \"{source}\"")]);
        let photos = OutsideCaller { service: "s3.amazonaws.com".into(), source_arn: "arn:aws:s3:::photos".into() };
        assert!(!photos.names_account());
        assert_eq!(caller("s3.amazonaws.com", "arn:aws:s3:::photos"), Ok(vec![Trigger::Service(photos)]));
        let group = "arn:aws:logs:eu-central-1:123456789012:log-group:/x:*";
        for (service, source) in [("logs.amazonaws.com", group), ("new-thing.amazonaws.com", "arn:aws:x:::y")] {
            assert!(caller(service, source).is_ok(), "{service}");
        }
        let any = "arn:aws:events:eu-central-1:123456789012:rule/*";
        for (wrong, why) in [
            (caller("event.amazonaws.com", any), "did you mean `events.amazonaws.com`?"),
            (caller("s3", "arn:aws:s3:::photos"), "is not a service"),
            (caller("s3.amazonaws.com", "photos"), "is not an ARN"),
            (caller("events.amazonaws.com", any), "has a wildcard"),
            (entries(&["service = \"s3.amazonaws.com\""]), "needs a `source_arn`"),
        ] {
            assert!(wrong.as_ref().is_err_and(|mistakes| mistakes.contains(why)), "{wrong:?}");
        }
        let reason =
            format!("service = \"events.amazonaws.com\"\nsource_arn = \"{any}\"\nbecause = \"all rules of ours\"");
        assert!(entries(&[&reason]).is_ok());
    }
}
