//! Creates or updates one resource. Reads it first if it is not known whether it exists.

use std::time::Duration;

use serde_json::Value;

use super::comparison::Drift;
use super::dyn_provider::{Desired, DynProvider, Observed};
use super::event::Outcome;
use super::failure::{Cause, Failure};
use super::task::Task;

/// The most create calls for one resource. After an unanswered call, the resource is read before the call is repeated.
const CREATES: u32 = 4;

/// The next step for a resource, with the data that was read before it.
pub(super) enum Start {
    /// It is not known whether the resource exists: read it.
    Read,
    /// The resource does not exist: create it.
    Create,
    /// The resource exists: update it if it differs.
    Have(Observed),
    /// The resource exists and differs in these settings: update it.
    Update(Observed, Vec<Drift>),
}

/// Creates or updates one resource. `unanswered`: an earlier run recorded the intent to create it but no result, so it
/// may exist.
pub(super) async fn bring(
    provider: &dyn DynProvider,
    desired: Desired,
    known: Option<Value>,
    mut step: Start,
    unanswered: bool,
    task: &Task,
) -> Result<(Value, Outcome), Failure> {
    let mut created = 0;
    if unanswered && !provider.name_is_unique() && matches!(step, Start::Read | Start::Create) {
        task.note("checking whether an earlier run created it");
        step = read_often(provider, &desired.key, 1, task).await?.map_or(Start::Create, Start::Have);
    }
    loop {
        step = match step {
            Start::Read => {
                let found = provider.read(desired.key.clone(), known.clone(), task.clone()).await?;
                found.map_or(Start::Create, Start::Have)
            }
            Start::Create | Start::Update(..) if task.stopping() => {
                return Err(Failure::new(Cause::Stopped, "stopped before the resource was changed"));
            }
            Start::Create => {
                created += 1;
                match provider.create(desired.clone(), task.clone()).await {
                    Ok(outputs) => return Ok((outputs, Outcome::Created)),
                    Err(failure) if matches!(failure.cause, Cause::Unknown | Cause::Exists) => {
                        tracing::info!(resource = %task.id(), "{failure}");
                        task.note(match failure.cause {
                            Cause::Exists => {
                                "a resource with this name exists: checking whether it belongs to this stack"
                            }
                            _ => "no response: checking whether it was created",
                        });
                        match read_often(provider, &desired.key, created, task).await? {
                            Some(observed) => Start::Have(observed),
                            None if created < CREATES => Start::Create,
                            None => return Err(Failure { cause: Cause::Refused, ..failure }),
                        }
                    }
                    Err(failure) => return Err(failure),
                }
            }
            Start::Have(observed) => {
                let drift = desired.compare(&observed).drift();
                if drift.is_empty() {
                    let recorded = known.as_ref().and_then(|known| provider.identity(known));
                    let is_known = recorded.is_some() && recorded == provider.identity(&observed.outputs);
                    let outcome = match created {
                        0 if is_known => Outcome::Unchanged,
                        0 => Outcome::Adopted,
                        _ => Outcome::Created,
                    };
                    return Ok((provider.adopted(&desired, observed.outputs)?, outcome));
                }
                Start::Update(observed, drift)
            }
            Start::Update(observed, drift) => {
                if let Some(failure) = desired.requires_replacement(&drift) {
                    return Err(failure);
                }
                let outputs = provider.update(desired, observed, task.clone()).await?;
                let outcome = if created > 0 { Outcome::Created } else { Outcome::Updated { drift } };
                return Ok((outputs, outcome));
            }
        };
    }
}

/// Reads a resource that an unanswered create call may have created. Lists lag behind create calls by some seconds. If
/// the name is not unique, a repeated call would create a second resource, so the resource is read for 11 seconds
/// before it counts as absent. That time is multiplied by `created`, the number of create calls so far.
pub(super) async fn read_often(
    provider: &dyn DynProvider,
    key: &Value,
    created: u32,
    task: &Task,
) -> Result<Option<Observed>, Failure> {
    let pauses: &[u64] = if provider.name_is_unique() { &[250] } else { &[250, 1000, 3000, 7000] };
    for pause in pauses {
        if !task.pause(Duration::from_millis(pause * u64::from(created))).await {
            return Err(Failure::new(Cause::Stopped, "stopped while checking whether the resource was created"));
        }
        if let Some(observed) = provider.read(key.clone(), None, task.clone()).await? {
            return Ok(Some(observed));
        }
    }
    Ok(None)
}
