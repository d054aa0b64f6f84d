"""Prints the names of all resources at a moto endpoint, by kind, as one JSON object. Covers the kinds that a stack contains.

Kinds that moto cannot list are left out, with a message on standard error.
"""

import json
import sys

import botocore.session
from botocore.config import Config

session = botocore.session.get_session()


def call(service, operation, **arguments):
    client = session.create_client(
        service, region_name="eu-central-1", endpoint_url=sys.argv[1], aws_access_key_id="test",
        aws_secret_access_key="test", config=Config(retries={"max_attempts": 0}))
    return getattr(client, operation)(**arguments)


LISTS = [
    ("topic", "sns", "list_topics", {}, "Topics", "TopicArn"),
    ("subscription", "sns", "list_subscriptions", {}, "Subscriptions", "SubscriptionArn"),
    ("secret", "secretsmanager", "list_secrets", {}, "SecretList", "Name"),
    ("log group", "logs", "describe_log_groups", {}, "logGroups", "logGroupName"),
    ("role", "iam", "list_roles", {}, "Roles", "RoleName"),
    ("function", "lambda", "list_functions", {}, "Functions", "FunctionName"),
    ("ip set", "wafv2", "list_ip_sets", {"Scope": "REGIONAL"}, "IPSets", "Name"),
    ("web acl", "wafv2", "list_web_acls", {"Scope": "REGIONAL"}, "WebACLs", "Name"),
    ("user pool", "cognito-idp", "list_user_pools", {"MaxResults": 60}, "UserPools", "Name"),
    ("identity pool", "cognito-identity", "list_identity_pools", {"MaxResults": 60}, "IdentityPools",
     "IdentityPoolName"),
    ("rest api", "apigateway", "get_rest_apis", {}, "items", "name"),
    ("http api", "apigatewayv2", "get_apis", {}, "Items", "Name"),
]

found = {}
for kind, service, operation, arguments, items, name in LISTS:
    try:
        answer = call(service, operation, **arguments)
    except Exception as error:
        print(f"moto cannot list {kind}: {error}", file=sys.stderr)
        continue
    found[kind] = sorted(item[name] for item in answer.get(items, []) if "DeletedDate" not in item)
print(json.dumps(found))
