import { randomUUID } from "node:crypto";

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DeleteCommand, DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.TABLE;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

/** A user's notes. The key of every read and write begins with the user's id, so nobody reaches another's notes. */
export async function handler(event) {
  const userId = event.requestContext.authorizer.claims.sub;
  const noteId = event.pathParameters?.noteId;
  switch (event.httpMethod) {
    case "GET":
      return noteId ? one(event, userId, noteId) : all(event, userId);
    case "POST":
      return add(event, userId);
    case "DELETE":
      await table.send(new DeleteCommand({ TableName, Key: { userId, noteId } }));
      return answer(event, 204);
    default:
      return answer(event, 405, { message: "Method not allowed" });
  }
}

async function all(event, userId) {
  const found = await table.send(
    new QueryCommand({
      TableName,
      KeyConditionExpression: "userId = :user",
      ExpressionAttributeValues: { ":user": userId },
    }),
  );
  return answer(event, 200, found.Items.map(shown));
}

async function one(event, userId, noteId) {
  const { Item } = await table.send(new GetCommand({ TableName, Key: { userId, noteId } }));
  return Item ? answer(event, 200, shown(Item)) : answer(event, 404, { message: "No such note" });
}

async function add(event, userId) {
  // API Gateway has checked the body by schemas/note.json.
  const note = { noteId: randomUUID(), text: JSON.parse(event.body).text };
  await table.send(new PutCommand({ TableName, Item: { userId, ...note } }));
  return answer(event, 201, note);
}

function shown({ noteId, text }) {
  return { noteId, text };
}

/** An answer that the page on an allowed origin may read. */
function answer(event, statusCode, body) {
  const origin = event.headers?.origin ?? event.headers?.Origin;
  const allowed = (process.env.CORS_ORIGINS ?? "").split(",").includes(origin);
  return {
    statusCode,
    headers: {
      "content-type": "application/json",
      vary: "origin",
      ...(allowed ? { "access-control-allow-origin": origin } : {}),
    },
    body: body === undefined ? "" : JSON.stringify(body),
  };
}
