//! Where a stack lives, and how its things are called there. Every physical name, ARN and tag is made here.

use serde::{Deserialize, Serialize};

/// The tag that says which stack a thing belongs to. Nothing without it, or not under something with it, is ours.
pub const STACK_TAG: &str = "securelambda:stack";

/// The tag that says which resource of the stack a thing is.
pub const RESOURCE_TAG: &str = "securelambda:resource";

/// A stack's account, region and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// Twelve digits.
    pub account: String,
    /// As in `eu-central-1`.
    pub region: String,
    /// 1 to 24 of a-z, 0-9 and -, beginning with a letter.
    pub stack: String,
}

impl Scope {
    /// The name in AWS of what the stack file calls `name`.
    pub fn physical(&self, name: &str) -> String {
        format!("{}-{name}", self.stack)
    }

    /// `arn:<partition>:<service>:<region>:<account>:<resource>`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    /// The path that this stack's roles live under, and that only they do.
    pub fn role_path(&self) -> String {
        format!("/securelambda/{}/", self.stack)
    }

    /// The ARN of one of this stack's roles, by its physical name.
    pub fn role_arn(&self, name: &str) -> String {
        format!("arn:{}:iam::{}:role{}{name}", self.partition, self.account, self.role_path())
    }

    /// The tags of the resource with this id (`function.ExternalLambda1`). The same on every run: SNS refuses a create
    /// whose tags differ from those of the topic that is there.
    pub fn tags(&self, id: &str) -> [(&'static str, String); 2] {
        [(STACK_TAG, self.stack.clone()), (RESOURCE_TAG, id.to_owned())]
    }

    /// Whether tags read from AWS say that a thing is this stack's.
    pub fn owns<'a>(&self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> bool {
        tags.into_iter().any(|(key, value)| key == STACK_TAG && value == self.stack)
    }
}
