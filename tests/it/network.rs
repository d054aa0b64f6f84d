//! Proxies and hosts that do not answer.

use std::collections::BTreeSet;

use securelambda::probe::{Client, Request};
use securelambda::proxies::Proxies;
use serde_json::json;

use crate::services::SERVICES;
use crate::support::default_account::default_account;
use crate::support::domains;
use crate::support::emulator::{account, endpoint};
use crate::support::iam::Operator;
use crate::support::program::User;
use crate::support::tunnel::{Tunnel, TunnelBehaviour};

const SENTINEL: &str = "sent1nel";

const NOWHERE: &str = "https://aws.securelambda.invalid";

/// A stack with the services that no blueprint uses.
const WITH_DOMAIN: &str = r#"
[functions.Notes]
source = "f"
[api]
stage = "live"
domain = { name = "api.example.com", certificate = "{certificate}", zone = "example.com" }
[[api.routes]]
route = "GET /notes"
function = "Notes"
auth = "none"
"#;

/// A user who reaches the emulator only through the proxy, under AWS's host names.
fn behind(tunnel: &Tunnel, variable: &str, blueprint: Option<&str>) -> User {
    let mut operator = Operator::new(&account(), &endpoint());
    operator.set_policy(&json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" }
    ] }));
    let authority = tunnel.authority().display().to_string();
    // Install the functions' dependencies first, because the package registries are not behind this proxy.
    let root = User::of(operator.account(), &endpoint());
    operator.user.write("securelambda.toml", &domains::filled_in(&root, WITH_DOMAIN));
    operator.user.write("f/index.mjs", "export const handler = async () => ({ statusCode: 200 });\n");
    let user = operator.user.with("AWS_ENDPOINT_URL", NOWHERE).with("SECURELAMBDA_TIME_SCALE", "0.001");
    user.run(&[&["plan"], &of(blueprint)[..]].concat()).ends(1).says("no answer from");
    user.with("AWS_ENDPOINT_URL", "")
        .with(variable, &tunnel.url)
        .with("SSL_CERT_FILE", &authority)
        .with("SECURELAMBDA_TIME_SCALE", "0.05")
}

/// The arguments that name a blueprint. Without a blueprint, the program reads the stack file.
fn of(blueprint: Option<&str>) -> Vec<&str> {
    blueprint.map(|blueprint| ["--blueprint", blueprint]).into_iter().flatten().collect()
}

/// A user whose endpoint does not exist.
fn nowhere() -> User {
    User::of("111111111111", NOWHERE).with("SECURELAMBDA_TIME_SCALE", "0.001")
}

#[test]
fn every_aws_service_is_called_through_https_proxy() {
    let mut hosts = BTreeSet::new();
    let stacks = [
        (Some("tutorial"), "HTTPS_PROXY"),
        (Some("http-jwt"), "https_proxy"),
        (Some("api-to-api"), "HTTPS_PROXY"),
        (None, "https_proxy"),
    ];
    for (blueprint, variable) in stacks {
        let tunnel = Tunnel::new(TunnelBehaviour::Connects(endpoint().trim_start_matches("http://").to_owned()));
        let user = behind(&tunnel, variable, blueprint);
        for command in [&["up", "--yes"][..], &["status"], &["down", "--yes"]] {
            user.run(&[command, &of(blueprint)[..]].concat()).ends(0);
            let asked = tunnel.take();
            assert!(asked.iter().any(|host| host == "sts.eu-central-1.amazonaws.com:443"), "{blueprint:?}: {asked:?}");
            hosts.extend(asked);
        }
    }
    // States in a bucket are at the bucket's own host.
    let of_stacks = SERVICES.iter().filter(|service| service.name != "s3");
    let expected: BTreeSet<String> =
        of_stacks.map(|service| format!("{}:443", service.host_in("eu-central-1"))).collect();
    assert_eq!(hosts, expected);
}

#[test]
fn requests_to_localhost_never_go_through_a_proxy() {
    let tunnel = Tunnel::new(TunnelBehaviour::Refuses(403));
    let _alone = default_account();
    let mut user = User::of("test", &endpoint());
    for variable in ["HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"] {
        user = user.with(variable, &tunnel.url);
    }
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["verify"]).ends(0);
    user.run(&["down", "--yes"]).ends(0);
    assert_eq!(tunnel.take(), Vec::<String>::new());
}

#[test]
fn hosts_in_no_proxy_are_called_directly() {
    let tunnel = Tunnel::new(TunnelBehaviour::Refuses(502));
    let user = nowhere().with("HTTPS_PROXY", &tunnel.url);
    let said = user.run(&["status"]).ends(1).stderr;
    assert!(said.contains("no answer from aws.securelambda.invalid: the proxy http://127.0.0.1:"), "{said}");
    assert!(said.contains("(HTTPS_PROXY) refused to connect to it"), "{said}");
    assert!(tunnel.take().iter().all(|host| host == "aws.securelambda.invalid:443"));
    for (name, exempt) in [("NO_PROXY", "x.example,.securelambda.invalid"), ("no_proxy", "*")] {
        let user = nowhere().with("HTTPS_PROXY", &tunnel.url).with(name, exempt);
        let said = user.run(&["status"]).ends(1).stderr;
        assert!(said.contains("no answer from aws.securelambda.invalid: "), "{said}");
        assert!(!said.contains("the proxy"), "{said}");
        assert_eq!(tunnel.take(), Vec::<String>::new());
    }
}

