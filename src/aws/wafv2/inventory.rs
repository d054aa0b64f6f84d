//! The list of all IP sets and web ACLs, with the associations of the web ACLs. The list does not show tags
//! (docs/aws.md, Web ACLs).

use aws_sdk_wafv2::types::{IpSetSummary, ResourceType, WebAclSummary};

use super::{
    Association, AssociationKey, AssociationOutputs, IpSet, Key, Logging, LoggingKey, LoggingLive, LoggingOutputs,
    Outputs, PoolAssociation, Wafv2, WebAcl,
};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::pages::closer;
use crate::engine::{Failure, Id, InventoryItem, Listing, Resource, Unread};
use crate::scope::{Owner, Whose};

/// The outputs of a listed resource, if the list shows all of them.
fn outputs(name: Option<String>, id: Option<String>, arn: Option<String>, token: Option<String>) -> Option<Outputs> {
    Some(Outputs { name: name?, id: id?, arn: arn?, lock_token: token.unwrap_or_default() })
}

impl Wafv2 {
    /// The owner of the resource with this ARN; `None` if the resource does not exist any more.
    async fn owner(&self, arn: &str) -> Result<Option<Option<Owner>>, Failure> {
        let call = self.client.list_tags_for_resource().resource_arn(arn);
        let answer = call.send().await.or_fail(&format!("read the tags of {arn}")).or_absent()?;
        let tags = answer.map(|answer| answer.tag_info_for_resource.and_then(|info| info.tag_list).unwrap_or_default());
        Ok(tags.map(|tags| Owner::read(tags.iter().map(|tag| (tag.key(), tag.value())))))
    }

    fn listed<R: Resource<Key = Key, Outputs = Outputs>>(owner: Option<Owner>, seen: &Outputs) -> InventoryItem {
        let key = |_| Key { name: seen.name.clone() };
        InventoryItem::new::<R>((&seen.name, &seen.arn), owner, key, seen)
    }

    async fn listed_set(&self, seen: Outputs) -> Result<Listing, Failure> {
        let owner = self.owner(&seen.arn).await?;
        Ok(Vec::from_iter(owner.map(|owner| Self::listed::<IpSet>(owner, &seen))).into())
    }

    async fn listed_acl(&self, seen: Outputs) -> Result<Listing, Failure> {
        let (owner, stages, pools, log) = tokio::join!(
            self.owner(&seen.arn),
            self.stages(&seen.arn),
            self.associated(&seen.arn, ResourceType::CognitioUserPool),
            self.log_of(&seen.arn)
        );
        let Some(owner) = owner? else { return Ok(Listing::default()) };
        let acl = Self::listed::<WebAcl>(owner, &seen).resting_on::<IpSet>();
        let of = || format!("of {}", seen.name);
        let (stages, unread_stages) = parts::<Association, _>(of(), stages);
        let (pools, unread_pools) = parts::<PoolAssociation, _>(of(), pools);
        let (log, unread_log) = parts::<Logging, _>(of(), log.map(|log| vec![log]));
        let attached = |resource_arn: &String| {
            let (web_acl_arn, name) = (seen.arn.clone(), format!("{} on {resource_arn}", seen.name));
            let key = AssociationKey { resource_arn: resource_arn.clone(), web_acl_arn: web_acl_arn.clone() };
            (name, key, AssociationOutputs { resource_arn: resource_arn.clone(), web_acl_arn })
        };
        let mut under = vec![acl];
        for arn in stages {
            let (name, key, outputs) = attached(&arn);
            let id = Id::new("firewall", "association");
            under.push(
                InventoryItem::under::<Association>(&under[0], id, (&name, &arn), &key, &outputs).going_with(&arn),
            );
        }
        // On an emulator, the list of pools contains the stages too.
        for arn in pools.into_iter().filter(|arn| arn.contains(":userpool/")) {
            let (name, key, outputs) = attached(&arn);
            let id = Id::new("firewall", "pool");
            under.push(InventoryItem::under::<PoolAssociation>(&under[0], id, (&name, &arn), &key, &outputs));
        }
        if log.iter().any(|log| matches!(log, LoggingLive::Some(_))) {
            let (key, outputs) =
                (LoggingKey { web_acl_arn: seen.arn.clone() }, LoggingOutputs { web_acl_arn: seen.arn.clone() });
            let (id, name) = (Id::new("firewall", "logging"), format!("log of {}", seen.name));
            let arn = format!("log of {}", seen.arn);
            under.push(InventoryItem::under::<Logging>(&under[0], id, (&name, &arn), &key, &outputs));
        }
        Ok(Listing::from(under).and_unread([unread_stages, unread_pools, unread_log].into_iter().flatten()))
    }

    /// The ARNs of the stages that a web ACL is associated with.
    pub(super) async fn stages(&self, acl_arn: &str) -> Result<Vec<String>, Failure> {
        let mut arns = self.associated(acl_arn, ResourceType::ApiGateway).await?;
        // On an emulator, the list contains user pools too.
        arns.retain(|arn| !arn.contains(":userpool/"));
        Ok(arns)
    }

