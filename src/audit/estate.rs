//! The input of the rules: the stack file, and the result of the engine's read of each resource.

use super::fix::Fix;
use super::{Finding, Outcome};
use crate::emulator::UNSUPPORTED;
use crate::engine::{Comparison, Drift, Effect, Id, ReadResult, Setting};
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

/// Names of settings with values.
pub(super) type Values<'a> = [(&'a str, &'a str)];

impl<'a> Resource<'a> {
    pub(super) fn setting(&self, field: &str) -> Option<&'a Setting> {
        self.comparison.settings().iter().find(|setting| setting.field == field)
    }

    /// The live value of the setting.
    pub(super) fn value(&self, field: &str) -> Option<&'a str> {
        self.setting(field).map(|setting| setting.live.as_str())
    }

    /// All settings.
    pub(super) fn settings(&self) -> impl Iterator<Item = &'a Setting> + use<'a> {
        self.comparison.settings().iter()
    }

    /// The settings with their live values.
    pub(super) fn live(&self) -> Vec<(&'a str, &'a str)> {
        self.settings().map(|setting| (setting.field.as_str(), setting.live.as_str())).collect()
    }

    /// The settings with the values that the stack file asks for.
    pub(super) fn wanted(&self) -> Vec<(&'a str, &'a str)> {
        self.settings().map(|setting| (setting.field.as_str(), setting.want.as_str())).collect()
    }

    /// The settings that differ from the stack file and for which `how` is true, with their live values.
    pub(super) fn differing(&self, how: impl Fn(&Drift) -> bool) -> Vec<String> {
        let drift = self.comparison.drift().into_iter().filter(how);
        drift.map(|drift| format!("{}: {}", drift.field, drift.live)).collect()
    }

    /// The name in the stack file.
    pub(super) fn name(&self) -> &'a str {
        self.id.parts().1
    }

    /// A finding about several settings together. If they fail, but the values that the stack file asks for would pass,
    /// `up` is the fix.
    pub(super) fn judged(
        &self,
        passes: impl Fn(&Values<'a>) -> bool,
        observed: impl Into<String>,
        fix: Fix,
    ) -> Finding {
        let holds = passes(&self.live());
        let differs = !self.comparison.is_as_wanted();
        let fix = if !holds && differs && passes(&self.wanted()) { Fix::Up } else { fix };
        found(self.id, holds, observed, fix)
    }
}

impl<'a> Estate<'a> {
    /// A finding for each resource of a kind: the result of `judge` if the resource was read, and otherwise the reason
    /// why not.
    pub(super) fn each(&self, kind: &str, judge: impl Fn(&Resource<'a>) -> Finding) -> Vec<Finding> {
        self.all(kind, |resource| vec![judge(resource)])
    }

    /// Like [`Estate::each`], with any number of findings for each resource.
    pub(super) fn all(&self, kind: &str, judge: impl Fn(&Resource<'a>) -> Vec<Finding>) -> Vec<Finding> {
        let of_kind = self.seen.iter().filter(|(_, known, _)| *known == kind);
        of_kind
            .flat_map(|&(id, _, result)| match result {
                ReadResult::Live { comparison, .. } => judge(&Resource { id, comparison }),
                ReadResult::Absent => vec![found(id, false, "it does not exist", Fix::Up)],
                ReadResult::Blocked(_) => vec![not_tried(id, "a resource it depends on does not exist")],
                ReadResult::Failed(failure) => vec![not_tried(id, failure.to_string())],
            })
            .collect()
    }

    /// A finding for each resource of a kind: whether the live value of the setting passes. If it fails, but the value
    /// that the stack file asks for would pass, `up` is the fix.
    pub(super) fn field(
        &self,
        kind: &str,
        field: &str,
        passes: impl Fn(&str) -> bool,
        fix: impl Fn(&Resource<'a>) -> Fix,
    ) -> Vec<Finding> {
        self.each(kind, |resource| match resource.setting(field) {
            None => not_tried(resource.id, format!("{field} was not read")),
            Some(setting) if setting.live == UNSUPPORTED => not_tried(resource.id, format!("{field} is {UNSUPPORTED}")),
            Some(setting) => {
                let holds = passes(&setting.live);
                let differs = setting.effect != Effect::Same;
                let fix = if !holds && differs && passes(&setting.want) { Fix::Up } else { fix(resource) };
                found(resource.id, holds, format!("{field}: {}", setting.live), fix)
            }
        })
    }

    /// Like [`Estate::field`] for a setting that no key of the stack file changes.
    pub(super) fn given(&self, kind: &str, field: &str, passes: impl Fn(&str) -> bool) -> Vec<Finding> {
        self.field(kind, field, passes, |_| Fix::Accept)
    }

    /// A finding for each resource of a kind: whether the live value protects as much as the value that follows from
    /// the stack file.
    pub(super) fn as_derived(&self, kind: &str, field: &str) -> Vec<Finding> {
        self.each(kind, |resource| match resource.setting(field) {
            None => not_tried(resource.id, format!("{field} was not read")),
            Some(setting) => {
                let passes = setting.effect != Effect::Weakens;
                found(resource.id, passes, format!("{field}: {}", setting.live), Fix::Up)
            }
        })
    }

    /// The resource of this id, if it exists.
    pub(super) fn resource(&self, id: &str) -> Option<Resource<'a>> {
        self.seen.iter().find_map(|&(known, _, result)| match result {
            ReadResult::Live { comparison, .. } if known.as_str() == id => Some(Resource { id: known, comparison }),
            _ => None,
        })
    }
}

/// A finding that passes, or fails and has a fix.
pub(super) fn found(id: &Id, passes: bool, observed: impl Into<String>, fix: Fix) -> Finding {
    let (outcome, fix) = if passes { (Outcome::Pass, None) } else { (Outcome::Fail, Some(fix)) };
    Finding { resource: id.to_string(), outcome, observed: observed.into(), key: fix.map(|fix| fix.to_string()) }
}

pub(super) fn not_tried(id: &Id, why: impl Into<String>) -> Finding {
    Finding { resource: id.to_string(), outcome: Outcome::NotTried, observed: why.into(), key: None }
}

pub(super) fn not_applicable(id: &Id, why: impl Into<String>) -> Finding {
    Finding { resource: id.to_string(), outcome: Outcome::NotApplicable, observed: why.into(), key: None }
}

/// A finding that is not about a single resource.
pub(super) fn general(outcome: Outcome, why: impl Into<String>) -> Vec<Finding> {
    vec![Finding { resource: String::new(), outcome, observed: why.into(), key: None }]
}
