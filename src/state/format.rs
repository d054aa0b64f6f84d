//! The form in which states are stored: JSON with a version.

use super::{State, StateError, StateErrorKind, StateId, VERSION};

/// A text is not a state that this version can read.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    #[error("is damaged: {0}")]
    Damaged(String),
    /// A newer version of the program wrote it.
    #[error("has version {0}, this program knows up to {VERSION}")]
    Newer(u64),
}

/// The bytes of a state.
pub(super) fn bytes(state: &State) -> Result<Vec<u8>, StateError> {
    let mut text = serde_json::to_vec_pretty(state).map_err(|error| StateError {
        kind: StateErrorKind::Other,
        message: format!("the state cannot be written as JSON: {error}"),
        hint: "this is a bug; please report it".into(),
    })?;
    text.push(b'\n');
    Ok(text)
}

/// Reads a state.
pub fn parse(text: &[u8]) -> Result<State, FormatError> {
    let damaged = |error: serde_json::Error| FormatError::Damaged(error.to_string());
    let document: serde_json::Value = serde_json::from_slice(text).map_err(damaged)?;
    let version = document["version"].as_u64().ok_or_else(|| FormatError::Damaged("it has no version".to_owned()))?;
    if version == 0 {
        return Err(FormatError::Damaged("there is no version 0".to_owned()));
    }
    if version > u64::from(VERSION) {
        return Err(FormatError::Newer(version));
    }
    // Version 2 only added optional fields; migrations of older shapes go here.
    let state: State = serde_json::from_value(document).map_err(damaged)?;
    state.check().map_err(FormatError::Damaged)?;
    Ok(State { version: VERSION, ..state })
}

/// Checks that a state is that of `id`.
///
/// # Errors
/// The stack, account and region that it belongs to.
pub(super) fn check_place(state: &State, id: &StateId) -> Result<(), String> {
    let is = StateId { stack: state.stack.clone(), account: state.account.clone(), region: state.region.clone() };
    if is == *id { Ok(()) } else { Err(place_of(&is)) }
}

pub(super) fn place_of(StateId { stack, account, region }: &StateId) -> String {
    format!("stack {stack} in {account} {region}")
}

/// The name of a state's file or object without its ending: `<stack>.<account>.<region>`.
pub(super) fn stem(StateId { stack, account, region }: &StateId) -> String {
    format!("{stack}.{account}.{region}")
}

/// The state of a file or object of this name; `None` if it is something else.
pub(super) fn id_of(name: &str) -> Option<StateId> {
    let [stack, account, region, "json"] = name.split('.').collect::<Vec<_>>()[..] else { return None };
    let [stack, account, region] = [stack, account, region].map(str::to_owned);
    Some(StateId { stack, account, region })
}
