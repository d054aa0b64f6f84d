import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, PutCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.TABLE;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

/** Marks messages as sent. */
export async function handler(event: { Records: { body: string }[] }) {
  for (const { body } of event.Records) {
    await table.send(new PutCommand({ TableName, Item: { ...JSON.parse(body), status: "SENT" } }));
  }
}
