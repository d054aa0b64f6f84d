//! Changes of a table. DynamoDB accepts one change at a time, and the table must be active again before the next
//! change.

use aws_sdk_dynamodb::operation::update_table::builders::UpdateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, DeleteGlobalSecondaryIndexAction,
    GlobalSecondaryIndex, GlobalSecondaryIndexUpdate, KeySchemaElement, KeyType, PointInTimeRecoverySpecification,
    Projection as AwsProjection, ProjectionType, SseSpecification, SseType, StreamSpecification, TableDescription,
    TimeToLiveSpecification,
};

use super::DynamoDb;
use super::calls::is_settled;
use super::refusals::{BACKUPS_NOT_READY, NO_POLICY, TABLE_BUSY, TABLES_BUSY, TTL_TOO_SOON, TTL_UNCHANGED};
use super::settings::{
    BILLING, DESTINATIONS, INDEXES, KEY, POLICY, PROTECTION, RECOVERY, REPLICAS, STATUS, STREAM, STREAM_POLICY, TTL,
    Table, TableLive, attribute_type, differs, stream_view,
};
use crate::aws::Encryption;
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::settle::{settled, until};
use crate::choices::{Attribute, Index, Projection, StreamView};
use crate::engine::{Drift, Failure, Task};

/// While a table is created or changed: the first and the longest pause between two reads, in milliseconds, and the
/// total time in seconds. An index of a large table takes longer; the next run continues to wait.
const PACE: (u64, u64) = (500, 5000);
const BUDGET: u64 = 1800;

/// Converts the SDK's error for a part of a request that could not be built.
pub(super) fn built<T, E: std::fmt::Display>(part: Result<T, E>) -> Result<T, Failure> {
    part.map_err(|error| Failure::refused(format!("could not build a request to DynamoDB: {error}")))
}

pub(super) fn definitions(table: &Table) -> Result<Vec<AttributeDefinition>, Failure> {
    let define = |attribute: &Attribute| {
        let definition = AttributeDefinition::builder().attribute_name(&attribute.name);
        built(definition.attribute_type(attribute_type(attribute.kind)).build())
    };
    table.attributes().into_iter().map(define).collect()
}

pub(super) fn schema(key: &Attribute, sort: Option<&Attribute>) -> Result<Vec<KeySchemaElement>, Failure> {
    let element = |(attribute, kind): (&Attribute, KeyType)| {
        built(KeySchemaElement::builder().attribute_name(&attribute.name).key_type(kind).build())
    };
    [(key, KeyType::Hash)].into_iter().chain(sort.map(|sort| (sort, KeyType::Range))).map(element).collect()
}

fn projection(of: &Projection) -> AwsProjection {
    let (kind, with) = match of {
        Projection::All => (ProjectionType::All, None),
        Projection::Keys => (ProjectionType::KeysOnly, None),
        Projection::With(names) => (ProjectionType::Include, Some(names.iter().cloned().collect())),
    };
    AwsProjection::builder().projection_type(kind).set_non_key_attributes(with).build()
}

pub(super) fn new_index(name: &str, index: &Index) -> Result<GlobalSecondaryIndex, Failure> {
    let schema = schema(&index.key, index.sort.as_ref())?;
    let new = GlobalSecondaryIndex::builder().index_name(name).set_key_schema(Some(schema));
    built(new.projection(projection(&index.projection)).build())
}

pub(super) fn stream(view: Option<StreamView>) -> Result<StreamSpecification, Failure> {
    let stream = StreamSpecification::builder().stream_enabled(view.is_some());
    built(stream.set_stream_view_type(view.map(stream_view)).build())
}

/// The encryption with the key of the stack file, or with DynamoDB's own encryption.
pub(super) fn encryption(key: &Encryption) -> SseSpecification {
    let own = SseSpecification::builder().enabled(key.key().is_some());
    match key.key() {
        Some(arn) => own.sse_type(SseType::Kms).kms_master_key_id(arn).build(),
        None => own.build(),
    }
}

