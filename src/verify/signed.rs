//! Checks of routes that require signatures: requests without a signature, with a wrong one, and of callers without
//! permission. Also checks of identity pools, which give users the credentials for signatures.

use std::time::Duration;

use futures_util::FutureExt;

use super::check_spec::{CheckResult, CheckSpec};
use super::classify::{accepted_by, no_route_or_permission, signature_refused};
use super::context::{CheckFuture, VerifyContext};
use super::prober::Patience;
use super::target::Target;
use super::{Check, Layer, paths, rights, settings};
use crate::aws::cognito::Identities;
use crate::aws::cognito::refusals::{NO_GUESTS, NOT_TRUSTED};
use crate::aws::sigv4::Keys;
use crate::engine::Failure;
use crate::probe::{Answer, HeaderNames, Request};
use crate::secret::SecretValue;
use crate::spec::grants::granted_to_callers;
use crate::spec::{Auth, IdentityPool};
use crate::topology::ids;

const REFUSED: &str = "403 from the gateway";

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let routes = context.routes().filter(|target| target.route.auth == Auth::Iam);
    let strangers = routes.map(|target| -> CheckFuture<'a> { async move { strangers(context, target).await }.boxed() });
    let pools = context.subject.stack.identity_pools.iter();
    let callers = pools
        .clone()
        .map(|(name, pool)| -> CheckFuture<'a> { async move { callers(context, name, pool).await }.boxed() });
    let rights =
        pools.map(|(name, pool)| -> CheckFuture<'a> { async move { granted(context, name, pool).await }.boxed() });
    strangers.chain(callers).chain(rights).collect()
}

/// Callers without credentials of this account.
async fn strangers(context: &VerifyContext<'_>, target: Target<'_>) -> Vec<Check> {
    let unsigned = claim(target, "a request without a signature is refused").sent(shown(
        context,
        target,
        "no Authorization header",
    ));
    let unknown = claim(target, "a signature with keys that do not exist is refused").sent(shown(
        context,
        target,
        "authorization: a signature with a random access key and a random secret key",
    ));
    let keys = Keys::unknown();
    let unsigned = unsigned.expects(REFUSED).by(refused(context, target, None)).await;
    let unknown = unknown.expects(REFUSED);
    if unsigned.verdict == super::Verdict::Fail {
        let cause = CheckResult::because_failed(&format!("{}: {}", unsigned.subject, unsigned.claim));
        return vec![unsigned, unknown.known(cause)];
    }
    vec![unsigned, unknown.by(refused(context, target, Some(&keys))).await]
}

/// Callers with credentials of an identity pool, and callers that request credentials without signing in.
async fn callers(context: &VerifyContext<'_>, name: &str, pool: &IdentityPool) -> Vec<Check> {
    let identities = Identities::new(context.subject.clients);
    let known = context.subject.outputs.identity_pools.get(name);
    let subject = format!("identity pool {name}");
    let guest = CheckSpec::new(Layer::Authentication, &subject, "guests get no identity")
        .sent("GetId without a token")
        .expects(NO_GUESTS.codes[0]);
    let signs_in = CheckSpec::new(Layer::Authentication, &subject, "users get temporary credentials")
        .sent(format!("GetId and GetCredentialsForIdentity with an ID token of {}", pool.pool))
        .expects("temporary credentials");
    let Some(known) = known else {
        let id = ids::identity_pool(name);
        let absent = || CheckResult::because_failed(&settings::name(context.subject.seen, id.as_str()));
        return vec![guest.known(absent()), signs_in.known(absent())];
    };
    let guest = guest.by(guest_gets(&identities, &known.id, context.at_aws())).await;
    let began = std::time::Instant::now();
    let keys = keys(context, &identities, &known.id, (pool, context.id_token(&pool.pool))).await;
    let result = keys.as_ref().map_or_else(Clone::clone, |keys| {
        CheckResult::pass(format!("temporary credentials, AccessKeyId beginning with {:.4}", keys.id))
    });
    let because = CheckResult::because_failed(&signs_in.name());
    let mut checks = vec![guest, signs_in.found(result, began.elapsed())];
    let keys = keys.map_err(|result| if result.failed() { because } else { result });
    for target in context.routes().filter(|target| target.route.auth == Auth::Iam) {
        checks.extend(of_route(context, name, pool, target, &keys).await);
    }
    checks
}

/// Checks the permissions of the role of an identity pool's users, except those for routes.
async fn granted(context: &VerifyContext<'_>, name: &str, pool: &IdentityPool) -> Vec<Check> {
    let Some(known) = context.subject.outputs.identity_pools.get(name).filter(|_| !pool.allow.is_empty()) else {
        return Vec::new();
    };
    let grants = granted_to_callers(pool, context.subject.stack, &context.subject.clients.scope);
    let (subject, arn) = (format!("role of the users of {name}"), known.role_arn.as_str());
    let ids = (ids::caller(name).into(), ids::caller_policy(name).into());
    // Some endpoints simulate nothing.
    rights::checks(context, rights::Role { subject, arn, ids, grants }, context.at_aws()).await
}

/// The credentials that the identity pool with this id gives to the user with this ID token.
pub(super) async fn keys(
    context: &VerifyContext<'_>,
    identities: &Identities,
    identity_pool: &str,
    (pool, token): (&IdentityPool, Result<&SecretValue, CheckResult>),
) -> Result<Keys, CheckResult> {
    let token = token?;
    let users = context.subject.outputs.pools.get(&pool.pool);
    let users = users.ok_or_else(|| CheckResult::not_tried("because the user pool does not exist"))?;
    loop {
        match identities.credentials(identity_pool, &users.id, token).await {
            Ok(keys) => return Ok(keys),
            // The role is new, and its trust policy has not taken effect everywhere.
            Err(failure) if NOT_TRUSTED.is(&failure) && context.prober.settling() => {
                tokio::time::sleep(context.time_scale.of(Duration::from_secs(2))).await;
            }
            Err(failure) => return Err(context.failed(&failure)),
        }
    }
}

/// Some emulators give guests an identity without credentials.
async fn guest_gets(identities: &Identities, identity_pool: &str, at_aws: bool) -> CheckResult {
    let identity = match identities.guest(identity_pool).await {
        Ok(identity) if !at_aws => identity,
        other => return guest_refused(other.map(drop)),
    };
    match identities.guest_credentials(&identity).await {
        Ok(()) => CheckResult::not_tried("this endpoint gives guests an identity and credentials, unlike AWS"),
        refused => guest_refused(refused),
    }
}

fn guest_refused(answer: Result<(), Failure>) -> CheckResult {
    match answer {
        Ok(()) => CheckResult::fail("an identity"),
        Err(failure) => {
            let code = failure.code().map_or_else(|| failure.to_string(), |code| code.to_string());
            CheckResult::pass_if(NO_GUESTS.is(&failure), code)
        }
    }
}

/// Checks a route that requires signatures with these credentials, and also methods and paths that no route has. These
/// are signed too, because a route that requires signatures looks absent to unsigned requests.
async fn of_route(
    context: &VerifyContext<'_>,
    name: &str,
    pool: &IdentityPool,
    target: Target<'_>,
    keys: &Result<Keys, CheckResult>,
) -> Vec<Check> {
    let whose = format!("the role of {name}'s users");
    let words = format!("authorization: a signature with credentials of {whose}");
    if !is_listed(pool, target) {
        let claim = claim(target, &format!("a request signed by {whose} is refused"));
        let claim = claim.sent(shown(context, target, &words)).expects(REFUSED);
        return vec![claim.by(refused_to(context, target, keys)).await];
    }
    let passes = claim(target, &format!("a request signed by {whose} passes"))
        .sent(shown(context, target, &words))
        .expects(target.expected_answer());
    let passes = passes.by(async {
        let asked = async {
            context.included(target)?;
            target.may_be_called()?;
            context.has_key(target.route)?;
            let keys = keys.as_ref().map_err(Clone::clone)?;
            send(context, target, Some(keys), Patience::UntilAllowed).await
        };
        asked.await.map_or_else(|result| result, |answer| accepted_by(&answer, context.destination(target), target))
    });
    let forged = claim(target, "a wrong signature is refused")
        .sent(shown(context, target, &format!("{words}, made with another secret key")))
        .expects(REFUSED);
    let wrong = keys.as_ref().map(Keys::forged).map_err(Clone::clone);
    let (passes, forged) = tokio::join!(passes, forged.by(refused_to(context, target, &wrong)));
    let path = paths::reaching(target.api, target.route).map(|(_, path)| path).unwrap_or_default();
    let methods = paths::unlisted_methods(target.api, &path);
    let methods = match methods.as_slice() {
        [] => Err("the routes of this path have all methods"),
        methods => Ok((methods.to_vec(), path)),
    };
    let other = paths::unlisted(target.api, &target.route.path).map(|path| (vec![target.method()], path));
    let other = other.ok_or("other routes answer every path near this one");
    vec![
        passes,
        forged,
        beside(context, target, keys, (&whose, "methods"), methods).await,
        beside(context, target, keys, (&whose, "paths"), other).await,
    ]
}

/// Checks requests that no route answers. `requests` has the reason if there are none.
async fn beside(
    context: &VerifyContext<'_>,
    target: Target<'_>,
    keys: &Result<Keys, CheckResult>,
    (whose, what): (&str, &str),
    requests: Result<(Vec<&str>, String), &str>,
) -> Check {
    let claim = claim(target, &format!("{whose} cannot use other {what}"));
    let found = context.included(target).and_then(|()| {
        let (methods, path) = requests.map_err(CheckResult::not_tried)?;
        Ok((methods, format!("{}{path}", context.base_url(target.name)?), keys.as_ref().map_err(Clone::clone)?))
    });
    let (methods, url, keys) = match found {
        Ok(found) => found,
        Err(result) => return claim.known(result),
    };
    claim
        .sent(format!("{} {url}; authorization: a signature with credentials of {whose}", methods.join(", ")))
        .expects("403 or 404 from the gateway")
        .by(async {
            let mut last = CheckResult::not_tried("there is no method to try");
            for method in methods {
                let asked = send_to(context, (method, &url), Some(keys), Patience::None).await;
                let judge = |answer| no_route_or_permission(&answer, context.destination(target));
                last = asked.map_or_else(|result| result, judge);
                if last.verdict != super::Verdict::Pass {
                    return CheckResult { received: format!("{method}: {}", last.received), ..last };
                }
            }
            last
        })
        .await
}

/// Whether the stack file lets the users of the identity pool call the route.
fn is_listed(pool: &IdentityPool, target: Target<'_>) -> bool {
    let name = target.route.name();
    pool.invokes.iter().any(|invoke| invoke.api.as_deref() == target.name && invoke.route == name)
}

fn claim(target: Target<'_>, claim: &str) -> CheckSpec {
    CheckSpec::new(Layer::Authorization, target.subject(), claim)
}

fn shown(context: &VerifyContext<'_>, target: Target<'_>, words: &str) -> String {
    super::authorization::shown(context, target, words, None)
}

async fn refused_to(context: &VerifyContext<'_>, target: Target<'_>, keys: &Result<Keys, CheckResult>) -> CheckResult {
    match keys {
        Ok(keys) => refused(context, target, Some(keys)).await,
        Err(result) => result.clone(),
    }
}

async fn refused(context: &VerifyContext<'_>, target: Target<'_>, keys: Option<&Keys>) -> CheckResult {
    let asked = send(context, target, keys, Patience::None).await;
    asked.map_or_else(|result| result, |answer| signature_refused(&answer, context.destination(target)))
}

/// Sends a request without a body, signed with these keys if there are any.
async fn send(
    context: &VerifyContext<'_>,
    target: Target<'_>,
    keys: Option<&Keys>,
    patience: Patience,
) -> Result<Answer, CheckResult> {
    send_to(context, (target.method(), &context.url(target)?), keys, patience).await
}

async fn send_to(
    context: &VerifyContext<'_>,
    (method, url): (&str, &str),
    keys: Option<&Keys>,
    patience: Patience,
) -> Result<Answer, CheckResult> {
    let region = &context.subject.clients.scope.region;
    let headers = keys
        .map(|keys| keys.headers(method, url, b"", region, context.subject.clients.now()))
        .transpose()
        .map_err(CheckResult::fail)?;
    let request = Request { method, url, token: None, body: None };
    context.prober.ask_with(&request, &headers.unwrap_or_default(), HeaderNames::LowerCase, patience).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ServiceError;
    use crate::verify::Verdict::{Fail, Pass};

    #[test]
    fn a_guest_must_be_refused_for_being_a_guest() {
        let refused =
            |code: &str| guest_refused(Err(Failure::refused("no").answered(ServiceError::new(code, "no")))).verdict;
        assert_eq!(refused("NotAuthorizedException"), Pass);
        assert_eq!(refused("ResourceNotFoundException"), Fail);
        assert_eq!(guest_refused(Ok(())).verdict, Fail);
    }
}
