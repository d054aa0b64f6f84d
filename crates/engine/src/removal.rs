//! Removes a whole stack: deletes the targets, lists and reads again, and deletes the resources that are found. A
//! listed resource with the stack's tag is removed even if neither the graph nor the state contains it.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::Id;
use super::delete::delete;
use super::dyn_provider::Registry;
use super::event::{Event, Outcome, Summary};
use super::failure::{Cause, Failure};
use super::inventory::{Inventory, InventoryItem, Leftover, list_all};
use super::order::Cleanup;
use super::save::save;
use super::scheduler::Run;
use super::spared::Spared;
use super::targets::{Target, UnreadTarget, add_listed, read_again, retry};
use super::task::{CancellationToken, StopLevel};
use crate::owner::Whose;
use crate::state::State;

/// The most rounds of deletion. Rounds after the first one delete resources that lists show late.
const PASSES: usize = 3;

/// How many seconds a deleted resource may still be listed before it counts as left.
pub const LINGERS: u64 = 60;

/// The options of a removal.
pub struct Removal<'a> {
    pub stack: &'a str,
    pub cleanup: Cleanup,
    /// Also removes deleted resources that can be recovered.
    pub purge: bool,
    /// The resources that stay.
    pub spared: Spared,
}

/// The result of a removal.
#[derive(Default)]
pub struct Removed {
    pub done: Summary,
    pub elapsed: Duration,
    /// All targets, including those that were found later.
    pub targets: Vec<Target>,
    /// Resources of the stack that are still there, or may be.
    pub left: Vec<Leftover>,
    /// The lists after the removal. Empty if the run ended early.
    pub inventory: Inventory,
}

impl Removed {
    /// Whether everything is gone and all lists confirm it.
    pub fn is_clean(&self) -> bool {
        self.done.succeeded() && self.left.is_empty() && self.inventory.unread.is_empty()
    }

    /// Whether the run ended early, so that it is not known what is left.
    pub fn is_cut_short(&self) -> bool {
        is_cut_short(&self.done)
    }
}

