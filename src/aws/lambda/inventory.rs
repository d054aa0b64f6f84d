//! The lists of all functions and event source mappings. They do not show tags (docs/aws.md, Functions).

use super::event_source_mapping::{EventSourceMapping, MappingKey, MappingOutputs};
use super::{Function, FunctionKey, FunctionOutputs, Lambda};
use crate::aws::error::OrFail;
use crate::aws::pages::{as_far_as_it_goes, closer};
use crate::aws::tags::pairs;
use crate::engine::{Failure, InventoryItem, Listing, Unread};
use crate::scope::{Owner, Whose};

impl Lambda {
    async fn listed_function(&self, name: String, arn: String) -> Result<Listing, Failure> {
        let tags = match self.read(&name).await {
            Ok(Some(read)) => {
                // This fails if the tags cannot be read, because the function may still belong to the stack.
                self.owns(&read)?;
                Some(read.tags.unwrap_or_default())
            }
            Ok(None) => None,
            // `ListTags` returns the tags too.
            Err(failure) => self.tags(&arn).await.map_err(|_| failure)?,
        };
        let Some(tags) = tags else { return Ok(Listing::default()) };
        let owner = Owner::read(pairs(Some(&tags)));
        let key = |id| FunctionKey { id, name: name.clone() };
        let outputs = FunctionOutputs { name: name.clone(), arn: arn.clone() };
        Ok(vec![InventoryItem::new::<Function>((&name, &arn), owner, key, &outputs)].into())
    }
}

impl Lambda {
    pub(super) async fn list_functions(&self, whose: &Whose) -> Result<Listing, Failure> {
        let functions = self.client.list_functions().into_paginator().items().send();
        let (functions, cut) = as_far_as_it_goes!(functions, "list the functions");
        let named = functions.into_iter().filter_map(|one| one.function_name.zip(one.function_arn));
        let ours = named.filter(|(name, _)| whose.may_own(name));
        let looks = ours.map(|(name, arn)| (name.clone(), self.listed_function(name, arn)));
        let listing = closer::<Function, _>(looks.collect()).await;
        Ok(listing.and_unread(cut.map(|failure| Unread::new::<Function>(None, failure))))
    }
}

/// The resource part of an ARN. It may contain colons, as for the stream of a table.
fn last(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).unwrap_or(arn)
}

impl Lambda {
    pub(super) async fn list_mappings(&self, whose: &Whose) -> Listing {
        let mappings = self.client.list_event_source_mappings().into_paginator().items().send();
        let (mappings, cut) = as_far_as_it_goes!(mappings, "list the event source mappings");
        let there = mappings.into_iter().filter(|one| one.state() != Some("Deleting"));
        let looks = there.filter_map(|one| {
            let (uuid, source) = (one.uuid?, one.event_source_arn.unwrap_or_default());
            // `arn:aws:lambda:<region>:<account>:function:<name>`, and perhaps a qualifier.
            let function = one.function_arn.as_deref().and_then(|arn| arn.split(':').nth(6)).unwrap_or_default();
            let key = MappingKey { function: function.to_owned(), source_arn: source };
            let name = format!("{} to {function}", last(&key.source_arn));
            whose.may_own(function).then(|| (name.clone(), self.listed_mapping(name, key, uuid)))
        });
        let listing = closer::<EventSourceMapping, _>(looks.collect()).await;
        listing.and_unread(cut.map(|failure| Unread::new::<EventSourceMapping>(None, failure)))
    }

