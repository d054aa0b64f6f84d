//! Pure functions that turn an API's answer into the result of a check.
//!
//! Results quote messages of API Gateway. They do not quote answers of functions, which may contain what was sent.

use std::time::Duration;

use super::Verdict;
use super::check_spec::CheckResult;
use super::target::Target;
use crate::aws::lambda::Invoked;
use crate::meaning::{BAD_BODY, FORBIDDEN, NO_SUCH_ROUTE, NOT_FOUND, OfGateway, UNAUTHORIZED, failed};
use crate::probe::Answer;

/// Whether a firewall with the settings of the stack file lets requests from this machine through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirewallExposure {
    /// It lets them through.
    Open,
    /// Its list of addresses lets them through. Another blocking rule may refuse them.
    Guarded,
    /// It must refuse them.
    Shut,
    /// This machine's address is not known, and the firewall depends on it.
    Unknown,
}

/// The message of API Gateway or WAF; `None` if the function answered.
fn gateway_says(answer: &Answer) -> Option<String> {
    OfGateway::read(answer).map(|by| by.message)
}

/// Whether API Gateway or WAF answered, and not the function.
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

/// The facts about the endpoint that determine how long to wait for another answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Destination {
    /// At AWS, a change takes time to reach all servers. An emulator applies it at once.
    pub at_aws: bool,
    pub exposure: FirewallExposure,
}

/// How long to wait until a change of a role, a permission or the firewall takes effect. It usually takes seconds, and
/// AWS promises no time. See docs/aws.md, Associations.
pub(super) const SETTLES_IN: Duration = Duration::from_mins(1);

/// How long to wait for another answer; `None` if the answer is final.
pub(super) fn passing(answer: &Answer, destination: Destination) -> Option<Duration> {
    match (answer.status, gateway_says(answer).as_deref()) {
        // The answer before a new deployment, or the stage of an HTTP API, has reached all servers (docs/aws.md,
        // Answers of the gateway).
        (403, Some(NO_SUCH_ROUTE)) | (404, Some(NOT_FOUND)) => Some(Duration::from_mins(1)),
        // The address may have been allowed just now.
        (403, Some(FORBIDDEN)) if destination.at_aws && destination.exposure == FirewallExposure::Open => {
            Some(SETTLES_IN)
        }
        (429, _) => Some(Duration::from_secs(30)),
        // A function that was just changed or, at AWS, a permission that has not taken effect yet.
        (500..=599, _) if destination.at_aws => Some(Duration::from_secs(30)),
        (500..=599, _) => Some(Duration::from_secs(5)),
        _ => None,
    }
}

/// Whether the web ACL refused the request.
pub(super) fn is_filtered(answer: &Answer) -> bool {
    answer.status == 403 && gateway_says(answer).as_deref() == Some(FORBIDDEN)
}

/// Not applicable if the firewall refuses this machine and may do so: nothing is known about the layers behind it.
fn behind(exposure: FirewallExposure, answer: &Answer) -> Option<CheckResult> {
    let why = match exposure {
        FirewallExposure::Open => return None,
        FirewallExposure::Guarded => {
            "a blocking rule of the firewall refuses requests from this machine (`securelambda traffic` shows which \
             one); run verify from another machine"
        }
        FirewallExposure::Shut | FirewallExposure::Unknown => {
            "the firewall blocks this machine's address; run verify from an address that it allows"
        }
    };
    is_filtered(answer).then(|| CheckResult::not_applicable(why))
}

/// For a token that must not pass: the gateway must refuse it, and because of the token.
pub(super) fn refused(answer: &Answer, exposure: FirewallExposure) -> CheckResult {
    let unauthorized = match gateway_says(answer) {
        // An answer to HEAD has no body and therefore no message.
        Some(words) => answer.body.is_empty() || UNAUTHORIZED.contains(&words.as_str()),
        None => false,
    };
    let right = answer.status == 401 && unauthorized;
    behind(exposure, answer).unwrap_or_else(|| CheckResult::pass_if(right, shown(answer)))
}

/// [`refused`] for an HTTP API, whose function may refuse tokens too and must not be mistaken for the gateway. The
/// gateways of some emulators answer with the status alone.
pub(super) fn refused_by_http(answer: &Answer, exposure: FirewallExposure, at_aws: bool) -> CheckResult {
    if !at_aws && answer.status == 401 && gateway_says(answer).is_none() {
        return CheckResult::pass("401 Unauthorized");
    }
    refused(answer, exposure)
}

/// For a function that was called directly with a token that must not pass.
pub(super) fn refused_by_function(invoked: Invoked) -> CheckResult {
    match invoked {
        Invoked::Status(status) => CheckResult::pass_if(status == 401, format!("{status} from the function")),
        Invoked::Something => CheckResult::fail("a result that is not an HTTP response"),
        Invoked::Broken => CheckResult::fail("the function failed, so the check has no result"),
    }
}

/// For a token that must pass: the request must reach the function, and the function must not fail. Its answer does not
/// matter.
pub(super) fn accepted(answer: &Answer, exposure: FirewallExposure) -> CheckResult {
    let by_function = gateway_says(answer).is_none();
    let reached = match answer.status {
        200..=399 => true,
        401 | 403 => false,
        400..=499 => by_function,
        _ => false,
    };
    behind(exposure, answer).unwrap_or_else(|| CheckResult::pass_if(reached, shown(answer)))
}

