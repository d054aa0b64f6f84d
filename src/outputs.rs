//! The shape of `outputs --json`, which scripts rely on: what is there, by the names of the stack file.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::aws::apigateway::stage_url;
use crate::aws::apigatewayv2::http_stage_url;
use crate::scope::Scope;
use crate::spec::{self, ApiKind, Auth, Stack};
use crate::state::State;
use crate::topology;

/// The version of every JSON document that this program prints. It rises when a field is renamed or removed; fields may be
/// added at any time.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything a client or a script needs to know of a stack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outputs {
    /// Rises when this shape changes so that scripts would break.
    pub schema_version: u32,
    /// The stack's name.
    pub stack: String,
    /// Twelve digits.
    pub account: String,
    /// As in `eu-central-1`.
    pub region: String,
    /// The API, once it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
    /// Further APIs by name, those that are there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub apis: BTreeMap<String, Api>,
    /// User pools by name.
    pub pools: BTreeMap<String, Pool>,
    /// Identity pools by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub identity_pools: BTreeMap<String, IdentityPool>,
    /// Functions by name.
    pub functions: BTreeMap<String, Function>,
    /// Topics by name.
    pub topics: BTreeMap<String, Arn>,
    /// Secrets by name: where they are, not what is in them.
    pub secrets: BTreeMap<String, Arn>,
    /// The firewall, once it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firewall: Option<Firewall>,
}

/// The API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Api {
    /// API Gateway's id of it.
    pub id: String,
    /// The stage's name.
    pub stage: String,
    /// What every route's URL begins with.
    pub base_url: String,
    /// In the stack file's order.
    pub routes: Vec<Route>,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Route {
    /// As in `POST`.
    pub method: String,
    /// As in `/lambda1`.
    pub path: String,
    /// Where to send requests.
    pub url: String,
    /// What answers.
    pub function: String,
    /// Whose ID tokens pass, and with an HTTP API whose access tokens; absent for a route that is open or takes signatures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Only requests signed by whom IAM allows to pass.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub iam: bool,
}

/// A user pool and its app client.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pool {
    /// As in `eu-central-1_AbCdEf123`.
    pub id: String,
    /// The pool's ARN.
    pub arn: String,
    /// What clients sign in with.
    pub client_id: String,
}

/// An identity pool and the role that its users get.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IdentityPool {
    /// As in `eu-central-1:` and a GUID.
    pub id: String,
    /// What its users may do.
    pub role_arn: String,
}

/// A function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Function {
    /// Its name in AWS.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// What it may do.
    pub role_arn: String,
    /// Where it logs.
    pub log_group: String,
}

/// Something with an ARN.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Arn {
    /// It.
    pub arn: String,
}

/// The web ACL on the API's stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Firewall {
    /// The web ACL's ARN.
    pub web_acl_arn: String,
    /// The IPv4 list's ARN.
    pub ip_set_arn: String,
}

impl Outputs {
    /// From what each resource put on record. What is not there yet is left out.
    pub fn new(stack: &Stack, scope: &Scope, endpoint: Option<&str>, recorded: &State) -> Self {
        let text = |id: String, field: &str| recorded.outputs(&id)?.get(field)?.as_str().map(str::to_owned);
        let arn = |what: &str, name: &String| Some((name.clone(), Arn { arn: text(format!("{what}.{name}"), "arn")? }));
        let api = |(name, api): (Option<&str>, &spec::Api)| {
            let ids = topology::ApiIds(name);
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

    /// The route of that name (`POST /lambda1`), or of that path where only one has it, and its API. With the API's name
    /// before it (`Age GET /age`) just that API is asked.
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

    /// The route that answers a client's `GET /orders/7`, and what its parameters are then: `id=7`. Of those that fit, the
    /// one with the fewest parameters, as API Gateway chooses.
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

/// What the parameters of a route are on this path, as in `id=7`; `None` if it is another's.
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
    fn a_clients_path_gives_the_parameters() {
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
