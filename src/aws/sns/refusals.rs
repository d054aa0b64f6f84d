//! The refusals of SNS that the program distinguishes, and the temporary refusals after which it repeats a call.

use crate::aws::refusals::refusals;
use crate::aws::settle::{Wait, wait, waits};
use crate::engine::Refusal;

refusals! {
    /// SNS has no such topic or subscription. The calls for tags have an error code of their own.
    NO_TOPIC: Absent = Refusal::new(&["sns"], &["NotFound", "ResourceNotFound"]);
    /// A topic of that name, or the subscription, exists.
    TOPIC_EXISTS: Exists = Refusal::new(&["sns CreateTopic", "sns Subscribe"], &["InvalidParameter"]).words(&["already exist"]);
}

waits! {
    /// Tags of a deleted topic of the same name, concurrent changes, and too many calls.
    SNS_BUSY = wait("topics", "SNS is still changing the topic", &["sns"], &["StaleTag", "ConcurrentAccess", "Throttled"])
            .pace(2000, 10_000, 120);
}

#[cfg(test)]
pub(in crate::aws) mod tests {
    use futures_util::FutureExt;
    use futures_util::future::LocalBoxFuture;

    use crate::aws::waits::{Case, WaitTests};
    use crate::aws::{Clients, sns};
    use crate::engine::{Failure, Provider, Task};

    /// The tests of the waits of this service.
    pub(in crate::aws) const WAITS: WaitTests = WaitTests::new(cases);

    pub(in crate::aws) fn delete_topic(clients: Clients, task: Task) -> LocalBoxFuture<'static, Result<(), Failure>> {
        let gone = sns::TopicOutputs { arn: "arn:aws:sns:eu-central-1:123456789012:demo-t".into() };
        async move { Provider::<sns::Topic>::delete(&sns::Sns::new(&clients), &gone, &task).await }.boxed_local()
    }

    #[rustfmt::skip]
    fn cases() -> Vec<Case> {
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
                        addresses: Vec::new(),
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
}
