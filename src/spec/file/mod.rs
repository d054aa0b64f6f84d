//! Reads a stack file: TOML into a [`Stack`], with all mistakes at once, each at its place.
//!
//! The document is walked by hand rather than deserialised, because a deserialiser stops at the first mistake. Each
//! function takes the keys of its table apart without `..`, so that a key that is declared and not read is an error
//! here.

#![deny(unused_variables)]

mod api;
mod firewall;
mod functions;
mod identity;

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, SpanMap};
use super::field::Section;
use super::model::{ApiKind, Posture, Rotation, SecretSettings, Stack, Topic, Value};
use super::reader::{Item, Reader, Table, joined};
use super::{check, keys, rules};
use crate::controls;
use crate::spelling::nearest;

/// The sources of the values of each secret.
type Secrets = BTreeMap<String, BTreeMap<String, Value>>;

/// Reads a stack file. `Err` holds every mistake, in the order of the file.
pub fn parse(text: &str) -> Result<Stack, Vec<Diagnostic>> {
    read(text).map(|(stack, _)| stack)
}

/// Reads a stack file, and returns the places of its parts for mistakes that are found later.
pub fn read(text: &str) -> Result<(Stack, SpanMap), Vec<Diagnostic>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader::default();
    if !errors.is_empty() {
        // A broken line could mean anything, and so could what depends on it.
        let help = "the file must be valid TOML (see toml.io); other mistakes are found after that";
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            reader.diagnostic(&within(text, span), error.message().trim_end(), Some(help.to_owned()));
        }
        return Err(reader.mistakes);
    }
    let root = Table { span: 0..0, entries: document.get_ref(), path: String::new(), what: String::new() };
    let stack = reader.stack(&root);
    for flaw in check::flaws(&stack, &reader.places) {
        reader.flaw(flaw);
    }
    if reader.mistakes.is_empty() {
        return Ok((stack, reader.places));
    }
    reader.mistakes.sort_by_key(Diagnostic::offset);
    Err(reader.mistakes)
}

/// The span, limited to the text and to whole characters: the TOML parser may point behind the end or into a character.
fn within(text: &str, span: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    start..text.ceil_char_boundary(span.end.clamp(start, text.len()))
}

/// Whether the table under the key `settings` of a secret holds settings rather than the source of a value.
fn is_settings(item: Item) -> bool {
    let sources: Vec<&str> = keys::VALUE.keys().iter().map(|key| key.name).collect();
    let DeValue::Table(table) = item.get_ref() else { return false };
    !table.is_empty() && !table.keys().any(|key| sources.contains(&key.get_ref().as_ref()))
}

impl Reader {
    fn stack(&mut self, root: &Table) -> Stack {
        self.known(root, &keys::ROOT);
        let keys::Root {
            stack,
            topics,
            secrets,
            functions,
            pools,
            service_users,
            identity_pools,
            api,
            apis,
            firewall,
            audit,
        } = &keys::ROOT;
        let (name, permissions_boundary, kms_key) = match self.table(root, stack) {
            Some(table) => self.head(&table),
            None => (keys::STACK.name.default.to_owned(), None, None),
        };
        self.find_pools_of_programs(root);
        let secrets = self.named(root, secrets);
        let (secrets, secret_settings) = self.secrets(secrets);
        let wall = self.table(root, firewall).map(|table| self.firewall(&table));
        let mut stack = Stack {
            name,
            permissions_boundary,
            kms_key,
            posture: self.posture,
            topics: self.each(root, topics, Self::topic),
            secrets,
            secret_settings,
            functions: self.each(root, functions, Self::function),
            pools: self.each(root, pools, Self::pool),
            service_users: self.each(root, service_users, Self::service_user),
            identity_pools: self.each(root, identity_pools, Self::identity_pool),
            // The places of the API without a name begin with its keys: `routes.0`.
            api: self.table(root, api).map(|table| self.api(&Table { path: String::new(), ..table })),
            apis: self.each(root, apis, |reader, name, table| (name, reader.api(table))),
            accepted: self.table(root, audit).map(|table| self.accepted(&table)).unwrap_or_default(),
            firewall: wall,
        };
        // Auditors expect a web ACL on every stage and pool that can have one.
        let could_have_one = stack.all_apis().any(|(_, api)| api.kind == ApiKind::Rest)
            || stack.pools.values().any(|pool| pool.firewall);
        if self.posture == Posture::Hardened && root.get(&firewall.key).is_none() && could_have_one {
            let (entries, path) = (DeTable::new(), root.at(&firewall.key));
            let what = firewall.section.what().to_owned();
            stack.firewall = Some(self.firewall(&Table { span: 0..0, entries: &entries, path, what }));
        }
        stack
    }

    /// The stack's name, permissions boundary and key. The posture is kept: it decides the defaults of all other keys.
    fn head(&mut self, table: &Table) -> (String, Option<String>, Option<String>) {
        let keys::Stack { name, permissions_boundary, kms_key, posture } = &keys::STACK;
        self.posture = self.word(table, posture);
        let boundary = self.text(table, permissions_boundary);
        if let Some((arn, span)) = &boundary
            && let Err(why) = rules::policy_arn(arn)
        {
            self.diagnostic(span, why, None);
        }
        let key = self.text(table, kms_key);
        if let Some((arn, span)) = &key
            && let Err(why) = rules::key_arn(arn)
        {
            let help = "as in arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
            self.diagnostic(span, why, Some(help.into()));
        }
        let wanted = self.required(table, name);
        if let Some((wanted, span)) = &wanted
            && let Err(why) = rules::stack_name(wanted)
        {
            self.diagnostic(span, why, None);
        }
        let name = wanted.map_or_else(|| name.default.to_owned(), |(wanted, _)| wanted);
        (name, boundary.map(|(arn, _)| arn), key.map(|(arn, _)| arn))
    }

