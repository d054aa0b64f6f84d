//! The mapping of a custom domain name to the stage of a REST or HTTP API.

use aws_sdk_apigatewayv2::types;
use serde::{Deserialize, Serialize};

use super::super::error::{OrAbsent, OrFail};
use super::super::pages::to_the_end;
use super::{ApiGatewayV2, PAGE};
use crate::aws::apigateway::SERVICE;
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// The only mapping of a domain name: all of its paths lead to one stage.
#[derive(Debug, Clone)]
pub struct ApiMapping {
    pub domain: String,
    pub api_id: String,
    pub stage: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiMappingOutputs {
    pub domain: String,
    /// Chosen by AWS.
    pub id: String,
}

/// A mapping is looked up in its domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiMappingKey {
    domain: String,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveApiMapping {
    /// Empty if the domain has only other mappings.
    pub api_id: String,
    pub stage: String,
    /// The other mappings of the domain: the id of each, and a text with its path and target.
    pub others: Vec<(String, String)>,
}

impl ApiMapping {
    /// The key and the outputs of a mapping in a list.
    pub(super) fn listed(domain: &str, one: &types::ApiMapping) -> (ApiMappingKey, ApiMappingOutputs) {
        let id = one.api_mapping_id().unwrap_or_default().to_owned();
        (ApiMappingKey { domain: domain.to_owned() }, ApiMappingOutputs { domain: domain.to_owned(), id })
    }
}

impl Resource for ApiMapping {
    const KIND: &'static str = "apigatewayv2.api_mapping";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = ApiMappingKey;
    type Outputs = ApiMappingOutputs;
    type Live = LiveApiMapping;

    fn key(&self) -> ApiMappingKey {
        ApiMappingKey { domain: self.domain.clone() }
    }

    fn identity(outputs: &ApiMappingOutputs) -> String {
        format!("{}/{}", outputs.domain, outputs.id)
    }

    fn removal_command(outputs: &ApiMappingOutputs) -> Option<String> {
        let ApiMappingOutputs { domain, id } = outputs;
        Some(format!("aws apigatewayv2 delete-api-mapping --domain-name {domain} --api-mapping-id {id}"))
    }

    fn compare(&self, live: &LiveApiMapping) -> Comparison {
        let or_none = |live: &str| if live.is_empty() { "none".to_owned() } else { live.to_owned() };
        Comparison::default()
            .guard("ApiId", &self.api_id, or_none(&live.api_id))
            .guard("Stage", &self.stage, or_none(&live.stage))
            .nothing_else("other mappings", live.others.iter().map(|(_, words)| words))
    }
}

impl Described for ApiMapping {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "mapping of a custom domain",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: &["arn:{partition}:apigateway:{region}::/domainnames/*"],
                rights: &[Permissions { needs: &[Usage::Read, Usage::Survivors], actions: &["apigateway:GET"] }],
            },
            // Mappings have no tags, and it is not known whether they inherit those of their domain.
            StatementTemplate {
                sid: Sid::DomainParts,
                on: &[
                    "arn:{partition}:apigateway:{region}::/domainnames/{domain}/apimappings",
                    "arn:{partition}:apigateway:{region}::/domainnames/{domain}/apimappings/*",
                ],
                rights: &[
                    Permissions { needs: &[Usage::Create], actions: &["apigateway:POST"] },
                    Permissions { needs: &[Usage::Update], actions: &["apigateway:PATCH"] },
                    Permissions { needs: &[Usage::Update, Usage::Delete], actions: &["apigateway:DELETE"] },
                ],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "custom domain",
            holds: "it leads to the stack's API, and to nothing else",
            read: "GetApiMappings",
        },
    };
}

impl ApiGatewayV2 {
    /// The mappings of a domain; `None` if there is no such domain.
    pub(super) async fn mappings(&self, domain: &str) -> Result<Option<Vec<types::ApiMapping>>, Failure> {
        let list = |next| async move {
            let call = self.client.get_api_mappings().domain_name(domain).max_results(PAGE).set_next_token(next);
            let page = call.send().await.or_fail(&format!("list the mappings of the domain name {domain}"))?;
            Ok((page.items, page.next_token))
        };
        to_the_end(list).await.or_absent()
    }

