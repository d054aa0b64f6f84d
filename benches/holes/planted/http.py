"""Holes in HTTP APIs."""

from ..hole import Hole
from ..stack import ACCOUNT, REGION, STRANGER

API = ["api.http", "api.http-routes", "authorizer.UsersAuthorizer"]
ON_STAGE = ["stage.$default", "api.access-log", "api.http"]


def without_ids(answer, *ids):
    hidden = ("ResponseMetadata", "LastUpdatedDate", "CreatedDate", "DeploymentId", "LastDeploymentStatusMessage", "Tags")
    return {key: value for key, value in answer.items() if key not in (*hidden, *ids)}


def routes(s):
    found = s.http.get_routes(ApiId=s.api())["Items"]
    return {one["RouteKey"]: without_ids(one, "RouteId", "Target", "AuthorizerId") for one in found}


def route(s):
    [one] = s.http.get_routes(ApiId=s.api())["Items"]
    return one["RouteId"]


def change_route(**change):
    def plant(s):
        s.http.update_route(ApiId=s.api(), RouteId=route(s),
                            **{key: value(s) if callable(value) else value for key, value in change.items()})
    return plant


def authorized_by(s):
    """The authorization type of the only route, and the name of its authorizer."""
    [one] = s.http.get_routes(ApiId=s.api())["Items"]
    names = {item["AuthorizerId"]: item["Name"] for item in s.http.get_authorizers(ApiId=s.api())["Items"]}
    return [one.get("AuthorizationType"), names.get(one.get("AuthorizerId"))]


def integrations(s):
    """The integration of each route."""
    found = {one["IntegrationId"]: without_ids(one, "IntegrationId") for one in s.http.get_integrations(ApiId=s.api())["Items"]}
    return {one["RouteKey"]: found.get(one.get("Target", "").removeprefix("integrations/"))
            for one in s.http.get_routes(ApiId=s.api())["Items"]}


def change_integration(**change):
    def plant(s):
        [target] = [one["Target"] for one in s.http.get_routes(ApiId=s.api())["Items"]]
        s.http.update_integration(ApiId=s.api(), IntegrationId=target.removeprefix("integrations/"),
                                  **{key: value(s) if callable(value) else value for key, value in change.items()})
    return plant


def to_elsewhere(s):
    made = s.http.create_integration(
        ApiId=s.api(), IntegrationType="HTTP_PROXY", IntegrationMethod="POST", IntegrationUri="https://stranger.example.org/",
        PayloadFormatVersion="1.0", ConnectionType="INTERNET", TlsConfig={"ServerNameToVerify": "stranger.example.org"})
    return f"integrations/{made['IntegrationId']}"


def open_route(key, target=None):
    def plant(s):
        [own] = [one["Target"] for one in s.http.get_routes(ApiId=s.api())["Items"]]
        s.http.create_route(ApiId=s.api(), RouteKey=key, AuthorizationType="NONE", Target=target(s) if target else own)
    return plant


def api(s):
    return without_ids(s.http.get_api(ApiId=s.api()))


def change_api(**change):
    return lambda s: s.http.update_api(ApiId=s.api(), **change)


def stage(s):
    return without_ids(s.http.get_stage(ApiId=s.api(), StageName="$default"))


def change_stage(**change):
    return lambda s: s.http.update_stage(ApiId=s.api(), StageName="$default", **change)


def stages(s):
    return sorted(one["StageName"] for one in s.http.get_stages(ApiId=s.api())["Items"])


def authorizers(s):
    found = s.http.get_authorizers(ApiId=s.api())["Items"]
    return sorted(((one["Name"], str(without_ids(one, "AuthorizerId"))) for one in found))


def change_authorizer(**change):
    def plant(s):
        [one] = s.http.get_authorizers(ApiId=s.api())["Items"]
        new = {key: value(s, one) if callable(value) else value for key, value in change.items()}
        s.http.update_authorizer(ApiId=s.api(), AuthorizerId=one["AuthorizerId"], **new)
    return plant


def issuer(s, old):
    _, pool, client = s.foreign_pool()
    return {"Audience": [client], "Issuer": f"https://cognito-idp.{REGION}.amazonaws.com/{pool}"}


def foreign_authorizer(s):
    s.http.create_authorizer(ApiId=s.api(), Name="stranger", AuthorizerType="JWT",
                             IdentitySource=["$request.header.Authorization"], JwtConfiguration=issuer(s, None))


ROUTE, INTEGRATION = "apigatewayv2 UpdateRoute ", "apigatewayv2 UpdateIntegration "
AUTHORIZER, UPDATE_STAGE, UPDATE_API = "apigatewayv2 UpdateAuthorizer ", "apigatewayv2 UpdateStage ", "apigatewayv2 UpdateApi "


def hole(name, sets, at, plant, read, **more):
    return Hole(name, "http-jwt", sets, at, plant, read, **more)


