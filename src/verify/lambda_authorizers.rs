//! Checks of routes with a Lambda authorizer: requests without an identity, and with a wrong one.

use futures_util::FutureExt;
use futures_util::future::join_all;

use super::check_spec::{CheckResult, CheckSpec};
use super::classify::{denied_by_authorizer, without_identity};
use super::context::{CheckFuture, VerifyContext};
use super::parameters::with_query;
use super::paths::MARK;
use super::prober::Patience;
use super::target::Target;
use super::{Check, Layer, evidence};
use crate::probe::{Answer, HeaderNames, Request};
use crate::secret::SecretValue;
use crate::spec::{Auth, Identity};

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let of = |target: Target<'a>| match &target.route.auth {
        Auth::Lambda(name) => Some(async move { of_route(context, target, name).await }.boxed()),
        Auth::Pool(_) | Auth::Iam | Auth::None => None,
    };
    context.routes().filter_map(of).collect()
}

async fn of_route(context: &VerifyContext<'_>, target: Target<'_>, name: &str) -> Vec<Check> {
    let claim = |text: &str| CheckSpec::new(Layer::Authorization, target.subject(), text);
    let identity = context.subject.stack.authorizers.get(name).map(|wanted| wanted.identity.as_slice());
    let identity = identity.unwrap_or_default();
    let without = asked(
        context,
        target,
        claim("a request without an identity is refused").expects("401 Unauthorized from API Gateway"),
        ("no identity", &[]),
        without_identity,
    );
    let wrong = asked(
        context,
        target,
        claim("a request with a wrong identity is refused").expects("403 or 401 from API Gateway"),
        ("a wrong identity", identity),
        denied_by_authorizer,
    );
    join_all([without.boxed(), wrong.boxed()]).await
}

/// Sends a request with a value for each part of this identity.
async fn asked(
    context: &VerifyContext<'_>,
    target: Target<'_>,
    claim: CheckSpec,
    (words, identity): (&str, &[Identity]),
    judge: fn(&Answer, super::classify::Destination) -> CheckResult,
) -> Check {
    let queries = identity.iter().filter_map(|part| match part {
        Identity::Query(name) => Some(name),
        Identity::Header(_) => None,
    });
    let headers = identity.iter().filter_map(|part| match part {
        Identity::Header(name) => Some((name.to_lowercase(), SecretValue::new(MARK.to_owned()))),
        Identity::Query(_) => None,
    });
    let headers: Vec<_> = headers.collect();
    let url = match context.path_url(target) {
        Ok(url) => with_query(url, target.route.parameters.query.iter().chain(queries)),
        Err(result) => return claim.known(result),
    };
    let request = Request { method: target.method(), url: &url, token: None, body: None };
    let claim = claim.sent(evidence::sent(&request, words));
    claim
        .by(async {
            let patience = Patience::UntilDeployed;
            match context.prober.ask_with(&request, &headers, HeaderNames::LowerCase, patience).await {
                Ok(answer) => judge(&answer, context.destination(target)),
                Err(result) => result,
            }
        })
        .await
}
