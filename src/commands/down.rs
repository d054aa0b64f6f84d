//! `down`: lists the resources, asks for confirmation, removes them in the documented order, and checks what remains.
//! It works after an interrupted `up` or `down`, and without the state file.

use super::ask;
use super::removal::{Report, at, finish, lost, removal};
use super::session::Session;
use super::{Ending, or_stopped, ownership, released, tables, user_session};
use crate::args;
use crate::aws::registry_with;
use crate::aws::secretsmanager::DeletionMode;
use crate::config::Config;
use crate::engine::{self, CancellationToken, FoundTargets, Removal, add_listed};
use crate::error::Error;
use crate::report::say;
use crate::state::{State, StateStore};

pub(super) async fn run(args: &args::Down, config: Config, stop: CancellationToken) -> Result<Ending, Error> {
    let mut session = or_stopped(&stop, Session::for_removal(config)).await?;
    session.remove_tables(&args.remove_tables);
    session.may_write().await?;
    let (state, mut store) = session.lock("down").await?;
    let output = session.config.output;
    let local = session.config.connection.local;
    let ended = with_lock(args, session, state, &mut *store, stop).await;
    let ended = released(ended, &mut *store, output).await?;
    if local && !output.json && !output.quiet {
        say("The emulator is still running; `securelambda local stop` stops it.");
    }
    Ok(ended)
}

/// The rest of the run, which reads and writes the state.
async fn with_lock(
    args: &args::Down,
    mut session: Session,
    mut state: State,
    store: &mut dyn StateStore,
    stop: CancellationToken,
) -> Result<Ending, Error> {
    let mode = if args.purge { DeletionMode::ForGood } else { DeletionMode::Recoverable };
    let stack = session.scope().stack.clone();
    let mut removal = removal(&stack, args.purge, tables::spared(&args.remove_tables));
    let mut adopt = args.adopt;
    let (registry, refresh, inventory, pools) = loop {
        ownership::claim(&mut session, &mut state, adopt);
        let registry = registry_with(&session.clients, mode);
        // Resources are found in two independent ways: by the stack file and the state, and by AWS's lists. At the same
        // time the users that would be deleted are counted.
        let pools = super::pools::recorded(&session, &state);
        let reading = async {
            let (refresh, inventory, pools) =
                tokio::join!(session.refresh(&state, &stop), removal.list(&registry, &stop), pools);
            Ok((refresh?, inventory?, pools?))
        };
        let (refresh, inventory, pools) = or_stopped(&stop, reading).await?;
        let others = ownership::found(&session, &state, &refresh, removal.ours(&inventory));
        if adopt || !or_stopped(&stop, ownership::check(&session, &state, &others, "down")).await? {
            break (registry, refresh, inventory, pools);
        }
        adopt = true;
    };
    ownership::record(&session, &mut state);
    let (output, scope) = (session.config.output, session.scope().clone());
    let signed_in: Vec<_> = session.outputs(&state).pools.into_values().collect();
    let finding = async { Ok(engine::targets(&session.graph, &refresh, &registry, &mut state, &stop).await?) };
    let FoundTargets { mut targets, spared, foreign, unread } = or_stopped(&stop, finding).await?;
    let kept = tables::keep(&mut removal, &spared, &inventory, &mut targets);
    add_listed(&mut targets, removal.ours(&inventory));
    tables::exist(&args.remove_tables, &session.config.stack.tables, targets.iter().map(|target| &target.id))?;
    targets.sort_by(|a, b| a.id.cmp(&b.id));
    let unread = Removal::unaccounted(unread, &targets, &inventory, &state);
    let report = Report {
        verb: "down",
        again: "down".to_owned(),
        scope: &scope,
        at: at(&scope.region, session.config.connection.profile.as_deref(), session.endpoint.as_deref()),
        output,
        registry: &registry,
        jobs: session.config.jobs,
        stop: &stop,
        purge: args.purge,
        foreign: &foreign,
        kept: &kept,
    };
    for (id, failure) in foreign.iter().filter(|_| !output.quiet) {
        say(&format!("not removed: {id}: {failure}"));
    }
    if targets.is_empty() {
        let removed = Removal::nothing(&registry, inventory, &unread);
        finish(&removed, &stack, &state, store).await?;
        if removed.is_clean() && kept.is_empty() && !output.json && !output.quiet {
            say(&format!("Nothing to remove: the stack {} has no resources. 0 left.", scope.stack));
        }
        report.tell(&removed, state.resources.len());
        return report.ending(&removed);
    }
    let lost = or_stopped(&stop, lost(&session.clients, &targets, &pools, &report.again)).await?;
    report.announce(&targets);
    for one in unread.iter().filter(|_| !output.json && !output.quiet) {
        say(&format!("not removed, because it could not be read: {}: {}", one.target.id, one.failure));
    }
    for line in lost.iter().filter(|_| !output.json && !output.quiet) {
        say(line);
    }
    if !session.config.yes && !session.config.connection.local {
        or_stopped(&stop, ask::removal(output, &scope, !lost.is_empty())).await?;
    }

    let removed = report.carry_out(&removal, &mut state, store, targets, unread).await?;
    if finish(&removed, &stack, &state, store).await? {
        // The users' sessions ended with their pools.
        signed_in.iter().try_for_each(|pool| user_session::forget(&session, pool))?;
    }
    report.tell(&removed, state.resources.len());
    report.ending(&removed)
}
