//! `up`: plans, asks for confirmation, creates or updates the stack, and prints the routes and the next commands. It
//! continues the work of an interrupted run.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;

use super::ask::confirm;
use super::consequences::{Consequences, Removable};
use super::saved_plan::SavedPlan;
use super::session::{Session, Sources};
use super::{Ending, created, ownership, readable, values};
use crate::args::{self, Ttl};
use crate::aws::account::Account;
use crate::aws::kind::cleanup_position;
use crate::config::Config;
use crate::engine::{self, CancellationToken, Cleanup, Outcome, Plan, Refresh, Run, Summary};
use crate::error::{Error, Kind};
use crate::outputs::Outputs;
use crate::report::{
    self, answer, command, counts, emulator_text, id_width, moment, plan_summary, plan_text, quoted, say, summary_line,
};
use crate::scope::Scope;
use crate::state::{State, StateStore};

pub(super) async fn run(args: &args::Up, mut config: Config, stop: CancellationToken) -> Result<Ending, Error> {
    let rotate = values::to_rotate(&config, &args.rotate)?;
    let edit = super::allow_ip::prepare(&mut config, &args.allow_ips)?;
    let mut session = super::or_stopped(&stop, Session::with(config, Sources::Packed, rotate.clone())).await?;
    if let Some(emulator) = session.emulator().filter(|_| !session.config.output.json) {
        say_unless(session.config.output.quiet, &emulator_text(&emulator, session.config.output.columns));
    }
    super::note_built_in(&session.config);
    let output = session.config.output;
    session.may_write().await?;
    super::pools::check(&session, &args.remove_pools)?;
    super::groups::check(&session, &args.remove_groups)?;
    super::tables::check(&session, &args.remove_tables)?;
    session.remove_tables(&args.remove_tables);
    let (state, mut store) = session.lock("up").await?;
    let ended = with_lock(args, session, (&rotate, edit.as_ref()), (state, &mut *store), stop).await;
    super::released(ended, &mut *store, output).await
}

/// The rest of the run, which reads and writes the state.
async fn with_lock(
    args: &args::Up,
    mut session: Session,
    (rotate, edit): (&BTreeSet<String>, Option<&super::allow_ip::Edit>),
    (mut state, store): (State, &mut dyn StateStore),
    stop: CancellationToken,
) -> Result<Ending, Error> {
    match args.ttl {
        None => {}
        Some(Ttl::Never) => state.expires = None,
        Some(Ttl::After(time)) => {
            let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
            state.expires = Some((session.clients.now_ms() / 1000).saturating_add(seconds));
        }
    }
    let saved = args.plan.as_deref().map(SavedPlan::read).transpose()?;
    let mut adopt = args.adopt || saved.as_ref().is_some_and(|saved| saved.adopt);
    let (refresh, expires) = loop {
        ownership::claim(&mut session, &mut state, adopt);
        let account = Account::new(&session.clients);
        let looking = async {
            let (refresh, expires) = tokio::join!(session.refresh(&state, &stop), account.credentials_expire());
            Ok((refresh?, expires))
        };
        let (refresh, expires) = super::or_stopped(&stop, looking).await?;
        let others = ownership::read(&session, &state, &refresh);
        if adopt || !super::or_stopped(&stop, ownership::check(&session, &state, &others, "up")).await? {
            break (refresh, expires);
        }
        adopt = true;
    };
    ownership::record(&session, &mut state);
    for check in super::doctor::at_hand(&session, expires) {
        let hint = check.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        say_unless(session.config.output.quiet, &format!("warning: {}: {}{hint}", check.subject, check.finding));
    }
    let mut plan = Plan::new(&session.graph, &refresh, &state);
    if let Some((saved, path)) = saved.as_ref().zip(args.plan.as_deref()) {
        saved.check(&SavedPlan::new(&session, &state, &plan, adopt), path)?;
    }
    super::tables::exist(&args.remove_tables, &session.config.stack.tables, plan.removals.iter())?;
    let output = session.config.output;
    if let Some(note) = session.second_stack(&state).await? {
        say_unless(output.quiet || output.json, &note);
    }
    let removable = Removable { pools: &args.remove_pools, groups: &args.remove_groups };
    let consequences = Consequences::of(&session, &state, &plan, removable);
    let consequences = super::or_stopped(&stop, consequences).await?;
    if let Some(error) = consequences.refusal(&plan) {
        show_plan(&session, &state, &mut plan, &[]).await;
        return Err(error);
    }
    if plan.is_empty() {
        if state.takeover.take().is_some() {
            store.save(&state).await?;
        }
        write(edit, output.quiet)?;
        if output.json {
            let extra = json!({ "emulator": session.emulator(), "outputs": session.outputs(&state) });
            answer(&summary_line("up", &nothing_done(&plan), Duration::ZERO, extra));
        } else {
            say_unless(output.quiet, "Nothing to do: the stack matches the stack file.");
            show(&session, &state);
        }
        return Ok(Ending::Done);
    }
    let showing = async {
        show_plan(&session, &state, &mut plan, &consequences.lost).await;
        Ok(())
    };
    super::or_stopped(&stop, showing).await?;
    let wanted = values::wanted(&session.config, &plan, &state, rotate)?;
    if !session.config.yes && !session.config.connection.local && saved.is_none() {
        let Scope { stack, account, region, .. } = session.scope();
        let question = format!("Apply these changes to the stack {stack} in account {account}, {region}?");
        super::or_stopped(&stop, confirm(output, &question)).await?;
    }

    write(edit, output.quiet)?;
    let secrets = super::or_stopped(&stop, wanted.ask(&session.config)).await?;
    session.fill(&secrets);

    let began = Instant::now();
    let done = apply(&session, &mut state, store, refresh, &stop).await?;
    let ending = finish(&session, &state, &done, began.elapsed(), args.detailed_exitcode)?;
    super::loaded::check(&session, &state, &done).await?;
    Ok(ending)
}

