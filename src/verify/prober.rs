//! Sends requests to a stage: slowly enough not to be throttled, and repeatedly while changes take effect.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::check_spec::CheckResult;
use super::classify::{Destination, FirewallExposure, KEY_SETTLES_IN, SETTLES_IN, busy, passing};
use crate::engine::TimeScale;
use crate::error::Error;
use crate::meaning::came_through_gateway;
use crate::probe::{API_KEY_HEADER, Answer, Client, HeaderNames, Request};
use crate::proxies::Proxies;
use crate::secret::SecretValue;
use crate::spec::Limits;

/// The pause between two attempts of the same request.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Prober {
    client: Client,
    pace: DefaultDirectRateLimiter,
    /// The pace of requests to some URLs, without their queries.
    slower: Vec<(Vec<String>, DefaultDirectRateLimiter)>,
    began: Instant,
    time_scale: TimeScale,
    destination: Destination,
    /// The headers that routes require, with the URLs of these routes without their queries.
    required: Vec<(String, Vec<(String, SecretValue)>)>,
    requests: Mutex<Requests>,
    /// The secrets that must not appear in evidence, in every form in which an answer may repeat them.
    secrets: Vec<SecretValue>,
}

/// The URLs of requests.
#[derive(Debug, Default)]
struct Requests {
    sent: Vec<String>,
    /// The URLs of requests that an API answered.
    answered: Vec<String>,
}

/// How many requests an API has got, and how many it has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) sent: usize,
    pub(super) answered: usize,
}

/// A pace of half of these limits, because others may use the routes at the same time.
fn half_of(limits: Limits) -> DefaultDirectRateLimiter {
    let half = |limit: u32| NonZeroU32::new(limit / 2).unwrap_or(NonZeroU32::MIN);
    RateLimiter::direct(Quota::per_second(half(limits.rate)).allow_burst(half(limits.burst)))
}

