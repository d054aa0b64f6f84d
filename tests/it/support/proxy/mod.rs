//! A reverse proxy between the program and the emulator that sees every call: it can delay each, refuse it in AWS's own
//! words, lose it or its answer, and remembers which was made when.

mod asked;
mod fault;
pub mod models;

pub use asked::Asked;
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

use super::aws_rules::{note, refusal, routes, tls};

/// One call that was answered, or would have been had its answer not been lost.
#[derive(Debug, Clone)]
pub struct Call {
    /// `iam CreateRole`.
    pub name: String,
    /// It may have changed something.
    pub writes: bool,
    pub status: u16,
    pub began: Instant,
    pub ended: Instant,
    /// What it was asked for with.
    pub sent: Asked,
}

/// What decides the fate of calls.
pub trait FaultInjector: Send + Sync {
    /// Of this one, before it reaches the emulator.
    fn before(&self, asked: &Asked) -> CallOutcome;

    /// Hears the emulator's status and body, and may answer with something else.
    fn after(&self, _asked: &Asked, status: u16, body: Bytes) -> (u16, Bytes) {
        (status, body)
    }

    /// May change the headers that a request is passed on with.
    fn onward(&self, _asked: &Asked, _headers: &mut HeaderMap) {}

    /// What time it is there, for the `Date` of answers, if not this machine's.
    fn date(&self) -> Option<String> {
        None
    }
}

impl<F: Fn(&Asked) -> CallOutcome + Send + Sync> FaultInjector for F {
    fn before(&self, asked: &Asked) -> CallOutcome {
        self(asked)
    }
}

/// What becomes of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// It is passed on.
    Passed,
    /// It is passed on after some time.
    Deferred(Duration),
    /// It never arrives: AWS refuses it.
    Refused(Fault),
    /// It never arrives, and is answered with this status and body.
    Answered(u16, Bytes),
    /// It is carried out, and answered with this.
    Belied(Fault),
    /// It never arrives: the connection breaks before it.
    Lost,
    /// It is carried out, and the answer is lost.
    Unanswered,
    /// It is carried out, and answered after this time.
    Slow(Duration),
    /// It never arrives and is never answered, as when the program is killed before it.
    HungBefore,
    /// It is carried out and never answered, as when the program is killed after it.
    HungAfter,
}

/// The proxy.
pub struct Proxy {
    /// Where the program is sent.
    pub endpoint: String,
    calls: Arc<Mutex<Vec<Call>>>,
    hung: Arc<Notify>,
    runtime: tokio::runtime::Runtime,
}

impl Proxy {
    /// In front of `upstream`, each call delayed by `delay`.
    pub fn new(upstream: &str, delay: Duration) -> Self {
        Self::with_faults(upstream, delay, Arc::new(|_: &Asked| CallOutcome::Passed))
    }

