//! AWS's own rules for names, paths, addresses and sizes, checked before the first call. Physical names carry the
//! stack's name in front, so limits here leave room for it.

use ipnet::IpNet;

use super::identity_pools::role_name;
use super::model::ApiKind;
use crate::error::nearest;

/// What CloudWatch Logs allows (docs/aws.md, Log groups).
pub(super) const RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// Runtimes that can be created today and are supported (docs/aws.md, Runtimes).
pub(super) const RUNTIMES: [&str; 4] = ["nodejs24.x", "nodejs22.x", "python3.14", "python3.13"];

/// The newest Node.js that is generally available (docs/aws.md, Runtimes).
pub(super) const DEFAULT_RUNTIME: &str = "nodejs24.x";

/// The day from which Lambda no longer patches these runtimes (docs/aws.md, Runtimes).
const DEPRECATED_ON: [(&str, &str); 4] = [
    ("nodejs24.x", "2028-04-30"),
    ("nodejs22.x", "2027-04-30"),
    ("python3.14", "2029-06-30"),
    ("python3.13", "2029-06-30"),
];

/// Lambda's name limit of 64 is the smallest; the stack's name and a hyphen take up to 25 of it.
const LONGEST_NAME: usize = 39;

/// A stack's name: it begins role names, pool names and paths alike.
pub(super) fn stack_name(name: &str) -> Result<(), String> {
    let fits = (1..=24).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    fits.then_some(()).ok_or_else(|| {
        format!("a stack's name is 1 to 24 of a-z, 0-9 and -, beginning with a letter; {name:?} is not")
    })?;
    if name.ends_with('-') {
        return Err(format!("a stack's name must not end in '-'; {name:?} does"));
    }
    Ok(())
}

/// The ARN of a managed policy: an account's own, or one of AWS's.
pub(super) fn policy_arn(arn: &str) -> Result<(), String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let fits = matches!(parts.as_slice(), ["arn", partition, "iam", "", account, policy]
        if partition.starts_with("aws")
            && (*account == "aws" || (account.len() == 12 && account.chars().all(|c| c.is_ascii_digit())))
            && policy.strip_prefix("policy/").is_some_and(|name| !name.is_empty() && !name.ends_with('/'))
            && policy.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@_/-".contains(c)));
    fits.then_some(()).ok_or_else(|| {
        format!("a permissions boundary is the ARN of a managed policy, as in arn:aws:iam::123456789012:policy/bounds; {arn:?} is not")
    })
}

/// A name of something in the stack file.
pub(super) fn name(section: &str, name: &str) -> Result<(), String> {
    let charset = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    // An identity pool's role has a longer name than the pool itself.
    let longest = LONGEST_NAME - if section == "identity_pools" { role_name("").len() } else { 0 };
    if name.is_empty() || name.len() > longest || !name.chars().all(charset) {
        return Err(format!("a name in {section} is 1 to {longest} of A-Z, a-z, 0-9, _ and -; {name:?} is not"));
    }
    Ok(())
}

/// The stage where none is given: an HTTP API's answers at the root of its host.
pub(super) fn default_stage(kind: ApiKind) -> &'static str {
    match kind {
        ApiKind::Rest => "development",
        ApiKind::Http => "$default",
    }
}

/// An API's stage.
pub(super) fn stage_name(name: &str) -> Result<(), String> {
    let charset = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    ((1..=128).contains(&name.len()) && name.chars().all(charset))
        .then_some(())
        .ok_or_else(|| format!("a stage's name is 1 to 128 of A-Z, a-z, 0-9, _ and -; {name:?} is not"))
}

/// What is wrong with a route, and what would be right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadRoute {
    pub message: String,
    pub help: String,
}

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY"];

/// `POST /items/{id}` into its method and path.
pub(super) fn route(route: &str) -> Result<(String, String), BadRoute> {
    let wrong = |message: String| BadRoute { message, help: "write it as \"POST /items/{id}\"".to_owned() };
    let (method, path) =
        route.split_once(' ').ok_or_else(|| wrong(format!("a route is a method and a path; {route:?} is not")))?;
    if !METHODS.contains(&method) {
        let message = format!("a method is one of {}; {method:?} is not", METHODS.join(", "));
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
        return Err(format!("a path begins with a slash; {path:?} does not"));
    };
    if rest.is_empty() {
        return Ok(());
    }
    if rest.ends_with('/') {
        return Err(format!("a path does not end with a slash; {path:?} does"));
    }
    let parts: Vec<&str> = rest.split('/').collect();
    let mut names = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let Some(parameter) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
            let fits = !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-:".contains(c));
            if !fits {
                return Err(format!("a path's part is one or more of A-Z, a-z, 0-9, . _ - and :; {part:?} is not"));
            }
            continue;
        };
        let name = parameter.strip_suffix('+').unwrap_or(parameter);
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
            return Err(format!("a path parameter is {{name}} or {{name+}}; {part:?} is neither"));
        }
        if parameter.ends_with('+') && index + 1 < parts.len() {
            return Err(format!("only the last part of a path can be greedy; {part:?} is not the last"));
        }
        if names.contains(&name) {
            return Err(format!("the path parameter {name} is there twice"));
        }
        names.push(name);
    }
    Ok(())
}

