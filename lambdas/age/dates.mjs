/**
 * Dates of birth, written as eight digits, as in 19880101. All dates are in UTC, so that the answer does not depend on
 * the region in which the function runs.
 */

/** No caller was born before this. */
const EARLIEST = 1900;

/** The date, or the reason why there is none: `{ date }` or `{ reason }`. */
export function dateOfBirth(text, now) {
  if (typeof text !== "string" || text === "") return { reason: "dob is missing: give it as in ?dob=19880101" };
  if (!/^[0-9]{8}$/.test(text)) return { reason: "dob must be eight digits, as in 19880101" };
  const [year, month, day] = [text.slice(0, 4), text.slice(4, 6), text.slice(6)].map(Number);
  const date = new Date(Date.UTC(year, month - 1, day));
  // Date.UTC turns 31 June into 1 July, and years below 100 into years of the 20th century.
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) {
    return { reason: "dob is no day of the calendar" };
  }
  if (year < EARLIEST) return { reason: `dob is before ${EARLIEST}` };
  if (date > now) return { reason: "dob is in the future" };
  return { date };
}

/** Whole years between a date and now. In years without 29 February, people born on that day turn older on 1 March. */
export function yearsBetween(date, now) {
  const years = now.getUTCFullYear() - date.getUTCFullYear();
  const birthday = Date.UTC(now.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
  return now.getTime() < birthday ? years - 1 : years;
}
