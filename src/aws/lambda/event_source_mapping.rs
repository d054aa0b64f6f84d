//! What Lambda reads to call a function with it: an event source mapping (docs/aws.md, Event source mappings).

use aws_sdk_lambda::types::{EventSourceMappingConfiguration, FilterCriteria, FunctionResponseType, ScalingConfig};
use serde::{Deserialize, Serialize};

use super::access::qualifier_of;
use super::refusals::{FUNCTION_VISIBLE, MAPPING_BUSY, ROLE};
use super::{Lambda, SERVICE};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::{confirmed, settled, until};
use crate::aws::tags::{pairs, tag_map};
use crate::engine::{Comparison, Failure, Found, Listing, Provider, Resource, Task};
use crate::layer::Layer;
use crate::scope::Whose;

const MAPPINGS: &[&str] = &["{arn:lambda}:event-source-mapping:*"];

/// While a mapping is created, changed or deleted: the first and the longest pause between two reads, in milliseconds, and
/// the total time in seconds.
const PACE: (u64, u64) = (500, 5000);
const BUDGET: u64 = 300;

const FILTER: &str = "FilterCriteria";
const CONCURRENCY: &str = "ScalingConfig.MaximumConcurrency";
const WINDOW: &str = "MaximumBatchingWindowInSeconds";
const NONE: &str = "none";

/// Calls a function with the messages of a queue.
#[derive(Debug, Clone)]
pub struct EventSourceMapping {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// The name of the function.
    pub function: String,
    /// The ARN of the queue.
    pub source_arn: String,
    /// How many messages a call contains at most: 1 to 10,000.
    pub batch_size: i32,
    /// How many seconds messages are collected before a call: 0 to 300.
    pub window_s: i32,
    /// Whether the function answers which messages of a call it could not handle.
    pub reports_failures: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MappingOutputs {
    /// The id that AWS chose.
    pub uuid: String,
}

/// A mapping is looked up by its two ends. AWS allows one for each pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MappingKey {
    pub(super) function: String,
    pub(super) source_arn: String,
}

#[derive(Debug, Clone)]
pub struct MappingLive {
    /// `Enabled` or `Disabled`, also while AWS is still changing it.
    state: &'static str,
    batch_size: i32,
    window_s: i32,
    response_types: Vec<String>,
    /// The patterns that messages must match. Others are deleted.
    filter: String,
    concurrency: Option<i32>,
}

impl MappingLive {
    fn read(mapping: &EventSourceMappingConfiguration) -> Self {
        let patterns = mapping.filter_criteria().map(FilterCriteria::filters).unwrap_or_default().iter();
        let patterns: Vec<&str> = patterns.filter_map(|filter| filter.pattern()).collect();
        let disabled = matches!(mapping.state(), Some("Disabled" | "Disabling"));
        Self {
            state: if disabled { "Disabled" } else { "Enabled" },
            batch_size: mapping.batch_size().unwrap_or_default(),
            window_s: mapping.maximum_batching_window_in_seconds().unwrap_or_default(),
            response_types: mapping.function_response_types().iter().map(|kind| kind.as_str().to_owned()).collect(),
            filter: or_none(&patterns.join(", ")),
            concurrency: mapping.scaling_config().and_then(ScalingConfig::maximum_concurrency),
        }
    }
}

fn or_none(text: &str) -> String {
    if text.is_empty() { NONE.to_owned() } else { text.to_owned() }
}

impl EventSourceMapping {
    fn response_types(&self) -> Vec<FunctionResponseType> {
        self.reports_failures.then_some(FunctionResponseType::ReportBatchItemFailures).into_iter().collect()
    }
}

impl Resource for EventSourceMapping {
    const KIND: &'static str = "lambda.event_source_mapping";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true; // the trigger is cut
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
        let wanted: Vec<String> = self.response_types().iter().map(|kind| kind.as_str().to_owned()).collect();
        let concurrency = live.concurrency.map_or_else(|| NONE.to_owned(), |most| most.to_string());
        Comparison::default()
            .guard("State", "Enabled", live.state)
            .plain("BatchSize", self.batch_size, live.batch_size)
            .plain(WINDOW, self.window_s, live.window_s)
            .plain("FunctionResponseTypes", or_none(&wanted.join(", ")), or_none(&live.response_types.join(", ")))
            // Messages that it does not let through never reach the function.
            .guard(FILTER, NONE, &live.filter)
            .plain(CONCURRENCY, NONE, concurrency)
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
            // A mapping has no id yet when IAM is asked whether it may be created.
            StatementTemplate {
                sid: Sid::MakeEventSourceMappings,
                on: &["*"],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["lambda:CreateEventSourceMapping"] }],
            },
            // Whoever tags a mapping may not change it for that: this depends on its function.
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
            holds: "the function is called with every message of its queue",
            read: "ListEventSourceMappings",
        },
    };
}

