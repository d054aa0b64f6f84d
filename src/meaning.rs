//! What an answer of an API means: whether API Gateway or the function gave it, and what to do about a refusal. Pure.
//!
//! The gateway's own answers are told apart by what it puts into them: see docs/aws.md, Answers of the gateway.
//! What an emulator leaves out is not guessed at.

use serde_json::Value;

use crate::probe::Answer;

/// What a REST API answers where it knows no such route, which is also what a new deployment answers at first.
pub const NO_SUCH_ROUTE: &str = "Missing Authentication Token";

/// What an HTTP API answers where it knows no such route, or not yet.
pub const NOT_FOUND: &str = "Not Found";

/// What the web ACL answers to a request that it refuses.
pub const FORBIDDEN: &str = "Forbidden";

/// What the gateway answers to a body that breaks its model.
pub const BAD_BODY: &str = "Invalid request body";

/// What the gateway answers to a token that it does not take.
pub const UNAUTHORIZED: [&str; 2] = ["Unauthorized", "The incoming token has expired"];

const TOO_MANY: &str = "Too Many Requests";
const FAILED: &str = "Internal Server Error";
const UNAVAILABLE: &str = "Service Unavailable";

/// Every message of the gateway's that something is concluded from. A test asks for the source of each.
pub const GATEWAY_WORDS: [&str; 9] =
    [NO_SUCH_ROUTE, NOT_FOUND, FORBIDDEN, BAD_BODY, UNAUTHORIZED[0], UNAUTHORIZED[1], TOO_MANY, FAILED, UNAVAILABLE];

/// An HTTP API's own answers: `{"message":"..."}` with no other mark than the id of the request.
const HTTP_ANSWERS: [(u16, &str); 5] =
    [(403, FORBIDDEN), (404, NOT_FOUND), (429, TOO_MANY), (500, FAILED), (503, UNAVAILABLE)];

/// An answer of API Gateway's own, or of the web ACL before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfGateway {
    /// As in `ForbiddenException`; empty where an HTTP API gave it.
    pub kind: String,
    /// Its `message`, at most 100 characters of it.
    pub message: String,
}

impl OfGateway {
    /// `None` for an answer of the function's.
    pub fn read(answer: &Answer) -> Option<Self> {
        let kind = answer.headers.get("x-amzn-errortype");
        // An HTTP API names no kind of error. Its authorizer asks for a token; the rest a function could say too, but for
        // the id that the gateway gave the request.
        let asks = answer.status == 401 && answer.headers.contains_key("www-authenticate");
        let by_http = answer.headers.contains_key("apigw-requestid");
        let is = |message: &str| answer.body == format!(r#"{{"message":"{message}"}}"#);
        let known = HTTP_ANSWERS.iter().any(|(status, message)| answer.status == *status && is(message));
        if kind.is_none() && !asks && !(by_http && known) {
            return None;
        }
        let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let message = body.get("message").and_then(Value::as_str).unwrap_or_default();
        let kind = kind.map(|kind| kind.split([':', ';']).next().unwrap_or_default().trim().to_owned());
        Some(Self { kind: kind.unwrap_or_default(), message: message.chars().take(100).collect() })
    }
}

/// What is known of a request.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Asked<'a> {
    /// It went to AWS itself.
    pub at_aws: bool,
    /// It went to an HTTP API.
    pub http: bool,
    /// The pool whose tokens the route takes.
    pub pool: Option<&'a str>,
    /// It carried a token.
    pub token: bool,
    /// The gateway checks its body.
    pub checks_body: bool,
    /// A web ACL of the stack stands before the API.
    pub firewall: bool,
    /// How many requests a second the route lets through.
    pub rate_limit: u32,
    /// The function behind the route.
    pub function: &'a str,
}

/// What to do about an answer that is no success; `None` where its own words are all there is to say.
pub fn advice(answer: &Answer, asked: &Asked<'_>) -> Option<String> {
    let by = OfGateway::read(answer);
    let function = asked.function;
    match (answer.status, by) {
        (401, Some(by)) => Some(no_token(answer, &by, asked)),
        (403, Some(by)) => Some(forbidden(&by, asked)),
        (404, Some(_)) if asked.http => Some(
            "API Gateway knows no such route: a new one takes up to a minute to arrive; then check the path".into(),
        ),
        (400, Some(_)) if asked.checks_body => {
            Some("API Gateway refused the body: it is not what the route's schema asks for".into())
        }
        (429, Some(by)) if by.kind == "LimitExceededException" => Some("a usage plan's quota is used up".into()),
        (429, Some(_)) => Some(format!(
            "over the route's limit of {} requests a second, or over the account's: wait a moment",
            asked.rate_limit
        )),
        (500..=599, _) => Some(failed(answer, asked.http, function)),
        (401 | 403 | 429, None) if asked.at_aws => {
            Some(format!("API Gateway let the request through; the function {function} gave this answer"))
        }
        (401 | 403, None) => {
            Some(format!("this endpoint does not tell who refused it: the gateway, or the function {function}"))
        }
        _ => None,
    }
}

