//! The alarms, and the topic that they notify.

use std::collections::BTreeMap;

use super::apis::{ApiIds, HttpApis};
use super::source::Source;
use super::{Input, edge};
use crate::aws::Encryption;
use crate::aws::apigatewayv2::HttpApi;
use crate::aws::cloudwatch::{Alarm, Metric, Statistic};
use crate::aws::sns::{Address, Topic, TopicOutputs};
use crate::engine::{Graph, Handle};
use crate::scope::Scope;
use crate::spec::{ALARMS_TOPIC, Alarms, MissingData, Notify, Stack};

/// The ids of the resources that this file adds.
pub(crate) mod ids {
    use crate::aws::cloudwatch::Alarm;
    use crate::aws::sns::Topic;
    use crate::topology::id::IdOf;

    /// `alarm.errors.Notes`
    pub(super) fn alarm(what: &str, of: &str) -> IdOf<Alarm> {
        IdOf::new("alarm", &format!("{what}.{of}"))
    }

    /// The topic that the alarms notify. No topic of the stack file has this id.
    pub(super) fn topic() -> IdOf<Topic> {
        IdOf::new("alarms", "topic")
    }
}

/// The settings in which alarms differ.
struct Watch {
    /// The kind of alarm, as in `errors`, and the name of the part of the stack that it watches.
    what: (&'static str, String),
    description: String,
    metric: Metric,
    /// The HTTP API whose id is a dimension of the metric.
    api: Option<Handle<HttpApi>>,
    threshold: u32,
}

/// Adds the alarms, and their topic unless the stack file names another topic by its ARN.
pub(super) fn alarms(graph: &mut Graph, from: Input<'_>, http_apis: &HttpApis) {
    let Input { stack, scope, .. } = from;
    let Some(wanted) = stack.alarms.as_ref().filter(|_| stack.alarm_count() > 0) else { return };
    let told = match &wanted.notify {
        Some(Notify::Topic(arn)) => Source::Theirs(TopicOutputs { arn: arn.clone() }),
        Some(Notify::Address(address)) => Source::Own(topic(graph, from, Some(address))),
        None => Source::Own(topic(graph, from, None)),
    };
    let watches = of_functions(stack, scope, wanted)
        .chain(of_apis(stack, scope, wanted, http_apis))
        .chain(of_firewall(stack, scope, wanted))
        .chain(of_queues(stack, scope, wanted));
    // A threshold of 0 means that there is no such alarm.
    for watch in watches.filter(|watch| watch.threshold > 0) {
        add(graph, scope, wanted, &told, watch);
    }
}

/// The name of the stack's own topic for alarms in AWS.
pub(super) fn topic_name(scope: &Scope) -> String {
    scope.physical(ALARMS_TOPIC)
}

/// The topic that only the stack's alarms publish to.
fn topic(graph: &mut Graph, Input { scope, encrypted_by, .. }: Input<'_>, address: Option<&String>) -> Handle<Topic> {
    let id = ids::topic();
    let name = topic_name(scope);
    let topic = Topic {
        id: id.to_string(),
        arn: scope.arn("sns", &name),
        name,
        account: scope.account.clone(),
        subscribers: Vec::new(),
        functions: Vec::new(),
        addresses: address.into_iter().map(|address| Address::email(address)).collect(),
        alarms: Some(scope.arn("cloudwatch", &format!("alarm:{}", scope.physical("*")))),
        tls_only: true,
        tracing: false,
        signature_version: 2,
        kms_key: Encryption::default(),
    };
    id.add(graph, encrypted_by.clone(), move |kms_key| Topic { kms_key, ..topic.clone() })
}

fn add(graph: &mut Graph, scope: &Scope, wanted: &Alarms, told: &Source<Topic>, watch: Watch) {
    let Watch { what: (what, of), description, metric, api, threshold } = watch;
    let id = ids::alarm(what, &of);
    let alarm = Alarm {
        id: id.to_string(),
        name: scope.physical(&format!("{what}-{of}")),
        description,
        metric,
        period: i32::try_from(wanted.period_minutes * 60).unwrap_or(i32::MAX),
        threshold,
        missing_data: match wanted.missing_data {
            MissingData::NotBreaching => "notBreaching",
            MissingData::Breaching => "breaching",
            MissingData::Ignore => "ignore",
            MissingData::Missing => "missing",
        },
        topic: String::new(),
    };
    id.add(graph, (told.clone(), Vec::from_iter(api)), move |(topic, apis)| {
        let mut alarm = Alarm { topic: topic.arn, ..alarm.clone() };
        alarm.metric.dimensions.extend(apis.into_iter().map(|api| ("ApiId", api.id)));
        alarm
    });
}

fn of_functions<'a>(stack: &'a Stack, scope: &'a Scope, wanted: &'a Alarms) -> impl Iterator<Item = Watch> {
    stack.functions.keys().flat_map(move |name| {
        let watch = |what, metric, threshold, words: &str| Watch {
            what: (what, name.clone()),
            description: format!("The function {name} {words}"),
            metric: Metric {
                namespace: "AWS/Lambda",
                name: metric,
                dimensions: [("FunctionName", scope.physical(name))].into(),
                statistic: Statistic::Sum,
            },
            api: None,
            threshold,
        };
        [
            watch("errors", "Errors", wanted.errors, "fails"),
            watch("throttles", "Throttles", wanted.throttles, "exceeds its concurrency limit"),
        ]
    })
}

