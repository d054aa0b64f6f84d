//! Service users: programs that sign in to a user pool. The password is made up, goes straight into a secret, and is
//! never seen or kept by anyone else.
//!
//! Whether the secret has the user's password cannot be read. So the user carries the id of the secret's version that
//! has it, and that id is written last: where the two differ, as after a run that was cut off in between, a new password
//! is made.

use aws_sdk_cognitoidentityprovider::types::{AttributeType, MessageActionType};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{PasswordPolicy, built, generate};
use crate::aws::Clients;
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::retries::client;
use crate::aws::settle::{COGNITO_BUSY, SECRET_BACK, settled};
use crate::engine::{Cause, Drift, Failure, Found, Provider, Resource, Task};
use crate::secret::Hidden;

/// The attribute that carries the secret's version: a standard one, so that no pool needs a schema of its own for it.
const VERSION: &str = "nickname";

/// The label of the version that readers get.
const CURRENT: &str = "AWSCURRENT";

/// A user that is a program.
#[derive(Debug, Clone)]
pub struct ServiceUser {
    /// The user pool's id.
    pub pool_id: String,
    /// Its name: an e-mail address that nobody has, in a domain that does not exist.
    pub username: String,
    /// The ARN of the secret that gets `{"username", "password"}`.
    pub secret_arn: String,
}

/// Which user; also where it is looked up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceUserOutputs {
    /// The user pool's id.
    pub pool_id: String,
    /// Its name.
    pub username: String,
    /// The secret's ARN.
    pub secret_arn: String,
}

/// A user's settings.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceUserLive {
    /// May sign in.
    pub enabled: bool,
    /// `CONFIRMED`, or why it cannot sign in.
    pub status: String,
    /// The version of the secret that has its password.
    pub version: Option<String>,
    /// The version of the secret that readers get.
    pub current: Option<String>,
}

impl Resource for ServiceUser {
    const KIND: &'static str = "cognito.service_user";
    const GOES_WITH_PARENT: bool = true;
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

    fn drift(&self, live: &ServiceUserLive) -> Vec<Drift> {
        let mut drift = Vec::new();
        if !live.enabled {
            drift.push(Drift::new("Enabled", true, false));
        }
        if live.status != "CONFIRMED" {
            drift.push(Drift::new("UserStatus", "CONFIRMED", &live.status));
        }
        if live.current.is_none() || live.version != live.current {
            drift.push(Drift::new("password", "the one in the secret", "another"));
        }
        drift
    }
}

/// Looks after service users.
#[derive(Debug, Clone)]
pub struct ServiceUsers {
    users: aws_sdk_cognitoidentityprovider::Client,
    secrets: aws_sdk_secretsmanager::Client,
}

impl ServiceUsers {
    /// On these clients. Everything here may be repeated, so the SDK's retries are on.
    pub fn new(clients: &Clients) -> Self {
        Self {
            users: client!(aws_sdk_cognitoidentityprovider, &clients.sdk),
            secrets: client!(aws_sdk_secretsmanager, &clients.sdk),
        }
    }

    /// Gives the user a new password, and the secret too.
    async fn renew(&self, want: &ServiceUser, task: &Task) -> Result<(), Failure> {
        let ServiceUser { pool_id, username, secret_arn } = want;
        let password = generate(&PasswordPolicy::STRICTEST);
        let version = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
        let document = Hidden::new(json!({ "username": username, "password": password.reveal() }).to_string());
        let set = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.users.admin_set_user_password().user_pool_id(pool_id).username(username);
            let call = call.password(password.reveal()).permanent(true);
            call.send().await.or_fail(&format!("set the password of {username}"))
        });
        set.await?;
        let put = settled(task, &[&SECRET_BACK], || async {
            let call = self.secrets.put_secret_value().secret_id(secret_arn).client_request_token(&version);
            call.secret_string(document.reveal()).send().await.or_fail("write the user's password into its secret")
        });
        put.await?;
        let attribute = built(AttributeType::builder().name(VERSION).value(&version).build())?;
        let marked = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.users.admin_update_user_attributes().user_pool_id(pool_id).username(username);
            call.user_attributes(attribute.clone()).send().await.or_fail(&format!("mark the user {username}"))
        });
        marked.await.map(drop)
    }

    /// The version of the secret that readers get.
    async fn current(&self, secret_arn: &str) -> Result<Option<String>, Failure> {
        let described = self.secrets.describe_secret().secret_id(secret_arn).send().await;
        let Some(secret) = described.or_fail(&format!("read the secret {secret_arn}")).or_absent()? else {
            return Ok(None);
        };
        let versions = secret.version_ids_to_stages.unwrap_or_default();
        Ok(versions.into_iter().find(|(_, stages)| stages.iter().any(|stage| stage == CURRENT)).map(|(id, _)| id))
    }
}

