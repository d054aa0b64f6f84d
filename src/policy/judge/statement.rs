//! A statement of a policy, in a form in which two can be compared.

use std::collections::BTreeSet;

use serde_json::Value;

use super::patterns::{are_disjoint, covers, covers_arn};
use crate::policy::{Meaning, meaning, one_or_many, principal, text};

/// How many combinations of an action, a resource and a principal of one statement are compared one by one. AWS's
/// limits for the size of documents keep sensible statements far below it.
const COMBINATIONS: usize = 50_000;

/// The values of an element: these, or all values but these.
#[derive(Debug, Clone, PartialEq)]
enum Values {
    These(BTreeSet<String>),
    AllBut(BTreeSet<String>),
}

#[derive(Debug)]
pub(super) struct Statement {
    effect: Effect,
    actions: Values,
    /// `None` in trust policies.
    resources: Option<Values>,
    /// `None` in the policies of identities. Each value is a kind and a name, as in `Service lambda.amazonaws.com`.
    principals: Option<Values>,
    conditions: Vec<Condition>,
    /// All elements of the statement. Two statements with the same elements are equal even if this program understands
    /// neither.
    meaning: Meaning,
    /// Whether it contains something that this program does not understand.
    is_odd: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Effect {
    Allow,
    Deny,
    /// Another effect. Only an equal statement covers such a statement.
    Unknown,
}

/// One key of a condition. All conditions of a statement must be met.
#[derive(Debug)]
struct Condition {
    /// In lower case and without the following two parts, as in `stringequals`.
    operator: String,
    /// `forallvalues`, `foranyvalue` or empty.
    quantifier: String,
    /// Whether it is also met if the request has no such key (`IfExists`).
    if_exists: bool,
    /// In lower case.
    key: String,
    values: BTreeSet<String>,
}

impl Statement {
    pub(super) fn read(statement: &Value) -> Self {
        let mut read = Self {
            effect: Effect::Unknown,
            actions: Values::These(BTreeSet::new()),
            resources: None,
            principals: None,
            conditions: Vec::new(),
            meaning: meaning(statement),
            is_odd: false,
        };
        let (mut actions, mut resources, mut principals) = (Vec::new(), Vec::new(), Vec::new());
        for (element, value) in statement.as_object().into_iter().flatten() {
            let values = || one_or_many(value).map(text).collect::<BTreeSet<_>>();
            match element.as_str() {
                "Sid" => {}
                "Effect" => {
                    read.effect = match value.as_str() {
                        Some("Allow") => Effect::Allow,
                        Some("Deny") => Effect::Deny,
                        _ => Effect::Unknown,
                    }
                }
                "Action" => actions.push(Values::These(lowercase(values()))),
                "NotAction" => actions.push(Values::AllBut(lowercase(values()))),
                "Resource" => resources.push(Values::These(values())),
                "NotResource" => resources.push(Values::AllBut(values())),
                "Principal" => principals.push(Values::These(principals_of(value))),
                "NotPrincipal" => principals.push(Values::AllBut(principals_of(value))),
                "Condition" => read.is_odd |= !read.add_conditions(value),
                _ => read.is_odd = true,
            }
        }
        read.is_odd |= actions.len() != 1 || resources.len() > 1 || principals.len() > 1;
        read.actions = actions.pop().unwrap_or(read.actions);
        read.resources = resources.pop();
        read.principals = principals.pop();
        read
    }

