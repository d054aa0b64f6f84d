//! A table: how it is found, created, changed and deleted.

use aws_sdk_dynamodb::types::{BillingMode, GlobalSecondaryIndex, Tag};
use serde::{Deserialize, Serialize};

use super::calls::{is_going, stream_arn};
use super::changes::{definitions, encryption, new_index, schema, stream};
use super::refusals::{PROTECTED, TABLE_BUSY, TABLE_NAME, TABLES_BUSY};
use super::settings::{KEYS, Table, TableLive, differs};
use super::{DynamoDb, SERVICE, TABLES, TARGET};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::{confirmed, settled, until};
use crate::aws::tags::tags;
use crate::engine::{Comparison, Drift, Failure, Found, Listing, Provider, Resource, Retag, Tags, Task};
use crate::layer::Layer;
use crate::scope::Whose;

/// While a table is deleted: the first and the longest pause between two reads, in milliseconds, and the total time in
/// seconds.
const PACE: (u64, u64) = (500, 5000);
const BUDGET: u64 = 600;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableOutputs {
    /// `arn:aws:dynamodb:<region>:<account>:table/<name>`.
    pub arn: String,
    /// The table's ARN, `/stream/` and the time at which the stream was turned on; `None` without a stream.
    pub stream_arn: Option<String>,
}

impl TableOutputs {
    fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or(&self.arn)
    }
}

/// A table is looked up by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableKey {
    pub(super) id: String,
    pub(super) name: String,
}

impl Resource for Table {
    const KIND: &'static str = "dynamodb.table";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    const GUARDS: bool = false;
    const SETTLES_IN: usize = 4;
    type Key = TableKey;
    type Outputs = TableOutputs;
    type Live = TableLive;

    fn key(&self) -> TableKey {
        TableKey { id: self.id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &TableOutputs) -> String {
        outputs.arn.clone()
    }

    fn removal_command(outputs: &TableOutputs) -> Option<String> {
        Some(format!("aws dynamodb delete-table --table-name {}", outputs.name()))
    }

    fn compare(&self, live: &TableLive) -> Comparison {
        self.compared(live)
    }

    /// A stream that is turned on again has a new ARN, because its ARN contains the time.
    fn renewed(&self, outputs: &TableOutputs, drift: &[Drift]) -> Option<TableOutputs> {
        let stream_arn = self.stream.map(|_| format!("{}/stream/(known after apply)", outputs.arn));
        differs(drift, super::settings::STREAM).then(|| TableOutputs { arn: outputs.arn.clone(), stream_arn })
    }

    fn requires_replacement(&self, drift: &[Drift]) -> Option<Failure> {
        let keys = drift.iter().find(|setting| setting.field == KEYS)?;
        let message = format!(
            "the table {} has the keys {}, not {}, and AWS cannot change the keys of a table",
            self.name, keys.live, keys.want
        );
        Some(Failure::refused(message).hint(
            "restore `key` and `sort` in the stack file; for other keys, add a table of another name and copy the items",
        ))
    }
}

impl Described for Table {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "table",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::DynamoDb,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::Retag,
                on: TABLES,
                rights: &[Permissions {
                    needs: &[Usage::Update],
                    actions: &["dynamodb:TagResource", "dynamodb:UntagResource"],
                }],
            },
            StatementTemplate {
                sid: Sid::FindOwn,
                on: TABLES,
                rights: &[
                    Permissions {
                        needs: &[Usage::Read],
                        actions: &[
                            "dynamodb:DescribeContinuousBackups",
                            "dynamodb:DescribeKinesisStreamingDestination",
                            "dynamodb:DescribeTable",
                            "dynamodb:DescribeTimeToLive",
                            "dynamodb:GetResourcePolicy",
                            "dynamodb:ListTagsOfResource",
                        ],
                    },
                    Permissions { needs: &[Usage::Survivors], actions: &["dynamodb:ListTagsOfResource"] },
                ],
            },
            // An account may have turned tags in conditions off for DynamoDB (docs/aws.md, Tables). Then a condition that
            // demands our tag would deny everything.
            StatementTemplate {
                sid: Sid::OwnByName,
                on: TABLES,
                rights: &[
                    Permissions {
                        needs: &[Usage::Create, Usage::Update],
                        actions: &["dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTimeToLive"],
                    },
                    Permissions {
                        needs: &[Usage::Update],
                        actions: &["dynamodb:DeleteResourcePolicy", "dynamodb:DisableKinesisStreamingDestination"],
                    },
                    Permissions { needs: &[Usage::Update, Usage::Delete], actions: &["dynamodb:UpdateTable"] },
                    Permissions { needs: &[Usage::Delete], actions: &["dynamodb:DeleteTable"] },
                ],
            },
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: TABLES,
                rights: &[Permissions {
                    needs: &[Usage::Create],
                    actions: &["dynamodb:CreateTable", "dynamodb:TagResource"],
                }],
            },
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[Permissions { needs: &[Usage::Survivors], actions: &["dynamodb:ListTables"] }],
            },
        ],
        rates: &[
            Rate::per_second(10, Calls::Operations(TARGET, &["ListTagsOfResource"])),
            Rate::per_second(10, Calls::Operations(TARGET, &["DescribeContinuousBackups"])),
        ],
        check: SettingsCheck {
            layer: Layer::Secrets,
            subject: "table {}",
            holds: "only this account can use it, nothing copies its changes elsewhere, and it has the keys, indexes \
                    and protection of the stack file",
            read: "DescribeTable, DescribeTimeToLive, DescribeContinuousBackups, GetResourcePolicy and \
                   DescribeKinesisStreamingDestination",
        },
    };
}

