"""Records each order and publishes a message about it."""

import json
import os

import boto3

SECRETS = boto3.client("secretsmanager")
SNS = boto3.client("sns")
TABLE = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    secret = SECRETS.get_secret_value(SecretId=os.environ["SECRET_ID"])["SecretString"]
    for record in event["Records"]:
        TABLE.put_item(Item={"id": f"order-{record['messageId']}", "category": "orders"})
        SNS.publish(TopicArn=json.loads(secret)["TOPIC_ARN"], Message=record["messageId"])
