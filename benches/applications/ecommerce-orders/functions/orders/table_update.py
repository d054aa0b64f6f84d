"""Publishes every changed order to the event bus."""

import json
import os

import boto3

EVENTS = boto3.client("events")


def handler(event, context):
    entries = [
        {"Source": "ecommerce.orders", "DetailType": "OrderModified", "EventBusName": os.environ["EVENT_BUS_NAME"], "Detail": json.dumps(record["dynamodb"]["Keys"])}
        for record in event["Records"]
    ]
    for start in range(0, len(entries), 10):
        EVENTS.put_events(Entries=entries[start : start + 10])
