//! Lambda: a function is busy after every write, permissions that are added concurrently get lost, and event source
//! mappings are created and deleted with a delay.

use std::collections::{HashMap, HashSet};

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::{Answer, ConsistencyRule, SilentDamage, TimeScale, Verdict, Window, refuse};
use crate::support::proxy::{AwsRequest, CallOutcome};

pub fn all(time_scale: TimeScale, damage: &SilentDamage) -> Vec<Box<dyn ConsistencyRule>> {
    vec![
        Box::new(Pending(Window::new(time_scale, 3.0))),
        Box::new(Updating(Window::new(time_scale, 3.0))),
        Box::new(Deleting { window: Window::new(time_scale, 4.0), known: HashMap::new() }),
        Box::new(Unreadable { window: Window::new(time_scale, 3.0), known: HashSet::new() }),
        Box::new(Starting {
            ready: Window::new(time_scale, 4.0),
            moving: Window::new(time_scale, 4.0),
            versions: HashMap::new(),
        }),
        Box::new(NewMapping(Window::new(time_scale, 3.0))),
        Box::new(GoingMapping(Window::new(time_scale, 4.0))),
        Box::new(SideBySide { time_scale, adding: HashMap::new(), damage: damage.clone() }),
    ]
}

fn function(request: &AwsRequest) -> Option<String> {
    match request.operation.as_str() {
        _ if request.service != "lambda" => None,
        "CreateFunction" => request.field("FunctionName"),
        _ => request.segments().get(2).filter(|_| request.segments()[1] == "functions").map(|&name| name.to_owned()),
    }
}

fn is_busy_with(request: &AwsRequest) -> bool {
    ["UpdateFunctionConfiguration", "UpdateFunctionCode", "DeleteFunction", "Invoke"]
        .contains(&request.operation.as_str())
}

/// Changes fields of the function's configuration in an answer.
fn say(answer: &mut Answer, changes: &Value) {
    let mut body = answer.json();
    let config = if body.get("Configuration").is_some() { &mut body["Configuration"] } else { &mut body };
    for (field, value) in changes.as_object().unwrap() {
        config[field] = value.clone();
    }
    answer.set(&body);
}

/// A new function cannot be changed, deleted or invoked.
struct Pending(Window);

impl ConsistencyRule for Pending {
    fn name(&self) -> &'static str {
        "Lambda: a new function is Pending"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match function(request) {
            Some(name) if is_busy_with(request) && self.0.holds(&name) => refuse(request, "function-pending", &[]),
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        let Some(name) = function(request).filter(|_| answer.is_success()) else { return false };
        if request.operation == "CreateFunction" {
            self.0.begin(name.as_str());
        }
        let asks = ["CreateFunction", "GetFunction"].contains(&request.operation.as_str());
        if !asks || !self.0.holds(&name) {
            return false;
        }
        say(
            answer,
            &json!({ "State": "Pending", "StateReasonCode": "Creating", "StateReason": "The function is being created." }),
        );
        true
    }
}

/// A function cannot be changed again while an update is in progress.
struct Updating(Window);

impl ConsistencyRule for Updating {
    fn name(&self) -> &'static str {
        "Lambda: an update of a function is in progress"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match function(request) {
            Some(name) if is_busy_with(request) && request.operation != "Invoke" && self.0.holds(&name) => {
                let arn = format!("arn:aws:lambda:eu-central-1:123456789012:function:{name}");
                refuse(request, "function-updating", &[("arn", &arn)])
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        let Some(name) = function(request).filter(|_| answer.is_success()) else { return false };
        let updates = request.operation.starts_with("UpdateFunction");
        if updates {
            self.0.begin(name.as_str());
        }
        if !(updates || request.operation == "GetFunction") || !self.0.holds(&name) {
            return false;
        }
        say(answer, &json!({ "LastUpdateStatus": "InProgress" }));
        true
    }
}

/// A deleted function stays visible for a while, and its name stays taken.
struct Deleting {
    window: Window,
    /// The last answer of GetFunction, or the answer that it would have given after the create.
    known: HashMap<String, Value>,
}

impl ConsistencyRule for Deleting {
    fn name(&self) -> &'static str {
        "Lambda: a function is deleted by and by"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        let Some(name) = function(request) else { return Verdict::NotConcerned };
        match request.operation.as_str() {
            "GetFunction" if self.window.holds(&name) => {
                let mut body = self.known[&name].clone();
                body["Configuration"]["State"] = json!("Deleting");
                Verdict::Decides(CallOutcome::Answered(200, Bytes::from(body.to_string())))
            }
            "CreateFunction" if self.window.holds(&name) => refuse(request, "function-deleting", &[]),
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        let Some(name) = function(request).filter(|_| answer.is_success()) else { return false };
        match request.operation.as_str() {
            "CreateFunction" => {
                let tags = request.field("Tags").and_then(|tags| serde_json::from_str::<Value>(&tags).ok());
                self.known.insert(name, json!({ "Configuration": answer.json(), "Tags": tags }));
            }
            "GetFunction" => {
                self.known.insert(name, answer.json());
            }
            "DeleteFunction" if self.known.contains_key(&name) => self.window.begin(name),
            _ => {}
        }
        false
    }
}

/// The id of the event source mapping that a request is about.
fn mapping(request: &AwsRequest) -> Option<String> {
    let segments = request.segments();
    let is_one = request.service == "lambda" && segments.get(1) == Some(&"event-source-mappings");
    segments.get(2).filter(|_| is_one).map(|&uuid| uuid.to_owned())
}

/// Lambda does not know at once that a role may read a stream.
struct Unreadable {
    window: Window,
    known: HashSet<String>,
}

impl ConsistencyRule for Unreadable {
    fn name(&self) -> &'static str {
        "Lambda: what a role may read is not known at once"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        if request.service != "lambda" || request.operation != "CreateEventSourceMapping" {
            return Verdict::NotConcerned;
        }
        let Some(stream) = request.field("EventSourceArn").filter(|source| !source.contains(":sqs:")) else {
            return Verdict::NotConcerned;
        };
        if self.known.insert(stream.clone()) {
            self.window.begin(stream.as_str());
        }
        if !self.window.holds(&stream) {
            return Verdict::Allows;
        }
        refuse(request, "stream-not-readable", &[("stream", &stream)])
    }
}

