//! The settings that a plan shows for a resource that it creates: those by which a reader recognizes it, and those that decide
//! who may use it. They follow from the stack file, so that they are known before anything exists.

use super::graph::callers;
use crate::choices::{Mfa, SignIn};
use crate::engine::Id;
use crate::spec::{Api, Code, Firewall, Function, Mode, Pool, Route, Stack, Subscriber};
use crate::topology::ids::ApiIds;

/// A line for each group of settings; none for resources whose id says everything.
pub(super) fn settings(stack: &Stack, id: &Id) -> Vec<String> {
    let (what, name) = id.parts();
    match what {
        "function" => stack.functions.get(name).map(function).into_iter().collect(),
        "pool" => stack.pools.get(name).map(pool).into_iter().collect(),
        "table" => table(stack, name).into_iter().collect(),
        "queue" => queue(stack, name).into_iter().collect(),
        "topic" => topic(stack, name).into_iter().collect(),
        "schedule" => schedule(stack, name).into_iter().collect(),
        "client" => client(stack, name).into_iter().collect(),
        "firewall" => stack.firewall.as_ref().map(|firewall| of_firewall(firewall, name)).unwrap_or_default(),
        "secret" => {
            let keys = stack.secrets.get(name).map(|secret| secret.values.keys().cloned().collect::<Vec<_>>());
            keys.filter(|keys| !keys.is_empty()).map(|keys| keys.join(", ")).into_iter().collect()
        }
        _ => stack.all_apis().flat_map(|(name, api)| of_api(stack, (name, api), id)).collect(),
    }
}

fn function(function: &Function) -> String {
    let code = match &function.code {
        Code::Packed(packed) => format!("{}, {}", packed.runtime, packed.architecture),
        Code::Image(image) => image.uri.clone(),
    };
    format!("{code}, {} MB, {} s", function.memory_mb, function.timeout_s)
}

fn pool(pool: &Pool) -> String {
    let names: Vec<&str> = pool
        .sign_in
        .iter()
        .map(|name| match name {
            SignIn::Email => "e-mail address",
            SignIn::Phone => "phone number",
            SignIn::Username => "user name",
        })
        .collect();
    let mut text = format!("sign-in by {}", names.join(" or "));
    if pool.self_sign_up {
        text += ", anyone can sign up";
    }
    text += match pool.mfa {
        Mfa::Off => "",
        Mfa::Optional => ", second factor optional",
        Mfa::On => ", second factor required",
    };
    text
}

fn table(stack: &Stack, name: &str) -> Option<String> {
    let table = stack.tables.get(name)?;
    let sort = table.sort.as_ref().map(|sort| format!(", sort {}", sort.name)).unwrap_or_default();
    Some(format!("key {}{sort}", table.key.name))
}

fn queue(stack: &Stack, name: &str) -> Option<String> {
    let queue = stack.queues.get(name)?;
    let fifo = if queue.fifo { "in order, " } else { "" };
    let dead = queue.dead_letter_after.map(|times| format!(", dead letters after {times} times")).unwrap_or_default();
    Some(format!("{fifo}messages kept {} days{dead}", queue.retention_days))
}

fn topic(stack: &Stack, name: &str) -> Option<String> {
    let subscribers = stack.topics.get(name)?.subscribers.iter().map(|subscriber| match subscriber {
        Subscriber::Email(address) => address.as_str(),
        Subscriber::Https(url) => url.as_str(),
        Subscriber::Queue { queue, .. } => queue.as_str(),
    });
    let subscribers: Vec<&str> = subscribers.collect();
    (!subscribers.is_empty()).then(|| format!("to {}", subscribers.join(", ")))
}

/// A function has a number behind its name if it has several schedules.
fn schedule(stack: &Stack, name: &str) -> Option<String> {
    let (function, number) = match name.rsplit_once('.') {
        Some((function, number)) if stack.functions.contains_key(function) => (function, number.parse().ok()?),
        _ => (name, 1_usize),
    };
    let schedule = stack.functions.get(function)?.schedules().nth(number.checked_sub(1)?)?;
    Some(format!("{} {}", schedule.expression, schedule.timezone))
}

