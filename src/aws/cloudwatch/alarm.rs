//! An alarm: its metric, its threshold, and its actions.

use std::collections::BTreeMap;
use std::fmt;

use aws_sdk_cloudwatch::types::{AlarmType, ComparisonOperator, Dimension, MetricAlarm, Tag};
use serde::{Deserialize, Serialize};

use super::{ALARMS, CloudWatch, SERVICE};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::tags::tags;
use crate::engine::{Comparison, Effect, Failure, Found, Listing, Provider, Resource, Retag, Tags, Task};
use crate::layer::Layer;
use crate::scope::Whose;

/// A part of the path of every request to CloudWatch.
const TARGET: &str = "GraniteServiceVersion20100801";

/// The metric that an alarm watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// As in `AWS/Lambda`.
    pub namespace: &'static str,
    pub name: &'static str,
    /// The values of the metric's dimensions by name, for example `FunctionName`.
    pub dimensions: BTreeMap<&'static str, String>,
    pub statistic: Statistic,
}

/// The statistic that CloudWatch computes from the values of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    Sum,
    Maximum,
    /// The 90th percentile: nine of ten values are at most as high.
    P90,
}

impl Statistic {
    /// `None` for a percentile, because requests contain percentiles in `ExtendedStatistic`.
    fn plain(self) -> Option<aws_sdk_cloudwatch::types::Statistic> {
        match self {
            Self::Sum => Some(aws_sdk_cloudwatch::types::Statistic::Sum),
            Self::Maximum => Some(aws_sdk_cloudwatch::types::Statistic::Maximum),
            Self::P90 => None,
        }
    }

    /// Its name as a statistic, or as an extended statistic.
    pub(crate) fn names(self) -> (Option<String>, Option<&'static str>) {
        (self.plain().map(|statistic| statistic.as_str().to_owned()), self.extended())
    }

    fn extended(self) -> Option<&'static str> {
        (self == Self::P90).then_some("p90")
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sum => "Sum",
            Self::Maximum => "Maximum",
            Self::P90 => "p90",
        })
    }
}

/// An alarm that goes into the state `ALARM` when a value reaches the threshold.
#[derive(Debug, Clone)]
pub struct Alarm {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 1 to 255 characters.
    pub name: String,
    pub description: String,
    pub metric: Metric,
    /// The period in seconds: 10, 30, or a multiple of 60.
    pub period: i32,
    pub threshold: u32,
    /// The treatment of a period without values: `notBreaching`, `breaching`, `ignore` or `missing`.
    pub missing_data: &'static str,
    /// The ARN of the topic that is notified when it goes into the state `ALARM`, and when it returns to `OK`.
    pub topic: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmOutputs {
    /// `arn:aws:cloudwatch:<region>:<account>:alarm:<name>`.
    pub arn: String,
}

impl AlarmOutputs {
    fn name(&self) -> &str {
        self.arn.split_once(":alarm:").map_or(&self.arn, |(_, name)| name)
    }
}

/// An alarm is looked up by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmKey {
    pub(super) id: String,
    pub(super) name: String,
}

/// An alarm's settings, as AWS names and writes them.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmLive {
    pub description: String,
    /// Namespace, name, dimensions and statistic; or a note that the alarm does not watch a single metric.
    pub metric: String,
    pub period: i32,
    pub evaluation_periods: i32,
    pub datapoints_to_alarm: Option<i32>,
    pub threshold: Option<f64>,
    pub comparison: String,
    pub missing_data: String,
    pub unit: Option<String>,
    pub actions_enabled: bool,
    pub alarm_actions: Vec<String>,
    pub ok_actions: Vec<String>,
    pub insufficient_data_actions: Vec<String>,
}

/// A metric as text, for example `AWS/Lambda Errors (FunctionName demo-f) Sum`.
fn metric_text(namespace: &str, name: &str, dimensions: &BTreeMap<&str, &str>, statistic: &str) -> String {
    let of: Vec<String> = dimensions.iter().map(|(name, value)| format!("{name} {value}")).collect();
    format!("{namespace} {name} ({}) {statistic}", of.join(", "))
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dimensions = self.dimensions.iter().map(|(name, value)| (*name, value.as_str())).collect();
        f.write_str(&metric_text(self.namespace, self.name, &dimensions, &self.statistic.to_string()))
    }
}

