//! The values of API keys, which are read from AWS when they are needed and kept nowhere.

use serde_json::{Map, json};

use super::Ending;
use super::session::{Session, Sources};
use crate::args;
use crate::aws::apigateway::{ApiKey, ApiKeys};
use crate::config::Config;
use crate::engine::{Id, Plan, Resource as _, Target};
use crate::error::Error;
use crate::outputs::{Outputs, SCHEMA_VERSION};
use crate::report::{answer, say};
use crate::secret::SecretValue;
use crate::state::State;

/// `outputs --keys`: prints the values, or one of them by the key's name. No other command shows them.
pub(super) async fn show(args: &args::Outputs, config: Config) -> Result<Ending, Error> {
    let as_json = config.output.json;
    let known: Vec<String> = config.stack.api_keys().into_keys().map(str::to_owned).collect();
    if let Some(name) = args.path.as_ref().filter(|name| !known.contains(name)) {
        return Err(unknown(name, &known));
    }
    if known.is_empty() {
        if as_json {
            answer(&document(&[]));
        } else {
            say("The stack has no API keys. [plans.NAME] with keys = [\"PARTNER\"] makes some.");
        }
        return Ok(Ending::Done);
    }
    let session = Session::existing(config, Sources::Untouched).await?;
    let outputs = session.outputs(&session.state().await?);
    let wanted = known.iter().filter(|name| args.path.as_ref().is_none_or(|only| only == *name));
    let (mut values, mut missing) = (Vec::new(), Vec::new());
    for name in wanted {
        match of(&session, &outputs, name).await? {
            Some(value) => values.push((name, value)),
            None => missing.push(name.as_str()),
        }
    }
    let only = args.path.as_ref().and(values.first());
    match only {
        Some((_, value)) if !as_json => answer(value.reveal()),
        _ if as_json && !values.is_empty() => answer(&document(&values)),
        _ => values.iter().for_each(|(name, value)| answer(&format!("{name} {}", value.reveal()))),
    }
    if missing.is_empty() { Ok(Ending::Done) } else { Err(gone(&outputs, &missing)) }
}

fn document(values: &[(&String, SecretValue)]) -> String {
    let keys: Map<_, _> = values.iter().map(|(name, value)| ((*name).clone(), json!(value.reveal()))).collect();
    super::pretty(&json!({ "schema_version": SCHEMA_VERSION, "api_keys": keys }))
}

/// A sentence for each key that `plan` removes.
pub(super) fn lost_with(state: &State, plan: &Plan) -> Vec<String> {
    let is_key = |id: &&Id| state.resources.get(id.as_str()).is_some_and(|row| row.kind == ApiKey::KIND);
    plan.removals.iter().filter(is_key).map(lost).collect()
}

/// A sentence for each API key that is removed with a stack.
pub(super) fn lost_by_removal(targets: &[Target]) -> Vec<String> {
    targets.iter().filter(|target| target.kind == ApiKey::KIND).map(|target| lost(&target.id)).collect()
}

fn lost(id: &Id) -> String {
    format!(
        "The API key {} will be deleted: requests with it will be refused, and a new key gets another value.",
        id.parts().1
    )
}

/// The value of one key.
pub(super) async fn value(session: &Session, outputs: &Outputs, name: &str) -> Result<SecretValue, Error> {
    of(session, outputs, name).await?.ok_or_else(|| gone(outputs, &[name]))
}

/// The value of one key; `None` if the key does not exist.
async fn of(session: &Session, outputs: &Outputs, name: &str) -> Result<Option<SecretValue>, Error> {
    match outputs.api_keys.get(name) {
        Some(key) => Ok(ApiKeys::new(&session.clients).value(&key.id, name).await?),
        None => Ok(None),
    }
}

/// The error for keys that do not exist: not yet, or no longer.
fn gone(outputs: &Outputs, names: &[&str]) -> Error {
    let one = |name: &&str| {
        let why = if outputs.api_keys.contains_key(*name) { "was deleted" } else { "does not exist yet" };
        format!("the API key {name} {why}")
    };
    let deleted = names.iter().any(|name| outputs.api_keys.contains_key(*name));
    let hint = if deleted {
        "run `securelambda up`, which makes a new key; AWS gives it another value"
    } else {
        "run `securelambda up`"
    };
    Error::other(names.iter().map(one).collect::<Vec<_>>().join("; ")).hint(hint)
}

/// The error for a key that the stack file does not have.
pub(super) fn unknown(name: &str, known: &[String]) -> Error {
    Error::unknown("API key", name, &known.iter().map(String::as_str).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_deleted_is_told_from_one_that_does_not_exist_yet() {
        let key = crate::outputs::ApiKey { id: "k1".into(), plan: "p".into() };
        let outputs = Outputs { api_keys: [("acme".to_owned(), key)].into(), ..Outputs::default() };
        let error = gone(&outputs, &["acme", "guest"]);
        assert_eq!(error.message, "the API key acme was deleted; the API key guest does not exist yet");
        assert!(error.hints[0].contains("another value"), "{error:?}");
        assert_eq!(gone(&outputs, &["guest"]).hints, ["run `securelambda up`"]);
    }
}
