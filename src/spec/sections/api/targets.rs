//! The target of a route, which answers its requests: a function, API Gateway itself, or a server elsewhere.

use std::net::IpAddr;

use super::{Api, ApiKind, Route};
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Key, Nested, Number, Text};
use crate::spec::reader::{Reader, Table};
use crate::spec::section::{Choice, section};

section! {
    INTEGRATION: IntegrationKeys = "integration", Choice::OneKey;
    mock: Nested<MockKeys> = table(
        &MOCK,
        "A fixed answer, which API Gateway gives without calling anything. REST APIs only. It takes no body, or a JSON body; API Gateway answers 415 to others.",
    );
    http: Text = form(
        "^https://\\S+$",
        "The server that answers, as in https://example.com/items/{id}: it gets the method, the query, the headers, also the caller's token, and the body of each request. Parameters of the route's path stand in braces, without a plus.",
    );
}

section! {
    MOCK: MockKeys = "mock";
    status: Number = range(200, 599, 200, "The answer's status.");
    body: Text = any("The answer's body: JSON, or plain text. Left out: empty.");
}

/// The longest template of API Gateway, in bytes (docs/aws.md, Mocks).
const MAX_TEMPLATE: usize = 300 * 1024;

/// Statuses with which an answer has no body (RFC 9110, 15.3.5 and 15.4.5).
const WITHOUT_BODY: [u16; 2] = [204, 304];

/// Endings of host names that exist only on one machine or in a local network.
const LOCAL_NAMES: [&str; 6] = [".localhost", ".local", ".internal", ".lan", ".home.arpa", ".localdomain"];

/// The target of a route, which answers its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteTarget {
    /// The function of this name.
    Function(String),
    /// API Gateway itself, with a fixed answer.
    Mock { status: u16, body: String },
    /// The server at this URL, in which parameters of the route's path stand in braces.
    Http { url: String },
}

impl RouteTarget {
    /// The target's name in the diagram, the list of routes and error messages.
    pub fn label(&self) -> String {
        match self {
            Self::Function(name) => name.clone(),
            Self::Mock { status, .. } => format!("a fixed answer ({status})"),
            Self::Http { url } => host(url).unwrap_or(url).to_owned(),
        }
    }

    /// The server's name, with a port if it has one.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Http { url } => host(url),
            Self::Function(_) | Self::Mock { .. } => None,
        }
    }
}

impl Route {
    /// The function that answers, if one does.
    pub fn function(&self) -> Option<&String> {
        match &self.target {
            RouteTarget::Function(name) => Some(name),
            RouteTarget::Mock { .. } | RouteTarget::Http { .. } => None,
        }
    }

    /// The names of the parameters in the route's path: `id` and `rest` of `/items/{id}/{rest+}`.
    pub fn path_parameters(&self) -> impl Iterator<Item = &str> {
        let braced = self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        braced.map(|name| name.trim_end_matches('+'))
    }
}

/// The part of a URL between the scheme and the path, with a port if it has one.
fn host(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty())
}

/// The target of a route: exactly one of `function` and `integration` is given. After a mistake it is a function
/// without a name.
pub(super) fn target(
    reader: &mut Reader,
    name: &str,
    table: &Table,
    (function, integration): (&Text, &Nested<IntegrationKeys>),
) -> RouteTarget {
    let none = || RouteTarget::Function(String::new());
    let given = table.get(&integration.key);
    let by_function = reader.text(table, function);
    let within = reader.table(table, integration);
    if let (Some(item), Some(_)) = (given, table.get(&function.key)) {
        let message = "a route has either `function` or `integration`, not both";
        reader.diagnostic(&item.span(), message, None);
        return none();
    }
    if given.is_none() && table.get(&function.key).is_none() {
        let help = "name its `function`; or write integration = { http = \"https://…\" } for a server, or \
                    integration = { mock = { status = 200, body = \"ok\" } } for a fixed answer";
        reader.diagnostic(&table.span, format!("{name} has neither `function` nor `integration`"), Some(help.into()));
        return none();
    }
    match (by_function, within) {
        (Some((name, _)), _) => RouteTarget::Function(name),
        (None, Some(within)) => elsewhere(reader, &within).unwrap_or_else(none),
        (None, None) => none(),
    }
}

