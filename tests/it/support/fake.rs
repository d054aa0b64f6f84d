//! A cloud in memory. It does the work first and answers late, as the real one does; it can be told to refuse, to lose
//! an answer, to be slow, or to cut the power of whoever is calling.
//!
//! It is also a strict witness. At every create it looks at the caller's disk: the intent must be there, and everything
//! that the thing needs must be there as ready. It refuses to make a thing from one that is not there, and to remove
//! one that another is made from. What the callers did wrong is in [`Cloud::breaches`].

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use securelambda::engine::{Cause, Drift, Failure, Found, Listing, Provider, Registry, Resource, Task};
use securelambda::scope::Whose;
use securelambda::state::Status;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::world::{Disk, Power};

/// How long every answer takes, unless told otherwise.
pub const ANSWER: Duration = Duration::from_millis(100);

/// A kind of thing.
pub trait Kind: Clone + Send + Sync + 'static {
    const NAME: &'static str;
    /// A second one of the name is refused. Where it is not, lists also lag behind creates.
    const UNIQUE: bool;
    /// Goes with its parent.
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
            pub fn $name(name: &str) -> Thing<$kind> {
                Thing { name: name.to_owned(), under: None, settings: BTreeMap::new(), kind: PhantomData }
            }
        )+
        pub fn registry(cloud: &Cloud) -> Registry {
            Registry::default()$(.with::<Thing<$kind>>(cloud.clone()))+
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

/// A thing that is wanted, in builder sentences: `client("web").under(&pool).with("flow", "code")`.
#[derive(Clone)]
pub struct Thing<K> {
    name: String,
    under: Option<String>,
    settings: BTreeMap<String, String>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Thing<K> {
    pub fn under(self, parent: &Ids) -> Self {
        Self { under: Some(parent.id.clone()), ..self }
    }

    pub fn with(mut self, setting: &str, value: &str) -> Self {
        self.settings.insert(setting.to_owned(), value.to_owned());
        self
    }

    /// Made from `other`, which must be there as long as this is.
    pub fn using(self, other: &Ids) -> Self {
        let setting = format!("uses {}", other.name);
        self.with(&setting, &other.id)
    }

    /// Says the id of `other`, which may come and go.
    pub fn mentioning(self, other: &Ids) -> Self {
        let setting = format!("mentions {}", other.name);
        self.with(&setting, &other.id)
    }
}

/// What the cloud calls a thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ids {
    pub id: String,
    pub name: String,
}

/// Where a thing is looked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    name: String,
    under: Option<String>,
}

impl<K: Kind> Resource for Thing<K> {
    const KIND: &'static str = K::NAME;
    const GOES_WITH_PARENT: bool = K::CHILD;
    const NAME_IS_UNIQUE: bool = K::UNIQUE;
    // What has no name of its own has an id of the cloud's.
    const ID_IS_GIVEN_ONCE: bool = !K::UNIQUE;
    type Key = Place;
    type Outputs = Ids;
    type Live = BTreeMap<String, String>;

    fn key(&self) -> Place {
        Place { name: self.name.clone(), under: self.under.clone() }
    }

    fn identity(outputs: &Ids) -> String {
        outputs.id.clone()
    }

    fn removal_command(_: &Ids) -> Option<String> {
        None
    }

    fn drift(&self, live: &Self::Live) -> Vec<Drift> {
        let differs =
            |(setting, want): (&String, &String)| Drift::unless_equal(setting, &Some(want), &live.get(setting));
        self.settings.iter().filter_map(differs).collect()
    }
}

/// What to do to a call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Do nothing and answer with this.
    Fail(Failure),
    /// Do the work and answer that nobody knows.
    Lose,
    /// Do the work and take this long to answer.
    Slow(Duration),
    /// The caller loses power as the call arrives.
    CutBefore,
    /// The caller loses power when the work is done.
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

