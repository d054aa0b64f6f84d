//! The stage of an HTTP API, which callers reach. It deploys changes by itself, throttles each route, and logs every
//! request without the caller's identity.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_apigatewayv2::types::{AccessLogSettings, RouteSettings};
use serde::{Deserialize, Serialize};

use super::super::error::{OrAbsent, OrFail};
use super::super::pages::to_the_end;
use super::super::tags::tag_map;
use super::refusals::API_LOG_GROUP;
use super::tagging::RETAG;
use super::{ApiGatewayV2, BELOW, LOG_GROUPS, LiveHttpRouteLimit, MADE, PAGE, PARTS, READ, listed};
use crate::aws::apigateway::SERVICE;
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::logs::{READ_GROUP, REPAIR_GROUP, retag_groups};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Effect, Failure, Found, Provider, Resource, Retag, Tags, Task};
use crate::layer::Layer;

/// One line for each request, without the caller's identity and without contents. It must contain the request's id
/// (docs/aws.md, Access logs of HTTP APIs).
const FORMAT: &str = r#"{"requestId":"$context.requestId","time":"$context.requestTime","route":"$context.routeKey","status":"$context.status","error":"$context.error.message","authorizer":"$context.authorizer.error","latencyMs":"$context.responseLatency"}"#;

/// A stage that deploys changes by itself.
#[derive(Debug, Clone)]
pub struct HttpStage {
    /// Its id in the stack, for its tags.
    pub id: String,
    pub api_id: String,
    /// Its name; `$default` is at the root of the API's host.
    pub name: String,
    /// Requests a second, for each route.
    pub rate_limit: f64,
    /// The burst, for each route.
    pub burst_limit: i32,
    /// The routes that have limits of their own ([`HttpRouteLimits`](super::HttpRouteLimits)), as in `GET /items/{id}`.
    pub limited: BTreeSet<String>,
    /// The log group's ARN, without `:*` at its end.
    pub log_group_arn: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpStageOutputs {
    pub api_id: String,
    pub name: String,
}

/// A stage is looked up by name in its API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpStageKey {
    api_id: String,
    name: String,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveHttpStage {
    /// The API's other stages.
    pub others: Vec<String>,
    /// Whether it deploys changes by itself.
    pub auto_deploy: bool,
    /// Whether each route has metrics of its own, which cost money.
    pub metrics: bool,
    /// The names of its variables.
    pub variables: BTreeSet<String>,
    /// Requests a second; `None`: the account's.
    pub rate: Option<f64>,
    /// The burst; `None`: the account's.
    pub burst: Option<i32>,
    /// The log group's ARN.
    pub log_destination: String,
    /// The format of a line of the access log.
    pub log_format: String,
    /// The settings of routes that have their own.
    pub routes: BTreeMap<String, LiveHttpRouteLimit>,
}

impl HttpStage {
    /// The format of a line of the access log.
    pub(crate) const ACCESS_LOG_FORMAT: &'static str = FORMAT;

    /// The settings of all routes. They contain neither `dataTraceEnabled` nor `loggingLevel`, because AWS refuses both
    /// for HTTP APIs, whatever their values (docs/aws.md, Stages of HTTP APIs).
    fn settings(&self) -> RouteSettings {
        RouteSettings::builder()
            .throttling_rate_limit(self.rate_limit)
            .throttling_burst_limit(self.burst_limit)
            .detailed_metrics_enabled(false)
            .build()
    }

    fn access_log(&self) -> AccessLogSettings {
        AccessLogSettings::builder().destination_arn(&self.log_group_arn).format(FORMAT).build()
    }

    fn outputs(&self) -> HttpStageOutputs {
        HttpStageOutputs { api_id: self.api_id.clone(), name: self.name.clone() }
    }

    /// Whether a route's own setting allows more than the stage's.
    fn lifts(&self, own: &LiveHttpRouteLimit) -> bool {
        own.rate.is_some_and(|rate| rate > self.rate_limit) || own.burst.is_some_and(|burst| burst > self.burst_limit)
    }

