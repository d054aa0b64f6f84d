//! The consequences of a plan beyond its changes: the reasons why `up` must refuse it, and the losses that it causes.
//! `plan` shows both, and `up` acts on them.

use serde::Serialize;

use super::session::Session;
use super::{api_keys, domains, existing_pools, groups, permissions, pools, queues, tables};
use crate::engine::{Change, Id, Plan};
use crate::error::{Error, Kind};
use crate::state::State;

/// A resource that must not be removed or cannot be created as planned. `up` then changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Kept {
    pub id: Id,
    pub why: String,
    pub hint: String,
}

/// The names of pools and groups that may be removed although they contain users' data.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Removable<'a> {
    pub pools: &'a [String],
    pub groups: &'a [String],
}

#[derive(Debug)]
pub(super) struct Consequences {
    /// The resources that prevent `up` from changing anything.
    pub kept: Vec<Kept>,
    /// A line for each loss: data that `up` deletes with a resource, or a permission that it removes.
    pub lost: Vec<String>,
}

impl Consequences {
    /// Asks AWS for facts that the plan does not contain, such as the users of a pool that it removes.
    ///
    /// # Errors
    /// The credentials are not accepted, or something that decides whether `up` may go on cannot be read.
    pub(super) async fn of(
        session: &Session,
        state: &State,
        plan: &Plan,
        removable: Removable<'_>,
    ) -> Result<Self, Error> {
        let (certificates, logins, theirs, pools, groups, messages) = tokio::try_join!(
            domains::unusable(session, plan),
            domains::taken(session, state, plan),
            existing_pools::unusable(session, plan),
            pools::kept(session, state, plan, removable.pools),
            groups::removed(session, state, plan, removable.groups),
            queues::lost_with(session, state, plan),
        )?;
        let kept = [certificates, logins, theirs, domains::foreign(plan), pools, groups.kept].concat();
        let lost = [
            messages,
            groups.lost,
            tables::lost_with(state, plan),
            tables::streams_replaced_by(plan),
            api_keys::lost_with(state, plan),
            permissions::taken_by(plan),
            tables::left_out(session, state),
        ];
        Ok(Self { kept, lost: lost.concat() })
    }

    /// The error that ends `up` before anything is changed.
    pub(super) fn refusal(&self, plan: &Plan) -> Option<Error> {
        unchangeable(plan).or_else(|| refused(&self.kept))
    }
}

/// The error for changes that AWS does not support.
fn unchangeable(plan: &Plan) -> Option<Error> {
    let unchangeable = plan.changes.iter().filter(|(id, ..)| plan.unchangeable.contains(id)).filter_map(
        |(_, _, change)| match change {
            Change::Refuse { failure } => Some(failure),
            _ => None,
        },
    );
    let unchangeable: Vec<_> = unchangeable.collect();
    let whys: Vec<String> = unchangeable.iter().map(ToString::to_string).collect();
    let error = Error::new(Kind::Resource, format!("{}; nothing was changed", whys.join("; ")));
    let hints = unchangeable.iter().filter_map(|failure| failure.hint.as_ref());
    (!unchangeable.is_empty()).then(|| hints.fold(error, Error::hint))
}

/// The error for resources that must not be changed as planned.
fn refused(kept: &[Kept]) -> Option<Error> {
    let whys: Vec<&str> = kept.iter().map(|kept| kept.why.as_str()).collect();
    let error = Error::new(Kind::Resource, format!("{}; nothing was changed", whys.join("; ")));
    (!kept.is_empty()).then(|| kept.iter().fold(error, |error, kept| error.hint(&kept.hint)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_error_names_everything_that_is_kept() {
        assert!(refused(&[]).is_none());
        let kept = |name: &str| Kept { id: Id::new("pool", name), why: format!("{name} stays"), hint: "do so".into() };
        let error = refused(&[kept("A"), kept("B")]).expect("an error");
        assert_eq!((error.message.as_str(), error.hints.len()), ("A stays; B stays; nothing was changed", 2));
    }
}
