//! AWS's rules for functions: runtimes, handlers, variables and sizes (docs/aws.md, Functions; Policy documents). Parts
//! that are not known yet, such as the account or an API's id, count with their greatest length.

use std::collections::BTreeMap;

use serde_json::json;

use super::runtimes::{Language, RUNTIMES, retired_on};
use super::{Function, Variable};
use crate::choices::LIVE;
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::policies::{self, Known, MAX_POLICY};
use crate::spec::sections::api::invoke_arn;

/// A function's variables, names and values together, in bytes.
const MAX_ENVIRONMENT: usize = 4096;
/// A function's resource policy, in bytes.
const MAX_PERMISSIONS: usize = 20_480;

/// The retention periods that CloudWatch Logs allows (docs/aws.md, Log groups).
pub(super) const RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// Checks that Lambda creates functions with this runtime.
pub(super) fn runtime(name: &str) -> Result<(), String> {
    if RUNTIMES.contains(&name) {
        return Ok(());
    }
    match retired_on(name) {
        Some(day) => Err(format!("Lambda creates no functions with the runtime {name} since {day}")),
        None => Err(format!("unknown runtime {name:?}")),
    }
}

/// Checks a function's handler (docs/aws.md, Functions).
pub(super) fn handler(handler: &str, runtime: &str) -> Result<(), String> {
    let fits = (1..=128).contains(&handler.len()) && !handler.contains(char::is_whitespace);
    (fits && Language::of(runtime).takes(handler)).then_some(()).ok_or_else(|| {
        format!("{handler:?} is not a valid handler for {runtime}, which takes 1 to 128 characters without spaces")
    })
}

/// Checks the id of a subnet (`kind` is `subnet`) or of a security group (`sg`) by its form.
pub(super) fn ec2_id(kind: &str, id: &str) -> Result<(), String> {
    let rest = id.strip_prefix(kind).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
    let fits = (1..=17).contains(&rest.len()) && rest.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    fits.then_some(()).ok_or_else(|| format!("{id:?} is not an id that begins with {kind}-"))
}

/// Checks the name of a function's environment variable (docs/aws.md, Environment variables).
pub(super) fn environment_name(name: &str) -> Result<(), String> {
    let fits = name.len() >= 2
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !fits {
        return Err(format!(
            "{name:?} is not a valid variable name: use a letter, followed by one or more of A-Z, a-z, 0-9 and _"
        ));
    }
    if RESERVED.contains(&name) {
        return Err(format!("Lambda sets the variable {name} itself"));
    }
    if name == "SECURELAMBDA_FUNCTION" || name == "SECRET_ID" || name.starts_with("SECRET_ID_") {
        return Err(format!("securelambda sets the variable {name} itself"));
    }
    Ok(())
}

/// The variables that Lambda reserves (docs/aws.md, Environment variables), except those that begin with an underscore,
/// which are not valid names. Other names with the same prefixes are free: AWS_LAMBDA_EXEC_WRAPPER is meant to be set.
const RESERVED: [&str; 21] = [
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "AWS_LAMBDA_METADATA_API",
    "AWS_LAMBDA_METADATA_TOKEN",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
];

/// The variable that holds this secret's name in a function with several secrets.
pub fn secret_variable(secret: &str) -> String {
    format!("SECRET_ID_{}", secret.to_uppercase().replace('-', "_"))
}

/// The greatest length of a variable's value, in bytes.
fn length(value: &Variable) -> usize {
    match value {
        Variable::Text(text) => text.len(),
        Variable::PoolId(_)
        | Variable::IdentityPoolId(_)
        | Variable::Table(_)
        | Variable::ClientId(_)
        | Variable::FurtherClientId(..) => 64,
        Variable::ApiId(_) => 10,
        // With the alias that it may have.
        Variable::Function(_) => 64 + 1 + LIVE.len(),
        // `https://cognito-idp.<region>.amazonaws.com/<id>` and `arn:<partition>:sns:<region>:<account>:<name>`
        Variable::Issuer(_) | Variable::Topic(_) => 128,
        // `https://<id>.execute-api.<region>.amazonaws.com/<stage>`
        Variable::Url(_) => 192,
        // `https://sqs.<region>.amazonaws.com/<account>/<name>`
        Variable::Queue(_) => 160,
        Variable::Parameter(name) => name.len(),
    }
}