    /// The routes with settings of their own that the stack file does not give them.
    fn unwanted<'a>(&'a self, live: &'a LiveHttpStage) -> impl Iterator<Item = (&'a String, &'a LiveHttpRouteLimit)> {
        live.routes.iter().filter(|(route, _)| !self.limited.contains(*route))
    }
}

impl Resource for HttpStage {
    const KIND: &'static str = "apigatewayv2.stage";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true;
    type Key = HttpStageKey;
    type Outputs = HttpStageOutputs;
    type Live = LiveHttpStage;

    fn key(&self) -> HttpStageKey {
        HttpStageKey { api_id: self.api_id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &HttpStageOutputs) -> String {
        format!("{}/{}", outputs.api_id, outputs.name)
    }

    fn removal_command(_: &HttpStageOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &LiveHttpStage) -> Comparison {
        let mut compared = Comparison::default();
        let limits = [
            ("ThrottlingRateLimit", self.rate_limit, live.rate),
            ("ThrottlingBurstLimit", self.burst_limit.into(), live.burst.map(f64::from)),
        ];
        for (limit, want, live) in limits {
            let effect = match live {
                Some(live) if live <= want || same(live, want) => Effect::differs_unless(same(live, want)),
                _ => Effect::Weakens,
            };
            let live = live.map_or("the account's".to_owned(), |live| live.to_string());
            compared = compared.judged(format!("DefaultRouteSettings.{limit}"), want, live, effect);
        }
        // AWS may return the ARN with or without `:*`.
        let group = live.log_destination.trim_end_matches(":*");
        let or_none = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
        compared = compared
            .plain("DefaultRouteSettings.DetailedMetricsEnabled", false, live.metrics)
            .guard("AutoDeploy", true, live.auto_deploy)
            .guard("AccessLogSettings.DestinationArn", &self.log_group_arn, or_none(group))
            .plain("AccessLogSettings.Format", FORMAT, or_none(&live.log_format))
            .plain("StageVariables", "none", listed(&live.variables));
        for (route, own) in self.unwanted(live) {
            let effect = Effect::of_difference(self.lifts(own));
            compared = compared.judged(format!("RouteSettings {route}"), "none of its own", own.shown(), effect);
        }
        compared.nothing_else("other stages", &live.others)
    }
}

pub(super) fn same(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

impl Described for HttpStage {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "stage",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &["apigatewayv2.api_mapping"],
        permissions: &[
            RETAG,
            READ,
            StatementTemplate {
                sid: Sid::OwnHttpApis,
                on: BELOW,
                rights: &[
                    Permissions { needs: &[Usage::Update], actions: &["apigateway:PATCH"] },
                    // An update deletes stages that the stack does not have.
                    Permissions { needs: &[Usage::Delete, Usage::Update], actions: &["apigateway:DELETE"] },
                ],
            },
            // The limits of a route have a call of their own that deletes them.
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
            // The only permission here that is not an HTTP method. AWS's list of actions lacks it, but AWS demands it
            // for the list of the API's stages. Calls that tag an existing stage do not need it for that list.
            StatementTemplate {
                sid: Sid::TagHttpStages,
                on: &["arn:{partition}:apigateway:{region}::/apis/*/stages"],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["apigateway:TagResource"] }],
            },
            // CloudWatch delivers the access log. Its permissions cannot be limited to a log group.
            StatementTemplate {
                sid: Sid::DeliverAccessLogs,
                on: &["*"],
                rights: &[
                    Permissions {
                        needs: &[Usage::Create, Usage::Update],
                        actions: &[
                            "logs:CreateLogDelivery",
                            "logs:DescribeResourcePolicies",
                            "logs:GetLogDelivery",
                            "logs:ListLogDeliveries",
                            "logs:PutResourcePolicy",
                            "logs:UpdateLogDelivery",
                        ],
                    },
                    Permissions {
                        needs: &[Usage::Delete],
                        actions: &["logs:DeleteLogDelivery", "logs:GetLogDelivery", "logs:ListLogDeliveries"],
                    },
                ],
            },
            // The log group of the access log. Like the groups of functions, it is recognised by its name.
            StatementTemplate {
                sid: Sid::FindOwn,
                on: LOG_GROUPS,
                rights: &[
                    Permissions { needs: &[Usage::Read, Usage::Survivors], actions: &["logs:ListTagsForResource"] },
                    READ_GROUP,
                ],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: LOG_GROUPS,
                rights: &[
                    REPAIR_GROUP,
                    Permissions {
                        needs: &[Usage::Create, Usage::Update],
                        actions: &["logs:AssociateKmsKey", "logs:PutRetentionPolicy"],
                    },
                    Permissions { needs: &[Usage::Delete], actions: &["logs:DeleteLogGroup"] },
                ],
            },
            retag_groups(LOG_GROUPS),
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: LOG_GROUPS,
                rights: &[Permissions {
                    needs: &[Usage::Create],
                    actions: &["logs:CreateLogGroup", "logs:TagResource"],
                }],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "stage {}",
            holds: "throttling and logging match the stack file, and there are no other stages",
            read: "GetStages",
        },
    };
}

