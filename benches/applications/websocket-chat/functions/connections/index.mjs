import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DeleteCommand, DynamoDBDocumentClient, PutCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.TABLE_NAME;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

/** Keeps the list of open connections. */
export async function handler(event) {
  const { connectionId, eventType } = event.requestContext;
  const Key = { connectionId };
  await table.send(eventType === "DISCONNECT" ? new DeleteCommand({ TableName, Key }) : new PutCommand({ TableName, Item: Key }));
  return { statusCode: 200 };
}
