import { randomUUID } from "node:crypto";

import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const s3 = new S3Client({});

/** Answers with an address to which one object can be uploaded within five minutes. */
export async function handler(event) {
  const Key = `${randomUUID()}.jpg`;
  const command = new PutObjectCommand({ Bucket: process.env.UPLOAD_BUCKET, Key, ContentType: "image/jpeg" });
  return answer(200, { uploadURL: await getSignedUrl(s3, command, { expiresIn: 300 }), Key });
}

function answer(statusCode, body) {
  const headers = { "content-type": "application/json" };
  if (process.env.CORS_ORIGINS) {
    headers["access-control-allow-origin"] = process.env.CORS_ORIGINS.split(",")[0];
  }
  return { statusCode, headers, body: JSON.stringify(body) };
}
