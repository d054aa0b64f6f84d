"""Refuses users whose e-mail address has none of the allowed domains."""

import os

ALLOWED = os.environ["ALLOWED_SIGN_UP_EMAIL_DOMAINS"].lower().split(",")


def handler(event, context):
    address = event["request"]["userAttributes"].get("email", "")
    if address.rpartition("@")[2].lower() not in ALLOWED:
        raise ValueError("addresses of this domain cannot sign up")
    return event
