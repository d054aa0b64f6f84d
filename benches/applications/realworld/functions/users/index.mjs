import { randomUUID } from "node:crypto";

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DeleteCommand, DynamoDBDocumentClient, GetCommand, PutCommand, ScanCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.TABLE;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

/** Users. */
export async function handler(event) {
  const method = methodOf(event);
  if (method === "DELETE") {
    await table.send(new DeleteCommand({ TableName, Key: keyOf(event) }));
    return answer(200, { deleted: true });
  }
  if (method !== "GET") {
    const Key = keyOf(event);
    await table.send(new PutCommand({ TableName, Item: { ...Key, changedAt: Date.now(), body: event.body ?? "" } }));
    const { Item } = await table.send(new GetCommand({ TableName, Key, ConsistentRead: true }));
    return answer(200, { item: Item });
  }
  if (event.pathParameters?.username) {
    const { Item } = await table.send(new GetCommand({ TableName, Key: keyOf(event) }));
    return answer(200, { item: Item ?? null });
  }
  const { Items } = await table.send(new ScanCommand({ TableName, Limit: 20 }));
  return answer(200, { items: Items ?? [] });
}

function keyOf(event) {
  return { username: event.pathParameters?.username ?? randomUUID() };
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
