//! The REST API, its stage, and who may call through it. The permissions to invoke come last of all: until then no route
//! reaches a function, so none is ever reachable before its throttle and its firewall are on (reference, 1.4).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::functions::Ready;
use super::model::{Api, Auth, Route, Stack};
use crate::aws::apigateway::{
    Authorization, Authorizer, Deployment, Method, Model, Paths, RestApi, Routes, Stage, Validator, execute_api_arn,
    integration_uri,
};
use crate::aws::cognito::UserPool;
use crate::aws::lambda::Permission;
use crate::aws::wafv2::{Association, WebAcl};
use crate::bundle::Bundles;
use crate::engine::{Graph, Handle, Id};
use crate::scope::Scope;

#[allow(clippy::too_many_arguments, reason = "the API is where everything meets")]
pub(super) fn api(
    graph: &mut Graph,
    wanted: &Api,
    stack: &Stack,
    scope: &Scope,
    bundles: &Bundles,
    functions: &BTreeMap<String, Ready>,
    pools: &BTreeMap<String, Handle<UserPool>>,
    firewall: Option<Handle<WebAcl>>,
) {
    let id = Id::new("api", "rest");
    let rest = RestApi {
        id: id.to_string(),
        name: scope.physical("api"),
        description: format!("The API of the stack {}", scope.stack),
    };
    let api = graph.add(id, (), move |()| rest.clone());

    let authorizers = authorizers(graph, api, wanted, stack, pools);
    let paths = paths(graph, api, wanted);
    let validator = graph.add_under(api, Id::new("api", "validator"), api, |api| Validator {
        api_id: api.id,
        name: "body-and-parameters".into(),
    });
    let models = models(graph, api, wanted, bundles);
    let routes = routes(graph, api, wanted, scope, bundles, (paths, validator), &authorizers, &models, pools);
    let deployment = graph.add_under(api, Id::new("api", "deployment"), (api, routes), |(api, routes)| Deployment {
        api_id: api.id,
        hash: routes.hash,
    });
    let stage = stage(graph, api, deployment, wanted);

    let association = firewall.map(|web_acl| {
        let needs = (stage, web_acl);
        graph.add_under(stage, Id::new("firewall", "association"), needs, |(stage, web_acl)| Association {
            web_acl_arn: web_acl.arn,
            stage_arn: stage.arn,
        })
    });
    for route in &wanted.routes {
        if let Some(ready) = functions.get(&route.function) {
            invoke_permission(graph, route, *ready, stage, association, scope);
        }
    }
}

/// One authorizer a pool that some route names.
fn authorizers(
    graph: &mut Graph,
    api: Handle<RestApi>,
    wanted: &Api,
    stack: &Stack,
    pools: &BTreeMap<String, Handle<UserPool>>,
) -> BTreeMap<String, Handle<Authorizer>> {
    let used: BTreeSet<&String> = wanted
        .routes
        .iter()
        .filter_map(|route| match &route.auth {
            Auth::Pool(pool) => Some(pool),
            Auth::None => None,
        })
        .collect();
    let mut authorizers = BTreeMap::new();
    for name in used {
        let (Some(pool), Some(handle)) = (stack.pools.get(name), pools.get(name)) else { continue };
        let authorizer = pool.authorizer.clone();
        let id = Id::new("authorizer", &authorizer);
        let added = graph.add_under(api, id, (api, *handle), move |(api, pool)| Authorizer {
            api_id: api.id,
            name: authorizer.clone(),
            pool_arn: pool.arn,
        });
        authorizers.insert(name.clone(), added);
    }
    authorizers
}

fn paths(graph: &mut Graph, api: Handle<RestApi>, wanted: &Api) -> Handle<Paths> {
    let paths: BTreeSet<String> = wanted.routes.iter().map(|route| route.path.clone()).collect();
    graph.add_under(api, Id::new("api", "paths"), api, move |api| Paths {
        api_id: api.id,
        root_id: api.root_resource_id,
        paths: paths.clone(),
    })
}

/// One model a schema, named after its file in letters and digits, which is all API Gateway allows.
fn models(
    graph: &mut Graph,
    api: Handle<RestApi>,
    wanted: &Api,
    bundles: &Bundles,
) -> BTreeMap<PathBuf, Handle<Model>> {
    let mut models = BTreeMap::new();
    let files: BTreeSet<&PathBuf> = wanted.routes.iter().filter_map(|route| route.body.as_ref()).collect();
    for file in files {
        let text = file.with_extension("").to_string_lossy().into_owned();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let name: String = words.map(capitalised).collect();
        let schema = bundles.schemas.get(file).cloned().unwrap_or_default();
        let model_name = name.clone();
        let handle = graph.add_under(api, Id::new("model", &name), api, move |api| Model {
            api_id: api.id,
            name: model_name.clone(),
            schema: schema.clone(),
        });
        models.insert(file.clone(), handle);
    }
    models
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
    first.to_uppercase() + rest
}

