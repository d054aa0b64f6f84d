"""Pretends to accept an attachment."""


def handler(event, context):
    return {"accepted": event.get("attachment")}
