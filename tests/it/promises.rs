//! Compares the documentation with the program: commands, flags, exit codes and cleanup order. Also checks links and the
//! length of the README.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use securelambda::args::Cli;

/// The most lines that README.md may have.
const LONGEST_README: usize = 200;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn text(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A section of a page: from this heading to the next heading of the same or a higher level.
pub fn section(file: &str, heading: &str) -> String {
    let level = heading.chars().take_while(|c| *c == '#').count();
    let text = text(file);
    let mut lines = text.lines().skip_while(|line| *line != heading);
    assert!(lines.next().is_some(), "{file} has no heading {heading}");
    let ends = |line: &&str| {
        let marks = line.chars().take_while(|c| *c == '#').count();
        (1..=level).contains(&marks) && line[marks..].starts_with(' ')
    };
    lines.take_while(|line| !ends(line)).collect::<Vec<_>>().join("\n")
}

/// The flags that a text names, as `--flag`.
fn flags(text: &str) -> BTreeSet<&str> {
    let name = |rest: &str| rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
    text.split("`--").skip(1).map(|rest| &rest[..name(rest)]).collect()
}

#[test]
fn every_command_and_flag_is_documented() {
    let cli = Cli::command();
    let longs = |command: &clap::Command| -> Vec<String> {
        let arguments = command.get_arguments().filter(|argument| !argument.is_global_set());
        let longs = arguments.filter_map(|argument| argument.get_long().map(str::to_owned));
        longs.filter(|long| !["help", "version"].contains(&long.as_str())).collect()
    };
    for command in cli.get_subcommands() {
        let name = command.get_name();
        let section = section("docs/commands.md", &format!("### {name}"));
        assert!(
            section.contains(&format!("`securelambda {name}")),
            "the section of {name} does not show how to call it"
        );
        assert!(text("docs/commands.md").contains(&format!("| [`{name}`](#{name}) |")), "{name} is not in the table");
        for inner in command.get_subcommands() {
            assert!(section.contains(inner.get_name()), "{name} {} is not in its section", inner.get_name());
        }
        let inner = command.get_subcommands().flat_map(longs);
        for flag in longs(command).into_iter().chain(inner) {
            assert!(flags(&section).contains(flag.as_str()), "--{flag} is not in the section of {name}");
        }
    }
    let section = section("docs/commands.md", "## Shared flags");
    for flag in cli.get_arguments().filter(|argument| argument.is_global_set()).filter_map(clap::Arg::get_long) {
        assert!(flags(&section).contains(flag), "--{flag} is not among the shared flags");
    }
}

#[test]
fn the_documented_exit_codes_equal_the_codes() {
    use securelambda::error::Kind;
    let section = section("docs/commands.md", "## Exit codes");
    let kinds = [
        (Kind::Other, "another error"),
        (Kind::Usage, "usage, or a mistake in the stack file"),
        (Kind::Account, "credentials, account or region"),
        (Kind::Resource, "a resource failed"),
        (Kind::Verify, "verify or audit failed"),
        (Kind::NoStack, "the stack does not exist"),
        (Kind::Changes, "changes or drift"),
        (Kind::Stopped, "stopped on request"),
        (Kind::Locked, "another run holds the lock"),
        (Kind::Interrupted, "interrupted"),
    ];
    for (kind, words) in kinds {
        assert!(section.contains(&format!("| {} | {words}", kind.code())), "{kind:?}");
    }
}

#[test]
fn the_readme_has_at_most_200_lines() {
    let lines = text("README.md").lines().count();
    assert!(lines <= LONGEST_README, "README.md has {lines} lines; move details to docs/");
}

#[test]
fn the_stack_file_in_the_readme_is_valid() {
    let readme = text("README.md");
    let example = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    securelambda::spec::parse(example).unwrap();
}

/// The parts of stack files in the pages. They name functions and pools that the reader has, but no key that does not exist.
#[test]
fn the_parts_of_stack_files_in_the_documentation_have_only_known_keys() {
    let mut read = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for part in text.split("```toml\n").skip(1) {
            let part = part.split("```").next().unwrap();
            let stack = if part.contains("[stack]") { "" } else { "[stack]\nname = \"demo\"\n" };
            let mistakes = securelambda::spec::parse(&format!("{stack}{part}")).err().unwrap_or_default();
            let wrong = mistakes.iter().map(|mistake| mistake.message.as_str()).find(|message| {
                ["has no key", "exactly one source", "expected", "duplicate"]
                    .iter()
                    .any(|words| message.contains(words))
            });
            assert_eq!(wrong, None, "{}:\n{part}", page.display());
            read += 1;
        }
    }
    assert!(read > 10, "{read}");
}