impl AlarmLive {
    pub(super) fn read(alarm: &MetricAlarm) -> Self {
        let dimensions =
            alarm.dimensions().iter().filter_map(|dimension| dimension.name().zip(dimension.value())).collect();
        // An emulator returns both statistics.
        let statistic =
            alarm.extended_statistic().or(alarm.statistic().map(aws_sdk_cloudwatch::types::Statistic::as_str));
        let metric = match alarm.metric_name() {
            Some(name) if alarm.metrics().is_empty() => {
                metric_text(alarm.namespace().unwrap_or_default(), name, &dimensions, statistic.unwrap_or_default())
            }
            _ => "an expression of several metrics".to_owned(),
        };
        let sorted = |actions: &[String]| {
            let mut actions = actions.to_vec();
            actions.sort_unstable();
            actions
        };
        Self {
            description: alarm.alarm_description().unwrap_or_default().to_owned(),
            metric,
            period: alarm.period().unwrap_or_default(),
            evaluation_periods: alarm.evaluation_periods().unwrap_or_default(),
            datapoints_to_alarm: alarm.datapoints_to_alarm(),
            threshold: alarm.threshold(),
            comparison: alarm.comparison_operator().map(|operator| operator.as_str().to_owned()).unwrap_or_default(),
            missing_data: alarm.treat_missing_data().unwrap_or("missing").to_owned(),
            unit: alarm.unit().map(|unit| unit.as_str().to_owned()),
            actions_enabled: alarm.actions_enabled().unwrap_or(true),
            alarm_actions: sorted(alarm.alarm_actions()),
            ok_actions: sorted(alarm.ok_actions()),
            insufficient_data_actions: sorted(alarm.insufficient_data_actions()),
        }
    }
}

/// The actions, or `none`.
fn list(actions: &[String]) -> String {
    if actions.is_empty() { "none".to_owned() } else { actions.join(", ") }
}

impl Resource for Alarm {
    const KIND: &'static str = "cloudwatch.alarm";
    const GOES_WITH_PARENT: bool = false;
    // A repeated `PutMetricAlarm` replaces the settings, so it makes no second alarm.
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    const GUARDS: bool = true; // without it, nobody is notified
    type Key = AlarmKey;
    type Outputs = AlarmOutputs;
    type Live = AlarmLive;

