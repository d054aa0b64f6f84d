"""Writes the e-mails with codes: they call people by the names that they chose."""

import html
import os


def handler(event, context):
    attributes = event["request"]["userAttributes"]
    # What the user wrote must not become a part of the page.
    name = html.escape((attributes.get("custom:socialName") or attributes.get("name") or "").split(" ")[0])
    code = event["request"]["codeParameter"]
    if event["triggerSource"] in ("CustomMessage_SignUp", "CustomMessage_ResendCode"):
        subject, text = "Confirm your registration", f"Hello {name}, your code is {code}."
    elif event["triggerSource"] == "CustomMessage_ForgotPassword":
        page = os.environ["FRONT_ENDPOINT"]
        subject, text = "Choose a new password", f"Hello {name}, enter the code {code} at {page}/new-password."
    else:
        return event
    event["response"].update(emailSubject=subject, emailMessage=text)
    return event
