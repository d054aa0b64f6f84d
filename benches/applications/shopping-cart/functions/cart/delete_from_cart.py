"""Removes the products that the messages name."""

import json
import os

import boto3

TABLE = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def handler(event, context):
    for record in event["Records"]:
        TABLE.delete_item(Key=json.loads(record["body"]))
