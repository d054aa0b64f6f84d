//! Questions about the account as a whole: the use of its quotas, and the permissions of the caller.
//!
//! Only IAM and Lambda report their quotas; for the other services AWS's default quotas are assumed. IAM simulates the
//! permissions of a role, not of a session, so the simulation asks about the role behind the session.

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, SummaryKeyType};

use super::cognito::COGNITO_IDP;
use super::error::OrFail;
use super::iam::decisions;
use super::pages::to_the_end;
use super::retries::client;
use super::{Clients, region};
use crate::engine::Failure;

/// The default quota of web ACLs in a region, and of IP sets (docs/aws.md, Web ACLs).
const WEB_ACLS: i64 = 100;
/// The default quota of user pools in a region.
const USER_POOLS: i64 = 1000;
/// The quota of regional REST APIs in a region (docs/aws.md, Limits of API Gateway).
const REST_APIS: i64 = 600;

/// A quota, and how much of it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountUsage {
    /// The counted resources, as in `web ACLs`.
    pub what: &'static str,
    /// Their kind, as in `wafv2.web_acl`.
    pub kind: &'static str,
    /// The number of existing resources.
    pub used: i64,
    /// The maximum number of resources.
    pub limit: i64,
    /// The service reported the limit. Otherwise it is AWS's default, and the account's limit may be higher.
    pub told: bool,
}

/// Lambda's limits of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LambdaLimits {
    /// Bytes of code that are stored.
    pub code_used: i64,
    /// The most bytes of code.
    pub code_limit: i64,
    /// The most concurrent executions that are not reserved for single functions. All functions of a stack share them.
    pub concurrency: i64,
}

/// API Gateway's throttle of all APIs of an account in a region.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AccountThrottle {
    /// Requests a second.
    pub rate: f64,
    /// The burst: requests at once.
    pub burst: i64,
}

/// A question to IAM's simulation.
#[derive(Debug, Clone)]
pub struct SimulationRequest {
    pub actions: Vec<String>,
    pub resource: String,
    /// Keys and values of the request's context.
    pub context: Vec<(String, String)>,
    /// The actions are allowed only with this context. Otherwise they are also allowed without any context.
    pub only_then: bool,
}

/// When credentials expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Never: they are long-lived keys.
    Never,
    /// Unknown: temporary credentials in environment variables come without an expiry time.
    Unknown,
    /// In seconds since 1970.
    At(i64),
}

impl Expiry {
    fn of(credentials: &Credentials) -> Self {
        let since = credentials.expiry().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        match since.and_then(|since| i64::try_from(since.as_secs()).ok()) {
            Some(at) => Self::At(at),
            None if credentials.session_token().is_some() => Self::Unknown,
            None => Self::Never,
        }
    }
}

/// Asks about an account.
#[derive(Debug, Clone)]
pub struct Account {
    sdk: SdkConfig,
}

impl Account {
    pub fn new(clients: &Clients) -> Self {
        Self { sdk: clients.sdk.clone() }
    }

    /// When the credentials expire.
    pub async fn credentials_expire(&self) -> Expiry {
        let Some(provider) = self.sdk.credentials_provider() else { return Expiry::Unknown };
        provider.provide_credentials().await.map_or(Expiry::Unknown, |credentials| Expiry::of(&credentials))
    }

    /// The quotas and their use, or a failure for each one that could not be counted. Services that the region does not
    /// have are left out.
    pub async fn usage(&self) -> Vec<Result<AccountUsage, Failure>> {
        let (acls, sets, pools, apis, roles) =
            tokio::join!(self.web_acls(), self.ip_sets(), self.user_pools(), self.rest_apis(), self.roles());
        let counted = |what, kind, used: Result<i64, Failure>, limit| {
            used.map(|used| AccountUsage { what, kind, used, limit, told: false })
        };
        let pools = pools.map(|pools| counted("user pools", "cognito.user_pool", pools, USER_POOLS));
        let others = [
            counted("web ACLs", "wafv2.web_acl", acls, WEB_ACLS),
            counted("IP sets", "wafv2.ip_set", sets, WEB_ACLS),
            counted("REST APIs", "apigateway.rest_api", apis, REST_APIS),
            roles.map(|(used, limit)| AccountUsage { what: "roles", kind: "iam.role", used, limit, told: true }),
        ];
        others.into_iter().chain(pools).collect()
    }

