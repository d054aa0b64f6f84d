//! Takes stock: what there is, by AWS's own lists, independently of the graph and of the record. What neither of those
//! knows any more is found this way, by what its tags say.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde::Serialize;
use serde_json::Value;

use super::Id;
use super::dyn_provider::{Registry, write};
use super::failure::{Cause, Failure};
use super::refresh::stopped;
use super::resource::Resource;
use super::task::{CancellationToken, StopLevel};
use crate::scope::{Owner, Whose};

/// What a list shows, and what could not be read of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    /// In the list's order.
    pub listed: Vec<InventoryItem>,
    /// Of these nothing can be said.
    pub unread: Vec<Unread>,
    /// The kind has no list of its own.
    with_parent: bool,
}

/// What could not be read: one thing, what hangs under it, or all things of a kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unread {
    /// The kind.
    pub kind: &'static str,
    /// Which thing, or whose children. `None`: every one, or all that come after those that were read.
    pub name: Option<String>,
    /// Why.
    pub error: Failure,
    /// These credentials may not read it.
    #[serde(skip)]
    pub denied: bool,
}

impl Unread {
    /// Something of the kind `R`.
    pub fn new<R: Resource>(name: impl Into<Option<String>>, error: Failure) -> Self {
        Self { kind: R::KIND, name: name.into(), error, denied: false }
    }

    /// What it is, if it is a thing of one of these stacks that may not be read: an operator's rights end at the tag of
    /// another stack.
    fn of_another(&self, stacks: &BTreeSet<String>) -> Option<InventoryItem> {
        let name = self.name.as_deref().filter(|_| self.denied)?;
        let begins = |stack: &&String| {
            let beginning = format!("{stack}-");
            name.split(['/', ':']).any(|part| part.starts_with(&beginning))
        };
        let stack = stacks.iter().find(begins)?;
        Some(InventoryItem {
            id: Id::new(self.kind, name),
            kind: self.kind,
            name: name.to_owned(),
            arn: name.to_owned(),
            stack: Some(stack.clone()),
            until: None,
            remove: String::new(),
            key: Value::Null,
            outputs: Value::Null,
            identity: None,
            under: None,
            goes_with_parent: false,
            goes_with: None,
            rests_on: None,
        })
    }
}

impl Listing {
    /// The answer of a kind without a list of its own: its resources are listed below their parent, or disappear with
    /// it.
    pub fn with_parent() -> Self {
        Self { with_parent: true, ..Self::default() }
    }

    /// Takes in another.
    pub fn extend(&mut self, other: Self) {
        self.listed.extend(other.listed);
        self.unread.extend(other.unread);
    }

    /// And this could not be read, if anything could not.
    #[must_use]
    pub fn and_unread(mut self, unread: impl IntoIterator<Item = Unread>) -> Self {
        self.unread.extend(unread);
        self
    }
}

impl From<Vec<InventoryItem>> for Listing {
    fn from(listed: Vec<InventoryItem>) -> Self {
        Self { listed, ..Self::default() }
    }
}

/// A thing that a list shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InventoryItem {
    /// Its id in the stack, as its tag has it, or made from its kind and name.
    pub id: Id,
    /// Its kind.
    pub kind: &'static str,
    /// Its name in AWS.
    pub name: String,
    /// Its ARN, or what else tells it from all others.
    pub arn: String,
    /// The stack that its tag names, or the tag of what it hangs under. `None`: a stranger's.
    pub stack: Option<String>,
    /// It is deleted already and can be brought back until then, in seconds since 1970.
    #[serde(rename = "recoverable_until_unix", skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// How to remove it with AWS's own tool.
    pub remove: String,
    #[serde(skip)]
    pub(super) key: Value,
    #[serde(skip)]
    pub(super) outputs: Value,
    /// See [`Resource::identity`]. `None`: it could not be read.
    #[serde(skip)]
    pub(super) identity: Option<String>,
    /// The `arn` of what it hangs under.
    #[serde(skip)]
    pub(super) under: Option<String>,
    #[serde(skip)]
    pub(super) goes_with_parent: bool,
    /// The `arn` of what takes it along, where that is not what it hangs under.
    #[serde(skip)]
    pub(super) goes_with: Option<String>,
    /// The kind of all that must stay until it is gone.
    #[serde(skip)]
    pub(super) rests_on: Option<&'static str>,
}

