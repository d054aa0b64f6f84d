//! Secrets Manager: secrets whose value is a JSON object.
//!
//! Deleting a secret only schedules its deletion, and its name stays taken for days (docs/aws.md, Deletion and
//! recovery), so creating it again restores the old one. An operator need not read values and therefore must not be
//! able to. Instead the program compares the id of the current version, which it chooses when it writes a value:
//! - A value without hidden fields is first written under its own digest, so that this version can never contain
//!   another value.
//! - For any other value, half of the id is a digest of the visible fields, and half is random. Hidden values are never
//!   digested. The id is recorded, so that this version can be distinguished from other versions of ours.

mod access;
mod inventory;
pub mod refusals;
mod rotation;
mod secret;
mod tagging;

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;

use self::refusals::{NOT_RESTORED, SECRET_BACK, SECRET_EXISTS, SECRET_NAME, SECRET_SCHEDULED};
pub use self::rotation::{Rotation, RotationLive, RotationOutputs};
pub use self::secret::{Secret, SecretKey, SecretLive, SecretOutputs};
use super::Clients;
use super::error::{OrAbsent, OrFail, is_absent};
use super::retries::{client, once};
use super::service::AwsService;
use super::settle::settled;
use super::tags::tags;
use crate::engine::{Failure, Found, Listing, Provider, Resource, Retag, Tags, Task};
use crate::policy::Policy;
use crate::regions::Service;
use crate::scope::{Scope, Whose};
use crate::secret::SecretValue;

pub const SERVICE: Service = Service::new("secretsmanager", "Secrets Manager");

pub(super) const ABOUT: AwsService = AwsService {
    names: &[SERVICE.name],
    refusals: refusals::REFUSALS,
    waits: refusals::WAITS,
    #[cfg(test)]
    tests: refusals::tests::WAITS,
};

/// For how many days a deleted secret can be restored: the least that AWS allows, and free of charge.
const RECOVERY_DAYS: i64 = 7;

/// The label of the version that readers get.
const CURRENT: &str = "AWSCURRENT";

/// Manages secrets.
#[derive(Debug, Clone)]
pub struct SecretsManager {
    client: aws_sdk_secretsmanager::Client,
    /// Without the SDK's retries, for calls that create.
    once: aws_sdk_secretsmanager::Client,
    scope: Scope,
    deletion: DeletionMode,
    is_emulator: bool,
}

/// How a secret is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeletionMode {
    /// It can be restored for some days.
    #[default]
    Recoverable,
    /// Its value is lost at once, also during a recovery window.
    ForGood,
}

/// The secret that a create call led to.
enum Made {
    /// A new one, whose first version has this id.
    New(SecretOutputs),
    /// The old one, restored from its recovery window.
    Back { arn: String, live: SecretLive },
}

