//! The list of all queues.

use super::queue::{Queue, QueueKey, QueueOutputs};
use super::{Sqs, name_of};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::pages::{as_far_as_it_goes, closer};
use crate::aws::tags::pairs;
use crate::engine::{Failure, InventoryItem, Listing, Unread};
use crate::scope::{Owner, Whose};

/// The maximum number of queues on a page. Without a page size, AWS returns one page only.
const PAGE: i32 = 1000;

impl Sqs {
    pub(super) async fn queues(&self, whose: &Whose) -> Listing {
        let prefix = Some(whose.prefix()).filter(|prefix| !prefix.is_empty());
        let urls = self.client.list_queues().set_queue_name_prefix(prefix).into_paginator().page_size(PAGE);
        let urls = urls.items().send();
        let (urls, cut) = as_far_as_it_goes!(urls, "list the queues");
        let urls = urls.into_iter().filter(|url| whose.may_own(name_of(url)));
        let looks = urls.map(|url| (name_of(&url).to_owned(), self.listed_queue(url)));
        let listing = closer::<Queue, _>(looks.collect()).await;
        listing.and_unread(cut.map(|failure| Unread::new::<Queue>(None, failure)))
    }

    async fn listed_queue(&self, url: String) -> Result<Listing, Failure> {
        let name = name_of(&url);
        let tags = self.client.list_queue_tags().queue_url(&url).send().await;
        let tags = tags.or_fail(&format!("read the tags of the queue {name}")).or_absent()?;
        let Some(tags) = tags else { return Ok(Listing::default()) };
        let owner = Owner::read(pairs(tags.tags()));
        let key = |id| QueueKey { id, name: name.to_owned() };
        let outputs = QueueOutputs { arn: self.scope.arn("sqs", name) };
        Ok(vec![InventoryItem::new::<Queue>((name, &outputs.arn), owner, key, &outputs)].into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{replay, requests};

    #[tokio::test]
    async fn queues_on_all_pages_are_recognised_by_their_tags() {
        let url = |name: &str| format!("https://sqs.eu-central-1.amazonaws.com/123456789012/{name}");
        let first = serde_json::json!({ "QueueUrls": [url("demo-dead")], "NextToken": "p2" }).to_string();
        let second = serde_json::json!({ "QueueUrls": [url("demo-b-dead"), url("demo-gone")] }).to_string();
        let tags = |stack: &str| {
            let tags = serde_json::json!({ "securelambda:stack": stack, "securelambda:resource": "queue.dead" });
            serde_json::json!({ "Tags": tags }).to_string()
        };
        let gone = r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"}"#;
        let (ours, theirs) = (tags("demo"), tags("demo-b"));
        let answers = vec![(200, &*first), (200, &*second), (200, &*ours), (200, &*theirs), (400, gone)];
        let (clients, http) = replay(answers);
        let listed = Sqs::new(&clients).queues(&Whose::Stack("demo".into())).await;
        assert!(listed.unread.is_empty(), "{:?}", listed.unread);
        let seen: Vec<_> = listed.listed.iter().map(|one| (one.name.as_str(), one.stack.as_deref().unwrap())).collect();
        assert_eq!(seen, [("demo-dead", "demo"), ("demo-b-dead", "demo-b")]);
        assert_eq!(listed.listed[0].id.as_str(), "queue.dead");
        let requests = requests(&http);
        assert!(requests[0].contains(r#""QueueNamePrefix":"demo-""#) && requests[0].contains(r#""MaxResults":1000"#));
        assert!(requests[1].contains(r#""NextToken":"p2""#), "{requests:?}");
    }
}
