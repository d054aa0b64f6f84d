"""Counts changes of products. Its own writes come back in the stream and are skipped."""

import json
import os

import boto3

TABLE = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def handler(event, context):
    for record in event["Records"]:
        key = record["dynamodb"]["Keys"]
        if key["pk"]["S"] == "totals":
            continue
        TABLE.update_item(
            Key={"pk": "totals", "sk": key["sk"]["S"]},
            UpdateExpression="ADD changes :one",
            ExpressionAttributeValues={":one": 1},
        )
