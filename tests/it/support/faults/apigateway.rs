//! API Gateway: writes to one API that meet are refused, nothing is an upsert, and what is used stays.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Answer, Clock, ConsistencyRule, Verdict, Window, refuse};
use crate::support::proxy::Asked;

pub fn all(clock: Clock) -> Vec<Box<dyn ConsistencyRule>> {
    vec![
        Box::new(Meeting(HashMap::new())),
        Box::new(Updating(Window::new(clock, 3.0))),
        Box::new(AuthorizerUnseen(Window::new(clock, 2.0))),
        Box::new(NoUpsert::default()),
        Box::new(AuthorizerInUse::default()),
        Box::new(Undeployable::default()),
    ]
}

/// The API that a write is about.
fn written(asked: &Asked) -> Option<&str> {
    let writes = asked.service == "apigateway" && asked.writes();
    asked.segments().get(1).copied().filter(|_| writes && asked.segments()[0] == "restapis")
}

/// The API, the path's id and the method's name.
fn method(asked: &Asked) -> Option<(String, String, String)> {
    match asked.segments().as_slice() {
        ["restapis", api, "resources", resource, "methods", method, ..] if asked.service == "apigateway" => {
            Some(((*api).to_owned(), (*resource).to_owned(), (*method).to_owned()))
        }
        _ => None,
    }
}

/// Of two writes to one API at once, one is refused.
struct Meeting(HashMap<String, HashMap<usize, Instant>>);

impl ConsistencyRule for Meeting {
    fn name(&self) -> &'static str {
        "API Gateway: writes to one API meet"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        let Some(api) = written(asked) else { return Verdict::Silent };
        let in_flight = self.0.entry(api.to_owned()).or_default();
        // One whose caller has gone is never answered.
        in_flight.retain(|_, since| since.elapsed() < Duration::from_secs(5));
        if in_flight.is_empty() {
            return Verdict::Kept;
        }
        refuse(asked, "api-concurrent", &[])
    }

    fn passed(&mut self, asked: &Asked) {
        if let Some(api) = written(asked) {
            self.0.entry(api.to_owned()).or_default().insert(asked.number, Instant::now());
        }
    }

    fn after(&mut self, asked: &Asked, _: &mut Answer) -> bool {
        if let Some(api) = written(asked) {
            self.0.entry(api.to_owned()).or_default().remove(&asked.number);
        }
        false
    }
}

/// A new API is still being updated, and cannot be deployed.
struct Updating(Window);

impl ConsistencyRule for Updating {
    fn name(&self) -> &'static str {
        "API Gateway: a new API is UPDATING"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        match written(asked) {
            Some(api) if asked.operation == "CreateDeployment" && self.0.holds(api) => {
                refuse(asked, "api-updating", &[])
            }
            _ => Verdict::Silent,
        }
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        let tells = ["apigateway CreateRestApi", "apigateway GetRestApi"].contains(&asked.name().as_str());
        if !tells || !answer.is_success() {
            return false;
        }
        let mut body = answer.json();
        let api = body["id"].as_str().unwrap_or_default().to_owned();
        if asked.operation == "CreateRestApi" {
            self.0.begin(api.as_str());
        }
        // The answer to the create comes from before the time that runs from the first question.
        let updating = asked.operation == "CreateRestApi" || self.0.holds(&api);
        if updating {
            body["apiStatus"] = json!("UPDATING");
            answer.set(&body);
        }
        updating
    }
}

/// A new authorizer is not known to PutMethod.
struct AuthorizerUnseen(Window);

impl ConsistencyRule for AuthorizerUnseen {
    fn name(&self) -> &'static str {
        "API Gateway: a new authorizer is not seen by PutMethod"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        match asked.field("authorizerId") {
            Some(id) if asked.name() == "apigateway PutMethod" && self.0.holds(&id) => {
                refuse(asked, "authorizer-unseen", &[])
            }
            _ => Verdict::Silent,
        }
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        if asked.name() == "apigateway CreateAuthorizer" && answer.is_success() {
            self.0.begin(answer.json()["id"].as_str().unwrap());
        }
        false
    }
}

/// Neither a path nor a method can be made twice.
#[derive(Default)]
struct NoUpsert {
    methods: HashSet<(String, String, String)>,
    /// The path's id by API, parent and part.
    paths: HashMap<(String, String, String), String>,
}

