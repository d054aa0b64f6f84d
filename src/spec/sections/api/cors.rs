//! `cors` of an API: the origins whose pages may call it and read its answers.

use std::collections::BTreeSet;

use super::{Api, ApiKind, Auth};
use crate::spec::Stack;
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Flag, List, Nested, Number};
use crate::spec::reader::{Located, Reader, Table};
use crate::spec::section::section;

/// The value in `origins` that stands for every origin.
const EVERY: &str = "*";

/// The variable that tells a function which origins may read its answers.
pub const ORIGINS_VARIABLE: &str = "CORS_ORIGINS";

section! {
    CORS: CorsKeys = "cors";
    origins: List = required(
        "The origins whose pages may call the API and read its answers, as in https://app.example.com; \"*\" for all. Functions of a REST API get them in the variable CORS_ORIGINS, separated by commas, and send the header Access-Control-Allow-Origin themselves.",
    );
    headers: List = texts("The request headers that these pages may send beside those that browsers always allow, as in Authorization.");
    expose: List = texts("The answers' headers that these pages may read beside those that browsers always allow.");
    credentials: Flag = or(
        false,
        "Whether browsers send cookies. Tokens in the header Authorization do not need it.",
    );
    max_age_s: Number = range(0, 86_400, 600, "How long browsers may remember that a request is allowed.");
}

/// The rights of pages of other origins that call an API.
#[derive(Debug, Clone, PartialEq)]
pub struct Cors {
    /// As in `https://app.example.com`, or `*` alone for all.
    pub origins: Vec<String>,
    /// The request headers that these pages may send.
    pub headers: Vec<String>,
    /// The answers' headers that these pages may read.
    pub exposed: Vec<String>,
    /// Whether browsers send cookies.
    pub credentials: bool,
    pub max_age_s: u32,
}

impl Cors {
    pub fn allows_every_origin(&self) -> bool {
        self.origins.iter().any(|origin| origin == EVERY)
    }

    /// The origin in the answers that the gateway of a REST API gives itself. It cannot depend on the request.
    pub fn literal_origin(&self) -> &str {
        match self.origins.as_slice() {
            [only] => only,
            _ => EVERY,
        }
    }
}

impl Api {
    /// The methods that pages may use on a path: those of its routes.
    pub fn methods_on(&self, path: &str) -> Vec<&str> {
        let on_path = self.routes.iter().filter(|route| route.path == path).map(|route| route.method.as_str());
        each_method(&on_path)
    }

    /// The methods that pages may use on any path.
    pub fn methods(&self) -> Vec<&str> {
        each_method(&self.routes.iter().map(|route| route.method.as_str()))
    }

    /// The paths on which the gateway of a REST API answers preflight requests itself.
    pub fn preflight_paths(&self) -> Vec<&str> {
        let mut paths: Vec<&str> = self.routes.iter().map(|route| route.path.as_str()).collect();
        paths.sort_unstable();
        paths.dedup();
        let own = |path: &str| self.routes.iter().any(|route| route.path == path && route.method == "OPTIONS");
        paths.retain(|path| self.kind == ApiKind::Rest && self.cors.is_some() && !own(path));
        paths
    }
}

/// The given methods without OPTIONS, in a fixed order, each once. ANY stands for all methods.
fn each_method<'a>(methods: &(impl Iterator<Item = &'a str> + Clone)) -> Vec<&'static str> {
    let all = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
    all.into_iter().filter(|one| methods.clone().any(|method| method == *one || method == "ANY")).collect()
}

impl Stack {
    /// The origins whose pages may read the answers of a function: those of the REST APIs whose routes lead to it.
    pub fn cors_origins(&self, function: &str) -> Option<String> {
        self.cors_of(function).next().map(|(_, cors)| cors.origins.join(","))
    }

    /// The REST APIs with CORS whose routes lead to a function. HTTP APIs send the headers themselves.
    fn cors_of(&self, function: &str) -> impl Iterator<Item = (Option<&str>, &Cors)> {
        let leads =
            move |api: &Api| api.routes.iter().any(|route| route.function().is_some_and(|name| name == function));
        let rest = self.all_apis().filter(move |(_, api)| api.kind == ApiKind::Rest && leads(api));
        rest.filter_map(|(name, api)| Some((name, api.cors.as_ref()?)))
    }
}

