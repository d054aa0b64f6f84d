//! Functions: that their runtimes are looked after, that all is in one place, that messages arrive, that the throttle
//! is on.

use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt, stream};

use super::claim::{Claim, Finding};
use super::guests::marker;
use super::judge::body_refused;
use super::run::{Scene, Unit};
use super::target::Target;
use super::{Check, Layer, Verdict, sample, settings};
use crate::aws::logs::Logs;
use crate::engine::Drift;
use crate::outputs::Outputs;
use crate::probe::Request;
use crate::stack::{Api, ApiIds, deprecated_on};

/// How long a message may take from a call to the log of the function behind the topic; how often it is looked for.
const ARRIVES_IN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// A rate limit above this is not tried: it would take too many requests.
const POLITE_RATE: u32 = 200;

/// Requests that a burst has at most, and how many of them at once.
const BURST_AT_MOST: u32 = 500;
const BURST_AT_ONCE: usize = 64;

pub(super) fn units<'a>(scene: &'a Scene<'a>) -> Vec<Unit<'a>> {
    vec![async { runtimes(scene) }.boxed(), async { vec![one_place(scene)] }.boxed()]
}

fn runtimes(scene: &Scene<'_>) -> Vec<Check> {
    let check = |(name, function): (&String, &crate::stack::Function)| {
        let drift = settings::drift(scene.subject.seen, &format!("function.{name}"));
        let live = drift.and_then(|drift| drift.iter().find(|drift| drift.field == "Runtime"));
        let runtime = live.map_or(&function.runtime, |drift| &drift.live);
        Claim::new(Layer::Functions, name, "its runtime is supported")
            .sent("GetFunctionConfiguration")
            .expects(format!("a runtime that is patched beyond {}", scene.subject.today))
            .known(supported(runtime, scene.subject.today))
    };
    scene.subject.stack.functions.iter().map(check).collect()
}

/// Pure. Days are compared as text, which their form allows.
fn supported(runtime: &str, today: &str) -> Finding {
    let runtime = runtime.trim_matches('"');
    match deprecated_on(runtime) {
        Some(day) => Finding::pass_if(today < day, format!("{runtime}, patched until {day}")),
        None => Finding::fail(format!("{runtime}, which is not among the supported ones")),
    }
}

fn one_place(scene: &Scene<'_>) -> Check {
    let outputs = scene.subject.outputs;
    Claim::new(Layer::Functions, "stack", "everything is in one account and one region")
        .sent("every ARN of the stack")
        .expects(format!("{} in {}", outputs.account, outputs.region))
        .known(in_one_place(outputs))
}

/// Pure.
fn in_one_place(outputs: &Outputs) -> Finding {
    let pools = outputs.pools.values().map(|pool| &pool.arn);
    let functions = outputs.functions.values().flat_map(|function| [&function.arn, &function.role_arn]);
    let callers = outputs.identity_pools.values().map(|pool| &pool.role_arn);
    let others = outputs.topics.values().chain(outputs.secrets.values()).map(|at| &at.arn);
    let firewall = outputs.firewall.iter().flat_map(|firewall| [&firewall.web_acl_arn, &firewall.ip_set_arn]);
    let arns: Vec<&String> = pools.chain(functions).chain(callers).chain(others).chain(firewall).collect();
    let elsewhere = |arn: &&&String| {
        let mut parts = arn.split(':').skip(3);
        let (region, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        // IAM is in no region.
        account != outputs.account || !(region == outputs.region || region.is_empty())
    };
    let strays: Vec<&str> = arns.iter().filter(elsewhere).map(|arn| arn.as_str()).collect();
    if strays.is_empty() {
        Finding::pass(format!("all of {} ARNs", arns.len()))
    } else {
        Finding::fail(format!("elsewhere: {}", strays.join(", ")))
    }
}

/// A call that was made with a token that passes.
pub(super) struct Call<'a> {
    pub target: Target<'a>,
    /// What came of it.
    pub finding: Finding,
    /// What can be looked for in a log, if the body had room for it.
    pub marker: Option<String>,
    /// When it was made.
    pub since_unix_ms: i64,
}