impl ApiGatewayV2 {
    async fn delete_stage(&self, api: &str, name: &str, task: &Task) -> Result<(), Failure> {
        let deleted = self.write(api, task, &[], || async {
            let call = self.client.delete_stage().api_id(api).stage_name(name);
            call.send().await.or_fail(&format!("delete the stage {name}"))
        });
        deleted.await.or_absent().map(drop)
    }
}

impl Provider<HttpStage> for ApiGatewayV2 {
    async fn read(
        &self,
        key: &HttpStageKey,
        _: Option<&HttpStageOutputs>,
        _: &Task,
    ) -> Result<Option<Found<HttpStage>>, Failure> {
        let list = |next| async move {
            let call = self.client.get_stages().api_id(&key.api_id).max_results(PAGE).set_next_token(next);
            let page = call.send().await.or_fail(&format!("read the stage {}", key.name))?;
            Ok((page.items, page.next_token))
        };
        let Some(stages) = to_the_end(list).await.or_absent()? else { return Ok(None) };
        let (ours, others): (Vec<_>, Vec<_>) =
            stages.into_iter().partition(|stage| stage.stage_name() == Some(&key.name));
        let Some(stage) = ours.into_iter().next() else { return Ok(None) };
        let variables = stage.stage_variables.unwrap_or_default().into_iter();
        let (defaults, log) = (stage.default_route_settings, stage.access_log_settings);
        let routes = stage.route_settings.unwrap_or_default().into_iter();
        let live = LiveHttpStage {
            others: others.into_iter().filter_map(|stage| stage.stage_name).collect(),
            metrics: defaults.as_ref().and_then(RouteSettings::detailed_metrics_enabled).unwrap_or_default(),
            // A variable with an empty value counts as removed.
            variables: variables.filter(|(_, value)| !value.is_empty()).map(|(name, _)| name).collect(),
            auto_deploy: stage.auto_deploy.unwrap_or_default(),
            rate: defaults.as_ref().and_then(RouteSettings::throttling_rate_limit),
            burst: defaults.as_ref().and_then(RouteSettings::throttling_burst_limit),
            log_destination: log.as_ref().and_then(|log| log.destination_arn.clone()).unwrap_or_default(),
            log_format: log.and_then(|log| log.format).unwrap_or_default(),
            routes: routes.map(|(route, own)| (route, LiveHttpRouteLimit::of(&own))).collect(),
        };
        let outputs = HttpStageOutputs { api_id: key.api_id.clone(), name: key.name.clone() };
        Ok(Some(Found { outputs, live }))
    }

