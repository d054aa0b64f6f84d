import assert from "node:assert/strict";
import { test } from "node:test";

import { makeHandler } from "../handler.mjs";
import { clientsIn, rulesIn } from "../rules.mjs";

const ENV = {
  API_0: "rest1",
  RULES_0: JSON.stringify({
    rules: [
      { groups: ["staff"], routes: ["GET /a/{id}", "ANY /files/{proxy+}"] },
      { groups: ["admins"], routes: ["GET /a/{id}/admin", "DELETE /"] },
      { groups: ["staff", "admins"], scopes: ["orders/read"], routes: ["GET /orders"] },
    ],
    covered: { "GET /a/{id}": ["GET /a/{id}/admin"] },
  }),
  API_1: "http1",
  RULES_1: JSON.stringify({ rules: [{ groups: ["staff"], routes: ["GET /a"] }, { groups: ["admins"], routes: ["GET /b"] }] }),
  CLIENT_0: "client1",
  CLIENT_1: "client2",
};

const STAFF = { sub: "ada", exp: 2e9, token_use: "id", aud: "client1", "cognito:groups": ["staff"] };
const ACCESS = { sub: "ada", exp: 2e9, token_use: "access", client_id: "client2", "cognito:groups": ["staff"] };
const ARN = "arn:aws:execute-api:eu-central-1:123456789012:rest1";

/** The handler, for which every token has these claims, and its log lines. */
function harness(claims) {
  const lines = [];
  const verify = typeof claims === "function" ? claims : async () => claims;
  const handler = makeHandler({ write: (line) => lines.push(line), verify, rules: rulesIn(ENV), clients: clientsIn(ENV) });
  return { lines, ask: (event) => handler(event, { awsRequestId: "request-1" }) };
}

const rest = (apiId = "rest1", values = ["Bearer SENTINEL-token"]) => ({
  type: "REQUEST",
  methodArn: `${ARN}/live/GET/a/7`,
  multiValueHeaders: { AUTHORIZATION: values },
  requestContext: { apiId },
});
const http = (routeKey, apiId = "http1", headers = { authorization: "SENTINEL-token" }) => ({
  version: "2.0",
  routeKey,
  headers,
  requestContext: { apiId },
});

/** The resources that the policy for these claims allows and denies, without the stage's ARN. */
async function policyFor(claims, event = rest()) {
  const { policyDocument } = await harness(claims).ask(event);
  const of = (effect) =>
    policyDocument.Statement.filter(({ Effect }) => Effect === effect).flatMap(({ Resource }) => Resource);
  const short = (resources) => resources.map((one) => one.replace(`${ARN}/live/`, ""));
  return { allow: short(of("Allow")), deny: short(of("Deny")) };
}

test("a REST API's policy allows exactly the routes of the token, and denies others that it would cover", async () => {
  assert.deepEqual(await policyFor(STAFF), { allow: ["GET/a/*", "*/files/*"], deny: ["GET/a/*/admin"] });
  const admin = { ...STAFF, "cognito:groups": ["admins"] };
  assert.deepEqual(await policyFor(admin), { allow: ["GET/a/*/admin", "DELETE/"], deny: [] });
  const both = { ...STAFF, "cognito:groups": ["admins", "staff"] };
  const { allow, deny } = await policyFor(both);
  assert.deepEqual([allow, deny], [["GET/a/*", "*/files/*", "GET/a/*/admin", "DELETE/"], []]);
});

test("a valid token without the group, and an API that is not known, get a policy that denies everything", async () => {
  const nothing = { allow: [], deny: [`${ARN}/*`] };
  for (const groups of [undefined, [], ["Staff"], "staff", { 0: "staff" }]) {
    assert.deepEqual(await policyFor({ ...STAFF, "cognito:groups": groups }), nothing, JSON.stringify(groups));
  }
  assert.deepEqual(await policyFor(STAFF, rest("other")), nothing);
  assert.deepEqual(await policyFor(STAFF, rest(null)), nothing);
});

