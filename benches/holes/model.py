"""The fields of AWS's own models that can change one of a stack's resources.

The rule is mechanical. An operation counts if it changes something and if its input identifies a resource of a kind that
stacks consist of. Of each such operation every member of the input counts, down to the last structure. Where an operation
takes a list of patches (`patchOperations`), the members of its answer count instead, because a patch names one of them;
they are written in angle brackets.

`judge` looks every field up in the list of planted holes and then in the list of fields that are left out. A field in
neither has no judgement, and the benchmark fails. `fields.tsv` keeps the result, so that a new version of botocore
shows its new fields as a difference even where a pattern covers them.
"""

import fnmatch
import pathlib
import re

import botocore
import botocore.session

# For each service, the members whose value identifies a resource of a stack.
IDENTIFYING = {
    "apigateway": {"restApiId", "apiId", "resourceArn", "usagePlanId", "apiKey", "keyId"},
    "apigatewayv2": {"ApiId", "DomainName", "ResourceArn"},
    "cognito-idp": {"UserPoolId", "ClientId", "ResourceArn"},
    "cognito-identity": {"IdentityPoolId", "ResourceArn"},
    "iam": {"RoleName"},
    "lambda": {"FunctionName", "Resource", "ResourceArn"},
    "logs": {"logGroupName", "logGroupNames", "logGroupIdentifier", "logGroupIdentifiers", "logGroupArnList",
             "resourceArn", "resourceIdentifier"},
    "secretsmanager": {"SecretId"},
    "sns": {"TopicArn", "SubscriptionArn", "TargetArn", "ResourceArn"},
    "wafv2": {"Id", "ResourceArn", "ResourceARN", "ARN", "WebACLArn"},
    "kms": {"KeyId", "TargetKeyId"},
    "route53": {"Name"},
    "sqs": {"QueueUrl"},
    "dynamodb": {"TableName", "ResourceArn", "TableArn", "StreamArn"},
    "scheduler": {"Name", "ResourceArn"},
    "cloudwatch": {"AlarmName", "AlarmNames", "ResourceARN"},
}

READS = re.compile("^(Admin)?(Get|List|Describe|Search|Filter|Check|Test|Query|BatchGet|Simulate)")

# Structures of dozens of members that are judged as a whole.
WHOLE = {
    "Statement", "FieldToMatch", "Rule", "Transformer", "Processor", "MonetizationConfig", "EumsSmsConfigurationType",
    "ContextDataType", "UserContextDataType", "AnalyticsMetadataType", "MetricDataQuery", "CustomResponse",
    "CustomRequestHandling", "AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig",
    "NotifyConfigurationType", "DestinationConfiguration", "CapacityProviderConfig", "DurableConfig", "AssetType",
    # The answer of UpdateResource and of UpdateMethod repeats settings that have operations of their own.
    "MethodResponse", "Method", "Integration", "IntegrationResponse", "MethodSnapshot",
}

SNAPSHOT = pathlib.Path(__file__).parent / "fields.tsv"


def leaves(shape, path, above, top=False):
    """The paths of a shape's members: `a.b` in a structure, `a[]` in a list, `a{}` in a map."""
    if not top and (shape.name in above or shape.name in WHOLE):
        yield path
    elif shape.type_name == "structure" and shape.members:
        for name, member in shape.members.items():
            yield from leaves(member, f"{path}.{name}" if path else name, above | {shape.name})
    elif shape.type_name == "list":
        yield from leaves(shape.member, path + "[]", above | {shape.name})
    elif shape.type_name == "map":
        yield from leaves(shape.value, path + "{}", above | {shape.name})
    else:
        yield path


def fields():
    """Every (service, operation, member) that the rule selects."""
    session = botocore.session.get_session()
    for service, identifying in IDENTIFYING.items():
        model = session.get_service_model(service)
        rest = model.metadata["protocol"].startswith("rest")
        for name in sorted(model.operation_names):
            operation = model.operation_model(name)
            reads = operation.http["method"] in ("GET", "HEAD") if rest else READS.match(name)
            if reads or operation.input_shape is None:
                continue
            members = []
            for member, shape in operation.input_shape.members.items():
                if member == "patchOperations":
                    members += [f"<{path}>" for path in leaves(operation.output_shape, "", frozenset(), top=True)]
                else:
                    members += leaves(shape, member, frozenset())
            last = {re.split(r"[.]", member.strip("<>"))[-1].rstrip("[]{}") for member in members if member[0] != "<"}
            if last & identifying:
                yield from ((service, name, member) for member in members)


class LeftOut:
    """One line of left_out.txt: patterns of a service, an operation and a member, and why they are no hole."""

    def __init__(self, line):
        self.service, operations, members, self.reason = line.split(None, 3)
        self.operations, self.members = operations.split("|"), members.split("|")
        self.used = False

    def covers(self, field):
        service, operation, member = field
        return (fnmatch.fnmatchcase(service, self.service)
                and any(fnmatch.fnmatchcase(operation, pattern) for pattern in self.operations)
                and any(literal(member, pattern) for pattern in self.members))


def literal(text, pattern):
    """Like fnmatch, but only `*` is special: members contain brackets."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None


def left_out():
    lines = (pathlib.Path(__file__).parent / "left_out.txt").read_text().splitlines()
    return [LeftOut(line) for line in lines if line.strip() and not line.startswith("#")]


def judge(holes):
    """For every field: the names of the holes that set it, or the reason why it is left out, or neither."""
    planted = {}
    for hole in holes:
        for field in hole.fields:
            planted.setdefault(field, []).append(hole.name)
    rules, judged = left_out(), {}
    for field in fields():
        names = planted.pop(field, [])
        rule = None if names else next((rule for rule in rules if rule.covers(field)), None)
        if rule:
            rule.used = True
        judged[field] = (names, rule.reason if rule else None)
    problems = [f"{hole} sets {' '.join(field)}, which the rule does not select" for field, found in planted.items()
                for hole in found]
    problems += [f"left_out.txt: no field is covered by: {rule.service} {'|'.join(rule.operations)} {'|'.join(rule.members)}"
                 for rule in rules if not rule.used]
    problems += [f"not judged: {' '.join(field)}" for field, (names, reason) in judged.items() if not names and not reason]
    return judged, problems


def rows(judged):
    for (service, operation, member), (names, reason) in judged.items():
        yield "\t".join([service, operation, member, "hole" if names else "left out", "; ".join(names) or reason or ""])


def write_snapshot(judged):
    head = f"# botocore {botocore.__version__}. Written by `python3 benches/holes --write-fields`; do not edit."
    SNAPSHOT.write_text("\n".join([head, *rows(judged)]) + "\n")


def news(judged):
    """The fields that fields.tsv does not have yet, or judges otherwise."""
    known = set(SNAPSHOT.read_text().splitlines()) if SNAPSHOT.exists() else set()
    return [row for row in rows(judged) if row not in known]
