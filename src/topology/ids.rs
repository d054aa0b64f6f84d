//! The id of every resource, with the resource's type: what adds a resource to the graph, and what reads its outputs
//! from the state, cannot disagree about its kind.

use std::fmt;
use std::marker::PhantomData;

use crate::aws::apigateway::{
    Authorizer, Deployment, LogRole, Model, Paths, Release, RestApi, Routes, Stage, Validator,
};
use crate::aws::apigatewayv2::{HttpApi, HttpRoutes, HttpStage, JwtAuthorizer};
use crate::aws::cloudwatch::Alarm;
use crate::aws::cognito::{AppClient, IdentityPool, IdentityPoolRoles, ServiceUser, UserPool};
use crate::aws::iam::{Role, RolePolicy};
use crate::aws::kms::Key;
use crate::aws::lambda::{Function, Permission};
use crate::aws::logs::LogGroup;
use crate::aws::secretsmanager::{Rotation, Secret};
use crate::aws::sns::{Subscription, Topic};
use crate::aws::sqs::Queue;
use crate::aws::wafv2::{Association, IpSet, Logging, PoolAssociation, WebAcl};
use crate::engine::{Graph, Handle, Id, Needs, Resource};
use crate::scope::Scope;
use crate::spec::Route;
use crate::state::State;

/// The id of a resource of the type `R`.
pub(crate) struct IdOf<R> {
    id: Id,
    kind: PhantomData<fn() -> R>,
}

impl<R: Resource> IdOf<R> {
    fn new(what: &str, name: &str) -> Self {
        Self { id: Id::new(what, name), kind: PhantomData }
    }

    /// Adds the resource to a graph, standing on its own.
    pub(super) fn add<N: Needs + Send + Sync + 'static>(
        self,
        graph: &mut Graph,
        needs: N,
        desired: impl Fn(N::Out) -> R + Send + Sync + 'static,
    ) -> Handle<R> {
        graph.add(self.id, needs, desired)
    }

    /// Adds the resource to a graph, as a part of `parent`.
    pub(super) fn add_under<P: Resource, N: Needs + Send + Sync + 'static>(
        self,
        graph: &mut Graph,
        parent: Handle<P>,
        needs: N,
        desired: impl Fn(N::Out) -> R + Send + Sync + 'static,
    ) -> Handle<R> {
        graph.add_under(parent, self.id, needs, desired)
    }

    /// The outputs that the state has of the resource, if it exists.
    pub(crate) fn recorded(&self, state: &State) -> Option<R::Outputs> {
        serde_json::from_value(state.outputs(self.id.as_str())?.clone()).ok()
    }

    pub(crate) fn as_str(&self) -> &str {
        self.id.as_str()
    }
}

impl<R> fmt::Display for IdOf<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.id, f)
    }
}

impl<R> From<IdOf<R>> for Id {
    fn from(id: IdOf<R>) -> Self {
        id.id
    }
}

pub(crate) fn topic(name: &str) -> IdOf<Topic> {
    IdOf::new("topic", name)
}

/// A queue for events that functions could not handle.
pub(crate) fn queue(name: &str) -> IdOf<Queue> {
    IdOf::new("queue", name)
}

/// A secret of the stack file, or the one that holds a service user's name and password.
pub(crate) fn secret(name: &str) -> IdOf<Secret> {
    IdOf::new("secret", name)
}

/// How a secret is rotated.
pub(super) fn rotation(secret: &str) -> IdOf<Rotation> {
    IdOf::new("rotation", secret)
}

/// The permission to invoke the function that rotates a secret.
pub(super) fn rotation_permission(secret: &str) -> IdOf<Permission> {
    IdOf::new("permission", &format!("rotation {secret}"))
}

pub(crate) fn pool(name: &str) -> IdOf<UserPool> {
    IdOf::new("pool", name)
}

pub(crate) fn client(pool: &str) -> IdOf<AppClient> {
    IdOf::new("client", pool)
}

pub(super) fn service_user(name: &str) -> IdOf<ServiceUser> {
    IdOf::new("user", name)
}

pub(crate) fn identity_pool(name: &str) -> IdOf<IdentityPool> {
    IdOf::new("identity-pool", name)
}

pub(super) fn identity_pool_roles(identity_pool: &str) -> IdOf<IdentityPoolRoles> {
    IdOf::new("identity-pool-roles", identity_pool)
}

