//! Waiting for refusals that end by themselves, and the table of these refusals.
//!
//! AWS is eventually consistent: a call may be refused for a while because an earlier one has not reached all of AWS
//! yet. Each class of such refusals is a [`Wait`]: its error code and words, how often to repeat the call, and for how
//! long. A wait that runs out ends with the last refusal. No other refusal is repeated here.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::error::THROTTLED;
use super::refusals::{QUEUE_DELETED, named};
use super::until::millis;
use crate::engine::{Cause, Failure, Refusal, Task};

pub(super) use super::until::confirmed;
pub use super::until::until;

/// A class of refusals that end by themselves.
#[derive(Debug)]
pub struct Wait {
    /// The heading of `docs/aws.md` that gives the reason, as an anchor.
    pub facts: &'static str,
    /// What the user is told meanwhile.
    pub why: &'static str,
    /// How it is recognised.
    pub refusal: Refusal,
    /// The first pause. Each later one is half as long again, up to `cap`.
    pub first: Duration,
    /// The longest pause.
    pub cap: Duration,
    /// The time after which the last refusal is final.
    pub budget: Duration,
}

const fn wait(
    facts: &'static str,
    why: &'static str,
    on: &'static [&'static str],
    codes: &'static [&'static str],
) -> Wait {
    Wait {
        facts,
        why,
        refusal: Refusal::new(on, codes),
        first: Duration::from_secs(1),
        cap: Duration::from_secs(5),
        budget: Duration::from_mins(2),
    }
}

impl Wait {
    const fn words(mut self, words: &'static [&'static str]) -> Self {
        self.refusal = self.refusal.words(words);
        self
    }
    const fn unless(mut self, words: &'static [&'static str]) -> Self {
        self.refusal = self.refusal.unless(words);
        self
    }
    /// First pause and cap in milliseconds, budget in seconds.
    const fn pace(mut self, first: u64, cap: u64, budget: u64) -> Self {
        self.first = Duration::from_millis(first);
        self.cap = Duration::from_millis(cap);
        self.budget = Duration::from_secs(budget);
        self
    }

    /// Whether this refusal ends by itself.
    pub(super) fn heals(&self, failure: &Failure) -> bool {
        self.refusal.is(failure)
    }
}

/// On AWS the call was seen to succeed 8 to 23 s after the role was created. Short pauses find the first success.
pub const ROLE: Wait = wait(
    "new-roles",
    "the role cannot be assumed yet",
    &["lambda CreateFunction", "lambda UpdateFunctionConfiguration", "lambda UpdateFunctionCode"],
    &["InvalidParameterValueException"],
)
.words(&[
    "cannot be assumed by lambda",
    "execution role does not have permissions",
    "kms key is invalid for creategrant",
])
.pace(500, 2000, 120);

/// The function was just created or changed.
pub const FUNCTION_BUSY: Wait = wait(
    "states-of-functions",
    "the function is still settling",
    &[
        "lambda CreateFunction",
        "lambda UpdateFunctionConfiguration",
        "lambda UpdateFunctionCode",
        "lambda DeleteFunction",
        "lambda AddPermission",
        "lambda RemovePermission",
        "lambda PutFunctionConcurrency",
        "lambda DeleteFunctionConcurrency",
        "lambda PutRuntimeManagementConfig",
        "lambda PutFunctionRecursionConfig",
        "lambda DeleteFunctionUrlConfig",
        "lambda DeleteFunctionEventInvokeConfig",
        "lambda DeleteAlias",
    ],
    &["ResourceConflictException"],
)
.unless(&["already exist"])
.pace(500, 2000, 300);

/// Only after our own create.
pub const FUNCTION_VISIBLE: Wait = wait(
    "states-of-functions",
    "the function is not visible everywhere yet",
    &["lambda GetFunction", "lambda AddPermission"],
    &["ResourceNotFoundException"],
)
.pace(500, 2000, 60);

/// This takes longest of all; five minutes were not always enough.
pub const WAF_ASSOCIATION: Wait = wait(
    "associations",
    "the firewall cannot see the stage or the web ACL yet",
    &["wafv2 AssociateWebACL", "wafv2 PutLoggingConfiguration"],
    &["WAFUnavailableEntityException", "WAFNonexistentItemException"],
)
.pace(2000, 10_000, 600);

