//! AWS's manners, which emulators lack: what is new is not seen everywhere at once, what is old still counts, writes
//! that meet are refused, and there are rates. Each manner is learned from the calls that pass, and plays what AWS
//! would have answered, in its own words.

mod apigateway;
mod bad_luck;
mod cognito;
mod iam;
mod lambda;
mod lists;
mod logs;
mod rates;
mod secrets;
mod sns;
mod waf;

pub use bad_luck::BadLuck;
pub use cognito::Domain;

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use serde_json::Value;

use super::facts::played_to;
use super::proxy::{Asked, CallOutcome, FaultInjector};

/// One way AWS has.
pub trait ConsistencyRule: Send {
    /// In the table of those that were met.
    fn name(&self) -> &'static str;

    /// Hears a call before it is carried out.
    fn before(&mut self, _asked: &Asked) -> Verdict {
        Verdict::Silent
    }

    /// Nothing was said against the call: it is carried out now.
    fn passed(&mut self, _asked: &Asked) {}

    /// Hears the answer, and may change it: then `true`.
    fn after(&mut self, _asked: &Asked, _answer: &mut Answer) -> bool {
        false
    }
}

/// What a manner has to say of a call.
pub enum Verdict {
    /// It is none of its business.
    Silent,
    /// It might have refused it, and found nothing wrong.
    Kept,
    /// This becomes of it.
    Says(CallOutcome),
}

/// A refusal of this call, by its id in `tests/it/facts`, with these names filled in.
#[track_caller]
pub fn refuse(asked: &Asked, id: &str, names: &[(&str, &str)]) -> Verdict {
    Verdict::Says(CallOutcome::Refused(played_to(asked, id, names)))
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

/// How long AWS's seconds last here.
#[derive(Clone, Copy)]
pub struct Clock(pub f64);

impl Clock {
    pub fn of(self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds * self.0)
    }

    /// How many of AWS's whole seconds that is, at least.
    pub fn seconds(self, time: Duration) -> u64 {
        let seconds = (time.as_secs_f64() / self.0).ceil();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few minutes at most")]
        let seconds = seconds as u64;
        seconds.max(1)
    }
}

/// What holds for a while, by what it holds of.
///
/// The time runs from the first question about it, so that a wait is met however slow the machine is.
pub struct Window {
    lasts: Duration,
    ends: HashMap<String, Option<Instant>>,
}

impl Window {
    pub fn new(clock: Clock, seconds: f64) -> Self {
        Self { lasts: clock.of(seconds), ends: HashMap::new() }
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

    /// Whether it holds of any of these; asks about all.
    pub fn holds_any<'a>(&mut self, of: impl IntoIterator<Item = &'a str>) -> bool {
        of.into_iter().map(|one| self.holds(one)).filter(|holds| *holds).count() > 0
    }
}

/// How often a manner showed.
#[derive(Default, Clone, Copy)]
struct Tally {
    /// It refused a call or changed an answer.
    met: usize,
    /// It might have.
    kept: usize,
}

/// All manners together.
pub struct Manners {
    all: Mutex<Vec<(Box<dyn ConsistencyRule>, Tally)>>,
    harm: Harm,
}

/// What the program did that AWS would have taken silently, to the user's harm.
#[derive(Clone, Default)]
pub struct Harm(Arc<Mutex<Vec<String>>>);

impl Harm {
    pub fn done(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }
}

impl Manners {
    /// AWS on a bad day, at a tempo.
    pub fn all(time_scale: f64) -> Arc<Self> {
        let (clock, harm) = (Clock(time_scale), Harm::default());
        let mut all = vec![rates::all(clock)];
        all.extend([
            iam::all(clock),
            lambda::all(clock, &harm),
            waf::all(clock),
            cognito::all(clock, &harm),
            secrets::all(clock),
            logs::all(clock),
            sns::all(clock),
            apigateway::all(clock),
            lists::all(clock),
            vec![Box::new(BadLuck::collisions()) as Box<dyn ConsistencyRule>, Box::new(BadLuck::lost_answers())],
        ]);
        Self::of(all.into_iter().flatten().collect(), harm)
    }

    /// Just these.
    pub fn only(manners: Vec<Box<dyn ConsistencyRule>>) -> Arc<Self> {
        Self::of(manners, Harm::default())
    }

    fn of(manners: Vec<Box<dyn ConsistencyRule>>, harm: Harm) -> Arc<Self> {
        let all = Mutex::new(manners.into_iter().map(|manner| (manner, Tally::default())).collect());
        Arc::new(Self { all, harm })
    }

    /// Every manner, how often it was met, and how often it found nothing to refuse.
    pub fn table(&self) -> String {
        let all = self.all.lock().unwrap();
        all.iter().fold(format!("{:>5} {:>5}  manner\n", "met", "kept"), |mut table, (manner, tally)| {
            writeln!(table, "{:>5} {:>5}  {}", tally.met, tally.kept, manner.name()).unwrap();
            table
        })
    }

    /// The manners that had no occasion to show.
    pub fn unmet(&self) -> Vec<&'static str> {
        let all = self.all.lock().unwrap();
        let unmet = all.iter().filter(|(_, tally)| tally.met + tally.kept == 0);
        unmet.map(|(manner, _)| manner.name()).collect()
    }

    /// What would have been lost.
    pub fn harm(&self) -> Vec<String> {
        self.harm.0.lock().unwrap().clone()
    }
}

impl FaultInjector for Manners {
    fn before(&self, asked: &Asked) -> CallOutcome {
        if !asked.is_control_plane() {
            return CallOutcome::Passed;
        }
        let mut all = self.all.lock().unwrap();
        let mut outcome = CallOutcome::Passed;
        for (manner, tally) in all.iter_mut() {
            match manner.before(asked) {
                Verdict::Silent => {}
                Verdict::Kept => tally.kept += 1,
                Verdict::Says(says) => {
                    tally.met += 1;
                    let carried_out =
                        !matches!(says, CallOutcome::Refused(_) | CallOutcome::Answered(..) | CallOutcome::Lost);
                    outcome = says;
                    if !carried_out {
                        return outcome;
                    }
                }
            }
        }
        for (manner, _) in all.iter_mut() {
            manner.passed(asked);
        }
        outcome
    }

    fn after(&self, asked: &Asked, status: u16, body: Bytes) -> (u16, Bytes) {
        let mut answer = Answer { status, body };
        if asked.is_control_plane() {
            for (manner, tally) in self.all.lock().unwrap().iter_mut() {
                tally.met += usize::from(manner.after(asked, &mut answer));
            }
        }
        (answer.status, answer.body)
    }
}

/// The last segment of an ARN or a path.
pub fn last(text: &str) -> &str {
    text.rsplit(['/', ':']).next().unwrap_or(text)
}