    async fn delete_mapping(&self, domain: &str, id: &str, task: &Task) -> Result<(), Failure> {
        let deleted = self.write(domain, task, &[], || async {
            let call = self.client.delete_api_mapping().domain_name(domain).api_mapping_id(id);
            call.send().await.or_fail(&format!("delete a mapping of the domain name {domain}"))
        });
        deleted.await.or_absent().map(drop)
    }
}

/// A text for people: the path of a mapping, and the API and stage that it leads to.
fn words(one: &types::ApiMapping) -> String {
    let path = one.api_mapping_key().unwrap_or_default();
    format!("/{path} to {}/{}", one.api_id().unwrap_or_default(), one.stage().unwrap_or_default())
}

impl Provider<ApiMapping> for ApiGatewayV2 {
    /// The mapping of all paths is the stack's, because the domain name is. Other mappings count even if that mapping
    /// is missing, because they lead callers of the domain to other APIs.
    async fn read(
        &self,
        key: &ApiMappingKey,
        known: Option<&ApiMappingOutputs>,
        _: &Task,
    ) -> Result<Option<Found<ApiMapping>>, Failure> {
        let all = self.mappings(&key.domain).await?.unwrap_or_default();
        if all.is_empty() {
            return Ok(None);
        }
        let (own, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|one| one.api_mapping_key().unwrap_or_default().is_empty());
        let own = own.into_iter().next();
        let outputs = match (&own, known) {
            (None, Some(known)) => known.clone(),
            (None, None) => ApiMappingOutputs { domain: key.domain.clone(), id: String::new() },
            (Some(own), _) => ApiMapping::listed(&key.domain, own).1,
        };
        let (api_id, stage) = own.map(|own| (own.api_id, own.stage)).unwrap_or_default();
        let live = LiveApiMapping {
            api_id: api_id.unwrap_or_default(),
            stage: stage.unwrap_or_default(),
            others: others
                .iter()
                .map(|one| (one.api_mapping_id().unwrap_or_default().to_owned(), words(one)))
                .collect(),
        };
        Ok(Some(Found { outputs, live }))
    }

    async fn create(&self, want: &ApiMapping, task: &Task) -> Result<ApiMappingOutputs, Failure> {
        let made = self.write(&want.domain, task, &[], || async {
            let call = self.once.create_api_mapping().domain_name(&want.domain);
            let call = call.api_id(&want.api_id).stage(&want.stage);
            call.send().await.or_fail(&format!("map the domain name {}", want.domain))
        });
        Ok(ApiMappingOutputs { domain: want.domain.clone(), id: made.await?.api_mapping_id.unwrap_or_default() })
    }

    async fn update(
        &self,
        want: &ApiMapping,
        found: &Found<ApiMapping>,
        task: &Task,
    ) -> Result<ApiMappingOutputs, Failure> {
        let ApiMappingOutputs { domain, id } = &found.outputs;
        let mut outputs = found.outputs.clone();
        if found.live.api_id.is_empty() {
            outputs = self.create(want, task).await?;
        } else if found.live.api_id != want.api_id || found.live.stage != want.stage {
            let updated = self.write(domain, task, &[], || async {
                let call = self.client.update_api_mapping().domain_name(domain).api_mapping_id(id);
                let call = call.api_id(&want.api_id).stage(&want.stage);
                call.send().await.or_fail(&format!("update the mapping of the domain name {domain}"))
            });
            updated.await?;
        }
        for (other, _) in &found.live.others {
            self.delete_mapping(domain, other, task).await?;
        }
        Ok(outputs)
    }

