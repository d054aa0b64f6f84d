/**
 * The function as Lambda runs it: connects the logic in `handler.mjs` with the runtime's AWS SDK and with a request
 * signer. Only this file imports them.
 */
import {
  CognitoIdentityClient,
  GetCredentialsForIdentityCommand,
  GetIdCommand,
} from "@aws-sdk/client-cognito-identity";
import { CognitoIdentityProviderClient, InitiateAuthCommand } from "@aws-sdk/client-cognito-identity-provider";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { AwsClient } from "aws4fetch";

import { makeHandler } from "./handler.mjs";
import { writeLine } from "./log.mjs";
import { userPoolProvider } from "./provider.mjs";

const { env } = process;
const settings = { maxAttempts: 2, requestHandler: { connectionTimeout: 1000 } };
const secretsManager = new SecretsManagerClient(settings);
const userPool = new CognitoIdentityProviderClient(settings);
const identityPool = new CognitoIdentityClient(settings);

const provider = userPoolProvider(env.AWS_REGION, env.USER_POOL_ID);

export const handler = makeHandler({
  write: writeLine,
  async readSecret(abortSignal) {
    const { SecretString } = await secretsManager.send(new GetSecretValueCommand({ SecretId: env.SECRET_ID }), {
      abortSignal,
    });
    return SecretString;
  },
  async signIn({ username, password }, abortSignal) {
    const request = new InitiateAuthCommand({
      AuthFlow: "USER_PASSWORD_AUTH",
      ClientId: env.USER_POOL_CLIENT_ID,
      AuthParameters: { USERNAME: username, PASSWORD: password },
    });
    const { AuthenticationResult } = await userPool.send(request, { abortSignal });
    return AuthenticationResult?.IdToken;
  },
  async identify(token, abortSignal) {
    const request = new GetIdCommand({ IdentityPoolId: env.IDENTITY_POOL_ID, Logins: { [provider]: token } });
    return (await identityPool.send(request, { abortSignal })).IdentityId;
  },
  async exchange(IdentityId, token, abortSignal) {
    const request = new GetCredentialsForIdentityCommand({ IdentityId, Logins: { [provider]: token } });
    return (await identityPool.send(request, { abortSignal })).Credentials;
  },
  async askAge(dob, { accessKeyId, secretAccessKey, sessionToken }, signal) {
    const signer = new AwsClient({
      accessKeyId,
      secretAccessKey,
      sessionToken,
      service: "execute-api",
      region: env.AWS_REGION,
      retries: 0,
    });
    const response = await signer.fetch(`${env.AGE_URL}/age?dob=${encodeURIComponent(dob)}`, { signal });
    return { status: response.status, body: await response.text() };
  },
});
