//! The commands that are printed under "Next" after `up`. Each can be pasted and works: it has the key, the parameters
//! and the body that its route requires, and a user name that the pool accepts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::choices::{SignIn, UserAttribute, UserAttributeType};
use crate::probe::API_KEY_HEADER;
use crate::report::quoted;
use crate::spec::routing::parameter;
use crate::spec::{Api, Auth, Pool, Route, Stack};
use crate::verify::sample_body;

/// The next steps that `up` prints last.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// How to get a token for a route that no command can call.
    pub remark: Option<String>,
    /// The commands, without the program's name.
    pub commands: Vec<String>,
}

/// `None` if no command can call a route and there is no route for a remark.
pub(super) fn after_up(stack: &Stack, schemas: &BTreeMap<PathBuf, String>) -> Option<Next> {
    let routes = || stack.all_apis().flat_map(|(name, api)| api.routes.iter().map(move |route| (name, api, route)));
    let mut commands = Vec::new();
    let mut remark = None;
    if let Some((name, _, route)) = routes().find(|(.., route)| is_callable(stack, route)) {
        let caller = match &route.auth {
            Auth::Pool(pool) => match stack.programs(pool, route).next() {
                Some(client) => Some(("--client", client)),
                None => stack.pools.get(pool).map(|settings| {
                    let group = route.groups.first().map(|group| format!(" --group {}", quoted(group)));
                    commands.push(add_user(pool, settings) + &group.unwrap_or_default());
                    ("--as", user_name(settings))
                }),
            },
            Auth::Lambda(_) | Auth::Iam | Auth::None => None,
        };
        commands.push(call(stack, schemas, name, route, caller));
    } else {
        let demands = |(_, api, route): (_, &Api, &Route)| match &route.auth {
            Auth::Pool(pool) if !route.scopes.is_empty() => {
                Some((pool.clone(), route.name(), route.token_of(pool, api.kind), route.clone()))
            }
            Auth::Pool(_) | Auth::Lambda(_) | Auth::Iam | Auth::None => None,
        };
        let (pool, name, token, route) = routes().find_map(demands)?;
        remark = Some(format!("{name} takes an {token}: {}.", stack.token_source(&pool, &route)));
        commands.push(format!("outputs pools.{pool}"));
    }
    commands.push("down".to_owned());
    Some(Next { remark, commands })
}

/// Whether a command can call the route with success and without a secret in its arguments.
fn is_callable(stack: &Stack, route: &Route) -> bool {
    let by_all = match &route.auth {
        Auth::Pool(pool) if route.scopes.is_empty() => stack.pools.contains_key(pool),
        Auth::Pool(pool) => stack.programs(pool, route).next().is_some(),
        Auth::None => !route.parameters.headers.iter().any(|name| name.eq_ignore_ascii_case("authorization")),
        Auth::Lambda(_) | Auth::Iam => false,
    };
    by_all && (!route.key || !stack.api_keys().is_empty())
}

fn user_name(pool: &Pool) -> &'static str {
    let has = |way| pool.sign_in.contains(&way);
    match () {
        () if has(SignIn::Username) => "ann",
        () if has(SignIn::Email) => "you@example.com",
        () => "+4930123456",
    }
}

fn add_user(name: &str, pool: &Pool) -> String {
    let mut words = format!("add-user {} --pool {}", quoted(user_name(pool)), quoted(name));
    // An address or a number that users sign in with is an attribute already.
    let is_name = |attribute: &UserAttribute| match attribute.name.as_str() {
        "email" => user_name(pool).contains('@'),
        "phone_number" => user_name(pool).starts_with('+'),
        _ => false,
    };
    for attribute in pool.attributes.iter().filter(|attribute| attribute.required && !is_name(attribute)) {
        let name = attribute.custom().unwrap_or(&attribute.name);
        words += &format!(" --attribute {}", quoted(&format!("{name}={}", example(attribute))));
    }
    words
}

