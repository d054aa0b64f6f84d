//! The HTTP API itself. Its tag marks everything below it as ours.

use aws_sdk_apigatewayv2::operation::get_api::GetApiOutput;
use aws_sdk_apigatewayv2::types::{self, ProtocolType};
use serde::{Deserialize, Serialize};

use super::super::error::{OrAbsent, OrFail, several};
use super::super::pages::{as_far_as_pages_go, whole};
use super::super::settle::settled;
use super::super::tags::tag_map;
use super::default_endpoint::CLOSED;
use super::tagging::RETAG;
use super::{APIS, ApiGatewayV2, BELOW, HttpCors, MADE, PAGE, PARTS, given};
use crate::aws::apigateway::SERVICE;
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Failure, Found, Listing, Provider, Resource, Retag, Tags, Task};
use crate::layer::Layer;
use crate::scope::Whose;

/// AWS's default source of API keys.
const API_KEY_SOURCE: &str = "$request.header.x-api-key";

/// An HTTP API, without its routes.
#[derive(Debug, Clone)]
pub struct HttpApi {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 1 to 128 characters; not unique.
    pub name: String,
    /// A sentence for the console.
    pub description: String,
    /// The wanted CORS configuration, if any.
    pub cors: Option<HttpCors>,
    /// Whether it answers at its default endpoint, the host name that AWS gives it. A [`super::HttpDefaultEndpoint`]
    /// closes the default endpoint of an existing API, after the custom domain works.
    pub default_endpoint: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpApiOutputs {
    /// Chosen by AWS; also the first part of its host name.
    pub id: String,
    pub name: String,
}

/// An API is found by its name among those with our tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpApiKey {
    pub(super) name: String,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveHttpApi {
    pub name: String,
    pub description: String,
    /// Whether its default endpoint, the host name that AWS gives it, is disabled.
    pub execute_api_disabled: bool,
    /// The CORS configuration, if it has one.
    pub cors: Option<HttpCors>,
    /// The source of API keys; `None` for AWS's default.
    pub api_key_selection_expression: Option<String>,
}

impl Resource for HttpApi {
    const KIND: &'static str = "apigatewayv2.api";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = false;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = HttpApiKey;
    type Outputs = HttpApiOutputs;
    type Live = LiveHttpApi;

    fn key(&self) -> HttpApiKey {
        HttpApiKey { name: self.name.clone() }
    }

    fn identity(outputs: &HttpApiOutputs) -> String {
        outputs.id.clone()
    }

    fn removal_command(outputs: &HttpApiOutputs) -> Option<String> {
        Some(format!("aws apigatewayv2 delete-api --api-id {}", outputs.id))
    }

    fn compare(&self, live: &LiveHttpApi) -> Comparison {
        let key_source = live.api_key_selection_expression.as_deref().unwrap_or(API_KEY_SOURCE);
        let compared = Comparison::default()
            .plain("Name", &self.name, &live.name)
            .plain("Description", &self.description, &live.description)
            .plain("ApiKeySelectionExpression", API_KEY_SOURCE, key_source);
        let compared =
            if self.default_endpoint { compared.plain(CLOSED, false, live.execute_api_disabled) } else { compared };
        HttpCors::compare(compared, self.cors.as_ref(), live.cors.as_ref())
    }
}

impl Described for HttpApi {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "HTTP API",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &["apigatewayv2.api_mapping"],
        permissions: &[
            RETAG,
            StatementTemplate {
                sid: Sid::FindOwn,
                on: APIS,
                rights: &[Permissions { needs: &[Usage::Read, Usage::Survivors], actions: &["apigateway:GET"] }],
            },
            StatementTemplate {
                sid: Sid::OwnHttpApis,
                on: BELOW,
                rights: &[
                    Permissions { needs: &[Usage::Update], actions: &["apigateway:PATCH"] },
                    Permissions { needs: &[Usage::Delete], actions: &["apigateway:DELETE"] },
                ],
            },
            // The CORS configuration has a call of its own that deletes it.
            StatementTemplate {
                sid: Sid::HttpApiParts,
                on: PARTS,
                rights: &[Permissions { needs: &[Usage::Update], actions: &["apigateway:DELETE"] }],
            },
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: MADE,
                rights: &[Permissions { needs: &[Usage::Create], actions: &["apigateway:POST"] }],
            },
            StatementTemplate {
                sid: Sid::TagWhatIsMade,
                on: &[
                    "arn:{partition}:apigateway:{region}::/tags/arn%3A{partition}%3Aapigateway%3A{region}%3A%3A%2Fv2%2Fapis%2F${*}",
                ],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["apigateway:POST"] }],
            },
            StatementTemplate {
                sid: Sid::FirstApi,
                on: &["arn:{partition}:iam::{account}:role/aws-service-role/ops.apigateway.amazonaws.com/*"],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["iam:CreateServiceLinkedRole"] }],
            },
            StatementTemplate {
                sid: Sid::DeliverAccessLogs,
                on: &["*"],
                rights: &[Permissions {
                    needs: &[Usage::Delete],
                    actions: &["logs:DeleteLogDelivery", "logs:GetLogDelivery", "logs:ListLogDeliveries"],
                }],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "HTTP API",
            holds: "settings match the stack file",
            read: "GetApi",
        },
    };
}

