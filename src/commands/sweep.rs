//! `sweep`: finds resources by their tags in AWS's lists. It needs neither a stack file nor a state file. If a state
//! file exists, it is locked, and it is deleted together with the stack.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;

use super::ask;
use super::removal::{Report, at, finish, lost, recoverable, removal};
use super::session::{access, connected, refuse_root};
use super::states::state_id;
use super::{Ending, or_stopped, released, states, tables};
use crate::args::{self, Shared};
use crate::aws::Clients;
use crate::aws::connect::Access;
use crate::aws::kind::cleanup_position;
use crate::aws::registry_with;
use crate::aws::secretsmanager::DeletionMode;
use crate::config::{Connection, place_of_states};
use crate::engine::{CancellationToken, Id, Inventory, Removal, StopLevel, add_listed, list_all};
use crate::error::{Error, Kind};
use crate::outputs::SCHEMA_VERSION;
use crate::regions::Needs;
use crate::report::{Output, answer, counted, moment, say, swept_text, unread_lines};
use crate::scope::{Scope, Whose};
use crate::spec::check_name;
use crate::state::{StackState, State, StateBackend, StateStore};

pub(super) async fn run(
    args: &args::Sweep,
    shared: &Shared,
    output: Output,
    stop: CancellationToken,
) -> Result<Ending, Error> {
    let whose = if args.expired { of_expired(shared.stack.as_deref())? } else { Whose::Any };
    if args.expired {
        // The stacks are found by their tags.
    } else if let Some(stack) = &shared.stack {
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
    let named = shared.stack.as_deref().filter(|_| !args.expired).unwrap_or_default();
    // Nothing is created, so the region may lack services.
    let (clients, caller) = or_stopped(&stop, connected(named, &access, &Needs::default())).await?;
    let scope = &clients.scope;
    let backend = states::open(&place_of_states(shared), &clients, &connection);
    let registry = registry_with(&clients, DeletionMode::Recoverable);
    let removing =
        Removing { args, shared, output, connection: &connection, access: &access, backend: Arc::clone(&backend) };
    if args.expired {
        refuse_root(&caller, access.endpoint.as_deref())?;
        let inventory = or_stopped(&stop, async { Ok(list_all(&registry, &whose, &stop).await?) }).await?;
        return removing.expired(&clients, (inventory, &whose), &stop).await;
    }
    if shared.stack.is_none() {
        let mut inventory = list_all(&registry, &Whose::Any, &stop).await?;
        inventory.listed.sort_by(|a, b| (cleanup_position(a.kind), &a.id).cmp(&(cleanup_position(b.kind), &b.id)));
        let on_record = backend.list().await?;
        let location = |stack: &str| {
            let id = state_id(&Scope { stack: stack.to_owned(), ..scope.clone() });
            on_record.contains(&id).then(|| backend.location(&id))
        };
        return list(&inventory, scope, &location, output);
    }
    refuse_root(&caller, access.endpoint.as_deref())?;
    removing.one(&clients, &stop).await
}

/// The stacks of which `--expired` removes those that have expired. `--stack 'orders-pr-*'` names them by the beginning
/// of their names.
fn of_expired(named: Option<&str>) -> Result<Whose, Error> {
    let Some(named) = named else { return Ok(Whose::Any) };
    let beginning = named.strip_suffix('*').ok_or_else(|| {
        Error::usage("with --expired, --stack is the beginning of names and an asterisk")
            .hint("to choose among the stacks that have expired, write for example --stack 'orders-pr-*'")
    })?;
    // Any further letter makes it a name.
    check_name(&format!("{beginning}x")).map_err(Error::usage)?;
    Ok(Whose::Named(beginning.to_owned()))
}

/// The stacks that have expired, with the time, in seconds since 1970. A stack of which some resource has no such time
/// stays: a run that lets it stay may have been interrupted.
fn expired(inventory: &Inventory, whose: &Whose, now: i64) -> Vec<(String, i64)> {
    let mut stacks = BTreeMap::<&str, Option<i64>>::new();
    for one in inventory.listed.iter().filter(|one| one.until.is_none()) {
        let Some(stack) = one.stack.as_deref().filter(|stack| whose.includes(stack)) else { continue };
        let latest = stacks.entry(stack).or_insert(Some(i64::MIN));
        *latest = latest.zip(one.expires).map(|(latest, expires)| latest.max(expires));
    }
    let over = |(stack, expires): (&str, Option<i64>)| Some((stack.to_owned(), expires.filter(|time| *time < now)?));
    stacks.into_iter().filter_map(over).collect()
}

/// The removal of one stack.
struct Removing<'a> {
    args: &'a args::Sweep,
    shared: &'a Shared,
    output: Output,
    connection: &'a Connection,
    access: &'a Access,
    backend: Arc<dyn StateBackend>,
}

