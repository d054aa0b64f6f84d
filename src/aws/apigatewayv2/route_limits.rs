//! The limits of single routes in the stage of an HTTP API. AWS accepts them only for routes that exist, so they are
//! set after the routes, and not with the stage.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_apigatewayv2::types::RouteSettings;
use serde::{Deserialize, Serialize};

use super::super::error::{OrAbsent, OrFail};
use super::stage::same;
use super::{ApiGatewayV2, BELOW, PARTS, READ};
use crate::aws::apigateway::SERVICE;
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Effect, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// The throttling limits of one route.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HttpRouteLimit {
    /// Requests a second.
    pub rate: f64,
    pub burst: i32,
}

/// The limits of all routes of a stage that have their own.
#[derive(Debug, Clone)]
pub struct HttpRouteLimits {
    pub api_id: String,
    pub stage: String,
    /// By route, as in `GET /items/{id}`.
    pub limits: BTreeMap<String, HttpRouteLimit>,
}

/// The outputs are also the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpRouteLimitsOutputs {
    pub api_id: String,
    pub stage: String,
}

/// A route's own settings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveHttpRouteLimit {
    /// Requests a second; `None`: the stage's limit.
    pub rate: Option<f64>,
    /// The burst; `None`: the stage's limit.
    pub burst: Option<i32>,
    /// Whether it has metrics of its own, which cost money.
    pub metrics: bool,
}

impl LiveHttpRouteLimit {
    pub(super) fn of(own: &RouteSettings) -> Self {
        Self {
            rate: own.throttling_rate_limit,
            burst: own.throttling_burst_limit,
            metrics: own.detailed_metrics_enabled.unwrap_or_default(),
        }
    }

    /// The settings as a comparison shows them.
    pub(super) fn shown(&self) -> String {
        let or = |limit: Option<String>| limit.unwrap_or_else(|| "the stage's".to_owned());
        let (rate, burst) = (self.rate.map(|rate| rate.to_string()), self.burst.map(|burst| burst.to_string()));
        let metrics = if self.metrics { ", DetailedMetricsEnabled true" } else { "" };
        format!("ThrottlingRateLimit {}, ThrottlingBurstLimit {}{metrics}", or(rate), or(burst))
    }
}

impl HttpRouteLimit {
    fn effect(self, live: Option<&LiveHttpRouteLimit>) -> Effect {
        let Some(LiveHttpRouteLimit { rate: Some(rate), burst: Some(burst), metrics }) = live else {
            return Effect::Weakens;
        };
        if *burst > self.burst || (*rate > self.rate && !same(*rate, self.rate)) {
            return Effect::Weakens;
        }
        Effect::differs_unless(same(*rate, self.rate) && *burst == self.burst && !metrics)
    }

    fn settings(self) -> RouteSettings {
        RouteSettings::builder()
            .throttling_rate_limit(self.rate)
            .throttling_burst_limit(self.burst)
            .detailed_metrics_enabled(false)
            .build()
    }
}

impl Resource for HttpRouteLimits {
    const KIND: &'static str = "apigatewayv2.route_limits";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true;
    type Key = HttpRouteLimitsOutputs;
    type Outputs = HttpRouteLimitsOutputs;
    /// The settings of routes that have their own.
    type Live = BTreeMap<String, LiveHttpRouteLimit>;

    fn key(&self) -> HttpRouteLimitsOutputs {
        HttpRouteLimitsOutputs { api_id: self.api_id.clone(), stage: self.stage.clone() }
    }

    fn identity(outputs: &HttpRouteLimitsOutputs) -> String {
        format!("{}/{}", outputs.api_id, outputs.stage)
    }

    fn removal_command(_: &HttpRouteLimitsOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &Self::Live) -> Comparison {
        self.limits.iter().fold(Comparison::default(), |compared, (route, limit)| {
            let own = live.get(route);
            let wanted = LiveHttpRouteLimit { rate: Some(limit.rate), burst: Some(limit.burst), metrics: false };
            let shown = own.map_or_else(|| "none of its own".to_owned(), LiveHttpRouteLimit::shown);
            compared.judged(format!("RouteSettings {route}"), wanted.shown(), shown, limit.effect(own))
        })
    }
}

