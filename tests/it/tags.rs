//! Tags of the stack file: every resource that can have tags has them. The tags are repaired, changed and removed, and
//! tags of others stay. botocore reads the tags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::account_reader::AccountReader;
use crate::support::botocore::accepted;
use crate::support::domains;
use crate::support::emulator::{account, endpoint, python, without_proxy};
use crate::support::program::User;

/// A resource of every kind that takes tags.
const STACK: &str = r#"
[topics.news]
[queues.work]
[tables.notes]
key = "id"
[secrets.Where]
TOPIC_ARN = { topic = "news" }
[functions.Reader]
source = "f"
[[functions.Reader.triggers]]
queue = "work"
[[functions.Reader.triggers]]
schedule = "rate(1 day)"
[pools.People]
[plans.partner]
keys = ["acme"]
[identity_pools.Callers]
pool = "People"
invokes = ["GET /signed"]
[api]
stage = "live"
domain = { name = "api.example.com", certificate = "{certificate}" }
[[api.routes]]
route = "GET /a"
function = "Reader"
pool = "People"
key = true
[[api.routes]]
route = "GET /signed"
function = "Reader"
auth = "iam"
[apis.web]
kind = "http"
[[apis.web.routes]]
route = "GET /b"
function = "Reader"
pool = "People"
[firewall]
mode = "count"
addresses = ["203.0.113.7/32"]
[alarms]
"#;

/// The beginnings of the ids of its resources, without its roles, whose list shows no tags.
const OF_IDS: [&str; 18] = [
    "alarm.",
    "api-key.",
    "api.",
    "domain.",
    "firewall.",
    "function.",
    "identity-pool.",
    "key.",
    "logs.",
    "mapping.",
    "plan.",
    "pool.",
    "queue.",
    "schedules.",
    "secret.",
    "stage.",
    "table.",
    "topic.",
];

fn written(user: &User, tags: &str) {
    let file = format!("[stack]\nname = \"tagged\"\nkms_key = \"create\"\n{tags}{STACK}");
    user.write("securelambda.toml", &domains::filled_in(user, &file));
}

/// The tags of every resource of the stack, by the value of its tag `securelambda:resource`.
fn tags(of: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let account = AccountReader::new(&python(), &without_proxy(&endpoint()), "eu-central-1").describe(of);
    collect(&json!(account), &mut found);
    found
}

