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
use super::http;
use super::profiles::Origin;
use super::sts::{Caller, caller};
use crate::engine::{Cause, Failure, Tempo};
use crate::proxies::Proxies;
use crate::scope::{dns_suffix, partition_of};

/// Regions that AWS has today, for telling a mistyped one at once. One that is newer passes if AWS knows its host.
const REGIONS: [&str; 38] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

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
    pub tempo: Tempo,
    /// Calls are held to AWS's published rates. The emulator on this machine has none.
    pub paced: bool,
    /// What calls go through.
    pub proxies: Proxies,
    /// Where the credentials come from.
    pub origin: Origin,
    /// Tells the user what takes long.
    pub note: Note,
}

/// A configuration for every service, and who we are there.
///
/// # Errors
/// [`Cause::Fatal`] for credentials and regions that cannot be used.
pub async fn connect(access: &Access) -> Result<(SdkConfig, Caller), Failure> {
    let clock = Clock::default();
    let sdk = load(access, clock.clone()).await;
    check_region(&sdk, access).await?;
    match caller(&sdk).await {
        Ok(caller) => Ok((sdk, caller)),
        // What fetches credentials signs calls of its own, with a clock that has been corrected since. The SDK's part in
        // it has a correction of its own by now, and would correct twice: so it begins anew.
        Err(_) if clock.ahead() != 0 => {
            let sdk = load(access, clock).await;
            let caller = caller(&sdk).await?;
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
        .with_initial_backoff(access.tempo.of(Duration::from_secs(1)))
        .with_max_backoff(access.tempo.of(Duration::from_secs(20)));
    let pace = access.paced.then_some(access.tempo);
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
    let (origin, note, tempo) = (access.origin.clone(), access.note.clone(), access.tempo);
    let watched = SharedCredentialsProvider::new(Watched { inner, origin, note, tempo });
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

async fn check_region(sdk: &SdkConfig, access: &Access) -> Result<(), Failure> {
    let Some(region) = sdk.region().map(|region| region.as_ref().to_owned()) else {
        return Err(Failure::new(Cause::Fatal, "no AWS region is set")
            .hint("give --region, or set AWS_REGION, or a region in the profile"));
    };
    if REGIONS.contains(&region.as_str()) {
        return Ok(());
    }
    if access.endpoint.is_none() && well_formed(&region) {
        let host = host(&region);
        // Behind a proxy, names of hosts are often known to the proxy alone.
        let proxied = access.proxies.of(&format!("https://{host}")).is_ok_and(|proxy| proxy.is_some());
        if proxied || tokio::net::lookup_host((host, 443)).await.is_ok() {
            return Ok(());
        }
    }
    let failure = Failure::new(Cause::Fatal, format!("there is no AWS region called {region:?}"));
    Err(match crate::error::nearest(&region, &REGIONS) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None => failure.hint("regions look like eu-central-1 or us-east-1"),
    })
}

/// A host that every region has.
fn host(region: &str) -> String {
    format!("sts.{region}.{}", dns_suffix(partition_of(region)))
}

fn well_formed(region: &str) -> bool {
    let parts: Vec<&str> = region.split('-').collect();
    parts.len() >= 3
        && region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && parts.last().is_some_and(|number| number.parse::<u8>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
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

    #[test]
    fn a_new_region_is_looked_for_where_its_hosts_would_be() {
        for (region, expected) in [
            ("eu-central-9", "sts.eu-central-9.amazonaws.com"),
            ("cn-south-1", "sts.cn-south-1.amazonaws.com.cn"),
            ("us-gov-north-1", "sts.us-gov-north-1.amazonaws.com"),
        ] {
            assert!(well_formed(region));
            assert_eq!(host(region), expected);
        }
        assert!(!well_formed("eu-central") && !well_formed("eu.central-1") && !well_formed("a-b-c"));
    }
}