impl Described for HttpRouteLimits {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "limits of single routes",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[
            READ,
            StatementTemplate {
                sid: Sid::OwnHttpApis,
                on: BELOW,
                rights: &[Permissions { needs: &[Usage::Create, Usage::Update], actions: &["apigateway:PATCH"] }],
            },
            // The limits of a route have a call of their own that deletes them.
            StatementTemplate {
                sid: Sid::HttpApiParts,
                on: PARTS,
                rights: &[Permissions { needs: &[Usage::Delete], actions: &["apigateway:DELETE"] }],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "API",
            holds: "limits of single routes match the stack file",
            read: "GetStage",
        },
    };
}

impl ApiGatewayV2 {
    /// The settings of the routes of a stage that have their own; `None` if there is no such stage.
    async fn own_limits(
        &self,
        key: &HttpRouteLimitsOutputs,
    ) -> Result<Option<BTreeMap<String, LiveHttpRouteLimit>>, Failure> {
        let call = self.client.get_stage().api_id(&key.api_id).stage_name(&key.stage);
        let stage = call.send().await.or_fail(&format!("read the stage {}", key.stage)).or_absent()?;
        Ok(stage.map(|stage| {
            let own = stage.route_settings.unwrap_or_default().into_iter();
            own.map(|(route, own)| (route, LiveHttpRouteLimit::of(&own))).collect()
        }))
    }

    async fn limit(
        &self,
        want: &HttpRouteLimits,
        live: &BTreeMap<String, LiveHttpRouteLimit>,
        task: &Task,
    ) -> Result<(), Failure> {
        let differing = want.limits.iter().filter(|(route, limit)| limit.effect(live.get(*route)) != Effect::Same);
        let settings: HashMap<String, RouteSettings> =
            differing.map(|(route, limit)| (route.clone(), limit.settings())).collect();
        if settings.is_empty() {
            return Ok(());
        }
        let limited = self.write(&want.api_id, task, &[], || async {
            let call = self.client.update_stage().api_id(&want.api_id).stage_name(&want.stage);
            let call = call.set_route_settings(Some(settings.clone()));
            call.send().await.or_fail(&format!("limit single routes of the stage {}", want.stage))
        });
        limited.await.map(drop)
    }

    /// Removes the settings of one route, if it has any.
    pub(super) async fn unlimit(&self, api: &str, stage: &str, route: &str, task: &Task) -> Result<(), Failure> {
        let removed = self.write(api, task, &[], || async {
            let call = self.client.delete_route_settings().api_id(api).stage_name(stage).route_key(route);
            call.send().await.or_fail(&format!("remove the limits of the route {route}"))
        });
        removed.await.or_absent().map(drop)
    }
}

impl Provider<HttpRouteLimits> for ApiGatewayV2 {
    async fn read(
        &self,
        key: &HttpRouteLimitsOutputs,
        _: Option<&HttpRouteLimitsOutputs>,
        _: &Task,
    ) -> Result<Option<Found<HttpRouteLimits>>, Failure> {
        let live = self.own_limits(key).await?;
        Ok(live.map(|live| Found { outputs: key.clone(), live }))
    }

    async fn create(&self, want: &HttpRouteLimits, task: &Task) -> Result<HttpRouteLimitsOutputs, Failure> {
        self.limit(want, &BTreeMap::new(), task).await?;
        Ok(want.key())
    }

    async fn update(
        &self,
        want: &HttpRouteLimits,
        found: &Found<HttpRouteLimits>,
        task: &Task,
    ) -> Result<HttpRouteLimitsOutputs, Failure> {
        self.limit(want, &found.live, task).await?;
        Ok(want.key())
    }

