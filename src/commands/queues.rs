//! Says how many messages are lost with the queues that are removed.

use futures_util::future::join_all;

use super::session::Session;
use crate::aws::Clients;
use crate::aws::sqs::{Queue, Sqs};
use crate::engine::{Change, Id, Plan, Resource as _, Target};
use crate::error::Error;
use crate::report::one_line;
use crate::state::State;

/// One line for each queue that `plan` removes or replaces and that has messages, or whose messages could not be counted.
///
/// # Errors
/// The credentials are not accepted.
pub(super) async fn lost_with(session: &Session, state: &State, plan: &Plan) -> Result<Vec<String>, Error> {
    let replaced = plan.changes.iter().filter(|(_, _, change)| matches!(change, Change::Replace { .. }));
    let gone = plan.removals.iter().chain(replaced.map(|(id, ..)| id));
    let gone = gone.filter(|id| state.resources.get(id.as_str()).is_some_and(|row| row.kind == Queue::KIND));
    lost(&session.clients, gone.filter_map(|id| Some((id, state.outputs(id.as_str())?["arn"].as_str()?)))).await
}

/// The lines of [`lost_with`] for the queues that are removed with a stack.
///
/// # Errors
/// The credentials are not accepted.
pub(super) async fn lost_by_removal(clients: &Clients, targets: &[Target]) -> Result<Vec<String>, Error> {
    let queues = targets.iter().filter(|target| target.kind == Queue::KIND);
    lost(clients, queues.filter_map(|target| Some((&target.id, target.outputs["arn"].as_str()?)))).await
}

async fn lost<'a>(clients: &Clients, queues: impl Iterator<Item = (&'a Id, &'a str)>) -> Result<Vec<String>, Error> {
    let sqs = &Sqs::new(clients);
    let counts = queues.map(|(id, arn)| async move { (id, sqs.messages(arn).await) });
    let mut said = Vec::new();
    for (id, count) in join_all(counts).await {
        let name = id.parts().1;
        match count {
            Err(failure) if failure.ends_all() => return Err(failure.into()),
            Err(failure) => said.push(format!(
                "The messages in the queue {name} could not be counted ({}). All of them will be deleted.",
                one_line(&failure.to_string())
            )),
            Ok(Some(count)) if count > 0 => {
                said.push(format!("{} in the queue {name} will be deleted.", messages(count)));
            }
            Ok(_) => {}
        }
    }
    Ok(said)
}

/// SQS counts approximately.
fn messages(count: u64) -> String {
    if count == 1 { "About 1 message".to_owned() } else { format!("About {count} messages") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_is_no_plural() {
        assert_eq!([messages(1), messages(12)], ["About 1 message", "About 12 messages"]);
    }
}