impl Provider<Table> for DynamoDb {
    async fn read(&self, key: &TableKey, _: Option<&TableOutputs>, _: &Task) -> Result<Option<Found<Table>>, Failure> {
        let (described, ours) = tokio::join!(self.described(&key.name), self.is_ours(&key.name));
        // A table that is being deleted counts as absent.
        let (Some(table), Some(ours)) = (described?.filter(|table| !is_going(table)), ours?) else { return Ok(None) };
        let arn = self.arn(&key.name);
        if !ours {
            return Err(Failure::foreign("the table", &arn));
        }
        let outputs = TableOutputs { arn, stream_arn: stream_arn(&table) };
        Ok(self.live(&key.name, table).await?.map(|live| Found { outputs, live }))
    }

    fn predict(&self, want: &Table) -> Option<TableOutputs> {
        // The ARN of a stream contains the time at which it is turned on, so it cannot be predicted.
        want.stream.is_none().then(|| TableOutputs { arn: want.arn.clone(), stream_arn: None })
    }

    async fn create(&self, want: &Table, task: &Task) -> Result<TableOutputs, Failure> {
        let name = want.name.as_str();
        let indexes: Vec<GlobalSecondaryIndex> =
            want.indexes.iter().map(|(name, index)| new_index(name, index)).collect::<Result<_, _>>()?;
        let (definitions, keys) = (definitions(want)?, schema(&want.key, want.sort.as_ref())?);
        let stream = want.stream.map(|view| stream(Some(view))).transpose()?;
        let encryption = want.kms_key.key().map(|_| encryption(&want.kms_key));
        let tags = tags(&self.scope, &want.id, |key, value| Tag::builder().key(key).value(value).build())?;
        let doing = format!("create the table {name}");
        let created = settled(task, &[&TABLE_NAME, &TABLES_BUSY], || async {
            let call = self.once.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
            let call = call.set_attribute_definitions(Some(definitions.clone())).set_key_schema(Some(keys.clone()));
            let call = call.set_global_secondary_indexes(Some(indexes.clone()).filter(|all| !all.is_empty()));
            let call = call.set_stream_specification(stream.clone()).set_sse_specification(encryption.clone());
            let call = call.deletion_protection_enabled(want.deletion_protection).set_tags(Some(tags.clone()));
            call.send().await.or_fail(&doing)
        });
        created.await?;
        let table = self.active(name, task).await?;
        if want.recovery {
            self.set_recovery(name, true, task).await?;
        }
        if want.ttl.is_some() {
            self.set_ttl(want, None, task).await?;
        }
        Ok(TableOutputs { arn: want.arn.clone(), stream_arn: stream_arn(&table) })
    }

    async fn update(&self, want: &Table, found: &Found<Table>, task: &Task) -> Result<TableOutputs, Failure> {
        let drift = want.drift(&found.live);
        if drift.is_empty() {
            return Ok(found.outputs.clone());
        }
        self.bring(want, &found.live, &drift, task).await?;
        if !differs(&drift, super::settings::STREAM) {
            return Ok(found.outputs.clone());
        }
        let table = self.active(&want.name, task).await?;
        Ok(TableOutputs { arn: want.arn.clone(), stream_arn: stream_arn(&table) })
    }

    async fn tags(&self, of: &TableOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        self.tags_at(of.name()).await
    }

    async fn retag(&self, of: &TableOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(of.name(), change, task).await
    }

    async fn vouch(&self, recorded: &TableOutputs, _: &Task) -> Result<bool, Failure> {
        Ok(self.is_ours(recorded.name()).await?.unwrap_or(true))
    }

