//! Makes a proof: adds the test users, runs the checks in parallel, and always removes the test users.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};

use super::context::{Subject, VerifyContext};
use super::prober::Prober;
use super::test_users::TestUsers;
use super::{
    Check, authentication, authorization, firewall, functions, past_gateway, secrets, settings, signed, throttle,
};
use crate::aws::cognito::Users;
use crate::engine::{CancellationToken, StopLevel};
use crate::error::{Error, Kind};
use crate::spec::Api;

/// The maximum number of parallel checks.
const AT_ONCE: usize = 16;

/// How long a stopped proof waits for test users that are being added. A half-added user could not be removed.
const GRACE: Duration = Duration::from_secs(3);

/// The time after which a stopped proof names the test users that may remain. The program must end within seven
/// seconds.
const LAST: Duration = Duration::from_millis(5500);

/// What came of it.
#[derive(Debug)]
pub struct Proof {
    /// In the order of the checklist; `None` if it was stopped before all were made.
    pub checks: Option<Vec<Check>>,
    /// Throw-away users that could not be removed, and why.
    pub left: Vec<String>,
}

/// Makes the proof. If it is stopped, it starts no further checks and removes its users.
pub async fn verify(subject: &Subject<'_>, stop: &CancellationToken) -> Result<Proof, Error> {
    let test_users = TestUsers::of(Users::new(subject.clients), &subject.outputs.pools);
    let proof = async {
        let checks = prove(subject, &test_users, stop).await;
        // Also after an error.
        let left = test_users.remove().await;
        checks.map(|checks| Proof { checks, left })
    };
    let overdue = async {
        stop.reached(StopLevel::Drain).await;
        tokio::time::sleep(LAST).await;
    };
    tokio::select! {
        proof = proof => proof,
        () = stop.reached(StopLevel::Now) => Err(may_remain(Error::new(Kind::Interrupted, "interrupted"), &test_users)),
        () = overdue => {
            let error = Error::new(Kind::Stopped, "stopped before all checks were made; AWS no longer answers");
            Err(may_remain(error, &test_users))
        }
    }
}

fn may_remain(error: Error, test_users: &TestUsers) -> Error {
    let emails: Vec<&str> = test_users.iter().map(|user| user.email.as_str()).collect();
    error
        .hint(format!("these test users may remain: {}", emails.join(", ")))
        .hint("run `securelambda verify` again after 15 minutes to remove them")
}

async fn prove(
    subject: &Subject<'_>,
    test_users: &TestUsers,
    stop: &CancellationToken,
) -> Result<Option<Vec<Check>>, Error> {
    // All routes together use one rate: that of the route with the lowest limits.
    let least = |limit: fn(&Api) -> u32| subject.stack.all_apis().map(|(_, api)| limit(api)).min().unwrap_or(1);
    let (rate, burst) = (least(|api| api.rate_limit), least(|api| api.burst_limit));
    let prober = Prober::new(rate, burst, stop.time_scale(), subject.endpoint.is_none(), subject.proxies)?;
    let ready = async {
        tokio::join!(
            firewall::exposure(subject, &prober),
            test_users.clean_up(subject.clients.now_ms() / 1000),
            test_users.sign_in()
        )
    };
    let grace_over = async {
        stop.reached(StopLevel::Drain).await;
        tokio::time::sleep(GRACE).await;
    };
    let (exposure, (), signed_in) = tokio::select! {
        ready = ready => ready,
        () = grace_over => return Ok(None),
    };
    let prober = prober.behind(exposure);
    let context = VerifyContext { subject, test_users, signed_in, prober, exposure, time_scale: stop.time_scale() };
    tokio::select! {
        checks = checks(&context) => Ok(Some(checks)),
        () = stop.reached(StopLevel::Drain) => Ok(None),
    }
}

/// All checks, in the order of the checklist.
async fn checks(context: &VerifyContext<'_>) -> Vec<Check> {
    let mut checks = settings::checks(context.subject.seen);
    let units = [
        authentication::units(context),
        firewall::units(context),
        authorization::units(context),
        signed::units(context),
        past_gateway::units(context),
        secrets::units(context),
        functions::units(context),
    ];
    // As they end: one that waits for a message must not hold up those behind it.
    let numbered = units.into_iter().flatten().enumerate().map(|(at, unit)| unit.map(move |checks| (at, checks)));
    let mut found: Vec<(usize, Vec<Check>)> = stream::iter(numbered).buffer_unordered(AT_ONCE).collect().await;
    found.sort_by_key(|(at, _)| *at);
    checks.extend(found.into_iter().flat_map(|(_, checks)| checks));
    // By themselves, and last: each uses up what a stage lets through.
    for api in context.subject.stack.all_apis() {
        checks.push(throttle::burst(context, api).await);
    }
    checks.sort_by_key(|check| check.layer);
    checks
}
