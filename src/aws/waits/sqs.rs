//! Calls of SQS that meet a wait.

use futures_util::FutureExt;

use super::Case;
use crate::aws::sqs;
use crate::engine::Provider;

#[rustfmt::skip]
pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            wait: "QUEUE_NAME",
            at: "CreateQueue",
            refusal: (400, "QueueDeletedRecently",
                "You must wait 60 seconds after deleting a queue before you can create another with the same name."),
            verb: |clients, task| {
                let want = sqs::Queue {
                    id: "queue.dead".into(),
                    name: "demo-dead".into(),
                    arn: "arn:aws:sqs:eu-central-1:123456789012:demo-dead".into(),
                    account: "123456789012".into(),
                    kms_key: crate::aws::Encryption::default(),
                };
                async move { sqs::Sqs::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
            },
        },
    ]
}
