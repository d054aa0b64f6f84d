//! The user of an existing pool whose token `verify` sends: `--as` and `--token-stdin`.

use std::collections::BTreeMap;
use std::time::Instant;

use super::session::Session;
use super::{add_user, ask, token};
use crate::args;
use crate::error::Error;
use crate::outputs::Outputs;
use crate::spec::Stack;
use crate::verify::GivenUser;

/// Checks that the flags name an existing pool, in which `verify` creates no test user. Returns the pool's name; `None`
/// without these flags.
pub(super) fn pool<'a>(args: &'a args::Verify, stack: &'a Stack) -> Result<Option<&'a str>, Error> {
    if args.user.is_none() && !args.token_stdin {
        return Ok(None);
    }
    if args.identities.iter().any(|flag| flag.ends_with("=@-")) && (args.token_stdin || args.sign_in.password_stdin) {
        return Err(Error::usage("two flags would read standard input").hint("put the identity into a file"));
    }
    let known: Vec<&str> = stack.existing_pools.keys().map(String::as_str).collect();
    match (&args.pool, known.as_slice()) {
        (_, []) => Err(Error::usage("--as and --token-stdin are for pools with `existing`, and the stack has none")
            .hint("verify makes users of its own in the pools of the stack, and removes them")),
        (Some(name), known) if known.contains(&name.as_str()) => Ok(Some(name)),
        (Some(name), known) => Err(Error::unknown("pool with `existing`", name, known)),
        (None, [only]) => Ok(Some(only)),
        (None, known) => Err(Error::usage("the stack has several pools with `existing`")
            .hint(format!("choose one with --pool: {}", known.join(", ")))),
    }
}

/// Signs in the user that the flags name, or reads the user's token from standard input.
pub(super) async fn sign_in(
    args: &args::Verify,
    session: &Session,
    outputs: &Outputs,
    pool: Option<&str>,
) -> Result<BTreeMap<String, GivenUser>, Error> {
    let Some(name) = pool else { return Ok(BTreeMap::new()) };
    let given = match &args.user {
        None => GivenUser { id: ask::standard_input("token").await?, access: None, took: None },
        Some(user) => {
            let user = add_user::check_name(&session.config.stack, Some(name), user)?;
            let (_, pool) = add_user::pool_in(outputs, session, Some(name))?;
            let began = Instant::now();
            let tokens = token::sign_in(session, (name, &pool), &user, &args.sign_in).await?;
            GivenUser { id: tokens.id, access: Some(tokens.access), took: Some(began.elapsed()) }
        }
    };
    Ok([(name.to_owned(), given)].into())
}
