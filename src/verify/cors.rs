//! Checks that pages of the allowed origins can call an API and read its answers, also its refusals, and that pages of
//! other origins cannot. Browsers decide by the headers of the answers, so the checks read these headers.

use std::collections::BTreeSet;

use futures_util::FutureExt;

use super::authorization::body_of;
use super::check_spec::{CheckResult, CheckSpec};
use super::context::{CheckFuture, VerifyContext};
use super::prober::Patience;
use super::target::Target;
use super::test_users::marker;
use super::{Check, Layer, Verdict, evidence};
use crate::probe::{Answer, Body, HeaderNames, Request};
use crate::secret::SecretValue;
use crate::spec::{ApiKind, Auth, Cors, RouteTarget};

/// An origin that no stack file allows. No page can have it, because its host name is reserved.
const STRANGER: &str = "https://securelambda-verify.invalid";

const ORIGIN: &str = "access-control-allow-origin";

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let mut units: Vec<CheckFuture<'a>> = Vec::new();
    for api in context.subject.stack.all_apis() {
        let Some(cors) = &api.1.cors else { continue };
        let mut seen = BTreeSet::new();
        for target in Target::all(api) {
            if target.route.method != "OPTIONS" && seen.insert(&target.route.path) {
                units.push(async move { preflights(context, target, cors).await }.boxed());
            }
            units.push(async move { answers(context, target, cors).await }.boxed());
        }
    }
    units
}

/// Whether the headers of an answer allow this origin to read it.
fn allows(answer: &Answer, origin: &str) -> bool {
    answer.headers.get(ORIGIN).is_some_and(|allowed| allowed == origin || allowed == "*")
}

/// The evidence of an answer. The gateway answers OPTIONS itself, unless a route of a REST API takes it, although its
/// answer has none of the marks of a refusal.
fn shown(context: &VerifyContext<'_>, target: Target<'_>, request: &Request<'_>, answer: &Answer) -> String {
    let allowed = answer.headers.get(ORIGIN).unwrap_or("none");
    let destination = context.destination(target);
    let of_route = target.api.kind == ApiKind::Rest && !target.api.preflight_paths().contains(&&*target.route.path);
    let by_gateway = request.method == "OPTIONS" && !of_route || destination.is_of_gateway(answer);
    format!("{}; {ORIGIN}: {allowed}", evidence::received(answer, destination.sender(by_gateway)))
}

fn claim(target: Target<'_>, claim: &str) -> CheckSpec {
    CheckSpec::new(Layer::Authorization, target.subject(), claim)
}

/// Sends the same request from each origin, until an answer does not pass.
async fn from_each(
    context: &VerifyContext<'_>,
    claim: CheckSpec,
    target: Target<'_>,
    origins: &[&str],
    (request, headers): (Request<'_>, &[(String, SecretValue)]),
    judge: impl Fn(&Answer, &str) -> bool,
) -> Check {
    let words = format!("origin: {}", origins.join(", "));
    let claim = claim.sent(evidence::sent(&request, &words));
    claim
        .by(async {
            let mut last = CheckResult::not_tried("there is no origin to try");
            for origin in origins {
                let named = [&[("origin".to_owned(), SecretValue::from(*origin))][..], headers].concat();
                let patience = Patience::UntilDeployed;
                last = match context.prober.ask_with(&request, &named, HeaderNames::LowerCase, patience).await {
                    Ok(answer) if unanswered(target, &request, &answer) => {
                        let why = "the server that answers the route could not be reached, or failed";
                        CheckResult::not_tried(format!("{why}: {}", shown(context, target, &request, &answer)))
                    }
                    Ok(answer) => {
                        CheckResult::pass_if(judge(&answer, origin), shown(context, target, &request, &answer))
                    }
                    Err(result) => result,
                };
                if last.verdict != Verdict::Pass {
                    return CheckResult { received: format!("from {origin}: {}", last.received), ..last };
                }
            }
            last
        })
        .await
}

/// Whether a request passed, and the server behind the route gave no usable answer.
fn unanswered(target: Target<'_>, request: &Request<'_>, answer: &Answer) -> bool {
    let passes = request.method != "OPTIONS" && (request.token.is_some() || target.route.auth == Auth::None);
    passes && answer.status >= 500 && matches!(target.route.target, RouteTarget::Http { .. })
}

/// Checks the preflight requests that a browser sends before a request.
async fn preflights(context: &VerifyContext<'_>, target: Target<'_>, cors: &Cors) -> Vec<Check> {
    let passes = claim(target, "a preflight request of an allowed origin passes without a token")
        .expects(format!("a status below 300, and {ORIGIN} with the origin or *"));
    let refused = claim(target, "a preflight request of another origin is not allowed")
        .expects(format!("no {ORIGIN} that allows it"));
    let url = match context.url(target) {
        Ok(url) => url,
        Err(result) => return vec![passes.known(result.clone()), refused.known(result)],
    };
    let method = target.method();
    let names = cors.headers.join(",").to_lowercase();
    let asked = [("access-control-request-method", method), ("access-control-request-headers", names.as_str())];
    let asked = asked.iter().filter(|(_, value)| !value.is_empty());
    let headers: Vec<_> = asked.map(|(name, value)| ((*name).to_owned(), SecretValue::from(*value))).collect();
    let request = || Request { method: "OPTIONS", url: &url, token: None, body: None };
    let listed = |answer: &Answer, header: &str, wanted: &str| {
        let is = answer.headers.get(header).map(str::to_lowercase).unwrap_or_default();
        is.split(',').any(|one| one.trim() == wanted || one.trim() == "*")
    };
    let sound = |answer: &Answer, origin: &str| {
        let methods = listed(answer, "access-control-allow-methods", &method.to_lowercase());
        let headers = names.split(',').filter(|name| !name.is_empty());
        let mut headers = headers.map(|name| listed(answer, "access-control-allow-headers", name));
        answer.status < 300 && allows(answer, origin) && methods && headers.all(|is| is)
    };
    let (tried, untried) = tried(context, target, cors);
    let mut checks = vec![from_each(context, passes, target, &tried, (request(), &headers), sound).await];
    if !untried.is_empty() {
        let claim = claim(target, "a preflight request of every further origin passes without a token");
        let why = "this endpoint does not evaluate templates, which answer with the origin that asks";
        checks.push(claim.known(CheckResult::not_tried(why)));
    }
    checks.push(match stranger(cors) {
        Ok(stranger) => {
            let other = |answer: &Answer, origin: &str| !allows(answer, origin);
            from_each(context, refused, target, &[stranger], (request(), &headers), other).await
        }
        Err(result) => refused.known(result),
    });
    checks
}

/// The origins for which a preflight answer can be checked at this endpoint, and the remaining origins.
fn tried<'a>(context: &VerifyContext<'_>, target: Target<'_>, cors: &'a Cors) -> (Vec<&'a str>, Vec<&'a str>) {
    let origins: Vec<&str> = cors.origins.iter().map(|origin| if origin == "*" { STRANGER } else { origin }).collect();
    let by_template = !context.at_aws() && !target.by_http();
    let at = if by_template { origins.len().min(1) } else { origins.len() };
    let (tried, untried) = origins.split_at(at);
    (tried.to_vec(), untried.to_vec())
}

