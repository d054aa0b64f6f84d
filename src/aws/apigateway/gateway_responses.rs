//! Gateway responses: the answers that API Gateway itself gives, such as refusals, as far as they differ from AWS's
//! own.
//!
//! All gateway responses of an API are one resource, because AWS lists them in one call. They take effect with the next
//! deployment (docs/aws.md, Gateway responses), so a correction counts as a revision, which deploys the API again.

use std::collections::BTreeMap;

use aws_sdk_apigateway::types::{self, GatewayResponseType};
use serde::{Deserialize, Serialize};

use super::super::error::{OrAbsent, OrFail};
use super::mock::{OPENING, literal};
use super::{ApiGateway, BELOW, PAGE, READ, given, listed};
use crate::aws::apigateway::SERVICE;
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Effect, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// The prefix of the parameters that set headers.
const HEADER: &str = "gatewayresponse.header.";

/// Variables with data of the request or the caller. AWS's own gateway responses contain the error's message alone.
const REVEALING: [&str; 6] = [
    "$context.authorizer",
    "$context.identity",
    "$context.integration",
    "$context.request",
    "$stageVariables",
    "$input",
];

/// The customised gateway responses of an API.
#[derive(Debug, Clone)]
pub struct GatewayResponses {
    pub api_id: String,
    /// For each type of response, as in `DEFAULT_4XX`, its headers by name.
    pub responses: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GatewayResponsesOutputs {
    pub api_id: String,
    /// How many times the responses were corrected.
    pub revision: u32,
}

/// Gateway responses are found in their API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GatewayResponsesKey {
    api_id: String,
}

/// A customised gateway response as AWS has it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveGatewayResponse {
    /// `None`: the status code of the error.
    pub status_code: Option<String>,
    /// Values of headers: text in single quotes, or a part of the request.
    pub parameters: BTreeMap<String, String>,
    /// Bodies by content type.
    pub templates: BTreeMap<String, String>,
}

impl LiveGatewayResponse {
    fn of(response: types::GatewayResponse) -> Self {
        Self {
            status_code: given(response.status_code.as_deref()),
            parameters: response.response_parameters.unwrap_or_default().into_iter().collect(),
            templates: response.response_templates.unwrap_or_default().into_iter().collect(),
        }
    }

    /// Whether it has a success status, repeats a part of the request or data of the caller, or lets pages of
    /// origins read it that may not read the wanted response. Other headers and other texts do not weaken.
    pub(super) fn weakens(&self, want: &BTreeMap<String, String>) -> bool {
        let refuses = self.status_code.as_deref().is_none_or(|code| code.starts_with(['4', '5']));
        let copies = self.parameters.values().any(|value| !value.starts_with('\''));
        let reveals = self.templates.values().any(|body| REVEALING.iter().any(|word| body.contains(word)));
        let opens = self.parameters.iter().any(|(name, value)| {
            let opening = OPENING.iter().any(|header| name.to_lowercase().ends_with(header));
            opening && want.get(name) != Some(value)
        });
        !refuses || copies || reveals || opens
    }

    /// The effect of the difference from a wanted response, which has AWS's own body and status.
    fn effect(&self, want: &BTreeMap<String, String>) -> Effect {
        let own_body = self.templates.values().all(|body| body.replace(' ', "") == OWN_BODY);
        if self.parameters == *want && self.status_code.is_none() && own_body {
            Effect::Same
        } else {
            Effect::of_difference(self.weakens(want))
        }
    }
}

/// The text that a comparison shows for a response that nobody customised.
const OWN: &str = "AWS's own";

/// The body of AWS's own gateway responses.
const OWN_BODY: &str = r#"{"message":$context.error.messageString}"#;

impl std::fmt::Display for LiveGatewayResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status = self.status_code.as_deref().unwrap_or("the error's");
        write!(
            f,
            "statusCode {status}, responseParameters {}, responseTemplates {}",
            shown(&self.parameters),
            shown(&self.templates)
        )
    }
}

fn shown(all: &BTreeMap<String, String>) -> String {
    listed(all.iter().map(|(name, value)| format!("{name}={value}")))
}

/// Headers in the form of AWS's response parameters.
impl GatewayResponses {
    /// The parameters that set a response's headers.
    pub(crate) fn parameters(headers: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        headers.iter().map(|(name, value)| (format!("{HEADER}{name}"), literal(value))).collect()
    }
}

impl Resource for GatewayResponses {
    const KIND: &'static str = "apigateway.gateway_responses";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = GatewayResponsesKey;
    type Outputs = GatewayResponsesOutputs;
    type Live = BTreeMap<String, LiveGatewayResponse>;

    fn key(&self) -> GatewayResponsesKey {
        GatewayResponsesKey { api_id: self.api_id.clone() }
    }

    fn identity(outputs: &GatewayResponsesOutputs) -> String {
        outputs.api_id.clone()
    }

