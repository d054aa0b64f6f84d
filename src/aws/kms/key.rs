//! A key, its policy, its rotation and its grants.

use std::fmt;

use aws_sdk_kms::types::{GrantListEntry, KeySpec, KeyState, KeyUsageType, Tag};
use serde::{Deserialize, Serialize};

use super::calls::{DEFAULT, NEW};
use super::refusals::KEY_PENDING;
use super::{ALIASES, KEYS, Kms, SERVICE, is_pending, pairs};
use crate::aws::error::{OrAbsent, OrFail, empty};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::settled;
use crate::aws::tags::tags;
use crate::engine::{Comparison, Effect, Failure, Found, Listing, Provider, Resource, Retag, Tags, Task};
use crate::layer::Layer;
use crate::policy::Policy;
use crate::scope::Whose;

/// The prefix of the header `x-amz-target` of a request to KMS.
const TARGET: &str = "TrentService";

/// The ARNs of secrets whose names begin with the stack's name.
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
    /// The rotation period in days: 90 to 2560.
    pub rotation_days: i32,
    /// The ARN prefix of the stack's roles, to which a service may grant the use of the key.
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
    pub(super) fn read(grant: &GrantListEntry) -> Self {
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
    /// `Enabled` or `Disabled`. A key whose deletion is scheduled is not read.
    pub state: String,
    pub description: String,
    /// `SYMMETRIC_DEFAULT` and `ENCRYPT_DECRYPT`, for a key that this program made.
    pub form: (String, String),
    pub policy: Policy,
    /// `None` if the key is not rotated.
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
    /// The grants that let somebody else use the key. Lambda creates grants for the roles of functions, which are
    /// wanted. A grant to the id of a principal that no longer exists gives nobody access.
    fn unwanted<'a>(&'a self, live: &'a KeyLive) -> impl Iterator<Item = &'a Grant> {
        let given = |grant: &&Grant| grant.to.contains([':', '.']) && !grant.to.starts_with(&self.roles);
        live.grants.iter().filter(given)
    }
}

impl Resource for Key {
    const KIND: &'static str = "kms.key";
    const GOES_WITH_PARENT: bool = false;
    // The alias is unique, but `CreateKey` does not contain it.
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
            // A longer period weakens. If the rotation is off, the setting before already reports it.
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
            // An additional alias gives nobody access to the key.
            compared = compared.judged("Aliases", others.join(", "), others.join(", "), Effect::Same);
        }
        compared
    }

    fn requires_replacement(&self, drift: &[crate::engine::Drift]) -> Option<Failure> {
        drift.iter().any(|setting| setting.field == FORM).then(|| {
            Failure::refused(format!("the key {} is not symmetric, and AWS cannot change that", self.alias))
                .hint("another tool created this key: remove the stack's tags from it, or give the stack another name")
        })
    }
}

