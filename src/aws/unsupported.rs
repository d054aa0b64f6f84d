//! Operations that AWS has and an emulator lacks. With an emulator, a run goes on without them, and the setting's live
//! value is [`NOT_SUPPORTED`]. From AWS the same refusal is an error like any other.

use aws_config::SdkConfig;

use super::error::UNKNOWN_CALL;
use crate::engine::Failure;

/// The live value of a setting that an emulator does not keep.
pub(super) const NOT_SUPPORTED: &str = "not supported by the emulator";

/// Whether calls go to an emulator instead of AWS.
pub(super) fn is_emulator(sdk: &SdkConfig) -> bool {
    sdk.endpoint_url().is_some()
}

/// Whether an emulator refused an operation because it does not have it.
pub(super) fn is_unsupported(sdk: &SdkConfig, failure: &Failure) -> bool {
    is_emulator(sdk) && UNKNOWN_CALL.is(failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::error::OrFail;
    use crate::aws::testing::replay;

    #[tokio::test]
    async fn only_an_emulator_may_lack_an_operation() {
        let unknown = r#"{"__type": "InvalidAction", "message": "Unknown WAF action: GetLoggingConfiguration"}"#;
        let denied = r#"{"__type": "AccessDeniedException", "message": "no"}"#;
        for (body, lacks) in [(unknown, true), (denied, false)] {
            let (clients, _) = replay(vec![(400, body)]);
            let aws = clients.sdk.clone();
            let emulated = aws.clone().into_builder().endpoint_url("http://127.0.0.1:9").build();
            let call = aws_sdk_wafv2::Client::new(&aws).get_logging_configuration().resource_arn("arn:acl");
            let failure = call.send().await.or_fail("read it").expect_err("a refusal");
            assert_eq!((is_unsupported(&aws, &failure), is_unsupported(&emulated, &failure)), (false, lacks));
        }
    }
}
