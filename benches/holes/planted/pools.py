"""Holes in user pools and app clients."""

import json

from ..hole import Hole
from ..stack import ACCOUNT, REGION, STRANGER


def at(name):
    return [f"pool.{name}", f"client.{name}"]


def dig(value, path):
    for part in path.split("."):
        value = (value or {}).get(part)
    return value


def pool(name, path):
    """A setting of a user pool."""
    return lambda s: dig(s.idp.describe_user_pool(UserPoolId=s.pool(name))["UserPool"], path)


def merged(old, new):
    return {**old, **{key: merged(old.get(key) or {}, value) if isinstance(value, dict) else value
                      for key, value in new.items()}}


def change(s, operation, identifying, described, new):
    """Sends all current settings again, with one change, because AWS resets settings that such an update omits."""
    known = s.idp.meta.service_model.operation_model(operation).input_shape.members
    # The emulator returns "" for texts that are not set. AWS refuses "".
    kept = {key: value for key, value in described.items() if key in known and value not in (None, "")}
    arguments = {**merged(json.loads(json.dumps(kept, default=str)), new), **identifying}
    if operation == "UpdateUserPool":
        # AWS refuses this setting together with the setting that replaced it.
        arguments.get("AdminCreateUserConfig", {}).pop("UnusedAccountValidityDays", None)
    method = {"UpdateUserPool": s.idp.update_user_pool, "UpdateUserPoolClient": s.idp.update_user_pool_client}[operation]
    method(**arguments)


def change_pool(name, new):
    def plant(s):
        described = s.idp.describe_user_pool(UserPoolId=s.pool(name))["UserPool"]
        change(s, "UpdateUserPool", {"UserPoolId": s.pool(name)}, described, new(s) if callable(new) else new)
    return plant


def trigger(name, hook, wrap=None):
    """A foreign function as one of a pool's Lambda triggers."""
    value = wrap or (lambda s: s.foreign_function())
    return change_pool(name, lambda s: {"LambdaConfig": {hook: value(s)}})


def unhook(hook):
    """Removes one of the pool's own Lambda triggers."""
    def plant(s):
        key = {"UserPoolId": s.pool("Users")}
        described = s.idp.describe_user_pool(**key)["UserPool"]
        described["LambdaConfig"].pop(hook)
        change(s, "UpdateUserPool", key, described, {})
    return plant


def versioned(version):
    return lambda s: {"LambdaVersion": version, "LambdaArn": s.foreign_function()}


def client(name, path):
    """A setting of an app client."""
    return lambda s: dig(s.idp.describe_user_pool_client(
        UserPoolId=s.pool(name), ClientId=s.app_client(name))["UserPoolClient"], path)


def change_client(name, new):
    def plant(s):
        key = {"UserPoolId": s.pool(name), "ClientId": s.app_client(name)}
        described = s.idp.describe_user_pool_client(**key)["UserPoolClient"]
        change(s, "UpdateUserPoolClient", key, described, new(described) if callable(new) else new)
    return plant


def clients(name):
    return lambda s: sorted(one["ClientName"] for one in s.idp.list_user_pool_clients(
        UserPoolId=s.pool(name), MaxResults=60)["UserPoolClients"])


def providers(name):
    return lambda s: sorted(one["ProviderName"] for one in s.idp.list_identity_providers(
        UserPoolId=s.pool(name))["Providers"])


def servers(name):
    return lambda s: sorted(one["Identifier"] for one in s.idp.list_resource_servers(
        UserPoolId=s.pool(name), MaxResults=50)["ResourceServers"])


def group_roles(name):
    """The groups that have a role. Groups without a role only contain people, whom the stack file does not name."""
    return lambda s: sorted((one["GroupName"], one["RoleArn"]) for one in s.idp.list_groups(
        UserPoolId=s.pool(name))["Groups"] if one.get("RoleArn"))


def foreign_provider(name):
    return lambda s: s.idp.create_identity_provider(
        UserPoolId=s.pool(name), ProviderName="Stranger", ProviderType="OIDC", AttributeMapping={"email": "email"},
        IdpIdentifiers=["stranger"], ProviderDetails={
            "client_id": "stranger", "client_secret": "stranger", "authorize_scopes": "openid email",
            "oidc_issuer": "https://stranger.example.org", "attributes_request_method": "GET"})


def domain(s):
    return s.idp.describe_user_pool(UserPoolId=s.pool("MyUserPool2"))["UserPool"].get("Domain")


