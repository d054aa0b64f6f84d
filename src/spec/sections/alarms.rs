//! `[alarms]`

use toml::de::DeTable;

use super::{Part, Posture, Stack};
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Key, Nested, Number, Text, Word};
use crate::spec::reader::{Reader, Table};
use crate::spec::rules::is_account;
use crate::spec::section::{Section as _, section};

pub(super) static KEY: Nested<AlarmKeys> = Nested::table(
    "alarms",
    &ALARMS,
    "CloudWatch's alarms. A threshold of 0 means that there is no such alarm. With posture = \"hardened\" there are alarms without this table.",
);

section! {
    ALARMS: AlarmKeys = "alarms";
    notify: Text = form(
        "^([^@\\s]+@[^@\\s]+|arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256})$",
        "The recipient of notifications when an alarm starts and ends: an e-mail address, whose owner must confirm the subscription, or the ARN of a topic in the same region, which must let CloudWatch publish to it. Left out, or with an address: a topic of the stack.",
    );
    errors: Number = range(0, 1_000_000, 1, "How many calls of a function fail in a period.");
    throttles: Number = range(
        0, 1_000_000, 1, "How many calls of a function are refused in a period, because too many run at once.",
    );
    server_errors: Number = range(0, 1_000_000, 5, "How many requests an API answers with 5xx in a period.");
    latency_ms: Number = range(
        0, 1_000_000, 5000, "How many milliseconds one request in ten to an API takes at least.",
    );
    blocked_requests: Number = range(0, 1_000_000_000, 1000, "How many requests the firewall blocks in a period.");
    dead_letters: Number = range(
        0, 1_000_000, 1, "How many events are in a queue of those that a function could not handle.",
    );
    period_minutes: Number = range(1, 1440, 5, "How many minutes a period has.");
    missing_data: Word<MissingData> = of(
        &["not-breaching", "breaching", "ignore", "missing"],
        &[MissingData::NotBreaching, MissingData::Breaching, MissingData::Ignore, MissingData::Missing],
        "How the alarm treats a period without values: as within the threshold, as a breach, by keeping its state (ignore), or as insufficient data (missing).",
    );
}

/// The name of the topic that alarms notify, unless the stack file has the ARN of another topic.
pub const ALARMS_TOPIC: &str = "alarms";

/// The thresholds of the alarms, and the recipient of their notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarms {
    /// `None`: a topic of the stack that nobody is subscribed to.
    pub notify: Option<Notify>,
    /// This field and the five below are thresholds. 0: there is no such alarm.
    pub errors: u32,
    pub throttles: u32,
    pub server_errors: u32,
    pub latency_ms: u32,
    pub blocked_requests: u32,
    pub dead_letters: u32,
    pub period_minutes: u32,
    pub missing_data: MissingData,
}

/// The recipient of the alarms' notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notify {
    /// An e-mail address, which is subscribed to a topic of the stack.
    Address(String),
    /// The ARN of a topic outside of the stack.
    Topic(String),
}

/// How an alarm treats a period without values (`TreatMissingData` of CloudWatch).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingData {
    NotBreaching,
    Breaching,
    Ignore,
    Missing,
}

impl Stack {
    /// How many alarms there are.
    pub fn alarm_count(&self) -> usize {
        let Some(alarms) = &self.alarms else { return 0 };
        let there = |threshold: u32, of: usize| if threshold > 0 { of } else { 0 };
        let (functions, apis) = (self.functions.len(), self.all_apis().count());
        there(alarms.errors, functions)
            + there(alarms.throttles, functions)
            + there(alarms.server_errors, apis)
            + there(alarms.latency_ms, apis)
            + there(alarms.blocked_requests, usize::from(self.firewall.is_some()))
            + there(alarms.dead_letters, self.dead_letter_queues().len())
    }

    /// Whether the alarms notify a topic of the stack itself.
    pub fn has_alarms_topic(&self) -> bool {
        let another = |alarms: &Alarms| matches!(alarms.notify, Some(Notify::Topic(_)));
        self.alarm_count() > 0 && self.alarms.as_ref().is_some_and(|alarms| !another(alarms))
    }
}

impl Part for Option<Alarms> {
    fn key() -> &'static Key {
        &KEY.key
    }

    fn read(reader: &mut Reader, root: &Table) -> Self {
        if let Some(table) = reader.table(root, &KEY) {
            return Some(alarms(reader, &table));
        }
        // Auditors expect alarms, so the hardened posture has them without the table.
        if reader.posture != Posture::Hardened || root.get(&KEY.key).is_some() {
            return None;
        }
        let (entries, path, what) = (DeTable::new(), root.at(&KEY.key), KEY.section.what().to_owned());
        Some(alarms(reader, &Table { span: 0..0, entries: &entries, path, what }))
    }

    fn check(&self, checks: &mut Checks) {
        let own = self.as_ref().is_some_and(|alarms| !matches!(alarms.notify, Some(Notify::Topic(_))));
        if own && checks.stack.topics.contains_key(ALARMS_TOPIC) {
            let flaw = Diagnostic::new(
                format!("topics.{ALARMS_TOPIC}"),
                "this name is reserved for the topic that the alarms notify",
            );
            checks.report([flaw.help("give it another name, or set alarms.notify to the ARN of a topic".to_owned())]);
        }
    }
}

fn alarms(reader: &mut Reader, table: &Table) -> Alarms {
    let AlarmKeys {
        notify,
        errors,
        throttles,
        server_errors,
        latency_ms,
        blocked_requests,
        dead_letters,
        period_minutes,
        missing_data,
    } = &ALARMS;
    let told = reader.text(table, notify);
    let notify = told.and_then(|(text, span)| {
        let notify = read_notify(&text);
        if notify.is_none() {
            let message = format!("{text:?} is neither an e-mail address nor the ARN of an SNS topic");
            reader.diagnostic(&span, message, Some("as in \"ops@example.com\"".into()));
        }
        notify
    });
    Alarms {
        notify,
        errors: reader.number(table, errors),
        throttles: reader.number(table, throttles),
        server_errors: reader.number(table, server_errors),
        latency_ms: reader.number(table, latency_ms),
        blocked_requests: reader.number(table, blocked_requests),
        dead_letters: reader.number(table, dead_letters),
        period_minutes: reader.number(table, period_minutes),
        missing_data: reader.word(table, missing_data),
    }
}

fn read_notify(text: &str) -> Option<Notify> {
    if text.starts_with("arn:") {
        let parts: Vec<&str> = text.split(':').collect();
        let fits = matches!(parts.as_slice(), ["arn", partition, "sns", region, account, name]
            if partition.starts_with("aws")
                && !region.is_empty()
                && is_account(account)
                && (1..=256).contains(&name.len())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)));
        return fits.then(|| Notify::Topic(text.to_owned()));
    }
    is_address(text).then(|| Notify::Address(text.to_owned()))
}

/// Whether this may be an e-mail address.
pub(super) fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(who, domain)| {
        !who.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace) && !domain.contains('@')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_tell_an_address_or_a_topic() {
        let topic = "arn:aws:sns:eu-central-1:123456789012:ops";
        assert_eq!(read_notify("ops@example.com"), Some(Notify::Address("ops@example.com".into())));
        assert_eq!(read_notify(topic), Some(Notify::Topic(topic.into())));
        for wrong in [
            "ops",
            "ops@",
            "@example.com",
            "a b@example.com",
            "arn:aws:sqs:eu-central-1:123456789012:ops",
            "arn:aws:sns:x:1:ops",
        ] {
            assert_eq!(read_notify(wrong), None, "{wrong}");
        }
    }
}