fn elsewhere(reader: &mut Reader, within: &Table) -> Option<RouteTarget> {
    let IntegrationKeys { mock, http } = &INTEGRATION;
    let (is_mock, is_http) = (within.get(&mock.key).is_some(), within.get(&http.key).is_some());
    if is_mock == is_http {
        let message = "`integration` has exactly one of `mock` and `http`";
        reader.diagnostic(&within.span, message, None);
        return None;
    }
    if is_http {
        let (url, span) = reader.text(within, http)?;
        if let Err(why) = is_reachable(&url) {
            let help = "write the server's address as in https://example.com/items/{id}".to_owned();
            reader.diagnostic(&span, why, Some(help));
            return None;
        }
        return Some(RouteTarget::Http { url });
    }
    let MockKeys { status, body } = &MOCK;
    let within = reader.table(within, mock)?;
    let body = reader.text(&within, body);
    if let Some((body, span)) = &body
        && body.len() > MAX_TEMPLATE
    {
        let message = format!("`body` has {} bytes; API Gateway takes {MAX_TEMPLATE}", body.len());
        reader.diagnostic(span, message, None);
    }
    let status = u16::try_from(reader.number(&within, status)).unwrap_or(200);
    if let Some((_, span)) = body.as_ref().filter(|_| WITHOUT_BODY.contains(&status)) {
        let help = "leave `body` out, or choose another `status`".to_owned();
        reader.diagnostic(span, format!("an answer with the status {status} has no body"), Some(help));
    }
    Some(RouteTarget::Mock { status, body: body.map(|(body, _)| body).unwrap_or_default() })
}

/// Reports keys that have no effect on a fixed answer. API Gateway calls no server for it, and `verify` may always
/// request it.
pub(super) fn without_effect(reader: &mut Reader, table: &Table, target: &RouteTarget, keys: &[&Key]) {
    if !matches!(target, RouteTarget::Mock { .. }) {
        return;
    }
    for (key, item) in keys.iter().filter_map(|key| Some((key, table.get(key)?))) {
        let message = format!("`{}` means nothing for a fixed answer", key.name);
        reader.diagnostic(&item.span(), message, Some("remove it".into()));
    }
}

/// Whether API Gateway can send requests to a URL, and only to a server on the internet (docs/aws.md, HTTP
/// integrations).
fn is_reachable(url: &str) -> Result<(), String> {
    if url.starts_with("http://") {
        return Err(
            "`http` must be an https:// URL: over http:// everybody on the way could read the callers' tokens \
                    and change the answers"
                .into(),
        );
    }
    let Some(host) = url.strip_prefix("https://").and_then(|_| host(url)) else {
        return Err(format!("{url:?} is not an https:// URL"));
    };
    if url.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"' || c == '#') {
        return Err("a URL has no spaces, no quotes and no fragment".into());
    }
    if host.contains('@') {
        return Err("a URL here has no user name and no password: the stack file is no place for secrets".into());
    }
    if host.contains(['{', '}', '$']) {
        return Err("the host must not depend on the request: a caller could choose the server".into());
    }
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    if let Some(port) = port {
        let allowed = port.parse::<u16>().is_ok_and(|port| port == 80 || port == 443 || port >= 1024);
        if !allowed {
            return Err(format!("API Gateway reaches the ports 80, 443 and 1024 to 65535, not {port:?}"));
        }
    }
    if let Ok(address) = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        let public = is_public(address);
        return public.then_some(()).ok_or_else(|| format!("{address} is not an address on the internet"));
    }
    let name = name.to_ascii_lowercase();
    let name = name.trim_end_matches('.');
    let sound = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    // The last part of an address in another notation, such as 127.1 or 0x7f000001, is a number.
    let last = name.rsplit('.').next().unwrap_or_default();
    let numeric = last.starts_with(|c: char| c.is_ascii_digit());
    if !sound || numeric || name.split('.').any(str::is_empty) {
        return Err(format!("{name:?} is not the name of a host"));
    }
    if !name.contains('.') || LOCAL_NAMES.iter().any(|local| name.ends_with(local)) {
        return Err(format!("{name} is a name in a local network; API Gateway reaches servers on the internet"));
    }
    Ok(())
}