    /// Adds the conditions of a statement. Returns whether this program understands all of them.
    fn add_conditions(&mut self, conditions: &Value) -> bool {
        let Some(operators) = conditions.as_object() else { return false };
        let mut understood = true;
        for (operator, keys) in operators {
            let Some(keys) = keys.as_object() else { return false };
            let operator = operator.to_lowercase();
            let (quantifier, operator) = operator.split_once(':').unwrap_or(("", &operator));
            let (operator, if_exists) =
                operator.strip_suffix("ifexists").map_or((operator, false), |operator| (operator, true));
            for (key, values) in keys {
                let condition = Condition {
                    operator: operator.to_owned(),
                    quantifier: quantifier.to_owned(),
                    if_exists,
                    key: key.to_lowercase(),
                    values: one_or_many(values).map(text).collect(),
                };
                // AWS does not document what it does with a condition without values, or with the same one twice.
                understood &=
                    !condition.values.is_empty() && !self.conditions.iter().any(|one| one.is_about(&condition));
                self.conditions.push(condition);
            }
        }
        understood
    }

    pub(super) fn allows(&self) -> bool {
        self.effect == Effect::Allow
    }

    pub(super) fn denies(&self) -> bool {
        self.effect == Effect::Deny
    }

    /// Whether `others` together match every request that this statement matches. Different statements may cover
    /// different combinations of an action, a resource and a principal. The harmless actions, in lower case, need not
    /// be covered if the statement belongs to an identity.
    pub(super) fn is_part_of(&self, others: &[&Statement], harmless: &[&str]) -> bool {
        if others.iter().any(|other| self.meaning == other.meaning) {
            return true;
        }
        if self.is_odd || self.effect == Effect::Unknown {
            return false;
        }
        let others: Vec<&&Statement> =
            others.iter().filter(|other| !other.is_odd && other.conditions_follow(self)).collect();
        let [actions, resources, principals] = self.parts();
        actions.iter().all(|action| {
            let is_harmless =
                self.principals.is_none() && action.as_ref().is_some_and(|action| action.is_one_of(harmless));
            is_harmless
                || resources.iter().all(|resource| {
                    principals.iter().all(|principal| {
                        others.iter().any(|other| {
                            Element::Action.covers(Some(&other.actions), action.as_ref())
                                && Element::Resource.covers(other.resources.as_ref(), resource.as_ref())
                                && Element::Principal.covers(other.principals.as_ref(), principal.as_ref())
                        })
                    })
                })
        })
    }

    /// Its actions, resources and principals, one by one if these are not too many.
    fn parts(&self) -> [Vec<Option<Values>>; 3] {
        let elements = [Some(&self.actions), self.resources.as_ref(), self.principals.as_ref()];
        let one_by_one = elements.map(|element| match element {
            Some(Values::These(values)) => values.iter().map(|one| Some(Values::These([one.clone()].into()))).collect(),
            other => vec![other.cloned()],
        });
        if one_by_one.iter().map(Vec::len).product::<usize>() <= COMBINATIONS {
            return one_by_one;
        }
        elements.map(|element| vec![element.cloned()])
    }

    /// Whether its conditions are met whenever the other statement's are.
    fn conditions_follow(&self, other: &Self) -> bool {
        self.conditions.iter().all(|condition| other.conditions.iter().any(|stricter| stricter.implies(condition)))
    }
}

impl Values {
    fn is_one_of(&self, names: &[&str]) -> bool {
        match self {
            Self::These(values) => values.iter().all(|value| names.contains(&value.as_str())),
            Self::AllBut(_) => false,
        }
    }
}

/// The elements whose values are compared, each in its own way.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Element {
    Action,
    Resource,
    Principal,
}

impl Element {
    /// Whether `big` names everything that `small` names; `None` is an element that is missing.
    fn covers(self, big: Option<&Values>, small: Option<&Values>) -> bool {
        let (big, small) = match (big, small) {
            (None, None) => return true,
            (Some(big), Some(small)) => (big, small),
            _ => return false,
        };
        match (big, small) {
            (Values::These(big), Values::These(small)) => {
                small.iter().all(|small| big.iter().any(|big| self.covers_one(big, small)))
            }
            (Values::AllBut(out), Values::AllBut(of)) => {
                out.iter().all(|out| of.iter().any(|of| self.covers_one(of, out)))
            }
            // A principal can be part of another principal, so different names do not prove that they are disjoint.
            (Values::AllBut(out), Values::These(small)) => {
                self != Self::Principal && small.iter().all(|small| out.iter().all(|out| are_disjoint(out, small)))
            }
            (Values::These(big), Values::AllBut(_)) => big.contains("*"),
        }
    }

