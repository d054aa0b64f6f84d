//! Checks of routes that require signatures: requests without a signature, with a wrong one, and of callers without
//! permission. Also checks of identity pools, which give users the credentials for signatures.

use std::time::Duration;

use futures_util::FutureExt;

use super::check_spec::{CheckResult, CheckSpec};
use super::classify::{accepted_by, signature_refused};
use super::context::{CheckFuture, VerifyContext};
use super::target::Target;
use super::{Check, Layer};
use crate::aws::cognito::Identities;
use crate::aws::refusals::NO_GUESTS;
use crate::aws::refusals::NOT_TRUSTED;
use crate::aws::sigv4::Keys;
use crate::engine::Failure;
use crate::probe::Request;
use crate::secret::SecretValue;
use crate::spec::{Auth, IdentityPool};

const REFUSED: &str = "403 from the gateway";

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let routes = context.routes().filter(|target| target.route.auth == Auth::Iam);
    let without_keys =
        routes.map(|target| -> CheckFuture<'a> { async move { without_keys(context, target).await }.boxed() });
    let pools = context.subject.stack.identity_pools.iter();
    let pools =
        pools.map(|(name, pool)| -> CheckFuture<'a> { async move { callers(context, name, pool).await }.boxed() });
    without_keys.chain(pools).collect()
}

/// Callers without credentials of this account.
async fn without_keys(context: &VerifyContext<'_>, target: Target<'_>) -> Vec<Check> {
    let unsigned = claim(target, "a request without a signature is refused").sent("no Authorization header");
    let unknown = claim(target, "a signature with keys that do not exist is refused")
        .sent("a signature with a random access key and a random secret key");
    let keys = Keys::unknown();
    let (unsigned, unknown) = futures_util::future::join(
        unsigned.expects(REFUSED).by(refused(context, target, None, &target.route.method, "")),
        unknown.expects(REFUSED).by(refused(context, target, Some(&keys), &target.route.method, "")),
    )
    .await;
    vec![unsigned, unknown]
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
        let absent = || CheckResult::fail("the identity pool does not exist");
        return vec![guest.known(absent()), signs_in.known(absent())];
    };
    let guest = guest.by(guest_gets(&identities, &known.id, context.at_aws())).await;
    let began = std::time::Instant::now();
    let keys = keys(context, &identities, &known.id, pool).await;
    let result = keys.as_ref().map_or_else(Clone::clone, |_| CheckResult::pass("temporary credentials"));
    let mut checks = vec![guest, signs_in.found(result, began.elapsed())];
    for target in context.routes().filter(|target| target.route.auth == Auth::Iam) {
        checks.extend(of_route(context, name, pool, target, &keys).await);
    }
    checks
}

