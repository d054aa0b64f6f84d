//! Custom domain names of REST and HTTP APIs. A name is unique among all accounts of a region (docs/aws.md, Custom
//! domains).

use aws_sdk_apigatewayv2::operation::get_domain_name::GetDomainNameOutput;
use aws_sdk_apigatewayv2::types::{
    self, DomainNameConfiguration, DomainNameStatus, EndpointType, MutualTlsAuthenticationInput, RoutingMode,
    SecurityPolicy,
};
use serde::{Deserialize, Serialize};

use super::super::error::{OrAbsent, OrFail};
use super::super::pages::as_far_as_pages_go;
use super::super::settle::settled;
use super::super::tags::{pairs, read, tag_map};
use super::super::until::until;
use super::tagging::RETAG;
use super::{ApiGatewayV2, ApiMapping, PAGE, given};
use crate::aws::apigateway::SERVICE;
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::route53::Record;
use crate::engine::{
    Comparison, Effect, Failure, Found, Id, InventoryItem, Listing, Provider, Resource, Retag, Tags, Task, Unread,
};
use crate::layer::Layer;
use crate::scope::{Owner, Whose};

/// TLS 1.2 or later. An API of the stack can demand more: its own policy decides (docs/aws.md, Custom domains).
const POLICY: &str = "TLS_1_2";

/// A custom domain name with a regional endpoint.
#[derive(Debug, Clone)]
pub struct DomainName {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// As in `api.example.com`.
    pub name: String,
    pub certificate_arn: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DomainNameOutputs {
    pub name: String,
    /// The host name that AWS gave it, to which a DNS record must lead.
    pub target: String,
    /// The hosted zone of that host name, for an alias in Route 53.
    pub target_zone: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DomainNameKey {
    name: String,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveDomainName {
    pub certificate_arn: String,
    /// `REGIONAL` or `EDGE`.
    pub endpoint_type: String,
    pub security_policy: String,
    /// The S3 URI of the truststore for callers' certificates, if callers must have one.
    pub truststore: Option<String>,
    /// The routing mode: requests are led to APIs by mappings, by routing rules or by both.
    pub routing_mode: Option<String>,
}

impl Resource for DomainName {
    const KIND: &'static str = "apigatewayv2.domain_name";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    const GUARDS: bool = false;
    type Key = DomainNameKey;
    type Outputs = DomainNameOutputs;
    type Live = LiveDomainName;

    fn key(&self) -> DomainNameKey {
        DomainNameKey { name: self.name.clone() }
    }

    fn identity(outputs: &DomainNameOutputs) -> String {
        outputs.name.clone()
    }

    fn removal_command(outputs: &DomainNameOutputs) -> Option<String> {
        Some(format!("aws apigatewayv2 delete-domain-name --domain-name {}", outputs.name))
    }

    fn compare(&self, live: &LiveDomainName) -> Comparison {
        let effect = Effect::weakens_unless(!live.is_weak());
        let mode = live.routing_mode.as_deref().unwrap_or(RoutingMode::ApiMappingOnly.as_str());
        Comparison::default()
            // A person who has the private key of another certificate could answer in the API's name.
            .guard("CertificateArn", &self.certificate_arn, &live.certificate_arn)
            .plain("EndpointType", EndpointType::Regional.as_str(), &live.endpoint_type)
            .judged("SecurityPolicy", POLICY, &live.security_policy, effect)
            // Rules could lead requests to other APIs.
            .guard("RoutingMode", RoutingMode::ApiMappingOnly.as_str(), mode)
            .plain("MutualTlsAuthentication", "none", live.truststore.as_deref().unwrap_or("none"))
    }
}

impl Described for DomainName {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "custom domain name",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[ApiMapping::KIND],
        permissions: &[
            RETAG,
            StatementTemplate {
                sid: Sid::FindOwn,
                on: &[
                    "arn:{partition}:apigateway:{region}::/domainnames",
                    "arn:{partition}:apigateway:{region}::/domainnames/*",
                ],
                rights: &[Permissions { needs: &[Usage::Read, Usage::Survivors], actions: &["apigateway:GET"] }],
            },
            // Certificates are only read.
            StatementTemplate {
                sid: Sid::FindOwn,
                on: &["{arn:acm}:certificate/*"],
                rights: &[Permissions { needs: &[Usage::Read, Usage::Create], actions: &["acm:DescribeCertificate"] }],
            },
            StatementTemplate {
                sid: Sid::OwnDomains,
                on: &["arn:{partition}:apigateway:{region}::/domainnames/{domain}"],
                rights: &[
                    Permissions {
                        needs: &[Usage::Update],
                        // The removal of mutual TLS needs a permission of its own.
                        actions: &["apigateway:PATCH", "apigateway:RemoveCertificateFromDomain"],
                    },
                    Permissions { needs: &[Usage::Delete], actions: &["apigateway:DELETE"] },
                ],
            },
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: &["arn:{partition}:apigateway:{region}::/domainnames"],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["apigateway:POST"] }],
            },
            StatementTemplate {
                sid: Sid::TagWhatIsMade,
                on: &[
                    "arn:{partition}:apigateway:{region}::/tags/arn%3A{partition}%3Aapigateway%3A{region}%3A%3A%2Fdomainnames%2F${*}",
                ],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["apigateway:POST"] }],
            },
        ],
        rates: &[
            Rate::one_in(30, Calls::Requests(&["POST"], "/v2/domainnames")),
            Rate::one_in(30, Calls::Requests(&["PATCH"], "/v2/domainnames/*")),
            Rate::one_in(30, Calls::Requests(&["DELETE"], "/v2/domainnames/*")),
        ],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "custom domain",
            holds: "it demands TLS 1.2 and has the stack file's certificate",
            read: "GetDomainName",
        },
    };
}

