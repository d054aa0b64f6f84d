import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { DynamoDBDocumentClient, ScanCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.TABLE;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const lambda = new LambdaClient({});

/** Starts one pull for each application. */
export async function handler() {
  const { Items = [] } = await table.send(new ScanCommand({ TableName, Limit: 20 }));
  for (const { sk } of Items) {
    const Payload = JSON.stringify({ appId: sk });
    await lambda.send(new InvokeCommand({ FunctionName: process.env.PULL_FUNCTION, InvocationType: "Event", Payload }));
  }
}
