//! AWS's limits on sizes and numbers, compared with the sums over a whole stack (docs/aws.md, Policy documents; Values
//! and versions; Functions; Limits of API Gateway). Parts that are not known yet, such as the account or an API's id,
//! count with their greatest length.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use serde_json::json;

use super::diagnostic::Diagnostic;
use super::model::{Api, ApiKind, Auth, Function, IdentityPool, Route, Stack, Value, Variable};
use super::{policies, rules};
use crate::scope::Scope;

/// A function's variables, names and values together, in bytes.
const MAX_ENVIRONMENT: usize = 4096;
/// A role's inline policies, without white space, in characters.
const MAX_POLICY: usize = 10_240;
/// A function's resource policy, in bytes.
const MAX_PERMISSIONS: usize = 20_480;
/// A secret's value, in bytes.
pub const MAX_SECRET: usize = 65_536;
/// Parts of an API's paths, including the root.
const MAX_RESOURCES: usize = 300;
/// Routes of an HTTP API.
const MAX_ROUTES: usize = 300;
/// Authorizers of an API.
const MAX_AUTHORIZERS: usize = 10;
/// Networks of an IP set.
const MAX_ADDRESSES: usize = 10_000;

pub(super) fn flaws(stack: &Stack) -> Vec<Diagnostic> {
    let scope = longest(&stack.name);
    let mut flaws = Vec::new();
    for (name, function) in &stack.functions {
        flaws.extend(environment(name, function, &scope));
        flaws.extend(policy(name, function, &scope, stack.kms_key.as_ref()));
    }
    for (name, values) in &stack.secrets {
        flaws.extend(secret(name, values));
    }
    for (name, api) in stack.all_apis() {
        let paths = match api.kind {
            ApiKind::Rest => resources(api),
            ApiKind::Http => routes(api),
        };
        flaws.extend(paths.into_iter().chain(authorizers(api)).map(|flaw| flaw.within(name)));
    }
    flaws.extend(permissions(stack, &scope));
    for (name, wanted) in &stack.identity_pools {
        flaws.extend(caller(name, wanted, stack, &scope));
    }
    if let Some(firewall) = &stack.firewall {
        let of_rules = firewall.rules.iter().enumerate();
        let of_rules =
            of_rules.map(|(index, rule)| (format!("firewall.rules.{index}.unless_address"), &rule.unless_address));
        for (place, addresses) in [("firewall.addresses".to_owned(), &firewall.addresses)].into_iter().chain(of_rules) {
            flaws.extend([false, true].into_iter().filter_map(|v6| too_many(&place, addresses, v6)));
        }
    }
    flaws
}

/// Addresses of one family that do not fit into an IP set.
fn too_many(place: &str, addresses: &[IpNet], v6: bool) -> Option<Diagnostic> {
    let count = addresses.iter().filter(|network| network.addr().is_ipv6() == v6).count();
    let family = if v6 { "IPv6" } else { "IPv4" };
    let message = format!("there are {count} {family} addresses; an IP set of WAF holds at most {MAX_ADDRESSES}");
    let help = "combine neighbouring networks into larger ones";
    (count > MAX_ADDRESSES).then(|| Diagnostic::new(place, message).help(help))
}

/// A scope with the greatest length of partition, account and region.
fn longest(stack: &str) -> Scope {
    Scope {
        partition: "aws-us-gov".into(),
        account: "123456789012".into(),
        region: "ap-southeast-1".into(),
        stack: stack.to_owned(),
    }
}

/// The greatest length of a variable's value, in bytes.
fn length(value: &Variable) -> usize {
    match value {
        Variable::Text(text) => text.len(),
        Variable::PoolId(_) | Variable::ClientId(_) | Variable::IdentityPoolId(_) => 64,
        // `https://<id>.execute-api.<region>.amazonaws.com/<stage>`
        Variable::Url(_) => 192,
    }
}

fn environment(name: &str, function: &Function, scope: &Scope) -> Option<Diagnostic> {
    let mut size: usize = "SECURELAMBDA_FUNCTION".len() + name.len();
    size += function.environment.iter().map(|(name, value)| name.len() + length(value)).sum::<usize>();
    size += function
        .secrets
        .iter()
        .map(|secret| rules::secret_variable(secret).len() + scope.physical(secret).len())
        .sum::<usize>();
    (size > MAX_ENVIRONMENT).then(|| {
        let message = format!("the variables of {name} have {size} bytes; Lambda allows {MAX_ENVIRONMENT}");
        Diagnostic::new(format!("functions.{name}.environment"), message)
            .help("put long values into a file in the function's source folder")
    })
}

fn policy(name: &str, function: &Function, scope: &Scope, key: Option<&String>) -> Option<Diagnostic> {
    let size = policies::planned_for(name, function, scope, key, &|_| None).to_string().len();
    (size > MAX_POLICY).then(|| {
        let message = format!("the role of {name} would need a policy of {size} characters; IAM allows {MAX_POLICY}");
        Diagnostic::new(format!("functions.{name}"), message)
            .help("give the function fewer secrets and topics, or split it into two functions")
    })
}

