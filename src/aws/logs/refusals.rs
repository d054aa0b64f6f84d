//! The refusals of CloudWatch Logs that the program distinguishes, and the temporary refusals after which it repeats a
//! call.

use crate::aws::refusals::refusals;
use crate::aws::settle::{Wait, wait, waits};
use crate::engine::Refusal;

refusals! {
    /// There is no such log group.
    NO_LOG_GROUP: Absent = Refusal::new(&["logs"], &["ResourceNotFoundException"]);
    /// A log group of that name exists.
    LOG_GROUP_EXISTS: Exists = Refusal::new(&["logs CreateLogGroup"], &["ResourceAlreadyExistsException"]);
}

waits! {
    /// Concurrent operations on one group.
    LOGS_BUSY = wait("log-groups", "the log group is being changed", &["logs"], &["OperationAbortedException"])
            .pace(1000, 3000, 30);

    /// After CreateLogGroup, IAM may not see the group's tags yet.
    LOGS_TAGGED = wait(
        "log-groups",
        "IAM does not see the log group's tags yet",
        &["logs PutRetentionPolicy"],
        &["AccessDeniedException"],
    )
    .pace(1000, 3000, 20);

    /// A new key, or a changed policy of a key, has not reached CloudWatch Logs yet.
    LOGS_KEY = wait(
        "keys-of-a-stack",
        "CloudWatch Logs may not use the key yet",
        &["logs CreateLogGroup", "logs AssociateKmsKey"],
        &["AccessDeniedException", "InvalidParameterException"],
    )
    .words(&["kms key does not exist or is not allowed to be used"])
    .pace(1000, 5000, 60);

    /// After CreateLogGroup, other calls may not see the group yet.
    LOGS_VISIBLE = wait(
        "log-groups",
        "the log group is not visible everywhere yet",
        &["logs PutRetentionPolicy"],
        &["ResourceNotFoundException"],
    )
    .pace(500, 2000, 30);
}

#[cfg(test)]
pub(in crate::aws) mod tests {
    use futures_util::FutureExt;
    use futures_util::future::LocalBoxFuture;

    use crate::aws::waits::{Case, WaitTests};
    use crate::aws::{Clients, logs};
    use crate::engine::{Failure, Provider, Task};

    /// The tests of the waits of this service.
    pub(in crate::aws) const WAITS: WaitTests = WaitTests::new(cases);

    pub(in crate::aws) fn delete_log_group(
        clients: Clients,
        task: Task,
    ) -> LocalBoxFuture<'static, Result<(), Failure>> {
        let gone = logs::LogGroupOutputs { name: "/aws/lambda/demo-f".into(), arn: "arn:l".into() };
        async move { logs::Logs::new(&clients).delete(&gone, &task).await }.boxed_local()
    }

    #[rustfmt::skip]
    fn cases() -> Vec<Case> {
        vec![
            Case {
                wait: "LOGS_BUSY",
                at: "DeleteLogGroup",
                refusal: (400, "OperationAbortedException", "A conflicting operation is currently in progress against this resource. Please try again."),
                verb: delete_log_group,
            },
            Case {
                wait: "LOGS_TAGGED",
                at: "PutRetentionPolicy",
                refusal: (400, "AccessDeniedException", "User: arn:me is not authorized to perform: logs:PutRetentionPolicy on resource: arn:group because no identity-based policy allows the logs:PutRetentionPolicy action"),
                verb: |clients, task| {
                    let want = logs::LogGroup {
                        id: "api.execution-log".into(),
                        name: "API-Gateway-Execution-Logs_abc/live".into(),
                        retention_days: 14,
                        account: "123456789012".into(),
                        kms_key: crate::aws::Encryption::default(),
                    };
                    async move { logs::Logs::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
                },
            },
            Case {
                wait: "LOGS_KEY",
                at: "CreateLogGroup",
                refusal: (400, "AccessDeniedException", "The specified KMS key does not exist or is not allowed to be used with Arn 'arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/demo-f'"),
                verb: |clients, task| {
                    let want = logs::LogGroup {
                        id: "logs.f".into(),
                        name: "/aws/lambda/demo-f".into(),
                        retention_days: 14,
                        account: "123456789012".into(),
                        kms_key: crate::aws::Encryption::With("arn:aws:kms:eu-central-1:123456789012:key/k".into()),
                    };
                    async move { logs::Logs::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
                },
            },
            Case {
                wait: "LOGS_VISIBLE",
                at: "PutRetentionPolicy",
                refusal: (400, "ResourceNotFoundException", "The specified log group does not exist."),
                verb: |clients, task| {
                    let want = logs::LogGroup {
                        id: "log_group.f".into(),
                        name: "/aws/lambda/demo-f".into(),
                        retention_days: 14,
                        account: "123456789012".into(),
                        kms_key: crate::aws::Encryption::default(),
                    };
                    async move { logs::Logs::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
                },
            },
        ]
    }
}
