//! Checks the rules of docs/architecture.md: which module may import which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Every Rust file in a folder of `src`, or one file, without unit tests.
fn files(within: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut waiting = vec![root.join("src").join(within)];
    // A rule for all of `src` also holds for the engine's crate.
    waiting.extend(within.is_empty().then(|| root.join("crates")));
    let tests = regex::Regex::new(r"#\[cfg\(test\)\]\n(#\[.*\n)*(pub\(.*\) )?mod tests").unwrap();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, tests.split(&text).next().unwrap_or(&text).to_owned()));
        }
    }
    assert!(!found.is_empty(), "nothing in src/{within}");
    found
}

/// The code of the same files, without comments.
fn sources(within: &str) -> Vec<(PathBuf, String)> {
    let code = |text: String| {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.collect::<Vec<_>>().join("\n")
    };
    files(within).into_iter().map(|(path, text)| (path, code(text))).collect()
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

/// The modules that each module uses, according to the table in docs/architecture.md.
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

/// The modules that each top-level module of `src` imports, by its code.
fn imported() -> BTreeMap<String, BTreeSet<String>> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let import = regex::Regex::new(r"\bcrate::([a-z_]+)").unwrap();
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for (path, code) in sources("") {
        assert!(!code.contains("crate::{"), "{}: this test does not read such a line", path.display());
        let Ok(path) = path.strip_prefix(&src) else { continue };
        let first = path.components().next().unwrap().as_os_str();
        let module = first.to_str().unwrap().trim_end_matches(".rs").to_owned();
        let used: BTreeSet<String> = import.captures_iter(&code).map(|found| found[1].to_owned()).collect();
        found.entry(module.clone()).or_default().extend(used.into_iter().filter(|used| *used != module));
    }
    found.retain(|module, _| !["lib", "main"].contains(&module.as_str()));
    // The engine is a separate crate, so it cannot import any of these modules.
    found.insert("engine".to_owned(), BTreeSet::new());
    found
}

/// The modules of some circle, in the order in which they import each other; empty if there is no circle.
fn circle(imports: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    fn visit(
        module: &String,
        imports: &BTreeMap<String, BTreeSet<String>>,
        path: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> bool {
        if let Some(start) = path.iter().position(|above| above == module) {
            path.drain(..start);
            return true;
        }
        if !done.contains(module) {
            path.push(module.clone());
            if imports.get(module).into_iter().flatten().any(|used| visit(used, imports, path, done)) {
                return true;
            }
            path.pop();
            done.insert(module.clone());
        }
        false
    }
    let (mut path, mut done) = (Vec::new(), BTreeSet::new());
    for module in imports.keys() {
        if visit(module, imports, &mut path, &mut done) {
            return path;
        }
    }
    Vec::new()
}

#[test]
fn the_map_says_what_each_module_imports() {
    assert_eq!(documented(), imported(), "correct the table in docs/architecture.md");
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    assert_eq!(circle(&imported()), Vec::<String>::new(), "each of these imports the next, and the last the first");
}

#[test]
fn a_circle_of_imports_is_found_through_any_number_of_modules() {
    let imports = |pairs: &[(&str, &[&str])]| {
        let named = |(module, used): &(&str, &[&str])| {
            ((*module).to_owned(), used.iter().map(|used| (*used).to_owned()).collect())
        };
        pairs.iter().map(named).collect::<BTreeMap<String, BTreeSet<String>>>()
    };
    let tree = imports(&[("a", &["b", "c"]), ("b", &["c", "d"]), ("c", &["d"]), ("d", &[])]);
    assert_eq!(circle(&tree), Vec::<String>::new());
    let pair = imports(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]);
    assert_eq!(circle(&pair), ["b", "c"]);
    let long = imports(&[("a", &["b", "e"]), ("b", &[]), ("d", &["a"]), ("e", &["d"])]);
    assert_eq!(circle(&long), ["a", "e", "d"]);
}

#[test]
fn the_spec_knows_neither_the_topology_nor_aws_nor_the_engine() {
    never("spec", &["aws_", "crate::aws", "crate::topology", "crate::engine", "crate::report", "crate::args"], &[]);
}

