//! The tests' own description of AWS's services and of the kinds of resources that a stack can contain: one file for
//! each service. Fault injection, the account reader, the inventory and the check of permissions read these tables.
//!
//! The tables do not use the program's own descriptions, because that would hide a wrong description. `tests/it/kinds.rs`
//! compares both, and compares the names of operations with botocore.
//!
//! A new kind is an entry of its service's file. A new service is a file and a line in [`services!`]. Every field has
//! either an answer or the reason why there is none ([`Entry::Not`]).

mod asked;

pub use asked::{Asked, OURS, StackIdentity, Usage};

use serde_json::Value;

use crate::support::facts::recorded_refusal;
use crate::support::proxy::{AwsRequest, Fault};

macro_rules! services {
    ($($module:ident),+ $(,)?) => {
        $(mod $module;)+
        /// Every service that the program calls with the operator's permissions.
        pub static SERVICES: &[Service] = &[$($module::SERVICE),+];
    };
}

services! {
    acm,
    apigateway,
    apigatewayv2,
    cloudwatch,
    cognito_identity,
    cognito_idp,
    dynamodb,
    iam,
    kms,
    lambda,
    logs,
    route53,
    s3,
    scheduler,
    secretsmanager,
    sns,
    sqs,
    sts,
    wafv2,
}

/// The answer to a question about a kind.
#[derive(Debug, Clone, Copy)]
pub enum Entry<T> {
    Is(T),
    /// There is no answer, for this reason.
    Not(&'static str),
}

impl<T> Entry<T> {
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Is(known) => Some(known),
            Self::Not(_) => None,
        }
    }

    /// The reason why there is no answer.
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Is(_) => None,
            Self::Not(reason) => Some(reason),
        }
    }
}

