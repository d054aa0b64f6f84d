/** Writes each record to the log. */
export async function handler(event: { Records: { kinesis: { data: string } }[] }) {
  for (const { kinesis } of event.Records) {
    console.log(Buffer.from(kinesis.data, "base64").toString());
  }
}
