/**
 * Logs a greeting for every name that the topic delivers.
 *
 * An unusable record is logged without its contents and does not make the invocation fail: Lambda would only try it
 * again, together with the valid records beside it.
 */
import { makeLog } from "./log.mjs";
import { usableName } from "./name.mjs";

/** Makes the handler. `index.mjs` passes the environment and standard output, the tests pass their own. */
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
