import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, ScanCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.TABLE_NAME;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

/** Counts the connections that a message would go to. */
export async function handler() {
  const { Count } = await table.send(new ScanCommand({ TableName, Select: "COUNT" }));
  return { statusCode: 200, body: JSON.stringify({ receivers: Count }) };
}
