//! AWS's published rates, enforced in front of the emulator: a stack is built and taken down without one call refused.
//! `cargo bench --bench at_size` does it with as much of everything as a stack may have.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::emulator::{account, endpoint};
use crate::support::program::User;
use crate::support::proxy::Proxy;
use crate::support::size::{PublishedRates, Size, minimum_time, throttled};

#[test]
fn up_and_down_stay_within_aws_published_rates() {
    let time_scale = 0.2;
    // Other tests run meanwhile. Who does not keep to the rates comes far more than this too early in the end.
    let rates = PublishedRates::new(time_scale).with_jitter(Duration::from_millis(400));
    let proxy = Proxy::with_faults(&endpoint(), Duration::ZERO, Arc::new(rates));
    let user = User::of(&account(), &proxy.endpoint).with("SECURELAMBDA_TIME_SCALE", &time_scale.to_string());
    Size { routes: 30, functions: 5, pools: 3 }.write(&user);
    user.run(&["up", "--yes"]).ends(0);
    let calls = proxy.take();
    assert_eq!(throttled(&calls), 0);
    // The rates were in the way at all.
    assert!(minimum_time(&calls, time_scale) > Duration::from_secs(1), "{:?}", minimum_time(&calls, time_scale));
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(throttled(&proxy.take()), 0);
}

/// The rates refuse who is too fast: else a run without a refusal would prove nothing.
#[test]
fn the_rate_limiter_refuses_calls_above_the_rate() {
    let rates = PublishedRates::new(1.0);
    let now = Instant::now();
    let paths = ("paths", 5.0, 1.0, 5.0);
    let passed = |at: Instant, tries: usize| (0..tries).filter(|_| rates.has_room(paths, at)).count();
    assert_eq!(passed(now, 20), 5);
    assert_eq!(passed(now + Duration::from_secs(1), 20), 5);
    assert_eq!(passed(now + Duration::from_millis(1200), 20), 1);
}
