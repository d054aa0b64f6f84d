//! `dev`: a saved file is live on the emulator, and logs, requests and mistakes are shown meanwhile.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::default_account::{DefaultAccount, default_account};
use crate::support::emulator::{cache, endpoint};
use crate::support::program::{Started, User};
use crate::support::routes::ask;

const STACK: &str = r#"
[stack]
name = "developed"
[functions.Hello]
source = "hello"
[api]
[[api.routes]]
route = "GET /hello"
function = "Hello"
auth = "none"
"#;

/// How long a change may take on a busy machine. `benches/dev.py` measures.
const PATIENCE: Duration = Duration::from_mins(1);

/// A project whose files `dev` watches.
struct Developer {
    user: User,
    dev: Started,
    /// The lines of both streams, in the order in which they came.
    lines: Arc<Mutex<Vec<String>>>,
    _account: DefaultAccount,
}

fn code(text: &str) -> String {
    format!(
        "export const handler = async () => {{ console.log('asked'); return {{ statusCode: 200, body: '{text}' }}; }};\n"
    )
}

impl Developer {
    fn new() -> Self {
        let account = default_account();
        // Starts the emulator, which all tests share.
        endpoint();
        let user = User::bare()
            .with("SECURELAMBDA_CACHE_DIR", cache().to_str().unwrap())
            .with("SECURELAMBDA_REGION", "eu-central-1");
        user.write("securelambda.toml", STACK);
        user.write("hello/index.mjs", &code("one"));
        let mut dev = user.start(&["dev"]);
        let lines = Arc::new(Mutex::new(Vec::new()));
        collect(dev.0.stdout.take().unwrap(), &lines);
        collect(dev.0.stderr.take().unwrap(), &lines);
        let this = Self { user, dev, lines, _account: account };
        this.wait_for("live after");
        this
    }

    /// Waits for a line that contains this text, and forgets it and the lines before it.
    fn wait_for(&self, text: &str) -> String {
        let began = Instant::now();
        loop {
            {
                let mut lines = self.lines.lock().unwrap();
                if let Some(at) = lines.iter().position(|line| line.contains(text)) {
                    return lines.drain(..=at).next_back().unwrap();
                }
                assert!(began.elapsed() < PATIENCE, "no line with {text:?} in:\n{}", lines.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The URL of a route.
    fn url(&self, route: &str) -> String {
        self.user.run(&["outputs", route, "--local"]).ends(0).stdout.trim().to_owned()
    }
}

fn assert_answers(url: &str, text: &str) {
    assert_eq!(ask("GET", url, None, None).text(), text);
}

fn collect(stream: impl Read + Send + 'static, lines: &Arc<Mutex<Vec<String>>>) {
    let lines = Arc::clone(lines);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            lines.lock().unwrap().push(line);
        }
    });
}

#[test]
fn saved_files_are_live_and_mistakes_wait_for_their_correction() {
    let mut developer = Developer::new();
    let hello = developer.url("GET /hello");
    assert_answers(&hello, "one");
    developer.wait_for("GET /hello  200");
    developer.wait_for("asked");

    developer.user.write("hello/index.mjs", &code("two"));
    developer.wait_for("live after");
    assert_answers(&hello, "two");

    // The version that worked stays live.
    developer.user.write("securelambda.toml", &STACK.replace("GET /hello", "GET hello"));
    developer.wait_for("securelambda.toml has a mistake");
    assert_answers(&hello, "two");
    developer.user.write("hello/index.mjs", "export const handler = ;\n");
    developer.user.write("securelambda.toml", STACK);
    developer.wait_for("Unexpected token");

    // A new file, and a new function in a folder that was not watched before.
    developer.user.write("hello/text.mjs", "export const text = 'three';\n");
    developer.user.write(
        "hello/index.mjs",
        "import { text } from './text.mjs';\nexport const handler = async () => ({ statusCode: 200, body: text });\n",
    );
    developer.wait_for("live after");
    assert_answers(&hello, "three");
    developer.user.write("other/index.mjs", &code("other"));
    let second = "[[api.routes]]\nroute = \"GET /other\"\nfunction = \"Other\"\nauth = \"none\"\n";
    let both = format!("{STACK}{second}[functions.Other]\nsource = \"other\"\n");
    developer.user.write("securelambda.toml", &both);
    developer.wait_for("live after");
    developer.user.write("other/index.mjs", &code("again"));
    developer.wait_for("live after");
    assert_answers(&developer.url("GET /other"), "again");

    developer.dev.signal(Signal::INT);
    developer.wait_for("The stack stays as it is. `securelambda down");
    let status = developer.dev.0.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    developer.user.run(&["status", "--local", "--detailed-exitcode"]).ends(0);
    // After a reset or a crash, the emulator's contents have another id.
    let contents = cache().join("contents");
    let before = std::fs::read_to_string(&contents).unwrap();
    std::fs::write(&contents, "other").unwrap();
    for command in [&["status"][..], &["users"], &["call", "GET /hello"], &["outputs"], &["verify"]] {
        let ran = developer.user.run(&[command, &["--local"]].concat());
        assert_eq!(ran.code, if command == ["outputs"] { 0 } else { 6 }, "{command:?}: {}", ran.stderr);
        assert!(command == ["outputs"] || ran.stderr.contains("the emulator was restarted without"), "{}", ran.stderr);
    }
    std::fs::write(&contents, before).unwrap();
    developer.user.run(&["down", "--local"]).ends(0).says("0 left").says("The emulator is still running");
}

#[test]
fn dev_needs_a_stack_file_and_goes_to_aws_only_if_told_so() {
    let user = User::bare();
    user.run(&["dev"]).ends(2).says("securelambda.toml does not exist").says("securelambda init");
    user.run(&["dev", "--blueprint", "tutorial"]).ends(2).says("a blueprint has none");
    user.write("securelambda.toml", STACK);
    user.run(&["dev", "--endpoint-url", "http://127.0.0.1:9"]).ends(2).says("--remote");
    user.run(&["dev", "--remote", "--local"]).ends(2).says("cannot be used with");
}
