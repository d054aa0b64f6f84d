//! Makes a proof: adds the test users, runs the checks in parallel, and always removes the test users.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use serde_json::Value;

use super::check_spec::CheckResult;
use super::classify::FirewallExposure;
use super::prober::Prober;
use super::settings::Seen;
use super::target::Target;
use super::test_users::{SignedIn, TestUsers};
use super::{
    Check, authentication, authorization, firewall, functions, past_gateway, secrets, settings, signed, throttle,
};
use crate::aws::Clients;
use crate::aws::cognito::{Tokens, Users};
use crate::engine::{CancellationToken, StopLevel, TimeScale};
use crate::error::{Error, Kind};
use crate::outputs::Outputs;
use crate::proxies::Proxies;
use crate::stack::{Api, Auth, Route, Stack};

/// The maximum number of parallel checks.
const AT_ONCE: usize = 16;

/// How long a stopped proof waits for test users that are being added. A half-added user could not be removed.
const GRACE: Duration = Duration::from_secs(3);

/// The time after which a stopped proof names the test users that may remain. The program must end within seven
/// seconds.
const LAST: Duration = Duration::from_millis(5500);

/// What is to be proved: the stack as written, and as it was surveyed.
pub struct Subject<'a> {
    /// As written.
    pub stack: &'a Stack,
    /// The schemas of bodies, by the route's `body`.
    pub schemas: &'a BTreeMap<PathBuf, String>,
    /// Its ids, ARNs and URLs.
    pub outputs: &'a Outputs,
    /// What was seen of each resource.
    pub seen: &'a [Seen<'a>],
    /// With which to ask AWS.
    pub clients: &'a Clients,
    /// Where AWS is, if it is not AWS itself.
    pub endpoint: Option<&'a str>,
    /// What requests go through.
    pub proxies: &'a Proxies,
    /// As in `2026-11-28`.
    pub today: &'a str,
    /// Tells the user why it takes longer.
    pub tell: &'a (dyn Fn(&str) + Sync),
}

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
            firewall::gate(subject, &prober),
            test_users.clean_up(subject.clients.now_ms() / 1000),
            test_users.sign_in()
        )
    };
    let grace_over = async {
        stop.reached(StopLevel::Drain).await;
        tokio::time::sleep(GRACE).await;
    };
    let (gate, (), signed_in) = tokio::select! {
        ready = ready => ready,
        () = grace_over => return Ok(None),
    };
    let prober = prober.behind(gate);
    let scene = VerifyContext { subject, test_users, signed_in, prober, gate, time_scale: stop.time_scale() };
    tokio::select! {
        checks = scene.checks() => Ok(Some(checks)),
        () = stop.reached(StopLevel::Drain) => Ok(None),
    }
}

/// One or more checks, on their way.
pub(super) type CheckFuture<'a> = BoxFuture<'a, Vec<Check>>;

/// What all checks share.
pub(super) struct VerifyContext<'a> {
    pub subject: &'a Subject<'a>,
    pub test_users: &'a TestUsers,
    /// By pool.
    pub signed_in: BTreeMap<String, SignedIn>,
    pub prober: Prober,
    pub gate: FirewallExposure,
    /// How long waiting lasts.
    pub time_scale: TimeScale,
}

impl VerifyContext<'_> {
    /// All checks, in the order of the checklist.
    async fn checks(&self) -> Vec<Check> {
        let mut checks = settings::checks(self.subject.seen);
        let units = [
            authentication::units(self),
            firewall::units(self),
            authorization::units(self),
            signed::units(self),
            past_gateway::units(self),
            secrets::units(self),
            functions::units(self),
        ];
        // As they end: one that waits for a message must not hold up those behind it.
        let numbered = units.into_iter().flatten().enumerate().map(|(at, unit)| unit.map(move |checks| (at, checks)));
        let mut found: Vec<(usize, Vec<Check>)> = stream::iter(numbered).buffer_unordered(AT_ONCE).collect().await;
        found.sort_by_key(|(at, _)| *at);
        checks.extend(found.into_iter().flat_map(|(_, checks)| checks));
        // By themselves, and last: each uses up what a stage lets through.
        for api in self.subject.stack.all_apis() {
            checks.push(throttle::burst(self, api).await);
        }
        checks.sort_by_key(|check| check.layer);
        checks
    }

    /// The tokens of a pool's guest, or what their lack says of a check that needs one.
    pub(super) fn tokens(&self, pool: &str) -> Result<&Tokens, CheckResult> {
        match self.signed_in.get(pool).map(|guest| &guest.tokens) {
            Some(Ok(tokens)) => Ok(tokens),
            Some(Err(finding)) => Err(finding.clone()),
            None => Err(CheckResult::fail(format!("the pool {pool} is not there"))),
        }
    }

    /// The pool whose tokens pass, or that there is none.
    pub(super) fn own_tokens(&self, route: &Route) -> Result<Option<&Tokens>, CheckResult> {
        match &route.auth {
            Auth::Pool(pool) => self.tokens(pool).map(Some),
            Auth::Iam => Err(CheckResult::not_applicable("requests to it are signed, not sent with a token")),
            Auth::None => Ok(None),
        }
    }

    /// The route's URL, with something in the place of its parameters.
    pub(super) fn url(&self, Target { name, route, .. }: Target<'_>) -> Option<String> {
        let (_, api) = self.subject.outputs.all_apis().find(|(known, _)| *known == name)?;
        let known = api.routes.iter().find(|known| known.method == route.method && known.path == route.path)?;
        let part = |part: &str| if part.starts_with('{') { "securelambda-verify".to_owned() } else { part.to_owned() };
        let parts = known.path.split('/').map(part).collect::<Vec<_>>().join("/");
        known.url.strip_suffix(&known.path).map(|base| format!("{base}{parts}"))
    }

    /// What the route's body must satisfy.
    pub(super) fn schema(&self, route: &Route) -> Option<Value> {
        serde_json::from_str(self.subject.schemas.get(route.body.as_ref()?)?).ok()
    }

    /// The routes of the stack file.
    pub(super) fn routes(&self) -> impl Iterator<Item = Target<'_>> {
        self.subject.stack.all_apis().flat_map(Target::all)
    }

    /// Whether the firewall lets this machine through to a route: none stands before an HTTP API.
    pub(super) fn gate(&self, target: Target<'_>) -> FirewallExposure {
        if target.by_http() { FirewallExposure::Open } else { self.gate }
    }

    /// It is AWS itself that we talk to.
    pub(super) fn at_aws(&self) -> bool {
        self.subject.endpoint.is_none()
    }
}
