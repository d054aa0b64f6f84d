//! The commands in the help of the program, by purpose. clap knows one list of commands only.

use clap::builder::styling::Reset;
use clap::{Command, Subcommand};

use super::{StackCommand, ToolCommand, TrafficCommand, UserCommand};

/// Adds the commands of a group to a command.
type Add = fn(Command) -> Command;

const PURPOSES: [(&str, Add); 4] = [
    ("Build and change a stack", StackCommand::augment_subcommands),
    ("Users", UserCommand::augment_subcommands),
    ("Call and prove", TrafficCommand::augment_subcommands),
    ("Tools", ToolCommand::augment_subcommands),
];

/// The narrowest and the widest text, in columns.
const COLUMNS: (usize, usize) = (40, 100);

/// Shows the commands by purpose in the help.
pub(super) fn by_purpose(command: Command) -> Command {
    let columns = console::Term::stdout().size_checked().map_or(COLUMNS.1, |(_, columns)| columns.into());
    let header = *command.get_styles().get_header();
    let title = |text: &str| format!("{header}{text}:{Reset}");
    let groups: Vec<String> = PURPOSES
        .iter()
        .map(|(purpose, add)| {
            let commands = add(Command::new("commands"));
            let lines =
                commands.get_subcommands().flat_map(|command| lines(command, columns.clamp(COLUMNS.0, COLUMNS.1)));
            format!("{}\n{}\n", title(purpose), lines.collect::<Vec<_>>().join("\n"))
        })
        .collect();
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}\n{}\n{{options}}{{after-help}}",
        groups.join("\n"),
        title("Options, of every command")
    ))
}

/// The longest name of a command, with spaces around it.
const NAME: usize = 16;

/// The name of a command and what it does, wrapped.
fn lines(command: &Command, columns: usize) -> Vec<String> {
    let aliases: Vec<&str> = command.get_visible_aliases().collect();
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let about = if aliases.is_empty() { about } else { format!("{about} [also: {}]", aliases.join(", ")) };
    let mut lines = vec![format!("  {:<width$}", command.get_name(), width = NAME - 2)];
    for word in about.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.trim_end().len().max(NAME) + 1 + word.len() <= columns => {
                if line.len() > NAME {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(format!("{:NAME$}{word}", "")),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::Cli;
    use super::*;

    #[test]
    fn every_command_is_in_the_help_once() {
        let help = by_purpose(Cli::command()).render_help().to_string();
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let begins = |line: &&str| line.starts_with(&format!("  {name} "));
            assert_eq!(help.lines().filter(begins).count(), 1, "{name} in {help}");
            assert!(name.len() + 4 <= NAME, "{name}");
        }
    }

    #[test]
    fn long_descriptions_are_wrapped_below_themselves() {
        let command =
            Command::new("plan").about("Show the changes that another command would make").visible_alias("diff");
        let shown = lines(&command, 44);
        assert_eq!(
            shown,
            [
                "  plan          Show the changes that",
                "                another command would make",
                "                [also: diff]"
            ]
        );
        assert!(lines(&command, 44).iter().all(|line| line.len() <= 44));
    }
}
