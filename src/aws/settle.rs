//! The only waiting loop, and the table of what it waits for (reference, section 13).
//!
//! AWS is eventually consistent: a call may be refused for a while because an earlier one has not arrived everywhere.
//! Each class of such refusals is a [`Wait`]: which code, which words, how densely to ask, and for how long in all. A
//! wait that runs out ends with the last real error. Codes that a wait does not name are never retried here.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::error::THROTTLED;
use crate::engine::{Cause, Failure, Task};

/// One class of refusals that time heals.
#[derive(Debug)]
pub struct Wait {
    /// Its row in the reference's retry matrix.
    pub row: &'static str,
    /// Said while waiting.
    pub why: &'static str,
    /// Any of these codes,
    pub codes: &'static [&'static str],
    /// with a message that holds any of these, in any case; empty: any message.
    pub words: &'static [&'static str],
    /// but none of these.
    pub unless: &'static [&'static str],
    /// The first pause; then half as much again each time, up to `cap`.
    pub first: Duration,
    /// The longest pause.
    pub cap: Duration,
    /// The wall-clock time after which the last refusal stands.
    pub budget: Duration,
}

const fn wait(row: &'static str, why: &'static str, codes: &'static [&'static str]) -> Wait {
    Wait {
        row,
        why,
        codes,
        words: &[],
        unless: &[],
        first: Duration::from_secs(1),
        cap: Duration::from_secs(5),
        budget: Duration::from_mins(2),
    }
}

impl Wait {
    const fn words(mut self, words: &'static [&'static str]) -> Self {
        self.words = words;
        self
    }
    const fn unless(mut self, words: &'static [&'static str]) -> Self {
        self.unless = words;
        self
    }
    /// First pause and cap in milliseconds, budget in seconds.
    const fn pace(mut self, first: u64, cap: u64, budget: u64) -> Self {
        self.first = Duration::from_millis(first);
        self.cap = Duration::from_millis(cap);
        self.budget = Duration::from_secs(budget);
        self
    }

    /// Whether time heals this refusal.
    pub(super) fn heals(&self, failure: &Failure) -> bool {
        let Some(code) = failure.code.as_deref() else { return false };
        let words = failure.message.to_lowercase();
        let holds = |fragment: &&str| words.contains(&fragment.to_lowercase());
        self.codes.contains(&code)
            && (self.words.is_empty() || self.words.iter().any(holds))
            && !self.unless.iter().any(holds)
    }
}

/// R1, R2: live successes were seen 8 to 23 s after the role was made; dense tries find the first of them.
pub const ROLE: Wait = wait("R1", "the role cannot be assumed yet", &["InvalidParameterValueException"])
    .words(&["cannot be assumed by lambda", "does not have permissions", "kms key is invalid for creategrant"])
    .pace(500, 2000, 120);

/// R3: created or changed a moment ago.
pub const FUNCTION_BUSY: Wait = wait("R3", "the function is still settling", &["ResourceConflictException"])
    .unless(&["already exist"])
    .pace(500, 2000, 300);

/// R5: only after our own create.
pub const FUNCTION_VISIBLE: Wait =
    wait("R5", "the function is not visible everywhere yet", &["ResourceNotFoundException"]).pace(500, 2000, 60);

/// R7: the least consistent step of all; five minutes were not always enough (reference, 7.1).
pub const WAF_ASSOCIATION: Wait = wait(
    "R7",
    "the firewall cannot see the stage or the web ACL yet",
    &["WAFUnavailableEntityException", "WAFNonexistentItemException"],
)
.pace(2000, 10_000, 600);

/// R8: a link that is going away still counts.
pub const WAF_IN_USE: Wait =
    wait("R8", "it still counts as in use", &["WAFAssociatedItemException", "WAFUnavailableEntityException"])
        .pace(2000, 10_000, 600);

/// R9: somebody else wrote in between; the caller reads a fresh token before each try.
pub const WAF_LOCK: Wait = wait("R9", "its lock token is stale", &["WAFOptimisticLockException"]).pace(1000, 2000, 15);

/// R11: only for an IP set of our own that was made a moment ago.
pub const WAF_IP_SET: Wait = wait(
    "R11",
    "the web ACL cannot see the IP set yet",
    &["WAFUnavailableEntityException", "WAFNonexistentItemException"],
)
.pace(2000, 10_000, 300);

/// R10: the service's own trouble, mostly with tags. What a create made all the same is found by its name, as any that
/// exists already.
pub const WAF_TROUBLE: Wait = wait(
    "R10",
    "the firewall service is busy",
    &["WAFTagOperationException", "WAFTagOperationInternalErrorException", "WAFInternalErrorException"],
)
.pace(1000, 5000, 60);

/// R12: a forced delete in progress; a recovery window is told apart by looking.
pub const SECRET_NAME: Wait =
    wait("R12", "the secret's name is not free yet", &["InvalidRequestException", "ResourceExistsException"])
        .words(&["scheduled for deletion", "was deleted"])
        .pace(2000, 5000, 120);

