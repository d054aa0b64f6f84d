//! Stacks whose names begin like this stack's. The operator of `demo` may list everything, and may not read resources
//! with the tag of `demo-prod`. These must not count as unreadable resources of `demo`, as long as a list shows that
//! there is a stack `demo-prod`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::body::Bytes;
use serde_json::Value;

use crate::kinds::listed;
use crate::services::{kinds, service};
use crate::support::domains;
use crate::support::emulator::{account, endpoint};
use crate::support::inventory::inventory;
use crate::support::program::User;
use crate::support::proxy::{AwsRequest, CallOutcome, Fault, FaultInjector, Proxy};

/// A stack with the kinds that no blueprint contains, and an API, whose list shows the stack's tag.
const FILE: &str = r#"
[stack]
name = "demo-failing"
kms_key = "create"
[alarms]
[tables.notes]
key = "a"
[topics.news]
[functions.Reader]
source = "f"
on_failure = { queue = "dead" }
[[functions.Reader.triggers]]
queue = "work"
[[functions.Reader.triggers]]
schedule = "rate(1 day)"
[queues.work]
[functions.Open]
source = "f"
[pools.People]
[plans.partner]
keys = ["acme"]
[api]
stage = "live"
domain = { name = "api.example.com", certificate = "{certificate}", zone = "example.com" }
[[api.routes]]
route = "GET /a"
function = "Open"
pool = "People"
key = true
"#;

const NO_ROLES: &str = "<ListRolesResponse><ListRolesResult><Roles/><IsTruncated>false</IsTruncated></ListRolesResult></ListRolesResponse>";

/// The kinds that this call lists.
fn listed_by(asked: &AwsRequest) -> impl Iterator<Item = &'static str> {
    let kinds = kinds().filter(|(service, kind)| {
        let whole = kind.list.known().filter(|list| list.of_parent.is_none());
        service.name == asked.service && whole.is_some_and(|list| list.operation == asked.operation)
    });
    kinds.map(|(_, kind)| kind.name)
}

/// Refuses every call but the lists.
#[derive(Default)]
struct OnlyLists {
    /// Whether the lists show no tags and no paths.
    bare: bool,
    /// The kinds whose lists would have shown tags or paths.
    tagged: Mutex<BTreeSet<&'static str>>,
}

impl FaultInjector for OnlyLists {
    fn before(&self, asked: &AwsRequest) -> CallOutcome {
        if !asked.is_control_plane() || asked.service == "sts" {
            return CallOutcome::Passed;
        }
        if self.bare && asked.name() == "iam ListRoles" {
            self.tagged.lock().unwrap().extend(listed_by(asked));
            return CallOutcome::Answered(200, Bytes::from(NO_ROLES));
        }
        // Only a key's alias shows its stack.
        if listed_by(asked).next().is_some() || asked.name() == "kms ListAliases" {
            return CallOutcome::Passed;
        }
        let (status, code) = service(&asked.service).refusals.denied;
        CallOutcome::Refused(Fault::new(status, code, "not authorized"))
    }

    fn after(&self, asked: &AwsRequest, status: u16, body: Bytes) -> (u16, Bytes) {
        let Ok(mut answer) = serde_json::from_slice::<Value>(&body) else { return (status, body) };
        if !self.bare || !without_tags(&mut answer) {
            return (status, body);
        }
        self.tagged.lock().unwrap().extend(listed_by(asked));
        (status, Bytes::from(answer.to_string()))
    }
}

/// Removes all tags. Returns whether there were any.
fn without_tags(answer: &mut Value) -> bool {
    match answer {
        Value::Object(fields) => {
            let removed = ["tags", "Tags"].map(|name| fields.remove(name)).iter().flatten().count() > 0;
            fields.values_mut().fold(removed, |removed, field| without_tags(field) || removed)
        }
        // `count` visits every item, also after the first item with tags.
        Value::Array(items) => items.iter_mut().map(without_tags).filter(|removed| *removed).count() > 0,
        _ => false,
    }
}

/// Removes `demo`, which does not exist, on another machine. Returns the kinds that the program says it could not look for.
fn sweep(owner: &User, rules: &Arc<OnlyLists>, code: i32) -> BTreeSet<String> {
    let proxy = Proxy::with_faults(&endpoint(), Duration::ZERO, Arc::clone(rules) as _);
    let operator = owner.on_another_machine(&proxy.endpoint).with("SECURELAMBDA_TIME_SCALE", "0.02");
    let summary = operator.run(&["sweep", "--stack", "demo", "--yes", "--adopt", "--json"]).ends(code).summary();
    let unread = summary["not_looked_for"].as_array().unwrap().iter();
    unread.map(|unread| unread["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn resources_of_another_stack_do_not_make_the_inventory_incomplete() {
    let owner = User::of(&account(), &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    for (blueprint, stack) in [("tutorial", "demo-prod"), ("http-jwt", "demo-web"), ("api-to-api", "demo-calls")] {
        owner.run(&["up", "--yes", "--blueprint", blueprint, "--stack", stack]).ends(0);
    }
    owner.write("f/index.mjs", "export const handler = async () => ({});\n");
    owner.write("securelambda.toml", &domains::filled_in(&owner, FILE));
    owner.run(&["up", "--yes"]).ends(0);
    let there = inventory(&owner);
    let missing: Vec<&str> =
        listed().into_iter().filter(|kind| !there.iter().any(|one| one.starts_with(&format!("{kind} ")))).collect();
    assert!(missing.is_empty(), "add a stack with {missing:?} to this test");

    assert_eq!(sweep(&owner, &Arc::default(), 6), BTreeSet::new(), "the lists show the other stacks");

    let bare = Arc::new(OnlyLists { bare: true, ..OnlyLists::default() });
    let unread = sweep(&owner, &bare, 4);
    let tagged = bare.tagged.lock().unwrap();
    // The alias of a key is the name of its stack: keys of other stacks are not even looked at.
    let shown = |kind: &&str| tagged.contains(*kind) || *kind == "kms.key";
    let unknown: Vec<&str> = listed().into_iter().filter(|kind| !shown(kind)).collect();
    assert!(unknown.len() > 5, "{unknown:?}");
    for kind in unknown {
        assert!(
            unread.contains(kind),
            "no tag shows the stack of a {kind}, so the output must list {kind} as unread: {unread:?}"
        );
    }
    assert_eq!(inventory(&owner), there, "nothing of another stack is removed");
}
