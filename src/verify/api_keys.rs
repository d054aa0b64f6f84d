//! Checks of routes that ask for an API key: a key is required, and a key alone gives no access.
//!
//! All other checks of such a route send the stack's own key, so each of them also shows what a caller with a key may do.
//! The requests count for the quota of this key.

use std::collections::BTreeSet;

use futures_util::FutureExt;

use super::authorization::{self, harmless};
use super::bodies::credential;
use super::check_spec::{CheckResult, CheckSpec};
use super::classify::{Destination, key_refused, refused, signature_refused, without_identity};
use super::context::{CheckFuture, Subject, VerifyContext};
use super::prober::Patience;
use super::target::Target;
use super::test_users::marker;
use super::{Check, Layer, domains};
use crate::aws::apigateway::ApiKeys;
use crate::probe::{API_KEY_HEADER, Answer, Body, HeaderNames, Request};
use crate::secret::{self, SecretValue};
use crate::spec::{Auth, Stack, UsagePlan};

/// The length of the random key that must be refused: that of the keys that AWS generates.
const LENGTH: usize = 40;

/// The key that requests carry where a route asks for one.
#[derive(Debug)]
pub(super) struct ProofKey {
    pub name: String,
    /// Its value, or the result of the checks that need it.
    pub value: Result<SecretValue, CheckResult>,
}

/// A key of the plan that allows the most: one without a quota, or else the one with the largest rate.
pub(super) fn chosen(stack: &Stack) -> Option<(&str, &UsagePlan)> {
    if !stack.all_apis().any(|(_, api)| api.asks_for_keys()) {
        return None;
    }
    let plan = stack.plans.values().max_by_key(|plan| (plan.quota.is_none(), plan.rate_limit))?;
    Some((plan.keys.first()?, plan))
}

/// Reads the value of the chosen key.
pub(super) async fn read(subject: &Subject<'_>) -> Option<ProofKey> {
    let (name, _) = chosen(subject.stack)?;
    let value = match subject.outputs.api_keys.get(name) {
        None => Err(CheckResult::not_tried(format!("because the API key {name} does not exist"))),
        Some(key) => match ApiKeys::new(subject.clients).value(&key.id, name).await {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(CheckResult::not_tried(format!("because the API key {name} was deleted"))),
            Err(failure) => {
                Err(CheckResult::not_tried(format!("because the API key {name} could not be read: {failure}")))
            }
        },
    };
    Some(ProofKey { name: name.to_owned(), value })
}

/// The header with the key, for each URL that needs it.
pub(super) fn headers(context: &VerifyContext<'_>) -> Vec<(String, Vec<(String, SecretValue)>)> {
    let Some(Ok(value)) = context.api_key.as_ref().map(|key| key.value.as_ref()) else { return Vec::new() };
    let keyed = context.routes().filter(|target| target.route.key);
    let urls = keyed.flat_map(|target| context.path_url(target).into_iter().chain(domains::urls(context, target)));
    let urls: BTreeSet<String> = urls.collect();
    urls.into_iter().map(|url| (url, vec![(API_KEY_HEADER.to_owned(), value.clone())])).collect()
}

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let keyed = context.routes().filter(|target| target.route.key);
    keyed.map(|target| -> CheckFuture<'a> { async move { of_route(context, target).await }.boxed() }).collect()
}

async fn of_route(context: &VerifyContext<'_>, target: Target<'_>) -> Vec<Check> {
    let without = asked(context, target, "a request without an API key is refused", ("no x-api-key header", None));
    let wrong = Some(secret::generate(LENGTH));
    let words = "x-api-key: 40 random letters and digits";
    let wrong = asked(context, target, "a request with a wrong API key is refused", (words, wrong));
    let (without, wrong, alone) = tokio::join!(without, wrong, alone(context, target));
    [vec![without, wrong], alone.into_iter().collect()].concat()
}

/// Checks a caller who may call the route, but sends a wrong key or no key.
async fn asked(
    context: &VerifyContext<'_>,
    target: Target<'_>,
    claim: &str,
    (words, key): (&str, Option<SecretValue>),
) -> Check {
    let text = harmless(context, target, &marker());
    let body = text.as_deref().map(Body::json);
    let caller = credential(target);
    let claim = CheckSpec::new(Layer::Authorization, target.subject(), claim)
        .sent(authorization::shown(context, target, &format!("{caller}; {words}"), body))
        .expects("403 from API Gateway, with the message Forbidden");
    claim
        .by(async {
            let asking = async {
                // If the route asks for no key by mistake, the request reaches its function.
                target.may_be_called()?;
                let own = context.caller_without_key(target.route)?;
                let url = context.url_of(target, &own)?;
                let request = Request { method: target.method(), url: &url, token: own.token, body };
                context.prober.ask_with_key(&request, own.headers, key.as_ref()).await
            };
            judged(context, target, asking.await, key_refused)
        })
        .await
}

/// Checks a caller who sends only the key. `None` if the route requires nothing else.
async fn alone(context: &VerifyContext<'_>, target: Target<'_>) -> Option<Check> {
    let (expected, judge): (_, fn(&Answer, Destination) -> CheckResult) = match &target.route.auth {
        Auth::Pool(_) => ("401 from API Gateway, with the message Unauthorized", refused),
        Auth::Lambda(_) => ("401 Unauthorized from API Gateway", without_identity),
        Auth::Iam => ("403 from the gateway", signature_refused),
        Auth::None => return None,
    };
    let text = harmless(context, target, &marker());
    let body = text.as_deref().map(Body::json);
    let name = context.api_key.as_ref().map_or("", |key| &key.name);
    let words = format!("no Authorization header; x-api-key: the API key {name}");
    let claim = CheckSpec::new(Layer::Authorization, target.subject(), "a request with only an API key is refused")
        .sent(authorization::shown(context, target, &words, body))
        .expects(expected);
    let check = claim.by(async {
        let asking = async {
            context.has_key(target.route)?;
            let url = context.url(target)?;
            let request = Request { method: target.method(), url: &url, token: None, body };
            let patience = if target.route.auth == Auth::Iam { Patience::None } else { Patience::UntilDeployed };
            context.prober.ask_with(&request, &[], HeaderNames::LowerCase, patience).await
        };
        judged(context, target, asking.await, judge)
    });
    Some(check.await)
}

fn judged(
    context: &VerifyContext<'_>,
    target: Target<'_>,
    answer: Result<Answer, CheckResult>,
    judge: fn(&Answer, Destination) -> CheckResult,
) -> CheckResult {
    answer.map_or_else(|result| result, |answer| judge(&answer, context.destination(target)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    #[test]
    fn the_key_of_the_plan_that_allows_the_most_is_used() {
        let name = |plans: &str, key: bool| {
            let route = format!("[[api.routes]]\nroute = \"GET /a\"\nfunction = \"F\"\nauth = \"none\"\nkey = {key}\n");
            let stack = parse(&format!("[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n{plans}{route}"));
            chosen(&stack.expect("sound")).map(|(key, _)| key.to_owned())
        };
        let small = "[plans.a]\nrate_limit = 1\nkeys = [\"a\"]\n";
        let large = "[plans.b]\nrate_limit = 99\nquota = { requests = 5, per = \"day\" }\nkeys = [\"b\", \"c\"]\n";
        assert_eq!(name(&format!("{small}{large}"), true).as_deref(), Some("a"));
        assert_eq!(name(large, true).as_deref(), Some("b"));
        assert_eq!(name("", false), None);
    }
}
