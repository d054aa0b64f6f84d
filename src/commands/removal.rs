//! What `down` and `sweep` share: the removal of targets, and the look at what is left, by AWS's own lists and by name.
//! What a list shows and nobody knew of is removed too: it carries the stack's tag.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::{Ending, quoted};
use crate::aws::kind::{CleanupGroup, cleanup_position, must_go_first};
use crate::config::Output;
use crate::engine::{
    self, CancellationToken, Cause, Cleanup, Failure, Inventory, InventoryItem, Leftover, Outcome, Registry, Summary,
    Target, Unread, UnreadTarget, add_listed, list_all, look_again, retry,
};
use crate::error::{Error, Kind};
use crate::report::{self, LOG_POLICY, answer, id_width, left_text, others_text, recoverable_text, say, summary_line};
use crate::scope::{Scope, Whose};
use crate::state::{State, StateStore};

/// The order in which a stack is taken away.
const ORDER: Cleanup = Cleanup { group: cleanup_position, holds: must_go_first };

/// The kind whose access logs AWS delivers.
const HTTP_API: &str = "apigatewayv2.api";

/// The kind of secrets: what is deleted of it may be brought back for some days.
const SECRET: &str = "secretsmanager.secret";

/// How often what lists show and nobody knew of is removed. It shows up at the first look, or lags behind.
const PASSES: usize = 3;

/// For how long something that was deleted may still be listed, in seconds, before it counts as left.
const LINGERS: u64 = 60;

/// Everything that a removal goes by.
pub(super) struct Removal<'a> {
    /// `down` or `sweep`.
    pub verb: &'static str,
    /// The command that goes on.
    pub again: String,
    pub scope: &'a Scope,
    /// What a command of the AWS CLI needs to reach the same region, account and endpoint.
    pub at: String,
    pub registry: &'a Registry,
    pub output: Output,
    pub jobs: usize,
    /// Secrets are removed for good.
    pub purge: bool,
    pub stop: &'a CancellationToken,
    /// What was told of as a stranger's already.
    pub strangers: &'a [(engine::Id, Failure)],
}

/// The flags with which the AWS CLI reaches what this run reaches.
pub(super) fn at(region: &str, profile: Option<&str>, endpoint: Option<&str>) -> String {
    let flag =
        |name: &str, value: Option<&str>| value.map(|value| format!(" --{name} {}", quoted(value))).unwrap_or_default();
    format!("--region {region}{}{}", flag("profile", profile), flag("endpoint-url", endpoint))
}

/// How it went, and what there is now.
#[derive(Default)]
pub(super) struct Removed {
    pub done: Summary,
    pub elapsed: Duration,
    /// Ours, and still there, or perhaps.
    pub left: Vec<Leftover>,
    /// What could not be listed.
    pub unread: Vec<Unread>,
    /// Deleted secrets that can be brought back.
    pub recoverable: Vec<InventoryItem>,
    /// Strangers' things with names like ours.
    pub others: Vec<InventoryItem>,
    /// What AWS made for the whole account on behalf of something that was removed, in words.
    pub shared: Option<&'static str>,
}

impl Removed {
    /// All is gone, and was seen to be.
    pub(super) fn is_clean(&self) -> bool {
        self.done.succeeded() && self.left.is_empty() && self.unread.is_empty()
    }
}

