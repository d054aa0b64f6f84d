"""Handles orders from the queue. An order that cannot be handled stays in the queue and is tried again."""

import json
import os

import boto3

TABLE = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    for record in event["Records"]:
        order = json.loads(record["body"])
        if order["article"] == "unknown":
            raise ValueError(f"no article is called {order['article']}")
        TABLE.put_item(Item=order)
