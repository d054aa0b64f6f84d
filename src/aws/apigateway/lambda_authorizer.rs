//! The Lambda authorizer of a REST API: a function that admits or refuses callers.

use std::collections::BTreeSet;

use aws_sdk_apigateway::types::AuthorizerType;

use super::super::error::OrFail;
use super::authorizers::{AuthorizerKey, AuthorizerOutputs, cache_effect, identity_effect};
use super::{ApiGateway, CREATE_UPDATE_DELETE, Mends, READ, given, listed, replace};
use crate::aws::apigateway::SERVICE;
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::engine::{Comparison, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// The authorizer type whose function gets the request, not only a token.
const TYPE: &str = "REQUEST";

/// An authorizer that asks a function, which returns a policy.
#[derive(Debug, Clone)]
pub struct LambdaAuthorizer {
    pub api_id: String,
    /// Its name, unique in the API.
    pub name: String,
    /// See [`super::integration_uri`].
    pub uri: String,
    /// The identity sources: the parts that a request must have, as in `method.request.header.X-Partner`. Without them
    /// the function is not called. A cached policy holds for requests with the same values.
    pub identity: BTreeSet<String>,
    /// How long a policy is cached, in seconds.
    pub cache_s: i32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LiveLambdaAuthorizer {
    pub name: String,
    /// `COGNITO_USER_POOLS`, `TOKEN` or `REQUEST`.
    pub kind: String,
    pub uri: String,
    pub identity: BTreeSet<String>,
    pub cache_s: i32,
    /// The role that calls the function instead of API Gateway itself.
    pub credentials: Option<String>,
}

/// The identity sources as AWS writes them, separated by commas.
fn joined(identity: &BTreeSet<String>) -> String {
    identity.iter().map(String::as_str).collect::<Vec<_>>().join(",")
}

impl LambdaAuthorizer {
    /// The identity sources in the form of API Gateway.
    pub(crate) fn identity_source(&self) -> String {
        joined(&self.identity)
    }

    fn mends(&self, live: &LiveLambdaAuthorizer) -> Mends {
        let credentials = live.credentials.as_deref().unwrap_or("none");
        Mends::default()
            .plain("name", &self.name, &live.name, [replace("/name", &self.name)])
            .guard("type", TYPE, &live.kind, [replace("/type", TYPE)])
            .guard("authorizerUri", &self.uri, &live.uri, [replace("/authorizerUri", &self.uri)])
            .judged(
                "identitySource",
                listed(&self.identity),
                listed(&live.identity),
                identity_effect(&self.identity, &live.identity),
                [replace("/identitySource", joined(&self.identity))],
            )
            .judged(
                "authorizerResultTtlInSeconds",
                self.cache_s,
                live.cache_s,
                cache_effect(self.cache_s, live.cache_s),
                [replace("/authorizerResultTtlInSeconds", self.cache_s)],
            )
            // With a role, the function's own policy does not decide which callers may invoke it.
            .guard("authorizerCredentials", "none", credentials, [replace("/authorizerCredentials", "")])
    }

    /// A text that represents its settings in the hash of a deployment, which contains them.
    pub fn fingerprint(&self) -> String {
        format!("{} {} {} {}", self.name, self.uri, joined(&self.identity), self.cache_s)
    }
}

impl Resource for LambdaAuthorizer {
    const KIND: &'static str = "apigateway.lambda_authorizer";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true;
    type Key = AuthorizerKey;
    type Outputs = AuthorizerOutputs;
    type Live = LiveLambdaAuthorizer;

    fn key(&self) -> AuthorizerKey {
        AuthorizerKey::new(&self.api_id, &self.name)
    }

    fn identity(outputs: &AuthorizerOutputs) -> String {
        outputs.identity()
    }

    fn removal_command(_: &AuthorizerOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &LiveLambdaAuthorizer) -> Comparison {
        self.mends(live).compared
    }
}

impl Described for LambdaAuthorizer {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "Lambda authorizer",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[READ, CREATE_UPDATE_DELETE],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "authorizer {}",
            holds: "it calls only its own function, with the wanted identity sources",
            read: "GetAuthorizers",
        },
    };
}

impl Provider<LambdaAuthorizer> for ApiGateway {
    async fn read(
        &self,
        key: &AuthorizerKey,
        known: Option<&AuthorizerOutputs>,
        _: &Task,
    ) -> Result<Option<Found<LambdaAuthorizer>>, Failure> {
        let Some(all) = self.authorizers(&key.api_id).await? else { return Ok(None) };
        let Some(one) = key.take(all, known, |one| (one.id(), one.name())) else { return Ok(None) };
        let parts = one.identity_source.as_deref().unwrap_or_default().split(',').map(str::trim);
        let live = LiveLambdaAuthorizer {
            kind: one.r#type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            uri: one.authorizer_uri.clone().unwrap_or_default(),
            identity: parts.filter(|part| !part.is_empty()).map(str::to_owned).collect(),
            cache_s: one.authorizer_result_ttl_in_seconds.unwrap_or_default(),
            credentials: given(one.authorizer_credentials.as_deref()),
            name: one.name.unwrap_or_default(),
        };
        Ok(Some(Found { outputs: key.outputs(one.id), live }))
    }

