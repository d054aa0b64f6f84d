//! The shape of `outputs --json`, which scripts rely on: what is there, by the names of the stack file.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use crate::aws::apigateway::stage_url;
use crate::scope::Scope;
use crate::stack::{Auth, Stack};

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
    /// User pools by name.
    pub pools: BTreeMap<String, Pool>,
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
    /// Whose ID tokens pass; absent for a route that the stack file says is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
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
    /// From what each resource put on record, by id. What is not there yet is left out.
    pub fn new(stack: &Stack, scope: &Scope, endpoint: Option<&str>, known: &BTreeMap<&str, &Json>) -> Self {
        let text = |id: String, field: &str| known.get(id.as_str())?.get(field)?.as_str().map(str::to_owned);
        let arn = |what: &str, name: &String| Some((name.clone(), Arn { arn: text(format!("{what}.{name}"), "arn")? }));
        let api = stack.api.as_ref().and_then(|api| {
            let id = text("api.rest".into(), "id")?;
            text(format!("stage.{}", api.stage), "name")?;
            let base_url = stage_url(endpoint, scope, &id, &api.stage);
            let routes = api.routes.iter().map(|route| Route {
                method: route.method.clone(),
                path: route.path.clone(),
                url: format!("{base_url}{}", route.path),
                function: route.function.clone(),
                pool: match &route.auth {
                    Auth::Pool(pool) => Some(pool.clone()),
                    Auth::None => None,
                },
            });
            Some(Api { id, stage: api.stage.clone(), routes: routes.collect(), base_url })
        });
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
            schema_version: 1,
            stack: scope.stack.clone(),
            account: scope.account.clone(),
            region: scope.region.clone(),
            api,
            pools: stack.pools.keys().filter_map(pool).collect(),
            functions: stack.functions.keys().filter_map(function).collect(),
            topics: stack.topics.iter().filter_map(|name| arn("topic", name)).collect(),
            secrets: stack.secrets.keys().filter_map(|name| arn("secret", name)).collect(),
            firewall: firewall(),
        }
    }

    /// The route of that name (`POST /lambda1`), or of that path where only one has it.
    pub fn route(&self, wanted: &str) -> Option<&Route> {
        let routes = || self.api.iter().flat_map(|api| &api.routes);
        let by_name = routes().find(|route| format!("{} {}", route.method, route.path) == wanted);
        by_name.or_else(|| {
            let mut on_path = routes().filter(|route| route.path == wanted);
            on_path.next().filter(|_| on_path.next().is_none())
        })
    }
}
