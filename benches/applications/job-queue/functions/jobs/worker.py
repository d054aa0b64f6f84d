"""Records each job and starts it."""

import json
import os

import boto3

LAMBDA = boto3.client("lambda")
TABLE = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    for record in event["Records"]:
        TABLE.put_item(Item={"jobRequestId": record["messageId"], "eventSource": record["eventSource"], "status": "SUBMITTED"})
        LAMBDA.invoke(FunctionName=os.environ["SIMULATOR"], InvocationType="Event", Payload=json.dumps({"job": record["messageId"]}))
