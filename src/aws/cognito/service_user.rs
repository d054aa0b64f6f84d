//! Service users: programs that sign in to a user pool. Runs generate the password and write it into a secret. They
//! show it to nobody.
//!
//! AWS does not show a user's password, so a run cannot compare it with the secret. Instead, an attribute of the user
//! holds the id of the secret's version that contains the password, and is written last. If the attribute differs from
//! the secret's current version, for example after an interrupted run, a new password is set.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::refusals::COGNITO_BUSY;
use super::users::attributes;
use super::{NewUser, POOLS, PasswordPolicy, TARGET, Users, generate};
use crate::aws::Clients;
use crate::aws::cognito::COGNITO_IDP;
use crate::aws::error::{OrAbsent, OrFail, without_quotes};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::refusals::DENIED;
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::secretsmanager::SecretsManager;
use crate::aws::settle::settled;
use crate::engine::{Comparison, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;
use crate::secret::SecretValue;

/// The attribute that contains the secret's version: a standard one, so that no pool needs a custom attribute.
const VERSION: &str = "nickname";

/// A user that is a program.
#[derive(Debug, Clone)]
pub struct ServiceUser {
    pub pool_id: String,
    /// An e-mail address in a domain that does not exist.
    pub username: String,
    /// The ARN of the secret that gets `{"username", "password"}`.
    pub secret_arn: String,
    /// Values for the attributes that its pool requires of everybody.
    pub attributes: Vec<(String, String)>,
}

/// The outputs are also the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceUserOutputs {
    pub pool_id: String,
    pub username: String,
    pub secret_arn: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ServiceUserLive {
    /// Whether it may sign in.
    pub enabled: bool,
    /// `CONFIRMED`, or the status that prevents the user from signing in.
    pub status: String,
    /// The version of the secret that contains its password.
    pub version: Option<String>,
    /// The current version of the secret.
    pub current: Option<String>,
}

impl Resource for ServiceUser {
    const KIND: &'static str = "cognito.service_user";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = ServiceUserOutputs;
    type Outputs = ServiceUserOutputs;
    type Live = ServiceUserLive;

    fn key(&self) -> ServiceUserOutputs {
        ServiceUserOutputs {
            pool_id: self.pool_id.clone(),
            username: self.username.clone(),
            secret_arn: self.secret_arn.clone(),
        }
    }

    fn identity(outputs: &ServiceUserOutputs) -> String {
        format!("{}/{}", outputs.pool_id, outputs.username)
    }

    fn removal_command(_: &ServiceUserOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &ServiceUserLive) -> Comparison {
        let matches = live.current.is_some() && live.version == live.current;
        let password = if matches { "the one in the secret" } else { "a different password" };
        Comparison::default().plain("Enabled", true, live.enabled).plain("UserStatus", "CONFIRMED", &live.status).plain(
            "password",
            "the one in the secret",
            password,
        )
    }
}

impl Described for ServiceUser {
    const ABOUT: Kind = Kind {
        service: COGNITO_IDP,
        label: "service user",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Cognito,
        gone_before: &[],
        permissions: &[
            // `DescribeUserPool` tells whether the pool is gone if its user cannot be read.
            StatementTemplate {
                sid: Sid::FindOwn,
                on: POOLS,
                rights: &[Permissions { needs: &[Usage::Read], actions: &["cognito-idp:DescribeUserPool"] }],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: POOLS,
                rights: &[
                    Permissions { needs: &[Usage::Read], actions: &["cognito-idp:AdminGetUser"] },
                    Permissions {
                        needs: &[Usage::Create],
                        actions: &[
                            "cognito-idp:AdminCreateUser",
                            "cognito-idp:AdminSetUserPassword",
                            "cognito-idp:AdminUpdateUserAttributes",
                        ],
                    },
                    Permissions {
                        needs: &[Usage::Update],
                        actions: &[
                            "cognito-idp:AdminEnableUser",
                            "cognito-idp:AdminSetUserPassword",
                            "cognito-idp:AdminUpdateUserAttributes",
                        ],
                    },
                    Permissions { needs: &[Usage::Delete], actions: &["cognito-idp:AdminDeleteUser"] },
                ],
            },
        ],
        rates: &[
            Rate::per_second(50, Calls::Operations(TARGET, &["AdminCreateUser"])),
            Rate::per_second(30, Calls::Operations(TARGET, &["AdminSetUserPassword"])),
            Rate::per_second(25, Calls::Operations(TARGET, &["AdminDeleteUser"])),
        ],
        check: SettingsCheck {
            layer: Layer::Authentication,
            subject: "service user {}",
            holds: "the password matches its secret",
            read: "AdminGetUser, DescribeSecret",
        },
    };
}

/// Manages service users.
#[derive(Debug, Clone)]
pub struct ServiceUsers {
    users: Users,
    secrets: SecretsManager,
}

impl ServiceUsers {
    /// Uses these clients with the SDK's retries, because every call here may be repeated.
    pub fn new(clients: &Clients) -> Self {
        Self { users: Users::new(clients), secrets: SecretsManager::new(clients) }
    }

    /// Writes a new password into the secret and then sets it for the user. After an interruption at any point, the
    /// user's attribute differs from the secret's version.
    async fn renew(&self, want: &ServiceUser, task: &Task) -> Result<(), Failure> {
        let ServiceUser { pool_id, username, secret_arn, .. } = want;
        let password = generate(&PasswordPolicy::STRICTEST);
        let version = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
        let document = SecretValue::new(json!({ "username": username, "password": password.reveal() }).to_string());
        let put =
            self.secrets.put(secret_arn, &version, &document, "write the user's password into its secret", task).await;
        put.map_err(without_quotes)?;
        settled(task, &[&COGNITO_BUSY], || self.users.set_password(pool_id, username, &password)).await?;
        let mark = attributes(&[(VERSION, &version)])?;
        let marked = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.users.client.admin_update_user_attributes().user_pool_id(pool_id).username(username);
            call.set_user_attributes(Some(mark.clone()))
                .send()
                .await
                .or_fail(&format!("write the secret's version to the user {username}"))
        });
        marked.await.map(drop)
    }
}

