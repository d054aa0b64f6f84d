//! TLS of the API's own host name (docs/aws.md, TLS of REST APIs).

use aws_sdk_apigateway::types::{EndpointAccessMode, PatchOperation, SecurityPolicy};

use super::{Mend, RestApi, replace};
use crate::engine::Drift;

/// TLS 1.2 or later, with the ciphers that AWS recommends. An API without a policy accepts TLS 1.0.
pub(super) const POLICY: SecurityPolicy = SecurityPolicy::SecurityPolicyTls1312202106;

/// TLS 1.2 or later, for regions without policies that begin with `SecurityPolicy_`. It has no access mode.
const LEGACY_POLICY: SecurityPolicy = SecurityPolicy::Tls12;

/// The host name in TLS must be the API's own. A policy that begins with `SecurityPolicy_` needs an
/// access mode (docs/aws.md, TLS of REST APIs).
pub(super) const ACCESS_MODE: EndpointAccessMode = EndpointAccessMode::Strict;

impl RestApi {
    /// The policy that it is created with.
    pub(super) fn policy(&self) -> SecurityPolicy {
        if self.enhanced_tls { POLICY } else { LEGACY_POLICY }
    }

    /// Every policy except `TLS_1_0` demands at least TLS 1.2, so another one that somebody chose is kept.
    pub(super) fn tls_mend(&self, policy: Option<&str>, mode: Option<&str>) -> Option<Mend> {
        match policy {
            None | Some("" | "TLS_1_0") => {
                let drift = Drift::weakening("securityPolicy", self.policy().as_str(), "TLS_1_0");
                Some((drift, self.tls_patches()))
            }
            Some(policy) if policy.starts_with("SecurityPolicy_") && mode != Some(ACCESS_MODE.as_str()) => {
                let drift = Drift::weakening("endpointAccessMode", ACCESS_MODE.as_str(), mode.unwrap_or("none"));
                Some((drift, vec![replace("/endpointAccessMode", ACCESS_MODE.as_str())]))
            }
            Some(_) => None,
        }
    }

    pub(super) fn tls_patches(&self) -> Vec<PatchOperation> {
        let mode = || replace("/endpointAccessMode", ACCESS_MODE.as_str());
        let policy = replace("/securityPolicy", self.policy().as_str());
        [policy].into_iter().chain(self.enhanced_tls.then(mode)).collect()
    }
}
