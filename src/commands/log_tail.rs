//! The entries of log groups, read again and again: each entry is returned once, although entries arrive late and out of
//! order.

use std::collections::{BTreeSet, HashMap};

use futures_util::{StreamExt, TryStreamExt};

use crate::aws::logs::{LogEvent, Logs};
use crate::engine::Failure;

/// Entries of a function's instances arrive late and out of order, so each read begins this long before the newest
/// entry.
const OVERLAP_MS: i64 = 15_000;

/// Log groups whose new entries are read.
#[derive(Default)]
pub(super) struct Follower {
    sources: Vec<Source>,
}

/// The log of one function or API.
struct Source {
    of: Logged,
    tail: Tail,
}

/// What a log belongs to.
#[derive(Debug, Clone)]
pub(super) struct Logged {
    /// The name of the function or API in the stack file.
    pub name: String,
    /// Its index in the stack.
    pub place: usize,
    pub group: String,
}

/// An entry that was not returned before.
pub(super) struct Fresh {
    pub of: Logged,
    pub event: LogEvent,
}

/// The result of a read.
#[derive(Default)]
pub(super) struct Look {
    /// Sorted by time.
    pub fresh: Vec<Fresh>,
    /// Log groups that do not exist.
    pub missing: Vec<Logged>,
}

impl Follower {
    /// Follows these logs and no others. A log that was not followed before begins at `since_ms`.
    pub(super) fn follow(&mut self, logs: impl Iterator<Item = Logged>, since_ms: i64) {
        let mut former = std::mem::take(&mut self.sources);
        for of in logs {
            let known = former.iter().position(|source| source.of.group == of.group);
            let tail = known.map(|at| former.swap_remove(at).tail);
            let tail = tail.unwrap_or(Tail { since_ms, shown: BTreeSet::new() });
            self.sources.push(Source { of, tail });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// The length of the longest name.
    pub(super) fn name_width(&self) -> usize {
        self.sources.iter().map(|source| source.of.name.len()).max().unwrap_or(0)
    }

    /// Reads the new entries of all logs, `jobs` at the same time.
    pub(super) async fn read(&mut self, logs: &Logs, jobs: usize) -> Result<Look, Failure> {
        let reads: Vec<_> =
            self.sources.iter().map(|source| logs.events(&source.of.group, source.tail.since_ms)).collect();
        let read: Vec<Option<Vec<LogEvent>>> = futures_util::stream::iter(reads).buffered(jobs).try_collect().await?;
        let mut look = Look::default();
        for (Source { of, tail }, events) in self.sources.iter_mut().zip(read) {
            match events {
                Some(events) => {
                    let new = tail.new_ones(events).into_iter();
                    look.fresh.extend(new.map(|event| Fresh { of: of.clone(), event }));
                }
                None => look.missing.push(of.clone()),
            }
        }
        look.fresh.sort_by_key(|fresh| fresh.event.at_ms);
        Ok(look)
    }
}

/// The time at which the next read begins, and the entries since then that were already printed.
struct Tail {
    since_ms: i64,
    shown: BTreeSet<(i64, String)>,
}

impl Tail {
    /// The entries that the previous reads did not return.
    fn new_ones(&mut self, events: Vec<LogEvent>) -> Vec<LogEvent> {
        // Entries without an id that are equal in every field are numbered, so that none is dropped as a duplicate.
        let mut equal: HashMap<String, usize> = HashMap::new();
        let mut new = Vec::new();
        for event in events {
            let id = event.id.clone().unwrap_or_else(|| {
                let line = format!("{}\0{}\0{}", event.at_ms, event.stream, event.message);
                let count = equal.entry(line.clone()).or_default();
                *count += 1;
                format!("{line}\0{count}")
            });
            if self.shown.insert((event.at_ms, id)) {
                new.push(event);
            }
        }
        if let Some((newest, _)) = self.shown.last() {
            self.since_ms = self.since_ms.max(newest - OVERLAP_MS);
            self.shown = self.shown.split_off(&(self.since_ms, String::new()));
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: Option<&str>, at_ms: i64, message: &str) -> LogEvent {
        LogEvent { id: id.map(str::to_owned), stream: "s".into(), at_ms, message: message.into() }
    }

    /// The entries that each read returns, when every read gets all entries from `since_ms` on.
    fn shown(looks: &[Vec<LogEvent>]) -> (Vec<Vec<String>>, Tail) {
        let mut tail = Tail { since_ms: 0, shown: BTreeSet::new() };
        let mut look = |log: &Vec<LogEvent>| {
            let read = log.iter().filter(|event| event.at_ms >= tail.since_ms).cloned().collect();
            tail.new_ones(read).into_iter().map(|event| event.message).collect()
        };
        let shown = looks.iter().map(&mut look).collect();
        (shown, tail)
    }

    #[test]
    fn every_entry_is_printed_once_even_if_it_arrives_late() {
        let (a, b) = (event(Some("1"), 100_000, "a"), event(Some("2"), 120_000, "b"));
        let late = event(Some("3"), 110_000, "late");
        let looks = [vec![a.clone()], vec![a.clone(), b.clone()], vec![a.clone(), late.clone(), b.clone()], vec![b]];
        let (shown, tail) = shown(&looks);
        assert_eq!(shown, [vec!["a"], vec!["b"], vec!["late"], vec![]]);
        assert_eq!(tail.since_ms, 105_000, "old entries are not read again");
        assert_eq!(tail.shown.len(), 2, "old entries are forgotten");
    }

    #[test]
    fn equal_entries_without_ids_are_all_printed() {
        let same = || event(None, 100_000, "again");
        let (shown, _) = shown(&[vec![same(), same()], vec![same(), same()], vec![same(), same(), same()]]);
        assert_eq!(shown, [vec!["again", "again"], vec![], vec!["again"]]);
    }
}
