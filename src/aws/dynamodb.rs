//! DynamoDB: tables in on-demand mode.
//!
//! A table's ARN follows from its name, which is unique in the region. Changes are asynchronous: until a table is
//! active again, the next one is refused. Indexes are created and deleted one at a time (docs/aws.md, Tables).

mod calls;
mod changes;
mod inventory;
pub mod refusals;
mod settings;
mod table;
mod tagging;

pub use self::settings::{Table, TableLive};
pub use self::table::{TableKey, TableOutputs};
use super::Clients;
use super::retries::{client, once};
use super::service::AwsService;
use crate::regions::Service;
use crate::scope::Scope;

pub const SERVICE: Service = Service::new("dynamodb", "DynamoDB");

pub(super) const ABOUT: AwsService = AwsService {
    names: &[SERVICE.name],
    refusals: refusals::REFUSALS,
    waits: refusals::WAITS,
    #[cfg(test)]
    tests: refusals::tests::WAITS,
};

const TABLES: &[&str] = &["{arn:dynamodb}:table/{stack}-*"];

/// The header `x-amz-target` of every request begins with this.
const TARGET: &str = "DynamoDB_20120810";

/// Manages tables.
#[derive(Debug, Clone)]
pub struct DynamoDb {
    client: aws_sdk_dynamodb::Client,
    /// Without the SDK's retries, for calls that create.
    once: aws_sdk_dynamodb::Client,
    scope: Scope,
}

impl DynamoDb {
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: client!(aws_sdk_dynamodb, &clients.sdk),
            once: once!(aws_sdk_dynamodb, &clients.once),
            scope: clients.scope.clone(),
        }
    }

    fn arn(&self, name: &str) -> String {
        self.scope.arn("dynamodb", &format!("table/{name}"))
    }
}
