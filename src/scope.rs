//! A stack's account, region and name, and the names, ARNs and tags of its resources.

use serde::{Deserialize, Serialize};

use crate::engine::Tags;
pub use crate::engine::owner::{EXPIRES_TAG, LINEAGE_TAG, Lineage, Owner, RESOURCE_TAG, STACK_TAG, Whose};
use crate::partition::{self, Partition};

/// A stack's account, region and name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Scope {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// Twelve digits.
    pub account: String,
    /// Such as `eu-central-1`.
    pub region: String,
    /// 1 to 24 characters of a-z, 0-9 and -, beginning with a letter and not ending in -.
    pub stack: String,
    /// The stack file's tags for every resource.
    #[serde(skip)]
    pub chosen_tags: Tags,
    /// Whose resources a run accepts as the stack's.
    #[serde(skip)]
    pub lineage: Lineage,
}

impl Scope {
    /// The name in AWS of a resource that the stack file calls `name`.
    pub fn physical(&self, name: &str) -> String {
        format!("{}-{name}", self.stack)
    }

    /// `arn:<partition>:<service>:<region>:<account>:<resource>`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    /// The ARN by which policies name one route of an API's stage.
    pub fn execute_api_arn(&self, api_id: &str, stage: &str, method: &str, path: &str) -> String {
        self.arn("execute-api", &format!("{api_id}/{}", route_resource(stage, method, path)))
    }

    /// The host of an AWS service in this region. It depends only on the region, as in the functions' code, because an
    /// emulator has the same partition in every region.
    pub fn host(&self, service: &str) -> String {
        partition::host(service, &self.region)
    }

    /// The parent of the domains of user pools.
    pub fn sign_in_pages(&self) -> String {
        partition::sign_in_pages(&self.region)
    }

    /// Whether REST APIs support security policies with the prefix `SecurityPolicy_`.
    pub fn has_enhanced_tls(&self) -> bool {
        partition::has_enhanced_tls(&self.region)
    }

    /// Whether functions can send traces to X-Ray.
    pub fn has_tracing(&self) -> bool {
        partition::has_tracing(&self.region)
    }

    /// The principal of identity pools in trust policies.
    pub fn identity_pools_principal(&self) -> String {
        partition::identity_pools_principal(&self.region)
    }

    /// The values of `iam:PassedToService` when a role is passed to identity pools.
    pub fn identity_pools_passed_to(&self) -> Vec<String> {
        partition::identity_pools_passed_to(&self.region)
    }

    /// The path of this stack's roles, which no other role has.
    pub fn role_path(&self) -> String {
        format!("/securelambda/{}/", self.stack)
    }

    /// The ARN of one of this stack's roles, by its name in AWS.
    pub fn role_arn(&self, name: &str) -> String {
        format!("arn:{}:iam::{}:role{}{name}", self.partition, self.account, self.role_path())
    }

    /// The tags with which the resource with this id (`function.ExternalLambda1`) is created: our tags, which never
    /// change, and the stack file's tags.
    pub fn tags(&self, id: &str) -> Tags {
        let ours = [(STACK_TAG, self.stack.clone()), (RESOURCE_TAG, tag_value(id))];
        let lineage = self.lineage.own().map(|lineage| (LINEAGE_TAG, lineage.to_owned()));
        let ours = ours.into_iter().chain(lineage).map(|(key, value)| (key.to_owned(), value));
        self.chosen_tags.clone().into_iter().chain(ours).collect()
    }

    /// The tags that existing resources must have besides those that name the stack.
    pub fn later_tags(&self) -> Tags {
        self.chosen_tags.clone().into_iter().chain(self.lineage.new_tag()).collect()
    }

