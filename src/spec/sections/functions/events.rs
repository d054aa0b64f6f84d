//! Where the events of a function go that it could not handle.

use super::Function;
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Nested, Required};
use crate::spec::reader::{Reader, Table};
use crate::spec::rules::{NAME, name as check_name};
use crate::spec::section::section;
use crate::spec::sections::Posture;

/// The queue for failed events with `posture = "hardened"`.
const DEAD_LETTERS: &str = "dead";

section! {
    ON_FAILURE: OnFailureKeys = "a destination";
    queue: Required = form(
        NAME.form,
        "The name of a queue. `up` creates it, encrypted, and only this account can use it. It keeps events for 14 days, unless it has a section under `queues`. Several functions may share one. Lambda takes no FIFO queue.",
    );
}

pub(super) fn on_failure(reader: &mut Reader, table: &Table, key: &Nested<OnFailureKeys>) -> Option<String> {
    let OnFailureKeys { queue } = &ON_FAILURE;
    let Some(table) = reader.table(table, key) else {
        // Auditors expect that no event is lost.
        return (reader.posture == Posture::Hardened && table.get(&key.key).is_none()).then(|| DEAD_LETTERS.to_owned());
    };
    let (name, span) = reader.required(&table, queue)?;
    if let Err(why) = check_name("queues", &name, NAME) {
        reader.diagnostic(&span, why, None);
    }
    Some(name)
}

pub(super) fn check(name: &str, function: &Function, checks: &mut Checks) {
    let Some(queue) = &function.on_failure else { return };
    if checks.stack.all_queues().get(queue).is_some_and(|queue| queue.fifo) {
        let message = format!("{queue} is a FIFO queue, which Lambda does not send failed events to");
        let flaw = Diagnostic::new(format!("functions.{name}.on_failure.queue"), message);
        checks.report([flaw.help("name a queue without fifo = true".to_owned())]);
    }
}
