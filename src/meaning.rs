//! Interprets an API's response: finds out whether API Gateway or the function sent it, and gives advice about errors
//! (`advice`). Pure functions.
//!
//! API Gateway's responses have headers and texts of their own: see docs/aws.md, Answers of the gateway. An emulator
//! may lack them; then nothing is concluded.

mod advice;

use serde_json::Value;

use crate::probe::Answer;

pub use advice::{Admits, Answerer, Asked, AskedKey, Sent, advice, failed};

/// A REST API's message for an unknown route. A new deployment sends it at first, too.
pub const NO_SUCH_ROUTE: &str = "Missing Authentication Token";

/// An HTTP API's message for an unknown route, or for a new one that is not available yet.
pub const NOT_FOUND: &str = "Not Found";

/// The message for a request that the web ACL blocked.
pub const FORBIDDEN: &str = "Forbidden";

/// The message for a request body that does not match the route's schema.
pub const BAD_BODY: &str = "Invalid request body";

/// The beginning of the message for a request without a required parameter.
pub const MISSING_PARAMETERS: &str = "Missing required request parameters";

/// The messages for a token that is refused.
pub const UNAUTHORIZED: [&str; 2] = ["Unauthorized", "The incoming token has expired"];

const TOO_MANY: &str = "Too Many Requests";
const FAILED: &str = "Internal Server Error";
const UNAVAILABLE: &str = "Service Unavailable";

/// The message for a body that is larger than Lambda takes.
const TOO_LONG: &str = "Request Too Long";

/// The beginning of the answer to a body that is larger than API Gateway takes. It has no headers of the gateway.
const LENGTH_EXCEEDED: &str = "HTTP content length exceeded";

/// Every message that this module relies on. A test requires a source for each.
pub const GATEWAY_WORDS: [&str; 12] = [
    NO_SUCH_ROUTE,
    NOT_FOUND,
    FORBIDDEN,
    BAD_BODY,
    MISSING_PARAMETERS,
    UNAUTHORIZED[0],
    UNAUTHORIZED[1],
    TOO_MANY,
    FAILED,
    UNAVAILABLE,
    TOO_LONG,
    LENGTH_EXCEEDED,
];

/// An HTTP API's own responses: `{"message":"..."}`, recognizable only by the request id.
const HTTP_ANSWERS: [(u16, &str); 5] =
    [(403, FORBIDDEN), (404, NOT_FOUND), (429, TOO_MANY), (500, FAILED), (503, UNAVAILABLE)];

/// The headers with the id that API Gateway gives each request, even if the function answers it.
const REQUEST_IDS: [&str; 3] = ["x-amzn-requestid", "x-amz-apigw-id", "apigw-requestid"];

/// MiniStack's answers that lack AWS's headers: HTTP APIs send them to callers without a valid token, and REST APIs to
/// callers without a valid API key. The JSON of some of them contains spaces.
const BARE_ANSWERS: [(u16, &str); 2] = [(401, UNAUTHORIZED[0]), (403, FORBIDDEN)];

/// Whether API Gateway passed the response on or sent it. Otherwise it is from a server in between, such as a proxy.
pub fn came_through_gateway(answer: &Answer) -> bool {
    REQUEST_IDS.iter().any(|name| answer.headers.contains(name)) || OfGateway::read(answer).is_some()
}

/// A response of API Gateway itself, or of its web ACL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfGateway {
    /// Such as `ForbiddenException`; empty for an HTTP API.
    pub kind: String,
    /// At most 100 characters.
    pub message: String,
}