/// Shows the changes, what is lost with them, and the counts.
async fn show_plan(session: &Session, state: &State, plan: &mut Plan, lost: &[String]) {
    let config = &session.config;
    if config.output.json || config.output.quiet {
        return;
    }
    readable::prepare(session, state, plan).await;
    say(&plan_text(plan, &|id| created::settings(&config.stack, id), config.output.messages));
    let opened = readable::opened(plan);
    for line in opened.iter().map(|line| config.output.messages.warn(line)).chain(lost.iter().cloned()) {
        say(&line);
    }
    say(&format!("\n{}", plan_summary(plan)));
}

/// Creates, changes and removes resources until the stack is as its graph wants it.
pub(super) async fn apply(
    session: &Session,
    state: &mut State,
    store: &mut dyn StateStore,
    refresh: Refresh,
    stop: &CancellationToken,
) -> Result<Summary, Error> {
    let files = readable::files(session);
    let edited = state.applied.as_ref() != Some(&files);
    state.applied = Some(files);
    state.emulator = super::emulated::contents(&session.config.connection);
    let mut reporter = report::reporter(session.config.output, id_width(session.graph.ids().map(|(id, _)| id)));
    let mut run = Run {
        registry: &session.registry,
        state,
        store,
        jobs: session.config.jobs,
        stop,
        tell: &mut |event| reporter.on(&if edited { readable::without_alarm_of_code(event) } else { event }),
    };
    // The rest of the stack stays, and may still use the dependencies of a resource that could not be removed.
    let cleanup = Cleanup { group: cleanup_position, holds: |_, _| true };
    // On an emulator, every change takes effect at once.
    let lag = session.endpoint.is_none();
    let done = engine::apply(&mut run, &session.graph, refresh, cleanup, lag).await;
    reporter.finish();
    // Every resource has the lineage now.
    if done.succeeded() && state.takeover.take().is_some() {
        store.save(state).await?;
    }
    Ok(done)
}

/// Writes the addresses of `--allow-ip` to the stack file.
fn write(edit: Option<&super::allow_ip::Edit>, quiet: bool) -> Result<(), Error> {
    edit.map_or(Ok(()), |edit| edit.write(quiet))
}

fn finish(
    session: &Session,
    state: &State,
    done: &Summary,
    elapsed: Duration,
    detailed: bool,
) -> Result<Ending, Error> {
    let output = session.config.output;
    if output.json {
        let extra = json!({ "emulator": session.emulator(), "outputs": session.outputs(state) });
        answer(&summary_line("up", done, elapsed, extra));
    } else {
        say_unless(output.quiet, &counts(done, elapsed));
    }
    super::outcome_of(done, "up").map_err(Error::summed_up)?;
    if !output.json {
        show(session, state);
    }
    let changed = done.count(|outcome| *outcome != Outcome::Unchanged) > 0;
    Ok(if changed && detailed { Ending::Changes } else { Ending::Done })
}

fn nothing_done(plan: &Plan) -> Summary {
    let done = plan.changes.iter().map(|(id, _, _)| (id.clone(), Outcome::Unchanged));
    Summary { done: done.collect(), ..Summary::default() }
}

/// Prints the routes on standard output, and the next commands on standard error.
fn show(session: &Session, state: &State) {
    let outputs = session.outputs(state);
    let config = &session.config;
    if !config.output.quiet {
        say("");
    }
    answer(&routes(&outputs));
    for line in super::domains::records_to_make(&outputs) {
        say_unless(config.output.quiet, &format!("\n{line}"));
    }
    if let Some(time) = state.expires {
        let at = moment(time);
        say_unless(
            config.output.quiet,
            &format!("\nThe stack expires on {at}: `securelambda sweep --expired` then removes it."),
        );
    }
    for note in super::notes(&config.stack) {
        say_unless(config.output.quiet, &format!("\n{note}"));
    }
    if config.output.quiet || outputs.routes().next().is_none() {
        return;
    }
    let Some(next) = super::next::after_up(&config.stack, &session.bundles.schemas) else { return };
    // The name that this program was called by, so that the lines can be pasted.
    let program = quoted(&config.program);
    let lines =
        next.commands.iter().map(|words| format!("\n  {}", command(words).replacen("securelambda", &program, 1)));
    let remark = next.remark.map(|remark| format!("\n{remark}\n")).unwrap_or_default();
    say(&format!("{remark}\nNext:{}", lines.collect::<String>()));
}

/// Two lines for each route, because URLs are long: the method and the URL, then the target and the callers.
pub(super) fn routes(outputs: &Outputs) -> String {
    let routes = outputs
        .routes()
        .map(|route| format!("{:<7} {}\n        {}, {}", route.method, route.url, route.answered_by(), route.callers));
    routes.collect::<Vec<_>>().join("\n")
}

fn say_unless(quiet: bool, text: &str) {
    if !quiet {
        say(text);
    }
}

/// The error of a run in which resources failed (exit code 4).
pub(super) fn failed(verb: &str, done: &Summary) -> Error {
    let what = match done.failed.len() {
        1 => "1 resource failed".to_owned(),
        count => format!("{count} resources failed"),
    };
    Error::new(Kind::Resource, format!("{what}; the others are kept in the state file"))
        .hint(format!("fix the cause, then run `securelambda {verb}` to continue"))
}
