/** A picture of one pixel. */
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/** Answers with a picture, as base64 that API Gateway decodes. */
export async function handler() {
  const { default: sharp } = await import("sharp");
  const picture = await sharp(Buffer.from(PIXEL, "base64")).png().toBuffer();
  return {
    statusCode: 200,
    isBase64Encoded: true,
    headers: { "content-type": "image/png", "cache-control": "max-age=31536000" },
    body: picture.toString("base64"),
  };
}