def mfa(name):
    return lambda s: s.idp.get_user_pool_mfa_config(UserPoolId=s.pool(name)).get("MfaConfiguration", "OFF")


def add_flow(flow):
    return lambda described: {"ExplicitAuthFlows": sorted({*described["ExplicitAuthFlows"], flow})}


ONE, TWO = "MyUserPool1", "MyUserPool2"
UPDATE, CLIENT = "cognito-idp UpdateUserPool ", "cognito-idp UpdateUserPoolClient "


def password(hole, stack, name, rule, value, where=None):
    path = f"Policies.PasswordPolicy.{rule}"
    return Hole(hole, stack, [UPDATE + path], at(name),
                change_pool(name, {"Policies": {"PasswordPolicy": {rule: value}}}), pool(name, path), where=where)


def hook(name, hook, wrap=None, sets=None):
    path = f"LambdaConfig.{hook}"
    return Hole(f"a foreign function is the pool's trigger {hook}", "tutorial", [UPDATE + (sets or path)], at(name),
                trigger(name, hook, wrap), pool(name, path))


def sender(name, kind):
    wrap = versioned("V1_0")
    path = f"LambdaConfig.{kind}"
    return Hole(f"a foreign function gets the codes of {kind}", "tutorial",
                [f"{UPDATE}{path}.LambdaVersion|{path}.LambdaArn|LambdaConfig.KMSKeyID"], at(name),
                change_pool(name, lambda s: {"LambdaConfig": {kind: wrap(s), "KMSKeyID": s.foreign_key()}}),
                pool(name, path))


def setting(hole, stack, name, path, value, **more):
    """A hole in one setting of a pool, whose path the update and the answer share."""
    def nested(new):
        for part in reversed(path.split(".")):
            new = {part: new}
        return new
    sets = more.pop("sets", path)
    return Hole(hole, stack, [UPDATE + sets], at(name),
                change_pool(name, lambda s: nested(value(s) if callable(value) else value)), pool(name, path), **more)


def loose(hole, name, path, value, **more):
    """A hole in one setting of an app client."""
    sets = more.pop("sets", path)
    new = value if callable(value) else {path: value}
    return Hole(hole, more.pop("stack", "tutorial"), [CLIENT + sets], at(name), change_client(name, new),
                client(name, path.split(".")[0]), **more)


