//! A key, its policy, its rotation and its grants.

use std::fmt;

use aws_sdk_kms::types::{GrantListEntry, KeyMetadata, KeySpec, KeyState, KeyUsageType, Tag};
use serde::{Deserialize, Serialize};

use super::{ALIASES, KEYS, Kms, is_pending, pairs};
use crate::aws::error::{OrAbsent, OrFail, empty, several};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::refusals::KEY_PENDING;
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::{KEY_TAGGED, KEY_VISIBLE, Wait, settled};
use crate::aws::tags;
use crate::engine::{Comparison, Effect, Failure, Found, Listing, Provider, Resource, Task};
use crate::layer::Layer;
use crate::policy::Policy;
use crate::regions::Service;
use crate::scope::Whose;

/// What may last after a key was created.
const NEW: &[&Wait] = &[&KEY_VISIBLE, &KEY_TAGGED];

/// What the header `x-amz-target` of a request to KMS begins with.
const TARGET: &str = "TrentService.";

/// The only name that a key's policy can have.
const DEFAULT: &str = "default";

/// The secrets whose names begin like this stack's.
const SECRETS: &[&str] = &["{arn:secretsmanager}:secret:{stack}-*"];

/// A symmetric key.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// `alias/<stack>`.
    pub alias: String,
    pub description: String,
    pub policy: Policy,
    /// After how many days AWS replaces the key's material: 90 to 2560.
    pub rotation_days: i32,
    /// What the ARN of a principal begins with that a service may grant the use of the key: the stack's roles.
    pub roles: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyOutputs {
    /// `arn:aws:kms:<region>:<account>:key/<id>`.
    pub arn: String,
    pub alias: String,
}

/// A key is looked up by its alias, or by its tags as long as it has none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyKey {
    pub(super) id: String,
    pub(super) alias: String,
}

/// A permission to use a key that its policy does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub id: String,
    /// An ARN, a service, or the id of a principal that no longer exists.
    pub to: String,
}

impl Grant {
    fn read(grant: &GrantListEntry) -> Self {
        let to = grant.grantee_service_principal().or(grant.grantee_principal());
        Self { id: grant.grant_id().unwrap_or_default().to_owned(), to: to.unwrap_or("unknown").to_owned() }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to)
    }
}

/// A key's settings.
#[derive(Debug, Clone)]
pub struct KeyLive {
    /// `Enabled` or `Disabled`. A key that waits for its deletion is not read.
    pub state: String,
    pub description: String,
    /// `SYMMETRIC_DEFAULT` and `ENCRYPT_DECRYPT`, for a key that this program made.
    pub form: (String, String),
    pub policy: Policy,
    /// `None`: the material is never replaced.
    pub rotation_days: Option<i32>,
    pub aliases: Vec<String>,
    pub grants: Vec<Grant>,
}

const STATE: &str = "KeyState";
const FORM: &str = "KeySpec";
const POLICY: &str = "KeyPolicy";
const ROTATION: &str = "KeyRotationEnabled";
const PERIOD: &str = "RotationPeriodInDays";
const ALIAS: &str = "AliasName";
const GRANTS: &str = "Grants";
const DESCRIPTION: &str = "Description";

impl Key {
    /// The grants that give somebody else the use of the key. Lambda grants it to the roles of functions. The id of a
    /// principal that no longer exists gives nobody anything.
    fn unwanted<'a>(&'a self, live: &'a KeyLive) -> impl Iterator<Item = &'a Grant> {
        let given = |grant: &&Grant| grant.to.contains([':', '.']) && !grant.to.starts_with(&self.roles);
        live.grants.iter().filter(given)
    }
}

impl Resource for Key {
    const KIND: &'static str = "kms.key";
    const GOES_WITH_PARENT: bool = false;
    // The alias is, but the call that makes the key does not name it.
    const NAME_IS_UNIQUE: bool = false;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true; // without it, nothing that it encrypts can be read
    const SETTLES_IN: usize = 2;
    type Key = KeyKey;
    type Outputs = KeyOutputs;
    type Live = KeyLive;

    fn key(&self) -> KeyKey {
        KeyKey { id: self.id.clone(), alias: self.alias.clone() }
    }

    fn identity(outputs: &KeyOutputs) -> String {
        outputs.arn.clone()
    }

    fn removal_command(outputs: &KeyOutputs) -> Option<String> {
        Some(format!("aws kms schedule-key-deletion --pending-window-in-days 30 --key-id {}", outputs.arn))
    }

