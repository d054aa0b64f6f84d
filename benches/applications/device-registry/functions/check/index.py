"""Admits callers that send the key of the secret."""

import hmac
import json
import os

import boto3

SECRETS = boto3.client("secretsmanager")


def handler(event, context):
    given = (event.get("headers") or {}).get("x-api-key", "")
    secret = SECRETS.get_secret_value(SecretId=os.environ["SECRET_ID"])["SecretString"]
    return {"isAuthorized": hmac.compare_digest(given, json.loads(secret)["KEY"])}
