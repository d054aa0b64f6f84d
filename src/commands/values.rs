//! Values of secrets that the stack file does not contain: variables, prompts and generated values. They are read only
//! if the plan writes the secret. A generated value is replaced only with `--rotate`.

use std::collections::BTreeSet;

use serde_json::json;

use super::ask;
use crate::config::{Config, variable};
use crate::engine::{Change, Plan};
use crate::error::Error;
use crate::secret::{SecretValue, generate};
use crate::spec::{MAX_SECRET, Value};
use crate::state::{State, Status};
use crate::topology::SecretValues;

/// Placeholders for all values. A comparison needs only the keys.
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
    let secrets = config.stack.secrets.iter();
    secrets.flat_map(|(name, secret)| secret.values.iter().map(move |(key, value)| (name, key, value)))
}

/// The secrets that `--rotate` names.
///
/// # Errors
/// The stack has no such secret.
pub(super) fn to_rotate(config: &Config, named: &[String]) -> Result<BTreeSet<String>, Error> {
    let known: Vec<&str> = config.stack.secrets.keys().map(String::as_str).collect();
    for name in named {
        if !known.contains(&name.as_str()) {
            return Err(Error::unknown("secret", name, &known));
        }
    }
    Ok(named.iter().cloned().collect())
}

/// The secrets that a plan may write, and the values that need no prompt.
pub(super) struct Wanted {
    secrets: SecretValues,
    /// The values to prompt for, by secret and key.
    to_be_asked: Vec<(String, String)>,
    written: BTreeSet<String>,
}

/// The values that this plan needs, before the user confirms it.
///
/// # Errors
/// A value is not available, or writing the secret would lose a generated value.
pub(super) fn wanted(config: &Config, plan: &Plan, state: &State, rotate: &BTreeSet<String>) -> Result<Wanted, Error> {
    let written = written(config, plan, state, rotate)?;
    if let Some(error) = unset(config, &written) {
        return Err(error);
    }
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
                let message =
                    format!("{key} of the secret {secret} must be entered, and there is no terminal (or CI is set)");
                let variable = key.to_uppercase();
                return Err(Error::usage(message).hint(format!(
                    "run the command in a terminal, or use {{ env = \"{variable}\" }} in the stack file and set {variable}"
                )));
            }
            Value::Generate(length) => generate(usize::from(*length)),
        };
        wanted.secrets.values.insert((secret.clone(), key.clone()), value);
    }
    Ok(wanted)
}

impl Wanted {
    /// Prompts for the remaining values and returns all of them.
    pub(super) async fn ask(mut self, config: &Config) -> Result<SecretValues, Error> {
        for (secret, key) in self.to_be_asked {
            let question = format!("{key} of the secret {secret}");
            let check = |value: &SecretValue| match value.reveal() {
                "" => Err("The value must not be empty. Press Ctrl-C to stop.".to_owned()),
                _ => Ok(()),
            };
            let value = ask::new_password(config.output, &question, "a terminal", check).await?;
            self.secrets.values.insert((secret, key), value);
        }
        for secret in &self.written {
            fits(secret, &self.secrets)?;
        }
        Ok(self.secrets)
    }
}

/// Everything that `up` would refuse for this plan because of secrets.
pub(super) fn refusal(config: &Config, plan: &Plan, state: &State) -> Option<Error> {
    match written(config, plan, state, &BTreeSet::new()) {
        Ok(written) => unset(config, &written),
        Err(error) => Some(error),
    }
}

/// The values of secrets that `up` will ask for, as in `KEY of the secret S`.
pub(super) fn prompts(config: &Config, plan: &Plan, state: &State) -> Vec<String> {
    let written = written(config, plan, state, &BTreeSet::new()).unwrap_or_default();
    let asked = each(config).filter(|(secret, _, value)| written.contains(*secret) && matches!(value, Value::Prompt));
    asked.map(|(secret, key, _)| format!("{key} of the secret {secret}")).collect()
}

/// One error for all variables that these secrets require and that are not set.
fn unset(config: &Config, written: &BTreeSet<String>) -> Option<Error> {
    let needed = each(config).filter(|(secret, ..)| written.contains(*secret)).filter_map(|(secret, key, value)| {
        let Value::Env(name) = value else { return None };
        Some((format!("{key} of the secret {secret} requires the variable {name}"), name.as_str()))
    });
    let unset: Vec<(String, &str)> = needed.filter(|(_, name)| variable(name).is_none()).collect();
    let (_, last) = unset.last()?;
    let whys: Vec<&str> = unset.iter().map(|(why, _)| why.as_str()).collect();
    let names: BTreeSet<&str> = unset.iter().map(|(_, name)| *name).collect();
    let (are, set) = if names.len() == 1 {
        ("is", (*last).to_owned())
    } else {
        ("are", names.into_iter().collect::<Vec<_>>().join(", "))
    };
    let message = format!("{}, which {are} not set", whys.join("; "));
    Some(Error::usage(message).hint(format!("set {set} and run the command again")))
}

/// The secrets that the plan may write.
fn written(config: &Config, plan: &Plan, state: &State, rotate: &BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
    let mut written = BTreeSet::new();
    for (secret, wanted) in &config.stack.secrets {
        let id = format!("secret.{secret}");
        let change = plan.changes.iter().find(|(of, ..)| of.as_str() == id).map(|(.., change)| change);
        let overwrites = match change {
            Some(Change::Create) => false,
            Some(Change::Update { drift }) if drift.iter().any(|drift| drift.field == "value") => true,
            // A recreated topic does not change the secret: the topic's ARN follows from its name.
            _ => continue,
        };
        let made_up: Vec<&str> = wanted
            .values
            .iter()
            .filter(|(_, value)| matches!(value, Value::Generate(_)))
            .map(|(key, _)| key.as_str())
            .collect();
        // If an earlier write was not finished, there is no value to lose.
        let begun = state.resources.get(&id).is_some_and(|record| record.status != Status::Ready);
        if overwrites && !made_up.is_empty() && !rotate.contains(secret) && !begun {
            let keys = made_up.join(", ");
            return Err(Error::usage(format!("changing the secret {secret} would lose its generated values: {keys}"))
                .hint(format!("to generate new values, run `securelambda up --rotate {secret}`"))
                .hint("to keep the values, undo the changes to this secret and add new keys to another secret"));
        }
        written.insert(secret.clone());
    }
    Ok(written)
}

fn from_environment(secret: &str, key: &str, name: &str) -> Result<SecretValue, Error> {
    let value = variable(name)
        .ok_or_else(|| {
            Error::usage(format!("{key} of the secret {secret} requires the variable {name}, which is not set"))
        })
        .and_then(|value| {
            value.into_string().map_err(|_| {
                Error::usage(format!("the variable {name} for {key} of the secret {secret} is not valid UTF-8"))
            })
        });
    value.map(SecretValue::new).map_err(|error| error.hint(format!("set {name} and run the command again")))
}

/// Checks Secrets Manager's size limit.
fn fits(secret: &str, secrets: &SecretValues) -> Result<(), Error> {
    let fields = secrets.values.iter().filter(|((of, _), _)| of == secret);
    let size: usize = fields.map(|((_, key), value)| key.len() + json!(value.reveal()).to_string().len() + 4).sum();
    if size > MAX_SECRET {
        return Err(Error::usage(format!("the secret {secret} has {size} bytes; Secrets Manager allows {MAX_SECRET}"))
            .hint("split it into two secrets"));
    }
    Ok(())
}
