//! Pure functions that turn an API's answer into the result of a check.

use std::time::Duration;

use super::Verdict;
use super::allow_from::{Admission, is_refused};
use super::check_spec::CheckResult;
use super::evidence::received;
use super::target::Target;
use crate::aws::lambda::Invoked;
use crate::meaning::{
    Answerer, BAD_BODY, FORBIDDEN, MISSING_PARAMETERS, NO_SUCH_ROUTE, NOT_FOUND, OfGateway, UNAUTHORIZED,
    came_through_gateway, failed,
};
use crate::probe::Answer;
use crate::spec::RouteTarget;

/// Whether a firewall with the settings of the stack file lets requests from this machine through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirewallExposure {
    /// The firewall lets the requests through.
    Open,
    /// The firewall's list of addresses lets the requests through, but another blocking rule may refuse them.
    Guarded,
    /// The firewall must refuse the requests.
    Shut,
    /// This machine's address is not known, and the firewall depends on it.
    Unknown,
}

/// The sender of the answers to requests that API Gateway lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    Function,
    Server,
    /// API Gateway itself, with the fixed answer of the route.
    Fixed,
}

impl Behind {
    pub(super) fn of(target: &RouteTarget) -> Self {
        match target {
            RouteTarget::Function(_) => Self::Function,
            RouteTarget::Http { .. } => Self::Server,
            RouteTarget::Mock { .. } => Self::Fixed,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Function => "the function",
            Self::Server => "the server",
            Self::Fixed => "the fixed answer",
        }
    }
}

/// The destination of requests. It decides how answers are interpreted and how long to wait for another answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Destination {
    /// At AWS, a change takes time to reach all servers. An emulator applies it at once.
    pub at_aws: bool,
    pub exposure: FirewallExposure,
    pub admission: Admission,
    pub behind: Behind,
}

impl Destination {
    /// A function that neither a firewall nor a resource policy protects.
    pub(super) const fn of(at_aws: bool) -> Self {
        Self { at_aws, exposure: FirewallExposure::Open, admission: Admission::Open, behind: Behind::Function }
    }

    /// The message of API Gateway or WAF; `None` if the function answered.
    fn gateway_says(self, answer: &Answer) -> Option<String> {
        OfGateway::read_at(answer, self.at_aws).map(|by| by.message)
    }

    /// Whether API Gateway or WAF answered, and not the function.
    pub(super) fn is_of_gateway(self, answer: &Answer) -> bool {
        OfGateway::read_at(answer, self.at_aws).is_some()
    }

    /// Whether the gateway refused the API key, or the web ACL the request.
    pub(super) fn is_key_refused(self, answer: &Answer) -> bool {
        // An answer to HEAD has no body and therefore no message.
        let says = |words: String| words == FORBIDDEN || answer.body.is_empty();
        answer.status == 403 && self.gateway_says(answer).is_some_and(says)
    }

    /// The evidence of an answer.
    pub(super) fn shown(self, answer: &Answer) -> String {
        received(answer, self.sender(self.is_of_gateway(answer)))
    }

    /// The name of an answer's sender.
    pub(super) fn sender(self, by_gateway: bool) -> &'static str {
        if by_gateway { "API Gateway" } else { self.behind.words() }
    }

    fn pass_if(self, holds: bool, answer: &Answer) -> CheckResult {
        self.behind(answer).unwrap_or_else(|| CheckResult::pass_if(holds, self.shown(answer)))
    }

    /// The result if the firewall or the resource policy refuses this machine and may do so: nothing is known about the
    /// layers behind them.
    fn behind(self, answer: &Answer) -> Option<CheckResult> {
        if self.admission != Admission::Open && is_refused(answer) {
            let why = "the API's `allow_from` does not list this machine's address; run verify from one that it lists";
            return Some(CheckResult::not_tried(why));
        }
        let why = match self.exposure {
            FirewallExposure::Open => return None,
            FirewallExposure::Guarded => {
                "a blocking rule of the firewall refuses requests from this machine (`securelambda traffic` shows \
                 which one); run verify from another machine"
            }
            FirewallExposure::Shut | FirewallExposure::Unknown => {
                "the firewall blocks this machine's address; run verify from an address that it allows"
            }
        };
        is_filtered(answer).then(|| CheckResult::not_tried(why))
    }
}

