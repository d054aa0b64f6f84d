//! How each rule is evaluated. The names of the settings are AWS's, as the kinds in `aws` report them.

use serde_json::Value;

use super::estate::{Estate, Resource, found, general, not_applicable, not_tried};
use super::{Finding, Outcome};
use crate::aws::{apigateway, apigatewayv2, cognito, iam, lambda, logs, secretsmanager, sns, wafv2};
use crate::controls::Rule;
use crate::emulator::UNSUPPORTED;
use crate::engine::{ReadResult, Resource as Kind};
use crate::policy::{Policy, one_or_many};
use crate::spec::{self, Auth, Mode};

/// A year, in days: what Security Hub asks of log groups.
const YEAR: u64 = 365;

/// What a rule found, for every resource that it is about.
#[allow(clippy::match_same_arms, reason = "one arm for each rule, in the order of the rules")]
pub(super) fn evaluate(rule: Rule, estate: &Estate<'_>) -> Vec<Finding> {
    let pool = |fields: &[&str], passes: fn(&str) -> bool, key: &str| {
        estate.field(cognito::UserPool::KIND, fields, passes, |pool| format!("pools.{}.{key}", pool.name()))
    };
    let client = |fields: &[&str], passes: fn(&str) -> bool| {
        estate.field(cognito::AppClient::KIND, fields, passes, |_| "run `securelambda up`".to_owned())
    };
    let function = |fields: &[&str], passes: fn(&str) -> bool, key: &str| {
        estate.field(lambda::Function::KIND, fields, passes, |function| {
            if key.is_empty() { repair() } else { format!("functions.{}.{key}", function.name()) }
        })
    };
    let rest_stage = |fields: &[&str], passes: fn(&str) -> bool, key: &str| {
        estate.field(apigateway::Stage::KIND, fields, passes, |stage| format!("{}.{key}", api(stage)))
    };
    let topic = |fields: &[&str], passes: fn(&str) -> bool, key: &str| {
        estate.field(sns::Topic::KIND, fields, passes, |_| key.to_owned())
    };
    let secret = |passes: fn(&str) -> bool, key: &str| {
        estate.field(secretsmanager::Secret::KIND, &["ResourcePolicy"], passes, |secret| {
            if key.is_empty() { repair() } else { format!("secrets.{}.{key}", secret.name()) }
        })
    };
    let log_group = |fields: &[&str], passes: fn(&str) -> bool, key: fn(&Resource<'_>) -> String| {
        estate.field(logs::LogGroup::KIND, fields, passes, key)
    };
    match rule {
        Rule::PoolMfa => pool(&["MfaConfiguration"], |value| value == "ON", "mfa = \"on\""),
        Rule::PoolDeletionProtection => {
            pool(&["DeletionProtection"], |value| value == "ACTIVE", "deletion_protection = true")
        }
        Rule::PoolThreatProtection => pool(
            &["UserPoolAddOns.AdvancedSecurityMode"],
            |value| value == "ENFORCED",
            "threat_protection = \"enforced\"",
        ),
        Rule::PoolThreatProtectionForCustomFlows => pool(
            &["UserPoolAddOns.AdvancedSecurityAdditionalFlows.CustomAuthMode"],
            |value| value == "ENFORCED",
            "threat_protection = \"enforced\"",
        ),
        Rule::PoolBlocksCompromisedPasswords => risks(estate, |pool| {
            pool.value("RiskConfiguration.CompromisedCredentialsRiskConfiguration.Actions.EventAction") == Some("BLOCK")
        }),
        Rule::PoolBlocksTakeovers => risks(estate, |pool| {
            let actions = pool.values("RiskConfiguration.AccountTakeoverRiskConfiguration.Actions");
            actions.iter().filter(|(_, value)| value.contains("BLOCK")).count() == 3
        }),
        Rule::PoolPasswordLength8 => {
            pool(&["Policies.PasswordPolicy.MinimumLength"], |value| number(value) >= 8, "password.minimum_length = 14")
        }
        Rule::PoolPasswordLength14 => pool(
            &["Policies.PasswordPolicy.MinimumLength"],
            |value| number(value) >= 14,
            "password.minimum_length = 14",
        ),
        Rule::PoolPasswordLowercase => {
            pool(&["Policies.PasswordPolicy.RequireLowercase"], |value| value == "true", "password.lowercase = true")
        }
        Rule::PoolPasswordUppercase => {
            pool(&["Policies.PasswordPolicy.RequireUppercase"], |value| value == "true", "password.uppercase = true")
        }
        Rule::PoolPasswordNumber => {
            pool(&["Policies.PasswordPolicy.RequireNumbers"], |value| value == "true", "password.numbers = true")
        }
        Rule::PoolPasswordSymbol => {
            pool(&["Policies.PasswordPolicy.RequireSymbols"], |value| value == "true", "password.symbols = true")
        }
        Rule::PoolTemporaryPassword => estate.field(
            cognito::UserPool::KIND,
            &["Policies.PasswordPolicy.TemporaryPasswordValidityDays"],
            |value| number(value) <= 7,
            |_| repair(),
        ),
        Rule::PoolNoSelfSignUp => {
            pool(&["AdminCreateUserConfig.AllowAdminCreateUserOnly"], |value| value == "true", "self_sign_up = false")
        }
        Rule::PoolRecoveryWithoutSms => estate.field(
            cognito::UserPool::KIND,
            &["AccountRecoverySetting.RecoveryMechanisms"],
            |value| !value.contains("phone"),
            |_| repair(),
        ),
        Rule::PoolFirewall => pools_behind_a_firewall(estate),
        Rule::PoolNothingElse => {
            estate.field(cognito::UserPool::KIND, &["UserPoolClients"], |value| value == "none", |_| repair())
        }
        Rule::ClientHidesUsers => client(&["PreventUserExistenceErrors"], |value| value == "ENABLED"),
        Rule::ClientRevokesTokens => client(&["EnableTokenRevocation"], |value| value == "true"),
        Rule::ClientShortTokens => client(&["AccessTokenValidity"], |value| number(value) <= 3600),
        Rule::IdentityPoolNoGuests => estate.field(
            cognito::IdentityPool::KIND,
            &["AllowUnauthenticatedIdentities"],
            |value| value == "false",
            |_| repair(),
        ),
        Rule::RestExecutionLogs => {
            rest_stage(&["methodSettings.*/*.loggingLevel"], |value| value != "OFF", "logs.execution = \"error\"")
        }
        Rule::RestAccessLogs => {
            rest_stage(&["accessLogSettings.destinationArn"], |value| value != "none", "logs.access = true")
        }
        Rule::RestTracing => rest_stage(&["tracingEnabled"], |value| value == "true", "tracing = true"),
        Rule::RestTls => estate.field(
            apigateway::RestApi::KIND,
            &["securityPolicy"],
            |value| value.starts_with("SecurityPolicy_TLS13") || value == "TLS_1_2",
            |_| repair(),
        ),
        Rule::RestFirewall => rest_behind_a_firewall(estate),
        Rule::RestCacheEncrypted => {
            estate.each(apigateway::Stage::KIND, |stage| match stage.value("methodSettings.*/*.cachingEnabled") {
                Some("true") => found(
                    stage.id,
                    stage.value("methodSettings.*/*.cacheDataEncrypted") == Some("true"),
                    "the stage caches answers",
                    repair(),
                ),
                _ => not_applicable(stage.id, "the stage has no cache"),
            })
        }
        Rule::RestBackendCertificate => estate.each(apigateway::Stage::KIND, |stage| {
            not_applicable(stage.id, "every route is answered by a Lambda function, which is not reached over TLS")
        }),
        Rule::RestPrivate => estate.each(apigateway::RestApi::KIND, |api| {
            not_applicable(api.id, "the API is public on purpose; private APIs are not supported")
        }),
        Rule::RestVariablesWithoutSecrets => {
            estate.field(apigateway::Stage::KIND, &["variables"], |value| value == "none", |_| repair())
        }
        Rule::RestBodiesValidated => bodies(estate),
        Rule::RestNothingElse => {
            let mut findings = nothing_else(estate, apigateway::RestApi::KIND);
            findings.extend(nothing_else(estate, apigateway::Paths::KIND));
            findings.extend(nothing_else(estate, apigateway::Routes::KIND));
            findings
        }
        Rule::HttpAccessLogs => estate.field(
            apigatewayv2::HttpStage::KIND,
            &["AccessLogSettings.DestinationArn"],
            |value| value != "none",
            |_| repair(),
        ),
        Rule::HttpPrivateIntegrations => estate.each(apigatewayv2::HttpApi::KIND, |api| {
            not_applicable(api.id, "every route is answered by a Lambda function")
        }),
        Rule::HttpNothingElse => {
            let mut findings = nothing_else(estate, apigatewayv2::HttpApi::KIND);
            findings.extend(nothing_else(estate, apigatewayv2::HttpRoutes::KIND));
            findings
        }
        Rule::RoutesAuthorized => routes_authorized(estate),
        Rule::RoutesThrottled => routes_throttled(estate),
        Rule::CustomDomains => general(Outcome::NotApplicable, "the stack has no custom domain names"),
        Rule::FunctionNotPublic => function(&["Policy.Statement"], |value| value == "none", ""),
        Rule::FunctionNoUrl => function(&["FunctionUrlConfigs"], |value| value == "none", ""),
        Rule::FunctionRuntime => runtimes(estate),
        Rule::FunctionVpc => {
            function(&["VpcConfig"], |value| value != "none", "vpc = { subnets = […], security_groups = […] }")
        }
        Rule::FunctionVpcZones => estate.each(lambda::Function::KIND, |function| match function.value("VpcConfig") {
            None => not_tried(function.id, "VpcConfig was not read"),
            Some("none") => not_applicable(function.id, "the function is not in a VPC"),
            Some(value) => found(
                function.id,
                value.matches("subnet-").count() >= 2,
                format!("VpcConfig: {value}"),
                format!("functions.{}.vpc.subnets with subnets of two zones", function.name()),
            ),
        }),
        Rule::FunctionTracing => function(&["TracingConfig.Mode"], |value| value == "Active", "tracing = true"),
        Rule::FunctionDeadLetters => dead_letters(estate),
        Rule::FunctionKey => {
            estate.field(lambda::Function::KIND, &["KMSKeyArn"], |value| value != "none", |_| KEY.to_owned())
        }
        Rule::FunctionNoForeignLayers => function(&["Layers"], |value| value == "none", ""),
        Rule::FunctionNoSecretsInEnvironment => environments(estate),
        Rule::FunctionTimeout => function(&["Timeout"], |value| number(value) <= 900, ""),
        Rule::RoleSourceAccount => estate.field(
            iam::Role::KIND,
            &["AssumeRolePolicyDocument"],
            |value| value.contains("aws:SourceAccount") || value.contains("cognito-identity.amazonaws.com:aud"),
            |_| repair(),
        ),
        Rule::RoleOwnPoliciesOnly => {
            let mut findings =
                estate.field(iam::Role::KIND, &["AttachedPolicies"], |value| value == "none", |_| repair());
            findings.extend(estate.field(iam::Role::KIND, &["PolicyNames"], |value| value == "none", |_| repair()));
            findings
        }
        Rule::RolePermissionsDerived => estate.field(
            iam::RolePolicy::KIND,
            &["PolicyDocument"],
            |value| !allows_wildcard_actions(value),
            |_| repair(),
        ),
        Rule::TopicKey => topic(&["KmsMasterKeyId"], |value| value != "none", KEY),
        Rule::TopicNotPublic => topic(&["Policy"], |value| !is_public(value), "run `securelambda up`"),
        Rule::SubscriptionsWithoutHttp => {
            topic(&["Subscriptions"], |value| !value.contains("http:"), "run `securelambda up`")
        }
        Rule::SecretRotation => estate.each(secretsmanager::Secret::KIND, |secret| {
            let rotated = rotation(estate, secret).is_some();
            let observed = if rotated { "rotated by a function of the stack" } else { "not rotated" };
            let key = "settings = { rotation = { function = \"NAME\", days = 30 } }";
            found(secret.id, rotated, observed, format!("secrets.{}.{key}", secret.name()))
        }),
        Rule::SecretRotatedInTime => {
            estate.each(secretsmanager::Secret::KIND, |secret| match rotation(estate, secret) {
                None => not_applicable(secret.id, "the secret is not rotated"),
                Some(days) => found(
                    secret.id,
                    number(&days) <= 90,
                    format!("RotationRules.AutomaticallyAfterDays: {days}"),
                    format!("secrets.{}.settings.rotation.days = 90", secret.name()),
                ),
            })
        }
        Rule::SecretPolicy => secret(|value| value != "none", "settings = { resource_policy = true }"),
        Rule::SecretNotPublic => secret(|value| !is_public(value), ""),
        // Secrets Manager always encrypts, with the account's key if no other one is chosen.
        Rule::SecretKey => estate.field(secretsmanager::Secret::KIND, &["KmsKeyId"], |_| true, |_| String::new()),
        Rule::WebAclHasRules => estate.each(wafv2::WebAcl::KIND, |acl| {
            let rules = acl.values("Rules.").into_iter().filter(|(field, _)| field.ends_with(".Priority")).count();
            found(acl.id, rules > 0, format!("{rules} rules"), "firewall.addresses or firewall.managed_rules")
        }),
        Rule::WebAclBlocks => firewall_blocks(estate),
        Rule::WebAclLogs if estate.stack.firewall.as_ref().is_some_and(|firewall| firewall.log) => {
            estate.field(wafv2::Logging::KIND, &["LoggingConfiguration"], |value| value != "none", |_| repair())
        }
        Rule::WebAclLogs => estate
            .each(wafv2::WebAcl::KIND, |acl| found(acl.id, false, "LoggingConfiguration: none", "firewall.log = true")),
        Rule::WebAclMetrics => estate.each(wafv2::WebAcl::KIND, |acl| {
            let metrics: Vec<_> = acl
                .values("")
                .into_iter()
                .filter(|(field, _)| field.ends_with("VisibilityConfig.CloudWatchMetricsEnabled"))
                .collect();
            let without = metrics.iter().filter(|(_, value)| *value != "true").count();
            found(acl.id, without == 0 && !metrics.is_empty(), format!("{without} without metrics"), repair())
        }),
        Rule::WebAclManagedRules => managed_rules(estate),
        Rule::LogsKeptForAYear => {
            log_group(&["retentionInDays"], |value| value == "none" || number(value) >= YEAR, retention)
        }
        Rule::LogsKept => log_group(&["retentionInDays"], |value| value != "none", |_| repair()),
        Rule::LogsKey => log_group(&["kmsKeyId"], |value| value != "none", |_| KEY.to_owned()),
        Rule::LogsNotForwarded => log_group(&["subscriptionFilters"], |value| value == "none", |_| repair()),
        Rule::Tagged => general(Outcome::Pass, "the program finds its resources by their tags"),
        Rule::Unknowable(why) => general(Outcome::NotTried, why),
        Rule::NotApplicable(why) => general(Outcome::NotApplicable, why),
    }
}

