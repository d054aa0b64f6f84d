//! Builds a [`Check`] from a claim and its result.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Check, Layer, Verdict};

/// The verdict of a check, and the reason for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CheckResult {
    pub verdict: Verdict,
    /// The answer that was received. If the check was not tried, the reason.
    pub received: String,
}

impl CheckResult {
    pub(super) fn pass(received: impl Into<String>) -> Self {
        Self { verdict: Verdict::Pass, received: received.into() }
    }

    pub(super) fn fail(received: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, received: received.into() }
    }

    pub(super) fn not_tried(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::NotTried, received: why.into() }
    }

    /// The result of a check that depends on the check `what`, which failed. Only that check reports the failure.
    pub(super) fn because_failed(what: &str) -> Self {
        Self::not_tried(format!("because this check failed: {what}"))
    }

    /// Passes if `holds`, and fails otherwise.
    pub(super) fn pass_if(holds: bool, received: impl Into<String>) -> Self {
        if holds { Self::pass(received) } else { Self::fail(received) }
    }

    pub(super) fn failed(&self) -> bool {
        self.verdict == Verdict::Fail
    }
}

/// A check without its result.
#[derive(Debug, Clone)]
pub(super) struct CheckSpec {
    layer: Layer,
    subject: String,
    claim: String,
    sent: String,
    expected: String,
}

impl CheckSpec {
    /// The check that `claim` holds for `subject`.
    pub(super) fn new(layer: Layer, subject: impl Into<String>, claim: impl Into<String>) -> Self {
        let (subject, claim) = (subject.into(), claim.into());
        Self { layer, subject, claim, sent: String::new(), expected: String::new() }
    }

    /// Sets the description of the requests or reads of the check.
    pub(super) fn sent(self, sent: impl Into<String>) -> Self {
        Self { sent: sent.into(), ..self }
    }

    /// Sets the description of the answer that the check must receive.
    pub(super) fn expects(self, expected: impl Into<String>) -> Self {
        Self { expected: expected.into(), ..self }
    }

    /// Another claim about the same subject.
    pub(super) fn with_claim(self, claim: &str) -> Self {
        Self { claim: claim.to_owned(), ..self }
    }

    /// Its name in the reasons of other checks: `POST /lambda1: a call without a token is refused`.
    pub(super) fn name(&self) -> String {
        format!("{}: {}", self.subject, self.claim)
    }

    /// The check with a result that was received now, after `elapsed`.
    pub(super) fn found(self, result: CheckResult, elapsed: Duration) -> Check {
        Check {
            layer: self.layer,
            subject: self.subject,
            claim: self.claim,
            verdict: result.verdict,
            sent: self.sent,
            expected: self.expected,
            received: result.received,
            at_unix_ms: unix_ms(),
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The check with a result that needed no request.
    pub(super) fn known(self, result: CheckResult) -> Check {
        self.found(result, Duration::ZERO)
    }

    /// The check with the result of `looking`, whose duration is measured.
    pub(super) async fn by(self, looking: impl Future<Output = CheckResult>) -> Check {
        let began = Instant::now();
        let result = looking.await;
        self.found(result, began.elapsed())
    }
}

/// The current time in milliseconds since 1970.
pub(super) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