/// Whether an address is public. Addresses of this machine, of private networks and of metadata services are not.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let shared = first == 100 && (64..128).contains(&second);
            !(v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4.is_documentation()
                || shared
                || first == 0
                || first >= 240)
        }
        IpAddr::V6(v6) => {
            if let Some(v4) = v6.to_ipv4_mapped() {
                return is_public(IpAddr::V4(v4));
            }
            // Global addresses are in 2000::/3.
            (v6.segments()[0] & 0xe000) == 0x2000
        }
    }
}

/// Reports mocks of an HTTP API, and parameters in URLs that the route's path does not have.
pub(super) fn check(api: &Api) -> Vec<Diagnostic> {
    let mut flaws = Vec::new();
    for (index, route) in api.routes.iter().enumerate() {
        match &route.target {
            RouteTarget::Mock { .. } if api.kind == ApiKind::Http => {
                let message = "`mock`: an HTTP API has no fixed answers; AWS has mock integrations for REST APIs alone";
                let help = "use `kind = \"rest\"` for the API, or a function";
                flaws.push(Diagnostic::new(format!("routes.{index}.integration"), message).help(help));
            }
            RouteTarget::Http { url } => {
                let place = format!("routes.{index}.integration.http");
                flaws.extend(
                    unknown_parameter(route, url).map(|(message, help)| Diagnostic::new(place, message).help(help)),
                );
            }
            RouteTarget::Function(_) | RouteTarget::Mock { .. } => {}
        }
    }
    flaws
}

