//! Finds the route that a request is for, and fills in its path. Pure: it needs only the stack file.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode_byte, utf8_percent_encode};

use crate::error::Error;
use crate::spec::routing::{METHODS, parameter};
use crate::spec::{Api, Route, Stack};

/// A request's route and method, and its path behind the API's base URL.
#[derive(Debug)]
pub(super) struct Target<'a> {
    /// `None` is the API without a name.
    pub api_name: Option<&'a str>,
    pub api: &'a Api,
    pub route: &'a Route,
    pub method: &'a str,
    /// Percent-encoded, with the query.
    pub path: String,
}

/// The values on the command line for the variable parts of a request.
#[derive(Debug, Default)]
pub(super) struct Values<'a> {
    /// Values of path parameters, as in `id=7`.
    pub params: &'a [String],
    /// Query parameters, as in `page=2`.
    pub query: &'a [String],
    /// Whether the request has a body, which decides the method if the route takes any.
    pub body: bool,
}

type Candidate<'a> = (Option<&'a str>, &'a Api, &'a Route);

/// The requested route, as in `Age GET /age?dob=19880101`: the API's name and the method are optional.
struct Asked<'a> {
    whole: &'a str,
    api: Option<&'a str>,
    /// In upper case.
    method: Option<String>,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// `None` without a path, or if a word before the path is neither an API nor a method.
    fn parse(whole: &'a str, stack: &Stack) -> Option<Self> {
        let (before, rest) = whole.split_at(whole.find('/')?);
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        let words: Vec<&str> = before.split_whitespace().collect();
        let is_api = |word: &str| stack.apis.contains_key(word);
        let method = |word: &str| {
            let word = word.to_uppercase();
            (word == "ANY" || METHODS.contains(&word.as_str())).then_some(word)
        };
        let (api, method) = match words.as_slice() {
            [] => (None, None),
            [api] if is_api(api) => (Some(*api), None),
            [word] => (None, Some(method(word)?)),
            [api, word] if is_api(api) => (Some(*api), Some(method(word)?)),
            _ => return None,
        };
        Some(Self { whole, api, method, path, query })
    }

    fn fits(&self, (api, _, route): &Candidate<'_>) -> bool {
        let method = self.method.as_ref().is_none_or(|method| route.takes(method));
        self.covers((*api, route)) && method
    }

    fn covers(&self, (api, route): (Option<&str>, &Route)) -> bool {
        (self.api.is_none() || self.api == api) && (route.path == self.path || route.covers(self.path))
    }
}

/// Finds the route for `whole`, which is a route as in the stack file, or a request as a client sends it.
///
/// # Errors
/// No route or several routes fit, a value is missing, or a value belongs to no parameter.
pub(super) fn find<'a>(stack: &'a Stack, whole: &str, values: &Values<'_>) -> Result<Target<'a>, Error> {
    let asked = Asked::parse(whole, stack).ok_or_else(|| unknown(stack, whole))?;
    let all = || stack.all_apis().flat_map(|(name, api)| api.routes.iter().map(move |route| (name, api, route)));
    let rank = |(_, _, route): &Candidate<'_>| (route.path != asked.path, route.exactness());
    let mut fitting: Vec<Candidate<'a>> = all().filter(|candidate| asked.fits(candidate)).collect();
    fitting.sort_by_key(rank);
    let Some(&(api_name, api, route)) = fitting.first() else {
        let other: Vec<_> = all().filter(|(name, _, route)| asked.covers((*name, route))).collect();
        return Err(if other.is_empty() { unknown(stack, whole) } else { no_method(&asked, &other) });
    };
    // Without a method, the text means all routes of the path. With a method, it is the full name of a route in the API
    // without a name.
    let same = |candidate: &&Candidate<'_>| match asked.method {
        Some(_) => rank(candidate) == rank(&fitting[0]) && (api_name.is_some() || candidate.0.is_none()),
        None => candidate.2.path == route.path,
    };
    let several: Vec<String> = fitting.iter().filter(same).map(name).collect();
    if several.len() > 1 {
        let method = if asked.method.is_none() { "begin with the method" } else { "begin with the API's name" };
        let error = Error::usage(format!("{} could be any of {}", asked.whole, several.join(", ")));
        return Err(error.hint(format!("{method}, as in '{}'", several[0])));
    }
    let method = match METHODS.iter().find(|known| asked.method.as_deref() == Some(known)) {
        Some(method) => method,
        None => method_of(route, api, values.body),
    };
    Ok(Target { api_name, api, route, method, path: filled(&asked, route, values)? })
}

