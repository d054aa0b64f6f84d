//! `sweep`: finds resources by their tags in AWS's lists. It needs neither a stack file nor a state file. If a state
//! file exists, it is locked, and it is deleted together with the stack.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::ask::confirm;
use super::removal::{Report, at, lost, recoverable, removal};
use super::session::{access, connected, refuse_root};
use super::{Ending, or_stopped, tables};
use crate::args::{self, Shared};
use crate::aws::kind::cleanup_position;
use crate::aws::registry_with;
use crate::aws::secretsmanager::DeletionMode;
use crate::config::Connection;
use crate::engine::{CancellationToken, Id, Inventory, Removal, add_listed, list_all};
use crate::error::{Error, Kind};
use crate::outputs::SCHEMA_VERSION;
use crate::regions::Needs;
use crate::report::{Output, answer, say, swept_text, unread_lines};
use crate::scope::{Scope, Whose};
use crate::spec::check_name;
use crate::state::{self, StackState, StateId};

pub(super) async fn run(
    args: &args::Sweep,
    shared: &Shared,
    output: Output,
    stop: CancellationToken,
) -> Result<Ending, Error> {
    if let Some(stack) = &shared.stack {
        check_name(stack).map_err(Error::usage)?;
    } else if !args.remove_tables.is_empty() {
        return Err(Error::usage("--remove-table requires --stack").hint("name the stack with --stack NAME"));
    } else if args.purge {
        return Err(
            Error::usage("--purge requires --stack").hint("name the stack: `securelambda sweep --stack NAME --purge`")
        );
    }
    let connection = Connection::new(shared)?;
    let stop = stop.at(connection.time_scale);
    let access = or_stopped(&stop, access(&connection, output.quiet)).await?;
    let named = shared.stack.as_deref().unwrap_or_default();
    // Nothing is created, so the region may lack services.
    let (clients, caller) = or_stopped(&stop, connected(named, &access, &Needs::default())).await?;
    let scope = &clients.scope;
    let id =
        |stack: &str| StateId { stack: stack.to_owned(), account: scope.account.clone(), region: scope.region.clone() };
    let backend = state::open(&shared.state_dir);
    let mode = if args.purge { DeletionMode::ForGood } else { DeletionMode::Recoverable };
    let registry = registry_with(&clients, mode);
    if shared.stack.is_none() {
        let mut inventory = list_all(&registry, &Whose::Any, &stop).await?;
        inventory.listed.sort_by(|a, b| (cleanup_position(a.kind), &a.id).cmp(&(cleanup_position(b.kind), &b.id)));
        let on_record = backend.list().await?;
        let location = |stack: &str| {
            let id = id(stack);
            on_record.contains(&id).then(|| backend.location(&id))
        };
        return list(&inventory, scope, &location, output);
    }

    refuse_root(&caller, access.endpoint.as_deref())?;
    let stored = StackState::new(Arc::clone(&backend), id(&scope.stack), access.endpoint.as_deref());
    let (mut state, mut store) = stored.lock("securelambda sweep").await?;
    let mut removal = removal(&scope.stack, args.purge, tables::spared(&args.remove_tables));
    let inventory = removal.list(&registry, &stop).await?;
    let mut targets = Vec::new();
    let kept = tables::keep(&mut removal, &[], &inventory, &mut targets);
    let report = Report {
        verb: "sweep",
        again: format!("sweep --stack {}", scope.stack),
        scope,
        at: at(&scope.region, access.profile.as_deref(), access.endpoint.as_deref()),
        output,
        registry: &registry,
        jobs: usize::from(shared.jobs),
        stop: &stop,
        purge: args.purge,
        foreign: &[],
        kept: &kept,
    };
    add_listed(&mut targets, removal.ours(&inventory));
    targets.sort_by(|a, b| a.id.cmp(&b.id));
    if targets.is_empty() {
        let removed = Removal::nothing(&registry, inventory, &[]);
        report.tell(&removed, state.resources.len());
        report.ending(&removed)?;
        if kept.is_empty() && recoverable(&removed.inventory, &scope.stack, args.purge).is_empty() {
            let Scope { stack, account, region, .. } = scope;
            return Err(Error::new(
                Kind::NoStack,
                format!("the stack {stack} has no resources in account {account}, {region}"),
            )
            .hint("`securelambda sweep` lists all stacks")
            .summed_up());
        }
        return Ok(Ending::Done);
    }
    tables::exist(&args.remove_tables, &BTreeMap::new(), targets.iter().map(|target| &target.id))?;
    let lost = or_stopped(&stop, lost(&clients, &targets, &BTreeMap::new(), &report.again)).await?;
    report.announce(&targets);
    for line in lost.iter().filter(|_| !output.json && !output.quiet) {
        say(line);
    }
    if !shared.yes && !connection.local {
        let question = format!("Remove these resources from account {}, {}?", scope.account, scope.region);
        or_stopped(&stop, confirm(output, &question)).await?;
    }
    let removed = report.carry_out(&removal, &mut state, &mut *store, targets, Vec::new()).await?;
    if removed.is_clean() {
        // Drop the records of children, which were deleted with their parents.
        state.resources.retain(|id, row| removal.spared.holds(&row.kind, &Id::from(id.as_str())));
        if state.resources.is_empty() {
            store.delete().await?;
        } else {
            store.save(&state).await?;
        }
    }
    report.tell(&removed, state.resources.len());
    report.ending(&removed)
}

/// Prints the listed resources, by stack.
fn list(
    inventory: &Inventory,
    scope: &Scope,
    location: &dyn Fn(&str) -> Option<String>,
    output: Output,
) -> Result<Ending, Error> {
    let mut stacks: Vec<&str> = inventory.listed.iter().filter_map(|one| one.stack.as_deref()).collect();
    stacks.sort_unstable();
    stacks.dedup();
    let stacks: Vec<(&str, Option<String>)> = stacks.into_iter().map(|stack| (stack, location(stack))).collect();
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
        answer(&format!("No tagged resources in account {}, {}.", scope.account, scope.region));
    } else {
        answer(&swept_text(inventory, &stacks));
        if !output.quiet {
            say("To remove a stack, run `securelambda sweep --stack NAME`.");
        }
    }
    if inventory.unread.is_empty() {
        return Ok(Ending::Done);
    }
    for line in inventory.unread.iter().flat_map(unread_lines).filter(|_| !output.json && !output.quiet) {
        say(&line);
    }
    Err(Error::new(Kind::Resource, "some services could not be listed, so there may be more stacks and resources").hint(
        "`securelambda policy` prints the permissions for one stack; a list of all stacks requires them for all stacks",
    ))
}
