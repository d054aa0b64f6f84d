//! Lambda: functions settle after every write, and permissions that are added side by side get lost.

use std::collections::HashMap;

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::{Answer, Clock, ConsistencyRule, Harm, Verdict, Window, refuse};
use crate::support::proxy::{Asked, CallOutcome};

pub fn all(clock: Clock, harm: &Harm) -> Vec<Box<dyn ConsistencyRule>> {
    vec![
        Box::new(Pending(Window::new(clock, 3.0))),
        Box::new(Updating(Window::new(clock, 3.0))),
        Box::new(Deleting { spell: Window::new(clock, 4.0), known: HashMap::new() }),
        Box::new(SideBySide { clock, adding: HashMap::new(), harm: harm.clone() }),
    ]
}

/// The function that a call is about.
fn function(asked: &Asked) -> Option<String> {
    match asked.operation.as_str() {
        _ if asked.service != "lambda" => None,
        "CreateFunction" => asked.field("FunctionName"),
        _ => asked.segments().get(2).filter(|_| asked.segments()[1] == "functions").map(|&name| name.to_owned()),
    }
}

fn is_busy_with(asked: &Asked) -> bool {
    ["UpdateFunctionConfiguration", "UpdateFunctionCode", "DeleteFunction", "Invoke"]
        .contains(&asked.operation.as_str())
}

/// Changes what an answer says of a function.
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

    fn before(&mut self, asked: &Asked) -> Verdict {
        match function(asked) {
            Some(name) if is_busy_with(asked) && self.0.holds(&name) => refuse(asked, "function-pending", &[]),
            _ => Verdict::Silent,
        }
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        let Some(name) = function(asked).filter(|_| answer.is_success()) else { return false };
        if asked.operation == "CreateFunction" {
            self.0.begin(name.as_str());
        }
        let asks = ["CreateFunction", "GetFunction"].contains(&asked.operation.as_str());
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

/// A function that was changed settles before it can be changed again.
struct Updating(Window);

impl ConsistencyRule for Updating {
    fn name(&self) -> &'static str {
        "Lambda: an update of a function is in progress"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        match function(asked) {
            Some(name) if is_busy_with(asked) && asked.operation != "Invoke" && self.0.holds(&name) => {
                let arn = format!("arn:aws:lambda:eu-central-1:123456789012:function:{name}");
                refuse(asked, "function-updating", &[("arn", &arn)])
            }
            _ => Verdict::Silent,
        }
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        let Some(name) = function(asked).filter(|_| answer.is_success()) else { return false };
        let updates = asked.operation.starts_with("UpdateFunction");
        if updates {
            self.0.begin(name.as_str());
        }
        if !(updates || asked.operation == "GetFunction") || !self.0.holds(&name) {
            return false;
        }
        say(answer, &json!({ "LastUpdateStatus": "InProgress" }));
        true
    }
}

/// A function that was deleted is still to be seen, and its name is taken.
struct Deleting {
    spell: Window,
    /// What GetFunction last said, or would have.
    known: HashMap<String, Value>,
}

impl ConsistencyRule for Deleting {
    fn name(&self) -> &'static str {
        "Lambda: a function is deleted by and by"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        let Some(name) = function(asked) else { return Verdict::Silent };
        match asked.operation.as_str() {
            "GetFunction" if self.spell.holds(&name) => {
                let mut body = self.known[&name].clone();
                body["Configuration"]["State"] = json!("Deleting");
                Verdict::Says(CallOutcome::Answered(200, Bytes::from(body.to_string())))
            }
            "CreateFunction" if self.spell.holds(&name) => refuse(asked, "function-deleting", &[]),
            _ => Verdict::Silent,
        }
    }

    fn after(&mut self, asked: &Asked, answer: &mut Answer) -> bool {
        let Some(name) = function(asked).filter(|_| answer.is_success()) else { return false };
        match asked.operation.as_str() {
            "CreateFunction" => {
                let tags = asked.field("Tags").and_then(|tags| serde_json::from_str::<Value>(&tags).ok());
                self.known.insert(name, json!({ "Configuration": answer.json(), "Tags": tags }));
            }
            "GetFunction" => {
                self.known.insert(name, answer.json());
            }
            "DeleteFunction" if self.known.contains_key(&name) => self.spell.begin(name),
            _ => {}
        }
        false
    }
}

/// Of two permissions that are added to one function at once, one is lost, and nobody is told.
struct SideBySide {
    clock: Clock,
    adding: HashMap<String, usize>,
    harm: Harm,
}

impl ConsistencyRule for SideBySide {
    fn name(&self) -> &'static str {
        "Lambda: permissions added side by side to one function get lost"
    }

    fn before(&mut self, asked: &Asked) -> Verdict {
        let Some(name) = function(asked).filter(|_| asked.operation == "AddPermission") else { return Verdict::Silent };
        if self.adding.get(&name).is_some_and(|adding| *adding > 0) {
            let statement = asked.field("StatementId").unwrap_or_default();
            self.harm.done(format!("the permission {statement} of {name} was added beside another"));
        }
        // Slow enough for others to meet it.
        Verdict::Says(CallOutcome::Deferred(self.clock.of(1.0)))
    }

    fn passed(&mut self, asked: &Asked) {
        if let Some(name) = function(asked).filter(|_| asked.operation == "AddPermission") {
            *self.adding.entry(name).or_default() += 1;
        }
    }

    fn after(&mut self, asked: &Asked, _: &mut Answer) -> bool {
        if let Some(name) = function(asked).filter(|_| asked.operation == "AddPermission") {
            *self.adding.entry(name).or_default() -= 1;
        }
        false
    }
}
