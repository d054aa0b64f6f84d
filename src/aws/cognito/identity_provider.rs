//! Identity providers of a user pool: Google, OpenID Connect and SAML. Their users sign in at the pool's pages.
//!
//! The program reads the client secret that the provider gave the application only to send it to Cognito. The state
//! records the version of the secret that was sent, so a new version is sent, too.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_cognitoidentityprovider::types::{IdentityProviderType, IdentityProviderTypeType};
use serde::{Deserialize, Serialize};

use super::refusals::COGNITO_BUSY;
use super::{COGNITO_IDP, Cognito, POOLS, TARGET};
use crate::aws::error::{OrAbsent, OrFail, empty, without_quotes};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::settled;
use crate::choices::ProviderKind;
use crate::engine::{Comparison, Drift, Effect, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;
use crate::secret::SecretValue;

const CLIENT_SECRET: &str = "client_secret";

/// The attribute that identifies a provider's user. Cognito maps it itself: to `sub`, or to the name identifier of a
/// SAML assertion.
const USERNAME: &str = "username";

const TYPE: &str = "ProviderType";

/// An identity provider of a user pool.
#[derive(Debug, Clone)]
pub struct IdentityProvider {
    pub pool_id: String,
    /// Unique in the pool. The pages show it, and the names of its users begin with it.
    pub name: String,
    pub kind: ProviderKind,
    /// `None`: SAML.
    pub client: Option<ProviderClient>,
    /// The claim or assertion of the provider that each attribute of the pool's users gets its value from.
    pub attributes: BTreeMap<String, String>,
}

/// How the application identifies itself to a provider of OAuth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderClient {
    pub id: String,
    /// The scopes that Cognito asks the provider for.
    pub scopes: BTreeSet<String>,
    pub secret: SecretField,
}

/// A field of a secret of Secrets Manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretField {
    pub arn: String,
    pub key: String,
    /// The id of the secret's current version.
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdentityProviderKey {
    pub(super) pool_id: String,
    pub(super) name: String,
}

/// A provider has no tags: it is ours if the pool is ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdentityProviderOutputs {
    pub pool_id: String,
    pub name: String,
    /// The id of the version of the secret that Cognito was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_version: Option<String>,
    /// The details that Cognito itself added when it was last sent the settings, such as the addresses of the provider.
    #[serde(default)]
    pub added: BTreeMap<String, String>,
}

/// A provider, as read from AWS. Its client secret is left out.
#[derive(Debug, Clone)]
pub struct IdentityProviderLive {
    kind: Option<IdentityProviderTypeType>,
    details: BTreeMap<String, String>,
    attributes: BTreeMap<String, String>,
    /// Its further names, with which a page can be told to send users to it.
    identifiers: Vec<String>,
    /// How its levels of authentication are translated.
    levels: Vec<String>,
    /// `None` if the state does not know the provider.
    recorded: Option<IdentityProviderOutputs>,
}

impl ProviderKind {
    fn to_aws(&self) -> IdentityProviderTypeType {
        match self {
            Self::Google => IdentityProviderTypeType::Google,
            Self::Oidc { .. } => IdentityProviderTypeType::Oidc,
            Self::Saml { .. } => IdentityProviderTypeType::Saml,
        }
    }
}

impl IdentityProvider {
    /// AWS's name of its protocol.
    pub(crate) fn kind_name(&self) -> String {
        self.kind.to_aws().as_str().to_owned()
    }

    /// The settings that Cognito is sent, by its names, except the client secret.
    pub(crate) fn details(&self) -> BTreeMap<String, String> {
        let of_kind = match &self.kind {
            ProviderKind::Google => Vec::new(),
            ProviderKind::Oidc { issuer } => {
                vec![("oidc_issuer", issuer.clone()), ("attributes_request_method", "GET".to_owned())]
            }
            ProviderKind::Saml { metadata } => vec![("MetadataURL", metadata.clone())],
        };
        let of_client = self.client.iter().flat_map(|client| {
            let scopes = client.scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
            [("client_id", client.id.clone()), ("authorize_scopes", scopes)]
        });
        of_kind.into_iter().chain(of_client).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The mapping that Cognito is sent.
    pub(crate) fn mapping(&self) -> BTreeMap<String, String> {
        // Cognito adds this pair itself, except for SAML (docs/aws.md, Identity providers of user pools).
        let username = self.client.is_some().then(|| (USERNAME.to_owned(), "sub".to_owned()));
        self.attributes.clone().into_iter().chain(username).collect()
    }

    /// The details in an answer that this program did not send.
    fn added<'a>(&self, live: &'a BTreeMap<String, String>) -> impl Iterator<Item = (&'a String, &'a String)> {
        let sent = self.details();
        // Cognito reads these from the provider's metadata again and again, so they may change by themselves.
        let of_metadata = match self.kind {
            ProviderKind::Saml { .. } => {
                &["ActiveEncryptionCertificate", "SLORedirectBindingURI", "SSORedirectBindingURI"][..]
            }
            ProviderKind::Google | ProviderKind::Oidc { .. } => &[],
        };
        live.iter().filter(move |(name, _)| !sent.contains_key(*name) && !of_metadata.contains(&name.as_str()))
    }

