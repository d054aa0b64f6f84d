//! Checks that functions cannot access the secrets, topics and queues of other functions or signed routes, and that their
//! environment contains no credentials.

use std::borrow::Cow;
use std::collections::BTreeMap;

use futures_util::FutureExt;

use super::check_spec::{CheckResult, CheckSpec};
use super::context::{CheckFuture, VerifyContext};
use super::{Check, Layer, rights, settings};
use crate::aws::iam::Iam;
use crate::engine::{Drift, Failure, Id};
use crate::secret::is_credential;
use crate::spec::grants::grants;
use crate::spec::{Auth, Destination, Route, Variable};
use crate::topology::ids;

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let functions = context.subject.stack.functions.keys();
    let roles = functions.map(|name| -> CheckFuture<'a> { async move { reach(context, name).await }.boxed() });
    let environments = async { environments(context) }.boxed();
    roles.chain([environments]).collect()
}

/// A resource that a role must not have access to.
struct Forbidden<'a> {
    action: &'static str,
    /// `secret LambdaSNSTopicARN`
    what: String,
    arn: Cow<'a, str>,
}

/// The role of a function must not allow access to secrets, topics and queues of other functions, nor to routes that require
/// signatures, which are for the users of an identity pool.
async fn reach(context: &VerifyContext<'_>, name: &str) -> Vec<Check> {
    let (stack, outputs) = (context.subject.stack, context.subject.outputs);
    let (Some(function), Some(live)) = (stack.functions.get(name), outputs.functions.get(name)) else {
        return Vec::new();
    };
    let secrets = outputs.secrets.iter().filter(|(secret, _)| !function.secrets.contains(*secret));
    let secrets = secrets.map(|(secret, at)| Forbidden {
        action: "secretsmanager:GetSecretValue",
        what: format!("secret {secret}"),
        arn: Cow::from(&at.arn),
    });
    let fails_to = |destination: &Destination| function.failures().any(|one| one == destination);
    let publishes = |topic: &String| function.publishes.contains(topic) || fails_to(&Destination::Topic(topic.clone()));
    let topics = outputs.topics.iter().filter(|(topic, _)| !publishes(topic));
    let topics = topics.map(|(topic, at)| Forbidden {
        action: "sns:Publish",
        what: format!("topic {topic}"),
        arn: (&at.arn).into(),
    });
    let sends = |queue: &String| function.sends.contains(queue) || fails_to(&Destination::Queue(queue.clone()));
    let queues = outputs.queues.iter().filter(|(queue, _)| !sends(queue));
    let queues = queues.map(|(queue, at)| Forbidden {
        action: "sqs:SendMessage",
        what: format!("queue {queue}"),
        arn: (&at.arn).into(),
    });
    let reads = |queue: &String| function.queues().any(|trigger| trigger.queue == *queue);
    let messages = outputs.queues.iter().filter(|(queue, _)| !reads(queue)).map(|(queue, at)| Forbidden {
        action: "sqs:ReceiveMessage",
        what: format!("messages of the queue {queue}"),
        arn: (&at.arn).into(),
    });
    let signed = context.routes().filter(|target| target.route.auth == Auth::Iam);
    let routes = signed.filter_map(|target| {
        let (_, api) = outputs.all_apis().find(|(name, _)| *name == target.name)?;
        let Route { method, path, .. } = target.route;
        let arn = context.subject.clients.scope.execute_api_arn(&api.id, &api.stage, method, path);
        Some(Forbidden { action: "execute-api:Invoke", what: format!("route {}", target.subject()), arn: arn.into() })
    });
    let iam = Iam::new(context.subject.clients);
    // Some endpoints deny everything. The answer to an allowed action shows whether the simulation works.
    let log = format!("{}:*", context.subject.clients.scope.arn("logs", &format!("log-group:{}", live.log_group)));
    let control = iam.simulate(&live.role_arn, "logs:PutLogEvents", &log).await;
    let (of_role, of_policy) = (Id::from(ids::role(name)), Id::from(ids::policy(name)));
    let policies = || rights::policies(context, &of_role, &of_policy);
    let simulates = matches!(control, Ok(Some(true)));
    let role = rights::Role {
        subject: format!("role {name}"),
        arn: &live.role_arn,
        ids: (of_role.clone(), of_policy.clone()),
        grants: grants(stack, function, &context.subject.clients.scope),
    };
    let mut checks = rights::checks(context, role, simulates).await;
    for forbidden in secrets.chain(topics).chain(queues).chain(messages).chain(routes) {
        let claim = CheckSpec::new(
            Layer::Secrets,
            format!("role {name}"),
            format!("its policies do not allow access to the {}", forbidden.what),
        );
        let check = if simulates {
            let claim = claim.sent(format!("SimulatePrincipalPolicy {} on {}", forbidden.action, forbidden.arn));
            let claim = claim.expects("denied");
            claim
                .by(async {
                    let allowed = iam.simulate(&live.role_arn, forbidden.action, &forbidden.arn).await;
                    let failed = allowed.as_ref().err().map(|failure| context.failed(failure));
                    failed.unwrap_or_else(|| simulated(allowed))
                })
                .await
        } else {
            let sent = "the role's live policies, compared with the derived policy, which does not allow it \
                        (this endpoint does not simulate policies)";
            claim.sent(sent).expects("the derived policy and no other policy").known(policies())
        };
        checks.push(check);
    }
    checks
}

