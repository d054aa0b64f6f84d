//! `plan`: says what `up` would do, by reading only.

use serde_json::json;

use super::Ending;
use super::session::{Secrets, Session};
use crate::args;
use crate::config::Config;
use crate::engine::{Plan, Stop};
use crate::error::Error;
use crate::report::{answer, plan_json, plan_text};
use crate::state::State;

pub(super) async fn run(args: &args::Plan, config: Config, stop: Stop) -> Result<Ending, Error> {
    let session = Session::open(config, Secrets::Unread).await?;
    let scope = session.scope();
    let state = session.store.read()?;
    let state = state.unwrap_or_else(|| State::new(&scope.stack, &scope.account, &scope.region, None));
    let survey = session.survey(&state, &stop).await?;
    let plan = Plan::new(&session.graph, &survey, &state);
    if session.config.output.json {
        let mut document = plan_json(&plan);
        document["stack"] = json!(scope.stack);
        document["account"] = json!(scope.account);
        document["region"] = json!(scope.region);
        answer(&super::pretty(&document));
    } else {
        answer(&plan_text(&plan, session.config.output.answers));
    }
    Ok(if args.detailed_exitcode && !plan.is_empty() { Ending::Changes } else { Ending::Done })
}
