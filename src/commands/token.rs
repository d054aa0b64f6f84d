//! `token`: signs a user in, or gets a token for a program, and prints the token on standard output, and nothing else.

use serde_json::json;

use super::add_user::{name_of_signer, pool_of};
use super::session::{Session, Sources};
use super::user_session::{self, UserSession};
use super::{Ending, ask, programs};
use crate::args;
use crate::aws::cognito::{FirstStep, Tokens, Users};
use crate::config::Config;
use crate::error::Error;
use crate::outputs::Pool;
use crate::outputs::SCHEMA_VERSION;
use crate::report::{answer, say};
use crate::secret::SecretValue;
use crate::spec::Stack;

pub(super) async fn run(args: &args::Token, config: Config) -> Result<Ending, Error> {
    if let Some(client) = &args.client {
        return of_program(args, client, config).await;
    }
    of_user(args, config).await
}

async fn of_user(args: &args::Token, config: Config) -> Result<Ending, Error> {
    let name = args.name.as_deref();
    let email = name.map(|name| name_of_signer(&config.stack, args.pool.as_deref(), name)).transpose()?;
    if email.is_none() && (args.sign_in.password_stdin || !has_pages(&config.stack, args.pool.as_deref())) {
        return Err(nobody());
    }
    let session = Session::existing(config, Sources::Untouched).await?;
    let (pool_name, pool) = pool_of(&session, args.pool.as_deref()).await?;
    let tokens = if let Some(email) = email {
        sign_in(&session, (&pool_name, &pool), &email, &args.sign_in).await?
    } else {
        let user = UserSession::find(&session, &pool)?;
        user.ok_or_else(nobody)?.tokens(&session, &pool).await?
    };
    if session.config.output.json {
        answer(&super::pretty(&json!({
            "schema_version": SCHEMA_VERSION,
            "id_token": tokens.id.reveal(),
            "access_token": tokens.access.reveal(),
            "refresh_token": tokens.refresh.reveal(),
            "expires_in_s": tokens.expires_in,
        })));
    } else {
        let token = match (args.access, args.refresh) {
            (true, _) => &tokens.access,
            (_, true) => &tokens.refresh,
            _ => &tokens.id,
        };
        answer(token.reveal());
    }
    Ok(Ending::Done)
}

/// Whether users of the pool, or of one of the pools if none is named, can sign in with `login`.
fn has_pages(stack: &Stack, pool: Option<&str>) -> bool {
    match pool {
        Some(pool) => user_session::possible(stack, pool),
        None => stack.pools.keys().any(|pool| user_session::possible(stack, pool)),
    }
}

fn nobody() -> Error {
    Error::usage("`token` needs the name of a user, unless somebody is signed in with `login`").hint(
        "pass the name that the user signs in with, or --client NAME for the token that a machine client gets for itself",
    )
}

/// A program has only an access token.
async fn of_program(args: &args::Token, client: &str, config: Config) -> Result<Ending, Error> {
    let pool = programs::pool_of(&config.stack, args.pool.as_deref(), client)?;
    let session = Session::existing(config, Sources::Untouched).await?;
    let outputs = session.outputs(&session.state().await?);
    let granted = programs::token(&session, &outputs, &pool, client).await?;
    if session.config.output.json {
        answer(&super::pretty(&json!({
            "schema_version": SCHEMA_VERSION,
            "access_token": granted.token.reveal(),
            "expires_in_s": granted.expires_in,
        })));
    } else {
        answer(granted.token.reveal());
    }
    Ok(Ending::Done)
}

/// Signs in as a client does: with the session of `login`, or with a password, and the code of an authenticator app if
/// the user has one. Both come from standard input or a prompt.
pub(super) async fn sign_in(
    session: &Session,
    (name, pool): (&str, &Pool),
    email: &str,
    how: &args::SignIn,
) -> Result<Tokens, Error> {
    if !how.password_stdin && pool.token_url.is_some() {
        match UserSession::find(session, pool) {
            Ok(Some(kept)) if kept.is_of(email) => return kept.tokens(session, pool).await,
            // It may be another user's.
            Err(error) if !session.config.output.quiet => say(&format!("warning: {}", error.message)),
            Ok(_) | Err(_) => {}
        }
    }
    let password = if how.password_stdin {
        ask::standard_input("password").await?
    } else {
        ask::password(session.config.output, &format!("Password of {email}"), "--password-stdin").await?
    };
    let users = Users::new(&session.clients);
    let step = match users.begin_sign_in(&pool.client_id, name, email, &password).await? {
        FirstStep::Done(tokens) => return Ok(tokens),
        FirstStep::NeedsCode(step) => step,
    };
    let code = if how.password_stdin {
        ask::standard_input("second line with the code of the authenticator app").await?
    } else {
        ask::factor(session.config.output, &format!("Code of {email}'s authenticator app")).await?
    };
    // Apps show codes in two groups of digits.
    let code = SecretValue::new(code.reveal().split_whitespace().collect());
    Ok(users.finish_sign_in(&pool.client_id, name, email, &step, &code).await?)
}