impl Removal<'_> {
    /// Lists the resources that may belong to the stack.
    pub async fn list(&self, registry: &Registry, stop: &CancellationToken) -> Result<Inventory, Failure> {
        list_all(registry, &Whose::Stack(self.stack.to_owned()), stop).await
    }

    /// The listed resources of this stack that must be removed, without the spared ones. Deleted resources that can be
    /// recovered are included only with `purge`. Resources whose deletion cannot be hastened are never included.
    pub fn ours<'a>(&'a self, inventory: &'a Inventory) -> impl Iterator<Item = &'a InventoryItem> {
        let goes = |one: &&InventoryItem| one.until.is_none() || self.purge && !one.ends_by_itself;
        inventory.of(self.stack).filter(goes).filter(|one| !self.spared.holds(one.kind, &one.id))
    }

    /// The listed resources of this stack that are spared.
    pub fn stays<'a>(&'a self, inventory: &'a Inventory) -> impl Iterator<Item = &'a InventoryItem> {
        inventory.of(self.stack).filter(|one| one.until.is_none() && self.spared.holds(one.kind, &one.id))
    }

    /// The unread targets that may remain after `targets` are removed. An unread target is left out if it, or its
    /// parent, is in `targets`. One that is not on record is also left out, unless the list of its kind is incomplete.
    pub fn unaccounted(
        unread: Vec<UnreadTarget>,
        targets: &[Target],
        inventory: &Inventory,
        state: &State,
    ) -> Vec<UnreadTarget> {
        let goes = |id: &Id| targets.iter().any(|target| target.id == *id);
        let kept = |UnreadTarget { target, .. }: &UnreadTarget| {
            let on_record = state.resources.contains_key(target.id.as_str());
            !goes(&target.id)
                && !target.parent().is_some_and(goes)
                && (on_record || inventory.by_list.contains(&*target.kind) && inventory.may_lack(&target.kind))
        };
        unread.into_iter().filter(kept).collect()
    }

    /// Removes `targets`, then lists and reads again, until nothing is left or the rest cannot be removed. The
    /// resources in `unread` could not be read so far and are read again.
    ///
    /// # Errors
    /// A failure that every call would have, such as expired credentials.
    pub async fn remove(
        &self,
        run: &mut Run<'_>,
        targets: Vec<Target>,
        mut unread: Vec<UnreadTarget>,
    ) -> Result<Removed, Failure> {
        let began = Instant::now();
        let stop = run.stop.clone();
        let mut removed = Removed::default();
        let (mut next, mut passes) = (targets, 0);
        let mut patience = Patience::new();
        loop {
            if !next.is_empty() {
                removed.done.merge(delete(run, &next, &unread, self.cleanup).await);
                removed.targets.append(&mut next);
                passes += 1;
            }
            if is_cut_short(&removed.done) {
                break;
            }
            let (again, inventory) =
                tokio::join!(read_again(&removed.targets, run.registry, &stop), self.list(run.registry, &stop));
            let inventory = match inventory {
                Err(failure) if failure.cause == Cause::Stopped => {
                    removed.done.stopped = true;
                    break;
                }
                inventory => inventory?,
            };
            if passes < PASSES {
                next = add_listed(&mut removed.targets.clone(), self.ours(&inventory));
                if !next.is_empty() {
                    (run.tell)(Event::FoundByTag { ids: next.iter().map(|target| target.id.clone()).collect() });
                }
                // Read the unread targets again, because their failures may have been temporary.
                let (found, still_unread) = match retry(unread, run.registry, run.state, &stop).await {
                    Err(failure) if failure.cause == Cause::Stopped => {
                        removed.done.stopped = true;
                        break;
                    }
                    read => read?,
                };
                unread = still_unread;
                let known = |one: &Target| next.iter().any(|target| target.id == one.id);
                let found: Vec<Target> = found.into_iter().filter(|one| !known(one)).collect();
                next.extend(found);
                if !next.is_empty() {
                    continue;
                }
            }
            let left = self.left(run.registry, &removed, &again, &inventory, &unread);
            // A deleted resource may still be listed for a while.
            let lingers = |one: &&Leftover| one.seen && removed.done.done.iter().any(|(id, _)| *id == one.id);
            if let Some(one) = left.iter().find(lingers) {
                if patience.first() {
                    (run.tell)(Event::StillListed { id: one.id.clone(), for_up_to: Duration::from_secs(LINGERS) });
                }
                if patience.pause(&stop).await {
                    continue;
                }
            }
            removed.left = left;
            removed.inventory = inventory;
            break;
        }
        if !is_cut_short(&removed.done) && forget_children(run.state, &removed.done) {
            save(run, Vec::new(), &mut removed.done).await;
        }
        removed.elapsed = began.elapsed();
        Ok(removed)
    }

    /// The result for a stack without targets.
    pub fn nothing(registry: &Registry, inventory: Inventory, unread: &[UnreadTarget]) -> Removed {
        let left = unread.iter().map(|one| may_be_left(registry, one)).collect();
        Removed { left, inventory, ..Removed::default() }
    }

    /// The resources that are left, according to the lists and to a read of each target.
    fn left(
        &self,
        registry: &Registry,
        Removed { targets, done, .. }: &Removed,
        again: &Again,
        inventory: &Inventory,
        unread: &[UnreadTarget],
    ) -> Vec<Leftover> {
        let mut left: Vec<Leftover> = Vec::new();
        for one in self.ours(inventory) {
            let id = targets
                .iter()
                .find(|target| target.is(one.kind, one.identity.as_deref()))
                .map_or(&one.id, |target| &target.id);
            left.push(Leftover {
                id: id.clone(),
                kind: one.kind.to_owned(),
                arn: Some(one.arn.clone()),
                remove: Some(one.remove.clone()),
                seen: true,
                error: reason(done, id),
            });
        }
        for (id, found) in again {
            if left.iter().any(|known| known.id == *id) {
                continue;
            }
            let Some(target) = targets.iter().find(|target| target.id == *id) else { continue };
            let outcome = done.done.iter().find(|(done, _)| done == id).map(|(_, outcome)| outcome);
            let error = match (found, outcome) {
                // It was deleted together with its parent. If the parent is left, the parent is reported.
                (Err(_), Some(Outcome::WentWithParent)) => continue,
                // A complete list does not show it any more.
                (Err(_), Some(_)) if inventory.by_list.contains(&*target.kind) && !inventory.may_lack(&target.kind) => {
                    continue;
                }
                (Err(failure), Some(_)) => {
                    let context =
                        format!("deleted, but the check that it no longer exists failed: {}", failure.context);
                    Some(Failure { context, ..failure.clone() })
                }
                (Err(failure), None) => reason(done, id).or_else(|| Some(failure.clone())),
                (Ok(_), _) => reason(done, id),
            };
            let outputs = found.as_ref().unwrap_or(&target.outputs);
            left.push(Leftover {
                id: id.clone(),
                kind: target.kind.clone(),
                arn: place(outputs),
                remove: registry.removal_command(&target.kind, outputs),
                seen: found.is_ok(),
                error,
            });
        }
        let told: Vec<Id> = left.iter().map(|one| one.id.clone()).collect();
        let unread = unread.iter().filter(|one| !told.contains(&one.target.id));
        left.extend(unread.map(|one| may_be_left(registry, one)));
        left
    }
}