const KEY: &str = "stack.kms_key with the ARN of a key";

fn repair() -> String {
    "run `securelambda up`".to_owned()
}

/// The first number in a value, as in `3600 s`; 0 if there is none.
fn number(value: &str) -> u64 {
    let digits: String = value.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_default()
}

/// Whether a resource policy, as the kinds report it, admits everybody. What is no policy cannot be judged, and fails.
fn is_public(policy: &str) -> bool {
    Policy::parse(policy).map_or(policy != "none", |policy| policy.is_public())
}

/// Whether the pool blocks what threat protection finds. Without threat protection there are no reactions to read.
fn risks(estate: &Estate<'_>, blocks: impl Fn(&Resource<'_>) -> bool) -> Vec<Finding> {
    estate.each(cognito::UserPool::KIND, |pool| {
        let read = pool.values("RiskConfiguration");
        if read.iter().any(|(_, value)| *value == UNSUPPORTED) {
            return not_tried(pool.id, format!("RiskConfiguration is {UNSUPPORTED}"));
        }
        let observed: Vec<String> = read.iter().map(|(field, value)| format!("{field}: {value}")).collect();
        let observed = if observed.is_empty() { "no threat protection".to_owned() } else { observed.join("; ") };
        found(pool.id, blocks(pool), observed, format!("pools.{}.threat_protection = \"enforced\"", pool.name()))
    })
}

