//! Two runs of one stack: the second run names the holder of the lock, and a dead run holds no lock.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use securelambda::state::Holder;

use crate::support::inventory::inventory;
use crate::support::program::{Started, User};
use crate::support::proxy::{CallOutcome, Proxy};

/// An `up` that hangs half-way.
fn up_that_hangs() -> (User, Started, Proxy) {
    let proxy = Proxy::for_first_call("CreateUserPool", CallOutcome::HungAfter);
    let user = User::newcomer();
    let run = user.command(&["up", "--yes", "--jobs", "1"]).env("AWS_ENDPOINT_URL", &proxy.endpoint).spawn().unwrap();
    let run = Started(run);
    assert!(proxy.hangs_within(Duration::from_secs(30)));
    (user, run, proxy)
}

#[test]
fn a_second_run_names_the_lock_holder_and_a_dead_holder_does_not_block() {
    let (user, mut first, _proxy) = up_that_hangs();
    let lock = user.state().with_extension("lock");
    let holder: Holder = serde_json::from_str(&std::fs::read_to_string(&lock).unwrap()).unwrap();
    let (host, owner) = (rustix::system::uname(), rustix::process::getuid().as_raw().to_string());
    assert_eq!((holder.pid, &holder.owner), (first.0.id(), &owner));
    assert_eq!((holder.host.as_str(), holder.command.as_str()), (host.nodename().to_str().unwrap(), "securelambda up"));
    assert_eq!(std::fs::metadata(&lock).unwrap().permissions().mode() & 0o777, 0o600);

    let before = std::fs::read(user.state()).unwrap();
    for command in ["up", "down"] {
        let ran = user.run(&[command, "--yes"]).ends(9).says("another run holds the lock").says("for ");
        let who = format!("`securelambda up`, process {} of user {owner} on {}", holder.pid, holder.host);
        ran.says(&who).says(&format!("hint: wait until that run ends, or stop it with `kill {}`", holder.pid));
        let ran = user.run(&[command, "--yes", "--json"]).ends(9);
        let error: serde_json::Value = serde_json::from_str(ran.stderr.lines().last().unwrap()).unwrap();
        assert_eq!((error["kind"].as_str(), error["exit_code"].as_u64()), (Some("locked"), Some(9)));
    }
    assert_eq!(std::fs::read(user.state()).unwrap(), before, "what the first has written is as it was");
    // Commands that only read need no lock.
    user.run(&["status"]).ends(0);
    user.run(&["plan"]).ends(0);

    // When the first run dies, the contents of its lock file stay, but the lock is free.
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    assert!(std::fs::read_to_string(&lock).unwrap().contains(&holder.pid.to_string()));
    user.run(&["up", "--yes"]).ends(0);
    let words = std::fs::read_to_string(&lock).unwrap();
    assert!(!words.contains(&format!("\"pid\":{},", holder.pid)), "{words}");
    std::fs::write(&lock, "words of no meaning").unwrap();
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn a_run_of_another_stack_is_not_blocked() {
    let (user, mut first, _proxy) = up_that_hangs();
    user.run(&["up", "--yes", "--stack", "other"]).ends(0);
    user.run(&["down", "--yes", "--stack", "other"]).ends(0);
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}
