//! The stack file: TOML into a [`Stack`], with every mistake found at once, each at its place.
//!
//! The document is walked by hand rather than deserialised, because a deserialiser stops at the first mistake.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use ipnet::IpNet;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::model::{Api, Auth, Firewall, Function, Mfa, Mode, Password, Pool, Route, Stack, Value};
use super::rules;
use crate::error::nearest;

/// One mistake in a stack file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("{message}")]
pub struct Mistake {
    /// What is wrong.
    pub message: String,
    /// Where: bytes of the file.
    #[label("here")]
    pub span: miette::SourceSpan,
    /// What would be right.
    #[help]
    pub help: Option<String>,
}

/// Reads a stack file. `Err` holds every mistake, in the order of the file.
pub fn parse(text: &str) -> Result<Stack, Vec<Mistake>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader::default();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        reader.mistake(&span, error.message().to_owned(), None);
    }
    let stack = reader.stack(&Table { span: document.span(), table: document.get_ref() });
    if reader.mistakes.is_empty() {
        super::check::references(&stack, &mut reader);
    }
    if reader.mistakes.is_empty() {
        return Ok(stack);
    }
    reader.mistakes.sort_by_key(|mistake| mistake.span.offset());
    Err(reader.mistakes)
}

/// Collects mistakes while a document is walked.
#[derive(Default)]
pub(super) struct Reader {
    mistakes: Vec<Mistake>,
    /// Where each name stands, for mistakes that are found once all is read.
    places: BTreeMap<String, Range<usize>>,
}

struct Table<'a> {
    span: Range<usize>,
    table: &'a DeTable<'a>,
}

type Item<'a> = &'a Spanned<DeValue<'a>>;

impl Reader {
    fn mistake(&mut self, span: &Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.mistakes.push(Mistake { message: message.into(), span: span.clone().into(), help });
    }

    /// A mistake at a place that was remembered while reading.
    pub(super) fn mistake_at(&mut self, place: &str, message: String, help: Option<String>) {
        let span = self.places.get(place).cloned().unwrap_or(0..0);
        self.mistake(&span, message, help);
    }

    fn remember(&mut self, place: String, span: Range<usize>) {
        self.places.insert(place, span);
    }

    /// Complains about keys that nobody knows.
    fn known(&mut self, table: &Table, what: &str, keys: &[&str]) {
        for key in table.table.keys().filter(|key| !keys.contains(&key.get_ref().as_ref())) {
            let help = match nearest(key.get_ref(), keys) {
                Some(near) => format!("did you mean `{near}`?"),
                None if keys.is_empty() => format!("{what} has no settings"),
                None => format!("{what} knows: {}", keys.join(", ")),
            };
            self.mistake(&key.span(), format!("{what} has no key `{}`", key.get_ref()), Some(help));
        }
    }

