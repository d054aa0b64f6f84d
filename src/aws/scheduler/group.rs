//! The group of a stack's schedules.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_scheduler::types::{ScheduleGroupState, ScheduleSummary, Tag};
use serde::{Deserialize, Serialize};

use super::refusals::GROUP_GOING;
use super::{SERVICE, Schedule, Scheduler};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::pages::{as_far_as_it_goes, whole};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::{confirmed, settled, until};
use crate::aws::tags::tags;
use crate::engine::{Comparison, Failure, Found, Listing, Provider, Resource, Retag, Tags, Task};
use crate::layer::Layer;
use crate::scope::Whose;

const GROUPS: &[&str] = &["{arn:scheduler}:schedule-group/{stack}-schedules"];

/// While a group is deleted: the first and the longest pause between two reads, in milliseconds, and the total time in
/// seconds.
const PACE: (u64, u64) = (1000, 5000);
const BUDGET: u64 = 300;

pub(super) const SCHEDULES: &[&str] = &["{arn:scheduler}:schedule/{stack}-schedules/*"];

/// A group of schedules. It has no settings, but only the stack's own schedules may be in it.
#[derive(Debug, Clone)]
pub struct ScheduleGroup {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 1 to 64 of `0-9 A-Z a-z - _ .`.
    pub name: String,
    /// The names of its schedules.
    pub schedules: BTreeSet<String>,
}

/// A group's schedules: the ARNs of their targets, by their names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupLive {
    pub schedules: BTreeMap<String, String>,
    /// The names of its schedules according to the state. The engine itself deletes those that the stack file no longer
    /// has.
    pub recorded: BTreeSet<String>,
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

impl ScheduleGroup {
    /// The schedules that neither the stack file nor the state has.
    fn others<'a>(&self, live: &'a GroupLive) -> impl Iterator<Item = (&'a String, &'a String)> {
        let is_ours = |name: &String| self.schedules.contains(name) || live.recorded.contains(name);
        live.schedules.iter().filter(move |(name, _)| !is_ours(name))
    }
}

impl Resource for ScheduleGroup {
    const KIND: &'static str = "scheduler.group";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    const GUARDS: bool = false;
    type Key = GroupKey;
    type Outputs = GroupOutputs;
    type Live = GroupLive;

    fn key(&self) -> GroupKey {
        GroupKey { id: self.id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &GroupOutputs) -> String {
        outputs.arn.clone()
    }

    fn removal_command(outputs: &GroupOutputs) -> Option<String> {
        Some(format!("aws scheduler delete-schedule-group --name {}", outputs.name))
    }

    fn compare(&self, live: &GroupLive) -> Comparison {
        let others = self.others(live).map(|(name, target)| format!("{name} calls {target}"));
        Comparison::default().nothing_else("other schedules", others)
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
                sid: Sid::RetagOwn,
                on: GROUPS,
                rights: &[Permissions {
                    needs: &[Usage::Update],
                    actions: &["scheduler:TagResource", "scheduler:UntagResource"],
                }],
            },
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
                sid: Sid::OwnByName,
                on: SCHEDULES,
                rights: &[Permissions { needs: &[Usage::Update], actions: &["scheduler:DeleteSchedule"] }],
            },
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[
                    Permissions { needs: &[Usage::Read], actions: &["scheduler:ListSchedules"] },
                    Permissions { needs: &[Usage::Survivors], actions: &["scheduler:ListScheduleGroups"] },
                ],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "schedule group",
            holds: "the group belongs to the stack and contains only the stack's schedules",
            read: "GetScheduleGroup, ListTagsForResource and ListSchedules",
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

    /// The schedules of a group, with the ARNs of their targets; `None` if there is no such group.
    async fn schedules_of(&self, group: &str) -> Result<Option<BTreeMap<String, String>>, Failure> {
        let doing = format!("list the schedules of the group {group}");
        let pages = self.client.list_schedules().group_name(group).into_paginator().items().send();
        let listed = whole(as_far_as_it_goes!(pages, &doing)).or_absent()?;
        let named = |one: ScheduleSummary| {
            let target = one.target.map(|target| target.arn).unwrap_or_default();
            Some((one.name?, target))
        };
        Ok(listed.map(|listed| listed.into_iter().filter_map(named).collect()))
    }
}

impl Provider<ScheduleGroup> for Scheduler {
    async fn read(
        &self,
        key: &GroupKey,
        _: Option<&GroupOutputs>,
        task: &Task,
    ) -> Result<Option<Found<ScheduleGroup>>, Failure> {
        let (there, ours, schedules) =
            tokio::join!(self.has(&key.name), self.owns(&key.name), self.schedules_of(&key.name));
        let outputs = GroupOutputs { name: key.name.clone(), arn: self.group_arn(&key.name) };
        match (there?, ours?) {
            (true, Some(true)) => {
                let recorded = task.recorded_parts::<Schedule>().filter(|key| key.group == outputs.name);
                let recorded = recorded.map(|key| key.name).collect();
                Ok(schedules?.map(|schedules| Found { outputs, live: GroupLive { schedules, recorded } }))
            }
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

    /// Removes the schedules that are not the stack's. The group is the stack's, so `down` would delete them with it.
    async fn update(
        &self,
        want: &ScheduleGroup,
        found: &Found<ScheduleGroup>,
        _: &Task,
    ) -> Result<GroupOutputs, Failure> {
        for (name, _) in want.others(&found.live) {
            self.remove_schedule(&want.name, name).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn tags(&self, of: &GroupOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        self.tags_at(&of.arn).await
    }

    async fn retag(&self, of: &GroupOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&of.arn, change, task).await
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::scheduler::ScheduleOutputs;
    use crate::aws::testing::{replay, requests};
    use crate::engine::Drift;

    #[tokio::test]
    async fn a_strangers_schedule_in_the_group_weakens_and_is_removed() {
        let want = ScheduleGroup {
            id: "schedules.group".into(),
            name: "demo-schedules".into(),
            schedules: ["Nightly".to_owned()].into(),
        };
        let group = r#"{"Name":"demo-schedules","State":"ACTIVE"}"#;
        let tags = r#"{"Tags":[{"Key":"securelambda:stack","Value":"demo"}]}"#;
        let schedules =
            r#"{"Schedules":[{"Name":"Nightly","Target":{"Arn":"arn:f"}},{"Name":"x","Target":{"Arn":"arn:g"}}]}"#;
        // A schedule that a run created is in the state, and the engine deletes it.
        let recorded = Task::detached("schedules.group")
            .with_parts_of::<Schedule>([ScheduleOutputs { group: want.name.clone(), name: "x".into() }]);
        let (clients, _) = replay(vec![(200, group), (200, tags), (200, schedules)]);
        let found = Provider::<ScheduleGroup>::read(&Scheduler::new(&clients), &want.key(), None, &recorded).await;
        assert!(want.compare(&found.unwrap().unwrap().live).is_as_wanted());
        let (clients, http) = replay(vec![(200, group), (200, tags), (200, schedules), (200, "{}")]);
        let provider = Scheduler::new(&clients);
        let task = Task::detached("schedules.group");
        let found = Provider::<ScheduleGroup>::read(&provider, &want.key(), None, &task).await.unwrap().unwrap();
        assert_eq!(want.compare(&found.live).drift(), [Drift::weakening("other schedules", "none", "x calls arn:g")]);
        provider.update(&want, &found, &task).await.unwrap();
        let sent = requests(&http);
        assert_eq!(sent.len(), 4, "{sent:?}");
        assert!(sent[3].contains("/schedules/x?groupName=demo-schedules"), "{sent:?}");
    }
}
