"""Takes orders, and shows what became of them."""

import json
import os
import uuid

import boto3

QUEUE = boto3.client("sqs")
TABLE = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    shop = event["requestContext"]["authorizer"]["claims"]["sub"]
    if event["httpMethod"] == "POST":
        return take(json.loads(event["body"]), shop)
    return show(event["pathParameters"]["orderId"], shop)


def take(order, shop):
    order = {"orderId": str(uuid.uuid4()), "shop": shop, "article": order["article"], "amount": order["amount"]}
    QUEUE.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(order))
    return answer(202, {"orderId": order["orderId"]})


def show(order_id, shop):
    order = TABLE.get_item(Key={"orderId": order_id}).get("Item")
    if order is None or order["shop"] != shop:
        return answer(404, {"message": "No such order, or it is not handled yet"})
    return answer(200, {"orderId": order_id, "article": order["article"], "amount": int(order["amount"])})


def answer(status, body):
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
