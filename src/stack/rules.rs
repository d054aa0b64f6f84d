//! AWS's own rules for names, paths, addresses and sizes, checked before the first call (reference, sections 14 and 6.4).
//! Physical names carry the stack's name in front, so limits here leave room for it.

use ipnet::IpNet;

/// What CloudWatch Logs allows (reference, 3.1).
pub(super) const RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// Runtimes that can be created today and are supported (reference, 6.4).
pub(super) const RUNTIMES: [&str; 4] = ["nodejs24.x", "nodejs22.x", "python3.14", "python3.13"];

/// The newest Node.js that is generally available (reference, 6.4).
pub(super) const DEFAULT_RUNTIME: &str = "nodejs24.x";

/// The day from which Lambda no longer patches these runtimes (reference, 6.4).
const DEPRECATED_ON: [(&str, &str); 4] = [
    ("nodejs24.x", "2028-04-30"),
    ("nodejs22.x", "2027-04-30"),
    ("python3.14", "2029-06-30"),
    ("python3.13", "2029-06-30"),
];

/// AWS's managed rule groups, by our short names.
pub(super) const MANAGED_RULES: [(&str, &str); 3] = [
    ("common", "AWSManagedRulesCommonRuleSet"),
    ("known-bad-inputs", "AWSManagedRulesKnownBadInputsRuleSet"),
    ("ip-reputation", "AWSManagedRulesAmazonIpReputationList"),
];

/// Lambda's name limit of 64 is the smallest; the stack's name and a hyphen take up to 25 of it.
const LONGEST_NAME: usize = 39;

/// A stack's name: it begins role names, pool names and paths alike.
pub(super) fn stack_name(name: &str) -> Result<(), String> {
    let fits = (1..=24).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    fits.then_some(())
        .ok_or_else(|| format!("a stack's name is 1 to 24 of a-z, 0-9 and -, beginning with a letter; {name:?} is not"))
}

/// A name of something in the stack file.
pub(super) fn name(section: &str, name: &str) -> Result<(), String> {
    let charset = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(charset) {
        return Err(format!("a name in {section} is 1 to {LONGEST_NAME} of A-Z, a-z, 0-9, _ and -; {name:?} is not"));
    }
    // A hyphen and six characters at the end look like the suffix AWS gives every secret (reference, 4.3).
    let tail = name.len().checked_sub(7).and_then(|at| name.get(at..));
    if section == "secrets" && tail.is_some_and(|tail| tail.starts_with('-')) {
        return Err(format!("a secret's name must not end with a hyphen and six characters; {name:?} does"));
    }
    Ok(())
}

/// An API's stage.
pub(super) fn stage_name(name: &str) -> Result<(), String> {
    let charset = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    ((1..=128).contains(&name.len()) && name.chars().all(charset))
        .then_some(())
        .ok_or_else(|| format!("a stage's name is 1 to 128 of A-Z, a-z, 0-9, _ and -; {name:?} is not"))
}

/// `POST /items/{id}` into its method and path.
pub(super) fn route(route: &str) -> Result<(String, String), String> {
    const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY"];
    let (method, path) =
        route.split_once(' ').ok_or_else(|| format!("a route is a method and a path; {route:?} is not"))?;
    if !METHODS.contains(&method) {
        return Err(format!("a method is one of {}; {method:?} is not", METHODS.join(", ")));
    }
    let Some(rest) = path.strip_prefix('/') else {
        return Err(format!("a path begins with a slash; {path:?} does not"));
    };
    if rest.is_empty() {
        return Ok((method.to_owned(), "/".to_owned()));
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
        let name = parameter.trim_end_matches('+');
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
    Ok((method.to_owned(), path.to_owned()))
}

/// An address or network as WAF takes it: CIDR, not /0, host bits cleared (reference, 7.2).
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

/// An environment variable of a function (reference, 6.3).
pub(super) fn environment_name(name: &str) -> Result<(), String> {
    let fits = name.len() >= 2
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !fits {
        return Err(format!("a variable's name is a letter and one or more of A-Z, a-z, 0-9 and _; {name:?} is not"));
    }
    let ours = ["SECRET_ID", "SECURELAMBDA_FUNCTION"];
    if name.starts_with("AWS_") || name.starts_with("LAMBDA_") || ours.contains(&name) {
        return Err(format!("the variable {name} is reserved"));
    }
    Ok(())
}

/// A runtime that Lambda accepts today.
pub(super) fn runtime(name: &str) -> Result<(), String> {
    RUNTIMES.contains(&name).then_some(()).ok_or_else(|| format!("the runtime {name:?} cannot be used"))
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
        for bad in ["POST", "post /a", "GET a", "GET /a//b", "GET /{a+}/b", "GET /{}", "GET /{a}/{a}", "GET /a b"] {
            assert!(route(bad).is_err(), "{bad}");
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
        assert!(stack_name("a-1").is_ok() && stack_name("1a").is_err() && stack_name("A").is_err());
        assert!(stack_name(&"a".repeat(24)).is_ok() && stack_name(&"a".repeat(25)).is_err());
        assert!(name("functions", &"f".repeat(39)).is_ok() && name("functions", &"f".repeat(40)).is_err());
        assert!(name("secrets", "db-abcdef").is_err() && name("functions", "db-abcdef").is_ok());
        assert!(environment_name("AB").is_ok() && environment_name("A").is_err());
        assert!(environment_name("AWS_REGION").is_err() && environment_name("_A").is_err());
    }

    #[test]
    fn every_runtime_has_its_last_day() {
        assert!(RUNTIMES.iter().all(|runtime| deprecated_on(runtime).is_some_and(|day| day.len() == 10)));
        assert_eq!(deprecated_on("nodejs18.x"), None);
    }
}
