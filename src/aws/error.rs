//! Turns errors of the SDK into [`Failure`]s, by their codes.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{DispatchFailure, SdkError};
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::error::operation::BuildError;

use super::credentials::Unusable;
use super::http::NotSent;
use super::refusals::{self, CREDENTIALS, DENIED, DENIED_ACTION, EXPIRED, QUOTA, Says, THROTTLED};
use crate::engine::{Cause, Failure, ServiceError};
use crate::reach::Unreached;

/// Turns a result of the SDK into one of the engine.
pub(super) trait OrFail<T> {
    /// `doing` completes "could not ...": `create the topic greetings`.
    fn or_fail(self, doing: &str) -> Result<T, Failure>;
}

impl<T, E> OrFail<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn or_fail(self, doing: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure { call: Some(operation::<E>().into()), ..failure(doing, &error) })
    }
}

/// Separates "no such resource" from other failures.
pub(super) trait OrAbsent<T> {
    /// `None` if AWS said that the resource does not exist.
    fn or_absent(self) -> Result<Option<T>, Failure>;
}

impl<T> OrAbsent<T> for Result<T, Failure> {
    fn or_absent(self) -> Result<Option<T>, Failure> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(failure) if is_absent(&failure) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

/// Whether AWS said that the resource does not exist.
pub(super) fn is_absent(failure: &Failure) -> bool {
    failure.service.as_ref().is_some_and(|answer| refusals::says(Says::Absent, answer))
}

/// Whether AWS refused because of the rate of calls.
pub fn is_throttled(failure: &Failure) -> bool {
    THROTTLED.is(failure)
}

/// AWS's answer lacks the resource that was asked for.
pub(super) fn empty(what: &str) -> Failure {
    Failure::refused(format!("AWS's answer about {what} is empty"))
}

/// Several resources of this stack have the same name, and nothing tells which one is in use.
pub(super) fn several(what: &str, name: &str, ids: &[&str]) -> Failure {
    Failure::refused(format!("this stack has {} {what} called {name}: {}", ids.len(), ids.join(", ")))
        .hint("find out which one is in use, delete the others by their ids, and run the same command again")
}

/// The result of a builder of the SDK, which fails only if this program forgot a field.
pub(super) fn built<T>(result: Result<T, BuildError>) -> Result<T, Failure> {
    result.map_err(|error| Failure::refused(format!("could not build the request: {error}")))
}

/// The failure of a call that carried a secret. A refusal that the program does not know may quote what was sent, so its
/// message is not shown.
pub(super) fn without_quotes(failure: Failure) -> Failure {
    match &failure.service {
        Some(answer) if !refusals::is_known(answer) => {
            failure.withhold("AWS's message is not shown, because it may quote a secret")
        }
        _ => failure,
    }
}

fn failure<E>(doing: &str, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let SdkError::ServiceError(answer) = error else { return unanswered(doing, error) };
    let code = answer.err().code().unwrap_or("Unknown");
    let words = answer.err().message().unwrap_or("no reason given").trim();
    let status = answer.raw().status().as_u16();
    let headers = answer.raw().headers();
    let request_id = ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"]
        .iter()
        .find_map(|name| headers.get(*name))
        .or_else(|| answer.err().meta().extra("aws_request_id"));
    let retry_after = headers.get("retry-after").and_then(|seconds| seconds.parse().ok());
    let answer = ServiceError::new(code, words).on(operation::<E>()).details(status, request_id, retry_after);
    let mut failure = Failure::new(cause(&answer, status), format!("could not {doing}")).answered(answer);
    failure.hint = hint(&failure);
    failure
}

/// The operation that has this type of error, as `sns CreateTopic`; empty if the type's name does not contain it.
fn operation<E>() -> String {
    // The SDK's crate of SNS, then `operation::create_topic::CreateTopicError`.
    let parts: Vec<&str> = std::any::type_name::<E>().split("::").collect();
    let [sdk, "operation", _, error] = parts.as_slice() else { return String::new() };
    let service = match sdk.rsplit('_').next().unwrap_or(sdk) {
        "cloudwatchlogs" => "logs",
        "cognitoidentity" => "cognito-identity",
        "cognitoidentityprovider" => "cognito-idp",
        service => service,
    };
    // The SDK writes acronyms as words.
    let operation = error.strip_suffix("Error").unwrap_or(error).replace("Acl", "ACL").replace("IpSet", "IPSet");
    format!("{service} {operation}")
}

fn cause(answer: &ServiceError, status: u16) -> Cause {
    if CREDENTIALS.matches(answer) {
        Cause::Fatal
    } else if THROTTLED.matches(answer) {
        Cause::Refused
    } else if refusals::says(Says::Exists, answer) {
        Cause::Exists
    } else if status >= 500 {
        Cause::Unknown
    } else {
        Cause::Refused
    }
}

fn hint(failure: &Failure) -> Option<String> {
    if EXPIRED.is(failure) {
        Some("sign in again (for example `aws sso login`), then run the same command to continue".into())
    } else if CREDENTIALS.is(failure) {
        // Signatures use AWS's time, so a wrong clock is hardly the cause.
        Some("check the access key and the secret key".into())
    } else if DENIED.is(failure) {
        let what = denied_action(failure).unwrap_or_else(|| "that permission".to_owned());
        Some(format!("these credentials lack {what}; `securelambda policy` prints the required permissions"))
    } else if QUOTA.is(failure) {
        Some("this is a quota of the account: delete unused resources, or request an increase in Service Quotas".into())
    } else if failure.cause == Cause::Unknown {
        Some("run the same command again to continue".into())
    } else {
        None
    }
}

/// The action that AWS's message says is not allowed, as `sns:CreateTopic`. Services differ in upper and lower case.
fn denied_action(failure: &Failure) -> Option<String> {
    let rest = failure.service.as_ref()?.after(&DENIED_ACTION)?;
    let (service, name) = rest.split_whitespace().next()?.split_once(':')?;
    let name = name.trim_end_matches(['.', ',']);
    let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    (is_word(service) && is_word(name)).then(|| format!("{}:{name}", service.to_lowercase()))
}

/// The failure of a call without an answer: it was not sent, or it is not known whether it was carried out.
fn unanswered<E>(doing: &str, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: std::error::Error + Send + Sync + 'static,
{
    let words = DisplayErrorContext(error).to_string();
    // The text ends with a debug rendering in parentheses; the chain of errors before it is readable.
    let words = words.split(" (").next().unwrap_or(&words).to_owned();
    match error {
        SdkError::ConstructionFailure(_) => Failure::new(Cause::Refused, format!("could not {doing}: {words}")),
        SdkError::DispatchFailure(dispatch) if not_sent(dispatch) => Failure::new(
            Cause::Stopped,
            format!("could not {doing}: stopped while waiting for AWS's published rate of calls"),
        ),
        SdkError::DispatchFailure(dispatch) if let Some(unreached) = unreached(dispatch) => {
            unanswered_by(doing, unreached)
        }
        SdkError::DispatchFailure(dispatch) => match about_credentials(dispatch) {
            Some((why, hint)) => {
                Failure::new(Cause::Fatal, format!("could not {doing}: no usable AWS credentials: {why}")).hint(hint)
            }
            None => no_answer(doing, &words),
        },
        _ => no_answer(doing, &words),
    }
}

/// The host that did not answer, also if the SDK asked it for credentials.
fn unreached(dispatch: &DispatchFailure) -> Option<&Unreached> {
    host_in(causes(dispatch))
}

/// The host that did not answer, found in a chain of errors. A missing metadata service only says that this machine is
/// not on AWS, and nothing about the network.
pub(super) fn host_in<'a>(
    mut chain: impl Iterator<Item = &'a (dyn std::error::Error + 'static)>,
) -> Option<&'a Unreached> {
    let found = chain.find(|error| error.is::<Unreached>() || error.to_string().contains("IMDS"));
    found.and_then(|error| error.downcast_ref())
}

