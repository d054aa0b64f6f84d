//! The routes of an HTTP API and their integrations, as one resource: AWS lists each of them in one call.
//!
//! The stage deploys every change at once. A route is therefore created together with its authorizer and changed in
//! place, so that it is never open and never missing.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigatewayv2::types::{self, AuthorizationType};
use serde::{Deserialize, Serialize};
use tokio::try_join;

use super::super::error::{OrAbsent, OrFail};
use super::super::pages::to_the_end;
use super::{ApiGatewayV2, HttpIntegration, LiveHttpIntegration, LiveHttpRoute, LiveHttpRoutes, PAGE, PARTS, READ};
use crate::aws::apigateway::SERVICE;
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// All routes of an API, as one resource.
#[derive(Debug, Clone)]
pub struct HttpRoutes {
    pub api_id: String,
    /// By their keys, as in `GET /hello`.
    pub routes: BTreeMap<String, HttpRoute>,
    /// The names of the API's authorizers by id. It must have no others.
    pub authorizers: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct HttpRoute {
    /// The authorization that callers need.
    pub authorization: HttpAuthorization,
    /// The integration that answers.
    pub integration: HttpIntegration,
}

/// The authorization that callers of a route need.
#[derive(Debug, Clone, PartialEq)]
pub enum HttpAuthorization {
    /// Callers with a token that this authorizer accepts and that, if there are scopes, has one of them.
    Jwt { authorizer_id: String, scopes: BTreeSet<String> },
    /// Callers whom the function of this authorizer admits.
    Custom { authorizer_id: String },
    /// Callers who sign their requests and whom IAM allows to call.
    Iam,
    /// Anyone.
    None,
}

/// The outputs of an API's routes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpRoutesOutputs {
    pub api_id: String,
}

/// Routes are looked up in their API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpRoutesKey {
    api_id: String,
}

impl HttpAuthorization {
    /// AWS's name of the type.
    pub(crate) fn type_name(&self) -> String {
        self.kind().as_str().to_owned()
    }

    pub(super) fn kind(&self) -> AuthorizationType {
        match self {
            Self::Jwt { .. } => AuthorizationType::Jwt,
            Self::Custom { .. } => AuthorizationType::Custom,
            Self::Iam => AuthorizationType::AwsIam,
            Self::None => AuthorizationType::None,
        }
    }

    pub(crate) fn authorizer(&self) -> Option<&str> {
        match self {
            Self::Jwt { authorizer_id, .. } | Self::Custom { authorizer_id } => Some(authorizer_id),
            Self::Iam | Self::None => None,
        }
    }

    /// The scopes of which a token must have one, if there are any.
    pub(crate) fn scopes(&self) -> BTreeSet<String> {
        match self {
            Self::Jwt { scopes, .. } => scopes.clone(),
            Self::Custom { .. } | Self::Iam | Self::None => BTreeSet::new(),
        }
    }
}

impl Resource for HttpRoutes {
    const KIND: &'static str = "apigatewayv2.routes";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = HttpRoutesKey;
    type Outputs = HttpRoutesOutputs;
    type Live = LiveHttpRoutes;

    fn key(&self) -> HttpRoutesKey {
        HttpRoutesKey { api_id: self.api_id.clone() }
    }

    fn identity(outputs: &HttpRoutesOutputs) -> String {
        outputs.api_id.clone()
    }

    fn removal_command(_: &HttpRoutesOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &LiveHttpRoutes) -> Comparison {
        self.compare_all(live)
    }
}

impl Described for HttpRoutes {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "routes",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[
            READ,
            StatementTemplate {
                sid: Sid::HttpApiParts,
                on: PARTS,
                rights: &[
                    Permissions { needs: &[Usage::Create, Usage::Update], actions: &["apigateway:POST"] },
                    Permissions { needs: &[Usage::Update], actions: &["apigateway:PATCH"] },
                    Permissions { needs: &[Usage::Delete, Usage::Update], actions: &["apigateway:DELETE"] },
                ],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "HTTP API",
            holds: "routes match the stack file, and there are no others",
            read: "GetRoutes, GetIntegrations, GetAuthorizers",
        },
    };
}

