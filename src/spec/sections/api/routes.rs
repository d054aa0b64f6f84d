//! `[[api.routes]]`

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::auth::{AUTH, Auth, RouteAuthKeys, Untokened};
use super::parameters::{PARAMETERS, ParametersKeys};
use super::targets::{INTEGRATION, IntegrationKeys, RouteTarget};
use super::{Api, ApiKind, Parameters, auth, groups, keys, limits, parameters, paths, scopes, targets, timeouts};
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{AuthKey, Flag, List, Nested, OptionalNumber, Required, Text};
use crate::spec::names::body_model;
use crate::spec::reader::{Reader, Table};
use crate::spec::section::{Choice, section};
use crate::spec::sections::{authorizers, functions, pools};

section! {
    ROUTE: RouteKeys = "a route", Choice::OneOf(&[&["function", "integration"], &["pool", "auth", "authorizer"]]);
    route: Required = form(
        "^(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|ANY) /\\S*$",
        "A method and a path, as in POST /items/{id} or ANY /files/{proxy+}.",
    );
    function: Text = any("The function that answers.");
    integration: Nested<IntegrationKeys> = table(
        &INTEGRATION, "Instead of a function: a fixed answer, or a server elsewhere that answers.",
    );
    pool: Text = any("The pool whose users may call the route.");
    auth: AuthKey<RouteAuthKeys, Untokened> = of(
        &AUTH,
        &["none", "iam"],
        &[Untokened::Anyone, Untokened::Signed],
        "Instead of a pool: \"iam\" for IAM-signed requests, \"none\" for a route that anyone may call.",
    );
    authorizer: Text = any("Instead of a pool: the entry of [authorizers] whose function decides who may call the route.");
    scopes: List = texts(
        "Only with a pool: a caller needs an access token with one of these scopes, as in orders/read. A pool names them in its own `scopes`. Without this key, ID tokens of its users pass.",
    );
    groups: List = texts(
        "Only with a pool: a caller must be in one of these groups of the pool. API Gateway cannot check that, so `up` adds a function that does, called by the pool's name followed by Groups. It gets the token's claims to the route's function as text: in requestContext.authorizer, or with an HTTP API in requestContext.authorizer.lambda.",
    );
    key: Flag = or(
        false,
        "Whether a caller must also send an API key of [plans], in the header X-Api-Key. The key says which partner calls, and never who may call: pool, auth or authorizer decide that. REST APIs only.",
    );
    body: Text = any(
        "The JSON schema (draft 4) for request bodies: a file, relative to the stack file. Without one, any body passes.",
    );
    parameters: Nested<ParametersKeys> = table(
        &PARAMETERS, "The query parameters and headers that a request must have. Without them, the gateway answers 400. REST APIs only.",
    );
    rate_limit: OptionalNumber = range(
        1, 10_000, "Requests a second that this route allows, instead of the API's `rate_limit`.",
    );
    burst_limit: OptionalNumber = range(
        1, 5_000, "Requests at once that this route allows, instead of the API's `burst_limit`.",
    );
    timeout_s: OptionalNumber = range(
        1,
        30,
        "How long API Gateway waits for the answer. Default and maximum: 29 for a REST API, 30 for an HTTP API. If the function takes longer, it continues to run, and the caller gets 504 or 503.",
    );
    verify: Flag = or(
        false,
        "Whether `verify` may call the route as a user who is allowed to, although its method is POST, PUT, PATCH, DELETE or ANY. Such calls run the function.",
    );
}

/// A method on a path.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// As in `POST`.
    pub method: String,
    /// As in `/items/{id}`.
    pub path: String,
    /// The function, fixed answer or server that answers.
    pub target: RouteTarget,
    /// The authorization of the route.
    pub auth: Auth,
    /// If there are any, a caller needs an access token with one of them.
    pub scopes: BTreeSet<String>,
    /// If there are any, a caller must be in one of these groups of the pool.
    pub groups: BTreeSet<String>,
    /// Whether a caller must also send an API key, which identifies the partner.
    pub key: bool,
    /// The file with the JSON schema of request bodies, relative to the stack file.
    pub body: Option<PathBuf>,
    /// The query parameters and headers that requests must have.
    pub parameters: Parameters,
    /// Requests per second that this route allows. `None`: the limit of its API.
    pub rate_limit: Option<u32>,
    /// Requests at once that this route allows. `None`: the limit of its API.
    pub burst_limit: Option<u32>,
    /// How long API Gateway waits for the answer, in seconds. `None`: as long as its quota allows.
    pub timeout_s: Option<u32>,
    /// Whether `verify` may call it as an authorized user, even if its method changes data.
    pub verify: bool,
}

