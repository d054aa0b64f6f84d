//! Protects tables, which hold people's data. A table that the stack file no longer has, and a table of a stack that is
//! removed, is kept with its data unless `--remove-table` names it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::session::Session;
use crate::aws::dynamodb::Table;
use crate::aws::kms::Key;
use crate::aws::lambda::EventSourceMapping;
use crate::engine::{Change, Id, Inventory, InventoryItem, Plan, Removal, Resource as _, Spared, Target};
use crate::error::Error;
use crate::spec;
use crate::state::State;
use crate::topology::ids;

/// A table or a key that stays when a stack is removed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Kept {
    pub id: Id,
    pub arn: String,
}

/// All tables but those with these names.
pub(super) fn spared(named: &[String]) -> Spared {
    Spared::default().but::<Table>(named.iter().map(|name| ids::table(name).into()))
}

/// Refuses `--remove-table` for a table that is still in the stack file: `up` would create it again.
pub(super) fn check(session: &Session, named: &[String]) -> Result<(), Error> {
    match named.iter().find(|name| session.config.stack.tables.contains_key(*name)) {
        Some(name) => Err(Error::usage(format!("cannot remove the table {name}: it is in the stack file"))
            .hint("remove the table and all references to it from the stack file first")),
        None => Ok(()),
    }
}

/// Refuses `--remove-table` for a table that is neither in the stack file nor among these resources.
pub(super) fn exist<'a>(
    named: &[String],
    in_file: &BTreeMap<String, spec::DataTable>,
    ids: impl Iterator<Item = &'a Id>,
) -> Result<(), Error> {
    let there: BTreeSet<&Id> = ids.collect();
    let unknown = |name: &&String| !in_file.contains_key(*name) && !there.contains(&Id::from(ids::table(name)));
    match named.iter().find(unknown) {
        Some(name) => Err(Error::usage(format!("the stack has no table {name}"))),
        None => Ok(()),
    }
}

/// A line for each table that stays although the stack file no longer has it.
pub(super) fn left_out(session: &Session, state: &State) -> Vec<String> {
    let tables = state.resources.iter().filter(|(_, row)| row.kind == Table::KIND).map(|(id, _)| Id::from(id.as_str()));
    let gone = tables.filter(|id| {
        let name = id.parts().1;
        !session.config.stack.tables.contains_key(name) && session.graph.spares(Table::KIND, id)
    });
    gone.map(|id| format!("The table {} is not in the stack file. {}", id.parts().1, stays("up", &id))).collect()
}

/// Says that a table is kept, and how the command `verb` removes it.
pub(super) fn stays(verb: &str, id: &Id) -> String {
    format!("It is kept with its data; `securelambda {verb} --remove-table {}` deletes both.", id.parts().1)
}

/// A line for each table that `up` removes.
pub(super) fn lost_with(state: &State, plan: &Plan) -> Vec<String> {
    let kind = |id: &&Id| state.resources.get(id.as_str()).is_some_and(|row| row.kind == Table::KIND);
    plan.removals.iter().filter(kind).map(lost).collect()
}

/// A line for each table whose stream `up` replaces although a function reads it.
pub(super) fn streams_replaced_by(plan: &Plan) -> Vec<String> {
    let moved = plan.changes.iter().filter_map(|(_, kind, change)| match change {
        Change::Replace { moved } if *kind == EventSourceMapping::KIND => Some(moved),
        _ => None,
    });
    let tables = moved.flatten().filter_map(|part| Some(part.live.split_once(":table/")?.1.split_once("/stream/")?.0));
    let tables: BTreeSet<&str> = tables.collect();
    let line = |table| {
        format!(
            "The table {table} gets another stream: changes that functions have not read from the old one are lost."
        )
    };
    tables.into_iter().map(line).collect()
}

/// A line for each table that is removed with a stack.
pub(super) fn lost_by_removal(targets: &[Target]) -> Vec<String> {
    targets.iter().filter(|target| target.kind == Table::KIND).map(|target| lost(&target.id)).collect()
}

fn lost(id: &Id) -> String {
    format!("All items of the table {} will be deleted.", id.parts().1)
}

