//! What functions learn, and what they may not: other functions' secrets and topics, routes that are not theirs to call,
//! credentials, bodies that nobody asked for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use futures_util::FutureExt;

use super::authorization::ask;
use super::check_spec::{CheckResult, CheckSpec};
use super::classify::body_refused;
use super::context::{CheckFuture, VerifyContext};
use super::target::Target;
use super::test_users::marker;
use super::{Check, Layer, sample, settings};
use crate::aws::iam::Iam;
use crate::engine::{Drift, Failure};
use crate::probe::Body;
use crate::spec::{Auth, Route, Variable};
use crate::topology::ids;

pub(super) fn units<'a>(scene: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let functions = scene.subject.stack.functions.keys();
    let roles = functions.map(|name| -> CheckFuture<'a> { async move { reach(scene, name).await }.boxed() });
    let environments = async { environments(scene) }.boxed();
    let bodies = scene.routes().filter(|target| target.route.body.is_some());
    let bodies = bodies.map(|target| -> CheckFuture<'a> { broken_bodies(scene, target).boxed() });
    roles.chain([environments]).chain(bodies).collect()
}

/// Something that a role could reach for.
struct Reach<'a> {
    action: &'static str,
    /// `secret LambdaSNSTopicARN`
    what: String,
    arn: Cow<'a, str>,
}

/// That a function's role cannot reach the secrets and topics that are not its own, nor the routes that take signatures:
/// those are for the users of an identity pool.
async fn reach(scene: &VerifyContext<'_>, name: &str) -> Vec<Check> {
    let (stack, outputs) = (scene.subject.stack, scene.subject.outputs);
    let (Some(function), Some(live)) = (stack.functions.get(name), outputs.functions.get(name)) else {
        return Vec::new();
    };
    let secrets = outputs.secrets.iter().filter(|(secret, _)| !function.secrets.contains(*secret));
    let secrets = secrets.map(|(secret, at)| Reach {
        action: "secretsmanager:GetSecretValue",
        what: format!("secret {secret}"),
        arn: Cow::from(&at.arn),
    });
    let topics = outputs.topics.iter().filter(|(topic, _)| !function.publishes.contains(*topic));
    let topics = topics.map(|(topic, at)| Reach {
        action: "sns:Publish",
        what: format!("topic {topic}"),
        arn: (&at.arn).into(),
    });
    let signed = scene.routes().filter(|target| target.route.auth == Auth::Iam);
    let routes = signed.filter_map(|target| {
        let (_, api) = outputs.all_apis().find(|(name, _)| *name == target.name)?;
        let Route { method, path, .. } = target.route;
        let arn = scene.subject.clients.scope.execute_api_arn(&api.id, &api.stage, method, path);
        Some(Reach { action: "execute-api:Invoke", what: format!("route {}", target.subject()), arn: arn.into() })
    });
    let iam = Iam::new(scene.subject.clients);
    // Some endpoints answer no to everything: what the role may do for certain tells.
    let log = format!("{}:*", scene.subject.clients.scope.arn("logs", &format!("log-group:{}", live.log_group)));
    let control = iam.simulate(&live.role_arn, "logs:PutLogEvents", &log).await;
    let policies = || policies(scene, name);
    let mut checks = Vec::new();
    for reach in secrets.chain(topics).chain(routes) {
        let claim = CheckSpec::new(
            Layer::Secrets,
            format!("role {name}"),
            format!("its policies do not allow the {}", reach.what),
        );
        let check = if matches!(control, Ok(Some(true))) {
            let claim = claim.sent(format!("SimulatePrincipalPolicy {}", reach.action)).expects("denied");
            claim.by(async { simulated(iam.simulate(&live.role_arn, reach.action, &reach.arn).await) }).await
        } else {
            let sent = "the role's live policies, compared with the derived one, which does not allow it \
                        (IAM's simulation is not to be had here)";
            claim.sent(sent).expects("the same meaning, and no other policy").known(policies())
        };
        checks.push(check);
    }
    checks
}

