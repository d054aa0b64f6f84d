//! The throttle: that API Gateway refuses a burst over what one route lets through.
//!
//! AWS applies limits for each method, on a best-effort basis, as targets and not as ceilings; and one that was set a
//! moment ago may take seconds to hold. So a 429 proves the throttle, and its absence alone proves nothing: see
//! docs/aws.md, API Gateway, REST APIs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use super::check_spec::{CheckResult, CheckSpec};
use super::classify::{body_refused, is_of_gateway};
use super::context::VerifyContext;
use super::target::Target;
use super::test_users::marker;
use super::{Check, Layer, Verdict, sample, settings};
use crate::engine::Drift;
use crate::probe::{Answer, Body, Request};
use crate::spec::Api;
use crate::topology::ids::ApiIds;

/// A rate limit above this is not tried: it would take too many requests.
const POLITE_RATE: u32 = 200;

/// Requests that a burst has at most, and how many of them at once.
const BURST_AT_MOST: u32 = 500;
const BURST_AT_ONCE: usize = 64;

/// Before each further burst, where none was throttled before.
const PAUSES: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(15)];

/// What came of sending more than a route lets through.
#[derive(Debug, Clone, Copy, Default)]
struct Burst {
    /// Requests that were answered.
    answered: u32,
    /// Those of them that got 429.
    throttled: u32,
    /// When the first of these came back.
    first: Duration,
    took: Duration,
}

impl Burst {
    /// It was more than the limit lets through in its time.
    fn exceeds(&self, api: &Api) -> bool {
        let allowed = f64::from(api.burst_limit) + f64::from(api.rate_limit) * self.took.as_secs_f64();
        f64::from(self.answered) > allowed
    }
}

/// The stage's limits, as they were read back.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Limits {
    /// As the stack file has them.
    AsWritten,
    /// In words, what they are instead.
    Other(String),
    /// They could not be read.
    Unread,
}

/// That a burst over what a route of an API lets through is throttled. Its requests have a body that breaks the model, so
/// that they reach no function.
pub(super) async fn burst(scene: &VerifyContext<'_>, (name, api): (Option<&str>, &Api)) -> Check {
    let stage = ApiIds(name).stage(&api.stage);
    let subject = format!("stage {}", stage.parts().1);
    let claim = CheckSpec::new(Layer::Functions, subject, "a burst over a route's limit is throttled");
    let claim = claim.expects("429 Too Many Requests for some of it");
    let most = api.rate_limit.saturating_add(api.burst_limit).saturating_mul(3).min(BURST_AT_MOST);
    let bursts = match affordable(scene, api, most) {
        Ok(bursts) => bursts,
        Err(why) => return claim.known(CheckResult::not_applicable(why)),
    };
    let found = Target::all((name, api)).find_map(|target| {
        let body = sample::breaking(&scene.schema(target.route)?, &marker())?;
        Some((target, scene.url(target)?, body))
    });
    let Some((target, url, body)) = found else {
        let why = "no route checks its body at the gateway, so that a burst would reach the functions";
        return claim.known(CheckResult::not_applicable(why));
    };
    let claim = claim.sent(format!("up to {most} times {} with a body that breaks the model", target.subject()));
    let token = match scene.own_tokens(target.route) {
        Ok(tokens) => tokens.map(|tokens| &tokens.id),
        Err(finding) => return claim.known(finding),
    };
    let request = Request { method: target.method(), url: &url, token, body: Some(Body::json(&body)) };
    // The first one tells whether the others would reach the function.
    let first = scene.prober.ask(&request).await.map(|answer| body_refused(&answer, scene.gate(target)));
    match first {
        Ok(CheckResult { verdict: Verdict::Pass, .. }) => {}
        Ok(CheckResult { received, .. }) => {
            let why = format!("such a body got {received}, so that a burst of them might reach the function");
            return claim.known(CheckResult::not_applicable(why));
        }
        Err(finding) => return claim.known(finding),
    }
    let limits = limits(settings::drift(scene.subject.seen, stage.as_str()));
    claim
        .by(async {
            let made = bursts_until_throttled(scene, &request, api, &limits, (bursts, most)).await;
            judged(&made, api, &limits, scene.at_aws())
        })
        .await
}

