//! `call`: sends one request to a route, as a client does.

mod caller;
mod content;
mod curl;
mod route;
mod show;

use serde_json::json;

use self::caller::{Caller, Demand};
use self::content::Content;
use self::route::{Target, Values, find};
use super::session::{Session, Sources};
use super::{Ending, add_user, api_keys};
use crate::args;
use crate::config::Config;
use crate::error::Error;
use crate::meaning::{Admits, Answerer, Asked, AskedKey, Sent, advice};
use crate::outputs::{Outputs, SCHEMA_VERSION};
use crate::probe::{API_KEY_HEADER, Client, HeaderNames, Request};
use crate::report::{answer, say};
use crate::spec::{ApiKind, Auth, Route, RouteTarget, Stack};

pub(super) async fn run(args: &args::Call, config: Config) -> Result<Ending, Error> {
    // Mistakes on the command line are reported before any call.
    let stack = config.stack.clone();
    let target = checked(args, &stack)?;
    let content = Content::read(args).await?;
    caller::has_key(args, &stack, &target, &content)?;

    let session = Session::existing(config, Sources::Untouched).await?;
    let outputs = session.outputs(&session.state().await?);
    let url = format!("{}{}", base_url(&outputs, &target)?, target.path);
    if args.curl {
        print_curl(&curl::text(args, &session, &outputs, &target, &url, &content)?, session.config.output.json);
        return Ok(Ending::Done);
    }
    let caller = caller::sign_in(args, &session, &outputs, &target).await?;
    let mut headers = caller.signature(&session, (target.method, &url), &content)?;
    headers.extend(content.headers.iter().cloned());
    if let Some(name) = &args.key {
        headers.push((API_KEY_HEADER.to_owned(), api_keys::value(&session, &outputs, name).await?));
    }
    let sent_key = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(API_KEY_HEADER));
    let request = Request { method: target.method, url: &url, token: caller.token(), body: content.body() };
    let client = Client::new(&session.config.connection.proxies)?;
    let answered = client.send_with(&request, &headers, HeaderNames::LowerCase).await?;
    show::show(&answered, args.include, session.config.output);
    if target.api.kind == ApiKind::Rest && session.endpoint.is_none() && show::is_undecoded(&answered) {
        say(
            "The body is base64 text. API Gateway decodes it if `binary` under [api] has its type and the request accepts \
             it, as with --header 'Accept: image/png'.",
        );
    }
    if (200..300).contains(&answered.status) {
        return Ok(Ending::Done);
    }
    let error = Error::other(format!("the route returned status {}", answered.status));
    let demand = Demand::of(&stack, &target);
    Err(match advice(&answered, &asked(&session, &target, &demand, &caller, sent_key)) {
        Some(advice) => error.hint(advice),
        None => error,
    })
}

/// Checks the command line, and returns the route that it names.
fn checked<'a>(args: &'a args::Call, stack: &'a Stack) -> Result<Target<'a>, Error> {
    args.user.as_deref().map(|name| add_user::name_of_signer(stack, args.pool.as_deref(), name)).transpose()?;
    content::check(args)?;
    let values = Values { params: &args.params, query: &args.query, body: args.data.is_some() };
    let target = find(stack, &args.route, &values)?;
    caller::check(args, stack, &target)?;
    Ok(target)
}

/// Checks the command line like `checked`, and that an API key is given if the route requires one.
#[cfg(test)]
pub(super) fn check(args: &args::Call, stack: &Stack) -> Result<(), Error> {
    let target = checked(args, stack)?;
    caller::has_key(args, stack, &target, &Content::default())
}

fn base_url<'a>(outputs: &'a Outputs, target: &Target<'_>) -> Result<&'a str, Error> {
    let api = outputs.all_apis().find(|(name, _)| *name == target.api_name).map(|(_, api)| api.base_url.as_str());
    api.ok_or_else(|| Error::other("the API does not exist yet").hint("run `securelambda up`"))
}

fn print_curl(script: &str, as_json: bool) {
    if as_json {
        answer(&super::pretty(&json!({ "schema_version": SCHEMA_VERSION, "curl": script })));
    } else {
        answer(script);
    }
}

/// The function, server or fixed status that answers the route.
fn answerer(route: &Route) -> Answerer<'_> {
    match &route.target {
        RouteTarget::Function(name) => Answerer::Function(name),
        RouteTarget::Http { .. } => Answerer::Server(route.target.host().unwrap_or_default()),
        RouteTarget::Mock { status, .. } => Answerer::Fixed(*status),
    }
}

/// The route's settings in the stack file, which explain its answer.
fn asked<'a>(session: &Session, target: &Target<'a>, demand: &'a Demand, caller: &Caller, sent_key: bool) -> Asked<'a> {
    let http = target.api.kind == ApiKind::Http;
    Asked {
        at_aws: session.endpoint.is_none(),
        http,
        admits: match &target.route.auth {
            Auth::Pool(pool) if !target.route.groups.is_empty() => {
                Admits::Members { pool, membership: &demand.membership }
            }
            Auth::Pool(_) if !target.route.scopes.is_empty() => {
                Admits::Programs { token: &demand.token, source: &demand.source }
            }
            Auth::Pool(pool) => Admits::UsersOf(pool),
            Auth::Lambda(name) => Admits::AdmittedBy(name),
            Auth::Iam => Admits::Signers { by_pool: !session.config.stack.identity_pools.is_empty() },
            Auth::None => Admits::Anyone,
        },
        sent: match caller {
            Caller::Nobody => Sent::Nothing,
            Caller::Token(_) => Sent::Token,
            Caller::Signs(_) => Sent::Signature,
        },
        key: match (target.route.key, sent_key) {
            (false, _) => AskedKey::No,
            (true, false) => AskedKey::NotSent,
            (true, true) => AskedKey::Sent,
        },
        checks_body: target.route.body.is_some(),
        firewall: session.config.stack.firewall.is_some() && !http,
        rate_limit: target.api.limits(target.route).rate,
        answerer: answerer(target.route),
    }
}
