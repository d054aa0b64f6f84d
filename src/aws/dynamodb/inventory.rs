//! The list of all tables.

use super::DynamoDb;
use super::settings::Table;
use super::table::{TableKey, TableOutputs};
use crate::aws::error::OrFail;
use crate::aws::pages::{as_far_as_it_goes, closer};
use crate::engine::{Failure, InventoryItem, Listing, Unread};
use crate::scope::{Owner, Whose};

impl DynamoDb {
    /// The tables that may belong to `whose`. AWS's list contains only names, in their order.
    pub(super) async fn tables(&self, whose: &Whose) -> Listing {
        let names = self.client.list_tables().into_paginator().items().send();
        let (names, cut) = as_far_as_it_goes!(names, "list the tables");
        let names = names.into_iter().filter(|name: &String| whose.may_own(name));
        let looks = names.map(|name| (name.clone(), self.listed_table(name)));
        let listing = closer::<Table, _>(looks.collect()).await;
        listing.and_unread(cut.map(|failure| Unread::new::<Table>(None, failure)))
    }

    async fn listed_table(&self, name: String) -> Result<Listing, Failure> {
        let Some(tags) = self.tags(&name).await? else { return Ok(Listing::default()) };
        let owner = Owner::read(tags.iter().map(|tag| (tag.key(), tag.value())));
        let key = |id| TableKey { id, name: name.clone() };
        let outputs = TableOutputs { arn: self.arn(&name), stream_arn: None };
        Ok(vec![InventoryItem::new::<Table>((&name, &outputs.arn), owner, key, &outputs)].into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::replay;

    #[tokio::test]
    async fn tables_on_all_pages_are_recognised_by_their_tags() {
        let first =
            serde_json::json!({ "TableNames": ["demo-notes", "other"], "LastEvaluatedTableName": "other" }).to_string();
        let second = serde_json::json!({ "TableNames": ["demo-b-notes", "demo-gone"] }).to_string();
        let tags = |stack: &str| {
            let tag = |key: &str, value: &str| serde_json::json!({ "Key": key, "Value": value });
            let tags = [tag("securelambda:stack", stack), tag("securelambda:resource", "table.notes")];
            serde_json::json!({ "Tags": tags }).to_string()
        };
        let gone = r#"{"__type":"ResourceNotFoundException","message":"no"}"#;
        let (ours, theirs) = (tags("demo"), tags("demo-b"));
        let (clients, _) = replay(vec![(200, &*first), (200, &*second), (200, &*ours), (200, &*theirs), (400, gone)]);
        let listed = DynamoDb::new(&clients).tables(&Whose::Stack("demo".into())).await;
        assert!(listed.unread.is_empty(), "{:?}", listed.unread);
        let seen: Vec<_> = listed.listed.iter().map(|one| (one.name.as_str(), one.stack.as_deref().unwrap())).collect();
        assert_eq!(seen, [("demo-notes", "demo"), ("demo-b-notes", "demo-b")]);
        assert_eq!(listed.listed[0].id.as_str(), "table.notes");
    }
}
