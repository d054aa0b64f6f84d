//! Compares the settings of every resource, as the engine has read them, with the stack file.

use super::check_spec::{CheckResult, CheckSpec};
use super::{Check, Layer};
use crate::aws::kind::{self, SettingsCheck};
use crate::aws::lambda::Permission;
use crate::aws::logs::LogGroup;
use crate::aws::wafv2::PoolAssociation;
use crate::emulator::UNSUPPORTED;
use crate::engine::{Comparison, Drift, Effect, Graph, Id, ReadResult, Resource as _, Setting};

/// A resource with its kind and the result of its read.
pub(super) type Seen<'a> = (&'a Id, &'static str, &'a ReadResult);

const MATCH: &str = "settings match the stack file";

/// The longest value that evidence shows in full. Longer ones are policy documents and lists, which `status --json`
/// shows.
const VALUE: usize = 300;

/// The check of a kind that has no description. The graph contains no such kind.
const UNKNOWN: SettingsCheck =
    SettingsCheck { layer: Layer::Functions, subject: "{}", holds: MATCH, read: "the calls of `status`" };

/// A check for every resource that should exist, and one for the settings that an emulator does not support.
pub(super) fn checks(seen: &[Seen<'_>], graph: &Graph) -> Vec<Check> {
    let needs = |id: &Id| graph.needs(id).into_iter().cloned().collect();
    seen.iter().flat_map(|seen_one| of(seen_one, seen, &needs)).collect()
}

/// `needs` returns the ids of a resource's dependencies.
fn of((id, kind, observed): &Seen<'_>, seen: &[Seen<'_>], needs: &dyn Fn(&Id) -> Vec<Id>) -> Vec<Check> {
    let because = || missing_need(id, seen, needs).map(|cause| CheckResult::because_failed(&cause));
    let result = match observed {
        ReadResult::Absent => because(),
        ReadResult::Blocked(comparison) if !weakened(comparison) => because(),
        _ => None,
    };
    let mut checks =
        vec![claim(id, kind).expects(wanted(observed)).known(result.unwrap_or_else(|| classify(observed)))];
    let fields = unsupported(observed);
    if !fields.is_empty() {
        let name = claim(id, kind);
        let claim = name.with_claim(&format!("settings that an emulator does not support: {}", fields.join(", ")));
        checks.push(claim.known(CheckResult::not_tried(UNSUPPORTED)));
    }
    checks
}

