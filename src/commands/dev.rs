//! `dev`: does what `up` does whenever the stack's files change, and shows its logs and requests in between.

mod requests;
mod watch;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::ask::confirm;
use super::consequences::{Consequences, Removable};
use super::log_tail::{Follower, Fresh, Logged};
use super::session::{Session, Sources};
use super::{Ending, created, logs, next, or_stopped, ownership, released, up, values};
use crate::args::{self, Shared};
use crate::aws::logs::Logs;
use crate::config::{Config, DEFAULT_FILE, variable};
use crate::engine::{CancellationToken, Change, Plan, StopLevel};
use crate::error::{Error, Kind};
use crate::local::Local;
use crate::outputs::Outputs;
use crate::report::{Live, LogLine, Output, command, plan_summary, plan_text, say};
use crate::scope::Scope;
use crate::state::{State, StateStore};
use crate::topology::ids::ApiIds;

use requests::{RequestLog, logged};
use watch::Watch;

/// The time between two looks at the logs. AWS limits how often an account may read logs.
const REST: Duration = Duration::from_secs(1);
/// On this machine, looks cost nothing.
const SHORT_REST: Duration = Duration::from_millis(200);

pub(super) async fn run(
    args: &args::Dev,
    shared: &Shared,
    output: Output,
    stop: &CancellationToken,
) -> Result<Ending, Error> {
    if !args.remote && (shared.profile.is_some() || shared.endpoint_url.is_some()) {
        return Err(Error::usage(
            "`dev` uses the emulator on this machine, so it takes neither --profile nor --endpoint-url",
        )
        .hint("to use AWS, or another emulator, add --remote"));
    }
    let file = stack_file(shared)?;
    let mut watch = Watch::new(&file)?;
    let mut stream = Stream::new(output, args.remote)?;
    let (mut first, mut failed) = (true, false);
    let mut since = Instant::now();
    loop {
        match bring_up_to_date(shared, output, &mut watch, &mut stream.live, stop).await {
            Ok(UpToDate { session, state, changed }) => {
                stream.follow(&session, &state);
                stream.show_routes(&session, &state);
                if first {
                    stream.welcome(&session);
                }
                if first || changed || failed {
                    stream.live.up_to_date(session.clients.now_ms(), since.elapsed());
                }
                stream.up_to_date = Some(session);
                (first, failed) = (false, false);
            }
            Err(_) if stop.level() != StopLevel::No => break,
            Err(error) if can_be_corrected(&error) => {
                stream.failed(&error);
                failed = true;
            }
            Err(error) => return Err(error),
        }
        tokio::select! {
            seen = watch.changed() => since = seen,
            () = stop.reached(StopLevel::Drain) => break,
            () = stream.show() => break,
        }
    }
    drop(stream);
    if !output.quiet && !output.json {
        say("\nThe stack stays as it is. `securelambda down` removes it.");
    }
    Ok(Ending::Done)
}

/// The stack file, without which there is nothing to watch.
fn stack_file(shared: &Shared) -> Result<PathBuf, Error> {
    let file = shared.file.clone().unwrap_or_else(|| DEFAULT_FILE.into());
    if shared.blueprint.is_some() || !file.exists() {
        let message = if shared.blueprint.is_some() {
            "`dev` watches a stack file, and a blueprint has none".to_owned()
        } else {
            format!("`dev` watches a stack file, and {} does not exist", file.display())
        };
        return Err(Error::usage(message).hint("`securelambda init` creates a stack file and the functions"));
    }
    Ok(file)
}

/// Whether a change of the files can correct the error.
fn can_be_corrected(error: &Error) -> bool {
    match error.kind {
        Kind::Usage | Kind::Resource | Kind::Other | Kind::Stopped => true,
        Kind::Account
        | Kind::Verify
        | Kind::NoStack
        | Kind::Changes
        | Kind::Locked
        | Kind::NoState
        | Kind::Interrupted => false,
    }
}

