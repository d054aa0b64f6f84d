//! A run as JSON Lines, for programs. Every line is an object. Fields may be added at any time. A field is renamed or
//! removed only with a new [`SCHEMA_VERSION`](crate::outputs::SCHEMA_VERSION).
//!
//! | field            | in                | meaning |
//! |------------------|-------------------|---------|
//! | `schema_version` | every line        | 1 |
//! | `type`           | every line        | one of the types in this column |
//! | `total`          | `run_began`       | the number of resources in the run |
//! | `id`             | `resource_*`      | the resource: `function.ExternalLambda1` |
//! | `verb`           | `resource_started` | `read`, `create`, `update` or `delete` |
//! | `why`            | `resource_waiting` | the reason for waiting |
//! | `outcome`        | `resource_done`   | `created`, `adopted`, `updated`, `unchanged`, `deleted`, `went_with_parent` |
//! | `drift`          | `resource_done`, if `updated` | the corrected differences: a list of `field`, `want`, `live`, `weakens` |
//! | `elapsed_ms`     | `resource_done`, `resource_failed` | the duration |
//! | `failure`        | `resource_failed` | `cause`, `message`, and `code`, `request_id`, `hint` or null; `call` if a call failed: `iam GetRole` |
//! | `because`        | `resource_skipped` | the resource that failed |
//! | `ids`            | `resources_found` | resources of the stack that only lists show; they are removed too |
//! |                  | `resource_still_listed` | a deleted resource is still listed, and the run waits |
//! |                  | `run_draining`    | nothing more is started; the run waits for calls in flight |
//!
//! The last line is the `summary`, written by the command: see [`summary_line`].

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Reporter;
use super::stream::Stream;
use super::summary::Counts;
use crate::engine::{Event, Failure, Id, Outcome, Summary, Verb};
use crate::outputs::SCHEMA_VERSION;

#[derive(Debug)]
pub(super) struct Json {
    to: Stream,
}

impl Json {
    pub(super) fn new(to: Stream) -> Self {
        Self { to }
    }
}

impl Reporter for Json {
    fn on(&mut self, event: &Event) {
        self.to.line(line(&Line::from(event)));
    }

    fn finish(&mut self) {}
}

/// The last line of a run:
///
/// | field         | meaning |
/// |---------------|---------|
/// | `verb`        | the command: `up`, `down` |
/// | `succeeded`   | every resource was processed without a failure |
/// | `stopped`     | the run was stopped before its end |
/// | `elapsed_ms`  | the duration of the run |
/// | `counts`      | the number of resources by outcome, and of `failed` and `skipped` ones |
/// | `failed`      | a list of `id` and the fields of `failure` above |
/// | `skipped`     | a list of `id` and `because` |
/// | `unanswered`  | the resources whose calls were in flight when the program exited; the next run looks for them |
/// | `save_error`  | why the state could not be saved, or null |
/// | `unsaved`     | the created resources that are missing in the state file: a list of `id` and `outputs` |
///
/// The fields of `extra` follow. It is an object with other names, or null.
pub fn summary_line(verb: &str, summary: &Summary, elapsed: Duration, extra: Value) -> String {
    let extra = match extra {
        Value::Object(fields) => fields,
        Value::Null => Map::new(),
        other => Map::from_iter([("extra".to_owned(), other)]),
    };
    line(&SummaryLine {
        r#type: "summary",
        verb,
        succeeded: summary.succeeded(),
        stopped: summary.stopped,
        elapsed_ms: millis(elapsed),
        counts: Counts::of(summary),
        failed: summary.failed.iter().map(|(id, failure)| Failed { id, failure }).collect(),
        skipped: summary.skipped.iter().map(|(id, because)| Skipped { id, because }).collect(),
        unanswered: &summary.unanswered,
        save_error: summary.save_error.as_ref().map(|not_saved| not_saved.message.as_str()),
        unsaved: summary
            .save_error
            .iter()
            .flat_map(|not_saved| &not_saved.made)
            .map(|(id, outputs)| Made { id, outputs })
            .collect(),
        extra,
    })
}

#[derive(Serialize)]
struct Versioned<'a, T> {
    schema_version: u32,
    #[serde(flatten)]
    line: &'a T,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    RunBegan {
        total: usize,
    },
    ResourceStarted {
        id: &'a Id,
        verb: Verb,
    },
    ResourceWaiting {
        id: &'a Id,
        why: &'a str,
    },
    ResourceDone {
        id: &'a Id,
        #[serde(flatten)]
        outcome: &'a Outcome,
        elapsed_ms: u64,
    },
    ResourceFailed {
        id: &'a Id,
        elapsed_ms: u64,
        failure: &'a Failure,
    },
    ResourceSkipped(Skipped<'a>),
    ResourcesFound {
        ids: &'a [Id],
    },
    ResourceStillListed {
        id: &'a Id,
    },
    RunDraining,
}

/// See [`summary_line`].
#[derive(Serialize)]
struct SummaryLine<'a> {
    r#type: &'static str,
    verb: &'a str,
    succeeded: bool,
    stopped: bool,
    elapsed_ms: u64,
    counts: Counts,
    failed: Vec<Failed<'a>>,
    skipped: Vec<Skipped<'a>>,
    unanswered: &'a [Id],
    save_error: Option<&'a str>,
    unsaved: Vec<Made<'a>>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Serialize)]
struct Failed<'a> {
    id: &'a Id,
    #[serde(flatten)]
    failure: &'a Failure,
}

#[derive(Serialize)]
struct Skipped<'a> {
    id: &'a Id,
    because: &'a Id,
}

#[derive(Serialize)]
struct Made<'a> {
    id: &'a Id,
    outputs: &'a Value,
}

