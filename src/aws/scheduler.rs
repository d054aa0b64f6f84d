//! EventBridge Scheduler: schedules that call functions, in one group for a stack.
//!
//! Only groups carry tags: a schedule is ours if its group is. A deleted group has the state DELETING for a while, and
//! AWS deletes its schedules with it (docs/aws.md, Schedules).

mod group;
mod inventory;
pub mod refusals;
mod schedule;
mod tagging;

use aws_sdk_scheduler::types::Tag;

pub use self::group::{GroupKey, GroupOutputs, ScheduleGroup};
pub use self::schedule::{Schedule, ScheduleLive, ScheduleOutputs};
use super::Clients;
use super::error::{OrAbsent, OrFail};
use super::retries::{client, once};
use super::service::AwsService;
use crate::engine::Failure;
use crate::regions::Service;
use crate::scope::Scope;

pub const SERVICE: Service = Service::new("scheduler", "EventBridge Scheduler");

pub(super) const ABOUT: AwsService = AwsService {
    names: &[SERVICE.name],
    refusals: refusals::REFUSALS,
    waits: refusals::WAITS,
    #[cfg(test)]
    tests: refusals::tests::WAITS,
};

/// Manages schedules and their groups.
#[derive(Debug, Clone)]
pub struct Scheduler {
    client: aws_sdk_scheduler::Client,
    /// Without the SDK's retries, for calls that create.
    once: aws_sdk_scheduler::Client,
    scope: Scope,
}

impl Scheduler {
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: client!(aws_sdk_scheduler, &clients.sdk),
            once: once!(aws_sdk_scheduler, &clients.once),
            scope: clients.scope.clone(),
        }
    }

    fn group_arn(&self, group: &str) -> String {
        self.scope.arn("scheduler", &format!("schedule-group/{group}"))
    }

    /// The tags of a group; `None` if there is no such group.
    async fn tags_of(&self, group: &str) -> Result<Option<Vec<Tag>>, Failure> {
        let answer = self.client.list_tags_for_resource().resource_arn(self.group_arn(group)).send().await;
        let answer = answer.or_fail(&format!("read the tags of the schedule group {group}")).or_absent()?;
        Ok(answer.map(|answer| answer.tags.unwrap_or_default()))
    }

    /// Deletes a schedule, if it exists.
    async fn remove_schedule(&self, group: &str, name: &str) -> Result<(), Failure> {
        let deleted = self.client.delete_schedule().group_name(group).name(name).send().await;
        deleted.or_fail(&format!("delete the schedule {name}")).or_absent().map(drop)
    }

    /// Whether a group is this stack's; `None` if there is no such group.
    async fn owns(&self, group: &str) -> Result<Option<bool>, Failure> {
        Ok(self.tags_of(group).await?.map(|tags| self.scope.owns(pairs(&tags))))
    }
}

/// The tags as pairs of texts.
fn pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|tag| (tag.key(), tag.value()))
}
