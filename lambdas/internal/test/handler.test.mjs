import assert from "node:assert/strict";
import { test } from "node:test";

import { makeHandler } from "../handler.mjs";

const record = (Message, MessageId = "m-1") => ({ EventSource: "aws:sns", Sns: { MessageId, Message } });
const named = (name) => record(JSON.stringify({ name }));

/** The handler's log lines for an event. */
async function linesFor(event) {
  const lines = [];
  const handler = makeHandler({ env: { SECURELAMBDA_FUNCTION: "InternalLambda" }, write: (line) => lines.push(line) });
  assert.equal(await handler(event, { awsRequestId: "request-1" }), undefined);
  return lines;
}

test("logs the greeting as one line of JSON", async () => {
  const [line, ...rest] = await linesFor({ Records: [named("Ada")] });
  assert.deepEqual(rest, []);
  assert.ok(line.includes("Hello Ada. Greetings from InternalLambda!"));
  const { timestamp, ...fields } = JSON.parse(line);
  assert.ok(Date.parse(timestamp));
  assert.deepEqual(fields, {
    level: "INFO",
    requestId: "request-1",
    message: "Hello Ada. Greetings from InternalLambda!",
    messageId: "m-1",
  });
});

test("greets every name in the event, in order", async () => {
  const lines = await linesFor({ Records: [named("Ada"), named("Zoë"), named("  Bob ")] });
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).message.split(".")[0]),
    ["Hello Ada", "Hello Zoë", "Hello Bob"],
  );
});

test("a bad record is logged without its contents and does not stop the others", async (t) => {
  const bad = {
    "not JSON": record("SENTINEL"),
    "JSON null": record("null"),
    "no name": record('{"nom":"SENTINEL"}'),
    "a number as name": record('{"name":7}'),
    "a blank name": named("  "),
    "a long name": named("SENTINEL".repeat(20)),
    "a message that is not text": record({ name: "SENTINEL" }),
    "no message": record(undefined),
    "another event source": { s3: "SENTINEL" },
    "no record": null,
  };
  for (const [what, one] of Object.entries(bad)) {
    await t.test(what, async () => {
      const lines = await linesFor({ Records: [named("Ada"), one, named("Bob")] });
      assert.deepEqual(lines.map((line) => JSON.parse(line).level), ["INFO", "WARN", "INFO"]);
      assert.doesNotMatch(lines.join(), /SENTINEL/);
    });
  }
});

test("a name cannot forge a log line", async (t) => {
  for (const name of ["Ada\nERROR forged", "Ada\r\nforged", "Ada\u2028forged", "\u001b[2Jforged", "\u202eforged"]) {
    await t.test(JSON.stringify(name), async () => {
      const lines = await linesFor({ Records: [named(name)] });
      assert.equal(lines.length, 1);
      assert.doesNotMatch(lines[0], /forged/);
    });
  }
  await t.test("nor break out of the JSON", async () => {
    const name = 'Ada","level":"ERROR';
    const [line] = await linesFor({ Records: [named(name)] });
    assert.equal(JSON.parse(line).level, "INFO");
    assert.equal(JSON.parse(line).message, `Hello ${name}. Greetings from InternalLambda!`);
  });
});

test("an event without records logs nothing", async () => {
  for (const event of [undefined, null, {}, { Records: null }, { Records: "x" }, { Records: [] }]) {
    assert.deepEqual(await linesFor(event), []);
  }
});