    async fn create(&self, want: &HttpStage, task: &Task) -> Result<HttpStageOutputs, Failure> {
        let made = self.write(&want.api_id, task, &[&API_LOG_GROUP], || async {
            let call = self.once.create_stage().api_id(&want.api_id).stage_name(&want.name).auto_deploy(true);
            let call = call.default_route_settings(want.settings()).access_log_settings(want.access_log());
            let call = call.set_tags(Some(tag_map(&self.scope, &want.id)));
            call.send().await.or_fail(&format!("create the stage {}", want.name))
        });
        made.await?;
        Ok(want.outputs())
    }

    async fn update(
        &self,
        want: &HttpStage,
        found: &Found<HttpStage>,
        task: &Task,
    ) -> Result<HttpStageOutputs, Failure> {
        let doing = format!("update the stage {}", want.name);
        let cleared: HashMap<String, String> =
            found.live.variables.iter().map(|name| (name.clone(), String::new())).collect();
        let cleared = (!cleared.is_empty()).then_some(cleared);
        let updated = self.write(&want.api_id, task, &[&API_LOG_GROUP], || async {
            let call = self.client.update_stage().api_id(&want.api_id).stage_name(&want.name).auto_deploy(true);
            let call = call.set_stage_variables(cleared.clone());
            let call = call.default_route_settings(want.settings()).access_log_settings(want.access_log());
            call.send().await.or_fail(&doing)
        });
        updated.await?;
        // An update keeps the settings that it leaves out, so a call of its own removes a route's setting (docs/aws.md,
        // Updates of HTTP APIs).
        for (route, _) in want.unwanted(&found.live) {
            self.unlimit(&want.api_id, &want.name, route, task).await?;
        }
        for name in &found.live.others {
            self.delete_stage(&want.api_id, name, task).await?;
        }
        Ok(want.outputs())
    }

    async fn tags(&self, of: &HttpStageOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        self.tags_at(&self.arn(&format!("/apis/{}/stages/{}", of.api_id, of.name))).await
    }

