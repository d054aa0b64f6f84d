/**
 * Greets the caller and passes the name on to the topic.
 *
 * Answers 200, 400 (no usable name) or 500 (anything of ours), and never says more than that: no input comes back
 * in an error, no detail of the inside leaves the function, and no request data reaches the logs.
 */
import { makeLog } from "./log.mjs";
import { usableName } from "./name.mjs";
import { makeTopic } from "./topic.mjs";

/**
 * What one AWS call may take, retries included. A request makes four at most (read, publish, and both once more
 * after a rotation), so that a hung dependency ends in our 500 before the function's own time-out of 10 s.
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

/** The handler, given what it talks to; `index.mjs` gives it AWS, the tests give it fakes. */
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
      // The name of the error only: messages may quote ARNs, secrets or input.
      log("ERROR", "Failed", { error: error?.name ?? "Unknown" });
      return answer(500, INTERNAL_ERROR);
    }
    log("INFO", "Forwarded");
    const self = env.SECURELAMBDA_FUNCTION;
    return answer(200, `Hello ${name}. Greetings from ${self}! Message forwarded to InternalLambda.`);
  };
}

/** API Gateway checks the body against `request.schema.json` first; it is checked here too, as a gateway can be changed. */
function nameIn(event) {
  try {
    return usableName(JSON.parse(textOf(event)));
  } catch {
    return undefined;
  }
}

/** The body as text; API Gateway hands binary media types over in base64. Throws where the bytes are not UTF-8. */
function textOf({ body, isBase64Encoded }) {
  return isBase64Encoded ? new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(body, "base64")) : body;
}

function answer(statusCode, message) {
  return { statusCode, headers: HEADERS, body: JSON.stringify({ message }) };
}
