//! `allow_from` of a REST API: the networks and accounts that may call it, as a resource policy.

use ipnet::IpNet;

use super::resource_policy::OpenedRequest;
use super::{Api, ApiKind, Auth};
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{List, Nested};
use crate::spec::reader::{Reader, Table};
use crate::spec::section::section;

/// The longest resource policy, in characters (docs/aws.md, Resource policies of REST APIs).
const MAX_POLICY: usize = 8192;

section! {
    ALLOW_FROM: AllowFromKeys = "allow_from";
    addresses: List = texts(
        "The networks from which the API can be called, as CIDR. Left out: every network. All other requests are refused: before a Lambda authorizer is asked, and after a pool's token or a signature was accepted.",
    );
    accounts: List = texts(
        "Other AWS accounts whose principals may call the routes with auth = \"iam\", if their own policies allow it too.",
    );
}

/// The networks and accounts that may call an API.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowFrom {
    /// The networks. Empty: every network.
    pub addresses: Vec<IpNet>,
    /// Account ids of twelve digits each.
    pub accounts: Vec<String>,
}

pub(super) fn allow_from(
    reader: &mut Reader,
    table: &Table,
    kind: ApiKind,
    key: &Nested<AllowFromKeys>,
) -> Option<AllowFrom> {
    let AllowFromKeys { addresses, accounts } = &ALLOW_FROM;
    let inner = reader.table(table, key)?;
    if kind == ApiKind::Http {
        let message = "`allow_from`: AWS has resource policies for REST APIs alone";
        let help = "use `kind = \"rest\"` for the API, or remove the key";
        reader.diagnostic(&inner.span, message, Some(help.into()));
        return None;
    }
    let (given, accounts) = (reader.list(&inner, addresses), reader.list(&inner, accounts));
    let mut networks = Vec::new();
    for (text, span) in given {
        match text.parse::<IpNet>() {
            Ok(network) if network.prefix_len() == 0 => {
                let message = format!("{text} is every address");
                reader.diagnostic(&span, message, Some("name the networks, or leave `addresses` out".into()));
            }
            Ok(network) => networks.push(network.trunc()),
            Err(_) => {
                let help = "write a network as CIDR, as in 203.0.113.0/24 or 2001:db8::/48".to_owned();
                reader.diagnostic(&span, format!("{text:?} is not a network"), Some(help));
            }
        }
    }
    for (text, span) in
        accounts.iter().filter(|(text, _)| text.len() != 12 || !text.chars().all(|c| c.is_ascii_digit()))
    {
        reader.diagnostic(
            span,
            format!("{text:?} is not the number of an account"),
            Some("write its twelve digits".into()),
        );
    }
    let accounts: Vec<String> = accounts.into_iter().map(|(text, _)| text).collect();
    if networks.is_empty() && accounts.is_empty() {
        reader.diagnostic(&inner.span, "`allow_from` names nothing", Some("name `addresses` or `accounts`".into()));
        return None;
    }
    Some(AllowFrom { addresses: networks, accounts })
}

