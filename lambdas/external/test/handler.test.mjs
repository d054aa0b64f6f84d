import assert from "node:assert/strict";
import { test } from "node:test";

import { makeHandler } from "../handler.mjs";

const CONTEXT = { awsRequestId: "request-1" };
const SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:stack/LambdaSNSTopicARN-a1b2c3";
const ARN = "arn:aws:sns:eu-central-1:111122223333:stack-greetings";
const MOVED = "arn:aws:sns:eu-central-1:111122223333:stack-greetings-moved";

/** The handler with fakes that remember their calls. A test replaces the fakes that it tests. */
function harness(parts = {}) {
  const seen = { reads: 0, published: [], lines: [] };
  const { readSecret = () => JSON.stringify({ TOPIC_ARN: ARN }), publish = () => {}, ...others } = parts;
  const handler = makeHandler({
    env: { SECRET_ID: SECRET, SECURELAMBDA_FUNCTION: "ExternalLambda1" },
    write: (line) => seen.lines.push(line),
    readSecret: async (id, signal) => readSecret(++seen.reads, id, signal),
    publish: async (arn, message, signal) => {
      seen.published.push({ arn, message });
      return publish(arn, signal);
    },
    ...others,
  });
  return { seen, call: (body, more) => handler({ body, ...more }, CONTEXT) };
}

const named = (name) => JSON.stringify({ name });
const failure = (name, message = "") => Object.assign(new Error(message), { name });
const tick = () => new Promise((resolve) => setImmediate(resolve));

test("greets the caller and forwards the name to the topic in the secret", async () => {
  const { seen, call } = harness();
  const answer = await call(named("Ada"));
  assert.equal(answer.statusCode, 200);
  assert.deepEqual(JSON.parse(answer.body), {
    message: "Hello Ada. Greetings from ExternalLambda1! Message forwarded to InternalLambda.",
  });
  assert.deepEqual(seen.published, [{ arn: ARN, message: '{"name":"Ada"}' }]);
});

test("reads the secret that the environment names", async () => {
  let asked;
  const { call } = harness({ readSecret: (_, id) => ((asked = id), JSON.stringify({ TOPIC_ARN: ARN })) });
  await call(named("Ada"));
  assert.equal(asked, SECRET);
});

test("one source, deployed twice, says which function answered", async () => {
  const { call } = harness({ env: { SECRET_ID: "s", SECURELAMBDA_FUNCTION: "ExternalLambda2" } });
  assert.match((await call(named("Ada"))).body, /Greetings from ExternalLambda2!/);
});