/// After our own RestoreSecret, which calls on the secret may not see yet.
pub const SECRET_BACK: Wait = wait("R12", "the secret is not back yet", &["InvalidRequestException"])
    .words(&["marked for deletion"])
    .pace(500, 2000, 60);

/// R15: what hung on the role is not gone everywhere.
pub const ROLE_IN_USE: Wait = wait("R15", "the role still counts as in use", &["DeleteConflict"]);

/// After CreateRole, calls on the role may not see it (reference, 2.1).
pub const ROLE_VISIBLE: Wait =
    wait("IAM", "the role is not visible everywhere yet", &["NoSuchEntity"]).pace(500, 2000, 60);

/// IAM's own conflicts (reference, 2.1).
pub const IAM_BUSY: Wait = wait("IAM", "IAM is changing it already", &["ConcurrentModification", "ServiceFailure"]);

/// R17.
pub const SNS_BUSY: Wait =
    wait("R17", "SNS is still changing it", &["StaleTag", "ConcurrentAccess", "Throttled"]).pace(2000, 10_000, 120);

/// R18.
pub const COGNITO_BUSY: Wait =
    wait("R18", "the user pool is being changed", &["ConcurrentModificationException"]).pace(1000, 2000, 30);

/// R21: writes to one API, ours or another's, met each other.
pub const API_BUSY: Wait = wait("R21", "the API is being changed", &["ConflictException"])
    .words(&["try again later", "concurrent"])
    .pace(1000, 5000, 120);

/// R24.
pub const API_UPDATING: Wait = wait("R24", "the API is still being updated", &["BadRequestException"])
    .words(&["apistatus is", "update in progress", "update already in progress"])
    .pace(5000, 5000, 300);

/// An authorizer that was made a moment ago may not be visible to methods (reference, 9.2).
pub const API_AUTHORIZER_VISIBLE: Wait =
    wait("9.2", "the authorizer is not visible everywhere yet", &["BadRequestException"])
        .words(&["invalid authorizer id"])
        .pace(500, 2000, 60);

/// R28: the role's trust has not arrived yet.
pub const IDENTITY_ROLES: Wait = wait(
    "R28",
    "the identity pool cannot use the role yet",
    &["InvalidParameterException", "ConcurrentModificationException"],
)
.pace(2000, 2000, 60);

/// R28, of all other writes to identity pools.
pub const IDENTITY_BUSY: Wait =
    wait("R28", "the identity pool is being changed", &["ConcurrentModificationException"]).pace(2000, 2000, 60);

/// R27: the pool's signing keys are reachable some seconds after it is made (reference, 8.3).
pub const API_ISSUER: Wait = wait("R27", "the user pool's keys are not reachable yet", &["BadRequestException"])
    .words(&["valid discovery endpoint"])
    .pace(1000, 5000, 120);

/// A log group that was made a moment ago may not be visible to the stage that logs to it (reference, 10).
pub const API_LOG_GROUP: Wait = wait("10", "the log group is not visible everywhere yet", &["BadRequestException"])
    .words(&["insufficient permissions to enable logging", "log group"])
    .pace(1000, 5000, 60);

/// R22: the answer carries its own hint, which is slept instead.
pub const THROTTLE: Wait = wait("R22", "too many calls at once", &THROTTLED).pace(2000, 30_000, 300);

/// R23: one in 30 s for the whole account.
pub const API_DELETE_RATE: Wait =
    wait("R23", "AWS deletes one REST API in 30 s", &["TooManyRequestsException"]).pace(32_000, 34_000, 600);

/// R29.
pub const LOGS_BUSY: Wait =
    wait("R29", "the log group is being changed", &["OperationAbortedException"]).pace(1000, 3000, 30);

/// After CreateLogGroup, calls on the group may not see it (reference, 3.1).
pub const LOGS_VISIBLE: Wait =
    wait("R29", "the log group is not visible everywhere yet", &["ResourceNotFoundException"]).pace(500, 2000, 30);

