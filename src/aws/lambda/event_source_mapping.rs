//! Event source mappings: Lambda reads a queue or a stream, and calls a function with its contents (docs/aws.md, Event
//! source mappings).

use aws_sdk_lambda::types::{EventSourceMappingConfiguration, EventSourcePosition, FunctionResponseType};
use serde::{Deserialize, Serialize};

use super::access::qualifier_of;
use super::mapping_settings::{CALLED, CONCURRENCY, DESTINATION, FILTER, MappingLive, TUMBLING, UNLIMITED, WINDOW};
use super::refusals::{FUNCTION_VISIBLE, MAPPING_BUSY, ROLE, STREAM_READER};
use super::{Lambda, SERVICE};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::{confirmed, settled, until};
use crate::aws::tags::{pairs, tag_map};
use crate::choices::{LIVE, StreamStart};
use crate::engine::{Comparison, Failure, Found, Listing, Provider, Resource, Retag, Tags, Task};
use crate::layer::Layer;
use crate::scope::{Scope, Whose};

const MAPPINGS: &[&str] = &["{arn:lambda}:event-source-mapping:*"];

/// While a mapping is created, changed or deleted: the first and the longest pause between two reads, in milliseconds, and
/// the total time in seconds.
const PACE: (u64, u64) = (500, 5000);
const BUDGET: u64 = 300;

/// Calls a function with the messages of a queue or the records of a stream.
#[derive(Debug, Clone)]
pub struct EventSourceMapping {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// The name of the function.
    pub function: String,
    /// The alias that is called; `None` if the function itself is called.
    pub alias: Option<String>,
    /// The ARN of the queue or the stream.
    pub source_arn: String,
    /// The maximum number of messages or records of a call: 1 to 10,000.
    pub batch_size: i32,
    /// For how many seconds messages or records are collected before a call: 0 to 300.
    pub window_s: i32,
    /// Whether the function returns the ids of the messages or records of a call that it could not handle.
    pub reports_failures: bool,
    /// Patterns in JSON. The function gets the messages or records that match one of them, or all if there are no
    /// patterns.
    pub filters: Vec<String>,
    pub reading: Reading,
}

/// The settings that only one kind of source has.
#[derive(Debug, Clone)]
pub enum Reading {
    Queue {
        /// The maximum number of calls at the same time.
        concurrency: Option<i32>,
    },
    Stream(StreamReading),
}

/// The settings for reading a stream.
#[derive(Debug, Clone)]
pub struct StreamReading {
    /// The starting position. AWS cannot change it later, but then it has no effect any more.
    pub start: StreamStart,
    /// How many calls are made at the same time for a shard: 1 to 10.
    pub parallel: i32,
    /// How often a failed call is repeated. `None`: until its records are older than `max_age_s`.
    pub retries: Option<i32>,
    /// The age in seconds after which a record is discarded. `None`: when its retention in the stream ends.
    pub max_age_s: Option<i32>,
    /// Whether the batch of a failed call is split in two.
    pub bisect: bool,
    /// The ARN of the queue or topic that gets a message about discarded records.
    pub on_failure: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MappingOutputs {
    /// The id that AWS chose.
    pub uuid: String,
}

/// A mapping is found by its function and its source. AWS allows one mapping for each such pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MappingKey {
    pub(super) function: String,
    pub(super) source_arn: String,
}

impl StreamReading {
    /// AWS's name of the starting position.
    pub(crate) fn position(&self) -> &'static str {
        match self.start {
            StreamStart::Oldest => "TRIM_HORIZON",
            StreamStart::Latest => "LATEST",
        }
    }
}

impl EventSourceMapping {
    /// The function or alias that is called, in the form that AWS accepts.
    fn target(&self, scope: &Scope) -> String {
        match &self.alias {
            Some(alias) => scope.arn("lambda", &format!("function:{}:{alias}", self.function)),
            None => self.function.clone(),
        }
    }

    pub(super) fn response_types(&self) -> Vec<FunctionResponseType> {
        self.reports_failures.then_some(FunctionResponseType::ReportBatchItemFailures).into_iter().collect()
    }
}

