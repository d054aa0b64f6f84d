//! The users of a pool, for the commands. They are not resources of the stack, because runs do not manage them.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::operation::initiate_auth::InitiateAuthOutput;
use aws_sdk_cognitoidentityprovider::types::{
    AttributeType, AuthFlowType, AuthenticationResultType, ChallengeNameType, DeliveryMediumType, MessageActionType,
    UserType,
};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};

use super::refusals::{CONFIRMED, NO_USER, NOT_BY_SCHEMA};
use super::user_advice::explained;
use super::{NewUser, PAGE, PasswordPolicy, generate};
use crate::aws::Clients;
use crate::aws::error::{OrAbsent, OrFail, built, empty, without_quotes};
use crate::aws::retries::client;
use crate::aws::tags::pairs;
use crate::choices::SignIn;
use crate::engine::{Cause, Failure, ServiceError};
use crate::scope::Owner;
use crate::secret::SecretValue;

/// How a user is added.
#[derive(Debug, Clone)]
pub enum AddUser {
    /// Confirmed, with this password; no mail is sent.
    Password(SecretValue),
    /// Cognito mails a temporary password, which the user must change at the first sign-in.
    Invite,
}

/// The result of adding a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// A new user with the password.
    Created,
    /// The user existed, and has the password now.
    PasswordSet,
    /// A new user, who gets an e-mail.
    Invited,
    /// The user existed, and the e-mail was sent again.
    Reinvited,
}

/// The result of signing up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedUp {
    /// No code is needed.
    pub confirmed: bool,
    /// The recipient of the code, as Cognito shows it: `a***@e***`.
    pub sent_to: Option<String>,
}

/// A user of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name that the user chose. Where users sign in with an address or a number, it is a UUID, and calls accept the
    /// address instead of it.
    pub username: String,
    /// The e-mail address; empty if there is none.
    pub email: String,
    /// All other attributes, by Cognito's names.
    pub attributes: BTreeMap<String, String>,
    /// `CONFIRMED`, `UNCONFIRMED`, `FORCE_CHANGE_PASSWORD` or another status of Cognito.
    pub status: String,
    /// Whether it may sign in.
    pub enabled: bool,
    /// The time of creation, in seconds since 1970.
    pub created: i64,
}

impl User {
    /// The name that the user signs in with, in a pool that allows the ways of `sign_in`.
    pub fn called(&self, sign_in: &[SignIn]) -> &str {
        let number = self.attributes.get("phone_number").filter(|_| sign_in.contains(&SignIn::Phone));
        match number {
            _ if sign_in.contains(&SignIn::Username) => &self.username,
            Some(number) if self.email.is_empty() => number,
            _ if self.email.is_empty() => &self.username,
            _ => &self.email,
        }
    }
}

/// The tokens from signing in.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The ID token, which says who the user is. The API's authorizers accept it.
    pub id: SecretValue,
    /// The access token, which says what the user may do.
    pub access: SecretValue,
    /// The refresh token, which can be exchanged for a new ID token and a new access token.
    pub refresh: SecretValue,
    /// The validity of the ID token and the access token, in seconds.
    pub expires_in: i32,
}

/// Manages the users of pools.
#[derive(Debug, Clone)]
pub struct Users {
    pub(super) client: Client,
    /// AWS's time, for the codes of a second factor.
    clock: Option<SharedTimeSource>,
}

impl Users {
    /// Uses these clients with the SDK's retries, because every call here may be repeated.
    pub fn new(clients: &Clients) -> Self {
        Self { client: client!(aws_sdk_cognitoidentityprovider, &clients.sdk), clock: clients.sdk.time_source() }
    }

    pub(super) fn now(&self) -> SystemTime {
        self.clock.as_ref().map_or_else(SystemTime::now, TimeSource::now)
    }

    /// Adds a user to a pool. For an existing user it sets the further attributes, and sets the password or sends the
    /// mail again.
    pub async fn add(&self, pool_id: &str, user: &NewUser, how: AddUser) -> Result<Added, Failure> {
        match how {
            AddUser::Password(password) => self.add_with_password(pool_id, user, &password).await,
            AddUser::Invite => self.invite(pool_id, user).await,
        }
    }