/// Pure but for what the stack file says: how many bursts of this size can be sent; why none, if none can.
fn affordable(scene: &VerifyContext<'_>, api: &Api, most: u32) -> Result<usize, String> {
    if api.rate_limit > POLITE_RATE {
        return Err(format!("the limit of {} requests a second is too high to be reached politely", api.rate_limit));
    }
    // The firewall counts what this machine sends, and would lock it out: others' requests, and the next proof.
    let per_ip = scene.subject.stack.firewall.as_ref().and_then(|firewall| firewall.rate_per_ip);
    match per_ip {
        Some(limit) => match usize::try_from(limit / 2 / most.max(1)).unwrap_or(usize::MAX) {
            0 => Err(format!(
                "the firewall blocks an address that sends more than {limit} requests in 5 minutes, and a burst of {most} \
                 could lock this machine out"
            )),
            bursts => Ok(bursts.min(PAUSES.len() + 1)),
        },
        None => Ok(PAUSES.len() + 1),
    }
}

/// Pure: from what has drifted of the stage; `None` if it could not be read.
fn limits(drift: Option<&[Drift]>) -> Limits {
    let Some(drift) = drift else { return Limits::Unread };
    let is_limit = |drift: &&Drift| {
        let field = drift.field.to_lowercase();
        ["throttling", "methodsettings", "routesettings"].iter().any(|word| field.starts_with(word))
    };
    let words: Vec<String> = drift
        .iter()
        .filter(is_limit)
        .map(|Drift { field, want, live, .. }| format!("{field} is {live}, wanted {want}"))
        .collect();
    if words.is_empty() { Limits::AsWritten } else { Limits::Other(words.join("; ")) }
}

/// Sends bursts until one is throttled, or another would tell no more.
async fn bursts_until_throttled(
    scene: &VerifyContext<'_>,
    request: &Request<'_>,
    api: &Api,
    limits: &Limits,
    (bursts, most): (usize, u32),
) -> Vec<Burst> {
    let mut made = vec![send(scene, request, most).await];
    for pause in PAUSES.into_iter().take(bursts.saturating_sub(1)) {
        let tells_more = made.last().is_some_and(|last| last.throttled == 0 && last.exceeds(api));
        if !tells_more || *limits != Limits::AsWritten {
            break;
        }
        let seconds = pause.as_secs();
        (scene.subject.tell)(&format!(
            "No request of a burst was throttled yet; another burst follows in {seconds} s …"
        ));
        tokio::time::sleep(scene.time_scale.of(pause)).await;
        made.push(send(scene, request, most).await);
    }
    made
}

