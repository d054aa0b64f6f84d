//! `add-user`: adds a confirmed user who can sign in. The command can be repeated.

use serde_json::json;

use super::session::{Session, Sources};
use super::{Ending, ask, existing_pools, user_attributes};
use crate::args;
use crate::aws::cognito::{AddUser, Added, NewUser, PasswordPolicy, Users, generate, is_email, is_phone, is_username};
use crate::choices::SignIn;
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::outputs::{self, Outputs, SCHEMA_VERSION};
use crate::report::{answer, say};
use crate::scope::{Lineage, Owner};
use crate::secret::SecretValue;
use crate::spec::{Pool, Stack};

pub(super) async fn run(args: &args::AddUser, config: Config) -> Result<Ending, Error> {
    existing_pools::refuse_users(&config.stack, args.user.pool.as_deref())?;
    let name = &check_name(&config.stack, args.user.pool.as_deref(), &args.user.name)?;
    // Errors that the stack file alone shows are reported before any call.
    let user = chosen(&config.stack, args.user.pool.as_deref()).map(|pool| new_user(args, pool, name)).transpose()?;
    let session = Session::existing(config, Sources::Untouched).await?;
    let (pool_name, pool) = own_pool_of(&session, args.user.pool.as_deref()).await?;
    // The default is never used: `own_pool_of` succeeds only for a pool of the stack file.
    let user = user.unwrap_or_else(|| NewUser::by_email(name, Vec::new()));
    let users = Users::new(&session.clients);
    let user = fitting(args, user, &users, (&session.config.stack, &pool_name, &pool.id)).await?;
    check_groups(&users, (&pool_name, &pool.id), args.groups.iter()).await?;
    let join = async || -> Result<(), Error> {
        for group in &args.groups {
            users.join(&pool.id, name, group).await?;
        }
        Ok(())
    };
    if args.invite {
        let added = users.add(&pool.id, &user, AddUser::Invite).await?;
        join().await?;
        done(&session, name, &pool_name, word(added), None);
        return Ok(Ending::Done);
    }
    if let Some(code) = &args.code {
        users.confirm_sign_up(&pool.client_id, name, code).await?;
        join().await?;
        done(&session, name, &pool_name, "confirmed", None);
        return Ok(Ending::Done);
    }
    if !args.sign_up {
        may_reset(args, &session, &users, (&pool_name, &pool.id), name).await?;
    }
    let rule = users.password_rule(&pool.id).await?;
    let password = password(args, &session, &rule).await?;
    if let Err(missing) = rule.check(&password) {
        let message = format!("the password does not meet the policy of {pool_name}: {}", missing.join("; "));
        return Err(Error::usage(message).hint(format!("password policy: {}", rule.describe())));
    }
    let shown = args.generate.then_some(&password);
    if args.sign_up {
        users.sign_up(&pool.client_id, &user, password.clone()).await?;
        join().await?;
        if !session.config.output.quiet {
            say(&format!("{name} has signed up. Cognito sends a code by e-mail."));
        }
        if let Some(code) = ask::code(session.config.output).await? {
            users.confirm_sign_up(&pool.client_id, name, &code).await?;
            done(&session, name, &pool_name, "confirmed", shown);
        } else {
            done(&session, name, &pool_name, "signed_up", shown);
            say(&format!("Confirm with `securelambda add-user {name} --pool {pool_name} --code CODE`."));
        }
        return Ok(Ending::Done);
    }
    let added = users.add(&pool.id, &user, AddUser::Password(password.clone())).await?;
    join().await?;
    done(&session, name, &pool_name, word(added), shown);
    Ok(Ending::Done)
}

/// Asks before the password of a user who exists already is replaced.
async fn may_reset(
    args: &args::AddUser,
    session: &Session,
    users: &Users,
    (pool, pool_id): (&str, &str),
    name: &str,
) -> Result<(), Error> {
    let config = &session.config;
    if args.reset_password
        || config.yes
        || config.connection.local
        || users.attributes_of(pool_id, name).await?.is_none()
    {
        return Ok(());
    }
    let exists = format!("{name} already exists in {pool}");
    if !config.output.can_ask {
        return Err(Error::usage(exists).hint("to give the user another password, add --reset-password"));
    }
    ask::confirm(config.output, &format!("{exists}. Replace the user's password?")).await
}

/// The named pool, or the only pool, of the stack file.
fn chosen<'a>(stack: &'a Stack, named: Option<&str>) -> Option<&'a Pool> {
    match named {
        Some(name) => stack.pools.get(name),
        None => stack.pools.values().next().filter(|_| stack.pools.len() == 1),
    }
}

/// The user to add, with the attributes of `--attribute`.
fn new_user(args: &args::AddUser, pool: &Pool, name: &str) -> Result<NewUser, Error> {
    let attributes = user_attributes::read(&args.attributes, &pool.attributes)?;
    user_attributes::agrees(name, &attributes, &pool.sign_in)?;
    // Cognito can send a message only if the name or an attribute is an e-mail address.
    let has_address = is_email(name) && !pool.sign_in.contains(&SignIn::Username);
    if (args.invite || args.sign_up) && !has_address && !attributes.iter().any(|(name, _)| name == "email") {
        return Err(Error::usage(format!("Cognito cannot send {name} an e-mail"))
            .hint("give the address with `--attribute email=ADDRESS`"));
    }
    let user = NewUser::of(&pool.sign_in, name, attributes);
    if args.sign_up {
        user_attributes::complete(&user, &pool.attributes)?;
    }
    Ok(user)
}

