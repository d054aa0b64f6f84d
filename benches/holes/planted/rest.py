"""Holes in REST APIs."""

import json

from ..hole import Hole
from ..stack import REGION, STRANGER, policy

STAGE = "development"
# A hole in one part of an API may be reported at another part: a method as a route, as a path or as a release.
API = ["api.rest", "api.paths", "api.routes", "api.validator", "api.deployment", "api.release",
       "authorizer.AGAuthorizer1", "authorizer.AGAuthorizer2", "model.LambdasExternalRequestSchema"]
ON_STAGE = ["stage.development", "api.release", "api.deployment", "api.rest"]


def resource(s, path="/lambda1", api=None):
    found = s.rest.get_resources(restApiId=s.api(api), limit=500)["items"]
    return next(one["id"] for one in found if one["path"] == path)


def authorizers(s):
    return {one["name"]: one for one in s.rest.get_authorizers(restApiId=s.api())["items"]}


def patch(path, value, op="replace"):
    return [{"op": op, "path": path, "value": value}]


def deploy(s):
    """Deploys the API, as the console does. Only then does the stage serve a change."""
    s.rest.create_deployment(restApiId=s.api(), stageName=STAGE)


def without_ids(answer):
    return {key: value for key, value in answer.items()
            if key not in ("ResponseMetadata", "lastUpdatedDate", "createdDate", "deploymentId")}


def method(s, path="/lambda1", verb="POST"):
    try:
        return without_ids(s.rest.get_method(restApiId=s.api(), resourceId=resource(s, path), httpMethod=verb))
    except (s.rest.exceptions.NotFoundException, StopIteration):
        return None


def change_method(operations, path="/lambda1", deployed=True):
    def plant(s):
        s.rest.update_method(restApiId=s.api(), resourceId=resource(s, path), httpMethod="POST",
                             patchOperations=operations(s) if callable(operations) else operations)
        if deployed:
            deploy(s)
    return plant


def change_integration(operations, path="/lambda1"):
    def plant(s):
        s.rest.update_integration(restApiId=s.api(), resourceId=resource(s, path), httpMethod="POST",
                                  patchOperations=operations(s) if callable(operations) else operations)
        deploy(s)
    return plant


def uri(arn):
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"


def open_method(s, where, verb="GET"):
    s.rest.put_method(restApiId=s.api(), resourceId=where, httpMethod=verb, authorizationType="NONE")
    s.rest.put_integration(restApiId=s.api(), resourceId=where, httpMethod=verb, type="AWS_PROXY",
                           integrationHttpMethod="POST", uri=uri(s.function_arn("ExternalLambda1")))


def new_path(s):
    root = resource(s, "/")
    made = s.rest.create_resource(restApiId=s.api(), parentId=root, pathPart="stranger")
    open_method(s, made["id"])
    deploy(s)


def new_method(s):
    open_method(s, resource(s))
    deploy(s)


def made_anew(change):
    """Replaces a method by one with other settings; the integration stays as it was."""
    def plant(s):
        old = s.rest.get_method(restApiId=s.api(), resourceId=resource(s), httpMethod="POST")
        where = {"restApiId": s.api(), "resourceId": resource(s), "httpMethod": "POST"}
        kept = ("authorizationType", "authorizerId", "apiKeyRequired", "requestValidatorId", "requestModels",
                "requestParameters", "authorizationScopes", "operationName")
        integration = ("type", "uri", "credentials", "passthroughBehavior", "timeoutInMillis", "cacheNamespace")
        settings = {key: old[key] for key in kept if old.get(key)}
        backend = {key: old["methodIntegration"][key] for key in integration if old["methodIntegration"].get(key)}
        s.rest.delete_method(**where)
        s.rest.put_method(**where, **{**settings, **change(old)})
        s.rest.put_integration(**where, integrationHttpMethod="POST", **backend)
        deploy(s)
    return plant


def trusting_two(s):
    """A route uses an authorizer that trusts a foreign pool in addition to the right one."""
    own = authorizers(s)["AGAuthorizer1"]["providerARNs"]
    made = s.rest.create_authorizer(restApiId=s.api(), name="stranger", type="COGNITO_USER_POOLS",
                                    providerARNs=[*own, s.foreign_pool()[0]], identitySource="method.request.header.Authorization")
    made_anew(lambda old: {"authorizerId": made["id"]})(s)


