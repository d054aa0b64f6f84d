//! `status`: compares every resource with the stack file, and lists the routes.

use serde_json::{Value, json};

use super::session::{Session, Sources};
use super::states::state_id;
use super::{Ending, ownership, readable};
use crate::args;
use crate::config::Config;
use crate::emulator::Emulator;
use crate::engine::{CancellationToken, Change, Drift, Failure, Id, Plan, ReadResult};
use crate::error::{Error, Kind};
use crate::outputs::SCHEMA_VERSION;
use crate::report::{Palette, advise, answer, command, completed_document, emulator_text, one_line, table};
use crate::state::{Record, State, Status};

pub(super) async fn run(args: &args::Status, config: Config, stop: CancellationToken) -> Result<Ending, Error> {
    if args.offline {
        return offline(&config).await;
    }
    let mut session = Session::existing(config, Sources::Packed).await?;
    let state = match session.state().await {
        Err(error) if error.kind == Kind::NoStack && session.store.read().await?.is_none() => {
            return Err(without_state(&mut session, error, &stop).await?);
        }
        state => state?,
    };
    session.recall(&state);
    let refresh = session.refresh(&state, &stop).await?;
    let graph = &session.graph;
    let plan = Plan::new(graph, &refresh, &state);
    let refusal = |id: &Id| {
        let of = plan.changes.iter().find(|(known, ..)| known == id && plan.unchangeable.contains(id));
        of.and_then(|(_, _, change)| if let Change::Refuse { failure } = change { Some(failure) } else { None })
    };
    let mut rows: Vec<Row> = refresh
        .results(graph)
        .map(|(id, kind, result)| {
            let recorded = state.resources.get(id.as_str()).map(|row| row.status);
            let row = Row::new(id, kind, result, recorded, plan.lost_guards.contains(id));
            Row { why: refusal(id).map(words_of).or(row.why), ..row }
        })
        .collect();
    let wanted: std::collections::HashSet<String> = rows.iter().map(|row| row.id.clone()).collect();
    // Resources that `up` never removes are not reported as unwanted.
    let others = state.resources.iter().filter(|(id, record)| !wanted.contains(*id) && !graph.keeps(&record.kind));
    rows.extend(others.map(|(id, record)| {
        let (state, why) = match Id::from(id.as_str()) {
            id if graph.spares(&record.kind, &id) => {
                ("kept", format!("no longer in the stack file. {}", super::tables::stays("up", &id)))
            }
            _ => ("unwanted", "no longer in the stack file; `up` will remove it".to_owned()),
        };
        Row { id: id.clone(), kind: record.kind.clone(), state, weakens: false, drift: Vec::new(), why: Some(why) }
    }));
    readable::excuse_own_code(&session, &state, rows.iter_mut().map(|row| &mut row.drift));
    for row in rows.iter_mut().filter(|row| !row.drift.is_empty()) {
        row.weakens &= row.drift.iter().any(|drift| drift.weakens);
    }
    // Weakened resources first. The others stay in the order of creation.
    rows.sort_by_key(|row| !row.weakens);
    let parts = |row: &Row| Id::from(row.id.as_str());
    let added: Vec<String> =
        rows.iter().filter_map(|row| super::permissions::note(parts(row).parts(), &row.drift)).collect();
    let sound = rows.iter().all(|row| ["live", "kept"].contains(&row.state));
    let outputs = session.outputs(&state);
    let others = super::ownership::note(&session, &state);
    let kept = kept(&session, &state);
    if session.config.output.json {
        let document = json!({
            "schema_version": SCHEMA_VERSION,
            "stack": state.stack,
            "account": state.account,
            "region": state.region,
            "emulator": session.emulator(),
            "sound": sound,
            "resources": rows.iter().map(Row::json).collect::<Vec<_>>(),
            "notes": super::notes(&session.config.stack).iter().chain(&added).chain(&others).chain(&kept).collect::<Vec<_>>(),
            "routes": outputs.routes().collect::<Vec<_>>(),
        });
        answer(&super::pretty(&completed_document(document)));
    } else {
        session.announce();
        let works = plan.unchangeable.is_empty();
        let up = if others.is_some() { "up --adopt" } else { "up" };
        advise(&table_of(&state, &rows));
        if outputs.routes().next().is_some() {
            advise(&format!("\n{}", super::up::routes(&outputs)));
            if let Some(limits) = super::limits(&session.config.stack) {
                advise(&format!("\n{limits}"));
            }
        }
        for note in super::notes(&session.config.stack).iter().chain(&added).chain(&others).chain(&kept) {
            advise(&format!("\n{note}"));
        }
        // Last, where it is seen in a terminal.
        advise(&format!("\n{}", verdict(&rows, (sound, works), up, session.config.output.answers)));
    }
    Ok(if args.detailed_exitcode && !sound { Ending::Changes } else { Ending::Done })
}

