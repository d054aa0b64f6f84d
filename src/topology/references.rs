//! Values of functions' variables that are known only once resources exist: ids and URLs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Input;
use super::apis::{HttpApis, RestApis};
use super::identity::Pools;
use super::identity_pools::PoolCaller;
use super::queues::{QueueUrls, Queues};
use super::source::Source;
use crate::aws::apigateway::{RestApi, stage_url};
use crate::aws::apigatewayv2::{HttpApi, domain_url};
use crate::aws::cognito::{AppClient, IdentityPool, UserPool, issuer};
use crate::aws::lambda::Function;
use crate::aws::sqs::Queue;
use crate::engine::{Graph, Handle, Needs};
use crate::scope::Scope;
use crate::spec::{Api, Stack, UNNAMED, Variable};

/// Everything that a variable can refer to, by its name in the stack file.
pub(super) struct References {
    pub pools: Pools,
    pub identity_pools: BTreeMap<String, PoolCaller>,
    rest_apis: RestApis,
    http_apis: HttpApis,
    /// The name and the URL of each API, by the name that variables use.
    urls: BTreeMap<String, (Option<String>, Url)>,
    queues: Queues,
    queue_urls: QueueUrls,
    scope: Scope,
}

/// The URL of an API's stage, except for the API's id.
#[derive(Debug, Clone)]
pub(super) struct Url {
    endpoint: Option<String>,
    scope: Scope,
    stage: String,
    /// The custom domain, if the API has no other host name.
    domain: Option<String>,
}

impl Url {
    fn of(endpoint: Option<&str>, scope: &Scope, api: &Api) -> Self {
        // An emulator has no DNS for custom domains, and does not disable the default endpoint.
        let domain = api.only_domain().filter(|_| endpoint.is_none()).map(|domain| domain.name.clone());
        Self { endpoint: endpoint.map(str::to_owned), scope: scope.clone(), stage: api.stage.clone(), domain }
    }

    fn with(&self, api_id: &str) -> String {
        if let Some(domain) = &self.domain {
            return domain_url(domain);
        }
        stage_url(self.endpoint.as_deref(), &self.scope, api_id, &self.stage)
    }
}

/// The resource from whose outputs the value of a variable is made.
#[derive(Clone)]
pub(super) enum Reference {
    PoolId(Source<UserPool>),
    Issuer(Source<UserPool>, Scope),
    ClientId(Source<AppClient>),
    IdentityPoolId(Handle<IdentityPool>),
    RestApiId(Handle<RestApi>),
    HttpApiId(Handle<HttpApi>),
    Url(Handle<RestApi>, Url),
    Queue(Handle<Queue>, QueueUrls),
}

impl Needs for Reference {
    type Out = String;

    fn indices(&self) -> Vec<usize> {
        match self {
            Self::PoolId(pool) | Self::Issuer(pool, _) => pool.indices(),
            Self::ClientId(client) => client.indices(),
            Self::IdentityPoolId(pool) => pool.indices(),
            Self::RestApiId(api) | Self::Url(api, _) => api.indices(),
            Self::HttpApiId(api) => api.indices(),
            Self::Queue(queue, _) => queue.indices(),
        }
    }

    fn read(&self, outputs: &dyn Fn(usize) -> Value) -> String {
        match self {
            Self::PoolId(pool) => pool.read(outputs).id,
            Self::Issuer(pool, scope) => issuer(scope, &pool.read(outputs).id),
            Self::ClientId(client) => client.read(outputs).client_id,
            Self::IdentityPoolId(pool) => pool.read(outputs).id,
            Self::RestApiId(api) => api.read(outputs).id,
            Self::HttpApiId(api) => api.read(outputs).id,
            Self::Url(api, url) => url.with(&api.read(outputs).id),
            Self::Queue(queue, urls) => urls.url(queue.read(outputs).name()),
        }
    }
}

/// The variables of one function whose values are known only later.
pub(super) type Variables = BTreeMap<String, Reference>;

/// The value of a variable that follows from the stack file alone.
pub(super) fn known(value: &Variable, stack: &Stack, scope: &Scope) -> Option<String> {
    match value {
        Variable::Text(text) => Some(text.clone()),
        Variable::Parameter(name) => Some(name.clone()),
        Variable::Table(name) => Some(scope.physical(name)),
        Variable::Function(name) => Some(stack.called_name(scope, name)),
        Variable::Topic(name) => Some(scope.arn("sns", &scope.physical(name))),
        Variable::PoolId(_)
        | Variable::ClientId(_)
        | Variable::IdentityPoolId(_)
        | Variable::Queue(_)
        | Variable::Url(_)
        | Variable::Issuer(_)
        | Variable::FurtherClientId(..)
        | Variable::ApiId(_) => None,
    }
}

