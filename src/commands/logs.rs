//! `logs`: shows the functions' log entries, merged by time, and follows new ones.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};

use super::Ending;
use super::session::{Session, Sources};
use crate::args;
use crate::aws::logs::{LogEvent, Logs};
use crate::config::Config;
use crate::engine::{CancellationToken, Failure, StopLevel};
use crate::error::Error;
use crate::report::{LogLine, LogStyle, Stream, duration, log_json, log_text, say};

/// The time between two reads of `--follow`.
const REST: Duration = Duration::from_secs(1);

/// Entries of a function's instances arrive late and out of order, so each read begins this long before the newest
/// entry.
const OVERLAP_MS: i64 = 15_000;

pub(super) async fn run(args: &args::Logs, config: Config, stop: &CancellationToken) -> Result<Ending, Error> {
    if !args.follow {
        return super::unless_interrupted(stop, show(args, config)).await;
    }
    tokio::select! {
        ended = show(args, config) => ended,
        // Ctrl-C is the normal end of `--follow`.
        () = stop.reached(StopLevel::Drain) => Ok(Ending::Done),
    }
}

async fn show(args: &args::Logs, config: Config) -> Result<Ending, Error> {
    let names: Vec<String> = config.stack.functions.keys().cloned().collect();
    if let Some(function) = args.function.as_ref().filter(|function| !names.contains(function)) {
        return Err(Error::unknown("function", function, &names.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    let session = Session::existing(config, Sources::Untouched).await?;
    let mut sources = sources(args, &session, &names).await?;
    let logs = Logs::new(&session.clients);
    let output = session.config.output;
    let name_width = sources.iter().map(|source| source.function.len()).max().unwrap_or(0);
    let mut to = Stream::stdout();
    let mut lines = 0_usize;
    for look in 0_u64.. {
        let now_ms = session.clients.now_ms();
        let style = LogStyle { palette: output.answers, name_width, verbose: output.verbose, now_ms };
        let missing = read(&logs, &mut sources, session.config.jobs).await?;
        if look == 0 && !output.quiet {
            for Source { function, group, .. } in missing.iter().map(|&index| &sources[index]) {
                say(&format!("{function}: the log group {group} does not exist; run `securelambda up` to create it"));
            }
        }
        let mut fresh: Vec<(&Source, LogEvent)> = Vec::new();
        for source in &mut sources {
            let new = std::mem::take(&mut source.new);
            let source = &*source;
            fresh.extend(new.into_iter().map(|event| (source, event)));
        }
        fresh.sort_by_key(|(_, event)| event.at_ms);
        for (source, event) in fresh {
            let Source { function, place, .. } = source;
            let line = LogLine { function, index: *place, at_ms: event.at_ms, message: &event.message };
            let text = if output.json { Some(log_json(&line)) } else { log_text(&line, &style) };
            let wanted = |text: &String| args.filter.as_ref().is_none_or(|part| holds(&event, text, part));
            if let Some(text) = text.filter(wanted) {
                to.line(text);
                lines += 1;
            }
        }
        if !args.follow || !to.is_open() {
            break;
        }
        tokio::time::sleep(REST).await;
    }
    if lines == 0 && !args.follow && !output.quiet {
        let what = args.filter.as_ref().map_or(String::new(), |part| format!(" that contain {part:?}"));
        say(&format!("No log entries{what} in the last {}.", duration(args.since)));
    }
    Ok(Ending::Done)
}

/// Filters here and not in AWS, whose filter patterns match words and give quotes, brackets and dashes a special
/// meaning.
fn holds(event: &LogEvent, shown: &str, part: &str) -> bool {
    event.message.contains(part) || shown.contains(part)
}

/// The log of one function.
struct Source {
    function: String,
    place: usize,
    group: String,
    tail: Tail,
    /// Entries that were read and not printed yet.
    new: Vec<LogEvent>,
}

async fn sources(args: &args::Logs, session: &Session, names: &[String]) -> Result<Vec<Source>, Error> {
    let mut outputs = session.outputs(&session.state().await?);
    let since_ms = session.clients.now_ms() - i64::try_from(args.since.as_millis()).unwrap_or(i64::MAX);
    let mut sources = Vec::new();
    for (place, name) in names.iter().enumerate() {
        if args.function.as_ref().is_some_and(|function| function != name) {
            continue;
        }
        if let Some(function) = outputs.functions.remove(name) {
            let tail = Tail { since_ms, shown: BTreeSet::new() };
            sources.push(Source { function: name.clone(), place, group: function.log_group, tail, new: Vec::new() });
        }
    }
    if sources.is_empty() {
        let what = args.function.as_ref().map_or("no function exists", |_| "the function does not exist");
        return Err(Error::other(format!("{what} yet")).hint("run `securelambda up`"));
    }
    Ok(sources)
}

/// Reads new entries of all sources concurrently. Returns the indexes of those without a log group.
async fn read(logs: &Logs, sources: &mut [Source], jobs: usize) -> Result<Vec<usize>, Failure> {
    let looks: Vec<_> = sources.iter().map(|source| logs.events(&source.group, source.tail.since_ms)).collect();
    let read: Vec<Option<Vec<LogEvent>>> = futures_util::stream::iter(looks).buffered(jobs).try_collect().await?;
    let mut missing = Vec::new();
    for (index, (source, events)) in sources.iter_mut().zip(read).enumerate() {
        match events {
            Some(events) => source.new = source.tail.new_ones(events),
            None => missing.push(index),
        }
    }
    Ok(missing)
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
