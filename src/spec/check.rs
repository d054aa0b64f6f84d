//! What a stack file says about things that stand elsewhere in it: references must lead somewhere, names must not meet.

use std::collections::BTreeMap;

use super::diagnostic::{Diagnostic, SpanMap};
use super::model::{Api, ApiKind, Auth, Mode, Route, Stack, Value, Variable};
use super::names::{body_model, caller_role, service_username};
use super::reader::suggest;
use super::{rules, sizes};

/// Checks a stack as a whole. Its parts may have mistakes of their own, which are not told again.
pub(super) fn flaws(stack: &Stack, places: &SpanMap) -> Vec<Diagnostic> {
    let mut flaws = references(stack, places);
    flaws.extend(of_http_apis(stack));
    flaws.extend(twins(stack));
    for (name, api) in stack.all_apis() {
        flaws.extend(sibling_parameters(api).into_iter().map(|flaw| flaw.within(name)));
    }
    flaws.extend(pointless(stack));
    flaws.extend(unbuildable(stack));
    flaws.extend(sizes::flaws(stack));
    flaws
}

/// What the kind of an API does not have.
fn unbuildable(stack: &Stack) -> Vec<Diagnostic> {
    let mut flaws = Vec::new();
    for (name, api) in stack.all_apis().filter(|(_, api)| api.kind == ApiKind::Http) {
        for (index, _) in api.routes.iter().enumerate().filter(|(_, route)| route.body.is_some()) {
            let message = "an HTTP API checks no bodies, so this schema would not be looked at";
            let help = "take `kind = \"rest\"` for the API, or leave `body` out and check it in the function";
            flaws.push(Diagnostic::new(format!("routes.{index}.body"), message).help(help).within(name));
        }
    }
    flaws
}

/// Names that lead nowhere. Names of things that have mistakes of their own are known too.
fn references(stack: &Stack, places: &SpanMap) -> Vec<Diagnostic> {
    let [topics, mut secrets, functions, pools, identity_pools, service_users, apis] =
        ["topics", "secrets", "functions", "pools", "identity_pools", "service_users", "apis"]
            .map(|name| places.names(name));
    // A service user's name and password stand in a secret of its name.
    secrets.extend(service_users);
    let mut flaws = Vec::new();
    let mut lead = |place: String, what: &str, name: &str, known: &[&str]| {
        if !name.is_empty() && !known.contains(&name) {
            flaws.push(Diagnostic::new(place, format!("there is no {what} called {name}")).help(suggest(name, known)));
        }
    };
    for (secret, values) in &stack.secrets {
        for (key, value) in values {
            if let Value::Topic(topic) = value {
                lead(format!("secrets.{secret}.{key}"), "topic", topic, &topics);
            }
        }
    }
    for (name, function) in &stack.functions {
        if let Some(topic) = &function.trigger {
            lead(format!("functions.{name}.trigger.topic"), "topic", topic, &topics);
        }
        for secret in &function.secrets {
            lead(format!("functions.{name}.secrets.{secret}"), "secret", secret, &secrets);
        }
        for topic in &function.publishes {
            lead(format!("functions.{name}.publishes.{topic}"), "topic", topic, &topics);
        }
        for (variable, value) in &function.environment {
            let place = format!("functions.{name}.environment.{variable}");
            match value {
                Variable::Text(_) => {}
                Variable::PoolId(pool) | Variable::ClientId(pool) => lead(place, "pool", pool, &pools),
                Variable::IdentityPoolId(pool) => lead(place, "identity pool", pool, &identity_pools),
                Variable::Url(api) => lead(place, "api", api, &apis),
            }
        }
    }
    for (place, route) in stack.all_routes() {
        lead(format!("{place}.function"), "function", &route.function, &functions);
        if let Auth::Pool(pool) = &route.auth {
            lead(format!("{place}.pool"), "pool", pool, &pools);
        }
    }
    for (name, user) in &stack.service_users {
        lead(format!("service_users.{name}.pool"), "pool", &user.pool, &pools);
    }
    for (name, identity) in &stack.identity_pools {
        lead(format!("identity_pools.{name}.pool"), "pool", &identity.pool, &pools);
        for (index, invoke) in identity.invokes.iter().enumerate() {
            let routes: Vec<String> = routes_of(stack, invoke.api.as_deref());
            let known: Vec<&str> = routes.iter().map(String::as_str).collect();
            let place = format!("identity_pools.{name}.invokes.{index}");
            match &invoke.api {
                Some(api) if !apis.contains(&api.as_str()) => lead(place, "api", api, &apis),
                _ => lead(place, "route", &invoke.route, &known),
            }
        }
    }
    flaws
}