fn outputs(name: &str, configuration: Option<&DomainNameConfiguration>) -> DomainNameOutputs {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    DomainNameOutputs {
        name: name.to_owned(),
        target: text(configuration.and_then(DomainNameConfiguration::api_gateway_domain_name)),
        target_zone: text(configuration.and_then(DomainNameConfiguration::hosted_zone_id)),
    }
}

fn found(name: &str, answer: GetDomainNameOutput) -> Found<DomainName> {
    let configurations = answer.domain_name_configurations.unwrap_or_default();
    let configuration = configurations.first();
    let live = LiveDomainName {
        certificate_arn: configuration.and_then(|one| one.certificate_arn()).unwrap_or_default().to_owned(),
        endpoint_type: configuration
            .and_then(|one| one.endpoint_type())
            .map_or("none", EndpointType::as_str)
            .to_owned(),
        security_policy: configuration
            .and_then(|one| one.security_policy())
            .map_or("", SecurityPolicy::as_str)
            .to_owned(),
        truststore: given(answer.mutual_tls_authentication.and_then(|tls| tls.truststore_uri)),
        routing_mode: answer.routing_mode.map(|mode| mode.as_str().to_owned()),
    };
    Found { outputs: outputs(name, configuration), live }
}

impl LiveDomainName {
    /// Whether it accepts a TLS version before 1.2. Every policy except `TLS_1_0` demands at least TLS 1.2.
    fn is_weak(&self) -> bool {
        self.security_policy == "TLS_1_0" || self.security_policy.is_empty()
    }

    /// The policy that an update sends, because an update must send all settings. A stronger policy that somebody chose
    /// is kept.
    fn policy_to_keep(&self) -> &str {
        if self.is_weak() { POLICY } else { &self.security_policy }
    }
}

impl DomainName {
    /// The oldest version of TLS that it accepts.
    pub(crate) const SECURITY_POLICY: &'static str = POLICY;

    fn configuration(&self, policy: &str) -> DomainNameConfiguration {
        let configuration = DomainNameConfiguration::builder().certificate_arn(&self.certificate_arn);
        configuration.endpoint_type(EndpointType::Regional).security_policy(SecurityPolicy::from(policy)).build()
    }
}

impl ApiGatewayV2 {
    async fn domain(&self, name: &str) -> Result<Option<GetDomainNameOutput>, Failure> {
        let answer = self.client.get_domain_name().domain_name(name).send().await;
        answer.or_fail(&format!("read the domain name {name}")).or_absent()
    }

