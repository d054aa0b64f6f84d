//! The authorizer of a REST API, which accepts the tokens of one user pool.

use std::collections::BTreeSet;

use aws_sdk_apigateway::types::{self, AuthorizerType, Op, PatchOperation};
use serde::{Deserialize, Serialize};

use super::super::error::{OrAbsent, OrFail};
use super::{ApiGateway, CREATE_UPDATE_DELETE, Mend, PAGE, READ, drifts, patches, replace};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};

use crate::engine::{Comparison, Drift, Failure, Found, Listing, Provider, Resource, Task};
use crate::layer::Layer;
use crate::regions::Service;
use crate::scope::Whose;

const TYPE: &str = "COGNITO_USER_POOLS";
const SOURCE: &str = "method.request.header.Authorization";

/// An authorizer that accepts the tokens of a user pool.
#[derive(Debug, Clone)]
pub struct Authorizer {
    pub api_id: String,
    /// Its name, unique in the API.
    pub name: String,
    pub pool_arn: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuthorizerOutputs {
    pub api_id: String,
    /// An id that AWS chose.
    pub id: String,
    pub name: String,
}

/// An authorizer is found by its name in its API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuthorizerKey {
    api_id: String,
    name: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LiveAuthorizer {
    pub name: String,
    /// `COGNITO_USER_POOLS`, `TOKEN` or `REQUEST`.
    pub kind: String,
    /// The user pools whose tokens it takes.
    pub provider_arns: BTreeSet<String>,
    /// The part of a request that contains the token.
    pub identity_source: String,
}

impl Authorizer {
    fn mends(&self, live: &LiveAuthorizer) -> Vec<Mend> {
        let mut mends = Vec::new();
        if live.name != self.name {
            mends.push((Drift::new("name", &self.name, &live.name), vec![replace("/name", &self.name)]));
        }
        if live.kind != TYPE {
            mends.push((Drift::weakening("type", TYPE, &live.kind), vec![replace("/type", TYPE)]));
        }
        if live.identity_source != SOURCE {
            let drift = Drift::new("identitySource", SOURCE, &live.identity_source);
            mends.push((drift, vec![replace("/identitySource", SOURCE)]));
        }
        let others = || live.provider_arns.iter().filter(|arn| **arn != self.pool_arn);
        if !live.provider_arns.contains(&self.pool_arn) || others().next().is_some() {
            let listed: Vec<&str> = live.provider_arns.iter().map(String::as_str).collect();
            let drift = Drift::weakening("providerARNs", &self.pool_arn, listed.join(", "));
            // Our pool is added before others are removed, so that there is always one.
            let add = (!live.provider_arns.contains(&self.pool_arn)).then(|| pools(Op::Add, &self.pool_arn));
            mends.push((drift, add.into_iter().chain(others().map(|arn| pools(Op::Remove, arn))).collect()));
        }
        mends
    }

    fn outputs(&self, id: Option<String>) -> AuthorizerOutputs {
        AuthorizerOutputs { api_id: self.api_id.clone(), id: id.unwrap_or_default(), name: self.name.clone() }
    }
}

fn pools(op: Op, arn: &str) -> PatchOperation {
    PatchOperation::builder().op(op).path("/providerARNs").value(arn).build()
}

impl Resource for Authorizer {
    const KIND: &'static str = "apigateway.authorizer";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true;
    type Key = AuthorizerKey;
    type Outputs = AuthorizerOutputs;
    type Live = LiveAuthorizer;

