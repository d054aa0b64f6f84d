//! Commands and options of other tools, with the equivalents in this program.

use std::ffi::OsString;

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Cli;

/// A word of other tools, and the advice for it.
struct Word {
    words: &'static [&'static str],
    advice: &'static str,
}

const fn word(words: &'static [&'static str], advice: &'static str) -> Word {
    Word { words, advice }
}

const COMMANDS: &[Word] = &[
    word(&["invoke", "request", "curl"], "to send a request to a route, use 'securelambda call'"),
    word(&["create", "update", "sync", "release"], "to create or update the stack, use 'securelambda up'"),
    word(
        &["delete", "remove", "rm", "teardown", "undeploy", "uninstall"],
        "to remove the stack, use 'securelambda down'",
    ),
    word(&["output", "describe", "info"], "for ids and URLs, use 'securelambda outputs'"),
    word(&["drift", "refresh", "show"], "to compare the stack with its file, use 'securelambda status'"),
    word(&["test", "check"], "to test the live stack, use 'securelambda verify'"),
    word(&["new", "bootstrap", "create-stack"], "to write a stack file, use 'securelambda init'"),
    word(&["restart"], "to start the emulator again, use 'securelambda local stop' and 'securelambda local start'"),
    word(
        &["list", "ls"],
        "for the stacks of the account, use 'securelambda sweep'; for states, 'securelambda state list'",
    ),
    word(&["version"], "for the version, use 'securelambda --version'"),
    word(&["whoami"], "for the account and the region, use 'securelambda doctor'"),
    word(&["run", "watch", "start", "serve"], "to keep the stack up to date while you edit, use 'securelambda dev'"),
    word(&["tail"], "to follow the logs, use 'securelambda logs --follow'"),
    word(&["synth", "package", "build"], "there is no build command: 'securelambda plan' packs the functions"),
    word(
        &["import"],
        "to see which resources could be taken over if a state was lost, use 'securelambda plan --adopt'",
    ),
    word(&["start-api", "offline"], "to run the stack on this machine, use 'securelambda up --local'"),
];

const FLAGS: &[Word] = &[
    word(
        &["--dry-run", "--noop", "--no-execute-changeset", "--what-if"],
        "to see the changes without making them, use 'securelambda plan'",
    ),
    word(
        &["--auto-approve", "--force", "--no-confirm", "--no-confirm-changeset", "--require-approval", "--assume-yes"],
        "'--yes' answers every question with yes, also those about the data of people",
    ),
    word(
        &["--target", "--targets", "--exclude", "--exclusively", "--replace", "--taint"],
        "there is no such option: 'up' changes only resources that differ from the stack file",
    ),
    word(
        &["--var", "--var-file", "--parameters", "--parameter-overrides", "--context", "--param"],
        "settings belong in the stack file; secrets can come from the environment, as in { env = \"NAME\" }",
    ),
    word(&["--stack-name", "--app"], "to name the stack, use '--stack'"),
    word(
        &["--config", "--template", "--template-file", "--config-file"],
        "to name the stack file, use '--file'; to choose one of the built-in stacks, use '--blueprint'",
    ),
    word(&["--tail"], "to print new entries until Ctrl-C, use '--follow'"),
    word(&["--aws-profile"], "to choose the profile, use '--profile'"),
    word(&["--aws-region"], "to choose the region, use '--region'"),
    word(&["--endpoint"], "to name the endpoint, use '--endpoint-url'"),
    word(&["--parallelism", "--concurrency"], "to limit concurrent changes, use '--jobs'"),
    word(&["--state-file", "--backend-config"], "to name the place of the state, use '--state'"),
    word(&["--output", "--format"], "for JSON, use '--json'"),
    word(&["--refresh-only"], "to compare the stack with its file, use 'securelambda status'"),
    word(&["--payload", "--body", "--data-binary", "--data-raw"], "for the body of a request, use '--data'"),
    word(&["--request", "--method"], "write the method before the path, as in 'PUT /files/a'"),
    word(&["--user", "--username"], "to sign in as a user, use '--as'"),
    word(
        &["--stage", "--environment"],
        "for an environment of the stack file, use '--env NAME'; for another copy, '--stack NAME'",
    ),
    word(&["--debug", "--log-level"], "for more details, use '--verbose', or '-vv'"),
];