impl Resource for EventSourceMapping {
    const KIND: &'static str = "lambda.event_source_mapping";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true; // without it, the function is not triggered
    type Key = MappingKey;
    type Outputs = MappingOutputs;
    type Live = MappingLive;

    fn key(&self) -> MappingKey {
        MappingKey { function: self.function.clone(), source_arn: self.source_arn.clone() }
    }

    fn identity(outputs: &MappingOutputs) -> String {
        outputs.uuid.clone()
    }

    fn removal_command(outputs: &MappingOutputs) -> Option<String> {
        Some(format!("aws lambda delete-event-source-mapping --uuid {}", outputs.uuid))
    }

    fn compare(&self, live: &MappingLive) -> Comparison {
        self.compared(live)
    }
}

impl Described for EventSourceMapping {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "event source mapping",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::Lambda,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::RetagOwn,
                on: MAPPINGS,
                rights: &[Permissions {
                    needs: &[Usage::Update],
                    actions: &["lambda:TagResource", "lambda:UntagResource"],
                }],
            },
            StatementTemplate {
                sid: Sid::FindOwn,
                on: MAPPINGS,
                rights: &[
                    Permissions { needs: &[Usage::Read, Usage::Survivors], actions: &["lambda:ListTags"] },
                    Permissions {
                        needs: &[Usage::Create, Usage::Update, Usage::Delete],
                        actions: &["lambda:GetEventSourceMapping"],
                    },
                ],
            },
            // When IAM checks the permission to create a mapping, the mapping has no id yet.
            StatementTemplate {
                sid: Sid::MakeEventSourceMappings,
                on: &["*"],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["lambda:CreateEventSourceMapping"] }],
            },
            // The permission to tag a mapping does not allow changing it: changes are limited by its function, not by
            // its tag.
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: MAPPINGS,
                rights: &[Permissions { needs: &[Usage::Create], actions: &["lambda:TagResource"] }],
            },
            StatementTemplate {
                sid: Sid::OwnFunctionsEvents,
                on: MAPPINGS,
                rights: &[
                    Permissions { needs: &[Usage::Update], actions: &["lambda:UpdateEventSourceMapping"] },
                    Permissions { needs: &[Usage::Delete], actions: &["lambda:DeleteEventSourceMapping"] },
                ],
            },
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Survivors],
                    actions: &["lambda:ListEventSourceMappings"],
                }],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "{}",
            holds: "the mapping calls the function with the messages of its queue or the records of its stream, and its settings match the stack file",
            read: "ListEventSourceMappings",
        },
    };
}

impl Lambda {
    pub(super) fn mapping_arn(&self, uuid: &str) -> String {
        self.scope.arn("lambda", &format!("event-source-mapping:{uuid}"))
    }

    /// The mapping of this function and source, unless it is being deleted. It may call the function or its alias,
    /// because AWS can change that. We list by source: a list by the function's name might not contain a mapping of the
    /// alias (docs/aws.md, Access to functions).
    async fn mapping(
        &self,
        key: &MappingKey,
        known: Option<&MappingOutputs>,
    ) -> Result<Option<EventSourceMappingConfiguration>, Failure> {
        let list = self.client.list_event_source_mappings().event_source_arn(&key.source_arn);
        let read = list.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let read = read.or_fail(&format!("list the event sources of {}", key.function)).or_absent()?;
        let there = read.unwrap_or_default().into_iter().filter(|one| one.state() != Some("Deleting"));
        let calls = |one: &EventSourceMappingConfiguration| {
            let arn = one.function_arn().unwrap_or_default();
            let function = arn.split(':').nth(6) == Some(key.function.as_str());
            function && qualifier_of(arn).is_none_or(|qualifier| qualifier == LIVE)
        };
        let mut there: Vec<_> = there.filter(calls).collect();
        there.sort_by_key(|one| one.uuid() != known.map(|known| known.uuid.as_str()));
        Ok(there.into_iter().next())
    }

