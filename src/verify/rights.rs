//! Checks the role of a function, or of an identity pool's users, with IAM's policy simulation. The role must allow the
//! actions that its entry grants, but neither the same actions on another resource nor other actions on the same
//! resource.

use super::check_spec::{CheckResult, CheckSpec};
use super::context::VerifyContext;
use super::{Check, Layer, settings};
use crate::authorization::Service;
use crate::aws::iam::{Iam, Request, RequestKey};
use crate::engine::{Drift, Failure, Id};
use crate::policy::covers;
use crate::spec::grants::Grant;

/// A part of a resource's name that no policy is expected to mention.
const OTHER: &str = "securelambda-verify";

/// The text that replaces a wildcard in a simulated resource or condition.
const EXAMPLE: &str = "example";

/// The condition operators that are fulfilled by a request with the condition's own value.
const FULFILLED: [&str; 10] = [
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "ArnEquals",
    "ArnLike",
    "Bool",
    "NumericEquals",
    "DateEquals",
    "IpAddress",
    "BinaryEquals",
];

/// A claim about what a role may do.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    claim: String,
    /// The request to simulate, or the reason why there is none.
    request: Result<Request, String>,
    /// Whether every action must be allowed. If not, every action must be denied.
    allowed: bool,
}

/// A role and its grants.
pub(super) struct Role<'a> {
    /// The name of the role in checks.
    pub subject: String,
    pub arn: &'a str,
    /// The ids of the role and of its policy.
    pub ids: (Id, Id),
    pub grants: Vec<Grant>,
}

/// The checks of a role's grants. If the endpoint does not simulate policies, they compare the live policies with the
/// derived ones.
pub(super) async fn checks(context: &VerifyContext<'_>, role: Role<'_>, simulates: bool) -> Vec<Check> {
    let iam = Iam::new(context.subject.clients);
    let (of_role, of_policy) = &role.ids;
    let mut checks = Vec::new();
    for Question { claim, request, allowed } in questions(&with_pools(context, role.grants)) {
        let claim = CheckSpec::new(Layer::Functions, &role.subject, claim);
        let check = match request {
            Err(why) => claim.known(CheckResult::not_tried(why)),
            Ok(_) if !simulates => {
                let sent = "the role's live policies, compared with the derived policy (this endpoint does not \
                            simulate policies)";
                claim
                    .sent(sent)
                    .expects("the derived policy and no other policy")
                    .known(policies(context, of_role, of_policy))
            }
            Ok(request) => {
                let sent = format!("SimulatePrincipalPolicy {} on {}", request.actions.join(", "), request.resource);
                let claim = claim.sent(sent).expects(if allowed { "allowed" } else { "denied" });
                let decided = iam.simulate_all(role.arn, &request).await;
                let failed = decided.as_ref().err().map(|failure| context.failed(failure));
                claim.known(failed.unwrap_or_else(|| judged(decided, allowed)))
            }
        };
        checks.push(check);
    }
    checks
}

/// Whether the live policies of a role are the derived ones.
pub(super) fn policies(context: &VerifyContext<'_>, role: &Id, policy: &Id) -> CheckResult {
    let drift = |id: &Id| settings::drift(context.subject.seen, id.as_str());
    same_policies(drift(role).as_deref(), drift(policy).as_deref())
}

/// Checks that a role and its policy have no differences that could allow more. The derived policy allows access only
/// to the function's own resources.
fn same_policies(role: Option<&[Drift]>, policy: Option<&[Drift]>) -> CheckResult {
    let (Some(role), Some(policy)) = (role, policy) else {
        return CheckResult::not_tried("because the role or its policy does not exist or could not be read");
    };
    let other = role.iter().filter(|drift| ["PolicyNames", "AttachedPolicies"].contains(&drift.field.as_str()));
    let wider: Vec<String> =
        other.chain(policy).map(|Drift { field, live, .. }| format!("{field} is {live}")).collect();
    if wider.is_empty() {
        CheckResult::pass("the derived policy and no other policy")
    } else {
        CheckResult::fail(wider.join("; "))
    }
}

