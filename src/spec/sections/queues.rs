//! `[queues]`, and the queues that follow from other keys.

use std::collections::{BTreeMap, BTreeSet};

use super::{Destination, Function, Part, Stack};
use crate::scope::Scope;
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Flag, Key, Nested, Number, OptionalNumber};
use crate::spec::reader::{Reader, Table};
use crate::spec::rules::NAME;
use crate::spec::section::section;

pub(super) static KEY: Nested<QueueKeys> = Nested::named(
    "queues",
    NAME,
    &QUEUE,
    "SQS queues, by name. All their keys can be left out. They are encrypted, and only this account can use them, over TLS.",
);

/// How many days SQS keeps messages at most.
const LONGEST: u32 = 14;

section! {
    QUEUE: QueueKeys = "a queue";
    dead_letter_after: OptionalNumber = range(
        1, 1000,
        "The number of failed deliveries after which a message moves to the dead-letter queue. The name of the dead-letter queue is the name of this queue followed by -dead. `up` creates it. It keeps messages for 14 days, unless it has a section of its own. Without this key, a message that cannot be handled is delivered again until it is too old.",
    );
    fifo: Flag = or(
        false,
        "Whether it is a FIFO queue, which keeps the order of the messages of a group. Senders give each message a group and a deduplication id. AWS cannot change this later: `up` first says how many messages the old queue has, then makes a new queue and deletes the old one with its messages.",
    );
    retention_days: Number = range(1, LONGEST, 4, "How many days a message is kept.");
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// After how many failed deliveries a message moves to the dead-letter queue: 1 to 1000. `None`: never.
    pub dead_letter_after: Option<u32>,
    pub fifo: bool,
    /// 1 to 14.
    pub retention_days: u32,
}

impl Queue {
    /// A queue for messages and events that could not be handled. It keeps them as long as SQS allows.
    fn for_dead_letters(fifo: bool) -> Self {
        Self { dead_letter_after: None, fifo, retention_days: LONGEST }
    }

    /// The name of the dead-letter queue of the queue with this name.
    pub fn dead_letters_of(&self, name: &str) -> Option<String> {
        self.dead_letter_after.map(|_| format!("{name}-dead"))
    }
}

impl Stack {
    /// Every queue by its name: those of `[queues]`, their dead-letter queues, and those for failed events of
    /// functions.
    pub fn all_queues(&self) -> BTreeMap<String, Queue> {
        let mut all = self.queues.clone();
        for (name, queue) in &self.queues {
            if let Some(dead) = queue.dead_letters_of(name) {
                all.entry(dead).or_insert_with(|| Queue::for_dead_letters(queue.fifo));
            }
        }
        for name in self.failure_queues() {
            all.entry(name.clone()).or_insert_with(|| Queue::for_dead_letters(false));
        }
        all
    }

    /// The names of the queues that receive events of functions.
    fn failure_queues(&self) -> impl Iterator<Item = &String> {
        self.functions.values().flat_map(Function::failures).filter_map(Destination::queue)
    }

    /// The names of the queues for messages and events that could not be handled.
    pub fn dead_letter_queues(&self) -> BTreeSet<String> {
        let behind = self.queues.iter().filter_map(|(name, queue)| queue.dead_letters_of(name));
        behind.chain(self.failure_queues().cloned()).collect()
    }

    /// The visibility timeout of this queue, in seconds. As AWS advises, it is six times the timeout of the function
    /// that reads the queue, plus the window. `None`: no function reads it.
    pub fn visibility_s(&self, queue: &str) -> Option<u32> {
        let calls = self.functions.values().flat_map(|function| function.queues().map(move |calls| (function, calls)));
        let calls = calls.filter(|(_, trigger)| trigger.queue == queue);
        calls.map(|(function, trigger)| 6 * function.timeout_s + trigger.batches.window_s).max()
    }

    /// The name of a queue in AWS.
    pub fn queue_name(&self, scope: &Scope, queue: &str) -> String {
        let fifo = self.all_queues().get(queue).is_some_and(|queue| queue.fifo);
        scope.physical(queue) + if fifo { ".fifo" } else { "" }
    }