impl OfGateway {
    /// `None` if the function sent the response.
    pub fn read(answer: &Answer) -> Option<Self> {
        let kind = answer.headers.get("x-amzn-errortype");
        // An HTTP API sends no error type. Its authorizer asks for a token. A function could send the other messages
        // too, but not with the gateway's request id.
        let is = |message: &str| answer.body == format!(r#"{{"message":"{message}"}}"#).as_bytes();
        let asks = answer.status == 401
            && answer.headers.contains("www-authenticate")
            && (answer.body.is_empty() || is(UNAUTHORIZED[0]));
        let by_http = answer.headers.contains("apigw-requestid");
        let known = HTTP_ANSWERS.iter().any(|(status, message)| answer.status == *status && is(message));
        if kind.is_none() && !asks && !(by_http && known) {
            return None;
        }
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        // Answers about policies write this key with a capital letter.
        let message = ["message", "Message"].iter().find_map(|key| body.get(key)?.as_str()).unwrap_or_default();
        let kind = kind.map(|kind| kind.split([':', ';']).next().unwrap_or_default().trim().to_owned());
        Some(Self { kind: kind.unwrap_or_default(), message: message.chars().take(100).collect() })
    }

    /// Like [`read`](Self::read), but also recognises responses of an emulator's gateway, which may lack AWS's headers.
    pub fn read_at(answer: &Answer, at_aws: bool) -> Option<Self> {
        let bare = || {
            let says = |message: &str| {
                let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
                body == Some(serde_json::json!({ "message": message }))
            };
            let known = BARE_ANSWERS.iter().find(|(status, message)| answer.status == *status && says(message));
            let (_, message) = known.filter(|_| !at_aws)?;
            Some(Self { kind: String::new(), message: (*message).to_owned() })
        };
        Self::read(answer).or_else(bare)
    }

    /// Whether it says that there is no such route.
    pub fn is_no_route(&self, status: u16) -> bool {
        (status == 403 && (self.message == NO_SUCH_ROUTE || self.kind == "MissingAuthenticationTokenException"))
            || (status == 404 && self.message == NOT_FOUND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answer { status, headers, body: body.into() }
    }

    pub(super) fn rest(status: u16, kind: &str, message: &str) -> Answer {
        answer(status, &[("x-amzn-errortype", kind)], &format!("{{\"message\":\"{message}\"}}"))
    }

    pub(super) fn http(status: u16, message: &str) -> Answer {
        answer(status, &[("apigw-requestid", "abc=")], &format!("{{\"message\":\"{message}\"}}"))
    }

    #[test]
    fn responses_of_the_gateway_are_distinguished_from_the_functions() {
        let by = |answer: Answer| OfGateway::read(&answer).map(|by| (by.kind, by.message));
        let pair = |kind: &str, message: &str| Some((kind.to_owned(), message.to_owned()));
        assert_eq!(by(rest(403, "ForbiddenException", "Forbidden")), pair("ForbiddenException", "Forbidden"));
        assert_eq!(by(rest(403, "ForbiddenException:http://x/", "Forbidden")), pair("ForbiddenException", "Forbidden"));
        assert_eq!(
            by(answer(401, &[("www-authenticate", "Bearer")], r#"{"message":"Unauthorized"}"#)),
            pair("", "Unauthorized")
        );
        for (status, message) in [
            (403, "Forbidden"),
            (404, "Not Found"),
            (429, "Too Many Requests"),
            (500, "Internal Server Error"),
            (503, "Service Unavailable"),
        ] {
            assert_eq!(by(http(status, message)), pair("", message));
            // Without the request id, or with another message, the function may have sent it.
            assert_eq!(by(answer(status, &[], &format!("{{\"message\":\"{message}\"}}"))), None);
            assert_eq!(by(http(status, "no such note")), None);
        }
        // A function of an HTTP API may check tokens itself.
        assert_eq!(by(http(401, "Unauthorized")), None);
        assert_eq!(by(answer(403, &[], r#"{"error":"Admin access required"}"#)), None);
        assert_eq!(by(answer(200, &[("apigw-requestid", "abc=")], "{}")), None);
        // A function that asks for a token with the gateway's header, but with its own message.
        let asks = [("www-authenticate", "Bearer"), ("apigw-requestid", "abc=")];
        assert_eq!(by(answer(401, &asks, r#"{"error":"no token"}"#)), None);
    }

    #[test]
    fn an_emulators_bare_refusals_count_only_there() {
        let bare = http(401, "Unauthorized");
        let bare = Answer { body: bare.text().replace(':', ": ").into(), ..bare };
        assert_eq!(OfGateway::read_at(&bare, false).map(|by| by.message), Some("Unauthorized".to_owned()));
        assert_eq!(OfGateway::read_at(&bare, true), None);
        // A function's message in the gateway's form.
        assert_eq!(OfGateway::read_at(&http(401, "no token"), false), None);
    }

    #[test]
    fn an_answer_without_a_request_id_did_not_come_through_the_gateway() {
        assert!(came_through_gateway(&answer(200, &[("x-amzn-requestid", "1")], "{}")));
        assert!(came_through_gateway(&http(404, "Not Found")));
        assert!(came_through_gateway(&rest(403, "ForbiddenException", "Forbidden")));
        assert!(!came_through_gateway(&answer(404, &[("server", "squid")], "<html>")));
    }

    #[test]
    fn an_unknown_route_is_recognised_for_both_kinds_of_api() {
        let unknown = |answer: Answer| OfGateway::read(&answer).is_some_and(|by| by.is_no_route(answer.status));
        assert!(unknown(rest(403, "MissingAuthenticationTokenException", NO_SUCH_ROUTE)));
        assert!(unknown(answer(403, &[("x-amzn-errortype", "MissingAuthenticationTokenException")], "")));
        assert!(unknown(http(404, "Not Found")));
        assert!(!unknown(rest(403, "ForbiddenException", "Forbidden")));
        assert!(!unknown(rest(401, "UnauthorizedException", "Unauthorized")));
    }
}
