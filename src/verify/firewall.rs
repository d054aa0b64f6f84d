//! Checks how the firewall treats requests from this machine. `settings` checks its settings.

use std::net::IpAddr;

use futures_util::FutureExt;

use super::check_spec::{CheckResult, CheckSpec};
use super::classify::{Destination, FirewallExposure, is_filtered};
use super::context::{CheckFuture, Subject, VerifyContext};
use super::prober::Prober;
use super::target::{NO_ROUTE, Target};
use super::{Check, Layer, evidence, settings};
use crate::probe::{Answer, Request};
use crate::spec::{Api, ApiKind, Firewall, Mode, Stack};
use crate::topology::ids::{self, ApiIds};

/// A service of AWS that returns the caller's address.
const WHO_AM_I: &str = "https://checkip.amazonaws.com";

/// This machine's address, if the stack file lists addresses and AWS's service returns it. An emulator sees another
/// address.
pub(super) async fn own_address(subject: &Subject<'_>, prober: &Prober) -> Option<IpAddr> {
    let lists = subject.stack.firewall.as_ref().is_some_and(|firewall| firewall.mode != Mode::Count);
    let limited = subject.stack.all_apis().filter_map(|(_, api)| api.allow_from.as_ref());
    let matters = lists || limited.into_iter().any(|allow_from| !allow_from.addresses.is_empty());
    if !matters || subject.endpoint.is_some() {
        return None;
    }
    let request = Request { method: "GET", url: WHO_AM_I, token: None, body: None };
    prober.ask_once(&request, &[]).await.ok().and_then(|answer| answer.text().trim().parse().ok())
}

/// Whether a firewall with the settings of the stack file lets this machine through.
pub(super) fn exposure(subject: &Subject<'_>, address: Option<IpAddr>) -> FirewallExposure {
    let Some(firewall) = subject.stack.firewall.as_ref() else { return FirewallExposure::Open };
    if firewall.mode == Mode::Count {
        return guarded(firewall);
    }
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
    let of = |(name, api): (Option<&'a str>, &'a Api)| async move { vec![filters(context, name, api).await] }.boxed();
    context.subject.stack.all_apis().map(of).collect()
}

/// A check for each API, so that a reader who looks for its firewall finds the result or the reason why there is none.
async fn filters(context: &VerifyContext<'_>, name: Option<&str>, api: &Api) -> Check {
    let (claim, expected) = match context.exposure {
        FirewallExposure::Shut => ("requests from this machine are blocked", "403 Forbidden"),
        FirewallExposure::Open | FirewallExposure::Guarded => {
            ("requests from this machine pass the firewall", "any answer except 403 Forbidden")
        }
        FirewallExposure::Unknown => {
            ("addresses that must be blocked are blocked", "403 Forbidden for an address that must be blocked")
        }
    };
    let subject = name.map_or("web ACL".to_owned(), |name| format!("web ACL before {name}"));
    let claim = CheckSpec::new(Layer::Firewall, subject, claim).expects(expected);
    if let Some(why) = untested(context, name, api) {
        return claim.known(why);
    }
    let reachable = Target::all((name, api)).filter(|target| context.url(*target).is_ok());
    let found = Target::for_no_token(reachable).and_then(|target| Some((target.method(), context.url(target).ok()?)));
    let Some((method, url)) = found else {
        return claim.known(CheckResult::not_tried(NO_ROUTE));
    };
    let request = Request { method, url: &url, token: None, body: None };
    claim
        .sent(evidence::sent(&request, "no Authorization header"))
        .by(async {
            let destination = Destination { exposure: context.exposure, ..Destination::of(context.at_aws()) };
            // A change of the firewall takes time to reach all of AWS.
            let settled = |answer: &Answer| !classify(destination, answer).failed();
            match context.prober.ask_until(&request, settled).await {
                Ok(answer) => classify(destination, &answer),
                Err(result) => result,
            }
        })
        .await
}

