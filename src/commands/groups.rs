//! `groups` lists the groups of pools. The members of a group are users' data, which cannot be recreated. So `up`
//! removes a group only if it is empty or named with `--remove-group`.

use futures_util::future::join_all;
use serde_json::json;

use super::Ending;
use super::add_user::pool_of;
use super::consequences::Kept;
use super::session::{Session, Sources};
use crate::args;
use crate::aws::cognito::{Cognito, Members, UserGroup, UserGroupOutputs, UserPool, Users};
use crate::config::Config;
use crate::engine::{Failure, Id, Plan, Resource as _};
use crate::error::Error;
use crate::outputs::SCHEMA_VERSION;
use crate::report::{answer, say, table};
use crate::state::State;
use crate::topology::ids;

pub(super) async fn list(args: &args::Groups, config: Config) -> Result<Ending, Error> {
    let session = Session::existing(config, Sources::Untouched).await?;
    let pools = match &args.pool {
        Some(pool) => vec![pool_of(&session, Some(pool)).await?],
        None => session.outputs(&session.state().await?).pools.into_iter().collect(),
    };
    let users = Users::new(&session.clients);
    let (mut rows, mut documents) = (Vec::new(), Vec::new());
    for (name, pool) in pools {
        let named = session.config.stack.pools.get(&name).map(|pool| pool.groups.as_slice()).unwrap_or_default();
        let groups = users.groups(&pool.id).await?;
        let counts = join_all(groups.iter().map(|group| users.count_members(&pool.id, &group.name))).await;
        for (group, members) in groups.into_iter().zip(counts) {
            // A group that has been deleted since the list was read has no row.
            let Some(members) = members? else { continue };
            let is_named = named.contains(&group.name);
            documents.push(json!({
                "pool": name, "group": group.name, "members": members.users, "more_members": members.more,
                "in_stack_file": is_named, "role_arn": group.role,
            }));
            // Cognito makes a group for the users of each identity provider.
            let is_cognitos = group.name.starts_with(&format!("{}_", pool.id));
            let whose = match (is_named, is_cognitos) {
                (true, _) => "the stack file",
                (false, true) => "Cognito",
                (false, false) => "another tool",
            };
            let role = group.role.as_deref().unwrap_or("none");
            rows.push(vec![group.name, name.clone(), count(members), whose.to_owned(), role.to_owned()]);
        }
    }
    if session.config.output.json {
        answer(&super::pretty(&json!({ "schema_version": SCHEMA_VERSION, "groups": documents })));
    } else if rows.is_empty() {
        say("No groups. To have one, write `groups = [\"NAME\"]` for a pool in the stack file.");
    } else {
        answer(&table(&["GROUP", "POOL", "MEMBERS", "MADE BY", "ROLE"], rows));
    }
    Ok(Ending::Done)
}

/// The groups that a plan removes.
#[derive(Debug, Default)]
pub(super) struct Removed {
    /// Those that `up` must not remove.
    pub kept: Vec<Kept>,
    /// A line for each other group that has members.
    pub lost: Vec<String>,
}

/// Counts the members of the groups that `plan` removes. Groups in `named` may be removed although they have members.
///
/// # Errors
/// A group's members cannot be counted.
pub(super) async fn removed(session: &Session, state: &State, plan: &Plan, named: &[String]) -> Result<Removed, Error> {
    // If the pool is removed too, its users are counted elsewhere, so its groups are skipped here.
    let pools = plan.removals.iter().filter(|id| is(state, id, UserPool::KIND));
    let pools: Vec<&str> = pools.filter_map(|id| state.outputs(id.as_str())?["id"].as_str()).collect();
    let gone = plan.removals.iter().filter(|id| is(state, id, UserGroup::KIND));
    let gone = gone.filter_map(|id| Some((id, outputs(state, id)?)));
    let gone: Vec<_> = gone.filter(|(_, group)| !pools.contains(&group.pool_id.as_str())).collect();
    let cognito = &Cognito::new(&session.clients);
    let counts = gone.iter().map(|(_, group)| cognito.members_of(&group.pool_id, &group.name));
    let counts: Vec<Option<Members>> = join_all(counts).await.into_iter().collect::<Result<_, Failure>>()?;
    let mut removed = Removed::default();
    for ((id, _), members) in gone.into_iter().zip(counts) {
        match members.filter(|members| members.users > 0) {
            Some(members) if is_named(id, named) => removed.lost.push(lost(id, members)),
            Some(members) => removed.kept.push(keeps(id, members)),
            None => {}
        }
    }
    Ok(removed)
}

/// Refuses `--remove-group` for a group that is still in the stack file: `up` would create it again.
pub(super) fn check(session: &Session, named: &[String]) -> Result<(), Error> {
    let groups =
        session.config.stack.pools.iter().flat_map(|(pool, wanted)| wanted.groups.iter().map(move |g| (pool, g)));
    let mut ids = groups.map(|(pool, group)| Id::from(ids::group(pool, group)));
    match ids.find(|id| is_named(id, named)) {
        Some(id) => Err(Error::usage(format!("cannot remove the group {}: it is in the stack file", id.parts().1))
            .hint("remove the group from the stack file first")),
        None => Ok(()),
    }
}

fn is(state: &State, id: &Id, kind: &str) -> bool {
    state.resources.get(id.as_str()).is_some_and(|row| row.kind == kind)
}

fn outputs(state: &State, id: &Id) -> Option<UserGroupOutputs> {
    serde_json::from_value(state.outputs(id.as_str())?.clone()).ok()
}

/// Whether `--remove-group` names this group: as `POOL/GROUP`, or as `GROUP`.
fn is_named(id: &Id, named: &[String]) -> bool {
    let name = id.parts().1;
    let group = name.split_once('/').map_or(name, |(_, group)| group);
    named.iter().any(|named| named == name || named == group)
}

fn lost(id: &Id, members: Members) -> String {
    format!("The group {} has {}, who will belong to it no longer.", id.parts().1, counted(members))
}

fn keeps(id: &Id, members: Members) -> Kept {
    let name = id.parts().1;
    Kept {
        id: id.clone(),
        why: format!("the group {name} has {}", counted(members)),
        hint: format!(
            "to remove it, run `securelambda up --remove-group {name}`: its members stay users of the pool; to keep it, \
             restore it in the stack file"
        ),
    }
}

fn count(members: Members) -> String {
    if members.more { format!("more than {}", members.users) } else { members.users.to_string() }
}

fn counted(members: Members) -> String {
    let noun = if members.users == 1 && !members.more { "member" } else { "members" };
    format!("{} {noun}", count(members))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_named_with_or_without_its_pool() {
        let id = Id::new("group", "Users/staff");
        let named = |name: &str| is_named(&id, &[name.to_owned()]);
        assert!(named("staff") && named("Users/staff"));
        assert!(!named("Others/staff") && !named("Users") && !named("staf"));
    }

    #[test]
    fn a_group_with_members_is_kept_with_the_command_that_removes_it() {
        let kept = keeps(&Id::new("group", "Users/staff"), Members { users: 1, more: false });
        assert_eq!(kept.why, "the group Users/staff has 1 member");
        assert!(kept.hint.contains("`securelambda up --remove-group Users/staff`"), "{}", kept.hint);
        let many = lost(&Id::new("group", "Users/staff"), Members { users: 600, more: true });
        assert_eq!(many, "The group Users/staff has more than 600 members, who will belong to it no longer.");
    }
}
