//! The program on a machine with a wrong clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::http::HeaderMap;

use crate::support::clock::OtherClock;
use crate::support::emulator::{account, endpoint};
use crate::support::inventory::inventory;
use crate::support::program::User;
use crate::support::proxy::{AwsRequest, CallOutcome, Fault, FaultInjector, Proxy};

fn at(faults: impl FaultInjector + 'static) -> (Proxy, User) {
    let proxy = Proxy::with_faults(&endpoint(), Duration::ZERO, Arc::new(faults));
    let user = User::of(&account(), &proxy.endpoint).with("SECURELAMBDA_TIME_SCALE", "0.05");
    (proxy, user)
}

#[test]
fn up_and_down_succeed_when_the_clock_is_twenty_minutes_wrong() {
    for (ahead, words) in [
        (20, "20 min behind AWS's clock; signatures use AWS's time"),
        (-20, "20 min ahead of AWS's clock; signatures use AWS's time"),
    ] {
        let clock = OtherClock::ahead(ahead);
        let (_proxy, user) = at(clock.clone());
        user.run(&["up", "--yes"]).ends(0).says(&format!("warning: clock: {words}"));
        // Only the first call is refused: its answer contains AWS's time.
        assert_eq!(clock.refused(), ["sts GetCallerIdentity"], "{ahead}");
        let document = user.run(&["doctor", "--json"]).ends(0).json();
        let clock = document["checks"].as_array().unwrap().iter().find(|check| check["subject"] == "clock").unwrap();
        assert_eq!((&clock["health"], clock["finding"].as_str().unwrap()), (&"warning".into(), words));
        user.run(&["down", "--yes"]).ends(0).says("0 left");
    }
}

/// AWS as seen from a machine whose clock becomes wrong during a run.
struct Jump {
    happened: AtomicBool,
    at: &'static str,
    clock: OtherClock,
}

impl FaultInjector for Jump {
    fn before(&self, asked: &AwsRequest) -> CallOutcome {
        if asked.name() == self.at {
            self.happened.store(true, Ordering::SeqCst);
        }
        if self.happened.load(Ordering::SeqCst) { self.clock.before(asked) } else { CallOutcome::Passed }
    }

    fn change_headers(&self, asked: &AwsRequest, headers: &mut HeaderMap) {
        if self.happened.load(Ordering::SeqCst) {
            self.clock.change_headers(asked, headers);
        }
    }

    fn date(&self) -> Option<String> {
        self.happened.load(Ordering::SeqCst).then(|| self.clock.date()).flatten()
    }
}

#[test]
fn a_create_refused_for_its_time_is_retried_and_creates_one_resource() {
    let clock = OtherClock::ahead(20);
    let jump = Jump { happened: AtomicBool::new(false), at: "cognito-idp CreateUserPool", clock: clock.clone() };
    let (_proxy, user) = at(jump);
    user.run(&["up", "--yes", "--jobs", "1"]).ends(0);
    assert_eq!(clock.refused(), ["cognito-idp CreateUserPool"]);
    let pools = inventory(&user.on_another_machine(&endpoint()))
        .iter()
        .filter(|name| name.starts_with("cognito.user_pool "))
        .count();
    assert_eq!(pools, 2, "no pool is created twice");
    user.run(&["down", "--yes"]).ends(0).says("0 left");
}

#[test]
fn a_wrong_signature_at_the_right_time_is_not_retried() {
    let wrong = |asked: &AwsRequest| match asked.service.as_str() {
        "sts" => CallOutcome::Refused(Fault::new(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match",
        )),
        _ => CallOutcome::Passed,
    };
    let (proxy, user) = at(wrong);
    user.run(&["status"]).ends(3).says("check the access key and the secret key");
    let asked = proxy.take().iter().filter(|call| call.sent.service == "sts").count();
    assert_eq!(asked, 1);
}
