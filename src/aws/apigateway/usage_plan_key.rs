//! The usage plan that an API key belongs to. AWS accepts a key in only one plan for each stage, so a key that moves is
//! removed from its old plan first. The program does not change plans that others made; people must remove the key from
//! those.

use aws_sdk_apigateway::types;
use serde::{Deserialize, Serialize};

use super::usage_plan::{PLAN, READ_PLANS};
use super::{ApiGateway, PAGE};
use crate::aws::apigateway::SERVICE;
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::settled;
use crate::engine::{Comparison, Drift, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// Plans that others put the key into. The program does not change plans of others.
const THEIRS: &str = "plans of others";

/// The type of a plan's keys. AWS has no other.
const KEY_TYPE: &str = "API_KEY";

/// An API key in a usage plan.
#[derive(Debug, Clone)]
pub struct UsagePlanKey {
    /// The plan's id.
    pub plan_id: String,
    /// The plan's name, for people.
    pub plan: String,
    /// The key's id.
    pub key_id: String,
}

/// The outputs are also the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsagePlanKeyOutputs {
    pub plan_id: String,
    pub key_id: String,
}

/// The lookup names the API key alone, because the plan that the key belongs to is a setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsagePlanKeyLookup {
    pub(super) key_id: String,
}

/// A plan that has the key.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveUsagePlanKey {
    pub plan_id: String,
    pub plan: String,
    /// Whether the plan is the stack's.
    pub ours: bool,
    /// Whether the state says that it has the key.
    pub recorded: bool,
}

impl UsagePlanKey {
    fn outputs(&self) -> UsagePlanKeyOutputs {
        UsagePlanKeyOutputs { plan_id: self.plan_id.clone(), key_id: self.key_id.clone() }
    }

    /// The lookup and the outputs of a key in a plan's list of keys.
    pub(super) fn listed(plan_id: &str, key_id: String) -> (UsagePlanKeyLookup, UsagePlanKeyOutputs) {
        let plan_id = plan_id.to_owned();
        (UsagePlanKeyLookup { key_id: key_id.clone() }, UsagePlanKeyOutputs { plan_id, key_id })
    }

    /// The other plans that have the key: the stack's own, or those of others.
    fn others<'a>(&'a self, live: &'a [LiveUsagePlanKey], ours: bool) -> impl Iterator<Item = &'a LiveUsagePlanKey> {
        live.iter().filter(move |plan| plan.plan_id != self.plan_id && plan.ours == ours)
    }
}

impl Resource for UsagePlanKey {
    const KIND: &'static str = "apigateway.usage_plan_key";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = UsagePlanKeyLookup;
    type Outputs = UsagePlanKeyOutputs;
    type Live = Vec<LiveUsagePlanKey>;

    fn key(&self) -> UsagePlanKeyLookup {
        UsagePlanKeyLookup { key_id: self.key_id.clone() }
    }

    fn identity(outputs: &UsagePlanKeyOutputs) -> String {
        outputs.key_id.clone()
    }

    fn removal_command(_: &UsagePlanKeyOutputs) -> Option<String> {
        None
    }

    /// Another plan of the stack weakens, because it has other limits or none. But a key that is still only in the
    /// recorded plan is moved by this run, and only differs.
    fn compare(&self, live: &Self::Live) -> Comparison {
        let there = live.iter().find(|plan| plan.plan_id == self.plan_id);
        let before = self.others(live, true).find(|plan| there.is_none() && plan.recorded);
        let is = there.map(|_| &self.plan).or(before.map(|plan| &plan.plan)).map_or("none", String::as_str);
        let others = self.others(live, true).filter(|plan| before.is_none_or(|before| before.plan_id != plan.plan_id));
        let compared = Comparison::default().plain("plan", &self.plan, is);
        let compared = compared.nothing_else("other plans", others.map(|plan| &plan.plan));
        let theirs = self.others(live, false).map(|plan| format!("{} ({})", plan.plan_id, plan.plan));
        compared.nothing_else(THEIRS, theirs)
    }

    fn requires_replacement(&self, drift: &[Drift]) -> Option<Failure> {
        let theirs = &drift.iter().find(|drift| drift.field == THEIRS)?.live;
        let key = &self.key_id;
        let failure = Failure::refused(format!("somebody put the API key {key} into usage plans of others: {theirs}"));
        Some(failure.hint(format!(
            "remove the key from these plans, then run the same command again: \
             aws apigateway delete-usage-plan-key --key-id {key} --usage-plan-id {}",
            theirs.split(' ').next().unwrap_or_default()
        )))
    }
}

impl Described for UsagePlanKey {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "API key of a usage plan",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[
            READ_PLANS,
            StatementTemplate {
                sid: Sid::OwnUsagePlans,
                on: PLAN,
                rights: &[
                    Permissions { needs: &[Usage::Create, Usage::Update], actions: &["apigateway:POST"] },
                    Permissions {
                        needs: &[Usage::Create, Usage::Update, Usage::Delete],
                        actions: &["apigateway:DELETE"],
                    },
                ],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "API key {}",
            holds: "it belongs to its plan, and to no other",
            read: "GetUsagePlans, GetUsagePlanKeys",
        },
    };
}

