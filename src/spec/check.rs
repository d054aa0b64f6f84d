//! Checks of a stack as a whole: references to things that do not exist, names that would collide, settings that AWS or
//! the kind of an API does not support.

use std::collections::BTreeMap;

use super::diagnostic::{Diagnostic, SpanMap};
use super::model::{Api, ApiKind, Auth, Mfa, Mode, Plan, Route, Stack, ThreatProtection, Value, Variable};
use super::names::{body_model, caller_role, service_username};
use super::reader::suggest;
use super::{rules, sizes};

/// The mistakes of a stack as a whole. Mistakes of its parts were reported when they were read.
pub(super) fn flaws(stack: &Stack, places: &SpanMap) -> Vec<Diagnostic> {
    let mut flaws = references(stack, places);
    flaws.extend(of_http_apis(stack));
    flaws.extend(twins(stack));
    for (name, api) in stack.all_apis() {
        flaws.extend(sibling_parameters(api).into_iter().map(|flaw| flaw.within(name)));
    }
    flaws.extend(pointless(stack));
    flaws.extend(unbuildable(stack));
    flaws.extend(pools(stack));
    flaws.extend(sizes::flaws(stack));
    flaws
}

/// Settings that an API's kind does not support.
fn unbuildable(stack: &Stack) -> Vec<Diagnostic> {
    let mut flaws = Vec::new();
    for (name, api) in stack.all_apis().filter(|(_, api)| api.kind == ApiKind::Http) {
        for (index, _) in api.routes.iter().enumerate().filter(|(_, route)| route.body.is_some()) {
            let message = "an HTTP API does not validate bodies, so this schema would have no effect";
            let help = "use `kind = \"rest\"` for the API, or remove `body` and validate bodies in the function";
            flaws.push(Diagnostic::new(format!("routes.{index}.body"), message).help(help).within(name));
        }
    }
    flaws
}

/// Settings of a user pool that exclude each other.
fn pools(stack: &Stack) -> Vec<Diagnostic> {
    let mut flaws = Vec::new();
    for (name, pool) in &stack.pools {
        let mut flaw = |key: &str, message: String, help: &str| {
            flaws.push(Diagnostic::new(format!("pools.{name}.{key}"), message).help(help));
        };
        let programs = stack.service_users.iter().filter(|(_, user)| user.pool == *name);
        let programs: Vec<&str> = programs.map(|(program, _)| program.as_str()).collect();
        if pool.mfa == Mfa::On && !programs.is_empty() {
            let message = format!(
                "the pool {name} would demand a code of an authenticator app from {}, which sign in with a password only",
                programs.join(", ")
            );
            flaw("mfa", message, "use mfa = \"optional\", or let the service users sign in to a pool of their own");
        }
        if pool.threat_protection != ThreatProtection::Off && pool.plan.is_some_and(|plan| plan < Plan::Plus) {
            let message = "threat protection needs the plan plus".to_owned();
            flaw("plan", message, "remove the key, or set threat_protection = \"off\"");
        }
        if pool.password.history > 0 && pool.plan == Some(Plan::Lite) {
            let message = "a password history needs the plan essentials or plus".to_owned();
            flaw("plan", message, "remove the key, or set history = 0 in the password rule");
        }
        let longest = pool.tokens.id_minutes.max(pool.tokens.access_minutes);
        if pool.tokens.refresh_days * 24 * 60 <= longest {
            let message = "refresh tokens would not be valid for longer than the tokens that they renew".to_owned();
            flaw("tokens", message, "set a larger refresh_days, or a smaller id_minutes and access_minutes");
        }
    }
    flaws
}

