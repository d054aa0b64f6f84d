//! Operations that an emulator does not know. On AWS their failures are never swallowed.

use aws_config::SdkConfig;

/// The live value of a setting that the emulator cannot show.
pub const BY_EMULATOR: &str = "not supported by the emulator";

/// Whether calls go to an emulator instead of AWS.
pub(super) fn is_emulator(sdk: &SdkConfig) -> bool {
    sdk.endpoint_url().is_some()
}
