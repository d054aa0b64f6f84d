//! The calls that read and change a key's settings.

use aws_sdk_kms::types::KeyMetadata;

use super::key::{Grant, Key, KeyKey, KeyLive, KeyOutputs};
use super::refusals::{KEY_PENDING, KEY_TAGGED, KEY_VISIBLE};
use super::{Kms, is_pending, pairs};
use crate::aws::error::{OrAbsent, OrFail, empty, several};
use crate::aws::refusals::DENIED;
use crate::aws::settle::{Wait, settled};
use crate::engine::{Failure, Found, Provider, Task};
use crate::policy::Policy;

/// The only name that a key's policy can have.
pub(super) const DEFAULT: &str = "default";

/// The waits that may be necessary after a key was created.
pub(super) const NEW: &[&Wait] = &[&KEY_VISIBLE, &KEY_TAGGED];

impl Kms {
    async fn policy(&self, arn: &str) -> Result<Option<Policy>, Failure> {
        let doing = format!("read the policy of the key {arn}");
        let answer = self.client.get_key_policy().key_id(arn).policy_name(DEFAULT).send().await;
        let Some(answer) = answer.or_fail(&doing).or_absent()? else { return Ok(None) };
        let text = answer.policy.unwrap_or_else(|| "{}".to_owned());
        let policy = Policy::parse(&text)
            .map_err(|error| Failure::refused(format!("could not {doing}: it is not JSON: {error}")))?;
        Ok(Some(policy))
    }

    /// The rotation period in days; `None` if the key is not rotated.
    async fn rotation(&self, arn: &str) -> Result<Option<i32>, Failure> {
        /// AWS's default period, for answers that do not contain a period.
        const A_YEAR: i32 = 365;
        let doing = format!("read the rotation of the key {arn}");
        let answer = self.client.get_key_rotation_status().key_id(arn).send().await.or_fail(&doing).or_absent()?;
        let on = answer.filter(|answer| answer.key_rotation_enabled);
        Ok(on.map(|answer| answer.rotation_period_in_days.unwrap_or(A_YEAR)))
    }

    async fn aliases(&self, arn: &str) -> Result<Vec<String>, Failure> {
        let mut pages = self.client.list_aliases().key_id(arn).into_paginator().items().send();
        let mut names = Vec::new();
        while let Some(alias) = pages.next().await {
            let Some(alias) = alias.or_fail(&format!("list the aliases of the key {arn}")).or_absent()? else { break };
            names.extend(alias.alias_name);
        }
        Ok(names)
    }

    async fn grants(&self, arn: &str) -> Result<Vec<Grant>, Failure> {
        let mut pages = self.client.list_grants().key_id(arn).into_paginator().items().send();
        let mut grants = Vec::new();
        while let Some(grant) = pages.next().await {
            let Some(grant) = grant.or_fail(&format!("list the grants of the key {arn}")).or_absent()? else { break };
            grants.push(Grant::read(&grant));
        }
        Ok(grants)
    }

    /// The stack's key with this alias, even if its deletion is scheduled.
    pub(super) async fn find(&self, key: &KeyKey) -> Result<Option<KeyMetadata>, Failure> {
        let (named, tagged) = tokio::join!(self.describe(&key.alias), self.tagged(&key.id));
        // For an alias that does not exist, AWS may answer that access is denied. If the alias exists, its key is in
        // the lists, and reading that key's tags fails too.
        let named = named.or_else(|failure| if DENIED.is(&failure) { Ok(None) } else { Err(failure) })?;
        if let Some(named) = named {
            let arn = named.arn().unwrap_or(named.key_id()).to_owned();
            return match self.tags_of(&arn).await? {
                Some(tags) if is_pending(&named) && self.scope.owned(pairs(&tags)) => Ok(Some(named)),
                Some(tags) if self.scope.owns(pairs(&tags)) => Ok(Some(named)),
                Some(_) => Err(Failure::foreign(&format!("a key with the alias {}", key.alias), &arn)),
                None => Ok(None),
            };
        }
        let mut found = Vec::new();
        for arn in tagged? {
            found.extend(self.describe(&arn).await?);
        }
        // If there is a key in use, it is the stack's key. If the deletion of all keys is scheduled, any of them can be
        // used.
        let in_use: Vec<&KeyMetadata> = found.iter().filter(|key| !is_pending(key)).collect();
        match in_use.as_slice() {
            [] => Ok(found.into_iter().next()),
            [one] => Ok(Some((*one).clone())),
            all => {
                let ids: Vec<&str> = all.iter().map(|key| key.key_id()).collect();
                Err(several("keys", &key.alias, &ids))
            }
        }
    }