impl InventoryItem {
    /// A thing that carries tags of its own.
    pub fn new<R: Resource>(
        (name, arn): (&str, &str),
        owner: Option<Owner>,
        key: impl FnOnce(String) -> R::Key,
        outputs: &R::Outputs,
    ) -> Self {
        let what = R::KIND.rsplit('.').next().unwrap_or(R::KIND);
        let (stack, resource) = owner.map_or((None, None), |owner| (Some(owner.stack), owner.resource));
        let id = resource.map_or_else(|| Id::new(what, name), Id::from);
        let mut listed = Self::bare::<R>(id.clone(), (name, arn), &key(id.to_string()), outputs);
        listed.stack = stack;
        listed
    }

    /// A thing without tags, that is whose what it hangs under is.
    pub fn under<R: Resource>(
        parent: &Self,
        id: Id,
        (name, arn): (&str, &str),
        key: &R::Key,
        outputs: &R::Outputs,
    ) -> Self {
        let mut listed = Self::bare::<R>(id, (name, arn), key, outputs);
        listed.stack.clone_from(&parent.stack);
        listed.under = Some(parent.arn.clone());
        listed.goes_with_parent = R::GOES_WITH_PARENT;
        listed
    }

    fn bare<R: Resource>(id: Id, (name, arn): (&str, &str), key: &R::Key, outputs: &R::Outputs) -> Self {
        let (name, arn) = (name.to_owned(), arn.to_owned());
        let remove = R::removal_command(outputs).unwrap_or_default();
        let (key, identity, outputs) = (write(key), R::identity(outputs), write(outputs));
        Self {
            id,
            kind: R::KIND,
            name,
            arn,
            stack: None,
            until: None,
            remove,
            key,
            outputs,
            identity: Some(identity),
            under: None,
            goes_with_parent: false,
            goes_with: None,
            rests_on: None,
        }
    }

    /// It is deleted already, and can be brought back until then.
    #[must_use]
    pub fn recoverable(mut self, until: Option<i64>) -> Self {
        self.until = until;
        self
    }

    /// It goes with what has this ARN, and not with what it hangs under. If that stays it is taken away by itself.
    #[must_use]
    pub fn going_with(mut self, arn: &str) -> Self {
        self.goes_with_parent = false;
        self.goes_with = Some(arn.to_owned());
        self
    }

    /// Things of that kind may be in use by it, so it goes before all of them. A list does not tell which.
    #[must_use]
    pub fn resting_on<R: Resource>(mut self) -> Self {
        self.rests_on = Some(R::KIND);
        self
    }
}

/// What there is.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// Everything whose name or path fits, whosever it is; what hangs under a thing comes after it.
    pub listed: Vec<InventoryItem>,
    /// What could not be read, and why.
    pub unread: Vec<Unread>,
    /// The kinds that have a list of their own, which was asked for. Other kinds are listed below their parents, or not
    /// at all.
    pub by_list: BTreeSet<&'static str>,
}

impl Inventory {
    /// What may not be read and begins like the things of another stack that was seen is that stack's.
    fn told_apart(mut self, whose: &Whose) -> Self {
        let Whose::Stack(ours) = whose else { return self };
        let stacks: BTreeSet<String> = self.others(ours).filter_map(|one| one.stack.clone()).collect();
        let (mut unread, mut listed) = (Vec::new(), Vec::new());
        for one in self.unread {
            match one.of_another(&stacks) {
                Some(other) => listed.push(other),
                None => unread.push(one),
            }
        }
        self.listed.extend(listed);
        Self { unread, ..self }
    }

    /// What is this stack's.
    pub fn of<'a>(&'a self, stack: &'a str) -> impl Iterator<Item = &'a InventoryItem> {
        self.listed.iter().filter(move |one| one.stack.as_deref() == Some(stack))
    }

    /// Whether something of a kind may be there that is not listed.
    pub fn may_lack(&self, kind: &str) -> bool {
        self.unread.iter().any(|unread| unread.kind == kind)
    }

    /// What has a name like this stack's and is not this stack's.
    pub fn others<'a>(&'a self, stack: &'a str) -> impl Iterator<Item = &'a InventoryItem> {
        self.listed.iter().filter(move |one| one.stack.as_deref() != Some(stack))
    }
}

/// Lists everything, side by side.
///
/// # Errors
/// A failure that dooms every list, such as expired credentials, or a request to stop.
pub async fn list_all(registry: &Registry, whose: &Whose, stop: &CancellationToken) -> Result<Inventory, Failure> {
    let providers: Vec<_> = registry.listed().collect();
    let lists = join_all(providers.iter().map(|(_, provider)| provider.list(whose)));
    let lists = tokio::select! {
        biased;
        () = stop.reached(StopLevel::Drain) => return Err(stopped()),
        lists = lists => lists,
    };
    let mut inventory = Inventory::default();
    for ((kind, _), list) in providers.iter().zip(lists) {
        match list {
            Ok(Listing { with_parent: true, .. }) => continue,
            Ok(Listing { listed, unread, .. }) => {
                inventory.listed.extend(listed);
                inventory.unread.extend(unread);
            }
            Err(error) => inventory.unread.push(Unread { kind, name: None, error, denied: false }),
        }
        inventory.by_list.insert(kind);
    }
    match inventory.unread.iter().find(|unread| unread.error.cause == Cause::Fatal) {
        Some(dead) => Err(dead.error.clone()),
        None => Ok(inventory.told_apart(whose)),
    }
}

