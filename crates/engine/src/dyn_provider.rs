//! Type erasure, so that the engine can hold resources of different kinds in one list. Outputs become JSON documents,
//! descriptions become `Any`.
//!
//! This is safe because a kind names one type: [`Registry::with`] refuses a second provider for a kind, and every
//! document and every description is read back only by the code of the kind that wrote it.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Id;
use super::comparison::{Comparison, Drift};
use super::failure::{Cause, Failure};
use super::inventory::Listing;
use super::resource::{Found, Provider, Resource};
use super::tags::{Tags, TagsCompared};
use super::task::Task;
use crate::owner::{LINEAGE_TAG, Whose};
use crate::state::{Record, State};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// A description without its type.
#[derive(Clone)]
pub(super) struct Desired {
    pub key: Value,
    want: Arc<dyn Any + Send + Sync>,
    compare: fn(&dyn Any, &dyn Any) -> Comparison,
    requires_replacement: fn(&dyn Any, &[Drift]) -> Option<Failure>,
    renewed: fn(&dyn Any, &Value, &[Drift]) -> Option<Value>,
}

impl Desired {
    pub(super) fn new<R: Resource>(want: R) -> Self {
        Self {
            key: write(&want.key()),
            want: Arc::new(want),
            compare: |want, live| {
                let (want, live) = (want.downcast_ref::<R>(), live.downcast_ref::<R::Live>());
                want.zip(live).map(|(want, live)| want.compare(live)).unwrap_or_default()
            },
            requires_replacement: |want, drift| {
                want.downcast_ref::<R>().and_then(|want| want.requires_replacement(drift))
            },
            renewed: |want, outputs, drift| {
                let outputs = R::Outputs::deserialize(outputs).ok()?;
                want.downcast_ref::<R>()?.renewed(&outputs, drift).map(|outputs| write(&outputs))
            },
        }
    }

    pub(super) fn want(&self) -> &dyn Any {
        &*self.want
    }

    pub(super) fn compare(&self, result: &Observed) -> Comparison {
        let mut compared = (self.compare)(&*self.want, &*result.live);
        compared.extend(result.tags.comparison.settings().iter().cloned());
        compared
    }

    /// See [`Resource::renewed`].
    pub(super) fn renewed(&self, outputs: &Value, drift: &[Drift]) -> Option<Value> {
        (self.renewed)(&*self.want, outputs, drift)
    }

    pub(super) fn requires_replacement(&self, drift: &[Drift]) -> Option<Failure> {
        (self.requires_replacement)(&*self.want, drift)
    }
}

/// A [`Found`] without its type.
#[derive(Clone)]
pub(super) struct Observed {
    pub outputs: Value,
    live: Arc<dyn Any + Send + Sync>,
    tags: TagsCompared,
}

impl Observed {
    pub(super) fn live(&self) -> &dyn Any {
        &*self.live
    }
}

/// A [`Provider`] without its type.
pub(super) trait DynProvider: Send + Sync {
    fn name_is_unique(&self) -> bool;
    fn goes_with_parent(&self) -> bool;
    /// Whether a recorded document can be read as outputs of this kind. A document that another version of the program
    /// wrote, or that was edited, may not be readable.
    fn wrote(&self, outputs: &Value) -> bool;
    fn read(&self, key: Value, known: Option<Value>, task: Task) -> Boxed<'_, Option<Observed>>;
    fn predict(&self, desired: &Desired) -> Option<Value>;
    fn create(&self, desired: Desired, task: Task) -> Boxed<'_, Value>;
    /// See [`Resource::adopted`].
    fn adopted(&self, desired: &Desired, outputs: Value) -> Result<Value, Failure>;
    fn update(&self, desired: Desired, result: Observed, task: Task) -> Boxed<'_, Value>;
    fn vouch(&self, outputs: Value, task: Task) -> Boxed<'_, bool>;
    fn delete(&self, outputs: Value, task: Task) -> Boxed<'_, ()>;
    fn list<'a>(&'a self, whose: &'a Whose) -> Boxed<'a, Listing>;
    /// See [`Resource::identity`]. `None` if these outputs cannot be read.
    fn identity(&self, outputs: &Value) -> Option<String>;
    /// See [`Resource::removal_command`].
    fn removal_command(&self, outputs: &Value) -> Option<String>;
}

struct Erase<R, P> {
    provider: P,
    /// The tags for every resource; see [`Registry::tagging`].
    tags: Arc<Tags>,
    kind: std::marker::PhantomData<fn() -> R>,
}