/// An address or network as WAF takes it: CIDR, not /0, host bits cleared (docs/aws.md, IP sets).
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let network: IpNet = text.parse().map_err(|_| match text.parse::<std::net::IpAddr>() {
        Ok(address) => {
            format!("{text:?} lacks its length: {}/{}", address, if address.is_ipv4() { 32 } else { 128 })
        }
        Err(_) => format!("{text:?} is not a network"),
    })?;
    if network.prefix_len() == 0 {
        return Err(format!("{text:?} is everyone, which a firewall's list cannot hold"));
    }
    Ok(network.trunc())
}

/// An environment variable of a function (docs/aws.md, Environment variables).
pub(super) fn environment_name(name: &str) -> Result<(), String> {
    let fits = name.len() >= 2
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !fits {
        return Err(format!("a variable's name is a letter and one or more of A-Z, a-z, 0-9 and _; {name:?} is not"));
    }
    if RESERVED.contains(&name) {
        return Err(format!("Lambda sets the variable {name} itself"));
    }
    if name == "SECURELAMBDA_FUNCTION" || name == "SECRET_ID" || name.starts_with("SECRET_ID_") {
        return Err(format!("securelambda sets the variable {name} itself"));
    }
    Ok(())
}

/// What Lambda sets and refuses to be given (docs/aws.md, Environment variables). Those that begin with an underscore are no names for
/// variables anyway. Beginning like them reserves nothing: AWS_LAMBDA_EXEC_WRAPPER is there to be set.
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

/// The variable in which a function of several secrets finds this one's name.
pub(super) fn secret_variable(secret: &str) -> String {
    format!("SECRET_ID_{}", secret.to_uppercase().replace('-', "_"))
}

/// A variable of the environment that `up` runs in.
pub(super) fn variable_name(name: &str) -> Result<(), String> {
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    // It is not quoted: it may be the value itself, written in the wrong place.
    let why = "a variable's name is of A-Z, a-z, 0-9 and _, and begins with no digit";
    fits.then_some(()).ok_or_else(|| why.to_owned())
}

/// What Lambda calls (docs/aws.md, Functions).
pub(super) fn handler(handler: &str) -> Result<(), String> {
    let fits = (1..=128).contains(&handler.len()) && !handler.contains(char::is_whitespace);
    let named = handler.rsplit_once('.').is_some_and(|(file, function)| !file.is_empty() && !function.is_empty());
    (fits && named).then_some(()).ok_or_else(|| {
        format!("a handler is 1 to 128 characters without spaces, as in index.handler; {handler:?} is not")
    })
}

/// Runtimes that once could be created and no longer can (docs/aws.md, Runtimes).
pub(super) fn is_retired(name: &str) -> bool {
    let version = |text: &str| text.trim_end_matches(".x").parse::<u32>().ok();
    let node = name.strip_prefix("nodejs").and_then(version).is_some_and(|major| major <= 20);
    let python = name.strip_prefix("python3.").and_then(version).is_some_and(|minor| minor <= 9);
    node || python || name == "python2.7"
}

/// A runtime that Lambda accepts today.
pub(super) fn runtime(name: &str) -> Result<(), String> {
    if RUNTIMES.contains(&name) {
        return Ok(());
    }
    if is_retired(name) {
        return Err(format!("Lambda no longer makes functions with the runtime {name}"));
    }
    Err(format!("there is no runtime called {name:?} here"))
}

/// The day, as in `2028-04-30`, from which Lambda no longer patches a runtime.
pub(super) fn deprecated_on(runtime: &str) -> Option<&'static str> {
    DEPRECATED_ON.iter().find(|(name, _)| *name == runtime).map(|(_, day)| *day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_taken_apart() {
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
    fn networks_are_canonical_and_never_everyone() {
        assert_eq!(network("10.0.0.5/24").map(|n| n.to_string()), Ok("10.0.0.0/24".into()));
        assert_eq!(network("2001:DB8::1/128").map(|n| n.to_string()), Ok("2001:db8::1/128".into()));
        assert!(network("0.0.0.0/0").is_err());
        assert!(network("1.2.3.4").is_err_and(|why| why.contains("1.2.3.4/32")));
        assert!(network("1.2.3/24").is_err());
    }

    #[test]
    fn names_keep_to_the_smallest_limit() {
        assert!(
            stack_name("a-1").is_ok()
                && stack_name("a-").is_err()
                && stack_name("1a").is_err()
                && stack_name("A").is_err()
        );
        assert!(stack_name(&"a".repeat(24)).is_ok() && stack_name(&"a".repeat(25)).is_err());
        assert!(name("functions", &"f".repeat(39)).is_ok() && name("functions", &"f".repeat(40)).is_err());
        assert!(name("identity_pools", &"i".repeat(32)).is_ok() && name("identity_pools", &"i".repeat(33)).is_err());
        // Six characters behind a hyphen look like what AWS puts behind a secret's name in its ARN. They are told apart.
        for six in ["Stripe", "OpenAI", "GitHub", "ApiKey", "db-abcdef"] {
            assert!(name("secrets", six).is_ok() && name("service_users", six).is_ok(), "{six}");
        }
        assert!(environment_name("AB").is_ok() && environment_name("A").is_err());
        assert!(environment_name("AWS_REGION").is_err() && environment_name("_A").is_err());
    }

    /// Lambda's page of defined runtime environment variables, and what other tools know to be refused.
    #[test]
    fn what_lambda_reserves_is_refused_and_what_only_begins_like_it_is_not() {
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
    fn every_runtime_has_its_last_day() {
        assert!(RUNTIMES.iter().all(|runtime| deprecated_on(runtime).is_some_and(|day| day.len() == 10)));
        assert_eq!(deprecated_on("nodejs18.x"), None);
    }
}
