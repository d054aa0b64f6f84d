//! The resource policy that follows from `allow_from`.

use serde_json::json;

use super::{Api, Auth, Route};
use crate::policy::Policy;

/// API Gateway writes its own ARN before what follows the slash.
const SHORT: &str = "execute-api:/";

impl Api {
    /// The resource policy of a REST API, if it has one. With a policy, requests need a statement that allows them, except
    /// signed ones of the same account, which their callers' own policies allow (docs/aws.md, Resource policies of REST
    /// APIs). So nothing is allowed on routes that take signatures, except to the accounts that the stack file names.
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
        let (signed, others): (Vec<&Route>, Vec<&Route>) =
            self.routes.iter().partition(|route| route.auth == Auth::Iam);
        let preflights = self.preflight_paths().into_iter().map(|path| self.resource("OPTIONS", path));
        let mut open: Vec<String> =
            others.into_iter().map(|route| self.resource(&route.method, &route.path)).chain(preflights).collect();
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
            let resources: Vec<String> =
                signed.into_iter().map(|route| self.resource(&route.method, &route.path)).collect();
            statements.push(json!({
                "Effect": "Allow",
                "Principal": { "AWS": allow_from.accounts },
                "Action": "execute-api:Invoke",
                "Resource": resources,
            }));
        }
        Some(Policy::new(statements))
    }

    /// A method on a path. A parameter stands for anything.
    fn resource(&self, method: &str, path: &str) -> String {
        let method = if method == "ANY" { "*" } else { method };
        let parts = path.split('/').map(|part| if part.starts_with('{') { "*" } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        format!("{SHORT}{}/{method}{path}", self.stage)
    }
}