impl Route {
    /// As in `POST /lambda1`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether `verify` may send requests that reach its function or server. A fixed answer changes nothing.
    pub fn may_be_called(&self) -> bool {
        let fixed = matches!(self.target, RouteTarget::Mock { .. });
        fixed || self.verify || ["GET", "HEAD", "OPTIONS"].contains(&self.method.as_str())
    }
}

/// Checks the routes of an API; `None` is the name of `[api]`.
pub(super) fn check(name: Option<&str>, api: &Api, checks: &mut Checks) {
    let within = name.map(|name| format!("apis.{name}.")).unwrap_or_default();
    for (index, route) in api.routes.iter().enumerate() {
        let place = format!("{within}routes.{index}");
        if let Some(function) = route.function() {
            checks.exists(format!("{place}.function"), "function", function, &[&functions::KEY.key]);
        }
        match &route.auth {
            Auth::Pool(pool) => checks.exists(format!("{place}.pool"), "pool", pool, &[&pools::KEY.key]),
            Auth::Lambda(name) => {
                checks.exists(format!("{place}.authorizer"), "authorizer", name, &[&authorizers::KEY.key]);
            }
            Auth::Iam | Auth::None => {}
        }
    }
    scopes::check(&within, api, checks);
    groups::check(&within, api, checks);
    let flaws = [
        twins(api),
        path_parameters(api),
        without_effect(api),
        parameters::without_effect(api),
        timeouts::too_long(api),
        keys::without_effect(api),
        limits::without_effect(api),
        targets::check(api),
    ]
    .concat();
    checks.report(flaws.into_iter().map(|flaw| flaw.within(name)));
}

/// Routes, or names of body schemas, that occur twice in one API.
fn twins(api: &Api) -> Vec<Diagnostic> {
    let mut flaws = Vec::new();
    let (mut routes, mut models) = (Vec::new(), BTreeMap::new());
    for (index, route) in api.routes.iter().enumerate() {
        if routes.contains(&route.name()) {
            let message = format!("the route {} is defined twice", route.name());
            flaws.push(Diagnostic::new(format!("routes.{index}.route"), message));
        }
        routes.push(route.name());
        let Some(body) = route.body.as_ref().filter(|body| !body.as_os_str().is_empty()) else { continue };
        let model = body_model(body);
        let message = match models.insert(model.clone(), body) {
            _ if model.is_empty() => {
                "the name of a body schema needs a letter or a digit, because API Gateway's model is named after it"
                    .into()
            }
            Some(twin) if twin != body => {
                format!("{} and {} would share the model {model}", twin.display(), body.display())
            }
            _ => continue,
        };
        flaws.push(Diagnostic::new(format!("routes.{index}.body"), message).help("rename one of the files"));
    }
    flaws
}

/// Path parameters that API Gateway would not take: see [`sibling_parameters`] and [`equal_but_for_parameters`].
fn path_parameters(api: &Api) -> Vec<Diagnostic> {
    match api.kind {
        ApiKind::Rest => sibling_parameters(api),
        ApiKind::Http => equal_but_for_parameters(api),
    }
}

/// Different path parameters below one path, such as `/items/{id}` and `/items/{name}`: a REST API allows one.
fn sibling_parameters(api: &Api) -> Vec<Diagnostic> {
    let mut flaws = Vec::new();
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for (index, route) in api.routes.iter().enumerate() {
        let mut parent = String::new();
        for part in route.path.trim_matches('/').split('/') {
            if part.starts_with('{') {
                let first = parameters.entry(parent.clone()).or_insert_with(|| part.to_owned());
                if first != part {
                    let message = format!("{parent}/{first} and {parent}/{part} cannot both be in one API");
                    let help = format!("API Gateway allows one parameter below {parent}/: use {first} in both");
                    flaws.push(Diagnostic::new(format!("routes.{index}.route"), message).help(help));
                }
            }
            parent = format!("{parent}/{part}");
        }
    }
    flaws
}