/// Replaces the suggestion for an unknown word, if another tool has this word. `line` is the command line.
pub(super) fn explain(mut error: clap::Error, line: &[OsString]) -> clap::Error {
    let (kind, words) = match error.kind() {
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, FLAGS),
        ErrorKind::InvalidSubcommand if is_first(line) => (ContextKind::InvalidSubcommand, COMMANDS),
        _ => return error,
    };
    let Some(ContextValue::String(unknown)) = error.get(kind) else { return error };
    let given = whole(unknown, line);
    let is_it = |word: &&Word| word.words.iter().any(|known| known.trim_start_matches('-') == given);
    let Some(Word { advice, .. }) = words.iter().find(is_it) else { return error };
    for suggestion in [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::Usage] {
        error.remove(suggestion);
    }
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![(*advice).to_owned().into()]));
    error
}

/// Whether the line has no known command: what a word means below a command such as `state` is another question.
fn is_first(line: &[OsString]) -> bool {
    let command = Cli::command();
    let mut words = line.iter().skip(1).filter_map(|word| word.to_str());
    !words.any(|word| command.get_subcommands().any(|known| known.get_name() == word && known.has_subcommands()))
}

/// The unknown word without dashes and value. For `-target=x`, as Terraform writes it, clap reports only `-t`.
fn whole(unknown: &str, line: &[OsString]) -> String {
    let short = unknown.starts_with('-') && !unknown.starts_with("--");
    let written = line.iter().filter_map(|word| word.to_str()).find(|word| short && word.starts_with(unknown));
    let word = written.unwrap_or(unknown);
    word.split('=').next().unwrap_or_default().trim_start_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &[&str]) -> String {
        let line = std::iter::once("securelambda").chain(words.iter().copied()).map(Into::into);
        Cli::read(line, |_| None).map(|_| ()).expect_err("unknown").to_string()
    }

    #[test]
    fn a_word_of_another_tool_is_answered_with_what_it_is_called_here() {
        for (words, advice) in [
            (&["up", "--target", "x"][..], "there is no such option"),
            (&["up", "-target=x"], "there is no such option"),
            (&["up", "--dry-run"], "use 'securelambda plan'"),
            (&["up", "--auto-approve"], "'--yes' answers every question"),
            (&["undeploy"], "use 'securelambda down'"),
            (&["invoke", "Hello"], "use 'securelambda call'"),
            (&["call", "GET /", "--payload", "{}"], "use '--data'"),
        ] {
            let said = said(words);
            assert!(said.contains(advice) && !said.contains("--rotate"), "{words:?}: {said}");
        }
        let forgotten = said(&["state", "rm", "x"]);
        assert!(!forgotten.contains("down"), "{forgotten}");
        assert!(said(&["stats"]).contains("'status'"), "other words are compared with ours");
    }

    #[test]
    fn no_word_of_the_tables_exists_and_every_advice_does() {
        let command = Cli::command();
        let subcommands: Vec<String> = command
            .get_subcommands()
            .flat_map(|sub| {
                std::iter::once(sub.get_name()).chain(sub.get_all_aliases()).map(str::to_owned).collect::<Vec<_>>()
            })
            .collect();
        let options = |command: &clap::Command| {
            command.get_arguments().filter_map(|arg| Some(format!("--{}", arg.get_long()?))).collect::<Vec<_>>()
        };
        let mut known = options(&command);
        known.extend(command.get_subcommands().flat_map(options));
        let nested = command.get_subcommands().flat_map(clap::Command::get_subcommands).map(clap::Command::get_name);
        let nested: Vec<&str> = nested.collect();
        for Word { words, advice } in COMMANDS.iter().chain(FLAGS) {
            for word in *words {
                assert!(!subcommands.iter().any(|known| known == word), "{word} is a command");
            }
            for quoted in advice.split('\'').skip(1).step_by(2) {
                for word in quoted.trim_start_matches("securelambda ").split_whitespace() {
                    let is_flag = word.starts_with("--") && known.iter().any(|known| known == word);
                    let is_name = subcommands.iter().any(|known| known == word)
                        || nested.contains(&word)
                        || ["-vv", "--version", "NAME", "PUT", "/files/a"].contains(&word);
                    assert!(is_flag || is_name, "{word} of {advice:?} does not exist");
                }
            }
        }
    }
}
