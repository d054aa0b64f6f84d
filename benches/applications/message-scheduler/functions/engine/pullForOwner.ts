import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { DynamoDBDocumentClient, QueryCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.TABLE;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const sqs = new SQSClient({});

/** Sends what is due to the queue. */
export async function handler({ appId }: { appId: string }) {
  const { Items = [] } = await table.send(
    new QueryCommand({
      TableName,
      IndexName: "appStatusIndex",
      KeyConditionExpression: "gsi1pk = :due",
      ExpressionAttributeValues: { ":due": `${appId}#due` },
    }),
  );
  for (const item of Items) {
    await sqs.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL, MessageBody: JSON.stringify(item) }));
  }
}
