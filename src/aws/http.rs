//! The HTTP client of all services. It keeps to AWS's published rates and logs every call (`-vv`).
//!
//! AWS publishes rates of calls per account that cannot be raised (docs/aws.md, Published rates). Each kind of resource
//! describes the rates of its calls. The rates are enforced here, below the SDK, so that they apply to every call and
//! every retry. If a call has to wait, the user is told. If the run is asked to stop, a waiting call is not sent.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::clock::{Clock, signing_time};
use super::current_run::CurrentRun;
use super::kind::Calls;
use super::{KINDS, road};
use crate::engine::TimeScale;
use crate::proxies::Proxies;

/// The client for an endpoint. `pace` is the time scale of the rates; without it calls are not paced. The answers set
/// the clock.
pub fn client(endpoint: Option<&str>, proxies: &Proxies, pace: Option<TimeScale>, clock: Clock) -> SharedHttpClient {
    let inner = road::client(endpoint, proxies);
    SharedHttpClient::new(Paced { inner, rates: pace.map(|time_scale| Arc::new(Rates::new(time_scale))), clock })
}

/// If a call takes longer to arrive than the next one, the two arrive closer together than AWS allows. So the time
/// between two calls is multiplied by this factor.
const MARGIN: f64 = 1.05;

#[derive(Debug)]
struct Paced {
    inner: SharedHttpClient,
    rates: Option<Arc<Rates>>,
    clock: Clock,
}

impl HttpClient for Paced {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(PacedConnector { inner, rates: self.rates.clone(), clock: self.clock.clone() })
    }
}

#[derive(Debug)]
struct PacedConnector {
    inner: SharedHttpConnector,
    rates: Option<Arc<Rates>>,
    clock: Clock,
}

impl HttpConnector for PacedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, rates, clock) = (self.inner.clone(), self.rates.clone(), self.clock.clone());
        HttpConnectorFuture::new(async move {
            for rate in rates.iter().flat_map(|rates| rates.of(&request)) {
                turn(rate).await?;
            }
            let name = tracing::enabled!(tracing::Level::DEBUG).then(|| name(&request));
            let signed = request.headers().get("x-amz-date").and_then(signing_time);
            let (began, sent) = (Instant::now(), SystemTime::now());
            let mut answer = inner.call(request).await;
            if let Ok(answer) = &mut answer {
                clock.hear(sent, signed, answer);
            }
            if let Some(name) = name {
                let status =
                    answer.as_ref().map_or_else(|_| "no answer".to_owned(), |answer| answer.status().to_string());
                tracing::debug!(status, ms = began.elapsed().as_millis(), "{name}");
            }
            answer
        })
    }
}

/// The call was not sent: it was still waiting for AWS's published rate when the run was asked to stop.
#[derive(Debug, thiserror::Error)]
#[error("stopped while waiting for AWS's published rate of calls")]
pub(super) struct NotSent;

/// The note for the user if a call waits for at least [`LONG`].
const HELD: &str = "AWS's published rate of calls is reached";
const LONG: Duration = Duration::from_secs(1);

/// Waits until a call may be sent. Outside a run nothing can stop the wait.
async fn turn(rate: &DefaultDirectRateLimiter) -> Result<(), ConnectorError> {
    let Err(not_yet) = rate.check() else { return Ok(()) };
    let run = CurrentRun::get();
    run.note_long(not_yet.wait_time_from(DefaultClock::default().now()), LONG, HELD);
    // An error without a kind: the SDK does not retry it.
    run.unless_stopped(rate.until_ready()).await.ok_or_else(|| ConnectorError::other(Box::new(NotSent), None))
}

/// The call's name for the log. Bodies and headers are not logged: they contain secrets, signatures and tokens.
fn name(request: &HttpRequest) -> String {
    // JSON protocols: `AWSWAF_20190729.CreateWebACL`.
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.to_owned();
    }
    let (host, path) = host_and_path(request);
    // With the query protocol a body begins with `Action=CreateRole&`.
    let action = request.body().bytes().and_then(|body| {
        let rest = body.strip_prefix(b"Action=")?;
        let end = rest.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len());
        std::str::from_utf8(&rest[..end]).ok()
    });
    match action {
        Some(action) => format!("{host} {action}"),
        None => format!("{} {path}", request.method()),
    }
}

