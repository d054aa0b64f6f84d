import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, GetCommand, PutCommand } from "@aws-sdk/lib-dynamodb";

export interface Link {
  code: string;
  url: string;
  /** In seconds since 1970, when DynamoDB deletes the link. */
  expires: number;
}

const TableName = process.env.TABLE;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

export async function save(link: Link): Promise<void> {
  await table.send(new PutCommand({ TableName, Item: link }));
}

export async function find(code: string): Promise<Link | undefined> {
  const { Item } = await table.send(new GetCommand({ TableName, Key: { code } }));
  return Item as Link | undefined;
}
