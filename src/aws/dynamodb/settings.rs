//! The settings of a table, wanted and live, and their comparison.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{BillingMode, ScalarAttributeType, StreamViewType, TableStatus};

use crate::aws::{Encryption, keys};
use crate::choices::{Attribute, AttributeType, Index, Projection, StreamView};
use crate::engine::{Comparison, Drift, Effect};
use crate::policy::Policy;

pub(super) const STATUS: &str = "TableStatus";
pub(super) const KEYS: &str = "KeySchema";
pub(super) const INDEXES: &str = "GlobalSecondaryIndexes";
pub(super) const BILLING: &str = "BillingMode";
pub(super) const STREAM: &str = "StreamSpecification";
pub(super) const TTL: &str = "TimeToLive";
pub(super) const RECOVERY: &str = "PointInTimeRecovery";
pub(super) const PROTECTION: &str = "DeletionProtectionEnabled";
pub(super) const KEY: &str = "KMSMasterKeyId";
pub(super) const POLICY: &str = "ResourcePolicy";
pub(super) const STREAM_POLICY: &str = "StreamResourcePolicy";
pub(super) const REPLICAS: &str = "Replicas";
pub(super) const DESTINATIONS: &str = "KinesisDataStreamDestinations";

/// A table for items that a client finds by a key.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 3 to 255 of `A-Z a-z 0-9 _ . -`.
    pub name: String,
    /// Its ARN, which follows from the name.
    pub arn: String,
    /// The account that owns it: twelve digits.
    pub account: String,
    pub key: Attribute,
    pub sort: Option<Attribute>,
    /// The global secondary indexes, by name.
    pub indexes: BTreeMap<String, Index>,
    /// The attribute with the time at which an item expires, in seconds since 1970.
    pub ttl: Option<String>,
    pub stream: Option<StreamView>,
    /// Whether the table can be restored to any second of the last 35 days.
    pub recovery: bool,
    pub deletion_protection: bool,
    /// Its encryption at rest. Without a key, it is DynamoDB's own encryption.
    pub kms_key: Encryption,
}

/// A table's settings.
#[derive(Debug, Clone)]
pub struct TableLive {
    /// `ACTIVE` if neither the table nor an index of it is being changed.
    pub status: String,
    /// The key and the sort key, as [`key`] writes them.
    pub keys: String,
    /// The global secondary indexes by name, as [`index`] writes them.
    pub indexes: BTreeMap<String, String>,
    pub on_demand: bool,
    /// AWS's name of the stream's view; `None` if the stream is off.
    pub stream: Option<String>,
    pub stream_arn: Option<String>,
    /// The attribute with the time at which items expire; `None` if they do not expire.
    pub ttl: Option<String>,
    pub recovery: bool,
    pub deletion_protection: bool,
    /// The ARN of the key; `None` for DynamoDB's own encryption.
    pub kms_key: Option<String>,
    /// Without statements if the table has no policy.
    pub policy: Policy,
    pub stream_policy: Policy,
    /// The regions that have a replica.
    pub replicas: Vec<String>,
    /// The ARNs of Kinesis data streams that receive every change.
    pub destinations: Vec<String>,
}

/// AWS's name of an attribute's type.
pub(super) fn attribute_type(kind: AttributeType) -> ScalarAttributeType {
    match kind {
        AttributeType::Text => ScalarAttributeType::S,
        AttributeType::Number => ScalarAttributeType::N,
        AttributeType::Binary => ScalarAttributeType::B,
    }
}

/// AWS's name of a stream's view.
pub(super) fn stream_view(view: StreamView) -> StreamViewType {
    match view {
        StreamView::NewAndOld => StreamViewType::NewAndOldImages,
        StreamView::New => StreamViewType::NewImage,
        StreamView::Old => StreamViewType::OldImage,
        StreamView::Keys => StreamViewType::KeysOnly,
    }
}

