//! `[api]` and `[apis]`

mod allow_from;
mod auth;
mod cors;
mod domain;
pub(super) mod groups;
pub(super) mod keys;
mod limits;
mod parameters;
mod paths;
mod quotas;
mod resource_policy;
pub(super) mod routes;
mod scopes;
mod targets;
mod timeouts;

use std::collections::BTreeMap;

use toml::de::DeTable;

use super::{Part, Stack};
use crate::choices::{ExecutionLog, Tls};
use crate::scope::Scope;
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Flag, Key, List, Nested, Number, Text, Word};
use crate::spec::reader::{Reader, Table, joined};
use crate::spec::rules::NAME;
use crate::spec::section::section;

use allow_from::{ALLOW_FROM, AllowFromKeys};
use cors::{CORS, CorsKeys};
use domain::{DOMAIN, DomainKeys};
use routes::{ROUTE, RouteKeys};

pub use allow_from::AllowFrom;
pub use auth::Auth;
pub use cors::{Cors, ORIGINS_VARIABLE};
pub use domain::Domain;
pub use limits::{Limits, Throughput};
pub use parameters::Parameters;
pub use routes::Route;
pub use scopes::has_programs;
pub use targets::RouteTarget;

static ONE: Nested<ApiKeys> = Nested::table("api", &API, "The API.");

pub(super) static FURTHER: Nested<ApiKeys> = Nested::named("apis", NAME, &API, "Further APIs, by name.");

section! {
    API: ApiKeys = "api";
    kind: Word<ApiKind> = of(
        &["rest", "http"],
        &[ApiKind::Rest, ApiKind::Http],
        "rest: supports a firewall and body validation. http: small and cheap.",
    );
    stage: Text = form(
        "^[A-Za-z0-9_-]{1,128}$",
        "The stage, which is the first part of every route's path. The default is development for a REST API; an HTTP API has none unless it is given.",
    );
    rate_limit: Number = range(
        1, 10_000, 50, "Requests a second that each route allows. All routes together allow the sum.",
    );
    burst_limit: Number = range(
        1, 5_000, 50, "Requests at once that each route allows. All routes together allow the sum.",
    );
    tls: Word<Tls> = hardened(
        &["1.2", "1.3"],
        &[Tls::V1_2, Tls::V1_3],
        1,
        "The oldest version of TLS that the API accepts. REST APIs only.",
    );
    logs: Nested<ApiLogsKeys> = table(
        &API_LOGS, "The logs of API Gateway. REST APIs only: an HTTP API always writes an access log.",
    );
    tracing: Flag = hardened(
        false, true, "Whether X-Ray traces requests, which costs money. REST APIs only.",
    );
    binary: List = texts(
        "The content types of bodies that are passed on as bytes, as in image/*. Functions get and return them in Base64. REST APIs only: an HTTP API passes on every body as it is.",
    );
    cors: Nested<CorsKeys> = table(
        &CORS, "The origins whose pages may call the API. Left out: none. Preflight requests need no authorization.",
    );
    domain: Nested<DomainKeys> = table(
        &DOMAIN, "A domain name of your own, by which the API can be called. It accepts TLS 1.2 or later.",
    );
    default_endpoint: Flag = hardened(
        true,
        false,
        "Whether the API can also be called by the host name that AWS gives it. False only with a domain, also with the hardened posture.",
    );
    allow_from: Nested<AllowFromKeys> = table(
        &ALLOW_FROM, "The networks and accounts that can call the API. Left out: all networks. REST APIs only.",
    );
    routes: Nested<RouteKeys> = tables(&ROUTE, "The routes that can be called.");
}

section! {
    API_LOGS: ApiLogsKeys = "logs";
    access: Flag = hardened(
        false, true, "Whether there is a line for each request, without the caller's identity and without contents.",
    );
    execution: Word<ExecutionLog> = hardened(
        &["off", "error", "info"],
        &[ExecutionLog::Off, ExecutionLog::Error, ExecutionLog::Info],
        1,
        "The level of the execution log. Bodies and tokens are never logged.",
    );
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKind {
    /// Can validate bodies and have a firewall.
    Rest,
    /// Costs less, but cannot validate bodies or have a firewall.
    Http,
}

/// The logs of a REST API's stage. The stage of an HTTP API always logs every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiLogs {
    /// Whether the access log has a line for each request.
    pub access: bool,
    pub execution: ExecutionLog,
}

