//! `audit`: compares the live stack with the controls of security standards.

use std::path::{Component, Path};
use std::time::{SystemTime, UNIX_EPOCH};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::session::{Session, Sources};
use super::{Ending, pretty, report_file};
use crate::args;
use crate::audit::{Audit, Estate, Outcome, evaluate};
use crate::config::Config;
use crate::controls::Standard;
use crate::engine::{CancellationToken, TOOL};
use crate::error::{Error, Kind};
use crate::outputs::SCHEMA_VERSION;
use crate::report::{StackFile, advise, answer, audit_html, audit_sarif, audit_text, completed_document, date, say};
use crate::spec;

pub(super) async fn run(args: &args::Audit, config: Config, stop: CancellationToken) -> Result<Ending, Error> {
    for file in args.sarif.iter().chain(&args.report) {
        report_file::check(file)?;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut session = Session::existing(config, Sources::Packed).await?;
    let state = session.state().await?;
    session.recall(&state);
    let refresh = session.refresh(&state, &stop).await?;
    let estate = Estate {
        stack: &session.config.stack,
        seen: refresh.results(&session.graph).collect(),
        today: date(i64::try_from(since.as_secs()).unwrap_or_default()),
    };
    let standards = if args.standards.is_empty() { Standard::ALL.to_vec() } else { args.standards.clone() };
    let audit = Audit {
        schema_version: SCHEMA_VERSION,
        tool: TOOL.to_owned(),
        stack: state.stack.clone(),
        account: state.account.clone(),
        region: state.region.clone(),
        endpoint: session.endpoint.clone(),
        emulator: session.emulator(),
        at_unix_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        standards: standards.iter().map(|standard| standard.word()).collect(),
        controls: evaluate(&estate, &standards),
    };
    let output = session.config.output;
    if output.json {
        answer(&pretty(&completed_document(document(&audit))));
    } else {
        session.announce();
        advise(&audit_text(&audit, args.all, output.answers, output.columns));
    }
    if let Some(file) = &args.report {
        report_file::write(file, &audit_html(&audit))?;
    }
    if let Some(file) = &args.sarif {
        let (uri, text) = stack_file(&session.config);
        report_file::write(file, &pretty(&audit_sarif(&audit, StackFile { uri: &uri, text: &text })))?;
    }
    for file in args.report.iter().chain(&args.sarif).filter(|_| !output.quiet && !output.json) {
        say(&format!("Wrote the report to {}", file.display()));
    }
    if audit.passes() {
        return Ok(Ending::Done);
    }
    let failed = audit.count(Outcome::Fail);
    let controls = if failed == 1 { "control" } else { "controls" };
    Err(Error::new(Kind::Verify, format!("{failed} {controls} of {} failed", audit.controls.len()))
        .hint("each failure names the key of the stack file that fixes it; `[audit] accept` closes it with a reason"))
}

/// The stack file's path as a relative URI, which SARIF needs as a location, and its text. For the built-in stack, the
/// path is the file name that `init` uses.
fn stack_file(config: &Config) -> (String, String) {
    let Some(file) = &config.file else {
        let text = if config.blueprint.is_none() { spec::BUILTIN } else { "" };
        return ("securelambda.toml".to_owned(), text.to_owned());
    };
    let inside = file.is_relative() && !file.components().any(|part| part == Component::ParentDir);
    let path = if inside { file.as_path() } else { Path::new(file.file_name().unwrap_or_default()) };
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(utf8_percent_encode(&name.to_string_lossy(), UNRESERVED).to_string()),
        _ => None,
    });
    let uri = parts.collect::<Vec<_>>().join("/");
    // The file was read before. If it has been deleted since then, the results point at its first line.
    (uri, std::fs::read_to_string(file).unwrap_or_default())
}

/// The characters that a URI contains only encoded.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The audit with the number of controls by outcome.
fn document(audit: &Audit) -> Value {
    let mut document = json!(audit);
    let counts = Outcome::ALL.map(|outcome| (json!(outcome), audit.count(outcome)));
    let counts = counts.into_iter().filter_map(|(outcome, count)| Some((outcome.as_str()?.to_owned(), json!(count))));
    document["counts"] = Value::Object(counts.collect());
    document["succeeded"] = json!(audit.passes());
    document
}