/// A removed association still counts as use.
pub const WAF_IN_USE: Wait = wait(
    "associations",
    "it still counts as in use",
    &["wafv2"],
    &["WAFAssociatedItemException", "WAFUnavailableEntityException"],
)
.pace(2000, 10_000, 600);

/// Somebody else changed the resource. The caller reads the lock token again before each attempt.
pub const WAF_LOCK: Wait = wait(
    "web-acls",
    "its lock token is stale",
    &["wafv2 UpdateIPSet", "wafv2 DeleteIPSet", "wafv2 UpdateWebACL", "wafv2 DeleteWebACL"],
    &["WAFOptimisticLockException"],
)
.pace(1000, 2000, 15);

/// Only for an IP set that was just created.
pub const WAF_IP_SET: Wait = wait(
    "associations",
    "the web ACL cannot see the IP set yet",
    &["wafv2 CreateWebACL", "wafv2 UpdateWebACL"],
    &["WAFUnavailableEntityException", "WAFNonexistentItemException"],
)
.pace(2000, 10_000, 300);

/// Problems inside the service, mostly with tags. If a create succeeded all the same, the resource is found by its
/// name, like any that exists already.
pub const WAF_TROUBLE: Wait = wait(
    "associations",
    "the firewall service is busy",
    &["wafv2"],
    &["WAFTagOperationException", "WAFTagOperationInternalErrorException", "WAFInternalErrorException"],
)
.pace(1000, 5000, 60);

/// A forced deletion in progress. Reading the secret distinguishes it from a recovery window.
pub const SECRET_NAME: Wait = wait(
    "deletion-and-recovery",
    "the secret's name is not free yet",
    &["secretsmanager CreateSecret"],
    &["InvalidRequestException", "ResourceExistsException"],
)
.words(&["scheduled for deletion", "was deleted"])
.pace(2000, 5000, 120);

/// After RestoreSecret, other calls may not see the restored secret yet.
pub const SECRET_BACK: Wait = wait(
    "deletion-and-recovery",
    "the secret is not back yet",
    &[
        "secretsmanager DeleteSecret",
        "secretsmanager PutSecretValue",
        "secretsmanager UpdateSecret",
        "secretsmanager TagResource",
        "secretsmanager PutResourcePolicy",
        "secretsmanager DeleteResourcePolicy",
        "secretsmanager RotateSecret",
    ],
    &["InvalidRequestException"],
)
.words(&["marked for deletion"])
.pace(500, 2000, 60);

/// The permission to invoke the function was just added.
pub const ROTATION: Wait = wait(
    "rotation",
    "Secrets Manager may not invoke the function yet",
    &["secretsmanager RotateSecret"],
    &["AccessDeniedException"],
)
.words(&["cannot invoke the specified lambda function"])
.pace(1000, 5000, 60);

/// IAM still sees policies or instance profiles that were removed from the role.
pub const ROLE_IN_USE: Wait =
    wait("roles", "the role still counts as in use", &["iam DeleteRole"], &["DeleteConflict"]);

/// After CreateRole, other calls may not see the role yet.
pub const ROLE_VISIBLE: Wait =
    wait("roles", "the role is not visible everywhere yet", &["iam PutRolePolicy"], &["NoSuchEntity"])
        .pace(500, 2000, 60);

/// Conflicts inside IAM.
pub const IAM_BUSY: Wait =
    wait("roles", "IAM is changing it already", &["iam"], &["ConcurrentModification", "ServiceFailure"]);

/// Tags of a deleted topic of the same name, concurrent changes, and too many calls.
pub const SNS_BUSY: Wait =
    wait("topics", "SNS is still changing it", &["sns"], &["StaleTag", "ConcurrentAccess", "Throttled"])
        .pace(2000, 10_000, 120);

/// For a minute after a queue of that name was deleted.
pub const QUEUE_NAME: Wait =
    wait("queues", "the queue's name is not free yet", &["sqs CreateQueue"], QUEUE_DELETED).pace(5000, 10_000, 120);