/// The resources that stay when a stack is removed: its tables, and the key that encrypts them. Removes the key from
/// `targets`, and adds it to the resources that `removal` spares.
pub(super) fn keep(
    removal: &mut Removal<'_>,
    spared: &[Target],
    inventory: &Inventory,
    targets: &mut Vec<Target>,
) -> Vec<Kept> {
    let of_target = |target: &Target| Kept { id: target.id.clone(), arn: arn(target) };
    let listed = |one: &InventoryItem| Kept { id: one.id.clone(), arn: one.arn.clone() };
    let mut kept: BTreeSet<Kept> = spared.iter().map(of_target).collect();
    kept.extend(removal.stays(inventory).map(listed));
    if !kept.is_empty() {
        removal.spared = std::mem::take(&mut removal.spared).but::<Key>([]);
        kept.extend(removal.stays(inventory).map(listed));
        kept.extend(targets.iter().filter(|target| target.kind == Key::KIND).map(of_target));
        targets.retain(|target| target.kind != Key::KIND);
    }
    kept.into_iter().collect()
}

fn arn(target: &Target) -> String {
    target.outputs["arn"].as_str().unwrap_or_default().to_owned()
}

/// The list of the resources that stay. `again` is the command that removes them.
pub(super) fn text(kept: &[Kept], again: &str) -> String {
    let lines = kept.iter().map(|Kept { id, arn }| match id.parts() {
        ("table", name) => {
            format!("  {id}  {arn}\n    with its data; `securelambda {again} --remove-table {name}` deletes both")
        }
        _ => format!("  {id}  {arn}\n    because it encrypts the kept tables"),
    });
    if kept.is_empty() { String::new() } else { format!("Kept:\n{}", lines.collect::<Vec<_>>().join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Drift;

    #[test]
    fn a_table_is_spared_unless_it_is_named() {
        let spared = spared(&["notes".to_owned()]);
        assert!(spared.holds(Table::KIND, &Id::new("table", "other")));
        assert!(!spared.holds(Table::KIND, &Id::new("table", "notes")));
        assert!(!spared.holds("sns.topic", &Id::new("topic", "other")));
    }

    #[test]
    fn what_was_not_read_of_a_replaced_stream_is_told() {
        let stream = |time: &str| format!("arn:aws:dynamodb:eu-central-1:123456789012:table/demo-notes/stream/{time}");
        let replaced = |before: &str| {
            let moved = vec![Drift::new("source_arn", stream("(known after apply)"), before)];
            (Id::new("mapping", "F.notes.stream"), EventSourceMapping::KIND, Change::Replace { moved })
        };
        let plan = Plan {
            changes: vec![replaced(&stream("2026-11-30T00:00:00.000")), replaced("arn:aws:sqs:eu-central-1:1:q")],
            removals: Vec::new(),
            lost_guards: Vec::new(),
            unchangeable: Vec::new(),
            outdated: Vec::new(),
        };
        let lines = streams_replaced_by(&plan);
        assert!(lines.len() == 1 && lines[0].starts_with("The table demo-notes gets another stream"), "{lines:?}");
    }

    #[test]
    fn a_name_that_no_table_has_is_refused() {
        let ids = [Id::new("table", "notes")];
        let none = BTreeMap::new();
        assert!(exist(&["notes".to_owned()], &none, ids.iter()).is_ok());
        let error = exist(&["nots".to_owned()], &none, ids.iter()).expect_err("no such table");
        assert_eq!(error.message, "the stack has no table nots");
    }

    #[test]
    fn what_stays_is_told_with_the_command_that_removes_it() {
        let kept = |what: &str, name: &str| Kept { id: Id::new(what, name), arn: "arn:x".into() };
        let text = text(&[kept("key", "stack"), kept("table", "notes")], "down");
        assert!(text.starts_with("Kept:\n  key.stack  arn:x\n    because"), "{text}");
        assert!(text.ends_with("`securelambda down --remove-table notes` deletes both"), "{text}");
        assert_eq!(super::text(&[], "down"), "");
    }
}
