//! `sweep`: what carries a stack's tag, found by AWS's own lists alone. Needs no stack file, and no state file; where
//! there is one, its lock is held and it is taken away with the stack.

use serde_json::json;

use super::ask::confirm;
use super::removal::{Removal, at};
use super::session::{access, connected, refuse_root};
use super::{Ending, or_stopped};
use crate::args::{self, Shared};
use crate::aws::kind::cleanup_position;
use crate::aws::registry_that_parts;
use crate::aws::secretsmanager::DeletionMode;
use crate::config::{Connection, Output};
use crate::engine::{CancellationToken, Inventory, add_listed, list_all};
use crate::error::{Error, Kind};
use crate::regions::Needs;
use crate::report::{SCHEMA_VERSION, answer, say, swept_text, unread_lines};
use crate::scope::{Scope, Whose};
use crate::stack::check_name;
use crate::state::Store;

pub(super) async fn run(
    args: &args::Sweep,
    shared: &Shared,
    output: Output,
    stop: CancellationToken,
) -> Result<Ending, Error> {
    if let Some(stack) = &shared.stack {
        check_name(stack).map_err(Error::usage)?;
    } else if args.purge {
        return Err(Error::usage("--purge removes, and without --stack nothing is removed")
            .hint("name the stack: `securelambda sweep --stack NAME --purge`"));
    }
    let connection = Connection::new(shared)?;
    let stop = stop.at(connection.time_scale);
    let access = or_stopped(&stop, access(&connection, output.quiet)).await?;
    let named = shared.stack.as_deref().unwrap_or_default();
    // Without a stack file nothing is built, so the region need not have anything.
    let (clients, caller) = or_stopped(&stop, connected(named, &access, &Needs::default())).await?;
    let scope = &clients.scope;
    let store =
        |stack: &str| Store::new(&shared.state_dir, stack, &scope.account, &scope.region, access.endpoint.as_deref());
    let parting = if args.purge { DeletionMode::ForGood } else { DeletionMode::Recoverable };
    let registry = registry_that_parts(&clients, parting);
    if shared.stack.is_none() {
        let mut inventory = list_all(&registry, &Whose::Any, &stop).await?;
        inventory.listed.sort_by(|a, b| (cleanup_position(a.kind), &a.id).cmp(&(cleanup_position(b.kind), &b.id)));
        return list(&inventory, scope, &store, output);
    }

    refuse_root(&caller, access.endpoint.as_deref())?;
    let (mut state, mut store) = store(&scope.stack).lock("securelambda sweep")?;
    let removal = Removal {
        verb: "sweep",
        again: format!("sweep --stack {}", scope.stack),
        scope,
        at: at(&scope.region, access.profile.as_deref(), access.endpoint.as_deref()),
        registry: &registry,
        output,
        jobs: usize::from(shared.jobs),
        purge: args.purge,
        stop: &stop,
        strangers: &[],
    };
    let inventory = removal.inventory().await?;
    let mut targets = Vec::new();
    add_listed(&mut targets, removal.ours(&inventory));
    targets.sort_by(|a, b| a.id.cmp(&b.id));
    if targets.is_empty() {
        let removed = removal.nothing(&inventory, &[]);
        removal.tell(&removed, state.resources.len());
        removal.ending(&removed)?;
        if removed.recoverable.is_empty() {
            let Scope { stack, account, region, .. } = scope;
            return Err(Error::new(
                Kind::NoStack,
                format!("nothing of the stack {stack} is in account {account}, {region}"),
            )
            .hint("`securelambda sweep` lists the stacks that there are")
            .summed_up());
        }
        return Ok(Ending::Done);
    }
    removal.announce(&targets);
    if !shared.yes && !connection.local {
        let question = format!("Remove all this from account {}, {}?", scope.account, scope.region);
        or_stopped(&stop, confirm(output, &question)).await?;
    }
    let removed = removal.remove(targets, Vec::new(), &mut state, &mut store).await?;
    if removed.is_clean() {
        // Rows of what hung under others and went with them.
        state.resources.clear();
        store.forget()?;
    }
    removal.tell(&removed, state.resources.len());
    removal.ending(&removed)
}

/// Lists what there is, by stack.
fn list(inventory: &Inventory, scope: &Scope, store: &dyn Fn(&str) -> Store, output: Output) -> Result<Ending, Error> {
    let mut stacks: Vec<&str> = inventory.listed.iter().filter_map(|one| one.stack.as_deref()).collect();
    stacks.sort_unstable();
    stacks.dedup();
    let stacks: Vec<(&str, Option<String>)> = stacks
        .into_iter()
        .map(|stack| {
            let path = store(stack).path();
            (stack, path.exists().then(|| path.display().to_string()))
        })
        .collect();
    if output.json {
        let stacks: Vec<_> = stacks
            .iter()
            .map(|(stack, state)| {
                let resources: Vec<_> = inventory.of(stack).collect();
                json!({ "stack": stack, "state_file": state, "resources": resources })
            })
            .collect();
        answer(&super::pretty(&json!({
            "schema_version": SCHEMA_VERSION,
            "account": scope.account,
            "region": scope.region,
            "stacks": stacks,
            "not_looked_for": inventory.unread,
        })));
    } else if stacks.is_empty() {
        answer(&format!("Nothing in account {}, {} carries the tag of a stack.", scope.account, scope.region));
    } else {
        answer(&swept_text(inventory, &stacks));
        if !output.quiet {
            say("`securelambda sweep --stack NAME` removes what there is of one.");
        }
    }
    if inventory.unread.is_empty() {
        return Ok(Ending::Done);
    }
    for line in inventory.unread.iter().flat_map(unread_lines).filter(|_| !output.json && !output.quiet) {
        say(&line);
    }
    Err(Error::new(Kind::Resource, "some services could not be read, so there may be more stacks and resources").hint(
        "`securelambda policy` prints the rights that one stack needs; the list of all stacks needs them for all",
    ))
}
