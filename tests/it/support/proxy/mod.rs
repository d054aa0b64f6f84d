//! A reverse proxy between the program and the emulator. It can delay a call, refuse it with AWS's error, or lose the call or
//! its answer. It records every call with its times.

mod aws_request;
pub mod cbor;
mod fault;
pub mod models;

pub use aws_request::AwsRequest;
pub use fault::Fault;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::http::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::aws_rules::{record_violation, refusal, routes, tls};

/// A call that was answered, or whose answer was lost.
#[derive(Debug, Clone)]
pub struct Call {
    /// `iam CreateRole`.
    pub name: String,
    /// Whether it may have changed something.
    pub writes: bool,
    pub status: u16,
    pub began: Instant,
    pub ended: Instant,
    pub sent: AwsRequest,
}

/// Decides the outcome of calls.
pub trait FaultInjector: Send + Sync {
    /// Decides before the call reaches the emulator.
    fn before(&self, asked: &AwsRequest) -> CallOutcome;

    /// Receives the emulator's status and body, and may replace them.
    fn after(&self, _asked: &AwsRequest, status: u16, body: Bytes) -> (u16, Bytes) {
        (status, body)
    }

    /// May change the headers of the request to the emulator.
    fn change_headers(&self, _asked: &AwsRequest, _headers: &mut HeaderMap) {}

    /// The `Date` header of answers, if it is not this machine's time.
    fn date(&self) -> Option<String> {
        None
    }
}

impl<F: Fn(&AwsRequest) -> CallOutcome + Send + Sync> FaultInjector for F {
    fn before(&self, asked: &AwsRequest) -> CallOutcome {
        self(asked)
    }
}

/// The outcome of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// It reaches the emulator normally.
    Passed,
    /// It reaches the emulator after this time.
    Delayed(Duration),
    /// It does not reach the emulator: AWS refuses it.
    Refused(Fault),
    /// It does not reach the emulator, and is answered with this status and body.
    Answered(u16, Bytes),
    /// It does not reach the emulator, and is answered with this status, these headers and this body.
    Played(u16, Vec<(&'static str, &'static str)>, Bytes),
    /// It is carried out, but answered with this error.
    DoneButRefused(Fault),
    /// It does not reach the emulator: the connection breaks.
    ConnectionLost,
    /// It is carried out, but the connection breaks before the answer.
    AnswerLost,
    /// It is carried out, and answered after this time.
    AnsweredLate(Duration),
    /// It does not reach the emulator and is never answered, as if the program were killed before the call.
    HungBefore,
    /// It is carried out but never answered, as if the program were killed after the call.
    HungAfter,
}

pub struct Proxy {
    /// The endpoint for the program.
    pub endpoint: String,
    calls: Arc<Mutex<Vec<Call>>>,
    hung: Arc<Notify>,
    runtime: tokio::runtime::Runtime,
}

impl Proxy {
    /// A proxy in front of `upstream` that delays each call.
    pub fn new(upstream: &str, delay: Duration) -> Self {
        Self::with_faults(upstream, delay, Arc::new(|_: &AwsRequest| CallOutcome::Passed))
    }