/// As in `GET /age`, or `Age GET /age` in a named API.
fn name((api, _, route): &Candidate<'_>) -> String {
    api.map_or_else(|| route.name(), |api| format!("{api} {}", route.name()))
}

fn unknown(stack: &Stack, whole: &str) -> Error {
    let routes =
        stack.all_apis().flat_map(|(api_name, api)| api.routes.iter().map(move |route| (api_name, api, route)));
    let known: Vec<String> = routes.map(|route| name(&route)).collect();
    Error::unknown("route", whole, &known.iter().map(String::as_str).collect::<Vec<_>>())
}

fn no_method(asked: &Asked<'_>, other: &[Candidate<'_>]) -> Error {
    let known: Vec<String> = other.iter().map(name).collect();
    Error::usage(format!("there is no route called {}", asked.whole))
        .hint(format!("the routes of this path: {}", known.join(", ")))
}

/// The method for calling a route. For `ANY`, a method that no other route on its path has.
fn method_of<'a>(route: &'a Route, api: &Api, with_body: bool) -> &'a str {
    if route.method != "ANY" {
        return &route.method;
    }
    let taken = |method: &&str| api.routes.iter().any(|other| other.path == route.path && other.method == **method);
    let methods =
        if with_body { ["POST", "PUT", "PATCH", "DELETE", "GET"] } else { ["GET", "DELETE", "POST", "PUT", "PATCH"] };
    methods.into_iter().find(|method| !taken(method)).unwrap_or("HEAD")
}

/// The characters that are encoded in a value: all except RFC 3986's unreserved characters.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The characters that are encoded in a greedy parameter, which may have several path segments.
const GREEDY: &AsciiSet = &VALUE.remove(b'/');

/// The path that is asked for, with the values of its parameters, and the query.
fn filled(asked: &Asked<'_>, route: &Route, values: &Values<'_>) -> Result<String, Error> {
    let mut params = pairs("param", values.params)?;
    let mut path = String::new();
    for part in asked.path.split('/').skip(1) {
        path.push('/');
        let Some((name, greedy)) = parameter(part).filter(|_| route.path.split('/').any(|known| known == part)) else {
            path += &as_given(part, b"");
            continue;
        };
        let Some(at) = params.iter().position(|(known, _)| *known == name) else {
            return Err(Error::usage(format!("the route {} requires the parameter {name}", route.path))
                .hint(format!("pass --param {name}=VALUE")));
        };
        path += &value(params.remove(at), greedy)?;
    }
    if let Some((name, _)) = params.first() {
        let has = route.path.split('/').filter_map(parameter).any(|(known, _)| known == *name);
        let error = if has {
            format!("the parameter {name} has more than one value")
        } else {
            format!("the route {} has no parameter {name}", route.path)
        };
        return Err(Error::usage(error));
    }
    if path.split('/').any(is_dots) {
        let message =
            format!("the path {path} has a part . or .., which HTTP clients remove: another path would be called");
        return Err(Error::usage(message));
    }
    let query: Vec<String> =
        asked.query.iter().map(|query| as_given(query, b"/?")).chain(query(values.query)?).collect();
    Ok(if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) })
}

/// The encoded value of a path parameter. A greedy one may have slashes.
fn value((name, value): (&str, &str), greedy: bool) -> Result<String, Error> {
    if value.is_empty() {
        let message = format!("the parameter {name} is empty, so another path would be called");
        return Err(Error::usage(message).hint(format!("pass --param {name}=VALUE")));
    }
    Ok(utf8_percent_encode(value, if greedy { GREEDY } else { VALUE }).to_string())
}

