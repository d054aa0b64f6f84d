//! `up`: plans, asks, builds or converges; prints the routes and what to do next. Resumes whatever an earlier run left.

use std::time::{Duration, Instant};

use serde_json::json;

use super::ask::confirm;
use super::session::{Session, Sources};
use super::{Ending, values};
use crate::args;
use crate::aws::account::Account;
use crate::aws::kind::cleanup_position;
use crate::config::Config;
use crate::engine::{self, CancellationToken, Cause, Id, Outcome, Plan, StopLevel, Summary};
use crate::error::{Error, Kind};
use crate::outputs::Outputs;
use crate::report::{self, answer, counts, id_width, plan_text, say, summary_line};
use crate::state::{Locked, State};

/// The kind of what moves an API's stage to a new deployment.
const RELEASE: &str = "apigateway.release";

/// How long AWS may take until all of it answers from a new deployment (docs/aws.md, Deployments).
const DRAIN: Duration = Duration::from_mins(1);

pub(super) async fn run(args: &args::Up, mut config: Config, stop: CancellationToken) -> Result<Ending, Error> {
    let rotate = values::to_rotate(&config, &args.rotate)?;
    let edit = super::allow_ip::prepare(&mut config, &args.allow_ips)?;
    let mut session = super::or_stopped(&stop, Session::with(config, Sources::Packed, rotate.clone())).await?;
    session.may_write()?;
    super::pools::check(&session, &args.remove_pools)?;
    let (mut state, mut store) = session.lock("up")?;
    let account = Account::new(&session.clients);
    let looking = async {
        let (refresh, expires) = tokio::join!(session.refresh(&state, &stop), account.credentials_expire());
        Ok((refresh?, expires))
    };
    let (refresh, expires) = super::or_stopped(&stop, looking).await?;
    for check in super::doctor::at_hand(&session, expires) {
        let hint = check.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        say_unless(session.config.output.quiet, &format!("warning: {}: {}{hint}", check.subject, check.finding));
    }
    let plan = Plan::new(&session.graph, &refresh, &state);
    let output = session.config.output;
    let kept = super::or_stopped(&stop, super::pools::kept(&session, &state, &plan, &args.remove_pools)).await?;
    if let Some(error) = super::plan::unchangeable(&plan).or_else(|| super::pools::refusal(&kept)) {
        if !output.json && !output.quiet {
            say(&plan_text(&plan, output.messages));
        }
        return Err(error);
    }
    if plan.is_empty() {
        write(edit.as_ref(), output.quiet)?;
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
    let wanted = values::wanted(&session.config, &plan, &state, &rotate)?;
    if !session.config.yes && !session.config.connection.local {
        let question = format!("Build this in account {}, {}?", session.scope().account, session.scope().region);
        super::or_stopped(&stop, confirm(output, &question)).await?;
    }

    write(edit.as_ref(), output.quiet)?;
    let secrets = super::or_stopped(&stop, wanted.ask(&session.config)).await?;
    session.fill(&secrets);

    let began = Instant::now();
    let mut reporter = report::reporter(output, id_width(session.graph.ids().map(|(id, _)| id)));
    let jobs = session.config.jobs;
    let mut tell = |event: engine::Event| reporter.on(&event);
    let mut done =
        engine::up(&session.graph, &session.registry, refresh, &mut state, &mut store, jobs, &stop, &mut tell).await;
    let moved = session.graph.ids().filter(|(_, kind)| *kind == RELEASE).map(|(id, _)| id);
    let moved = drains(&done, moved, &plan.removals, session.endpoint.is_some());
    if let Some(moved) = moved.filter(|_| done.succeeded()) {
        let why = "a part of AWS's servers may answer from the old deployment for a minute; what that needs goes then";
        tell(engine::Event::Noted { id: moved.clone(), why: why.into() });
        tokio::select! {
            () = tokio::time::sleep(DRAIN) => {}
            () = stop.reached(StopLevel::Drain) => done.stopped = true,
        }
    }
    if done.succeeded() && !plan.removals.is_empty() {
        let removed = remove_unwanted(&session, &mut state, &mut store, &stop, &mut tell).await;
        done.merge(removed);
    }
    reporter.finish();
    finish(&session, &state, &done, began.elapsed(), args.detailed_exitcode)
}

/// The first of these releases that has moved its stage, if what is to be removed may still be called: functions, and
/// permissions to call them, that the deployment led to from which the stage has just moved on. An emulator moves at once.
fn drains<'a>(
    done: &Summary,
    mut releases: impl Iterator<Item = &'a Id>,
    removals: &[Id],
    emulated: bool,
) -> Option<&'a Id> {
    let called = |id: &Id| ["function", "permission"].contains(&id.parts().0);
    if emulated || !removals.iter().any(called) {
        return None;
    }
    releases.find(|release| {
        done.done.iter().any(|(id, outcome)| id == *release && matches!(outcome, Outcome::Updated { .. }))
    })
}