    fn accepted(&mut self, table: &Table) -> BTreeMap<String, String> {
        let keys::Audit { accept } = &keys::AUDIT;
        let reasons = self.reasons(table, accept);
        let known = controls::ids();
        for (id, span) in reasons.iter().map(|(id, (_, span))| (id, span)) {
            if !known.contains(&id.as_str()) {
                let help = nearest(id, &known).map(|near| format!("did you mean \"{near}\"?"));
                let help = help.unwrap_or_else(|| "`securelambda audit` lists the controls".to_owned());
                self.diagnostic(span, format!("audit has no control {id}"), Some(help));
            }
        }
        reasons.into_iter().map(|(id, (reason, _))| (id, reason)).collect()
    }

    fn topic(&mut self, name: String, table: &Table) -> (String, Topic) {
        let keys::Topic { tls_only, signature_version, tracing } = &keys::TOPIC;
        let topic = Topic {
            tls_only: self.flag(table, tls_only),
            // The key's range ends at 2.
            signature_version: u8::try_from(self.number(table, signature_version)).unwrap_or(1),
            tracing: self.flag(table, tracing),
        };
        (name, topic)
    }

    fn secrets(&mut self, secrets: Vec<(String, Item)>) -> (Secrets, BTreeMap<String, SecretSettings>) {
        let (mut all, mut settings) = (BTreeMap::new(), BTreeMap::new());
        for (name, item) in secrets {
            let place = joined(keys::ROOT.secrets.key.name, &name);
            let DeValue::Table(table) = item.get_ref() else {
                self.wrong(item, &place, "a table");
                self.hide(item.span());
                continue;
            };
            let own = table.get(keys::SETTINGS).filter(|item| is_settings(item));
            if table.len() == usize::from(own.is_some()) {
                self.flaw(Diagnostic::new(place.as_str(), format!("the secret {name} has no value")));
            }
            settings.insert(name.clone(), self.secret_settings(own, joined(&place, keys::SETTINGS)));
            all.insert(name, self.secret(&place, table));
        }
        (all, settings)
    }

    fn secret(&mut self, place: &str, table: &DeTable) -> BTreeMap<String, Value> {
        let mut values = BTreeMap::new();
        for (key, item) in table.iter().filter(|(key, item)| key.get_ref() != keys::SETTINGS || !is_settings(item)) {
            let place = joined(place, key.get_ref());
            self.remember(place.clone(), item.span());
            if key.get_ref().trim().is_empty() {
                self.diagnostic(&key.span(), "a secret's key is empty", None);
            }
            if let Some(value) = self.secret_value(item, &place) {
                values.insert(key.get_ref().to_string(), value);
            }
        }
        values
    }

    /// The settings of a secret; those of one without the key `settings` are the defaults.
    fn secret_settings(&mut self, item: Option<Item>, place: String) -> SecretSettings {
        let keys::SecretSettings { resource_policy, administrators, rotation } = &keys::SECRET_SETTINGS;
        let none = DeTable::new();
        let given = item.and_then(|item| self.open(item, keys::SETTINGS, place.clone(), &keys::SECRET_SETTINGS));
        let table = given.unwrap_or(Table { span: 0..0, entries: &none, path: place, what: String::new() });
        let mut arns = Vec::new();
        for (arn, span) in self.list(&table, administrators) {
            match rules::principal_arn(&arn) {
                Ok(()) => arns.push(arn),
                Err(why) => self.diagnostic(&span, why, Some("as in arn:aws:iam::123456789012:role/Deploy".into())),
            }
        }
        let resource_policy = self.flag(&table, resource_policy);
        if !arns.is_empty() && !resource_policy {
            let help = "add `resource_policy = true`";
            self.diagnostic(
                &table.span,
                "administrators have an effect only with a resource policy",
                Some(help.into()),
            );
        }
        let rotation = self.table(&table, rotation).map(|rotation| {
            let keys::Rotation { function, days } = &keys::ROTATION;
            Rotation { function: self.required_or(&rotation, function), days: self.number(&rotation, days) }
        });
        SecretSettings { resource_policy, administrators: arns, rotation }
    }

    fn secret_value(&mut self, item: Item, place: &str) -> Option<Value> {
        let help = "write { topic = \"…\" }, { env = \"VARIABLE\" }, { prompt = true } or { generate = 32 }; the value \
                    itself is never in this file";
        let keys::Value { topic, env, prompt, generate } = &keys::VALUE;
        let DeValue::Table(_) = item.get_ref() else {
            self.diagnostic(&item.span(), "a secret's value must be a table that names its source", Some(help.into()));
            self.hide(item.span());
            return None;
        };
        let table = self.open(item, place, place.to_owned(), &keys::VALUE)?;
        let known: Vec<&str> = keys::VALUE.keys().iter().map(|key| key.name).collect();
        for (_, item) in table.entries.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
            self.hide(item.span());
        }
        if table.entries.len() != 1 {
            self.diagnostic(&item.span(), "a secret's value must have exactly one source", Some(help.into()));
            return None;
        }
        if table.get(&topic.key).is_some() {
            return self.text(&table, topic).map(|(topic, _)| Value::Topic(topic));
        }
        if table.get(&env.key).is_some() {
            let (variable, span) = self.text(&table, env)?;
            if let Err(why) = rules::variable_name(&variable) {
                self.diagnostic(&span, why, Some("the value itself is never in this file".into()));
                self.hide(span);
            }
            return Some(Value::Env(variable));
        }
        if self.only_true(&table, prompt) {
            return Some(Value::Prompt);
        }
        let length = self.optional_number(&table, generate)?;
        u16::try_from(length).ok().map(Value::Generate)
    }
}
