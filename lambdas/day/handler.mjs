/**
 * Returns the day of the week on which a person was born, and the person's age. The age comes from another API, which
 * accepts only this function's credentials.
 *
 * Answers 200, 400 with a reason, 502 (the other API gave no usable answer) or 500. Answers neither quote the request nor
 * reveal internal details.
 */
import { makeCredentials } from "./credentials.mjs";
import { dateOfBirth, weekday } from "./dates.mjs";
import { makeLog } from "./log.mjs";

/** The time for all calls of one request together. If a dependency hangs, this function still answers by itself. */
export const BUDGET_MS = 8000;

const HEADERS = {
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

/** Makes the handler from the services that it calls. `index.mjs` passes AWS's, the tests pass fakes. */
export function makeHandler({
  write,
  readSecret,
  signIn,
  identify,
  exchange,
  askAge,
  now = () => new Date(),
  budgetMs = BUDGET_MS,
}) {
  const credentials = makeCredentials({ readSecret, signIn, identify, exchange, now: () => now().getTime() });

  /** The other API's answer. Asks a second time, with new credentials, if the API does not accept the current ones. */
  async function ask(dob, signal) {
    const answer = await askAge(dob, await credentials.get(signal), signal);
    if (answer.status !== 403) return answer;
    credentials.drop();
    return askAge(dob, await credentials.get(signal), signal);
  }

  return async function handler(event, context) {
    const log = makeLog(write, context);
    const dob = event?.queryStringParameters?.dob;
    const { date, reason } = dateOfBirth(dob, now());
    if (reason) {
      log("WARN", "Refused: no usable date of birth");
      return answer(400, { message: reason });
    }
    try {
      const { status, body } = await ask(dob, AbortSignal.timeout(budgetMs));
      const age = status === 200 ? JSON.parse(body).age : undefined;
      if (!Number.isInteger(age)) {
        log("ERROR", "The other API did not answer as it should", { status });
        return answer(502, { message: "Bad gateway" });
      }
      log("INFO", "Answered");
      return answer(200, { day: weekday(date), age });
    } catch (error) {
      // Only the name of the error, because messages may quote secrets or input.
      log("ERROR", "Failed", { error: error?.name ?? "Unknown" });
      return answer(500, { message: "Internal server error" });
    }
  };
}

function answer(statusCode, body) {
  return { statusCode, headers: HEADERS, body: JSON.stringify(body) };
}
