//! The five layers of security that the program builds and proves.

use serde::Serialize;

/// A layer, in the order of the checklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// User pools, app clients and signing in.
    Authentication,
    /// IP sets, the web ACL and its association with the stage.
    Firewall,
    /// Every route, called by every kind of caller.
    Authorization,
    /// The secrets that a function can read, and those that it cannot.
    Secrets,
    /// Roles, logs, runtimes, the delivery of messages and the throttle.
    Functions,
}

impl Layer {
    /// All layers, in order.
    pub const ALL: [Self; 5] =
        [Self::Authentication, Self::Firewall, Self::Authorization, Self::Secrets, Self::Functions];

    pub fn title(self) -> &'static str {
        match self {
            Self::Authentication => "Authentication",
            Self::Firewall => "Firewall",
            Self::Authorization => "Authorization",
            Self::Secrets => "Secrets",
            Self::Functions => "Functions",
        }
    }
}