/// The name of the failed check of a resource that this resource depends on, directly or indirectly.
fn missing_need(id: &Id, seen: &[Seen<'_>], needs: &dyn Fn(&Id) -> Vec<Id>) -> Option<String> {
    let find = |need: &Id| seen.iter().find(|(known, ..)| *known == need);
    needs(id).iter().filter_map(find).find_map(|(need, kind, observed)| match observed {
        ReadResult::Live { .. } => None,
        ReadResult::Failed(_) => Some(claim(need, kind).name()),
        ReadResult::Absent | ReadResult::Blocked(_) => {
            Some(missing_need(need, seen, needs).unwrap_or_else(|| claim(need, kind).name()))
        }
    })
}

/// The name of the check of a resource.
pub(super) fn name(seen: &[Seen<'_>], id: &str) -> String {
    let found = seen.iter().find(|(known, ..)| known.as_str() == id);
    found.map_or_else(|| id.to_owned(), |(id, kind, _)| claim(id, kind).name())
}

/// Whether a resource exists and no setting of it differs.
pub(super) fn is_as_wanted(seen: &[Seen<'_>], id: &str) -> bool {
    drift(seen, id).is_some_and(|drift| drift.is_empty())
}

/// The settings whose live value an emulator does not have.
fn unsupported(observed: &ReadResult) -> Vec<&str> {
    let ReadResult::Live { comparison, .. } = observed else { return Vec::new() };
    comparison.settings().iter().filter(|setting| is_unsupported(setting)).map(|setting| &*setting.field).collect()
}

fn is_unsupported(setting: &Setting) -> bool {
    setting.live == UNSUPPORTED && setting.effect == Effect::Same
}

fn claim(id: &Id, kind: &str) -> CheckSpec {
    let (_, name) = id.parts();
    let SettingsCheck { mut layer, subject, holds, read } = kind::about(kind).map_or(UNKNOWN, |about| about.check);
    // The name of a route's permission contains the route's name, which has a space. Other permissions are for topics.
    if kind == Permission::KIND && !name.contains(' ') {
        layer = Layer::Functions;
    }
    // The role of an identity pool's users, and logs that do not belong to a function, have other words.
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
        ReadResult::Blocked(comparison) if weakened(comparison) => CheckResult::fail(words(&comparison.drift())),
        ReadResult::Blocked(_) => CheckResult::not_tried("because a resource that it depends on does not exist"),
        ReadResult::Failed(failure) => CheckResult::fail(failure.to_string()),
    }
}

/// Whether a setting protects less than it should. This is a failure even if a dependency is missing.
fn weakened(comparison: &Comparison) -> bool {
    comparison.settings().iter().any(|setting| setting.effect == Effect::Weakens)
}

/// The values that the settings must have.
fn wanted(observed: &ReadResult) -> String {
    match observed {
        ReadResult::Live { comparison, .. } => values(comparison, |setting| &setting.want),
        _ => MATCH.to_owned(),
    }
}

/// One value of each compared setting. For a resource without settings, only its existence is checked.
fn values(comparison: &Comparison, value: impl Fn(&Setting) -> &String) -> String {
    let setting = |setting: &Setting| {
        let value = value(setting);
        let short: String = value.chars().take(VALUE).collect();
        let more = if short.len() < value.len() { "…" } else { "" };
        let none = if value.is_empty() { "(none)" } else { "" };
        format!("{}: {short}{none}{more}", setting.field)
    };
    let tried = comparison.settings().iter().filter(|setting| !is_unsupported(setting));
    let values: Vec<String> = tried.map(setting).collect();
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
    use crate::verify::Verdict::{Fail, NotTried, Pass};

    fn checks(seen: &[Seen<'_>]) -> Vec<Check> {
        super::checks(seen, &Graph::default())
    }

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
            (
                ReadResult::Blocked([Drift::weakening("auth", "JWT", "NONE")].into_iter().collect()),
                Fail,
                "auth is NONE, wanted JWT",
            ),
            (
                ReadResult::Blocked(Comparison::default()),
                NotTried,
                "because a resource that it depends on does not exist",
            ),
            (ReadResult::Failed(Failure::refused("could not read it")), Fail, "could not read it"),
        ] {
            let check = checks(&[(&id, "apigateway.stage", &observed)]).remove(0);
            assert_eq!((check.verdict, check.received.as_str()), (verdict, received));
            assert_eq!((check.layer, check.subject.as_str()), (Layer::Authorization, "stage development"));
        }
    }

    #[test]
    fn a_missing_resource_fails_once_and_its_dependents_are_not_tried() {
        let [stage, association, permission] =
            [Id::new("stage", "s"), Id::new("firewall", "association"), Id::new("permission", "GET /x F")];
        let needs = |id: &Id| match id {
            id if *id == association => vec![stage.clone()],
            id if *id == permission => vec![association.clone()],
            _ => vec![],
        };
        let seen: [Seen<'_>; 3] = [
            (&stage, "apigateway.stage", &ReadResult::Absent),
            (&association, "wafv2.association", &ReadResult::Absent),
            (&permission, "lambda.permission", &ReadResult::Blocked(Comparison::default())),
        ];
        let checks: Vec<Check> = seen.iter().flat_map(|one| of(one, &seen, &needs)).collect();
        let verdicts: Vec<_> = checks.iter().map(|check| check.verdict).collect();
        assert_eq!(verdicts, [Fail, NotTried, NotTried]);
        for check in &checks[1..] {
            assert!(check.received.starts_with("because this check failed: stage s: "), "{}", check.received);
        }
        // A resource that exists is checked even if its dependency is missing.
        let read = live(vec![]);
        let seen: [Seen<'_>; 2] =
            [(&association, "wafv2.association", &ReadResult::Absent), (&permission, "lambda.permission", &read)];
        assert_eq!(of(&seen[1], &seen, &needs)[0].verdict, Pass);
    }

    #[test]
    fn a_setting_that_an_emulator_does_not_support_is_not_tried() {
        let comparison = Comparison::default().guard("DefaultAction", "Allow", "Allow").judged(
            "LoggingConfiguration",
            "on",
            UNSUPPORTED,
            Effect::Same,
        );
        let observed = ReadResult::Live { outputs: Value::Null, comparison };
        let checks = checks(&[(&Id::new("firewall", "web-acl"), "wafv2.web_acl", &observed)]);
        assert_eq!((checks[0].verdict, checks[0].received.as_str()), (Pass, "DefaultAction: Allow"));
        assert_eq!((checks[1].verdict, checks[1].received.as_str()), (NotTried, UNSUPPORTED));
        assert!(checks[1].claim.ends_with("LoggingConfiguration"), "{}", checks[1].claim);
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
