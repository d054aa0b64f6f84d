//! `verify`: tests every security layer, and prints the results as a table, as JSON lines, or to files.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::session::{Session, Sources};
use super::states::state_id;
use super::{Ending, given_user, identities, or_stopped, ownership, report_file, unremoved};
use crate::args;
use crate::config::Config;
use crate::emulator::Emulator;
use crate::engine::{CancellationToken, TOOL};
use crate::error::{Error, Kind};
use crate::report::{answer, date, proof_html, proof_junit, proof_table, say};
use crate::verify::{Leftover, Proof, SCHEMA_VERSION, Subject, Verdict, Verification, notes, route_names, verify};

pub(super) async fn run(args: &args::Verify, config: Config, stop: CancellationToken) -> Result<Ending, Error> {
    for file in &args.reports {
        report_file::check(file)?;
    }
    let skip = route_names(&config.stack, &args.skip)?;
    let theirs = given_user::pool(args, &config.stack)?.map(str::to_owned);
    let identities = or_stopped(&stop, identities::read(&config.stack, &args.identities)).await?;
    let began = Instant::now();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let looking = async {
        let mut session = Session::existing(config, Sources::Packed).await?;
        let state = session.state().await?;
        session.recall(&state);
        let refresh = session.refresh(&state, &stop).await?;
        // It creates users for its proof.
        ownership::refuse(&session, &state, &ownership::read(&session, &state, &refresh), "up")?;
        Ok((session, state, refresh))
    };
    let (session, state, refresh) = or_stopped(&stop, looking).await?;
    let output = session.config.output;
    session.announce();
    if !output.quiet && !output.json {
        say(&format!("Verifying {} in account {}, {}", state.stack, state.account, state.region));
    }
    let tell = |what: &str| {
        if !output.quiet && !output.json {
            say(what);
        }
    };
    let (outputs, seen) = (session.outputs(&state), refresh.results(&session.graph).collect::<Vec<_>>());
    let signing_in = given_user::sign_in(args, &session, &outputs, theirs.as_deref());
    let given = or_stopped(&stop, signing_in).await?;
    let remembered = unremoved::file(&state_id(session.scope()));
    let left_before = unremoved::read(remembered.as_deref());
    let subject = Subject {
        stack: &session.config.stack,
        schemas: &session.bundles.schemas,
        outputs: &outputs,
        graph: &session.graph,
        seen: &seen,
        clients: &session.clients,
        endpoint: session.endpoint.as_deref(),
        proxies: &session.config.connection.proxies,
        today: &date(i64::try_from(since.as_secs()).unwrap_or_default()),
        skip: &skip,
        identities: &identities,
        given: &given,
        wait_for_expiry: args.wait_for_expiry,
        left_before: &left_before,
        tell: &tell,
    };
    let Proof { checks, left } = verify(&subject, &stop).await;
    unremoved::write(remembered.as_deref(), &left_before, &left, matches!(checks, Ok(Some(_))));
    let checks = checks.map_err(|error| with_left(error, &left))?;
    let Some(checks) = checks else { return Err(stopped(&left)) };
    let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let proof = Verification {
        schema_version: SCHEMA_VERSION,
        tool: TOOL.to_owned(),
        stack: state.stack,
        account: state.account,
        region: state.region,
        endpoint: session.endpoint.clone(),
        emulator: Emulator::of(session.endpoint.as_deref()),
        notes: notes(&session.config.stack),
        began_unix_ms: millis(since),
        elapsed_ms: millis(began.elapsed()),
        checks,
    };
    if output.json {
        for line in lines(&proof, &args.reports, &left) {
            answer(&line.to_string());
        }
    } else {
        answer(&proof_table(&proof, output.answers, output.columns));
    }
    for file in &args.reports {
        write(file, &proof).map_err(Error::summed_up)?;
        if !output.quiet && !output.json {
            say(&format!("Wrote the report to {}", file.display()));
        }
    }
    ended(&proof, &left).map_err(Error::summed_up)
}

/// The lines that `--json` prints: a line of the type `check` for each check, with the fields of
/// [`crate::verify::Check`], and at the end a `summary` with the fields of [`Verification`] except its checks, and
/// these:
///
/// | field       | meaning |
/// |-------------|---------|
/// | `verb`      | `verify` |
/// | `succeeded` | no check failed, and all test users were removed |
/// | `counts`    | the number of checks by result: `pass`, `fail`, `not_tried` |
/// | `reports`   | the files of `--report` |
/// | `left`      | temporary users and app clients that could not be removed, and why |
fn lines(proof: &Verification, reports: &[std::path::PathBuf], left: &[Leftover]) -> Vec<Value> {
    let typed = |mut line: Value, kind: &str| {
        line["schema_version"] = json!(SCHEMA_VERSION);
        line["type"] = json!(kind);
        line
    };
    let checks = proof.checks.iter().map(|check| typed(json!(check), "check"));
    let mut summary = typed(json!(proof), "summary");
    if let Some(fields) = summary.as_object_mut() {
        // Each check has a line of its own.
        fields.remove("checks");
    }
    summary["verb"] = json!("verify");
    summary["succeeded"] = json!(proof.holds() && left.is_empty());
    summary["counts"] = json!({
        "pass": proof.count(Verdict::Pass),
        "fail": proof.count(Verdict::Fail),
        "not_tried": proof.count(Verdict::NotTried),
    });
    summary["reports"] = json!(reports);
    summary["left"] = json!(left.iter().map(ToString::to_string).collect::<Vec<_>>());
    checks.chain([summary]).collect()
}

fn ended(proof: &Verification, left: &[Leftover]) -> Result<Ending, Error> {
    let failed = proof.count(Verdict::Fail);
    if failed > 0 {
        let checks = if proof.checks.len() == 1 { "check" } else { "checks" };
        let message = format!("{failed} of {} {checks} failed", proof.checks.len());
        let error = Error::new(Kind::Verify, message).hint(
            "`securelambda status` compares every setting with the stack file; `securelambda up` fixes differences",
        );
        return Err(with_left(error, left));
    }
    if !proof.holds() {
        return Err(with_left(Error::new(Kind::Verify, "no check could be made"), left));
    }
    match left {
        [] => Ok(Ending::Done),
        left => {
            let message = "no check failed, but a temporary user or app client could not be removed";
            Err(with_left(Error::other(message), left))
        }
    }
}

fn stopped(left: &[Leftover]) -> Error {
    let error = Error::new(Kind::Stopped, "stopped before all checks were made");
    match left {
        [] => error.hint("the test users were removed, and nothing else was changed"),
        left => with_left(error, left),
    }
}

fn with_left(error: Error, left: &[Leftover]) -> Error {
    left.iter().fold(error, |error, left| {
        error.hint(format!("the next `securelambda verify` removes this temporary user or app client: {left}"))
    })
}

/// Writes the report atomically.
fn write(file: &Path, proof: &Verification) -> Result<(), Error> {
    let text = match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => proof_html(proof),
        _ => proof_junit(proof),
    };
    report_file::write(file, &text)
}
