//! The command line: help, usage errors, exit codes and streams, almost without the emulator.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use clap::CommandFactory;
use securelambda::args::Cli;

use crate::support::emulator::endpoint;
use crate::support::program::User;

#[test]
fn version_and_help_go_to_standard_output() {
    let user = User::bare();
    let version = user.run(&["--version"]).ends(0);
    assert!(version.stdout.starts_with(concat!("securelambda ", env!("CARGO_PKG_VERSION"))), "{}", version.stdout);
    let help = user.run(&["--help"]).ends(0);
    assert!(help.stdout.contains("securelambda up --local") && help.stderr.is_empty());
}

#[test]
fn usage_errors_end_with_2_and_suggest_a_correction() {
    let user = User::bare();
    user.run(&["pu"]).ends(2);
    user.run(&["stats"]).ends(2).says("status");
    let target = user.run(&["up", "--target", "x"]).ends(2).says("there is no such option");
    assert!(!target.stderr.contains("--rotate"), "{}", target.stderr);
    user.run(&["invoke", "Hello"]).ends(2).says("securelambda call");
    for alias in ["deploy", "apply", "diff", "preview", "destroy"] {
        user.run(&[alias, "--file", "nowhere.toml"]).ends(2).says("nowhere.toml");
    }
    user.run(&["up", "--jobs", "0"]).ends(2).says("1..=64");
    user.run(&["up", "--stack", "No"]).ends(2).says("1 to 24 characters of a-z");
    user.run(&["up", "--endpoint-url", "localhost:4566"]).ends(2).says("http://");
    user.run(&["add-user", "nobody", "--pool", "MyUserPool1"]).ends(2).says("not an e-mail address");
    user.run(&["up", "--file", "nowhere.toml"]).ends(2).says("nowhere.toml");
    user.run(&["call", "POST /lambda1"]).ends(2).says("--as");
}

#[test]
fn flags_are_read_from_the_environment() {
    for (value, asks_for_json) in [("1", true), ("true", true), ("0", false), ("false", false), ("", false)] {
        let ran = User::bare().with("SECURELAMBDA_JSON", value).run(&["outputs"]).ends(6);
        assert_eq!(ran.stderr.starts_with('{'), asks_for_json, "{value:?}: {}", ran.stderr);
    }
    User::bare().with("SECURELAMBDA_JOBS", "many").run(&["outputs"]).ends(2).says("many");
    User::bare().with("SECURELAMBDA_JSON", "perhaps").run(&["outputs"]).ends(2).says("perhaps");
    // A flag that the environment turns off conflicts with no other flag.
    let off = User::bare().with("SECURELAMBDA_LOCAL", "0").with("SECURELAMBDA_FILE", "");
    off.run(&["outputs", "--endpoint-url", "http://127.0.0.1:9", "--blueprint", "tutorial"]).ends(6);
    // The command line overrides the environment.
    User::bare().with("SECURELAMBDA_STACK", "one").run(&["outputs", "--stack", "two"]).ends(6).says("two");
}

