//! `providers` of a pool: identity providers whose users can sign in at the pool's pages.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeValue;

use super::Pool;
use crate::choices::{ProviderKind, STANDARD_ATTRIBUTES};
use crate::spec::advice::forms;
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Holds, List, NamedTexts, Nested, Required, Text};
use crate::spec::reader::{Reader, Table};
use crate::spec::rules::{HTTPS, Names, is_https};
use crate::spec::section::section;
use crate::spec::sections::{Stack, Value, service_users};

/// Names of providers. AWS takes more characters, and at least 3.
pub(super) const PROVIDER_NAME: Names = Names { form: "^[A-Za-z0-9-]{3,32}$", longest: 32 };

/// The provider whose name decides its type.
const GOOGLE: &str = "Google";

/// Names that Cognito reserves, for the pool itself and for providers that a stack file cannot describe.
const RESERVED: [&str; 4] = ["COGNITO", "Facebook", "LoginWithAmazon", "SignInWithApple"];

/// The claims of SAML that contain an address.
const SAML_EMAIL: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";

/// The attributes that a provider of OpenID Connect gives if the stack file maps none.
const OIDC_ATTRIBUTES: [(&str, &str); 2] = [("email", "email"), ("email_verified", "email_verified")];

section! {
    PROVIDER: ProviderKeys = "an identity provider";
    client_id: Text = any("The id that the provider gave your application. Not for SAML.");
    client_secret: Nested<ClientSecretKeys> = table(
        &CLIENT_SECRET, "The secret that the provider gave your application. Not for SAML.",
    );
    issuer: Text = form(
        HTTPS, "The issuer of a provider of OpenID Connect, as in https://login.example.com, below which Cognito finds its endpoints and keys. Without a slash at the end. Not for Google.",
    );
    metadata: Text = form(HTTPS, "The URL of the metadata of a provider of SAML.");
    scopes: List = texts(
        "The scopes that Cognito asks the provider for. Left out: openid, email and profile. Not for SAML.",
    );
    attributes: NamedTexts = of(
        "The attributes of the pool's users that get their values from the provider at each sign-in, each with the name of the provider's claim. Left out: email and email_verified; with SAML, email.",
    );
}

section! {
    CLIENT_SECRET: ClientSecretKeys = "a client secret";
    secret: Required = text("The secret of the stack file that contains it. `up` reads the secret only to send it to Cognito.");
    key: Required = text("The key of the secret under which it is.");
}

/// An identity provider whose users can sign in at the pages of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginProvider {
    pub kind: ProviderKind,
    /// `None` with SAML.
    pub client: Option<OauthClient>,
    /// The provider's claim for each attribute of the pool's users, which has Cognito's name, as in `custom:tenant`.
    pub attributes: BTreeMap<String, String>,
}

/// An application at a provider of OAuth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OauthClient {
    pub id: String,
    pub secret: SecretKey,
    /// The scopes that Cognito asks for.
    pub scopes: BTreeSet<String>,
}

/// A key of a secret of the stack file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretKey {
    pub secret: String,
    pub key: String,
}

impl Stack {
    /// The secrets that identity providers of its pools need.
    pub fn provider_secrets(&self) -> impl Iterator<Item = &str> {
        let providers = self.pools.values().flat_map(|pool| pool.providers.values());
        providers.filter_map(|provider| Some(provider.client.as_ref()?.secret.secret.as_str()))
    }
}

pub(super) fn providers(
    reader: &mut Reader,
    table: &Table,
    key: &Nested<ProviderKeys>,
) -> BTreeMap<String, LoginProvider> {
    let read = reader.each(table, key, provider);
    read.into_iter().filter_map(|(name, provider)| Some((name, provider?))).collect()
}