def authorized_by(s):
    """The name of the authorizer of POST /lambda1, and all authorizers."""
    names = {one["id"]: name for name, one in authorizers(s).items()}
    return [names.get((method(s) or {}).get("authorizerId")), sorted(authorizers(s))]


def to_elsewhere(s):
    """A further method that passes requests on to a stranger's address."""
    s.rest.put_method(restApiId=s.api(), resourceId=resource(s), httpMethod="DELETE", authorizationType="NONE",
                      requestParameters={"method.request.header.Authorization": False})
    s.rest.put_integration(
        restApiId=s.api(), resourceId=resource(s), httpMethod="DELETE", type="HTTP_PROXY", integrationHttpMethod="POST",
        uri="https://stranger.example.org/", connectionType="INTERNET", passthroughBehavior="WHEN_NO_MATCH",
        requestParameters={"integration.request.header.X-Token": "method.request.header.Authorization"},
        tlsConfig={"insecureSkipVerification": True})
    deploy(s)


def verbs(s):
    """The methods of every path."""
    found = s.rest.get_resources(restApiId=s.api(), limit=500, embed=["methods"])["items"]
    return sorted((one["path"], sorted(one.get("resourceMethods") or {})) for one in found)


def api(s):
    answer = without_ids(s.rest.get_rest_api(restApiId=s.api()))
    return {key: value for key, value in answer.items() if key not in ("tags", "rootResourceId", "apiStatus")}


def change_api(operations):
    return lambda s: s.rest.update_rest_api(
        restApiId=s.api(), patchOperations=operations(s) if callable(operations) else operations)


def stage(s):
    answer = without_ids(s.rest.get_stage(restApiId=s.api(), stageName=STAGE))
    # No AWS call resets the size of a cache, and without the cache the size has no effect.
    left = {"tags"} if answer.get("cacheClusterEnabled") else {"tags", "cacheClusterSize", "cacheClusterStatus"}
    return {key: value for key, value in answer.items() if key not in left}


def change_stage(operations):
    return lambda s: s.rest.update_stage(restApiId=s.api(), stageName=STAGE,
                                         patchOperations=operations(s) if callable(operations) else operations)


def stages(s):
    return sorted(one["stageName"] for one in s.rest.get_stages(restApiId=s.api())["item"])


def second_stage(s):
    deployment = s.rest.get_stage(restApiId=s.api(), stageName=STAGE)["deploymentId"]
    s.rest.create_stage(restApiId=s.api(), stageName="stranger", deploymentId=deployment)


def canary(s):
    """A canary sends half of the requests to a deployment with an open method. The stage's own deployment is
    unchanged."""
    change_method(patch("/authorizationType", "NONE"), deployed=False)(s)
    s.rest.create_deployment(restApiId=s.api(), stageName=STAGE, canarySettings={"percentTraffic": 50.0})
    change_method(lambda s: [*patch("/authorizationType", "COGNITO_USER_POOLS"),
                             *patch("/authorizerId", authorizers(s)["AGAuthorizer1"]["id"])], deployed=False)(s)


def other_deployment(s):
    """The stage serves a deployment with an open method, and the method itself is unchanged."""
    change_method(patch("/authorizationType", "NONE"))(s)
    change_method(lambda s: [*patch("/authorizationType", "COGNITO_USER_POOLS"),
                             *patch("/authorizerId", authorizers(s)["AGAuthorizer1"]["id"])], deployed=False)(s)


def served(s):
    """The id of the stage's deployment, and whether there is a canary."""
    answer = s.rest.get_stage(restApiId=s.api(), stageName=STAGE)
    return [answer["deploymentId"], bool(answer.get("canarySettings"))]


def responses(s):
    found = s.rest.get_gateway_responses(restApiId=s.api(), limit=500)["items"]
    return sorted((one["responseType"], one.get("statusCode"), json.dumps(one.get("responseParameters") or {}, sort_keys=True),
                   json.dumps(one.get("responseTemplates") or {}, sort_keys=True)) for one in found if not one["defaultResponse"])


def answer_as(kind, code, parameters=None, templates=None):
    return lambda s: s.rest.put_gateway_response(restApiId=s.api(), responseType=kind, statusCode=code,
                                                 responseParameters=parameters or {}, responseTemplates=templates or {})


def validator(s):
    [one] = s.rest.get_request_validators(restApiId=s.api())["items"]
    return one


def loose_validator(s):
    s.rest.update_request_validator(restApiId=s.api(), requestValidatorId=validator(s)["id"],
                                    patchOperations=patch("/validateRequestBody", "false"))
    deploy(s)


