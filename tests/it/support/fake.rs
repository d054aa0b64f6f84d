//! A fake cloud in memory, for the engine's tests. Like AWS, it acts first and answers later. It can refuse a call, lose an
//! answer, answer slowly, or cut the caller's power.
//!
//! It also checks its callers. At every create, the caller's disk must contain the intent, and every dependency must be
//! recorded as ready. It refuses to create a resource from one that does not exist, and to delete one that another
//! depends on. [`Cloud::violations`] lists the errors of callers.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use securelambda::engine::{Cause, Comparison, Drift, Failure, Found, Provider, Registry, Resource, Task};
use securelambda::state::Status;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::simulation::{Disk, Power};

/// How long an answer takes by default.
pub const ANSWER: Duration = Duration::from_millis(100);

/// A kind of toy resource.
pub trait Kind: Clone + Send + Sync + 'static {
    const NAME: &'static str;
    /// Whether a second resource of the same name is refused. If it is not, lists may also omit new resources.
    const UNIQUE: bool;
    /// Whether it is deleted with its parent.
    const CHILD: bool;
}

macro_rules! kinds {
    ($($kind:ident $name:ident unique $unique:literal child $child:literal;)+) => {
        $(
            #[derive(Clone)]
            pub struct $kind;
            impl Kind for $kind {
                const NAME: &'static str = stringify!($name);
                const UNIQUE: bool = $unique;
                const CHILD: bool = $child;
            }
            pub fn $name(name: &str) -> Toy<$kind> {
                Toy { name: name.to_owned(), under: None, settings: BTreeMap::new(), kind: PhantomData }
            }
        )+
        pub fn registry(cloud: &Cloud) -> Registry {
            Registry::default()$(.with::<Toy<$kind>>(cloud.clone()))+
        }
    };
}
kinds! {
    Role role unique true child false;
    Pool pool unique false child false;
    Client client unique false child true;
    Function function unique true child false;
    Route route unique true child true;
}

/// A desired toy resource: `client("web").under(&pool).with("flow", "code")`.
#[derive(Clone)]
pub struct Toy<K> {
    name: String,
    under: Option<String>,
    settings: BTreeMap<String, String>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Toy<K> {
    pub fn under(self, parent: &ToyOutputs) -> Self {
        Self { under: Some(parent.id.clone()), ..self }
    }

    pub fn with(mut self, setting: &str, value: &str) -> Self {
        self.settings.insert(setting.to_owned(), value.to_owned());
        self
    }

    /// Depends on `other`, which must exist as long as this does.
    pub fn using(self, other: &ToyOutputs) -> Self {
        let setting = format!("uses {}", other.name);
        self.with(&setting, &other.id)
    }

    /// Contains the id of `other`, which may be deleted before this.
    pub fn mentioning(self, other: &ToyOutputs) -> Self {
        let setting = format!("mentions {}", other.name);
        self.with(&setting, &other.id)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToyOutputs {
    pub id: String,
    pub name: String,
}

/// The key by which a toy is found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToyKey {
    name: String,
    under: Option<String>,
}

impl<K: Kind> Resource for Toy<K> {
    const KIND: &'static str = K::NAME;
    const GOES_WITH_PARENT: bool = K::CHILD;
    const NAME_IS_UNIQUE: bool = K::UNIQUE;
    // A resource without a unique name has an id from the cloud.
    const ID_IS_GIVEN_ONCE: bool = !K::UNIQUE;
    const GUARDS: bool = false;
    type Key = ToyKey;
    type Outputs = ToyOutputs;
    type Live = BTreeMap<String, String>;

    fn key(&self) -> ToyKey {
        ToyKey { name: self.name.clone(), under: self.under.clone() }
    }

    fn identity(outputs: &ToyOutputs) -> String {
        outputs.id.clone()
    }

    fn removal_command(_: &ToyOutputs) -> Option<String> {
        None
    }

    /// A change of `stream` also changes the id.
    fn renewed(&self, outputs: &ToyOutputs, drift: &[Drift]) -> Option<ToyOutputs> {
        let other = drift.iter().any(|drift| drift.field == "stream");
        other.then(|| ToyOutputs { id: "(known after apply)".to_owned(), ..outputs.clone() })
    }

    fn compare(&self, live: &Self::Live) -> Comparison {
        let drift: Vec<_> = {
            let differs = |(setting, want): (&String, &String)| {
                let (want, live) = (Some(want), live.get(setting));
                (want != live).then(|| Drift::new(setting, format!("{want:?}"), format!("{live:?}")))
            };
            let extra = |setting: &str| setting.starts_with("uses ") && !self.settings.contains_key(setting);
            let extra = live.iter().filter(|(setting, _)| extra(setting));
            let extra = extra.map(|(setting, live)| Drift::new(setting, "", live));
            self.settings.iter().filter_map(differs).chain(extra).collect()
        };
        drift.into_iter().collect()
    }
}

/// The fault that is injected into a call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Does nothing and answers with this failure.
    Fail(Failure),
    /// Acts, and answers that the outcome is unknown.
    LoseAnswer,
    /// Acts, and answers after this time.
    Slow(Duration),
    /// Cuts the caller's power when the call arrives.
    CutBefore,
    /// Cuts the caller's power after acting.
    CutAfter,
}

impl Fault {
    pub fn refuse() -> Self {
        Self::fail(Cause::Refused)
    }

