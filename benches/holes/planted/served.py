"""Holes in routes that servers and API Gateway itself answer instead of functions."""

from ..hole import Hole
from .rest import patch, resource

STAGE = "live"
ON_REST, ON_HTTP = ["api.routes", "api.rest", "api.release"], ["api.Small.http-routes"]
ELSEWHERE = "https://stranger.example.org/{id}"


def deploy(s):
    s.rest.create_deployment(restApiId=s.api(), stageName=STAGE)


def integration(s, path="/items/{id}"):
    return s.rest.get_integration(restApiId=s.api(), resourceId=resource(s, path), httpMethod="GET")


def of_integration(*path, at="/items/{id}"):
    def read(s):
        value = integration(s, at)
        for member in path:
            value = (value or {}).get(member)
        return value
    return read


def change(operations, at="/items/{id}"):
    def plant(s):
        s.rest.update_integration(restApiId=s.api(), resourceId=resource(s, at), httpMethod="GET", patchOperations=operations)
        deploy(s)
    return plant


def answer(**settings):
    """Another fixed answer."""
    def plant(s):
        now = integration(s, "/health")["integrationResponses"]["200"]
        kept = {name: now[name] for name in ("responseParameters", "responseTemplates", "contentHandling") if now.get(name)}
        s.rest.put_integration_response(restApiId=s.api(), resourceId=resource(s, "/health"), httpMethod="GET",
                                        statusCode="200", **{**kept, **settings})
        deploy(s)
    return plant


def with_header(s):
    s.rest.put_integration(
        restApiId=s.api(), resourceId=resource(s, "/items/{id}"), httpMethod="GET", type="HTTP_PROXY",
        integrationHttpMethod="GET", uri=integration(s)["uri"], timeoutInMillis=29000,
        requestParameters={"integration.request.path.id": "method.request.path.id",
                           "integration.request.header.X-Role": "'admin'"})
    deploy(s)


def without_tls_check(s):
    s.rest.put_integration(
        restApiId=s.api(), resourceId=resource(s, "/items/{id}"), httpMethod="GET", type="HTTP_PROXY",
        integrationHttpMethod="GET", uri=integration(s)["uri"], timeoutInMillis=29000,
        requestParameters={"integration.request.path.id": "method.request.path.id"},
        tlsConfig={"insecureSkipVerification": True})
    deploy(s)


def small(s):
    [one] = s.http.get_integrations(ApiId=s.api("Small"))["Items"]
    return one


def change_small(**change):
    return lambda s: s.http.update_integration(ApiId=s.api("Small"), IntegrationId=small(s)["IntegrationId"], **change)


def of_small(member):
    """A member of all integrations, because a hole can add a second one."""
    return lambda s: [one.get(member) for one in s.http.get_integrations(ApiId=s.api("Small"))["Items"]]


UPDATE = "apigateway UpdateIntegration "
PUT = "apigateway PutIntegration "
ANSWER = "apigateway PutIntegrationResponse "
SMALL = "apigatewayv2 UpdateIntegration "

HOLES = [
    Hole("requests for a server go to a stranger's", "served", [UPDATE + "<uri>"], ON_REST,
         change(patch("/uri", ELSEWHERE)), of_integration("uri")),
    Hole("a server gets another method", "served", [UPDATE + "<httpMethod>"], ON_REST,
         change(patch("/httpMethod", "DELETE")), of_integration("httpMethod")),
    Hole("a server gets a header that only the gateway sets", "served", [PUT + "requestParameters{}"], ON_REST,
         with_header, of_integration("requestParameters")),
    Hole("the certificate of a server is not checked", "served", [PUT + "tlsConfig.insecureSkipVerification"], ON_REST,
         without_tls_check, of_integration("tlsConfig")),
    Hole("a fixed answer has another body", "served", [ANSWER + "responseTemplates{}"], ON_REST,
         answer(responseTemplates={"application/json": "gone"}),
         of_integration("integrationResponses", "200", "responseTemplates", at="/health")),
    Hole("a template sets a fixed answer's headers", "served", [ANSWER + "contentHandling"], ON_REST,
         answer(responseTemplates={"application/json": "#set($context.responseOverride.header.Access-Control-Allow-Origin"
                                   " = '*')ok"}),
         of_integration("integrationResponses", "200", "responseTemplates", at="/health")),
    Hole("pages of every origin can read a fixed answer", "served", [ANSWER + "responseParameters{}"], ON_REST,
         answer(responseParameters={"method.response.header.Access-Control-Allow-Origin": "'*'"}),
         of_integration("integrationResponses", "200", "responseParameters", at="/health")),
    Hole("requests of an HTTP API for a server go to a stranger's", "served", [SMALL + "IntegrationUri"], ON_HTTP,
         change_small(IntegrationUri=ELSEWHERE), of_small("IntegrationUri")),
    Hole("a server behind an HTTP API gets another method", "served", [SMALL + "IntegrationMethod"], ON_HTTP,
         change_small(IntegrationMethod="DELETE"), of_small("IntegrationMethod")),
]
