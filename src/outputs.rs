//! The document of `outputs --json`, on which scripts rely: ids, ARNs and URLs of the resources that exist, by their
//! names in the stack file.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::aws::apigateway::stage_url;
use crate::aws::apigatewayv2::{domain_url, http_stage_url};
use crate::aws::cognito::{sign_in_url, token_url};
use crate::aws::sqs::queue_url;
use crate::scope::Scope;
use crate::spec::{self, ApiKind, Auth, RouteTarget, Stack};
use crate::state::State;
use crate::topology::ids;

/// The version of every JSON document that this program prints. It rises when a field is renamed or removed; fields may
/// be added at any time.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything that a client or a script needs to know about a stack.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Outputs {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    pub stack: String,
    /// Twelve digits.
    pub account: String,
    /// Such as `eu-central-1`.
    pub region: String,
    /// The API without a name, if it exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
    /// The APIs that exist, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub apis: BTreeMap<String, Api>,
    pub pools: BTreeMap<String, Pool>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub identity_pools: BTreeMap<String, IdentityPool>,
    pub functions: BTreeMap<String, Function>,
    pub topics: BTreeMap<String, Arn>,
    /// The queues, if there are any, also those for dead letters and failed events.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub queues: BTreeMap<String, Queue>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, Table>,
    /// The API keys of partners, if there are any. Their values are never part of the outputs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub api_keys: BTreeMap<String, ApiKey>,
    /// ARNs of secrets by name. Values are never part of the outputs.
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
    /// The beginning of every route's URL.
    pub base_url: String,
    /// The custom domain, if the API has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
    /// In the order of the stack file.
    pub routes: Vec<Route>,
}

/// A custom domain of an API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Domain {
    pub name: String,
    /// The beginning of every route's URL behind the domain. It has no stage.
    pub url: String,
    /// The host name of API Gateway to which a DNS record of the name must lead.
    pub target: String,
    /// The hosted zone of that host name, for an alias in Route 53.
    pub target_zone: String,
    /// Whether `up` made the DNS record.
    pub has_record: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Route {
    /// Such as `POST`.
    pub method: String,
    /// Such as `/lambda1`.
    pub path: String,
    pub url: String,
    /// The name of the function that answers. Absent if there is an `integration`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The integration that answers instead of a function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration: Option<Integration>,
    /// The pool whose ID tokens pass; an HTTP API accepts access tokens too. Absent for open and IAM-signed routes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// If there are any, only access tokens of the pool with one of these scopes pass.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// If there are any, only users of the pool who are in one of these groups pass.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The entry of `[authorizers]` whose function decides who may call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorizer: Option<String>,
    /// Whether the route takes IAM-signed requests.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub iam: bool,
    /// Whether callers must also send an API key.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub key: bool,
    /// The callers that the route admits, in words.
    #[serde(skip)]
    pub callers: String,
}

/// The target that answers a route instead of a function.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Integration {
    /// The server at this URL.
    Http(String),
    /// API Gateway itself, always with this status.
    Mock { status: u16 },
}

impl Integration {
    fn of(target: &RouteTarget) -> Option<Self> {
        match target {
            RouteTarget::Function(_) => None,
            RouteTarget::Http { url } => Some(Self::Http(url.clone())),
            RouteTarget::Mock { status, .. } => Some(Self::Mock { status: *status }),
        }
    }
}

impl Route {
    /// The target that answers the route, in words: the name of a function, a URL, or a fixed answer.
    pub fn answered_by(&self) -> String {
        match (&self.function, &self.integration) {
            (Some(function), _) => function.clone(),
            (None, Some(Integration::Http(url))) => url.clone(),
            (None, Some(Integration::Mock { status })) => format!("a fixed answer ({status})"),
            (None, None) => String::new(),
        }
    }
}

/// An API key, without its value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApiKey {
    /// API Gateway's id.
    pub id: String,
    /// The name of its usage plan.
    pub plan: String,
}

/// A user pool and its app clients.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Pool {
    /// Such as `eu-central-1_AbCdEf123`.
    pub id: String,
    pub arn: String,
    /// The id of the first app client, through which users sign in.
    pub client_id: String,
    /// The further app clients, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub clients: BTreeMap<String, PoolClient>,
    /// Where programs get their tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_url: Option<String>,
    /// The URL to which an application sends a user to sign in, if the pool has sign-in pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_in_url: Option<String>,
    /// Whether the pool is not managed by the stack, so that it is only read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub existing: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PoolClient {
    pub client_id: String,
    /// The ARN of the Secrets Manager secret with the client's id and secret, if the client has a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_arn: Option<String>,
}

