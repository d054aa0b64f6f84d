"""Marks documents as ready without asking a model."""

import json
import os

import boto3

TABLE = boto3.resource("dynamodb").Table(os.environ["DOCUMENT_TABLE"])


def handler(event, context):
    for record in event["Records"]:
        asked = json.loads(record["body"])
        TABLE.put_item(Item={"userid": asked["user"], "documentid": asked["document"], "docstatus": "READY"})
