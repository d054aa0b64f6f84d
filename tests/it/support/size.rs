//! A large stack, and a fault injector that enforces AWS's published rates.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::facts::recorded_refusal;
use super::program::User;
use super::proxy::{AwsRequest, Call, CallOutcome, FaultInjector};

/// The size of a stack. AWS allows an API 300 paths and 10 authorizers.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub routes: usize,
    pub functions: usize,
    pub pools: usize,
}

impl Size {
    pub fn stack_file(self) -> String {
        let mut text = String::from("[stack]\nname = \"size\"\n\n[topics.news]\n\n");
        for number in 0..self.functions {
            text += &format!("[functions.F{number}]\nsource = \"lambdas/f{number}\"\npublishes = [\"news\"]\n\n");
        }
        for number in 0..self.pools {
            text += &format!("[pools.P{number}]\n\n");
        }
        text += "[api]\nstage = \"development\"\n\n";
        for number in 0..self.routes {
            let (function, pool) = (number % self.functions, number % self.pools);
            text += &format!(
                "[[api.routes]]\nroute = \"POST /r{number}\"\nfunction = \"F{function}\"\npool = \"P{pool}\"\n\n"
            );
        }
        text + "[firewall]\nmode = \"count\"\naddresses = [\"203.0.113.7/32\"]\n"
    }

    /// Writes the stack file and the functions into a user's folder.
    pub fn write(self, user: &User) {
        for number in 0..self.functions {
            let source = format!("export const handler = async () => ({{ statusCode: 200, body: '{number}' }});\n");
            user.write(format!("lambdas/f{number}/index.mjs"), &source);
        }
        user.write("securelambda.toml", &self.stack_file());
    }
}

/// How early a call may arrive because of jitter. The next call must then arrive later by the same time.
const JITTER: Duration = Duration::from_millis(100);

