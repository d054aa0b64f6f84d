//! Says how many failed events are lost with the queues that are removed.

use futures_util::future::join_all;

use super::session::Session;
use crate::aws::sqs::{Queue, Sqs};
use crate::engine::{Id, Plan, Resource as _, Target};
use crate::error::Error;
use crate::report::one_line;
use crate::state::State;

/// One line for each queue that `plan` removes and that has messages, or whose messages could not be counted.
///
/// # Errors
/// The credentials are not accepted.
pub(super) async fn lost_with(session: &Session, state: &State, plan: &Plan) -> Result<Vec<String>, Error> {
    let gone =
        plan.removals.iter().filter(|id| state.resources.get(id.as_str()).is_some_and(|row| row.kind == Queue::KIND));
    lost(session, gone.filter_map(|id| Some((id, state.outputs(id.as_str())?["arn"].as_str()?)))).await
}

/// The same for the queues that `down` removes.
///
/// # Errors
/// The credentials are not accepted.
pub(super) async fn lost_by_removal(session: &Session, targets: &[Target]) -> Result<Vec<String>, Error> {
    let queues = targets.iter().filter(|target| target.kind == Queue::KIND);
    lost(session, queues.filter_map(|target| Some((&target.id, target.outputs["arn"].as_str()?)))).await
}

async fn lost<'a>(session: &Session, queues: impl Iterator<Item = (&'a Id, &'a str)>) -> Result<Vec<String>, Error> {
    let sqs = &Sqs::new(&session.clients);
    let counts = queues.map(|(id, arn)| async move { (id, sqs.messages(arn).await) });
    let mut said = Vec::new();
    for (id, count) in join_all(counts).await {
        let name = id.parts().1;
        match count {
            Err(failure) if failure.ends_all() => return Err(failure.into()),
            Err(failure) => said.push(format!(
                "The failed events in the queue {name} could not be counted ({}). All of them will be deleted.",
                one_line(&failure.to_string())
            )),
            Ok(Some(count)) if count > 0 => {
                said.push(format!("{} in the queue {name} will be deleted.", events(count)));
            }
            Ok(_) => {}
        }
    }
    Ok(said)
}

/// SQS counts approximately.
fn events(count: u64) -> String {
    if count == 1 { "About 1 failed event".to_owned() } else { format!("About {count} failed events") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_is_no_plural() {
        assert_eq!([events(1), events(12)], ["About 1 failed event", "About 12 failed events"]);
    }
}
