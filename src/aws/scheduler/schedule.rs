//! A schedule, which calls a function.

use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState, Target,
};
use serde::{Deserialize, Serialize};

use super::group::SCHEDULES;
use super::refusals::{GROUP_VISIBLE, SCHEDULER_ROLE};
use super::{SERVICE, Scheduler};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::settled;
use crate::engine::{Comparison, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// The maximum number of retries, and for how many seconds Scheduler retries a call: AWS's defaults. Lambda accepts a
/// call at once, and itself retries a call that the function could not handle.
const TRIES: (i32, i32) = (185, 86_400);

const NONE: &str = "none";

/// Calls a function at certain times.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The name of its group.
    pub group: String,
    /// 1 to 64 of `0-9 A-Z a-z - _ .`, unique in the group.
    pub name: String,
    /// `rate(…)`, `cron(…)` or `at(…)`.
    pub expression: String,
    /// As in `Europe/Berlin`.
    pub timezone: String,
    pub function_arn: String,
    /// The ARN of the role that may call the function.
    pub role_arn: String,
}

/// The outputs are also the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduleOutputs {
    pub group: String,
    pub name: String,
}

/// A schedule's settings, by AWS's names.
#[derive(Debug, Clone)]
pub struct ScheduleLive {
    settings: Vec<(&'static str, String)>,
}

const EXPRESSION: &str = "ScheduleExpression";
const TIMEZONE: &str = "ScheduleExpressionTimezone";
const STATE: &str = "State";
const TARGET: &str = "Target.Arn";
const ROLE: &str = "Target.RoleArn";
const INPUT: &str = "Target.Input";
const DEAD_LETTERS: &str = "Target.DeadLetterConfig.Arn";
const RETRIES: &str = "Target.RetryPolicy";
const WINDOW: &str = "FlexibleTimeWindow.Mode";
const PERIOD: &str = "StartDate and EndDate";
const AFTERWARDS: &str = "ActionAfterCompletion";
const KEY: &str = "KmsKeyArn";

fn tries((attempts, seconds): (i32, i32)) -> String {
    format!("{attempts} in {seconds} s")
}

impl ScheduleLive {
    fn read(schedule: &GetScheduleOutput) -> Self {
        let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or(NONE).to_owned();
        let target = schedule.target();
        let retries = target.and_then(Target::retry_policy);
        let retries = retries.map_or(TRIES, |policy| {
            let of = (policy.maximum_retry_attempts(), policy.maximum_event_age_in_seconds());
            (of.0.unwrap_or(TRIES.0), of.1.unwrap_or(TRIES.1))
        });
        let afterwards = schedule.action_after_completion().or(Some(&ActionAfterCompletion::None));
        let dates = [schedule.start_date(), schedule.end_date()].into_iter().flatten();
        let dates: Vec<String> = dates.map(|date| date.secs().to_string()).collect();
        Self {
            settings: vec![
                (EXPRESSION, text(schedule.schedule_expression())),
                (TIMEZONE, text(schedule.schedule_expression_timezone().or(Some("UTC")))),
                (STATE, text(schedule.state().map(ScheduleState::as_str))),
                (TARGET, text(target.map(Target::arn))),
                (ROLE, text(target.map(Target::role_arn))),
                (INPUT, text(target.and_then(Target::input))),
                (DEAD_LETTERS, text(target.and_then(Target::dead_letter_config).and_then(|to| to.arn()))),
                (RETRIES, tries(retries)),
                (WINDOW, text(schedule.flexible_time_window().map(|window| window.mode().as_str()))),
                (PERIOD, text(Some(dates.join(", ").as_str()))),
                (AFTERWARDS, text(afterwards.map(ActionAfterCompletion::as_str))),
                (KEY, text(schedule.kms_key_arn())),
            ],
        }
    }
}

impl Schedule {
    /// The wanted value of a setting.
    fn wanted(&self, setting: &str) -> String {
        match setting {
            EXPRESSION => self.expression.clone(),
            TIMEZONE => self.timezone.clone(),
            STATE => ScheduleState::Enabled.as_str().to_owned(),
            TARGET => self.function_arn.clone(),
            ROLE => self.role_arn.clone(),
            RETRIES => tries(TRIES),
            WINDOW => FlexibleTimeWindowMode::Off.as_str().to_owned(),
            AFTERWARDS => ActionAfterCompletion::None.as_str().to_owned(),
            _ => NONE.to_owned(),
        }
    }

    fn target(&self) -> Result<Target, Failure> {
        let retries = RetryPolicy::builder().maximum_retry_attempts(TRIES.0).maximum_event_age_in_seconds(TRIES.1);
        let target = Target::builder().arn(&self.function_arn).role_arn(&self.role_arn).retry_policy(retries.build());
        target.build().map_err(|error| Failure::refused(format!("could not build the target of a schedule: {error}")))
    }

    /// The maximum number of retries, and for how many seconds a call is retried.
    pub(crate) fn tries() -> (i32, i32) {
        TRIES
    }

