//! `up`: plans, asks, builds or converges; prints the routes and what to do next. Resumes whatever an earlier run left.

use std::time::{Duration, Instant};

use serde_json::json;

use super::Ending;
use super::ask::confirm;
use super::session::{Secrets, Session};
use crate::args;
use crate::config::Config;
use crate::engine::{self, Outcome, Plan, Stop, Summary};
use crate::error::{Error, Kind};
use crate::outputs::Outputs;
use crate::report::{self, answer, counts, id_width, plan_text, say, summary_line};
use crate::stack::cleanup;
use crate::state::{Locked, State};

pub(super) async fn run(args: &args::Up, config: Config, stop: Stop) -> Result<Ending, Error> {
    let session = super::or_stopped(&stop, Session::open(config, Secrets::Needed)).await?;
    session.may_write()?;
    let (mut state, mut journal) = session.lock("up")?;
    let survey = super::or_stopped(&stop, session.survey(&state, &stop)).await?;
    let plan = Plan::new(&session.graph, &survey, &state);
    let output = session.config.output;
    if plan.is_empty() {
        if output.json {
            let extra = json!({ "outputs": session.outputs(&state) });
            answer(&summary_line("up", &nothing_done(&plan), Duration::ZERO, extra));
        } else {
            say_unless(output.quiet, "Nothing to do: everything is as the stack file asks.");
            show(&session, &state);
        }
        return Ok(Ending::Done);
    }
    if !output.json && !output.quiet {
        say(&plan_text(&plan, output.messages));
    }
    if !session.config.yes && !session.config.connection.local {
        confirm(output, &format!("Build this in account {}, {}?", session.scope().account, session.scope().region))?;
    }

    let began = Instant::now();
    let mut reporter = report::reporter(output, id_width(session.graph.ids().map(|(id, _)| id)));
    let jobs = session.config.jobs;
    let mut tell = |event: engine::Event| reporter.on(&event);
    let mut done =
        engine::up(&session.graph, &session.registry, survey, &mut state, &mut journal, jobs, &stop, &mut tell).await;
    if done.succeeded() && !plan.removals.is_empty() {
        let removed = remove_unwanted(&session, &mut state, &mut journal, &stop, &mut tell).await?;
        merge(&mut done, removed);
    }
    reporter.finish();
    finish(&session, &state, &done, began.elapsed(), args.detailed_exitcode)
}

/// Removes what is on record and no longer in the stack file, now that nothing needs it any more.
async fn remove_unwanted(
    session: &Session,
    state: &mut State,
    journal: &mut Locked,
    stop: &Stop,
    tell: &mut (dyn FnMut(engine::Event) + Send),
) -> Result<Summary, Error> {
    let targets = engine::unwanted_targets(&session.graph, &session.registry, state, stop).await?;
    let order: &(dyn Fn(&str) -> usize + Sync) = &cleanup::group;
    Ok(engine::down(&targets, order, &session.registry, state, journal, session.config.jobs, stop, tell).await)
}

fn merge(into: &mut Summary, from: Summary) {
    into.done.extend(from.done);
    into.failed.extend(from.failed);
    into.skipped.extend(from.skipped);
    into.stopped |= from.stopped;
    into.save_error = into.save_error.take().or(from.save_error);
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
        let extra = json!({ "outputs": session.outputs(state) });
        answer(&summary_line("up", done, elapsed, extra));
    } else {
        say_unless(output.quiet, &counts(done, elapsed));
    }
    super::outcome_of(done, "up")?;
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

/// The routes as the answer, and what to type next.
fn show(session: &Session, state: &State) {
    let outputs = session.outputs(state);
    let config = &session.config;
    if !config.output.quiet {
        say("");
    }
    answer(&routes(&outputs));
    let Some(route) = outputs.api.as_ref().and_then(|api| api.routes.first()).filter(|_| !config.output.quiet) else {
        return;
    };
    let (program, local) = (&config.program, if config.connection.local { " --local" } else { "" });
    let mut next = String::from("\nNext:\n");
    if let Some(pool) = &route.pool {
        next += &format!("  {program} add-user you@example.com --pool {pool}{local}\n");
    }
    let user = if route.pool.is_some() { "--as you@example.com" } else { "--anonymous" };
    let name = format!("{} {}", route.method, route.path);
    next += &format!("  {program} call '{name}' {user} --data '{{\"name\":\"Ada\"}}'{local}\n");
    next += &format!("  {program} down{local}");
    say(&next);
}

/// Two lines a route, since URLs are long: method and URL; what answers, and who may call.
pub(super) fn routes(outputs: &Outputs) -> String {
    let routes = outputs.api.iter().flat_map(|api| &api.routes).map(|route| {
        let who = route.pool.as_deref().map_or("OPEN to anyone".to_owned(), |pool| format!("for users of {pool}"));
        format!("{:<7} {}\n        {}, {who}", route.method, route.url, route.function)
    });
    routes.collect::<Vec<_>>().join("\n")
}

fn say_unless(quiet: bool, text: &str) {
    if !quiet {
        say(text);
    }
}

/// Exit code 4, in words.
pub(super) fn failed(verb: &str, done: &Summary) -> Error {
    let what = match done.failed.len() {
        1 => "1 resource failed".to_owned(),
        count => format!("{count} resources failed"),
    };
    Error::new(Kind::Resource, format!("{what}; all else is kept in the state file"))
        .hint(format!("when the cause is removed, `securelambda {verb}` goes on from here"))
}
