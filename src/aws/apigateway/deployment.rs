//! Deployments: snapshots of an API, which stages serve.
//!
//! The description contains the hash of the deployed methods, so that the same methods are never deployed twice.

use std::collections::HashSet;

use aws_sdk_apigateway::types;
use serde::{Deserialize, Serialize};

use super::super::error::{OrAbsent, OrFail};
use super::refusals::API_UPDATING;
use super::{ApiGateway, BELOW, PAGE, READ};
use crate::aws::apigateway::SERVICE;
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// The prefix by which our deployments are recognised in their descriptions.
const OURS: &str = "securelambda ";

fn description(hash: &str) -> String {
    format!("{OURS}{hash}")
}

/// A deployment of all methods of the API.
#[derive(Debug, Clone)]
pub struct Deployment {
    pub api_id: String,
    /// The hash of the deployed methods: [`super::Routes::hash`].
    pub hash: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentOutputs {
    pub api_id: String,
    /// An id that AWS chose.
    pub id: String,
    /// The hash of the deployed methods.
    pub hash: String,
}

/// A deployment is found by its hash in its API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentKey {
    api_id: String,
    hash: String,
}

impl Deployment {
    /// Contains the hash of the deployed methods, by which the deployment is found.
    pub(crate) fn description(&self) -> String {
        description(&self.hash)
    }
}

impl Resource for Deployment {
    const KIND: &'static str = "apigateway.deployment";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = false;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = DeploymentKey;
    type Outputs = DeploymentOutputs;
    /// The description of the deployment with the wanted hash.
    type Live = String;

    fn key(&self) -> DeploymentKey {
        DeploymentKey { api_id: self.api_id.clone(), hash: self.hash.clone() }
    }

    fn identity(outputs: &DeploymentOutputs) -> String {
        format!("{}/{}", outputs.api_id, outputs.id)
    }

    fn removal_command(_: &DeploymentOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &String) -> Comparison {
        Comparison::default().plain("description", description(&self.hash), live)
    }
}

impl Described for Deployment {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "deployment",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[
            READ,
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: BELOW,
                rights: &[
                    Permissions { needs: &[Usage::Create], actions: &["apigateway:POST"] },
                    Permissions { needs: &[Usage::Delete, Usage::Update], actions: &["apigateway:DELETE"] },
                ],
            },
        ],
        rates: &[Rate::one_in(5, Calls::Requests(&["POST"], "/restapis/*/deployments"))],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "API",
            holds: "the stack file's routes are deployed",
            read: "GetDeployments",
        },
    };
}

impl ApiGateway {
    /// All deployments of an API; `None` if there is no such API.
    async fn deployments(&self, api: &str) -> Result<Option<Vec<types::Deployment>>, Failure> {
        let mut pages = self.client.get_deployments().rest_api_id(api).limit(PAGE).into_paginator().send();
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.or_fail(&format!("list the deployments of the API {api}")).or_absent()?;
            let Some(page) = page else { return Ok(None) };
            all.extend(page.items.unwrap_or_default());
        }
        Ok(Some(all))
    }

    /// Deletes our deployments that no stage serves any more, except those in `keep`. A deployment that cannot be
    /// deleted stays until the next call, which does no harm.
    pub(super) async fn prune_deployments(&self, api: &str, keep: &[&str], task: &Task) {
        let stages = async { self.client.get_stages().rest_api_id(api).send().await };
        let (Ok(Some(all)), Ok(stages)) = tokio::join!(self.deployments(api), stages) else { return };
        let used: HashSet<&str> = stages
            .item()
            .iter()
            .flat_map(|stage| {
                [stage.deployment_id(), stage.canary_settings().and_then(|canary| canary.deployment_id())]
            })
            .flatten()
            .chain(keep.iter().copied())
            .collect();
        let ours = all.iter().filter(|one| one.description().is_some_and(|words| words.starts_with(OURS)));
        for id in ours.filter_map(types::Deployment::id).filter(|id| !used.contains(id)) {
            let _ = self.delete_deployment(api, id, task).await;
        }
    }

    async fn delete_deployment(&self, api: &str, id: &str, task: &Task) -> Result<(), Failure> {
        let deleted = self.write(api, task, &[], || async {
            let call = self.client.delete_deployment().rest_api_id(api).deployment_id(id);
            call.send().await.or_fail(&format!("delete the deployment {id}"))
        });
        deleted.await.or_absent().map(drop)
    }
}

