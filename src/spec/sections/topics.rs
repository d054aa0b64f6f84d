//! `[topics]`

use std::collections::BTreeMap;

use super::{Part, Stack, alarms, queues};
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Flag, Key, Nested, Number, Text};
use crate::spec::reader::{Reader, Table, joined};
use crate::spec::rules::{HTTPS, NAME, is_https};
use crate::spec::section::{Choice, section};

pub(super) static KEY: Nested<TopicKeys> =
    Nested::named("topics", NAME, &TOPIC, "SNS topics, by name. All their keys can be left out.");

section! {
    TOPIC: TopicKeys = "a topic";
    tls_only: Flag = hardened(false, true, "Whether its policy denies messages that are published without TLS.");
    signature_version: Number = hardened(
        1, 2, 1, 2, "How SNS signs messages: 1 with SHA-1, 2 with SHA-256. Only receivers that check signatures notice.",
    );
    tracing: Flag = or(
        false,
        "Whether SNS sends traces of messages to X-Ray. The account needs an X-Ray resource policy that allows it, which `up` does not make.",
    );
    subscribers: Nested<SubscriberKeys> = some_tables(
        &SUBSCRIBER,
        "The subscribers of the topic, besides the functions that have it as a trigger. `up` ends all other subscriptions.",
    );
}

section! {
    SUBSCRIBER: SubscriberKeys = "a subscriber", Choice::OneOf(&[&["email", "queue", "https"]]);
    email: Text = any("An e-mail address. Its owner gets a message and must confirm the subscription.");
    queue: Text = any("A queue of the stack, which the topic may then send to. FIFO queues get no messages of topics.");
    https: Text = form(
        HTTPS,
        "An address that begins with https://. The server at this address must confirm the subscription. The address must not contain a user, a password or a query, because these would be secrets.",
    );
    raw: Flag = or(
        false,
        "With `queue`: whether the queue gets the message alone. Otherwise it gets a document in JSON that has the message in it.",
    );
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Whether its policy denies messages that are published without TLS.
    pub tls_only: bool,
    /// 1 for SHA-1, 2 for SHA-256.
    pub signature_version: u8,
    /// Whether SNS sends traces to X-Ray.
    pub tracing: bool,
    /// The subscribers that get its messages beside functions.
    pub subscribers: Vec<Subscriber>,
}

/// A subscriber, which gets the messages of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscriber {
    Email(String),
    Https(String),
    Queue {
        queue: String,
        /// Whether the queue gets only the message, without SNS's JSON around it.
        raw: bool,
    },
}

impl Topic {
    /// The queues that get its messages, each with its setting `raw`.
    pub fn queues(&self) -> impl Iterator<Item = (&String, bool)> {
        self.subscribers.iter().filter_map(|subscriber| match subscriber {
            Subscriber::Queue { queue, raw } => Some((queue, *raw)),
            _ => None,
        })
    }

    /// Whether somebody outside the stack gets its messages.
    pub fn tells_addresses(&self) -> bool {
        self.subscribers.iter().any(|subscriber| !matches!(subscriber, Subscriber::Queue { .. }))
    }
}

impl Topic {
    /// Whether somebody gets its messages over HTTPS.
    pub fn tells_https(&self) -> bool {
        self.subscribers.iter().any(|subscriber| matches!(subscriber, Subscriber::Https(_)))
    }
}

impl Stack {
    /// The topics whose messages a queue gets.
    pub fn topics_of(&self, queue: &str) -> impl Iterator<Item = &String> {
        let queue = queue.to_owned();
        let sends = move |topic: &Topic| topic.queues().any(|(one, _)| *one == queue);
        self.topics.iter().filter(move |(_, topic)| sends(topic)).map(|(name, _)| name)
    }
}

impl Part for BTreeMap<String, Topic> {
    fn key() -> &'static Key {
        &KEY.key
    }

    fn read(reader: &mut Reader, root: &Table) -> Self {
        reader.each(root, &KEY, topic)
    }

    fn check(&self, checks: &mut Checks) {
        for (name, topic) in self {
            for (at, subscriber) in topic.subscribers.iter().enumerate() {
                let Subscriber::Queue { queue, .. } = subscriber else { continue };
                let place = format!("topics.{name}.subscribers.{at}.queue");
                queues::exists(checks, place.clone(), queue);
                if checks.stack.all_queues().get(queue).is_some_and(|queue| queue.fifo) {
                    let flaw = format!("{queue} is a FIFO queue, which SNS sends no messages of this topic to");
                    checks.report([Diagnostic::new(place, flaw).help("name a queue without fifo = true")]);
                }
            }
        }
    }
}

fn topic(reader: &mut Reader, _name: &str, table: &Table) -> Topic {
    let TopicKeys { tls_only, signature_version, tracing, subscribers } = &TOPIC;
    Topic {
        tls_only: reader.flag(table, tls_only),
        // The key's range ends at 2.
        signature_version: u8::try_from(reader.number(table, signature_version)).unwrap_or(1),
        tracing: reader.flag(table, tracing),
        subscribers: self::subscribers(reader, table, subscribers),
    }
}