    /// Waits until AWS has finished creating or changing a mapping.
    async fn mapping_ready(&self, uuid: &str, task: &Task) -> Result<(), Failure> {
        until(task, "the event source mapping is not active yet", PACE, BUDGET, || async {
            let read = self.client.get_event_source_mapping().uuid(uuid).send().await;
            let read = read.or_fail(&format!("read the event source mapping {uuid}"))?;
            Ok(matches!(read.state(), Some("Enabled" | "Disabled")).then_some(()))
        })
        .await
    }
}

impl Provider<EventSourceMapping> for Lambda {
    async fn read(
        &self,
        key: &MappingKey,
        known: Option<&MappingOutputs>,
        _: &Task,
    ) -> Result<Option<Found<EventSourceMapping>>, Failure> {
        // The table exists without a stream, and gets one in this run. For an empty ARN, AWS would list mappings of
        // every source.
        if key.source_arn.is_empty() {
            return Ok(None);
        }
        // The tags of the recorded mapping are read in parallel with the list. The list shows whether it is still the
        // mapping of this function and source.
        let recorded = async {
            match known {
                Some(known) => self.tags(&self.mapping_arn(&known.uuid)).await,
                None => Ok(None),
            }
        };
        let (listed, recorded) = tokio::join!(self.mapping(key, known), recorded);
        let Some(mapping) = listed? else { return Ok(None) };
        let outputs = MappingOutputs { uuid: mapping.uuid().unwrap_or_default().to_owned() };
        let arn = self.mapping_arn(&outputs.uuid);
        let tags = if known == Some(&outputs) { recorded? } else { self.tags(&arn).await? };
        // The mapping was deleted in the meantime.
        let Some(tags) = tags else { return Ok(None) };
        if !self.scope.owns(pairs(Some(&tags))) {
            return Err(Failure::foreign("the event source mapping", &arn));
        }
        Ok(Some(Found { outputs, live: MappingLive::read(&mapping) }))
    }

    async fn create(&self, want: &EventSourceMapping, task: &Task) -> Result<MappingOutputs, Failure> {
        let doing =
            format!("create the event source mapping from {} to the function {}", want.source_arn, want.function);
        let made = settled(task, &[&ROLE, &STREAM_READER, &FUNCTION_VISIBLE], || async {
            let call = self.once.create_event_source_mapping().function_name(want.target(&self.scope));
            let call = call.event_source_arn(&want.source_arn).batch_size(want.batch_size);
            // FIFO queues have no window.
            let window = Some(want.window_s).filter(|seconds| *seconds > 0);
            let call = call.set_maximum_batching_window_in_seconds(window);
            let call = call.set_function_response_types(Some(want.response_types()).filter(|kinds| !kinds.is_empty()));
            let call = call.set_filter_criteria((!want.filters.is_empty()).then(|| want.filter_criteria()));
            let call = match &want.reading {
                Reading::Queue { concurrency } => {
                    call.set_scaling_config(concurrency.is_some().then(|| want.scaling()).flatten())
                }
                Reading::Stream(stream) => call
                    .starting_position(EventSourcePosition::from(stream.position()))
                    .parallelization_factor(stream.parallel)
                    .bisect_batch_on_function_error(stream.bisect)
                    .set_maximum_retry_attempts(stream.retries)
                    .set_maximum_record_age_in_seconds(stream.max_age_s)
                    .set_destination_config(stream.on_failure.is_some().then(|| stream.destination())),
            };
            call.set_tags(Some(tag_map(&self.scope, &want.id))).send().await.or_fail(&doing)
        });
        let uuid = made.await?.uuid.unwrap_or_default();
        self.mapping_ready(&uuid, task).await?;
        Ok(MappingOutputs { uuid })
    }

