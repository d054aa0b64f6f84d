//! An API as an OpenAPI 3.0 document: its operations, their security requirements and their request bodies.

mod preflight;
mod schema;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::spec::names::{body_model, capitalised_words};
use crate::spec::{Api, ApiKind, Auth, Identity, Route, RouteTarget, Stack};

/// The methods that `ANY` stands for, as OpenAPI writes them.
const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];

/// The name of the security scheme for IAM-signed requests.
const SIGNED: &str = "aws-iam";

/// The name of the security scheme for API keys.
const API_KEY: &str = "api-key";

/// The URLs of the resources that exist.
#[derive(Debug, Clone, Default)]
pub struct Urls<'a> {
    /// The beginning of the URLs of the API's routes.
    pub base: Option<&'a str>,
    /// Where programs get their tokens, by pool.
    pub tokens: BTreeMap<&'a str, &'a str>,
}

/// The OpenAPI 3.0 document of an API of `stack`. `schemas` are the texts of the body schemas, by the routes' `body`.
///
/// # Errors
/// A body schema is not JSON.
pub fn document(
    stack: &Stack,
    (name, api): (Option<&str>, &Api),
    urls: &Urls<'_>,
    schemas: &BTreeMap<PathBuf, String>,
) -> Result<Value, serde_json::Error> {
    let mut document = json!({
        "openapi": "3.0.3",
        "info": { "title": format!("{}-{}", stack.name, name.unwrap_or("api")), "version": api.stage },
        "servers": [server(api, urls.base)],
        "paths": paths(stack, api),
    });
    let responses: BTreeSet<GatewayAnswer> =
        api.routes.iter().flat_map(|route| GatewayAnswer::of(stack, api, route)).collect();
    let responses: Map<_, _> =
        responses.into_iter().map(|answer| (answer.name().to_owned(), answer.response(api))).collect();
    let mut components = json!({ "responses": responses, "schemas": body_schemas(api, schemas)? });
    components["schemas"]["Message"] = json!({ "type": "object", "properties": { "message": { "type": "string" } } });
    let security: Map<_, _> = api
        .routes
        .iter()
        .filter_map(|route| Some((scheme(route)?, scheme_object((stack, api), route, urls)?)))
        .collect();
    let keyed = api.asks_for_keys().then(|| (API_KEY.to_owned(), api_key_scheme()));
    let security: Map<_, _> = security.into_iter().chain(keyed).collect();
    if !security.is_empty() {
        components["securitySchemes"] = security.into();
    }
    document["components"] = components;
    Ok(document)
}

/// The server object with the API's URL. If the API does not exist yet, the URL contains placeholders.
fn server(api: &Api, base_url: Option<&str>) -> Value {
    if let Some(url) = base_url {
        return json!({ "url": url });
    }
    // An HTTP API's default stage is not part of its URLs.
    let stage = if api.stage.starts_with('$') { String::new() } else { format!("/{}", api.stage) };
    json!({
        "url": format!("https://{{host}}{stage}"),
        "description": "The API does not exist yet. `securelambda up` gives it a host.",
        "variables": { "host": { "default": "API_ID.execute-api.REGION.amazonaws.com" } },
    })
}

fn paths(stack: &Stack, api: &Api) -> Value {
    let mut paths: BTreeMap<String, Value> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for path in preflight::paths(api) {
        let item = paths.entry(template(path)).or_insert_with(|| path_item(path));
        item["options"] = preflight::operation(api, &free_id("options", path, &mut ids));
    }
    // `ANY` covers the methods that no other route of the path has.
    let (any, named): (Vec<&Route>, Vec<&Route>) = api.routes.iter().partition(|route| route.method == "ANY");
    for route in named.into_iter().chain(any) {
        let item = paths.entry(template(&route.path)).or_insert_with(|| path_item(&route.path));
        let own = route.method.to_lowercase();
        let methods = if own == "any" { METHODS.to_vec() } else { vec![own.as_str()] };
        for method in methods {
            if item.get(method).is_none() {
                item[method] = operation(stack, api, route, &free_id(method, &route.path, &mut ids));
            }
        }
    }
    json!(paths)
}