impl Provider<ServiceUser> for ServiceUsers {
    async fn find(
        &self,
        key: &ServiceUserOutputs,
        _: Option<&ServiceUserOutputs>,
        _: &Task,
    ) -> Result<Option<Found<ServiceUser>>, Failure> {
        let user = async {
            let call = self.users.admin_get_user().user_pool_id(&key.pool_id).username(&key.username);
            call.send().await.or_fail(&format!("read the user {}", key.username)).or_absent()
        };
        let (user, current) = tokio::try_join!(user, self.current(&key.secret_arn))?;
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
        let attribute = |name: &str, value: &str| built(AttributeType::builder().name(name).value(value).build());
        let attributes = vec![attribute("email", &want.username)?, attribute("email_verified", "true")?];
        // Nobody ever learns this one: the one that counts is set next.
        let temporary = generate(&PasswordPolicy::STRICTEST);
        let call = self.users.admin_create_user().user_pool_id(&want.pool_id).username(&want.username);
        let call = call.set_user_attributes(Some(attributes)).temporary_password(temporary.reveal());
        let made = call.message_action(MessageActionType::Suppress).send().await;
        match made.or_fail(&format!("add the user {}", want.username)) {
            Ok(_) => {}
            // The pool is ours and so is all in it; an earlier run may have come this far.
            Err(failure) if failure.cause == Cause::Exists => {}
            Err(failure) => return Err(failure),
        }
        self.renew(want, task).await?;
        Ok(want.key())
    }

    async fn converge(
        &self,
        want: &ServiceUser,
        found: &Found<ServiceUser>,
        _: &[Drift],
        task: &Task,
    ) -> Result<ServiceUserOutputs, Failure> {
        if !found.live.enabled {
            let call = self.users.admin_enable_user().user_pool_id(&want.pool_id).username(&want.username);
            call.send().await.or_fail(&format!("enable the user {}", want.username))?;
        }
        self.renew(want, task).await?;
        Ok(want.key())
    }

    async fn delete(&self, gone: &ServiceUserOutputs, _: &Task) -> Result<(), Failure> {
        let call = self.users.admin_delete_user().user_pool_id(&gone.pool_id).username(&gone.username);
        call.send().await.or_fail(&format!("remove the user {}", gone.username)).or_absent().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    fn want() -> ServiceUser {
        ServiceUser {
            pool_id: "eu-central-1_A".into(),
            username: "day@demo.invalid".into(),
            secret_arn: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:demo-day-AbCdEf".into(),
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
    fn a_password_that_is_not_the_secrets_is_seen_without_reading_either() {
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
    async fn the_mark_is_written_last() {
        let (clients, http) = replay(vec![(200, r#"{"User":{}}"#), (200, "{}"), (200, "{}"), (200, "{}")]);
        ServiceUsers::new(&clients).create(&want(), &task()).await.expect("made");
        let calls: Vec<String> = asked(&http).into_iter().map(|(call, _)| call).collect();
        let order = ["AdminCreateUser", "AdminSetUserPassword", "PutSecretValue", "AdminUpdateUserAttributes"];
        assert_eq!(calls, order);
        let body = |index: usize| serde_json::from_str::<serde_json::Value>(&asked(&http)[index].1).expect("JSON");
        let secret: serde_json::Value =
            serde_json::from_str(body(2)["SecretString"].as_str().expect("text")).expect("JSON");
        assert_eq!(secret["password"], body(1)["Password"]);
        assert_eq!(body(3)["UserAttributes"][0]["Value"], body(2)["ClientRequestToken"]);
        assert_ne!(body(0)["TemporaryPassword"], body(1)["Password"]);
    }

    #[tokio::test]
    async fn one_that_is_there_already_gets_a_new_password() {
        let exists = r#"{"__type":"UsernameExistsException","message":"User account already exists"}"#;
        let (clients, http) = replay(vec![(400, exists), (200, "{}"), (200, "{}"), (200, "{}")]);
        ServiceUsers::new(&clients).create(&want(), &task()).await.expect("made");
        assert_eq!(asked(&http).len(), 4);
    }

    #[tokio::test]
    async fn it_is_found_in_two_calls_and_unchanged() {
        let user = r#"{"Username":"u","Enabled":true,"UserStatus":"CONFIRMED","UserAttributes":[{"Name":"nickname","Value":"v1"}]}"#;
        let secret = r#"{"VersionIdsToStages":{"v0":["AWSPREVIOUS"],"v1":["AWSCURRENT"]}}"#;
        let (clients, http) = replay(vec![(200, user), (200, secret)]);
        let found = ServiceUsers::new(&clients).find(&want().key(), None, &task()).await;
        assert_eq!(want().drift(&found.expect("no failure").expect("found").live), vec![]);
        assert_eq!(asked(&http).len(), 2);
    }
}
