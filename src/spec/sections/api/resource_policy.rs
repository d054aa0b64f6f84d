//! The resource policy that follows from `allow_from`.

use serde_json::json;

use super::{Api, Auth, Route};
use crate::policy::{Policy, covers};
use crate::scope::route_resource;
use crate::spec::routing::{METHODS, parameter};

/// The beginning of resources in the policy. API Gateway replaces it with the API's ARN.
const SHORT: &str = "execute-api:/";

/// A sample value of a path parameter.
const ANYTHING: &str = "x";

/// A request to a route with restricted callers that a policy would allow because it allows another route.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::spec) struct OpenedRequest {
    /// The method and path, as in `GET /a/x/admin`.
    pub request: String,
    /// The signed route that answers it.
    pub signed: String,
    /// The method and path that the policy has to allow, and that cover the request.
    pub allowed_for: String,
}

impl Api {
    /// The resource policy of a REST API, if it has one. With a policy, requests need a statement that allows them,
    /// except signed ones of the same account, which their callers' own policies allow (docs/aws.md, Resource policies
    /// of REST APIs). So the policy allows nobody to call routes that take signatures, except the accounts that the
    /// stack file names.
    pub fn resource_policy(&self) -> Option<Policy> {
        let allow_from = self.allow_from.as_ref()?;
        let mut statements = Vec::new();
        if !allow_from.addresses.is_empty() {
            let networks: Vec<String> = allow_from.addresses.iter().map(ToString::to_string).collect();
            statements.push(json!({
                "Effect": "Deny",
                "Principal": "*",
                "Action": "execute-api:Invoke",
                "Resource": format!("{SHORT}*"),
                "Condition": { "NotIpAddress": { "aws:SourceIp": networks } },
            }));
        }
        let others = self.routes.iter().filter(|route| route.auth != Auth::Iam);
        let preflights = self.preflight_paths().into_iter().map(|path| self.resource("OPTIONS", path));
        let mut open: Vec<String> =
            others.map(|route| self.resource(&route.method, &route.path)).chain(preflights).collect();
        open.sort();
        open.dedup();
        if !open.is_empty() {
            statements.push(json!({
                "Effect": "Allow",
                "Principal": "*",
                "Action": "execute-api:Invoke",
                "Resource": open,
            }));
        }
        if !allow_from.accounts.is_empty() {
            let resources = self.signed_resources();
            statements.push(json!({
                "Effect": "Allow",
                "Principal": { "AWS": allow_from.accounts },
                "Action": "execute-api:Invoke",
                "Resource": resources,
            }));
        }
        Some(Policy::new(statements))
    }

    /// The policy's resources for the routes that take signatures.
    pub fn signed_resources(&self) -> Vec<String> {
        let signed = self.routes.iter().filter(|route| route.auth == Auth::Iam);
        signed.map(|route| self.resource(&route.method, &route.path)).collect()
    }

    /// For each signed route, a request to it that the policy allows to everybody, if there is one: in policies, `*`
    /// stands for slashes too, so the resource of a route with a parameter covers longer paths.
    pub(super) fn requests_opened(&self) -> Vec<OpenedRequest> {
        let (signed, others): (Vec<&Route>, Vec<&Route>) =
            self.routes.iter().partition(|route| route.auth == Auth::Iam);
        let others = others.into_iter().map(|route| (route.method.as_str(), route.path.as_str()));
        let preflights = self.preflight_paths().into_iter().map(|path| ("OPTIONS", path));
        let allowed: Vec<(&str, &str)> = others.chain(preflights).collect();
        self.requests_opened_by(&allowed, &signed)
    }

    /// Requests to the routes in `signed` that a policy would allow to everybody if it allowed the methods and paths in
    /// `allowed`. There is at most one for each route. `allowed` contains none of the routes in `signed`.
    pub(in crate::spec) fn requests_opened_by(
        &self,
        allowed: &[(&str, &str)],
        signed: &[&Route],
    ) -> Vec<OpenedRequest> {
        let opened = |route: &&Route| allowed.iter().find_map(|allowed| self.request_opened(*allowed, route));
        signed.iter().filter_map(opened).collect()
    }

    fn request_opened(&self, (method, path): (&str, &str), signed: &Route) -> Option<OpenedRequest> {
        let allowed = self.resource(method, path);
        // A route without a parameter is the most exact route for every request that its resource covers.
        if !allowed.contains('*') {
            return None;
        }
        // The gateway itself answers preflight requests, before a signed route with the method ANY.
        let preflight = |method: &str| {
            method == "OPTIONS" && signed.method == "ANY" && self.preflight_paths().contains(&signed.path.as_str())
        };
        let methods = METHODS.into_iter().filter(|method| signed.takes(method) && !preflight(method));
        let mut requests =
            methods.flat_map(|method| filled(&signed.path, path).into_iter().map(move |path| (method, path)));
        let answered = |(method, path): &(&str, String)| {
            covers(&allowed, &self.resource(method, path))
                && self.answering(method, path).is_some_and(|route| std::ptr::eq(route, signed))
        };
        requests.find(answered).map(|(with, to)| OpenedRequest {
            request: format!("{with} {to}"),
            signed: signed.name(),
            allowed_for: format!("{method} {path}"),
        })
    }

    /// The policy's resource for a method on a path. `*` stands for a path parameter.
    fn resource(&self, method: &str, path: &str) -> String {
        format!("{SHORT}{}", route_resource(&self.stage, method, path))
    }
}

/// Paths of a route, with parts of another route's path in place of its parameters.
fn filled(path: &str, other: &str) -> Vec<String> {
    let parts: Vec<&str> =
        other.split('/').skip(1).map(|part| if part.starts_with('{') { ANYTHING } else { part }).collect();
    let fills = |part: &str| -> Vec<String> {
        let fills: Vec<String> = match parameter(part) {
            None => return vec![part.to_owned()],
            Some((_, false)) => parts.iter().map(|&part| part.to_owned()).collect(),
            // The value of a greedy parameter may begin or end with parts of the other path.
            Some((_, true)) => {
                let ends = (0..parts.len()).map(|from| parts[from..].join("/"));
                ends.flat_map(|end| [format!("{end}/{ANYTHING}"), format!("{ANYTHING}/{end}"), end]).collect()
            }
        };
        [ANYTHING.to_owned()].into_iter().chain(fills).collect()
    };
    path.split('/').skip(1).fold(vec![String::new()], |begun, part| {
        let fills = fills(part);
        begun.iter().flat_map(|path| fills.iter().map(move |fill| format!("{path}/{fill}"))).collect()
    })
}
