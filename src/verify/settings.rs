//! Compares the settings of every resource with the stack file, with the results of the engine's reads.

use super::check_spec::{CheckResult, CheckSpec};
use super::{Check, Layer};
use crate::engine::{Drift, Id, ReadResult};

/// A resource with its kind and the result of its read.
pub(super) type Seen<'a> = (&'a Id, &'static str, &'a ReadResult);

/// The check of a kind: the kind, its layer, the subject (`{}` is the name in the stack file), the claim that holds
/// without differences, and the calls that read it.
type KindCheck = (&'static str, Layer, &'static str, &'static str, &'static str);

const MATCH: &str = "settings match the stack file";

const KINDS: &[KindCheck] = &[
    ("cognito.user_pool", Layer::Authentication, "{}", MATCH, "DescribeUserPool"),
    (
        "cognito.app_client",
        Layer::Authentication,
        "app client of {}",
        "sign-in flows match the stack file",
        "DescribeUserPoolClient",
    ),
    (
        "cognito.service_user",
        Layer::Authentication,
        "service user {}",
        "the password matches its secret",
        "AdminGetUser, DescribeSecret",
    ),
    (
        "cognito.identity_pool",
        Layer::Authentication,
        "identity pool {}",
        "it trusts only its own user pool and no guests",
        "DescribeIdentityPool",
    ),
    (
        "cognito.identity_pool_roles",
        Layer::Authentication,
        "identity pool {}",
        "it gives users only its own role",
        "GetIdentityPoolRoles",
    ),
    ("wafv2.ip_set", Layer::Firewall, "IP set {}", "addresses match the stack file", "GetIPSet"),
    ("wafv2.web_acl", Layer::Firewall, "web ACL", "rules and actions match the stack file", "GetWebACL"),
    ("wafv2.association", Layer::Firewall, "web ACL", "it is attached to the API's stage", "GetWebACLForResource"),
    ("apigateway.rest_api", Layer::Authorization, "API", MATCH, "GetRestApi"),
    ("apigateway.authorizer", Layer::Authorization, "authorizer {}", "it trusts only its own pool", "GetAuthorizers"),
    ("apigateway.paths", Layer::Authorization, "API", "paths match the stack file", "GetResources"),
    (
        "apigateway.routes",
        Layer::Authorization,
        "API",
        "routes match the stack file, and there are no others",
        "GetResources",
    ),
    ("apigateway.deployment", Layer::Authorization, "API", "the stack file's routes are deployed", "GetDeployments"),
    (
        "apigateway.stage",
        Layer::Authorization,
        "stage {}",
        "throttling of each route matches the stack file",
        "GetStage",
    ),
    ("apigateway.release", Layer::Authorization, "API", "the stage serves this deployment", "GetStage"),
    ("apigatewayv2.api", Layer::Authorization, "HTTP API", MATCH, "GetApi"),
    (
        "apigatewayv2.authorizer",
        Layer::Authorization,
        "authorizer {}",
        "it trusts only its own pool and client",
        "GetAuthorizers",
    ),
    (
        "apigatewayv2.routes",
        Layer::Authorization,
        "HTTP API",
        "routes match the stack file, and there are no others",
        "GetRoutes, GetIntegrations",
    ),
    ("apigatewayv2.stage", Layer::Authorization, "stage {}", "throttling and logging match the stack file", "GetStage"),
    (
        "lambda.permission",
        Layer::Authorization,
        "{}",
        "the permission to call the function is limited to it",
        "GetPolicy",
    ),
    ("apigateway.request_validator", Layer::Secrets, "body validator", MATCH, "GetRequestValidators"),
    ("apigateway.model", Layer::Secrets, "model {}", "it matches the schema file", "GetModel"),
    (
        "secretsmanager.secret",
        Layer::Secrets,
        "secret {}",
        "its value is the one that the stack wrote",
        "DescribeSecret",
    ),
    ("sns.topic", Layer::Functions, "topic {}", MATCH, "GetTopicAttributes"),
    ("sns.subscription", Layer::Functions, "{}", "it is subscribed to its topic", "ListSubscriptionsByTopic"),
    ("logs.group", Layer::Functions, "log of {}", "retention matches the stack file", "DescribeLogGroups"),
    ("iam.role", Layer::Functions, "role {}", "only Lambda can assume it, and it has no other policies", "GetRole"),
    ("iam.role_policy", Layer::Functions, "role {}", "its policy is the derived policy", "GetRolePolicy"),
    ("lambda.function", Layer::Functions, "{}", "code and settings match the stack file", "GetFunction"),
];