/// That the message of a call gets to every function behind the topics that the called one publishes to.
pub(super) async fn messages(scene: &Scene<'_>, call: &Call<'_>) -> Vec<Check> {
    let functions = &scene.subject.stack.functions;
    let topics = functions.get(&call.target.route.function).map(|function| &function.publishes);
    let behind = functions.iter().filter(|(_, function)| {
        let trigger = function.trigger.as_ref();
        trigger.is_some_and(|trigger| topics.is_some_and(|topics| topics.contains(trigger)))
    });
    let checks = behind.map(|(name, _)| async move {
        let claim =
            Claim::new(Layer::Functions, name, format!("the message of a call to {} arrives", call.target.subject()));
        let claim = claim.sent("a call with a random name; FilterLogEvents").expects("the name in the function's log");
        claim.by(arrives(scene, call, name)).await
    });
    futures_util::future::join_all(checks).await
}

async fn arrives(scene: &Scene<'_>, call: &Call<'_>, name: &str) -> Finding {
    match call.finding.verdict {
        Verdict::Pass => {}
        Verdict::Fail => return Finding::fail(format!("the call itself failed: {}", call.finding.received)),
        Verdict::NotApplicable => return call.finding.clone(),
    }
    let Some(marker) = &call.marker else {
        return Finding::not_applicable("the route's body has no room for a name to look for");
    };
    let Some(function) = scene.subject.outputs.functions.get(name) else {
        return Finding::fail("the function is not there");
    };
    let logs = Logs::new(scene.subject.clients);
    // Clocks differ, which the name makes up for; anything else may be of another call.
    let since = |slack| call.since_unix_ms.saturating_sub(slack);
    let (began, patience) = (Instant::now(), scene.tempo.of(ARRIVES_IN));
    loop {
        match logs.any(&function.log_group, Some(marker), since(60_000)).await {
            Ok(true) => return Finding::pass("the name in the function's log"),
            Ok(false) if began.elapsed() < patience => tokio::time::sleep(LOOK_EVERY).await,
            Ok(false) => {
                let ran = logs.any(&function.log_group, None, since(0)).await;
                return ran.map_or_else(|failure| Finding::fail(failure.message), not_arrived);
            }
            Err(failure) => return Finding::fail(failure.message),
        }
    }
}

/// Pure: what it means that a message does not show up, by whether the function has logged anything since the call.
fn not_arrived(logged: bool) -> Finding {
    let seconds = ARRIVES_IN.as_secs();
    if logged {
        Finding::not_applicable(format!("the function has run, and its log did not show the name within {seconds} s"))
    } else {
        Finding::fail(format!("nothing in the function's log within {seconds} s"))
    }
}

/// What came of sending more than the stage lets through.
#[derive(Debug, Clone, Copy, Default)]
struct Burst {
    answered: u32,
    throttled: bool,
    took: Duration,
}

/// That a burst over the limit of an API's stage is refused. Its requests have a body that breaks the model, so that they
/// reach no function.
pub(super) async fn burst(scene: &Scene<'_>, (name, api): (Option<&str>, &Api)) -> Check {
    let (rate, at_once) = (api.rate_limit, api.burst_limit);
    let stage = ApiIds(name).of("stage", &api.stage);
    let claim = Claim::new(Layer::Functions, format!("stage {}", stage.parts().1), "a burst over the limit is refused");
    let claim = claim.expects("429 Too Many Requests");
    if rate > POLITE_RATE {
        let why = format!("the limit of {rate} requests a second is too high to be reached politely");
        return claim.known(Finding::not_applicable(why));
    }
    let most = rate.saturating_add(at_once).saturating_mul(3).min(BURST_AT_MOST);
    let found = Target::all((name, api)).find_map(|target| {
        let body = sample::breaking(&scene.schema(target.route)?, &marker())?;
        Some((target, scene.url(target)?, body))
    });
    let Some((target, url, body)) = found else {
        let why = "no route checks its body at the gateway, so that a burst would reach the functions";
        return claim.known(Finding::not_applicable(why));
    };
    let claim = claim.sent(format!("up to {most} times {} with a body that breaks the model", target.subject()));
    let token = match scene.own_tokens(target.route) {
        Ok(tokens) => tokens.map(|tokens| &tokens.id),
        Err(finding) => return claim.known(finding),
    };
    let request = Request { method: target.method(), url: &url, token, body: Some(&body) };
    // The first one tells whether the others would reach the function.
    let first = scene.prober.ask(&request).await.map(|answer| body_refused(&answer, scene.gate(target)));
    match first {
        Ok(Finding { verdict: Verdict::Pass, .. }) => {}
        Ok(Finding { received, .. }) => {
            let why = format!("such a body got {received}, so that a burst of them might reach the function");
            return claim.known(Finding::not_applicable(why));
        }
        Err(finding) => return claim.known(finding),
    }
    let throttle = settings::drift(scene.subject.seen, stage.as_str());
    claim.by(async { throttles(send(scene, &request, most).await, api, throttle, scene.at_aws()) }).await
}