/// Routes of an HTTP API that match the same requests, such as `GET /items/{id}` and `GET /items/{name}`.
fn equal_but_for_parameters(api: &Api) -> Vec<Diagnostic> {
    let mut flaws = Vec::new();
    let mut routes: BTreeMap<(&str, Vec<&str>), &Route> = BTreeMap::new();
    for (index, route) in api.routes.iter().enumerate() {
        let parts = route.path.split('/').map(|part| match part {
            greedy if greedy.ends_with("+}") => "{+}",
            parameter if parameter.starts_with('{') => "{}",
            literal => literal,
        });
        let first = routes.entry((&route.method, parts.collect())).or_insert(route);
        if first.path != route.path {
            let message = format!("{} and {} match the same requests", first.name(), route.name());
            let flaw = Diagnostic::new(format!("routes.{index}.route"), message);
            flaws.push(flaw.help(format!("keep one of them, or use {} in both", first.path)));
        }
    }
    flaws
}

/// Reports body schemas of an HTTP API, which does not validate bodies.
fn without_effect(api: &Api) -> Vec<Diagnostic> {
    let bodies = api.routes.iter().enumerate().filter(|(_, route)| api.kind == ApiKind::Http && route.body.is_some());
    let flaw = |(index, _)| {
        let message = "an HTTP API does not validate bodies, so this schema would have no effect";
        let help = "use `kind = \"rest\"` for the API, or remove `body` and validate bodies in the function";
        Diagnostic::new(format!("routes.{index}.body"), message).help(help)
    };
    bodies.map(flaw).collect()
}

pub(super) fn route(reader: &mut Reader, table: &Table) -> Option<Route> {
    let RouteKeys {
        route,
        function,
        integration,
        pool,
        auth,
        authorizer,
        scopes,
        groups,
        key,
        body,
        parameters,
        rate_limit,
        burst_limit,
        timeout_s,
        verify,
    } = &ROUTE;
    let route = reader.required(table, route);
    let name = route.as_ref().map_or("this route", |(route, _)| route);
    // A mistake in the target or the caller must not hide other mistakes of the route.
    let target = targets::target(reader, name, table, (function, integration));
    let auth = auth::auth(reader, name, table, (pool, authorizer), auth).unwrap_or(Auth::None);
    let scopes = reader.list(table, scopes).into_iter().map(|(scope, _)| scope).collect();
    if table.get(&groups.key).is_some()
        && let Some(span) = Reader::nothing_in(table, groups)
    {
        let help = "name a group of the pool, or remove `groups`: then every user of the pool may call the route";
        reader.diagnostic(&span, "`groups` is empty, so nobody could call the route", Some(help.into()));
    }
    let groups = reader.list(table, groups).into_iter().map(|(group, _)| group).collect();
    let key = reader.flag(table, key);
    let body = reader.text(table, body).map(|(body, _)| PathBuf::from(body.trim()));
    let parameters = parameters::parameters(reader, table, parameters);
    let rate_limit = reader.optional_number(table, rate_limit);
    let burst_limit = reader.optional_number(table, burst_limit);
    targets::without_effect(reader, table, &target, &[&timeout_s.key, &verify.key]);
    let timeout_s = reader.optional_number(table, timeout_s);
    let verify = reader.flag(table, verify);
    let (route, span) = route?;
    let parts = paths::method_and_path(&route);
    if let Err(why) = &parts {
        reader.diagnostic(&span, why.message.as_str(), Some(why.help.clone()));
    }
    let (method, path) = parts.ok()?;
    Some(Route {
        method,
        path,
        target,
        auth,
        scopes,
        groups,
        key,
        body,
        parameters,
        rate_limit,
        burst_limit,
        timeout_s,
        verify,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn parameters_of_other_names_are_a_mistake_only_where_they_match_the_same_requests() {
        let mistakes = |kind: &str, second: &str| {
            let route =
                |route: &str| format!("[[api.routes]]\nroute = \"{route}\"\nfunction = \"F\"\nauth = \"none\"\n");
            let head = "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n";
            let file = format!("{head}[api]\nkind = \"{kind}\"\n{}{}", route("GET /a/{id}"), route(second));
            crate::spec::parse(&file).err().map_or(0, |mistakes| mistakes.len())
        };
        for (second, rest, http) in [
            ("GET /a/{id}/b", 0, 0),
            ("GET /a/{name}/b", 1, 0),
            ("PUT /a/{name}", 1, 0),
            ("GET /a/{name}", 1, 1),
            ("GET /a/{proxy+}", 1, 0),
        ] {
            assert_eq!((mistakes("rest", second), mistakes("http", second)), (rest, http), "{second}");
        }
    }
}