impl ApiGatewayV2 {
    async fn routes(&self, api: &str) -> Result<Vec<types::Route>, Failure> {
        let list = |next| async move {
            let call = self.client.get_routes().api_id(api).max_results(PAGE).set_next_token(next);
            let page = call.send().await.or_fail(&format!("list the routes of the API {api}"))?;
            Ok((page.items, page.next_token))
        };
        to_the_end(list).await
    }

    async fn integrations(&self, api: &str) -> Result<Vec<types::Integration>, Failure> {
        let list = |next| async move {
            let call = self.client.get_integrations().api_id(api).max_results(PAGE).set_next_token(next);
            let page = call.send().await.or_fail(&format!("list the integrations of the API {api}"))?;
            Ok((page.items, page.next_token))
        };
        to_the_end(list).await
    }

    async fn live_routes(&self, api: &str) -> Result<Option<LiveHttpRoutes>, Failure> {
        let all = async { try_join!(self.routes(api), self.integrations(api), self.authorizers(api)) };
        let Some((routes, integrations, authorizers)) = all.await.or_absent()? else { return Ok(None) };
        let named = |one: types::Authorizer| (one.authorizer_id.unwrap_or_default(), one.name.unwrap_or_default());
        Ok(Some(LiveHttpRoutes {
            routes: routes.into_iter().map(LiveHttpRoute::of).collect(),
            integrations: integrations.into_iter().map(LiveHttpIntegration::of).collect(),
            authorizers: authorizers.into_iter().map(named).collect(),
        }))
    }

    /// Creates missing integrations, then missing routes; changes routes in place; and then removes
    /// unwanted ones.
    async fn bring_routes(&self, want: &HttpRoutes, live: &LiveHttpRoutes, task: &Task) -> Result<(), Failure> {
        let api = &want.api_id;
        // Unchanged routes keep their integrations. Other routes with equal integrations use the same ones.
        let at_rest = want.routes.iter().filter_map(|(key, route)| {
            let is = live.routes.get(key).filter(|_| want.compare_route(key, route, live).is_as_wanted())?;
            Some((key, (&route.integration, &is.integration_id)))
        });
        let at_rest: BTreeMap<&String, (&HttpIntegration, &String)> = at_rest.collect();
        let mut ids: BTreeMap<&HttpIntegration, String> = BTreeMap::new();
        for wanted in want.routes.values().map(|route| &route.integration) {
            if !ids.contains_key(wanted) {
                let known = live.integrations.iter().rfind(|(_, one)| wanted.is(one));
                ids.extend(known.map(|(id, _)| (wanted, id.clone())));
            }
        }
        ids.extend(at_rest.values().map(|(integration, id)| (*integration, (*id).clone())));
        for route in want.routes.values() {
            if !ids.contains_key(&route.integration) {
                ids.insert(&route.integration, self.integrate(api, &route.integration, task).await?);
            }
        }
        for (key, route) in &want.routes {
            let target = ids.get(&route.integration).map(|id| format!("integrations/{id}"));
            match live.routes.get(key) {
                None => self.make_route(api, key, route, target, task).await?,
                Some(_) if at_rest.contains_key(key) => {}
                Some(is) => self.change_route(api, key, is, route, target, task).await?,
            }
        }
        for (key, gone) in live.routes.iter().filter(|(key, _)| !want.routes.contains_key(*key)) {
            let deleted = self.write(api, task, &[], || async {
                let call = self.client.delete_route().api_id(api).route_id(&gone.id);
                call.send().await.or_fail(&format!("delete the route {key}"))
            });
            deleted.await.or_absent()?;
        }
        let used = want
            .routes
            .iter()
            .filter_map(|(key, route)| at_rest.get(key).map(|(_, id)| *id).or_else(|| ids.get(&route.integration)));
        let used: BTreeSet<&String> = used.collect();
        for id in live.integrations.keys().filter(|id| !used.contains(id)) {
            let deleted = self.write(api, task, &[], || async {
                let call = self.client.delete_integration().api_id(api).integration_id(id);
                call.send().await.or_fail(&format!("delete the integration {id}"))
            });
            deleted.await.or_absent()?;
        }
        // Last: AWS refuses to delete an authorizer that a route names.
        for (id, name) in want.other_authorizers(live) {
            self.delete_authorizer(api, id, name, task).await?;
        }
        Ok(())
    }

