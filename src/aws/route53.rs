//! Route 53: the DNS records of custom domains.
//!
//! Records carry no tags. A record is the stack's if it points to the stack's own domain name in API Gateway, whose
//! target AWS chose for it alone. A record is created and deleted, but never overwritten: `CREATE` fails if the record
//! exists, and `DELETE` fails if the record has other values (docs/aws.md, DNS records).

mod inventory;
mod record;
pub mod refusals;

use aws_sdk_route53::types::{ResourceRecordSet, RrType};

pub use self::record::{Record, RecordKey, RecordLive, RecordOutputs};
use super::Clients;
use super::error::{OrAbsent, OrFail, several};
use super::retries::{client, once};
use super::service::AwsService;
use crate::engine::Failure;
use crate::regions::Service;
use crate::scope::Scope;

pub const SERVICE: Service = Service::new("route53", "Route 53");

pub(super) const ABOUT: AwsService = AwsService {
    names: &[SERVICE.name],
    refusals: refusals::REFUSALS,
    waits: refusals::WAITS,
    #[cfg(test)]
    tests: refusals::tests::WAITS,
};

/// The types of records that point a name to a server.
const LEADING: [RrType; 4] = [RrType::A, RrType::Aaaa, RrType::Cname, RrType::Https];

/// Manages DNS records.
#[derive(Debug, Clone)]
pub struct Route53 {
    client: aws_sdk_route53::Client,
    /// Without the SDK's retries, for the call that creates.
    once: aws_sdk_route53::Client,
    /// For reading the targets of the stack's own domain names.
    gateway: aws_sdk_apigatewayv2::Client,
    scope: Scope,
}

impl Route53 {
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: client!(aws_sdk_route53, &clients.sdk),
            once: once!(aws_sdk_route53, &clients.once),
            gateway: client!(aws_sdk_apigatewayv2, &clients.sdk),
            scope: clients.scope.clone(),
        }
    }

    /// The id of the public hosted zone of this name.
    ///
    /// # Errors
    /// There is no such zone, or there are several.
    async fn zone(&self, name: &str) -> Result<String, Failure> {
        match self.public_zones(name).await?.as_slice() {
            [id] => Ok(id.clone()),
            [] => Err(Failure::refused(format!("this account has no public hosted zone {name} in Route 53"))
                .hint("create the zone, or remove `zone` from the stack file and create the DNS record yourself: `up` shows the record")),
            more => Err(several("hosted zones", name, &more.iter().map(String::as_str).collect::<Vec<_>>())),
        }
    }

    /// The records that point a name to a server; `None` if there is no such zone.
    async fn records(&self, zone: &str, name: &str) -> Result<Option<Vec<ResourceRecordSet>>, Failure> {
        let call = self.client.list_resource_record_sets().hosted_zone_id(zone).start_record_name(name);
        let answer = call.send().await.or_fail(&format!("read the DNS records of {name}")).or_absent()?;
        // AWS's list begins at this name and continues with other names.
        let of_name = |set: &ResourceRecordSet| same_name(set.name(), name) && LEADING.contains(set.r#type());
        Ok(answer.map(|answer| answer.resource_record_sets.into_iter().filter(of_name).collect()))
    }

    /// The target of a domain name in API Gateway, if the domain name is this stack's.
    async fn target_of(&self, name: &str) -> Result<Option<String>, Failure> {
        let answer = self.gateway.get_domain_name().domain_name(name).send().await;
        let answer = answer.or_fail(&format!("read the domain name {name}")).or_absent()?;
        let ours = answer.filter(|answer| self.scope.owns(super::tags::pairs(answer.tags())));
        let target = ours.and_then(|answer| answer.domain_name_configurations?.into_iter().next());
        Ok(target.and_then(|configuration| configuration.api_gateway_domain_name))
    }
}

/// Whether two DNS names are equal. A dot at the end and the case of letters do not matter.
fn same_name(one: &str, other: &str) -> bool {
    one.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
}

/// The id after `/hostedzone/`.
fn plain(id: &str) -> String {
    id.rsplit('/').next().unwrap_or(id).to_owned()
}