impl Provider<Deployment> for ApiGateway {
    async fn read(
        &self,
        key: &DeploymentKey,
        known: Option<&DeploymentOutputs>,
        _: &Task,
    ) -> Result<Option<Found<Deployment>>, Failure> {
        let Some(mut all) = self.deployments(&key.api_id).await? else { return Ok(None) };
        let name = description(&key.hash);
        all.retain(|one| one.description() == Some(&name));
        let recorded = known.and_then(|known| all.iter().find(|one| one.id() == Some(&known.id)));
        let newest = || all.iter().max_by_key(|one| one.created_date().map(aws_smithy_types::DateTime::secs));
        let id = recorded.or_else(newest).and_then(types::Deployment::id);
        let DeploymentKey { api_id, hash } = key.clone();
        Ok(id.map(|id| Found { outputs: DeploymentOutputs { api_id, id: id.to_owned(), hash }, live: name }))
    }

    async fn create(&self, want: &Deployment, task: &Task) -> Result<DeploymentOutputs, Failure> {
        let made = self.write(&want.api_id, task, &[&API_UPDATING], || async {
            // The call does not name the stage, because it would move the stage to the deployment at once.
            let call = self.once.create_deployment().rest_api_id(&want.api_id);
            let call = call.description(description(&want.hash));
            call.send().await.or_fail(&format!("deploy the API {}", want.api_id))
        });
        let id = made.await?.id.unwrap_or_default();
        Ok(DeploymentOutputs { api_id: want.api_id.clone(), id, hash: want.hash.clone() })
    }

    async fn update(&self, _: &Deployment, found: &Found<Deployment>, _: &Task) -> Result<DeploymentOutputs, Failure> {
        Ok(found.outputs.clone())
    }

    async fn delete(&self, gone: &DeploymentOutputs, task: &Task) -> Result<(), Failure> {
        self.delete_deployment(&gone.api_id, &gone.id, task).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Cause;

    const LIST: &str = r#"{"item":[
        {"id":"d1","description":"securelambda aaaa","createdDate":100},
        {"id":"d2","description":"securelambda bbbb","createdDate":200},
        {"id":"d3","description":"securelambda aaaa","createdDate":300},
        {"id":"d4","description":"someone else's","createdDate":400}]}"#;

    fn want() -> Deployment {
        Deployment { api_id: "abc".into(), hash: "aaaa".into() }
    }

    fn outputs(id: &str) -> DeploymentOutputs {
        DeploymentOutputs { api_id: "abc".into(), id: id.into(), hash: "aaaa".into() }
    }

    fn task() -> Task {
        Task::detached("deployment.main")
    }

    #[tokio::test]
    async fn the_recorded_deployment_is_found_or_else_the_newest_with_that_hash() {
        for (known, expected) in [(None, "d3"), (Some("d1"), "d1"), (Some("d2"), "d3")] {
            let (clients, http) = replay(vec![(200, LIST)]);
            let known = known.map(outputs);
            let found =
                Provider::<Deployment>::read(&ApiGateway::new(&clients), &want().key(), known.as_ref(), &task()).await;
            assert_eq!(found.expect("no failure").expect("found").outputs, outputs(expected));
            assert_eq!(asked(&http).len(), 1);
        }
    }

    #[tokio::test]
    async fn a_deployment_with_another_hash_is_ignored() {
        let (clients, _) = replay(vec![(200, LIST)]);
        let key = Deployment { hash: "cccc".into(), ..want() }.key();
        let found = Provider::<Deployment>::read(&ApiGateway::new(&clients), &key, Some(&outputs("d1")), &task()).await;
        assert!(found.expect("no failure").is_none());
    }

    #[tokio::test]
    async fn an_unanswered_create_is_not_repeated() {
        let (clients, http) = replay(vec![(500, r#"{"__type":"InternalFailure"}"#)]);
        let made = Provider::<Deployment>::create(&ApiGateway::new(&clients), &want(), &task()).await;
        assert_eq!(made.map_err(|failure| failure.cause), Err(Cause::Unknown));
        let (_, body) = &asked(&http)[0];
        assert_eq!(body, r#"{"description":"securelambda aaaa"}"#);
    }

    #[tokio::test]
    async fn only_unused_deployments_of_ours_are_deleted() {
        let stages = r#"{"item":[{"stageName":"other","deploymentId":"d2"}]}"#;
        let (clients, http) = replay(vec![(200, LIST), (200, stages), (202, "")]);
        ApiGateway::new(&clients).prune_deployments("abc", &["d3"], &task()).await;
        let calls: Vec<_> =
            asked(&http).into_iter().map(|(call, _)| call).filter(|call| !call.starts_with("GET")).collect();
        assert_eq!(calls.len(), 1);
        assert!(calls[0].ends_with("/restapis/abc/deployments/d1"), "{calls:?}");
    }
}