/// The role of an identity pool's users.
pub(crate) fn caller(identity_pool: &str) -> IdOf<Role> {
    IdOf::new("caller", identity_pool)
}

pub(super) fn caller_policy(identity_pool: &str) -> IdOf<RolePolicy> {
    IdOf::new("caller-policy", identity_pool)
}

pub(crate) fn function(name: &str) -> IdOf<Function> {
    IdOf::new("function", name)
}

pub(crate) fn log_group(function: &str) -> IdOf<LogGroup> {
    IdOf::new("logs", function)
}

pub(crate) fn role(function: &str) -> IdOf<Role> {
    IdOf::new("role", function)
}

pub(crate) fn policy(function: &str) -> IdOf<RolePolicy> {
    IdOf::new("policy", function)
}

/// Lets the topic that triggers a function call it.
pub(super) fn trigger_permission(function: &str) -> IdOf<Permission> {
    IdOf::new("permission", function)
}

/// The account's role for API Gateway's logs.
pub(super) fn log_role() -> IdOf<LogRole> {
    IdOf::new("account", "api-logs")
}

pub(super) fn subscription(function: &str) -> IdOf<Subscription> {
    IdOf::new("subscription", function)
}

pub(crate) fn web_acl() -> IdOf<WebAcl> {
    IdOf::new("firewall", "web-acl")
}

/// The IP set for IPv4 or IPv6.
pub(crate) fn ip_set(v6: bool) -> IdOf<IpSet> {
    IdOf::new("firewall", if v6 { "addresses-v6" } else { "addresses-v4" })
}

/// The IP set of the addresses that a rule of the firewall does not concern.
pub(super) fn exempt(rule: &str, v6: bool) -> IdOf<IpSet> {
    IdOf::new("firewall", &format!("rule.{rule}-{}", if v6 { "v6" } else { "v4" }))
}

/// The firewall's log group.
pub(super) fn firewall_log() -> IdOf<LogGroup> {
    IdOf::new("firewall", "log")
}

/// The key of the stack's own.
pub(crate) fn key() -> IdOf<Key> {
    IdOf::new("key", "stack")
}

/// `alarm.errors.Notes`
pub(super) fn alarm(what: &str, of: &str) -> IdOf<Alarm> {
    IdOf::new("alarm", &format!("{what}.{of}"))
}

/// The topic that the alarms tell. Its id is none of a topic of the stack file.
pub(super) fn alarms_topic() -> IdOf<Topic> {
    IdOf::new("alarms", "topic")
}

pub(super) fn logging() -> IdOf<Logging> {
    IdOf::new("firewall", "logging")
}

/// `firewall.pool.Users`
pub(super) fn pool_association(pool: &str) -> IdOf<PoolAssociation> {
    IdOf::new("firewall", &format!("pool.{pool}"))
}

/// The ids of one API's parts, of either kind. Those of a named API contain its name, so that the ids of two APIs
/// differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ApiIds<'a>(pub(crate) Option<&'a str>);