/// References to things that do not exist. Things with mistakes of their own count as existing.
fn references(stack: &Stack, places: &SpanMap) -> Vec<Diagnostic> {
    let [topics, mut secrets, functions, pools, identity_pools, service_users, apis] =
        ["topics", "secrets", "functions", "pools", "identity_pools", "service_users", "apis"]
            .map(|name| places.names(name));
    // A service user's name and password are in a secret of the same name.
    secrets.extend(service_users);
    let mut flaws = Vec::new();
    let mut lead = |place: String, what: &str, name: &str, known: &[&str]| {
        if !name.is_empty() && !known.contains(&name) {
            flaws.push(Diagnostic::new(place, format!("there is no {what} called {name}")).help(suggest(name, known)));
        }
    };
    for (secret, settings) in &stack.secret_settings {
        if let Some(rotation) = &settings.rotation {
            lead(format!("secrets.{secret}.settings.rotation.function"), "function", &rotation.function, &functions);
        }
    }
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

/// References to HTTP APIs where only REST APIs are possible.
fn of_http_apis(stack: &Stack) -> Vec<Diagnostic> {
    let http = |wanted: Option<&str>| stack.all_apis().any(|(name, api)| name == wanted && api.kind == ApiKind::Http);
    let mut flaws = Vec::new();
    for (name, function) in &stack.functions {
        for (variable, value) in &function.environment {
            if let Variable::Url(api) = value
                && http(Some(api))
            {
                let message = format!("{api} is an HTTP API; a variable can hold the URL of a REST API only");
                flaws.push(Diagnostic::new(format!("functions.{name}.environment.{variable}"), message));
            }
        }
    }
    for (name, identity) in &stack.identity_pools {
        for (index, invoke) in identity.invokes.iter().enumerate() {
            if http(invoke.api.as_deref()) {
                let message = format!(
                    "{} is a route of an HTTP API; identity pools can allow routes of REST APIs only",
                    invoke.route
                );
                flaws.push(Diagnostic::new(format!("identity_pools.{name}.invokes.{index}"), message));
            }
        }
    }
    flaws
}

/// Names that differ in the file, but would be the same in AWS or in a function's environment. Reported at the later
/// one.
fn twins(stack: &Stack) -> Vec<Diagnostic> {
    let mut flaws = Vec::new();
    // Role names are unique regardless of case (docs/aws.md, Roles).
    let mut roles: BTreeMap<String, &str> = BTreeMap::new();
    for (name, function) in &stack.functions {
        if let Some(twin) = roles.insert(name.to_lowercase(), name) {
            let message = format!("the functions {twin} and {name} would have the same role name: IAM ignores case");
            flaws.push(Diagnostic::new(format!("functions.{name}"), message));
        }
        let mut variables: BTreeMap<String, &str> = BTreeMap::new();
        for secret in &function.secrets {
            let variable = rules::secret_variable(secret);
            if let Some(twin) = variables.insert(variable.clone(), secret) {
                let message =
                    format!("the secrets {twin} and {secret} of {name} would both use the variable {variable}");
                flaws.push(Diagnostic::new(format!("functions.{name}.secrets.{secret}"), message));
            }
        }
    }
    // The roles of identity pools, among themselves and beside those of functions.
    let mut callers: BTreeMap<String, &str> = BTreeMap::new();
    for name in stack.identity_pools.keys() {
        let role = caller_role(name).to_lowercase();
        let message = if let Some(twin) = roles.get(&role) {
            format!("the function {twin} and the identity pool {name} would have the same role name")
        } else if let Some(twin) = callers.insert(role, name) {
            format!("the identity pools {twin} and {name} would have the same role name: IAM ignores case")
        } else {
            continue;
        };
        flaws.push(Diagnostic::new(format!("identity_pools.{name}"), message).help("rename one of them"));
    }
    let mut users: BTreeMap<(&str, String), &str> = BTreeMap::new();
    for (name, user) in &stack.service_users {
        if let Some(twin) = users.insert((&user.pool, service_username(name, &stack.name)), name) {
            let message = format!("the service users {twin} and {name} would have the same username in {}", user.pool);
            let help = "rename one of them: usernames are in lower case";
            flaws.push(Diagnostic::new(format!("service_users.{name}"), message).help(help));
        }
    }
    if stack.api.is_some() && stack.apis.contains_key("api") {
        let message = "the API named api and the API without a name would have the same name in AWS";
        flaws.push(Diagnostic::new("apis.api", message).help("rename it"));
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
        let message = format!("the secret {name} and the service user {name} would be the same secret");
        flaws.push(Diagnostic::new(format!("service_users.{name}"), message).help("rename one of them"));
    }
    flaws
}

/// Routes, or names of body schemas, that occur twice in one API.
fn twin_routes(api: &Api) -> Vec<Diagnostic> {
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

/// Different path parameters below one path, such as `/items/{id}` and `/items/{name}`: API Gateway allows one.
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

/// Settings that would have no effect, or would lock everyone out.
fn pointless(stack: &Stack) -> Vec<Diagnostic> {
    let mut flaws = Vec::new();
    if let Some(firewall) = &stack.firewall {
        let mut kinds = stack.all_apis().map(|(_, api)| api.kind).peekable();
        if stack.pools.values().any(|pool| pool.firewall) {
            // It protects these pools.
        } else if kinds.peek().is_none() {
            let message = "this stack has a firewall, but no API or pool that it could protect";
            flaws.push(Diagnostic::new("firewall", message));
        } else if kinds.all(|kind| kind == ApiKind::Http) {
            let message = "AWS cannot attach a web ACL to an HTTP API, so this firewall would protect nothing";
            let help = "use `kind = \"rest\"` for the API, set `firewall = true` on a pool, or remove the firewall: an HTTP \
                        API is protected by its authorizer and its throttle only";
            flaws.push(Diagnostic::new("firewall", message).help(help));
        }
        if firewall.mode == Mode::Allow && firewall.addresses.is_empty() {
            let flaw = Diagnostic::new(
                "firewall.addresses",
                "the mode \"allow\" lets only the listed addresses through, and none is listed",
            );
            flaws.push(flaw.help("add the addresses that may call the API, or set mode = \"count\""));
        }
    } else if let Some((name, _)) = stack.pools.iter().find(|(_, pool)| pool.firewall) {
        let message = "this pool is to have a firewall, and the stack has none";
        flaws.push(Diagnostic::new(format!("pools.{name}"), message).help("add [firewall]"));
    }
    flaws
}
