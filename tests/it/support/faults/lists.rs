//! Lists that lag behind: something new is missing from them, something deleted is still to be seen.

use std::collections::HashMap;

use hyper::body::Bytes;
use serde_json::Value;

use super::{Answer, Clock, ConsistencyRule, Verdict, Window};
use crate::support::proxy::{Asked, CallOutcome};

pub fn all(clock: Clock) -> Vec<Box<dyn ConsistencyRule>> {
    let late = |name, create, made, list, items, id| {
        Box::new(Deferred { name, create, made, list, items, id, lag: Window::new(clock, LAG) })
            as Box<dyn ConsistencyRule>
    };
    vec![
        late(
            "Cognito: a new pool is missing from ListUserPools",
            "cognito-idp CreateUserPool",
            "/UserPool/Id",
            "cognito-idp ListUserPools",
            "/UserPools",
            "Id",
        ),
        late(
            "API Gateway: a new API is missing from GetRestApis",
            "apigateway CreateRestApi",
            "/id",
            "apigateway GetRestApis",
            "/item",
            "id",
        ),
        Box::new(ApiGoing { spell: Window::new(clock, 3.0), known: HashMap::new() }),
    ]
}

/// For how many seconds a list lags.
const LAG: f64 = 5.0;

/// A list that does not show what is new.
struct Deferred {
    name: &'static str,
    create: &'static str,
    made: &'static str,
    list: &'static str,
    items: &'static str,
    id: &'static str,
    lag: Window,
}

impl ConsistencyRule for Deferred {
    fn name(&self) -> &'static str {
        self.name
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        if !answer.is_success() {
            return false;
        }
        let (name, mut body) = (asked.name(), answer.json());
        if name == self.create {
            let id = body.pointer(self.made).and_then(Value::as_str).expect("a create tells what it made");
            self.lag.begin(id);
        }
        if name != self.list {
            return false;
        }
        let Some(items) = body.pointer_mut(self.items).and_then(Value::as_array_mut) else { return false };
        let shown = items.len();
        items.retain(|item| item[self.id].as_str().is_none_or(|id| !self.lag.holds(id)));
        let secrets = items.len() < shown;
        if secrets {
            answer.set(&body);
        }
        secrets
    }
}

/// An API that was deleted can still be read for a moment.
struct ApiGoing {
    spell: Window,
    /// Each API as it was last told.
    known: HashMap<String, Value>,
}

impl ConsistencyRule for ApiGoing {
    fn name(&self) -> &'static str {
        "API Gateway: a deleted API is still to be seen"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        let id = asked.segments().get(1).map(|&id| id.to_owned()).unwrap_or_default();
        if asked.name() == "apigateway GetRestApi" && self.spell.holds(&id) {
            return Verdict::Says(CallOutcome::Answered(200, Bytes::from(self.known[&id].to_string())));
        }
        Verdict::Silent
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        if asked.service != "apigateway" || !answer.is_success() {
            return false;
        }
        match asked.operation.as_str() {
            "CreateRestApi" | "GetRestApi" => {
                let body = answer.json();
                if let Some(id) = body["id"].as_str() {
                    self.known.insert(id.to_owned(), body.clone());
                }
            }
            "DeleteRestApi" => {
                let id = asked.segments()[1].to_owned();
                if self.known.contains_key(&id) {
                    self.spell.begin(id);
                }
            }
            "GetRestApis" => {
                let mut body = answer.json();
                let going = self.known.iter().filter(|(id, _)| self.spell.holds(id)).map(|(_, api)| api.clone());
                let going: Vec<Value> = going.collect();
                if let Some(items) = body["item"].as_array_mut()
                    && !going.is_empty()
                {
                    items.extend(going);
                    answer.set(&body);
                    return true;
                }
            }
            _ => {}
        }
        false
    }
}
