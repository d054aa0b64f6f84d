//! Checks that requests without a required parameter do not reach a function.

use futures_util::FutureExt;

use super::check_spec::{CheckResult, CheckSpec};
use super::classify::parameter_refused;
use super::context::{CheckFuture, VerifyContext};
use super::paths::MARK;
use super::target::Target;
use super::{Check, Layer, Verdict, evidence};
use crate::probe::Request;
use crate::secret::SecretValue;

/// Adds a value for each of these parameters.
pub(super) fn with_query<'a>(url: String, names: impl IntoIterator<Item = &'a String>) -> String {
    let pairs: Vec<String> = names.into_iter().map(|name| format!("{name}={MARK}")).collect();
    if pairs.is_empty() { url } else { format!("{url}?{}", pairs.join("&")) }
}

/// The headers that routes require, by URL.
pub(super) fn required_headers(context: &VerifyContext<'_>) -> Vec<(String, Vec<(String, SecretValue)>)> {
    let header = |name: &String| (name.to_lowercase(), SecretValue::new(MARK.to_owned()));
    let of = |target: Target<'_>| {
        Some((context.path_url(target).ok()?, target.route.parameters.headers.iter().map(header).collect()))
    };
    context.routes().filter(|target| !target.route.parameters.headers.is_empty()).filter_map(of).collect()
}

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let with = context.routes().filter(|target| !target.route.parameters.is_empty());
    with.map(|target| -> CheckFuture<'a> { async move { vec![missing(context, target).await] }.boxed() }).collect()
}

/// Sends requests of a caller who may call the route, because the gateway checks the caller before the parameters.
async fn missing(context: &VerifyContext<'_>, target: Target<'_>) -> Check {
    let claim = "a request without a required parameter does not reach the function";
    let claim = CheckSpec::new(Layer::Secrets, target.subject(), claim);
    let claim = claim.expects("400 Missing required request parameters from API Gateway");
    let url = match context.path_url(target) {
        Ok(url) => url,
        Err(result) => return claim.known(result),
    };
    let parameters = &target.route.parameters;
    let names: Vec<&String> = parameters.query.iter().chain(&parameters.headers).collect();
    let words: Vec<String> = names.iter().map(|name| format!("without {name}")).collect();
    let shown = Request { method: target.method(), url: &url, token: None, body: None };
    let claim = claim.sent(evidence::sent(&shown, &words.join("; ")));
    claim
        .by(async {
            let own = match context.own_caller(target.route) {
                Ok(own) => own,
                Err(result) => return result,
            };
            // Parameters of the caller's identity are not left out: the request would be refused for that reason.
            let given: Vec<&String> = own.headers.iter().chain(own.query).map(|(name, _)| name).collect();
            let identifies = |name: &&String| given.iter().any(|given| given.eq_ignore_ascii_case(name));
            let mut last = CheckResult::not_tried("there is no parameter to leave out");
            for name in names.into_iter().filter(|name| !identifies(name)) {
                let lacking = parameters.query.iter().filter(|known| *known != name && !identifies(known));
                let url = own.identified(with_query(url.clone(), lacking));
                let request = Request { method: target.method(), url: &url, token: own.token, body: None };
                last = match context.prober.ask_without(&request, own.headers, name).await {
                    Ok(answer) => parameter_refused(&answer, context.destination(target)),
                    Err(result) => result,
                };
                if last.verdict != Verdict::Pass {
                    return CheckResult { received: format!("without {name}: {}", last.received), ..last };
                }
            }
            last
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_a_value_for_each_parameter() {
        let names = ["from".to_owned(), "to".to_owned()];
        let url = with_query("https://x/a".to_owned(), &names);
        assert_eq!(url, "https://x/a?from=securelambda-verify&to=securelambda-verify");
        assert_eq!(with_query("https://x/a".to_owned(), &[]), "https://x/a");
    }
}
