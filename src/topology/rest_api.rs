//! A REST API, its stage, and the permissions to call functions through it.
//!
//! When a stack is created, the permissions to invoke functions come last. Until then no route reaches a function, so
//! no function is reachable before the throttle and the firewall are on (docs/aws.md, Order of creating and deleting).
//! When a stage exists, its move to the new deployment comes last: by then the API may call every function of the new
//! deployment, and functions that only the old one used are removed afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::apis::{ApiIds, Parts, RestApis, access_log, invoke_permission, pools_of, retention_days};
use super::id::IdOf;
use super::rest_stage::{Logs, execution_log, method_limits, stage};
use super::source::Source;
use super::{Input, authorizers, cors, domains, targets};
use crate::aws::apigateway::{
    Authorization, Authorizer, Deployment, GatewayResponses, Integration, LOG_ROLE, LogRole, Method, Model, Paths,
    Release, RestApi, Routes, Stage, TIMEOUT_MS, Validator,
};
use crate::aws::cognito::UserPool;
use crate::aws::lambda::Permission;
use crate::aws::logs::LogGroup;
use crate::aws::wafv2::Association;
use crate::bundle::Bundles;
use crate::engine::{Deferred, Graph, Handle};
use crate::scope::Scope;
use crate::spec::names::body_model;
use crate::spec::{Api, ApiKind, Auth, Route, Stack};

impl ApiIds<'_> {
    pub(crate) fn rest(self) -> IdOf<RestApi> {
        self.of("api", "rest")
    }

    fn paths(self) -> IdOf<Paths> {
        self.of("api", "paths")
    }

    fn validator(self) -> IdOf<Validator> {
        self.of("api", "validator")
    }

    fn model(self, name: &str) -> IdOf<Model> {
        self.of("model", name)
    }

    pub(super) fn routes(self) -> IdOf<Routes> {
        self.of("api", "routes")
    }

    fn deployment(self) -> IdOf<Deployment> {
        self.of("api", "deployment")
    }

    pub(crate) fn release(self) -> IdOf<Release> {
        self.of("api", "release")
    }

    pub(super) fn execution_log(self) -> IdOf<LogGroup> {
        self.of("api", "execution-log")
    }

    fn authorizer(self, name: &str) -> IdOf<Authorizer> {
        self.of("authorizer", name)
    }

    pub(crate) fn rest_stage(self, name: &str) -> IdOf<Stage> {
        self.of("stage", name)
    }

    /// `firewall.association`, or `firewall.association.Age`.
    pub(crate) fn association(self) -> IdOf<Association> {
        IdOf::new("firewall", &self.0.map_or("association".to_owned(), |api| format!("association.{api}")))
    }
}

mod ids {
    use crate::aws::apigateway::LogRole;
    use crate::topology::id::IdOf;

    /// The account's role for API Gateway's logs.
    pub(super) fn log_role() -> IdOf<LogRole> {
        IdOf::new("account", "api-logs")
    }
}

/// The REST APIs, without paths, stages and other parts.
pub(super) fn roots(graph: &mut Graph, Input { stack, scope, .. }: Input<'_>) -> RestApis {
    let mut roots = RestApis::new();
    for (name, wanted) in stack.all_apis().filter(|(_, api)| api.kind == ApiKind::Rest) {
        let ids = ApiIds(name);
        let id = ids.rest();
        let rest = RestApi {
            id: id.to_string(),
            name: ids.physical(scope),
            description: ids.description(scope),
            enhanced_tls: scope.has_enhanced_tls(),
            tls: wanted.tls,
            binary: wanted.binary.iter().cloned().collect(),
            default_endpoint: wanted.default_endpoint,
            policy: wanted.resource_policy(),
            invoked_as: scope.arn("execute-api", ""),
            has_gateway_responses: wanted.cors.is_some(),
            signed_routes: wanted.signed_resources(),
        };
        roots.insert(name.map(str::to_owned), id.add(graph, (), move |()| rest.clone()));
    }
    roots
}

/// API Gateway's role for logs, if an API logs anything.
pub(super) fn log_role(graph: &mut Graph, Input { stack, scope, .. }: Input<'_>) -> Option<Handle<LogRole>> {
    // Other stacks use the role too, so it stays even if this stack no longer uses it.
    graph.keep::<LogRole>();
    let logs = stack.all_apis().any(|(_, api)| api.logs.any());
    let role = LogRole {
        role_arn: format!("arn:{}:iam::{}:role/{LOG_ROLE}", scope.partition, scope.account),
        boundary: stack.permissions_boundary.clone(),
    };
    logs.then(|| ids::log_role().add(graph, (), move |()| role.clone()))
}

