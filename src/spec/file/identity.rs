//! Reads the user pools, service users and identity pools of a stack file.

use toml::de::DeTable;

use super::super::model::{IdentityPool, Invoke, Password, Pool, ServiceUser};
use super::super::reader::{Reader, Table, joined};
use super::super::{keys, rules};

impl Reader {
    pub(super) fn service_user(&mut self, name: String, table: &Table) -> (String, ServiceUser) {
        let keys::ServiceUser { pool } = &keys::SERVICE_USER;
        (name, ServiceUser { pool: self.required_or(table, pool) })
    }

    pub(super) fn identity_pool(&mut self, name: String, table: &Table) -> (String, IdentityPool) {
        let keys::IdentityPool { pool, invokes } = &keys::IDENTITY_POOL;
        let pool = self.required_or(table, pool);
        let routes = self.list(table, invokes);
        if routes.is_empty() {
            let help = "name the routes that its credentials may call, as in invokes = [\"GET /items\"]";
            self.diagnostic(&table.span, "the credentials of this identity pool may call nothing", Some(help.into()));
        }
        let mut opened = Vec::new();
        for (text, span) in routes {
            self.remember(joined(&table.at(&invokes.key), &opened.len().to_string()), span);
            // `Age GET /age`, or `GET /age` of the API without a name.
            let (api, route) = match text.splitn(3, ' ').collect::<Vec<_>>().as_slice() {
                [api, method, path] => (Some((*api).to_owned()), format!("{method} {path}")),
                _ => (None, text),
            };
            opened.push(Invoke { api, route });
        }
        (name, IdentityPool { pool, invokes: opened })
    }

    pub(super) fn pool(&mut self, name: String, table: &Table) -> (String, Pool) {
        let keys::Pool { authorizer, password, self_sign_up, mfa, deletion_protection, firewall } = &keys::POOL;
        let authorizer = self.text(table, authorizer);
        if let Some((authorizer, span)) = &authorizer
            && let Err(why) = rules::name("authorizers", authorizer)
        {
            self.diagnostic(span, why, None);
        }
        let none = DeTable::new();
        let password = self.table(table, password).unwrap_or_else(|| Table {
            span: table.span.clone(),
            entries: &none,
            path: String::new(),
            what: String::new(),
        });
        let pool = Pool {
            authorizer: authorizer.map_or_else(|| format!("{name}Authorizer"), |(authorizer, _)| authorizer),
            password: self.password(&password),
            self_sign_up: self.flag(table, self_sign_up),
            mfa: self.word(table, mfa),
            deletion_protection: self.flag(table, deletion_protection),
            firewall: self.flag(table, firewall),
        };
        (name, pool)
    }

    fn password(&mut self, table: &Table) -> Password {
        let keys::Password { minimum_length, lowercase, uppercase, numbers, symbols } = &keys::PASSWORD;
        Password {
            // The key's range ends at 99.
            minimum_length: u8::try_from(self.number(table, minimum_length)).unwrap_or(u8::MAX),
            lowercase: self.flag(table, lowercase),
            uppercase: self.flag(table, uppercase),
            numbers: self.flag(table, numbers),
            symbols: self.flag(table, symbols),
        }
    }
}
