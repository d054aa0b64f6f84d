//! Differences between AWS and the emulator with an existing stack: AWS throttles on a best-effort basis, logs arrive late,
//! reads of logs are limited by a rate, and a malformed answer of a function becomes a 502.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::support::default_account::default_account;
use crate::support::emulator::{account, endpoint};
use crate::support::program::User;
use crate::support::proxy::{AwsRequest, Call, CallOutcome, Fault, FaultInjector, Proxy};
use crate::support::size::PublishedRates;

/// How long one of AWS's seconds lasts in these tests.
const TIME_SCALE: f64 = 0.05;

/// How long it takes until a log line is found, in AWS's seconds.
const LINES_TAKE: f64 = 30.0;

/// How many pages a long log has.
const PAGES: u64 = 40;

/// Injects the differences that the top of this file names. Each is off at first.
struct Aws {
    rates: PublishedRates,
    never_throttles: AtomicBool,
    logs_late: AtomicBool,
    logs_busy: AtomicBool,
    malformed: AtomicBool,
    /// The time of the first search for a text.
    sought: Mutex<HashMap<String, Instant>>,
}

impl Aws {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            rates: PublishedRates::new(TIME_SCALE),
            never_throttles: AtomicBool::default(),
            logs_late: AtomicBool::default(),
            logs_busy: AtomicBool::default(),
            malformed: AtomicBool::default(),
            sought: Mutex::default(),
        })
    }
}

fn is(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}

fn set(flag: &AtomicBool, on: bool) {
    flag.store(on, Ordering::Relaxed);
}

/// Whether it is a client's request to a route.
fn to_route(asked: &AwsRequest) -> bool {
    asked.path.contains("/lambda1")
}

impl FaultInjector for Aws {
    fn before(&self, asked: &AwsRequest) -> CallOutcome {
        if asked.operation == "FilterLogEvents" {
            let outcome = self.rates.before(asked);
            return match asked.field("nextToken").and_then(|token| token.parse::<u64>().ok()) {
                Some(page) if outcome == CallOutcome::Passed => {
                    let next = (page < PAGES).then(|| (page + 1).to_string());
                    CallOutcome::Answered(200, Bytes::from(json!({ "events": [], "nextToken": next }).to_string()))
                }
                _ => outcome,
            };
        }
        if is(&self.malformed) && to_route(asked) {
            return CallOutcome::Refused(Fault::new(502, "InternalServerErrorException", "Internal server error"));
        }
        CallOutcome::Passed
    }

