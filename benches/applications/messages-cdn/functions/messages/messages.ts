import { randomUUID } from "node:crypto";

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";
import { DeleteCommand, DynamoDBDocumentClient, GetCommand, PutCommand, ScanCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.TABLE;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const topics = new SNSClient({});

/** Messages. */
export async function handler(event: Request) {
  const method = methodOf(event);
  if (method === "DELETE") {
    await table.send(new DeleteCommand({ TableName, Key: keyOf(event) }));
    await topics.send(new PublishCommand({ TopicArn: process.env.TOPIC_ARN, Message: "deleted" }));
    return answer(200, { deleted: true });
  }
  if (method !== "GET") {
    const Key = keyOf(event);
    await table.send(new PutCommand({ TableName, Item: { ...Key, changedAt: Date.now(), body: event.body ?? "" } }));
    const { Item } = await table.send(new GetCommand({ TableName, Key, ConsistentRead: true }));
    return answer(200, { item: Item });
  }
  if (event.pathParameters?.id) {
    const { Item } = await table.send(new GetCommand({ TableName, Key: keyOf(event) }));
    return answer(200, { item: Item ?? null });
  }
  const { Items } = await table.send(new ScanCommand({ TableName, Limit: 20 }));
  return answer(200, { items: Items ?? [] });
}

function keyOf(event: Request) {
  return { id: event.pathParameters?.id ?? randomUUID() };
}

/** The parts of API Gateway's event (payload formats 1.0 and 2.0) that are read here. */
export interface Request {
  httpMethod?: string;
  requestContext: { http?: { method: string }; authorizer?: Record<string, any> };
  pathParameters?: Record<string, string> | null;
  queryStringParameters?: Record<string, string> | null;
  body?: string | null;
}

function methodOf(event: Request): string {
  return event.httpMethod ?? event.requestContext.http?.method ?? "GET";
}

function answer(statusCode: number, body: unknown) {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (process.env.CORS_ORIGINS) {
    headers["access-control-allow-origin"] = process.env.CORS_ORIGINS.split(",")[0]!;
  }
  return { statusCode, headers, body: JSON.stringify(body) };
}