    async fn make_route(
        &self,
        api: &str,
        key: &str,
        route: &HttpRoute,
        target: Option<String>,
        task: &Task,
    ) -> Result<(), Failure> {
        let made = self.write(api, task, &[], || async {
            let call = self.once.create_route().api_id(api).route_key(key).set_target(target.clone());
            let call = call.authorization_type(route.authorization.kind());
            let call = call.set_authorizer_id(route.authorization.authorizer().map(str::to_owned));
            let scopes = Some(Vec::from_iter(route.authorization.scopes())).filter(|scopes| !scopes.is_empty());
            let call = call.set_authorization_scopes(scopes);
            call.send().await.or_fail(&format!("create the route {key}"))
        });
        made.await.map(drop)
    }

    async fn change_route(
        &self,
        api: &str,
        key: &str,
        is: &LiveHttpRoute,
        route: &HttpRoute,
        target: Option<String>,
        task: &Task,
    ) -> Result<(), Failure> {
        // An update keeps the settings that it leaves out, so an empty list removes scopes, and an empty string removes
        // an authorizer.
        let scopes = route.authorization.scopes();
        let scopes = (is.scopes != scopes).then(|| Vec::from_iter(scopes));
        let wanted = route.authorization.authorizer().map(str::to_owned);
        let authorizer = wanted.or_else(|| is.authorizer_id.as_ref().map(|_| String::new()));
        let changed = self.write(api, task, &[], || async {
            let call = self.client.update_route().api_id(api).route_id(&is.id).set_target(target.clone());
            let call = call.set_authorization_scopes(scopes.clone());
            let call = call.authorization_type(route.authorization.kind());
            let call = call.set_authorizer_id(authorizer.clone());
            call.send().await.or_fail(&format!("update the route {key}"))
        });
        changed.await.map(drop)
    }
}

impl Provider<HttpRoutes> for ApiGatewayV2 {
    async fn read(
        &self,
        key: &HttpRoutesKey,
        _: Option<&HttpRoutesOutputs>,
        _: &Task,
    ) -> Result<Option<Found<HttpRoutes>>, Failure> {
        let Some(live) = self.live_routes(&key.api_id).await? else { return Ok(None) };
        // An API without routes and integrations has not been set up yet.
        if live.routes.is_empty() && live.integrations.is_empty() {
            return Ok(None);
        }
        Ok(Some(Found { outputs: HttpRoutesOutputs { api_id: key.api_id.clone() }, live }))
    }

    async fn create(&self, want: &HttpRoutes, task: &Task) -> Result<HttpRoutesOutputs, Failure> {
        self.bring_routes(want, &LiveHttpRoutes::default(), task).await?;
        Ok(HttpRoutesOutputs { api_id: want.api_id.clone() })
    }

    async fn update(
        &self,
        want: &HttpRoutes,
        found: &Found<HttpRoutes>,
        task: &Task,
    ) -> Result<HttpRoutesOutputs, Failure> {
        self.bring_routes(want, &found.live, task).await?;
        Ok(found.outputs.clone())
    }

