//! The calls that read and change a log group's settings.

use aws_sdk_cloudwatchlogs::types::SubscriptionFilter as AwsFilter;

use super::refusals::{LOGS_BUSY, LOGS_KEY, LOGS_TAGGED, LOGS_VISIBLE};
use super::{EXECUTION_LOGS, LogGroup, LogGroupOutputs, Logs};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::settle::{Wait, settled};
use crate::engine::{Failure, Task};

impl Logs {
    pub(super) async fn subscription_filters(&self, group: &str) -> Result<Vec<AwsFilter>, Failure> {
        let call = self.client.describe_subscription_filters().log_group_name(group);
        let mut filters = call.into_paginator().items().send();
        let mut all = Vec::new();
        while let Some(filter) = filters.next().await {
            all.push(filter.or_fail(&format!("list the subscription filters of the log group {group}"))?);
        }
        Ok(all)
    }

    pub(super) async fn remove_filter(&self, group: &str, filter: &str, task: &Task) -> Result<(), Failure> {
        let doing = format!("remove the subscription filter {filter} from the log group {group}");
        let removed = settled(task, &[&LOGS_BUSY], || async {
            let call = self.client.delete_subscription_filter().log_group_name(group).filter_name(filter);
            call.send().await.or_fail(&doing)
        });
        removed.await.or_absent().map(drop)
    }

    pub(super) async fn refuse_bearer_tokens(&self, group: &LogGroupOutputs, task: &Task) -> Result<(), Failure> {
        let doing = format!("make the log group {} refuse bearer tokens", group.name);
        let set = settled(task, &[&LOGS_BUSY], || async {
            let call = self.client.put_bearer_token_authentication().log_group_identifier(&group.name);
            call.bearer_token_authentication_enabled(false).send().await.or_fail(&doing)
        });
        set.await.map(drop)
    }

    /// Encrypts new events with the wanted key, or with AWS's own key if none is wanted.
    pub(super) async fn set_key(&self, want: &LogGroup, task: &Task) -> Result<(), Failure> {
        let group = &want.name;
        if let Some(key) = want.kms_key.key() {
            let doing = format!("encrypt the log group {group} with {key}");
            let set = settled(task, &[&LOGS_BUSY, &LOGS_KEY], || async {
                let call = self.client.associate_kms_key().log_group_name(group).kms_key_id(key);
                call.send().await.or_fail(&doing)
            });
            return set.await.map(drop);
        }
        let doing = format!("remove the key of the log group {group}");
        let taken = settled(task, &[&LOGS_BUSY], || async {
            self.client.disassociate_kms_key().log_group_name(group).send().await.or_fail(&doing)
        });
        taken.await.map(drop)
    }

    pub(super) async fn retain(&self, want: &LogGroup, task: &Task) -> Result<(), Failure> {
        let doing = format!("set the retention of the log group {}", want.name);
        // An operator may change execution logs only by their tags, which IAM may not see at once.
        let waits: &[&Wait] = if want.name.starts_with(EXECUTION_LOGS) {
            &[&LOGS_VISIBLE, &LOGS_BUSY, &LOGS_TAGGED]
        } else {
            &[&LOGS_VISIBLE, &LOGS_BUSY]
        };
        let set = settled(task, waits, || async {
            let call = self.client.put_retention_policy().log_group_name(&want.name);
            call.retention_in_days(want.retention_days).send().await.or_fail(&doing)
        });
        set.await.map(drop)
    }
}