impl Removing<'_> {
    /// Removes every stack that has expired. A stack that cannot be removed does not keep the others.
    async fn expired(
        &self,
        clients: &Clients,
        (inventory, whose): (Inventory, &Whose),
        stop: &CancellationToken,
    ) -> Result<Ending, Error> {
        let expired = expired(&inventory, whose, clients.now_ms() / 1000);
        let tell = |text: &str| {
            if !self.output.json && !self.output.quiet {
                say(text);
            }
        };
        if expired.is_empty() {
            let Scope { account, region, .. } = &clients.scope;
            tell(&format!("No stack has expired in account {account}, {region}."));
        }
        let mut ended = Ok(Ending::Done);
        for (stack, time) in expired {
            tell(&format!("The stack {stack} expired on {}.", moment(time)));
            let mut clients = clients.clone();
            clients.scope.stack = stack;
            if let Err(error) = self.one(&clients, stop).await {
                if stop.level() != StopLevel::No {
                    return Err(error);
                }
                tell(&format!("error: {}", error.message));
                ended = Err(error);
            }
        }
        if inventory.unread.is_empty() {
            return ended;
        }
        for line in inventory.unread.iter().flat_map(unread_lines) {
            tell(&line);
        }
        ended.and(Err(unlisted()))
    }

    /// Removes the stack that `clients` are for.
    async fn one(&self, clients: &Clients, stop: &CancellationToken) -> Result<Ending, Error> {
        let endpoint = self.access.endpoint.as_deref();
        let stored = StackState::new(Arc::clone(&self.backend), state_id(&clients.scope), endpoint);
        let (state, mut store) = stored.lock("securelambda sweep").await?;
        let ended = self.run(clients, state, &mut *store, stop).await;
        released(ended, &mut *store, self.output).await
    }

    async fn run(
        &self,
        clients: &Clients,
        mut state: State,
        store: &mut dyn StateStore,
        stop: &CancellationToken,
    ) -> Result<Ending, Error> {
        let Self { args, shared, output, connection, access, .. } = *self;
        let scope = &clients.scope;
        let mode = if args.purge { DeletionMode::ForGood } else { DeletionMode::Recoverable };
        let registry = registry_with(clients, mode);
        let mut removal = removal(&scope.stack, args.purge, tables::spared(&args.remove_tables));
        let inventory = removal.list(&registry, stop).await?;
        // Who lets a stack expire agrees that anybody removes it then.
        let others = if args.adopt || args.expired { 0 } else { of_others(&inventory, &scope.stack, &state) };
        let asked = others > 0;
        if asked {
            or_stopped(stop, ask_to_adopt(others, scope, output)).await?;
        }
        if state.lineage.is_none() {
            // What this run leaves, a later `down` must accept.
            let mut lineages: BTreeSet<String> =
                inventory.of(&scope.stack).filter_map(|one| one.lineage.clone()).collect();
            state.lineage = lineages.pop_first();
            state.takeover = Some(lineages).filter(|others| !others.is_empty());
        }
        let mut targets = Vec::new();
        let kept = tables::keep(&mut removal, &[], &inventory, &mut targets);
        let report = Report {
            verb: "sweep",
            again: format!("sweep --stack {}{}", scope.stack, if args.adopt { " --adopt" } else { "" }),
            scope,
            at: at(&scope.region, access.profile.as_deref(), access.endpoint.as_deref()),
            output,
            registry: &registry,
            jobs: usize::from(shared.jobs),
            stop,
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
        let lost = or_stopped(stop, lost(clients, &targets, &BTreeMap::new(), &report.again)).await?;
        report.announce(&targets);
        for line in lost.iter().filter(|_| !output.json && !output.quiet) {
            say(line);
        }
        if !shared.yes && !connection.local && !asked {
            or_stopped(stop, ask::removal(output, scope, !lost.is_empty())).await?;
        }
        let removed = report.carry_out(&removal, &mut state, store, targets, Vec::new()).await?;
        if removed.is_clean() {
            // Drop the records of children, which were deleted with their parents.
            state.resources.retain(|id, row| removal.spared.holds(&row.kind, &Id::from(id.as_str())));
            if !finish(&removed, &scope.stack, &state, store).await? {
                store.save(&state).await?;
            }
        }
        report.tell(&removed, state.resources.len());
        report.ending(&removed)
    }
}

/// How many resources of the stack belong to another state than this one.
fn of_others(inventory: &Inventory, stack: &str, state: &State) -> usize {
    let accepted = |lineage: &String| {
        state.lineage.as_ref() == Some(lineage)
            || state.takeover.as_ref().is_some_and(|others| others.contains(lineage))
    };
    let existing = inventory.of(stack).filter(|one| one.until.is_none());
    existing.filter(|one| one.lineage.as_ref().is_some_and(|lineage| !accepted(lineage))).count()
}

/// Lets the user decide whether a stack is removed whose state is not here.
async fn ask_to_adopt(others: usize, scope: &Scope, output: Output) -> Result<(), Error> {
    let Scope { stack, account, region, .. } = scope;
    let (what, belong) = (counted(others, "resource"), if others == 1 { "belongs" } else { "belong" });
    let found =
        format!("{what} of the stack {stack} in account {account}, {region} {belong} to a state that is not here");
    if !output.can_ask || output.json {
        return Err(Error::new(Kind::NoState, found)
            .hint("if another folder or another person manages this stack, run `securelambda down` there")
            .hint(format!("if that state was lost, run `securelambda sweep --stack {stack} --adopt`")));
    }
    say(&format!("{found}. Another folder or another person may manage them."));
    ask::stack_name(scope, &format!("Type {stack} to remove them")).await
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
    Err(unlisted())
}

fn unlisted() -> Error {
    Error::new(Kind::Resource, "some services could not be listed, so there may be more stacks and resources").hint(
        "`securelambda policy` prints the permissions for one stack; a list of all stacks requires them for all stacks",
    )
}
