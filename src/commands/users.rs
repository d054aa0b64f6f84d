//! `users` and `remove-user`: lists and removes the users of a pool.

use serde_json::json;

use super::Ending;
use super::add_user::{check_email, pool_of};
use super::session::{Session, Sources};
use crate::args;
use crate::aws::cognito::Users;
use crate::config::Config;
use crate::error::Error;
use crate::outputs::SCHEMA_VERSION;
use crate::report::{answer, date, say, table};

pub(super) async fn list(args: &args::Users, config: Config) -> Result<Ending, Error> {
    let session = Session::open(config, Sources::Untouched).await?;
    let pools = match &args.pool {
        Some(pool) => vec![pool_of(&session, Some(pool)).await?],
        None => session.outputs(&session.state().await?).pools.into_iter().collect(),
    };
    let (mut rows, mut documents) = (Vec::new(), Vec::new());
    for (name, pool) in pools {
        for user in Users::new(&session.clients).list(&pool.id).await? {
            documents.push(json!({
                "pool": name, "email": user.email, "username": user.username,
                "status": user.status, "enabled": user.enabled, "created_unix": user.created,
            }));
            let status = if user.enabled { user.status } else { format!("{}, disabled", user.status) };
            rows.push(vec![user.email, name.clone(), status, date(user.created)]);
        }
    }
    if session.config.output.json {
        answer(&super::pretty(&json!({ "schema_version": SCHEMA_VERSION, "users": documents })));
    } else if rows.is_empty() {
        say("No users. To add one, run `securelambda add-user EMAIL --pool POOL`.");
    } else {
        answer(&table(&["EMAIL", "POOL", "STATUS", "SINCE"], rows));
    }
    Ok(Ending::Done)
}

pub(super) async fn remove(args: &args::RemoveUser, config: Config) -> Result<Ending, Error> {
    let email = &check_email(&args.user.email)?;
    let session = Session::open(config, Sources::Untouched).await?;
    let (name, pool) = pool_of(&session, args.user.pool.as_deref()).await?;
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