/// The user with attributes that the pool accepts. A new user must have every required attribute. An existing user
/// keeps the attributes that cannot be changed. A user who signs up is new.
async fn fitting(
    args: &args::AddUser,
    user: NewUser,
    users: &Users,
    (stack, pool, pool_id): (&Stack, &str, &str),
) -> Result<NewUser, Error> {
    let known = stack.pools.get(pool).map_or(&[][..], |pool| &pool.attributes);
    let complete = user_attributes::complete(&user, known);
    let depends = complete.is_err() || user_attributes::has_lasting(&user, known);
    if args.sign_up || args.code.is_some() || !depends {
        return Ok(user);
    }
    match users.attributes_of(pool_id, &user.name).await? {
        Some(has) => user_attributes::changeable(user, known, &has),
        None => complete.map(|()| user),
    }
}

/// Checks that the pool has these groups. This happens before a user is added, so that a mistyped name changes nothing.
async fn check_groups(
    users: &Users,
    (pool, pool_id): (&str, &str),
    mut groups: impl Iterator<Item = &String>,
) -> Result<(), Error> {
    let Some(first) = groups.next() else { return Ok(()) };
    let known: Vec<String> = users.groups(pool_id).await?.into_iter().map(|group| group.name).collect();
    match std::iter::once(first).chain(groups).find(|group| !known.contains(group)) {
        Some(unknown) => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let error = Error::unknown("group", unknown, &known);
            Err(error.hint(format!("to create a group, add it to `groups` of [pools.{pool}] and run `up`")))
        }
        None => Ok(()),
    }
}

/// Checks the name that a user signs in with, and converts it to lower case. The stack's pools ignore case, but an
/// emulator may not. If no pool is named, a name that any of the pools accepts is valid. The rules of an existing pool
/// are not known, so names in it stay unchanged.
pub(super) fn check_name(stack: &Stack, pool: Option<&str>, name: &str) -> Result<String, Error> {
    if !name.trim().is_empty() && pool.is_some_and(|pool| stack.existing_pools.contains_key(pool)) {
        return Ok(name.to_owned());
    }
    let of_pool = pool.and_then(|pool| stack.pools.get(pool)).map(|pool| vec![pool]);
    let pools = of_pool.unwrap_or_else(|| stack.pools.values().collect());
    let takes = |pool: &&Pool| {
        let has = |way| pool.sign_in.contains(&way);
        let by_contact = has(SignIn::Email) && is_email(name) || has(SignIn::Phone) && is_phone(name);
        by_contact || has(SignIn::Username) && is_username(name)
    };
    let none = pools.is_empty() && stack.existing_pools.is_empty();
    if pools.iter().any(takes) || none && is_email(name) {
        return Ok(name.to_lowercase());
    }
    if !name.trim().is_empty() && pool.is_none() && !stack.existing_pools.is_empty() {
        return Ok(name.to_owned());
    }
    let ways: Vec<SignIn> = pools.iter().flat_map(|pool| pool.sign_in.iter().copied()).collect();
    let (what, example) = match ways.as_slice() {
        ways if ways.contains(&SignIn::Username) => ("a name without spaces", "ann"),
        ways if !ways.contains(&SignIn::Phone) => ("an e-mail address", "you@example.com"),
        ways if !ways.contains(&SignIn::Email) => ("a phone number", "+4930123456"),
        _ => ("an e-mail address or a phone number", "you@example.com, or +4930123456"),
    };
    Err(Error::usage(format!("{name:?} is not {what}")).hint(format!("write it as in {example}")))
}

/// The name of a user who signs in. In a pool with sign-in pages, it may also be the generated name, which is the only
/// name of a user whose token contains no address.
pub(super) fn name_of_signer(stack: &Stack, pool: Option<&str>, name: &str) -> Result<String, Error> {
    let has_pages = |pool: &Pool| pool.pages().is_some();
    let of_pool = pool.and_then(|pool| stack.pools.get(pool)).map(|pool| vec![pool]);
    let pools = of_pool.unwrap_or_else(|| stack.pools.values().collect());
    match check_name(stack, pool, name) {
        Err(_) if is_username(name) && pools.into_iter().any(has_pages) => Ok(name.to_owned()),
        checked => checked,
    }
}

/// The named pool, or the only pool, from the state file.
pub(super) async fn pool_of(session: &Session, named: Option<&str>) -> Result<(String, outputs::Pool), Error> {
    pool_in(&session.outputs(&session.state().await?), session, named)
}

