"""Reads the users of the pool."""

import json
import os

import boto3

COGNITO = boto3.client("cognito-idp")


def handler(event, context):
    method = method_of(event)
    if method != "GET":
        return answer(200, {"asked": event["path"]})
    if event["path"].endswith("/list-professors"):
        found = COGNITO.list_users(UserPoolId=os.environ["USER_POOL_ID"], Limit=5)
        return answer(200, {"users": len(found["Users"])})
    return answer(200, {"client": os.environ["CLIENT_ID"], "stage": os.environ["STAGE"]})


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
