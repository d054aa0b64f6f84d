//! `token`: signs a user in, or gets a token for a program, and prints the token on standard output, and nothing else.

use serde_json::json;

use super::add_user::{check_name, pool_of};
use super::session::{Session, Sources};
use super::{Ending, ask, programs};
use crate::args;
use crate::aws::cognito::{Tokens, Users};
use crate::config::Config;
use crate::error::Error;
use crate::outputs::Pool;
use crate::outputs::SCHEMA_VERSION;
use crate::report::answer;

pub(super) async fn run(args: &args::Token, config: Config) -> Result<Ending, Error> {
    match (&args.client, &args.name) {
        (Some(client), _) => of_program(args, client, config).await,
        (None, name) => of_user(args, name.as_deref().unwrap_or_default(), config).await,
    }
}

async fn of_user(args: &args::Token, name: &str, config: Config) -> Result<Ending, Error> {
    let email = check_name(&config.stack, args.pool.as_deref(), name)?;
    let session = Session::open(config, Sources::Untouched).await?;
    let (pool_name, pool) = pool_of(&session, args.pool.as_deref()).await?;
    let tokens = sign_in(&session, (&pool_name, &pool), &email, &args.sign_in).await?;
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

/// A program has only an access token.
async fn of_program(args: &args::Token, client: &str, config: Config) -> Result<Ending, Error> {
    let pool = programs::pool_of(&config.stack, args.pool.as_deref(), client)?;
    let session = Session::open(config, Sources::Untouched).await?;
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

/// Signs in as a client does, with a password from standard input or a prompt.
pub(super) async fn sign_in(
    session: &Session,
    (name, pool): (&str, &Pool),
    email: &str,
    how: &args::SignIn,
) -> Result<Tokens, Error> {
    let password = if how.password_stdin {
        ask::standard_input("password").await?
    } else {
        ask::password(session.config.output, &format!("Password of {email}"), false, "--password-stdin").await?
    };
    Ok(Users::new(&session.clients).sign_in(&pool.client_id, name, email, password).await?)
}
