//! The Lambda authorizer of an HTTP API: a function that admits or refuses callers.

use std::collections::BTreeSet;

use aws_sdk_apigatewayv2::types::AuthorizerType;

use super::super::error::{OrAbsent, OrFail};
use super::{ApiGatewayV2, CREATE_UPDATE_DELETE, READ, given, listed};
use crate::aws::apigateway::{AuthorizerKey, AuthorizerOutputs, SERVICE, cache_effect, identity_effect};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::engine::{Comparison, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// The authorizer type whose function gets the request, not only a token.
const TYPE: &str = "REQUEST";

/// The payload format of requests to the function.
const PAYLOAD: &str = "2.0";

/// An authorizer that asks a function, which returns `{"isAuthorized": true}` or `false`.
#[derive(Debug, Clone)]
pub struct HttpLambdaAuthorizer {
    pub api_id: String,
    pub name: String,
    /// See [`crate::aws::apigateway::integration_uri`].
    pub uri: String,
    /// The identity sources: the parts that a request must have, as in `$request.header.X-Partner`. Without them the
    /// function is not called. A cached answer holds for requests with the same values.
    pub identity: BTreeSet<String>,
    /// How long an answer is cached, in seconds.
    pub cache_s: i32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LiveHttpLambdaAuthorizer {
    /// `JWT` or `REQUEST`.
    pub kind: String,
    pub uri: String,
    pub identity: BTreeSet<String>,
    pub cache_s: i32,
    pub payload: String,
    /// Whether the function answers yes or no instead of a policy.
    pub simple: bool,
    /// The role that calls the function instead of API Gateway itself.
    pub credentials: Option<String>,
}

impl HttpLambdaAuthorizer {
    /// The version of the format of questions to the function.
    pub(crate) const PAYLOAD: &'static str = PAYLOAD;

    fn identity_source(&self) -> Vec<String> {
        self.identity.iter().cloned().collect()
    }
}

impl Resource for HttpLambdaAuthorizer {
    const KIND: &'static str = "apigatewayv2.lambda_authorizer";
    const GOES_WITH_PARENT: bool = true;
    // AWS refuses a second authorizer of the same name. An emulator may accept it, which does no harm.
    const NAME_IS_UNIQUE: bool = false;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true;
    type Key = AuthorizerKey;
    type Outputs = AuthorizerOutputs;
    type Live = LiveHttpLambdaAuthorizer;

    fn key(&self) -> AuthorizerKey {
        AuthorizerKey::new(&self.api_id, &self.name)
    }

    fn identity(outputs: &AuthorizerOutputs) -> String {
        outputs.identity()
    }

    fn removal_command(_: &AuthorizerOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &LiveHttpLambdaAuthorizer) -> Comparison {
        Comparison::default()
            .guard("AuthorizerType", TYPE, &live.kind)
            .guard("AuthorizerUri", &self.uri, &live.uri)
            .judged(
                "IdentitySource",
                listed(&self.identity),
                listed(&live.identity),
                identity_effect(&self.identity, &live.identity),
            )
            .judged(
                "AuthorizerResultTtlInSeconds",
                self.cache_s,
                live.cache_s,
                cache_effect(self.cache_s, live.cache_s),
            )
            // API Gateway may misread the answer of a function that answers in the other form.
            .guard("AuthorizerPayloadFormatVersion", PAYLOAD, &live.payload)
            .guard("EnableSimpleResponses", true, live.simple)
            // With a role, the function's own policy does not decide which callers may invoke it.
            .guard("AuthorizerCredentialsArn", "none", live.credentials.as_deref().unwrap_or("none"))
    }
}

impl Described for HttpLambdaAuthorizer {
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

impl Provider<HttpLambdaAuthorizer> for ApiGatewayV2 {
    async fn read(
        &self,
        key: &AuthorizerKey,
        known: Option<&AuthorizerOutputs>,
        _: &Task,
    ) -> Result<Option<Found<HttpLambdaAuthorizer>>, Failure> {
        let Some(all) = self.authorizers(&key.api_id).await.or_absent()? else { return Ok(None) };
        let Some(one) = key.take(all, known, |one| (one.authorizer_id(), one.name())) else { return Ok(None) };
        let live = LiveHttpLambdaAuthorizer {
            kind: one.authorizer_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            uri: one.authorizer_uri.unwrap_or_default(),
            identity: one.identity_source.unwrap_or_default().into_iter().collect(),
            cache_s: one.authorizer_result_ttl_in_seconds.unwrap_or_default(),
            payload: one.authorizer_payload_format_version.unwrap_or_default(),
            simple: one.enable_simple_responses.unwrap_or_default(),
            credentials: given(one.authorizer_credentials_arn),
        };
        Ok(Some(Found { outputs: key.outputs(one.authorizer_id), live }))
    }

    async fn create(&self, want: &HttpLambdaAuthorizer, task: &Task) -> Result<AuthorizerOutputs, Failure> {
        let made = self.write(&want.api_id, task, &[], || async {
            let call = self.once.create_authorizer().api_id(&want.api_id).name(&want.name);
            let call = call.authorizer_type(AuthorizerType::Request).authorizer_uri(&want.uri);
            let call = call.set_identity_source(Some(want.identity_source())).enable_simple_responses(true);
            let call = call.authorizer_payload_format_version(PAYLOAD);
            let call = call.authorizer_result_ttl_in_seconds(want.cache_s);
            call.send().await.or_fail(&format!("create the authorizer {}", want.name))
        });
        Ok(want.key().outputs(made.await?.authorizer_id))
    }

    async fn update(
        &self,
        want: &HttpLambdaAuthorizer,
        found: &Found<HttpLambdaAuthorizer>,
        task: &Task,
    ) -> Result<AuthorizerOutputs, Failure> {
        // An update keeps the settings that it leaves out. An empty string removes a role.
        let no_role = found.live.credentials.as_ref().map(|_| String::new());
        let updated = self.write(&want.api_id, task, &[], || async {
            let call = self.client.update_authorizer().api_id(&want.api_id).authorizer_id(&found.outputs.id);
            let call = call.name(&want.name).authorizer_type(AuthorizerType::Request).authorizer_uri(&want.uri);
            let call = call.set_identity_source(Some(want.identity_source())).enable_simple_responses(true);
            let call = call.authorizer_payload_format_version(PAYLOAD).set_authorizer_credentials_arn(no_role.clone());
            let call = call.authorizer_result_ttl_in_seconds(want.cache_s);
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

    const URI: &str = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:f/invocations";

    fn want() -> HttpLambdaAuthorizer {
        HttpLambdaAuthorizer {
            api_id: "abc".into(),
            name: "Partner".into(),
            uri: URI.into(),
            identity: ["$context.routeKey", "$request.header.X-Partner"].map(str::to_owned).into(),
            cache_s: 60,
        }
    }

    fn live() -> LiveHttpLambdaAuthorizer {
        LiveHttpLambdaAuthorizer {
            kind: TYPE.into(),
            uri: URI.into(),
            identity: want().identity,
            cache_s: 60,
            payload: PAYLOAD.into(),
            simple: true,
            credentials: None,
        }
    }

    #[test]
    fn an_answer_that_holds_for_more_requests_weakens() {
        assert_eq!(want().drift(&live()), []);
        let routes = || BTreeSet::from(["$request.header.X-Partner".to_owned()]);
        for (live, field, weakens) in [
            (LiveHttpLambdaAuthorizer { identity: routes(), ..live() }, "IdentitySource", true),
            (LiveHttpLambdaAuthorizer { uri: "arn:g".into(), ..live() }, "AuthorizerUri", true),
            (LiveHttpLambdaAuthorizer { cache_s: 3600, ..live() }, "AuthorizerResultTtlInSeconds", true),
            (LiveHttpLambdaAuthorizer { cache_s: 0, ..live() }, "AuthorizerResultTtlInSeconds", false),
            (LiveHttpLambdaAuthorizer { simple: false, ..live() }, "EnableSimpleResponses", true),
            (
                LiveHttpLambdaAuthorizer { credentials: Some("arn:r".into()), ..live() },
                "AuthorizerCredentialsArn",
                true,
            ),
        ] {
            let drift = want().drift(&live);
            assert_eq!((drift.len(), drift[0].field.as_str(), drift[0].weakens), (1, field, weakens));
        }
    }

    #[tokio::test]
    async fn an_authorizer_is_created_with_its_function_and_answers_yes_or_no() {
        let (clients, http) = replay(vec![(201, r#"{"authorizerId":"x1"}"#)]);
        let task = Task::detached("authorizer.Partner");
        let made = Provider::<HttpLambdaAuthorizer>::create(&ApiGatewayV2::new(&clients), &want(), &task).await;
        assert_eq!(made, Ok(want().key().outputs(Some("x1".into()))));
        let body = &asked(&http)[0].1;
        assert!(
            body.contains(r#""enableSimpleResponses":true"#) && body.contains(r#""authorizerType":"REQUEST""#),
            "{body}"
        );
    }
}