    fn window() -> Option<FlexibleTimeWindow> {
        FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().ok()
    }
}

impl Resource for Schedule {
    const KIND: &'static str = "scheduler.schedule";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    const GUARDS: bool = true; // without it, the function is not called
    type Key = ScheduleOutputs;
    type Outputs = ScheduleOutputs;
    type Live = ScheduleLive;

    fn key(&self) -> ScheduleOutputs {
        ScheduleOutputs { group: self.group.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &ScheduleOutputs) -> String {
        format!("{}/{}", outputs.group, outputs.name)
    }

    fn removal_command(outputs: &ScheduleOutputs) -> Option<String> {
        Some(format!("aws scheduler delete-schedule --group-name {} --name {}", outputs.group, outputs.name))
    }

    fn compare(&self, live: &ScheduleLive) -> Comparison {
        live.settings.iter().fold(Comparison::default(), |compared, (setting, live)| match *setting {
            // These settings decide whether a function is called, with which target and input, and who gets failed
            // calls. The owner of a foreign key can also stop the calls.
            STATE | TARGET | ROLE | INPUT | DEAD_LETTERS | PERIOD | KEY => {
                compared.guard(*setting, self.wanted(setting), live)
            }
            _ => compared.plain(*setting, self.wanted(setting), live),
        })
    }
}

impl Described for Schedule {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "schedule",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Scheduler,
        gone_before: &[],
        permissions: &[
            // Schedules carry no tags, and no other stack has a group of this name.
            StatementTemplate {
                sid: Sid::FindOwn,
                on: SCHEDULES,
                rights: &[Permissions { needs: &[Usage::Read], actions: &["scheduler:GetSchedule"] }],
            },
            StatementTemplate {
                sid: Sid::FindOwn,
                on: &["{arn:scheduler}:schedule-group/{stack}-schedules"],
                rights: &[Permissions { needs: &[Usage::Read], actions: &["scheduler:ListTagsForResource"] }],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: SCHEDULES,
                rights: &[
                    Permissions { needs: &[Usage::Create], actions: &["scheduler:CreateSchedule"] },
                    Permissions { needs: &[Usage::Update], actions: &["scheduler:UpdateSchedule"] },
                    Permissions { needs: &[Usage::Delete], actions: &["scheduler:DeleteSchedule"] },
                ],
            },
            StatementTemplate {
                sid: Sid::PassRolesToScheduler,
                on: &["arn:{partition}:iam::{account}:role/securelambda/{stack}/*"],
                rights: &[Permissions { needs: &[Usage::Create, Usage::Update], actions: &["iam:PassRole"] }],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "{}",
            holds: "the schedule calls the function, and nothing else, at the times of the stack file",
            read: "GetSchedule",
        },
    };
}

impl Provider<Schedule> for Scheduler {
    async fn read(
        &self,
        key: &ScheduleOutputs,
        _: Option<&ScheduleOutputs>,
        _: &Task,
    ) -> Result<Option<Found<Schedule>>, Failure> {
        let doing = format!("read the schedule {}", key.name);
        let read = self.client.get_schedule().group_name(&key.group).name(&key.name).send();
        let (read, ours) = tokio::join!(read, self.owns(&key.group));
        let (Some(read), Some(true)) = (read.or_fail(&doing).or_absent()?, ours?) else { return Ok(None) };
        Ok(Some(Found { outputs: key.clone(), live: ScheduleLive::read(&read) }))
    }

    async fn create(&self, want: &Schedule, task: &Task) -> Result<ScheduleOutputs, Failure> {
        let (doing, target) = (format!("create the schedule {}", want.name), want.target()?);
        let made = settled(task, &[&SCHEDULER_ROLE, &GROUP_VISIBLE], || async {
            let call = self.once.create_schedule().group_name(&want.group).name(&want.name);
            let call = call.schedule_expression(&want.expression).schedule_expression_timezone(&want.timezone);
            let call = call.set_flexible_time_window(Schedule::window()).target(target.clone());
            call.state(ScheduleState::Enabled).send().await.or_fail(&doing)
        });
        made.await?;
        Ok(want.key())
    }

    async fn update(&self, want: &Schedule, found: &Found<Schedule>, task: &Task) -> Result<ScheduleOutputs, Failure> {
        if want.drift(&found.live).is_empty() {
            return Ok(found.outputs.clone());
        }
        // AWS resets the settings that a call leaves out.
        let (doing, target) = (format!("change the schedule {}", want.name), want.target()?);
        let changed = settled(task, &[&SCHEDULER_ROLE], || async {
            let call = self.client.update_schedule().group_name(&want.group).name(&want.name);
            let call = call.schedule_expression(&want.expression).schedule_expression_timezone(&want.timezone);
            let call = call.set_flexible_time_window(Schedule::window()).target(target.clone());
            call.state(ScheduleState::Enabled).send().await.or_fail(&doing)
        });
        changed.await?;
        Ok(found.outputs.clone())
    }

