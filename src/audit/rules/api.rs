//! Rules about APIs: authorization, throttling, validation of bodies, and parts that are not in the stack file.

use super::super::estate::{Estate, Resource, found, not_applicable, not_tried};
use super::super::fix::Fix;
use super::super::{Finding, Outcome};
use super::number;
use crate::aws::{apigateway, apigatewayv2, cognito, wafv2};
use crate::engine::Resource as Kind;
use crate::spec::{Api, Route, RouteTarget};

/// The limit that API Gateway has for all APIs of an account together, in requests a second. A stage with this limit
/// has none of its own.
const ACCOUNT_RATE: i64 = 10_000;

/// How long API Gateway waits for a function, in seconds.
pub(super) const PATIENCE: i64 = 29;

/// The table of an API in the stack file, by a resource that belongs to it: `api`, or `apis.NAME`.
pub(super) fn table(resource: &Resource<'_>) -> String {
    resource.name().split_once('.').map_or_else(|| "api".to_owned(), |(api, _)| format!("apis.{api}"))
}

/// The API that a resource belongs to.
pub(super) fn api<'a>(estate: &Estate<'a>, resource: &Resource<'_>) -> Option<&'a Api> {
    let name = resource.name().split_once('.').map(|(api, _)| api);
    estate.stack.all_apis().find(|(known, _)| *known == name).map(|(_, api)| api)
}

/// A route that was read, with the values of one setting. `place` is the route's table in the stack file, if it has
/// one.
struct LiveRoute<'a> {
    name: &'a str,
    live: &'a str,
    want: &'a str,
    place: Option<String>,
}

/// The live values of a setting of each route, as in `POST /lambda1 authorizationType`.
fn routes<'a>(estate: &Estate<'a>, resource: &Resource<'a>, setting: &str) -> Vec<LiveRoute<'a>> {
    let known: &[Route] = api(estate, resource).map_or(&[], |api| &api.routes);
    let place = |name: &str| {
        let index = known.iter().position(|route| route.name() == name)?;
        Some(format!("{}.routes.{index}", table(resource)))
    };
    let route = |found: &'a crate::engine::Setting| {
        let name = found.field.strip_suffix(setting)?.strip_suffix(' ')?;
        Some(LiveRoute { name, live: &found.live, want: &found.want, place: place(name) })
    };
    resource.settings().filter_map(route).collect()
}

/// A finding about one route.
fn about(route: &LiveRoute<'_>, resource: &Resource<'_>, passes: bool, observed: String, fix: Fix) -> Finding {
    let place = route.place.as_deref().unwrap_or(resource.id.as_str());
    Finding { resource: format!("{} ({place})", route.name), ..found(resource.id, passes, observed, fix) }
}

/// Whether each live route of these APIs asks for a token or a signature. `setting` is AWS's name of its authorization
/// type.
pub(super) fn authorized(estate: &Estate<'_>, kind: &str, setting: &str) -> Vec<Finding> {
    let closed = |value: &str| value != "NONE" && !value.is_empty();
    estate.all(kind, |resource| {
        let routes = routes(estate, resource, setting);
        if routes.is_empty() {
            return vec![not_tried(resource.id, format!("{setting} was not read"))];
        }
        let each = routes.iter().map(|route| {
            let open = route.place.as_ref().filter(|_| !closed(route.want));
            let fix = open.map_or(Fix::Up, |place| Fix::set(format!("{place}.pool = \"POOL\"")));
            about(route, resource, closed(route.live), format!("{setting}: {}", route.live), fix)
        });
        // Another authorizer than the one of the stack file lets other callers in.
        let others = resource.differing(|drift| drift.weakens && drift.field.to_lowercase().contains("authorizer"));
        let others = others.into_iter().map(|other| found(resource.id, false, other, Fix::Up));
        each.chain(others).collect()
    })
}

/// Whether the stages have a limit of requests a second.
pub(super) fn throttled(estate: &Estate<'_>) -> Vec<Finding> {
    let limits = |kind: &str, field: &str| {
        let passes = |value: &str| number(value).is_some_and(|rate| (1..ACCOUNT_RATE).contains(&rate));
        estate.field(kind, field, passes, |stage| Fix::set(format!("{}.rate_limit = 50", table(stage))))
    };
    let mut findings = limits(apigateway::Stage::KIND, "methodSettings.*/*.throttlingRateLimit");
    findings.extend(limits(apigatewayv2::HttpStage::KIND, "DefaultRouteSettings.ThrottlingRateLimit"));
    if estate.stack.all_apis().any(|(_, api)| api.limited_routes().next().is_some()) {
        findings.extend(throttled_by_themselves(estate, apigateway::Release::KIND, "methodSettings."));
        findings.extend(throttled_by_themselves(estate, apigatewayv2::HttpRouteLimits::KIND, "RouteSettings "));
    }
    let passes = |value: &str| number(value).is_some_and(|rate| (1..ACCOUNT_RATE).contains(&rate));
    let fix = |plan: &Resource<'_>| Fix::set(format!("plans.{}.rate_limit = 50", plan.name()));
    findings.extend(estate.field(apigateway::UsagePlan::KIND, "throttle.rateLimit", passes, fix));
    findings
}

