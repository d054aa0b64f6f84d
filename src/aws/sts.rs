//! STS: the caller's identity.

pub mod refusals;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use super::error::OrFail;
use super::retries::client;
use super::service::AwsService;
use super::sigv4::Keys;
use crate::engine::Failure;
use crate::regions::Service;

pub const SERVICE: Service = Service::new("sts", "STS");

pub(super) const ABOUT: AwsService = AwsService {
    names: &[SERVICE.name],
    refusals: refusals::REFUSALS,
    waits: &[],
    #[cfg(test)]
    tests: super::waits::WaitTests::NONE,
};

/// The principal that owns the credentials in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// Twelve digits.
    pub account: String,
    /// As in `arn:aws:iam::123456789012:user/ada` or `arn:aws:sts::123456789012:assumed-role/operator/session`.
    pub arn: String,
    /// AWS's unique id of the principal.
    pub user_id: String,
    /// `aws`, `aws-cn` or `aws-us-gov`: the second part of the ARN.
    pub partition: String,
}

impl CallerIdentity {
    /// Whether this is the account's root user, whose credentials should not be used.
    pub fn is_root(&self) -> bool {
        self.arn.ends_with(":root")
    }
}

/// The principal that owns these credentials. The call needs no permission.
///
/// # Errors
/// The credentials are not valid, or AWS did not answer.
pub async fn caller_with(sdk: &SdkConfig, keys: &Keys) -> Result<CallerIdentity, Failure> {
    let session = keys.session.as_ref().map(|session| session.reveal().to_owned());
    let credentials = Credentials::new(&keys.id, keys.secret.reveal(), session, None, "identity pool");
    let sdk = sdk.to_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build();
    caller(&sdk).await
}

/// The principal that owns the credentials of `sdk`. The call needs no permission.
///
/// # Errors
/// There are no credentials, they have expired, or AWS did not answer.
pub async fn caller(sdk: &SdkConfig) -> Result<CallerIdentity, Failure> {
    let answer = client!(aws_sdk_sts, sdk).get_caller_identity().send().await;
    let answer = answer.or_fail("read the identity of the caller")?;
    let arn = answer.arn.unwrap_or_default();
    let partition = arn.split(':').nth(1).filter(|partition| !partition.is_empty()).unwrap_or("aws").to_owned();
    Ok(CallerIdentity {
        account: answer.account.unwrap_or_default(),
        user_id: answer.user_id.unwrap_or_default(),
        partition,
        arn,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::replay;
    use crate::engine::Cause;

    fn answer(arn: &str) -> String {
        format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>{arn}</Arn><UserId>AIDA</UserId><Account>123456789012</Account>\
             </GetCallerIdentityResult></GetCallerIdentityResponse>"
        )
    }

    #[tokio::test]
    async fn the_partition_comes_from_the_arn_and_root_is_recognised() {
        for (arn, partition, root) in [
            ("arn:aws:iam::123456789012:root", "aws", true),
            ("arn:aws-cn:iam::123456789012:user/root", "aws-cn", false),
            ("arn:aws-us-gov:sts::123456789012:assumed-role/operator/x", "aws-us-gov", false),
        ] {
            let (clients, _) = replay(vec![(200, &answer(arn))]);
            let caller = caller(&clients.sdk).await.unwrap();
            assert_eq!((caller.partition.as_str(), caller.is_root()), (partition, root), "{arn}");
            assert_eq!(caller.account, "123456789012");
        }
    }

    #[tokio::test]
    async fn expired_credentials_end_the_run() {
        let body = "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>old</Message></Error>\
                    </ErrorResponse>";
        let (clients, _) = replay(vec![(403, body)]);
        assert_eq!(caller(&clients.sdk).await.unwrap_err().cause, Cause::Fatal);
    }
}