/// How long to wait until a change of a role, a permission or the firewall takes effect. It usually takes seconds, and
/// AWS promises no time. See docs/aws.md, Associations.
pub(super) const SETTLES_IN: Duration = Duration::from_mins(1);

/// How long to wait until a new API key takes effect (docs/aws.md, API keys and usage plans).
pub(super) const KEY_SETTLES_IN: Duration = Duration::from_mins(3);

/// How long to wait for another answer; `None` if the answer is final.
pub(super) fn passing(answer: &Answer, destination: Destination) -> Option<Duration> {
    let says = OfGateway::read(answer).map(|by| by.message);
    match (answer.status, says.as_deref()) {
        // The answer before a new deployment, or the stage of an HTTP API, has reached all servers (docs/aws.md,
        // Answers of the gateway).
        (403, Some(NO_SUCH_ROUTE)) | (404, Some(NOT_FOUND)) => Some(Duration::from_mins(1)),
        // The address may have been allowed just now.
        (403, Some(FORBIDDEN)) if destination.at_aws && destination.exposure == FirewallExposure::Open => {
            Some(SETTLES_IN)
        }
        _ => busy(answer, destination),
    }
}

/// How long to wait for another answer if no route should answer. The answer that there is no route is final.
pub(super) fn busy(answer: &Answer, destination: Destination) -> Option<Duration> {
    match answer.status {
        429 => Some(Duration::from_secs(30)),
        // A function that was just changed or, at AWS, a permission that has not taken effect yet.
        500..=599 if destination.at_aws => Some(Duration::from_secs(30)),
        500..=599 => Some(Duration::from_secs(5)),
        _ => None,
    }
}

/// Whether the web ACL refused the request.
pub(super) fn is_filtered(answer: &Answer) -> bool {
    answer.status == 403 && OfGateway::read(answer).is_some_and(|by| by.message == FORBIDDEN)
}

/// For a token that must not pass: the gateway must refuse the request, and the token must be the reason.
pub(super) fn refused(answer: &Answer, destination: Destination) -> CheckResult {
    let unauthorized = match destination.gateway_says(answer) {
        // An answer to HEAD has no body and therefore no message.
        Some(words) => answer.body.is_empty() || UNAUTHORIZED.contains(&words.as_str()),
        None => false,
    };
    destination.pass_if(answer.status == 401 && unauthorized, answer)
}

