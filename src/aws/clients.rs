//! The configuration of the AWS clients.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;

use super::kms::RemovalOf;
use super::secretsmanager::DeletionMode;
use crate::scope::Scope;

/// The configuration that every service's clients are made from.
#[derive(Debug, Clone)]
pub struct Clients {
    /// With the SDK's retries.
    pub sdk: SdkConfig,
    /// Without retries, for calls that create: if an answer is lost, the engine looks for the resource before it tries
    /// again. The macro `retries::once!` makes a client of it.
    pub once: SdkConfig,
    pub scope: Scope,
    pub(super) deletion: DeletionMode,
    /// Whether a KMS key is removed alone or together with the whole stack.
    pub(super) removal: RemovalOf,
}

impl Clients {
    pub fn new(sdk: SdkConfig, scope: Scope) -> Self {
        let once = sdk.clone().into_builder().retry_config(RetryConfig::disabled()).build();
        Self { sdk, once, scope, deletion: DeletionMode::default(), removal: RemovalOf::Part }
    }

    /// AWS's time, by the dates of its answers so far.
    pub fn now(&self) -> SystemTime {
        self.sdk.time_source().map_or_else(SystemTime::now, |clock| clock.now())
    }

    /// AWS's time in milliseconds since 1970, by the dates of its answers so far.
    pub fn now_ms(&self) -> i64 {
        let since = self.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// By how many seconds AWS's clock is ahead of this machine's; 0 unless it is off by minutes.
    pub fn ahead(&self) -> i64 {
        let (theirs, ours) = (self.now(), SystemTime::now());
        let seconds = |time: Duration| i64::try_from(time.as_millis().div_ceil(1000)).unwrap_or(i64::MAX);
        let ahead = match theirs.duration_since(ours) {
            Ok(ahead) => seconds(ahead),
            Err(behind) => -seconds(behind.duration()),
        };
        if ahead.abs() < 2 { 0 } else { ahead }
    }
}

/// A configuration without credentials and region, for SDK functions that make no call.
pub fn offline() -> SdkConfig {
    SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest()).build()
}
