"""Holes in topics, secrets and log groups."""

import json

from ..hole import Hole
from ..stack import ACCOUNT, REGION, STRANGER, policy

ANYONE = {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": "*"}


def topic_attribute(name, at="greetings"):
    return lambda s: s.sns.get_topic_attributes(TopicArn=s.topic(at))["Attributes"].get(name, "")


def topic_grants(s):
    """The statements of the topic's policy except AWS's own, which allows only actions that the topic's account may do
    anyway."""
    document = json.loads(topic_attribute("Policy")(s) or '{"Statement": []}')
    own = {"StringEquals": {"AWS:SourceOwner": ACCOUNT}}
    return [one for one in document["Statement"] if one.get("Condition") != own]


def set_topic(name, value):
    def plant(s):
        new = value(s) if callable(value) else value
        s.sns.set_topic_attributes(TopicArn=s.topic("greetings"), AttributeName=name, AttributeValue=new)
    return plant


def subscriptions(s):
    found = s.sns.list_subscriptions_by_topic(TopicArn=s.topic("greetings"))["Subscriptions"]
    return sorted((one["Protocol"], one["Endpoint"]) for one in found)


def the_subscription(s):
    return s.sns.list_subscriptions_by_topic(TopicArn=s.topic("greetings"))["Subscriptions"][0]["SubscriptionArn"]


def subscription_attribute(name):
    return lambda s: json.loads(
        s.sns.get_subscription_attributes(SubscriptionArn=the_subscription(s))["Attributes"].get(name) or "{}")


def set_subscription(name, value):
    def plant(s):
        new = value(s) if callable(value) else value
        s.sns.set_subscription_attributes(SubscriptionArn=the_subscription(s), AttributeName=name, AttributeValue=new)
    return plant


TOPIC, SUBSCRIPTION = ["topic.greetings"], ["subscription.InternalLambda", "topic.greetings"]

TOPICS = [
    Hole("anyone may publish to the topic", "tutorial", ["sns SetTopicAttributes AttributeName|AttributeValue"], TOPIC,
         set_topic("Policy", lambda s: policy({**ANYONE, "Resource": s.topic("greetings")})), topic_grants),
    Hole("anyone may subscribe to the topic", "tutorial", ["sns SetTopicAttributes AttributeValue"], TOPIC,
         set_topic("Policy", lambda s: policy({**ANYONE, "Action": ["sns:Subscribe", "sns:Receive"],
                                               "Resource": s.topic("greetings")})), topic_grants),
    Hole("another account may publish to the topic", "tutorial", ["sns AddPermission AWSAccountId[]|ActionName[]|Label"],
         TOPIC, lambda s: s.sns.add_permission(TopicArn=s.topic("greetings"), Label="stranger", AWSAccountId=[STRANGER],
                                               ActionName=["Publish"]), topic_grants),
    Hole("the topic is no longer encrypted", "hardened", ["sns SetTopicAttributes AttributeValue"], TOPIC,
         set_topic("KmsMasterKeyId", ""), topic_attribute("KmsMasterKeyId"),
         where=lambda s: topic_attribute("KmsMasterKeyId")(s)),
    Hole("the topic is encrypted with a stranger's key", "hardened", ["sns SetTopicAttributes AttributeValue"], TOPIC,
         set_topic("KmsMasterKeyId", lambda s: s.foreign_key()), topic_attribute("KmsMasterKeyId")),
    Hole("a foreign queue gets every message", "tutorial", ["sns Subscribe Protocol|Endpoint|Attributes{}"], SUBSCRIPTION,
         lambda s: s.sns.subscribe(TopicArn=s.topic("greetings"), Protocol="sqs", Endpoint=s.foreign_queue(),
                                   Attributes={"RawMessageDelivery": "true"}), subscriptions),
    Hole("a stranger's address gets every message", "tutorial", ["sns Subscribe Protocol|Endpoint"], SUBSCRIPTION,
         lambda s: s.sns.subscribe(TopicArn=s.topic("greetings"), Protocol="email", Endpoint="stranger@example.org"),
         subscriptions),
    Hole("the subscription's failed messages go to a foreign queue", "tutorial",
         ["sns SetSubscriptionAttributes AttributeName|AttributeValue"], SUBSCRIPTION,
         set_subscription("RedrivePolicy", lambda s: json.dumps({"deadLetterTargetArn": s.foreign_queue()})),
         # In the stack's account, this could also be hardening.
         subscription_attribute("RedrivePolicy"), weakens=None),
    Hole("a filter keeps messages from the function", "tutorial", ["sns SetSubscriptionAttributes AttributeValue"],
         SUBSCRIPTION, set_subscription("FilterPolicy", json.dumps({"kind": ["none"]})),
         subscription_attribute("FilterPolicy")),
    Hole("the function is no longer subscribed", "tutorial", ["sns Unsubscribe SubscriptionArn"], SUBSCRIPTION,
         lambda s: s.sns.unsubscribe(SubscriptionArn=the_subscription(s)), subscriptions),
]

NAME = "LambdaSNSTopicARN"
SECRET = ["secret.LambdaSNSTopicARN"]
READ = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}


