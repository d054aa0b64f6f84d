//! Compares the settings of every resource with the stack file, with the results of the engine's reads.

use super::check_spec::{CheckResult, CheckSpec};
use super::{Check, Layer};
use crate::aws::kind::{self, SettingsCheck};
use crate::aws::lambda::Permission;
use crate::aws::logs::LogGroup;
use crate::aws::wafv2::PoolAssociation;
use crate::engine::{Comparison, Drift, Id, ReadResult, Resource as _, Setting};

/// A resource with its kind and the result of its read.
pub(super) type Seen<'a> = (&'a Id, &'static str, &'a ReadResult);

const MATCH: &str = "settings match the stack file";

/// The longest value that evidence shows in full. Longer ones are policy documents and lists, which `status --json`
/// shows.
const VALUE: usize = 300;

/// For a kind that is not described. The graph contains none.
const UNKNOWN: SettingsCheck =
    SettingsCheck { layer: Layer::Functions, subject: "{}", holds: MATCH, read: "the calls of `status`" };

/// A check for every resource that should exist.
pub(super) fn checks(seen: &[Seen<'_>]) -> Vec<Check> {
    let check = |(id, kind, observed): &Seen<'_>| claim(id, kind).expects(wanted(observed)).known(classify(observed));
    seen.iter().map(check).collect()
}

fn claim(id: &Id, kind: &str) -> CheckSpec {
    let (_, name) = id.parts();
    let SettingsCheck { mut layer, subject, holds, read } = kind::about(kind).map_or(UNKNOWN, |about| about.check);
    // A route's permission has the route's name in it; the other ones are for topics.
    if kind == Permission::KIND && !name.contains(' ') {
        layer = Layer::Functions;
    }
    // The one role that is not a function's, and the logs that are not.
    let (subject, holds) = match id.parts() {
        ("caller", _) => ("role of the users of {}", "only they can assume it, and it has no other policies"),
        ("caller-policy", _) => ("role of the users of {}", holds),
        ("api", part) if kind == LogGroup::KIND && part.ends_with("execution-log") => ("execution log", holds),
        ("api", _) if kind == LogGroup::KIND => ("access log", holds),
        ("firewall", _) if kind == LogGroup::KIND => ("log of the web ACL", holds),
        _ => (subject, holds),
    };
    // The subject of a resource of a named API includes the name.
    let of_api = match id.parts() {
        ("api", part) => part.split_once('.').map(|(api, _)| format!("{subject} {api}")),
        ("firewall", part) if kind == PoolAssociation::KIND => {
            part.strip_prefix("pool.").map(|pool| format!("{subject} {pool}"))
        }
        ("firewall", part) => part.strip_prefix("association.").map(|api| format!("{subject} before {api}")),
        _ => None,
    };
    let subject = of_api.unwrap_or_else(|| subject.replace("{}", name));
    CheckSpec::new(layer, subject, holds).sent(read)
}

fn classify(observed: &ReadResult) -> CheckResult {
    match observed {
        ReadResult::Live { comparison, .. } if comparison.is_as_wanted() => {
            CheckResult::pass(values(comparison, |setting| &setting.live))
        }
        ReadResult::Live { comparison, .. } => CheckResult::fail(words(&comparison.drift())),
        ReadResult::Absent => CheckResult::fail("it does not exist"),
        ReadResult::Blocked => CheckResult::fail("a resource it depends on does not exist"),
        ReadResult::Failed(failure) => CheckResult::fail(failure.to_string()),
    }
}

/// The values that the settings must have.
fn wanted(observed: &ReadResult) -> String {
    match observed {
        ReadResult::Live { comparison, .. } => values(comparison, |setting| &setting.want),
        _ => MATCH.to_owned(),
    }
}

/// One value of each compared setting. A resource without settings exists or does not.
fn values(comparison: &Comparison, value: impl Fn(&Setting) -> &String) -> String {
    let setting = |setting: &Setting| {
        let value = value(setting);
        let short: String = value.chars().take(VALUE).collect();
        let more = if short.len() < value.len() { "…" } else { "" };
        let none = if value.is_empty() { "(none)" } else { "" };
        format!("{}: {short}{none}{more}", setting.field)
    };
    let values: Vec<String> = comparison.settings().iter().map(setting).collect();
    if values.is_empty() { "it exists".to_owned() } else { values.join("; ") }
}

fn words(drift: &[Drift]) -> String {
    let (weakening, other): (Vec<&Drift>, Vec<&Drift>) = drift.iter().partition(|drift| drift.weakens);
    let words = weakening.into_iter().chain(other).map(|drift| {
        let Drift { field, want, live, .. } = drift;
        format!("{field} is {live}, wanted {want}")
    });
    words.collect::<Vec<_>>().join("; ")
}

/// The differences of a resource; `None` if it could not be compared.
pub(super) fn drift(seen: &[Seen<'_>], id: &str) -> Option<Vec<Drift>> {
    seen.iter().find(|(known, ..)| known.as_str() == id).and_then(|(.., observed)| match observed {
        ReadResult::Live { comparison, .. } => Some(comparison.drift()),
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
        ReadResult::Live { outputs: Value::Null, comparison: drift.into_iter().collect() }
    }

    #[test]
    fn every_difference_from_the_stack_file_fails() {
        let id = Id::new("stage", "development");
        let drifted = vec![Drift::new("description", "a", "b"), Drift::weakening("rate limit", 50, 10000)];
        for (observed, verdict, received) in [
            (live(vec![]), Pass, "it exists"),
            (live(drifted), Fail, "rate limit is 10000, wanted 50; description is b, wanted a"),
            (ReadResult::Absent, Fail, "it does not exist"),
            (ReadResult::Blocked, Fail, "a resource it depends on does not exist"),
            (ReadResult::Failed(Failure::refused("could not read it")), Fail, "could not read it"),
        ] {
            let check = checks(&[(&id, "apigateway.stage", &observed)]).remove(0);
            assert_eq!((check.verdict, check.received.as_str()), (verdict, received));
            assert_eq!((check.layer, check.subject.as_str()), (Layer::Authorization, "stage development"));
        }
    }

    #[test]
    fn the_subject_names_the_api() {
        for (kind, what, name, subject) in [
            ("apigateway.rest_api", "api", "rest", "API"),
            ("apigateway.rest_api", "api", "Age.rest", "API Age"),
            ("apigatewayv2.routes", "api", "Age.http-routes", "HTTP API Age"),
            ("apigateway.stage", "stage", "Age.live", "stage Age.live"),
            ("wafv2.association", "firewall", "association", "web ACL"),
            ("wafv2.association", "firewall", "association.Age", "web ACL before Age"),
            ("logs.group", "api", "Age.access-log", "access log Age"),
            ("logs.group", "api", "execution-log", "execution log"),
            ("logs.group", "logs", "Age", "log of Age"),
        ] {
            let check = checks(&[(&Id::new(what, name), kind, &ReadResult::Absent)]).remove(0);
            assert_eq!(check.subject, subject);
        }
    }

    #[test]
    fn drift_is_known_of_what_is_there() {
        let (id, result) = (Id::new("role", "F"), live(vec![Drift::new("a", 1, 2)]));
        assert_eq!(drift(&[(&id, "iam.role", &result)], "role.F").map(|drift| drift.len()), Some(1));
        assert_eq!(drift(&[(&id, "iam.role", &ReadResult::Absent)], "role.F"), None);
        assert_eq!(drift(&[], "role.F"), None);
    }
}