/// A request's host, and its path without the query.
fn host_and_path(request: &HttpRequest) -> (&str, &str) {
    let rest = request.uri().split_once("://").map_or(request.uri(), |(_, rest)| rest);
    let (host, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    (host, path.split('?').next().unwrap_or(path))
}

/// The limiters of the published rates.
#[derive(Debug)]
struct Rates {
    /// The rates that kinds describe.
    described: Vec<(Calls, DefaultDirectRateLimiter)>,
    /// All calls of API Gateway.
    api_gateway: DefaultDirectRateLimiter,
    /// Lambda's calls, except those with a rate of their own and invocations.
    lambda: DefaultDirectRateLimiter,
}

impl Rates {
    fn new(time_scale: TimeScale) -> Self {
        let paced = |count: u32, seconds: u64, burst: u32| {
            let period = Duration::from_secs(seconds).mul_f64(MARGIN) / count;
            limiter(Quota::with_period(time_scale.of(period)), burst)
        };
        let rates = KINDS.iter().flat_map(|(_, about)| about.rates);
        Self {
            described: rates.map(|rate| (rate.calls, paced(rate.count, rate.seconds, rate.burst))).collect(),
            api_gateway: paced(10, 1, 40),
            lambda: paced(15, 1, 15),
        }
    }

    /// The rates that a call counts towards.
    fn of(&self, request: &HttpRequest) -> Vec<&DefaultDirectRateLimiter> {
        // JSON protocols name the operation in a header: `AWSWAF_20190729.CreateWebACL`.
        if let Some((service, operation)) =
            request.headers().get("x-amz-target").and_then(|target| target.split_once('.'))
        {
            return self.of_operation(service, operation);
        }
        // The query protocol names it in the body: `Action=CreateTopic&Version=2010-03-31&...`.
        if let Some(form) = request.body().bytes().and_then(|body| body.strip_prefix(b"Action=")) {
            let mut fields =
                form.split(|byte| *byte == b'&').map(|field| std::str::from_utf8(field).unwrap_or_default());
            let (action, version) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            return self.of_operation(version.strip_prefix("Version=").unwrap_or_default(), action);
        }
        // REST services have only a method and a path.
        let (_, path) = host_and_path(request);
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let own = self.described.iter().filter(|(calls, _)| is_request(calls, request.method(), &segments));
        let mut own: Vec<&DefaultDirectRateLimiter> = own.map(|(_, rate)| rate).collect();
        match segments.as_slice() {
            // CBOR protocols: `/service/GraniteServiceVersion20100801/operation/PutMetricAlarm`.
            ["service", service, "operation", operation] => return self.of_operation(service, operation),
            ["restapis" | "tags", ..] | ["v2", "apis", ..] | ["account"] => own.push(&self.api_gateway),
            [_, "functions", _, "invocations"] => {}
            [_, "functions" | "event-source-mappings" | "tags" | "account-settings", ..] if own.is_empty() => {
                own.push(&self.lambda);
            }
            _ => {}
        }
        own
    }

    fn of_operation(&self, service: &str, operation: &str) -> Vec<&DefaultDirectRateLimiter> {
        let counts = |calls: &Calls| match calls {
            Calls::Operations(begin, all) => service.starts_with(begin) && all.contains(&operation),
            Calls::Requests(..) => false,
        };
        self.described.iter().filter(|(calls, _)| counts(calls)).map(|(_, rate)| rate).collect()
    }
}

fn limiter(quota: Option<Quota>, burst: u32) -> DefaultDirectRateLimiter {
    let quota = quota.unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN));
    RateLimiter::direct(quota.allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN)))
}