#[allow(clippy::too_many_arguments, reason = "a route is made of all of these")]
fn routes(
    graph: &mut Graph,
    api: Handle<RestApi>,
    wanted: &Api,
    scope: &Scope,
    bundles: &Bundles,
    (paths, validator): (Handle<Paths>, Handle<Validator>),
    authorizers: &BTreeMap<String, Handle<Authorizer>>,
    models: &BTreeMap<PathBuf, Handle<Model>>,
    pools: &BTreeMap<String, Handle<UserPool>>,
) -> Handle<Routes> {
    let schemas = bundles.schemas.clone();
    let (wanted, scope) = (wanted.routes.clone(), scope.clone());
    let pools: BTreeMap<String, Handle<UserPool>> = pools
        .iter()
        .filter(|(name, _)| authorizers.contains_key(*name))
        .map(|(name, pool)| (name.clone(), *pool))
        .collect();
    let needs = ((api, paths, validator), authorizers.clone(), models.clone(), pools);
    graph.add_under(
        api,
        Id::new("api", "routes"),
        needs,
        move |((api, paths, validator), authorizers, models, pools)| {
            // Schemas and pools are part of what is deployed, though methods only name models and authorizers.
            let mut fingerprint = Sha256::new();
            let schemas = schemas.iter().map(|(file, schema)| (file.to_string_lossy(), schema.as_str()));
            let pools = pools.iter().map(|(name, pool)| (name.into(), pool.arn.as_str()));
            for (name, part) in schemas.chain(pools) {
                fingerprint.update(format!("{name}\0{part}\0"));
            }
            let method = |route: &Route| Method {
                resource_id: paths.ids.get(&route.path).cloned().unwrap_or_default(),
                http_method: route.method.clone(),
                authorization: match &route.auth {
                    Auth::Pool(pool) => Authorization::Cognito {
                        authorizer_id: authorizers.get(pool).map(|found| found.id.clone()).unwrap_or_default(),
                    },
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
                fingerprint: format!("{:x}", Fingerprint(fingerprint.finalize().to_vec())),
            }
        },
    )
}

/// Bytes as hexadecimal digits.
struct Fingerprint(Vec<u8>);

impl std::fmt::LowerHex for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// `/items/{id}/{rest+}` has `id` and `rest`.
fn parameters(path: &str) -> Vec<String> {
    let braced = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    braced.map(|name| name.trim_end_matches('+').to_owned()).collect()
}

fn stage(graph: &mut Graph, api: Handle<RestApi>, deployment: Handle<Deployment>, wanted: &Api) -> Handle<Stage> {
    let id = Id::new("stage", &wanted.stage);
    let (name, tag) = (wanted.stage.clone(), id.to_string());
    let (rate_limit, burst_limit) = (f64::from(wanted.rate_limit), i32::try_from(wanted.burst_limit).unwrap_or(50));
    graph.add_under(api, id, (api, deployment), move |(api, deployment)| Stage {
        id: tag.clone(),
        api_id: api.id,
        name: name.clone(),
        deployment_id: deployment.id,
        rate_limit,
        burst_limit,
    })
}

fn invoke_permission(
    graph: &mut Graph,
    route: &Route,
    ready: Ready,
    stage: Handle<Stage>,
    association: Option<Handle<Association>>,
    scope: &Scope,
) {
    let id = Id::new("permission", &route.name());
    let association: Vec<_> = association.into_iter().collect();
    let digest = format!("{:x}", Fingerprint(Sha256::digest(route.name()).to_vec()));
    let sid = format!("securelambda-api-{}", &digest[..16]);
    let (route, scope) = (route.clone(), scope.clone());
    let needs = (ready.function, ready.policy, stage, association);
    graph.add_under(ready.function, id, needs, move |(function, _, stage, _)| Permission {
        function: function.name,
        sid: sid.clone(),
        principal: "apigateway.amazonaws.com".into(),
        source_arn: execute_api_arn(&scope, &stage.api_id, &stage.name, &route.method, &route.path),
    });
}
