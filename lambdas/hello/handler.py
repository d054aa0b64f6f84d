"""Greets callers that have a token of the user pool.

The gateway's JWT authorizer has checked the token already. It is checked again here, so that a route that lost its
authorizer, or an invocation that did not come through the gateway, gets nothing.

Answers 200, 401 or 500, and never says more than that: no reason, no part of the token, in an answer or in a log.
"""

import json
import os
import sys
import time

from tokens import Tokens, Unauthorized

HEADERS = {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}


def make_handler(tokens, write):
    """Makes the handler from a checker of tokens and a function that writes log lines."""

    def handler(event, context):
        log = make_log(write, context)
        try:
            claims = tokens.check(bearer(event))
        except Unauthorized as refusal:
            # The reason in this program's own words, and nothing of the request.
            log("WARN", "Refused", reason=str(refusal))
            return answer(401, {"message": "Unauthorized"})
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller learns nothing of it
            log("ERROR", "Failed", error=type(error).__name__)
            return answer(500, {"message": "Internal server error"})
        log("INFO", "Greeted")
        return answer(200, {"message": "Hello, authenticated user!", "user": tokens.user(claims)})

    return handler


def bearer(event):
    """The token in a request of payload format 2.0, whose header names are in lower case; empty if there is none."""
    headers = event.get("headers") if isinstance(event, dict) else None
    value = (headers or {}).get("authorization")
    if not isinstance(value, str):
        return ""
    scheme, _, rest = value.strip().partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else value.strip()


def answer(status, body):
    """An answer of payload format 2.0."""
    return {"statusCode": status, "headers": HEADERS, "body": json.dumps(body)}


def make_log(write, context):
    """Writes lines of JSON with the fields of Lambda's own JSON log format."""

    def log(level, message, **fields):
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
        request = getattr(context, "aws_request_id", None)
        write(json.dumps({"timestamp": stamp, "level": level, "requestId": request, "message": message, **fields}))

    return log


def write_line(line):
    """Writes each line in one call, so that two lines cannot mix."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def from_environment(environment=os.environ):
    """The handler as Lambda runs it."""
    tokens = Tokens(
        region=environment["AWS_REGION"],
        pool=environment["COGNITO_POOL_ID"],
        client=environment["COGNITO_CLIENT_ID"],
        # Emulators set this variable for the functions that they run. The issuer in the token is still AWS's.
        endpoint=environment.get("AWS_ENDPOINT_URL"),
    )
    return make_handler(tokens, write_line)


_handler = None


def handler(event, context):
    """The entry point for Lambda. The pool's keys are kept between invocations."""
    global _handler
    if _handler is None:
        _handler = from_environment()
    return _handler(event, context)
