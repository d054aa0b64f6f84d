//! The JWT authorizer of an HTTP API, which accepts the tokens that one user pool issued for some of its app clients.

use std::collections::BTreeSet;

use aws_sdk_apigatewayv2::types::{self, AuthorizerType, JwtConfiguration};

use super::super::error::{OrAbsent, OrFail};
use super::super::pages::to_the_end;
use super::refusals::API_ISSUER;
use super::{ApiGatewayV2, CREATE_UPDATE_DELETE, PAGE, READ, listed};
use crate::aws::apigateway::{AuthorizerKey, AuthorizerOutputs, SERVICE};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::engine::{Comparison, Effect, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

const TYPE: &str = "JWT";
const SOURCE: &str = "$request.header.Authorization";

/// An authorizer that checks the signature, issuer, audience and times of a token.
#[derive(Debug, Clone)]
pub struct JwtAuthorizer {
    pub api_id: String,
    pub name: String,
    /// `https://cognito-idp.<region>.amazonaws.com/<pool>`, with no slash at its end.
    pub issuer: String,
    /// The app clients whose tokens it accepts.
    pub audience: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LiveJwtAuthorizer {
    /// `JWT` or `REQUEST`.
    pub kind: String,
    /// The part of a request that contains the token.
    pub identity_source: Vec<String>,
    /// The issuer of the tokens that it accepts.
    pub issuer: String,
    /// The app clients that the tokens must have been issued for.
    pub audience: Vec<String>,
}

/// The effect of the source of the token. Another header only differs. A query string weakens: logs, browser histories
/// and proxies keep URLs, and so the token (RFC 6750, 5.3).
fn source_effect(live: &[String]) -> Effect {
    if live.iter().any(|source| !source.starts_with("$request.header.")) {
        Effect::Weakens
    } else {
        Effect::differs_unless(live == [SOURCE])
    }
}

impl JwtAuthorizer {
    /// The part of a request that contains the token.
    pub(crate) const IDENTITY_SOURCE: &'static str = SOURCE;

    fn configuration(&self) -> JwtConfiguration {
        JwtConfiguration::builder()
            .issuer(&self.issuer)
            .set_audience(Some(self.audience.iter().cloned().collect()))
            .build()
    }
}

impl Resource for JwtAuthorizer {
    const KIND: &'static str = "apigatewayv2.authorizer";
    const GOES_WITH_PARENT: bool = true;
    // AWS refuses a second authorizer of the same name. An emulator may accept it, which does no harm.
    const NAME_IS_UNIQUE: bool = false;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true;
    type Key = AuthorizerKey;
    type Outputs = AuthorizerOutputs;
    type Live = LiveJwtAuthorizer;

    fn key(&self) -> AuthorizerKey {
        AuthorizerKey::new(&self.api_id, &self.name)
    }

    fn identity(outputs: &AuthorizerOutputs) -> String {
        outputs.identity()
    }

    fn removal_command(_: &AuthorizerOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &LiveJwtAuthorizer) -> Comparison {
        let audience: BTreeSet<String> = live.audience.iter().cloned().collect();
        // Without any audience, tokens of every client pass.
        let fewer = !audience.is_empty() && audience.is_subset(&self.audience);
        let effect = if audience == self.audience { Effect::Same } else { Effect::of_difference(!fewer) };
        Comparison::default()
            .guard("AuthorizerType", TYPE, &live.kind)
            .judged("IdentitySource", SOURCE, listed(&live.identity_source), source_effect(&live.identity_source))
            .guard("JwtConfiguration.Issuer", &self.issuer, &live.issuer)
            .judged("JwtConfiguration.Audience", listed(&self.audience), listed(&audience), effect)
    }
}

impl Described for JwtAuthorizer {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "JWT authorizer",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[READ, CREATE_UPDATE_DELETE],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "authorizer {}",
            holds: "it trusts only its own pool and clients",
            read: "GetAuthorizers",
        },
    };
}

impl ApiGatewayV2 {
    /// All authorizers of an API. It has at most ten unless the quota was raised, so one call lists them all.
    pub(super) async fn authorizers(&self, api: &str) -> Result<Vec<types::Authorizer>, Failure> {
        let list = |next| async move {
            let call = self.client.get_authorizers().api_id(api).max_results(PAGE).set_next_token(next);
            let page = call.send().await.or_fail(&format!("list the authorizers of the API {api}"))?;
            Ok((page.items, page.next_token))
        };
        to_the_end(list).await
    }

    pub(super) async fn delete_authorizer(&self, api: &str, id: &str, name: &str, task: &Task) -> Result<(), Failure> {
        let deleted = self.write(api, task, &[], || async {
            let call = self.client.delete_authorizer().api_id(api).authorizer_id(id);
            call.send().await.or_fail(&format!("delete the authorizer {name}"))
        });
        deleted.await.or_absent().map(drop)
    }
}

impl Provider<JwtAuthorizer> for ApiGatewayV2 {
    async fn read(
        &self,
        key: &AuthorizerKey,
        known: Option<&AuthorizerOutputs>,
        _: &Task,
    ) -> Result<Option<Found<JwtAuthorizer>>, Failure> {
        let Some(all) = self.authorizers(&key.api_id).await.or_absent()? else { return Ok(None) };
        let Some(one) = key.take(all, known, |one| (one.authorizer_id(), one.name())) else { return Ok(None) };
        let jwt = one.jwt_configuration;
        let live = LiveJwtAuthorizer {
            kind: one.authorizer_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            identity_source: one.identity_source.unwrap_or_default(),
            issuer: jwt.as_ref().and_then(|jwt| jwt.issuer.clone()).unwrap_or_default(),
            audience: jwt.and_then(|jwt| jwt.audience).unwrap_or_default(),
        };
        Ok(Some(Found { outputs: key.outputs(one.authorizer_id), live }))
    }