/// Something of ours that should be gone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leftover {
    /// Its id in the stack.
    pub id: Id,
    /// Its kind.
    pub kind: String,
    /// Its ARN, or what else tells it from all others, where that is known.
    pub arn: Option<String>,
    /// How to remove it with AWS's own tool, where a list shows it.
    pub remove: Option<String>,
    /// Whether it was seen; else it could not be read, and may or may not be there.
    pub seen: bool,
    /// Why it could not be removed, or not be read.
    pub error: Option<Failure>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{Drift, add_listed};

    #[derive(Clone)]
    struct Pool;

    #[derive(Clone)]
    struct Client;

    macro_rules! resource {
        ($name:ident, $kind:literal, $goes:literal) => {
            impl Resource for $name {
                const KIND: &'static str = $kind;
                const GOES_WITH_PARENT: bool = $goes;
                type Key = ();
                type Outputs = Value;
                type Live = ();
                fn key(&self) {}
                fn identity(outputs: &Value) -> String {
                    outputs["arn"].to_string() + &outputs["client_id"].to_string()
                }
                fn removal_command(_: &Value) -> Option<String> {
                    None
                }
                fn drift(&self, (): &()) -> Vec<Drift> {
                    Vec::new()
                }
            }
        };
    }
    resource!(Pool, "cognito.user_pool", false);
    resource!(Client, "cognito.app_client", true);

    fn pool(arn: &str, noise: &str) -> InventoryItem {
        let owner = Owner { stack: "demo".into(), resource: Some("pool.p".into()) };
        let outputs = json!({ "arn": arn, "name": "demo-p", "deletion_protection": noise });
        InventoryItem::new::<Pool>(("demo-p", arn), Some(owner), |_| (), &outputs)
    }

    fn client(pool: &InventoryItem) -> InventoryItem {
        let (id, arn) = (Id::new("client", "p"), format!("{}/c", pool.arn));
        InventoryItem::under::<Client>(pool, id, ("c", &arn), &(), &json!({ "client_id": arn }))
    }

    #[test]
    fn what_is_known_is_not_added_again_and_a_second_one_gets_an_id_of_its_own() {
        let (one, two) = (pool("arn:1", "on"), pool("arn:2", "on"));
        let mut targets = Vec::new();
        let added = add_listed(&mut targets, [&one, &client(&one)]);
        assert_eq!(added.len(), 2);
        // Settings may have changed since; it is the same pool.
        let again = pool("arn:1", "off");
        let added = add_listed(&mut targets, [&again, &client(&again), &two, &client(&two)]);
        let ids: Vec<&str> = added.iter().map(|target| target.id.as_str()).collect();
        assert_eq!(ids, ["pool.p (arn:2)", "client.p (arn:2/c)"]);
        assert_eq!(targets.len(), 4);
    }

    #[test]
    fn what_rests_on_a_kind_goes_before_all_of_it() {
        let (one, other) = (pool("arn:1", "on").resting_on::<Client>(), pool("arn:2", "on"));
        let mut targets = Vec::new();
        add_listed(&mut targets, [&one, &other, &client(&other)]);
        assert_eq!(targets[0].needs(), ["client.p".into()]);
        assert_eq!(targets[1].needs(), []);
    }

    #[test]
    fn a_target_with_unreadable_outputs_is_not_the_same_as_a_listed_resource() {
        let mut targets = Vec::new();
        add_listed(&mut targets, [&pool("arn:1", "on")]);
        targets[0].identity = None;
        assert!(!targets[0].is(&pool("arn:1", "on")));
        let denied = InventoryItem { identity: None, ..pool("arn:1", "on") };
        assert!(!targets[0].is(&denied), "nothing is known of either");
    }

    #[test]
    fn what_hangs_under_a_thing_is_whose_that_is() {
        let listed = client(&pool("arn:1", "on"));
        assert_eq!(listed.stack.as_deref(), Some("demo"));
        let stranger = InventoryItem::new::<Pool>(("demo-x", "arn:x"), None, |_| (), &json!({}));
        assert_eq!((stranger.id.as_str(), client(&stranger).stack), ("user_pool.demo-x", None));
    }
}