/// An identity pool and the role of its users.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IdentityPool {
    /// `eu-central-1:` and a GUID.
    pub id: String,
    /// The role of its users.
    pub role_arn: String,
    /// The roles of the members of groups, by the group's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, GroupRole>,
}

/// The role that the members of a group get from an identity pool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupRole {
    pub role_arn: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Function {
    /// The name in AWS.
    pub name: String,
    pub arn: String,
    /// The role that it runs as.
    pub role_arn: String,
    /// The name of its log group.
    pub log_group: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// The name in AWS.
    pub name: String,
    pub arn: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Arn {
    pub arn: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Queue {
    pub arn: String,
    pub url: String,
}

/// The web ACL on the API's stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Firewall {
    pub web_acl_arn: String,
    pub ip_set_arn: String,
}

impl Outputs {
    /// Makes the document from the outputs in the state. Resources that do not exist yet are left out.
    pub fn new(stack: &Stack, scope: &Scope, endpoint: Option<&str>, state: &State) -> Self {
        let api = |(name, api): (Option<&str>, &spec::Api)| {
            let ids = ids::ApiIds(name);
            // An API can be called once its stage exists.
            let (id, base_url) = match api.kind {
                ApiKind::Rest => {
                    let (rest, _) = (ids.rest().recorded(state)?, ids.rest_stage(&api.stage).recorded(state)?);
                    let base_url = stage_url(endpoint, scope, &rest.id, &api.stage);
                    (rest.id, base_url)
                }
                ApiKind::Http => {
                    let (http, _) = (ids.http().recorded(state)?, ids.http_stage(&api.stage).recorded(state)?);
                    let base_url = http_stage_url(endpoint, scope, &http.id, &api.stage);
                    (http.id, base_url)
                }
            };
            let domain = api.domain.as_ref().and_then(|wanted| {
                let known = ids::custom_domain(&wanted.name).recorded(state)?;
                let has_record = ids::record(&wanted.name).recorded(state).is_some();
                let url = domain_url(&known.name);
                Some(Domain { name: known.name, url, target: known.target, target_zone: known.target_zone, has_record })
            });
            // An emulator has no DNS for custom domains, and does not disable the default endpoint.
            let only = domain.as_ref().filter(|_| !api.default_endpoint && endpoint.is_none());
            let base_url = only.map_or(base_url, |domain| domain.url.clone());
            let routes = api.routes.iter().map(|route| Route {
                method: route.method.clone(),
                path: route.path.clone(),
                url: format!("{base_url}{}", route.path),
                function: route.function().cloned(),
                integration: Integration::of(&route.target),
                pool: match &route.auth {
                    Auth::Pool(pool) => Some(pool.clone()),
                    Auth::Lambda(_) | Auth::Iam | Auth::None => None,
                },
                scopes: route.scopes.iter().cloned().collect(),
                groups: route.groups.iter().cloned().collect(),
                authorizer: match &route.auth {
                    Auth::Lambda(name) => Some(name.clone()),
                    Auth::Pool(_) | Auth::Iam | Auth::None => None,
                },
                iam: route.auth == Auth::Iam,
                key: route.key,
                callers: stack.callers(api, route),
            });
            Some(Api { id, stage: api.stage.clone(), routes: routes.collect(), base_url, domain })
        };
        let identity_pool = |(name, wanted): (&String, &spec::IdentityPool)| {
            let (pool, role) = (ids::identity_pool(name).recorded(state)?, ids::caller(name).recorded(state)?);
            let of_group = |group: &spec::GroupAllow| {
                let role = ids::member(name, &group.group).recorded(state)?;
                Some((group.group.clone(), GroupRole { role_arn: role.arn }))
            };
            let groups = wanted.groups.iter().filter_map(of_group).collect();
            Some((name.clone(), IdentityPool { id: pool.id, role_arn: role.arn, groups }))
        };
        let pool = |(name, wanted): (&String, &spec::Pool)| {
            let (pool, client) = (ids::pool(name).recorded(state)?, ids::client(name).recorded(state)?);
            let further = |client: &String| {
                let client_id = ids::further_client(name, client).recorded(state)?.client_id;
                let secret_arn = ids::client_secret(name, client).recorded(state).map(|secret| secret.arn);
                Some((client.clone(), PoolClient { client_id, secret_arn }))
            };
            let domain = ids::domain(name).recorded(state).map(|domain| domain.domain);
            let pages = wanted.pages().is_some();
            let pool = Pool {
                id: pool.id,
                arn: pool.arn,
                client_id: client.client_id,
                clients: wanted.clients.keys().filter_map(further).collect(),
                sign_in_url: domain.as_deref().filter(|_| pages).map(|domain| sign_in_url(endpoint, scope, domain)),
                token_url: domain.map(|domain| token_url(endpoint, scope, &domain)),
                existing: false,
            };
            Some((name.clone(), pool))
        };
        let theirs = |(name, theirs): (&String, &spec::ExistingPool)| {
            let own = || Some(ids::client(name).recorded(state)?.client_id);
            let client_id = theirs.client_id.clone().or_else(own)?;
            let (id, arn) = (theirs.id.clone(), theirs.arn(scope));
            Some((name.clone(), Pool { id, arn, client_id, existing: true, ..Pool::default() }))
        };
        let function = |name: &String| {
            let function = ids::function(name).recorded(state)?;
            let (role, logs) = (ids::role(name).recorded(state)?, ids::log_group(name).recorded(state)?);
            let (role_arn, log_group) = (role.arn, logs.name);
            Some((name.clone(), Function { name: function.name, arn: function.arn, role_arn, log_group }))
        };
        let firewall = || {
            let (web_acl, ip_set) = (ids::web_acl().recorded(state)?, ids::ip_set(false).recorded(state)?);
            Some(Firewall { web_acl_arn: web_acl.arn, ip_set_arn: ip_set.arn })
        };
        let topic = |name: &String| Some((name.clone(), Arn { arn: ids::topic(name).recorded(state)?.arn }));
        let queue = |name: String| {
            let queue = ids::queue(&name).recorded(state)?;
            let url = queue_url(endpoint, scope, queue.name());
            Some((name, Queue { arn: queue.arn, url }))
        };
        let table = |name: &String| {
            let arn = ids::table(name).recorded(state)?.arn;
            Some((name.clone(), Table { name: scope.physical(name), arn }))
        };
        let api_key = |(name, plan): (&str, &str)| {
            let id = ids::api_key(name).recorded(state)?.id;
            Some((name.to_owned(), ApiKey { id, plan: plan.to_owned() }))
        };
        let secret = |name: &String| Some((name.clone(), Arn { arn: ids::secret(name).recorded(state)?.arn }));
        Self {
            schema_version: SCHEMA_VERSION,
            stack: scope.stack.clone(),
            account: scope.account.clone(),
            region: scope.region.clone(),
            api: stack.api.as_ref().and_then(|one| api((None, one))),
            apis: stack.apis.iter().filter_map(|(name, one)| Some((name.clone(), api((Some(name), one))?))).collect(),
            identity_pools: stack.identity_pools.iter().filter_map(identity_pool).collect(),
            pools: stack.pools.iter().filter_map(pool).chain(stack.existing_pools.iter().filter_map(theirs)).collect(),
            functions: stack.functions.keys().filter_map(function).collect(),
            topics: stack.topics.keys().filter_map(topic).collect(),
            queues: stack.all_queues().into_keys().filter_map(queue).collect(),
            tables: stack.tables.keys().filter_map(table).collect(),
            api_keys: stack.api_keys().into_iter().filter_map(api_key).collect(),
            secrets: stack.secrets.keys().chain(stack.service_users.keys()).filter_map(secret).collect(),
            firewall: firewall(),
        }
    }

    /// All APIs with their names. The API without a name is first.
    pub fn all_apis(&self) -> impl Iterator<Item = (Option<&str>, &Api)> {
        let further = self.apis.iter().map(|(name, api)| (Some(name.as_str()), api));
        self.api.iter().map(|api| (None, api)).chain(further)
    }

    /// Every ARN that these outputs contain: the fields `arn` and those whose names end with `_arn`.
    pub fn arns(&self) -> Vec<String> {
        let mut arns = Vec::new();
        let mut parts = vec![(String::new(), serde_json::to_value(self).unwrap_or_default())];
        while let Some((name, part)) = parts.pop() {
            match part {
                Value::String(text) if name == "arn" || name.ends_with("_arn") => arns.push(text),
                Value::Array(items) => parts.extend(items.into_iter().map(|item| (String::new(), item))),
                Value::Object(fields) => parts.extend(fields),
                _ => {}
            }
        }
        arns
    }

    /// The routes of all APIs.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.all_apis().flat_map(|(_, api)| &api.routes)
    }
}
