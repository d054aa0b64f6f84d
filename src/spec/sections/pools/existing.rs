//! Existing user pools that are managed outside of the stack.

use std::collections::BTreeMap;

use super::{POOL, Pool, PoolKeys, Tokens};
use crate::choices::SignInFlow;
use crate::scope::Scope;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::reader::{Reader, Table};
use crate::spec::section::Section;
use crate::spec::sections::Stack;

/// The ids in an entry with `existing`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Existing {
    id: String,
    client_id: Option<String>,
}

/// A user pool outside of the stack. It is only read, except that the stack may add an app client of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct ExistingPool {
    /// Such as `eu-central-1_AbCdEfGhI`.
    pub id: String,
    /// The name of the API's authorizer for this pool.
    pub authorizer: String,
    /// The id of an app client that the pool already has. `None`: the stack adds one of its own.
    pub client_id: Option<String>,
    /// How long the tokens of the stack's own client are valid.
    pub tokens: Tokens,
    /// How users may sign in with the stack's own client.
    pub flows: Vec<SignInFlow>,
}

impl ExistingPool {
    /// The region in which it is.
    fn region(&self) -> &str {
        self.id.split('_').next().unwrap_or_default()
    }

    pub fn arn(&self, scope: &Scope) -> String {
        scope.arn("cognito-idp", &format!("userpool/{}", self.id))
    }
}

impl Stack {
    /// The names of all pools, the stack's own and others.
    pub fn pool_names(&self) -> impl Iterator<Item = &String> {
        self.pools.keys().chain(self.existing_pools.keys())
    }

    /// The name of the authorizer for a pool.
    pub fn authorizer_of(&self, pool: &str) -> Option<&String> {
        let own = self.pools.get(pool).map(|pool| &pool.authorizer);
        own.or_else(|| self.existing_pools.get(pool).map(|pool| &pool.authorizer))
    }

    /// Reports existing pools of other regions. The stack's region is known once there are credentials.
    pub fn pools_elsewhere(&self, scope: &Scope) -> Vec<Diagnostic> {
        let elsewhere = self.existing_pools.iter().filter(|(_, pool)| pool.region() != scope.region);
        let flaw = |(name, pool): (&String, &ExistingPool)| {
            let message = format!("the pool {} is in {}, and the stack in {}", pool.id, pool.region(), scope.region);
            let help = "choose the region of the pool with --region, or name a pool of the stack's region";
            Diagnostic::new(format!("pools.{name}.existing"), message).help(help)
        };
        elsewhere.map(flaw).collect()
    }
}

/// Removes the existing pools from `pools`, and returns them by name.
pub(in crate::spec) fn existing(pools: &mut BTreeMap<String, Pool>) -> BTreeMap<String, ExistingPool> {
    let (own, theirs): (BTreeMap<_, _>, BTreeMap<_, _>) =
        std::mem::take(pools).into_iter().partition(|(_, pool)| pool.existing.is_none());
    *pools = own;
    let theirs = theirs.into_iter().filter_map(|(name, pool)| {
        let Pool { existing, authorizer, tokens, flows, .. } = pool;
        let Existing { id, client_id } = existing?;
        Some((name, ExistingPool { id, authorizer, client_id, tokens, flows }))
    });
    theirs.collect()
}

/// Reads `existing` and `client_id`, and reports other keys that would change the pool.
pub(super) fn read(reader: &mut Reader, table: &Table) -> Option<Existing> {
    let PoolKeys { existing, client_id, authorizer, tokens, flows, .. } = &POOL;
    let client = reader.text(table, client_id);
    if let Some((id, span)) = &client
        && !is_client_id(id)
    {
        reader.diagnostic(span, format!("{id:?} is not the id of an app client"), None);
    }
    let Some((id, span)) = reader.text(table, existing) else {
        if let Some((_, span)) = client {
            let help = "add `existing`, or remove `client_id`: the stack makes the client of its own pool itself";
            reader.diagnostic(&span, "`client_id` is for a pool that exists already", Some(help.into()));
        }
        return None;
    };
    if !is_pool_id(&id) {
        let help = "write the id of the pool, as in eu-central-1_AbCdEfGhI; it ends the pool's ARN";
        reader.diagnostic(&span, format!("{id:?} is not the id of a user pool"), Some(help.into()));
    }
    let ours = [&existing.key, &client_id.key, &authorizer.key];
    let of_client = [&tokens.key, &flows.key];
    for key in POOL.keys() {
        let is = |keys: &[&_]| keys.iter().any(|one: &&crate::spec::field::Key| one.name == key.name);
        let Some(item) = table.get(key).filter(|_| !is(&ours)) else { continue };
        let (span, name) = (item.span(), key.name);
        match (&client, is(&of_client)) {
            (None, true) => {}
            (Some((client, _)), true) => {
                let message = format!("`{name}` would change the app client {client}, which is only used");
                reader.diagnostic(&span, message, Some("leave it out, or remove `client_id`".into()));
            }
            (_, false) => {
                let message = format!("`{name}` would change the pool {id}, which exists already and is only read");
                let help = "leave it out: whoever looks after the pool decides about it";
                reader.diagnostic(&span, message, Some(help.into()));
            }
        }
    }
    Some(Existing { id, client_id: client.map(|(id, _)| id) })
}

