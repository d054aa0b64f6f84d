import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, PutCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.TABLE;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

/** Notes each new object. */
export async function handler(event) {
  for (const { s3 } of event.Records) {
    await table.send(new PutCommand({ TableName, Item: { id: s3.object.key, size: s3.object.size ?? 0 } }));
  }
}
