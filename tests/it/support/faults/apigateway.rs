//! API Gateway: it refuses concurrent writes to one API, second creates, and deletes of resources in use.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Answer, ConsistencyRule, TimeScale, Verdict, Window, refuse};
use crate::support::proxy::AwsRequest;

pub fn all(time_scale: TimeScale) -> Vec<Box<dyn ConsistencyRule>> {
    vec![
        Box::new(ConcurrentWrites(HashMap::new())),
        Box::new(Updating(Window::new(time_scale, 3.0))),
        Box::new(AuthorizerUnseen(Window::new(time_scale, 2.0))),
        Box::new(NoUpsert::default()),
        Box::new(AuthorizerInUse::default()),
        Box::new(Undeployable::default()),
        Box::new(StageUnseen(Window::new(time_scale, 2.0))),
        Box::new(PlanInUse::default()),
        Box::new(Unserved::default()),
    ]
}

/// The API that a write changes.
fn written(request: &AwsRequest) -> Option<&str> {
    let writes = request.service == "apigateway" && request.writes();
    request.segments().get(1).copied().filter(|_| writes && request.segments()[0] == "restapis")
}

/// The API, the path's id and the method's name.
fn method(request: &AwsRequest) -> Option<(String, String, String)> {
    match request.segments().as_slice() {
        ["restapis", api, "resources", resource, "methods", method, ..] if request.service == "apigateway" => {
            Some(((*api).to_owned(), (*resource).to_owned(), (*method).to_owned()))
        }
        _ => None,
    }
}

/// Refuses one of two concurrent writes to one API.
struct ConcurrentWrites(HashMap<String, HashMap<usize, Instant>>);

impl ConsistencyRule for ConcurrentWrites {
    fn name(&self) -> &'static str {
        "API Gateway: writes to one API meet"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        let Some(api) = written(request) else { return Verdict::NotConcerned };
        let in_flight = self.0.entry(api.to_owned()).or_default();
        // Calls of a killed program are never answered.
        in_flight.retain(|_, since| since.elapsed() < Duration::from_secs(5));
        if in_flight.is_empty() {
            return Verdict::Allows;
        }
        refuse(request, "api-concurrent", &[])
    }

    fn passed(&mut self, request: &AwsRequest) {
        if let Some(api) = written(request) {
            self.0.entry(api.to_owned()).or_default().insert(request.number, Instant::now());
        }
    }

    fn after(&mut self, request: &AwsRequest, _: &mut Answer) -> bool {
        if let Some(api) = written(request) {
            self.0.entry(api.to_owned()).or_default().remove(&request.number);
        }
        false
    }
}

/// A new API cannot be deployed while its status is UPDATING.
struct Updating(Window);

