//! The refusals of S3 that the program distinguishes.

use crate::aws::refusals::refusals;
use crate::engine::Refusal;

refusals! {
    /// There is no such object. S3 says so only to callers who may list the bucket.
    NO_OBJECT = Refusal::new(&["s3"], &["NoSuchKey"]);
    /// There is no such bucket.
    NO_BUCKET = Refusal::new(&["s3"], &["NoSuchBucket"]);
    /// The condition of the call does not hold.
    CONDITION = Refusal::new(&["s3"], &["PreconditionFailed"]);
    /// Another conditional write of the same object was in progress.
    CONFLICT = Refusal::new(&["s3"], &["ConditionalRequestConflict", "OperationAborted"]);
    /// The bucket is in another region.
    ELSEWHERE = Refusal::new(&["s3"], &["PermanentRedirect", "AuthorizationHeaderMalformed"]);
    /// The bucket belongs to the caller already.
    BUCKET_OURS = Refusal::new(&["s3"], &["BucketAlreadyOwnedByYou"]);
    /// A bucket of this name belongs to somebody else.
    BUCKET_TAKEN = Refusal::new(&["s3"], &["BucketAlreadyExists"]);
}
