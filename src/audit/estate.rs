//! The stack as rules see it: the stack file, and what the engine has read of each resource.

use super::{Finding, Outcome};
use crate::emulator::UNSUPPORTED;
use crate::engine::{Comparison, Drift, Id, ReadResult};
use crate::spec::Stack;

/// The stack that is audited.
pub struct Estate<'a> {
    pub stack: &'a Stack,
    /// Each resource with its kind and the result of its read.
    pub seen: Vec<(&'a Id, &'static str, &'a ReadResult)>,
    /// The date, as in `2026-11-29`.
    pub today: String,
}

/// A resource that exists, with its settings.
pub(super) struct Resource<'a> {
    pub id: &'a Id,
    comparison: &'a Comparison,
}

impl<'a> Resource<'a> {
    /// The live value of the setting.
    pub(super) fn value(&self, field: &str) -> Option<&'a str> {
        let mut settings = self.comparison.settings().iter();
        settings.find(|setting| setting.field == field).map(|setting| setting.live.as_str())
    }

    /// The settings whose names begin so, with their live values.
    pub(super) fn values(&self, prefix: &str) -> Vec<(&'a str, &'a str)> {
        let settings = self.comparison.settings().iter().filter(|setting| setting.field.starts_with(prefix));
        settings.map(|setting| (setting.field.as_str(), setting.live.as_str())).collect()
    }

    /// The settings that differ from the stack file in this way, with their live values.
    pub(super) fn differing(&self, how: impl Fn(&Drift) -> bool) -> Vec<String> {
        let drift = self.comparison.drift().into_iter().filter(how);
        drift.map(|drift| format!("{}: {}", drift.field, drift.live)).collect()
    }

    /// The name in the stack file.
    pub(super) fn name(&self) -> &'a str {
        self.id.parts().1
    }
}

impl<'a> Estate<'a> {
    /// A finding for each resource of a kind: by `judge` if it was read, and otherwise why it was not.
    pub(super) fn each(&self, kind: &str, judge: impl Fn(&Resource<'a>) -> Finding) -> Vec<Finding> {
        let of_kind = self.seen.iter().filter(|(_, known, _)| *known == kind);
        of_kind
            .map(|&(id, _, result)| match result {
                ReadResult::Live { comparison, .. } => judge(&Resource { id, comparison }),
                ReadResult::Absent => Finding {
                    resource: id.to_string(),
                    outcome: Outcome::Fail,
                    observed: "it does not exist".to_owned(),
                    key: Some("run `securelambda up`".to_owned()),
                },
                ReadResult::Blocked => not_tried(id, "a resource it depends on does not exist"),
                ReadResult::Failed(failure) => not_tried(id, failure.to_string()),
            })
            .collect()
    }

    /// A finding for each resource of a kind: whether the first of the settings that was read has a value that passes.
    pub(super) fn field(
        &self,
        kind: &str,
        fields: &[&str],
        passes: impl Fn(&str) -> bool,
        key: impl Fn(&Resource<'a>) -> String,
    ) -> Vec<Finding> {
        self.each(kind, |resource| {
            let read = fields.iter().find_map(|field| Some((field, resource.value(field)?)));
            match read {
                None => not_tried(resource.id, format!("{} was not read", fields[0])),
                Some((field, UNSUPPORTED)) => not_tried(resource.id, format!("{field} is {UNSUPPORTED}")),
                Some((field, value)) => found(resource.id, passes(value), format!("{field}: {value}"), key(resource)),
            }
        })
    }
}

/// A finding that passes or fails.
pub(super) fn found(id: &Id, passes: bool, observed: impl Into<String>, key: impl Into<String>) -> Finding {
    let outcome = if passes { Outcome::Pass } else { Outcome::Fail };
    let key = (!passes).then(|| key.into()).filter(|key| !key.is_empty());
    Finding { resource: id.to_string(), outcome, observed: observed.into(), key }
}

pub(super) fn not_tried(id: &Id, why: impl Into<String>) -> Finding {
    Finding { resource: id.to_string(), outcome: Outcome::NotTried, observed: why.into(), key: None }
}

pub(super) fn not_applicable(id: &Id, why: impl Into<String>) -> Finding {
    Finding { resource: id.to_string(), outcome: Outcome::NotApplicable, observed: why.into(), key: None }
}

/// A finding about no single resource.
pub(super) fn general(outcome: Outcome, why: impl Into<String>) -> Vec<Finding> {
    vec![Finding { resource: String::new(), outcome, observed: why.into(), key: None }]
}
