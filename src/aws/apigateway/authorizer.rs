//! The authorizer of a REST API, which accepts the tokens of one user pool.

use std::collections::BTreeSet;

use aws_sdk_apigateway::operation::update_authorizer::UpdateAuthorizerOutput;
use aws_sdk_apigateway::types::{self, AuthorizerType, Op, PatchOperation};

use super::super::error::{OrAbsent, OrFail};
use super::authorizers::{AuthorizerKey, AuthorizerOutputs};
use super::{ApiGateway, CREATE_UPDATE_DELETE, Mends, PAGE, READ, given, listed, replace};
use crate::aws::apigateway::SERVICE;
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::engine::{Comparison, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

const TYPE: &str = "COGNITO_USER_POOLS";
const SOURCE: &str = "method.request.header.Authorization";

/// AWS's default, in seconds (docs/aws.md, Authorizers).
const RESULT_TTL_S: i32 = 300;

/// An authorizer that accepts the tokens of a user pool.
#[derive(Debug, Clone)]
pub struct Authorizer {
    pub api_id: String,
    /// Its name, unique in the API.
    pub name: String,
    pub pool_arn: String,
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
    /// The expression that the token's audience must match.
    pub identity_validation_expression: Option<String>,
    /// How long a result is cached, in seconds, if AWS returns that.
    pub result_ttl_s: Option<i32>,
}

impl Authorizer {
    /// The part of a request that contains the token.
    pub(crate) const IDENTITY_SOURCE: &'static str = SOURCE;

    fn mends(&self, live: &LiveAuthorizer) -> Mends {
        let wanted = BTreeSet::from([self.pool_arn.clone()]);
        // Our pool is added before others are removed, so that there is always one.
        let missing = wanted.difference(&live.provider_arns).map(|arn| pools(Op::Add, arn));
        let foreign = live.provider_arns.difference(&wanted).map(|arn| pools(Op::Remove, arn));
        // An expression that the token's audience must match only excludes callers.
        let expression = live.identity_validation_expression.as_deref().unwrap_or("none");
        let ttl = live.result_ttl_s.unwrap_or(RESULT_TTL_S);
        Mends::default()
            .plain("name", &self.name, &live.name, [replace("/name", &self.name)])
            .guard("type", TYPE, &live.kind, [replace("/type", TYPE)])
            .plain("identitySource", SOURCE, &live.identity_source, [replace("/identitySource", SOURCE)])
            .plain("identityValidationExpression", "none", expression, [replace("/identityValidationExpression", "")])
            .plain(
                "authorizerResultTtlInSeconds",
                RESULT_TTL_S,
                ttl,
                [replace("/authorizerResultTtlInSeconds", RESULT_TTL_S)],
            )
            .guard("providerARNs", &self.pool_arn, listed(&live.provider_arns), missing.chain(foreign))
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
        AuthorizerKey::new(&self.api_id, &self.name)
    }

    fn identity(outputs: &AuthorizerOutputs) -> String {
        outputs.identity()
    }

    fn removal_command(_: &AuthorizerOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &LiveAuthorizer) -> Comparison {
        self.mends(live).compared
    }
}

impl Described for Authorizer {
    const ABOUT: Kind = Kind {
        service: SERVICE,
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

impl ApiGateway {
    /// All authorizers of an API; `None` if there is no such API. An API has at most ten unless the quota was raised, so
    /// one call lists them all.
    pub(super) async fn authorizers(&self, api: &str) -> Result<Option<Vec<types::Authorizer>>, Failure> {
        let mut all = Vec::new();
        let mut position = None;
        loop {
            let call = self.client.get_authorizers().rest_api_id(api).limit(PAGE).set_position(position);
            let page = call.send().await.or_fail(&format!("list the authorizers of the API {api}"));
            let Some(page) = page.or_absent()? else { return Ok(None) };
            all.extend(page.items.unwrap_or_default());
            position = page.position;
            if position.is_none() {
                return Ok(Some(all));
            }
        }
    }

    /// Patches an authorizer, and returns AWS's answer: the changed authorizer.
    pub(super) async fn patch_authorizer(
        &self,
        found: &AuthorizerOutputs,
        patches: &[PatchOperation],
        task: &Task,
    ) -> Result<UpdateAuthorizerOutput, Failure> {
        let AuthorizerOutputs { api_id, id, name } = found;
        let updated = self.write(api_id, task, &[], || async {
            let call = self.client.update_authorizer().rest_api_id(api_id).authorizer_id(id);
            let call = call.set_patch_operations(Some(patches.to_vec()));
            call.send().await.or_fail(&format!("update the authorizer {name}"))
        });
        updated.await
    }

    pub(super) async fn delete_authorizer(&self, api: &str, id: &str, name: &str, task: &Task) -> Result<(), Failure> {
        let deleted = self.write(api, task, &[], || async {
            let call = self.client.delete_authorizer().rest_api_id(api).authorizer_id(id);
            call.send().await.or_fail(&format!("delete the authorizer {name}"))
        });
        deleted.await.or_absent().map(drop)
    }
}

impl Provider<Authorizer> for ApiGateway {
    async fn read(
        &self,
        key: &AuthorizerKey,
        known: Option<&AuthorizerOutputs>,
        _: &Task,
    ) -> Result<Option<Found<Authorizer>>, Failure> {
        let Some(all) = self.authorizers(&key.api_id).await? else { return Ok(None) };
        let Some(one) = key.take(all, known, |one| (one.id(), one.name())) else { return Ok(None) };
        let live = LiveAuthorizer {
            kind: one.r#type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            name: one.name.unwrap_or_default(),
            provider_arns: one.provider_arns.unwrap_or_default().into_iter().collect(),
            identity_source: one.identity_source.unwrap_or_default(),
            identity_validation_expression: given(one.identity_validation_expression.as_deref()),
            result_ttl_s: one.authorizer_result_ttl_in_seconds,
        };
        Ok(Some(Found { outputs: key.outputs(one.id), live }))
    }

    async fn create(&self, want: &Authorizer, task: &Task) -> Result<AuthorizerOutputs, Failure> {
        let made = self.write(&want.api_id, task, &[], || async {
            let call = self.once.create_authorizer().rest_api_id(&want.api_id).name(&want.name);
            let call = call.r#type(AuthorizerType::CognitoUserPools).provider_arns(&want.pool_arn);
            call.identity_source(SOURCE).send().await.or_fail(&format!("create the authorizer {}", want.name))
        });
        Ok(want.key().outputs(made.await?.id))
    }

    async fn update(
        &self,
        want: &Authorizer,
        found: &Found<Authorizer>,
        task: &Task,
    ) -> Result<AuthorizerOutputs, Failure> {
        let patches = want.mends(&found.live).patches;
        let updated = self.patch_authorizer(&found.outputs, &patches, task).await?;
        if updated.provider_arns() == [want.pool_arn.as_str()] {
            return Ok(found.outputs.clone());
        }
        // MiniStack ignores patches of `providerARNs`, so the authorizer is created again. The routes then get its new
        // id.
        Provider::<Authorizer>::delete(self, &found.outputs, task).await?;
        Provider::<Authorizer>::create(self, want, task).await
    }

    async fn delete(&self, gone: &AuthorizerOutputs, task: &Task) -> Result<(), Failure> {
        self.delete_authorizer(&gone.api_id, &gone.id, &gone.name, task).await
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
            identity_validation_expression: None,
            result_ttl_s: None,
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
            // Only tokens of some app clients pass.
            (
                LiveAuthorizer { identity_validation_expression: Some("^c1$".into()), ..live() },
                "identityValidationExpression",
                false,
                1,
            ),
            (LiveAuthorizer { result_ttl_s: Some(3600), ..live() }, "authorizerResultTtlInSeconds", false, 1),
        ];
        for (live, field, weakens, count) in table {
            let mends = want().mends(&live);
            let drift = mends.compared.drift();
            assert_eq!(drift.len(), 1, "{live:?}");
            assert_eq!((drift[0].field.as_str(), drift[0].weakens, mends.patches.len()), (field, weakens, count));
        }
    }

    #[tokio::test]
    async fn an_unchanged_authorizer_costs_one_call_by_id_or_name() {
        for known in [None, Some("x2"), Some("gone")] {
            let (clients, http) = replay(vec![(200, &list())]);
            let known = known.map(|id| want().key().outputs(Some(id.to_owned())));
            let found =
                Provider::<Authorizer>::read(&ApiGateway::new(&clients), &want().key(), known.as_ref(), &task()).await;
            let found = found.expect("no failure").expect("found");
            assert_eq!(found.outputs, want().key().outputs(Some("x2".into())));
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
        let found = Found { outputs: want().key().outputs(Some("x2".into())), live };
        let outputs = Provider::<Authorizer>::update(&ApiGateway::new(&clients), &want(), &found, &task()).await;
        assert_eq!(outputs, Ok(found.outputs));
        let (call, body) = &asked(&http)[0];
        assert!(call.starts_with("PATCH"), "{call}");
        let (add, gone) = (body.find("\"add\"").expect("adds"), body.find("\"remove\"").expect("removes"));
        assert!(add < gone, "{body}");
    }
}
