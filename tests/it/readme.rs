//! Follows README.md line by line, in a fresh folder with an empty home folder: every command ends as the page says.

use std::path::Path;
use std::time::Duration;

use crate::support::default_account::default_account;
use crate::support::emulator::{cache, endpoint};
use crate::support::program::User;
use crate::support::pty::{Ended, Pty};

/// How long a command may take that runs the whole stack.
const PATIENCE: Duration = Duration::from_mins(2);

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The contents of the blocks of this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let begin = format!("```{language}");
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while lines.by_ref().any(|line| line == begin) {
        blocks.push(lines.by_ref().take_while(|line| *line != "```").collect::<Vec<_>>().join("\n"));
    }
    blocks
}

/// The commands of all blocks for a shell, without their remarks.
fn commands(page: &str) -> Vec<String> {
    let lines: Vec<String> =
        blocks(page, "sh").iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let commands = lines.iter().flat_map(|line| line.split('#').next().unwrap_or_default().split("&&"));
    commands.map(|command| command.trim().to_owned()).filter(|command| !command.is_empty()).collect()
}

/// The words of a command, as a shell splits it.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in command.chars() {
        match character {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Runs a command in a terminal and types these answers, each after its question.
fn in_terminal(user: &User, words: &[&str], answers: &[(&str, &str)]) -> Ended {
    let mut terminal = Pty::start(user, words);
    for (question, answer) in answers {
        terminal.shows(question);
        terminal.types(answer);
    }
    let ended = terminal.ends(PATIENCE);
    assert_eq!(ended.code, 0, "{words:?}:\n{}", ended.screen);
    ended
}

const PASSWORD: &str = "Correct-Horse-7-Battery\r";

#[test]
fn every_command_of_the_readme_ends_as_it_says() {
    let _account = default_account();
    // Starts the emulator, which all tests share, so that the region is the only difference to a stranger's machine.
    let aws = User::of(&crate::support::emulator::account(), &endpoint());
    let local = User::bare().with("SECURELAMBDA_CACHE_DIR", cache().to_str().unwrap());
    let local = local.with("SECURELAMBDA_REGION", "eu-central-1");
    let page = page();
    let answer = blocks(&page, "json").into_iter().next().expect("the answer of the call");
    let mut followed = 0;
    for command in commands(&page) {
        let words = words(&command);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let Some((program, words)) = words.split_first() else { continue };
        followed += 1;
        match (*program, words) {
            // How the program gets onto a machine is tried by the gate and by the tests of its packages.
            // The folder of `init` is used below.
            ("cargo" | "pip" | "npm" | "npx" | "uvx" | "uv", _) | ("cd", ["my-api"]) => {}
            ("securelambda", ["up", "--local"]) => {
                let ended = in_terminal(&local, words, &[]);
                assert!(ended.screen.contains("POST") && ended.screen.contains("Next:"), "{}", ended.screen);
            }
            ("securelambda", ["add-user", ..]) => {
                let questions = [("Password for", PASSWORD), ("Repeat the password", PASSWORD)];
                in_terminal(&local, words, &questions);
            }
            ("securelambda", ["call", ..]) => {
                let ended = in_terminal(&local, words, &[("Password of", PASSWORD)]);
                assert!(ended.screen.contains(answer.trim()), "{}", ended.screen);
            }
            ("securelambda", ["status", "--local"]) => {
                let ended = in_terminal(&local, words, &[]);
                assert!(ended.screen.contains("all live; settings match the stack file"), "{}", ended.screen);
            }
            ("securelambda", ["verify", "--local"]) => {
                let ended = in_terminal(&local, words, &[]);
                assert!(ended.screen.contains("PASS"), "{}", ended.screen);
            }
            ("securelambda", ["down", "--local"]) => {
                let ended = in_terminal(&local, words, &[]);
                assert!(ended.screen.contains("0 left"), "{}", ended.screen);
            }
            // Without --local: on AWS, whose place the emulator takes.
            ("securelambda", ["doctor" | "plan"]) => drop(in_terminal(&aws, words, &[])),
            ("securelambda", ["up"]) => {
                in_terminal(&aws, words, &[("Apply these changes", "y\r")]);
                aws.run(&["down", "--yes"]).ends(0).says("0 left");
            }
            ("securelambda", ["init", folder]) => {
                in_terminal(&local, words, &[]);
                let file = format!("{folder}/securelambda.toml");
                local.run(&["validate", "--file", &file]).ends(0);
            }
            _ => panic!("this test does not know how `{command}` ends; add it"),
        }
    }
    assert!(followed > 10, "{followed} commands");
}

/// Commands that only read, so that their examples can be run one after the other.
const READING: [&[&str]; 20] = [
    &["validate"],
    &["plan"],
    &["status"],
    &["outputs"],
    &["users"],
    &["groups"],
    &["export-users"],
    &["logs"],
    &["graph"],
    &["cost"],
    &["policy"],
    &["schema"],
    &["doctor"],
    &["audit"],
    &["sweep"],
    &["state", "list"],
    &["state", "show"],
    &["state", "pull"],
    &["export", "openapi"],
    &["export", "cloudformation"],
];

/// Parts of examples that need more than the tutorial's stack, a file, a profile, or a question.
const MORE: [&str; 9] =
    ["acme", "staff", "--profile", "--env", "--file", "--follow", "--permissions-boundary", "--stack", "--state"];

#[test]
fn the_examples_of_the_help_run_as_printed() {
    let user = User::with_a_stack();
    let mut ran = 0;
    for command in READING {
        let help = user.run(&[command, &["--help"]].concat()).ends(0).stdout;
        let examples = help.lines().filter_map(|line| line.strip_prefix("  securelambda "));
        for example in examples.filter(|example| !MORE.iter().any(|more| example.contains(more))) {
            // A remark begins after two spaces, and what a shell does with the output is not tried.
            let line = example.split("  ").next().unwrap().split(['>', '|']).next().unwrap();
            let words = words(line);
            let output = user.run(&words);
            // The audit finds something in every stack.
            let code = if words[0] == "audit" { 5 } else { 0 };
            assert_eq!(output.code, code, "securelambda {line}: {}", output.stderr);
            ran += 1;
        }
    }
    assert!(ran > 25, "{ran} examples");
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn the_stack_file_of_the_readme_is_valid() {
    let user = User::bare();
    for block in blocks(&page(), "toml") {
        user.write("securelambda.toml", &block);
        user.write("functions/notes/index.mjs", "export const handler = async () => ({ statusCode: 200 });\n");
        user.run(&["validate"]).ends(0);
    }
}

#[test]
fn commands_are_found_without_remarks() {
    let page = "a\n```sh\nsecurelambda init x && cd x   # makes it\n\nsecurelambda call 'GET /a b'\n```\n```toml\na = 1\n```\n";
    assert_eq!(commands(page), ["securelambda init x", "cd x", "securelambda call 'GET /a b'"]);
    assert_eq!(words("securelambda call 'GET /a b'"), ["securelambda", "call", "GET /a b"]);
}
