//! The one HTTP client under all services, the pace of what goes through it, and the log of every call (`-vv`).
//!
//! AWS's services publish rates per account for their control planes (docs/aws.md, Published rates) that cannot be
//! raised. Pacing sits here, under the SDK, so that no call and no retry can get past it. A call that waits for its
//! turn says so, and is given up when the run is asked to stop: it was never sent.

use std::collections::HashMap;
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
use super::road;
use crate::engine::{Task, TimeScale};
use crate::proxies::Proxies;

/// The client for an endpoint, paced at a run's tempo, or not at all. Its answers set the clock.
pub fn client(endpoint: Option<&str>, proxies: &Proxies, pace: Option<TimeScale>, clock: Clock) -> SharedHttpClient {
    let inner = road::client(endpoint, proxies);
    SharedHttpClient::new(Paced { inner, rates: pace.map(|time_scale| Arc::new(Rates::new(time_scale))), clock })
}

/// A published rate: so many calls in so many seconds, with such a burst.
struct Rate {
    /// What the service's `x-amz-target` begins with; of SNS, the version of its protocol.
    service: &'static str,
    /// The operations that share it.
    operations: &'static [&'static str],
    calls: u32,
    seconds: u64,
    burst: u32,
}

const fn rate(
    service: &'static str,
    operations: &'static [&'static str],
    calls: u32,
    seconds: u64,
    burst: u32,
) -> Rate {
    Rate { service, operations, calls, seconds, burst }
}

const WAF: &str = "AWSWAF_";
const COGNITO: &str = "AWSCognitoIdentityProviderService";
const LOGS: &str = "Logs_";
const SECRETS: &str = "secretsmanager";
const SNS: &str = "2010-03-31";

/// The rates of the services whose requests name their operation (docs/aws.md, Published rates). Where several
/// operations stand together the sum is meant, which is more careful than AWS says. That Cognito also counts the
/// changes of each pool, five a second, is never felt: a pool has one client.
const RATES: [Rate; 29] = [
    rate(WAF, &["AssociateWebACL"], 1, 2, 1),
    rate(WAF, &["DisassociateWebACL"], 1, 2, 1),
    rate(WAF, &["GetWebACLForResource"], 1, 1, 1),
    rate(WAF, &["ListResourcesForWebACL"], 1, 1, 1),
    rate(WAF, &["CreateWebACL"], 1, 1, 1),
    rate(WAF, &["UpdateWebACL"], 1, 1, 1),
    rate(WAF, &["DeleteWebACL"], 1, 1, 1),
    rate(WAF, &["CreateIPSet"], 1, 1, 1),
    rate(WAF, &["UpdateIPSet"], 1, 1, 1),
    rate(WAF, &["DeleteIPSet"], 1, 1, 1),
    rate(WAF, &["GetWebACL"], 5, 1, 5),
    rate(WAF, &["GetIPSet"], 5, 1, 5),
    rate(WAF, &["ListWebACLs"], 5, 1, 5),
    rate(WAF, &["ListIPSets"], 5, 1, 5),
    // Not published; as the other reads.
    rate(WAF, &["GetSampledRequests"], 5, 1, 5),
    rate(WAF, &["ListTagsForResource"], 5, 1, 5),
    rate(COGNITO, &POOLS, 15, 1, 15),
    rate(COGNITO, &["AdminCreateUser"], 50, 1, 50),
    rate(COGNITO, &["AdminSetUserPassword"], 30, 1, 30),
    rate(COGNITO, &["AdminDeleteUser"], 25, 1, 25),
    rate(LOGS, &["CreateLogGroup"], 10, 1, 10),
    rate(LOGS, &["DeleteLogGroup"], 10, 1, 10),
    rate(LOGS, &["DescribeLogGroups"], 10, 1, 10),
    rate(LOGS, &["PutRetentionPolicy"], 5, 1, 5),
    // 10 and 25 in some regions; the least is taken.
    rate(LOGS, &["FilterLogEvents"], 5, 1, 5),
    rate(LOGS, &["ListTagsForResource"], 5, 1, 5),
    rate(SECRETS, &["PutSecretValue", "UpdateSecret", "CreateSecret", "DeleteSecret"], 50, 1, 50),
    rate(SNS, &["TagResource", "UntagResource", "ListTagsForResource"], 10, 1, 10),
    rate(SNS, &["CreateTopic"], 30, 1, 30),
];