/// A value that Cognito takes for an attribute.
fn example(attribute: &UserAttribute) -> &'static str {
    match (attribute.name.as_str(), attribute.kind) {
        ("birthdate", _) => "1985-12-10",
        ("email", _) => "you@example.com",
        ("phone_number", _) => "+4930123456",
        (_, UserAttributeType::Number) => "1",
        (_, UserAttributeType::Boolean) => "true",
        (_, UserAttributeType::DateTime) => "2026-01-31T12:00:00Z",
        (_, UserAttributeType::String) => "Ada",
    }
}

fn call(
    stack: &Stack,
    schemas: &BTreeMap<PathBuf, String>,
    api: Option<&str>,
    route: &Route,
    caller: Option<(&str, &str)>,
) -> String {
    let name = api.map_or_else(|| route.name(), |api| format!("{api} {}", route.name()));
    let mut words = format!("call {}", quoted(&name));
    let mut add = |flag: &str, value: &str| words += &format!(" {flag} {}", quoted(value));
    if let Some((flag, name)) = caller {
        add(flag, name);
    }
    if let Some(key) = stack.api_keys().into_keys().next().filter(|_| route.key) {
        add("--key", key);
    }
    for (name, _) in route.path.split('/').filter_map(parameter) {
        add("--param", &format!("{name}=1"));
    }
    for name in &route.parameters.query {
        add("--query", &format!("{name}=1"));
    }
    // Other flags set these headers: those for the token, the API key and the body.
    let has_flag = |name: &&String| {
        ["authorization", "content-type", API_KEY_HEADER].iter().any(|one| name.eq_ignore_ascii_case(one))
    };
    for name in route.parameters.headers.iter().filter(|name| !has_flag(name)) {
        add("--header", &format!("{name}: 1"));
    }
    let schema = route.body.as_ref().and_then(|file| serde_json::from_str::<Value>(schemas.get(file)?).ok());
    let without_body = ["GET", "HEAD", "DELETE", "OPTIONS"].contains(&route.method.as_str());
    match schema {
        Some(schema) => add("--data", &sample_body(&schema, "Ada").to_string()),
        None if !without_body => add("--data", &json!({ "name": "Ada" }).to_string()),
        None => {}
    }
    words
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command, TrafficCommand, UserCommand};
    use crate::spec::{blueprints, parse};

    /// Splits a line into words like a shell. It supports only the quoting that `quoted` writes.
    fn shell(line: &str) -> Vec<String> {
        let (mut words, mut quoted) = (vec![String::new()], false);
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            let last = words.last_mut().expect("a word");
            match c {
                '\'' => quoted = !quoted,
                '\\' if !quoted => last.extend(chars.next()),
                ' ' if !quoted => words.push(String::new()),
                c => last.push(c),
            }
        }
        words
    }

    /// Checks every command as the program does before its first call, and returns them.
    fn checked(stack: &Stack, schemas: &BTreeMap<PathBuf, String>) -> Vec<String> {
        let next = after_up(stack, schemas).expect("a next step");
        for words in &next.commands {
            let line = [vec!["securelambda".to_owned()], shell(words)].concat();
            let command = Cli::try_parse_from(&line).unwrap_or_else(|error| panic!("{words}: {error}")).command;
            match command {
                Command::Traffic(TrafficCommand::Call(args)) => {
                    let refused = super::super::call::check(&args, stack).err();
                    assert!(refused.is_none(), "{words}: {refused:?}");
                }
                Command::Users(UserCommand::AddUser(args)) => {
                    let pool = args.user.pool.as_deref();
                    let name = super::super::add_user::check_name(stack, pool, &args.user.name);
                    assert!(name.is_ok(), "{words}: {name:?}");
                    let wanted = &stack.pools[pool.expect("a pool")].attributes;
                    let needed =
                        wanted.iter().filter(|one| one.required && !["email", "phone_number"].contains(&&*one.name));
                    assert_eq!(args.attributes.len(), needed.count(), "{words}");
                }
                _ => {}
            }
        }
        next.commands
    }

    #[test]
    fn every_command_is_complete_for_every_shape_of_a_route() {
        let schemas = [(
            PathBuf::from("order.json"),
            r#"{"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}}"#.to_owned(),
        )];
        let schemas = schemas.into();
        let pools = [
            "[pools.P]\n",
            "[pools.P]\nsign_in = [\"username\"]\n",
            "[pools.P]\nsign_in = [\"phone\"]\nself_sign_up = false\n",
            "[pools.P]\nattributes = { family_name = { required = true }, birthdate = { required = true } }\n",
        ];
        let callers = ["auth = \"none\"\n", "pool = \"P\"\n"];
        let routes = ["GET /a", "POST /a", "ANY /files/{proxy+}", "PUT /it's/{id}"];
        let more = [
            "",
            "key = true\n",
            "parameters = { query = [\"from\"], headers = [\"X-Tenant\"] }\n",
            "body = \"order.json\"\nkey = true\n",
        ];
        for (pool, caller) in pools.iter().flat_map(|pool| callers.iter().map(move |caller| (pool, caller))) {
            for (route, more) in routes.iter().flat_map(|route| more.iter().map(move |more| (route, more))) {
                for api in ["api", "apis.Orders"] {
                    let text = format!(
                        "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n{pool}[plans.p]\nkeys = [\"acme\"]\n[{api}]\n\
                         [[{api}.routes]]\nroute = \"{route}\"\nfunction = \"F\"\n{caller}{more}\
                         [[{api}.routes]]\nroute = \"GET /signed\"\nfunction = \"F\"\nauth = \"iam\"\nkey = true\n"
                    );
                    let Ok(stack) = parse(&text) else {
                        assert!(route.contains('\''), "{text}");
                        continue;
                    };
                    let commands = checked(&stack, &schemas);
                    assert!(commands.iter().any(|words| words.starts_with("call")), "{commands:?}");
                }
            }
        }
        for blueprint in blueprints::ALL {
            checked(&parse(blueprint.text).expect("sound"), &schemas);
        }
    }

    #[test]
    fn a_route_for_programs_is_called_as_a_program() {
        let text = "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[pools.Users]\nscopes = { orders = [\"read\"] }\n\
                    login = { domain = \"demo\" }\n[pools.Users.clients.partner]\nsecret = true\n\
                    flows = [\"client-credentials\"]\nscopes = [\"orders/read\"]\n[api]\n[[api.routes]]\n\
                    route = \"GET /orders\"\nfunction = \"F\"\npool = \"Users\"\nscopes = [\"orders/read\"]\n";
        let commands = checked(&parse(text).expect("sound"), &BTreeMap::new());
        assert_eq!(commands, ["call 'GET /orders' --client partner", "down"]);
        let nobody = text.replace("scopes = [\"orders/read\"]\n[api]", "scopes = [\"orders/write\"]\n[api]");
        let nobody = nobody.replace("[\"read\"]", "[\"read\", \"write\"]");
        let next = after_up(&parse(&nobody).expect("sound"), &BTreeMap::new()).expect("a next step");
        assert_eq!(
            next.remark.as_deref(),
            Some(
                "GET /orders takes an access token of Users with the scope orders/read: no app client may request such a token: name \
                 the scope in `scopes` of an entry of [pools.Users.clients]."
            )
        );
        assert_eq!(next.commands, ["outputs pools.Users", "down"]);
        // Another route is called if there is one.
        let both = format!("{nobody}[[api.routes]]\nroute = \"GET /me\"\nfunction = \"F\"\npool = \"Users\"\n");
        let commands = checked(&parse(&both).expect("sound"), &BTreeMap::new());
        assert_eq!(commands, ["add-user you@example.com --pool Users", "call 'GET /me' --as you@example.com", "down"]);
    }
}
