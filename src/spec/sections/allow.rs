//! `allow`: IAM permissions beyond those that other keys grant.

mod references;
mod rules;

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::{Stack, functions, pools, queues, tables, topics};
use crate::scope::Scope;
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Conditions, List, Nested, Text};
use crate::spec::reader::{Item, Located, Reader, Table, joined};
use crate::spec::section::section;

pub(in crate::spec) use self::references::{Kind, Reference, pools_in, with_pool};

section! {
    ALLOW: AllowKeys = "an entry of allow";
    actions: List = required(
        "The actions, as in \"s3:GetObject\". They must be in AWS's service authorization reference. A wildcard needs `because`, and so does an action that could gain or grant further permissions.",
    );
    resources: List = required(
        "The ARNs of the resources on which the actions are allowed, as in \"arn:{partition}:s3:::photos/*\". `up` fills in {partition}, {region} and {account}, and the ARNs of resources of the stack: \"{pool.NAME}\", \"{table.NAME}\", \"{queue.NAME}\", \"{topic.NAME}\" and \"{function.NAME}\", which may be followed by a part of the resource, as in \"{table.notes}/index/*\". IAM's own variables such as ${aws:PrincipalTag/team} stay. An ARN that stands for everything of a kind, or for any region or account, needs `because`. \"*\" is for actions that AWS allows on nothing else.",
    );
    conditions: Conditions = of(
        "The conditions under which they are allowed, as in { StringEquals = { \"s3:prefix\" = \"photos/\" } }.",
    );
    because: Text = any("Why a wildcard is needed, or an action that could give further permissions.");
}

/// The permissions of one entry, which become one statement of a policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    /// As in `s3:GetObject`; with wildcards only if `because` gives a reason.
    pub actions: Vec<String>,
    /// ARNs, in which `{partition}`, `{region}` and `{account}` stand for those of the stack. They may begin with a
    /// placeholder for a resource of the stack, such as `{table.notes}`.
    pub resources: Vec<String>,
    /// The values by operator and key, with the same placeholders.
    pub conditions: Block,
    pub because: Option<String>,
}

/// Conditions: the values by operator and key.
pub type Block = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// The placeholders that `up` fills in, each with a sample value for checks before the account is known.
const PLACEHOLDERS: [(&str, &str); 3] =
    [("{partition}", "aws"), ("{region}", "eu-central-1"), ("{account}", "123456789012")];

impl Allowed {
    /// The resources in this account and region. The placeholder of a pool stays: only AWS knows its id.
    pub(in crate::spec) fn resources(&self, stack: &Stack, scope: &Scope) -> Vec<String> {
        let arn = |resource: &String| match Reference::of(resource) {
            Some(reference) => reference.arn(stack, scope),
            None => filled_in(resource, scope),
        };
        self.resources.iter().map(arn).collect()
    }

    /// The conditions in this account and region.
    pub fn conditions(&self, scope: &Scope) -> Block {
        let values = |values: &Vec<String>| values.iter().map(|value| filled_in(value, scope)).collect();
        let keys = |keys: &BTreeMap<String, Vec<String>>| {
            keys.iter().map(|(key, given)| (key.clone(), values(given))).collect()
        };
        self.conditions.iter().map(|(operator, block)| (operator.clone(), keys(block))).collect()
    }

    /// The first partition in its ARNs that is neither `{partition}` nor the given one.
    pub fn other_partition(&self, partition: &str) -> Option<&str> {
        let named = self.resources.iter().filter_map(|arn| arn.strip_prefix("arn:")?.split(':').next());
        named.into_iter().find(|named| !named.contains(['{', '*', '?']) && *named != partition)
    }
}

fn filled_in(text: &str, Scope { partition, account, region, .. }: &Scope) -> String {
    let [(of_partition, _), (of_region, _), (of_account, _)] = PLACEHOLDERS;
    text.replace(of_partition, partition).replace(of_region, region).replace(of_account, account)
}

impl Stack {
    /// Reports entries of `allow` with ARNs of another partition. Such ARNs match no resource in this partition.
    pub fn of_other_partitions(&self, partition: &str) -> Vec<Diagnostic> {
        let functions = self.functions.iter();
        let functions = functions.map(|(name, function)| (format!("functions.{name}.allow"), &function.rights.allow));
        let callers = self.identity_pools.iter().flat_map(|(name, identity)| identity.allowed(name));
        let entries = functions.chain(callers).flat_map(|(place, allow)| {
            allow.iter().enumerate().map(move |(at, allowed)| (format!("{place}.{at}"), allowed))
        });
        let flaw = |(place, allowed): (String, &Allowed)| {
            let other = allowed.other_partition(partition)?;
            let message = format!("an ARN of the partition {other} means nothing in {partition}");
            Some(Diagnostic::new(place, message).help("write {partition} in its place"))
        };
        entries.filter_map(flaw).collect()
    }
}

/// Reports placeholders for resources that the stack does not have. `place` is the key with these entries.
pub(super) fn check(place: &str, allow: &[Allowed], checks: &mut Checks) {
    for (at, allowed) in allow.iter().enumerate() {
        for resource in &allowed.resources {
            if let Some(reference) = Reference::of(resource) {
                exists(format!("{place}.{at}.resources.{resource}"), reference, checks);
            }
        }
    }
}