fn client(stack: &Stack, name: &str) -> Option<String> {
    let (pool, client) = name.split_once('/')?;
    let client = stack.pools.get(pool)?.clients.get(client)?;
    let who = if client.is_machine() { "a program" } else { "an app" };
    let secret = if client.secret { " with a secret" } else { "" };
    let scopes: Vec<&str> = client.scopes.iter().map(String::as_str).collect();
    let scopes = if scopes.is_empty() { String::new() } else { format!(", {}", scopes.join(", ")) };
    Some(format!("{who}{secret}{scopes}"))
}

fn of_firewall(firewall: &Firewall, name: &str) -> Vec<String> {
    match name {
        "web-acl" => {
            let mode = match firewall.mode {
                Mode::Count => "counts requests of listed addresses, and blocks none of them",
                Mode::Allow => "blocks every address that is not listed",
                Mode::Block => "blocks listed addresses",
            };
            let mut lines = vec![mode.to_owned()];
            lines.extend(firewall.managed_rules.iter().map(|rule| {
                let how = if rule.block { "blocks" } else { "only counts" };
                format!("{how} what AWS's rules {} match", rule.name)
            }));
            lines.extend(
                firewall
                    .rate_per_ip
                    .map(|rate| format!("blocks addresses with more than {rate} requests in 5 minutes")),
            );
            lines
        }
        "addresses-v4" | "addresses-v6" => {
            let v6 = name.ends_with("v6");
            let of_kind = firewall.addresses.iter().filter(|address| address.addr().is_ipv6() == v6);
            let networks: Vec<String> = of_kind.map(ToString::to_string).collect();
            if networks.is_empty() { Vec::new() } else { vec![networks.join(", ")] }
        }
        _ => Vec::new(),
    }
}

fn of_api(stack: &Stack, (name, api): (Option<&str>, &Api), id: &Id) -> Vec<String> {
    let ids = ApiIds(name);
    if *id == ids.stage(&api.stage) {
        return vec![format!("{} requests/s, burst {}, for each route", api.rate_limit, api.burst_limit)];
    }
    if ids.all_routes(api.kind) != *id {
        return Vec::new();
    }
    let line = |route: &Route| {
        let callers = callers(stack, (name, api), route);
        let callers: Vec<String> = callers.into_iter().map(|(who, how)| format!("{who} ({how})")).collect();
        format!("{} {} {}, for {}", route.name(), "to", route.target.label(), callers.join(" or "))
    };
    api.routes.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{BUILTIN, parse};

    fn shown(stack: &Stack, what: &str, name: &str) -> Vec<String> {
        settings(stack, &Id::new(what, name))
    }

    #[test]
    fn a_firewall_that_blocks_differs_from_one_that_counts() {
        let stack = parse(BUILTIN).expect("sound");
        let counts = shown(&stack, "firewall", "web-acl");
        assert!(counts[0].starts_with("counts"), "{counts:?}");
        let blocking = parse(&BUILTIN.replace("= \"count\"", "= \"block\"")).expect("sound");
        assert!(shown(&blocking, "firewall", "web-acl")[0].starts_with("blocks listed"));
    }

    #[test]
    fn routes_name_their_callers_and_functions_their_runtime() {
        let stack = parse(BUILTIN).expect("sound");
        let routes = shown(&stack, "api", "routes");
        assert_eq!(routes.len(), 2);
        assert!(routes[0].starts_with("POST /lambda1 to ExternalLambda1, for users of MyUserPool1"), "{routes:?}");
        assert!(shown(&stack, "function", "InternalLambda")[0].contains(" MB, "));
        assert_eq!(shown(&stack, "role", "InternalLambda"), Vec::<String>::new());
    }
}