impl ApiLogs {
    pub const NONE: Self = Self { access: false, execution: ExecutionLog::Off };

    /// Whether anything is logged, for which API Gateway needs a role.
    pub fn any(self) -> bool {
        self != Self::NONE
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    pub kind: ApiKind,
    /// The stage's name, which is the first part of every route's path.
    pub stage: String,
    /// Requests per second that each route allows.
    pub rate_limit: u32,
    /// Requests at once that each route allows.
    pub burst_limit: u32,
    /// The oldest TLS version. TLS 1.2 for HTTP APIs, because AWS sets it.
    pub tls: Tls,
    /// [`ApiLogs::NONE`] for HTTP APIs.
    pub logs: ApiLogs,
    /// Whether X-Ray traces requests. Never for HTTP APIs.
    pub tracing: bool,
    /// The content types of bodies that are passed on as bytes. Empty for HTTP APIs, which need none.
    pub binary: Vec<String>,
    pub cors: Option<Cors>,
    pub domain: Option<Domain>,
    /// Whether it answers at the host name that AWS gives it. Otherwise it has a domain.
    pub default_endpoint: bool,
    /// `None` for HTTP APIs.
    pub allow_from: Option<AllowFrom>,
    pub routes: Vec<Route>,
}

/// The name of `[api]` where a name is needed.
pub const UNNAMED: &str = "api";

impl Stack {
    /// All APIs with their names. The API without a name is first.
    pub fn all_apis(&self) -> impl Iterator<Item = (Option<&str>, &Api)> {
        let further = self.apis.iter().map(|(name, api)| (Some(name.as_str()), api));
        self.api.iter().map(|api| (None, api)).chain(further)
    }

    /// The API that a variable or an argument calls by this name, with its name in the stack file: [`UNNAMED`] is `[api]`,
    /// unless another API has this name.
    pub fn api_called(&self, name: &str) -> Option<(Option<&str>, &Api)> {
        let named = self.apis.get_key_value(name).map(|(name, api)| (Some(name.as_str()), api));
        named.or_else(|| self.api.as_ref().filter(|_| name == UNNAMED).map(|api| (None, api)))
    }

    /// All routes of all APIs, each with its place in the file: `routes.0` or `apis.Age.routes.0`.
    pub fn all_routes(&self) -> impl Iterator<Item = (String, &Route)> {
        self.all_apis().flat_map(|(name, api)| {
            let within = name.map(|name| format!("apis.{name}.")).unwrap_or_default();
            api.routes.iter().enumerate().map(move |(index, route)| (format!("{within}routes.{index}"), route))
        })
    }
}

/// The API without a name.
impl Part for Option<Api> {
    fn key() -> &'static Key {
        &ONE.key
    }

    fn read(reader: &mut Reader, root: &Table) -> Self {
        // The places of the API without a name begin with its keys: `routes.0`.
        reader.table(root, &ONE).map(|table| api(reader, &Table { path: String::new(), ..table }))
    }

    fn check(&self, checks: &mut Checks) {
        if let Some(api) = self {
            check(None, api, checks);
        }
    }
}

impl Part for BTreeMap<String, Api> {
    fn key() -> &'static Key {
        &FURTHER.key
    }

    fn read(reader: &mut Reader, root: &Table) -> Self {
        reader.each(root, &FURTHER, |reader, _, table| api(reader, table))
    }

    fn check(&self, checks: &mut Checks) {
        if checks.stack.api.is_some() && self.contains_key("api") {
            let message = "the API named api and the API without a name would have the same name in AWS";
            checks.report([Diagnostic::new("apis.api", message).help("rename it")]);
        }
        checks.report(domain::twins(checks.stack));
        for (name, api) in self {
            check(Some(name), api, checks);
        }
    }
}

