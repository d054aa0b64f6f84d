//! Checks of custom domains: requests by the domain reach the API, and the host name that AWS gave the API refuses them if
//! the stack file closes it.

use futures_util::FutureExt;

use super::allow_from::{self, Admission};
use super::check_spec::{CheckResult, CheckSpec};
use super::classify::FirewallExposure;
use super::context::{CheckFuture, VerifyContext};
use super::prober::Patience;
use super::target::{NO_ROUTE, Target};
use super::{Check, Layer, evidence, paths};
use crate::aws::apigateway::stage_url;
use crate::aws::apigatewayv2::{domain_url, http_stage_url};
use crate::meaning::{FORBIDDEN, NOT_FOUND, OfGateway, came_through_gateway};
use crate::probe::{Answer, HeaderNames, Request};
use crate::spec::{Api, ApiKind, Auth, Domain};

const NO_TOKEN: &str = "no Authorization header";

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let mut units: Vec<CheckFuture<'a>> = Vec::new();
    for (name, api) in context.subject.stack.all_apis() {
        let Some(domain) = &api.domain else { continue };
        units.push(async move { vec![reached(context, (name, api), domain).await] }.boxed());
        if !api.default_endpoint {
            units.push(async move { vec![closed(context, (name, api)).await] }.boxed());
        }
    }
    units
}

/// A method and a path that a route answers.
fn request<'a>(context: &VerifyContext<'_>, api: (Option<&'a str>, &'a Api)) -> Result<(&'a str, String), CheckResult> {
    // An HTTP API answers unsigned requests to an IAM route like a domain without a mapping.
    let unsigned = Target::all(api).filter(|target| target.route.auth != Auth::Iam);
    let target = Target::for_no_token(unsigned.filter(|target| context.path_url(*target).is_ok()));
    let found = target.and_then(|target| paths::reaching(target.api, target.route));
    found.ok_or_else(|| CheckResult::not_tried(NO_ROUTE))
}

/// The beginning of the URLs with the host name that AWS gave an API.
fn own_host(context: &VerifyContext<'_>, (name, api): (Option<&str>, &Api)) -> Option<String> {
    let (_, live) = context.subject.outputs.all_apis().find(|(known, _)| *known == name)?;
    let scope = &context.subject.clients.scope;
    Some(match api.kind {
        ApiKind::Rest => stage_url(None, scope, &live.id, &api.stage),
        ApiKind::Http => http_stage_url(None, scope, &live.id, &api.stage),
    })
}

/// The URLs by which these checks call a route.
pub(super) fn urls(context: &VerifyContext<'_>, target: Target<'_>) -> Vec<String> {
    let Some((_, path)) = paths::reaching(target.api, target.route) else { return Vec::new() };
    let Some(domain) = &target.api.domain else { return Vec::new() };
    let bases = [Some(domain_url(&domain.name)), own_host(context, (target.name, target.api))];
    bases.into_iter().flatten().map(|base| format!("{base}{path}")).collect()
}

/// Refuses to judge if the firewall may refuse this machine: its answer equals that of a domain without a mapping or of
/// a closed host name.
fn unfiltered(context: &VerifyContext<'_>, api: &Api) -> Result<(), CheckResult> {
    let open = api.kind == ApiKind::Http || context.exposure == FirewallExposure::Open;
    let open = open && allow_from::admission(api, context.address) == Admission::Open;
    open.then_some(()).ok_or_else(|| {
        CheckResult::not_tried(
            "the firewall or the resource policy may refuse this machine; run verify from an address that they allow",
        )
    })
}

async fn reached(context: &VerifyContext<'_>, api: (Option<&str>, &Api), domain: &Domain) -> Check {
    let claim =
        CheckSpec::new(Layer::Authorization, format!("domain {}", domain.name), "requests by the domain reach the API")
            .expects("an answer of API Gateway other than 403 Forbidden");
    if !context.at_aws() {
        return claim.known(CheckResult::not_tried("this endpoint has no DNS"));
    }
    let (method, path) = match unfiltered(context, api.1).and_then(|()| request(context, api)) {
        Ok(found) => found,
        Err(result) => return claim.known(result),
    };
    let url = format!("{}{path}", domain_url(&domain.name));
    let request = Request { method, url: &url, token: None, body: None };
    let patience = Patience::UntilDeployed;
    claim
        .sent(evidence::sent(&request, NO_TOKEN))
        .by(async {
            match context.prober.ask_with(&request, &[], HeaderNames::LowerCase, patience).await {
                Ok(answer) => by_domain(&answer),
                Err(result) if domain.zone.is_some() => result,
                Err(result) => CheckResult::not_tried(format!(
                    "the stack file has no `zone`, so you have to create the DNS record yourself; requests to the domain fail: {}",
                    result.received
                )),
            }
        })
        .await
}

