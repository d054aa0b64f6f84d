//! What a shell offers for arguments that name parts of the stack. The shell calls this program for it: see
//! `securelambda completions`. Only the stack file is read, so nothing is offered if it has mistakes.

use std::collections::BTreeMap;

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};

use crate::spec::{self, Stack, blueprints};

/// The stack file in the current folder. The shell does not tell which flags were given before.
const FILE: &str = "securelambda.toml";

fn stack() -> Option<Stack> {
    let text = std::fs::read_to_string(FILE).unwrap_or_else(|_| blueprints::DEFAULT.text.to_owned());
    spec::read(&text, None).ok().map(|(stack, _)| stack)
}

/// The names that `names` finds in the stack.
fn of_stack(names: fn(&Stack) -> Vec<String>) -> ArgValueCandidates {
    ArgValueCandidates::new(move || {
        let names = stack().map(|stack| names(&stack)).unwrap_or_default();
        names.into_iter().map(CompletionCandidate::new).collect()
    })
}

pub(super) fn pools() -> ArgValueCandidates {
    of_stack(|stack| stack.pools.keys().cloned().collect())
}

pub(super) fn functions() -> ArgValueCandidates {
    of_stack(|stack| stack.functions.keys().cloned().collect())
}

pub(super) fn secrets() -> ArgValueCandidates {
    of_stack(|stack| stack.secrets.keys().cloned().collect())
}

pub(super) fn groups() -> ArgValueCandidates {
    of_stack(|stack| {
        let mut groups: Vec<String> = stack.pools.values().flat_map(|pool| pool.groups.iter().cloned()).collect();
        groups.sort();
        groups.dedup();
        groups
    })
}

pub(super) fn clients() -> ArgValueCandidates {
    of_stack(|stack| stack.pools.values().flat_map(|pool| pool.clients.keys().cloned()).collect())
}

pub(super) fn identity_pools() -> ArgValueCandidates {
    of_stack(|stack| stack.identity_pools.keys().cloned().collect())
}

/// Paths, which a shell inserts without quotes. If several routes have a path, it does not say which one is meant, but
/// `call` then lists them.
pub(super) fn routes() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let Some(stack) = stack() else { return Vec::new() };
        let mut methods: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for route in stack.all_apis().flat_map(|(_, api)| &api.routes) {
            methods.entry(&route.path).or_default().push(&route.method);
        }
        let candidate =
            |(path, methods): (&str, Vec<&str>)| CompletionCandidate::new(path).help(Some(methods.join(", ").into()));
        methods.into_iter().map(candidate).collect()
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory;

    use super::super::Cli;

    /// What is offered at the end of this command line, with the built-in stack.
    fn offered(line: &[&str]) -> Vec<String> {
        let words: Vec<OsString> = line.iter().map(Into::into).collect();
        let last = words.len() - 1;
        let found = clap_complete::engine::complete(&mut Cli::command(), words, last, None).expect("completed");
        found.into_iter().map(|one| one.get_value().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn names_of_the_stack_are_offered() {
        let has = |line: &[&str], expected: &str| {
            let offered = offered(line);
            assert!(offered.iter().any(|one| one == expected), "{line:?}: {offered:?}");
        };
        has(&["securelambda", "users", "--pool", ""], "MyUserPool1");
        has(&["securelambda", "call", ""], "/lambda1");
        has(&["securelambda", "logs", "Int"], "InternalLambda");
        has(&["securelambda", "up", "--rotate", ""], "LambdaSNSTopicARN");
        has(&["securelambda", "sta"], "status");
    }
}