fn caller(name: &str, wanted: &IdentityPool, stack: &Stack, scope: &Scope) -> Option<Diagnostic> {
    let arns: Vec<String> =
        stack.opened(&wanted.invokes).map(|(_, api, route)| invoke_arn(api, route, scope)).collect();
    let size = policies::invoke_only(&arns).to_string().len();
    (size > MAX_POLICY).then(|| {
        let message = format!(
            "the role of the identity pool {name} would need a policy of {size} characters; IAM allows {MAX_POLICY}"
        );
        Diagnostic::new(format!("identity_pools.{name}"), message)
            .help("allow fewer routes, or a greedy route such as ANY /files/{proxy+}")
    })
}

/// The ARN of a route in a policy.
fn invoke_arn(api: &Api, route: &Route, scope: &Scope) -> String {
    scope.execute_api_arn("0123456789", &api.stage, &route.method, &route.path)
}

/// Counts the keys and the generated values. Other values are checked when `up` reads them.
fn secret(name: &str, values: &BTreeMap<String, Value>) -> Option<Diagnostic> {
    let length = |value: &Value| match value {
        Value::Generate(length) => usize::from(*length),
        Value::Topic(_) | Value::Env(_) | Value::Prompt => 0,
    };
    let filled: BTreeMap<&String, String> =
        values.iter().map(|(key, value)| (key, "x".repeat(length(value)))).collect();
    let size = json!(filled).to_string().len();
    (size > MAX_SECRET).then(|| {
        let message = format!("the secret {name} would have {size} bytes; Secrets Manager allows {MAX_SECRET}");
        Diagnostic::new(format!("secrets.{name}"), message).help("split it into two secrets")
    })
}

fn resources(api: &Api) -> Option<Diagnostic> {
    let mut parts: BTreeSet<&str> = BTreeSet::from(["/"]);
    let mut over = None;
    for (index, route) in api.routes.iter().enumerate() {
        let ends = route.path.match_indices('/').map(|(at, _)| at).skip(1).chain([route.path.len()]);
        parts.extend(ends.map(|end| &route.path[..end]));
        if parts.len() > MAX_RESOURCES && over.is_none() {
            over = Some(index);
        }
    }
    over.map(|index| {
        let message =
            format!("the paths have {} parts in total; API Gateway allows {MAX_RESOURCES} for an API", parts.len());
        Diagnostic::new(format!("routes.{index}.route"), message)
            .help("use a greedy path such as ANY /files/{proxy+}, or a second API")
    })
}

fn routes(api: &Api) -> Option<Diagnostic> {
    (api.routes.len() > MAX_ROUTES).then(|| {
        let message = format!("there are {} routes; an HTTP API can have {MAX_ROUTES}", api.routes.len());
        Diagnostic::new(format!("routes.{MAX_ROUTES}.route"), message)
            .help("use a greedy path such as ANY /files/{proxy+}, or a second API")
    })
}

fn authorizers(api: &Api) -> Option<Diagnostic> {
    let mut pools = BTreeSet::new();
    let mut over = None;
    for (index, route) in api.routes.iter().enumerate() {
        if let Auth::Pool(pool) = &route.auth
            && pools.insert(pool)
            && pools.len() > MAX_AUTHORIZERS
            && over.is_none()
        {
            over = Some(index);
        }
    }
    over.map(|index| {
        let message = format!("the routes use {} pools; an API can have {MAX_AUTHORIZERS} authorizers", pools.len());
        Diagnostic::new(format!("routes.{index}.pool"), message).help("move some of the routes to another API")
    })
}

/// The resource policies of functions: a statement for the topic that triggers one, and one for every route that leads
/// to it.
fn permissions(stack: &Stack, scope: &Scope) -> Vec<Diagnostic> {
    let statement = |function: &str, principal: &str, source: &str| {
        let statement = json!({
            "Sid": "securelambda-api-0123456789abcdef",
            "Effect": "Allow",
            "Principal": { "Service": principal },
            "Action": "lambda:InvokeFunction",
            "Resource": scope.arn("lambda", &format!("function:{}", scope.physical(function))),
            "Condition": { "ArnLike": { "AWS:SourceArn": source } },
        });
        statement.to_string().len() + 1
    };
    let mut sizes: BTreeMap<&str, usize> = stack
        .functions
        .iter()
        .map(|(name, function)| {
            let topic = function.trigger.as_ref().map(|topic| scope.arn("sns", &scope.physical(topic)));
            (name.as_str(), 100 + topic.map_or(0, |topic| statement(name, "sns.amazonaws.com", &topic)))
        })
        .collect();
    let mut flaws = Vec::new();
    let apis = stack.all_apis();
    let routes = apis.flat_map(|(name, api)| api.routes.iter().enumerate().map(move |route| (name, api, route)));
    for (name, api, (index, route)) in routes {
        // `check` reports functions that do not exist.
        let Some(size) = sizes.get_mut(route.function.as_str()) else { continue };
        let fitted = *size <= MAX_PERMISSIONS;
        *size += statement(&route.function, "apigateway.amazonaws.com", &invoke_arn(api, route, scope));
        if fitted && *size > MAX_PERMISSIONS {
            let message = format!("too many routes lead to {}: its resource policy would exceed 20 KB", route.function);
            let help = "use a greedy path such as ANY /files/{proxy+}, or a second function";
            flaws.push(Diagnostic::new(format!("routes.{index}.function"), message).help(help).within(name));
        }
    }
    flaws
}

#[cfg(test)]
mod tests {
    use crate::spec::parse;

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