POOLS = [
    password("passwords of six characters", "tutorial", ONE, "MinimumLength", 6),
    password("passwords without a symbol", "tutorial", TWO, "RequireSymbols", False),
    password("passwords without an upper case letter", "tutorial", ONE, "RequireUppercase", False),
    password("passwords without a lower case letter", "tutorial", TWO, "RequireLowercase", False),
    password("passwords without a number", "http-jwt", "Users", "RequireNumbers", False),
    password("temporary passwords are valid for a year", "tutorial", ONE, "TemporaryPasswordValidityDays", 365),
    password("old passwords may be used again", "hardened", ONE, "PasswordHistorySize", 0,
             where=pool(ONE, "Policies.PasswordPolicy.PasswordHistorySize")),
    Hole("a code by text message replaces the password", "tutorial",
         [UPDATE + "Policies.SignInPolicy.AllowedFirstAuthFactors[]"], at(TWO),
         change_pool(TWO, {"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "SMS_OTP"]}}}),
         # Without a policy, the password is the only first factor.
         lambda s: pool(TWO, "Policies.SignInPolicy.AllowedFirstAuthFactors")(s) or ["PASSWORD"]),
    hook(ONE, "PreSignUp"), hook(TWO, "PostConfirmation"), hook(ONE, "PreAuthentication"),
    hook(TWO, "PostAuthentication"), hook(ONE, "DefineAuthChallenge"), hook(TWO, "CreateAuthChallenge"),
    hook(ONE, "VerifyAuthChallengeResponse"), hook(TWO, "PreTokenGeneration"), hook(ONE, "UserMigration"),
    hook(TWO, "CustomMessage"),
    hook(ONE, "PreTokenGenerationConfig", versioned("V2_0"),
         "LambdaConfig.PreTokenGenerationConfig.LambdaVersion|LambdaConfig.PreTokenGenerationConfig.LambdaArn"),
    hook(TWO, "InboundFederation", versioned("V1_0"),
         "LambdaConfig.InboundFederation.LambdaVersion|LambdaConfig.InboundFederation.LambdaArn"),
    Hole("a foreign function takes the place of the pool's own", "events", [UPDATE + "LambdaConfig.PostAuthentication"],
         ["hooks.Users"], trigger("Users", "PostAuthentication"), pool("Users", "LambdaConfig.PostAuthentication")),
    Hole("the pool does not call its own function", "events", [UPDATE + "LambdaConfig.PostConfirmation"],
         ["hooks.Users"], unhook("PostConfirmation"), pool("Users", "LambdaConfig.PostConfirmation")),
    sender(ONE, "CustomEmailSender"), sender(TWO, "CustomSMSSender"),
    setting("addresses are no longer verified", "tutorial", ONE, "AutoVerifiedAttributes", [],
            sets="AutoVerifiedAttributes[]"),
    setting("a remembered device needs no second factor", "tutorial", TWO, "DeviceConfiguration",
            {"ChallengeRequiredOnNewDevice": True, "DeviceOnlyRememberedOnUserPrompt": False},
            sets="DeviceConfiguration.ChallengeRequiredOnNewDevice|DeviceConfiguration.DeviceOnlyRememberedOnUserPrompt",
            weakens=None),
    setting("another account sends the pool's mail", "tutorial", ONE, "EmailConfiguration",
            {"EmailSendingAccount": "DEVELOPER", "From": "stranger@example.org",
             "SourceArn": f"arn:aws:ses:{REGION}:{STRANGER}:identity/example.org"},
            sets="EmailConfiguration.SourceArn|EmailConfiguration.EmailSendingAccount|EmailConfiguration.From"),
    setting("passwords are recovered by text message first", "tutorial", TWO, "AccountRecoverySetting",
            {"RecoveryMechanisms": [{"Priority": 1, "Name": "verified_phone_number"}]},
            sets="AccountRecoverySetting.RecoveryMechanisms[].Priority|AccountRecoverySetting.RecoveryMechanisms[].Name"),
    setting("anyone may sign up in a closed pool", "api-to-api", "Callers",
            "AdminCreateUserConfig.AllowAdminCreateUserOnly", False),
    setting("the pool may be deleted", "hardened", ONE, "DeletionProtection", "INACTIVE",
            where=lambda s: pool(ONE, "DeletionProtection")(s) == "ACTIVE"),
    setting("threat protection only watches", "hardened", TWO, "UserPoolAddOns.AdvancedSecurityMode", "AUDIT",
            where=lambda s: pool(TWO, "UserPoolAddOns.AdvancedSecurityMode")(s) == "ENFORCED"),
    setting("threat protection does not cover custom sign-in", "hardened", ONE,
            "UserPoolAddOns.AdvancedSecurityAdditionalFlows.CustomAuthMode", "AUDIT",
            where=lambda s: pool(ONE, "UserPoolAddOns.AdvancedSecurityAdditionalFlows.CustomAuthMode")(s) == "ENFORCED"),
    Hole("the pool's plan has no threat protection", "hardened", [UPDATE + "UserPoolTier"], at(TWO),
         # AWS refuses this plan while a setting is on that only other plans have.
         change_pool(TWO, {"UserPoolTier": "LITE", "UserPoolAddOns": {"AdvancedSecurityMode": "OFF"},
                           "Policies": {"PasswordPolicy": {"PasswordHistorySize": 0}}}), pool(TWO, "UserPoolTier"),
         where=lambda s: pool(TWO, "UserPoolTier")(s) == "PLUS"),
    setting("a changed address counts before it is verified", "tutorial", ONE, "UserAttributeUpdateSettings",
            {"AttributesRequireVerificationBeforeUpdate": []},
            sets="UserAttributeUpdateSettings.AttributesRequireVerificationBeforeUpdate[]",
            where=pool(ONE, "UserAttributeUpdateSettings.AttributesRequireVerificationBeforeUpdate")),
    Hole("nobody needs a second factor", "hardened",
         ["cognito-idp SetUserPoolMfaConfig MfaConfiguration|SoftwareTokenMfaConfiguration.Enabled",
          UPDATE + "MfaConfiguration"], at(ONE),
         lambda s: s.idp.set_user_pool_mfa_config(
             UserPoolId=s.pool(ONE), SoftwareTokenMfaConfiguration={"Enabled": False}, MfaConfiguration="OFF"), mfa(ONE),
         where=lambda s: mfa(ONE)(s) == "ON"),
    Hole("a second factor is optional", "hardened", ["cognito-idp SetUserPoolMfaConfig MfaConfiguration"], at(TWO),
         lambda s: s.idp.set_user_pool_mfa_config(
             UserPoolId=s.pool(TWO), SoftwareTokenMfaConfiguration={"Enabled": True}, MfaConfiguration="OPTIONAL"), mfa(TWO),
         where=lambda s: mfa(TWO)(s) == "ON"),
    Hole("a second app client with a secret of its own", "tutorial",
         ["cognito-idp CreateUserPoolClient ClientName|GenerateSecret|ClientSecret|ExplicitAuthFlows[]"], at(ONE),
         lambda s: s.idp.create_user_pool_client(
             UserPoolId=s.pool(ONE), ClientName="stranger", GenerateSecret=True,
             ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]), clients(ONE)),
    Hole("a second app client for machines", "http-jwt",
         ["cognito-idp CreateUserPoolClient AllowedOAuthFlows[]|AllowedOAuthScopes[]|AllowedOAuthFlowsUserPoolClient|"
          "CallbackURLs[]"], at("Users"),
         lambda s: s.idp.create_user_pool_client(
             UserPoolId=s.pool("Users"), ClientName="stranger", AllowedOAuthFlowsUserPoolClient=True,
             AllowedOAuthFlows=["implicit"], AllowedOAuthScopes=["openid"],
             CallbackURLs=["https://stranger.example.org"]), clients("Users")),
    Hole("a foreign identity provider", "tutorial",
         ["cognito-idp CreateIdentityProvider ProviderName|ProviderType|ProviderDetails{}|AttributeMapping{}|IdpIdentifiers[]"],
         at(TWO), foreign_provider(TWO), providers(TWO)),
    Hole("a resource server with scopes", "tutorial",
         ["cognito-idp CreateResourceServer Identifier|Name|Scopes[].ScopeName"], at(ONE),
         lambda s: s.idp.create_resource_server(
             UserPoolId=s.pool(ONE), Identifier="stranger", Name="stranger",
             Scopes=[{"ScopeName": "all", "ScopeDescription": "all"}]), servers(ONE), weakens=None),
    Hole("a group with a role", "api-to-api", ["cognito-idp CreateGroup GroupName|RoleArn|Precedence"], at("Callers"),
         lambda s: s.idp.create_group(UserPoolId=s.pool("Callers"), GroupName="stranger", RoleArn=s.foreign_role(),
                                      Precedence=0), group_roles("Callers")),
    Hole("a group of the stack gets a role", "two-pools", ["cognito-idp UpdateGroup RoleArn"], ["group.Staff/editors"],
         lambda s: s.idp.update_group(UserPoolId=s.pool("Staff"), GroupName="editors", RoleArn=s.foreign_role()),
         group_roles("Staff"), emulator="it does not know UpdateGroup"),
    Hole("a hosted sign-in page", "tutorial", ["cognito-idp CreateUserPoolDomain Domain|ManagedLoginVersion"], at(TWO),
         lambda s: s.idp.create_user_pool_domain(UserPoolId=s.pool(TWO), Domain="stranger-of-the-benchmark"), domain),
    Hole("sign-ins are reported to another account", "tutorial",
         ["cognito-idp SetLogDeliveryConfiguration LogConfigurations[].LogLevel|LogConfigurations[].EventSource|"
          "LogConfigurations[].CloudWatchLogsConfiguration.LogGroupArn|LogConfigurations[].S3Configuration.BucketArn|"
          "LogConfigurations[].FirehoseConfiguration.StreamArn"], at(ONE),
         lambda s: s.idp.set_log_delivery_configuration(UserPoolId=s.pool(ONE), LogConfigurations=[{
             "LogLevel": "INFO", "EventSource": "userAuthEvents",
             "S3Configuration": {"BucketArn": "arn:aws:s3:::stranger"}}]),
         lambda s: s.idp.get_log_delivery_configuration(UserPoolId=s.pool(ONE)),
         emulator="it does not know SetLogDeliveryConfiguration"),
    Hole("threat protection lets one address pass", "hardened",
         ["cognito-idp SetRiskConfiguration RiskExceptionConfiguration.SkippedIPRangeList[]|"
          "RiskExceptionConfiguration.BlockedIPRangeList[]|CompromisedCredentialsRiskConfiguration.Actions.EventAction|"
          "CompromisedCredentialsRiskConfiguration.EventFilter[]|"
          "AccountTakeoverRiskConfiguration.Actions.LowAction.EventAction|"
          "AccountTakeoverRiskConfiguration.Actions.MediumAction.EventAction|"
          "AccountTakeoverRiskConfiguration.Actions.HighAction.EventAction"], at(ONE),
         lambda s: s.idp.set_risk_configuration(
             UserPoolId=s.pool(ONE), RiskExceptionConfiguration={"SkippedIPRangeList": ["198.51.100.0/24"]}),
         lambda s: s.idp.describe_risk_configuration(UserPoolId=s.pool(ONE)),
         emulator="it does not know SetRiskConfiguration"),
]

REDIRECT = {"AllowedOAuthFlowsUserPoolClient": True, "AllowedOAuthFlows": ["implicit"],
            "AllowedOAuthScopes": ["openid", "aws.cognito.signin.user.admin"],
            "CallbackURLs": ["https://stranger.example.org/"], "SupportedIdentityProviders": ["COGNITO"]}
CLIENTS = [
    loose("a flow for custom sign-in", ONE, "ExplicitAuthFlows", add_flow("ALLOW_CUSTOM_AUTH"),
          sets="ExplicitAuthFlows[]"),
    loose("a flow that takes any first factor", TWO, "ExplicitAuthFlows", add_flow("ALLOW_USER_AUTH"),
          sets="ExplicitAuthFlows[]"),
    loose("unknown users get an answer of their own", ONE, "PreventUserExistenceErrors", "LEGACY"),
    loose("tokens can no longer be revoked", TWO, "EnableTokenRevocation", False),
    loose("refresh tokens are valid for ten years", ONE, "RefreshTokenValidity",
          lambda old: {"RefreshTokenValidity": 3650,
                       "TokenValidityUnits": {**(old.get("TokenValidityUnits") or {}), "RefreshToken": "days"}},
          sets="RefreshTokenValidity|TokenValidityUnits.RefreshToken"),
    loose("access tokens are valid for a day", TWO, "AccessTokenValidity",
          lambda old: {"AccessTokenValidity": 24,
                       "TokenValidityUnits": {**(old.get("TokenValidityUnits") or {}), "AccessToken": "hours"}},
          sets="AccessTokenValidity|TokenValidityUnits.AccessToken"),
    loose("ID tokens are valid for a day", ONE, "IdTokenValidity",
          lambda old: {"IdTokenValidity": 24,
                       "TokenValidityUnits": {**(old.get("TokenValidityUnits") or {}), "IdToken": "hours"}},
          sets="IdTokenValidity|TokenValidityUnits.IdToken"),
    loose("a sign-in may take fifteen minutes", TWO, "AuthSessionValidity", 15),
    loose("tokens go to a stranger's page", ONE, "CallbackURLs", lambda old: REDIRECT,
          sets="CallbackURLs[]|AllowedOAuthFlows[]|AllowedOAuthScopes[]|AllowedOAuthFlowsUserPoolClient|"
               "SupportedIdentityProviders[]"),
    loose("after signing out people go to a stranger's page", TWO, "LogoutURLs",
          lambda old: {**REDIRECT, "LogoutURLs": ["https://stranger.example.org/out"]}, sets="LogoutURLs[]|DefaultRedirectURI"),
    loose("users write attributes that they must not", TWO, "WriteAttributes",
          lambda old: {"WriteAttributes": ["email", "name", "phone_number", "profile", "website"]}, sets="WriteAttributes[]"),
    loose("the client reads further attributes", ONE, "ReadAttributes",
          lambda old: {"ReadAttributes": ["email", "email_verified", "phone_number", "address"]}, sets="ReadAttributes[]",
          weakens=None),
    loose("a foreign project gets the users' data", TWO, "AnalyticsConfiguration",
          lambda old: {"AnalyticsConfiguration": {
              "ApplicationId": "a" * 32, "ExternalId": "stranger", "UserDataShared": True,
              "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/stranger"}},
          sets="AnalyticsConfiguration.ApplicationId|AnalyticsConfiguration.ApplicationArn|AnalyticsConfiguration.RoleArn|"
               "AnalyticsConfiguration.ExternalId|AnalyticsConfiguration.UserDataShared",
          repair="the emulator keeps settings that an update leaves out, and AWS removes them"),
    loose("a program may say where a user comes from", ONE, "EnablePropagateAdditionalUserContextData", True),
    loose("refresh tokens are no longer rotated", TWO, "RefreshTokenRotation",
          lambda old: {"RefreshTokenRotation": {"Feature": "DISABLED", "RetryGracePeriodSeconds": 0}}, stack="hardened",
          sets="RefreshTokenRotation.Feature|RefreshTokenRotation.RetryGracePeriodSeconds",
          where=lambda s: client(TWO, "RefreshTokenRotation.Feature")(s) == "ENABLED"),
]

HOLES = POOLS + CLIENTS
