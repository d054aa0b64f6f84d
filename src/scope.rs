//! Where a stack lives, and how its things are called there. Every physical name, ARN and tag is made here.

use serde::{Deserialize, Serialize};

use crate::partition::{self, Partition};

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

    /// The ARN by which policies name one route of an API's stage. `ANY` and path parameters become `*`.
    pub fn execute_api_arn(&self, api_id: &str, stage: &str, method: &str, path: &str) -> String {
        let method = if method == "ANY" { "*" } else { method };
        let parts = path.trim_start_matches('/').split('/').map(|part| if part.starts_with('{') { "*" } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        self.arn("execute-api", &format!("{api_id}/{stage}/{method}/{path}"))
    }

    /// The host of one of AWS's services here. From the region alone, as the functions do: emulators have hosts of their
    /// own for every region, and one partition.
    pub fn host(&self, service: &str) -> String {
        partition::host(service, &self.region)
    }

    /// Whether REST APIs can have security policies that begin with `SecurityPolicy_` here.
    pub fn has_enhanced_tls(&self) -> bool {
        partition::has_enhanced_tls(&self.region)
    }

    /// Who identity pools are here, for roles that trust them.
    pub fn identity_pools_principal(&self) -> String {
        partition::identity_pools_principal(&self.region)
    }

    /// What IAM may call identity pools here when a role is passed to them.
    pub fn identity_pools_passed_to(&self) -> Vec<String> {
        partition::identity_pools_passed_to(&self.region)
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
        [(STACK_TAG, self.stack.clone()), (RESOURCE_TAG, tag_value(id))]
    }

    /// Whether tags read from AWS say that a thing is this stack's.
    pub fn owns<'a>(&self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> bool {
        tags.into_iter().any(|(key, value)| key == STACK_TAG && value == self.stack)
    }
}

/// An id as a tag's value: without the characters that some service refuses in tags, so that `stage.$default` becomes
/// `stage.default`. API Gateway takes the fewest: ASCII letters, digits, spaces and `.:+=@_/-` (docs/aws.md, Tags).
pub(crate) fn tag_value(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || " .:+=@_/-".contains(*c)).collect()
}

/// The partition that a region is in, where AWS cannot be asked.
pub fn partition_of(region: &str) -> &'static str {
    Partition::of(region).name
}

/// Whose things are looked for where no graph and no record says what there should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// This stack's.
    Stack(String),
    /// Every stack's of the account and region.
    Any,
}

impl Whose {
    /// How the names begin; empty where nothing is known of them.
    pub fn prefix(&self) -> String {
        match self {
            Self::Stack(stack) => format!("{stack}-"),
            Self::Any => String::new(),
        }
    }

    /// The path that the roles lie under, perhaps among others.
    pub fn role_path(&self) -> String {
        match self {
            Self::Stack(stack) => format!("/securelambda/{stack}/"),
            Self::Any => "/securelambda/".to_owned(),
        }
    }

    /// Whether what its tags say of a thing makes it one.
    pub fn owns(&self, owner: &Owner) -> bool {
        match self {
            Self::Stack(stack) => owner.stack == *stack,
            Self::Any => true,
        }
    }

    /// Whether a thing of this name may be one. Just a reason to read its tags: those of the stack `a-b` begin like those
    /// of `a`.
    pub fn may_own(&self, name: &str) -> bool {
        match self {
            Self::Stack(_) => name.starts_with(&self.prefix()),
            Self::Any => name.split_once('-').is_some_and(|(stack, rest)| {
                let charset = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
                stack.starts_with(|c: char| c.is_ascii_lowercase()) && stack.chars().all(charset) && !rest.is_empty()
            }),
        }
    }
}

/// What a thing's tags say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The stack.
    pub stack: String,
    /// Which of its resources; whoever made the thing may have left it out.
    pub resource: Option<String>,
}

impl Owner {
    /// `None`: it does not carry our tag.
    pub fn read<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let (mut stack, mut resource) = (None, None);
        for (key, value) in tags {
            match key {
                STACK_TAG => stack = Some(value.to_owned()),
                RESOURCE_TAG => resource = Some(value.to_owned()),
                _ => {}
            }
        }
        stack.map(|stack| Self { stack, resource })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_only_a_reason_to_look() {
        let a = Whose::Stack("a".into());
        assert!(a.may_own("a-f") && a.may_own("a-b-f"), "the stack a-b is told apart by its tag");
        assert!(!a.may_own("ab-f") && !a.may_own("a") && !a.may_own("A-f"));
        assert!(Whose::Any.may_own("demo-f") && Whose::Any.may_own("a-b-f"));
        for no in ["Demo-f", "1a-f", "demo", "demo-", "-f", "my_demo-f"] {
            assert!(!Whose::Any.may_own(no), "{no}");
        }
    }

    #[test]
    fn a_tag_has_no_character_that_a_service_refuses() {
        let scope = Scope { partition: "aws".into(), account: "1".into(), region: "r".into(), stack: "demo".into() };
        let value = |id: &str| scope.tags(id)[1].1.clone();
        assert_eq!(value("stage.$default"), "stage.default");
        assert_eq!(value("permission.GET /a/{id+} F"), "permission.GET /a/id+ F");
        assert_eq!(value("topic.greetings_1-a"), "topic.greetings_1-a");
        assert_eq!(value("pool.Größe*"), "pool.Gre");
    }

    #[test]
    fn tags_say_whose_a_thing_is() {
        let tags = [("team", "blue"), (STACK_TAG, "a-b"), (RESOURCE_TAG, "topic.t")];
        let owner = Owner::read(tags);
        assert_eq!(owner, Some(Owner { stack: "a-b".into(), resource: Some("topic.t".into()) }));
        let owns = |whose: Whose| owner.as_ref().is_some_and(|owner| whose.owns(owner));
        assert!(owns(Whose::Any) && owns(Whose::Stack("a-b".into())) && !owns(Whose::Stack("a".into())));
        assert_eq!(Owner::read([("team", "blue"), (RESOURCE_TAG, "topic.t")]), None);
    }
}
