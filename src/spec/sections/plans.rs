//! `[plans]`: how much partners may use, by their API keys.

use std::collections::BTreeMap;

use super::{ApiKind, Part, Stack};
use crate::choices::QuotaPeriod;
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Key, List, Nested, Number, OptionalNumber, OptionalWord};
use crate::spec::reader::{Reader, Table, joined};
use crate::spec::rules::{self, NAME};
use crate::spec::section::section;

pub(super) static KEY: Nested<PlanKeys> = Nested::named(
    "plans",
    NAME,
    &PLAN,
    "Usage plans, by name: how much each API key may use of the routes with `key = true`, of all REST APIs together.",
);

section! {
    PLAN: PlanKeys = "a plan";
    rate_limit: Number = range(1, 10_000, 50, "Requests a second that each key of the plan allows.");
    burst_limit: Number = range(1, 5_000, 50, "Requests at once that each key of the plan allows.");
    quota: Nested<QuotaKeys> = table(
        &QUOTA, "How many requests each key of the plan allows in a longer time. Left out: no limit.",
    );
    keys: List = required(
        "The API keys of the plan, as in [\"acme\"]: one for each partner. AWS makes them, and `securelambda outputs --keys` shows them.",
    );
}

section! {
    QUOTA: QuotaKeys = "quota";
    requests: OptionalNumber = range(1, 2_000_000_000, "The number of requests. Required.");
    per: OptionalWord<QuotaPeriod> = of(
        &["day", "week", "month"],
        &[QuotaPeriod::Day, QuotaPeriod::Week, QuotaPeriod::Month],
        "The time in which each key allows them. Required.",
    );
}

/// The limits of each API key in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsagePlan {
    /// Requests per second.
    pub rate_limit: u32,
    /// Requests at once.
    pub burst_limit: u32,
    pub quota: Option<Quota>,
    /// The names of the keys.
    pub keys: Vec<String>,
}

/// The most requests of each API key in a day, week or month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    pub requests: u32,
    pub per: QuotaPeriod,
}

impl Part for BTreeMap<String, UsagePlan> {
    fn key() -> &'static Key {
        &KEY.key
    }

    fn read(reader: &mut Reader, root: &Table) -> Self {
        reader.each(root, &KEY, |reader, _, table| plan(reader, table))
    }

    fn check(&self, checks: &mut Checks) {
        let flaws: Vec<Diagnostic> = twins(self).into_iter().chain(without_effect(self, checks.stack)).collect();
        checks.report(flaws);
    }
}

fn plan(reader: &mut Reader, table: &Table) -> UsagePlan {
    let PlanKeys { rate_limit, burst_limit, quota, keys } = &PLAN;
    let mut names = Vec::new();
    for (name, span) in reader.list(table, keys) {
        match rules::name(keys.key.name, &name, NAME) {
            Ok(()) => names.push(name),
            Err(why) => reader.diagnostic(&span, why, None),
        }
    }
    if let Some(span) = Reader::nothing_in(table, keys) {
        let help = format!("write {} = [\"PARTNER\"]", keys.key.name);
        reader.diagnostic(&span, format!("{} has no API keys", table.what), Some(help));
    }
    UsagePlan {
        rate_limit: reader.number(table, rate_limit),
        burst_limit: reader.number(table, burst_limit),
        quota: self::quota(reader, table, quota),
        keys: names,
    }
}

fn quota(reader: &mut Reader, table: &Table, key: &Nested<QuotaKeys>) -> Option<Quota> {
    let QuotaKeys { requests, per } = &QUOTA;
    let inner = reader.table(table, key)?;
    let given = (reader.optional_number(&inner, requests), reader.optional_word(&inner, per));
    if let (Some(requests), Some(per)) = given {
        return Some(Quota { requests, per });
    }
    for key in [&requests.key, &per.key] {
        if inner.get(key).is_none() {
            let help = "write quota = { requests = 1000, per = \"day\" }".to_owned();
            reader.diagnostic(&inner.span, format!("{} needs `{}`", inner.what, key.name), Some(help));
        }
    }
    None
}

/// Reports API keys that are in two plans. AWS takes a key for a stage in one plan only (docs/aws.md, API keys and
/// usage plans).
fn twins(plans: &BTreeMap<String, UsagePlan>) -> Vec<Diagnostic> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    let mut flaws = Vec::new();
    for (name, plan) in plans {
        for key in &plan.keys {
            if let Some(first) = seen.insert(key, name) {
                let place = joined(&joined(&joined(KEY.key.name, name), PLAN.keys.key.name), key);
                let message = format!("the API key {key} is in two plans, {first} and {name}");
                flaws.push(Diagnostic::new(place, message).help("rename one of them: an API key belongs to one plan"));
            }
        }
    }
    flaws
}

/// Plans of a stack in which no route asks for a key: they would limit nobody.
fn without_effect(plans: &BTreeMap<String, UsagePlan>, stack: &Stack) -> Option<Diagnostic> {
    let first = plans.keys().next()?;
    let asks = stack.all_apis().any(|(_, api)| api.asks_for_keys());
    (!asks).then(|| {
        let place = joined(KEY.key.name, first);
        let rest = stack.all_apis().any(|(_, api)| api.kind == ApiKind::Rest);
        let (message, help) = if rest || stack.all_apis().next().is_none() {
            (
                "no route asks for an API key, so this plan limits nobody",
                "write `key = true` into a route, or remove it",
            )
        } else {
            (
                "`plans`: AWS has no usage plans for HTTP APIs",
                "use `kind = \"rest\"` for the API, or limit its routes with `rate_limit`",
            )
        };
        Diagnostic::new(place, message).help(help)
    })
}

