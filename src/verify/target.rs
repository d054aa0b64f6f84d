//! A route with its API. Routes of two APIs may have the same name.

use super::check_spec::CheckResult;
use super::classify::Behind;
use super::paths;
use crate::spec::{Api, ApiKind, Auth, Route, RouteTarget};
use crate::topology::ids::ApiIds;

/// The reason if no route is suitable for a request without a token.
pub(super) const NO_ROUTE: &str =
    "no route can be tried without a token with certainty that nothing changes; set verify = true for a route";

#[derive(Debug, Copy, Clone)]
pub(super) struct Target<'a> {
    /// The name of the API, if it has one.
    pub name: Option<&'a str>,
    pub api: &'a Api,
    pub route: &'a Route,
}

impl<'a> Target<'a> {
    /// All routes of an API.
    pub(super) fn all((name, api): (Option<&'a str>, &'a Api)) -> impl Iterator<Item = Self> {
        api.routes.iter().map(move |route| Self { name, api, route })
    }

    /// A route for a request without a token that changes nothing: the gateway refuses the request, or the route may be
    /// called. Routes that need neither a key nor a signature come first, because a refusal for want of these says
    /// little.
    pub(super) fn for_no_token(targets: impl Iterator<Item = Self>) -> Option<Self> {
        let harmless = |target: &Self| target.route.auth != Auth::None || target.route.may_be_called();
        targets.filter(harmless).min_by_key(|target| (target.route.key, target.route.auth == Auth::Iam))
    }

    /// The subject of the route's checks: `GET /day`, or `Age GET /age`.
    pub(super) fn subject(self) -> String {
        ApiIds(self.name).within(&self.route.name())
    }

    /// The method to call the route with. For `ANY`, a method that no other route of the path has.
    pub(super) fn method(self) -> &'a str {
        paths::reaching(self.api, self.route).map_or(&self.route.method, |(method, _)| method)
    }

    /// Refuses calls with valid credentials if the function may then change data.
    pub(super) fn may_be_called(self) -> Result<(), CheckResult> {
        let may = self.route.may_be_called();
        may.then_some(()).ok_or_else(|| CheckResult::not_tried("the route changes data; set verify = true"))
    }

    /// Whether an answer has the body of the route's fixed answer. An answer to HEAD has no body, and is accepted. With
    /// several CORS origins, an emulator leaves a part of the template before the body (docs/local.md).
    pub(super) fn has_body(self, answer: &str, body: &str, at_aws: bool) -> bool {
        let several = self.api.cors.as_ref().is_some_and(|cors| cors.origins.len() > 1);
        let (answer, body) = (answer.trim(), body.trim());
        self.method() == "HEAD" || answer == body || !at_aws && several && answer.ends_with(body)
    }

    /// The description of the answer to a caller that API Gateway lets through.
    pub(super) fn expected_answer(self) -> String {
        match &self.route.target {
            RouteTarget::Mock { status, .. } => format!("the route's fixed answer, with the status {status}"),
            target => format!("an answer from {}, with a status below 500", Behind::of(target).words()),
        }
    }

    /// Whether the route belongs to an HTTP API.
    pub(super) fn by_http(self) -> bool {
        self.api.kind == ApiKind::Http
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_a_token_goes_where_it_changes_nothing() {
        const OPEN: &str = "auth = \"none\"";
        const POOL: &str = "pool = \"P\"";
        const KEY: &str = "auth = \"none\"\nkey = true";
        for (routes, expected) in [
            (&[("POST /a", OPEN), ("GET /b", OPEN)][..], Some("GET /b")),
            (&[("DELETE /a", OPEN), ("POST /b", POOL)], Some("POST /b")),
            (&[("POST /a", "auth = \"none\"\nverify = true")], Some("POST /a")),
            (&[("POST /a", OPEN)], None),
            (&[("GET /a", KEY), ("GET /b", OPEN)], Some("GET /b")),
            (&[("GET /a", KEY)], Some("GET /a")),
            (&[("GET /a", "auth = \"iam\""), ("GET /b", POOL)], Some("GET /b")),
        ] {
            let route = |(route, keys): &(&str, &str)| {
                format!("[[api.routes]]\nroute = \"{route}\"\nfunction = \"F\"\n{keys}\n")
            };
            let routes: String = routes.iter().map(route).collect();
            let plan = if routes.contains("key") {
                "[plans.p]\nrate_limit = 1\nburst_limit = 1\nkeys = [\"k\"]\n"
            } else {
                ""
            };
            let text = format!("[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[pools.P]\n{plan}{routes}");
            let api = crate::spec::parse(&text).expect("a sound file").api.expect("an API");
            let found = Target::for_no_token(Target::all((None, &api)));
            assert_eq!(found.map(|target| target.route.name()).as_deref(), expected, "{text}");
        }
    }
}