impl<'a> From<&'a Event> for Line<'a> {
    fn from(event: &'a Event) -> Self {
        match event {
            Event::Began { total } => Self::RunBegan { total: *total },
            Event::Started { id, verb } => Self::ResourceStarted { id, verb: *verb },
            Event::Noted { id, why } => Self::ResourceWaiting { id, why },
            Event::Done { id, outcome, elapsed } => Self::ResourceDone { id, outcome, elapsed_ms: millis(*elapsed) },
            Event::Failed { id, failure, elapsed } => {
                Self::ResourceFailed { id, elapsed_ms: millis(*elapsed), failure }
            }
            Event::Skipped { id, because } => Self::ResourceSkipped(Skipped { id, because }),
            Event::FoundByTag { ids } => Self::ResourcesFound { ids },
            Event::StillListed { id, .. } => Self::ResourceStillListed { id },
            Event::Draining => Self::RunDraining,
        }
    }
}

fn line(line: &impl Serialize) -> String {
    // Serialization of strings, numbers and lists under string keys does not fail.
    serde_json::to_string(&Versioned { schema_version: SCHEMA_VERSION, line }).unwrap_or_default()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::super::fixture;
    use super::super::stream::Captured;
    use super::*;

    #[test]
    fn a_run_with_every_event_as_json_lines() {
        let captured = Captured::default();
        fixture::play(&mut Json::new(captured.stream()), &fixture::run());
        assert!(captured.text().lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
        assert_snapshot!(captured.text(), @r#"
        {"schema_version":1,"type":"run_began","total":11}
        {"schema_version":1,"type":"resource_started","id":"topic.greetings","verb":"create"}
        {"schema_version":1,"type":"resource_started","id":"function.ExternalLambda1","verb":"create"}
        {"schema_version":1,"type":"resource_done","id":"topic.greetings","outcome":"created","elapsed_ms":312}
        {"schema_version":1,"type":"resource_started","id":"role.InternalLambda","verb":"create"}
        {"schema_version":1,"type":"resource_waiting","id":"function.ExternalLambda1","why":"the role cannot be\nassumed by Lambda yet"}
        {"schema_version":1,"type":"resource_waiting","id":"function.ExternalLambda1","why":"the role cannot be\nassumed by Lambda yet"}
        {"schema_version":1,"type":"resource_failed","id":"role.InternalLambda","elapsed_ms":3100,"failure":{"cause":"refused","message":"create role: user arn:aws:iam::123456789012:user/dev is not authorized\nto perform iam:CreateRole","code":"AccessDenied","request_id":"4f0c2b1e-8f9a-4a51-9d3c","hint":"`securelambda policy` prints what is needed; ask for it, then run `up` again"}}
        {"schema_version":1,"type":"resource_skipped","id":"function.InternalLambda","because":"role.InternalLambda"}
        {"schema_version":1,"type":"resource_done","id":"function.ExternalLambda1","outcome":"created","elapsed_ms":65040}
        {"schema_version":1,"type":"resource_done","id":"log-group.InternalLambda","outcome":"unchanged","elapsed_ms":0}
        {"schema_version":1,"type":"resource_done","id":"pool.MyUserPool1","outcome":"adopted","elapsed_ms":0}
        {"schema_version":1,"type":"resource_started","id":"stage.development","verb":"update"}
        {"schema_version":1,"type":"resource_done","id":"stage.development","outcome":"updated","drift":[{"field":"description","want":"development","live":"","weakens":false},{"field":"rate limit","want":"50","live":"10000","weakens":true}],"elapsed_ms":1500}
        {"schema_version":1,"type":"resource_started","id":"secret.Old","verb":"delete"}
        {"schema_version":1,"type":"run_draining"}
        {"schema_version":1,"type":"resource_done","id":"secret.Old","outcome":"deleted","elapsed_ms":420}
        {"schema_version":1,"type":"resource_done","id":"method.Old","outcome":"went_with_parent","elapsed_ms":0}
        "#);
    }

    #[test]
    fn the_summary_ends_with_the_fields_of_the_command() {
        let summary = Summary {
            done: vec![(Id::new("topic", "greetings"), Outcome::Created)],
            failed: vec![(Id::new("role", "InternalLambda"), fixture::denied())],
            skipped: vec![(Id::new("function", "InternalLambda"), Id::new("role", "InternalLambda"))],
            ..Summary::default()
        };
        let line = summary_line("up", &summary, Duration::from_millis(14_200), json!({ "stack": "acme" }));
        assert_snapshot!(line, @r#"{"schema_version":1,"type":"summary","verb":"up","succeeded":false,"stopped":false,"elapsed_ms":14200,"counts":{"created":1,"adopted":0,"updated":0,"unchanged":0,"deleted":0,"failed":1,"skipped":1},"failed":[{"id":"role.InternalLambda","cause":"refused","message":"create role: user arn:aws:iam::123456789012:user/dev is not authorized\nto perform iam:CreateRole","code":"AccessDenied","request_id":"4f0c2b1e-8f9a-4a51-9d3c","hint":"`securelambda policy` prints what is needed; ask for it, then run `up` again"}],"skipped":[{"id":"function.InternalLambda","because":"role.InternalLambda"}],"unanswered":[],"save_error":null,"unsaved":[],"stack":"acme"}"#);
        let plain = summary_line("down", &Summary::default(), Duration::ZERO, Value::Null);
        assert_snapshot!(plain, @r#"{"schema_version":1,"type":"summary","verb":"down","succeeded":true,"stopped":false,"elapsed_ms":0,"counts":{"created":0,"adopted":0,"updated":0,"unchanged":0,"deleted":0,"failed":0,"skipped":0},"failed":[],"skipped":[],"unanswered":[],"save_error":null,"unsaved":[]}"#);
    }
}