/// The days between two rotations of a secret; `None` if it is not rotated.
fn rotation(estate: &Estate<'_>, secret: &Resource<'_>) -> Option<String> {
    let id = format!("rotation.{}", secret.name());
    estate.seen.iter().find(|(known, ..)| known.as_str() == id).and_then(|(.., result)| match result {
        ReadResult::Live { comparison, .. } => {
            let mut settings = comparison.settings().iter();
            settings.find(|setting| setting.field.starts_with("RotationRules")).map(|setting| setting.live.clone())
        }
        _ => None,
    })
}

/// Whether a policy allows all actions, or all actions of a service.
fn allows_wildcard_actions(policy: &str) -> bool {
    let Ok(policy) = Policy::parse(policy) else { return true };
    let wide = |action: &Value| action.as_str().is_none_or(|action| action == "*" || action.ends_with(":*"));
    let mut allowing = policy.statements().filter(|statement| statement["Effect"] == "Allow");
    allowing.any(|statement| !statement["NotAction"].is_null() || one_or_many(&statement["Action"]).any(wide))
}

/// The table of an API in the stack file, by a resource that belongs to it: `api`, or `apis.NAME`.
fn api(resource: &Resource<'_>) -> String {
    resource.name().split_once('.').map_or_else(|| "api".to_owned(), |(api, _)| format!("apis.{api}"))
}

