//! What the engine asks of a resource: a plain description, and four verbs to look after it.

use std::fmt;
use std::future::Future;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::inventory::Listing;
use super::task::Task;
use crate::scope::Whose;

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

    /// Where to look for it without knowing any id AWS gave it. Recorded before it is created.
    type Key: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static;
    /// What others need of it, and what we need to find and delete it. Serialisable, and so never a secret.
    type Outputs: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static;
    /// Its settings as AWS has them now.
    type Live: Clone + Send + Sync + 'static;

    /// Where it is looked for.
    fn key(&self) -> Self::Key;

    /// The part of the outputs that tells one resource of this kind from every other one. It must not contain settings:
    /// `down` compares what the record names with what AWS lists, and a changed setting does not make another resource.
    fn identity(outputs: &Self::Outputs) -> String;

    /// The settings whose live value does not mean what this asks for. Pure; empty says all is well.
    fn drift(&self, live: &Self::Live) -> Vec<Drift>;

    /// Why these differences cannot be put right in place, and what can be done instead; `None` where they can. Asked
    /// before anything is changed.
    fn requires_replacement(&self, _drift: &[Drift]) -> Option<Failure> {
        None
    }
}

/// How to look after one kind of resource. Every verb may be repeated at any time.
pub trait Provider<R: Resource>: Send + Sync + 'static {
    /// Reads it, by the ids recorded in `known` or else by `key` and our tags. Writes nothing. `None`: there is no
    /// such thing. A thing of that name that is not ours is a [`Failure::foreign`].
    fn read(&self, key: &R::Key, known: Option<&R::Outputs>, task: &Task) -> impl Does<Option<Found<R>>>;

    /// Makes it. At most one call that must not be repeated, with our tags in that very call; what follows are calls
    /// that `update` would make as well.
    fn create(&self, want: &R, task: &Task) -> impl Does<R::Outputs>;

    /// Changes the settings in which the resource differs from what is wanted ([`Resource::drift`]), and no others.
    fn update(&self, want: &R, found: &Found<R>, task: &Task) -> impl Does<R::Outputs>;

    /// For what is on record and could not be read by [`find`](Self::find): whether deleting it touches nobody else's.
    /// That it is gone counts as yes. Writes nothing.
    fn vouch(&self, _recorded: &R::Outputs, _task: &Task) -> impl Does<bool> {
        std::future::ready(Ok(R::ID_IS_GIVEN_ONCE))
    }

    /// Removes it, from its outputs alone. Already gone is success. Returns once its name can be used again.
    fn delete(&self, gone: &R::Outputs, task: &Task) -> impl Does<()>;

    /// Lists all resources of this kind that `whose` may own, whoever made them, and reads their tags where the list
    /// does not show them. Resources below a listed one that do not disappear with it follow it in the listing. A
    /// resource that disappeared in the meantime is left out; one that cannot be read is reported as [`Unread`] and does
    /// not stop the others from being listed.
    ///
    /// A kind that is listed with its parent, or always disappears with it, returns [`Listing::with_parent`].
    ///
    /// [`Unread`]: super::Unread
    fn list(&self, whose: &Whose) -> impl Does<Listing>;
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
