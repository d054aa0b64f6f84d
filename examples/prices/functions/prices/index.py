"""Adds up the price of a basket."""

import json
from decimal import Decimal

from pydantic import BaseModel, Field, ValidationError


class Line(BaseModel):
    article: str = Field(min_length=1, max_length=100)
    amount: int = Field(ge=1, le=1000)
    unit_price: Decimal = Field(ge=0, decimal_places=2)


class Basket(BaseModel):
    lines: list[Line] = Field(min_length=1, max_length=100)


def handler(event, context):
    try:
        basket = Basket.model_validate_json(event["body"] or "")
    except ValidationError as error:
        return answer(400, {"errors": error.errors(include_url=False, include_input=False, include_context=False)})
    total = sum(line.amount * line.unit_price for line in basket.lines)
    return answer(200, {"total": str(total)})


def answer(status, body):
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