const POOLS: [&str; 11] = [
    "CreateUserPool",
    "DescribeUserPool",
    "UpdateUserPool",
    "DeleteUserPool",
    "ListUserPools",
    "SetUserPoolMfaConfig",
    "CreateUserPoolClient",
    "DescribeUserPoolClient",
    "UpdateUserPoolClient",
    "DeleteUserPoolClient",
    "ListUserPoolClients",
];

/// Calls that set out at an even pace do not arrive at one: a road that was long for one call and short for the next
/// brings them closer together than AWS allows. So ours leave this much further apart.
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

/// Why a call was not sent: its turn had not come when the run was asked to stop.
#[derive(Debug, thiserror::Error)]
#[error("stopped before its turn came")]
pub(super) struct NotSent;

/// Said where a call waits so long that somebody may wonder.
const HELD: &str = "held to AWS's published rate of calls";
const LONG: Duration = Duration::from_secs(1);

/// Waits until a call may be sent. Nobody can stop it outside a run.
async fn turn(rate: &DefaultDirectRateLimiter) -> Result<(), ConnectorError> {
    let Err(not_yet) = rate.check() else { return Ok(()) };
    let Some(task) = Task::current() else {
        rate.until_ready().await;
        return Ok(());
    };
    if not_yet.wait_time_from(DefaultClock::default().now()) >= task.time_scale().of(LONG) {
        task.note(HELD);
    }
    // No kind: the SDK does not try again what has one of its own.
    task.unless_stopped(rate.until_ready()).await.ok_or_else(|| ConnectorError::other(Box::new(NotSent), None))
}

/// What a call is, for the log: nothing of its body but the operation's name, and nothing of its headers, which carry
/// signatures and tokens.
fn name(request: &HttpRequest) -> String {
    // JSON protocols: `AWSWAF_20190729.CreateWebACL`.
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.to_owned();
    }
    let (host, path) = host_and_path(request);
    // Query protocols begin their body with `Action=CreateRole&`; that of others is left alone.
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

/// The published rates, for this process's share of the account.
#[derive(Debug)]
struct Rates {
    create_rest_api: DefaultDirectRateLimiter,
    delete_rest_api: DefaultDirectRateLimiter,
    create_deployment: DefaultDirectRateLimiter,
    change_path: DefaultDirectRateLimiter,
    list_paths: DefaultDirectRateLimiter,
    api_gateway: DefaultDirectRateLimiter,
    get_function: DefaultDirectRateLimiter,
    get_policy: DefaultDirectRateLimiter,
    lambda: DefaultDirectRateLimiter,
    /// By service and operation.
    named: HashMap<(&'static str, &'static str), Arc<DefaultDirectRateLimiter>>,
}

impl Rates {
    fn new(time_scale: TimeScale) -> Self {
        let paced = |calls: u32, seconds: u64, burst: u32| {
            let period = Duration::from_secs(seconds).mul_f64(MARGIN) / calls;
            limiter(Quota::with_period(time_scale.of(period)), burst)
        };
        let mut named = HashMap::new();
        for rate in &RATES {
            let limiter = Arc::new(paced(rate.calls, rate.seconds, rate.burst));
            named.extend(rate.operations.iter().map(|name| ((rate.service, *name), Arc::clone(&limiter))));
        }
        Self {
            create_rest_api: paced(1, 3, 1),
            delete_rest_api: paced(1, 30, 1),
            create_deployment: paced(1, 5, 1),
            change_path: paced(5, 1, 5),
            list_paths: paced(5, 2, 5),
            api_gateway: paced(10, 1, 40),
            get_function: paced(100, 1, 100),
            get_policy: paced(15, 1, 15),
            lambda: paced(15, 1, 15),
            named,
        }
    }
}

fn limiter(quota: Option<Quota>, burst: u32) -> DefaultDirectRateLimiter {
    let quota = quota.unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN));
    RateLimiter::direct(quota.allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN)))
}

