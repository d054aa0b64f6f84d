//! What commands know about the program's own emulator.

use super::note_unless;
use crate::config::{Config, Connection, variable};
use crate::error::{Error, Kind};
use crate::local::Local;
use crate::state::State;

/// The id of the emulator's contents; `None` with another endpoint.
pub(super) fn contents(connection: &Connection) -> Option<String> {
    let local = connection.local.then(|| Local::from_env(variable).ok()).flatten();
    local.and_then(|local| local.contents())
}

/// Refuses the state of a stack that the emulator has lost.
pub(super) fn still_there(connection: &Connection, state: State) -> Result<State, Error> {
    let now = contents(connection);
    if now.is_none() || state.emulator.is_none() || now == state.emulator {
        return Ok(state);
    }
    let why = "it was reset, or it ended without `securelambda local stop`";
    Err(Error::new(Kind::NoStack, format!("the emulator was restarted without the stack {}: {why}", state.stack))
        .hint("`securelambda up --local` creates the stack again"))
}

/// Warns about layers that the emulator does not have, and names the functions that run without them.
pub(super) fn layers_left_out(config: &Config, account: &str) {
    let note = note_unless(config.output.quiet);
    for (layer, functions) in config.stack.layers_of_others(account) {
        let functions: Vec<&str> = functions.into_iter().map(String::as_str).collect();
        let (who, run) = (functions.join(", "), if functions.len() == 1 { "runs" } else { "run" });
        note(&format!("warning: the emulator does not have the layer {layer}, so {who} {run} without it there"));
    }
}
