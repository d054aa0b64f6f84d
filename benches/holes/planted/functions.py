"""Holes in functions."""

import time

from ..hole import Hole
from ..stack import ACCOUNT, REGION, STRANGER, archive

OTHER_LAYER = f"arn:aws:lambda:{REGION}:{STRANGER}:layer:stranger:1"


def at(name):
    """The resources of a function: the function and its permission."""
    permissions = {
        "InternalLambda": ["permission.InternalLambda"],
        "ExternalLambda1": ["permission.POST /lambda1 ExternalLambda1"],
        "ExternalLambda2": ["permission.POST /lambda2 ExternalLambda2"],
        "Hello": ["permission.GET /hello Hello"],
        "Age": ["permission.Age GET /age Age"],
        "Day": ["permission.GET /day Day"],
    }
    return [f"function.{name}", *permissions[name]]


def configuration(name, *path):
    def read(s):
        value = s.lambda_.get_function_configuration(FunctionName=s.function(name))
        for part in path:
            value = (value or {}).get(part)
        return value
    return read


def configure(name, **change):
    def plant(s):
        arguments = {key: value(s) if callable(value) else value for key, value in change.items()}
        s.lambda_.update_function_configuration(FunctionName=s.function(name), **arguments)
        active(s, name)
    return plant


def active(s, name):
    """Waits until a change is done, because a function that is still changing already counts as drifted."""
    for _ in range(100):
        found = s.lambda_.get_function_configuration(FunctionName=s.function(name))
        if (found.get("State"), found.get("LastUpdateStatus")) == ("Active", "Successful"):
            return
        time.sleep(0.1)
    raise TimeoutError(f"{name} is {found.get('State')}, {found.get('LastUpdateStatus')}")


def with_variable(name, key, value):
    def plant(s):
        variables = configuration(name, "Environment", "Variables")(s) or {}
        configure(name, Environment={"Variables": {**variables, key: value}})(s)
    return plant


def statements(name, **where):
    def read(s):
        try:
            return s.lambda_.get_policy(FunctionName=s.function(name), **where)["Policy"]
        except s.lambda_.exceptions.ResourceNotFoundException:
            return None
    return read


def allow(name, **arguments):
    return lambda s: s.lambda_.add_permission(
        FunctionName=s.function(name), StatementId="stranger", Action="lambda:InvokeFunction", **arguments)


def url(name, kind):
    def plant(s):
        s.lambda_.create_function_url_config(FunctionName=s.function(name), AuthType=kind)
        if kind == "NONE":
            s.lambda_.add_permission(FunctionName=s.function(name), StatementId="url", Principal="*",
                                     Action="lambda:InvokeFunctionUrl", FunctionUrlAuthType="NONE")
    return plant


def urls(name):
    def read(s):
        found = s.lambda_.list_function_url_configs(FunctionName=s.function(name))["FunctionUrlConfigs"]
        return [one["AuthType"] for one in found]
    return read


def versions(name):
    def read(s):
        found = s.lambda_.list_versions_by_function(FunctionName=s.function(name))["Versions"]
        return sorted(one["Version"] for one in found)
    return read


def aliases(name):
    return lambda s: sorted(one["Name"] for one in s.lambda_.list_aliases(FunctionName=s.function(name))["Aliases"])


def version_for_anyone(s):
    """Publishes a version, which keeps today's code, and lets another account call it."""
    version = s.lambda_.publish_version(FunctionName=s.function("ExternalLambda2"))["Version"]
    allow("ExternalLambda2", Principal=STRANGER, Qualifier=version)(s)


def alias_url(s):
    version = s.lambda_.publish_version(FunctionName=s.function("Hello"))["Version"]
    s.lambda_.create_alias(FunctionName=s.function("Hello"), Name="stranger", FunctionVersion=version)
    s.lambda_.create_function_url_config(FunctionName=s.function("Hello"), AuthType="NONE", Qualifier="stranger")