/// A stack that is as its files want it.
struct UpToDate {
    session: Session,
    state: State,
    changed: bool,
}

/// Does what `up` does.
async fn bring_up_to_date(
    shared: &Shared,
    output: Output,
    watch: &mut Watch,
    live: &mut Live,
    stop: &CancellationToken,
) -> Result<UpToDate, Error> {
    let config = Config::new(shared, output)?;
    let stop = &stop.clone().at(config.connection.time_scale);
    // Before the files are read, so that no change is missed.
    watch.follow(config.sources.watched(&config.stack))?;
    let session = or_stopped(stop, Session::with(config, Sources::Packed, BTreeSet::new())).await?;
    session.may_write().await?;
    let (state, mut store) = session.lock("dev").await?;
    let ended = with_lock(session, state, &mut *store, live, stop).await;
    released(ended, &mut *store, output).await
}

/// The rest of the round, which reads and writes the state.
async fn with_lock(
    mut session: Session,
    mut state: State,
    store: &mut dyn StateStore,
    live: &mut Live,
    stop: &CancellationToken,
) -> Result<UpToDate, Error> {
    ownership::claim(&mut session, &mut state, false);
    let refresh = or_stopped(stop, session.refresh(&state, stop)).await?;
    let others = ownership::read(&session, &state, &refresh);
    ownership::refuse(&session, &state, &others, "up")?;
    ownership::record(&session, &mut state);
    let plan = Plan::new(&session.graph, &refresh, &state);
    if plan.is_empty() {
        return Ok(UpToDate { session, state, changed: false });
    }
    let consequences = Consequences::of(&session, &state, &plan, Removable::default());
    let consequences = or_stopped(stop, consequences).await?;
    if let Some(error) = consequences.refusal(&plan) {
        return Err(error);
    }
    let wanted = values::wanted(&session.config, &plan, &state, &BTreeSet::new())?;
    let config = &session.config;
    if !config.connection.local && !config.yes && needs_consent(&plan, &consequences) {
        live.pause();
        live.say(&plan_text(&plan, &|id| created::settings(&config.stack, id), config.output.messages));
        consequences.lost.iter().for_each(|line| live.say(line));
        live.say(&format!("\n{}", plan_summary(&plan)));
        let Scope { stack, account, region, .. } = session.scope();
        let question = format!("Apply these changes to the stack {stack} in account {account}, {region}?");
        or_stopped(stop, confirm(config.output, &question)).await?;
    }
    live.pause();
    let secrets = or_stopped(stop, wanted.ask(&session.config)).await?;
    session.fill(&secrets);
    let done = up::apply(&session, &mut state, store, refresh, stop).await?;
    super::outcome_of(&done, "dev")?;
    super::loaded::check(&session, &state, &done).await?;
    Ok(UpToDate { session, state, changed: true })
}

/// Whether somebody must agree to a plan on AWS: it does more than change settings, or something is lost.
fn needs_consent(plan: &Plan, consequences: &Consequences) -> bool {
    let only_settings = |change: &Change| matches!(change, Change::Keep | Change::Adopt | Change::Update { .. });
    !consequences.lost.is_empty()
        || !plan.removals.is_empty()
        || plan.changes.iter().any(|(_, _, change)| !only_settings(change))
}

/// The logs and requests of the stack, and what is wrong.
struct Stream {
    live: Live,
    functions: Follower,
    /// The access logs of the APIs, on AWS.
    access: Follower,
    /// The emulator's log of requests.
    requests: Option<RequestLog>,
    outputs: Option<Outputs>,
    /// The session of the last round that ended well.
    up_to_date: Option<Session>,
    rest: Duration,
    began_ms: Option<i64>,
    /// The routes that were shown last.
    routes: String,
    /// An error of the last look at the logs, which is shown once.
    unreadable: Option<String>,
}

