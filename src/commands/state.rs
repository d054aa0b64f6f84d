//! `state list|show|pull|push|move|unlock|bucket`: the states of stacks, where they are stored.

use std::path::Path;

use serde_json::{Value, json};

use super::ask::confirm;
use super::session::who_am_i;
use super::states::stored;
use super::{Ending, states};
use crate::args::State as Command;
use crate::aws::Clients;
use crate::aws::s3::bucket;
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::location::Location;
use crate::outputs::SCHEMA_VERSION;
use crate::report::{advise, answer, counted, table};
use crate::state::{StackState, State, StateBackend, StateId, StateStore};

pub(super) async fn run(command: &Command, config: Config) -> Result<Ending, Error> {
    if let Command::List = command {
        return list(&config, &*states::offline(&config).await?).await;
    }
    let (clients, _, endpoint) = who_am_i(&config).await?;
    let stack = stored(&config, &clients, endpoint.as_deref());
    match command {
        Command::List => {}
        Command::Show => show(&config, &stack).await?,
        Command::Pull => answer(&super::pretty(&document(&there(&stack).await?)?)),
        Command::Push { from, force } => push(&config, &stack, from, *force).await?,
        Command::Move { to } => {
            let place = states::open(to, &clients, &config.connection);
            let target = StackState::new(place, super::states::state_id(&clients.scope), endpoint.as_deref());
            moved(&config, &stack, to, &target).await?;
        }
        Command::Unlock => unlock(&config, &stack).await?,
        Command::Bucket { name } => make_bucket(&config, &clients, name).await?,
    }
    Ok(Ending::Done)
}

/// The stacks whose states are stored at a place.
async fn list(config: &Config, backend: &dyn StateBackend) -> Result<Ending, Error> {
    let mut rows = Vec::new();
    for id in backend.list().await? {
        let Some(state) = backend.read(&id).await? else { continue };
        let holder = backend.holder(&id).await?;
        rows.push((id, state, holder));
    }
    if config.output.json {
        let states: Vec<Value> = rows
            .iter()
            .map(|(StateId { stack, account, region }, state, holder)| {
                json!({
                    "stack": stack, "account": account, "region": region, "resources": state.resources.len(),
                    "serial": state.serial, "lineage": state.lineage, "endpoint": state.endpoint, "locked_by": holder,
                })
            })
            .collect();
        let document = json!({ "schema_version": SCHEMA_VERSION, "place": backend.description(), "states": states });
        answer(&super::pretty(&document));
    } else if rows.is_empty() {
        answer(&format!("No states in {}.", backend.description()));
    } else {
        let rows = rows.into_iter().map(|(id, state, holder)| {
            let lock = holder.map_or_else(String::new, |holder| format!("locked by {holder}"));
            let count =
                if state.is_of_removed_stack() { "removed".to_owned() } else { state.resources.len().to_string() };
            vec![id.stack, id.account, id.region, count, state.serial.to_string(), lock]
        });
        advise(&table(&["STACK", "ACCOUNT", "REGION", "RESOURCES", "SERIAL", ""], rows));
    }
    Ok(Ending::Done)
}

/// The state of the stack.
async fn there(stack: &StackState) -> Result<State, Error> {
    stack.read().await?.ok_or_else(|| {
        Error::new(Kind::NoStack, format!("there is no state {}", stack.location()))
            .hint("`securelambda state list` shows the states that are stored there")
    })
}

fn document(state: &State) -> Result<Value, Error> {
    serde_json::to_value(state).map_err(|error| Error::other(error.to_string()))
}

async fn show(config: &Config, stack: &StackState) -> Result<(), Error> {
    let state = there(stack).await?;
    let holder = stack.holder().await?;
    if config.output.json {
        let mut shown = document(&state)?;
        shown["schema_version"] = json!(SCHEMA_VERSION);
        shown["place"] = json!(stack.location());
        shown["locked_by"] = json!(holder);
        answer(&super::pretty(&shown));
        return Ok(());
    }
    let facts = [
        ("Place", stack.location()),
        ("Stack", format!("{} in account {}, {}", state.stack, state.account, state.region)),
        ("Lineage", state.lineage.clone().unwrap_or_else(|| "none; the next `up` gives it one".to_owned())),
        ("Serial", format!("{}, written by {}", state.serial, state.tool)),
        ("Lock", holder.map_or_else(|| "not held".to_owned(), |holder| format!("held by {holder}"))),
        ("Resources", state.resources.len().to_string()),
    ];
    let rows = facts.into_iter().map(|(name, value)| format!("{name:<10} {value}"));
    advise(&rows.collect::<Vec<_>>().join("\n"));
    Ok(())
}

/// Replaces the state by the one in a file.
async fn push(config: &Config, stack: &StackState, from: &Path, force: bool) -> Result<(), Error> {
    let text =
        std::fs::read(from).map_err(|error| Error::usage(format!("{} cannot be read: {error}", from.display())))?;
    let new =
        crate::state::parse(&text).map_err(|error| Error::usage(format!("the state {} {error}", from.display())))?;
    let id = stack.id();
    if (&new.stack, &new.account, &new.region) != (&id.stack, &id.account, &id.region) {
        return Err(Error::usage(format!(
            "{} is the state of the stack {} in {}, {}, and not of {} in {}, {}",
            from.display(),
            new.stack,
            new.account,
            new.region,
            id.stack,
            id.account,
            id.region
        )));
    }
    let (old, mut store) = stack.lock("securelambda state push").await?;
    let ended = replace(config, stack, (&old, new), &mut *store, force).await;
    super::released(ended, &mut *store, config.output).await
}

