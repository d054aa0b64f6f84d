//! Checks that pages of the allowed origins can call an API and read its answers, also its refusals, and that pages of
//! other origins cannot. Browsers decide by the headers of the answers, so these are what is checked.

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
use crate::spec::{Auth, Cors};

/// No stack file allows it: no page can have it, because its host is reserved.
const STRANGER: &str = "https://securelambda-verify.invalid";

const ORIGIN: &str = "access-control-allow-origin";

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let mut units: Vec<CheckFuture<'a>> = Vec::new();
    for api in context.subject.stack.all_apis() {
        let Some(cors) = &api.1.cors else { continue };
        let mut seen = BTreeSet::new();
        for target in Target::all(api) {
            if seen.insert(&target.route.path) && target.route.method != "OPTIONS" {
                units.push(async move { preflights(context, target, cors).await }.boxed());
            }
            units.push(async move { answers(context, target, cors).await }.boxed());
        }
    }
    units
}

/// Who is allowed, and what an answer says about it.
fn allows(answer: &Answer, origin: &str) -> bool {
    answer.headers.get(ORIGIN).is_some_and(|allowed| allowed == origin || allowed == "*")
}

/// The gateway answers OPTIONS itself, although its answer has none of the marks of a refusal.
fn shown(context: &VerifyContext<'_>, target: Target<'_>, request: &Request<'_>, answer: &Answer) -> String {
    let allowed = answer.headers.get(ORIGIN).unwrap_or("none");
    let by_gateway = request.method == "OPTIONS" || context.destination(target).is_of_gateway(answer);
    format!("{}; {ORIGIN}: {allowed}", evidence::received(answer, by_gateway))
}

fn claim(target: Target<'_>, claim: &str) -> CheckSpec {
    CheckSpec::new(Layer::Authorization, target.subject(), claim)
}

/// The same request from several origins, until one is not answered as it must be.
async fn from_each(
    context: &VerifyContext<'_>,
    claim: CheckSpec,
    target: Target<'_>,
    origins: &[&str],
    ask: (Request<'_>, &[(&str, &str)]),
    judge: impl Fn(&Answer, &str) -> bool,
) -> Check {
    let (request, headers) = ask;
    let words = format!("origin: {}", origins.join(", "));
    let claim = claim.sent(evidence::sent(&request, &words));
    claim
        .by(async {
            let mut last = CheckResult::not_tried("there is no origin to try");
            for origin in origins {
                let named = [("origin", *origin)].into_iter().chain(headers.iter().copied());
                let named: Vec<_> =
                    named.map(|(name, value)| (name.to_owned(), SecretValue::new(value.to_owned()))).collect();
                let patience = Patience::UntilDeployed;
                last = match context.prober.ask_with(&request, &named, HeaderNames::LowerCase, patience).await {
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

/// What a browser asks before it sends a request.
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
    let mut headers = vec![("access-control-request-method", method)];
    let names = cors.headers.join(",").to_lowercase();
    headers.extend((!names.is_empty()).then_some(("access-control-request-headers", names.as_str())));
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

/// The origins for which a preflight answer can be checked here, and the others.
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

/// The answers to the requests themselves: refusals of the gateway, and what the function says.
async fn answers(context: &VerifyContext<'_>, target: Target<'_>, cors: &Cors) -> Vec<Check> {
    let origins: Vec<&str> = cors.origins.iter().map(|origin| if origin == "*" { STRANGER } else { origin }).collect();
    let refusal = claim(target, "allowed origins can read that a call without a token is refused")
        .expects(format!("401 or 403, and {ORIGIN} with the origin or *"));
    let passes = claim(target, "allowed origins can read the answer")
        .expects(format!("{ORIGIN} with the origin or *, which a function of a REST API sends itself"));
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
    let token = match target.may_be_called().and_then(|()| context.own_tokens(target.route)) {
        Ok(tokens) => tokens.map(|tokens| &tokens.id),
        Err(result) => {
            checks.extend([passes, others].map(|claim| claim.known(result.clone())));
            return checks;
        }
    };
    let text = body_of(context, target, &marker());
    let request = || Request { method: target.method(), url: &url, token, body: text.as_deref().map(Body::json) };
    checks.push(from_each(context, passes, target, &origins, (request(), &[]), allows).await);
    checks.push(match stranger(cors) {
        Ok(stranger) => {
            let other = |answer: &Answer, origin: &str| !allows(answer, origin);
            from_each(context, others, target, &[stranger], (request(), &[]), other).await
        }
        Err(result) => others.known(result),
    });
    checks
}
