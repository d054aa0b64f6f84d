//! `call`: sends one request to a route, as a client does.

use serde_json::{Value, json};

use super::session::{Session, Sources};
use super::token::sign_in;
use super::{Ending, add_user, ask};
use crate::args;
use crate::config::Config;
use crate::error::Error;
use crate::meaning::{Asked, advice};
use crate::outputs::SCHEMA_VERSION;
use crate::outputs::{self, Outputs, Route};
use crate::probe::{Answer, Body, Request, method_of, send};
use crate::report::{answer, say};
use crate::secret::SecretValue;
use crate::spec::{self, ApiKind};

pub(super) async fn run(args: &args::Call, config: Config) -> Result<Ending, Error> {
    let email = args.user.as_deref().map(add_user::check_email).transpose()?;
    let session = Session::open(config, Sources::Untouched).await?;
    let outputs = session.outputs(&session.state().await?);
    let (name, query) = args.route.split_once('?').unwrap_or((&args.route, ""));
    let by_name = outputs.route_of(name).map(|(api, route)| (api, route, Vec::new()));
    let Some((api, route, values)) = by_name.or_else(|| outputs.route_for(name)) else {
        let known: Vec<String> = outputs.routes().map(|r| format!("{} {}", r.method, r.path)).collect();
        return Err(Error::unknown("route", name, &known.iter().map(String::as_str).collect::<Vec<_>>()));
    };
    if route.iam {
        return Err(Error::usage(format!(
            "the route {name} accepts only IAM-signed requests, which `call` cannot send"
        ))
        .hint("`securelambda verify` tests the route with signed requests"));
    }
    let mut url = fill(route, &[values, args.params.clone()].concat())?;
    if !query.is_empty() {
        url += &format!("?{query}");
    }
    let token = token(args, &session, &outputs, route, email.as_deref()).await?;
    let body = args.data.as_deref().map(body).transpose()?;
    let routes = api.routes.iter().map(|route| (route.method.as_str(), route.path.as_str()));
    let method = method_of((&route.method, &route.path), routes, body.is_some());
    let request = Request { method, url: &url, token: token.as_ref(), body: body.as_deref().map(Body::json) };
    let answered = send(&request, &session.config.connection.proxies).await?;
    show(args, &session, &answered);
    if (200..300).contains(&answered.status) {
        return Ok(Ending::Done);
    }
    let asked = asked(&session, &outputs, api, route, token.is_some());
    let error = Error::other(format!("the route returned status {}", answered.status));
    Err(match advice(&answered, &asked) {
        Some(advice) => error.hint(advice),
        None => error,
    })
}

/// The route's settings in the stack file, which explain its answer.
fn asked<'a>(session: &Session, outputs: &Outputs, api: &outputs::Api, route: &'a Route, token: bool) -> Asked<'a> {
    let stack = &session.config.stack;
    let name = outputs.all_apis().find(|(_, known)| known.id == api.id).and_then(|(name, _)| name);
    let written = stack.all_apis().find(|(known, _)| *known == name).map(|(_, written)| written);
    let is_it = |of: &&spec::Route| of.method == route.method && of.path == route.path;
    let as_written = written.and_then(|api| api.routes.iter().find(is_it));
    let http = written.is_some_and(|api| api.kind == ApiKind::Http);
    Asked {
        at_aws: session.endpoint.is_none(),
        http,
        pool: route.pool.as_deref(),
        token,
        checks_body: as_written.is_some_and(|route| route.body.is_some()),
        firewall: stack.firewall.is_some() && !http,
        rate_limit: written.map_or(0, |api| api.rate_limit),
        function: &route.function,
    }
}

async fn token(
    args: &args::Call,
    session: &Session,
    outputs: &Outputs,
    route: &Route,
    email: Option<&str>,
) -> Result<Option<SecretValue>, Error> {
    if args.token_stdin {
        return ask::standard_input("token").await.map(Some);
    }
    let Some(email) = email else { return Ok(None) };
    let named = args.pool.as_deref().or(route.pool.as_deref());
    let (_, pool) = add_user::pool_in(outputs, session, named)?;
    Ok(Some(sign_in(session, &pool, email, &args.sign_in).await?.id))
}

fn body(data: &str) -> Result<String, Error> {
    match data.strip_prefix('@') {
        Some(file) => {
            std::fs::read_to_string(file).map_err(|error| Error::usage(format!("{file} cannot be read: {error}")))
        }
        None => Ok(data.to_owned()),
    }
}

/// Fills the path parameters into the route's URL.
fn fill(route: &Route, params: &[String]) -> Result<String, Error> {
    let mut url = route.url.clone();
    for param in params {
        let (name, value) =
            param.split_once('=').ok_or_else(|| Error::usage(format!("{param:?} is not of the form NAME=VALUE")))?;
        let before = url.clone();
        for place in [format!("{{{name}}}"), format!("{{{name}+}}")] {
            url = url.replace(&place, value);
        }
        if url == before {
            return Err(Error::usage(format!("the route {} has no parameter {name}", route.path)));
        }
    }
    match url.split_once('{') {
        None => Ok(url),
        Some((_, rest)) => {
            let name = rest.split(['}', '+']).next().unwrap_or_default();
            Err(Error::usage(format!("the route {} requires the parameter {name}", route.path))
                .hint(format!("pass --param {name}=VALUE")))
        }
    }
}

fn show(args: &args::Call, session: &Session, answered: &Answer) {
    if session.config.output.json {
        let body = serde_json::from_str(&answered.body).unwrap_or_else(|_| Value::String(answered.body.clone()));
        answer(&super::pretty(&json!({
            "schema_version": SCHEMA_VERSION, "status": answered.status, "headers": answered.headers, "body": body,
        })));
        return;
    }
    if args.include {
        say(&format!("HTTP {}", answered.status));
        for (name, value) in &answered.headers {
            say(&format!("{name}: {value}"));
        }
    }
    answer(&answered.body);
}