async fn replace(
    config: &Config,
    stack: &StackState,
    (old, new): (&State, State),
    store: &mut dyn StateStore,
    force: bool,
) -> Result<(), Error> {
    let refusal = if old.serial == 0 {
        None
    } else if old.lineage != new.lineage {
        Some("has another lineage, so it may be of another stack of the same name".to_owned())
    } else if old.serial > new.serial {
        Some(format!("is newer: its serial is {}, and that of the file is {}", old.serial, new.serial))
    } else {
        None
    };
    if let Some(why) = refusal.filter(|_| !force) {
        return Err(Error::usage(format!("the state {} {why}", stack.location()))
            .hint("`securelambda state pull` prints it; --force replaces it all the same"));
    }
    if !config.yes {
        let (now, then) = (counted(old.resources.len(), "resource"), counted(new.resources.len(), "resource"));
        confirm(config.output, &format!("Replace {} ({now}) by this state ({then})?", stack.location())).await?;
    }
    let serial = old.serial.max(new.serial) + 1;
    store.save(&State { serial, ..new }).await?;
    super::note_unless(config.output.quiet)(&format!("Replaced {}.", stack.location()));
    Ok(())
}

/// Moves the state to another place.
async fn moved(config: &Config, stack: &StackState, to: &Location, target: &StackState) -> Result<(), Error> {
    if stack.location() == target.location() {
        return Err(Error::usage(format!("the state is already stored in {}", target.location())));
    }
    there(stack).await?;
    let (state, mut store) = stack.lock("securelambda state move").await?;
    let ended = async {
        let (there, mut other) = target.lock("securelambda state move").await?;
        let ended = copied(&state, &there, target, &mut *other).await;
        super::released(ended, &mut *other, config.output).await?;
        // Only now, so that an interruption leaves both and never none.
        Ok(store.delete().await?)
    };
    let ended = ended.await;
    super::released(ended, &mut *store, config.output).await?;
    super::note_unless(config.output.quiet)(&format!("Moved the state to {}.", target.location()));
    if config.stack.state.as_ref() != Some(to) {
        super::note_unless(config.output.quiet)(&format!(
            "Write this into the stack file, so that every command finds it:\n\n[stack]\nstate = \"{to}\""
        ));
    }
    Ok(())
}

async fn copied(state: &State, there: &State, target: &StackState, store: &mut dyn StateStore) -> Result<(), Error> {
    // A move that was interrupted may have copied it already.
    let is_copy = there.lineage == state.lineage && there.serial == state.serial;
    if there.serial > 0 && !is_copy && !there.is_of_removed_stack() {
        return Err(Error::usage(format!("there is another state {}", target.location()))
            .hint("move that one away, or choose another place"));
    }
    if !is_copy {
        store.save(state).await?;
    }
    match target.read().await? {
        Some(read) if read.resources == state.resources => Ok(()),
        _ => Err(Error::other(format!(
            "{} does not have what was written to it; nothing was removed",
            target.location()
        ))),
    }
}

async fn unlock(config: &Config, stack: &StackState) -> Result<(), Error> {
    let Some(holder) = stack.holder().await? else {
        super::note_unless(config.output.quiet)(&format!("Nobody holds the lock of {}.", stack.location()));
        return Ok(());
    };
    if !config.yes {
        let question = format!(
            "{} is locked by {holder}.\nIf that run has not ended, it cannot save any more and stops. Remove its lock?",
            stack.location()
        );
        confirm(config.output, &question).await?;
    }
    let done = match stack.unlock().await? {
        Some(holder) => format!("Removed the lock of {holder}."),
        None => "The lock was released in the meantime.".to_owned(),
    };
    super::note_unless(config.output.quiet)(&done);
    Ok(())
}

async fn make_bucket(config: &Config, clients: &Clients, name: &str) -> Result<(), Error> {
    let location: Location =
        format!("s3://{name}").parse().map_err(|error| Error::usage(format!("{name}: {error}")))?;
    let scope = &clients.scope;
    if !config.yes {
        let question = if bucket::exists(&clients.sdk, name).await {
            format!(
                "The bucket {name} exists. Set its versioning, encryption, policy, lifecycle and public access block?"
            )
        } else {
            format!("Create the bucket {name} in account {}, {}?", scope.account, scope.region)
        };
        confirm(config.output, &question).await?;
    }
    let made = bucket::create(&clients.sdk, name).await?;
    bucket::secure(&clients.sdk, &scope.partition, name).await?;
    let done = match made {
        bucket::Made::New => "Created",
        bucket::Made::Existing => "Set up",
    };
    let place = format!("{location}/{}", scope.stack);
    super::note_unless(config.output.quiet)(&format!(
        "{done} the bucket {name}. Write this into the stack file:\n\n[stack]\nstate = \"{place}\""
    ));
    super::note_unless(config.output.quiet)(&format!(
        "\nIf the stack exists, move its state: `securelambda state move {place}`"
    ));
    Ok(())
}
