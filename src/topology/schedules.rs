//! The schedules that call functions: one group for the stack, and a role for each schedule.

use std::collections::BTreeMap;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::Input;
use super::functions::Ready;
use crate::aws::iam::{Role, RolePolicy};
use crate::aws::scheduler::{Schedule, ScheduleGroup};
use crate::engine::{Graph, Handle};
use crate::policy::Policy;
use crate::scope::Scope;
use crate::spec::{Function as Wanted, ScheduleTrigger};

/// The ids of the resources that this file adds. `of` is the function's name. It is followed by a hash if the function
/// has several schedules.
mod ids {
    use crate::aws::iam::{Role, RolePolicy};
    use crate::aws::scheduler::{Schedule, ScheduleGroup};
    use crate::topology::id::IdOf;

    pub(super) fn group() -> IdOf<ScheduleGroup> {
        IdOf::new("schedules", "group")
    }

    pub(super) fn schedule(of: &str) -> IdOf<Schedule> {
        IdOf::new("schedule", of)
    }

    /// No function has a name with a dot.
    pub(super) fn role(of: &str) -> IdOf<Role> {
        IdOf::new("role", &format!("{of}.schedule"))
    }

    pub(super) fn policy(of: &str) -> IdOf<RolePolicy> {
        IdOf::new("policy", &format!("{of}.schedule"))
    }
}

/// The name of a role's one inline policy.
const POLICY_NAME: &str = "securelambda";

fn hash(text: &str, digits: usize) -> String {
    hex::encode(Sha256::digest(text))[..digits].to_owned()
}

/// The name of the group. The operator's policy and the roles' trust name it exactly.
fn group_name(scope: &Scope) -> String {
    scope.physical("schedules")
}

/// The schedules of a function, each with the name that it has in the group.
fn named<'a>(name: &'a str, wanted: &'a Wanted) -> impl Iterator<Item = (String, &'a ScheduleTrigger)> {
    let only = wanted.schedules().count() == 1;
    wanted.schedules().map(move |schedule| {
        let ScheduleTrigger { expression, timezone } = schedule;
        let name =
            if only { name.to_owned() } else { format!("{name}.{}", hash(&format!("{expression} {timezone}"), 8)) };
        (name, schedule)
    })
}

pub(super) fn schedules(graph: &mut Graph, from: Input<'_>, functions: &BTreeMap<String, Ready>) {
    let mut group = None;
    for (name, wanted) in &from.stack.functions {
        let Some(function) = functions.get(name) else { continue };
        for (called, trigger) in named(name, wanted) {
            let group = *group.get_or_insert_with(|| add_group(graph, from));
            add(graph, from, group, *function, (&called, trigger));
        }
    }
}

fn add_group(graph: &mut Graph, Input { stack, scope, .. }: Input<'_>) -> Handle<ScheduleGroup> {
    let id = ids::group();
    let schedules = stack.functions.iter().flat_map(|(name, wanted)| named(name, wanted)).map(|(name, _)| name);
    let group = ScheduleGroup { id: id.to_string(), name: group_name(scope), schedules: schedules.collect() };
    id.add(graph, (), move |()| group.clone())
}

/// Lets Scheduler assume a role, but only for schedules of this stack's group. AWS compares the ARN of the group, not
/// that of the schedule (docs/aws.md, Schedules).
fn trust(scope: &Scope) -> Policy {
    let group = scope.arn("scheduler", &format!("schedule-group/{}", group_name(scope)));
    Policy::new([json!({
        "Effect": "Allow",
        "Principal": { "Service": "scheduler.amazonaws.com" },
        "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "aws:SourceAccount": scope.account, "aws:SourceArn": group } },
    })])
}

fn add(
    graph: &mut Graph,
    Input { stack, scope, .. }: Input<'_>,
    group: Handle<ScheduleGroup>,
    Ready { called: function, policy: of_function, .. }: Ready,
    (called, ScheduleTrigger { expression, timezone }): (&str, &ScheduleTrigger),
) {
    let id = ids::role(called);
    let role = Role {
        id: id.to_string(),
        // The names of a stack and a function together may be too long for the name of a role.
        name: scope.physical(&format!("schedule-{}", hash(called, 16))),
        trust: trust(scope),
        description: format!("Lets the schedule {called} of the stack {} call its function", scope.stack),
        boundary: stack.permissions_boundary.clone(),
        inline_policies: vec![POLICY_NAME.to_owned()],
    };
    let role = id.add(graph, (), move |()| role.clone());
    let policy = ids::policy(called).add_under(graph, role, (role, function), |(role, function)| RolePolicy {
        role: role.name,
        name: POLICY_NAME.to_owned(),
        document: Policy::default().allow(&["lambda:InvokeFunction"], &[function.arn]),
    });
    let (name, expression, timezone) = (called.to_owned(), expression.clone(), timezone.clone());
    let needs = (group, function, role, policy, of_function);
    ids::schedule(called).add_under(graph, group, needs, move |(group, function, role, _, _)| Schedule {
        group: group.name,
        name: name.clone(),
        expression: expression.clone(),
        timezone: timezone.clone(),
        function_arn: function.arn,
        role_arn: role.arn,
    });
}
