//! Topics, queues, schedules and alarms.

use serde_json::json;

use super::tags;
use crate::aws::cloudwatch::Alarm;
use crate::aws::scheduler::{Schedule, ScheduleGroup};
use crate::aws::sns::{Subscription, Topic};
use crate::aws::sqs::Queue;
use crate::engine::Seen;
use crate::export::UNCONFIRMED;
use crate::export::resources::{Form, Piece, Resources};

/// Why the policies of topics and queues are not taken over.
const NO_READ: &str = "CloudFormation cannot import resources of this type; the policy stays as it is";

pub(in crate::export) fn topic(seen: &Seen<'_, Topic>, stack: &Resources<'_>) -> Form {
    let (want, arn) = (seen.want, &seen.outputs.arn);
    let topic = Piece::new(
        "AWS::SNS::Topic",
        json!({ "TopicArn": arn }),
        json!({
            "TopicName": want.name,
            "KmsMasterKeyId": want.kms_key.key(),
            "SignatureVersion": want.signature_version.to_string(),
            "TracingConfig": want.tracing_mode(),
            "Tags": tags(stack, &want.id),
        }),
    );
    let mut form = Form::from(topic.value(arn, "TopicArn"));
    if want.own_policy().is_some() {
        form = form.but(format!("AWS::SNS::TopicPolicy of {}", want.name), NO_READ);
    }
    for address in &want.addresses {
        let (protocol, endpoint) = address.parts();
        match Topic::confirmed(address, seen.live) {
            Some(subscription) => form.pieces.push(
                Piece::new(
                    "AWS::SNS::Subscription",
                    json!({ "Arn": subscription }),
                    json!({ "TopicArn": arn, "Protocol": protocol, "Endpoint": endpoint }),
                )
                .suffix(endpoint)
                .beside(),
            ),
            None => form = form.but(format!("the subscription of {endpoint} to {}", want.name), UNCONFIRMED),
        }
    }
    form
}

pub(super) fn subscription(seen: &Seen<'_, Subscription>) -> Form {
    let want = seen.want;
    Piece::new(
        "AWS::SNS::Subscription",
        json!({ "Arn": seen.outputs.arn }),
        json!({
            "TopicArn": want.topic,
            "Protocol": want.protocol(),
            "Endpoint": want.endpoint,
            "RawMessageDelivery": want.raw.then_some(true),
        }),
    )
    .into()
}

pub(super) fn queue(seen: &Seen<'_, Queue>, stack: &Resources<'_>) -> Form {
    let (want, url) = (seen.want, stack.queue_url(&seen.want.name));
    let key = want.kms_key.key();
    let redrive = want.dead_letters.as_ref();
    let queue = Piece::new(
        "AWS::SQS::Queue",
        json!({ "QueueUrl": url }),
        json!({
            "QueueName": want.name,
            "FifoQueue": want.fifo.then_some(true),
            "MessageRetentionPeriod": want.retention_seconds(),
            "VisibilityTimeout": want.visibility_s,
            "RedrivePolicy": redrive.map(|to| json!({ "deadLetterTargetArn": to.queue, "maxReceiveCount": to.after })),
            "KmsMasterKeyId": key,
            "SqsManagedSseEnabled": key.is_none().then_some(true),
            "Tags": tags(stack, &want.id),
        }),
    );
    let form = Form::from(queue.value(&seen.outputs.arn, "Arn").value(url, "QueueUrl"));
    form.but(format!("AWS::SQS::QueuePolicy of {}", want.name), NO_READ)
}

pub(super) fn schedule_group(seen: &Seen<'_, ScheduleGroup>, stack: &Resources<'_>) -> Form {
    let name = &seen.want.name;
    Piece::new(
        "AWS::Scheduler::ScheduleGroup",
        json!({ "Name": name }),
        json!({ "Name": name, "Tags": tags(stack, &seen.want.id) }),
    )
    .value(&seen.outputs.arn, "Arn")
    .into()
}

/// CloudFormation cannot identify the schedule.
pub(super) fn schedule(seen: &Seen<'_, Schedule>) -> Form {
    Form::default().but(
        format!("AWS::Scheduler::Schedule {} of the group {}", seen.want.name, seen.want.group),
        "CloudFormation identifies a schedule by its name alone, and so only in the group default",
    )
}

pub(super) fn alarm(seen: &Seen<'_, Alarm>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    let (plain, extended) = want.metric.statistic.names();
    let dimensions = want.metric.dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value }));
    Piece::new(
        "AWS::CloudWatch::Alarm",
        json!({ "AlarmName": want.name }),
        json!({
            "AlarmName": want.name,
            "AlarmDescription": want.description,
            "Namespace": want.metric.namespace,
            "MetricName": want.metric.name,
            "Dimensions": dimensions.collect::<Vec<_>>(),
            "Statistic": plain,
            "ExtendedStatistic": extended,
            "Period": want.period,
            "EvaluationPeriods": 1,
            "DatapointsToAlarm": 1,
            "Threshold": want.threshold,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": want.missing_data,
            "AlarmActions": [want.topic],
            "OKActions": [want.topic],
            "Tags": tags(stack, &want.id),
        }),
    )
    .value(&seen.outputs.arn, "Arn")
    .into()
}
