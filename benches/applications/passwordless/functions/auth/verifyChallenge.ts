import { createHash, timingSafeEqual } from "node:crypto";

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DeleteCommand, DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.TABLE;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

/** The parts of Cognito's event that are used here. */
interface Answered {
  request: { challengeAnswer?: string; privateChallengeParameters: Record<string, string> };
  response: { answerCorrect?: boolean };
}

/** Compares the answer with the code that was sent. A code can be tried once. */
export async function handler(event: Answered) {
  const { challengeAnswer = "", privateChallengeParameters } = event.request;
  const { id = "" } = privateChallengeParameters;
  const { Attributes: sent } = await table.send(new DeleteCommand({ TableName, Key: { id }, ReturnValues: "ALL_OLD" }));
  // DynamoDB deletes items some time after they expire.
  const expired = !sent || sent.ttl < Date.now() / 1000;
  const hash = createHash("sha256").update(id + challengeAnswer).digest();
  event.response = { answerCorrect: !expired && timingSafeEqual(hash, Buffer.from(sent.codeHash, "hex")) };
  return event;
}
