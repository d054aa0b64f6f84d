//! Requests to the stage, slow enough not to be throttled and patient with what is not live yet.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::check_spec::CheckResult;
use super::classify::{FirewallExposure, Place, SETTLES_IN, is_of_gateway, passing};
use crate::engine::TimeScale;
use crate::error::Error;
use crate::probe::{Answer, Client, Request};
use crate::proxies::Proxies;
use crate::secret::SecretValue;

/// Between two tries of the same request.
const PAUSE: Duration = Duration::from_millis(500);

/// Sends requests to one stage.
#[derive(Debug)]
pub(super) struct Prober {
    client: Client,
    pace: DefaultDirectRateLimiter,
    began: Instant,
    time_scale: TimeScale,
    place: Place,
}

impl Prober {
    /// For routes with these limits, of which it takes half for all of them together: others may be using them.
    pub(super) fn new(
        rate_limit: u32,
        burst_limit: u32,
        time_scale: TimeScale,
        at_aws: bool,
        proxies: &Proxies,
    ) -> Result<Self, Error> {
        let half = |limit: u32| NonZeroU32::new(limit / 2).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(half(rate_limit)).allow_burst(half(burst_limit));
        let place = Place { at_aws, gate: FirewallExposure::Unknown };
        let client = Client::of_proof(proxies)?;
        Ok(Self { client, pace: RateLimiter::direct(quota), began: Instant::now(), time_scale, place })
    }

    /// The same, where it is known whether the firewall lets this machine through.
    pub(super) fn behind(self, gate: FirewallExposure) -> Self {
        Self { place: Place { gate, ..self.place }, ..self }
    }

    /// Sends a request until the answer is one that stands. What a deployment takes to arrive is granted once, to all
    /// requests together.
    pub(super) async fn ask(&self, request: &Request<'_>) -> Result<Answer, CheckResult> {
        self.until(request, &[], |answer| passing(answer, self.place)).await
    }

    /// Sends a request with these headers until the answer is one that stands. That nothing is deployed there is one: a
    /// route that takes signatures says the same to who has none. Where the request should pass, a 403 does not stand at
    /// AWS: the rights of a new role take a while to arrive.
    pub(super) async fn ask_signed(
        &self,
        request: &Request<'_>,
        headers: &[(String, SecretValue)],
        should_pass: bool,
    ) -> Result<Answer, CheckResult> {
        let wait = |answer: &Answer| match answer.status {
            403 => (should_pass && self.place.at_aws && is_of_gateway(answer)).then_some(SETTLES_IN),
            _ => passing(answer, self.place),
        };
        self.until(request, headers, wait).await
    }

    /// Sends a request until `settled` says that the answer stands, for as long as AWS may take to spread a change.
    pub(super) async fn ask_until(
        &self,
        request: &Request<'_>,
        settled: impl Fn(&Answer) -> bool,
    ) -> Result<Answer, CheckResult> {
        let unsettled = |answer: &Answer| (self.place.at_aws && !settled(answer)).then_some(SETTLES_IN);
        self.until(request, &[], |answer| unsettled(answer).max(passing(answer, self.place))).await
    }

    /// Sends a request until `wait` says of the answer that it stands, or for how long it is waited out.
    async fn until(
        &self,
        request: &Request<'_>,
        headers: &[(String, SecretValue)],
        wait: impl Fn(&Answer) -> Option<Duration>,
    ) -> Result<Answer, CheckResult> {
        loop {
            self.pace.until_ready().await;
            let answer = self.client.send_signed(request, headers).await;
            let answer = answer.map_err(|error| CheckResult::fail(error.message))?;
            match wait(&answer) {
                Some(budget) if self.began.elapsed() < self.time_scale.of(budget) => tokio::time::sleep(PAUSE).await,
                _ => return Ok(answer),
            }
        }
    }

    /// What was changed just before this began may not hold everywhere yet.
    pub(super) fn settling(&self) -> bool {
        self.place.at_aws && self.began.elapsed() < self.time_scale.of(SETTLES_IN)
    }

    /// Sends a request once, at once.
    pub(super) async fn ask_once(&self, request: &Request<'_>) -> Result<Answer, CheckResult> {
        self.client.send(request).await.map_err(|error| CheckResult::fail(error.message))
    }
}
