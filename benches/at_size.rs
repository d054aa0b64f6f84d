//! A stack of 100 routes, 20 functions and 10 pools: `cargo bench --bench at_size`.
//!
//! Prints how long the program's own part of a plan takes (reading the file, packing, building the graph, comparing), without
//! the network. Also prints how long `up` takes under AWS's published rates, which a proxy enforces at a time scale of 0.2,
//! and the shortest time that these rates allow. Exits with 1 if a limit is exceeded. The limit of the plan applies only to
//! release builds.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement"
)]
#![allow(dead_code, reason = "shares the tests' support, and needs a part of it")]

#[path = "../tests/it/support/aws_rules/mod.rs"]
mod aws_rules;
#[path = "../tests/it/support/botocore.rs"]
mod botocore;
#[path = "../tests/it/support/emulator.rs"]
mod emulator;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/support/facts.rs"]
mod facts;
#[path = "../tests/it/support/program.rs"]
mod program;
#[path = "../tests/it/support/proxy/mod.rs"]
mod proxy;
#[path = "../tests/it/support/size.rs"]
mod size;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::test_util::infallible_client_fn;
use program::User;
use proxy::{AwsRequest, CallOutcome, Proxy};
use securelambda::aws::{self, Clients};
use securelambda::bundle::{Code, DependencyInstaller, Environment, Machine, OwnFiles, Sources};
use securelambda::engine::{self, CancellationToken, Graph, Plan, Refresh};
use securelambda::scope::Scope;
use securelambda::spec::{self, Stack};
use securelambda::state::{State, StateId};
use securelambda::topology;
use size::{PublishedRates, Size, minimum_time, throttled, time_in_calls};

const SIZE: Size = Size { routes: 100, functions: 20, pools: 10 };
const TIME_SCALE: f64 = 0.2;
const AT_MOST: Duration = Duration::from_millis(50);

/// Parses, packs, builds the graph and compares it with an unknown account.
fn pure(user: &User) -> Duration {
    let text = SIZE.stack_file();
    let scope = Scope {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "eu-central-1".into(),
        stack: "size".into(),
        ..Scope::default()
    };
    let Scope { stack, account, region, .. } = scope.clone();
    let state = State::new(&StateId { stack, account, region }, None);
    let sources = Sources::Folder { root: user.folder.path().to_owned(), own: OwnFiles::default() };
    let environment = Environment::new(std::env::vars_os());
    let cache = Some(user.folder.path().join("cache"));
    let installer = DependencyInstaller { cache, machine: Machine::Lambda, environment, note: &|_| {} };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pack = |stack: &Stack| {
        let code = Code::find(stack, &sources, "2026-11-29").unwrap();
        runtime.block_on(code.pack(&installer)).unwrap()
    };
    // Pack once before the measurement, because Node.js parses code that is packed for the first time.
    pack(&spec::parse(&text).unwrap());
    let began = Instant::now();
    let stack = spec::parse(&text).unwrap();
    let bundles = pack(&stack);
    let graph = topology::desired(&stack, &scope, None, &bundles, &topology::SecretValues::default(), None);
    let graphed = began.elapsed();
    let unread = unread(&graph, &scope, &state);
    let began = Instant::now();
    let plan = Plan::new(&graph, &unread, &state);
    assert!(plan.changes.len() > 200, "{}", plan.changes.len());
    graphed + began.elapsed()
}

/// A refresh in which AWS refused every read.
fn unread(graph: &Graph, scope: &Scope, state: &State) -> Refresh {
    let http = infallible_client_fn(|_: hyper::Request<_>| hyper::Response::builder().status(400).body("").unwrap());
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "benchmark");
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(scope.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http)
        .build();
    let registry = aws::registry(&Clients::new(sdk, scope.clone()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(engine::refresh(graph, &registry, state, &CancellationToken::never())).unwrap()
}

fn main() -> ExitCode {
    // `cargo test` runs benches too, with `--test`. This one only measures, so it does nothing then.
    if std::env::args().any(|arg| arg == "--test") {
        return ExitCode::SUCCESS;
    }
    println!("{SIZE:?}");
    let rates = Proxy::with_faults(&emulator::endpoint(), Duration::ZERO, Arc::new(PublishedRates::new(TIME_SCALE)));
    let user = User::of(&emulator::account(), &rates.endpoint).with("SECURELAMBDA_TIME_SCALE", &TIME_SCALE.to_string());
    SIZE.write(&user);

    let mut times: Vec<Duration> = (0..21).map(|_| pure(&user)).collect();
    times.sort();
    let pure = times[times.len() / 2];
    println!(
        "plan without AWS calls: median {:.1} ms of {} runs (limit {} ms)",
        ms(pure),
        times.len(),
        AT_MOST.as_millis()
    );

    let began = Instant::now();
    user.run(&["up", "--yes", "--quiet"]).ends(0);
    let (took, calls) = (began.elapsed(), rates.take());
    let (least, throttled) = (minimum_time(&calls, TIME_SCALE), throttled(&calls));
    println!(
        "up: {:.1} s for {} calls, {throttled} of them refused; AWS's rates alone require {:.1} s (at a time scale of {TIME_SCALE})",
        took.as_secs_f64(),
        calls.len(),
        least.as_secs_f64()
    );

    let free =
        Proxy::with_faults(&emulator::endpoint(), Duration::ZERO, Arc::new(|_: &AwsRequest| CallOutcome::Passed));
    let user = user.with("AWS_ENDPOINT_URL", &free.endpoint).with("SECURELAMBDA_TIME_SCALE", "0.0001");
    let began = Instant::now();
    user.run(&["plan", "--quiet"]).ends(0);
    let (whole, calls) = (began.elapsed(), free.take());
    println!(
        "plan, the whole program: {:.0} ms, of which {:.0} ms while none of its {} calls waited for an answer",
        ms(whole),
        ms(whole.saturating_sub(time_in_calls(&calls))),
        calls.len()
    );
    user.run(&["down", "--yes", "--quiet"]).ends(0);

    let fast = cfg!(debug_assertions) || pure < AT_MOST;
    // Allow for waits and for the emulator's own time.
    let kept = fast && throttled == 0 && took < least.mul_f64(1.5) + Duration::from_secs(3);
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
