//! Behaviours of AWS that emulators do not have: new resources are not visible everywhere at once, deleted ones are
//! visible for a while, concurrent writes are refused, and calls are limited by rates. Each rule observes the calls
//! that pass and answers as AWS would, with AWS's error.

mod apigateway;
mod cognito;
mod dynamodb;
mod iam;
mod lambda;
mod lists;
mod logs;
mod occasional;
mod rates;
mod secrets;
mod sns;
mod sqs;
mod waf;

pub use cognito::Domain;
pub use occasional::OccasionalFaults;

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use serde_json::Value;

use super::facts::recorded_refusal_of;
use super::proxy::{AwsRequest, CallOutcome, FaultInjector};

/// One behaviour of AWS.
pub trait ConsistencyRule: Send {
    /// The rule's name in the report.
    fn name(&self) -> &'static str;

    /// Decides about a call before it is carried out.
    fn before(&mut self, _asked: &AwsRequest) -> Verdict {
        Verdict::NotConcerned
    }

    /// Is called when no rule refused the call, which is now carried out.
    fn passed(&mut self, _asked: &AwsRequest) {}

    /// Receives the answer and may change it. Returns `true` if it did.
    fn after(&mut self, _asked: &AwsRequest, _answer: &mut Answer) -> bool {
        false
    }
}

/// The decision of a rule about a call.
pub enum Verdict {
    /// The rule does not apply.
    NotConcerned,
    /// The rule applies and does not refuse the call.
    Allows,
    /// The call has this outcome.
    Decides(CallOutcome),
}

/// Refuses a call with the error of this id in `tests/it/facts`, with these names filled in.
#[track_caller]
pub fn refuse(request: &AwsRequest, id: &str, names: &[(&str, &str)]) -> Verdict {
    Verdict::Decides(CallOutcome::Refused(recorded_refusal_of(request, id, names)))
}

/// The emulator's answer.
pub struct Answer {
    pub status: u16,
    pub body: Bytes,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        self.status < 300
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub fn set(&mut self, body: &Value) {
        self.body = Bytes::from(body.to_string());
    }
}

/// How long one of AWS's seconds lasts in a test.
#[derive(Clone, Copy)]
pub struct TimeScale(pub f64);

impl TimeScale {
    pub fn of(self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds * self.0)
    }

    /// A duration in AWS's seconds, rounded up, at least 1.
    pub fn seconds(self, time: Duration) -> u64 {
        let seconds = (time.as_secs_f64() / self.0).ceil();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few minutes at most")]
        let seconds = seconds as u64;
        seconds.max(1)
    }
}

/// Conditions that hold for a limited time, by subject.
///
/// The time runs from the first query, so that the program meets the condition even on a slow machine.
pub struct Window {
    lasts: Duration,
    ends: HashMap<String, Option<Instant>>,
}

impl Window {
    pub fn new(time_scale: TimeScale, seconds: f64) -> Self {
        Self { lasts: time_scale.of(seconds), ends: HashMap::new() }
    }

    pub fn begin(&mut self, of: impl Into<String>) {
        self.ends.insert(of.into(), None);
    }

    pub fn end(&mut self, of: &str) {
        self.ends.remove(of);
    }

    pub fn holds(&mut self, of: &str) -> bool {
        let Some(end) = self.ends.get_mut(of) else { return false };
        let now = Instant::now();
        let holds = now < *end.get_or_insert(now + self.lasts);
        if !holds {
            self.ends.remove(of);
        }
        holds
    }

    /// Whether the condition holds for any of these. Queries all of them.
    pub fn holds_any<'a>(&mut self, of: impl IntoIterator<Item = &'a str>) -> bool {
        of.into_iter().map(|one| self.holds(one)).filter(|holds| *holds).count() > 0
    }
}

/// How often a rule applied.
#[derive(Default, Clone, Copy)]
struct Tally {
    /// How often the rule refused a call or changed an answer.
    met: usize,
    /// How often the rule applied and did nothing.
    allowed: usize,
}

