//! The firewall: what becomes of a request of this machine's. Its settings are the survey's matter.

use std::net::IpAddr;

use futures_util::FutureExt;

use super::check_spec::{CheckResult, CheckSpec};
use super::classify::{FirewallExposure, is_filtered, shown};
use super::context::{CheckFuture, Subject, VerifyContext};
use super::prober::Prober;
use super::{Check, Layer, Verdict};
use crate::probe::{Answer, Request};
use crate::spec::{ApiKind, Firewall, Mode};

/// AWS's own service that tells callers their address.
const WHO_AM_I: &str = "https://checkip.amazonaws.com";

/// Whether the firewall lets this machine through, if it does what the stack file asks.
pub(super) async fn gate(subject: &Subject<'_>, prober: &Prober) -> FirewallExposure {
    let Some(firewall) = subject.stack.firewall.as_ref() else { return FirewallExposure::Open };
    if firewall.mode == Mode::Count {
        return guarded(firewall);
    }
    if subject.endpoint.is_some() {
        return FirewallExposure::Unknown;
    }
    let request = Request { method: "GET", url: WHO_AM_I, token: None, body: None };
    let address = prober.ask_once(&request).await.ok().and_then(|answer| answer.body.trim().parse().ok());
    address.map_or(FirewallExposure::Unknown, |address| gate_for(firewall, address))
}

/// Pure.
fn gate_for(firewall: &Firewall, address: IpAddr) -> FirewallExposure {
    let listed = firewall.addresses.iter().any(|network| network.contains(&address));
    match firewall.mode {
        Mode::Allow if !listed => FirewallExposure::Shut,
        Mode::Block if listed => FirewallExposure::Shut,
        Mode::Count | Mode::Allow | Mode::Block => guarded(firewall),
    }
}

/// Pure: for an address that the list lets pass.
fn guarded(firewall: &Firewall) -> FirewallExposure {
    let blocks = firewall.rate_per_ip.is_some() || firewall.managed_rules.iter().any(|rule| rule.block);
    if blocks { FirewallExposure::Guarded } else { FirewallExposure::Open }
}

pub(super) fn units<'a>(scene: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let firewall = scene.subject.stack.firewall.iter().map(|_| async { vec![filters(scene).await] }.boxed());
    let http = scene.subject.stack.all_apis().filter(|(_, api)| api.kind == ApiKind::Http);
    let http = http.map(|(name, _)| async move { vec![impossible(name)] }.boxed());
    firewall.chain(http).collect()
}

/// Said rather than left out: who looks for the layer finds why it is not there.
fn impossible(api: Option<&str>) -> Check {
    let subject = api.map_or("HTTP API".to_owned(), |name| format!("HTTP API {name}"));
    let why = "AWS attaches no web ACL to an HTTP API: its authorizer and its throttle protect it";
    CheckSpec::new(Layer::Firewall, subject, "a firewall stands before it").known(CheckResult::not_applicable(why))
}

async fn filters(scene: &VerifyContext<'_>) -> Check {
    let (claim, expected) = match scene.gate {
        FirewallExposure::Shut => ("it refuses this machine's address", "403 Forbidden"),
        FirewallExposure::Open | FirewallExposure::Guarded => {
            ("it lets this machine's request pass", "any answer but 403 Forbidden")
        }
        FirewallExposure::Unknown => {
            ("it refuses the addresses that it must", "403 Forbidden from an address that may not pass")
        }
    };
    let claim = CheckSpec::new(Layer::Firewall, "web ACL", claim).expects(expected);
    // None stands before an HTTP API.
    let found = scene.routes().find(|target| !target.by_http()).and_then(|target| Some((target, scene.url(target)?)));
    let Some((target, url)) = found else {
        return claim.known(CheckResult::not_applicable("there is no route to ask"));
    };
    claim
        .sent(format!("{}, without a token", target.subject()))
        .by(async {
            let request = Request { method: target.method(), url: &url, token: None, body: None };
            // A change of the firewall takes a while to hold everywhere.
            let settled = |answer: &Answer| judged(scene.gate, answer).verdict != Verdict::Fail;
            match scene.prober.ask_until(&request, settled).await {
                Ok(answer) => judged(scene.gate, &answer),
                Err(finding) => finding,
            }
        })
        .await
}

/// Pure.
fn judged(gate: FirewallExposure, answer: &Answer) -> CheckResult {
    match (gate, is_filtered(answer)) {
        (FirewallExposure::Open, filtered) => CheckResult::pass_if(!filtered, shown(answer)),
        (FirewallExposure::Guarded, true) => CheckResult::not_applicable(format!(
            "{}: one of the firewall's rules that block refused it; `securelambda traffic` shows which",
            shown(answer)
        )),
        (FirewallExposure::Guarded, false) | (FirewallExposure::Shut | FirewallExposure::Unknown, true) => {
            CheckResult::pass(shown(answer))
        }
        (FirewallExposure::Shut, false) => CheckResult::fail(format!(
            "{}; a change of the firewall may take minutes to hold everywhere, so run verify again if there was one just now",
            shown(answer)
        )),
        (FirewallExposure::Unknown, false) => CheckResult::not_applicable(format!(
            "{}; whether this machine's address may pass is not known, and an emulator need not filter",
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
    fn who_is_listed_passes_or_not() {
        let firewall = |mode| Firewall {
            mode,
            addresses: vec!["203.0.113.0/24".parse().expect("a network")],
            rate_per_ip: None,
            managed_rules: vec![],
        };
        let blocking = Firewall { rate_per_ip: Some(500), ..firewall(Mode::Count) };
        assert_eq!(
            [guarded(&firewall(Mode::Count)), guarded(&blocking)],
            [FirewallExposure::Open, FirewallExposure::Guarded]
        );
        let group = |block| crate::spec::ManagedRule { name: "common".into(), block };
        for (block, expected) in [(false, FirewallExposure::Open), (true, FirewallExposure::Guarded)] {
            let firewall = Firewall { managed_rules: vec![group(block)], ..firewall(Mode::Count) };
            assert_eq!(guarded(&firewall), expected, "a group that blocks: {block}");
        }
        let (listed, other) = ("203.0.113.7".parse().expect("an address"), "198.51.100.1".parse().expect("an address"));
        for (mode, of_listed, of_other) in [
            (Mode::Count, FirewallExposure::Open, FirewallExposure::Open),
            (Mode::Allow, FirewallExposure::Open, FirewallExposure::Shut),
            (Mode::Block, FirewallExposure::Shut, FirewallExposure::Open),
        ] {
            assert_eq!((gate_for(&firewall(mode), listed), gate_for(&firewall(mode), other)), (of_listed, of_other));
        }
    }

    #[test]
    fn a_filter_that_lets_pass_or_refuses_the_wrong_ones_fails() {
        let (filtered, passed) = (gateway(403, "Forbidden"), gateway(401, "Unauthorized"));
        for (gate, answer, verdict) in [
            (FirewallExposure::Open, &passed, Pass),
            (FirewallExposure::Open, &filtered, Fail),
            (FirewallExposure::Guarded, &passed, Pass),
            (FirewallExposure::Guarded, &filtered, NotApplicable),
            (FirewallExposure::Shut, &filtered, Pass),
            (FirewallExposure::Shut, &passed, Fail),
            (FirewallExposure::Unknown, &filtered, Pass),
            (FirewallExposure::Unknown, &passed, NotApplicable),
        ] {
            assert_eq!(judged(gate, answer).verdict, verdict, "{gate:?}");
        }
    }
}