/// The grants with the ARNs of the pools.
fn with_pools(context: &VerifyContext<'_>, grants: Vec<Grant>) -> Vec<Grant> {
    let pool = |name: &str| Some(context.subject.outputs.pools.get(name)?.arn.clone());
    grants.into_iter().map(|grant| grant.with_pools(&pool)).collect()
}

/// Whether all actions were decided as they should be.
fn judged(decided: Result<Option<Vec<(String, bool)>>, Failure>, wanted: bool) -> CheckResult {
    let decided = match decided {
        Ok(decided) => decided.unwrap_or_default(),
        Err(failure) => return CheckResult::fail(failure.to_string()),
    };
    if decided.is_empty() {
        return CheckResult::fail("the simulation returned no result");
    }
    let wrong: Vec<&str> =
        decided.iter().filter(|(_, allowed)| *allowed != wanted).map(|(action, _)| action.as_str()).collect();
    let word = |allowed| if allowed { "allowed" } else { "denied" };
    if wrong.is_empty() {
        CheckResult::pass(word(wanted))
    } else {
        CheckResult::fail(format!("{}: {}", word(!wanted), wrong.join(", ")))
    }
}

/// Three questions for each grant: its actions are allowed, the same actions on another resource are denied, and
/// another action on the same resource is denied. The last two are left out if another grant allows the request, or if
/// there is no such resource or action.
fn questions(grants: &[Grant]) -> Vec<Question> {
    let mut questions = Vec::new();
    for grant in grants {
        let key = format!("`{}`", grant.key);
        for (actions, resource) in by_resource(grant) {
            let keys = request_keys(grant);
            let words = format!("{} on {resource}", actions.join(", "));
            let request = |actions: &[String], resource: &str| {
                keys.clone().map(|keys| Request { actions: actions.to_vec(), resource: resource.to_owned(), keys })
            };
            questions.push(Question {
                claim: format!("{key} allows {words}"),
                request: request(&actions, &resource),
                allowed: true,
            });
            if let Some(other) = another_resource(&actions, &resource, grant, grants) {
                questions.push(Question {
                    claim: format!("{key} does not allow the same on another resource, such as {other}"),
                    request: request(&actions, &other),
                    allowed: false,
                });
            }
            if let Some(other) = another_action(&actions, &resource, grants) {
                questions.push(Question {
                    claim: format!("nothing allows {other} on {resource}"),
                    request: request(&[other], &resource),
                    allowed: false,
                });
            }
        }
    }
    questions
}

/// The actions of a grant with a resource that they take, grouped by the resource. Wildcards are replaced by examples.
fn by_resource(grant: &Grant) -> Vec<(Vec<String>, String)> {
    let mut groups: Vec<(Vec<String>, String)> = Vec::new();
    for action in &grant.actions {
        let Some((prefix, name)) = action.split_once(':') else { continue };
        let Some(service) = Service::of(prefix) else { continue };
        let known = service.actions(name);
        let fitting = grant.resources.iter().find_map(|resource| {
            let everything = resource == "*";
            let action = known.iter().find(|action| everything || action.takes(resource))?;
            Some((format!("{prefix}:{}", action.name), resource.replace(['*', '?'], EXAMPLE), everything))
        });
        let Some((action, example, everything)) = fitting else { continue };
        let resource = if everything { "*".to_owned() } else { example };
        match groups.iter_mut().find(|(_, known)| *known == resource) {
            Some((actions, _)) => actions.push(action),
            None => groups.push((vec![action], resource)),
        }
    }
    groups
}

