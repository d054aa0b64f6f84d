//! Checks what the firewall does with requests from this machine. `settings` checks its settings.

use std::net::IpAddr;

use futures_util::FutureExt;

use super::check_spec::{CheckResult, CheckSpec};
use super::classify::{FirewallExposure, is_filtered, shown};
use super::context::{CheckFuture, Subject, VerifyContext};
use super::prober::Prober;
use super::{Check, Layer, Verdict};
use crate::probe::{Answer, Request};
use crate::spec::{ApiKind, Firewall, Mode};

/// A service of AWS that returns the caller's address.
const WHO_AM_I: &str = "https://checkip.amazonaws.com";

/// Whether a firewall with the settings of the stack file lets this machine through.
pub(super) async fn exposure(subject: &Subject<'_>, prober: &Prober) -> FirewallExposure {
    let Some(firewall) = subject.stack.firewall.as_ref() else { return FirewallExposure::Open };
    if firewall.mode == Mode::Count {
        return guarded(firewall);
    }
    if subject.endpoint.is_some() {
        return FirewallExposure::Unknown;
    }
    let request = Request { method: "GET", url: WHO_AM_I, token: None, body: None };
    let address = prober.ask_once(&request).await.ok().and_then(|answer| answer.body.trim().parse().ok());
    address.map_or(FirewallExposure::Unknown, |address| exposure_for(firewall, address))
}

fn exposure_for(firewall: &Firewall, address: IpAddr) -> FirewallExposure {
    let listed = firewall.addresses.iter().any(|network| network.contains(&address));
    match firewall.mode {
        Mode::Allow if !listed => FirewallExposure::Shut,
        Mode::Block if listed => FirewallExposure::Shut,
        Mode::Count | Mode::Allow | Mode::Block => guarded(firewall),
    }
}

/// The exposure for an address that the list of addresses lets through.
fn guarded(firewall: &Firewall) -> FirewallExposure {
    if firewall.may_block_anyone() { FirewallExposure::Guarded } else { FirewallExposure::Open }
}

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let firewall = context.subject.stack.firewall.iter().map(|_| async { vec![filters(context).await] }.boxed());
    let http = context.subject.stack.all_apis().filter(|(_, api)| api.kind == ApiKind::Http);
    let http = http.map(|(name, _)| async move { vec![impossible(name)] }.boxed());
    firewall.chain(http).collect()
}

/// The check is included because a reader who looks for the firewall of an HTTP API finds the reason for its absence.
fn impossible(api: Option<&str>) -> Check {
    let subject = api.map_or("HTTP API".to_owned(), |name| format!("HTTP API {name}"));
    let why = "AWS cannot attach a web ACL to an HTTP API; its authorizer and its throttle protect it";
    CheckSpec::new(Layer::Firewall, subject, "a firewall filters its requests").known(CheckResult::not_applicable(why))
}

async fn filters(context: &VerifyContext<'_>) -> Check {
    let (claim, expected) = match context.exposure {
        FirewallExposure::Shut => ("requests from this machine are blocked", "403 Forbidden"),
        FirewallExposure::Open | FirewallExposure::Guarded => {
            ("requests from this machine pass", "any answer except 403 Forbidden")
        }
        FirewallExposure::Unknown => {
            ("addresses that must be blocked are blocked", "403 Forbidden for an address that must be blocked")
        }
    };
    let claim = CheckSpec::new(Layer::Firewall, "web ACL", claim).expects(expected);
    // An HTTP API has no firewall.
    let found =
        context.routes().find(|target| !target.by_http()).and_then(|target| Some((target, context.url(target)?)));
    let Some((target, url)) = found else {
        return claim.known(CheckResult::not_applicable("there is no route to send a request to"));
    };
    claim
        .sent(format!("{}, without a token", target.subject()))
        .by(async {
            let request = Request { method: target.method(), url: &url, token: None, body: None };
            // A change of the firewall takes time to reach all of AWS.
            let settled = |answer: &Answer| classify(context.exposure, answer).verdict != Verdict::Fail;
            match context.prober.ask_until(&request, settled).await {
                Ok(answer) => classify(context.exposure, &answer),
                Err(result) => result,
            }
        })
        .await
}