    fn removal_command(_: &GatewayResponsesOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &Self::Live) -> Comparison {
        let mut compared = Comparison::default();
        for (kind, headers) in &self.responses {
            let want = GatewayResponses::parameters(headers);
            let (is, effect) = match live.get(kind) {
                None => (OWN.to_owned(), Effect::Differs),
                Some(live) => match live.effect(&want) {
                    Effect::Same => (shown(&want), Effect::Same),
                    effect => (live.to_string(), effect),
                },
            };
            compared = compared.judged(kind, shown(&want), is, effect);
        }
        for (kind, live) in live.iter().filter(|(kind, _)| !self.responses.contains_key(*kind)) {
            let effect = Effect::of_difference(live.weakens(&BTreeMap::new()));
            compared = compared.judged(kind, OWN, live, effect);
        }
        compared
    }
}

impl Described for GatewayResponses {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "gateway responses",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[
            READ,
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: BELOW,
                rights: &[
                    Permissions { needs: &[Usage::Create, Usage::Update], actions: &["apigateway:PUT"] },
                    Permissions { needs: &[Usage::Delete, Usage::Update], actions: &["apigateway:DELETE"] },
                ],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "API",
            holds: "pages of the wanted origins, and no others, may read its gateway responses",
            read: "GetGatewayResponses",
        },
    };
}

impl ApiGateway {
    /// The customised gateway responses of an API. AWS lists its own too (docs/aws.md, Gateway responses).
    pub(super) async fn gateway_responses(&self, id: &str) -> Result<BTreeMap<String, LiveGatewayResponse>, Failure> {
        let all = self.client.get_gateway_responses().rest_api_id(id).limit(PAGE).send().await;
        let all = all.or_fail(&format!("list the gateway responses of the REST API {id}")).or_absent()?;
        let all = all.and_then(|page| page.items).unwrap_or_default().into_iter();
        let customised = all.filter(|response| !response.default_response).filter_map(|response| {
            Some((response.response_type.as_ref()?.as_str().to_owned(), LiveGatewayResponse::of(response)))
        });
        Ok(customised.collect())
    }

    async fn put_gateway_responses(
        &self,
        want: &GatewayResponses,
        kinds: impl Iterator<Item = &String>,
        task: &Task,
    ) -> Result<(), Failure> {
        for kind in kinds {
            let Some(headers) = want.responses.get(kind) else { continue };
            let parameters = GatewayResponses::parameters(headers);
            let put = self.write(&want.api_id, task, &[], || async {
                let call = self.client.put_gateway_response().rest_api_id(&want.api_id);
                let call = call.response_type(GatewayResponseType::from(kind.as_str()));
                let call = call.set_response_parameters(Some(parameters.clone().into_iter().collect()));
                call.send().await.or_fail(&format!("put the gateway response {kind}"))
            });
            put.await?;
        }
        Ok(())
    }

    /// Resets gateway responses to AWS's own.
    pub(super) async fn reset_gateway_responses(
        &self,
        id: &str,
        kinds: impl Iterator<Item = &String>,
        task: &Task,
    ) -> Result<(), Failure> {
        for kind in kinds {
            let deleted = self.write(id, task, &[], || async {
                let call = self.client.delete_gateway_response().rest_api_id(id).response_type(kind.as_str().into());
                call.send().await.or_fail(&format!("reset the gateway response {kind} of the REST API {id}"))
            });
            deleted.await.or_absent()?;
        }
        Ok(())
    }
}

impl Provider<GatewayResponses> for ApiGateway {
    async fn read(
        &self,
        key: &GatewayResponsesKey,
        known: Option<&GatewayResponsesOutputs>,
        _: &Task,
    ) -> Result<Option<Found<GatewayResponses>>, Failure> {
        let live = self.gateway_responses(&key.api_id).await?;
        let revision = known.map_or(0, |known| known.revision);
        let outputs = GatewayResponsesOutputs { api_id: key.api_id.clone(), revision };
        Ok((!live.is_empty()).then_some(Found { outputs, live }))
    }

    async fn create(&self, want: &GatewayResponses, task: &Task) -> Result<GatewayResponsesOutputs, Failure> {
        self.put_gateway_responses(want, want.responses.keys(), task).await?;
        Ok(GatewayResponsesOutputs { api_id: want.api_id.clone(), revision: 0 })
    }

    async fn update(
        &self,
        want: &GatewayResponses,
        found: &Found<GatewayResponses>,
        task: &Task,
    ) -> Result<GatewayResponsesOutputs, Failure> {
        let (live, differing) = (&found.live, want.drift(&found.live));
        let differs = |kind: &&String| differing.iter().any(|drift| drift.field == **kind);
        self.put_gateway_responses(want, want.responses.keys().filter(differs), task).await?;
        let others = live.keys().filter(|kind| !want.responses.contains_key(*kind));
        self.reset_gateway_responses(&want.api_id, others, task).await?;
        let revision = found.outputs.revision + u32::from(!differing.is_empty());
        Ok(GatewayResponsesOutputs { revision, ..found.outputs.clone() })
    }

