//! The inventory: the resources that the services' lists show, independently of the graph and the state. By their
//! tags, it finds resources that neither the graph nor the state contains any more.

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
use crate::owner::{Owner, Whose};

/// The resources that a list shows, and those that could not be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    /// In the list's order.
    pub listed: Vec<InventoryItem>,
    pub unread: Vec<Unread>,
    /// The kind has no list of its own.
    with_parent: bool,
}

/// Something that could not be read: a resource, the resources below it, or all resources of a kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unread {
    pub kind: &'static str,
    /// The resource, or the parent of the resources. `None`: all resources of the kind, or those that follow the ones
    /// that were read.
    pub name: Option<String>,
    pub error: Failure,
    /// The caller lacks the permission to read it.
    #[serde(skip)]
    pub denied: bool,
}

impl Unread {
    pub fn new<R: Resource>(name: impl Into<Option<String>>, error: Failure) -> Self {
        Self { kind: R::KIND, name: name.into(), error, denied: false }
    }

    /// The resource as an item of one of these stacks, if reading it was denied and its name begins with the stack's
    /// name. An operator may not read resources with another stack's tag.
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
            lineage: None,
            expires: None,
            until: None,
            ends_by_itself: false,
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

    /// Appends another listing.
    pub fn extend(&mut self, other: Self) {
        self.listed.extend(other.listed);
        self.unread.extend(other.unread);
    }

    /// Adds resources that could not be read.
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

/// A resource that a list shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InventoryItem {
    /// Its id in the stack, from its tag, or else made from its kind and name.
    pub id: Id,
    pub kind: &'static str,
    /// Its name in AWS.
    pub name: String,
    /// Its ARN, or another text that identifies it.
    pub arn: String,
    /// The stack that its tag, or its parent's tag, names. `None`: it belongs to no stack.
    pub stack: Option<String>,
    /// The lineage that its tag, or its parent's tag, names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lineage: Option<String>,
    /// When its stack expires, in seconds since 1970.
    #[serde(rename = "expires_unix", skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
    /// If the resource is deleted: the time until which it can be restored, in seconds since 1970.
    #[serde(rename = "recoverable_until_unix", skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// Whether nothing can delete it before `until`, not even `down --purge`.
    #[serde(skip)]
    pub ends_by_itself: bool,
    /// See [`Resource::removal_command`]; empty if there is none.
    pub remove: String,
    #[serde(skip)]
    pub(super) key: Value,
    #[serde(skip)]
    pub(super) outputs: Value,
    /// See [`Resource::identity`]. `None`: it could not be read.
    #[serde(skip)]
    pub(super) identity: Option<String>,
    /// The `arn` of its parent.
    #[serde(skip)]
    pub(super) under: Option<String>,
    #[serde(skip)]
    pub(super) goes_with_parent: bool,
    /// The `arn` of the resource whose deletion also deletes it, if that is not its parent.
    #[serde(skip)]
    pub(super) goes_with: Option<String>,
    /// A kind whose resources must all stay until this resource is deleted.
    #[serde(skip)]
    pub(super) rests_on: Option<&'static str>,
}

impl InventoryItem {
    /// A resource with tags of its own.
    pub fn new<R: Resource>(
        (name, arn): (&str, &str),
        owner: Option<Owner>,
        key: impl FnOnce(String) -> R::Key,
        outputs: &R::Outputs,
    ) -> Self {
        let what = R::KIND.rsplit('.').next().unwrap_or(R::KIND);
        let expires = owner.as_ref().and_then(|owner| owner.expires);
        let (stack, resource, lineage) =
            owner.map_or((None, None, None), |owner| (Some(owner.stack), owner.resource, owner.lineage));
        let id = resource.map_or_else(|| Id::new(what, name), Id::from);
        let mut listed = Self::bare::<R>(id.clone(), (name, arn), &key(id.to_string()), outputs);
        listed.stack = stack;
        listed.lineage = lineage;
        listed.expires = expires;
        listed
    }

    /// A resource without tags, which belongs to its parent's stack.
    pub fn under<R: Resource>(
        parent: &Self,
        id: Id,
        (name, arn): (&str, &str),
        key: &R::Key,
        outputs: &R::Outputs,
    ) -> Self {
        let mut listed = Self::bare::<R>(id, (name, arn), key, outputs);
        listed.stack.clone_from(&parent.stack);
        listed.lineage.clone_from(&parent.lineage);
        listed.expires = parent.expires;
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
            lineage: None,
            expires: None,
            until: None,
            ends_by_itself: false,
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

    /// Marks it as deleted and restorable until this time.
    #[must_use]
    pub fn recoverable(mut self, until: Option<i64>) -> Self {
        self.until = until;
        self
    }

    /// Marks it as a resource whose deletion is scheduled for this time and cannot be hastened. It can be restored
    /// until then.
    #[must_use]
    pub fn ending(mut self, until: Option<i64>) -> Self {
        self.ends_by_itself = until.is_some();
        self.until = until;
        self
    }

    /// Marks it as deleted together with the resource of this ARN instead of its parent. If that resource stays, this
    /// one is deleted by a call of its own.
    #[must_use]
    pub fn going_with(mut self, arn: &str) -> Self {
        self.goes_with_parent = false;
        self.goes_with = Some(arn.to_owned());
        self
    }

    /// Marks it as a resource that may use any resource of this kind, because lists do not show which ones it uses. It
    /// is removed before all of them.
    #[must_use]
    pub fn resting_on<R: Resource>(mut self) -> Self {
        self.rests_on = Some(R::KIND);
        self
    }
}

/// The result of all lists.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// All resources with a matching name or path, of every owner. Children follow their parents.
    pub listed: Vec<InventoryItem>,
    pub unread: Vec<Unread>,
    /// The kinds that were listed by a call of their own. Other kinds are listed below their parents, or not at all.
    pub by_list: BTreeSet<&'static str>,
}

