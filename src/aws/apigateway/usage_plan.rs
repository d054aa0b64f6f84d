//! A usage plan: the limits of its API keys on some stages. It belongs to no API. AWS keeps it when the API is deleted,
//! and lets it be deleted only when it is associated with no stage.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types::{self, Op, PatchOperation, QuotaPeriodType, QuotaSettings, ThrottleSettings};
use serde::{Deserialize, Serialize};

use super::refusals::{NEW_STAGE, PLAN_IN_USE};
use super::tagging::RETAG;
use super::{ApiGateway, Mends, PAGE, listed, remove, replace};
use crate::aws::apigateway::SERVICE;
use crate::aws::error::{OrFail, several};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::pages::{as_far_as_it_goes, closer};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::{Wait, settled};
use crate::aws::tags::{pairs, read, tag_map};
use crate::choices::QuotaPeriod;
use crate::engine::{Comparison, Effect, Failure, Found, Listing, Provider, Resource, Retag, Tags, Task, Unread};
use crate::layer::Layer;
use crate::scope::Whose;

const PLANS: &[&str] =
    &["arn:{partition}:apigateway:{region}::/usageplans", "arn:{partition}:apigateway:{region}::/usageplans/*"];

/// A plan, and its keys, which inherit its tags (docs/aws.md, API keys and usage plans).
pub(super) const PLAN: &[&str] = &["arn:{partition}:apigateway:{region}::/usageplans/*"];

/// The permission to read plans and their keys.
pub(super) const READ_PLANS: StatementTemplate = StatementTemplate {
    sid: Sid::FindOwn,
    on: PLANS,
    rights: &[Permissions { needs: &[Usage::Read, Usage::Survivors, Usage::Delete], actions: &["apigateway:GET"] }],
};

/// A usage plan.
#[derive(Debug, Clone)]
pub struct UsagePlan {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// Its name. Not unique.
    pub name: String,
    pub description: String,
    /// The stages that it holds for, as in `abc123:development`.
    pub stages: BTreeSet<String>,
    /// Requests a second, for each key.
    pub rate_limit: f64,
    /// The burst, for each key.
    pub burst_limit: i32,
    pub quota: Option<PlanQuota>,
    /// The names of the keys that it may have, by id.
    pub keys: BTreeMap<String, String>,
}

/// How many requests each key may make in a day, a week or a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanQuota {
    pub requests: i32,
    pub per: QuotaPeriod,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsagePlanOutputs {
    pub id: String,
    pub name: String,
}

/// A plan is found by its name among those with our tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsagePlanLookup {
    pub(super) name: String,
}

/// A plan as AWS has it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveUsagePlan {
    pub name: String,
    pub description: String,
    /// The stages, each with the methods that have limits of their own in this plan.
    pub stages: BTreeMap<String, Vec<String>>,
    /// Requests a second and the burst; `None`: no limit.
    pub throttle: Option<(f64, i32)>,
    /// `None`: no limit.
    pub quota: Option<LiveQuota>,
    /// The product of AWS Marketplace that it bills.
    pub product_code: Option<String>,
    /// The names of its keys, by id.
    pub keys: BTreeMap<String, String>,
    /// The ids of the keys that it has according to the state. The engine itself removes those that the stack file no
    /// longer names.
    pub recorded_keys: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveQuota {
    pub requests: i32,
    /// How many requests fewer the first period allows.
    pub offset: i32,
    /// AWS's word: `DAY`, `WEEK` or `MONTH`.
    pub per: String,
}

impl QuotaPeriod {
    /// AWS's name for the period.
    /// AWS's name of the period.
    pub(crate) fn name(self) -> String {
        self.word().as_str().to_owned()
    }

    fn word(self) -> QuotaPeriodType {
        match self {
            Self::Day => QuotaPeriodType::Day,
            Self::Week => QuotaPeriodType::Week,
            Self::Month => QuotaPeriodType::Month,
        }
    }

    fn read(word: &str) -> Option<Self> {
        [Self::Day, Self::Week, Self::Month].into_iter().find(|period| period.word().as_str() == word)
    }
}

pub(super) fn on_stages(op: Op, stage: &str) -> PatchOperation {
    PatchOperation::builder().op(op).path("/apiStages").value(stage).build()
}