/// A resource that could not be read, and so was not touched.
fn may_be_left(registry: &Registry, UnreadTarget { target, failure }: &UnreadTarget) -> Leftover {
    Leftover {
        id: target.id.clone(),
        kind: target.kind.clone(),
        arn: place(&target.outputs),
        remove: registry.removal_command(&target.kind, &target.outputs),
        seen: false,
        error: Some(failure.clone()),
    }
}

type Again = Vec<(Id, Result<Value, Failure>)>;

/// The output that identifies a resource to people.
fn place(outputs: &Value) -> Option<String> {
    ["arn", "id", "name", "api_id"].iter().find_map(|field| outputs[*field].as_str()).map(str::to_owned)
}

/// Removes the records of all children of removed resources; some of them could not be read themselves. Returns whether
/// there were any.
fn forget_children(state: &mut State, done: &Summary) -> bool {
    let before = state.resources.len();
    let mut gone: Vec<String> = done.done.iter().map(|(id, _)| id.to_string()).collect();
    while let Some(parent) = gone.pop() {
        state.resources.retain(|id, record| {
            let went = record.parent.as_ref() == Some(&parent);
            if went {
                gone.push(id.clone());
            }
            !went
        });
    }
    state.resources.len() < before
}

/// The reason why a resource was not removed.
fn reason(done: &Summary, id: &Id) -> Option<Failure> {
    let failed = done.failed.iter().find(|(failed, _)| failed == id).map(|(_, failure)| failure.clone());
    let skipped = || done.skipped.iter().find(|(skipped, _)| skipped == id);
    failed.or_else(|| {
        let (_, because) = skipped()?;
        Some(Failure::refused(format!("not started, because {because} could not be removed")))
    })
}

fn is_cut_short(done: &Summary) -> bool {
    done.stopped || done.save_error.is_some() || done.failed.iter().any(|(_, failure)| failure.cause == Cause::Fatal)
}

/// The pauses between lists while a deleted resource is still listed.
struct Patience {
    began: Option<Instant>,
    next: Duration,
}

impl Patience {
    fn new() -> Self {
        Self { began: None, next: Duration::from_secs(1) }
    }

    fn first(&self) -> bool {
        self.began.is_none()
    }

