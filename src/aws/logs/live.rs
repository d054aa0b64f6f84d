//! A log group's settings, as read from AWS.

use super::OwnPolicy;
use aws_sdk_cloudwatchlogs::types::{LogGroup as AwsLogGroup, SubscriptionFilter as AwsFilter};

#[derive(Debug, Clone, Default)]
pub struct LogGroupLive {
    /// In days; `None`: events are kept for ever.
    pub retention_days: Option<i32>,
    /// The policy of the account that sets the retention instead of the group.
    pub retention_policy: Option<String>,
    /// The ARN of the key that encrypts the events.
    pub kms_key: Option<String>,
    /// The subscription filters, which send every event to their destinations.
    pub subscription_filters: Vec<SubscriptionFilter>,
    /// The group's own resource policy, which may let others write events.
    pub policy: Option<OwnPolicy>,
    /// The statements of the account's resource policies that give access to the group, with the policies' names.
    pub account_grants: Vec<String>,
    /// Whether anybody with a token may write events over HTTP.
    pub takes_bearer_tokens: bool,
    /// Whether the settings were read from an emulator.
    pub emulated: bool,
    /// Further settings, by AWS's names, which give nobody access.
    pub others: Vec<(&'static str, String)>,
}

/// Sends the events of a group to somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionFilter {
    pub name: String,
    /// The ARN of a stream, a function or a destination in another account.
    pub destination: String,
}

impl std::fmt::Display for SubscriptionFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} to {}", self.name, self.destination)
    }
}

impl LogGroupLive {
    pub(super) fn read(group: AwsLogGroup, filters: Vec<AwsFilter>) -> Self {
        let filter = |filter: AwsFilter| SubscriptionFilter {
            name: filter.filter_name.unwrap_or_default(),
            destination: filter.destination_arn.unwrap_or_default(),
        };
        let flag = |on: Option<bool>| on.unwrap_or_default().to_string();
        let class = group.log_group_class.as_ref().map_or("STANDARD", |class| class.as_str());
        let protection = group.data_protection_status.as_ref().map_or("none", |status| status.as_str());
        let others = vec![
            ("logGroupClass", class.to_owned()),
            ("dataProtectionStatus", protection.to_owned()),
            ("deletionProtectionEnabled", flag(group.deletion_protection_enabled)),
        ];
        Self {
            retention_days: group.retention_in_days,
            retention_policy: group.retention_policy_name,
            kms_key: group.kms_key_id,
            subscription_filters: filters.into_iter().map(filter).collect(),
            takes_bearer_tokens: group.bearer_token_authentication_enabled.unwrap_or_default(),
            policy: None,
            account_grants: Vec::new(),
            emulated: false,
            others,
        }
    }
}