/// Whether routes with limits of their own have limits below that of the account. Other routes have the limits of their
/// stage.
fn throttled_by_themselves(estate: &Estate<'_>, kind: &str, prefix: &str) -> Vec<Finding> {
    estate.all(kind, |resource| {
        let own = resource.settings().filter_map(|setting| {
            let route = setting.field.strip_prefix(prefix)?;
            let rate = setting.live.to_lowercase().split_once("throttlingratelimit ").map(|(_, rate)| number(rate));
            let passes = rate.flatten().is_none_or(|rate| (0..ACCOUNT_RATE).contains(&rate));
            Some(found(resource.id, passes, format!("{route}: {}", setting.live), Fix::Up))
        });
        own.collect()
    })
}

/// Whether each live route of a REST API with a method that has a body validates it. AWS validates no bodies of HTTP
/// APIs.
pub(super) fn bodies_validated(estate: &Estate<'_>) -> Vec<Finding> {
    let has_body = |name: &str| ["POST ", "PUT ", "PATCH ", "ANY "].iter().any(|method| name.starts_with(method));
    let mut findings = estate.all(apigateway::Routes::KIND, |resource| {
        let models = routes(estate, resource, "requestModels");
        let with_body: Vec<_> = models.iter().filter(|route| has_body(route.name)).collect();
        if with_body.is_empty() {
            return vec![not_applicable(resource.id, "no route has a method with a body")];
        }
        let finding = |route: &&LiveRoute<'_>| {
            let fix = match &route.place {
                Some(place) if route.want == "none" => Fix::set(format!("{place}.body = \"SCHEMA_FILE\"")),
                _ => Fix::Up,
            };
            about(route, resource, route.live != "none", format!("requestModels: {}", route.live), fix)
        };
        let validators = routes(estate, resource, "requestValidatorId");
        let ours = |route: &&LiveRoute<'_>| has_body(route.name) && route.live != route.want;
        let others = validators.iter().filter(ours).map(|route| {
            let observed = format!("requestValidatorId: {}, which is not the stack's", route.live);
            about(route, resource, false, observed, Fix::Up)
        });
        with_body.iter().copied().map(|route| finding(&route)).chain(others).collect()
    });
    if findings.iter().any(|finding| finding.outcome != Outcome::NotApplicable) {
        findings.extend(estate.given(apigateway::Validator::KIND, "validateRequestBody", |value| value == "true"));
    }
    findings.extend(estate.each(apigatewayv2::HttpApi::KIND, |api| {
        not_applicable(api.id, "AWS validates no bodies of HTTP APIs: the function has to")
    }));
    findings
}

/// Whether the resources of these kinds have no parts that are not in the stack file.
pub(super) fn nothing_else(estate: &Estate<'_>, kinds: &[&str]) -> Vec<Finding> {
    let each = |kind: &&str| {
        estate.each(kind, |resource| {
            let listed: Vec<_> = resource.settings().filter(|setting| setting.want == "none").collect();
            if listed.is_empty() {
                return found(resource.id, resource.differing(|_| true).is_empty(), "as in the stack file", Fix::Up);
            }
            let foreign = resource.differing(|drift| drift.want == "none");
            let names: Vec<&str> = listed.iter().map(|setting| setting.field.as_str()).collect();
            let observed =
                if foreign.is_empty() { format!("none of {}", names.join(", ")) } else { foreign.join("; ") };
            found(resource.id, foreign.is_empty(), observed, Fix::Up)
        })
    };
    kinds.iter().flat_map(each).collect()
}