    /// Waits until the domain can be changed, and returns its outputs.
    async fn ready(&self, name: &str, task: &Task) -> Result<DomainNameOutputs, Failure> {
        until(task, "the domain name is still being set up", (1000, 5000), 600, || async {
            let configurations = self.domain(name).await?.and_then(|answer| answer.domain_name_configurations);
            let configuration = configurations.unwrap_or_default().into_iter().next();
            match configuration.as_ref().and_then(|one| one.domain_name_status()) {
                Some(DomainNameStatus::Updating) => Ok(None),
                Some(DomainNameStatus::PendingOwnershipVerification | DomainNameStatus::PendingCertificateReimport) => {
                    let why = configuration.as_ref().and_then(|one| one.domain_name_status_message());
                    let why = why.unwrap_or("AWS wants the certificate to be verified again");
                    Err(Failure::refused(format!("the domain name {name} cannot be used: {why}")))
                }
                _ => Ok(configuration.as_ref().map(|one| outputs(name, Some(one)))),
            }
        })
        .await
    }

    /// All domain names of stacks, with their mappings and their DNS records.
    async fn domains(&self, whose: &Whose) -> Listing {
        let list = |next| async move {
            let call = self.client.get_domain_names().max_results(PAGE).set_next_token(next);
            let page = call.send().await.or_fail("list the custom domain names")?;
            Ok((page.items, page.next_token))
        };
        let (all, cut) = as_far_as_pages_go(list).await;
        let mut listing = Listing::default();
        for one in all {
            let owner = Owner::read(pairs(one.tags()));
            let name = one.domain_name().unwrap_or_default().to_owned();
            // Only tags show the owner, because a domain name does not contain the stack's name.
            if !owner.as_ref().is_some_and(|owner| whose.owns(owner)) {
                continue;
            }
            let place = format!("arn:{}:apigateway:{}::/domainnames/{name}", self.scope.partition, self.scope.region);
            let outputs = outputs(&name, one.domain_name_configurations().first());
            let key = |_| DomainNameKey { name: name.clone() };
            let item = InventoryItem::new::<DomainName>((&name, &place), owner, key, &outputs);
            let mappings = self.mappings(&name).await;
            let of = |one: &types::ApiMapping| {
                let (key, outputs) = ApiMapping::listed(&name, one);
                let place = format!("{place}/apimappings/{}", outputs.id);
                InventoryItem::under::<ApiMapping>(
                    &item,
                    Id::new("api-mapping", &name),
                    (&name, &place),
                    &key,
                    &outputs,
                )
            };
            let under: Vec<_> = match &mappings {
                Ok(mappings) => mappings.iter().flatten().map(of).collect(),
                Err(_) => Vec::new(),
            };
            let records = self.dns.records_of(&item, &name, &outputs.target).await;
            listing.listed.push(item);
            listing.listed.extend(under);
            match records {
                Ok(records) => listing.listed.extend(records),
                Err(failure) => listing.unread.push(Unread::new::<Record>(name.clone(), failure)),
            }
            listing.unread.extend(mappings.err().map(|failure| Unread::new::<ApiMapping>(name.clone(), failure)));
        }
        listing.and_unread(cut.map(|failure| Unread::new::<DomainName>(None, failure)))
    }
}

impl Provider<DomainName> for ApiGatewayV2 {
    async fn read(
        &self,
        key: &DomainNameKey,
        _: Option<&DomainNameOutputs>,
        _: &Task,
    ) -> Result<Option<Found<DomainName>>, Failure> {
        let Some(answer) = self.domain(&key.name).await? else { return Ok(None) };
        if !self.owns(answer.tags()) {
            return Err(Failure::foreign("the custom domain name", &key.name)
                .hint("remove the domain name from API Gateway, or choose another one; nothing was changed"));
        }
        Ok(Some(found(&key.name, answer)))
    }

    async fn create(&self, want: &DomainName, task: &Task) -> Result<DomainNameOutputs, Failure> {
        let made = settled(task, &[], || async {
            let call = self.once.create_domain_name().domain_name(&want.name).routing_mode(RoutingMode::ApiMappingOnly);
            let call = call.domain_name_configurations(want.configuration(POLICY));
            let call = call.set_tags(Some(tag_map(&self.scope, &want.id)));
            call.send().await.or_fail(&format!("create the domain name {}", want.name))
        });
        made.await?;
        self.ready(&want.name, task).await
    }

