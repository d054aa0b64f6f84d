/**
 * The topic, whose ARN is known only to the secret.
 *
 * The ARN is kept in memory between invocations: a read per request would cost time, money and the secret's quota.
 * What is kept is the promise, so that requests which arrive together share one read.
 */

/** What SNS says when the ARN we keep is no longer the right one, without the suffix that some SDK versions add. */
const STALE = new Set(["NotFound", "AuthorizationError", "AccessDenied", "InvalidParameter"]);

/** A secret that is not what this function needs; says so without quoting it. */
class UnusableSecret extends Error {
  name = "UnusableSecret";
}

export function makeTopic({ readSecret, publish }) {
  let kept;

  /** The ARN that is kept, or, where there is none or it is the `stale` one, a new read. A failed read is not kept. */
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
    /** Publishes; if the topic refuses, the secret may have been rotated: reads it once more and tries the new ARN. */
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
