//! Checks that the gateway answers nothing but the routes of the stack file: other methods, other paths and OPTIONS.
//!
//! The requests carry no token. An answer that demands a token shows that the method exists, so only the answer "no
//! such route" passes.

use std::collections::BTreeSet;

use futures_util::FutureExt;

use super::check_spec::{CheckResult, CheckSpec};
use super::classify::{Destination, no_route, refused, without_identity};
use super::context::{CheckFuture, VerifyContext};
use super::prober::Patience;
use super::target::Target;
use super::{Check, Layer, evidence, paths};
use crate::probe::{HeaderNames, Request};
use crate::spec::{Api, ApiKind, Auth};

const NO_ROUTE: &str = "403 Missing Authentication Token (REST) or 404 Not Found (HTTP) from API Gateway";
const NO_TOKEN: &str = "no Authorization header";

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let of = |api: (Option<&'a str>, &'a Api)| {
        let paths = async move { vec![other_paths(context, api).await] }.boxed();
        let mut seen = BTreeSet::new();
        let each = Target::all(api).filter(move |target| seen.insert(target.route.path.as_str()));
        let methods = each.map(move |target| -> CheckFuture<'a> {
            async move {
                // With CORS, the gateway answers OPTIONS, and `cors` checks the answer.
                let options = if target.api.cors.is_some() { None } else { Some(options(context, target).await) };
                [other_methods(context, target).await].into_iter().chain(options).collect()
            }
            .boxed()
        });
        std::iter::once(paths).chain(methods).collect::<Vec<_>>()
    };
    context.subject.stack.all_apis().flat_map(of).collect()
}

/// Paths that no route has, with two methods.
async fn other_paths(context: &VerifyContext<'_>, (name, api): (Option<&str>, &Api)) -> Check {
    let subject = name.map_or("API".to_owned(), |name| format!("API {name}"));
    let claim = CheckSpec::new(Layer::Authorization, subject, "paths that no route has are refused").expects(NO_ROUTE);
    let path = api.routes.first().and_then(|route| paths::unlisted(api, &route.path));
    let Some(path) = path else {
        return claim.known(CheckResult::not_tried("a greedy route answers every path"));
    };
    if api.routes.iter().all(|route| context.included(Target { name, api, route }).is_err()) {
        return claim.known(CheckResult::not_tried("--skip leaves all routes of this API out"));
    }
    let destination = destination(context, api);
    let words = format!("{NO_TOKEN}; GET and POST");
    let url = match context.base_url(name) {
        Ok(base) => format!("{base}{path}"),
        Err(result) => return claim.known(result),
    };
    let shown = evidence::sent(&Request { method: "GET", url: &url, token: None, body: None }, &words);
    claim.sent(shown).by(all_unknown(context, &["GET", "POST"], &url, destination)).await
}

/// Methods that no route has on this route's path.
async fn other_methods(context: &VerifyContext<'_>, target: Target<'_>) -> Check {
    let subject = path_of(target);
    let claim =
        CheckSpec::new(Layer::Authorization, subject, "methods that no route has are refused").expects(NO_ROUTE);
    let url = match context.url(target) {
        Ok(url) => url,
        Err(result) => return claim.known(result),
    };
    let path = paths::reaching(target.api, target.route).map(|(_, path)| path).unwrap_or_default();
    let methods = paths::unlisted_methods(target.api, &path);
    if methods.is_empty() {
        return claim.known(CheckResult::not_tried("the routes of this path have all methods"));
    }
    let words = format!("{NO_TOKEN}; {}", methods.join(", "));
    let shown = evidence::sent(&Request { method: methods[0], url: &url, token: None, body: None }, &words);
    claim.sent(shown).by(all_unknown(context, &methods, &url, context.destination(target))).await
}

/// Browsers send OPTIONS without a token. Such a request must not reach the function.
async fn options(context: &VerifyContext<'_>, target: Target<'_>) -> Check {
    let claim = CheckSpec::new(Layer::Authorization, path_of(target), "OPTIONS does not reach a function");
    let url = match context.url(target) {
        Ok(url) => url,
        Err(result) => return claim.known(result),
    };
    let path = paths::reaching(target.api, target.route).map(|(_, path)| path).unwrap_or_default();
    let request = Request { method: "OPTIONS", url: &url, token: None, body: None };
    let claim = claim.sent(evidence::sent(&request, NO_TOKEN));
    let destination = context.destination(target);
    if target.by_http() && !context.at_aws() {
        // MiniStack refuses preflight requests to an API without CORS settings before it looks for a route.
        return claim.known(CheckResult::not_tried("this endpoint answers OPTIONS itself for every path"));
    }
    let answering = target.api.answering("OPTIONS", &path);
    // An authorizer's function decides about a route with groups. The gateway does not call it without a token.
    let judge = if answering.is_some_and(|route| !route.groups.is_empty()) { without_identity } else { refused };
    match answering.map(|route| &route.auth) {
        None => claim.expects(NO_ROUTE).by(all_unknown(context, &["OPTIONS"], &url, destination)).await,
        Some(Auth::Pool(_)) => {
            claim
                .expects("401 Unauthorized from API Gateway")
                .by(async {
                    let asked = context.prober.ask(&request).await;
                    asked.map_or_else(|result| result, |answer| judge(&answer, destination))
                })
                .await
        }
        Some(Auth::Lambda(_) | Auth::Iam | Auth::None) => {
            claim.known(CheckResult::not_tried("a route of the stack file takes OPTIONS"))
        }
    }
}

/// Sends a request with each method, until an answer does not pass.
async fn all_unknown(
    context: &VerifyContext<'_>,
    methods: &[&str],
    url: &str,
    destination: Destination,
) -> CheckResult {
    let mut last = CheckResult::not_tried("there is no method to try");
    for method in methods {
        let request = Request { method, url, token: None, body: None };
        let asked = context.prober.ask_with(&request, &[], HeaderNames::LowerCase, Patience::None).await;
        last = asked.map_or_else(|result| result, |answer| no_route(&answer, destination));
        if last.verdict != super::Verdict::Pass {
            return CheckResult { received: format!("{method}: {}", last.received), ..last };
        }
    }
    last
}

fn destination(context: &VerifyContext<'_>, api: &Api) -> Destination {
    let exposure = match api.kind {
        ApiKind::Rest => context.exposure,
        ApiKind::Http => super::classify::FirewallExposure::Open,
    };
    let admission = super::allow_from::admission(api, context.address);
    Destination { exposure, admission, ..Destination::of(context.at_aws()) }
}

/// `/notes/{id}`, or `Age /notes/{id}` for a named API.
fn path_of(target: Target<'_>) -> String {
    crate::topology::ids::ApiIds(target.name).within(&target.route.path)
}
