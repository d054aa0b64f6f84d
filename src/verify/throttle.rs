//! Checks that API Gateway throttles a burst of requests above the limits of a route.
//!
//! AWS applies the limits for each method on a best-effort basis, and a new limit takes seconds to take effect.
//! Therefore a 429 answer proves the throttle, and its absence alone proves nothing: see docs/aws.md, API Gateway, REST
//! APIs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use super::check_spec::{CheckResult, CheckSpec};
use super::classify::body_refused;
use super::context::VerifyContext;
use super::target::Target;
use super::test_users::marker;
use super::{Check, Layer, Verdict, evidence, sample, settings};
use crate::engine::Drift;
use crate::meaning::OfGateway;
use crate::probe::{Answer, Body, Request};
use crate::spec::{Api, ApiKind};
use crate::topology::ids::ApiIds;

/// Higher rate limits are not tested, because that would take too many requests.
const MAX_TESTED_RATE: u32 = 200;

/// The maximum number of requests of a burst, and of parallel ones.
const BURST_AT_MOST: u32 = 500;
const BURST_AT_ONCE: usize = 64;

/// The pauses before the second and the third burst.
const PAUSES: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(15)];

/// The result of sending requests above a limit.
#[derive(Debug, Clone, Copy, Default)]
struct Burst {
    /// The number of answers.
    answered: u32,
    /// The number of answers with status 429.
    throttled: u32,
    /// The time until the first of these answers.
    first: Duration,
    took: Duration,
}

impl Burst {
    /// Whether there were more answers than the limits allow in this time.
    fn exceeds(&self, api: &Api) -> bool {
        let allowed = f64::from(api.burst_limit) + f64::from(api.rate_limit) * self.took.as_secs_f64();
        f64::from(self.answered) > allowed
    }
}

/// The limits of the live stage.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Limits {
    /// They match the stack file.
    Match,
    /// The differences as text.
    Other(String),
    /// They could not be read.
    Unread,
}

/// Checks the throttle of an API with a burst of requests to one route. Their body violates the model, so that they do
/// not reach the function.
pub(super) async fn burst(context: &VerifyContext<'_>, (name, api): (Option<&str>, &Api)) -> Check {
    let stage = ApiIds(name).stage(&api.stage);
    let subject = format!("stage {}", stage.parts().1);
    let claim = CheckSpec::new(Layer::Functions, subject, "a burst above a route's limit is throttled");
    let claim = claim.expects("429 Too Many Requests for some requests");
    let most = api.rate_limit.saturating_add(api.burst_limit).saturating_mul(3).min(BURST_AT_MOST);
    if api.kind == ApiKind::Http && !context.at_aws() {
        return claim.known(CheckResult::not_tried("this endpoint does not throttle HTTP APIs"));
    }
    let bursts = match affordable(context, api, most) {
        Ok(bursts) => bursts,
        Err(why) => return claim.known(CheckResult::not_tried(why)),
    };
    let found = Target::all((name, api)).find_map(|target| {
        let body = sample::breaking(&context.schema(target.route)?, &marker())?;
        Some((target, context.url(target).ok()?, body))
    });
    let Some((target, url, body)) = found else {
        let why = "the gateway checks no route's body, so a burst would reach the functions";
        return claim.known(CheckResult::not_tried(why));
    };
    let token = match context.own_tokens(target.route) {
        Ok(tokens) => tokens.map(|tokens| &tokens.id),
        Err(result) => return claim.known(result),
    };
    let request = Request { method: target.method(), url: &url, token, body: Some(Body::json(&body)) };
    let words = token.map_or("no Authorization header", |_| "authorization: an ID token of the route's pool");
    let claim = claim.sent(format!("up to {most} requests: {}", evidence::sent(&request, words)));
    // The first request shows whether the others would reach the function.
    let first = context.prober.ask(&request).await.map(|answer| body_refused(&answer, context.destination(target)));
    match first {
        Ok(CheckResult { verdict: Verdict::Pass, .. }) => {}
        Ok(CheckResult { received, .. }) => {
            let why = format!("a request with such a body got {received}, so a burst might reach the function");
            return claim.known(CheckResult::not_tried(why));
        }
        Err(result) => return claim.known(result),
    }
    let limits = limits(settings::drift(context.subject.seen, stage.as_str()).as_deref());
    claim
        .by(async {
            let made = bursts_until_throttled(context, &request, api, &limits, (bursts, most)).await;
            classify(&made, api, &limits, context.at_aws())
        })
        .await
}

