//! STS, which identifies the caller. It keeps no resources.

use super::{Host, Refusals, Service, WrongTime, by_operation};

pub const SERVICE: Service = Service {
    name: "sts",
    host: Host::Regional("sts"),
    sdk: "sts",
    kinds: &[],
    // `GetCallerIdentity` needs no permission.
    created: by_operation,
    needs: |_| Vec::new(),
    unused: &[],
    unseen: &[],
    // STS refuses calls with the same answers as IAM.
    refusals: Refusals {
        throttled: "iam-throttled",
        retry_after: None,
        unavailable: "iam-unavailable",
        conflicts: &[],
        denied: (403, "AccessDenied"),
        wrong_time: WrongTime::Query,
    },
};
