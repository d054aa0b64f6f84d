//! `export-users` and `import-users`: a pool's users as a CSV file, without passwords.

use std::path::Path;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;

use super::add_user::{own_pool_of, pool_name, pool_of};
use super::session::{Session, Sources};
use super::user_rows::{self, Row};
use super::{Ending, ask, existing_pools};
use crate::args;
use crate::aws::cognito::{AddUser, PasswordPolicy, User, Users, generate};
use crate::config::Config;
use crate::error::Error;
use crate::outputs::SCHEMA_VERSION;
use crate::report::{answer, say};

/// How many users are added at the same time. The AWS client limits the rate of the calls.
const AT_ONCE: usize = 8;

pub(super) async fn export(args: &args::ExportUsers, config: Config) -> Result<Ending, Error> {
    let session = Session::existing(config, Sources::Untouched).await?;
    let (name, pool) = pool_of(&session, args.pool.as_deref()).await?;
    let users = Users::new(&session.clients);
    let members = user_rows::members(&users, &pool.id).await?;
    let mut groups = user_rows::groups_of(&members);
    let listed = users.list(&pool.id).await?;
    let rows: Vec<(User, Vec<String>)> = listed
        .into_iter()
        .map(|user| {
            let of_user = groups.remove(user.username.as_str()).unwrap_or_default();
            (user, of_user)
        })
        .collect();
    let sign_in = session.config.stack.pools.get(&name).map(|pool| pool.sign_in.as_slice()).unwrap_or_default();
    let text = user_rows::write(&rows, sign_in)?;
    if session.config.output.json {
        answer(&super::pretty(
            &json!({ "schema_version": SCHEMA_VERSION, "pool": name, "users": rows.len(), "csv": text }),
        ));
    } else {
        answer(text.trim_end());
    }
    Ok(Ending::Done)
}

pub(super) async fn import(args: &args::ImportUsers, config: Config) -> Result<Ending, Error> {
    existing_pools::refuse_users(&config.stack, args.pool.as_deref())?;
    let bytes = read(&args.csv).await?;
    let name = pool_name(&config.stack, args.pool.as_deref())?.to_owned();
    let rows = user_rows::read(&bytes, (&config.stack, &name, &config.stack.pools[&name]))?;
    let session = Session::existing(config, Sources::Untouched).await?;
    let (_, pool) = own_pool_of(&session, Some(&name)).await?;
    let users = Users::new(&session.clients);
    if rows.users.iter().any(|row| !row.groups.is_empty()) {
        let known: Vec<String> = users.groups(&pool.id).await?.into_iter().map(|group| group.name).collect();
        if let Some(error) = user_rows::unknown_groups(&rows.users, &known) {
            return Err(error);
        }
    }
    let rule = users.password_rule(&pool.id).await?;
    let adding = rows.users.iter().map(|row| add(args.invite, &users, &pool.id, &rule, row));
    let added: Vec<bool> = stream::iter(adding).buffer_unordered(AT_ONCE).try_collect().await?;
    let (new, all) = (added.iter().filter(|added| **added).count(), added.len());
    if session.config.output.json {
        answer(&super::pretty(&json!({
            "schema_version": SCHEMA_VERSION, "pool": name, "added": new, "existed": all - new, "disabled": rows.disabled,
            "ignored_columns": rows.ignored,
        })));
    } else if !session.config.output.quiet {
        tell(args, (&name, new, all - new), &rows);
    }
    Ok(Ending::Done)
}

fn tell(args: &args::ImportUsers, (pool, new, existed): (&str, usize, usize), rows: &user_rows::Rows) {
    say(&format!("{} added to {pool}.", count_were(new)));
    if existed > 0 {
        say(&format!("{}: attributes and passwords were not changed.", count(existed, "already existed")));
    }
    if rows.disabled > 0 {
        say(&format!("{} left out, because `enabled` is false.", count_were(rows.disabled)));
    }
    if !rows.ignored.is_empty() {
        say(&format!("Cognito decides these columns for new users itself: {}.", rows.ignored.join(", ")));
    }
    if new > 0 && !args.invite {
        say(
            "New users have random passwords, which are not shown. Each user sets a password with Cognito's ForgotPassword.",
        );
    }
}

fn count_were(number: usize) -> String {
    count(number, if number == 1 { "was" } else { "were" })
}

fn count(number: usize, verb: &str) -> String {
    if number == 1 { format!("1 user {verb}") } else { format!("{number} users {verb}") }
}

async fn read(file: &Path) -> Result<Vec<u8>, Error> {
    if file == Path::new("-") {
        return ask::all_of_standard_input("users").await;
    }
    std::fs::read(file).map_err(|error| Error::usage(format!("{} cannot be read: {error}", file.display())))
}

/// Adds a user unless the name already exists, and returns whether the user is new. An existing user joins the groups
/// too, because an interrupted import may not have added them.
async fn add(invite: bool, users: &Users, pool_id: &str, rule: &PasswordPolicy, row: &Row) -> Result<bool, Error> {
    let is_new = users.attributes_of(pool_id, &row.user.name).await?.is_none();
    if is_new {
        let how = if invite { AddUser::Invite } else { AddUser::Password(generate(rule)) };
        users.add(pool_id, &row.user, how).await?;
    }
    for group in &row.groups {
        users.join(pool_id, &row.user.name, group).await?;
    }
    Ok(is_new)
}