impl Removal<'_> {
    /// What there is, by the lists.
    pub(super) async fn inventory(&self) -> Result<Inventory, Failure> {
        list_all(self.registry, &Whose::Stack(self.scope.stack.clone()), self.stop).await
    }

    /// What of it is to be removed: all that is this stack's, except secrets that are deleted and not to be purged.
    pub(super) fn ours<'a>(&'a self, inventory: &'a Inventory) -> impl Iterator<Item = &'a InventoryItem> {
        inventory.of(&self.scope.stack).filter(|one| self.purge || one.until.is_none())
    }

    /// Of what could not be read, what nothing else tells of. What a list shows as ours is among the targets, and what
    /// hangs under a target goes with it. What is not on record either can be there only if it could not be listed.
    pub(super) fn unknown(
        unseen: Vec<UnreadTarget>,
        targets: &[Target],
        inventory: &Inventory,
        state: &State,
    ) -> Vec<UnreadTarget> {
        let goes = |id: &engine::Id| targets.iter().any(|target| target.id == *id);
        let kept = |UnreadTarget { target, .. }: &UnreadTarget| {
            let on_record = state.resources.contains_key(target.id.as_str());
            !goes(&target.id)
                && !target.parent().is_some_and(goes)
                && (on_record || inventory.by_list.contains(&*target.kind) && inventory.may_lack(&target.kind))
        };
        unseen.into_iter().filter(kept).collect()
    }

    /// Removes `targets`, and looks again until nothing more is to be done about what is left, or was `unseen`.
    pub(super) async fn remove(
        &self,
        targets: Vec<Target>,
        mut unseen: Vec<UnreadTarget>,
        state: &mut State,
        store: &mut (dyn StateStore + Send),
    ) -> Result<Removed, Error> {
        let began = Instant::now();
        let mut removed = Removed::default();
        let (mut dealt, mut next, mut passes) = (Vec::new(), targets, 0);
        let mut patience = Patience::new();
        loop {
            if !next.is_empty() {
                removed.done.merge(self.pass(&next, &unseen, state, store).await);
                dealt.append(&mut next);
                passes += 1;
            }
            if cut_short(&removed.done) {
                break;
            }
            let (again, inventory) = tokio::join!(look_again(&dealt, self.registry, self.stop), self.inventory());
            let inventory = match inventory {
                Err(failure) if failure.cause == Cause::Stopped => {
                    removed.done.stopped = true;
                    break;
                }
                inventory => inventory?,
            };
            if passes < PASSES {
                next = add_listed(&mut dealt.clone(), self.ours(&inventory));
                if !next.is_empty() {
                    self.say(&format!("Found by its tag: {}", names(&next)));
                }
                // It may have been a passing trouble.
                let (seen, still) = match retry(unseen, self.registry, state, self.stop).await {
                    Err(failure) if failure.cause == Cause::Stopped => {
                        removed.done.stopped = true;
                        break;
                    }
                    looked => looked?,
                };
                unseen = still;
                next.extend(seen.into_iter().filter(|one| !names_one(&next, one)).collect::<Vec<_>>());
                if !next.is_empty() {
                    continue;
                }
            }
            let left = self.left(&dealt, &again, &inventory, &removed.done, &unseen);
            // What was deleted may be listed for a while.
            let lingers = |one: &&Leftover| one.seen && removed.done.done.iter().any(|(id, _)| *id == one.id);
            if let Some(one) = left.iter().find(lingers) {
                if patience.first() {
                    self.say(&format!("{} is still listed; looking again for up to {LINGERS} s", one.id));
                }
                if patience.pause(self.stop).await {
                    continue;
                }
            }
            removed.left = left;
            self.look_around(&mut removed, &inventory, &dealt);
            break;
        }
        let logged = |target: &Target| target.kind == HTTP_API;
        removed.shared = dealt.iter().any(logged).then_some(LOG_POLICY);
        if !cut_short(&removed.done) && forget_children(state, &removed.done) {
            // Nothing is removed by this: it writes down what is left on record.
            removed
                .done
                .merge(engine::down(&[], &[], ORDER, self.registry, state, store, 1, self.stop, &mut drop).await);
        }
        removed.elapsed = began.elapsed();
        Ok(removed)
    }

    /// For where there is nothing to remove: what else there is.
    pub(super) fn nothing(&self, inventory: &Inventory, unseen: &[UnreadTarget]) -> Removed {
        let mut removed =
            Removed { left: unseen.iter().map(|one| self.may_be_left(one)).collect(), ..Removed::default() };
        self.look_around(&mut removed, inventory, &[]);
        removed
    }

    fn look_around(&self, removed: &mut Removed, inventory: &Inventory, dealt: &[Target]) {
        let told = |one: &InventoryItem| self.strangers.iter().any(|(_, failure)| is_of(failure, one));
        // A topic takes its subscriptions along, which are listed for a while and carry no tag.
        let went = |one: &InventoryItem| {
            let arns = dealt.iter().filter_map(|target| target.outputs["arn"].as_str());
            arns.into_iter().any(|arn| one.arn.strip_prefix(arn).is_some_and(|rest| rest.starts_with(':')))
        };
        let ours = &self.scope.stack;
        removed.others = inventory.others(ours).filter(|one| !told(one) && !went(one)).cloned().collect();
        removed.recoverable = inventory.of(ours).filter(|one| !self.purge && one.until.is_some()).cloned().collect();
        removed.unread.clone_from(&inventory.unread);
    }

    async fn pass(
        &self,
        targets: &[Target],
        unseen: &[UnreadTarget],
        state: &mut State,
        store: &mut (dyn StateStore + Send),
    ) -> Summary {
        let width = id_width(targets.iter().map(|target| &target.id));
        let mut reporter = report::reporter(self.output, width);
        let done =
            engine::down(targets, unseen, ORDER, self.registry, state, store, self.jobs, self.stop, &mut |event| {
                reporter.on(&event);
            })
            .await;
        reporter.finish();
        done
    }

    /// What is left of what was dealt with: by the lists, and by name.
    fn left(
        &self,
        dealt: &[Target],
        again: &Again,
        inventory: &Inventory,
        done: &Summary,
        unseen: &[UnreadTarget],
    ) -> Vec<Leftover> {
        let mut left: Vec<Leftover> = Vec::new();
        for one in self.ours(inventory) {
            let id = dealt.iter().find(|target| target.is(one)).map_or(&one.id, |target| &target.id);
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
            let Some(target) = dealt.iter().find(|target| target.id == *id) else { continue };
            let outcome = done.done.iter().find(|(done, _)| done == id).map(|(_, outcome)| outcome);
            let error = match (found, outcome) {
                // What it hung under is gone, and tells of itself.
                (Err(_), Some(Outcome::WentWithParent)) => continue,
                // A list that was read to its end does not show it any more.
                (Err(_), Some(_)) if inventory.by_list.contains(&*target.kind) && !inventory.may_lack(&target.kind) => {
                    continue;
                }
                (Err(failure), Some(_)) => {
                    let context = format!("deleted, but it could not be checked that it is gone: {}", failure.context);
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
                remove: self.registry.removal_command(&target.kind, outputs),
                seen: found.is_ok(),
                error,
            });
        }
        let told: Vec<engine::Id> = left.iter().map(|one| one.id.clone()).collect();
        left.extend(unseen.iter().filter(|one| !told.contains(&one.target.id)).map(|one| self.may_be_left(one)));
        left
    }

    /// Something that could not be read, and so was not touched.
    fn may_be_left(&self, UnreadTarget { target, failure }: &UnreadTarget) -> Leftover {
        Leftover {
            id: target.id.clone(),
            kind: target.kind.clone(),
            arn: place(&target.outputs),
            remove: self.registry.removal_command(&target.kind, &target.outputs),
            seen: false,
            error: Some(failure.clone()),
        }
    }

    fn say(&self, text: &str) {
        if !self.output.json && !self.output.quiet {
            say(text);
        }
    }

    /// What goes with what is to be removed, before it is: in which order, and what cannot be undone.
    pub(super) fn announce(&self, targets: &[Target]) {
        self.say(&listing(targets));
        if let Some(warning) = self.warning(targets) {
            self.say(&warning);
        }
    }

    /// That secrets are lost for good.
    pub(super) fn warning(&self, targets: &[Target]) -> Option<String> {
        let secrets: Vec<&str> =
            targets.iter().filter(|target| target.kind == SECRET).map(|target| target.id.parts().1).collect();
        (self.purge && !secrets.is_empty())
            .then(|| format!("With --purge the values of these secrets are lost for good: {}", secrets.join(", ")))
    }

    /// Tells how it went. `on_record` is how many resources the state file still has.
    pub(super) fn tell(&self, removed: &Removed, on_record: usize) {
        let Removed { done, elapsed, left, unread, recoverable, others, shared } = removed;
        if self.output.json {
            let windows: Vec<_> = recoverable
                .iter()
                .map(|one| json!({ "secret": one.id.parts().1, "arn": one.arn, "until_unix": one.until }))
                .collect();
            let extra = json!({
                "left": left, "not_looked_for": unread, "recoverable": windows, "not_ours": others,
                "on_record": on_record, "shared": shared,
            });
            answer(&summary_line(self.verb, done, *elapsed, extra));
            return;
        }
        if self.output.quiet {
            return;
        }
        let gone = done.count(|outcome| matches!(outcome, Outcome::Deleted | Outcome::WentWithParent | Outcome::Gone));
        let nothing = done.done.is_empty() && done.failed.is_empty() && left.is_empty();
        if !done.stopped && !nothing {
            let seen = left.iter().filter(|one| one.seen).count();
            let perhaps = left.len() - seen;
            // A row is of what is there, or of what could not be read.
            let count = seen.max(on_record.saturating_sub(perhaps));
            let perhaps = if perhaps == 0 { String::new() } else { format!(", {perhaps} may be left") };
            say(&format!("{gone} removed, {count} left{perhaps}."));
        }
        for text in [
            left_text(left, unread, &self.at),
            others_text(others, &self.scope.stack),
            recoverable_text(recoverable),
            shared.unwrap_or_default().to_owned(),
        ] {
            if !text.is_empty() {
                say(&text);
            }
        }
    }

    /// Exit code 0 if nothing is left, 4 if something is or may be.
    pub(super) fn ending(&self, removed: &Removed) -> Result<Ending, Error> {
        let Removed { done, left, unread, .. } = removed;
        if removed.is_clean() {
            return Ok(Ending::Done);
        }
        if cut_short(done) {
            super::outcome_of(done, &self.again).map_err(Error::summed_up)?;
        }
        let seen = left.iter().filter(|one| one.seen).count();
        let told = left.iter().map(|one| &one.id);
        // It failed, and is not there all the same.
        let failed = done.failed.iter().filter(|(id, _)| !told.clone().any(|told| told == id)).count();
        let count = |count: usize, one: &str, more: &str| match count {
            0 => None,
            1 => Some(format!("1 resource {one}")),
            count => Some(format!("{count} resources {more}")),
        };
        let what = [
            count(seen, "is still there", "are still there"),
            count(left.len() - seen, "may still be there", "may still be there"),
            count(failed, "could not be removed as it should", "could not be removed as they should"),
            (!unread.is_empty()).then(|| "some services could not be listed, so resources may remain".to_owned()),
        ];
        let what: Vec<String> = what.into_iter().flatten().collect();
        let (again, stack) = (&self.again, &self.scope.stack);
        let sweep = format!("sweep --stack {stack}");
        let error = Error::new(Kind::Resource, what.join("; "))
            .hint("each is listed above, with the reason")
            .hint(format!("when the cause is removed, `securelambda {again}` goes on from here"));
        let error = if *again == sweep {
            error
        } else {
            error.hint(format!("`securelambda {sweep}` finds what carries the stack's tag, and needs no record of it"))
        };
        Err(error.summed_up())
    }
}

