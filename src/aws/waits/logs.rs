//! Calls of CloudWatch Logs that meet a wait.

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::Case;
use crate::aws::{Clients, logs};
use crate::engine::{Failure, Provider, Task};

pub(super) fn delete_log_group(clients: Clients, task: Task) -> LocalBoxFuture<'static, Result<(), Failure>> {
    let gone = logs::LogGroupOutputs { name: "/aws/lambda/demo-f".into(), arn: "arn:l".into() };
    async move { logs::Logs::new(&clients).delete(&gone, &task).await }.boxed_local()
}

#[rustfmt::skip]
pub(super) fn cases() -> Vec<Case> {
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
