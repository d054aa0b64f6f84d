//! Faults that occur occasionally: a collision with another call, throttling, or a lost answer.

use std::collections::HashMap;

use super::{ConsistencyRule, Verdict};
use crate::support::facts::recorded_refusal;
use crate::support::proxy::{AwsRequest, CallOutcome};

/// The first of every `OCCASIONALLY` calls meets its fault.
const OCCASIONALLY: usize = 7;

/// Outcomes that calls meet occasionally, by the call's name.
pub struct OccasionalFaults {
    name: &'static str,
    outcomes: HashMap<&'static str, CallOutcome>,
    every: usize,
    request: HashMap<String, usize>,
}

impl OccasionalFaults {
    /// These outcomes occur occasionally.
    pub fn new(name: &'static str, outcomes: impl IntoIterator<Item = (&'static str, CallOutcome)>) -> Self {
        Self { name, outcomes: outcomes.into_iter().collect(), every: OCCASIONALLY, request: HashMap::new() }
    }

    /// These outcomes occur every time.
    pub fn always(name: &'static str, outcomes: impl IntoIterator<Item = (&'static str, CallOutcome)>) -> Self {
        Self { every: 1, ..Self::new(name, outcomes) }
    }

    /// Collisions with calls of other tools, and throttling where AWS publishes no rate.
    pub fn collisions() -> Self {
        let refused = |id| CallOutcome::Refused(recorded_refusal(id, &[]));
        Self::new(
            "all services: concurrent modification, a stale lock token, throttling",
            [
                ("iam CreateRole", refused("iam-throttled")),
                ("iam PutRolePolicy", refused("iam-concurrent")),
                ("iam DeleteRole", refused("iam-concurrent")),
                ("lambda AddPermission", refused("permission-concurrent")),
                ("lambda RemovePermission", refused("permission-concurrent")),
                // AWS creates the set in spite of the error.
                ("wafv2 CreateIPSet", CallOutcome::DoneButRefused(recorded_refusal("waf-tagging", &[]))),
                ("wafv2 UpdateIPSet", refused("waf-lock")),
                ("wafv2 DeleteIPSet", refused("waf-lock")),
                ("wafv2 UpdateWebACL", refused("waf-lock")),
                ("wafv2 DeleteWebACL", refused("waf-lock")),
                ("sns CreateTopic", refused("topic-concurrent")),
                ("sns Subscribe", refused("sns-throttled")),
                ("sns DeleteTopic", refused("topic-concurrent")),
                ("cognito-idp CreateUserPool", refused("cognito-throttled")),
                ("cognito-idp UpdateUserPool", refused("pool-concurrent")),
                ("cognito-idp CreateUserPoolClient", refused("cognito-throttled")),
                ("cognito-idp UpdateUserPoolClient", refused("pool-concurrent")),
                ("cognito-idp DeleteUserPool", refused("pool-concurrent")),
                ("secretsmanager CreateSecret", refused("secrets-throttled")),
                ("logs CreateLogGroup", refused("logs-throttled")),
                ("logs PutRetentionPolicy", refused("log-group-busy")),
                ("logs DeleteLogGroup", refused("log-group-busy")),
            ],
        )
    }

    /// Lost answers.
    pub fn lost_answers() -> Self {
        let calls = [
            "cognito-idp CreateUserPool",
            "cognito-idp CreateUserPoolClient",
            "apigateway CreateRestApi",
            "apigateway CreateResource",
            "apigateway PutMethod",
            "apigateway CreateDeployment",
            "lambda CreateFunction",
            "secretsmanager DeleteSecret",
        ];
        Self::new("all services: an answer is lost", calls.map(|call| (call, CallOutcome::AnswerLost)))
    }
}

impl ConsistencyRule for OccasionalFaults {
    fn name(&self) -> &'static str {
        self.name
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        let name = request.name();
        let Some(outcome) = self.outcomes.get(name.as_str()) else { return Verdict::NotConcerned };
        let turn = self.request.entry(name).or_default();
        *turn += 1;
        if *turn % self.every == 1 % self.every { Verdict::Decides(outcome.clone()) } else { Verdict::NotConcerned }
    }
}
