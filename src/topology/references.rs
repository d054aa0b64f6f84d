//! Values of functions' variables that are known only once resources exist: ids and URLs.

use std::collections::BTreeMap;

use super::Input;
use super::identity::Pools;
use super::identity_pools::PoolCaller;
use super::queues::{QueueUrls, Queues};
use super::source::Source;
use crate::aws::apigateway::{RestApi, stage_url};
use crate::aws::apigatewayv2::domain_url;
use crate::aws::cognito::{AppClient, IdentityPool, UserPool};
use crate::aws::lambda::Function;
use crate::aws::sqs::Queue;
use crate::engine::{Graph, Handle};
use crate::scope::Scope;
use crate::spec::{Api, Stack, Variable};

/// Everything that a variable can refer to, by its name in the stack file.
pub(super) struct References {
    pub pools: Pools,
    pub identity_pools: BTreeMap<String, PoolCaller>,
    pub apis: BTreeMap<String, Handle<RestApi>>,
    /// By the API's name.
    pub urls: BTreeMap<String, Url>,
    pub queues: Queues,
    pub queue_urls: QueueUrls,
}

/// The URL of an API's stage, except for the API's id.
#[derive(Debug, Clone)]
pub(super) struct Url {
    endpoint: Option<String>,
    scope: Scope,
    stage: String,
    /// The custom domain, if nothing else answers.
    domain: Option<String>,
}

impl Url {
    fn of(endpoint: Option<&str>, scope: &Scope, api: &Api) -> Self {
        // An emulator has no DNS, and does not close its own addresses.
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

/// The resources that the variables of one function refer to, by the variable.
pub(super) type Used = (
    BTreeMap<String, Source<UserPool>>,
    BTreeMap<String, Source<AppClient>>,
    BTreeMap<String, Handle<IdentityPool>>,
    BTreeMap<String, Handle<RestApi>>,
    BTreeMap<String, Handle<Queue>>,
);

/// The variables of one function whose values are known only later.
pub(super) struct Variables {
    pub used: Used,
    /// By the variable.
    pub urls: BTreeMap<String, Url>,
    pub queue_urls: QueueUrls,
}

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
        | Variable::Url(_) => None,
    }
}

impl References {
    pub(super) fn new(
        from: Input<'_>,
        pools: Pools,
        identity_pools: BTreeMap<String, PoolCaller>,
        roots: &BTreeMap<Option<String>, Handle<RestApi>>,
        queues: Queues,
    ) -> Self {
        let Input { stack, scope, endpoint, .. } = from;
        let apis = roots.iter().filter_map(|(name, root)| Some((name.clone()?, *root))).collect();
        let urls = stack.apis.iter().map(|(name, api)| (name.clone(), Url::of(endpoint, scope, api)));
        Self { pools, identity_pools, apis, urls: urls.collect(), queues, queue_urls: QueueUrls::of(from) }
    }

    /// The variables that refer to something.
    pub(super) fn of(&self, environment: &BTreeMap<String, Variable>) -> Variables {
        let (mut used, mut urls) = (Used::default(), BTreeMap::new());
        for (variable, value) in environment {
            let key = variable.clone();
            match value {
                // Their values follow from the stack file alone.
                Variable::Text(_)
                | Variable::Table(_)
                | Variable::Parameter(_)
                | Variable::Function(_)
                | Variable::Topic(_) => {}
                Variable::PoolId(pool) => used.0.extend(self.pools.pools.get(pool).map(|pool| (key, pool.clone()))),
                Variable::ClientId(pool) => {
                    used.1.extend(self.pools.clients.get(pool).map(|client| (key, client.clone())));
                }
                Variable::IdentityPoolId(pool) => {
                    used.2.extend(self.identity_pools.get(pool).map(|caller| (key, caller.pool)));
                }
                Variable::Queue(queue) => used.4.extend(self.queues.get(queue).map(|handle| (key, *handle))),
                Variable::Url(api) => {
                    used.3.extend(self.apis.get(api).map(|handle| (key.clone(), *handle)));
                    urls.extend(self.urls.get(api).map(|url| (key, url.clone())));
                }
            }
        }
        Variables { used, urls, queue_urls: self.queue_urls.clone() }
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

impl Variables {
    /// The values of the variables, from the outputs of the resources.
    pub(super) fn read(
        (urls, queue_urls): (&BTreeMap<String, Url>, &QueueUrls),
        (pools, clients, identity_pools, apis, queues): <Used as crate::engine::Needs>::Out,
    ) -> BTreeMap<String, String> {
        let ids = pools.into_iter().map(|(variable, pool)| (variable, pool.id));
        let clients = clients.into_iter().map(|(variable, client)| (variable, client.client_id));
        let identity_pools = identity_pools.into_iter().map(|(variable, pool)| (variable, pool.id));
        let apis = apis.into_iter().filter_map(|(variable, api)| {
            let url = urls.get(&variable)?.with(&api.id);
            Some((variable, url))
        });
        let queues = queues.into_iter().map(|(variable, queue)| (variable, queue_urls.url(queue.name())));
        ids.chain(clients).chain(identity_pools).chain(apis).chain(queues).collect()
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
