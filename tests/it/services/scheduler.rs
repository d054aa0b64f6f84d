//! EventBridge Scheduler.

use serde_json::json;

use super::Entry::{Is, Not};
use super::{Asked, Host, Kind, List, Reads, Refusals, Service, Usage, WrongTime, by_operation};

pub const SERVICE: Service = Service {
    name: "scheduler",
    host: Host::Regional("scheduler"),
    sdk: "scheduler",
    kinds: &[
        Kind {
            name: "scheduler.group",
            read: "GetScheduleGroup",
            list: Is(List {
                operation: "ListScheduleGroups",
                arguments: || json!({}),
                of_parent: None,
                items: "ScheduleGroups",
                name: "Name",
            }),
            create: Is("CreateScheduleGroup"),
            id: Not("its name identifies it"),
            lag: Not("its name is unique"),
            delete: Is("DeleteScheduleGroup"),
            outlives: Is(Reads {
                called: "schedule group ",
                with_state: &["ListTagsForResource"],
                without_state: &["ListScheduleGroups", "ListTagsForResource"],
            }),
        },
        Kind {
            name: "scheduler.schedule",
            read: "GetSchedule",
            list: Not("it goes with its group"),
            create: Is("CreateSchedule"),
            id: Not("its name identifies it"),
            lag: Not("its name is unique in its group"),
            delete: Not("it goes with its group"),
            outlives: Not("the account reader shows it in its group"),
        },
    ],
    created: by_operation,
    needs,
    unused: &[
        ("scheduler:UntagResource", "the stack file loses a tag, or the stack no longer expires"),
        ("scheduler:UpdateSchedule", "a schedule was changed"),
        ("scheduler:DeleteSchedule", "a schedule left the stack file"),
    ],
    unseen: &[],
    refusals: Refusals {
        throttled: "scheduler-throttled",
        retry_after: None,
        unavailable: "scheduler-unavailable",
        conflicts: &[],
        denied: (403, "AccessDeniedException"),
        wrong_time: WrongTime::Rest,
    },
};

fn needs(asked: &Asked<'_>) -> Vec<Usage> {
    let path = asked.path().split('?').next().unwrap_or_default().to_owned();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let group = |name: &str| asked.stack.arn("scheduler", &format!("schedule-group/{name}"));
    let needs = match (asked.operation(), parts.as_slice()) {
        ("ListScheduleGroups" | "ListSchedules", _) => vec![asked.need("*")],
        ("ListTagsForResource", [_, arn]) => vec![asked.need(arn.replace("%3A", ":").replace("%2F", "/"))],
        ("CreateScheduleGroup", [_, name]) => {
            let tags = asked.list_of_tags("Tags");
            asked.need_with_tags(&group(name), &tags, "CreateScheduleGroup", "scheduler:TagResource")
        }
        (_, ["schedule-groups", name]) => vec![asked.need(group(name))],
        (_, ["schedules", name]) => {
            // The group is in the body or in the query; a stack has one.
            let schedule = asked.stack.arn("scheduler", &format!("schedule/{}-schedules/{name}", asked.stack.stack));
            let role = asked.body["Target"]["RoleArn"].as_str();
            let pass = role.map(|role| Usage::new("iam:PassRole", role).with("iam:PassedToService", "scheduler.amazonaws.com"));
            std::iter::once(asked.need(schedule)).chain(pass).collect()
        }
        (operation, _) => panic!("the permissions for {operation} are not known"),
    };
    asked.with_our_tag(needs, &[])
}
