import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { makeHandler } from "../handler.mjs";

const CONTEXT = { awsRequestId: "request-1" };
const NOW = new Date("2026-11-21T12:00:00Z");
const PASSWORD = "SENTINEL-password";
const failure = (name, message = "SENTINEL") => Object.assign(new Error(message), { name });

/** The handler with fakes that count their calls. A test replaces the fakes that it tests. */
function harness(parts = {}) {
  const seen = { reads: 0, signIns: 0, asked: [], lines: [] };
  const clock = { now: NOW };
  const { readSecret, signIn, identify, exchange, askAge, ...others } = parts;
  const handler = makeHandler({
    write: (line) => seen.lines.push(line),
    readSecret: async (signal) => {
      seen.reads += 1;
      return readSecret ? readSecret(signal) : JSON.stringify({ username: "day", password: PASSWORD });
    },
    signIn: async (user) => {
      seen.signIns += 1;
      return signIn ? signIn(user) : `token-${seen.signIns}`;
    },
    identify: async (token) => (identify ? identify(token) : `identity of ${token}`),
    exchange: async (identity, token) =>
      exchange
        ? exchange(identity, token)
        : {
            AccessKeyId: `key of ${identity}`,
            SecretKey: "SENTINEL-secret",
            SessionToken: "SENTINEL-session",
            Expiration: new Date(clock.now.getTime() + 3600_000),
          },
    askAge: async (dob, credentials, signal) => {
      seen.asked.push({ dob, key: credentials.accessKeyId });
      return askAge ? askAge(seen.asked.length, signal) : { status: 200, body: '{"age":38}' };
    },
    now: () => clock.now,
    ...others,
  });
  return { seen, clock, ask: (dob) => handler({ queryStringParameters: { dob } }, CONTEXT) };
}

test("says the day of the week, and the age that the other API says", async () => {
  const { seen, ask } = harness();
  const answer = await ask("19880101");
  assert.deepEqual([answer.statusCode, JSON.parse(answer.body)], [200, { day: "Friday", age: 38 }]);
  assert.deepEqual(seen.asked, [{ dob: "19880101", key: "key of identity of token-1" }]);
});

test("keeps the credentials until shortly before they expire", async () => {
  const { seen, clock, ask } = harness();
  await ask("19880101");
  clock.now = new Date(NOW.getTime() + 54 * 60_000);
  await ask("19880101");
  assert.deepEqual([seen.reads, seen.signIns], [1, 1]);
  clock.now = new Date(NOW.getTime() + 56 * 60_000);
  await ask("19880101");
  assert.deepEqual([seen.reads, seen.signIns], [2, 2]);
});

test("requests that arrive together sign in once", async () => {
  const { seen, ask } = harness();
  const answers = await Promise.all(["19880101", "19880102", "19880103"].map(ask));
  assert.deepEqual(answers.map(({ statusCode }) => statusCode), [200, 200, 200]);
  assert.equal(seen.signIns, 1);
});

test("signs in anew, once, where its credentials are refused", async () => {
  const refusing = (count) => harness({ askAge: (n) => ({ status: n <= count ? 403 : 200, body: '{"age":38}' }) });
  const once = refusing(1);
  assert.equal((await once.ask("19880101")).statusCode, 200);
  assert.equal(once.seen.signIns, 2);
  const always = refusing(99);
  assert.equal((await always.ask("19880101")).statusCode, 502);
  assert.deepEqual([always.seen.signIns, always.seen.asked.length], [2, 2]);
});

test("a failed sign-in is not kept", async () => {
  let tries = 0;
  const { ask } = harness({
    signIn: () => {
      tries += 1;
      if (tries === 1) throw failure("TooManyRequestsException");
      return "token";
    },
  });
  assert.equal((await ask("19880101")).statusCode, 500);
  assert.equal((await ask("19880101")).statusCode, 200);
});

test("who waits on a sign-in that fails signs in anew", async () => {
  const { seen, ask } = harness({
    signIn: async () => {
      if (seen.signIns > 1) return "token";
      await setTimeout(50);
      throw failure("TooManyRequestsException");
    },
  });
  const first = ask("19880101");
  await setTimeout(10);
  const second = ask("19880101");
  assert.deepEqual([(await first).statusCode, (await second).statusCode, seen.signIns], [500, 200, 2]);
});

test("bad dates get a reason, and nothing is called", async () => {
  for (const dob of [undefined, "", "1988-01-01", "19881301", "20990101"]) {
    const { seen, ask } = harness();
    const answer = await ask(dob);
    assert.equal(answer.statusCode, 400, dob);
    assert.match(JSON.parse(answer.body).message, /^dob /);
    assert.deepEqual([seen.reads, seen.asked.length], [0, 0]);
  }
});

test("failures say nothing of the inside", async (t) => {
  const table = {
    "the secret cannot be read": [{ readSecret: () => Promise.reject(failure("AccessDeniedException")) }, 500],
    "the secret is not JSON": [{ readSecret: () => "SENTINEL" }, 500],
    "the secret has no password": [{ readSecret: () => '{"username":"SENTINEL"}' }, 500],
    "the user must change the password": [{ signIn: () => undefined }, 500],
    "the pool refuses": [{ signIn: () => Promise.reject(failure("NotAuthorizedException")) }, 500],
    "no identity": [{ identify: () => Promise.reject(failure("ResourceNotFoundException")) }, 500],
    "no credentials": [{ exchange: () => undefined }, 500],
    "the other API is not reached": [{ askAge: () => Promise.reject(failure("TimeoutError")) }, 500],
    "the other API fails": [{ askAge: () => ({ status: 500, body: "SENTINEL" }) }, 502],
    "the other API answers something else": [{ askAge: () => ({ status: 200, body: '{"age":"SENTINEL"}' }) }, 502],
    "the other API answers no JSON": [{ askAge: () => ({ status: 200, body: "SENTINEL" }) }, 500],
  };
  for (const [what, [parts, status]] of Object.entries(table)) {
    await t.test(what, async () => {
      const { seen, ask } = harness(parts);
      const answer = await ask("19880101");
      assert.equal(answer.statusCode, status);
      assert.deepEqual(Object.keys(JSON.parse(answer.body)), ["message"]);
      assert.doesNotMatch(answer.body + seen.lines.join(), /SENTINEL|1988/);
    });
  }
});

test("what hangs ends in our own answer", async (t) => {
  const hangs = (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  // AbortSignal.timeout does not keep Node alive; on Lambda the open socket does.
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  const { ask } = harness({ askAge: (_, signal) => hangs(signal), budgetMs: 20 });
  assert.equal((await ask("19880101")).statusCode, 500);
});