/// For a token that has expired. An HTTP API refuses a token of another app client anyway, so there the answer must
/// say that the token has expired.
pub(super) fn expired(answer: &Answer, destination: Destination, by_http: bool) -> CheckResult {
    let asks = answer.headers.get("www-authenticate").unwrap_or_default();
    let says = destination.gateway_says(answer).unwrap_or_default();
    let result = refused(answer, destination);
    if result.verdict == Verdict::Pass && by_http && !asks.contains("expired") && !says.contains("expired") {
        let why = "the API refused the token without saying that it has expired; perhaps because of its app client";
        return CheckResult::not_tried(format!("{why} ({})", result.received));
    }
    result
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
/// matter: the function may refuse the user itself.
pub(super) fn accepted(answer: &Answer, destination: Destination) -> CheckResult {
    let passed = !destination.is_of_gateway(answer);
    unmarked(answer, destination).unwrap_or_else(|| destination.pass_if(passed && answer.status < 500, answer))
}

/// The failure of an answer at AWS that has no request id of API Gateway.
fn unmarked(answer: &Answer, destination: Destination) -> Option<CheckResult> {
    let marked = destination.is_of_gateway(answer) || came_through_gateway(answer);
    (destination.at_aws && !marked).then(|| {
        let shown = received(answer, "an unknown server");
        CheckResult::fail(format!("{shown}: the answer has no request id of API Gateway"))
    })
}

/// Like [`accepted`], but for the route's kind of target, and with the most likely reason for a failure.
pub(super) fn accepted_by(answer: &Answer, destination: Destination, target: Target<'_>) -> CheckResult {
    let failure = (500..600).contains(&answer.status);
    match &target.route.target {
        RouteTarget::Mock { status, body } => {
            let same = answer.status == *status && target.has_body(&answer.text(), body, destination.at_aws);
            let passed = !destination.is_of_gateway(answer);
            unmarked(answer, destination).unwrap_or_else(|| destination.pass_if(passed && same, answer))
        }
        RouteTarget::Http { .. } if failure && !of_authorizer(answer) => {
            let why = "API Gateway let the request through, but the server could not be reached, or failed";
            CheckResult::not_tried(format!("{why}: {}", destination.shown(answer)))
        }
        RouteTarget::Http { .. } => accepted(answer, destination),
        RouteTarget::Function(function) => {
            let result = accepted(answer, destination);
            if !result.failed() || !failure {
                return result;
            }
            let why = failed(answer, target.by_http(), Answerer::Function(function));
            CheckResult::fail(format!("{}: {why}", result.received))
        }
    }
}

/// Whether an authorizer failed, so that the request did not pass it.
fn of_authorizer(answer: &Answer) -> bool {
    OfGateway::read(answer).is_some_and(|by| by.kind.starts_with("Authorizer"))
}

/// For a body that violates the model: the gateway must refuse it, so that it does not reach the function.
pub(super) fn body_refused(answer: &Answer, destination: Destination) -> CheckResult {
    let right = answer.status == 400 && destination.gateway_says(answer).as_deref() == Some(BAD_BODY);
    destination.pass_if(right, answer)
}

/// For a request without the identity that a Lambda authorizer requires. An HTTP API marks this answer only with its
/// request id.
pub(super) fn without_identity(answer: &Answer, destination: Destination) -> CheckResult {
    let by_http = answer.headers.contains("apigw-requestid") && answer.body == br#"{"message":"Unauthorized"}"#;
    let by_gateway = by_http || destination.is_of_gateway(answer);
    // An emulator calls the function even without an identity, if its answers are not cached (docs/local.md).
    let refused = answer.status == 401 && by_gateway || !destination.at_aws && is_denied(answer, destination);
    let result = || CheckResult::pass_if(refused, received(answer, destination.sender(by_gateway)));
    destination.behind(answer).unwrap_or_else(result)
}

/// For a request whose identity the function of a Lambda authorizer must refuse: by its answer, or by the error
/// `Unauthorized`. Neither the web ACL nor a missing route proves anything about the function.
pub(super) fn denied_by_authorizer(answer: &Answer, destination: Destination) -> CheckResult {
    if answer.status == 401 {
        return without_identity(answer, destination);
    }
    forbidden_by_authorizer(answer, destination)
}

/// For a valid token that the function of a Lambda authorizer must refuse.
pub(super) fn forbidden_by_authorizer(answer: &Answer, destination: Destination) -> CheckResult {
    destination.pass_if(is_denied(answer, destination), answer)
}

/// Whether the gateway says that an authorizer's function denied the request.
fn is_denied(answer: &Answer, destination: Destination) -> bool {
    let denied = OfGateway::read_at(answer, destination.at_aws).is_some_and(|by| {
        // An HTTP API also answers `Forbidden`, but has no web ACL.
        let by_firewall = !by.kind.is_empty() && by.message == FORBIDDEN;
        !by_firewall && !by.is_no_route(answer.status)
    });
    answer.status == 403 && denied
}

/// For a request that lacks a parameter: the gateway must refuse it for this reason.
pub(super) fn parameter_refused(answer: &Answer, destination: Destination) -> CheckResult {
    let says = destination.gateway_says(answer).unwrap_or_default();
    // An answer to HEAD has no body and therefore no message.
    let names_it = says.starts_with(MISSING_PARAMETERS) || answer.body.is_empty();
    destination.pass_if(answer.status == 400 && destination.is_of_gateway(answer) && names_it, answer)
}

/// For a request with a wrong API key or none. A web ACL refuses with the same message, so this proves something only
/// if the firewall lets this machine through.
pub(super) fn key_refused(answer: &Answer, destination: Destination) -> CheckResult {
    destination.pass_if(destination.is_key_refused(answer), answer)
}

/// For a body that is too large: the gateway must refuse it, and not because of its token.
pub(super) fn too_large(answer: &Answer, destination: Destination) -> CheckResult {
    if destination.is_of_gateway(answer) && [401, 403].contains(&answer.status) {
        let why = "the gateway refused the request before it looked at the size of the body";
        return CheckResult::not_tried(format!("{why} ({})", destination.shown(answer)));
    }
    // Some servers in front of the gateway answer 413 without its headers; no function gets such a body.
    destination.pass_if(answer.status == 413, answer)
}

/// For a request without a valid signature: the gateway must refuse it, with any message.
pub(super) fn signature_refused(answer: &Answer, destination: Destination) -> CheckResult {
    destination.pass_if(answer.status == 403 && destination.is_of_gateway(answer), answer)
}

/// For a signed request with a method or a path that no route has: the gateway must refuse it, whether it looks for the
/// route or for the permission first.
pub(super) fn no_route_or_permission(answer: &Answer, destination: Destination) -> CheckResult {
    let by = OfGateway::read_at(answer, destination.at_aws);
    let refused = by.is_some_and(|by| answer.status == 403 || by.is_no_route(answer.status));
    destination.pass_if(refused, answer)
}

/// For a method or a path that no route has: the gateway must say that there is no such route. Any other answer, also a
/// demand for a token, shows that a route exists.
pub(super) fn no_route(answer: &Answer, destination: Destination) -> CheckResult {
    let by = OfGateway::read_at(answer, destination.at_aws);
    destination.pass_if(by.is_some_and(|by| by.is_no_route(answer.status)), answer)
}

/// For an access token where an ID token is required. AWS refuses it. Some emulators do not.
pub(super) fn access_refused(answer: &Answer, destination: Destination) -> CheckResult {
    // The gateway looks at bodies and parameters only after the token.
    let looked_further =
        destination.gateway_says(answer).is_some_and(|says| says == BAD_BODY || says.starts_with(MISSING_PARAMETERS));
    // API Gateway also answers itself if a function failed or a server was not reached.
    let asked = match destination.behind {
        Behind::Server => answer.status >= 500 && !of_authorizer(answer),
        Behind::Function | Behind::Fixed => matches!(answer.status, 502 | 504),
    };
    let accepted = !destination.is_of_gateway(answer) && answer.status < 500 || looked_further || asked;
    if !destination.at_aws && accepted {
        return CheckResult::not_tried("this endpoint accepts access tokens too, unlike AWS");
    }
    refused(answer, destination)
}

/// For a token that has none of the scopes that the route demands.
pub(super) fn scope_refused(answer: &Answer, destination: Destination) -> CheckResult {
    destination.pass_if([401, 403].contains(&answer.status) && destination.is_of_gateway(answer), answer)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::verify::Verdict::{Fail, NotTried, Pass};

    pub(in crate::verify) const AWS: Destination = Destination::of(true);
    const EMULATOR: Destination = Destination { at_aws: false, ..AWS };

    /// An answer of API Gateway.
    pub(in crate::verify) fn gateway(status: u16, message: &str) -> Answer {
        let headers = [("x-amzn-errortype".to_owned(), "SomeException".to_owned())].into_iter().collect();
        Answer { status, headers, body: serde_json::json!({ "message": message }).to_string().into() }
    }

    /// An answer of the function.
    pub(in crate::verify) fn function(status: u16) -> Answer {
        let headers = [("x-amzn-requestid".to_owned(), "1".to_owned())].into_iter().collect();
        Answer { status, headers, body: r#"{"message":"Unauthorized"}"#.into() }
    }

    #[test]
    fn a_refused_api_key_is_forbidden_by_the_gateway_and_a_firewall_proves_nothing() {
        let judge = |answer: &Answer, destination| key_refused(answer, destination).verdict;
        let forbidden = gateway(403, FORBIDDEN);
        assert_eq!(judge(&forbidden, AWS), Pass);
        let behind = Destination { exposure: FirewallExposure::Shut, ..AWS };
        assert_eq!(judge(&forbidden, behind), NotTried);
        for other in [gateway(403, NO_SUCH_ROUTE), gateway(401, UNAUTHORIZED[0]), gateway(200, "")] {
            assert_eq!(judge(&other, AWS), Fail, "{other:?}");
        }
    }

    #[test]
    fn a_refusal_passes_only_if_the_gateway_refused_the_token() {
        let verdict = |answer: &Answer| refused(answer, AWS).verdict;
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
        let head = Answer { body: Vec::new(), ..gateway(401, "") };
        assert_eq!(verdict(&head), Pass);
    }

    #[test]
    fn a_token_is_accepted_if_the_request_reaches_the_function() {
        let verdict = |answer: &Answer| accepted(answer, AWS).verdict;
        // A function may refuse a user itself, as in 403 {"error":"Admin access required"}.
        for right in [function(200), function(204), function(401), function(403), function(404), function(429)] {
            assert_eq!(verdict(&right), Pass, "{right:?}");
        }
        for wrong in [
            gateway(401, "Unauthorized"),
            gateway(403, "Forbidden"),
            gateway(400, "Invalid request body"),
            gateway(429, "Too Many Requests"),
            function(500),
        ] {
            assert_eq!(verdict(&wrong), Fail, "{wrong:?}");
        }
        let own = Answer { body: r#"{"error":"Admin access required"}"#.into(), ..function(403) };
        assert!(accepted(&own, AWS).received.starts_with("403 from the function;"));
    }

    #[test]
    fn an_answer_that_did_not_come_through_the_gateway_is_not_the_functions() {
        let proxy =
            Answer { headers: [("server".to_owned(), "squid".to_owned())].into_iter().collect(), ..function(404) };
        let result = accepted(&proxy, AWS);
        assert_eq!(result.verdict, Fail);
        assert!(result.received.starts_with("404 from an unknown server"), "{}", result.received);
        assert_eq!(accepted(&proxy, EMULATOR).verdict, Pass, "an emulator may leave the id out");
    }

    #[test]
    fn a_body_must_be_refused_by_the_gateway() {
        let verdict = |answer: &Answer| body_refused(answer, AWS).verdict;
        assert_eq!(verdict(&gateway(400, "Invalid request body")), Pass);
        for wrong in [function(400), function(200), gateway(400, "Bad request"), gateway(401, "Unauthorized")] {
            assert_eq!(verdict(&wrong), Fail, "{wrong:?}");
        }
    }

    #[test]
    fn a_missing_parameter_must_be_refused_by_the_gateway() {
        let verdict = |answer: &Answer| parameter_refused(answer, AWS).verdict;
        assert_eq!(verdict(&gateway(400, "Missing required request parameters: [from]")), Pass);
        for wrong in [gateway(400, "Invalid request body"), gateway(401, "Unauthorized"), function(400), function(200)]
        {
            assert_eq!(verdict(&wrong), Fail, "{wrong:?}");
        }
    }

    #[test]
    fn a_large_body_must_be_refused_for_its_size() {
        for (answer, verdict) in [
            (gateway(413, "Request Too Long"), Pass),
            (function(200), Fail),
            (gateway(401, "Unauthorized"), NotTried),
            (gateway(403, "Forbidden"), NotTried),
            (gateway(500, "Internal server error"), Fail),
        ] {
            assert_eq!(too_large(&answer, AWS).verdict, verdict, "{answer:?}");
        }
    }

    #[test]
    fn an_unlisted_route_must_not_exist() {
        let none = |kind: &str, answer: Answer| Answer {
            headers: [("x-amzn-errortype".to_owned(), kind.to_owned())].into_iter().collect(),
            ..answer
        };
        let unknown = gateway(403, "Missing Authentication Token");
        assert_eq!(no_route(&unknown, AWS).verdict, Pass);
        assert_eq!(no_route(&none("MissingAuthenticationTokenException", unknown), AWS).verdict, Pass);
        let http = Answer {
            headers: [("apigw-requestid".to_owned(), "a=".to_owned())].into_iter().collect(),
            ..gateway(404, "Not Found")
        };
        for refused in [&gateway(403, "User is not authorized"), &gateway(403, "Missing Authentication Token"), &http] {
            assert_eq!(no_route_or_permission(refused, AWS).verdict, Pass);
        }
        for reached in [function(200), function(403), function(404), gateway(401, "Unauthorized")] {
            assert_eq!(no_route_or_permission(&reached, AWS).verdict, Fail, "{reached:?}");
        }
        for there in [function(200), function(404), gateway(401, "Unauthorized"), gateway(403, "Forbidden")] {
            assert_eq!(no_route(&there, AWS).verdict, Fail, "{there:?}");
        }
    }

    #[test]
    fn an_http_api_must_say_that_a_token_has_expired() {
        let asks = |error: &str| {
            let answer = Answer { body: r#"{"message":"Unauthorized"}"#.into(), ..gateway(401, "") };
            Answer { headers: [("www-authenticate".to_owned(), error.to_owned())].into_iter().collect(), ..answer }
        };
        let expiry = asks("Bearer error=\"invalid_token\" error_description=\"the token has expired\"");
        assert_eq!(expired(&expiry, AWS, true).verdict, Pass);
        let audience =
            asks("Bearer error=\"invalid_token\" error_description=\"the token does not have a valid audience\"");
        assert_eq!(expired(&audience, AWS, true).verdict, NotTried);
        assert_eq!(expired(&gateway(401, "The incoming token has expired"), AWS, false).verdict, Pass);
        assert_eq!(expired(&gateway(401, "Unauthorized"), AWS, false).verdict, Pass);
        for by_http in [false, true] {
            assert_eq!(expired(&function(200), AWS, by_http).verdict, Fail);
        }
    }

    #[test]
    fn an_access_token_must_be_refused_at_aws_only() {
        let refused = gateway(401, "Unauthorized");
        assert_eq!(access_refused(&refused, AWS).verdict, Pass);
        assert_eq!(access_refused(&function(200), AWS).verdict, Fail);
        assert_eq!(access_refused(&function(200), EMULATOR).verdict, NotTried);
        assert_eq!(access_refused(&function(403), EMULATOR).verdict, NotTried, "the function's own refusal");
        assert_eq!(access_refused(&gateway(400, BAD_BODY), EMULATOR).verdict, NotTried, "the token had passed");
        assert_eq!(access_refused(&gateway(400, BAD_BODY), AWS).verdict, Fail);
        assert_eq!(
            access_refused(&gateway(502, "Internal server error"), EMULATOR).verdict,
            NotTried,
            "the function failed"
        );
        assert_eq!(access_refused(&gateway(502, "Internal server error"), AWS).verdict, Fail);
        assert_eq!(access_refused(&gateway(500, "no"), EMULATOR).verdict, Fail);
    }

    #[test]
    fn a_check_is_not_tried_if_the_firewall_may_refuse_this_machine() {
        let filtered = gateway(403, "Forbidden");
        for classify in [refused, accepted, body_refused, no_route] {
            assert_eq!(classify(&filtered, AWS).verdict, Fail);
            for exposure in [FirewallExposure::Guarded, FirewallExposure::Shut, FirewallExposure::Unknown] {
                assert_eq!(classify(&filtered, Destination { exposure, ..AWS }).verdict, NotTried);
            }
        }
    }

    #[test]
    fn temporary_answers_are_waited_out_and_final_ones_are_not() {
        let emulator = Destination { exposure: FirewallExposure::Unknown, ..EMULATOR };
        for waits in [gateway(403, "Missing Authentication Token"), gateway(429, "Too Many Requests"), function(502)] {
            assert!(passing(&waits, emulator).is_some() && passing(&waits, AWS).is_some(), "{waits:?}");
        }
        for stands in [gateway(401, "Unauthorized"), function(200), function(403)] {
            assert_eq!((passing(&stands, emulator), passing(&stands, AWS)), (None, None), "{stands:?}");
        }
        assert_eq!(busy(&gateway(403, "Missing Authentication Token"), AWS), None);
    }

    #[test]
    fn a_server_that_cannot_be_reached_proves_nothing_and_a_fixed_answer_must_be_the_routes() {
        let api = |integration: &str| {
            let file = format!(
                "[stack]\nname = \"s\"\n[api]\n[[api.routes]]\nroute = \"GET /x\"\nauth = \"none\"\n\
                 integration = {{ {integration} }}\n"
            );
            crate::spec::parse(&file).expect("sound").api.expect("an API")
        };
        let verdict = |integration: &str, answer: &Answer, destination: Destination| {
            let api = api(integration);
            let target = Target { name: None, api: &api, route: &api.routes[0] };
            let behind = Behind::of(&target.route.target);
            accepted_by(answer, Destination { behind, ..destination }, target).verdict
        };
        let server = "http = \"https://example.com\"";
        assert_eq!(verdict(server, &function(200), AWS), Pass);
        assert_eq!(verdict(server, &function(404), AWS), Pass);
        assert_eq!(verdict(server, &function(502), AWS), NotTried);
        assert_eq!(verdict(server, &gateway(504, "Network error communicating with endpoint"), AWS), NotTried);
        assert_eq!(verdict(server, &gateway(401, "Unauthorized"), AWS), Fail);
        let headers = [("x-amzn-errortype".to_owned(), "AuthorizerFailureException".to_owned())];
        let broken = Answer { headers: headers.into_iter().collect(), ..gateway(500, "null") };
        assert_eq!(verdict(server, &broken, AWS), Fail);
        let says = |status, body: &str| Answer { body: body.as_bytes().to_vec(), ..function(status) };
        let fixed = "mock = { status = 503, body = \"later\" }";
        assert_eq!(verdict(fixed, &says(503, "later"), AWS), Pass);
        assert_eq!(verdict(fixed, &says(503, "now"), AWS), Fail);
        assert_eq!(verdict(fixed, &says(200, "later"), AWS), Fail);
        assert_eq!(verdict(fixed, &gateway(403, "Forbidden"), AWS), Fail);
        let raw = says(200, "#set($dollar = '$')${dollar}1");
        for (answer, expected) in [(&says(200, "$1"), Pass), (&raw, Fail)] {
            assert_eq!(verdict("mock = { body = \"$1\" }", answer, AWS), expected);
            assert_eq!(verdict("mock = { body = \"$1\" }", answer, EMULATOR), expected);
        }
        assert_eq!(verdict("mock = {}", &says(200, ""), EMULATOR), Pass);
        assert_eq!(verdict("mock = {}", &says(200, "{}"), EMULATOR), Fail);
    }

    #[test]
    fn only_an_authorizers_own_refusals_prove_that_it_refuses() {
        let verdict = |judge: fn(&Answer, Destination) -> CheckResult, answer: &Answer| judge(answer, AWS).verdict;
        let unauthorized = gateway(401, "Unauthorized");
        let headers = [("apigw-requestid".to_owned(), "abc=".to_owned())].into_iter().collect();
        let by_http = Answer { headers, ..function(401) };
        for answer in [&unauthorized, &by_http] {
            assert_eq!(verdict(without_identity, answer), Pass, "{answer:?}");
            assert_eq!(verdict(denied_by_authorizer, answer), Pass, "{answer:?}");
        }
        for answer in [&function(200), &function(401), &function(403), &gateway(500, "null")] {
            assert_eq!(verdict(without_identity, answer), Fail, "{answer:?}");
            assert_eq!(verdict(denied_by_authorizer, answer), Fail, "{answer:?}");
        }
        let gateway_of = |kind: &str, status, message| {
            let headers = [("x-amzn-errortype".to_owned(), kind.to_owned())].into_iter().collect();
            Answer { headers, ..gateway(status, message) }
        };
        let denied = gateway_of("AccessDeniedException", 403, "User is not authorized to access this resource");
        assert_eq!(verdict(denied_by_authorizer, &denied), Pass);
        for answer in [
            gateway_of("MissingAuthenticationTokenException", 403, "Missing Authentication Token"),
            gateway_of("ForbiddenException", 403, "Forbidden"),
        ] {
            assert_eq!(verdict(denied_by_authorizer, &answer), Fail, "{answer:?}");
        }
    }

    #[test]
    fn changes_that_spread_slowly_are_waited_for_only_at_aws() {
        let waited = |answer: &Answer, at_aws, exposure| passing(answer, Destination { at_aws, exposure, ..AWS });
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
}