impl Stack {
    /// All API keys, each with the name of its plan.
    pub fn api_keys(&self) -> BTreeMap<&str, &str> {
        self.plans
            .iter()
            .flat_map(|(plan, wanted)| wanted.keys.iter().map(|key| (key.as_str(), plan.as_str())))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn file(plans: &str, api: &str) -> Result<Stack, Vec<Diagnostic>> {
        parse(&format!(
            "[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\n{plans}\n[api]\n{api}\n[[api.routes]]\n\
             route = \"GET /b\"\nfunction = \"F\"\nauth = \"none\"\n"
        ))
    }

    const ROUTE: &str = "[[api.routes]]\nroute = \"GET /a\"\nfunction = \"F\"\nauth = \"none\"\nkey = true";

    #[test]
    fn a_plan_has_limits_and_keys() {
        let plans = "[plans.partner]\nquota = { requests = 1000, per = \"week\" }\nkeys = [\"acme\", \"umbrella\"]\n\
                     [plans.free]\nrate_limit = 1\nburst_limit = 2\nkeys = [\"everybody\"]";
        let stack = file(plans, ROUTE).expect("sound");
        let quota = Some(Quota { requests: 1000, per: QuotaPeriod::Week });
        let keys = vec!["acme".to_owned(), "umbrella".to_owned()];
        assert_eq!(stack.plans["partner"], UsagePlan { rate_limit: 50, burst_limit: 50, quota, keys });
        let free = &stack.plans["free"];
        assert_eq!((free.rate_limit, free.burst_limit, free.quota), (1, 2, None));
        let keys: Vec<_> = stack.api_keys().into_iter().collect();
        assert_eq!(keys, [("acme", "partner"), ("everybody", "free"), ("umbrella", "partner")]);
        let routes: Vec<bool> = stack.api.expect("an API").routes.iter().map(|route| route.key).collect();
        assert_eq!(routes, [true, false]);
    }

    #[test]
    fn mistakes_of_plans_and_keys_are_reported() {
        let plan = "[plans.p]\nkeys = [\"acme\"]\n";
        for (plans, api, says) in [
            ("[plans.p]", ROUTE, "plans.p has no API keys"),
            ("[plans.p]\nkeys = []", ROUTE, "plans.p has no API keys"),
            ("[plans.p]\nkeys = [\"a b\"]", ROUTE, "\"a b\" is not a valid name"),
            ("[plans.p]\nkeys = [\"a\"]\n[plans.q]\nkeys = [\"a\"]", ROUTE, "the API key a is in two plans, p and q"),
            (&format!("{plan}quota = {{ requests = 5 }}"), ROUTE, "needs `per`"),
            (&format!("{plan}quota = {{ per = \"day\" }}"), ROUTE, "needs `requests`"),
            (&format!("{plan}quota = {{ requests = 5, per = \"hour\" }}"), ROUTE, "must be one of day, week, month"),
            ("", ROUTE, "the route GET /a asks for an API key, and there is none"),
            (plan, "", "no route asks for an API key, so this plan limits nobody"),
            (plan, "kind = \"http\"", "`plans`: AWS has no usage plans for HTTP APIs"),
            (plan, &format!("kind = \"http\"\n{ROUTE}"), "`key`: AWS has no API keys for HTTP APIs"),
        ] {
            let mistakes = file(plans, api).expect_err(says);
            assert!(mistakes.iter().any(|one| one.message.contains(says)), "{says}: {mistakes:?}");
        }
    }

    #[test]
    fn one_mistake_about_keys_is_one_mistake_and_marks_the_key() {
        let mistakes = |plans: &str, api: &str| -> Vec<String> {
            file(plans, api).expect_err("a mistake").into_iter().map(|mistake| mistake.message).collect()
        };
        assert_eq!(mistakes("[plans.p]\nkeys = \"c\"", ROUTE), ["`keys` must be a list of strings, not a string"]);
        assert_eq!(mistakes("[plans.p]\nkeys = [\"a b\"]", ROUTE).len(), 1);
        assert_eq!(mistakes("[plans.p]\nkeys = []", ROUTE), ["plans.p has no API keys"]);
        for (plans, kind) in [("", "rest"), ("[plans.p]\nkeys = [\"acme\"]", "http"), ("", "http")] {
            for section in ["api", "apis.Other"] {
                let routes = ROUTE.replace("api.routes", &format!("{section}.routes"));
                let text = format!(
                    "[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\n{plans}\n[{section}]\n\
                     kind = \"{kind}\"\n{routes}\n"
                );
                let mistakes = parse(&text).expect_err("a mistake");
                let marked: Vec<_> = mistakes.iter().map(|one| &text[one.offset()..]).collect();
                assert_eq!(marked, ["true\n"], "{text}: {mistakes:?}");
            }
        }
    }

    #[test]
    fn a_key_identifies_and_never_authorizes() {
        let keyed = "[[api.routes]]\nroute = \"GET /a\"\nfunction = \"F\"\nkey = true";
        let mistakes = file("[plans.p]\nkeys = [\"acme\"]", keyed).expect_err("nobody is authorized");
        assert!(mistakes[0].message.contains("does not declare its authorization"), "{mistakes:?}");
    }
}
