//! `logs`, `traffic`, and the log of the program's own calls (`-vv`).

use std::io::{BufRead, BufReader};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::program::{Started, User};

/// Invokes InternalLambda as the topic would, and ExternalLambda1 with a body that it refuses.
fn invoke(user: &User, name: &str) {
    let message = json!({ "name": name }).to_string();
    let event = json!({ "Records": [{ "Sns": { "MessageId": "m-1", "Message": message } }] });
    let call = |function: &str, event: &Value| json!(["lambda", "invoke", { "FunctionName": format!("securelambda-{function}"), "Payload": event.to_string() }]);
    let calls = [call("InternalLambda", &event), call("ExternalLambda1", &json!({ "body": "{}" }))];
    for answer in botocore::calls(user, &calls) {
        assert_eq!(answer["StatusCode"], 200, "{answer}");
    }
}

/// Writes a log line with botocore.
fn write(user: &User, function: &str, message: &str) {
    let group = format!("/aws/lambda/securelambda-{function}");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let stream = json!({ "logGroupName": group, "logStreamName": format!("by-hand-{now}") });
    let mut events = stream.clone();
    events["logEvents"] = json!([{ "timestamp": u64::try_from(now).unwrap(), "message": message }]);
    let calls = [json!(["logs", "create_log_stream", stream]), json!(["logs", "put_log_events", events])];
    for answer in botocore::calls(user, &calls) {
        assert!(answer.get("Error").is_none(), "{answer}");
    }
}

/// The output of `logs` once it contains `part`. Functions' output arrives with a delay.
fn shown(user: &User, args: &[&str], part: &str) -> String {
    let mut words = vec!["logs"];
    words.extend(args);
    for _ in 0..50 {
        let text = user.run(&words).ends(0).stdout;
        if text.contains(part) {
            return text;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{part:?} never shows up in {words:?}");
}

#[test]
fn logs_shows_the_logs_of_all_functions_together() {
    let user = User::with_a_stack();
    let ran = user.run(&["logs"]).ends(0).says("No log entries in the last 10m");
    assert_eq!(ran.stdout, "");

    invoke(&user, "Ada");
    let greeting = "INFO  Hello Ada. Greetings from InternalLambda!  messageId=m-1";
    let refusal = "WARN  Refused: no usable name in the body";
    shown(&user, &[], refusal);
    let both = shown(&user, &[], greeting);
    for line in both.lines() {
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.len() == "12:34:56.789Z".len() && time.ends_with('Z'), "{line}");
        assert!(rest.starts_with("InternalLambda  ") || rest.starts_with("ExternalLambda1 "), "{line}");
    }
    assert!(!both.contains("RequestId") && !both.contains('\u{1b}'), "{both}");

    let one = shown(&user, &["InternalLambda"], greeting);
    assert!(!one.contains("ExternalLambda1"), "{one}");
    assert!(!shown(&user, &["--filter", "Refused: no"], refusal).contains("Hello"));
    user.run(&["logs", "--filter", "nowhere"]).ends(0).says("No log entries that contain \"nowhere\"");
    assert!(shown(&user, &["-v"], "REPORT RequestId: ").contains("requestId="));

    let coloured = shown(&user, &["--color", "always"], "Hello Ada");
    let colour_of = |name: &str| coloured.split_once(name).unwrap().0.rsplit_once('\u{1b}').unwrap().1.to_owned();
    assert_ne!(colour_of("InternalLambda "), colour_of("ExternalLambda1"), "{coloured:?}");

    let lines: Vec<Value> =
        shown(&user, &["--json"], "Hello Ada").lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let hello = lines.iter().find(|line| line["level"] == "INFO").unwrap();
    assert_eq!((&hello["function"], &hello["schema_version"]), (&json!("InternalLambda"), &json!(1)));
    assert_eq!(hello["fields"], json!({ "messageId": "m-1" }));

    // Log lines can neither move the cursor nor imitate lines of the program.
    write(&user, "InternalLambda", "one\u{1b}[2J\r\nforged\u{7}");
    let text = shown(&user, &[], "one");
    assert!(text.contains("one [2J") && text.contains("\n    forged"), "{text:?}");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{7}') && !text.contains('\r'), "{text:?}");
    user.run(&["down", "--yes"]).ends(0);
}

/// A `logs --follow` in the background, and the lines that it prints.
struct Following(Started, Receiver<String>);

impl Following {
    fn new(user: &User, args: &[&str]) -> Self {
        let mut run = user.start(&[&["logs", "--follow"], args].concat());
        let (tell, lines) = channel();
        let stdout = BufReader::new(run.0.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self(run, lines)
    }

    fn next(&self) -> String {
        self.1.recv_timeout(Duration::from_secs(15)).unwrap()
    }

    /// Sends Ctrl-C. Returns the remaining lines and the exit code.
    fn stop(self) -> (Vec<String>, i32) {
        let Self(run, lines) = self;
        run.signal(Signal::INT);
        let (ran, _) = run.ends_within(Duration::from_secs(7));
        (lines.iter().collect(), ran.code)
    }
}

#[test]
fn logs_follow_shows_every_line_once_and_ends_with_0_on_ctrl_c() {
    let user = User::with_a_stack();
    write(&user, "InternalLambda", "before");
    let following = Following::new(&user, &["InternalLambda"]);
    assert!(following.next().ends_with("before"));
    for message in ["first", "second", "second"] {
        write(&user, "InternalLambda", message);
        assert!(following.next().ends_with(message));
    }
    write(&user, "ExternalLambda1", "of another function");
    std::thread::sleep(Duration::from_millis(2500));
    let (more, code) = following.stop();
    assert_eq!((more, code), (vec![], 0));
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn wrong_arguments_of_logs_and_traffic_fail_before_any_call() {
    let user = User::of("111111111111", "http://127.0.0.1:9");
    let known = "known: ExternalLambda1, ExternalLambda2, InternalLambda";
    user.run(&["logs", "InternalLamda"]).ends(2).says("did you mean InternalLambda?").says(known);
    user.run(&["logs", "--since", "5x"]).ends(2).says("30s, 10m, 2h or 1d");
    user.run(&["traffic", "--since", "4h"]).ends(2).says("3 hours");
}

#[test]
fn traffic_says_that_the_emulator_keeps_no_samples() {
    let user = User::with_a_stack();
    user.run(&["traffic"]).ends(1).says("this endpoint keeps no samples of requests").says("hint:");
    user.run(&["down", "--yes"]).ends(0);
    user.run(&["traffic"]).ends(6);
    user.run(&["logs"]).ends(6);
}

#[test]
fn vv_logs_every_call_without_its_contents() {
    let user = User::with_a_stack();
    let said = user.run(&["status", "-vv"]).ends(0).stderr;
    for call in ["AWSWAF_20190729.GetWebACLForResource", "GetRole ", "GET /restapis/", "GetCallerIdentity"] {
        let line = said.lines().find(|line| format!("{line} ").contains(call)).unwrap_or_default();
        assert!(line.contains("status=\"200\"") && line.contains("ms="), "{call}: {line:?} in:\n{said}");
    }
    assert!(!said.contains("AWS4-HMAC") && !said.contains("RoleName"), "{said}");
    assert_eq!(user.run(&["status", "-v"]).ends(0).stderr, "");
    user.run(&["down", "--yes"]).ends(0);
}
