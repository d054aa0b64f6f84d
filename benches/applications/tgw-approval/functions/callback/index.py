"""Sends the decision to the state machine. Without a real token, it only answers."""

import json
import os

import boto3

STATES = boto3.client("stepfunctions")


def handler(event, context):
    asked = event.get("queryStringParameters") or {}
    if len(asked.get("taskToken", "")) > 100:
        STATES.send_task_success(taskToken=asked["taskToken"], output=json.dumps({"Status": asked["action"]}))
    return answer(200, {"action": asked.get("action")})


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