impl UsagePlan {
    fn mends(&self, live: &LiveUsagePlan) -> Mends {
        let product = live.product_code.as_deref().unwrap_or("none");
        let mends = Mends::default()
            .plain("name", &self.name, &live.name, [replace("/name", &self.name)])
            .plain("description", &self.description, &live.description, [replace("/description", &self.description)])
            .plain("productCode", "none", product, [remove("/productCode")]);
        self.quota_mends(self.throttle_mends(self.stage_mends(mends, live), live), live)
    }

    /// A key opens every stage of its plan, so an additional stage weakens. Limits of single methods cannot be removed
    /// alone, so their stage is removed and added again (docs/aws.md, API keys and usage plans).
    fn stage_mends(&self, mends: Mends, live: &LiveUsagePlan) -> Mends {
        let others: Vec<&String> = live.stages.keys().filter(|stage| !self.stages.contains(*stage)).collect();
        let missing: Vec<&String> = self.stages.iter().filter(|stage| !live.stages.contains_key(*stage)).collect();
        let with_limits = live.stages.iter().filter(|(stage, own)| self.stages.contains(*stage) && !own.is_empty());
        let with_limits: Vec<(&String, &Vec<String>)> = with_limits.collect();
        let removed = others.iter().map(|stage| on_stages(Op::Remove, stage));
        let added = missing.iter().map(|stage| on_stages(Op::Add, stage));
        let anew = with_limits.iter().flat_map(|(stage, _)| [Op::Remove, Op::Add].map(|op| on_stages(op, stage)));
        let methods = with_limits.iter().flat_map(|(_, own)| own.iter());
        mends
            .guard("other stages", "none", listed(&others), removed)
            .plain("missing stages", "none", listed(&missing), added)
            .guard("apiStages.throttle", "none", listed(methods), anew)
    }

    fn throttle_mends(&self, mends: Mends, live: &LiveUsagePlan) -> Mends {
        let limits = [
            ("rateLimit", self.rate_limit, live.throttle.map(|(rate, _)| rate)),
            ("burstLimit", self.burst_limit.into(), live.throttle.map(|(_, burst)| burst.into())),
        ];
        limits.into_iter().fold(mends, |mends, (limit, want, live)| {
            // AWS does not document the meaning of a limit of 0.
            let effect = match live {
                Some(live) if live > 0.0 && live < want => Effect::Differs,
                Some(live) if (live - want).abs() < 1e-6 => Effect::Same,
                _ => Effect::Weakens,
            };
            let live = live.map_or("no limit".to_owned(), |live| live.to_string());
            mends.judged(format!("throttle.{limit}"), want, live, effect, [replace(format!("/throttle/{limit}"), want)])
        })
    }

    fn quota_mends(&self, mends: Mends, live: &LiveUsagePlan) -> Mends {
        let shown = live.quota.as_ref().map_or("no limit".to_owned(), |quota| {
            let less =
                if quota.offset == 0 { String::new() } else { format!(", {} fewer in the first period", quota.offset) };
            format!("{} a {}{less}", quota.requests, quota.per)
        });
        let Some(want) = self.quota else {
            let effect = Effect::differs_unless(live.quota.is_none());
            return mends.judged("quota", "no limit", shown, effect, [remove("/quota")]);
        };
        let wanted = format!("{} a {}", want.requests, want.per.word().as_str());
        let effect = match &live.quota {
            _ if wanted == shown => Effect::Same,
            Some(quota) => {
                let longer = QuotaPeriod::read(&quota.per).is_some_and(|period| period >= want.per);
                Effect::of_difference(quota.requests > want.requests || !longer)
            }
            None => Effect::Weakens,
        };
        let patches = [
            replace("/quota/limit", want.requests),
            replace("/quota/offset", 0),
            replace("/quota/period", want.per.word().as_str()),
        ];
        mends.judged("quota", wanted, shown, effect, patches)
    }

    /// The ids and names of keys that the plan should not have.
    fn other_keys<'a>(&'a self, live: &'a LiveUsagePlan) -> impl Iterator<Item = (&'a String, &'a String)> {
        live.keys.iter().filter(|(id, _)| !self.keys.contains_key(*id) && !live.recorded_keys.contains(*id))
    }
}