/// What tells a thing from others of its kind, for people.
fn place(outputs: &serde_json::Value) -> Option<String> {
    let fields = ["arn", "id", "name", "api_id"].iter().find_map(|field| outputs[*field].as_str());
    fields.map(str::to_owned)
}

/// Whether one of these has the same id.
fn names_one(targets: &[Target], one: &Target) -> bool {
    targets.iter().any(|target| target.id == one.id)
}

/// Takes rows off the record of what hung under something that was removed, and could not be read itself. Whether there
/// were any.
fn forget_children(state: &mut State, done: &Summary) -> bool {
    let before = state.resources.len();
    let mut gone: Vec<String> = done.done.iter().map(|(id, _)| id.to_string()).collect();
    while let Some(parent) = gone.pop() {
        state.resources.retain(|id, row| {
            let went = row.parent.as_ref() == Some(&parent);
            if went {
                gone.push(id.clone());
            }
            !went
        });
    }
    state.resources.len() < before
}

type Again = Vec<(engine::Id, Result<serde_json::Value, Failure>)>;

/// Why something was not removed.
fn reason(done: &Summary, id: &engine::Id) -> Option<Failure> {
    let failed = done.failed.iter().find(|(failed, _)| failed == id).map(|(_, failure)| failure.clone());
    let skipped = || done.skipped.iter().find(|(skipped, _)| skipped == id);
    failed.or_else(|| {
        let (_, because) = skipped()?;
        Some(Failure::refused(format!("not begun, because {because} could not be removed")))
    })
}

