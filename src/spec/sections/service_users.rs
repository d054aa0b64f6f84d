//! `[service_users]`

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeValue;

use super::secrets::{self, RESOURCE_POLICY};
use super::{Part, pools};
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Flag, Key, Nested, Required};
use crate::spec::names::service_username;
use crate::spec::reader::{Reader, Table};
use crate::spec::rules::NAME;
use crate::spec::section::section;

pub(super) static KEY: Nested<ServiceUserKeys> =
    Nested::named("service_users", NAME, &SERVICE_USER, "Programs that sign in to a pool, by name.");

section! {
    SERVICE_USER: ServiceUserKeys = "a service user";
    pool: Required = text(
        "The pool it signs in to. `up` writes its username and password to a secret of the same name, and nowhere else.",
    );
    resource_policy: Flag = hardened(false, true, RESOURCE_POLICY);
}

/// A program that signs in to a user pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUser {
    pub pool: String,
    /// Whether the resource policy of its secret denies reading to everybody but the functions that may read it.
    pub resource_policy: bool,
}

impl Part for BTreeMap<String, ServiceUser> {
    fn key() -> &'static Key {
        &KEY.key
    }

    fn read(reader: &mut Reader, root: &Table) -> Self {
        reader.each(root, &KEY, service_user)
    }

    fn check(&self, checks: &mut Checks) {
        let stack = checks.stack;
        let mut users: BTreeMap<(&str, String), &str> = BTreeMap::new();
        for (name, user) in self {
            checks.exists(format!("service_users.{name}.pool"), "pool", &user.pool, &[&pools::KEY.key]);
            if stack.existing_pools.contains_key(&user.pool) {
                let message = format!("the service user {name} would be a new user of a pool that is only read");
                let help = "let it sign in to a pool of the stack's own";
                checks.report([Diagnostic::new(format!("service_users.{name}.pool"), message).help(help)]);
            }
            if let Some(twin) = users.insert((&user.pool, service_username(name, &stack.name)), name) {
                let message =
                    format!("the service users {twin} and {name} would have the same username in {}", user.pool);
                let help = "rename one of them: usernames are in lower case";
                checks.report([Diagnostic::new(format!("service_users.{name}"), message).help(help)]);
            }
        }
        let is_secret =
            |name: &&String| stack.secrets.contains_key(*name) || stack.existing_secrets.contains_key(*name);
        for name in self.keys().filter(is_secret) {
            let message = format!("the secret {name} and the service user {name} would be the same secret");
            checks.report([Diagnostic::new(format!("service_users.{name}"), message).help("rename one of them")]);
        }
    }
}

/// The sections whose entries are secrets: a service user's name and password are in a secret of the same name.
pub(super) fn secrets() -> [&'static Key; 2] {
    [&secrets::KEY.key, &KEY.key]
}

/// The pools that service users sign in to, before the users are read. Mistakes in these entries are reported when the
/// users are read.
pub(super) fn pools_of_programs(root: &Table) -> BTreeSet<String> {
    let Some(DeValue::Table(users)) = root.get(&KEY.key).map(toml::Spanned::get_ref) else { return BTreeSet::new() };
    let pool = |user: &DeValue| match user {
        DeValue::Table(user) => match user.get(SERVICE_USER.pool.key.name)?.get_ref() {
            DeValue::String(pool) => Some(pool.to_string()),
            _ => None,
        },
        _ => None,
    };
    users.values().filter_map(|user| pool(user.get_ref())).collect()
}

fn service_user(reader: &mut Reader, _name: &str, table: &Table) -> ServiceUser {
    let ServiceUserKeys { pool, resource_policy } = &SERVICE_USER;
    let resource_policy = reader.flag(table, resource_policy);
    ServiceUser { pool: reader.required_or(table, pool), resource_policy }
}
