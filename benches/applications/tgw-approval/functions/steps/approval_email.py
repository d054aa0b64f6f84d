"""Sends two links."""

import json
import os

import boto3

SECRETS = boto3.client("secretsmanager")
SNS = boto3.client("sns")


def handler(event, context):
    secret = SECRETS.get_secret_value(SecretId=os.environ["SECRET_ID"])["SecretString"]
    links = [f"{os.environ['API']}/execution?action={a}&taskToken={event.get('token', '')}" for a in ("approve", "reject")]
    SNS.publish(TopicArn=json.loads(secret)["TOPIC_ARN"], Message="\n".join(links))
