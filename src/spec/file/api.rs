//! Reads the APIs and the firewall of a stack file.

use std::path::PathBuf;

use ipnet::IpNet;
use toml::de::DeValue;

use super::super::field::{AuthKey, Text};
use super::super::keys::Untokened;
use super::super::model::{Api, Auth, Firewall, ManagedRule, Route};
use super::super::reader::{Reader, Table, joined};
use super::super::{keys, managed, rules};

impl Reader {
    pub(super) fn api(&mut self, table: &Table) -> Api {
        let keys::Api { kind, stage, rate_limit, burst_limit, routes } = &keys::API;
        let kind = self.word(table, kind);
        let stage = self.text(table, stage);
        if let Some((stage, span)) = &stage
            && let Err(why) = rules::stage_name(stage)
        {
            self.diagnostic(span, why, None);
        }
        let place = table.at(&routes.key);
        let mut sound = Vec::new();
        let given = table.get(&routes.key).is_some();
        let items = self.tables(table, routes);
        if items.as_ref().map_or(!given, Vec::is_empty) {
            self.diagnostic(&table.span, "the API has no routes", Some("add [[api.routes]]".into()));
        }
        for item in items.unwrap_or_default() {
            if let Some(table) = self.open(item, "a route", joined(&place, &sound.len().to_string()), routes.section) {
                sound.extend(self.route(&table));
            }
        }
        Api {
            kind,
            stage: stage.map_or_else(|| rules::default_stage(kind).to_owned(), |(stage, _)| stage),
            rate_limit: self.number(table, rate_limit),
            burst_limit: self.number(table, burst_limit),
            routes: sound,
        }
    }

    fn route(&mut self, table: &Table) -> Option<Route> {
        let keys::Route { route, function, pool, auth, body, verify } = &keys::ROUTE;
        let route = self.required(table, route);
        // A mistake in the function or the caller must not hide other mistakes of the route.
        let function = self.required_or(table, function);
        let name = route.as_ref().map_or("this route", |(route, _)| route);
        let auth = self.auth(name, table, pool, auth).unwrap_or(Auth::None);
        let body = self.text(table, body).map(|(body, _)| PathBuf::from(body.trim()));
        let verify = self.flag(table, verify);
        let (route, span) = route?;
        let parts = rules::route(&route);
        if let Err(why) = &parts {
            self.diagnostic(&span, why.message.as_str(), Some(why.help.clone()));
        }
        let (method, path) = parts.ok()?;
        Some(Route { method, path, function, auth, body, verify })
    }

    fn auth(
        &mut self,
        name: &str,
        table: &Table,
        pool: &Text,
        auth: &AuthKey<keys::RouteAuth, Untokened>,
    ) -> Option<Auth> {
        let (by_pool, by_auth) = (table.get(&pool.key), table.get(&auth.key));
        let only = self.text(table, pool);
        let other = match by_auth.map(|item| (item, item.get_ref())) {
            // `auth = { pool = "…" }` means the same as `pool = "…"`.
            Some((item, DeValue::Table(_))) => {
                let keys::RouteAuth { pool: inner } = &keys::AUTH;
                let from = self.open(item, auth.key.name, table.at(&auth.key), auth.section)?;
                let (name, span) = self.required(&from, inner)?;
                if by_pool.is_none() {
                    self.remember(table.at(&pool.key), span);
                }
                Some(Auth::Pool(name))
            }
            _ => self.caller(table, auth).map(|caller| match caller {
                Untokened::Anyone => Auth::None,
                Untokened::Signed => Auth::Iam,
            }),
        };
        match (only, other) {
            (Some((pool, _)), None) => Some(Auth::Pool(pool)),
            (None, Some(auth)) => Some(auth),
            (None, None) => {
                if by_pool.is_none() && by_auth.is_none() {
                    let help = "name a `pool`; for a route that anyone may call, write `auth = \"none\"`";
                    self.diagnostic(&table.span, format!("{name} does not say who may call it"), Some(help.into()));
                }
                None
            }
            (Some((_, span)), Some(_)) => {
                self.diagnostic(&span, "a route has either `pool` or `auth`, not both", None);
                None
            }
        }
    }

    pub(super) fn firewall(&mut self, table: &Table) -> Firewall {
        let keys::Firewall { mode, addresses, rate_per_ip, managed_rules } = &keys::FIREWALL;
        let mut networks: Vec<IpNet> = Vec::new();
        for (address, span) in self.list(table, addresses) {
            match rules::network(&address) {
                Ok(network) if networks.contains(&network) => {
                    self.diagnostic(&span, format!("{network} is listed twice"), None);
                }
                Ok(network) => networks.push(network),
                Err(why) => self.diagnostic(&span, why, Some("write it as CIDR: \"203.0.113.7/32\"".into())),
            }
        }
        let mut groups: Vec<ManagedRule> = Vec::new();
        for (group, span) in self.list(table, managed_rules) {
            match managed::parse(&group) {
                Ok(rule) if groups.iter().any(|known| known.name == rule.name) => {
                    self.diagnostic(&span, format!("{} is listed twice", rule.name), None);
                }
                Ok(rule) => groups.push(rule),
                Err((why, help)) => self.diagnostic(&span, why, help),
            }
        }
        Firewall {
            mode: self.word(table, mode),
            addresses: networks,
            rate_per_ip: self.optional_number(table, rate_per_ip),
            managed_rules: groups,
        }
    }
}
