//! All log groups of functions, and of the stages of HTTP APIs.

use futures_util::future::try_join_all;

use super::{LogGroup, LogGroupKey, Logs};
use crate::aws::error::{DENIED, OrAbsent, OrFail};
use crate::aws::{closer, pairs};
use crate::engine::{Failure, Inventory, Listed};
use crate::scope::{Owner, Whose};

/// Where the log groups of functions are, and those of HTTP APIs.
const PLACES: [&str; 2] = ["/aws/lambda/", "/aws/vendedlogs/apis/"];

impl Logs {
    async fn listed_group(&self, name: String) -> Result<Vec<Listed>, Failure> {
        let outputs = self.outputs(&name);
        let tags = self.client.list_tags_for_resource().resource_arn(&outputs.arn).send().await;
        let listed = |owner| {
            let key = |id| LogGroupKey { id, name: name.clone() };
            let remove = format!("aws logs delete-log-group --log-group-name {name}");
            Listed::new::<LogGroup>((&name, &outputs.arn), owner, key, &outputs, remove)
        };
        let tags = match tags.or_fail(&format!("read the tags of the log group {name}")) {
            Err(failure) if DENIED.is(&failure) => return Ok(vec![listed(None).denied()]),
            tags => tags.or_absent()?,
        };
        Ok(tags.map(|tags| listed(Owner::read(pairs(tags.tags())))).into_iter().collect())
    }
}

impl Logs {
    /// The names of the groups at a place.
    async fn groups_at(&self, place: &str, whose: &Whose) -> Result<Vec<String>, Failure> {
        let call = self.client.describe_log_groups().log_group_name_prefix(format!("{place}{}", whose.prefix()));
        let mut groups = call.into_paginator().items().send();
        let mut names = Vec::new();
        while let Some(group) = groups.next().await {
            let name = group.or_fail("list the log groups")?.log_group_name.unwrap_or_default();
            if name.strip_prefix(place).is_some_and(|rest| whose.may_own(rest)) {
                names.push(name);
            }
        }
        Ok(names)
    }
}

impl Inventory<LogGroup> for Logs {
    async fn list(&self, whose: &Whose) -> Result<Vec<Listed>, Failure> {
        let names = try_join_all(PLACES.map(|place| self.groups_at(place, whose))).await?.concat();
        closer(names.into_iter().map(|name| self.listed_group(name)).collect()).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{replay, requests};

    #[tokio::test]
    async fn groups_are_listed_to_the_end_and_told_by_their_tags() {
        let first = r#"{"logGroups":[{"logGroupName":"/aws/lambda/demo-f"}],"nextToken":"p2"}"#;
        let second = r#"{"logGroups":[{"logGroupName":"/aws/lambda/demo-g"},{"logGroupName":"/aws/lambda/demo-h"}]}"#;
        let ours = r#"{"tags":{"securelambda:stack":"demo","securelambda:resource":"logs.f"}}"#;
        let gone = r#"{"__type":"ResourceNotFoundException","message":"no"}"#;
        let (clients, http) = replay(vec![
            (200, first),
            (200, r#"{"logGroups":[]}"#),
            (200, second),
            (200, ours),
            (200, r#"{"tags":{}}"#),
            (400, gone),
        ]);
        let listed = Logs::new(&clients).list(&Whose::Stack("demo".into())).await.unwrap();
        let seen: Vec<_> = listed.iter().map(|one| (one.id.as_str(), one.stack.as_deref())).collect();
        assert_eq!(seen, [("logs.f", Some("demo")), ("group./aws/lambda/demo-g", None)]);
        let requests = requests(&http);
        assert!(requests[0].contains(r#""logGroupNamePrefix":"/aws/lambda/demo-""#), "{requests:?}");
        assert!(requests[1].contains(r#""logGroupNamePrefix":"/aws/vendedlogs/apis/demo-""#), "{requests:?}");
        assert!(requests[2].contains(r#""nextToken":"p2""#), "{requests:?}");
    }
}
