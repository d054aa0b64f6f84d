//! `users` and `remove-user`: lists and removes the users of a pool.

use serde_json::json;

use super::add_user::{check_name, own_pool_of, pool_of};
use super::existing_pools::refuse_users;
use super::session::{Session, Sources};
use super::{Ending, ask, user_rows};
use crate::args;
use crate::aws::cognito::Users;
use crate::config::Config;
use crate::error::Error;
use crate::outputs::SCHEMA_VERSION;
use crate::report::{answer, date, say, table};
use crate::scope::Scope;

pub(super) async fn list(args: &args::Users, config: Config) -> Result<Ending, Error> {
    let session = Session::existing(config, Sources::Untouched).await?;
    let pools = match &args.pool {
        Some(pool) => vec![pool_of(&session, Some(pool)).await?],
        None => session.outputs(&session.state().await?).pools.into_iter().collect(),
    };
    let (mut rows, mut documents) = (Vec::new(), Vec::new());
    let users = Users::new(&session.clients);
    let mut found = args.group.is_none();
    for (name, pool) in pools {
        let members = user_rows::members(&users, &pool.id).await?;
        let mut groups = user_rows::groups_of(&members);
        let listed = match &args.group {
            None => users.list(&pool.id).await?,
            Some(group) => match members.iter().find(|(known, _)| known == group) {
                Some((_, of_group)) => {
                    found = true;
                    of_group.clone()
                }
                None => continue,
            },
        };
        for user in listed {
            let of_user = groups.remove(user.username.as_str()).unwrap_or_default();
            documents.push(json!({
                "pool": name, "email": user.email, "username": user.username, "attributes": user.attributes,
                "groups": of_user, "status": user.status, "enabled": user.enabled, "created_unix": user.created,
            }));
            let status = if user.enabled { user.status.clone() } else { format!("{}, disabled", user.status) };
            let sign_in = session.config.stack.pools.get(&name).map(|pool| pool.sign_in.as_slice());
            let called = user.called(sign_in.unwrap_or_default()).to_owned();
            rows.push(vec![called, name.clone(), of_user.join(", "), status, date(user.created)]);
        }
    }
    if let Some(group) = args.group.as_ref().filter(|_| !found) {
        return Err(
            Error::usage(format!("there is no group called {group}")).hint("`securelambda groups` lists the groups")
        );
    }
    if session.config.output.json {
        answer(&super::pretty(&json!({ "schema_version": SCHEMA_VERSION, "users": documents })));
    } else if rows.is_empty() {
        match &args.group {
            None => say("No users. To add one, run `securelambda add-user EMAIL --pool POOL`."),
            Some(group) => say(&format!("The group {group} has no members.")),
        }
    } else {
        answer(&table(&["USER", "POOL", "GROUPS", "STATUS", "SINCE"], rows));
    }
    Ok(Ending::Done)
}

pub(super) async fn remove(args: &args::RemoveUser, config: Config) -> Result<Ending, Error> {
    refuse_users(&config.stack, args.user.pool.as_deref())?;
    let email = &check_name(&config.stack, args.user.pool.as_deref(), &args.user.name)?;
    let session = Session::existing(config, Sources::Untouched).await?;
    let (name, pool) = own_pool_of(&session, args.user.pool.as_deref()).await?;
    if !session.config.yes && !session.config.connection.local {
        let Scope { stack, account, region, .. } = session.scope();
        let what = format!("the user {email} of {name} in the stack {stack}, account {account}, {region}");
        ask::data(session.config.output, session.scope(), &what).await?;
    }
    let was_there = Users::new(&session.clients).remove(&pool.id, email).await?;
    if session.config.output.json {
        let result = if was_there { "removed" } else { "absent" };
        answer(&super::pretty(
            &json!({ "schema_version": SCHEMA_VERSION, "email": email, "pool": name, "result": result }),
        ));
    } else if !session.config.output.quiet {
        let what = if was_there { "was removed from" } else { "is not a user of" };
        say(&format!("{email} {what} {name}"));
    }
    Ok(Ending::Done)
}