    /// The ARNs of the resources of a type that a web ACL is associated with.
    async fn associated(&self, acl_arn: &str, kind: ResourceType) -> Result<Vec<String>, Failure> {
        // Without a type, AWS lists load balancers only.
        let call = self.client.list_resources_for_web_acl().web_acl_arn(acl_arn);
        let answer = call.resource_type(kind).send().await;
        let answer = answer.or_fail(&format!("list the resources that {acl_arn} is associated with")).or_absent()?;
        Ok(answer.and_then(|answer| answer.resource_arns).unwrap_or_default())
    }
}

/// The associations or logs of a web ACL, and the failure if they could not be read.
fn parts<R: Resource, T>(of: String, read: Result<Vec<T>, Failure>) -> (Vec<T>, Option<Unread>) {
    match read {
        Ok(parts) => (parts, None),
        Err(failure) => (Vec::new(), Some(Unread::new::<R>(of, failure))),
    }
}

impl Wafv2 {
    pub(super) async fn list_sets(&self, whose: &Whose) -> Result<Listing, Failure> {
        let (sets, cut) = self.ip_sets().await;
        let sets = sets.into_iter().filter_map(|set| {
            let IpSetSummary { name, id, arn, lock_token, .. } = set;
            outputs(name, id, arn, lock_token).filter(|seen| whose.may_own(&seen.name))
        });
        let looks = sets.map(|seen| (seen.name.clone(), self.listed_set(seen)));
        let listing = closer::<IpSet, _>(looks.collect()).await;
        Ok(listing.and_unread(cut.map(|failure| Unread::new::<IpSet>(None, failure))))
    }
}

impl Wafv2 {
    pub(super) async fn list_acls(&self, whose: &Whose) -> Result<Listing, Failure> {
        let (acls, cut) = self.web_acls().await;
        let acls = acls.into_iter().filter_map(|acl| {
            let WebAclSummary { name, id, arn, lock_token, .. } = acl;
            outputs(name, id, arn, lock_token).filter(|seen| whose.may_own(&seen.name))
        });
        let looks = acls.map(|seen| (seen.name.clone(), self.listed_acl(seen)));
        let listing = closer::<WebAcl, _>(looks.collect()).await;
        Ok(listing.and_unread(cut.map(|failure| Unread::new::<WebAcl>(None, failure))))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    const STAGE: &str = "arn:aws:apigateway:eu-central-1::/restapis/abc/stages/development";
    const TAGS: &str = r#"{"TagInfoForResource":{"TagList":[{"Key":"securelambda:stack","Value":"demo"},
        {"Key":"securelambda:resource","Value":"firewall.x"}]}}"#;
    const NO_TAGS: &str = r#"{"TagInfoForResource":{"TagList":[]}}"#;
    const ABSENT: &str = r#"{"__type":"WAFNonexistentItemException","Message":"no such thing"}"#;

    fn page(list: &str, names: &[&str], marker: &str) -> String {
        let of = |name: &&str| format!(r#"{{"Name":"{name}","Id":"1","ARN":"arn:{name}","LockToken":"t"}}"#);
        let items: Vec<String> = names.iter().map(of).collect();
        format!(r#"{{"NextMarker":"{marker}","{list}":[{}]}}"#, items.join(","))
    }

    #[tokio::test]
    async fn ip_sets_are_listed_until_an_empty_marker() {
        let (first, second) = (page("IPSets", &["x", "demo-a"], "m2"), page("IPSets", &["demo-b", "demo-c"], ""));
        let (clients, http) = replay(vec![(200, &first), (200, &second), (200, TAGS), (200, NO_TAGS), (400, ABSENT)]);
        let whose = Whose::Stack("demo".into());
        let listed = Wafv2::new(&clients).list_sets(&whose).await.unwrap().listed;
        let seen: Vec<_> = listed.iter().map(|one| (one.id.as_str(), one.stack.as_deref())).collect();
        assert_eq!(seen, [("firewall.x", Some("demo")), ("ip_set.demo-b", None)]);
        let asked = asked(&http);
        assert_eq!(asked.len(), 5, "{asked:?}");
        assert!(asked[1].1.contains(r#""NextMarker":"m2""#), "{asked:?}");
    }

    #[tokio::test]
    async fn web_acls_are_listed_with_their_associations() {
        let (first, second) = (page("WebACLs", &["demo-acl"], "m2"), page("WebACLs", &["demo-gone"], ""));
        let stages = format!(r#"{{"ResourceArns":["{STAGE}"]}}"#);
        let reads = [(200, TAGS), (200, &*stages), (400, ABSENT), (400, ABSENT)];
        let (clients, http) = replay([vec![(200, &*first), (200, &*second)], reads.to_vec()].concat());
        let whose = Whose::Stack("demo".into());
        let listed = Wafv2::new(&clients).list_acls(&whose).await.unwrap().listed;
        let seen: Vec<_> = listed.iter().map(|one| (one.kind, one.arn.as_str())).collect();
        assert_eq!(seen, [("wafv2.web_acl", "arn:demo-acl"), ("wafv2.association", STAGE)]);
        assert!(listed.iter().all(|one| one.stack.as_deref() == Some("demo")));
        assert!(asked(&http)[3].1.contains("API_GATEWAY"), "{:?}", asked(&http));
    }
}
