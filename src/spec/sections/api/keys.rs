//! `key` of a route: whether callers need an API key.

use super::{Api, ApiKind};
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::sections::plans;

impl Api {
    /// Whether a route asks for an API key.
    pub fn asks_for_keys(&self) -> bool {
        self.routes.iter().any(|route| route.key)
    }
}

/// Reports `key` in routes of an HTTP API, because AWS has no API keys for HTTP APIs.
pub(super) fn without_effect(api: &Api) -> Vec<Diagnostic> {
    let keyed = api.routes.iter().enumerate().filter(|(_, route)| api.kind == ApiKind::Http && route.key);
    let flaw = |(index, _)| {
        let message = "`key`: AWS has no API keys for HTTP APIs";
        let help =
            "use `kind = \"rest\"` for the API, or remove the key and identify partners by an entry of [authorizers]";
        Diagnostic::new(format!("routes.{index}.key"), message).help(help)
    };
    keyed.map(flaw).collect()
}

/// Reports routes that ask for an API key although the stack file has no plans. Nobody could call such a route.
pub(super) fn check(name: Option<&str>, api: &Api, checks: &mut Checks) {
    // A plan without keys is a mistake of its own.
    let there = !checks.stack.plans.is_empty();
    let keyed = api.routes.iter().position(|route| route.key).filter(|_| !there && api.kind == ApiKind::Rest);
    let flaw = keyed.map(|index| {
        let message = format!("the route {} asks for an API key, and there is none", api.routes[index].name());
        let help = format!("add [{}.NAME] with keys = [\"PARTNER\"]", plans::KEY.key.name);
        Diagnostic::new(format!("routes.{index}.key"), message).help(help).within(name)
    });
    checks.report(flaw);
}
