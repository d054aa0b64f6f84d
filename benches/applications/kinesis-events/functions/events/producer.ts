import { KinesisClient, PutRecordCommand } from "@aws-sdk/client-kinesis";

const kinesis = new KinesisClient({});

/** Puts the body into the stream. */
export async function handler(event: { body?: string | null }) {
  const Data = new TextEncoder().encode(event.body ?? "{}");
  const put = new PutRecordCommand({ StreamName: process.env.STREAM, PartitionKey: "1", Data });
  const { SequenceNumber } = await kinesis.send(put);
  return { statusCode: 200, body: JSON.stringify({ SequenceNumber }) };
}
