//! The proof as a whole: guests in, checks side by side, guests out, whatever happens.

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
use crate::spec::{Api, Auth, Route, Stack};

/// Checks in flight at once.
const AT_ONCE: usize = 16;

/// How long guests may take to arrive once we are asked to stop: one that is half added could not be removed.
const GRACE: Duration = Duration::from_secs(3);

/// By when the guests are gone once we are asked to stop, or are named: the program ends within seven seconds.
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