fn retention(group: &Resource<'_>) -> String {
    match group.id.parts() {
        ("logs", function) => format!("functions.{function}.log_retention_days = 365"),
        _ => "stack.posture = \"hardened\"".to_owned(),
    }
}

/// Whether a kind whose settings list foreign parts has none.
fn nothing_else(estate: &Estate<'_>, kind: &str) -> Vec<Finding> {
    estate.each(kind, |resource| {
        let foreign = resource.differing(|drift| drift.want == "none");
        let observed = if foreign.is_empty() { "nothing else".to_owned() } else { foreign.join("; ") };
        found(resource.id, foreign.is_empty(), observed, repair())
    })
}

fn routes_authorized(estate: &Estate<'_>) -> Vec<Finding> {
    let routes = estate.stack.all_routes();
    let mut findings: Vec<Finding> = routes
        .map(|(place, route)| {
            let (open, observed) = match &route.auth {
                Auth::None => (true, "authorization NONE".to_owned()),
                Auth::Iam => (false, "authorization AWS_IAM".to_owned()),
                Auth::Pool(pool) => (false, format!("authorizer of the pool {pool}")),
            };
            Finding {
                resource: format!("{} ({place})", route.name()),
                outcome: if open { Outcome::Fail } else { Outcome::Pass },
                observed,
                key: open
                    .then(|| format!("{place}.pool = \"NAME\", or [audit] accept if the route is open on purpose")),
            }
        })
        .collect();
    // The stack file says it; the live routes must be so, too.
    for kind in [apigateway::Routes::KIND, apigatewayv2::HttpRoutes::KIND] {
        findings.extend(estate.each(kind, |routes| {
            let drift = routes.differing(|drift| drift.weakens);
            found(
                routes.id,
                drift.is_empty(),
                if drift.is_empty() { "as in the stack file".into() } else { drift.join("; ") },
                repair(),
            )
        }));
    }
    findings
}