/// Every page: README.md, CHANGELOG.md and docs/*.md.
fn pages() -> Vec<PathBuf> {
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let docs = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut pages: Vec<PathBuf> = docs.chain(["README.md", "CHANGELOG.md"].map(|name| root().join(name))).collect();
    pages.sort();
    pages
}

/// A page without code blocks.
fn prose(page: &Path) -> String {
    let text = std::fs::read_to_string(page).unwrap();
    let mut in_code = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !fence && !in_code
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The anchors of a page's headings on GitHub.
fn anchors(page: &Path) -> BTreeSet<String> {
    let mut seen = BTreeMap::<String, usize>::new();
    let heading = |line: &str| {
        let title = line.trim_start_matches('#');
        (title.starts_with(' ') && title.len() < line.len()).then(|| title.trim().to_owned())
    };
    let of = |title: String| {
        let kept = title.to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let count = seen.entry(anchor.clone()).or_default();
        *count += 1;
        if *count == 1 { anchor } else { format!("{anchor}-{}", *count - 1) }
    };
    prose(page).lines().filter_map(heading).map(of).collect()
}

/// The targets of a page's links.
fn links(page: &Path) -> Vec<String> {
    let code = regex::Regex::new("`[^`]*`").unwrap();
    let link = regex::Regex::new(r"\[[^\]]*\]\(([^)\s]+)\)").unwrap();
    let prose = prose(page);
    let prose = code.replace_all(&prose, "");
    link.captures_iter(&prose).map(|found| found[1].to_owned()).collect()
}

/// The reason why a link of a page does not resolve. `None` if it resolves.
fn dead(page: &Path, link: &str) -> Option<&'static str> {
    if link.starts_with("https://") || link.starts_with("http://") {
        return None;
    }
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let target = if file.is_empty() { page.to_owned() } else { page.parent().unwrap().join(file) };
    let Ok(target) = target.canonicalize() else { return Some("there is no such file") };
    if !target.starts_with(root().canonicalize().unwrap()) {
        return Some("it leaves the repository");
    }
    match anchor {
        Some(anchor) if target.is_dir() || !anchors(&target).contains(anchor) => Some("there is no such heading"),
        _ => None,
    }
}

#[test]
fn every_link_in_the_documentation_resolves() {
    let mut broken = Vec::new();
    let mut checked = 0;
    for page in pages() {
        for link in links(&page) {
            checked += 1;
            let name = page.strip_prefix(root()).unwrap().display();
            broken.extend(dead(&page, &link).map(|why| format!("{name}: {link}: {why}")));
        }
    }
    assert_eq!(broken, Vec::<String>::new());
    assert!(checked > 50, "only {checked} links were found");
    let page = root().join("docs/removal.md");
    assert_eq!(dead(&page, "../README.md"), None);
    assert_eq!(dead(&page, "#what-remains"), None);
    for wrong in ["nowhere.md", "#nowhere", "verify.md#nowhere", "../src#nowhere", "/etc/hosts"] {
        assert!(dead(&page, wrong).is_some(), "{wrong}");
    }
}

#[test]
fn the_readme_links_to_every_page() {
    let links = links(&root().join("README.md"));
    for page in pages().iter().filter(|page| page.parent() != Some(root())) {
        let name = page.strip_prefix(root()).unwrap().display().to_string();
        assert!(links.contains(&name), "README.md does not link to {name}");
    }
}

#[test]
fn clap_accepts_the_definition_of_the_command_line() {
    Cli::command().debug_assert();
}