test("every answer is JSON, is not stored and is not sniffed", async () => {
  const broken = harness({ publish: () => Promise.reject(failure("InternalError")) });
  for (const answer of [await harness().call(named("Ada")), await harness().call("{"), await broken.call(named("Ada"))]) {
    assert.deepEqual(answer.headers, {
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
    assert.deepEqual(Object.keys(JSON.parse(answer.body)), ["message"]);
  }
});

test("names that are used", async (t) => {
  const names = {
    "an ordinary one": "Ada",
    "accents": "Zoë",
    "an emoji joined of several": "👩‍👩‍👧",
    "quotes and a backslash": 'a "b" \\c',
    "100 code points in 200 code units": "😀".repeat(100),
    "markup, which is only text here": "<b>",
  };
  for (const [what, name] of Object.entries(names)) {
    await t.test(what, async () => {
      const { seen, call } = harness();
      assert.equal((await call(named(name))).statusCode, 200);
      assert.deepEqual(JSON.parse(seen.published[0].message), { name });
    });
  }
  await t.test("blanks around it are dropped", async () => {
    const { seen, call } = harness();
    await call(named("  Ada "));
    assert.equal(seen.published[0].message, '{"name":"Ada"}');
  });
});

test("bodies that are refused, without echoing them, before anything is called", async (t) => {
  const bodies = {
    "no body": undefined,
    "null, as API Gateway sends it": null,
    "an empty body": "",
    "not JSON": "name=INPUT",
    "cut off": '{"name":"INPUT"',
    "JSON null": "null",
    "a string": '"INPUT"',
    "a number": "7",
    "an array": '["INPUT"]',
    "no name": '{"nom":"INPUT"}',
    "a name inside __proto__": '{"__proto__":{"name":"INPUT"}}',
    "a number as name": '{"name":7}',
    "null as name": '{"name":null}',
    "an object as name": '{"name":{"INPUT":1}}',
    "an empty name": named(""),
    "a blank name": named(" \t "),
    "101 code points": named("😀".repeat(101)),
    "a huge name": named("INPUT".repeat(100_000)),
    "a line break": named("INPUT\nHello"),
    "a NUL": named("INPUT\u0000"),
    "an escape sequence": named("\u001b[31mINPUT"),
    "a C1 control": named("INPUT\u0085x"),
    "a line separator": named("INPUT\u2028x"),
    "a direction override": named("INPUT\u202ex"),
    "half a surrogate pair": '{"name":"INPUT\\ud800"}',
  };
  for (const [what, body] of Object.entries(bodies)) {
    await t.test(what, async () => {
      const { seen, call } = harness();
      const answer = await call(body);
      assert.equal(answer.statusCode, 400);
      assert.match(JSON.parse(answer.body).message, /must be a JSON object whose "name" has 1 to 100 characters/);
      assert.doesNotMatch(answer.body + seen.lines.join(), /INPUT/);
      assert.equal(seen.reads, 0);
    });
  }
  await t.test("no event at all", async () => {
    const handler = makeHandler({ env: {}, write() {} });
    assert.equal((await handler(undefined, undefined)).statusCode, 400);
  });
});

test("base64 bodies", async (t) => {
  const encoded = { isBase64Encoded: true };
  await t.test("are decoded", async () => {
    const { call } = harness();
    const answer = await call(Buffer.from(named("Zoë")).toString("base64"), encoded);
    assert.match(answer.body, /Hello Zoë\./);
  });
  await t.test("are refused where they are not UTF-8", async () => {
    const body = Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0xff]), Buffer.from('"}')]).toString("base64");
    assert.equal((await harness().call(body, encoded)).statusCode, 400);
  });
  await t.test("are refused where they are not base64", async () => {
    assert.equal((await harness().call("%%%", encoded)).statusCode, 400);
  });
});

test("the ARN is kept between invocations", async () => {
  const { seen, call } = harness();
  await call(named("Ada"));
  await call(named("Bob"));
  assert.equal(seen.reads, 1);
  assert.equal(seen.published.length, 2);
});

test("invocations at the same time share one read", async () => {
  let open;
  const gate = new Promise((resolve) => (open = resolve));
  const { seen, call } = harness({ readSecret: () => gate });
  const answers = Promise.all([call(named("Ada")), call(named("Bob")), call(named("Eve"))]);
  await tick();
  open(JSON.stringify({ TOPIC_ARN: ARN }));
  assert.deepEqual((await answers).map((a) => a.statusCode), [200, 200, 200]);
  assert.equal(seen.reads, 1);
});

test("a failed read is not kept", async () => {
  const readSecret = (nth) => {
    if (nth === 1) throw failure("ThrottlingException");
    return JSON.stringify({ TOPIC_ARN: ARN });
  };
  const { call } = harness({ readSecret });
  assert.equal((await call(named("Ada"))).statusCode, 500);
  assert.equal((await call(named("Ada"))).statusCode, 200);
});

test("a secret that is not what we need is a 500, and is read again next time", async (t) => {
  for (const secret of [undefined, "", "not json", "null", "[]", "{}", '{"TOPIC_ARN":""}', '{"TOPIC_ARN":7}']) {
    await t.test(String(secret), async () => {
      const { seen, call } = harness({ readSecret: (nth) => (nth === 1 ? secret : JSON.stringify({ TOPIC_ARN: ARN })) });
      assert.equal((await call(named("Ada"))).statusCode, 500);
      assert.equal(JSON.parse(seen.lines[0]).error, "UnusableSecret");
      assert.equal((await call(named("Ada"))).statusCode, 200);
    });
  }
});

