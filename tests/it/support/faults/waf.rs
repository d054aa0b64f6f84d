//! WAF: new resources are not visible for a long time, and deleted references still count.

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

/// The id and ARN in the answer to a create.
fn made(request: &AwsRequest, answer: &Answer, operation: &str) -> Option<(String, String)> {
    if request.service != "wafv2" || request.operation != operation || !answer.is_success() {
        return None;
    }
    let summary = answer.json()["Summary"].clone();
    Some((summary["Id"].as_str()?.to_owned(), summary["ARN"].as_str()?.to_owned()))
}

/// A web ACL cannot refer to a new IP set yet. AWS uses two different codes for this.
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

/// WAF does not see a new stage yet.
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

/// A new web ACL cannot be associated yet.
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

/// A web ACL cannot be deleted while it is associated with a stage, and for a while afterwards.
struct WebAclInUse {
    /// The id of the web ACL, by its stage.
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

/// An IP set cannot be deleted while a web ACL refers to it, and for a while afterwards.
struct IpSetInUse {
    /// The ARNs that a web ACL refers to, by the web ACL's id.
    of: HashMap<String, HashSet<String>>,
    /// The ARN of an IP set, by its id.
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
