//! Checks the tables of AWS's answers in `tests/it/facts` and the facts in `docs/aws.md`: every error code and text that the
//! program decides on has a source, the tests' proxy plays only answers of these tables, and every cited heading exists.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use securelambda::aws::{KINDS, refusals, settle};
use securelambda::engine::Refusal;
use securelambda::meaning::GATEWAY_WORDS;
use serde_json::{Value, json};

use crate::support::facts::{Fact, Known, tables};
use crate::support::proxy::models::ask;

/// botocore's error codes and their status, by service and operation.
type Modelled = BTreeMap<String, BTreeMap<String, BTreeMap<String, Option<u16>>>>;

fn modelled() -> Modelled {
    let answer = ask(&[json!({ "ask": "errors", "services": refusals::EVERYWHERE })]).remove(0);
    serde_json::from_value(answer).unwrap()
}

/// The operations that `on` stands for: one operation, or all of a service.
fn operations<'a>(modelled: &'a Modelled, on: &'a str) -> Vec<(&'a str, &'a str)> {
    match on.split_once(' ') {
        Some(one) => vec![one],
        None => modelled[on].keys().map(|operation| (on, operation.as_str())).collect(),
    }
}

/// Whether botocore's model has this code for any of these operations.
fn is_modelled(modelled: &Modelled, on: &[&str], code: &str) -> bool {
    let of = |(service, operation): (&str, &str)| modelled[service][operation].contains_key(code);
    on.iter().any(|on| operations(modelled, on).into_iter().any(of))
}

/// Whether a refusal and a fact have an operation in common.
fn meet(refusal: &Refusal, fact: &Fact) -> bool {
    fact.on.iter().any(|on| refusal.covers(on) || refusal.on.iter().any(|one| *one == on || fact.covers(one)))
}

/// Codes such as expired credentials are recognised only in the answers of services that the tables know.
#[test]
fn the_refusal_tables_know_every_service_of_a_kind() {
    for (kind, about) in KINDS {
        let service = about.service.name;
        assert!(
            refusals::EVERYWHERE.contains(&service),
            "`services!` in src/aws/mod.rs has no {service}, which keeps {kind}"
        );
    }
}

#[test]
fn every_matched_code_or_text_is_in_botocores_model_or_has_a_source() {
    let (modelled, facts) = (modelled(), &tables().fact);
    let mut without = Vec::new();
    for (name, refusal) in refusals::all() {
        for on in refusal.on {
            let known = match on.split_once(' ') {
                Some((service, operation)) => modelled.get(service).is_some_and(|all| all.contains_key(operation)),
                None => modelled.contains_key(*on),
            };
            assert!(known, "{name}: botocore knows no {on}");
        }
        let about: Vec<&Fact> = facts.iter().filter(|fact| meet(refusal, fact)).collect();
        for code in refusal.codes {
            if !is_modelled(&modelled, refusal.on, code) && !about.iter().any(|fact| fact.code == *code) {
                without.push(format!("{name}: the code {code} on {:?}", refusal.on));
            }
        }
        for words in refusal.words {
            let said = |fact: &&Fact| {
                let holds = fact.message.to_lowercase().contains(&words.to_lowercase());
                holds && refusal.codes.contains(&fact.code.as_str())
            };
            if !about.iter().any(said) {
                without.push(format!("{name}: the words {words:?}"));
            }
        }
    }
    assert_eq!(without, Vec::<String>::new(), "neither modelled by botocore nor in tests/it/facts");
}

/// The table of facts names, for each answer, the refusals that it matches. This finds refusals that match too much and
/// answers that nothing matches.
#[test]
fn each_recorded_answer_matches_exactly_the_refusals_in_its_table() {
    let all = refusals::all();
    for fact in &tables().fact {
        let made: BTreeSet<&str> = all
            .iter()
            .filter(|(_, refusal)| meet(refusal, fact) && refusal.has(&fact.code, &fact.message))
            .map(|(name, _)| *name)
            .collect();
        let said: BTreeSet<&str> = fact.is.iter().map(String::as_str).collect();
        assert_eq!(made, said, "{} on {:?}: {}", fact.code, fact.on, fact.message);
    }
}

#[test]
fn every_fact_has_a_source_and_agrees_with_botocores_model() {
    let (modelled, facts) = (modelled(), &tables().fact);
    let mut ids = BTreeSet::new();
    for fact in facts {
        let what = format!("{} on {:?}", fact.code, fact.on);
        assert!(fact.source.len() > 8 && !fact.on.is_empty(), "{what} has no source");
        assert!(fact.id.as_ref().is_none_or(|id| ids.insert(id)), "{what}: the id is there twice");
        if fact.known == Known::Recorded {
            let mut parts = fact.source.splitn(2, ", ");
            let (file, test) = (parts.next().unwrap(), parts.next().unwrap_or_default());
            assert!(
                file.ends_with(".snapshot.json") && test.contains("test_"),
                "{what}: no recording: {}",
                fact.source
            );
        }
        if fact.source.starts_with("botocore, ") && !fact.source.ends_with("ChallengeNameType") {
            let on: Vec<&str> = fact.on.iter().map(String::as_str).collect();
            assert!(is_modelled(&modelled, &on, &fact.code), "{what}: botocore does not have it");
        }
        // If the model has a status, AWS sends that one.
        for (service, operation) in fact.on.iter().flat_map(|on| operations(&modelled, on)) {
            let operation = modelled[service].get(operation).unwrap_or_else(|| panic!("{what}: no such operation"));
            if let Some(Some(status)) = operation.get(&fact.code) {
                assert_eq!(*status, fact.status, "{what}");
            }
        }
    }
    for answer in &tables().answer {
        assert!(answer.source.len() > 8 && answer.status >= 400, "{} has no source", answer.words);
        assert!(answer.known != Known::Recorded || answer.source.contains(".snapshot.json"), "{}", answer.words);
    }
}

