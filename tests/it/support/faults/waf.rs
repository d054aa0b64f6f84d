//! WAF: the least consistent service of all. What is new is not seen, what is old still counts.

use std::collections::{HashMap, HashSet};

use super::{Answer, ConsistencyRule, TimeScale, Verdict, Window, last, refuse};
use crate::support::proxy::AwsRequest;

pub fn all(time_scale: TimeScale) -> Vec<Box<dyn ConsistencyRule>> {
    vec![
        Box::new(IpSetUnseen { window: Window::new(time_scale, 10.0), request: 0 }),
        Box::new(StageUnseen(Window::new(time_scale, 20.0))),
        Box::new(WebAclUnseen(Window::new(time_scale, 60.0))),
        Box::new(WebAclInUse { on: HashMap::new(), draining: Window::new(time_scale, 40.0) }),
        Box::new(IpSetInUse { of: HashMap::new(), arns: HashMap::new(), draining: Window::new(time_scale, 30.0) }),
    ]
}

/// What an answer to a create says it made: id and ARN.
fn made(request: &AwsRequest, answer: &Answer, operation: &str) -> Option<(String, String)> {
    if request.service != "wafv2" || request.operation != operation || !answer.is_success() {
        return None;
    }
    let summary = answer.json()["Summary"].clone();
    Some((summary["Id"].as_str()?.to_owned(), summary["ARN"].as_str()?.to_owned()))
}

/// A web ACL cannot refer to a new IP set. Which of the two codes says so varies.
struct IpSetUnseen {
    window: Window,
    request: usize,
}

impl ConsistencyRule for IpSetUnseen {
    fn name(&self) -> &'static str {
        "WAF: a new IP set is not seen by CreateWebACL and UpdateWebACL"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        if !["wafv2 CreateWebACL", "wafv2 UpdateWebACL"].contains(&request.name().as_str()) {
            return Verdict::NotConcerned;
        }
        let rules = request.field("Rules").unwrap_or_default();
        let sets: Vec<&str> = rules.split('"').filter(|text| text.contains(":regional/ipset/")).collect();
        if !self.window.holds_any(sets) {
            return Verdict::NotConcerned;
        }
        self.request += 1;
        if self.request.is_multiple_of(2) {
            refuse(request, "waf-unavailable-entity", &[])
        } else {
            refuse(request, "waf-nonexistent", &[])
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if let Some((_, arn)) = made(request, answer, "CreateIPSet") {
            self.window.begin(arn);
        }
        false
    }
}

/// The stage's ARN without its region.
fn stage(api: &str, stage: &str) -> String {
    format!("/restapis/{api}/stages/{stage}")
}

/// The stage that a call to WAF names.
fn named_stage(request: &AwsRequest) -> Option<String> {
    let arn = request.field("ResourceArn").filter(|_| request.service == "wafv2")?;
    arn.find("/restapis/").map(|at| arn[at..].to_owned())
}

/// A new stage does not exist for WAF.
struct StageUnseen(Window);

