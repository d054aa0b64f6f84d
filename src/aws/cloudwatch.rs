//! CloudWatch: alarms on metrics of the stack.
//!
//! `PutMetricAlarm` creates an alarm, or replaces all settings of an existing alarm, even if it is not ours. So the
//! program reads first. The call gives tags only to a new alarm. The name is unique in account and region, and the ARN
//! follows from it.

mod alarm;
mod inventory;
pub mod refusals;
mod tagging;

pub use self::alarm::{Alarm, AlarmKey, AlarmLive, AlarmOutputs, Metric, Statistic};
use super::Clients;
use super::retries::client;
use super::service::AwsService;
use crate::regions::Service;
use crate::scope::Scope;

pub const SERVICE: Service = Service::new("cloudwatch", "CloudWatch");

pub(super) const ABOUT: AwsService = AwsService {
    names: &[SERVICE.name],
    refusals: refusals::REFUSALS,
    waits: refusals::WAITS,
    #[cfg(test)]
    tests: refusals::tests::WAITS,
};

const ALARMS: &[&str] = &["{arn:cloudwatch}:alarm:{stack}-*"];

/// Manages alarms.
#[derive(Debug, Clone)]
pub struct CloudWatch {
    /// With the SDK's retries, because every call may be repeated.
    client: aws_sdk_cloudwatch::Client,
    scope: Scope,
}

impl CloudWatch {
    pub fn new(clients: &Clients) -> Self {
        Self { client: client!(aws_sdk_cloudwatch, &clients.sdk), scope: clients.scope.clone() }
    }
}