fn check(name: Option<&str>, api: &Api, checks: &mut Checks) {
    routes::check(name, api, checks);
    keys::check(name, api, checks);
    cors::check(name, api, checks);
    let flaws = quotas::check(api, checks.stack).into_iter().chain(allow_from::check(api));
    checks.report(flaws.map(|flaw| flaw.within(name)));
}

/// The ARN of a route in a policy, with a sample of the API's id.
pub(super) fn invoke_arn(api: &Api, route: &Route, scope: &Scope) -> String {
    scope.execute_api_arn("0123456789", &api.stage, &route.method, &route.path)
}

fn api(reader: &mut Reader, table: &Table) -> Api {
    let ApiKeys {
        kind,
        stage,
        rate_limit,
        burst_limit,
        tls,
        logs,
        tracing,
        binary,
        cors,
        domain,
        default_endpoint,
        allow_from,
        routes,
    } = &API;
    let kind = reader.word(table, kind);
    let stage = reader.text(table, stage);
    if let Some((stage, span)) = &stage
        && let Err(why) = stage_name(stage)
    {
        reader.diagnostic(span, why, None);
    }
    let (tls, logs, tracing) = rest_only(reader, table, kind, (tls, logs, tracing));
    let binary = media_types(reader, table, kind, binary);
    let cors = cors::cors(reader, table, kind, cors);
    let (domain, default_endpoint) = domain::domain(reader, table, (domain, default_endpoint));
    let allow_from = allow_from::allow_from(reader, table, kind, allow_from);
    let place = table.at(&routes.key);
    let mut sound = Vec::new();
    let given = table.get(&routes.key).is_some();
    let items = reader.tables(table, routes);
    if items.as_ref().map_or(!given, Vec::is_empty) {
        reader.diagnostic(&table.span, "the API has no routes", Some("add [[api.routes]]".into()));
    }
    for item in items.unwrap_or_default() {
        if let Some(table) = reader.open(item, "a route", joined(&place, &sound.len().to_string()), routes.section) {
            sound.extend(routes::route(reader, &table));
        }
    }
    Api {
        kind,
        stage: stage.map_or_else(|| default_stage(kind).to_owned(), |(stage, _)| stage),
        rate_limit: reader.number(table, rate_limit),
        burst_limit: reader.number(table, burst_limit),
        tls,
        logs,
        tracing,
        binary,
        cors,
        domain,
        default_endpoint,
        allow_from,
        routes: sound,
    }
}

/// The settings that AWS has for REST APIs alone. The posture does not set them for HTTP APIs.
fn rest_only(
    reader: &mut Reader,
    table: &Table,
    kind: ApiKind,
    (tls, logs, tracing): (&Word<Tls>, &Nested<ApiLogsKeys>, &Flag),
) -> (Tls, ApiLogs, bool) {
    if kind == ApiKind::Rest {
        return (reader.word(table, tls), self::logs(reader, table, logs), reader.flag(table, tracing));
    }
    for (key, why) in [
        (&tls.key, "the TLS version of an HTTP API cannot be chosen: its host name requires TLS 1.2 or later"),
        (&logs.key, "an HTTP API always writes an access log, and has no execution log"),
        (&tracing.key, "X-Ray does not trace HTTP APIs"),
    ] {
        if let Some(item) = table.get(key) {
            let help = "use `kind = \"rest\"` for the API, or remove the key";
            reader.diagnostic(&item.span(), format!("`{}`: {why}", key.name), Some(help.into()));
        }
    }
    (Tls::V1_2, ApiLogs::NONE, false)
}

/// The content types in `binary`.
fn media_types(reader: &mut Reader, table: &Table, kind: ApiKind, key: &List) -> Vec<String> {
    let types = reader.list(table, key);
    if let Some(item) = table.get(&key.key)
        && kind == ApiKind::Http
    {
        let message = "`binary`: an HTTP API passes on every body as it is";
        reader.diagnostic(&item.span(), message, Some("remove the key".into()));
        return Vec::new();
    }
    let part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "*.+-_".contains(c));
    let sound = |text: &str| text.split_once('/').is_some_and(|(kind, of)| part(kind) && part(of));
    for (text, span) in types.iter().filter(|(text, _)| !sound(text)) {
        let help = "write a type and a subtype, as in image/png, image/* or */*".to_owned();
        reader.diagnostic(span, format!("{text:?} is not a content type"), Some(help));
    }
    types.into_iter().map(|(text, _)| text).collect()
}

