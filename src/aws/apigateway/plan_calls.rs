//! The calls that read and change a usage plan.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types::{self, Op, PatchOperation};

use super::usage_plan::{LiveQuota, on_stages};
use super::{
    ApiGateway, LiveUsagePlan, PAGE, RestApi, UsagePlan, UsagePlanKey, UsagePlanLookup, UsagePlanOutputs, given,
};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::settle::{Wait, settled};
use crate::aws::tags::described;
use crate::engine::{Failure, Found, Id, InventoryItem, Listing, Task};
use crate::scope::{Owner, Whose};

/// How many times a plan's stages are read and removed, if somebody else changes them meanwhile.
const DETACHED_AT_MOST: usize = 3;

impl LiveUsagePlan {
    fn of(plan: types::UsagePlan, keys: BTreeMap<String, String>) -> Self {
        let stages = plan.api_stages.unwrap_or_default().into_iter();
        let stage = |stage: types::ApiStage| {
            let name = format!("{}:{}", stage.api_id.unwrap_or_default(), stage.stage.unwrap_or_default());
            let mut methods: Vec<String> = stage.throttle.unwrap_or_default().into_keys().collect();
            methods.sort_unstable();
            (name, methods)
        };
        Self {
            name: plan.name.unwrap_or_default(),
            description: plan.description.unwrap_or_default(),
            stages: stages.map(stage).collect(),
            throttle: plan.throttle.map(|throttle| (throttle.rate_limit, throttle.burst_limit)),
            quota: plan.quota.filter(|quota| quota.period.is_some()).map(|quota| LiveQuota {
                requests: quota.limit,
                offset: quota.offset,
                per: quota.period.map(|period| period.as_str().to_owned()).unwrap_or_default(),
            }),
            product_code: given(plan.product_code.as_deref()),
            keys,
            recorded_keys: BTreeSet::new(),
        }
    }
}

impl ApiGateway {
    /// A plan; `None` if there is none with this id.
    pub(super) async fn usage_plan(&self, id: &str) -> Result<Option<types::UsagePlan>, Failure> {
        let answer = self.client.get_usage_plan().usage_plan_id(id).send().await;
        let answer = answer.or_fail(&format!("read the usage plan {id}")).or_absent()?;
        Ok(answer.map(|plan| {
            types::UsagePlan::builder()
                .set_id(plan.id)
                .set_name(plan.name)
                .set_description(plan.description)
                .set_api_stages(plan.api_stages)
                .set_throttle(plan.throttle)
                .set_quota(plan.quota)
                .set_product_code(plan.product_code)
                .set_tags(plan.tags)
                .build()
        }))
    }

    /// The names of a plan's keys, by id. The answer contains the keys' values, which are dropped here.
    pub(super) async fn keys_of_plan(&self, id: &str) -> Result<BTreeMap<String, String>, Failure> {
        let mut pages = self.client.get_usage_plan_keys().usage_plan_id(id).limit(PAGE).into_paginator().send();
        let mut keys = BTreeMap::new();
        while let Some(page) = pages.next().await {
            // A plan that was deleted meanwhile has no keys.
            let Some(page) = page.or_fail(&format!("read the API keys of the usage plan {id}")).or_absent()? else {
                return Ok(keys);
            };
            let items = page.items.unwrap_or_default().into_iter();
            keys.extend(items.filter_map(|key| Some((key.id?, key.name.unwrap_or_default()))));
        }
        Ok(keys)
    }

    pub(super) fn found_plan(plan: types::UsagePlan, keys: BTreeMap<String, String>, task: &Task) -> Found<UsagePlan> {
        let (id, name) = (plan.id.clone().unwrap_or_default(), plan.name.clone().unwrap_or_default());
        let recorded_keys = task.recorded_parts::<UsagePlanKey>().map(|key| key.key_id).collect();
        let live = LiveUsagePlan { recorded_keys, ..LiveUsagePlan::of(plan, keys) };
        Found { outputs: UsagePlanOutputs { id, name }, live }
    }

    pub(super) fn plan_arn(&self, id: &str) -> String {
        self.arn(&format!("/usageplans/{id}"))
    }