impl<R: Resource, P: Provider<R>> Erase<R, P> {
    /// Reads a resource. Reads its tags too if this run or an earlier run wanted tags. The tags of the recorded
    /// resource are read at the same time.
    async fn look(
        &self,
        key: &R::Key,
        known: Option<&R::Outputs>,
        task: &Task,
    ) -> Result<Option<(Found<R>, TagsCompared)>, Failure> {
        let former = task.former_tags();
        if task.only_finds() || (self.tags.is_empty() && former.is_empty()) {
            let found = self.provider.read(key, known, task).await?;
            return Ok(found.map(|found| (found, TagsCompared::default())));
        }
        let of_recorded = async {
            match known {
                Some(known) => self.provider.tags(known, task).await,
                None => Ok(None),
            }
        };
        let (found, recorded) = tokio::join!(self.provider.read(key, known, task), of_recorded);
        let Some(found) = found? else { return Ok(None) };
        let tags = match known {
            Some(known) if *known == found.outputs => recorded?,
            _ => self.provider.tags(&found.outputs, task).await?,
        };
        let compared = tags.map(|tags| TagsCompared::new(&self.tags, former, &tags)).unwrap_or_default();
        Ok(Some((found, compared)))
    }
}

impl<R: Resource, P: Provider<R>> DynProvider for Erase<R, P> {
    fn name_is_unique(&self) -> bool {
        R::NAME_IS_UNIQUE
    }

    fn goes_with_parent(&self) -> bool {
        R::GOES_WITH_PARENT
    }

    fn wrote(&self, outputs: &Value) -> bool {
        R::Outputs::deserialize(outputs).is_ok()
    }

    fn read(&self, key: Value, known: Option<Value>, task: Task) -> Boxed<'_, Option<Observed>> {
        Box::pin(async move {
            let key = parse::<R::Key>(R::KIND, key)?;
            // Outputs that cannot be read are not needed: the key finds the resource too.
            let known = known.and_then(|known| serde_json::from_value::<R::Outputs>(known).ok());
            let found = self.look(&key, known.as_ref(), &task).await?;
            Ok(found.map(|(Found { outputs, live }, tags)| Observed {
                outputs: write(&outputs),
                live: Arc::new(live),
                tags,
            }))
        })
    }

    fn predict(&self, desired: &Desired) -> Option<Value> {
        let want = desired.want.downcast_ref::<R>()?;
        self.provider.predict(want).map(|outputs| write(&outputs))
    }

    fn create(&self, desired: Desired, task: Task) -> Boxed<'_, Value> {
        Box::pin(async move {
            let want = desired.want.downcast_ref::<R>().ok_or_else(|| mismatch(R::KIND))?;
            Ok(write(&self.provider.create(want, &task).await?))
        })
    }

    fn adopted(&self, desired: &Desired, outputs: Value) -> Result<Value, Failure> {
        let want = desired.want.downcast_ref::<R>().ok_or_else(|| mismatch(R::KIND))?;
        Ok(write(&want.adopted(parse::<R::Outputs>(R::KIND, outputs)?)))
    }

    fn update(&self, desired: Desired, result: Observed, task: Task) -> Boxed<'_, Value> {
        Box::pin(async move {
            let want = desired.want.downcast_ref::<R>().ok_or_else(|| mismatch(R::KIND))?;
            let outputs = parse::<R::Outputs>(R::KIND, result.outputs)?;
            let live = result.live.downcast_ref::<R::Live>().ok_or_else(|| mismatch(R::KIND))?;
            let found = Found::<R> { outputs, live: live.clone() };
            let outputs = if want.drift(&found.live).is_empty() {
                found.outputs
            } else {
                self.provider.update(want, &found, &task).await?
            };
            // The tags are changed last, because they do not protect the stack.
            if !result.tags.change.is_empty() {
                self.provider.retag(&outputs, &result.tags.change, &task).await?;
            }
            Ok(write(&outputs))
        })
    }

    fn vouch(&self, outputs: Value, task: Task) -> Boxed<'_, bool> {
        Box::pin(async move { self.provider.vouch(&parse::<R::Outputs>(R::KIND, outputs)?, &task).await })
    }

    fn delete(&self, outputs: Value, task: Task) -> Boxed<'_, ()> {
        Box::pin(async move { self.provider.delete(&parse::<R::Outputs>(R::KIND, outputs)?, &task).await })
    }

    fn list<'a>(&'a self, whose: &'a Whose) -> Boxed<'a, Listing> {
        Box::pin(self.provider.list(whose))
    }

    fn identity(&self, outputs: &Value) -> Option<String> {
        R::Outputs::deserialize(outputs).ok().as_ref().map(R::identity)
    }

    fn removal_command(&self, outputs: &Value) -> Option<String> {
        R::Outputs::deserialize(outputs).ok().as_ref().and_then(R::removal_command)
    }
}