/// Several rules as one fault injector.
pub struct ConsistencyRules {
    all: Mutex<Vec<(Box<dyn ConsistencyRule>, Tally)>>,
    damage: SilentDamage,
}

/// Calls of the program that AWS would accept although they damage resources of the user.
#[derive(Clone, Default)]
pub struct SilentDamage(Arc<Mutex<Vec<String>>>);

impl SilentDamage {
    pub fn report(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }
}

impl ConsistencyRules {
    /// All rules, at a time scale.
    pub fn all(time_scale: f64) -> Arc<Self> {
        let (time_scale, damage) = (TimeScale(time_scale), SilentDamage::default());
        let mut all = vec![rates::all(time_scale)];
        all.extend([
            iam::all(time_scale),
            lambda::all(time_scale, &damage),
            waf::all(time_scale),
            cognito::all(time_scale, &damage),
            secrets::all(time_scale),
            logs::all(time_scale),
            sns::all(time_scale),
            sqs::all(time_scale),
            dynamodb::all(time_scale),
            apigateway::all(time_scale),
            lists::all(time_scale),
            vec![
                Box::new(OccasionalFaults::collisions()) as Box<dyn ConsistencyRule>,
                Box::new(OccasionalFaults::lost_answers()),
            ],
        ]);
        Self::of(all.into_iter().flatten().collect(), damage)
    }

    /// Only these rules.
    pub fn only(rules: Vec<Box<dyn ConsistencyRule>>) -> Arc<Self> {
        Self::of(rules, SilentDamage::default())
    }

    fn of(rules: Vec<Box<dyn ConsistencyRule>>, damage: SilentDamage) -> Arc<Self> {
        let all = Mutex::new(rules.into_iter().map(|rule| (rule, Tally::default())).collect());
        Arc::new(Self { all, damage })
    }

    /// The report: how often each rule was met, and how often it applied and did nothing.
    pub fn table(&self) -> String {
        let all = self.all.lock().unwrap();
        all.iter().fold(format!("{:>5} {:>7}  rule\n", "met", "allowed"), |mut table, (rule, tally)| {
            writeln!(table, "{:>5} {:>7}  {}", tally.met, tally.allowed, rule.name()).unwrap();
            table
        })
    }

    /// The names of the rules that never applied.
    pub fn unmet(&self) -> Vec<&'static str> {
        let all = self.all.lock().unwrap();
        let unmet = all.iter().filter(|(_, tally)| tally.met + tally.allowed == 0);
        unmet.map(|(rule, _)| rule.name()).collect()
    }

    /// The damage that AWS would not have reported.
    pub fn damage(&self) -> Vec<String> {
        self.damage.0.lock().unwrap().clone()
    }
}

impl FaultInjector for ConsistencyRules {
    fn before(&self, request: &AwsRequest) -> CallOutcome {
        if !request.is_control_plane() {
            return CallOutcome::Passed;
        }
        let mut all = self.all.lock().unwrap();
        let mut outcome = CallOutcome::Passed;
        for (rule, tally) in all.iter_mut() {
            match rule.before(request) {
                Verdict::NotConcerned => {}
                Verdict::Allows => tally.allowed += 1,
                Verdict::Decides(says) => {
                    tally.met += 1;
                    let carried_out = !matches!(
                        says,
                        CallOutcome::Refused(_) | CallOutcome::Answered(..) | CallOutcome::ConnectionLost
                    );
                    outcome = says;
                    if !carried_out {
                        return outcome;
                    }
                }
            }
        }
        for (rule, _) in all.iter_mut() {
            rule.passed(request);
        }
        outcome
    }

    fn after(&self, request: &AwsRequest, status: u16, body: Bytes) -> (u16, Bytes) {
        let mut answer = Answer { status, body };
        if request.is_control_plane() {
            for (rule, tally) in self.all.lock().unwrap().iter_mut() {
                tally.met += usize::from(rule.after(request, &mut answer));
            }
        }
        (answer.status, answer.body)
    }
}

/// The last segment of an ARN or a path.
pub fn last(text: &str) -> &str {
    text.rsplit(['/', ':']).next().unwrap_or(text)
}