impl References {
    pub(super) fn new(
        from: Input<'_>,
        pools: Pools,
        identity_pools: BTreeMap<String, PoolCaller>,
        (rest_apis, http_apis): (&RestApis, &HttpApis),
        queues: Queues,
    ) -> Self {
        let Input { stack, scope, endpoint, .. } = from;
        let called = stack.all_apis().map(|(name, _)| name.unwrap_or(UNNAMED));
        let urls = called.filter_map(|called| {
            let (name, api) = stack.api_called(called)?;
            Some((called.to_owned(), (name.map(str::to_owned), Url::of(endpoint, scope, api))))
        });
        Self {
            pools,
            identity_pools,
            rest_apis: rest_apis.clone(),
            http_apis: http_apis.clone(),
            urls: urls.collect(),
            queues,
            queue_urls: QueueUrls::of(from),
            scope: scope.clone(),
        }
    }

    /// The variables that refer to resources.
    pub(super) fn of(&self, environment: &BTreeMap<String, Variable>) -> Variables {
        let refers = |(variable, value): (&String, &Variable)| Some((variable.clone(), self.reference(value)?));
        environment.iter().filter_map(refers).collect()
    }

    /// `None`: the value follows from the stack file alone.
    fn reference(&self, value: &Variable) -> Option<Reference> {
        let pools = &self.pools;
        Some(match value {
            Variable::Text(_)
            | Variable::Table(_)
            | Variable::Parameter(_)
            | Variable::Function(_)
            | Variable::Topic(_) => return None,
            Variable::PoolId(pool) => Reference::PoolId(pools.pools.get(pool)?.clone()),
            Variable::Issuer(pool) => Reference::Issuer(pools.pools.get(pool)?.clone(), self.scope.clone()),
            Variable::ClientId(pool) => Reference::ClientId(pools.clients.get(pool)?.clone()),
            Variable::FurtherClientId(pool, client) => {
                Reference::ClientId(Source::Own(*pools.further.get(&(pool.clone(), client.clone()))?))
            }
            Variable::IdentityPoolId(pool) => Reference::IdentityPoolId(self.identity_pools.get(pool)?.pool),
            Variable::Queue(queue) => Reference::Queue(*self.queues.get(queue)?, self.queue_urls.clone()),
            Variable::Url(called) => {
                let (api, url) = self.urls.get(called)?;
                Reference::Url(*self.rest_apis.get(api)?, url.clone())
            }
            Variable::ApiId(api) => match self.rest_apis.get(api) {
                Some(rest) => Reference::RestApiId(*rest),
                None => Reference::HttpApiId(*self.http_apis.get(api)?),
            },
        })
    }

    /// Orders a function after the roles of its identity pools, because new code may need what a new role allows.
    pub(super) fn first(
        &self,
        graph: &mut Graph,
        environment: &BTreeMap<String, Variable>,
        function: Handle<Function>,
    ) {
        for value in environment.values() {
            if let Variable::IdentityPoolId(pool) = value
                && let Some(caller) = self.identity_pools.get(pool)
            {
                graph.order_after(function, caller.policy);
                graph.order_after(function, caller.roles);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arns_that_the_stack_file_gives_are_known_before_anything_exists() {
        let scope = Scope {
            partition: "aws-cn".into(),
            account: "123456789012".into(),
            region: "cn-north-1".into(),
            stack: "shop".into(),
            ..Scope::default()
        };
        let file = "[stack]\nname = \"shop\"\n[functions.F]\nsource = \"f\"\n[functions.G]\nsource = \"g\"\n\
                    provisioned_concurrency = 1\n";
        let stack = crate::spec::parse(file).expect("a stack");
        let value = |variable| known(&variable, &stack, &scope);
        assert_eq!(value(Variable::Function("F".into())).as_deref(), Some("shop-F"));
        assert_eq!(value(Variable::Function("G".into())).as_deref(), Some("shop-G:live"));
        let arn = "arn:aws-cn:sns:cn-north-1:123456789012:shop-news";
        assert_eq!(value(Variable::Topic("news".into())).as_deref(), Some(arn));
        assert_eq!(value(Variable::Table("notes".into())).as_deref(), Some("shop-notes"));
        assert_eq!(value(Variable::Queue("work".into())), None);
    }
}
