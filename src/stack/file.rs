//! The stack file: TOML into a [`Stack`], with every mistake found at once, each at its place.
//!
//! The document is walked by hand rather than deserialised, because a deserialiser stops at the first mistake.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ipnet::IpNet;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, SpanMap};
use super::keys;
use super::model::{
    Api, ApiKind, Auth, Firewall, Function, IdentityPool, Invoke, ManagedRule, Mfa, Mode, Password, Pool, Route,
    ServiceUser, Stack, Value, Variable,
};
use super::reader::{Item, Reader, Table, suggest};
use super::{managed, rules};

/// Reads a stack file. `Err` holds every mistake, in the order of the file.
pub fn parse(text: &str) -> Result<Stack, Vec<Diagnostic>> {
    read(text).map(|(stack, _)| stack)
}

/// Reads a stack file, and says where everything stands in it, for mistakes that only its folder or AWS can tell of.
pub fn read(text: &str) -> Result<(Stack, SpanMap), Vec<Diagnostic>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader::default();
    if !errors.is_empty() {
        // What a broken line was meant to say can only be guessed, and so what follows from it.
        let help = "this is TOML, see toml.io; the rest is checked once it can be read";
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            reader.diagnostic(&within(text, span), error.message().trim_end(), Some(help.to_owned()));
        }
        return Err(reader.mistakes);
    }
    let stack = reader.stack(&Table { span: 0..0, table: document.get_ref() });
    for flaw in super::check::flaws(&stack, &reader.places) {
        reader.flaw(flaw);
    }
    if reader.mistakes.is_empty() {
        return Ok((stack, reader.places));
    }
    reader.mistakes.sort_by_key(Diagnostic::offset);
    Err(reader.mistakes)
}

/// The span, cut to what there is to show: the parser may point behind the end, or into a character.
fn within(text: &str, span: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    start..text.ceil_char_boundary(span.end.clamp(start, text.len()))
}

impl Reader {
    fn stack(&mut self, root: &Table) -> Stack {
        self.known(root, &keys::ROOT);
        let mut name = "securelambda".to_owned();
        let mut permissions_boundary = None;
        if let Some(table) = self.table_in(root, "stack") {
            self.known(&table, &keys::STACK);
            permissions_boundary = self.permissions_boundary(&table);
            if let Some((wanted, span)) = self.required(&table, "stack", "name") {
                if let Err(why) = rules::stack_name(&wanted) {
                    self.diagnostic(&span, why, None);
                }
                name = wanted;
            }
        }
        Stack {
            name,
            permissions_boundary,
            topics: self.section(root, "topics").into_iter().map(|(name, table)| self.topic(name, &table)).collect(),
            secrets: self.section(root, "secrets").into_iter().map(|(name, t)| self.secret(name, &t)).collect(),
            functions: self.section(root, "functions").into_iter().map(|(name, t)| self.function(name, &t)).collect(),
            pools: self.section(root, "pools").into_iter().map(|(name, t)| self.pool(name, &t)).collect(),
            service_users: self
                .section(root, "service_users")
                .into_iter()
                .map(|(name, t)| self.service_user(name, &t))
                .collect(),
            identity_pools: self
                .section(root, "identity_pools")
                .into_iter()
                .map(|(name, t)| self.identity_pool(name, &t))
                .collect(),
            api: root
                .get("api")
                .and_then(|item| {
                    self.remember("api".into(), item.span());
                    self.table(item, "api")
                })
                .map(|table| self.api("", &table)),
            apis: self
                .section(root, "apis")
                .into_iter()
                .map(|(name, table)| {
                    let api = self.api(&format!("apis.{name}."), &table);
                    (name, api)
                })
                .collect(),
            firewall: root
                .get("firewall")
                .and_then(|item| {
                    self.remember("firewall".into(), item.span());
                    self.table(item, "firewall")
                })
                .map(|table| self.firewall(&table)),
        }
    }

    fn permissions_boundary(&mut self, table: &Table) -> Option<String> {
        let (arn, span) = self.string(table, "permissions_boundary")?;
        if let Err(why) = rules::policy_arn(&arn) {
            self.diagnostic(&span, why, None);
        }
        Some(arn)
    }

