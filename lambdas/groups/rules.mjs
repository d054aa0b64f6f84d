/**
 * The routes that a token may call, by the groups and scopes that the stack file demands.
 */

/**
 * The rules of each API, by its id, from the environment: API_0 is the id of an API, and RULES_0 has its rules:
 *
 *     { "rules": [{ "groups": ["staff"], "scopes": ["orders/read"], "routes": ["GET /orders"] }],
 *       "covered": { "GET /a/{id}": ["GET /a/{id}/admin"] } }
 *
 * `scopes` is left out if a route demands none. `covered` lists, for a route, the other routes that its policy also
 * allows.
 */
export function rulesIn(env) {
  const apis = new Map();
  for (const [name, id] of Object.entries(env)) {
    const number = /^API_(\d+)$/.exec(name)?.[1];
    if (number !== undefined) apis.set(id, JSON.parse(env[`RULES_${number}`]));
  }
  return apis;
}

/** The app clients whose tokens are accepted: CLIENT_0, CLIENT_1 and so on. */
export function clientsIn(env) {
  return Object.entries(env)
    .filter(([name]) => /^CLIENT_\d+$/.test(name))
    .map(([, id]) => id);
}

/**
 * Whether a token satisfies a rule. If the rule has scopes, only access tokens do. If it has none, a REST API accepts
 * ID tokens, and an HTTP API accepts ID and access tokens. API Gateway's own authorizers do the same.
 */
function satisfies({ groups, scopes }, claims, isHttp) {
  const member = claims["cognito:groups"];
  if (!Array.isArray(member) || !groups.some((group) => member.includes(group))) return false;
  if (scopes?.length) {
    const granted = claims.token_use === "access" && typeof claims.scope === "string" ? claims.scope.split(" ") : [];
    return scopes.some((scope) => granted.includes(scope));
  }
  return isHttp ? ["id", "access"].includes(claims.token_use) : claims.token_use === "id";
}

/** The API's routes: those that the token may call, and the others. */
export function split({ rules }, claims, isHttp) {
  const [allowed, others] = [[], []];
  for (const rule of rules) (satisfies(rule, claims, isHttp) ? allowed : others).push(...rule.routes);
  return { allowed, others };
}

/**
 * The policy for all routes of a REST API: API Gateway uses it for every request with the same token while it is cached.
 *
 * IAM's `*`, which stands for a path parameter, covers slashes too. So a policy for `GET /a/{id}` also allows
 * `GET /a/{id}/admin`, which is denied explicitly unless the token may call it. All other routes are denied because no
 * statement allows them.
 */
export function policy(api, claims, methodArn) {
  const { allowed, others } = split(api, claims, false);
  const covered = new Set(allowed.flatMap((route) => api.covered?.[route] ?? []));
  const [arn, stage] = methodArn.split("/");
  const statement = (Effect, routes) => ({
    Action: "execute-api:Invoke",
    Effect,
    Resource: routes.map((route) => `${arn}/${stage}/${resource(route)}`),
  });
  if (allowed.length === 0) return [{ ...statement("Deny", []), Resource: [`${arn}/*`] }];
  const denied = others.filter((route) => covered.has(route));
  return [statement("Allow", allowed), ...(denied.length ? [statement("Deny", denied)] : [])];
}

/** A route in an ARN: `GET/a/*` for `GET /a/{id}`. */
function resource(route) {
  const [method, path] = route.split(" ");
  const parts = path.split("/").map((part) => (part.startsWith("{") ? "*" : part));
  return `${method === "ANY" ? "*" : method}${parts.join("/")}`;
}