    async fn delete(&self, gone: &GatewayResponsesOutputs, task: &Task) -> Result<(), Failure> {
        let live = self.gateway_responses(&gone.api_id).await?;
        self.reset_gateway_responses(&gone.api_id, live.keys(), task).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    fn want() -> GatewayResponses {
        let headers =
            BTreeMap::from([("Access-Control-Allow-Origin".to_owned(), "https://app.example.com".to_owned())]);
        let responses = ["DEFAULT_4XX", "DEFAULT_5XX"].map(|kind| (kind.to_owned(), headers.clone())).into();
        GatewayResponses { api_id: "abc".into(), responses }
    }

    fn sound() -> LiveGatewayResponse {
        LiveGatewayResponse {
            parameters: GatewayResponses::parameters(&want().responses["DEFAULT_4XX"]),
            templates: BTreeMap::from([("application/json".to_owned(), OWN_BODY.to_owned())]),
            ..LiveGatewayResponse::default()
        }
    }

    fn live(first: LiveGatewayResponse) -> BTreeMap<String, LiveGatewayResponse> {
        BTreeMap::from([("DEFAULT_4XX".to_owned(), first), ("DEFAULT_5XX".to_owned(), sound())])
    }

    fn task() -> Task {
        Task::detached("api.gateway-responses")
    }

    #[test]
    fn an_answer_weakens_if_it_hides_a_refusal_reveals_something_or_lets_other_origins_read_it() {
        let header = |name: &str, value: &str| {
            let mut parameters = sound().parameters;
            parameters.insert(format!("{HEADER}{name}"), value.to_owned());
            LiveGatewayResponse { parameters, ..sound() }
        };
        let body = |text: &str| LiveGatewayResponse {
            templates: BTreeMap::from([("application/json".to_owned(), text.to_owned())]),
            ..sound()
        };
        assert_eq!(want().drift(&live(sound())), []);
        let table = [
            (LiveGatewayResponse { status_code: Some("403".into()), ..sound() }, false),
            (LiveGatewayResponse { status_code: Some("200".into()), ..sound() }, true),
            (LiveGatewayResponse { parameters: BTreeMap::new(), ..sound() }, false),
            (header("X-Frame-Options", "'DENY'"), false),
            (header("X-Who", "method.request.header.Cookie"), true),
            (header("Access-Control-Allow-Origin", "'*'"), true),
            (header("access-control-allow-credentials", "'true'"), true),
            (body(r#"{"message":"no"}"#), false),
            (body("$context.authorizer.claims.sub"), true),
        ];
        for (first, weakens) in table {
            let drift = want().drift(&live(first.clone()));
            assert_eq!(
                (drift.len(), drift[0].field.as_str(), drift[0].weakens),
                (1, "DEFAULT_4XX", weakens),
                "{first}"
            );
        }
        let mut more = live(sound());
        more.insert("UNAUTHORIZED".to_owned(), header("Access-Control-Allow-Origin", "'*'"));
        assert!(want().drift(&more)[0].weakens);
        let removed = want().drift(&BTreeMap::from([("DEFAULT_5XX".to_owned(), sound())]));
        assert_eq!((removed.len(), removed[0].weakens), (1, false));
    }

    #[tokio::test]
    async fn the_differing_answers_are_put_and_all_others_reset() {
        let mut is = live(LiveGatewayResponse::default());
        is.insert("UNAUTHORIZED".to_owned(), sound());
        let (clients, http) = replay(vec![(201, "{}"), (202, "")]);
        let outputs = GatewayResponsesOutputs { api_id: "abc".into(), revision: 0 };
        let found = Found { outputs, live: is };
        let updated = Provider::<GatewayResponses>::update(&ApiGateway::new(&clients), &want(), &found, &task()).await;
        assert_eq!(updated.map(|outputs| outputs.revision), Ok(1), "it is deployed again");
        let asked = asked(&http);
        assert!(asked[0].0.starts_with("PUT") && asked[0].0.ends_with("/gatewayresponses/DEFAULT_4XX"), "{asked:?}");
        assert!(
            asked[0].1.contains(r#""gatewayresponse.header.Access-Control-Allow-Origin":"'https://app"#),
            "{asked:?}"
        );
        assert!(
            asked[1].0.starts_with("DELETE") && asked[1].0.ends_with("/gatewayresponses/UNAUTHORIZED"),
            "{asked:?}"
        );
    }

    #[tokio::test]
    async fn answers_that_nobody_customised_are_absent() {
        let own = r#"{"items":[{"responseType":"DEFAULT_4XX","defaultResponse":true}]}"#;
        let (clients, _) = replay(vec![(200, own)]);
        let found = Provider::<GatewayResponses>::read(&ApiGateway::new(&clients), &want().key(), None, &task()).await;
        assert!(found.expect("no failure").is_none());
    }
}
