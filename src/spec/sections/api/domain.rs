//! `domain` of an API: its custom domain name.

use std::collections::BTreeSet;

use super::Api;
use crate::scope::Scope;
use crate::spec::Stack;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Flag, Nested, Required, Text};
use crate::spec::reader::{Reader, Table};
use crate::spec::rules::is_account;
use crate::spec::section::section;

section! {
    DOMAIN: DomainKeys = "domain";
    name: Required = form(
        "^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z0-9-]+$",
        "The name, as in api.example.com. Its URLs have no stage.",
    );
    certificate: Required = form(
        "^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+$",
        "The ARN of a certificate of ACM for this name, in the stack's account and region. It must be issued before `up`.",
    );
    zone: Text = form(
        "^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z0-9-]+$",
        "The public hosted zone of Route 53 in this account in which `up` makes the DNS record, as in example.com. A record of this name that the stack did not make is never changed. Left out: `up` and `outputs` say which record to make.",
    );
}

/// The custom domain name of an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// As in `api.example.com`.
    pub name: String,
    /// The ARN of its certificate.
    pub certificate: String,
    /// The hosted zone in which its DNS record is made.
    pub zone: Option<String>,
}

impl Api {
    /// The domain, if it is the only host name by which the API can be called.
    pub fn only_domain(&self) -> Option<&Domain> {
        self.domain.as_ref().filter(|_| !self.default_endpoint)
    }
}

impl Stack {
    /// The custom domains of all APIs.
    pub fn domains(&self) -> impl Iterator<Item = &Domain> {
        self.all_apis().filter_map(|(_, api)| api.domain.as_ref())
    }

    /// Reports certificates of other accounts and regions. The stack's own are known once there are credentials.
    pub fn certificates_elsewhere(&self, scope: &Scope) -> Vec<Diagnostic> {
        let ours = format!("arn:{}:acm:{}:{}:certificate/", scope.partition, scope.region, scope.account);
        let mut flaws = Vec::new();
        for (name, api) in self.all_apis() {
            let Some(domain) = api.domain.as_ref().filter(|domain| !domain.certificate.starts_with(&ours)) else {
                continue;
            };
            let message = format!(
                "the certificate of {} is not one of the account {} in {}, where the API is",
                domain.name, scope.account, scope.region
            );
            let help = "request or import the certificate there, with AWS Certificate Manager";
            flaws.push(Diagnostic::new("domain.certificate", message).help(help).within(name));
        }
        flaws
    }
}

/// The domain, and whether the API also answers at the host name that AWS gives it.
pub(super) fn domain(
    reader: &mut Reader,
    table: &Table,
    (key, endpoint): (&Nested<DomainKeys>, &Flag),
) -> (Option<Domain>, bool) {
    let DomainKeys { name, certificate, zone } = &DOMAIN;
    let Some(inner) = reader.table(table, key) else {
        // The posture does not close the default endpoint of an API without a domain.
        let given = table.get(&endpoint.key);
        if let Some(item) = given
            && !reader.flag(table, endpoint)
        {
            let message = "without its default endpoint and without a `domain`, nobody could call the API";
            reader.diagnostic(&item.span(), message, Some("add `domain`, or remove the key".into()));
        }
        return (None, true);
    };
    let endpoint = reader.flag(table, endpoint);
    let name = reader.required(&inner, name);
    let certificate = reader.required(&inner, certificate);
    let zone = reader.text(&inner, zone);
    for (text, span) in name.iter().chain(&zone) {
        if let Err(why) = host_name(text) {
            reader.diagnostic(span, why, Some("write a name as in api.example.com".into()));
        }
    }
    if let Some((text, span)) = &certificate
        && !is_certificate(text)
    {
        let help = "write the ARN that AWS Certificate Manager shows: arn:aws:acm:REGION:ACCOUNT:certificate/ID";
        reader.diagnostic(span, "`certificate` is not the ARN of a certificate", Some(help.into()));
    }
    let (Some((name, _)), Some((certificate, _))) = (name, certificate) else { return (None, endpoint) };
    if let Some((zone, span)) = &zone
        && name != *zone
        && !name.ends_with(&format!(".{zone}"))
    {
        reader.diagnostic(span, format!("the hosted zone {zone} cannot contain a record of {name}"), None);
    }
    (Some(Domain { name, certificate, zone: zone.map(|(zone, _)| zone) }), endpoint)
}

/// Reports a domain name that several APIs have. All requests to a domain name go to one API.
pub(super) fn twins(stack: &Stack) -> Vec<Diagnostic> {
    let mut names = BTreeSet::new();
    let mut flaws = Vec::new();
    for (name, api) in stack.all_apis() {
        let Some(domain) = &api.domain else { continue };
        if !names.insert(&domain.name) {
            let message = format!("two APIs have the domain {}", domain.name);
            flaws.push(Diagnostic::new("domain.name", message).help("give each API a name of its own").within(name));
        }
    }
    flaws
}