impl ConsistencyRule for StageUnseen {
    fn name(&self) -> &'static str {
        "WAF: a new stage is not seen by AssociateWebACL"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match named_stage(request) {
            Some(stage) if request.operation == "AssociateWebACL" && self.0.holds(&stage) => {
                refuse(request, "waf-nonexistent", &[])
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.name() == "apigateway CreateStage" && answer.is_success() {
            self.0.begin(stage(request.segments()[1], &request.field("stageName").unwrap()));
        }
        false
    }
}

/// A new web ACL is not available yet.
struct WebAclUnseen(Window);

impl ConsistencyRule for WebAclUnseen {
    fn name(&self) -> &'static str {
        "WAF: a new web ACL is not seen by AssociateWebACL"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match request.field("WebACLArn") {
            Some(arn) if request.name() == "wafv2 AssociateWebACL" && self.0.holds(&arn) => {
                refuse(request, "waf-unavailable-entity", &[])
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if let Some((_, arn)) = made(request, answer, "CreateWebACL") {
            self.0.begin(arn);
        }
        false
    }
}

/// A web ACL cannot be deleted while it is in front of a stage, and for a while after.
struct WebAclInUse {
    /// The web ACL's id by the stage it is in front of.
    on: HashMap<String, String>,
    draining: Window,
}

impl WebAclInUse {
    fn release(&mut self, gone: impl Fn(&str) -> bool) {
        let draining = &mut self.draining;
        self.on.retain(|stage, acl| {
            let gone = gone(stage);
            if gone {
                draining.begin(acl.as_str());
            }
            !gone
        });
    }
}

impl ConsistencyRule for WebAclInUse {
    fn name(&self) -> &'static str {
        "WAF: a web ACL that was in front of a stage is in use"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        match request.field("Id") {
            Some(id)
                if request.name() == "wafv2 DeleteWebACL"
                    && (self.on.values().any(|acl| *acl == id) || self.draining.holds(&id)) =>
            {
                refuse(request, "waf-associated", &[])
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if !answer.is_success() {
            return false;
        }
        match request.name().as_str() {
            "wafv2 AssociateWebACL" => {
                let (stage, arn) = (named_stage(request).unwrap(), request.field("WebACLArn").unwrap());
                self.release(|one| one == stage);
                self.draining.end(last(&arn));
                self.on.insert(stage, last(&arn).to_owned());
            }
            "wafv2 DisassociateWebACL" => {
                let stage = named_stage(request).unwrap();
                self.release(|one| one == stage);
            }
            "apigateway DeleteStage" => {
                let gone = stage(request.segments()[1], request.segments()[3]);
                self.release(|one| one == gone);
            }
            "apigateway DeleteRestApi" => {
                let gone = stage(request.segments()[1], "");
                self.release(|one| one.starts_with(&gone));
            }
            _ => {}
        }
        false
    }
}

/// An IP set cannot be deleted while a web ACL refers to it, and for a while after.
struct IpSetInUse {
    /// The ARNs that a web ACL's rules refer to, by its id.
    of: HashMap<String, HashSet<String>>,
    /// IP sets' by their ids.
    arns: HashMap<String, String>,
    draining: Window,
}

impl ConsistencyRule for IpSetInUse {
    fn name(&self) -> &'static str {
        "WAF: an IP set that a web ACL referred to is in use"
    }

    fn before(&mut self, request: &AwsRequest) -> Verdict {
        let Some(id) = request.field("Id").filter(|_| request.name() == "wafv2 DeleteIPSet") else {
            return Verdict::NotConcerned;
        };
        let Some(arn) = self.arns.get(&id) else { return Verdict::NotConcerned };
        if self.of.values().any(|sets| sets.contains(arn)) || self.draining.holds(arn) {
            refuse(request, "waf-associated", &[])
        } else {
            Verdict::NotConcerned
        }
    }

    fn after(&mut self, request: &AwsRequest, answer: &mut Answer) -> bool {
        if request.service != "wafv2" || !answer.is_success() {
            return false;
        }
        if let Some((id, arn)) = made(request, answer, "CreateIPSet") {
            self.arns.insert(id, arn);
        }
        let acl = match request.operation.as_str() {
            "CreateWebACL" => made(request, answer, "CreateWebACL").map(|(id, _)| id),
            "UpdateWebACL" | "DeleteWebACL" => request.field("Id"),
            _ => None,
        };
        if let Some(acl) = acl {
            let rules = request.field("Rules").unwrap_or_default();
            let now: HashSet<String> =
                rules.split('"').filter(|text| text.contains(":regional/ipset/")).map(str::to_owned).collect();
            for set in self.of.remove(&acl).unwrap_or_default().difference(&now) {
                self.draining.begin(set.as_str());
            }
            self.of.insert(acl, now);
        }
        false
    }
}
