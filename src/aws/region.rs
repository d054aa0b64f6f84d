//! Checks of the region: before the first call, whether the stack can be built there; after it, whether the account has
//! enabled it.

use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials as _;

use super::connect::Access;
use super::sts::refusals::UNKNOWN_KEY;
use super::sts::{self, CallerIdentity};
use crate::engine::{Cause, Failure};
use crate::partition::{Partition, host};
use crate::proxies::Proxies;
use crate::regions::{self, Needs, Service};

/// Refuses a region that does not exist, or in which the stack cannot be built as far as that is known. Makes no calls.
/// An endpoint that is not AWS's has every region and every service.
pub(super) async fn check(sdk: &SdkConfig, access: &Access, needs: &Needs) -> Result<(), Failure> {
    let elsewhere = access.endpoint.is_some();
    let Some(region) = sdk.region().map(Region::as_ref) else {
        return Err(Failure::new(Cause::Fatal, "no AWS region is set")
            .hint("pass --region, or set AWS_REGION or a region in the profile; for the emulator on this machine, pass --local"));
    };
    if !elsewhere {
        regions::check(region, needs).map_err(|unfit| Failure::new(Cause::Fatal, unfit.message).hint(unfit.hint))?;
    }
    let known = regions::known();
    if known.contains(&region)
        || (regions::is_well_formed(region) && (elsewhere || exists(region, &access.proxies).await))
    {
        return Ok(());
    }
    let failure = Failure::new(Cause::Fatal, format!("there is no AWS region called {region:?}"));
    Err(match crate::spelling::nearest(region, &known) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None => failure.hint("regions look like eu-central-1 or us-east-1"),
    })
}

/// Whether a region that this program does not know exists: every region has a host for STS. Behind a proxy this
/// machine may be unable to look up names. Then the result is `true`, and the first call shows whether it is right.
async fn exists(region: &str, proxies: &Proxies) -> bool {
    let host = host("sts", region);
    let by_proxy = proxies.of(&format!("https://{host}")).is_ok_and(|proxy| proxy.is_some());
    by_proxy || tokio::net::lookup_host((host, 443)).await.is_ok()
}

/// Whether the region has a service, as far as that is known. An endpoint that is not AWS's has every service.
pub(super) fn has(sdk: &SdkConfig, service: Service) -> bool {
    let lacks = sdk.region().is_some_and(|region| regions::lacks(region.as_ref(), service));
    sdk.endpoint_url().is_some() || !lacks
}

/// The caller's identity. The errors for a region that the account has not enabled and for invalid credentials differ
/// (docs/aws.md, Regions that an account has to enable).
pub(super) async fn caller(sdk: &SdkConfig) -> Result<CallerIdentity, Failure> {
    let region = sdk.region().map(ToString::to_string).unwrap_or_default();
    let refused = match sts::caller(sdk).await {
        Err(failure) if UNKNOWN_KEY.is(&failure) => failure,
        answer => return answer,
    };
    let partition = Partition::of(&region);
    if partition.name != "aws" {
        let title = partition.title;
        return Err(refused.hint(format!(
            "check the keys: {title} has accounts of its own, and keys of other accounts are not valid in {region}"
        )));
    }
    if !regions::is_opt_in(&region) {
        return Err(refused);
    }
    // Every account of the partition has this region enabled.
    let enabled = sdk.clone().into_builder().region(Region::from_static(partition.main_region)).build();
    match sts::caller(&enabled).await {
        Ok(caller) => Err(not_enabled(&region, &caller, is_temporary(sdk).await, refused)),
        Err(_) => Err(refused),
    }
}

/// The credentials are valid, and only this region refuses them.
fn not_enabled(region: &str, caller: &CallerIdentity, temporary: bool, refused: Failure) -> Failure {
    let account = &caller.account;
    let mut hint = format!(
        "enable it (`aws account enable-region --region-name {region}`, which takes minutes to hours), or use another region"
    );
    if temporary {
        hint.push_str(
            "; if it is enabled already, the session token is from STS's global endpoint, whose tokens are valid only \
             in regions that are enabled by default: get one from a regional endpoint (AWS_STS_REGIONAL_ENDPOINTS=regional)",
        );
    }
    let context =
        format!("the region {region} is not enabled for account {account}, and refuses keys that are valid elsewhere");
    Failure { context, hint: Some(hint), ..refused }
}