fn routes_throttled(estate: &Estate<'_>) -> Vec<Finding> {
    let limits = |kind: &str, field: &'static str| {
        estate.field(
            kind,
            &[field],
            |value| number(value) > 0 && number(value) < 10_000,
            |stage| format!("{}.rate_limit", api(stage)),
        )
    };
    let mut findings = limits(apigateway::Stage::KIND, "methodSettings.*/*.throttlingRateLimit");
    findings.extend(limits(apigatewayv2::HttpStage::KIND, "DefaultRouteSettings.ThrottlingRateLimit"));
    findings
}

fn rest_behind_a_firewall(estate: &Estate<'_>) -> Vec<Finding> {
    let associations = estate.each(wafv2::Association::KIND, |association| {
        found(association.id, true, "the web ACL is associated", repair())
    });
    if estate.stack.firewall.is_some() {
        return associations;
    }
    estate.each(apigateway::Stage::KIND, |stage| found(stage.id, false, "no web ACL", "[firewall]"))
}

fn pools_behind_a_firewall(estate: &Estate<'_>) -> Vec<Finding> {
    estate.each(cognito::UserPool::KIND, |pool| {
        let id = format!("firewall.pool.{}", pool.name());
        let associated = estate
            .seen
            .iter()
            .any(|(known, _, result)| known.as_str() == id && matches!(result, ReadResult::Live { .. }));
        let observed = if associated { "the web ACL is associated" } else { "no web ACL" };
        found(pool.id, associated, observed, format!("pools.{}.firewall = true", pool.name()))
    })
}