#[test]
fn every_gateway_answer_that_verify_looks_for_has_a_source() {
    let known: BTreeSet<&str> = tables().answer.iter().map(|answer| answer.words.as_str()).collect();
    let looked_for: BTreeSet<&str> = GATEWAY_WORDS.into_iter().collect();
    assert_eq!(looked_for, known);
}

/// The tests' proxy takes AWS's refusals from the tables, so that no test makes up its own.
#[test]
fn injected_faults_use_only_recorded_refusals() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let mut files = files_below(&root.join("support/faults"), &["rs"]);
    files.extend(["killed/faults.rs", "faults.rs", "support/size.rs", "models.rs"].map(|name| root.join(name)));
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            !text.contains("Fault::new("),
            "{} contains `Fault::new(`: describe the error in tests/it/facts instead",
            file.display()
        );
    }
    let all: String = files_below(&root, &["rs"]).iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    for fact in &tables().fact {
        if let Some(id) = &fact.id {
            assert!(all.contains(&format!("\"{id}\"")), "no test uses the fact {id}");
        }
    }
}

// Checks of docs/aws.md: citations, links and tables.

fn files_below(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if path.is_dir() {
            let name = path.file_name().unwrap();
            if name != "node_modules" && name != "snapshots" {
                files.extend(files_below(&path, extensions));
            }
        } else if extensions.contains(&extension) {
            files.push(path);
        }
    }
    files
}

fn headings() -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/aws.md")).unwrap();
    let lines = text
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    lines.map(str::to_owned).collect()
}

/// A comment's text without comment marks and line breaks.
fn prose(text: &str) -> String {
    let bare = text.lines().map(|line| {
        let line = line.trim_start();
        ["//!", "///", "//", "#", " *", "*"].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line).trim()
    });
    bare.collect::<Vec<_>>().join(" ")
}

/// Citations of the form `docs/aws.md, Heading` whose heading does not exist.
fn dangling(text: &str, headings: &[String]) -> Vec<String> {
    let prose = prose(text);
    let cited = prose.split("docs/aws.md, ").skip(1);
    let is_heading = |cited: &str| {
        headings.iter().any(|heading| {
            cited.strip_prefix(heading.as_str()).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
        })
    };
    cited.filter(|cited| !is_heading(cited)).map(|cited| cited.chars().take(60).collect()).collect()
}

#[test]
fn every_cited_heading_of_docs_aws_md_exists() {
    let headings = headings();
    assert_eq!(headings.iter().collect::<BTreeSet<_>>().len(), headings.len(), "a heading is there twice");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cited = 0;
    for folder in ["src", "tests", "lambdas", "benches"] {
        for file in files_below(&root.join(folder), &["rs", "py", "mjs", "js", "md", "toml"]) {
            let text = std::fs::read_to_string(&file).unwrap();
            if file.ends_with("tests/it/facts.rs") {
                continue;
            }
            cited += text.matches("docs/aws.md").count();
            assert_eq!(dangling(&text, &headings), Vec::<String>::new(), "in {}", file.display());
            assert!(
                !prose(&text).contains("(reference, "),
                "{} cites a document that is not in this repository",
                file.display()
            );
        }
    }
    assert!(cited > 60, "{cited}");
    let of = |text: &str| dangling(text, &["Web ACLs".to_owned()]).len();
    assert_eq!(of("/// (docs/aws.md,\n    /// Web ACLs)"), 0);
    assert_eq!((of("// (docs/aws.md, Web ACL)"), of("// (docs/aws.md, Web ACLsX)")), (1, 1));
}

#[test]
fn every_wait_links_to_a_heading_of_docs_aws_md() {
    let anchor = |heading: &String| {
        let kept =
            heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -".contains(*c)).collect::<String>();
        kept.replace(' ', "-")
    };
    let anchors: BTreeSet<String> = headings().iter().map(anchor).collect();
    for (name, wait) in settle::all() {
        assert!(anchors.contains(wait.facts), "{name}: docs/aws.md has no #{}", wait.facts);
    }
}

/// Checks every table with a "Known" column.
#[test]
fn every_fact_of_docs_aws_md_says_how_it_is_known() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/aws.md")).unwrap();
    let (mut inside, mut facts) = (false, 0);
    for line in text.lines() {
        if !line.starts_with('|') {
            inside = false;
        } else if line.ends_with("| Known |") {
            inside = true;
        } else if inside && !line.starts_with("|---") {
            let known = line.trim_end_matches('|').rsplit(" | ").next().unwrap().trim();
            let marked = known == "A" || ["R: ", "D: ", "O: ", "A: "].iter().any(|mark| known.starts_with(mark));
            assert!(marked, "{line}");
            facts += 1;
        }
    }
    assert!(facts > 80, "{facts}");
}

#[test]
fn botocores_error_codes_are_read_by_operation() {
    let answer = ask(&[json!({ "ask": "errors", "services": ["sns"] })]).remove(0);
    assert_eq!(answer["sns"]["CreateTopic"]["StaleTag"], json!(400));
    assert_eq!(answer["sns"]["CreateTopic"]["Nonsense"], Value::Null);
}
