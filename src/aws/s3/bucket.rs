//! A bucket for states: created, and set so that nobody else reads the states and none is lost.

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration,
    ExpirationStatus, LifecycleRule, LifecycleRuleFilter, NoncurrentVersionExpiration, ObjectOwnership,
    OwnershipControls, OwnershipControlsRule, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    VersioningConfiguration,
};
use serde_json::json;

use super::client_in;
use super::refusals::{BUCKET_OURS, BUCKET_TAKEN};
use crate::aws::error::{OrFail, built};
use crate::engine::Failure;

/// The region whose buckets are created without a location.
const FIRST_REGION: &str = "us-east-1";

/// How many days old versions of states are kept.
const VERSIONS_DAYS: i32 = 90;

/// The bucket that is or was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    New,
    /// It belonged to this account already.
    Existing,
}

/// Creates the bucket, if this account does not have it yet. Changes no settings.
///
/// # Errors
/// The name belongs to another account, or AWS refused the call.
pub async fn create(sdk: &SdkConfig, bucket: &str) -> Result<Made, Failure> {
    let client = client_in(sdk, None);
    let region = sdk.region().map(ToString::to_string).filter(|region| region != FIRST_REGION);
    let place = region.map(|region| {
        CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::from(region.as_str()))
            .build()
    });
    let call = client.create_bucket().bucket(bucket).object_ownership(ObjectOwnership::BucketOwnerEnforced);
    match call.set_create_bucket_configuration(place).send().await.or_fail(&format!("create the bucket {bucket}")) {
        // In the first region, S3 accepts the call for a bucket that exists.
        Ok(_) => Ok(Made::New),
        Err(failure) if BUCKET_OURS.is(&failure) => Ok(Made::Existing),
        Err(failure) if BUCKET_TAKEN.is(&failure) => {
            Err(failure.hint("names of buckets are unique among all accounts of AWS; choose another name"))
        }
        Err(failure) => Err(failure),
    }
}

/// Whether this account may use a bucket of this name.
pub async fn exists(sdk: &SdkConfig, bucket: &str) -> bool {
    client_in(sdk, None).get_bucket_versioning().bucket(bucket).send().await.is_ok()
}

/// Makes the bucket private, versioned and encrypted, and lets it be used only with TLS. Versions that were replaced are
/// deleted after some time.
pub async fn secure(sdk: &SdkConfig, partition: &str, bucket: &str) -> Result<(), Failure> {
    let client = client_in(sdk, None);
    let doing = |what: &str| format!("set the {what} of the bucket {bucket}");
    let private = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .ignore_public_acls(true)
        .block_public_policy(true)
        .restrict_public_buckets(true)
        .build();
    let call = client.put_public_access_block().bucket(bucket).public_access_block_configuration(private);
    call.send().await.or_fail(&doing("public access block"))?;
    own(&client, bucket).await.or_else(|failure| unless_unsupported(failure, sdk))?;
    let versions = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let call = client.put_bucket_versioning().bucket(bucket).versioning_configuration(versions);
    call.send().await.or_fail(&doing("versioning"))?;
    let by = built(ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::Aes256).build())?;
    let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(by).build();
    let encrypted = built(ServerSideEncryptionConfiguration::builder().rules(rule).build())?;
    let call = client.put_bucket_encryption().bucket(bucket).server_side_encryption_configuration(encrypted);
    call.send().await.or_fail(&doing("encryption"))?;
    let call = client.put_bucket_policy().bucket(bucket).policy(tls_only(partition, bucket));
    call.send().await.or_fail(&doing("policy"))?;
    let old = NoncurrentVersionExpiration::builder().noncurrent_days(VERSIONS_DAYS).build();
    let rule = LifecycleRule::builder()
        .id("old versions of states")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("").build())
        .noncurrent_version_expiration(old);
    let rules = built(BucketLifecycleConfiguration::builder().rules(built(rule.build())?).build())?;
    let call = client.put_bucket_lifecycle_configuration().bucket(bucket).lifecycle_configuration(rules);
    call.send().await.or_fail(&doing("lifecycle")).map(drop)
}

async fn own(client: &Client, bucket: &str) -> Result<(), Failure> {
    let rule = built(OwnershipControlsRule::builder().object_ownership(ObjectOwnership::BucketOwnerEnforced).build())?;
    let controls = built(OwnershipControls::builder().rules(rule).build())?;
    let call = client.put_bucket_ownership_controls().bucket(bucket).ownership_controls(controls);
    call.send().await.or_fail(&format!("set the ownership of the bucket {bucket}")).map(drop)
}

/// Emulators lack some settings.
fn unless_unsupported(failure: Failure, sdk: &SdkConfig) -> Result<(), Failure> {
    if sdk.endpoint_url().is_some() { Ok(()) } else { Err(failure) }
}

/// A bucket policy that denies every call without TLS.
fn tls_only(partition: &str, bucket: &str) -> String {
    let arn = format!("arn:{partition}:s3:::{bucket}");
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "OnlyWithTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, format!("{arn}/*")],
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        }],
    })
    .to_string()
}
