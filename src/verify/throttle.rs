//! Checks that API Gateway throttles a burst of requests above the limits of a route.
//!
//! AWS applies the limits for each method on a best-effort basis, and a new limit takes seconds to take effect.
//! Therefore a 429 answer proves the throttle, and its absence alone proves nothing: see docs/aws.md, API Gateway, REST
//! APIs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use super::authorization::ask;
use super::bodies::credential;
use super::check_spec::{CheckResult, CheckSpec};
use super::classify::{accepted_by, body_refused};
use super::context::VerifyContext;
use super::target::Target;
use super::test_users::marker;
use super::{Check, Layer, Verdict, evidence, sample, settings};
use crate::engine::Drift;
use crate::meaning::OfGateway;
use crate::probe::{Answer, Body, Request};
use crate::secret::SecretValue;
use crate::spec::{Api, ApiKind, Limits as RouteLimits, RouteTarget};
use crate::topology::ids::ApiIds;

/// Higher rate limits are not tested, because that would take too many requests.
const MAX_TESTED_RATE: u32 = 200;

/// The maximum number of requests of a burst, and of parallel requests.
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
    /// The time until the first answer with status 429.
    first: Duration,
    took: Duration,
}

impl Burst {
    /// Whether there were more answers than the limits allow in this time.
    fn exceeds(&self, allows: RouteLimits) -> bool {
        let allowed = f64::from(allows.burst) + f64::from(allows.rate) * self.took.as_secs_f64();
        f64::from(self.answered) > allowed
    }
}

/// The limits of the live stage.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Limits {
    /// The limits match the stack file.
    Match,
    /// The differences as text.
    Other(String),
    /// The limits could not be read.
    Unread,
}

/// Checks the throttle of an API with a burst of requests to one route. Their body violates the model, so that they do
/// not reach the function, or the route has a fixed answer.
pub(super) async fn burst(context: &VerifyContext<'_>, (name, api): (Option<&str>, &Api)) -> Check {
    let stage = ApiIds(name).stage(&api.stage);
    let subject = format!("stage {}", stage.parts().1);
    let claim = CheckSpec::new(Layer::Functions, subject, "a burst above a route's limit is throttled");
    let claim = claim.expects("429 Too Many Requests for some requests");
    // A burst with an API key would use up the key's quota.
    let targets = || Target::all((name, api)).filter(|target| !target.route.key && context.path_url(*target).is_ok());
    let refused = targets().find_map(|target| {
        let body = sample::breaking(&context.schema(target.route)?, &marker())?;
        Some((target, Some(body)))
    });
    // A burst to a route with a fixed answer reaches no function either.
    let is_fixed = |target: &Target<'_>| matches!(target.route.target, RouteTarget::Mock { .. });
    let found = refused.or_else(|| targets().find(is_fixed).map(|target| (target, None)));
    let api_wide = RouteLimits { rate: api.rate_limit, burst: api.burst_limit };
    let allows = found.as_ref().map_or(api_wide, |(target, ..)| api.limits(target.route));
    let most = allows.rate.saturating_add(allows.burst).saturating_mul(3).min(BURST_AT_MOST);
    if api.kind == ApiKind::Http && !context.at_aws() {
        return claim.known(CheckResult::not_tried("this endpoint does not throttle HTTP APIs"));
    }
    let bursts = match affordable(context, allows, most) {
        Ok(bursts) => bursts,
        Err(why) => return claim.known(CheckResult::not_tried(why)),
    };
    let Some((target, body)) = found else {
        let why = "the gateway checks no route's body, so a burst would reach the functions";
        return claim.known(CheckResult::not_tried(why));
    };
    let own = context.own_caller(target.route);
    let (own, url) = match own.and_then(|own| Ok((own, context.url_of(target, &own)?))) {
        Ok(found) => found,
        Err(result) => return claim.known(result),
    };
    let body = body.as_deref().map(Body::json);
    let request = Request { method: target.method(), url: &url, token: own.token, body };
    let claim = claim.sent(format!("up to {most} requests: {}", evidence::sent(&request, &credential(target))));
    // The first request shows whether the others would reach the function.
    let first = ask(context, target, &own, body).await.map(|answer| match body {
        Some(_) => body_refused(&answer, context.destination(target)),
        None => accepted_by(&answer, context.destination(target), target),
    });
    match first {
        Ok(CheckResult { verdict: Verdict::Pass, .. }) => {}
        Ok(CheckResult { received, .. }) => {
            let why = format!("such a request got {received}, so a burst might reach the function");
            return claim.known(CheckResult::not_tried(why));
        }
        Err(result) => return claim.known(result),
    }
    let limits = limits(live_limits(context, target, stage.as_str()).as_deref());
    claim
        .by(async {
            let request = (&request, own.headers);
            let made = bursts_until_throttled(context, request, allows, &limits, (bursts, most)).await;
            classify(&made, allows, &limits, context.at_aws())
        })
        .await
}