/// A rate: its name, the number of calls, in how many seconds, and the burst.
pub type Rate = (&'static str, f64, f64, f64);

/// AWS's rates at a time scale. A call above the rate is answered with 429.
pub struct PublishedRates {
    time_scale: f64,
    jitter: Duration,
    buckets: Mutex<BTreeMap<&'static str, (f64, Instant)>>,
}

impl PublishedRates {
    pub fn new(time_scale: f64) -> Self {
        Self { time_scale, jitter: JITTER, buckets: Mutex::default() }
    }

    /// For a busy machine, which may delay the proxy by this much.
    pub fn with_jitter(self, jitter: Duration) -> Self {
        Self { jitter, ..self }
    }

    /// The rates that a call counts against (docs/aws.md, Published rates).
    fn of(asked: &AwsRequest) -> Vec<Rate> {
        let api = ("API Gateway", 10.0, 1.0, 40.0);
        match (asked.service.as_str(), asked.operation.as_str()) {
            ("apigateway", "CreateRestApi") => vec![("CreateRestApi", 1.0, 3.0, 1.0), api],
            ("apigateway", "DeleteRestApi") => vec![("DeleteRestApi", 1.0, 30.0, 1.0), api],
            ("apigateway", "CreateDeployment") => vec![("CreateDeployment", 1.0, 5.0, 1.0), api],
            ("apigateway", "CreateResource" | "DeleteResource") => vec![("paths", 5.0, 1.0, 5.0), api],
            ("apigateway", "GetResources") => vec![("GetResources", 5.0, 2.0, 5.0), api],
            ("apigateway" | "apigatewayv2", _) => vec![api],
            ("lambda", "GetFunction") => vec![("GetFunction", 100.0, 1.0, 100.0)],
            ("lambda", "GetPolicy") => vec![("GetPolicy", 15.0, 1.0, 15.0)],
            ("lambda", _) => vec![("Lambda", 15.0, 1.0, 15.0)],
            ("wafv2", "AssociateWebACL") => vec![("AssociateWebACL", 1.0, 2.0, 1.0)],
            ("wafv2", "DisassociateWebACL") => vec![("DisassociateWebACL", 1.0, 2.0, 1.0)],
            ("wafv2", "CreateWebACL") => vec![("CreateWebACL", 1.0, 1.0, 1.0)],
            ("wafv2", "CreateIPSet") => vec![("CreateIPSet", 1.0, 1.0, 1.0)],
            ("wafv2", "GetWebACLForResource") => vec![("GetWebACLForResource", 1.0, 1.0, 1.0)],
            ("cognito-idp", "CreateUserPool") => vec![("CreateUserPool", 15.0, 1.0, 15.0)],
            ("cognito-idp", "CreateUserPoolClient") => vec![("CreateUserPoolClient", 15.0, 1.0, 15.0)],
            ("logs", "CreateLogGroup") => vec![("CreateLogGroup", 10.0, 1.0, 10.0)],
            ("logs", "PutRetentionPolicy") => vec![("PutRetentionPolicy", 5.0, 1.0, 5.0)],
            ("logs", "FilterLogEvents") => vec![("FilterLogEvents", 5.0, 1.0, 5.0)],
            ("logs", "ListTagsForResource") => vec![("ListTagsForResource", 5.0, 1.0, 5.0)],
            ("logs", "DescribeLogGroups") => vec![("DescribeLogGroups", 10.0, 1.0, 10.0)],
            _ => Vec::new(),
        }
    }

    /// Takes one token, if there is one.
    pub fn has_room(&self, (name, calls, seconds, burst): Rate, now: Instant) -> bool {
        let a_second = calls / (seconds * self.time_scale);
        let mut buckets = self.buckets.lock().unwrap();
        let (tokens, since) = buckets.entry(name).or_insert((burst, now));
        *tokens = (*tokens + now.duration_since(*since).as_secs_f64() * a_second).min(burst);
        *since = now;
        let room = *tokens >= 1.0 - self.jitter.as_secs_f64() * a_second;
        *tokens -= if room { 1.0 } else { 0.0 };
        room
    }
}

impl FaultInjector for PublishedRates {
    fn before(&self, asked: &AwsRequest) -> CallOutcome {
        let now = Instant::now();
        if Self::of(asked).into_iter().all(|rate| self.has_room(rate, now)) {
            return CallOutcome::Passed;
        }
        CallOutcome::Refused(recorded_refusal("api-throttled", &[]))
    }
}

/// The shortest time that the rates allow for these calls: the sum for paths, the rest of the API, and permissions, because
/// these wait for each other.
pub fn minimum_time(calls: &[Call], time_scale: f64) -> Duration {
    let count = |wanted: &dyn Fn(&str) -> bool| {
        f64::from(u32::try_from(calls.iter().filter(|call| wanted(&call.name)).count()).unwrap())
    };
    let beyond = |calls: f64, a_second: f64, burst: f64| (calls - burst).max(0.0) / a_second;
    let paths = count(&|name| name == "apigateway CreateResource");
    let rest = count(&|name| name.starts_with("apigateway ")) - paths;
    let permissions = count(&|name| name == "lambda AddPermission");
    let seconds = beyond(paths, 5.0, 5.0) + beyond(rest, 10.0, 40.0) + beyond(permissions, 15.0, 15.0);
    Duration::from_secs_f64(seconds * time_scale)
}

/// How long at least one call was in flight.
pub fn time_in_calls(calls: &[Call]) -> Duration {
    let mut spans: Vec<(Instant, Instant)> = calls.iter().map(|call| (call.began, call.ended)).collect();
    spans.sort();
    let (mut sum, mut until) = (Duration::ZERO, None::<Instant>);
    for (began, ended) in spans {
        let from = until.map_or(began, |until| began.max(until));
        sum += ended.saturating_duration_since(from);
        until = Some(until.map_or(ended, |until| until.max(ended)));
    }
    sum
}

/// How many calls were refused because of a rate.
pub fn throttled(calls: &[Call]) -> usize {
    calls.iter().filter(|call| call.status == 429).count()
}