/// Whether this has the form of a pool's id, as in `eu-central-1_AbCdEfGhI`.
fn is_pool_id(text: &str) -> bool {
    let Some((region, id)) = text.split_once('_') else { return false };
    let region_charset = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= 55
        && region.matches('-').count() >= 2
        && region.chars().all(region_charset)
        && !id.is_empty()
        && id.chars().all(|c| c.is_ascii_alphanumeric())
}

fn is_client_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "_+".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn read(text: &str) -> Result<Stack, Vec<String>> {
        let flaws = |flaws: Vec<Diagnostic>| flaws.into_iter().map(|flaw| flaw.message).collect();
        parse(&format!("[stack]\nname = \"demo\"\n{text}\n")).map_err(flaws)
    }

    const THEIRS: &str = "[pools.Company]\nexisting = \"eu-central-1_AbCdEfGhI\"\n";

    #[test]
    fn a_pool_that_exists_already_is_none_of_the_stacks_own() {
        let stack = read(THEIRS).expect("a sound file");
        let pool = &stack.existing_pools["Company"];
        assert!(stack.pools.is_empty() && pool.client_id.is_none());
        assert_eq!(stack.authorizer_of("Company").map(String::as_str), Some("CompanyAuthorizer"));
        let scope = |region: &str| Scope { region: region.into(), ..Scope::default() };
        assert!(stack.pools_elsewhere(&scope("eu-central-1")).is_empty());
        let elsewhere = stack.pools_elsewhere(&scope("us-east-1"));
        assert_eq!(
            elsewhere[0].message,
            "the pool eu-central-1_AbCdEfGhI is in eu-central-1, and the stack in us-east-1"
        );
        let stack = read(&format!("{THEIRS}client_id = \"abc123\"")).expect("a sound file");
        assert_eq!(stack.existing_pools["Company"].client_id.as_deref(), Some("abc123"));
    }

    #[test]
    fn keys_that_would_change_the_pool_are_mistakes() {
        for key in [
            "mfa = \"on\"",
            "self_sign_up = false",
            "groups = [\"staff\"]",
            "sign_in = [\"email\"]",
            "firewall = true",
            "login = { domain = \"demo-login\" }",
            "password = { minimum_length = 12 }",
            "attributes = { tenant = {} }",
            "clients = { app = {} }",
        ] {
            let name = key.split(' ').next().expect("a name");
            let expected =
                format!("`{name}` would change the pool eu-central-1_AbCdEfGhI, which exists already and is only read");
            assert_eq!(read(&format!("{THEIRS}{key}")).expect_err(key), [expected]);
        }
        assert!(read(&format!("{THEIRS}flows = [\"srp\"]\ntokens = {{ id_minutes = 5 }}\nauthorizer = \"A\"")).is_ok());
        let theirs = read(&format!("{THEIRS}client_id = \"abc123\"\nflows = [\"srp\"]")).expect_err("a mistake");
        assert_eq!(theirs, ["`flows` would change the app client abc123, which is only used"]);
    }

    #[test]
    fn what_cannot_be_meant_is_a_mistake() {
        for (text, expected) in [
            ("[pools.P]\nclient_id = \"abc\"", "`client_id` is for a pool that exists already"),
            (
                "[pools.P]\nexisting = \"arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_a\"",
                "is not the id of a user pool",
            ),
            ("[pools.P]\nexisting = \"eu-central-1_a\"\nclient_id = \"a b\"", "is not the id of an app client"),
            (
                "[pools.P]\nexisting = \"eu-central-1_a\"\n[pools.Q]\nexisting = \"eu-central-1_a\"",
                "the pools P and Q are both eu-central-1_a",
            ),
            (
                "[pools.P]\nexisting = \"eu-central-1_a\"\n[pools.Q]\nauthorizer = \"PAuthorizer\"",
                "the pools P and Q both have the authorizer PAuthorizer",
            ),
            (
                "[pools.P]\nexisting = \"eu-central-1_a\"\n[service_users.S]\npool = \"P\"",
                "the service user S would be a new user of a pool that is only read",
            ),
        ] {
            let flaws = read(text).expect_err(text);
            assert!(flaws.len() == 1 && flaws[0].contains(expected), "{text}: {flaws:?}");
        }
    }
}
