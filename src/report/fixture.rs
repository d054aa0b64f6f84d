//! A run with every kind of event, for the tests of all reporters.

use std::time::Duration;

use super::{Palette, Reporter};
use crate::engine::{Drift, Event, Failure, Outcome, ServiceError, Verb};

/// A terminal without colour.
pub(super) const UNICODE: Palette = Palette { color: false, unicode: true };

/// The width of the longest id in [`run`].
pub(super) const ID_WIDTH: usize = "function.ExternalLambda1".len();

/// Every event and every outcome. After the first six events, two resources are in progress, and one of them is
/// waiting.
pub(super) fn run() -> Vec<Event> {
    let waiting = || noted("function.ExternalLambda1", "the role cannot be\nassumed by Lambda yet");
    let drift = vec![Drift::new("description", "development", ""), Drift::weakening("rate limit", 50, 10000)];
    vec![
        Event::Began { total: 11 },
        started("topic.greetings", Verb::Create),
        started("function.ExternalLambda1", Verb::Create),
        done("topic.greetings", Outcome::Created, 312),
        started("role.InternalLambda", Verb::Create),
        waiting(),
        waiting(),
        Event::Failed { id: "role.InternalLambda".into(), failure: denied(), elapsed: Duration::from_millis(3100) },
        Event::Skipped { id: "function.InternalLambda".into(), because: "role.InternalLambda".into() },
        done("function.ExternalLambda1", Outcome::Created, 65_040),
        done("log-group.InternalLambda", Outcome::Unchanged, 0),
        done("pool.MyUserPool1", Outcome::Adopted, 0),
        started("stage.development", Verb::Update),
        done("stage.development", Outcome::Updated { drift }, 1500),
        started("secret.Old", Verb::Delete),
        Event::Draining,
        done("secret.Old", Outcome::Deleted, 420),
        done("method.Old", Outcome::WentWithParent, 0),
    ]
}

/// A failure with all the information that AWS can return.
pub(super) fn denied() -> Failure {
    let message = "user arn:aws:iam::123456789012:user/dev is not authorized\nto perform iam:CreateRole";
    let answer = ServiceError::new("AccessDenied", message).details(403, Some("4f0c2b1e-8f9a-4a51-9d3c"), None);
    Failure::refused("create role")
        .answered(answer)
        .hint("`securelambda policy` prints what is needed; ask for it, then run `up` again")
}

pub(super) fn play(reporter: &mut dyn Reporter, events: &[Event]) {
    for event in events {
        reporter.on(event);
    }
    reporter.finish();
}

fn started(id: &str, verb: Verb) -> Event {
    Event::Started { id: id.into(), verb }
}

fn noted(id: &str, why: &str) -> Event {
    Event::Noted { id: id.into(), why: why.into() }
}

fn done(id: &str, outcome: Outcome, millis: u64) -> Event {
    Event::Done { id: id.into(), outcome, elapsed: Duration::from_millis(millis) }
}