/// A check for every resource that should exist.
pub(super) fn checks(seen: &[Seen<'_>]) -> Vec<Check> {
    seen.iter().map(|(id, kind, observed)| claim(id, kind).known(classify(observed))).collect()
}

fn claim(id: &Id, kind: &str) -> CheckSpec {
    let (_, name) = id.parts();
    let row = KINDS.iter().find(|(known, ..)| *known == kind);
    let (_, mut layer, subject, claim, read) =
        row.copied().unwrap_or(("", Layer::Functions, "{}", MATCH, "the calls of `status`"));
    // The name of a route's permission contains a space. Other permissions are for topics.
    if kind == "lambda.permission" && !name.contains(' ') {
        layer = Layer::Functions;
    }
    // Roles and logs that do not belong to a function.
    let (subject, claim) = match id.parts() {
        ("caller", _) => ("role of the users of {}", "only they can assume it, and it has no other policies"),
        ("caller-policy", _) => ("role of the users of {}", claim),
        ("api", _) if kind == "logs.group" => ("access log", claim),
        _ => (subject, claim),
    };
    // The subject of a resource of a named API includes the name.
    let of_api = match id.parts() {
        ("api", part) => part.split_once('.').map(|(api, _)| format!("{subject} {api}")),
        ("firewall", part) => part.strip_prefix("association.").map(|api| format!("{subject} before {api}")),
        _ => None,
    };
    let subject = of_api.unwrap_or_else(|| subject.replace("{}", name));
    CheckSpec::new(layer, subject, claim).sent(read).expects(MATCH)
}

fn classify(observed: &ReadResult) -> CheckResult {
    match observed {
        ReadResult::Live { drift, .. } if drift.is_empty() => CheckResult::pass(MATCH),
        ReadResult::Live { drift, .. } => CheckResult::fail(words(drift)),
        ReadResult::Absent => CheckResult::fail("it does not exist"),
        ReadResult::Blocked => CheckResult::fail("a resource it depends on does not exist"),
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

/// The differences of a resource; `None` if it could not be compared.
pub(super) fn drift<'a>(seen: &[Seen<'a>], id: &str) -> Option<&'a [Drift]> {
    seen.iter().find(|(known, ..)| known.as_str() == id).and_then(|(.., observed)| match observed {
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
    fn every_difference_from_the_stack_file_fails() {
        let id = Id::new("stage", "development");
        let drifted = vec![Drift::new("description", "a", "b"), Drift::weakening("rate limit", 50, 10000)];
        for (observed, verdict, received) in [
            (live(vec![]), Pass, MATCH),
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
            ("logs.group", "logs", "Age", "log of Age"),
        ] {
            let check = checks(&[(&Id::new(what, name), kind, &ReadResult::Absent)]).remove(0);
            assert_eq!(check.subject, subject);
        }
    }

    #[test]
    fn every_kind_has_a_check() {
        let (clients, _) = crate::aws::testing::replay(vec![]);
        for kind in crate::aws::registry(&clients).kinds() {
            assert!(KINDS.iter().any(|(known, ..)| *known == kind), "{kind}");
        }
    }

    #[test]
    fn the_drift_of_a_live_resource_is_found() {
        let (id, observed) = (Id::new("role", "F"), live(vec![Drift::new("a", 1, 2)]));
        assert_eq!(drift(&[(&id, "iam.role", &observed)], "role.F").map(<[Drift]>::len), Some(1));
        assert_eq!(drift(&[(&id, "iam.role", &ReadResult::Absent)], "role.F"), None);
        assert_eq!(drift(&[], "role.F"), None);
    }
}