/// Pure.
fn simulated(allowed: Result<Option<bool>, Failure>) -> CheckResult {
    match allowed {
        Ok(Some(true)) => CheckResult::fail("allowed"),
        Ok(Some(false)) => CheckResult::pass("denied"),
        Ok(None) => CheckResult::fail("the simulation gave no answer"),
        Err(failure) => CheckResult::fail(failure.to_string()),
    }
}

fn policies(scene: &VerifyContext<'_>, name: &str) -> CheckResult {
    let drift = |id: &str| settings::drift(scene.subject.seen, id);
    same_policies(drift(ids::role(name).as_str()), drift(ids::policy(name).as_str()))
}

/// Pure: from what has drifted of a role and of its policy. The derived policy allows nothing but the function's own.
fn same_policies(role: Option<&[Drift]>, policy: Option<&[Drift]>) -> CheckResult {
    let (Some(role), Some(policy)) = (role, policy) else {
        return CheckResult::fail("the role or its policy could not be read");
    };
    let other = role.iter().filter(|drift| ["PolicyNames", "AttachedPolicies"].contains(&drift.field.as_str()));
    let wider: Vec<String> =
        other.chain(policy).map(|Drift { field, live, .. }| format!("{field} is {live}")).collect();
    if wider.is_empty() {
        CheckResult::pass("the same meaning, and no other policy")
    } else {
        CheckResult::fail(wider.join("; "))
    }
}

fn environments(scene: &VerifyContext<'_>) -> Vec<Check> {
    let functions = scene.subject.stack.functions.iter();
    let checks = functions.map(|(name, function)| {
        CheckSpec::new(Layer::Secrets, name, "there is no credential in its environment")
            .sent("GetFunctionConfiguration, and the variables of the stack file")
            .expects("the variables of the stack file alone, none of which looks like a credential")
            .known(environment(
                &function.environment,
                settings::drift(scene.subject.seen, ids::function(name).as_str()),
            ))
    });
    checks.collect()
}

/// Pure: from the variables that are wanted, and from what has drifted. Never says a value.
fn environment(wanted: &BTreeMap<String, Variable>, drift: Option<&[Drift]>) -> CheckResult {
    let Some(drift) = drift else { return CheckResult::fail("the function could not be read") };
    let suspects: Vec<&str> =
        wanted.iter().filter(|(name, value)| is_credential(name, text(value))).map(|(name, _)| name.as_str()).collect();
    let others: Vec<&str> = drift.iter().filter_map(|drift| drift.field.strip_prefix("Environment.")).collect();
    match (suspects.is_empty(), others.is_empty()) {
        (true, true) => CheckResult::pass("the variables of the stack file alone"),
        (false, _) => CheckResult::fail(format!("looks like a credential: {}", suspects.join(", "))),
        (_, false) => CheckResult::fail(format!("not as in the stack file: {}", others.join(", "))),
    }
}

/// What of a variable stands in the stack file; ids and URLs are no credentials.
fn text(value: &Variable) -> &str {
    match value {
        Variable::Text(text) => text,
        _ => "",
    }
}

/// By its name, or by its value: an access key, a private key, a token.
fn is_credential(name: &str, value: &str) -> bool {
    const NAMES: [&str; 7] = ["PASSWORD", "PASSWD", "SECRET_KEY", "ACCESS_KEY", "PRIVATE_KEY", "API_KEY", "TOKEN"];
    let name = name.to_uppercase();
    let access_key = |at: usize| {
        let key = value.get(at..at + 20).unwrap_or_default();
        (key.starts_with("AKIA") || key.starts_with("ASIA"))
            && key.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    };
    NAMES.iter().any(|suffix| name.ends_with(suffix))
        || (0..value.len()).any(access_key)
        || value.contains("-----BEGIN")
        || value.starts_with("eyJ")
}

