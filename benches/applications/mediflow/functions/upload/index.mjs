import { randomUUID } from "node:crypto";

import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const s3 = new S3Client({});

/** Answers with an upload address. */
export async function handler(event) {
  const Key = `uploads/${randomUUID()}`;
  return answer(200, { Key, url: await getSignedUrl(s3, new PutObjectCommand({ Bucket: process.env.BUCKET, Key }), { expiresIn: 300 }) });
}

function answer(statusCode, body) {
  const headers = { "content-type": "application/json" };
  if (process.env.CORS_ORIGINS) {
    headers["access-control-allow-origin"] = process.env.CORS_ORIGINS.split(",")[0];
  }
  return { statusCode, headers, body: JSON.stringify(body) };
}
