//! Checks every route with every kind of caller. The call that passes is also used to check that its message arrives.

use futures_util::FutureExt;
use serde_json::json;

use super::check_spec::{CheckResult, CheckSpec, unix_ms};
use super::classify::{accepted_by, access_refused, refused, refused_by_http};
use super::context::{CheckFuture, VerifyContext};
use super::target::Target;
use super::test_users::marker;
use super::tokens::Parts;
use super::{Check, Layer, arrival, sample};
use crate::aws::cognito::Tokens;
use crate::probe::{Answer, Body, Request};
use crate::secret::{self, SecretValue};
use crate::spec::Auth;

/// A caller that the gateway must refuse.
pub(super) struct TokenHolder {
    pub claim: String,
    pub sent: String,
    /// The token, or the result of the check if there is none.
    pub token: Result<Option<SecretValue>, CheckResult>,
    /// It is an access token, which some emulators accept.
    access: bool,
}

impl TokenHolder {
    fn new(claim: impl Into<String>, sent: impl Into<String>, token: Result<Option<SecretValue>, CheckResult>) -> Self {
        Self { claim: claim.into(), sent: sent.into(), token, access: false }
    }
}

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let of = |target: Target<'a>| {
        let unauthorized = match &target.route.auth {
            Auth::Pool(pool) => {
                let mut callers = unauthorized(context, pool);
                // An HTTP API takes a client's access tokens as well as its ID tokens.
                callers.extend((!target.by_http()).then(|| access(context, pool)));
                callers
            }
            Auth::Iam | Auth::None => Vec::new(),
        };
        let refused = unauthorized.into_iter().map(move |caller| -> CheckFuture<'a> {
            async move { vec![is_refused(context, target, caller).await] }.boxed()
        });
        // `signed` checks routes that require signatures.
        let by_token = (target.route.auth != Auth::Iam).then(|| async move { passes(context, target).await }.boxed());
        refused.chain(by_token)
    };
    context.routes().flat_map(of).collect()
}

/// All callers that a route for this pool's users must refuse.
pub(super) fn unauthorized(context: &VerifyContext<'_>, pool: &str) -> Vec<TokenHolder> {
    let own = context.tokens(pool);
    let forged = |forge: fn(&Parts) -> SecretValue| {
        let parts = own.clone().map(|tokens| Parts::of(&tokens.id))?;
        parts
            .map(|parts| Some(forge(&parts)))
            .ok_or_else(|| CheckResult::fail("the ID token of the pool is not a JSON Web Token"))
    };
    let mut callers = vec![
        TokenHolder::new("a call without a token is refused", "no Authorization header", Ok(None)),
        TokenHolder::new("garbage is refused", "64 random letters and digits as token", Ok(Some(secret::generate(64)))),
        TokenHolder::new(
            "a tampered signature is refused",
            format!("an ID token of {pool}, one character of its signature changed"),
            forged(Parts::tampered),
        ),
        TokenHolder::new(
            "a token with alg none is refused",
            format!("an ID token of {pool} with alg none and without a signature"),
            forged(Parts::unsigned),
        ),
        TokenHolder::new(
            "a token with a changed expiry is refused",
            format!("an ID token of {pool} with an earlier exp, so that its signature is no longer valid"),
            forged(|parts| parts.expired(unix_ms() / 1000)),
        ),
    ];
    let others = context.subject.stack.pools.keys().filter(|other| *other != pool);
    callers.extend(others.map(|other| {
        let token = context.tokens(other).map(|tokens| Some(tokens.id.clone()));
        TokenHolder::new(format!("a token of {other} is refused"), format!("an ID token of {other}"), token)
    }));
    callers
}

/// A user of the pool with an access token.
fn access(context: &VerifyContext<'_>, pool: &str) -> TokenHolder {
    let token = context.tokens(pool).map(|tokens| Some(tokens.access.clone()));
    TokenHolder {
        access: true,
        ..TokenHolder::new("an access token is refused", format!("an access token of {pool}"), token)
    }
}

async fn is_refused(context: &VerifyContext<'_>, target: Target<'_>, caller: TokenHolder) -> Check {
    let claim = CheckSpec::new(Layer::Authorization, target.subject(), caller.claim);
    let claim = claim.sent(caller.sent).expects("401 Unauthorized");
    claim
        .by(async {
            let token = match caller.token {
                Ok(token) => token,
                Err(result) => return result,
            };
            // The body is valid, so only the token can be the reason for a refusal.
            let body = body(context, target, &marker());
            let exposure = context.exposure(target);
            match ask(context, target, token.as_ref(), body.as_deref().map(Body::json)).await {
                Ok(answer) if caller.access => access_refused(&answer, exposure, context.at_aws()),
                Ok(answer) if target.by_http() => refused_by_http(&answer, exposure, context.at_aws()),
                Ok(answer) => refused(&answer, exposure),
                Err(result) => result,
            }
        })
        .await
}

/// The call of a caller that may use the route, and the checks of its message.
async fn passes(context: &VerifyContext<'_>, target: Target<'_>) -> Vec<Check> {
    let (claim, sent) = match &target.route.auth {
        Auth::Pool(pool) => (format!("a token of {pool} passes"), format!("an ID token of {pool} and a valid body")),
        Auth::Iam => ("an IAM-signed request passes".to_owned(), "a signed request".to_owned()),
        Auth::None => ("a request without a token passes".to_owned(), "a valid body without a token".to_owned()),
    };
    let claim =
        CheckSpec::new(Layer::Authorization, target.subject(), claim).sent(sent).expects("200 from the function");
    let (marker, since) = (marker(), context.subject.clients.now_ms());
    let body = body(context, target, &marker);
    let asking = async {
        let token = context.own_tokens(target.route)?.map(|tokens: &Tokens| &tokens.id);
        ask(context, target, token, body.as_deref().map(Body::json)).await
    };
    let began = std::time::Instant::now();
    let result =
        asking.await.map_or_else(|result| result, |answer| accepted_by(&answer, context.exposure(target), target));
    let passed = claim.found(result.clone(), began.elapsed());
    let traceable = body.is_some_and(|body| body.contains(&marker));
    let call = arrival::Call { target, result, marker: traceable.then_some(marker), since_unix_ms: since };
    let mut checks = vec![passed];
    checks.extend(arrival::messages(context, &call).await);
    checks
}

/// A body that the route accepts.
fn body(context: &VerifyContext<'_>, target: Target<'_>, marker: &str) -> Option<String> {
    match (context.schema(target.route), target.method()) {
        (Some(schema), _) => Some(sample::satisfying(&schema, marker).to_string()),
        (None, "POST" | "PUT" | "PATCH") => Some(json!({}).to_string()),
        (None, _) => None,
    }
}

/// Sends a request to a route until the answer is final.
pub(super) async fn ask(
    context: &VerifyContext<'_>,
    target: Target<'_>,
    token: Option<&SecretValue>,
    body: Option<Body<'_>>,
) -> Result<Answer, CheckResult> {
    let Some(url) = context.url(target) else { return Err(CheckResult::fail("the API does not exist")) };
    context.prober.ask(&Request { method: target.method(), url: &url, token, body }).await
}