    pub fn fail(cause: Cause) -> Self {
        Self::Fail(Failure::new(cause, format!("{cause:?}, as told")))
    }
}

/// A cloud. Its clones share one state.
#[derive(Clone)]
pub struct Cloud(Arc<Mutex<Inner>>);

struct Inner {
    toys: BTreeMap<String, StoredToy>,
    created: usize,
    rules: Vec<Rule>,
    calls: Vec<String>,
    violations: Vec<String>,
    in_flight: usize,
    most_in_flight: usize,
    lag: Duration,
    acts_before_the_answer: bool,
    disk: Disk,
}

/// A toy that exists in the cloud.
#[derive(Clone)]
struct StoredToy {
    kind: &'static str,
    place: ToyKey,
    settings: BTreeMap<String, String>,
    child: bool,
    ours: bool,
    seen_from: Instant,
}

/// A fault for the nth call whose name begins with `call`.
struct Rule {
    call: String,
    countdown: usize,
    fault: Fault,
}

impl Cloud {
    /// An empty cloud, whose caller has this disk.
    pub fn new(disk: &Disk) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            toys: BTreeMap::new(),
            created: 0,
            rules: Vec::new(),
            calls: Vec::new(),
            violations: Vec::new(),
            in_flight: 0,
            most_in_flight: 0,
            lag: Duration::ZERO,
            acts_before_the_answer: false,
            disk: disk.clone(),
        })))
    }

    /// Injects a fault into the `nth` call from now that begins with `call`: `create`, `create pool`, `create pool.users`.
    pub fn on(&self, call: &str, nth: usize, fault: Fault) {
        self.inner().rules.push(Rule { call: call.to_owned(), countdown: nth, fault });
    }

    /// Removes all injected faults.
    pub fn clear_faults(&self) {
        self.inner().rules.clear();
    }

    /// From now on, new resources without a unique name are found by name only after this time.
    pub fn lag(&self, lag: Duration) {
        self.inner().lag = lag;
    }

    /// From now on, the cloud acts just before it answers, so that a call in flight may have no effect at all.
    pub fn act_before_the_answer(&self) {
        self.inner().acts_before_the_answer = true;
    }

    /// The calls since this was last called, such as `create pool.users`.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.inner().calls)
    }

    /// The calls that are no reads, since the calls were last taken.
    pub fn writes(&self) -> Vec<String> {
        self.calls().into_iter().filter(|call| !call.starts_with("read")).collect()
    }

    /// The largest number of calls in flight at once, since this was last called.
    pub fn most_in_flight(&self) -> usize {
        std::mem::take(&mut self.inner().most_in_flight)
    }

    /// The errors of callers.
    pub fn violations(&self) -> Vec<String> {
        self.inner().violations.clone()
    }

    /// The stack's own resources, sorted. A resource that exists twice is listed twice.
    pub fn ours(&self) -> Vec<String> {
        let inner = self.inner();
        let mut ours: Vec<String> = inner.toys.values().filter(|real| real.ours).map(StoredToy::call).collect();
        ours.sort();
        ours
    }

    /// Adds a resource that belongs to somebody else.
    pub fn add_foreign<K: Kind>(&self, thing: &Toy<K>) -> String {
        self.inner().put(thing, false)
    }

    /// Changes a setting, as another tool would.
    pub fn change_externally(&self, what: &str, setting: &str, value: &str) {
        let mut inner = self.inner();
        let real = inner.toys.values_mut().find(|real| real.call() == what).unwrap();
        real.settings.insert(setting.to_owned(), value.to_owned());
    }

    /// Deletes a resource and its children, as another tool would.
    pub fn delete_externally(&self, what: &str) {
        let mut inner = self.inner();
        let id = inner.toys.iter().find(|(_, real)| real.call() == what).unwrap().0.clone();
        for gone in inner.tree(&id) {
            inner.toys.remove(&gone);
        }
    }

    /// Gives a resource a new id, as if another tool had replaced it together with its dependents.
    pub fn replace_externally(&self, what: &str) {
        let mut inner = self.inner();
        let (old, real) = inner.toys.iter().find(|(_, real)| real.call() == what).unwrap();
        let (old, real) = (old.clone(), real.clone());
        let new = format!("{old}-again");
        inner.toys.remove(&old);
        inner.toys.insert(new.clone(), real);
        for other in inner.toys.values_mut() {
            let ids = other.settings.values_mut().chain(other.place.under.as_mut());
            ids.filter(|id| **id == old).for_each(|id| id.clone_from(&new));
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn call<T>(
        &self,
        verb: &str,
        what: String,
        task: &Task,
        work: impl FnOnce(&mut Inner) -> Result<T, Failure> + Send,
    ) -> Result<T, Failure> {
        let call = format!("{verb} {what}");
        let power = self.inner().disk.power();
        wait_if_cut(&power).await;
        let (fault, late) = {
            let mut inner = self.inner();
            inner.in_flight += 1;
            inner.most_in_flight = inner.most_in_flight.max(inner.in_flight);
            inner.calls.push(call.clone());
            if verb == "create" {
                inner.check_promises(task);
            }
            (inner.fault(&call), inner.acts_before_the_answer)
        };
        let _flight = InFlight(self.clone());
        let mut wait = ANSWER;
        match fault {
            Some(Fault::Fail(failure)) => {
                sleep(ANSWER).await;
                return Err(failure);
            }
            Some(Fault::CutBefore) => power.cut(),
            Some(Fault::Slow(time)) => wait = time,
            Some(Fault::LoseAnswer | Fault::CutAfter) | None => {}
        }
        wait_if_cut(&power).await;
        if late {
            sleep(wait).await;
            wait_if_cut(&power).await;
        }
        let answer = work(&mut self.inner());
        if matches!(fault, Some(Fault::CutAfter)) {
            power.cut();
            wait_if_cut(&power).await;
        }
        if !late {
            sleep(wait).await;
        }
        match fault {
            Some(Fault::LoseAnswer) => Err(Failure::new(Cause::Unknown, "the answer was lost, as told")),
            _ => answer,
        }
    }
}

/// Never returns if the power is off: a call of a killed process has no effect.
async fn wait_if_cut(power: &Power) {
    if power.is_cut() {
        std::future::pending::<()>().await;
    }
}

struct InFlight(Cloud);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.inner().in_flight -= 1;
    }
}

