//! No space for the state: the program notices it before it creates anything. If the space runs out half-way, no created
//! resource is lost.

use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use securelambda::state::Status;

use crate::support::completes_and_removes;
use crate::support::emulator::{account, endpoint};
use crate::support::graphs::stack;
use crate::support::inventory::inventory;
use crate::support::program::{CommandOutput, Started, User};
use crate::support::proxy::{CallOutcome, Proxy};
use crate::support::simulation::Simulation;

mod engine {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn up_lists_unsaved_resources_when_the_disk_is_full_from_any_save_on() {
        let stack = stack();
        for nth in 1.. {
            let sim = Simulation::new();
            sim.disk.fail_from(nth);
            let run = sim.up(&stack).await;
            let Some(not_saved) = run.summary.save_error else {
                assert!(nth > 6, "there were too few saves");
                break;
            };
            let on_disk = sim.disk.state().resources;
            let mut known: Vec<String> = on_disk
                .into_iter()
                .filter(|(_, row)| row.status == Status::Ready)
                .map(|(id, _)| id)
                .chain(not_saved.made.iter().map(|(id, _)| id.to_string()))
                .collect();
            known.sort();
            assert_eq!(
                known,
                sim.cloud.ours(),
                "save {nth} and the later ones failed: the state file or the report must list every resource"
            );
            assert!(not_saved.made.iter().all(|(_, outputs)| outputs.is_object()), "with its ids");
            sim.assert_promises_kept();
            sim.clear_faults();
            sim.up(&stack).await.succeeded();
            sim.assert_built(&stack);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_reserved_space_takes_the_results_of_all_calls_in_flight() {
        let stack = stack();
        for nth in 1.. {
            let sim = Simulation::new();
            sim.disk.use_reserved_space(nth);
            let run = sim.up(&stack).await;
            let Some(not_saved) = run.summary.save_error else {
                assert!(nth > 6, "there were too few saves");
                break;
            };
            assert!(not_saved.message.contains("is full") && not_saved.made.is_empty(), "{not_saved:?}");
            let state = sim.disk.state();
            let ready = state.resources.iter().filter(|(_, row)| row.status == Status::Ready);
            assert_eq!(ready.map(|(id, _)| id.clone()).collect::<Vec<_>>(), sim.cloud.ours());
            sim.clear_faults();
            sim.up(&stack).await.succeeded();
            sim.assert_built(&stack);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn down_stops_on_a_full_disk_and_can_be_repeated() {
        let stack = stack();
        for nth in 1..4 {
            for fill in [true, false] {
                let sim = Simulation::with(&stack).await;
                if fill {
                    sim.disk.fail_from(nth);
                } else {
                    sim.disk.use_reserved_space(nth);
                }
                assert!(sim.down(&stack).await.summary.save_error.is_some());
                sim.clear_faults();
                sim.down(&stack).await.succeeded();
                sim.assert_empty();
            }
        }
    }
}

/// A proxy that delays the answer to the first `CreateUserPool`.
fn late() -> Proxy {
    Proxy::for_first_call("CreateUserPool", CallOutcome::AnsweredLate(Duration::from_millis(1500)))
}

/// A shell script in this user's environment, with the program as `$0`.
fn script(user: &User, text: &str) -> Command {
    let program = user.command::<&str>(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", text]).arg(program.get_program()).current_dir(&user.folder).env_clear();
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn up_and_down_start_nothing_if_the_state_cannot_be_written() {
    let user = User::newcomer();
    let run = |verb: &str| {
        CommandOutput::from(script(&user, &format!("ulimit -f 200; exec \"$0\" {verb} --yes")).output().unwrap())
            .ends(1)
            .says("the state folder state cannot be written: File too large")
            .says("hint: allow larger files (`ulimit -f`)")
    };
    run("up");
    assert_eq!(inventory(&user), Vec::<String>::new());
    user.run(&["up", "--yes"]).ends(0);
    let before = inventory(&user);
    run("down");
    assert_eq!(inventory(&user), before);
    completes_and_removes(&user);
}

#[test]
#[cfg(target_os = "linux")]
fn up_prints_the_ids_that_it_could_not_save() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let user = User::newcomer();
    for json in [false, true] {
        let proxy = late();
        let args = if json { &["up", "--yes", "--json"][..] } else { &["up", "--yes"] };
        let run = Started(user.command(args).env("AWS_ENDPOINT_URL", &proxy.endpoint).spawn().unwrap());
        assert!(proxy.hangs_within(Duration::from_secs(30)));
        // From now on no file may be longer than one byte, so every save fails.
        let limit = Rlimit { current: Some(1), maximum: Some(1) };
        prlimit(Some(Pid::from_child(&run.0)), Resource::Fsize, limit).unwrap();
        let (ran, _) = run.ends_within(Duration::from_secs(20));
        let ran = ran.ends(1);
        let pool = r#""id":"eu-central-1_"#;
        if json {
            let summary = ran.summary();
            assert!(summary["save_error"].as_str().unwrap().contains("File too large"), "{summary}");
            assert!(summary["unsaved"].to_string().contains(pool), "{summary}");
        } else {
            let ran = ran
                .says("cannot be written: File too large")
                .says("These resources were created but could not be recorded");
            ran.says(pool).says("`securelambda up` and `securelambda down` find them by name and tag");
        }
        completes_and_removes(&user);
    }
}

/// Runs a script in which `./state` is a separate file system of this size. `None` if this machine does not allow it.
fn on_a_disk_of(size: &str, user: &User, text: &str) -> Option<Started> {
    std::fs::create_dir_all(user.folder.path().join("state")).unwrap();
    let mount = format!("mount -t tmpfs -o size={size} none state");
    let able = Command::new("unshare").args(["-rm", "sh", "-c", &mount]).current_dir(&user.folder).output();
    if !able.is_ok_and(|output| output.status.success()) {
        // Not with `eprintln`, because the test harness hides the output of passing tests.
        let why = "SKIPPED: this machine does not allow a private file system (unshare -rm); the other tests of this file ran";
        std::io::stderr().write_all(format!("{why}\n").as_bytes()).unwrap();
        return None;
    }
    let inner = script(user, &format!("{mount} && {text}"));
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh"]).args(inner.get_args()).current_dir(&user.folder).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    Some(Started(started))
}

const MINUTE: Duration = Duration::from_mins(1);

#[test]
fn up_refuses_a_small_or_read_only_disk_before_any_create() {
    let user = User::newcomer();
    let Some(run) = on_a_disk_of("256k", &user, "exec \"$0\" up --yes") else { return };
    run.ends_within(MINUTE)
        .0
        .ends(1)
        .says("the state folder state cannot be written: No space left on device")
        .says("hint: make room on the disk");
    assert_eq!(inventory(&user), Vec::<String>::new());
    let run = on_a_disk_of("1M", &user, "mount -o remount,ro state && exec \"$0\" up --yes").unwrap();
    run.ends_within(MINUTE).0.ends(1).says("Read-only file system").says("hint: nothing can be written there");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn up_saves_its_results_when_the_disk_fills_up_half_way() {
    let proxy = late();
    let user = User::newcomer();
    // The disk fills up while a pool is being created. At the end the script copies the state file.
    let fill = "AWS_ENDPOINT_URL=$SLOW \"$0\" up --yes & \
                until [ -e go ]; do sleep 0.05; done; cat /dev/zero >state/filler 2>/dev/null; df state >&2; \
                wait $!; code=$?; cp state/*.json kept; rm state/filler; \
                AWS_ENDPOINT_URL=$SLOW \"$0\" up --yes && \"$0\" down --yes && exit $code";
    let user = user.with("SLOW", &proxy.endpoint);
    let Some(run) = on_a_disk_of("4M", &user, fill) else { return };
    assert!(proxy.hangs_within(MINUTE));
    std::fs::write(user.folder.path().join("go"), "").unwrap();
    let (ran, _) = run.ends_within(MINUTE);
    let ran = ran.ends(1).says("is full; the created resources were saved in the space reserved for this");
    ran.says("no further changes were started; to continue, run `securelambda up`").says("0 left");
    let kept = std::fs::read_to_string(user.folder.path().join("kept")).unwrap();
    assert!(kept.contains(r#""id": "eu-central-1_"#), "the pool that was in flight is on record: {kept}");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

/// The id of a user without permissions.
const NOBODY: u32 = 65534;

/// Runs `up` as an ordinary user. If the tests run as root, as `nobody`.
fn as_ordinary_user(user: &User) -> Command {
    let program = user.command(&["up", "--yes"]);
    if !rustix::process::geteuid().is_root() {
        return program;
    }
    let copy = user.folder.path().join("securelambda");
    if !copy.exists() {
        std::fs::copy(program.get_program(), &copy).unwrap();
    }
    chown(user.folder.path(), Some(NOBODY), None).unwrap();
    chown(user.folder.path().join("home"), Some(NOBODY), None).unwrap();
    let mut command = Command::new(copy);
    command.args(program.get_args()).current_dir(&user.folder).env_clear();
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).uid(NOBODY).gid(NOBODY);
    command
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn missing_file_permissions_are_named_before_any_create() {
    let account = account();
    let user = User::of(&account, &endpoint());
    let state = user.folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let lock = state.join(format!("securelambda.{account}.eu-central-1.lock"));
    let file = lock.with_extension("json");
    let run = || CommandOutput::from(as_ordinary_user(&user).output().unwrap()).ends(1);
    set_mode(&state, 0o555);
    run().says("the state folder state cannot be written: Permission denied").says("hint: check the folder's owner");
    set_mode(&state, 0o777);
    std::fs::write(&lock, "").unwrap();
    set_mode(&lock, 0o000);
    run()
        .says("the state lock")
        .says(".lock cannot be opened: Permission denied")
        .says("hint: the lock file may belong to another user");
    set_mode(&lock, 0o666);
    std::fs::write(&file, "{}").unwrap();
    set_mode(&file, 0o000);
    run().says("the state file").says(".json cannot be read: Permission denied");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    run().says("the state file").says(".json cannot be read: Is a directory");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn an_unusable_state_dir_is_named_before_any_create() {
    let user = User::newcomer();
    user.write("file", "");
    let places = [PathBuf::from("file"), PathBuf::from("file/below"), PathBuf::from("/proc/self")];
    for (place, hint) in places.iter().zip(["a file has the name", "a file has the name", "--state"]) {
        let ran = user.run(&["up", "--yes", "--state-dir", place.to_str().unwrap()]).ends(1);
        ran.says(&format!("the state folder {} cannot be", place.display())).says(hint);
    }
    assert_eq!(inventory(&user), Vec::<String>::new());
}
