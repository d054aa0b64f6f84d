//! The REST API, its stage, and who may call through it. In a first build the permissions to invoke come last of all:
//! until then no route reaches a function, so none is ever reachable before its throttle and its firewall are on
//! (docs/aws.md, Order of creating and deleting). When a stage is there already, what comes last is its move to the new
//! deployment: by then everything that this one leads to may be called, and what the old one leads to is removed only
//! afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::functions::Ready;
use super::ids::Ids;
use super::model::{Api, ApiKind, Auth, Route, Stack};
use crate::aws::apigateway::{
    Authorization, Authorizer, Deployment, Method, Model, Paths, Release, RestApi, Routes, Stage, Validator,
    execute_api_arn, integration_uri,
};
use crate::aws::cognito::UserPool;
use crate::aws::lambda::Permission;
use crate::aws::wafv2::{Association, WebAcl};
use crate::bundle::Bundles;
use crate::engine::{Deferred, Graph, Handle, Needs};
use crate::scope::Scope;

/// Every REST API by itself, without anything in it.
pub(super) fn roots(graph: &mut Graph, stack: &Stack, scope: &Scope) -> BTreeMap<Option<String>, Handle<RestApi>> {
    let mut roots = BTreeMap::new();
    for (name, _) in stack.all_apis().filter(|(_, api)| api.kind == ApiKind::Rest) {
        let ids = Ids(name);
        let id = ids.root(ApiKind::Rest);
        let rest = RestApi {
            id: id.to_string(),
            name: ids.physical(scope),
            description: ids.description(scope),
            enhanced_tls: scope.has_enhanced_tls(),
        };
        roots.insert(name.map(str::to_owned), graph.add(id, (), move |()| rest.clone()));
    }
    roots
}

/// What every API is made from.
pub(super) struct Parts<'a> {
    pub stack: &'a Stack,
    pub scope: &'a Scope,
    pub bundles: &'a Bundles,
    pub functions: &'a BTreeMap<String, Ready>,
    pub pools: &'a BTreeMap<String, Handle<UserPool>>,
    pub firewall: Option<Handle<WebAcl>>,
}

pub(super) fn api(
    graph: &mut Graph,
    (name, wanted): (Option<&str>, &Api),
    api: Handle<RestApi>,
    &Parts { stack, scope, bundles, functions, pools, firewall }: &Parts<'_>,
) {
    let ids = Ids(name);
    let authorizers = authorizers(graph, api, ids, wanted, stack, pools);
    let paths = paths(graph, api, ids, wanted);
    let validator = graph.add_under(api, ids.part("validator"), api, |api| Validator {
        api_id: api.id,
        name: "body-and-parameters".into(),
    });
    let models = models(graph, api, ids, wanted, bundles);
    let routes = routes(graph, api, ids, wanted, scope, bundles, (paths, validator), &authorizers, &models, pools);
    let deployment = graph.add_under(api, ids.part("deployment"), (api, routes), |(api, routes)| Deployment {
        api_id: api.id,
        hash: routes.hash,
    });
    // Where methods are live at once, a route must not lead to a function that is not there yet.
    for ready in functions.values() {
        graph.order_after(routes, ready.function);
    }
    let stage = stage(graph, api, ids, deployment, wanted);

    let association = firewall.map(|web_acl| {
        let needs = (stage, web_acl);
        graph.add_under(stage, ids.association(), needs, |(stage, web_acl)| Association {
            web_acl_arn: web_acl.arn,
            stage_arn: stage.arn,
        })
    });
    let guarded = (stage, Vec::from_iter(association));
    let called = wanted.routes.iter().filter_map(|route| Some((route, *functions.get(&route.function)?)));
    let permissions = called.map(|(route, ready)| {
        invoke_permission(graph, ids, route, ready, guarded.clone(), |(stage, _)| (stage.api_id, stage.name), scope)
    });
    let permissions = permissions.collect();
    release(graph, ids, stage, deployment, association, permissions);
}

/// The stage moves to a new deployment once all that the deployment leads to may be called, and the firewall is on.
fn release(
    graph: &mut Graph,
    ids: Ids<'_>,
    stage: Handle<Stage>,
    deployment: Handle<Deployment>,
    association: Option<Handle<Association>>,
    permissions: Vec<Handle<Permission>>,
) {
    // Where it points can be seen without these.
    let association: Vec<_> = association.into_iter().map(Deferred).collect();
    let permissions: Vec<_> = permissions.into_iter().map(Deferred).collect();
    let needs = (stage, deployment, association, permissions);
    graph.add_under(stage, ids.part("release"), needs, |(stage, deployment, _, _)| Release {
        api_id: stage.api_id,
        stage: stage.name,
        deployment_id: deployment.id,
    });
}