fn of_apis<'a>(
    stack: &'a Stack,
    scope: &'a Scope,
    wanted: &'a Alarms,
    http_apis: &'a HttpApis,
) -> impl Iterator<Item = Watch> {
    stack.all_apis().flat_map(move |(name, api)| {
        let http = http_apis.get(&name.map(str::to_owned)).copied();
        let called = name.map_or_else(|| "The API".to_owned(), |name| format!("The API {name}"));
        let watch = |what, metric, statistic, threshold, words: &str| {
            let mut dimensions = BTreeMap::from([("Stage", api.stage.clone())]);
            if http.is_none() {
                dimensions.insert("ApiName", ApiIds(name).physical(scope));
            }
            Watch {
                what: (what, name.unwrap_or("api").to_owned()),
                description: format!("{called} {words}"),
                metric: Metric { namespace: "AWS/ApiGateway", name: metric, dimensions, statistic },
                api: http,
                threshold,
            }
        };
        let server_errors = if http.is_some() { "5xx" } else { "5XXError" };
        [
            watch("server-errors", server_errors, Statistic::Sum, wanted.server_errors, "answers with 5xx"),
            watch("latency", "Latency", Statistic::P90, wanted.latency_ms, "is slow for one request in ten"),
        ]
    })
}

fn of_firewall<'a>(stack: &'a Stack, scope: &'a Scope, wanted: &'a Alarms) -> impl Iterator<Item = Watch> {
    stack.firewall.iter().map(move |_| Watch {
        what: ("blocked-requests", "firewall".to_owned()),
        description: "The firewall blocks many requests".to_owned(),
        metric: Metric {
            namespace: "AWS/WAFV2",
            name: "BlockedRequests",
            dimensions: [
                ("Region", scope.region.clone()),
                ("Rule", "ALL".to_owned()),
                ("WebACL", edge::web_acl_metric(scope)),
            ]
            .into(),
            statistic: Statistic::Sum,
        },
        api: None,
        threshold: wanted.blocked_requests,
    })
}

fn of_queues<'a>(stack: &'a Stack, scope: &'a Scope, wanted: &'a Alarms) -> impl Iterator<Item = Watch> {
    stack.dead_letter_queues().into_iter().map(move |name| Watch {
        what: ("dead-letters", name.clone()),
        description: format!("The queue {name} has events that no function could handle"),
        metric: Metric {
            namespace: "AWS/SQS",
            name: "ApproximateNumberOfMessagesVisible",
            dimensions: [("QueueName", stack.queue_name(scope, &name))].into(),
            statistic: Statistic::Maximum,
        },
        api: None,
        threshold: wanted.dead_letters,
    })
}
