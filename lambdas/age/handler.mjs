/**
 * Returns a person's age. API Gateway has checked the caller: only one role may call the route, and only API Gateway can
 * invoke this function.
 *
 * Answers 200, or 400 with a reason. Neither answers nor logs quote the request.
 */
import { dateOfBirth, yearsBetween } from "./dates.mjs";
import { makeLog } from "./log.mjs";

const HEADERS = {
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

/** Makes the handler. `index.mjs` passes the clock and standard output, the tests pass their own. */
export function makeHandler({ write, now = () => new Date() }) {
  return async function handler(event, context) {
    const log = makeLog(write, context);
    const { date, reason } = dateOfBirth(event?.queryStringParameters?.dob, now());
    if (reason) {
      log("WARN", "Refused: no usable date of birth");
      return answer(400, { message: reason });
    }
    log("INFO", "Answered");
    return answer(200, { age: yearsBetween(date, now()) });
  };
}

function answer(statusCode, body) {
  return { statusCode, headers: HEADERS, body: JSON.stringify(body) };
}