/// The error if there is no state: the stack may exist nevertheless, and then somebody else has its state.
async fn without_state(session: &mut Session, none: Error, stop: &CancellationToken) -> Result<Error, Error> {
    let mut state = State::new(&state_id(session.scope()), None);
    ownership::claim(session, &mut state, false);
    let refresh = session.refresh(&state, stop).await?;
    let others = ownership::read(session, &state, &refresh);
    Ok(ownership::refuse(session, &state, &others, "up").err().unwrap_or(none))
}

/// A note if the stack was removed, and only what `down` keeps is left.
fn kept(session: &Session, state: &State) -> Option<String> {
    let stays = |(id, record): (&String, &Record)| session.graph.spares(&record.kind, &Id::from(id.as_str()));
    let only = !state.resources.is_empty() && state.resources.iter().all(stays);
    let ids: Vec<&str> = state.resources.keys().map(String::as_str).collect();
    only.then(|| format!("The stack was removed, apart from what `down` keeps: {}.", ids.join(", ")))
}

/// One resource of the table.
struct Row {
    id: String,
    kind: String,
    state: &'static str,
    /// Whether the stack is less protected than the stack file requires.
    weakens: bool,
    /// Differences that weaken security come first.
    drift: Vec<Drift>,
    why: Option<String>,
}

impl Row {
    /// `guards` is whether the stack is less protected without this resource.
    fn new(id: &Id, kind: &str, result: &ReadResult, recorded: Option<Status>, guards: bool) -> Self {
        let was_there = matches!(recorded, Some(Status::Ready | Status::Updating));
        let (state, mut drift, why) = match result {
            ReadResult::Live { comparison, .. } if comparison.is_as_wanted() => ("live", Vec::new(), None),
            ReadResult::Live { comparison, .. } => ("drifted", comparison.drift(), None),
            ReadResult::Absent if recorded == Some(Status::Creating) => {
                ("pending", Vec::new(), Some("a run was interrupted before it was created".to_owned()))
            }
            ReadResult::Absent => ("missing", Vec::new(), None),
            ReadResult::Blocked(comparison) => {
                let state = if comparison.is_as_wanted() { "pending" } else { "drifted" };
                (state, comparison.drift(), Some("waiting for other resources".to_owned()))
            }
            ReadResult::Failed(failure) => ("unknown", Vec::new(), Some(words_of(failure))),
        };
        drift.sort_by_key(|drift| !drift.weakens);
        // A resource that never existed is not missing: it was just added to the stack file.
        let gone = guards && was_there && *result == ReadResult::Absent;
        let weakens = gone || drift.iter().any(|drift| drift.weakens);
        Self { id: id.to_string(), kind: kind.to_owned(), state, weakens, drift, why }
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id, "kind": self.kind, "state": self.state, "weakens": self.weakens, "drift": self.drift,
            "why": self.why,
        })
    }

    /// One line for each difference that weakens security.
    fn warnings(&self) -> Vec<String> {
        let id = &self.id;
        if self.drift.is_empty() {
            return vec![format!("! {id}: {}", self.state)];
        }
        let weakening = self.drift.iter().filter(|drift| drift.weakens);
        weakening.map(|drift| one_line(&format!("! {id}: {}", words(drift)))).collect()
    }
}

/// Why a resource could not be read, and what to do.
fn words_of(failure: &Failure) -> String {
    let hint = failure.hint.as_ref().map(|hint| format!("\nhint: {hint}"));
    failure.to_string() + &hint.unwrap_or_default()
}

/// A difference with both values; for a secret, without values.
fn words(drift: &Drift) -> String {
    let Drift { field, live, want, .. } = drift;
    if live == want { format!("{field} differs") } else { format!("{field} is {live}, wanted {want}") }
}

fn table_of(state: &State, rows: &[Row]) -> String {
    let lines = rows.iter().map(|row| {
        let details = row.drift.iter().map(words).chain(row.why.clone());
        let details: Vec<String> = details.map(|detail| one_line(&detail)).collect();
        vec![row.id.clone(), row.state.to_owned(), details.join("\n")]
    });
    let table = table(&["RESOURCE", "STATE", ""], lines);
    format!("Stack {} in account {}, {}\n\n{table}", state.stack, state.account, state.region)
}

