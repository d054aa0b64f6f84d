//! A stack file is changed, and `up` is run again: the account then holds exactly what a fresh build of the new file would
//! make, read by botocore, and nothing of the old file.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::json;

use crate::support::account_reader::{Account, AccountReader, difference};
use crate::support::botocore;
use crate::support::emulator::{account, endpoint, python, without_proxy};
use crate::support::program::User;

/// The subscriptions of an account: topic and function, by their names.
fn subscriptions(user: &User) -> Vec<(String, String)> {
    let last = |arn: &serde_json::Value| arn.as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let answer = botocore::call(user, "sns", "list_subscriptions", &json!({}));
    let subscriptions = answer["Subscriptions"].as_array().unwrap().clone();
    subscriptions.iter().map(|one| (last(&one["TopicArn"]), last(&one["Endpoint"]))).collect()
}

fn owner() -> User {
    owner_in(&account())
}

fn owner_in(account: &str) -> User {
    let user = User::of(account, &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02").with("PARTNER", "sentinel-7");
    user.write("f/index.mjs", "export const handler = async () => ({ statusCode: 200, body: \"{}\" });\n");
    user
}

fn triggered_by(topic: &str) -> String {
    format!(
        "[stack]\nname = \"mine\"\n[topics.t]\n[topics.u]\n[functions.F]\nsource = \"f\"\ntrigger = {{ topic = \"{topic}\" }}\n"
    )
}

#[test]
fn a_trigger_that_moves_to_another_topic_leaves_no_subscription_behind() {
    let user = owner();
    user.write("securelambda.toml", &triggered_by("t"));
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(subscriptions(&user), [("mine-t".to_owned(), "mine-F".to_owned())]);
    user.write("securelambda.toml", &triggered_by("u"));
    let plan = user.run(&["plan", "--json"]).ends(0).json();
    assert_eq!(plan["counts"]["replace"], 1, "{plan}");
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(subscriptions(&user), [("mine-u".to_owned(), "mine-F".to_owned())]);
    user.run(&["plan"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says(" 0 left.");
    assert_eq!(subscriptions(&user), []);
}

fn secret_with(topic: &str) -> String {
    format!(
        "[stack]\nname = \"mine\"\n[topics.{topic}]\n[secrets.S]\nTOPIC = {{ topic = \"{topic}\" }}\nGEN = {{ generate = 24 }}\n\
         [functions.F]\nsource = \"f\"\nsecrets = [\"S\"]\n"
    )
}

/// Writing the secret again would lose the generated value, so `up` refuses it unless a flag demands it.
#[test]
fn a_changed_topic_in_a_secret_with_a_generated_value_is_refused_before_anything_changes() {
    let user = owner();
    user.write("securelambda.toml", &secret_with("t"));
    user.run(&["up", "--yes"]).ends(0);
    let before = std::fs::read(user.state()).unwrap();
    user.write("securelambda.toml", &secret_with("u"));
    user.run(&["up", "--yes"]).ends(2).says("--rotate S");
    assert_eq!(std::fs::read(user.state()).unwrap(), before);
    user.run(&["up", "--yes"]).ends(2).says("--rotate S");
    user.run(&["up", "--yes", "--rotate", "S"]).ends(0);
    user.run(&["plan"]).ends(0);
    user.run(&["down", "--yes", "--purge"]).ends(0).says(" 0 left.");
}

/// Choices that follow from a seed.
struct Choices(u64, u64);

impl Choices {
    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let mut hash = DefaultHasher::new();
        (self.0, self.1).hash(&mut hash);
        self.1 += 1;
        choices[usize::try_from(hash.finish() % choices.len() as u64).unwrap()]
    }

    fn yes(&mut self) -> bool {
        self.one_of(&["yes", "no"]) == "yes"
    }
}

/// A valid stack file with random settings. A resource has the same name in every file that contains it.
fn stack(seed: u64) -> String {
    let mut it = Choices(seed, 0);
    let mut text = String::from("[stack]\nname = \"mine\"\n");
    let topics: Vec<&str> = ["t", "u", "v"].into_iter().filter(|_| it.yes()).collect();
    for topic in &topics {
        text += &format!("[topics.{topic}]\n");
    }
    let secret = it.yes();
    if secret {
        text += "[secrets.S]\nPARTNER = { env = \"PARTNER\" }\n";
        if !topics.is_empty() && it.yes() {
            text += &format!("TOPIC = {{ topic = \"{}\" }}\n", it.one_of(&topics));
        }
    }
    let second_pool = it.yes();
    for pool in ["P", "Q"].into_iter().filter(|pool| *pool == "P" || second_pool) {
        let (long, mfa) = (it.one_of(&["8", "12"]), it.one_of(&["off", "optional"]));
        text += &format!("[pools.{pool}]\nself_sign_up = {}\nmfa = \"{mfa}\"\n", it.yes());
        text += &format!("password = {{ minimum_length = {long} }}\n");
    }
    let second_function = it.yes();
    let functions: Vec<&str> = ["F", "G"].into_iter().filter(|one| *one == "F" || second_function).collect();
    for function in &functions {
        let (runtime, memory) = (it.one_of(&["nodejs24.x", "nodejs22.x"]), it.one_of(&["128", "256"]));
        text += &format!("[functions.{function}]\nsource = \"f\"\nruntime = \"{runtime}\"\nmemory_mb = {memory}\n");
        text += &format!("log_retention_days = {}\n", it.one_of(&["7", "14"]));
        if secret && it.yes() {
            text += "secrets = [\"S\"]\n";
        }
        if it.yes() {
            text +=
                &format!("environment = {{ POOL = {{ pool_id = \"P\" }}, WORD = \"{}\" }}\n", it.one_of(&["a", "b"]));
        }
        if !topics.is_empty() && it.yes() {
            text += &format!("publishes = [\"{}\"]\n", it.one_of(&topics));
        }
        if !topics.is_empty() && it.yes() {
            text += &format!("trigger = {{ topic = \"{}\" }}\n", it.one_of(&topics));
        }
    }
    let kind = it.one_of(&["rest", "rest", "http", "none"]);
    if kind == "none" {
        return text;
    }
    text += &format!("[api]\nkind = \"{kind}\"\nrate_limit = {}\n", it.one_of(&["20", "50"]));
    if kind == "rest" {
        text += &format!("stage = \"{}\"\n", it.one_of(&["dev", "live"]));
    }
    for (number, route) in ["GET /a", "POST /a", "GET /b/{id}", "ANY /c/{proxy+}"].into_iter().enumerate() {
        if number > 0 && it.yes() {
            continue;
        }
        let function = it.one_of(&functions);
        let auth = match it.one_of(&["none", "iam", "P", "Q"]) {
            open @ ("none" | "iam") => format!("auth = \"{open}\""),
            "Q" if second_pool => "pool = \"Q\"".to_owned(),
            _ => "pool = \"P\"".to_owned(),
        };
        text += &format!("[[api.routes]]\nroute = \"{route}\"\nfunction = \"{function}\"\n{auth}\n");
    }
    if kind == "rest" && it.yes() {
        text +=
            &format!("[firewall]\nmode = \"{}\"\naddresses = [\"198.51.100.0/24\"]\n", it.one_of(&["count", "block"]));
    }
    text
}

/// All that is in the account of this user after `up` with this file.
fn built(user: &User, reader: &mut AccountReader, account: &str, file: &str, flags: &[&str]) -> Account {
    user.write("securelambda.toml", file);
    let up = [&["up", "--yes"], flags].concat();
    user.run(&up).ends(0);
    reader.describe(account)
}

/// The difference without the previous deployment, which a changed stage keeps because callers may still get answers
/// from it.
fn beside_the_deployment_before(difference: &str) -> Vec<&str> {
    difference.lines().filter(|line| !(line.starts_with('+') && line.contains(" deployment (another):"))).collect()
}

#[test]
fn nothing_of_the_old_file_remains_after_any_change() {
    let seeds = std::env::var("SECURELAMBDA_TEST_SEEDS").unwrap_or_else(|_| "0..6".to_owned());
    let (first, end) = seeds.split_once("..").unwrap();
    let mut reader = AccountReader::new(&python(), &without_proxy(&endpoint()), "eu-central-1");
    for seed in first.parse::<u64>().unwrap()..end.parse().unwrap() {
        let (a, b) = (stack(2 * seed), stack(2 * seed + 1));
        let accounts = [account(), account()];
        let [changed, fresh] = [owner_in(&accounts[0]), owner_in(&accounts[1])];
        built(&changed, &mut reader, &accounts[0], &a, &[]);
        let gone = if a.contains("[pools.Q]") && !b.contains("[pools.Q]") { &["--remove-pool", "Q"][..] } else { &[] };
        let changed_account = built(&changed, &mut reader, &accounts[0], &b, gone);
        let fresh_account = built(&fresh, &mut reader, &accounts[1], &b, &[]);
        let difference = difference(&fresh_account, &changed_account);
        assert!(beside_the_deployment_before(&difference).is_empty(), "seed {seed}\n{a}\n->\n{b}\n{difference}");
        changed.run(&["plan"]).ends(0);
        changed.run(&["down", "--yes"]).ends(0).says(" 0 left.");
    }
}
