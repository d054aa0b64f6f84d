//! The DNS record that points a custom domain to API Gateway.

use aws_sdk_route53::Client;
use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};
use serde::{Deserialize, Serialize};

use super::refusals::ZONE_BUSY;
use super::{Route53, plain, same_name};
use crate::aws::error::{OrAbsent, OrFail, built};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::route53::SERVICE;
use crate::aws::settle::settled;
use crate::engine::{Comparison, Drift, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// The field of the record's target, if nobody else changed the record.
const TARGET: &str = "AliasTarget.DNSName";

/// The field of the setting that Route 53 returns the record only while its target is healthy.
const HEALTH: &str = "AliasTarget.EvaluateTargetHealth";

/// The field of records that somebody else changed or added. The program does not change them.
const THEIRS: &str = "ResourceRecordSets of others";

/// A record of the type A that is an alias for a domain name of API Gateway.
#[derive(Debug, Clone)]
pub struct Record {
    /// The name of its hosted zone.
    pub zone: String,
    /// As in `api.example.com`.
    pub name: String,
    /// The host name that AWS gave to the domain name in API Gateway.
    pub target: String,
    /// The hosted zone of that host name, which is AWS's.
    pub target_zone: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordKey {
    pub(super) zone: String,
    pub(super) name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordOutputs {
    /// The id of its hosted zone, without `/hostedzone/`.
    pub zone_id: String,
    pub name: String,
    /// The host name that it points to. Only a record with this value is the stack's.
    pub target: String,
    pub target_zone: String,
    /// The live value of `EvaluateTargetHealth`. Route 53 deletes the record only if the call contains this value.
    #[serde(default)]
    pub evaluates_health: bool,
}

/// The records of the name in the zone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecordLive {
    /// The target of the stack's own record; `None` if somebody changed the record.
    pub target: Option<String>,
    /// Whether Route 53 evaluates the health of the target.
    pub evaluates_health: bool,
    /// All other records that point the name to a server, as text.
    pub others: Vec<String>,
}

impl Resource for Record {
    const KIND: &'static str = "route53.record";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    const GUARDS: bool = false;
    type Key = RecordKey;
    type Outputs = RecordOutputs;
    type Live = RecordLive;

    fn key(&self) -> RecordKey {
        RecordKey { zone: self.zone.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &RecordOutputs) -> String {
        format!("{} in {}", outputs.name, outputs.zone_id)
    }

    fn removal_command(outputs: &RecordOutputs) -> Option<String> {
        let RecordOutputs { zone_id, name, target, target_zone, evaluates_health } = outputs;
        let alias = format!(
            r#"{{"HostedZoneId":"{target_zone}","DNSName":"{target}","EvaluateTargetHealth":{evaluates_health}}}"#
        );
        let set = format!(r#"{{"Name":"{name}","Type":"A","AliasTarget":{alias}}}"#);
        Some(format!(
            "aws route53 change-resource-record-sets --hosted-zone-id {zone_id} --change-batch \
             '{{\"Changes\":[{{\"Action\":\"DELETE\",\"ResourceRecordSet\":{set}}}]}}'"
        ))
    }

    fn compare(&self, live: &RecordLive) -> Comparison {
        let others = if live.others.is_empty() { "none".to_owned() } else { live.others.join(", ") };
        // If the name also points to somebody else's server, that server gets the callers' tokens.
        let compared = Comparison::default().guard(THEIRS, "none", others);
        match &live.target {
            Some(target) => compared.guard(TARGET, &self.target, target).plain(HEALTH, false, live.evaluates_health),
            None => compared,
        }
    }

    fn requires_replacement(&self, drift: &[Drift]) -> Option<Failure> {
        let theirs = drift.iter().find(|drift| drift.field == THEIRS)?;
        let name = &self.name;
        Some(Failure::refused(format!("somebody else changed the DNS records of {name}: {}", theirs.live)).hint(
            format!("remove these records of {name} from the zone {}, then run the same command again", self.zone),
        ))
    }
}

impl Described for Record {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "DNS record",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Route53,
        gone_before: &[],
        permissions: &[
            // The call finds zones by name, and cannot be limited to a stack's zones.
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Create, Usage::Survivors],
                    actions: &["route53:ListHostedZonesByName"],
                }],
            },
            StatementTemplate {
                sid: Sid::FindOwn,
                on: &["arn:{partition}:route53:::hostedzone/*"],
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Create, Usage::Delete, Usage::Survivors],
                    actions: &["route53:ListResourceRecordSets"],
                }],
            },
            StatementTemplate {
                sid: Sid::OwnRecords,
                on: &["arn:{partition}:route53:::hostedzone/*"],
                rights: &[Permissions {
                    needs: &[Usage::Create, Usage::Update, Usage::Delete],
                    actions: &["route53:ChangeResourceRecordSets"],
                }],
            },
        ],
        rates: &[
            Rate::per_second(5, Calls::Requests(&["GET", "POST"], "/2013-04-01/hostedzone/*/rrset")),
            Rate::per_second(5, Calls::Requests(&["GET"], "/2013-04-01/hostedzonesbyname")),
        ],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "DNS record",
            holds: "the record points to the API's domain name, and the name has no other records",
            read: "ListResourceRecordSets",
        },
    };
}