    fn outputs(&self, answer: Option<IdentityProviderType>) -> IdentityProviderOutputs {
        let details = answer.map(details).unwrap_or_default();
        IdentityProviderOutputs {
            pool_id: self.pool_id.clone(),
            name: self.name.clone(),
            secret_version: self.client.as_ref().map(|client| client.secret.version.clone()),
            added: self.added(&details).map(|(name, value)| (name.clone(), value.clone())).collect(),
        }
    }
}

/// The details in an answer, without the client secret.
fn details(live: IdentityProviderType) -> BTreeMap<String, String> {
    let details = live.provider_details.unwrap_or_default();
    details.into_iter().filter(|(name, _)| name != CLIENT_SECRET).collect()
}

/// Pairs of names and values, for people.
fn words<'a>(pairs: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    pairs.into_iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join(", ")
}

impl Resource for IdentityProvider {
    const KIND: &'static str = "cognito.identity_provider";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = IdentityProviderKey;
    type Outputs = IdentityProviderOutputs;
    type Live = IdentityProviderLive;

    fn key(&self) -> IdentityProviderKey {
        IdentityProviderKey { pool_id: self.pool_id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &IdentityProviderOutputs) -> String {
        format!("{}/{}", outputs.pool_id, outputs.name)
    }

    fn removal_command(outputs: &IdentityProviderOutputs) -> Option<String> {
        Some(format!(
            "aws cognito-idp delete-identity-provider --user-pool-id {} --provider-name {}",
            outputs.pool_id, outputs.name
        ))
    }

    fn compare(&self, live: &IdentityProviderLive) -> Comparison {
        let (kind, of) = (self.kind.to_aws(), live.kind.as_ref());
        let mut found = Comparison::default().guard(TYPE, kind.as_str(), of.map_or("none", |of| of.as_str()));
        for (name, value) in self.details() {
            let has = live.details.get(&name).map_or("none", String::as_str);
            let field = format!("ProviderDetails.{name}");
            found = match name.as_str() {
                // Another provider, or another application at the provider, would decide who the users are.
                "client_id" | "oidc_issuer" | "MetadataURL" => found.guard(field, value, has),
                "authorize_scopes" => {
                    let set = |scopes: &str| scopes.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
                    let effect = Effect::differs_unless(set(&value) == set(has));
                    found.judged(field, value, has, effect)
                }
                _ => found.plain(field, value, has),
            };
        }
        let added = words(self.added(&live.details));
        if let Some(recorded) = &live.recorded {
            found = found.guard("ProviderDetails of AWS", words(&recorded.added), &added);
        } else {
            found =
                found.plain("ProviderDetails of AWS", "recorded", if added.is_empty() { "recorded" } else { &added });
        }
        let version = live.recorded.as_ref().and_then(|recorded| recorded.secret_version.as_ref());
        if let Some(client) = &self.client {
            let sent = if version == Some(&client.secret.version) { "the current version" } else { "an older version" };
            found = found.plain("the client secret", "the current version", sent);
        }
        let mapping = |of: &BTreeMap<String, String>| {
            words(of.iter().filter(|(name, _)| self.client.is_some() || *name != USERNAME))
        };
        found
            .guard("AttributeMapping", mapping(&self.mapping()), mapping(&live.attributes))
            .nothing_else("IdpIdentifiers", &live.identifiers)
            .nothing_else("AcrMapping", &live.levels)
    }

    fn requires_replacement(&self, drift: &[Drift]) -> Option<Failure> {
        let changed = drift.iter().find(|drift| drift.field == TYPE)?;
        let message =
            format!("the identity provider {} is of the type {}, which AWS cannot change", self.name, changed.live);
        let hint = "give the provider another name in the stack file, or delete it; its users then get new accounts";
        Some(Failure::refused(message).hint(hint))
    }
}

impl Described for IdentityProvider {
    const ABOUT: Kind = Kind {
        service: COGNITO_IDP,
        label: "identity provider",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Cognito,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: POOLS,
                rights: &[Permissions { needs: &[Usage::Read], actions: &["cognito-idp:DescribeIdentityProvider"] }],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: POOLS,
                rights: &[
                    Permissions { needs: &[Usage::Create], actions: &["cognito-idp:CreateIdentityProvider"] },
                    Permissions { needs: &[Usage::Update], actions: &["cognito-idp:UpdateIdentityProvider"] },
                    Permissions { needs: &[Usage::Delete], actions: &["cognito-idp:DeleteIdentityProvider"] },
                ],
            },
            StatementTemplate {
                sid: Sid::ReadProvidersSecrets,
                on: &["{provider-secrets}"],
                rights: &[Permissions {
                    needs: &[Usage::Create, Usage::Update],
                    actions: &["secretsmanager:GetSecretValue"],
                }],
            },
        ],
        rates: &[
            Rate::per_second(20, Calls::Operations(TARGET, &["DescribeIdentityProvider"])),
            Rate::per_second(15, Calls::Operations(TARGET, &["CreateIdentityProvider", "UpdateIdentityProvider"])),
        ],
        check: SettingsCheck {
            layer: Layer::Authentication,
            subject: "identity provider {}",
            holds: "its settings match the stack file",
            read: "DescribeIdentityProvider",
        },
    };
}

