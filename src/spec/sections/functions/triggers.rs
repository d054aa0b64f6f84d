//! What calls a function besides routes.

use std::collections::BTreeSet;

use super::{Function, schedules};
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Flag, Key, Nested, Number, Text, TextOr};
use crate::spec::reader::{Reader, Table, joined};
use crate::spec::section::{Choice, Section, section};
use crate::spec::sections::{Stack, queues, topics};
use crate::spelling::nearest;

section! {
    TRIGGER: TriggerKeys = "a trigger", Choice::OneOf(&["topic", "queue", "schedule", "service"]);
    topic: Text = any("The topic whose messages call the function.");
    queue: Text = any(
        "The queue whose messages call the function. A message that the function could not handle is delivered again after six times the function's timeout.",
    );
    batch: Number = range(
        1, 10_000, 10,
        "With `queue`: how many messages a call contains at most. More than 10 need a window. A FIFO queue takes up to 10.",
    );
    window_s: Number = range(
        0, 300, 0, "With `queue`: how many seconds messages are collected before a call. FIFO queues have no window.",
    );
    partial: Flag = or(
        false,
        "With `queue`: whether the function answers which messages of a call it could not handle, as { batchItemFailures: [{ itemIdentifier }] }. Otherwise all messages of a failed call are delivered again.",
    );
    schedule: Text = form(
        "^(rate|cron|at)\\(.+\\)$",
        "When the function is called: rate(5 minutes), cron(0 8 ? * MON-FRI *) or at(2027-01-31T08:00:00), as EventBridge Scheduler takes it. The event is empty. `on_failure` gets what the function could not handle.",
    );
    timezone: TextOr = form(
        "^[A-Za-z0-9_+/-]{1,50}$", "UTC", "With `schedule`: the time zone of cron and at, as in Europe/Berlin.",
    );
    service: Text = form(
        "^[a-z0-9.-]+\\.amazonaws\\.com(\\.cn)?$",
        "The service that calls the function for something that another tool made, as in s3.amazonaws.com. `up` only permits the call; the other tool sets up what leads to it.",
    );
    source_arn: Text = form(
        "^arn:[a-z-]+:[a-z0-9-]+:",
        "With `service`: the ARN of that something, as in arn:aws:s3:::photos. An ARN without an account stands for something of this account.",
    );
    because: Text = any("With `service`: why `source_arn` has a wildcard. Without a reason it must not have one.");
}

/// What calls a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// Every message of this topic.
    Topic(String),
    Queue(QueueTrigger),
    Schedule(ScheduleTrigger),
    Service(OutsideCaller),
}

/// Certain times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleTrigger {
    /// `rate(…)`, `cron(…)` or `at(…)`.
    pub expression: String,
    /// As in `Europe/Berlin`.
    pub timezone: String,
}

/// The messages of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueTrigger {
    pub queue: String,
    /// How many messages a call contains at most: 1 to 10,000.
    pub batch: u32,
    /// How many seconds messages are collected before a call: 0 to 300.
    pub window_s: u32,
    /// Whether the function answers which messages it could not handle.
    pub partial: bool,
}

/// How many messages AWS takes from a queue at once. A larger batch is collected, which needs a window.
const AT_ONCE: u32 = 10;

/// A service that calls a function for something that another tool made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutsideCaller {
    /// As in `s3.amazonaws.com`.
    pub service: String,
    /// As in `arn:aws:s3:::photos`.
    pub source_arn: String,
}

impl OutsideCaller {
    /// Whether its ARN says to which account it belongs.
    pub fn names_account(&self) -> bool {
        self.source_arn.split(':').nth(4).is_some_and(|account| !account.is_empty())
    }
}

/// Services that call functions with a permission in the function's resource policy (docs/aws.md, Invoke permissions),
/// without what follows in every name. AWS has others too.
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

    /// The services that call it for something that another tool made.
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

    /// The times at which it is called.
    pub fn schedules(&self) -> impl Iterator<Item = &ScheduleTrigger> {
        self.triggers.iter().filter_map(|trigger| match trigger {
            Trigger::Schedule(schedule) => Some(schedule),
            _ => None,
        })
    }
}

