//! Checks of the resource policies of REST APIs: whether requests from this machine are refused or pass, as `allow_from`
//! says.

use std::net::IpAddr;

use futures_util::FutureExt;

use super::check_spec::{CheckResult, CheckSpec};
use super::context::{CheckFuture, VerifyContext};
use super::target::Target;
use super::{Check, Layer, evidence};
use crate::meaning::OfGateway;
use crate::probe::{Answer, Request};
use crate::spec::{AllowFrom, Api};

/// Whether a resource policy lets requests from this machine through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Open,
    Shut,
    /// This machine's address is not known, or the endpoint does not know it.
    Unknown,
}

/// What the policy of an API does with requests from this address.
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

async fn from_here(context: &VerifyContext<'_>, (name, api): (Option<&str>, &Api), allow_from: &AllowFrom) -> Check {
    let subject = name.map_or("API".to_owned(), |name| format!("API {name}"));
    let admission = admission(api, context.address);
    let (claim, expected) = match admission {
        Admission::Shut => {
            ("its resource policy refuses this machine, whose address is not listed", "403 from API Gateway")
        }
        Admission::Open | Admission::Unknown => {
            ("its resource policy lets listed addresses pass", "any answer but that of the resource policy")
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
    let found = Target::all((name, api)).find_map(|target| Some((target, context.url(target).ok()?)));
    let Some((target, url)) = found else {
        return claim.known(CheckResult::not_tried("there is no route to send a request to"));
    };
    let request = Request { method: target.method(), url: &url, token: None, body: None };
    claim
        .sent(evidence::sent(&request, "no Authorization header"))
        .by(async {
            let shut = admission == Admission::Shut;
            match context.prober.ask_until(&request, |answer| is_refused(answer) == shut).await {
                Ok(answer) => judge(&answer, shut, &context.destination(target).shown(&answer)),
                Err(result) => result,
            }
        })
        .await
}

/// The web ACL is asked first, so its refusal says nothing about the policy.
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