/// `None` after a mistake that leaves open what kind of provider it is.
fn provider(reader: &mut Reader, name: &str, table: &Table) -> Option<LoginProvider> {
    let ProviderKeys { client_id, client_secret, issuer, metadata, scopes, attributes } = &PROVIDER;
    let id = reader.text(table, client_id);
    let secret = reader.table(table, client_secret);
    if let Some(item) = table.get(&client_secret.key).filter(|item| !matches!(item.get_ref(), DeValue::Table(_))) {
        reader.hide(item.span());
    }
    let secret = secret.map(|table| {
        let ClientSecretKeys { secret, key } = &CLIENT_SECRET;
        SecretKey { secret: reader.required_or(&table, secret), key: reader.required_or(&table, key) }
    });
    let (issuer, metadata) = (reader.text(table, issuer), reader.text(table, metadata));
    for (url, span) in [&issuer, &metadata].into_iter().flatten().filter(|(url, _)| !is_https(url)) {
        let help = "write https://…, without a user, a query or a fragment: whoever can change it decides who signs in";
        reader.diagnostic(span, format!("{url:?} is not an https:// URL"), Some(help.into()));
    }
    let scopes: BTreeSet<String> = reader.list(table, scopes).into_iter().map(|(scope, _)| scope).collect();
    let mapped = reader.named_texts(table, attributes);
    let kind = match (name, issuer, metadata) {
        (GOOGLE, None, None) => ProviderKind::Google,
        (GOOGLE, Some((_, span)), _) | (GOOGLE, _, Some((_, span))) => {
            let help = "remove it, or give the provider another name";
            reader.diagnostic(&span, "Google needs neither `issuer` nor `metadata`", Some(help.into()));
            return None;
        }
        (_, Some((issuer, span)), None) => {
            if issuer.contains("/.well-known") {
                let help = "write the part before /.well-known".to_owned();
                reader.diagnostic(&span, "an issuer is not the address of its metadata", Some(help));
            }
            if issuer.ends_with('/') {
                let help = format!("write {:?}", issuer.trim_end_matches('/'));
                reader.diagnostic(&span, "Cognito takes no issuer with a slash at its end", Some(help));
            }
            ProviderKind::Oidc { issuer }
        }
        (_, None, Some((metadata, _))) => ProviderKind::Saml { metadata },
        (_, Some(_), Some((_, span))) => {
            reader.diagnostic(&span, "a provider has either `issuer` or `metadata`", None);
            return None;
        }
        // A mistake in one of them was reported.
        (_, None, None) if table.get(&PROVIDER.issuer.key).or(table.get(&PROVIDER.metadata.key)).is_some() => {
            return None;
        }
        (_, None, None) => {
            let help =
                "a provider of OpenID Connect has `issuer`, one of SAML has `metadata`, and Google is called Google";
            reader.diagnostic(&table.span, format!("{} lacks `issuer` or `metadata`", table.what), Some(help.into()));
            return None;
        }
    };
    let is_saml = matches!(kind, ProviderKind::Saml { .. });
    let client = if is_saml {
        let given = [&client_id.key, &client_secret.key, &PROVIDER.scopes.key];
        for key in given.into_iter().filter(|key| table.get(key).is_some()) {
            let Some(item) = table.get(key) else { continue };
            reader.diagnostic(&item.span(), format!("SAML has no `{}`", key.name), Some("remove it".into()));
        }
        None
    } else {
        for key in [&client_id.key, &client_secret.key] {
            if table.get(key).is_none() {
                let help = match key.holds {
                    Holds::Table(section) => forms::of(section.what(), &table.at(key)),
                    _ => Some("write the id that the provider gave your application".to_owned()),
                };
                reader.diagnostic(&table.span, format!("{} lacks `{}`", table.what, key.name), help);
            }
        }
        let given = if scopes.is_empty() { ["openid", "email", "profile"].map(str::to_owned).into() } else { scopes };
        if let Some((_, span)) = id.as_ref().filter(|(id, _)| id.contains(char::is_whitespace)) {
            reader.diagnostic(span, "a client id has no spaces", None);
        }
        let (id, secret) = (id.map(|(id, _)| id)?, secret?);
        Some(OauthClient { id, secret, scopes: given })
    };
    // The prefix of the pool's own attributes may be written or not.
    let named = |name: &str| match name.strip_prefix("custom:") {
        None if is_known(name) => name.to_owned(),
        bare => format!("custom:{}", bare.unwrap_or(name)),
    };
    let attributes: BTreeMap<String, String> = if !mapped.is_empty() {
        mapped.into_iter().map(|(name, (claim, _))| (named(&name), claim)).collect()
    } else if is_saml {
        [("email".to_owned(), SAML_EMAIL.to_owned())].into()
    } else {
        OIDC_ATTRIBUTES.map(|(name, claim)| (name.to_owned(), claim.to_owned())).into()
    };
    Some(LoginProvider { kind, client, attributes })
}