def invoke_config(name):
    def read(s):
        try:
            return s.lambda_.get_function_event_invoke_config(FunctionName=s.function(name)).get("DestinationConfig")
        except s.lambda_.exceptions.ResourceNotFoundException:
            return None
    return read


def sends_results(name, event, destination):
    return lambda s: s.lambda_.put_function_event_invoke_config(
        FunctionName=s.function(name), DestinationConfig={event: {"Destination": destination(s)}})


def mappings(name):
    def read(s):
        found = s.lambda_.list_event_source_mappings(FunctionName=s.function(name))["EventSourceMappings"]
        return sorted(one["EventSourceArn"] for one in found)
    return read


def runtime_management(s):
    answer = s.lambda_.get_runtime_management_config(FunctionName=s.function("InternalLambda"))
    return answer.get("UpdateRuntimeOn")


CONFIGURATION = "lambda UpdateFunctionConfiguration "
PERMISSION = "lambda AddPermission "
HOLES = [
    Hole("a function URL for anyone", "tutorial",
         ["lambda CreateFunctionUrlConfig AuthType", PERMISSION + "FunctionUrlAuthType"], at("InternalLambda"),
         url("InternalLambda", "NONE"), urls("InternalLambda")),
    Hole("a function URL for signed requests", "tutorial", ["lambda CreateFunctionUrlConfig AuthType|InvokeMode"],
         at("ExternalLambda1"), url("ExternalLambda1", "AWS_IAM"), urls("ExternalLambda1")),
    Hole("an alias with a function URL for anyone", "http-jwt",
         ["lambda CreateAlias Name|FunctionVersion|RoutingConfig.AdditionalVersionWeights{}",
          "lambda CreateFunctionUrlConfig Qualifier"], at("Hello"), alias_url, aliases("Hello")),
    Hole("anyone may invoke a function", "tutorial", [PERMISSION + "Principal|Action|StatementId"], at("InternalLambda"),
         allow("InternalLambda", Principal="*"), statements("InternalLambda")),
    Hole("another account may invoke a function", "tutorial", [PERMISSION + "Principal"], at("ExternalLambda1"),
         allow("ExternalLambda1", Principal=STRANGER), statements("ExternalLambda1")),
    Hole("an organization may invoke a function", "tutorial", [PERMISSION + "PrincipalOrgID"], at("ExternalLambda2"),
         allow("ExternalLambda2", Principal="*", PrincipalOrgID="o-1234567890"), statements("ExternalLambda2")),
    Hole("any API of any account may invoke a function", "tutorial", [PERMISSION + "Principal"], at("ExternalLambda1"),
         allow("ExternalLambda1", Principal="apigateway.amazonaws.com"), statements("ExternalLambda1")),
    Hole("another API may invoke a function", "http-jwt", [PERMISSION + "SourceArn"], at("Hello"),
         allow("Hello", Principal="apigateway.amazonaws.com",
               SourceArn=f"arn:aws:execute-api:{REGION}:{STRANGER}:abcdef1234/*/*/*"), statements("Hello")),
    Hole("a bucket of another account may invoke a function", "tutorial", [PERMISSION + "SourceArn|SourceAccount"],
         at("ExternalLambda2"),
         allow("ExternalLambda2", Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::stranger", SourceAccount=STRANGER),
         statements("ExternalLambda2")),
    Hole("a skill may invoke a function", "api-to-api", [PERMISSION + "Principal|EventSourceToken"], at("Age"),
         allow("Age", Principal="alexa-appkit.amazon.com", EventSourceToken="amzn1.ask.skill.stranger"), statements("Age")),
    Hole("another account may invoke a version of a function", "tutorial",
         ["lambda PublishVersion FunctionName", PERMISSION + "Qualifier"], at("ExternalLambda2"), version_for_anyone,
         versions("ExternalLambda2")),
    Hole("a function's code is replaced", "tutorial", ["lambda UpdateFunctionCode ZipFile"], at("InternalLambda"),
         lambda s: (s.lambda_.update_function_code(FunctionName=s.function("InternalLambda"), ZipFile=archive()),
                    active(s, "InternalLambda")),
         configuration("InternalLambda", "CodeSha256")),
    Hole("a function runs as another role", "tutorial", [CONFIGURATION + "Role"], at("ExternalLambda1"),
         configure("ExternalLambda1", Role=lambda s: s.foreign_role()), configuration("ExternalLambda1", "Role")),
    Hole("a credential in a function's environment", "tutorial", [CONFIGURATION + "Environment.Variables{}"],
         at("ExternalLambda2"), with_variable("ExternalLambda2", "DB_PASSWORD", "hunter2-hunter2"),
         configuration("ExternalLambda2", "Environment", "Variables")),
    Hole("a function loads foreign code before its own", "tutorial", [CONFIGURATION + "Environment.Variables{}"],
         at("InternalLambda"), with_variable("InternalLambda", "NODE_OPTIONS", "--import=/tmp/stranger.mjs"),
         configuration("InternalLambda", "Environment", "Variables")),
    Hole("a layer of another account in a function", "tutorial", [CONFIGURATION + "Layers[]"], at("ExternalLambda1"),
         configure("ExternalLambda1", Layers=[OTHER_LAYER]), configuration("ExternalLambda1", "Layers")),
    Hole("another entry point of a function", "tutorial", [CONFIGURATION + "Handler"], at("ExternalLambda2"),
         configure("ExternalLambda2", Handler="log.handler"), configuration("ExternalLambda2", "Handler"), weakens=None),
    Hole("an old runtime of a function", "tutorial", [CONFIGURATION + "Runtime"], at("InternalLambda"),
         configure("InternalLambda", Runtime="nodejs20.x"), configuration("InternalLambda", "Runtime")),
    Hole("a function in a foreign network", "tutorial",
         [CONFIGURATION + "VpcConfig.SubnetIds[]|VpcConfig.SecurityGroupIds[]"], at("ExternalLambda1"),
         configure("ExternalLambda1", VpcConfig={"SubnetIds": ["subnet-0a1b2c3d"], "SecurityGroupIds": ["sg-0a1b2c3d"]}),
         # Without the key `vpc` in the stack file, the function must be in no network.
         configuration("ExternalLambda1", "VpcConfig", "SubnetIds")),
    Hole("a foreign file system in a function", "tutorial",
         [CONFIGURATION + "FileSystemConfigs[].Arn|FileSystemConfigs[].LocalMountPath"], at("ExternalLambda2"),
         configure("ExternalLambda2", FileSystemConfigs=[{
             "Arn": f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:access-point/fsap-0123456789abcdef0",
             "LocalMountPath": "/mnt/stranger"}]), configuration("ExternalLambda2", "FileSystemConfigs")),
    Hole("a function's failed events go to a foreign queue", "tutorial", [CONFIGURATION + "DeadLetterConfig.TargetArn"],
         at("InternalLambda"), configure("InternalLambda", DeadLetterConfig=lambda s: {"TargetArn": s.foreign_queue()}),
         # In the stack's account, this could also be hardening.
         configuration("InternalLambda", "DeadLetterConfig", "TargetArn"), weakens=None),
    Hole("a function's results go to a foreign queue", "tutorial",
         ["lambda PutFunctionEventInvokeConfig DestinationConfig.OnSuccess.Destination"], at("InternalLambda"),
         sends_results("InternalLambda", "OnSuccess", lambda s: s.foreign_queue()), invoke_config("InternalLambda")),
    Hole("a function's failures go to a foreign topic", "tutorial",
         ["lambda PutFunctionEventInvokeConfig DestinationConfig.OnFailure.Destination",
          "lambda UpdateFunctionEventInvokeConfig DestinationConfig.OnSuccess.Destination|"
          "DestinationConfig.OnFailure.Destination"], at("ExternalLambda1"),
         sends_results("ExternalLambda1", "OnFailure", lambda s: s.foreign_topic()), invoke_config("ExternalLambda1"), weakens=None),
    Hole("a foreign queue calls a function", "tutorial", ["lambda CreateEventSourceMapping EventSourceArn|Enabled"],
         at("ExternalLambda2"),
         lambda s: s.lambda_.create_event_source_mapping(
             FunctionName=s.function("ExternalLambda2"), EventSourceArn=s.foreign_queue(), Enabled=False),
         mappings("ExternalLambda2")),
    Hole("a function writes another log", "tutorial", [CONFIGURATION + "LoggingConfig.LogGroup"], at("ExternalLambda1"),
         configure("ExternalLambda1", LoggingConfig={"LogFormat": "Text", "LogGroup": "/stranger"}),
         configuration("ExternalLambda1", "LoggingConfig", "LogGroup")),
    Hole("a function logs only fatal errors", "tutorial",
         [CONFIGURATION + "LoggingConfig.LogFormat|LoggingConfig.ApplicationLogLevel|LoggingConfig.SystemLogLevel"],
         at("ExternalLambda2"),
         configure("ExternalLambda2", LoggingConfig={
             "LogFormat": "JSON", "ApplicationLogLevel": "FATAL", "SystemLogLevel": "WARN"}),
         configuration("ExternalLambda2", "LoggingConfig", "ApplicationLogLevel")),
    Hole("a function is no longer traced", "hardened", [CONFIGURATION + "TracingConfig.Mode"], at("InternalLambda"),
         configure("InternalLambda", TracingConfig={"Mode": "PassThrough"}),
         configuration("InternalLambda", "TracingConfig", "Mode"),
         # Traces are samples of timings for operation. Without them, nobody has more access.
         where=lambda s: configuration("InternalLambda", "TracingConfig", "Mode")(s) == "Active", weakens=False),
    Hole("a function's environment is no longer encrypted with the stack's key", "hardened",
         [CONFIGURATION + "KMSKeyArn"], at("ExternalLambda1"), configure("ExternalLambda1", KMSKeyArn=""),
         configuration("ExternalLambda1", "KMSKeyArn"), where=configuration("ExternalLambda1", "KMSKeyArn")),
    Hole("a function's environment is encrypted with a stranger's key", "tutorial", [CONFIGURATION + "KMSKeyArn"],
         at("InternalLambda"), configure("InternalLambda", KMSKeyArn=lambda s: s.foreign_key()),
         configuration("InternalLambda", "KMSKeyArn")),
    Hole("a function has lost its dead-letter queue", "hardened", [CONFIGURATION + "DeadLetterConfig.TargetArn"],
         at("InternalLambda"), configure("InternalLambda", DeadLetterConfig={"TargetArn": ""}),
         configuration("InternalLambda", "DeadLetterConfig", "TargetArn"),
         # Failed events are lost, but nobody has more access.
         where=configuration("InternalLambda", "DeadLetterConfig", "TargetArn"), weakens=False),
    Hole("a function's runtime gets no more updates", "tutorial",
         ["lambda PutRuntimeManagementConfig UpdateRuntimeOn|RuntimeVersionArn"], at("InternalLambda"),
         lambda s: s.lambda_.put_runtime_management_config(
             FunctionName=s.function("InternalLambda"), UpdateRuntimeOn="Manual",
             RuntimeVersionArn=f"arn:aws:lambda:{REGION}::runtime:{'0' * 64}"), runtime_management,
         emulator="it does not know PutRuntimeManagementConfig"),
    Hole("a function may call itself without end", "tutorial", ["lambda PutFunctionRecursionConfig RecursiveLoop"],
         at("ExternalLambda2"),
         lambda s: s.lambda_.put_function_recursion_config(
             FunctionName=s.function("ExternalLambda2"), RecursiveLoop="Allow"),
         lambda s: s.lambda_.get_function_recursion_config(FunctionName=s.function("ExternalLambda2"))["RecursiveLoop"]),
    Hole("the topic may no longer invoke its function", "tutorial", ["lambda RemovePermission StatementId"],
         at("InternalLambda"),
         lambda s: s.lambda_.remove_permission(FunctionName=s.function("InternalLambda"), StatementId="securelambda-topic"),
         statements("InternalLambda")),
]
