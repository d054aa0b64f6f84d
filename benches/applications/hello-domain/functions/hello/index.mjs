/** Greets. */
export async function handler(event) {
  return answer(200, { hello: caller(event) });
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