impl ApiGatewayV2 {
    /// All HTTP APIs of the account, and the failure if the list could not be read to its end.
    pub(super) async fn apis(&self, doing: &str) -> (Vec<types::Api>, Option<Failure>) {
        let list = |next| async move {
            let page = self.client.get_apis().max_results(PAGE).set_next_token(next).send().await.or_fail(doing)?;
            Ok((page.items, page.next_token))
        };
        as_far_as_pages_go(list).await
    }

    fn found_api(api: types::Api) -> Found<HttpApi> {
        let name = api.name.unwrap_or_default();
        let live = LiveHttpApi {
            name: name.clone(),
            description: api.description.unwrap_or_default(),
            execute_api_disabled: api.disable_execute_api_endpoint.unwrap_or_default(),
            cors: api.cors_configuration.map(HttpCors::of),
            api_key_selection_expression: given(api.api_key_selection_expression),
        };
        Found { outputs: HttpApiOutputs { id: api.api_id.unwrap_or_default(), name }, live }
    }
}

/// Turns the answer about one API into an entry of the list. Both have the same fields and different types.
fn as_listed(api: GetApiOutput) -> types::Api {
    types::Api::builder()
        .set_api_id(api.api_id)
        .set_name(api.name)
        .set_description(api.description)
        .set_disable_execute_api_endpoint(api.disable_execute_api_endpoint)
        .set_cors_configuration(api.cors_configuration)
        .set_api_key_selection_expression(api.api_key_selection_expression)
        .set_tags(api.tags)
        .build()
}

impl Provider<HttpApi> for ApiGatewayV2 {
    async fn read(
        &self,
        key: &HttpApiKey,
        known: Option<&HttpApiOutputs>,
        _: &Task,
    ) -> Result<Option<Found<HttpApi>>, Failure> {
        let doing = format!("read the HTTP API {}", key.name);
        if let Some(known) = known {
            let api = self.client.get_api().api_id(&known.id).send().await.or_fail(&doing).or_absent()?;
            if let Some(api) = api.map(as_listed) {
                if !self.owns(api.tags()) {
                    let scope = &self.scope;
                    let arn = format!("arn:{}:apigateway:{}::/apis/{}", scope.partition, scope.region, known.id);
                    return Err(Failure::foreign("the HTTP API", &arn));
                }
                return Ok(Some(Self::found_api(api)));
            }
        }
        // Names are not unique: APIs of that name without our tag are somebody else's.
        let mut ours = whole(self.apis(&doing).await)?;
        ours.retain(|api| api.name() == Some(&key.name) && self.owns(api.tags()));
        if ours.len() > 1 {
            let ids: Vec<&str> = ours.iter().filter_map(types::Api::api_id).collect();
            return Err(several("HTTP APIs", &key.name, &ids));
        }
        Ok(ours.pop().map(Self::found_api))
    }

