//! `validate`: checks the stack file and the functions' files, without AWS calls. It installs and packs nothing.

use serde_json::json;

use super::Ending;
use super::session::today;
use crate::bundle::Code;
use crate::config::Config;
use crate::error::Error;
use crate::outputs::SCHEMA_VERSION;
use crate::report::{answer, say};
use crate::spec::Stack;

pub(super) fn run(config: &Config) -> Result<Ending, Error> {
    let code = Code::find(&config.stack, &config.sources, &today())
        .map_err(|flaws| config.document.flawed(flaws, config.output))?;
    let notes: Vec<&String> = code.notes().collect();
    let parts = parts(&config.stack);
    if config.output.json {
        let parts: serde_json::Map<_, _> =
            parts.iter().map(|(what, count)| (what.plural().replace(' ', "_"), (*count).into())).collect();
        answer(&super::pretty(&json!({
            "schema_version": SCHEMA_VERSION, "stack": config.stack.name, "valid": true, "parts": parts, "notes": notes,
        })));
        return Ok(Ending::Done);
    }
    if !config.output.quiet {
        for note in notes {
            say(note);
        }
    }
    let parts: Vec<String> =
        parts.iter().filter(|(_, count)| *count > 0).map(|(what, count)| what.counted(*count)).collect();
    let parts = if parts.is_empty() { "nothing yet".to_owned() } else { parts.join(", ") };
    answer(&format!("The stack file of {} is valid: {parts}.", config.stack.name));
    Ok(Ending::Done)
}

/// The name of one part of a stack.
#[derive(Clone, Copy)]
struct Noun(&'static str);

impl Noun {
    fn plural(self) -> String {
        format!("{}s", self.0)
    }

    fn counted(self, count: usize) -> String {
        if count == 1 { format!("1 {}", self.0) } else { format!("{count} {}", self.plural()) }
    }
}

/// How many of each part a stack has.
fn parts(stack: &Stack) -> [(Noun, usize); 9] {
    let routes = stack.all_apis().map(|(_, api)| api.routes.len()).sum();
    [
        (Noun("API"), stack.all_apis().count()),
        (Noun("route"), routes),
        (Noun("function"), stack.functions.len()),
        (Noun("pool"), stack.pools.len() + stack.existing_pools.len()),
        (Noun("identity pool"), stack.identity_pools.len()),
        (Noun("secret"), stack.secrets.len() + stack.existing_secrets.len()),
        (Noun("topic"), stack.topics.len()),
        (Noun("queue"), stack.queues.len()),
        (Noun("table"), stack.tables.len()),
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
            parts(&stack).iter().filter(|(_, count)| *count > 0).map(|(what, count)| what.counted(*count)).collect();
        assert_eq!(counted, ["1 API", "2 routes", "3 functions", "2 pools", "1 secret", "1 topic"]);
    }
}