/// Provisioned instances start with a delay. Until then, an alias that was moved to another version sends all calls to
/// the former version, and AWS refuses another number of instances.
struct Starting {
    ready: Window,
    moving: Window,
    /// The version of each alias, and the former one.
    versions: HashMap<String, (String, String)>,
}

impl ConsistencyRule for Starting {
    fn name(&self) -> &'static str {
        "Lambda: instances that are kept ready start by and by"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match function(request).filter(|_| request.operation == "PutProvisionedConcurrencyConfig") {
            Some(name) if self.moving.holds(&name) => refuse(request, "alias-with-weights", &[]),
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        let Some(name) = function(request).filter(|_| answer.is_success()) else { return false };
        let mut body = answer.json();
        match request.operation.as_str() {
            "CreateAlias" | "UpdateAlias" => {
                let version = body["FunctionVersion"].as_str().unwrap_or_default().to_owned();
                let former = self.versions.get(&name).map_or_else(|| version.clone(), |(former, _)| former.clone());
                if former != version {
                    self.moving.begin(name.as_str());
                }
                self.versions.insert(name, (version, former));
                false
            }
            "GetAlias" if self.moving.holds(&name) => {
                let (_, former) = &self.versions[&name];
                body["RoutingConfig"] = json!({ "AdditionalVersionWeights": { former: 1.0 } });
                answer.set(&body);
                true
            }
            "PutProvisionedConcurrencyConfig" => {
                self.ready.begin(name);
                false
            }
            "GetProvisionedConcurrencyConfig" if self.ready.holds(&name) => {
                body["Status"] = json!("IN_PROGRESS");
                answer.set(&body);
                true
            }
            _ => false,
        }
    }
}

/// A new event source mapping is Creating, and cannot be deleted meanwhile.
struct NewMapping(Window);

impl ConsistencyRule for NewMapping {
    fn name(&self) -> &'static str {
        "Lambda: a new event source mapping is Creating"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match mapping(request).filter(|_| request.operation == "DeleteEventSourceMapping") {
            Some(uuid) if self.0.holds(&uuid) => refuse(request, "mapping-in-use", &[]),
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        let asks = ["CreateEventSourceMapping", "GetEventSourceMapping"].contains(&request.operation.as_str());
        if !asks || !answer.is_success() {
            return false;
        }
        let mut body = answer.json();
        let uuid = body["UUID"].as_str().unwrap().to_owned();
        if request.operation == "CreateEventSourceMapping" {
            self.0.begin(uuid.as_str());
        }
        if !self.0.holds(&uuid) {
            return false;
        }
        body["State"] = json!("Creating");
        answer.set(&body);
        true
    }
}

/// A deleted event source mapping stays visible for a while.
struct GoingMapping(Window);

impl ConsistencyRule for GoingMapping {
    fn name(&self) -> &'static str {
        "Lambda: an event source mapping is deleted by and by"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match mapping(request).filter(|_| request.operation == "GetEventSourceMapping") {
            Some(uuid) if self.0.holds(&uuid) => {
                let body = json!({ "UUID": uuid, "State": "Deleting" });
                Verdict::Decides(CallOutcome::Answered(200, Bytes::from(body.to_string())))
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if let Some(uuid) = mapping(request).filter(|_| answer.is_success())
            && request.operation == "DeleteEventSourceMapping"
        {
            self.0.begin(uuid);
        }
        false
    }
}

/// If two permissions are added to one function concurrently, AWS loses one without an error.
struct SideBySide {
    time_scale: TimeScale,
    adding: HashMap<String, usize>,
    damage: SilentDamage,
}

impl ConsistencyRule for SideBySide {
    fn name(&self) -> &'static str {
        "Lambda: permissions added side by side to one function get lost"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        let Some(name) = function(request).filter(|_| request.operation == "AddPermission") else {
            return Verdict::NotConcerned;
        };
        if self.adding.get(&name).is_some_and(|adding| *adding > 0) {
            let statement = request.field("StatementId").unwrap_or_default();
            self.damage.report(format!("the permission {statement} of {name} was added beside another"));
        }
        // Slow enough that concurrent calls overlap.
        Verdict::Decides(CallOutcome::Delayed(self.time_scale.of(1.0)))
    }

    fn passed(&mut self, request: &AwsRequest) {
        if let Some(name) = function(request).filter(|_| request.operation == "AddPermission") {
            *self.adding.entry(name).or_default() += 1;
        }
    }

    fn after(&mut self, request: &AwsRequest, _: &mut Answer) -> bool {
        if let Some(name) = function(request).filter(|_| request.operation == "AddPermission") {
            *self.adding.entry(name).or_default() -= 1;
        }
        false
    }
}