    async fn vouch(&self, recorded: &ScheduleOutputs, _: &Task) -> Result<bool, Failure> {
        Ok(self.owns(&recorded.group).await?.unwrap_or(true))
    }

    async fn delete(&self, gone: &ScheduleOutputs, _: &Task) -> Result<(), Failure> {
        self.remove_schedule(&gone.group, &gone.name).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::testing::{replay, requests};
    use crate::engine::Drift;

    const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:demo-f";
    const OURS: &str = r#"{"Tags":[{"Key":"securelambda:stack","Value":"demo"}]}"#;

    pub(super) fn want() -> Schedule {
        Schedule {
            group: "demo-schedules".into(),
            name: "f".into(),
            expression: "rate(5 minutes)".into(),
            timezone: "UTC".into(),
            function_arn: FUNCTION.into(),
            role_arn: "arn:role".into(),
        }
    }

    /// The schedule, as read from AWS, when it is equal to `want` except for the member at `path`.
    async fn found(path: &str, value: Value) -> Found<Schedule> {
        let mut schedule = json!({
            "Name": "f", "GroupName": "demo-schedules", "ScheduleExpression": "rate(5 minutes)",
            "ScheduleExpressionTimezone": "UTC", "State": "ENABLED", "FlexibleTimeWindow": { "Mode": "OFF" },
            "ActionAfterCompletion": "NONE",
            "Target": { "Arn": FUNCTION, "RoleArn": "arn:role",
                "RetryPolicy": { "MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400 } },
        });
        match path.split_once('.') {
            Some((outer, inner)) => schedule[outer][inner] = value,
            None if path.is_empty() => {}
            None => schedule[path] = value,
        }
        let (clients, _) = replay(vec![(200, &schedule.to_string()), (200, OURS)]);
        let read =
            Provider::<Schedule>::read(&Scheduler::new(&clients), &want().key(), None, &Task::detached("s")).await;
        read.unwrap().unwrap()
    }

    #[tokio::test]
    async fn drift_of_every_setting() {
        assert_eq!(want().drift(&found("", Value::Null).await.live), []);
        for (path, value, drift) in [
            ("ScheduleExpression", json!("rate(1 day)"), Drift::new(EXPRESSION, "rate(5 minutes)", "rate(1 day)")),
            ("ScheduleExpressionTimezone", json!("Europe/Berlin"), Drift::new(TIMEZONE, "UTC", "Europe/Berlin")),
            ("State", json!("DISABLED"), Drift::weakening(STATE, "ENABLED", "DISABLED")),
            ("Target.Arn", json!("arn:g"), Drift::weakening(TARGET, FUNCTION, "arn:g")),
            ("Target.RoleArn", json!("arn:r"), Drift::weakening(ROLE, "arn:role", "arn:r")),
            ("Target.Input", json!("{}"), Drift::weakening(INPUT, NONE, "{}")),
            ("Target.DeadLetterConfig", json!({ "Arn": "arn:q" }), Drift::weakening(DEAD_LETTERS, NONE, "arn:q")),
            ("FlexibleTimeWindow.Mode", json!("FLEXIBLE"), Drift::new(WINDOW, "OFF", "FLEXIBLE")),
            ("EndDate", json!(1), Drift::weakening(PERIOD, NONE, "1")),
            ("KmsKeyArn", json!("arn:k"), Drift::weakening(KEY, NONE, "arn:k")),
            ("ActionAfterCompletion", json!("DELETE"), Drift::new(AFTERWARDS, "NONE", "DELETE")),
            (
                "Target.RetryPolicy",
                json!({ "MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60 }),
                Drift::new(RETRIES, "185 in 86400 s", "0 in 60 s"),
            ),
        ] {
            assert_eq!(want().drift(&found(path, value).await.live), [drift], "{path}");
        }
    }

    #[tokio::test]
    async fn a_change_sends_all_settings() {
        let found = found("State", json!("DISABLED")).await;
        let (clients, http) = replay(vec![(200, "{}")]);
        let task = Task::detached("s");
        Provider::<Schedule>::update(&Scheduler::new(&clients), &want(), &found, &task).await.unwrap();
        let call = &requests(&http)[0];
        for part in ["ENABLED", "rate(5 minutes)", FUNCTION, "arn:role", "\"Mode\":\"OFF\"", "86400"] {
            assert!(call.contains(part), "{part} in {call}");
        }
    }

    #[tokio::test]
    async fn a_schedule_in_another_stacks_group_is_not_ours() {
        let theirs = r#"{"Tags":[{"Key":"securelambda:stack","Value":"other"}]}"#;
        let (clients, _) = replay(vec![(200, "{}"), (200, theirs)]);
        let read =
            Provider::<Schedule>::read(&Scheduler::new(&clients), &want().key(), None, &Task::detached("s")).await;
        assert!(read.unwrap().is_none());
    }
}
