/**
 * Says how old someone is. The gateway has checked who calls: only one role may, and a request that does not come
 * through it never gets here.
 *
 * Answers 200 or 400 with a reason, and never quotes the request, in an answer or in a log.
 */
import { dateOfBirth, yearsBetween } from "./dates.mjs";
import { makeLog } from "./log.mjs";

const HEADERS = {
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

/** The handler; `index.mjs` gives it the clock and standard output, the tests give it their own. */
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