impl Described for Key {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "key",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::Kms,
        // The key is deleted after all resources that may need it, because AWS would schedule its deletion even if they
        // existed.
        gone_before: &[
            "dynamodb.table",
            "lambda.function",
            "logs.group",
            "secretsmanager.secret",
            "sns.topic",
            "sqs.queue",
        ],
        permissions: &[
            StatementTemplate {
                sid: Sid::RetagOwn,
                on: KEYS,
                rights: &[Permissions { needs: &[Usage::Update], actions: &["kms:TagResource", "kms:UntagResource"] }],
            },
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
            // To check whether a deleted secret that can still be restored needs the key.
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
            Rate::per_second(30, Calls::Operations(TARGET, &["RevokeGrant"])),
            Rate::per_second(100, Calls::Operations(TARGET, &["ListGrants"])),
            Rate::per_second(500, Calls::Operations(TARGET, &["ListAliases"])),
            Rate::per_second(500, Calls::Operations(TARGET, &["ListKeys"])),
            Rate::per_second(1000, Calls::Operations(TARGET, &["GetKeyPolicy"])),
            Rate::per_second(1000, Calls::Operations(TARGET, &["GetKeyRotationStatus"])),
            Rate::per_second(2000, Calls::Operations(TARGET, &["DescribeKey"])),
            Rate::per_second(2000, Calls::Operations(TARGET, &["ListResourceTags"])),
        ],
        check: SettingsCheck {
            layer: Layer::Secrets,
            subject: "the stack's key",
            holds: "only this account and the services of the stack can use it, and AWS replaces its material regularly",
            read: "DescribeKey, GetKeyPolicy, GetKeyRotationStatus and ListGrants",
        },
    };
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
        // A disabled key must be enabled before it can be changed in other ways.
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
            call.send().await.or_fail(&format!("set the description of the key {}", want.alias))?;
        }
        Ok(found.outputs.clone())
    }

    async fn tags(&self, of: &KeyOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        self.tags_at(&of.arn).await
    }

    async fn retag(&self, of: &KeyOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&of.arn, change, task).await
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::Clients;
    use crate::aws::kms::NO_PERMISSION;
    use crate::aws::kms::RemovalOf;
    use crate::aws::testing::{asked, replay};
    use crate::engine::{Cause, Drift};

    const ARN: &str = "arn:aws:kms:eu-central-1:123456789012:key/k";
    const GONE: (u16, &str) = (400, r#"{"__type":"NotFoundException","message":"no such key"}"#);
    const PENDING: (u16, &str) = (400, r#"{"__type":"KMSInvalidStateException","message":"k is pending deletion."}"#);

    fn policy() -> Policy {
        Policy::new([json!({ "Sid": "Root", "Effect": "Allow",
            "Principal": { "AWS": "arn:aws:iam::123456789012:root" }, "Action": "kms:*", "Resource": "*" })])
    }

    fn want() -> Key {
        Key {
            id: "key.stack".into(),
            alias: "alias/demo".into(),
            description: "d".into(),
            policy: policy(),
            rotation_days: 365,
            roles: "arn:aws:iam::123456789012:role/securelambda/demo/".into(),
        }
    }

    fn live() -> KeyLive {
        KeyLive {
            state: "Enabled".into(),
            description: "d".into(),
            form: ("SYMMETRIC_DEFAULT".into(), "ENCRYPT_DECRYPT".into()),
            policy: policy(),
            rotation_days: Some(365),
            aliases: vec!["alias/demo".into()],
            grants: Vec::new(),
        }
    }

    fn outputs() -> KeyOutputs {
        KeyOutputs { arn: ARN.into(), alias: "alias/demo".into() }
    }

    fn kms(answers: Vec<(u16, &str)>, removal: RemovalOf) -> (Kms, impl Fn() -> Vec<(String, String)>) {
        let (clients, http) = replay(answers);
        let clients = Clients { removal, ..clients };
        (Kms::new(&clients), move || asked(&http))
    }

    fn described(state: &str) -> String {
        json!({ "KeyMetadata": { "KeyId": "k", "Arn": ARN, "KeyState": state, "Description": "d",
            "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT" } })
        .to_string()
    }

    fn tags(stack: &str) -> String {
        let tag = |key: &str, value: &str| json!({ "TagKey": key, "TagValue": value });
        json!({ "Tags": [tag("securelambda:stack", stack), tag("securelambda:resource", "key.stack")] }).to_string()
    }

    /// The answers about all settings except the description, in the order of the calls.
    fn access() -> [String; 4] {
        [
            json!({ "Policy": policy().to_string() }),
            json!({ "KeyRotationEnabled": true, "RotationPeriodInDays": 365 }),
            json!({ "Aliases": [{ "AliasName": "alias/demo", "TargetKeyId": "k" }] }),
            json!({ "Grants": [] }),
        ]
        .map(|answer| answer.to_string())
    }

    #[test]
    fn a_key_as_wanted_has_no_drift() {
        assert_eq!(want().drift(&live()), []);
        // A second name of the key is kept, and so are the grants that Lambda makes for the stack's functions.
        let more = KeyLive {
            aliases: vec!["alias/demo".into(), "alias/mine".into()],
            grants: ["arn:aws:iam::123456789012:role/securelambda/demo/demo-F", "AROAEXAMPLE"]
                .map(|to| Grant { id: to.into(), to: to.into() })
                .into(),
            ..live()
        };
        assert_eq!(want().drift(&more), []);
    }

    #[test]
    fn what_opens_the_key_or_stops_its_rotation_weakens() {
        let anybody = json!({ "Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*" });
        let open = Policy::new(policy().statements().cloned().chain([anybody]));
        let grant = |to: &str| vec![Grant { id: "g".into(), to: to.into() }];
        for (field, weakens, live) in [
            (POLICY, true, KeyLive { policy: open, ..live() }),
            (POLICY, false, KeyLive { policy: Policy::default(), ..live() }),
            (ROTATION, true, KeyLive { rotation_days: None, ..live() }),
            (PERIOD, true, KeyLive { rotation_days: Some(2560), ..live() }),
            (PERIOD, false, KeyLive { rotation_days: Some(90), ..live() }),
            (GRANTS, true, KeyLive { grants: grant("arn:aws:iam::999999999999:root"), ..live() }),
            (GRANTS, true, KeyLive { grants: grant("ec2.amazonaws.com"), ..live() }),
            (
                GRANTS,
                true,
                KeyLive { grants: grant("arn:aws:iam::123456789012:role/securelambda/demo-prod/x"), ..live() },
            ),
            (ALIAS, false, KeyLive { aliases: Vec::new(), ..live() }),
            (STATE, false, KeyLive { state: "Disabled".into(), ..live() }),
            (DESCRIPTION, false, KeyLive { description: String::new(), ..live() }),
        ] {
            let drift: Vec<_> =
                want().drift(&live).into_iter().map(|Drift { field, weakens, .. }| (field, weakens)).collect();
            assert_eq!(drift, [(field.to_owned(), weakens)]);
        }
        let other = KeyLive { form: ("RSA_2048".into(), "SIGN_VERIFY".into()), ..live() };
        assert!(want().requires_replacement(&want().drift(&other)).is_some());
    }

    #[tokio::test]
    async fn a_recorded_key_is_read_in_one_step() {
        let (key, ours) = (described("Enabled"), tags("demo"));
        let [policy, rotation, aliases, grants] = access();
        let texts = [&key, &ours, &policy, &rotation, &aliases, &grants];
        let (kms, asked) = kms(texts.iter().map(|text| (200, text.as_str())).collect(), RemovalOf::Part);
        let found = kms.read(&want().key(), Some(&outputs()), &Task::detached("key.stack")).await.unwrap().unwrap();
        assert_eq!(want().drift(&found.live), []);
        assert!(asked().iter().all(|(_, body)| body.contains(ARN)), "{:?}", asked());
    }

    #[tokio::test]
    async fn a_key_without_an_alias_is_found_by_its_tags() {
        let keys = json!({ "Keys": [
            { "KeyId": "aws", "KeyArn": "arn:aws:kms:eu-central-1:123456789012:key/aws" },
            { "KeyId": "theirs", "KeyArn": "arn:aws:kms:eu-central-1:123456789012:key/theirs" },
            { "KeyId": "k", "KeyArn": ARN },
        ] });
        let alias = |name: &str, key: &str| json!({ "AliasName": name, "TargetKeyId": key });
        let aliases = json!({ "Aliases": [alias("alias/aws/sns", "aws"), alias("alias/theirs", "theirs")] });
        let (keys, aliases, ours, key) = (keys.to_string(), aliases.to_string(), tags("demo"), described("Enabled"));
        for alias in [GONE, NO_PERMISSION] {
            let answers = vec![alias, (200, &*keys), (200, &*aliases), (200, &*ours), (200, &*key)];
            let (kms, asked) = kms(answers, RemovalOf::Part);
            let found = kms.find(&want().key()).await.unwrap().unwrap();
            assert_eq!(found.arn(), Some(ARN));
            let calls: Vec<String> = asked().into_iter().map(|(call, _)| call).collect();
            assert_eq!(calls, ["DescribeKey", "ListKeys", "ListAliases", "ListResourceTags", "DescribeKey"]);
        }
    }

    #[tokio::test]
    async fn an_alias_of_a_key_that_may_not_be_read_is_not_taken() {
        let keys = json!({ "Keys": [{ "KeyId": "k", "KeyArn": ARN }] }).to_string();
        let aliases = json!({ "Aliases": [{ "AliasName": want().alias, "TargetKeyId": "k" }] }).to_string();
        let (kms, _) = kms(vec![NO_PERMISSION, (200, &*keys), (200, &*aliases), NO_PERMISSION], RemovalOf::Part);
        let failure = kms.find(&want().key()).await.unwrap_err();
        assert!(crate::aws::refusals::DENIED.is(&failure), "{failure:?}");
    }

    #[tokio::test]
    async fn the_alias_of_a_strangers_key_is_not_taken() {
        let none = json!({ "Keys": [], "Aliases": [] }).to_string();
        let (key, theirs) = (described("Enabled"), tags("demo-prod"));
        let answers = vec![(200, &*key), (200, &*none), (200, &*none), (200, &*theirs)];
        let (kms, _) = kms(answers, RemovalOf::Part);
        let failure = kms.find(&want().key()).await.unwrap_err();
        assert_eq!((failure.cause, failure.resource.as_deref()), (Cause::Foreign, Some(ARN)));
    }

    #[tokio::test]
    async fn a_key_that_waits_for_its_deletion_does_not_exist_and_is_brought_back() {
        let none = json!({ "Keys": [], "Aliases": [] }).to_string();
        let (pending, back_again, ours) = (described("PendingDeletion"), described("Enabled"), tags("demo"));
        let [policy, rotation, aliases, grants] = access();
        let found = vec![(200, &*pending), (200, &*none), (200, &*none), (200, &*ours)];
        let read = vec![
            (200, &*pending),
            (200, &*ours),
            (200, &*policy),
            (200, &*rotation),
            (200, &*aliases),
            (200, &*grants),
        ];
        let (kms_, _) = kms([found.clone(), read].concat(), RemovalOf::Part);
        let task = Task::detached("key.stack");
        assert!(kms_.read(&want().key(), None, &task).await.unwrap().is_none());

        let off = json!({ "KeyRotationEnabled": false }).to_string();
        let back = vec![
            (200, r#"{"KeyId":"k"}"#),
            (200, "{}"),
            (200, &*back_again),
            (200, &*policy),
            (200, &*off),
            (200, &*aliases),
            (200, &*grants),
            (200, "{}"),
        ];
        let (kms, asked) = kms([found, back].concat(), RemovalOf::Part);
        assert_eq!(kms.create(&want(), &task).await.unwrap(), outputs());
        let calls: Vec<String> = asked().into_iter().skip(4).map(|(call, _)| call).collect();
        assert_eq!(calls[..2], ["CancelKeyDeletion", "EnableKey"]);
        assert_eq!(calls.last().unwrap(), "EnableKeyRotation", "what changed meanwhile is put right");
        assert!(!calls.contains(&"CreateKey".to_owned()));
    }

    #[tokio::test]
    async fn a_new_key_has_its_policy_and_tags_from_the_first_call() {
        let none = json!({ "Keys": [], "Aliases": [] }).to_string();
        let made = described("Enabled");
        let answers = vec![GONE, (200, &*none), (200, &*none), (200, &*made), (200, "{}"), (200, "{}")];
        let (kms, asked) = kms(answers, RemovalOf::Part);
        assert_eq!(kms.create(&want(), &Task::detached("key.stack")).await.unwrap(), outputs());
        let calls = asked();
        assert_eq!(calls[3].0, "CreateKey");
        for part in ["securelambda:stack", "SYMMETRIC_DEFAULT", "kms:*"] {
            assert!(calls[3].1.contains(part), "{part}: {calls:?}");
        }
        assert!(calls[4].1.contains(r#""RotationPeriodInDays":365"#) && calls[5].1.contains("alias/demo"), "{calls:?}");
    }

    /// A secret, as ListSecrets and DescribeSecret return it.
    fn secret(key: &str, deleted: bool) -> Value {
        let mut secret =
            json!({ "Name": "demo-s", "ARN": "arn:aws:secretsmanager:r:1:secret:demo-s-AbCdEf", "KmsKeyId": key });
        if deleted {
            secret["DeletedDate"] = json!(1.795_824e9);
        }
        secret
    }

    async fn deleted(secrets: &[Value], removal: RemovalOf) -> Result<String, Failure> {
        let list = json!({ "SecretList": secrets }).to_string();
        let each: Vec<String> = secrets.iter().map(ToString::to_string).collect();
        let mut answers = vec![(200, &*list)];
        answers.extend(each.iter().map(|secret| (200, secret.as_str())));
        answers.push((200, "{}"));
        let (kms, asked) = kms(answers, removal);
        kms.delete(&outputs(), &Task::detached("key.stack")).await?;
        let (call, body) = asked().pop().unwrap();
        assert_eq!(call, "ScheduleKeyDeletion");
        let body: Value = serde_json::from_str(&body).unwrap();
        Ok(body["PendingWindowInDays"].to_string())
    }

    #[tokio::test]
    async fn a_key_waits_longer_than_every_secret_that_needs_it() {
        assert_eq!(deleted(&[], RemovalOf::Stack).await.unwrap(), "7");
        assert_eq!(deleted(&[secret("another", true)], RemovalOf::Stack).await.unwrap(), "7");
        for name in [ARN, "alias/demo"] {
            assert_eq!(deleted(&[secret(name, true)], RemovalOf::Stack).await.unwrap(), "30");
        }
        assert_eq!(deleted(&[], RemovalOf::Part).await.unwrap(), "30", "old log events stay");
        let kept = deleted(&[secret(ARN, false)], RemovalOf::Stack).await.unwrap_err();
        assert!(kept.to_string().contains("demo-s"), "{kept}");
    }

    #[tokio::test]
    async fn a_key_waits_long_if_the_secrets_cannot_be_listed() {
        let denied = (400, r#"{"__type":"AccessDeniedException","message":"no"}"#);
        let (kms, asked) = kms(vec![denied, (200, "{}")], RemovalOf::Stack);
        kms.delete(&outputs(), &Task::detached("key.stack")).await.unwrap();
        assert!(asked()[1].1.contains(r#""PendingWindowInDays":30"#), "{:?}", asked());
    }

    #[tokio::test]
    async fn a_key_that_is_gone_or_waits_already_is_deleted() {
        for answer in [GONE, PENDING] {
            let (kms, asked) = kms(vec![(200, r#"{"SecretList":[]}"#), answer], RemovalOf::Stack);
            kms.delete(&outputs(), &Task::detached("key.stack")).await.unwrap();
            assert_eq!(asked().len(), 2);
        }
    }

    #[tokio::test]
    async fn changes_are_made_one_by_one_and_a_disabled_key_is_enabled_first() {
        let grant = Grant { id: "g".into(), to: "arn:aws:iam::999999999999:root".into() };
        let live = KeyLive {
            state: "Disabled".into(),
            description: "x".into(),
            policy: Policy::default(),
            rotation_days: None,
            aliases: Vec::new(),
            grants: vec![grant],
            ..live()
        };
        let (kms, asked) = kms(vec![(200, "{}"); 6], RemovalOf::Part);
        let found = Found { outputs: outputs(), live };
        kms.update(&want(), &found, &Task::detached("key.stack")).await.unwrap();
        let calls: Vec<String> = asked().into_iter().map(|(call, _)| call).collect();
        let expected =
            ["EnableKey", "PutKeyPolicy", "RevokeGrant", "EnableKeyRotation", "CreateAlias", "UpdateKeyDescription"];
        assert_eq!(calls, expected);
    }
}
