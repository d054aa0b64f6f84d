//! Checks every route with every kind of caller. The call that passes is also used to check that its message arrives.

use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::json;

use super::attacks::{Caller, Place, access, callers, in_query, programs, without_scope};
use super::bodies::credential;
use super::check_spec::{CheckResult, CheckSpec};
use super::classify::{
    Destination, accepted_by, access_refused, denied_by_authorizer, refused, scope_refused, without_identity,
};
use super::context::{CheckFuture, OwnCaller, VerifyContext};
use super::prober::Patience;
use super::target::Target;
use super::test_users::marker;
use super::{Check, Layer, Verdict, arrival, evidence, sample};
use crate::probe::{Answer, Body, HeaderNames, Request};
use crate::spec::Auth;

const REFUSED: &str = "401 from API Gateway, with the message Unauthorized";

const SCOPE_REFUSED: &str = "401 or 403 from API Gateway";

const WITHOUT_TOKEN: &str = "401 Unauthorized from API Gateway";

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let of = |target: Target<'a>| {
        let refused = match &target.route.auth {
            Auth::Pool(pool) => Some(async move { strangers(context, target, pool).await }.boxed()),
            Auth::Lambda(_) | Auth::Iam | Auth::None => None,
        };
        // `signed` checks routes that require signatures.
        let by_caller = (target.route.auth != Auth::Iam).then(|| async move { passes(context, target).await }.boxed());
        refused.into_iter().chain(by_caller)
    };
    context.routes().flat_map(of).collect()
}

/// All callers that the route must refuse. If the route does not ask for a token at all, the other callers are not
/// tried.
async fn strangers(context: &VerifyContext<'_>, target: Target<'_>, pool: &str) -> Vec<Check> {
    let first = is_refused(context, target, Caller::anonymous()).await;
    let mut others = callers(context, pool);
    let scopes = &target.route.scopes;
    if scopes.is_empty() {
        // An HTTP API takes a client's access tokens as well as its ID tokens.
        others.extend((!target.by_http()).then(|| access(context, pool)));
    } else {
        others.extend(without_scope(context, pool, scopes));
    }
    others.extend(programs(context, pool, scopes));
    others.push(in_query(context, pool));
    if first.verdict == Verdict::Fail {
        let cause = CheckResult::because_failed(&format!("{}: {}", first.subject, first.claim));
        for caller in &mut others {
            caller.token = Err(cause.clone());
        }
    }
    if target.route.groups.is_empty() {
        let others = join_all(others.into_iter().map(|caller| is_refused(context, target, caller))).await;
        return [vec![first], others].concat();
    }
    // One after the other, because each concurrent request would start a new instance of the function that checks
    // groups.
    let mut checks = vec![first];
    for caller in others {
        checks.push(is_refused(context, target, caller).await);
    }
    checks
}

async fn is_refused(context: &VerifyContext<'_>, target: Target<'_>, caller: Caller) -> Check {
    // If the route is open by mistake, this body reaches its function. The body names its sender.
    let body = harmless(context, target, &marker());
    let body = body.as_deref().map(Body::json);
    let (refusal, judge) = refusal_of(target, &caller);
    let claim = CheckSpec::new(Layer::Authorization, target.subject(), &caller.claim).expects(refusal);
    let claim = claim.sent(shown(context, target, &caller.words(), body));
    claim
        .by(async {
            match send(context, target, &caller, body).await {
                Ok(answer) => judge(&answer, context.destination(target)),
                Err(result) => result,
            }
        })
        .await
}

/// The refusal that the caller must get, and the function that judges the answer. An authorizer's function decides
/// about a route with groups: it is not called without a token, and an HTTP API answers 403 to all tokens that it
/// refuses (docs/aws.md, Lambda authorizers).
fn refusal_of(target: Target<'_>, caller: &Caller) -> (&'static str, fn(&Answer, Destination) -> CheckResult) {
    let no_token = caller.place == Place::Query || matches!(caller.token, Ok(None));
    match target.route.groups.is_empty() {
        false if no_token => (WITHOUT_TOKEN, without_identity),
        false if caller.access || caller.scope || target.by_http() => (SCOPE_REFUSED, denied_by_authorizer),
        _ if caller.scope => (SCOPE_REFUSED, scope_refused),
        _ if caller.access => (REFUSED, access_refused),
        _ => (REFUSED, refused),
    }
}

async fn send(
    context: &VerifyContext<'_>,
    target: Target<'_>,
    caller: &Caller,
    body: Option<Body<'_>>,
) -> Result<Answer, CheckResult> {
    let url = context.url(target)?;
    if caller.valid {
        target.may_be_called()?;
    }
    let token = caller.token.as_ref().map_err(Clone::clone)?.as_ref();
    let in_query = token.filter(|_| caller.place == Place::Query).map(|token| {
        let token = token.reveal();
        let first = if url.contains('?') { '&' } else { '?' };
        format!("{url}{first}Authorization={token}&access_token={token}&token={token}")
    });
    let names = match caller.place {
        Place::TitleCaseHeader => HeaderNames::TitleCase,
        Place::Header | Place::Query => HeaderNames::LowerCase,
    };
    let token = token.filter(|_| in_query.is_none());
    let request = Request { method: target.method(), url: in_query.as_deref().unwrap_or(&url), token, body };
    // The refusal of a token without a scope, or by an authorizer's function, may look like that of a firewall that
    // does not allow this address yet.
    let final_at_once = caller.scope || target.by_http() && !target.route.groups.is_empty();
    let patience = if final_at_once { Patience::None } else { Patience::UntilDeployed };
    context.prober.ask_with(&request, &[], names, patience).await
}

