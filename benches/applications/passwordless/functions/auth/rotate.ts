import { randomBytes } from "node:crypto";

import { PutSecretValueCommand, SecretsManagerClient, UpdateSecretVersionStageCommand, DescribeSecretCommand } from "@aws-sdk/client-secrets-manager";

const secrets = new SecretsManagerClient({});

interface Asked {
  SecretId: string;
  ClientRequestToken: string;
  Step: string;
}

/** Secrets Manager calls this four times in each rotation. Two of the steps have something to do. */
export async function handler({ SecretId, ClientRequestToken, Step }: Asked) {
  if (Step === "createSecret") {
    const SecretString = JSON.stringify({ secret: randomBytes(32).toString("base64url") });
    await secrets.send(new PutSecretValueCommand({ SecretId, ClientRequestToken, SecretString, VersionStages: ["AWSPENDING"] }));
  }
  if (Step === "finishSecret") {
    const { VersionIdsToStages = {} } = await secrets.send(new DescribeSecretCommand({ SecretId }));
    const current = Object.keys(VersionIdsToStages).find((id) => VersionIdsToStages[id]!.includes("AWSCURRENT"));
    await secrets.send(
      new UpdateSecretVersionStageCommand({
        SecretId,
        VersionStage: "AWSCURRENT",
        MoveToVersionId: ClientRequestToken,
        RemoveFromVersionId: current,
      }),
    );
  }
}