/// The provider of each kind.
#[derive(Default, Clone)]
pub struct Registry {
    providers: HashMap<&'static str, Arc<dyn DynProvider>>,
    /// In the order of their registration.
    kinds: Vec<&'static str>,
    unlisted: HashSet<&'static str>,
    tags: Arc<Tags>,
}

impl Registry {
    /// A registry for a stack whose resources have these tags in addition to the tags that name their owner. Resources
    /// that have another lineage, or none, get the lineage in `tags`.
    pub fn tagging(tags: Tags) -> Self {
        Self { tags: Arc::new(tags), ..Self::default() }
    }

    /// The keys of the user's tags that every resource carries.
    pub(super) fn tag_keys(&self) -> impl Iterator<Item = &String> {
        self.tags.keys().filter(|key| *key != LINEAGE_TAG)
    }

    /// Adds the provider for `R`'s kind.
    ///
    /// # Panics
    /// If the kind has a provider already: two types under one kind would read each other's documents.
    #[must_use]
    pub fn with<R: Resource>(mut self, provider: impl Provider<R>) -> Self {
        let tags = Arc::clone(&self.tags);
        let dyn_provider = Arc::new(Erase { provider, tags, kind: std::marker::PhantomData });
        assert!(self.providers.insert(R::KIND, dyn_provider).is_none(), "{} is registered twice", R::KIND);
        self.kinds.push(R::KIND);
        self
    }

    /// Excludes the kinds for which `passes` returns `false` from [`list_all`](super::list_all).
    #[must_use]
    pub fn listing_only(mut self, passes: impl Fn(&str) -> bool) -> Self {
        self.unlisted = self.kinds.iter().copied().filter(|kind| !passes(kind)).collect();
        self
    }

    /// The kinds that [`list_all`](super::list_all) lists.
    pub fn listed_kinds(&self) -> impl Iterator<Item = &'static str> {
        self.listed().map(|(kind, _)| kind)
    }

    /// The kinds that [`list_all`](super::list_all) lists, with their providers.
    pub(super) fn listed(&self) -> impl Iterator<Item = (&'static str, &dyn DynProvider)> {
        let listed = self.kinds.iter().filter(|kind| !self.unlisted.contains(*kind));
        listed.filter_map(|kind| Some((*kind, &**self.providers.get(kind)?)))
    }

    /// A resource's identity ([`Resource::identity`]); `None` if its outputs cannot be read or its kind is not known.
    pub(super) fn identity(&self, kind: &str, outputs: &Value) -> Option<String> {
        self.providers.get(kind)?.identity(outputs)
    }

    /// Whether the state knows the resource of this record already, though perhaps with another key or other outputs.
    pub(super) fn is_on_record(&self, id: &Id, record: &Record, state: &State) -> bool {
        let Some(before) = state.resources.get(id.as_str()) else { return false };
        let identity = |record: &Record| self.identity(&record.kind, record.outputs.as_ref()?);
        before.kind == record.kind && identity(before).is_some() && identity(before) == identity(record)
    }

    /// A command with which a person can remove a resource ([`Resource::removal_command`]); `None` also if its
    /// outputs cannot be read or its kind is not known.
    pub fn removal_command(&self, kind: &str, outputs: &Value) -> Option<String> {
        self.providers.get(kind)?.removal_command(outputs)
    }

    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.iter().copied()
    }

    pub(super) fn of(&self, kind: &str) -> Result<Arc<dyn DynProvider>, Failure> {
        self.providers
            .get(kind)
            .cloned()
            .ok_or_else(|| Failure::refused(format!("this version does not know resources of the kind {kind}")))
    }
}

/// Reads outputs that a resource of this kind wrote.
#[allow(clippy::panic, reason = "a kind has one provider, and only its outputs get here: see the module comment")]
pub(super) fn read<T: DeserializeOwned>(kind: &str, document: Value) -> T {
    match serde_json::from_value(document) {
        Ok(value) => value,
        Err(error) => panic!("the outputs of a {kind} come from its own provider, which can read them: {error}"),
    }
}

fn parse<T: DeserializeOwned>(kind: &str, document: Value) -> Result<T, Failure> {
    serde_json::from_value(document)
        .map_err(|error| Failure::refused(format!("the state file's record of this {kind} cannot be read: {error}")))
}

#[allow(clippy::panic, reason = "keys and outputs are structs of texts, numbers and maps with text keys")]
pub(super) fn write<T: Serialize>(value: &T) -> Value {
    match serde_json::to_value(value) {
        Ok(document) => document,
        Err(error) => panic!("keys and outputs are structs of texts, numbers and maps with text keys: {error}"),
    }
}

fn mismatch(kind: &str) -> Failure {
    Failure::new(Cause::Refused, format!("the description of a {kind} has the wrong type; this is a bug"))
}
