"""Says which pools it would ask."""

import os


def handler(event, context):
    return {"pools": os.environ["IPAM_POOL_IDS"].split(",")}
