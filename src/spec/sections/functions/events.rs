//! The destinations for events that a function could not handle.

use super::Function;
use crate::scope::Scope;
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Nested, Text};
use crate::spec::reader::{Reader, Table};
use crate::spec::rules::{NAME, name as check_name};
use crate::spec::section::{Choice, section};
use crate::spec::sections::{Posture, Stack, topics};

/// The queue for failed events with `posture = "hardened"`.
const DEAD_LETTERS: &str = "dead";

section! {
    ON_FAILURE: OnFailureKeys = "a destination", Choice::OneKey;
    queue: Text = form(
        NAME.form,
        "The name of a queue. `up` creates it, encrypted, and only this account can use it. It keeps events for 14 days, unless it has a section under `queues`. Several functions may share one. Lambda takes no FIFO queue.",
    );
    topic: Text = any("The name of a topic, whose subscribers get the events.");
}

/// The destination for events or records that a function could not handle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    Queue(String),
    Topic(String),
}

impl Destination {
    pub fn queue(&self) -> Option<&String> {
        match self {
            Self::Queue(queue) => Some(queue),
            Self::Topic(_) => None,
        }
    }

    pub fn topic(&self) -> Option<&String> {
        match self {
            Self::Topic(topic) => Some(topic),
            Self::Queue(_) => None,
        }
    }

    /// Its ARN, which follows from its name.
    pub fn arn(&self, stack: &Stack, scope: &Scope) -> String {
        match self {
            Self::Queue(queue) => stack.queue_arn(scope, queue),
            Self::Topic(topic) => scope.arn("sns", &scope.physical(topic)),
        }
    }
}

impl Function {
    /// The destinations for all events and records that it could not handle.
    pub fn failures(&self) -> impl Iterator<Item = &Destination> {
        self.on_failure.iter().chain(self.streams().filter_map(|trigger| trigger.on_failure.as_ref()))
    }
}

pub(super) fn on_failure(reader: &mut Reader, table: &Table, key: &Nested<OnFailureKeys>) -> Option<Destination> {
    let Some(destination) = reader.table(table, key) else {
        // Auditors expect that no event is lost.
        let wanted = reader.posture == Posture::Hardened && table.get(&key.key).is_none();
        return wanted.then(|| Destination::Queue(DEAD_LETTERS.to_owned()));
    };
    self::destination(reader, &destination)
}

/// Reads a destination. `None` means that a mistake was reported.
pub(super) fn destination(reader: &mut Reader, table: &Table) -> Option<Destination> {
    let OnFailureKeys { queue, topic } = &ON_FAILURE;
    match (reader.text(table, queue), reader.text(table, topic)) {
        (Some((name, span)), None) => {
            if let Err(why) = check_name("queues", &name, NAME) {
                reader.diagnostic(&span, why, None);
            }
            Some(Destination::Queue(name))
        }
        (None, Some((name, _))) => Some(Destination::Topic(name)),
        _ => {
            let help = "write { queue = \"dead\" } or { topic = \"NAME\" }";
            reader.diagnostic(&table.span, "a destination has exactly one of queue and topic", Some(help.into()));
            None
        }
    }
}

pub(super) fn check(name: &str, function: &Function, checks: &mut Checks) {
    if let Some(destination) = &function.on_failure {
        check_destination(&format!("functions.{name}.on_failure"), destination, checks);
    }
}

pub(super) fn check_destination(place: &str, destination: &Destination, checks: &mut Checks) {
    match destination {
        Destination::Topic(topic) => checks.exists(format!("{place}.topic"), "topic", topic, &[&topics::KEY.key]),
        Destination::Queue(queue) => {
            if checks.stack.all_queues().get(queue).is_some_and(|queue| queue.fifo) {
                let message = format!("{queue} is a FIFO queue, which Lambda does not send failed events to");
                let flaw = Diagnostic::new(format!("{place}.queue"), message);
                checks.report([flaw.help("name a queue without fifo = true".to_owned())]);
            }
        }
    }
}