/// Sends requests until one is throttled; those under way then are heard out.
async fn send(scene: &VerifyContext<'_>, request: &Request<'_>, most: u32) -> Burst {
    let began = Instant::now();
    let throttled = AtomicBool::new(false);
    let ask =
        |_| async { if throttled.load(Ordering::Relaxed) { None } else { scene.prober.ask_once(request).await.ok() } };
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

/// API Gateway's own 429: a function that counts requests itself may give one too.
fn is_throttled(answer: &Answer) -> bool {
    answer.status == 429 && is_of_gateway(answer)
}

/// Pure.
fn judged(bursts: &[Burst], api: &Api, limits: &Limits, at_aws: bool) -> CheckResult {
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
        Limits::Unread => return CheckResult::fail(format!("{none}, and the stage's limits could not be read")),
        Limits::Other(words) => return CheckResult::fail(format!("{none}, and the limits are others: {words}")),
        Limits::AsWritten if answered == 0 => return CheckResult::fail("no request of the burst was answered"),
        Limits::AsWritten => {}
    }
    let why = if !bursts.iter().any(|burst| burst.exceeds(api)) {
        "which the limit allows: no faster burst can be made from here"
    } else if at_aws {
        "though the limits are in place: AWS applies them on a best-effort basis, as targets and not as ceilings"
    } else {
        "though the limits are in place: this endpoint does not apply them"
    };
    CheckResult::not_applicable(format!("{none}, {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{apigateway, apigatewayv2};
    use crate::engine::Resource;
    use crate::spec::ApiKind;
    use crate::verify::Verdict::{Fail, NotApplicable, Pass};

    fn api() -> Api {
        Api { kind: ApiKind::Rest, stage: "s".into(), rate_limit: 50, burst_limit: 50, routes: vec![] }
    }

    fn sent(answered: u32, throttled: u32, seconds: u64) -> Burst {
        let took = Duration::from_secs(seconds);
        Burst { answered, throttled, first: took, took }
    }

    #[test]
    fn a_429_proves_the_throttle_and_its_absence_proves_nothing_where_the_limits_are_in_place() {
        let verdict = |bursts: &[Burst], limits: &Limits, at_aws| judged(bursts, &api(), limits, at_aws).verdict;
        let lifted = Limits::Other("throttlingRateLimit of each route is 10000, wanted 50".into());
        for (bursts, limits, at_aws, expected) in [
            (vec![sent(90, 3, 1)], Limits::AsWritten, true, Pass),
            (vec![sent(300, 0, 1), sent(300, 0, 1), sent(90, 1, 1)], Limits::AsWritten, true, Pass),
            // Best effort.
            (vec![sent(300, 0, 1); 3], Limits::AsWritten, true, NotApplicable),
            (vec![sent(300, 0, 1); 3], Limits::AsWritten, false, NotApplicable),
            // Too slow to tell.
            (vec![sent(300, 0, 9)], Limits::AsWritten, true, NotApplicable),
            (vec![sent(300, 0, 1)], lifted.clone(), true, Fail),
            (vec![sent(300, 0, 9)], lifted.clone(), true, Fail),
            (vec![sent(300, 0, 1)], lifted, false, Fail),
            (vec![sent(300, 0, 1)], Limits::Unread, true, Fail),
            // Nobody answered.
            (vec![sent(0, 0, 1)], Limits::AsWritten, true, Fail),
        ] {
            assert_eq!(verdict(&bursts, &limits, at_aws), expected, "{bursts:?} {limits:?} {at_aws}");
        }
    }

    #[test]
    fn the_evidence_says_how_many_of_how_many_and_after_how_long() {
        let received = |bursts: &[Burst], at_aws| judged(bursts, &api(), &Limits::AsWritten, at_aws).received;
        assert_eq!(received(&[sent(90, 3, 1)], true), "429 for 3 of 90 requests, first after 1.0 s");
        let none = received(&[sent(300, 0, 1); 3], true);
        assert!(none.starts_with("no 429 for 900 requests of 3 bursts in 3.0 s"), "{none}");
        assert!(none.contains("best-effort") && none.contains("the limits are in place"), "{none}");
        assert!(!received(&[sent(300, 0, 1); 3], false).contains("AWS"));
    }

    #[test]
    fn a_functions_own_429_is_not_the_gateways() {
        let answer = |headers: &[(&str, &str)]| Answer {
            status: 429,
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: r#"{"message":"Too Many Requests"}"#.into(),
        };
        assert!(is_throttled(&answer(&[("x-amzn-errortype", "TooManyRequestsException")])));
        assert!(!is_throttled(&answer(&[])));
    }

    /// The fields' names are the stages' own: what each says of a lifted limit must be known here as one.
    #[test]
    fn a_lifted_limit_of_either_kind_of_stage_is_known_as_one() {
        let rest = apigateway::Stage {
            id: "stage.s".into(),
            api_id: "a".into(),
            name: "s".into(),
            deployment_id: None,
            rate_limit: 50.0,
            burst_limit: 50,
        };
        let setting = |rate, burst| apigateway::LiveSetting { rate, burst, data_trace: false };
        let live = |settings: &[(&str, apigateway::LiveSetting)]| apigateway::LiveStage {
            canary_percent: None,
            settings: settings.iter().map(|(key, setting)| ((*key).to_owned(), *setting)).collect(),
        };
        let right = ("*/*", setting(50.0, 50));
        assert_eq!(limits(Some(&rest.drift(&live(&[right])))), Limits::AsWritten);
        for settings in [
            vec![],
            vec![("*/*", setting(10_000.0, 50))],
            vec![("*/*", setting(50.0, 5000))],
            vec![right, ("~1x/GET", setting(10_000.0, 50))],
        ] {
            assert!(matches!(limits(Some(&rest.drift(&live(&settings)))), Limits::Other(_)), "{settings:?}");
        }
        // What is not about limits does not decide here.
        let canary = apigateway::LiveStage { canary_percent: Some(10.0), ..live(&[right]) };
        assert_eq!(limits(Some(&rest.drift(&canary))), Limits::AsWritten);

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
            Limits::AsWritten,
            "its log and its deployments are another matter"
        );
        assert_eq!(limits(None), Limits::Unread);
    }
}
