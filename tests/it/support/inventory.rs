//! The resources of an account, from AWS's lists. botocore reads the lists, so that the tests do not depend on this
//! program's own view of an account.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::botocore::calls;
use super::default_account::{DEFAULT_ACCOUNT, DefaultAccount};
use super::program::User;
use crate::services::{List, Service, kinds};

/// The kind of KMS keys, whose list does not show that a key is pending deletion.
const KEY: &str = "kms.key";

/// The names of all resources in the account, of the kinds that AWS lists: `sns.topic greetings`. Secrets in their
/// recovery windows, keys that are pending deletion and resources that a failed test left are omitted.
pub fn inventory(user: &User) -> Vec<String> {
    let mut names = everything(user);
    if user.account() == Some(DEFAULT_ACCOUNT) {
        for left in DefaultAccount::left_behind() {
            if let Some(at) = names.iter().position(|name| *name == left) {
                names.remove(at);
            }
        }
    }
    names
}

/// [`inventory`], including the resources that failed tests left.
pub fn everything(user: &User) -> Vec<String> {
    let lists = kinds().filter_map(|(service, kind)| Some((kind.name, service, *kind.list.known()?)));
    let (of_parents, whole): (Vec<_>, Vec<_>) = lists.partition(|(_, _, list)| list.of_parent.is_some());
    let asked: Vec<Value> = whole.iter().map(|(_, service, list)| call(service, list, &Value::Null)).collect();
    let mut found = HashMap::<&str, Vec<Value>>::new();
    for ((kind, _, list), answer) in whole.iter().zip(calls(user, &asked)) {
        found.insert(kind, items(list, answer));
    }
    let (mut kinds, mut asked) = (Vec::new(), Vec::new());
    for (kind, service, list) in &of_parents {
        let parent = list.of_parent.unwrap();
        for item in &found[parent.kind] {
            kinds.push((*kind, list));
            asked.push(call(service, list, &json!({ parent.argument: item[parent.id] })));
        }
    }
    for ((kind, list), answer) in kinds.into_iter().zip(calls(user, &asked)) {
        found.entry(kind).or_default().extend(items(list, answer));
    }
    if let Some(keys) = found.get_mut(KEY) {
        let asked: Vec<Value> =
            keys.iter().map(|key| json!(["kms", "DescribeKey", { "KeyId": key["KeyId"] }])).collect();
        let mut waits = calls(user, &asked).into_iter().map(|key| key["KeyMetadata"]["KeyState"] == "PendingDeletion");
        keys.retain(|_| !waits.next().unwrap());
    }
    let lists: HashMap<&str, List> = whole.into_iter().chain(of_parents).map(|(kind, _, list)| (kind, list)).collect();
    let lines = |(kind, items): (&str, Vec<Value>)| -> Vec<String> {
        items.iter().map(|item| format!("{kind} {}", name(&lists[kind], item))).collect()
    };
    let mut names: Vec<String> = found.into_iter().flat_map(lines).collect();
    names.sort();
    names
}

fn call(service: &Service, list: &List, of: &Value) -> Value {
    let mut arguments = (list.arguments)();
    for (name, value) in of.as_object().into_iter().flatten() {
        arguments[name] = value.clone();
    }
    json!([service.name, list.operation, arguments])
}

fn items(list: &List, mut answer: Value) -> Vec<Value> {
    assert!(answer.get("Error").is_none(), "{}: {answer}", list.operation);
    let mut items = answer[list.items].as_array_mut().map(std::mem::take).unwrap_or_default();
    // Every account has a group of schedules called default, which nobody can delete.
    let is_default = |item: &Value| list.operation == "ListScheduleGroups" && item[list.name] == "default";
    items.retain(|item| item.get("DeletedDate").is_none() && !is_default(item));
    items
}

/// The last part of a URL, and an ARN without its account, so that two accounts can be compared.
fn name(list: &List, item: &Value) -> String {
    let url = item.as_str().and_then(|url| url.rsplit('/').next());
    let name = url.or(item[list.name].as_str()).unwrap_or("?");
    let name = if name.starts_with("arn:") { name.splitn(6, ':').last().unwrap_or(name) } else { name };
    name.to_owned()
}