    async fn update(
        &self,
        want: &EventSourceMapping,
        found: &Found<EventSourceMapping>,
        task: &Task,
    ) -> Result<MappingOutputs, Failure> {
        let drift = want.drift(&found.live);
        if drift.is_empty() {
            return Ok(found.outputs.clone());
        }
        let differs = |field: &str| drift.iter().any(|setting| setting.field == field);
        let uuid = &found.outputs.uuid;
        let doing = format!("change the event source mapping {uuid} of the function {}", want.function);
        let changed = settled(task, &[&ROLE, &STREAM_READER, &MAPPING_BUSY], || async {
            let call = self.client.update_event_source_mapping().uuid(uuid).enabled(true).batch_size(want.batch_size);
            let call = call.set_function_response_types(Some(want.response_types()));
            let call = call.set_function_name(differs(CALLED).then(|| want.target(&self.scope)));
            let call = call.set_maximum_batching_window_in_seconds(differs(WINDOW).then_some(want.window_s));
            // Empty values remove the filters and the key.
            let call = call.set_filter_criteria(differs(FILTER).then(|| want.filter_criteria()));
            let call = call.set_kms_key_arn(found.live.hides_filters().then(String::new));
            let call = call.set_scaling_config(differs(CONCURRENCY).then(|| want.scaling()).flatten());
            let Reading::Stream(stream) = &want.reading else { return call.send().await.or_fail(&doing) };
            let call = call.parallelization_factor(stream.parallel).bisect_batch_on_function_error(stream.bisect);
            let call = call.maximum_retry_attempts(stream.retries.unwrap_or(UNLIMITED));
            let call = call.maximum_record_age_in_seconds(stream.max_age_s.unwrap_or(UNLIMITED));
            let call = call.set_tumbling_window_in_seconds(differs(TUMBLING).then_some(0));
            let call = call.set_destination_config(differs(DESTINATION).then(|| stream.destination()));
            call.send().await.or_fail(&doing)
        });
        changed.await?;
        self.mapping_ready(uuid, task).await?;
        Ok(found.outputs.clone())
    }

    async fn tags(&self, of: &MappingOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        self.tags_at(&self.mapping_arn(&of.uuid)).await
    }

