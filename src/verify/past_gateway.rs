//! Checks of functions that validate tokens themselves: they are called directly with tokens that no gateway has
//! checked.

use futures_util::FutureExt;
use serde_json::json;

use super::Layer;
use super::attacks::{Caller, Place, callers};
use super::check_spec::{CheckResult, CheckSpec};
use super::classify::refused_by_function;
use super::context::{CheckFuture, VerifyContext};
use super::target::Target;
use crate::aws::lambda::Lambda;
use crate::secret::SecretValue;
use crate::spec::{Auth, Variable};

/// The checks of each route of an HTTP API that is for a pool's users.
pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let http = context.routes().filter(|target| target.by_http());
    let of_pools = http.filter_map(|target| match &target.route.auth {
        Auth::Pool(pool) => Some((target, target.route.function()?, pool)),
        Auth::Lambda(_) | Auth::Iam | Auth::None => None,
    });
    of_pools.flat_map(|(target, function, pool)| of(context, target, function, pool)).collect()
}

fn of<'a>(context: &'a VerifyContext<'a>, target: Target<'a>, function: &'a str, pool: &str) -> Vec<CheckFuture<'a>> {
    if !checks_itself(context, function, pool) {
        let claim = CheckSpec::new(Layer::Authorization, target.subject(), "the function checks tokens too");
        let why = "its variables do not name the pool and its client, so only the gateway checks tokens";
        return vec![async move { vec![claim.known(CheckResult::not_tried(why))] }.boxed()];
    }
    let callers = std::iter::once(Caller::anonymous()).chain(callers(context, pool));
    callers
        .filter(|caller| caller.place == Place::Header)
        .map(|caller| -> CheckFuture<'a> {
            async move { vec![refuses(context, target, function, caller).await] }.boxed()
        })
        .collect()
}

/// Whether the variables of the function name the pool and its client.
fn checks_itself(context: &VerifyContext<'_>, function: &str, pool: &str) -> bool {
    let Some(function) = context.subject.stack.functions.get(function) else { return false };
    let told = |value: Variable| function.environment.values().any(|held| *held == value);
    told(Variable::PoolId(pool.to_owned())) && told(Variable::ClientId(pool.to_owned()))
}

async fn refuses(context: &VerifyContext<'_>, target: Target<'_>, function: &str, caller: Caller) -> super::Check {
    let route = target.route;
    let claim =
        CheckSpec::new(Layer::Authorization, target.subject(), format!("without the gateway, {}", caller.claim));
    let claim = claim.sent(format!("Invoke {function}; {}", caller.words())).expects("401 from the function");
    claim
        .by(async {
            // A function that does not check tokens would execute the request as for a real user.
            if let Err(result) = context.included(target).and_then(|()| target.may_be_called()) {
                return result;
            }
            let token = match caller.token {
                Ok(token) => token,
                Err(result) => return result,
            };
            let Some(live) = context.subject.outputs.functions.get(function) else {
                return CheckResult::not_tried("because the function does not exist");
            };
            let event = event(target.method(), &route.path, token.as_ref());
            match Lambda::new(context.subject.clients).invoke(&live.name, &event).await {
                Ok(invoked) => refused_by_function(invoked),
                Err(failure) => context.failed(&failure),
            }
        })
        .await
}

/// The event that the gateway would send, in payload format 2.0. It contains the token.
fn event(method: &str, path: &str, token: Option<&SecretValue>) -> SecretValue {
    let headers = token.map_or(json!({}), |token| json!({ "authorization": format!("Bearer {}", token.reveal()) }));
    let event = json!({
        "version": "2.0",
        "routeKey": format!("{method} {path}"),
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "" },
            "routeKey": format!("{method} {path}"),
            "stage": "$default",
        },
        "isBase64Encoded": false,
    });
    SecretValue::new(event.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_format_of_the_gateway() {
        let read = |event: SecretValue| serde_json::from_str::<serde_json::Value>(event.reveal()).expect("JSON");
        let with = read(event("GET", "/hello", Some(&SecretValue::new("a.b.c".to_owned()))));
        assert_eq!(with["headers"]["authorization"], "Bearer a.b.c");
        assert_eq!((&with["version"], &with["routeKey"]), (&json!("2.0"), &json!("GET /hello")));
        assert_eq!(read(event("GET", "/hello", None))["headers"], json!({}));
    }
}
