import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, PutCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.TABLE;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

/** Writes three samples. */
export async function handler() {
  for (const id of ["first", "second", "third"]) {
    await table.send(new PutCommand({ TableName, Item: { id, body: `The ${id} message` } }));
  }
}
