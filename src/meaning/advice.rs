//! Advice for the user about an error response.

use super::{FORBIDDEN, LENGTH_EXCEEDED, MISSING_PARAMETERS, OfGateway, TOO_LONG};
use crate::probe::Answer;

/// The callers that a route admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admits<'a> {
    Anyone,
    /// Users of this pool, by a token.
    UsersOf(&'a str),
    /// Users of a pool who are in a group.
    Members {
        pool: &'a str,
        /// As in ` in the group staff`.
        membership: &'a str,
    },
    /// Programs, by a token with a scope. Users, if a function gives them one.
    Programs {
        /// As in `access token of Users with the scope orders/read`.
        token: &'a str,
        /// How to get it.
        source: &'a str,
    },
    /// Callers whom the function of this authorizer admits.
    AdmittedBy(&'a str),
    /// Callers who sign the request and whom IAM allows to.
    Signers {
        /// Whether an identity pool of the stack gives users credentials.
        by_pool: bool,
    },
}

/// The credentials in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    Nothing,
    Token,
    /// A signature with an identity pool's credentials.
    Signature,
}

/// Whether a route asks for an API key, and whether the request had one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedKey {
    /// The route does not ask for a key.
    No,
    NotSent,
    Sent,
}

/// The target that answers the requests of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answerer<'a> {
    /// The function of this name.
    Function(&'a str),
    /// The server with this host.
    Server(&'a str),
    /// API Gateway itself, always with this status.
    Fixed(u16),
}

impl std::fmt::Display for Answerer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Function(name) => write!(f, "the function {name}"),
            Self::Server(host) => write!(f, "the server {host}"),
            Self::Fixed(_) => f.write_str("the route's fixed answer"),
        }
    }
}

/// A request, and the settings of its route.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Asked<'a> {
    /// The request went to AWS, not to an emulator.
    pub at_aws: bool,
    /// The request went to an HTTP API.
    pub http: bool,
    pub admits: Admits<'a>,
    pub sent: Sent,
    pub key: AskedKey,
    /// API Gateway validates the body.
    pub checks_body: bool,
    /// The stack has a web ACL for this API.
    pub firewall: bool,
    /// The route's limit, in requests per second.
    pub rate_limit: u32,
    pub answerer: Answerer<'a>,
}

/// The advice about an error response; `None` if its body says enough or if the cause is not known.
pub fn advice(answer: &Answer, asked: &Asked<'_>) -> Option<String> {
    let by = OfGateway::read(answer);
    let answerer = asked.answerer;
    match (answer.status, by) {
        (401, Some(by)) => Some(no_token(answer, &by, asked)),
        (403, Some(by)) => Some(forbidden(&by, asked)),
        (404, Some(_)) if asked.http => Some(
            "API Gateway has no such route: check the path; a new route takes up to a minute to become available"
                .into(),
        ),
        (400, Some(by)) if asked.checks_body && !by.message.starts_with(MISSING_PARAMETERS) => {
            Some("API Gateway refused the body: it does not match the route's schema".into())
        }
        (413, Some(by)) if by.message == TOO_LONG => {
            Some("the body is larger than 6 MB, which is Lambda's limit".into())
        }
        (413, _) if answer.body.starts_with(LENGTH_EXCEEDED.as_bytes()) => {
            Some("the body is larger than 10 MB, which is API Gateway's limit".into())
        }
        (413, Some(_)) => Some("API Gateway takes bodies of up to 10 MB, and Lambda of up to 6 MB".into()),
        (415, Some(_)) => Some(
            "API Gateway does not accept this type of body: name another with --header 'Content-Type: TYPE'".into(),
        ),
        (429, Some(by)) if by.kind == "LimitExceededException" => {
            Some("the quota of the API key's usage plan is used up: see `quota` under [plans]".into())
        }
        (429, Some(_)) if asked.key == AskedKey::Sent => Some(format!(
            "the route's limit of {} requests/s is exceeded, or that of the API key's usage plan, or the account's: wait \
             a moment",
            asked.rate_limit
        )),
        (429, Some(_)) => Some(format!(
            "the route's limit of {} requests/s is exceeded, or the account's: wait a moment",
            asked.rate_limit
        )),
        (500..=599, _) => Some(failed(answer, asked.http, answerer)),
        (status, None) if answerer == Answerer::Fixed(status) => Some("this is the route's fixed answer".into()),
        (401 | 403 | 413 | 415 | 429, None) if asked.at_aws => {
            Some(format!("{answerer} sent this response; API Gateway allowed the request"))
        }
        (401 | 403, None) => {
            Some(format!("the gateway or {answerer} refused the request; this endpoint does not say which"))
        }
        _ => None,
    }
}

