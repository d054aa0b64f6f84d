//! CloudWatch. Its protocol uses CBOR.

use serde_json::json;

use super::Entry::{Is, Not};
use super::{Asked, Host, Kind, List, Reads, Refusals, Service, Usage, WrongTime, by_operation};

pub const SERVICE: Service = Service {
    name: "cloudwatch",
    host: Host::Regional("monitoring"),
    sdk: "cloudwatch",
    kinds: &[Kind {
        name: "cloudwatch.alarm",
        read: "DescribeAlarms",
        list: Is(List {
            operation: "DescribeAlarms",
            arguments: || json!({}),
            of_parent: None,
            items: "MetricAlarms",
            name: "AlarmName",
        }),
        create: Is("PutMetricAlarm"),
        id: Not("its name identifies it"),
        lag: Not("its name is unique"),
        delete: Is("DeleteAlarms"),
        outlives: Is(Reads {
            called: "alarm ",
            with_state: &["DescribeAlarms", "ListTagsForResource"],
            without_state: &["DescribeAlarms", "ListTagsForResource"],
        }),
    }],
    created: by_operation,
    needs,
    unused: &[("cloudwatch:UntagResource", "the stack file loses a tag, or the stack no longer expires")],
    unseen: &[],
    refusals: Refusals {
        throttled: "cloudwatch-throttled",
        retry_after: None,
        unavailable: "cloudwatch-unavailable",
        conflicts: &[],
        denied: (403, "AccessDenied"),
        wrong_time: WrongTime::Query,
    },
};

fn needs(asked: &Asked<'_>) -> Vec<Usage> {
    let alarm = |name: &str| asked.stack.arn("cloudwatch", &format!("alarm:{name}"));
    match asked.operation() {
        "DescribeAlarms" => vec![asked.need(alarm("*"))],
        "PutMetricAlarm" => {
            let tags = asked.list_of_tags("Tags");
            asked.need_with_tags(&alarm(&asked.text("AlarmName")), &tags, "PutMetricAlarm", "cloudwatch:TagResource")
        }
        "DeleteAlarms" => {
            let names = asked.body["AlarmNames"].as_array().into_iter().flatten();
            let needs = names.map(|name| asked.need(alarm(name.as_str().unwrap())));
            asked.with_our_tag(needs.collect(), &[])
        }
        _ => asked.with_our_tag(vec![asked.need(asked.text("ResourceARN"))], &[]),
    }
}