/// A domain without a mapping answers 403 Forbidden.
fn by_domain(answer: &Answer) -> CheckResult {
    let by = OfGateway::read(answer);
    let refused = answer.status == 403 && by.as_ref().is_some_and(|by| by.message == FORBIDDEN);
    let who = if by.is_some() { "API Gateway" } else { "behind API Gateway" };
    CheckResult::pass_if(came_through_gateway(answer) && !refused, evidence::received(answer, who))
}

/// The status and the message of the gateway's answer at a closed host name (docs/aws.md, Custom domains).
fn refusal(kind: ApiKind) -> (u16, &'static str) {
    match kind {
        ApiKind::Rest => (403, FORBIDDEN),
        ApiKind::Http => (404, NOT_FOUND),
    }
}

fn by_closed(kind: ApiKind, answer: &Answer) -> CheckResult {
    let (status, message) = refusal(kind);
    let by = OfGateway::read(answer);
    let refused = answer.status == status && by.as_ref().is_some_and(|by| by.message == message);
    let who = if by.is_some() { "API Gateway" } else { "the API" };
    CheckResult::pass_if(refused, evidence::received(answer, who))
}

async fn closed(context: &VerifyContext<'_>, (name, api): (Option<&str>, &Api)) -> Check {
    let subject = name.map_or("API".to_owned(), |name| format!("API {name}"));
    let (status, message) = refusal(api.kind);
    let claim = CheckSpec::new(Layer::Authorization, subject, "the host name that AWS gave it refuses requests")
        .expects(format!("{status} {message} from API Gateway"));
    if !context.at_aws() {
        return claim.known(CheckResult::not_tried("this endpoint does not close its own addresses"));
    }
    let Some(base) = own_host(context, (name, api)) else {
        return claim.known(CheckResult::not_tried("because the API or its stage does not exist"));
    };
    let (method, path) = match unfiltered(context, api).and_then(|()| request(context, (name, api))) {
        Ok(found) => found,
        Err(result) => return claim.known(result),
    };
    let url = format!("{base}{path}");
    let request = Request { method, url: &url, token: None, body: None };
    claim
        .sent(evidence::sent(&request, NO_TOKEN))
        .by(async {
            let refused = |answer: &Answer| !by_closed(api.kind, answer).failed();
            match context.prober.ask_until(&request, refused).await {
                Ok(answer) => by_closed(api.kind, &answer),
                Err(result) => result,
            }
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::super::classify::tests::{function, gateway};
    use super::*;
    use crate::verify::Verdict::{Fail, Pass};

    #[test]
    fn a_closed_host_name_answers_as_its_kind_of_api_does() {
        let not_found = Answer {
            headers: [("apigw-requestid".to_owned(), "x".to_owned())].into_iter().collect(),
            body: br#"{"message":"Not Found"}"#.to_vec(),
            ..function(404)
        };
        for (answer, rest, http) in [
            (gateway(403, "Forbidden"), Pass, Fail),
            (not_found, Fail, Pass),
            (gateway(401, "Unauthorized"), Fail, Fail),
            (gateway(403, "Missing Authentication Token"), Fail, Fail),
            (function(200), Fail, Fail),
        ] {
            let verdicts = [ApiKind::Rest, ApiKind::Http].map(|kind| by_closed(kind, &answer).verdict);
            assert_eq!(verdicts, [rest, http], "{answer:?}");
        }
    }

    #[test]
    fn a_domain_without_a_mapping_does_not_reach_the_api() {
        assert_eq!(by_domain(&gateway(401, "Unauthorized")).verdict, Pass);
        assert_eq!(by_domain(&function(200)).verdict, Pass);
        assert_eq!(by_domain(&gateway(403, "Forbidden")).verdict, Fail);
        let elsewhere =
            Answer { headers: [("server".to_owned(), "nginx".to_owned())].into_iter().collect(), ..function(404) };
        assert_eq!(by_domain(&elsewhere).verdict, Fail);
    }
}
