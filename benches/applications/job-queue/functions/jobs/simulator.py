"""Writes the result of a job."""

import json
import os

import boto3


def handler(event, context):
    boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key=event["job"], Body=json.dumps({"done": True}))