    /// The settings of a key that its description does not contain; `None` if there is no such key.
    pub(super) async fn access(&self, arn: &str) -> Result<Option<Access>, Failure> {
        let (policy, rotation_days, aliases, grants) =
            tokio::join!(self.policy(arn), self.rotation(arn), self.aliases(arn), self.grants(arn));
        let Some(policy) = policy? else { return Ok(None) };
        Ok(Some(Access { policy, rotation_days: rotation_days?, aliases: aliases?, grants: grants? }))
    }
}

/// A key's settings that separate calls return.
pub(super) struct Access {
    policy: Policy,
    rotation_days: Option<i32>,
    aliases: Vec<String>,
    grants: Vec<Grant>,
}

impl Access {
    pub(super) fn live(self, key: &KeyMetadata) -> KeyLive {
        let form = (
            key.key_spec().map(ToString::to_string).unwrap_or_default(),
            key.key_usage().map(ToString::to_string).unwrap_or_default(),
        );
        KeyLive {
            state: key.key_state().map(ToString::to_string).unwrap_or_default(),
            description: key.description().unwrap_or_default().to_owned(),
            form,
            policy: self.policy,
            rotation_days: self.rotation_days,
            aliases: self.aliases,
            grants: self.grants,
        }
    }
}

impl Kms {
    pub(super) async fn rotate(&self, arn: &str, want: &Key, waits: &[&Wait], task: &Task) -> Result<(), Failure> {
        let doing = format!("enable the rotation of the key {}", want.alias);
        let set = settled(task, waits, || async {
            let call = self.client.enable_key_rotation().key_id(arn).rotation_period_in_days(want.rotation_days);
            call.send().await.or_fail(&doing)
        });
        set.await.map(drop)
    }

    pub(super) async fn name(&self, arn: &str, want: &Key, waits: &[&Wait], task: &Task) -> Result<(), Failure> {
        let doing = format!("create the alias {} for the key", want.alias);
        let named = settled(task, waits, || async {
            self.once.create_alias().alias_name(&want.alias).target_key_id(arn).send().await.or_fail(&doing)
        });
        named.await.map(drop)
    }

    pub(super) async fn enable(&self, arn: &str, task: &Task) -> Result<(), Failure> {
        let doing = format!("enable the key {arn}");
        let enabled = settled(task, &[&KEY_VISIBLE], || async {
            self.client.enable_key().key_id(arn).send().await.or_fail(&doing)
        });
        enabled.await.map(drop)
    }

    /// Cancels the deletion of a key and uses it again.
    pub(super) async fn bring_back(&self, arn: String, want: &Key, task: &Task) -> Result<KeyOutputs, Failure> {
        task.note("cancelling the key's deletion");
        let doing = format!("cancel the deletion of the key {arn}");
        match self.client.cancel_key_deletion().key_id(&arn).send().await.or_fail(&doing) {
            // Somebody else has already cancelled the deletion.
            Err(failure) if KEY_PENDING.is(&failure) => {}
            answer => drop(answer?),
        }
        // A cancelled deletion leaves the key disabled.
        self.enable(&arn, task).await?;
        self.claim(&arn, &want.id, task).await?;
        let (key, access) = tokio::join!(self.describe(&arn), self.access(&arn));
        let (Some(key), Some(access)) = (key?, access?) else {
            return Err(empty("a key whose deletion was cancelled"));
        };
        let found = Found { outputs: KeyOutputs { arn, alias: want.alias.clone() }, live: access.live(&key) };
        self.update(want, &found, task).await
    }
}
