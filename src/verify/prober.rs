//! Requests to the stage, slow enough not to be throttled and patient with what is not live yet.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::claim::Finding;
use super::judge::passing;
use crate::engine::Tempo;
use crate::error::Error;
use crate::probe::{Answer, Client, Request};
use crate::proxies::Proxies;
use crate::secret::Hidden;

/// Between two tries of the same request.
const PAUSE: Duration = Duration::from_millis(500);

/// Sends requests to one stage.
#[derive(Debug)]
pub(super) struct Prober {
    client: Client,
    pace: DefaultDirectRateLimiter,
    began: Instant,
    tempo: Tempo,
}

impl Prober {
    /// For a stage with these limits, of which it takes half: others may be using it.
    pub(super) fn new(rate_limit: u32, burst_limit: u32, tempo: Tempo, proxies: &Proxies) -> Result<Self, Error> {
        let half = |limit: u32| NonZeroU32::new(limit / 2).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(half(rate_limit)).allow_burst(half(burst_limit));
        Ok(Self { client: Client::of_proof(proxies)?, pace: RateLimiter::direct(quota), began: Instant::now(), tempo })
    }

    /// Sends a request until the answer is one that stands. What a deployment takes to arrive is granted once, to all
    /// requests together.
    pub(super) async fn ask(&self, request: &Request<'_>) -> Result<Answer, Finding> {
        self.until_it_stands(request, &[], |_| false).await
    }

    /// Sends a request with these headers until the answer is one that stands. That nothing is deployed there is one: a
    /// route that takes signatures says the same to who has none.
    pub(super) async fn ask_signed(
        &self,
        request: &Request<'_>,
        headers: &[(String, Hidden)],
    ) -> Result<Answer, Finding> {
        self.until_it_stands(request, headers, |answer| answer.status == 403).await
    }

    async fn until_it_stands(
        &self,
        request: &Request<'_>,
        headers: &[(String, Hidden)],
        at_once: fn(&Answer) -> bool,
    ) -> Result<Answer, Finding> {
        loop {
            self.pace.until_ready().await;
            let answer = self.client.send_signed(request, headers).await;
            let answer = answer.map_err(|error| Finding::fail(error.message))?;
            match passing(&answer).filter(|_| !at_once(&answer)) {
                Some(budget) if self.began.elapsed() < self.tempo.of(budget) => tokio::time::sleep(PAUSE).await,
                _ => return Ok(answer),
            }
        }
    }

    /// Sends a request once, at once.
    pub(super) async fn ask_once(&self, request: &Request<'_>) -> Result<Answer, Finding> {
        self.client.send(request).await.map_err(|error| Finding::fail(error.message))
    }
}