/// A key with the types, as in `userId:S, noteId:N`.
fn key(key: &Attribute, sort: Option<&Attribute>) -> String {
    let typed = |attribute: &Attribute| format!("{}:{}", attribute.name, attribute_type(attribute.kind));
    shown(&typed(key), sort.map(typed).as_ref())
}

/// An index, as in `userId:S, date:S with ALL`.
fn index(Index { key: own, sort, projection }: &Index) -> String {
    let keys = key(own, sort.as_ref());
    match projection {
        Projection::All => format!("{keys} with ALL"),
        Projection::Keys => format!("{keys} with KEYS_ONLY"),
        Projection::With(names) => {
            format!("{keys} with INCLUDE {}", names.iter().map(String::as_str).collect::<Vec<_>>().join(" "))
        }
    }
}

/// A key and a sort key on one line, as in `userId:S, noteId:N`.
pub(super) fn shown(key: &str, sort: Option<&String>) -> String {
    match sort {
        Some(sort) => format!("{key}, {sort}"),
        None => key.to_owned(),
    }
}

impl Table {
    /// The attributes of all keys, each once.
    pub(crate) fn attributes(&self) -> BTreeSet<&Attribute> {
        let own = [Some(&self.key), self.sort.as_ref()];
        let of_indexes = self.indexes.values().flat_map(|index| [Some(&index.key), index.sort.as_ref()]);
        own.into_iter().chain(of_indexes).flatten().collect()
    }

    /// AWS's name of an attribute's type.
    pub(crate) fn type_name(kind: AttributeType) -> String {
        attribute_type(kind).as_str().to_owned()
    }

    /// AWS's name of the stream's view, if there is a stream.
    pub(crate) fn stream_name(&self) -> Option<String> {
        self.stream.map(|view| stream_view(view).as_str().to_owned())
    }

    pub(super) fn compared(&self, live: &TableLive) -> Comparison {
        let none = || "none".to_owned();
        let mut compared = Comparison::default()
            .plain(STATUS, TableStatus::Active, &live.status)
            .plain(KEYS, key(&self.key, self.sort.as_ref()), &live.keys)
            .plain(BILLING, BillingMode::PayPerRequest, billing(live.on_demand));
        let names: BTreeSet<&String> = self.indexes.keys().chain(live.indexes.keys()).collect();
        for name in names {
            let want = self.indexes.get(name).map_or_else(none, index);
            compared = compared.plain(
                format!("{INDEXES}.{name}"),
                want,
                live.indexes.get(name).map_or("none", String::as_str),
            );
        }
        let stream = self.stream.map_or_else(none, |view| stream_view(view).to_string());
        compared = compared
            .plain(STREAM, stream, live.stream.as_deref().unwrap_or("none"))
            .plain(TTL, self.ttl.as_deref().unwrap_or("none"), live.ttl.as_deref().unwrap_or("none"))
            .judged(RECOVERY, self.recovery, live.recovery, kept_on(self.recovery, live.recovery));
        let protection = kept_on(self.deletion_protection, live.deletion_protection);
        compared = compared.judged(PROTECTION, self.deletion_protection, live.deletion_protection, protection);
        compared = keys::compared(compared, KEY, &self.kms_key, live.kms_key.as_ref(), &self.account);
        let nothing = Policy::default();
        compared
            .judged(POLICY, &nothing, &live.policy, nothing.judge(&live.policy))
            .judged(STREAM_POLICY, &nothing, &live.stream_policy, nothing.judge(&live.stream_policy))
            .nothing_else(REPLICAS, &live.replicas)
            .nothing_else(DESTINATIONS, &live.destinations)
    }
}

fn billing(on_demand: bool) -> BillingMode {
    if on_demand { BillingMode::PayPerRequest } else { BillingMode::Provisioned }
}

/// A protection that is on although nobody asked for it only differs.
fn kept_on(want: bool, live: bool) -> Effect {
    match (want, live) {
        (true, false) => Effect::Weakens,
        (want, live) => Effect::differs_unless(want == live),
    }
}

