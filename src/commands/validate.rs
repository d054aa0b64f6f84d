//! `validate`: checks the stack file and the functions' files, without AWS calls. It installs and packs nothing.

use serde_json::json;

use super::Ending;
use super::session::today;
use crate::bundle::Code;
use crate::config::Config;
use crate::error::Error;
use crate::outputs::SCHEMA_VERSION;
use crate::report::{answer, counted, say};
use crate::spec::{self, Stack};

pub(super) fn run(config: &Config) -> Result<Ending, Error> {
    super::note_built_in(config);
    let code = Code::find(&config.stack, &config.sources, &today())
        .map_err(|flaws| config.document.flawed(flaws, config.output))?;
    let flaws = code.without_handlers();
    if !flaws.is_empty() {
        return Err(config.document.flawed(flaws, config.output));
    }
    // The keys of the other environments replace others, so they must be read in their place.
    let environments = spec::environments(&config.document.text);
    for environment in &environments {
        spec::read(&config.document.text, Some(environment)).map_err(|mistakes| {
            config
                .document
                .mistaken(mistakes, config.output)
                .hint(format!("these mistakes are in the environment {environment}"))
        })?;
    }
    let notes: Vec<&String> = code.notes().collect();
    let parts = parts(&config.stack);
    if config.output.json {
        let parts: serde_json::Map<_, _> =
            parts.iter().map(|(what, count)| (format!("{what}s").replace(' ', "_"), (*count).into())).collect();
        answer(&super::pretty(&json!({
            "schema_version": SCHEMA_VERSION, "stack": config.stack.name, "valid": true, "parts": parts, "notes": notes,
            "environments": environments,
        })));
        return Ok(Ending::Done);
    }
    if !config.output.quiet {
        for note in notes {
            say(note);
        }
    }
    let parts: Vec<String> =
        parts.iter().filter(|(_, count)| *count > 0).map(|(what, count)| counted(*count, what)).collect();
    let parts = if parts.is_empty() { "nothing yet".to_owned() } else { parts.join(", ") };
    let also = match environments.as_slice() {
        [] => String::new(),
        [one] => format!(" So is its environment {one}."),
        all => format!(" So are its environments {}.", all.join(", ")),
    };
    answer(&format!("The stack file of {} is valid: {parts}.{also}", config.stack.name));
    Ok(Ending::Done)
}

/// How many of each part a stack has.
fn parts(stack: &Stack) -> [(&'static str, usize); 9] {
    let routes = stack.all_apis().map(|(_, api)| api.routes.len()).sum();
    [
        ("API", stack.all_apis().count()),
        ("route", routes),
        ("function", stack.functions.len()),
        ("pool", stack.pools.len() + stack.existing_pools.len()),
        ("identity pool", stack.identity_pools.len()),
        ("secret", stack.secrets.len() + stack.existing_secrets.len()),
        ("topic", stack.topics.len()),
        ("queue", stack.queues.len()),
        ("table", stack.tables.len()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{BUILTIN, parse};

    #[test]
    fn the_parts_of_the_built_in_stack_are_counted() {
        let stack = parse(BUILTIN).expect("a sound file");
        let counted: Vec<String> =
            parts(&stack).iter().filter(|(_, count)| *count > 0).map(|(what, count)| counted(*count, what)).collect();
        assert_eq!(counted, ["1 API", "2 routes", "3 functions", "2 pools", "1 secret", "1 topic"]);
    }
}