pub(super) fn cors(reader: &mut Reader, table: &Table, kind: ApiKind, key: &Nested<CorsKeys>) -> Option<Cors> {
    let CorsKeys { origins, headers, expose, credentials, max_age_s } = &CORS;
    let inner = reader.table(table, key)?;
    let credentials = reader.flag(&inner, credentials);
    let given = reader.list(&inner, origins);
    if let Some(span) = Reader::nothing_in(&inner, origins) {
        let help = "write origins = [\"https://app.example.com\"], or [\"*\"] for every origin".to_owned();
        reader.diagnostic(&span, "`cors` names no origins", Some(help));
    }
    for (origin, span) in given.iter().filter(|(origin, _)| origin != EVERY) {
        if let Err(why) = is_origin(origin) {
            let help = "an origin is a scheme and a host, as in https://app.example.com or http://localhost:3000";
            reader.diagnostic(span, why, Some(help.into()));
        }
    }
    for flaw in [every_origin(&given, credentials), several(&given, credentials, kind)].into_iter().flatten() {
        reader.diagnostic(&inner.span, flaw.0, Some(flaw.1.into()));
    }
    let names = |reader: &mut Reader, key: &List| {
        let names = reader.list(&inner, key);
        for (name, span) in names.iter().filter(|(name, _)| !is_header(name)) {
            let help = "name each header, as in Authorization: browsers do not take * for all".to_owned();
            reader.diagnostic(span, format!("{name:?} is not the name of a header"), Some(help));
        }
        names.into_iter().map(|(name, _)| name).collect()
    };
    Some(Cors {
        headers: names(reader, headers),
        exposed: names(reader, expose),
        origins: given.into_iter().map(|(origin, _)| origin).collect(),
        credentials,
        max_age_s: reader.number(&inner, max_age_s),
    })
}

type Flaw = (&'static str, &'static str);

fn every_origin(origins: &[Located], credentials: bool) -> Option<Flaw> {
    let every = origins.iter().any(|(origin, _)| origin == EVERY);
    if every && credentials {
        let help = "name the origins, or set credentials = false: browsers refuse * together with credentials";
        return Some(("\"*\" would let the pages of every origin act with the cookies of whoever opens them", help));
    }
    (every && origins.len() > 1).then_some(("\"*\" stands for every origin", "remove it, or all others"))
}

/// The answers that the gateway of a REST API gives itself can carry only one origin, or `*`.
fn several(origins: &[Located], credentials: bool, kind: ApiKind) -> Option<Flaw> {
    let help = "use `kind = \"http\"` for the API, name one origin, or set credentials = false";
    (kind == ApiKind::Rest && credentials && origins.len() > 1)
        .then_some(("a REST API's refusals can carry only one origin with credentials", help))
}

/// Whether a browser sends such an `Origin`: a scheme, a host in lower case, perhaps a port.
fn is_origin(origin: &str) -> Result<(), String> {
    let host = origin.split_once("://").filter(|(scheme, _)| !scheme.is_empty()).map(|(_, host)| host);
    let fits = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:[]+".contains(c));
    let sound = host.is_some_and(|host| !host.is_empty() && fits(host)) && fits(&origin.replace("://", ""));
    sound.then_some(()).ok_or_else(|| format!("{origin:?} is not an origin"))
}

