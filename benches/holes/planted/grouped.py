"""Holes in the checks that limit routes to the users of a group."""

from ..hole import Hole
from .authorizers import change_http, change_method, change_rest, change_route, http_authorized, of_http, of_rest, rest_method
from .functions import active, archive, configuration, configure
from .rest import patch

CHECKER = "UsersGroups"
ON_CHECKER = ["function.UsersGroups", "permission.authorizer UsersGroups", "permission.Http authorizer UsersGroups"]
IN_REST = ["api.rest", "api.paths", "api.routes", "api.deployment", "api.release", "lambda-authorizer.UsersGroups"]
IN_HTTP = ["api.Http.http", "api.Http.http-routes", "http-lambda-authorizer.Http.UsersGroups"]

VARIABLES = "lambda UpdateFunctionConfiguration Environment.Variables{}"
REST, HTTP = "apigateway UpdateAuthorizer ", "apigatewayv2 UpdateAuthorizer "


def variables(change):
    """Changes the variables of the function that checks groups."""
    def plant(s):
        before = configuration(CHECKER, "Environment", "Variables")(s)
        configure(CHECKER, Environment={"Variables": {name: change(name, value) for name, value in before.items()}})(s)
    return plant


def of_rules(old, new):
    return variables(lambda name, value: value.replace(old, new) if name.startswith("RULES_") else value)


def foreign_code(s):
    s.lambda_.update_function_code(FunctionName=s.function(CHECKER), ZipFile=archive())
    active(s, CHECKER)


def hole(name, sets, at, plant, read, **more):
    return Hole(name, "groups", sets, at, plant, read, **more)


def foreign_role(s):
    """The emulator has no UpdateGroup."""
    key = {"UserPoolId": s.pool("Users"), "GroupName": "staff"}
    s.idp.delete_group(**key)
    s.idp.create_group(**key, RoleArn=s.foreign_role(), Precedence=0)


def role(s):
    return s.idp.get_group(UserPoolId=s.pool("Users"), GroupName="staff")["Group"].get("RoleArn")


def files(s):
    return s.identity.get_identity_pool_roles(IdentityPoolId=s.identity_pool("Files"))


def rule(s):
    old = files(s)
    by_rule = {"Type": "Rules", "AmbiguousRoleResolution": "Deny", "RulesConfiguration": {"Rules": [
        {"Claim": "email_verified", "MatchType": "Equals", "Value": "true", "RoleARN": s.foreign_role()}]}}
    s.identity.set_identity_pool_roles(IdentityPoolId=s.identity_pool("Files"), Roles=old["Roles"],
                                       RoleMappings={provider: by_rule for provider in old["RoleMappings"]})


HOLES = [
    hole("the members of a group get a foreign role", ["cognito-idp CreateGroup RoleArn"], ["group.Users/staff"],
         foreign_role, role),
    hole("a rule chooses the role that the group should decide",
         ["cognito-identity SetIdentityPoolRoles RoleMappings{}.Type|RoleMappings{}.RulesConfiguration.Rules[].RoleARN"],
         ["identity-pool-roles.Files"], rule, lambda s: files(s).get("RoleMappings")),
    hole("another group may call a route for one", [VARIABLES], ON_CHECKER, of_rules('["staff"]', '["staff","cooks"]'),
         configuration(CHECKER, "Environment", "Variables")),
    hole("the tokens of a stranger's pool pass where a group is needed", [VARIABLES], ON_CHECKER,
         variables(lambda name, value: value + "x" if name == "ISSUER" else value),
         configuration(CHECKER, "Environment", "Variables")),
    hole("the tokens of a stranger's app client pass where a group is needed", [VARIABLES], ON_CHECKER,
         variables(lambda name, value: "0123456789abcdefghijklmnop" if name.startswith("CLIENT_") else value),
         configuration(CHECKER, "Environment", "Variables")),
    hole("foreign code checks groups", ["lambda UpdateFunctionCode ZipFile"], ON_CHECKER, foreign_code,
         configuration(CHECKER, "CodeSha256")),
    hole("a route for a group is open", ["apigateway UpdateMethod <authorizationType>"], IN_REST,
         change_method(patch("/authorizationType", "NONE")), rest_method),
    hole("a route of an HTTP API for a group is open", ["apigatewayv2 UpdateRoute AuthorizationType"], IN_HTTP,
         change_route(AuthorizationType="NONE"), http_authorized),
    hole("an answer about one caller's groups counts for all", [REST + "<identitySource>"], IN_REST,
         change_rest(CHECKER, patch("/identitySource", "method.request.header.Host")), of_rest(CHECKER)),
    hole("an answer about one route for a group counts for all", [HTTP + "IdentitySource[]"], IN_HTTP,
         change_http(CHECKER, IdentitySource=["$request.header.Authorization"]), of_http(CHECKER)),
]