HOLES = [
    hole("an HTTP API's route is open", [ROUTE + "AuthorizationType"], API, change_route(AuthorizationType="NONE"),
         authorized_by),
    hole("an HTTP API's route asks for a foreign authorizer's token", [ROUTE + "AuthorizerId"], API,
         lambda s: (foreign_authorizer(s), change_route(AuthorizerId=lambda s: next(
             one["AuthorizerId"] for one in s.http.get_authorizers(ApiId=s.api())["Items"] if one["Name"] == "stranger"))(s)),
         authorized_by),
    hole("an HTTP API's route leads to a stranger", [ROUTE + "Target",
         "apigatewayv2 CreateIntegration IntegrationType|IntegrationUri|IntegrationMethod|ConnectionType|"
         "TlsConfig.ServerNameToVerify|PayloadFormatVersion"], API, change_route(Target=to_elsewhere), integrations),
    hole("an HTTP API's route asks for a scope instead", [ROUTE + "AuthorizationScopes[]"], API,
         change_route(AuthorizationScopes=["aws.cognito.signin.user.admin"]), routes, weakens=None),
    hole("a further open route of an HTTP API", ["apigatewayv2 CreateRoute RouteKey|AuthorizationType|Target"], API,
         open_route("POST /stranger"), lambda s: sorted(routes(s))),
    hole("a route for everything else in an HTTP API", ["apigatewayv2 CreateRoute RouteKey|Target"], API,
         open_route("$default", to_elsewhere), lambda s: sorted(routes(s))),
    hole("an HTTP API's function is another one", [INTEGRATION + "IntegrationUri"], API,
         change_integration(IntegrationUri=lambda s: s.foreign_function()), integrations),
    hole("an HTTP API calls its function with a role", [INTEGRATION + "CredentialsArn"], API,
         change_integration(CredentialsArn=lambda s: s.foreign_role()), integrations, emulator="it drops the setting"),
    hole("an HTTP API changes requests on their way", [INTEGRATION + "RequestParameters{}"], API,
         change_integration(RequestParameters={"overwrite:path": "/admin"}), integrations),
    hole("an HTTP API changes answers on their way", [INTEGRATION + "ResponseParameters{}{}"], API,
         change_integration(ResponseParameters={"403": {"overwrite:statuscode": "200"}}), integrations, weakens=None),
    hole("a foreign authorizer in an HTTP API",
         ["apigatewayv2 CreateAuthorizer Name|AuthorizerType|IdentitySource[]|JwtConfiguration.Audience[]|"
          "JwtConfiguration.Issuer"], API, foreign_authorizer, authorizers, weakens=None),
    hole("an HTTP API trusts a further client's tokens", [AUTHORIZER + "JwtConfiguration.Audience[]"], API,
         change_authorizer(JwtConfiguration=lambda s, old: {
             **old["JwtConfiguration"], "Audience": [*old["JwtConfiguration"]["Audience"], "stranger"]}), authorizers),
    hole("an HTTP API trusts a foreign pool", [AUTHORIZER + "JwtConfiguration.Issuer"], API,
         change_authorizer(JwtConfiguration=issuer), authorizers),
    hole("an HTTP API takes tokens from the query string", [AUTHORIZER + "IdentitySource[]"], API,
         change_authorizer(IdentitySource=["$request.querystring.token"]), authorizers),
    hole("any page may call an HTTP API with credentials",
         [UPDATE_API + "CorsConfiguration.AllowOrigins[]|CorsConfiguration.AllowCredentials|CorsConfiguration.AllowMethods[]|"
          "CorsConfiguration.AllowHeaders[]|CorsConfiguration.ExposeHeaders[]"], API,
         change_api(CorsConfiguration={"AllowOrigins": ["https://stranger.example.org"], "AllowCredentials": True,
                                       "AllowMethods": ["*"], "AllowHeaders": ["authorization"]}),
         lambda s: api(s).get("CorsConfiguration")),
    hole("a second stage of an HTTP API", ["apigatewayv2 CreateStage StageName|AutoDeploy"], ["api.http", *ON_STAGE],
         lambda s: s.http.create_stage(ApiId=s.api(), StageName="stranger", AutoDeploy=True), stages),
    hole("an HTTP API allows ten thousand requests a second",
         [UPDATE_STAGE + "DefaultRouteSettings.ThrottlingRateLimit|DefaultRouteSettings.ThrottlingBurstLimit"], ON_STAGE,
         change_stage(DefaultRouteSettings={"ThrottlingRateLimit": 10000.0, "ThrottlingBurstLimit": 5000}), stage),
    hole("one route of an HTTP API has a throttle of its own",
         [UPDATE_STAGE + "RouteSettings{}.ThrottlingRateLimit|RouteSettings{}.ThrottlingBurstLimit"], ON_STAGE,
         change_stage(RouteSettings={"GET /hello": {"ThrottlingRateLimit": 10000.0, "ThrottlingBurstLimit": 5000}}), stage,
         repair="its DeleteRouteSettings deletes the whole stage"),
    hole("an HTTP API's requests are no longer logged", ["apigatewayv2 DeleteAccessLogSettings StageName"], ON_STAGE,
         lambda s: s.http.delete_access_log_settings(ApiId=s.api(), StageName="$default"), stage,
         emulator="it deletes the whole stage"),
    hole("an HTTP API's requests are logged elsewhere",
         [UPDATE_STAGE + "AccessLogSettings.DestinationArn|AccessLogSettings.Format"], ON_STAGE,
         change_stage(AccessLogSettings={"DestinationArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:stranger",
                                         "Format": "$context.authorizer.claims.email"}), stage),
    hole("a variable of an HTTP API's stage", [UPDATE_STAGE + "StageVariables{}"], ON_STAGE,
         change_stage(StageVariables={"stranger": STRANGER}), stage, weakens=None),
]
