//! The list of all schedule groups.

use aws_sdk_scheduler::types::ScheduleGroupState;

use super::group::{GroupKey, GroupOutputs, ScheduleGroup};
use super::{Scheduler, pairs};
use crate::aws::error::OrFail;
use crate::aws::pages::{as_far_as_it_goes, closer};
use crate::engine::{Failure, InventoryItem, Listing, Unread};
use crate::scope::{Owner, Whose};

impl Scheduler {
    pub(super) async fn groups(&self, whose: &Whose) -> Listing {
        let prefix = Some(whose.prefix()).filter(|prefix| !prefix.is_empty());
        let groups = self.client.list_schedule_groups().set_name_prefix(prefix).into_paginator().items().send();
        let (groups, cut) = as_far_as_it_goes!(groups, "list the schedule groups");
        let there = groups.into_iter().filter(|group| group.state != Some(ScheduleGroupState::Deleting));
        let names = there.filter_map(|group| group.name).filter(|name| whose.may_own(name));
        let looks = names.map(|name| (name.clone(), self.listed_group(name)));
        let listing = closer::<ScheduleGroup, _>(looks.collect()).await;
        listing.and_unread(cut.map(|failure| Unread::new::<ScheduleGroup>(None, failure)))
    }

    async fn listed_group(&self, name: String) -> Result<Listing, Failure> {
        let Some(tags) = self.tags_of(&name).await? else { return Ok(Listing::default()) };
        let owner = Owner::read(pairs(&tags));
        let key = |id| GroupKey { id, name: name.clone() };
        let outputs = GroupOutputs { name: name.clone(), arn: self.group_arn(&name) };
        Ok(vec![InventoryItem::new::<ScheduleGroup>((&name, &outputs.arn), owner, key, &outputs)].into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{replay, requests};

    #[tokio::test]
    async fn groups_are_recognised_by_their_tags() {
        let group = |name: &str, state: &str| format!(r#"{{"Name":"{name}","State":"{state}"}}"#);
        let groups = [group("demo-schedules", "ACTIVE"), group("demo-old", "DELETING")].join(",");
        let list = format!(r#"{{"ScheduleGroups":[{groups}]}}"#);
        let tags = r#"{"Tags":[{"Key":"securelambda:stack","Value":"demo"},{"Key":"securelambda:resource","Value":"schedules.group"}]}"#;
        let (clients, http) = replay(vec![(200, &list), (200, tags)]);
        let listed = Scheduler::new(&clients).groups(&Whose::Stack("demo".into())).await.listed;
        let seen: Vec<_> = listed.iter().map(|one| (one.id.as_str(), one.name.as_str())).collect();
        assert_eq!(seen, [("schedules.group", "demo-schedules")]);
        assert!(requests(&http)[0].contains("NamePrefix=demo-"));
    }
}