/// Whether a run ended before its end, so that it is not the time to look what is left.
fn cut_short(done: &Summary) -> bool {
    done.stopped || done.save_error.is_some() || done.failed.iter().any(|(_, failure)| failure.cause == Cause::Fatal)
}

fn names(targets: &[Target]) -> String {
    targets.iter().map(|target| target.id.as_str()).collect::<Vec<_>>().join(", ")
}

/// What goes, in the documented order.
fn listing(targets: &[Target]) -> String {
    let mut text = String::from("This goes, in this order:\n");
    for (index, group) in CleanupGroup::ALL.iter().enumerate() {
        let ids: Vec<&str> =
            targets.iter().filter(|target| cleanup_position(&target.kind) == index).map(|t| t.id.as_str()).collect();
        if !ids.is_empty() {
            text += &format!("  {}. {}\n     {}\n", index + 1, group.title(), ids.join(", "));
        }
    }
    text.trim_end().to_owned()
}

/// How long to look again for what was deleted and is still listed.
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

    /// Waits before the next look; `false` if there is none to be.
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
            // The next look says that we were asked to stop.
            () = stop.reached(engine::StopLevel::Drain) => {}
        }
        true
    }
}

/// Whether this is the stranger's resource that a failure is about.
fn is_of(failure: &Failure, one: &InventoryItem) -> bool {
    failure.resource.as_ref() == Some(&one.arn)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::engine::{Drift, Found, Listing, Provider, Resource, Task};
    use crate::report::{Palette, Style};
    use crate::scope::Owner;
    use crate::state::StateError;

    #[derive(Clone)]
    struct Thing;

    impl Resource for Thing {
        const KIND: &'static str = "logs.group";
        type Key = String;
        type Outputs = Value;
        type Live = ();
        fn key(&self) -> String {
            String::new()
        }
        fn identity(outputs: &Value) -> String {
            outputs["arn"].clone()
        }
        fn removal_command(_: &Value) -> Option<String> {
            Some("aws rm".to_owned())
        }
        fn drift(&self, (): &()) -> Vec<Drift> {
            Vec::new()
        }
    }

    type Value = std::collections::BTreeMap<String, String>;

    /// A service whose lists lag, and show some things late.
    #[derive(Clone, Default)]
    struct Service {
        looks: Arc<AtomicUsize>,
        /// Name, and between which looks it is listed.
        listed: Vec<(&'static str, std::ops::Range<usize>)>,
        deleted: Arc<Mutex<Vec<String>>>,
        refuses: bool,
    }

    impl Provider<Thing> for Service {
        async fn read(&self, _: &String, _: Option<&Value>, _: &Task) -> Result<Option<Found<Thing>>, Failure> {
            Ok(None)
        }
        async fn create(&self, _: &Thing, _: &Task) -> Result<Value, Failure> {
            Err(Failure::refused("never"))
        }
        async fn update(&self, _: &Thing, _: &Found<Thing>, _: &Task) -> Result<Value, Failure> {
            Err(Failure::refused("never"))
        }
        async fn delete(&self, gone: &Value, _: &Task) -> Result<(), Failure> {
            if self.refuses {
                return Err(Failure::refused("no"));
            }
            self.deleted.lock().expect("no panic holds it").push(gone["arn"].clone());
            Ok(())
        }
        async fn list(&self, _: &Whose) -> Result<Listing, Failure> {
            let look = self.looks.fetch_add(1, Ordering::SeqCst);
            let shown = self.listed.iter().filter(|(_, when)| when.contains(&look));
            let thing = |(name, _): &(&str, _)| {
                let owner = Owner { stack: "demo".into(), resource: Some(format!("logs.{name}")) };
                let outputs = Value::from([("arn".to_owned(), format!("arn:{name}"))]);
                InventoryItem::new::<Thing>((name, &format!("arn:{name}")), Some(owner), |id| id, &outputs)
            };
            Ok(shown.map(thing).collect::<Vec<_>>().into())
        }
    }

    struct Nowhere;

    impl StateStore for Nowhere {
        fn save(&mut self, _: &State) -> Result<(), StateError> {
            Ok(())
        }
    }

    async fn run(service: &Service) -> (Removed, Duration) {
        let palette = Palette { color: false, unicode: false };
        let removal = Removal {
            verb: "down",
            again: "down".into(),
            scope: &Scope {
                partition: "aws".into(),
                account: "123456789012".into(),
                region: "eu-central-1".into(),
                stack: "demo".into(),
            },
            at: String::new(),
            registry: &Registry::default().with::<Thing>(service.clone()),
            output: Output {
                json: false,
                quiet: true,
                verbose: false,
                timings: false,
                style: Style::Quiet,
                can_ask: false,
                answers: palette,
                messages: palette,
            },
            jobs: 1,
            purge: false,
            stop: &CancellationToken::never(),
            strangers: &[],
        };
        let mut targets = Vec::new();
        add_listed(&mut targets, removal.ours(&removal.inventory().await.expect("a list")));
        let began = Instant::now();
        let mut state = State::new("demo", "123456789012", "eu-central-1", None);
        let removed = removal.remove(targets, Vec::new(), &mut state, &mut Nowhere).await.expect("a removal");
        (removed, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_list_still_shows_for_a_while_is_no_survivor() {
        let service = Service { listed: vec![("f", 0..4)], ..Service::default() };
        let (removed, elapsed) = run(&service).await;
        assert_eq!(removed.left, []);
        assert_eq!(removed.done.done.len(), 1);
        assert!(elapsed > Duration::from_secs(2), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_list_shows_for_ever_is_one_in_the_end() {
        let service = Service { listed: vec![("f", 0..999)], ..Service::default() };
        let (removed, elapsed) = run(&service).await;
        assert_eq!(removed.left.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["logs.f"]);
        assert!(elapsed <= Duration::from_secs(LINGERS), "{elapsed:?}");
    }

    #[test]
    fn commands_that_are_printed_reach_the_same_place() {
        assert_eq!(at("eu-central-1", None, None), "--region eu-central-1");
        let all = "--region us-east-1 --profile op --endpoint-url http://127.0.0.1:9";
        assert_eq!(at("us-east-1", Some("op"), Some("http://127.0.0.1:9")), all);
        assert_eq!(at("us-east-1", Some("my profile"), None), "--region us-east-1 --profile 'my profile'");
    }

    #[tokio::test(start_paused = true)]
    async fn what_shows_up_late_is_removed_too() {
        let service = Service { listed: vec![("f", 0..1), ("g", 1..2)], ..Service::default() };
        let (removed, _) = run(&service).await;
        assert_eq!(removed.left, []);
        assert_eq!(*service.deleted.lock().expect("no panic holds it"), ["arn:f", "arn:g"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_removed_is_left_without_waiting() {
        let service = Service { listed: vec![("f", 0..999)], refuses: true, ..Service::default() };
        let (removed, elapsed) = run(&service).await;
        assert_eq!(removed.left[0].error.as_ref().map(ToString::to_string).as_deref(), Some("no"));
        assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
    }

    #[tokio::test]
    async fn a_stranger_that_was_told_of_hides_none_whose_name_begins_alike() {
        let service = Service { listed: vec![("orders", 0..9), ("orders-2", 0..9)], ..Service::default() };
        let listed = service.list(&Whose::Stack("demo".into())).await.expect("a list");
        let told = Failure::foreign("the log group", "arn:orders-2");
        let secrets: Vec<&str> =
            listed.listed.iter().filter(|one| is_of(&told, one)).map(|one| one.arn.as_str()).collect();
        assert_eq!(secrets, ["arn:orders-2"]);
    }
}
