//! What an API's answer means. Pure: what came back goes in, a finding comes out.
//!
//! What a function answers is never quoted, for it may hold what was sent; API Gateway's own words are.

use std::time::Duration;

use super::Verdict;
use super::check_spec::CheckResult;
use super::target::Target;
use crate::aws::lambda::Invoked;
use crate::meaning::{BAD_BODY, FORBIDDEN, NO_SUCH_ROUTE, NOT_FOUND, OfGateway, UNAUTHORIZED, failed};
use crate::probe::Answer;

/// Whether the firewall lets this machine's requests through, if it does what the stack file asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirewallExposure {
    /// It does.
    Open,
    /// Its list of addresses does; a rule that blocks by other things may not.
    Guarded,
    /// It must not.
    Shut,
    /// It depends on this machine's address, which is not known.
    Unknown,
}

/// API Gateway's or WAF's own words; `None` for an answer of the function's.
fn gateway_says(answer: &Answer) -> Option<String> {
    OfGateway::read(answer).map(|by| by.message)
}

/// API Gateway or WAF gave it, not the function.
pub(super) fn is_of_gateway(answer: &Answer) -> bool {
    OfGateway::read(answer).is_some()
}

/// `401 Unauthorized`, or `200 from the function`.
pub(super) fn shown(answer: &Answer) -> String {
    match gateway_says(answer) {
        Some(words) => format!("{} {words}", answer.status).trim_end().to_owned(),
        None => format!("{} from the function", answer.status),
    }
}

/// Where requests go, as far as it decides how long an answer is waited out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// AWS itself: what was changed a moment ago may not hold everywhere yet. At an emulator it does.
    pub at_aws: bool,
    /// Whether the firewall lets this machine through.
    pub gate: FirewallExposure,
}

/// How long a change of a role, of a permission or of the firewall is given to arrive: seconds as a rule, and AWS
/// promises no time. See docs/aws.md, Associations.
pub(super) const SETTLES_IN: Duration = Duration::from_mins(1);

/// How long an answer like this may be waited out; `None` where it will not change by waiting.
pub(super) fn passing(answer: &Answer, place: Place) -> Option<Duration> {
    match (answer.status, gateway_says(answer).as_deref()) {
        // A new deployment answers like this until it has arrived everywhere, and an HTTP API until its stage has
        // (docs/aws.md, Answers of the gateway).
        (403, Some(NO_SUCH_ROUTE)) | (404, Some(NOT_FOUND)) => Some(Duration::from_mins(1)),
        // An address that was let in a moment ago.
        (403, Some(FORBIDDEN)) if place.at_aws && place.gate == FirewallExposure::Open => Some(SETTLES_IN),
        (429, _) => Some(Duration::from_secs(30)),
        // A function that has just been changed; and at AWS a permission or a right of its role that has not arrived.
        (500..=599, _) if place.at_aws => Some(Duration::from_secs(30)),
        (500..=599, _) => Some(Duration::from_secs(5)),
        _ => None,
    }
}

/// The web ACL refused it, whatever it was.
pub(super) fn is_filtered(answer: &Answer) -> bool {
    answer.status == 403 && gateway_says(answer).as_deref() == Some(FORBIDDEN)
}

/// Where the firewall refuses this machine, as it may, nothing can be said about what is behind it.
fn behind(gate: FirewallExposure, answer: &Answer) -> Option<CheckResult> {
    let why = match gate {
        FirewallExposure::Open => return None,
        FirewallExposure::Guarded => {
            "one of the firewall's rules that block refuses this machine's requests (`securelambda traffic` shows which); \
             run verify from a machine that passes"
        }
        FirewallExposure::Shut | FirewallExposure::Unknown => {
            "the firewall refuses this machine's address; run verify from one that passes"
        }
    };
    is_filtered(answer).then(|| CheckResult::not_applicable(why))
}

/// A token that must not pass: refused, and for that reason.
pub(super) fn refused(answer: &Answer, gate: FirewallExposure) -> CheckResult {
    let unauthorized = match gateway_says(answer) {
        // An answer to HEAD has no body to say it in.
        Some(words) => answer.body.is_empty() || UNAUTHORIZED.contains(&words.as_str()),
        None => false,
    };
    let right = answer.status == 401 && unauthorized;
    behind(gate, answer).unwrap_or_else(|| CheckResult::pass_if(right, shown(answer)))
}