    async fn delete(&self, gone: &TableOutputs, task: &Task) -> Result<(), Failure> {
        let name = gone.name();
        let doing = format!("delete the table {name}");
        let delete = || {
            settled(task, &[&TABLE_BUSY, &TABLES_BUSY], || async {
                self.client.delete_table().table_name(name).send().await.or_fail(&doing)
            })
        };
        let deleted = match delete().await {
            // A run deletes only tables that the user named, so it may turn off their protection.
            Err(failure) if PROTECTED.is(&failure) => {
                self.protect(name, false, task).await?;
                delete().await
            }
            deleted => deleted,
        };
        if deleted.or_absent()?.is_none() {
            return Ok(());
        }
        let seen_gone = until(task, "the table is not gone yet", PACE, BUDGET, || async {
            Ok(self.described(name).await?.is_none().then_some(()))
        });
        confirmed(seen_gone.await)
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        Ok(self.tables(whose).await)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::dynamodb::settings::tests::{live, want};
    use crate::aws::testing::{asked, replay};
    use crate::engine::Cause;

    const ABSENT: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found: Table: demo-notes not found"}"#;
    const NO_POLICY: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#PolicyNotFoundException","message":"Resource-based policy not found for the provided ResourceArn"}"#;

    fn task() -> Task {
        Task::detached("table.notes")
    }

    /// AWS's description of a table that is equal to `want`.
    fn described() -> Value {
        let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
        json!({ "Table": {
            "TableName": "demo-notes", "TableStatus": "ACTIVE", "TableArn": want().arn,
            "KeySchema": [key("userId", "HASH"), key("noteId", "RANGE")],
            "AttributeDefinitions": [
                { "AttributeName": "userId", "AttributeType": "S" }, { "AttributeName": "date", "AttributeType": "S" },
                { "AttributeName": "noteId", "AttributeType": "N" },
            ],
            "BillingModeSummary": { "BillingMode": "PAY_PER_REQUEST" },
            "GlobalSecondaryIndexes": [{
                "IndexName": "byDate", "IndexStatus": "ACTIVE", "Projection": { "ProjectionType": "ALL" },
                "KeySchema": [key("userId", "HASH"), key("date", "RANGE")],
            }],
            "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
            "LatestStreamArn": live().stream_arn, "DeletionProtectionEnabled": true,
        } })
    }

    fn tags(stack: &str) -> String {
        json!({ "Tags": [{ "Key": "securelambda:stack", "Value": stack }] }).to_string()
    }

    async fn read(tags: &str) -> Result<Option<Found<Table>>, Failure> {
        let ttl = json!({ "TimeToLiveDescription": { "TimeToLiveStatus": "ENABLED", "AttributeName": "expires" } });
        let point = json!({ "PointInTimeRecoveryStatus": "ENABLED" });
        let backups = json!({ "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": point } });
        let stopped =
            json!({ "KinesisDataStreamDestinations": [{ "StreamArn": "arn:k", "DestinationStatus": "DISABLED" }] });
        let answers = [described().to_string(), tags.to_owned(), ttl.to_string(), backups.to_string()];
        let mut answers: Vec<(u16, &str)> = answers.iter().map(|answer| (200, answer.as_str())).collect();
        let stopped = stopped.to_string();
        answers.extend([(400, NO_POLICY), (400, NO_POLICY), (200, stopped.as_str())]);
        let (clients, _) = replay(answers);
        Provider::<Table>::read(&DynamoDb::new(&clients), &want().key(), None, &task()).await
    }

    #[tokio::test]
    async fn a_table_is_read_with_everything_that_gives_access_to_it() {
        let found = read(&tags("demo")).await.unwrap().unwrap();
        assert_eq!(format!("{:?}", found.live), format!("{:?}", live()));
        assert_eq!(found.outputs.stream_arn, live().stream_arn);
        assert_eq!(read(&tags("other")).await.unwrap_err().cause, Cause::Foreign);
        let (clients, _) = replay(vec![(400, ABSENT), (400, ABSENT)]);
        let read = Provider::<Table>::read(&DynamoDb::new(&clients), &want().key(), None, &task()).await;
        assert!(read.unwrap().is_none());
    }

    #[tokio::test]
    async fn one_call_creates_it_and_recovery_and_expiry_follow_once_it_is_active() {
        let creating = json!({ "Table": { "TableName": "demo-notes", "TableStatus": "CREATING" } }).to_string();
        let (active, point) = (described().to_string(), json!({ "PointInTimeRecoveryStatus": "ENABLED" }));
        let backups = json!({ "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": point } });
        let backups = backups.to_string();
        let answers = ["{}", &creating, &active, "{}", &backups, "{}"].map(|answer| (200, answer));
        let (clients, http) = replay(answers.into());
        let outputs = Provider::<Table>::create(&DynamoDb::new(&clients), &want(), &task()).await.unwrap();
        assert_eq!(outputs.stream_arn, live().stream_arn);
        let calls = asked(&http);
        let names: Vec<&str> = calls.iter().map(|(call, _)| call.as_str()).collect();
        let expected = [
            "CreateTable",
            "DescribeTable",
            "DescribeTable",
            "UpdateContinuousBackups",
            "DescribeContinuousBackups",
            "UpdateTimeToLive",
        ];
        assert_eq!(names, expected);
        for part in
            ["PAY_PER_REQUEST", "securelambda:stack", "NEW_AND_OLD_IMAGES", r#""DeletionProtectionEnabled":true"#]
        {
            assert!(calls[0].1.contains(part), "{part} in {}", calls[0].1);
        }
    }