/// The values with which a request fulfils the conditions of a grant, or the reason why there are none.
fn request_keys(grant: &Grant) -> Result<Vec<RequestKey>, String> {
    let mut keys = Vec::new();
    for (operator, block) in &grant.conditions {
        let bare = operator.split_once(':').map_or(operator.as_str(), |(_, bare)| bare);
        let bare = bare.strip_suffix("IfExists").unwrap_or(bare);
        for (key, values) in block {
            let value = values.first().filter(|value| FULFILLED.contains(&bare) && !value.contains("${"));
            let Some(value) = value else {
                return Err(format!(
                    "because no request can be made up that fulfils its condition {operator} of {key}"
                ));
            };
            let value = match bare {
                "IpAddress" => value.split('/').next().unwrap_or_default().to_owned(),
                "StringLike" | "ArnLike" => value.replace(['*', '?'], EXAMPLE),
                _ => value.clone(),
            };
            keys.push(RequestKey { operator: operator.clone(), key: key.clone(), value });
        }
    }
    if grant.resources.iter().any(|resource| resource.contains("${")) {
        return Err("because its resources depend on the caller".to_owned());
    }
    Ok(keys)
}

/// A resource of the same kind with another name, which no grant covers.
fn another_resource(actions: &[String], resource: &str, grant: &Grant, grants: &[Grant]) -> Option<String> {
    let pattern = grant.resources.iter().find(|pattern| covers(pattern, resource))?;
    let fixed = pattern.split(['*', '?']).next().unwrap_or_default();
    // The part of the name before the first wildcard gets another ending.
    let fixed = fixed.trim_end_matches(['/', ':']);
    let rest = resource.strip_prefix(fixed)?;
    let other = format!("{fixed}-{OTHER}{rest}");
    let has_name = fixed.splitn(6, ':').nth(5).is_some_and(|name| !name.is_empty());
    (has_name && !actions.iter().any(|action| granted(action, &other, grants))).then_some(other)
}

/// An action that takes this resource and that no grant covers. A `Delete` action is preferred.
fn another_action(actions: &[String], resource: &str, grants: &[Grant]) -> Option<String> {
    let (prefix, _) = actions.first()?.split_once(':')?;
    let service = Service::of(prefix)?;
    let all = service.actions("*");
    let takes = all.iter().filter(|action| if resource == "*" { action.on.is_empty() } else { action.takes(resource) });
    let free = takes.map(|action| format!("{prefix}:{}", action.name)).filter(|name| !granted(name, resource, grants));
    let mut free: Vec<String> = free.collect();
    free.sort_by_key(|name| (!name.contains(":Delete"), name.clone()));
    free.into_iter().next()
}