    fn key(&self) -> AuthorizerKey {
        AuthorizerKey { api_id: self.api_id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &AuthorizerOutputs) -> String {
        format!("{}/{}", outputs.api_id, outputs.id)
    }

    fn removal_command(_: &AuthorizerOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &LiveAuthorizer) -> Comparison {
        let drift = { drifts(self.mends(live)) };
        drift.into_iter().collect()
    }
}

impl Described for Authorizer {
    const ABOUT: Kind = Kind {
        service: Service::ApiGateway,
        label: "authorizer",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[READ, CREATE_UPDATE_DELETE],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "authorizer {}",
            holds: "it trusts only its own pool",
            read: "GetAuthorizers",
        },
    };
}

impl Provider<Authorizer> for ApiGateway {
    async fn read(
        &self,
        key: &AuthorizerKey,
        known: Option<&AuthorizerOutputs>,
        _: &Task,
    ) -> Result<Option<Found<Authorizer>>, Failure> {
        // An API has at most ten authorizers unless the quota was raised, so one call lists them all.
        let mut all: Vec<types::Authorizer> = Vec::new();
        let mut position = None;
        loop {
            let call = self.client.get_authorizers().rest_api_id(&key.api_id).limit(PAGE).set_position(position);
            let page = call.send().await.or_fail(&format!("list the authorizers of the API {}", key.api_id));
            let Some(page) = page.or_absent()? else { return Ok(None) };
            all.extend(page.items.unwrap_or_default());
            position = page.position;
            if position.is_none() {
                break;
            }
        }
        let by_id = known.and_then(|known| all.iter().position(|one| one.id() == Some(&known.id)));
        let Some(index) = by_id.or_else(|| all.iter().position(|one| one.name() == Some(&key.name))) else {
            return Ok(None);
        };
        let one = all.swap_remove(index);
        let live = LiveAuthorizer {
            kind: one.r#type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            name: one.name.unwrap_or_default(),
            provider_arns: one.provider_arns.unwrap_or_default().into_iter().collect(),
            identity_source: one.identity_source.unwrap_or_default(),
        };
        let id = one.id.unwrap_or_default();
        let outputs = AuthorizerOutputs { api_id: key.api_id.clone(), id, name: key.name.clone() };
        Ok(Some(Found { outputs, live }))
    }

    async fn create(&self, want: &Authorizer, task: &Task) -> Result<AuthorizerOutputs, Failure> {
        let made = self.write(&want.api_id, task, &[], || async {
            let call = self.once.create_authorizer().rest_api_id(&want.api_id).name(&want.name);
            let call = call.r#type(AuthorizerType::CognitoUserPools).provider_arns(&want.pool_arn);
            call.identity_source(SOURCE).send().await.or_fail(&format!("create the authorizer {}", want.name))
        });
        Ok(want.outputs(made.await?.id))
    }

    async fn update(
        &self,
        want: &Authorizer,
        found: &Found<Authorizer>,
        task: &Task,
    ) -> Result<AuthorizerOutputs, Failure> {
        let id = &found.outputs.id;
        let patches = patches(want.mends(&found.live));
        let updated = self.write(&want.api_id, task, &[], || async {
            let call = self.client.update_authorizer().rest_api_id(&want.api_id).authorizer_id(id);
            let call = call.set_patch_operations(Some(patches.clone()));
            call.send().await.or_fail(&format!("update the authorizer {}", want.name))
        });
        if updated.await?.provider_arns() == [want.pool_arn.as_str()] {
            return Ok(found.outputs.clone());
        }
        // MiniStack ignores patches of `providerARNs`: the authorizer is created again, and the routes follow its new
        // id.
        Provider::<Authorizer>::delete(self, &found.outputs, task).await?;
        Provider::<Authorizer>::create(self, want, task).await
    }

    async fn delete(&self, gone: &AuthorizerOutputs, task: &Task) -> Result<(), Failure> {
        let deleted = self.write(&gone.api_id, task, &[], || async {
            let call = self.client.delete_authorizer().rest_api_id(&gone.api_id).authorizer_id(&gone.id);
            call.send().await.or_fail(&format!("delete the authorizer {}", gone.name))
        });
        deleted.await.or_absent().map(drop)
    }

    async fn list(&self, _: &Whose) -> Result<Listing, Failure> {
        Ok(Listing::with_parent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Cause;

    const POOL: &str = "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_A";
    const OTHER: &str = "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_B";

    fn want() -> Authorizer {
        Authorizer { api_id: "abc".into(), name: "AGAuthorizer1".into(), pool_arn: POOL.into() }
    }

    fn live() -> LiveAuthorizer {
        LiveAuthorizer {
            name: "AGAuthorizer1".into(),
            kind: TYPE.into(),
            provider_arns: [POOL.to_owned()].into(),
            identity_source: SOURCE.into(),
        }
    }

    fn task() -> Task {
        Task::detached("authorizer.AGAuthorizer1")
    }

    fn list() -> String {
        format!(
            r#"{{"item":[
                {{"id":"x1","name":"AGAuthorizer2","type":"{TYPE}","providerARNs":["{OTHER}"],"identitySource":"{SOURCE}"}},
                {{"id":"x2","name":"AGAuthorizer1","type":"{TYPE}","providerARNs":["{POOL}"],"identitySource":"{SOURCE}"}}
            ]}}"#
        )
    }

