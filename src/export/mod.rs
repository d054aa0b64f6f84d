//! A stack in the formats of other tools.

pub mod cloudformation;
pub mod openapi;
mod references;
mod resources;
mod statements;
pub mod terraform;

pub use self::resources::{Left, Resources};

/// Why the role for API Gateway's logs is not taken over.
const OF_THE_ACCOUNT: &str = "it belongs to the whole account, not to the stack";

/// Why a subscription cannot be imported yet.
const UNCONFIRMED: &str = "its owner has not confirmed it, so it has no ARN; export again after that";

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::aws::Encryption;
    use crate::aws::sns::{Address, Subscribed, Topic, TopicLive, TopicOutputs};
    use crate::engine::Seen;
    use crate::policy::Policy;
    use crate::scope::Scope;

    #[test]
    fn a_subscription_is_imported_only_if_its_owner_has_confirmed_it() {
        let arn = "arn:aws:sns:eu-central-1:123456789012:demo-news";
        let want = Topic {
            id: "topic.news".into(),
            name: "demo-news".into(),
            arn: arn.into(),
            account: "123456789012".into(),
            subscribers: Vec::new(),
            functions: Vec::new(),
            addresses: vec![Address::email("a@example.com"), Address::email("b@example.com")],
            alarms: None,
            tls_only: false,
            tracing: false,
            signature_version: 2,
            kms_key: Encryption::default(),
        };
        let subscribed = |endpoint: &str, arn: Option<String>| Subscribed {
            protocol: "email".into(),
            endpoint: endpoint.into(),
            arn,
        };
        let confirmed = format!("{arn}:7");
        let live = TopicLive {
            policy: Policy::default(),
            attributes: BTreeMap::default(),
            subscriptions: vec![
                subscribed("a@example.com", Some(confirmed.clone())),
                subscribed("b@example.com", None),
            ],
            recorded: BTreeSet::default(),
        };
        let seen = Seen { want: &want, outputs: TopicOutputs { arn: arn.into() }, live: &live };
        let scope = Scope::default();
        let stack = Resources::new(&scope, None, std::iter::empty());
        let left = [("the subscription of b@example.com to demo-news", UNCONFIRMED)];
        let form = terraform::topic(&seen, &stack);
        assert_eq!(form.left.iter().map(|one| (one.what.as_str(), one.why)).collect::<Vec<_>>(), left);
        assert_eq!(form.pieces.iter().map(|one| one.identity.clone()).collect::<Vec<_>>(), [arn, confirmed.as_str()]);
        let form = cloudformation::topic(&seen, &stack);
        assert_eq!(form.left.iter().map(|one| (one.what.as_str(), one.why)).collect::<Vec<_>>(), left);
        assert_eq!(form.pieces.len(), 2);
    }
}