    async fn add_with_password(&self, pool_id: &str, user: &NewUser, password: &SecretValue) -> Result<Added, Failure> {
        let added = if explained(self.ensure(pool_id, user).await)? { Added::Created } else { Added::PasswordSet };
        if added == Added::PasswordSet {
            self.set_attributes(pool_id, user).await?;
        }
        explained(self.set_password(pool_id, &user.name, password).await)?;
        Ok(added)
    }

    /// The attributes of a user; `None` if there is no such user.
    pub async fn attributes_of(&self, pool_id: &str, name: &str) -> Result<Option<BTreeMap<String, String>>, Failure> {
        let call = self.client.admin_get_user().user_pool_id(pool_id).username(name);
        let found = match explained(call.send().await.or_fail(&format!("read the user {name}"))) {
            // Only a missing user is accepted; a missing pool is an error.
            Err(failure) if NO_USER.is(&failure) => return Ok(None),
            found => found?,
        };
        let attributes = found.user_attributes.unwrap_or_default().into_iter();
        Ok(Some(attributes.filter_map(|attribute| Some((attribute.name, attribute.value?))).collect()))
    }

    /// Creates a user who cannot sign in yet; `false` if the name exists.
    pub(super) async fn ensure(&self, pool_id: &str, user: &NewUser) -> Result<bool, Failure> {
        // Nobody learns the temporary password. If no other password is set, the user cannot sign in.
        let temporary = generate(&PasswordPolicy::STRICTEST);
        let call = self.client.admin_create_user().user_pool_id(pool_id).username(&user.name);
        let call = call.set_user_attributes(Some(attributes(&user.vouched_for())?));
        let call = call.temporary_password(temporary.reveal()).message_action(MessageActionType::Suppress);
        match call.send().await.or_fail(&format!("add the user {}", user.name)) {
            Ok(_) => Ok(true),
            Err(failure) if failure.cause == Cause::Exists => Ok(false),
            // AWS's answer may quote the password, except if the attributes do not fit the schema.
            Err(failure) if NOT_BY_SCHEMA.is(&failure) => Err(failure),
            Err(failure) => Err(without_quotes(failure)),
        }
    }

    /// Sets the further attributes of an existing user. A new address is marked as verified. Otherwise Cognito would
    /// keep the old address and mail a code (docs/aws.md, Users and passwords).
    async fn set_attributes(&self, pool_id: &str, user: &NewUser) -> Result<(), Failure> {
        let given = user.vouched_further();
        if given.is_empty() {
            return Ok(());
        }
        let call = self.client.admin_update_user_attributes().user_pool_id(pool_id).username(&user.name);
        let set = call.set_user_attributes(Some(attributes(&given)?)).send().await;
        explained(set.or_fail(&format!("set the attributes of {}", user.name))).map(drop)
    }

    /// Sets a user's permanent password.
    pub(super) async fn set_password(&self, pool_id: &str, email: &str, password: &SecretValue) -> Result<(), Failure> {
        let call = self.client.admin_set_user_password().user_pool_id(pool_id).username(email).permanent(true);
        let set = call.password(password.reveal()).send().await.or_fail(&format!("set the password of {email}"));
        set.map(drop).map_err(without_quotes)
    }