    async fn retag(&self, of: &MappingOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&self.mapping_arn(&of.uuid), change, task).await
    }

    async fn vouch(&self, recorded: &MappingOutputs, _: &Task) -> Result<bool, Failure> {
        self.vouched(&self.mapping_arn(&recorded.uuid)).await
    }

    async fn delete(&self, gone: &MappingOutputs, task: &Task) -> Result<(), Failure> {
        let uuid = &gone.uuid;
        let deleted = settled(task, &[&MAPPING_BUSY], || async {
            let call = self.client.delete_event_source_mapping().uuid(uuid).send().await;
            call.or_fail(&format!("delete the event source mapping {uuid}"))
        });
        if deleted.await.or_absent()?.is_none() {
            return Ok(());
        }
        let seen_gone = until(task, "the event source mapping is not gone yet", PACE, BUDGET, || async {
            let read = self.client.get_event_source_mapping().uuid(uuid).send().await;
            let read = read.or_fail(&format!("read the event source mapping {uuid}")).or_absent()?;
            Ok(read.is_none().then_some(()))
        });
        confirmed(seen_gone.await)
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        Ok(self.list_mappings(whose).await)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::lambda::mapping_settings::NONE;
    use crate::aws::lambda::sample::{ABSENT, ARN, STREAM, mapping as of_stream};
    use crate::aws::testing::{replay, requests};
    use crate::engine::{Cause, Drift};

    const QUEUE: &str = "arn:aws:sqs:eu-central-1:123456789012:demo-work";
    const OURS: &str = r#"{"Tags":{"securelambda:stack":"demo"}}"#;

    fn want() -> EventSourceMapping {
        EventSourceMapping {
            id: "mapping.f.work".into(),
            source_arn: QUEUE.into(),
            batch_size: 10,
            reading: Reading::Queue { concurrency: None },
            ..of_stream()
        }
    }

    /// AWS's answer for a mapping that is equal to `want`, except for the members in `changes`.
    fn config(changes: &Value) -> Value {
        let mut config = json!({
            "UUID": "u-1", "BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "EventSourceArn": QUEUE,
            "FunctionArn": ARN, "State": "Enabled", "StateTransitionReason": "USER_INITIATED",
            "FunctionResponseTypes": [],
        });
        for (name, value) in changes.as_object().unwrap() {
            config[name] = value.clone();
        }
        config
    }

    fn task() -> Task {
        Task::detached("mapping.f.work")
    }

    async fn found(changes: &Value) -> Option<Found<EventSourceMapping>> {
        let list = json!({ "EventSourceMappings": [config(changes)] }).to_string();
        let (clients, _) = replay(vec![(200, &list), (200, OURS)]);
        Provider::<EventSourceMapping>::read(&Lambda::new(&clients), &want().key(), None, &task()).await.unwrap()
    }

    #[tokio::test]
    async fn a_stream_that_does_not_exist_yet_has_no_mapping() {
        let (clients, http) = replay(vec![]);
        let key = EventSourceMapping { source_arn: String::new(), ..want() }.key();
        let read = Provider::<EventSourceMapping>::read(&Lambda::new(&clients), &key, None, &task()).await;
        assert!(read.unwrap().is_none());
        assert_eq!(requests(&http), Vec::<String>::new());
    }

    #[tokio::test]
    async fn drift_of_every_setting() {
        let filter = json!({ "Filters": [{ "Pattern": "{\"body\":[1]}" }] });
        for (changes, drift) in [
            (json!({}), None),
            (json!({ "State": "Creating" }), None),
            (json!({ "State": "Disabled" }), Some(Drift::weakening("State", "Enabled", "Disabled"))),
            (json!({ "BatchSize": 1 }), Some(Drift::new("BatchSize", 10, 1))),
            (json!({ "MaximumBatchingWindowInSeconds": 5 }), Some(Drift::new(WINDOW, 0, 5))),
            (
                json!({ "FunctionResponseTypes": ["ReportBatchItemFailures"] }),
                Some(Drift::new("FunctionResponseTypes", NONE, "ReportBatchItemFailures")),
            ),
            (json!({ "FilterCriteria": filter }), Some(Drift::weakening(FILTER, NONE, "{\"body\":[1]}"))),
            (json!({ "ScalingConfig": { "MaximumConcurrency": 2 } }), Some(Drift::new(CONCURRENCY, NONE, 2))),
        ] {
            assert_eq!(want().drift(&found(&changes).await.unwrap().live), Vec::from_iter(drift), "{changes}");
        }
        assert!(found(&json!({ "State": "Deleting" })).await.is_none());
        assert!(found(&json!({ "FunctionArn": format!("{ARN}:other") })).await.is_none(), "that of an alias");
        assert!(found(&json!({ "FunctionArn": format!("{ARN}2") })).await.is_none(), "that of another function");
    }

    #[tokio::test]
    async fn a_mapping_moves_between_the_function_and_its_alias() {
        let of_alias = found(&json!({ "FunctionArn": format!("{ARN}:live") })).await.unwrap();
        assert_eq!(want().drift(&of_alias.live), [Drift::new(CALLED, "the function", "the alias live")]);
        let aliased = EventSourceMapping { alias: Some("live".into()), ..want() };
        assert_eq!(aliased.drift(&of_alias.live), []);
        for (want, found, target) in [
            (want(), of_alias, r#""FunctionName":"demo-f""#.to_owned()),
            (aliased, found(&json!({})).await.unwrap(), format!(r#""FunctionName":"{ARN}:live""#)),
        ] {
            let active = config(&json!({})).to_string();
            let (clients, http) = replay(vec![(202, &active), (200, &active)]);
            let lambda = Lambda::new(&clients);
            Provider::<EventSourceMapping>::update(&lambda, &want, &found, &task()).await.unwrap();
            assert!(requests(&http)[0].contains(&target), "{:?}", requests(&http));
        }
    }

    /// AWS's answer for a mapping of a stream with all defaults, except for the members in `changes`.
    fn stream_config(changes: &Value) -> Value {
        let mut all = json!({
            "BatchSize": 100, "EventSourceArn": STREAM, "BisectBatchOnFunctionError": false,
            "DestinationConfig": { "OnFailure": {} }, "LastProcessingResult": "No records processed",
            "MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": -1, "ParallelizationFactor": 1,
            "StartingPosition": "TRIM_HORIZON", "TumblingWindowInSeconds": 0,
        });
        for (name, value) in changes.as_object().unwrap() {
            all[name] = value.clone();
        }
        config(&all)
    }

    #[tokio::test]
    async fn drift_of_every_setting_of_a_stream() {
        let to = |arn: &str| json!({ "DestinationConfig": { "OnFailure": { "Destination": arn } } });
        let (own, other) = ("arn:aws:sqs:eu-central-1:123456789012:q", "arn:aws:sqs:eu-central-1:999999999999:q");
        let hidden = json!({ "FilterCriteriaError": { "ErrorCode": "KMSAccessDeniedException", "Message": "no" } });
        for (changes, drift) in [
            (json!({}), None),
            (json!({ "StartingPosition": "LATEST" }), None),
            (json!({ "ParallelizationFactor": 2 }), Some(Drift::new("ParallelizationFactor", 1, 2))),
            (json!({ "MaximumRetryAttempts": 0 }), Some(Drift::new("MaximumRetryAttempts", "unlimited", 0))),
            (
                json!({ "MaximumRecordAgeInSeconds": 60 }),
                Some(Drift::new("MaximumRecordAgeInSeconds", "unlimited", 60)),
            ),
            (
                json!({ "BisectBatchOnFunctionError": true }),
                Some(Drift::new("BisectBatchOnFunctionError", false, true)),
            ),
            (json!({ "TumblingWindowInSeconds": 30 }), Some(Drift::new(TUMBLING, 0, 30))),
            (to(own), Some(Drift::new(DESTINATION, NONE, own))),
            (to(other), Some(Drift::weakening(DESTINATION, NONE, other))),
            (hidden, Some(Drift::weakening(FILTER, NONE, "not readable: KMSAccessDeniedException"))),
        ] {
            let list = json!({ "EventSourceMappings": [stream_config(&changes)] }).to_string();
            let (clients, _) = replay(vec![(200, &list), (200, OURS)]);
            let lambda = Lambda::new(&clients);
            let read = Provider::<EventSourceMapping>::read(&lambda, &of_stream().key(), None, &task()).await;
            assert_eq!(of_stream().drift(&read.unwrap().unwrap().live), Vec::from_iter(drift), "{changes}");
        }
    }

    #[tokio::test]
    async fn a_filter_may_come_back_in_another_form() {
        let want = EventSourceMapping { filters: vec!["{ \"b\": [1], \"a\": [2] }".into()], ..want() };
        let filter = json!({ "FilterCriteria": { "Filters": [{ "Pattern": "{\"a\":[2],\"b\":[1]}" }] } });
        assert_eq!(want.drift(&found(&filter).await.unwrap().live), []);
        let gone = want.drift(&found(&json!({})).await.unwrap().live);
        assert_eq!(gone, [Drift::weakening(FILTER, "{\"a\":[2],\"b\":[1]}", NONE)]);
    }

    #[tokio::test]
    async fn a_stream_is_read_from_its_start_with_the_limits_of_the_stack_file() {
        let active = stream_config(&json!({})).to_string();
        let (clients, http) = replay(vec![(202, &active), (200, &active), (202, &active), (200, &active)]);
        let (lambda, topic) = (Lambda::new(&clients), "arn:aws:sns:eu-central-1:123456789012:demo-t");
        let Reading::Stream(usual) = of_stream().reading else { unreachable!("it is a stream") };
        let reading = StreamReading { retries: Some(0), on_failure: Some(topic.into()), ..usual };
        let want = EventSourceMapping { reading: Reading::Stream(reading), ..of_stream() };
        Provider::<EventSourceMapping>::create(&lambda, &want, &task()).await.unwrap();
        let read = MappingLive::read(
            &aws_sdk_lambda::types::EventSourceMappingConfiguration::builder()
                .destination_config(
                    aws_sdk_lambda::types::DestinationConfig::builder()
                        .on_failure(aws_sdk_lambda::types::OnFailure::builder().destination(topic).build())
                        .build(),
                )
                .tumbling_window_in_seconds(30)
                .build(),
        );
        let found = Found { outputs: MappingOutputs { uuid: "u-1".into() }, live: read };
        Provider::<EventSourceMapping>::update(&lambda, &of_stream(), &found, &task()).await.unwrap();
        let calls = requests(&http);
        let has = |call: &str, parts: &[&str]| {
            for part in parts {
                assert!(call.contains(part), "{part} in {call}");
            }
        };
        let told = format!("\"OnFailure\":{{\"Destination\":\"{topic}\"}}");
        has(&calls[0], &["\"StartingPosition\":\"TRIM_HORIZON\"", "\"MaximumRetryAttempts\":0", &told]);
        assert!(!calls[0].contains("MaximumRecordAge") && !calls[0].contains("ScalingConfig"), "{}", calls[0]);
        has(&calls[2], &["\"MaximumRetryAttempts\":-1", "\"MaximumRecordAgeInSeconds\":-1"]);
        has(&calls[2], &["\"OnFailure\":{\"Destination\":\"\"}", "\"TumblingWindowInSeconds\":0"]);
        assert!(!calls[2].contains("StartingPosition"), "{}", calls[2]);
    }

    #[tokio::test]
    async fn a_mapping_without_our_tag_is_foreign() {
        let list = json!({ "EventSourceMappings": [config(&json!({}))] }).to_string();
        let (clients, _) = replay(vec![(200, &list), (200, r#"{"Tags":{}}"#)]);
        let read = Provider::<EventSourceMapping>::read(&Lambda::new(&clients), &want().key(), None, &task()).await;
        assert_eq!(read.unwrap_err().cause, Cause::Foreign);
    }

    #[tokio::test]
    async fn create_waits_until_it_is_active() {
        let creating = config(&json!({ "State": "Creating" })).to_string();
        let active = config(&json!({})).to_string();
        let (clients, http) = replay(vec![(202, &creating), (200, &creating), (200, &active)]);
        let want = EventSourceMapping { window_s: 5, batch_size: 100, reports_failures: true, ..want() };
        let task = task().at(crate::engine::TimeScale::new(0.01).unwrap());
        let made = Provider::<EventSourceMapping>::create(&Lambda::new(&clients), &want, &task).await.unwrap();
        assert_eq!(made.uuid, "u-1");
        let calls = requests(&http);
        for part in ["securelambda:stack", "\"BatchSize\":100", "\"MaximumBatchingWindowInSeconds\":5", "ReportBatch"] {
            assert!(calls[0].contains(part), "{part} in {}", calls[0]);
        }
        assert_eq!(calls.len(), 3);
    }

    #[tokio::test]
    async fn an_update_enables_it_and_removes_what_withholds_messages() {
        let changes = json!({ "State": "Disabled", "FilterCriteria": { "Filters": [{ "Pattern": "{}" }] } });
        let found = found(&changes).await.unwrap();
        let active = config(&json!({})).to_string();
        let (clients, http) = replay(vec![(202, &active), (200, &active)]);
        Provider::<EventSourceMapping>::update(&Lambda::new(&clients), &want(), &found, &task()).await.unwrap();
        let call = &requests(&http)[0];
        assert!(call.contains("\"Enabled\":true") && call.contains("\"FilterCriteria\":{}"), "{call}");
        assert!(!call.contains("MaximumBatchingWindow"), "a FIFO queue has none: {call}");
    }

    #[tokio::test]
    async fn delete_returns_once_it_is_gone() {
        let going = config(&json!({ "State": "Deleting" })).to_string();
        let (clients, http) = replay(vec![(202, &going), (200, &going), (404, ABSENT), (404, ABSENT)]);
        let (lambda, gone) = (Lambda::new(&clients), MappingOutputs { uuid: "u-1".into() });
        let task = task().at(crate::engine::TimeScale::new(0.01).unwrap());
        Provider::<EventSourceMapping>::delete(&lambda, &gone, &task).await.unwrap();
        assert_eq!(requests(&http).len(), 3);
        Provider::<EventSourceMapping>::delete(&lambda, &gone, &task).await.unwrap();
    }
}