    /// The ARN of a queue, which follows from its name.
    pub fn queue_arn(&self, scope: &Scope, queue: &str) -> String {
        scope.arn("sqs", &self.queue_name(scope, queue))
    }
}

/// Reports a name that no queue of the stack has.
pub(super) fn exists(checks: &mut Checks, place: String, name: &str) {
    let all = checks.stack.all_queues();
    let known: Vec<&str> = all.keys().map(String::as_str).collect();
    checks.one_of(place, "queue", name, &known);
}

impl Part for BTreeMap<String, Queue> {
    fn key() -> &'static Key {
        &KEY.key
    }

    fn read(reader: &mut Reader, root: &Table) -> Self {
        reader.each(root, &KEY, queue)
    }

    fn check(&self, checks: &mut Checks) {
        for (name, queue) in self {
            let Some(dead) = queue.dead_letters_of(name) else { continue };
            // AWS moves messages only between queues of the same kind (docs/aws.md, Dead-letter queues).
            if self.get(&dead).is_some_and(|dead| dead.fifo != queue.fifo) {
                let message =
                    format!("{dead} receives the dead letters of {name}: both or neither must be FIFO queues");
                checks.report([Diagnostic::new(format!("queues.{dead}"), message)
                    .help(format!("write fifo = {} in it", queue.fifo))]);
            }
        }
    }
}

fn queue(reader: &mut Reader, _name: &str, table: &Table) -> Queue {
    let QueueKeys { dead_letter_after, fifo, retention_days } = &QUEUE;
    Queue {
        dead_letter_after: reader.optional_number(table, dead_letter_after),
        fifo: reader.flag(table, fifo),
        retention_days: reader.number(table, retention_days),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn stack(queues: &str) -> Result<Stack, String> {
        let file = format!(
            "[stack]\nname = \"demo\"\n{queues}\n[functions.F]\nsource = \"f\"\non_failure = {{ queue = \"failed\" }}\n"
        );
        parse(&file).map_err(|mistakes| format!("{mistakes:?}"))
    }

    #[test]
    fn dead_letter_queues_follow_from_other_keys() {
        let stack = stack("[queues.work]\ndead_letter_after = 5\nfifo = true\n[queues.mail]\n").expect("sound");
        let all = stack.all_queues();
        assert_eq!(all.keys().collect::<Vec<_>>(), ["failed", "mail", "work", "work-dead"]);
        assert_eq!((all["work-dead"].fifo, all["work-dead"].retention_days), (true, 14));
        assert_eq!((all["failed"].retention_days, all["mail"].retention_days), (14, 4));
        assert_eq!(stack.dead_letter_queues().into_iter().collect::<Vec<_>>(), ["failed", "work-dead"]);
    }

    #[test]
    fn a_dead_letter_queue_may_have_a_section_of_its_own() {
        let sections = |fifo| {
            format!("[queues.work]\ndead_letter_after = 5\n[queues.work-dead]\nretention_days = 7\nfifo = {fifo}\n")
        };
        let stack = self::stack(&sections(false)).expect("sound");
        assert_eq!(stack.all_queues()["work-dead"].retention_days, 7);
        let mistakes = self::stack(&sections(true)).expect_err("a mistake");
        assert!(mistakes.contains("both or neither must be FIFO queues"), "{mistakes}");
    }

    #[test]
    fn the_name_of_a_fifo_queue_says_so() {
        let stack = stack("[queues.work]\nfifo = true\n[queues.mail]\n").expect("sound");
        let scope = Scope {
            partition: "aws".into(),
            account: "1".into(),
            region: "r".into(),
            stack: "demo".into(),
            ..Scope::default()
        };
        assert_eq!(stack.queue_name(&scope, "work"), "demo-work.fifo");
        assert_eq!(stack.queue_arn(&scope, "mail"), "arn:aws:sqs:r:1:demo-mail");
    }

    #[test]
    fn failed_events_go_to_no_fifo_queue() {
        let mistakes = stack("[queues.failed]\nfifo = true\n").expect_err("a mistake");
        assert!(mistakes.contains("FIFO"), "{mistakes}");
    }
}
