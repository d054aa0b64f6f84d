//! AWS's rules for names, paths, addresses and runtimes. Names in AWS begin with the stack's name, so the limits here
//! leave room for it.

use ipnet::IpNet;

use super::model::ApiKind;
use super::names::caller_role;
use crate::spelling::nearest;

/// The retention periods that CloudWatch Logs allows (docs/aws.md, Log groups).
pub(super) const RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// Runtimes that can be created today and are supported (docs/aws.md, Runtimes). The first one is the default: the
/// newest Node.js that is generally available.
pub(super) const RUNTIMES: [&str; 4] = ["nodejs24.x", "nodejs22.x", "python3.14", "python3.13"];

/// The day from which Lambda no longer patches these runtimes (docs/aws.md, Runtimes).
const DEPRECATED_ON: [(&str, &str); 4] = [
    ("nodejs24.x", "2028-04-30"),
    ("nodejs22.x", "2027-04-30"),
    ("python3.14", "2029-06-30"),
    ("python3.13", "2029-06-30"),
];

/// Lambda's name limit of 64 is the smallest; the stack's name and a hyphen take up to 25 of it.
const LONGEST_NAME: usize = 39;

/// Checks a stack's name, which is the beginning of the names of roles, pools and paths.
pub fn stack_name(name: &str) -> Result<(), String> {
    let fits = (1..=24).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    fits.then_some(()).ok_or_else(|| {
        format!("{name:?} is not a valid stack name: use 1 to 24 characters of a-z, 0-9 and -, beginning with a letter")
    })?;
    if name.ends_with('-') {
        return Err(format!("{name:?} is not a valid stack name: it must not end in '-'"));
    }
    Ok(())
}

/// Checks the ARN of a managed policy, which belongs to an account or to AWS.
pub fn policy_arn(arn: &str) -> Result<(), String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let fits = matches!(parts.as_slice(), ["arn", partition, "iam", "", account, policy]
        if partition.starts_with("aws")
            && (*account == "aws" || (account.len() == 12 && account.chars().all(|c| c.is_ascii_digit())))
            && policy.strip_prefix("policy/").is_some_and(|name| !name.is_empty() && !name.ends_with('/'))
            && policy.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@_/-".contains(c)));
    fits.then_some(()).ok_or_else(|| {
        format!("{arn:?} is not the ARN of a managed policy, such as arn:aws:iam::123456789012:policy/bounds")
    })
}

/// Checks the ARN of a KMS key. Not every service takes the ARN of an alias.
pub(super) fn key_arn(arn: &str) -> Result<(), String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let fits = matches!(parts.as_slice(), ["arn", partition, "kms", region, account, key]
        if partition.starts_with("aws")
            && !region.is_empty()
            && account.len() == 12
            && account.chars().all(|c| c.is_ascii_digit())
            && key.strip_prefix("key/").is_some_and(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')));
    fits.then_some(()).ok_or_else(|| format!("{arn:?} is not the ARN of a KMS key"))
}

/// Checks the ARN of one role or user.
pub(super) fn principal_arn(arn: &str) -> Result<(), String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let fits = matches!(parts.as_slice(), ["arn", partition, "iam", "", account, principal]
        if partition.starts_with("aws")
            && account.len() == 12
            && account.chars().all(|c| c.is_ascii_digit())
            && ["role/", "user/"].iter().any(|kind| principal.strip_prefix(kind).is_some_and(|name| !name.is_empty()))
            && principal.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@_/-".contains(c)));
    fits.then_some(()).ok_or_else(|| format!("{arn:?} is not the ARN of a role or a user"))
}

/// Checks the id of a subnet (`kind` is `subnet`) or of a security group (`sg`) by its form.
pub(super) fn ec2_id(kind: &str, id: &str) -> Result<(), String> {
    let rest = id.strip_prefix(kind).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
    let fits = (1..=17).contains(&rest.len()) && rest.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    fits.then_some(()).ok_or_else(|| format!("{id:?} is not an id that begins with {kind}-"))
}

/// Checks a name that the user chose in a section of the stack file.
pub(super) fn name(section: &str, name: &str) -> Result<(), String> {
    let charset = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    // An identity pool's role has a longer name than the pool itself.
    let longest = LONGEST_NAME - if section == "identity_pools" { caller_role("").len() } else { 0 };
    if name.is_empty() || name.len() > longest || !name.chars().all(charset) {
        return Err(format!(
            "{name:?} is not a valid name: names in {section} have 1 to {longest} characters of A-Z, a-z, 0-9, _ and -"
        ));
    }
    Ok(())
}

/// The stage if none is given. An HTTP API's default stage answers at the root of its host.
pub(super) fn default_stage(kind: ApiKind) -> &'static str {
    match kind {
        ApiKind::Rest => "development",
        ApiKind::Http => "$default",
    }
}

