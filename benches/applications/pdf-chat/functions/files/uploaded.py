"""Records each new document and requests its embeddings."""

import json
import os

import boto3

SQS = boto3.client("sqs")
TABLE = boto3.resource("dynamodb").Table(os.environ["DOCUMENT_TABLE"])


def handler(event, context):
    for record in event["Records"]:
        user, _, name = record["s3"]["object"]["key"].partition("/")
        TABLE.put_item(Item={"userid": user, "documentid": name, "docstatus": "UPLOADED"})
        SQS.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps({"user": user, "document": name}))
