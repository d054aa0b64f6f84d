//! What the engine asks of a resource: a plain description, and four verbs to look after it.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::task::Task;

/// One thing we want to exist. Plain data: no client, no IO, no clock.
pub trait Resource: Clone + Send + Sync + 'static {
    /// What it is, as `service.thing`; also how the state file names it (`iam.role`).
    const KIND: &'static str;

    /// How many ordinary calls' time it takes until others can use it. What has a longer way to go before it starts first.
    const SETTLES_IN: usize = 1;

    /// Deleting its parent deletes it too, so it needs no call of its own when both go.
    const GOES_WITH_PARENT: bool = false;

    /// A second create with the same name is refused by AWS. Where it is not (user pools, app clients, REST APIs), a
    /// create whose answer was lost is looked for longer before it is tried again.
    const NAME_IS_UNIQUE: bool = true;

    /// AWS gives its id, or that of what it hangs under, once and never again. So what is on record under that id is
    /// this stack's or gone, even where it cannot be read. A name can be taken by somebody else in the meantime.
    const ID_IS_GIVEN_ONCE: bool = false;

    /// Without it something is less protected, unseen, or cut off from what triggers it: that it has gone missing weakens
    /// the stack, as a [`Drift::weakening`] does.
    const GUARDS: bool = false;

    /// After an update of this kind has succeeded, how long the old settings may still be in use.
    const LAG: Option<Lag> = None;

    /// Where to look for it without knowing any id AWS gave it. Recorded before it is created.
    type Key: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static;
    /// What others need of it, and what we need to find and delete it. Serialisable, and so never a secret.
    type Outputs: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static;
    /// Its settings as AWS has them now.
    type Live: Clone + Send + Sync + 'static;

    /// Where it is looked for.
    fn key(&self) -> Self::Key;

    /// The settings whose live value does not mean what this asks for. Pure; empty says all is well.
    fn drift(&self, live: &Self::Live) -> Vec<Drift>;

    /// Why these differences cannot be put right in place, and what can be done instead; `None` where they can. Asked
    /// before anything is changed.
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
    /// For people who watch the run.
    pub why: &'static str,
}

/// How to look after one kind of resource. Every verb may be repeated at any time.
pub trait Provider<R: Resource>: Send + Sync + 'static {
    /// Reads it, by the ids recorded in `known` or else by `key` and our tags. Writes nothing. `None`: there is no
    /// such thing. A thing of that name that is not ours is a [`Failure::foreign`].
    fn read(&self, key: &R::Key, known: Option<&R::Outputs>, task: &Task) -> impl Does<Option<Found<R>>>;

    /// The outputs that it will have, if its description decides them. Then its dependents can be compared before it
    /// exists.
    fn predict(&self, _want: &R) -> Option<R::Outputs> {
        None
    }

    /// Makes it. At most one call that must not be repeated, with our tags in that very call; what follows are calls
    /// that `update` would make as well.
    fn create(&self, want: &R, task: &Task) -> impl Does<R::Outputs>;

    /// Puts right what `drift` names, and nothing else.
    fn update(&self, want: &R, found: &Found<R>, drift: &[Drift], task: &Task) -> impl Does<R::Outputs>;

    /// For what is on record and could not be read by [`find`](Self::find): whether deleting it touches nobody else's.
    /// That it is gone counts as yes. Writes nothing.
    fn vouch(&self, _recorded: &R::Outputs, _task: &Task) -> impl Does<bool> {
        std::future::ready(Ok(R::ID_IS_GIVEN_ONCE))
    }

    /// Removes it, from its outputs alone. Already gone is success. Returns once its name can be used again.
    fn delete(&self, gone: &R::Outputs, task: &Task) -> impl Does<()>;
}

/// A future that the loop may spawn. Implemented for all that qualify, so providers are written as plain `async fn`.
pub trait Does<T>: Future<Output = Result<T, Failure>> + Send {}
impl<T, F: Future<Output = Result<T, Failure>> + Send> Does<T> for F {}

/// A resource that is there, and ours.
#[derive(Debug, Clone)]
pub struct Found<R: Resource> {
    /// Its ids, as they would be recorded.
    pub outputs: R::Outputs,
    /// Its settings.
    pub live: R::Live,
}

/// One setting that is not as wanted. For a secret both values stay out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// The setting, in AWS's terms.
    pub field: String,
    /// What the stack file asks for.
    pub want: String,
    /// What AWS has.
    pub live: String,
    /// The live value protects less than the wanted one.
    pub weakens: bool,
}

impl Drift {
    /// A difference that is merely that.
    pub fn new(field: impl Into<String>, want: impl fmt::Display, live: impl fmt::Display) -> Self {
        Self { field: field.into(), want: want.to_string(), live: live.to_string(), weakens: false }
    }

    /// A difference that takes protection away.
    pub fn weakening(field: impl Into<String>, want: impl fmt::Display, live: impl fmt::Display) -> Self {
        Self { weakens: true, ..Self::new(field, want, live) }
    }

    /// `None` where the two are equal: for building lists with `extend`.
    pub fn unless_equal<T: PartialEq + fmt::Debug>(field: &str, want: &T, live: &T) -> Option<Self> {
        (want != live).then(|| Self::new(field, format!("{want:?}"), format!("{live:?}")))
    }
}
