"""Holes in the checks that limit routes to the users of a group, in sign-in pages and in identity providers."""

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


CLIENT = "cognito-idp UpdateUserPoolClient "
SETTINGS = ["ClientName", "ExplicitAuthFlows", "ReadAttributes", "WriteAttributes", "AllowedOAuthFlows", "AllowedOAuthScopes",
            "AllowedOAuthFlowsUserPoolClient", "CallbackURLs", "SupportedIdentityProviders", "PreventUserExistenceErrors",
            "EnableTokenRevocation", "AccessTokenValidity", "IdTokenValidity", "RefreshTokenValidity", "TokenValidityUnits",
            "AuthSessionValidity"]


def client(s):
    key = {"UserPoolId": s.pool("Users"), "ClientId": s.app_client("Users")}
    return key, s.idp.describe_user_pool_client(**key)["UserPoolClient"]


def pages(**new):
    """Changes the client's settings of the sign-in pages."""
    def plant(s):
        key, old = client(s)
        s.idp.update_user_pool_client(**key, **{**{name: old[name] for name in SETTINGS if name in old}, **new})
    return plant


def of_client(member):
    return lambda s: sorted(client(s)[1].get(member, []))


PROVIDER = "cognito-idp UpdateIdentityProvider "


def provider(s, name):
    key = {"UserPoolId": s.pool("Users"), "ProviderName": name}
    return key, s.idp.describe_identity_provider(**key)["IdentityProvider"]


def change_provider(name, change):
    """Changes the settings of an identity provider. `change` gets the old settings."""
    def plant(s):
        key, old = provider(s, name)
        s.idp.update_identity_provider(**key, **change(old))
    return plant


def detail(name, value):
    return lambda old: {"ProviderDetails": {**old["ProviderDetails"], name: value}}


def of_provider(name, member):
    return lambda s: provider(s, name)[1].get(member)


def server(s):
    return s.idp.describe_resource_server(UserPoolId=s.pool("Users"), Identifier="orders")["ResourceServer"]


HOLES = [
    hole("programs can get a further scope of an API", ["cognito-idp UpdateResourceServer Scopes[].ScopeName"],
         ["resource-server.Users/orders"],
         lambda s: s.idp.update_resource_server(
             UserPoolId=s.pool("Users"), Identifier="orders", Name=server(s)["Name"],
             Scopes=[*server(s)["Scopes"], {"ScopeName": "write", "ScopeDescription": "write"}]),
         lambda s: sorted(one["ScopeName"] for one in server(s)["Scopes"])),
    hole("users of a stranger's application at Google sign in", [PROVIDER + "ProviderDetails{}"],
         ["identity-provider.Users/Google"], change_provider("Google", detail("client_id", "stranger")),
         of_provider("Google", "ProviderDetails")),
    hole("a stranger's directory decides who signs in", [PROVIDER + "ProviderDetails{}"], ["identity-provider.Users/Corp"],
         change_provider("Corp", detail("MetadataURL", "https://stranger.example.org/metadata")),
         of_provider("Corp", "ProviderDetails")),
    hole("a directory may sign users in whom nobody asked", [PROVIDER + "ProviderDetails{}"],
         ["identity-provider.Users/Corp"], change_provider("Corp", detail("IDPInit", "true")),
         of_provider("Corp", "ProviderDetails")),
    hole("a name that users choose becomes their address", [PROVIDER + "AttributeMapping{}"],
         ["identity-provider.Users/Google"],
         change_provider("Google", lambda old: {"AttributeMapping": {**old["AttributeMapping"], "email": "name"}}),
         of_provider("Google", "AttributeMapping")),
    hole("an identity provider signs in the users of a domain", [PROVIDER + "IdpIdentifiers[]"],
         ["identity-provider.Users/Corp"], change_provider("Corp", lambda old: {"IdpIdentifiers": ["example.org"]}),
         of_provider("Corp", "IdpIdentifiers")),
    hole("the sign-in page sends codes to a stranger", [CLIENT + "CallbackURLs[]"], ["client.Users"],
         pages(CallbackURLs=["https://app.example.com/callback", "https://stranger.example.org/"]), of_client("CallbackURLs")),
    hole("the sign-in page puts tokens into a browser's address", [CLIENT + "AllowedOAuthFlows[]"], ["client.Users"],
         pages(AllowedOAuthFlows=["code", "implicit"]), of_client("AllowedOAuthFlows")),
    hole("the sign-in page gives a scope for everything about a user", [CLIENT + "AllowedOAuthScopes[]"], ["client.Users"],
         pages(AllowedOAuthScopes=["openid", "aws.cognito.signin.user.admin"]), of_client("AllowedOAuthScopes")),
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
