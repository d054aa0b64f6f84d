//! The list of all log groups of functions, of the stages of APIs and of web ACLs.

use futures_util::future::join_all;

use super::{EXECUTION_LOGS, LogGroup, LogGroupKey, Logs};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::pages::{as_far_as_it_goes, closer};
use crate::aws::tags::pairs;
use crate::engine::{Failure, InventoryItem, Listing, Unread};
use crate::scope::{Owner, Whose};

/// The prefixes of the log groups of functions and of access logs. After them comes the stack's name.
const PLACES: [&str; 2] = ["/aws/lambda/", "/aws/vendedlogs/apis/"];

/// The prefix of the log groups of web ACLs. The stack's name follows, and nothing else.
const FIREWALLS: &str = "aws-waf-logs-";

impl Logs {
    async fn listed_group(&self, name: String) -> Result<Listing, Failure> {
        let outputs = self.outputs(&name);
        let tags = self.client.list_tags_for_resource().resource_arn(&outputs.arn).send().await;
        let tags = tags.or_fail(&format!("read the tags of the log group {name}")).or_absent()?;
        let Some(tags) = tags else { return Ok(Listing::default()) };
        let owner = Owner::read(pairs(tags.tags()));
        let key = |id| LogGroupKey { id, name: name.clone() };
        Ok(vec![InventoryItem::new::<LogGroup>((&name, &outputs.arn), owner, key, &outputs)].into())
    }
}

impl Logs {
    /// The names of the groups with a prefix, and the failure if the list could not be read to its end.
    async fn groups_at(&self, place: &str, whose: &Whose) -> (Vec<String>, Option<Unread>) {
        let (mut names, cut) = self.groups_like(format!("{place}{}", whose.prefix()), place).await;
        names.retain(|name| name.strip_prefix(place).is_some_and(|rest| whose.may_own(rest)));
        (names, cut)
    }

    /// The names of the log groups of web ACLs, and the failure if the list could not be read to its end.
    async fn groups_of_firewalls(&self, whose: &Whose) -> (Vec<String>, Option<Unread>) {
        let beginning = match whose {
            Whose::Stack(name) | Whose::Named(name) => name.as_str(),
            Whose::Any => "",
        };
        let (mut names, cut) = self.groups_like(format!("{FIREWALLS}{beginning}"), FIREWALLS).await;
        names.retain(|name| name.strip_prefix(FIREWALLS).is_some_and(|stack| whose.includes(stack)));
        (names, cut)
    }

    async fn groups_like(&self, prefix: String, place: &str) -> (Vec<String>, Option<Unread>) {
        let call = self.client.describe_log_groups().log_group_name_prefix(prefix);
        let (groups, cut) = as_far_as_it_goes!(call.into_paginator().items().send(), "list the log groups");
        let names = groups.into_iter().filter_map(|group| group.log_group_name).collect();
        (names, cut.map(|failure| Unread::new::<LogGroup>(format!("under {place}"), failure)))
    }
}

impl Logs {
    pub(super) async fn list_groups(&self, whose: &Whose) -> Result<Listing, Failure> {
        let (places, firewalls, (executions, cut)) = tokio::join!(
            join_all(PLACES.map(|place| self.groups_at(place, whose))),
            self.groups_of_firewalls(whose),
            self.execution_logs(),
        );
        let (names, cuts): (Vec<_>, Vec<_>) = places.into_iter().chain([firewalls]).unzip();
        let looks = names.concat().into_iter().map(|name| (name.clone(), self.listed_group(name)));
        let mut listing = closer::<LogGroup, _>(looks.collect()).await.and_unread(cuts.into_iter().flatten());
        // The names of execution logs do not contain a stack's name, and most of them belong to somebody else.
        let looks = executions.into_iter().map(|name| {
            let group = name.clone();
            let look = async move {
                let mut seen = self.listed_group(group).await?;
                seen.listed.retain(|one| one.stack.as_ref().is_some_and(|stack| whose.includes(stack)));
                Ok(seen)
            };
            (name, look)
        });
        listing.extend(closer::<LogGroup, _>(looks.collect()).await);
        Ok(listing.and_unread(cut))
    }

    /// The names of all groups of execution logs in the account.
    async fn execution_logs(&self) -> (Vec<String>, Option<Unread>) {
        let call = self.client.describe_log_groups().log_group_name_prefix(EXECUTION_LOGS);
        let (groups, cut) = as_far_as_it_goes!(call.into_paginator().items().send(), "list the log groups");
        let mut names: Vec<String> = groups.into_iter().filter_map(|group| group.log_group_name).collect();
        names.retain(|name| name.starts_with(EXECUTION_LOGS));
        (names, cut.map(|failure| Unread::new::<LogGroup>(format!("under {EXECUTION_LOGS}"), failure)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{replay, requests};

    #[tokio::test]
    async fn groups_on_all_pages_are_recognised_by_their_tags() {
        let first = r#"{"logGroups":[{"logGroupName":"/aws/lambda/demo-f"}],"nextToken":"p2"}"#;
        let second = r#"{"logGroups":[{"logGroupName":"/aws/lambda/demo-g"},{"logGroupName":"/aws/lambda/demo-h"}]}"#;
        let ours = r#"{"tags":{"securelambda:stack":"demo","securelambda:resource":"logs.f"}}"#;
        let gone = r#"{"__type":"ResourceNotFoundException","message":"no"}"#;
        let executions = r#"{"logGroups":[{"logGroupName":"API-Gateway-Execution-Logs_abc/live"},
            {"logGroupName":"API-Gateway-Execution-Logs_zzz/theirs"}]}"#;
        let (clients, http) = replay(vec![
            (200, first),
            (200, r#"{"logGroups":[]}"#),
            (200, r#"{"logGroups":[{"logGroupName":"aws-waf-logs-demo"},{"logGroupName":"aws-waf-logs-demo2"}]}"#),
            (200, executions),
            (200, second),
            (200, ours),
            (200, r#"{"tags":{}}"#),
            (400, gone),
            (200, &ours.replace("logs.f", "firewall.log")),
            (200, &ours.replace("logs.f", "api.execution-log")),
            (200, r#"{"tags":{}}"#),
        ]);
        let listed = Logs::new(&clients).list_groups(&Whose::Stack("demo".into())).await.unwrap().listed;
        let seen: Vec<_> = listed.iter().map(|one| (one.id.as_str(), one.stack.as_deref())).collect();
        let expected = [
            ("logs.f", Some("demo")),
            ("group./aws/lambda/demo-g", None),
            ("firewall.log", Some("demo")),
            ("api.execution-log", Some("demo")),
        ];
        assert_eq!(seen, expected, "a group of an API that no stack has is nobody's concern");
        let requests = requests(&http);
        let prefix = |index: usize, text: &str| {
            let wanted = format!(r#""logGroupNamePrefix":"{text}""#);
            assert!(requests[index].contains(&wanted), "{requests:?}");
        };
        prefix(0, "/aws/lambda/demo-");
        prefix(1, "/aws/vendedlogs/apis/demo-");
        prefix(2, "aws-waf-logs-demo");
        prefix(3, "API-Gateway-Execution-Logs_");
        assert!(requests[4].contains(r#""nextToken":"p2""#), "{requests:?}");
    }
}