pub(super) fn stage_name(name: &str) -> Result<(), String> {
    let charset = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    ((1..=128).contains(&name.len()) && name.chars().all(charset))
        .then_some(())
        .ok_or_else(|| format!("{name:?} is not a valid stage name: use 1 to 128 characters of A-Z, a-z, 0-9, _ and -"))
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadRoute {
    pub message: String,
    pub help: String,
}

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY"];

/// Splits a route such as `POST /items/{id}` into its method and path.
pub(super) fn route(route: &str) -> Result<(String, String), BadRoute> {
    let wrong = |message: String| BadRoute { message, help: "write it as \"POST /items/{id}\"".to_owned() };
    let (method, path) = route
        .split_once(' ')
        .ok_or_else(|| wrong(format!("{route:?} is not a route: a route is a method and a path")))?;
    if !METHODS.contains(&method) {
        let message = format!("{method:?} is not a method: use one of {}", METHODS.join(", "));
        return Err(match nearest(method, &METHODS) {
            Some(near) => BadRoute { message, help: format!("did you mean {near}?") },
            None => wrong(message),
        });
    }
    path_parts(path).map_err(wrong)?;
    Ok((method.to_owned(), path.to_owned()))
}

/// Whether API Gateway takes a path (docs/aws.md, Paths, methods and integrations).
fn path_parts(path: &str) -> Result<(), String> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err(format!("the path {path:?} must begin with a slash"));
    };
    if rest.is_empty() {
        return Ok(());
    }
    if rest.ends_with('/') {
        return Err(format!("the path {path:?} must not end with a slash"));
    }
    let parts: Vec<&str> = rest.split('/').collect();
    let mut names = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let Some(parameter) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
            let fits = !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-:".contains(c));
            if !fits {
                return Err(format!(
                    "{part:?} is not a valid part of a path: use one or more of A-Z, a-z, 0-9, . _ - and :"
                ));
            }
            continue;
        };
        let name = parameter.strip_suffix('+').unwrap_or(parameter);
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
            return Err(format!("{part:?} is not a valid path parameter: write {{name}} or {{name+}}"));
        }
        if parameter.ends_with('+') && index + 1 < parts.len() {
            return Err(format!("{part:?} must be the last part of the path, because it is greedy"));
        }
        if names.contains(&name) {
            return Err(format!("the path parameter {name} occurs twice"));
        }
        names.push(name);
    }
    Ok(())
}

/// Reads an address or network as WAF accepts it: CIDR, not /0, host bits cleared (docs/aws.md, IP sets).
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let network: IpNet = text.parse().map_err(|_| match text.parse::<std::net::IpAddr>() {
        Ok(address) => {
            format!("{text:?} needs a prefix length: {}/{}", address, if address.is_ipv4() { 32 } else { 128 })
        }
        Err(_) => format!("{text:?} is not an IP network"),
    })?;
    if network.prefix_len() == 0 {
        return Err(format!("{text:?} covers every address, which WAF does not accept in an IP set"));
    }
    Ok(network.trunc())
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

/// Checks the name of a variable of the environment that `up` runs in.
pub(super) fn variable_name(name: &str) -> Result<(), String> {
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    // The text is not quoted: it may be the secret value, written in the wrong place.
    let why = "the name of an environment variable has only A-Z, a-z, 0-9 and _, and does not begin with a digit";
    fits.then_some(()).ok_or_else(|| why.to_owned())
}

/// Checks a function's handler (docs/aws.md, Functions).
pub(super) fn handler(handler: &str) -> Result<(), String> {
    let fits = (1..=128).contains(&handler.len()) && !handler.contains(char::is_whitespace);
    let named = handler.rsplit_once('.').is_some_and(|(file, function)| !file.is_empty() && !function.is_empty());
    (fits && named).then_some(()).ok_or_else(|| {
        format!("{handler:?} is not a valid handler: use 1 to 128 characters without spaces, such as index.handler")
    })
}

/// Whether Lambda once had this runtime and no longer creates functions with it (docs/aws.md, Runtimes).
pub(super) fn is_retired(name: &str) -> bool {
    let version = |text: &str| text.trim_end_matches(".x").parse::<u32>().ok();
    let node = name.strip_prefix("nodejs").and_then(version).is_some_and(|major| major <= 20);
    let python = name.strip_prefix("python3.").and_then(version).is_some_and(|minor| minor <= 9);
    node || python || name == "python2.7"
}

