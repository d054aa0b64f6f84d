import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { BatchGetCommand, DynamoDBDocumentClient, QueryCommand } from "@aws-sdk/lib-dynamodb";

const { INSTITUTES = "", INSTITUTE_USERS } = process.env;
const tables = DynamoDBDocumentClient.from(new DynamoDBClient({}));

/** The parts of Cognito's event that are used here. */
interface Issued {
  request: { userAttributes: Record<string, string> };
  response: { claimsOverrideDetails?: unknown };
}

/** Adds a claim to ID tokens: the user's role in each institute. */
export async function handler(event: Issued) {
  const { Items = [] } = await tables.send(
    new QueryCommand({
      TableName: INSTITUTE_USERS,
      Limit: 50,
      KeyConditionExpression: "id = :id",
      ExpressionAttributeValues: { ":id": event.request.userAttributes.sub },
    }),
  );
  const roles = new Map(Items.map(({ instituteId, role }) => [instituteId, role]));
  const institutes = roles.size > 0 ? await existing([...roles.keys()]) : [];
  const claim = JSON.stringify(Object.fromEntries(institutes.map((id) => [id, { role: roles.get(id) }])));
  event.response = { claimsOverrideDetails: { claimsToAddOrOverride: { institutes: claim } } };
  return event;
}

/** Those of these institutes that are in the table. */
async function existing(ids: string[]): Promise<string[]> {
  const { Responses } = await tables.send(
    new BatchGetCommand({ RequestItems: { [INSTITUTES]: { Keys: ids.map((id) => ({ id })) } } }),
  );
  return (Responses?.[INSTITUTES] ?? []).map(({ id }) => id);
}
