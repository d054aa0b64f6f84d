"""Holes in Lambda authorizers of REST APIs and HTTP APIs."""

import json

from ..hole import Hole
from ..stack import STRANGER
from .rest import patch, uri, without_ids

STAGE, HTTP = "live", "Http"
# A hole in one part of an API may be reported at another part.
IN_REST = ["api.rest", "api.paths", "api.routes", "api.deployment", "api.release", "lambda-authorizer.Partner",
           "lambda-authorizer.Staff"]
IN_HTTP = ["api.Http.http", "api.Http.http-routes", "http-lambda-authorizer.Http.Client", "http-lambda-authorizer.Http.Admin"]
ON_CHECK = ["function.Check", "permission.authorizer Partner", "permission.authorizer Staff"]
ON_CHECK_HTTP = ["function.CheckHttp", "permission.Http authorizer Client", "permission.Http authorizer Admin"]


# REST.

def rest_authorizers(s):
    return {one["name"]: one for one in s.rest.get_authorizers(restApiId=s.api())["items"]}


def of_rest(name):
    return lambda s: {key: value for key, value in rest_authorizers(s)[name].items() if key != "id"}


def deploy(s):
    """Deploys the API, as the console does. Only then does the stage serve a change."""
    s.rest.create_deployment(restApiId=s.api(), stageName=STAGE)


def change_rest(name, operations):
    def plant(s):
        s.rest.update_authorizer(restApiId=s.api(), authorizerId=rest_authorizers(s)[name]["id"],
                                 patchOperations=operations(s) if callable(operations) else operations)
        deploy(s)
    return plant


def where(s, path="/hello"):
    found = s.rest.get_resources(restApiId=s.api(), limit=500)["items"]
    return {"restApiId": s.api(), "resourceId": next(one["id"] for one in found if one["path"] == path), "httpMethod": "GET"}


def rest_method(s):
    """The authorization of the route, with its authorizer by name."""
    method = without_ids(s.rest.get_method(**where(s)))
    names = {one["id"]: name for name, one in rest_authorizers(s).items()}
    return [method["authorizationType"], names.get(method.get("authorizerId"))]


def change_method(operations):
    def plant(s):
        s.rest.update_method(**where(s), patchOperations=operations(s) if callable(operations) else operations)
        deploy(s)
    return plant


def moved_to_stranger(s):
    made = s.rest.create_authorizer(restApiId=s.api(), name="stranger", type="REQUEST", authorizerResultTtlInSeconds=3600,
                                    authorizerUri=uri(s.foreign_function()), identitySource="method.request.header.X-Any")
    change_method(patch("/authorizerId", made["id"]))(s)


# HTTP.

def http_authorizers(s):
    return {one["Name"]: one for one in s.http.get_authorizers(ApiId=s.api(HTTP))["Items"]}


def of_http(name):
    return lambda s: {key: value for key, value in http_authorizers(s)[name].items() if key != "AuthorizerId"}


def change_http(name, **change):
    def plant(s):
        new = {key: value(s) if callable(value) else value for key, value in change.items()}
        s.http.update_authorizer(ApiId=s.api(HTTP), AuthorizerId=http_authorizers(s)[name]["AuthorizerId"], **new)
    return plant


def http_route(s, key="GET /hello"):
    return next(one for one in s.http.get_routes(ApiId=s.api(HTTP))["Items"] if one["RouteKey"] == key)


def http_authorized(s):
    names = {one["AuthorizerId"]: name for name, one in http_authorizers(s).items()}
    route = http_route(s)
    return [route.get("AuthorizationType"), names.get(route.get("AuthorizerId")), sorted(names.values())]


def change_route(**change):
    def plant(s):
        new = {key: value(s) if callable(value) else value for key, value in change.items()}
        s.http.update_route(ApiId=s.api(HTTP), RouteId=http_route(s)["RouteId"], **new)
    return plant


def http_stranger(s):
    made = s.http.create_authorizer(
        ApiId=s.api(HTTP), Name="stranger", AuthorizerType="REQUEST", AuthorizerUri=uri(s.foreign_function()),
        AuthorizerPayloadFormatVersion="2.0", EnableSimpleResponses=True, AuthorizerResultTtlInSeconds=3600,
        IdentitySource=["$request.header.X-Any"])
    return made["AuthorizerId"]


# The permission to invoke an authorizer's function.

def statements(name):
    def read(s):
        return json.loads(s.lambda_.get_policy(FunctionName=s.function(name))["Policy"])["Statement"]
    return read


def widened(name, **principal):
    """Replaces the first statement of the function's policy by one with fewer conditions."""
    def plant(s):
        function = s.function(name)
        sid = sorted(one["Sid"] for one in statements(name)(s))[0]
        s.lambda_.remove_permission(FunctionName=function, StatementId=sid)
        s.lambda_.add_permission(FunctionName=function, StatementId=sid, Action="lambda:InvokeFunction", **principal)
    return plant


