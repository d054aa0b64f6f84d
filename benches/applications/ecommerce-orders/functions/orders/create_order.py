"""Takes an order that another service sends by invoking this function."""

import os
import time
import uuid

import boto3

TABLE = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def handler(event, context):
    order = {"orderId": uuid.uuid4().hex, "userId": event.get("userId", "someone"), "createdDate": time.strftime("%FT%TZ", time.gmtime()), "status": "NEW"}
    TABLE.put_item(Item=order)
    return {"success": True, "order": TABLE.get_item(Key={"orderId": order["orderId"]}, ConsistentRead=True)["Item"]}
