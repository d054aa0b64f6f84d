"""Puts a job into the queue."""

import json
import os

import boto3

SQS = boto3.client("sqs")


def handler(event, context):
    method = method_of(event)
    if method != "GET":
        sent = SQS.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=event.get("body") or "{}")
        return answer(200, {"job": sent["MessageId"]})
    return answer(200, {"ok": True})


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
