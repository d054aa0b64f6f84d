//! Sources of credentials. An error in one is named precisely, with exit code 3.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, test_kill_process};

use crate::support::emulator::{account, endpoint};
use crate::support::program::{CommandOutput, User};

const SENTINEL: &str = "sent1nel";

/// A user with these configuration files and no other credentials.
fn user(config: &str, credentials: &str) -> User {
    let user = User::bare().with("AWS_ENDPOINT_URL", &endpoint());
    user.write("home/.aws/config", config);
    user.write("home/.aws/credentials", credentials);
    user
}

fn status(user: &User, profile: &str) -> CommandOutput {
    user.run(&["status", "--profile", profile])
}

#[test]
fn every_error_in_a_profile_is_named() {
    let table: &[(&str, &str, &[&str])] = &[
        (
            "[profile prod]\nregion = eu-central-1\n",
            "prd",
            &["no profile called prd in ", "home/.aws/config or ", "did you mean prod?"],
        ),
        (
            "[profile a]\nregion = eu-central-1\nthis is no line\n",
            "a",
            &["home/.aws/config on line 3: Expected an '=' sign"],
        ),
        ("[profile a\nregion = eu-central-1\n", "a", &["home/.aws/config on line 1: "]),
        ("\u{feff}[profile a]\nregion = eu-central-1\n", "a", &["home/.aws/config begins with a byte order mark"]),
        (
            "[profile a]\nregion = eu-central-1\nrole_arn = arn:aws:iam::123456789012:role/x\nweb_identity_token_file = /nonexistent/token\n",
            "a",
            &["/nonexistent/token"],
        ),
        (
            "[profile a]\nregion = eu-central-1\ncredential_process = /nonexistent/program\n",
            "a",
            &["the credential_process of the profile a failed"],
        ),
        (
            "[profile a]\nregion = eu-central-1\nrole_arn = arn:aws:iam::123456789012:role/x\ncredential_source = Environment\n",
            "a",
            &["the profile a has credential_source = Environment, but no variables have credentials"],
        ),
        (
            "[profile a]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = bas\n[profile base]\n",
            "a",
            &["the profile a has source_profile = bas, but there is no profile bas", "did you mean base?"],
        ),
        (
            "[profile a]\nrole_arn = r\nsource_profile = b\n[profile b]\nrole_arn = r\nsource_profile = a\n",
            "a",
            &["the profiles a and b take their credentials from each other"],
        ),
        ("[profile a]\nrole_arn = r\n", "a", &["has a role_arn, but neither source_profile nor credential_source"]),
        (
            "[profile a]\nrole_arn = r\nsource_profile = b\n[profile b]\nregion = x\n",
            "a",
            &["the profile b has no credentials"],
        ),
        (
            "[profile a]\nrole_arn = r\ncredential_source = Ec2\n",
            "a",
            &["credential_source = Ec2, which does not exist"],
        ),
        (
            "[profile a]\nrole_arn = r\nmfa_serial = arn:aws:iam::123456789012:mfa/me\nsource_profile = b\n[profile b]\naws_access_key_id = x\naws_secret_access_key = sent1nel\n",
            "a",
            &["the profile a requires an MFA code (mfa_serial)", "aws configure export-credentials --profile a"],
        ),
        (
            "[profile a]\naws_access_key_id = x\n",
            "a",
            &["the profile a has aws_access_key_id, but no aws_secret_access_key"],
        ),
        (
            "[profile a]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = r\n[sso-session crop]\nsso_region = eu-central-1\n",
            "a",
            &["there is no [sso-session corp]", "did you mean crop?"],
        ),
        (
            "[profile a]\nsso_start_url = https://x.invalid/start\nsso_region = eu-central-1\nsso_account_id = 1\n",
            "a",
            &["signs in with IAM Identity Center, but has no sso_role_name"],
        ),
        (
            "[profile a]\nregion = eu-central-1\nsso_start_url = https://x.invalid/start\nsso_region = eu-central-1\nsso_account_id = 123456789012\nsso_role_name = r\n",
            "a",
            &[
                "the profile a is not signed in to IAM Identity Center, or the sign-in has expired",
                "`aws sso login --profile a`",
            ],
        ),
        (
            "[profile a]\nregion = eu-central-1\n",
            "a",
            &["the profile a has no credentials, and no other source of credentials was found"],
        ),
        (
            "[profile a]\nregion = eu-central-1\ncredential_process = sh -c 'echo sent1nel; echo sent1nel >&2; exit 7'\n",
            "a",
            &["the credential_process of the profile a failed (exit status: 7)"],
        ),
        (
            "[profile a]\nregion = eu-central-1\ncredential_process = echo sent1nel\n",
            "a",
            &["the credential_process of the profile a did not print the JSON"],
        ),
        ("[profile a]\naws_access_key_id = x\naws_secret_access_key = sent1nel\n", "a", &["no AWS region is set"]),
    ];
    for (config, profile, words) in table {
        let ran = status(&user(config, ""), profile).ends(3);
        for words in *words {
            assert!(ran.stderr.contains(words), "{words:?} is not in:\n{}", ran.stderr);
        }
        assert!(!ran.stderr.contains(SENTINEL) && !ran.stdout.contains(SENTINEL), "{}", ran.stderr);
    }
}

