//! `outputs`: prints ids, ARNs and URLs from the state file, or one of them by its path.

use serde_json::Value;

use super::Ending;
use crate::args::{self, OutputsFormat};
use crate::config::Config;
use crate::error::Error;
use crate::outputs::{Outputs, Route};
use crate::report::answer;
use crate::scope::{Scope, partition_of};

pub(super) async fn run(args: &args::Outputs, config: &Config) -> Result<Ending, Error> {
    let outputs = recorded(config).await?;
    let document = serde_json::to_value(&outputs).map_err(|error| Error::other(error.to_string()))?;
    let Some(path) = &args.path else {
        let form = args.format.unwrap_or(if config.output.json { OutputsFormat::Json } else { OutputsFormat::Text });
        answer(&match form {
            OutputsFormat::Json => super::pretty(&document),
            OutputsFormat::Text => flat(&document).join("\n"),
            OutputsFormat::Dotenv => dotenv(&outputs, &document).join("\n"),
        });
        return Ok(Ending::Done);
    };
    if let Some((method, rest)) = path.split_once(' ') {
        let same = |route: &&Route| route.method.eq_ignore_ascii_case(method) && route.path == rest.trim();
        let Some(route) = outputs.routes().find(same) else {
            let known: Vec<String> = outputs.routes().map(|route| format!("{} {}", route.method, route.path)).collect();
            return Err(Error::unknown("route", path, &known.iter().map(String::as_str).collect::<Vec<_>>()));
        };
        answer(&route.url);
        return Ok(Ending::Done);
    }
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

/// Every value as a variable. Routes are named by their method and path, and have only their URL.
fn dotenv(outputs: &Outputs, document: &Value) -> Vec<String> {
    let routes = outputs.routes().map(|route| (format!("url {} {}", route.method, route.path), route.url.clone()));
    let lines = flat(document);
    let others = lines.iter().filter_map(|line| line.split_once(' ')).filter(|(path, _)| {
        let is_of_route = path.split('.').any(|part| part == "routes");
        !is_of_route && *path != "schema_version"
    });
    let others = others.map(|(path, value)| (path.to_owned(), value.to_owned()));
    others.chain(routes).map(|(name, value)| format!("{}={}", variable(&name), in_quotes(&value))).collect()
}

/// A variable's name: `pools.Users.client_id` becomes `POOLS_USERS_CLIENT_ID`.
fn variable(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_uppercase).collect::<Vec<_>>().join("_")
}

/// A value that shells and readers of such files take as it is.
fn in_quotes(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:._-+@,=".contains(c);
    if value.chars().all(plain) {
        return value.to_owned();
    }
    let escaped: String =
        value.chars().flat_map(|c| "\"\\$`".contains(c).then_some('\\').into_iter().chain([c])).collect();
    format!("\"{escaped}\"")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_have_names_and_values_that_shells_accept() {
        assert_eq!(variable("pools.My-Users.client_id"), "POOLS_MY_USERS_CLIENT_ID");
        assert_eq!(variable("url GET /notes/{id}"), "URL_GET_NOTES_ID");
        assert_eq!(in_quotes("https://a.example/x?y=1"), "\"https://a.example/x?y=1\"");
        assert_eq!(in_quotes("arn:aws:sns:eu-central-1:1:t"), "arn:aws:sns:eu-central-1:1:t");
        assert_eq!(in_quotes(r#"a "$b" \c"#), r#""a \"\$b\" \\c""#);
    }
}