/// The whole table. Of section 13's rows the rest cannot be met: R4 is an adoption and R6 a refusal that stands; R13,
/// R14, R16, R19, R20, R25 and R26 are about things that no stack has.
#[cfg(test)]
pub(super) const WAITS: [(&str, &Wait); 26] = [
    ("ROLE", &ROLE),
    ("FUNCTION_BUSY", &FUNCTION_BUSY),
    ("FUNCTION_VISIBLE", &FUNCTION_VISIBLE),
    ("WAF_ASSOCIATION", &WAF_ASSOCIATION),
    ("WAF_IN_USE", &WAF_IN_USE),
    ("WAF_LOCK", &WAF_LOCK),
    ("WAF_IP_SET", &WAF_IP_SET),
    ("WAF_TROUBLE", &WAF_TROUBLE),
    ("SECRET_NAME", &SECRET_NAME),
    ("SECRET_BACK", &SECRET_BACK),
    ("ROLE_IN_USE", &ROLE_IN_USE),
    ("ROLE_VISIBLE", &ROLE_VISIBLE),
    ("IAM_BUSY", &IAM_BUSY),
    ("SNS_BUSY", &SNS_BUSY),
    ("COGNITO_BUSY", &COGNITO_BUSY),
    ("API_BUSY", &API_BUSY),
    ("API_UPDATING", &API_UPDATING),
    ("API_AUTHORIZER_VISIBLE", &API_AUTHORIZER_VISIBLE),
    ("IDENTITY_ROLES", &IDENTITY_ROLES),
    ("IDENTITY_BUSY", &IDENTITY_BUSY),
    ("API_ISSUER", &API_ISSUER),
    ("API_LOG_GROUP", &API_LOG_GROUP),
    ("THROTTLE", &THROTTLE),
    ("API_DELETE_RATE", &API_DELETE_RATE),
    ("LOGS_BUSY", &LOGS_BUSY),
    ("LOGS_VISIBLE", &LOGS_VISIBLE),
];

/// For the log.
fn millis(pause: Duration) -> u64 {
    u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)
}

/// Does `call` until it succeeds, is refused for a reason that none of `waits` names, or a wait's budget is spent.
/// Throttling is always waited for.
///
/// # Errors
/// The last real failure; [`Cause::Stopped`] if the run was asked to stop meanwhile.
pub async fn settled<T, F: Future<Output = Result<T, Failure>>>(
    task: &Task,
    waits: &[&Wait],
    mut call: impl FnMut() -> F,
) -> Result<T, Failure> {
    // Since when each class has been waited for, and its next pause: no class's clock is set back by another's turn.
    let mut clocks: Vec<(&Wait, Instant, Duration)> = Vec::new();
    let mut attempt = 0_u32;
    loop {
        attempt += 1;
        let mut failure = match call().await {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        let Some(wait) = waits.iter().copied().chain([&THROTTLE]).find(|wait| wait.heals(&failure)) else {
            return Err(failure);
        };
        let known = clocks.iter().position(|(one, ..)| std::ptr::eq(*one, wait)).unwrap_or_else(|| {
            clocks.push((wait, Instant::now(), wait.first));
            clocks.len() - 1
        });
        let (_, began, pause) = clocks[known];
        let next = failure.retry_after.map_or(pause, Duration::from_secs).max(Duration::from_millis(1));
        if began.elapsed() + task.tempo().of(next) > task.tempo().of(wait.budget) {
            failure.message = format!("{} (waited {} s: {})", failure.message, began.elapsed().as_secs(), wait.why);
            return Err(failure);
        }
        task.note(wait.why);
        tracing::info!(resource = %task.id(), attempt, pause_ms = millis(next), "waiting: {}", wait.why);
        // Up to a fifth more, so that many waiters do not ask in step.
        let jitter = 1.0 + rand::random_range(0.0..0.2);
        if !task.pause(next.mul_f64(jitter)).await {
            return Err(Failure::new(Cause::Stopped, format!("stopped while waiting: {}", wait.why)));
        }
        clocks[known].2 = pause.mul_f64(1.5).min(wait.cap);
    }
}

/// Asks `look` until it says `Some`, at `pace` milliseconds, for at most `budget` seconds.
///
/// # Errors
/// What `look` returns; a refusal that says what was waited for; [`Cause::Stopped`].
pub async fn until<T, F: Future<Output = Result<Option<T>, Failure>>>(
    task: &Task,
    why: &str,
    (first, cap): (u64, u64),
    budget: u64,
    mut look: impl FnMut() -> F,
) -> Result<T, Failure> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(first);
    let mut attempt = 0_u32;
    loop {
        attempt += 1;
        if let Some(value) = look().await? {
            return Ok(value);
        }
        if began.elapsed() + task.tempo().of(pause) > task.tempo().of(Duration::from_secs(budget)) {
            return Err(Failure::refused(format!("waited {budget} s in vain: {why}")));
        }
        task.note(why);
        tracing::info!(resource = %task.id(), attempt, pause_ms = millis(pause), "waiting: {why}");
        if !task.pause(pause).await {
            return Err(Failure::new(Cause::Stopped, format!("stopped while waiting: {why}")));
        }
        pause = pause.mul_f64(1.5).min(Duration::from_millis(cap));
    }
}

/// For the look that follows a delete which AWS has carried out: that it cannot be made does not undo the delete.
pub(super) fn confirmed(seen_gone: Result<(), Failure>) -> Result<(), Failure> {
    match seen_gone {
        Err(failure) if failure.call.is_some() && !failure.ends_all() => {
            tracing::info!("deleted, and not seen to be gone: {}", failure.message);
            Ok(())
        }
        seen => seen,
    }
}
