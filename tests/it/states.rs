//! States in a bucket on the emulator: two machines share a stack, and the commands of `state`.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::botocore::accepted;
use crate::support::emulator::{account, endpoint, without_proxy};
use crate::support::inventory::inventory;
use crate::support::program::{Started, User};
use crate::support::proxy::Proxy;

const STACK: &str =
    "[stack]\nname = \"shared\"\nstate = \"s3://BUCKET/team\"\n[topics.news]\n[queues.work]\n[pools.Users]\n";

/// A user with a bucket and the stack file. The names of buckets are unique among all accounts.
fn someone() -> (User, String) {
    let account = account();
    let bucket = format!("states-{account}");
    let user = User::of(&account, &endpoint());
    user.run(&["state", "bucket", &bucket, "--yes"]).ends(0).says("state = \"s3://");
    user.write("securelambda.toml", &STACK.replace("BUCKET", &bucket));
    (user, bucket)
}

/// The same person on another machine.
fn another(user: &User, bucket: &str) -> User {
    let other = user.on_another_machine(&endpoint());
    other.write("securelambda.toml", &STACK.replace("BUCKET", bucket));
    other
}

/// How long every call of the first machine takes, so that it is not ready before the second one comes.
const DELAY: Duration = Duration::from_millis(600);

/// The same person on a machine with a slow network.
fn slowly(user: &User, bucket: &str, slow: &Proxy) -> User {
    let user = user.on_another_machine(&slow.endpoint).with("SECURELAMBDA_TIME_SCALE", "0.2");
    user.write("securelambda.toml", &STACK.replace("BUCKET", bucket));
    user
}

/// Waits until the bucket has a lock and a state.
fn wait_for_a_save(started: &mut Started, user: &User, bucket: &str) {
    while keys(user, bucket).len() < 2 {
        assert!(started.0.try_wait().unwrap().is_none(), "it ended early: {:?}", started.ran());
    }
}

