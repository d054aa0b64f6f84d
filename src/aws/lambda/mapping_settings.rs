//! Compares an event source mapping with the stack file.
//!
//! Settings that withhold messages or records from the function weaken. So does a failure destination in another
//! account.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{
    DestinationConfig, EventSourceMappingConfiguration, Filter, FilterCriteria, OnFailure, ScalingConfig,
};
use serde_json::Value;

use super::access::qualifier_of;
use super::event_source_mapping::{EventSourceMapping, Reading, StreamReading};
use crate::engine::{Comparison, Effect};

pub(super) const CALLED: &str = "FunctionArn";
pub(super) const FILTER: &str = "FilterCriteria";
pub(super) const CONCURRENCY: &str = "ScalingConfig.MaximumConcurrency";
pub(super) const WINDOW: &str = "MaximumBatchingWindowInSeconds";
pub(super) const DESTINATION: &str = "DestinationConfig.OnFailure.Destination";
pub(super) const TUMBLING: &str = "TumblingWindowInSeconds";

/// AWS's number for no limit of retries or of age, as long as the stream has the records.
pub(super) const UNLIMITED: i32 = -1;

pub(super) const NONE: &str = "none";

#[derive(Debug, Clone)]
pub struct MappingLive {
    /// The alias that is called; `None` if the function itself is called.
    alias: Option<String>,
    /// `Enabled` or `Disabled`, also while AWS is still changing it.
    state: &'static str,
    batch_size: i32,
    window_s: i32,
    response_types: Vec<String>,
    /// The patterns that messages or records must fit.
    filters: Vec<String>,
    /// The reason why AWS does not return the patterns.
    unread_filters: Option<String>,
    concurrency: Option<i32>,
    parallel: i32,
    retries: i32,
    max_age_s: i32,
    bisect: bool,
    /// The ARN of the destination that gets messages about discarded records. Empty if there is none.
    on_failure: String,
    tumbling_s: i32,
}

impl MappingLive {
    pub(super) fn read(mapping: &EventSourceMappingConfiguration) -> Self {
        let patterns = mapping.filter_criteria().map(FilterCriteria::filters).unwrap_or_default().iter();
        let disabled = matches!(mapping.state(), Some("Disabled" | "Disabling"));
        let on_failure = mapping.destination_config().and_then(|to| to.on_failure()).and_then(|to| to.destination());
        Self {
            alias: mapping.function_arn().and_then(qualifier_of),
            state: if disabled { "Disabled" } else { "Enabled" },
            batch_size: mapping.batch_size().unwrap_or_default(),
            window_s: mapping.maximum_batching_window_in_seconds().unwrap_or_default(),
            response_types: mapping.function_response_types().iter().map(|kind| kind.as_str().to_owned()).collect(),
            filters: patterns.filter_map(|filter| filter.pattern().map(str::to_owned)).collect(),
            unread_filters: mapping
                .filter_criteria_error()
                .map(|error| error.error_code().unwrap_or("no reason given").to_owned()),
            concurrency: mapping.scaling_config().and_then(ScalingConfig::maximum_concurrency),
            parallel: mapping.parallelization_factor().unwrap_or(1),
            retries: mapping.maximum_retry_attempts().unwrap_or(UNLIMITED),
            max_age_s: mapping.maximum_record_age_in_seconds().unwrap_or(UNLIMITED),
            bisect: mapping.bisect_batch_on_function_error().unwrap_or_default(),
            on_failure: on_failure.unwrap_or_default().to_owned(),
            tumbling_s: mapping.tumbling_window_in_seconds().unwrap_or_default(),
        }
    }

    /// Whether the patterns are encrypted with a key that these credentials cannot use.
    pub(super) fn hides_filters(&self) -> bool {
        self.unread_filters.is_some()
    }

    fn filter(&self) -> String {
        match &self.unread_filters {
            Some(why) => format!("not readable: {why}"),
            None => patterns(&self.filters),
        }
    }
}

fn or_none(text: &str) -> String {
    if text.is_empty() { NONE.to_owned() } else { text.to_owned() }
}