    /// In front of `upstream`, with a fate for every call.
    pub fn with_faults(upstream: &str, delay: Duration, faults: Arc<dyn FaultInjector>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (calls, hung) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
        let listener = runtime.block_on(TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let way = Arc::new(Way {
            client: hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http(),
            upstream: super::emulator::straight(upstream),
            delay,
            faults,
            numbered: AtomicUsize::new(0),
            calls: Arc::clone(&calls),
            hung: Arc::clone(&hung),
        });
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let way = Arc::clone(&way);
                let service = service_fn(move |request| Arc::clone(&way).dated_answer(request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
            Ok::<(), Infallible>(())
        });
        Self { endpoint, calls, hung, runtime }
    }

    /// In front of the emulator, where the first call with this in its name meets this fate.
    pub fn where_first(call: &'static str, outcome: CallOutcome) -> Self {
        let met = AtomicBool::new(false);
        let faults = move |asked: &Asked| {
            let first = asked.name().contains(call) && !met.swap(true, Ordering::Relaxed);
            if first { outcome.clone() } else { CallOutcome::Passed }
        };
        Self::with_faults(&super::emulator::endpoint(), Duration::ZERO, Arc::new(faults))
    }

    /// Waits until a call hangs or is late; `false` if none does within this time.
    pub fn hangs_within(&self, time: Duration) -> bool {
        self.runtime.block_on(async { tokio::time::timeout(time, self.hung.notified()).await.is_ok() })
    }

    /// The calls since the last time they were taken, in the order they were answered.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

/// From the program to the emulator and back.
struct Way {
    client: Client<HttpConnector, Full<Bytes>>,
    upstream: String,
    delay: Duration,
    faults: Arc<dyn FaultInjector>,
    numbered: AtomicUsize,
    calls: Arc<Mutex<Vec<Call>>>,
    hung: Arc<Notify>,
}

impl Way {
    async fn dated_answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Broken> {
        let mut answer = Arc::clone(&self).answer(request).await?;
        if let Some(date) = self.faults.date() {
            answer.headers_mut().insert("date", date.parse().map_err(|_| Broken)?);
        }
        Ok(answer)
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Broken> {
        let began = Instant::now();
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
        let asked = Asked::new(self.numbered.fetch_add(1, Ordering::Relaxed) + 1, &parts, body);
        models::hear(&asked);
        let outcome = aws_rules(&asked).map_or_else(|| self.faults.before(&asked), CallOutcome::Refused);
        match &outcome {
            CallOutcome::Lost => return Err(Broken),
            CallOutcome::Refused(fault) => {
                self.log(&asked, fault.status, began);
                return Ok(fault.answer(&asked.service));
            }
            CallOutcome::Answered(status, body) => {
                self.log(&asked, *status, began);
                let answer = Response::builder().status(*status).header("content-type", "application/json");
                return answer.body(Full::new(body.clone())).map_err(|_| Broken);
            }
            CallOutcome::Deferred(more) => tokio::time::sleep(*more).await,
            CallOutcome::HungBefore => {
                self.hung.notify_one();
                std::future::pending::<()>().await;
            }
            _ => {}
        }
        tokio::time::sleep(self.delay).await;
        // What has arrived is carried out, and known to be, even if the program is killed meanwhile.
        let carried_out = tokio::spawn(Arc::clone(&self).carry_out(asked.clone(), parts.headers, began));
        let answer = carried_out.await.map_err(|_| Broken)??;
        match outcome {
            CallOutcome::Belied(fault) => return Ok(fault.answer(&asked.service)),
            CallOutcome::Unanswered => return Err(Broken),
            CallOutcome::HungAfter => {
                self.hung.notify_one();
                std::future::pending::<()>().await;
            }
            CallOutcome::Slow(time) => {
                self.hung.notify_one();
                tokio::time::sleep(time).await;
            }
            _ => {}
        }
        Ok(answer)
    }

    async fn carry_out(
        self: Arc<Self>,
        asked: Asked,
        headers: HeaderMap,
        began: Instant,
    ) -> Result<Response<Full<Bytes>>, Broken> {
        let mut onward =
            Request::builder().method(asked.method.as_str()).uri(format!("{}{}", self.upstream, asked.path));
        if let Some(passed) = onward.headers_mut() {
            // The Host header too: it is part of what was signed.
            *passed = headers;
            self.faults.onward(&asked, passed);
        }
        let onward = onward.body(Full::new(asked.body.clone())).map_err(|_| Broken)?;
        let (mut parts, body) = self.client.request(onward).await.map_err(|_| Broken)?.into_parts();
        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
        let body = tls::after(&asked, parts.status.as_u16(), body);
        let (status, body) = self.faults.after(&asked, parts.status.as_u16(), body);
        let (played, body) = on_the_way(&asked, status, &parts.headers, body).await;
        parts.status = played.map_or_else(|| StatusCode::from_u16(status), Ok).map_err(|_| Broken)?;
        self.log(&asked, status, began);
        for stale in ["transfer-encoding", "content-length"] {
            parts.headers.remove(stale);
        }
        Ok(Response::from_parts(parts, Full::new(body)))
    }

    fn log(&self, asked: &Asked, status: u16, began: Instant) {
        let (name, writes, ended) = (asked.name(), asked.writes(), Instant::now());
        self.calls.lock().unwrap().push(Call { name, writes, status, began, ended, sent: asked.clone() });
    }
}

/// How AWS refuses a request that the emulator takes.
fn aws_rules(asked: &Asked) -> Option<Fault> {
    let Some((rule, fault)) = refusal(asked) else { return tls::before(asked) };
    note(asked, rule);
    Some(fault)
}

/// What AWS answers to a call of a route, where the emulator answers something else.
async fn on_the_way(asked: &Asked, status: u16, headers: &HeaderMap, body: Bytes) -> (Option<StatusCode>, Bytes) {
    let (asked, headers) = (asked.clone(), headers.clone());
    let played = tokio::task::spawn_blocking(move || routes::after(&asked, status, &headers)).await;
    match played.ok().flatten() {
        Some((status, body)) => (Some(status), body),
        None => (None, body),
    }
}

/// The connection breaks.
#[derive(Debug)]
struct Broken;
impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection broke")
    }
}
impl std::error::Error for Broken {}

/// The longest row of calls each of which began after the one before had ended: its length is how many round trips deep
/// the work was.
pub fn longest_row(calls: &[Call]) -> Vec<&Call> {
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
