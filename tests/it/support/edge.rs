//! A stack with every setting of the edge of APIs, with a REST API and an HTTP API.

use super::program::User;

/// The function sends the CORS header to the origins in the variable `CORS_ORIGINS`. As an authorizer's function, it
/// admits the partner `acme` to every route.
const FUNCTION: &str = r#"const admits = (event) => {
  const allowed = (event.headers?.["x-partner"] ?? event.headers?.["X-Partner"]) === "acme";
  if (event.version === "2.0") return { isAuthorized: allowed };
  const Statement = [{ Action: "execute-api:Invoke", Effect: allowed ? "Allow" : "Deny", Resource: event.methodArn }];
  return { principalId: "partner", policyDocument: { Version: "2012-10-17", Statement } };
};
const origins = (process.env.CORS_ORIGINS ?? "").split(",");
export const handler = async (event) => {
  if (event.type === "REQUEST") return admits(event);
  const origin = event.headers?.origin ?? event.headers?.Origin;
  const allowed = origins.includes("*") ? "*" : origins.includes(origin) && origin;
  const headers = allowed ? { "Access-Control-Allow-Origin": allowed, Vary: "Origin" } : {};
  return { statusCode: 200, headers, body: JSON.stringify({ hello: "page" }) };
};
"#;

pub const STACK: &str = r#"
[stack]
name = "securelambda"
[functions.Notes]
source = "f"
[functions.Check]
source = "f"
[authorizers.Partner]
function = "Check"
identity = ["header:X-Partner"]
cache_s = 60
[plans.partner]
rate_limit = 20
burst_limit = 40
quota = { requests = 100000, per = "month" }
keys = ["acme", "umbrella"]
[plans.trial]
rate_limit = 60
burst_limit = 60
keys = ["guest"]
[secrets.Google]
client_secret = { generate = 32 }
[pools.Users.providers.Google]
client_id = "app"
client_secret = { secret = "Google", key = "client_secret" }
[pools.Users.providers.Corp]
metadata = "https://login.example.com/saml/metadata"
[pools.Users]
groups = ["staff"]
attributes = { tenant = { mutable = false }, colour = { writable = true } }
scopes = { orders = ["read", "write"] }
login = { domain = "edge-of-securelambda", callbacks = ["https://app.example.com/callback"], scopes = ["openid", "orders/write"] }
clients = { partner = { secret = true, flows = ["client-credentials"], scopes = ["orders/read"] }, app = {} }
[api]
binary = ["image/*"]
domain = { name = "api.example.com", certificate = "{certificate}", zone = "example.com" }
default_endpoint = false
cors = { origins = ["https://app.example.com", "http://localhost:3000"], headers = ["Authorization"], expose = ["X-Total"] }
[[api.routes]]
route = "GET /notes"
function = "Notes"
pool = "Users"
timeout_s = 12
rate_limit = 30
parameters = { query = ["from"], headers = ["X-Tenant"] }
[[api.routes]]
route = "GET /orders"
function = "Notes"
pool = "Users"
scopes = ["orders/read"]
[[api.routes]]
route = "ANY /files/{proxy+}"
function = "Notes"
pool = "Users"
[[api.routes]]
route = "GET /partners/{id}"
function = "Notes"
authorizer = "Partner"
key = true
[[api.routes]]
route = "GET /statements"
function = "Notes"
pool = "Users"
key = true
rate_limit = 20
burst_limit = 20
[[api.routes]]
route = "GET /health"
auth = "none"
integration = { mock = { status = 200, body = "{\"state\":\"up\"}" } }
[[api.routes]]
route = "GET /items/{id}"
pool = "Users"
integration = { http = "https://items.example.invalid/v1/{id}" }
[apis.Small]
kind = "http"
domain = { name = "small.example.com", certificate = "{certificate}" }
cors = { origins = ["https://app.example.com"], headers = ["Authorization"], credentials = true }
[[apis.Small.routes]]
route = "GET /notes"
function = "Notes"
pool = "Users"
timeout_s = 12
burst_limit = 20
[[apis.Small.routes]]
route = "GET /orders"
function = "Notes"
pool = "Users"
scopes = ["orders/read"]
[[apis.Small.routes]]
route = "GET /partners"
function = "Notes"
authorizer = "Partner"
[[apis.Small.routes]]
route = "GET /items/{id}"
pool = "Users"
integration = { http = "https://items.example.invalid/v1/{id}" }
"#;

/// Writes the stack file and the function.
pub fn write(user: &User, file: &str) {
    user.write("securelambda.toml", &super::domains::filled_in(user, file));
    user.write("f/index.mjs", FUNCTION);
}
