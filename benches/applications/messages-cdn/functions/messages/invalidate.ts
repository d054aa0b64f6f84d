/** Says what it would invalidate: the records come from the table's stream or from the topic. */
export async function handler(event: { Records: { eventSource?: string; EventSource?: string }[] }) {
  const sources = event.Records.map((record) => record.eventSource ?? record.EventSource);
  console.log(JSON.stringify({ distribution: process.env.CLOUDFRONT, sources }));
}
