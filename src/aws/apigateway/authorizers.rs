//! The types and comparisons that all authorizers share: those of REST and of HTTP APIs, for tokens and with functions.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::engine::Effect;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuthorizerOutputs {
    pub api_id: String,
    /// An id that AWS chose.
    pub id: String,
    pub name: String,
}

/// An authorizer is found by its name in its API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuthorizerKey {
    pub(in crate::aws) api_id: String,
    name: String,
}

impl AuthorizerKey {
    pub(in crate::aws) fn new(api_id: &str, name: &str) -> Self {
        Self { api_id: api_id.to_owned(), name: name.to_owned() }
    }

    pub(in crate::aws) fn outputs(&self, id: Option<String>) -> AuthorizerOutputs {
        AuthorizerOutputs { api_id: self.api_id.clone(), id: id.unwrap_or_default(), name: self.name.clone() }
    }

    /// Takes the authorizer from the list of all authorizers of its API: the one with the known id, or else the one
    /// with the name. `labels` returns an authorizer's id and name.
    pub(in crate::aws) fn take<T>(
        &self,
        mut all: Vec<T>,
        known: Option<&AuthorizerOutputs>,
        labels: fn(&T) -> (Option<&str>, Option<&str>),
    ) -> Option<T> {
        let by_id = known.and_then(|known| all.iter().position(|one| labels(one).0 == Some(&known.id)));
        let index = by_id.or_else(|| all.iter().position(|one| labels(one).1 == Some(&self.name)))?;
        Some(all.swap_remove(index))
    }
}

impl AuthorizerOutputs {
    pub(in crate::aws) fn identity(&self) -> String {
        format!("{}/{}", self.api_id, self.id)
    }
}

/// The effect of other identity sources: the parts of a request that form the key of cached answers. With fewer parts,
/// one cached answer holds for more requests, and more requests reach the function.
pub(in crate::aws) fn identity_effect(wanted: &BTreeSet<String>, live: &BTreeSet<String>) -> Effect {
    if wanted == live { Effect::Same } else { Effect::of_difference(!wanted.is_subset(live)) }
}

/// The effect of another time, in seconds, for which a function's answers are cached. If it is longer, callers pass
/// even after the function would refuse them.
pub(in crate::aws) fn cache_effect(wanted: i32, live: i32) -> Effect {
    if wanted == live { Effect::Same } else { Effect::of_difference(live > wanted) }
}

/// The effect of scopes on a route of a REST API that should have none: access tokens pass instead of ID tokens.
pub(in crate::aws) const UNWANTED_SCOPES: Effect = Effect::Weakens;

/// The effect of scopes on a route of an HTTP API that should have none: fewer of the authorizer's tokens pass.
pub(in crate::aws) const UNWANTED_SCOPES_OF_HTTP: Effect = Effect::Differs;

/// The effect of other scopes than the wanted ones. A token needs one of a route's scopes. `unwanted` is the effect of
/// scopes on a route that should have none.
pub(in crate::aws) fn scopes_effect(wanted: &BTreeSet<String>, live: &BTreeSet<String>, unwanted: Effect) -> Effect {
    match (wanted == live, wanted.is_empty()) {
        (true, _) => Effect::Same,
        (false, true) => unwanted,
        (false, false) => Effect::of_difference(live.is_empty() || !live.is_subset(wanted)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_scopes_weaken_unless_they_are_fewer() {
        let set = |scopes: &[&str]| scopes.iter().map(|scope| (*scope).to_owned()).collect::<BTreeSet<String>>();
        for (want, live, rest, http) in [
            (&["a/r", "a/w"][..], &["a/w", "a/r"][..], Effect::Same, Effect::Same),
            (&["a/r", "a/w"], &["a/r"], Effect::Differs, Effect::Differs),
            (&["a/r"], &["a/r", "a/w"], Effect::Weakens, Effect::Weakens),
            (&["a/r"], &[], Effect::Weakens, Effect::Weakens),
            (&[], &["a/r"], Effect::Weakens, Effect::Differs),
            (&[], &[], Effect::Same, Effect::Same),
        ] {
            let effect = |unwanted| scopes_effect(&set(want), &set(live), unwanted);
            assert_eq!((effect(UNWANTED_SCOPES), effect(UNWANTED_SCOPES_OF_HTTP)), (rest, http), "{want:?} {live:?}");
        }
    }
}