/// Whether no integration of an HTTP API leads into a VPC.
pub(super) fn private_integrations(estate: &Estate<'_>) -> Vec<Finding> {
    estate.all(apigatewayv2::HttpRoutes::KIND, |resource| {
        let links = routes(estate, resource, "Integration.ConnectionId");
        let each = links.iter().map(|route| match route.live {
            "none" => Finding {
                outcome: Outcome::NotApplicable,
                ..about(route, resource, true, "Integration.ConnectionId: none".to_owned(), Fix::Up)
            },
            link => about(route, resource, false, format!("Integration.ConnectionId: {link}"), Fix::Up),
        });
        each.collect()
    })
}

/// Whether a web ACL is in front of every REST API. If the stack has no web ACL, another one would not be found: the
/// program reads only the associations that it makes.
pub(super) fn behind_a_firewall(estate: &Estate<'_>) -> Vec<Finding> {
    if estate.stack.firewall.is_some() {
        return estate.given(wafv2::Association::KIND, "WebACLArn", |value| value.starts_with("arn:"));
    }
    estate.each(apigateway::Stage::KIND, |stage| {
        let fix = Fix::set(super::firewall::managed_rules(estate));
        found(stage.id, false, "the stack file puts no web ACL in front of it", fix)
    })
}

/// Whether a web ACL is in front of every user pool.
pub(super) fn pools_behind_a_firewall(estate: &Estate<'_>) -> Vec<Finding> {
    estate.each(cognito::UserPool::KIND, |pool| {
        let id = format!("firewall.pool.{}", pool.name());
        if let Some(association) = estate.resource(&id) {
            let acl = association.value("WebACLArn").unwrap_or("none");
            return found(pool.id, acl.starts_with("arn:"), format!("WebACLArn: {acl}"), Fix::Up);
        }
        if estate.stack.pools.get(pool.name()).is_some_and(|pool| pool.firewall) {
            return found(pool.id, false, "the web ACL is not associated", Fix::Up);
        }
        let mut lines = vec![format!("pools.{}.firewall = true", pool.name())];
        if estate.stack.firewall.is_none() {
            lines.push(super::firewall::managed_rules(estate));
        }
        found(pool.id, false, "the stack file puts no web ACL in front of it", Fix::Set(lines))
    })
}

/// Whether stages authenticate to their backends with a certificate. This applies only to servers that answer routes:
/// the stage opens no TLS connection to a Lambda function.
pub(super) fn backend_certificate(estate: &Estate<'_>) -> Vec<Finding> {
    let servers = |stage: &Resource<'_>| {
        let served = |route: &&Route| matches!(route.target, RouteTarget::Http { .. });
        api(estate, stage).is_some_and(|api| api.routes.iter().any(|route| served(&route)))
    };
    estate.each(apigateway::Stage::KIND, |stage| match stage.value("clientCertificateId") {
        None => not_tried(stage.id, "clientCertificateId was not read"),
        Some("none") if servers(stage) => {
            let observed = "clientCertificateId: none, although servers answer routes: they cannot distinguish this API's requests from others. The program makes no certificates";
            found(stage.id, false, observed, Fix::Accept)
        }
        Some("none") => not_applicable(
            stage.id,
            "clientCertificateId: none. Lambda functions answer every route, and API Gateway shows them no certificate. \
             The source of this control nevertheless reports a failure",
        ),
        Some(id) => found(stage.id, true, format!("clientCertificateId: {id}"), Fix::Up),
    })
}

/// Whether REST APIs are private.
pub(super) fn private(estate: &Estate<'_>) -> Vec<Finding> {
    estate.each(apigateway::RestApi::KIND, |api| match api.value("endpointConfiguration.types") {
        None => not_tried(api.id, "endpointConfiguration.types was not read"),
        Some("PRIVATE") => found(api.id, true, "endpointConfiguration.types: PRIVATE", Fix::Up),
        Some(types) => not_applicable(
            api.id,
            format!(
                "endpointConfiguration.types: {types}. The API is public on purpose, and its routes ask for a token or \
                 a signature. The source of this control nevertheless reports a failure"
            ),
        ),
    })
}

/// Whether cached answers are encrypted.
pub(super) fn cache_encrypted(estate: &Estate<'_>) -> Vec<Finding> {
    let (cached, encrypted) = ("methodSettings.*/*.cachingEnabled", "methodSettings.*/*.cacheDataEncrypted");
    estate.each(apigateway::Stage::KIND, |stage| match stage.value(cached) {
        None => not_tried(stage.id, format!("{cached} was not read")),
        Some("true") => {
            let value = stage.value(encrypted).unwrap_or("not read");
            found(stage.id, value == "true", format!("{cached}: true; {encrypted}: {value}"), Fix::Up)
        }
        Some(value) => not_applicable(stage.id, format!("{cached}: {value}")),
    })
}
