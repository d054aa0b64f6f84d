//! Calls of SNS that meet a wait.

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::Case;
use crate::aws::{Clients, sns};
use crate::engine::{Failure, Provider, Task};

pub(super) fn delete_topic(clients: Clients, task: Task) -> LocalBoxFuture<'static, Result<(), Failure>> {
    let gone = sns::TopicOutputs { arn: "arn:aws:sns:eu-central-1:123456789012:demo-t".into() };
    async move { Provider::<sns::Topic>::delete(&sns::Sns::new(&clients), &gone, &task).await }.boxed_local()
}

#[rustfmt::skip]
pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            wait: "SNS_BUSY",
            at: "CreateTopic",
            refusal: (400, "StaleTag",
                "A tag has been added to a resource with the same ARN as a deleted resource. Wait a short while and \
                 then retry the operation."),
            verb: |clients, task| {
                let want = sns::Topic {
                    id: "topic.t".into(),
                    name: "demo-t".into(),
                    arn: "arn:aws:sns:eu-central-1:123456789012:demo-t".into(),
                    account: "123456789012".into(),
                    subscribers: Vec::new(),
                    functions: Vec::new(),
                    emails: Vec::new(),
                    alarms: None,
                    tls_only: false,
                    tracing: false,
                    signature_version: 1,
                    kms_key: crate::aws::Encryption::default(),
                };
                async move { sns::Sns::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
            },
        },
    ]
}
