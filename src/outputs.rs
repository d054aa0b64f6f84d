//! The document of `outputs --json`: the existing resources, by their names in the stack file. Scripts rely on it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::aws::apigateway::stage_url;
use crate::aws::apigatewayv2::http_stage_url;
use crate::report::SCHEMA_VERSION;
use crate::scope::Scope;
use crate::stack::{self, ApiKind, Auth, Stack};
use crate::state::State;

/// Ids, ARNs and URLs of a stack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outputs {
    /// Increases with every incompatible change.
    pub schema_version: u32,
    pub stack: String,
    /// Twelve digits.
    pub account: String,
    /// Such as `eu-central-1`.
    pub region: String,
    /// The API without a name, if it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
    /// The existing named APIs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub apis: BTreeMap<String, Api>,
    pub pools: BTreeMap<String, Pool>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub identity_pools: BTreeMap<String, IdentityPool>,
    pub functions: BTreeMap<String, Function>,
    pub topics: BTreeMap<String, Arn>,
    /// Names and ARNs, no values.
    pub secrets: BTreeMap<String, Arn>,
    /// The firewall, if it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firewall: Option<Firewall>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Api {
    /// API Gateway's id.
    pub id: String,
    pub stage: String,
    /// The prefix of every route's URL.
    pub base_url: String,
    /// In the order of the stack file.
    pub routes: Vec<Route>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Route {
    /// Such as `POST`.
    pub method: String,
    /// Such as `/lambda1`.
    pub path: String,
    pub url: String,
    pub function: String,
    /// The pool whose ID tokens the route accepts; an HTTP API also accepts access tokens. Absent for other routes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// The route accepts only IAM-signed requests.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub iam: bool,
}

/// A user pool and its app client.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pool {
    /// Such as `eu-central-1_AbCdEf123`.
    pub id: String,
    pub arn: String,
    /// The id of the app client.
    pub client_id: String,
}

/// An identity pool and the role of its users.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IdentityPool {
    /// `eu-central-1:` and a GUID.
    pub id: String,
    pub role_arn: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Function {
    /// The name in AWS.
    pub name: String,
    pub arn: String,
    pub role_arn: String,
    pub log_group: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Arn {
    pub arn: String,
}

/// The web ACL on the API's stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Firewall {
    pub web_acl_arn: String,
    /// The IPv4 address list.
    pub ip_set_arn: String,
}

impl Outputs {
    /// Collects the outputs from the state. Resources that do not exist yet are left out.
    pub fn new(stack: &Stack, scope: &Scope, endpoint: Option<&str>, recorded: &State) -> Self {
        let text = |id: String, field: &str| recorded.outputs(&id)?.get(field)?.as_str().map(str::to_owned);
        let arn = |what: &str, name: &String| Some((name.clone(), Arn { arn: text(format!("{what}.{name}"), "arn")? }));
        let api = |(name, api): (Option<&str>, &stack::Api)| {
            let ids = stack::ApiIds(name);
            let id = text(ids.root(api.kind).to_string(), "id")?;
            text(ids.of("stage", &api.stage).to_string(), "name")?;
            let base_url = match api.kind {
                ApiKind::Rest => stage_url(endpoint, scope, &id, &api.stage),
                ApiKind::Http => http_stage_url(endpoint, scope, &id, &api.stage),
            };
            let routes = api.routes.iter().map(|route| Route {
                method: route.method.clone(),
                path: route.path.clone(),
                url: format!("{base_url}{}", route.path),
                function: route.function.clone(),
                pool: match &route.auth {
                    Auth::Pool(pool) => Some(pool.clone()),
                    Auth::Iam | Auth::None => None,
                },
                iam: route.auth == Auth::Iam,
            });
            Some(Api { id, stage: api.stage.clone(), routes: routes.collect(), base_url })
        };
        let identity_pool = |name: &String| {
            let id = text(format!("identity-pool.{name}"), "id")?;
            Some((name.clone(), IdentityPool { id, role_arn: text(format!("caller.{name}"), "arn")? }))
        };
        let pool = |name: &String| {
            let pool = Pool {
                id: text(format!("pool.{name}"), "id")?,
                arn: text(format!("pool.{name}"), "arn")?,
                client_id: text(format!("client.{name}"), "client_id")?,
            };
            Some((name.clone(), pool))
        };
        let function = |name: &String| {
            let function = Function {
                name: text(format!("function.{name}"), "name")?,
                arn: text(format!("function.{name}"), "arn")?,
                role_arn: text(format!("role.{name}"), "arn")?,
                log_group: text(format!("logs.{name}"), "name")?,
            };
            Some((name.clone(), function))
        };
        let firewall = || {
            Some(Firewall {
                web_acl_arn: text("firewall.web-acl".into(), "arn")?,
                ip_set_arn: text("firewall.addresses-v4".into(), "arn")?,
            })
        };
        Self {
            schema_version: SCHEMA_VERSION,
            stack: scope.stack.clone(),
            account: scope.account.clone(),
            region: scope.region.clone(),
            api: stack.api.as_ref().and_then(|one| api((None, one))),
            apis: stack.apis.iter().filter_map(|(name, one)| Some((name.clone(), api((Some(name), one))?))).collect(),
            identity_pools: stack.identity_pools.keys().filter_map(identity_pool).collect(),
            pools: stack.pools.keys().filter_map(pool).collect(),
            functions: stack.functions.keys().filter_map(function).collect(),
            topics: stack.topics.iter().filter_map(|name| arn("topic", name)).collect(),
            secrets: stack
                .secrets
                .keys()
                .chain(stack.service_users.keys())
                .filter_map(|name| arn("secret", name))
                .collect(),
            firewall: firewall(),
        }
    }