/// The counts, what weakens security, and what to do. `works`: whether `up` can make all settings match. Otherwise it
/// changes nothing.
/// `up` is the command that repairs the differences.
fn verdict(rows: &[Row], (sound, works): (bool, bool), up: &str, palette: Palette) -> String {
    if sound {
        return format!("{} resources, all live; settings match the stack file.", rows.len());
    }
    let count = |state: &str| rows.iter().filter(|row| row.state == state).count();
    let states = ["live", "drifted", "missing", "pending", "unknown", "unwanted"];
    let counts = states.iter().filter(|state| count(state) > 0).map(|state| format!("{} {state}", count(state)));
    let warnings: Vec<String> = rows.iter().filter(|row| row.weakens).flat_map(Row::warnings).collect();
    let up = command(up);
    let fix = |what: &str| {
        if works {
            format!("To fix {what}, run `{up}`.")
        } else {
            format!("`{up}` changes nothing until you follow the hints above.")
        }
    };
    let counts = counts.collect::<Vec<_>>().join(", ");
    if warnings.is_empty() {
        return format!("{counts}. {}", fix("this"));
    }
    let shown: Vec<String> = warnings.iter().map(|warning| palette.warn(warning)).collect();
    format!("{counts}.\n\n{}\n\nThese differences weaken security. {}", shown.join("\n"), fix("them"))
}

async fn offline(config: &Config) -> Result<Ending, Error> {
    let state = super::recorded(config).await?;
    let word = |status: Status| match status {
        Status::Creating => "creating",
        Status::Ready => "ready",
        Status::Updating => "updating",
        Status::Deleting => "deleting",
    };
    let emulator = Emulator::of(state.endpoint.as_deref());
    if config.output.json {
        let resources: Vec<_> = state
            .resources
            .iter()
            .map(|(id, record)| json!({ "id": id, "kind": record.kind, "recorded": word(record.status) }))
            .collect();
        answer(&super::pretty(&json!({
            "schema_version": SCHEMA_VERSION, "stack": state.stack, "account": state.account, "region": state.region,
            "emulator": emulator, "offline": true, "resources": resources,
        })));
        return Ok(Ending::Done);
    }
    if let Some(emulator) = &emulator {
        answer(&emulator_text(emulator, config.output.columns));
    }
    let rows = state.resources.iter().map(|(id, record)| vec![id.clone(), word(record.status).to_owned()]);
    advise(&format!(
        "Stack {} in account {}, {}, from the state file (no AWS calls)\n\n{}",
        state.stack,
        state.account,
        state.region,
        table(&["RESOURCE", "RECORDED"], rows)
    ));
    Ok(Ending::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(result: &ReadResult, recorded: Option<Status>, guards: bool) -> Row {
        Row::new(&Id::new("firewall", "association"), "wafv2.association", result, recorded, guards)
    }

    fn live(drift: Vec<Drift>) -> ReadResult {
        ReadResult::Live { outputs: Value::Null, comparison: drift.into_iter().collect() }
    }

    #[test]
    fn a_missing_guard_weakens_the_stack() {
        let table = [
            (Some(Status::Ready), true, "missing", true),
            (Some(Status::Updating), true, "missing", true),
            (Some(Status::Ready), false, "missing", false),
            // Just added to the stack file, or never created.
            (None, true, "missing", false),
            (Some(Status::Creating), true, "pending", false),
        ];
        for (recorded, guards, state, weakens) in table {
            let row = row(&ReadResult::Absent, recorded, guards);
            assert_eq!((row.state, row.weakens, row.json()["weakens"].as_bool()), (state, weakens, Some(weakens)));
        }
        assert!(!row(&live(vec![]), Some(Status::Ready), true).weakens);
    }

    #[test]
    fn weakening_differences_come_first_on_one_line_with_both_values() {
        let drift = vec![Drift::new("memory", 128, 256), Drift::weakening("PolicyNames", "no others", "x\n! forged")];
        let rows = [row(&live(drift), Some(Status::Ready), false), row(&ReadResult::Absent, Some(Status::Ready), true)];
        assert_eq!(rows[0].drift[0].field, "PolicyNames");
        insta::assert_snapshot!(verdict(&rows, (false, true), "up", Palette::default()), @r"
        1 drifted, 1 missing.

        ! firewall.association: PolicyNames is x ! forged, wanted no others
        ! firewall.association: missing

        These differences weaken security. To fix them, run `securelambda up`.
        ");
        let refused = verdict(&rows, (false, false), "up", Palette::default());
        assert!(!refused.contains("To fix"), "{refused}");
        assert!(refused.contains("`securelambda up` changes nothing until you follow the hints above"));
    }

    #[test]
    fn what_somebody_weakened_is_told_although_the_resource_waits_for_another() {
        let blocked = |drift: Vec<Drift>| ReadResult::Blocked(drift.into_iter().collect());
        let open =
            row(&blocked(vec![Drift::weakening("AuthorizationType", "JWT", "NONE")]), Some(Status::Ready), false);
        assert_eq!((open.state, open.weakens), ("drifted", true));
        assert_eq!(open.warnings(), ["! firewall.association: AuthorizationType is NONE, wanted JWT"]);
        let waiting = row(&blocked(vec![]), Some(Status::Ready), true);
        assert_eq!((waiting.state, waiting.weakens), ("pending", false));
    }

    #[test]
    fn values_of_secrets_are_not_shown() {
        assert_eq!(words(&Drift::new("value", "(hidden)", "(hidden)")), "value differs");
    }
}