impl Provider<ServiceUser> for ServiceUsers {
    async fn read(
        &self,
        key: &ServiceUserOutputs,
        _: Option<&ServiceUserOutputs>,
        _: &Task,
    ) -> Result<Option<Found<ServiceUser>>, Failure> {
        let user = async {
            let call = self.users.client.admin_get_user().user_pool_id(&key.pool_id).username(&key.username);
            let user = call.send().await.or_fail(&format!("read the user {}", key.username)).or_absent();
            match user {
                // An operator may read only users of pools with the stack's tag. A pool that is gone has no tag.
                Err(failure) if DENIED.is(&failure) && !self.users.pool_is_there(&key.pool_id).await? => Ok(None),
                user => user,
            }
        };
        let (user, current) = tokio::try_join!(user, self.secrets.current(&key.secret_arn))?;
        let Some(user) = user else { return Ok(None) };
        let version = user.user_attributes().iter().find(|attribute| attribute.name() == VERSION);
        let live = ServiceUserLive {
            enabled: user.enabled,
            status: user.user_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
            version: version.and_then(|attribute| attribute.value().map(str::to_owned)),
            current,
        };
        Ok(Some(Found { outputs: key.clone(), live }))
    }

    async fn create(&self, want: &ServiceUser, task: &Task) -> Result<ServiceUserOutputs, Failure> {
        // A user who exists already is in our pool, so an earlier run created it.
        let user = NewUser::by_email(&want.username, want.attributes.clone());
        self.users.ensure(&want.pool_id, &user).await?;
        self.renew(want, task).await?;
        Ok(want.key())
    }

    async fn update(
        &self,
        want: &ServiceUser,
        found: &Found<ServiceUser>,
        task: &Task,
    ) -> Result<ServiceUserOutputs, Failure> {
        if !found.live.enabled {
            let call = self.users.client.admin_enable_user().user_pool_id(&want.pool_id).username(&want.username);
            call.send().await.or_fail(&format!("enable the user {}", want.username))?;
        }
        self.renew(want, task).await?;
        Ok(want.key())
    }