async fn send(scene: &Scene<'_>, request: &Request<'_>, most: u32) -> Burst {
    let began = Instant::now();
    let requests = stream::iter(0..most).map(|_| scene.prober.ask_once(request));
    let mut answers = requests.buffer_unordered(BURST_AT_ONCE);
    let mut burst = Burst::default();
    while let Some(answer) = answers.next().await {
        burst.answered += u32::from(answer.is_ok());
        burst.throttled = answer.is_ok_and(|answer| answer.status == 429);
        burst.took = began.elapsed();
        if burst.throttled {
            break;
        }
    }
    burst
}

/// Pure: from what came of the burst, and what has drifted of the stage.
fn throttles(burst: Burst, api: &Api, stage: Option<&[Drift]>, at_aws: bool) -> Finding {
    let Burst { answered, throttled, took } = burst;
    let seconds = took.as_secs_f64();
    let words = format!("{answered} requests answered in {seconds:.1} s");
    if throttled {
        return Finding::pass(format!("429 among {words}"));
    }
    let as_written = stage.is_some_and(<[Drift]>::is_empty);
    let allowed = f64::from(api.burst_limit) + f64::from(api.rate_limit) * seconds;
    if as_written && answered > 0 && f64::from(answered) <= allowed {
        return Finding::not_applicable(format!(
            "{words}, which the limit allows: no faster burst can be made from here"
        ));
    }
    if as_written && answered > 0 && !at_aws {
        return Finding::not_applicable(format!(
            "{words}, none with 429: this endpoint does not throttle, though it is set to"
        ));
    }
    Finding::fail(format!("{words}, none with 429"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs::Arn;
    use crate::verify::Verdict::{Fail, NotApplicable, Pass};

    #[test]
    fn a_runtime_is_supported_until_its_day() {
        assert_eq!(supported("nodejs24.x", "2026-11-28").verdict, Pass);
        assert_eq!(supported("nodejs24.x", "2028-04-30").verdict, Fail);
        assert_eq!(supported("nodejs18.x", "2026-11-28").verdict, Fail);
    }

    #[test]
    fn an_arn_of_elsewhere_fails() {
        let outputs = |arn: &str| Outputs {
            schema_version: 1,
            stack: "demo".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            api: None,
            apis: [].into(),
            identity_pools: [].into(),
            pools: [].into(),
            functions: [].into(),
            topics: [("t".to_owned(), Arn { arn: arn.into() })].into(),
            secrets: [].into(),
            firewall: None,
        };
        for (arn, verdict) in [
            ("arn:aws:sns:eu-central-1:123456789012:t", Pass),
            ("arn:aws:iam::123456789012:role/t", Pass),
            ("arn:aws:sns:eu-west-1:123456789012:t", Fail),
            ("arn:aws:sns:eu-central-1:999999999999:t", Fail),
            ("t", Fail),
        ] {
            assert_eq!(in_one_place(&outputs(arn)).verdict, verdict, "{arn}");
        }
    }

    #[test]
    fn a_message_that_leaves_no_trace_did_not_arrive() {
        assert_eq!(not_arrived(false).verdict, Fail);
        assert_eq!(not_arrived(true).verdict, NotApplicable);
    }

    #[test]
    fn a_burst_must_be_refused() {
        let api = Api {
            kind: crate::stack::ApiKind::Rest,
            stage: "s".into(),
            rate_limit: 50,
            burst_limit: 50,
            routes: vec![],
        };
        let burst = |answered, throttled, seconds| Burst { answered, throttled, took: Duration::from_secs(seconds) };
        let lifted = [Drift::weakening("rate limit", 50, 10000)];
        let verdict = |burst, drift, at_aws| throttles(burst, &api, drift, at_aws).verdict;
        assert_eq!(verdict(burst(90, true, 1), Some(&[]), true), Pass);
        assert_eq!(verdict(burst(300, false, 1), Some(&[]), true), Fail);
        assert_eq!(
            verdict(burst(300, false, 1), Some(&[]), false),
            NotApplicable,
            "an emulator that does not throttle"
        );
        assert_eq!(verdict(burst(300, false, 9), Some(&[]), true), NotApplicable, "too slow to tell");
        assert_eq!(verdict(burst(300, false, 9), Some(&lifted), false), Fail);
        assert_eq!(verdict(burst(300, false, 1), None, false), Fail);
        assert_eq!(verdict(burst(0, false, 1), Some(&[]), false), Fail, "nobody answered");
    }
}