def secret_policy(s):
    return s.secrets.get_resource_policy(SecretId=s.secret(NAME)).get("ResourcePolicy")


def described(*members):
    def read(s):
        answer = s.secrets.describe_secret(SecretId=s.secret(NAME))
        return [answer.get(member) for member in members]
    return read


def put_policy(principal):
    return lambda s: s.secrets.put_resource_policy(SecretId=s.secret(NAME),
                                                   ResourcePolicy=policy({**READ, "Principal": principal}))


def value(s):
    return s.secrets.get_secret_value(SecretId=s.secret(NAME))["SecretString"]


def rotated_by(s):
    """The function that rotates the secret; AWS keeps its name when rotation is cancelled."""
    answer = s.secrets.describe_secret(SecretId=s.secret(NAME))
    return answer.get("RotationLambdaARN") if answer.get("RotationEnabled") else None


def rotate_with(s):
    s.secrets.rotate_secret(SecretId=s.secret(NAME), RotationLambdaARN=s.foreign_function(), RotateImmediately=False,
                            RotationRules={"AutomaticallyAfterDays": 30})


def stop_rotation(s):
    s.secrets.cancel_rotate_secret(SecretId=s.secret(NAME))


def old_value_back(s):
    """A foreign value becomes current because the label AWSCURRENT is moved to it."""
    new = s.secrets.put_secret_value(SecretId=s.secret(NAME), SecretString='{"TOPIC_ARN":"elsewhere"}',
                                     VersionStages=["STRANGER"])["VersionId"]
    versions = s.secrets.describe_secret(SecretId=s.secret(NAME))["VersionIdsToStages"]
    current = next(version for version, stages in versions.items() if "AWSCURRENT" in stages)
    s.secrets.update_secret_version_stage(SecretId=s.secret(NAME), VersionStage="AWSCURRENT",
                                          MoveToVersionId=new, RemoveFromVersionId=current)


SECRETS = [
    Hole("anyone may read the secret", "tutorial", ["secretsmanager PutResourcePolicy ResourcePolicy|BlockPublicPolicy"],
         SECRET, put_policy("*"), secret_policy),
    Hole("another account may read the secret", "tutorial", ["secretsmanager PutResourcePolicy ResourcePolicy"], SECRET,
         put_policy({"AWS": f"arn:aws:iam::{STRANGER}:root"}), secret_policy),
    Hole("a foreign role of the account may read the secret", "tutorial",
         ["secretsmanager PutResourcePolicy ResourcePolicy"], SECRET,
         lambda s: put_policy({"AWS": s.foreign_role()})(s), secret_policy),
    Hole("the secret's resource policy is gone", "hardened", ["secretsmanager DeleteResourcePolicy SecretId"], SECRET,
         lambda s: s.secrets.delete_resource_policy(SecretId=s.secret(NAME)), secret_policy, where=secret_policy),
    Hole("a foreign function rotates the secret", "tutorial",
         ["secretsmanager RotateSecret RotationLambdaARN|RotationRules.AutomaticallyAfterDays|RotateImmediately"], SECRET,
         rotate_with, rotated_by, repair="it does not know CancelRotateSecret"),
    Hole("the secret is no longer rotated", "hardened", ["secretsmanager CancelRotateSecret SecretId"], SECRET,
         stop_rotation, described("RotationEnabled"), where=lambda s: described("RotationEnabled")(s)[0],
         emulator="it does not know CancelRotateSecret"),
    Hole("a copy of the secret is kept in another region", "tutorial",
         ["secretsmanager ReplicateSecretToRegions AddReplicaRegions[].Region|AddReplicaRegions[].KmsKeyId|"
          "ForceOverwriteReplicaSecret"], SECRET,
         lambda s: s.secrets.replicate_secret_to_regions(SecretId=s.secret(NAME), AddReplicaRegions=[{"Region": "us-east-1"}]),
         lambda s: [one["Region"] for one in s.secrets.describe_secret(SecretId=s.secret(NAME)).get("ReplicationStatus", [])],
         weakens=None, repair="it does not know RemoveRegionsFromReplication"),
    Hole("the secret is encrypted with a stranger's key", "tutorial", ["secretsmanager UpdateSecret KmsKeyId"], SECRET,
         lambda s: s.secrets.update_secret(SecretId=s.secret(NAME), KmsKeyId=s.foreign_key()), described("KmsKeyId")),
    Hole("the secret leads to another topic", "tutorial", ["secretsmanager PutSecretValue SecretString|VersionStages[]"],
         SECRET, lambda s: s.secrets.put_secret_value(
             SecretId=s.secret(NAME), SecretString=json.dumps({"TOPIC_ARN": s.foreign_topic()})), value),
    Hole("an update of the secret leads to another topic", "tutorial", ["secretsmanager UpdateSecret SecretString"], SECRET,
         lambda s: s.secrets.update_secret(
             SecretId=s.secret(NAME), SecretString=json.dumps({"TOPIC_ARN": s.foreign_topic()})), value),
    Hole("another version of the secret becomes the current one", "tutorial",
         ["secretsmanager UpdateSecretVersionStage VersionStage|MoveToVersionId|RemoveFromVersionId"], SECRET,
         old_value_back, value),
    Hole("anyone may read a service user's secret", "api-to-api", ["secretsmanager PutResourcePolicy ResourcePolicy"],
         ["secret.DayUser", "user.DayUser"],
         lambda s: s.secrets.put_resource_policy(SecretId=s.secret("DayUser"),
                                                 ResourcePolicy=policy({**READ, "Principal": "*"})),
         lambda s: s.secrets.get_resource_policy(SecretId=s.secret("DayUser")).get("ResourcePolicy")),
]


