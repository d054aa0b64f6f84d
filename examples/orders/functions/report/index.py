"""Counts the orders and publishes the number."""

import json
import os

import boto3

TABLE = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    secret = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["SECRET_ID"])
    topic = json.loads(secret["SecretString"])["TOPIC_ARN"]
    boto3.client("sns").publish(TopicArn=topic, Message=json.dumps({"orders": count()}))


def count():
    total, start = 0, {}
    while True:
        page = TABLE.scan(Select="COUNT", **start)
        total += page["Count"]
        if "LastEvaluatedKey" not in page:
            return total
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