impl DynamoDb {
    /// Waits until the table and all its indexes are active.
    pub(super) async fn active(&self, name: &str, task: &Task) -> Result<TableDescription, Failure> {
        until(task, "the table is being changed", PACE, BUDGET, || async {
            Ok(self.described(name).await?.filter(is_settled))
        })
        .await
    }

    /// Changes the table, and waits until it is active again.
    async fn change(
        &self,
        name: &str,
        what: &str,
        task: &Task,
        change: impl Fn(UpdateTableFluentBuilder) -> UpdateTableFluentBuilder,
    ) -> Result<TableDescription, Failure> {
        let doing = format!("{what} of the table {name}");
        let changed = settled(task, &[&TABLE_BUSY, &TABLES_BUSY], || async {
            change(self.client.update_table().table_name(name)).send().await.or_fail(&doing)
        });
        changed.await?;
        self.active(name, task).await
    }

    /// Changes every setting that differs to its wanted value.
    pub(super) async fn bring(
        &self,
        want: &Table,
        live: &TableLive,
        drift: &[Drift],
        task: &Task,
    ) -> Result<(), Failure> {
        let name = want.name.as_str();
        if differs(drift, STATUS) {
            self.active(name, task).await?;
        }
        for region in live.replicas.iter().filter(|_| differs(drift, REPLICAS)) {
            self.remove_copy(name, region, task).await?;
        }
        for stream in live.destinations.iter().filter(|_| differs(drift, DESTINATIONS)) {
            let doing = format!("stop sending the changes of the table {name} to {stream}");
            let call = self.client.disable_kinesis_streaming_destination().table_name(name).stream_arn(stream);
            call.send().await.or_fail(&doing).or_absent()?;
        }
        if differs(drift, POLICY) {
            self.remove_policy(&want.arn, task).await?;
        }
        if let Some(arn) = live.stream_arn.as_deref().filter(|_| differs(drift, STREAM_POLICY)) {
            self.remove_policy(arn, task).await?;
        }
        if differs(drift, BILLING) {
            self.change(name, "set the billing mode", task, |call| call.billing_mode(BillingMode::PayPerRequest))
                .await?;
        }
        if differs(drift, KEY) {
            let own = encryption(&want.kms_key);
            self.change(name, "set the encryption", task, |call| call.sse_specification(own.clone())).await?;
        }
        if differs(drift, PROTECTION) {
            self.protect(name, want.deletion_protection, task).await?;
        }
        if differs(drift, STREAM) {
            self.set_stream(want, live.stream.is_some(), task).await?;
        }
        self.bring_indexes(want, live, drift, task).await?;
        if differs(drift, RECOVERY) {
            self.set_recovery(name, want.recovery, task).await?;
        }
        if differs(drift, TTL) {
            self.set_ttl(want, live.ttl.as_deref(), task).await?;
        }
        Ok(())
    }

    pub(super) async fn protect(&self, name: &str, on: bool, task: &Task) -> Result<(), Failure> {
        self.change(name, "set the deletion protection", task, |call| call.deletion_protection_enabled(on))
            .await
            .map(drop)
    }

    /// Sets the stream. Another view needs a new stream, so the old stream is turned off first.
    async fn set_stream(&self, want: &Table, is_on: bool, task: &Task) -> Result<(), Failure> {
        let off = stream(None)?;
        if is_on {
            let turned_off =
                self.change(&want.name, "turn off the stream", task, |call| call.stream_specification(off.clone()));
            turned_off.await?;
        }
        if want.stream.is_some() {
            let on = stream(want.stream)?;
            self.change(&want.name, "turn on the stream", task, |call| call.stream_specification(on.clone())).await?;
        }
        Ok(())
    }

