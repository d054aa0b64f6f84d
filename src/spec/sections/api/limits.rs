//! How many requests routes allow: `rate_limit` and `burst_limit` of an API, and of a route.

use super::{Api, ApiKind, Route};
use crate::spec::Stack;
use crate::spec::diagnostic::Diagnostic;

/// How many requests one route allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests per second.
    pub rate: u32,
    /// Requests at once.
    pub burst: u32,
}

/// The limits of several routes together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Throughput {
    pub routes: u64,
    /// Requests per second.
    pub rate: u64,
    /// Requests at once.
    pub burst: u64,
}

impl Route {
    /// Whether the route has limits of its own.
    pub fn is_limited(&self) -> bool {
        self.rate_limit.is_some() || self.burst_limit.is_some()
    }
}

impl Api {
    /// The limits of a route of this API.
    pub fn limits(&self, route: &Route) -> Limits {
        Limits {
            rate: route.rate_limit.unwrap_or(self.rate_limit),
            burst: route.burst_limit.unwrap_or(self.burst_limit),
        }
    }

    /// The routes with limits of their own, and their limits.
    pub fn limited_routes(&self) -> impl Iterator<Item = (&Route, Limits)> {
        self.routes.iter().filter(|route| route.is_limited()).map(|route| (route, self.limits(route)))
    }
}

impl Stack {
    /// The limits of all routes of all APIs together.
    pub fn throughput(&self) -> Throughput {
        let all = self.all_apis().flat_map(|(_, api)| api.routes.iter().map(|route| api.limits(route)));
        all.fold(Throughput::default(), |sum, limits| Throughput {
            routes: sum.routes + 1,
            rate: sum.rate + u64::from(limits.rate),
            burst: sum.burst + u64::from(limits.burst),
        })
    }
}

/// Limits of an `ANY` route of a REST API: AWS refuses them (docs/aws.md, Stages).
pub(super) fn without_effect(api: &Api) -> Vec<Diagnostic> {
    let limited = |route: &Route| api.kind == ApiKind::Rest && route.method == "ANY" && route.is_limited();
    let routes = api.routes.iter().enumerate().filter(|(_, route)| limited(route));
    let flaw = |(index, route): (usize, &Route)| {
        let key = if route.rate_limit.is_some() { "rate_limit" } else { "burst_limit" };
        let message = format!("`{key}`: a REST API has no limits of its own for a route with the method ANY");
        let help = "write a route for each method, or set the limit of the whole API";
        Diagnostic::new(format!("routes.{index}.{key}"), message).help(help)
    };
    routes.map(flaw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn route(api: &str, route: &str, keys: &str) -> String {
        format!("[[{api}.routes]]\nroute = \"{route}\"\nfunction = \"F\"\nauth = \"none\"\n{keys}\n")
    }

    #[test]
    fn the_throughput_is_the_sum_of_what_each_route_allows() {
        let file = [
            "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n",
            "[api]\nrate_limit = 30\nburst_limit = 7\n",
            &route("api", "GET /a", ""),
            &route("api", "GET /b", "rate_limit = 1"),
            &route("api", "GET /c", "burst_limit = 100"),
            "[apis.Other]\nkind = \"http\"\n",
            &route("apis.Other", "GET /a", ""),
        ];
        let stack = parse(&file.concat()).expect("it is sound");
        assert_eq!(stack.throughput(), Throughput { routes: 4, rate: 30 + 1 + 30 + 50, burst: 7 + 7 + 100 + 50 });
        let api = stack.api.as_ref().expect("an API");
        let limited: Vec<_> = api.limited_routes().map(|(route, limits)| (route.name(), limits)).collect();
        let expected = [
            ("GET /b".to_owned(), Limits { rate: 1, burst: 7 }),
            ("GET /c".to_owned(), Limits { rate: 30, burst: 100 }),
        ];
        assert_eq!(limited, expected);
        let none = parse("[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n");
        assert_eq!(none.expect("it is sound").throughput(), Throughput::default());
    }

    #[test]
    fn a_rest_api_limits_each_method_and_an_http_api_each_route() {
        let file = |kind: &str, route: &str, keys: &str| {
            let head = "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n";
            parse(&format!("{head}[api]\nkind = \"{kind}\"\n{}", self::route("api", route, keys)))
        };
        assert!(file("http", "ANY /a", "rate_limit = 5").is_ok() && file("rest", "GET /a", "rate_limit = 5").is_ok());
        assert!(file("rest", "ANY /a", "").is_ok());
        for key in ["rate_limit", "burst_limit"] {
            let mistakes = file("rest", "ANY /a", &format!("{key} = 5")).expect_err("refused");
            assert!(mistakes[0].message.starts_with(&format!("`{key}`: a REST API has no limits")), "{mistakes:?}");
        }
    }
}
