import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, PutCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.IDEMPOTENCY_TABLE_NAME;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

/** Notes that an item was processed. */
export async function handler(event) {
  for (const { body } of event.Records) {
    await table.send(new PutCommand({ TableName, Item: { idempotencyKey: `processed-${JSON.parse(body).id}` } }));
  }
}