    fn key(&self) -> AlarmKey {
        AlarmKey { id: self.id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &AlarmOutputs) -> String {
        outputs.arn.clone()
    }

    fn removal_command(outputs: &AlarmOutputs) -> Option<String> {
        Some(format!("aws cloudwatch delete-alarms --alarm-names {}", outputs.name()))
    }

    fn compare(&self, live: &AlarmLive) -> Comparison {
        let threshold = match live.threshold {
            Some(live) if live.total_cmp(&f64::from(self.threshold)).is_eq() => Effect::Same,
            // A lower threshold raises the alarm earlier.
            Some(live) if live < f64::from(self.threshold) => Effect::Differs,
            _ => Effect::Weakens,
        };
        let shown = |threshold: Option<f64>| threshold.map_or("none".to_owned(), |value| value.to_string());
        let told = match live.alarm_actions.as_slice() {
            [only] if *only == self.topic => Effect::Same,
            actions if actions.contains(&self.topic) => Effect::Differs,
            _ => Effect::Weakens,
        };
        let datapoints = live.datapoints_to_alarm.unwrap_or(live.evaluation_periods);
        Comparison::default()
            .guard("Metric", &self.metric, &live.metric)
            .plain("Period", self.period, live.period)
            .guard("EvaluationPeriods", 1, live.evaluation_periods)
            .guard("DatapointsToAlarm", 1, datapoints)
            .judged("Threshold", shown(Some(self.threshold.into())), shown(live.threshold), threshold)
            .guard("ComparisonOperator", ComparisonOperator::GreaterThanOrEqualToThreshold, &live.comparison)
            .guard("TreatMissingData", self.missing_data, &live.missing_data)
            // With another unit than the metric's the alarm has no values.
            .guard("Unit", "none", live.unit.as_deref().unwrap_or("none"))
            .guard("ActionsEnabled", true, live.actions_enabled)
            .judged("AlarmActions", &self.topic, list(&live.alarm_actions), told)
            .plain("OKActions", &self.topic, list(&live.ok_actions))
            .plain("InsufficientDataActions", "none", list(&live.insufficient_data_actions))
            .plain("AlarmDescription", &self.description, &live.description)
    }
}

impl Described for Alarm {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "alarm",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::CloudWatch,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::RetagOwn,
                on: ALARMS,
                rights: &[Permissions {
                    needs: &[Usage::Update],
                    actions: &["cloudwatch:TagResource", "cloudwatch:UntagResource"],
                }],
            },
            StatementTemplate {
                sid: Sid::FindOwn,
                on: ALARMS,
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Survivors],
                    actions: &["cloudwatch:ListTagsForResource"],
                }],
            },
            // DescribeAlarms needs a permission for all alarms, even if it names only some of them.
            StatementTemplate {
                sid: Sid::FindOwn,
                on: &["{arn:cloudwatch}:alarm:*"],
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Survivors],
                    actions: &["cloudwatch:DescribeAlarms"],
                }],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: ALARMS,
                rights: &[Permissions { needs: &[Usage::Delete], actions: &["cloudwatch:DeleteAlarms"] }],
            },
            // The same call creates and changes an alarm, and contains the tags.
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: ALARMS,
                rights: &[Permissions {
                    needs: &[Usage::Create, Usage::Update],
                    actions: &["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"],
                }],
            },
            // Only the topic of alarms has addresses as subscribers.
            StatementTemplate {
                sid: Sid::SubscribeAddresses,
                on: &["{arn:sns}:{stack}-*"],
                rights: &[Permissions { needs: &[Usage::Create, Usage::Update], actions: &["sns:Subscribe"] }],
            },
        ],
        rates: &[
            Rate::per_second(3, Calls::Operations(TARGET, &["PutMetricAlarm"])),
            Rate::per_second(9, Calls::Operations(TARGET, &["DescribeAlarms"])),
            Rate::per_second(3, Calls::Operations(TARGET, &["DeleteAlarms"])),
            Rate::per_second(10, Calls::Operations(TARGET, &["ListTagsForResource"])),
        ],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "alarm {}",
            holds: "it watches the metric with the threshold of the stack file, and notifies the topic",
            read: "DescribeAlarms",
        },
    };
}

impl CloudWatch {
    /// The alarm of this name; `None` if there is none. Metric alarms and composite alarms cannot have the same name.
    async fn alarm(&self, name: &str) -> Result<Option<MetricAlarm>, Failure> {
        let call = self.client.describe_alarms().alarm_names(name);
        let call = call.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
        let answer = call.send().await.or_fail(&format!("read the alarm {name}"))?;
        if answer.composite_alarms().iter().any(|alarm| alarm.alarm_name() == Some(name)) {
            return Err(Failure::foreign("a composite alarm", &self.arn(name)));
        }
        Ok(answer.metric_alarms.unwrap_or_default().into_iter().find(|alarm| alarm.alarm_name() == Some(name)))
    }

    fn arn(&self, name: &str) -> String {
        self.scope.arn("cloudwatch", &format!("alarm:{name}"))
    }

    /// The tags of an alarm; `None` if there is no such alarm.
    pub(super) async fn tags_of(&self, arn: &str) -> Result<Option<Vec<Tag>>, Failure> {
        let answer = self.client.list_tags_for_resource().resource_arn(arn).send().await;
        let answer = answer.or_fail(&format!("read the tags of the alarm {arn}")).or_absent()?;
        Ok(answer.map(|answer| answer.tags.unwrap_or_default()))
    }

    async fn put(&self, want: &Alarm) -> Result<(), Failure> {
        let Alarm { metric, .. } = want;
        let dimension = |(name, value): (&&str, &String)| Dimension::builder().name(*name).value(value).build();
        let tags =
            tags(&self.scope, &want.id, |key, value| Ok::<_, Failure>(Tag::builder().key(key).value(value).build()))?;
        let call = self.client.put_metric_alarm().alarm_name(&want.name).alarm_description(&want.description);
        let call = call.namespace(metric.namespace).metric_name(metric.name);
        let call = call.set_dimensions(Some(metric.dimensions.iter().map(dimension).collect()));
        let call = call.set_statistic(metric.statistic.plain());
        let call = call.set_extended_statistic(metric.statistic.extended().map(str::to_owned));
        let call = call.period(want.period).evaluation_periods(1).datapoints_to_alarm(1);
        let call = call.threshold(want.threshold.into()).treat_missing_data(want.missing_data);
        let call = call.comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold);
        let call = call.actions_enabled(true).alarm_actions(&want.topic).ok_actions(&want.topic).set_tags(Some(tags));
        call.send().await.or_fail(&format!("set the alarm {}", want.name)).map(drop)
    }
}

