"""Adds each user to the groups that everybody is in, after the sign-up and after each sign-in."""

import os

import boto3

COGNITO = boto3.client("cognito-idp")


def handler(event, context):
    for group in os.environ["AUTO_JOIN_USER_GROUPS"].split(","):
        COGNITO.admin_add_user_to_group(UserPoolId=event["userPoolId"], Username=event["userName"], GroupName=group)
    return event
