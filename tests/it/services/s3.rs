//! S3, which can store the states. It keeps no resources of a stack.

use super::{Asked, Host, Refusals, Service, Usage, WrongTime, by_operation};

pub const SERVICE: Service = Service {
    name: "s3",
    host: Host::Regional("s3"),
    sdk: "s3",
    kinds: &[],
    created: by_operation,
    needs,
    unused: &[],
    unseen: &[],
    refusals: Refusals {
        throttled: "s3-throttled",
        retry_after: None,
        unavailable: "s3-unavailable",
        conflicts: &["s3-conflict"],
        denied: (403, "AccessDenied"),
        wrong_time: WrongTime::Query,
    },
};

/// Buckets and objects are named in the path, because the endpoint is no host of AWS.
fn needs(asked: &Asked<'_>) -> Vec<Usage> {
    let path = asked.path().trim_start_matches('/').trim_end_matches('/');
    match asked.operation() {
        "ListObjectsV2" => {
            vec![Usage::new("s3:ListBucket", format!("arn:aws:s3:::{path}")).with("s3:prefix", decoded(asked.query("prefix")))]
        }
        operation => vec![Usage::new(format!("s3:{operation}"), format!("arn:aws:s3:::{path}"))],
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}