fn keys(user: &User, bucket: &str) -> Vec<String> {
    let listed = accepted(user, "s3", "list_objects_v2", &json!({ "Bucket": bucket }));
    let objects = listed["Contents"].as_array().into_iter().flatten();
    objects.map(|object| object["Key"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn two_machines_share_a_stack() {
    let (first, bucket) = someone();
    let state = format!("team/shared.{}.eu-central-1.json", first.account().unwrap());
    first.run(&["up", "--yes"]).ends(0);
    assert_eq!(keys(&first, &bucket), std::slice::from_ref(&state), "and no lock remains");
    assert!(!first.folder.path().join("state").exists());

    let second = another(&first, &bucket);
    second.run(&["status", "--detailed-exitcode"]).ends(0);
    second.run(&["outputs"]).ends(0);
    second.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    second.write("securelambda.toml", &STACK.replace("BUCKET", &bucket).replace("[queues.work]\n", "[queues.other]\n"));
    second.run(&["up", "--yes"]).ends(0);
    first.run(&["plan", "--detailed-exitcode"]).ends(7);
    let list = first.run(&["state", "list", "--json"]).ends(0).json();
    assert_eq!((&list["states"][0]["stack"], &list["states"][0]["locked_by"]), (&json!("shared"), &Value::Null));
    first.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(keys(&first, &bucket), Vec::<String>::new());
    assert_eq!(inventory(&first), Vec::<String>::new());
    second.run(&["status"]).ends(6);
}

/// Another machine goes on where the first one was killed, after the lease or after `state unlock`.
#[test]
fn another_machine_goes_on_after_a_kill() {
    for unlock in [false, true] {
        let (first, bucket) = someone();
        let slow = Proxy::new(&without_proxy(&endpoint()), DELAY);
        let slow = slowly(&first, &bucket, &slow);
        let mut started = slow.start(&["up", "--yes", "--jobs", "1"]);
        wait_for_a_save(&mut started, &first, &bucket);
        started.signal(Signal::KILL);
        drop(started);
        let second = another(&first, &bucket).with("SECURELAMBDA_TIME_SCALE", "0.2");
        let refused = second.run(&["up", "--yes"]).ends(9).says("another run holds the lock").says("state unlock");
        assert!(refused.stderr.contains("`securelambda up`, process"), "{}", refused.stderr);
        if unlock {
            second.run(&["state", "unlock"]).ends(2).says("--yes");
            second.run(&["state", "unlock", "--yes"]).ends(0).says("Removed the lock");
            second.run(&["state", "unlock", "--yes"]).ends(0).says("Nobody holds the lock");
        } else {
            // A fifth of the lease, in whole seconds of S3's clock.
            std::thread::sleep(Duration::from_secs(15));
        }
        let ran = second.run(&["up", "--yes"]).ends(0);
        assert_eq!(ran.stderr.contains("taking over the lock"), !unlock, "{}", ran.stderr);
        second.run(&["status", "--detailed-exitcode"]).ends(0);
        second.run(&["down", "--yes"]).ends(0).says("0 left");
        assert_eq!(inventory(&second), Vec::<String>::new());
    }
}

/// A process that is stopped for longer than its lease starts nothing more when it goes on.
#[test]
fn a_run_that_lost_its_lock_stops_and_overwrites_nothing() {
    let (first, bucket) = someone();
    let slow = Proxy::new(&without_proxy(&endpoint()), DELAY);
    let slow = slowly(&first, &bucket, &slow);
    let mut started = slow.start(&["up", "--yes", "--jobs", "1"]);
    wait_for_a_save(&mut started, &first, &bucket);
    started.signal(Signal::STOP);
    std::thread::sleep(Duration::from_secs(15));
    let second = another(&first, &bucket).with("SECURELAMBDA_TIME_SCALE", "0.2");
    second.run(&["up", "--yes"]).ends(0).says("taking over the lock");
    let state = second.run(&["state", "pull"]).ends(0).stdout;
    started.signal(Signal::CONT);
    let (ended, _) = started.ends_within(Duration::from_mins(1));
    let stopped = ended.ends(1).says("starts nothing more and overwrites nothing");
    assert!(stopped.stderr.contains(".unsaved.json"), "{}", stopped.stderr);
    assert_eq!(second.run(&["state", "pull"]).ends(0).stdout, state);
    second.run(&["status", "--detailed-exitcode"]).ends(0);
    second.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&second), Vec::<String>::new());
}

#[test]
fn a_state_moves_to_a_bucket_and_back_and_is_repaired() {
    let user = User::of(&account(), &endpoint());
    let bucket = format!("states-{}", user.account().unwrap());
    user.write("securelambda.toml", "[stack]\nname = \"moving\"\n[topics.news]\n");
    user.run(&["up", "--yes"]).ends(0);
    let place = format!("s3://{bucket}");
    user.run(&["state", "move", &place]).ends(1).says("state bucket");
    user.run(&["state", "bucket", &bucket]).ends(2).says("--yes");
    user.run(&["state", "bucket", &bucket, "--yes"]).ends(0).says("Created the bucket");
    user.run(&["state", "bucket", &bucket, "--yes"]).ends(0);
    user.run(&["state", "move", &place]).ends(0).says(&format!("state = \"{place}\""));
    assert!(!user.state().exists());
    user.run(&["status"]).ends(10);
    let there = ["--state", place.as_str()];
    let with = |args: &[&str]| user.run(&[args, &there].concat());
    with(&["status", "--detailed-exitcode"]).ends(0);
    with(&["up", "--yes"]).ends(0).says("Nothing to do");
    let shown = with(&["state", "show"]).ends(0);
    assert!(shown.stdout.contains("Lineage") && shown.stdout.contains("not held"), "{}", shown.stdout);

    let mut pulled: Value = serde_json::from_str(&with(&["state", "pull"]).ends(0).stdout).unwrap();
    assert!(pulled["resources"]["topic.news"].is_object());
    pulled["serial"] = json!(0);
    user.write("older.json", &pulled.to_string());
    with(&["state", "push", "older.json", "--yes"]).ends(2).says("is newer");
    with(&["state", "push", "older.json", "--force"]).ends(2).says("--yes");
    with(&["state", "push", "older.json", "--force", "--yes"]).ends(0).says("Replaced");
    pulled["lineage"] = json!("another");
    pulled["serial"] = json!(999);
    user.write("other.json", &pulled.to_string());
    with(&["state", "push", "other.json", "--yes"]).ends(2).says("another lineage");
    pulled["account"] = json!("999999999999");
    user.write("foreign.json", &pulled.to_string());
    with(&["state", "push", "foreign.json", "--yes", "--force"]).ends(2).says("999999999999");
    user.write("broken.json", "{");
    with(&["state", "push", "broken.json", "--yes"]).ends(2).says("is damaged");

    with(&["state", "move", "elsewhere"]).ends(0);
    user.run(&["down", "--yes", "--state", "elsewhere"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

/// The bucket's settings, by botocore.
#[test]
fn a_new_bucket_is_private_versioned_and_encrypted() {
    let (user, bucket) = someone();
    let of = |operation: &str| accepted(&user, "s3", operation, &json!({ "Bucket": bucket }));
    assert_eq!(of("get_bucket_versioning")["Status"], "Enabled");
    let access = of("get_public_access_block")["PublicAccessBlockConfiguration"].clone();
    for setting in ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"] {
        assert_eq!(access[setting], true, "{access}");
    }
    let rule = &of("get_bucket_encryption")["ServerSideEncryptionConfiguration"]["Rules"][0];
    assert_eq!(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256");
    let policy: Value = serde_json::from_str(of("get_bucket_policy")["Policy"].as_str().unwrap()).unwrap();
    let statement = &policy["Statement"][0];
    assert_eq!(
        (&statement["Effect"], &statement["Condition"]["Bool"]["aws:SecureTransport"]),
        (&json!("Deny"), &json!("false"))
    );
    let lifecycle = of("get_bucket_lifecycle_configuration");
    assert_eq!(lifecycle["Rules"][0]["NoncurrentVersionExpiration"]["NoncurrentDays"], 90);
}

/// A state in a function's folder is no part of its package, also if the stack file names the folder. Otherwise each save
/// would change the function.
#[test]
fn a_folder_of_states_that_the_stack_file_names_is_not_packed() {
    let user = User::of(&account(), &endpoint());
    user.write("hello/index.mjs", "export const handler = async () => 'hello';\n");
    let stack = "[stack]\nname = \"packed\"\nstate = \"hello/kept\"\n[functions.Hello]\nsource = \"hello\"\n";
    user.write("securelambda.toml", stack);
    user.run(&["up", "--yes"]).ends(0);
    assert!(user.folder.path().join("hello/kept").exists());
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}
