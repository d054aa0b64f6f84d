"""Records the events of other services about an order."""

import os

import boto3

TABLE = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def handler(event, context):
    for order in event.get("resources", []):
        TABLE.update_item(
            Key={"orderId": order},
            UpdateExpression="SET #s = :s",
            ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues={":s": event["detail-type"]},
        )
