//! The evaluation of each rule. The names of the settings are AWS's, as the kinds in `aws` report them.

mod api;
mod days;
mod firewall;
mod functions;
mod identity;
mod policies;
mod secrets;

use self::policies::{allows_wildcard_actions, is_public, trusts_one_account};
use super::estate::{Estate, Resource, general};
use super::fix::Fix;
use super::{Finding, Outcome};
use crate::aws::{
    apigateway, apigatewayv2, cloudwatch, cognito, dynamodb, iam, kms, lambda, logs, secretsmanager, sns, sqs,
};
use crate::controls::Rule;
use crate::engine::Resource as Kind;

/// A year, in days: the retention of log groups that Security Hub requires.
const YEAR: i64 = 365;

/// The findings of a rule, for every resource that it applies to.
#[allow(clippy::match_same_arms, reason = "one arm for each rule, in the order of the rules")]
pub(super) fn evaluate(rule: Rule, estate: &Estate<'_>) -> Vec<Finding> {
    let pool = |field: &str, passes: fn(&str) -> bool, key: &str| {
        estate.field(cognito::UserPool::KIND, field, passes, |pool| Fix::set(format!("pools.{}.{key}", pool.name())))
    };
    let function = |field: &str, passes: fn(&str) -> bool, key: &str| {
        estate.field(lambda::Function::KIND, field, passes, |function| {
            Fix::set(format!("functions.{}.{key}", function.name()))
        })
    };
    let rest_stage = |field: &str, passes: fn(&str) -> bool, key: &str| {
        estate.field(apigateway::Stage::KIND, field, passes, |stage| Fix::set(format!("{}.{key}", api::table(stage))))
    };
    let table = |field: &str, key: &str| {
        estate.field(dynamodb::Table::KIND, field, is_true, |table| Fix::set(format!("tables.{}.{key}", table.name())))
    };
    let key = |kind: &str, field: &str| estate.field(kind, field, |value| value != "none", |_| Fix::set(KEY));
    match rule {
        Rule::PoolMfa => identity::mfa(estate),
        Rule::PoolDeletionProtection => {
            pool("DeletionProtection", |value| value == "ACTIVE", "deletion_protection = true")
        }
        Rule::PoolThreatProtection => pool("UserPoolAddOns.AdvancedSecurityMode", is_enforced, ENFORCED),
        Rule::PoolThreatProtectionForCustomFlows => {
            pool("UserPoolAddOns.AdvancedSecurityAdditionalFlows.CustomAuthMode", is_enforced, ENFORCED)
        }
        Rule::PoolBlocksCompromisedPasswords => identity::risks(estate, |pool| {
            pool.value("RiskConfiguration.CompromisedCredentialsRiskConfiguration.Actions.EventAction") == Some("BLOCK")
        }),
        Rule::PoolBlocksTakeovers => identity::risks(estate, |pool| {
            let prefix = "RiskConfiguration.AccountTakeoverRiskConfiguration.Actions";
            pool.live().iter().filter(|(field, value)| field.starts_with(prefix) && value.contains("BLOCK")).count()
                == 3
        }),
        Rule::PoolPasswordLength8 => pool(
            "Policies.PasswordPolicy.MinimumLength",
            |value| number(value).is_some_and(|length| length >= 8),
            "password.minimum_length = 14",
        ),
        Rule::PoolPasswordLength14 => pool(
            "Policies.PasswordPolicy.MinimumLength",
            |value| number(value).is_some_and(|length| length >= 14),
            "password.minimum_length = 14",
        ),
        Rule::PoolPasswordLowercase => {
            pool("Policies.PasswordPolicy.RequireLowercase", is_true, "password.lowercase = true")
        }
        Rule::PoolPasswordUppercase => {
            pool("Policies.PasswordPolicy.RequireUppercase", is_true, "password.uppercase = true")
        }
        Rule::PoolPasswordNumber => pool("Policies.PasswordPolicy.RequireNumbers", is_true, "password.numbers = true"),
        Rule::PoolPasswordSymbol => pool("Policies.PasswordPolicy.RequireSymbols", is_true, "password.symbols = true"),
        Rule::PoolTemporaryPassword => {
            let field = "Policies.PasswordPolicy.TemporaryPasswordValidityDays";
            estate.given(cognito::UserPool::KIND, field, |value| number(value).is_some_and(|days| days <= 7))
        }
        Rule::PoolNoSelfSignUp => {
            pool("AdminCreateUserConfig.AllowAdminCreateUserOnly", is_true, "self_sign_up = false")
        }
        Rule::PoolRecoveryWithoutSms => {
            let field = "AccountRecoverySetting.RecoveryMechanisms";
            // Without mechanisms Cognito prefers SMS.
            estate.given(cognito::UserPool::KIND, field, |value| value.starts_with("verified_email"))
        }
        Rule::PoolFirewall => api::pools_behind_a_firewall(estate),
        Rule::PoolNothingElse => identity::nothing_else(estate),
        Rule::ClientHidesUsers => {
            estate.given(cognito::AppClient::KIND, "PreventUserExistenceErrors", |value| value == "ENABLED")
        }
        Rule::ClientRevokesTokens => estate.given(cognito::AppClient::KIND, "EnableTokenRevocation", is_true),
        Rule::ClientShortTokens => identity::short_tokens(estate),
        Rule::IdentityPoolNoGuests => {
            estate.given(cognito::IdentityPool::KIND, "AllowUnauthenticatedIdentities", |value| value == "false")
        }
        Rule::RestExecutionLogs => {
            let field = "methodSettings.*/*.loggingLevel";
            rest_stage(field, |value| matches!(value, "ERROR" | "INFO"), "logs.execution = \"error\"")
        }
        Rule::RestAccessLogs => rest_stage("accessLogSettings.destinationArn", is_arn, "logs.access = true"),
        Rule::RestTracing => rest_stage("tracingEnabled", is_true, "tracing = true"),
        Rule::RestTls => estate.given(apigateway::RestApi::KIND, "securityPolicy", |value| {
            value.starts_with("SecurityPolicy_TLS13") || value == "TLS_1_2"
        }),
        Rule::RestFirewall => api::behind_a_firewall(estate),
        Rule::RestCacheEncrypted => api::cache_encrypted(estate),
        Rule::RestBackendCertificate => api::backend_certificate(estate),
        Rule::RestPrivate => api::private(estate),
        Rule::RestVariablesWithoutSecrets => {
            estate.given(apigateway::Stage::KIND, "variables", |value| value == "none")
        }
        Rule::RestBodiesValidated => api::bodies_validated(estate),
        Rule::RestNothingElse => {
            api::nothing_else(estate, &[apigateway::RestApi::KIND, apigateway::Paths::KIND, apigateway::Routes::KIND])
        }
        Rule::RestRoutesAuthorized => api::authorized(estate, apigateway::Routes::KIND, "authorizationType"),
        Rule::HttpAccessLogs => estate.given(apigatewayv2::HttpStage::KIND, "AccessLogSettings.DestinationArn", is_arn),
        Rule::HttpPrivateIntegrations => api::private_integrations(estate),
        Rule::HttpNothingElse => {
            api::nothing_else(estate, &[apigatewayv2::HttpApi::KIND, apigatewayv2::HttpRoutes::KIND])
        }
        Rule::HttpRoutesAuthorized => api::authorized(estate, apigatewayv2::HttpRoutes::KIND, "AuthorizationType"),
        Rule::RoutesThrottled => api::throttled(estate),
        Rule::CustomDomains => general(Outcome::NotApplicable, "the program makes no custom domain names"),
        Rule::FunctionNotPublic => {
            let mut findings = estate.given(lambda::Function::KIND, "Policy.Statement", |value| value == "none");
            // The statements of the stack itself, which somebody may have widened.
            findings.extend(estate.as_derived(lambda::Permission::KIND, "Statement"));
            findings
        }
        Rule::FunctionNoUrl => estate.given(lambda::Function::KIND, "FunctionUrlConfigs", |value| value == "none"),
        Rule::FunctionRuntime => functions::runtimes(estate),
        Rule::FunctionVpc => function(
            "VpcConfig",
            |value| value != "none",
            "vpc = { subnets = [\"SUBNET_1\", \"SUBNET_2\"], security_groups = [\"SECURITY_GROUP\"] }",
        ),
        Rule::FunctionVpcZones => functions::zones(estate),
        Rule::FunctionTracing => function("TracingConfig.Mode", |value| value == "Active", "tracing = true"),
        Rule::FunctionDeadLetters => {
            function("DeadLetterConfig.TargetArn", is_arn, "on_failure = { queue = \"dead\" }")
        }
        Rule::FunctionKey => key(lambda::Function::KIND, "KMSKeyArn"),
        Rule::FunctionNoForeignLayers => estate.given(lambda::Function::KIND, "Layers", |value| value == "none"),
        Rule::FunctionLayersWithoutSecrets => functions::layers(estate),
        Rule::FunctionNoSecretsInEnvironment => functions::environment(estate),
        Rule::FunctionTimeout => functions::timeout(estate),
        Rule::RoleSourceAccount => estate.given(iam::Role::KIND, "AssumeRolePolicyDocument", trusts_one_account),
        Rule::RoleOwnPoliciesOnly => {
            let mut findings = estate.given(iam::Role::KIND, "AttachedPolicies", |value| value == "none");
            findings.extend(estate.given(iam::Role::KIND, "PolicyNames", |value| value == "none"));
            findings
        }
        Rule::RolePermissionsDerived => {
            estate.given(iam::RolePolicy::KIND, "PolicyDocument", |value| !allows_wildcard_actions(value))
        }
        Rule::RoleExactPermissions => estate.as_derived(iam::RolePolicy::KIND, "PolicyDocument"),
        Rule::TableOnDemand => estate.given(dynamodb::Table::KIND, "BillingMode", |value| value == "PAY_PER_REQUEST"),
        Rule::TableRecovery => table("PointInTimeRecovery", "recovery = true"),
        Rule::TableBackupPlan => estate.each(dynamodb::Table::KIND, |table| {
            super::estate::not_tried(table.id, "backup plans belong to AWS Backup and to the account")
        }),
        Rule::TableDeletionProtection => table("DeletionProtectionEnabled", "deletion_protection = true"),
        Rule::TableKey => key(dynamodb::Table::KIND, "KMSMasterKeyId"),
        Rule::TableNotShared => {
            let mut findings = estate.as_derived(dynamodb::Table::KIND, "ResourcePolicy");
            findings.extend(estate.as_derived(dynamodb::Table::KIND, "StreamResourcePolicy"));
            findings
        }
        Rule::TableTagged => tagged(estate, dynamodb::Table::KIND),
        Rule::TopicKey => key(sns::Topic::KIND, "KmsMasterKeyId"),
        Rule::TopicNotPublic => estate.given(sns::Topic::KIND, "Policy", |value| !is_public(value)),
        Rule::SubscriptionsWithoutHttp => estate.given(sns::Topic::KIND, "Subscriptions", |value| {
            // A subscription has the form `http http://example.com/a (id)`.
            !value.split(", ").any(|one| one.starts_with("http "))
        }),
        Rule::QueueEncrypted => estate.each(sqs::Queue::KIND, |queue| {
            let (key, own) = ("KmsMasterKeyId", "SqsManagedSseEnabled");
            let one = |values: &[(&str, &str)]| {
                values
                    .iter()
                    .any(|(field, value)| *field == key && *value != "none" || *field == own && *value == "true")
            };
            let shown = [key, own].map(|field| format!("{field}: {}", queue.value(field).unwrap_or("none")));
            queue.judged(one, shown.join("; "), Fix::Accept)
        }),
        Rule::QueueNotPublic => estate.given(sqs::Queue::KIND, "Policy", |value| !is_public(value)),
        Rule::SecretRotation => secrets::rotated(estate),
        Rule::SecretRotationSucceeds => secrets::succeeds(estate),
        Rule::SecretRotatedInTime => secrets::in_time(estate),
        Rule::SecretPolicy => secrets::has_a_policy(estate),
        Rule::SecretNotPublic => {
            estate.given(secretsmanager::Secret::KIND, "ResourcePolicy", |value| !is_public(value))
        }
        // Secrets Manager always encrypts, with the account's key if no other one is chosen. A key of another account
        // weakens the protection.
        Rule::SecretKey => estate.as_derived(secretsmanager::Secret::KIND, "KmsKeyId"),
        Rule::WebAclHasRules => firewall::has_rules(estate),
        Rule::WebAclBlocks => firewall::some_block(estate),
        Rule::WebAclLogs => firewall::has_a_log(estate),
        Rule::WebAclMetrics => firewall::has_metrics(estate),
        Rule::WebAclManagedRules => firewall::has_managed_rules(estate),
        Rule::LogsKeptForAYear => {
            // Without a period, events are kept for ever.
            let kept = |value: &str| value == "none" || number(value).is_some_and(|days| days >= YEAR);
            estate.field(logs::LogGroup::KIND, "retentionInDays", kept, |group| retention(estate, group))
        }
        Rule::LogsKept => estate.given(logs::LogGroup::KIND, "retentionInDays", |value| number(value).is_some()),
        Rule::LogsKey => key(logs::LogGroup::KIND, "kmsKeyId"),
        Rule::LogsNotForwarded => estate.given(logs::LogGroup::KIND, "subscriptionFilters", |value| value == "none"),
        Rule::KeyInUse => estate.given(kms::Key::KIND, "KeyState", |value| value == "Enabled"),
        Rule::KeyRotated => {
            estate.given(kms::Key::KIND, "RotationPeriodInDays", |value| number(value).is_some_and(|days| days <= YEAR))
        }
        Rule::KeyNotPublic => estate.given(kms::Key::KIND, "KeyPolicy", |value| !is_public(value)),
        Rule::AlarmTells => estate.given(cloudwatch::Alarm::KIND, "AlarmActions", |value| value != "none"),
        Rule::AlarmEnabled => estate.given(cloudwatch::Alarm::KIND, "ActionsEnabled", is_true),
        Rule::FunctionTagged => tagged(estate, lambda::Function::KIND),
        Rule::QueueTagged => tagged(estate, sqs::Queue::KIND),
        Rule::RoleTagged => tagged(estate, iam::Role::KIND),
        Rule::SecretTagged => tagged(estate, secretsmanager::Secret::KIND),
        Rule::TopicTagged => tagged(estate, sns::Topic::KIND),
        Rule::Unknowable(why) => general(Outcome::NotTried, why),
        Rule::NotApplicable(why) => general(Outcome::NotApplicable, why),
    }
}

