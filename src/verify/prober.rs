//! Sends requests to a stage: slowly enough not to be throttled, and repeatedly while changes take effect.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::check_spec::CheckResult;
use super::classify::{Destination, FirewallExposure, SETTLES_IN, is_of_gateway, passing};
use crate::engine::TimeScale;
use crate::error::Error;
use crate::probe::{Answer, Client, Request};
use crate::proxies::Proxies;
use crate::secret::SecretValue;

/// The pause between two attempts of the same request.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Prober {
    client: Client,
    pace: DefaultDirectRateLimiter,
    began: Instant,
    time_scale: TimeScale,
    destination: Destination,
}

impl Prober {
    /// Uses half of these limits for all requests together, because others may use the routes at the same time.
    pub(super) fn new(
        rate_limit: u32,
        burst_limit: u32,
        time_scale: TimeScale,
        at_aws: bool,
        proxies: &Proxies,
    ) -> Result<Self, Error> {
        let half = |limit: u32| NonZeroU32::new(limit / 2).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(half(rate_limit)).allow_burst(half(burst_limit));
        let destination = Destination { at_aws, exposure: FirewallExposure::Unknown };
        let client = Client::of_proof(proxies)?;
        Ok(Self { client, pace: RateLimiter::direct(quota), began: Instant::now(), time_scale, destination })
    }

    /// Sets whether the firewall lets this machine through.
    pub(super) fn behind(self, exposure: FirewallExposure) -> Self {
        Self { destination: Destination { exposure, ..self.destination }, ..self }
    }

    /// Sends a request until the answer is final. All requests together wait once for a deployment to take effect.
    pub(super) async fn ask(&self, request: &Request<'_>) -> Result<Answer, CheckResult> {
        self.until(request, &[], |answer| passing(answer, self.destination)).await
    }

    /// Sends a request with these headers until the answer is final. `Missing Authentication Token` is final: a route
    /// that requires signatures answers the same to requests without one. If the request should pass, a 403 is not
    /// final at AWS, because the permissions of a new role take time to take effect.
    pub(super) async fn ask_signed(
        &self,
        request: &Request<'_>,
        headers: &[(String, SecretValue)],
        should_pass: bool,
    ) -> Result<Answer, CheckResult> {
        let wait = |answer: &Answer| match answer.status {
            403 => (should_pass && self.destination.at_aws && is_of_gateway(answer)).then_some(SETTLES_IN),
            _ => passing(answer, self.destination),
        };
        self.until(request, headers, wait).await
    }

    /// Sends a request until `settled` returns true, for at most the time that a change takes to reach all of AWS.
    pub(super) async fn ask_until(
        &self,
        request: &Request<'_>,
        settled: impl Fn(&Answer) -> bool,
    ) -> Result<Answer, CheckResult> {
        let unsettled = |answer: &Answer| (self.destination.at_aws && !settled(answer)).then_some(SETTLES_IN);
        self.until(request, &[], |answer| unsettled(answer).max(passing(answer, self.destination))).await
    }

    /// Sends a request until `wait` returns `None`, which means that the answer is final, or until the time it returns
    /// is over.
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

    /// Whether changes from before this proof may not have taken effect everywhere.
    pub(super) fn settling(&self) -> bool {
        self.destination.at_aws && self.began.elapsed() < self.time_scale.of(SETTLES_IN)
    }

    /// Sends a request once and without waiting for the rate limit.
    pub(super) async fn ask_once(&self, request: &Request<'_>) -> Result<Answer, CheckResult> {
        self.client.send(request).await.map_err(|error| CheckResult::fail(error.message))
    }
}
