//! Tests each wait with a call that AWS refuses for the reason of that wait: a few times, and every time.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::body::SdkBody;
use futures_util::future::{LocalBoxFuture, join_all};
use hyper::{Request, Response};
use serde_json::json;
use tokio::time::Instant;

use super::apigateway::refusals::tests::{INTEGRATE, create_routes};
use super::iam::refusals::ROLE_VISIBLE;
use super::iam::refusals::tests::delete_role;
use super::logs::refusals::tests::delete_log_group;
use super::settle::{self, THROTTLE, Wait, settled};
use super::sns::refusals::tests::delete_topic;
use super::wafv2::refusals::WAF_LOCK;
use super::wafv2::refusals::tests::delete_ip_set;
use super::{Clients, SERVICES, testing};
use crate::engine::{Cause, Failure, ServiceError, Task, TimeScale};

/// A refusal: its HTTP status, its code and its message.
pub(super) type Refusal = (u16, &'static str, &'static str);

/// An answer of AWS: its HTTP status and its body.
pub(super) type Answer = (u16, String);

/// An operation whose call is refused for the reason of a wait.
pub(super) struct Case {
    /// The wait's name in the table.
    pub(super) wait: &'static str,
    /// The call that is refused, as in `asked`.
    pub(super) at: &'static str,
    pub(super) refusal: Refusal,
    pub(super) verb: fn(Clients, Task) -> LocalBoxFuture<'static, Result<(), Failure>>,
}

/// The tests of a service's waits.
#[derive(Debug)]
pub(super) struct WaitTests {
    /// A case for each of its waits.
    cases: fn() -> Vec<Case>,
    /// The service's answer to a call that is not refused, by the call (as in `asked`) and its body. `None`: an empty
    /// answer.
    answers: fn(&str, &str) -> Option<Answer>,
}

impl WaitTests {
    pub(super) const NONE: Self = Self::new(Vec::new);

    pub(super) const fn new(cases: fn() -> Vec<Case>) -> Self {
        Self { cases, answers: |_, _| None }
    }

    pub(super) const fn answering(self, answers: fn(&str, &str) -> Option<Answer>) -> Self {
        Self { answers, ..self }
    }
}

/// A call by its operation, or else by method and path.
fn asked(request: &Request<SdkBody>) -> String {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    if let Some(operation) = target.and_then(|target| target.rsplit('.').next()) {
        return operation.to_owned();
    }
    let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
    match body.strip_prefix("Action=").and_then(|rest| rest.split('&').next()) {
        Some(action) => action.to_owned(),
        None => format!("{} {}", request.method(), request.uri().path()),
    }
}

/// The form of an answer's body.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Json,
    Xml,
    Cbor,
}

impl Form {
    /// The form of the answer to a request.
    fn of(request: &Request<SdkBody>, sent: &str) -> Self {
        if request.headers().get("smithy-protocol").is_some_and(|protocol| protocol == "rpc-v2-cbor") {
            Self::Cbor
        } else if is_query(sent) || sent.starts_with('<') {
            Self::Xml
        } else {
            Self::Json
        }
    }
}

/// A refusal as an HTTP response in this form. `hint` is API Gateway's `retry-after` header, if there is one.
fn refuse((status, code, message): Refusal, hint: Option<u64>, form: Form) -> Response<SdkBody> {
    let said = json!({ "__type": code, "message": message });
    let body = match form {
        Form::Xml => SdkBody::from(format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        )),
        Form::Json => SdkBody::from(said.to_string()),
        Form::Cbor => SdkBody::from(testing::cbor(&said)),
    };
    let answer = Response::builder().status(status).header("x-amzn-errortype", code);
    let answer = if let Some(seconds) = hint { answer.header("retry-after", seconds) } else { answer };
    answer.body(body).expect("an answer")
}