impl ApiGateway {
    /// Whether a plan in a list is the stack's. Lists may not show tags.
    async fn is_own_plan(&self, plan: &types::UsagePlan) -> Result<bool, Failure> {
        if plan.tags().is_some_and(|tags| !tags.is_empty()) {
            return Ok(self.owns_plan(plan));
        }
        let plan = self.usage_plan(plan.id().unwrap_or_default()).await?;
        Ok(plan.is_some_and(|plan| self.owns_plan(&plan)))
    }

    /// The plans that have an API key, whoever made them. The keys of each plan are read as well, because emulators
    /// return all plans for every key. `own` is the id of a plan that is known to be the stack's.
    async fn plans_of_key(&self, key: &str, own: Option<&str>) -> Result<Vec<LiveUsagePlanKey>, Failure> {
        let mut pages = self.client.get_usage_plans().key_id(key).limit(PAGE).into_paginator().send();
        let mut plans = Vec::new();
        while let Some(page) = pages.next().await {
            // A key that was deleted meanwhile is in no plan.
            let Some(page) = page.or_fail(&format!("read the usage plans of the API key {key}")).or_absent()? else {
                return Ok(plans);
            };
            for plan in page.items.unwrap_or_default() {
                let Some(plan_id) = plan.id.clone() else { continue };
                if self.keys_of_plan(&plan_id).await?.contains_key(key) {
                    let recorded = own == Some(&*plan_id);
                    let ours = recorded || self.is_own_plan(&plan).await?;
                    let plan = plan.name.unwrap_or_else(|| plan_id.clone());
                    plans.push(LiveUsagePlanKey { plan_id, plan, ours, recorded });
                }
            }
        }
        Ok(plans)
    }

    /// Takes the key from all other plans of the stack, and adds it to its own.
    async fn assign(&self, want: &UsagePlanKey, live: &[LiveUsagePlanKey], task: &Task) -> Result<(), Failure> {
        for other in want.others(live, true) {
            self.take_key_from_plan(&other.plan_id, &want.key_id, task).await?;
        }
        if live.iter().any(|plan| plan.plan_id == want.plan_id) {
            return Ok(());
        }
        let added = settled(task, &[], || async {
            let call = self.client.create_usage_plan_key().usage_plan_id(&want.plan_id);
            let call = call.key_id(&want.key_id).key_type(KEY_TYPE);
            call.send().await.or_fail(&format!("add an API key to the usage plan {}", want.plan))
        });
        // The answer contains the key's value, which is dropped here.
        match added.await.map(drop) {
            Ok(()) => Ok(()),
            // An unanswered attempt may have added the key already. AWS refuses to add it again.
            Err(failure) => {
                let there = self.plans_of_key(&want.key_id, Some(&want.plan_id)).await;
                let done = there.is_ok_and(|plans| plans.iter().any(|plan| plan.plan_id == want.plan_id));
                if done { Ok(()) } else { Err(failure) }
            }
        }
    }
}

impl Provider<UsagePlanKey> for ApiGateway {
    /// `None`: the key is in no plan.
    async fn read(
        &self,
        key: &UsagePlanKeyLookup,
        known: Option<&UsagePlanKeyOutputs>,
        _: &Task,
    ) -> Result<Option<Found<UsagePlanKey>>, Failure> {
        let live = self.plans_of_key(&key.key_id, known.map(|known| known.plan_id.as_str())).await?;
        let Some(first) = live.first() else { return Ok(None) };
        let recorded = known.filter(|known| live.iter().any(|plan| plan.plan_id == known.plan_id));
        let plan_id = recorded.map_or_else(|| first.plan_id.clone(), |known| known.plan_id.clone());
        Ok(Some(Found { outputs: UsagePlanKeyOutputs { plan_id, key_id: key.key_id.clone() }, live }))
    }

    async fn create(&self, want: &UsagePlanKey, task: &Task) -> Result<UsagePlanKeyOutputs, Failure> {
        self.assign(want, &[], task).await?;
        Ok(want.outputs())
    }

    async fn update(
        &self,
        want: &UsagePlanKey,
        found: &Found<UsagePlanKey>,
        task: &Task,
    ) -> Result<UsagePlanKeyOutputs, Failure> {
        self.assign(want, &found.live, task).await?;
        Ok(want.outputs())
    }