    async fn create(&self, want: &HttpApi, task: &Task) -> Result<HttpApiOutputs, Failure> {
        let made = settled(task, &[], || async {
            let call = self.once.create_api().name(&want.name).protocol_type(ProtocolType::Http);
            let call = call.description(&want.description).set_tags(Some(tag_map(&self.scope, &want.id)));
            let call = call.set_cors_configuration(want.cors.as_ref().map(HttpCors::sent));
            let call = call.disable_execute_api_endpoint(!want.default_endpoint);
            call.send().await.or_fail(&format!("create the HTTP API {}", want.name))
        });
        Ok(HttpApiOutputs { id: made.await?.api_id.unwrap_or_default(), name: want.name.clone() })
    }

    async fn update(&self, want: &HttpApi, found: &Found<HttpApi>, task: &Task) -> Result<HttpApiOutputs, Failure> {
        let id = &found.outputs.id;
        let doing = format!("update the HTTP API {}", want.name);
        // An update keeps the settings that it leaves out, so a call of its own removes the CORS configuration
        // (docs/aws.md, Updates of HTTP APIs).
        if found.live.cors.is_some() && want.cors.is_none() {
            let removed = self.write(id, task, &[], || async {
                self.client.delete_cors_configuration().api_id(id).send().await.or_fail(&doing)
            });
            removed.await?;
        }
        // The source of API keys has no effect on HTTP APIs, so it is sent only to set it back.
        let key_source = found.live.api_key_selection_expression.as_ref().filter(|now| *now != API_KEY_SOURCE);
        let key_source = key_source.map(|_| API_KEY_SOURCE.to_owned());
        let cors = want.cors.as_ref().filter(|_| want.cors != found.live.cors).map(HttpCors::sent);
        let closed = (want.default_endpoint && found.live.execute_api_disabled).then_some(false);
        let updated = self.write(id, task, &[], || async {
            let call = self.client.update_api().api_id(id).name(&want.name).description(&want.description);
            let call = call.set_api_key_selection_expression(key_source.clone());
            let call = call.set_cors_configuration(cors.clone());
            call.set_disable_execute_api_endpoint(closed).send().await.or_fail(&doing)
        });
        updated.await?;
        Ok(HttpApiOutputs { name: want.name.clone(), ..found.outputs.clone() })
    }

    async fn tags(&self, of: &HttpApiOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        self.tags_at(&self.arn(&format!("/apis/{}", of.id))).await
    }

