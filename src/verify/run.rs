//! Makes a proof: adds the test users, runs the checks in parallel, and always removes the test users.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt, stream};

use super::context::{Expired, Subject, VerifyContext};
use super::expiry::{self, ShortClients};
use super::prober::Prober;
use super::test_users::{Leftover, TestUsers};
use super::{
    Check, allow_from, api_keys, authentication, authorization, bodies, cors, domains, firewall, functions,
    group_roles, groups, lambda_authorizers, pages, parameters, past_gateway, programs, reach, secrets, settings,
    signed, throttle, unlisted,
};
use crate::aws::cognito::{TestClients, Users};
use crate::engine::{CancellationToken, Failure, StopLevel};
use crate::error::{Error, Kind};
use crate::spec::{Api, Limits};

/// The maximum number of parallel checks at AWS.
const AT_ONCE: usize = 16;

/// The maximum number of parallel checks at an emulator. It starts a process for each parallel call of a function. With too
/// many of them, a small machine exceeds the functions' timeouts.
const AT_ONCE_ON_EMULATOR: usize = 4;

/// How long a stopped proof waits for test users that are being added. A half-added user could not be removed.
const GRACE: Duration = Duration::from_secs(3);

/// The time after which a stopped proof names the test users that may remain. The program must end within seven
/// seconds.
const LAST: Duration = Duration::from_millis(5500);

/// The result of a proof.
#[derive(Debug)]
pub struct Proof {
    /// In the order of the layers; `None` if the proof was stopped before all checks were made. An error if there is no
    /// verdict: AWS no longer accepts the credentials, or the proof was interrupted.
    pub checks: Result<Option<Vec<Check>>, Error>,
    /// Temporary users and app clients that remain or may remain.
    pub left: Vec<Leftover>,
}

/// Makes the proof. If it is stopped, it starts no further checks and removes its users.
pub async fn verify(subject: &Subject<'_>, stop: &CancellationToken) -> Proof {
    let test_users = TestUsers::of(Users::new(subject.clients), subject.stack, &subject.outputs.pools);
    let short = ShortClients::of(TestClients::new(subject.clients), subject.outputs);
    let proof = async {
        let checks = prove(subject, (&test_users, &short), stop).await;
        // Remove the users and clients even after an error.
        let (users, clients) = tokio::join!(test_users.remove(), short.remove());
        Proof { checks, left: [users, clients].concat() }
    };
    let overdue = async {
        stop.reached(StopLevel::Drain).await;
        tokio::time::sleep(LAST).await;
    };
    let cut = |kind, message: &str| Proof {
        checks: Err(Error::new(kind, message)),
        left: [test_users.remaining("it may remain"), short.remaining("it may remain")].concat(),
    };
    tokio::select! {
        proof = proof => proof,
        () = stop.reached(StopLevel::Now) => cut(Kind::Interrupted, "interrupted"),
        () = overdue => cut(Kind::Stopped, "stopped before all checks were made; AWS no longer answers"),
    }
}

async fn prove(
    subject: &Subject<'_>,
    (test_users, short): (&TestUsers, &ShortClients),
    stop: &CancellationToken,
) -> Result<Option<Vec<Check>>, Error> {
    // All routes together use one rate: the lowest limits of an API.
    let least = |limit: fn(&Api) -> u32| subject.stack.all_apis().map(|(_, api)| limit(api)).min().unwrap_or(1);
    let (rate, burst) = (least(|api| api.rate_limit), least(|api| api.burst_limit));
    let prober = Prober::new(rate, burst, stop.time_scale(), subject.endpoint.is_none(), subject.proxies)?;
    let given = subject.identities.values().flat_map(|given| given.headers.iter().chain(&given.query));
    let people = subject.given.values().flat_map(|given| std::iter::once(&given.id).chain(&given.access));
    let prober = prober.hiding(given.map(|(_, value)| value).chain(people));
    let (expired, now) = (Expired::default(), subject.clients.now_ms() / 1000);
    let pools = subject.outputs.pools.iter();
    let published =
        pools.map(|(name, pool)| async { (name.clone(), authentication::keys(subject, &prober, &pool.id).await) });
    let ready = async {
        tokio::join!(
            firewall::own_address(subject, &prober),
            test_users.clean_up(now, subject.left_before),
            short.clean_up(now, subject.left_before),
            test_users.sign_in(&expired),
            join_all(published),
            programs::tokens(subject, &prober, &expired),
            api_keys::read(subject)
        )
    };
    let grace_over = async {
        stop.reached(StopLevel::Drain).await;
        tokio::time::sleep(GRACE).await;
    };
    let (address, (), (), (signed_in, members), published, programs, api_key) = tokio::select! {
        ready = ready => ready,
        () = grace_over => return Ok(None),
    };
    if let Some(failure) = expired.failure() {
        return Err(no_verdict(failure));
    }
    let exposure = firewall::exposure(subject, address);
    let prober = prober.behind(exposure);
    let published = published.into_iter().collect();
    let time_scale = stop.time_scale();
    let mut context = VerifyContext {
        subject,
        test_users,
        signed_in,
        members,
        published,
        programs,
        prober,
        api_key,
        exposure,
        address,
        time_scale,
        expired: &expired,
    };
    let required = [parameters::required_headers(&context), api_keys::headers(&context)].concat();
    let slower = slower(&context);
    context.prober = context.prober.with_required(required).with_slower(slower);
    tokio::select! {
        // The credentials may expire in the last check.
        biased;
        failure = expired.reached() => Err(no_verdict(&failure)),
        () = stop.reached(StopLevel::Drain) => Ok(None),
        checks = checks(&context, short) => match expired.failure() {
            Some(failure) => Err(no_verdict(failure)),
            None => Ok(Some(checks)),
        },
    }
}