impl Resource for UsagePlan {
    const KIND: &'static str = "apigateway.usage_plan";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = false;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = UsagePlanLookup;
    type Outputs = UsagePlanOutputs;
    type Live = LiveUsagePlan;

    fn key(&self) -> UsagePlanLookup {
        UsagePlanLookup { name: self.name.clone() }
    }

    fn identity(outputs: &UsagePlanOutputs) -> String {
        outputs.id.clone()
    }

    /// Two commands are needed: the first takes the plan's stages from it.
    fn removal_command(_: &UsagePlanOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &LiveUsagePlan) -> Comparison {
        self.mends(live).compared.nothing_else("other keys", self.other_keys(live).map(|(_, name)| name))
    }
}

impl Described for UsagePlan {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "usage plan",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[
            RETAG,
            READ_PLANS,
            StatementTemplate {
                sid: Sid::OwnUsagePlans,
                on: PLAN,
                rights: &[
                    // Before it is deleted, its stages are taken from it.
                    Permissions { needs: &[Usage::Update, Usage::Delete], actions: &["apigateway:PATCH"] },
                    // An update removes the keys that the stack does not have.
                    Permissions { needs: &[Usage::Update, Usage::Delete], actions: &["apigateway:DELETE"] },
                ],
            },
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: &["arn:{partition}:apigateway:{region}::/usageplans"],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["apigateway:POST"] }],
            },
            StatementTemplate {
                sid: Sid::TagWhatIsMade,
                on: &[
                    "arn:{partition}:apigateway:{region}::/tags/arn%3A{partition}%3Aapigateway%3A{region}%3A%3A%2Fusageplans%2F${*}",
                ],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["apigateway:PUT"] }],
            },
        ],
        rates: &[Rate::one_in(20, Calls::Requests(&["PATCH"], "/usageplans/*"))],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "plan {}",
            holds: "limits and stages match the stack file, and there are no other API keys",
            read: "GetUsagePlan, GetUsagePlanKeys",
        },
    };
}

impl Provider<UsagePlan> for ApiGateway {
    async fn read(
        &self,
        key: &UsagePlanLookup,
        known: Option<&UsagePlanOutputs>,
        task: &Task,
    ) -> Result<Option<Found<UsagePlan>>, Failure> {
        if let Some(known) = known {
            let (plan, keys) = tokio::join!(self.usage_plan(&known.id), self.keys_of_plan(&known.id));
            if let Some(plan) = plan? {
                if !self.owns_plan(&plan) {
                    return Err(Failure::foreign("the usage plan", &self.plan_arn(&known.id)));
                }
                return Ok(Some(Self::found_plan(plan, keys?, task)));
            }
        }
        // Names are not unique: plans of that name without our tag are somebody else's.
        let mut ours = Vec::new();
        let mut pages = self.client.get_usage_plans().limit(PAGE).into_paginator().send();
        while let Some(page) = pages.next().await {
            let items = page.or_fail(&format!("read the usage plan {}", key.name))?.items.unwrap_or_default();
            for id in items.into_iter().filter(|plan| plan.name() == Some(&key.name)).filter_map(|plan| plan.id) {
                ours.extend(self.usage_plan(&id).await?.filter(|plan| self.owns_plan(plan)));
            }
        }
        if ours.len() > 1 {
            let ids: Vec<&str> = ours.iter().filter_map(types::UsagePlan::id).collect();
            return Err(several("usage plans", &key.name, &ids));
        }
        let Some(plan) = ours.pop() else { return Ok(None) };
        let keys = self.keys_of_plan(plan.id().unwrap_or_default()).await?;
        Ok(Some(Self::found_plan(plan, keys, task)))
    }

    async fn create(&self, want: &UsagePlan, task: &Task) -> Result<UsagePlanOutputs, Failure> {
        let throttle = ThrottleSettings::builder().rate_limit(want.rate_limit).burst_limit(want.burst_limit).build();
        let quota = |quota: PlanQuota| QuotaSettings::builder().limit(quota.requests).period(quota.per.word()).build();
        let stages = want.stages.iter().filter_map(|stage| stage.split_once(':'));
        let stages: Vec<_> =
            stages.map(|(api, stage)| types::ApiStage::builder().api_id(api).stage(stage).build()).collect();
        let made = settled(task, &[&NEW_STAGE], || async {
            let call = self.once.create_usage_plan().name(&want.name).description(&want.description);
            let call = call.set_api_stages(Some(stages.clone())).throttle(throttle.clone());
            let call = call.set_quota(want.quota.map(quota)).set_tags(Some(tag_map(&self.scope, &want.id)));
            call.send().await.or_fail(&format!("create the usage plan {}", want.name))
        });
        Ok(UsagePlanOutputs { id: made.await?.id.unwrap_or_default(), name: want.name.clone() })
    }

