"""Holes in identity pools, which give credentials of the account."""

from ..hole import Hole
from ..stack import ACCOUNT

NAME = "CallersPool"
POOL = [f"identity-pool.{NAME}", f"identity-pool-roles.{NAME}"]
UPDATE, ROLES = "cognito-identity UpdateIdentityPool ", "cognito-identity SetIdentityPoolRoles "


def described(s):
    answer = s.identity.describe_identity_pool(IdentityPoolId=s.identity_pool(NAME))
    # The emulator returns "" for a missing developer provider. AWS refuses "".
    return {key: value for key, value in answer.items() if key != "ResponseMetadata" and value != ""}


def setting(member):
    return lambda s: described(s).get(member)


def change(new):
    def plant(s):
        old = described(s)
        s.identity.update_identity_pool(**{**old, **(new(s, old) if callable(new) else new)})
    return plant


def provider(s):
    _, pool, client = s.foreign_pool()
    return {"ProviderName": f"cognito-idp.eu-central-1.amazonaws.com/{pool}", "ClientId": client,
            "ServerSideTokenCheck": True}


def roles(s):
    answer = s.identity.get_identity_pool_roles(IdentityPoolId=s.identity_pool(NAME))
    return {"Roles": answer.get("Roles", {}), "RoleMappings": answer.get("RoleMappings", {})}


def change_roles(new):
    def plant(s):
        old = roles(s)
        s.identity.set_identity_pool_roles(IdentityPoolId=s.identity_pool(NAME), **new(s, old))
    return plant


def own_provider(s):
    [one] = described(s)["CognitoIdentityProviders"]
    return f"{one['ProviderName']}:{one['ClientId']}"


def mapped(mapping):
    return change_roles(lambda s, old: {"Roles": old["Roles"], "RoleMappings": {own_provider(s): mapping(s)}})


def principal_tags(s):
    try:
        return s.identity.get_principal_tag_attribute_map(
            IdentityPoolId=s.identity_pool(NAME),
            IdentityProviderName=described(s)["CognitoIdentityProviders"][0]["ProviderName"]).get("PrincipalTags")
    except s.identity.exceptions.ResourceNotFoundException:
        return None


HOLES = [
    Hole("guests get an identity", "api-to-api", [UPDATE + "AllowUnauthenticatedIdentities"], POOL,
         change({"AllowUnauthenticatedIdentities": True}), setting("AllowUnauthenticatedIdentities")),
    Hole("the classic flow, in which a caller chooses the role", "api-to-api", [UPDATE + "AllowClassicFlow"], POOL,
         change({"AllowClassicFlow": True}), lambda s: bool(described(s).get("AllowClassicFlow"))),
    Hole("anyone with an account at a public provider gets credentials", "api-to-api",
         [UPDATE + "SupportedLoginProviders{}"], POOL,
         change({"SupportedLoginProviders": {"accounts.google.com": "stranger.apps.googleusercontent.com"}}),
         lambda s: described(s).get("SupportedLoginProviders") or {}),
    Hole("somebody else's developer provider authenticates identities", "api-to-api", [UPDATE + "DeveloperProviderName"], POOL,
         change({"DeveloperProviderName": "stranger.example.org"}), setting("DeveloperProviderName"),
         repair="AWS itself never takes a developer provider away; `up` must say so"),
    Hole("a foreign OpenID provider vouches for identities", "api-to-api", [UPDATE + "OpenIdConnectProviderARNs[]"], POOL,
         change({"OpenIdConnectProviderARNs": [f"arn:aws:iam::{ACCOUNT}:oidc-provider/stranger.example.org"]}),
         lambda s: described(s).get("OpenIdConnectProviderARNs") or []),
    Hole("a foreign SAML provider vouches for identities", "api-to-api", [UPDATE + "SamlProviderARNs[]"], POOL,
         change({"SamlProviderARNs": [f"arn:aws:iam::{ACCOUNT}:saml-provider/stranger"]}),
         lambda s: described(s).get("SamlProviderARNs") or []),
    Hole("the users of a foreign pool get credentials", "api-to-api",
         [UPDATE + "CognitoIdentityProviders[].ProviderName|CognitoIdentityProviders[].ClientId"], POOL,
         change(lambda s, old: {"CognitoIdentityProviders": [*old["CognitoIdentityProviders"], provider(s)]}),
         lambda s: len(described(s)["CognitoIdentityProviders"])),
    Hole("credentials for users who have signed out", "api-to-api",
         [UPDATE + "CognitoIdentityProviders[].ServerSideTokenCheck"], POOL,
         change(lambda s, old: {"CognitoIdentityProviders": [
             {**one, "ServerSideTokenCheck": False} for one in old["CognitoIdentityProviders"]]}),
         lambda s: [one.get("ServerSideTokenCheck") for one in described(s)["CognitoIdentityProviders"]]),
    Hole("users get a foreign role", "api-to-api", [ROLES + "Roles{}"], POOL,
         change_roles(lambda s, old: {**old, "Roles": {"authenticated": s.foreign_role()}}), roles),
    Hole("guests get a role", "api-to-api", [ROLES + "Roles{}"], POOL,
         change_roles(lambda s, old: {**old, "Roles": {**old["Roles"], "unauthenticated": s.foreign_role()}}), roles),
    Hole("the token chooses the role", "api-to-api", [ROLES + "RoleMappings{}.Type|RoleMappings{}.AmbiguousRoleResolution"],
         POOL, mapped(lambda s: {"Type": "Token", "AmbiguousRoleResolution": "AuthenticatedRole"}), roles),
    Hole("a rule gives some users a foreign role", "api-to-api",
         [ROLES + "RoleMappings{}.RulesConfiguration.Rules[].Claim|RoleMappings{}.RulesConfiguration.Rules[].MatchType|"
          "RoleMappings{}.RulesConfiguration.Rules[].Value|RoleMappings{}.RulesConfiguration.Rules[].RoleARN"], POOL,
         mapped(lambda s: {"Type": "Rules", "AmbiguousRoleResolution": "Deny", "RulesConfiguration": {"Rules": [
             {"Claim": "email", "MatchType": "Contains", "Value": "@", "RoleARN": s.foreign_role()}]}}), roles),
    Hole("attributes of users become tags of their sessions", "api-to-api",
         ["cognito-identity SetPrincipalTagAttributeMap IdentityProviderName|UseDefaults|PrincipalTags{}"], POOL,
         lambda s: s.identity.set_principal_tag_attribute_map(
             IdentityPoolId=s.identity_pool(NAME), IdentityProviderName=described(s)["CognitoIdentityProviders"][0]["ProviderName"],
             PrincipalTags={"role": "profile"}),
         principal_tags),
]
