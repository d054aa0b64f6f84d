// Answers every call.
export const handler = async () => ({ statusCode: 200, body: JSON.stringify({ answer: "ok" }) });
