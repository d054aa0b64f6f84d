//! A secret as the stack wants it, and how its value is compared without being read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::RECOVERY_DAYS;
use crate::aws::error::without_quotes;
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::secretsmanager::SERVICE;
use crate::aws::{Encryption, keys};
use crate::engine::{Comparison, Effect, Failure, Resource};
use crate::layer::Layer;
use crate::policy::Policy;
use crate::secret::SecretValue;

pub(super) const SECRETS: &[&str] = &["{arn:secretsmanager}:secret:{stack}-*"];

/// How many of a version id's 64 hexadecimal digits are a digest if the rest is random.
const SHAPE: usize = 32;

#[derive(Debug, Clone)]
pub struct Secret {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 1 to 512 of `A-Z a-z 0-9 / _ + = . @ -`.
    pub name: String,
    /// Up to 2048 characters.
    pub description: String,
    /// Fields that are not secret, such as ARNs.
    pub plain: BTreeMap<String, String>,
    /// Secret fields. A change of a value alone is not detected, because no digest of it is kept. An
    /// empty value has not been read, and is never written.
    pub secret_fields: BTreeMap<String, SecretValue>,
    /// Whether the value is written again although no change was detected.
    pub rotate: bool,
    /// Another resource writes the value: the secret is created without one, and any value is correct.
    pub filled_by_another: bool,
    /// A [`Rotation`](super::Rotation) replaces the value, so any value is correct.
    pub rotated: bool,
    /// Its resource policy; without statements, it has none.
    pub policy: Policy,
    /// The account that owns it: twelve digits.
    pub account: String,
    /// The key that encrypts it.
    pub kms_key: Encryption,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecretOutputs {
    /// `arn:aws:secretsmanager:<region>:<account>:secret:<name>-` and six characters of AWS's.
    pub arn: String,
    /// The version that this stack wrote last.
    pub version_id: String,
}

/// A secret is looked up by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecretKey {
    pub(super) id: String,
    pub(super) name: String,
}

/// A secret's settings as AWS has them. They contain the version of its value, but not the value.
#[derive(Debug, Clone, Default)]
pub struct SecretLive {
    /// The description; empty if the secret has none.
    pub description: String,
    /// The id of the version that readers get.
    pub current: Option<String>,
    /// The recorded id of the version that this stack wrote last.
    pub recorded: Option<String>,
    /// Its resource policy; without statements if it has none.
    pub policy: Policy,
    /// The ARN, id or alias of the key that encrypts it; `None`: AWS's own key.
    pub kms_key: Option<String>,
    /// The rotation's function or service: the ARN of a function, or the name of the service that owns the secret.
    pub rotated_by: Option<String>,
    /// The regions in which there are copies.
    pub replicas: Vec<String>,
}

impl Secret {
    /// The value: a JSON object of all fields.
    pub(super) fn document(&self) -> SecretValue {
        let plain = self.plain.iter().map(|(name, value)| (name, value.as_str()));
        let fields: BTreeMap<_, _> =
            plain.chain(self.secret_fields.iter().map(|(name, value)| (name, value.reveal()))).collect();
        SecretValue::new(json!(fields).to_string())
    }

    /// Fails unless all values have been read. The plan reads the values of the secrets that it means to write; between
    /// plan and call a secret may have changed or gone.
    pub(super) fn is_read(&self) -> Result<(), Failure> {
        match self.secret_fields.iter().find(|(_, value)| value.reveal().is_empty()) {
            None => Ok(()),
            Some((key, _)) => {
                let message = format!("the secret {} changed meanwhile, and its {key} was not read", self.name);
                Err(Failure::refused(message).hint("run the command again"))
            }
        }
    }

    /// The failure of a call that sent the value, without the secret parts that AWS may quote.
    pub(super) fn without_quotes(&self, failure: Failure) -> Failure {
        if self.secret_fields.is_empty() { failure } else { without_quotes(failure) }
    }

    /// The digest of the value, if it contains no secrets.
    pub(super) fn digest(&self) -> Option<String> {
        self.secret_fields.is_empty().then(|| sha256_hex(self.document().reveal()))
    }

    /// The digest of the visible parts of the value: the plain fields and the names of the hidden ones.
    pub(super) fn shape(&self) -> String {
        let mut shape = self.digest().unwrap_or_else(|| {
            let names: Vec<&String> = self.secret_fields.keys().collect();
            sha256_hex(&json!([self.plain, names]).to_string())
        });
        shape.truncate(SHAPE);
        shape
    }

    /// A new id for a version.
    pub(super) fn fresh_version(&self) -> String {
        format!("{}{:032x}", self.shape(), rand::random::<u128>())
    }

    /// Whether the current version has the wanted value, as far as that is known without reading it.
    fn is_current(&self, live: &SecretLive) -> bool {
        let Some(current) = &live.current else { return false };
        if self.digest().as_ref() == Some(current) {
            return true;
        }
        // Only this program writes version ids of this form. If none is recorded, the current version may be an earlier
        // one of ours. Then a value without secret fields is written again. One with secret fields is kept, because
        // generated and typed values would be lost.
        let as_recorded = match &live.recorded {
            Some(recorded) => recorded == current,
            None => !self.secret_fields.is_empty(),
        };
        as_recorded && current.starts_with(&self.shape())
    }
}

