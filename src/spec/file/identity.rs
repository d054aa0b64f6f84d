//! Reads the user pools, service users and identity pools of a stack file.

use toml::de::{DeTable, DeValue};

use super::super::model::{IdentityPool, Invoke, Mfa, Password, Pool, ServiceUser, Tokens};
use super::super::reader::{Reader, Table, joined};
use super::super::{keys, rules};

impl Reader {
    pub(super) fn service_user(&mut self, name: String, table: &Table) -> (String, ServiceUser) {
        let keys::ServiceUser { pool, resource_policy } = &keys::SERVICE_USER;
        let resource_policy = self.flag(table, resource_policy);
        (name, ServiceUser { pool: self.required_or(table, pool), resource_policy })
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
        let keys::Pool {
            authorizer,
            password,
            self_sign_up,
            mfa,
            deletion_protection,
            threat_protection,
            plan,
            tokens,
            flows,
            firewall,
        } = &keys::POOL;
        let authorizer = self.text(table, authorizer);
        if let Some((authorizer, span)) = &authorizer
            && let Err(why) = rules::name("authorizers", authorizer)
        {
            self.diagnostic(span, why, None);
        }
        let none = DeTable::new();
        let empty = || Table { span: table.span.clone(), entries: &none, path: String::new(), what: String::new() };
        let password = self.table(table, password).unwrap_or_else(empty);
        let tokens = self.table(table, tokens).unwrap_or_else(empty);
        // A program has no authenticator app, so the posture leaves its pool without the demand for a code.
        let no_codes = table.get(&mfa.key).is_none() && self.pools_of_programs.contains(&name);
        let pool = Pool {
            authorizer: authorizer.map_or_else(|| format!("{name}Authorizer"), |(authorizer, _)| authorizer),
            password: self.password(&password),
            self_sign_up: self.flag(table, self_sign_up),
            mfa: if no_codes { Mfa::Off } else { self.word(table, mfa) },
            deletion_protection: self.flag(table, deletion_protection),
            threat_protection: self.word(table, threat_protection),
            plan: self.optional_word(table, plan),
            tokens: self.tokens(&tokens),
            flows: self.words(table, flows),
            firewall: self.flag(table, firewall),
        };
        (name, pool)
    }

    /// Remembers the pools that service users sign in to. Mistakes in these entries are reported when they are read.
    pub(super) fn find_pools_of_programs(&mut self, root: &Table) {
        let Some(DeValue::Table(users)) = root.get(&keys::ROOT.service_users.key).map(toml::Spanned::get_ref) else {
            return;
        };
        for user in users.values() {
            if let DeValue::Table(user) = user.get_ref()
                && let Some(DeValue::String(pool)) =
                    user.get(keys::SERVICE_USER.pool.key.name).map(toml::Spanned::get_ref)
            {
                self.pools_of_programs.insert(pool.to_string());
            }
        }
    }

    fn tokens(&mut self, table: &Table) -> Tokens {
        let keys::Tokens { id_minutes, access_minutes, refresh_days, rotate } = &keys::TOKENS;
        Tokens {
            id_minutes: self.number(table, id_minutes),
            access_minutes: self.number(table, access_minutes),
            refresh_days: self.number(table, refresh_days),
            rotate: self.flag(table, rotate),
        }
    }

    fn password(&mut self, table: &Table) -> Password {
        let keys::Password { minimum_length, history, lowercase, uppercase, numbers, symbols } = &keys::PASSWORD;
        Password {
            // The key's range ends at 99.
            minimum_length: u8::try_from(self.number(table, minimum_length)).unwrap_or(u8::MAX),
            lowercase: self.flag(table, lowercase),
            uppercase: self.flag(table, uppercase),
            numbers: self.flag(table, numbers),
            symbols: self.flag(table, symbols),
            // The key's range ends at 24.
            history: u8::try_from(self.number(table, history)).unwrap_or(u8::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::spec::{Flow, Mfa, Plan, parse};

    const ROBOT: &str = "[service_users.Robot]\npool = \"People\"\n";

    fn file(posture: &str, pool: &str, more: &str) -> String {
        format!("[stack]\nname = \"demo\"\nposture = \"{posture}\"\n[pools.People]\n{pool}\n[pools.Staff]\n{more}")
    }

    /// The messages of all mistakes.
    fn mistakes(pool: &str, more: &str) -> Vec<String> {
        let mistakes = parse(&file("baseline", pool, more)).err().unwrap_or_default();
        mistakes.into_iter().map(|mistake| mistake.message).collect()
    }

    #[test]
    fn the_posture_demands_no_code_of_programs() {
        let mfa = |posture: &str, pool: &str, more: &str| {
            let stack = parse(&file(posture, pool, more)).expect("a sound file");
            (stack.pools["People"].mfa, stack.pools["Staff"].mfa)
        };
        assert_eq!(mfa("hardened", "", ""), (Mfa::On, Mfa::On));
        assert_eq!(mfa("hardened", "", ROBOT), (Mfa::Off, Mfa::On));
        assert_eq!(mfa("hardened", "mfa = \"optional\"", ROBOT), (Mfa::Optional, Mfa::On));
        assert_eq!(mfa("baseline", "", ROBOT), (Mfa::Off, Mfa::Off));
        let refused = mistakes("mfa = \"on\"", ROBOT);
        assert!(refused.len() == 1 && refused[0].contains("authenticator app from Robot"), "{refused:?}");
        assert_eq!(mistakes("mfa = \"on\"", ""), Vec::<String>::new());
    }

    #[test]
    fn flows_are_read_in_the_order_of_the_declaration() {
        let flows =
            |pool: &str| parse(&file("baseline", pool, "")).expect("a sound file").pools["People"].flows.clone();
        assert_eq!(flows("flows = [\"password\", \"srp\"]"), [Flow::Srp, Flow::Password]);
        assert_eq!(flows(""), [Flow::Srp, Flow::Password, Flow::AdminPassword]);
        assert_eq!(mistakes("flows = []", ""), ["`flows` must have at least one of srp, password, admin-password"]);
        assert_eq!(mistakes("flows = [\"spr\"]", ""), ["`flows` takes srp, password, admin-password, not spr"]);
    }

    #[test]
    fn a_plan_must_have_what_the_pool_asks_for() {
        let plan = |pool: &str| parse(&file("baseline", pool, "")).expect("a sound file").pools["People"].plan;
        assert_eq!((plan(""), plan("plan = \"lite\"")), (None, Some(Plan::Lite)));
        for pool in [
            "plan = \"essentials\"\nthreat_protection = \"audit\"",
            "plan = \"lite\"\npassword = { history = 5 }",
            "tokens = { refresh_days = 1, id_minutes = 1440 }",
        ] {
            assert_eq!(mistakes(pool, "").len(), 1, "{pool}");
        }
        assert_eq!(mistakes("plan = \"plus\"\nthreat_protection = \"enforced\"", ""), Vec::<String>::new());
        assert_eq!(mistakes("tokens = { refresh_days = 2, id_minutes = 1440 }", ""), Vec::<String>::new());
    }
}