impl Inner {
    fn fault(&mut self, call: &str) -> Option<Fault> {
        let mut fault = None;
        for rule in self.rules.iter_mut().filter(|rule| rule.countdown > 0 && call.starts_with(&rule.call)) {
            rule.countdown -= 1;
            if rule.countdown == 0 {
                fault = Some(rule.fault.clone());
            }
        }
        fault
    }

    /// Checks the engine's promises 1 and 2 (docs/architecture.md) at a create.
    fn check_promises(&mut self, task: &Task) {
        let state = self.disk.state();
        let Some(row) = state.resources.get(task.id().as_str()) else {
            return self.violations.push(format!("{} is created and its intent is not on disk", task.id()));
        };
        for need in &row.needs {
            let ready =
                state.resources.get(need).is_some_and(|row| row.status == Status::Ready && row.outputs.is_some());
            if !ready {
                self.violations.push(format!("{} is created before {need} is on disk", task.id()));
            }
        }
    }

    fn put<K: Kind>(&mut self, want: &Toy<K>, ours: bool) -> String {
        self.created += 1;
        let id = format!("{}-{}", K::NAME, self.created);
        let lag = if K::UNIQUE { Duration::ZERO } else { self.lag };
        let real = StoredToy {
            kind: K::NAME,
            place: want.key(),
            settings: want.settings.clone(),
            child: K::CHILD,
            ours,
            seen_from: Instant::now() + lag,
        };
        self.toys.insert(id.clone(), real);
        id
    }

    /// Checks that all dependencies exist.
    fn check_dependencies<K: Kind>(&mut self, want: &Toy<K>) -> Result<(), Failure> {
        let used = want.settings.iter().filter(|(setting, _)| setting.starts_with("uses ")).map(|(_, id)| id);
        match used.chain(&want.under).find(|id| !self.toys.contains_key(*id)) {
            None => Ok(()),
            Some(missing) => {
                self.violations.push(format!(
                    "{}.{} is created with {missing}, which does not exist",
                    K::NAME,
                    want.name
                ));
                Err(Failure::refused(format!("{missing} does not exist")))
            }
        }
    }