impl Cognito {
    /// The client secret of a provider, which a field of the secret contains.
    async fn client_secret(&self, want: &IdentityProvider) -> Result<Option<SecretValue>, Failure> {
        match &want.client {
            Some(ProviderClient { secret: SecretField { arn, key, version }, .. }) => {
                self.secrets.field(arn, version, key).await.map(Some)
            }
            None => Ok(None),
        }
    }

    /// Deletes an identity provider. It is no failure if it does not exist.
    pub(super) async fn delete_identity_provider(&self, pool_id: &str, name: &str, task: &Task) -> Result<(), Failure> {
        let deleted = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.client.delete_identity_provider().user_pool_id(pool_id).provider_name(name);
            call.send().await.or_fail(&format!("delete the identity provider {name}"))
        });
        deleted.await.or_absent().map(drop)
    }
}

/// All details of a provider as they are sent. Made only for the call, because the SDK takes the secret as plain text.
fn sent(want: &IdentityProvider, secret: Option<&SecretValue>) -> HashMap<String, String> {
    let secret = secret.map(|secret| (CLIENT_SECRET.to_owned(), secret.reveal().to_owned()));
    want.details().into_iter().chain(secret).collect()
}

impl Provider<IdentityProvider> for Cognito {
    async fn read(
        &self,
        key: &IdentityProviderKey,
        known: Option<&IdentityProviderOutputs>,
        _: &Task,
    ) -> Result<Option<Found<IdentityProvider>>, Failure> {
        let doing = format!("read the identity provider {}", key.name);
        let call = self.client.describe_identity_provider().user_pool_id(&key.pool_id).provider_name(&key.name);
        let Some(answer) = call.send().await.or_fail(&doing).or_absent()? else { return Ok(None) };
        let live = answer.identity_provider.ok_or_else(|| empty(&doing))?;
        let recorded = known.filter(|known| known.pool_id == key.pool_id).cloned();
        let outputs = recorded.clone().unwrap_or_else(|| IdentityProviderOutputs {
            pool_id: key.pool_id.clone(),
            name: key.name.clone(),
            secret_version: None,
            added: BTreeMap::new(),
        });
        let live = IdentityProviderLive {
            kind: live.provider_type.clone(),
            attributes: live.attribute_mapping.clone().unwrap_or_default().into_iter().collect(),
            identifiers: live.idp_identifiers.clone().unwrap_or_default(),
            levels: live.acr_mapping.clone().unwrap_or_default().into_keys().collect(),
            details: details(live),
            recorded,
        };
        Ok(Some(Found { outputs, live }))
    }