#[test]
fn every_flag_of_every_command_is_read_from_the_environment() {
    // A value that is not UTF-8 is refused wherever the variable is read, except for paths.
    let nonsense = OsStr::from_bytes(b"\xff");
    let paths = ["file", "plan", "dir", "out", "sarif"];
    let mut tried = 0;
    let mut commands = vec![(Vec::new(), Cli::command())];
    while let Some((words, command)) = commands.pop() {
        for sub in command.get_subcommands() {
            commands.push(([&words[..], &[sub.get_name().to_owned()]].concat(), sub.clone()));
        }
        // Shared flags are tested with one command.
        let line = if words.is_empty() { vec!["outputs".to_owned()] } else { words };
        for flag in command.get_arguments().filter_map(|arg| arg.get_long()).filter(|flag| !paths.contains(flag)) {
            let variable = format!("SECURELAMBDA_{}", flag.replace('-', "_").to_uppercase());
            let ran = User::bare().command(&line).env(&variable, nonsense).output().unwrap();
            assert_eq!(ran.status.code(), Some(2), "{line:?}, {variable}: {ran:?}");
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried}");
}

#[test]
fn a_list_flag_is_read_from_the_environment_with_commas() {
    let policy = |user: User| {
        let args = ["policy", "--account", "123456789012", "--region", "eu-central-1"];
        user.run(&args).ends(0).stdout
    };
    let user = User::bare().with("SECURELAMBDA_FOR", "add-user,status");
    let args =
        ["policy", "--account", "123456789012", "--region", "eu-central-1", "--for", "status", "--for", "add-user"];
    assert_eq!(policy(user), User::bare().run(&args).ends(0).stdout);
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    for args in [&["graph"][..], &["graph", "--json"], &["completions", "bash"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let ran = User::bare().command(args).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.code() == Some(1) && said.contains("could not be written"), "{args:?}: {ran:?}");
    }
    // A closed pipe is no error.
    let user = User::bare();
    let (nobody, to_nobody) = std::io::pipe().unwrap();
    drop(nobody);
    let ran = user.command(&["graph"]).stdout(to_nobody).output().unwrap();
    assert!(ran.status.success() && ran.stderr.is_empty(), "{ran:?}");
}

#[test]
fn up_without_credentials_creates_nothing_and_prints_a_hint() {
    let user = User::bare().with("AWS_REGION", "eu-central-1").with("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    user.run(&["up", "--yes"]).ends(3).says("no usable AWS credentials").says("hint:");
    assert!(!user.folder.path().join("state").exists());
}

#[test]
fn a_missing_or_mistyped_region_ends_with_3() {
    let user = User::bare().with("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    user.run(&["up", "--yes"]).ends(3).says("no AWS region is set").says("--region");
    user.run(&["up", "--yes", "--region", "eu-cental-1"]).ends(3).says("did you mean eu-central-1?");
}

#[test]
fn the_endpoint_is_read_from_the_profile() {
    let user = User::bare();
    let keys = "aws_access_key_id = 111111111111\naws_secret_access_key = test\n";
    let profile = format!("[profile here]\nregion = eu-central-1\nendpoint_url = {}/\n{keys}", endpoint());
    user.write("home/.aws/config", &profile);
    user.run(&["status", "--profile", "here"]).ends(6).says("there is no stack securelambda in account 111111111111");
}

#[test]
fn an_endpoint_that_does_not_answer_ends_with_1_and_a_hint() {
    let user = User::of("111111111111", "http://127.0.0.1:9");
    user.run(&["status"]).ends(1).says("no answer").says("hint:");
}

#[test]
fn local_start_names_a_missing_tool() {
    let empty = tempfile::TempDir::new().unwrap();
    let user = User::bare().with("PATH", &empty.path().display().to_string());
    user.run(&["local", "start"]).ends(1).says("Node.js 20 or later; none was found").says("hint: install");
    user.run(&["up", "--local"]).ends(1).says("Node.js 20 or later; none was found");
}

#[test]
fn errors_are_json_with_the_json_flag() {
    let user = User::bare();
    let ran = user.run(&["outputs", "--json"]).ends(6);
    let error: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!((error["kind"].as_str(), error["exit_code"].as_u64()), (Some("no_stack"), Some(6)));
    assert_eq!(ran.stdout, "");
}

#[test]
fn every_json_answer_has_a_schema_version() {
    let user = User::bare();
    for args in [&["graph"][..], &["graph", "--blueprint", "api-to-api"], &["local", "status"], &["init", "new"]] {
        let ran = user.run(&[args, &["--json"]].concat()).ends(0);
        assert_eq!(ran.json()["schema_version"], 1, "{args:?}: {}", ran.stdout);
    }
    let policy = ["policy", "--account", "123456789012", "--region", "eu-central-1", "--json"];
    assert_eq!(user.run(&policy).ends(0).json()["schema_version"], 1);
    // These print other formats: a JSON schema, shell scripts, and man pages.
    assert!(user.run(&["schema", "--json"]).ends(0).json()["$schema"].is_string());
    for args in [["completions", "bash", "--json"].as_slice(), &["man", "--json"]] {
        assert!(!user.run(args).ends(0).stdout.starts_with('{'), "{args:?}");
    }
    // Commands that print events end with a summary, also if they fail before they start.
    for verb in ["up", "down", "verify", "sweep"] {
        let ran = user.run(&[verb, "--stack", "demo", "--yes", "--json"]).ends(3);
        let summary = ran.json();
        let version = if verb == "verify" { 2 } else { 1 };
        assert_eq!((&summary["schema_version"], &summary["verb"]), (&version.into(), &verb.into()), "{}", ran.stdout);
        assert_eq!((&summary["type"], &summary["succeeded"]), (&"summary".into(), &false.into()), "{}", ran.stdout);
    }
    let list = user.run(&["sweep", "--json"]).ends(3);
    assert_eq!(list.stdout, "", "a list is one document or none");
}

#[test]
fn all_mistakes_of_a_stack_file_are_shown_at_their_places() {
    let user = User::bare();
    user.write(
        "securelambda.toml",
        "[stack]\nname = \"My Stack\"\n\n[functions.Hello]\nsorce = \"lambdas/hello\"\nmemory_mb = 64\n\n\
         [pools.People]\n\n[api]\n[[api.routes]]\nroute = \"POST /a b\"\nfunction = \"Helo\"\n\n\
         [firewall]\nmode = \"alow\"\naddresses = [\"1.2.3.4\", \"0.0.0.0/0\"]\n",
    );
    let ran = user.run(&["plan"]).ends(2);
    insta::assert_snapshot!(ran.stderr);
}

#[test]
fn unknown_references_in_a_stack_file_are_shown() {
    let user = User::bare();
    user.write(
        "securelambda.toml",
        "[stack]\nname = \"mine\"\n[topics.greetings]\n[functions.Hello]\nsource = \"hello\"\npublishes = [\"greeting\"]\n\
         [pools.People]\n[api]\n[[api.routes]]\nroute = \"GET /x\"\nfunction = \"Helo\"\npool = \"Peple\"\n",
    );
    let ran = user.run(&["plan"]).ends(2);
    insta::assert_snapshot!(ran.stderr);
}

#[test]
fn unusable_state_files_give_different_errors() {
    let user = User::bare();
    let file = "state/securelambda.123456789012.eu-central-1.json";
    let good = r#"{"version":1,"tool":"t","stack":"securelambda","account":"123456789012","region":"eu-central-1","serial":1,"resources":{"topic.t":{"kind":"sns.topic","status":"creating","key":{"name":"t"}}}}"#;
    let cases = [
        (good.replace("\"version\":1", "\"version\":99"), 1, "version 99"),
        (good[..40].to_owned(), 1, "is damaged"),
        (String::new(), 1, "is damaged"),
        ("[]".to_owned(), 1, "has no version"),
        (good.replace("123456789012", "999999999999"), 3, "not to stack securelambda in 123456789012"),
    ];
    for (text, code, words) in cases {
        user.write(file, &text);
        user.run(&["outputs"]).ends(code).says(words).says("hint:");
    }
    user.write(file, good);
    user.run(&["outputs"]).ends(0);
}

#[test]
fn completions_and_man_pages_exist_for_every_shell_and_command() {
    let user = User::bare();
    // A broken stack file does not matter here.
    user.write("securelambda.toml", "[");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = user.run(&["completions", shell]).ends(0);
        assert!(script.stdout.contains("COMPLETE") && script.stderr.is_empty(), "{shell}");
    }
    // What bash asks when somebody types a part of a word.
    let completed = |words: &[&str]| {
        let index = words.len().to_string();
        let line = [&["--", "securelambda"], words].concat();
        let asked = User::bare().with("COMPLETE", "bash").with("_CLAP_COMPLETE_INDEX", &index).with("_CLAP_IFS", "\n");
        let found = asked.run(&line).ends(0);
        assert_eq!(found.stderr, "");
        found.stdout
    };
    assert_eq!(completed(&["remove"]).trim(), "remove-user");
    // Without a stack file, the names are those of the built-in stack.
    assert_eq!(completed(&["users", "--pool", "My"]), "MyUserPool1\nMyUserPool2");
    assert_eq!(completed(&["call", "/l"]), "/lambda1\n/lambda2");
    user.run(&["completions", "bsh"]).ends(2).says("bash");
    assert!(user.run(&["man"]).ends(0).stdout.contains(".TH securelambda 1"));
    user.run(&["man", "--dir", "pages"]).ends(0).says("man ./pages/securelambda.1");
    for page in ["securelambda", "securelambda-up", "securelambda-local-start"] {
        assert!(user.folder.path().join(format!("pages/{page}.1")).exists(), "{page}");
    }
}

#[test]
fn graph_draws_the_stack_without_calling_aws() {
    let user = User::bare();
    assert!(user.run(&["graph"]).ends(0).stdout.starts_with("flowchart LR\n"));
    assert!(user.run(&["graph", "--svg"]).ends(0).stdout.starts_with("<svg xmlns="));
    let drawn: serde_json::Value = serde_json::from_str(&user.run(&["graph", "--json"]).ends(0).stdout).unwrap();
    assert_eq!(drawn["arrows"][0]["to"], "POST /lambda1");
    assert_eq!(drawn["schema_version"], 1);
}
