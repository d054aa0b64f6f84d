//! Finds paths that a given route, or no route, answers.
//!
//! A probe of a path that another route covers would test that route. So every probe's path is derived from all routes
//! of the API (docs/aws.md, Which route answers).

use crate::spec::routing::is_greedy;
use crate::spec::{Api, Route};

/// The value of parameters, and the beginning of paths that no route has.
pub(super) const MARK: &str = "securelambda-verify";

/// The methods that are tried on a path. `HEAD` is left out: its answer has no body, so the sender would not be known.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// The maximum number of path segments in the value of a greedy parameter.
const DEEP: usize = 8;

/// A method and a path for which this route answers; `None` if other routes cover all of its paths.
pub(super) fn reaching<'a>(api: &Api, route: &'a Route) -> Option<(&'a str, String)> {
    let methods = if route.method == "ANY" { vec!["POST", "PUT", "PATCH", "DELETE", "GET", "HEAD"] } else { vec![] };
    let methods = if methods.is_empty() { vec![route.method.as_str()] } else { methods };
    let deep = if route.path.contains("+}") { DEEP } else { 1 };
    let paths = (1..=deep).map(|deep| filled(&route.path, deep));
    paths
        .flat_map(|path| methods.iter().map(move |method| (*method, path.clone())))
        .find(|(method, path)| api.answering(method, path).is_some_and(|answers| std::ptr::eq(answers, route)))
}

/// A path near a route that no route of the API covers with any method; `None` if a greedy route covers all such paths.
pub(super) fn unlisted(api: &Api, near: &str) -> Option<String> {
    let near = filled(near, 1);
    let above = near.rsplit_once('/').map_or("", |(above, _)| above);
    let candidates = [near.trim_end_matches('/'), above, ""].map(|base| format!("{base}/{MARK}-unlisted"));
    candidates.into_iter().find(|path| !api.routes.iter().any(|route| route.covers(path)))
}

/// The methods with which no route of the API answers this path.
pub(super) fn unlisted_methods(api: &Api, path: &str) -> Vec<&'static str> {
    METHODS.into_iter().filter(|method| api.answering(method, path).is_none()).collect()
}

/// The path with a value for each parameter. The value of a greedy parameter has `deep` segments.
fn filled(path: &str, deep: usize) -> String {
    let part = |part: &str| match part {
        greedy if is_greedy(greedy) => vec![MARK; deep].join("/"),
        parameter if parameter.starts_with('{') => MARK.to_owned(),
        literal => literal.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An API with these routes. They may include routes that a stack file refuses together.
    fn api(routes: &[&str]) -> Api {
        let with = |route: &&str| {
            let text = format!(
                "[functions.F]\nsource = \"f\"\n[api]\nstage = \"s\"\n\
                 [[api.routes]]\nroute = {route:?}\nfunction = \"F\"\nauth = \"none\"\n"
            );
            crate::spec::parse(&text).expect("a stack").api.expect("an API")
        };
        Api { routes: routes.iter().flat_map(|route| with(route).routes).collect(), ..with(&"GET /") }
    }

    #[test]
    fn the_most_specific_route_answers() {
        let api = api(&["ANY /{proxy+}", "GET /notes/{id}", "GET /notes", "ANY /notes/{id}", "POST /a/{rest+}"]);
        let name = |method, path| api.answering(method, path).map(Route::name);
        for (method, path, route) in [
            ("GET", "/notes", "GET /notes"),
            ("PUT", "/notes", "ANY /{proxy+}"),
            ("GET", "/notes/7", "GET /notes/{id}"),
            ("PUT", "/notes/7", "ANY /notes/{id}"),
            ("GET", "/notes/7/x", "ANY /{proxy+}"),
            ("POST", "/a/b/c", "POST /a/{rest+}"),
        ] {
            assert_eq!(name(method, path).as_deref(), Some(route), "{method} {path}");
        }
    }

    #[test]
    fn each_route_is_reached_by_a_path_that_no_other_route_answers() {
        let reached = |routes: &[&str], at: usize| reaching(&api(routes), &api(routes).routes[at]).is_some();
        assert!(!reached(&["GET /a"], 0), "another API's route is not reached");
        let path = |routes: &[&str], at: usize| {
            let api = api(routes);
            reaching(&api, &api.routes[at]).map(|(method, path)| format!("{method} {path}"))
        };
        assert_eq!(path(&["GET /notes/{id}"], 0).as_deref(), Some("GET /notes/securelambda-verify"));
        // A path with one segment would reach the other route.
        let greedy = ["ANY /{proxy+}", "ANY /{id}"];
        assert_eq!(path(&greedy, 0).as_deref(), Some("POST /securelambda-verify/securelambda-verify"));
        assert_eq!(path(&["ANY /a", "POST /a"], 0).as_deref(), Some("PUT /a"));
        let all = ["ANY /a", "GET /a", "POST /a", "PUT /a", "PATCH /a", "DELETE /a", "HEAD /a"];
        assert_eq!(path(&all, 0), None);
    }

    #[test]
    fn an_unlisted_path_is_covered_by_no_route() {
        for (routes, near, expected) in [
            (&["GET /notes"][..], "/notes", Some("/notes/securelambda-verify-unlisted")),
            // The path below would be a note, which the caller may read.
            (&["GET /notes", "GET /notes/{id}"], "/notes", Some("/securelambda-verify-unlisted")),
            (
                &["GET /notes", "GET /notes/{id}"],
                "/notes/{id}",
                Some("/notes/securelambda-verify/securelambda-verify-unlisted"),
            ),
            (&["ANY /{proxy+}"], "/{proxy+}", None),
            (&["GET /notes", "ANY /{proxy+}"], "/notes", None),
            (&["GET /"], "/", Some("/securelambda-verify-unlisted")),
        ] {
            let api = api(routes);
            let path = unlisted(&api, near);
            assert_eq!(path.as_deref(), expected, "{routes:?} {near}");
            let covered = |path: &String| api.routes.iter().any(|route| route.covers(path));
            assert!(!path.as_ref().is_some_and(covered));
        }
    }

    #[test]
    fn unlisted_methods_are_those_of_no_covering_route() {
        assert_eq!(unlisted_methods(&api(&["POST /a"]), "/a"), ["GET", "PUT", "PATCH", "DELETE"]);
        assert_eq!(unlisted_methods(&api(&["POST /a", "GET /{proxy+}"]), "/a"), ["PUT", "PATCH", "DELETE"]);
        assert!(unlisted_methods(&api(&["ANY /a"]), "/a").is_empty());
    }
}
