import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, UpdateCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.TABLE;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

/** Counts messages for each application. */
export async function handler(event: { Records: { dynamodb: { Keys: { appId: { S: string } } } }[] }) {
  for (const { dynamodb } of event.Records) {
    const Key = { owner: dynamodb.Keys.appId.S, sk: "total" };
    const counted = { UpdateExpression: "ADD messages :one", ExpressionAttributeValues: { ":one": 1 } };
    await table.send(new UpdateCommand({ TableName, Key, ...counted }));
  }
}