fn unanswered_by(doing: &str, unreached: &Unreached) -> Failure {
    // A request that the proxy rejected was not carried out.
    let cause = if unreached.why.lasts() { Cause::Refused } else { Cause::Unknown };
    let hint = format!("{}; then run the command again", unreached.hint());
    Failure::new(cause, format!("could not {doing}: {unreached}")).hint(hint)
}

fn no_answer(doing: &str, words: &str) -> Failure {
    Failure::new(Cause::Unknown, format!("could not {doing}: no answer: {words}"))
        .hint("check the network and the endpoint, then run the same command again to continue")
}

/// Why nothing was sent: the chain of errors, from the outermost to the root.
fn causes(dispatch: &DispatchFailure) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let error = dispatch.as_connector_error().map(|error| error as &(dyn std::error::Error + 'static));
    std::iter::successors(error, |error| error.source())
}

/// Whether the call was still waiting for AWS's published rate when the run was asked to stop.
fn not_sent(dispatch: &DispatchFailure) -> bool {
    causes(dispatch).any(<dyn std::error::Error>::is::<NotSent>)
}

/// The reason and a hint, if nothing was sent because of the credentials.
fn about_credentials(dispatch: &DispatchFailure) -> Option<(String, String)> {
    let chain: Vec<_> = causes(dispatch)
        .skip_while(|error| !error.is::<aws_credential_types::provider::error::CredentialsError>())
        .collect();
    let (_, chain) = chain.split_first()?;
    if let Some(Unusable { why, hint }) = chain.iter().find_map(|error| error.downcast_ref()) {
        return Some((why.clone(), hint.clone()));
    }
    let why: Vec<String> = chain.iter().map(ToString::to_string).collect();
    // The SDK asks for the machine's role last. An error about a missing role does not explain anything to the user.
    let nowhere = why.is_empty() || why.iter().any(|words| words.contains("IMDS"));
    let why =
        if nowhere { "none in the environment, the profile or the machine's role".into() } else { why.join(": ") };
    let hint = "set AWS_PROFILE or --profile, or sign in (for example `aws sso login`); --local needs none";
    Some((why, hint.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::replay;

    #[tokio::test]
    async fn a_failure_names_the_call_that_failed() {
        let denied = r#"{"__type":"AccessDeniedException","message":"no"}"#;
        let (clients, _) = replay(vec![(400, denied); 3]);
        let pools = aws_sdk_cognitoidentityprovider::Client::new(&clients.once);
        let waf = aws_sdk_wafv2::Client::new(&clients.once);
        let pools = pools.list_users().user_pool_id("p").send().await.or_fail("count").expect_err("refused");
        let sets = waf.list_ip_sets().send().await.or_fail("list").expect_err("refused");
        let acl = waf.get_web_acl_for_resource().resource_arn("a").send().await.or_fail("read").expect_err("refused");
        let calls = [pools.call, sets.call, acl.call].map(|call| call.unwrap_or_default().into_string());
        assert_eq!(calls, ["cognito-idp ListUsers", "wafv2 ListIPSets", "wafv2 GetWebACLForResource"]);
    }

    #[test]
    fn a_denial_names_the_action_and_where_to_find_what_is_needed() {
        let message = "User: arn:aws:iam::123456789012:user/dev is not authorized to perform: ";
        for (words, action) in [
            (
                "SNS:CreateTopic on resource: arn:x because no policy allows the SNS:CreateTopic action",
                "lack sns:CreateTopic;",
            ),
            ("cognito-idp:CreateUserPool", "lack cognito-idp:CreateUserPool;"),
            ("apigateway:POST on resource: arn:aws:apigateway:eu-central-1::/restapis", "lack apigateway:POST;"),
            ("something else", "lack that permission;"),
        ] {
            for code in DENIED.codes {
                let answer = ServiceError::new(*code, format!("{message}{words}"));
                let hint = hint(&Failure::refused("could not create it").answered(answer)).unwrap_or_default();
                assert!(hint.contains(action) && hint.contains("`securelambda policy`"), "{hint}");
            }
        }
    }

    #[test]
    fn an_error_knows_its_operation() {
        use aws_sdk_cognitoidentityprovider::operation::admin_create_user::AdminCreateUserError;
        use aws_sdk_wafv2::operation::create_ip_set::CreateIPSetError;
        assert_eq!(operation::<AdminCreateUserError>(), "cognito-idp AdminCreateUser");
        assert_eq!(operation::<CreateIPSetError>(), "wafv2 CreateIPSet");
        assert_eq!(operation::<std::io::Error>(), "");
    }

    /// Our own text contains names of resources, so no decision may depend on it.
    #[test]
    fn a_resource_named_like_a_refusal_changes_nothing() {
        let failed = |name: &str| {
            let answer = ServiceError::new("ConflictException", "No.");
            Failure::refused(format!("could not create the route /{name}")).answered(answer)
        };
        for (refusal, all) in refusals::all() {
            for words in all.words {
                assert!(!all.is(&failed(words)), "{refusal}: {words}");
            }
        }
        let named = failed("concurrent-jobs");
        assert!(!crate::aws::apigateway::refusals::API_BUSY.heals(&named) && !is_absent(&named));
    }
}