    async fn create(&self, want: &JwtAuthorizer, task: &Task) -> Result<AuthorizerOutputs, Failure> {
        let made = self.write(&want.api_id, task, &[&API_ISSUER], || async {
            let call = self.once.create_authorizer().api_id(&want.api_id).name(&want.name);
            let call = call.authorizer_type(AuthorizerType::Jwt).identity_source(SOURCE);
            let call = call.jwt_configuration(want.configuration());
            call.send().await.or_fail(&format!("create the authorizer {}", want.name))
        });
        Ok(want.key().outputs(made.await?.authorizer_id))
    }

    async fn update(
        &self,
        want: &JwtAuthorizer,
        found: &Found<JwtAuthorizer>,
        task: &Task,
    ) -> Result<AuthorizerOutputs, Failure> {
        let id = &found.outputs.id;
        let updated = self.write(&want.api_id, task, &[&API_ISSUER], || async {
            let call = self.client.update_authorizer().api_id(&want.api_id).authorizer_id(id).name(&want.name);
            let call = call.authorizer_type(AuthorizerType::Jwt).identity_source(SOURCE);
            let call = call.jwt_configuration(want.configuration());
            call.send().await.or_fail(&format!("update the authorizer {}", want.name))
        });
        updated.await?;
        Ok(found.outputs.clone())
    }

    async fn delete(&self, gone: &AuthorizerOutputs, task: &Task) -> Result<(), Failure> {
        self.delete_authorizer(&gone.api_id, &gone.id, &gone.name, task).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    const ISSUER: &str = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_A";

    fn want() -> JwtAuthorizer {
        JwtAuthorizer {
            api_id: "abc".into(),
            name: "Users".into(),
            issuer: ISSUER.into(),
            audience: BTreeSet::from(["c1".into()]),
        }
    }

    fn live() -> LiveJwtAuthorizer {
        LiveJwtAuthorizer {
            kind: TYPE.into(),
            identity_source: vec![SOURCE.into()],
            issuer: ISSUER.into(),
            audience: vec!["c1".into()],
        }
    }

    fn task() -> Task {
        Task::detached("authorizer.Users")
    }

    fn list() -> String {
        format!(
            r#"{{"items":[{{"authorizerId":"x0","name":"Other"}},{{"authorizerId":"x1","name":"Users","authorizerType":"JWT",
            "identitySource":["{SOURCE}"],"jwtConfiguration":{{"issuer":"{ISSUER}","audience":["c1"]}}}}]}}"#
        )
    }

    #[test]
    fn another_issuer_or_audience_weakens() {
        assert_eq!(want().drift(&live()), vec![]);
        let table = [
            (LiveJwtAuthorizer { kind: "REQUEST".into(), ..live() }, "AuthorizerType", true),
            (
                LiveJwtAuthorizer { identity_source: vec!["$request.querystring.t".into()], ..live() },
                "IdentitySource",
                true,
            ),
            (
                LiveJwtAuthorizer { identity_source: vec![SOURCE.into(), "$request.querystring.t".into()], ..live() },
                "IdentitySource",
                true,
            ),
            (
                LiveJwtAuthorizer { identity_source: vec!["$request.header.X-Token".into()], ..live() },
                "IdentitySource",
                false,
            ),
            (LiveJwtAuthorizer { issuer: format!("{ISSUER}/"), ..live() }, "JwtConfiguration.Issuer", true),
            (
                LiveJwtAuthorizer { audience: vec!["c1".into(), "c2".into()], ..live() },
                "JwtConfiguration.Audience",
                true,
            ),
            (LiveJwtAuthorizer { audience: vec![], ..live() }, "JwtConfiguration.Audience", true),
        ];
        for (live, field, weakens) in table {
            let drift = want().drift(&live);
            assert_eq!((drift.len(), drift[0].field.as_str(), drift[0].weakens), (1, field, weakens));
        }
    }

    #[tokio::test]
    async fn an_unchanged_authorizer_costs_one_call_by_id_or_name() {
        for known in [None, Some("x1"), Some("gone")] {
            let (clients, http) = replay(vec![(200, &list())]);
            let known = known.map(|id| want().key().outputs(Some(id.to_owned())));
            let gateway = ApiGatewayV2::new(&clients);
            let found = Provider::<JwtAuthorizer>::read(&gateway, &want().key(), known.as_ref(), &task()).await;
            let found = found.expect("no failure").expect("found");
            assert_eq!((found.outputs, want().drift(&found.live)), (want().key().outputs(Some("x1".into())), vec![]));
            assert_eq!(asked(&http).len(), 1);
        }
    }

    #[tokio::test]
    async fn an_authorizer_is_created_with_one_issuer_and_audience() {
        let (clients, http) = replay(vec![(201, r#"{"authorizerId":"x1"}"#)]);
        let made = Provider::<JwtAuthorizer>::create(&ApiGatewayV2::new(&clients), &want(), &task()).await;
        assert_eq!(made, Ok(want().key().outputs(Some("x1".into()))));
        let body = &asked(&http)[0].1;
        assert!(body.contains(&format!(r#""issuer":"{ISSUER}""#)) && body.contains(r#""audience":["c1"]"#), "{body}");
    }
}