fn collect(value: &Value, found: &mut BTreeMap<String, BTreeMap<String, String>>) {
    match value {
        Value::Object(members) => {
            if let Some(id) = members.get("securelambda:resource").and_then(Value::as_str) {
                let tags = members.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
                found.insert(id.to_owned(), tags.filter(|(key, _)| !key.starts_with("securelambda:")).collect());
            }
            members.values().for_each(|member| collect(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

#[track_caller]
fn all_carry(of: &str, wanted: &[(&str, &str)]) {
    let wanted: BTreeMap<String, String> =
        wanted.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let found = tags(of);
    for (id, mut tags) in found {
        // MiniStack describes these resources with the tags from their creation. The program reads the tags with a
        // separate call.
        if ["api-key.", "api.", "identity-pool.", "plan.", "stage."].iter().any(|kind| id.starts_with(kind))
            && !wanted.contains_key("cost centre")
        {
            continue;
        }
        // Of several keys in one call, MiniStack's Scheduler removes one.
        if wanted.is_empty() && id.starts_with("schedules.") {
            continue;
        }
        // A tag of another tool.
        tags.remove("owner");
        assert_eq!(tags, wanted, "{id}");
    }
}

/// All files below this folder.
fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() { files(&path, all) } else { all.push(path) }
    }
}

/// A change of `[stack] tags` would never reach a kind without `retag`.
#[test]
fn every_kind_that_is_made_with_tags_can_get_others() {
    let mut all = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws"), &mut all);
    let mut makes = 0;
    for file in all {
        let text = std::fs::read_to_string(&file).unwrap();
        let made = ["(&self.scope, &want.id", "self.tags(&want.id)"].iter().any(|call| text.contains(call));
        assert!(!made || text.contains("    async fn retag("), "{} has no `retag`", file.display());
        makes += usize::from(made);
    }
    assert!(makes >= 21, "{makes}");
}

fn drift(user: &User) -> BTreeMap<String, Vec<(String, bool)>> {
    let status = user.run(&["status", "--json"]).ends(0).json();
    let rows = status["resources"].as_array().unwrap().iter();
    let fields = |row: &Value| {
        let drift = row["drift"].as_array().cloned().unwrap_or_default();
        let tags = drift.iter().filter(|one| one["field"].as_str().unwrap().starts_with("Tags."));
        tags.map(|one| (one["field"].as_str().unwrap().to_owned(), one["weakens"] == true)).collect::<Vec<_>>()
    };
    let rows = rows.map(|row| (row["id"].as_str().unwrap().to_owned(), fields(row)));
    rows.filter(|(_, fields)| !fields.is_empty()).collect()
}

/// MiniStack describes these resources with the tags from their creation, even after TagResource and UntagResource.
const GAPS: [&str; 4] = ["api-key.acme", "identity-pool.Callers", "plan.partner", "stage.live"];

/// The tags of the first API key or usage plan, read with GetTags.
fn tags_alone(user: &User, list: &str, path: &str) -> BTreeMap<String, Value> {
    let listed = accepted(user, "apigateway", list, &json!({}));
    let arn = format!("arn:aws:apigateway:eu-central-1::/{path}/{}", listed["items"][0]["id"].as_str().unwrap());
    let tags = accepted(user, "apigateway", "get_tags", &json!({ "resourceArn": arn }))["tags"].clone();
    tags.as_object().unwrap().clone().into_iter().filter(|(key, _)| !key.starts_with("securelambda:")).collect()
}

fn up(user: &User) {
    user.run(&["up", "--yes"]).ends(0);
    let left = drift(user);
    assert!(left.keys().all(|id| GAPS.contains(&id.as_str())), "{left:?}");
}

#[test]
fn everything_that_takes_tags_carries_those_of_the_stack_file() {
    let of = account();
    let user = User::of(&of, &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.write("f/index.mjs", "export const handler = async () => ({ statusCode: 200 });\n");
    written(&user, "tags = { team = \"payments\", \"cost centre\" = \"7\" }\n");
    up(&user);
    all_carry(&of, &[("team", "payments"), ("cost centre", "7")]);
    let found = tags(&of);
    for kind in OF_IDS {
        assert!(found.keys().any(|id| id.starts_with(kind)), "{kind} is not among {:?}", found.keys());
    }
    let role = accepted(&user, "iam", "list_role_tags", &json!({ "RoleName": "tagged-Reader" }));
    assert!(role["Tags"].as_array().unwrap().iter().any(|tag| tag["Key"] == "team"), "{role:#}");
    // Somebody removes a tag, changes a tag and adds a tag.
    let topic = json!({ "ResourceArn": format!("arn:aws:sns:eu-central-1:{}:tagged-news", of) });
    let with = |extra: Value| {
        let mut all = topic.clone();
        all.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        all
    };
    accepted(&user, "sns", "untag_resource", &with(json!({ "TagKeys": ["team"] })));
    let changed = json!([{ "Key": "cost centre", "Value": "8" }, { "Key": "owner", "Value": "ann" }]);
    accepted(&user, "sns", "tag_resource", &with(json!({ "Tags": changed })));
    let expected = [("Tags.cost centre".to_owned(), false), ("Tags.team".to_owned(), false)];
    assert_eq!(drift(&user), BTreeMap::from([("topic.news".to_owned(), expected.to_vec())]));
    up(&user);
    all_carry(&of, &[("team", "payments"), ("cost centre", "7")]);
    assert_eq!(tags(&of)["topic.news"]["owner"], "ann");

    // One tag is changed, one is removed, and one is added. Then all are removed.
    written(&user, "tags = { team = \"core\", env = \"prod\" }\n");
    up(&user);
    all_carry(&of, &[("team", "core"), ("env", "prod")]);
    for (list, path) in [("get_api_keys", "apikeys"), ("get_usage_plans", "usageplans")] {
        let found = json!(tags_alone(&user, list, path));
        assert_eq!(found, json!({ "team": "core", "env": "prod" }), "{path}");
    }
    written(&user, "");
    up(&user);
    all_carry(&of, &[]);
    assert_eq!(tags(&of)["topic.news"]["owner"], "ann");
    user.run(&["down", "--yes", "--remove-table", "notes"]).ends(0);
}

#[test]
fn a_tag_that_a_stopped_run_did_not_reach_is_removed_later() {
    let of = account();
    let user = User::of(&of, &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    let file = |tags: &str| {
        user.write("securelambda.toml", &format!("[stack]\nname = \"tagged\"\n{tags}[topics.news]\n[queues.work]\n"));
    };
    file("tags = { team = \"payments\" }\n");
    up(&user);
    file("");
    // The state file keeps the tags that the program set until every resource is as wanted.
    let status = drift(&user);
    let gone = || vec![("Tags.team".to_owned(), false)];
    assert_eq!(status, BTreeMap::from([("queue.work".to_owned(), gone()), ("topic.news".to_owned(), gone())]));
    up(&user);
    assert!(drift(&user).is_empty());
    all_carry(&of, &[]);
    user.run(&["down", "--yes"]).ends(0);
}