fn query(given: &[String]) -> Result<Vec<String>, Error> {
    let encoded = |text: &str| utf8_percent_encode(text, VALUE).to_string();
    Ok(pairs("query", given)?
        .into_iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect())
}

/// Splits `NAME=VALUE`.
fn pairs<'a>(flag: &str, given: &'a [String]) -> Result<Vec<(&'a str, &'a str)>, Error> {
    let pair = |text: &'a String| {
        let split = text.split_once('=').filter(|(name, _)| !name.is_empty());
        split.ok_or_else(|| Error::usage(format!("--{flag} {text:?} is not of the form NAME=VALUE")))
    };
    given.iter().map(pair).collect()
}

/// Encodes text for a URL. Percent-encoded bytes stay unchanged, and characters that an HTTP client would interpret,
/// such as `#`, are encoded.
fn as_given(text: &str, also: &[u8]) -> String {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let stays = |(at, byte): (usize, u8)| {
        byte.is_ascii_alphanumeric()
            || b"-._~!$&'()*+,;=:@".contains(&byte)
            || also.contains(&byte)
            || (byte == b'%' && hex(at + 1) && hex(at + 2))
    };
    let piece = |(at, byte): (usize, u8)| {
        if stays((at, byte)) { char::from(byte).to_string() } else { percent_encode_byte(byte).to_owned() }
    };
    bytes.iter().copied().enumerate().map(piece).collect()
}