    pub(super) fn owns_plan(&self, plan: &types::UsagePlan) -> bool {
        self.scope.owns(described(plan.tags(), self.emulated))
    }

    pub(super) async fn patch_plan(
        &self,
        plan: &UsagePlanOutputs,
        patches: Vec<PatchOperation>,
        waits: &[&Wait],
        task: &Task,
    ) -> Result<(), Failure> {
        let updated = settled(task, waits, || async {
            let call = self.client.update_usage_plan().usage_plan_id(&plan.id);
            let call = call.set_patch_operations(Some(patches.clone()));
            call.send().await.or_fail(&format!("update the usage plan {}", plan.name))
        });
        updated.await.map(drop)
    }

    /// Takes an API key from a plan, if it is there.
    pub(super) async fn take_key_from_plan(&self, plan: &str, key: &str, task: &Task) -> Result<(), Failure> {
        let deleted = settled(task, &[], || async {
            let call = self.client.delete_usage_plan_key().usage_plan_id(plan).key_id(key);
            call.send().await.or_fail(&format!("remove the API key {key} from the usage plan {plan}"))
        });
        deleted.await.or_absent().map(drop)
    }

    pub(super) async fn delete_plan(&self, plan: &UsagePlanOutputs, task: &Task) -> Result<(), Failure> {
        let deleted = settled(task, &[], || async {
            let call = self.client.delete_usage_plan().usage_plan_id(&plan.id);
            call.send().await.or_fail(&format!("delete the usage plan {}", plan.name))
        });
        deleted.await.or_absent().map(drop)
    }

    /// Removes all stages from a plan. AWS removes a deleted stage itself, and then refuses to remove it again.
    pub(super) async fn detach_plan(&self, plan: &UsagePlanOutputs, task: &Task) -> Result<(), Failure> {
        let mut tries = 0;
        loop {
            let Some(live) = self.usage_plan(&plan.id).await? else { return Ok(()) };
            let stages = LiveUsagePlan::of(live, BTreeMap::new()).stages;
            if stages.is_empty() {
                return Ok(());
            }
            let patches = stages.keys().map(|stage| on_stages(Op::Remove, stage)).collect();
            tries += 1;
            let detached = self.patch_plan(plan, patches, &[], task).await;
            if tries == DETACHED_AT_MOST || detached.is_ok() {
                return detached;
            }
            detached.or_absent()?;
        }
    }

    /// If the list shows no tags for the plan, the plan is read by a call of its own. The keys of another stack's plan
    /// are not listed.
    pub(super) async fn listed_plan(&self, plan: types::UsagePlan, whose: &Whose) -> Result<Listing, Failure> {
        let (id, name) = (plan.id.clone().unwrap_or_default(), plan.name.clone().unwrap_or_default());
        let tagged = plan.tags().is_some_and(|tags| !tags.is_empty());
        let plan = if tagged { Some(plan) } else { self.usage_plan(&id).await? };
        let Some(plan) = plan else { return Ok(Listing::default()) };
        let owner = Owner::read(described(plan.tags(), self.emulated));
        let theirs = owner.as_ref().is_some_and(|owner| !whose.owns(owner));
        let arn = self.plan_arn(&id);
        let outputs = UsagePlanOutputs { id, name: name.clone() };
        let found = |_| UsagePlanLookup { name: name.clone() };
        let listed = InventoryItem::new::<UsagePlan>((&name, &arn), owner, found, &outputs).resting_on::<RestApi>();
        let keys = if theirs { BTreeMap::new() } else { self.keys_of_plan(&outputs.id).await? };
        let under = keys.into_iter().map(|(key_id, name)| {
            let arn = format!("{arn}/keys/{key_id}");
            let (lookup, outputs) = UsagePlanKey::listed(&outputs.id, key_id);
            InventoryItem::under::<UsagePlanKey>(&listed, Id::new("plan-key", &name), (&name, &arn), &lookup, &outputs)
        });
        let under: Vec<InventoryItem> = under.collect();
        Ok([vec![listed], under].concat().into())
    }
}
