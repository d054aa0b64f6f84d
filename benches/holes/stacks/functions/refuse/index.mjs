// Refuses by itself: 401 to whom it does not know, 403 to whom it knows. That is the function's answer, not the gateway's.
export const handler = async (event) => ({
  statusCode: event.requestContext?.authorizer ? 403 : 401,
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ error: "Admin access required" }),
});
