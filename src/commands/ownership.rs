//! Whose stack it is. Two folders, or two people, can each have a state of a stack with the same name, account and
//! region. A run touches only the resources of its own state, unless the user decides to take over the others.
//!
//! The first `up` gives the state a lineage, which every resource carries as a tag. Resources of an older version have no
//! lineage. A run records each resource before it creates it, so if such resources exist and the state has no record at
//! all, then they belong to another state too.

use std::collections::BTreeSet;
use std::time::SystemTime;

use uuid::Uuid;

use super::ask;
use super::session::Session;
use crate::aws::apigateway::LogRole;
use crate::engine::{InventoryItem, ReadResult, Refresh, Resource as _};
use crate::error::{Error, Kind};
use crate::report::{counted, date, say};
use crate::scope::{Lineage, Owner};
use crate::state::State;

/// Gives the state a lineage if it has none, and makes the session accept only the state's own resources. If `adopt` is
/// true, the session accepts the resources of every lineage, and `up` gives them this one.
pub(super) fn claim(session: &mut Session, state: &mut State, adopt: bool) {
    if state.lineage.is_none() {
        // The resources of an older version get their lineage now.
        if !state.resources.is_empty() {
            state.takeover.get_or_insert_default();
        }
        state.lineage = Some(new_lineage().to_string());
    }
    if adopt {
        state.takeover.get_or_insert_default();
    }
    session.recall(state);
    if adopt {
        session.accept(Lineage::of(state).accepting_all());
    }
}

/// A random id that contains the time, so that a refusal can say how old the resources are.
fn new_lineage() -> Uuid {
    let ms = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(ms).unwrap_or_default(), &rand::random()).into_uuid()
}

/// Records the lineages of the resources that this run takes over. A later run still accepts them if this one is
/// interrupted.
pub(super) fn record(session: &Session, state: &mut State) {
    let met = session.scope().lineage.met();
    if let Some(takeover) = &mut state.takeover {
        takeover.extend(met.into_keys());
    }
}

/// The resources of the stack that exist and do not belong to the state.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// How many there are, as far as the run has seen them.
    count: usize,
    /// The ids of those of other lineages.
    ids: BTreeSet<String>,
    lineages: BTreeSet<String>,
}

impl Others {
    pub(super) fn none(&self) -> bool {
        self.count == 0
    }

    /// When the oldest of these lineages began, in seconds since 1970.
    fn since(&self) -> Option<i64> {
        let ids = self.lineages.iter().filter_map(|lineage| Uuid::parse_str(lineage).ok()?.get_timestamp());
        ids.filter_map(|time| i64::try_from(time.to_unix().0).ok()).min()
    }
}

/// The resources of other lineages that the clients of this session have met.
pub(super) fn met(session: &Session, state: &State) -> Others {
    let accepted = state.takeover.clone().unwrap_or_default();
    let mut met = session.scope().lineage.met();
    met.retain(|lineage, _| !accepted.contains(lineage));
    let ids: BTreeSet<String> = met.values().flatten().cloned().collect();
    Others { count: ids.len(), ids, lineages: met.keys().cloned().collect() }
}

/// The resources in `refresh` that belong to others.
pub(super) fn read(session: &Session, state: &State, refresh: &Refresh) -> Others {
    let met = met(session, state);
    if !state.resources.is_empty() {
        return met;
    }
    let exists = |result: &ReadResult| matches!(result, ReadResult::Live { .. });
    // This role belongs to the account.
    let of_stack = refresh.results(&session.graph).filter(|(_, kind, _)| *kind != LogRole::KIND);
    let unrecorded = of_stack.filter(|(_, _, result)| exists(result)).count();
    Others { count: met.count + unrecorded, ..met }
}

/// The resources in `refresh` and in the lists that belong to others.
pub(super) fn found<'a>(
    session: &Session,
    state: &State,
    refresh: &Refresh,
    listed: impl Iterator<Item = &'a InventoryItem>,
) -> Others {
    let scope = session.scope();
    // Deleted resources that can be restored belong to nobody any more.
    let listed: Vec<&InventoryItem> = listed.filter(|one| one.until.is_none()).collect();
    for one in &listed {
        let (resource, lineage) = (Some(one.id.to_string()), one.lineage.clone());
        scope.lineage.accepts(&Owner { stack: scope.stack.clone(), resource, lineage, expires: None });
    }
    let read = read(session, state, refresh);
    let unrecorded = if state.resources.is_empty() { listed.len() } else { 0 };
    Others { count: read.count.max(unrecorded), ..read }
}

/// Refuses to touch resources of another state. Returns `true` if the user types the stack's name to take them over.
pub(super) async fn check(session: &Session, state: &State, others: &Others, verb: &str) -> Result<bool, Error> {
    if others.none() {
        return Ok(false);
    }
    let (scope, output) = (session.scope(), session.config.output);
    // `plan` changes nothing, so it asks nothing.
    if output.can_ask && !output.json && verb != "plan" {
        let found = words(session, state, others);
        say(&format!("{found}. Another folder or another person may manage them."));
        ask::stack_name(scope, &format!("Type {} to take them over with `{verb}`", scope.stack)).await?;
        return Ok(true);
    }
    refuse(session, state, others, verb)?;
    Ok(false)
}

/// Refuses to touch resources of another state, without a question.
pub(super) fn refuse(session: &Session, state: &State, others: &Others, verb: &str) -> Result<(), Error> {
    if others.none() {
        return Ok(());
    }
    Err(Error::new(Kind::NoState, words(session, state, others))
        .hint("if another folder or another person manages this stack, use that state, or another name: change `name` under [stack], or pass --stack")
        .hint(format!("if that state was lost, run `securelambda {verb} --adopt`")))
}

fn words(session: &Session, state: &State, others: &Others) -> String {
    /// More ids than these are not listed.
    const LISTED: usize = 3;
    let scope = session.scope();
    let ids: Vec<&str> = others.ids.iter().map(String::as_str).collect();
    let which =
        if others.count == ids.len() && ids.len() <= LISTED { format!(" ({})", ids.join(", ")) } else { String::new() };
    let (what, exist) = (counted(others.count, "resource"), if others.count == 1 { "exists" } else { "exist" });
    let since = others.since().map(|time| format!(" since {}", date(time))).unwrap_or_default();
    let location = session.store.location();
    let but = if state.serial == 0 {
        format!("the stack's state is not here: {location} does not exist")
    } else {
        let they = if others.count == 1 { "it belongs" } else { "they belong" };
        format!("{they} to another state than {location}")
    };
    format!(
        "{what}{which} of the stack {} {exist} in account {}, {}{since}, but {but}",
        scope.stack, scope.account, scope.region
    )
}

/// A note for commands that only read.
pub(super) fn note(session: &Session, state: &State) -> Option<String> {
    let others = met(session, state);
    (!others.none()).then(|| format!("{}.", words(session, state, &others)))
}
