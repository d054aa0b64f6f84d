import assert from "node:assert/strict";
import { test } from "node:test";

import { makeHandler } from "../handler.mjs";

const CONTEXT = { awsRequestId: "request-1" };

function harness(today = "2026-11-21") {
  const lines = [];
  const handler = makeHandler({ write: (line) => lines.push(line), now: () => new Date(`${today}T12:00:00Z`) });
  return { lines, ask: (queryStringParameters) => handler({ queryStringParameters }, CONTEXT) };
}

test("says the age in whole years", async (t) => {
  const table = [
    ["19880101", "2026-11-21", 38],
    ["19880101", "2026-01-01", 38],
    ["19880101", "2025-12-31", 37],
    ["20261121", "2026-11-21", 0],
    ["20000229", "2025-02-28", 24],
    ["20000229", "2025-03-01", 25],
    ["20000229", "2024-02-29", 24],
    ["19000101", "2026-11-21", 126],
  ];
  for (const [dob, today, age] of table) {
    await t.test(`${dob} on ${today}`, async () => {
      const answer = await harness(today).ask({ dob });
      assert.deepEqual([answer.statusCode, JSON.parse(answer.body)], [200, { age }]);
    });
  }
});

test("refuses what is no date of birth, with a reason and without quoting it", async (t) => {
  const table = {
    "nothing asked": [undefined, /missing/],
    "null, as API Gateway sends it": [null, /missing/],
    "no dob": [{ other: "19880101" }, /missing/],
    "an empty dob": [{ dob: "" }, /missing/],
    "another form": [{ dob: "1988-01-01" }, /eight digits/],
    "a word": [{ dob: "Friday" }, /eight digits/],
    "nine digits": [{ dob: "198801011" }, /eight digits/],
    "digits of another script": [{ dob: "١٩٨٨٠١٠١" }, /eight digits/],
    "a line break after it": [{ dob: "19880101\n" }, /eight digits/],
    "no such month": [{ dob: "19881301" }, /calendar/],
    "no such day": [{ dob: "19880631" }, /calendar/],
    "no leap year": [{ dob: "20230229" }, /calendar/],
    "year 50": [{ dob: "00500101" }, /calendar|before/],
    "too long ago": [{ dob: "18991231" }, /before 1900/],
    "tomorrow": [{ dob: "20261122" }, /future/],
  };
  for (const [what, [query, reason]] of Object.entries(table)) {
    await t.test(what, async () => {
      const { lines, ask } = harness();
      const answer = await ask(query);
      assert.equal(answer.statusCode, 400);
      assert.match(JSON.parse(answer.body).message, reason);
      const given = query?.dob;
      if (given) assert.ok(!(answer.body + lines.join()).includes(given));
    });
  }
  await t.test("no event at all", async () => {
    assert.equal((await makeHandler({ write() {} })(undefined, undefined)).statusCode, 400);
  });
});

test("logs lines of JSON that say nothing of who asked", async () => {
  const { lines, ask } = harness();
  await ask({ dob: "19880101" });
  assert.equal(JSON.parse(lines[0]).requestId, "request-1");
  assert.doesNotMatch(lines.join(), /1988/);
});