fn is_header(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

pub(super) fn check(name: Option<&str>, api: &Api, checks: &mut Checks) {
    if api.cors.is_none() {
        return;
    }
    let flaws = caught_preflights(api).into_iter().map(|flaw| flaw.within(name));
    let variables = own_variables(api, checks.stack);
    checks.report(flaws.chain(variables));
    if api.kind == ApiKind::Rest {
        let differing = differing_origins(name, api, checks.stack);
        checks.report(differing);
    }
}

/// Routes that would refuse preflight requests, which have neither a token nor a key (docs/aws.md, CORS of HTTP APIs). In a
/// REST API, only a route for OPTIONS itself gets them instead of the gateway.
fn caught_preflights(api: &Api) -> Vec<Diagnostic> {
    let asks = |route: &super::Route| route.auth != Auth::None || route.key;
    let flaw = |(index, route): (usize, &super::Route)| {
        let (message, help) = match route.method.as_str() {
            "ANY" if api.kind == ApiKind::Http => (
                format!("{} takes OPTIONS too, so its authorizer would refuse preflight requests", route.name()),
                "write a route for each method, as in GET and POST, or use `kind = \"rest\"` for the API",
            ),
            "OPTIONS" => (
                format!("{} takes preflight requests, and would refuse them", route.name()),
                "remove the route, because API Gateway answers preflight requests itself; or set auth = \"none\", without a `key`",
            ),
            _ => return None,
        };
        Some(Diagnostic::new(format!("routes.{index}.route"), message).help(help))
    };
    api.routes.iter().enumerate().filter(|(_, route)| asks(route)).filter_map(flaw).collect()
}

/// Reports functions whose environment has a variable of the user with the name of our variable.
fn own_variables(api: &Api, stack: &Stack) -> Vec<Diagnostic> {
    let functions: BTreeSet<&String> = api.routes.iter().filter_map(super::Route::function).collect();
    let own = functions.into_iter().filter(|name| {
        let function = stack.functions.get(*name);
        let has = function.is_some_and(|function| function.environment.contains_key(ORIGINS_VARIABLE));
        has && stack.cors_origins(name).is_some()
    });
    let flaw = |name: &String| {
        let place = format!("functions.{name}.environment.{ORIGINS_VARIABLE}");
        Diagnostic::new(place, format!("{ORIGINS_VARIABLE} holds the origins of the API's `cors`"))
            .help("remove the variable, or give it another name")
    };
    own.map(flaw).collect()
}

/// Reports functions that answer for several APIs with different origins. A function has only one variable for them.
fn differing_origins(name: Option<&str>, api: &Api, stack: &Stack) -> Vec<Diagnostic> {
    let mut flaws = Vec::new();
    for (index, route) in api.routes.iter().enumerate() {
        let Some(function) = route.function() else { continue };
        let Some((first, cors)) = stack.cors_of(function).next() else { continue };
        if first != name && api.cors.as_ref().is_some_and(|own| own.origins != cors.origins) {
            let message = format!(
                "{function} answers for two APIs with different origins, and has one variable {ORIGINS_VARIABLE}"
            );
            let flaw = Diagnostic::new(format!("routes.{index}.function"), message);
            flaws.push(flaw.help("give both APIs the same origins, or use two functions").within(name));
        }
    }
    flaws
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn file(kind: &str, cors: &str, routes: &str) -> Result<Stack, Vec<Diagnostic>> {
        parse(&format!(
            "[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\n[pools.P]\n[api]\nkind = \"{kind}\"\n\
             cors = {{ {cors} }}\n{routes}"
        ))
    }

    fn route(route: &str, auth: &str) -> String {
        format!("[[api.routes]]\nroute = \"{route}\"\nfunction = \"F\"\n{auth}\n")
    }

    fn api(kind: &str, cors: &str) -> Api {
        let routes = [route("GET /a", "pool = \"P\""), route("ANY /b", "auth = \"none\"")].concat();
        file(kind, cors, &routes).expect("sound").api.expect("an API")
    }

    const ONE: &str = "origins = [\"https://a.example.com\"]";
    const TWO: &str = "origins = [\"https://a.example.com\", \"http://localhost:3000\"]";

    #[test]
    fn the_origin_of_the_gateways_own_answers_is_the_only_one_or_every_one() {
        let literal = |cors: &str| api("rest", cors).cors.expect("given").literal_origin().to_owned();
        assert_eq!(literal(ONE), "https://a.example.com");
        assert_eq!([literal(TWO), literal("origins = [\"*\"]")], ["*", "*"]);
    }

    #[test]
    fn preflight_requests_are_answered_on_every_path_without_a_route_of_options() {
        let rest = api("rest", ONE);
        assert_eq!(rest.preflight_paths(), ["/a", "/b"]);
        assert_eq!((rest.methods_on("/a"), rest.methods_on("/b").len(), rest.methods().len()), (vec!["GET"], 6, 6));
        assert!(api("http", ONE).preflight_paths().is_empty(), "an HTTP API answers by itself");
        let own = [route("OPTIONS /a", "auth = \"none\""), route("GET /a", "pool = \"P\"")].concat();
        assert!(file("rest", ONE, &own).expect("sound").api.expect("an API").preflight_paths().is_empty());
    }

    #[test]
    fn functions_of_rest_apis_know_the_origins() {
        let routes = route("GET /a", "pool = \"P\"");
        let known = |kind: &str| file(kind, TWO, &routes).expect("sound").cors_origins("F");
        assert_eq!(known("rest").as_deref(), Some("https://a.example.com,http://localhost:3000"));
        assert_eq!(known("http"), None);
    }

    #[test]
    fn origins_and_headers_that_do_nothing_or_too_much_are_mistakes() {
        let routes = route("GET /a", "pool = \"P\"");
        for (kind, cors, says) in [
            ("rest", "origins = []", "names no origins"),
            ("rest", "origins = [\"https://a.example.com/\"]", "is not an origin"),
            ("rest", "origins = [\"app.example.com\"]", "is not an origin"),
            ("rest", "origins = [\"https://A.example.com\"]", "is not an origin"),
            ("rest", "origins = [\"*\", \"https://a.example.com\"]", "every origin"),
            ("http", "origins = [\"*\"], credentials = true", "cookies"),
            ("rest", &format!("{TWO}, credentials = true"), "only one origin"),
            ("rest", &format!("{ONE}, headers = [\"*\"]"), "not the name of a header"),
            ("rest", &format!("{ONE}, max_age_s = 86401"), "max_age_s"),
        ] {
            let mistakes = file(kind, cors, &routes).expect_err(cors);
            assert!(mistakes.iter().any(|one| one.message.contains(says)), "{cors}: {mistakes:?}");
        }
        assert!(file("http", &format!("{TWO}, credentials = true"), &routes).is_ok());
        assert!(file("rest", &format!("{ONE}, credentials = true"), &routes).is_ok());
    }

    #[test]
    fn no_authorizer_and_no_key_meets_preflight_requests() {
        let mistakes = file("http", ONE, &route("ANY /a", "pool = \"P\"")).expect_err("caught");
        assert!(mistakes[0].message.contains("takes OPTIONS too"), "{mistakes:?}");
        assert!(file("http", ONE, &route("ANY /a", "auth = \"none\"")).is_ok());
        assert!(file("rest", ONE, &route("ANY /a", "pool = \"P\"")).is_ok());
        for kind in ["rest", "http"] {
            for (path, asks) in [("/a", "pool = \"P\""), ("/a", "auth = \"iam\""), ("/{proxy+}", "pool = \"P\"")] {
                let mistakes = file(kind, ONE, &route(&format!("OPTIONS {path}"), asks)).expect_err("caught");
                assert!(mistakes[0].message.contains("would refuse them"), "{kind} {path}: {mistakes:?}");
            }
            assert!(file(kind, ONE, &route("OPTIONS /a", "auth = \"none\"")).is_ok());
        }
        let plans = "[plans.free]\nkeys = [\"acme\"]\n";
        let keyed = route("OPTIONS /a", "auth = \"none\"\nkey = true") + plans;
        let mistakes = file("rest", ONE, &keyed).expect_err("asks for a key");
        assert!(mistakes.iter().any(|one| one.message.contains("would refuse them")), "{mistakes:?}");
    }

    #[test]
    fn a_function_has_one_list_of_origins() {
        let text = |origin: &str, variable: &str| {
            format!(
                "[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\nenvironment = {{ {variable} }}\n\
                 [api]\ncors = {{ {ONE} }}\n{}[apis.B]\ncors = {{ origins = [\"{origin}\"] }}\n{}",
                route("GET /a", "auth = \"none\""),
                route("GET /a", "auth = \"none\"").replace("[[api.", "[[apis.B.")
            )
        };
        assert!(parse(&text("https://a.example.com", "")).is_ok());
        let differing = parse(&text("https://b.example.com", "")).expect_err("two lists");
        assert!(differing[0].message.contains("two APIs with different origins"), "{differing:?}");
        let own = parse(&text("https://a.example.com", "CORS_ORIGINS = \"x\"")).expect_err("its own");
        assert!(own[0].message.contains("CORS_ORIGINS holds"), "{own:?}");
    }
}
