//! Protects user pools with users. Users cannot be recreated, so `up` removes a pool only if it is empty or named with
//! `--remove-pool`.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::consequences::Kept;
use super::session::Session;
use crate::aws::Clients;
use crate::aws::cognito::{Cognito, Occupancy};
use crate::engine::{Failure, Id, Plan, Target};
use crate::error::{Error, Kind};
use crate::report::one_line;
use crate::state::State;

/// The kind of a user pool.
const POOL: &str = <crate::aws::cognito::UserPool as crate::engine::Resource>::KIND;

/// The pools that `plan` would remove but must not. Pools in `named` may be removed together with their users.
pub(super) async fn kept(session: &Session, state: &State, plan: &Plan, named: &[String]) -> Result<Vec<Kept>, Error> {
    let gone = plan.removals.iter().filter(|id| state.resources.get(id.as_str()).is_some_and(|row| row.kind == POOL));
    let ids = gone.filter_map(|id| Some((id, state.outputs(id.as_str())?["id"].as_str()?)));
    let counted = read(&session.clients, ids).await?.into_iter().map(|(id, seen)| Ok((id, seen?)));
    let counted: Vec<(&Id, Occupancy)> = counted.collect::<Result<_, Failure>>()?;
    Ok(counted.into_iter().filter_map(|(id, seen)| keeps(id, seen, named)).collect())
}

/// Refuses `--remove-pool` for a pool that is still in the stack file: `up` would create it again.
pub(super) fn check(session: &Session, named: &[String]) -> Result<(), Error> {
    match named.iter().find(|named| session.config.stack.pool_names().any(|name| name == *named)) {
        Some(name) => Err(Error::usage(format!("cannot remove the pool {name}: it is in the stack file"))
            .hint("remove the pool and all references to it from the stack file first")),
        None => Ok(()),
    }
}

/// One line for each pool that is removed with a stack and that has users, or whose users could not be counted. `again` is
/// the command that removes the stack.
///
/// # Errors
/// A pool is protected from deletion, or the credentials are not accepted. Nothing has been removed then.
pub(super) async fn lost_users(
    clients: &Clients,
    targets: &[Target],
    seen: &Seen,
    again: &str,
) -> Result<Vec<String>, Error> {
    let pools: Vec<&Target> = targets.iter().filter(|target| target.kind == POOL).collect();
    let ids = pools.iter().filter_map(|target| Some((&target.id, target.outputs["id"].as_str()?)));
    let (known, unknown): (Vec<_>, Vec<_>) = ids.partition(|(_, pool)| seen.contains_key(*pool));
    let mut counted = read(clients, unknown.into_iter()).await?;
    counted.extend(known.into_iter().filter_map(|(id, pool)| Some((id, seen.get(pool)?.clone()))));
    let of = |target: &Target| counted.iter().find(|(id, _)| **id == target.id).map(|(_, occupancy)| occupancy);
    let is_protected = |target: &&&Target| match of(target) {
        Some(Ok(seen)) => seen.protected,
        // The live value is not known, so the recorded value decides.
        _ => target.outputs["deletion_protection"] == true,
    };
    let protected: Vec<&str> = pools.iter().filter(is_protected).map(|target| target.id.parts().1).collect();
    if !protected.is_empty() {
        let names = protected.join(", ");
        return Err(Error::new(Kind::Resource, format!("deletion protection is on: {names}; nothing was removed"))
            .hint(format!(
                "set `deletion_protection = false` in the stack file, run `securelambda up`, then `securelambda {again}`"
            )));
    }
    let said = counted.iter().filter_map(|(id, occupancy)| match occupancy {
        Ok(seen) if seen.users == 0 => None,
        Ok(seen) => Some(format!("{} of {} will be deleted.", users(*seen), id.parts().1)),
        Err(failure) => Some(format!(
            "The users of {} could not be counted ({}). All of them will be deleted.",
            id.parts().1,
            one_line(&failure.to_string())
        )),
    });
    Ok(said.collect())
}

/// The users and the deletion protection of each pool, by the pool's id.
pub(super) type Seen = BTreeMap<String, Result<Occupancy, Failure>>;

/// Reads the pools in the state file, concurrently with other reads, so that [`lost_users`] does not have to read them.
pub(super) async fn recorded(session: &Session, state: &State) -> Result<Seen, Error> {
    let rows = state.resources.iter().filter(|(_, row)| row.kind == POOL);
    let ids: Vec<(Id, &str)> =
        rows.filter_map(|(id, row)| Some((Id::from(id.clone()), row.outputs.as_ref()?["id"].as_str()?))).collect();
    let seen = read(&session.clients, ids.iter().map(|(id, pool)| (id, *pool))).await?;
    let pool = |wanted: &Id| ids.iter().find(|(id, _)| id == wanted).map(|(_, pool)| (*pool).to_owned());
    Ok(seen.into_iter().filter_map(|(id, seen)| Some((pool(id)?, seen))).collect())
}

/// Reads pools concurrently. Pools that no longer exist are left out.
///
/// # Errors
/// The credentials are not accepted.
async fn read<'a>(
    clients: &Clients,
    pools: impl Iterator<Item = (&'a Id, &'a str)>,
) -> Result<Vec<(&'a Id, Result<Occupancy, Failure>)>, Error> {
    let cognito = &Cognito::new(clients);
    let reads = pools.map(|(id, pool)| async move { (id, cognito.occupancy(pool).await) });
    let mut seen = Vec::new();
    for (id, occupancy) in join_all(reads).await {
        match occupancy.transpose() {
            Some(Err(failure)) if failure.ends_all() => return Err(failure.into()),
            occupancy => seen.extend(occupancy.map(|occupancy| (id, occupancy))),
        }
    }
    Ok(seen)
}

fn keeps(id: &Id, seen: Occupancy, named: &[String]) -> Option<Kept> {
    let name = id.parts().1;
    if seen.protected {
        return Some(Kept {
            id: id.clone(),
            why: format!("the pool {name} has deletion protection"),
            hint: "add it to the stack file again, with `deletion_protection = false`, run `up`, then remove it".into(),
        });
    }
    (seen.users > 0 && !named.iter().any(|named| named == name)).then(|| Kept {
        id: id.clone(),
        why: format!("the pool {name} has {}", users(seen)),
        hint: format!(
            "to remove it and its users, run `securelambda up --remove-pool {name}`; to keep it, restore it in the stack file"
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_with_users_is_kept_unless_named_and_a_protected_pool_always() {
        let id = Id::new("pool", "Staff");
        let staff = vec!["Staff".to_owned()];
        let seen = |protected, users| Occupancy { protected, users, more: false };
        let table = [
            (seen(false, 0), vec![], None),
            (seen(false, 1), vec![], Some("the pool Staff has 1 user")),
            (seen(false, 2), vec!["Other".to_owned()], Some("the pool Staff has 2 users")),
            (seen(false, 2), staff.clone(), None),
            (seen(true, 0), staff, Some("the pool Staff has deletion protection")),
        ];
        for (seen, named, why) in table {
            assert_eq!(keeps(&id, seen, &named).map(|kept| kept.why), why.map(str::to_owned));
        }
        assert_eq!(users(Occupancy { protected: false, users: 600, more: true }), "more than 600 users");
    }
}
