//! The preflight requests that API Gateway answers itself.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::spec::{Api, ApiKind, Cors};

/// The paths on which the gateway answers preflight requests. The gateway of an HTTP API passes a preflight request on
/// if a route accepts it.
pub(super) fn paths(api: &Api) -> Vec<&str> {
    if api.kind == ApiKind::Rest {
        return api.preflight_paths();
    }
    let all: BTreeSet<&str> =
        api.routes.iter().filter(|_| api.cors.is_some()).map(|route| route.path.as_str()).collect();
    all.into_iter().filter(|path| api.answering("OPTIONS", path).is_none()).collect()
}

pub(super) fn operation(api: &Api, id: &str) -> Value {
    let text = |example: String| json!({ "schema": { "type": "string" }, "example": example });
    let headers = api.cors.as_ref().map(|Cors { origins, headers, credentials, max_age_s, .. }| {
        let mut told = json!({
            "Access-Control-Allow-Origin": text(origins.first().cloned().unwrap_or_default()),
            "Access-Control-Allow-Methods": text(api.methods().join(",")),
            "Access-Control-Max-Age": { "schema": { "type": "integer" }, "example": max_age_s },
        });
        if !headers.is_empty() {
            told["Access-Control-Allow-Headers"] = text(headers.join(","));
        }
        if *credentials {
            told["Access-Control-Allow-Credentials"] = text("true".to_owned());
        }
        told
    });
    json!({
        "operationId": id,
        "summary": "A browser's preflight request",
        "security": [],
        "responses": { "204": { "description": "The origins, methods and headers that the API allows in requests from browsers", "headers": headers } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn api(kind: &str) -> Api {
        let text = format!(
            "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[pools.P]\n[api]\nkind = \"{kind}\"\n\
             cors = {{ origins = [\"https://a.example.com\"], headers = [\"Authorization\"] }}\n\
             [[api.routes]]\nroute = \"GET /a\"\nfunction = \"F\"\npool = \"P\"\n\
             [[api.routes]]\nroute = \"ANY /b\"\nfunction = \"F\"\nauth = \"none\"\n"
        );
        parse(&text).expect("a stack file").api.expect("an API")
    }

    #[test]
    fn the_gateway_of_an_http_api_leaves_preflight_requests_to_a_route_that_takes_them() {
        assert_eq!(paths(&api("rest")), ["/a", "/b"]);
        assert_eq!(paths(&api("http")), ["/a"]);
    }

    #[test]
    fn a_preflight_request_needs_no_token_and_says_what_pages_may_send() {
        let operation = operation(&api("rest"), "optionsA");
        assert_eq!(operation["security"], json!([]));
        let headers = &operation["responses"]["204"]["headers"];
        assert_eq!(headers["Access-Control-Allow-Headers"]["example"], json!("Authorization"));
        assert_eq!(headers["Access-Control-Allow-Origin"]["example"], json!("https://a.example.com"));
        assert!(headers.get("Access-Control-Allow-Credentials").is_none());
    }
}