fn subscribers(reader: &mut Reader, table: &Table, key: &Nested<SubscriberKeys>) -> Vec<Subscriber> {
    let place = table.at(&key.key);
    let mut subscribers = Vec::new();
    for (index, item) in reader.tables(table, key).unwrap_or_default().into_iter().enumerate() {
        let path = joined(&place, &index.to_string());
        let Some(table) = reader.open(item, "a subscriber", path, key.section) else { continue };
        let Some(subscriber) = subscriber(reader, &table) else { continue };
        let same = |one: &Subscriber| endpoint(one) == endpoint(&subscriber);
        if subscribers.iter().any(same) {
            reader.diagnostic(&table.span, "the topic has this subscriber twice", None);
        }
        subscribers.push(subscriber);
    }
    subscribers
}

fn endpoint(subscriber: &Subscriber) -> &String {
    match subscriber {
        Subscriber::Email(endpoint) | Subscriber::Https(endpoint) | Subscriber::Queue { queue: endpoint, .. } => {
            endpoint
        }
    }
}

/// Reads a subscriber. `None` means that a mistake was reported.
fn subscriber(reader: &mut Reader, table: &Table) -> Option<Subscriber> {
    let SubscriberKeys { email, queue, https, raw } = &SUBSCRIBER;
    if let Some(item) = table.get(&raw.key).filter(|_| table.get(&queue.key).is_none()) {
        reader.diagnostic(&item.span(), "only a queue can get the message alone", None);
    }
    let raw = reader.flag(table, raw);
    match (reader.text(table, email), reader.text(table, queue), reader.text(table, https)) {
        (Some((address, span)), None, None) => {
            if !alarms::is_address(&address) {
                reader.diagnostic(&span, format!("{address:?} is not an e-mail address"), None);
            }
            Some(Subscriber::Email(address))
        }
        (None, Some((queue, _)), None) => Some(Subscriber::Queue { queue, raw }),
        (None, None, Some((url, span))) => {
            if let Err((why, help)) = address(&url) {
                reader.diagnostic(&span, why, Some(help.into()));
                // The URL may contain a secret.
                reader.hide(span);
            }
            Some(Subscriber::Https(url))
        }
        _ => {
            let help = "write { email = \"…\" }, { queue = \"…\" } or { https = \"https://…\" }; a function has the topic as its trigger";
            reader.diagnostic(&table.span, "a subscriber has exactly one of email, queue and https", Some(help.into()));
            None
        }
    }
}

/// Checks an address over HTTPS without repeating it.
fn address(url: &str) -> Result<(), (&'static str, &'static str)> {
    let Some(rest) = url.strip_prefix("https://") else {
        return Err((
            "the address does not begin with https://",
            "write https://…: SNS would send messages to other addresses without encryption",
        ));
    };
    if rest.contains(['?', '#', '@']) {
        return Err((
            "the address has a user, a query or a fragment",
            "leave it out: it may be a secret, and anybody who may read the topic can see it",
        ));
    }
    if !is_https(url) {
        return Err(("this is not an address", "as in https://example.com/messages"));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn subscribers(list: &str) -> Result<Vec<Subscriber>, String> {
        let file = format!(
            "[stack]\nname = \"demo\"\n[queues.work]\n[queues.ordered]\nfifo = true\n[topics.news]\nsubscribers = [{list}]\n"
        );
        parse(&file).map(|stack| stack.topics["news"].subscribers.clone()).map_err(|mistakes| format!("{mistakes:?}"))
    }

    #[test]
    fn addresses_and_queues_are_subscribers() {
        let read = subscribers(
            "{ email = \"ops@example.com\" }, { queue = \"work\", raw = true }, { https = \"https://example.com/a\" }",
        );
        let expected = [
            Subscriber::Email("ops@example.com".into()),
            Subscriber::Queue { queue: "work".into(), raw: true },
            Subscriber::Https("https://example.com/a".into()),
        ];
        assert_eq!(read.unwrap(), expected);
        for (wrong, why) in [
            ("{ email = \"ops\" }", "is not an e-mail address"),
            ("{ queue = \"wrk\" }", "there is no queue called wrk"),
            ("{ queue = \"ordered\" }", "is a FIFO queue"),
            ("{ email = \"a@b.c\", queue = \"work\" }", "exactly one of email, queue and https"),
            ("{ email = \"a@b.c\", raw = true }", "only a queue can get the message alone"),
            ("{ https = \"http://example.com\" }", "does not begin with https"),
            ("{ https = \"https://me:pass@example.com\" }", "has a user, a query or a fragment"),
            ("{ https = \"https://example.com/?token=x\" }", "has a user, a query or a fragment"),
            ("{ queue = \"work\" }, { queue = \"work\", raw = true }", "twice"),
        ] {
            let read = subscribers(wrong);
            assert!(read.as_ref().is_err_and(|mistakes| mistakes.contains(why)), "{wrong}: {read:?}");
        }
        assert!(!subscribers("{ https = \"https://example.com/?token=hunter2\" }").unwrap_err().contains("hunter2"));
    }
}
