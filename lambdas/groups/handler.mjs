/**
 * An authorizer of routes with `groups`: admits the users of a pool who are in one of a route's groups.
 *
 * A REST API gets a policy that allows exactly the routes of this API that the token may call, because API Gateway uses
 * it for other routes too while it is cached. An HTTP API gets yes or no for one route. The route is part of the key of
 * the authorizer's cache.
 *
 * A request is refused unless it is known to be allowed. Logs contain neither tokens nor claims.
 */
import { makeLog } from "./log.mjs";
import { policy, split } from "./rules.mjs";

/** API Gateway answers 401 to an error with exactly this message, and 500 to every other. */
class Unauthorized extends Error {
  name = "Unauthorized";
  message = "Unauthorized";
}

/**
 * Makes the handler. `verify` returns the claims of a token that the pool signed and that has not expired. It returns
 * undefined for other tokens, and throws if the token cannot be checked. `rules` are the rules of each API, and
 * `clients` are the pool's app clients.
 */
export function makeHandler({ write, verify, rules, clients }) {
  return async function handler(event, context) {
    const log = makeLog(write, context);
    const isHttp = event?.version === "2.0";
    const api = rules.get(event?.requestContext?.apiId);
    let claims;
    try {
      const token = tokenIn(event);
      claims = token && (await verify(token));
    } catch (error) {
      // API Gateway answers 500: the token may be valid, so it is not called invalid.
      log("ERROR", "Refused: the pool's keys cannot be used", { error: error?.constructor?.name ?? "Unknown" });
      throw new Error("Unavailable");
    }
    if (!isSound(claims, clients)) {
      log("WARN", "Refused: no valid token of the pool");
      // An HTTP API answers 500 to errors, and 403 to this.
      if (isHttp) return { isAuthorized: false };
      throw new Unauthorized();
    }
    if (!api) log("ERROR", "Refused: not an API of the stack");
    if (isHttp) {
      const isAuthorized = Boolean(api) && split(api, claims, true).allowed.includes(event.routeKey);
      log("INFO", isAuthorized ? "Admitted" : "Refused: not in a group of the route");
      return { isAuthorized, ...(isAuthorized && { context: flat(claims) }) };
    }
    log("INFO", "Answered with the routes that the token may call");
    const Statement = policy(api ?? { rules: [] }, claims, event.methodArn);
    return { principalId: claims.sub, policyDocument: { Version: "2012-10-17", Statement }, context: flat(claims) };
  };
}

/** The token in the header Authorization, with or without `Bearer`; nothing if there are several headers. */
function tokenIn(event) {
  const headers = Object.entries(event?.multiValueHeaders ?? event?.headers ?? {});
  const values = headers.filter(([name]) => name.toLowerCase() === "authorization").flatMap(([, value]) => value);
  return values.length === 1 ? values[0].replace(/^bearer\s+/i, "") : undefined;
}

/** Whether verified claims are those of an ID or access token of one of these app clients, and of a user. */
function isSound(claims, clients) {
  if (typeof claims?.exp !== "number" || typeof claims.sub !== "string") return false;
  if (claims.token_use === "id") return clients.includes(claims.aud);
  return claims.token_use === "access" && clients.includes(claims.client_id);
}

/** The claims as text, because API Gateway takes no lists and no objects. */
function flat(claims) {
  const text = (value) => (Array.isArray(value) ? value.join(",") : String(value));
  return Object.fromEntries(Object.entries(claims).map(([name, value]) => [name, text(value)]));
}
