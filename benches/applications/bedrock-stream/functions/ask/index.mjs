import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime";

const bedrock = new BedrockRuntimeClient({});

/** Asks the model; a GET answers at once. */
export async function handler(event) {
  const method = methodOf(event);
  if (method !== "GET") {
    const messages = [{ role: "user", content: [{ text: event.body ?? "Hello" }] }];
    const { output } = await bedrock.send(new ConverseCommand({ modelId: process.env.BEDROCK_MODEL, messages }));
    return answer(200, { answer: output.message.content[0].text });
  }
  return answer(200, { model: process.env.BEDROCK_MODEL });
}

function methodOf(event) {
  return event.httpMethod ?? event.requestContext.http.method;
}

function answer(statusCode, body) {
  const headers = { "content-type": "application/json" };
  if (process.env.CORS_ORIGINS) {
    headers["access-control-allow-origin"] = process.env.CORS_ORIGINS.split(",")[0];
  }
  return { statusCode, headers, body: JSON.stringify(body) };
}