    fn compare(&self, live: &KeyLive) -> Comparison {
        let (spec, usage) = &live.form;
        let symmetric = format!("{} {}", KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt);
        let period = match live.rotation_days {
            Some(days) if days == self.rotation_days => Effect::Same,
            Some(days) if days < self.rotation_days => Effect::Differs,
            // Rotation that is off was named before.
            Some(_) => Effect::Weakens,
            None => Effect::Same,
        };
        let shown = |days: Option<i32>| days.map_or("none".to_owned(), |days| days.to_string());
        let own = live.aliases.contains(&self.alias);
        let others: Vec<&str> = live.aliases.iter().filter(|alias| **alias != self.alias).map(String::as_str).collect();
        let mut compared = Comparison::default()
            .plain(STATE, KeyState::Enabled, &live.state)
            .guard(FORM, symmetric, format!("{spec} {usage}"))
            .judged(POLICY, &self.policy, &live.policy, self.policy.judge(&live.policy))
            .guard(ROTATION, true, live.rotation_days.is_some())
            .judged(PERIOD, self.rotation_days, shown(live.rotation_days), period)
            .plain(ALIAS, &self.alias, if own { self.alias.as_str() } else { "none" })
            .nothing_else(GRANTS, self.unwanted(live))
            .plain(DESCRIPTION, &self.description, &live.description);
        if !others.is_empty() {
            // A further name of the key gives nobody access to it.
            compared = compared.judged("Aliases", others.join(", "), others.join(", "), Effect::Same);
        }
        compared
    }

    fn requires_replacement(&self, drift: &[crate::engine::Drift]) -> Option<Failure> {
        drift.iter().any(|setting| setting.field == FORM).then(|| {
            Failure::refused(format!("the key {} is not symmetric, and AWS cannot change that", self.alias))
                .hint("it was not made by this program: remove its tags, or give the stack another name")
        })
    }
}

