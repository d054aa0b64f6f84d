//! The targets of routes, in the form of API Gateway's integrations.

use std::collections::BTreeMap;

use super::cors;
use crate::aws::apigateway::{Answering, Mock, integration_uri};
use crate::aws::apigatewayv2::HttpAnswering;
use crate::scope::Scope;
use crate::spec::{Cors, Route, RouteTarget, Stack};

/// The target of a route of a REST API. The ARN of a function follows from its name, so that an API does not wait for
/// its functions. The gateway adds no CORS headers to fixed answers, so these contain the headers themselves.
pub(super) fn of_rest(route: &Route, cors: Option<&Cors>, stack: &Stack, scope: &Scope) -> Answering {
    match &route.target {
        RouteTarget::Function(name) => {
            Answering::Function { uri: integration_uri(scope, &stack.called_arn(scope, name)) }
        }
        RouteTarget::Mock { status, body } => Answering::Mock(fixed(*status, body, cors)),
        RouteTarget::Http { url } => {
            let path = route.path_parameters().filter(|name| url.contains(&format!("{{{name}}}")));
            let path = path.map(str::to_owned).collect();
            Answering::Server { uri: url.clone(), method: route.method.clone(), path }
        }
    }
}

/// The target of a route of an HTTP API. A stack file with a mock in an HTTP API is refused.
pub(super) fn of_http(route: &Route, stack: &Stack, scope: &Scope) -> Option<HttpAnswering> {
    match &route.target {
        RouteTarget::Function(name) => Some(HttpAnswering::Function(stack.called_arn(scope, name))),
        RouteTarget::Http { url } => Some(HttpAnswering::Server { url: url.clone(), method: route.method.clone() }),
        RouteTarget::Mock { .. } => None,
    }
}

fn fixed(status: u16, body: &str, cors: Option<&Cors>) -> Mock {
    let mut headers: BTreeMap<String, String> = cors.map(cors::of_answers).unwrap_or_default();
    if !body.is_empty() {
        headers.insert("Content-Type".into(), media_type(body).into());
    }
    let echo = cors.map(|cors| cors::echo(&cors.origins)).unwrap_or_default();
    let template = if echo.is_empty() { literal(body) } else { echo + &escaped(body) };
    Mock { status, headers, template, refuses_other_bodies: true }
}

fn media_type(body: &str) -> &'static str {
    let json = body.trim_start().starts_with(['{', '[']) && serde_json::from_str::<serde_json::Value>(body).is_ok();
    if json { "application/json" } else { "text/plain; charset=utf-8" }
}

/// A template that renders to exactly this text. Velocity reads `$` and `#` as the beginnings of references and
/// directives, and a backslash before one as an escape.
fn literal(text: &str) -> String {
    if text.contains(['$', '#']) { escaped(text) } else { text.to_owned() }
}

/// The template of a text whose special characters are escaped. It begins with a directive, because a letter directly
/// after the `#end` of a preceding template would become part of that directive.
fn escaped(text: &str) -> String {
    let written = text.chars().fold(String::new(), |mut written, c| {
        match c {
            '$' => written += "${dollar}",
            '#' => written += "${hash}",
            '\\' => written += "${backslash}",
            c => written.push(c),
        }
        written
    });
    format!("#set($dollar = '$')#set($hash = '#')#set($backslash = '\\'){written}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_answer_is_sent_as_it_is_written() {
        let plain = fixed(200, "ok", None);
        assert_eq!((plain.status, plain.template.as_str()), (200, "ok"));
        assert_eq!(plain.headers["Content-Type"], "text/plain; charset=utf-8");
        let json = fixed(410, r#"{"message":"gone"}"#, None);
        assert_eq!(json.headers["Content-Type"], "application/json");
        assert!(fixed(204, "", None).headers.is_empty());
        let schema = literal(r##"{"$ref":"#/a\$"}"##);
        assert_eq!(
            schema,
            "#set($dollar = '$')#set($hash = '#')#set($backslash = '\\'){\"${dollar}ref\":\"${hash}/a${backslash}${dollar}\"}"
        );
    }

    #[test]
    fn pages_of_allowed_origins_can_read_a_fixed_answer() {
        let cors = |origins: &[&str]| Cors {
            origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            headers: Vec::new(),
            exposed: Vec::new(),
            credentials: false,
            max_age_s: 600,
        };
        let one = fixed(200, "ok", Some(&cors(&["https://a.example.com"])));
        assert_eq!(
            (one.headers["Access-Control-Allow-Origin"].as_str(), one.template.as_str()),
            ("https://a.example.com", "ok")
        );
        let two = fixed(200, "ok", Some(&cors(&["https://a.example.com", "https://b.example.com"])));
        assert!(two.template.ends_with("'\\')ok") && two.template.contains("responseOverride"), "{}", two.template);
    }
}