impl SecretsManager {
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: client!(aws_sdk_secretsmanager, &clients.sdk),
            once: once!(aws_sdk_secretsmanager, &clients.once),
            scope: clients.scope.clone(),
            deletion: clients.deletion,
            is_emulator: clients.is_emulator(),
        }
    }

    /// Deletes a secret without a recovery window, also one that is in its window. Until the deletion is finished,
    /// which takes seconds, the name is taken. A later create call waits for that.
    async fn purge(&self, arn: &str, task: &Task) -> Result<(), Failure> {
        let doing = format!("permanently delete {arn}");
        let purge = || async {
            let call = self.client.delete_secret().secret_id(arn).force_delete_without_recovery(true);
            call.send().await.or_fail(&doing)
        };
        match purge().await.or_absent() {
            // AWS accepts a forced deletion in the recovery window (docs/aws.md, Deletion and recovery). An emulator
            // that refuses it accepts it after the secret was restored.
            Err(failure) if SECRET_SCHEDULED.is(&failure) => {
                let restored = self.client.restore_secret().secret_id(arn).send().await;
                match restored.or_fail(&doing).or_absent() {
                    Ok(Some(_)) => settled(task, &[&SECRET_BACK], purge).await.or_absent().map(drop),
                    Ok(None) => Ok(()),
                    // A forced deletion is in progress already.
                    Err(failure) if SECRET_SCHEDULED.is(&failure) => Ok(()),
                    Err(failure) => Err(failure),
                }
            }
            answer => answer.map(drop),
        }
    }

    /// Deletes a secret in the deletion mode of this provider.
    async fn end(&self, arn: &str, task: &Task) -> Result<(), Failure> {
        if self.deletion == DeletionMode::ForGood {
            return self.purge(arn, task).await;
        }
        let call = self.client.delete_secret().secret_id(arn).recovery_window_in_days(RECOVERY_DAYS);
        match call.send().await.or_fail(&format!("delete {arn}")).or_absent() {
            Err(failure) if SECRET_SCHEDULED.is(&failure) => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// The date for which the deletion of a secret is scheduled, in Unix seconds; `None` if there is no
    /// such secret, or it is in use.
    ///
    /// # Errors
    /// The secret could not be read.
    pub async fn scheduled_deletion(&self, arn_or_name: &str) -> Result<Option<i64>, Failure> {
        let described = self.describe(arn_or_name).await?;
        Ok(described.and_then(|secret| secret.deleted_date).map(|date| date.secs()))
    }

    async fn describe(&self, arn_or_name: &str) -> Result<Option<DescribeSecretOutput>, Failure> {
        let answer = self.client.describe_secret().secret_id(arn_or_name).send().await;
        let secret = answer.or_fail(&format!("read the secret {arn_or_name}")).or_absent()?;
        Ok(secret.filter(|secret| is_asked_for(arn_or_name, secret)))
    }

    fn owns(&self, secret: &DescribeSecretOutput) -> bool {
        let tags = secret.tags().iter().filter_map(|tag| tag.key().zip(tag.value()));
        if secret.deleted_date.is_some() { self.scope.owned(tags) } else { self.scope.owns(tags) }
    }

    fn tags(&self, id: &str) -> Result<Vec<aws_sdk_secretsmanager::types::Tag>, Failure> {
        tags(&self.scope, id, |key, value| {
            Ok::<_, Failure>(aws_sdk_secretsmanager::types::Tag::builder().key(key).value(value).build())
        })
    }

    /// After a create that was refused because the name is taken: restores the secret if it is ours and scheduled for
    /// deletion. Otherwise returns the refusal, which is waited for or handled by the engine.
    async fn bring_back(&self, want: &Secret, refusal: Failure) -> Result<Made, Failure> {
        let Some(secret) = self.describe(&want.name).await? else { return Err(refusal) };
        if secret.deleted_date.is_none() {
            return Err(refusal);
        }
        let arn = secret.arn().unwrap_or(&want.name).to_owned();
        if !self.owns(&secret) {
            return Err(Failure::foreign("a secret that is scheduled for deletion", &arn));
        }
        let restored = self.client.restore_secret().secret_id(&arn).send().await;
        match restored.or_fail(&format!("restore the secret {}", want.name)) {
            Ok(_) => Ok(Made::Back { arn, live: live(&secret, None) }),
            // It is being deleted without a recovery window, and its name will be free.
            Err(failure) if is_absent(&failure) || NOT_RESTORED.is(&failure) => Err(refusal),
            Err(failure) => Err(failure),
        }
    }

    async fn put_value(&self, arn: &str, want: &Secret, version: &str, task: &Task) -> Result<(), Failure> {
        want.is_read()?;
        let doing = format!("write the value of the secret {}", want.name);
        self.put(arn, version, &want.document(), &doing, task).await.map_err(|failure| want.without_quotes(failure))
    }

    /// Writes a value as the current version. If AWS quotes the value, the failure contains it. The caller knows the
    /// secret parts and must remove them.
    pub(super) async fn put(
        &self,
        arn: &str,
        version: &str,
        document: &SecretValue,
        doing: &str,
        task: &Task,
    ) -> Result<(), Failure> {
        let put = settled(task, &[&SECRET_BACK], || async {
            let call = self.client.put_secret_value().secret_id(arn).client_request_token(version);
            call.secret_string(document.reveal()).send().await.or_fail(doing)
        });
        put.await.map(drop)
    }

    /// The version of a secret that readers get.
    pub(super) async fn current(&self, arn: &str) -> Result<Option<String>, Failure> {
        Ok(self.describe(arn).await?.and_then(|secret| live(&secret, None).current))
    }

    async fn describe_as(&self, arn: &str, want: &Secret, task: &Task) -> Result<(), Failure> {
        let doing = format!("set the description of the secret {}", want.name);
        let described = settled(task, &[&SECRET_BACK], || async {
            let call = self.client.update_secret().secret_id(arn).description(&want.description);
            call.send().await.or_fail(&doing)
        });
        described.await.map(drop)
    }
}

/// Whether this is the secret with exactly that name or ARN. AWS also finds secrets by parts of ARNs, and a name that
/// ends in a hyphen and six characters looks like an ARN's end (docs/aws.md, Names of secrets).
fn is_asked_for(arn_or_name: &str, secret: &DescribeSecretOutput) -> bool {
    let said = if arn_or_name.starts_with("arn:") { secret.arn() } else { secret.name() };
    said == Some(arn_or_name)
}

/// The settings in an answer of DescribeSecret.
fn live(secret: &DescribeSecretOutput, recorded: Option<String>) -> SecretLive {
    let versions = secret.version_ids_to_stages.iter().flatten();
    let current = versions.filter(|(_, stages)| stages.iter().any(|stage| stage == CURRENT)).map(|(id, _)| id.clone());
    let rotator = secret.rotation_lambda_arn().or(secret.owning_service());
    SecretLive {
        description: secret.description().unwrap_or_default().to_owned(),
        current: current.min(),
        recorded,
        policy: Policy::default(),
        kms_key: secret.kms_key_id().map(str::to_owned),
        rotated_by: secret
            .rotation_enabled()
            .unwrap_or_default()
            .then(|| rotator.unwrap_or("Secrets Manager").to_owned()),
        replicas: secret.replication_status().iter().filter_map(|replica| replica.region.clone()).collect(),
    }
}

impl Provider<Secret> for SecretsManager {
    async fn read(
        &self,
        key: &SecretKey,
        known: Option<&SecretOutputs>,
        _: &Task,
    ) -> Result<Option<Found<Secret>>, Failure> {
        // By name even if the ARN is known: at most one secret has a name at any time.
        let (secret, policy) = tokio::join!(self.describe(&key.name), self.policy(&key.name));
        let Some(secret) = secret? else { return Ok(None) };
        let arn = secret.arn().unwrap_or(&key.name).to_owned();
        if !self.owns(&secret) {
            return Err(Failure::foreign("the secret", &arn));
        }
        if secret.deleted_date.is_some() {
            return Ok(None);
        }
        let recorded = known.filter(|known| known.arn == arn).map(|known| known.version_id.clone());
        // The policy of a secret that is gone or being deleted cannot be read.
        let Some(policy) = policy.or_absent()? else { return Ok(None) };
        let live = SecretLive { policy, ..live(&secret, recorded) };
        // A version that somebody else wrote must never be recorded as ours.
        let version_id = live.recorded.clone().or_else(|| live.current.clone()).unwrap_or_default();
        Ok(Some(Found { outputs: SecretOutputs { arn, version_id }, live }))
    }

    async fn create(&self, want: &Secret, task: &Task) -> Result<SecretOutputs, Failure> {
        want.is_read()?;
        let doing = format!("create the secret {}", want.name);
        let document = want.document();
        let version_id =
            if want.filled_by_another { String::new() } else { want.digest().unwrap_or_else(|| want.fresh_version()) };
        let made = settled(task, &[&SECRET_NAME], || async {
            let call = self.once.create_secret().name(&want.name).description(&want.description);
            let call = call.set_kms_key_id(want.kms_key.key().cloned());
            let call = if want.filled_by_another {
                call
            } else {
                call.client_request_token(&version_id).secret_string(document.reveal())
            };
            match call.set_tags(Some(self.tags(&want.id)?)).send().await.or_fail(&doing) {
                Ok(made) => Ok(Made::New(SecretOutputs {
                    arn: made.arn.unwrap_or_else(|| want.name.clone()),
                    version_id: made.version_id.unwrap_or_default(),
                })),
                Err(failure) if is_name_taken(&failure) => self.bring_back(want, failure).await,
                Err(failure) => Err(failure),
            }
        });
        let made = made.await.map_err(|failure| want.without_quotes(failure))?;
        if let Made::New(made) = &made
            && want.policy.statements().next().is_some()
        {
            self.set_policy(&made.arn, want, task).await?;
        }
        match made {
            Made::New(made) if want.filled_by_another => Ok(SecretOutputs { version_id, ..made }),
            Made::New(made) if made.version_id == version_id => Ok(made),
            // MiniStack chooses the id of the first version itself.
            Made::New(made) => {
                self.put_value(&made.arn, want, &version_id, task).await?;
                Ok(SecretOutputs { version_id, ..made })
            }
            Made::Back { arn, live } => {
                let tags = Retag { set: self.scope.tags(&want.id), gone: Vec::new() };
                self.retag_at(&arn, &tags, task).await?;
                // The restored secret may have any policy.
                self.set_policy(&arn, want, task).await?;
                if want.drift(&live).iter().any(|setting| setting.field == "KmsKeyId") {
                    self.set_key(&arn, want, task).await?;
                }
                let version_id = match &live.current {
                    _ if want.filled_by_another => version_id,
                    Some(current) if want.digest().as_ref() == Some(current) => current.clone(),
                    _ => {
                        let version_id = want.fresh_version();
                        self.put_value(&arn, want, &version_id, task).await?;
                        version_id
                    }
                };
                if live.description != want.description {
                    self.describe_as(&arn, want, task).await?;
                }
                Ok(SecretOutputs { arn, version_id })
            }
        }
    }

    async fn update(&self, want: &Secret, found: &Found<Secret>, task: &Task) -> Result<SecretOutputs, Failure> {
        let drift = want.drift(&found.live);
        let mut outputs = found.outputs.clone();
        for setting in drift {
            match setting.field.as_str() {
                "Description" => self.describe_as(&outputs.arn, want, task).await?,
                "ResourcePolicy" => self.set_policy(&outputs.arn, want, task).await?,
                "RotationLambdaARN" => self.end_rotation(&outputs.arn, task).await?,
                "ReplicationStatus" => self.remove_replicas(&outputs.arn, &found.live.replicas).await?,
                "KmsKeyId" => self.set_key(&outputs.arn, want, task).await?,
                "value" => {
                    // Always a new id: AWS ignores writing a version that exists, current or not (docs/aws.md,
                    // Values and versions).
                    outputs.version_id = want.fresh_version();
                    self.put_value(&outputs.arn, want, &outputs.version_id, task).await?;
                }
                _ => {}
            }
        }
        Ok(outputs)
    }

    async fn tags(&self, of: &SecretOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        self.tags_at(&of.arn).await
    }

    async fn retag(&self, of: &SecretOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&of.arn, change, task).await
    }

    async fn delete(&self, gone: &SecretOutputs, task: &Task) -> Result<(), Failure> {
        let Err(refusal) = self.end(&gone.arn, task).await else { return Ok(()) };
        // AWS deletes no secret that has copies in other regions (docs/aws.md, Deletion and recovery).
        let secret = self.describe(&gone.arn).await.ok().flatten();
        let replicas = secret.map(|secret| live(&secret, None).replicas).unwrap_or_default();
        if replicas.is_empty() {
            return Err(refusal);
        }
        self.remove_replicas(&gone.arn, &replicas).await?;
        self.end(&gone.arn, task).await
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        self.list_secrets(whose).await
    }
}

