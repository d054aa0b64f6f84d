//! What the survey saw, as checks: every resource's settings against the stack file. Pure.

use super::check_spec::{CheckResult, CheckSpec};
use super::{Check, Layer};
use crate::aws::kind::{self, SettingsCheck};
use crate::aws::lambda::Permission;
use crate::aws::logs::LogGroup;
use crate::engine::{Drift, Id, ReadResult, Resource as _};

/// What a resource was seen like.
pub(super) type Seen<'a> = (&'a Id, &'static str, &'a ReadResult);

/// For a kind that is not described. The graph contains none.
const UNKNOWN: SettingsCheck = SettingsCheck {
    layer: Layer::Functions,
    subject: "{}",
    holds: "its settings are as written",
    read: "the calls of `status`",
};

/// A check for everything that should exist.
pub(super) fn checks(seen: &[Seen<'_>]) -> Vec<Check> {
    seen.iter().map(|(id, kind, sight)| claim(id, kind).known(judged(sight))).collect()
}

fn claim(id: &Id, kind: &str) -> CheckSpec {
    let (_, name) = id.parts();
    let SettingsCheck { mut layer, subject, holds, read } = kind::about(kind).map_or(UNKNOWN, |about| about.check);
    // A route's permission has the route's name in it; the other ones are for topics.
    if kind == Permission::KIND && !name.contains(' ') {
        layer = Layer::Functions;
    }
    // The one role that is not a function's, and the one log.
    let (subject, holds) = match id.parts() {
        ("caller", _) => ("role of the users of {}", "only they may take it, and it has no further policies"),
        ("caller-policy", _) => ("role of the users of {}", holds),
        ("api", _) if kind == LogGroup::KIND => ("access log", holds),
        _ => (subject, holds),
    };
    // What there is one of for each API says for which, where that has a name.
    let of_api = match id.parts() {
        ("api", part) => part.split_once('.').map(|(api, _)| format!("{subject} {api}")),
        ("firewall", part) => part.strip_prefix("association.").map(|api| format!("{subject} before {api}")),
        _ => None,
    };
    let subject = of_api.unwrap_or_else(|| subject.replace("{}", name));
    CheckSpec::new(layer, subject, holds).sent(read).expects("live, as the stack file asks")
}

fn judged(sight: &ReadResult) -> CheckResult {
    match sight {
        ReadResult::Live { drift, .. } if drift.is_empty() => CheckResult::pass("live, as the stack file asks"),
        ReadResult::Live { drift, .. } => CheckResult::fail(words(drift)),
        ReadResult::Absent => CheckResult::fail("it is not there"),
        ReadResult::Blocked => CheckResult::fail("what it is made from is not there"),
        ReadResult::Failed(failure) => CheckResult::fail(failure.to_string()),
    }
}

fn words(drift: &[Drift]) -> String {
    let (weakening, other): (Vec<&Drift>, Vec<&Drift>) = drift.iter().partition(|drift| drift.weakens);
    let words = weakening.into_iter().chain(other).map(|drift| {
        let Drift { field, want, live, .. } = drift;
        format!("{field} is {live}, wanted {want}")
    });
    words.collect::<Vec<_>>().join("; ")
}

/// What of a resource has drifted; `None` where it could not be compared.
pub(super) fn drift<'a>(seen: &[Seen<'a>], id: &str) -> Option<&'a [Drift]> {
    seen.iter().find(|(known, ..)| known.as_str() == id).and_then(|(.., sight)| match sight {
        ReadResult::Live { drift, .. } => Some(drift.as_slice()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::engine::Failure;
    use crate::verify::Verdict::{Fail, Pass};

    fn live(drift: Vec<Drift>) -> ReadResult {
        ReadResult::Live { outputs: Value::Null, drift }
    }

    #[test]
    fn whatever_is_not_as_wanted_fails() {
        let id = Id::new("stage", "development");
        let drifted = vec![Drift::new("description", "a", "b"), Drift::weakening("rate limit", 50, 10000)];
        for (sight, verdict, received) in [
            (live(vec![]), Pass, "live, as the stack file asks"),
            (live(drifted), Fail, "rate limit is 10000, wanted 50; description is b, wanted a"),
            (ReadResult::Absent, Fail, "it is not there"),
            (ReadResult::Blocked, Fail, "what it is made from is not there"),
            (ReadResult::Failed(Failure::refused("could not read it")), Fail, "could not read it"),
        ] {
            let check = checks(&[(&id, "apigateway.stage", &sight)]).remove(0);
            assert_eq!((check.verdict, check.received.as_str()), (verdict, received));
            assert_eq!((check.layer, check.subject.as_str()), (Layer::Authorization, "stage development"));
        }
    }

    #[test]
    fn every_row_says_of_which_api() {
        for (kind, what, name, subject) in [
            ("apigateway.rest_api", "api", "rest", "API"),
            ("apigateway.rest_api", "api", "Age.rest", "API Age"),
            ("apigatewayv2.routes", "api", "Age.http-routes", "HTTP API Age"),
            ("apigateway.stage", "stage", "Age.live", "stage Age.live"),
            ("wafv2.association", "firewall", "association", "web ACL"),
            ("wafv2.association", "firewall", "association.Age", "web ACL before Age"),
            ("logs.group", "api", "Age.access-log", "access log Age"),
            ("logs.group", "logs", "Age", "log of Age"),
        ] {
            let check = checks(&[(&Id::new(what, name), kind, &ReadResult::Absent)]).remove(0);
            assert_eq!(check.subject, subject);
        }
    }

    #[test]
    fn drift_is_known_of_what_is_there() {
        let (id, sight) = (Id::new("role", "F"), live(vec![Drift::new("a", 1, 2)]));
        assert_eq!(drift(&[(&id, "iam.role", &sight)], "role.F").map(<[Drift]>::len), Some(1));
        assert_eq!(drift(&[(&id, "iam.role", &ReadResult::Absent)], "role.F"), None);
        assert_eq!(drift(&[], "role.F"), None);
    }
}