impl Lambda {
    pub(super) fn mapping_arn(&self, uuid: &str) -> String {
        self.scope.arn("lambda", &format!("event-source-mapping:{uuid}"))
    }

    /// The mapping between these ends, if there is one that is not being deleted.
    async fn mapping(&self, key: &MappingKey) -> Result<Option<EventSourceMappingConfiguration>, Failure> {
        let list = self.client.list_event_source_mappings().function_name(&key.function);
        let list = list.event_source_arn(&key.source_arn).into_paginator().items().send();
        let read = list.collect::<Result<Vec<_>, _>>().await;
        let read = read.or_fail(&format!("list the event sources of {}", key.function)).or_absent()?;
        let whole = |one: &EventSourceMappingConfiguration| one.function_arn().and_then(qualifier_of).is_none();
        let mut there = read.unwrap_or_default().into_iter().filter(|one| one.state() != Some("Deleting"));
        Ok(there.find(whole))
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
        // The tags of the recorded one are read at the same time as the list, which says whether it is still the right one.
        let recorded = async {
            match known {
                Some(known) => self.tags(&self.mapping_arn(&known.uuid)).await,
                None => Ok(None),
            }
        };
        let (listed, recorded) = tokio::join!(self.mapping(key), recorded);
        let Some(mapping) = listed? else { return Ok(None) };
        let outputs = MappingOutputs { uuid: mapping.uuid().unwrap_or_default().to_owned() };
        let arn = self.mapping_arn(&outputs.uuid);
        let tags = if known == Some(&outputs) { recorded? } else { self.tags(&arn).await? };
        // It ended in the meantime.
        let Some(tags) = tags else { return Ok(None) };
        if !self.scope.owns(pairs(Some(&tags))) {
            return Err(Failure::foreign("the event source mapping", &arn));
        }
        Ok(Some(Found { outputs, live: MappingLive::read(&mapping) }))
    }

    async fn create(&self, want: &EventSourceMapping, task: &Task) -> Result<MappingOutputs, Failure> {
        let doing = format!("let {} call the function {}", want.source_arn, want.function);
        let made = settled(task, &[&ROLE, &FUNCTION_VISIBLE], || async {
            let call = self.once.create_event_source_mapping().function_name(&want.function);
            let call = call.event_source_arn(&want.source_arn).batch_size(want.batch_size);
            // FIFO queues have no window.
            let window = Some(want.window_s).filter(|seconds| *seconds > 0);
            let call = call.set_maximum_batching_window_in_seconds(window);
            let call = call.set_function_response_types(Some(want.response_types()).filter(|kinds| !kinds.is_empty()));
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
        let changed = settled(task, &[&ROLE, &MAPPING_BUSY], || async {
            let call = self.client.update_event_source_mapping().uuid(uuid).enabled(true).batch_size(want.batch_size);
            let call = call.set_function_response_types(Some(want.response_types()));
            let call = call.set_maximum_batching_window_in_seconds(differs(WINDOW).then_some(want.window_s));
            // Empty ones remove them.
            let call = call.set_filter_criteria(differs(FILTER).then(|| FilterCriteria::builder().build()));
            let call = call.set_scaling_config(differs(CONCURRENCY).then(|| ScalingConfig::builder().build()));
            call.send().await.or_fail(&doing)
        });
        changed.await?;
        self.mapping_ready(uuid, task).await?;
        Ok(found.outputs.clone())
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
    use crate::aws::lambda::sample::{ABSENT, ARN};
    use crate::aws::testing::{replay, requests};
    use crate::engine::{Cause, Drift};

    const QUEUE: &str = "arn:aws:sqs:eu-central-1:123456789012:demo-work";
    const OURS: &str = r#"{"Tags":{"securelambda:stack":"demo"}}"#;

    fn want() -> EventSourceMapping {
        EventSourceMapping {
            id: "mapping.f.work".into(),
            function: "demo-f".into(),
            source_arn: QUEUE.into(),
            batch_size: 10,
            window_s: 0,
            reports_failures: false,
        }
    }

    /// As AWS answers of the wanted mapping, with these members instead.
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
        assert!(found(&json!({ "FunctionArn": format!("{ARN}:live") })).await.is_none(), "that of an alias");
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