/// A path as OpenAPI writes it: `/files/{proxy}` for `/files/{proxy+}`.
fn template(path: &str) -> String {
    path.replace("+}", "}")
}

/// The parameters of all methods on a path.
fn path_item(path: &str) -> Value {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<Value> = names
        .map(|name| {
            let mut parameter = json!({
                "name": name.trim_end_matches('+'), "in": "path", "required": true, "schema": { "type": "string" },
            });
            if name.ends_with('+') {
                parameter["description"] = "One or more parts of the path, with the slashes between them.".into();
            }
            parameter
        })
        .collect();
    if parameters.is_empty() { json!({}) } else { json!({ "parameters": parameters }) }
}

/// A unique id for an operation: `getOrdersId` for `GET /orders/{id}`.
fn free_id(method: &str, path: &str, taken: &mut BTreeSet<String>) -> String {
    let id = format!("{method}{}", capitalised_words(path));
    let numbered = (2..).map(|number| format!("{id}{number}"));
    let free = std::iter::once(id.clone()).chain(numbered).find(|id| !taken.contains(id)).unwrap_or(id);
    taken.insert(free.clone());
    free
}

fn operation(stack: &Stack, api: &Api, route: &Route, id: &str) -> Value {
    let mut responses: Map<String, Value> = GatewayAnswer::of(stack, api, route)
        .into_iter()
        .map(|answer| {
            let name = answer.name();
            (answer.status().to_owned(), json!({ "$ref": format!("#/components/responses/{name}") }))
        })
        .collect();
    responses.insert(own_status(route), own_answer(route));
    let mut operation = json!({
        "operationId": id,
        "security": security(stack, route),
        "responses": responses,
    });
    let parameters = required_parameters(route);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(file) = route.body.as_ref().filter(|_| api.kind == ApiKind::Rest) {
        let schema = json!({ "$ref": format!("#/components/schemas/{}", body_model(file)) });
        operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    operation
}

/// The required query parameters and headers. OpenAPI describes these three headers in other parts of the document, and
/// tools ignore them here.
fn required_parameters(route: &Route) -> Vec<Value> {
    let described = |name: &String| !["accept", "authorization", "content-type"].contains(&&*name.to_lowercase());
    let headers = route.parameters.headers.iter().filter(|name| described(name)).map(|name| ("header", name));
    let all = route.parameters.query.iter().map(|name| ("query", name)).chain(headers);
    all.map(|(place, name)| json!({ "name": name, "in": place, "required": true, "schema": { "type": "string" } }))
        .collect()
}

/// The security requirements of a route. A token and an API key are in the same requirement, because both are needed.
fn security(stack: &Stack, route: &Route) -> Vec<Value> {
    let key = route.key.then(|| (API_KEY.to_owned(), json!([])));
    let with = |scopes: Value| -> Map<String, Value> {
        scheme(route).map(|scheme| (scheme, scopes)).into_iter().chain(key.clone()).collect()
    };
    // One of the scopes suffices, so each makes a requirement of its own. A bearer token has no scopes in OpenAPI.
    let ways: Vec<Map<String, Value>> = match &route.auth {
        Auth::Pool(pool) if !route.scopes.is_empty() && route.groups.is_empty() && login(stack, pool).is_some() => {
            route.scopes.iter().map(|scope| with(json!([scope]))).collect()
        }
        _ => vec![with(json!([]))],
    };
    ways.into_iter().filter(|way| !way.is_empty()).map(Value::from).collect()
}

/// The first part of the domain at which programs get tokens of this pool.
fn login<'a>(stack: &'a Stack, pool: &str) -> Option<&'a str> {
    stack.pools.get(pool)?.login.as_ref().map(|login| login.domain.as_str())
}

fn api_key_scheme() -> Value {
    json!({
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "The API key of a partner. It identifies the caller, but it does not authorize requests",
    })
}

/// The status of the target's answer. It is known only for a fixed answer.
fn own_status(route: &Route) -> String {
    match &route.target {
        RouteTarget::Mock { status, .. } => status.to_string(),
        RouteTarget::Function(_) | RouteTarget::Http { .. } => "default".to_owned(),
    }
}

