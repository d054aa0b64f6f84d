//! Every route against every kind of caller; and, with the one call that passes, the way of its message.

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

/// A caller who must not pass.
pub(super) struct TokenHolder {
    pub claim: String,
    pub sent: String,
    /// The token, or what its lack says.
    pub token: Result<Option<SecretValue>, CheckResult>,
    /// It is an access token, which some emulators take.
    access: bool,
}

impl TokenHolder {
    fn new(claim: impl Into<String>, sent: impl Into<String>, token: Result<Option<SecretValue>, CheckResult>) -> Self {
        Self { claim: claim.into(), sent: sent.into(), token, access: false }
    }
}

pub(super) fn units<'a>(scene: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let of = |target: Target<'a>| {
        let strangers = match &target.route.auth {
            Auth::Pool(pool) => {
                let mut callers = strangers(scene, pool);
                // An HTTP API takes a client's access tokens as well as its ID tokens.
                callers.extend((!target.by_http()).then(|| access(scene, pool)));
                callers
            }
            Auth::Iam | Auth::None => Vec::new(),
        };
        let refused = strangers.into_iter().map(move |caller| -> CheckFuture<'a> {
            async move { vec![is_refused(scene, target, caller).await] }.boxed()
        });
        // Whether signed requests pass is looked at beside those that must not.
        let by_token = (target.route.auth != Auth::Iam).then(|| async move { passes(scene, target).await }.boxed());
        refused.chain(by_token)
    };
    scene.routes().flat_map(of).collect()
}

/// Everyone who must not pass where this pool's users may.
pub(super) fn strangers(scene: &VerifyContext<'_>, pool: &str) -> Vec<TokenHolder> {
    let own = scene.tokens(pool);
    let forged = |forge: fn(&Parts) -> SecretValue| {
        let parts = own.clone().map(|tokens| Parts::of(&tokens.id))?;
        parts
            .map(|parts| Some(forge(&parts)))
            .ok_or_else(|| CheckResult::fail("what the pool gave as ID token is no token"))
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
            "a token that claims to need no signature is refused",
            format!("an ID token of {pool} with alg none and no signature"),
            forged(Parts::unsigned),
        ),
        TokenHolder::new(
            "a token with another expiry is refused",
            format!("an ID token of {pool} with exp set back, so that its signature no longer fits"),
            forged(|parts| parts.expired(unix_ms() / 1000)),
        ),
    ];
    let others = scene.subject.stack.pools.keys().filter(|other| *other != pool);
    callers.extend(others.map(|other| {
        let token = scene.tokens(other).map(|tokens| Some(tokens.id.clone()));
        TokenHolder::new(format!("a token of {other} is refused"), format!("an ID token of {other}"), token)
    }));
    callers
}

/// A user of the pool's with the other kind of token.
fn access(scene: &VerifyContext<'_>, pool: &str) -> TokenHolder {
    let token = scene.tokens(pool).map(|tokens| Some(tokens.access.clone()));
    TokenHolder {
        access: true,
        ..TokenHolder::new("an access token is refused", format!("an access token of {pool}"), token)
    }
}

async fn is_refused(scene: &VerifyContext<'_>, target: Target<'_>, caller: TokenHolder) -> Check {
    let claim = CheckSpec::new(Layer::Authorization, target.subject(), caller.claim);
    let claim = claim.sent(caller.sent).expects("401 Unauthorized");
    claim
        .by(async {
            let token = match caller.token {
                Ok(token) => token,
                Err(finding) => return finding,
            };
            // A body that is right, so that only the token can be what is wrong.
            let body = body(scene, target, &marker());
            let gate = scene.gate(target);
            match ask(scene, target, token.as_ref(), body.as_deref().map(Body::json)).await {
                Ok(answer) if caller.access => access_refused(&answer, gate, scene.at_aws()),
                Ok(answer) if target.by_http() => refused_by_http(&answer, gate, scene.at_aws()),
                Ok(answer) => refused(&answer, gate),
                Err(finding) => finding,
            }
        })
        .await
}

/// The caller for whom the route is there, and what came of the message.
async fn passes(scene: &VerifyContext<'_>, target: Target<'_>) -> Vec<Check> {
    let (claim, sent) = match &target.route.auth {
        Auth::Pool(pool) => (format!("a token of {pool} passes"), format!("an ID token of {pool} and a valid body")),
        Auth::Iam => ("a request signed by whom IAM allows to passes".to_owned(), "a signed request".to_owned()),
        Auth::None => ("anyone passes, as the stack file says".to_owned(), "a valid body and no token".to_owned()),
    };
    let claim =
        CheckSpec::new(Layer::Authorization, target.subject(), claim).sent(sent).expects("200 from the function");
    let (marker, since) = (marker(), scene.subject.clients.now_ms());
    let body = body(scene, target, &marker);
    let asking = async {
        let token = scene.own_tokens(target.route)?.map(|tokens: &Tokens| &tokens.id);
        ask(scene, target, token, body.as_deref().map(Body::json)).await
    };
    let began = std::time::Instant::now();
    let finding =
        asking.await.map_or_else(|finding| finding, |answer| accepted_by(&answer, scene.gate(target), target));
    let passed = claim.found(finding.clone(), began.elapsed());
    let traceable = body.is_some_and(|body| body.contains(&marker));
    let call = arrival::Call { target, finding, marker: traceable.then_some(marker), since_unix_ms: since };
    let mut checks = vec![passed];
    checks.extend(arrival::messages(scene, &call).await);
    checks
}

/// A body that the route takes.
fn body(scene: &VerifyContext<'_>, target: Target<'_>, marker: &str) -> Option<String> {
    match (scene.schema(target.route), target.method()) {
        (Some(schema), _) => Some(sample::satisfying(&schema, marker).to_string()),
        (None, "POST" | "PUT" | "PATCH") => Some(json!({}).to_string()),
        (None, _) => None,
    }
}

/// Sends a request to a route until its answer stands.
pub(super) async fn ask(
    scene: &VerifyContext<'_>,
    target: Target<'_>,
    token: Option<&SecretValue>,
    body: Option<Body<'_>>,
) -> Result<Answer, CheckResult> {
    let Some(url) = scene.url(target) else { return Err(CheckResult::fail("the API is not there")) };
    scene.prober.ask(&Request { method: target.method(), url: &url, token, body }).await
}
