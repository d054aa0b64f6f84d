//! Topics, queues, schedules and alarms.

use serde_json::json;

use super::document;
use crate::aws::cloudwatch::Alarm;
use crate::aws::scheduler::{Schedule, ScheduleGroup};
use crate::aws::sns::{Subscription, Topic};
use crate::aws::sqs::Queue;
use crate::engine::Seen;
use crate::export::UNCONFIRMED;
use crate::export::resources::{Form, Piece, Resources, named};

pub(in crate::export) fn topic(seen: &Seen<'_, Topic>, stack: &Resources<'_>) -> Form {
    let (want, arn) = (seen.want, &seen.outputs.arn);
    let topic = Piece::new(
        "aws_sns_topic",
        arn.as_str(),
        json!({
            "name": want.name,
            "policy": want.own_policy().map(|policy| document(&policy)),
            "kms_master_key_id": want.kms_key.key(),
            "signature_version": want.signature_version,
            "tracing_config": want.tracing_mode(),
            "tags": stack.tags(&want.id),
        }),
    );
    let mut form = Form::from(topic.value(arn, "arn"));
    for address in &want.addresses {
        let (protocol, endpoint) = address.parts();
        match Topic::confirmed(address, seen.live) {
            Some(subscription) => form.pieces.push(
                Piece::new(
                    "aws_sns_topic_subscription",
                    subscription,
                    json!({ "topic_arn": arn, "protocol": protocol, "endpoint": endpoint }),
                )
                .suffix(endpoint)
                .beside(),
            ),
            None => {
                form = form.but(format!("the subscription of {endpoint} to {}", want.name), UNCONFIRMED);
            }
        }
    }
    form
}

pub(super) fn subscription(seen: &Seen<'_, Subscription>) -> Form {
    let want = seen.want;
    Form::from(Piece::new(
        "aws_sns_topic_subscription",
        seen.outputs.arn.as_str(),
        json!({
            "topic_arn": want.topic,
            "protocol": want.protocol(),
            "endpoint": want.endpoint,
            "raw_message_delivery": want.raw.then_some(true),
        }),
    ))
}

pub(super) fn queue(seen: &Seen<'_, Queue>, stack: &Resources<'_>) -> Form {
    let (want, url) = (seen.want, stack.queue_url(&seen.want.name));
    let key = want.kms_key.key();
    let redrive = want.dead_letters.as_ref();
    let redrive =
        redrive.map(|to| json!({ "$json": { "deadLetterTargetArn": to.queue, "maxReceiveCount": to.after } }));
    let queue = Piece::new(
        "aws_sqs_queue",
        url.as_str(),
        json!({
            "name": want.name,
            "fifo_queue": want.fifo.then_some(true),
            "message_retention_seconds": want.retention_seconds(),
            "visibility_timeout_seconds": want.visibility_s,
            "policy": document(&want.policy()),
            "redrive_policy": redrive,
            "kms_master_key_id": key,
            "sqs_managed_sse_enabled": key.is_none().then_some(true),
            "tags": stack.tags(&want.id),
        }),
    );
    queue.value(&seen.outputs.arn, "arn").value(url, "url").into()
}

pub(super) fn schedule_group(seen: &Seen<'_, ScheduleGroup>, stack: &Resources<'_>) -> Form {
    let name = &seen.want.name;
    let body = json!({ "name": name, "tags": stack.tags(&seen.want.id) });
    Piece::new("aws_scheduler_schedule_group", name.as_str(), body)
        .value(&seen.outputs.arn, "arn")
        .name(name, "name")
        .into()
}

pub(super) fn schedule(seen: &Seen<'_, Schedule>) -> Form {
    let want = seen.want;
    let (attempts, age) = Schedule::tries();
    Piece::new(
        "aws_scheduler_schedule",
        format!("{}/{}", want.group, want.name),
        json!({
            "group_name": named("aws_scheduler_schedule_group", &want.group, &want.group),
            "name": want.name,
            "schedule_expression": want.expression,
            "schedule_expression_timezone": want.timezone,
            "state": "ENABLED",
            "flexible_time_window": { "mode": "OFF" },
            "target": {
                "arn": want.function_arn,
                "role_arn": want.role_arn,
                "retry_policy": { "maximum_retry_attempts": attempts, "maximum_event_age_in_seconds": age },
            },
        }),
    )
    .into()
}

pub(super) fn alarm(seen: &Seen<'_, Alarm>, stack: &Resources<'_>) -> Form {
    let want = seen.want;
    let (plain, extended) = want.metric.statistic.names();
    Piece::new(
        "aws_cloudwatch_metric_alarm",
        want.name.as_str(),
        json!({
            "alarm_name": want.name,
            "alarm_description": want.description,
            "namespace": want.metric.namespace,
            "metric_name": want.metric.name,
            "dimensions": want.metric.dimensions,
            "statistic": plain,
            "extended_statistic": extended,
            "period": want.period,
            "evaluation_periods": 1,
            "datapoints_to_alarm": 1,
            "threshold": want.threshold,
            "comparison_operator": "GreaterThanOrEqualToThreshold",
            "treat_missing_data": want.missing_data,
            "alarm_actions": [want.topic],
            "ok_actions": [want.topic],
            "tags": stack.tags(&want.id),
        }),
    )
    .value(&seen.outputs.arn, "arn")
    .into()
}
