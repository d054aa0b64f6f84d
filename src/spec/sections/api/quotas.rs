//! How much an API can have (docs/aws.md, Limits of API Gateway).

use std::collections::BTreeSet;

use super::{Api, ApiKind, has_programs};
use crate::spec::diagnostic::Diagnostic;
use crate::spec::sections::Stack;

/// Parts of an API's paths, including the root.
const MAX_RESOURCES: usize = 300;
/// Routes of an HTTP API.
const MAX_ROUTES: usize = 300;
/// Authorizers of an API.
const MAX_AUTHORIZERS: usize = 10;

pub(super) fn check(api: &Api, stack: &Stack) -> Vec<Diagnostic> {
    let paths = match api.kind {
        ApiKind::Rest => too_many_resources(api),
        ApiKind::Http => too_many_routes(api),
    };
    paths.into_iter().chain(too_many_authorizers(api, stack)).collect()
}

fn too_many_resources(api: &Api) -> Option<Diagnostic> {
    let mut parts: BTreeSet<&str> = BTreeSet::from(["/"]);
    let mut over = None;
    for (index, route) in api.routes.iter().enumerate() {
        let ends = route.path.match_indices('/').map(|(at, _)| at).skip(1).chain([route.path.len()]);
        parts.extend(ends.map(|end| &route.path[..end]));
        if parts.len() > MAX_RESOURCES && over.is_none() {
            over = Some(index);
        }
    }
    over.map(|index| {
        let message =
            format!("the paths have {} parts in total; API Gateway allows {MAX_RESOURCES} for an API", parts.len());
        Diagnostic::new(format!("routes.{index}.route"), message)
            .help("use a greedy path such as ANY /files/{proxy+}, or a second API")
    })
}

fn too_many_routes(api: &Api) -> Option<Diagnostic> {
    (api.routes.len() > MAX_ROUTES).then(|| {
        let message = format!("there are {} routes; an HTTP API can have {MAX_ROUTES}", api.routes.len());
        Diagnostic::new(format!("routes.{MAX_ROUTES}.route"), message)
            .help("use a greedy path such as ANY /files/{proxy+}, or a second API")
    })
}

fn too_many_authorizers(api: &Api, stack: &Stack) -> Option<Diagnostic> {
    let mut pools = BTreeSet::new();
    let mut over = None;
    for (index, route) in api.routes.iter().enumerate() {
        let decides = route.authorizer().or_else(|| route.pool_of_gateway().cloned());
        if let Some(name) = decides {
            let of = route.pool_of_gateway().and_then(|pool| stack.pools.get(pool));
            let two = api.kind == ApiKind::Http && of.is_some_and(|pool| has_programs(api, &name, pool));
            pools.extend([(name.clone(), false)].into_iter().chain(two.then_some((name, true))));
            if pools.len() > MAX_AUTHORIZERS && over.is_none() {
                over = Some(index);
            }
        }
    }
    over.map(|index| {
        let message = format!(
            "the routes use {} pools and authorizers; an API can have {MAX_AUTHORIZERS} authorizers",
            pools.len()
        );
        Diagnostic::new(format!("routes.{index}.pool"), message).help("move some of the routes to another API")
    })
}
