//! Connects: checks credentials, account and region, and returns the SDK's configuration.

use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
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

/// How to reach AWS, or an endpoint with the same protocols.
#[derive(Debug, Clone)]
pub struct Access {
    /// The profile in AWS's configuration files.
    pub profile: Option<String>,
    /// The region. `None`: the environment or the profile names it.
    pub region: Option<String>,
    /// An endpoint that is not AWS's.
    pub endpoint: Option<String>,
    /// An access key and its secret, instead of those of the environment: the local emulator's.
    pub fixed: Option<(String, String)>,
    /// By how much waits are shortened.
    pub time_scale: TimeScale,
    /// Whether calls keep to AWS's published rates. The local emulator has none.
    pub paced: bool,
    /// The proxies of the environment.
    pub proxies: Proxies,
    /// Where the credentials come from.
    pub origin: Origin,
    /// Tells the user what the program is waiting for.
    pub note: Note,
}

/// The configuration for every service, and the caller's identity. Checks that a stack with these needs can be built in
/// the region.
///
/// # Errors
/// [`Cause::Fatal`] for credentials and regions that cannot be used.
pub async fn connect(access: &Access, needs: &Needs) -> Result<(SdkConfig, CallerIdentity), Failure> {
    let clock = Clock::default();
    let sdk = load(access, clock.clone()).await;
    region::check(&sdk, access, needs).await?;
    match region::caller(&sdk).await {
        Ok(caller) => Ok((sdk, caller)),
        // The credentials provider signs its own calls. The SDK has corrected the provider's clock by now, and this
        // program would correct that clock a second time. So the configuration is loaded again.
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
        // The largest upload has 50 MB. Even its answer arrives within this time.
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
        // The effective limit is set in `credentials`, so this one is longer.
        .identity_cache(IdentityCache::lazy().load_timeout(AT_MOST * 2).build())
        .retry_config(retries)
        // This protection would abort a call that waits in `http` because of AWS's published rates.
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
    let inner = match (&access.profile, &access.fixed) {
        (Some(profile), None) => Some(SharedCredentialsProvider::new(of_profile(profile, &sdk))),
        _ => sdk.credentials_provider(),
    };
    let Some(inner) = inner else { return sdk };
    let (origin, note, time_scale) = (access.origin.clone(), access.note.clone(), access.time_scale);
    let watched = SharedCredentialsProvider::new(Watched { inner, origin, note, time_scale });
    sdk.into_builder().credentials_provider(watched).build()
}

/// The credentials of a profile that was named on the command line, or else those of the machine. The SDK's own chain
/// begins with the environment, so access keys in the environment would be used instead of the named profile.
fn of_profile(profile: &str, sdk: &SdkConfig) -> CredentialsProviderChain {
    let mut with = ProviderConfig::default()
        .with_region(sdk.region().cloned())
        .with_use_fips(sdk.use_fips())
        .with_use_dual_stack(sdk.use_dual_stack());
    if let Some(client) = sdk.http_client() {
        with = with.with_http_client(client);
    }
    if let Some(time) = sdk.time_source() {
        with = with.with_time_source(time);
    }
    let of_file = ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&with).build();
    let of_container = EcsCredentialsProvider::builder().configure(&with).build();
    let of_machine = ImdsCredentialsProvider::builder().profile(profile).configure(&with).build();
    CredentialsProviderChain::first_try("Profile", of_file)
        .or_else("EcsContainer", of_container)
        .or_else("Ec2InstanceMetadata", of_machine)
}

/// The endpoint that AWS's own tools would take from the environment or a profile. `None`: AWS's own endpoint.
pub async fn configured_endpoint(profile: Option<&str>) -> Option<String> {
    // This reads only files: with a region and without credentials the SDK makes no calls.
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http::client(Some("http://"), &Proxies::default(), None, Clock::default()))
        .region(Region::from_static("us-east-1"))
        .no_credentials();
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    without_empty(loader.load().await).endpoint_url().map(str::to_owned)
}

/// The same configuration without empty settings, because the SDK does not treat an empty endpoint as missing.
fn without_empty(sdk: SdkConfig) -> SdkConfig {
    let endpoint = sdk.endpoint_url().filter(|url| !url.is_empty()).map(str::to_owned);
    let mut builder = sdk.clone().into_builder();
    builder.set_endpoint_url(endpoint);
    builder.service_config(NotEmpty(sdk)).build()
}

/// A configuration's settings of single services, without empty ones.
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

    /// All settings are there and empty.
    #[derive(Debug)]
    struct Empty;

    impl LoadServiceConfig for Empty {
        fn load_config(&self, _: ServiceConfigKey<'_>) -> Option<String> {
            Some(String::new())
        }
    }

    #[tokio::test]
    async fn an_empty_endpoint_counts_as_missing() {
        let (clients, http) = testing::replay(vec![(500, "")]);
        let sdk = clients.once.into_builder().endpoint_url("").service_config(Empty).build();
        // Only the address of the request matters here.
        let _ = caller(&without_empty(sdk)).await;
        let asked: Vec<_> = http.actual_requests().map(|request| request.uri().to_owned()).collect();
        assert_eq!(asked, ["https://sts.eu-central-1.amazonaws.com/"]);
    }
}
