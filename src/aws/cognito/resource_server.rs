//! Resource servers of a user pool: names of APIs, each with scopes that app clients may ask for.

use std::collections::BTreeSet;

use aws_sdk_cognitoidentityprovider::types::{ResourceServerScopeType, ResourceServerType};
use serde::{Deserialize, Serialize};

use super::refusals::COGNITO_BUSY;
use super::{Cognito, POOLS, TARGET};
use crate::aws::cognito::COGNITO_IDP;
use crate::aws::error::{OrAbsent, OrFail, built, empty};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::settled;
use crate::engine::{Comparison, Effect, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// An API and its scopes. Access tokens name a scope as `identifier/scope`.
#[derive(Debug, Clone)]
pub struct ResourceServer {
    pub pool_id: String,
    /// Unique in the pool.
    pub identifier: String,
    /// At least one.
    pub scopes: BTreeSet<String>,
}

/// A resource server has no tags: it is ours if the pool is ours. The outputs are also the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourceServerOutputs {
    pub pool_id: String,
    pub identifier: String,
}

/// A resource server, as read from AWS.
#[derive(Debug, Clone)]
pub struct ResourceServerLive {
    name: String,
    scopes: BTreeSet<String>,
}

impl ResourceServer {
    /// A name for display. AWS allows fewer characters in it than in an identifier.
    pub(crate) fn name(&self) -> String {
        let is_taken = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        self.identifier.chars().map(|c| if is_taken(c) { c } else { '-' }).collect()
    }

    /// The description of a scope.
    pub(crate) fn describes(&self, scope: &str) -> String {
        format!("{scope} of {}", self.identifier)
    }

    fn to_aws(&self) -> Result<Vec<ResourceServerScopeType>, Failure> {
        let scope = |scope: &String| {
            ResourceServerScopeType::builder().scope_name(scope).scope_description(self.describes(scope)).build()
        };
        built(self.scopes.iter().map(scope).collect())
    }
}

impl Resource for ResourceServer {
    const KIND: &'static str = "cognito.resource_server";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = ResourceServerOutputs;
    type Outputs = ResourceServerOutputs;
    type Live = ResourceServerLive;

    fn key(&self) -> ResourceServerOutputs {
        ResourceServerOutputs { pool_id: self.pool_id.clone(), identifier: self.identifier.clone() }
    }

    fn identity(outputs: &ResourceServerOutputs) -> String {
        format!("{}/{}", outputs.pool_id, outputs.identifier)
    }

    fn removal_command(outputs: &ResourceServerOutputs) -> Option<String> {
        Some(format!(
            "aws cognito-idp delete-resource-server --user-pool-id {} --identifier {}",
            outputs.pool_id, outputs.identifier
        ))
    }

    fn compare(&self, live: &ResourceServerLive) -> Comparison {
        let words = |set: &BTreeSet<String>| set.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let effect = match (self.scopes == live.scopes, live.scopes.is_subset(&self.scopes)) {
            (true, _) => Effect::Same,
            (false, fewer) => Effect::of_difference(!fewer),
        };
        Comparison::default().plain("Name", self.name(), &live.name).judged(
            "Scopes",
            words(&self.scopes),
            words(&live.scopes),
            effect,
        )
    }
}

impl Described for ResourceServer {
    const ABOUT: Kind = Kind {
        service: COGNITO_IDP,
        label: "resource server",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Cognito,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: POOLS,
                rights: &[Permissions { needs: &[Usage::Read], actions: &["cognito-idp:DescribeResourceServer"] }],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: POOLS,
                rights: &[
                    Permissions { needs: &[Usage::Create], actions: &["cognito-idp:CreateResourceServer"] },
                    Permissions { needs: &[Usage::Update], actions: &["cognito-idp:UpdateResourceServer"] },
                    Permissions { needs: &[Usage::Delete], actions: &["cognito-idp:DeleteResourceServer"] },
                ],
            },
        ],
        rates: &[
            Rate::per_second(20, Calls::Operations(TARGET, &["DescribeResourceServer"])),
            Rate::per_second(15, Calls::Operations(TARGET, &["CreateResourceServer", "UpdateResourceServer"])),
        ],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "resource server {}",
            holds: "its scopes match the stack file",
            read: "DescribeResourceServer",
        },
    };
}

impl From<ResourceServerType> for ResourceServerLive {
    fn from(server: ResourceServerType) -> Self {
        let scopes = server.scopes.unwrap_or_default().into_iter().map(|scope| scope.scope_name).collect();
        Self { name: server.name.unwrap_or_default(), scopes }
    }
}

impl Cognito {
    /// Deletes a resource server. It is no failure if it does not exist.
    pub(super) async fn delete_resource_server(
        &self,
        pool_id: &str,
        identifier: &str,
        task: &Task,
    ) -> Result<(), Failure> {
        let deleted = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.client.delete_resource_server().user_pool_id(pool_id).identifier(identifier);
            call.send().await.or_fail(&format!("delete the resource server {identifier}"))
        });
        deleted.await.or_absent().map(drop)
    }
}