def model(s):
    name = next(one["name"] for one in s.rest.get_models(restApiId=s.api(), limit=500)["items"]
                if one["name"] not in ("Empty", "Error"))
    return s.rest.get_model(restApiId=s.api(), modelName=name)


def loose_model(s):
    s.rest.update_model(restApiId=s.api(), modelName=model(s)["name"], patchOperations=patch("/schema", "{}"))
    deploy(s)


def change_authorizer(name, operations):
    def plant(s):
        s.rest.update_authorizer(restApiId=s.api(), authorizerId=authorizers(s)[name]["id"],
                                 patchOperations=operations(s) if callable(operations) else operations)
        deploy(s)
    return plant


def of_authorizer(name):
    return lambda s: without_ids({key: value for key, value in authorizers(s)[name].items() if key != "id"})


def foreign_authorizer(s):
    s.rest.create_authorizer(restApiId=s.api(), name="stranger", type="TOKEN", authorizerUri=uri(s.foreign_function()),
                             identitySource="method.request.header.X", authorizerResultTtlInSeconds=0)


def setting(name, value):
    return patch(f"/*/*/{name}", value)


UPDATE_METHOD, UPDATE_STAGE, UPDATE_API = "apigateway UpdateMethod ", "apigateway UpdateStage ", "apigateway UpdateRestApi "
UPDATE_AUTHORIZER, INTEGRATION = "apigateway UpdateAuthorizer ", "apigateway UpdateIntegration "
HOLES = [
    Hole("a route is open, and deployed", "tutorial", [UPDATE_METHOD + "<authorizationType>"], API,
         change_method(patch("/authorizationType", "NONE")), method),
    Hole("a route is open, and not deployed yet", "tutorial", [UPDATE_METHOD + "<authorizationType>"], API,
         change_method(patch("/authorizationType", "NONE"), deployed=False), method, weakens=None),
    Hole("a route asks for another pool's token", "tutorial", [UPDATE_METHOD + "<authorizerId>"], API,
         change_method(lambda s: patch("/authorizerId", authorizers(s)["AGAuthorizer2"]["id"])), method),
    Hole("a route takes access tokens of a scope", "tutorial", [UPDATE_METHOD + "<authorizationScopes[]>"], API,
         change_method(patch("/authorizationScopes", "aws.cognito.signin.user.admin", "add")), method,
         emulator="it stores a text in place of the list"),
    Hole("a method is made anew, for access tokens of a scope", "tutorial",
         ["apigateway PutMethod authorizerId|authorizationScopes[]"], API, made_anew(
             lambda old: {"authorizationScopes": ["aws.cognito.signin.user.admin"]}), method),
    Hole("a method is made anew, for a foreign authorizer", "tutorial",
         ["apigateway CreateAuthorizer providerARNs[]", "apigateway PutMethod authorizerId"], API, trusting_two, authorized_by),
    Hole("a route's bodies are not validated", "tutorial", [UPDATE_METHOD + "<requestValidatorId>"], API,
         change_method(patch("/requestValidatorId", ""), "/lambda2"), lambda s: method(s, "/lambda2")),
    Hole("a route validates against any model", "tutorial", [UPDATE_METHOD + "<requestModels{}>"], API,
         change_method(patch("/requestModels/application~1json", "Empty")), method),
    Hole("the validator validates nothing", "tutorial",
         ["apigateway UpdateRequestValidator <validateRequestBody>|<validateRequestParameters>"], API, loose_validator,
         lambda s: validator(s)["validateRequestBody"]),
    Hole("the model accepts anything", "tutorial", ["apigateway UpdateModel <schema>"], API, loose_model,
         lambda s: json.loads(model(s)["schema"])),
    Hole("a further open path", "tutorial",
         ["apigateway CreateResource parentId|pathPart", "apigateway PutMethod httpMethod|authorizationType",
          "apigateway PutIntegration type|integrationHttpMethod|uri"], API, new_path, verbs),
    Hole("a further open method of a path", "tutorial", ["apigateway PutMethod authorizationType"], API, new_method, verbs),
    Hole("a further method passes tokens on to a stranger", "tutorial",
         ["apigateway PutMethod requestParameters{}",
          "apigateway PutIntegration type|uri|connectionType|passthroughBehavior|requestParameters{}|"
          "tlsConfig.insecureSkipVerification"], API, to_elsewhere, verbs),
    Hole("a route leads to a foreign function", "tutorial", [INTEGRATION + "<uri>"], API,
         change_integration(lambda s: patch("/uri", uri(s.foreign_function()))), method),
    Hole("a route's function is called with a role", "tutorial", [INTEGRATION + "<credentials>"], API,
         change_integration(lambda s: patch("/credentials", s.foreign_role()), "/lambda2"),
         lambda s: method(s, "/lambda2")),
    Hole("a route's answers are cached for every user alike", "tutorial",
         [UPDATE_STAGE + "<methodSettings{}.cachingEnabled>|<methodSettings{}.cacheTtlInSeconds>|<cacheClusterEnabled>|"
          "<cacheClusterSize>"], ON_STAGE,
         change_stage([*patch("/cacheClusterEnabled", "true"), *patch("/cacheClusterSize", "0.5"),
                       *setting("caching/enabled", "true"), *setting("caching/ttlInSeconds", "3600")]), stage),
    Hole("the throttle allows ten thousand requests a second", "tutorial",
         [UPDATE_STAGE + "<methodSettings{}.throttlingRateLimit>"], ON_STAGE,
         change_stage(setting("throttling/rateLimit", "10000")), stage),
    Hole("the throttle allows a burst of five thousand", "tutorial",
         [UPDATE_STAGE + "<methodSettings{}.throttlingBurstLimit>"], ON_STAGE,
         change_stage(setting("throttling/burstLimit", "5000")), stage),
    Hole("one route has a throttle of its own", "tutorial", [UPDATE_STAGE + "<methodSettings{}.throttlingRateLimit>"],
         ON_STAGE, change_stage(patch("/~1lambda1/POST/throttling/rateLimit", "9000")), stage),
    Hole("bodies and tokens are written to the log", "tutorial", [UPDATE_STAGE + "<methodSettings{}.dataTraceEnabled>"],
         ON_STAGE, change_stage([*setting("logging/loglevel", "INFO"), *setting("logging/dataTrace", "true")]), stage),
    Hole("errors are no longer logged", "hardened", [UPDATE_STAGE + "<methodSettings{}.loggingLevel>"], ON_STAGE,
         change_stage(setting("logging/loglevel", "OFF")), stage,
         where=lambda s: any(one.get("loggingLevel", "OFF") != "OFF" for one in stage(s).get("methodSettings", {}).values())),
    Hole("requests are no longer logged", "hardened", [UPDATE_STAGE + "<accessLogSettings.destinationArn>"], ON_STAGE,
         change_stage([{"op": "remove", "path": "/accessLogSettings"}]), stage,
         where=lambda s: stage(s).get("accessLogSettings")),
    Hole("requests are logged for a stranger", "tutorial",
         [UPDATE_STAGE + "<accessLogSettings.format>|<accessLogSettings.destinationArn>"], ON_STAGE,
         change_stage([*patch("/accessLogSettings/format", "$context.authorizer.claims.email"),
                       *patch("/accessLogSettings/destinationArn",
                              f"arn:aws:firehose:{REGION}:{STRANGER}:deliverystream/amazon-apigateway-stranger")]), stage),
    Hole("the stage is no longer traced", "hardened", [UPDATE_STAGE + "<tracingEnabled>"], ON_STAGE,
         # Traces are samples of timings for operation. Without them, nobody has more access.
         change_stage(patch("/tracingEnabled", "false")), stage, where=lambda s: stage(s).get("tracingEnabled"),
         weakens=False),
    Hole("a variable of the stage", "tutorial", [UPDATE_STAGE + "<variables{}>"], ON_STAGE,
         change_stage(patch("/variables/stranger", "elsewhere")), stage, weakens=None),
    Hole("the stage serves another deployment", "tutorial",
         [UPDATE_STAGE + "<deploymentId>", "apigateway CreateDeployment stageName"], [*API, *ON_STAGE], other_deployment,
         served),
    Hole("half of the requests meet another deployment", "tutorial",
         ["apigateway CreateDeployment canarySettings.percentTraffic",
          UPDATE_STAGE + "<canarySettings.percentTraffic>|<canarySettings.deploymentId>"], [*API, *ON_STAGE], canary,
         served),
    Hole("a second stage without firewall and throttle", "tutorial",
         ["apigateway CreateStage stageName|deploymentId"], ["api.rest", *ON_STAGE], second_stage, stages),
    Hole("a resource policy opens the API to another account", "tutorial", [UPDATE_API + "<policy>"], API,
         change_api(lambda s: patch("/policy", policy(
             {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"}, "Action": "execute-api:Invoke",
              "Resource": "execute-api:/*"}))), api),
    Hole("a resource policy opens the signed API to anyone", "api-to-api", [UPDATE_API + "<policy>"],
         ["api.Age.rest", "api.Age.routes", "api.Age.release", "api.Age.deployment"],
         lambda s: s.rest.update_rest_api(restApiId=s.api("Age"), patchOperations=patch("/policy", policy(
             {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}))),
         lambda s: s.rest.get_rest_api(restApiId=s.api("Age")).get("policy")),
    Hole("a signed route is open", "api-to-api", [UPDATE_METHOD + "<authorizationType>"],
         ["api.Age.rest", "api.Age.routes", "api.Age.release", "api.Age.deployment"],
         lambda s: (s.rest.update_method(restApiId=s.api("Age"), resourceId=resource(s, "/age", "Age"), httpMethod="GET",
                                         patchOperations=patch("/authorizationType", "NONE")),
                    s.rest.create_deployment(restApiId=s.api("Age"), stageName=STAGE)),
         lambda s: s.rest.get_method(restApiId=s.api("Age"), resourceId=resource(s, "/age", "Age"),
                                     httpMethod="GET")["authorizationType"]),
    Hole("every body is binary, and not validated", "tutorial", [UPDATE_API + "<binaryMediaTypes[]>"], API,
         change_api([{"op": "add", "path": "/binaryMediaTypes/*~1*"}]), api, emulator="it stores a map in place of the list"),
    Hole("old TLS versions are allowed", "tutorial", [UPDATE_API + "<securityPolicy>"], API,
         change_api(patch("/securityPolicy", "TLS_1_0")), api),
    Hole("the endpoint takes any client's TLS", "tutorial", [UPDATE_API + "<endpointAccessMode>"], API,
         change_api(patch("/endpointAccessMode", "BASIC")), api,
         where=lambda s: api(s).get("endpointAccessMode", "BASIC") != "BASIC"),
    Hole("the API has another kind of endpoint", "tutorial", [UPDATE_API + "<endpointConfiguration.types[]>"], API,
         change_api(patch("/endpointConfiguration/types/REGIONAL", "EDGE")), api, weakens=None, emulator="it drops the setting"),
    Hole("API keys come from an authorizer", "tutorial", [UPDATE_API + "<apiKeySource>"], API,
         change_api(patch("/apiKeySource", "AUTHORIZER")), api, weakens=None),
    Hole("an authorizer trusts a foreign pool too", "tutorial", [UPDATE_AUTHORIZER + "<providerARNs[]>"], API,
         change_authorizer("AGAuthorizer1", lambda s: patch("/providerARNs", s.foreign_pool()[0], "add")),
         of_authorizer("AGAuthorizer1"), emulator="it stores a text in place of the list"),
    Hole("an authorizer reads tokens from another header", "tutorial",
         [UPDATE_AUTHORIZER + "<identitySource>"], API,
         change_authorizer("AGAuthorizer2", patch("/identitySource", "method.request.header.X-Stranger")),
         of_authorizer("AGAuthorizer2"), weakens=None),
    Hole("an authorizer's answer is cached for an hour", "tutorial",
         [UPDATE_AUTHORIZER + "<authorizerResultTtlInSeconds>|<identityValidationExpression>"], API,
         change_authorizer("AGAuthorizer1", patch("/authorizerResultTtlInSeconds", "3600")), of_authorizer("AGAuthorizer1"),
         emulator="it stores a text in place of the number"),
    Hole("a foreign function is an authorizer of the API", "tutorial",
         ["apigateway CreateAuthorizer type|authorizerUri|identitySource|authorizerResultTtlInSeconds|name"], API,
         foreign_authorizer, lambda s: sorted(authorizers(s)), weakens=None),
    Hole("refused requests get an answer of 200", "tutorial",
         ["apigateway PutGatewayResponse responseType|statusCode|responseTemplates{}"], API,
         answer_as("UNAUTHORIZED", "200", templates={"application/json": '{"message":"welcome"}'}), responses),
    Hole("the gateway's errors let any page read them", "tutorial", ["apigateway PutGatewayResponse responseParameters{}"],
         API, answer_as("DEFAULT_4XX", "403", {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}), responses,
         weakens=None),
]
