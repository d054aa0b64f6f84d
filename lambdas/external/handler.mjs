/**
 * Greets the caller and publishes the name to the topic.
 *
 * Answers 200, 400 (no usable name) or 500 (any other failure). Errors neither repeat the input nor reveal internal
 * details, and logs contain no data of the request.
 */
import { makeLog } from "./log.mjs";
import { usableName } from "./name.mjs";
import { makeTopic } from "./topic.mjs";

/**
 * The time for one AWS call, including retries. A request makes at most four calls (read, publish, and both again after
 * a rotation), so that a hung dependency leads to an answer of 500 before the function's own timeout of 10 s.
 */
export const CALL_BUDGET_MS = 2000;

const BAD_REQUEST =
  'The body must be a JSON object whose "name" has 1 to 100 characters, none of them a control character.';
const INTERNAL_ERROR = "Internal server error";

const HEADERS = {
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

/** Makes the handler from the services that it calls. `index.mjs` passes AWS's, the tests pass fakes. */
export function makeHandler({ env, write, readSecret, publish, budgetMs = CALL_BUDGET_MS }) {
  const deadline = () => AbortSignal.timeout(budgetMs);
  const topic = makeTopic({
    readSecret: () => readSecret(env.SECRET_ID, deadline()),
    publish: (arn, message) => publish(arn, message, deadline()),
  });

  return async function handler(event, context) {
    const log = makeLog(write, context);
    const name = nameIn(event);
    if (name === undefined) {
      log("WARN", "Refused: no usable name in the body");
      return answer(400, BAD_REQUEST);
    }
    try {
      await topic.send(JSON.stringify({ name }));
    } catch (error) {
      // Only the name of the error, because messages may quote ARNs, secrets or input.
      log("ERROR", "Failed", { error: error?.name ?? "Unknown" });
      return answer(500, INTERNAL_ERROR);
    }
    log("INFO", "Forwarded");
    const self = env.SECURELAMBDA_FUNCTION;
    return answer(200, `Hello ${name}. Greetings from ${self}! Message forwarded to InternalLambda.`);
  };
}

/** Checks the body again: API Gateway validates it by `request.schema.json`, but its settings can be changed. */
function nameIn(event) {
  try {
    return usableName(JSON.parse(textOf(event)));
  } catch {
    return undefined;
  }
}

/** The body as text. API Gateway passes binary media types in base64. Throws if the bytes are not UTF-8. */
function textOf({ body, isBase64Encoded }) {
  return isBase64Encoded ? new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(body, "base64")) : body;
}

function answer(statusCode, message) {
  return { statusCode, headers: HEADERS, body: JSON.stringify({ message }) };
}
