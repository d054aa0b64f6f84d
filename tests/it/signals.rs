//! Stopped from outside: Ctrl-C, SIGTERM, a closed terminal, a reader that leaves. Within seven seconds the program is
//! gone, says how to go on, and the next run does.

use std::fs::File;
use std::io::Write;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use securelambda::state::{Holder, Record, State};

use crate::support::botocore::inventory;
use crate::support::emulator::endpoint;
use crate::support::program::{Ran, User};
use crate::support::proxy::{CallOutcome, Proxy};
use crate::support::pty::Pty;

/// What is promised.
const SEVEN: Duration = Duration::from_secs(7);
/// Much less than a drain may take.
const AT_ONCE: Duration = Duration::from_secs(4);
/// A slow answer, well within a drain.
const LATE: CallOutcome = CallOutcome::Slow(Duration::from_millis(1500));
/// Longer than two signals that count as one are apart.
const A_MOMENT: Duration = Duration::from_millis(200);

fn by_way_of(user: User, proxy: &Proxy) -> User {
    user.with("AWS_ENDPOINT_URL", &proxy.endpoint)
}

/// The pools on record.
fn pools(user: &User) -> Vec<Record> {
    let state: State = serde_json::from_str(&std::fs::read_to_string(user.state()).unwrap()).unwrap();
    assert!(!state.resources.is_empty());
    state.resources.into_values().filter(|row| row.kind == "cognito.user_pool").collect()
}

/// Whoever holds the stack's lock; a dead one's words stay there.
fn holder(user: &User) -> Holder {
    serde_json::from_str(&std::fs::read_to_string(lock(user)).unwrap()).unwrap()
}

/// The stack's lock, which is there before its state.
fn lock(user: &User) -> std::path::PathBuf {
    let entries = std::fs::read_dir(user.folder.path().join("state")).unwrap().map(|entry| entry.unwrap().path());
    entries.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "lock")).unwrap()
}

/// Runs a command until a call is held up, sends it these signals, and waits for its end.
#[track_caller]
fn stopped(user: &User, proxy: &Proxy, args: &[&str], signals: &[Signal]) -> (Ran, Duration) {
    let run = user.start(args);
    assert!(proxy.hangs_within(Duration::from_secs(30)), "no call was held up");
    for (number, signal) in signals.iter().enumerate() {
        if number > 0 {
            sleep(A_MOMENT);
        }
        run.signal(*signal);
    }
    run.ends_within(SEVEN)
}

/// As `support::goes_on`, by the straight way.
#[track_caller]
fn goes_on(user: User) {
    crate::support::goes_on(&user.with("AWS_ENDPOINT_URL", &endpoint()));
}

#[test]
fn up_lets_calls_in_flight_return_and_keeps_their_results() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let proxy = Proxy::where_first("CreateUserPool", LATE);
        let user = by_way_of(User::newcomer(), &proxy);
        let (ran, took) = stopped(&user, &proxy, &["up", "--yes"], &[signal]);
        let ran = ran.ends(8).says("stopping").says("error: stopped; created resources are recorded in the state file");
        ran.says("to continue, run `securelambda up`; to remove the stack, run `securelambda down`");
        assert!(took > Duration::from_secs(1), "the answer was waited for");
        let pools = pools(&user);
        assert!(pools.iter().all(|row| row.outputs.is_some()) && !pools.is_empty(), "and written down: {pools:?}");
        goes_on(user);
    }
}

#[test]
fn down_lets_calls_in_flight_return_and_forgets_what_is_gone() {
    for signal in [Signal::INT, Signal::HUP] {
        let user = User::with_a_stack();
        let proxy = Proxy::where_first("DeleteUserPool", LATE);
        let user = by_way_of(user, &proxy);
        let (ran, took) = stopped(&user, &proxy, &["down", "--yes"], &[signal]);
        ran.ends(8)
            .says("stopped; remaining resources are recorded in the state file")
            .says("to continue, run `securelambda down`");
        assert!(took > Duration::from_secs(1), "the answer was waited for");
        assert_eq!(pools(&user).len(), 0, "both were being removed");
        let user = user.with("AWS_ENDPOINT_URL", &endpoint());
        user.run(&["down", "--yes"]).ends(0).says("0 left");
        assert_eq!(inventory(&user), Vec::<String>::new());
    }
}

