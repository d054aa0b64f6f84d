import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";

const sqs = new SQSClient({});

/** Sends a message for each new item. */
export async function handler(event) {
  for (const { eventName, dynamodb } of event.Records) {
    if (eventName === "INSERT") {
      const MessageBody = JSON.stringify({ id: dynamodb.Keys.id.S });
      await sqs.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL, MessageBody }));
    }
  }
}