#[test]
fn http_endpoints_use_http_proxy_instead_of_https_proxy() {
    let tunnel = Tunnel::new(TunnelBehaviour::Refuses(502));
    let user = User::of("111111111111", "http://aws.securelambda.invalid").with("SECURELAMBDA_TIME_SCALE", "0.001");
    let user = user.with("HTTP_PROXY", &tunnel.url).with("HTTPS_PROXY", "http://127.0.0.1:9");
    user.run(&["status"]).ends(1).says("(HTTP_PROXY) refused to connect to it");
    assert!(tunnel.take()[0].starts_with("http://aws.securelambda.invalid/"));
}

#[test]
fn proxy_errors_name_the_proxy_without_its_password() {
    let asks = Tunnel::new(TunnelBehaviour::RequiresPassword("never".into(), String::new()));
    let with_user = |url: &str| url.replace("http://", &format!("http://user:{SENTINEL}@"));
    for (value, words, hint) in [
        (
            with_user(&asks.url),
            "(HTTPS_PROXY) requires a user name and a password, or refused them (407)",
            "percent-encode special characters",
        ),
        (with_user("http://127.0.0.1:9"), "the proxy http://127.0.0.1:9 (HTTPS_PROXY) cannot be reached: ", "NO_PROXY"),
        (
            format!("socks5://user:{SENTINEL}@127.0.0.1:9"),
            "HTTPS_PROXY is not the URL of a proxy",
            "set HTTPS_PROXY to the URL of a proxy, or unset it",
        ),
    ] {
        for flags in [&["status"][..], &["status", "-vv"], &["doctor"]] {
            let ran = nowhere().with("HTTPS_PROXY", &value).run(flags);
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert_eq!(ran.code, if flags[0] == "status" { 1 } else { 3 }, "{said}");
            // `doctor` wraps lines in its columns.
            let one_line = said.split_whitespace().collect::<Vec<_>>().join(" ");
            let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            if flags[0] == "status" {
                assert!(one_line.contains(&squeezed(words)) && one_line.contains(hint), "{words}: {said}");
            }
            assert!(!said.contains(SENTINEL), "{said}");
        }
    }
    // One request for each command: repeating it without a password would not help.
    assert_eq!(asks.take().len(), 3);
}

#[test]
fn credentials_in_the_proxy_url_are_sent_to_the_proxy() {
    // The base64 encoding of `user:p@ss`.
    let behaviour =
        TunnelBehaviour::RequiresPassword("dXNlcjpwQHNz".into(), endpoint().trim_start_matches("http://").to_owned());
    let tunnel = Tunnel::new(behaviour);
    let url = tunnel.url.replace("http://", "http://user:p%40ss@");
    behind(&tunnel, "HTTPS_PROXY", Some("tutorial")).with("HTTPS_PROXY", &url).run(&["sweep"]).ends(0);
    assert!(tunnel.take().contains(&"sts.eu-central-1.amazonaws.com:443".to_owned()));
}

fn proxies(variable: &'static str, url: &str) -> Proxies {
    Proxies::new(|name| (name == variable).then(|| url.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_the_proxy_is_not_taken_for_the_routes_answer() {
    fn to(url: &str) -> Request<'_> {
        Request { method: "GET", url, token: None, body: None }
    }
    for (scheme, variable) in [("https", "HTTPS_PROXY"), ("http", "HTTP_PROXY")] {
        for (status, words) in [(407, "requires a user name and a password"), (502, "refused to connect to it")] {
            let tunnel = std::thread::spawn(move || Tunnel::new(TunnelBehaviour::Refuses(status))).join().unwrap();
            let proxies = proxies(variable, &tunnel.url);
            let url = format!("{scheme}://api.securelambda.invalid/dev/age");
            let error = Client::new(&proxies).unwrap().send(&to(&url)).await.unwrap_err().to_string();
            assert!(error.contains("no answer from api.securelambda.invalid") && error.contains(words), "{error}");
            assert!(error.contains(&format!("({variable})")), "{error}");
            assert_eq!(tunnel.take().len(), 1);
            std::thread::spawn(move || drop(tunnel)).join().unwrap();
        }
    }
    // `verify` sends no unencrypted request through a proxy, because the proxy could forge the answer.
    let tunnel = std::thread::spawn(|| Tunnel::new(TunnelBehaviour::Refuses(403))).join().unwrap();
    let client = Client::of_proof(&proxies("HTTP_PROXY", &tunnel.url)).unwrap();
    let error = client.send(&to("http://api.securelambda.invalid/dev/age")).await.unwrap_err().to_string();
    assert!(error.contains("could answer instead"), "{error}");
    assert_eq!(tunnel.take(), Vec::<String>::new());
    std::thread::spawn(move || drop(tunnel)).join().unwrap();
}
