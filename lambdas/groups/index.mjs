/**
 * The function as Lambda runs it: connects the logic in `handler.mjs` with a verifier of tokens. Only this file imports it.
 */
import { JwtVerifier } from "aws-jwt-verify";
import { FetchError, JwkValidationError, JwksValidationError } from "aws-jwt-verify/error";
import { SimpleJwksCache } from "aws-jwt-verify/jwk";

import { makeHandler } from "./handler.mjs";
import { writeLine } from "./log.mjs";
import { clientsIn, rulesIn } from "./rules.mjs";

const { env } = process;
const issuer = env.ISSUER ?? "";

/** The address of an emulator, which publishes the keys there, without TLS. On AWS there is none. */
const { AWS_ENDPOINT_URL: emulator } = env;
const pool = issuer.slice(issuer.lastIndexOf("/"));

/**
 * The time for each of two attempts, because an emulator may be slow while it starts many functions. Both together take
 * less than the time limit of a call.
 */
const FETCH_MS = 4500;

/** Fetches keys without TLS. The verifier's own fetcher requires TLS. Like that fetcher, this one tries twice. */
const plain = {
  async fetch(uri) {
    const get = () => fetch(uri, { signal: AbortSignal.timeout(FETCH_MS) }).catch((error) => error);
    let answer = await get();
    if (!answer.ok) answer = await get();
    if (!answer.ok) throw new FetchError(uri, answer.message ?? `status ${answer.status}`);
    return answer.arrayBuffer();
  },
};

const verifier = JwtVerifier.create(
  {
    issuer,
    // An access token names its client in another claim, so the handler checks both.
    audience: null,
    jwksUri: `${emulator ? `${emulator.replace(/\/$/, "")}${pool}` : issuer}/.well-known/jwks.json`,
    customJwtCheck({ header }) {
      if (header.alg !== "RS256") throw new Error("not RS256");
    },
  },
  { jwksCache: new SimpleJwksCache(emulator ? { fetcher: plain } : {}) },
);

/** The errors that prevent the check of a token. Every other error means that the token is invalid. */
const UNAVAILABLE = [FetchError, JwksValidationError, JwkValidationError];

export const handler = makeHandler({
  write: writeLine,
  async verify(token) {
    try {
      return await verifier.verify(token);
    } catch (error) {
      if (UNAVAILABLE.some((kind) => error instanceof kind)) throw error;
      return undefined;
    }
  },
  rules: rulesIn(env),
  clients: clientsIn(env),
});
