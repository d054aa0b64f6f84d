//! Checks that bodies which the gateway must refuse do not reach a function: those that violate the model, with every
//! kind of content type, and those that are too large.

use futures_util::FutureExt;

use super::authorization::{admitted, ask, shown};
use super::check_spec::{CheckResult, CheckSpec};
use super::classify::{body_refused, too_large};
use super::context::{CheckFuture, VerifyContext};
use super::target::Target;
use super::test_users::marker;
use super::{Check, Layer, Verdict, sample};
use crate::probe::Body;
use crate::spec::{Api, Auth};

/// Content types for which a model that exists only for JSON would let every body through. The empty text means no
/// header.
const OTHER_TYPES: [&str; 5] =
    ["text/plain", "application/xml", "application/x-www-form-urlencoded", "application/json; charset=utf-8", ""];

/// One byte more than API Gateway's largest body (docs/aws.md, Limits of API Gateway).
const TOO_LARGE: usize = 10 * 1024 * 1024 + 1;

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let modelled = context.routes().filter(|target| target.route.body.is_some());
    let modelled = modelled.map(|target| -> CheckFuture<'a> { broken(context, target).boxed() });
    let apis = context.subject.stack.all_apis();
    let apis = apis.map(|api| -> CheckFuture<'a> { async move { vec![large(context, api).await] }.boxed() });
    modelled.chain(apis).collect()
}

async fn broken(context: &VerifyContext<'_>, target: Target<'_>) -> Vec<Check> {
    let json = "a body that violates the model does not reach the function";
    let other = "a body with another content type does not reach the function";
    let json = broken_body(context, target, &["application/json"], json).await;
    let claim = CheckSpec::new(Layer::Secrets, target.subject(), other);
    if !context.at_aws() {
        let why = "this endpoint applies the model to other content types than AWS does";
        return vec![json, claim.known(CheckResult::not_tried(why))];
    }
    vec![json, broken_body(context, target, &OTHER_TYPES, other).await]
}

/// Sends a body that violates the model. It names its sender, in case it reaches the function by mistake.
async fn broken_body(context: &VerifyContext<'_>, target: Target<'_>, types: &[&str], claim: &str) -> Check {
    let claim =
        CheckSpec::new(Layer::Secrets, target.subject(), claim).expects("400 Invalid request body from API Gateway");
    let text = context.schema(target.route).and_then(|schema| sample::breaking(&schema, &marker()));
    let Some(text) = text else { return claim.known(CheckResult::not_tried("the schema allows every body")) };
    let all = types.iter().map(|kind| if kind.is_empty() { "no content type" } else { kind });
    let words = format!("{}; as {}", credential(target), all.collect::<Vec<_>>().join(", "));
    claim
        .sent(shown(context, target, &words, Some(Body::text("", &text))))
        .by(async {
            let own = match context.own_caller(target.route) {
                Ok(own) => own,
                Err(result) => return result,
            };
            let mut last = CheckResult::not_tried("there is no content type to try");
            for content_type in types {
                let asked = ask(context, target, &own, Some(Body::text(content_type, &text))).await;
                last = asked.map_or_else(|result| result, |answer| body_refused(&answer, context.destination(target)));
                if last.verdict != Verdict::Pass {
                    let received = format!("as {content_type:?}: {}", last.received);
                    return CheckResult { received, ..last };
                }
            }
            last
        })
        .await
}

/// The description in evidence of the credential of a caller who may call the route.
pub(super) fn credential(target: Target<'_>) -> String {
    match &target.route.auth {
        Auth::Pool(pool) if !target.route.groups.is_empty() => {
            format!("authorization: a token of a user of {pool} in a group of the route")
        }
        Auth::Pool(pool) if target.route.scopes.is_empty() => format!("authorization: an ID token of {pool}"),
        Auth::Pool(pool) => format!("authorization: an access token of a client of {pool}"),
        Auth::Lambda(name) => admitted(name),
        Auth::Iam | Auth::None => "no Authorization header".to_owned(),
    }
}

/// One request to a route of the API that takes a body and may be called.
async fn large(context: &VerifyContext<'_>, (name, api): (Option<&str>, &Api)) -> Check {
    let subject = name.map_or("API".to_owned(), |name| format!("API {name}"));
    let claim = CheckSpec::new(Layer::Secrets, subject, "a body of more than 10 MB does not reach a function");
    let claim = claim.expects("413 from API Gateway");
    if !context.at_aws() {
        return claim.known(CheckResult::not_tried("this endpoint has no limit on the size of bodies"));
    }
    let takes_body = |target: &Target<'_>| {
        let callable = context.included(*target).and_then(|()| target.may_be_called()).is_ok();
        callable
            && matches!(target.route.auth, Auth::Pool(_) | Auth::None)
            && ["POST", "PUT", "PATCH"].contains(&target.method())
    };
    let Some(target) = Target::all((name, api)).find(takes_body) else {
        let why = "no route takes a body and may be called; set verify = true on one that takes a body";
        return claim.known(CheckResult::not_tried(why));
    };
    let text = "x".repeat(TOO_LARGE);
    let body = Body::text("text/plain", &text);
    claim
        .sent(shown(context, target, &credential(target), Some(body)))
        .by(async {
            let own = match context.own_caller(target.route) {
                Ok(own) => own,
                Err(result) => return result,
            };
            match ask(context, target, &own, Some(body)).await {
                Ok(answer) => too_large(&answer, context.destination(target)),
                // The gateway may close the connection before it has read everything.
                Err(result) => CheckResult { verdict: Verdict::NotTried, ..result },
            }
        })
        .await
}