    async fn listed_mapping(&self, name: String, key: MappingKey, uuid: String) -> Result<Listing, Failure> {
        let arn = self.mapping_arn(&uuid);
        let Some(tags) = self.tags(&arn).await? else { return Ok(Listing::default()) };
        let owner = Owner::read(pairs(Some(&tags)));
        let outputs = MappingOutputs { uuid };
        Ok(vec![InventoryItem::new::<EventSourceMapping>((&name, &arn), owner, |_| key, &outputs)].into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{replay, requests};

    fn page(names: &[&str], next: &str) -> String {
        let functions: Vec<String> =
            names.iter().map(|name| format!(r#"{{"FunctionName":"{name}","FunctionArn":"arn:{name}"}}"#)).collect();
        format!(r#"{{"Functions":[{}]{next}}}"#, functions.join(","))
    }

    #[tokio::test]
    async fn functions_on_all_pages_are_recognised_by_their_tags() {
        let (first, second) = (page(&["demo-f", "x"], r#","NextMarker":"m2""#), page(&["demo-g", "demo-gone"], ""));
        let read = |name: &str, stack: &str| {
            format!(r#"{{"Configuration":{{"FunctionName":"{name}"}},"Tags":{{"securelambda:stack":"{stack}"}}}}"#)
        };
        let (f, g) = (read("demo-f", "demo"), read("demo-g", "demo-b"));
        let gone = r#"{"Type":"User","Message":"Function not found"}"#;
        let absent = format!(r#"{{"__type":"ResourceNotFoundException",{}"#, &gone[1..]);
        let (clients, http) = replay(vec![(200, &first), (200, &second), (200, &f), (200, &g), (404, &absent)]);
        let listed = Lambda::new(&clients).list_functions(&Whose::Stack("demo".into())).await.unwrap().listed;
        let seen: Vec<_> = listed.iter().map(|one| (one.name.as_str(), one.stack.as_deref().unwrap())).collect();
        assert_eq!(seen, [("demo-f", "demo"), ("demo-g", "demo-b")]);
        assert!(requests(&http)[1].contains("Marker=m2"));
    }

    #[tokio::test]
    async fn mappings_are_recognised_by_their_tags() {
        let mapping = |uuid: &str, function: &str, state: &str| {
            format!(
                r#"{{"UUID":"{uuid}","State":"{state}","EventSourceArn":"arn:aws:sqs:r:1:demo-q","FunctionArn":"arn:aws:lambda:r:1:function:{function}"}}"#
            )
        };
        let all =
            [mapping("u-1", "demo-f", "Enabled"), mapping("u-2", "x", "Enabled"), mapping("u-3", "demo-f", "Deleting")];
        let list = format!(r#"{{"EventSourceMappings":[{}]}}"#, all.join(","));
        let tags = r#"{"Tags":{"securelambda:stack":"demo","securelambda:resource":"mapping.f.q"}}"#;
        let (clients, _) = replay(vec![(200, &list), (200, tags)]);
        let listed = Lambda::new(&clients).list_mappings(&Whose::Stack("demo".into())).await.listed;
        let seen: Vec<_> = listed.iter().map(|one| (one.id.as_str(), one.name.as_str())).collect();
        assert_eq!(seen, [("mapping.f.q", "demo-q to demo-f")]);
    }

    #[tokio::test]
    async fn unreadable_tags_do_not_make_a_function_foreign() {
        let list = page(&["demo-f"], "");
        let read =
            r#"{"Configuration":{"FunctionName":"demo-f"},"TagsError":{"ErrorCode":"AccessDenied","Message":"no"}}"#;
        let (clients, _) = replay(vec![(200, &list), (200, read)]);
        let listing = Lambda::new(&clients).list_functions(&Whose::Stack("demo".into())).await.unwrap();
        assert_eq!(listing.listed, []);
        let unread = &listing.unread[0];
        assert_eq!(unread.name.as_deref(), Some("demo-f"));
        assert!(unread.error.to_string().contains("could not read the tags"), "{}", unread.error);
    }

    #[tokio::test]
    async fn an_unreadable_function_or_page_does_not_hide_others() {
        let list = page(&["demo-f", "demo-g"], r#","NextMarker":"m2""#);
        let denied = r#"{"message":"no"}"#;
        let read = r#"{"Configuration":{"FunctionName":"demo-g"},"Tags":{"securelambda:stack":"demo"}}"#;
        // The first page; the second page; both calls for the first function; the only call for the second function.
        let answers = vec![(200, &*list), (403, denied), (403, denied), (403, denied), (200, read)];
        let (clients, http) = replay(answers);
        let listing = Lambda::new(&clients).list_functions(&Whose::Stack("demo".into())).await.unwrap();
        let unread: Vec<_> = listing.unread.iter().map(|one| one.name.as_deref()).collect();
        let listed: Vec<_> = listing.listed.iter().map(|one| one.name.as_str()).collect();
        assert_eq!((listed, unread), (vec!["demo-g"], vec![Some("demo-f"), None]), "{:?}", requests(&http));
    }
}