/// The pools that some route names.
pub(super) fn pools_of<'a>(wanted: &'a Api) -> BTreeSet<&'a String> {
    let pool = |route: &'a Route| match &route.auth {
        Auth::Pool(pool) => Some(pool),
        Auth::Iam | Auth::None => None,
    };
    wanted.routes.iter().filter_map(pool).collect()
}

/// One authorizer a pool that some route names.
fn authorizers(
    graph: &mut Graph,
    api: Handle<RestApi>,
    ids: Ids<'_>,
    wanted: &Api,
    stack: &Stack,
    pools: &BTreeMap<String, Handle<UserPool>>,
) -> BTreeMap<String, Handle<Authorizer>> {
    let mut authorizers = BTreeMap::new();
    for name in pools_of(wanted) {
        let (Some(pool), Some(handle)) = (stack.pools.get(name), pools.get(name)) else { continue };
        let authorizer = pool.authorizer.clone();
        let id = ids.of("authorizer", &authorizer);
        let added = graph.add_under(api, id, (api, *handle), move |(api, pool)| Authorizer {
            api_id: api.id,
            name: authorizer.clone(),
            pool_arn: pool.arn,
        });
        authorizers.insert(name.clone(), added);
    }
    authorizers
}

fn paths(graph: &mut Graph, api: Handle<RestApi>, ids: Ids<'_>, wanted: &Api) -> Handle<Paths> {
    let paths: BTreeSet<String> = wanted.routes.iter().map(|route| route.path.clone()).collect();
    graph.add_under(api, ids.part("paths"), api, move |api| Paths {
        api_id: api.id,
        root_id: api.root_resource_id,
        paths: paths.clone(),
    })
}

/// The schemas that some route's bodies must satisfy.
fn bodies(wanted: &Api) -> BTreeSet<&PathBuf> {
    wanted.routes.iter().filter_map(|route| route.body.as_ref()).collect()
}

/// One model a schema, named after its file in letters and digits, which is all API Gateway allows.
fn models(
    graph: &mut Graph,
    api: Handle<RestApi>,
    ids: Ids<'_>,
    wanted: &Api,
    bundles: &Bundles,
) -> BTreeMap<PathBuf, Handle<Model>> {
    let mut models = BTreeMap::new();
    for file in bodies(wanted) {
        let name = model_name(file);
        let schema = bundles.schemas.get(file).cloned().unwrap_or_default();
        let model_name = name.clone();
        let handle = graph.add_under(api, ids.of("model", &name), api, move |api| Model {
            api_id: api.id,
            name: model_name.clone(),
            schema: schema.clone(),
        });
        models.insert(file.clone(), handle);
    }
    models
}

/// `lambdas/external/request.schema.json` is `LambdasExternalRequestSchema`.
pub(super) fn model_name(file: &Path) -> String {
    let text = file.with_extension("").to_string_lossy().into_owned();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(capitalised).collect()
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
    first.to_uppercase() + rest
}