test("a route with scopes takes access tokens with a scope, and other routes of a REST API take ID tokens", async () => {
  assert.deepEqual(await policyFor(ACCESS), { allow: [], deny: [`${ARN}/*`] });
  const scoped = { ...ACCESS, scope: "openid orders/read" };
  assert.deepEqual((await policyFor(scoped)).allow, ["GET/orders"]);
  assert.deepEqual((await policyFor({ ...ACCESS, scope: "orders/reader" })).allow, []);
  assert.deepEqual((await policyFor({ ...STAFF, scope: "orders/read" })).allow, ["GET/a/*", "*/files/*"]);
});

test("an HTTP API gets yes or no for its route alone, for ID and for access tokens", async () => {
  for (const claims of [STAFF, ACCESS]) {
    const { ask } = harness(claims);
    assert.equal((await ask(http("GET /a"))).isAuthorized, true);
    assert.deepEqual(await ask(http("GET /b")), { isAuthorized: false });
    assert.deepEqual(await ask(http("GET /c")), { isAuthorized: false });
    assert.deepEqual(await ask(http("GET /a", "other")), { isAuthorized: false });
    assert.deepEqual(await ask(http(undefined)), { isAuthorized: false });
  }
});

test("what is no valid token of the pool's clients is unauthorized", async () => {
  const refused = { name: "Unauthorized", message: "Unauthorized" };
  for (const claims of [
    undefined,
    {},
    { ...STAFF, aud: "client3" },
    { ...STAFF, aud: undefined, client_id: "client1" },
    { ...ACCESS, client_id: undefined, aud: "client1" },
    { ...STAFF, token_use: "refresh" },
    { ...STAFF, token_use: undefined },
    { ...STAFF, exp: undefined },
    { ...STAFF, sub: undefined },
  ]) {
    await assert.rejects(harness(claims).ask(rest()), refused, JSON.stringify(claims));
    assert.deepEqual(await harness(claims).ask(http("GET /a")), { isAuthorized: false }, JSON.stringify(claims));
  }
});

test("a request without a header, or with two of them, is unauthorized, and no token is verified", async () => {
  const verify = () => assert.fail("asked");
  for (const values of [[], ["a", "b"], [""]]) {
    await assert.rejects(harness(verify).ask(rest("rest1", values)), { message: "Unauthorized" });
  }
  for (const event of [undefined, {}, { headers: null }]) {
    await assert.rejects(harness(verify).ask(event), { message: "Unauthorized" });
  }
  assert.deepEqual(await harness(verify).ask(http("GET /a", "http1", {})), { isAuthorized: false });
});

test("a token that cannot be judged is refused, and not called invalid", async () => {
  const verify = async () => {
    throw new Error("SENTINEL");
  };
  for (const event of [rest(), http("GET /a")]) {
    const { ask, lines } = harness(verify);
    await assert.rejects(ask(event), { message: "Unavailable" });
    assert.ok(!lines.join().includes("SENTINEL"));
  }
});

test("the function behind the route gets the claims as text, and logs contain none", async () => {
  const claims = { ...STAFF, "cognito:groups": ["staff", "cooks"], email: "SENTINEL@example.com", email_verified: true };
  const { ask, lines } = harness(claims);
  for (const answer of [await ask(rest()), await ask(http("GET /a"))]) {
    assert.equal(answer.context["cognito:groups"], "staff,cooks");
    assert.equal(answer.context.email, "SENTINEL@example.com");
    assert.ok(Object.values(answer.context).every((value) => typeof value === "string"));
  }
  assert.equal((await ask(rest())).principalId, "ada");
  assert.ok(lines.length > 0 && !lines.join().includes("SENTINEL"));
});

test("the token is verified without the word Bearer", async () => {
  const seen = [];
  const { ask } = harness(async (token) => void seen.push(token));
  for (const value of ["Bearer a.b.c", "bearer  a.b.c", "a.b.c"]) {
    await assert.rejects(ask(rest("rest1", [value])), { message: "Unauthorized" });
  }
  assert.deepEqual(seen, ["a.b.c", "a.b.c", "a.b.c"]);
});
