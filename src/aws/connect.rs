//! From "whom to talk to" to a configuration whose credentials, account and region are known to be good.

use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use super::clock::Clock;
use super::credentials::{AT_MOST, Note, Watched};
use super::profiles::Origin;
use super::sts::CallerIdentity;
use super::{http, region};
use crate::engine::{Failure, TimeScale};
use crate::proxies::Proxies;
use crate::regions::Needs;

/// How to reach AWS, or something that speaks like it.
#[derive(Debug, Clone)]
pub struct Access {
    /// The profile in AWS's configuration files.
    pub profile: Option<String>,
    /// The region, where it is not left to the environment and the profile.
    pub region: Option<String>,
    /// Another endpoint than AWS's own.
    pub endpoint: Option<String>,
    /// An access key and its secret, instead of the environment's: the local emulator's well-known ones.
    pub fixed: Option<(String, String)>,
    /// How long waiting lasts.
    pub time_scale: TimeScale,
    /// Calls are held to AWS's published rates. The emulator on this machine has none.
    pub paced: bool,
    /// What calls go through.
    pub proxies: Proxies,
    /// Where the credentials come from.
    pub origin: Origin,
    /// Tells the user what takes long.
    pub note: Note,
}

/// A configuration for every service, and who we are there; in a region where a stack with these needs can be built.
///
/// # Errors
/// [`Cause::Fatal`] for credentials and regions that cannot be used.
pub async fn connect(access: &Access, needs: &Needs) -> Result<(SdkConfig, CallerIdentity), Failure> {
    let clock = Clock::default();
    let sdk = load(access, clock.clone()).await;
    region::check(&sdk, access, needs).await?;
    match region::caller(&sdk).await {
        Ok(caller) => Ok((sdk, caller)),
        // What fetches credentials signs calls of its own, with a clock that has been corrected since. The SDK's part in
        // it has a correction of its own by now, and would correct twice: so it begins anew.
        Err(_) if clock.ahead() != 0 => {
            let sdk = load(access, clock).await;
            let caller = region::caller(&sdk).await?;
            Ok((sdk, caller))
        }
        Err(failure) => Err(failure),
    }
}

async fn load(access: &Access, clock: Clock) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        // The longest upload is 50 MB; an answer that takes longer than this does not come.
        .read_timeout(Duration::from_mins(1))
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(5)
        .with_initial_backoff(access.time_scale.of(Duration::from_secs(1)))
        .with_max_backoff(access.time_scale.of(Duration::from_secs(20)));
    let pace = access.paced.then_some(access.time_scale);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http::client(access.endpoint.as_deref(), &access.proxies, pace, clock.clone()))
        .time_source(clock)
        .disable_clock_skew_correction(true)
        // The limit is that of `credentials`.
        .identity_cache(IdentityCache::lazy().load_timeout(AT_MOST * 2).build())
        .retry_config(retries)
        // It takes a call that waits for its turn in `http` for one that hangs.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts);
    if let Some(profile) = &access.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &access.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(endpoint) = &access.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some((key, secret)) = &access.fixed {
        loader = loader.credentials_provider(Credentials::new(key, secret, None, None, "local emulator"));
    }
    let sdk = without_empty(loader.load().await);
    let Some(inner) = sdk.credentials_provider() else { return sdk };
    let (origin, note, time_scale) = (access.origin.clone(), access.note.clone(), access.time_scale);
    let watched = SharedCredentialsProvider::new(Watched { inner, origin, note, time_scale });
    sdk.into_builder().credentials_provider(watched).build()
}

/// The endpoint that AWS's own tools would take from the environment or a profile; `None`: AWS's.
pub async fn configured_endpoint(profile: Option<&str>) -> Option<String> {
    // Files alone are read: with a region and without credentials there is nothing to ask anybody for.
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http::client(Some("http://"), &Proxies::default(), None, Clock::default()))
        .region(Region::from_static("us-east-1"))
        .no_credentials();
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    without_empty(loader.load().await).endpoint_url().map(str::to_owned)
}

/// The same, where settings that are there and empty are not there: the SDK takes an empty endpoint for one.
fn without_empty(sdk: SdkConfig) -> SdkConfig {
    let endpoint = sdk.endpoint_url().filter(|url| !url.is_empty()).map(str::to_owned);
    let mut builder = sdk.clone().into_builder();
    builder.set_endpoint_url(endpoint);
    builder.service_config(NotEmpty(sdk)).build()
}

/// A configuration's settings of single services, but for those that are empty.
#[derive(Debug)]
struct NotEmpty(SdkConfig);

impl LoadServiceConfig for NotEmpty {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        self.0.service_config()?.load_config(key).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::sts::caller;
    use crate::aws::testing;

    /// Everything is set, to nothing.
    #[derive(Debug)]
    struct Empty;

    impl LoadServiceConfig for Empty {
        fn load_config(&self, _: ServiceConfigKey<'_>) -> Option<String> {
            Some(String::new())
        }
    }

    #[tokio::test]
    async fn an_endpoint_that_is_set_to_nothing_is_not_set() {
        let (clients, http) = testing::replay(vec![(500, "")]);
        let sdk = clients.once.into_builder().endpoint_url("").service_config(Empty).build();
        // The answer is of no matter: where it was looked for is.
        let _ = caller(&without_empty(sdk)).await;
        let asked: Vec<_> = http.actual_requests().map(|request| request.uri().to_owned()).collect();
        assert_eq!(asked, ["https://sts.eu-central-1.amazonaws.com/"]);
    }
}