    async fn web_acls(&self) -> Result<i64, Failure> {
        let client = client!(aws_sdk_wafv2, &self.sdk);
        let call = client.list_web_acls().scope(aws_sdk_wafv2::types::Scope::Regional).limit(100);
        let all = to_the_end(|marker| {
            let call = call.clone().set_next_marker(marker).send();
            async { call.await.or_fail("count the web ACLs").map(|page| (page.web_acls, page.next_marker)) }
        });
        all.await.map(|all| number(all.len()))
    }

    async fn ip_sets(&self) -> Result<i64, Failure> {
        let client = client!(aws_sdk_wafv2, &self.sdk);
        let call = client.list_ip_sets().scope(aws_sdk_wafv2::types::Scope::Regional).limit(100);
        let all = to_the_end(|marker| {
            let call = call.clone().set_next_marker(marker).send();
            async { call.await.or_fail("count the IP sets").map(|page| (page.ip_sets, page.next_marker)) }
        });
        all.await.map(|all| number(all.len()))
    }

    async fn user_pools(&self) -> Option<Result<i64, Failure>> {
        if region::has(&self.sdk, COGNITO_IDP) { Some(self.count_user_pools().await) } else { None }
    }

    async fn count_user_pools(&self) -> Result<i64, Failure> {
        let client = client!(aws_sdk_cognitoidentityprovider, &self.sdk);
        let mut pages = client.list_user_pools().max_results(60).into_paginator().send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            count += number(page.or_fail("count the user pools")?.user_pools().len());
        }
        Ok(count)
    }

    async fn rest_apis(&self) -> Result<i64, Failure> {
        let client = client!(aws_sdk_apigateway, &self.sdk);
        let mut pages = client.get_rest_apis().limit(500).into_paginator().send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            count += number(page.or_fail("count the REST APIs")?.items().len());
        }
        Ok(count)
    }

    /// The number of roles, and its quota.
    async fn roles(&self) -> Result<(i64, i64), Failure> {
        let client = client!(aws_sdk_iam, &self.sdk);
        let summary = client.get_account_summary().send().await.or_fail("count the roles")?.summary_map;
        let of = |key| summary.as_ref().and_then(|summary| summary.get(&key)).map(|&value| i64::from(value));
        let (used, limit) = (of(SummaryKeyType::from("Roles")), of(SummaryKeyType::from("RolesQuota")));
        used.zip(limit).ok_or_else(|| {
            Failure::refused("could not count the roles: the account's summary does not contain their number")
        })
    }

    /// Lambda's limits. `None`: the endpoint does not report them.
    pub async fn lambda(&self) -> Result<Option<LambdaLimits>, Failure> {
        let answer = client!(aws_sdk_lambda, &self.sdk).get_account_settings().send().await;
        let answer = answer.or_fail("read Lambda's limits")?;
        let limits = answer.account_limit().zip(answer.account_usage());
        Ok(limits.map(|(limit, usage)| LambdaLimits {
            code_used: usage.total_code_size(),
            code_limit: limit.total_code_size(),
            concurrency: i64::from(limit.unreserved_concurrent_executions().unwrap_or(limit.concurrent_executions())),
        }))
    }

    /// The account's throttle. `None`: the endpoint does not report it.
    pub async fn throttle(&self) -> Result<Option<AccountThrottle>, Failure> {
        let answer = client!(aws_sdk_apigateway, &self.sdk).get_account().send().await;
        let answer = answer.or_fail("read API Gateway's limits")?;
        // The SDK reads a missing value as 0.
        let told = answer.throttle_settings().filter(|limits| limits.rate_limit() > 0.0 && limits.burst_limit() > 0);
        Ok(told.map(|limits| AccountThrottle { rate: limits.rate_limit(), burst: i64::from(limits.burst_limit()) }))
    }

    /// The actions that IAM's simulation does not allow this principal.
    ///
    /// # Errors
    /// The caller may not use the simulation, or the endpoint does not implement the call.
    pub async fn denied(&self, principal: &str, question: &SimulationRequest) -> Result<Vec<String>, Failure> {
        let client = client!(aws_sdk_iam, &self.sdk);
        let context = question.context.iter().map(|(key, value)| {
            let entry = ContextEntry::builder().context_key_name(key).context_key_values(value);
            entry.context_key_type(ContextKeyTypeEnum::String).build()
        });
        let call = client.simulate_principal_policy().policy_source_arn(principal).resource_arns(&question.resource);
        let call = call.set_action_names(Some(question.actions.clone())).set_context_entries(Some(context.collect()));
        let decided = decisions(call, "simulate the permissions of these credentials").await?;
        Ok(decided.into_iter().filter(|(_, allowed)| !allowed).map(|(action, _)| action).collect())
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The principal to simulate: a user, or the role behind a session. `None` for root and for other principals. A
/// session's ARN does not contain the role's path, so the path is assumed to be `/`.
pub fn simulated(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, partition, service, _, account, resource] = parts.as_slice() else { return None };
    match (*service, *resource) {
        ("iam", resource) if resource.starts_with("user/") => Some(arn.to_owned()),
        ("sts", resource) => {
            let role = resource.strip_prefix("assumed-role/")?.split('/').next()?;
            Some(format!("arn:{partition}:iam::{account}:role/{role}"))
        }
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    #[test]
    fn a_session_is_simulated_as_its_role() {
        let user = "arn:aws:iam::123456789012:user/a/ada";
        assert_eq!(simulated(user).as_deref(), Some(user));
        let session = "arn:aws-cn:sts::123456789012:assumed-role/operator/me@example.com";
        assert_eq!(simulated(session).as_deref(), Some("arn:aws-cn:iam::123456789012:role/operator"));
        assert_eq!(simulated("arn:aws:iam::123456789012:root"), None);
        assert_eq!(simulated("nonsense"), None);
    }

    #[tokio::test]
    async fn missing_permissions_are_named() {
        let one = |action: &str, decision: &str| {
            format!("<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision></member>")
        };
        let answer = format!(
            "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
             <SimulatePrincipalPolicyResult><EvaluationResults>{}{}{}</EvaluationResults><IsTruncated>false</IsTruncated>\
             </SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>",
            one("sns:A", "allowed"),
            one("sns:B", "implicitDeny"),
            one("sns:C", "explicitDeny")
        );
        let (clients, http) = replay(vec![(200, &answer)]);
        let question = SimulationRequest {
            only_then: true,
            actions: vec!["sns:A".into(), "sns:B".into(), "sns:C".into()],
            resource: "arn:x".into(),
            context: vec![("aws:RequestTag/securelambda:stack".into(), "demo".into())],
        };
        assert_eq!(Account::new(&clients).denied("arn:me", &question).await, Ok(vec!["sns:B".into(), "sns:C".into()]));
        let body = &asked(&http)[0].1;
        assert!(
            body.contains("ActionNames.member.3=sns%3AC") && body.contains("ContextKeyValues.member.1=demo"),
            "{body}"
        );
    }

    #[test]
    fn temporary_credentials_may_lack_an_expiry() {
        let credentials = |token: Option<&str>, expires: Option<u64>| {
            let at = expires.map(|at| std::time::UNIX_EPOCH + std::time::Duration::from_secs(at));
            Expiry::of(&Credentials::new("id", "secret", token.map(str::to_owned), at, "test"))
        };
        assert_eq!(credentials(None, None), Expiry::Never);
        assert_eq!(credentials(Some("token"), None), Expiry::Unknown, "of environment variables");
        assert_eq!(credentials(Some("token"), Some(1000)), Expiry::At(1000));
    }

    #[tokio::test]
    async fn the_accounts_throttle_is_read_and_never_assumed() {
        for (answer, expected) in [
            (
                r#"{"throttleSettings":{"rateLimit":2500.0,"burstLimit":1250}}"#,
                Some(AccountThrottle { rate: 2500.0, burst: 1250 }),
            ),
            (r#"{"throttleSettings":{}}"#, None),
            ("{}", None),
        ] {
            let (clients, http) = replay(vec![(200, answer)]);
            assert_eq!(Account::new(&clients).throttle().await, Ok(expected), "{answer}");
            assert!(asked(&http)[0].0.ends_with("/account"), "{:?}", asked(&http));
        }
    }

    #[tokio::test]
    async fn concurrency_reserved_by_other_functions_is_not_available() {
        let limits = r#"{"AccountLimit":{"TotalCodeSize":9,"ConcurrentExecutions":1000,"UnreservedConcurrentExecutions":100},
            "AccountUsage":{"TotalCodeSize":1}}"#;
        let (clients, _) = replay(vec![(200, limits)]);
        let limits = Account::new(&clients).lambda().await.unwrap().unwrap();
        assert_eq!(limits, LambdaLimits { code_used: 1, code_limit: 9, concurrency: 100 });
    }

    #[tokio::test]
    async fn lists_are_counted_over_all_pages() {
        let (clients, _) = replay(vec![
            (200, r#"{"WebACLs": [{"Name": "a"}, {"Name": "b"}], "NextMarker": "b"}"#),
            (200, r#"{"WebACLs": [{"Name": "c"}], "NextMarker": ""}"#),
        ]);
        assert_eq!(Account::new(&clients).web_acls().await, Ok(3));
    }
}