    /// A proxy in front of `upstream` with a fault injector.
    pub fn with_faults(upstream: &str, delay: Duration, faults: Arc<dyn FaultInjector>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (calls, hung) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
        let listener = runtime.block_on(TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let forwarder = Arc::new(Forwarder {
            client: hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http(),
            upstream: super::emulator::without_proxy(upstream),
            delay,
            faults,
            next_number: AtomicUsize::new(0),
            calls: Arc::clone(&calls),
            hung: Arc::clone(&hung),
        });
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let forwarder = Arc::clone(&forwarder);
                let service = service_fn(move |request| Arc::clone(&forwarder).dated_answer(request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
            Ok::<(), Infallible>(())
        });
        Self { endpoint, calls, hung, runtime }
    }

    /// A proxy in front of the emulator: the first call whose name contains `call` has this outcome.
    pub fn for_first_call(call: &'static str, outcome: CallOutcome) -> Self {
        let met = AtomicBool::new(false);
        let faults = move |asked: &AwsRequest| {
            let first = asked.name().contains(call) && !met.swap(true, Ordering::Relaxed);
            if first { outcome.clone() } else { CallOutcome::Passed }
        };
        Self::with_faults(&super::emulator::endpoint(), Duration::ZERO, Arc::new(faults))
    }

    /// Waits until a call hangs or its answer is delayed. `false` if none does within this time.
    pub fn hangs_within(&self, time: Duration) -> bool {
        self.runtime.block_on(async { tokio::time::timeout(time, self.hung.notified()).await.is_ok() })
    }

    /// The calls since this was last called, in the order of their answers.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

/// Forwards requests to the emulator.
struct Forwarder {
    client: Client<HttpConnector, Full<Bytes>>,
    upstream: String,
    delay: Duration,
    faults: Arc<dyn FaultInjector>,
    next_number: AtomicUsize,
    calls: Arc<Mutex<Vec<Call>>>,
    hung: Arc<Notify>,
}

impl Forwarder {
    async fn dated_answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, ConnectionBroken> {
        let mut answer = Arc::clone(&self).answer(request).await?;
        if let Some(date) = self.faults.date() {
            answer.headers_mut().insert("date", date.parse().map_err(|_| ConnectionBroken)?);
        }
        Ok(answer)
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, ConnectionBroken> {
        let began = Instant::now();
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| ConnectionBroken)?.to_bytes();
        let asked = AwsRequest::new(self.next_number.fetch_add(1, Ordering::Relaxed) + 1, &parts, body);
        models::check(&asked);
        let outcome = aws_rules(&asked).map_or_else(|| self.faults.before(&asked), CallOutcome::Refused);
        match &outcome {
            CallOutcome::ConnectionLost => return Err(ConnectionBroken),
            CallOutcome::Refused(fault) => {
                self.log(&asked, fault.status, began);
                return Ok(fault.answer(&asked.service));
            }
            CallOutcome::Answered(status, body) => {
                self.log(&asked, *status, began);
                let answer = Response::builder().status(*status).header("content-type", "application/json");
                return answer.body(Full::new(body.clone())).map_err(|_| ConnectionBroken);
            }
            CallOutcome::Played(status, headers, body) => {
                self.log(&asked, *status, began);
                let answer = headers
                    .iter()
                    .fold(Response::builder().status(*status), |answer, (name, value)| answer.header(*name, *value));
                return answer.body(Full::new(body.clone())).map_err(|_| ConnectionBroken);
            }
            CallOutcome::Delayed(more) => tokio::time::sleep(*more).await,
            CallOutcome::HungBefore => {
                self.hung.notify_one();
                std::future::pending::<()>().await;
            }
            _ => {}
        }
        tokio::time::sleep(self.delay).await;
        // A task of its own: a call that has arrived is carried out and recorded even if the program is killed meanwhile.
        let carried_out = tokio::spawn(Arc::clone(&self).carry_out(asked.clone(), parts.headers, began));
        let answer = carried_out.await.map_err(|_| ConnectionBroken)??;
        match outcome {
            CallOutcome::DoneButRefused(fault) => return Ok(fault.answer(&asked.service)),
            CallOutcome::AnswerLost => return Err(ConnectionBroken),
            CallOutcome::HungAfter => {
                self.hung.notify_one();
                std::future::pending::<()>().await;
            }
            CallOutcome::AnsweredLate(time) => {
                self.hung.notify_one();
                tokio::time::sleep(time).await;
            }
            _ => {}
        }
        Ok(answer)
    }

    async fn carry_out(
        self: Arc<Self>,
        asked: AwsRequest,
        headers: HeaderMap,
        began: Instant,
    ) -> Result<Response<Full<Bytes>>, ConnectionBroken> {
        let mut onward =
            Request::builder().method(asked.method.as_str()).uri(format!("{}{}", self.upstream, asked.path));
        if let Some(passed) = onward.headers_mut() {
            // With the Host header, which the signature covers.
            *passed = headers;
            self.faults.change_headers(&asked, passed);
        }
        let onward = onward.body(Full::new(asked.body.clone())).map_err(|_| ConnectionBroken)?;
        let (mut parts, body) = self.client.request(onward).await.map_err(|_| ConnectionBroken)?.into_parts();
        let body = body.collect().await.map_err(|_| ConnectionBroken)?.to_bytes();
        let body = tls::after(&asked, parts.status.as_u16(), body);
        let (status, body) = self.faults.after(&asked, parts.status.as_u16(), body);
        let (played, body) = route_answer(&asked, status, &parts.headers, body).await;
        parts.status = played.map_or_else(|| StatusCode::from_u16(status), Ok).map_err(|_| ConnectionBroken)?;
        self.log(&asked, status, began);
        for stale in ["transfer-encoding", "content-length"] {
            parts.headers.remove(stale);
        }
        Ok(Response::from_parts(parts, Full::new(body)))
    }

    fn log(&self, asked: &AwsRequest, status: u16, began: Instant) {
        let (name, writes, ended) = (asked.name(), asked.writes(), Instant::now());
        self.calls.lock().unwrap().push(Call { name, writes, status, began, ended, sent: asked.clone() });
    }
}

/// AWS's refusal of a request that the emulator would accept.
fn aws_rules(asked: &AwsRequest) -> Option<Fault> {
    let Some((rule, fault)) = refusal(asked) else { return tls::before(asked) };
    record_violation(asked, rule);
    Some(fault)
}

/// AWS's answer to a call of a route, where the emulator's answer differs.
async fn route_answer(
    asked: &AwsRequest,
    status: u16,
    headers: &HeaderMap,
    body: Bytes,
) -> (Option<StatusCode>, Bytes) {
    let (asked, headers) = (asked.clone(), headers.clone());
    let played = tokio::task::spawn_blocking(move || routes::after(&asked, status, &headers)).await;
    match played.ok().flatten() {
        Some((status, body)) => (Some(status), body),
        None => (None, body),
    }
}

#[derive(Debug)]
struct ConnectionBroken;
impl std::fmt::Display for ConnectionBroken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection broke")
    }
}
impl std::error::Error for ConnectionBroken {}

/// The longest chain of calls in which each call began after the previous one ended. Its length is the number of
/// sequential round trips.
pub fn longest_chain(calls: &[Call]) -> Vec<&Call> {
    let mut by_end: Vec<&Call> = calls.iter().collect();
    by_end.sort_by_key(|call| call.ended);
    let mut row: Vec<&Call> = Vec::new();
    for call in by_end {
        if row.last().is_none_or(|last| call.began >= last.ended) {
            row.push(call);
        }
    }
    row
}