#[allow(clippy::too_many_arguments, reason = "a route is made of all of these")]
fn routes(
    graph: &mut Graph,
    api: Handle<RestApi>,
    ids: Ids<'_>,
    wanted: &Api,
    scope: &Scope,
    bundles: &Bundles,
    (paths, validator): (Handle<Paths>, Handle<Validator>),
    authorizers: &BTreeMap<String, Handle<Authorizer>>,
    models: &BTreeMap<PathBuf, Handle<Model>>,
    pools: &BTreeMap<String, Handle<UserPool>>,
) -> Handle<Routes> {
    let schemas = schemas_of(wanted, &bundles.schemas);
    let (wanted, scope) = (wanted.routes.clone(), scope.clone());
    let pools: BTreeMap<String, Handle<UserPool>> = pools
        .iter()
        .filter(|(name, _)| authorizers.contains_key(*name))
        .map(|(name, pool)| (name.clone(), *pool))
        .collect();
    let needs = ((api, paths, validator), authorizers.clone(), models.clone(), pools);
    graph.add_under(api, ids.part("routes"), needs, move |((api, paths, validator), authorizers, models, pools)| {
        // Schemas and pools are part of what is deployed, though methods only name models and authorizers.
        let pools = pools.iter().map(|(name, pool)| (name.as_str(), pool.arn.as_str()));
        let mut fingerprint = fingerprint(&schemas, pools);
        if api.revision > 0 {
            fingerprint.push_str(&format!(" {}", api.revision));
        }
        let method = |route: &Route| Method {
            resource_id: paths.ids.get(&route.path).cloned().unwrap_or_default(),
            http_method: route.method.clone(),
            authorization: match &route.auth {
                Auth::Pool(pool) => Authorization::Cognito {
                    authorizer_id: authorizers.get(pool).map(|found| found.id.clone()).unwrap_or_default(),
                },
                Auth::Iam => Authorization::Iam,
                Auth::None => Authorization::None,
            },
            validator_id: Some(validator.id.clone()),
            model: route.body.as_ref().and_then(|body| models.get(body)).map(|model| model.name.clone()),
            path_parameters: parameters(&route.path),
            // The function's ARN follows from its name, so that the API need not wait for the function.
            integration_uri: integration_uri(
                &scope,
                &scope.arn("lambda", &format!("function:{}", scope.physical(&route.function))),
            ),
        };
        Routes {
            api_id: api.id,
            methods: wanted.iter().map(|route| (route.name(), method(route))).collect(),
            authorizers: authorizers.into_values().map(|authorizer| (authorizer.id, authorizer.name)).collect(),
            fingerprint,
        }
    })
}

/// This API's own schemas: another's are no reason to deploy this one.
fn schemas_of(wanted: &Api, all: &BTreeMap<PathBuf, String>) -> BTreeMap<PathBuf, String> {
    bodies(wanted).into_iter().filter_map(|file| Some((file.clone(), all.get(file)?.clone()))).collect()
}

/// Stands for schemas by their files, and for pools' ARNs by the pools' names.
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

/// `/items/{id}/{rest+}` has `id` and `rest`.
fn parameters(path: &str) -> Vec<String> {
    let braced = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    braced.map(|name| name.trim_end_matches('+').to_owned()).collect()
}

fn stage(
    graph: &mut Graph,
    api: Handle<RestApi>,
    ids: Ids<'_>,
    deployment: Handle<Deployment>,
    wanted: &Api,
) -> Handle<Stage> {
    let id = ids.of("stage", &wanted.stage);
    let (name, tag) = (wanted.stage.clone(), id.to_string());
    let (rate_limit, burst_limit) = (f64::from(wanted.rate_limit), i32::try_from(wanted.burst_limit).unwrap_or(50));
    graph.add_under(api, id, (api, Deferred(deployment)), move |(api, deployment)| Stage {
        id: tag.clone(),
        api_id: api.id,
        name: name.clone(),
        deployment_id: deployment.map(|deployment| deployment.id),
        rate_limit,
        burst_limit,
    })
}

/// The id of the statement that lets an API call a function for what is called like this.
pub(super) fn permission_sid(name: &str) -> String {
    format!("securelambda-api-{}", &hex::encode(Sha256::digest(name))[..16])
}

/// Lets an API call a route's function. It needs the stage, and whatever else has to be there first; `at` reads from what
/// these are the API's id and the stage's name.
pub(super) fn invoke_permission<N: Needs + Send + Sync + 'static>(
    graph: &mut Graph,
    ids: Ids<'_>,
    route: &Route,
    ready: Ready,
    stage: N,
    at: fn(N::Out) -> (String, String),
    scope: &Scope,
) -> Handle<Permission> {
    // A route that moves to another function gets another permission; the first goes after the move.
    let id = ids.permission(route);
    // The function of two APIs may have a route of the same name in each.
    let sid = permission_sid(&ids.within(&route.name()));
    let (route, scope) = (route.clone(), scope.clone());
    let needs = (ready.function, ready.policy, stage);
    graph.add_under(ready.function, id, needs, move |(function, _, stage)| {
        let (api_id, stage) = at(stage);
        Permission {
            function: function.name,
            sid: sid.clone(),
            principal: "apigateway.amazonaws.com".into(),
            source_arn: execute_api_arn(&scope, &api_id, &stage, &route.method, &route.path),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::parse;

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
    fn a_changed_schema_deploys_the_api_that_checks_by_it_alone() {
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
