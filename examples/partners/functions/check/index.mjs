import { createHmac, timingSafeEqual } from "node:crypto";

import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

const secrets = new SecretsManagerClient({});

/**
 * Admits a request whose header X-Partner-Signature is the HMAC-SHA256 of its method and path, in hexadecimal digits.
 * The policy names this method only, so that it opens no other route.
 */
export async function handler(event) {
  const given = Object.entries(event.headers ?? {}).find(([name]) => name.toLowerCase() === "x-partner-signature");
  const effect = (await isSigned(event, given?.[1])) ? "Allow" : "Deny";
  return {
    principalId: "partner",
    policyDocument: {
      Version: "2012-10-17",
      Statement: [{ Action: "execute-api:Invoke", Effect: effect, Resource: event.methodArn }],
    },
  };
}

async function isSigned(event, signature = "") {
  const expected = createHmac("sha256", await key()).update(`${event.httpMethod} ${event.path}`).digest();
  const given = Buffer.from(signature, "hex");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

async function key() {
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: process.env.SECRET_ID }));
  return JSON.parse(SecretString).SIGNING_KEY;
}