    fn covers_one(self, big: &str, small: &str) -> bool {
        match self {
            Self::Action => covers(big, small),
            Self::Resource => covers_arn(big, small),
            Self::Principal => covers_principal(big, small),
        }
    }
}

/// A principal is covered by an equal principal, and an AWS principal also by everybody. An account does not cover its
/// roles: a policy that names a role gives it access, but a policy that names the account lets the account decide.
fn covers_principal(big: &str, small: &str) -> bool {
    big == small || big == "AWS *" && small.starts_with("AWS ")
}

fn lowercase(values: BTreeSet<String>) -> BTreeSet<String> {
    values.into_iter().map(|value| value.to_lowercase()).collect()
}

/// The principals, each as its kind and its name.
fn principals_of(value: &Value) -> BTreeSet<String> {
    let named =
        |kind: &str, who: &Value| one_or_many(who).map(|who| format!("{kind} {}", principal(text(who)))).collect();
    match value.as_object() {
        Some(kinds) => kinds.iter().flat_map(|(kind, who)| -> Vec<String> { named(kind, who) }).collect(),
        // "*" is short for {"AWS": "*"}.
        None => BTreeSet::from_iter::<Vec<String>>(named("AWS", value)),
    }
}

const ARN: &str = "arnlike";

/// One name for the operators that do the same.
fn canonical(operator: &str) -> &str {
    match operator {
        "arnequals" => ARN,
        "arnnotequals" => "arnnotlike",
        other => other,
    }
}

impl Condition {
    /// Whether both have the same key and operator, so that AWS may read them as one.
    fn is_about(&self, other: &Self) -> bool {
        (&self.operator, &self.quantifier, self.if_exists, &self.key)
            == (&other.operator, &other.quantifier, other.if_exists, &other.key)
    }

    /// Whether a request that meets this condition also meets the other one.
    fn implies(&self, other: &Self) -> bool {
        if self.key != other.key || self.quantifier != other.quantifier || self.if_exists && !other.if_exists {
            return false;
        }
        let within = |covers: &dyn Fn(&str, &str) -> bool| {
            self.values.iter().all(|value| other.values.iter().any(|wide| covers(wide, value)))
        };
        let beyond = |covers: &dyn Fn(&str, &str) -> bool| {
            other.values.iter().all(|value| self.values.iter().any(|wide| covers(wide, value)))
        };
        let equal: &dyn Fn(&str, &str) -> bool = &|one, two| one == two;
        let ignoring_case: &dyn Fn(&str, &str) -> bool = &|one, two| one.eq_ignore_ascii_case(two);
        match (canonical(&self.operator), canonical(&other.operator)) {
            ("stringequals" | "numericequals" | "dateequals" | "binaryequals" | "ipaddress", same)
                if same == self.operator =>
            {
                within(equal)
            }
            ("bool", "bool") | ("stringequalsignorecase" | "stringequals", "stringequalsignorecase") => {
                within(ignoring_case)
            }
            ("stringequals" | "stringlike", "stringlike") => within(&covers),
            ("stringequals" | ARN, ARN) => within(&covers_arn),
            ("stringnotequals" | "numericnotequals" | "datenotequals" | "notipaddress", same)
                if same == self.operator =>
            {
                beyond(equal)
            }
            ("stringnotequalsignorecase", "stringnotequalsignorecase") => beyond(ignoring_case),
            ("stringnotlike", "stringnotlike") => beyond(&covers),
            ("arnnotlike", "arnnotlike") => beyond(&covers_arn),
            // `Null`, and the operators that compare sizes and times.
            (one, two) => one == two && self.values == other.values,
        }
    }
}
