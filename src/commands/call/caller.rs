//! The caller of a request: nobody, a user or program with a token, or a user with the credentials of an identity pool.

use super::content::Content;
use super::route::Target;
use crate::args;
use crate::aws::cognito::{Identities, Tokens};
use crate::aws::sigv4::Keys;
use crate::commands::session::Session;
use crate::commands::user_session::{self, UserSession};
use crate::commands::{add_user, api_keys, ask, programs, token};
use crate::error::Error;
use crate::outputs::Outputs;
use crate::probe::API_KEY_HEADER;
use crate::report::{command, quoted, say};
use crate::secret::SecretValue;
use crate::spec::{Auth, IdentityPool, Stack};

/// The credentials that a request contains.
#[derive(Debug)]
pub(super) enum Caller {
    Nobody,
    Token(SecretValue),
    Signs(Keys),
}

impl Caller {
    /// The headers of the caller's AWS signature; empty for a caller who does not sign.
    pub(super) fn signature(
        &self,
        session: &Session,
        (method, url): (&str, &str),
        content: &Content,
    ) -> Result<Vec<(String, SecretValue)>, Error> {
        let Self::Signs(keys) = self else { return Ok(Vec::new()) };
        let body = content.data.as_deref().unwrap_or_default();
        keys.headers(method, url, body, &session.scope().region, session.clients.now()).map_err(Error::other)
    }

    pub(super) fn token(&self) -> Option<&SecretValue> {
        match self {
            Self::Token(token) => Some(token),
            Self::Nobody | Self::Signs(_) => None,
        }
    }
}

/// The token that a route for a pool's users or programs demands, in words; empty for other routes.
#[derive(Debug, Default)]
pub(super) struct Demand {
    /// As in `access token of Users with the scope orders/read`.
    pub token: String,
    /// How to get it.
    pub source: String,
    /// The groups that the caller must be in, as in ` in the group staff`.
    pub membership: String,
}

impl Demand {
    pub(super) fn of(stack: &Stack, target: &Target<'_>) -> Self {
        let Auth::Pool(pool) = &target.route.auth else { return Self::default() };
        Self {
            token: target.route.token_of(pool, target.api.kind),
            source: stack.token_source(pool, target.route),
            membership: target.route.membership(),
        }
    }
}

/// Checks that the flags name a caller if the route requires one.
pub(super) fn check(args: &args::Call, stack: &Stack, target: &Target<'_>) -> Result<(), Error> {
    let named = args.user.is_some() || args.client.is_some() || args.token_stdin || args.anonymous;
    let name = target.route.name();
    if args.identity_pool.is_some() && target.route.auth != Auth::Iam {
        return Err(Error::usage(format!("--identity-pool has no effect: the route {name} takes no signed requests")));
    }
    key(args, stack, target)?;
    program(args, stack, target)?;
    match &target.route.auth {
        // Somebody may have signed in with `login`.
        Auth::Pool(pool) if !named && !user_session::possible(stack, pool) => Err(unnamed(stack, target)),
        // Without an identity pool, the error says how else to sign.
        Auth::Iam if !named && stack.identity_pools.is_empty() => identity_pool(args, stack, target).map(drop),
        Auth::Iam if !named => Err(Error::usage(format!(
            "the route {name} requires a request that is signed with AWS credentials"
        ))
        .hint(format!(
            "pass --as EMAIL to sign with the credentials that an identity pool gives this user, {OR_REFUSED}"
        ))),
        Auth::Iam if !args.anonymous => identity_pool(args, stack, target).map(drop),
        _ => Ok(()),
    }
}

const OR_REFUSED: &str = "or --anonymous to see how the route refuses";

/// The error of a request without a caller, to a route for the users or programs of a pool.
fn unnamed(stack: &Stack, target: &Target<'_>) -> Error {
    let name = target.route.name();
    let Demand { token, source, membership } = Demand::of(stack, target);
    if !target.route.scopes.is_empty() {
        return Error::usage(format!("the route {name} requires an {token}"))
            .hint(format!("{source}; --anonymous shows how the route refuses"));
    }
    let pool = pool_of_route(target).unwrap_or_default();
    let who = if membership.is_empty() { String::new() } else { format!(" as a user{membership}") };
    Error::usage(format!("the route {name} requires a token of {pool}"))
        .hint(format!("pass --as EMAIL to sign in{who}, --token-stdin, {OR_REFUSED}"))
}

/// Checks that `--client` names a program, and that the route takes tokens.
fn program(args: &args::Call, stack: &Stack, target: &Target<'_>) -> Result<(), Error> {
    let Some(name) = &args.client else { return Ok(()) };
    if target.route.auth == Auth::Iam {
        let route = target.route.name();
        return Err(Error::usage(format!("--client has no effect: the route {route} takes only signed requests")));
    }
    programs::pool_of(stack, pool_of(args, target), name).map(drop)
}

/// The pool to sign in to: the given one, or the route's.
pub(super) fn pool_of<'a>(args: &'a args::Call, target: &Target<'a>) -> Option<&'a str> {
    args.pool.as_deref().or_else(|| pool_of_route(target))
}

fn pool_of_route<'a>(target: &Target<'a>) -> Option<&'a str> {
    match &target.route.auth {
        Auth::Pool(pool) => Some(pool),
        Auth::Iam | Auth::Lambda(_) | Auth::None => None,
    }
}