impl ApiIds<'_> {
    /// `stage.development`, or `stage.Age.development`.
    fn of<R: Resource>(self, what: &str, name: &str) -> IdOf<R> {
        match self.0 {
            None => IdOf::new(what, name),
            Some(api) => IdOf::new(what, &format!("{api}.{name}")),
        }
    }

    pub(crate) fn rest(self) -> IdOf<RestApi> {
        self.of("api", "rest")
    }

    pub(crate) fn http(self) -> IdOf<HttpApi> {
        self.of("api", "http")
    }

    pub(super) fn paths(self) -> IdOf<Paths> {
        self.of("api", "paths")
    }

    pub(super) fn validator(self) -> IdOf<Validator> {
        self.of("api", "validator")
    }

    pub(super) fn model(self, name: &str) -> IdOf<Model> {
        self.of("model", name)
    }

    pub(super) fn routes(self) -> IdOf<Routes> {
        self.of("api", "routes")
    }

    /// Another id than [`routes`](Self::routes): an API that changes its kind has routes of the other kind in the
    /// state.
    pub(super) fn http_routes(self) -> IdOf<HttpRoutes> {
        self.of("api", "http-routes")
    }

    pub(super) fn deployment(self) -> IdOf<Deployment> {
        self.of("api", "deployment")
    }

    pub(super) fn release(self) -> IdOf<Release> {
        self.of("api", "release")
    }

    pub(super) fn access_log(self) -> IdOf<LogGroup> {
        self.of("api", "access-log")
    }

    pub(super) fn execution_log(self) -> IdOf<LogGroup> {
        self.of("api", "execution-log")
    }

    pub(super) fn authorizer(self, name: &str) -> IdOf<Authorizer> {
        self.of("authorizer", name)
    }

    pub(super) fn jwt_authorizer(self, name: &str) -> IdOf<JwtAuthorizer> {
        self.of("authorizer", name)
    }

    pub(crate) fn rest_stage(self, name: &str) -> IdOf<Stage> {
        self.of("stage", name)
    }

    pub(crate) fn http_stage(self, name: &str) -> IdOf<HttpStage> {
        self.of("stage", name)
    }

    /// The stage's id, which is the same for both kinds of API.
    pub(crate) fn stage(self, name: &str) -> Id {
        self.rest_stage(name).into()
    }

    /// `firewall.association`, or `firewall.association.Age`.
    pub(crate) fn association(self) -> IdOf<Association> {
        IdOf::new("firewall", &self.0.map_or("association".to_owned(), |api| format!("association.{api}")))
    }

    /// `permission.GET /age AgeFn`, or `permission.Age GET /age AgeFn`.
    pub(super) fn permission(self, route: &Route) -> IdOf<Permission> {
        IdOf::new("permission", &self.within(&format!("{} {}", route.name(), route.function)))
    }

    /// A route's name among those of all APIs: `GET /age`, or `Age GET /age`.
    pub(crate) fn within(self, route: &str) -> String {
        self.0.map_or_else(|| route.to_owned(), |api| format!("{api} {route}"))
    }

    /// The API's name in AWS.
    pub(super) fn physical(self, scope: &Scope) -> String {
        scope.physical(self.0.unwrap_or("api"))
    }

    /// The API's description in AWS.
    pub(super) fn description(self, scope: &Scope) -> String {
        match self.0 {
            None => format!("The API of the stack {}", scope.stack),
            Some(name) => format!("The API {name} of the stack {}", scope.stack),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Bundles;
    use crate::spec::parse;
    use crate::topology::{SecretValues, desired};

    #[test]
    fn the_ids_of_three_apis_differ() {
        // Called as parts of an API are, and all with the same routes.
        let api = |name: &str, kind: &str| {
            format!(
                "[apis.{name}]\nkind = \"{kind}\"\nstage = \"live\"\n[[apis.{name}.routes]]\nroute = \"GET /x\"\n\
                 function = \"F\"\npool = \"P\"\n"
            )
        };
        let text = format!(
            "[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\n[pools.P]\n{}{}{}",
            api("http", "http"),
            api("routes", "http"),
            api("rest", "rest")
        );
        let stack = parse(&text).expect("a sound file");
        let scope = Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            stack: "demo".into(),
        };
        // The graph takes no id twice.
        let graph = desired(&stack, &scope, None, &Bundles::default(), &SecretValues::default(), None);
        let ids: Vec<&str> = graph.ids().map(|(id, _)| id.as_str()).collect();
        for id in ["api.http.http", "api.routes.http", "api.rest.rest", "api.http.http-routes", "api.rest.routes"] {
            assert!(ids.contains(&id), "no {id} among {ids:?}");
        }
        for (id, kind) in graph.ids() {
            let Some((what, rest)) = id.as_str().split_once('.') else { panic!("{id} has no parts") };
            let api = rest.split(['.', ' ']).next().unwrap_or_default();
            if !["api", "stage", "authorizer", "permission"].contains(&what) {
                continue;
            }
            // Whatever is an API's stands on no other API.
            for need in graph.needs(id) {
                let (on, rest) = need.parts();
                let other = rest.split('.').next().unwrap_or_default();
                assert!(!["api", "stage"].contains(&on) || other == api, "{kind} {id} needs {need}");
            }
        }
        let permission = graph.needs(&Id::new("permission", "routes GET /x F"));
        assert!(permission.contains(&&Id::new("stage", "routes.live")), "{permission:?}");
    }

    #[test]
    fn ids_of_a_named_api_contain_its_name() {
        let (bare, named) = (ApiIds(None), ApiIds(Some("Age")));
        assert_eq!([bare.rest().as_str(), bare.http().as_str()], ["api.rest", "api.http"]);
        assert_eq!(named.http().as_str(), "api.Age.http");
        assert_eq!([bare.within("GET /x"), named.within("GET /x")], ["GET /x", "Age GET /x"]);
    }
}