/// The names of an API's routes.
fn routes_of(stack: &Stack, wanted: Option<&str>) -> Vec<String> {
    let of_api = stack.all_apis().filter(|(name, _)| *name == wanted);
    of_api.flat_map(|(_, api)| api.routes.iter().map(Route::name)).collect()
}

/// What leads to an HTTP API and can only lead to a REST one.
fn of_http_apis(stack: &Stack) -> Vec<Diagnostic> {
    let http = |wanted: Option<&str>| stack.all_apis().any(|(name, api)| name == wanted && api.kind == ApiKind::Http);
    let mut flaws = Vec::new();
    for (name, function) in &stack.functions {
        for (variable, value) in &function.environment {
            if let Variable::Url(api) = value
                && http(Some(api))
            {
                let message = format!("{api} is an HTTP API, and a variable can hold the URL of a REST API alone");
                flaws.push(Diagnostic::new(format!("functions.{name}.environment.{variable}"), message));
            }
        }
    }
    for (name, identity) in &stack.identity_pools {
        for (index, invoke) in identity.invokes.iter().enumerate() {
            if http(invoke.api.as_deref()) {
                let message =
                    format!("{} is a route of an HTTP API; credentials open those of REST APIs", invoke.route);
                flaws.push(Diagnostic::new(format!("identity_pools.{name}.invokes.{index}"), message));
            }
        }
    }
    flaws
}

/// Two things that AWS, or a function's environment, would take for one. Told at the later one.
fn twins(stack: &Stack) -> Vec<Diagnostic> {
    let mut flaws = Vec::new();
    // Role names are unique regardless of case (docs/aws.md, Roles).
    let mut roles: BTreeMap<String, &str> = BTreeMap::new();
    for (name, function) in &stack.functions {
        if let Some(twin) = roles.insert(name.to_lowercase(), name) {
            let message = format!("the functions {twin} and {name} would share a role: IAM ignores case");
            flaws.push(Diagnostic::new(format!("functions.{name}"), message));
        }
        let mut variables: BTreeMap<String, &str> = BTreeMap::new();
        for secret in &function.secrets {
            let variable = rules::secret_variable(secret);
            if let Some(twin) = variables.insert(variable.clone(), secret) {
                let message = format!("{name} would find both {twin} and {secret} in the variable {variable}");
                flaws.push(Diagnostic::new(format!("functions.{name}.secrets.{secret}"), message));
            }
        }
    }
    // The roles of identity pools, among themselves and beside those of functions.
    let mut callers: BTreeMap<String, &str> = BTreeMap::new();
    for name in stack.identity_pools.keys() {
        let role = caller_role(name).to_lowercase();
        let message = if let Some(twin) = roles.get(&role) {
            format!("the function {twin} and the users of {name} would share a role")
        } else if let Some(twin) = callers.insert(role, name) {
            format!("the users of {twin} and of {name} would share a role: IAM ignores case")
        } else {
            continue;
        };
        flaws.push(Diagnostic::new(format!("identity_pools.{name}"), message).help("give one of them another name"));
    }
    let mut users: BTreeMap<(&str, String), &str> = BTreeMap::new();
    for (name, user) in &stack.service_users {
        if let Some(twin) = users.insert((&user.pool, service_username(name, &stack.name)), name) {
            let message = format!("the service users {twin} and {name} would be one user of {}", user.pool);
            let help = "give one of them another name: a username is in small letters";
            flaws.push(Diagnostic::new(format!("service_users.{name}"), message).help(help));
        }
    }
    if stack.api.is_some() && stack.apis.contains_key("api") {
        let message = "the API api and the one that has no name would share a name in AWS";
        flaws.push(Diagnostic::new("apis.api", message).help("give it another name"));
    }
    let mut authorizers = BTreeMap::new();
    for (name, pool) in &stack.pools {
        if let Some(twin) = authorizers.insert(&pool.authorizer, name) {
            let message = format!("the pools {twin} and {name} both have the authorizer {}", pool.authorizer);
            flaws.push(Diagnostic::new(format!("pools.{name}.authorizer"), message));
        }
    }
    for (name, api) in stack.all_apis() {
        flaws.extend(twin_routes(api).into_iter().map(|flaw| flaw.within(name)));
    }
    for name in stack.service_users.keys().filter(|name| stack.secrets.contains_key(*name)) {
        let message = format!("the secret {name} and the service user {name} would be one secret");
        flaws.push(Diagnostic::new(format!("service_users.{name}"), message).help("give one of them another name"));
    }
    flaws
}