impl ConsistencyRule for Updating {
    fn name(&self) -> &'static str {
        "API Gateway: a new API is UPDATING"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match written(request) {
            Some(api) if request.operation == "CreateDeployment" && self.0.holds(api) => {
                refuse(request, "api-updating", &[])
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        let tells = ["apigateway CreateRestApi", "apigateway GetRestApi"].contains(&request.name().as_str());
        if !tells || !answer.is_success() {
            return false;
        }
        let mut body = answer.json();
        let api = body["id"].as_str().unwrap_or_default().to_owned();
        if request.operation == "CreateRestApi" {
            self.0.begin(api.as_str());
        }
        // The window starts at the first query, and the answer to the create comes before it.
        let updating = request.operation == "CreateRestApi" || self.0.holds(&api);
        if updating {
            body["apiStatus"] = json!("UPDATING");
            answer.set(&body);
        }
        updating
    }
}

/// PutMethod does not see a new authorizer yet.
struct AuthorizerUnseen(Window);

impl ConsistencyRule for AuthorizerUnseen {
    fn name(&self) -> &'static str {
        "API Gateway: a new authorizer is not seen by PutMethod"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match request.field("authorizerId") {
            Some(id) if request.name() == "apigateway PutMethod" && self.0.holds(&id) => {
                refuse(request, "authorizer-unseen", &[])
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.name() == "apigateway CreateAuthorizer" && answer.is_success() {
            self.0.begin(answer.json()["id"].as_str().unwrap());
        }
        false
    }
}

/// A path or method that exists cannot be created again.
#[derive(Default)]
struct NoUpsert {
    methods: HashSet<(String, String, String)>,
    /// The path's id by API, parent and part.
    paths: HashMap<(String, String, String), String>,
}

impl NoUpsert {
    fn path(request: &AwsRequest) -> Option<(String, String, String)> {
        let segments = request.segments();
        let part = request.field("pathPart").filter(|_| request.name() == "apigateway CreateResource")?;
        Some((segments[1].to_owned(), segments[3].to_owned(), part))
    }
}

impl ConsistencyRule for NoUpsert {
    fn name(&self) -> &'static str {
        "API Gateway: PutMethod and CreateResource are no upserts"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        if let Some(key) = Self::path(request) {
            return if self.paths.contains_key(&key) {
                refuse(request, "path-exists", &[("name", &key.2)])
            } else {
                Verdict::Allows
            };
        }
        match method(request) {
            Some(method) if request.operation == "PutMethod" && self.methods.contains(&method) => {
                refuse(request, "method-exists", &[])
            }
            Some(_) if request.operation == "PutMethod" => Verdict::Allows,
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.service != "apigateway" || !answer.is_success() {
            return false;
        }
        let segments = request.segments();
        match request.operation.as_str() {
            "CreateResource" => {
                let id = answer.json()["id"].as_str().unwrap().to_owned();
                self.paths.insert(Self::path(request).unwrap(), id);
            }
            "PutMethod" => _ = self.methods.insert(method(request).unwrap()),
            "DeleteMethod" => _ = self.methods.remove(&method(request).unwrap()),
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

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        if request.name() != "apigateway DeleteAuthorizer" {
            return Verdict::NotConcerned;
        }
        let id = request.segments()[3];
        match self.0.iter().find(|(_, authorizer)| *authorizer == id) {
            None => Verdict::Allows,
            Some(((_, path, method), _)) => {
                refuse(request, "authorizer-in-use", &[("id", id), ("method", &format!("{path}/{method}"))])
            }
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.service != "apigateway" || !answer.is_success() {
            return false;
        }
        match request.operation.as_str() {
            // Both answers contain the current authorizer.
            "PutMethod" | "UpdateMethod" => match answer.json()["authorizerId"].as_str() {
                Some(id) => _ = self.0.insert(method(request).unwrap(), id.to_owned()),
                None => _ = self.0.remove(&method(request).unwrap()),
            },
            "DeleteMethod" => _ = self.0.remove(&method(request).unwrap()),
            "DeleteResource" => self.0.retain(|(_, path, _), _| path != request.segments()[3]),
            _ => {}
        }
        false
    }
}

/// An API without methods, or with a method without integration, cannot be deployed.
#[derive(Default)]
struct Undeployable(BTreeMap<(String, String, String), bool>);

impl ConsistencyRule for Undeployable {
    fn name(&self) -> &'static str {
        "API Gateway: an API without methods and integrations is not deployed"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        let Some(api) = written(request).filter(|_| request.operation == "CreateDeployment") else {
            return Verdict::NotConcerned;
        };
        let mut methods = self.0.iter().filter(|((of, ..), _)| of == api).map(|(_, leads)| *leads).peekable();
        if methods.peek().is_none() {
            refuse(request, "no-methods", &[])
        } else if methods.any(|leads| !leads) {
            refuse(request, "no-integration", &[])
        } else {
            Verdict::Allows
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.service != "apigateway" || !answer.is_success() {
            return false;
        }
        match request.operation.as_str() {
            "PutIntegration" => _ = self.0.insert(method(request).unwrap(), true),
            "PutMethod" | "DeleteIntegration" => _ = self.0.insert(method(request).unwrap(), false),
            "DeleteMethod" => _ = self.0.remove(&method(request).unwrap()),
            "DeleteResource" => self.0.retain(|(_, path, _), _| path != request.segments()[3]),
            _ => {}
        }
        false
    }
}

/// The stages in a list of a usage plan's stages, as in `abc:live`.
fn stages_of(body: &Value) -> BTreeSet<String> {
    let stages = body["apiStages"].as_array().into_iter().flatten();
    stages.map(|one| format!("{}:{}", text(&one["apiId"]), text(&one["stage"]))).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn patches(request: &AwsRequest) -> Vec<Value> {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    body["patchOperations"].as_array().cloned().unwrap_or_default()
}

/// Usage plans do not see a new stage yet.
struct StageUnseen(Window);

impl ConsistencyRule for StageUnseen {
    fn name(&self) -> &'static str {
        "API Gateway: a new stage is not seen by usage plans"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        let stages = match request.name().as_str() {
            "apigateway CreateUsagePlan" => stages_of(&serde_json::from_slice(&request.body).unwrap_or_default()),
            "apigateway UpdateUsagePlan" => {
                let added =
                    patches(request).into_iter().filter(|one| one["op"] == "add" && one["path"] == "/apiStages");
                added.map(|one| text(&one["value"]).to_owned()).collect()
            }
            _ => return Verdict::NotConcerned,
        };
        match stages.iter().find(|stage| self.0.holds(stage)) {
            Some(stage) => refuse(request, "stage-unseen", &[("stage", stage)]),
            None => Verdict::Allows,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.name() == "apigateway CreateStage" && answer.is_success() {
            self.0.begin(format!("{}:{}", request.segments()[1], request.field("stageName").unwrap_or_default()));
        }
        false
    }
}

/// A usage plan that has stages cannot be deleted.
#[derive(Default)]
struct PlanInUse(HashMap<String, BTreeSet<String>>);

impl ConsistencyRule for PlanInUse {
    fn name(&self) -> &'static str {
        "API Gateway: a usage plan with stages is not deleted"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        if request.name() != "apigateway DeleteUsagePlan" {
            return Verdict::NotConcerned;
        }
        let plan = request.segments()[1];
        match self.0.get(plan).and_then(BTreeSet::first) {
            Some(stage) => refuse(request, "plan-in-use", &[("id", plan), ("stage", stage)]),
            None => Verdict::Allows,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.service != "apigateway" || !answer.is_success() {
            return false;
        }
        match request.operation.as_str() {
            "CreateUsagePlan" => {
                let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                self.0.insert(text(&answer.json()["id"]).to_owned(), stages_of(&body));
            }
            "UpdateUsagePlan" => {
                let stages = self.0.entry(request.segments()[1].to_owned()).or_default();
                for patch in patches(request).iter().filter(|patch| patch["path"] == "/apiStages") {
                    let stage = text(&patch["value"]).to_owned();
                    if patch["op"] == "remove" {
                        stages.remove(&stage)
                    } else {
                        stages.insert(stage)
                    };
                }
            }
            _ => {}
        }
        false
    }
}

/// A stage takes settings only for methods of the deployment that it serves.
#[derive(Default)]
struct Unserved {
    /// Paths by API and id.
    paths: HashMap<(String, String), String>,
    /// By API, path's id and method.
    methods: BTreeSet<(String, String, String)>,
    /// The methods by API and deployment, as in `GET /items/{id}`.
    deployed: HashMap<(String, String), BTreeSet<String>>,
    /// The deployment by API and stage.
    served: HashMap<(String, String), String>,
}

impl Unserved {
    fn methods_of(&self, api: &str) -> BTreeSet<String> {
        let of_api = self.methods.iter().filter(|(of, ..)| of == api);
        let named = of_api.filter_map(|(api, path, method)| {
            let path = self.paths.get(&(api.clone(), path.clone()))?;
            Some(format!("{method} {path}"))
        });
        named.collect()
    }

    fn note_paths(&mut self, api: &str, answer: &Value) {
        let listed = answer["items"].as_array().cloned().unwrap_or_else(|| vec![answer.clone()]);
        for path in listed {
            self.paths.insert((api.to_owned(), text(&path["id"]).to_owned()), text(&path["path"]).to_owned());
        }
    }
}

/// The method of a patch of a stage's settings: `GET /items/{id}` of `/~1items~1{id}/GET/throttling/rateLimit`.
fn limited(change: &Value) -> Option<String> {
    let parts: Vec<&str> = text(&change["path"]).split('/').collect();
    let (path, method) = match parts.as_slice() {
        ["", path, method, "throttling" | "logging" | "caching" | "metrics", _] => (*path, *method),
        _ => return None,
    };
    (path != "*").then(|| format!("{method} {}", path.replace("~1", "/").replace("~0", "~")))
}

impl ConsistencyRule for Unserved {
    fn name(&self) -> &'static str {
        "API Gateway: a stage takes settings only for methods that it serves"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        if request.name() != "apigateway UpdateStage" {
            return Verdict::NotConcerned;
        }
        let (api, stage) = (request.segments()[1].to_owned(), request.segments()[3].to_owned());
        let limits: Vec<String> = patches(request).iter().filter_map(limited).collect();
        if limits.is_empty() {
            return Verdict::NotConcerned;
        }
        let deployment = self.served.get(&(api.clone(), stage)).cloned().unwrap_or_default();
        let served = self.deployed.get(&(api, deployment)).cloned().unwrap_or_default();
        match limits.into_iter().find(|method| !served.contains(method)) {
            Some(method) => refuse(request, "method-unserved", &[("path", &method)]),
            None => Verdict::Allows,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.service != "apigateway" || !answer.is_success() || request.segments()[0] != "restapis" {
            return false;
        }
        let segments = request.segments();
        let Some(api) = segments.get(1).map(|api| (*api).to_owned()) else { return false };
        match request.operation.as_str() {
            "CreateResource" | "GetResources" => self.note_paths(&api, &answer.json()),
            "PutMethod" => _ = self.methods.insert(method(request).unwrap()),
            "DeleteMethod" => _ = self.methods.remove(&method(request).unwrap()),
            "DeleteResource" => self.methods.retain(|(of, path, _)| *of != api || path != segments[3]),
            "CreateDeployment" => {
                let id = text(&answer.json()["id"]).to_owned();
                self.deployed.insert((api.clone(), id), self.methods_of(&api));
            }
            "CreateStage" => {
                let stage = request.field("stageName").unwrap_or_default();
                self.served.insert((api, stage), request.field("deploymentId").unwrap_or_default());
            }
            "UpdateStage" => {
                for patch in patches(request).iter().filter(|patch| patch["path"] == "/deploymentId") {
                    self.served.insert((api.clone(), segments[3].to_owned()), text(&patch["value"]).to_owned());
                }
            }
            _ => {}
        }
        false
    }
}
