"""Makes a thumbnail of every picture that S3 reports."""

import io
from urllib.parse import unquote_plus

import boto3
from PIL import Image

S3 = boto3.client("s3")
LARGEST_PIXELS = (200, 200)


def handler(event, context):
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        key = unquote_plus(record["s3"]["object"]["key"])
        picture = Image.open(S3.get_object(Bucket=bucket, Key=key)["Body"])
        picture.thumbnail(LARGEST_PIXELS)
        small = io.BytesIO()
        picture.convert("RGB").save(small, "JPEG")
        name = key.removeprefix("originals/")
        S3.put_object(Bucket=bucket, Key=f"thumbnails/{name}", Body=small.getvalue(), ContentType="image/jpeg")