    /// A resource and everything that is deleted with it.
    fn tree(&self, root: &str) -> Vec<String> {
        let mut tree = vec![root.to_owned()];
        let mut next = 0;
        while next < tree.len() {
            let parent = Some(tree[next].clone());
            tree.extend(self.toys.iter().filter(|(_, r)| r.child && r.place.under == parent).map(|(id, _)| id.clone()));
            next += 1;
        }
        tree
    }
}

impl StoredToy {
    fn call(&self) -> String {
        format!("{}.{}", self.kind, self.place.name)
    }

    fn found<K: Kind>(&self, id: &str) -> Found<Toy<K>> {
        let outputs = ToyOutputs { id: id.to_owned(), name: self.place.name.clone() };
        Found { outputs, live: self.settings.clone() }
    }
}

impl<K: Kind> Provider<Toy<K>> for Cloud {
    async fn read(
        &self,
        key: &ToyKey,
        known: Option<&ToyOutputs>,
        task: &Task,
    ) -> Result<Option<Found<Toy<K>>>, Failure> {
        let what = format!("{}.{}", K::NAME, key.name);
        let look = |inner: &mut Inner| {
            if let Some(real) = known.and_then(|known| inner.toys.get(&known.id)).filter(|real| real.ours) {
                return Ok(known.map(|known| real.found(&known.id)));
            }
            let now = Instant::now();
            let here = |real: &StoredToy| real.kind == K::NAME && real.place == *key && real.seen_from <= now;
            let mut namesakes: Vec<_> = inner.toys.iter().filter(|(_, real)| here(real)).collect();
            namesakes.sort_by_key(|(_, real)| !real.ours);
            match namesakes.first() {
                Some((id, real)) if real.ours => Ok(Some(real.found(id))),
                Some((id, _)) if K::UNIQUE => Err(Failure::foreign(&what, id)),
                _ => Ok(None),
            }
        };
        self.call("read", what.clone(), task, look).await
    }

    async fn create(&self, want: &Toy<K>, task: &Task) -> Result<ToyOutputs, Failure> {
        let make = |inner: &mut Inner| {
            inner.check_dependencies(want)?;
            let taken = |real: &StoredToy| real.kind == K::NAME && real.place == want.key();
            if inner.toys.values().any(|real| taken(real) && (K::UNIQUE || real.ours)) {
                if K::UNIQUE {
                    return Err(Failure::new(Cause::Exists, "there is one of this name"));
                }
                inner.violations.push(format!("a second {}.{} is made", K::NAME, want.name));
            }
            Ok(ToyOutputs { id: inner.put(want, true), name: want.name.clone() })
        };
        self.call("create", format!("{}.{}", K::NAME, want.name), task, make).await
    }

    async fn update(&self, want: &Toy<K>, found: &Found<Toy<K>>, task: &Task) -> Result<ToyOutputs, Failure> {
        let mend = |inner: &mut Inner| {
            inner.check_dependencies(want)?;
            let real = inner.toys.get_mut(&found.outputs.id).ok_or_else(|| Failure::refused("it is gone"))?;
            for Drift { field, .. } in want.drift(&found.live) {
                match want.settings.get(&field) {
                    Some(value) => real.settings.insert(field, value.clone()),
                    None => real.settings.remove(&field),
                };
            }
            Ok(found.outputs.clone())
        };
        self.call("update", format!("{}.{}", K::NAME, want.name), task, mend).await
    }

    async fn delete(&self, gone: &ToyOutputs, task: &Task) -> Result<(), Failure> {
        let remove = |inner: &mut Inner| {
            let tree = inner.tree(&gone.id);
            if let Some(real) = inner.toys.get(&gone.id)
                && !real.ours
            {
                inner.violations.push(format!("the program deleted {}, which another owner created", gone.id));
            }
            let uses = |(setting, id): (&String, &String)| setting.starts_with("uses ") && tree.contains(id);
            let depends = |(id, real): &(&String, &StoredToy)| {
                let hangs = real.place.under.as_ref().is_some_and(|under| tree.contains(under));
                !tree.contains(id) && (hangs || real.settings.iter().any(uses))
            };
            if let Some((_, user)) = inner.toys.iter().find(depends) {
                let violation = format!("{} is deleted while {} is made from it", gone.name, user.call());
                inner.violations.push(violation.clone());
                return Err(Failure::refused(violation));
            }
            for id in tree {
                inner.toys.remove(&id);
            }
            Ok(())
        };
        self.call("delete", format!("{}.{}", K::NAME, gone.name), task, remove).await
    }
}
