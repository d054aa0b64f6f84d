//! What happens now and then: a call meets another's, or too many of them, or its answer is lost on the way.

use std::collections::HashMap;

use super::{Manner, Verdict};
use crate::support::proxy::{Asked, Fate, Fault};

/// Every so often such a call fares ill; the first time too.
const NOW_AND_THEN: usize = 7;

/// What becomes of calls now and then, by their names.
pub struct BadLuck {
    name: &'static str,
    fates: HashMap<&'static str, Fate>,
    every: usize,
    asked: HashMap<String, usize>,
}

impl BadLuck {
    /// This becomes of them now and then.
    pub fn new(name: &'static str, fates: impl IntoIterator<Item = (&'static str, Fate)>) -> Self {
        Self { name, fates: fates.into_iter().collect(), every: NOW_AND_THEN, asked: HashMap::new() }
    }

    /// This becomes of them each time.
    pub fn always(name: &'static str, fates: impl IntoIterator<Item = (&'static str, Fate)>) -> Self {
        Self { every: 1, ..Self::new(name, fates) }
    }

    /// Collisions with other tools' calls, and throttling where no rate is published.
    pub fn collisions() -> Self {
        let iam = "The request was rejected because multiple requests to change this object were submitted \
                   simultaneously. Wait a few minutes and submit your request again.";
        let lambda = "The request could not be completed because of a concurrent update operation. Please try again.";
        let lock = "AWS WAF couldn\u{2019}t save your changes because you tried to update or delete a resource that has \
                    changed since you last retrieved it. Get the resource again, make any changes you need to make to \
                    the new copy, and retry your operation.";
        let tagging = "An error occurred during the tagging operation. Retry your request.";
        let pool =
            "This operation could not be completed because another modification of the user pool is in progress.";
        let logs = "Multiple concurrent requests to update the same resource were in conflict.";
        let refused = |status, code, message| Fate::Refused(Fault::new(status, code, message));
        let locked = || refused(400, "WAFOptimisticLockException", lock);
        let changed = || refused(400, "ConcurrentModificationException", pool);
        Self::new(
            "all services: concurrent modification, a stale lock token, throttling",
            [
                ("iam CreateRole", refused(400, "Throttling", "Rate exceeded")),
                ("iam PutRolePolicy", refused(409, "ConcurrentModification", iam)),
                ("iam DeleteRole", refused(409, "ConcurrentModification", iam)),
                ("lambda AddPermission", refused(409, "ResourceConflictException", lambda)),
                ("lambda RemovePermission", refused(409, "ResourceConflictException", lambda)),
                // Carried out all the same.
                ("wafv2 CreateIPSet", Fate::Belied(Fault::new(400, "WAFTagOperationException", tagging))),
                ("wafv2 UpdateIPSet", locked()),
                ("wafv2 DeleteIPSet", locked()),
                ("wafv2 UpdateWebACL", locked()),
                ("wafv2 DeleteWebACL", locked()),
                ("sns CreateTopic", refused(400, "ConcurrentAccess", "Rate exceeded")),
                ("sns Subscribe", refused(429, "Throttled", "Rate exceeded")),
                ("sns DeleteTopic", refused(400, "ConcurrentAccess", "Rate exceeded")),
                ("cognito-idp CreateUserPool", refused(400, "TooManyRequestsException", "Rate exceeded")),
                ("cognito-idp UpdateUserPool", changed()),
                ("cognito-idp CreateUserPoolClient", refused(400, "TooManyRequestsException", "Rate exceeded")),
                ("cognito-idp UpdateUserPoolClient", changed()),
                ("cognito-idp DeleteUserPool", changed()),
                ("secretsmanager CreateSecret", refused(400, "ThrottlingException", "Rate exceeded")),
                ("logs CreateLogGroup", refused(400, "ThrottlingException", "Rate exceeded")),
                ("logs PutRetentionPolicy", refused(400, "OperationAbortedException", logs)),
                ("logs DeleteLogGroup", refused(400, "OperationAbortedException", logs)),
            ],
        )
    }

    /// Answers that never arrive.
    pub fn lost_answers() -> Self {
        let calls = [
            "cognito-idp CreateUserPool",
            "cognito-idp CreateUserPoolClient",
            "apigateway CreateRestApi",
            "apigateway CreateResource",
            "apigateway PutMethod",
            "apigateway CreateDeployment",
            "lambda CreateFunction",
            "secretsmanager DeleteSecret",
        ];
        Self::new("all services: an answer is lost", calls.map(|call| (call, Fate::Unanswered)))
    }
}

impl Manner for BadLuck {
    fn name(&self) -> &'static str {
        self.name
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        let name = asked.name();
        let Some(fate) = self.fates.get(name.as_str()) else { return Verdict::Silent };
        let turn = self.asked.entry(name).or_default();
        *turn += 1;
        if *turn % self.every == 1 % self.every { Verdict::Says(fate.clone()) } else { Verdict::Silent }
    }
}
