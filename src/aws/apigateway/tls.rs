//! TLS of the API's own host name (docs/aws.md, TLS of REST APIs).

use aws_sdk_apigateway::types::{EndpointAccessMode, PatchOperation, SecurityPolicy};

use super::{Mends, RestApi, replace};
use crate::choices::Tls;
use crate::engine::Effect;

/// TLS 1.2 or later, with the ciphers that AWS recommends. An API without a policy accepts TLS 1.0.
pub(super) const POLICY: SecurityPolicy = SecurityPolicy::SecurityPolicyTls1312202106;

const POLICY_1_3: SecurityPolicy = SecurityPolicy::SecurityPolicyTls1313202509;

/// TLS 1.2 or later, for regions without policies that begin with `SecurityPolicy_`. It has no access mode.
const LEGACY_POLICY: SecurityPolicy = SecurityPolicy::Tls12;

/// The policies of regional APIs that accept TLS 1.3 alone begin with this.
const ONLY_1_3: &str = "SecurityPolicy_TLS13_1_3_";

/// In strict mode, the host name in TLS must be the API's own. A policy that begins with `SecurityPolicy_` needs an
/// access mode (docs/aws.md, TLS of REST APIs).
pub(super) const ACCESS_MODE: EndpointAccessMode = EndpointAccessMode::Strict;

impl RestApi {
    /// The policy that it is created with.
    pub(super) fn policy(&self) -> SecurityPolicy {
        match (self.enhanced_tls, self.tls) {
            (false, _) => LEGACY_POLICY,
            (true, Tls::V1_2) => POLICY,
            (true, Tls::V1_3) => POLICY_1_3,
        }
    }

    /// AWS's name of the policy that it is created with.
    pub(crate) fn security_policy(&self) -> String {
        self.policy().as_str().to_owned()
    }

    /// AWS's name of the access mode, if the policy has one.
    pub(crate) fn access_mode(&self) -> Option<String> {
        self.enhanced_tls.then(|| ACCESS_MODE.as_str().to_owned())
    }

    /// Whether a policy accepts no older TLS version than the wanted one; then it is kept if somebody chose it. Every
    /// policy except `TLS_1_0` demands at least TLS 1.2.
    fn accepts(&self, policy: &str) -> bool {
        match self.tls {
            Tls::V1_3 if self.enhanced_tls => policy.starts_with(ONLY_1_3),
            Tls::V1_2 | Tls::V1_3 => policy != "TLS_1_0",
        }
    }

    /// Compares the policy and, where there is one, the access mode.
    pub(super) fn tls_mends(&self, mends: Mends, policy: Option<&str>, mode: Option<&str>) -> Mends {
        let policy = policy.filter(|policy| !policy.is_empty()).unwrap_or("TLS_1_0");
        let sound = self.accepts(policy);
        let effect = Effect::weakens_unless(sound);
        let mends = mends.judged("securityPolicy", self.policy().as_str(), policy, effect, self.tls_patches());
        if !policy.starts_with("SecurityPolicy_") {
            return mends;
        }
        // The patches of a new policy set the mode too.
        let patch = sound.then(|| replace("/endpointAccessMode", ACCESS_MODE.as_str()));
        mends.guard("endpointAccessMode", ACCESS_MODE.as_str(), mode.unwrap_or("none"), patch)
    }

    pub(super) fn tls_patches(&self) -> Vec<PatchOperation> {
        let mode = || replace("/endpointAccessMode", ACCESS_MODE.as_str());
        let policy = replace("/securityPolicy", self.policy().as_str());
        [policy].into_iter().chain(self.enhanced_tls.then(mode)).collect()
    }
}
