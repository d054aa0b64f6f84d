/**
 * Publishes to the topic whose ARN the secret contains.
 *
 * The ARN stays in memory between invocations, because reading the secret for each request would cost time and money.
 * The promise is kept and not its result, so that requests which arrive together share one read.
 */

/** SNS's error codes if the ARN is out of date, without the suffix that some SDK versions add. */
const STALE = new Set(["NotFound", "AuthorizationError", "AccessDenied", "InvalidParameter"]);

/** The secret does not have the form that this function needs. The error does not quote it. */
class UnusableSecret extends Error {
  name = "UnusableSecret";
}

export function makeTopic({ readSecret, publish }) {
  let kept;

  /** The ARN from memory. Reads the secret if there is none, or if it is the `stale` one. A failed read is not kept. */
  function arn(stale) {
    if (kept === undefined || kept === stale) {
      const read = readSecret().then(topicArnIn);
      read.catch(() => {
        if (kept === read) kept = undefined;
      });
      kept = read;
    }
    return kept;
  }

  return {
    /** Publishes. If SNS refuses, the secret may have changed: reads it again and tries the new ARN. */
    async send(message) {
      const known = arn();
      const before = await known;
      try {
        await publish(before, message);
      } catch (error) {
        if (!isStale(error)) throw error;
        const now = await arn(known);
        if (now === before) throw error;
        await publish(now, message);
      }
    },
  };
}

function isStale(error) {
  return STALE.has(String(error?.name).replace(/Exception$/, ""));
}

function topicArnIn(secretString) {
  let arn;
  try {
    arn = JSON.parse(secretString).TOPIC_ARN;
  } catch {
    throw new UnusableSecret();
  }
  if (typeof arn !== "string" || arn === "") throw new UnusableSecret();
  return arn;
}