/// Whether Cognito knows the attribute by this name, without the prefix of custom attributes.
fn is_known(name: &str) -> bool {
    STANDARD_ATTRIBUTES.contains(&name) || ["email_verified", "phone_number_verified"].contains(&name)
}

/// Checks the providers of a pool.
pub(super) fn check(name: &str, pool: &Pool, checks: &mut Checks) {
    let has_pages = pool.pages().is_some();
    for (provider, wanted) in &pool.providers {
        let at = |key: &str| format!("pools.{name}.providers.{provider}{key}");
        let has_callbacks = checks.is_written(&format!("pools.{name}.login.callbacks"));
        let mut flaw = |key: &str, message: String, help: &str| {
            checks.report([Diagnostic::new(at(key), message).help(help)]);
        };
        if RESERVED.contains(&provider.as_str()) {
            flaw("", format!("a provider cannot be called {provider}"), "use Google, OpenID Connect or SAML");
        }
        if provider.len() < 3 || provider.contains('_') {
            let message = format!("{provider:?} is not a valid name of an identity provider");
            flaw("", message, "names have 3 to 32 characters of A-Z, a-z, 0-9 and -");
        }
        if !has_pages && !has_callbacks {
            let message = "users of providers sign in at the pool's pages, which the pool does not have".to_owned();
            flaw("", message, "add `callbacks` to `login` of the pool");
        }
        if let Some(client) = &wanted.client {
            if let Some(scope) =
                client.scopes.iter().find(|scope| scope.is_empty() || scope.contains(char::is_whitespace))
            {
                flaw(".scopes", format!("{scope:?} is not a scope"), "write each scope by itself");
            }
            if !client.scopes.contains("openid") {
                flaw(".scopes", "Cognito needs the scope openid to know who the users are".into(), "add \"openid\"");
            }
            secret(&at(".client_secret.secret"), &client.secret, checks);
        }
        attributes(&at(".attributes"), pool, wanted, checks);
    }
}

/// Checks that `up` can read the secret of a provider and sees when its value changes.
fn secret(place: &str, SecretKey { secret: name, key }: &SecretKey, checks: &mut Checks) {
    checks.exists(place.to_owned(), "secret", name, &service_users::secrets());
    let stack = checks.stack;
    let mut flaw = |message: String, help: &str| checks.report([Diagnostic::new(place.to_owned(), message).help(help)]);
    if stack.existing_secrets.contains_key(name) || stack.service_users.contains_key(name) {
        let message = format!("{name} has no value in the stack file, so `up` could not see when its value changes");
        return flaw(message, "use a secret of the stack file with a value, such as { env = \"GOOGLE_SECRET\" }");
    }
    let Some(secret) = stack.secrets.get(name) else { return };
    match secret.values.get(key) {
        None if key.is_empty() => {}
        None => {
            let known = secret.values.keys().cloned().collect::<Vec<_>>().join(", ");
            flaw(format!("the secret {name} has no key {key}"), &format!("it has {known}"));
        }
        Some(Value::Topic(_)) => {
            let help = format!("use {key} = {{ env = \"VARIABLE\" }} or {key} = {{ prompt = true }}");
            flaw(format!("{key} of the secret {name} is the ARN of a topic, and not a client secret"), &help);
        }
        // With a provider of one's own, one can choose the client secret.
        Some(Value::Env(_) | Value::Prompt | Value::Generate(_)) => {}
    }
    if secret.settings.rotation.is_some() {
        let help = "put the provider's secret into a secret without `rotation`";
        flaw(format!("a function replaces the value of {name}, and Cognito would keep the old one"), help);
    }
    if secret.settings.resource_policy && secret.settings.administrators.is_empty() {
        let help = "name the roles and users that run `up` in `administrators` of the secret's settings, or set resource_policy = false";
        flaw(format!("the resource policy of {name} would not let `up` read it"), help);
    }
}

