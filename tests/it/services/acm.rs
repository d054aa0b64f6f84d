//! AWS Certificate Manager, from which the program only reads.

use super::{Asked, Host, Refusals, Service, Usage, WrongTime, by_operation};

pub const SERVICE: Service = Service {
    name: "acm",
    host: Host::Regional("acm"),
    sdk: "acm",
    kinds: &[],
    created: by_operation,
    needs,
    unused: &[],
    unseen: &[],
    refusals: Refusals {
        throttled: "acm-throttled",
        retry_after: None,
        unavailable: "acm-unavailable",
        conflicts: &[],
        denied: (400, "AccessDeniedException"),
        wrong_time: WrongTime::Json,
    },
};

fn needs(asked: &Asked<'_>) -> Vec<Usage> {
    vec![asked.need(asked.text("CertificateArn"))]
}