/// Whether a path segment is `.` or `..`, also in encoded form.
fn is_dots(part: &str) -> bool {
    let part = part.to_ascii_lowercase().replace("%2e", ".");
    part == "." || part == ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(routes: &[&str]) -> Stack {
        let mut text = "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n".to_owned();
        for route in routes {
            let (api, route) = route
                .split_once(": ")
                .map_or(("api".to_owned(), *route), |(api, route)| (format!("apis.{api}"), route));
            text += &format!("[[{api}.routes]]\nroute = \"{route}\"\nfunction = \"F\"\nauth = \"none\"\n");
        }
        crate::spec::parse(&text).expect("a stack")
    }

    fn notes() -> Stack {
        stack(&[
            "GET /notes",
            "POST /notes",
            "GET /notes/{id}",
            "ANY /notes/{id}",
            "GET /notes/new",
            "ANY /files/{proxy+}",
            "GET /a/{x}/b",
            "Age: GET /age",
            "Age: GET /notes",
        ])
    }

    fn texts(given: &[&str]) -> Vec<String> {
        given.iter().map(|text| (*text).to_owned()).collect()
    }

    /// The route, the method and the path for a request, or the error with its hints.
    fn found(asked: &str, params: &[&str], query: &[&str]) -> Result<(String, String), String> {
        let (params, query) = (texts(params), texts(query));
        let values = Values { params: &params, query: &query, body: false };
        let said = |error: Error| format!("{}; {}", error.message, error.hints.join("; "));
        find(&notes(), asked, &values)
            .map(|target| (target.route.name(), format!("{} {}", target.method, target.path)))
            .map_err(said)
    }

    #[test]
    fn a_request_finds_the_most_exact_route() {
        for (asked, route, request) in [
            ("GET /notes/7", "GET /notes/{id}", "GET /notes/7"),
            ("get /notes/7", "GET /notes/{id}", "GET /notes/7"),
            ("PUT /notes/7", "ANY /notes/{id}", "PUT /notes/7"),
            ("GET /notes/new", "GET /notes/new", "GET /notes/new"),
            ("GET /files/a", "ANY /files/{proxy+}", "GET /files/a"),
            ("PUT /files/a/b", "ANY /files/{proxy+}", "PUT /files/a/b"),
            ("/files/a", "ANY /files/{proxy+}", "GET /files/a"),
            ("HEAD /files/a", "ANY /files/{proxy+}", "HEAD /files/a"),
            ("/age", "GET /age", "GET /age"),
            ("Age GET /age?dob=1", "GET /age", "GET /age?dob=1"),
            ("Age /notes", "GET /notes", "GET /notes"),
            // Both APIs have this route. The text is the full name of the one in the API without a name.
            ("GET /notes", "GET /notes", "GET /notes"),
        ] {
            assert_eq!(found(asked, &[], &[]), Ok((route.to_owned(), request.to_owned())), "{asked}");
        }
        // The route's own name wins over a route that covers it.
        assert_eq!(
            found("GET /notes/{id}", &["id=new"], &[]).map(|(route, _)| route).as_deref(),
            Ok("GET /notes/{id}")
        );
        // `GET` has its own route, so `ANY` is called with another method.
        assert_eq!(
            found("ANY /notes/{id}", &["id=7"], &[]).map(|(_, request)| request).as_deref(),
            Ok("DELETE /notes/7")
        );
    }

    #[test]
    fn a_request_without_a_route_or_with_several_is_a_mistake_that_names_them() {
        for (asked, words) in [
            (
                "/notes/7",
                "could be any of GET /notes/{id}, ANY /notes/{id}; begin with the method, as in 'GET /notes/{id}'",
            ),
            ("/notes", "could be any of GET /notes, POST /notes, Age GET /notes"),
            ("DELETE /notes", "the routes of this path: GET /notes, POST /notes, Age GET /notes"),
            ("GET /nots", "did you mean GET /notes?"),
            ("FETCH /notes", "there is no route called FETCH /notes"),
            ("notes", "there is no route called notes"),
            ("GET /files/", "there is no route called GET /files/"),
        ] {
            assert!(
                found(asked, &[], &[]).is_err_and(|said| said.contains(words)),
                "{asked}: {:?}",
                found(asked, &[], &[])
            );
        }
    }

    #[test]
    fn values_are_encoded_and_what_is_encoded_stays() {
        for (asked, params, query, request) in [
            ("GET /notes/{id}", &["id=a/b"][..], &[][..], "GET /notes/a%2Fb"),
            ("GET /notes/{id}", &["id=50% ä?#"], &[], "GET /notes/50%25%20%C3%A4%3F%23"),
            ("GET /notes/{id}", &["id={x}=1"], &[], "GET /notes/%7Bx%7D%3D1"),
            ("PUT /files/{proxy+}", &["proxy=a/b c.txt"], &[], "PUT /files/a/b%20c.txt"),
            ("GET /notes/a%2Fb", &[], &[], "GET /notes/a%2Fb"),
            ("GET /notes/a b\\#%zz", &[], &[], "GET /notes/a%20b%5C%23%25zz"),
            ("GET /a/{x}/b", &["x=1"], &["q=a&b", "q=", "ä=+"], "GET /a/1/b?q=a%26b&q=&%C3%A4=%2B"),
            ("Age GET /age?a=1&b=2 3#c", &[], &["d=4"], "GET /age?a=1&b=2%203%23c&d=4"),
        ] {
            assert_eq!(found(asked, params, query).map(|(_, request)| request).as_deref(), Ok(request), "{asked}");
        }
    }

    #[test]
    fn a_value_that_would_call_another_path_is_refused() {
        for (asked, params, words) in [
            ("GET /notes/{id}", &[][..], "requires the parameter id; pass --param id=VALUE"),
            ("GET /notes/{id}", &["id="], "the parameter id is empty"),
            ("GET /notes/{id}", &["id=.."], "a part . or .."),
            ("GET /files/a/../../notes", &[], "a part . or .."),
            ("GET /files/a/%2E%2e/b", &[], "a part . or .."),
            ("PUT /files/{proxy+}", &["proxy=a/../b"], "a part . or .."),
            ("GET /notes/{id}", &["id=1", "id=2"], "the parameter id has more than one value"),
            ("GET /notes/7", &["id=1"], "the parameter id has more than one value"),
            ("GET /notes/{id}", &["id=1", "od=2"], "has no parameter od"),
            ("GET /notes/{id}", &["id"], "\"id\" is not of the form NAME=VALUE"),
            ("GET /notes/{id}", &["=1"], "is not of the form NAME=VALUE"),
        ] {
            assert!(
                found(asked, params, &[]).is_err_and(|said| said.contains(words)),
                "{asked} {params:?}: {:?}",
                found(asked, params, &[])
            );
        }
    }
}
