"""Answers with an upload address."""

import json
import os

import boto3

S3 = boto3.client("s3")


def handler(event, context):
    method = method_of(event)
    if method != "GET":
        key = "products/" + event["pathParameters"]["id"]
        return answer(200, {"url": S3.generate_presigned_url("put_object", Params={"Bucket": os.environ["BUCKET"], "Key": key})})
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
