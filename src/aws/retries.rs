//! The calls that the SDK must not retry, and those that it may retry although they create something.
//!
//! Quotas are not throttling. The SDK treats `LimitExceededException` as throttling and retries (docs/aws.md,
//! Throttling and quotas), although AWS means a quota and would refuse every time.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use serde_json::Value;

use super::clock::Skewed;
use super::refusals::{TOO_MANY_CALLS, TOO_MANY_THINGS};
use crate::engine::Refusal;

/// Forbids the SDK to retry after a refusal with one of these codes. Leaves all other decisions to the SDK.
#[derive(Debug)]
pub(super) struct NotAfter(&'static Refusal);

impl NotAfter {
    /// A quota is used up.
    pub(super) const QUOTA: Self = Self(&TOO_MANY_THINGS);
    /// Throttling with such a long pause that the user must be told, which [`super::settle`] does.
    pub(super) const THROTTLE: Self = Self(&TOO_MANY_CALLS);
}

impl ClassifyRetry for NotAfter {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(answer) = context.response() else { return RetryAction::NoActionIndicated };
        // REST services put the code into a header, others into the body. Both may surround it with other text.
        let header = answer.headers().get("x-amzn-errortype").map(str::to_owned);
        let code = header.or_else(|| {
            let body: Value = serde_json::from_slice(answer.body().bytes()?).ok()?;
            Some(body.get("__type")?.as_str()?.to_owned())
        });
        let code = code.as_deref().map(|code| code.rsplit('#').next().unwrap_or(code));
        match code.map(|code| code.split(':').next().unwrap_or(code)) {
            Some(code) if self.0.has(code, "") => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "not after a refusal of ours"
    }
}

/// Lets the SDK retry a call that was signed at a wrong time: nothing was carried out, and the clock has been
/// corrected. Leaves all other decisions to the SDK.
#[derive(Debug)]
pub(super) struct AfterSkew;

/// Like [`AfterSkew`], but forbids every other retry. For calls that create resources.
#[derive(Debug)]
pub(super) struct OnlyAfterSkew;

fn was_skewed(context: &InterceptorContext) -> bool {
    context.response().is_some_and(|answer| answer.extension::<Skewed>().is_some())
}

impl ClassifyRetry for AfterSkew {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        if was_skewed(context) { RetryAction::server_error() } else { RetryAction::NoActionIndicated }
    }

    fn name(&self) -> &'static str {
        "after a signature of a wrong time"
    }
}

impl ClassifyRetry for OnlyAfterSkew {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        if was_skewed(context) { RetryAction::server_error() } else { RetryAction::RetryForbidden }
    }

    fn name(&self) -> &'static str {
        "only after a signature of a wrong time"
    }
}

/// A client of one of the SDK's crates that does not retry when a quota is used up.
macro_rules! client {
    ($sdk:ident, $config:expr) => {
        $crate::aws::retries::client_with!($sdk, $config, std::convert::identity)
    };
}
pub(super) use client;

/// Like [`client!`], with more settings of the service's own configuration.
macro_rules! client_with {
    ($sdk:ident, $config:expr, $settings:expr) => {{
        let config = $sdk::config::Builder::from($config)
            .retry_classifier($crate::aws::retries::NotAfter::QUOTA)
            .retry_classifier($crate::aws::retries::AfterSkew);
        $sdk::Client::from_conf(($settings)(config).build())
    }};
}
pub(super) use client_with;

/// A client for calls that create. It retries only a call that was signed at a wrong time.
macro_rules! once {
    ($sdk:ident, $config:expr) => {
        $sdk::Client::from_conf(
            $sdk::config::Builder::from($config)
                .retry_config($crate::aws::retries::twice())
                .retry_classifier($crate::aws::retries::OnlyAfterSkew)
                .build(),
        )
    };
}
pub(super) use once;

/// At most two attempts, with a short pause.
pub(super) fn twice() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(50))
}

#[cfg(test)]
mod tests {
    use aws_config::retry::RetryConfig;

    use crate::aws::testing::{asked, replay};

    #[tokio::test(start_paused = true)]
    async fn a_quota_is_final_and_throttling_is_retried() {
        for (body, calls) in [
            (r#"{"__type":"LimitExceededException","message":"Too many."}"#, 1),
            (r#"{"__type":"com.amazonaws.wafv2#LimitExceededException","message":"Too many."}"#, 1),
            (r#"{"__type":"TooManyRequestsException","message":"Too fast."}"#, 3),
            (r#"{"message":"no code at all"}"#, 1),
        ] {
            let (clients, http) = replay(vec![(400, body); 3]);
            let sdk = clients.sdk.into_builder().retry_config(RetryConfig::standard()).build();
            let pools = client!(aws_sdk_cognitoidentityprovider, &sdk);
            pools.list_user_pools().max_results(1).send().await.expect_err("refused");
            assert_eq!(asked(&http).len(), calls, "{body}");
        }
    }
}