impl Provider<ResourceServer> for Cognito {
    async fn read(
        &self,
        key: &ResourceServerOutputs,
        _: Option<&ResourceServerOutputs>,
        _: &Task,
    ) -> Result<Option<Found<ResourceServer>>, Failure> {
        let doing = format!("read the resource server {}", key.identifier);
        let call = self.client.describe_resource_server().user_pool_id(&key.pool_id).identifier(&key.identifier);
        let Some(answer) = call.send().await.or_fail(&doing).or_absent()? else { return Ok(None) };
        let server = answer.resource_server.ok_or_else(|| empty(&doing))?;
        Ok(Some(Found { outputs: key.clone(), live: server.into() }))
    }

    async fn create(&self, want: &ResourceServer, task: &Task) -> Result<ResourceServerOutputs, Failure> {
        let scopes = want.to_aws()?;
        let made = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.once.create_resource_server().user_pool_id(&want.pool_id).identifier(&want.identifier);
            let call = call.name(want.name()).set_scopes(Some(scopes.clone()));
            call.send().await.or_fail(&format!("create the resource server {}", want.identifier))
        });
        made.await?;
        Ok(want.key())
    }

    async fn update(
        &self,
        want: &ResourceServer,
        _: &Found<ResourceServer>,
        task: &Task,
    ) -> Result<ResourceServerOutputs, Failure> {
        let scopes = want.to_aws()?;
        let updated = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.client.update_resource_server().user_pool_id(&want.pool_id).identifier(&want.identifier);
            let call = call.name(want.name()).set_scopes(Some(scopes.clone()));
            call.send().await.or_fail(&format!("update the resource server {}", want.identifier))
        });
        updated.await?;
        Ok(want.key())
    }

    async fn delete(&self, gone: &ResourceServerOutputs, task: &Task) -> Result<(), Failure> {
        self.delete_resource_server(&gone.pool_id, &gone.identifier, task).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Drift;

    fn want() -> ResourceServer {
        let scopes = ["read", "write"].map(str::to_owned).into();
        ResourceServer { pool_id: "p1".into(), identifier: "https://api.example.com/orders".into(), scopes }
    }

    fn answer(name: &str, scopes: &[&str]) -> String {
        let scopes: Vec<_> = scopes.iter().map(|one| json!({"ScopeName": one, "ScopeDescription": "x"})).collect();
        json!({"ResourceServer": {"UserPoolId": "p1", "Identifier": "orders", "Name": name, "Scopes": scopes}})
            .to_string()
    }

    async fn read(answer: (u16, &str)) -> Result<Option<Found<ResourceServer>>, Failure> {
        let (clients, _) = replay(vec![answer]);
        Provider::<ResourceServer>::read(&Cognito::new(&clients), &want().key(), None, &Task::detached("x")).await
    }

    #[tokio::test]
    async fn a_further_scope_weakens_and_a_missing_one_does_not() {
        const NAME: &str = "https---api.example.com-orders";
        for (name, scopes, expected) in [
            (NAME, &["write", "read"][..], None),
            (NAME, &["read"], Some(Drift::new("Scopes", "read, write", "read"))),
            (NAME, &["all", "read", "write"], Some(Drift::weakening("Scopes", "read, write", "all, read, write"))),
            ("theirs", &["write", "read"], Some(Drift::new("Name", NAME, "theirs"))),
        ] {
            let found = read((200, &answer(name, scopes))).await.expect("an answer").expect("a server");
            assert_eq!(want().drift(&found.live), Vec::from_iter(expected));
        }
        let gone = r#"{"__type":"ResourceNotFoundException","message":"Resource server not found."}"#;
        assert!(read((400, gone)).await.expect("an answer").is_none());
    }

    #[tokio::test]
    async fn scopes_are_created_and_replaced_as_a_whole() {
        let (clients, http) = replay(vec![(200, "{}"), (200, &answer("x", &["read"])), (200, "{}")]);
        let cognito = Cognito::new(&clients);
        let task = Task::detached("x");
        assert_eq!(cognito.create(&want(), &task).await, Ok(want().key()));
        let found = Provider::<ResourceServer>::read(&cognito, &want().key(), None, &task).await;
        let found = found.expect("an answer").expect("a server");
        assert_eq!(cognito.update(&want(), &found, &task).await, Ok(want().key()));
        let asked = asked(&http);
        let calls: Vec<&str> = asked.iter().map(|(call, _)| call.as_str()).collect();
        assert_eq!(calls, ["CreateResourceServer", "DescribeResourceServer", "UpdateResourceServer"]);
        assert_eq!(asked[0].1, asked[2].1);
        let sent: serde_json::Value = serde_json::from_str(&asked[0].1).expect("JSON");
        assert_eq!(sent["Scopes"][1]["ScopeName"], "write");
        assert_eq!(sent["Name"], "https---api.example.com-orders");
    }
}