/// If the name belongs to a secret that is being deleted, AWS answers `InvalidRequestException`; MiniStack says it
/// exists.
fn is_name_taken(failure: &Failure) -> bool {
    SECRET_EXISTS.is(failure) || SECRET_SCHEDULED.is(failure)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::aws::Encryption;
    use crate::aws::testing::{replay, requests};
    use crate::engine::{Cause, Drift};

    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:demo-s-AbCdEf";

    fn plain() -> Secret {
        Secret {
            id: "secret.s".into(),
            name: "demo-s".into(),
            description: "what".into(),
            plain: BTreeMap::from([("TOPIC_ARN".into(), "arn:t".into())]),
            secret_fields: BTreeMap::new(),
            rotate: false,
            filled_by_another: false,
            rotated: false,
            policy: Policy::default(),
            account: "123456789012".into(),
            kms_key: Encryption::default(),
        }
    }

    const NO_POLICY: &str = r#"{"ARN":"arn:s","Name":"demo-s"}"#;

    fn hidden() -> Secret {
        Secret { secret_fields: BTreeMap::from([("API_KEY".into(), SecretValue::from("hunter2"))]), ..plain() }
    }

    fn described(current: &str, more: &str) -> String {
        format!(
            r#"{{"ARN":"{ARN}","Name":"demo-s","Description":"what",
                "Tags":[{{"Key":"securelambda:stack","Value":"demo"}}],
                "VersionIdsToStages":{{"{current}":["AWSCURRENT"],"old":["AWSPREVIOUS"]}}{more}}}"#
        )
    }

    fn made(version: &str) -> String {
        format!(r#"{{"ARN":"{ARN}","Name":"demo-s","VersionId":"{version}"}}"#)
    }

    fn refused(code: &str, words: &str) -> String {
        format!(r#"{{"__type":"{code}","message":"{words}"}}"#)
    }

    fn task() -> Task {
        Task::detached("secret.s")
    }

    #[test]
    fn values_are_compared_by_version_and_never_shown() {
        let digest = plain().digest().unwrap();
        assert_eq!(digest.len(), 64);
        let (ours, other) = (hidden().fresh_version(), hidden().fresh_version());
        assert_ne!(ours, other);
        let changed = Secret { plain: BTreeMap::from([("TOPIC_ARN".into(), "arn:u".into())]), ..hidden() };
        let rotated = Secret { rotate: true, ..hidden() };
        let rewritten = plain().fresh_version();
        let stranger = "0e4fe5a0-41ad-4ef5-9b33-d5d4c1a8f1c6";
        for (name, want, current, recorded, drifts, weakens) in [
            ("plain, as made", plain(), digest.as_str(), Some(digest.as_str()), false, false),
            ("plain, record lost", plain(), &digest, None, false, false),
            ("plain, record stale", plain(), &digest, Some("before"), false, false),
            ("plain, mended once", plain(), &rewritten, Some(&rewritten), false, false),
            ("plain, mended once, record lost", plain(), &rewritten, None, true, false),
            ("plain, a stranger's", plain(), stranger, Some(&digest), true, true),
            ("plain, hidden before", plain(), &ours, Some(&ours), true, false),
            ("hidden, as made", hidden(), &ours, Some(&ours), false, false),
            ("hidden, record lost", hidden(), &ours, None, false, false),
            ("hidden, an earlier one of ours", hidden(), &other, Some(&ours), true, true),
            ("hidden, a stranger's", hidden(), stranger, Some(&ours), true, true),
            ("hidden, a stranger's, record lost", hidden(), stranger, None, true, false),
            ("hidden, to be written anew", rotated, &ours, Some(&ours), true, false),
            ("a plain field changed", changed, &ours, Some(&ours), true, false),
        ] {
            let live = SecretLive {
                description: "what".into(),
                current: Some(current.into()),
                recorded: recorded.map(str::to_owned),
                ..SecretLive::default()
            };
            let drift = want.drift(&live);
            assert_eq!(
                drift.iter().map(|drift| drift.weakens).collect::<Vec<_>>(),
                vec![weakens; drifts.into()],
                "{name}"
            );
            let shown = format!("{drift:?} {want:?} {live:?}");
            assert!(!shown.contains("hunter2"), "{name}: {shown}");
        }
    }

    #[tokio::test]
    async fn a_value_that_was_not_read_is_never_written() {
        let unread = Secret { secret_fields: BTreeMap::from([("API_KEY".into(), SecretValue::from(""))]), ..plain() };
        let (clients, asked) = replay(vec![]);
        let secrets = SecretsManager::new(&clients);
        let refused = secrets.create(&unread, &task()).await.unwrap_err();
        assert_eq!(refused.to_string(), "the secret demo-s changed meanwhile, and its API_KEY was not read");
        let live = SecretLive {
            description: "what".into(),
            current: Some("x".into()),
            recorded: None,
            ..SecretLive::default()
        };
        let found = Found { outputs: SecretOutputs { arn: ARN.into(), version_id: "x".into() }, live };
        assert!(secrets.update(&unread, &found, &task()).await.is_err());
        assert_eq!(requests(&asked).len(), 0);
    }

    #[tokio::test]
    async fn a_secret_filled_by_another_resource_gets_no_value() {
        let want = Secret { plain: BTreeMap::new(), filled_by_another: true, ..plain() };
        let (clients, http) = replay(vec![(200, &made(""))]);
        SecretsManager::new(&clients).create(&want, &task()).await.unwrap();
        let request = &requests(&http)[0];
        assert!(request.contains("CreateSecret") && !request.contains("SecretString"), "{request}");
        for current in [None, Some("a user's".to_owned())] {
            let live = SecretLive {
                description: "what".into(),
                current,
                recorded: Some(String::new()),
                ..SecretLive::default()
            };
            assert_eq!(want.drift(&live), []);
        }
    }

    #[tokio::test]
    async fn a_restored_secret_filled_by_another_resource_keeps_its_value() {
        let want = Secret { plain: BTreeMap::new(), filled_by_another: true, ..plain() };
        let taken = refused("InvalidRequestException", "scheduled for deletion");
        let back = described("before", r#","DeletedDate":1.7e9"#);
        let (clients, http) = replay(vec![(400, &taken), (200, &back), (200, &made("")), (200, "{}"), (200, "{}")]);
        SecretsManager::new(&clients).create(&want, &task()).await.unwrap();
        assert!(requests(&http).iter().all(|call| !call.contains("PutSecretValue")));
    }

    #[test]
    fn version_ids_do_not_depend_on_hidden_values() {
        let other =
            Secret { secret_fields: BTreeMap::from([("API_KEY".into(), SecretValue::from("other"))]), ..plain() };
        assert_eq!(hidden().shape(), other.shape());
        assert_eq!(hidden().digest(), None);
        assert_eq!(hidden().document().reveal(), r#"{"API_KEY":"hunter2","TOPIC_ARN":"arn:t"}"#);
    }

    #[test]
    fn drift_names_the_description() {
        let live = SecretLive {
            description: String::new(),
            current: plain().digest(),
            recorded: None,
            ..SecretLive::default()
        };
        assert_eq!(plain().drift(&live), [Drift::new("Description", "\"what\"", "\"\"")]);
        let live = SecretLive { description: "what".into(), current: None, recorded: None, ..SecretLive::default() };
        assert_eq!(plain().drift(&live), [Drift::new("value", "the stack's version", "another version")]);
    }

    #[tokio::test]
    async fn an_unchanged_secret_costs_two_reads_at_once_and_no_value() {
        let (clients, http) = replay(vec![(200, &described(&plain().digest().unwrap(), "")), (200, NO_POLICY)]);
        let found = Provider::<Secret>::read(&SecretsManager::new(&clients), &plain().key(), None, &task())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(plain().drift(&found.live), []);
        assert_eq!(found.outputs, SecretOutputs { arn: ARN.into(), version_id: plain().digest().unwrap() });
        let calls = requests(&http);
        assert!(calls[0].contains("DescribeSecret") && calls[1].contains("GetResourcePolicy"), "{calls:?}");
        assert_eq!(calls.len(), 2);
        let (idle, _) = replay(vec![]);
        SecretsManager::new(&idle).update(&plain(), &found, &task()).await.unwrap();
    }

    fn open() -> Policy {
        Policy::new([serde_json::json!({
            "Effect": "Allow", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*",
        })])
    }

    fn as_written(more: SecretLive) -> SecretLive {
        SecretLive { description: "what".into(), current: plain().digest(), ..more }
    }

    #[test]
    fn whoever_else_may_read_or_replace_the_value_weakens() {
        let key = "arn:aws:kms:eu-central-1:999999999999:key/k".to_owned();
        for (live, expected) in [
            (
                SecretLive { policy: open(), ..SecretLive::default() },
                Drift::weakening("ResourcePolicy", "none", open()),
            ),
            (
                SecretLive { rotated_by: Some("arn:f".into()), ..SecretLive::default() },
                Drift::weakening("RotationLambdaARN", "none", "arn:f"),
            ),
            (
                SecretLive { replicas: vec!["eu-west-1".into()], ..SecretLive::default() },
                Drift::new("ReplicationStatus", "none", "eu-west-1"),
            ),
            (
                SecretLive { kms_key: Some(key.clone()), ..SecretLive::default() },
                Drift::weakening("KmsKeyId", "no key of another account", key),
            ),
        ] {
            assert_eq!(plain().drift(&as_written(live)), [expected]);
        }
    }

    #[test]
    fn a_policy_that_only_denies_and_a_key_of_the_account_do_not_weaken() {
        let policy = Policy::new([serde_json::json!({
            "Effect": "Deny", "Principal": "*", "Action": "secretsmanager:*", "Resource": "*",
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        })]);
        let denies = SecretLive { policy: policy.clone(), ..SecretLive::default() };
        assert_eq!(plain().drift(&as_written(denies)), [Drift::new("ResourcePolicy", "none", policy)]);
        let key = SecretLive { kms_key: Some("alias/mine".into()), ..SecretLive::default() };
        assert_eq!(plain().drift(&as_written(key)), []);
    }

    #[test]
    fn a_missing_or_smaller_denial_weakens() {
        let policy = crate::policy::Policy::new([serde_json::json!({
            "Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*",
        })]);
        let want = Secret { policy: policy.clone(), ..plain() };
        let drift = want.drift(&as_written(SecretLive::default()));
        assert_eq!(drift, [Drift::weakening("ResourcePolicy", &policy, "none")]);
        assert_eq!(want.drift(&as_written(SecretLive { policy, ..SecretLive::default() })), []);
    }

    #[test]
    fn a_rotated_secret_may_have_any_value() {
        let want = Secret { rotated: true, ..plain() };
        let live = SecretLive {
            description: "what".into(),
            current: Some("theirs".into()),
            recorded: Some("ours".into()),
            rotated_by: Some("arn:f".into()),
            ..SecretLive::default()
        };
        assert_eq!(want.drift(&live), []);
    }

    #[tokio::test]
    async fn an_update_removes_what_others_added() {
        let described = described(
            &plain().digest().unwrap(),
            r#","RotationEnabled":true,"RotationLambdaARN":"arn:f","KmsKeyId":"arn:aws:kms:r:999999999999:key/k",
                "ReplicationStatus":[{"Region":"eu-west-1","Status":"InSync"}]"#,
        );
        let policy =
            serde_json::json!({ "ARN": ARN, "Name": "demo-s", "ResourcePolicy": open().to_string() }).to_string();
        let (clients, http) =
            replay(vec![(200, &described), (200, &policy), (200, "{}"), (200, "{}"), (200, "{}"), (200, "{}")]);
        let secrets = SecretsManager::new(&clients);
        let found = Provider::<Secret>::read(&secrets, &plain().key(), None, &task()).await.unwrap().unwrap();
        secrets.update(&plain(), &found, &task()).await.unwrap();
        let calls = requests(&http);
        for operation in ["DeleteResourcePolicy", "RemoveRegionsFromReplication", "CancelRotateSecret", "UpdateSecret"]
        {
            assert!(calls[2..].iter().any(|call| call.contains(operation)), "{operation}: {calls:?}");
        }
    }

    #[tokio::test]
    async fn a_secret_with_a_policy_gets_it_after_its_creation() {
        let want = Secret { policy: open(), ..plain() };
        let (clients, http) = replay(vec![(200, &made(&plain().digest().unwrap())), (200, "{}")]);
        SecretsManager::new(&clients).create(&want, &task()).await.unwrap();
        let calls = requests(&http);
        assert!(
            calls[1].contains("PutResourcePolicy") && calls[1].contains(r#""BlockPublicPolicy":true"#),
            "{calls:?}"
        );
    }

    #[tokio::test]
    async fn a_secret_with_copies_is_deleted_after_them() {
        let copies = described("v", r#","ReplicationStatus":[{"Region":"eu-west-1"}]"#);
        let refusal = refused("InvalidRequestException", "it has replicas");
        let (clients, http) = replay(vec![(400, &refusal), (200, &copies), (200, "{}"), (200, "{}")]);
        let gone = SecretOutputs { arn: ARN.into(), version_id: "v".into() };
        Provider::<Secret>::delete(&SecretsManager::new(&clients), &gone, &task()).await.unwrap();
        let calls = requests(&http);
        assert!(calls[2].contains("RemoveRegionsFromReplication") && calls[2].contains("eu-west-1"), "{calls:?}");
        assert!(calls[3].contains("DeleteSecret"), "{calls:?}");
    }

    #[tokio::test]
    async fn a_strangers_version_is_not_recorded_as_ours() {
        let (clients, _) = replay(vec![(200, &described("stranger", "")), (200, NO_POLICY)]);
        let known = SecretOutputs { arn: ARN.into(), version_id: "ours".into() };
        let found = Provider::<Secret>::read(&SecretsManager::new(&clients), &hidden().key(), Some(&known), &task())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.outputs, known);
    }

    #[tokio::test]
    async fn a_secret_in_its_recovery_window_is_absent_and_a_strangers_is_foreign() {
        let ours = described("v", r#","DeletedDate":1.7e9"#);
        let theirs = ours.replace(r#""demo"}"#, r#""other"}"#);
        // The policy of a secret that is being deleted cannot be read.
        let gone = refused("InvalidRequestException", "it was marked for deletion.");
        let answers = vec![(200, &*ours), (400, &*gone), (200, &*theirs), (200, NO_POLICY), (200, &*ours)];
        let (clients, _) = replay(answers);
        let secrets = SecretsManager::new(&clients);
        assert!(Provider::<Secret>::read(&secrets, &plain().key(), None, &task()).await.unwrap().is_none());
        let failure = Provider::<Secret>::read(&secrets, &plain().key(), None, &task()).await.unwrap_err();
        assert_eq!(failure.cause, Cause::Foreign);
        assert_eq!(secrets.scheduled_deletion("demo-s").await.unwrap(), Some(1_700_000_000));
    }

    #[tokio::test]
    async fn create_chooses_the_version_and_tags_in_that_call() {
        let digest = plain().digest().unwrap();
        let (clients, http) = replay(vec![(200, &made(&digest))]);
        let outputs = SecretsManager::new(&clients).create(&plain(), &task()).await.unwrap();
        assert_eq!(outputs.version_id, digest);
        let requests = requests(&http);
        assert!(requests[0].contains(&digest) && requests[0].contains("securelambda:resource"), "{requests:?}");
    }

    #[tokio::test]
    async fn create_writes_the_version_where_the_service_chose_another() {
        let (clients, http) = replay(vec![(200, &made("theirs")), (200, &made("ignored"))]);
        let outputs = SecretsManager::new(&clients).create(&hidden(), &task()).await.unwrap();
        assert!(outputs.version_id.starts_with(&hidden().shape()));
        assert!(requests(&http)[1].contains("PutSecretValue") && requests(&http)[1].contains(&outputs.version_id));
    }

    #[tokio::test]
    async fn create_restores_our_secret_that_is_scheduled_for_deletion() {
        let words = "You can't create this secret because a secret with this name is already scheduled for deletion.";
        for refusal in
            [refused("InvalidRequestException", words), refused("ResourceExistsException", "demo-s already exists.")]
        {
            let (clients, http) = replay(vec![
                (400, &refusal),
                (200, &described("before", r#","DeletedDate":1.7e9"#)),
                (200, &made("")),
                (200, "{}"),
                (200, "{}"),
                (200, &made("ignored")),
            ]);
            let outputs = SecretsManager::new(&clients).create(&plain(), &task()).await.unwrap();
            assert_eq!(outputs.arn, ARN);
            let requests = requests(&http);
            let order = [
                "CreateSecret",
                "DescribeSecret",
                "RestoreSecret",
                "TagResource",
                "DeleteResourcePolicy",
                "PutSecretValue",
            ];
            assert!(requests.iter().zip(order).all(|(call, operation)| call.contains(operation)), "{requests:?}");
            assert!(requests[5].contains(&outputs.version_id));
        }
    }

    #[tokio::test]
    async fn create_restores_an_unchanged_value_without_writing_it() {
        let digest = plain().digest().unwrap();
        let (clients, _) = replay(vec![
            (400, &refused("InvalidRequestException", "scheduled for deletion")),
            (200, &described(&digest, r#","DeletedDate":1.7e9"#)),
            (200, &made("")),
            (200, "{}"),
            (200, "{}"),
        ]);
        assert_eq!(SecretsManager::new(&clients).create(&plain(), &task()).await.unwrap().version_id, digest);
    }

    #[tokio::test(start_paused = true)]
    async fn a_restored_secret_is_waited_for_by_every_call() {
        let (digest, not_back) = (plain().digest().unwrap(), "because it was marked for deletion.");
        let other = described(&digest, r#","DeletedDate":1.7e9"#).replace(r#""what""#, r#""another""#);
        let refusal = refused("InvalidRequestException", not_back);
        let taken = refused("InvalidRequestException", "scheduled for deletion");
        let answers = [(400, &*taken), (200, &*other), (200, &made("")), (400, &*refusal), (200, "{}")];
        let policy = [(400, &*refusal), (200, "{}")];
        let (clients, http) = replay([&answers[..], &policy[..], &[(400, &*refusal), (200, &*made(""))]].concat());
        SecretsManager::new(&clients).create(&plain(), &task()).await.unwrap();
        assert!(requests(&http)[8].contains("UpdateSecret"), "{:?}", requests(&http));
    }

    #[tokio::test]
    async fn create_leaves_a_strangers_deletion_alone() {
        let theirs = described("v", r#","DeletedDate":1.7e9"#).replace(r#""demo"}"#, r#""other"}"#);
        let (clients, http) =
            replay(vec![(400, &refused("InvalidRequestException", "scheduled for deletion")), (200, &theirs)]);
        let failure = SecretsManager::new(&clients).create(&plain(), &task()).await.unwrap_err();
        assert_eq!(failure.cause, Cause::Foreign);
        assert_eq!(requests(&http).len(), 2);
    }

    #[tokio::test]
    async fn a_forced_deletion_is_waited_for() {
        let digest = plain().digest().unwrap();
        let (clients, _) = replay(vec![
            (400, &refused("InvalidRequestException", "a secret with this name is already scheduled for deletion")),
            (400, &refused("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")),
            (200, &made(&digest)),
        ]);
        SecretsManager::new(&clients).create(&plain(), &task()).await.unwrap();
    }

    #[tokio::test]
    async fn an_existing_secret_and_a_lost_answer_have_different_causes() {
        let (clients, _) = replay(vec![
            (400, &refused("ResourceExistsException", "demo-s already exists.")),
            (200, &described("v", "")),
            (500, &refused("InternalServiceError", "sorry")),
        ]);
        let secrets = SecretsManager::new(&clients);
        assert_eq!(secrets.create(&plain(), &task()).await.unwrap_err().cause, Cause::Exists);
        let failure = secrets.create(&hidden(), &task()).await.unwrap_err();
        assert_eq!(failure.cause, Cause::Unknown);
        assert!(!format!("{failure:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn an_update_writes_only_what_differs() {
        let live = SecretLive {
            description: "what".into(),
            current: Some("x".into()),
            recorded: None,
            ..SecretLive::default()
        };
        let found =
            Found::<Secret> { outputs: SecretOutputs { arn: ARN.into(), version_id: "x".into() }, live: live.clone() };
        let (clients, http) = replay(vec![(200, &made("ignored"))]);
        let outputs = SecretsManager::new(&clients).update(&plain(), &found, &task()).await.unwrap();
        assert!(requests(&http)[0].contains("PutSecretValue") && requests(&http)[0].contains(&outputs.version_id));
        let mended = SecretLive {
            current: Some(outputs.version_id.clone()),
            recorded: Some(outputs.version_id),
            description: String::new(),
            ..SecretLive::default()
        };
        let found = Found::<Secret> { outputs: found.outputs, live: mended.clone() };
        let (clients, http) = replay(vec![(200, &made("ignored"))]);
        SecretsManager::new(&clients).update(&plain(), &found, &task()).await.unwrap();
        assert!(requests(&http)[0].contains("UpdateSecret") && !requests(&http)[0].contains("SecretString"));
    }

    #[tokio::test]
    async fn a_secret_with_a_similar_name_is_ignored() {
        let longer = described("v", "").replace("\"Name\":\"demo-s\"", "\"Name\":\"demo-s-Stripe\"");
        let longer = longer.replace("demo-s-AbCdEf", "demo-s-Stripe-AbCdEf");
        let key = plain().key();
        let (clients, _) = replay(vec![
            (200, &longer),
            (200, NO_POLICY),
            (200, &longer),
            (200, &described("v", "")),
            (200, NO_POLICY),
        ]);
        let secrets = SecretsManager::new(&clients);
        assert!(Provider::<Secret>::read(&secrets, &key, None, &task()).await.unwrap().is_none(), "another name");
        // This beginning of the ARN looks like the whole ARN of a secret with a shorter name.
        let partial = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:demo-s-Stripe";
        assert_eq!(secrets.current(partial).await.unwrap(), None, "another ARN");
        assert!(Provider::<Secret>::read(&secrets, &key, None, &task()).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn deleting_keeps_a_recovery_window_and_may_be_repeated() {
        let (clients, http) = replay(vec![
            (200, &made("")),
            (400, &refused("InvalidRequestException", "it was already scheduled for deletion.")),
            (400, &refused("ResourceNotFoundException", "no")),
            (400, &refused("InvalidRequestException", "it has replicas")),
        ]);
        let secrets = SecretsManager::new(&clients);
        let gone = SecretOutputs { arn: ARN.into(), version_id: "v".into() };
        for _ in 0..3 {
            Provider::<Secret>::delete(&secrets, &gone, &task()).await.unwrap();
        }
        assert_eq!(Provider::<Secret>::delete(&secrets, &gone, &task()).await.unwrap_err().cause, Cause::Refused);
        assert!(requests(&http)[0].contains(r#""RecoveryWindowInDays":7"#));
    }

    #[tokio::test]
    async fn a_purged_secret_is_deleted_at_once() {
        let (clients, http) = replay(vec![
            (200, &made("")),
            (400, &refused("ResourceNotFoundException", "no")),
            (400, &refused("InvalidRequestException", "it was already scheduled for deletion.")),
            (200, &made("")),
            (200, &made("")),
            (400, &refused("InvalidRequestException", "it was already scheduled for deletion.")),
            (400, &refused("InvalidRequestException", "it was deleted")),
            (400, &refused("InvalidRequestException", "it has replicas")),
        ]);
        let secrets = SecretsManager::new(&Clients { deletion: DeletionMode::ForGood, ..clients });
        let gone = SecretOutputs { arn: ARN.into(), version_id: "v".into() };
        for _ in 0..4 {
            Provider::<Secret>::delete(&secrets, &gone, &task()).await.unwrap();
        }
        assert_eq!(Provider::<Secret>::delete(&secrets, &gone, &task()).await.unwrap_err().cause, Cause::Refused);
        let requests = requests(&http);
        assert!(requests[0].contains(r#""ForceDeleteWithoutRecovery":true"#), "{requests:?}");
        assert!(!requests[0].contains("RecoveryWindowInDays"), "{requests:?}");
        let order = ["DeleteSecret", "RestoreSecret", "DeleteSecret"];
        assert!(requests[2..5].iter().zip(order).all(|(call, operation)| call.contains(operation)), "{requests:?}");
    }
}