/// Removes what is on record and no longer in the stack file, now that nothing needs it any more.
async fn remove_unwanted(
    session: &Session,
    state: &mut State,
    store: &mut Locked,
    stop: &CancellationToken,
    tell: &mut (dyn FnMut(engine::Event) + Send),
) -> Summary {
    let looked = tokio::select! {
        looked = engine::unwanted_targets(&session.graph, &session.registry, state, stop) => looked,
        () = stop.reached(StopLevel::Drain) => return Summary { stopped: true, ..Summary::default() },
    };
    let targets = match looked {
        Ok(targets) => targets,
        Err(failure) if failure.cause == Cause::Stopped => return Summary { stopped: true, ..Summary::default() },
        Err(failure) => {
            // It has no resource of its own: it kept us from looking at all of them.
            let id = Id::from("what is no longer wanted");
            tell(engine::Event::Failed { id: id.clone(), failure: failure.clone(), elapsed: Duration::ZERO });
            return Summary { failed: vec![(id, failure)], ..Summary::default() };
        }
    };
    // The rest of the stack stays, and may still use what something that is not gone was made from.
    let order = engine::Cleanup { group: cleanup_position, holds: |_, _| true };
    engine::down(&targets, &[], order, &session.registry, state, store, session.config.jobs, stop, tell).await
}

/// From here on the stack file asks for the address too.
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
        let extra = json!({ "outputs": session.outputs(state) });
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

/// The routes as the answer, and what to type next.
fn show(session: &Session, state: &State) {
    let outputs = session.outputs(state);
    let config = &session.config;
    if !config.output.quiet {
        say("");
    }
    answer(&routes(&outputs));
    if let Some(note) = super::no_firewall(&config.stack) {
        say_unless(config.output.quiet, &format!("\n{note}"));
    }
    let Some(route) = outputs.routes().find(|route| !route.iam).filter(|_| !config.output.quiet) else {
        return;
    };
    let blueprint = config.blueprint.map(|name| format!(" --blueprint {name}")).unwrap_or_default();
    let (program, local) = (&config.program, if config.connection.local { " --local" } else { "" });
    let local = blueprint + local;
    let mut next = String::from("\nNext:\n");
    if let Some(pool) = &route.pool {
        next += &format!("  {program} add-user you@example.com --pool {pool}{local}\n");
    }
    let user = if route.pool.is_some() { "--as you@example.com" } else { "--anonymous" };
    let name = format!("{} {}", route.method, route.path);
    let parameters = route.path.split('{').skip(1).filter_map(|rest| rest.split(['+', '}']).next());
    let mut more = parameters.fold(String::new(), |more, name| more + " --param " + name + "=1");
    if !["GET", "HEAD", "DELETE", "OPTIONS"].contains(&route.method.as_str()) {
        more += " --data '{\"name\":\"Ada\"}'";
    }
    next += &format!("  {program} call '{name}' {user}{more}{local}\n");
    next += &format!("  {program} down{local}");
    say(&next);
}

/// Two lines a route, since URLs are long: method and URL; what answers, and who may call.
pub(super) fn routes(outputs: &Outputs) -> String {
    let routes = outputs.routes().map(|route| {
        let who = match &route.pool {
            Some(pool) => format!("for users of {pool}"),
            None if route.iam => "for requests signed by whom IAM allows to".to_owned(),
            None => "OPEN to anyone".to_owned(),
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_called_until_now_is_removed_after_a_while() {
        let releases = [Id::new("api", "release"), Id::new("api", "Age.release")];
        let done = |of: &Id, outcome| Summary { done: vec![(of.clone(), outcome)], ..Summary::default() };
        let (function, pool) = ([Id::new("function", "Old")], [Id::new("pool", "Old")]);
        for release in &releases {
            let moved = done(release, Outcome::Updated { drift: Vec::new() });
            let drains = |removals: &[Id], emulated| drains(&moved, releases.iter(), removals, emulated);
            assert_eq!(drains(&function, false), Some(release));
            assert_eq!(drains(&[Id::new("permission", "GET / Old")], false), Some(release));
            assert!(
                drains(&pool, false).is_none() && drains(&[], false).is_none() && drains(&function, true).is_none()
            );
            let same = done(release, Outcome::Unchanged);
            assert!(super::drains(&same, releases.iter(), &function, false).is_none());
        }
        let other = done(&Id::new("api", "routes"), Outcome::Updated { drift: Vec::new() });
        assert!(drains(&other, releases.iter(), &function, false).is_none());
    }

    #[test]
    fn the_release_of_every_rest_api_is_found_by_its_kind() {
        let blueprint = crate::stack::blueprints::Blueprint::of("api-to-api").expect("there");
        let stack = crate::stack::parse(blueprint.text).expect("a sound file");
        let scope = crate::scope::Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            stack: "demo".into(),
        };
        let (bundles, secrets) = (crate::bundle::Bundles::default(), crate::stack::SecretValues::default());
        let graph = crate::stack::desired(&stack, &scope, None, &bundles, &secrets);
        let releases: Vec<&str> = graph.ids().filter(|(_, kind)| *kind == RELEASE).map(|(id, _)| id.as_str()).collect();
        assert_eq!(releases, ["api.release", "api.Age.release"]);
    }
}