/// The URLs of routes with limits of their own, and of routes that require an API key, with their limits.
fn slower(context: &VerifyContext<'_>) -> Vec<(Vec<String>, Limits)> {
    let limited = context.routes().filter(|target| target.route.is_limited());
    let own =
        limited.filter_map(|target| Some((vec![context.path_url(target).ok()?], target.api.limits(target.route))));
    let plan = api_keys::chosen(context.subject.stack).map(|(_, plan)| {
        let urls =
            context.routes().filter(|target| target.route.key).filter_map(|target| context.path_url(target).ok());
        (urls.collect(), Limits { rate: plan.rate_limit, burst: plan.burst_limit })
    });
    own.chain(plan).collect()
}

/// The error if AWS no longer accepts the credentials. Checks that failed for this reason say nothing about the stack.
fn no_verdict(failure: &Failure) -> Error {
    let error = Error::from(failure.clone());
    let message = format!("AWS no longer accepts the credentials, so there is no verdict: {}", error.message);
    Error { message, ..error }.hint("sign in again, then run `securelambda verify` again")
}

/// All checks, in the order of the checklist.
async fn checks(context: &VerifyContext<'_>, short: &ShortClients) -> Vec<Check> {
    let mut checks = settings::checks(context.subject.seen, context.subject.graph);
    let short_tokens = expiry::tokens(context, short).await;
    let units = [
        authentication::units(context),
        programs::units(context),
        firewall::units(context),
        authorization::units(context),
        unlisted::units(context),
        cors::units(context),
        domains::units(context),
        allow_from::units(context),
        signed::units(context),
        lambda_authorizers::units(context),
        pages::units(context),
        groups::units(context),
        group_roles::units(context),
        api_keys::units(context),
        past_gateway::units(context),
        secrets::units(context),
        bodies::units(context),
        parameters::units(context),
        functions::units(context),
    ];
    // Collect the checks as they end: a check that waits for a message must not delay the next ones.
    let numbered = units.into_iter().flatten().enumerate().map(|(at, unit)| unit.map(move |checks| (at, checks)));
    let at_once = if context.at_aws() { AT_ONCE } else { AT_ONCE_ON_EMULATOR };
    let mut found: Vec<(usize, Vec<Check>)> = stream::iter(numbered).buffer_unordered(at_once).collect().await;
    found.sort_by_key(|(at, _)| *at);
    checks.extend(found.into_iter().flat_map(|(_, checks)| checks));
    checks.extend(expiry::checks(context, &short_tokens).await);
    // One after the other, and last: each of these checks uses up the rate limit of a stage.
    for api in context.subject.stack.all_apis() {
        checks.push(throttle::burst(context, api).await);
    }
    checks.extend(reach::checks(context));
    checks.sort_by_key(|check| check.layer);
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Cause, ServiceError};

    #[test]
    fn expired_credentials_are_an_error_of_the_account_and_no_verdict() {
        let failure = Failure::new(Cause::Fatal, "could not call the function F").answered(ServiceError::new(
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ));
        let error = no_verdict(&failure);
        assert_eq!(error.kind, Kind::Account);
        assert!(error.message.contains("no verdict") && error.message.contains("could not call"), "{error}");
    }
}