/// How many bursts of this size can be sent, or the reason why none can.
fn affordable(context: &VerifyContext<'_>, api: &Api, most: u32) -> Result<usize, String> {
    if api.rate_limit > MAX_TESTED_RATE {
        return Err(format!("the limit of {} requests per second is too high to be tested", api.rate_limit));
    }
    // The firewall counts the requests of this machine. If it blocked the machine, the next proof would fail too.
    let per_ip = context.subject.stack.firewall.as_ref().and_then(|firewall| firewall.rate_per_ip);
    match per_ip {
        Some(limit) => match usize::try_from(limit / 2 / most.max(1)).unwrap_or(usize::MAX) {
            0 => Err(format!(
                "the firewall blocks an address that sends more than {limit} requests in 5 minutes, so a burst of \
                 {most} could block this machine"
            )),
            bursts => Ok(bursts.min(PAUSES.len() + 1)),
        },
        None => Ok(PAUSES.len() + 1),
    }
}

/// `drift`: the differences of the stage; `None` if it could not be read.
fn limits(drift: Option<&[Drift]>) -> Limits {
    let Some(drift) = drift else { return Limits::Unread };
    // A route's own settings are one setting, whose value contains its limits.
    let is_limit = |drift: &&Drift| format!("{} {}", drift.field, drift.live).to_lowercase().contains("throttling");
    let words: Vec<String> = drift
        .iter()
        .filter(is_limit)
        .map(|Drift { field, want, live, .. }| format!("{field} is {live}, wanted {want}"))
        .collect();
    if words.is_empty() { Limits::Match } else { Limits::Other(words.join("; ")) }
}

/// Sends bursts until one is throttled or another one cannot give a new result.
async fn bursts_until_throttled(
    context: &VerifyContext<'_>,
    request: &Request<'_>,
    api: &Api,
    limits: &Limits,
    (bursts, most): (usize, u32),
) -> Vec<Burst> {
    let mut made = vec![send(context, request, most).await];
    for pause in PAUSES.into_iter().take(bursts.saturating_sub(1)) {
        let useful = made.last().is_some_and(|last| last.throttled == 0 && last.exceeds(api));
        if !useful || *limits != Limits::Match {
            break;
        }
        let seconds = pause.as_secs();
        (context.subject.tell)(&format!(
            "No request of a burst was throttled yet; another burst follows in {seconds} s …"
        ));
        tokio::time::sleep(context.time_scale.of(pause)).await;
        made.push(send(context, request, most).await);
    }
    made
}

/// Sends requests until one is throttled, and waits for the answers of those already sent.
async fn send(context: &VerifyContext<'_>, request: &Request<'_>, most: u32) -> Burst {
    let began = Instant::now();
    let throttled = AtomicBool::new(false);
    let ask = |_| async {
        if throttled.load(Ordering::Relaxed) { None } else { context.prober.ask_once(request).await.ok() }
    };
    let mut answers = stream::iter(0..most).map(ask).buffer_unordered(BURST_AT_ONCE);
    let mut burst = Burst::default();
    while let Some(answer) = answers.next().await {
        let Some(answer) = answer else { continue };
        burst.answered += 1;
        burst.took = began.elapsed();
        if is_throttled(&answer) {
            if burst.throttled == 0 {
                burst.first = burst.took;
            }
            burst.throttled += 1;
            throttled.store(true, Ordering::Relaxed);
        }
    }
    burst
}