impl Rates {
    /// The rates that a call counts towards.
    fn of(&self, request: &HttpRequest) -> Vec<&DefaultDirectRateLimiter> {
        // JSON protocols name the operation in a header, `AWSWAF_20190729.CreateWebACL`; REST ones are their path.
        if let Some((service, operation)) =
            request.headers().get("x-amz-target").and_then(|target| target.split_once('.'))
        {
            let service = [WAF, COGNITO, LOGS, SECRETS].into_iter().find(|known| service.starts_with(known));
            return service.map_or_else(Vec::new, |service| self.named(service, operation));
        }
        // The query protocol: `Action=CreateTopic&Version=2010-03-31&...`.
        if let Some(form) = request.body().bytes().and_then(|body| body.strip_prefix(b"Action=")) {
            let mut fields =
                form.split(|byte| *byte == b'&').map(|field| std::str::from_utf8(field).unwrap_or_default());
            let (action, version) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            return if version.ends_with(SNS) { self.named(SNS, action) } else { Vec::new() };
        }
        let (_, path) = host_and_path(request);
        if ["/restapis", "/v2/apis", "/tags/"].iter().any(|begin| path.starts_with(begin)) || path == "/account" {
            return self.api_gateway(request.method(), path);
        }
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match (request.method(), parts.as_slice()) {
            ("GET", [_, "functions", _]) => vec![&self.get_function],
            ("GET", [_, "functions", _, "policy"]) => vec![&self.get_policy],
            (_, [_, "functions", _, "invocations"]) => Vec::new(),
            (_, [_, "functions" | "tags" | "account-settings", ..]) => vec![&self.lambda],
            _ => Vec::new(),
        }
    }

    fn named(&self, service: &'static str, operation: &str) -> Vec<&DefaultDirectRateLimiter> {
        self.named
            .iter()
            .filter(|((of, name), _)| *of == service && *name == operation)
            .map(|(_, rate)| &**rate)
            .collect()
    }

    fn api_gateway(&self, method: &str, path: &str) -> Vec<&DefaultDirectRateLimiter> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let own = match (method, parts.as_slice()) {
            ("POST", ["restapis"]) => Some(&self.create_rest_api),
            ("DELETE", ["restapis", _]) => Some(&self.delete_rest_api),
            ("POST", ["restapis", _, "deployments"]) => Some(&self.create_deployment),
            ("POST" | "DELETE", ["restapis", _, "resources", _]) => Some(&self.change_path),
            ("GET", ["restapis", _, "resources"]) => Some(&self.list_paths),
            _ => None,
        };
        own.into_iter().chain([&self.api_gateway]).collect()
    }
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
    use crate::engine::{CancellationToken, Cause, StopLevel};

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
    fn the_log_names_operations_and_nothing_of_what_is_sent() {
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

    /// How many calls of a kind may set out at once; `None`: as many as one likes.
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
        ];
        for (request, burst) in table {
            // Each kind starts afresh.
            let rates = Rates::new(TimeScale::REAL);
            let limiters = rates.of(&request);
            let least = limiters.iter().map(|limiter| (0..200).filter(|_| limiter.check().is_ok()).count()).min();
            assert_eq!(least, burst, "{} {}", request.method(), request.uri());
        }
    }

    /// One REST API can be deleted in 30 s.
    #[tokio::test]
    async fn a_call_that_waits_for_its_turn_says_so_and_is_given_up_when_the_run_is_stopped() {
        let time_scale = TimeScale::new(0.02).expect("a tempo");
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
        // With retries: what was not sent is not tried again.
        let clients = testing::clients(paced, RetryConfig::standard());
        let api = aws_sdk_apigateway::Client::new(&clients.sdk);
        let delete = async || api.delete_rest_api().rest_api_id("abc").send().await.or_fail("delete it");
        let (task, mut heard) = Task::overheard("api.a");
        let (asked, stop) = CancellationToken::new();
        let task = task.stopped_by(stop.at(time_scale));

        let began = Instant::now();
        task.clone().within(delete()).await.expect("the first goes at once");
        assert!(heard.try_recv().is_err(), "and has nothing to say");
        task.clone().within(delete()).await.expect("the second in its turn");
        assert!(began.elapsed() > Duration::from_millis(500), "{:?}", began.elapsed());
        assert_eq!(heard.try_recv().expect("a note").1, HELD);

        let stopping = async {
            heard.recv().await.expect("it waits");
            asked.send_replace(StopLevel::Drain);
        };
        let (third, ()) = tokio::join!(task.within(delete()), stopping);
        let failure = third.expect_err("not sent");
        assert_eq!(failure.cause, Cause::Stopped);
        assert_eq!(failure.to_string(), "could not delete it: stopped before its turn came");
        assert_eq!(sent.load(Ordering::SeqCst), 2);
    }
}