    fn after(&self, asked: &AwsRequest, status: u16, body: Bytes) -> (u16, Bytes) {
        if status == 429 && is(&self.never_throttles) && to_route(asked) {
            return (400, Bytes::from_static(br#"{"message":"Invalid request body"}"#));
        }
        if asked.operation != "FilterLogEvents" {
            return (status, body);
        }
        if let Some(text) = asked.field("filterPattern").filter(|_| is(&self.logs_late)) {
            let mut sought = self.sought.lock().unwrap();
            let since = sought.entry(text).or_insert_with(Instant::now);
            if since.elapsed() < Duration::from_secs_f64(LINES_TAKE * TIME_SCALE) {
                return (status, Bytes::from_static(br#"{"events":[]}"#));
            }
        }
        if is(&self.logs_busy) {
            let mut page: Value = serde_json::from_slice(&body).unwrap();
            page["nextToken"] = json!("1");
            return (status, Bytes::from(page.to_string()));
        }
        (status, body)
    }
}

/// How many reads of logs there were, and how many of them were refused.
fn reads(calls: &[Call]) -> (usize, usize) {
    let reads = || calls.iter().filter(|call| call.name == "logs FilterLogEvents");
    (reads().count(), reads().filter(|call| call.status == 429).count())
}

#[test]
fn verify_passes_when_aws_logs_late_and_throttles_nobody() {
    let _alone = default_account();
    let aws = Aws::new();
    let proxy = Proxy::with_faults(&endpoint(), Duration::ZERO, Arc::clone(&aws) as Arc<dyn FaultInjector>);
    let user = User::of("test", &proxy.endpoint).with("SECURELAMBDA_TIME_SCALE", &TIME_SCALE.to_string());
    let limits = "Limit per route: 50 requests/s, burst 50. All 2 routes together: 100 requests/s, burst 100.";
    assert!(user.run(&["plan"]).ends(0).stdout.contains(limits));
    user.run(&["up", "--yes"]).ends(0);
    assert!(user.run(&["status"]).ends(0).stdout.contains(limits));
    assert!(!user.run(&["plan"]).ends(0).stdout.contains(limits), "they do not change");
    proxy.take();

    set(&aws.never_throttles, true);
    set(&aws.logs_late, true);
    let ran = user.run(&["verify"]).ends(0).says("Waiting up to 90 s for the message of POST /lambda1");
    let ran = ran.says("another burst follows in 5 s").says("another burst follows in 15 s");
    let text = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for arrived in
        ["✓ the message of a call to POST /lambda1 arrives", "✓ the message of a call to POST /lambda2 arrives"]
    {
        let short = arrived.trim_start_matches("✓ ");
        assert!(text.contains(arrived) || text.contains(&format!("+ {short}")), "no {arrived}: {text}");
    }
    assert!(text.contains("requests of 3 bursts") && text.contains("although the limits are set"), "{text}");
    let (read, refused) = reads(&proxy.take());
    assert!((4..60).contains(&read) && refused == 0, "{refused} of {read} reads of logs were refused");

    // If another tool raised the limit, the same burst is a failure.
    let arguments = json!({
        "restApiId": user.run(&["outputs", "--json"]).json()["api"]["id"], "stageName": "development",
        "patchOperations": [{ "op": "replace", "path": "/*/*/throttling/rateLimit", "value": "10000" }],
    });
    crate::support::botocore::call(&user, "apigateway", "update_stage", &arguments);
    set(&aws.logs_late, false);
    let ran = user.run(&["verify"]).ends(5);
    let text = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("methodSettings.*/*.throttlingRateLimit is 10000, wanted 50"), "{text}");
    assert!(text.contains("no 429 for") && !ran.stderr.contains("another burst"), "{text}");

    // The program reads a long log no faster than AWS's rate allows.
    proxy.take();
    set(&aws.logs_busy, true);
    user.run(&["logs"]).ends(0);
    let (read, refused) = reads(&proxy.take());
    assert_eq!((read, refused), (3 * 41, 0), "three functions' logs");

    // A 502 because of a malformed answer is explained, with the command that shows the logs.
    set(&aws.malformed, true);
    let ran = user.run_with("no token", &["call", "POST /lambda1", "--token-stdin", "--data", "{}"]).ends(1);
    ran.says("its response has the wrong format").says("securelambda logs ExternalLambda1");
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn doctor_compares_the_sum_of_route_limits_with_the_account_limits() {
    let small = |asked: &AwsRequest| match asked.operation.as_str() {
        "GetAccount" => {
            let limits = json!({ "throttleSettings": { "rateLimit": 2500.0, "burstLimit": 1250 } });
            CallOutcome::Answered(200, Bytes::from(limits.to_string()))
        }
        "GetAccountSettings" => {
            let limits = json!({
                "AccountLimit": {
                    "TotalCodeSize": 80_530_636_800_u64, "ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900,
                },
                "AccountUsage": { "TotalCodeSize": 0, "FunctionCount": 0 },
            });
            CallOutcome::Answered(200, Bytes::from(limits.to_string()))
        }
        _ => CallOutcome::Passed,
    };
    let proxy = Proxy::with_faults(&endpoint(), Duration::ZERO, Arc::new(small));
    let user = User::of(&account(), &proxy.endpoint);
    let route =
        |number: usize| format!("[[api.routes]]\nroute = \"GET /r{number}\"\nfunction = \"F\"\nauth = \"none\"\n");
    let stack = |routes: usize| {
        let head = "[stack]\nname = \"many\"\n[functions.F]\nsource = \"f\"\n[api]\n";
        head.to_owned() + &(0..routes).map(route).collect::<String>()
    };
    user.write("f/index.mjs", "export const handler = async () => ({ statusCode: 200, body: \"{}\" });\n");
    for (routes, throttle, functions) in [(18, "good", "good"), (19, "good", "warning"), (51, "warning", "warning")] {
        user.write("securelambda.toml", &stack(routes));
        let document = user.run(&["doctor", "--json"]).ends(0).json();
        let checks = document["checks"].as_array().unwrap();
        let of = |subject: &str| checks.iter().find(|check| check["subject"] == subject).unwrap().clone();
        let (gateway, lambda) = (of("API Gateway limit"), of("Lambda concurrency"));
        assert_eq!((&gateway["health"], &lambda["health"]), (&json!(throttle), &json!(functions)), "{routes} routes");
        if routes == 51 {
            let hint = gateway["hint"].as_str().unwrap();
            assert!(hint.starts_with("the 51 routes together allow 2550 requests/s"), "{hint}");
        }
    }
}