/// Checks that `--key` names a key, and that the route asks for one.
fn key(args: &args::Call, stack: &Stack, target: &Target<'_>) -> Result<(), Error> {
    let Some(name) = &args.key else { return Ok(()) };
    if name.is_empty() {
        let known: Vec<&str> = stack.api_keys().into_keys().collect();
        return Err(Error::usage("--key has no name").hint(format!("pass one of {}", known.join(", "))));
    }
    let known: Vec<String> = stack.api_keys().into_keys().map(str::to_owned).collect();
    if !known.contains(name) {
        return Err(api_keys::unknown(name, &known));
    }
    if !target.route.key {
        let route = target.route.name();
        return Err(Error::usage(format!("--key has no effect: the route {route} asks for no API key")));
    }
    Ok(())
}

/// Refuses a request without the API key that the route asks for, unless it is meant to be refused.
pub(super) fn has_key(args: &args::Call, stack: &Stack, target: &Target<'_>, content: &Content) -> Result<(), Error> {
    if !target.route.key || args.key.is_some() || args.anonymous || content.has_header(API_KEY_HEADER) {
        return Ok(());
    }
    let names: Vec<&str> = stack.api_keys().into_keys().collect();
    Err(Error::usage(format!("the route {} requires an API key", target.route.name())).hint(format!(
        "pass --key with one of {}, or a file with the header {API_KEY_HEADER}: --header @FILE; --anonymous shows how \
         the route refuses",
        names.join(", ")
    )))
}

/// Signs in with the user or program that the flags name, and exchanges the token for credentials if the route takes
/// signed requests.
pub(super) async fn sign_in(
    args: &args::Call,
    session: &Session,
    outputs: &Outputs,
    target: &Target<'_>,
) -> Result<Caller, Error> {
    let stack = &session.config.stack;
    let identities = match target.route.auth {
        Auth::Iam if !args.anonymous => Some(identity_pool(args, stack, target)?),
        _ => None,
    };
    let pool = pool_of(args, target).or_else(|| identities.map(|(_, identities)| identities.pool.as_str()));
    let token = match (&args.user, &args.client) {
        _ if args.token_stdin => ask::standard_input("token").await?,
        (None, None) => match kept(args, session, outputs, target).await? {
            Some(token) => token,
            None => return Ok(Caller::Nobody),
        },
        (None, Some(client)) => {
            let pool = programs::pool_of(stack, pool, client)?;
            programs::token(session, outputs, &pool, client).await?.token
        }
        (Some(email), _) => {
            let email = add_user::name_of_signer(stack, pool, email)?;
            let (pool_name, pool) = add_user::pool_in(outputs, session, pool)?;
            for_route(token::sign_in(session, (&pool_name, &pool), &email, &args.sign_in).await?, target)
        }
    };
    let Some((name, identities)) = identities else { return Ok(Caller::Token(token)) };
    let missing = |what: &str, name: &str| {
        Error::other(format!("the {what} {name} does not exist yet")).hint("run `securelambda up`")
    };
    let pool = outputs.pools.get(&identities.pool).ok_or_else(|| missing("pool", &identities.pool))?;
    let giver = outputs.identity_pools.get(name).ok_or_else(|| missing("identity pool", name))?;
    let keys = Identities::new(&session.clients).credentials(&giver.id, &pool.id, &token).await?;
    Ok(Caller::Signs(keys))
}

/// A token of the user who signed in to the route's pool with `login`; `None` if the route is not for a pool's users.
async fn kept(
    args: &args::Call,
    session: &Session,
    outputs: &Outputs,
    target: &Target<'_>,
) -> Result<Option<SecretValue>, Error> {
    if args.anonymous || pool_of_route(target).is_none() {
        return Ok(None);
    }
    let (name, pool) = add_user::pool_in(outputs, session, pool_of(args, target))?;
    let Some(user) = UserSession::find(session, &pool)? else {
        let login = command(&format!("login --pool {}", quoted(&name)));
        return Err(unnamed(&session.config.stack, target).hint(format!("or sign in with `{login}`")));
    };
    if !session.config.output.quiet {
        say(&format!("Calling as {}, who is signed in to {name}.", user.name()));
    }
    Ok(Some(for_route(user.tokens(session, &pool).await?, target)))
}

/// The token that the route takes. Only access tokens contain scopes.
fn for_route(tokens: Tokens, target: &Target<'_>) -> SecretValue {
    if target.route.scopes.is_empty() { tokens.id } else { tokens.access }
}

/// The identity pool whose credentials sign the request: the named one, or the only one whose users may call the route.
pub(super) fn identity_pool<'a>(
    args: &'a args::Call,
    stack: &'a Stack,
    target: &Target<'_>,
) -> Result<(&'a str, &'a IdentityPool), Error> {
    let all = || stack.identity_pools.iter().map(|(name, pool)| (name.as_str(), pool));
    let names = |pools: &[(&str, &IdentityPool)]| pools.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    if let Some(wanted) = &args.identity_pool {
        let known: Vec<&str> = all().map(|(name, _)| name).collect();
        return all().find(|(name, _)| name == wanted).ok_or_else(|| Error::unknown("identity pool", wanted, &known));
    }
    let opens = |(_, pool): &(&str, &IdentityPool)| {
        let route = target.route.name();
        pool.invokes.iter().any(|invoke| invoke.api.as_deref() == target.api_name && invoke.route == route)
    };
    let opening: Vec<_> = all().filter(opens).collect();
    let candidates = if opening.is_empty() { all().collect() } else { opening };
    match candidates.as_slice() {
        [one] => Ok(*one),
        [] => Err(Error::usage("no identity pool of this stack gives credentials, and the route takes only signed requests")
            .hint("sign the request yourself, for example with `curl --aws-sigv4`; or add an identity pool to the stack file, with the route in `invokes`")),
        several => Err(Error::usage(format!("several identity pools give credentials: {}", names(several)))
            .hint("choose one with --identity-pool NAME")),
    }
}
