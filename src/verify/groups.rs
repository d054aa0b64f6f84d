//! Checks of routes that require a group of their pool: a user in none of the groups, or in another group, is refused.
//! This must also hold after another route admitted the same token and API Gateway cached the result.

use futures_util::FutureExt;

use super::authorization::{ask, body_of, harmless, shown};
use super::check_spec::{CheckResult, CheckSpec};
use super::classify::{accepted_by, forbidden_by_authorizer};
use super::context::{CheckFuture, OwnCaller, VerifyContext};
use super::prober::Patience;
use super::target::Target;
use super::test_users::marker;
use super::tokens::Parts;
use super::{Check, Layer, Verdict};
use crate::probe::{Body, HeaderNames, Request};
use crate::secret::SecretValue;
use crate::spec::{Auth, Route};

const ADMITTED: &str = "an answer from the function, with a status below 500";

const REFUSED: &str = "403 from API Gateway";

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let stack = context.subject.stack;
    let of_pool = |pool: &'a String| {
        let groups = if context.is_theirs(pool) { Vec::new() } else { stack.groups_of_routes(pool) };
        let apis = stack.all_apis().map(move |api| {
            Target::all(api).filter(move |target| demands_group(target, pool)).collect::<Vec<Target<'a>>>()
        });
        apis.flat_map(move |targets| {
            let outsider = outsider(context, pool, targets.clone()).boxed();
            let members =
                groups.clone().into_iter().map(move |group| member(context, pool, group, targets.clone()).boxed());
            std::iter::once(outsider).chain(members)
        })
    };
    stack.pool_names().flat_map(of_pool).collect()
}

fn demands_group(target: &Target<'_>, pool: &str) -> bool {
    !target.route.groups.is_empty() && matches!(&target.route.auth, Auth::Pool(of) if of == pool)
}

/// The token of a user in one of the route's groups.
pub(super) fn admitted<'a>(
    context: &'a VerifyContext<'_>,
    pool: &str,
    route: &Route,
) -> Result<&'a SecretValue, CheckResult> {
    if !route.scopes.is_empty() {
        return Err(CheckResult::not_tried("users who sign in with a password get no token with a scope"));
    }
    if context.is_theirs(pool) {
        let token = context.id_token(pool)?;
        let why = "the user of --as is in no group of the route; pass a user who is in one with --as USER";
        return is_member(token, route).then_some(token).ok_or_else(|| CheckResult::not_tried(why));
    }
    let group = route.groups.first().map_or("", String::as_str);
    Ok(&context.tokens_of_member(pool, group)?.id)
}

/// Whether a token says that its user is in one of the route's groups.
fn is_member(token: &SecretValue, route: &Route) -> bool {
    let claims = Parts::of(token).map(|parts| parts.claims).unwrap_or_default();
    let groups = claims.get("cognito:groups").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    groups.iter().filter_map(serde_json::Value::as_str).any(|group| route.groups.contains(group))
}

/// The checks of a user who is in no group of the routes.
async fn outsider(context: &VerifyContext<'_>, pool: &str, targets: Vec<Target<'_>>) -> Vec<Check> {
    let mut checks = Vec::new();
    for target in targets {
        let token = own_token(context, pool, target).and_then(|token| {
            let is_member = context.is_theirs(pool) && is_member(token, target.route);
            let why = "the user who was named is in a group of the route";
            if is_member { Err(CheckResult::not_tried(why)) } else { Ok(token) }
        });
        let words = format!("a token of a user of {pool} in no group of the route");
        let claim = "a user in none of its groups is refused".to_owned();
        checks.push(is_refused(context, target, claim, &words, token).await);
    }
    checks
}

/// The token of the pool's user: an access token if the route requires scopes, and otherwise an ID token.
fn own_token<'a>(
    context: &'a VerifyContext<'_>,
    pool: &str,
    target: Target<'_>,
) -> Result<&'a SecretValue, CheckResult> {
    if target.route.scopes.is_empty() { context.id_token(pool) } else { context.access_token(pool) }
}

/// The checks of a user of one group at routes of one API: first the routes that admit the user, then the other routes.
async fn member(context: &VerifyContext<'_>, pool: &str, group: String, targets: Vec<Target<'_>>) -> Vec<Check> {
    let (own, others): (Vec<_>, Vec<_>) = targets.into_iter().partition(|target| target.route.groups.contains(&group));
    let mut checks = Vec::new();
    let mut before = None;
    for target in own.into_iter().filter(|target| target.route.scopes.is_empty()) {
        let check = is_admitted(context, target, pool, &group).await;
        if check.verdict == Verdict::Pass {
            before = Some(target.subject());
        }
        checks.push(check);
    }
    for target in others {
        let tokens = context.tokens_of_member(pool, &group);
        let by_scope = !target.route.scopes.is_empty();
        let token = tokens.map(|tokens| if by_scope { &tokens.access } else { &tokens.id });
        let after = before.as_ref().map(|route| format!(", which {route} admitted just now")).unwrap_or_default();
        let words = format!("a token of a user of {pool} in the group {group}{after}");
        let claim = format!("a user in the group {group} is refused");
        checks.push(is_refused(context, target, claim, &words, token).await);
    }
    checks
}

async fn is_admitted(context: &VerifyContext<'_>, target: Target<'_>, pool: &str, group: &str) -> Check {
    let text = body_of(context, target, &marker());
    let body = text.as_deref().map(Body::json);
    let words = format!("authorization: an ID token of a user of {pool} in the group {group}");
    let claim = CheckSpec::new(Layer::Authorization, target.subject(), format!("a user in the group {group} passes"));
    let claim = claim.sent(shown(context, target, &words, body)).expects(ADMITTED);
    claim
        .by(async {
            let asking = async {
                target.may_be_called()?;
                context.has_key(target.route)?;
                let token = Some(&context.tokens_of_member(pool, group)?.id);
                ask(context, target, &OwnCaller { token, ..OwnCaller::default() }, body).await
            };
            asking
                .await
                .map_or_else(|result| result, |answer| accepted_by(&answer, context.destination(target), target))
        })
        .await
}

async fn is_refused(
    context: &VerifyContext<'_>,
    target: Target<'_>,
    claim: String,
    words: &str,
    token: Result<&SecretValue, CheckResult>,
) -> Check {
    let text = harmless(context, target, &marker());
    let body = text.as_deref().map(Body::json);
    let claim = CheckSpec::new(Layer::Authorization, target.subject(), claim);
    let claim = claim.sent(shown(context, target, &format!("authorization: {words}"), body)).expects(REFUSED);
    claim
        .by(async {
            let asking = async {
                context.has_key(target.route)?;
                let url = context.url(target)?;
                let request = Request { method: target.method(), url: &url, token: Some(token?), body };
                // The refusal by an HTTP API looks like that of a firewall that does not allow this machine yet.
                let patience = if target.by_http() { Patience::None } else { Patience::UntilDeployed };
                context.prober.ask_with(&request, &[], HeaderNames::LowerCase, patience).await
            };
            let judge = |answer| forbidden_by_authorizer(&answer, context.destination(target));
            asking.await.map_or_else(|result| result, judge)
        })
        .await
}