/// The variables of a function, if they are too large.
pub(super) fn environment_too_large(name: &str, function: &Function, checks: &Checks) -> Option<Diagnostic> {
    let scope = &checks.longest;
    let mut size: usize = "SECURELAMBDA_FUNCTION".len() + name.len();
    size += function.environment.iter().map(|(name, value)| name.len() + length(value)).sum::<usize>();
    size += function
        .secrets
        .iter()
        .map(|secret| secret_variable(secret).len() + checks.stack.secret_id(secret, scope).len())
        .sum::<usize>();
    (size > MAX_ENVIRONMENT).then(|| {
        let message = format!("the variables of {name} have {size} bytes; Lambda allows {MAX_ENVIRONMENT}");
        // The function that checks groups has the routes in its variables.
        let shipped = function.packed().is_some_and(|packed| packed.shipped);
        let help = if shipped {
            "use fewer routes with `groups`, for example a greedy one such as ANY /files/{proxy+}, or a second pool"
        } else {
            "put long values into a file in the function's source folder"
        };
        Diagnostic::new(format!("functions.{name}.environment"), message).help(help)
    })
}

/// Reports more provisioned instances than the function's reserved concurrency allows (docs/aws.md, Versions and
/// provisioned concurrency).
pub(super) fn more_provisioned_than_reserved(name: &str, function: &Function) -> Option<Diagnostic> {
    let (provisioned, reserved) = (function.provisioned_concurrency?, function.reserved_concurrency?);
    (provisioned > reserved).then(|| {
        let place = format!("functions.{name}.provisioned_concurrency");
        let message =
            format!("{name} may handle {reserved} calls at the same time, so {provisioned} instances cannot be ready");
        Diagnostic::new(place, message).help("raise `reserved_concurrency`, or lower `provisioned_concurrency`")
    })
}

/// The policy of a function, if it is too large.
pub(super) fn policy_too_large(name: &str, function: &Function, checks: &Checks) -> Option<Diagnostic> {
    let key = checks.stack.kms_key.as_ref().map(|key| key.arn(&checks.longest));
    let policy = policies::planned_for(checks.stack, name, function, &checks.longest, key.as_ref(), &Known::NOTHING);
    let size = policy.to_string().len();
    (size > MAX_POLICY).then(|| {
        let message = format!("the role of {name} would need a policy of {size} characters; IAM allows {MAX_POLICY}");
        Diagnostic::new(format!("functions.{name}"), message)
            .help("give the function fewer permissions, or split it into two functions")
    })
}