#[test]
fn a_call_that_is_never_answered_is_left_to_the_next_run() {
    // The pool is made, and its id lost: its name does not keep a second one from being made.
    let proxy = Proxy::where_first("CreateUserPool", CallOutcome::HungAfter);
    let user = by_way_of(User::newcomer(), &proxy);
    let (ran, took) = stopped(&user, &proxy, &["up", "--yes", "--jobs", "1"], &[Signal::TERM]);
    ran.ends(8).says("no response yet to 1 AWS call (pool.MyUserPool").says("the next run checks the result");
    assert!(took > Duration::from_secs(5), "it was given time: {took:?}");
    goes_on(user);

    let user = User::with_a_stack();
    let proxy = Proxy::where_first("DeleteUserPool", CallOutcome::HungAfter);
    let user = by_way_of(user, &proxy);
    stopped(&user, &proxy, &["down", "--yes"], &[Signal::INT]).0.ends(8).says("no response yet to 1 AWS call");
    goes_on(user);
}

/// Two REST APIs are to be deleted, one in 30 s.
#[test]
fn a_call_whose_turn_has_not_come_is_given_up() {
    let args = ["down", "--yes", "--blueprint", "api-to-api"];
    let user = User::newcomer().with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.run(&["up", "--yes", "--blueprint", "api-to-api"]).ends(0);
    let proxy = Proxy::where_first("DeleteRestApi", LATE);
    let user = by_way_of(user, &proxy).with("SECURELAMBDA_TIME_SCALE", "1");
    let (ran, took) = stopped(&user, &proxy, &args, &[Signal::TERM]);
    let ran = ran.ends(8).says("held to AWS's published rate of calls").says("to continue, run");
    assert!(took > Duration::from_secs(1) && took < AT_ONCE, "only what was on its way was waited for: {took:?}");
    assert!(!ran.stderr.contains("no response yet to"), "{}", ran.stderr);
    let user = user.with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.run(&args).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn asked_twice_it_leaves_at_once() {
    for signals in [[Signal::INT, Signal::INT], [Signal::TERM, Signal::INT]] {
        let proxy = Proxy::where_first("CreateUserPool", CallOutcome::HungAfter);
        let user = by_way_of(User::newcomer(), &proxy);
        let (ran, took) = stopped(&user, &proxy, &["up", "--yes"], &signals);
        ran.ends(130).says("interrupted; created resources are recorded in the state file").says("to continue, run");
        assert!(took < AT_ONCE, "{took:?}");
        goes_on(user);
    }
    let user = User::with_a_stack();
    let proxy = Proxy::where_first("DeleteUserPool", CallOutcome::HungBefore);
    let user = by_way_of(user, &proxy);
    let (ran, took) = stopped(&user, &proxy, &["down", "--yes"], &[Signal::INT, Signal::TERM]);
    ran.ends(130).says("interrupted; remaining resources are recorded in the state file");
    assert!(took < AT_ONCE, "{took:?}");
    goes_on(user);
}

#[test]
fn one_request_that_arrives_twice_is_one() {
    let proxy = Proxy::where_first("CreateUserPool", LATE);
    let user = by_way_of(User::newcomer(), &proxy);
    let run = user.start(&["up", "--yes"]);
    assert!(proxy.hangs_within(Duration::from_secs(30)));
    // As `timeout` does, and as a shell and the system do when a terminal is closed.
    run.signal(Signal::TERM);
    run.signal(Signal::HUP);
    run.signal(Signal::TERM);
    sleep(A_MOMENT);
    run.signal(Signal::HUP);
    run.ends_within(SEVEN).0.ends(8);
    goes_on(user);
}

#[test]
fn before_anything_is_written_it_stops_at_once() {
    for (args, code) in [(["up", "--yes"], 8), (["down", "--yes"], 8), (["plan", "--json"], 130)] {
        for call in ["GetCallerIdentity", "ListUserPools"] {
            let proxy = Proxy::where_first(call, CallOutcome::HungBefore);
            let user = by_way_of(User::newcomer(), &proxy);
            let (ran, took) = stopped(&user, &proxy, &args, &[Signal::TERM]);
            let ran = ran.ends(code);
            if code == 8 {
                ran.says("stopped; nothing was changed").says("hint: run the same command again");
            }
            assert!(took < AT_ONCE, "{took:?}");
            assert!(!user.state().exists(), "nothing is on record");
        }
    }
}

#[test]
fn a_signal_that_is_to_be_ignored_is() {
    // As `nohup` does it.
    let proxy = Proxy::where_first("CreateUserPool", LATE);
    let user = by_way_of(User::newcomer(), &proxy);
    let program = user.command::<&str>(&[]).get_program().to_owned();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" up --yes"]).arg(program).current_dir(&user.folder).env_clear();
    shell.envs(user.command::<&str>(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = crate::support::program::Started(shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    assert!(proxy.hangs_within(Duration::from_secs(30)));
    run.signal(Signal::HUP);
    run.ends_within(Duration::from_secs(30)).0.ends(0);
    goes_on(user);
}

#[test]
fn verify_removes_its_guests_or_names_them() {
    let user = User::with_a_stack();
    let late = Proxy::where_first("InitiateAuth", LATE);
    let user = by_way_of(user, &late);
    stopped(&user, &late, &["verify"], &[Signal::INT]).0.ends(8).says("the test users were removed");
    // Nothing answers any more.
    let hung = Proxy::where_first("AdminDeleteUser", CallOutcome::HungBefore);
    let user = by_way_of(user, &hung);
    let run = user.start(&["verify"]);
    assert!(hung.hangs_within(Duration::from_mins(1)));
    run.signal(Signal::TERM);
    let (ran, _) = run.ends_within(SEVEN);
    ran.ends(8).says("securelambda-verify-").says("a quarter of an hour");
    goes_on(user);
}

#[test]
fn a_reader_that_leaves_ends_nothing() {
    let user = User::with_a_stack();
    let shell = |user: &User, script: &str| {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script]).arg(user.command::<&str>(&[]).get_program());
        command.current_dir(&user.folder).env_clear();
        command.envs(user.command::<&str>(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
        Ran::from(command.output().unwrap())
    };
    let ran = shell(&user, "(\"$0\" status; echo $? >&2) | head -1").ends(0);
    assert_eq!((ran.stdout.lines().count(), ran.stderr.as_str()), (1, "0\n"));
    shell(&user, "\"$0\" status >&- 2>&-").ends(0);
    user.run(&["down", "--yes"]).ends(0);
    // Of `up`, too, nothing is lost: it goes on to the end, in whatever way it tells.
    for how in ["up --yes", "up --yes -vv", "up --yes --json"] {
        shell(&user, &format!("(\"$0\" {how}; echo $? >code) 2>&1 | head -1")).ends(0);
        assert_eq!(std::fs::read_to_string(user.folder.path().join("code")).unwrap(), "0\n", "{how}");
        user.run(&["plan", "--detailed-exitcode"]).ends(0);
        user.run(&["down", "--yes"]).ends(0).says("0 left");
    }
}

#[test]
fn a_reader_that_never_reads_does_not_hold_us() {
    let user = User::newcomer();
    let proxy = Proxy::where_first("CreateUserPool", LATE);
    let user = by_way_of(user, &proxy);
    let (reader, writer) = std::io::pipe().unwrap();
    let mut filler = writer.try_clone().unwrap();
    let run = user.command(&["up", "--yes", "--json"]).stdout(writer).spawn().unwrap();
    let run = crate::support::program::Started(run);
    assert!(proxy.hangs_within(Duration::from_secs(30)));
    // What it has told so far found room. Now the pipe fills to the brim, and the next line has to wait.
    let full = std::thread::spawn(move || while filler.write_all(&[b'\n'; 4096]).is_ok() {});
    sleep(Duration::from_secs(2));
    run.signal(Signal::TERM);
    let (ran, _) = run.ends_within(SEVEN);
    ran.ends(8).says("stopped while blocked").says("recorded");
    drop(reader);
    full.join().unwrap();
    goes_on(user);
}

#[test]
fn while_the_emulator_is_installed_it_stops_at_once() {
    use std::os::unix::fs::PermissionsExt;
    let user = User::bare();
    let bin = user.folder.path().join("bin");
    let cache = user.folder.path().join("cache");
    std::fs::create_dir(&bin).unwrap();
    for (name, script) in [
        ("npm", "echo 11.0.0"),
        (
            "python3",
            "case \"$*\" in *'-m venv'*) echo $$ >installing; exec sleep 60;; esac; export PATH=\"$REAL\"; exec python3 \"$@\"",
        ),
    ] {
        std::fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = std::env::var("PATH").unwrap();
    let user = user
        .with("REAL", &path)
        .with("PATH", &format!("{}:{path}", bin.display()))
        .with("SECURELAMBDA_CACHE_DIR", &cache.display().to_string());
    for (args, code) in [(vec!["up", "--local"], 8), (vec!["local", "start"], 130)] {
        let run = user.start(&args);
        let installing = user.folder.path().join("installing");
        let until = Instant::now() + Duration::from_secs(30);
        let step = loop {
            let step = std::fs::read_to_string(&installing).unwrap_or_default();
            if let Some(step) = step.trim().parse().ok().and_then(Pid::from_raw) {
                break step;
            }
            assert!(Instant::now() < until, "it never began to install");
            sleep(Duration::from_millis(20));
        };
        std::fs::remove_file(installing).unwrap();
        run.signal(Signal::TERM);
        let (ran, took) = run.ends_within(SEVEN);
        let ran = ran.ends(code);
        assert!(took < AT_ONCE, "{took:?}: {ran:?}");
        // What it had begun has ended too, and nobody holds the lock.
        while test_kill_process(step).is_ok() {
            assert!(Instant::now() < until, "a step of the installation lives on");
            sleep(Duration::from_millis(20));
        }
        File::open(cache.join("lock")).unwrap().try_lock().unwrap();
    }
}

mod in_a_terminal {
    use super::*;

    /// The terminal is as a shell wants it: nothing of the frame stays, the cursor is there.
    #[track_caller]
    fn is_clean(ended: &crate::support::pty::Ended) {
        assert!(ended.sane, "{ended:?}");
        assert!(!ended.screen.contains(['━', '─', '⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧']), "{}", ended.screen);
        let (secrets, shown) = (ended.sent.rfind("\x1b[?25l"), ended.sent.rfind("\x1b[?25h"));
        assert!(secrets <= shown, "the cursor is there: {:?}", ended.sent);
    }

    #[test]
    fn ctrl_c_drains_and_leaves_the_screen_clean() {
        let proxy = Proxy::where_first("CreateUserPool", LATE);
        let user = by_way_of(User::newcomer(), &proxy);
        let mut terminal = Pty::start(&user, &["up", "--yes"]);
        assert!(proxy.hangs_within(Duration::from_secs(30)));
        terminal.shows("pool.MyUserPool1");
        terminal.types("\x03");
        let ended = terminal.ends(SEVEN);
        assert_eq!(ended.code, 8, "{}", ended.screen);
        assert!(ended.sent.contains("stopping: waiting for"), "it says what it waits for");
        assert!(
            ended.screen.contains("error: stopped; created resources are recorded in the state file"),
            "{}",
            ended.screen
        );
        is_clean(&ended);
        goes_on(user);
    }

    #[test]
    fn ctrl_c_twice_leaves_at_once_and_the_screen_clean() {
        let user = User::with_a_stack();
        let proxy = Proxy::where_first("DeleteUserPool", CallOutcome::HungAfter);
        let user = by_way_of(user, &proxy);
        let mut terminal = Pty::start(&user, &["down", "--yes"]);
        assert!(proxy.hangs_within(Duration::from_secs(30)));
        terminal.types("\x03");
        terminal.shows("stopping: waiting for 1 call");
        sleep(A_MOMENT);
        terminal.types("\x03");
        let ended = terminal.ends(AT_ONCE);
        assert_eq!(ended.code, 130, "{}", ended.screen);
        assert!(ended.screen.contains("error: interrupted"), "{}", ended.screen);
        is_clean(&ended);
        goes_on(user);
    }

    #[test]
    fn a_closed_window_drains_too() {
        let proxy = Proxy::where_first("CreateUserPool", LATE);
        let user = by_way_of(User::newcomer(), &proxy);
        let terminal = Pty::start(&user, &["up", "--yes"]);
        assert!(proxy.hangs_within(Duration::from_secs(30)));
        terminal.close();
        let (lock, begun) = (File::open(user.state().with_extension("lock")).unwrap(), Instant::now());
        while lock.try_lock().is_err() {
            assert!(begun.elapsed() < SEVEN, "it is still there");
            sleep(Duration::from_millis(20));
        }
        assert!(begun.elapsed() > Duration::from_secs(1), "the answer was waited for");
        let pools = pools(&user);
        assert!(pools.iter().all(|row| row.outputs.is_some()) && !pools.is_empty(), "and written down: {pools:?}");
        drop(lock);
        goes_on(user);
    }

    #[test]
    fn a_question_can_be_answered_and_broken_off() {
        let user = User::newcomer();
        for (keys, words) in [("n", "Cancelled. Nothing was changed."), ("\x03", "")] {
            let mut terminal = Pty::start(&user, &["up"]);
            terminal.shows("Apply these changes to account");
            terminal.types(keys);
            let ended = terminal.ends(AT_ONCE);
            assert_eq!(ended.code, 8, "{}", ended.screen);
            assert!(ended.screen.contains(words), "{}", ended.screen);
            is_clean(&ended);
        }
        let terminal = Pty::start(&user, &["up"]);
        terminal.shows("Apply these changes to account");
        let program = i32::try_from(holder(&user).pid).unwrap();
        kill_process(Pid::from_raw(program).unwrap(), Signal::TERM).unwrap();
        let ended = terminal.ends(AT_ONCE);
        assert_eq!(ended.code, 8, "{}", ended.screen);
        assert!(ended.screen.contains("stopped; nothing was changed"), "{}", ended.screen);
        is_clean(&ended);
        assert_eq!(inventory(&user), Vec::<String>::new());

        let mut terminal = Pty::start(&user, &["up"]);
        terminal.shows("Apply these changes to account");
        terminal.types("y");
        let ended = terminal.ends(Duration::from_mins(1));
        assert_eq!(ended.code, 0, "{}", ended.screen);
        is_clean(&ended);

        // A password is not shown, and a question for one can be broken off as well.
        for (keys, code) in [("\x03", 130), ("Correct-Horse-7\nCorrect-Horse-7\n", 0)] {
            let mut terminal = Pty::start(&user, &["add-user", "ada@example.com", "--pool", "MyUserPool1"]);
            terminal.shows("Password for ada@example.com");
            for key in keys.split_inclusive('\n') {
                terminal.types(key);
                sleep(A_MOMENT);
            }
            let ended = terminal.ends(Duration::from_secs(10));
            assert_eq!(ended.code, code, "{}", ended.screen);
            assert!(!ended.sent.contains("Horse"), "{}", ended.screen);
            is_clean(&ended);
        }
        goes_on(user);
    }
}