/// [`accepted`], with the most likely reason if the function failed.
pub(super) fn accepted_by(answer: &Answer, exposure: FirewallExposure, target: Target<'_>) -> CheckResult {
    let result = accepted(answer, exposure);
    if result.verdict != Verdict::Fail || !(500..600).contains(&answer.status) {
        return result;
    }
    let why = failed(answer, target.by_http(), &target.route.function);
    CheckResult::fail(format!("{}: {why}", result.received))
}

/// For a body that violates the model: the gateway must refuse it, so that it does not reach the function.
pub(super) fn body_refused(answer: &Answer, exposure: FirewallExposure) -> CheckResult {
    let right = answer.status == 400 && gateway_says(answer).as_deref() == Some(BAD_BODY);
    behind(exposure, answer).unwrap_or_else(|| CheckResult::pass_if(right, shown(answer)))
}

/// For a request without a valid signature: the gateway must refuse it, with any message.
pub(super) fn signature_refused(answer: &Answer, exposure: FirewallExposure) -> CheckResult {
    let right = answer.status == 403 && gateway_says(answer).is_some();
    behind(exposure, answer).unwrap_or_else(|| CheckResult::pass_if(right, shown(answer)))
}

/// For an access token where an ID token is required. AWS refuses it. Some emulators do not.
pub(super) fn access_refused(answer: &Answer, exposure: FirewallExposure, at_aws: bool) -> CheckResult {
    if !at_aws && (200..300).contains(&answer.status) {
        return CheckResult::not_applicable("this endpoint accepts access tokens too, unlike AWS");
    }
    refused(answer, exposure)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::verify::Verdict::{Fail, NotApplicable, Pass};

    /// An answer of API Gateway.
    pub(in crate::verify) fn gateway(status: u16, message: &str) -> Answer {
        let headers = [("x-amzn-errortype".to_owned(), "SomeException".to_owned())].into();
        Answer { status, headers, body: serde_json::json!({ "message": message }).to_string() }
    }

    /// An answer of the function.
    pub(in crate::verify) fn function(status: u16) -> Answer {
        Answer { status, headers: [].into(), body: r#"{"message":"Unauthorized"}"#.into() }
    }

    #[test]
    fn a_refusal_passes_only_if_the_gateway_refused_the_token() {
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
    fn a_token_is_accepted_if_the_request_reaches_the_function() {
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
    fn a_body_must_be_refused_by_the_gateway() {
        let verdict = |answer: &Answer| body_refused(answer, FirewallExposure::Open).verdict;
        assert_eq!(verdict(&gateway(400, "Invalid request body")), Pass);
        for wrong in [function(400), function(200), gateway(400, "Bad request"), gateway(401, "Unauthorized")] {
            assert_eq!(verdict(&wrong), Fail, "{wrong:?}");
        }
    }

    #[test]
    fn an_access_token_must_be_refused_at_aws_only() {
        let refused = gateway(401, "Unauthorized");
        assert_eq!(access_refused(&refused, FirewallExposure::Open, true).verdict, Pass);
        assert_eq!(access_refused(&function(200), FirewallExposure::Open, true).verdict, Fail);
        assert_eq!(access_refused(&function(200), FirewallExposure::Open, false).verdict, NotApplicable);
        assert_eq!(access_refused(&gateway(500, "no"), FirewallExposure::Open, false).verdict, Fail);
    }

    #[test]
    fn a_check_does_not_apply_if_the_firewall_may_refuse_this_machine() {
        let filtered = gateway(403, "Forbidden");
        for classify in [refused, accepted, body_refused] {
            assert_eq!(classify(&filtered, FirewallExposure::Open).verdict, Fail);
            for exposure in [FirewallExposure::Guarded, FirewallExposure::Shut, FirewallExposure::Unknown] {
                assert_eq!(classify(&filtered, exposure).verdict, NotApplicable);
            }
        }
    }

    #[test]
    fn temporary_answers_are_waited_out_and_final_ones_are_not() {
        let emulator = Destination { at_aws: false, exposure: FirewallExposure::Unknown };
        let aws = Destination { at_aws: true, exposure: FirewallExposure::Open };
        for waits in [gateway(403, "Missing Authentication Token"), gateway(429, "Too Many Requests"), function(502)] {
            assert!(passing(&waits, emulator).is_some() && passing(&waits, aws).is_some(), "{waits:?}");
        }
        for stands in [gateway(401, "Unauthorized"), function(200), function(403)] {
            assert_eq!((passing(&stands, emulator), passing(&stands, aws)), (None, None), "{stands:?}");
        }
    }

    #[test]
    fn changes_that_spread_slowly_are_waited_for_only_at_aws() {
        let waited = |answer: &Answer, at_aws, exposure| passing(answer, Destination { at_aws, exposure });
        let filtered = gateway(403, "Forbidden");
        assert_eq!(
            waited(&filtered, true, FirewallExposure::Open),
            Some(SETTLES_IN),
            "an address that was allowed just now"
        );
        for (at_aws, exposure) in [
            (false, FirewallExposure::Open),
            (true, FirewallExposure::Guarded),
            (true, FirewallExposure::Shut),
            (true, FirewallExposure::Unknown),
        ] {
            assert_eq!(waited(&filtered, at_aws, exposure), None, "{at_aws} {exposure:?}");
        }
        // A function fails while the policy of its role has not taken effect.
        assert!(
            waited(&function(500), true, FirewallExposure::Open)
                > waited(&function(500), false, FirewallExposure::Open)
        );
    }

    #[test]
    fn only_messages_of_the_gateway_are_quoted() {
        assert_eq!(shown(&function(200)), "200 from the function");
        assert_eq!(shown(&gateway(401, "Unauthorized")), "401 Unauthorized");
    }
}