/// Whether a setting differs.
pub(super) fn differs(drift: &[Drift], field: &str) -> bool {
    drift.iter().any(|setting| setting.field == field)
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn text(name: &str) -> Attribute {
        Attribute { name: name.into(), kind: AttributeType::Text }
    }

    pub(crate) fn want() -> Table {
        Table {
            id: "table.notes".into(),
            name: "demo-notes".into(),
            arn: "arn:aws:dynamodb:eu-central-1:123456789012:table/demo-notes".into(),
            account: "123456789012".into(),
            key: text("userId"),
            sort: Some(Attribute { name: "noteId".into(), kind: AttributeType::Number }),
            indexes: [(
                "byDate".to_owned(),
                Index { key: text("userId"), sort: Some(text("date")), projection: Projection::All },
            )]
            .into(),
            ttl: Some("expires".into()),
            stream: Some(StreamView::NewAndOld),
            recovery: true,
            deletion_protection: true,
            kms_key: Encryption::default(),
        }
    }

    pub(crate) fn live() -> TableLive {
        TableLive {
            status: "ACTIVE".into(),
            keys: "userId:S, noteId:N".into(),
            indexes: [("byDate".to_owned(), "userId:S, date:S with ALL".to_owned())].into(),
            on_demand: true,
            stream: Some("NEW_AND_OLD_IMAGES".into()),
            stream_arn: Some(format!("{}/stream/2026-11-29T00:00:00.000", want().arn)),
            ttl: Some("expires".into()),
            recovery: true,
            deletion_protection: true,
            kms_key: None,
            policy: Policy::default(),
            stream_policy: Policy::default(),
            replicas: Vec::new(),
            destinations: Vec::new(),
        }
    }

    #[test]
    fn a_table_as_wanted_has_no_drift_and_every_attribute_is_defined_once() {
        assert_eq!(want().compared(&live()).drift(), []);
        let want = want();
        let names: Vec<&str> = want.attributes().into_iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["date", "noteId", "userId"]);
    }

    #[test]
    fn what_lets_others_in_or_protects_less_weakens_and_the_rest_differs() {
        let anybody =
            Policy::new([json!({ "Effect": "Allow", "Principal": "*", "Action": "dynamodb:Scan", "Resource": "*" })]);
        let key = "arn:aws:kms:eu-central-1:999999999999:key/k".to_owned();
        for (field, weakens, live) in [
            (STATUS, false, TableLive { status: "UPDATING".into(), ..live() }),
            (KEYS, false, TableLive { keys: "userId:S".into(), ..live() }),
            (BILLING, false, TableLive { on_demand: false, ..live() }),
            ("GlobalSecondaryIndexes.byDate", false, TableLive { indexes: BTreeMap::new(), ..live() }),
            (STREAM, false, TableLive { stream: None, ..live() }),
            (TTL, false, TableLive { ttl: None, ..live() }),
            (RECOVERY, true, TableLive { recovery: false, ..live() }),
            (PROTECTION, true, TableLive { deletion_protection: false, ..live() }),
            (KEY, true, TableLive { kms_key: Some(key), ..live() }),
            (POLICY, true, TableLive { policy: anybody.clone(), ..live() }),
            (STREAM_POLICY, true, TableLive { stream_policy: anybody, ..live() }),
            (REPLICAS, true, TableLive { replicas: vec!["eu-west-1".into()], ..live() }),
            (DESTINATIONS, true, TableLive { destinations: vec!["arn:k".into()], ..live() }),
        ] {
            let drift = want().compared(&live).drift();
            assert!(matches!(drift.as_slice(), [one] if one.field == field && one.weakens == weakens), "{drift:?}");
        }
    }

    #[test]
    fn protection_that_somebody_added_by_hand_only_differs() {
        let want = Table { recovery: false, deletion_protection: false, ..want() };
        let drift = want.compared(&live()).drift();
        assert_eq!(drift.iter().map(|one| one.weakens).collect::<Vec<_>>(), [false, false]);
    }
}