#[test]
fn errors_in_variables_and_config_files_are_named() {
    let sound = "[default]\nregion = eu-central-1\n";
    let half = user(sound, "").with("AWS_ACCESS_KEY_ID", "x");
    half.run(&["status"]).ends(3).says("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
    let profile = user(sound, "").with("AWS_PROFILE", "defualt");
    profile.run(&["status"]).ends(3).says("no profile called defualt (from AWS_PROFILE)").says("did you mean default?");
    // A file that exists and cannot be read is an error.
    let folder = user(sound, "").with("AWS_CONFIG_FILE", "/");
    folder.run(&["status"]).ends(3).says("/ cannot be read: ");
    // A broken file that names an endpoint must not lead to a call of AWS.
    let broken = user("[default]\nendpoint_url = http://127.0.0.1:9\nbroken\n", "").with("AWS_ENDPOINT_URL", "");
    broken.run(&["status"]).ends(3).says("home/.aws/config on line 3: ");
    // Commands that make no calls ignore the files.
    user("broken", "").run(&["graph"]).ends(0);
}

/// A machine outside AWS has no metadata service. This must not be reported as a network error.
#[test]
fn missing_credentials_are_reported_instead_of_a_network_error() {
    let user = User::bare().with("AWS_REGION", "eu-central-1").with("AWS_ENDPOINT_URL", &endpoint());
    let user = user.with("AWS_EC2_METADATA_DISABLED", "false");
    let user = user.with("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9");
    user.run(&["status"])
        .ends(3)
        .says("no usable AWS credentials: none in the environment, the profile or the machine's role");
}

#[test]
fn a_valid_profile_is_used() {
    let account = account();
    let keys = format!("[base]\naws_access_key_id = {account}\naws_secret_access_key = test\n");
    let printed = format!(r#"{{"Version": 1, "AccessKeyId": "{account}", "SecretAccessKey": "test"}}"#);
    let config = format!(
        "[profile base]\nregion = eu-central-1\n[profile p]\nregion = eu-central-1\ncredential_process = echo '{printed}'\n"
    );
    for profile in ["base", "p"] {
        status(&user(&config, &keys), profile).ends(6).says(&format!("in account {account}"));
    }
}

/// A user who names a profile wants its account, even if the environment still contains other keys.
#[test]
fn a_profile_that_is_named_counts_more_than_keys_in_the_environment() {
    let (named, left) = (account(), account());
    let keys = format!("[prod]\naws_access_key_id = {named}\naws_secret_access_key = test\n");
    let user = user("[profile prod]\nregion = eu-central-1\n", &keys);
    let user = user.with("AWS_ACCESS_KEY_ID", &left).with("AWS_SECRET_ACCESS_KEY", "test");
    status(&user, "prod").ends(6).says(&format!("in account {named}"));
    // As with AWS's own tools, AWS_PROFILE is weaker than the keys.
    let user = user.with("AWS_PROFILE", "prod");
    user.run(&["status"]).ends(6).says(&format!("in account {left}"));
}

#[test]
fn a_hanging_credential_process_times_out_and_can_be_interrupted() {
    let config = "[profile slow]\nregion = eu-central-1\ncredential_process = sleep 30\n";
    let began = Instant::now();
    let ran = status(&user(config, "").with("SECURELAMBDA_TIME_SCALE", "0.05"), "slow").ends(3);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let ran = ran.says("waiting for the credential_process of the profile slow");
    let ran = ran.says("the credential_process of the profile slow did not answer within 60 s");
    assert_eq!(ran.stderr.matches("waiting for the credential_process").count(), 1, "{}", ran.stderr);
    // Neither the process nor its child keeps running.
    let slow = "[profile slow]\nregion = eu-central-1\ncredential_process = sh -c 'sleep 31 & echo $! > child; wait; echo late'\n";
    let left = user(slow, "").with("SECURELAMBDA_TIME_SCALE", "0.02");
    status(&left, "slow").ends(3).says("the process was ended");
    let child = std::fs::read_to_string(left.folder.path().join("child")).unwrap();
    let child = Pid::from_raw(child.trim().parse().unwrap()).unwrap();
    let until = Instant::now() + Duration::from_secs(5);
    while test_kill_process(child).is_ok() {
        assert!(Instant::now() < until, "the child still runs");
        std::thread::sleep(Duration::from_millis(20));
    }
    for (command, code) in [("status", 130), ("up", 8)] {
        let user = user(config, "");
        let started = user.start(&[command, "--profile", "slow"]);
        std::thread::sleep(Duration::from_millis(500));
        started.signal(Signal::INT);
        let (ran, took) = started.ends_within(Duration::from_secs(5));
        ran.ends(code);
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
}