/// Advice for a 401 of API Gateway.
fn no_token(answer: &Answer, by: &OfGateway, asked: &Asked<'_>) -> String {
    let asks = answer.headers.get("www-authenticate").unwrap_or_default();
    let expired = by.message.contains("expired") || asks.contains("expired");
    let pool = match asked.admits {
        Admits::UsersOf(pool) | Admits::Members { pool, .. } => pool,
        Admits::Programs { .. } if expired => return "the token has expired: get a new one".to_owned(),
        Admits::Programs { token, source } => return scope_needed(asked.sent, token, source),
        Admits::AdmittedBy(name) => {
            return format!(
                "the request lacks a part that `identity` of the authorizer {name} names, or the authorizer's function \
                 refused it: pass the part with --header, or in the path after `?`"
            );
        }
        Admits::Anyone | Admits::Signers { .. } => {
            return "API Gateway requires a token, although the stack file says that the route needs none: see \
                    `securelambda status`"
                .to_owned();
        }
    };
    if expired {
        return "the token has expired: sign in again to get a new one".to_owned();
    }
    match (asked.sent, asked.http) {
        (Sent::Nothing | Sent::Signature, _) => {
            format!("the route requires a token of {pool}: pass --as EMAIL, or a token with --token-stdin")
        }
        (Sent::Token, _) if matches!(asked.admits, Admits::Members { .. }) => {
            format!("the route takes only tokens of users of {pool} that are valid and have not expired")
        }
        (Sent::Token, false) => format!("API Gateway accepts only ID tokens of {pool} that have not expired"),
        (Sent::Token, true) => {
            format!("API Gateway accepts only ID and access tokens of {pool}'s app client that have not expired")
        }
    }
}

/// Advice for a caller without a valid token on a route with scopes.
fn scope_needed(sent: Sent, token: &str, source: &str) -> String {
    match sent {
        Sent::Token => format!("API Gateway accepts only an {token} that has not expired: {source}"),
        Sent::Nothing | Sent::Signature => {
            format!("the route requires an {token}: {source}")
        }
    }
}

/// Advice for a 403 of API Gateway or the web ACL (docs/aws.md, Refusals of requests).
fn forbidden(by: &OfGateway, asked: &Asked<'_>) -> String {
    let signers = match asked.admits {
        Admits::Signers { by_pool: true } => Some("pass --as EMAIL"),
        Admits::Signers { by_pool: false } => Some("sign it yourself, for example with `curl --aws-sigv4`"),
        _ => None,
    };
    let unsigned = signers.filter(|_| asked.sent != Sent::Signature);
    let needs_signature = |how: &str| format!("the route requires a signed request: {how}");
    if let (Admits::AdmittedBy(name), "AccessDeniedException" | "") = (asked.admits, by.kind.as_str())
        && !by.message.contains("execute-api:Invoke")
    {
        return format!("the function of the authorizer {name} refused the request");
    }
    if let (Admits::Members { pool, membership }, "AccessDeniedException" | "") = (asked.admits, by.kind.as_str())
        && !by.message.contains("execute-api:Invoke")
    {
        let by_pages =
            if asked.at_aws { "" } else { ", and a token of the emulator's sign-in pages contains no groups at all" };
        return format!(
            "the route needs a valid token of a user of {pool}{membership}; `securelambda users --group GROUP --pool {pool}` lists the members of a group, and a token contains the user's groups at the time when it was issued{by_pages}"
        );
    }
    // An HTTP API, which cannot have a firewall, gives this answer to a token without the scope.
    if let (Admits::Programs { token, source }, "") = (asked.admits, by.kind.as_str()) {
        return scope_needed(asked.sent, token, source);
    }
    match by.kind.as_str() {
        // API Gateway reads a token as a signature if the route does not exist or requires a signature.
        "MissingAuthenticationTokenException" | "IncompleteSignatureException" if unsigned.is_some() => {
            needs_signature(unsigned.unwrap_or_default())
        }
        "IncompleteSignatureException" => NO_ROUTE.to_owned(),
        _ if by.is_no_route(403) => NO_ROUTE.to_owned(),
        "AccessDeniedException" if by.message.contains("execute-api:Invoke") && by.message.contains("anonymous") => {
            "the API's resource policy denies the request".to_owned()
        }
        "AccessDeniedException" if asked.sent == Sent::Signature => {
            "the credentials may not call this route: add it to `invokes` of the identity pool; a new permission takes \
             some seconds to take effect"
                .to_owned()
        }
        "AccessDeniedException" => "a policy of the caller or of the API denies the request".to_owned(),
        "InvalidSignatureException" => {
            "the signature does not match the request: a proxy may have changed it, or this machine's clock is wrong"
                .to_owned()
        }
        "UnrecognizedClientException" => "AWS does not know the credentials that signed the request".to_owned(),
        "ExpiredTokenException" => "the credentials that signed the request have expired: sign in again".to_owned(),
        "ForbiddenException" if by.message == FORBIDDEN && asked.key != AskedKey::No => key_refused(asked),
        "ForbiddenException" if by.message == FORBIDDEN && asked.firewall => {
            "the firewall blocked the request; `securelambda traffic` shows which rule".to_owned()
        }
        "" if unsigned.is_some() => needs_signature(unsigned.unwrap_or_default()),
        _ => "API Gateway refused the request, not the function".to_owned(),
    }
}