impl Inventory {
    /// Assigns a resource that the caller may not read to another listed stack if its name begins with that stack's
    /// name.
    fn told_apart(mut self, whose: &Whose) -> Self {
        if *whose == Whose::Any {
            return self;
        }
        let stacks = self.listed.iter().filter_map(|one| one.stack.clone());
        let stacks: BTreeSet<String> = stacks.filter(|stack| !whose.includes(stack)).collect();
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

    /// The stack's resources.
    pub fn of<'a>(&'a self, stack: &'a str) -> impl Iterator<Item = &'a InventoryItem> {
        self.listed.iter().filter(move |one| one.stack.as_deref() == Some(stack))
    }

    /// Whether resources of a kind may exist that are not listed.
    pub fn may_lack(&self, kind: &str) -> bool {
        self.unread.iter().any(|unread| unread.kind == kind)
    }

    /// The listed resources that do not belong to this stack.
    pub fn others<'a>(&'a self, stack: &'a str) -> impl Iterator<Item = &'a InventoryItem> {
        self.listed.iter().filter(move |one| one.stack.as_deref() != Some(stack))
    }
}

/// Reads all lists at the same time.
///
/// # Errors
/// A failure that every list would have, such as expired credentials, or a request to stop.
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

/// A resource of the stack that should be gone and is, or may be, still there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leftover {
    pub id: Id,
    pub kind: String,
    /// Its ARN or another text that identifies it, if known.
    pub arn: Option<String>,
    /// See [`Resource::removal_command`].
    pub remove: Option<String>,
    /// Whether it was seen. Otherwise it could not be read, and may or may not exist.
    pub seen: bool,
    /// Why it could not be removed or read.
    pub error: Option<Failure>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Comparison, add_listed};

    #[derive(Clone)]
    struct Pool;

    #[derive(Clone)]
    struct Client;

    macro_rules! resource {
        ($name:ident, $kind:literal, $goes:literal) => {
            impl Resource for $name {
                const KIND: &'static str = $kind;
                const GOES_WITH_PARENT: bool = $goes;
                const NAME_IS_UNIQUE: bool = true;
                const ID_IS_GIVEN_ONCE: bool = false;
                const GUARDS: bool = false;
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
                fn compare(&self, (): &()) -> Comparison {
                    Comparison::default()
                }
            }
        };
    }
    resource!(Pool, "cognito.user_pool", false);
    resource!(Client, "cognito.app_client", true);

    fn pool(arn: &str, noise: &str) -> InventoryItem {
        let owner = Owner { stack: "demo".into(), resource: Some("pool.p".into()), lineage: None, expires: None };
        let outputs = json!({ "arn": arn, "name": "demo-p", "deletion_protection": noise });
        InventoryItem::new::<Pool>(("demo-p", arn), Some(owner), |_| (), &outputs)
    }

    fn client(pool: &InventoryItem) -> InventoryItem {
        let (id, arn) = (Id::new("client", "p"), format!("{}/c", pool.arn));
        InventoryItem::under::<Client>(pool, id, ("c", &arn), &(), &json!({ "client_id": arn }))
    }

    #[test]
    fn a_known_resource_is_not_added_again_and_another_with_the_same_id_gets_a_new_id() {
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
    fn a_resource_that_may_use_a_kind_is_removed_before_all_of_that_kind() {
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
        let listed = pool("arn:1", "on");
        targets[0].identity = None;
        assert!(!targets[0].is(listed.kind, listed.identity.as_deref()));
        assert!(!targets[0].is(listed.kind, None), "nothing is known of either");
    }

    #[test]
    fn a_child_belongs_to_its_parents_stack() {
        let listed = client(&pool("arn:1", "on"));
        assert_eq!(listed.stack.as_deref(), Some("demo"));
        let foreign = InventoryItem::new::<Pool>(("demo-x", "arn:x"), None, |_| (), &json!({}));
        assert_eq!((foreign.id.as_str(), client(&foreign).stack), ("user_pool.demo-x", None));
    }
}