/// The answers that are final. An answer that says that the gateway or the function is busy never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// All except an answer of an API whose deployment has not reached all servers yet.
    UntilDeployed,
    /// All, even an answer that says that there is no such route: a route that requires signatures gives this answer to
    /// requests without one.
    None,
    /// All except 403, because the permissions of a new role take time to take effect.
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
        let destination = Destination { exposure: FirewallExposure::Unknown, ..Destination::of(at_aws) };
        let (client, requests) = (Client::of_proof(proxies)?, Mutex::default());
        let (began, pace) = (Instant::now(), half_of(Limits { rate: rate_limit, burst: burst_limit }));
        let (slower, required, secrets) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { client, pace, slower, began, time_scale, destination, required, requests, secrets })
    }

    /// Sets whether the firewall lets this machine through.
    pub(super) fn behind(self, exposure: FirewallExposure) -> Self {
        Self { destination: Destination { exposure, ..self.destination }, ..self }
    }

    /// Sends requests to some URLs, without their queries, more slowly than others: half of these limits for all of them
    /// together.
    pub(super) fn with_slower(self, slower: Vec<(Vec<String>, Limits)>) -> Self {
        let slower = slower.into_iter().map(|(urls, limits)| (urls, half_of(limits))).collect();
        Self { slower, ..self }
    }

    /// Waits until a request to this URL is within all limits.
    async fn ready(&self, url: &str) {
        self.pace.until_ready().await;
        let url = url.split('?').next().unwrap_or_default();
        for (_, pace) in self.slower.iter().filter(|(urls, _)| urls.iter().any(|known| known == url)) {
            pace.until_ready().await;
        }
    }

    /// Adds to each request the headers that its route requires.
    pub(super) fn with_required(self, required: Vec<(String, Vec<(String, SecretValue)>)>) -> Self {
        Self { required, ..self }
    }

    /// Hides these values in all evidence. Values of fewer than four characters are not hidden: they are no secrets,
    /// and a hidden part of another word would reveal them.
    pub(super) fn hiding<'a>(self, values: impl Iterator<Item = &'a SecretValue>) -> Self {
        let forms = values.map(SecretValue::reveal).filter(|value| value.len() >= 4).flat_map(|value| {
            let json = serde_json::Value::from(value).to_string();
            [
                value.to_owned(),
                json.trim_matches('"').to_owned(),
                utf8_percent_encode(value, NON_ALPHANUMERIC).to_string(),
                BASE64_STANDARD.encode(value),
            ]
        });
        let mut secrets: Vec<String> = forms.collect();
        // Longer values first, because one may be a part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets: secrets.into_iter().map(SecretValue::new).collect(), ..self }
    }

    /// The headers that the route of a URL requires, beside those that the request has.
    fn required_by(&self, url: &str, given: &[(String, SecretValue)]) -> Vec<(String, SecretValue)> {
        let url = url.split('?').next().unwrap_or_default();
        let of_route = self.required.iter().filter(|(known, _)| known == url).flat_map(|(_, headers)| headers);
        let lacking = of_route.filter(|(name, _)| !given.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)));
        lacking.cloned().collect()
    }

    /// How long to wait for another answer, as [`passing`] says. A new API key takes longer than other changes to be
    /// accepted.
    fn passing(&self, request: &Request<'_>, answer: &Answer) -> Option<Duration> {
        let wait = passing(answer, self.destination);
        let keyed = || self.required_by(request.url, &[]).iter().any(|(name, _)| name == API_KEY_HEADER);
        if wait == Some(SETTLES_IN) && self.destination.is_key_refused(answer) && keyed() {
            return Some(KEY_SETTLES_IN);
        }
        wait
    }

    /// Sends a request with these headers and those that its route requires, but not with the header `without`, until
    /// the answer is final.
    pub(super) async fn ask_without(
        &self,
        request: &Request<'_>,
        headers: &[(String, SecretValue)],
        without: &str,
    ) -> Result<Answer, CheckResult> {
        let mut headers = [headers, &self.required_by(request.url, headers)].concat();
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case(without));
        self.until_final(request, &headers, HeaderNames::LowerCase, |answer| self.passing(request, answer)).await
    }

    /// Sends a request with this API key, or without one, until the gateway refuses it for that reason. Tries for at
    /// most the time that a change takes to reach all of AWS.
    pub(super) async fn ask_with_key(
        &self,
        request: &Request<'_>,
        headers: &[(String, SecretValue)],
        key: Option<&SecretValue>,
    ) -> Result<Answer, CheckResult> {
        let mut headers = [headers, &self.required_by(request.url, headers)].concat();
        headers.retain(|(name, _)| name != API_KEY_HEADER);
        headers.extend(key.map(|key| (API_KEY_HEADER.to_owned(), key.clone())));
        let accepted = |answer: &Answer| !self.destination.is_key_refused(answer);
        let longest =
            |answer: &Answer| self.destination.at_aws.then_some(SETTLES_IN).max(passing(answer, self.destination));
        let wait = |answer: &Answer| if accepted(answer) { longest(answer) } else { None };
        self.until_final(request, &headers, HeaderNames::LowerCase, wait).await
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
            (Patience::UntilDeployed, _) => self.passing(request, answer),
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
        let wait = |answer: &Answer| match unsettled(answer) {
            None if settled(answer) => busy(answer, self.destination),
            unsettled => unsettled.max(self.passing(request, answer)),
        };
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
        self.requests().sent.push(request.url.to_owned());
        loop {
            self.ready(request.url).await;
            let answer = self.client.send_with(request, headers, names).await;
            let answer = answer.map(|answer| self.without_secrets(answer));
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
            self.requests().answered.push(request.url.to_owned());
        }
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of requests so far to URLs that begin with `base_url`.
    pub(super) fn traffic(&self, base_url: &str) -> Traffic {
        let requests = self.requests();
        let count = |urls: &[String]| urls.iter().filter(|url| url.starts_with(base_url)).count();
        Traffic { sent: count(&requests.sent), answered: count(&requests.answered) }
    }

    /// Whether changes from before this proof may not have taken effect everywhere.
    pub(super) fn settling(&self) -> bool {
        self.destination.at_aws && self.began.elapsed() < self.time_scale.of(SETTLES_IN)
    }

    /// Sends a request once and without waiting for the rate limit.
    pub(super) async fn ask_once(
        &self,
        request: &Request<'_>,
        headers: &[(String, SecretValue)],
    ) -> Result<Answer, CheckResult> {
        let answer = self.client.send_with(request, headers, HeaderNames::LowerCase).await;
        answer.map(|answer| self.without_secrets(answer)).map_err(|error| CheckResult::fail(error.message))
    }

    /// The answer without the identities that the user gave: a function may return its input, and evidence shows the
    /// beginning of each answer.
    fn without_secrets(&self, mut answer: Answer) -> Answer {
        if !self.secrets.is_empty() {
            answer.body = self.hidden(&answer.text()).into_bytes();
            answer.headers = answer.headers.iter().map(|(name, value)| (name.to_owned(), self.hidden(value))).collect();
        }
        answer
    }

    fn hidden(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.reveal(), "(hidden)"))
    }
}