#[test]
fn the_engine_imports_no_aws_terminal_or_stack_module() {
    let manifest = include_str!("../../crates/engine/Cargo.toml");
    let manifest: toml::Table = manifest.parse().unwrap();
    let dependencies: Vec<&str> = manifest["dependencies"].as_table().unwrap().keys().map(String::as_str).collect();
    assert_eq!(dependencies, ["futures-util", "serde", "serde_json", "thiserror", "tokio", "tracing"]);
}

/// Without its profile sections, the generated code of an SDK crate takes minutes to optimise in the gate, or makes the
/// released binary larger.
#[test]
fn every_sdk_crate_has_its_build_profiles() {
    let manifest: toml::Table = include_str!("../../Cargo.toml").parse().unwrap();
    for name in manifest["dependencies"].as_table().unwrap().keys().filter(|name| name.starts_with("aws-sdk-")) {
        for (profile, level) in [("release", toml::Value::Integer(0)), ("dist", toml::Value::String("s".into()))] {
            let section = manifest["profile"][profile]["package"].get(name);
            let found = section.and_then(|section| section.get("opt-level"));
            assert_eq!(found, Some(&level), "profile.{profile}.package.{name} in Cargo.toml");
        }
    }
}

#[test]
fn the_state_module_imports_only_the_engine() {
    never("state", &["crate::aws", "crate::spec", "crate::topology", "crate::report", "crate::scope"], &[]);
}

#[test]
fn only_the_aws_module_names_the_sdk() {
    for within in
        ["spec", "topology", "report", "commands", "local", "verify", "bundle", "config.rs", "probe.rs", "scope.rs"]
    {
        never(within, &["aws_sdk", "aws_config", "aws_smithy"], &[]);
    }
}

#[test]
fn the_report_module_imports_no_aws_commands_or_stack() {
    never("report", &["crate::aws", "crate::commands", "crate::spec", "crate::topology"], &[]);
}

#[test]
fn the_aws_module_imports_no_stack_report_or_commands() {
    never(
        "aws",
        &["crate::spec", "crate::topology", "crate::report", "crate::commands", "crate::args", "indicatif"],
        &[],
    );
}

/// The files that interpret errors: those of the services (one file for each service and one for all), the gateway's
/// own answers to callers of routes, and errors that the SDK's credential providers report only as text.
const TABLES: [&str; 3] = ["/refusals.rs", "src/meaning", "aws/credentials.rs"];
/// The files that are compiled only for tests.
const OF_TESTS: [&str; 4] = ["aws/waits.rs", "aws/lambda/sample.rs", "report/fixture.rs", "spec/reference.rs"];

/// The string literals in code.
fn literals(code: &str) -> Vec<String> {
    let literal = regex::Regex::new(r#""((?:[^"\\\n]|\\.)*)""#).unwrap();
    literal.captures_iter(code).map(|found| found[1].to_owned()).collect()
}

/// The message of a service can be shown but not compared, because `Shown` does not allow it. Error codes stand only in the
/// tables, whose sources `facts.rs` checks.
#[test]
fn error_codes_are_compared_only_in_the_refusal_tables() {
    never("", &["Refusal::new(", "Refusal {"], &[&TABLES[..], &["engine/src/failure.rs", "aws/settle.rs"]].concat());
    // No failure is converted to text and then compared either.
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

/// A longer file has more than one subject.
#[test]
fn no_source_file_has_more_than_400_lines_without_its_unit_tests() {
    let lines = files("").into_iter().map(|(path, text)| (text.lines().count(), path.display().to_string()));
    let long: Vec<(usize, String)> = lines.filter(|(count, _)| *count > 400).collect();
    assert_eq!(long, [], "split these files by what they are about");
}

#[test]
fn only_config_and_main_read_the_environment() {
    never("", &["env::var", "env::args"], &["src/config.rs", "src/main.rs", "spec/reference.rs"]);
}

#[test]
fn nothing_ends_the_process_early() {
    never("", &["process::exit", "process::abort"], &[]);
}

/// All other code gets the task as an argument.
#[test]
fn only_the_code_below_the_sdk_looks_up_the_current_task() {
    never("", &["Task::current("], &["aws/current_run.rs"]);
}

#[test]
fn only_the_progress_bars_use_indicatif() {
    never("", &["indicatif"], &["report/bars.rs"]);
}

/// SDK clients are made by the macros of `retries`. Otherwise a client for creates could repeat a create, and any other
/// client would not be corrected for a wrong clock.
#[test]
fn sdk_clients_are_made_only_by_the_macros_in_retries() {
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