/// Advice for a request that API Gateway refused for its API key. A firewall refuses in the same words (docs/aws.md, API
/// keys and usage plans).
fn key_refused(asked: &Asked<'_>) -> String {
    let traffic = "`securelambda traffic` shows the requests that the firewall blocked";
    match (asked.key, asked.firewall) {
        (AskedKey::Sent, false) => {
            "API Gateway does not accept this API key: it must belong to a plan of this stack and \
                                    be enabled, and a new key takes up to two minutes to take effect"
                .to_owned()
        }
        (AskedKey::Sent, true) => format!(
            "the firewall blocked the request, or API Gateway does not accept this API key: a new key takes up to two \
             minutes to take effect; {traffic}"
        ),
        (_, false) => "the route requires an API key: pass --key NAME".to_owned(),
        (_, true) => {
            format!("the route requires an API key: pass --key NAME; if it is refused with a key too, {traffic}")
        }
    }
}

const NO_ROUTE: &str =
    "API Gateway has no such route: check the path; a new deployment takes up to a minute to become available";

/// The most likely reason for a 5xx, and where to look.
pub fn failed(answer: &Answer, http: bool, answerer: Answerer<'_>) -> String {
    let by = OfGateway::read(answer);
    if let Some(by) = by.as_ref().filter(|by| by.kind.starts_with("Authorizer")) {
        return format!("the route's authorizer failed ({}), before {answerer} was called", by.kind);
    }
    let function = match answerer {
        Answerer::Function(function) => function,
        Answerer::Server(_) if by.is_some() => {
            return format!(
                "API Gateway could not reach {answerer}, does not accept its certificate, or got no answer in time"
            );
        }
        Answerer::Server(_) => return format!("{answerer} sent this response"),
        Answerer::Fixed(_) if by.is_some() => {
            return "API Gateway could not give the route's fixed answer; see `securelambda status`".to_owned();
        }
        Answerer::Fixed(status) if status == answer.status => return "this is the route's fixed answer".to_owned(),
        Answerer::Fixed(status) => {
            return format!("the route's fixed answer has the status {status}; see `securelambda status`");
        }
    };
    let logs = format!("see `securelambda logs {function}`");
    match (answer.status, by.is_some(), http) {
        (502, true, false) => format!(
            "most likely the function {function} crashed or timed out, or its response has the wrong format (a REST API \
             requires an object with a number `statusCode` and a string `body`, and allows only documented keys); {logs}"
        ),
        (504, true, false) => {
            format!("the function {function} took longer than API Gateway waits for a response; {logs}")
        }
        (500, true, false) => format!(
            "API Gateway could not call the function {function}: its permission is missing or very new, or too many \
             functions run at the same time; see `securelambda status`"
        ),
        (503, true, true) => {
            format!("most likely the function {function} took longer than API Gateway waits for a response; {logs}")
        }
        (500, true, true) => format!(
            "most likely the function {function} crashed or timed out, its response has the wrong format, or API Gateway \
             lacks the permission to call it; {logs}"
        ),
        (502, false, false) => format!(
            "the function {function} crashed, its response has the wrong format (a REST API requires an object with a \
             number `statusCode` and a string `body`), or it sent this response itself; {logs}"
        ),
        (502, false, true) => format!("the function {function} crashed, or sent this response itself; {logs}"),
        (_, false, _) => format!("the function {function} sent this response itself; {logs}"),
        (_, true, _) => format!("API Gateway got no usable response from the function {function}; {logs}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::NO_SUCH_ROUTE;
    use super::super::tests::{answer, http, rest};
    use super::*;

    /// A request with a token to a REST API of AWS, on a route for a pool's users.
    const REST: Asked<'static> = Asked {
        at_aws: true,
        http: false,
        admits: Admits::UsersOf("Users"),
        sent: Sent::Token,
        key: AskedKey::No,
        checks_body: false,
        firewall: true,
        rate_limit: 50,
        answerer: Answerer::Function("Hello"),
    };
    const STAFF: Asked<'static> =
        Asked { admits: Admits::Members { pool: "Users", membership: " in the group staff" }, ..REST };
    const SERVED: Asked<'static> = Asked { answerer: Answerer::Server("api.example.com"), ..REST };
    const FIXED: Asked<'static> = Asked { answerer: Answerer::Fixed(503), ..REST };
    const HTTP: Asked<'static> = Asked { http: true, firewall: false, ..REST };
    const SIGNED: Asked<'static> = Asked { admits: Admits::Signers { by_pool: true }, sent: Sent::Signature, ..REST };
    const PARTNERS: Asked<'static> = Asked { admits: Admits::AdmittedBy("Partner"), sent: Sent::Nothing, ..REST };
    const PROGRAMS: Asked<'static> = Asked {
        admits: Admits::Programs { token: "access token of Users with the scope a/b", source: "a program gets one" },
        ..REST
    };
    const UNSIGNED: Asked<'static> = Asked { sent: Sent::Nothing, ..SIGNED };

    #[test]
    fn advice_names_who_refused_and_what_to_do() {
        let forbidden = || rest(403, "ForbiddenException", "Forbidden");
        let unauthorized = || rest(401, "UnauthorizedException", "Unauthorized");
        let asks = |error: &str| answer(401, &[("www-authenticate", error)], r#"{"message":"Unauthorized"}"#);
        let own = |status| answer(status, &[], r#"{"error":"Admin access required"}"#);
        let table: &[(Answer, Asked<'_>, &str)] = &[
            (unauthorized(), REST, "only ID tokens of Users"),
            (unauthorized(), Asked { sent: Sent::Nothing, ..REST }, "pass --as EMAIL"),
            (unauthorized(), Asked { admits: Admits::Anyone, ..REST }, "securelambda status"),
            (rest(401, "UnauthorizedException", "The incoming token has expired"), REST, "has expired: sign in again"),
            (
                asks("Bearer scope=\"\" error=\"invalid_token\""),
                HTTP,
                "only ID and access tokens of Users's app client",
            ),
            (asks("Bearer error_description=\"the token has expired\""), HTTP, "has expired: sign in again"),
            (asks("Bearer"), Asked { sent: Sent::Nothing, ..HTTP }, "pass --as EMAIL"),
            (
                unauthorized(),
                PROGRAMS,
                "accepts only an access token of Users with the scope a/b that has not expired: a program gets one",
            ),
            (
                unauthorized(),
                Asked { sent: Sent::Nothing, ..PROGRAMS },
                "requires an access token of Users with the scope a/b: a program gets one",
            ),
            (
                http(403, "Forbidden"),
                Asked { http: true, firewall: false, ..PROGRAMS },
                "only an access token of Users with the scope a/b",
            ),
            (
                rest(403, "AccessDeniedException", "User is not authorized to access this resource"),
                STAFF,
                "a valid token of a user of Users in the group staff",
            ),
            (http(403, "Forbidden"), Asked { http: true, firewall: false, ..STAFF }, "of Users in the group staff"),
            (unauthorized(), Asked { sent: Sent::Nothing, ..STAFF }, "requires a token of Users"),
            (forbidden(), STAFF, "the firewall blocked the request"),
            (
                rest(403, "AccessDeniedException", "User: anonymous may not execute-api:Invoke"),
                STAFF,
                "the API's resource policy",
            ),
            (own(401), REST, "the function Hello sent this response"),
            (own(401), Asked { at_aws: false, ..HTTP }, "does not say which"),
            (forbidden(), REST, "the firewall blocked the request"),
            (forbidden(), Asked { firewall: false, ..REST }, "API Gateway refused the request, not the function"),
            (rest(403, "AccessDeniedException", "User: anonymous is not authorized"), REST, "denies the request"),
            (rest(403, "InvalidSignatureException", "The request signature"), SIGNED, "the signature does not match"),
            (rest(403, "UnrecognizedClientException", "The security token"), SIGNED, "does not know the credentials"),
            (rest(403, "ExpiredTokenException", "The security token"), SIGNED, "have expired"),
            (rest(403, "AccessDeniedException", "User: arn:x is not authorized"), SIGNED, "add it to `invokes`"),
            (
                rest(403, "AccessDeniedException", "User: anonymous may not execute-api:Invoke"),
                REST,
                "the API's resource policy",
            ),
            (rest(403, "IncompleteSignatureException", "'eyJ' not a valid key=value pair"), REST, "has no such route"),
            (rest(403, "MissingAuthenticationTokenException", NO_SUCH_ROUTE), UNSIGNED, "requires a signed request"),
            (http(403, "Forbidden"), Asked { http: true, ..UNSIGNED }, "requires a signed request"),
            (
                rest(403, "MissingAuthenticationTokenException", NO_SUCH_ROUTE),
                Asked { admits: Admits::Signers { by_pool: false }, ..UNSIGNED },
                "sign it yourself",
            ),
            (rest(403, "MissingAuthenticationTokenException", NO_SUCH_ROUTE), SIGNED, "has no such route"),
            (rest(403, "SomeNewException", "No"), REST, "API Gateway refused the request"),
            (rest(413, "BadRequestException", "Request Too Long"), REST, "6 MB, which is Lambda's limit"),
            (answer(413, &[], "HTTP content length exceeded 10485760 bytes."), REST, "10 MB, which is API Gateway's"),
            (rest(413, "RequestTooLargeException", "x"), REST, "bodies of up to 10 MB"),
            (own(413), REST, "the function Hello sent this response"),
            (
                rest(415, "UnsupportedMediaTypeException", "Unsupported Media Type"),
                REST,
                "--header 'Content-Type: TYPE'",
            ),
            (own(415), REST, "the function Hello sent this response"),
            (
                rest(500, "AuthorizerConfigurationException", "Internal server error"),
                REST,
                "the route's authorizer failed",
            ),
            (rest(403, "MissingAuthenticationTokenException", NO_SUCH_ROUTE), REST, "has no such route"),
            (http(403, "Forbidden"), HTTP, "API Gateway refused the request"),
            (own(403), REST, "the function Hello sent this response"),
            (own(403), Asked { at_aws: false, ..REST }, "does not say which"),
            (http(404, "Not Found"), HTTP, "has no such route"),
            (rest(400, "BadRequestException", "Invalid request body"), Asked { checks_body: true, ..REST }, "schema"),
            (
                rest(429, "TooManyRequestsException", "Too Many Requests"),
                REST,
                "50 requests/s is exceeded, or the account's",
            ),
            (
                rest(429, "LimitExceededException", "Limit Exceeded"),
                REST,
                "the quota of the API key's usage plan is used up",
            ),
            (http(429, "Too Many Requests"), HTTP, "50 requests/s"),
            (own(429), REST, "the function Hello sent this response"),
            (
                rest(502, "InternalServerErrorException", "Internal server error"),
                REST,
                "its response has the wrong format",
            ),
            (rest(504, "InternalServerErrorException", "Endpoint request timed out"), REST, "took longer"),
            (
                rest(500, "InternalServerErrorException", "Internal server error"),
                REST,
                "could not call the function Hello",
            ),
            (rest(401, "UnauthorizedException", "Unauthorized"), PARTNERS, "`identity` of the authorizer Partner"),
            (
                rest(403, "AccessDeniedException", "User is not authorized to access this resource"),
                PARTNERS,
                "the function of the authorizer Partner refused the request",
            ),
            (
                http(403, "Forbidden"),
                Asked { http: true, ..PARTNERS },
                "the function of the authorizer Partner refused",
            ),
            (rest(403, "ForbiddenException", "Forbidden"), PARTNERS, "the firewall blocked the request"),
            (http(500, "Internal Server Error"), HTTP, "crashed or timed out"),
            (http(503, "Service Unavailable"), HTTP, "took longer"),
            (own(500), REST, "sent this response itself; see `securelambda logs Hello`"),
            (own(502), REST, "a string `body`), or it sent this response itself; see `securelambda logs Hello`"),
            (own(502), HTTP, "crashed, or sent this response itself; see `securelambda logs Hello`"),
            (
                rest(504, "InternalServerErrorException", "Network error communicating with endpoint"),
                SERVED,
                "could not reach the server api.example.com",
            ),
            (
                http(503, "Service Unavailable"),
                Asked { http: true, ..SERVED },
                "could not reach the server api.example.com",
            ),
            (own(500), SERVED, "the server api.example.com sent this response"),
            (own(403), SERVED, "the server api.example.com sent this response; API Gateway allowed"),
            (own(503), FIXED, "this is the route's fixed answer"),
            (own(403), Asked { answerer: Answerer::Fixed(403), ..REST }, "this is the route's fixed answer"),
            (own(404), Asked { answerer: Answerer::Fixed(404), ..REST }, "this is the route's fixed answer"),
            (own(500), FIXED, "fixed answer has the status 503"),
            (
                rest(500, "InternalServerErrorException", "Internal server error"),
                FIXED,
                "could not give the route's fixed",
            ),
        ];
        for (answer, asked, words) in table {
            let said = advice(answer, asked).unwrap_or_default();
            assert!(said.contains(words), "{answer:?}: {said:?} has no {words:?}");
            // Only a response of the firewall is attributed to the firewall.
            assert_eq!(
                said.contains("the firewall"),
                *words == "the firewall blocked the request",
                "{answer:?}: {said}"
            );
        }
    }

    #[test]
    fn a_refused_api_key_is_told_from_the_firewall_as_far_as_the_answer_shows() {
        let refused = rest(403, "ForbiddenException", "Forbidden");
        let with =
            |key: AskedKey, firewall: bool| advice(&refused, &Asked { key, firewall, ..PARTNERS }).expect("an advice");
        assert_eq!(with(AskedKey::NotSent, false), "the route requires an API key: pass --key NAME");
        assert!(with(AskedKey::NotSent, true).starts_with("the route requires an API key: pass --key NAME; if it"));
        assert!(!with(AskedKey::Sent, false).contains("firewall"));
        assert!(with(AskedKey::Sent, true).starts_with("the firewall blocked the request, or API Gateway does not"));
        assert!(with(AskedKey::No, true).starts_with("the firewall blocked the request;"));
        // API Gateway asks the authorizer before it checks the key, and the authorizer's refusal has another error
        // type.
        let denied = rest(403, "AccessDeniedException", "User is not authorized to access this resource");
        let said = advice(&denied, &Asked { key: AskedKey::NotSent, ..PARTNERS }).expect("an advice");
        assert!(said.contains("authorizer Partner refused"), "{said}");
        let slowly = rest(429, "TooManyRequestsException", "Too Many Requests");
        let said = advice(&slowly, &Asked { key: AskedKey::Sent, ..PARTNERS }).expect("an advice");
        assert!(said.contains("50 requests/s is exceeded, or that of the API key's usage plan"), "{said}");
    }

    #[test]
    fn there_is_no_advice_for_the_functions_own_errors() {
        for (status, asked) in [(400, REST), (400, Asked { checks_body: true, ..REST }), (404, REST), (409, HTTP)] {
            assert_eq!(advice(&answer(status, &[], r#"{"error":"no such note"}"#), &asked), None, "{status}");
        }
    }
}