    async fn create(&self, want: &IdentityProvider, task: &Task) -> Result<IdentityProviderOutputs, Failure> {
        let secret = self.client_secret(want).await?;
        let made = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.once.create_identity_provider().user_pool_id(&want.pool_id).provider_name(&want.name);
            let call = call.provider_type(want.kind.to_aws()).set_provider_details(Some(sent(want, secret.as_ref())));
            let call = call.set_attribute_mapping(Some(want.mapping().into_iter().collect()));
            call.send().await.or_fail(&format!("create the identity provider {}", want.name))
        });
        let made = made.await.map_err(without_quotes)?;
        Ok(want.outputs(made.identity_provider))
    }

    async fn update(
        &self,
        want: &IdentityProvider,
        _: &Found<IdentityProvider>,
        task: &Task,
    ) -> Result<IdentityProviderOutputs, Failure> {
        let secret = self.client_secret(want).await?;
        let updated = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.client.update_identity_provider().user_pool_id(&want.pool_id).provider_name(&want.name);
            let call =
                call.set_provider_details(Some(sent(want, secret.as_ref()))).set_idp_identifiers(Some(Vec::new()));
            let call = call.set_attribute_mapping(Some(want.mapping().into_iter().collect()));
            call.send().await.or_fail(&format!("update the identity provider {}", want.name))
        });
        let updated = updated.await.map_err(without_quotes)?;
        Ok(want.outputs(updated.identity_provider))
    }

    async fn delete(&self, gone: &IdentityProviderOutputs, task: &Task) -> Result<(), Failure> {
        self.delete_identity_provider(&gone.pool_id, &gone.name, task).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::testing::{asked, replay};

    fn google() -> IdentityProvider {
        let secret = SecretField { arn: "arn:s".into(), key: "client_secret".into(), version: "v1".into() };
        IdentityProvider {
            pool_id: "p1".into(),
            name: "Google".into(),
            kind: ProviderKind::Google,
            client: Some(ProviderClient {
                id: "app".into(),
                scopes: ["openid", "email"].map(str::to_owned).into(),
                secret,
            }),
            attributes: BTreeMap::from([("email".into(), "email".into())]),
        }
    }

    fn saml() -> IdentityProvider {
        let kind = ProviderKind::Saml { metadata: "https://corp.example.com/saml".into() };
        IdentityProvider { name: "Corp".into(), kind, client: None, ..google() }
    }

    fn answer(kind: &str, details: &Value, more: &Value) -> String {
        let mut provider = json!({
            "UserPoolId": "p1", "ProviderName": "Google", "ProviderType": kind, "ProviderDetails": details,
            "AttributeMapping": { "email": "email", "username": "sub" },
        });
        provider.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!({ "IdentityProvider": provider }).to_string()
    }

    /// As AWS describes a Google provider: with its addresses, and with the secret.
    fn described() -> Value {
        json!({
            "authorize_scopes": "email openid", "client_id": "app", "client_secret": "hush",
            "authorize_url": "https://accounts.google.com/o/oauth2/v2/auth", "token_request_method": "POST",
        })
    }

    async fn drift(want: &IdentityProvider, answer: &str, known: Option<&IdentityProviderOutputs>) -> Vec<Drift> {
        let (clients, _) = replay(vec![(200, answer)]);
        let cognito = Cognito::new(&clients);
        let found = Provider::<IdentityProvider>::read(&cognito, &want.key(), known, &Task::detached("x")).await;
        let found = found.expect("an answer").expect("a provider");
        assert!(!format!("{found:?}").contains("hush"), "the secret is left out");
        want.drift(&found.live)
    }

    fn fields(drift: &[Drift]) -> Vec<(&str, bool)> {
        drift.iter().map(|one| (one.field.as_str(), one.weakens)).collect()
    }

    #[tokio::test]
    async fn a_provider_is_sent_its_secret_and_what_aws_adds_is_recorded() {
        let secret = r#"{"ARN":"arn:s","SecretString":"{\"client_secret\":\"hush\",\"other\":\"x\"}"}"#;
        let made = answer("Google", &described(), &json!({}));
        let (clients, http) = replay(vec![(200, secret), (200, &made)]);
        let outputs = Cognito::new(&clients).create(&google(), &Task::detached("x")).await.expect("created");
        let sent: Value = serde_json::from_str(&asked(&http)[1].1).expect("JSON");
        let details = json!({ "authorize_scopes": "email openid", "client_id": "app", "client_secret": "hush" });
        assert_eq!((&sent["ProviderDetails"], &sent["ProviderType"]), (&details, &json!("Google")));
        assert_eq!(sent["AttributeMapping"], json!({ "email": "email", "username": "sub" }));
        let read: Value = serde_json::from_str(&asked(&http)[0].1).expect("JSON");
        assert_eq!((&read["SecretId"], &read["VersionId"]), (&json!("arn:s"), &json!("v1")));
        let state = serde_json::to_string(&outputs).expect("JSON");
        assert!(!state.contains("hush") && state.contains("token_request_method"), "{state}");
        assert_eq!(drift(&google(), &made, Some(&outputs)).await, []);
        // A lost record: it cannot be known which secret Cognito has.
        let unknown = drift(&google(), &made, None).await;
        assert_eq!(fields(&unknown), [("ProviderDetails of AWS", false), ("the client secret", false)]);
    }

    #[tokio::test]
    async fn whatever_decides_who_the_users_are_weakens() {
        let outputs = google().outputs(None);
        let known = IdentityProviderOutputs {
            added: [
                ("token_request_method", "POST"),
                ("authorize_url", "https://accounts.google.com/o/oauth2/v2/auth"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            ..outputs
        };
        let with = |name: &str, value: &str| {
            let mut details = described();
            details[name] = value.into();
            answer("Google", &details, &json!({}))
        };
        for (answer, expected) in [
            (with("client_id", "theirs"), ("ProviderDetails.client_id", true)),
            (with("authorize_scopes", "openid"), ("ProviderDetails.authorize_scopes", false)),
            (with("token_url", "https://thief.example.com"), ("ProviderDetails of AWS", true)),
            (
                answer(
                    "Google",
                    &described(),
                    &json!({ "AttributeMapping": { "email": "theirs", "username": "sub" } }),
                ),
                ("AttributeMapping", true),
            ),
            (answer("Google", &described(), &json!({ "IdpIdentifiers": ["x"] })), ("IdpIdentifiers", true)),
            (answer("Google", &described(), &json!({ "AcrMapping": { "Level1": "x" } })), ("AcrMapping", true)),
        ] {
            assert_eq!(fields(&drift(&google(), &answer, Some(&known)).await), [expected], "{answer}");
        }
        let mut newer = google();
        newer.client.as_mut().expect("a client").secret.version = "v2".into();
        let sound = answer("Google", &described(), &json!({}));
        assert_eq!(fields(&drift(&newer, &sound, Some(&known)).await), [("the client secret", false)]);
    }

    #[tokio::test]
    async fn a_saml_provider_has_no_secret_and_its_type_cannot_change() {
        let details = json!({ "MetadataURL": "https://corp.example.com/saml", "SSORedirectBindingURI": "https://corp.example.com/sso" });
        let mapping = json!({ "AttributeMapping": { "email": "email" } });
        let made = answer("SAML", &details, &mapping);
        let (clients, http) = replay(vec![(200, &made)]);
        let outputs = Cognito::new(&clients).create(&saml(), &Task::detached("x")).await.expect("created");
        let sent: Value = serde_json::from_str(&asked(&http)[0].1).expect("JSON");
        assert_eq!(sent["ProviderDetails"], json!({ "MetadataURL": "https://corp.example.com/saml" }));
        assert_eq!(drift(&saml(), &made, Some(&outputs)).await, []);
        let other = drift(&saml(), &answer("OIDC", &details, &mapping), Some(&outputs)).await;
        assert_eq!(fields(&other), [("ProviderType", true)]);
        assert!(saml().requires_replacement(&other).is_some_and(|failure| failure.to_string().contains("OIDC")));
    }

    #[tokio::test]
    async fn a_refusal_does_not_quote_the_secret() {
        let secret = r#"{"ARN":"arn:s","SecretString":"{\"client_secret\":\"hush\"}"}"#;
        let refused = r#"{"__type":"InvalidParameterException","message":"bad value hush"}"#;
        let (clients, _) = replay(vec![(200, secret), (400, refused)]);
        let made = Cognito::new(&clients).create(&google(), &Task::detached("x")).await;
        assert!(!made.expect_err("refused").to_string().contains("hush"));
    }
}