/// A 401 of the gateway's.
fn no_token(answer: &Answer, by: &OfGateway, asked: &Asked<'_>) -> String {
    let Some(pool) = asked.pool else {
        return "API Gateway asked for a token, though the stack file says that the route takes none: see \
                `securelambda status`"
            .to_owned();
    };
    let asks = answer.headers.get("www-authenticate").map(String::as_str).unwrap_or_default();
    if by.message.contains("expired") || asks.contains("expired") {
        return "the token has expired: sign in again for a new one".to_owned();
    }
    match (asked.token, asked.http) {
        (false, _) => format!("the route takes a token of {pool}: give --as USER, or a token with --token-stdin"),
        (true, false) => format!("API Gateway takes nothing but an ID token of {pool} that has not expired"),
        (true, true) => format!("API Gateway takes an ID or access token of {pool}'s app client that has not expired"),
    }
}

/// A 403 of the gateway's, or of the web ACL's.
fn forbidden(by: &OfGateway, asked: &Asked<'_>) -> String {
    if by.message == NO_SUCH_ROUTE {
        return "API Gateway knows no such route: a new deployment takes up to a minute to arrive; then check the path"
            .to_owned();
    }
    match by.kind.as_str() {
        "AccessDeniedException" => "a policy denies it: one of the caller's, or one of the API's".to_owned(),
        "ForbiddenException" if by.message == FORBIDDEN && asked.firewall => {
            "the firewall refused it; `securelambda traffic` shows which rule did".to_owned()
        }
        _ => "API Gateway refused it, and not the function".to_owned(),
    }
}

