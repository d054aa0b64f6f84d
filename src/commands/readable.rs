//! Prepares a plan for people: what they changed themselves is told apart from what somebody changed in AWS, changed code is
//! named by its files, and routes that open are named. A function's code is downloaded from AWS only if its hash differs.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use sha2::{Digest as _, Sha256};

use super::session::Session;
use crate::aws::lambda::Lambda;
use crate::bundle::contents;
use crate::engine::{Change, Drift, Event, Outcome, Plan};
use crate::probe::{Client, Request};
use crate::state::State;
use crate::topology::ids;

/// The setting that holds the hash of the code.
const CODE: &str = "CodeSha256";

/// How many files are named.
const NAMED: usize = 4;

/// The line for each route that this plan opens to everybody.
pub(super) fn opened(plan: &Plan) -> Vec<String> {
    let of = |drift: &Drift| {
        let (route, setting) = drift.field.rsplit_once(' ')?;
        let opens = setting.eq_ignore_ascii_case("authorizationType") && drift.want == "NONE";
        opens.then(|| format!("! {route} will be open to everybody."))
    };
    let drift = plan.changes.iter().filter_map(|(_, _, change)| match change {
        Change::Update { drift } | Change::KnownAfterApply { drift } => Some(drift),
        _ => None,
    });
    drift.flatten().filter_map(of).collect()
}

/// A digest of everything that the user's files say about the stack.
pub(super) fn files(session: &Session) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("{:?}", session.config.stack));
    for (name, zip) in &session.bundles.functions {
        digest.update(format!("{name} {}", zip.sha256));
    }
    for (path, text) in &session.bundles.schemas {
        digest.update(format!("{} {text}", path.display()));
    }
    hex::encode(digest.finalize())
}

/// Makes the differences of a plan readable.
///
/// A setting that protects less than the stack file says is an alarm only if the user's files are as they were when `up`
/// last ran. Otherwise the user may have made the difference, and knows it.
pub(super) async fn prepare(session: &Session, state: &State, plan: &mut Plan) {
    name_files(session, state, plan).await;
    if state.applied.as_ref() == Some(&files(session)) {
        return;
    }
    for (_, _, change) in &mut plan.changes {
        if let Change::Update { drift } | Change::KnownAfterApply { drift } = change {
            for setting in drift {
                setting.weakens = false;
            }
        }
    }
}

/// An event of a run that uploads code that the user has edited.
pub(super) fn without_alarm_of_code(mut event: Event) -> Event {
    if let Event::Done { outcome: Outcome::Updated { drift }, .. } = &mut event {
        excuse_code(drift);
    }
    event
}

fn excuse_code(drift: &mut [Drift]) {
    for setting in drift.iter_mut().filter(|setting| setting.field == CODE) {
        setting.weakens = false;
    }
}

/// Other code than that of the user's files is an alarm only if these files are as they were when `up` last ran.
pub(super) fn excuse_own_code<'a>(
    session: &Session,
    state: &State,
    differences: impl Iterator<Item = &'a mut Vec<Drift>>,
) {
    if state.applied.as_ref() == Some(&files(session)) {
        return;
    }
    differences.for_each(|drift| excuse_code(drift));
}

/// Replaces the hashes of changed code in the plan, which is shown to people, by the names of the files that differ. If the
/// code cannot be downloaded, the hashes stay.
async fn name_files(session: &Session, state: &State, plan: &mut Plan) {
    let changed = plan.changes.iter_mut().filter_map(|(id, _, change)| {
        let (Change::Update { drift } | Change::KnownAfterApply { drift }) = change else { return None };
        let code = drift.iter_mut().find(|drift| drift.field == CODE)?;
        Some((id.parts().1.to_owned(), code))
    });
    let named = changed.map(async |(function, drift)| {
        if let Some(text) = differing(session, state, &function).await {
            // Who edits a function expects this difference.
            *drift = Drift::new(format!("code: {text}"), "", "");
        }
    });
    join_all(named).await;
}

/// As in `index.mjs changed, util.mjs added`; `None` if that cannot be found out.
async fn differing(session: &Session, state: &State, function: &str) -> Option<String> {
    let package = session.bundles.functions.get(function)?;
    let deployed = ids::function(function).recorded(state)?;
    let url = Lambda::new(&session.clients).code_url(&deployed.name).await.ok()??;
    let client = Client::new(&session.config.connection.proxies).ok()?;
    let request = Request { method: "GET", url: url.reveal(), token: None, body: None };
    let answer = client.send(&request).await.ok().filter(|answer| answer.status == 200)?;
    words(&contents(&answer.body)?, &contents(&package.bytes)?)
}

fn words(live: &BTreeMap<String, u32>, wanted: &BTreeMap<String, u32>) -> Option<String> {
    let names: BTreeSet<&String> = live.keys().chain(wanted.keys()).collect();
    let differing = names.into_iter().filter_map(|name| match (live.get(name), wanted.get(name)) {
        (Some(before), Some(after)) => (before != after).then(|| format!("{name} changed")),
        (None, _) => Some(format!("{name} added")),
        (_, None) => Some(format!("{name} removed")),
    });
    let differing: Vec<String> = differing.collect();
    let (shown, rest) = differing.split_at(differing.len().min(NAMED));
    match (shown, rest.len()) {
        // Only the order or the permissions of files differ.
        ([], _) => None,
        (shown, 0) => Some(shown.join(", ")),
        (shown, more) => Some(format!("{} and {more} more", shown.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Id;

    #[test]
    fn a_route_that_loses_its_authorizer_is_named() {
        let drift = |field: &str, want: &str| Drift::weakening(field, want, "COGNITO_USER_POOLS");
        let routes = vec![drift("GET /me authorizationType", "NONE"), drift("GET /a authorizationType", "CUSTOM")];
        let plan = Plan {
            changes: vec![(Id::new("api", "routes"), "apigateway.routes", Change::Update { drift: routes })],
            removals: Vec::new(),
            lost_guards: Vec::new(),
            unchangeable: Vec::new(),
            outdated: Vec::new(),
        };
        assert_eq!(opened(&plan), ["! GET /me will be open to everybody."]);
    }

    #[test]
    fn files_are_changed_added_or_removed() {
        let files = |files: &[(&str, u32)]| files.iter().map(|(name, crc)| ((*name).to_owned(), *crc)).collect();
        let live = files(&[("a", 1), ("b", 1), ("c", 1)]);
        let wanted = files(&[("a", 1), ("b", 2), ("d", 1)]);
        assert_eq!(words(&live, &wanted).as_deref(), Some("b changed, c removed, d added"));
        assert_eq!(words(&live, &live), None);
        let many = (0..7).map(|n| (n.to_string(), 1)).collect();
        assert_eq!(words(&BTreeMap::new(), &many).as_deref(), Some("0 added, 1 added, 2 added, 3 added and 3 more"));
    }
}
