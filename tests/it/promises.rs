//! The README says what the program does: its commands, exit codes and cleanup order are the code's.

use clap::CommandFactory;
use securelambda::args::Cli;
use securelambda::stack::cleanup::{GROUPS, group};

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

#[test]
fn the_cleanup_order_is_the_codes() {
    let readme = readme();
    let section = readme.split("## The cleanup order").nth(1).unwrap().split("\n## ").next().unwrap();
    let listed: Vec<&str> = section.lines().filter_map(|line| line.split_once(". ")).map(|(_, title)| title).collect();
    let coded: Vec<&str> = GROUPS.iter().map(|group| group.title).collect();
    assert_eq!(listed[..coded.len()], coded);
}

#[test]
fn every_kind_has_a_place_in_the_cleanup_order() {
    let clients = securelambda::aws::Clients::new(
        securelambda::aws::offline(),
        securelambda::scope::Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            stack: "demo".into(),
        },
    );
    for kind in securelambda::aws::registry(&clients).kinds() {
        assert!(group(kind) < GROUPS.len(), "{kind} is in no group");
    }
}

#[test]
fn every_command_and_shared_flag_is_in_the_readme() {
    let readme = readme();
    let cli = Cli::command();
    for command in cli.get_subcommands() {
        assert!(readme.contains(&format!("`{}", command.get_name())), "{} is not in the README", command.get_name());
    }
    for flag in cli.get_arguments().filter_map(|argument| argument.get_long()) {
        assert!(
            ["help", "version"].contains(&flag)
                || readme.contains(&format!("--{flag}"))
                || ["verbose", "quiet"].contains(&flag),
            "--{flag} is not in the README"
        );
    }
}

#[test]
fn the_exit_codes_are_the_codes() {
    use securelambda::error::Kind;
    let readme = readme();
    let kinds = [
        (Kind::Other, "another failure"),
        (Kind::Usage, "usage, or a mistake in the stack file"),
        (Kind::Account, "credentials, account or region"),
        (Kind::Resource, "a resource failed"),
        (Kind::Verify, "verify failed"),
        (Kind::NoStack, "there is no such stack"),
        (Kind::Changes, "changes or drift"),
        (Kind::Stopped, "stopped on request"),
        (Kind::Locked, "another run holds the lock"),
        (Kind::Interrupted, "stopped hard"),
    ];
    for (kind, words) in kinds {
        assert!(readme.contains(&format!("| {} | {words}", kind.code())), "{kind:?}");
    }
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}
