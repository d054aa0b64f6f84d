import { ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";

const s3 = new S3Client({});

/** Lists the caller's files; any change puts a small object. */
export async function handler(event) {
  const method = methodOf(event);
  if (method !== "GET") {
    const Key = `users/${caller(event)}/changed`;
    await s3.send(new PutObjectCommand({ Bucket: process.env.S3_BUCKET_NAME, Key, Body: event.body ?? "" }));
    return answer(200, { Key });
  }
  if (!event.path.endsWith("/list")) {
    return answer(200, { bucket: process.env.S3_BUCKET_NAME, front: process.env.CLOUDFRONT_URL });
  }
  const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: process.env.S3_BUCKET_NAME, Prefix: `users/${caller(event)}/`, MaxKeys: 20 }));
  return answer(200, { files: (Contents ?? []).map(({ Key }) => Key) });
}

function methodOf(event) {
  return event.httpMethod ?? event.requestContext.http.method;
}

function caller(event) {
  const found = event.requestContext.authorizer ?? {};
  const claims = found.claims ?? found.jwt?.claims ?? {};
  return claims.sub ?? found.principalId ?? "anyone";
}

function answer(statusCode, body) {
  const headers = { "content-type": "application/json" };
  if (process.env.CORS_ORIGINS) {
    headers["access-control-allow-origin"] = process.env.CORS_ORIGINS.split(",")[0];
  }
  return { statusCode, headers, body: JSON.stringify(body) };
}
