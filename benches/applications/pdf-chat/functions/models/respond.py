"""Stores, reads and deletes conversations."""

import json
import os
import time
import uuid

import boto3

TABLE = boto3.resource("dynamodb").Table(os.environ["MEMORY_TABLE"])


def handler(event, context):
    method = method_of(event)
    if method == "DELETE":
        TABLE.delete_item(Key=key_of(event))
        return answer(200, {"deleted": True})
    if method != "GET":
        key = key_of(event)
        TABLE.put_item(Item={**key, "changedAt": int(time.time()), "body": event.get("body") or ""})
        return answer(200, {"item": TABLE.get_item(Key=key, ConsistentRead=True).get("Item")})
    if (event.get("pathParameters") or {}).get("conversationid"):
        return answer(200, {"item": TABLE.get_item(Key=key_of(event)).get("Item")})
    return answer(200, {"items": TABLE.scan(Limit=20)["Items"]})


def method_of(event):
    return event.get("httpMethod") or event["requestContext"]["http"]["method"]


def caller(event):
    found = event["requestContext"].get("authorizer") or {}
    claims = found.get("claims") or (found.get("jwt") or {}).get("claims") or {}
    return claims.get("sub") or found.get("principalId") or "anyone"


def answer(status, body):
    headers = {"content-type": "application/json"}
    if os.environ.get("CORS_ORIGINS"):
        headers["access-control-allow-origin"] = os.environ["CORS_ORIGINS"].split(",")[0]
    return {"statusCode": status, "headers": headers, "body": json.dumps(body, default=str)}


def key_of(event):
    return {"userid": caller(event), "SessionId": (event.get("pathParameters") or {}).get("conversationid") or uuid.uuid4().hex}