impl Stream {
    fn new(output: Output, remote: bool) -> Result<Self, Error> {
        let requests = if remote { None } else { Some(Local::from_env(variable)?.requests_log()) };
        Ok(Self {
            live: Live::new(output),
            functions: Follower::default(),
            access: Follower::default(),
            requests: requests.map(RequestLog::from_now_on),
            outputs: None,
            up_to_date: None,
            rest: if remote { REST } else { SHORT_REST },
            began_ms: None,
            routes: String::new(),
            unreadable: None,
        })
    }

    /// Follows the logs of this stack.
    fn follow(&mut self, session: &Session, state: &State) {
        let outputs = session.outputs(state);
        let since_ms = *self.began_ms.get_or_insert_with(|| session.clients.now_ms());
        let stack = &session.config.stack;
        self.functions.follow(logs::of_functions(stack.functions.keys(), &outputs), since_ms);
        if self.requests.is_none() {
            let groups = stack.all_apis().enumerate().filter_map(|(place, (name, _))| {
                let group = ApiIds(name).access_log().recorded(state)?.name;
                Some(Logged { name: name.unwrap_or_default().to_owned(), place, group })
            });
            self.access.follow(groups, since_ms);
        }
        self.outputs = Some(outputs);
    }

    /// The routes, if they are others than before.
    fn show_routes(&mut self, session: &Session, state: &State) {
        let routes = up::routes(&session.outputs(state));
        if self.routes != routes {
            self.live.say(&format!("\n{routes}"));
            self.routes = routes;
        }
    }

    /// How to call a route, and how to end.
    fn welcome(&mut self, session: &Session) {
        let next = next::after_up(&session.config.stack, &session.bundles.schemas);
        let commands = next.map(|next| next.commands).unwrap_or_default();
        let lines: Vec<String> =
            commands.iter().filter(|words| *words != "down").map(|words| format!("\n  {}", command(words))).collect();
        if !lines.is_empty() {
            self.live.say(&format!("\nIn another terminal:{}", lines.concat()));
        }
        self.live.say("\nWatching the files; Ctrl-C ends.");
    }

    fn failed(&mut self, error: &Error) {
        let now = self.up_to_date.as_ref().map_or_else(now_ms, |session| session.clients.now_ms());
        self.live.failed(error, now);
    }

    /// Shows new entries until nobody reads them any more.
    async fn show(&mut self) {
        while self.live.is_read() {
            self.look().await;
            tokio::time::sleep(self.rest).await;
        }
    }

    async fn look(&mut self) {
        let Self { live, functions, access, requests, outputs, up_to_date, unreadable, .. } = self;
        if let (Some(log), Some(outputs)) = (requests, outputs) {
            log.fresh(outputs).iter().for_each(|request| live.request(request));
        }
        let Some(session) = up_to_date else { return };
        let logs = Logs::new(&session.clients);
        let (now_ms, jobs) = (session.clients.now_ms(), session.config.jobs);
        let looks = async { tokio::try_join!(functions.read(&logs, jobs), access.read(&logs, jobs)) };
        match looks.await {
            Ok((look, accessed)) => {
                *unreadable = None;
                for Fresh { event, .. } in accessed.fresh {
                    if let Some(request) = logged(&event.message, event.at_ms) {
                        live.request(&request);
                    }
                }
                for Fresh { of, event } in look.fresh {
                    let line =
                        LogLine { function: &of.name, index: of.place, at_ms: event.at_ms, message: &event.message };
                    live.log(&line, functions.name_width(), now_ms);
                }
            }
            Err(failure) => {
                let text = format!("warning: the logs cannot be read: {failure}");
                if unreadable.as_ref() != Some(&text) {
                    live.say(&text);
                    *unreadable = Some(text);
                }
            }
        }
    }
}

/// This machine's time, in milliseconds since 1970.
fn now_ms() -> i64 {
    let since_1970 = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or_default()
}