/// Two routes, or two body schemas, that an API would take for one.
fn twin_routes(api: &Api) -> Vec<Diagnostic> {
    let mut flaws = Vec::new();
    let (mut routes, mut models) = (Vec::new(), BTreeMap::new());
    for (index, route) in api.routes.iter().enumerate() {
        if routes.contains(&route.name()) {
            let message = format!("the route {} is there twice", route.name());
            flaws.push(Diagnostic::new(format!("routes.{index}.route"), message));
        }
        routes.push(route.name());
        let Some(body) = route.body.as_ref().filter(|body| !body.as_os_str().is_empty()) else { continue };
        let model = body_model(body);
        let message = match models.insert(model.clone(), body) {
            _ if model.is_empty() => {
                "a body schema's name has a letter or a digit, to name API Gateway's model after".into()
            }
            Some(twin) if twin != body => {
                format!("{} and {} would share the model {model}", twin.display(), body.display())
            }
            _ => continue,
        };
        flaws.push(Diagnostic::new(format!("routes.{index}.body"), message).help("give the file another name"));
    }
    flaws
}

/// API Gateway allows one path parameter per parent: `/items/{id}` and `/items/{name}` cannot both be.
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
                    let help = format!("API Gateway has one parameter below {parent}/: call it {first} in both");
                    flaws.push(Diagnostic::new(format!("routes.{index}.route"), message).help(help));
                }
            }
            parent = format!("{parent}/{part}");
        }
    }
    flaws
}

/// What would be made and be of no use, or shut everyone out.
fn pointless(stack: &Stack) -> Vec<Diagnostic> {
    let mut flaws = Vec::new();
    if let Some(firewall) = &stack.firewall {
        let mut kinds = stack.all_apis().map(|(_, api)| api.kind).peekable();
        if kinds.peek().is_none() {
            flaws.push(Diagnostic::new("firewall", "a firewall protects an api, and this stack has none"));
        } else if kinds.all(|kind| kind == ApiKind::Http) {
            let message = "AWS cannot attach a web ACL to an HTTP API, so this firewall would protect nothing";
            let help = "take `kind = \"rest\"` for the API, or leave the firewall out: an HTTP API is protected by its \
                        authorizer and its throttle alone";
            flaws.push(Diagnostic::new("firewall", message).help(help));
        }
        if firewall.mode == Mode::Allow && firewall.addresses.is_empty() {
            let flaw = Diagnostic::new(
                "firewall.addresses",
                "in the mode \"allow\" only the addresses pass, and there are none",
            );
            flaws.push(flaw.help("add the addresses that may call, or set mode = \"count\""));
        }
    }
    flaws
}