/// How many bursts of this size can be sent, or the reason why none can.
fn affordable(context: &VerifyContext<'_>, allows: RouteLimits, most: u32) -> Result<usize, String> {
    if allows.rate > MAX_TESTED_RATE {
        return Err(format!("the limit of {} requests per second is too high to be tested", allows.rate));
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

/// The differences of the stage, and of the route's own limits if it has any; `None` if they could not be read.
fn live_limits(context: &VerifyContext<'_>, target: Target<'_>, stage: &str) -> Option<Vec<Drift>> {
    let (ids, seen) = (ApiIds(target.name), context.subject.seen);
    let own = match (target.route.is_limited(), target.by_http()) {
        (false, _) => Some(Vec::new()),
        (true, false) => settings::drift(seen, ids.release().as_str()),
        (true, true) => settings::drift(seen, ids.http_route_limits().as_str()),
    };
    Some([settings::drift(seen, stage)?, own?].concat())
}

/// `drift`: the differences of the stage; `None` if it could not be read.
fn limits(drift: Option<&[Drift]>) -> Limits {
    let Some(drift) = drift else { return Limits::Unread };
    // A route's own settings are compared as one setting, whose value contains the route's limits.
    let is_limit =
        |drift: &&Drift| format!("{} {} {}", drift.field, drift.want, drift.live).to_lowercase().contains("throttling");
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
    request: (&Request<'_>, &[(String, SecretValue)]),
    allows: RouteLimits,
    limits: &Limits,
    (bursts, most): (usize, u32),
) -> Vec<Burst> {
    let mut made = vec![send(context, request, most).await];
    for pause in PAUSES.into_iter().take(bursts.saturating_sub(1)) {
        let useful = made.last().is_some_and(|last| last.throttled == 0 && last.exceeds(allows));
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
async fn send(
    context: &VerifyContext<'_>,
    (request, headers): (&Request<'_>, &[(String, SecretValue)]),
    most: u32,
) -> Burst {
    let began = Instant::now();
    let throttled = AtomicBool::new(false);
    let ask = |_| async {
        if throttled.load(Ordering::Relaxed) { None } else { context.prober.ask_once(request, headers).await.ok() }
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

fn classify(bursts: &[Burst], allows: RouteLimits, limits: &Limits, at_aws: bool) -> CheckResult {
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
    let why = if !bursts.iter().any(|burst| burst.exceeds(allows)) {
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

    const ALLOWS: RouteLimits = RouteLimits { rate: 50, burst: 50 };

    fn sent(answered: u32, throttled: u32, seconds: u64) -> Burst {
        let took = Duration::from_secs(seconds);
        Burst { answered, throttled, first: took, took }
    }

    #[test]
    fn a_429_passes_and_its_absence_is_not_tried_if_the_limits_are_set() {
        let verdict = |bursts: &[Burst], limits: &Limits, at_aws| classify(bursts, ALLOWS, limits, at_aws).verdict;
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
        let received = |bursts: &[Burst], at_aws| classify(bursts, ALLOWS, &Limits::Match, at_aws).received;
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
            limits: std::collections::BTreeMap::new(),
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
            limited: std::collections::BTreeSet::new(),
            log_group_arn: "arn".into(),
        };
        let lifted = apigatewayv2::LiveHttpStage { rate: Some(10_000.0), burst: Some(50), ..Default::default() };
        assert!(matches!(limits(Some(&http.drift(&lifted))), Limits::Other(_)));
        let own = apigatewayv2::LiveHttpRouteLimit { rate: Some(900.0), ..Default::default() };
        let lifted = apigatewayv2::LiveHttpStage {
            rate: Some(50.0),
            burst: Some(50),
            routes: [("GET /x".to_owned(), own)].into(),
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