/// Checks that Lambda creates functions with this runtime today.
pub(super) fn runtime(name: &str) -> Result<(), String> {
    if RUNTIMES.contains(&name) {
        return Ok(());
    }
    if is_retired(name) {
        return Err(format!("Lambda no longer creates functions with the runtime {name}"));
    }
    Err(format!("unknown runtime {name:?}"))
}

/// The day, as in `2028-04-30`, from which Lambda no longer patches a runtime.
pub fn deprecated_on(runtime: &str) -> Option<&'static str> {
    DEPRECATED_ON.iter().find(|(name, _)| *name == runtime).map(|(_, day)| *day)
}

/// The newest runtime of the same language; the newest of all if no language fits.
pub fn newest_runtime(like: &str) -> &'static str {
    let language: String = like.chars().take_while(char::is_ascii_alphabetic).collect();
    RUNTIMES.into_iter().find(|runtime| runtime.starts_with(&language)).unwrap_or(RUNTIMES[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_split_into_method_and_path() {
        assert_eq!(route("POST /lambda1"), Ok(("POST".into(), "/lambda1".into())));
        assert_eq!(route("GET /"), Ok(("GET".into(), "/".into())));
        assert_eq!(route("ANY /a/{id}/{rest+}"), Ok(("ANY".into(), "/a/{id}/{rest+}".into())));
        for bad in [
            "POST",
            "post /a",
            "GET a",
            "GET /a//b",
            "GET /{a+}/b",
            "GET /{}",
            "GET /{a}/{a}",
            "GET /a b",
            "GET /a/",
            "GET /{a++}",
        ] {
            assert!(route(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_boundary_is_the_arn_of_a_managed_policy() {
        for good in ["arn:aws:iam::123456789012:policy/a/b-c", "arn:aws-cn:iam::aws:policy/PowerUserAccess"] {
            assert_eq!(policy_arn(good), Ok(()), "{good}");
        }
        let role = "arn:aws:iam::123456789012:role/a";
        for bad in [
            "",
            "bounds",
            role,
            "arn:aws:iam::12345:policy/a",
            "arn:aws:iam::aws:policy/",
            "arn:aws:iam::aws:policy/a b",
        ] {
            assert!(policy_arn(bad).is_err_and(|why| why.contains("ARN of a managed policy")), "{bad}");
        }
    }

    #[test]
    fn host_bits_of_networks_are_cleared_and_the_network_of_all_addresses_is_refused() {
        assert_eq!(network("10.0.0.5/24").map(|n| n.to_string()), Ok("10.0.0.0/24".into()));
        assert_eq!(network("2001:DB8::1/128").map(|n| n.to_string()), Ok("2001:db8::1/128".into()));
        assert!(network("0.0.0.0/0").is_err());
        assert!(network("1.2.3.4").is_err_and(|why| why.contains("1.2.3.4/32")));
        assert!(network("1.2.3/24").is_err());
    }

    #[test]
    fn names_have_at_most_the_length_that_fits_into_every_name_at_aws() {
        assert!(
            stack_name("a-1").is_ok()
                && stack_name("a-").is_err()
                && stack_name("1a").is_err()
                && stack_name("A").is_err()
        );
        assert!(stack_name(&"a".repeat(24)).is_ok() && stack_name(&"a".repeat(25)).is_err());
        assert!(name("functions", &"f".repeat(39)).is_ok() && name("functions", &"f".repeat(40)).is_err());
        assert!(name("identity_pools", &"i".repeat(32)).is_ok() && name("identity_pools", &"i".repeat(33)).is_err());
        // Six characters behind a hyphen look like what AWS puts behind a secret's name in its ARN. They are told
        // apart.
        for six in ["Stripe", "OpenAI", "GitHub", "ApiKey", "db-abcdef"] {
            assert!(name("secrets", six).is_ok() && name("service_users", six).is_ok(), "{six}");
        }
        assert!(environment_name("AB").is_ok() && environment_name("A").is_err());
        assert!(environment_name("AWS_REGION").is_err() && environment_name("_A").is_err());
    }

    /// Lambda's page of defined runtime environment variables, and what other tools know to be refused.
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
            // The program's own.
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
    fn every_runtime_has_a_deprecation_date() {
        assert!(RUNTIMES.iter().all(|runtime| deprecated_on(runtime).is_some_and(|day| day.len() == 10)));
        assert_eq!(deprecated_on("nodejs18.x"), None);
        for (old, new) in [("python3.9", "python3.14"), ("nodejs20.x", "nodejs24.x"), ("ruby3.2", "nodejs24.x")] {
            assert_eq!(newest_runtime(old), new);
        }
    }
}
