//! The proof as a whole: guests in, checks side by side, guests out, whatever happens.

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

/// Checks in flight at once.
const AT_ONCE: usize = 16;

/// How long guests may take to arrive once we are asked to stop: one that is half added could not be removed.
const GRACE: Duration = Duration::from_secs(3);

/// By when the guests are gone once we are asked to stop, or are named: the program ends within seven seconds.
const LAST: Duration = Duration::from_millis(5500);

/// What came of it.
#[derive(Debug)]
pub struct Proof {
    /// In the order of the checklist; `None` if it was stopped before all were made.
    pub checks: Option<Vec<Check>>,
    /// Throw-away users that could not be removed, and why.
    pub left: Vec<String>,
}

/// Makes the proof. Once asked to stop it begins nothing more, and removes its users.
pub async fn verify(subject: &Subject<'_>, stop: &CancellationToken) -> Result<Proof, Error> {
    let test_users = TestUsers::of(Users::new(subject.clients), &subject.outputs.pools);
    let proof = async {
        let checks = prove(subject, &test_users, stop).await;
        // Whatever came of it.
        let left = test_users.remove().await;
        checks.map(|checks| Proof { checks, left })
    };
    let overdue = async {
        stop.reached(StopLevel::Drain).await;
        tokio::time::sleep(LAST).await;
    };
    tokio::select! {
        proof = proof => proof,
        () = stop.reached(StopLevel::Now) => Err(may_be_left(Error::new(Kind::Interrupted, "interrupted"), &test_users)),
        () = overdue => {
            let error = Error::new(Kind::Stopped, "stopped before all was checked, and nothing answers any more");
            Err(may_be_left(error, &test_users))
        }
    }
}

fn may_be_left(error: Error, test_users: &TestUsers) -> Error {
    let emails: Vec<&str> = test_users.iter().map(|guest| guest.email.as_str()).collect();
    error
        .hint(format!("these users may be left: {}", emails.join(", ")))
        .hint("a `securelambda verify` in a quarter of an hour removes them")
}

async fn prove(
    subject: &Subject<'_>,
    test_users: &TestUsers,
    stop: &CancellationToken,
) -> Result<Option<Vec<Check>>, Error> {
    // One pace for all routes together, which is that of the narrowest.
    let least = |limit: fn(&Api) -> u32| subject.stack.all_apis().map(|(_, api)| limit(api)).min().unwrap_or(1);
    let (rate, burst) = (least(|api| api.rate_limit), least(|api| api.burst_limit));
    let prober = Prober::new(rate, burst, stop.time_scale(), subject.endpoint.is_none(), subject.proxies)?;
    let ready = async {
        tokio::join!(
            firewall::gate(subject, &prober),
            test_users.clean_up(subject.clients.now_ms() / 1000),
            test_users.sign_in()
        )
    };
    let out_of_patience = async {
        stop.reached(StopLevel::Drain).await;
        tokio::time::sleep(GRACE).await;
    };
    let (gate, (), signed_in) = tokio::select! {
        ready = ready => ready,
        () = out_of_patience => return Ok(None),
    };
    let prober = prober.behind(gate);
    let context = VerifyContext { subject, test_users, signed_in, prober, gate, time_scale: stop.time_scale() };
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