/// Concurrent changes of one pool.
pub const COGNITO_BUSY: Wait = wait(
    "updates-of-pools-and-clients",
    "the user pool is being changed",
    &["cognito-idp"],
    &["ConcurrentModificationException"],
)
.pace(1000, 2000, 30);

/// Concurrent changes of one API, by this program or another.
pub const API_BUSY: Wait =
    wait("concurrent-writes", "the API is being changed", &["apigateway", "apigatewayv2"], &["ConflictException"])
        .words(&["try again later", "concurrent"])
        .pace(1000, 5000, 120);

/// After a change of the API's own settings.
pub const API_UPDATING: Wait = wait(
    "deployments",
    "the API is still being updated",
    &["apigateway CreateDeployment", "apigateway UpdateRestApi"],
    &["BadRequestException"],
)
.words(&["apistatus is", "update in progress"])
.pace(5000, 5000, 1500);

/// Methods may not see a new authorizer yet.
pub const API_AUTHORIZER_VISIBLE: Wait = wait(
    "authorizers",
    "the authorizer is not visible everywhere yet",
    &["apigateway PutMethod", "apigateway UpdateMethod"],
    &["BadRequestException"],
)
.words(&["invalid authorizer id"])
.pace(500, 2000, 60);

/// API Gateway cannot use the account's role for logs yet, or a stage does not see it yet.
pub const API_LOG_ROLE: Wait = wait(
    "logs-of-rest-apis",
    "API Gateway cannot use the account's role for logs yet",
    &["apigateway UpdateAccount", "apigateway UpdateStage"],
    &["BadRequestException"],
)
.words(&[
    "role arn must be set",
    "role arn does not have required permissions",
    "could not successfully write to cloudwatch logs",
])
.pace(2000, 10_000, 120);

/// The identity pool does not see the role's trust policy yet.
pub const IDENTITY_ROLES: Wait = wait(
    "identity-pools",
    "the identity pool cannot use the role yet",
    &["cognito-identity SetIdentityPoolRoles"],
    &["InvalidParameterException", "ConcurrentModificationException"],
)
.pace(2000, 2000, 60);

/// All other writes to identity pools.
pub const IDENTITY_BUSY: Wait = wait(
    "identity-pools",
    "the identity pool is being changed",
    &["cognito-identity"],
    &["ConcurrentModificationException"],
)
.pace(2000, 2000, 60);

/// The signing keys of a new pool can be fetched only after some seconds.
pub const API_ISSUER: Wait = wait(
    "jwt-authorizers",
    "the user pool's keys are not reachable yet",
    &["apigatewayv2 CreateAuthorizer", "apigatewayv2 UpdateAuthorizer"],
    &["BadRequestException"],
)
.words(&["valid discovery endpoint"])
.pace(1000, 5000, 120);

/// The stage may not see its new log group yet.
pub const API_LOG_GROUP: Wait = wait(
    "access-logs-of-http-apis",
    "the log group is not visible everywhere yet",
    &["apigatewayv2 CreateStage", "apigatewayv2 UpdateStage"],
    &["BadRequestException"],
)
.words(&["insufficient permissions to enable logging", "log group"])
.pace(1000, 5000, 60);

/// The answer may contain a pause of its own, which is used instead.
pub const THROTTLE: Wait =
    wait("throttling-and-quotas", "too many calls at once", THROTTLED.on, THROTTLED.codes).pace(2000, 30_000, 300);

/// AWS deletes one REST API per 30 s and account.
pub const API_DELETE_RATE: Wait = wait(
    "deleting-rest-apis",
    "AWS deletes one REST API in 30 s",
    &["apigateway DeleteRestApi"],
    &["TooManyRequestsException"],
)
.pace(32_000, 34_000, 600);

/// Concurrent operations on one group.
pub const LOGS_BUSY: Wait =
    wait("log-groups", "the log group is being changed", &["logs"], &["OperationAbortedException"])
        .pace(1000, 3000, 30);