/// The same of an HTTP API, whose function may refuse tokens too and must not be taken for the gateway. There are
/// emulators whose gateway says no more than that.
pub(super) fn refused_by_http(answer: &Answer, gate: FirewallExposure, at_aws: bool) -> CheckResult {
    if !at_aws && answer.status == 401 && gateway_says(answer).is_none() {
        return CheckResult::pass("401 Unauthorized");
    }
    refused(answer, gate)
}

/// A function that was called by hand with a token that must not pass.
pub(super) fn refused_by_function(invoked: Invoked) -> CheckResult {
    match invoked {
        Invoked::Status(status) => CheckResult::pass_if(status == 401, format!("{status} from the function")),
        Invoked::Something => CheckResult::fail("something that is no answer to a request"),
        Invoked::Broken => CheckResult::fail("the function failed, so that nothing is known of it"),
    }
}

/// A token that must pass. What the function makes of the request is its own matter, as long as it gets there and
/// does not fail.
pub(super) fn accepted(answer: &Answer, gate: FirewallExposure) -> CheckResult {
    let by_function = gateway_says(answer).is_none();
    let reached = match answer.status {
        200..=399 => true,
        401 | 403 => false,
        400..=499 => by_function,
        _ => false,
    };
    behind(gate, answer).unwrap_or_else(|| CheckResult::pass_if(reached, shown(answer)))
}

/// The same, and of a function that failed what that most likely means.
pub(super) fn accepted_by(answer: &Answer, gate: FirewallExposure, target: Target<'_>) -> CheckResult {
    let finding = accepted(answer, gate);
    if finding.verdict != Verdict::Fail || !(500..600).contains(&answer.status) {
        return finding;
    }
    let why = failed(answer, target.by_http(), &target.route.function);
    CheckResult::fail(format!("{}: {why}", finding.received))
}

/// A body that breaks the model: refused by the gateway, so that no function sees it.
pub(super) fn body_refused(answer: &Answer, gate: FirewallExposure) -> CheckResult {
    let right = answer.status == 400 && gateway_says(answer).as_deref() == Some(BAD_BODY);
    behind(gate, answer).unwrap_or_else(|| CheckResult::pass_if(right, shown(answer)))
}

/// A request that is not signed as it must be: refused by the gateway, in whichever of its words.
pub(super) fn signature_refused(answer: &Answer, gate: FirewallExposure) -> CheckResult {
    let right = answer.status == 403 && gateway_says(answer).is_some();
    behind(gate, answer).unwrap_or_else(|| CheckResult::pass_if(right, shown(answer)))
}

