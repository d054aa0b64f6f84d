//! Routes that take signatures: requests without one, with a wrong one, of who may not call; and identity pools, which
//! give out the credentials that may.

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

const REFUSED: &str = "403, from the gateway itself";

pub(super) fn units<'a>(scene: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let routes = scene.routes().filter(|target| target.route.auth == Auth::Iam);
    let strangers = routes.map(|target| -> CheckFuture<'a> { async move { strangers(scene, target).await }.boxed() });
    let pools = scene.subject.stack.identity_pools.iter();
    let pools =
        pools.map(|(name, pool)| -> CheckFuture<'a> { async move { callers(scene, name, pool).await }.boxed() });
    strangers.chain(pools).collect()
}

/// Who has no credentials of this account.
async fn strangers(scene: &VerifyContext<'_>, target: Target<'_>) -> Vec<Check> {
    let unsigned = claim(target, "a request without a signature is refused").sent("no Authorization header");
    let unknown = claim(target, "a signature with keys that do not exist is refused")
        .sent("a signature with an access key and a secret key made up at random");
    let keys = Keys::unknown();
    let (unsigned, unknown) = futures_util::future::join(
        unsigned.expects(REFUSED).by(refused(scene, target, None, &target.route.method, "")),
        unknown.expects(REFUSED).by(refused(scene, target, Some(&keys), &target.route.method, "")),
    )
    .await;
    vec![unsigned, unknown]
}

/// Who has the credentials that an identity pool gives out, and who asks it for some without having signed in.
async fn callers(scene: &VerifyContext<'_>, name: &str, pool: &IdentityPool) -> Vec<Check> {
    let identities = Identities::new(scene.subject.clients);
    let known = scene.subject.outputs.identity_pools.get(name);
    let subject = format!("identity pool {name}");
    let guest = CheckSpec::new(Layer::Authentication, &subject, "it has no identity for guests")
        .sent("GetId without a token")
        .expects(NO_GUESTS.codes[0]);
    let signs_in = CheckSpec::new(Layer::Authentication, &subject, "its users get credentials")
        .sent(format!("GetId and GetCredentialsForIdentity with an ID token of {}", pool.pool))
        .expects("temporary credentials");
    let Some(known) = known else {
        let absent = || CheckResult::fail("the identity pool is not there");
        return vec![guest.known(absent()), signs_in.known(absent())];
    };
    let guest = guest.by(guest_gets(&identities, &known.id, scene.at_aws())).await;
    let began = std::time::Instant::now();
    let keys = keys(scene, &identities, &known.id, pool).await;
    let finding =
        keys.as_ref().map_or_else(Clone::clone, |_| CheckResult::pass("credentials of a session, and no others"));
    let mut checks = vec![guest, signs_in.found(finding, began.elapsed())];
    for target in scene.routes().filter(|target| target.route.auth == Auth::Iam) {
        checks.extend(of_route(scene, name, pool, target, &keys).await);
    }
    checks
}

async fn keys(
    scene: &VerifyContext<'_>,
    identities: &Identities,
    identity_pool: &str,
    pool: &IdentityPool,
) -> Result<Keys, CheckResult> {
    let token = &scene.tokens(&pool.pool)?.id;
    let users = scene.subject.outputs.pools.get(&pool.pool);
    let users = users.ok_or_else(|| CheckResult::fail("the user pool is not there"))?;
    loop {
        match identities.credentials(identity_pool, &users.id, token).await {
            Ok(keys) => return Ok(keys),
            // The role is new, and its trust has not arrived everywhere.
            Err(failure) if NOT_TRUSTED.is(&failure) && scene.prober.settling() => {
                tokio::time::sleep(scene.time_scale.of(Duration::from_secs(2))).await;
            }
            Err(failure) => return Err(CheckResult::fail(failure.to_string())),
        }
    }
}

/// There are emulators that give guests an identity, and still no credentials for it.
async fn guest_gets(identities: &Identities, identity_pool: &str, at_aws: bool) -> CheckResult {
    let identity = match identities.guest(identity_pool).await {
        Ok(identity) if !at_aws => identity,
        other => return guest_refused(other.map(drop)),
    };
    match identities.guest_credentials(&identity).await {
        Ok(()) => {
            CheckResult::not_applicable("this endpoint gives guests an identity and credentials, which AWS does not")
        }
        refused => guest_refused(refused),
    }
}

/// Pure.
fn guest_refused(answer: Result<(), Failure>) -> CheckResult {
    match answer {
        Ok(()) => CheckResult::fail("an identity"),
        Err(failure) => {
            let code = failure.code().map_or_else(|| failure.to_string(), |code| code.to_string());
            CheckResult::pass_if(NO_GUESTS.is(&failure), code)
        }
    }
}

/// What these credentials open of a route that takes signatures, and what they do not.
async fn of_route(
    scene: &VerifyContext<'_>,
    name: &str,
    pool: &IdentityPool,
    target: Target<'_>,
    keys: &Result<Keys, CheckResult>,
) -> Vec<Check> {
    let whose = format!("the role of {name}'s users");
    let may = |method: &str| may(pool, target, method);
    if !may(&target.route.method) {
        let claim = claim(target, &format!("a signature of {whose} is refused"));
        let claim = claim.sent(format!("a request signed as {whose}")).expects(REFUSED);
        return vec![claim.by(refused_to(scene, target, keys, target.method(), "")).await];
    }
    let passes = claim(target, &format!("a signature of {whose} passes"))
        .sent(format!("a request signed as {whose}"))
        .expects("an answer of the function");
    let passes = passes.by(async {
        let asked = async {
            let keys = Some(keys.as_ref().map_err(Clone::clone)?);
            let (url, headers) = signed(scene, target, keys, target.method(), "")?;
            let request = Request { method: target.method(), url: &url, token: None, body: None };
            scene.prober.ask_signed(&request, &headers, true).await
        };
        asked.await.map_or_else(|finding| finding, |answer| accepted_by(&answer, scene.gate(target), target))
    });
    let forged = claim(target, "a wrong signature is refused")
        .sent(format!("a request signed as {whose}, with another secret key"))
        .expects(REFUSED);
    let wrong = keys.as_ref().map(Keys::forged).map_err(Clone::clone);
    let forged = forged.by(refused_to(scene, target, &wrong, target.method(), ""));
    let others: Vec<&str> =
        ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().filter(|method| !may(method)).collect();
    let methods = claim(target, &format!("{whose} may use no other method"))
        .sent(format!("{} on {}, signed as {whose}", others.join(", "), target.route.path))
        .expects(REFUSED);
    let methods = methods.by(async {
        let mut last = CheckResult::not_applicable("every method is allowed");
        for method in &others {
            last = refused_to(scene, target, keys, method, "").await;
            if last.verdict == super::Verdict::Fail {
                return CheckResult::fail(format!("{method}: {}", last.received));
            }
        }
        last
    });
    let path = claim(target, &format!("{whose} may use no other path"))
        .sent(format!("{} {}/securelambda-verify, signed as {whose}", target.method(), target.route.path))
        .expects(REFUSED);
    let path = path.by(refused_to(scene, target, keys, target.method(), "/securelambda-verify"));
    let (passes, forged, methods, path) = tokio::join!(passes, forged, methods, path);
    vec![passes, forged, methods, path]
}

/// Whether the identity pool's users may call the path of a route with this method.
fn may(pool: &IdentityPool, target: Target<'_>, method: &str) -> bool {
    let names = [format!("{method} {}", target.route.path), format!("ANY {}", target.route.path)];
    pool.invokes.iter().any(|invoke| invoke.api.as_deref() == target.name && names.contains(&invoke.route))
}

fn claim(target: Target<'_>, holds: &str) -> CheckSpec {
    CheckSpec::new(Layer::Authorization, target.subject(), holds)
}

async fn refused_to(
    scene: &VerifyContext<'_>,
    target: Target<'_>,
    keys: &Result<Keys, CheckResult>,
    method: &str,
    below: &str,
) -> CheckResult {
    match keys {
        Ok(keys) => refused(scene, target, Some(keys), method, below).await,
        Err(finding) => finding.clone(),
    }
}

async fn refused(
    scene: &VerifyContext<'_>,
    target: Target<'_>,
    keys: Option<&Keys>,
    method: &str,
    below: &str,
) -> CheckResult {
    let method = if method == "ANY" { target.method() } else { method };
    let asked = ask(scene, target, keys, method, below).await;
    asked.map_or_else(|finding| finding, |answer| signature_refused(&answer, scene.gate(target)))
}

/// Sends a request that must not pass to what is below a route, signed with these keys if there are any.
async fn ask(
    scene: &VerifyContext<'_>,
    target: Target<'_>,
    keys: Option<&Keys>,
    method: &str,
    below: &str,
) -> Result<crate::probe::Answer, CheckResult> {
    let (url, headers) = signed(scene, target, keys, method, below)?;
    let request = Request { method, url: &url, token: None, body: None };
    scene.prober.ask_signed(&request, &headers, false).await
}

/// The URL of what is below a route, and the headers that sign a request to it.
fn signed(
    scene: &VerifyContext<'_>,
    target: Target<'_>,
    keys: Option<&Keys>,
    method: &str,
    below: &str,
) -> Result<(String, Vec<(String, SecretValue)>), CheckResult> {
    let Some(url) = scene.url(target) else { return Err(CheckResult::fail("the API is not there")) };
    let url = format!("{url}{below}");
    let region = &scene.subject.clients.scope.region;
    let headers = keys
        .map(|keys| keys.headers(method, &url, region, scene.subject.clients.now()))
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
    fn a_guest_must_be_refused_and_for_that_reason() {
        let refused =
            |code: &str| guest_refused(Err(Failure::refused("no").answered(ServiceError::new(code, "no")))).verdict;
        assert_eq!(refused("NotAuthorizedException"), Pass);
        assert_eq!(refused("ResourceNotFoundException"), Fail);
        assert_eq!(guest_refused(Ok(())).verdict, Fail);
    }
}