pub(super) fn api(
    graph: &mut Graph,
    from: Input<'_>,
    (name, wanted): (Option<&str>, &Api),
    api: Handle<RestApi>,
    &Parts { functions, pools, firewall, .. }: &Parts<'_>,
    log_role: Option<Handle<LogRole>>,
) -> Handle<Stage> {
    let Input { stack, scope, bundles, .. } = from;
    let pools = &pools.pools;
    let ids = ApiIds(name);
    let by_pool = authorizers(graph, api, ids, wanted, stack, pools);
    let (by_function, asking) = authorizers::of_rest(graph, api, ids, (wanted, stack, scope), functions);
    let paths = paths(graph, api, ids, wanted);
    let validator = ids
        .validator()
        .add_under(graph, api, api, |api| Validator { api_id: api.id, name: "body-and-parameters".into() });
    let models = models(graph, api, ids, wanted, bundles);
    let responses = cors::gateway_responses(graph, api, ids, wanted);
    let parts = (paths, validator, responses);
    let authorizers = (&by_pool, &by_function);
    let routes = routes(graph, api, ids, wanted, (stack, scope), bundles, parts, authorizers, &models, pools);
    let deployment = ids
        .deployment()
        .add_under(graph, api, (api, routes), |(api, routes)| Deployment { api_id: api.id, hash: routes.hash });
    // Changed methods can be live at once, so a route must not lead to a function that does not exist yet.
    for ready in functions.values() {
        ready.called.comes_before(graph, routes);
    }
    let logs = Logs {
        access: wanted.logs.access.then(|| access_log(graph, from, ids, functions, wanted)),
        execution: execution_log(graph, from, api, ids, retention_days(functions, wanted, stack), wanted),
        role: log_role.filter(|_| wanted.logs.any()),
    };
    let stage = stage(graph, api, ids, deployment, wanted, scope, logs);

    let association = firewall.map(|web_acl| {
        let needs = (stage, web_acl);
        ids.association().add_under(graph, stage, needs, |(stage, web_acl)| Association::new(web_acl.arn, stage.arn))
    });
    // A permission can be read while the association is missing. It is created only after the association.
    let guarded = (stage, Vec::from_iter(association.map(Deferred)));
    let called = wanted.routes.iter().filter_map(|route| Some((route, *functions.get(route.function()?)?)));
    let permissions = called.map(|(route, ready)| {
        invoke_permission(graph, ids, route, ready, guarded.clone(), |(stage, _)| (stage.api_id, stage.name), scope)
    });
    let permissions = permissions.chain(asking).collect();
    let domain = domains::domain(graph, wanted, stage, |stage| (stage.api_id, stage.name));
    let released = release(graph, ids, wanted, stage, deployment, association, permissions);
    // The release may disable the API's default endpoint, so the domain must lead to the API before the release.
    if let Some(domain) = domain {
        domain.comes_before(graph, released);
    }
    stage
}

/// Moves the stage to a new deployment once the API may call all of its functions and the firewall is on.
fn release(
    graph: &mut Graph,
    ids: ApiIds<'_>,
    wanted: &Api,
    stage: Handle<Stage>,
    deployment: Handle<Deployment>,
    association: Option<Handle<Association>>,
    permissions: Vec<Handle<Permission>>,
) -> Handle<Release> {
    let (limits, execution_log) = (method_limits(wanted), wanted.logs.execution);
    let default_endpoint = wanted.default_endpoint;
    // The stage's current deployment can be read without these.
    let association: Vec<_> = association.into_iter().map(Deferred).collect();
    let permissions: Vec<_> = permissions.into_iter().map(Deferred).collect();
    let needs = (stage, deployment, association, permissions);
    ids.release().add_under(graph, stage, needs, move |(stage, deployment, _, _)| Release {
        api_id: stage.api_id,
        stage: stage.name,
        deployment_id: deployment.id,
        limits: limits.clone(),
        execution_log,
        default_endpoint,
    })
}