REST, UPDATE = "apigateway UpdateAuthorizer ", "apigatewayv2 UpdateAuthorizer "
PERMISSION = "lambda AddPermission "


def hole(name, sets, at, plant, read, **more):
    return Hole(name, "authorizers", sets, at, plant, read, **more)


HOLES = [
    hole("a stranger's function decides who may call", [REST + "<authorizerUri>"], IN_REST,
         change_rest("Partner", lambda s: patch("/authorizerUri", uri(s.foreign_function()))), of_rest("Partner")),
    hole("a stranger's role calls an authorizer's function", [REST + "<authorizerCredentials>"], IN_REST,
         change_rest("Staff", lambda s: patch("/authorizerCredentials", s.foreign_role())), of_rest("Staff")),
    hole("an authorizer's answer counts for everybody with one key", [REST + "<identitySource>"], IN_REST,
         change_rest("Partner", patch("/identitySource", "method.request.querystring.key")), of_rest("Partner")),
    hole("an authorizer knows callers by another header", [REST + "<identitySource>"], IN_REST,
         change_rest("Staff", patch("/identitySource", "method.request.header.X-Any")), of_rest("Staff")),
    hole("a function's answer counts for an hour", [REST + "<authorizerResultTtlInSeconds>"], IN_REST,
         change_rest("Partner", patch("/authorizerResultTtlInSeconds", "3600")), of_rest("Partner"),
         emulator="it stores a text in place of the number"),
    hole("a route is moved to another authorizer's function", ["apigateway UpdateMethod <authorizerId>"], IN_REST,
         change_method(lambda s: patch("/authorizerId", rest_authorizers(s)["Staff"]["id"])), rest_method),
    hole("a route is moved to an authorizer of a stranger's function",
         ["apigateway CreateAuthorizer type|authorizerUri|identitySource|authorizerResultTtlInSeconds",
          "apigateway UpdateMethod <authorizerId>"], IN_REST, moved_to_stranger, rest_method),
    hole("a route asks no function any more", ["apigateway UpdateMethod <authorizationType>"], IN_REST,
         change_method(patch("/authorizationType", "NONE")), rest_method),
    hole("an HTTP API asks a stranger's function", [UPDATE + "AuthorizerUri"], IN_HTTP,
         change_http("Client", AuthorizerUri=lambda s: uri(s.foreign_function())), of_http("Client")),
    hole("an HTTP API asks an authorizer's function with a stranger's role", [UPDATE + "AuthorizerCredentialsArn"], IN_HTTP,
         change_http("Admin", AuthorizerCredentialsArn=lambda s: s.foreign_role()), of_http("Admin")),
    hole("an HTTP API knows callers by one part only", [UPDATE + "IdentitySource[]"], IN_HTTP,
         change_http("Client", IdentitySource=["$request.querystring.key"]), of_http("Client")),
    hole("an HTTP API uses an answer again for an hour", [UPDATE + "AuthorizerResultTtlInSeconds"], IN_HTTP,
         change_http("Client", AuthorizerResultTtlInSeconds=3600), of_http("Client")),
    hole("an HTTP API reads a function's answer in another form",
         [UPDATE + "EnableSimpleResponses|AuthorizerPayloadFormatVersion"], IN_HTTP,
         change_http("Admin", EnableSimpleResponses=False, AuthorizerPayloadFormatVersion="1.0"), of_http("Admin")),
    hole("an HTTP API's route is moved to another authorizer's function", ["apigatewayv2 UpdateRoute AuthorizerId"], IN_HTTP,
         change_route(AuthorizerId=lambda s: http_authorizers(s)["Admin"]["AuthorizerId"]), http_authorized),
    hole("an HTTP API's route is moved to an authorizer of a stranger's function",
         ["apigatewayv2 CreateAuthorizer AuthorizerUri|AuthorizerPayloadFormatVersion|EnableSimpleResponses|"
          "AuthorizerResultTtlInSeconds|AuthorizerType|IdentitySource[]", "apigatewayv2 UpdateRoute AuthorizerId"], IN_HTTP,
         change_route(AuthorizerId=http_stranger), http_authorized),
    hole("an HTTP API's route asks no function any more", ["apigatewayv2 UpdateRoute AuthorizationType"], IN_HTTP,
         change_route(AuthorizationType="NONE"), http_authorized),
    hole("every API of every account may ask an authorizer's function", [PERMISSION + "Principal|SourceArn"], ON_CHECK,
         widened("Check", Principal="apigateway.amazonaws.com"), statements("Check")),
    hole("another account may ask an authorizer's function", [PERMISSION + "Principal"], ON_CHECK_HTTP,
         widened("CheckHttp", Principal=STRANGER), statements("CheckHttp")),
]
