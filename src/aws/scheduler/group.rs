//! The group of a stack's schedules.

use aws_sdk_scheduler::types::{ScheduleGroupState, Tag};
use serde::{Deserialize, Serialize};

use super::refusals::GROUP_GOING;
use super::{SERVICE, Scheduler};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::{confirmed, settled, until};
use crate::aws::tags::tags;
use crate::engine::{Comparison, Failure, Found, Listing, Provider, Resource, Task};
use crate::layer::Layer;
use crate::scope::Whose;

const GROUPS: &[&str] = &["{arn:scheduler}:schedule-group/{stack}-schedules"];

/// While a group is deleted: the first and the longest pause between two reads, in milliseconds, and the total time in
/// seconds.
const PACE: (u64, u64) = (1000, 5000);
const BUDGET: u64 = 300;

/// A group of schedules. It has no settings.
#[derive(Debug, Clone)]
pub struct ScheduleGroup {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 1 to 64 of `0-9 A-Z a-z - _ .`.
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupOutputs {
    pub name: String,
    /// `arn:aws:scheduler:<region>:<account>:schedule-group/<name>`.
    pub arn: String,
}

/// A group is looked up by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupKey {
    pub(super) id: String,
    pub(super) name: String,
}

impl Resource for ScheduleGroup {
    const KIND: &'static str = "scheduler.group";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    const GUARDS: bool = false;
    type Key = GroupKey;
    type Outputs = GroupOutputs;
    type Live = ();

    fn key(&self) -> GroupKey {
        GroupKey { id: self.id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &GroupOutputs) -> String {
        outputs.arn.clone()
    }

    fn removal_command(outputs: &GroupOutputs) -> Option<String> {
        Some(format!("aws scheduler delete-schedule-group --name {}", outputs.name))
    }

    fn compare(&self, (): &()) -> Comparison {
        Comparison::default()
    }
}

impl Described for ScheduleGroup {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "schedule group",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::Scheduler,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: GROUPS,
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Survivors, Usage::Delete],
                    actions: &["scheduler:GetScheduleGroup", "scheduler:ListTagsForResource"],
                }],
            },
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: GROUPS,
                rights: &[Permissions {
                    needs: &[Usage::Create],
                    actions: &["scheduler:CreateScheduleGroup", "scheduler:TagResource"],
                }],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: GROUPS,
                rights: &[Permissions { needs: &[Usage::Delete], actions: &["scheduler:DeleteScheduleGroup"] }],
            },
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[Permissions { needs: &[Usage::Survivors], actions: &["scheduler:ListScheduleGroups"] }],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "schedule group",
            holds: "it is the stack's own",
            read: "GetScheduleGroup and ListTagsForResource",
        },
    };
}

impl Scheduler {
    /// Whether there is such a group that is not being deleted.
    async fn has(&self, group: &str) -> Result<bool, Failure> {
        let answer = self.client.get_schedule_group().name(group).send().await;
        let answer = answer.or_fail(&format!("read the schedule group {group}")).or_absent()?;
        Ok(answer.is_some_and(|group| group.state() != Some(&ScheduleGroupState::Deleting)))
    }
}

impl Provider<ScheduleGroup> for Scheduler {
    async fn read(
        &self,
        key: &GroupKey,
        _: Option<&GroupOutputs>,
        _: &Task,
    ) -> Result<Option<Found<ScheduleGroup>>, Failure> {
        let (there, ours) = tokio::join!(self.has(&key.name), self.owns(&key.name));
        let outputs = GroupOutputs { name: key.name.clone(), arn: self.group_arn(&key.name) };
        match (there?, ours?) {
            (true, Some(true)) => Ok(Some(Found { outputs, live: () })),
            (true, Some(false)) => Err(Failure::foreign("the schedule group", &outputs.arn)),
            _ => Ok(None),
        }
    }

    fn predict(&self, want: &ScheduleGroup) -> Option<GroupOutputs> {
        Some(GroupOutputs { name: want.name.clone(), arn: self.group_arn(&want.name) })
    }

    async fn create(&self, want: &ScheduleGroup, task: &Task) -> Result<GroupOutputs, Failure> {
        let doing = format!("create the schedule group {}", want.name);
        let made = settled(task, &[&GROUP_GOING], || async {
            let tags = tags(&self.scope, &want.id, |key, value| Tag::builder().key(key).value(value).build())?;
            self.once.create_schedule_group().name(&want.name).set_tags(Some(tags)).send().await.or_fail(&doing)
        });
        made.await?;
        Ok(GroupOutputs { name: want.name.clone(), arn: self.group_arn(&want.name) })
    }

    async fn update(&self, _: &ScheduleGroup, found: &Found<ScheduleGroup>, _: &Task) -> Result<GroupOutputs, Failure> {
        Ok(found.outputs.clone())
    }

    async fn vouch(&self, recorded: &GroupOutputs, _: &Task) -> Result<bool, Failure> {
        Ok(self.owns(&recorded.name).await?.unwrap_or(true))
    }

    async fn delete(&self, gone: &GroupOutputs, task: &Task) -> Result<(), Failure> {
        let name = &gone.name;
        let deleted = self.client.delete_schedule_group().name(name).send().await;
        if deleted.or_fail(&format!("delete the schedule group {name}")).or_absent()?.is_none() {
            return Ok(());
        }
        let seen_gone = until(task, "the schedule group is not gone yet", PACE, BUDGET, || async {
            let read = self.client.get_schedule_group().name(name).send().await;
            let read = read.or_fail(&format!("read the schedule group {name}")).or_absent()?;
            Ok(read.is_none().then_some(()))
        });
        confirmed(seen_gone.await)
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        Ok(self.groups(whose).await)
    }
}