impl Described for Key {
    const ABOUT: Kind = Kind {
        service: Service::Kms,
        label: "key",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::Kms,
        // Nothing that remains may need it. AWS would schedule its deletion all the same.
        gone_before: &["lambda.function", "logs.group", "secretsmanager.secret", "sns.topic", "sqs.queue"],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: KEYS,
                rights: &[
                    Permissions {
                        needs: &[Usage::Read],
                        actions: &[
                            "kms:DescribeKey",
                            "kms:GetKeyPolicy",
                            "kms:GetKeyRotationStatus",
                            "kms:ListGrants",
                            "kms:ListResourceTags",
                        ],
                    },
                    Permissions { needs: &[Usage::Survivors], actions: &["kms:DescribeKey", "kms:ListResourceTags"] },
                ],
            },
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[
                    Permissions {
                        needs: &[Usage::Read, Usage::Survivors],
                        actions: &["kms:ListAliases", "kms:ListKeys"],
                    },
                    Permissions { needs: &[Usage::Delete], actions: &["secretsmanager:ListSecrets"] },
                ],
            },
            // Whether a secret that can be recovered needs the key.
            StatementTemplate {
                sid: Sid::FindOwn,
                on: SECRETS,
                rights: &[Permissions { needs: &[Usage::Delete], actions: &["secretsmanager:DescribeSecret"] }],
            },
            StatementTemplate {
                sid: Sid::MakeKeys,
                on: &["*"],
                rights: &[Permissions { needs: &[Usage::Create], actions: &["kms:CreateKey"] }],
            },
            StatementTemplate {
                sid: Sid::TagNewKeys,
                on: KEYS,
                rights: &[Permissions { needs: &[Usage::Create], actions: &["kms:TagResource"] }],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: ALIASES,
                rights: &[Permissions { needs: &[Usage::Create, Usage::Update], actions: &["kms:CreateAlias"] }],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: KEYS,
                rights: &[
                    Permissions {
                        needs: &[Usage::Create, Usage::Update],
                        actions: &[
                            "kms:CreateAlias",
                            "kms:EnableKey",
                            "kms:EnableKeyRotation",
                            "kms:PutKeyPolicy",
                            "kms:RevokeGrant",
                            "kms:UpdateKeyDescription",
                        ],
                    },
                    Permissions { needs: &[Usage::Create], actions: &["kms:CancelKeyDeletion"] },
                    Permissions { needs: &[Usage::Delete], actions: &["kms:ScheduleKeyDeletion"] },
                ],
            },
            // The services use the key as the caller (docs/aws.md, Keys of the stack file).
            StatementTemplate {
                sid: Sid::UseOwnKey,
                on: KEYS,
                rights: &[
                    Permissions { needs: &[Usage::Read, Usage::Create, Usage::Update], actions: &["kms:Decrypt"] },
                    Permissions {
                        needs: &[Usage::Create, Usage::Update],
                        actions: &["kms:CreateGrant", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"],
                    },
                ],
            },
        ],
        rates: &[
            Rate::per_second(5, Calls::Operations(TARGET, &["CreateKey"])),
            Rate::per_second(5, Calls::Operations(TARGET, &["CreateAlias"])),
            Rate::per_second(5, Calls::Operations(TARGET, &["CancelKeyDeletion"])),
            Rate::per_second(5, Calls::Operations(TARGET, &["EnableKey"])),
            Rate::per_second(15, Calls::Operations(TARGET, &["EnableKeyRotation"])),
            Rate::per_second(15, Calls::Operations(TARGET, &["PutKeyPolicy"])),
            Rate::per_second(15, Calls::Operations(TARGET, &["ScheduleKeyDeletion"])),
            Rate::per_second(5, Calls::Operations(TARGET, &["UpdateKeyDescription"])),
            Rate::per_second(100, Calls::Operations(TARGET, &["ListGrants"])),
        ],
        check: SettingsCheck {
            layer: Layer::Secrets,
            subject: "key {}",
            holds: "only this account and the services of the stack can use it, and AWS replaces its material regularly",
            read: "DescribeKey, GetKeyPolicy, GetKeyRotationStatus and ListGrants",
        },
    };
}

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

    /// After how many days the material is replaced; `None` if it is not.
    async fn rotation(&self, arn: &str) -> Result<Option<i32>, Failure> {
        /// AWS's own period, for answers that do not name it.
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

    /// The stack's key with this alias, also one that waits for its deletion.
    async fn find(&self, key: &KeyKey) -> Result<Option<KeyMetadata>, Failure> {
        let (named, tagged) = tokio::join!(self.describe(&key.alias), self.tagged(&key.id));
        if let Some(named) = named? {
            let arn = named.arn().unwrap_or(named.key_id()).to_owned();
            return match self.tags_of(&arn).await? {
                Some(tags) if self.scope.owns(pairs(&tags)) => Ok(Some(named)),
                Some(_) => Err(Failure::foreign(&format!("a key with the alias {}", key.alias), &arn)),
                None => Ok(None),
            };
        }
        let mut found = Vec::new();
        for arn in tagged? {
            found.extend(self.describe(&arn).await?);
        }
        // A key in use is the stack's, whatever waits for its deletion. Of those, one is as good as the other.
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

    /// Everything but the description of a key; `None` if there is no such key.
    async fn access(&self, arn: &str) -> Result<Option<Access>, Failure> {
        let (policy, rotation_days, aliases, grants) =
            tokio::join!(self.policy(arn), self.rotation(arn), self.aliases(arn), self.grants(arn));
        let Some(policy) = policy? else { return Ok(None) };
        Ok(Some(Access { policy, rotation_days: rotation_days?, aliases: aliases?, grants: grants? }))
    }
}

/// A key's settings that calls of their own return.
struct Access {
    policy: Policy,
    rotation_days: Option<i32>,
    aliases: Vec<String>,
    grants: Vec<Grant>,
}

impl Access {
    fn live(self, key: &KeyMetadata) -> KeyLive {
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
    async fn rotate(&self, arn: &str, want: &Key, waits: &[&Wait], task: &Task) -> Result<(), Failure> {
        let doing = format!("let AWS rotate the key {}", want.alias);
        let set = settled(task, waits, || async {
            let call = self.client.enable_key_rotation().key_id(arn).rotation_period_in_days(want.rotation_days);
            call.send().await.or_fail(&doing)
        });
        set.await.map(drop)
    }

    async fn name(&self, arn: &str, want: &Key, waits: &[&Wait], task: &Task) -> Result<(), Failure> {
        let doing = format!("give the key the name {}", want.alias);
        let named = settled(task, waits, || async {
            self.once.create_alias().alias_name(&want.alias).target_key_id(arn).send().await.or_fail(&doing)
        });
        named.await.map(drop)
    }

    async fn enable(&self, arn: &str, task: &Task) -> Result<(), Failure> {
        let doing = format!("enable the key {arn}");
        let enabled = settled(task, &[&KEY_VISIBLE], || async {
            self.client.enable_key().key_id(arn).send().await.or_fail(&doing)
        });
        enabled.await.map(drop)
    }

    /// Cancels the deletion of a key and uses it again.
    async fn bring_back(&self, arn: String, want: &Key, task: &Task) -> Result<KeyOutputs, Failure> {
        task.note("cancelling its deletion");
        let doing = format!("cancel the deletion of the key {arn}");
        match self.client.cancel_key_deletion().key_id(&arn).send().await.or_fail(&doing) {
            // Somebody was faster.
            Err(failure) if KEY_PENDING.is(&failure) => {}
            answer => drop(answer?),
        }
        // A cancelled deletion leaves the key disabled.
        self.enable(&arn, task).await?;
        let (key, access) = tokio::join!(self.describe(&arn), self.access(&arn));
        let (Some(key), Some(access)) = (key?, access?) else {
            return Err(empty("a key whose deletion was cancelled"));
        };
        let found = Found { outputs: KeyOutputs { arn, alias: want.alias.clone() }, live: access.live(&key) };
        self.update(want, &found, task).await
    }
}

impl Provider<Key> for Kms {
    async fn read(&self, key: &KeyKey, known: Option<&KeyOutputs>, _: &Task) -> Result<Option<Found<Key>>, Failure> {
        let arn = match known {
            Some(known) => known.arn.clone(),
            None => match self.find(key).await? {
                Some(found) => found.arn().unwrap_or(found.key_id()).to_owned(),
                None => return Ok(None),
            },
        };
        let (described, tags, access) = tokio::join!(self.describe(&arn), self.tags_of(&arn), self.access(&arn));
        let (Some(described), Some(tags), Some(access)) = (described?.filter(|key| !is_pending(key)), tags?, access?)
        else {
            return Ok(None);
        };
        if !self.scope.owns(pairs(&tags)) {
            return Err(Failure::foreign("the key", &arn));
        }
        let outputs = KeyOutputs { arn, alias: key.alias.clone() };
        Ok(Some(Found { outputs, live: access.live(&described) }))
    }

    async fn create(&self, want: &Key, task: &Task) -> Result<KeyOutputs, Failure> {
        if let Some(waiting) = self.find(&want.key()).await? {
            let arn = waiting.arn().unwrap_or(waiting.key_id()).to_owned();
            return self.bring_back(arn, want, task).await;
        }
        let doing = format!("create the key {}", want.alias);
        let made = settled(task, &[], || async {
            let tags = tags(&self.scope, &want.id, |key, value| Tag::builder().tag_key(key).tag_value(value).build())?;
            let call = self.once.create_key().description(&want.description).policy(want.policy.to_string());
            let call = call.key_spec(KeySpec::SymmetricDefault).key_usage(KeyUsageType::EncryptDecrypt);
            call.set_tags(Some(tags)).send().await.or_fail(&doing)
        });
        let arn = made.await?.key_metadata.and_then(|key| key.arn).ok_or_else(|| empty("a new key"))?;
        let (rotated, named) = tokio::join!(self.rotate(&arn, want, NEW, task), self.name(&arn, want, NEW, task));
        rotated.and(named)?;
        Ok(KeyOutputs { arn, alias: want.alias.clone() })
    }

    async fn update(&self, want: &Key, found: &Found<Key>, task: &Task) -> Result<KeyOutputs, Failure> {
        let arn = &found.outputs.arn;
        let drift = want.drift(&found.live);
        // A disabled key cannot be changed in other ways.
        let differs = |field: &str| drift.iter().any(|setting| setting.field == field);
        if differs(STATE) {
            self.enable(arn, task).await?;
        }
        if differs(POLICY) {
            let call = self.client.put_key_policy().key_id(arn).policy_name(DEFAULT).policy(want.policy.to_string());
            call.send().await.or_fail(&format!("set the policy of the key {}", want.alias))?;
        }
        if differs(GRANTS) {
            for grant in want.unwanted(&found.live) {
                let revoked = self.client.revoke_grant().key_id(arn).grant_id(&grant.id).send().await;
                revoked.or_fail(&format!("revoke the grant of the key {} to {}", want.alias, grant.to)).or_absent()?;
            }
        }
        if differs(ROTATION) || differs(PERIOD) {
            self.rotate(arn, want, &[], task).await?;
        }
        if differs(ALIAS) {
            self.name(arn, want, &[], task).await?;
        }
        if differs(DESCRIPTION) {
            let call = self.client.update_key_description().key_id(arn).description(&want.description);
            call.send().await.or_fail(&format!("describe the key {}", want.alias))?;
        }
        Ok(found.outputs.clone())
    }

    async fn delete(&self, gone: &KeyOutputs, task: &Task) -> Result<(), Failure> {
        let days = self.waiting_days(&gone.arn, &gone.alias, task).await?;
        let doing = format!("schedule the deletion of the key {}", gone.arn);
        let call = self.client.schedule_key_deletion().key_id(&gone.arn).pending_window_in_days(days);
        match call.send().await.or_fail(&doing).or_absent() {
            Err(failure) if KEY_PENDING.is(&failure) => Ok(()),
            answer => answer.map(drop),
        }
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        Ok(self.keys(whose).await)
    }
}
