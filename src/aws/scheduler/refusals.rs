//! The refusals of EventBridge Scheduler that the program distinguishes, and the temporary refusals after which it
//! repeats a call.

use crate::aws::refusals::refusals;
use crate::aws::settle::{Wait, wait, waits};
use crate::engine::Refusal;

refusals! {
    /// Scheduler has no such group or schedule.
    NO_SCHEDULE: Absent = Refusal::new(&["scheduler"], &["ResourceNotFoundException"]);
    /// A group or a schedule of that name exists.
    SCHEDULE_EXISTS: Exists = Refusal::new(
        &["scheduler CreateScheduleGroup", "scheduler CreateSchedule"],
        &["ConflictException"],
    )
    .words(&["already exist"]);
}

waits! {
    /// A group of that name is still being deleted.
    GROUP_GOING = wait(
        "schedules",
        "a schedule group of that name is still being deleted",
        &["scheduler CreateScheduleGroup"],
        &["ConflictException"],
    )
    .unless(&["already exist"])
    .pace(1000, 5000, 300);

    /// The group is being changed.
    GROUP_BUSY = wait(
        "schedules",
        "the schedule group is being changed",
        &["scheduler TagResource", "scheduler UntagResource"],
        &["ConflictException"],
    )
    .pace(1000, 5000, 60);

    /// The group was just created, and CreateSchedule does not see it yet.
    GROUP_VISIBLE = wait(
        "schedules",
        "the schedule group is not visible everywhere yet",
        &["scheduler CreateSchedule"],
        &["ResourceNotFoundException"],
    )
    .pace(500, 2000, 60);

    /// A new role is not visible everywhere at once.
    SCHEDULER_ROLE = wait(
        "schedules",
        "the role cannot be assumed yet",
        &["scheduler CreateSchedule", "scheduler UpdateSchedule"],
        &["ValidationException"],
    )
    .words(&["must allow aws eventbridge scheduler to assume the role"])
    .pace(500, 2000, 120);
}

#[cfg(test)]
pub(in crate::aws) mod tests {
    use futures_util::FutureExt;
    use futures_util::future::LocalBoxFuture;

    use crate::aws::waits::{Case, WaitTests};
    use crate::aws::{Clients, scheduler};
    use crate::engine::{Failure, Provider, Retag, Task};

    /// The tests of the waits of this service.
    pub(in crate::aws) const WAITS: WaitTests = WaitTests::new(cases);

    fn schedule(clients: Clients, task: Task) -> LocalBoxFuture<'static, Result<(), Failure>> {
        let want = scheduler::Schedule {
            group: "demo-schedules".into(),
            name: "f".into(),
            expression: "rate(5 minutes)".into(),
            timezone: "UTC".into(),
            function_arn: "arn:f".into(),
            role_arn: "arn:role".into(),
        };
        async move { scheduler::Scheduler::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
    }

    #[rustfmt::skip]
    fn cases() -> Vec<Case> {
        vec![
            Case {
                wait: "GROUP_GOING",
                at: "POST /schedule-groups/demo-schedules",
                refusal: (409, "ConflictException", "Schedule group demo-schedules is being deleted."),
                verb: |clients, task| {
                    let want = scheduler::ScheduleGroup {
                        id: "schedules.group".into(),
                        name: "demo-schedules".into(),
                        schedules: std::collections::BTreeSet::new(),
                    };
                    async move { scheduler::Scheduler::new(&clients).create(&want, &task).await.map(drop) }.boxed_local()
                },
            },
            Case {
                wait: "GROUP_BUSY",
                at: "POST /tags/arn%3Aaws%3Ascheduler%3Aeu-central-1%3A123456789012%3Aschedule-group%2Fdemo-schedules",
                refusal: (409, "ConflictException",
                    "Updating or deleting the resource can cause an inconsistent state."),
                verb: |clients, task| {
                    let of = scheduler::GroupOutputs {
                        name: "demo-schedules".into(),
                        arn: "arn:aws:scheduler:eu-central-1:123456789012:schedule-group/demo-schedules".into(),
                    };
                    let change = Retag { set: [("team".to_owned(), "x".to_owned())].into(), gone: Vec::new() };
                    async move {
                        let provider = scheduler::Scheduler::new(&clients);
                        Provider::<scheduler::ScheduleGroup>::retag(&provider, &of, &change, &task).await
                    }.boxed_local()
                },
            },
            Case {
                wait: "GROUP_VISIBLE",
                at: "POST /schedules/f",
                refusal: (404, "ResourceNotFoundException", "Schedule group demo-schedules does not exist."),
                verb: schedule,
            },
            Case {
                wait: "SCHEDULER_ROLE",
                at: "POST /schedules/f",
                refusal: (400, "ValidationException",
                    "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."),
                verb: schedule,
            },
        ]
    }
}