test("after a rotation", async (t) => {
  const rotated = (nth) => JSON.stringify({ TOPIC_ARN: nth === 1 ? ARN : MOVED });
  const gone = (name) => (arn) => {
    if (arn === ARN) throw failure(name);
  };
  for (const name of ["NotFoundException", "NotFound", "AuthorizationErrorException", "AuthorizationError"]) {
    await t.test(`${name}: the secret is read once more and the new topic used`, async () => {
      const { seen, call } = harness({ readSecret: rotated, publish: gone(name) });
      assert.equal((await call(named("Ada"))).statusCode, 200);
      assert.equal(seen.reads, 2);
      assert.deepEqual(seen.published.map((p) => p.arn), [ARN, MOVED]);
    });
  }
  await t.test("invocations at the same time share the second read", async () => {
    const { seen, call } = harness({ readSecret: rotated, publish: gone("NotFoundException") });
    const answers = await Promise.all([call(named("Ada")), call(named("Bob"))]);
    assert.deepEqual(answers.map((a) => a.statusCode), [200, 200]);
    assert.equal(seen.reads, 2);
  });
  await t.test("the same ARN again is not tried again", async () => {
    const { seen, call } = harness({ publish: gone("NotFoundException") });
    assert.equal((await call(named("Ada"))).statusCode, 500);
    assert.deepEqual([seen.reads, seen.published.length], [2, 1]);
  });
  await t.test("a second refusal is final", async () => {
    const publish = () => Promise.reject(failure("NotFoundException"));
    const { seen, call } = harness({ readSecret: rotated, publish });
    assert.equal((await call(named("Ada"))).statusCode, 500);
    assert.deepEqual([seen.reads, seen.published.length], [2, 2]);
  });
});

test("other failures of the topic are not retried here", async () => {
  const { seen, call } = harness({ publish: () => Promise.reject(failure("KMSAccessDeniedException")) });
  assert.equal((await call(named("Ada"))).statusCode, 500);
  assert.deepEqual([seen.reads, seen.published.length], [1, 1]);
});

test("an inner failure says nothing of the inside", async (t) => {
  const faults = {
    secret: { readSecret: () => Promise.reject(failure("AccessDeniedException", "INSIDE")) },
    topic: { publish: () => Promise.reject(failure("InternalErrorException", "INSIDE")) },
    "not even an error": { publish: () => Promise.reject(undefined) },
  };
  for (const [what, fault] of Object.entries(faults)) {
    await t.test(what, async () => {
      const { seen, call } = harness(fault);
      const answer = await call(named("Ada"));
      assert.equal(answer.statusCode, 500);
      assert.equal(answer.body, '{"message":"Internal server error"}');
      assert.doesNotMatch(seen.lines.join(), /INSIDE/);
      const { level, requestId, error } = JSON.parse(seen.lines[0]);
      assert.deepEqual([level, requestId, typeof error], ["ERROR", "request-1", "string"]);
    });
  }
});

test("a dependency that hangs ends in a 500 within its budget", async (t) => {
  const hang = (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  // AbortSignal.timeout does not keep Node alive; on Lambda the open socket does.
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  for (const parts of [{ readSecret: (_n, _id, signal) => hang(signal) }, { publish: (_arn, signal) => hang(signal) }]) {
    const { seen, call } = harness({ ...parts, budgetMs: 20 });
    assert.equal((await call(named("Ada"))).statusCode, 500);
    assert.equal(JSON.parse(seen.lines[0]).error, "TimeoutError");
  }
});

test("no request data reaches the logs, whatever the outcome", async () => {
  const request = {
    headers: { Authorization: "Bearer SENTINEL-token", Cookie: "SENTINEL-cookie" },
    queryStringParameters: { q: "SENTINEL-query" },
    requestContext: { authorizer: { claims: { email: "SENTINEL-claim" } }, identity: { sourceIp: "SENTINEL-ip" } },
  };
  const outcomes = [
    [harness(), 200],
    [harness({ readSecret: () => "SENTINEL-secret" }), 500],
    [harness({ publish: () => Promise.reject(failure("InternalError", "SENTINEL-error")) }), 500],
  ];
  for (const [{ seen, call }, status] of outcomes) {
    assert.equal((await call(named("SENTINEL-name"), request)).statusCode, status);
    assert.equal((await call("SENTINEL-body", request)).statusCode, 400);
    assert.equal(seen.lines.length, 2);
    assert.doesNotMatch(seen.lines.join("\n"), /SENTINEL/);
  }
});