    /// Waits before the next list. Returns `false` if the time is up.
    async fn pause(&mut self, stop: &CancellationToken) -> bool {
        let began = *self.began.get_or_insert_with(Instant::now);
        let time_scale = stop.time_scale();
        if began.elapsed() + time_scale.of(self.next) > time_scale.of(Duration::from_secs(LINGERS)) {
            return false;
        }
        let pause = self.next;
        self.next = (pause * 3 / 2).min(Duration::from_secs(5));
        tokio::select! {
            () = tokio::time::sleep(time_scale.of(pause)) => {}
            // The next list returns the request to stop as a failure.
            () = stop.reached(StopLevel::Drain) => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::owner::Owner;
    use crate::state::{Answer, StateId, StateStore};
    use crate::{Comparison, Found, Listing, Provider, Resource, Task};

    #[derive(Clone)]
    struct Thing;

    impl Resource for Thing {
        const KIND: &'static str = "logs.group";
        const GOES_WITH_PARENT: bool = false;
        const NAME_IS_UNIQUE: bool = true;
        const ID_IS_GIVEN_ONCE: bool = false;
        const GUARDS: bool = false;
        type Key = String;
        type Outputs = Outputs;
        type Live = ();
        fn key(&self) -> String {
            String::new()
        }
        fn identity(outputs: &Outputs) -> String {
            outputs["arn"].clone()
        }
        fn removal_command(_: &Outputs) -> Option<String> {
            Some("aws rm".to_owned())
        }
        fn compare(&self, (): &()) -> Comparison {
            Comparison::default()
        }
    }

    type Outputs = std::collections::BTreeMap<String, String>;

    /// A service whose lists still show deleted resources for a while and show new ones late.
    #[derive(Clone, Default)]
    struct Service {
        lists: Arc<AtomicUsize>,
        /// Each resource's name, and the calls of the list that show it.
        listed: Vec<(&'static str, std::ops::Range<usize>)>,
        deleted: Arc<Mutex<Vec<String>>>,
        refuses: bool,
    }

    impl Provider<Thing> for Service {
        async fn read(&self, _: &String, _: Option<&Outputs>, _: &Task) -> Result<Option<Found<Thing>>, Failure> {
            Ok(None)
        }
        async fn create(&self, _: &Thing, _: &Task) -> Result<Outputs, Failure> {
            Err(Failure::refused("never"))
        }
        async fn update(&self, _: &Thing, _: &Found<Thing>, _: &Task) -> Result<Outputs, Failure> {
            Err(Failure::refused("never"))
        }
        async fn list(&self, _: &Whose) -> Result<Listing, Failure> {
            let list = self.lists.fetch_add(1, Ordering::SeqCst);
            let shown = self.listed.iter().filter(|(_, when)| when.contains(&list));
            let thing = |(name, _): &(&str, _)| {
                let owner = Owner {
                    stack: "demo".into(),
                    resource: Some(format!("logs.{name}")),
                    lineage: None,
                    expires: None,
                };
                let outputs = Outputs::from([("arn".to_owned(), format!("arn:{name}"))]);
                InventoryItem::new::<Thing>((name, &format!("arn:{name}")), Some(owner), |id| id, &outputs)
            };
            Ok(shown.map(thing).collect::<Vec<_>>().into())
        }
        async fn delete(&self, gone: &Outputs, _: &Task) -> Result<(), Failure> {
            if self.refuses {
                return Err(Failure::refused("no"));
            }
            self.deleted.lock().expect("no panic holds it").push(gone["arn"].clone());
            Ok(())
        }
    }

    struct Nowhere;

    impl StateStore for Nowhere {
        fn save<'a>(&'a mut self, _: &'a State) -> Answer<'a, ()> {
            Box::pin(async { Ok(()) })
        }

        fn delete(&mut self) -> Answer<'_, ()> {
            Box::pin(async { Ok(()) })
        }

        fn release(&mut self) -> Answer<'_, ()> {
            Box::pin(async { Ok(()) })
        }
    }

    async fn run(service: &Service) -> (Removed, Duration) {
        let registry = Registry::default().with::<Thing>(service.clone());
        let cleanup = Cleanup { group: |_| 0, holds: |_, _| true };
        let removal = Removal { stack: "demo", cleanup, purge: false, spared: Spared::default() };
        let id = StateId { stack: "demo".into(), account: "123456789012".into(), region: "eu-central-1".into() };
        let stop = CancellationToken::never();
        let mut run = Run {
            registry: &registry,
            state: &mut State::new(&id, None),
            store: &mut Nowhere,
            jobs: 1,
            stop: &stop,
            tell: &mut |_| (),
        };
        let mut targets = Vec::new();
        add_listed(&mut targets, removal.ours(&removal.list(&registry, &stop).await.expect("a list")));
        let began = Instant::now();
        let removed = removal.remove(&mut run, targets, Vec::new()).await.expect("a removal");
        (removed, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_deleted_resource_that_is_listed_for_a_while_is_not_reported_as_left() {
        let service = Service { listed: vec![("f", 0..4)], ..Service::default() };
        let (removed, elapsed) = run(&service).await;
        assert_eq!(removed.left, []);
        assert_eq!(removed.done.done.len(), 1);
        assert!(elapsed > Duration::from_secs(2), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_deleted_resource_that_stays_listed_is_reported_as_left() {
        let service = Service { listed: vec![("f", 0..999)], ..Service::default() };
        let (removed, elapsed) = run(&service).await;
        assert_eq!(removed.left.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["logs.f"]);
        assert!(elapsed <= Duration::from_secs(LINGERS), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_resource_that_is_listed_late_is_removed_too() {
        let service = Service { listed: vec![("f", 0..1), ("g", 1..2)], ..Service::default() };
        let (removed, _) = run(&service).await;
        assert_eq!(removed.left, []);
        assert_eq!(*service.deleted.lock().expect("no panic holds it"), ["arn:f", "arn:g"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_resource_that_could_not_be_removed_is_reported_without_waiting() {
        let service = Service { listed: vec![("f", 0..999)], refuses: true, ..Service::default() };
        let (removed, elapsed) = run(&service).await;
        assert_eq!(removed.left[0].error.as_ref().map(ToString::to_string).as_deref(), Some("no"));
        assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
    }
}