fn classify(exposure: FirewallExposure, answer: &Answer) -> CheckResult {
    match (exposure, is_filtered(answer)) {
        (FirewallExposure::Open, filtered) => CheckResult::pass_if(!filtered, shown(answer)),
        (FirewallExposure::Guarded, true) => CheckResult::not_applicable(format!(
            "{}: a blocking rule of the firewall refused it; `securelambda traffic` shows which one",
            shown(answer)
        )),
        (FirewallExposure::Guarded, false) | (FirewallExposure::Shut | FirewallExposure::Unknown, true) => {
            CheckResult::pass(shown(answer))
        }
        (FirewallExposure::Shut, false) => CheckResult::fail(format!(
            "{}; a change of the firewall can take minutes to take effect; if you changed it just now, run verify again",
            shown(answer)
        )),
        (FirewallExposure::Unknown, false) => CheckResult::not_applicable(format!(
            "{}; it is not known whether this machine must be blocked, and an emulator may not filter at all",
            shown(answer)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Verdict::{Fail, NotApplicable, Pass};
    use crate::verify::classify::tests::gateway;

    #[test]
    fn the_exposure_depends_on_the_mode_and_the_listed_addresses() {
        let firewall = |mode| Firewall {
            mode,
            addresses: vec!["203.0.113.0/24".parse().expect("a network")],
            rate_per_ip: None,
            managed_rules: vec![],
            countries: None,
            body_limit_kb: 16,
            log: false,
            rules: vec![],
        };
        let blocking = Firewall { rate_per_ip: Some(500), ..firewall(Mode::Count) };
        assert_eq!(
            [guarded(&firewall(Mode::Count)), guarded(&blocking)],
            [FirewallExposure::Open, FirewallExposure::Guarded]
        );
        let group = |block| crate::spec::ManagedRule { name: "common".into(), block, exceptions: vec![] };
        for (block, expected) in [(false, FirewallExposure::Open), (true, FirewallExposure::Guarded)] {
            let firewall = Firewall { managed_rules: vec![group(block)], ..firewall(Mode::Count) };
            assert_eq!(guarded(&firewall), expected, "a blocking group: {block}");
        }
        let (listed, other) = ("203.0.113.7".parse().expect("an address"), "198.51.100.1".parse().expect("an address"));
        for (mode, of_listed, of_other) in [
            (Mode::Count, FirewallExposure::Open, FirewallExposure::Open),
            (Mode::Allow, FirewallExposure::Open, FirewallExposure::Shut),
            (Mode::Block, FirewallExposure::Shut, FirewallExposure::Open),
        ] {
            assert_eq!(
                (exposure_for(&firewall(mode), listed), exposure_for(&firewall(mode), other)),
                (of_listed, of_other)
            );
        }
    }

    #[test]
    fn a_firewall_fails_if_its_answer_contradicts_the_stack_file() {
        let (filtered, passed) = (gateway(403, "Forbidden"), gateway(401, "Unauthorized"));
        for (exposure, answer, verdict) in [
            (FirewallExposure::Open, &passed, Pass),
            (FirewallExposure::Open, &filtered, Fail),
            (FirewallExposure::Guarded, &passed, Pass),
            (FirewallExposure::Guarded, &filtered, NotApplicable),
            (FirewallExposure::Shut, &filtered, Pass),
            (FirewallExposure::Shut, &passed, Fail),
            (FirewallExposure::Unknown, &filtered, Pass),
            (FirewallExposure::Unknown, &passed, NotApplicable),
        ] {
            assert_eq!(classify(exposure, answer).verdict, verdict, "{exposure:?}");
        }
    }
}