/// AWS's answer if it does not refuse the call: the one in the tests of the services, or else an empty one.
fn willing(call: &str, body: &str) -> Answer {
    let nothing = || match call {
        query if is_query(body) => format!("<{query}Response><{query}Result/></{query}Response>"),
        _ => json!({}).to_string(),
    };
    let answers = SERVICES.iter().find_map(|service| (service.tests.answers)(call, body));
    answers.unwrap_or_else(|| (200, nothing()))
}

/// Whether a request is one of the query protocol, whose answers are XML.
fn is_query(body: &str) -> bool {
    body.starts_with("Action=")
}

/// Clients for which the call `at` is refused `times` times, and how often it was made.
fn clients(
    at: &'static str,
    refusal: Refusal,
    times: usize,
    hint: Option<u64>,
    retries: RetryConfig,
) -> (Clients, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let http = infallible_client_fn(move |request: Request<SdkBody>| {
        let call = asked(&request);
        let sent = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
        let form = Form::of(&request, &sent);
        if call == at && count.fetch_add(1, Ordering::SeqCst) < times {
            return refuse(refusal, hint, form);
        }
        if form == Form::Cbor {
            return Response::builder().body(SdkBody::from(testing::cbor(&json!({})))).expect("an answer");
        }
        let (status, body) = willing(&call, &sent);
        let mut answer = Response::builder().status(status);
        if status >= 400 {
            let code = body.split('"').nth(3).unwrap_or_default();
            answer = answer.header("x-amzn-errortype", code);
        }
        answer.body(SdkBody::from(body)).expect("an answer")
    });
    (testing::clients(http, retries), calls)
}

/// A case for each row of the table, in any order.
fn cases() -> Vec<Case> {
    let shared = vec![Case {
        wait: "THROTTLE",
        at: INTEGRATE,
        refusal: (429, "TooManyRequestsException", "Too Many Requests"),
        verb: create_routes,
    }];
    SERVICES.iter().flat_map(|service| (service.tests.cases)()).chain(shared).collect()
}

fn row(name: &str) -> &'static Wait {
    settle::all().find(|(known, _)| *known == name).map(|(_, wait)| wait).expect("a row of the table")
}

#[test]
fn every_wait_has_a_case() {
    let cases: BTreeSet<&str> = cases().iter().map(|case| case.wait).collect();
    assert_eq!(cases, settle::all().map(|(name, _)| name).collect(), "a wait has no case");
}

/// The program recognises the code and the message of each case as a refusal of its wait.
#[test]
fn each_case_meets_its_own_wait() {
    for case in cases() {
        let failure = Failure::refused("could not").answered(ServiceError::new(case.refusal.1, case.refusal.2));
        assert!(row(case.wait).heals(&failure), "{}", case.wait);
    }
}

/// The cases use AWS's documented codes and messages, which are in `tests/it/facts`.
#[test]
fn each_case_uses_documented_words() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/facts");
    let tables = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let tables = tables.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let facts: Vec<toml::Value> = tables
        .flat_map(|path| {
            let table: toml::Value =
                toml::from_str(&std::fs::read_to_string(path).expect("a file")).expect("a table of facts");
            table["fact"].as_array().expect("facts").clone()
        })
        .collect();
    for Case { wait, refusal: (status, code, message), .. } in cases() {
        let says = |fact: &toml::Value| {
            let words = fact.get("message").and_then(toml::Value::as_str).unwrap_or("{unknown}");
            // The variable parts of a message are in braces.
            let parts: Vec<&str> = words.split(['{', '}']).step_by(2).collect();
            let begins = message.starts_with(parts[0]) && message.ends_with(parts[parts.len() - 1]);
            fact["code"].as_str() == Some(code) && fact["status"].as_integer() == Some(status.into()) && begins
        };
        assert!(facts.iter().any(says), "{wait}: tests/it/facts knows no {status} {code}: {message}");
    }
}