    async fn delete(&self, gone: &UsagePlanKeyOutputs, task: &Task) -> Result<(), Failure> {
        self.take_key_from_plan(&gone.plan_id, &gone.key_id, task).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    fn want() -> UsagePlanKey {
        UsagePlanKey { plan_id: "u1".into(), plan: "demo-partner".into(), key_id: "k1".into() }
    }

    fn plan(id: &str, name: &str) -> LiveUsagePlanKey {
        LiveUsagePlanKey { plan_id: id.into(), plan: name.into(), ours: true, recorded: false }
    }

    fn task() -> Task {
        Task::detached("plan-key.acme")
    }

    const ADDED: &str = r#"{"id":"k1","type":"API_KEY","name":"demo-acme","value":"sentinel-value-0123456789"}"#;

    #[test]
    fn a_key_belongs_to_one_plan() {
        let ours = plan("u1", "demo-partner");
        let trial = plan("u2", "demo-trial");
        assert_eq!(want().drift(&vec![ours.clone()]), []);
        let other = || Drift::weakening("other plans", "none", "demo-trial");
        assert_eq!(want().drift(&vec![ours, trial.clone()]), [other()]);
        let drift = want().drift(&vec![trial]);
        assert_eq!(drift, [Drift::new("plan", "demo-partner", "none"), other()]);
        assert!(want().requires_replacement(&drift).is_none());
        // The stack file moves the key to another plan.
        let before = LiveUsagePlanKey { recorded: true, ..plan("u2", "demo-trial") };
        assert_eq!(want().drift(&vec![before.clone()]), [Drift::new("plan", "demo-partner", "demo-trial")]);
        let drift = want().drift(&vec![before.clone(), plan("u3", "demo-free")]);
        assert_eq!(drift[1], Drift::weakening("other plans", "none", "demo-free"));
        assert_eq!(want().drift(&vec![before, plan("u1", "demo-partner")]), [other()]);
    }

    #[tokio::test]
    async fn a_key_in_a_plan_of_others_is_reported_and_left_there() {
        let theirs = LiveUsagePlanKey { ours: false, ..plan("u9", "stranger") };
        let live = vec![plan("u1", "demo-partner"), theirs];
        let drift = want().drift(&live);
        assert_eq!(drift, [Drift::weakening(THEIRS, "none", "u9 (stranger)")]);
        let hint = want().requires_replacement(&drift).and_then(|failure| failure.hint).expect("a refusal with a hint");
        assert!(hint.contains("delete-usage-plan-key --key-id k1 --usage-plan-id u9"), "{hint}");
        let (idle, _) = replay(vec![]);
        let found = Found { outputs: want().outputs(), live };
        let done = Provider::<UsagePlanKey>::update(&ApiGateway::new(&idle), &want(), &found, &task()).await;
        assert_eq!(done, Ok(want().outputs()));
    }

    #[tokio::test]
    async fn the_plans_of_a_key_are_those_that_have_it() {
        let plans = r#"{"item":[{"id":"u2","name":"theirs"},{"id":"u1","name":"demo-partner"},{"id":"u3"}]}"#;
        let (keys, none) = (r#"{"item":[{"id":"k1"}]}"#, r#"{"item":[]}"#);
        let stranger = r#"{"id":"u2","name":"theirs","tags":{"securelambda:stack":"other"}}"#;
        let (clients, http) =
            replay(vec![(200, plans), (200, keys), (200, stranger), (200, keys), (200, none), (200, none)]);
        let gateway = ApiGateway::new(&clients);
        let read = async |known| Provider::<UsagePlanKey>::read(&gateway, &want().key(), known, &task()).await;
        let known = want().outputs();
        let found = read(Some(&known)).await.expect("no failure").expect("found");
        let ours: Vec<bool> = found.live.iter().map(|plan| plan.ours).collect();
        assert_eq!((found.outputs, ours), (want().outputs(), vec![false, true]));
        assert!(read(None).await.expect("no failure").is_none());
        assert!(asked(&http)[0].0.contains("keyId=k1"), "{:?}", asked(&http));
    }

    #[tokio::test]
    async fn a_key_leaves_its_old_plan_before_it_gets_another() {
        let (clients, http) = replay(vec![(202, ""), (201, ADDED)]);
        let found = Found { outputs: want().outputs(), live: vec![plan("u2", "old")] };
        let done = Provider::<UsagePlanKey>::update(&ApiGateway::new(&clients), &want(), &found, &task()).await;
        assert_eq!(done, Ok(want().outputs()));
        let asked = asked(&http);
        assert!(asked[0].0.starts_with("DELETE") && asked[0].0.ends_with("/usageplans/u2/keys/k1"), "{asked:?}");
        assert!(asked[1].0.starts_with("POST") && asked[1].0.ends_with("/usageplans/u1/keys"), "{asked:?}");
        assert_eq!(asked[1].1, r#"{"keyId":"k1","keyType":"API_KEY"}"#);
    }

    #[tokio::test]
    async fn a_key_that_an_unanswered_attempt_added_is_there() {
        let conflict = r#"{"__type":"ConflictException","message":"it is there already"}"#;
        let (plan, keys) = (r#"{"item":[{"id":"u1","name":"demo-partner"}]}"#, r#"{"item":[{"id":"k1"}]}"#);
        let (clients, _) = replay(vec![(409, conflict), (200, plan), (200, keys)]);
        let done = Provider::<UsagePlanKey>::create(&ApiGateway::new(&clients), &want(), &task()).await;
        assert_eq!(done, Ok(want().outputs()));
        let (clients, _) = replay(vec![(409, conflict), (200, r#"{"item":[]}"#)]);
        let refused = Provider::<UsagePlanKey>::create(&ApiGateway::new(&clients), &want(), &task()).await;
        assert!(refused.expect_err("refused").to_string().contains("add an API key to the usage plan"));
    }
}