    async fn retag(&self, of: &HttpStageOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&self.arn(&format!("/apis/{}/stages/{}", of.api_id, of.name)), change, task).await
    }

    async fn delete(&self, gone: &HttpStageOutputs, task: &Task) -> Result<(), Failure> {
        self.delete_stage(&gone.api_id, &gone.name, task).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    const GROUP: &str = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/vendedlogs/apis/demo-api";

    fn want() -> HttpStage {
        HttpStage {
            id: "stage.$default".into(),
            api_id: "abc".into(),
            name: "$default".into(),
            rate_limit: 50.0,
            burst_limit: 50,
            limited: BTreeSet::from(["GET /calm".into()]),
            log_group_arn: GROUP.into(),
        }
    }

    fn own(route: &str, rate: Option<f64>, burst: Option<i32>) -> BTreeMap<String, LiveHttpRouteLimit> {
        BTreeMap::from([(route.to_owned(), LiveHttpRouteLimit { rate, burst, metrics: false })])
    }

    fn live() -> LiveHttpStage {
        LiveHttpStage {
            auto_deploy: true,
            rate: Some(50.0),
            burst: Some(50),
            log_destination: GROUP.into(),
            log_format: FORMAT.into(),
            routes: own("GET /calm", Some(5.0), Some(5)),
            ..LiveHttpStage::default()
        }
    }

    fn task() -> Task {
        Task::detached("stage.$default")
    }

    #[test]
    fn the_log_is_one_line_with_the_request_and_without_the_caller() {
        assert!(FORMAT.contains("$context.requestId") && !FORMAT.contains('\n'));
        assert!(!FORMAT.contains("claims") && !FORMAT.contains("sourceIp"));
        assert!(serde_json::from_str::<serde_json::Value>(FORMAT).is_ok());
    }

    #[test]
    fn removing_a_limit_or_the_log_weakens() {
        assert_eq!(want().drift(&live()), vec![]);
        assert_eq!(want().drift(&LiveHttpStage { log_destination: format!("{GROUP}:*"), ..live() }), vec![]);
        let table = [
            (LiveHttpStage { rate: None, ..live() }, "DefaultRouteSettings.ThrottlingRateLimit", true),
            (LiveHttpStage { rate: Some(10_000.0), ..live() }, "DefaultRouteSettings.ThrottlingRateLimit", true),
            (LiveHttpStage { rate: Some(1.0), ..live() }, "DefaultRouteSettings.ThrottlingRateLimit", false),
            (LiveHttpStage { burst: Some(5000), ..live() }, "DefaultRouteSettings.ThrottlingBurstLimit", true),
            (LiveHttpStage { auto_deploy: false, ..live() }, "AutoDeploy", true),
            (LiveHttpStage { log_destination: String::new(), ..live() }, "AccessLogSettings.DestinationArn", true),
            (LiveHttpStage { log_format: "x".into(), ..live() }, "AccessLogSettings.Format", false),
            (LiveHttpStage { metrics: true, ..live() }, "DefaultRouteSettings.DetailedMetricsEnabled", false),
            (LiveHttpStage { variables: BTreeSet::from(["a".into()]), ..live() }, "StageVariables", false),
            (LiveHttpStage { others: vec!["open".into()], ..live() }, "other stages", true),
            (LiveHttpStage { routes: own("GET /x", Some(900.0), None), ..live() }, "RouteSettings GET /x", true),
            (LiveHttpStage { routes: own("GET /x", Some(5.0), Some(5)), ..live() }, "RouteSettings GET /x", false),
        ];
        for (live, field, weakens) in table {
            let drift = want().drift(&live);
            assert_eq!((drift.len(), drift[0].field.as_str(), drift[0].weakens), (1, field, weakens), "{live:?}");
        }
    }

    #[tokio::test]
    async fn it_is_created_throttled_and_logged_in_one_call() {
        let (clients, http) = replay(vec![(201, "{}")]);
        let made = Provider::<HttpStage>::create(&ApiGatewayV2::new(&clients), &want(), &task()).await;
        assert_eq!(made, Ok(want().outputs()));
        let body = &asked(&http)[0].1;
        for part in [r#""autoDeploy":true"#, r#""throttlingRateLimit":50"#, GROUP, "$context.requestId"] {
            assert!(body.contains(part), "{part}: {body}");
        }
        // AWS refuses settings of execution logs for a stage of an HTTP API, even if they turn the logs off.
        assert!(!body.contains("dataTrace") && !body.contains("loggingLevel"), "{body}");
    }

    #[tokio::test]
    async fn a_limit_of_one_route_that_the_stack_file_does_not_have_is_removed() {
        let (clients, http) = replay(vec![(200, "{}"), (204, "")]);
        let live = LiveHttpStage { routes: own("GET /x", Some(900.0), None), ..live() };
        let found = Found { outputs: want().outputs(), live };
        let done = Provider::<HttpStage>::update(&ApiGatewayV2::new(&clients), &want(), &found, &task()).await;
        assert_eq!(done, Ok(want().outputs()));
        assert!(asked(&http)[1].0.starts_with("DELETE"), "{:?}", asked(&http));
    }

    #[tokio::test]
    async fn other_stages_and_variables_are_found_and_removed() {
        let stages = r#"{"items":[{"stageName":"open"},{"stageName":"$default","autoDeploy":true,
            "stageVariables":{"to":"elsewhere","gone":""}}]}"#;
        let (clients, http) = replay(vec![(200, stages), (200, "{}"), (204, "")]);
        let gateway = ApiGatewayV2::new(&clients);
        let found = Provider::<HttpStage>::read(&gateway, &want().key(), None, &task()).await.expect("no failure");
        let found = found.expect("found");
        assert_eq!((found.live.others.len(), listed(&found.live.variables).as_str()), (1, "to"));
        Provider::<HttpStage>::update(&gateway, &want(), &found, &task()).await.expect("converged");
        let asked = asked(&http);
        assert!(asked[1].1.contains(r#""stageVariables":{"to":""}"#), "{asked:?}");
        assert!(asked[2].0.starts_with("DELETE") && asked[2].0.ends_with("/stages/open"), "{asked:?}");
    }
}
