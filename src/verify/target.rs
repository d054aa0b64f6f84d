//! A route with the API that has it: two APIs may have one of the same name.

use crate::probe::method_of;
use crate::spec::{Api, ApiKind, Route};
use crate::topology::ids::ApiIds;

/// One route of one API.
#[derive(Debug, Copy, Clone)]
pub(super) struct Target<'a> {
    /// The API's name, where it has one.
    pub name: Option<&'a str>,
    pub api: &'a Api,
    pub route: &'a Route,
}

impl<'a> Target<'a> {
    /// Every route of an API.
    pub(super) fn all((name, api): (Option<&'a str>, &'a Api)) -> impl Iterator<Item = Self> {
        api.routes.iter().map(move |route| Self { name, api, route })
    }

    /// As checks call it: `GET /day`, or `Age GET /age`.
    pub(super) fn subject(self) -> String {
        ApiIds(self.name).within(&self.route.name())
    }

    /// The method to call it with: `ANY` is one of many.
    pub(super) fn method(self) -> &'a str {
        let routes = self.api.routes.iter().map(|route| (route.method.as_str(), route.path.as_str()));
        method_of((&self.route.method, &self.route.path), routes, true)
    }

    /// It is one of an HTTP API.
    pub(super) fn by_http(self) -> bool {
        self.api.kind == ApiKind::Http
    }
}