    async fn delete(&self, gone: &ApiMappingOutputs, task: &Task) -> Result<(), Failure> {
        // The domain has only mappings of others, which AWS deletes with the domain.
        if gone.id.is_empty() {
            return Ok(());
        }
        self.delete_mapping(&gone.domain, &gone.id, task).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    fn want() -> ApiMapping {
        ApiMapping { domain: "api.example.com".into(), api_id: "abc".into(), stage: "live".into() }
    }

    fn task() -> Task {
        Task::detached("api-mapping.api.example.com")
    }

    #[tokio::test]
    async fn another_api_and_other_paths_weaken_and_are_set_back() {
        let mappings = r#"{"items":[{"apiMappingId":"m1","apiMappingKey":"","apiId":"xyz","stage":"live"},
            {"apiMappingId":"m2","apiMappingKey":"admin","apiId":"abc","stage":"live"}]}"#;
        let (clients, http) = replay(vec![(200, mappings), (200, "{}"), (204, "")]);
        let gateway = ApiGatewayV2::new(&clients);
        let found = Provider::<ApiMapping>::read(&gateway, &want().key(), None, &task()).await;
        let found = found.expect("no failure").expect("found");
        let drift: Vec<_> =
            want().drift(&found.live).into_iter().map(|one| (one.field, one.live, one.weakens)).collect();
        let expected = [("ApiId", "xyz"), ("other mappings", "/admin to abc/live")];
        assert_eq!(drift, expected.map(|(field, live)| (field.to_owned(), live.to_owned(), true)));
        Provider::<ApiMapping>::update(&gateway, &want(), &found, &task()).await.expect("updated");
        let calls: Vec<String> = asked(&http).into_iter().map(|(call, _)| call).collect();
        assert!(calls[1].starts_with("PATCH") && calls[1].ends_with("/apimappings/m1"), "{calls:?}");
        assert!(calls[2].starts_with("DELETE") && calls[2].ends_with("/apimappings/m2"), "{calls:?}");
    }

    #[tokio::test]
    async fn another_path_counts_although_the_mapping_of_all_paths_is_gone() {
        let others = r#"{"items":[{"apiMappingId":"m2","apiMappingKey":"admin","apiId":"xyz","stage":"live"}]}"#;
        let (clients, http) = replay(vec![(200, others), (201, r#"{"apiMappingId":"m3"}"#), (204, "")]);
        let gateway = ApiGatewayV2::new(&clients);
        let found = Provider::<ApiMapping>::read(&gateway, &want().key(), None, &task()).await;
        let found = found.expect("no failure").expect("found");
        let drift: Vec<_> = want().drift(&found.live).into_iter().map(|one| (one.field, one.live)).collect();
        let expected = [("ApiId", "none"), ("Stage", "none"), ("other mappings", "/admin to xyz/live")];
        assert_eq!(drift, expected.map(|(field, live)| (field.to_owned(), live.to_owned())));
        let made = Provider::<ApiMapping>::update(&gateway, &want(), &found, &task()).await.expect("updated");
        assert_eq!(made.id, "m3");
        let calls: Vec<String> = asked(&http).into_iter().map(|(call, _)| call).collect();
        assert!(calls[1].starts_with("POST") && calls[1].ends_with("/apimappings"), "{calls:?}");
        assert!(calls[2].starts_with("DELETE") && calls[2].ends_with("/apimappings/m2"), "{calls:?}");
        let (idle, _) = replay(vec![]);
        assert_eq!(Provider::<ApiMapping>::delete(&ApiGatewayV2::new(&idle), &found.outputs, &task()).await, Ok(()));
    }

    #[tokio::test]
    async fn without_its_domain_a_mapping_is_absent() {
        let (clients, _) = replay(vec![(404, r#"{"__type":"NotFoundException"}"#), (200, r#"{"items":[]}"#)]);
        let gateway = ApiGatewayV2::new(&clients);
        for _ in 0..2 {
            let found = Provider::<ApiMapping>::read(&gateway, &want().key(), None, &task()).await;
            assert!(found.expect("no failure").is_none());
        }
    }
}
