//! The access policy of a topic.

use serde_json::json;

use super::Topic;
use crate::engine::Effect;
use crate::policy::Policy;

/// The actions that AWS's default policy allows to the owner's account (docs/aws.md, Topics).
const OWNER_MAY: [&str; 8] = [
    "SNS:GetTopicAttributes",
    "SNS:SetTopicAttributes",
    "SNS:AddPermission",
    "SNS:RemovePermission",
    "SNS:DeleteTopic",
    "SNS:Subscribe",
    "SNS:ListSubscriptionsByTopic",
    "SNS:Publish",
];

/// The actions that the emulator's default policy allows to the owner's account.
pub(super) const OWNER_MAY_BY_EMULATOR: [&str; 3] = ["SNS:Publish", "SNS:Subscribe", "SNS:Receive"];

impl Topic {
    /// The wanted policy: AWS's default statement, which allows `actions` only to principals of the owner's account; a
    /// statement for CloudWatch, if alarms publish to the topic; and the denial of calls without TLS, if the stack file
    /// demands it.
    pub(super) fn policy_with(&self, actions: &[&str]) -> Policy {
        let owner = json!({
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": { "AWS": "*" },
            "Action": actions,
            "Resource": self.arn,
            "Condition": { "StringEquals": { "AWS:SourceOwner": self.account } },
        });
        let alarms = self.alarms.as_ref().map(|alarms| {
            json!({
                "Sid": "Alarms",
                "Effect": "Allow",
                "Principal": { "Service": "cloudwatch.amazonaws.com" },
                "Action": "sns:Publish",
                "Resource": self.arn,
                "Condition": {
                    "StringEquals": { "aws:SourceAccount": self.account },
                    "ArnLike": { "aws:SourceArn": alarms },
                },
            })
        });
        let without_tls = self.tls_only.then(|| {
            json!({
                "Sid": "OnlyOverTls",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sns:Publish",
                "Resource": self.arn,
                "Condition": { "Bool": { "aws:SecureTransport": "false" } },
            })
        });
        Policy::new([owner].into_iter().chain(alarms).chain(without_tls))
    }

    pub(super) fn policy(&self) -> Policy {
        self.policy_with(&OWNER_MAY)
    }

    pub(super) fn judge_policy(&self, live: &Policy) -> Effect {
        let by_emulator = self.policy_with(&OWNER_MAY_BY_EMULATOR);
        if by_emulator.judge(live) == Effect::Same { Effect::Same } else { self.policy().judge(live) }
    }
}