fn sha256_hex(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

impl Resource for Secret {
    const KIND: &'static str = "secretsmanager.secret";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = SecretKey;
    type Outputs = SecretOutputs;
    type Live = SecretLive;

    fn key(&self) -> SecretKey {
        SecretKey { id: self.id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &SecretOutputs) -> String {
        outputs.arn.clone()
    }

    fn removal_command(outputs: &SecretOutputs) -> Option<String> {
        Some(format!(
            "aws secretsmanager delete-secret --recovery-window-in-days {RECOVERY_DAYS} --secret-id {}",
            outputs.arn
        ))
    }

    fn compare(&self, live: &SecretLive) -> Comparison {
        let compared = Comparison::default()
            .plain("Description", format!("{:?}", self.description), format!("{:?}", live.description))
            .judged("ResourcePolicy", shown(&self.policy), shown(&live.policy), self.policy.judge(&live.policy))
            // Copies are in the same account and have the same policy, so they do not weaken.
            .plain("ReplicationStatus", "none", list(&live.replicas));
        let (want, key) = (&self.kms_key, live.kms_key.as_ref());
        let mut compared = keys::compared(compared, "KmsKeyId", want, key, &self.account);
        if !self.rotated {
            compared = compared.nothing_else("RotationLambdaARN", &live.rotated_by);
        }
        if self.filled_by_another {
            return compared;
        }
        let (ours, other) = ("the stack's version", "another version");
        if self.rotate {
            return compared.plain("value", "a new value", "the current value");
        }
        if self.is_current(live) {
            return compared.plain("value", ours, ours);
        }
        if self.rotated {
            return compared.judged("value", ours, "a version that the rotation function wrote", Effect::Same);
        }
        // If the version is the recorded one, the stack file has changed.
        let changed_elsewhere = live.recorded.is_some() && live.recorded != live.current;
        compared.judged("value", ours, other, if changed_elsewhere { Effect::Weakens } else { Effect::Differs })
    }
}

/// The policy, or `none`.
fn shown(policy: &Policy) -> String {
    if policy.statements().next().is_none() { "none".to_owned() } else { policy.to_string() }
}

/// The names, or `none`.
fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl Described for Secret {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "secret",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::SecretsManager,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::RetagOwn,
                on: SECRETS,
                rights: &[Permissions {
                    needs: &[Usage::Update],
                    actions: &["secretsmanager:TagResource", "secretsmanager:UntagResource"],
                }],
            },
            // Nobody needs to read a value: the operator writes them, the functions read them.
            StatementTemplate {
                sid: Sid::FindOwn,
                on: SECRETS,
                rights: &[
                    Permissions {
                        needs: &[Usage::Read, Usage::Create, Usage::Delete],
                        actions: &["secretsmanager:DescribeSecret"],
                    },
                    Permissions { needs: &[Usage::Read], actions: &["secretsmanager:GetResourcePolicy"] },
                ],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: SECRETS,
                rights: &[
                    Permissions {
                        needs: &[Usage::Create],
                        actions: &[
                            "secretsmanager:DeleteResourcePolicy",
                            "secretsmanager:PutResourcePolicy",
                            "secretsmanager:PutSecretValue",
                            "secretsmanager:RestoreSecret",
                            "secretsmanager:UpdateSecret",
                        ],
                    },
                    Permissions {
                        needs: &[Usage::Update],
                        actions: &[
                            "secretsmanager:CancelRotateSecret",
                            "secretsmanager:DeleteResourcePolicy",
                            "secretsmanager:PutResourcePolicy",
                            "secretsmanager:PutSecretValue",
                            "secretsmanager:UpdateSecret",
                        ],
                    },
                ],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: SECRETS,
                rights: &[
                    Permissions { needs: &[Usage::Delete], actions: &["secretsmanager:DeleteSecret"] },
                    Permissions {
                        needs: &[Usage::Update, Usage::Delete],
                        actions: &["secretsmanager:RemoveRegionsFromReplication"],
                    },
                ],
            },
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: SECRETS,
                rights: &[Permissions {
                    needs: &[Usage::Create],
                    actions: &["secretsmanager:CreateSecret", "secretsmanager:TagResource"],
                }],
            },
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[Permissions { needs: &[Usage::Survivors], actions: &["secretsmanager:ListSecrets"] }],
            },
        ],
        rates: &[Rate::per_second(
            50,
            Calls::Operations("secretsmanager", &["PutSecretValue", "UpdateSecret", "CreateSecret", "DeleteSecret"]),
        )],
        check: SettingsCheck {
            layer: Layer::Secrets,
            subject: "secret {}",
            holds: "the stack wrote its value, and nobody else may read or replace it",
            read: "DescribeSecret and GetResourcePolicy",
        },
    };
}
