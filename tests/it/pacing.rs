//! AWS's published rates, enforced in front of the emulator: `up` and `down` must not have one call refused.
//! `cargo bench --bench at_size` measures the same with a large stack.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::emulator::{account, endpoint};
use crate::support::program::User;
use crate::support::proxy::Proxy;
use crate::support::size::{PublishedRates, Size, minimum_time, throttled};

#[test]
fn up_and_down_stay_within_aws_published_rates() {
    let time_scale = 0.2;
    // Jitter, because other tests run in parallel. A program that ignored the rates would be earlier by far more.
    let rates = PublishedRates::new(time_scale).with_jitter(Duration::from_millis(400));
    let proxy = Proxy::with_faults(&endpoint(), Duration::ZERO, Arc::new(rates));
    let user = User::of(&account(), &proxy.endpoint).with("SECURELAMBDA_TIME_SCALE", &time_scale.to_string());
    Size { routes: 30, functions: 5, pools: 3 }.write(&user);
    user.run(&["up", "--yes"]).ends(0);
    let calls = proxy.take();
    assert_eq!(throttled(&calls), 0);
    // The stack is large enough for the rates to matter.
    assert!(minimum_time(&calls, time_scale) > Duration::from_secs(1), "{:?}", minimum_time(&calls, time_scale));
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(throttled(&proxy.take()), 0);
}

/// If the limiter refused nothing, the test above would prove nothing.
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