fn granted(action: &str, resource: &str, grants: &[Grant]) -> bool {
    let action = action.to_lowercase();
    grants.iter().any(|grant| {
        grant.actions.iter().any(|pattern| covers(&pattern.to_lowercase(), &action))
            && grant.resources.iter().any(|pattern| pattern.contains("${") || covers(pattern, resource))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::Scope;
    use crate::spec::grants::grants;
    use crate::spec::parse;
    use crate::verify::Verdict::{Fail, NotTried, Pass};

    fn asked(entry: &str) -> Vec<Question> {
        let text = format!(
            "[stack]\nname = \"demo\"\n[functions.G]\nsource = \"g\"\n[functions.F]\nsource = \"f\"\n{entry}\n"
        );
        let stack = parse(&text).expect("a sound file");
        let scope = Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            stack: "demo".into(),
            ..Scope::default()
        };
        questions(&grants(&stack, &stack.functions["F"], &scope))
    }

    /// The request of each question: the actions, the resource, and whether they must be allowed.
    fn requests(questions: &[Question]) -> Vec<(String, String, bool)> {
        let request = |question: &Question| {
            let request = question.request.as_ref().expect("a request");
            (request.actions.join(" "), request.resource.clone(), question.allowed)
        };
        questions.iter().map(request).collect()
    }

    #[test]
    fn a_grant_is_tried_on_its_resource_on_another_one_and_with_another_action() {
        let found = asked(
            "allow = [{ actions = [\"s3:GetObject\", \"s3:PutObject\"], resources = [\"arn:aws:s3:::photos/*\"] }]",
        );
        let text = |text: &str| text.to_owned();
        let expected = [
            (text("s3:GetObject s3:PutObject"), text("arn:aws:s3:::photos/example"), true),
            (text("s3:GetObject s3:PutObject"), text("arn:aws:s3:::photos-securelambda-verify/example"), false),
            (text("s3:DeleteObject"), text("arn:aws:s3:::photos/example"), false),
        ];
        assert_eq!(requests(&found), expected);
    }

    #[test]
    fn what_another_grant_allows_is_not_asked_for() {
        let found = asked(
            "allow = [{ actions = [\"s3:GetObject\"], resources = [\"arn:aws:s3:::photos/*\"] },\n\
             { actions = [\"s3:*\"], resources = [\"arn:aws:s3:::photos*\"], because = \"tests\" }]",
        );
        assert!(requests(&found).iter().all(|(actions, resource, allowed)| *allowed
            || !resource.starts_with("arn:aws:s3:::photos")
            || actions.is_empty()));
    }

    #[test]
    fn conditions_are_fulfilled_or_the_grant_is_not_tried() {
        let with = |condition: &str| {
            asked(&format!(
                "allow = [{{ actions = [\"s3:ListBucket\"], resources = [\"arn:aws:s3:::photos\"], conditions = {condition} }}]"
            ))
        };
        let found = with("{ StringLike = { \"s3:prefix\" = \"a/*\" } }");
        let request = found[0].request.as_ref().expect("a request");
        assert_eq!(request.keys[0].value, "a/example");
        let found = with("{ NumericLessThan = { \"s3:max-keys\" = 10 } }");
        assert!(found[0].request.as_ref().is_err_and(|why| why.contains("NumericLessThan of s3:max-keys")));
    }

    #[test]
    fn actions_that_take_no_resource_are_tried_on_everything() {
        let found = asked("allow = [{ actions = [\"s3:ListAllMyBuckets\"], resources = [\"*\"] }]");
        let tried = requests(&found);
        assert_eq!((tried[0].1.as_str(), tried[0].2), ("*", true));
        assert!(tried[1..].iter().all(|(_, _, allowed)| !allowed));
    }

    #[test]
    fn parameters_and_functions_are_tried_too() {
        let found = asked("invokes_functions = [\"G\"]\nreads_parameters = [\"/app/*\"]");
        let tried = requests(&found);
        let has = |actions: &str, end: &str, allowed| {
            tried.iter().any(|(tried, on, given)| tried == actions && on.ends_with(end) && *given == allowed)
        };
        assert!(has("lambda:InvokeFunction", ":function:demo-G", true), "{tried:?}");
        assert!(has("lambda:InvokeFunction", ":function:demo-G-securelambda-verify", false), "{tried:?}");
        assert!(has("ssm:GetParameter ssm:GetParameters", ":parameter/app/example", true), "{tried:?}");
        assert!(has("ssm:GetParametersByPath", ":parameter/app", true), "{tried:?}");
    }

    #[test]
    fn every_action_must_be_decided_as_wanted() {
        let decided = |first, second| Ok(Some(vec![("a".to_owned(), first), ("b".to_owned(), second)]));
        assert_eq!(judged(decided(true, true), true).verdict, Pass);
        assert_eq!(judged(decided(true, false), true), CheckResult::fail("denied: b"));
        assert_eq!(judged(decided(true, false), false), CheckResult::fail("allowed: a"));
        assert_eq!(judged(Ok(None), false).verdict, Fail);
    }

    #[test]
    fn any_other_policy_fails() {
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
        assert_eq!(same_policies(None, Some(&[])).verdict, NotTried);
    }
}