    /// Removes the indexes that differ from the wanted ones, then adds the missing indexes.
    async fn bring_indexes(&self, want: &Table, live: &TableLive, drift: &[Drift], task: &Task) -> Result<(), Failure> {
        let name = want.name.as_str();
        let changed = |index: &&String| differs(drift, &format!("{INDEXES}.{index}"));
        for index in live.indexes.keys().filter(changed) {
            let gone = built(DeleteGlobalSecondaryIndexAction::builder().index_name(index).build())?;
            let update = GlobalSecondaryIndexUpdate::builder().delete(gone).build();
            self.change(name, &format!("remove the index {index}"), task, |call| {
                call.global_secondary_index_updates(update.clone())
            })
            .await?;
        }
        let definitions = definitions(want)?;
        for (index, wanted) in want.indexes.iter().filter(|(index, _)| changed(index)) {
            let schema = schema(&wanted.key, wanted.sort.as_ref())?;
            let new = CreateGlobalSecondaryIndexAction::builder().index_name(index).set_key_schema(Some(schema));
            let new = built(new.projection(projection(&wanted.projection)).build())?;
            let update = GlobalSecondaryIndexUpdate::builder().create(new).build();
            self.change(name, &format!("add the index {index}"), task, |call| {
                let call = call.set_attribute_definitions(Some(definitions.clone()));
                call.global_secondary_index_updates(update.clone())
            })
            .await?;
        }
        Ok(())
    }

    /// Turns point-in-time recovery on or off. The backups of a new table are not ready at once.
    pub(super) async fn set_recovery(&self, name: &str, on: bool, task: &Task) -> Result<(), Failure> {
        let point = built(PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(on).build())?;
        let doing = format!("set the recovery of the table {name}");
        let set = settled(task, &[&BACKUPS_NOT_READY, &TABLE_BUSY], || async {
            let call = self.client.update_continuous_backups().table_name(name);
            call.point_in_time_recovery_specification(point.clone()).send().await.or_fail(&doing)
        });
        set.await?;
        until(task, "the recovery is being set", PACE, BUDGET, || async {
            Ok(self.recovery(name).await?.filter(|is_on| *is_on == on))
        })
        .await
        .map(drop)
    }

    /// Sets the attribute by which items expire. AWS accepts one change an hour, and another attribute needs two
    /// changes.
    pub(super) async fn set_ttl(&self, want: &Table, live: Option<&str>, task: &Task) -> Result<(), Failure> {
        if let Some(former) = live {
            self.turn_ttl(&want.name, former, false, task).await?;
        }
        match &want.ttl {
            Some(attribute) => self.turn_ttl(&want.name, attribute, true, task).await,
            None => Ok(()),
        }
    }

    async fn turn_ttl(&self, name: &str, attribute: &str, on: bool, task: &Task) -> Result<(), Failure> {
        let ttl = built(TimeToLiveSpecification::builder().attribute_name(attribute).enabled(on).build())?;
        let doing = format!("set when items of the table {name} expire");
        let set = settled(task, &[&TABLE_BUSY], || async {
            let call = self.client.update_time_to_live().table_name(name).time_to_live_specification(ttl.clone());
            call.send().await.or_fail(&doing)
        });
        match set.await {
            Err(failure) if TTL_UNCHANGED.is(&failure) => Ok(()),
            Err(failure) if TTL_TOO_SOON.is(&failure) => {
                Err(failure.hint("AWS accepts one change of `ttl` an hour: run the same command again in an hour"))
            }
            set => set.map(drop),
        }
    }

    async fn remove_copy(&self, name: &str, region: &str, task: &Task) -> Result<(), Failure> {
        use aws_sdk_dynamodb::types::{DeleteReplicationGroupMemberAction, ReplicationGroupUpdate};
        let gone = built(DeleteReplicationGroupMemberAction::builder().region_name(region).build())?;
        let update = ReplicationGroupUpdate::builder().delete(gone).build();
        let doing = format!("remove the replica in {region}");
        self.change(name, &doing, task, |call| call.replica_updates(update.clone())).await.map(drop)
    }

    async fn remove_policy(&self, arn: &str, task: &Task) -> Result<(), Failure> {
        let doing = format!("remove the policy of {arn}");
        let removed = settled(task, &[&TABLE_BUSY], || async {
            self.client.delete_resource_policy().resource_arn(arn).send().await.or_fail(&doing)
        });
        match removed.await.or_absent() {
            Err(failure) if NO_POLICY.is(&failure) => Ok(()),
            removed => removed.map(drop),
        }
    }
}