/// An authorizer for each pool that the API's routes name.
fn authorizers(
    graph: &mut Graph,
    api: Handle<RestApi>,
    ids: ApiIds<'_>,
    wanted: &Api,
    stack: &Stack,
    pools: &BTreeMap<String, Source<UserPool>>,
) -> BTreeMap<String, Handle<Authorizer>> {
    let mut authorizers = BTreeMap::new();
    for name in pools_of(wanted) {
        let (Some(authorizer), Some(pool)) = (stack.authorizer_of(name), pools.get(name)) else { continue };
        let authorizer = authorizer.clone();
        let id = ids.authorizer(&authorizer);
        let added = id.add_under(graph, api, (api, pool.clone()), move |(api, pool)| Authorizer {
            api_id: api.id,
            name: authorizer.clone(),
            pool_arn: pool.arn,
        });
        authorizers.insert(name.clone(), added);
    }
    authorizers
}

fn paths(graph: &mut Graph, api: Handle<RestApi>, ids: ApiIds<'_>, wanted: &Api) -> Handle<Paths> {
    let paths: BTreeSet<String> = wanted.routes.iter().map(|route| route.path.clone()).collect();
    ids.paths().add_under(graph, api, api, move |api| Paths {
        api_id: api.id,
        root_id: api.root_resource_id,
        paths: paths.clone(),
    })
}

/// The body schemas of the API's routes.
fn bodies(wanted: &Api) -> BTreeSet<&PathBuf> {
    wanted.routes.iter().filter_map(|route| route.body.as_ref()).collect()
}

/// A model for each body schema.
fn models(
    graph: &mut Graph,
    api: Handle<RestApi>,
    ids: ApiIds<'_>,
    wanted: &Api,
    bundles: &Bundles,
) -> BTreeMap<PathBuf, Handle<Model>> {
    let mut models = BTreeMap::new();
    for file in bodies(wanted) {
        let name = body_model(file);
        let schema = bundles.schemas.get(file).cloned().unwrap_or_default();
        let model_name = name.clone();
        let handle = ids.model(&name).add_under(graph, api, api, move |api| Model {
            api_id: api.id,
            name: model_name.clone(),
            schema: schema.clone(),
        });
        models.insert(file.clone(), handle);
    }
    models
}

#[allow(clippy::too_many_arguments, reason = "a route is made of all of these")]
fn routes(
    graph: &mut Graph,
    api: Handle<RestApi>,
    ids: ApiIds<'_>,
    wanted: &Api,
    (stack, scope): (&Stack, &Scope),
    bundles: &Bundles,
    (paths, validator, responses): (Handle<Paths>, Handle<Validator>, Option<Handle<GatewayResponses>>),
    (authorizers, by_function): (&BTreeMap<String, Handle<Authorizer>>, &authorizers::OfRest),
    models: &BTreeMap<PathBuf, Handle<Model>>,
    pools: &BTreeMap<String, Source<UserPool>>,
) -> Handle<Routes> {
    let schemas = schemas_of(wanted, &bundles.schemas);
    let functions = authorizers::fingerprint(wanted, stack, scope);
    let (wanted, stack, scope) = (wanted.clone(), stack.clone(), scope.clone());
    let pools: BTreeMap<String, Source<UserPool>> = pools
        .iter()
        .filter(|(name, _)| authorizers.contains_key(*name))
        .map(|(name, pool)| (name.clone(), pool.clone()))
        .collect();
    let responses: Vec<_> = responses.into_iter().collect();
    let authorizers = (authorizers.clone(), by_function.clone());
    let needs = ((api, paths, validator, responses), authorizers, models.clone(), pools);
    ids.routes().add_under(
        graph,
        api,
        needs,
        move |((api, paths, validator, responses), (authorizers, by_function), models, pools)| {
            // A deployment contains schemas and pools, although methods only name models and authorizers.
            let pools = pools.iter().map(|(name, pool)| (name.as_str(), pool.arn.as_str()));
            let mut fingerprint = fingerprint(&schemas, pools);
            if api.revision > 0 {
                fingerprint.push_str(&format!(" {}", api.revision));
            }
            fingerprint.push_str(&functions);
            // A deployment also contains the gateway's own answers.
            for responses in responses {
                fingerprint.push_str(&format!("{} {}", cors::fingerprint(&wanted), responses.revision));
            }
            let of_function = |name: Option<String>| Authorization::Custom {
                authorizer_id: name
                    .and_then(|name| by_function.get(&name))
                    .map(|found| found.id.clone())
                    .unwrap_or_default(),
            };
            let method = |route: &Route| Method {
                resource_id: paths.ids.get(&route.path).cloned().unwrap_or_default(),
                http_method: route.method.clone(),
                authorization: match &route.auth {
                    Auth::Pool(pool) if route.groups.is_empty() => Authorization::Cognito {
                        authorizer_id: authorizers.get(pool).map(|found| found.id.clone()).unwrap_or_default(),
                        scopes: route.scopes.clone(),
                    },
                    Auth::Pool(_) | Auth::Lambda(_) => of_function(route.authorizer()),
                    Auth::Iam => Authorization::Iam,
                    Auth::None => Authorization::None,
                },
                validator_id: Some(validator.id.clone()),
                model: route.body.as_ref().and_then(|body| models.get(body)).map(|model| model.name.clone()),
                api_key_required: route.key,
                required: required(route),
                integration: Integration {
                    answer: targets::of_rest(route, wanted.cors.as_ref(), &stack, &scope),
                    timeout_ms: route.timeout_ms().unwrap_or(TIMEOUT_MS),
                },
            };
            let preflights = cors::preflights(&wanted, &paths);
            Routes {
                api_id: api.id,
                methods: wanted.routes.iter().map(|route| (route.name(), method(route))).chain(preflights).collect(),
                authorizers: authorizers
                    .into_values()
                    .map(|authorizer| (authorizer.id, authorizer.name))
                    .chain(by_function.into_values().map(|authorizer| (authorizer.id, authorizer.name)))
                    .collect(),
                fingerprint,
            }
        },
    )
}

