//! The second check: functions that check tokens themselves, called with one that no gateway has looked at.

use futures_util::FutureExt;
use serde_json::json;

use super::Layer;
use super::authorization::{TokenHolder, strangers};
use super::check_spec::{CheckResult, CheckSpec};
use super::classify::refused_by_function;
use super::context::{CheckFuture, VerifyContext};
use super::target::Target;
use crate::aws::lambda::Lambda;
use crate::secret::SecretValue;
use crate::spec::{Auth, Route, Variable};

/// For every route of an HTTP API that is for a pool's users.
pub(super) fn units<'a>(scene: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let http = scene.routes().filter(|target| target.by_http());
    let of_pools = http.filter_map(|target| match &target.route.auth {
        Auth::Pool(pool) => Some((target, pool)),
        Auth::Iam | Auth::None => None,
    });
    of_pools.flat_map(|(target, pool)| of(scene, target, pool)).collect()
}

fn of<'a>(scene: &'a VerifyContext<'a>, target: Target<'a>, pool: &str) -> Vec<CheckFuture<'a>> {
    if !checks_itself(scene, target.route, pool) {
        let claim = CheckSpec::new(Layer::Authorization, target.subject(), "its function checks tokens itself");
        let why = "its variables name no pool and client, so that the gateway alone checks them";
        return vec![async move { vec![claim.known(CheckResult::not_applicable(why))] }.boxed()];
    }
    let callers = strangers(scene, pool).into_iter();
    callers
        .map(|caller| -> CheckFuture<'a> { async move { vec![refuses(scene, target, caller).await] }.boxed() })
        .collect()
}

/// Whether the function is told by which pool and client to check.
fn checks_itself(scene: &VerifyContext<'_>, route: &Route, pool: &str) -> bool {
    let Some(function) = scene.subject.stack.functions.get(&route.function) else { return false };
    let told = |value: Variable| function.environment.values().any(|held| *held == value);
    told(Variable::PoolId(pool.to_owned())) && told(Variable::ClientId(pool.to_owned()))
}

async fn refuses(scene: &VerifyContext<'_>, target: Target<'_>, caller: TokenHolder) -> super::Check {
    let route = target.route;
    let claim = CheckSpec::new(Layer::Authorization, target.subject(), format!("past the gateway, {}", caller.claim));
    let claim = claim.sent(format!("Invoke {} with {}", route.function, caller.sent)).expects("401 from the function");
    claim
        .by(async {
            let token = match caller.token {
                Ok(token) => token,
                Err(finding) => return finding,
            };
            let Some(live) = scene.subject.outputs.functions.get(&route.function) else {
                return CheckResult::fail("the function is not there");
            };
            let event = event(target.method(), &route.path, token.as_ref());
            match Lambda::new(scene.subject.clients).invoke(&live.name, &event).await {
                Ok(invoked) => refused_by_function(invoked),
                Err(failure) => CheckResult::fail(failure.to_string()),
            }
        })
        .await
}

/// Pure: a request as the gateway would hand it on, in payload format 2.0. Holds the token.
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
    fn an_event_is_what_the_gateway_would_hand_on() {
        let read = |event: SecretValue| serde_json::from_str::<serde_json::Value>(event.reveal()).expect("JSON");
        let with = read(event("GET", "/hello", Some(&SecretValue::new("a.b.c".to_owned()))));
        assert_eq!(with["headers"]["authorization"], "Bearer a.b.c");
        assert_eq!((&with["version"], &with["routeKey"]), (&json!("2.0"), &json!("GET /hello")));
        assert_eq!(read(event("GET", "/hello", None))["headers"], json!({}));
    }
}