/// Whether API Gateway answered 429. A function that counts requests may answer 429 too.
fn is_throttled(answer: &Answer) -> bool {
    answer.status == 429 && OfGateway::read(answer).is_some()
}

fn classify(bursts: &[Burst], api: &Api, limits: &Limits, at_aws: bool) -> CheckResult {
    let answered: u32 = bursts.iter().map(|burst| burst.answered).sum();
    let times = if bursts.len() == 1 { String::new() } else { format!(" of {} bursts", bursts.len()) };
    if let Some(hit) = bursts.iter().find(|burst| burst.throttled > 0) {
        let (throttled, seconds) = (hit.throttled, hit.first.as_secs_f64());
        return CheckResult::pass(format!(
            "429 for {throttled} of {answered} requests{times}, first after {seconds:.1} s"
        ));
    }
    let took: Duration = bursts.iter().map(|burst| burst.took).sum();
    let none = format!("no 429 for {answered} requests{times} in {:.1} s", took.as_secs_f64());
    match limits {
        Limits::Unread => {
            return CheckResult::not_tried(format!("{none}, and the stage does not exist or could not be read"));
        }
        Limits::Other(words) => {
            return CheckResult::fail(format!("{none}, and the limits differ from the stack file: {words}"));
        }
        Limits::Match if answered == 0 => return CheckResult::fail("no request of the burst was answered"),
        Limits::Match => {}
    }
    let why = if !bursts.iter().any(|burst| burst.exceeds(api)) {
        "which is within the limits, and this machine cannot send faster"
    } else if at_aws {
        "although the limits are set: AWS applies them on a best-effort basis"
    } else {
        "although the limits are set: this endpoint does not apply them"
    };
    CheckResult::not_tried(format!("{none}, {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{apigateway, apigatewayv2};
    use crate::engine::Resource;
    use crate::verify::Verdict::{Fail, NotTried, Pass};

    fn api() -> Api {
        let text = "[functions.F]\nsource = \"f\"\n[api]\nstage = \"s\"\nrate_limit = 50\nburst_limit = 50\n\
                    [[api.routes]]\nroute = \"GET /a\"\nfunction = \"F\"\nauth = \"none\"\n";
        crate::spec::parse(text).expect("a stack").api.expect("an API")
    }

    fn sent(answered: u32, throttled: u32, seconds: u64) -> Burst {
        let took = Duration::from_secs(seconds);
        Burst { answered, throttled, first: took, took }
    }

    #[test]
    fn a_429_passes_and_its_absence_is_not_tried_if_the_limits_are_set() {
        let verdict = |bursts: &[Burst], limits: &Limits, at_aws| classify(bursts, &api(), limits, at_aws).verdict;
        let lifted = Limits::Other("methodSettings.*/*.throttlingRateLimit is 10000, wanted 50".into());
        for (bursts, limits, at_aws, expected) in [
            (vec![sent(90, 3, 1)], Limits::Match, true, Pass),
            (vec![sent(300, 0, 1), sent(300, 0, 1), sent(90, 1, 1)], Limits::Match, true, Pass),
            // AWS throttles on a best-effort basis.
            (vec![sent(300, 0, 1); 3], Limits::Match, true, NotTried),
            (vec![sent(300, 0, 1); 3], Limits::Match, false, NotTried),
            // Too slow to exceed the limits.
            (vec![sent(300, 0, 9)], Limits::Match, true, NotTried),
            (vec![sent(300, 0, 1)], lifted.clone(), true, Fail),
            (vec![sent(300, 0, 9)], lifted.clone(), true, Fail),
            (vec![sent(300, 0, 1)], lifted, false, Fail),
            (vec![sent(300, 0, 1)], Limits::Unread, true, NotTried),
            // No request was answered.
            (vec![sent(0, 0, 1)], Limits::Match, true, Fail),
        ] {
            assert_eq!(verdict(&bursts, &limits, at_aws), expected, "{bursts:?} {limits:?} {at_aws}");
        }
    }

    #[test]
    fn the_result_says_how_many_requests_were_throttled_and_when() {
        let received = |bursts: &[Burst], at_aws| classify(bursts, &api(), &Limits::Match, at_aws).received;
        assert_eq!(received(&[sent(90, 3, 1)], true), "429 for 3 of 90 requests, first after 1.0 s");
        let none = received(&[sent(300, 0, 1); 3], true);
        assert!(none.starts_with("no 429 for 900 requests of 3 bursts in 3.0 s"), "{none}");
        assert!(none.contains("best-effort") && none.contains("the limits are set"), "{none}");
        assert!(!received(&[sent(300, 0, 1); 3], false).contains("AWS"));
    }

    #[test]
    fn a_429_of_a_function_does_not_count() {
        let answer = |headers: &[(&str, &str)]| Answer {
            status: 429,
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: r#"{"message":"Too Many Requests"}"#.into(),
        };
        assert!(is_throttled(&answer(&[("x-amzn-errortype", "TooManyRequestsException")])));
        assert!(!is_throttled(&answer(&[])));
    }

    /// The names of the fields come from the stages. `limits` must recognise the limits of both kinds of stage.
    #[test]
    fn changed_limits_of_both_kinds_of_stage_are_recognised() {
        let rest = apigateway::Stage {
            id: "stage.s".into(),
            api_id: "a".into(),
            name: "s".into(),
            deployment_id: None,
            rate_limit: 50.0,
            burst_limit: 50,
            access_log: None,
            execution_log: crate::choices::ExecutionLog::Off,
            account: "123456789012".into(),
            tracing: false,
        };
        let setting = |rate, burst| apigateway::LiveSetting { rate, burst, ..Default::default() };
        let live = |settings: &[(&str, apigateway::LiveSetting)]| apigateway::LiveStage {
            settings: settings.iter().map(|(key, setting)| ((*key).to_owned(), setting.clone())).collect(),
            ..Default::default()
        };
        let right = ("*/*", setting(50.0, 50));
        assert_eq!(limits(Some(&rest.drift(&live(std::slice::from_ref(&right))))), Limits::Match);
        for settings in [
            vec![],
            vec![("*/*", setting(10_000.0, 50))],
            vec![("*/*", setting(50.0, 5000))],
            vec![right.clone(), ("~1x/GET", setting(10_000.0, 50))],
        ] {
            assert!(matches!(limits(Some(&rest.drift(&live(&settings)))), Limits::Other(_)), "{settings:?}");
        }
        // Other differences do not matter.
        let canary = apigateway::LiveStage { canary_percent: Some(10.0), ..live(&[right]) };
        assert_eq!(limits(Some(&rest.drift(&canary))), Limits::Match);

        let http = apigatewayv2::HttpStage {
            id: "stage.s".into(),
            api_id: "a".into(),
            name: "s".into(),
            rate_limit: 50.0,
            burst_limit: 50,
            log_group_arn: "arn".into(),
        };
        let lifted = apigatewayv2::LiveHttpStage { rate: Some(10_000.0), burst: Some(50), ..Default::default() };
        assert!(matches!(limits(Some(&http.drift(&lifted))), Limits::Other(_)));
        let route = ("GET /x".to_owned(), Some(900.0), None);
        let lifted = apigatewayv2::LiveHttpStage {
            rate: Some(50.0),
            burst: Some(50),
            routes: vec![route],
            ..Default::default()
        };
        assert!(matches!(limits(Some(&http.drift(&lifted))), Limits::Other(_)));
        let quiet = apigatewayv2::LiveHttpStage { rate: Some(50.0), burst: Some(50), ..Default::default() };
        assert_eq!(
            limits(Some(&http.drift(&quiet))),
            Limits::Match,
            "differences of its log and its deployments do not matter"
        );
        assert_eq!(limits(None), Limits::Unread);
    }
}