    async fn delete(&self, gone: &HttpRoutesOutputs, task: &Task) -> Result<(), Failure> {
        let Some(live) = self.live_routes(&gone.api_id).await? else { return Ok(()) };
        let none = HttpRoutes { api_id: gone.api_id.clone(), routes: BTreeMap::new(), authorizers: BTreeMap::new() };
        // The authorizers are resources of their own, so they are not deleted here.
        let live = LiveHttpRoutes { authorizers: BTreeMap::new(), ..live };
        self.bring_routes(&none, &live, task).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::integration::tests::{function, live as integration};
    use super::*;
    use crate::aws::Clients;
    use crate::aws::testing::{asked, replay};

    const HELLO: &str = "arn:aws:lambda:eu-central-1:123456789012:function:demo-Hello";

    fn want() -> HttpRoutes {
        let authorization = HttpAuthorization::Jwt { authorizer_id: "a1".into(), scopes: BTreeSet::new() };
        HttpRoutes {
            api_id: "abc".into(),
            routes: [("GET /hello".to_owned(), HttpRoute { authorization, integration: function(HELLO) })].into(),
            authorizers: [("a1".to_owned(), "Users".to_owned())].into(),
        }
    }

    fn live() -> LiveHttpRoutes {
        let route = LiveHttpRoute {
            id: "r1".into(),
            authorization_type: "JWT".into(),
            authorizer_id: Some("a1".into()),
            integration_id: "i1".into(),
            ..LiveHttpRoute::default()
        };
        LiveHttpRoutes {
            routes: [("GET /hello".to_owned(), route)].into(),
            integrations: [("i1".to_owned(), integration(HELLO))].into(),
            authorizers: [("a1".to_owned(), "Users".to_owned())].into(),
        }
    }

    fn with(change: impl Fn(&mut LiveHttpRoutes)) -> LiveHttpRoutes {
        let mut live = live();
        change(&mut live);
        live
    }

    fn task() -> Task {
        Task::detached("api.routes")
    }

    #[test]
    fn an_open_route_or_another_function_weakens() {
        assert_eq!(want().drift(&live()), vec![]);
        let open = |live: &mut LiveHttpRoutes| {
            let route = live.routes.get_mut("GET /hello").expect("there");
            (route.authorization_type, route.authorizer_id) = ("NONE".into(), None);
        };
        let drift = want().drift(&with(open));
        assert!(drift[0].weakens);
        assert_eq!((drift[0].want.as_str(), drift[0].live.as_str()), ("JWT", "NONE"));
        assert_eq!((drift[1].want.as_str(), drift[1].live.as_str()), ("Users", "none"));
        let integrations: [fn(&mut LiveHttpIntegration); 6] = [
            |live| live.kind = "HTTP_PROXY".into(),
            |live| live.uri = "https://elsewhere.example".into(),
            |live| live.payload = "1.0".into(),
            |live| live.credentials = Some("arn:aws:iam::123456789012:role/r".into()),
            |live| drop(live.request_parameters.insert("overwrite:header.x-who".into(), "admin".into())),
            |live| *live = LiveHttpIntegration::default(),
        ];
        for change in integrations {
            let drift = want().drift(&with(|live| live.integrations.values_mut().for_each(change)));
            assert!(!drift.is_empty() && drift.iter().all(|drift| drift.weakens), "{drift:?}");
        }
        let slow = |live: &mut LiveHttpRoutes| live.integrations.values_mut().for_each(|one| one.timeout_ms = Some(50));
        let scoped = |live: &mut LiveHttpRoutes| {
            live.routes.values_mut().for_each(|route| _ = route.scopes.insert("orders/read".into()));
        };
        let authorizer = |live: &mut LiveHttpRoutes| drop(live.authorizers.insert("a9".into(), "Stranger".into()));
        for drift in [want().drift(&with(slow)), want().drift(&with(scoped)), want().drift(&with(authorizer))] {
            assert!(drift.len() == 1 && !drift[0].weakens, "{drift:?}");
        }
        let more = |live: &mut LiveHttpRoutes| {
            let extra = live.routes["GET /hello"].clone();
            live.routes.insert("ANY /{all+}".into(), extra);
        };
        let drift = want().drift(&with(more));
        assert_eq!((drift[0].field.as_str(), drift[0].live.as_str()), ("other routes", "ANY /{all+} (JWT Users)"));
        let idle = |live: &mut LiveHttpRoutes| {
            live.integrations.insert("i2".into(), integration(HELLO));
        };
        let drift = want().drift(&with(idle));
        assert_eq!((drift.len(), drift[0].weakens), (1, false));
    }

    #[tokio::test]
    async fn unchanged_routes_cost_three_concurrent_calls() {
        let routes = r#"{"items":[{"routeId":"r1","routeKey":"GET /hello","authorizationType":"JWT","authorizerId":"a1",
            "target":"integrations/i1"}]}"#;
        let integrations = format!(
            r#"{{"items":[{{"integrationId":"i1","integrationType":"AWS_PROXY","integrationUri":"{HELLO}",
            "payloadFormatVersion":"2.0"}}]}}"#
        );
        let authorizers = r#"{"items":[{"authorizerId":"a1","name":"Users"}]}"#;
        let (clients, http) = replay(vec![(200, routes), (200, &integrations), (200, authorizers)]);
        let gateway = ApiGatewayV2::new(&clients);
        let found = Provider::<HttpRoutes>::read(&gateway, &want().key(), None, &task()).await;
        assert_eq!(want().drift(&found.expect("no failure").expect("found").live), vec![]);
        assert_eq!(asked(&http).len(), 3);
    }

    #[tokio::test]
    async fn scopes_and_authorizers_set_by_hand_are_taken_away() {
        let live = with(|live| {
            live.routes.values_mut().for_each(|route| _ = route.scopes.insert("orders/read".into()));
            live.authorizers.insert("a9".into(), "Stranger".into());
        });
        let (clients, http) = replay(vec![(200, "{}"), (204, "")]);
        let found = Found { outputs: HttpRoutesOutputs { api_id: "abc".into() }, live };
        let gateway = ApiGatewayV2::new(&clients);
        Provider::<HttpRoutes>::update(&gateway, &want(), &found, &task()).await.expect("brought");
        let asked = asked(&http);
        assert!(asked[0].1.contains(r#""authorizationScopes":[]"#), "{asked:?}");
        assert!(asked[1].0.starts_with("DELETE") && asked[1].0.ends_with("/authorizers/a9"), "{asked:?}");
    }

    #[tokio::test]
    async fn a_route_that_becomes_open_names_no_authorizer() {
        let mut open = want();
        open.routes.values_mut().for_each(|route| route.authorization = HttpAuthorization::None);
        let (clients, http) = replay(vec![(200, "{}")]);
        let found = Found { outputs: HttpRoutesOutputs { api_id: "abc".into() }, live: with(|_| ()) };
        let gateway = ApiGatewayV2::new(&clients);
        Provider::<HttpRoutes>::update(&gateway, &open, &found, &task()).await.expect("brought");
        let body = &asked(&http)[0].1;
        assert!(body.contains(r#""authorizerId":"""#) && body.contains(r#""authorizationType":"NONE""#), "{body}");
    }

    #[tokio::test]
    async fn the_call_that_creates_a_route_sets_its_authorizer() {
        let (clients, http) = replay(vec![(201, r#"{"integrationId":"i1"}"#), (201, r#"{"routeId":"r1"}"#)]);
        Provider::<HttpRoutes>::create(&ApiGatewayV2::new(&clients), &want(), &task()).await.expect("made");
        let body = &asked(&http)[1].1;
        assert!(body.contains(r#""authorizerId":"a1""#) && body.contains(r#""authorizationType":"JWT""#), "{body}");
        assert!(body.contains(r#""target":"integrations/i1""#), "{body}");
    }

    #[tokio::test]
    async fn routes_are_changed_in_place_and_removed_last() {
        let was = with(|live| {
            let mut extra = live.routes["GET /hello"].clone();
            extra.id = "r2".into();
            extra.integration_id = "i2".into();
            live.routes.insert("GET /old".into(), extra);
            live.integrations.insert("i2".into(), integration(&format!("{HELLO}-old")));
            let route = live.routes.get_mut("GET /hello").expect("there");
            (route.authorization_type, route.authorizer_id) = ("NONE".into(), None);
        });
        let (clients, http) = replay(vec![(200, "{}"), (204, ""), (204, "")]);
        let found = Found { outputs: HttpRoutesOutputs { api_id: "abc".into() }, live: was };
        let gateway = ApiGatewayV2::new(&clients);
        Provider::<HttpRoutes>::update(&gateway, &want(), &found, &task()).await.expect("brought");
        let calls: Vec<String> = asked(&http).into_iter().map(|(call, _)| call).collect();
        assert!(calls[0].starts_with("PATCH") && calls[0].contains("/routes/r1"), "{calls:?}");
        assert!(calls[1].starts_with("DELETE") && calls[1].contains("/routes/r2"), "{calls:?}");
        assert!(calls[2].starts_with("DELETE") && calls[2].contains("/integrations/i2"), "{calls:?}");
    }

    #[tokio::test]
    async fn of_two_integrations_the_unused_one_is_removed() {
        let gateway = |http: Clients| ApiGatewayV2::new(&http);
        for (used, idle) in [("i1", "i2"), ("i2", "i1")] {
            let live = with(|live| {
                live.routes.get_mut("GET /hello").expect("there").integration_id = used.into();
                live.integrations = [used, idle].map(|id| (id.to_owned(), integration(HELLO))).into();
            });
            assert_eq!(want().drift(&live).len(), 1);
            let found = Found { outputs: HttpRoutesOutputs { api_id: "abc".into() }, live };
            let (clients, http) = replay(vec![(204, "")]);
            Provider::<HttpRoutes>::update(&gateway(clients), &want(), &found, &task()).await.expect("brought");
            let calls: Vec<String> = asked(&http).into_iter().map(|(call, _)| call).collect();
            assert_eq!(calls.len(), 1, "{calls:?}");
            assert!(calls[0].starts_with("DELETE") && calls[0].contains(&format!("/integrations/{idle}")), "{calls:?}");
            // A new route uses the same integration.
            let more = HttpRoutes {
                routes: ["GET /hello", "GET /new"]
                    .map(|key| (key.to_owned(), want().routes["GET /hello"].clone()))
                    .into(),
                ..want()
            };
            let (clients, http) = replay(vec![(201, r#"{"routeId":"r2"}"#), (204, "")]);
            Provider::<HttpRoutes>::update(&gateway(clients), &more, &found, &task()).await.expect("brought");
            let asked = asked(&http);
            assert!(asked[0].1.contains(&format!(r#""target":"integrations/{used}""#)), "{asked:?}");
            assert!(
                asked[1].0.starts_with("DELETE") && asked[1].0.contains(&format!("/integrations/{idle}")),
                "{asked:?}"
            );
        }
    }

    #[tokio::test]
    async fn two_integrations_that_are_used_both_stay() {
        let live = with(|live| {
            let other =
                LiveHttpRoute { id: "r2".into(), integration_id: "i2".into(), ..live.routes["GET /hello"].clone() };
            live.routes.insert("GET /other".into(), other);
            live.integrations.extend(["i2", "i3"].map(|id| (id.to_owned(), integration(HELLO))));
        });
        let both = HttpRoutes {
            routes: ["GET /hello", "GET /other"]
                .map(|key| (key.to_owned(), want().routes["GET /hello"].clone()))
                .into(),
            ..want()
        };
        let found = Found { outputs: HttpRoutesOutputs { api_id: "abc".into() }, live };
        let (clients, http) = replay(vec![(204, "")]);
        let gateway = ApiGatewayV2::new(&clients);
        Provider::<HttpRoutes>::update(&gateway, &both, &found, &task()).await.expect("brought");
        let calls: Vec<String> = asked(&http).into_iter().map(|(call, _)| call).collect();
        assert!(calls.len() == 1 && calls[0].contains("/integrations/i3"), "{calls:?}");
    }
}