/// Does the same as [`pool_of`] for a command that changes the pool's users.
///
/// # Errors
/// Another state took the pool over, or somebody removed its tags.
pub(super) async fn own_pool_of(session: &Session, named: Option<&str>) -> Result<(String, outputs::Pool), Error> {
    let state = session.state().await?;
    let (name, pool) = pool_in(&session.outputs(&state), session, named)?;
    let scope = session.scope();
    let is_ours = |owner: Owner| owner.stack == scope.stack && Lineage::of(&state).accepts(&owner);
    if Users::new(&session.clients).owner(&pool.id).await?.is_some_and(is_ours) {
        return Ok((name, pool));
    }
    let message = format!("the pool {name} ({}) no longer belongs to the stack of this state", pool.id);
    Err(Error::new(Kind::NoState, message)
        .hint("another folder or another person has taken it over, or its tags were removed; `securelambda status` shows more"))
}

/// The named pool, or the only pool, from `outputs`.
pub(super) fn pool_in(
    outputs: &Outputs,
    session: &Session,
    named: Option<&str>,
) -> Result<(String, outputs::Pool), Error> {
    let name = pool_name(&session.config.stack, named)?;
    match outputs.pools.get(name) {
        Some(pool) => Ok((name.to_owned(), pool.clone())),
        None => Err(Error::other(format!("the pool {name} does not exist yet")).hint("run `securelambda up`")),
    }
}

/// The named pool, or the only pool, of the stack file.
pub(super) fn pool_name<'a>(stack: &'a Stack, named: Option<&str>) -> Result<&'a str, Error> {
    let known: Vec<&str> = stack.pool_names().map(String::as_str).collect();
    match (named, known.as_slice()) {
        (Some(name), _) => {
            known.iter().find(|one| **one == name).copied().ok_or_else(|| Error::unknown("pool", name, &known))
        }
        (None, [only]) => Ok(only),
        (None, _) => {
            Err(Error::usage("the stack has several pools")
                .hint(format!("choose one with --pool: {}", known.join(", "))))
        }
    }
}

async fn password(args: &args::AddUser, session: &Session, rule: &PasswordPolicy) -> Result<SecretValue, Error> {
    if args.password_stdin {
        return ask::standard_input("password").await;
    }
    if args.generate {
        return Ok(generate(rule));
    }
    let output = session.config.output;
    if output.can_ask {
        say(&format!("Password policy: {}", rule.describe()));
    }
    let question = format!("Password for {}", args.user.name);
    let rule = rule.clone();
    let check = move |password: &SecretValue| rule.check(password).map_err(|missing| missing.join("; "));
    ask::new_password(output, &question, "--password-stdin, --generate or --invite", check).await
}

fn word(added: Added) -> &'static str {
    match added {
        Added::Created => "created",
        Added::PasswordSet => "password_set",
        Added::Invited => "invited",
        Added::Reinvited => "invited_again",
    }
}

fn done(session: &Session, name: &str, pool: &str, result: &str, generated: Option<&SecretValue>) {
    let output = session.config.output;
    if output.json {
        let mut document = json!({ "schema_version": SCHEMA_VERSION, "name": name, "pool": pool, "result": result });
        if is_email(name) {
            document["email"] = json!(name);
        }
        if let Some(password) = generated {
            document["password"] = json!(password.reveal());
        }
        answer(&super::pretty(&document));
        return;
    }
    let text = match result {
        "created" => format!("{name} can sign in to {pool}"),
        "password_set" => format!("{name} already existed in {pool}; the password was changed"),
        "invited" => format!("{name} is invited to {pool}; Cognito sends a temporary password by e-mail"),
        "invited_again" => format!("{name} already existed; Cognito sends the invitation to {pool} again"),
        "confirmed" => format!("{name} is confirmed and can sign in to {pool}"),
        _ => format!("{name} has signed up to {pool} and is not confirmed yet"),
    };
    if !output.quiet {
        say(&text);
    }
    if let Some(password) = generated {
        answer(password.reveal());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn stack(pools: &str) -> Stack {
        parse(&format!("[stack]\nname = \"demo\"\n{pools}")).expect("a sound file")
    }

    #[test]
    fn a_name_is_what_the_pool_takes() {
        let people = "[pools.People]\n";
        let named = "[pools.Named]\nsign_in = [\"username\"]\n";
        let called = "[pools.Called]\nself_sign_up = false\nsign_in = [\"phone\"]\n";
        for (pools, pool, name, expected) in [
            (people, None, "Ann@Example.com", Ok("ann@example.com")),
            (people, None, "ann", Err("\"ann\" is not an e-mail address")),
            (people, Some("Peple"), "ann", Err("\"ann\" is not an e-mail address")),
            (named, None, "Ann", Ok("ann")),
            (named, None, "a b", Err("\"a b\" is not a name without spaces")),
            (called, None, "+4930123456", Ok("+4930123456")),
            (called, None, "4930123456", Err("\"4930123456\" is not a phone number")),
            (&*[people, named].concat(), Some("People"), "ann", Err("\"ann\" is not an e-mail address")),
            (&*[people, named].concat(), None, "ann", Ok("ann")),
        ] {
            let checked = check_name(&stack(pools), pool, name).map_err(|error| error.message);
            assert_eq!(checked, expected.map(str::to_owned).map_err(str::to_owned), "{pools} {name}");
        }
    }
}