/// This API's own schemas. Changes of other schemas must not deploy this API again.
fn schemas_of(wanted: &Api, all: &BTreeMap<PathBuf, String>) -> BTreeMap<PathBuf, String> {
    bodies(wanted).into_iter().filter_map(|file| Some((file.clone(), all.get(file)?.clone()))).collect()
}

/// A digest of schemas and pools' ARNs.
fn fingerprint<'a>(schemas: &BTreeMap<PathBuf, String>, pools: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut digest = Sha256::new();
    for (file, schema) in schemas {
        digest.update(format!("{}\0{schema}\0", file.to_string_lossy()));
    }
    for (name, arn) in pools {
        digest.update(format!("{name}\0{arn}\0"));
    }
    hex::encode(digest.finalize())
}

/// The required parameters of requests, by AWS's names. `/items/{id}/{rest+}` has `id` and `rest`.
fn required(route: &Route) -> BTreeSet<String> {
    let path = route.path_parameters().map(|name| format!("method.request.path.{name}"));
    let query = route.parameters.query.iter().map(|name| format!("method.request.querystring.{name}"));
    let headers = route.parameters.headers.iter().map(|name| format!("method.request.header.{name}"));
    path.chain(query).chain(headers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn schemas(a: &str, b: &str) -> BTreeMap<PathBuf, String> {
        [("a.schema.json", a), ("b.schema.json", b)].map(|(file, text)| (file.into(), text.to_owned())).into()
    }

    /// The fingerprint of every API.
    fn fingerprints(stack: &Stack, schemas: &BTreeMap<PathBuf, String>) -> Vec<String> {
        let of = |api: &Api| fingerprint(&schemas_of(api, schemas), [("People", "arn:people")].into_iter());
        stack.all_apis().map(|(_, api)| of(api)).collect()
    }

    const ONE: &str = r#"
        [stack]
        name = "demo"
        [functions.F]
        source = "f"
        [pools.People]
        [[api.routes]]
        route = "POST /a"
        function = "F"
        pool = "People"
        body = "a.schema.json"
    "#;

    #[test]
    fn a_changed_schema_deploys_only_the_api_that_uses_it() {
        let other = r#"
            [[apis.Other.routes]]
            route = "POST /b"
            function = "F"
            pool = "People"
            body = "b.schema.json"
        "#;
        let stack = parse(&format!("{ONE}{other}")).expect("a sound file");
        let before = fingerprints(&stack, &schemas("{}", "{}"));
        let after = fingerprints(&stack, &schemas("{}", r#"{"type":"object"}"#));
        assert_eq!(before[0], after[0]);
        assert_ne!(before[1], after[1]);
    }

    #[test]
    fn the_fingerprint_is_the_same_in_every_build_of_this_program() {
        let stack = parse(ONE).expect("a sound file");
        let own = schemas("{}", "not a part of it");
        assert_eq!(fingerprints(&stack, &own), ["761c8824e604095fd88af53694bc9dad4c17dfe78ce06451562dc43702a0303d"]);
    }
}
