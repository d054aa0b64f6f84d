//! Ctrl-C, SIGTERM, a closed terminal and a closed pipe. The program ends within seven seconds and says how to continue, and
//! the next run continues.

use std::fs::File;
use std::io::Write;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use securelambda::state::{Holder, Record, State};

use crate::support::emulator::endpoint;
use crate::support::inventory::inventory;
use crate::support::program::{CommandOutput, User};
use crate::support::proxy::{CallOutcome, Proxy};
use crate::support::pty::Pty;

/// The documented limit for the program to end after a signal.
const SEVEN: Duration = Duration::from_secs(7);
/// Much less than the time for calls in flight.
const AT_ONCE: Duration = Duration::from_secs(4);
/// A slow answer, well within the time for calls in flight.
const LATE: CallOutcome = CallOutcome::AnsweredLate(Duration::from_millis(1500));
/// Signals with this interval count as two.
const A_MOMENT: Duration = Duration::from_millis(200);

fn through_proxy(user: User, proxy: &Proxy) -> User {
    user.with("AWS_ENDPOINT_URL", &proxy.endpoint)
}

/// The recorded user pools.
fn pools(user: &User) -> Vec<Record> {
    let state: State = serde_json::from_str(&std::fs::read_to_string(user.state()).unwrap()).unwrap();
    assert!(!state.resources.is_empty());
    state.resources.into_values().filter(|row| row.kind == "cognito.user_pool").collect()
}

/// The holder in the lock file, which stays there after the holder has died.
fn holder(user: &User) -> Holder {
    serde_json::from_str(&std::fs::read_to_string(lock(user)).unwrap()).unwrap()
}

/// The lock file, which exists before the state file.
fn lock(user: &User) -> std::path::PathBuf {
    let entries = std::fs::read_dir(user.folder.path().join("state")).unwrap().map(|entry| entry.unwrap().path());
    entries.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "lock")).unwrap()
}

/// Runs a command until a call hangs, sends it these signals, and waits for its end.
#[track_caller]
fn stopped(user: &User, proxy: &Proxy, args: &[&str], signals: &[Signal]) -> (CommandOutput, Duration) {
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

/// Like `support::completes_and_removes`, without the test's proxy.
#[track_caller]
fn completes_and_removes(user: User) {
    crate::support::completes_and_removes(&user.with("AWS_ENDPOINT_URL", &endpoint()));
}

#[test]
fn a_signal_lets_up_finish_calls_in_flight_and_save_their_results() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let proxy = Proxy::for_first_call("CreateUserPool", LATE);
        let user = through_proxy(User::newcomer(), &proxy);
        let (ran, took) = stopped(&user, &proxy, &["up", "--yes"], &[signal]);
        let ran = ran.ends(8).says("stopping").says("error: stopped; created resources are recorded in the state file");
        ran.says("to continue, run `securelambda up`; to remove the stack, run `securelambda down`");
        assert!(took > Duration::from_secs(1), "the answer was waited for");
        let pools = pools(&user);
        assert!(pools.iter().all(|row| row.outputs.is_some()) && !pools.is_empty(), "and written down: {pools:?}");
        completes_and_removes(user);
    }
}

