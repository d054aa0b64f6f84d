//! `plan`: shows the changes that `up` would make.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::consequences::{Consequences, Removable};
use super::saved_plan::SavedPlan;
use super::session::{Session, Sources};
use super::states::state_id;
use super::{Ending, created, ownership, readable, values};
use crate::args;
use crate::config::Config;
use crate::costs::{Price, costs};
use crate::engine::{CancellationToken, Change, Id, Plan};
use crate::error::{Error, Kind};
use crate::policy::Policy;
use crate::report::{
    Output, advise, answer, completed_document, costs_text, grants_text, plan_json, plan_markdown, plan_summary,
    plan_text,
};
use crate::spec::policies::{self, Known};
use crate::state::State;
use crate::topology::ids::{self, ApiIds};

pub(super) async fn run(args: &args::Plan, config: Config, stop: CancellationToken) -> Result<Ending, Error> {
    super::note_built_in(&config);
    let mut session = Session::open(config, Sources::Packed).await?;
    let scope = &session.scope().clone();
    let state = session.store.read().await?;
    let mut state = state.unwrap_or_else(|| State::new(&state_id(scope), None));
    ownership::claim(&mut session, &mut state, args.adopt);
    let refresh = session.refresh(&state, &stop).await?;
    if !args.adopt {
        ownership::check(&session, &state, &ownership::read(&session, &state, &refresh), "plan").await?;
    }
    ownership::record(&session, &mut state);
    let mut plan = Plan::new(&session.graph, &refresh, &state);
    if let Some(path) = &args.out {
        SavedPlan::new(&session, &state, &plan, args.adopt).write(path)?;
    }
    let Consequences { mut kept, lost } = Consequences::of(&session, &state, &plan, Removable::default()).await?;
    // The plan itself already shows the resources that it refuses.
    kept.retain(|kept| !refusals(&plan).any(|refused| *refused == kept.id));
    let values = values::refusal(&session.config, &plan, &state);
    let second = session.second_stack(&state).await?;
    let known = Known {
        secret: &|secret| Some(ids::secret(secret).recorded(&state)?.arn),
        pool: &|pool| Some(ids::pool(pool).recorded(&state)?.arn),
    };
    let mut grants = policies::planned(&session.config.stack, scope, &known);
    if session.config.output.json {
        let mut document = plan_json(&plan);
        document["kept"] = json!(kept);
        document["missing_values"] = json!(values.as_ref().map(|error| &error.message));
        let document_of = |policy: &Policy| serde_json::from_str::<Value>(&policy.to_string()).unwrap_or_default();
        let policies: BTreeMap<_, _> =
            grants.into_iter().map(|(function, policy)| (function, document_of(&policy))).collect();
        document["policies"] = json!(policies);
        document["notes"] = super::notes(&session.config.stack).into_iter().chain(lost).chain(second).collect();
        document["costs"] = costs(&session.config.stack)
            .into_iter()
            .map(|cost| match cost.price {
                Price::Monthly(cents) => json!({ "what": cost.what, "cents_a_month": cents }),
                Price::ByUse(price) => json!({ "what": cost.what, "by_use": price }),
            })
            .collect();
        document["emulator"] = json!(session.emulator());
        document["stack"] = json!(scope.stack);
        document["account"] = json!(scope.account);
        document["region"] = json!(scope.region);
        answer(&super::pretty(&completed_document(document)));
    } else if args.markdown {
        let title = format!("`{}` in {}, {}", scope.stack, scope.account, scope.region);
        let opened = readable::opened(&plan).into_iter();
        let notes: Vec<String> = opened.chain(super::notes(&session.config.stack)).chain(lost).chain(second).collect();
        readable::prepare(&session, &state, &mut plan).await;
        let settings = |id: &Id| created::settings(&session.config.stack, id);
        answer(&plan_markdown(&plan, &settings, &title, session.emulator().is_some(), &notes));
        for kept in &kept {
            answer(&format!("\n**`up` will fail:** {} {}", kept.why, kept.hint));
        }
    } else {
        let Output { verbose, answers, .. } = session.config.output;
        session.announce();
        readable::prepare(&session, &state, &mut plan).await;
        let stack = &session.config.stack;
        let shown = plan_text(&plan, &|id| created::settings(stack, id), answers);
        if !shown.is_empty() {
            advise(&format!("{shown}\n"));
        }
        let throttles = stack.all_apis().any(|(name, api)| changes(&plan, &ApiIds(name).stage(&api.stage)));
        if let Some(limits) = super::limits(stack).filter(|_| throttles) {
            advise(&format!("{limits}\n"));
        }
        for opened in readable::opened(&plan) {
            advise(&format!("{}\n", answers.warn(&opened)));
        }
        for note in super::notes(&session.config.stack).iter().chain(&lost).chain(&second) {
            advise(&format!("{note}\n"));
        }
        if let Some(text) = costs_text(&costs(stack)) {
            advise(&format!("{text}\n"));
        }
        // Policies that do not change are shown only with `--verbose`.
        grants.retain(|(function, _)| verbose || changes(&plan, &ids::policy(function).into()));
        if !grants.is_empty() {
            advise(&format!("{}\n", grants_text(&grants, verbose)));
        }
        let prompts = values::prompts(&session.config, &plan, &state);
        if !prompts.is_empty() {
            advise(&format!("`up` will ask for values at the terminal: {}.\n", prompts.join(", ")));
        }
        if let Some(error) = &values {
            let hints = error.hints.join("\n  ");
            advise(&format!("{} {}\n  {hints}\n", answers.warn("`up` will fail:"), error.message));
        }
        for kept in &kept {
            advise(&format!("{} {}\n  {}\n", answers.warn("`up` will fail:"), kept.why, kept.hint));
        }
        advise(&plan_summary(&plan));
    }
    refused(&plan, kept.len())?;
    Ok(if args.detailed_exitcode && !plan.is_empty() { Ending::Changes } else { Ending::Done })
}

/// The resources whose changes the plan refuses.
fn refusals(plan: &Plan) -> impl Iterator<Item = &Id> {
    plan.changes.iter().filter(|(_, _, change)| matches!(change, Change::Refuse { .. })).map(|(id, ..)| id)
}

/// The error for a plan that `up` cannot carry out as a whole.
fn refused(plan: &Plan, kept: usize) -> Result<(), Error> {
    let what = match refusals(plan).count() + kept {
        0 => return Ok(()),
        1 => "1 resource".to_owned(),
        more => format!("{more} resources"),
    };
    Err(Error::new(Kind::Resource, format!("`up` would fail: {what} cannot be changed as planned"))
        .hint("the plan names each of them and the reason"))
}

fn changes(plan: &Plan, id: &Id) -> bool {
    plan.changes.iter().any(|(known, _, change)| known == id && *change != Change::Keep)
}