fn unknown_parameter(route: &Route, url: &str) -> Option<(String, String)> {
    let known: Vec<&str> = route.path_parameters().collect();
    let mut rest = url;
    while let Some((_, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else {
            return Some(("a brace in the URL is not closed".into(), "write {id}".into()));
        };
        if !known.contains(&name) {
            let help = match (name.strip_suffix('+'), known.as_slice()) {
                (Some(bare), known) if known.contains(&bare) => format!("write {{{bare}}}, without the plus"),
                (_, []) => "the route's path has no parameters".to_owned(),
                (_, known) => format!("known: {}", known.join(", ")),
            };
            return Some((format!("the path of {} has no parameter {name}", route.name()), help));
        }
        rest = behind;
    }
    rest.contains('}').then(|| ("a brace in the URL is not opened".into(), "write {id}".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Diagnostic, Stack, parse};

    fn file(kind: &str, route: &str, target: &str) -> Result<Stack, Vec<Diagnostic>> {
        parse(&format!(
            "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[api]\nkind = \"{kind}\"\n[[api.routes]]\n\
             route = \"{route}\"\n{target}\nauth = \"none\"\n"
        ))
    }

    fn target(kind: &str, route: &str, target: &str) -> RouteTarget {
        file(kind, route, target).expect(target).api.expect("an API").routes[0].target.clone()
    }

    #[test]
    fn a_route_is_answered_by_a_function_a_server_or_api_gateway() {
        let of = |text: &str| target("rest", "GET /a/{id}", text);
        assert_eq!(of("function = \"F\""), RouteTarget::Function("F".into()));
        let mock = of("integration = { mock = { status = 503, body = \"later\" } }");
        assert_eq!(mock, RouteTarget::Mock { status: 503, body: "later".into() });
        assert_eq!(of("integration = { mock = {} }"), RouteTarget::Mock { status: 200, body: String::new() });
        let url = "https://example.com:8443/b/{id}?x=1";
        let http = format!("integration = {{ http = \"{url}\" }}");
        assert_eq!(of(&http), RouteTarget::Http { url: url.into() });
        assert_eq!(target("http", "GET /a/{id}", &http), RouteTarget::Http { url: url.into() });
        assert_eq!(
            target("rest", "ANY /{proxy+}", "integration = { http = \"https://a.example.com/{proxy}\" }").label(),
            "a.example.com"
        );
    }

    #[test]
    fn exactly_one_of_them_answers() {
        for (kind, text, says) in [
            ("rest", "", "has neither `function` nor `integration`"),
            ("rest", "function = \"F\"\nintegration = { mock = {} }", "either `function` or `integration`"),
            ("rest", "integration = {}", "exactly one of `mock` and `http`"),
            ("rest", "integration = { mock = {}, http = \"https://example.com\" }", "exactly one of `mock` and `http`"),
            ("rest", "integration = { mock = { status = 199 } }", "`status` must be"),
            ("rest", "integration = { mock = { headers = 1 } }", "no key `headers`"),
            ("rest", "integration = { mock = { status = 204, body = \"x\" } }", "the status 204 has no body"),
            ("rest", "integration = { mock = { status = 304, body = \"x\" } }", "the status 304 has no body"),
            ("rest", "integration = { mock = {} }\nverify = true", "`verify` means nothing for a fixed answer"),
            ("rest", "integration = { mock = {} }\ntimeout_s = 3", "`timeout_s` means nothing for a fixed answer"),
            ("rest", "function = \"G\"", "no function called G"),
            ("http", "integration = { mock = {} }", "`mock`: an HTTP API has no fixed answers"),
            ("rest", "integration = { http = \"https://example.com/{other}\" }", "no parameter other"),
            ("rest", "integration = { http = \"https://example.com/{id\" }", "not closed"),
        ] {
            let mistakes = file(kind, "GET /a/{id}", text).expect_err(text);
            assert!(mistakes.iter().any(|one| one.message.contains(says)), "{text}: {mistakes:?}");
        }
        let greedy = file("rest", "GET /{proxy+}", "integration = { http = \"https://example.com/{proxy+}\" }");
        let help = greedy.expect_err("with the plus")[0].help.clone().unwrap_or_default();
        assert!(help.contains("write {proxy}"), "{help}");
    }

    #[test]
    fn requests_go_to_servers_on_the_internet_over_tls() {
        for url in
            ["https://example.com", "https://8.8.8.8/x", "https://[2606:4700::1111]:8443/", "https://a-b.example.com?x"]
        {
            assert_eq!(is_reachable(url), Ok(()), "{url}");
        }
        for (url, says) in [
            ("http://example.com", "must be an https:// URL"),
            ("ftp://example.com", "not an https:// URL"),
            ("https://", "not an https:// URL"),
            ("https://user:secret@example.com", "no user name"),
            ("https://{host}.example.com", "depend on the request"),
            ("https://example.com:22/", "ports 80, 443"),
            ("https://localhost/x", "local network"),
            ("https://db.internal", "local network"),
            ("https://printer.local.", "local network"),
            ("https://127.0.0.1:8080", "not an address on the internet"),
            ("https://10.1.2.3", "not an address on the internet"),
            ("https://169.254.169.254/latest", "not an address on the internet"),
            ("https://100.64.0.1", "not an address on the internet"),
            ("https://[::1]/", "not an address on the internet"),
            ("https://[fe80::1]/", "not an address on the internet"),
            ("https://[::ffff:10.0.0.1]/", "not an address on the internet"),
            ("https://[fd00::1]/", "not an address on the internet"),
            ("https://127.1/", "not the name of a host"),
            ("https://example.0x7f000001/", "not the name of a host"),
            ("https://a..example.com", "not the name of a host"),
            ("https://example.com/a b", "no spaces"),
        ] {
            let refused = is_reachable(url).expect_err(url);
            assert!(refused.contains(says), "{url}: {refused}");
        }
    }
}