fn own_answer(route: &Route) -> Value {
    match &route.target {
        RouteTarget::Function(name) => json!({ "description": format!("The answer of the function {name}") }),
        RouteTarget::Http { url } => json!({ "description": format!("The answer of {url}") }),
        RouteTarget::Mock { body, .. } if body.is_empty() => json!({ "description": "A fixed answer without a body" }),
        RouteTarget::Mock { body, .. } => {
            let (kind, example) = match serde_json::from_str::<Value>(body) {
                Ok(value) if value.is_object() || value.is_array() => ("application/json", value),
                _ => ("text/plain", json!(body)),
            };
            json!({ "description": "A fixed answer", "content": { kind: { "example": example } } })
        }
    }
}

/// The schemas of all request bodies, and of their parts.
fn body_schemas(api: &Api, schemas: &BTreeMap<PathBuf, String>) -> Result<BTreeMap<String, Value>, serde_json::Error> {
    let mut all = BTreeMap::new();
    for file in api.routes.iter().filter_map(|route| route.body.as_ref()) {
        if let Some(text) = schemas.get(file) {
            all.extend(schema::components(&body_model(file), text)?);
        }
    }
    Ok(all)
}

/// The name of the security scheme for a way to call a route. `None`: anyone may call it.
fn scheme(route: &Route) -> Option<String> {
    match &route.auth {
        Auth::Pool(pool) if !route.groups.is_empty() => Some(format!("{pool}{}", members(route))),
        Auth::Pool(pool) if !route.scopes.is_empty() => Some(format!("{pool}-programs")),
        Auth::Pool(pool) => Some(pool.clone()),
        Auth::Lambda(name) => Some(name.clone()),
        Auth::Iam => Some(SIGNED.to_owned()),
        Auth::None => None,
    }
}

/// The end of the name of the scheme for users in groups of a pool, as in `-staff`. It also contains the route's
/// scopes, because a bearer scheme has no scopes in OpenAPI.
fn members(route: &Route) -> String {
    let parts = route.groups.iter().chain(&route.scopes);
    let plain = |part: &String| part.replace(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c), "_");
    parts.flat_map(|part| ["-".to_owned(), plain(part)]).collect()
}

fn scheme_object((stack, api): (&Stack, &Api), route: &Route, urls: &Urls<'_>) -> Option<Value> {
    match &route.auth {
        Auth::Pool(pool) if !route.scopes.is_empty() && route.groups.is_empty() => Some(programs(stack, pool, urls)),
        Auth::Pool(pool) => Some(json!({
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": format!(
                "An {} of a user of the Cognito user pool {pool}{}",
                route.token(api.kind),
                route.membership()
            ),
        })),
        Auth::Lambda(name) => {
            // A scheme names one part of the request, but the authorizer's function may read several.
            let (place, part) = match stack.authorizers.get(name)?.identity.first()? {
                Identity::Header(part) => ("header", part),
                Identity::Query(part) => ("query", part),
            };
            let description =
                format!("The part of the request by which the function of the authorizer {name} identifies the caller");
            Some(json!({ "type": "apiKey", "in": place, "name": part, "description": description }))
        }
        Auth::Iam => Some(json!({
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "AWS Signature Version 4 by a principal that may call execute-api:Invoke on the route",
            "x-amazon-apigateway-authtype": "awsSigv4",
        })),
        Auth::None => None,
    }
}

/// How programs get the access tokens that routes with scopes demand. The same for all of a pool's routes.
fn programs(stack: &Stack, pool: &str, urls: &Urls<'_>) -> Value {
    let description =
        format!("An access token of a program, with one of the route's scopes, from the Cognito user pool {pool}");
    let Some(domain) = login(stack, pool) else {
        return json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": description });
    };
    let named = || format!("https://{domain}.auth.REGION.amazoncognito.com/oauth2/token");
    let token_url = urls.tokens.get(pool).map_or_else(named, |url| (*url).to_owned());
    let scopes = stack.pools.get(pool).into_iter().flat_map(crate::spec::Pool::scope_names);
    let scopes: Map<_, _> = scopes.map(|scope| (scope, json!(""))).collect();
    json!({
        "type": "oauth2",
        "flows": { "clientCredentials": { "tokenUrl": token_url, "scopes": scopes } },
        "description": description,
    })
}