/// Whether a request with this method and path is one of these calls.
fn is_request(calls: &Calls, method: &str, segments: &[&str]) -> bool {
    let Calls::Requests(methods, path) = calls else { return false };
    let pattern: Vec<&str> = path.trim_matches('/').split('/').collect();
    methods.contains(&method)
        && pattern.len() == segments.len()
        && pattern.iter().zip(segments).all(|(pattern, segment)| *pattern == "*" || pattern == segment)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_config::retry::RetryConfig;
    use aws_smithy_http_client::test_util::infallible_client_fn;
    use aws_smithy_types::body::SdkBody;

    use super::*;
    use crate::aws::error::OrFail;
    use crate::aws::testing;
    use crate::engine::{CancellationToken, Cause, StopLevel, Task};

    fn request(method: &str, uri: &str, target: Option<&'static str>, body: &'static str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method(method).expect("a method");
        request.set_uri(uri.to_owned()).expect("a URI");
        if let Some(target) = target {
            request.headers_mut().insert("x-amz-target", target);
        }
        request
    }

    #[test]
    fn the_log_names_operations_and_never_their_arguments() {
        let table = [
            (
                request("POST", "https://wafv2.x/", Some("AWSWAF_20190729.GetWebACL"), r#"{"Name":"n"}"#),
                "AWSWAF_20190729.GetWebACL",
            ),
            (request("POST", "https://iam.x/", None, "Action=CreateRole&RoleName=secret"), "iam.x CreateRole"),
            (request("POST", "https://iam.x", None, "Action=GetRole"), "iam.x GetRole"),
            (request("GET", "https://api.x/restapis/a?limit=500", None, ""), "GET /restapis/a"),
            (request("PUT", "https://api.x/functions/f", None, "Action"), "PUT /functions/f"),
        ];
        for (request, expected) in table {
            assert_eq!(name(&request), expected);
        }
    }

    /// How many calls may be sent at once; `None`: any number.
    #[test]
    fn every_kind_of_call_counts_towards_its_rates() {
        let target = |target| request("POST", "https://x/", Some(target), "{}");
        let rest = |method, path: &str| request(method, &format!("https://x{path}"), None, "");
        let query = |body| request("POST", "https://x/", None, body);
        let table = [
            (target("AWSWAF_20190729.AssociateWebACL"), Some(1)),
            (target("AWSWAF_20190729.GetSampledRequests"), Some(5)),
            (target("AWSCognitoIdentityProviderService.CreateUserPoolClient"), Some(15)),
            (target("AWSCognitoIdentityProviderService.InitiateAuth"), None),
            (target("Logs_20140328.PutRetentionPolicy"), Some(5)),
            (target("Logs_20140328.FilterLogEvents"), Some(5)),
            (target("Logs_20140328.ListTagsForResource"), Some(5)),
            (target("secretsmanager.CreateSecret"), Some(50)),
            (target("secretsmanager.DescribeSecret"), None),
            (query("Action=ListTagsForResource&Version=2010-03-31&ResourceArn=a"), Some(10)),
            (query("Action=ListRoleTags&Version=2010-05-08&RoleName=r"), None),
            (rest("GET", "/2015-03-31/functions/f"), Some(100)),
            (rest("GET", "/2015-03-31/functions/f/policy"), Some(15)),
            (rest("POST", "/2015-03-31/functions/f/policy"), Some(15)),
            (rest("POST", "/2015-03-31/functions/f/invocations"), None),
            (rest("GET", "/2016-08-19/account-settings"), Some(15)),
            (rest("POST", "/restapis"), Some(1)),
            (rest("GET", "/restapis/a/resources?limit=500"), Some(5)),
            (rest("PUT", "/restapis/a/resources/r/methods/GET"), Some(40)),
            (rest("POST", "/v2/apis"), Some(40)),
            (rest("GET", "/v2/apis/a/routes?maxResults=500"), Some(40)),
            (rest("POST", "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm"), Some(3)),
            (rest("POST", "/service/GraniteServiceVersion20100801/operation/DescribeAlarms"), Some(9)),
            (target("TrentService.CreateKey"), Some(5)),
            (target("TrentService.RevokeGrant"), Some(30)),
        ];
        for (request, burst) in table {
            // Each request is counted by new limiters.
            let rates = Rates::new(TimeScale::REAL);
            let limiters = rates.of(&request);
            let least = limiters.iter().map(|limiter| (0..200).filter(|_| limiter.check().is_ok()).count()).min();
            assert_eq!(least, burst, "{} {}", request.method(), request.uri());
        }
    }

    /// One REST API can be deleted in 30 s.
    #[tokio::test]
    async fn a_waiting_call_tells_the_user_and_is_given_up_when_the_run_stops() {
        let time_scale = TimeScale::new(0.02).expect("a time scale");
        let sent = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        let inner = infallible_client_fn(move |_: hyper::Request<SdkBody>| {
            count.fetch_add(1, Ordering::SeqCst);
            hyper::Response::builder().status(202).body("").expect("an answer")
        });
        let paced = Paced {
            inner: SharedHttpClient::new(inner),
            rates: Some(Arc::new(Rates::new(time_scale))),
            clock: Clock::default(),
        };
        // Retries are enabled to check that the SDK does not retry a call that was not sent.
        let clients = testing::clients(paced, RetryConfig::standard());
        let api = aws_sdk_apigateway::Client::new(&clients.sdk);
        let delete = async || api.delete_rest_api().rest_api_id("abc").send().await.or_fail("delete it");
        let (task, mut notes) = Task::with_notes("api.a");
        let (asked, stop) = CancellationToken::new();
        let task = task.stopped_by(stop.at(time_scale));

        let began = Instant::now();
        task.clone().within(delete()).await.expect("the first goes at once");
        assert!(notes.try_recv().is_err(), "and has nothing to say");
        task.clone().within(delete()).await.expect("the second in its turn");
        assert!(began.elapsed() > Duration::from_millis(500), "{:?}", began.elapsed());
        assert_eq!(notes.try_recv().expect("a note").1, HELD);

        let stopping = async {
            notes.recv().await.expect("it waits");
            asked.send_replace(StopLevel::Drain);
        };
        let (third, ()) = tokio::join!(task.within(delete()), stopping);
        let failure = third.expect_err("not sent");
        assert_eq!(failure.cause, Cause::Stopped);
        assert_eq!(failure.to_string(), "could not delete it: stopped while waiting for AWS's published rate of calls");
        assert_eq!(sent.load(Ordering::SeqCst), 2);
    }
}