/// The evidence of a request to a route. It has no URL if the URL is not known.
pub(super) fn shown(context: &VerifyContext<'_>, target: Target<'_>, words: &str, body: Option<Body<'_>>) -> String {
    match context.url(target) {
        Ok(url) => evidence::sent(&Request { method: target.method(), url: &url, token: None, body }, words),
        Err(_) => words.to_owned(),
    }
}

/// The call of a caller that may use the route, and the checks of its message.
async fn passes(context: &VerifyContext<'_>, target: Target<'_>) -> Vec<Check> {
    let (claim, words) = match &target.route.auth {
        Auth::Pool(pool) if !target.route.groups.is_empty() => {
            (format!("a token of {pool} with a group of the route passes"), credential(target))
        }
        Auth::Pool(pool) if target.route.scopes.is_empty() => {
            (format!("a token of {pool} passes"), format!("authorization: an ID token of {pool}"))
        }
        Auth::Pool(pool) => (
            format!("a token of {pool} with a scope of the route passes"),
            format!("authorization: an access token of {pool}"),
        ),
        Auth::Lambda(name) => (format!("a request that {name} admits passes"), admitted(name)),
        Auth::Iam => ("an IAM-signed request passes".to_owned(), "a signature".to_owned()),
        Auth::None => ("a request without a token passes".to_owned(), "no Authorization header".to_owned()),
    };
    let (claim, words) = match context.api_key.as_ref().filter(|_| target.route.key) {
        Some(key) => (format!("{claim} with an API key"), format!("{words}; x-api-key: the API key {}", key.name)),
        None => (claim, words),
    };
    let (marker, since) = (marker(), context.subject.clients.now_ms());
    let text = body_of(context, target, &marker);
    let body = text.as_deref().map(Body::json);
    let claim = CheckSpec::new(Layer::Authorization, target.subject(), claim)
        .sent(shown(context, target, &words, body))
        .expects(target.expected_answer());
    let asking = async {
        context.included(target)?;
        target.may_be_called()?;
        ask(context, target, &context.own_caller(target.route)?, body).await
    };
    let began = std::time::Instant::now();
    let result = match asking.await {
        Ok(answer) => of_own_caller(&answer, context.destination(target), target),
        Err(result) => result,
    };
    let name = claim.name();
    let passed = claim.found(result.clone(), began.elapsed());
    let traceable = text.as_ref().is_some_and(|body| body.contains(&marker));
    let call = arrival::Call { target, name, result, marker: traceable.then_some(marker), since_unix_ms: since };
    let mut checks = vec![passed];
    checks.extend(arrival::messages(context, &call).await);
    checks
}

/// A body that the route accepts.
pub(super) fn body_of(context: &VerifyContext<'_>, target: Target<'_>, marker: &str) -> Option<String> {
    match (context.schema(target.route), target.method()) {
        (Some(schema), _) => Some(sample::satisfying(&schema, marker).to_string()),
        (None, "POST" | "PUT" | "PATCH") => Some(json!({}).to_string()),
        (None, _) => None,
    }
}

/// A body for requests that the route must refuse. If the route's function changes data, the body cannot be mistaken
/// for that of a client. If the gateway checks bodies, it would refuse this body too.
pub(super) fn harmless(context: &VerifyContext<'_>, target: Target<'_>, marker: &str) -> Option<String> {
    if target.route.may_be_called() {
        return body_of(context, target, marker);
    }
    let schema = context.schema(target.route);
    let broken = schema.and_then(|schema| sample::breaking(&schema, marker));
    let anything = || json!({ "securelambda-verify": marker }).to_string();
    (target.method() != "GET").then(|| broken.unwrap_or_else(anything))
}

/// The description in evidence of an identity that an authorizer's function admits.
pub(super) fn admitted(authorizer: &str) -> String {
    format!("the identity of --identity {authorizer}")
}

/// The result of the request of a caller that the route must accept.
fn of_own_caller(answer: &Answer, destination: Destination, target: Target<'_>) -> CheckResult {
    let result = accepted_by(answer, destination, target);
    match &target.route.auth {
        Auth::Lambda(name) if result.failed() && denied_by_authorizer(answer, destination).verdict == Verdict::Pass => {
            CheckResult::fail(format!("{}: the function of {name} does not admit this identity", result.received))
        }
        _ => result,
    }
}

/// Sends a request to a route until the answer is final.
pub(super) async fn ask(
    context: &VerifyContext<'_>,
    target: Target<'_>,
    own: &OwnCaller<'_>,
    body: Option<Body<'_>>,
) -> Result<Answer, CheckResult> {
    let url = context.url_of(target, own)?;
    let request = Request { method: target.method(), url: &url, token: own.token, body };
    context.prober.ask_with(&request, own.headers, HeaderNames::LowerCase, Patience::UntilDeployed).await
}
