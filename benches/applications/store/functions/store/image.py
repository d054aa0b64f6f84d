"""Records each new image."""

import os

import boto3

TABLE = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    for record in event["Records"]:
        TABLE.put_item(Item={"id": record["s3"]["object"]["key"], "category": "images"})