impl Stack {
    /// The services that call functions for something that another tool made.
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
    let TriggerKeys { topic, queue, batch, window_s, partial, schedule, timezone, service, source_arn, because } =
        &TRIGGER;
    let kinds: [(&Key, &[&Key]); 4] = [
        (&topic.key, &[]),
        (&queue.key, &[&batch.key, &window_s.key, &partial.key]),
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
    if kind.name == topic.key.name {
        return reader.text(table, topic).map(|(topic, _)| Trigger::Topic(topic));
    }
    if kind.name == queue.key.name {
        return reader.text(table, queue).map(|(queue, _)| {
            let (batch, window_s) = (reader.number(table, batch), reader.number(table, window_s));
            Trigger::Queue(QueueTrigger { queue, batch, window_s, partial: reader.flag(table, partial) })
        });
    }
    if kind.name == schedule.key.name {
        let (expression, span) = reader.text(table, schedule)?;
        if let Err(why) = schedules::expression(&expression) {
            reader.diagnostic(&span, why, None);
        }
        let (timezone, _) = reader.text_or(table, timezone);
        return Some(Trigger::Schedule(ScheduleTrigger { expression, timezone }));
    }
    outside_caller(reader, table, (service, source_arn, because)).map(Trigger::Service)
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
        let help = "name what it calls the function for, as in source_arn = \"arn:aws:s3:::photos\"";
        reader.diagnostic(&table.span, format!("{service} may not call for everything"), Some(help.into()));
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

/// Checks the name of a service. Another one than the known ones may exist, unless it looks like one of them.
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

/// The ARN of a log group ends in an asterisk that stands for its streams.
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
            Trigger::Queue(trigger) => check_queue(&place, trigger, checks),
            Trigger::Schedule(_) | Trigger::Service(_) => {}
        }
    }
}

/// AWS's rules for batches (docs/aws.md, Event source mappings).
fn check_queue(place: &str, QueueTrigger { queue, batch, window_s, .. }: &QueueTrigger, checks: &mut Checks) {
    queues::exists(checks, format!("{place}.queue"), queue);
    let fifo = checks.stack.all_queues().get(queue).is_some_and(|queue| queue.fifo);
    let flaw = match (fifo, *batch > AT_ONCE, *window_s > 0) {
        (true, true, _) => {
            (format!("a FIFO queue takes at most {AT_ONCE} messages at once"), "write batch = 10 or less")
        }
        (true, _, true) => ("a FIFO queue has no window".to_owned(), "leave `window_s` out"),
        (false, true, false) => (format!("more than {AT_ONCE} messages must be collected"), "add window_s = 1 or more"),
        _ => return,
    };
    checks.report([Diagnostic::new(format!("{place}.batch"), flaw.0).help(flaw.1)]);
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
    fn a_queue_has_a_batch_that_aws_takes() {
        let queue = |keys: &str| {
            let sections = "[queues.work]\n[queues.ordered]\nfifo = true\n[[functions.F.triggers]]\n";
            triggers(&format!("{sections}{keys}"))
        };
        let work = QueueTrigger { queue: "work".into(), batch: 10, window_s: 0, partial: false };
        assert_eq!(queue("queue = \"work\""), Ok(vec![Trigger::Queue(work)]));
        for sound in ["queue = \"work\"\nbatch = 100\nwindow_s = 5\npartial = true", "queue = \"ordered\"\nbatch = 1"] {
            assert!(queue(sound).is_ok(), "{sound}");
        }
        for (wrong, why) in [
            ("queue = \"wrk\"", "there is no queue called wrk"),
            ("queue = \"work\"\nbatch = 11", "must be collected"),
            ("queue = \"ordered\"\nbatch = 11\nwindow_s = 1", "at most 10 messages"),
            ("queue = \"ordered\"\nwindow_s = 1", "has no window"),
        ] {
            assert!(queue(wrong).is_err_and(|mistakes| mistakes.contains(why)), "{wrong}");
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
            (entries(&["service = \"s3.amazonaws.com\""]), "may not call for everything"),
        ] {
            assert!(wrong.as_ref().is_err_and(|mistakes| mistakes.contains(why)), "{wrong:?}");
        }
        let reason =
            format!("service = \"events.amazonaws.com\"\nsource_arn = \"{any}\"\nbecause = \"all rules of ours\"");
        assert!(entries(&[&reason]).is_ok());
    }
}