fn bodies(estate: &Estate<'_>) -> Vec<Finding> {
    let with_body = |method: &str| matches!(method, "POST" | "PUT" | "PATCH" | "ANY");
    let routes = estate.stack.all_routes().filter(|(_, route)| with_body(&route.method));
    routes
        .map(|(place, route)| {
            let checked = route.body.is_some();
            Finding {
                resource: format!("{} ({place})", route.name()),
                outcome: if checked { Outcome::Pass } else { Outcome::Fail },
                observed: if checked { "a JSON schema".to_owned() } else { "any body passes".to_owned() },
                key: (!checked).then(|| format!("{place}.body = \"schema.json\"")),
            }
        })
        .collect()
}

fn runtimes(estate: &Estate<'_>) -> Vec<Finding> {
    estate.each(lambda::Function::KIND, |function| match function.value("Runtime") {
        None => not_tried(function.id, "Runtime was not read"),
        Some(runtime) => match spec::deprecated_on(runtime) {
            None => found(
                function.id,
                false,
                format!("Runtime: {runtime}, not a runtime that this version knows"),
                repair(),
            ),
            Some(day) => found(
                function.id,
                estate.today.as_str() < day,
                format!("Runtime: {runtime}, deprecated on {day}"),
                format!("functions.{}.runtime", function.name()),
            ),
        },
    })
}

fn dead_letters(estate: &Estate<'_>) -> Vec<Finding> {
    estate.each(lambda::Function::KIND, |function| {
        let target = [function.value("DeadLetterConfig.TargetArn"), function.value("DestinationConfig.OnFailure")];
        match target.iter().flatten().find(|target| **target != "none") {
            Some(target) => found(function.id, true, format!("failed events go to {target}"), ""),
            None if target.iter().all(Option::is_none) => not_tried(function.id, "DeadLetterConfig was not read"),
            None => found(
                function.id,
                false,
                "failed events are dropped",
                format!("functions.{}.on_failure = {{ queue = \"dead\" }}", function.name()),
            ),
        }
    })
}

/// The values of variables come from the stack file alone, which contains no secret; a variable that somebody else set
/// could be one.
fn environments(estate: &Estate<'_>) -> Vec<Finding> {
    estate.each(lambda::Function::KIND, |function| {
        let foreign = function.differing(|drift| drift.weakens && drift.field.starts_with("Environment."));
        let observed =
            if foreign.is_empty() { "only the variables of the stack file".to_owned() } else { foreign.join("; ") };
        found(function.id, foreign.is_empty(), observed, repair())
    })
}

fn firewall_blocks(estate: &Estate<'_>) -> Vec<Finding> {
    let Some(firewall) = &estate.stack.firewall else { return Vec::new() };
    let blocks = !matches!(firewall.mode, Mode::Count)
        || firewall.rate_per_ip.is_some()
        || firewall.managed_rules.iter().any(|rule| rule.block);
    estate.each(wafv2::WebAcl::KIND, |acl| {
        let observed = if blocks { "some rules block" } else { "every rule counts, and every request passes" };
        found(acl.id, blocks, observed, "firewall.mode = \"allow\" or \"block\", or a managed rule group with :block")
    })
}

fn managed_rules(estate: &Estate<'_>) -> Vec<Finding> {
    let Some(firewall) = &estate.stack.firewall else { return Vec::new() };
    estate.each(wafv2::WebAcl::KIND, |acl| {
        let any = !firewall.managed_rules.is_empty();
        let observed = if any { "managed rule groups" } else { "no managed rule group" };
        found(acl.id, any, observed, "firewall.managed_rules = [\"common:block\"]")
    })
}
