//! Usage plans and API keys. A plan applies to the stages of all REST APIs with a route that asks for a key.

use std::collections::BTreeMap;

use self::ids::{api_key, plan, plan_key};
use super::Input;
use crate::aws::apigateway::{ApiKey, PlanQuota, Stage, UsagePlan, UsagePlanKey};
use crate::engine::{Graph, Handle};
use crate::spec::UsagePlan as Wanted;

pub(crate) mod ids {
    use crate::aws::apigateway::{ApiKey, UsagePlan, UsagePlanKey};
    use crate::topology::id::IdOf;

    pub(crate) fn plan(name: &str) -> IdOf<UsagePlan> {
        IdOf::new("plan", name)
    }

    pub(crate) fn api_key(name: &str) -> IdOf<ApiKey> {
        IdOf::new("api-key", name)
    }

    /// Without the plan's name: a key that moves to another plan must leave the old one first.
    pub(crate) fn plan_key(key: &str) -> IdOf<UsagePlanKey> {
        IdOf::new("plan-key", key)
    }
}

pub(super) fn plans(graph: &mut Graph, from: Input<'_>, stages: &[Handle<Stage>]) {
    for (name, wanted) in &from.stack.plans {
        let keys: BTreeMap<String, Handle<ApiKey>> =
            wanted.keys.iter().map(|key| (key.clone(), key_of(graph, from, name, key))).collect();
        let plan = usage_plan(graph, from, (name, wanted), stages, &keys);
        let physical = from.scope.physical(name);
        for (name, key) in keys {
            let physical = physical.clone();
            plan_key(&name).add_under(graph, plan, (plan, key), move |(plan, key)| UsagePlanKey {
                plan_id: plan.id,
                plan: physical.clone(),
                key_id: key.id,
            });
        }
    }
}

fn key_of(graph: &mut Graph, Input { scope, .. }: Input<'_>, plan: &str, name: &str) -> Handle<ApiKey> {
    let id = api_key(name);
    let key = ApiKey {
        id: id.to_string(),
        name: scope.physical(name),
        description: format!("The API key {name} of the stack {}, for the plan {plan}", scope.stack),
    };
    id.add(graph, (), move |()| key.clone())
}

/// AWS deletes a stage even if a plan contains it, but it deletes a plan only if the plan contains no stage. So a plan
/// is created after its stages, and deleted before them.
fn usage_plan(
    graph: &mut Graph,
    Input { scope, .. }: Input<'_>,
    (name, wanted): (&str, &Wanted),
    stages: &[Handle<Stage>],
    keys: &BTreeMap<String, Handle<ApiKey>>,
) -> Handle<UsagePlan> {
    let id = plan(name);
    let (tag, physical) = (id.to_string(), scope.physical(name));
    let description = format!("The usage plan {name} of the stack {}", scope.stack);
    let quota = wanted
        .quota
        .map(|quota| PlanQuota { requests: i32::try_from(quota.requests).unwrap_or(i32::MAX), per: quota.per });
    let rate_limit = f64::from(wanted.rate_limit);
    let burst_limit = i32::try_from(wanted.burst_limit).unwrap_or(i32::MAX);
    id.add(graph, (stages.to_vec(), keys.clone()), move |(stages, keys)| UsagePlan {
        id: tag.clone(),
        name: physical.clone(),
        description: description.clone(),
        stages: stages.into_iter().map(|stage| format!("{}:{}", stage.api_id, stage.name)).collect(),
        rate_limit,
        burst_limit,
        quota,
        keys: keys.into_values().map(|key| (key.id, key.name)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use crate::bundle::Bundles;
    use crate::engine::Id;
    use crate::scope::Scope;
    use crate::spec::parse;
    use crate::topology::{SecretValues, desired};

    #[test]
    fn a_plan_needs_the_stages_whose_routes_ask_for_keys_and_its_own_keys() {
        let route = |api: &str, keys: &str| {
            format!("[[{api}.routes]]\nroute = \"GET /x\"\nfunction = \"F\"\nauth = \"none\"\n{keys}\n")
        };
        let file = [
            "[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\n",
            "[plans.a]\nkeys = [\"k\", \"l\"]\n[plans.b]\nkeys = [\"m\"]\n",
            &route("api", "key = true"),
            &route("apis.Open", ""),
        ];
        let stack = parse(&file.concat()).expect("a sound file");
        let scope = Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            stack: "demo".into(),
            ..Scope::default()
        };
        let graph = desired(&stack, &scope, None, &Bundles::default(), &SecretValues::default(), None);
        let needs = |what: &str, name: &str| {
            let mut needs: Vec<_> = graph.needs(&Id::new(what, name)).into_iter().map(Id::as_str).collect();
            needs.sort_unstable();
            needs.join(" ")
        };
        assert_eq!(needs("plan", "a"), "api-key.k api-key.l stage.development");
        assert_eq!(needs("plan", "b"), "api-key.m stage.development");
        assert_eq!(needs("plan-key", "m"), "api-key.m plan.b");
    }
}
