//! The published rates of an account's control planes, which cannot be raised (docs/aws.md, Published rates).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{ConsistencyRule, TimeScale, Verdict};
use crate::support::facts::recorded_refusal;
use crate::support::proxy::{AwsRequest, CallOutcome, Fault};

pub fn all(time_scale: TimeScale) -> Vec<Box<dyn ConsistencyRule>> {
    vec![
        Box::new(Rates::new("API Gateway: its rates", "apigateway", time_scale, api_gateway)),
        Box::new(Rates::new("Lambda: its rates", "lambda", time_scale, lambda)),
        Box::new(Rates::new("WAF: its rates", "wafv2", time_scale, waf)),
    ]
}

/// A bucket's name, and how many calls it allows in how many seconds.
type Rate = (&'static str, f64, f64);

fn api_gateway(operation: &str) -> Rate {
    match operation {
        "CreateRestApi" => ("CreateRestApi", 1.0, 3.0),
        "DeleteRestApi" => ("DeleteRestApi", 1.0, 30.0),
        "CreateDeployment" => ("CreateDeployment", 1.0, 5.0),
        "CreateResource" => ("CreateResource", 5.0, 1.0),
        "DeleteResource" => ("DeleteResource", 5.0, 1.0),
        "GetResources" => ("GetResources", 5.0, 2.0),
        "CreateApiKey" => ("CreateApiKey", 5.0, 1.0),
        "DeleteApiKey" => ("DeleteApiKey", 5.0, 1.0),
        "UpdateUsagePlan" => ("UpdateUsagePlan", 1.0, 20.0),
        // Ten a second, with a burst of forty.
        _ => ("all others", 40.0, 4.0),
    }
}

fn lambda(operation: &str) -> Rate {
    match operation {
        "GetFunction" => ("GetFunction", 100.0, 1.0),
        "GetPolicy" => ("GetPolicy", 15.0, 1.0),
        _ => ("all others", 15.0, 1.0),
    }
}

fn waf(operation: &str) -> Rate {
    match operation {
        "AssociateWebACL" => ("AssociateWebACL", 1.0, 2.0),
        "DisassociateWebACL" => ("DisassociateWebACL", 1.0, 2.0),
        "GetWebACLForResource" => ("GetWebACLForResource", 1.0, 1.0),
        "ListResourcesForWebACL" => ("ListResourcesForWebACL", 1.0, 1.0),
        "CreateWebACL" => ("CreateWebACL", 1.0, 1.0),
        "UpdateWebACL" => ("UpdateWebACL", 1.0, 1.0),
        "DeleteWebACL" => ("DeleteWebACL", 1.0, 1.0),
        "CreateIPSet" => ("CreateIPSet", 1.0, 1.0),
        "UpdateIPSet" => ("UpdateIPSet", 1.0, 1.0),
        "DeleteIPSet" => ("DeleteIPSet", 1.0, 1.0),
        "GetWebACL" => ("GetWebACL", 5.0, 1.0),
        "GetIPSet" => ("GetIPSet", 5.0, 1.0),
        "ListWebACLs" => ("ListWebACLs", 5.0, 1.0),
        "ListIPSets" => ("ListIPSets", 5.0, 1.0),
        _ => ("all others", 10.0, 1.0),
    }
}

/// How much of a token may be missing when a call arrives, because of jitter. It is deducted from the next tokens.
const TOLERANCE: f64 = 0.3;

/// The token buckets of one service.
struct Rates {
    name: &'static str,
    service: &'static str,
    time_scale: TimeScale,
    rate: fn(&str) -> Rate,
    buckets: HashMap<&'static str, (f64, Instant)>,
}

impl Rates {
    fn new(name: &'static str, service: &'static str, time_scale: TimeScale, rate: fn(&str) -> Rate) -> Self {
        Self { name, service, time_scale, rate, buckets: HashMap::new() }
    }

    /// The service's refusal, when the next token is available after `wait`.
    fn refusal(&self, wait: Duration) -> Fault {
        match self.service {
            "apigateway" => {
                Fault { retry_after: Some(self.time_scale.seconds(wait)), ..recorded_refusal("api-throttled", &[]) }
            }
            "lambda" => recorded_refusal("lambda-throttled", &[]),
            _ => recorded_refusal("waf-throttled", &[]),
        }
    }
}

impl ConsistencyRule for Rates {
    fn name(&self) -> &'static str {
        self.name
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        // Both versions of API Gateway share one rate.
        let service = if request.service == "apigatewayv2" { "apigateway" } else { &request.service };
        if service != self.service {
            return Verdict::NotConcerned;
        }
        let (bucket, calls, seconds) = (self.rate)(&request.operation);
        let (period, now) = (self.time_scale.of(seconds).div_f64(calls), Instant::now());
        // Calls with a low rate start without a token, as if someone else in the account had just made one.
        let (tokens, since) = self.buckets.entry(bucket).or_insert((if calls > 1.0 { calls } else { 0.0 }, now));
        let refill = now.duration_since(*since).div_duration_f64(period);
        (*tokens, *since) = ((*tokens + refill).min(calls), now);
        if *tokens >= 1.0 - TOLERANCE {
            *tokens -= 1.0;
            return Verdict::Allows;
        }
        let wait = period.mul_f64(1.0 - *tokens);
        Verdict::Decides(CallOutcome::Refused(self.refusal(wait)))
    }
}
