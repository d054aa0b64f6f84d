//! `down`: shows what goes, asks, removes it in the documented order, looks again and says what is left. Works after a
//! half-finished `up` or `down`, and without the state file.

use std::time::{Duration, Instant};

use serde_json::json;

use super::ask::confirm;
use super::session::{Secrets, Session};
use super::{Ending, or_stopped};
use crate::aws::secretsmanager;
use crate::config::Config;
use crate::engine::{self, Id, Outcome, Stop, Summary, Target};
use crate::error::{Error, Kind};
use crate::report::{self, answer, id_width, say, summary_line};
use crate::stack::cleanup;
use crate::state::State;

pub(super) async fn run(config: Config, stop: Stop) -> Result<Ending, Error> {
    let session = or_stopped(&stop, Session::open(config, Secrets::Unread)).await?;
    session.may_write()?;
    let (mut state, mut journal) = session.lock("down")?;
    let survey = or_stopped(&stop, session.survey(&state, &stop)).await?;
    let (targets, strangers) = engine::targets(&session.graph, &survey, &session.registry, &mut state, &stop).await?;
    let output = session.config.output;
    for (id, failure) in strangers.iter().filter(|_| !output.quiet) {
        say(&format!("left alone: {id}: {failure}"));
    }
    if targets.is_empty() {
        journal.forget()?;
        if output.json {
            answer(&summary_line("down", &Summary::default(), Duration::ZERO, json!({ "left": [] })));
        } else if !output.quiet {
            say(&format!("Nothing to remove: there is nothing of the stack {}. 0 left.", session.scope().stack));
        }
        return Ok(Ending::Done);
    }
    if !output.json && !output.quiet {
        say(&listing(&targets));
    }
    if !session.config.yes && !session.config.connection.local {
        let scope = session.scope();
        confirm(output, &format!("Remove all this from account {}, {}?", scope.account, scope.region))?;
    }

    let began = Instant::now();
    let mut reporter = report::reporter(output, id_width(targets.iter().map(|t| &t.id)));
    let order: &(dyn Fn(&str) -> usize + Sync) = &cleanup::group;
    let jobs = session.config.jobs;
    let done = engine::down(&targets, order, &session.registry, &mut state, &mut journal, jobs, &stop, &mut |event| {
        reporter.on(&event);
    })
    .await;
    reporter.finish();
    let (left, windows) = if done.stopped {
        (Vec::new(), Vec::new())
    } else {
        tokio::join!(engine::look_again(&targets, &session.registry, &stop), recovery_windows(&session, &targets))
    };
    if done.succeeded() && left.is_empty() && state.resources.is_empty() {
        journal.forget()?;
    }
    tell(&session, &state, &done, began.elapsed(), &left, &windows);
    super::outcome_of(&done, "down")?;
    if left.is_empty() {
        return Ok(Ending::Done);
    }
    Err(Error::new(Kind::Resource, format!("{} still there", left.len()))
        .hint("`securelambda down` tries again; each is listed above with where it is"))
}

type Left = (Id, Result<serde_json::Value, engine::Failure>);

fn tell(session: &Session, state: &State, done: &Summary, elapsed: Duration, left: &[Left], windows: &[(String, i64)]) {
    let output = session.config.output;
    if output.json {
        let left: Vec<_> = left
            .iter()
            .map(|(id, what)| match what {
                Ok(outputs) => json!({ "id": id, "outputs": outputs }),
                Err(failure) => json!({ "id": id, "error": failure }),
            })
            .collect();
        let recoverable: Vec<_> =
            windows.iter().map(|(name, until)| json!({ "secret": name, "until_unix": until })).collect();
        let extra = json!({ "left": left, "recoverable": recoverable, "on_record": state.resources.len() });
        answer(&summary_line("down", done, elapsed, extra));
        return;
    }
    if output.quiet {
        return;
    }
    let gone = done.count(|outcome| matches!(outcome, Outcome::Deleted | Outcome::WentWithParent | Outcome::Gone));
    if !done.stopped {
        say(&format!("{gone} removed, {} left.", left.len().max(state.resources.len())));
    }
    for (id, what) in left {
        match what {
            Ok(outputs) => say(&format!("  left: {id} {outputs}")),
            Err(failure) => say(&format!("  could not be looked for: {id}: {failure}")),
        }
    }
    for (name, until) in windows {
        let day = report::date(*until);
        say(&format!(
            "The secret {name} can be recovered until {day}; until then `up` restores it instead of making a new one."
        ));
    }
}

fn listing(targets: &[Target]) -> String {
    let mut text = String::from("This goes, in this order:\n");
    for (index, group) in cleanup::GROUPS.iter().enumerate() {
        let ids: Vec<&str> =
            targets.iter().filter(|target| cleanup::group(&target.kind) == index).map(|t| t.id.as_str()).collect();
        if !ids.is_empty() {
            text += &format!("  {}. {}\n     {}\n", index + 1, group.title, ids.join(", "));
        }
    }
    text.trim_end().to_owned()
}

/// Until when each removed secret can be recovered, in seconds since 1970.
async fn recovery_windows(session: &Session, targets: &[Target]) -> Vec<(String, i64)> {
    let secrets = secretsmanager::SecretsManager::new(&session.clients);
    let mut windows = Vec::new();
    for target in targets.iter().filter(|target| target.kind == "secretsmanager.secret") {
        if let Some(arn) = target.outputs["arn"].as_str()
            && let Ok(Some(until)) = secrets.scheduled_deletion(arn).await
        {
            windows.push((target.id.parts().1.to_owned(), until));
        }
    }
    windows
}
