//! Lists that are out of date: they omit new resources or still show deleted ones.

use std::collections::HashMap;

use hyper::body::Bytes;
use serde_json::Value;

use super::{Answer, ConsistencyRule, TimeScale, Verdict, Window};
use crate::support::proxy::{AwsRequest, CallOutcome};

pub fn all(time_scale: TimeScale) -> Vec<Box<dyn ConsistencyRule>> {
    let lagging = |name, create, made, list, items, id| {
        Box::new(LaggingList { name, create, made, list, items, id, lag: Window::new(time_scale, LAG) })
            as Box<dyn ConsistencyRule>
    };
    vec![
        lagging(
            "Cognito: a new pool is missing from ListUserPools",
            "cognito-idp CreateUserPool",
            "/UserPool/Id",
            "cognito-idp ListUserPools",
            "/UserPools",
            "Id",
        ),
        lagging(
            "API Gateway: a new API is missing from GetRestApis",
            "apigateway CreateRestApi",
            "/id",
            "apigateway GetRestApis",
            "/item",
            "id",
        ),
        Box::new(DeletedApiVisible { window: Window::new(time_scale, 3.0), known: HashMap::new() }),
    ]
}

/// For how many seconds a list omits a new resource.
const LAG: f64 = 5.0;

/// A list that omits new resources.
struct LaggingList {
    name: &'static str,
    create: &'static str,
    made: &'static str,
    list: &'static str,
    items: &'static str,
    id: &'static str,
    lag: Window,
}

impl ConsistencyRule for LaggingList {
    fn name(&self) -> &'static str {
        self.name
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if !answer.is_success() {
            return false;
        }
        let (name, mut body) = (request.name(), answer.json());
        if name == self.create {
            let id = body.pointer(self.made).and_then(Value::as_str).expect("a create answers with an id");
            self.lag.begin(id);
        }
        if name != self.list {
            return false;
        }
        let Some(items) = body.pointer_mut(self.items).and_then(Value::as_array_mut) else { return false };
        let shown = items.len();
        items.retain(|item| item[self.id].as_str().is_none_or(|id| !self.lag.holds(id)));
        let hidden = items.len() < shown;
        if hidden {
            answer.set(&body);
        }
        hidden
    }
}

/// A deleted API stays readable for a moment.
struct DeletedApiVisible {
    window: Window,
    /// The last answer about each API.
    known: HashMap<String, Value>,
}

impl ConsistencyRule for DeletedApiVisible {
    fn name(&self) -> &'static str {
        "API Gateway: a deleted API is still to be seen"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        let id = request.segments().get(1).map(|&id| id.to_owned()).unwrap_or_default();
        if request.name() == "apigateway GetRestApi" && self.window.holds(&id) {
            return Verdict::Decides(CallOutcome::Answered(200, Bytes::from(self.known[&id].to_string())));
        }
        Verdict::NotConcerned
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.service != "apigateway" || !answer.is_success() {
            return false;
        }
        match request.operation.as_str() {
            "CreateRestApi" | "GetRestApi" => {
                let body = answer.json();
                if let Some(id) = body["id"].as_str() {
                    self.known.insert(id.to_owned(), body.clone());
                }
            }
            "DeleteRestApi" => {
                let id = request.segments()[1].to_owned();
                if self.known.contains_key(&id) {
                    self.window.begin(id);
                }
            }
            "GetRestApis" => {
                let mut body = answer.json();
                let deleted = self.known.iter().filter(|(id, _)| self.window.holds(id)).map(|(_, api)| api.clone());
                let deleted: Vec<Value> = deleted.collect();
                if let Some(items) = body["item"].as_array_mut()
                    && !deleted.is_empty()
                {
                    items.extend(deleted);
                    answer.set(&body);
                    return true;
                }
            }
            _ => {}
        }
        false
    }
}
