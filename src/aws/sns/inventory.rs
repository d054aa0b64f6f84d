//! The list of all topics and subscriptions.

use aws_sdk_sns::types::Subscription as AwsSubscription;

use super::subscription::{Subscription, SubscriptionKey, SubscriptionOutputs};
use super::topic::{Topic, TopicKey, TopicOutputs};
use super::{Sns, confirmed};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::pages::{as_far_as_it_goes, closer};
use crate::engine::{Failure, Id, InventoryItem, Listing, Unread};
use crate::scope::{Owner, Whose};

/// The last part of an ARN.
fn last(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

impl Sns {
    async fn topics(&self, whose: &Whose) -> Listing {
        let topics = self.client.list_topics().into_paginator().items().send();
        let (topics, cut) = as_far_as_it_goes!(topics, "list the topics");
        let arns = topics.into_iter().filter_map(|topic| topic.topic_arn).filter(|arn| whose.may_own(last(arn)));
        let looks = arns.map(|arn| (last(&arn).to_owned(), self.listed_topic(arn)));
        let listing = closer::<Topic, _>(looks.collect()).await;
        listing.and_unread(cut.map(|failure| Unread::new::<Topic>(None, failure)))
    }

    async fn listed_topic(&self, arn: String) -> Result<Listing, Failure> {
        let tags = self.client.list_tags_for_resource().resource_arn(&arn).send().await;
        let tags = tags.or_fail(&format!("read the tags of {arn}")).or_absent()?;
        let Some(tags) = tags else { return Ok(Listing::default()) };
        let owner = Owner::read(tags.tags().iter().map(|tag| (tag.key(), tag.value())));
        let name = last(&arn);
        let key = |id| TopicKey { id, name: name.to_owned() };
        Ok(vec![InventoryItem::new::<Topic>((name, &arn), owner, key, &TopicOutputs { arn: arn.clone() })].into())
    }

    async fn subscriptions(&self) -> (Vec<AwsSubscription>, Option<Failure>) {
        let all = self.client.list_subscriptions().into_paginator().items().send();
        let (mut all, cut) = as_far_as_it_goes!(all, "list the subscriptions");
        // A subscription that is not confirmed, or is already deleted, has another text instead of its ARN.
        all.retain(|one| confirmed(one).is_some());
        (all, cut)
    }
}

impl Sns {
    pub(super) async fn list_topics(&self, whose: &Whose) -> Result<Listing, Failure> {
        let (mut listing, (subscriptions, cut)) = tokio::join!(self.topics(whose), self.subscriptions());
        let topics = listing.listed.clone();
        // If a topic could not be read, the owner of its subscriptions is unknown.
        let unsure = !listing.unread.is_empty();
        let listed = &mut listing.listed;
        for one in subscriptions {
            let (arn, topic) = (one.subscription_arn().unwrap_or_default(), one.topic_arn().unwrap_or_default());
            let endpoint = one.endpoint().unwrap_or_default();
            let name = format!("{} to {}", last(topic), last(endpoint));
            let key = SubscriptionKey { topic: topic.to_owned(), endpoint: endpoint.to_owned() };
            let outputs = SubscriptionOutputs { arn: arn.to_owned() };
            if let Some(parent) = topics.iter().find(|parent| parent.arn == topic) {
                let prefix =
                    parent.stack.as_ref().map(|stack| Whose::Stack(stack.clone()).prefix()).unwrap_or_default();
                let id = Id::new("subscription", last(endpoint).strip_prefix(&prefix).unwrap_or(last(endpoint)));
                listed.push(InventoryItem::under::<Subscription>(parent, id, (&name, arn), &key, &outputs));
            } else if *whose != Whose::Any && !unsure && (whose.may_own(last(topic)) || whose.may_own(last(endpoint))) {
                // The subscription has no tags, and the topic that would show its owner is deleted or not ours.
                listed.push(InventoryItem::new::<Subscription>((&name, arn), None, |_| key, &outputs));
            }
        }
        Ok(listing.and_unread(cut.map(|failure| Unread::new::<Subscription>(None, failure))))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{replay, requests};

    const ARN: &str = "arn:aws:sns:eu-central-1:123456789012:";

    fn answer(operation: &str, inside: &str) -> String {
        format!("<{operation}Response><{operation}Result>{inside}</{operation}Result></{operation}Response>")
    }

    fn topics(names: &[&str], next: &str) -> String {
        let members: Vec<String> =
            names.iter().map(|name| format!("<member><TopicArn>{ARN}{name}</TopicArn></member>")).collect();
        answer("ListTopics", &format!("<Topics>{}</Topics>{next}", members.concat()))
    }

    fn tags(stack: &str) -> String {
        let of = |key: &str, value: &str| format!("<member><Key>{key}</Key><Value>{value}</Value></member>");
        let tags = of("securelambda:stack", stack) + &of("securelambda:resource", "topic.t");
        answer("ListTagsForResource", &format!("<Tags>{tags}</Tags>"))
    }

    fn subscription(topic: &str, function: &str, arn: &str) -> String {
        format!(
            "<member><SubscriptionArn>{arn}</SubscriptionArn><TopicArn>{ARN}{topic}</TopicArn><Protocol>lambda</Protocol>\
             <Endpoint>arn:aws:lambda:eu-central-1:123456789012:function:{function}</Endpoint></member>"
        )
    }

    fn subscriptions(members: &str) -> String {
        answer("ListSubscriptions", &format!("<Subscriptions>{members}</Subscriptions>"))
    }

    #[tokio::test]
    async fn topics_on_all_pages_are_recognised_by_their_tags() {
        let (first, second) = (topics(&["other-t", "demo-t"], "<NextToken>p2</NextToken>"), topics(&["demo-b-t"], ""));
        let none = subscriptions("");
        // Both lists are read side by side: topics, subscriptions, topics' second page, tags.
        let answers = vec![(200, &*first), (200, &*none), (200, &*second)];
        let (ours, theirs) = (tags("demo"), tags("demo-b"));
        let (clients, http) = replay([answers, vec![(200, &*ours), (200, &*theirs)]].concat());
        let listed = Sns::new(&clients).list_topics(&Whose::Stack("demo".into())).await.unwrap().listed;
        let seen: Vec<_> = listed.iter().map(|one| (one.name.as_str(), one.stack.as_deref().unwrap())).collect();
        assert_eq!(seen, [("demo-t", "demo"), ("demo-b-t", "demo-b")]);
        assert_eq!(listed[0].id.as_str(), "topic.t");
        let requests = requests(&http);
        assert_eq!(requests.len(), 5, "{requests:?}");
        assert!(requests[2].contains("NextToken=p2"));
    }

    #[tokio::test]
    async fn a_subscription_is_ours_if_its_topic_is() {
        let (list, ours) = (topics(&["demo-t"], ""), tags("demo"));
        let of = |n: &str| format!("{ARN}x:{n}");
        let members = [
            subscription("demo-t", "demo-f", &of("1")),
            subscription("demo-t", "demo-g", "PendingConfirmation"),
            subscription("demo-gone", "demo-f", &of("2")),
            subscription("theirs", "demo-f", &of("3")),
            subscription("theirs", "theirs", &of("4")),
        ];
        let members = subscriptions(&members.concat());
        let (clients, _) = replay(vec![(200, &list), (200, &members), (200, &ours)]);
        let listed = Sns::new(&clients).list_topics(&Whose::Stack("demo".into())).await.unwrap().listed;
        let seen: Vec<_> = listed.iter().map(|one| (one.id.as_str(), one.stack.as_deref())).collect();
        let expected = [
            ("topic.t", Some("demo")),
            ("subscription.f", Some("demo")),
            ("subscription.demo-gone to demo-f", None),
            ("subscription.theirs to demo-f", None),
        ];
        assert_eq!(seen, expected);
        assert_eq!(listed[1].remove, format!("aws sns unsubscribe --subscription-arn {}", of("1")));
    }
}
