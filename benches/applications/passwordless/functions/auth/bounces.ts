import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, PutCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.TABLE;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

/** Notes each bounce that the topic tells of. */
export async function handler(event: { Records: { Sns: { MessageId: string; Timestamp: string } }[] }) {
  for (const { Sns } of event.Records) {
    await table.send(new PutCommand({ TableName, Item: { pk: `BOUNCE#${Sns.MessageId}`, sk: `TS#${Sns.Timestamp}` } }));
  }
}
