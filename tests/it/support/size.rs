//! A stack as large as it gets, and AWS's published rates to build it under.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::facts::played;
use super::program::User;
use super::proxy::{Asked, Call, CallOutcome, FaultInjector};

/// How much of everything. AWS lets an API have 300 paths and 10 authorizers.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub routes: usize,
    pub functions: usize,
    pub pools: usize,
}

impl Size {
    /// Its stack file.
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

    /// Writes it, and its functions, into a user's folder.
    pub fn write(self, user: &User) {
        for number in 0..self.functions {
            let source = format!("export const handler = async () => ({{ statusCode: 200, body: '{number}' }});\n");
            user.write(format!("lambdas/f{number}/index.mjs"), &source);
        }
        user.write("securelambda.toml", &self.stack_file());
    }
}

/// How far a call may come early for the road's sake, unless said otherwise. What it takes is owed.
const ROAD: Duration = Duration::from_millis(100);

/// Its name, calls, seconds, burst.
pub type Rate = (&'static str, f64, f64, f64);

/// AWS's rates, with seconds as long as a run's tempo has them. Who is faster is told 429.
pub struct PublishedRates {
    time_scale: f64,
    road: Duration,
    buckets: Mutex<BTreeMap<&'static str, (f64, Instant)>>,
}

impl PublishedRates {
    pub fn new(time_scale: f64) -> Self {
        Self { time_scale, road: ROAD, buckets: Mutex::default() }
    }

    /// On a machine with other work to do, which may hold up the proxy for so long.
    pub fn beside_others(self, road: Duration) -> Self {
        Self { road, ..self }
    }

    /// The rates that a call counts towards (docs/aws.md, Published rates).
    fn of(asked: &Asked) -> Vec<Rate> {
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

    /// Whether there is room for one more call.
    pub fn has_room(&self, (name, calls, seconds, burst): Rate, now: Instant) -> bool {
        let a_second = calls / (seconds * self.time_scale);
        let mut buckets = self.buckets.lock().unwrap();
        let (tokens, since) = buckets.entry(name).or_insert((burst, now));
        *tokens = (*tokens + now.duration_since(*since).as_secs_f64() * a_second).min(burst);
        *since = now;
        let room = *tokens >= 1.0 - self.road.as_secs_f64() * a_second;
        *tokens -= if room { 1.0 } else { 0.0 };
        room
    }
}

impl FaultInjector for PublishedRates {
    fn before(&self, asked: &Asked) -> CallOutcome {
        let now = Instant::now();
        if Self::of(asked).into_iter().all(|rate| self.has_room(rate, now)) {
            return CallOutcome::Passed;
        }
        CallOutcome::Refused(played("api-throttled", &[]))
    }
}

/// The least time in which these calls can be made: each rate's calls one after the other, and of the rates that have
/// to wait for each other (paths, then the rest of the API, then the permissions) the sum.
pub fn least(calls: &[Call], time_scale: f64) -> Duration {
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

/// For how long at least one call was under way.
pub fn under_way(calls: &[Call]) -> Duration {
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

/// How many calls were refused for coming too fast.
pub fn throttled(calls: &[Call]) -> usize {
    calls.iter().filter(|call| call.status == 429).count()
}
