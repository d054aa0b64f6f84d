//! Checks of the resource policies of REST APIs: whether requests from this machine are refused or allowed according to
//! `allow_from`.

use std::net::IpAddr;

use futures_util::FutureExt;

use super::bodies::credential;
use super::check_spec::{CheckResult, CheckSpec};
use super::context::{CheckFuture, OwnCaller, VerifyContext};
use super::target::{NO_ROUTE, Target};
use super::{Check, Layer, evidence};
use crate::meaning::OfGateway;
use crate::probe::{Answer, Request};
use crate::spec::{AllowFrom, Api, Auth};

/// Whether a resource policy lets requests from this machine through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Open,
    Shut,
    /// This machine's address is not known, or the endpoint does not know it.
    Unknown,
}

/// Whether an API's resource policy admits requests from this address.
pub(super) fn admission(api: &Api, address: Option<IpAddr>) -> Admission {
    let networks =
        api.allow_from.as_ref().map(|allow_from| &allow_from.addresses).filter(|networks| !networks.is_empty());
    match (networks, address) {
        (None, _) => Admission::Open,
        (Some(_), None) => Admission::Unknown,
        (Some(networks), Some(address)) if networks.iter().any(|network| network.contains(&address)) => Admission::Open,
        (Some(_), Some(_)) => Admission::Shut,
    }
}

/// Whether API Gateway refused a request because of the API's resource policy.
pub(super) fn is_refused(answer: &Answer) -> bool {
    let by = OfGateway::read(answer);
    answer.status == 403
        && by.is_some_and(|by| by.message.contains("execute-api:Invoke") && by.message.contains("not authorized"))
}

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let apis = context.subject.stack.all_apis().filter_map(|(name, api)| Some((name, api, api.allow_from.as_ref()?)));
    let limited = apis.filter(|(_, _, allow_from)| !allow_from.addresses.is_empty());
    limited
        .map(|(name, api, allow_from)| -> CheckFuture<'a> {
            async move { vec![from_here(context, (name, api), allow_from).await] }.boxed()
        })
        .collect()
}

/// The caller of the route that tests a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Anybody,
    OwnCaller,
}

/// A route whose answer shows the decision of the policy, and the caller that it needs. API Gateway evaluates the
/// policy before an authorizer's function, but after it has accepted a pool's token or a signature (docs/aws.md,
/// Resource policies of REST APIs).
fn asked<'a>(targets: &[Target<'a>]) -> Option<(Target<'a>, Caller)> {
    let policy_first = |target: &Target<'_>| matches!(target.route.auth, Auth::None | Auth::Lambda(_));
    let anybody = Target::for_no_token(targets.iter().copied().filter(policy_first));
    let with_token =
        |target: &&Target<'_>| matches!(target.route.auth, Auth::Pool(_)) && target.may_be_called().is_ok();
    let found = anybody.map(|target| (target, Caller::Anybody));
    found.or_else(|| targets.iter().find(with_token).map(|target| (*target, Caller::OwnCaller)))
}

async fn from_here(context: &VerifyContext<'_>, (name, api): (Option<&str>, &Api), allow_from: &AllowFrom) -> Check {
    let subject = name.map_or("API".to_owned(), |name| format!("API {name}"));
    let admission = admission(api, context.address);
    let (claim, expected) = match admission {
        Admission::Shut => {
            ("its resource policy refuses this machine, whose address is not listed", "403 from API Gateway")
        }
        Admission::Open | Admission::Unknown => {
            ("its resource policy lets listed addresses pass", "any answer except a refusal by the resource policy")
        }
    };
    let claim = CheckSpec::new(Layer::Authorization, subject, claim).expects(expected);
    if !context.at_aws() {
        return claim.known(CheckResult::not_tried("this endpoint does not evaluate callers' addresses as AWS does"));
    }
    if admission == Admission::Unknown {
        let networks = allow_from.addresses.len();
        let why = format!("this machine's address is not known, and the policy lists {networks} networks");
        return claim.known(CheckResult::not_tried(why));
    }
    let reachable: Vec<Target<'_>> =
        Target::all((name, api)).filter(|target| context.path_url(*target).is_ok()).collect();
    let Some((target, caller)) = asked(&reachable) else {
        return claim.known(CheckResult::not_tried(NO_ROUTE));
    };
    let (own, words) = match caller {
        Caller::Anybody => (Ok(OwnCaller::default()), "no Authorization header".to_owned()),
        Caller::OwnCaller => (context.own_caller(target.route), credential(target)),
    };
    let (own, url) = match own.and_then(|own| Ok((own, context.url_of(target, &own)?))) {
        Ok(found) => found,
        Err(result) => return claim.known(result),
    };
    let request = Request { method: target.method(), url: &url, token: own.token, body: None };
    claim
        .sent(evidence::sent(&request, &words))
        .by(async {
            let shut = admission == Admission::Shut;
            match context.prober.ask_until(&request, |answer| is_refused(answer) == shut).await {
                Ok(answer) => judge(&answer, shut, &context.destination(target).shown(&answer)),
                Err(result) => result,
            }
        })
        .await
}