/// An origin that is not allowed.
fn stranger(cors: &Cors) -> Result<&'static str, CheckResult> {
    let every = cors.allows_every_origin();
    (!every).then_some(STRANGER).ok_or_else(|| CheckResult::not_tried("the stack file allows every origin"))
}

/// Checks the answers to the requests themselves: the refusals of the gateway, and the answers of the function.
async fn answers(context: &VerifyContext<'_>, target: Target<'_>, cors: &Cors) -> Vec<Check> {
    let origins: Vec<&str> = cors.origins.iter().map(|origin| if origin == "*" { STRANGER } else { origin }).collect();
    // The headers of a fixed answer are made like those of preflight answers.
    let by_template = matches!(target.route.target, RouteTarget::Mock { .. });
    let readable = if by_template { tried(context, target, cors).0 } else { origins.clone() };
    let refusal = claim(target, "allowed origins can read that a call without a token is refused")
        .expects(format!("401 or 403, and {ORIGIN} with the origin or *"));
    let passes = claim(target, "allowed origins can read the answer").expects(format!(
        "{ORIGIN} with the origin or *, which {} a REST API sends itself",
        match &target.route.target {
            RouteTarget::Http { .. } => "a server behind",
            RouteTarget::Function(_) | RouteTarget::Mock { .. } => "a function of",
        }
    ));
    let others = claim(target, "other origins cannot read the answer").expects(format!("no {ORIGIN} that allows it"));
    let url = match context.url(target) {
        Ok(url) => url,
        Err(result) => return [refusal, passes, others].map(|claim| claim.known(result.clone())).into(),
    };
    let mut checks = Vec::new();
    if target.route.auth != Auth::None && target.by_http() && !context.at_aws() {
        let why = "this endpoint adds no CORS headers to the refusals of HTTP APIs";
        checks.push(refusal.known(CheckResult::not_tried(why)));
    } else if target.route.auth != Auth::None {
        let request = Request { method: target.method(), url: &url, token: None, body: None };
        let judge = |answer: &Answer, origin: &str| [401, 403].contains(&answer.status) && allows(answer, origin);
        checks.push(from_each(context, refusal, target, &origins, (request, &[]), judge).await);
    }
    let own = target.may_be_called().and_then(|()| context.own_caller(target.route));
    let (own, url) = match own.and_then(|own| Ok((own, context.url_of(target, &own)?))) {
        Ok(found) => found,
        Err(result) => {
            checks.extend([passes, others].map(|claim| claim.known(result.clone())));
            return checks;
        }
    };
    let text = body_of(context, target, &marker());
    let body = text.as_deref().map(Body::json);
    let request = || Request { method: target.method(), url: &url, token: own.token, body };
    checks.push(from_each(context, passes, target, &readable, (request(), own.headers), allows).await);
    checks.push(match stranger(cors) {
        Ok(stranger) => {
            let other = |answer: &Answer, origin: &str| !allows(answer, origin);
            from_each(context, others, target, &[stranger], (request(), own.headers), other).await
        }
        Err(result) => others.known(result),
    });
    checks
}