    async fn update(
        &self,
        want: &UsagePlan,
        found: &Found<UsagePlan>,
        task: &Task,
    ) -> Result<UsagePlanOutputs, Failure> {
        // A key that must not be in the plan opens its stages until it is gone.
        for (id, _) in want.other_keys(&found.live) {
            self.take_key_from_plan(&found.outputs.id, id, task).await?;
        }
        let patches = want.mends(&found.live).patches;
        if !patches.is_empty() {
            // A stage may have been made just now.
            let adds = want.stages.iter().any(|stage| !found.live.stages.contains_key(stage));
            let waits: &[&Wait] = if adds { &[&NEW_STAGE] } else { &[] };
            self.patch_plan(&found.outputs, patches, waits, task).await?;
        }
        Ok(UsagePlanOutputs { name: want.name.clone(), ..found.outputs.clone() })
    }

    async fn tags(&self, of: &UsagePlanOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        Ok(self.usage_plan(&of.id).await?.map(|plan| read(pairs(plan.tags()))))
    }

    async fn retag(&self, of: &UsagePlanOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&self.plan_arn(&of.id), change, task).await
    }

    async fn delete(&self, gone: &UsagePlanOutputs, task: &Task) -> Result<(), Failure> {
        match self.delete_plan(gone, task).await {
            // AWS allows one update in 20 s, so its stages are taken from it only if they must be.
            Err(failure) if PLAN_IN_USE.is(&failure) => {
                self.detach_plan(gone, task).await?;
                self.delete_plan(gone, task).await
            }
            done => done,
        }
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        let pages = self.client.get_usage_plans().limit(PAGE).into_paginator().send();
        let (pages, cut) = as_far_as_it_goes!(pages, "list the usage plans");
        let plans = pages.into_iter().flat_map(|page| page.items.unwrap_or_default());
        let looks = plans.filter_map(|plan| {
            let name = plan.name.clone()?;
            whose.may_own(&name).then(|| (name, self.listed_plan(plan, whose)))
        });
        let listing = closer::<UsagePlan, _>(looks.collect()).await;
        Ok(listing.and_unread(cut.map(|failure| Unread::new::<UsagePlan>(None, failure))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::UsagePlanKey;
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Drift;

    const TAGS: &str = r#""tags":{"securelambda:stack":"demo","securelambda:resource":"plan.partner"}"#;
    const NONE: &str = r#"{"__type":"NotFoundException","message":"Invalid Usage Plan ID specified"}"#;
    const IN_USE: &str = r#"{"__type":"BadRequestException","message":"Cannot delete Usage Plan u1 because there are API Stages associated with it, including abc:live"}"#;

    fn plan(stages: &str) -> String {
        format!(
            r#"{{"id":"u1","name":"demo-partner","description":"d","apiStages":[{stages}],
                "throttle":{{"rateLimit":10.0,"burstLimit":20}},"quota":{{"limit":1000,"offset":0,"period":"WEEK"}},{TAGS}}}"#
        )
    }

    const STAGE: &str = r#"{"apiId":"abc","stage":"live"}"#;

    pub(crate) fn want() -> UsagePlan {
        UsagePlan {
            id: "plan.partner".into(),
            name: "demo-partner".into(),
            description: "d".into(),
            stages: BTreeSet::from(["abc:live".into()]),
            rate_limit: 10.0,
            burst_limit: 20,
            quota: Some(PlanQuota { requests: 1000, per: QuotaPeriod::Week }),
            keys: BTreeMap::from([("k1".into(), "demo-acme".into())]),
        }
    }

    fn live() -> LiveUsagePlan {
        LiveUsagePlan {
            name: "demo-partner".into(),
            description: "d".into(),
            stages: BTreeMap::from([("abc:live".into(), Vec::new())]),
            throttle: Some((10.0, 20)),
            quota: Some(LiveQuota { requests: 1000, offset: 0, per: "WEEK".into() }),
            product_code: None,
            keys: BTreeMap::from([("k1".into(), "demo-acme".into())]),
            recorded_keys: BTreeSet::new(),
        }
    }

    fn outputs() -> UsagePlanOutputs {
        UsagePlanOutputs { id: "u1".into(), name: "demo-partner".into() }
    }

    fn task() -> Task {
        Task::detached("plan.partner")
    }

    fn quota(requests: i32, per: &str) -> LiveQuota {
        LiveQuota { requests, offset: 0, per: per.into() }
    }

    #[test]
    fn whatever_allows_more_weakens() {
        assert_eq!(want().drift(&live()), []);
        let foreign = BTreeMap::from([("k1".into(), "demo-acme".into()), ("k9".into(), "stranger".into())]);
        let elsewhere = BTreeMap::from([("abc:live".into(), Vec::new()), ("xyz:prod".into(), Vec::new())]);
        let own = BTreeMap::from([("abc:live".into(), vec!["/a/GET".into()])]);
        let table = [
            (
                LiveUsagePlan { throttle: None, ..live() },
                vec![("throttle.rateLimit", true), ("throttle.burstLimit", true)],
            ),
            (LiveUsagePlan { throttle: Some((11.0, 20)), ..live() }, vec![("throttle.rateLimit", true)]),
            (LiveUsagePlan { throttle: Some((0.0, 20)), ..live() }, vec![("throttle.rateLimit", true)]),
            (LiveUsagePlan { throttle: Some((10.0, 5)), ..live() }, vec![("throttle.burstLimit", false)]),
            (LiveUsagePlan { quota: None, ..live() }, vec![("quota", true)]),
            (LiveUsagePlan { quota: Some(quota(1001, "WEEK")), ..live() }, vec![("quota", true)]),
            (LiveUsagePlan { quota: Some(quota(1000, "DAY")), ..live() }, vec![("quota", true)]),
            (LiveUsagePlan { quota: Some(quota(1000, "MONTH")), ..live() }, vec![("quota", false)]),
            (LiveUsagePlan { quota: Some(quota(10, "WEEK")), ..live() }, vec![("quota", false)]),
            (LiveUsagePlan { keys: foreign, ..live() }, vec![("other keys", true)]),
            // A missing key is a difference of its `UsagePlanKey`.
            (LiveUsagePlan { keys: BTreeMap::new(), ..live() }, vec![]),
            (LiveUsagePlan { stages: elsewhere, ..live() }, vec![("other stages", true)]),
            (LiveUsagePlan { stages: BTreeMap::new(), ..live() }, vec![("missing stages", false)]),
            (LiveUsagePlan { stages: own, ..live() }, vec![("apiStages.throttle", true)]),
            (LiveUsagePlan { product_code: Some("p".into()), ..live() }, vec![("productCode", false)]),
        ];
        for (live, expected) in table {
            let drift = want().drift(&live);
            let seen: Vec<_> = drift.iter().map(|drift| (drift.field.as_str(), drift.weakens)).collect();
            assert_eq!(seen, expected, "{live:?}");
        }
        let unlimited = UsagePlan { quota: None, ..want() };
        assert!(!unlimited.drift(&live())[0].weakens);
    }

    #[tokio::test]
    async fn a_plan_is_created_with_its_stages_and_limits_in_one_call() {
        let (clients, http) = replay(vec![(201, &plan(STAGE))]);
        let made = Provider::<UsagePlan>::create(&ApiGateway::new(&clients), &want(), &task()).await;
        assert_eq!(made, Ok(outputs()));
        let (call, body) = &asked(&http)[0];
        assert!(call.starts_with("POST") && call.ends_with("/usageplans"), "{call}");
        for part in [
            r#""apiStages":[{"apiId":"abc","stage":"live"}]"#,
            r#""throttle":{"burstLimit":20,"rateLimit":10.0}"#,
            r#""quota":{"limit":1000,"period":"WEEK"}"#,
            r#""securelambda:stack":"demo""#,
        ] {
            assert!(body.contains(part), "{part}: {body}");
        }
    }

    #[tokio::test]
    async fn a_plan_and_its_keys_are_read_and_no_value_is_kept() {
        let keys = r#"{"item":[{"id":"k1","type":"API_KEY","name":"demo-acme","value":"sentinel-value-0123456789"}]}"#;
        let (clients, http) = replay(vec![(200, &plan(STAGE)), (200, keys)]);
        let gateway = ApiGateway::new(&clients);
        let found = Provider::<UsagePlan>::read(&gateway, &want().key(), Some(&outputs()), &task()).await;
        let found = found.expect("no failure").expect("found");
        assert_eq!((want().drift(&found.live), &found.outputs), (vec![], &outputs()));
        assert!(!format!("{found:?}").contains("sentinel"));
        assert_eq!(asked(&http).len(), 2);
    }

    /// The engine removes such a key from the plan at the end of the run.
    #[tokio::test]
    async fn a_key_on_record_that_the_stack_file_no_longer_names_is_no_other_key() {
        let keys =
            r#"{"item":[{"id":"k1","type":"API_KEY","name":"demo-acme"},{"id":"k2","type":"API_KEY","name":"x"}]}"#;
        let drift = async |recorded: &str| {
            let task = task().with_parts_of::<UsagePlanKey>([UsagePlanKey::listed("u1", recorded.into()).0]);
            let (clients, _) = replay(vec![(200, &plan(STAGE)), (200, keys)]);
            let gateway = ApiGateway::new(&clients);
            let found = Provider::<UsagePlan>::read(&gateway, &want().key(), Some(&outputs()), &task).await;
            want().drift(&found.expect("no failure").expect("found").live)
        };
        assert_eq!(drift("k2").await, []);
        assert_eq!(drift("k3").await, [Drift::weakening("other keys", "none", "x")]);
    }

    #[tokio::test]
    async fn what_differs_is_changed_in_one_update() {
        let (clients, http) = replay(vec![(202, ""), (200, &plan(STAGE))]);
        let live = LiveUsagePlan {
            stages: BTreeMap::from([("xyz:prod".into(), Vec::new())]),
            throttle: None,
            keys: BTreeMap::from([("k9".into(), "stranger".into())]),
            ..live()
        };
        let found = Found { outputs: outputs(), live };
        Provider::<UsagePlan>::update(&ApiGateway::new(&clients), &want(), &found, &task()).await.expect("converged");
        let asked = asked(&http);
        assert!(asked[0].0.starts_with("DELETE") && asked[0].0.ends_with("/usageplans/u1/keys/k9"), "{asked:?}");
        let patches = [
            r#"{"op":"remove","path":"/apiStages","value":"xyz:prod"}"#,
            r#"{"op":"add","path":"/apiStages","value":"abc:live"}"#,
            r#"{"op":"replace","path":"/throttle/rateLimit","value":"10"}"#,
            r#"{"op":"replace","path":"/throttle/burstLimit","value":"20"}"#,
        ];
        assert_eq!(asked[1].1, format!(r#"{{"patchOperations":[{}]}}"#, patches.join(",")));
        assert_eq!(asked.len(), 2, "AWS allows one update in 20 s");
    }

    #[tokio::test(start_paused = true)]
    async fn an_update_waits_until_a_plan_sees_a_new_stage_if_it_adds_one() {
        let unseen = r#"{"__type":"NotFoundException","message":"API Stage not found: abc:live"}"#;
        let update = async |live: LiveUsagePlan| {
            let (clients, http) = replay(vec![(404, unseen), (200, &plan(STAGE))]);
            let found = Found { outputs: outputs(), live };
            let updated = Provider::<UsagePlan>::update(&ApiGateway::new(&clients), &want(), &found, &task()).await;
            (updated.is_ok(), asked(&http).len())
        };
        assert_eq!(update(LiveUsagePlan { stages: BTreeMap::new(), ..live() }).await, (true, 2));
        assert_eq!(update(LiveUsagePlan { description: "x".into(), ..live() }).await, (false, 1));
    }

    #[tokio::test]
    async fn the_stages_are_taken_from_a_plan_only_if_it_cannot_be_deleted_with_them() {
        let (clients, http) = replay(vec![(202, "")]);
        assert_eq!(Provider::<UsagePlan>::delete(&ApiGateway::new(&clients), &outputs(), &task()).await, Ok(()));
        assert_eq!(asked(&http).len(), 1);
        let (clients, http) = replay(vec![(400, IN_USE), (200, &plan(STAGE)), (200, &plan("")), (202, "")]);
        assert_eq!(Provider::<UsagePlan>::delete(&ApiGateway::new(&clients), &outputs(), &task()).await, Ok(()));
        let patch = r#"{"patchOperations":[{"op":"remove","path":"/apiStages","value":"abc:live"}]}"#;
        assert_eq!(asked(&http)[2].1, patch);
        // The stage was deleted meanwhile.
        let gone = r#"{"__type":"NotFoundException","message":"Invalid API Stage {api: abc, stage: live} specified for usageplan u1"}"#;
        let (with, without) = (plan(STAGE), plan(""));
        let answers = vec![(400, IN_USE), (200, with.as_str()), (404, gone), (200, without.as_str()), (202, "")];
        let (clients, http) = replay(answers);
        assert_eq!(Provider::<UsagePlan>::delete(&ApiGateway::new(&clients), &outputs(), &task()).await, Ok(()));
        assert_eq!(asked(&http).len(), 5);
    }

    #[tokio::test]
    async fn a_plan_is_found_by_its_name_and_our_tag() {
        let list =
            r#"{"item":[{"id":"u0","name":"demo-partner"},{"id":"u1","name":"demo-partner"},{"id":"u2","name":"x"}]}"#;
        let theirs = r#"{"id":"u0","name":"demo-partner","tags":{"securelambda:stack":"other"}}"#;
        let none = r#"{"item":[]}"#;
        let (clients, _) =
            replay(vec![(404, NONE), (200, none), (200, list), (200, theirs), (200, &plan("")), (200, none)]);
        let gateway = ApiGateway::new(&clients);
        let stale = UsagePlanOutputs { id: "gone".into(), ..outputs() };
        let found = Provider::<UsagePlan>::read(&gateway, &want().key(), Some(&stale), &task()).await;
        assert_eq!(found.expect("no failure").expect("found").outputs, outputs());
    }

    #[tokio::test]
    async fn plans_are_listed_with_their_owners() {
        let list = r#"{"item":[{"id":"u1","name":"demo-partner"},{"id":"u9","name":"theirs"}]}"#;
        let keys = r#"{"item":[{"id":"k1","type":"API_KEY","name":"demo-acme","value":"sentinel"}]}"#;
        let (clients, _) = replay(vec![(200, list), (200, &plan(STAGE)), (200, keys)]);
        let listing = Provider::<UsagePlan>::list(&ApiGateway::new(&clients), &Whose::Stack("demo".into())).await;
        let listed = listing.expect("a list").listed;
        let seen: Vec<_> = listed.iter().map(|one| (one.id.as_str(), one.stack.as_deref())).collect();
        assert_eq!(seen, [("plan.partner", Some("demo")), ("plan-key.demo-acme", Some("demo"))]);
    }

    #[tokio::test]
    async fn its_tags_are_read_with_it_and_changed_apart() {
        let (clients, http) = replay(vec![(200, &plan(STAGE)), (204, ""), (204, "")]);
        let gateway = ApiGateway::new(&clients);
        let tags = Provider::<UsagePlan>::tags(&gateway, &outputs(), &task()).await.expect("no failure").expect("tags");
        assert_eq!(tags["securelambda:stack"], "demo");
        let change = Retag { set: [("team".to_owned(), "core".to_owned())].into(), gone: vec!["env".into()] };
        assert_eq!(Provider::<UsagePlan>::retag(&gateway, &outputs(), &change, &task()).await, Ok(()));
        let asked = asked(&http);
        let path = "/tags/arn%3Aaws%3Aapigateway%3Aeu-central-1%3A%3A%2Fusageplans%2Fu1";
        assert!(asked[1].0.starts_with("PUT") && asked[1].0.ends_with(path), "{asked:?}");
        assert_eq!(asked[1].1, r#"{"tags":{"team":"core"}}"#);
        assert!(asked[2].0.starts_with("DELETE") && asked[2].0.ends_with("?tagKeys=env"), "{asked:?}");
    }
}