    /// Whether a resource with these tags belongs to this stack, and to a lineage that the run accepts.
    pub fn owns<'a>(&self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> bool {
        Owner::read(tags).is_some_and(|owner| owner.stack == self.stack && self.lineage.accepts(&owner))
    }

    /// Whether a resource that waits for its deletion belongs to a stack of this name. Its lineage does not matter:
    /// nobody manages it any more.
    pub fn owned<'a>(&self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> bool {
        Owner::read(tags).is_some_and(|owner| owner.stack == self.stack)
    }
}

/// A resource's id as a tag value, without the characters that some services refuse: `stage.$default` becomes
/// `stage.default`. API Gateway allows the fewest: ASCII letters, digits, spaces and `.:+=@_/-` (docs/aws.md, Tags).
fn tag_value(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || " .:+=@_/-".contains(*c)).collect()
}

/// The part after the API's id in the ARN by which policies name a route: `development/GET/items/*`. `ANY` and path
/// parameters become `*`.
pub fn route_resource(stage: &str, method: &str, path: &str) -> String {
    let method = if method == "ANY" { "*" } else { method };
    let parts = path.trim_start_matches('/').split('/').map(|part| if part.starts_with('{') { "*" } else { part });
    format!("{stage}/{method}/{}", parts.collect::<Vec<_>>().join("/"))
}

/// The name of a region's partition, without an AWS call.
pub fn partition_of(region: &str) -> &'static str {
    Partition::of(region).name
}

/// The path prefix of the roles of these stacks.
pub fn role_path(whose: &Whose) -> String {
    match whose {
        Whose::Stack(stack) => format!("/securelambda/{stack}/"),
        Whose::Named(beginning) => format!("/securelambda/{beginning}"),
        Whose::Any => "/securelambda/".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_only_says_that_tags_must_be_read() {
        let a = Whose::Stack("a".into());
        assert!(a.may_own("a-f") && a.may_own("a-b-f"), "the tag distinguishes the stack a-b");
        assert!(!a.may_own("ab-f") && !a.may_own("a") && !a.may_own("A-f"));
        assert!(Whose::Any.may_own("demo-f") && Whose::Any.may_own("a-b-f"));
        let previews = Whose::Named("a-pr-".into());
        assert!(previews.may_own("a-pr-7-f") && previews.includes("a-pr-7"));
        assert!(!previews.may_own("a-f") && !previews.includes("a") && !previews.includes("a-prod"));
        assert_eq!(role_path(&previews), "/securelambda/a-pr-");
        for no in ["Demo-f", "1a-f", "demo", "demo-", "-f", "my_demo-f"] {
            assert!(!Whose::Any.may_own(no), "{no}");
        }
    }

    #[test]
    fn tag_values_contain_only_allowed_characters() {
        let scope = Scope {
            partition: "aws".into(),
            account: "1".into(),
            region: "r".into(),
            stack: "demo".into(),
            ..Scope::default()
        };
        let value = |id: &str| scope.tags(id)[RESOURCE_TAG].clone();
        assert_eq!(value("stage.$default"), "stage.default");
        assert_eq!(value("permission.GET /a/{id+} F"), "permission.GET /a/id+ F");
        assert_eq!(value("topic.greetings_1-a"), "topic.greetings_1-a");
        assert_eq!(value("pool.Größe*"), "pool.Gre");
    }

    #[test]
    fn the_owner_is_read_from_tags() {
        let tags = [("team", "blue"), (STACK_TAG, "a-b"), (RESOURCE_TAG, "topic.t")];
        let owner = Owner::read(tags);
        assert_eq!(
            owner,
            Some(Owner { stack: "a-b".into(), resource: Some("topic.t".into()), lineage: None, expires: None })
        );
        let owns = |whose: Whose| owner.as_ref().is_some_and(|owner| whose.owns(owner));
        assert!(owns(Whose::Any) && owns(Whose::Stack("a-b".into())) && !owns(Whose::Stack("a".into())));
        assert_eq!(Owner::read([("team", "blue"), (RESOURCE_TAG, "topic.t")]), None);
    }
}