/// A service of AWS.
pub struct Service {
    /// botocore's name of the service. Requests are signed with the same name, except that both versions of API Gateway
    /// sign as `apigateway`.
    pub name: &'static str,
    pub host: Host,
    /// The SDK crate without `aws_sdk_`.
    pub sdk: &'static str,
    pub kinds: &'static [Kind],
    /// Returns the kind that a call creates. [`by_operation`], unless the same call creates several kinds.
    pub created: fn(&AwsRequest, &'static [Kind]) -> Option<&'static Kind>,
    /// The permissions and conditions that AWS requires for a call, according to the service authorization reference.
    pub needs: fn(&Asked<'_>) -> Vec<Usage>,
    /// Actions that the operator's policy grants and that no stack of `operator.rs` uses, with reasons.
    pub unused: &'static [(&'static str, &'static str)],
    /// Operations that the program can call and that no test calls on the emulator, with reasons.
    pub unseen: &'static [(&'static str, &'static str)],
    pub refusals: Refusals,
}

/// The host that answers for a service.
#[derive(Debug, Clone, Copy)]
pub enum Host {
    /// A host in each region.
    Regional(&'static str),
    /// One host for the partition.
    Global(&'static str),
}

/// The refusals with which a service answers valid calls. The ids are those of `tests/it/facts`.
pub struct Refusals {
    pub throttled: &'static str,
    /// The seconds of the header `Retry-After` of that answer.
    pub retry_after: Option<u64>,
    pub unavailable: &'static str,
    /// The refusals because of a concurrent change. For an operation, the first refusal that AWS gives for it is used.
    pub conflicts: &'static [&'static str],
    /// The status and the code for a missing permission.
    pub denied: (u16, &'static str),
    pub wrong_time: WrongTime,
}

/// How a service refuses a signature with a wrong time. `tests/it/support/clock.rs` has the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongTime {
    /// With the code of the query protocol.
    Query,
    /// With the code of the JSON protocols, and status 400.
    Json,
    /// With the code of the JSON protocols, and status 403.
    Rest,
}

/// A kind of resource. Operations are named as AWS names them, such as `CreateTopic`.
pub struct Kind {
    /// The kind's name in the state file.
    pub name: &'static str,
    /// The operation with which `account_reader.py` reads such a resource.
    pub read: &'static str,
    /// The list of all resources of the kind, for [`crate::support::inventory`].
    pub list: Entry<List>,
    /// The first call that creates such a resource. Before it, the intent must be on disk, and so must the ids of all
    /// dependencies.
    pub create: Entry<&'static str>,
    /// The JSON pointer to the id from AWS in the answer to `create`. No other resource may be created with this id
    /// before the id is on disk.
    pub id: Entry<&'static str>,
    /// The list that omits new resources for a moment. A program that trusted this list would create a second resource.
    pub lag: Entry<Lag>,
    /// The call that deletes such a resource. Before it, the state file must say that the resource is being deleted.
    /// The crash matrix checks this for the kinds that the program can list.
    pub delete: Entry<&'static str>,
    /// The reads after whose refusal a resource may remain, for `unreadable.rs`.
    pub outlives: Entry<Reads>,
}

/// How all resources of a kind are listed. Fields have botocore's names.
#[derive(Debug, Clone, Copy)]
pub struct List {
    pub operation: &'static str,
    pub arguments: fn() -> Value,
    /// The parent, if each parent has a list of its own.
    pub of_parent: Option<Parent>,
    /// The field of the answer that contains the resources.
    pub items: &'static str,
    /// The field of a resource that contains its name. Items that are texts are names themselves.
    pub name: &'static str,
}

/// The parent whose resources are listed.
#[derive(Debug, Clone, Copy)]
pub struct Parent {
    pub kind: &'static str,
    /// The field of the parent that contains its id.
    pub id: &'static str,
    /// The argument of the list that takes this id.
    pub argument: &'static str,
}

/// A list with the field names of its HTTP response.
#[derive(Debug, Clone, Copy)]
pub struct Lag {
    pub operation: &'static str,
    pub items: &'static str,
    /// The field of a resource that contains the id of [`Kind::id`].
    pub id: &'static str,
}

/// The reads that the program needs to know that a resource exists and belongs to the stack, or that must precede its
/// deletion. With a state file nearly every resource has a unique id from AWS. Only resources that have nothing but a
/// name still need their tags.
#[derive(Debug, Clone, Copy)]
pub struct Reads {
    /// The beginning of the name that `account_reader.py` gives to such resources.
    pub called: &'static str,
    pub with_state: &'static [&'static str],
    pub without_state: &'static [&'static str],
}

/// The kind whose [`Kind::create`] is the operation of a call.
pub fn by_operation(asked: &AwsRequest, kinds: &'static [Kind]) -> Option<&'static Kind> {
    kinds.iter().find(|kind| kind.create.known().is_some_and(|create| *create == asked.operation))
}

impl Service {
    /// The kind that a call creates.
    pub fn created_by(&self, asked: &AwsRequest) -> Option<&'static Kind> {
        (self.created)(asked, self.kinds)
    }

    pub fn host_in(&self, region: &str) -> String {
        match self.host {
            Host::Regional(name) => format!("{name}.{region}.amazonaws.com"),
            Host::Global(name) => format!("{name}.amazonaws.com"),
        }
    }

    pub fn throttling(&self) -> Fault {
        Fault { retry_after: self.refusals.retry_after, ..recorded_refusal(self.refusals.throttled, &[]) }
    }

    pub fn server_error(&self) -> Fault {
        recorded_refusal(self.refusals.unavailable, &[])
    }
}

/// The service of this name.
#[track_caller]
pub fn service(name: &str) -> &'static Service {
    let known = SERVICES.iter().find(|service| service.name == name);
    known.unwrap_or_else(|| panic!("tests/it/services does not know the service {name}"))
}

/// Every kind, with its service.
pub fn kinds() -> impl Iterator<Item = (&'static Service, &'static Kind)> {
    SERVICES.iter().flat_map(|service| service.kinds.iter().map(move |kind| (service, kind)))
}

/// The permissions that AWS requires for this call. None for unsigned calls.
pub fn needs(call: &crate::support::proxy::Call, stack: &StackIdentity<'_>) -> Vec<Usage> {
    let name = call.sent.service.as_str();
    // Routes are called with other credentials than the operator's.
    if name.is_empty() || name == "execute-api" || !call.sent.headers.contains_key("authorization") {
        return Vec::new();
    }
    let asked = Asked::new(call, stack);
    of_tags(&asked).unwrap_or_else(|| (service(name).needs)(&asked))
}

/// The permission for a change of tags, of services that name the resource by its ARN.
fn of_tags(asked: &Asked<'_>) -> Option<Vec<Usage>> {
    let is_gateway = asked.call.sent.service.starts_with("apigateway");
    if is_gateway || !["TagResource", "UntagResource"].contains(&asked.operation()) {
        return None;
    }
    let in_path = asked.path().split_once("/tags/").map(|(_, arn)| arn.replace("%3A", ":").replace("%2F", "/"));
    let in_body = ["ResourceArn", "ResourceARN", "resourceArn"].map(|field| asked.text(field));
    let arn = in_path.into_iter().chain(in_body).find(|arn| arn.starts_with("arn:"))?;
    Some(asked.with_our_tag(vec![asked.need(arn)], &[]))
}