fn alias(target: &str, zone: &str, evaluates_health: bool) -> Result<AliasTarget, Failure> {
    let alias = AliasTarget::builder().dns_name(target).hosted_zone_id(zone);
    built(alias.evaluate_target_health(evaluates_health).build())
}

fn set(name: &str, target: AliasTarget) -> Result<ResourceRecordSet, Failure> {
    built(ResourceRecordSet::builder().name(name).r#type(RrType::A).alias_target(target).build())
}

fn change(action: ChangeAction, set: ResourceRecordSet) -> Result<Change, Failure> {
    built(Change::builder().action(action).resource_record_set(set).build())
}

/// A record as text: its type, and its target or values.
fn words(set: &ResourceRecordSet) -> String {
    let kind = set.r#type().as_str();
    if let Some(alias) = set.alias_target() {
        return format!("{kind} {}", alias.dns_name().trim_end_matches('.'));
    }
    let values: Vec<&str> = set.resource_records().iter().map(ResourceRecord::value).collect();
    format!("{kind} {}", values.join(" "))
}

/// Whether the program could have made this record, with one of these targets.
fn leads_to(set: &ResourceRecordSet, targets: &[String]) -> bool {
    let alias = set.alias_target().filter(|_| *set.r#type() == RrType::A && set.set_identifier().is_none());
    alias.is_some_and(|alias| targets.iter().any(|target| same_name(target, alias.dns_name())))
}

/// The outputs of a record, if it points to this target.
pub(super) fn leading_to(set: &ResourceRecordSet, target: &str, zone_id: &str, name: &str) -> Option<RecordOutputs> {
    let alias = set.alias_target().filter(|_| leads_to(set, &[target.to_owned()]))?;
    Some(outputs_of(alias, zone_id, name))
}

fn outputs_of(alias: &AliasTarget, zone_id: &str, name: &str) -> RecordOutputs {
    RecordOutputs {
        zone_id: zone_id.to_owned(),
        name: name.to_owned(),
        target: alias.dns_name().trim_end_matches('.').to_owned(),
        target_zone: plain(alias.hosted_zone_id()),
        evaluates_health: alias.evaluate_target_health(),
    }
}

impl Record {
    fn creation(&self) -> Result<Change, Failure> {
        change(ChangeAction::Create, set(&self.name, alias(&self.target, &self.target_zone, false)?)?)
    }
}

impl Route53 {
    /// Sends changes. `client` decides whether the call is repeated if its answer is lost.
    async fn change(
        &self,
        client: &Client,
        (zone_id, name): (&str, &str),
        changes: Vec<Change>,
        task: &Task,
    ) -> Result<(), Failure> {
        let batch = built(ChangeBatch::builder().set_changes(Some(changes)).build())?;
        let sent = settled(task, &[&ZONE_BUSY], || async {
            let call = client.change_resource_record_sets().hosted_zone_id(zone_id).change_batch(batch.clone());
            call.send().await.or_fail(&format!("change the DNS record of {name}")).map(drop)
        });
        sent.await
    }
}

impl Provider<Record> for Route53 {
    async fn read(
        &self,
        key: &RecordKey,
        known: Option<&RecordOutputs>,
        _: &Task,
    ) -> Result<Option<Found<Record>>, Failure> {
        let zone_id = match known {
            Some(known) => known.zone_id.clone(),
            None => self.zone(&key.zone).await?,
        };
        let Some(sets) = self.records(&zone_id, &key.name).await?.filter(|sets| !sets.is_empty()) else {
            return Ok(None);
        };
        let mut targets: Vec<String> = known.map(|known| known.target.clone()).into_iter().collect();
        if !sets.iter().any(|set| leads_to(set, &targets)) {
            // An update whose answer was lost may have pointed the record to the stack's new domain name.
            targets.extend(self.target_of(&key.name).await?);
        }
        let (ours, others): (Vec<_>, Vec<_>) = sets.iter().partition(|set| leads_to(set, &targets));
        let others: Vec<String> = others.into_iter().map(words).collect();
        match (known, ours.into_iter().find_map(ResourceRecordSet::alias_target)) {
            (_, Some(alias)) => {
                let outputs = outputs_of(alias, &zone_id, &key.name);
                let (target, evaluates_health) = (Some(outputs.target.clone()), outputs.evaluates_health);
                Ok(Some(Found { outputs, live: RecordLive { target, evaluates_health, others } }))
            }
            (Some(known), None) => {
                let live = RecordLive { others, ..RecordLive::default() };
                Ok(Some(Found { outputs: known.clone(), live }))
            }
            (None, None) => {
                let shown = format!("{} {}", key.name, others.join(", "));
                Err(Failure::foreign("a DNS record", &shown)
                    .hint("remove the record, or choose another name for the domain; it was not touched"))
            }
        }
    }

    async fn create(&self, want: &Record, task: &Task) -> Result<RecordOutputs, Failure> {
        let zone_id = self.zone(&want.zone).await?;
        let made = want.creation()?;
        self.change(&self.once, (&zone_id, &want.name), vec![made], task).await?;
        let Record { name, target, target_zone, .. } = want.clone();
        Ok(RecordOutputs { zone_id, name, target, target_zone, evaluates_health: false })
    }

    /// Route 53 makes both changes or none. It makes none if the record has other values by now.
    async fn update(&self, want: &Record, found: &Found<Record>, task: &Task) -> Result<RecordOutputs, Failure> {
        let RecordOutputs { zone_id, name, target, target_zone, evaluates_health } = &found.outputs;
        let gone = change(ChangeAction::Delete, set(name, alias(target, target_zone, *evaluates_health)?)?)?;
        self.change(&self.once, (zone_id, name), vec![gone, want.creation()?], task).await?;
        let Record { target, target_zone, .. } = want.clone();
        Ok(RecordOutputs { target, target_zone, evaluates_health: false, ..found.outputs.clone() })
    }

    /// Deleting it cannot affect others: Route 53 deletes a record only with exactly its values.
    async fn vouch(&self, _: &RecordOutputs, _: &Task) -> Result<bool, Failure> {
        Ok(true)
    }

    /// Deletes the record with its live values, because others may have changed values other than the target.
    async fn delete(&self, gone: &RecordOutputs, task: &Task) -> Result<(), Failure> {
        let RecordOutputs { zone_id, name, target, .. } = gone;
        let sets = self.records(zone_id, name).await?.unwrap_or_default();
        let Some(own) = sets.into_iter().find(|set| leads_to(set, std::slice::from_ref(target))) else {
            return Ok(());
        };
        let change = change(ChangeAction::Delete, own)?;
        // A repeated deletion finds no record any more, which is no failure.
        self.change(&self.client, (zone_id, name), vec![change], task).await.or_absent().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Cause;

    const ZONES: &str = "<ListHostedZonesByNameResponse><HostedZones>\
        <HostedZone><Id>/hostedzone/ZP</Id><Name>example.com.</Name><CallerReference>x</CallerReference>\
        <Config><PrivateZone>true</PrivateZone></Config></HostedZone>\
        <HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name><CallerReference>x</CallerReference></HostedZone>\
        <HostedZone><Id>/hostedzone/Z9</Id><Name>example.net.</Name><CallerReference>x</CallerReference></HostedZone>\
        </HostedZones><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListHostedZonesByNameResponse>";
    const TARGET_OF_DOMAIN: &str = "d-1.execute-api.eu-central-1.amazonaws.com";
    const CHANGED: &str = "<ChangeResourceRecordSetsResponse><ChangeInfo><Id>/change/C1</Id><Status>PENDING</Status>\
        <SubmittedAt>2026-11-29T12:00:00Z</SubmittedAt></ChangeInfo></ChangeResourceRecordSetsResponse>";

    fn sets(sets: &str) -> String {
        format!(
            "<ListResourceRecordSetsResponse><ResourceRecordSets>{sets}</ResourceRecordSets>\
             <IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListResourceRecordSetsResponse>"
        )
    }

    fn alias_to(target: &str) -> String {
        format!(
            "<ResourceRecordSet><Name>api.example.com.</Name><Type>A</Type><AliasTarget><HostedZoneId>Z2</HostedZoneId>\
             <DNSName>{target}.</DNSName><EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget></ResourceRecordSet>"
        )
    }

    const OTHER_NAME: &str = "<ResourceRecordSet><Name>b.example.com.</Name><Type>A</Type><TTL>60</TTL><ResourceRecords>\
        <ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>";
    const THEIR_CNAME: &str = "<ResourceRecordSet><Name>api.example.com.</Name><Type>CNAME</Type><TTL>60</TTL>\
        <ResourceRecords><ResourceRecord><Value>www.example.org</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>";

    fn want() -> Record {
        Record {
            zone: "example.com".into(),
            name: "api.example.com".into(),
            target: TARGET_OF_DOMAIN.into(),
            target_zone: "Z2".into(),
        }
    }

    fn outputs() -> RecordOutputs {
        RecordOutputs {
            zone_id: "Z1".into(),
            name: "api.example.com".into(),
            target: TARGET_OF_DOMAIN.into(),
            target_zone: "Z2".into(),
            evaluates_health: false,
        }
    }

    fn task() -> Task {
        Task::detached("dns.api.example.com")
    }

    fn domain(stack: &str) -> String {
        format!(
            r#"{{"domainName":"api.example.com","tags":{{"securelambda:stack":"{stack}"}},
                "domainNameConfigurations":[{{"apiGatewayDomainName":"{TARGET_OF_DOMAIN}","hostedZoneId":"Z2"}}]}}"#
        )
    }

    #[tokio::test]
    async fn a_record_is_the_stacks_if_it_leads_to_the_stacks_domain() {
        let ours = sets(&(alias_to(TARGET_OF_DOMAIN) + OTHER_NAME));
        for (records, domain, found) in [
            (sets(OTHER_NAME), domain("demo"), None),
            (ours.clone(), domain("demo"), Some(true)),
            (ours, domain("other"), Some(false)),
            (sets(&alias_to("d-9.execute-api.eu-central-1.amazonaws.com")), domain("demo"), Some(false)),
            (sets(THEIR_CNAME), domain("demo"), Some(false)),
        ] {
            let (clients, _) = replay(vec![(200, ZONES), (200, &records), (200, &domain)]);
            let read = Provider::<Record>::read(&Route53::new(&clients), &want().key(), None, &task()).await;
            match found {
                None => assert!(read.expect("no failure").is_none()),
                Some(true) => {
                    let read = read.expect("no failure").expect("found");
                    assert_eq!(read.outputs, outputs());
                    assert_eq!(want().drift(&read.live), []);
                }
                Some(false) => assert_eq!(read.map(|_| ()).map_err(|failure| failure.cause), Err(Cause::Foreign)),
            }
        }
    }

    #[tokio::test]
    async fn a_recorded_record_that_somebody_changed_is_reported_and_not_changed_back() {
        let theirs = sets(&alias_to("d-9.execute-api.eu-central-1.amazonaws.com"));
        let (clients, http) = replay(vec![(200, &theirs), (200, &domain("demo"))]);
        let known = outputs();
        let read = Provider::<Record>::read(&Route53::new(&clients), &want().key(), Some(&known), &task()).await;
        let live = read.expect("no failure").expect("found").live;
        let drift = want().drift(&live);
        assert!(drift.len() == 1 && drift[0].weakens && drift[0].live.contains("d-9."), "{drift:?}");
        assert!(want().requires_replacement(&drift).is_some());
        assert_eq!(asked(&http).len(), 2);
        // The stack's domain name was created again, so its record is updated.
        let moved = Record { target: "d-2.execute-api.eu-central-1.amazonaws.com".into(), ..want() };
        let live = RecordLive { target: Some(TARGET_OF_DOMAIN.into()), ..RecordLive::default() };
        let drift = moved.drift(&live);
        assert!(drift.len() == 1 && moved.requires_replacement(&drift).is_none(), "{drift:?}");
    }

    #[tokio::test]
    async fn a_record_that_an_unanswered_update_led_to_the_stacks_new_domain_is_its_own() {
        let moved = sets(&alias_to(TARGET_OF_DOMAIN));
        let (clients, _) = replay(vec![(200, &moved), (200, &domain("demo"))]);
        let before = RecordOutputs { target: "d-0.execute-api.eu-central-1.amazonaws.com".into(), ..outputs() };
        let read = Provider::<Record>::read(&Route53::new(&clients), &want().key(), Some(&before), &task()).await;
        let read = read.expect("no failure").expect("found");
        assert_eq!((want().drift(&read.live), read.outputs), (vec![], outputs()));
    }

    #[tokio::test]
    async fn a_record_with_a_health_check_of_its_target_is_changed_and_deleted_as_it_is() {
        let watched = sets(&alias_to(TARGET_OF_DOMAIN).replace(">false<", ">true<"));
        let (clients, http) = replay(vec![(200, &watched), (200, CHANGED), (200, &watched), (200, CHANGED)]);
        let dns = Route53::new(&clients);
        let read = Provider::<Record>::read(&dns, &want().key(), Some(&outputs()), &task()).await;
        let read = read.expect("no failure").expect("found");
        assert_eq!(want().drift(&read.live), [Drift::new(HEALTH, false, true)]);
        let command = Record::removal_command(&read.outputs).expect("a command");
        assert!(command.contains(r#""EvaluateTargetHealth":true"#), "{command}");
        assert_eq!(Provider::<Record>::update(&dns, &want(), &read, &task()).await, Ok(outputs()));
        Provider::<Record>::delete(&dns, &outputs(), &task()).await.expect("deleted");
        let asked = asked(&http);
        let health = |body: &str| -> Vec<bool> {
            let parts = body.split("<EvaluateTargetHealth>").skip(1);
            parts.map(|rest| rest.starts_with("true")).collect()
        };
        assert_eq!((health(&asked[1].1), health(&asked[3].1)), (vec![true, false], vec![true]));
    }

    #[tokio::test]
    async fn a_record_is_created_and_deleted_and_never_overwritten() {
        let ours = sets(&alias_to(TARGET_OF_DOMAIN));
        let (clients, http) = replay(vec![(200, ZONES), (200, CHANGED), (200, CHANGED), (200, &ours), (200, CHANGED)]);
        let dns = Route53::new(&clients);
        assert_eq!(Provider::<Record>::create(&dns, &want(), &task()).await, Ok(outputs()));
        let found = Found { outputs: outputs(), live: RecordLive::default() };
        let moved = Record { target: "d-2.example".into(), ..want() };
        Provider::<Record>::update(&dns, &moved, &found, &task()).await.expect("updated");
        Provider::<Record>::delete(&dns, &outputs(), &task()).await.expect("deleted");
        let bodies: Vec<String> =
            asked(&http).into_iter().map(|(_, body)| body).filter(|body| body.contains("<Action>")).collect();
        let actions = |body: &str| -> Vec<String> {
            let parts = body.split("<Action>").skip(1).filter_map(|rest| rest.split('<').next());
            parts.map(str::to_owned).collect()
        };
        assert_eq!(
            bodies.iter().map(|body| actions(body).join(" ")).collect::<Vec<_>>(),
            ["CREATE", "DELETE CREATE", "DELETE"]
        );
    }

    #[tokio::test]
    async fn a_record_with_other_values_is_left_and_a_missing_zone_is_named() {
        let mismatch = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidChangeBatch</Code><Message>[Tried to delete \
            resource record set [name='api.example.com.', type='A'] but the values provided do not match the current \
            values]</Message></Error></ErrorResponse>";
        let none = "<ListHostedZonesByNameResponse><HostedZones/><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems>\
            </ListHostedZonesByNameResponse>";
        let ours = sets(&alias_to(TARGET_OF_DOMAIN));
        let (clients, _) = replay(vec![(200, &ours), (400, mismatch), (200, none)]);
        let dns = Route53::new(&clients);
        assert_eq!(Provider::<Record>::delete(&dns, &outputs(), &task()).await, Ok(()));
        let failure = Provider::<Record>::create(&dns, &want(), &task()).await.expect_err("no zone");
        assert!(failure.to_string().contains("no public hosted zone example.com"), "{failure}");
    }
}
