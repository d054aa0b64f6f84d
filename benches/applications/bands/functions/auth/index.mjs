import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

const secrets = new SecretsManagerClient({});

/** Shows only that the signing key can be read. */
export async function handler(event) {
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: process.env.SECRET_ID }));
  return answer(200, { canSign: JSON.parse(SecretString).JWT_SECRET.length > 0 });
}

function answer(statusCode, body) {
  const headers = { "content-type": "application/json" };
  if (process.env.CORS_ORIGINS) {
    headers["access-control-allow-origin"] = process.env.CORS_ORIGINS.split(",")[0];
  }
  return { statusCode, headers, body: JSON.stringify(body) };
}
