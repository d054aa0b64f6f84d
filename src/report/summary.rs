//! The summary at the end of a run, and tables.

use std::time::Duration;

use comfy_table::{Table, presets};
use serde::Serialize;

use super::words::{duration, tally};
use crate::engine::{Outcome, Summary};

/// The number of resources by outcome. A resource that AWS deleted together with its parent counts as deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    created: usize,
    adopted: usize,
    updated: usize,
    unchanged: usize,
    deleted: usize,
    failed: usize,
    skipped: usize,
}

impl Counts {
    pub(super) fn of(summary: &Summary) -> Self {
        Self {
            created: summary.count(|outcome| matches!(outcome, Outcome::Created)),
            adopted: summary.count(|outcome| matches!(outcome, Outcome::Adopted)),
            updated: summary.count(|outcome| matches!(outcome, Outcome::Updated { .. })),
            unchanged: summary.count(|outcome| matches!(outcome, Outcome::Unchanged)),
            deleted: summary.count(|outcome| matches!(outcome, Outcome::Deleted | Outcome::WentWithParent)),
            failed: summary.failed.len(),
            skipped: summary.skipped.len(),
        }
    }
}

/// `12 created, 1 updated, 23 unchanged in 14.2s`; counts of zero are omitted.
pub fn counts(summary: &Summary, elapsed: Duration) -> String {
    let counts = Counts::of(summary);
    let some = tally(&[
        (counts.created, "created"),
        (counts.adopted, "adopted"),
        (counts.updated, "updated"),
        (counts.unchanged, "unchanged"),
        (counts.deleted, "deleted"),
        (counts.failed, "failed"),
        (counts.skipped, "skipped"),
    ]);
    let counted = if some.is_empty() { "no changes" } else { &some };
    let stopped = if summary.stopped { ", stopped before the end" } else { "" };
    format!("{counted} in {}{stopped}", duration(elapsed))
}

/// A table without borders whose columns are two spaces apart. It ends without a line break.
pub fn table(headers: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headers.iter().copied()).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::engine::{Failure, Id};

    fn summary(outcomes: &[(usize, Outcome)]) -> Summary {
        let each = |(count, outcome): &(usize, Outcome)| vec![(Id::new("a", "b"), outcome.clone()); *count];
        Summary { done: outcomes.iter().flat_map(each).collect(), ..Summary::default() }
    }

    #[test]
    fn counts_of_zero_are_omitted() {
        let drift = Vec::new();
        let all_well = summary(&[(12, Outcome::Created), (1, Outcome::Updated { drift }), (23, Outcome::Unchanged)]);
        assert_eq!(counts(&all_well, Duration::from_millis(14_200)), "12 created, 1 updated, 23 unchanged in 14.2s");
        assert_eq!(counts(&Summary::default(), Duration::ZERO), "no changes in 0.0s");
    }

    #[test]
    fn counts_of_a_stopped_run_with_failures() {
        let mut summary = summary(&[(3, Outcome::Deleted), (2, Outcome::WentWithParent)]);
        summary.failed.push((Id::new("role", "X"), Failure::refused("no")));
        summary.skipped.push((Id::new("function", "X"), Id::new("role", "X")));
        summary.stopped = true;
        assert_snapshot!(counts(&summary, Duration::from_secs(65)), @"5 deleted, 1 failed, 1 skipped in 1m 05s, stopped before the end");
    }

    #[test]
    fn the_columns_of_a_table_are_aligned() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [row(["POST", "/lambda1", "MyUserPool1"]), row(["GET", "/long/path", ""])];
        assert_snapshot!(table(&["method", "path", "pool"], rows), @"
        method  path        pool
        POST    /lambda1    MyUserPool1
        GET     /long/path
        ");
    }
}
