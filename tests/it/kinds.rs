//! The tests keep tables of their own with an entry for each kind of resource. A kind without an entry would silently not
//! be tested, so these tests compare the tables with the kinds that the program knows. The tables of the crash matrix are
//! compared in `killed/fault_plan.rs`.

use std::collections::BTreeSet;

use securelambda::aws::kind::Listed;
use securelambda::aws::{Clients, KINDS, offline, registry};
use securelambda::scope::Scope;

use crate::support::{account_reader, botocore};

fn clients() -> Clients {
    Clients::new(
        offline(),
        Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            stack: "demo".into(),
        },
    )
}

/// Every kind of resource that the program can manage.
pub fn all() -> BTreeSet<&'static str> {
    registry(&clients()).kinds().collect()
}

/// Every kind that the program can list without a state file.
pub fn listed() -> BTreeSet<&'static str> {
    KINDS.iter().filter(|(_, about)| about.listed == Listed::ByItself).map(|(name, _)| *name).collect()
}

/// Fails unless each of `kinds` has an entry in `table`, or is exempt and does not have one. The exempt kinds come with
/// their reasons.
#[track_caller]
pub fn assert_covers(
    table: &str,
    kinds: &BTreeSet<&'static str>,
    entries: impl IntoIterator<Item = &'static str>,
    exempt: &[(&'static str, &'static str)],
) {
    let entries: BTreeSet<&str> = entries.into_iter().collect();
    let exempt: BTreeSet<&str> = exempt.iter().map(|(kind, _)| *kind).collect();
    let without_entry: Vec<_> =
        kinds.iter().filter(|kind| !entries.contains(*kind) && !exempt.contains(*kind)).collect();
    assert!(without_entry.is_empty(), "{table} has no entry for {without_entry:?}");
    let unknown: Vec<_> = entries.union(&exempt).filter(|kind| !kinds.contains(*kind)).collect();
    assert!(unknown.is_empty(), "{table} names kinds that it need not know: {unknown:?}");
    let both: Vec<_> = entries.intersection(&exempt).collect();
    assert!(both.is_empty(), "{table} has entries for exempt kinds: {both:?}");
}

#[test]
fn the_account_reader_reads_every_kind() {
    assert_covers("READS", &all(), account_reader::READS.iter().map(|(kind, _)| *kind), &[]);
    for (kind, operation) in account_reader::READS {
        let quoted = format!("\"{operation}\"");
        assert!(account_reader::SCRIPT.contains(&quoted), "account_reader.py does not call {operation} for {kind}");
    }
}

#[test]
fn botocores_inventory_lists_every_kind_that_the_program_lists() {
    let lists = botocore::lists();
    let entries = lists.iter().map(|list| list.kind).filter(|kind| listed().contains(kind));
    assert_covers("botocore::lists", &listed(), entries, &[]);
}