fn host_name(name: &str) -> Result<(), String> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let sound = name.len() <= 253 && name.contains('.') && name.split('.').all(label);
    if sound && !name.ends_with(".amazonaws.com") {
        return Ok(());
    }
    Err(format!("{name:?} is not a domain name of yours: use lower-case letters, digits, - and dots, and no asterisk"))
}

fn is_certificate(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    let [scheme, partition, "acm", region, account, rest] = parts.as_slice() else { return false };
    let id = rest.strip_prefix("certificate/").is_some_and(|id| !id.is_empty() && !id.contains('/'));
    *scheme == "arn" && partition.starts_with("aws") && !region.is_empty() && is_account(account) && id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    const ARN: &str = "arn:aws:acm:eu-central-1:123456789012:certificate/0a1b";

    fn file(posture: &str, keys: &str) -> Result<Stack, Vec<Diagnostic>> {
        let route = "[[api.routes]]\nroute = \"GET /x\"\nfunction = \"F\"\nauth = \"none\"\n";
        let head = format!("[stack]\nname = \"s\"\nposture = \"{posture}\"\n[functions.F]\nsource = \"f\"\n");
        parse(&format!("{head}[api]\n{keys}\n{route}"))
    }

    fn domain(name: &str, more: &str) -> String {
        format!("domain = {{ name = \"{name}\", certificate = \"{ARN}\"{more} }}")
    }

    #[test]
    fn the_default_endpoint_is_closed_only_where_a_domain_is() {
        let open = |posture: &str, keys: &str| file(posture, keys).expect(keys).api.expect("an API").default_endpoint;
        let named = domain("api.example.com", "");
        assert!(open("baseline", "") && open("hardened", "") && open("baseline", &named));
        assert!(!open("hardened", &named) && !open("baseline", &format!("{named}\ndefault_endpoint = false")));
        assert!(open("hardened", &format!("{named}\ndefault_endpoint = true")));
        let mistakes = file("baseline", "default_endpoint = false").expect_err("nobody could call it");
        assert!(mistakes[0].message.contains("nobody could call"), "{mistakes:?}");
    }

    #[test]
    fn names_zones_and_certificates_fit_together() {
        let zoned = domain("api.example.com", ", zone = \"example.com\"");
        let read = file("baseline", &zoned).expect("sound").api.expect("an API").domain.expect("a domain");
        let zone = Some("example.com".to_owned());
        assert_eq!(read, Domain { name: "api.example.com".into(), certificate: ARN.into(), zone });
        for (keys, says) in [
            (domain("api", ""), "not a domain name"),
            (domain("API.example.com", ""), "not a domain name"),
            (domain("*.example.com", ""), "not a domain name"),
            (domain("x.execute-api.eu-central-1.amazonaws.com", ""), "not a domain name"),
            (domain("api.example.com", ", zone = \"example.org\""), "cannot contain a record"),
            (domain("notexample.com", ", zone = \"example.com\""), "cannot contain a record"),
            (zoned.replace("certificate/0a1b", "key/0a1b"), "not the ARN of a certificate"),
            ("domain = { name = \"api.example.com\" }".into(), "lacks `certificate`"),
        ] {
            let mistakes = file("baseline", &keys).expect_err(&keys);
            assert!(mistakes.iter().any(|one| one.message.contains(says)), "{keys}: {mistakes:?}");
        }
    }

    #[test]
    fn a_name_belongs_to_one_api_and_its_certificate_to_the_stacks_region() {
        let second = format!(
            "[apis.B]\n{}\n[[apis.B.routes]]\nroute = \"GET /x\"\nfunction = \"F\"\nauth = \"none\"\n",
            domain("api.example.com", "")
        );
        let first = domain("api.example.com", "");
        let route = "[[api.routes]]\nroute = \"GET /x\"\nfunction = \"F\"\nauth = \"none\"\n";
        let text = format!("[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[api]\n{first}\n{route}{second}");
        let mistakes = parse(&text).expect_err("two");
        assert!(mistakes[0].message.contains("two APIs have the domain"), "{mistakes:?}");
        let stack = file("baseline", &first).expect("sound");
        let scope = |region: &str, account: &str| Scope {
            partition: "aws".into(),
            account: account.into(),
            region: region.into(),
            stack: "s".into(),
            ..Scope::default()
        };
        assert!(stack.certificates_elsewhere(&scope("eu-central-1", "123456789012")).is_empty());
        assert_eq!(stack.certificates_elsewhere(&scope("us-east-1", "123456789012")).len(), 1);
        assert_eq!(stack.certificates_elsewhere(&scope("eu-central-1", "999999999999")).len(), 1);
    }
}