/// The tags as pairs of texts.
pub(super) fn pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().filter_map(|tag| tag.key().zip(tag.value()))
}

impl Provider<Alarm> for CloudWatch {
    async fn read(&self, key: &AlarmKey, _: Option<&AlarmOutputs>, _: &Task) -> Result<Option<Found<Alarm>>, Failure> {
        let arn = self.arn(&key.name);
        let (alarm, tags) = tokio::join!(self.alarm(&key.name), self.tags_of(&arn));
        let (Some(alarm), Some(tags)) = (alarm?, tags?) else { return Ok(None) };
        if !self.scope.owns(pairs(&tags)) {
            return Err(Failure::foreign("the alarm", &arn));
        }
        Ok(Some(Found { outputs: AlarmOutputs { arn }, live: AlarmLive::read(&alarm) }))
    }

    fn predict(&self, want: &Alarm) -> Option<AlarmOutputs> {
        Some(AlarmOutputs { arn: self.arn(&want.name) })
    }

    async fn create(&self, want: &Alarm, _: &Task) -> Result<AlarmOutputs, Failure> {
        self.put(want).await?;
        Ok(AlarmOutputs { arn: self.arn(&want.name) })
    }

    async fn update(&self, want: &Alarm, found: &Found<Alarm>, _: &Task) -> Result<AlarmOutputs, Failure> {
        if !want.drift(&found.live).is_empty() {
            self.put(want).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn tags(&self, of: &AlarmOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        self.tags_at(&of.arn).await
    }

    async fn retag(&self, of: &AlarmOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&of.arn, change, task).await
    }

    async fn vouch(&self, recorded: &AlarmOutputs, _: &Task) -> Result<bool, Failure> {
        Ok(self.tags_of(&recorded.arn).await?.is_none_or(|tags| self.scope.owns(pairs(&tags))))
    }

    async fn delete(&self, gone: &AlarmOutputs, _: &Task) -> Result<(), Failure> {
        let deleted = self.client.delete_alarms().alarm_names(gone.name()).send().await;
        deleted.or_fail(&format!("delete the alarm {}", gone.name())).or_absent().map(drop)
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        Ok(self.alarms(whose).await)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::testing::{cbor, replay_bytes, requests};
    use crate::engine::{Cause, Drift};

    const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:demo-alarms";

    fn want() -> Alarm {
        Alarm {
            id: "alarm.errors.F".into(),
            name: "demo-errors-F".into(),
            description: "The function F fails".into(),
            metric: Metric {
                namespace: "AWS/Lambda",
                name: "Errors",
                dimensions: [("FunctionName", "demo-F".to_owned())].into(),
                statistic: Statistic::Sum,
            },
            period: 300,
            threshold: 1,
            missing_data: "notBreaching",
            topic: TOPIC.into(),
        }
    }

    /// AWS's description of an alarm that is equal to `want`.
    fn described() -> Value {
        json!({
            "AlarmName": "demo-errors-F", "AlarmDescription": "The function F fails", "ActionsEnabled": true,
            "AlarmActions": [TOPIC], "OKActions": [TOPIC], "InsufficientDataActions": [],
            "Namespace": "AWS/Lambda", "MetricName": "Errors", "Statistic": "Sum",
            "Dimensions": [{ "Name": "FunctionName", "Value": "demo-F" }],
            "Period": 300, "EvaluationPeriods": 1, "DatapointsToAlarm": 1, "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "notBreaching",
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut alarm = described();
        alarm[name] = value;
        alarm
    }

    fn tags(stack: &str) -> Vec<u8> {
        cbor(&json!({ "Tags": [{ "Key": "securelambda:stack", "Value": stack }] }))
    }

    async fn read(alarms: &[Value], stack: &str) -> Result<Option<Found<Alarm>>, Failure> {
        let (clients, _) = replay_bytes(vec![(200, cbor(&json!({ "MetricAlarms": alarms }))), (200, tags(stack))]);
        CloudWatch::new(&clients).read(&want().key(), None, &Task::detached("alarm.errors.F")).await
    }

    async fn drift(alarm: Value) -> Vec<(String, bool)> {
        let live = read(&[alarm], "demo").await.unwrap().unwrap().live;
        want().drift(&live).into_iter().map(|Drift { field, weakens, .. }| (field, weakens)).collect()
    }

    #[tokio::test]
    async fn an_alarm_as_wanted_has_no_drift() {
        assert_eq!(drift(described()).await, []);
        // AWS leaves out `DatapointsToAlarm` if all periods count.
        assert_eq!(drift(with("DatapointsToAlarm", Value::Null)).await, []);
    }

    #[tokio::test]
    async fn an_alarm_that_is_silent_or_goes_off_later_weakens() {
        let other = "arn:aws:sns:eu-central-1:123456789012:other";
        for (field, value, weakens) in [
            ("ActionsEnabled", json!(false), true),
            ("AlarmActions", json!([]), true),
            ("AlarmActions", json!([other]), true),
            ("AlarmActions", json!([TOPIC, other]), false),
            ("OKActions", json!([]), false),
            ("InsufficientDataActions", json!([other]), false),
            ("Threshold", json!(2.5), true),
            ("Threshold", json!(0.5), false),
            ("EvaluationPeriods", json!(3), true),
            ("DatapointsToAlarm", json!(2), true),
            ("Period", json!(60), false),
            ("ComparisonOperator", json!("LessThanThreshold"), true),
            ("TreatMissingData", json!("breaching"), true),
            ("Unit", json!("Bytes"), true),
            ("AlarmDescription", json!(""), false),
        ] {
            let drift = drift(with(field, value.clone())).await;
            assert!(drift.contains(&(field.to_owned(), weakens)), "{field} {value}: {drift:?}");
        }
        for (member, value) in [
            ("MetricName", json!("Invocations")),
            ("Namespace", json!("Mine")),
            ("Dimensions", json!([{ "Name": "FunctionName", "Value": "demo-G" }])),
            ("Dimensions", json!([])),
            ("Statistic", json!("Minimum")),
            ("ExtendedStatistic", json!("p99")),
            ("Metrics", json!([{ "Id": "m", "Expression": "0" }])),
        ] {
            assert_eq!(drift(with(member, value)).await, [("Metric".to_owned(), true)], "{member}");
        }
    }

    #[tokio::test]
    async fn another_stacks_alarm_and_a_composite_one_are_not_ours() {
        let foreign = read(&[described()], "demo-prod").await.unwrap_err();
        assert_eq!(foreign.cause, Cause::Foreign);
        let composite = json!({ "CompositeAlarms": [{ "AlarmName": "demo-errors-F" }] });
        let (clients, _) = replay_bytes(vec![(200, cbor(&composite)), (200, tags("demo"))]);
        let task = Task::detached("alarm.errors.F");
        let failure = CloudWatch::new(&clients).read(&want().key(), None, &task).await.unwrap_err();
        assert_eq!(failure.cause, Cause::Foreign);
        assert!(read(&[], "demo").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn one_call_makes_the_alarm_with_all_its_settings() {
        let (clients, http) = replay_bytes(vec![(200, cbor(&json!({})))]);
        let latency = Alarm { metric: Metric { statistic: Statistic::P90, ..want().metric }, ..want() };
        let made = CloudWatch::new(&clients).create(&latency, &Task::detached("alarm.errors.F")).await.unwrap();
        assert_eq!(made.arn, "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:demo-errors-F");
        let request = &requests(&http)[0];
        assert!(request.contains("/operation/PutMetricAlarm"), "{request}");
        for part in ["securelambda:stack", "demo-F", "ExtendedStatistic", "p90", TOPIC, "notBreaching", "OKActions"] {
            assert!(request.contains(part), "{part}: {request}");
        }
    }

    #[tokio::test]
    async fn an_alarm_that_is_gone_is_deleted() {
        let gone = json!({ "__type": "com.amazonaws.cloudwatch#ResourceNotFound", "message": "no" });
        let (clients, http) = replay_bytes(vec![(404, cbor(&gone))]);
        let outputs = AlarmOutputs { arn: "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:demo-a".into() };
        CloudWatch::new(&clients).delete(&outputs, &Task::detached("alarm.a")).await.unwrap();
        assert!(requests(&http)[0].contains("demo-a"));
    }
}
