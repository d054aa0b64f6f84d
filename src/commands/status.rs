//! `status`: every resource as it is now, the routes, and who may call what.

use serde_json::{Value, json};

use super::Ending;
use super::session::{Secrets, Session};
use crate::args;
use crate::config::Config;
use crate::engine::{Drift, Id, Sight, Stop};
use crate::error::Error;
use crate::report::{answer, table};
use crate::state::{State, Status};

pub(super) async fn run(args: &args::Status, config: Config, stop: Stop) -> Result<Ending, Error> {
    if args.offline {
        return offline(&config);
    }
    let session = Session::open(config, Secrets::Unread).await?;
    let state = session.state()?;
    let survey = session.survey(&state, &stop).await?;
    let mut rows: Vec<Row> = survey
        .sights(&session.graph)
        .map(|(id, kind, sight)| Row::new(id, kind, sight, state.resources.get(id.as_str()).map(|row| row.status)))
        .collect();
    let wanted: std::collections::HashSet<String> = rows.iter().map(|row| row.id.clone()).collect();
    rows.extend(state.resources.iter().filter(|(id, _)| !wanted.contains(*id)).map(|(id, record)| Row {
        id: id.clone(),
        kind: record.kind.clone(),
        state: "unwanted",
        drift: Vec::new(),
        why: Some("no longer in the stack file; `up` removes it".into()),
    }));
    let sound = rows.iter().all(|row| row.state == "live");
    let outputs = session.outputs(&state);
    if session.config.output.json {
        let document = json!({
            "schema_version": 1,
            "stack": state.stack,
            "account": state.account,
            "region": state.region,
            "sound": sound,
            "resources": rows.iter().map(Row::json).collect::<Vec<_>>(),
            "routes": outputs.api.map(|api| api.routes).unwrap_or_default(),
        });
        answer(&super::pretty(&document));
    } else {
        answer(&text(&state, &rows, sound));
        if outputs.api.is_some() {
            answer(&format!("\n{}", super::up::routes(&outputs)));
        }
    }
    Ok(if args.detailed_exitcode && !sound { Ending::Changes } else { Ending::Done })
}

/// One resource, in words.
struct Row {
    id: String,
    kind: String,
    state: &'static str,
    drift: Vec<Drift>,
    why: Option<String>,
}

impl Row {
    fn new(id: &Id, kind: &str, sight: &Sight, recorded: Option<Status>) -> Self {
        let (state, drift, why) = match sight {
            Sight::Live { drift, .. } if drift.is_empty() && recorded == Some(Status::Updating) => {
                ("live", Vec::new(), None)
            }
            Sight::Live { drift, .. } if drift.is_empty() => ("live", Vec::new(), None),
            Sight::Live { drift, .. } => ("drifted", drift.clone(), None),
            Sight::Absent if recorded == Some(Status::Creating) => {
                ("pending", Vec::new(), Some("a run was cut off before it was made".to_owned()))
            }
            Sight::Absent => ("missing", Vec::new(), None),
            Sight::Blocked => ("pending", Vec::new(), Some("waits for what it is made from".to_owned())),
            Sight::Failed(failure) => ("unknown", Vec::new(), Some(failure.message.clone())),
        };
        Self { id: id.to_string(), kind: kind.to_owned(), state, drift, why }
    }

    fn json(&self) -> Value {
        json!({ "id": self.id, "kind": self.kind, "state": self.state, "drift": self.drift, "why": self.why })
    }
}

/// What weakens security comes first.
fn text(state: &State, rows: &[Row], sound: bool) -> String {
    let mut text = format!("Stack {} in account {}, {}\n", state.stack, state.account, state.region);
    let weak = |row: &&Row| row.drift.iter().any(|drift| drift.weakens);
    for row in rows.iter().filter(weak) {
        for drift in row.drift.iter().filter(|drift| drift.weakens) {
            text += &format!("\n! {}: {} is {}, wanted {}", row.id, drift.field, drift.live, drift.want);
        }
    }
    if rows.iter().any(|row| weak(&row)) {
        text += "\n  The above weakens security; `securelambda up` puts it right.\n";
    }
    let lines = rows.iter().map(|row| {
        let details: Vec<String> = row
            .drift
            .iter()
            .map(|drift| format!("{}: {}, wanted {}", drift.field, drift.live, drift.want))
            .chain(row.why.clone())
            .collect();
        vec![row.id.clone(), row.state.to_owned(), details.join("\n")]
    });
    text += &format!("\n{}", table(&["RESOURCE", "STATE", ""], lines));
    let count = |state: &str| rows.iter().filter(|row| row.state == state).count();
    text += &if sound {
        format!("\n\n{} resources, all live and as the stack file asks.", rows.len())
    } else {
        let states = ["live", "drifted", "missing", "pending", "unknown", "unwanted"];
        let counts = states.iter().filter(|state| count(state) > 0).map(|state| format!("{} {state}", count(state)));
        format!("\n\n{}. `securelambda up` puts it right.", counts.collect::<Vec<_>>().join(", "))
    };
    text
}

fn offline(config: &Config) -> Result<Ending, Error> {
    let state = super::recorded(config)?;
    let word = |status: Status| match status {
        Status::Creating => "creating",
        Status::Ready => "ready",
        Status::Updating => "updating",
        Status::Deleting => "deleting",
    };
    if config.output.json {
        let resources: Vec<_> = state
            .resources
            .iter()
            .map(|(id, record)| json!({ "id": id, "kind": record.kind, "recorded": word(record.status) }))
            .collect();
        answer(&super::pretty(&json!({
            "schema_version": 1, "stack": state.stack, "account": state.account, "region": state.region,
            "offline": true, "resources": resources,
        })));
        return Ok(Ending::Done);
    }
    let rows = state.resources.iter().map(|(id, record)| vec![id.clone(), word(record.status).to_owned()]);
    answer(&format!(
        "Stack {} in account {}, {}, as recorded (AWS was not asked)\n\n{}",
        state.stack,
        state.account,
        state.region,
        table(&["RESOURCE", "RECORDED"], rows)
    ));
    Ok(Ending::Done)
}