/// Of JSON, and of another content type: a model that is given for JSON alone lets every other body through.
async fn broken_bodies(scene: &VerifyContext<'_>, target: Target<'_>) -> Vec<Check> {
    vec![
        broken_body(scene, target, "application/json", "a body that breaks the model reaches no function").await,
        broken_body(scene, target, "text/plain", "such a body of another content type reaches no function").await,
    ]
}

async fn broken_body(scene: &VerifyContext<'_>, target: Target<'_>, content_type: &str, claim: &str) -> Check {
    let claim = CheckSpec::new(Layer::Secrets, target.subject(), claim);
    let sent = format!("a token that passes, and as {content_type} a body that is not what the schema asks for");
    let claim = claim.sent(sent).expects("400 Invalid request body, from the gateway itself");
    claim
        .by(async {
            let body = scene.schema(target.route).and_then(|schema| sample::breaking(&schema, &marker()));
            let Some(body) = body else { return CheckResult::not_applicable("the schema takes anything") };
            let body = Body { content_type, text: &body };
            let asked = match scene.own_tokens(target.route) {
                Ok(tokens) => ask(scene, target, tokens.map(|tokens| &tokens.id), Some(body)).await,
                Err(finding) => Err(finding),
            };
            asked.map_or_else(|finding| finding, |answer| body_refused(&answer, scene.gate(target)))
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Verdict::{Fail, Pass};

    #[test]
    fn a_simulation_must_deny() {
        assert_eq!(simulated(Ok(Some(false))).verdict, Pass);
        for wrong in [Ok(Some(true)), Ok(None), Err(Failure::refused("no"))] {
            assert_eq!(simulated(wrong).verdict, Fail);
        }
    }

    #[test]
    fn any_other_policy_may_allow_anything() {
        assert_eq!(same_policies(Some(&[]), Some(&[])).verdict, Pass);
        assert_eq!(same_policies(Some(&[Drift::new("Description", 1, 2)]), Some(&[])).verdict, Pass);
        let wider = [
            (vec![Drift::weakening("PolicyNames", "no others", "more")], vec![]),
            (vec![Drift::weakening("AttachedPolicies", "none", "arn:admin")], vec![]),
            (vec![], vec![Drift::weakening("PolicyDocument", "{}", "{*}")]),
        ];
        for (role, policy) in wider {
            assert_eq!(same_policies(Some(&role), Some(&policy)).verdict, Fail);
        }
        assert_eq!(same_policies(None, Some(&[])).verdict, Fail);
    }

    #[test]
    fn credentials_are_known_by_name_and_by_value() {
        for (name, value) in [
            ("DB_PASSWORD", "x"),
            ("PARTNER_API_KEY", "x"),
            ("NOTE", "AKIAIOSFODNN7EXAMPLE"),
            ("NOTE", "key=ASIAIOSFODNN7EXAMPLE;"),
            ("NOTE", "-----BEGIN PRIVATE KEY-----"),
            ("NOTE", "eyJhbGciOiJSUzI1NiJ9.e30.x"),
        ] {
            assert!(is_credential(name, value), "{name}={value}");
        }
        for (name, value) in [("LOG_LEVEL", "info"), ("TOKEN_URL", "https://example.com/ä"), ("PREFIX", "AKIA")] {
            assert!(!is_credential(name, value), "{name}={value}");
        }
    }

    #[test]
    fn an_environment_holds_what_is_written_and_no_credential() {
        let variables = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), Variable::Text(value.to_owned()))]);
        assert_eq!(environment(&variables("LOG_LEVEL", "info"), Some(&[])).verdict, Pass);
        let finding = environment(&variables("DB_PASSWORD", "hunter2"), Some(&[]));
        assert_eq!((finding.verdict, finding.received.contains("hunter2")), (Fail, false));
        let added = [Drift::weakening("Environment.AWS_KEY", "unset", "set")];
        assert_eq!(environment(&BTreeMap::new(), Some(&added)).received, "not as in the stack file: AWS_KEY");
        assert_eq!(environment(&BTreeMap::new(), None).verdict, Fail);
    }
}
