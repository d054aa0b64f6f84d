//! The steps that delete resources, one group after the other. The resources of a group are deleted at the same time,
//! but dependents before their dependencies. `targets.rs` finds the resources to delete, and `order.rs` decides when
//! each is deleted.

use serde_json::Value;

use super::Id;
use super::dyn_provider::Registry;
use super::event::{Outcome, Summary, Verb};
use super::order::{Cleanup, Order};
use super::save::save;
use super::scheduler::{Begin, Phase, Run, Steps, schedule};
use super::targets::{Target, UnreadTarget};
use crate::state::{Record, State};

/// Deletes `targets` in the order of `cleanup`. The resources in `unread` could not be read and stay, so targets that
/// they hold stay too.
///
/// The record of a resource is removed after the resource, so another run can continue an interrupted deletion.
pub async fn delete(run: &mut Run<'_>, targets: &[Target], unread: &[UnreadTarget], cleanup: Cleanup) -> Summary {
    for target in targets {
        run.state.resources.insert(target.id.to_string(), target.record());
    }
    let mut summary = Summary::default();
    // Save even if there is nothing to delete: reading may have removed records of resources that are gone.
    if !save(run, Vec::new(), &mut summary).await {
        return summary;
    }
    let mut steps = Delete { targets, unread, order: Order::new(targets, cleanup) };
    schedule(run, &mut steps).await
}

struct Delete<'a> {
    targets: &'a [Target],
    unread: &'a [UnreadTarget],
    order: Order,
}

impl Steps for Delete<'_> {
    type Output = ();

    fn len(&self) -> usize {
        self.targets.len()
    }

    fn id(&self, index: usize) -> &Id {
        &self.targets[index].id
    }

    fn held(&self) -> Vec<(usize, Id)> {
        self.order.held(self.targets, self.unread)
    }

    fn next(&self, phases: &[Phase]) -> Option<usize> {
        self.order.next(phases)
    }

    fn begin(&self, index: usize, registry: &Registry, _: &State) -> Begin<()> {
        let target = &self.targets[index];
        let (provider, outputs) = (registry.of(&target.kind), target.outputs.clone());
        let work = Box::new(move |task| Box::pin(async move { provider?.delete(outputs, task).await }) as _);
        Begin::Calls { verb: Verb::Delete, intent: None, work }
    }

    /// All intents were saved before the first step.
    fn put(&mut self, _: usize, _: Record, _: &mut State) -> bool {
        false
    }

    fn record(&mut self, index: usize, (): (), state: &mut State) -> (Vec<(usize, Outcome)>, Option<Value>) {
        let mut gone = vec![(index, Outcome::Deleted)];
        gone.extend(self.order.went_with(index).into_iter().map(|child| (child, Outcome::WentWithParent)));
        for (index, _) in &gone {
            state.resources.remove(self.id(*index).as_str());
        }
        (gone, None)
    }

    fn stuck(&self, phases: &[Phase]) -> Option<(usize, usize)> {
        self.order.stuck(self.targets, phases)
    }
}