fn simulated(allowed: Result<Option<bool>, Failure>) -> CheckResult {
    match allowed {
        Ok(Some(true)) => CheckResult::fail("allowed"),
        Ok(Some(false)) => CheckResult::pass("denied"),
        Ok(None) => CheckResult::fail("the simulation returned no result"),
        Err(failure) => CheckResult::fail(failure.to_string()),
    }
}

fn environments(context: &VerifyContext<'_>) -> Vec<Check> {
    let functions = context.subject.stack.functions.iter();
    let checks = functions.map(|(name, function)| {
        CheckSpec::new(Layer::Secrets, name, "its environment contains no credential")
            .sent("GetFunctionConfiguration, and the variables of the stack file")
            .expects("only variables of the stack file, none of which looks like a credential")
            .known(environment(
                &function.environment,
                settings::drift(context.subject.seen, ids::function(name).as_str()).as_deref(),
            ))
    });
    checks.collect()
}

/// Checks the variables of the stack file and their differences. Results do not contain values.
fn environment(wanted: &BTreeMap<String, Variable>, drift: Option<&[Drift]>) -> CheckResult {
    let Some(drift) = drift else {
        return CheckResult::not_tried("because the function does not exist or could not be read");
    };
    let suspects: Vec<&str> =
        wanted.iter().filter(|(name, value)| is_credential(name, text(value))).map(|(name, _)| name.as_str()).collect();
    let others: Vec<&str> = drift.iter().filter_map(|drift| drift.field.strip_prefix("Environment.")).collect();
    match (suspects.is_empty(), others.is_empty()) {
        (true, true) => CheckResult::pass(match wanted.keys().cloned().collect::<Vec<_>>() {
            none if none.is_empty() => "no variable of the stack file, and no other".to_owned(),
            names => format!("{}, and no other", names.join(", ")),
        }),
        (false, _) => CheckResult::fail(format!("these variables look like credentials: {}", suspects.join(", "))),
        (_, false) => CheckResult::fail(format!("these variables differ from the stack file: {}", others.join(", "))),
    }
}

/// The text of a variable in the stack file. Ids and URLs are not credentials.
fn text(value: &Variable) -> &str {
    match value {
        Variable::Text(text) => text,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Verdict::{Fail, NotTried, Pass};

    #[test]
    fn a_simulation_passes_only_if_it_denies() {
        assert_eq!(simulated(Ok(Some(false))).verdict, Pass);
        for wrong in [Ok(Some(true)), Ok(None), Err(Failure::refused("no"))] {
            assert_eq!(simulated(wrong).verdict, Fail);
        }
    }

    #[test]
    fn an_environment_must_match_the_stack_file_and_contain_no_credential() {
        let variables = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), Variable::Text(value.to_owned()))]);
        assert_eq!(environment(&variables("LOG_LEVEL", "info"), Some(&[])).verdict, Pass);
        let result = environment(&variables("DB_PASSWORD", "hunter2"), Some(&[]));
        assert_eq!((result.verdict, result.received.contains("hunter2")), (Fail, false));
        let added = [Drift::weakening("Environment.AWS_KEY", "unset", "set")];
        assert_eq!(
            environment(&BTreeMap::new(), Some(&added)).received,
            "these variables differ from the stack file: AWS_KEY"
        );
        assert_eq!(environment(&BTreeMap::new(), None).verdict, NotTried);
    }
}