    fn table<'a>(&mut self, item: Item<'a>, what: &str) -> Option<Table<'a>> {
        if let DeValue::Table(table) = item.get_ref() {
            return Some(Table { span: item.span(), table });
        }
        self.mistake(&item.span(), format!("{what} is a table, not {}", item.get_ref().type_str()), None);
        None
    }

    /// The tables of a section such as `[functions.X]`, by name.
    fn section<'a>(&mut self, root: &Table<'a>, section: &'static str) -> Vec<(String, Table<'a>)> {
        let Some(item) = root.table.get(section) else { return Vec::new() };
        let Some(tables) = self.table(item, section) else { return Vec::new() };
        let mut named = Vec::new();
        for (key, item) in tables.table {
            let name = key.get_ref().to_string();
            self.remember(format!("{section}.{name}"), key.span());
            if let Err(why) = rules::name(section, &name) {
                self.mistake(&key.span(), why, None);
            }
            if let Some(table) = self.table(item, &format!("{section}.{name}")) {
                named.push((name, table));
            }
        }
        named
    }

    fn string(&mut self, table: &Table, key: &str) -> Option<(String, Range<usize>)> {
        let item = table.table.get(key)?;
        if let DeValue::String(text) = item.get_ref() {
            return Some((text.to_string(), item.span()));
        }
        self.wrong(item, key, "a string");
        None
    }

    fn required(&mut self, table: &Table, what: &str, key: &str) -> (String, Range<usize>) {
        if !table.table.contains_key(key) {
            self.mistake(&table.span, format!("{what} lacks `{key}`"), None);
        }
        self.string(table, key).unwrap_or_default()
    }

    fn boolean(&mut self, table: &Table, key: &str, default: bool) -> bool {
        match table.table.get(key).map(|item| (item, item.get_ref())) {
            None => default,
            Some((_, DeValue::Boolean(value))) => *value,
            Some((item, _)) => {
                self.wrong(item, key, "true or false");
                default
            }
        }
    }

    fn number(&mut self, table: &Table, key: &str, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let item = table.table.get(key)?;
        let number = match item.get_ref() {
            DeValue::Integer(digits) => u32::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        match number {
            Some(number) if range.contains(&number) => Some(number),
            _ => {
                let (from, to) = range.into_inner();
                self.mistake(&item.span(), format!("`{key}` is a whole number from {from} to {to}"), None);
                None
            }
        }
    }

    fn strings(&mut self, table: &Table, key: &str) -> Vec<(String, Range<usize>)> {
        let Some(item) = table.table.get(key) else { return Vec::new() };
        let DeValue::Array(items) = item.get_ref() else {
            self.wrong(item, key, "a list of strings");
            return Vec::new();
        };
        let mut strings = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(text) => strings.push((text.to_string(), item.span())),
                _ => self.wrong(item, key, "a list of strings"),
            }
        }
        strings
    }

    fn choice<T: Copy>(&mut self, table: &Table, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let (word, span) = self.string(table, key)?;
        let found = choices.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let help = nearest(&word, &names).map(|near| format!("did you mean \"{near}\"?"));
            self.mistake(&span, format!("`{key}` is one of {}", names.join(", ")), help);
        }
        found
    }

    fn wrong(&mut self, item: Item, key: &str, wanted: &str) {
        self.mistake(&item.span(), format!("`{key}` is {wanted}, not {}", item.get_ref().type_str()), None);
    }

    fn stack(&mut self, root: &Table) -> Stack {
        let sections = ["stack", "topics", "secrets", "functions", "pools", "api", "firewall"];
        self.known(root, "a stack file", &sections);
        let name = match root.table.get("stack").and_then(|item| self.table(item, "stack")) {
            Some(table) => {
                self.known(&table, "stack", &["name"]);
                let (name, span) = self.required(&table, "stack", "name");
                if let Err(why) = rules::stack_name(&name)
                    && !span.is_empty()
                {
                    self.mistake(&span, why, None);
                }
                name
            }
            None => "securelambda".to_owned(),
        };
        Stack {
            name,
            topics: self.section(root, "topics").into_iter().map(|(name, table)| self.topic(name, &table)).collect(),
            secrets: self.section(root, "secrets").into_iter().map(|(name, t)| self.secret(name, &t)).collect(),
            functions: self.section(root, "functions").into_iter().map(|(name, t)| self.function(name, &t)).collect(),
            pools: self.section(root, "pools").into_iter().map(|(name, t)| self.pool(name, &t)).collect(),
            api: root.table.get("api").and_then(|item| self.table(item, "api")).map(|table| self.api(&table)),
            firewall: root
                .table
                .get("firewall")
                .and_then(|item| {
                    self.remember("firewall".into(), item.span());
                    self.table(item, "firewall")
                })
                .map(|table| self.firewall(&table)),
        }
    }

    fn topic(&mut self, name: String, table: &Table) -> String {
        self.known(table, "a topic", &[]);
        name
    }

    fn secret(&mut self, name: String, table: &Table) -> (String, BTreeMap<String, Value>) {
        let mut values = BTreeMap::new();
        for (key, item) in table.table {
            let place = format!("secrets.{name}.{}", key.get_ref());
            self.remember(place, item.span());
            if let Some(value) = self.secret_value(item) {
                values.insert(key.get_ref().to_string(), value);
            }
        }
        (name, values)
    }

    fn secret_value(&mut self, item: Item) -> Option<Value> {
        let help =
            "write { topic = \"…\" }, { env = \"VARIABLE\" } or { generate = 32 }: a value never stands in this file";
        let DeValue::Table(table) = item.get_ref() else {
            self.mistake(&item.span(), "a secret's value says where it comes from", Some(help.into()));
            return None;
        };
        let table = Table { span: item.span(), table };
        self.known(&table, "a secret's value", &["topic", "env", "generate"]);
        if table.table.len() != 1 {
            self.mistake(&item.span(), "a secret's value comes from one place", Some(help.into()));
            return None;
        }
        let topic = self.string(&table, "topic").map(|(topic, _)| Value::Topic(topic));
        let env = self.string(&table, "env").map(|(variable, _)| Value::Env(variable));
        let generate = self.number(&table, "generate", 16..=4096);
        topic.or(env).or(generate.map(|length| Value::Generate(u16::try_from(length).unwrap_or(32))))
    }

    fn function(&mut self, name: String, table: &Table) -> (String, Function) {
        self.known(
            table,
            "a function",
            &[
                "source",
                "trigger",
                "secrets",
                "publishes",
                "runtime",
                "handler",
                "architecture",
                "memory_mb",
                "timeout_s",
                "log_retention_days",
                "environment",
            ],
        );
        let what = format!("functions.{name}");
        let source = self.required(table, &what, "source");
        let trigger = table.table.get("trigger").and_then(|item| self.table(item, "trigger")).map(|trigger| {
            self.known(&trigger, "a trigger", &["topic"]);
            let (topic, span) = self.required(&trigger, "a trigger", "topic");
            self.remember(format!("{what}.trigger"), span);
            topic
        });
        let names = |reader: &mut Self, key: &str| -> Vec<String> {
            let list = reader.strings(table, key);
            for (name, span) in &list {
                reader.remember(format!("{what}.{key}.{name}"), span.clone());
            }
            list.into_iter().map(|(name, _)| name).collect()
        };
        let (secrets, publishes) = (names(self, "secrets"), names(self, "publishes"));
        let retention = self.number(table, "log_retention_days", 1..=3653).unwrap_or(14);
        if !rules::RETENTION_DAYS.contains(&retention) {
            let days: Vec<String> = rules::RETENTION_DAYS.iter().map(ToString::to_string).collect();
            let help = format!("CloudWatch Logs allows {}", days.join(", "));
            let span = table.table.get("log_retention_days").map_or(0..0, Spanned::span);
            self.mistake(&span, format!("logs cannot be kept for {retention} days"), Some(help));
        }
        let runtime = self.string(table, "runtime");
        if let Some((runtime, span)) = &runtime
            && let Err(why) = rules::runtime(runtime)
        {
            self.mistake(span, why, Some(format!("known: {}", rules::RUNTIMES.join(", "))));
        }
        let runtime = runtime.map_or_else(|| rules::DEFAULT_RUNTIME.to_owned(), |(runtime, _)| runtime);
        let architectures = [("arm64", "arm64"), ("x86_64", "x86_64")];
        let function = Function {
            source: PathBuf::from(source.0),
            trigger,
            secrets,
            publishes,
            handler: self.string(table, "handler").map_or_else(|| "index.handler".to_owned(), |(handler, _)| handler),
            runtime,
            architecture: self.choice(table, "architecture", &architectures).unwrap_or("arm64").to_owned(),
            memory_mb: self.number(table, "memory_mb", 128..=10_240).unwrap_or(128),
            timeout_s: self.number(table, "timeout_s", 1..=900).unwrap_or(10),
            log_retention_days: retention,
            environment: self.environment(table),
        };
        (name, function)
    }

    fn environment(&mut self, table: &Table) -> BTreeMap<String, String> {
        let Some(table) = table.table.get("environment").and_then(|item| self.table(item, "environment")) else {
            return BTreeMap::new();
        };
        let mut environment = BTreeMap::new();
        for key in table.table.keys() {
            if let Err(why) = rules::environment_name(key.get_ref()) {
                self.mistake(&key.span(), why, None);
            }
            if let Some((value, _)) = self.string(&table, key.get_ref()) {
                environment.insert(key.get_ref().to_string(), value);
            }
        }
        environment
    }

    fn pool(&mut self, name: String, table: &Table) -> (String, Pool) {
        self.known(table, "a pool", &["authorizer", "password", "self_sign_up", "mfa", "deletion_protection"]);
        let password = table.table.get("password").and_then(|item| self.table(item, "password"));
        let password = match &password {
            Some(table) => {
                let keys = ["minimum_length", "lowercase", "uppercase", "numbers", "symbols"];
                self.known(table, "a password rule", &keys);
                Password {
                    minimum_length: self
                        .number(table, "minimum_length", 6..=99)
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
        if let Some((authorizer, span)) = &authorizer
            && let Err(why) = rules::name("authorizers", authorizer)
        {
            self.mistake(span, why, None);
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

    fn api(&mut self, table: &Table) -> Api {
        self.known(table, "api", &["stage", "rate_limit", "burst_limit", "routes"]);
        let stage = self.string(table, "stage");
        if let Some((stage, span)) = &stage
            && let Err(why) = rules::stage_name(stage)
        {
            self.mistake(span, why, None);
        }
        let mut routes = Vec::new();
        match table.table.get("routes").map(|item| (item, item.get_ref())) {
            Some((_, DeValue::Array(items))) => {
                for (index, item) in items.iter().enumerate() {
                    if let Some(table) = self.table(item, "a route") {
                        routes.extend(self.route(index, &table));
                    }
                }
            }
            Some((item, _)) => self.wrong(item, "routes", "a list of [[api.routes]]"),
            None => self.mistake(&table.span, "the api has no routes", Some("add an [[api.routes]]".into())),
        }
        Api {
            stage: stage.map_or_else(|| "development".to_owned(), |(stage, _)| stage),
            rate_limit: self.number(table, "rate_limit", 1..=10_000).unwrap_or(50),
            burst_limit: self.number(table, "burst_limit", 1..=5_000).unwrap_or(50),
            routes,
        }
    }

    fn route(&mut self, index: usize, table: &Table) -> Option<Route> {
        self.known(table, "a route", &["route", "function", "pool", "auth", "body"]);
        let (route, span) = self.required(table, "a route", "route");
        self.remember(format!("routes.{index}"), span.clone());
        let (function, function_span) = self.required(table, "a route", "function");
        self.remember(format!("routes.{index}.function"), function_span);
        let pool = self.string(table, "pool");
        let auth = self.choice(table, "auth", &[("none", Auth::None)].map(|(name, _)| (name, ())));
        let auth = match (pool, auth) {
            (Some((pool, span)), None) => {
                self.remember(format!("routes.{index}.pool"), span);
                Some(Auth::Pool(pool))
            }
            (None, Some(())) => Some(Auth::None),
            (None, None) => {
                let help = "name a `pool`; an open route must say `auth = \"none\"`";
                self.mistake(&table.span, format!("nobody is said to be allowed to call {route}"), Some(help.into()));
                None
            }
            (Some((_, span)), Some(())) => {
                self.mistake(&span, "a route has a `pool` or `auth = \"none\"`, not both", None);
                None
            }
        };
        let body = self.string(table, "body").map(|(body, _)| PathBuf::from(body));
        let parts = rules::route(&route);
        if let Err(why) = &parts
            && !span.is_empty()
        {
            self.mistake(&span, why.as_str(), Some("write it as \"POST /items/{id}\"".into()));
        }
        let (method, path) = parts.ok()?;
        Some(Route { method, path, function, auth: auth?, body })
    }

    fn firewall(&mut self, table: &Table) -> Firewall {
        self.known(table, "firewall", &["mode", "addresses", "rate_per_ip", "managed_rules"]);
        let modes = [("count", Mode::Count), ("allow", Mode::Allow), ("block", Mode::Block)];
        let mut addresses: Vec<IpNet> = Vec::new();
        for (address, span) in self.strings(table, "addresses") {
            match rules::network(&address) {
                Ok(network) if addresses.contains(&network) => {
                    self.mistake(&span, format!("{network} is there twice"), None);
                }
                Ok(network) => addresses.push(network),
                Err(why) => self.mistake(&span, why, Some("write it as CIDR: \"203.0.113.7/32\"".into())),
            }
        }
        let mut managed_rules = Vec::new();
        for (group, span) in self.strings(table, "managed_rules") {
            let known: Vec<&str> = rules::MANAGED_RULES.iter().map(|(name, _)| *name).collect();
            if !known.contains(&group.as_str()) {
                let help = nearest(&group, &known).map(|near| format!("did you mean \"{near}\"?"));
                self.mistake(&span, format!("managed rules are {}", known.join(", ")), help);
            }
            managed_rules.push(group);
        }
        Firewall {
            mode: self.choice(table, "mode", &modes).unwrap_or(Mode::Count),
            addresses,
            rate_per_ip: self.number(table, "rate_per_ip", 10..=2_000_000_000),
            managed_rules,
        }
    }
}
