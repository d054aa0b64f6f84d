//! The refusals of STS that the program tells apart.

use crate::aws::refusals::refusals;
use crate::engine::Refusal;

refusals! {
    /// AWS does not know the access key, or the account has not enabled the region (docs/aws.md, Regions that an account
    /// has to enable).
    UNKNOWN_KEY = Refusal::new(&["sts GetCallerIdentity"], &["InvalidClientTokenId"]);
}