/// Reports functions whose resource policy would be too large. It has a statement for each trigger and for each route
/// that leads to the function.
pub(super) fn too_many_callers(checks: &Checks) -> Vec<Diagnostic> {
    let (stack, scope) = (checks.stack, &checks.longest);
    let statement = |function: &str, principal: &str, source: &str| {
        let statement = json!({
            "Sid": "securelambda-api-0123456789abcdef",
            "Effect": "Allow",
            "Principal": { "Service": principal },
            "Action": "lambda:InvokeFunction",
            "Resource": stack.called_arn(scope, function),
            "Condition": { "ArnLike": { "AWS:SourceArn": source } },
        });
        statement.to_string().len() + 1
    };
    let mut sizes: BTreeMap<&str, usize> = stack
        .functions
        .iter()
        .map(|(name, function)| {
            let topics = function.topics().map(|topic| scope.arn("sns", &scope.physical(topic)));
            let topics: usize = topics.map(|topic| statement(name, "sns.amazonaws.com", &topic)).sum();
            let others = function.outside_callers().map(|caller| statement(name, &caller.service, &caller.source_arn));
            let pools = stack.pools.values().filter(|pool| pool.hooks.called().any(|called| called == name));
            let pools = pools.map(|_| {
                statement(
                    name,
                    "cognito-idp.amazonaws.com",
                    &scope.arn("cognito-idp", "userpool/ap-southeast-1_123456789"),
                )
            });
            (name.as_str(), 100 + topics + others.sum::<usize>() + pools.sum::<usize>())
        })
        .collect();
    let mut flaws = Vec::new();
    let apis = stack.all_apis();
    let routes = apis.flat_map(|(name, api)| api.routes.iter().enumerate().map(move |route| (name, api, route)));
    for (name, api, (index, route)) in routes {
        // The check of routes reports functions that do not exist.
        let Some(function) = route.function() else { continue };
        let Some(size) = sizes.get_mut(function.as_str()) else { continue };
        let fitted = *size <= MAX_PERMISSIONS;
        *size += statement(function, "apigateway.amazonaws.com", &invoke_arn(api, route, scope));
        if fitted && *size > MAX_PERMISSIONS {
            let message = format!("too many routes lead to {function}: its resource policy would exceed 20 KB");
            let help = "use a greedy path such as ANY /files/{proxy+}, or a second function";
            flaws.push(Diagnostic::new(format!("routes.{index}.function"), message).help(help).within(name));
        }
    }
    flaws
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    #[test]
    fn a_variable_begins_with_a_letter_and_has_two_characters() {
        assert!(environment_name("AB").is_ok() && environment_name("A").is_err());
        assert!(environment_name("AWS_REGION").is_err() && environment_name("_A").is_err());
    }

    /// The reserved names are from Lambda's page of defined runtime environment variables, and from tools that know
    /// which names Lambda refuses.
    #[test]
    fn only_the_variables_that_lambda_reserves_are_refused() {
        for reserved in [
            "_HANDLER",
            "_X_AMZN_TRACE_ID",
            "AWS_DEFAULT_REGION",
            "AWS_REGION",
            "AWS_EXECUTION_ENV",
            "AWS_LAMBDA_FUNCTION_NAME",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            "AWS_LAMBDA_FUNCTION_VERSION",
            "AWS_LAMBDA_INITIALIZATION_TYPE",
            "AWS_LAMBDA_LOG_GROUP_NAME",
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "AWS_ACCESS_KEY",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_LAMBDA_RUNTIME_API",
            "LAMBDA_TASK_ROOT",
            "LAMBDA_RUNTIME_DIR",
            "AWS_LAMBDA_MAX_CONCURRENCY",
            "AWS_LAMBDA_METADATA_API",
            "AWS_LAMBDA_METADATA_TOKEN",
            // The variables that this program sets.
            "SECURELAMBDA_FUNCTION",
            "SECRET_ID",
            "SECRET_ID_STRIPE",
        ] {
            assert!(environment_name(reserved).is_err(), "{reserved}");
        }
        for free in [
            "TZ",
            "PATH",
            "LANG",
            "NODE_PATH",
            "NODE_OPTIONS",
            "PYTHONPATH",
            "LD_LIBRARY_PATH",
            "AWS_LAMBDA_EXEC_WRAPPER",
            "AWS_XRAY_CONTEXT_MISSING",
            "AWS_NODEJS_CONNECTION_REUSE_ENABLED",
            "AWS_MAX_ATTEMPTS",
            "SECRET_IDS",
        ] {
            assert_eq!(environment_name(free), Ok(()), "{free}");
        }
    }

    #[test]
    fn a_trigger_takes_the_space_of_a_route_in_a_functions_resource_policy() {
        let fits = |routes: usize, trigger: &str| {
            let route = |n| format!("[[api.routes]]\nroute = \"GET /{n:03}\"\nfunction = \"F\"\nauth = \"none\"\n");
            let routes = (0..routes).map(route).collect::<Vec<_>>().concat();
            let text = format!(
                "[stack]\nname = \"demo\"\n[topics.news]\n[functions.F]\nsource = \"f\"\n{trigger}\n[api]\n{routes}"
            );
            parse(&text).is_ok()
        };
        let most = (1..100).take_while(|routes| fits(*routes, "")).last().expect("one fits");
        assert!((40..70).contains(&most), "{most}");
        assert!(!fits(most, "trigger = { topic = \"news\" }"));
        assert!(fits(most - 1, "trigger = { topic = \"news\" }"));
    }
}
