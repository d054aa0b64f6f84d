//! Sends requests to a stage: slowly enough not to be throttled, and repeatedly while changes take effect.

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::check_spec::CheckResult;
use super::classify::{Destination, FirewallExposure, SETTLES_IN, busy, passing};
use super::paths::MARK;
use crate::engine::TimeScale;
use crate::error::Error;
use crate::meaning::came_through_gateway;
use crate::probe::{Answer, Client, HeaderNames, Request};
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
    /// The headers that routes require, with the URLs of these routes without their queries.
    required: Vec<(String, Vec<String>)>,
    /// The URLs to which an API answered.
    answered: Mutex<Vec<String>>,
}

/// When an answer is final, besides those that say that the gateway or the function is busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Once it is not the answer of an API whose deployment has not reached all servers yet.
    UntilDeployed,
    /// At once, even if the answer says that there is no such route: a route that requires signatures gives this answer to
    /// requests without one.
    None,
    /// Once it is no 403, because the permissions of a new role take time to take effect.
    UntilAllowed,
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
        let (client, answered) = (Client::of_proof(proxies)?, Mutex::default());
        let (began, pace) = (Instant::now(), RateLimiter::direct(quota));
        Ok(Self { client, pace, began, time_scale, destination, required: Vec::new(), answered })
    }

    /// Sets whether the firewall lets this machine through.
    pub(super) fn behind(self, exposure: FirewallExposure) -> Self {
        Self { destination: Destination { exposure, ..self.destination }, ..self }
    }

    /// Adds to each request the headers that its route requires.
    pub(super) fn with_required(self, required: Vec<(String, Vec<String>)>) -> Self {
        Self { required, ..self }
    }

    /// The headers that the route of a URL requires, beside those that the request has.
    fn required_by(&self, url: &str, given: &[(String, SecretValue)]) -> Vec<(String, SecretValue)> {
        let url = url.split('?').next().unwrap_or_default();
        let of_route = self.required.iter().filter(|(known, _)| known == url).flat_map(|(_, names)| names);
        let lacking = of_route.filter(|name| !given.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)));
        lacking.map(|name| (name.to_lowercase(), SecretValue::new(MARK.to_owned()))).collect()
    }

    /// Sends a request without the headers that its route requires, until the answer is final.
    pub(super) async fn ask_without(&self, request: &Request<'_>, without: &str) -> Result<Answer, CheckResult> {
        let mut headers = self.required_by(request.url, &[]);
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case(without));
        self.until_final(request, &headers, HeaderNames::LowerCase, |answer| passing(answer, self.destination)).await
    }

    /// Sends a request until the answer is final. All requests together wait once for a deployment to take effect.
    pub(super) async fn ask(&self, request: &Request<'_>) -> Result<Answer, CheckResult> {
        self.ask_with(request, &[], HeaderNames::LowerCase, Patience::UntilDeployed).await
    }

    /// Sends a request with these headers until the answer is final.
    pub(super) async fn ask_with(
        &self,
        request: &Request<'_>,
        headers: &[(String, SecretValue)],
        names: HeaderNames,
        patience: Patience,
    ) -> Result<Answer, CheckResult> {
        let wait = |answer: &Answer| match (patience, answer.status) {
            (Patience::UntilAllowed, 403) => {
                (self.destination.at_aws && self.destination.is_of_gateway(answer)).then_some(SETTLES_IN)
            }
            (Patience::UntilDeployed, _) => passing(answer, self.destination),
            _ => busy(answer, self.destination),
        };
        self.until(request, headers, names, wait).await
    }

    /// Sends a request until `settled` returns true, for at most the time that a change takes to reach all of AWS.
    pub(super) async fn ask_until(
        &self,
        request: &Request<'_>,
        settled: impl Fn(&Answer) -> bool,
    ) -> Result<Answer, CheckResult> {
        let unsettled = |answer: &Answer| (self.destination.at_aws && !settled(answer)).then_some(SETTLES_IN);
        let wait = |answer: &Answer| unsettled(answer).max(passing(answer, self.destination));
        self.until(request, &[], HeaderNames::LowerCase, wait).await
    }

    /// Sends a request until `wait` returns `None`, which means that the answer is final, or until the time it returns
    /// is over.
    async fn until(
        &self,
        request: &Request<'_>,
        headers: &[(String, SecretValue)],
        names: HeaderNames,
        wait: impl Fn(&Answer) -> Option<Duration>,
    ) -> Result<Answer, CheckResult> {
        let headers = [headers, &self.required_by(request.url, headers)].concat();
        self.until_final(request, &headers, names, wait).await
    }

    async fn until_final(
        &self,
        request: &Request<'_>,
        headers: &[(String, SecretValue)],
        names: HeaderNames,
        wait: impl Fn(&Answer) -> Option<Duration>,
    ) -> Result<Answer, CheckResult> {
        loop {
            self.pace.until_ready().await;
            let answer = self.client.send_with(request, headers, names).await;
            let answer = answer.map_err(|error| CheckResult::fail(error.message))?;
            match wait(&answer) {
                Some(budget) if self.began.elapsed() < self.time_scale.of(budget) => tokio::time::sleep(PAUSE).await,
                _ => {
                    self.note(request, &answer);
                    return Ok(answer);
                }
            }
        }
    }

    /// Remembers that an API answered. An emulator may leave out the headers by which AWS's gateway is recognised.
    fn note(&self, request: &Request<'_>, answer: &Answer) {
        if !self.destination.at_aws || came_through_gateway(answer) {
            let mut answered = self.answered.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            answered.push(request.url.to_owned());
        }
    }

    /// How many requests to URLs that begin like this the API has answered.
    pub(super) fn answers(&self, base_url: &str) -> usize {
        let answered = self.answered.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        answered.iter().filter(|url| url.starts_with(base_url)).count()
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