/// The web ACL is evaluated first, so its refusal says nothing about the policy.
fn judge(answer: &Answer, shut: bool, shown: &str) -> CheckResult {
    if super::classify::is_filtered(answer) {
        return CheckResult::not_tried(format!("the firewall refused the request before the policy: {shown}"));
    }
    CheckResult::pass_if(is_refused(answer) == shut, shown)
}

#[cfg(test)]
mod tests {
    use super::super::classify::tests::{function, gateway};
    use super::*;
    use crate::verify::Verdict::{Fail, NotTried, Pass};

    #[test]
    fn only_the_policys_own_refusal_counts() {
        let refused = gateway(
            403,
            "User: anonymous is not authorized to perform: execute-api:Invoke on resource: arn with an explicit deny",
        );
        for (answer, when_shut, when_open) in [
            (refused, Pass, Fail),
            (gateway(401, "Unauthorized"), Fail, Pass),
            (function(200), Fail, Pass),
            (gateway(403, "Forbidden"), NotTried, NotTried),
        ] {
            assert_eq!(judge(&answer, true, "").verdict, when_shut, "{answer:?}");
            assert_eq!(judge(&answer, false, "").verdict, when_open, "{answer:?}");
        }
    }

    #[test]
    fn a_policy_is_asked_where_nothing_comes_before_it_or_with_a_token() {
        for (routes, expected) in [
            ([("POST /a", "pool = \"P\""), ("GET /b", "auth = \"none\"")], Some(("GET /b", Caller::Anybody))),
            ([("GET /a", "auth = \"iam\""), ("POST /b", "authorizer = \"L\"")], Some(("POST /b", Caller::Anybody))),
            ([("POST /a", "auth = \"none\""), ("GET /b", "pool = \"P\"")], Some(("GET /b", Caller::OwnCaller))),
            ([("POST /a", "pool = \"P\""), ("GET /b", "auth = \"iam\"")], None),
        ] {
            let route = |(route, auth): (&str, &str)| {
                format!("[[api.routes]]\nroute = \"{route}\"\nfunction = \"F\"\n{auth}\n")
            };
            let text = format!(
                "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[pools.P]\n[authorizers.L]\nfunction = \"F\"\n\
                 identity = [\"header:X-Who\"]\n[api]\nkind = \"rest\"\n{}",
                routes.map(route).concat()
            );
            let api = crate::spec::parse(&text).expect("sound").api.expect("an API");
            let targets: Vec<_> = Target::all((None, &api)).collect();
            let found = asked(&targets).map(|(target, caller)| (target.route.name(), caller));
            assert_eq!(found, expected.map(|(route, caller)| (route.to_owned(), caller)), "{text}");
        }
    }

    #[test]
    fn the_admission_follows_from_the_address() {
        let text = "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[api]\nallow_from = { addresses = [\"203.0.113.0/24\"] }\n\
                    [[api.routes]]\nroute = \"GET /a\"\nfunction = \"F\"\nauth = \"none\"\n";
        let api = |text: &str| crate::spec::parse(text).expect("sound").api.expect("an API");
        let limited = api(text);
        let at = |address: &str| admission(&limited, address.parse().ok());
        assert_eq!(
            [at("203.0.113.9"), at("198.51.100.1"), at("?")],
            [Admission::Open, Admission::Shut, Admission::Unknown]
        );
        let line = "allow_from = { addresses = [\"203.0.113.0/24\"] }\n";
        assert_eq!(admission(&api(&text.replace(line, "")), None), Admission::Open);
    }
}
