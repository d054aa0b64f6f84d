//! Which module may import which: the rules of docs/architecture.md.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Every Rust file below a folder of `src`, or one file, with what it says outside comments and its unit tests.
fn sources(within: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(within);
    let mut found = Vec::new();
    let mut waiting = vec![root];
    let tests = regex::Regex::new(r"#\[cfg\(test\)\]\n(#\[.*\n)*(pub\(.*\) )?mod tests").unwrap();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = tests.split(&text).next().unwrap_or(&text);
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            found.push((path, lines.collect::<Vec<_>>().join("\n")));
        }
    }
    assert!(!found.is_empty(), "nothing in src/{within}");
    found
}

#[track_caller]
fn never(within: &str, forbidden: &[&str], except: &[&str]) {
    for (path, code) in sources(within) {
        let name = path.display().to_string();
        if except.iter().any(|one| name.contains(one)) {
            continue;
        }
        for word in forbidden {
            assert!(!code.contains(word), "{name} must not know `{word}`");
        }
    }
}

/// The modules that each module of `src` names, by the table of docs/architecture.md.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let map = crate::promises::section("docs/architecture.md", "## The map");
    let name = regex::Regex::new(r"^\| \[`([a-z]+)`\]").unwrap();
    let row = |line: &str| {
        let module = name.captures(line)?[1].to_owned();
        let uses = line.trim_end_matches([' ', '|']).rsplit('|').next()?.trim();
        let uses = uses.split(", ").filter(|module| *module != "nothing").map(str::to_owned);
        Some((module, uses.collect()))
    };
    map.lines().filter_map(row).collect()
}

#[test]
fn the_map_says_what_each_module_imports() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let import = regex::Regex::new(r"\bcrate::([a-z_]+)").unwrap();
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for (path, code) in sources("") {
        assert!(!code.contains("crate::{"), "{}: this test does not read such a line", path.display());
        let first = path.strip_prefix(&src).unwrap().components().next().unwrap().as_os_str();
        let module = first.to_str().unwrap().trim_end_matches(".rs").to_owned();
        let used: BTreeSet<String> = import.captures_iter(&code).map(|found| found[1].to_owned()).collect();
        found.entry(module.clone()).or_default().extend(used.into_iter().filter(|used| *used != module));
    }
    found.retain(|module, _| !["lib", "main"].contains(&module.as_str()));
    assert_eq!(documented(), found, "correct the table in docs/architecture.md");
}

#[test]
fn the_engine_knows_no_aws_no_terminal_and_no_stack() {
    never("engine", &["aws_", "crate::aws", "crate::stack", "crate::report", "crate::args", "clap", "indicatif"], &[]);
}

#[test]
fn the_state_knows_nothing_of_ours() {
    never("state", &["crate::"], &[]);
}

#[test]
fn only_aws_speaks_to_the_sdk() {
    for within in ["stack", "report", "commands", "local", "verify", "bundle", "config.rs", "probe.rs", "scope.rs"] {
        never(within, &["aws_sdk", "aws_config", "aws_smithy"], &[]);
    }
}

#[test]
fn the_report_knows_events_and_never_aws() {
    never("report", &["crate::aws", "crate::commands", "crate::stack"], &[]);
}

#[test]
fn services_know_no_order_and_no_terminal() {
    never("aws", &["crate::stack", "crate::report", "crate::commands", "crate::args", "indicatif"], &[]);
}

/// The tables of what the program makes of a service's refusals; of the gateway's own answers to callers of routes; and of
/// what the SDK's credential providers report as text alone.
const TABLES: [&str; 5] = ["aws/refusals.rs", "aws/settle.rs", "aws/error.rs", "src/meaning.rs", "aws/credentials.rs"];
/// What is compiled for tests only.
const OF_TESTS: [&str; 3] = ["aws/waits/", "report/fixture.rs", "stack/reference.rs"];

/// The text literals of some code.
fn literals(code: &str) -> Vec<String> {
    let literal = regex::Regex::new(r#""((?:[^"\\\n]|\\.)*)""#).unwrap();
    literal.captures_iter(code).map(|found| found[1].to_owned()).collect()
}

/// What a service said can be shown, but not be compared: `Shown` has no such means. Nor does an error code stand
/// anywhere but in the tables, whose sources are checked in `facts.rs`.
#[test]
fn what_a_service_says_is_judged_by_the_tables_alone() {
    never("", &["Refusal::new(", "Refusal {"], &[&TABLES[..], &["engine/failure.rs"]].concat());
    // Nor is it turned into text first.
    let detours = ["failure.to_string().contains(", "failure.to_string().to_lowercase(", "().to_string() =="];
    never("", &detours, &OF_TESTS);
    let codes: BTreeSet<&str> =
        securelambda::aws::refusals::all().iter().flat_map(|(_, refusal)| refusal.codes.iter().copied()).collect();
    let mut elsewhere = Vec::new();
    for (path, code) in sources("") {
        let name = path.display().to_string();
        if TABLES.iter().chain(&OF_TESTS).any(|file| name.contains(file)) {
            continue;
        }
        for literal in literals(&code) {
            let is_code =
                codes.contains(literal.as_str()) || (literal.ends_with("Exception") && !literal.contains(' '));
            elsewhere.extend(is_code.then(|| format!("{name}: {literal}")));
        }
    }
    assert_eq!(elsewhere, Vec::<String>::new(), "these error codes belong into a table");
    assert_eq!(literals(r#"says(&failure, "A\"B", "c")"#), [r#"A\"B"#, "c"]);
}

#[test]
fn the_environment_is_read_in_one_place() {
    never("", &["env::var", "env::args"], &["src/config.rs", "src/main.rs", "stack/reference.rs"]);
}

#[test]
fn the_process_ends_in_one_place() {
    never("", &["process::exit", "process::abort"], &[]);
}

#[test]
fn indicatif_has_one_importer() {
    never("", &["indicatif"], &["report/bars.rs"]);
}

/// Clients of the SDK are made by the macros of `retries`: else one for creates could repeat them, and one of all others
/// would not be corrected for a wrong clock.
#[test]
fn the_sdks_clients_are_made_in_one_way() {
    for (path, code) in sources("aws") {
        let name = path.display().to_string();
        if name.ends_with("retries.rs") {
            continue;
        }
        for wrong in ["Client::from_conf(", "::Client::new(&", "(&clients.once)"] {
            assert!(!code.contains(wrong), "{name} must make its client by a macro, not by `{wrong}`");
        }
        for line in code.lines().filter(|line| line.contains("client!(")) {
            assert!(!line.contains(".once"), "{name}: `once!` makes clients for creates: {line}");
        }
    }
}