    fn topic(&mut self, name: String, table: &Table) -> String {
        self.known(table, &keys::TOPIC);
        name
    }

    fn secret(&mut self, name: String, table: &Table) -> (String, BTreeMap<String, Value>) {
        let mut values = BTreeMap::new();
        if table.table.is_empty() {
            self.flaw(Diagnostic::new(format!("secrets.{name}"), format!("the secret {name} has no value")));
        }
        for (key, item) in table.table {
            let place = format!("secrets.{name}.{}", key.get_ref());
            self.remember(place, item.span());
            if key.get_ref().trim().is_empty() {
                self.diagnostic(&key.span(), "a secret's key is empty", None);
            }
            if let Some(value) = self.secret_value(item) {
                values.insert(key.get_ref().to_string(), value);
            }
        }
        (name, values)
    }

    fn secret_value(&mut self, item: Item) -> Option<Value> {
        let help = "write { topic = \"…\" }, { env = \"VARIABLE\" }, { prompt = true } or { generate = 32 }: a value \
                    never stands in this file";
        let DeValue::Table(table) = item.get_ref() else {
            self.diagnostic(&item.span(), "a secret's value says where it comes from", Some(help.into()));
            self.hide(item.span());
            return None;
        };
        let table = Table { span: item.span(), table };
        self.known(&table, &keys::VALUE);
        let known = keys::VALUE.names();
        for (_, item) in table.table.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
            self.hide(item.span());
        }
        if table.table.len() != 1 {
            self.diagnostic(&item.span(), "a secret's value comes from one place", Some(help.into()));
            return None;
        }
        if table.get("topic").is_some() {
            return self.required(&table, "a secret's value", "topic").map(|(topic, _)| Value::Topic(topic));
        }
        if table.get("env").is_some() {
            let (variable, span) = self.required(&table, "a secret's value", "env")?;
            if let Err(why) = rules::variable_name(&variable) {
                let help = "the value itself never stands in this file";
                self.diagnostic(&span, why, Some(help.into()));
                self.hide(span);
            }
            return Some(Value::Env(variable));
        }
        if let Some(item) = table.get("prompt") {
            if !self.boolean(&table, "prompt", true) {
                self.diagnostic(&item.span(), "`prompt` is true, or left out", None);
            }
            return Some(Value::Prompt);
        }
        let length = self.number(&table, &keys::VALUE, "generate")?;
        u16::try_from(length).ok().map(Value::Generate)
    }

    fn function(&mut self, name: String, table: &Table) -> (String, Function) {
        self.known(table, &keys::FUNCTION);
        let what = format!("functions.{name}");
        let source = self.required(table, &what, "source");
        if let Some((_, span)) = &source {
            self.remember(format!("{what}.source"), span.clone());
        }
        let trigger = self.table_in(table, "trigger").and_then(|trigger| {
            self.known(&trigger, &keys::TRIGGER);
            let (topic, span) = self.required(&trigger, "a trigger", "topic")?;
            self.remember(format!("{what}.trigger"), span);
            Some(topic)
        });
        let names = |reader: &mut Self, key: &str| -> Vec<String> {
            let list = reader.strings(table, key);
            for (name, span) in &list {
                reader.remember(format!("{what}.{key}.{name}"), span.clone());
            }
            list.into_iter().map(|(name, _)| name).collect()
        };
        let (secrets, publishes) = (names(self, "secrets"), names(self, "publishes"));
        let architectures = [("arm64", "arm64"), ("x86_64", "x86_64")];
        let function = Function {
            source: PathBuf::from(source.map(|(source, _)| source).unwrap_or_default()),
            trigger,
            secrets,
            publishes,
            handler: self.handler(table),
            runtime: self.runtime(&what, table),
            architecture: self.choice(table, "architecture", &architectures).unwrap_or("arm64").to_owned(),
            memory_mb: self.number(table, &keys::FUNCTION, "memory_mb").unwrap_or(128),
            timeout_s: self.number(table, &keys::FUNCTION, "timeout_s").unwrap_or(10),
            log_retention_days: self.retention(table),
            environment: self.environment(&what, table),
        };
        (name, function)
    }

    fn handler(&mut self, table: &Table) -> String {
        let Some((handler, span)) = self.string(table, "handler") else { return "index.handler".to_owned() };
        if let Err(why) = rules::handler(&handler) {
            self.diagnostic(
                &span,
                why,
                Some("it is the file without its ending, a dot, and the function's name".into()),
            );
        }
        handler
    }

    fn runtime(&mut self, what: &str, table: &Table) -> String {
        let Some((runtime, span)) = self.string(table, "runtime") else { return rules::DEFAULT_RUNTIME.to_owned() };
        self.remember(format!("{what}.runtime"), span.clone());
        if let Err(why) = rules::runtime(&runtime) {
            let help = if rules::is_retired(&runtime) {
                format!("take one of {}", rules::RUNTIMES.join(", "))
            } else {
                suggest(&runtime, &rules::RUNTIMES)
            };
            self.diagnostic(&span, why, Some(help));
        }
        runtime
    }

    fn retention(&mut self, table: &Table) -> u32 {
        let Some(item) = table.get("log_retention_days") else { return 14 };
        let Some(retention) = self.number(table, &keys::FUNCTION, "log_retention_days") else { return 14 };
        if !rules::RETENTION_DAYS.contains(&retention) {
            let days: Vec<String> = rules::RETENTION_DAYS.iter().map(ToString::to_string).collect();
            let help = format!("CloudWatch Logs allows {}", days.join(", "));
            self.diagnostic(&item.span(), format!("logs cannot be kept for {retention} days"), Some(help));
        }
        retention
    }

    fn environment(&mut self, what: &str, table: &Table) -> BTreeMap<String, Variable> {
        let Some(item) = table.get("environment") else { return BTreeMap::new() };
        self.remember(format!("{what}.environment"), item.span());
        let Some(table) = self.table(item, "environment") else { return BTreeMap::new() };
        let mut environment = BTreeMap::new();
        for (key, item) in table.table {
            let name = key.get_ref();
            if let Err(why) = rules::environment_name(name) {
                self.diagnostic(&key.span(), why, None);
            }
            self.remember(format!("{what}.environment.{name}"), item.span());
            let value = match item.get_ref() {
                DeValue::Table(from) => self.variable(&Table { span: item.span(), table: from }),
                _ => self.string(&table, name).map(|(text, _)| Variable::Text(text)),
            };
            environment.extend(value.map(|value| (name.to_string(), value)));
        }
        environment
    }

    fn variable(&mut self, table: &Table) -> Option<Variable> {
        self.known(table, &keys::VARIABLE_FROM);
        let names = keys::VARIABLE_FROM.names();
        let given: Vec<&&str> = names.iter().filter(|name| table.get(name).is_some()).collect();
        let [name] = given.as_slice() else {
            let help = "write text, or { pool_id = \"…\" }, { client_id = \"…\" }, { identity_pool_id = \"…\" } or \
                        { url = \"…\" }";
            self.diagnostic(&table.span, "a variable's value comes from one place", Some(help.into()));
            return None;
        };
        let (of, _) = self.required(table, "a variable", name)?;
        Some(match **name {
            "pool_id" => Variable::PoolId(of),
            "client_id" => Variable::ClientId(of),
            "identity_pool_id" => Variable::IdentityPoolId(of),
            _ => Variable::Url(of),
        })
    }

    fn service_user(&mut self, name: String, table: &Table) -> (String, ServiceUser) {
        self.known(table, &keys::SERVICE_USER);
        let pool = self.reference(table, "a service user", "pool", &format!("service_users.{name}.pool"));
        (name, ServiceUser { pool })
    }

    fn identity_pool(&mut self, name: String, table: &Table) -> (String, IdentityPool) {
        self.known(table, &keys::IDENTITY_POOL);
        let pool = self.reference(table, "an identity pool", "pool", &format!("identity_pools.{name}.pool"));
        let list = self.strings(table, "invokes");
        if list.is_empty() {
            let help = "name the routes that its credentials open: invokes = [\"GET /items\"]";
            self.diagnostic(&table.span, "an identity pool whose credentials open nothing", Some(help.into()));
        }
        let mut invokes = Vec::new();
        for (text, span) in list {
            self.remember(format!("identity_pools.{name}.invokes.{}", invokes.len()), span);
            // `Age GET /age`, or `GET /age` of the API without a name.
            let (api, route) = match text.splitn(3, ' ').collect::<Vec<_>>().as_slice() {
                [api, method, path] => (Some((*api).to_owned()), format!("{method} {path}")),
                _ => (None, text),
            };
            invokes.push(Invoke { api, route });
        }
        (name, IdentityPool { pool, invokes })
    }

    /// The name of something that stands elsewhere in the file; where it stands is remembered for those who look it up.
    fn reference(&mut self, table: &Table, what: &str, key: &str, place: &str) -> String {
        let Some((name, span)) = self.required(table, what, key) else { return String::new() };
        self.remember(place.to_owned(), span);
        name
    }

    fn pool(&mut self, name: String, table: &Table) -> (String, Pool) {
        self.known(table, &keys::POOL);
        let password = self.table_in(table, "password");
        let password = match &password {
            Some(table) => {
                self.known(table, &keys::PASSWORD);
                Password {
                    minimum_length: self
                        .number(table, &keys::PASSWORD, "minimum_length")
                        .and_then(|n| u8::try_from(n).ok())
                        .unwrap_or(12),
                    lowercase: self.boolean(table, "lowercase", true),
                    uppercase: self.boolean(table, "uppercase", true),
                    numbers: self.boolean(table, "numbers", true),
                    symbols: self.boolean(table, "symbols", true),
                }
            }
            None => Password { minimum_length: 12, lowercase: true, uppercase: true, numbers: true, symbols: true },
        };
        let mfa = [("off", Mfa::Off), ("optional", Mfa::Optional), ("on", Mfa::On)];
        let authorizer = self.string(table, "authorizer");
        if let Some((authorizer, span)) = &authorizer {
            self.remember(format!("pools.{name}.authorizer"), span.clone());
            if let Err(why) = rules::name("authorizers", authorizer) {
                self.diagnostic(span, why, None);
            }
        }
        let pool = Pool {
            authorizer: authorizer.map_or_else(|| format!("{name}Authorizer"), |(authorizer, _)| authorizer),
            password,
            self_sign_up: self.boolean(table, "self_sign_up", true),
            mfa: self.choice(table, "mfa", &mfa).unwrap_or(Mfa::Off),
            deletion_protection: self.boolean(table, "deletion_protection", false),
        };
        (name, pool)
    }

    /// `within` begins the places of what is in it: nothing, or `apis.Name.`.
    fn api(&mut self, within: &str, table: &Table) -> Api {
        self.known(table, &keys::API);
        let kinds = [("rest", ApiKind::Rest), ("http", ApiKind::Http)];
        let kind = self.choice(table, "kind", &kinds).unwrap_or(ApiKind::Rest);
        let stage = self.string(table, "stage");
        if let Some((stage, span)) = &stage
            && let Err(why) = rules::stage_name(stage)
        {
            self.diagnostic(span, why, None);
        }
        let mut routes = Vec::new();
        let none = |reader: &mut Self| {
            reader.diagnostic(&table.span, "the api has no routes", Some("add an [[api.routes]]".into()));
        };
        match table.get("routes").map(|item| (item, item.get_ref())) {
            Some((_, DeValue::Array(items))) if items.is_empty() => none(self),
            Some((_, DeValue::Array(items))) => {
                for item in items {
                    if let Some(table) = self.table(item, "a route") {
                        let route = self.route(&format!("{within}routes.{}", routes.len()), &table);
                        routes.extend(route);
                    }
                }
            }
            Some((item, _)) => self.wrong(item, "routes", "a list of [[api.routes]]"),
            None => none(self),
        }
        Api {
            kind,
            stage: stage.map_or_else(|| rules::default_stage(kind).to_owned(), |(stage, _)| stage),
            rate_limit: self.number(table, &keys::API, "rate_limit").unwrap_or(50),
            burst_limit: self.number(table, &keys::API, "burst_limit").unwrap_or(50),
            routes,
        }
    }

    /// The route that would have this place among the sound ones.
    fn route(&mut self, place: &str, table: &Table) -> Option<Route> {
        self.known(table, &keys::ROUTE);
        let route = self.required(table, "a route", "route");
        let function = self.required(table, "a route", "function");
        for (key, read) in [("route", &route), ("function", &function)] {
            if let Some((_, span)) = read {
                self.remember(format!("{place}.{key}"), span.clone());
            }
        }
        let name = route.as_ref().map_or("this route", |(route, _)| route);
        let auth = self.auth(place, name, table);
        let body = self.string(table, "body").map(|(body, span)| {
            self.remember(format!("{place}.body"), span.clone());
            if body.trim().is_empty() {
                self.diagnostic(&span, "`body` is empty", None);
            }
            PathBuf::from(body.trim())
        });
        let (route, span) = route?;
        let parts = rules::route(&route);
        if let Err(why) = &parts {
            self.diagnostic(&span, why.message.as_str(), Some(why.help.clone()));
        }
        let (method, path) = parts.ok()?;
        // A function or a caller that was complained about must not hide what else is wrong with the route.
        let function = function.map(|(function, _)| function).unwrap_or_default();
        Some(Route { method, path, function, auth: auth.unwrap_or(Auth::None), body })
    }

    fn auth(&mut self, place: &str, name: &str, table: &Table) -> Option<Auth> {
        let pool = self.string(table, "pool");
        let auth = match table.get("auth").map(|item| (item, item.get_ref())) {
            // `auth = { pool = "…" }` and `pool = "…"` say the same.
            Some((item, DeValue::Table(from))) => {
                let from = Table { span: item.span(), table: from };
                self.known(&from, &keys::AUTH);
                let (pool, span) = self.required(&from, "auth", "pool")?;
                self.remember(format!("{place}.pool"), span);
                Some(Auth::Pool(pool))
            }
            Some(_) => self
                .choice(table, "auth", &[("none", false), ("iam", true)])
                .map(|iam| if iam { Auth::Iam } else { Auth::None }),
            None => None,
        };
        match (pool, auth) {
            (Some((pool, span)), None) => {
                self.remember(format!("{place}.pool"), span);
                Some(Auth::Pool(pool))
            }
            (None, Some(auth)) => Some(auth),
            (None, None) => {
                if table.get("pool").is_none() && table.get("auth").is_none() {
                    let help = "name a `pool`; an open route must say `auth = \"none\"`";
                    self.diagnostic(
                        &table.span,
                        format!("nobody is said to be allowed to call {name}"),
                        Some(help.into()),
                    );
                }
                None
            }
            (Some((_, span)), Some(auth)) => {
                let other = if auth == Auth::None { "`auth = \"none\"`" } else { "`auth`" };
                self.diagnostic(&span, format!("a route has a `pool` or {other}, not both"), None);
                None
            }
        }
    }

    fn firewall(&mut self, table: &Table) -> Firewall {
        self.known(table, &keys::FIREWALL);
        let modes = [("count", Mode::Count), ("allow", Mode::Allow), ("block", Mode::Block)];
        let mut addresses: Vec<IpNet> = Vec::new();
        for (address, span) in self.strings(table, "addresses") {
            match rules::network(&address) {
                Ok(network) if addresses.contains(&network) => {
                    self.diagnostic(&span, format!("{network} is there twice"), None);
                }
                Ok(network) => addresses.push(network),
                Err(why) => self.diagnostic(&span, why, Some("write it as CIDR: \"203.0.113.7/32\"".into())),
            }
        }
        let mut managed_rules = Vec::new();
        for (group, span) in self.strings(table, "managed_rules") {
            match managed::parse(&group) {
                Ok(rule) if managed_rules.iter().any(|known: &ManagedRule| known.name == rule.name) => {
                    self.diagnostic(&span, format!("{} is there twice", rule.name), None);
                }
                Ok(rule) => managed_rules.push(rule),
                Err((why, help)) => self.diagnostic(&span, why, help),
            }
        }
        if let Some(item) = table.get("addresses") {
            self.remember("firewall.addresses".into(), item.span());
        }
        Firewall {
            mode: self.choice(table, "mode", &modes).unwrap_or(Mode::Count),
            addresses,
            rate_per_ip: self.number(table, &keys::FIREWALL, "rate_per_ip"),
            managed_rules,
        }
    }
}