async fn keys(
    context: &VerifyContext<'_>,
    identities: &Identities,
    identity_pool: &str,
    pool: &IdentityPool,
) -> Result<Keys, CheckResult> {
    let token = &context.tokens(&pool.pool)?.id;
    let users = context.subject.outputs.pools.get(&pool.pool);
    let users = users.ok_or_else(|| CheckResult::fail("the user pool does not exist"))?;
    loop {
        match identities.credentials(identity_pool, &users.id, token).await {
            Ok(keys) => return Ok(keys),
            // The role is new, and its trust policy has not taken effect everywhere.
            Err(failure) if NOT_TRUSTED.is(&failure) && context.prober.settling() => {
                tokio::time::sleep(context.time_scale.of(Duration::from_secs(2))).await;
            }
            Err(failure) => return Err(CheckResult::fail(failure.to_string())),
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
        Ok(()) => CheckResult::not_applicable("this endpoint gives guests an identity and credentials, unlike AWS"),
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

/// What these credentials allow and refuse on a route that requires signatures.
async fn of_route(
    context: &VerifyContext<'_>,
    name: &str,
    pool: &IdentityPool,
    target: Target<'_>,
    keys: &Result<Keys, CheckResult>,
) -> Vec<Check> {
    let whose = format!("the role of {name}'s users");
    let may = |method: &str| may(pool, target, method);
    if !may(&target.route.method) {
        let claim = claim(target, &format!("a request signed by {whose} is refused"));
        let claim = claim.sent(format!("a request signed by {whose}")).expects(REFUSED);
        return vec![claim.by(refused_to(context, target, keys, target.method(), "")).await];
    }
    let passes = claim(target, &format!("a request signed by {whose} passes"))
        .sent(format!("a request signed by {whose}"))
        .expects("an answer from the function");
    let passes = passes.by(async {
        let asked = async {
            let keys = Some(keys.as_ref().map_err(Clone::clone)?);
            let (url, headers) = signed(context, target, keys, target.method(), "")?;
            let request = Request { method: target.method(), url: &url, token: None, body: None };
            context.prober.ask_signed(&request, &headers, true).await
        };
        asked.await.map_or_else(|result| result, |answer| accepted_by(&answer, context.exposure(target), target))
    });
    let forged = claim(target, "a wrong signature is refused")
        .sent(format!("a request signed by {whose}, with another secret key"))
        .expects(REFUSED);
    let wrong = keys.as_ref().map(Keys::forged).map_err(Clone::clone);
    let forged = forged.by(refused_to(context, target, &wrong, target.method(), ""));
    let others: Vec<&str> =
        ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().filter(|method| !may(method)).collect();
    let methods = claim(target, &format!("{whose} cannot use other methods"))
        .sent(format!("{} on {}, signed by {whose}", others.join(", "), target.route.path))
        .expects(REFUSED);
    let methods = methods.by(async {
        let mut last = CheckResult::not_applicable("every method is allowed");
        for method in &others {
            last = refused_to(context, target, keys, method, "").await;
            if last.verdict == super::Verdict::Fail {
                return CheckResult::fail(format!("{method}: {}", last.received));
            }
        }
        last
    });
    let path = claim(target, &format!("{whose} cannot use other paths"))
        .sent(format!("{} {}/securelambda-verify, signed by {whose}", target.method(), target.route.path))
        .expects(REFUSED);
    let path = path.by(refused_to(context, target, keys, target.method(), "/securelambda-verify"));
    let (passes, forged, methods, path) = tokio::join!(passes, forged, methods, path);
    vec![passes, forged, methods, path]
}

/// Whether the users of the identity pool may call the route's path with this method.
fn may(pool: &IdentityPool, target: Target<'_>, method: &str) -> bool {
    let names = [format!("{method} {}", target.route.path), format!("ANY {}", target.route.path)];
    pool.invokes.iter().any(|invoke| invoke.api.as_deref() == target.name && names.contains(&invoke.route))
}

fn claim(target: Target<'_>, claim: &str) -> CheckSpec {
    CheckSpec::new(Layer::Authorization, target.subject(), claim)
}

async fn refused_to(
    context: &VerifyContext<'_>,
    target: Target<'_>,
    keys: &Result<Keys, CheckResult>,
    method: &str,
    below: &str,
) -> CheckResult {
    match keys {
        Ok(keys) => refused(context, target, Some(keys), method, below).await,
        Err(result) => result.clone(),
    }
}

async fn refused(
    context: &VerifyContext<'_>,
    target: Target<'_>,
    keys: Option<&Keys>,
    method: &str,
    below: &str,
) -> CheckResult {
    let method = if method == "ANY" { target.method() } else { method };
    let asked = ask(context, target, keys, method, below).await;
    asked.map_or_else(|result| result, |answer| signature_refused(&answer, context.exposure(target)))
}

/// Sends a request that must not pass to the path `below` a route, signed with these keys if there are any.
async fn ask(
    context: &VerifyContext<'_>,
    target: Target<'_>,
    keys: Option<&Keys>,
    method: &str,
    below: &str,
) -> Result<crate::probe::Answer, CheckResult> {
    let (url, headers) = signed(context, target, keys, method, below)?;
    let request = Request { method, url: &url, token: None, body: None };
    context.prober.ask_signed(&request, &headers, false).await
}

/// The URL of the path `below` a route, and the headers that sign a request to it.
fn signed(
    context: &VerifyContext<'_>,
    target: Target<'_>,
    keys: Option<&Keys>,
    method: &str,
    below: &str,
) -> Result<(String, Vec<(String, SecretValue)>), CheckResult> {
    let Some(url) = context.url(target) else { return Err(CheckResult::fail("the API does not exist")) };
    let url = format!("{url}{below}");
    let region = &context.subject.clients.scope.region;
    let headers = keys
        .map(|keys| keys.headers(method, &url, region, context.subject.clients.now()))
        .transpose()
        .map_err(CheckResult::fail)?;
    Ok((url, headers.unwrap_or_default()))
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