    async fn invite(&self, pool_id: &str, user: &NewUser) -> Result<Added, Failure> {
        let call = self.client.admin_create_user().user_pool_id(pool_id).username(&user.name);
        let call = call.desired_delivery_mediums(DeliveryMediumType::Email);
        let made = call.clone().set_user_attributes(Some(attributes(&user.vouched_for())?)).send().await;
        match explained(made.or_fail(&format!("invite {}", user.name))) {
            Ok(_) => Ok(Added::Invited),
            Err(failure) if failure.cause == Cause::Exists => {
                // Cognito sends the e-mail to the user's current address, so a new address is set first.
                self.set_attributes(pool_id, user).await?;
                let sent = call.message_action(MessageActionType::Resend).send().await;
                explained(sent.or_fail(&format!("invite {} again", user.name))).map(|_| Added::Reinvited)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Signs a user up, as the user would do. Cognito mails a code.
    pub async fn sign_up(&self, client_id: &str, user: &NewUser, password: SecretValue) -> Result<SignedUp, Failure> {
        let call = self.client.sign_up().client_id(client_id).username(&user.name).password(password.reveal());
        let answer = call.set_user_attributes(Some(attributes(&user.signing_up())?)).send().await;
        let answer = explained(answer.or_fail(&format!("sign {} up", user.name))).map_err(without_quotes)?;
        let sent_to = answer.code_delivery_details.and_then(|details| details.destination);
        Ok(SignedUp { confirmed: answer.user_confirmed, sent_to })
    }

    /// Confirms a sign-up with the code from the e-mail. May be repeated.
    pub async fn confirm_sign_up(&self, client_id: &str, email: &str, code: &str) -> Result<(), Failure> {
        let call = self.client.confirm_sign_up().client_id(client_id).username(email).confirmation_code(code);
        match explained(call.send().await.or_fail(&format!("confirm {email}"))) {
            Err(failure) if CONFIRMED.is(&failure) => Ok(()),
            result => result.map(drop),
        }
    }

    /// All users of a pool.
    pub async fn list(&self, pool_id: &str) -> Result<Vec<User>, Failure> {
        self.list_where(pool_id, None).await
    }

    /// The users of a pool for whom `attribute` begins with `prefix`, which must not contain characters that need an
    /// escape.
    pub async fn list_beginning(&self, pool_id: &str, attribute: &str, prefix: &str) -> Result<Vec<User>, Failure> {
        self.list_where(pool_id, Some(format!("{attribute} ^= \"{prefix}\""))).await
    }

    async fn list_where(&self, pool_id: &str, filter: Option<String>) -> Result<Vec<User>, Failure> {
        let call = self.client.list_users().user_pool_id(pool_id).limit(PAGE).set_filter(filter);
        let mut pages = call.into_paginator().send();
        let mut users = Vec::new();
        while let Some(page) = pages.next().await {
            let page = explained(page.or_fail(&format!("list the users of {pool_id}")))?;
            users.extend(page.users.unwrap_or_default().into_iter().map(user));
        }
        Ok(users)
    }

    /// Removes a user; `false` if there was none.
    pub async fn remove(&self, pool_id: &str, email: &str) -> Result<bool, Failure> {
        let call = self.client.admin_delete_user().user_pool_id(pool_id).username(email);
        match explained(call.send().await.or_fail(&format!("remove the user {email}"))) {
            Ok(_) => Ok(true),
            // Only a missing user is accepted; a missing pool is an error.
            Err(failure) if NO_USER.is(&failure) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Signs in with a password. Needs no AWS credentials. `pool` is the name of the pool in messages.
    pub async fn sign_in(
        &self,
        client_id: &str,
        pool: &str,
        email: &str,
        password: SecretValue,
    ) -> Result<Tokens, Failure> {
        let answer = self.ask_for_tokens(client_id, pool, email, &password).await?;
        granted(answer, pool, email)
    }

    pub(super) async fn ask_for_tokens(
        &self,
        client_id: &str,
        pool: &str,
        email: &str,
        password: &SecretValue,
    ) -> Result<InitiateAuthOutput, Failure> {
        let call = self.client.initiate_auth().client_id(client_id).auth_flow(AuthFlowType::UserPasswordAuth);
        let call = call.auth_parameters("USERNAME", email).auth_parameters("PASSWORD", password.reveal());
        let answer = call.send().await.or_fail(&format!("sign {email} in to {pool}"));
        explained(answer).map_err(without_quotes)
    }

    /// Exchanges a refresh token for new tokens. Needs no AWS credentials. `rotated`: whether the client rotates
    /// refresh tokens. In that case the answer contains a new refresh token, which replaces the used one.
    pub async fn refresh(&self, client_id: &str, refresh: SecretValue, rotated: bool) -> Result<Tokens, Failure> {
        if rotated {
            let call = self.client.get_tokens_from_refresh_token().client_id(client_id).refresh_token(refresh.reveal());
            let answer = explained(call.send().await.or_fail("refresh the tokens"));
            let answer = answer.map_err(without_quotes)?;
            return tokens(answer.authentication_result.ok_or_else(|| empty("refreshing the tokens"))?, None);
        }
        let call = self.client.initiate_auth().client_id(client_id).auth_flow(AuthFlowType::RefreshTokenAuth);
        let answer = call.auth_parameters("REFRESH_TOKEN", refresh.reveal()).send().await;
        let answer = explained(answer.or_fail("refresh the tokens")).map_err(without_quotes)?;
        let result = answer.authentication_result.ok_or_else(|| empty("refreshing the tokens"))?;
        tokens(result, Some(refresh))
    }

    /// Ends a session: Cognito refuses its refresh token from now on, and the access tokens that it granted. Needs no AWS
    /// credentials.
    pub async fn revoke(&self, client_id: &str, refresh: &SecretValue) -> Result<(), Failure> {
        let call = self.client.revoke_token().client_id(client_id).token(refresh.reveal());
        explained(call.send().await.or_fail("revoke the session")).map_err(without_quotes)?;
        Ok(())
    }

    /// Whether the pool exists, even if it does not belong to the stack.
    pub(super) async fn pool_is_there(&self, pool_id: &str) -> Result<bool, Failure> {
        let call = self.client.describe_user_pool().user_pool_id(pool_id);
        let answer = call.send().await.or_fail(&format!("read the user pool {pool_id}")).or_absent()?;
        Ok(answer.is_some())
    }

    /// The owner of a pool, by its tags; `None` if it belongs to no stack, or does not exist.
    pub async fn owner(&self, pool_id: &str) -> Result<Option<Owner>, Failure> {
        let call = self.client.describe_user_pool().user_pool_id(pool_id);
        let answer = call.send().await.or_fail(&format!("read the user pool {pool_id}")).or_absent()?;
        let pool = answer.and_then(|answer| answer.user_pool);
        Ok(pool.and_then(|pool| Owner::read(pairs(pool.user_pool_tags()))))
    }

    /// A pool's current password policy.
    pub async fn password_rule(&self, pool_id: &str) -> Result<PasswordPolicy, Failure> {
        let call = self.client.describe_user_pool().user_pool_id(pool_id);
        let answer = call.send().await.or_fail(&format!("read the user pool {pool_id}"))?;
        let pool = answer.user_pool.ok_or_else(|| empty(&format!("the user pool {pool_id}")))?;
        Ok(PasswordPolicy::read(&pool))
    }
}

pub(super) fn attributes<T: AsRef<str>>(pairs: &[(T, T)]) -> Result<Vec<AttributeType>, Failure> {
    let one = |(name, value): &(T, T)| AttributeType::builder().name(name.as_ref()).value(value.as_ref()).build();
    built(pairs.iter().map(one).collect())
}

pub(super) fn user(user: UserType) -> User {
    let attributes = user.attributes.unwrap_or_default().into_iter();
    let mut attributes: BTreeMap<String, String> =
        attributes.filter_map(|attribute| Some((attribute.name, attribute.value?))).collect();
    User {
        username: user.username.unwrap_or_default(),
        email: attributes.remove("email").unwrap_or_default(),
        attributes,
        status: user.user_status.map(|status| status.to_string()).unwrap_or_default(),
        enabled: user.enabled,
        created: user.user_create_date.map_or(0, |date| date.secs()),
    }
}

/// The tokens in an answer, or a failure if the answer is a challenge.
pub(super) fn granted(answer: InitiateAuthOutput, pool: &str, email: &str) -> Result<Tokens, Failure> {
    match (answer.authentication_result, answer.challenge_name) {
        (Some(result), _) => tokens(result, None),
        (None, Some(challenge)) => Err(challenged(&format!("sign {email} in to {pool}"), &challenge)),
        (None, None) => Err(empty(&format!("signing {email} in"))),
    }
}

/// The tokens of a result. A refresh without rotation returns no refresh token, because the used one stays valid.
pub(super) fn tokens(result: AuthenticationResultType, used: Option<SecretValue>) -> Result<Tokens, Failure> {
    let refresh = result.refresh_token.map(SecretValue::new).or(used);
    match (result.id_token, result.access_token, refresh) {
        (Some(id), Some(access), Some(refresh)) => Ok(Tokens {
            id: SecretValue::new(id),
            access: SecretValue::new(access),
            refresh,
            expires_in: result.expires_in,
        }),
        _ => Err(empty("signing in")),
    }
}

/// The failure for a challenge: the password was correct, but Cognito demands more.
fn challenged(doing: &str, challenge: &ChallengeNameType) -> Failure {
    let (why, hint) = match challenge {
        ChallengeNameType::NewPasswordRequired => (
            "the password is a temporary one",
            "set a permanent one: `securelambda add-user` with the same address sets the password",
        ),
        ChallengeNameType::SoftwareTokenMfa | ChallengeNameType::SmsMfa | ChallengeNameType::SelectMfaType => (
            "the user has a second factor other than an authenticator app",
            "sign in with the application, or at the pool's pages with `securelambda login`",
        ),
        ChallengeNameType::MfaSetup => (
            "the pool requires a second factor, and the user has none",
            "have the user set one up in the application, or set `mfa = \"optional\"` for the pool",
        ),
        other => {
            let message = format!("could not {doing}: Cognito asks for {}", other.as_str());
            return Failure::refused(message).hint("sign in with the application instead");
        }
    };
    let answer = ServiceError::new(challenge.as_str(), "").on("cognito-idp InitiateAuth");
    Failure::refused(format!("could not {doing}: {why}")).answered(answer).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    const EXISTS: &str = r#"{"__type": "UsernameExistsException", "message": "User account already exists."}"#;

    fn error(code: &str, message: &str) -> String {
        serde_json::json!({"__type": code, "message": message}).to_string()
    }

    fn ann() -> NewUser {
        NewUser::by_email("ann@example.com", vec![])
    }

    fn hidden(text: &str) -> SecretValue {
        SecretValue::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_user_is_added_confirmed_and_no_mail_is_sent() {
        let (clients, http) = replay(vec![(200, r#"{"User": {"Username": "u"}}"#), (200, "{}")]);
        let added = Users::new(&clients).add("p1", &ann(), AddUser::Password(hidden("Correct-horse-7"))).await;
        assert_eq!(added, Ok(Added::Created));
        let asked = asked(&http);
        let made: serde_json::Value = serde_json::from_str(&asked[0].1).expect("JSON");
        assert_eq!(made["MessageAction"], "SUPPRESS");
        assert_eq!(made["UserAttributes"][1], serde_json::json!({"Name": "email_verified", "Value": "true"}));
        let temporary = hidden(made["TemporaryPassword"].as_str().expect("a password"));
        assert_eq!(PasswordPolicy::STRICTEST.check(&temporary), Ok(()));
        assert_ne!(temporary.reveal(), "Correct-horse-7");
        let set: serde_json::Value = serde_json::from_str(&asked[1].1).expect("JSON");
        assert_eq!((&set["Permanent"], &set["Password"]), (&true.into(), &"Correct-horse-7".into()));
    }

    #[tokio::test]
    async fn adding_a_user_twice_succeeds() {
        let (clients, http) = replay(vec![(400, EXISTS), (200, "{}")]);
        let added = Users::new(&clients).add("p1", &ann(), AddUser::Password(hidden("x"))).await;
        assert_eq!((added, asked(&http).len()), (Ok(Added::PasswordSet), 2));
        let (clients, _) = replay(vec![(200, "{}")]);
        assert_eq!(Users::new(&clients).add("p1", &ann(), AddUser::Invite).await, Ok(Added::Invited));
        let (clients, http) = replay(vec![(400, EXISTS), (200, "{}")]);
        assert_eq!(Users::new(&clients).add("p1", &ann(), AddUser::Invite).await, Ok(Added::Reinvited));
        assert!(asked(&http)[1].1.contains("RESEND"));
    }

    #[tokio::test]
    async fn attributes_are_given_to_a_new_user_and_set_for_an_existing_one() {
        let user = NewUser::by_email("ann@example.com", vec![("custom:tenant".into(), "acme".into())]);
        let tenant = serde_json::json!({"Name": "custom:tenant", "Value": "acme"});
        let (clients, http) = replay(vec![(200, "{}"), (200, "{}")]);
        let added = Users::new(&clients).add("p1", &user, AddUser::Password(hidden("x"))).await;
        assert_eq!(added, Ok(Added::Created));
        let made: serde_json::Value = serde_json::from_str(&asked(&http)[0].1).expect("JSON");
        assert_eq!(made["UserAttributes"][2], tenant);
        let (clients, http) = replay(vec![(400, EXISTS), (200, "{}"), (200, "{}")]);
        let added = Users::new(&clients).add("p1", &user, AddUser::Password(hidden("x"))).await;
        assert_eq!(added, Ok(Added::PasswordSet));
        let (call, body) = &asked(&http)[1];
        let set: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(
            (call.as_str(), &set["UserAttributes"]),
            ("AdminUpdateUserAttributes", &serde_json::json!([tenant]))
        );
        // A new address is marked as verified, and is set before the e-mail is sent to it.
        let named = NewUser::of(&[SignIn::Username], "ann", vec![("email".into(), "ann@example.org".into())]);
        let (clients, http) = replay(vec![(400, EXISTS), (200, "{}"), (200, "{}")]);
        let added = Users::new(&clients).add("p1", &named, AddUser::Invite).await;
        assert_eq!(added, Ok(Added::Reinvited));
        let calls = asked(&http);
        let set: serde_json::Value = serde_json::from_str(&calls[1].1).expect("JSON");
        let vouched = serde_json::json!([
            {"Name": "email", "Value": "ann@example.org"},
            {"Name": "email_verified", "Value": "true"},
        ]);
        assert_eq!((calls[1].0.as_str(), &set["UserAttributes"]), ("AdminUpdateUserAttributes", &vouched));
        assert!(calls[2].1.contains("RESEND"));
        let refused = error("InvalidParameterException", "Attributes did not conform to the schema: name: required");
        let (clients, _) = replay(vec![(400, &refused)]);
        let failure = Users::new(&clients).add("p1", &user, AddUser::Password(hidden("x"))).await.expect_err("refused");
        assert!(failure.to_string().contains("name: required"), "{failure}");
        assert!(failure.hint.is_some_and(|hint| hint.contains("--attribute NAME=VALUE")));
    }

    #[tokio::test]
    async fn passwords_stay_out_of_failures() {
        let quoting = error("InvalidParameterException", "Value 'Correct-horse-7' at 'password' failed");
        let (clients, _) = replay(vec![(200, "{}"), (400, &quoting)]);
        let how = AddUser::Password(hidden("Correct-horse-7"));
        assert!(!format!("{how:?}").contains("horse"));
        let failure = Users::new(&clients).add("p1", &ann(), how).await.expect_err("a refusal");
        assert_eq!(
            failure.to_string(),
            "could not set the password of ann@example.com: AWS's message is not shown, because it may quote a secret"
        );
    }

    /// A short password can be a part of other words. If the failure hid it there, the gap would reveal it.
    #[tokio::test]
    async fn a_refused_password_changes_nothing_in_the_failure() {
        let wrong = error("NotAuthorizedException", "Incorrect username or password.");
        for password in ["x", "Incorrect", "bob@example.com", "", "password"] {
            let (clients, _) = replay(vec![(400, &wrong)]);
            let failure = Users::new(&clients).sign_in("c1", "p1", "bob@example.com", hidden(password)).await;
            let failure = failure.expect_err("a refusal");
            assert_eq!(
                failure.to_string(),
                "could not sign bob@example.com in to p1: Incorrect username or password.",
                "{password}"
            );
        }
    }

    #[tokio::test]
    async fn confirming_twice_succeeds_and_a_wrong_code_fails() {
        let done = error("NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED");
        let wrong = error("CodeMismatchException", "Invalid verification code provided, please try again.");
        let (clients, _) = replay(vec![(400, &done), (400, &wrong)]);
        let users = Users::new(&clients);
        assert_eq!(users.confirm_sign_up("c1", "ann@example.com", "1").await, Ok(()));
        let failure = users.confirm_sign_up("c1", "ann@example.com", "1").await.expect_err("wrong");
        assert_eq!(failure.hint.as_deref(), Some("check the code; only the code from the latest e-mail is valid"));
    }

    #[tokio::test]
    async fn users_are_listed_over_all_pages() {
        let first = r#"{"PaginationToken": "n", "Users": [{"Username": "u1", "UserStatus": "CONFIRMED", "Enabled": true,
            "UserCreateDate": 1700000000.5, "Attributes": [{"Name": "sub", "Value": "u1"},
            {"Name": "email", "Value": "ann@example.com"}]}]}"#;
        let second = r#"{"Users": [{"Username": "u2", "UserStatus": "UNCONFIRMED", "Enabled": false}]}"#;
        let (clients, http) = replay(vec![(200, first), (200, second)]);
        let users = Users::new(&clients).list("p1").await.expect("a list");
        assert_eq!(asked(&http).len(), 2);
        let ann = User {
            username: "u1".into(),
            email: "ann@example.com".into(),
            attributes: [("sub".to_owned(), "u1".to_owned())].into(),
            status: "CONFIRMED".into(),
            enabled: true,
            created: 1_700_000_000,
        };
        assert_eq!(users[0], ann);
        assert_eq!((users[1].email.as_str(), users[1].enabled), ("", false));
    }

    #[tokio::test]
    async fn removing_tells_whether_there_was_one() {
        let none = error("UserNotFoundException", "User does not exist.");
        let no_pool = error("ResourceNotFoundException", "User pool p1 does not exist.");
        let (clients, _) = replay(vec![(200, "{}"), (400, &none), (400, &no_pool)]);
        let users = Users::new(&clients);
        assert_eq!(users.remove("p1", "ann@example.com").await, Ok(true));
        assert_eq!(users.remove("p1", "ann@example.com").await, Ok(false));
        assert!(users.remove("p1", "ann@example.com").await.is_err());
    }

    #[tokio::test]
    async fn signing_in_gives_tokens_and_refreshing_keeps_the_refresh_token() {
        let signed = r#"{"AuthenticationResult": {"IdToken": "i1", "AccessToken": "a1", "RefreshToken": "r1", "ExpiresIn": 3600}}"#;
        let again = r#"{"AuthenticationResult": {"IdToken": "i2", "AccessToken": "a2", "ExpiresIn": 3600}}"#;
        let (clients, http) = replay(vec![(200, signed), (200, again)]);
        let users = Users::new(&clients);
        let tokens = users.sign_in("c1", "p1", "ann@example.com", hidden("x")).await.expect("tokens");
        assert_eq!((tokens.id.reveal(), tokens.refresh.reveal(), tokens.expires_in), ("i1", "r1", 3600));
        let tokens = users.refresh("c1", tokens.refresh, false).await.expect("tokens");
        assert_eq!((tokens.access.reveal(), tokens.refresh.reveal()), ("a2", "r1"));
        let signed = |request: &aws_smithy_runtime_api::client::orchestrator::HttpRequest| {
            request.headers().get("authorization").is_some()
        };
        assert!(!http.actual_requests().any(signed), "neither needs AWS credentials");
        assert_eq!(asked(&http).len(), 2);
    }

    #[tokio::test]
    async fn every_failed_sign_in_has_a_hint() {
        let answers = [
            (400, error("NotAuthorizedException", "Incorrect username or password."), "sets a new password"),
            (400, error("NotAuthorizedException", "Password attempts exceeded"), "wait some minutes"),
            (400, error("NotAuthorizedException", "User is disabled."), "disabled"),
            (400, error("UserNotConfirmedException", "User is not confirmed."), "--code"),
            (400, error("PasswordResetRequiredException", "Password reset required"), "sets a new password"),
            (200, r#"{"ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": "s"}"#.to_owned(), "sets the password"),
            (200, r#"{"ChallengeName": "SMS_MFA", "Session": "s"}"#.to_owned(), "securelambda login"),
            (200, r#"{"ChallengeName": "MFA_SETUP", "Session": "s"}"#.to_owned(), "mfa = \"optional\""),
            (200, r#"{"ChallengeName": "CUSTOM_CHALLENGE", "Session": "s"}"#.to_owned(), "with the application"),
        ];
        for (status, body, way_out) in answers {
            let (clients, _) = replay(vec![(status, &body)]);
            let result = Users::new(&clients).sign_in("c1", "p1", "ann@example.com", hidden("x")).await;
            let hint = result.expect_err("not let in").hint.expect("a way out");
            assert!(hint.contains(way_out), "{body}: {hint}");
        }
    }

    #[tokio::test]
    async fn too_many_attempts_are_not_reported_as_a_quota() {
        for code in ["LimitExceededException", "TooManyFailedAttemptsException"] {
            let answer = error(code, "Attempt limit exceeded, please try after some time.");
            // The SDK treats the first code as throttling and retries the call (docs/aws.md, Throttling and quotas).
            let (clients, _) = replay(vec![(400, &answer), (400, &answer), (400, &answer)]);
            let failure =
                Users::new(&clients).confirm_sign_up("c1", "ann@example.com", "123456").await.expect_err("a refusal");
            assert!(failure.hint.is_some_and(|hint| hint.contains("15 minutes")));
        }
    }
}
