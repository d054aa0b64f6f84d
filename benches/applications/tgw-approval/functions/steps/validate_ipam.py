"""Returns the ids of the IPAM pools."""

import os


def handler(event, context):
    return {"pools": os.environ["IPAM_POOL_IDS"].split(",")}
