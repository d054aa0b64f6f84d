//! Reads the functions of a stack file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::de::DeValue;

use super::super::field::{List, Nested, Text, TextOr};
use super::super::model::{Function, Posture, Variable, Vpc};
use super::super::reader::{Reader, Table, joined, suggest};
use super::super::{keys, rules};

/// The queue for failed events with `posture = "hardened"`.
const DEAD_LETTERS: &str = "dead";

/// The key of a source of a variable, and the variable with that source.
type Source<'a> = (&'a Text, fn(String) -> Variable);

impl Reader {
    pub(super) fn function(&mut self, name: String, table: &Table) -> (String, Function) {
        let keys::Function {
            source,
            trigger,
            secrets,
            publishes,
            runtime,
            handler,
            architecture,
            memory_mb,
            timeout_s,
            reserved_concurrency,
            tracing,
            log_retention_days,
            vpc,
            on_failure,
            environment,
        } = &keys::FUNCTION;
        let function = Function {
            source: PathBuf::from(self.required_or(table, source)),
            trigger: self.table(table, trigger).and_then(|trigger| {
                let keys::Trigger { topic } = &keys::TRIGGER;
                self.required(&trigger, topic).map(|(topic, _)| topic)
            }),
            secrets: self.list(table, secrets).into_iter().map(|(secret, _)| secret).collect(),
            publishes: self.list(table, publishes).into_iter().map(|(topic, _)| topic).collect(),
            handler: self.handler(table, handler),
            runtime: self.runtime(table, runtime),
            architecture: self.word(table, architecture).to_owned(),
            memory_mb: self.number(table, memory_mb),
            timeout_s: self.number(table, timeout_s),
            reserved_concurrency: self.optional_number(table, reserved_concurrency),
            tracing: self.flag(table, tracing),
            log_retention_days: self.number(table, log_retention_days),
            vpc: self.vpc(table, vpc),
            on_failure: self.on_failure(table, on_failure),
            environment: self.environment(table, environment),
        };
        (name, function)
    }

    fn on_failure(&mut self, table: &Table, key: &Nested<keys::OnFailure>) -> Option<String> {
        let keys::OnFailure { queue } = &keys::ON_FAILURE;
        let Some(table) = self.table(table, key) else {
            // Auditors expect that no event is lost.
            return (self.posture == Posture::Hardened && table.get(&key.key).is_none())
                .then(|| DEAD_LETTERS.to_owned());
        };
        let (name, span) = self.required(&table, queue)?;
        if let Err(why) = rules::name("queues", &name) {
            self.diagnostic(&span, why, None);
        }
        Some(name)
    }

    fn vpc(&mut self, table: &Table, key: &Nested<keys::Vpc>) -> Option<Vpc> {
        let keys::Vpc { subnets, security_groups } = &keys::VPC;
        let table = self.table(table, key)?;
        let vpc = Vpc {
            subnets: self.ids(&table, subnets, "subnet", 16),
            security_groups: self.ids(&table, security_groups, "sg", 5),
        };
        if vpc.subnets.is_empty() != vpc.security_groups.is_empty() {
            let help = "name at least one of each, or none of either for a function in no VPC";
            self.diagnostic(&table.span, "a VPC needs subnets and security groups", Some(help.into()));
        }
        Some(vpc)
    }

    /// Up to `most` ids of EC2 that begin with `kind` and a hyphen.
    fn ids(&mut self, table: &Table, key: &List, kind: &str, most: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for (id, span) in self.list(table, key) {
            if let Err(why) = rules::ec2_id(kind, &id) {
                self.diagnostic(&span, why, Some(format!("as in {kind}-0a1b2c3d4e5f60718")));
            } else if ids.len() == most {
                self.diagnostic(&span, format!("a function has at most {most} {}", key.key.name), None);
            }
            ids.push(id);
        }
        ids
    }

    fn handler(&mut self, table: &Table, key: &TextOr) -> String {
        let (handler, span) = self.text_or(table, key);
        if let Some(span) = span
            && let Err(why) = rules::handler(&handler)
        {
            let help = "write the name of the file without its extension, a dot, and the name of the function";
            self.diagnostic(&span, why, Some(help.into()));
        }
        handler
    }

    fn runtime(&mut self, table: &Table, key: &TextOr) -> String {
        let (runtime, span) = self.text_or(table, key);
        if let Some(span) = span
            && let Err(why) = rules::runtime(&runtime)
        {
            let help = if rules::is_retired(&runtime) {
                format!("use one of {}", rules::RUNTIMES.join(", "))
            } else {
                suggest(&runtime, &rules::RUNTIMES)
            };
            self.diagnostic(&span, why, Some(help));
        }
        runtime
    }

    fn environment(&mut self, table: &Table, key: &Nested<keys::VariableFrom>) -> BTreeMap<String, Variable> {
        let Some(item) = table.get(&key.key) else { return BTreeMap::new() };
        let place = table.at(&key.key);
        self.remember(place.clone(), item.span());
        let DeValue::Table(variables) = item.get_ref() else {
            self.wrong(item, key.key.name, "a table");
            return BTreeMap::new();
        };
        let mut environment = BTreeMap::new();
        for (variable, item) in variables {
            let name = variable.get_ref();
            if let Err(why) = rules::environment_name(name) {
                self.diagnostic(&variable.span(), why, None);
            }
            let place = joined(&place, name);
            self.remember(place.clone(), item.span());
            let value = match item.get_ref() {
                DeValue::Table(_) => self.open(item, name, place, key.section).and_then(|table| self.variable(&table)),
                _ => self.string(item, name).map(Variable::Text),
            };
            environment.extend(value.map(|value| (name.to_string(), value)));
        }
        environment
    }

    fn variable(&mut self, table: &Table) -> Option<Variable> {
        let keys::VariableFrom { pool_id, client_id, identity_pool_id, url } = &keys::VARIABLE_FROM;
        let sources: [Source; 4] = [
            (pool_id, Variable::PoolId),
            (client_id, Variable::ClientId),
            (identity_pool_id, Variable::IdentityPoolId),
            (url, Variable::Url),
        ];
        let given: Vec<_> = sources.iter().filter(|(key, _)| table.get(&key.key).is_some()).collect();
        let [(key, variable)] = given.as_slice() else {
            let help = "write text, or { pool_id = \"…\" }, { client_id = \"…\" }, { identity_pool_id = \"…\" } or \
                        { url = \"…\" }";
            self.diagnostic(&table.span, "a variable must have exactly one source", Some(help.into()));
            return None;
        };
        self.text(table, key).map(|(name, _)| variable(name))
    }
}
