//! The list of all alarms.

use super::CloudWatch;
use super::alarm::{Alarm, AlarmKey, AlarmOutputs, pairs};
use crate::aws::error::OrFail;
use crate::aws::pages::{as_far_as_it_goes, closer};
use crate::engine::{Failure, InventoryItem, Listing, Unread};
use crate::scope::{Owner, Whose};

impl CloudWatch {
    pub(super) async fn alarms(&self, whose: &Whose) -> Listing {
        let prefix = Some(whose.prefix()).filter(|prefix| !prefix.is_empty());
        // Without a type, only metric alarms are listed. The stack has no other alarms.
        let pages = self.client.describe_alarms().set_alarm_name_prefix(prefix).into_paginator().send();
        let (pages, cut) = as_far_as_it_goes!(pages, "list the alarms");
        let alarms = pages.into_iter().flat_map(|page| page.metric_alarms.unwrap_or_default());
        let names = alarms.filter_map(|alarm| alarm.alarm_name).filter(|name| whose.may_own(name));
        let looks = names.map(|name| (name.clone(), self.listed_alarm(name)));
        let listing = closer::<Alarm, _>(looks.collect()).await;
        listing.and_unread(cut.map(|failure| Unread::new::<Alarm>(None, failure)))
    }

    async fn listed_alarm(&self, name: String) -> Result<Listing, Failure> {
        let arn = self.scope.arn("cloudwatch", &format!("alarm:{name}"));
        let Some(tags) = self.tags_of(&arn).await? else { return Ok(Listing::default()) };
        let owner = Owner::read(pairs(&tags));
        let key = |id| AlarmKey { id, name: name.clone() };
        let outputs = AlarmOutputs { arn: arn.clone() };
        Ok(vec![InventoryItem::new::<Alarm>((&name, &arn), owner, key, &outputs)].into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::testing::{cbor, replay_bytes, requests};

    #[tokio::test]
    async fn alarms_on_all_pages_are_recognised_by_their_tags() {
        let alarm = |name: &str| json!({ "AlarmName": name });
        let first = json!({ "MetricAlarms": [alarm("demo-a"), alarm("demonstration")], "NextToken": "p2" });
        let second = json!({ "MetricAlarms": [alarm("demo-b-a")] });
        let tags = |stack: &str, id: &str| {
            let tag = |key: &str, value: &str| json!({ "Key": key, "Value": value });
            json!({ "Tags": [tag("securelambda:stack", stack), tag("securelambda:resource", id)] })
        };
        let answers = [first, second, tags("demo", "alarm.a"), tags("demo-b", "alarm.a")];
        let (clients, http) = replay_bytes(answers.iter().map(|answer| (200, cbor(answer))).collect());
        let listed = CloudWatch::new(&clients).alarms(&Whose::Stack("demo".into())).await;
        assert!(listed.unread.is_empty(), "{:?}", listed.unread);
        let seen: Vec<_> = listed.listed.iter().map(|one| (one.name.as_str(), one.stack.as_deref().unwrap())).collect();
        assert_eq!(seen, [("demo-a", "demo"), ("demo-b-a", "demo-b")]);
        assert_eq!(listed.listed[0].remove, "aws cloudwatch delete-alarms --alarm-names demo-a");
        let requests = requests(&http);
        assert!(requests[0].contains("AlarmNamePrefix") && requests[0].contains("demo-"), "{requests:?}");
        assert!(requests[1].contains("p2"), "{requests:?}");
    }
}