    async fn delete(&self, gone: &HttpRouteLimitsOutputs, task: &Task) -> Result<(), Failure> {
        for route in self.own_limits(gone).await?.unwrap_or_default().keys() {
            self.unlimit(&gone.api_id, &gone.stage, route, task).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    fn want() -> HttpRouteLimits {
        let limits = BTreeMap::from([
            ("GET /a".to_owned(), HttpRouteLimit { rate: 5.0, burst: 10 }),
            ("ANY /b".to_owned(), HttpRouteLimit { rate: 1.0, burst: 1 }),
        ]);
        HttpRouteLimits { api_id: "abc".into(), stage: "$default".into(), limits }
    }

    fn own(rate: f64, burst: i32) -> LiveHttpRouteLimit {
        LiveHttpRouteLimit { rate: Some(rate), burst: Some(burst), metrics: false }
    }

    fn live() -> BTreeMap<String, LiveHttpRouteLimit> {
        BTreeMap::from([("GET /a".into(), own(5.0, 10)), ("ANY /b".into(), own(1.0, 1))])
    }

    fn task() -> Task {
        Task::detached("api.http-route-limits")
    }

    #[test]
    fn a_lifted_or_missing_limit_weakens_and_a_lower_one_differs() {
        assert_eq!(want().drift(&live()), []);
        for (changed, weakens) in [
            (None, true),
            (Some(own(6.0, 10)), true),
            (Some(own(5.0, 11)), true),
            (Some(LiveHttpRouteLimit { rate: None, ..own(5.0, 10) }), true),
            (Some(own(4.0, 10)), false),
            (Some(LiveHttpRouteLimit { metrics: true, ..own(5.0, 10) }), false),
        ] {
            let mut live = live();
            live.remove("GET /a");
            live.extend(changed.clone().map(|own| ("GET /a".to_owned(), own)));
            let drift = want().drift(&live);
            assert_eq!((drift.len(), drift[0].weakens), (1, weakens), "{changed:?}");
            assert_eq!(drift[0].field, "RouteSettings GET /a");
        }
    }

    #[tokio::test]
    async fn only_limits_that_differ_are_sent() {
        let stage = r#"{"stageName":"$default","routeSettings":{"GET /a":{"throttlingRateLimit":9.0,"throttlingBurstLimit":10},
            "ANY /b":{"throttlingRateLimit":1.0,"throttlingBurstLimit":1}}}"#;
        let (clients, http) = replay(vec![(200, stage), (200, "{}")]);
        let gateway = ApiGatewayV2::new(&clients);
        let found = Provider::<HttpRouteLimits>::read(&gateway, &want().key(), None, &task()).await;
        let found = found.expect("no failure").expect("found");
        Provider::<HttpRouteLimits>::update(&gateway, &want(), &found, &task()).await.expect("limited");
        let body = &asked(&http)[1].1;
        assert!(body.contains(r#""GET /a":{"#) && body.contains(r#""throttlingRateLimit":5.0"#), "{body}");
        assert!(!body.contains("ANY /b") && !body.contains("autoDeploy"), "{body}");
        let (idle, _) = replay(vec![]);
        let found = Found { outputs: want().key(), live: live() };
        Provider::<HttpRouteLimits>::update(&ApiGatewayV2::new(&idle), &want(), &found, &task()).await.expect("done");
    }

    #[tokio::test]
    async fn all_limits_are_removed_and_a_stage_that_is_gone_has_none() {
        let stage = r#"{"stageName":"$default","routeSettings":{"GET /a":{"throttlingRateLimit":9.0}}}"#;
        let (clients, http) = replay(vec![(200, stage), (204, "")]);
        let gateway = ApiGatewayV2::new(&clients);
        assert_eq!(Provider::<HttpRouteLimits>::delete(&gateway, &want().key(), &task()).await, Ok(()));
        let call = &asked(&http)[1].0;
        assert!(call.starts_with("DELETE") && call.contains("/routesettings/"), "{call}");
        let (clients, _) = replay(vec![(404, r#"{"__type":"NotFoundException"}"#)]);
        let gateway = ApiGatewayV2::new(&clients);
        assert_eq!(Provider::<HttpRouteLimits>::delete(&gateway, &want().key(), &task()).await, Ok(()));
    }
}