    async fn delete(&self, gone: &ServiceUserOutputs, _: &Task) -> Result<(), Failure> {
        let call = self.users.client.admin_delete_user().user_pool_id(&gone.pool_id).username(&gone.username);
        call.send().await.or_fail(&format!("remove the user {}", gone.username)).or_absent().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_smithy_http_client::test_util::infallible_client_fn;
    use aws_smithy_types::body::SdkBody;

    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Cause;

    fn want() -> ServiceUser {
        ServiceUser {
            pool_id: "eu-central-1_A".into(),
            username: "day@demo.invalid".into(),
            secret_arn: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:demo-day-AbCdEf".into(),
            attributes: Vec::new(),
        }
    }

    fn live() -> ServiceUserLive {
        let version = Some("v1".to_owned());
        ServiceUserLive { enabled: true, status: "CONFIRMED".into(), version: version.clone(), current: version }
    }

    fn task() -> Task {
        Task::detached("user.day")
    }

    #[test]
    fn a_password_that_differs_from_the_secret_is_detected_unread() {
        assert_eq!(want().drift(&live()), vec![]);
        let table = [
            (ServiceUserLive { version: Some("v0".into()), ..live() }, "password"),
            (ServiceUserLive { version: None, current: None, ..live() }, "password"),
            (ServiceUserLive { current: None, ..live() }, "password"),
            (ServiceUserLive { enabled: false, ..live() }, "Enabled"),
            (ServiceUserLive { status: "FORCE_CHANGE_PASSWORD".into(), ..live() }, "UserStatus"),
        ];
        for (live, field) in table {
            let drift = want().drift(&live);
            assert_eq!((drift.len(), drift[0].field.as_str()), (1, field));
        }
    }

    #[tokio::test]
    async fn the_version_attribute_is_written_last() {
        let (clients, http) = replay(vec![(200, r#"{"User":{}}"#), (200, "{}"), (200, "{}"), (200, "{}")]);
        ServiceUsers::new(&clients).create(&want(), &task()).await.expect("made");
        let calls: Vec<String> = asked(&http).into_iter().map(|(call, _)| call).collect();
        let order = ["AdminCreateUser", "PutSecretValue", "AdminSetUserPassword", "AdminUpdateUserAttributes"];
        assert_eq!(calls, order);
        let body = |index: usize| serde_json::from_str::<serde_json::Value>(&asked(&http)[index].1).expect("JSON");
        let secret: serde_json::Value =
            serde_json::from_str(body(1)["SecretString"].as_str().expect("text")).expect("JSON");
        assert_eq!(secret["password"], body(2)["Password"]);
        assert_eq!(body(3)["UserAttributes"][0]["Value"], body(1)["ClientRequestToken"]);
        assert_ne!(body(0)["TemporaryPassword"], body(2)["Password"]);
    }

    /// Attribute and version are equal before the update, so the first write must make them differ.
    #[tokio::test]
    async fn after_an_interruption_the_next_read_sees_a_doubtful_password() {
        let found = || Found { outputs: want().key(), live: ServiceUserLive { enabled: false, ..live() } };
        for written in 1..=2 {
            let mut answers = vec![(200, "{}"); 1 + written];
            answers.push((500, "{}"));
            let (clients, http) = replay(answers);
            let done = ServiceUsers::new(&clients).update(&want(), &found(), &task()).await;
            assert_eq!(done.map_err(|failure| failure.cause), Err(Cause::Unknown));
            let (call, put) = asked(&http).swap_remove(1);
            assert_eq!(call, "PutSecretValue", "{written}");
            let put: serde_json::Value = serde_json::from_str(&put).expect("JSON");
            let current = put["ClientRequestToken"].as_str().map(str::to_owned);
            let drift = want().drift(&ServiceUserLive { current, ..live() });
            assert_eq!(drift.iter().map(|one| one.field.as_str()).collect::<Vec<_>>(), ["password"], "{written}");
        }
    }

    #[tokio::test]
    async fn the_password_stays_out_of_failures() {
        // AWS may quote a part of a request that it refuses. Here it quotes all of it.
        for refused in ["PutSecretValue", "AdminSetUserPassword"] {
            let said = Arc::new(Mutex::new(String::new()));
            let heard = Arc::clone(&said);
            let http = infallible_client_fn(move |request: hyper::Request<SdkBody>| {
                let body: serde_json::Value =
                    serde_json::from_slice(request.body().bytes().unwrap_or_default()).expect("JSON");
                let target = request.headers()["x-amz-target"].to_str().expect("text").to_owned();
                let document = body["SecretString"].as_str().map(|text| serde_json::from_str(text).expect("JSON"));
                let document: serde_json::Value = document.unwrap_or_default();
                let password = document["password"].as_str().or(body["Password"].as_str()).unwrap_or_default();
                let (status, answer) = if target.ends_with(refused) {
                    *heard.lock().expect("nobody panics") = password.to_owned();
                    let message = format!("the value {password:?} does not do, nor does {}", body["SecretString"]);
                    (400, json!({ "__type": "InvalidParameterException", "message": message }))
                } else {
                    (200, json!({}))
                };
                hyper::Response::builder().status(status).body(SdkBody::from(answer.to_string())).expect("an answer")
            });
            let (clients, _) = replay(vec![]);
            let sdk = clients.sdk.into_builder().http_client(http).build();
            let clients = Clients::new(sdk, clients.scope);
            let failure = ServiceUsers::new(&clients).create(&want(), &task()).await.expect_err(refused);
            let password = said.lock().expect("nobody panics").clone();
            assert!(password.len() > 9 && failure.to_string().contains("is not shown"), "{failure}");
            let escaped = password.escape_default().to_string();
            for form in [password.as_str(), escaped.as_str()] {
                assert!(!failure.to_string().contains(form), "{refused}: {form}: {failure}");
            }
        }
    }

    #[tokio::test]
    async fn an_existing_user_gets_a_new_password() {
        let exists = r#"{"__type":"UsernameExistsException","message":"User account already exists"}"#;
        let (clients, http) = replay(vec![(400, exists), (200, "{}"), (200, "{}"), (200, "{}")]);
        ServiceUsers::new(&clients).create(&want(), &task()).await.expect("made");
        assert_eq!(asked(&http).len(), 4);
    }

    #[tokio::test]
    async fn a_user_that_cannot_be_read_is_absent_only_without_its_pool() {
        let denied = r#"{"__type":"AccessDeniedException","message":"not authorized"}"#;
        let gone = r#"{"__type":"ResourceNotFoundException","message":"User pool does not exist"}"#;
        for (pool, is_absent) in [((400, gone), true), ((200, r#"{"UserPool":{"Id":"p"}}"#), false)] {
            let (clients, _) = replay(vec![(400, denied), pool, (200, "{}")]);
            let found = ServiceUsers::new(&clients).read(&want().key(), None, &task()).await;
            assert_eq!(found.is_ok_and(|found| found.is_none()), is_absent);
        }
    }

    #[tokio::test]
    async fn an_unchanged_user_costs_two_calls() {
        let user = r#"{"Username":"u","Enabled":true,"UserStatus":"CONFIRMED","UserAttributes":[{"Name":"nickname","Value":"v1"}]}"#;
        let arn = want().secret_arn;
        let secret = format!(r#"{{"ARN":"{arn}","VersionIdsToStages":{{"v0":["AWSPREVIOUS"],"v1":["AWSCURRENT"]}}}}"#);
        let (clients, http) = replay(vec![(200, user), (200, &secret)]);
        let found = ServiceUsers::new(&clients).read(&want().key(), None, &task()).await;
        assert_eq!(want().drift(&found.expect("no failure").expect("found").live), vec![]);
        assert_eq!(asked(&http).len(), 2);
    }
}