/// Reports a placeholder for a resource that the stack does not have.
fn exists(place: String, Reference { kind, name, .. }: Reference<'_>, checks: &mut Checks) {
    match kind {
        Kind::Function => checks.exists(place, kind.word(), name, &[&functions::KEY.key]),
        Kind::Pool => checks.exists(place, kind.word(), name, &[&pools::KEY.key]),
        Kind::Queue => queues::exists(checks, place, name),
        Kind::Table => checks.exists(place, kind.word(), name, &[&tables::KEY.key]),
        Kind::Topic => checks.exists(place, kind.word(), name, &[&topics::KEY.key]),
    }
}

/// Reads the entries. Reports entries that AWS would not accept or that allow too much.
pub(super) fn read(reader: &mut Reader, table: &Table, key: &Nested<AllowKeys>) -> Vec<Allowed> {
    let items = reader.tables(table, key).unwrap_or_default();
    read_items(reader, items, &table.at(&key.key), key)
}

/// Reads entries by name, in the order of the stack file.
pub(super) fn read_by_name(reader: &mut Reader, table: &Table, key: &Nested<AllowKeys>) -> Vec<(String, Vec<Allowed>)> {
    let named = reader.named_tables(table, key);
    let place = |name: &str| joined(&table.at(&key.key), name);
    named.into_iter().map(|(name, items)| (name.clone(), read_items(reader, items, &place(&name), key))).collect()
}

fn read_items(reader: &mut Reader, items: Vec<Item>, place: &str, key: &Nested<AllowKeys>) -> Vec<Allowed> {
    let mut entries = Vec::new();
    for (number, item) in items.into_iter().enumerate() {
        let path = joined(place, &number.to_string());
        reader.remember(path.clone(), item.span());
        if let Some(table) = reader.open(item, "an entry of `allow`", path, key.section) {
            entries.push(entry(reader, &table));
        }
    }
    entries
}

fn entry(reader: &mut Reader, table: &Table) -> Allowed {
    let AllowKeys { actions, resources, conditions, because } = &ALLOW;
    let given = Given {
        actions: some(reader, table, actions),
        resources: some(reader, table, resources),
        conditions: located_conditions(reader, table, conditions),
        because: reader.text(table, because).map(|(because, _)| because),
    };
    rules::check(reader, &given);
    let texts = |located: Vec<Located>| located.into_iter().map(|(text, _)| text).collect();
    let mut conditions = Block::new();
    for condition in given.conditions {
        let (operator, key) = (condition.operator.0, condition.key.0);
        conditions.entry(operator).or_default().insert(key, condition.values);
    }
    Allowed { actions: texts(given.actions), resources: texts(given.resources), conditions, because: given.because }
}

/// An entry with the places of its parts.
struct Given {
    actions: Vec<Located>,
    resources: Vec<Located>,
    conditions: Vec<Condition>,
    because: Option<String>,
}

/// One key of a condition, and the values that it may have.
struct Condition {
    operator: Located,
    key: Located,
    values: Vec<String>,
}

/// A list that must be given and must not be empty.
fn some(reader: &mut Reader, table: &Table, key: &List) -> Vec<Located> {
    let texts = reader.list(table, key);
    match table.get(&key.key) {
        None => reader.diagnostic(&table.span, format!("{} lacks `{}`", table.what, key.key.name), None),
        Some(item) if matches!(item.get_ref(), DeValue::Array(items) if items.is_empty()) => {
            reader.diagnostic(&item.span(), format!("`{}` is empty", key.key.name), None);
        }
        Some(_) => {}
    }
    texts
}

fn located_conditions(reader: &mut Reader, table: &Table, key: &Conditions) -> Vec<Condition> {
    let Some(item) = table.get(&key.key) else { return Vec::new() };
    let mut conditions = Vec::new();
    for (operator, keys) in entries(reader, item, key.key.name) {
        for (key, values) in entries(reader, keys, &operator.0) {
            let values = self::values(reader, values, &key.0);
            conditions.push(Condition { operator: operator.clone(), key, values });
        }
    }
    conditions
}

/// The entries of a table whose keys the user chose.
fn entries<'a>(reader: &mut Reader, item: Item<'a>, name: &str) -> Vec<(Located, Item<'a>)> {
    let DeValue::Table(table) = item.get_ref() else {
        reader.wrong(item, name, "a table, as in { StringEquals = { \"s3:prefix\" = \"photos/\" } }");
        return Vec::new();
    };
    table.iter().map(|(key, item)| ((key.get_ref().to_string(), key.span()), item)).collect()
}

/// The values of a condition's key: one, or a list.
fn values(reader: &mut Reader, item: Item, key: &str) -> Vec<String> {
    let one = |item: Item| match item.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(value) => Some(value.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        _ => None,
    };
    let values: Option<Vec<String>> = match item.get_ref() {
        DeValue::Array(items) => items.iter().map(one).collect(),
        _ => one(item).map(|value| vec![value]),
    };
    match values {
        Some(values) if !values.is_empty() => values,
        _ => {
            reader.wrong(item, key, "text, or a list of text");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests;