/// Pauses are short at first, and never longer than a third of the budget. So the program notices when a refusal ends
/// late.
#[test]
fn a_wait_starts_with_short_pauses_and_ends_in_minutes() {
    for (name, wait) in settle::all() {
        assert!(wait.first <= wait.cap && wait.cap.as_secs_f64() * 1.2 * 3.0 <= wait.budget.as_secs_f64(), "{name}");
        // AWS says that an API cannot be deployed for "about 15 minutes" after a change of its security policy.
        let longest = if name == "API_UPDATING" { 25 } else { 10 };
        assert!(wait.budget <= Duration::from_mins(longest), "{name}");
        assert!(wait.first <= Duration::from_secs(5) || name == "API_DELETE_RATE", "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_refused_twice_succeeds_and_reports_the_wait() {
    let runs = cases().into_iter().map(|case| async move {
        let (clients, calls) = clients(case.at, case.refusal, 2, None, RetryConfig::disabled());
        let (task, mut notes) = Task::with_notes("test.wait");
        let done = (case.verb)(clients, task).await;
        assert_eq!(done, Ok(()), "{}", case.wait);
        let mut said = BTreeSet::new();
        while let Ok((_, why)) = notes.try_recv() {
            said.insert(why);
        }
        assert!(said.contains(row(case.wait).why), "{}: {said:?}", case.wait);
        // After removing the attachments of a role, the program deletes the role at once, without a pause.
        let again = usize::from(case.wait == "API_BUSY" || case.wait == "ROLE_IN_USE");
        let calls = calls.load(Ordering::SeqCst);
        assert!((3..=3 + again).contains(&calls), "{}: {calls} calls", case.wait);
    });
    join_all(runs).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_refused_for_ever_ends_with_the_last_refusal() {
    let runs = cases().into_iter().map(|case| async move {
        let wait = row(case.wait);
        let (clients, calls) = clients(case.at, case.refusal, usize::MAX, None, RetryConfig::disabled());
        let began = Instant::now();
        let done = (case.verb)(clients, Task::detached("test.wait")).await;
        let elapsed = began.elapsed();
        let failure = done.expect_err(case.wait);
        assert_eq!(failure.code().map(|code| code.to_string()).as_deref(), Some(case.refusal.1), "{}", case.wait);
        for words in [case.refusal.2, wait.why, "waited "] {
            assert!(failure.to_string().contains(words), "{}: {words:?} is not in {failure}", case.wait);
        }
        // The wait is at most one pause longer than its budget, and it does not end while another pause would fit.
        let pause = wait.cap.max(wait.first).mul_f64(1.2);
        assert!(elapsed <= wait.budget + pause, "{}: {elapsed:?}", case.wait);
        assert!(elapsed + pause >= wait.budget, "{}: {elapsed:?}", case.wait);
        // The call was repeated as often as the table says.
        let calls = u32::try_from(calls.load(Ordering::SeqCst)).expect("few");
        assert!(pause * calls >= wait.budget, "{}: {calls} calls", case.wait);
    });
    join_all(runs).await;
}

/// Alternating refusals of two classes do not restart each other's budget.
#[tokio::test(start_paused = true)]
async fn alternating_refusals_of_two_classes_end_too() {
    let turn = AtomicUsize::new(0);
    let task = Task::detached("test.turns");
    let ended = settled(&task, &[&WAF_LOCK], || async {
        let code = ["WAFOptimisticLockException", "ThrottlingException"][turn.fetch_add(1, Ordering::SeqCst) % 2];
        Err::<(), _>(Failure::refused("could not").answered(ServiceError::new(code, "no")))
    });
    let ended = tokio::time::timeout(THROTTLE.budget + WAF_LOCK.budget, ended).await.expect("an end");
    assert_eq!(ended.expect_err("a refusal").cause, Cause::Refused);
}

/// The pause in API Gateway's `retry-after` header replaces our own pause, at the run's time scale.
#[tokio::test(start_paused = true)]
async fn a_pause_in_the_answer_is_scaled_and_kept() {
    let refusal = (429, "TooManyRequestsException", "Too Many Requests");
    let time_scale = TimeScale::new(0.01).expect("a time scale");
    for (hint, least) in [(20, 200), (1, 10)] {
        let (clients, calls) = clients(INTEGRATE, refusal, 1, Some(hint), RetryConfig::disabled());
        let began = Instant::now();
        create_routes(clients, Task::detached("test.hint").at(time_scale)).await.expect("done");
        // The jitter adds at most a fifth, and the timer's resolution some milliseconds.
        let elapsed = began.elapsed();
        assert!(elapsed >= Duration::from_millis(least), "{hint} s: {elapsed:?}");
        assert!(elapsed < Duration::from_millis(least * 6 / 5 + 3), "{hint} s: {elapsed:?}");
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }
    // A pause that is longer than the rest of the budget makes the refusal final at once.
    let (clients, calls) = clients(INTEGRATE, refusal, 1, Some(301), RetryConfig::disabled());
    let failure = create_routes(clients, Task::detached("test.hint").at(time_scale)).await.expect_err("no time");
    assert!(failure.to_string().contains(THROTTLE.why), "{failure}");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

/// Operations that wait at the same time do not repeat their calls at the same moments.
#[tokio::test(start_paused = true)]
async fn pauses_are_randomised() {
    let runs = (0..8).map(|_| async {
        let pauses = Mutex::new(Vec::new());
        let task = Task::detached("test.jitter");
        let _ = settled(&task, &[&ROLE_VISIBLE], || async {
            let mut pauses = pauses.lock().expect("nobody panics");
            pauses.push(Instant::now());
            let code = if pauses.len() < 6 { "NoSuchEntity" } else { "Other" };
            Err::<(), _>(Failure::refused("could not").answered(ServiceError::new(code, "no")))
        })
        .await;
        let pauses = pauses.into_inner().expect("nobody panics");
        pauses[5].duration_since(pauses[0]).as_micros()
    });
    let spread: BTreeSet<u128> = join_all(runs).await.into_iter().map(|micros| micros / 1000).collect();
    assert!(spread.len() > 1, "all of them took the same time: {spread:?}");
}

/// Neither this program nor the SDK repeats the call, because none of these refusals ends by itself.
#[tokio::test(start_paused = true)]
async fn a_final_refusal_is_not_repeated() {
    type Verb = fn(Clients, Task) -> LocalBoxFuture<'static, Result<(), Failure>>;
    let json: [&str; 9] = [
        "AccessDeniedException",
        "UnrecognizedClientException",
        "ExpiredTokenException",
        "ValidationException",
        "LimitExceededException",
        "WAFLimitsExceededException",
        "PolicyLengthExceededException",
        "CodeStorageExceededException",
        "FeatureUnavailableInTierException",
    ];
    let places: [(&'static str, Verb, &[&'static str]); 5] = [
        ("DeleteLogGroup", delete_log_group, &json),
        ("DeleteIPSet", delete_ip_set, &json),
        (INTEGRATE, create_routes, &json),
        ("DeleteRole", delete_role, &["AccessDenied", "ExpiredToken", "InvalidClientTokenId", "LimitExceeded"]),
        ("DeleteTopic", delete_topic, &["AuthorizationError", "ExpiredToken", "InvalidClientTokenId"]),
    ];
    for (at, verb, codes) in places {
        for &code in codes {
            // The retry settings of `connect`, with shorter pauses.
            let retries = RetryConfig::standard().with_max_attempts(5).with_initial_backoff(Duration::from_millis(1));
            let status = if code == "LimitExceededException" && at == INTEGRATE { 429 } else { 400 };
            let (clients, calls) = clients(at, (status, code, "no"), usize::MAX, None, retries);
            let failure = verb(clients, Task::detached("test.once")).await.expect_err(code);
            assert_eq!(failure.code().map(|code| code.to_string()).as_deref(), Some(code), "at {at}");
            assert_eq!(calls.load(Ordering::SeqCst), 1, "{code} at {at}");
        }
    }
}