    async fn create(&self, want: &LambdaAuthorizer, task: &Task) -> Result<AuthorizerOutputs, Failure> {
        let made = self.write(&want.api_id, task, &[], || async {
            let call = self.once.create_authorizer().rest_api_id(&want.api_id).name(&want.name);
            let call = call.r#type(AuthorizerType::Request).authorizer_uri(&want.uri);
            let call = call.identity_source(joined(&want.identity)).authorizer_result_ttl_in_seconds(want.cache_s);
            call.send().await.or_fail(&format!("create the authorizer {}", want.name))
        });
        Ok(want.key().outputs(made.await?.id))
    }

    async fn update(
        &self,
        want: &LambdaAuthorizer,
        found: &Found<LambdaAuthorizer>,
        task: &Task,
    ) -> Result<AuthorizerOutputs, Failure> {
        let patches = want.mends(&found.live).patches;
        self.patch_authorizer(&found.outputs, &patches, task).await?;
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

    const URI: &str = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:f/invocations";

    fn parts(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(|part| (*part).to_owned()).collect()
    }

    fn want() -> LambdaAuthorizer {
        LambdaAuthorizer {
            api_id: "abc".into(),
            name: "Partner".into(),
            uri: URI.into(),
            identity: parts(&["method.request.header.X-Partner", "method.request.querystring.key"]),
            cache_s: 60,
        }
    }

    fn live() -> LiveLambdaAuthorizer {
        LiveLambdaAuthorizer {
            name: "Partner".into(),
            kind: TYPE.into(),
            uri: URI.into(),
            identity: want().identity,
            cache_s: 60,
            credentials: None,
        }
    }

    #[test]
    fn another_function_fewer_parts_and_a_longer_cache_weaken() {
        assert_eq!(want().drift(&live()), []);
        let more = parts(&["method.request.header.X-Partner", "method.request.querystring.key", "context.path"]);
        for (live, field, weakens) in [
            (LiveLambdaAuthorizer { uri: "arn:g".into(), ..live() }, "authorizerUri", true),
            (LiveLambdaAuthorizer { kind: "TOKEN".into(), ..live() }, "type", true),
            (LiveLambdaAuthorizer { name: "x".into(), ..live() }, "name", false),
            (
                LiveLambdaAuthorizer { identity: parts(&["method.request.querystring.key"]), ..live() },
                "identitySource",
                true,
            ),
            (LiveLambdaAuthorizer { identity: more, ..live() }, "identitySource", false),
            (LiveLambdaAuthorizer { cache_s: 300, ..live() }, "authorizerResultTtlInSeconds", true),
            (LiveLambdaAuthorizer { cache_s: 0, ..live() }, "authorizerResultTtlInSeconds", false),
            (LiveLambdaAuthorizer { credentials: Some("arn:r".into()), ..live() }, "authorizerCredentials", true),
        ] {
            let mends = want().mends(&live);
            let drift = mends.compared.drift();
            assert_eq!((drift.len(), drift[0].field.as_str(), drift[0].weakens), (1, field, weakens));
            assert_eq!(mends.patches.len(), 1, "{field}");
        }
    }

    #[tokio::test]
    async fn an_authorizer_is_created_with_its_function_and_read_by_name() {
        let list = format!(
            r#"{{"item":[{{"id":"x1","name":"Partner","type":"REQUEST","authorizerUri":"{URI}","authorizerResultTtlInSeconds":60,
            "identitySource":"method.request.header.X-Partner, method.request.querystring.key"}}]}}"#
        );
        let (clients, http) = replay(vec![(201, r#"{"id":"x1"}"#), (200, &list)]);
        let (gateway, task) = (ApiGateway::new(&clients), Task::detached("authorizer.Partner"));
        let made = Provider::<LambdaAuthorizer>::create(&gateway, &want(), &task).await.expect("made");
        let found = Provider::<LambdaAuthorizer>::read(&gateway, &want().key(), None, &task).await;
        let found = found.expect("no failure").expect("found");
        assert_eq!((&found.outputs, want().drift(&found.live)), (&made, vec![]));
        let body = &asked(&http)[0].1;
        assert!(
            body.contains(r#""type":"REQUEST""#) && body.contains(r#""authorizerResultTtlInSeconds":60"#),
            "{body}"
        );
    }
}
