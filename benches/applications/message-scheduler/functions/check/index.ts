import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, GetCommand } from "@aws-sdk/lib-dynamodb";

const TableName = process.env.API_KEY_TABLE;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

interface Asked {
  methodArn: string;
  headers?: Record<string, string>;
}

/** Admits callers whose key is in the table: "Authorization: OWNER KEY". */
export async function handler({ methodArn, headers }: Asked) {
  // DynamoDB refuses empty keys.
  const [owner, sk] = (headers?.Authorization || headers?.authorization || "none none").split(" ");
  if (!owner || !sk) throw new Error("Unauthorized");
  const { Item } = await table.send(new GetCommand({ TableName, Key: { owner, sk } }));
  const Effect = Item ? "Allow" : "Deny";
  return {
    principalId: owner,
    policyDocument: { Version: "2012-10-17", Statement: [{ Action: "execute-api:Invoke", Effect, Resource: methodArn }] },
  };
}
