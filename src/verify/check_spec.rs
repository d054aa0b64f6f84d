//! A check in the making: what is claimed, and what was found.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Check, Layer, Verdict};

/// What came of looking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CheckResult {
    pub verdict: Verdict,
    pub received: String,
}

impl CheckResult {
    pub(super) fn pass(received: impl Into<String>) -> Self {
        Self { verdict: Verdict::Pass, received: received.into() }
    }

    pub(super) fn fail(received: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, received: received.into() }
    }

    pub(super) fn not_applicable(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::NotApplicable, received: why.into() }
    }

    /// A pass or a fail with the same words.
    pub(super) fn pass_if(holds: bool, received: impl Into<String>) -> Self {
        if holds { Self::pass(received) } else { Self::fail(received) }
    }
}

/// What a check is about, before it is known what comes of it.
#[derive(Debug, Clone)]
pub(super) struct CheckSpec {
    layer: Layer,
    subject: String,
    holds: String,
    sent: String,
    expected: String,
}

impl CheckSpec {
    /// This holds of that.
    pub(super) fn new(layer: Layer, subject: impl Into<String>, holds: impl Into<String>) -> Self {
        let (subject, holds) = (subject.into(), holds.into());
        Self { layer, subject, holds, sent: String::new(), expected: String::new() }
    }

    /// What is sent or read to find out.
    pub(super) fn sent(self, sent: impl Into<String>) -> Self {
        Self { sent: sent.into(), ..self }
    }

    /// What has to come back.
    pub(super) fn expects(self, expected: impl Into<String>) -> Self {
        Self { expected: expected.into(), ..self }
    }

    /// Found out just now, after this time.
    pub(super) fn found(self, finding: CheckResult, elapsed: Duration) -> Check {
        Check {
            layer: self.layer,
            subject: self.subject,
            claim: self.holds,
            verdict: finding.verdict,
            sent: self.sent,
            expected: self.expected,
            received: finding.received,
            at_unix_ms: unix_ms(),
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Found out without asking anybody.
    pub(super) fn known(self, finding: CheckResult) -> Check {
        self.found(finding, Duration::ZERO)
    }

    /// Found out by looking.
    pub(super) async fn by(self, looking: impl Future<Output = CheckResult>) -> Check {
        let began = Instant::now();
        let finding = looking.await;
        self.found(finding, began.elapsed())
    }
}

/// Now, in milliseconds since 1970.
pub(super) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
