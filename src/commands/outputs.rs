//! `outputs`: prints ids, ARNs and URLs from the state file, or one of them by its path.

use serde_json::Value;

use super::Ending;
use crate::args;
use crate::config::Config;
use crate::error::Error;
use crate::outputs::Outputs;
use crate::report::answer;
use crate::scope::{Scope, partition_of};

pub(super) async fn run(args: &args::Outputs, config: &Config) -> Result<Ending, Error> {
    let document = serde_json::to_value(recorded(config).await?).map_err(|error| Error::other(error.to_string()))?;
    let Some(path) = &args.path else {
        answer(&if config.output.json { super::pretty(&document) } else { flat(&document).join("\n") });
        return Ok(Ending::Done);
    };
    // Names never contain dots. A number is an index into a list.
    let found = path.split('.').try_fold(&document, |at, part| match part.parse::<usize>() {
        Ok(index) if at.is_array() => at.get(index),
        _ => at.get(part),
    });
    match found {
        Some(Value::String(text)) if !config.output.json => answer(text),
        Some(value) => answer(&super::pretty(value)),
        None => {
            let lines = flat(&document);
            let paths: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
            return Err(Error::unknown("output", path, &paths));
        }
    }
    Ok(Ending::Done)
}

/// The outputs in the state, without an AWS call.
pub(super) async fn recorded(config: &Config) -> Result<Outputs, Error> {
    let state = super::recorded(config).await?;
    let scope = Scope {
        partition: partition_of(&state.region).to_owned(),
        account: state.account.clone(),
        region: state.region.clone(),
        stack: state.stack.clone(),
        ..Scope::default()
    };
    Ok(Outputs::new(&config.stack, &scope, state.endpoint.as_deref(), &state))
}

/// `path value` for every value. Each path is a valid argument of `outputs`.
fn flat(document: &Value) -> Vec<String> {
    fn walk(path: &str, value: &Value, lines: &mut Vec<String>) {
        let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| walk(&join(key), value, lines)),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, value)| walk(&join(&index.to_string()), value, lines));
            }
            Value::String(text) => lines.push(format!("{path} {text}")),
            other => lines.push(format!("{path} {other}")),
        }
    }
    let mut lines = Vec::new();
    walk("", document, &mut lines);
    lines
}