/// A cloud; clones are the same one.
#[derive(Clone)]
pub struct Cloud(Arc<Mutex<Inner>>);

struct Inner {
    things: BTreeMap<String, Real>,
    born: usize,
    rules: Vec<Rule>,
    calls: Vec<String>,
    breaches: Vec<String>,
    in_flight: usize,
    most_in_flight: usize,
    lag: Duration,
    works_late: bool,
    disk: Disk,
}

/// A thing that is there.
#[derive(Clone)]
struct Real {
    kind: &'static str,
    place: Place,
    settings: BTreeMap<String, String>,
    child: bool,
    ours: bool,
    seen_from: Instant,
}

/// A fault for the nth call that begins like this.
struct Rule {
    call: String,
    countdown: usize,
    fault: Fault,
}

impl Cloud {
    /// An empty one, called by the owner of this disk.
    pub fn new(disk: &Disk) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            things: BTreeMap::new(),
            born: 0,
            rules: Vec::new(),
            calls: Vec::new(),
            breaches: Vec::new(),
            in_flight: 0,
            most_in_flight: 0,
            lag: Duration::ZERO,
            works_late: false,
            disk: disk.clone(),
        })))
    }

    /// Does this to the `nth` call from now that begins with `call`: `create`, `create pool`, `create pool.users`.
    pub fn on(&self, call: &str, nth: usize, fault: Fault) {
        self.inner().rules.push(Rule { call: call.to_owned(), countdown: nth, fault });
    }

    /// Forgets what it was told to do to calls.
    pub fn calm(&self) {
        self.inner().rules.clear();
    }

    /// From now on what has no unique name is found by name only this long after it was made.
    pub fn lag(&self, lag: Duration) {
        self.inner().lag = lag;
    }

    /// From now on the work is done just before the answer, so that a call in flight may be lost altogether.
    pub fn work_late(&self) {
        self.inner().works_late = true;
    }

    /// The calls since the last time this was asked, as `create pool.users`.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.inner().calls)
    }

    /// The calls that wrote, since the last time the calls were asked for.
    pub fn writes(&self) -> Vec<String> {
        self.calls().into_iter().filter(|call| !call.starts_with("read")).collect()
    }

    /// The most calls in flight at once, since the last time this was asked.
    pub fn most_in_flight(&self) -> usize {
        std::mem::take(&mut self.inner().most_in_flight)
    }

    /// What the callers did that they must not.
    pub fn breaches(&self) -> Vec<String> {
        self.inner().breaches.clone()
    }

    /// Everything of ours, sorted, with repetitions.
    pub fn ours(&self) -> Vec<String> {
        let inner = self.inner();
        let mut ours: Vec<String> = inner.things.values().filter(|real| real.ours).map(Real::call).collect();
        ours.sort();
        ours
    }

    /// A thing of somebody else's.
    pub fn stranger<K: Kind>(&self, thing: &Thing<K>) -> String {
        self.inner().put(thing, false)
    }

    /// Somebody changes a setting behind our back.
    pub fn tamper(&self, what: &str, setting: &str, value: &str) {
        let mut inner = self.inner();
        let real = inner.things.values_mut().find(|real| real.call() == what).unwrap();
        real.settings.insert(setting.to_owned(), value.to_owned());
    }

    /// Somebody removes a thing, and what is under it, behind our back.
    pub fn lose(&self, what: &str) {
        let mut inner = self.inner();
        let id = inner.things.iter().find(|(_, real)| real.call() == what).unwrap().0.clone();
        for gone in inner.tree(&id) {
            inner.things.remove(&gone);
        }
    }

    /// Somebody renames an id: as if a thing had been replaced by its like, and everything made from it too.
    pub fn replace(&self, what: &str) {
        let mut inner = self.inner();
        let (old, real) = inner.things.iter().find(|(_, real)| real.call() == what).unwrap();
        let (old, real) = (old.clone(), real.clone());
        let new = format!("{old}-again");
        inner.things.remove(&old);
        inner.things.insert(new.clone(), real);
        for other in inner.things.values_mut() {
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
        off(&power).await;
        let (fault, late) = {
            let mut inner = self.inner();
            inner.in_flight += 1;
            inner.most_in_flight = inner.most_in_flight.max(inner.in_flight);
            inner.calls.push(call.clone());
            if verb == "create" {
                inner.account_reader(task);
            }
            (inner.fault(&call), inner.works_late)
        };
        let _flight = Flight(self.clone());
        let mut wait = ANSWER;
        match fault {
            Some(Fault::Fail(failure)) => {
                sleep(ANSWER).await;
                return Err(failure);
            }
            Some(Fault::CutBefore) => power.cut(),
            Some(Fault::Slow(time)) => wait = time,
            Some(Fault::Lose | Fault::CutAfter) | None => {}
        }
        off(&power).await;
        if late {
            sleep(wait).await;
            off(&power).await;
        }
        let answer = work(&mut self.inner());
        if matches!(fault, Some(Fault::CutAfter)) {
            power.cut();
            off(&power).await;
        }
        if !late {
            sleep(wait).await;
        }
        match fault {
            Some(Fault::Lose) => Err(Failure::new(Cause::Unknown, "the answer was lost, as told")),
            _ => answer,
        }
    }
}