fn logs(reader: &mut Reader, table: &Table, key: &Nested<ApiLogsKeys>) -> ApiLogs {
    let ApiLogsKeys { access, execution } = &API_LOGS;
    let none = DeTable::new();
    let empty = Table { span: table.span.clone(), entries: &none, path: String::new(), what: String::new() };
    let logs = reader.table(table, key).unwrap_or(empty);
    ApiLogs { access: reader.flag(&logs, access), execution: reader.word(&logs, execution) }
}

/// The stage if none is given. An HTTP API's default stage answers at the root of its host.
fn default_stage(kind: ApiKind) -> &'static str {
    match kind {
        ApiKind::Rest => "development",
        ApiKind::Http => "$default",
    }
}

/// Checks the name of a stage.
fn stage_name(name: &str) -> Result<(), String> {
    let charset = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    ((1..=128).contains(&name.len()) && name.chars().all(charset))
        .then_some(())
        .ok_or_else(|| format!("{name:?} is not a valid stage name: use 1 to 128 characters of A-Z, a-z, 0-9, _ and -"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    #[test]
    fn binary_types_are_content_types_of_rest_apis() {
        let file = |keys: &str| {
            let route = "[[api.routes]]\nroute = \"GET /x\"\nfunction = \"F\"\nauth = \"none\"\n";
            parse(&format!("[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\n[api]\n{keys}\n{route}"))
        };
        let sound = file("binary = [\"image/*\", \"application/vnd.a+b\"]").expect("sound").api.expect("an API");
        assert_eq!(sound.binary, ["image/*", "application/vnd.a+b"]);
        for (keys, says) in [
            ("binary = [\"image\"]", "not a content type"),
            ("binary = [\"image/\"]", "not a content type"),
            ("kind = \"http\"\nbinary = [\"image/*\"]", "`binary`: an HTTP API"),
        ] {
            let mistakes = file(keys).expect_err(keys);
            assert!(mistakes[0].message.contains(says), "{mistakes:?}");
        }
    }

    #[test]
    fn what_aws_has_for_rest_apis_alone_is_refused_for_http_apis_and_not_set_by_the_posture() {
        let file = |posture: &str, keys: &str| {
            let route = "[[api.routes]]\nroute = \"GET /x\"\nfunction = \"F\"\nauth = \"none\"\n";
            let head = format!("[stack]\nname = \"demo\"\nposture = \"{posture}\"\n[functions.F]\nsource = \"f\"\n");
            parse(&format!("{head}[api]\n{keys}\n{route}"))
        };
        let api = |posture: &str, keys: &str| file(posture, keys).expect("a stack file").api.expect("an API");
        let seen = |api: Api| (api.tls, api.logs, api.tracing);
        let errors = ApiLogs { access: true, execution: ExecutionLog::Error };
        assert_eq!(seen(api("baseline", "")), (Tls::V1_2, ApiLogs::NONE, false));
        assert_eq!(seen(api("hardened", "")), (Tls::V1_3, errors, true));
        assert_eq!(seen(api("hardened", "kind = \"http\"")), (Tls::V1_2, ApiLogs::NONE, false));
        let kept = api("hardened", "tls = \"1.2\"\nlogs = { access = false }\ntracing = false");
        assert_eq!(seen(kept), (Tls::V1_2, ApiLogs { access: false, ..errors }, false));
        for key in ["tls = \"1.2\"", "logs = { access = true }", "tracing = false"] {
            let mistakes = file("baseline", &format!("kind = \"http\"\n{key}")).expect_err("refused");
            let name = key.split(' ').next().expect("a name");
            assert!(mistakes.iter().any(|one| one.message.starts_with(&format!("`{name}`: "))), "{mistakes:?}");
        }
    }
}
