/**
 * The function as Lambda runs it: the AWS SDK that the runtime carries, wired to the logic in `handler.mjs`.
 *
 * The SDK is imported here and nowhere else, so it is loaded during init, not during a request, and the
 * logic can be tested with plain Node and nothing installed.
 */
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";

import { makeHandler } from "./handler.mjs";
import { writeLine } from "./log.mjs";

// One quick retry; the deadline of the whole call is the `abortSignal` that the handler passes in.
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