/// After CreateLogGroup, IAM may not see the group's tags yet.
pub const LOGS_TAGGED: Wait = wait(
    "log-groups",
    "IAM does not see the log group's tags yet",
    &["logs PutRetentionPolicy"],
    &["AccessDeniedException"],
)
.pace(1000, 3000, 20);

/// After CreateLogGroup, other calls may not see the group yet.
pub const LOGS_VISIBLE: Wait = wait(
    "log-groups",
    "the log group is not visible everywhere yet",
    &["logs PutRetentionPolicy"],
    &["ResourceNotFoundException"],
)
.pace(500, 2000, 30);

/// After CreateKey, other calls may not see the key yet.
pub const KEY_VISIBLE: Wait = wait(
    "keys-of-a-stack",
    "the key is not visible everywhere yet",
    &["kms CreateAlias", "kms EnableKey", "kms EnableKeyRotation"],
    &["NotFoundException", "KMSInvalidStateException"],
)
.pace(500, 5000, 180);

/// After CreateKey, IAM may not see the key's tags yet.
pub const KEY_TAGGED: Wait = wait(
    "keys-of-a-stack",
    "IAM does not see the key's tags yet",
    &["kms CreateAlias", "kms EnableKeyRotation"],
    &["AccessDeniedException"],
)
.pace(1000, 10_000, 300);

/// A new key, or a changed policy of a key, has not reached CloudWatch Logs yet.
pub const LOGS_KEY: Wait = wait(
    "keys-of-a-stack",
    "CloudWatch Logs may not use the key yet",
    &["logs CreateLogGroup", "logs AssociateKmsKey"],
    &["AccessDeniedException", "InvalidParameterException"],
)
.words(&["kms key does not exist or is not allowed to be used"])
.pace(1000, 5000, 60);

pub const WAITS: [(&str, &Wait); 33] = named! {
    ROLE, FUNCTION_BUSY, FUNCTION_VISIBLE, WAF_ASSOCIATION, WAF_IN_USE, WAF_LOCK, WAF_IP_SET, WAF_TROUBLE,
    SECRET_NAME, SECRET_BACK, ROTATION, ROLE_IN_USE, ROLE_VISIBLE, IAM_BUSY, SNS_BUSY, QUEUE_NAME, COGNITO_BUSY, API_BUSY,
    API_UPDATING, API_AUTHORIZER_VISIBLE, API_LOG_ROLE, IDENTITY_ROLES, IDENTITY_BUSY, API_ISSUER, API_LOG_GROUP,
    KEY_VISIBLE, KEY_TAGGED, LOGS_KEY, THROTTLE, API_DELETE_RATE, LOGS_BUSY, LOGS_TAGGED, LOGS_VISIBLE
};

/// Repeats `call` until it succeeds, is refused for a reason that none of `waits` names, or the time of a wait is used
/// up. It always waits for throttling.
///
/// # Errors
/// The last failure of the call; [`Cause::Stopped`] if the run was asked to stop meanwhile.
pub async fn settled<T, F: Future<Output = Result<T, Failure>>>(
    task: &Task,
    waits: &[&Wait],
    mut call: impl FnMut() -> F,
) -> Result<T, Failure> {
    // For each class the time of its first refusal, and its next pause. Refusals of another class do not reset them.
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
        let next = failure.retry_after().map_or(pause, Duration::from_secs).max(Duration::from_millis(1));
        if began.elapsed() + task.time_scale().of(next) > task.time_scale().of(wait.budget) {
            failure.waited = Some(format!("waited {} s: {}", began.elapsed().as_secs(), wait.why).into());
            return Err(failure);
        }
        task.note(wait.why);
        tracing::info!(resource = %task.id(), attempt, pause_ms = millis(next), "waiting: {}", wait.why);
        // Up to a fifth longer, so that many waiting calls are not repeated at the same moment.
        let jitter = 1.0 + rand::random_range(0.0..0.2);
        if !task.pause(next.mul_f64(jitter)).await {
            return Err(Failure::new(Cause::Stopped, format!("stopped while waiting: {}", wait.why)));
        }
        clocks[known].2 = pause.mul_f64(1.5).min(wait.cap);
    }
}
