/** Answers at once. */
export async function handler(event) {
  return answer(200, { pong: new Date().toISOString() });
}

function answer(statusCode, body) {
  const headers = { "content-type": "application/json" };
  if (process.env.CORS_ORIGINS) {
    headers["access-control-allow-origin"] = process.env.CORS_ORIGINS.split(",")[0];
  }
  return { statusCode, headers, body: JSON.stringify(body) };
}