#[test]
fn a_signal_lets_down_finish_calls_in_flight_and_save_the_deletions() {
    for signal in [Signal::INT, Signal::HUP] {
        let user = User::with_a_stack();
        let proxy = Proxy::for_first_call("DeleteUserPool", LATE);
        let user = through_proxy(user, &proxy);
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
fn the_next_run_resolves_a_call_that_was_never_answered() {
    // The pool is created and its id is lost. Pool names are not unique, so a second one could be created.
    let proxy = Proxy::for_first_call("CreateUserPool", CallOutcome::HungAfter);
    let user = through_proxy(User::newcomer(), &proxy);
    let (ran, took) = stopped(&user, &proxy, &["up", "--yes", "--jobs", "1"], &[Signal::TERM]);
    ran.ends(8).says("no response yet to 1 AWS call (pool.MyUserPool").says("the next run checks the result");
    assert!(took > Duration::from_secs(5), "it was given time: {took:?}");
    completes_and_removes(user);

    let user = User::with_a_stack();
    let proxy = Proxy::for_first_call("DeleteUserPool", CallOutcome::HungAfter);
    let user = through_proxy(user, &proxy);
    stopped(&user, &proxy, &["down", "--yes"], &[Signal::INT]).0.ends(8).says("no response yet to 1 AWS call");
    completes_and_removes(user);
}

/// Two REST APIs have to be deleted, and AWS allows one deletion in 30 s.
#[test]
fn a_signal_drops_calls_that_wait_for_the_published_rate() {
    let args = ["down", "--yes", "--blueprint", "api-to-api"];
    let user = User::newcomer().with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.run(&["up", "--yes", "--blueprint", "api-to-api"]).ends(0);
    let proxy = Proxy::for_first_call("DeleteRestApi", LATE);
    let user = through_proxy(user, &proxy).with("SECURELAMBDA_TIME_SCALE", "1");
    let run = user.start(&args);
    assert!(proxy.hangs_within(Duration::from_secs(30)), "no call was held up");
    // The second deletion begins right after the first, and waits.
    sleep(Duration::from_millis(200));
    run.signal(Signal::TERM);
    let (ran, took) = run.ends_within(SEVEN);
    let ran = ran.ends(8).says("AWS's published rate of calls is reached").says("to continue, run");
    assert!(
        took > Duration::from_secs(1) && took < AT_ONCE,
        "the program must wait only for the calls that it had already sent: {took:?}"
    );
    assert!(!ran.stderr.contains("no response yet to"), "{}", ran.stderr);
    let user = user.with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.run(&args).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    for signals in [[Signal::INT, Signal::INT], [Signal::TERM, Signal::INT]] {
        let proxy = Proxy::for_first_call("CreateUserPool", CallOutcome::HungAfter);
        let user = through_proxy(User::newcomer(), &proxy);
        let (ran, took) = stopped(&user, &proxy, &["up", "--yes"], &signals);
        ran.ends(130).says("interrupted; created resources are recorded in the state file").says("to continue, run");
        assert!(took < AT_ONCE, "{took:?}");
        completes_and_removes(user);
    }
    let user = User::with_a_stack();
    let proxy = Proxy::for_first_call("DeleteUserPool", CallOutcome::HungBefore);
    let user = through_proxy(user, &proxy);
    let (ran, took) = stopped(&user, &proxy, &["down", "--yes"], &[Signal::INT, Signal::TERM]);
    ran.ends(130).says("interrupted; remaining resources are recorded in the state file");
    assert!(took < AT_ONCE, "{took:?}");
    completes_and_removes(user);
}

#[test]
fn signals_that_arrive_together_count_as_one() {
    let proxy = Proxy::for_first_call("CreateUserPool", LATE);
    let user = through_proxy(User::newcomer(), &proxy);
    let run = user.start(&["up", "--yes"]);
    assert!(proxy.hangs_within(Duration::from_secs(30)));
    // `timeout` sends a signal twice, and so do the shell and the system when a terminal is closed.
    run.signal(Signal::TERM);
    run.signal(Signal::HUP);
    run.signal(Signal::TERM);
    sleep(A_MOMENT);
    run.signal(Signal::HUP);
    run.ends_within(SEVEN).0.ends(8);
    completes_and_removes(user);
}

#[test]
fn a_signal_before_any_change_stops_at_once() {
    for (args, code) in [(["up", "--yes"], 8), (["down", "--yes"], 8), (["plan", "--json"], 130)] {
        for call in ["GetCallerIdentity", "ListUserPools"] {
            let proxy = Proxy::for_first_call(call, CallOutcome::HungBefore);
            let user = through_proxy(User::newcomer(), &proxy);
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
fn up_keeps_ignoring_sighup_when_started_like_nohup() {
    // `nohup` ignores SIGHUP in the same way.
    let proxy = Proxy::for_first_call("CreateUserPool", LATE);
    let user = through_proxy(User::newcomer(), &proxy);
    let program = user.command::<&str>(&[]).get_program().to_owned();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" up --yes"]).arg(program).current_dir(&user.folder).env_clear();
    shell.envs(user.command::<&str>(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = crate::support::program::Started(shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    assert!(proxy.hangs_within(Duration::from_secs(30)));
    run.signal(Signal::HUP);
    run.ends_within(Duration::from_secs(30)).0.ends(0);
    completes_and_removes(user);
}

#[test]
fn an_interrupted_verify_removes_its_test_users_or_names_them() {
    let user = User::with_a_stack();
    let late = Proxy::for_first_call("InitiateAuth", LATE);
    let user = through_proxy(user, &late);
    stopped(&user, &late, &["verify"], &[Signal::INT]).0.ends(8).says("the test users were removed");
    // The call that deletes a test user hangs.
    let hung = Proxy::for_first_call("AdminDeleteUser", CallOutcome::HungBefore);
    let user = through_proxy(user, &hung);
    let run = user.start(&["verify"]);
    assert!(hung.hangs_within(Duration::from_mins(1)));
    run.signal(Signal::TERM);
    let (ran, _) = run.ends_within(SEVEN);
    ran.ends(8).says("securelambda-verify-").says("the next `securelambda verify` removes this temporary user");
    completes_and_removes(user);
}

#[test]
fn status_and_up_continue_when_the_output_pipe_is_closed() {
    let user = User::with_a_stack();
    let shell = |user: &User, script: &str| {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script]).arg(user.command::<&str>(&[]).get_program());
        command.current_dir(&user.folder).env_clear();
        command.envs(user.command::<&str>(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
        CommandOutput::from(command.output().unwrap())
    };
    let ran = shell(&user, "(\"$0\" status; echo $? >&2) | head -1").ends(0);
    assert_eq!((ran.stdout.lines().count(), ran.stderr.as_str()), (1, "0\n"));
    shell(&user, "\"$0\" status >&- 2>&-").ends(0);
    user.run(&["down", "--yes"]).ends(0);
    // `up` also runs to its end, in every output format.
    for how in ["up --yes", "up --yes -vv", "up --yes --json"] {
        shell(&user, &format!("(\"$0\" {how}; echo $? >code) 2>&1 | head -1")).ends(0);
        assert_eq!(std::fs::read_to_string(user.folder.path().join("code")).unwrap(), "0\n", "{how}");
        user.run(&["plan", "--detailed-exitcode"]).ends(0);
        user.run(&["down", "--yes"]).ends(0).says("0 left");
    }
}

#[test]
fn a_signal_ends_up_even_if_nobody_reads_its_output() {
    let user = User::newcomer();
    let proxy = Proxy::for_first_call("CreateUserPool", LATE);
    let user = through_proxy(user, &proxy);
    let (reader, writer) = std::io::pipe().unwrap();
    let mut filler = writer.try_clone().unwrap();
    let run = user.command(&["up", "--yes", "--json"]).stdout(writer).spawn().unwrap();
    let run = crate::support::program::Started(run);
    assert!(proxy.hangs_within(Duration::from_secs(30)));
    // The output so far fits into the pipe. Now fill the pipe, so that the next line blocks.
    let full = std::thread::spawn(move || while filler.write_all(&[b'\n'; 4096]).is_ok() {});
    sleep(Duration::from_secs(2));
    run.signal(Signal::TERM);
    let (ran, _) = run.ends_within(SEVEN);
    ran.ends(8).says("stopped while blocked").says("recorded");
    drop(reader);
    full.join().unwrap();
    completes_and_removes(user);
}

#[test]
fn a_signal_stops_the_installation_of_the_emulator() {
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
        // The installation step has ended too, and the lock is free.
        while test_kill_process(step).is_ok() {
            assert!(Instant::now() < until, "a step of the installation lives on");
            sleep(Duration::from_millis(20));
        }
        File::open(cache.join("lock")).unwrap().try_lock().unwrap();
    }
}

mod in_a_terminal {
    use super::*;

    /// Asserts that the terminal is in its normal mode, the progress bars are gone, and the cursor is visible.
    #[track_caller]
    fn assert_clean(ended: &crate::support::pty::Ended) {
        assert!(ended.sane, "{ended:?}");
        assert!(!ended.screen.contains(['━', '─', '⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧']), "{}", ended.screen);
        let (hidden, shown) = (ended.sent.rfind("\x1b[?25l"), ended.sent.rfind("\x1b[?25h"));
        assert!(hidden <= shown, "the cursor is there: {:?}", ended.sent);
    }

    #[test]
    fn ctrl_c_finishes_calls_in_flight_and_leaves_the_screen_clean() {
        let proxy = Proxy::for_first_call("CreateUserPool", LATE);
        let user = through_proxy(User::newcomer(), &proxy);
        let mut terminal = Pty::start(&user, &["up", "--yes"]);
        assert!(proxy.hangs_within(Duration::from_secs(30)));
        terminal.shows("pool.MyUserPool1");
        terminal.types("\x03");
        let ended = terminal.ends(SEVEN);
        assert_eq!(ended.code, 8, "{}", ended.screen);
        assert!(
            ended.sent.contains("stopping: waiting for"),
            "the output must name the call that the program waits for"
        );
        assert!(
            ended.screen.contains("error: stopped; created resources are recorded in the state file"),
            "{}",
            ended.screen
        );
        assert_clean(&ended);
        completes_and_removes(user);
    }

    #[test]
    fn ctrl_c_twice_ends_at_once_and_leaves_the_screen_clean() {
        let user = User::with_a_stack();
        let proxy = Proxy::for_first_call("DeleteUserPool", CallOutcome::HungAfter);
        let user = through_proxy(user, &proxy);
        let mut terminal = Pty::start(&user, &["down", "--yes"]);
        assert!(proxy.hangs_within(Duration::from_secs(30)));
        terminal.types("\x03");
        terminal.shows("stopping: waiting for 1 call");
        sleep(A_MOMENT);
        terminal.types("\x03");
        let ended = terminal.ends(AT_ONCE);
        assert_eq!(ended.code, 130, "{}", ended.screen);
        assert!(ended.screen.contains("error: interrupted"), "{}", ended.screen);
        assert_clean(&ended);
        completes_and_removes(user);
    }

    #[test]
    fn closing_the_terminal_finishes_calls_in_flight() {
        let proxy = Proxy::for_first_call("CreateUserPool", LATE);
        let user = through_proxy(User::newcomer(), &proxy);
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
        completes_and_removes(user);
    }

    /// Whoever removes people's data must type the stack's name.
    #[test]
    fn data_of_people_is_removed_only_after_the_name_was_typed() {
        let user = User::newcomer();
        user.write("securelambda.toml", "[stack]\nname = \"people\"\n[pools.Users]\n");
        user.run(&["up", "--yes"]).ends(0);
        user.run_with("Correct-Horse-7-Battery\n", &["add-user", "ada@example.com", "--password-stdin"]).ends(0);
        for (typed, code) in [("y\r", 8), ("peopel\r", 8), ("people\r", 0)] {
            let mut terminal = Pty::start(&user, &["down"]);
            terminal.shows("Type people to remove these resources of the stack people from account");
            terminal.types(typed);
            let ended = terminal.ends(Duration::from_mins(1));
            assert_eq!(ended.code, code, "{}", ended.screen);
        }
        assert_eq!(inventory(&user), Vec::<String>::new());
    }

    #[test]
    fn prompts_can_be_answered_declined_and_interrupted() {
        let user = User::newcomer();
        for (keys, words) in [("n", "Cancelled. Nothing was changed."), ("\x03", "")] {
            let mut terminal = Pty::start(&user, &["up"]);
            terminal.shows("Apply these changes to the stack securelambda in account");
            terminal.types(keys);
            let ended = terminal.ends(AT_ONCE);
            assert_eq!(ended.code, 8, "{}", ended.screen);
            assert!(ended.screen.contains(words), "{}", ended.screen);
            assert_clean(&ended);
        }
        let terminal = Pty::start(&user, &["up"]);
        terminal.shows("Apply these changes to the stack securelambda in account");
        let program = i32::try_from(holder(&user).pid).unwrap();
        kill_process(Pid::from_raw(program).unwrap(), Signal::TERM).unwrap();
        let ended = terminal.ends(AT_ONCE);
        assert_eq!(ended.code, 8, "{}", ended.screen);
        assert!(ended.screen.contains("stopped; nothing was changed"), "{}", ended.screen);
        assert_clean(&ended);
        assert_eq!(inventory(&user), Vec::<String>::new());

        let mut terminal = Pty::start(&user, &["up"]);
        terminal.shows("Apply these changes to the stack securelambda in account");
        terminal.types("y");
        let ended = terminal.ends(Duration::from_mins(1));
        assert_eq!(ended.code, 0, "{}", ended.screen);
        assert_clean(&ended);

        // A password is not shown, and the prompt can be interrupted.
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
            assert_clean(&ended);
        }
        completes_and_removes(user);
    }
}
