//! `down`: shows what goes, asks, removes it in the documented order, looks again and says what is left. Works after a
//! half-finished `up` or `down`, and without the state file.

use super::ask::confirm;
use super::removal::{Removal, at};
use super::session::Session;
use super::{Ending, or_stopped};
use crate::args;
use crate::aws::registry_that_parts;
use crate::aws::secretsmanager::DeletionMode;
use crate::config::Config;
use crate::engine::{self, CancellationToken, FoundTargets, add_listed};
use crate::error::Error;
use crate::report::say;

pub(super) async fn run(args: &args::Down, config: Config, stop: CancellationToken) -> Result<Ending, Error> {
    let session = or_stopped(&stop, Session::for_removal(config)).await?;
    session.may_write()?;
    let (mut state, mut store) = session.lock("down")?;
    let parting = if args.purge { DeletionMode::ForGood } else { DeletionMode::Recoverable };
    let registry = registry_that_parts(&session.clients, parting);
    let output = session.config.output;
    let removal = Removal {
        verb: "down",
        again: "down".to_owned(),
        scope: session.scope(),
        at: at(&session.scope().region, session.config.connection.profile.as_deref(), session.endpoint.as_deref()),
        registry: &registry,
        output,
        jobs: session.config.jobs,
        purge: args.purge,
        stop: &stop,
        strangers: &[],
    };
    // Two looks that know nothing of each other: by the stack file and the record, and by what AWS lists.
    // And meanwhile how many users would be lost.
    let pools = super::pools::recorded(&session, &state);
    let looks = async {
        let (refresh, inventory, pools) = tokio::join!(session.refresh(&state, &stop), removal.inventory(), pools);
        Ok((refresh?, inventory?, pools?))
    };
    let (refresh, inventory, pools) = or_stopped(&stop, looks).await?;
    let looking = async { Ok(engine::targets(&session.graph, &refresh, &registry, &mut state, &stop).await?) };
    let FoundTargets { mut targets, strangers, unseen } = or_stopped(&stop, looking).await?;
    add_listed(&mut targets, removal.ours(&inventory));
    targets.sort_by(|a, b| a.id.cmp(&b.id));
    let unseen = Removal::unknown(unseen, &targets, &inventory, &state);
    let removal = Removal { strangers: &strangers, ..removal };
    for (id, failure) in strangers.iter().filter(|_| !output.quiet) {
        say(&format!("left alone: {id}: {failure}"));
    }
    if targets.is_empty() {
        let removed = removal.nothing(&inventory, &unseen);
        if removed.is_clean() {
            store.forget()?;
        }
        if removed.is_clean() && !output.json && !output.quiet {
            say(&format!("Nothing to remove: there is nothing of the stack {}. 0 left.", session.scope().stack));
        }
        removal.tell(&removed, state.resources.len());
        return removal.ending(&removed);
    }
    let farewell = or_stopped(&stop, super::pools::farewell(&session, &targets, &pools)).await?;
    removal.announce(&targets);
    for one in unseen.iter().filter(|_| !output.json && !output.quiet) {
        say(&format!("cannot be read, and so is not removed: {}: {}", one.target.id, one.failure));
    }
    for line in farewell.iter().filter(|_| !output.json && !output.quiet) {
        say(line);
    }
    if !session.config.yes && !session.config.connection.local {
        let scope = session.scope();
        let question = format!("Remove all this from account {}, {}?", scope.account, scope.region);
        or_stopped(&stop, confirm(output, &question)).await?;
    }

    let removed = removal.remove(targets, unseen, &mut state, &mut store).await?;
    if removed.is_clean() && state.resources.is_empty() {
        store.forget()?;
    }
    removal.tell(&removed, state.resources.len());
    removal.ending(&removed)
}