/// An answer of API Gateway itself to a request that it does not pass on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum GatewayAnswer {
    BadRequest,
    Unauthorized,
    Forbidden,
    TooManyRequests,
}

impl GatewayAnswer {
    /// The answers that are possible on a route.
    fn of(stack: &Stack, api: &Api, route: &Route) -> Vec<Self> {
        let rest = api.kind == ApiKind::Rest;
        let possible = [
            (Self::BadRequest, rest && (route.body.is_some() || !route.parameters.is_empty())),
            (Self::Unauthorized, matches!(route.auth, Auth::Pool(_) | Auth::Lambda(_))),
            (
                Self::Forbidden,
                route.key
                    || matches!(route.auth, Auth::Iam)
                    || route.authorizer().is_some()
                    || rest && stack.firewall.is_some(),
            ),
            (Self::TooManyRequests, true),
        ];
        possible.into_iter().filter_map(|(answer, possible)| possible.then_some(answer)).collect()
    }

    fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "BadRequest",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::TooManyRequests => "TooManyRequests",
        }
    }

    fn status(self) -> &'static str {
        match self {
            Self::BadRequest => "400",
            Self::Unauthorized => "401",
            Self::Forbidden => "403",
            Self::TooManyRequests => "429",
        }
    }

    fn response(self, api: &Api) -> Value {
        let description = match self {
            Self::BadRequest => "The body does not match its schema, or a required parameter is missing".to_owned(),
            Self::Unauthorized => {
                "The token is missing, expired, of another pool or without a scope of the route, or the authorizer does not \
                 know the caller"
                    .to_owned()
            }
            Self::Forbidden => {
                "The firewall refuses the request, or its signature or API key is missing or not sufficient".to_owned()
            }
            Self::TooManyRequests => {
                let own =
                    if api.limited_routes().next().is_some() { ", unless the route has limits of its own" } else { "" };
                let keys = if api.asks_for_keys() { "; or more than the plan of the API key allows" } else { "" };
                format!(
                    "More than {} requests a second, or {} at once, on this route{own}{keys}",
                    api.rate_limit, api.burst_limit
                )
            }
        };
        let message = json!({ "schema": { "$ref": "#/components/schemas/Message" } });
        json!({ "description": description, "content": { "application/json": message } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    const STACK: &str = r#"
        [stack]
        name = "orders"
        [functions.F]
        source = "f"
        [pools.Users]
        [firewall]
        addresses = ["192.0.2.0/24"]
        [api]
        [[api.routes]]
        route = "POST /orders/{id}"
        function = "F"
        pool = "Users"
        body = "schemas/order.json"
        [[api.routes]]
        route = "ANY /orders/{id}"
        function = "F"
        auth = "iam"
        [[api.routes]]
        route = "GET /files/{proxy+}"
        function = "F"
        auth = "none"
    "#;

    fn example() -> Value {
        let stack = parse(STACK).expect("a stack file");
        let schemas = [("schemas/order.json".into(), r#"{"type":"object"}"#.to_owned())].into();
        document(&stack, (None, stack.api.as_ref().expect("an API")), &Urls::default(), &schemas).expect("JSON schemas")
    }

    #[test]
    fn a_route_with_an_authorizer_says_by_what_callers_are_known() {
        let file = STACK.replace("auth = \"none\"", "authorizer = \"Partner\"")
            + "[authorizers.Partner]\nfunction = \"F\"\nidentity = [\"header:X-Partner\"]\n";
        let stack = parse(&file).expect("a stack file");
        let schemas = [("schemas/order.json".into(), r#"{"type":"object"}"#.to_owned())].into();
        let page = document(&stack, (None, stack.api.as_ref().expect("an API")), &Urls::default(), &schemas)
            .expect("JSON schemas");
        let scheme = &page["components"]["securitySchemes"]["Partner"];
        assert_eq!((&scheme["in"], &scheme["name"]), (&json!("header"), &json!("X-Partner")));
        let files = page["paths"].as_object().expect("paths").iter().find(|(path, _)| path.starts_with("/files"));
        let (_, item) = files.expect("the route");
        assert_eq!(item["get"]["security"][0], json!({ "Partner": [] }));
        assert!(item["get"]["responses"].get("401").is_some() && item["get"]["responses"].get("403").is_some());
    }

    #[test]
    fn an_api_key_is_needed_beside_a_token_and_alone_on_an_open_route() {
        let file = STACK
            .replace("auth = \"none\"", "auth = \"none\"\nkey = true")
            .replace("pool = \"Users\"", "pool = \"Users\"\nkey = true")
            + "[plans.p]\nkeys = [\"acme\"]\n";
        let stack = parse(&file).expect("a stack file");
        let schemas = [("schemas/order.json".into(), r#"{"type":"object"}"#.to_owned())].into();
        let page = document(&stack, (None, stack.api.as_ref().expect("an API")), &Urls::default(), &schemas)
            .expect("JSON schemas");
        let of = |path: &str, method: &str| page["paths"][path][method]["security"].clone();
        assert_eq!(of("/orders/{id}", "post"), json!([{ "Users": [], "api-key": [] }]));
        assert_eq!(of("/orders/{id}", "get"), json!([{ "aws-iam": [] }]));
        assert_eq!(of("/files/{proxy}", "get"), json!([{ "api-key": [] }]));
        assert_eq!(page["components"]["securitySchemes"]["api-key"]["name"], json!("x-api-key"));
        assert!(example()["components"]["securitySchemes"].get("api-key").is_none());
    }

    #[test]
    fn a_route_for_groups_says_whose_token_it_takes_and_can_be_forbidden() {
        let file = STACK.replace("[pools.Users]", "[pools.Users]\ngroups = [\"staff\"]")
            + "pool = \"Users\"\ngroups = [\"staff\"]\n";
        let stack = parse(&file.replacen("auth = \"none\"\n", "", 1)).expect("a stack file");
        let schemas = [("schemas/order.json".into(), r#"{"type":"object"}"#.to_owned())].into();
        let page = document(&stack, (None, stack.api.as_ref().expect("an API")), &Urls::default(), &schemas)
            .expect("JSON schemas");
        let route = &page["paths"]["/files/{proxy}"]["get"];
        assert_eq!(route["security"], json!([{ "Users-staff": [] }]));
        assert!(route["responses"].get("401").is_some() && route["responses"].get("403").is_some());
        let description = &page["components"]["securitySchemes"]["Users-staff"]["description"];
        assert_eq!(description, "An ID token of a user of the Cognito user pool Users in the group staff");
        assert!(page["components"]["securitySchemes"].get("Users").is_some(), "the other route's");
    }

    #[test]
    fn a_route_with_scopes_demands_one_of_them_of_a_program() {
        let file = STACK.replace(
            "[pools.Users]",
            "[pools.Users]\nscopes = { orders = [\"read\", \"write\"] }\nlogin = { domain = \"demo\" }",
        ) + "pool = \"Users\"\nscopes = [\"orders/read\", \"orders/write\"]\n";
        let file = file.replacen("auth = \"none\"\n", "", 1);
        let stack = parse(&file).expect("a stack file");
        let schemas = [("schemas/order.json".into(), r#"{"type":"object"}"#.to_owned())].into();
        let page = |urls: &Urls<'_>| {
            document(&stack, (None, stack.api.as_ref().expect("an API")), urls, &schemas).expect("JSON schemas")
        };
        let unbuilt = page(&Urls::default());
        // One of them suffices.
        assert_eq!(
            unbuilt["paths"]["/files/{proxy}"]["get"]["security"],
            json!([{ "Users-programs": ["orders/read"] }, { "Users-programs": ["orders/write"] }])
        );
        assert_eq!(unbuilt["paths"]["/orders/{id}"]["post"]["security"], json!([{ "Users": [] }]));
        let flow = |page: &Value| {
            page["components"]["securitySchemes"]["Users-programs"]["flows"]["clientCredentials"].clone()
        };
        assert_eq!(flow(&unbuilt)["tokenUrl"], "https://demo.auth.REGION.amazoncognito.com/oauth2/token");
        assert_eq!(flow(&unbuilt)["scopes"], json!({ "orders/read": "", "orders/write": "" }));
        let built = page(&Urls { tokens: [("Users", "https://there/oauth2/token")].into(), ..Urls::default() });
        assert_eq!(flow(&built)["tokenUrl"], "https://there/oauth2/token");
    }

    #[test]
    fn any_covers_the_methods_that_no_other_route_of_the_path_has() {
        let item = example()["paths"]["/orders/{id}"].clone();
        let secured_by =
            |method: &str| item[method]["security"][0].as_object().and_then(|one| one.keys().next().cloned());
        assert_eq!(secured_by("post").as_deref(), Some("Users"));
        for method in METHODS.iter().filter(|method| **method != "post") {
            assert_eq!(secured_by(method).as_deref(), Some("aws-iam"), "{method}");
        }
        assert_eq!(
            item["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"],
            json!("#/components/schemas/SchemasOrder")
        );
        assert!(item["put"].get("requestBody").is_none());
    }

    #[test]
    fn an_open_route_needs_no_security_scheme_and_can_be_refused_by_firewall_and_throttle() {
        let document = example();
        let open = &document["paths"]["/files/{proxy}"];
        assert_eq!(open["get"]["security"], json!([]));
        assert_eq!(
            open["get"]["responses"].as_object().expect("responses").keys().collect::<Vec<_>>(),
            ["403", "429", "default"]
        );
        assert_eq!(open["parameters"][0]["name"], json!("proxy"));
        let schemes = document["components"]["securitySchemes"].as_object().expect("schemes");
        assert_eq!(schemes.keys().collect::<Vec<_>>(), ["Users", "aws-iam"]);
    }

    #[test]
    fn required_parameters_are_listed_and_their_absence_is_an_answer() {
        let keys = r#"parameters = { query = ["from"], headers = ["X-Tenant", "Authorization"] }"#;
        let stack = parse(&format!("{STACK}{keys}")).expect("a stack file");
        let schemas = [("schemas/order.json".into(), r#"{"type":"object"}"#.to_owned())].into();
        let page = document(&stack, (None, stack.api.as_ref().expect("an API")), &Urls::default(), &schemas)
            .expect("JSON schemas");
        let get = &page["paths"]["/files/{proxy}"]["get"];
        let named = get["parameters"].as_array().expect("parameters").iter().map(|one| (&one["in"], &one["name"]));
        assert_eq!(
            named.collect::<Vec<_>>(),
            [(&json!("query"), &json!("from")), (&json!("header"), &json!("X-Tenant"))]
        );
        assert_eq!(get["responses"]["400"]["$ref"], json!("#/components/responses/BadRequest"));
    }

    #[test]
    fn every_operation_has_an_id_of_its_own() {
        let document = example();
        let items = document["paths"].as_object().expect("paths").values();
        let ids: Vec<&Value> = items
            .flat_map(|item| item.as_object().expect("a path item").values())
            .filter_map(|operation| operation.get("operationId"))
            .collect();
        let different: BTreeSet<String> = ids.iter().map(ToString::to_string).collect();
        assert_eq!((ids.len(), different.len()), (8, 8));
        let mut taken = BTreeSet::new();
        assert_eq!(free_id("get", "/orders/{id}", &mut taken), "getOrdersId");
        assert_eq!(free_id("get", "/orders-id", &mut taken), "getOrdersId2");
    }

    #[test]
    fn the_address_is_a_variable_until_the_api_exists() {
        let server_of = |stage: &str, url: Option<&str>| {
            let stack = parse(&STACK.replace("[api]\n", &format!("[api]\n{stage}\n"))).expect("a stack file");
            server(stack.api.as_ref().expect("an API"), url)["url"].clone()
        };
        assert_eq!(server_of("", None), json!("https://{host}/development"));
        assert_eq!(server_of("", Some("https://a.example/development")), json!("https://a.example/development"));
    }
}
