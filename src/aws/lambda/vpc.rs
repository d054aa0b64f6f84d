//! The network that a function runs in.

use std::collections::BTreeSet;
use std::fmt;

use aws_sdk_lambda::types::{FunctionConfiguration, VpcConfig};

/// The subnets and security groups of a function, by their ids. A function in no VPC has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vpc {
    pub subnets: BTreeSet<String>,
    pub security_groups: BTreeSet<String>,
    /// Whether outbound IPv6 traffic is allowed in dual-stack subnets.
    pub ipv6: bool,
}

impl Vpc {
    pub fn new(subnets: &[String], security_groups: &[String]) -> Self {
        let set = |ids: &[String]| ids.iter().cloned().collect();
        Self { subnets: set(subnets), security_groups: set(security_groups), ipv6: false }
    }

    /// The network in a function's configuration. Outside a VPC, AWS returns empty lists.
    pub(super) fn read(config: &FunctionConfiguration) -> Self {
        let Some(vpc) = config.vpc_config().filter(|vpc| !vpc.subnet_ids().is_empty()) else { return Self::default() };
        let ipv6 = vpc.ipv6_allowed_for_dual_stack().unwrap_or_default();
        Self { ipv6, ..Self::new(vpc.subnet_ids(), vpc.security_group_ids()) }
    }

    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The network in the form that AWS accepts. Empty lists remove a function from its VPC.
    pub(super) fn config(&self) -> VpcConfig {
        let list = |ids: &BTreeSet<String>| Some(ids.iter().cloned().collect());
        VpcConfig::builder()
            .set_subnet_ids(list(&self.subnets))
            .set_security_group_ids(list(&self.security_groups))
            .ipv6_allowed_for_dual_stack(self.ipv6)
            .build()
    }
}

impl fmt::Display for Vpc {
    /// `none`, or the ids of the subnets and those of the security groups.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.subnets.is_empty() {
            return f.write_str("none");
        }
        let list = |ids: &BTreeSet<String>| ids.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        write!(f, "{}; {}", list(&self.subnets), list(&self.security_groups))?;
        if self.ipv6 { f.write_str("; IPv6") } else { Ok(()) }
    }
}
