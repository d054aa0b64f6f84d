//! The refusals of DynamoDB that the program distinguishes, and the temporary refusals after which it repeats a call.

use crate::aws::refusals::refusals;
use crate::aws::settle::{Wait, wait, waits};
use crate::engine::Refusal;

refusals! {
    /// DynamoDB has no such table. Calls about backups have a code of their own for it.
    NO_TABLE: Absent = Refusal::new(&["dynamodb"], &["ResourceNotFoundException", "TableNotFoundException"]);
    /// A table of that name exists.
    TABLE_EXISTS: Exists = Refusal::new(&["dynamodb CreateTable"], &["ResourceInUseException"]).words(&["already exists"]);
    /// The table or the stream has no policy.
    NO_POLICY = Refusal::new(
        &["dynamodb GetResourcePolicy", "dynamodb DeleteResourcePolicy"],
        &["PolicyNotFoundException"],
    );
    /// The table has deletion protection.
    PROTECTED = Refusal::new(&["dynamodb DeleteTable"], &["ValidationException"]).words(&["protected against deletion"]);
    /// The time to live already has the requested setting.
    TTL_UNCHANGED = Refusal::new(&["dynamodb UpdateTimeToLive"], &["ValidationException"]).words(&["is already"]);
    /// The time to live was changed less than an hour ago.
    TTL_TOO_SOON = Refusal::new(&["dynamodb UpdateTimeToLive"], &["ValidationException"])
        .words(&["modified multiple times within a fixed interval"]);
}

waits! {
    /// The table is being created or changed.
    TABLE_BUSY = wait(
        "tables",
        "the table is being changed",
        &[
            "dynamodb UpdateTable",
            "dynamodb DeleteTable",
            "dynamodb UpdateTimeToLive",
            "dynamodb UpdateContinuousBackups",
            "dynamodb DeleteResourcePolicy",
            "dynamodb TagResource",
            "dynamodb UntagResource",
        ],
        &["ResourceInUseException"],
    )
    .pace(1000, 5000, 600);

    /// A table of that name is being deleted.
    TABLE_NAME = wait(
        "tables",
        "the table's name is not free yet",
        &["dynamodb CreateTable"],
        &["ResourceInUseException"],
    )
    .words(&["being deleted"])
    .pace(1000, 5000, 600);

    /// Other tables of the account are being created, changed or deleted. The limit is lower for tables with indexes.
    TABLES_BUSY = wait(
        "tables",
        "too many tables are being changed",
        &["dynamodb CreateTable", "dynamodb UpdateTable", "dynamodb DeleteTable"],
        &["LimitExceededException"],
    )
    .words(&["simultaneously"])
    .pace(2000, 10_000, 600);

    /// The backups of a new table are not ready at once.
    BACKUPS_NOT_READY = wait(
        "tables",
        "the table's backups are not ready yet",
        &["dynamodb UpdateContinuousBackups"],
        &["ContinuousBackupsUnavailableException"],
    )
    .pace(1000, 5000, 600);
}

#[cfg(test)]
pub(in crate::aws) mod tests {
    use futures_util::FutureExt;

    use crate::aws::dynamodb::{DynamoDb, settings};
    use crate::aws::waits::{Answer, Case, WaitTests};
    use crate::engine::Provider;

    /// The tests of the waits of this service.
    pub(in crate::aws) const WAITS: WaitTests = WaitTests::new(cases).answering(answers);

    fn answers(call: &str, _: &str) -> Option<Answer> {
        let answer = match call {
            "DescribeTable" => r#"{"Table":{"TableName":"demo-notes","TableStatus":"ACTIVE"}}"#,
            "DescribeContinuousBackups" => {
                r#"{"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED",
                    "PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"ENABLED"}}}"#
            }
            _ => return None,
        };
        Some((200, answer.to_owned()))
    }

    #[rustfmt::skip]
    fn cases() -> Vec<Case> {
        vec![
            Case {
                wait: "TABLE_NAME",
                at: "CreateTable",
                refusal: (400, "ResourceInUseException",
                    "Attempt to change a resource which is still in use: Table is being deleted: demo-notes"),
                verb: |clients, task| {
                    let want = settings::tests::want();
                    async move { DynamoDb::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
                },
            },
            Case {
                wait: "TABLES_BUSY",
                at: "CreateTable",
                refusal: (400, "LimitExceededException",
                    "Subscriber limit exceeded: Only 500 tables can be created, updated, or deleted simultaneously"),
                verb: |clients, task| {
                    let want = settings::tests::want();
                    async move { DynamoDb::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
                },
            },
            Case {
                wait: "TABLE_BUSY",
                at: "UpdateTable",
                refusal: (400, "ResourceInUseException",
                    "Attempt to change a resource which is still in use: Table is being updated: demo-notes"),
                verb: |clients, task| async move {
                    DynamoDb::new(&clients).protect("demo-notes", true, &task).await
                }.boxed_local(),
            },
            Case {
                wait: "BACKUPS_NOT_READY",
                at: "UpdateContinuousBackups",
                refusal: (400, "ContinuousBackupsUnavailableException",
                    "Backups are being enabled for the table: demo-notes. Please retry later."),
                verb: |clients, task| async move {
                    DynamoDb::new(&clients).set_recovery("demo-notes", true, &task).await
                }.boxed_local(),
            },
        ]
    }
}
