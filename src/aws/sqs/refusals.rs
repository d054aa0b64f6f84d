//! The refusals of SQS that the program distinguishes, and the temporary refusals after which it repeats a call.

use crate::aws::refusals::refusals;
use crate::aws::settle::{Wait, wait, waits};
use crate::engine::Refusal;

refusals! {
    /// SQS has no such queue. The newer protocol of SQS has its own code.
    NO_QUEUE: Absent = Refusal::new(&["sqs"], &["AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"]);
}

waits! {
    /// A queue of that name was deleted less than a minute ago. Each of SQS's two protocols has its own code.
    QUEUE_NAME = wait(
        "queues",
        "the queue's name is not free yet",
        &["sqs CreateQueue"],
        &["AWS.SimpleQueueService.QueueDeletedRecently", "QueueDeletedRecently"],
    )
    .pace(5000, 10_000, 120);

    /// A queue can be used a second after its creation at the earliest.
    DEAD_LETTER_QUEUE = wait(
        "dead-letter-queues",
        "the dead-letter queue is not visible yet",
        &["sqs CreateQueue", "sqs SetQueueAttributes"],
        &["InvalidParameterValue", "InvalidAttributeValue"],
    )
    .words(&["dead letter target does not exist"])
    .pace(1000, 5000, 60);
}

#[cfg(test)]
pub(in crate::aws) mod tests {
    use futures_util::FutureExt;

    use crate::aws::sqs;
    use crate::aws::waits::{Case, WaitTests};
    use crate::engine::Provider;

    /// The tests of the waits of this service.
    pub(in crate::aws) const WAITS: WaitTests = WaitTests::new(cases);

    fn want() -> sqs::Queue {
        sqs::Queue {
            id: "queue.dead".into(),
            name: "demo-dead".into(),
            arn: "arn:aws:sqs:eu-central-1:123456789012:demo-dead".into(),
            account: "123456789012".into(),
            fifo: false,
            retention_days: 14,
            visibility_s: None,
            topics: Vec::new(),
            dead_letters: None,
            kms_key: crate::aws::Encryption::default(),
        }
    }

    #[rustfmt::skip]
    fn cases() -> Vec<Case> {
        vec![
            Case {
                wait: "QUEUE_NAME",
                at: "CreateQueue",
                refusal: (400, "QueueDeletedRecently",
                    "You must wait 60 seconds after deleting a queue before you can create another with the same name."),
                verb: |clients, task| {
                    async move { sqs::Sqs::new(&clients).create(&want(), &task).await.map(drop) }.boxed_local()
                },
            },
            Case {
                wait: "DEAD_LETTER_QUEUE",
                at: "CreateQueue",
                refusal: (400, "InvalidParameterValue",
                    "Value {\"deadLetterTargetArn\":\"arn:q\",\"maxReceiveCount\":5} for parameter RedrivePolicy is invalid. \
                     Reason: Dead letter target does not exist."),
                verb: |clients, task| {
                    async move { sqs::Sqs::new(&clients).create(&want(), &task).await.map(drop) }.boxed_local()
                },
            },
        ]
    }
}