/// Never returns if the power is off: a call of a dead process has no effect.
async fn off(power: &Power) {
    if power.is_cut() {
        std::future::pending::<()>().await;
    }
}

struct Flight(Cloud);

impl Drop for Flight {
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

    /// The engine's promises 1 and 2, as the cloud can see them.
    fn account_reader(&mut self, task: &Task) {
        let state = self.disk.state();
        let Some(row) = state.resources.get(task.id().as_str()) else {
            return self.breaches.push(format!("{} is created and its intent is not on disk", task.id()));
        };
        for need in &row.needs {
            let ready =
                state.resources.get(need).is_some_and(|row| row.status == Status::Ready && row.outputs.is_some());
            if !ready {
                self.breaches.push(format!("{} is created before {need} is on disk", task.id()));
            }
        }
    }

    fn put<K: Kind>(&mut self, want: &Thing<K>, ours: bool) -> String {
        self.born += 1;
        let id = format!("{}-{}", K::NAME, self.born);
        let lag = if K::UNIQUE { Duration::ZERO } else { self.lag };
        let real = Real {
            kind: K::NAME,
            place: want.key(),
            settings: want.settings.clone(),
            child: K::CHILD,
            ours,
            seen_from: Instant::now() + lag,
        };
        self.things.insert(id.clone(), real);
        id
    }

    /// What a thing is made from must be there.
    fn sound<K: Kind>(&mut self, want: &Thing<K>) -> Result<(), Failure> {
        let used = want.settings.iter().filter(|(setting, _)| setting.starts_with("uses ")).map(|(_, id)| id);
        match used.chain(&want.under).find(|id| !self.things.contains_key(*id)) {
            None => Ok(()),
            Some(missing) => {
                self.breaches.push(format!("{}.{} is made from {missing}, which is not there", K::NAME, want.name));
                Err(Failure::refused(format!("{missing} does not exist")))
            }
        }
    }

    /// A thing and everything that goes with it.
    fn tree(&self, root: &str) -> Vec<String> {
        let mut tree = vec![root.to_owned()];
        let mut next = 0;
        while next < tree.len() {
            let parent = Some(tree[next].clone());
            tree.extend(
                self.things.iter().filter(|(_, r)| r.child && r.place.under == parent).map(|(id, _)| id.clone()),
            );
            next += 1;
        }
        tree
    }
}

impl Real {
    fn call(&self) -> String {
        format!("{}.{}", self.kind, self.place.name)
    }

