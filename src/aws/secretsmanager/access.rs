//! The settings that let others read or replace a secret: its resource policy, its rotation, its copies and its key.

use super::refusals::SECRET_BACK;
use super::{Secret, SecretsManager};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::settle::settled;
use crate::aws::unsupported::unless_unsupported;
use crate::engine::{Cause, Failure, Task};
use crate::policy::Policy;
use crate::secret::SecretValue;

impl SecretsManager {
    /// A field of this version of a secret.
    pub(in crate::aws) async fn field(&self, arn: &str, version: &str, key: &str) -> Result<SecretValue, Failure> {
        let doing = format!("read the secret {arn}");
        let answer = self.client.get_secret_value().secret_id(arn).version_id(version).send().await.or_fail(&doing)?;
        let text = answer.secret_string.unwrap_or_default();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let field = document[key].as_str().filter(|value| !value.is_empty());
        field
            .map(SecretValue::from)
            .ok_or_else(|| Failure::refused(format!("the secret {arn} has no text under {key}")))
    }

    /// The resource policy of a secret; without statements if it has none.
    pub(super) async fn policy(&self, name: &str) -> Result<Policy, Failure> {
        let doing = format!("read the resource policy of the secret {name}");
        let answer = self.client.get_resource_policy().secret_id(name).send().await.or_fail(&doing)?;
        let policy = answer.resource_policy.filter(|policy| !policy.is_empty());
        policy.map_or_else(
            || Ok(Policy::default()),
            |policy| {
                Policy::parse(&policy)
                    .map_err(|error| Failure::refused(format!("could not {doing}: it is not JSON: {error}")))
            },
        )
    }

    pub(super) async fn set_policy(&self, arn: &str, want: &Secret, task: &Task) -> Result<(), Failure> {
        let doing = format!("set the resource policy of the secret {}", want.name);
        let set = settled(task, &[&SECRET_BACK], || async {
            if want.policy.statements().next().is_none() {
                return self.client.delete_resource_policy().secret_id(arn).send().await.or_fail(&doing).map(drop);
            }
            let call = self.client.put_resource_policy().secret_id(arn).resource_policy(want.policy.to_string());
            call.block_public_policy(true).send().await.or_fail(&doing).map(drop)
        });
        set.await
    }

    pub(super) async fn end_rotation(&self, arn: &str, task: &Task) -> Result<(), Failure> {
        let ended = self.client.cancel_rotate_secret().secret_id(arn).send().await;
        let ended = ended.or_fail(&format!("end the rotation of {arn}")).or_absent();
        match unless_unsupported(self.is_emulator, ended) {
            // MiniStack answers calls that it does not know with a code of the service's own.
            Err(failure) if self.is_emulator && failure.cause == Cause::Refused => {
                task.note("the emulator cannot end a rotation");
                Ok(())
            }
            answer => answer.map(drop),
        }
    }

    pub(super) async fn remove_replicas(&self, arn: &str, regions: &[String]) -> Result<(), Failure> {
        let call = self.client.remove_regions_from_replication().secret_id(arn);
        let removed = call.set_remove_replica_regions(Some(regions.to_vec())).send().await;
        removed.or_fail(&format!("remove the copies of {arn} in {}", regions.join(", "))).map(drop)
    }

    /// Encrypts the secret with the wanted key, or with AWS's own key if none is wanted.
    pub(super) async fn set_key(&self, arn: &str, want: &Secret, task: &Task) -> Result<(), Failure> {
        let doing = format!("set the key of the secret {}", want.name);
        let key = want.kms_key.key().map_or("", String::as_str);
        let set = settled(task, &[&SECRET_BACK], || async {
            self.client.update_secret().secret_id(arn).kms_key_id(key).send().await.or_fail(&doing)
        });
        set.await.map(drop)
    }
}
