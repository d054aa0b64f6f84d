"""Holes in tables: in the access to them, in copies of their data, and in its protection."""

import json

from ..hole import Hole
from ..stack import REGION, STRANGER, policy

NAME = {"TableName": "tables-notes"}


def table(s):
    return s.dynamodb.describe_table(**NAME)["Table"]


def update(**change):
    return lambda s: s.dynamodb.update_table(**NAME, **{
        name: value(s) if callable(value) else value for name, value in change.items()})


def resource_policy(s):
    try:
        return json.loads(s.dynamodb.get_resource_policy(ResourceArn=table(s)["TableArn"])["Policy"])
    except s.dynamodb.exceptions.ClientError:
        return None


def open_table(s):
    statement = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"}, "Action": "dynamodb:Scan",
                 "Resource": table(s)["TableArn"]}
    s.dynamodb.put_resource_policy(ResourceArn=table(s)["TableArn"], Policy=policy(statement))


def recovery(s):
    backups = s.dynamodb.describe_continuous_backups(**NAME)["ContinuousBackupsDescription"]
    return backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]


def ttl(s):
    """The attribute, if items expire. The emulator keeps it after expiry is turned off, AWS does not."""
    found = s.dynamodb.describe_time_to_live(**NAME)["TimeToLiveDescription"]
    return found.get("AttributeName") if found["TimeToLiveStatus"] in ("ENABLED", "ENABLING") else None


def encryption(s):
    """The KMS key, if encryption with KMS is on. The emulator also describes encryption that is off, AWS does not."""
    found = table(s).get("SSEDescription", {})
    return found.get("KMSMasterKeyArn") if found.get("Status") in ("ENABLED", "ENABLING", "UPDATING") else None


def destinations(s):
    found = s.dynamodb.describe_kinesis_streaming_destination(**NAME)["KinesisDataStreamDestinations"]
    return [one["StreamArn"] for one in found if one["DestinationStatus"] not in ("DISABLED", "DISABLING")]


TABLE = ["table.notes"]
HOLES = [
    Hole("another account may read the table", "tables", ["dynamodb PutResourcePolicy Policy"], TABLE, open_table,
         resource_policy),
    Hole("nothing keeps the table from being deleted", "tables", ["dynamodb UpdateTable DeletionProtectionEnabled"], TABLE,
         update(DeletionProtectionEnabled=False), lambda s: table(s).get("DeletionProtectionEnabled")),
    Hole("the table cannot be restored", "tables",
         ["dynamodb UpdateContinuousBackups PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled"], TABLE,
         lambda s: s.dynamodb.update_continuous_backups(
             **NAME, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}), recovery),
    Hole("a stranger's key encrypts the table", "tables",
         ["dynamodb UpdateTable SSESpecification.Enabled|SSESpecification.SSEType|SSESpecification.KMSMasterKeyId"], TABLE,
         update(SSESpecification=lambda s: {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": s.foreign_key()}),
         encryption),
    Hole("items are deleted when a time that others set has passed", "tables",
         ["dynamodb UpdateTimeToLive TimeToLiveSpecification.Enabled|TimeToLiveSpecification.AttributeName"], TABLE,
         lambda s: s.dynamodb.update_time_to_live(
             **NAME, TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"}), ttl, weakens=False),
    Hole("the stream says less of a change", "tables",
         ["dynamodb UpdateTable StreamSpecification.StreamEnabled|StreamSpecification.StreamViewType"], TABLE,
         update(StreamSpecification={"StreamEnabled": False}), lambda s: table(s).get("StreamSpecification"),
         weakens=False),
    Hole("a copy of the table is in another region", "tables", ["dynamodb UpdateTable ReplicaUpdates[].Create.RegionName"],
         TABLE, update(ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}]), lambda s: table(s).get("Replicas"),
         emulator="the emulator keeps no copies of a table"),
    Hole("a foreign stream receives every change", "tables", ["dynamodb EnableKinesisStreamingDestination StreamArn"], TABLE,
         lambda s: s.dynamodb.enable_kinesis_streaming_destination(
             **NAME, StreamArn=f"arn:aws:kinesis:{REGION}:{STRANGER}:stream/changes"), destinations),
]