/// What a 5xx most likely says of the function behind the route, and where to look.
pub fn failed(answer: &Answer, http: bool, function: &str) -> String {
    let logs = format!("`securelambda logs {function}` shows what it did");
    let gateway = OfGateway::read(answer).is_some();
    match (answer.status, gateway, http) {
        (502, true, false) => format!(
            "most likely the function {function} crashed or timed out, or its answer has the wrong shape (a REST API takes \
             an object with a number `statusCode`, a text `body`, and no other keys than the documented ones); {logs}"
        ),
        (504, true, false) => {
            format!("the function {function} took longer than API Gateway waits for an answer; {logs}")
        }
        (500, true, false) => format!(
            "API Gateway could not call the function {function}: its permission is missing or a moment old, or too many \
             functions run at once; see `securelambda status`"
        ),
        (503, true, true) => {
            format!("most likely the function {function} took longer than API Gateway waits for an answer; {logs}")
        }
        (500, true, true) => format!(
            "most likely the function {function} crashed or timed out, its answer has the wrong shape, or API Gateway may \
             not call it; {logs}"
        ),
        (502, false, _) => format!("the function {function} crashed, or gave this answer itself; {logs}"),
        (_, false, _) => format!("the function {function} gave this answer itself; {logs}"),
        (_, true, _) => format!("API Gateway got no usable answer of the function {function}; {logs}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answer { status, headers, body: body.to_owned() }
    }

    fn rest(status: u16, kind: &str, message: &str) -> Answer {
        answer(status, &[("x-amzn-errortype", kind)], &format!("{{\"message\":\"{message}\"}}"))
    }

    fn http(status: u16, message: &str) -> Answer {
        answer(status, &[("apigw-requestid", "abc=")], &format!("{{\"message\":\"{message}\"}}"))
    }

    /// A REST API of AWS's, a route for a pool's users, a token sent.
    const REST: Asked<'static> = Asked {
        at_aws: true,
        http: false,
        pool: Some("Users"),
        token: true,
        checks_body: false,
        firewall: true,
        rate_limit: 50,
        function: "Hello",
    };
    const HTTP: Asked<'static> = Asked { http: true, firewall: false, ..REST };

    #[test]
    fn answers_of_the_gateways_own_are_told_from_the_functions() {
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
            // Without the request's id, or in other words, it may be the function's.
            assert_eq!(by(answer(status, &[], &format!("{{\"message\":\"{message}\"}}"))), None);
            assert_eq!(by(http(status, "no such note")), None);
        }
        // The function behind an HTTP API may check tokens too.
        assert_eq!(by(http(401, "Unauthorized")), None);
        assert_eq!(by(answer(403, &[], r#"{"error":"Admin access required"}"#)), None);
        assert_eq!(by(answer(200, &[("apigw-requestid", "abc=")], "{}")), None);
    }

    #[test]
    fn every_refusal_says_who_refused_and_what_to_do() {
        let forbidden = || rest(403, "ForbiddenException", "Forbidden");
        let unauthorized = || rest(401, "UnauthorizedException", "Unauthorized");
        let asks = |error: &str| answer(401, &[("www-authenticate", error)], r#"{"message":"Unauthorized"}"#);
        let own = |status| answer(status, &[], r#"{"error":"Admin access required"}"#);
        let table: &[(Answer, Asked<'_>, &str)] = &[
            (unauthorized(), REST, "nothing but an ID token of Users"),
            (unauthorized(), Asked { token: false, ..REST }, "give --as USER"),
            (unauthorized(), Asked { pool: None, ..REST }, "securelambda status"),
            (rest(401, "UnauthorizedException", "The incoming token has expired"), REST, "has expired: sign in again"),
            (asks("Bearer scope=\"\" error=\"invalid_token\""), HTTP, "an ID or access token of Users's app client"),
            (asks("Bearer error_description=\"the token has expired\""), HTTP, "has expired: sign in again"),
            (asks("Bearer"), Asked { token: false, ..HTTP }, "give --as USER"),
            (own(401), REST, "the function Hello gave this answer"),
            (own(401), Asked { at_aws: false, ..HTTP }, "does not tell who refused it"),
            (forbidden(), REST, "the firewall refused it"),
            (forbidden(), Asked { firewall: false, ..REST }, "API Gateway refused it, and not the function"),
            (rest(403, "AccessDeniedException", "User: anonymous is not authorized"), REST, "a policy denies it"),
            (rest(403, "InvalidSignatureException", "The request signature"), REST, "API Gateway refused it"),
            (rest(403, "MissingAuthenticationTokenException", NO_SUCH_ROUTE), REST, "knows no such route"),
            (http(403, "Forbidden"), HTTP, "API Gateway refused it"),
            (own(403), REST, "the function Hello gave this answer"),
            (own(403), Asked { at_aws: false, ..REST }, "does not tell who refused it"),
            (http(404, "Not Found"), HTTP, "knows no such route"),
            (rest(400, "BadRequestException", "Invalid request body"), Asked { checks_body: true, ..REST }, "schema"),
            (
                rest(429, "TooManyRequestsException", "Too Many Requests"),
                REST,
                "50 requests a second, or over the account's",
            ),
            (rest(429, "LimitExceededException", "Limit Exceeded"), REST, "quota is used up"),
            (http(429, "Too Many Requests"), HTTP, "50 requests a second"),
            (own(429), REST, "the function Hello gave this answer"),
            (
                rest(502, "InternalServerErrorException", "Internal server error"),
                REST,
                "its answer has the wrong shape",
            ),
            (rest(504, "InternalServerErrorException", "Endpoint request timed out"), REST, "took longer"),
            (
                rest(500, "InternalServerErrorException", "Internal server error"),
                REST,
                "could not call the function Hello",
            ),
            (http(500, "Internal Server Error"), HTTP, "crashed or timed out"),
            (http(503, "Service Unavailable"), HTTP, "took longer"),
            (own(500), REST, "gave this answer itself; `securelambda logs Hello`"),
            (own(502), REST, "crashed, or gave this answer itself; `securelambda logs Hello`"),
        ];
        for (answer, asked, words) in table {
            let said = advice(answer, asked).unwrap_or_default();
            assert!(said.contains(words), "{answer:?}: {said:?} has no {words:?}");
            // No refusal but the firewall's is said to be the firewall's.
            assert_eq!(said.contains("the firewall"), *words == "the firewall refused it", "{answer:?}: {said}");
        }
    }

    #[test]
    fn what_speaks_for_itself_is_left_alone() {
        for (status, asked) in [(400, REST), (400, Asked { checks_body: true, ..REST }), (404, REST), (409, HTTP)] {
            assert_eq!(advice(&answer(status, &[], r#"{"error":"no such note"}"#), &asked), None, "{status}");
        }
    }
}
