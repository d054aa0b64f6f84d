/**
 * The function as Lambda runs it: connects the logic in `handler.mjs` with the runtime's AWS SDK.
 *
 * Only this file imports the SDK. So Lambda loads it while it initialises the function, not during a request, and the
 * tests of the logic need only Node.js.
 */
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";

import { makeHandler } from "./handler.mjs";
import { writeLine } from "./log.mjs";

// One quick retry. The `abortSignal` that the handler passes limits the time of the whole call.
const settings = { maxAttempts: 2, requestHandler: { connectionTimeout: 1000 } };
const secretsManager = new SecretsManagerClient(settings);
const sns = new SNSClient(settings);

export const handler = makeHandler({
  env: process.env,
  write: writeLine,
  async readSecret(SecretId, abortSignal) {
    const { SecretString } = await secretsManager.send(new GetSecretValueCommand({ SecretId }), { abortSignal });
    return SecretString;
  },
  async publish(TopicArn, Message, abortSignal) {
    await sns.send(new PublishCommand({ TopicArn, Message }), { abortSignal });
  },
});
