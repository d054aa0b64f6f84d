//! Facts about the services, apart from their kinds. Each service is described in its own module.
//! [`SERVICES`](super::SERVICES) in `mod.rs` is the only list of all services.

use super::refusals::Row;
use super::settle::Wait;
#[cfg(test)]
use super::waits::WaitTests;

/// The description of a service.
#[derive(Debug)]
pub(super) struct AwsService {
    /// Its names in requests, as botocore has them. A module may serve several services of AWS.
    pub(super) names: &'static [&'static str],
    /// The refusals that only its provider distinguishes.
    pub(super) refusals: &'static [Row],
    /// The refusals that end by themselves, by name.
    pub(super) waits: &'static [(&'static str, &'static Wait)],
    /// The tests of these waits.
    #[cfg(test)]
    pub(super) tests: WaitTests,
}
