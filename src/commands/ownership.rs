//! Whose stack it is. A run records each resource before it creates it. So if resources with the stack's tags exist and
//! the state has no record at all, they belong to another folder or to somebody else, or the state was lost. Only the
//! user knows which, and a run takes them over only if the user says so.

use super::ask;
use super::session::Session;
use crate::aws::apigateway::LogRole;
use crate::engine::{ReadResult, Refresh, Resource as _};
use crate::error::{Error, Kind};
use crate::report::{counted, say};
use crate::state::State;

/// How many resources of the stack exist although the state has no record of the stack.
pub(super) fn unrecorded(session: &Session, state: &State, refresh: &Refresh) -> usize {
    if !state.resources.is_empty() {
        return 0;
    }
    let exists = |result: &ReadResult| matches!(result, ReadResult::Live { .. });
    // This role belongs to the account.
    let of_stack = refresh.results(&session.graph).filter(|(_, kind, _)| *kind != LogRole::KIND);
    of_stack.filter(|(_, _, result)| exists(result)).count()
}

/// Refuses to touch `count` resources of a stack whose state is not here, unless `adopt` is true or the user types the
/// stack's name.
pub(super) async fn check(session: &Session, count: usize, verb: &str, adopt: bool) -> Result<(), Error> {
    if count == 0 || adopt {
        return Ok(());
    }
    let (scope, output) = (session.scope(), session.config.output);
    let (what, exist) = (counted(count, "resource"), if count == 1 { "exists" } else { "exist" });
    let found = format!(
        "{what} of the stack {} {exist} in account {}, {}, but the stack's state is not here: {} does not exist",
        scope.stack,
        scope.account,
        scope.region,
        session.store.location()
    );
    // `plan` changes nothing, so it asks nothing.
    if output.can_ask && !output.json && verb != "plan" {
        say(&format!("{found}. Another folder or another person may manage them."));
        let typed = ask::text(&format!("Type {} to take them over with `{verb}`", scope.stack)).await?;
        if typed == scope.stack {
            return Ok(());
        }
        return Err(Error::new(Kind::Stopped, "Cancelled. Nothing was changed."));
    }
    Err(Error::new(Kind::NoState, found)
        .hint("if another folder or another person manages this stack, use that state, or another name: change `name` under [stack], or pass --stack")
        .hint(format!("if the state was lost, run `securelambda {verb} --adopt`")))
}
