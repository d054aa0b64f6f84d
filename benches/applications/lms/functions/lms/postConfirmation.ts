import { randomUUID } from "node:crypto";

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, TransactWriteCommand } from "@aws-sdk/lib-dynamodb";

const { INSTITUTES, INSTITUTE_USERS, USERS } = process.env;
const tables = DynamoDBDocumentClient.from(new DynamoDBClient({}));

/** The parts of Cognito's event that are read here. */
interface Confirmed {
  triggerSource: string;
  request: { userAttributes: Record<string, string> };
}

/** Makes an institute for a user who has signed up, and makes the user its owner. */
export async function handler(event: Confirmed) {
  // The other events are about forgotten passwords.
  if (event.triggerSource !== "PostConfirmation_ConfirmSignUp") return event;
  const { sub: id, email, name = email, "custom:institute_name": instituteName = name } = event.request.userAttributes;
  const [instituteId, createdAt] = [randomUUID(), Date.now()];
  const put = (TableName: string | undefined, Item: Record<string, unknown>) => ({ Put: { TableName, Item } });
  await tables.send(
    new TransactWriteCommand({
      TransactItems: [
        put(INSTITUTES, { id: instituteId, name: instituteName, createdAt }),
        put(INSTITUTE_USERS, { id, instituteId, role: "owner", email, name, createdAt }),
        put(USERS, { id, email, name, createdAt }),
      ],
    }),
  );
  return event;
}