    #[test]
    fn an_extra_or_other_pool_weakens() {
        assert_eq!(want().drift(&live()), vec![]);
        let pools = |arns: &[&str]| arns.iter().map(|arn| (*arn).to_owned()).collect::<BTreeSet<_>>();
        let table = [
            (LiveAuthorizer { name: "x".into(), ..live() }, "name", false, 1),
            (LiveAuthorizer { kind: "TOKEN".into(), ..live() }, "type", true, 1),
            (
                LiveAuthorizer { identity_source: "method.request.header.X".into(), ..live() },
                "identitySource",
                false,
                1,
            ),
            (LiveAuthorizer { provider_arns: pools(&[OTHER]), ..live() }, "providerARNs", true, 2),
            (LiveAuthorizer { provider_arns: pools(&[OTHER, POOL]), ..live() }, "providerARNs", true, 1),
            (LiveAuthorizer { provider_arns: pools(&[]), ..live() }, "providerARNs", true, 1),
        ];
        for (live, field, weakens, count) in table {
            let mends = want().mends(&live);
            assert_eq!(mends.len(), 1, "{live:?}");
            assert_eq!((mends[0].0.field.as_str(), mends[0].0.weakens, mends[0].1.len()), (field, weakens, count));
        }
    }

    #[tokio::test]
    async fn an_unchanged_authorizer_costs_one_call_by_id_or_name() {
        for known in [None, Some("x2"), Some("gone")] {
            let (clients, http) = replay(vec![(200, &list())]);
            let known = known.map(|id| want().outputs(Some(id.to_owned())));
            let found =
                Provider::<Authorizer>::read(&ApiGateway::new(&clients), &want().key(), known.as_ref(), &task()).await;
            let found = found.expect("no failure").expect("found");
            assert_eq!(found.outputs, want().outputs(Some("x2".into())));
            assert_eq!(want().drift(&found.live), vec![]);
            assert_eq!(asked(&http).len(), 1);
        }
    }

    #[tokio::test]
    async fn without_its_api_an_authorizer_is_absent() {
        let (clients, _) = replay(vec![(404, r#"{"__type":"NotFoundException"}"#)]);
        let found = Provider::<Authorizer>::read(&ApiGateway::new(&clients), &want().key(), None, &task())
            .await
            .expect("no failure");
        assert!(found.is_none());
    }

    #[tokio::test]
    async fn an_existing_authorizer_is_read() {
        for words in [
            "Authorizer name must be unique. Authorizer name AGAuthorizer1 already exists in this RestApi.",
            "Authorizer name must be unique",
        ] {
            let answer = format!(r#"{{"__type":"BadRequestException","message":"{words}"}}"#);
            let (clients, _) = replay(vec![(400, &answer)]);
            let made = Provider::<Authorizer>::create(&ApiGateway::new(&clients), &want(), &task()).await;
            assert_eq!(made.map_err(|failure| failure.cause), Err(Cause::Exists));
        }
    }

    #[tokio::test]
    async fn a_changed_pool_is_patched_in_place() {
        let answer = format!(r#"{{"id":"x2","providerARNs":["{POOL}"]}}"#);
        let (clients, http) = replay(vec![(200, &answer)]);
        let live = LiveAuthorizer { provider_arns: [OTHER.to_owned()].into(), ..live() };
        let found = Found { outputs: want().outputs(Some("x2".into())), live };
        let outputs = Provider::<Authorizer>::update(&ApiGateway::new(&clients), &want(), &found, &task()).await;
        assert_eq!(outputs, Ok(found.outputs));
        let (call, body) = &asked(&http)[0];
        assert!(call.starts_with("PATCH"), "{call}");
        let (add, gone) = (body.find("\"add\"").expect("adds"), body.find("\"remove\"").expect("removes"));
        assert!(add < gone, "{body}");
    }
}
