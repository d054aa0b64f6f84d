//! What an API and its parts are called: those of the one without a name as they always were, those of any other with its
//! name in front, so that no two meet.

use crate::engine::Id;
use crate::scope::Scope;
use crate::spec::{ApiKind, Route};

/// The names of one API's parts, of whichever kind it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids<'a>(pub(crate) Option<&'a str>);

impl Ids<'_> {
    /// The API itself: `api.rest`, or `api.Age.http`.
    pub(crate) fn root(self, kind: ApiKind) -> Id {
        self.part(match kind {
            ApiKind::Rest => "rest",
            ApiKind::Http => "http",
        })
    }

    /// `api.paths`, or `api.Age.paths`.
    pub(super) fn part(self, part: &str) -> Id {
        self.of("api", part)
    }

    /// `stage.development`, or `stage.Age.development`.
    pub(crate) fn of(self, what: &str, name: &str) -> Id {
        match self.0 {
            None => Id::new(what, name),
            Some(api) => Id::new(what, &format!("{api}.{name}")),
        }
    }

    /// `firewall.association`, or `firewall.association.Age`.
    pub(super) fn association(self) -> Id {
        Id::new("firewall", &self.0.map_or("association".to_owned(), |api| format!("association.{api}")))
    }

    /// `permission.GET /age AgeFn`, or `permission.Age GET /age AgeFn`.
    pub(super) fn permission(self, route: &Route) -> Id {
        Id::new("permission", &self.within(&format!("{} {}", route.name(), route.function)))
    }

    /// What its route is called among those of all APIs: `GET /age`, or `Age GET /age`.
    pub(crate) fn within(self, route: &str) -> String {
        self.0.map_or_else(|| route.to_owned(), |api| format!("{api} {route}"))
    }

    /// Its name in AWS.
    pub(super) fn physical(self, scope: &Scope) -> String {
        scope.physical(self.0.unwrap_or("api"))
    }

    /// For who finds it in AWS.
    pub(super) fn description(self, scope: &Scope) -> String {
        match self.0 {
            None => format!("The API of the stack {}", scope.stack),
            Some(name) => format!("The API {name} of the stack {}", scope.stack),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Bundles;
    use crate::spec::parse;
    use crate::topology::{SecretValues, desired};

    #[test]
    fn no_two_parts_of_three_apis_are_called_the_same() {
        // Called as parts of an API are, and all with the same routes.
        let api = |name: &str, kind: &str| {
            format!(
                "[apis.{name}]\nkind = \"{kind}\"\nstage = \"live\"\n[[apis.{name}.routes]]\nroute = \"GET /x\"\n\
                 function = \"F\"\npool = \"P\"\n"
            )
        };
        let text = format!(
            "[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\n[pools.P]\n{}{}{}",
            api("http", "http"),
            api("routes", "http"),
            api("rest", "rest")
        );
        let stack = parse(&text).expect("a sound file");
        let scope = Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            stack: "demo".into(),
        };
        // The graph takes no id twice.
        let graph = desired(&stack, &scope, None, &Bundles::default(), &SecretValues::default());
        let ids: Vec<&str> = graph.ids().map(|(id, _)| id.as_str()).collect();
        for id in ["api.http.http", "api.routes.http", "api.rest.rest", "api.http.http-routes", "api.rest.routes"] {
            assert!(ids.contains(&id), "no {id} among {ids:?}");
        }
        for (id, kind) in graph.ids() {
            let Some((what, rest)) = id.as_str().split_once('.') else { panic!("{id} has no parts") };
            let api = rest.split(['.', ' ']).next().unwrap_or_default();
            if !["api", "stage", "authorizer", "permission"].contains(&what) {
                continue;
            }
            // Whatever is an API's stands on no other API.
            for need in graph.needs(id) {
                let (on, rest) = need.parts();
                let other = rest.split('.').next().unwrap_or_default();
                assert!(!["api", "stage"].contains(&on) || other == api, "{kind} {id} needs {need}");
            }
        }
        let permission = graph.needs(&Id::new("permission", "routes GET /x F"));
        assert!(permission.contains(&&Id::new("stage", "routes.live")), "{permission:?}");
    }

    #[test]
    fn a_name_stands_in_front() {
        let (bare, named) = (Ids(None), Ids(Some("Age")));
        assert_eq!(
            [bare.root(ApiKind::Rest), bare.root(ApiKind::Http)].map(|id| id.to_string()),
            ["api.rest", "api.http"]
        );
        assert_eq!(named.root(ApiKind::Http).as_str(), "api.Age.http");
        assert_eq!([bare.within("GET /x"), named.within("GET /x")], ["GET /x", "Age GET /x"]);
    }
}