    fn found<K: Kind>(&self, id: &str) -> Found<Thing<K>> {
        let outputs = Ids { id: id.to_owned(), name: self.place.name.clone() };
        Found { outputs, live: self.settings.clone() }
    }
}

impl<K: Kind> Provider<Thing<K>> for Cloud {
    async fn read(&self, key: &Place, known: Option<&Ids>, task: &Task) -> Result<Option<Found<Thing<K>>>, Failure> {
        let what = format!("{}.{}", K::NAME, key.name);
        let look = |inner: &mut Inner| {
            if let Some(real) = known.and_then(|known| inner.things.get(&known.id)).filter(|real| real.ours) {
                return Ok(known.map(|known| real.found(&known.id)));
            }
            let now = Instant::now();
            let here = |real: &Real| real.kind == K::NAME && real.place == *key && real.seen_from <= now;
            let mut namesakes: Vec<_> = inner.things.iter().filter(|(_, real)| here(real)).collect();
            namesakes.sort_by_key(|(_, real)| !real.ours);
            match namesakes.first() {
                Some((id, real)) if real.ours => Ok(Some(real.found(id))),
                Some((id, _)) if K::UNIQUE => Err(Failure::foreign(&what, id)),
                _ => Ok(None),
            }
        };
        self.call("read", what.clone(), task, look).await
    }

    async fn create(&self, want: &Thing<K>, task: &Task) -> Result<Ids, Failure> {
        let make = |inner: &mut Inner| {
            inner.sound(want)?;
            let taken = |real: &Real| real.kind == K::NAME && real.place == want.key();
            if inner.things.values().any(|real| taken(real) && (K::UNIQUE || real.ours)) {
                if K::UNIQUE {
                    return Err(Failure::new(Cause::Exists, "there is one of this name"));
                }
                inner.breaches.push(format!("a second {}.{} is made", K::NAME, want.name));
            }
            Ok(Ids { id: inner.put(want, true), name: want.name.clone() })
        };
        self.call("create", format!("{}.{}", K::NAME, want.name), task, make).await
    }

    async fn update(&self, want: &Thing<K>, found: &Found<Thing<K>>, task: &Task) -> Result<Ids, Failure> {
        let mend = |inner: &mut Inner| {
            inner.sound(want)?;
            let real = inner.things.get_mut(&found.outputs.id).ok_or_else(|| Failure::refused("it is gone"))?;
            for Drift { field, .. } in want.drift(&found.live) {
                real.settings.insert(field.clone(), want.settings[&field].clone());
            }
            Ok(found.outputs.clone())
        };
        self.call("update", format!("{}.{}", K::NAME, want.name), task, mend).await
    }

    async fn delete(&self, gone: &Ids, task: &Task) -> Result<(), Failure> {
        let remove = |inner: &mut Inner| {
            let tree = inner.tree(&gone.id);
            if let Some(real) = inner.things.get(&gone.id)
                && !real.ours
            {
                inner.breaches.push(format!("a stranger's {} is deleted", gone.id));
            }
            let uses = |(setting, id): (&String, &String)| setting.starts_with("uses ") && tree.contains(id);
            let depends = |(id, real): &(&String, &Real)| {
                let hangs = real.place.under.as_ref().is_some_and(|under| tree.contains(under));
                !tree.contains(id) && (hangs || real.settings.iter().any(uses))
            };
            if let Some((_, user)) = inner.things.iter().find(depends) {
                let breach = format!("{} is deleted while {} is made from it", gone.name, user.call());
                inner.breaches.push(breach.clone());
                return Err(Failure::refused(breach));
            }
            for id in tree {
                inner.things.remove(&id);
            }
            Ok(())
        };
        self.call("delete", format!("{}.{}", K::NAME, gone.name), task, remove).await
    }

    /// The engine's own tests do without lists.
    async fn list(&self, _: &Whose) -> Result<Listing, Failure> {
        Ok(Listing::with_parent())
    }
}