def group(s, name="InternalLambda"):
    found = s.logs.describe_log_groups(logGroupNamePrefix=s.log(name))["logGroups"]
    return next((one for one in found if one["logGroupName"] == s.log(name)), {})


def of_group(member, name="InternalLambda"):
    return lambda s: group(s, name).get(member)


def filters(name):
    def read(s):
        found = s.logs.describe_subscription_filters(logGroupName=s.log(name))["subscriptionFilters"]
        return sorted((one["filterName"], one["destinationArn"]) for one in found)
    return read


def filter_to(name, destination):
    def plant(s):
        s.logs.put_subscription_filter(logGroupName=s.log(name), filterName="stranger", filterPattern="",
                                       **destination(s))
    return plant


def log(name="InternalLambda"):
    return [f"logs.{name}"]


STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/stranger"
LOGS = [
    Hole("a foreign function gets a function's log", "tutorial",
         ["logs PutSubscriptionFilter filterName|filterPattern|destinationArn"], log(),
         filter_to("InternalLambda", lambda s: {"destinationArn": s.foreign_function()}), filters("InternalLambda")),
    Hole("a foreign stream gets a function's log, through a role", "tutorial",
         ["logs PutSubscriptionFilter destinationArn|roleArn|distribution"], log("ExternalLambda1"),
         filter_to("ExternalLambda1", lambda s: {"destinationArn": STREAM, "roleArn": s.foreign_role()}),
         filters("ExternalLambda1")),
    Hole("a log is kept for ever", "tutorial", ["logs DeleteRetentionPolicy logGroupName"], log("ExternalLambda2"),
         lambda s: s.logs.delete_retention_policy(logGroupName=s.log("ExternalLambda2")),
         of_group("retentionInDays", "ExternalLambda2")),
    Hole("a log is kept for a day only", "tutorial", ["logs PutRetentionPolicy retentionInDays"], log(),
         lambda s: s.logs.put_retention_policy(logGroupName=s.log("InternalLambda"), retentionInDays=1),
         of_group("retentionInDays")),
    Hole("a log is no longer encrypted with the stack's key", "hardened",
         ["logs DisassociateKmsKey logGroupName|resourceIdentifier"], log(),
         lambda s: s.logs.disassociate_kms_key(logGroupName=s.log("InternalLambda")), of_group("kmsKeyId"),
         where=of_group("kmsKeyId"), emulator="it does not know DisassociateKmsKey"),
    Hole("a log is encrypted with a stranger's key", "tutorial", ["logs AssociateKmsKey kmsKeyId|resourceIdentifier"],
         log("ExternalLambda1"),
         lambda s: s.logs.associate_kms_key(logGroupName=s.log("ExternalLambda1"), kmsKeyId=s.foreign_key()),
         of_group("kmsKeyId", "ExternalLambda1"), emulator="it does not know AssociateKmsKey"),
    Hole("a log group is deleted", "http-jwt", ["logs DeleteLogGroup logGroupName"], ["logs.Hello", "function.Hello"],
         lambda s: s.logs.delete_log_group(logGroupName=s.log("Hello")), lambda s: bool(group(s, "Hello")), weakens=None),
    Hole("anyone may write to a log group", "tutorial",
         ["logs PutResourcePolicy policyName|policyDocument|resourceArn"], log("ExternalLambda2"),
         lambda s: s.logs.put_resource_policy(
             resourceArn=group(s, "ExternalLambda2")["arn"].removesuffix(":*"), policyDocument=policy(
                 # An AWS service that may write for any account, because these policies can allow only services.
                 {"Effect": "Allow", "Principal": {"Service": "delivery.logs.amazonaws.com"},
                  "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"})),
         lambda s: s.logs.describe_resource_policies(
             resourceArn=group(s, "ExternalLambda2")["arn"].removesuffix(":*"), policyScope="RESOURCE")["resourcePolicies"]),
]

HOLES = TOPICS + SECRETS + LOGS
