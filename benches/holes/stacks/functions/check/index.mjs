/** Admits requests with the right header. The policy is for a REST API. */
export async function handler(event) {
  const given = Object.entries(event.headers ?? {}).find(([name]) => name.toLowerCase() === "x-partner");
  const effect = given?.[1] === "open-sesame" ? "Allow" : "Deny";
  const statement = { Action: "execute-api:Invoke", Effect: effect, Resource: event.methodArn };
  return { principalId: "partner", policyDocument: { Version: "2012-10-17", Statement: [statement] } };
}