impl NoUpsert {
    fn path(asked: &Asked) -> Option<(String, String, String)> {
        let segments = asked.segments();
        let part = asked.field("pathPart").filter(|_| asked.name() == "apigateway CreateResource")?;
        Some((segments[1].to_owned(), segments[3].to_owned(), part))
    }
}

impl ConsistencyRule for NoUpsert {
    fn name(&self) -> &'static str {
        "API Gateway: PutMethod and CreateResource are no upserts"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        if let Some(key) = Self::path(asked) {
            return if self.paths.contains_key(&key) {
                refuse(asked, "path-exists", &[("name", &key.2)])
            } else {
                Verdict::Kept
            };
        }
        match method(asked) {
            Some(method) if asked.operation == "PutMethod" && self.methods.contains(&method) => {
                refuse(asked, "method-exists", &[])
            }
            Some(_) if asked.operation == "PutMethod" => Verdict::Kept,
            _ => Verdict::Silent,
        }
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        if asked.service != "apigateway" || !answer.is_success() {
            return false;
        }
        let segments = asked.segments();
        match asked.operation.as_str() {
            "CreateResource" => {
                let id = answer.json()["id"].as_str().unwrap().to_owned();
                self.paths.insert(Self::path(asked).unwrap(), id);
            }
            "PutMethod" => _ = self.methods.insert(method(asked).unwrap()),
            "DeleteMethod" => _ = self.methods.remove(&method(asked).unwrap()),
            "DeleteResource" => {
                self.methods.retain(|(_, path, _)| path != segments[3]);
                self.paths.retain(|(_, parent, _), id| id != segments[3] && parent != segments[3]);
            }
            _ => {}
        }
        false
    }
}

/// An authorizer that a method refers to cannot be deleted.
#[derive(Default)]
struct AuthorizerInUse(HashMap<(String, String, String), String>);

impl ConsistencyRule for AuthorizerInUse {
    fn name(&self) -> &'static str {
        "API Gateway: an authorizer that a method refers to is not deleted"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        if asked.name() != "apigateway DeleteAuthorizer" {
            return Verdict::Silent;
        }
        let id = asked.segments()[3];
        match self.0.iter().find(|(_, authorizer)| *authorizer == id) {
            None => Verdict::Kept,
            Some(((_, path, method), _)) => {
                refuse(asked, "authorizer-in-use", &[("id", id), ("method", &format!("{path}/{method}"))])
            }
        }
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        if asked.service != "apigateway" || !answer.is_success() {
            return false;
        }
        match asked.operation.as_str() {
            // Patched or put, the answer tells.
            "PutMethod" | "UpdateMethod" => match answer.json()["authorizerId"].as_str() {
                Some(id) => _ = self.0.insert(method(asked).unwrap(), id.to_owned()),
                None => _ = self.0.remove(&method(asked).unwrap()),
            },
            "DeleteMethod" => _ = self.0.remove(&method(asked).unwrap()),
            "DeleteResource" => self.0.retain(|(_, path, _), _| path != asked.segments()[3]),
            _ => {}
        }
        false
    }
}

/// What has no methods, or a method that leads nowhere, cannot be deployed.
#[derive(Default)]
struct Undeployable(BTreeMap<(String, String, String), bool>);

impl ConsistencyRule for Undeployable {
    fn name(&self) -> &'static str {
        "API Gateway: an API without methods and integrations is not deployed"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        let Some(api) = written(asked).filter(|_| asked.operation == "CreateDeployment") else {
            return Verdict::Silent;
        };
        let mut methods = self.0.iter().filter(|((of, ..), _)| of == api).map(|(_, leads)| *leads).peekable();
        if methods.peek().is_none() {
            refuse(asked, "no-methods", &[])
        } else if methods.any(|leads| !leads) {
            refuse(asked, "no-integration", &[])
        } else {
            Verdict::Kept
        }
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        if asked.service != "apigateway" || !answer.is_success() {
            return false;
        }
        match asked.operation.as_str() {
            "PutIntegration" => _ = self.0.insert(method(asked).unwrap(), true),
            "PutMethod" | "DeleteIntegration" => _ = self.0.insert(method(asked).unwrap(), false),
            "DeleteMethod" => _ = self.0.remove(&method(asked).unwrap()),
            "DeleteResource" => self.0.retain(|(_, path, _), _| path != asked.segments()[3]),
            _ => {}
        }
        false
    }
}