/// Sorted patterns in a normal form, because AWS may return patterns in another order and form.
fn patterns(all: &[String]) -> String {
    let plain = |pattern: &String| {
        serde_json::from_str::<Value>(pattern).map_or_else(|_| pattern.clone(), |value| sorted(value).to_string())
    };
    let mut all: Vec<String> = all.iter().map(plain).collect();
    all.sort_unstable();
    or_none(&all.join(", "))
}

/// The value with the members of all objects sorted by name.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<String, Value> =
                members.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            members.into_iter().collect()
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

fn limit(limit: Option<i32>) -> String {
    limit.filter(|limit| *limit != UNLIMITED).map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string())
}

fn account(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

impl EventSourceMapping {
    /// The wanted filters. If there are none, the value is empty, which removes the existing filters.
    pub(super) fn filter_criteria(&self) -> FilterCriteria {
        let filters = self.filters.iter().map(|pattern| Filter::builder().pattern(pattern).build());
        FilterCriteria::builder().set_filters(Some(filters.collect()).filter(|all: &Vec<_>| !all.is_empty())).build()
    }

    /// The maximum number of calls at the same time; `None` for a stream. An empty value removes an existing maximum.
    pub(super) fn scaling(&self) -> Option<ScalingConfig> {
        let Reading::Queue { concurrency } = &self.reading else { return None };
        Some(ScalingConfig::builder().set_maximum_concurrency(*concurrency).build())
    }

    pub(super) fn compared(&self, live: &MappingLive) -> Comparison {
        let wanted: Vec<String> = self.response_types().iter().map(|kind| kind.as_str().to_owned()).collect();
        let called = |alias: Option<&String>| match alias {
            Some(alias) => format!("the alias {alias}"),
            None => "the function".to_owned(),
        };
        let comparison = Comparison::default()
            .guard("State", "Enabled", live.state)
            .plain(CALLED, called(self.alias.as_ref()), called(live.alias.as_ref()))
            .plain("BatchSize", self.batch_size, live.batch_size)
            .plain(WINDOW, self.window_s, live.window_s)
            .plain("FunctionResponseTypes", or_none(&wanted.join(", ")), or_none(&live.response_types.join(", ")))
            // A wrong filter withholds messages from the function, or sends it messages that it does not expect.
            .guard(FILTER, patterns(&self.filters), live.filter());
        let most = |most: Option<i32>| most.map_or_else(|| NONE.to_owned(), |most| most.to_string());
        match &self.reading {
            Reading::Queue { concurrency } => comparison.plain(CONCURRENCY, most(*concurrency), most(live.concurrency)),
            Reading::Stream(stream) => self.stream_compared(comparison, stream, live),
        }
    }

    fn stream_compared(&self, comparison: Comparison, stream: &StreamReading, live: &MappingLive) -> Comparison {
        let wanted = stream.on_failure.as_deref().unwrap_or_default();
        let told = match live.on_failure.as_str() {
            live if live == wanted => Effect::Same,
            "" => Effect::Differs,
            // A destination in the stream's account, to which the function's role must be allowed to send.
            live if account(live) == account(&self.source_arn) => Effect::Differs,
            _ => Effect::Weakens,
        };
        comparison
            .plain("ParallelizationFactor", stream.parallel, live.parallel)
            .plain("MaximumRetryAttempts", limit(stream.retries), limit(Some(live.retries)))
            .plain("MaximumRecordAgeInSeconds", limit(stream.max_age_s), limit(Some(live.max_age_s)))
            .plain("BisectBatchOnFunctionError", stream.bisect, live.bisect)
            .plain(TUMBLING, 0, live.tumbling_s)
            .judged(DESTINATION, or_none(wanted), or_none(&live.on_failure), told)
    }
}

impl StreamReading {
    /// An empty ARN removes the destination.
    pub(super) fn destination(&self) -> DestinationConfig {
        let to = OnFailure::builder().destination(self.on_failure.as_deref().unwrap_or_default());
        DestinationConfig::builder().on_failure(to.build()).build()
    }
}