const KEY: &str = "stack.kms_key = \"create\"";
const ENFORCED: &str = "threat_protection = \"enforced\"";

fn is_enforced(value: &str) -> bool {
    value == "ENFORCED"
}

fn is_true(value: &str) -> bool {
    value == "true"
}

fn is_arn(value: &str) -> bool {
    value.starts_with("arn:")
}

/// The whole number at the beginning of a value, as in `3600 s`, `50` or `-1`.
fn number(value: &str) -> Option<i64> {
    let end = value.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(value.len());
    value[..end].parse().ok()
}

/// Every resource that was read has the stack's tag: without it, the read fails because the resource is not the stack's.
fn tagged(estate: &Estate<'_>, kind: &str) -> Vec<Finding> {
    estate.each(kind, |resource| {
        let observed = format!("the tag {} is {}", crate::scope::STACK_TAG, estate.stack.name);
        super::estate::found(resource.id, true, observed, Fix::Up)
    })
}

/// The fix for the retention of a log. The logs of an API and of the firewall have the longest retention of the
/// functions that they are about.
fn retention(estate: &Estate<'_>, group: &Resource<'_>) -> Fix {
    let function = match group.id.parts() {
        ("logs", function) => Some(function.to_owned()),
        ("firewall", _) => estate.stack.functions.keys().next().cloned(),
        _ => api::api(estate, group).and_then(|api| api.routes.iter().find_map(|route| route.function().cloned())),
    };
    function.map_or(Fix::Accept, |name| Fix::set(format!("functions.{name}.log_retention_days = {YEAR}")))
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_number_is_read_with_its_sign() {
        for (value, read) in [("3600 s", Some(3600)), ("50", Some(50)), ("-1", Some(-1)), ("none", None), ("", None)] {
            assert_eq!(number(value), read, "{value}");
        }
    }
}
