//! What a stack file says about things that stand elsewhere in it: references must lead somewhere, names must not meet.

use std::collections::{BTreeMap, BTreeSet};

use super::file::Reader;
use super::model::{Auth, Stack, Value};
use crate::error::nearest;

/// Checks a stack whose parts are each well formed.
pub(super) fn references(stack: &Stack, reader: &mut Reader) {
    let topics: Vec<&str> = stack.topics.iter().map(String::as_str).collect();
    let secrets: Vec<&str> = stack.secrets.keys().map(String::as_str).collect();
    let functions: Vec<&str> = stack.functions.keys().map(String::as_str).collect();
    let pools: Vec<&str> = stack.pools.keys().map(String::as_str).collect();
    let mut lead = |place: String, what: &str, name: &str, known: &[&str]| {
        if !known.contains(&name) {
            let help = nearest(name, known).map_or_else(
                || format!("known: {}", if known.is_empty() { "none".into() } else { known.join(", ") }),
                |near| format!("did you mean `{near}`?"),
            );
            reader.mistake_at(&place, format!("there is no {what} called {name}"), Some(help));
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
            lead(format!("functions.{name}.trigger"), "topic", topic, &topics);
        }
        for secret in &function.secrets {
            lead(format!("functions.{name}.secrets.{secret}"), "secret", secret, &secrets);
        }
        for topic in &function.publishes {
            lead(format!("functions.{name}.publishes.{topic}"), "topic", topic, &topics);
        }
    }
    for (index, route) in stack.api.iter().flat_map(|api| api.routes.iter().enumerate()) {
        lead(format!("routes.{index}.function"), "function", &route.function, &functions);
        if let Auth::Pool(pool) = &route.auth {
            lead(format!("routes.{index}.pool"), "pool", pool, &pools);
        }
    }
    twins(stack, reader);
}

/// Two things that AWS would take for one.
fn twins(stack: &Stack, reader: &mut Reader) {
    for (name, values) in &stack.secrets {
        if values.is_empty() {
            reader.mistake_at(&format!("secrets.{name}"), format!("the secret {name} has no value"), None);
        }
    }
    // Role names are unique regardless of case (reference, 2.1).
    let mut roles: BTreeMap<String, &str> = BTreeMap::new();
    for name in stack.functions.keys() {
        if let Some(twin) = roles.insert(name.to_lowercase(), name) {
            let message = format!("the functions {twin} and {name} would share a role: IAM ignores case");
            reader.mistake_at(&format!("functions.{name}"), message, None);
        }
    }
    let mut authorizers = BTreeSet::new();
    for (name, pool) in &stack.pools {
        if !authorizers.insert(&pool.authorizer) {
            let message = format!("two pools have the authorizer {}", pool.authorizer);
            reader.mistake_at(&format!("pools.{name}"), message, None);
        }
    }
    let mut routes = BTreeSet::new();
    for (index, route) in stack.api.iter().flat_map(|api| api.routes.iter().enumerate()) {
        if !routes.insert(route.name()) {
            reader.mistake_at(&format!("routes.{index}"), format!("the route {} is there twice", route.name()), None);
        }
    }
    if let Some(api) = &stack.api {
        sibling_parameters(api, reader);
    }
    if stack.firewall.is_some() && stack.api.is_none() {
        reader.mistake_at("firewall", "a firewall protects an api, and this stack has none".into(), None);
    }
}

/// API Gateway allows one path parameter per parent: `/items/{id}` and `/items/{name}` cannot both be.
fn sibling_parameters(api: &super::model::Api, reader: &mut Reader) {
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for (index, route) in api.routes.iter().enumerate() {
        let mut parent = String::new();
        for part in route.path.trim_matches('/').split('/') {
            if part.starts_with('{') {
                let first = parameters.entry(parent.clone()).or_insert_with(|| part.to_owned());
                if first != part {
                    let message = format!("{parent}/{first} and {parent}/{part} cannot both be in one API");
                    reader.mistake_at(&format!("routes.{index}"), message, None);
                }
            }
            parent = format!("{parent}/{part}");
        }
    }
}
