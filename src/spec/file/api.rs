//! Reads the APIs of a stack file.

use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::super::field::{AuthKey, Flag, Nested, Text, Word};
use super::super::keys::Untokened;
use super::super::model::{Api, ApiKind, ApiLogs, Auth, Route, Tls};
use super::super::reader::{Reader, Table, joined};
use super::super::{keys, rules};

impl Reader {
    pub(super) fn api(&mut self, table: &Table) -> Api {
        let keys::Api { kind, stage, rate_limit, burst_limit, tls, logs, tracing, routes } = &keys::API;
        let kind = self.word(table, kind);
        let stage = self.text(table, stage);
        if let Some((stage, span)) = &stage
            && let Err(why) = rules::stage_name(stage)
        {
            self.diagnostic(span, why, None);
        }
        let (tls, logs, tracing) = self.rest_only(table, kind, (tls, logs, tracing));
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
            tls,
            logs,
            tracing,
            routes: sound,
        }
    }

    /// The settings that AWS has for REST APIs alone. The posture does not set them for HTTP APIs.
    fn rest_only(
        &mut self,
        table: &Table,
        kind: ApiKind,
        (tls, logs, tracing): (&Word<Tls>, &Nested<keys::ApiLogs>, &Flag),
    ) -> (Tls, ApiLogs, bool) {
        if kind == ApiKind::Rest {
            return (self.word(table, tls), self.logs(table, logs), self.flag(table, tracing));
        }
        for (key, why) in [
            (&tls.key, "AWS decides about TLS of its own host names of HTTP APIs, which demand TLS 1.2"),
            (&logs.key, "an HTTP API always writes an access log, and has no execution log"),
            (&tracing.key, "X-Ray does not trace HTTP APIs"),
        ] {
            if let Some(item) = table.get(key) {
                let help = "use `kind = \"rest\"` for the API, or remove the key";
                self.diagnostic(&item.span(), format!("`{}`: {why}", key.name), Some(help.into()));
            }
        }
        (Tls::V1_2, ApiLogs::NONE, false)
    }

    fn logs(&mut self, table: &Table, key: &Nested<keys::ApiLogs>) -> ApiLogs {
        let keys::ApiLogs { access, execution } = &keys::API_LOGS;
        let none = DeTable::new();
        let empty = Table { span: table.span.clone(), entries: &none, path: String::new(), what: String::new() };
        let logs = self.table(table, key).unwrap_or(empty);
        ApiLogs { access: self.flag(&logs, access), execution: self.word(&logs, execution) }
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
}