    /// All APIs, the one without a name first.
    pub fn all_apis(&self) -> impl Iterator<Item = (Option<&str>, &Api)> {
        let further = self.apis.iter().map(|(name, api)| (Some(name.as_str()), api));
        self.api.iter().map(|api| (None, api)).chain(further)
    }

    /// The routes of all APIs.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.all_apis().flat_map(|(_, api)| &api.routes)
    }

    /// Finds a route by its name (`POST /lambda1`), by its name with the API's (`Age GET /age`), or by its path if only
    /// one route has it.
    pub fn route_of(&self, wanted: &str) -> Option<(&Api, &Route)> {
        let routes = || self.all_apis().flat_map(|(name, api)| api.routes.iter().map(move |route| (name, api, route)));
        let plain = |route: &Route| format!("{} {}", route.method, route.path);
        let by_name = routes().find(|(name, _, route)| {
            let plain = plain(route);
            plain == wanted || name.is_some_and(|name| format!("{name} {plain}") == wanted)
        });
        let found = by_name.or_else(|| {
            let mut on_path = routes().filter(|(_, _, route)| route.path == wanted);
            on_path.next().filter(|_| on_path.next().is_none())
        });
        found.map(|(_, api, route)| (api, route))
    }

    /// Finds the route for a request such as `GET /orders/7`, and the values of its parameters: `id=7`. If several
    /// match, API Gateway chooses the one with the fewest parameters.
    pub fn route_for(&self, asked: &str) -> Option<(&Api, &Route, Vec<String>)> {
        let at = asked.find('/')?;
        let (before, path) = (asked[..at].trim_end(), &asked[at..]);
        let routes = self.all_apis().flat_map(|(name, api)| api.routes.iter().map(move |route| (name, api, route)));
        let named = routes.filter(|(name, _, route)| {
            let whole = name.map(|name| format!("{name} {}", route.method));
            before.is_empty() || before == route.method || whole.is_some_and(|whole| before == whole)
        });
        let mut fitting: Vec<_> =
            named.filter_map(|(_, api, route)| Some((api, route, values(&route.path, path)?))).collect();
        let rank = |(_, route, values): &(&Api, &Route, Vec<String>)| (route.path.contains("+}"), values.len());
        fitting.sort_by_key(rank);
        let several = fitting.len() > 1 && rank(&fitting[0]) == rank(&fitting[1]);
        fitting.into_iter().next().filter(|_| !several)
    }
}

/// The values of a route's parameters for a path, such as `id=7`; `None` if the path does not match.
fn values(route: &str, path: &str) -> Option<Vec<String>> {
    let mut rest = path.split('/');
    let mut values = Vec::new();
    for part in route.split('/') {
        let here = rest.next()?;
        let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
            if part != here {
                return None;
            }
            continue;
        };
        let value = match name.strip_suffix('+') {
            Some(_) => [here].into_iter().chain(rest.by_ref()).collect::<Vec<_>>().join("/"),
            None => here.to_owned(),
        };
        if value.is_empty() {
            return None;
        }
        values.push(format!("{}={value}", name.trim_end_matches('+')));
    }
    rest.next().is_none().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_taken_from_the_path() {
        let table: [(&str, &str, Option<&[&str]>); 10] = [
            ("/orders/{id}", "/orders/7", Some(&["id=7"])),
            ("/orders/{id}/lines/{line}", "/orders/7/lines/2", Some(&["id=7", "line=2"])),
            ("/files/{proxy+}", "/files/a/b.txt", Some(&["proxy=a/b.txt"])),
            ("/orders", "/orders", Some(&[])),
            ("/", "/", Some(&[])),
            ("/orders/{id}", "/orders", None),
            ("/orders/{id}", "/orders/", None),
            ("/orders/{id}", "/orders/7/lines", None),
            ("/orders/{id}", "/order/7", None),
            ("/files/{proxy+}", "/files/", None),
        ];
        for (route, path, expected) in table {
            let expected = expected.map(|values| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>());
            assert_eq!(values(route, path), expected, "{path} on {route}");
        }
    }
}
