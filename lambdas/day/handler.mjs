/**
 * Says on which day of the week someone was born, and how old they are; the age comes from another API, which only this
 * function's credentials open.
 *
 * Answers 200, 400 with a reason, 502 (the other API did not answer as it should) or 500. Never quotes the request, and
 * says nothing of the inside.
 */
import { makeCredentials } from "./credentials.mjs";
import { dateOfBirth, weekday } from "./dates.mjs";
import { makeLog } from "./log.mjs";

/** What all calls of one request may take together, so that a hung dependency ends in our own answer. */
export const BUDGET_MS = 8000;

const HEADERS = {
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

/** The handler, given what it talks to; `index.mjs` gives it AWS, the tests give it fakes. */
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

  /** The other API's answer; once more with new credentials if it does not know these. */
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
      // The name of the error only: messages may quote secrets or input.
      log("ERROR", "Failed", { error: error?.name ?? "Unknown" });
      return answer(500, { message: "Internal server error" });
    }
  };
}

function answer(statusCode, body) {
  return { statusCode, headers: HEADERS, body: JSON.stringify(body) };
}