    async fn update(
        &self,
        want: &DomainName,
        found: &Found<DomainName>,
        task: &Task,
    ) -> Result<DomainNameOutputs, Failure> {
        // An empty truststore URI removes mutual TLS.
        let no_tls =
            found.live.truststore.as_ref().map(|_| MutualTlsAuthenticationInput::builder().truststore_uri("").build());
        let updated = self.write(&want.name, task, &[], || async {
            let call =
                self.client.update_domain_name().domain_name(&want.name).routing_mode(RoutingMode::ApiMappingOnly);
            let call = call.domain_name_configurations(want.configuration(found.live.policy_to_keep()));
            let call = call.set_mutual_tls_authentication(no_tls.clone());
            call.send().await.or_fail(&format!("update the domain name {}", want.name))
        });
        updated.await?;
        self.ready(&want.name, task).await
    }

    async fn vouch(&self, recorded: &DomainNameOutputs, _: &Task) -> Result<bool, Failure> {
        Ok(self.domain(&recorded.name).await?.is_none_or(|answer| self.owns(answer.tags())))
    }

    async fn tags(&self, of: &DomainNameOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        Ok(self.domain(&of.name).await?.map(|answer| read(pairs(answer.tags()))))
    }

    async fn retag(&self, of: &DomainNameOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&self.arn(&format!("/domainnames/{}", of.name)), change, task).await
    }

    async fn delete(&self, gone: &DomainNameOutputs, task: &Task) -> Result<(), Failure> {
        let deleted = self.write(&gone.name, task, &[], || async {
            let call = self.client.delete_domain_name().domain_name(&gone.name);
            call.send().await.or_fail(&format!("delete the domain name {}", gone.name))
        });
        deleted.await.or_absent().map(drop)
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        Ok(self.domains(whose).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Cause;

    fn want() -> DomainName {
        DomainName {
            id: "domain.api.example.com".into(),
            name: "api.example.com".into(),
            certificate_arn: "arn:c".into(),
        }
    }

    fn answer(stack: &str, status: &str, policy: &str) -> String {
        format!(
            r#"{{"domainName":"api.example.com","routingMode":"API_MAPPING_ONLY",
                "tags":{{"securelambda:stack":"{stack}","securelambda:resource":"domain.api.example.com"}},
                "domainNameConfigurations":[{{"apiGatewayDomainName":"d-1.example","hostedZoneId":"Z2",
                "certificateArn":"arn:c","endpointType":"REGIONAL","securityPolicy":"{policy}",
                "domainNameStatus":"{status}"}}]}}"#
        )
    }

    fn task() -> Task {
        Task::detached("domain.api.example.com")
    }

    async fn read(answer: &str) -> Result<Option<Found<DomainName>>, Failure> {
        let (clients, _) = replay(vec![(200, answer)]);
        Provider::<DomainName>::read(&ApiGatewayV2::new(&clients), &want().key(), None, &task()).await
    }

    #[tokio::test]
    async fn a_name_of_another_stack_is_refused() {
        let found = read(&answer("demo", "AVAILABLE", "TLS_1_2")).await.expect("no failure").expect("found");
        let expected = DomainNameOutputs {
            name: "api.example.com".into(),
            target: "d-1.example".into(),
            target_zone: "Z2".into(),
        };
        assert_eq!((want().drift(&found.live), found.outputs), (vec![], expected));
        let theirs = read(&answer("other", "AVAILABLE", "TLS_1_2")).await.map(|_| ());
        assert_eq!(theirs.map_err(|failure| failure.cause), Err(Cause::Foreign));
    }

    #[tokio::test]
    async fn an_older_version_of_tls_or_another_certificate_weakens() {
        let live = read(&answer("demo", "AVAILABLE", "TLS_1_2")).await.expect("no failure").expect("found").live;
        let weakens = |live: &LiveDomainName| {
            let drift = want().drift(live);
            assert!(drift.len() < 2, "{drift:?}");
            drift.first().map(|drift| drift.weakens)
        };
        let policy = |policy: &str| LiveDomainName { security_policy: policy.into(), ..live.clone() };
        assert_eq!(weakens(&policy("TLS_1_0")), Some(true));
        assert_eq!(weakens(&policy("SecurityPolicy_TLS13_1_3_2025_09")), None);
        assert_eq!(weakens(&LiveDomainName { certificate_arn: "arn:d".into(), ..live.clone() }), Some(true));
        let rules = Some("ROUTING_RULE_ONLY".to_owned());
        assert_eq!(weakens(&LiveDomainName { routing_mode: rules, ..live.clone() }), Some(true));
        assert_eq!(weakens(&LiveDomainName { truststore: Some("s3://b/k".into()), ..live }), Some(false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_domain_is_waited_for_and_demands_tls_1_2() {
        let (going, done) = (answer("demo", "UPDATING", "TLS_1_2"), answer("demo", "AVAILABLE", "TLS_1_2"));
        let (clients, http) = replay(vec![(201, "{}"), (200, &going), (200, &done)]);
        let made = Provider::<DomainName>::create(&ApiGatewayV2::new(&clients), &want(), &task()).await.expect("made");
        assert_eq!(made.target, "d-1.example");
        let asked = asked(&http);
        assert!(asked[0].1.contains(r#""securityPolicy":"TLS_1_2""#), "{asked:?}");
        assert!(asked[0].1.contains(r#""endpointType":"REGIONAL""#), "{asked:?}");
        assert_eq!(asked.len(), 3);
    }

    #[tokio::test]
    async fn an_update_keeps_a_stronger_policy_and_replaces_a_weak_one() {
        const STRONGER: &str = "SecurityPolicy_TLS13_1_3_2025_09";
        for (live, sent) in [("TLS_1_0", POLICY), (POLICY, POLICY), (STRONGER, STRONGER)] {
            let after = answer("demo", "AVAILABLE", sent);
            let (clients, http) = replay(vec![(200, "{}"), (200, &after)]);
            let found = read(&answer("demo", "AVAILABLE", live)).await.expect("no failure").expect("found");
            Provider::<DomainName>::update(&ApiGatewayV2::new(&clients), &want(), &found, &task()).await.expect("done");
            let body = &asked(&http)[0].1;
            assert!(body.contains(&format!(r#""securityPolicy":"{sent}""#)), "{live}: {body}");
        }
    }

    #[tokio::test]
    async fn only_names_with_the_stacks_tag_are_listed_with_their_mappings_and_dns_records() {
        let page = format!(
            r#"{{"items":[{},{{"domainName":"www.example.com","tags":{{}}}}]}}"#,
            answer("demo", "AVAILABLE", "TLS_1_2")
        );
        let mappings = r#"{"items":[{"apiMappingId":"m1","apiMappingKey":"","apiId":"abc","stage":"live"}]}"#;
        let zones = |zones: &str| {
            format!(
                "<ListHostedZonesByNameResponse><HostedZones>{zones}</HostedZones><IsTruncated>false</IsTruncated>\
                 <MaxItems>100</MaxItems></ListHostedZonesByNameResponse>"
            )
        };
        let zone = "<HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name><CallerReference>x</CallerReference></HostedZone>";
        let records = "<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet><Name>api.example.com.</Name>\
            <Type>A</Type><AliasTarget><HostedZoneId>Z2</HostedZoneId><DNSName>d-1.example.</DNSName>\
            <EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget></ResourceRecordSet></ResourceRecordSets>\
            <IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListResourceRecordSetsResponse>";
        let (none, one) = (zones(""), zones(zone));
        let (clients, _) = replay(vec![(200, &page), (200, mappings), (200, &none), (200, &one), (200, records)]);
        let listing = ApiGatewayV2::new(&clients).domains(&Whose::Stack("demo".into())).await;
        assert!(listing.unread.is_empty(), "{:?}", listing.unread);
        let ids: Vec<&str> = listing.listed.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["domain.api.example.com", "api-mapping.api.example.com", "dns.api.example.com"]);
    }
}