/// The result of the check if a request would show nothing about the firewall.
fn untested(context: &VerifyContext<'_>, name: Option<&str>, api: &Api) -> Option<CheckResult> {
    if api.kind == ApiKind::Http {
        let why = "AWS cannot attach a web ACL to an HTTP API; its authorizer and its throttle protect it";
        return Some(CheckResult::not_tried(why));
    }
    if context.subject.stack.firewall.is_none() {
        return Some(CheckResult::not_tried("the stack file has no firewall"));
    }
    if !context.at_aws() {
        return Some(CheckResult::not_tried("this endpoint stores the firewall's rules and does not filter"));
    }
    for id in [ids::web_acl().to_string(), ApiIds(name).association().to_string()] {
        if !settings::is_as_wanted(context.subject.seen, &id) {
            return Some(CheckResult::because_failed(&settings::name(context.subject.seen, &id)));
        }
    }
    None
}

/// A remark for the summary if the firewall of the stack file blocks no request.
pub(super) fn blocks_nothing(stack: &Stack) -> Option<String> {
    let firewall = stack.firewall.as_ref().filter(|_| stack.all_apis().any(|(_, api)| api.kind == ApiKind::Rest))?;
    let open = firewall.mode == Mode::Count && guarded(firewall) == FirewallExposure::Open;
    open.then(|| {
        "The firewall blocks nothing: its mode is count, so it counts the requests of its addresses and lets every \
         request pass."
            .to_owned()
    })
}

fn classify(destination: Destination, answer: &Answer) -> CheckResult {
    let shown = destination.shown(answer);
    match (destination.exposure, is_filtered(answer)) {
        (FirewallExposure::Open, filtered) => CheckResult::pass_if(!filtered, shown),
        (FirewallExposure::Guarded, true) => CheckResult::not_tried(format!(
            "{shown}: a blocking rule of the firewall refused it; `securelambda traffic` shows which one"
        )),
        (FirewallExposure::Guarded, false) | (FirewallExposure::Shut | FirewallExposure::Unknown, true) => {
            CheckResult::pass(shown)
        }
        (FirewallExposure::Shut, false) => CheckResult::fail(format!(
            "{shown}; a change of the firewall can take minutes to take effect; if you changed it just now, run verify again"
        )),
        (FirewallExposure::Unknown, false) => {
            CheckResult::not_tried(format!("{shown}; it is not known whether this machine must be blocked"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Verdict::{Fail, NotTried, Pass};
    use crate::verify::classify::tests::gateway;

    #[test]
    fn the_exposure_depends_on_the_mode_and_the_listed_addresses() {
        let file = "[functions.F]\nsource = \"f\"\n[api]\nstage = \"s\"\n[[api.routes]]\nroute = \"GET /a\"\n\
                    function = \"F\"\nauth = \"none\"\n[firewall]\naddresses = [\"203.0.113.0/24\"]";
        let parsed = crate::spec::parse(file).expect("a stack").firewall.expect("a firewall");
        let firewall = |mode| Firewall { mode, ..parsed.clone() };
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
            (FirewallExposure::Guarded, &filtered, NotTried),
            (FirewallExposure::Shut, &filtered, Pass),
            (FirewallExposure::Shut, &passed, Fail),
            (FirewallExposure::Unknown, &filtered, Pass),
            (FirewallExposure::Unknown, &passed, NotTried),
        ] {
            let destination = Destination { exposure, ..Destination::of(true) };
            assert_eq!(classify(destination, answer).verdict, verdict, "{exposure:?}");
        }
    }

    #[test]
    fn the_summary_says_whether_the_firewall_blocks_nothing() {
        let head = "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[api]\n[[api.routes]]\nroute = \"GET /a\"\n\
                    function = \"F\"\nauth = \"none\"\n";
        for (firewall, nothing) in [
            ("", false),
            ("[firewall]\n", true),
            ("[firewall]\nmanaged_rules = [\"common\"]\n", true),
            ("[firewall]\nmanaged_rules = [\"common:block\"]\n", false),
            ("[firewall]\nrate_per_ip = 500\n", false),
            ("[firewall]\nmode = \"allow\"\naddresses = [\"203.0.113.7/32\"]\n", false),
        ] {
            let stack = crate::spec::parse(&format!("{head}{firewall}")).expect("a stack file");
            assert_eq!(blocks_nothing(&stack).is_some(), nothing, "{firewall}");
        }
    }
}
