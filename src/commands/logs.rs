//! `logs`: shows the functions' log entries, merged by time, and follows new ones.

use std::time::Duration;

use super::Ending;
use super::log_tail::{Follower, Fresh, Logged};
use super::session::{Session, Sources};
use crate::args;
use crate::aws::logs::{LogEvent, Logs};
use crate::config::Config;
use crate::engine::{CancellationToken, StopLevel};
use crate::error::Error;
use crate::outputs::Outputs;
use crate::report::{LogLine, LogStyle, Stream, duration, log_json, log_text, say};

/// The time between two reads of `--follow`.
const REST: Duration = Duration::from_secs(1);

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
    let mut follower = follower(args, &session, &names).await?;
    let logs = Logs::new(&session.clients);
    let output = session.config.output;
    let name_width = follower.name_width();
    let mut to = Stream::stdout();
    let mut lines = 0_usize;
    for look in 0_u64.. {
        let now_ms = session.clients.now_ms();
        let style = LogStyle { palette: output.answers, name_width, verbose: output.verbose, now_ms };
        let found = follower.read(&logs, session.config.jobs).await?;
        if look == 0 && !output.quiet {
            for Logged { name, group, .. } in found.missing {
                say(&format!("{name}: the log group {group} does not exist; run `securelambda up` to create it"));
            }
        }
        for Fresh { of, event } in found.fresh {
            let line = LogLine { function: &of.name, index: of.place, at_ms: event.at_ms, message: &event.message };
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

/// The logs to show.
async fn follower(args: &args::Logs, session: &Session, names: &[String]) -> Result<Follower, Error> {
    let outputs = session.outputs(&session.state().await?);
    let since_ms = session.clients.now_ms() - i64::try_from(args.since.as_millis()).unwrap_or(i64::MAX);
    let is_wanted = |of: &Logged| args.function.as_ref().is_none_or(|function| *function == of.name);
    let mut follower = Follower::default();
    follower.follow(of_functions(names, &outputs).filter(is_wanted), since_ms);
    if follower.is_empty() {
        let what = args.function.as_ref().map_or("no function exists", |_| "the function does not exist");
        return Err(Error::other(format!("{what} yet")).hint("run `securelambda up`"));
    }
    Ok(follower)
}

/// The logs of those of the stack's functions that exist.
pub(super) fn of_functions<'a>(
    names: impl IntoIterator<Item = &'a String>,
    outputs: &Outputs,
) -> impl Iterator<Item = Logged> {
    let all = names.into_iter().enumerate();
    all.filter_map(|(place, name)| {
        let group = outputs.functions.get(name)?.log_group.clone();
        Some(Logged { name: name.clone(), place, group })
    })
}
