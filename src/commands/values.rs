//! Values of secrets that come from outside the stack file. Read only when a secret is about to be written: nobody is
//! asked for a value that is there already, and none that was made up is ever made up again behind its user's back.

use std::collections::BTreeSet;

use serde_json::json;

use super::ask;
use crate::config::{Config, variable};
use crate::engine::{Change, Plan};
use crate::error::Error;
use crate::report::say;
use crate::secret::{SecretValue, generate};
use crate::spec::{MAX_SECRET, Value};
use crate::state::{State, Status};
use crate::topology::SecretValues;

/// No values yet: that there is one for each key is all that is needed to compare.
pub(super) fn unread(config: &Config, rotate: BTreeSet<String>) -> SecretValues {
    let mut secrets = SecretValues { rotate, ..SecretValues::default() };
    for (secret, key, value) in each(config) {
        if !matches!(value, Value::Topic(_)) {
            secrets.values.insert((secret.clone(), key.clone()), SecretValue::new(String::new()));
        }
    }
    secrets
}

fn each(config: &Config) -> impl Iterator<Item = (&String, &String, &Value)> {
    config.stack.secrets.iter().flat_map(|(secret, values)| values.iter().map(move |(key, value)| (secret, key, value)))
}

/// The secrets that were named for `--rotate`, if the stack has them all.
pub(super) fn to_rotate(config: &Config, named: &[String]) -> Result<BTreeSet<String>, Error> {
    let known: Vec<&str> = config.stack.secrets.keys().map(String::as_str).collect();
    for name in named {
        if !known.contains(&name.as_str()) {
            return Err(Error::unknown("secret", name, &known));
        }
    }
    Ok(named.iter().cloned().collect())
}

/// The secrets that a plan may write, with the values that need nobody to be asked.
pub(super) struct Wanted {
    secrets: SecretValues,
    /// By secret and key.
    to_be_asked: Vec<(String, String)>,
    written: BTreeSet<String>,
}

/// What this plan needs, before anybody is asked whether it should be carried out.
///
/// # Errors
/// A value cannot be had, or writing the secret would lose one that was made up.
pub(super) fn wanted(config: &Config, plan: &Plan, state: &State, rotate: &BTreeSet<String>) -> Result<Wanted, Error> {
    let written = written(config, plan, state, rotate)?;
    let mut wanted = Wanted { secrets: unread(config, rotate.clone()), to_be_asked: Vec::new(), written };
    for (secret, key, value) in each(config).filter(|(secret, ..)| wanted.written.contains(*secret)) {
        let value = match value {
            Value::Topic(_) => continue,
            Value::Env(name) => from_environment(secret, key, name)?,
            Value::Prompt if config.output.can_ask => {
                wanted.to_be_asked.push((secret.clone(), key.clone()));
                continue;
            }
            Value::Prompt => {
                let message = format!("{key} of the secret {secret} is to be asked for, and there is nobody to ask");
                let variable = key.to_uppercase();
                return Err(Error::usage(message).hint(format!(
                    "run it at a terminal, or write {{ env = \"{variable}\" }} in the stack file and set that variable"
                )));
            }
            Value::Generate(length) => generate(usize::from(*length)),
        };
        wanted.secrets.values.insert((secret.clone(), key.clone()), value);
    }
    Ok(wanted)
}

impl Wanted {
    /// Asks for what is left, and returns all of it.
    pub(super) async fn ask(mut self, config: &Config) -> Result<SecretValues, Error> {
        for (secret, key) in self.to_be_asked {
            let question = format!("{key} of the secret {secret}");
            let value = loop {
                let value = ask::password(config.output, &question, true, "a terminal").await?;
                if !value.reveal().is_empty() {
                    break value;
                }
                say("It cannot be empty; Ctrl-C stops.");
            };
            self.secrets.values.insert((secret, key), value);
        }
        for secret in &self.written {
            fits(secret, &self.secrets)?;
        }
        Ok(self.secrets)
    }
}

/// Which secrets the plan may write.
fn written(config: &Config, plan: &Plan, state: &State, rotate: &BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
    let mut written = BTreeSet::new();
    for (secret, values) in &config.stack.secrets {
        let id = format!("secret.{secret}");
        let change = plan.changes.iter().find(|(of, ..)| of.as_str() == id).map(|(.., change)| change);
        let overwrites = match change {
            Some(Change::Create) => false,
            Some(Change::Update { drift }) if drift.iter().any(|drift| drift.field == "value") => true,
            // Where its topic is gone nothing will have changed: a topic's name decides its ARN.
            _ => continue,
        };
        let made_up: Vec<&str> = values
            .iter()
            .filter(|(_, value)| matches!(value, Value::Generate(_)))
            .map(|(key, _)| key.as_str())
            .collect();
        // A write that was begun and not finished has nothing to lose.
        let begun = state.resources.get(&id).is_some_and(|record| record.status != Status::Ready);
        if overwrites && !made_up.is_empty() && !rotate.contains(secret) && !begun {
            let keys = made_up.join(", ");
            return Err(Error::usage(format!(
                "the secret {secret} would have to be written anew, and what was made up for it would be lost: {keys}"
            ))
            .hint(format!("`up --rotate {secret}` does so, and makes up new ones"))
            .hint("or leave this secret's keys as they were, and put a new key into a secret of its own"));
        }
        written.insert(secret.clone());
    }
    Ok(written)
}

fn from_environment(secret: &str, key: &str, name: &str) -> Result<SecretValue, Error> {
    let value = variable(name)
        .ok_or_else(|| Error::usage(format!("{key} of the secret {secret} comes from ${name}, which is not set")))
        .and_then(|value| {
            value
                .into_string()
                .map_err(|_| Error::usage(format!("${name}, for {key} of the secret {secret}, is not UTF-8")))
        });
    value.map(SecretValue::new).map_err(|error| error.hint(format!("set {name} and run the command again")))
}

/// Secrets Manager's limit, with room for the ARNs of topics.
fn fits(secret: &str, secrets: &SecretValues) -> Result<(), Error> {
    let fields = secrets.values.iter().filter(|((of, _), _)| of == secret);
    let size: usize = fields.map(|((_, key), value)| key.len() + json!(value.reveal()).to_string().len() + 4).sum();
    if size > MAX_SECRET {
        return Err(Error::usage(format!(
            "the secret {secret} would be {size} bytes; Secrets Manager takes {MAX_SECRET}"
        ))
        .hint("make two secrets of it"));
    }
    Ok(())
}
