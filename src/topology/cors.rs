//! CORS: the settings that make browsers let pages of other origins call an API.
//!
//! An HTTP API answers preflight requests itself and adds the headers to every answer. In a REST API a mock on every path
//! answers them, without an authorizer; gateway responses add the headers to the refusals of the gateway, and functions
//! add them to their own answers.

use std::collections::{BTreeMap, BTreeSet};

use super::apis::ApiIds;
use super::id::IdOf;
use crate::aws::apigateway::{
    Answering, Authorization, GatewayResponses, Integration, Method, Mock, PathsOutputs, RestApi, TIMEOUT_MS,
};
use crate::aws::apigatewayv2::HttpCors;
use crate::engine::{Graph, Handle};
use crate::spec::{Api, Cors};

/// The types of gateway responses whose headers also apply to all types without headers of their own (docs/aws.md,
/// Gateway responses).
const REFUSALS: [&str; 2] = ["DEFAULT_4XX", "DEFAULT_5XX"];

const ORIGIN: &str = "Access-Control-Allow-Origin";

impl ApiIds<'_> {
    fn gateway_responses(self) -> IdOf<GatewayResponses> {
        self.of("api", "gateway-responses")
    }
}

/// Lets pages of the origins read the refusals of the gateway itself.
pub(super) fn gateway_responses(
    graph: &mut Graph,
    api: Handle<RestApi>,
    ids: ApiIds<'_>,
    wanted: &Api,
) -> Option<Handle<GatewayResponses>> {
    let cors = wanted.cors.as_ref()?;
    let headers = of_refusals(cors);
    let responses: BTreeMap<_, _> = REFUSALS.map(|kind| (kind.to_owned(), headers.clone())).into();
    let added = ids
        .gateway_responses()
        .add_under(graph, api, api, move |api| GatewayResponses { api_id: api.id, responses: responses.clone() });
    Some(added)
}

/// The headers of the gateway's own refusals.
fn of_refusals(cors: &Cors) -> BTreeMap<String, String> {
    let origin = (ORIGIN.to_owned(), cors.literal_origin().to_owned());
    std::iter::once(origin).chain(in_every_answer(cors)).collect()
}

/// Represents the refusals in a deployment.
pub(super) fn fingerprint(wanted: &Api) -> String {
    let headers = wanted.cors.as_ref().map(of_refusals).unwrap_or_default();
    let headers: Vec<String> = headers.iter().map(|(name, value)| format!(" {name}: {value}")).collect();
    headers.concat()
}

/// The headers of every answer, without the header that names the origin.
fn in_every_answer(cors: &Cors) -> impl Iterator<Item = (String, String)> {
    let credentials = cors.credentials.then(|| ("Access-Control-Allow-Credentials".to_owned(), "true".to_owned()));
    let exposed = (!cors.exposed.is_empty()).then(|| cors.exposed.join(","));
    credentials.into_iter().chain(exposed.map(|names| ("Access-Control-Expose-Headers".to_owned(), names)))
}

/// The methods that answer preflight requests, by name.
pub(super) fn preflights(wanted: &Api, paths: &PathsOutputs) -> BTreeMap<String, Method> {
    let Some(cors) = &wanted.cors else { return BTreeMap::new() };
    let method = |path: &str| Method {
        resource_id: paths.ids.get(path).cloned().unwrap_or_default(),
        http_method: "OPTIONS".into(),
        authorization: Authorization::None,
        api_key_required: false,
        validator_id: None,
        model: None,
        required: BTreeSet::new(),
        integration: Integration {
            answer: Answering::Mock(preflight(cors, &wanted.methods_on(path))),
            timeout_ms: TIMEOUT_MS,
        },
    };
    wanted.preflight_paths().into_iter().map(|path| (format!("OPTIONS {path}"), method(path))).collect()
}

fn preflight(cors: &Cors, methods: &[&str]) -> Mock {
    let mut headers = BTreeMap::from([
        (ORIGIN.to_owned(), first_origin(cors)),
        ("Access-Control-Allow-Methods".to_owned(), methods.join(",")),
        ("Access-Control-Max-Age".to_owned(), cors.max_age_s.to_string()),
    ]);
    if !cors.headers.is_empty() {
        headers.insert("Access-Control-Allow-Headers".into(), cors.headers.join(","));
    }
    headers.extend(in_every_answer(cors).filter(|(name, _)| name.ends_with("Credentials")));
    headers.extend(varies(cors));
    Mock { status: 204, headers, template: echo(&cors.origins), refuses_other_bodies: false }
}

/// The headers of fixed answers. Their template must begin with [`echo`].
pub(super) fn of_answers(cors: &Cors) -> BTreeMap<String, String> {
    [(ORIGIN.to_owned(), first_origin(cors))].into_iter().chain(in_every_answer(cors)).chain(varies(cors)).collect()
}

fn first_origin(cors: &Cors) -> String {
    cors.origins.first().map_or("*", String::as_str).to_owned()
}

/// Caches must not return the answer to a page of one origin to a page of another origin.
fn varies(cors: &Cors) -> Option<(String, String)> {
    (!cors.allows_every_origin()).then(|| ("Vary".to_owned(), "Origin".to_owned()))
}

/// The template that answers with the request's origin, if it is one of several allowed origins. Origins contain no
/// characters that have a meaning in templates.
pub(super) fn echo(origins: &[String]) -> String {
    if origins.len() < 2 {
        return String::new();
    }
    let one_of: Vec<String> = origins.iter().map(|origin| format!("$origin == \"{origin}\"")).collect();
    let one_of = one_of.join(" || ");
    format!(
        "#set($origin = $input.params().header.get(\"Origin\"))\n\
         #if($origin == \"\")#set($origin = $input.params().header.get(\"origin\"))#end\n\
         #if({one_of})#set($context.responseOverride.header.{ORIGIN} = $origin)#end"
    )
}

/// The CORS configuration of an HTTP API.
pub(super) fn of_http(wanted: &Api) -> Option<HttpCors> {
    let cors = wanted.cors.as_ref()?;
    Some(HttpCors {
        origins: cors.origins.clone(),
        headers: cors.headers.clone(),
        methods: wanted.methods().into_iter().map(str::to_owned).collect(),
        exposed: cors.exposed.clone(),
        credentials: cors.credentials,
        max_age_s: i32::try_from(cors.max_age_s).ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        Cors {
            origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            headers: vec!["Authorization".into()],
            exposed: vec!["X-Total".into()],
            credentials: origins.len() == 1,
            max_age_s: 600,
        }
    }

    #[test]
    fn a_preflight_answer_has_the_origin_that_asks_if_there_are_several() {
        let one = preflight(&cors(&["https://a.example.com"]), &["GET", "POST"]);
        assert_eq!((one.status, one.template.as_str()), (204, ""));
        let headers: Vec<String> = one.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let expected = [
            "Access-Control-Allow-Credentials: true",
            "Access-Control-Allow-Headers: Authorization",
            "Access-Control-Allow-Methods: GET,POST",
            "Access-Control-Allow-Origin: https://a.example.com",
            "Access-Control-Max-Age: 600",
            "Vary: Origin",
        ];
        assert_eq!(headers, expected);
        let two = preflight(&cors(&["https://a.example.com", "http://localhost:3000"]), &["GET"]);
        assert!(two.template.contains(r#"$origin == "https://a.example.com" || $origin == "http://localhost:3000""#));
        let every = preflight(&cors(&["*"]), &["GET"]);
        assert!(every.template.is_empty() && !every.headers.contains_key("Vary"));
    }
}
