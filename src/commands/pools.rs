//! Pools that would be lost with their users. A pool is a directory of people, who cannot be made anew: it goes only if
//! nobody is in it, or if it is named.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde::Serialize;

use super::session::Session;
use crate::aws::cognito::{Cognito, Occupancy};
use crate::engine::{Id, Plan, Target};
use crate::error::{Error, Kind};
use crate::state::State;

/// The kind of a user pool.
const POOL: &str = "cognito.user_pool";

/// A pool that is not to be removed, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Kept {
    /// Which.
    pub id: Id,
    /// Why.
    pub why: String,
    /// What can be done.
    pub hint: String,
}

/// Of the pools that `plan` would remove, those that it must not; `named` may go with their users.
pub(super) async fn kept(session: &Session, state: &State, plan: &Plan, named: &[String]) -> Result<Vec<Kept>, Error> {
    let gone = plan.removals.iter().filter(|id| state.resources.get(id.as_str()).is_some_and(|row| row.kind == POOL));
    let ids = gone.filter_map(|id| Some((id, state.outputs(id.as_str())?["id"].as_str()?)));
    Ok(look(session, ids).await?.into_iter().filter_map(|(id, seen)| keeps(id, seen, named)).collect())
}

/// Names that `--remove-pool` does not take: a pool of the stack file would be made again.
pub(super) fn check(session: &Session, named: &[String]) -> Result<(), Error> {
    match named.iter().find(|name| session.config.stack.pools.contains_key(*name)) {
        Some(name) => Err(Error::usage(format!("the pool {name} is in the stack file, so it is not to be removed"))
            .hint("take it and what names it out of the stack file first")),
        None => Ok(()),
    }
}

/// What `down` says of the pools it removes, a line each; nothing of those without users.
///
/// # Errors
/// A pool is protected: it is said before anything is removed, for without the pool the rest is no use to anybody.
pub(super) async fn farewell(session: &Session, targets: &[Target], seen: &Seen) -> Result<Vec<String>, Error> {
    let pools = targets.iter().filter(|target| target.kind == POOL);
    let pools = pools.filter_map(|target| Some((&target.id, target.outputs["id"].as_str()?)));
    let (known, unknown): (Vec<_>, Vec<_>) = pools.partition(|(_, pool)| seen.contains_key(*pool));
    let mut pools = look(session, unknown.into_iter()).await?;
    pools.extend(known.into_iter().filter_map(|(id, pool)| Some((id, *seen.get(pool)?))));
    let protected: Vec<&str> = pools.iter().filter(|(_, seen)| seen.protected).map(|(id, _)| id.parts().1).collect();
    if !protected.is_empty() {
        let names = protected.join(", ");
        return Err(Error::new(Kind::Resource, format!("protected from deletion: {names}; nothing was removed")).hint(
            "set `deletion_protection = false` for it in the stack file, run `securelambda up`, then `down` again",
        ));
    }
    let lost = pools.iter().filter(|(_, seen)| seen.users > 0);
    Ok(lost.map(|(id, seen)| format!("{} has {}: lost with it.", id.parts().1, users(*seen))).collect())
}

/// What stands against removing pools, by their ids.
pub(super) type Seen = BTreeMap<String, Occupancy>;

/// Looks at the pools on record, so that [`farewell`] need not: beside other looks it takes no time of its own.
pub(super) async fn recorded(session: &Session, state: &State) -> Result<Seen, Error> {
    let rows = state.resources.iter().filter(|(_, row)| row.kind == POOL);
    let ids: Vec<(Id, &str)> =
        rows.filter_map(|(id, row)| Some((Id::from(id.clone()), row.outputs.as_ref()?["id"].as_str()?))).collect();
    let seen = look(session, ids.iter().map(|(id, pool)| (id, *pool))).await?;
    let pool = |wanted: &Id| ids.iter().find(|(id, _)| id == wanted).map(|(_, pool)| (*pool).to_owned());
    Ok(seen.into_iter().filter_map(|(id, seen)| Some((pool(id)?, seen))).collect())
}

async fn look<'a>(
    session: &Session,
    pools: impl Iterator<Item = (&'a Id, &'a str)>,
) -> Result<Vec<(&'a Id, Occupancy)>, Error> {
    let cognito = &Cognito::new(&session.clients);
    let looks = pools.map(|(id, pool)| async move { (id, cognito.occupancy(pool).await) });
    let mut seen = Vec::new();
    for (id, occupancy) in join_all(looks).await {
        seen.extend(occupancy?.map(|occupancy| (id, occupancy)));
    }
    Ok(seen)
}

fn keeps(id: &Id, seen: Occupancy, named: &[String]) -> Option<Kept> {
    let name = id.parts().1;
    if seen.protected {
        return Some(Kept {
            id: id.clone(),
            why: format!("the pool {name} is protected from deletion"),
            hint: "put it back into the stack file with `deletion_protection = false`, run `up`, then take it out"
                .into(),
        });
    }
    (seen.users > 0 && !named.iter().any(|named| named == name)).then(|| Kept {
        id: id.clone(),
        why: format!("the pool {name} has {}, who would be lost with it", users(seen)),
        hint: format!(
            "`securelambda up --remove-pool {name}` removes it with its users; or put it back into the stack file"
        ),
    })
}

fn users(seen: Occupancy) -> String {
    match (seen.users, seen.more) {
        (1, false) => "1 user".to_owned(),
        (count, false) => format!("{count} users"),
        (count, true) => format!("more than {count} users"),
    }
}

/// As the error that ends `up` before anything is changed.
pub(super) fn refusal(kept: &[Kept]) -> Option<Error> {
    let whys: Vec<&str> = kept.iter().map(|kept| kept.why.as_str()).collect();
    let error = Error::new(Kind::Resource, format!("{}; nothing was changed", whys.join(", and ")));
    (!kept.is_empty()).then(|| kept.iter().fold(error, |error, kept| error.hint(&kept.hint)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_with_users_is_kept_unless_it_is_named_and_a_protected_one_even_then() {
        let id = Id::new("pool", "Staff");
        let staff = vec!["Staff".to_owned()];
        let seen = |protected, users| Occupancy { protected, users, more: false };
        let table = [
            (seen(false, 0), vec![], None),
            (seen(false, 1), vec![], Some("the pool Staff has 1 user, who would be lost with it")),
            (seen(false, 2), vec!["Other".to_owned()], Some("the pool Staff has 2 users, who would be lost with it")),
            (seen(false, 2), staff.clone(), None),
            (seen(true, 0), staff, Some("the pool Staff is protected from deletion")),
        ];
        for (seen, named, why) in table {
            assert_eq!(keeps(&id, seen, &named).map(|kept| kept.why), why.map(str::to_owned));
        }
        assert_eq!(users(Occupancy { protected: false, users: 600, more: true }), "more than 600 users");
    }

    #[test]
    fn all_that_is_kept_is_said_at_once() {
        assert!(refusal(&[]).is_none());
        let kept = |name: &str| Kept { id: Id::new("pool", name), why: format!("{name} stays"), hint: "do so".into() };
        let error = refusal(&[kept("A"), kept("B")]).expect("an error");
        assert_eq!((error.message.as_str(), error.hints.len()), ("A stays, and B stays; nothing was changed", 2));
    }
}
