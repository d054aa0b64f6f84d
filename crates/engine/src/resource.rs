//! The traits of a kind of resource: its description as plain data, and the provider that manages it.

use std::future::Future;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::comparison::{Comparison, Drift};
use super::failure::Failure;
use super::inventory::Listing;
use super::tags::{Retag, Tags};
use super::task::Task;
use crate::owner::Whose;

/// A resource that should exist. Plain data: no client, no IO, no clock.
pub trait Resource: Clone + Send + Sync + 'static {
    /// The kind's name, also in the state file: `service.thing`, as in `iam.role`.
    const KIND: &'static str;

    /// Whether deleting its parent deletes the resource too, so that it needs no call of its own when both are deleted.
    const GOES_WITH_PARENT: bool;

    /// Whether AWS refuses a second create with the same name. If it does not (user pools, app clients, REST APIs), the
    /// engine looks longer for a resource whose create call was not answered, before it repeats the call.
    const NAME_IS_UNIQUE: bool;

    /// Whether AWS never uses its id, or its parent's id, a second time. Then a recorded id belongs to this stack's
    /// resource or to none, even if it cannot be read. A name, in contrast, may belong to somebody else by now.
    const ID_IS_GIVEN_ONCE: bool;

    /// Whether its absence weakens the stack, as a [`Drift::weakening`] does: something is less protected, not logged,
    /// or not triggered any more.
    const GUARDS: bool;

    /// Relative time until dependents can use this resource. Slower chains are scheduled first.
    const SETTLES_IN: usize = 1;

    /// After an update of this kind has succeeded, how long the old settings may still be in use.
    const LAG: Option<Lag> = None;

    /// The data that finds the resource without an id that AWS chose. Recorded before the resource is created.
    type Key: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static;
    /// The data that its dependents need, and the data that is needed to find and delete the resource. The outputs are
    /// saved, so they contain no secrets.
    type Outputs: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static;
    /// Its settings, as read from AWS.
    type Live: Clone + Send + Sync + 'static;

    fn key(&self) -> Self::Key;

    /// The part of the outputs that distinguishes one resource of this kind from every other one. It must not contain
    /// settings: `down` compares recorded resources with listed ones, and a resource with a changed setting is still
    /// the same resource.
    fn identity(outputs: &Self::Outputs) -> String;

    /// A command with which a person can remove the resource without this program. `None` if the resource can only be
    /// removed together with its parent, or if one command is not enough.
    fn removal_command(outputs: &Self::Outputs) -> Option<String>;

    /// Compares every setting that the program reads with the wanted one, by meaning. This includes all settings that
    /// give access to somebody. A pure function.
    fn compare(&self, live: &Self::Live) -> Comparison;

    /// The settings whose live value differs in meaning from the wanted one.
    fn drift(&self, live: &Self::Live) -> Vec<Drift> {
        self.compare(live).drift()
    }

    /// Adds the data that only the description contains to the outputs of a resource that is as wanted but not on
    /// record.
    fn adopted(&self, outputs: Self::Outputs) -> Self::Outputs {
        outputs
    }

    /// The outputs after these settings are changed; `None` if the outputs stay the same. A value that only AWS can
    /// choose is a text for people. A plan uses these outputs to show the changes to the dependents.
    fn renewed(&self, _outputs: &Self::Outputs, _drift: &[Drift]) -> Option<Self::Outputs> {
        None
    }

    /// The reason why AWS cannot change these settings of an existing resource, with a hint; `None` if AWS can. Called
    /// before anything is changed. [`Failure::foreign`] means that somebody else has replaced this resource with their
    /// own, so `down` does not remove it either.
    fn requires_replacement(&self, _drift: &[Drift]) -> Option<Failure> {
        None
    }
}

/// An update takes time to reach all servers. Until then, resources that only the old settings use must not be removed.
#[derive(Debug, Clone, Copy)]
pub struct Lag {
    pub time: Duration,
    /// The kinds of resources that the old settings may use.
    pub before_removing: &'static [&'static str],
    /// The reason for the wait, shown during the run.
    pub why: &'static str,
}

/// Manages the resources of one kind. Every call may be repeated at any time.
pub trait Provider<R: Resource>: Send + Sync + 'static {
    /// Reads the resource, by the recorded ids in `known` or else by `key` and our tags. Changes nothing. `None`: it
    /// does not exist. A resource of that name that is not ours is a [`Failure::foreign`].
    fn read(&self, key: &R::Key, known: Option<&R::Outputs>, task: &Task) -> impl Does<Option<Found<R>>>;

    /// The outputs that the resource will have, if its description decides them. Then its dependents can be compared
    /// before it exists.
    fn predict(&self, _want: &R) -> Option<R::Outputs> {
        None
    }

    /// Creates the resource. It makes at most one call that must not be repeated, and that call sets our tags and the
    /// user's tags. `update` would make all of its other calls too.
    fn create(&self, want: &R, task: &Task) -> impl Does<R::Outputs>;

    /// Changes the settings in which the resource differs from what is wanted ([`Resource::drift`]), and no others.
    fn update(&self, want: &R, found: &Found<R>, task: &Task) -> impl Does<R::Outputs>;

    /// The tags of a resource that exists; `None` if its kind has none, or if it is gone.
    fn tags(&self, _of: &R::Outputs, _task: &Task) -> impl Does<Option<Tags>> {
        std::future::ready(Ok(None))
    }

    /// Changes the tags of a resource. Tags that the change does not mention stay.
    fn retag(&self, _of: &R::Outputs, _change: &Retag, _task: &Task) -> impl Does<()> {
        std::future::ready(Ok(()))
    }

    /// For a recorded resource that [`read`](Self::read) could not read: whether deleting it cannot affect anybody
    /// else's resource. If it is gone, the answer is yes. Changes nothing.
    fn vouch(&self, _recorded: &R::Outputs, _task: &Task) -> impl Does<bool> {
        std::future::ready(Ok(R::ID_IS_GIVEN_ONCE))
    }

    /// Deletes the resource, with its outputs alone. Succeeds if it is gone already. Returns when its name can be used
    /// again.
    fn delete(&self, gone: &R::Outputs, task: &Task) -> impl Does<()>;

    /// Lists all resources of this kind that `whose` may own, even if another program made them. Reads their tags if
    /// the list does not show them. A listed resource is followed by its child resources that are not deleted together
    /// with it. A resource that disappeared in the meantime is left out. A resource that cannot be read is reported as
    /// [`Unread`] and does not stop the listing.
    ///
    /// A kind that is listed with its parent, or always disappears with it, has no list of its own.
    ///
    /// [`Unread`]: super::Unread
    fn list(&self, _whose: &Whose) -> impl Does<Listing> {
        std::future::ready(Ok(Listing::with_parent()))
    }
}

/// A future that the engine can spawn. Implemented for every such future, so providers can use plain `async fn`.
pub trait Does<T>: Future<Output = Result<T, Failure>> + Send {}
impl<T, F: Future<Output = Result<T, Failure>> + Send> Does<T> for F {}

/// A resource that exists and belongs to the stack.
#[derive(Debug, Clone)]
pub struct Found<R: Resource> {
    /// Its outputs, as they are recorded.
    pub outputs: R::Outputs,
    pub live: R::Live,
}