    async fn retag(&self, of: &HttpApiOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&self.arn(&format!("/apis/{}", of.id)), change, task).await
    }

    async fn delete(&self, gone: &HttpApiOutputs, task: &Task) -> Result<(), Failure> {
        let deleted = self.write(&gone.id, task, &[], || async {
            self.client
                .delete_api()
                .api_id(&gone.id)
                .send()
                .await
                .or_fail(&format!("delete the HTTP API {}", gone.name))
        });
        deleted.await.or_absent().map(drop)
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        self.list_apis(whose).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Cause;

    const OURS: &str = r#"{"apiId":"abc","name":"demo-api","description":"d","protocolType":"HTTP",
        "tags":{"securelambda:stack":"demo","securelambda:resource":"api.http"}}"#;

    fn want() -> HttpApi {
        HttpApi {
            id: "api.http".into(),
            name: "demo-api".into(),
            description: "d".into(),
            cors: None,
            default_endpoint: true,
        }
    }

    fn outputs() -> HttpApiOutputs {
        HttpApiOutputs { id: "abc".into(), name: "demo-api".into() }
    }

    fn task() -> Task {
        Task::detached("api.http")
    }

    #[test]
    fn a_disabled_host_name_and_another_place_of_keys_differ() {
        let live = LiveHttpApi { name: "demo-api".into(), description: "d".into(), ..LiveHttpApi::default() };
        assert_eq!(want().drift(&live), vec![]);
        let shut = LiveHttpApi { execute_api_disabled: true, ..live.clone() };
        assert_eq!(want().drift(&shut)[0].field, "DisableExecuteApiEndpoint");
        let keyed =
            LiveHttpApi { api_key_selection_expression: Some("$context.authorizer.usageIdentifierKey".into()), ..live };
        assert_eq!(want().drift(&keyed)[0].field, "ApiKeySelectionExpression");
    }

    #[tokio::test]
    async fn an_unchanged_api_costs_one_call_by_id() {
        let (clients, http) = replay(vec![(200, OURS)]);
        let gateway = ApiGatewayV2::new(&clients);
        let found = Provider::<HttpApi>::read(&gateway, &want().key(), Some(&outputs()), &task()).await;
        let found = found.expect("no failure").expect("found");
        assert_eq!((found.outputs, want().drift(&found.live)), (outputs(), vec![]));
        assert_eq!(asked(&http).len(), 1);
    }

    #[tokio::test]
    async fn without_an_id_an_api_is_found_by_name_and_tag_on_any_page() {
        let foreign = OURS.replace("\"abc\"", "\"zzz\"").replace(r#""securelambda:stack":"demo","#, "");
        let first = format!(r#"{{"items":[{foreign}],"nextToken":"more"}}"#);
        let second = format!(r#"{{"items":[{OURS}]}}"#);
        let gone = r#"{"__type":"NotFoundException"}"#;
        let (clients, http) = replay(vec![(404, gone), (200, &first), (200, &second)]);
        let known = HttpApiOutputs { id: "old".into(), ..outputs() };
        let gateway = ApiGatewayV2::new(&clients);
        let found = Provider::<HttpApi>::read(&gateway, &want().key(), Some(&known), &task()).await;
        assert_eq!(found.expect("no failure").expect("found").outputs, outputs());
        assert!(asked(&http)[2].0.contains("nextToken=more"));
    }

    #[tokio::test]
    async fn two_apis_of_ours_with_one_name_are_an_error() {
        let list = format!(r#"{{"items":[{OURS},{}]}}"#, OURS.replace("\"abc\"", "\"def\""));
        let (clients, _) = replay(vec![(200, &list)]);
        let found = Provider::<HttpApi>::read(&ApiGatewayV2::new(&clients), &want().key(), None, &task()).await;
        let failure = found.expect_err("refused");
        assert_eq!(failure.cause, Cause::Refused);
        assert!(failure.to_string().contains("abc, def"), "{failure}");
    }

    #[tokio::test]
    async fn a_recorded_api_without_our_tag_is_foreign() {
        let (clients, _) = replay(vec![(200, r#"{"apiId":"abc","name":"demo-api"}"#)]);
        let gateway = ApiGatewayV2::new(&clients);
        let found = Provider::<HttpApi>::read(&gateway, &want().key(), Some(&outputs()), &task()).await;
        assert_eq!(found.expect_err("a stranger").cause, Cause::Foreign);
    }

    #[tokio::test]
    async fn an_api_is_created_once_with_its_tags() {
        let (clients, http) = replay(vec![(201, OURS)]);
        let made = Provider::<HttpApi>::create(&ApiGatewayV2::new(&clients), &want(), &task()).await;
        assert_eq!(made, Ok(outputs()));
        let body = &asked(&http)[0].1;
        assert!(body.contains(r#""securelambda:stack":"demo""#) && body.contains(r#""protocolType":"HTTP""#), "{body}");
        let (clients, http) = replay(vec![(503, "{}")]);
        let made = Provider::<HttpApi>::create(&ApiGatewayV2::new(&clients), &want(), &task()).await;
        assert_eq!(made.map_err(|failure| failure.cause), Err(Cause::Unknown));
        assert_eq!(asked(&http).len(), 1, "an unanswered create is not repeated");
    }

    #[tokio::test]
    async fn cors_origins_are_removed_by_a_separate_call() {
        let (clients, http) = replay(vec![(204, ""), (200, OURS)]);
        let live = LiveHttpApi {
            name: "demo-api".into(),
            description: "d".into(),
            cors: Some(HttpCors { origins: vec!["*".into()], ..HttpCors::default() }),
            ..LiveHttpApi::default()
        };
        let found = Found { outputs: outputs(), live };
        let gateway = ApiGatewayV2::new(&clients);
        let done = Provider::<HttpApi>::update(&gateway, &want(), &found, &task()).await;
        assert_eq!(done, Ok(outputs()));
        assert!(asked(&http)[0].0.starts_with("DELETE") && asked(&http)[0].0.contains("/cors"));
    }
}
