//! The DNS record of a stack's domain name. Records have no tags, but domain names have tags.

use super::record::{Record, RecordKey, leading_to};
use super::{Route53, plain, same_name};
use crate::aws::error::OrFail;
use crate::engine::{Failure, Id, InventoryItem};

impl Route53 {
    /// The records that point a domain name to API Gateway, in every hosted zone that can contain them. `target` is API
    /// Gateway's host name for the domain name.
    pub(in crate::aws) async fn records_of(
        &self,
        domain: &InventoryItem,
        name: &str,
        target: &str,
    ) -> Result<Vec<InventoryItem>, Failure> {
        let mut found = Vec::new();
        let mut zone = name;
        while zone.contains('.') {
            for zone_id in self.public_zones(zone).await? {
                let sets = self.records(&zone_id, name).await?.unwrap_or_default();
                for outputs in sets.iter().filter_map(|set| leading_to(set, target, &zone_id, name)) {
                    let key = RecordKey { zone: zone.to_owned(), name: name.to_owned() };
                    let place = format!("{name} in {zone_id}");
                    let id = Id::new("dns", name);
                    found.push(InventoryItem::under::<Record>(domain, id, (name, &place), &key, &outputs));
                }
            }
            zone = zone.split_once('.').map_or("", |(_, rest)| rest);
        }
        Ok(found)
    }

    /// The ids of the public hosted zones of this name.
    pub(super) async fn public_zones(&self, name: &str) -> Result<Vec<String>, Failure> {
        let answer = self.client.list_hosted_zones_by_name().dns_name(name).send().await;
        let answer = answer.or_fail(&format!("find the hosted zone {name}"))?;
        let public = |zone: &aws_sdk_route53::types::HostedZone| {
            let private = zone.config().is_some_and(aws_sdk_route53::types::HostedZoneConfig::private_zone);
            same_name(zone.name(), name) && !private
        };
        Ok(answer.hosted_zones.into_iter().filter(public).map(|zone| plain(zone.id())).collect())
    }
}
