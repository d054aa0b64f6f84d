//! DynamoDB: a table that was just made or changed takes no other change, and the backups of a new one are not ready.

use serde_json::{Value, json};

use super::{Answer, ConsistencyRule, TimeScale, Verdict, Window, refuse};
use crate::support::proxy::AwsRequest;

pub fn all(time_scale: TimeScale) -> Vec<Box<dyn ConsistencyRule>> {
    vec![Box::new(Busy(Window::new(time_scale, 4.0))), Box::new(Backups(Window::new(time_scale, 6.0)))]
}

/// A table is `CREATING` or `UPDATING`, and refuses changes meanwhile.
struct Busy(Window);

impl ConsistencyRule for Busy {
    fn name(&self) -> &'static str {
        "DynamoDB: a table that is being changed takes no other change"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        let changes = ["dynamodb UpdateTable", "dynamodb DeleteTable"].contains(&request.name().as_str());
        match request.field("TableName") {
            Some(name) if changes && self.0.holds(&name) => refuse(request, "table-busy", &[("name", &name)]),
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        let Some(name) = request.field("TableName").filter(|_| answer.is_success()) else { return false };
        match request.name().as_str() {
            "dynamodb CreateTable" | "dynamodb UpdateTable" => {
                self.0.begin(name);
                false
            }
            "dynamodb DescribeTable" if self.0.holds(&name) => {
                let mut body = answer.json();
                body["Table"]["TableStatus"] = json!("UPDATING");
                answer.set(&body);
                true
            }
            _ => false,
        }
    }
}

/// The backups of a new table are being enabled.
struct Backups(Window);

impl ConsistencyRule for Backups {
    fn name(&self) -> &'static str {
        "DynamoDB: the backups of a new table are not ready"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match request.field("TableName") {
            Some(name) if request.name() == "dynamodb UpdateContinuousBackups" && self.0.holds(&name) => {
                refuse(request, "backups-not-ready", &[("name", &name)])
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.name() == "dynamodb CreateTable" && answer.is_success() {
            let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            self.0.begin(body["TableName"].as_str().unwrap_or_default());
        }
        false
    }
}