/// Whether the credentials belong to a session.
async fn is_temporary(sdk: &SdkConfig) -> bool {
    let Some(provider) = sdk.credentials_provider() else { return false };
    provider.provide_credentials().await.is_ok_and(|credentials| credentials.session_token().is_some())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::replay;
    use crate::aws::{cognito, lambda};

    const ME: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
        <Arn>arn:aws:iam::123456789012:user/ada</Arn><UserId>AIDA</UserId><Account>123456789012</Account>\
        </GetCallerIdentityResult></GetCallerIdentityResponse>";

    fn refusal(code: &str) -> String {
        format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code>\
             <Message>The security token included in the request is invalid.</Message></Error></ErrorResponse>"
        )
    }

    /// Asks for the identity in a region, with these answers. Returns the result and the hosts that were asked.
    async fn ask(region: &'static str, answers: Vec<(u16, &str)>) -> (Result<CallerIdentity, Failure>, Vec<String>) {
        let (clients, http) = replay(answers);
        let sdk = clients.once.into_builder().region(Region::from_static(region)).build();
        let answer = caller(&sdk).await;
        (answer, http.actual_requests().map(|request| request.uri().to_owned()).collect())
    }

    #[tokio::test]
    async fn credentials_valid_elsewhere_mean_the_region_is_not_enabled() {
        let refused = refusal("InvalidClientTokenId");
        let (answer, asked) = ask("ap-east-1", vec![(403, &refused), (200, ME)]).await;
        let failure = answer.unwrap_err();
        assert!(
            failure.to_string().starts_with("the region ap-east-1 is not enabled for account 123456789012"),
            "{failure}"
        );
        assert_eq!(failure.cause, Cause::Fatal);
        assert!(failure.hint.unwrap().contains("--region-name ap-east-1"));
        assert_eq!(asked, ["https://sts.ap-east-1.amazonaws.com/", "https://sts.us-east-1.amazonaws.com/"]);
    }

    #[tokio::test]
    async fn credentials_valid_nowhere_are_invalid() {
        let refused = refusal("InvalidClientTokenId");
        let (answer, asked) = ask("ap-east-1", vec![(403, &refused), (403, &refused)]).await;
        let failure = answer.unwrap_err();
        assert!(
            failure.to_string().contains("security token") && !failure.to_string().contains("enabled"),
            "{failure}"
        );
        assert_eq!(asked.len(), 2);
    }

    #[tokio::test]
    async fn regions_enabled_by_default_need_no_second_call() {
        let refused = refusal("InvalidClientTokenId");
        for region in ["eu-central-1", "us-gov-east-1", "cn-north-1"] {
            let (answer, asked) = ask(region, vec![(403, &refused)]).await;
            let failure = answer.unwrap_err();
            assert!(failure.to_string().contains("security token") && asked.len() == 1, "{failure} {asked:?}");
            let apart = failure.hint.unwrap().contains("has accounts of its own");
            assert_eq!(apart, region != "eu-central-1", "{region}");
        }
        let expired = refusal("ExpiredToken");
        let (answer, asked) = ask("ap-east-1", vec![(403, &expired)]).await;
        let code = answer.unwrap_err().code().map(|code| code.to_string());
        assert_eq!((code.as_deref(), asked.len()), (Some("ExpiredToken"), 1));
        let (answer, asked) = ask("ap-east-1", vec![(200, ME)]).await;
        assert_eq!((answer.unwrap().account.as_str(), asked.len()), ("123456789012", 1));
    }

    fn in_region(region: &'static str) -> SdkConfig {
        crate::aws::testing::replay(vec![]).0.sdk.into_builder().region(Region::from_static(region)).build()
    }

    const EMULATOR: Option<&str> = Some("http://127.0.0.1:4577");

    fn at(endpoint: Option<&str>) -> Access {
        Access {
            profile: None,
            region: None,
            endpoint: endpoint.map(str::to_owned),
            fixed: None,
            time_scale: crate::engine::TimeScale::REAL,
            paced: false,
            proxies: Proxies::new(|_| None),
            origin: crate::aws::profiles::Origin::Environment,
            note: crate::aws::credentials::Note::new(|_| {}),
        }
    }

    #[tokio::test]
    async fn a_region_that_lacks_a_service_is_refused_except_with_an_emulator() {
        let tutorial = Needs { services: [lambda::SERVICE, cognito::COGNITO_IDP].into(), ..Needs::default() };
        let failure = check(&in_region("cn-north-1"), &at(None), &tutorial).await.unwrap_err();
        assert!(failure.context.contains("cn-north-1 does not have Cognito user pools (cognito-idp)"), "{failure}");
        for region in ["cn-north-1", "eusc-de-east-1", "eu-central-9"] {
            assert_eq!(check(&in_region(region), &at(EMULATOR), &tutorial).await, Ok(()), "{region}");
        }
        let failure = check(&in_region("eu-cental-1"), &at(EMULATOR), &tutorial).await.unwrap_err();
        assert_eq!(failure.hint.as_deref(), Some("did you mean eu-central-1?"));
    }

    #[test]
    fn a_service_that_the_region_lacks_is_called_only_on_an_emulator() {
        let china = in_region("cn-northwest-1");
        assert!(
            !has(&china, cognito::COGNITO_IDP)
                && !has(&china, cognito::COGNITO_IDENTITY)
                && has(&china, lambda::SERVICE)
        );
        let emulated = china.into_builder().endpoint_url("http://127.0.0.1:9").build();
        assert!(has(&emulated, cognito::COGNITO_IDP) && has(&in_region("eu-central-1"), cognito::COGNITO_IDP));
    }
}
