//! Reads of a table.

use aws_sdk_dynamodb::types::{
    BillingMode, DestinationStatus, GlobalSecondaryIndexDescription, IndexStatus, KeySchemaElement, KeyType,
    PointInTimeRecoveryStatus, ProjectionType, SseDescription, SseStatus, TableDescription, TableStatus, Tag,
    TimeToLiveStatus,
};

use super::DynamoDb;
use super::refusals::NO_POLICY;
use super::settings::{TableLive, shown};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::refusals::DENIED;
use crate::engine::Failure;
use crate::policy::Policy;

impl DynamoDb {
    /// The table of this name; `None` if there is none or its deletion has begun.
    pub(super) async fn described(&self, name: &str) -> Result<Option<TableDescription>, Failure> {
        let answer = self.client.describe_table().table_name(name).send().await;
        let answer = answer.or_fail(&format!("read the table {name}")).or_absent()?;
        Ok(answer.and_then(|answer| answer.table))
    }

    /// Whether the tags say that the table is this stack's; `None` if there is no such table.
    pub(super) async fn is_ours(&self, name: &str) -> Result<Option<bool>, Failure> {
        Ok(self.tags(name).await?.map(|tags| self.scope.owns(tags.iter().map(|tag| (tag.key(), tag.value())))))
    }

    pub(super) async fn tags(&self, name: &str) -> Result<Option<Vec<Tag>>, Failure> {
        let doing = format!("read the tags of the table {name}");
        let (mut tags, mut next) = (Vec::new(), None);
        loop {
            let page = self.client.list_tags_of_resource().resource_arn(self.arn(name)).set_next_token(next);
            let page = match page.send().await.or_fail(&doing).or_absent() {
                // AWS may deny access because the table does not exist (docs/aws.md, Tables).
                Err(failure) if DENIED.is(&failure) && self.described(name).await?.is_none() => None,
                page => page?,
            };
            let Some(page) = page else { return Ok(None) };
            tags.extend(page.tags.unwrap_or_default());
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(Some(tags));
            }
        }
    }

    /// All settings of a table: those in its description, and those that other calls return.
    pub(super) async fn live(&self, name: &str, table: TableDescription) -> Result<Option<TableLive>, Failure> {
        let arn = self.arn(name);
        // An index that is being deleted does not count.
        let indexes = table.global_secondary_indexes().iter();
        let indexes: Vec<_> = indexes.filter(|index| index.index_status() != Some(&IndexStatus::Deleting)).collect();
        let stream_arn = stream_arn(&table);
        let of_stream = async {
            match &stream_arn {
                Some(arn) => self.policy(arn).await,
                None => Ok(Policy::default()),
            }
        };
        let (ttl, recovery, policy, stream_policy, destinations) =
            tokio::join!(self.ttl(name), self.recovery(name), self.policy(&arn), of_stream, self.destinations(name));
        let (Some(ttl), Some(recovery), Some(destinations)) = (ttl?, recovery?, destinations?) else { return Ok(None) };
        Ok(Some(TableLive {
            status: status(&table),
            keys: keys(table.key_schema(), &table),
            indexes: indexes.iter().map(|index| named(index, &table)).collect(),
            on_demand: table
                .billing_mode_summary()
                .is_some_and(|summary| summary.billing_mode() == Some(&BillingMode::PayPerRequest)),
            stream: view(&table),
            stream_arn,
            ttl,
            recovery,
            deletion_protection: table.deletion_protection_enabled().unwrap_or(false),
            kms_key: kms_key(&table),
            policy: policy?,
            stream_policy: stream_policy?,
            replicas: table.replicas().iter().filter_map(|copy| copy.region_name()).map(str::to_owned).collect(),
            destinations,
        }))
    }

    /// The attribute by which items expire; `None` for a table that does not exist.
    pub(super) async fn ttl(&self, name: &str) -> Result<Option<Option<String>>, Failure> {
        let answer = self.client.describe_time_to_live().table_name(name).send().await;
        let answer = answer.or_fail(&format!("read the time to live of the table {name}")).or_absent()?;
        let on = |status: Option<&TimeToLiveStatus>| {
            matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
        };
        Ok(answer.map(|answer| {
            let ttl = answer.time_to_live_description.filter(|ttl| on(ttl.time_to_live_status()));
            ttl.and_then(|ttl| ttl.attribute_name)
        }))
    }

    /// Whether the table can be restored to a point in time; `None` for a table that does not exist.
    pub(super) async fn recovery(&self, name: &str) -> Result<Option<bool>, Failure> {
        let answer = self.client.describe_continuous_backups().table_name(name).send().await;
        let answer = answer.or_fail(&format!("read the backups of {name}")).or_absent()?;
        Ok(answer.map(|answer| {
            let backups = answer.continuous_backups_description;
            let point = backups.and_then(|backups| backups.point_in_time_recovery_description);
            point.and_then(|point| point.point_in_time_recovery_status) == Some(PointInTimeRecoveryStatus::Enabled)
        }))
    }

    /// The policy of a table or of a stream; without statements if it has none.
    async fn policy(&self, arn: &str) -> Result<Policy, Failure> {
        let doing = format!("read the policy of {arn}");
        let text = match self.client.get_resource_policy().resource_arn(arn).send().await.or_fail(&doing).or_absent() {
            Ok(answer) => answer.and_then(|answer| answer.policy),
            Err(failure) if NO_POLICY.is(&failure) => None,
            Err(failure) => return Err(failure),
        };
        let read = text.map(|text| Policy::parse(&text)).transpose();
        Ok(read.map_err(|error| Failure::refused(format!("could not {doing}: {error}")))?.unwrap_or_default())
    }

    /// The Kinesis data streams that receive the table's changes; `None` for a table that does not exist.
    async fn destinations(&self, name: &str) -> Result<Option<Vec<String>>, Failure> {
        let answer = self.client.describe_kinesis_streaming_destination().table_name(name).send().await;
        let answer = answer.or_fail(&format!("read the Kinesis destinations of the table {name}")).or_absent()?;
        let off = |status: Option<&DestinationStatus>| {
            matches!(
                status,
                Some(DestinationStatus::Disabled | DestinationStatus::Disabling | DestinationStatus::EnableFailed)
            )
        };
        Ok(answer.map(|answer| {
            let all = answer.kinesis_data_stream_destinations.unwrap_or_default();
            all.into_iter().filter(|one| !off(one.destination_status())).filter_map(|one| one.stream_arn).collect()
        }))
    }
}

