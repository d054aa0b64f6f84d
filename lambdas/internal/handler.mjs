/**
 * Logs a greeting for every name that the topic delivers.
 *
 * A record that cannot be used is logged without its contents and left: SNS would only deliver it again,
 * and the records beside it must not suffer.
 */
import { makeLog } from "./log.mjs";
import { usableName } from "./name.mjs";

/** The handler, given its surroundings. */
export function makeHandler({ env, write }) {
  return async function handler(event, context) {
    const log = makeLog(write, context);
    const records = Array.isArray(event?.Records) ? event.Records : [];
    for (const record of records) {
      const messageId = record?.Sns?.MessageId;
      const name = nameIn(record);
      if (name === undefined) {
        log("WARN", "Skipped a record: no usable name in the message", { messageId });
      } else {
        log("INFO", `Hello ${name}. Greetings from ${env.SECURELAMBDA_FUNCTION}!`, { messageId });
      }
    }
  };
}

function nameIn(record) {
  try {
    return usableName(JSON.parse(record.Sns.Message));
  } catch {
    return undefined;
  }
}
