"""Holes in optional parts of a stack: its key, its queues and its alarms. They are planted only in stacks that have the
part."""

import json

from ..hole import Hole
from ..stack import STRANGER, policy


def key_of(s):
    """The key of the stack, if it has one: the key with the stack's tag."""
    for one in s.kms.list_keys()["Keys"]:
        tags = s.kms.list_resource_tags(KeyId=one["KeyId"])["Tags"]
        if any(tag["TagKey"] == "securelambda:stack" and tag["TagValue"] == s.out["stack"] for tag in tags):
            return one["KeyId"]
    return None


def key_policy(s):
    return json.loads(s.kms.get_key_policy(KeyId=key_of(s), PolicyName="default")["Policy"])


def open_key(s):
    document = key_policy(s)
    document["Statement"].append({"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"},
                                  "Action": "kms:Decrypt", "Resource": "*"})
    s.kms.put_key_policy(KeyId=key_of(s), PolicyName="default", Policy=json.dumps(document))


def grants(s):
    return sorted(one["GranteePrincipal"] for one in s.kms.list_grants(KeyId=key_of(s))["Grants"])


def metadata(member):
    return lambda s: s.kms.describe_key(KeyId=key_of(s))["KeyMetadata"][member]


def queue(s):
    """A queue of the stack, if it has one: its name begins with the stack's."""
    found = s.sqs.list_queues(QueueNamePrefix=s.out["stack"] + "-").get("QueueUrls", [])
    return found and found[0]


def queue_attribute(name):
    return lambda s: s.sqs.get_queue_attributes(QueueUrl=queue(s), AttributeNames=["All"])["Attributes"].get(name)


def set_queue(name, value):
    return lambda s: s.sqs.set_queue_attributes(QueueUrl=queue(s), Attributes={name: value(s) if callable(value) else value})


def alarm(s):
    found = s.alarms.describe_alarms(AlarmNamePrefix=s.out["stack"] + "-").get("MetricAlarms", [])
    return found and found[0]


KEY, QUEUE, ALARM = ["key.stack", "key"], ["queue.dead", "queue"], ["alarm"]
HOLES = [
    Hole("another account may decrypt with the stack's key", "hardened", ["kms PutKeyPolicy Policy"], KEY, open_key,
         key_policy, where=key_of),
    Hole("a grant lets a foreign role decrypt", "hardened",
         ["kms CreateGrant GranteePrincipal|Operations[]|RetiringPrincipal"], KEY,
         lambda s: s.kms.create_grant(KeyId=key_of(s), GranteePrincipal=s.foreign_role(), Operations=["Decrypt"]), grants,
         where=key_of),
    Hole("the stack's key is disabled", "hardened", ["kms DisableKey KeyId"], KEY,
         lambda s: s.kms.disable_key(KeyId=key_of(s)), metadata("Enabled"), where=key_of, weakens=None),
    Hole("the stack's key is no longer rotated", "hardened", ["kms DisableKeyRotation KeyId"], KEY,
         lambda s: s.kms.disable_key_rotation(KeyId=key_of(s)),
         lambda s: s.kms.get_key_rotation_status(KeyId=key_of(s))["KeyRotationEnabled"], where=key_of),
    Hole("the stack's key is about to be deleted", "hardened", ["kms ScheduleKeyDeletion KeyId|PendingWindowInDays"], KEY,
         lambda s: s.kms.schedule_key_deletion(KeyId=key_of(s), PendingWindowInDays=7), metadata("KeyState"), where=key_of,
         weakens=None),
    Hole("anyone may read the dead-letter queue", "hardened", ["sqs SetQueueAttributes Attributes{}"], QUEUE,
         set_queue("Policy", policy({"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"})),
         queue_attribute("Policy"), where=queue),
    Hole("another account may read the dead-letter queue", "hardened", ["sqs AddPermission Label|AWSAccountIds[]|Actions[]"],
         QUEUE, lambda s: s.sqs.add_permission(QueueUrl=queue(s), Label="stranger", AWSAccountIds=[STRANGER],
                                               Actions=["ReceiveMessage"]), queue_attribute("Policy"), where=queue),
    Hole("the dead-letter queue is no longer encrypted", "hardened", ["sqs SetQueueAttributes Attributes{}"], QUEUE,
         set_queue("KmsMasterKeyId", ""), queue_attribute("KmsMasterKeyId"), where=lambda s: queue(s) and
         queue_attribute("KmsMasterKeyId")(s)),
    Hole("the dead-letter queue's messages go to a foreign queue", "hardened", ["sqs SetQueueAttributes Attributes{}"], QUEUE,
         set_queue("RedrivePolicy", lambda s: json.dumps({"deadLetterTargetArn": s.foreign_queue(), "maxReceiveCount": 1})),
         queue_attribute("RedrivePolicy"), where=queue),
    Hole("an alarm notifies nobody", "hardened", ["cloudwatch DisableAlarmActions AlarmNames[]"], ALARM,
         lambda s: s.alarms.disable_alarm_actions(AlarmNames=[alarm(s)["AlarmName"]]),
         lambda s: alarm(s)["ActionsEnabled"], where=alarm),
    Hole("an alarm is gone", "hardened", ["cloudwatch DeleteAlarms AlarmNames[]"], ALARM,
         lambda s: s.alarms.delete_alarms(AlarmNames=[alarm(s)["AlarmName"]]),
         lambda s: len(s.alarms.describe_alarms(AlarmNamePrefix=s.out["stack"] + "-")["MetricAlarms"]), where=alarm),
    Hole("an alarm never fires", "hardened",
         ["cloudwatch PutMetricAlarm Threshold|AlarmActions[]|ActionsEnabled|ComparisonOperator|TreatMissingData"], ALARM,
         lambda s: s.alarms.put_metric_alarm(**{
             key: value for key, value in {**alarm(s), "Threshold": 1e9}.items()
             if key in s.alarms.meta.service_model.operation_model("PutMetricAlarm").input_shape.members}),
         lambda s: alarm(s)["Threshold"], where=alarm),
]
