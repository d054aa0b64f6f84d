import { createHash, randomInt, randomUUID } from "node:crypto";

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SESv2Client, SendEmailCommand } from "@aws-sdk/client-sesv2";
import { DynamoDBDocumentClient, PutCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.TABLE;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const ses = new SESv2Client({});

/** The parts of Cognito's event that are used here. */
interface Wanted {
  request: { userNotFound?: boolean; userAttributes?: Record<string, string> };
  response: { publicChallengeParameters?: Record<string, string>; privateChallengeParameters?: Record<string, string> };
}

/** Sends a code by e-mail and notes its hash for ten minutes. A user whom the pool does not know gets no code. */
export async function handler(event: Wanted) {
  const [id, code] = [randomUUID(), String(randomInt(1_000_000)).padStart(6, "0")];
  const address = event.request.userAttributes?.email;
  if (address && !event.request.userNotFound) {
    const ttl = Math.floor(Date.now() / 1000) + 600;
    const codeHash = createHash("sha256").update(id + code).digest("hex");
    await table.send(new PutCommand({ TableName, Item: { id, codeHash, ttl } }));
    const Content = { Simple: { Subject: { Data: "Your code" }, Body: { Text: { Data: `Your code is ${code}.` } } } };
    const Destination = { ToAddresses: [address] };
    await ses.send(new SendEmailCommand({ FromEmailAddress: process.env.SES_IDENTITY, Destination, Content }));
  }
  event.response = { publicChallengeParameters: { channel: "email" }, privateChallengeParameters: { id } };
  return event;
}
