//! WAFv2, REGIONAL: IP sets, web ACLs, their logging, and their association with an API's stage or a user pool.
//!
//! Calls need the name and the id, so without a record the id comes from a list, whose last page may have an empty
//! marker. An update replaces everything. Updates and deletions need the lock token of the last read or write. For
//! minutes, a new resource is not visible everywhere, and a deleted one counts as in use (docs/aws.md, Associations).
//! The program waits for both. A new association silently replaces the previous one.

mod association;
mod compare;
mod inventory;
mod ip_set;
mod logging;
pub mod refusals;
mod rule;
mod settings;
mod statement;
mod tagging;
mod traffic;
mod web_acl;

use std::future::Future;

use aws_sdk_wafv2::types::Tag;
use serde::{Deserialize, Serialize};

use super::service::AwsService;
use crate::aws::Clients;
use crate::aws::error::{OrAbsent, OrFail, empty, is_absent};
use crate::aws::retries::{client, once};
use crate::aws::settle::{Wait, settled};
use crate::engine::{Failure, Task};
use crate::regions::Service;
use crate::scope::Scope;

pub use association::{Association, AssociationKey, AssociationLive, AssociationOutputs, PoolAssociation};
pub use ip_set::{IpSet, IpSetLive, Membership, is_description};
pub use logging::{Logging, LoggingKey, LoggingLive, LoggingOutputs};
pub use rule::{Match, Rule, RuleAction, RuleKind};
pub use traffic::{RuleTraffic, Sample};
pub use web_acl::{WebAcl, WebAclLive};

pub const SERVICE: Service = Service::new("wafv2", "AWS WAF");

pub(super) const ABOUT: AwsService = AwsService {
    names: &[SERVICE.name],
    refusals: refusals::REFUSALS,
    waits: refusals::WAITS,
    #[cfg(test)]
    tests: refusals::tests::WAITS,
};

/// The prefix of the `X-Amz-Target` header by which a request to AWS WAF is recognised.
const TARGET: &str = "AWSWAF_";

/// The ARNs of the stack's IP sets and web ACLs, and of AWS's managed rule groups, which every web ACL may use.
const SETS_AND_ACLS: &[&str] = &[
    "{arn:wafv2}:regional/ipset/{stack}-*",
    "{arn:wafv2}:regional/webacl/{stack}-*",
    "{arn:wafv2}:regional/managedruleset/*",
];

const STAGES: &[&str] = &["arn:{partition}:apigateway:{region}::/restapis/*/stages/*"];

const ACL_AND_STAGES: &[&str] =
    &["{arn:wafv2}:regional/webacl/{stack}-*", "arn:{partition}:apigateway:{region}::/restapis/*/stages/*"];

const WEB_ACLS: &[&str] = &["{arn:wafv2}:regional/webacl/{stack}-*"];

const POOLS: &[&str] = &["{arn:cognito-idp}:userpool/*"];

/// The service authorization reference says that associating a web ACL needs permissions on rule groups too. The
/// program creates none.
const RULE_GROUPS: &[&str] = &["{arn:wafv2}:regional/rulegroup/{stack}-*"];

/// The lock token is read when the command runs: a recorded one may be out of date.
fn removal_command(what: &str, Outputs { name, id, .. }: &Outputs) -> String {
    let thing = format!("--scope REGIONAL --name {name} --id {id}");
    format!(
        "aws wafv2 delete-{what} {thing} --lock-token \"$(aws wafv2 get-{what} {thing} --query LockToken --output text)\""
    )
}

/// Everything here is for APIs in a region; the other scope is CloudFront's.
const SCOPE: aws_sdk_wafv2::types::Scope = aws_sdk_wafv2::types::Scope::Regional;

/// The size of a list's page; the most that AWS allows.
const PAGE: i32 = 100;

/// IP sets and web ACLs are found by their name, which is unique in an account and region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    pub name: String,
    /// The id AWS gave it, a UUID.
    pub id: String,
    /// `arn:aws:wafv2:<region>:<account>:regional/<ipset or webacl>/<name>/<id>`.
    pub arn: String,
    /// The next write must contain this token, to show that it knows the last change. The token is recorded so that a
    /// deletion directly after a read takes one call. With an outdated token, it takes one more.
    pub lock_token: String,
}

/// Manages IP sets, web ACLs and associations.
#[derive(Debug, Clone)]
pub struct Wafv2 {
    client: aws_sdk_wafv2::Client,
    /// Without the SDK's retries, for calls that create.
    once: aws_sdk_wafv2::Client,
    /// Whether the endpoint is an emulator instead of AWS.
    emulator: bool,
    scope: Scope,
}

impl Wafv2 {
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: client!(aws_sdk_wafv2, &clients.sdk),
            once: once!(aws_sdk_wafv2, &clients.once),
            emulator: clients.is_emulator(),
            scope: clients.scope.clone(),
        }
    }

    /// Our tags on the resource with this id.
    fn tags(&self, id: &str) -> Result<Vec<Tag>, Failure> {
        super::tags::tags(&self.scope, id, |key, value| Tag::builder().key(key).value(value).build())
    }

    /// Whether the resource with this ARN carries our tag; `None` if it does not exist.
    async fn owns(&self, arn: &str) -> Result<Option<bool>, Failure> {
        let call = self.client.list_tags_for_resource().resource_arn(arn);
        let Some(answer) = call.send().await.or_fail(&format!("read the tags of {arn}")).or_absent()? else {
            return Ok(None);
        };
        let tags = answer.tag_info_for_resource.and_then(|info| info.tag_list).unwrap_or_default();
        Ok(Some(self.scope.owns(tags.iter().map(|tag| (tag.key(), tag.value())))))
    }
}

/// The current lock token, from the resource itself or, if it may not be read, from the list.
async fn token(
    name: &str,
    read: Result<Option<String>, Failure>,
    listed: impl Future<Output = Option<String>>,
) -> Result<String, Failure> {
    match read {
        Ok(token) => token.ok_or_else(|| empty(name)),
        Err(failure) if failure.ends_all() || is_absent(&failure) => Err(failure),
        Err(failure) => listed.await.ok_or(failure),
    }
}

/// Makes a write that needs a lock token: first with the given one and, after a refusal, with the current one.
async fn locked<T, R, W>(
    task: &Task,
    waits: &[&Wait],
    seen: &Outputs,
    read: impl Fn() -> R,
    write: impl Fn(String) -> W,
) -> Result<T, Failure>
where
    R: Future<Output = Result<String, Failure>>,
    W: Future<Output = Result<T, Failure>>,
{
    let mut tries = 0_u32;
    let (read, write) = (&read, &write);
    let written = settled(task, waits, || {
        tries += 1;
        let first = tries == 1;
        async move {
            let token = if first { seen.lock_token.clone() } else { read().await? };
            write(token).await
        }
    });
    written.await
}
