//! The refusals of CloudWatch that the program distinguishes, and the temporary refusals after which it repeats a call.

use crate::aws::refusals::refusals;
use crate::aws::settle::{Wait, wait, waits};
use crate::engine::Refusal;

refusals! {
    /// CloudWatch has no such alarm.
    NO_ALARM: Absent = Refusal::new(&["cloudwatch"], &["ResourceNotFound", "ResourceNotFoundException"]);
}

waits! {
    /// Concurrent changes of one alarm's tags.
    ALARM_BUSY = wait(
        "alarms",
        "the alarm is being changed",
        &["cloudwatch TagResource", "cloudwatch UntagResource"],
        &["ConcurrentModificationException"],
    )
    .pace(1000, 5000, 60);
}

#[cfg(test)]
pub(in crate::aws) mod tests {
    use futures_util::FutureExt;

    use crate::aws::cloudwatch::{Alarm, AlarmOutputs, CloudWatch};
    use crate::aws::waits::{Case, WaitTests};
    use crate::engine::{Provider, Retag};

    /// The tests of the waits of this service.
    pub(in crate::aws) const WAITS: WaitTests = WaitTests::new(cases);

    #[rustfmt::skip]
    fn cases() -> Vec<Case> {
        vec![Case {
            wait: "ALARM_BUSY",
            at: "POST /service/GraniteServiceVersion20100801/operation/TagResource",
            refusal: (429, "ConcurrentModificationException",
                "More than one process tried to modify a resource at the same time."),
            verb: |clients, task| {
                let of = AlarmOutputs { arn: "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:demo-a".into() };
                let change = Retag { set: [("team".to_owned(), "x".to_owned())].into(), gone: Vec::new() };
                async move {
                    Provider::<Alarm>::retag(&CloudWatch::new(&clients), &of, &change, &task).await
                }.boxed_local()
            },
        }]
    }
}
