import { randomUUID } from "node:crypto";

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, PutCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.TABLE;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

/** Gives a user who has signed up a first key. */
export async function handler(event: { triggerSource: string; userName: string }) {
  // The other events are about forgotten passwords.
  if (event.triggerSource === "PostConfirmation_ConfirmSignUp") {
    const apiKey = randomUUID();
    await table.send(new PutCommand({ TableName, Item: { owner: event.userName, sk: apiKey, apiKey } }));
  }
  return event;
}