/// Checks that the pool takes the attributes of a provider.
fn attributes(place: &str, pool: &Pool, wanted: &LoginProvider, checks: &mut Checks) {
    let mut flaw = |name: &str, message: String, help: &str| {
        checks.report([Diagnostic::new(format!("{place}.{name}"), message).help(help)]);
    };
    for attribute in wanted.attributes.keys() {
        let name = attribute.strip_prefix("custom:").unwrap_or(attribute);
        // The client of the pool may always set these.
        if ["email", "email_verified"].contains(&name) {
            continue;
        }
        match pool.attributes.iter().find(|one| one.name == *attribute) {
            None => flaw(name, format!("the pool has no attribute {name}"), "add it to `attributes` of the pool"),
            Some(one) if !one.mutable => {
                let message = format!("{name} cannot be changed, but Cognito sets it at each sign-in");
                flaw(name, message, "set mutable = true for a new pool, or do not map it");
            }
            Some(one) if !one.writable && !one.required => {
                let message = format!("users of the provider could not sign in: the app client cannot set {name}");
                flaw(name, message, "set writable = true, which also lets users set it themselves, or do not map it");
            }
            Some(_) => {}
        }
    }
    let required = pool.attributes.iter().filter(|one| one.required && !wanted.attributes.contains_key(&one.name));
    for missing in required {
        let message = format!("the pool requires {} of every user, which the provider does not give", missing.name);
        flaw(&missing.name, message, "map it, or set required = false for a new pool");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{LoginProvider, ProviderKind};
    use crate::spec::parse;

    const GOOGLE: &str = "client_id = \"app\"\nclient_secret = { secret = \"Google\", key = \"client_secret\" }\n";

    fn file(pool: &str, provider: &str, settings: &str) -> String {
        format!(
            "[stack]\nname = \"demo\"\n[secrets.Google]\nclient_secret = {{ env = \"GOOGLE\" }}\n{settings}\n\
             [pools.People]\nlogin = {{ domain = \"demo-login\", callbacks = [\"https://app.example.com/\"] }}\n{pool}\n\
             {provider}"
        )
    }

    fn read(pool: &str, provider: &str) -> BTreeMap<String, LoginProvider> {
        let stack = parse(&file(pool, provider, "")).unwrap_or_else(|mistakes| panic!("{provider}: {mistakes:?}"));
        stack.pools["People"].providers.clone()
    }

    #[test]
    fn the_kind_follows_from_the_name_and_the_keys() {
        let all = read(
            "",
            &format!(
                "[pools.People.providers.Google]\n{GOOGLE}[pools.People.providers.Corp]\n{GOOGLE}\
                 issuer = \"https://login.example.com\"\nscopes = [\"openid\"]\n[pools.People.providers.Old]\n\
                 metadata = \"https://old.example.com/saml\"\n"
            ),
        );
        assert_eq!(all["Google"].kind, ProviderKind::Google);
        assert_eq!(all["Google"].attributes["email_verified"], "email_verified");
        assert_eq!(all["Google"].client.as_ref().expect("a client").scopes.len(), 3);
        assert_eq!(all["Corp"].kind, ProviderKind::Oidc { issuer: "https://login.example.com".into() });
        assert_eq!(all["Corp"].client.as_ref().expect("a client").scopes.len(), 1);
        assert_eq!(all["Old"].client, None);
        assert!(all["Old"].attributes["email"].starts_with("http://schemas.xmlsoap.org/"));
    }

    #[test]
    fn attributes_of_ones_own_get_cognitos_prefix() {
        let provider =
            format!("[pools.People.providers.Google]\n{GOOGLE}attributes = {{ email = \"email\", tenant = \"hd\" }}");
        let all = read("attributes = { tenant = { writable = true } }", &provider);
        assert_eq!(all["Google"].attributes["custom:tenant"], "hd");
    }

    #[test]
    fn what_would_not_work_or_would_be_refused_is_a_mistake() {
        let of = |name: &str, keys: &str| format!("[pools.People.providers.{name}]\n{keys}");
        let google = |keys: &str| of("Google", &format!("{GOOGLE}{keys}"));
        let oidc = |keys: &str| of("Corp", &format!("{GOOGLE}{keys}"));
        let secret = |secret: &str, key: &str| {
            of("Google", &format!("client_id = \"app\"\nclient_secret = {{ secret = {secret:?}, key = {key:?} }}"))
        };
        for (pool, provider, settings, expected) in [
            ("", oidc(""), "", "lacks `issuer` or `metadata`"),
            ("", oidc("issuer = \"https://a.example.com\"\nmetadata = \"https://a.example.com\""), "", "either"),
            ("", oidc("issuer = \"https://a.example.com/\""), "", "a slash at its end"),
            ("", oidc("issuer = \"http://a.example.com\""), "", "is not an https:// URL"),
            ("", google("issuer = \"https://a.example.com\""), "", "Google needs neither"),
            ("", of("Old", "metadata = \"https://a.example.com\"\nclient_id = \"x\""), "", "SAML has no `client_id`"),
            ("", of("Google", "client_id = \"app\""), "", "lacks `client_secret`"),
            (
                "",
                of("Facebook", &format!("{GOOGLE}issuer = \"https://a.example.com\"")),
                "",
                "cannot be called Facebook",
            ),
            ("", of("a", &format!("{GOOGLE}issuer = \"https://a.example.com\"")), "", "is not a valid name"),
            ("", google("scopes = [\"email\"]"), "", "needs the scope openid"),
            ("", google("scopes = [\"openid\", \"a b\"]"), "", "is not a scope"),
            (
                "",
                oidc("issuer = \"https://a.example.com/.well-known/openid-configuration\""),
                "",
                "not the address of its metadata",
            ),
            (
                "",
                of("Google", "client_id = \"a b\"\nclient_secret = { secret = \"Google\", key = \"client_secret\" }"),
                "",
                "no spaces",
            ),
            ("", secret("Gogle", "client_secret"), "", "there is no secret called Gogle"),
            ("", secret("Google", "other"), "", "the secret Google has no key other"),
            (
                "",
                secret("Made", "key"),
                "[topics.news]\n[secrets.Made]\nkey = { topic = \"news\" }",
                "key of the secret Made is the ARN",
            ),
            ("", google(""), "[secrets.Google.settings]\nresource_policy = true", "would not let `up` read it"),
            ("", google("attributes = { tenant = \"hd\" }"), "", "the pool has no attribute tenant"),
            (
                "attributes = { tenant = { mutable = false } }",
                google("attributes = { tenant = \"hd\" }"),
                "",
                "tenant cannot be changed",
            ),
            ("attributes = { tenant = {} }", google("attributes = { tenant = \"hd\" }"), "", "could not sign in"),
            ("attributes = { name = { required = true } }", google(""), "", "the pool requires name of every user"),
        ] {
            let mistakes = parse(&file(pool, &provider, settings)).expect_err(&provider);
            assert!(mistakes.len() == 1 && mistakes[0].message.contains(expected), "{provider}: {mistakes:?}");
        }
        let literal = of("Google", "client_id = \"app\"\nclient_secret = \"GOCSPX-1\"");
        let text = file("", &literal, "");
        let mistakes = parse(&text).expect_err("a literal secret");
        let help = mistakes[0].help.clone().unwrap_or_default();
        assert!(mistakes.len() == 1 && help.contains("[secrets.Google]") && help.contains("never"), "{mistakes:?}");
        assert!(!crate::spec::conceal(&text, &mistakes).contains("GOCSPX-1"));
        let bare = file("", &google(""), "").replace(", callbacks = [\"https://app.example.com/\"]", "");
        let mistakes = parse(&bare).expect_err("no pages");
        assert!(mistakes[0].message.contains("at the pool's pages"), "{mistakes:?}");
    }
}
