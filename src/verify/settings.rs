//! What the survey saw, as checks: every resource's settings against the stack file. Pure.

use super::check_spec::{CheckResult, CheckSpec};
use super::{Check, Layer};
use crate::engine::{Drift, Id, ReadResult};

/// What a resource was seen like.
pub(super) type Seen<'a> = (&'a Id, &'static str, &'a ReadResult);

/// What a kind's settings are about: its layer, what people call it (`{}` is its name in the stack file), what holds
/// if nothing has drifted, and how it was read.
type Row = (&'static str, Layer, &'static str, &'static str, &'static str);

const AS_WRITTEN: &str = "its settings are as written";

const KINDS: &[Row] = &[
    ("cognito.user_pool", Layer::Authentication, "{}", AS_WRITTEN, "DescribeUserPool"),
    (
        "cognito.app_client",
        Layer::Authentication,
        "app client of {}",
        "its flows are as written",
        "DescribeUserPoolClient",
    ),
    (
        "cognito.service_user",
        Layer::Authentication,
        "service user {}",
        "its password is the one in its secret",
        "AdminGetUser, DescribeSecret",
    ),
    (
        "cognito.identity_pool",
        Layer::Authentication,
        "identity pool {}",
        "it knows its own pool's users alone, and no guests",
        "DescribeIdentityPool",
    ),
    (
        "cognito.identity_pool_roles",
        Layer::Authentication,
        "identity pool {}",
        "it gives out its own role alone",
        "GetIdentityPoolRoles",
    ),
    ("wafv2.ip_set", Layer::Firewall, "IP set {}", "its addresses are as written", "GetIPSet"),
    ("wafv2.web_acl", Layer::Firewall, "web ACL", "its rules and actions are as written", "GetWebACL"),
    ("wafv2.association", Layer::Firewall, "web ACL", "it is attached to the API's stage", "GetWebACLForResource"),
    ("apigateway.rest_api", Layer::Authorization, "API", AS_WRITTEN, "GetRestApi"),
    ("apigateway.authorizer", Layer::Authorization, "authorizer {}", "it trusts its own pool alone", "GetAuthorizers"),
    ("apigateway.paths", Layer::Authorization, "API", "it has the paths of the stack file", "GetResources"),
    (
        "apigateway.routes",
        Layer::Authorization,
        "API",
        "its routes are as written, and there is no other",
        "GetResources",
    ),
    ("apigateway.deployment", Layer::Authorization, "API", "the stack file's routes are deployed", "GetDeployments"),
    ("apigateway.stage", Layer::Authorization, "stage {}", "each route is throttled as written", "GetStage"),
    ("apigateway.release", Layer::Authorization, "API", "the stage serves that deployment", "GetStage"),
    ("apigatewayv2.api", Layer::Authorization, "HTTP API", AS_WRITTEN, "GetApi"),
    (
        "apigatewayv2.authorizer",
        Layer::Authorization,
        "authorizer {}",
        "it trusts its own pool and client alone",
        "GetAuthorizers",
    ),
    (
        "apigatewayv2.routes",
        Layer::Authorization,
        "HTTP API",
        "its routes are as written, and there is no other",
        "GetRoutes, GetIntegrations",
    ),
    (
        "apigatewayv2.stage",
        Layer::Authorization,
        "stage {}",
        "each route is throttled and logged as written",
        "GetStage",
    ),
    ("lambda.permission", Layer::Authorization, "{}", "nothing else may call the function in its place", "GetPolicy"),
    ("apigateway.request_validator", Layer::Secrets, "body validator", AS_WRITTEN, "GetRequestValidators"),
    ("apigateway.model", Layer::Secrets, "model {}", "it is the schema of the stack's folder", "GetModel"),
    ("secretsmanager.secret", Layer::Secrets, "secret {}", "it holds what the stack put there", "DescribeSecret"),
    ("sns.topic", Layer::Functions, "topic {}", AS_WRITTEN, "GetTopicAttributes"),
    ("sns.subscription", Layer::Functions, "{}", "it is subscribed to its topic", "ListSubscriptionsByTopic"),
    ("logs.group", Layer::Functions, "log of {}", "its retention is as written", "DescribeLogGroups"),
    ("iam.role", Layer::Functions, "role {}", "only Lambda may take it, and it has no further policies", "GetRole"),
    ("iam.role_policy", Layer::Functions, "role {}", "its policy is exactly the derived one", "GetRolePolicy"),
    ("lambda.function", Layer::Functions, "{}", "its code and settings are as written", "GetFunction"),
];

/// A check for everything that should exist.
pub(super) fn checks(seen: &[Seen<'_>]) -> Vec<Check> {
    seen.iter().map(|(id, kind, sight)| claim(id, kind).known(judged(sight))).collect()
}

fn claim(id: &Id, kind: &str) -> CheckSpec {
    let (_, name) = id.parts();
    let row = KINDS.iter().find(|(known, ..)| *known == kind);
    let (_, mut layer, subject, claim, read) =
        row.copied().unwrap_or(("", Layer::Functions, "{}", AS_WRITTEN, "the calls of `status`"));
    // A route's permission has the route's name in it; the other ones are for topics.
    if kind == "lambda.permission" && !name.contains(' ') {
        layer = Layer::Functions;
    }
    // The one role that is not a function's, and the one log.
    let (subject, claim) = match id.parts() {
        ("caller", _) => ("role of the users of {}", "only they may take it, and it has no further policies"),
        ("caller-policy", _) => ("role of the users of {}", claim),
        ("api", _) if kind == "logs.group" => ("access log", claim),
        _ => (subject, claim),
    };
    // What there is one of for each API says for which, where that has a name.
    let of_api = match id.parts() {
        ("api", part) => part.split_once('.').map(|(api, _)| format!("{subject} {api}")),
        ("firewall", part) => part.strip_prefix("association.").map(|api| format!("{subject} before {api}")),
        _ => None,
    };
    let subject = of_api.unwrap_or_else(|| subject.replace("{}", name));
    CheckSpec::new(layer, subject, claim).sent(read).expects("live, as the stack file asks")
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
    fn every_kind_has_its_row() {
        let (clients, _) = crate::aws::testing::replay(vec![]);
        for kind in crate::aws::registry(&clients).kinds() {
            assert!(KINDS.iter().any(|(known, ..)| *known == kind), "{kind}");
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
