//! STS: who the caller is. It keeps no resources.

use super::{Host, Refusals, Service, WrongTime, by_operation};

pub const SERVICE: Service = Service {
    name: "sts",
    host: Host::Regional("sts"),
    sdk: "sts",
    kinds: &[],
    // Everybody may ask who they are.
    created: by_operation,
    needs: |_| Vec::new(),
    unused: &[],
    unseen: &[],
    // It answers as IAM does.
    refusals: Refusals {
        throttled: "iam-throttled",
        retry_after: None,
        unavailable: "iam-unavailable",
        conflicts: &[],
        denied: (403, "AccessDenied"),
        wrong_time: WrongTime::Query,
    },
};