/// Reports accounts that could call nothing, signed routes that would be open to everybody, and policies that are too
/// long.
pub(super) fn check(api: &Api) -> Vec<Diagnostic> {
    let Some(allow_from) = &api.allow_from else { return Vec::new() };
    let mut flaws = Vec::new();
    if !allow_from.accounts.is_empty() && !api.routes.iter().any(|route| route.auth == Auth::Iam) {
        let message = "`accounts` has no effect: no route of the API has auth = \"iam\"";
        flaws
            .push(Diagnostic::new("allow_from.accounts", message).help("remove it, or set auth = \"iam\" for a route"));
    }
    // Within the account, one statement that allows a signed request suffices (docs/aws.md, Resource policies of REST
    // APIs).
    for OpenedRequest { request, signed, allowed_for } in api.requests_opened() {
        let message = format!(
            "the resource policy would allow {request} to everybody with a signature: the route {signed} answers it, and the resource that the policy has to allow for {allowed_for} covers it"
        );
        let help = "in policies `*` stands for slashes too: move the signed routes to an API of their own, \
                    [apis.NAME], or give them a path that the other route's does not cover";
        flaws.push(Diagnostic::new("allow_from", message).help(help));
    }
    let length = api.resource_policy().map_or(0, |policy| policy.to_string().len());
    if length > MAX_POLICY {
        let message = format!("the resource policy would have {length} characters; API Gateway takes {MAX_POLICY}");
        flaws.push(Diagnostic::new("allow_from", message).help("use fewer networks, or greedy paths"));
    }
    flaws
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Stack, parse};

    fn file(kind: &str, auth: &str, keys: &str) -> Result<Stack, Vec<Diagnostic>> {
        parse(&format!(
            "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[api]\nkind = \"{kind}\"\nallow_from = {{ {keys} }}\n\
             [[api.routes]]\nroute = \"GET /a/{{id}}\"\nfunction = \"F\"\nauth = \"{auth}\"\n"
        ))
    }

    #[test]
    fn networks_and_accounts_are_read_and_what_does_nothing_is_refused() {
        let keys = "addresses = [\"203.0.113.7/24\"], accounts = [\"123456789012\"]";
        let read = file("rest", "iam", keys).expect("sound").api.expect("an API").allow_from.expect("given");
        assert_eq!(read.addresses, ["203.0.113.0/24".parse().expect("a network")]);
        assert_eq!(read.accounts, ["123456789012"]);
        for (kind, auth, keys, says) in [
            ("http", "none", "addresses = [\"203.0.113.0/24\"]", "`allow_from`: AWS has resource policies"),
            ("rest", "none", "", "names nothing"),
            ("rest", "none", "addresses = [\"0.0.0.0/0\"]", "is every address"),
            ("rest", "none", "addresses = [\"example.com\"]", "is not a network"),
            ("rest", "iam", "accounts = [\"1234\"]", "is not the number of an account"),
            ("rest", "none", "accounts = [\"123456789012\"]", "has no effect"),
        ] {
            let mistakes = file(kind, auth, keys).expect_err(keys);
            assert!(mistakes.iter().any(|one| one.message.contains(says)), "{keys}: {mistakes:?}");
        }
    }

    #[test]
    fn routes_whose_resource_covers_a_signed_one_are_refused() {
        let opened = |routes: &[(&str, &str)]| -> Vec<String> {
            let route = |(route, auth): &(&str, &str)| {
                format!("[[api.routes]]\nroute = \"{route}\"\nfunction = \"F\"\nauth = \"{auth}\"\n")
            };
            let routes: String = routes.iter().map(route).collect();
            let read = parse(&format!(
                "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[api]\nkind = \"rest\"\n\
                 allow_from = {{ addresses = [\"203.0.113.0/24\"] }}\n{routes}"
            ));
            let flaws = read.err().unwrap_or_default();
            let request = |flaw: Diagnostic| {
                let (_, from) = flaw.message.split_once("would allow ").expect("a signed route that is opened");
                from.split_once(" to everybody").expect("a request").0.to_owned()
            };
            flaws.into_iter().map(request).collect()
        };
        for (open, signed, expected) in [
            ("ANY /{proxy+}", "GET /admin", Some("GET /admin")),
            ("GET /a/{id}", "GET /a/{id}/admin", Some("GET /a/x/admin")),
            ("GET /a/{id}", "GET /a/special", Some("GET /a/special")),
            ("GET /a/{id}", "ANY /{rest+}", Some("GET /a/x/x")),
            ("GET /{first}/admin", "GET /a/{second}", Some("GET /a/admin")),
            ("ANY /admin", "GET /a/{id}/admin", Some("GET /a/x/admin")),
            ("ANY /admin", "GET /admin", Some("GET /admin")),
            // The more exact route answers all that its resource covers.
            ("GET /a/special", "GET /a/{id}", None),
            ("GET /a/{id}", "ANY /a/{id}", None),
            ("GET /a/{id}", "POST /a/{id}/admin", None),
            ("GET /a/{id}", "GET /b/{id}", None),
            ("GET /a/{id}", "GET /a", None),
        ] {
            let found = opened(&[(open, "none"), (signed, "iam")]);
            assert_eq!(found, Vec::from_iter(expected), "{open} beside {signed}");
        }
        assert_eq!(opened(&[("GET /a/{id}", "iam"), ("GET /a/{id}/admin", "iam")]), Vec::<String>::new());
    }

    #[test]
    fn a_policy_opens_no_signed_route_to_everybody() {
        let policy = |auth: &str, keys: &str| {
            let api = file("rest", auth, keys).expect("sound").api.expect("an API");
            api.resource_policy().expect("a policy").to_string()
        };
        let addresses = "addresses = [\"203.0.113.0/24\"]";
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(
            value(&policy("none", addresses)),
            value(
                r#"{"Statement":[{"Action":"execute-api:Invoke","Condition":{"NotIpAddress":{"aws:SourceIp":["203.0.113.0/24"]}},"Effect":"Deny","Principal":"*","Resource":"execute-api:/*"},{"Action":"execute-api:Invoke","Effect":"Allow","Principal":"*","Resource":["execute-api:/development/GET/a/*"]}],"Version":"2012-10-17"}"#
            )
        );
        let signed = policy("iam", addresses);
        assert!(!signed.contains("Allow") && signed.contains("Deny"), "{signed}");
        let partner = policy("iam", "accounts = [\"123456789012\"]");
        assert!(partner.contains(r#""Principal":{"AWS":["123456789012"]}"#) && !partner.contains("Deny"), "{partner}");
    }
}
