"""Prints the names of all resources at a moto endpoint, by kind, as one JSON object.

The second argument has the lists: kind, service, operation, arguments, the field that contains the resources, and the field
of a resource that contains its name. Lists that moto lacks are left out, with a message on standard error.
"""

import json
import sys

import botocore
import botocore.session
from botocore.config import Config

session = botocore.session.get_session()


def call(service, operation, **arguments):
    client = session.create_client(
        service, region_name="eu-central-1", endpoint_url=sys.argv[1], aws_access_key_id="test",
        aws_secret_access_key="test", config=Config(retries={"max_attempts": 0}))
    return getattr(client, botocore.xform_name(operation))(**arguments)


found = {}
for kind, service, operation, arguments, items, name in json.loads(sys.argv[2]):
    try:
        answer = call(service, operation, **arguments)
    except Exception as error:
        print(f"moto cannot list {kind}: {error}", file=sys.stderr)
        continue
    # Queues are listed by their URLs alone.
    found[kind] = sorted(item if isinstance(item, str) else item[name]
                         for item in answer.get(items, []) if "DeletedDate" not in item)
print(json.dumps(found))