/// Whether the table and all its indexes are active.
pub(super) fn is_settled(table: &TableDescription) -> bool {
    let active = |index: &GlobalSecondaryIndexDescription| index.index_status() == Some(&IndexStatus::Active);
    table.table_status() == Some(&TableStatus::Active) && table.global_secondary_indexes().iter().all(active)
}

/// The table's status, or `UPDATING` if only an index is being changed.
fn status(table: &TableDescription) -> String {
    let status = table.table_status().unwrap_or(&TableStatus::Updating);
    let changing = *status == TableStatus::Active && !is_settled(table);
    if changing { TableStatus::Updating.to_string() } else { status.to_string() }
}

/// Whether the table's deletion has begun.
pub(super) fn is_going(table: &TableDescription) -> bool {
    table.table_status() == Some(&TableStatus::Deleting)
}

/// The ARN of the KMS key, unless the encryption with it is off. In that case AWS describes no encryption, but an
/// emulator still names the key.
fn kms_key(table: &TableDescription) -> Option<String> {
    let off = |own: &&SseDescription| matches!(own.status(), Some(SseStatus::Disabled | SseStatus::Disabling));
    table.sse_description().filter(|own| !off(own))?.kms_master_key_arn().map(str::to_owned)
}

/// The ARN of the stream, while it is on.
pub(super) fn stream_arn(table: &TableDescription) -> Option<String> {
    view(table).and_then(|_| table.latest_stream_arn().map(str::to_owned))
}

fn view(table: &TableDescription) -> Option<String> {
    let stream = table.stream_specification().filter(|stream| stream.stream_enabled())?;
    stream.stream_view_type().map(ToString::to_string)
}

/// The partition key and the sort key, with their types.
fn keys(schema: &[KeySchemaElement], table: &TableDescription) -> String {
    let kind = |name: &str| {
        let defined = table.attribute_definitions().iter().find(|attribute| attribute.attribute_name() == name);
        defined.map_or("?", |attribute| attribute.attribute_type().as_str())
    };
    let part = |which: KeyType| {
        let found = schema.iter().find(|element| *element.key_type() == which)?;
        Some(format!("{}:{}", found.attribute_name(), kind(found.attribute_name())))
    };
    shown(&part(KeyType::Hash).unwrap_or_default(), part(KeyType::Range).as_ref())
}

/// The name of an index, and its text in the form of a wanted index.
fn named(index: &GlobalSecondaryIndexDescription, table: &TableDescription) -> (String, String) {
    let projection = index.projection();
    let kind = projection.and_then(|projection| projection.projection_type()).unwrap_or(&ProjectionType::All);
    let mut with: Vec<&str> =
        projection.iter().flat_map(|projection| projection.non_key_attributes()).map(String::as_str).collect();
    with.sort_unstable();
    let with = if with.is_empty() { String::new() } else { format!(" {}", with.join(" ")) };
    let name = index.index_name().unwrap_or_default().to_owned();
    (name, format!("{} with {kind}{with}", keys(index.key_schema(), table)))
}