    #[tokio::test]
    async fn each_change_waits_for_the_one_before() {
        let found = Found {
            outputs: TableOutputs { arn: want().arn, stream_arn: None },
            live: TableLive {
                stream: Some("KEYS_ONLY".into()),
                indexes: [("byDate".to_owned(), "date:S with ALL".to_owned())].into(),
                deletion_protection: false,
                ..live()
            },
        };
        let active = described().to_string();
        let answers = (0..5).flat_map(|_| [(200, "{}"), (200, active.as_str())]).chain([(200, active.as_str())]);
        let (clients, http) = replay(answers.collect());
        let outputs = Provider::<Table>::update(&DynamoDb::new(&clients), &want(), &found, &task()).await.unwrap();
        assert_eq!(outputs.stream_arn, live().stream_arn);
        let calls = asked(&http);
        let changes: Vec<&str> =
            calls.iter().filter(|(call, _)| call == "UpdateTable").map(|(_, body)| body.as_str()).collect();
        let parts = [
            r#""DeletionProtectionEnabled":true"#,
            r#""StreamEnabled":false"#,
            r#""StreamEnabled":true"#,
            r#""Delete":{"IndexName":"byDate"}"#,
            r#""Create":{"IndexName":"byDate""#,
        ];
        assert_eq!(changes.len(), parts.len(), "{changes:?}");
        for (change, part) in changes.iter().zip(parts) {
            assert!(change.contains(part), "{part} in {change}");
        }
    }

    #[tokio::test]
    async fn other_keys_are_refused_before_anything_is_changed() {
        let drift = want().drift(&TableLive { keys: "owner:S".into(), ..live() });
        let failure = want().requires_replacement(&drift).unwrap();
        assert!(failure.to_string().contains("the keys owner:S, not userId:S, noteId:N"), "{failure}");
        assert!(want().requires_replacement(&want().drift(&TableLive { stream: None, ..live() })).is_none());
    }

    #[test]
    fn another_stream_has_another_arn() {
        let outputs = TableOutputs { arn: want().arn, stream_arn: live().stream_arn };
        let renewed = |live: &TableLive| want().renewed(&outputs, &want().drift(live));
        let other = renewed(&TableLive { stream: Some("KEYS_ONLY".into()), ..live() }).unwrap();
        assert_eq!(other.stream_arn, Some(format!("{}/stream/(known after apply)", want().arn)));
        assert_eq!(renewed(&TableLive { deletion_protection: false, ..live() }), None);
    }

    #[tokio::test]
    async fn a_second_change_of_the_expiry_within_an_hour_says_when_to_run_again() {
        let refusal = r#"{"__type":"ValidationException","message":"Time to live has been modified multiple times within a fixed interval"}"#;
        let (clients, _) = replay(vec![(200, "{}"), (400, refusal)]);
        let failure = DynamoDb::new(&clients).set_ttl(&want(), Some("until"), &task()).await.unwrap_err();
        assert!(failure.hint.is_some_and(|hint| hint.contains("in an hour")));
    }

    #[tokio::test]
    async fn a_protected_table_that_was_named_loses_its_protection_and_then_is_deleted() {
        let refusal = r#"{"__type":"ValidationException","message":"Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."}"#;
        let active = described().to_string();
        let (clients, http) = replay(vec![(400, refusal), (200, "{}"), (200, &active), (200, "{}"), (400, ABSENT)]);
        let gone = TableOutputs { arn: want().arn, stream_arn: None };
        Provider::<Table>::delete(&DynamoDb::new(&clients), &gone, &task()).await.unwrap();
        let calls = asked(&http);
        let names: Vec<&str> = calls.iter().map(|(call, _)| call.as_str()).collect();
        assert_eq!(names, ["DeleteTable", "UpdateTable", "DescribeTable", "DeleteTable", "DescribeTable"]);
        let (clients, _) = replay(vec![(400, ABSENT)]);
        Provider::<Table>::delete(&DynamoDb::new(&clients), &gone, &task()).await.unwrap();
    }
}