/// An access token where an ID token is asked for. AWS refuses it; there are emulators that do not.
pub(super) fn access_refused(answer: &Answer, gate: FirewallExposure, at_aws: bool) -> CheckResult {
    if !at_aws && (200..300).contains(&answer.status) {
        return CheckResult::not_applicable("this endpoint takes access tokens too, which AWS does not");
    }
    refused(answer, gate)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::verify::Verdict::{Fail, NotApplicable, Pass};

    /// An answer of API Gateway's own.
    pub(in crate::verify) fn gateway(status: u16, message: &str) -> Answer {
        let headers = [("x-amzn-errortype".to_owned(), "SomeException".to_owned())].into();
        Answer { status, headers, body: serde_json::json!({ "message": message }).to_string() }
    }

    /// An answer of the function's.
    pub(in crate::verify) fn function(status: u16) -> Answer {
        Answer { status, headers: [].into(), body: r#"{"message":"Unauthorized"}"#.into() }
    }

    #[test]
    fn a_refusal_counts_only_for_the_right_reason() {
        let verdict = |answer: &Answer| refused(answer, FirewallExposure::Open).verdict;
        assert_eq!(verdict(&gateway(401, "Unauthorized")), Pass);
        assert_eq!(verdict(&gateway(401, "The incoming token has expired")), Pass);
        for wrong in [
            function(200),
            function(401),
            gateway(401, "no"),
            gateway(403, "Missing Authentication Token"),
            gateway(403, "Forbidden"),
            gateway(500, "Internal server error"),
        ] {
            assert_eq!(verdict(&wrong), Fail, "{wrong:?}");
        }
        let head = Answer { body: String::new(), ..gateway(401, "") };
        assert_eq!(verdict(&head), Pass);
    }

    #[test]
    fn a_token_passes_if_the_function_is_reached() {
        let verdict = |answer: &Answer| accepted(answer, FirewallExposure::Open).verdict;
        for right in [function(200), function(204), function(404)] {
            assert_eq!(verdict(&right), Pass, "{right:?}");
        }
        for wrong in [
            gateway(401, "Unauthorized"),
            function(403),
            gateway(400, "Invalid request body"),
            gateway(429, "Too Many Requests"),
            function(500),
        ] {
            assert_eq!(verdict(&wrong), Fail, "{wrong:?}");
        }
    }

    #[test]
    fn a_body_is_refused_by_the_gateway_and_nobody_else() {
        let verdict = |answer: &Answer| body_refused(answer, FirewallExposure::Open).verdict;
        assert_eq!(verdict(&gateway(400, "Invalid request body")), Pass);
        for wrong in [function(400), function(200), gateway(400, "Bad request"), gateway(401, "Unauthorized")] {
            assert_eq!(verdict(&wrong), Fail, "{wrong:?}");
        }
    }

    #[test]
    fn an_access_token_is_refused_at_aws() {
        let refused = gateway(401, "Unauthorized");
        assert_eq!(access_refused(&refused, FirewallExposure::Open, true).verdict, Pass);
        assert_eq!(access_refused(&function(200), FirewallExposure::Open, true).verdict, Fail);
        assert_eq!(access_refused(&function(200), FirewallExposure::Open, false).verdict, NotApplicable);
        assert_eq!(access_refused(&gateway(500, "no"), FirewallExposure::Open, false).verdict, Fail);
    }

    #[test]
    fn a_shut_gate_hides_what_is_behind_it_and_an_open_one_may_not() {
        let filtered = gateway(403, "Forbidden");
        for classify in [refused, accepted, body_refused] {
            assert_eq!(classify(&filtered, FirewallExposure::Open).verdict, Fail);
            for gate in [FirewallExposure::Guarded, FirewallExposure::Shut, FirewallExposure::Unknown] {
                assert_eq!(classify(&filtered, gate).verdict, NotApplicable);
            }
        }
    }

    #[test]
    fn what_is_not_live_yet_is_waited_for_and_a_refusal_is_not() {
        let emulator = Place { at_aws: false, gate: FirewallExposure::Unknown };
        let aws = Place { at_aws: true, gate: FirewallExposure::Open };
        for waits in [gateway(403, "Missing Authentication Token"), gateway(429, "Too Many Requests"), function(502)] {
            assert!(passing(&waits, emulator).is_some() && passing(&waits, aws).is_some(), "{waits:?}");
        }
        for stands in [gateway(401, "Unauthorized"), function(200), function(403)] {
            assert_eq!((passing(&stands, emulator), passing(&stands, aws)), (None, None), "{stands:?}");
        }
    }

    #[test]
    fn what_aws_takes_a_while_to_spread_is_waited_for_at_aws_alone() {
        let waited = |answer: &Answer, at_aws, gate| passing(answer, Place { at_aws, gate });
        let filtered = gateway(403, "Forbidden");
        assert_eq!(
            waited(&filtered, true, FirewallExposure::Open),
            Some(SETTLES_IN),
            "an address that was let in just now"
        );
        for (at_aws, gate) in [
            (false, FirewallExposure::Open),
            (true, FirewallExposure::Guarded),
            (true, FirewallExposure::Shut),
            (true, FirewallExposure::Unknown),
        ] {
            assert_eq!(waited(&filtered, at_aws, gate), None, "{at_aws} {gate:?}");
        }
        // A role's policy that has not arrived makes the function fail.
        assert!(
            waited(&function(500), true, FirewallExposure::Open)
                > waited(&function(500), false, FirewallExposure::Open)
        );
    }

    #[test]
    fn what_a_function_says_is_not_quoted() {
        assert_eq!(shown(&function(200)), "200 from the function");
        assert_eq!(shown(&gateway(401, "Unauthorized")), "401 Unauthorized");
    }
}
