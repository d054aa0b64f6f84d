//! The users of a pool, for the commands. They are no resources of the stack: users come and go by themselves.

use std::collections::HashMap;
use std::time::SystemTime;

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::operation::initiate_auth::InitiateAuthOutput;
use aws_sdk_cognitoidentityprovider::types::{
    AttributeType, AuthFlowType, AuthenticationResultType, ChallengeNameType, DeliveryMediumType, MessageActionType,
    UserType,
};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};

use super::refusals::{
    BAD_REFRESH_TOKEN, CONFIRMED, DISABLED, HELD_BACK, NO_PASSWORD_FLOW, NO_SIGN_UP, NO_USER, NOT_CONFIRMED,
    NOT_DELIVERED, OLD_CODE, PASSWORD_RESET, PAST_INVITATION, TOO_MANY_TRIES, USED_PASSWORD, USER_EXISTS,
    WEAK_PASSWORD, WRONG_CODE, WRONG_PASSWORD,
};
use super::{PAGE, PasswordPolicy, generate};
use crate::aws::Clients;
use crate::aws::error::{OrAbsent, OrFail, built, empty, without_quotes};
use crate::aws::retries::client;
use crate::engine::{Cause, Failure, Refusal, ServiceError};
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
    /// A UUID. Calls accept the e-mail address instead of it.
    pub username: String,
    /// The e-mail address; empty if there is none.
    pub email: String,
    /// As in `CONFIRMED`, `UNCONFIRMED` or `FORCE_CHANGE_PASSWORD`.
    pub status: String,
    /// Whether it may sign in.
    pub enabled: bool,
    /// The time of creation, in seconds since 1970.
    pub created: i64,
}

/// The tokens from signing in.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The ID token, which says who the user is. The API's authorizers accept it.
    pub id: SecretValue,
    /// The access token, which says what the user may do.
    pub access: SecretValue,
    /// Can be exchanged for new ones of the other two.
    pub refresh: SecretValue,
    /// The validity of the first two, in seconds.
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
    /// On these clients. Everything here may be repeated, so the SDK's retries are on.
    pub fn new(clients: &Clients) -> Self {
        Self { client: client!(aws_sdk_cognitoidentityprovider, &clients.sdk), clock: clients.sdk.time_source() }
    }

    pub(super) fn now(&self) -> SystemTime {
        self.clock.as_ref().map_or_else(SystemTime::now, TimeSource::now)
    }

    /// Adds a user to a pool. For an existing user it sets the password, or sends the mail again.
    pub async fn add(&self, pool_id: &str, email: &str, how: AddUser) -> Result<Added, Failure> {
        match how {
            AddUser::Password(password) => self.add_with_password(pool_id, email, &password).await,
            AddUser::Invite => self.invite(pool_id, email).await,
        }
    }

    async fn add_with_password(&self, pool_id: &str, email: &str, password: &SecretValue) -> Result<Added, Failure> {
        let added = if explained(self.ensure(pool_id, email).await)? { Added::Created } else { Added::PasswordSet };
        explained(self.set_password(pool_id, email, password).await)?;
        Ok(added)
    }

    /// Creates a user who cannot sign in yet; `false` if the name exists.
    pub(super) async fn ensure(&self, pool_id: &str, email: &str) -> Result<bool, Failure> {
        let attributes = attributes(&[("email", email), ("email_verified", "true")])?;
        // Nobody learns the temporary password. If no other password is set, the user cannot sign in.
        let temporary = generate(&PasswordPolicy::STRICTEST);
        let call = self.client.admin_create_user().user_pool_id(pool_id).username(email);
        let call = call.set_user_attributes(Some(attributes)).temporary_password(temporary.reveal());
        let made = call.message_action(MessageActionType::Suppress).send().await;
        match made.or_fail(&format!("add the user {email}")) {
            Ok(_) => Ok(true),
            Err(failure) if failure.cause == Cause::Exists => Ok(false),
            Err(failure) => Err(without_quotes(failure)),
        }
    }

    /// Sets a user's permanent password.
    pub(super) async fn set_password(&self, pool_id: &str, email: &str, password: &SecretValue) -> Result<(), Failure> {
        let call = self.client.admin_set_user_password().user_pool_id(pool_id).username(email).permanent(true);
        let set = call.password(password.reveal()).send().await.or_fail(&format!("set the password of {email}"));
        set.map(drop).map_err(without_quotes)
    }

    async fn invite(&self, pool_id: &str, email: &str) -> Result<Added, Failure> {
        let attributes = attributes(&[("email", email), ("email_verified", "true")])?;
        let call = self.client.admin_create_user().user_pool_id(pool_id).username(email);
        let call = call.desired_delivery_mediums(DeliveryMediumType::Email);
        let made = call.clone().set_user_attributes(Some(attributes)).send().await;
        match explained(made.or_fail(&format!("invite {email}"))) {
            Ok(_) => Ok(Added::Invited),
            Err(failure) if failure.cause == Cause::Exists => {
                let sent = call.message_action(MessageActionType::Resend).send().await;
                explained(sent.or_fail(&format!("invite {email} again"))).map(|_| Added::Reinvited)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Signs a user up, as the user would do. Cognito mails a code.
    pub async fn sign_up(&self, client_id: &str, email: &str, password: SecretValue) -> Result<SignedUp, Failure> {
        let call = self.client.sign_up().client_id(client_id).username(email).password(password.reveal());
        let answer = call.set_user_attributes(Some(attributes(&[("email", email)])?)).send().await;
        let answer = explained(answer.or_fail(&format!("sign {email} up"))).map_err(without_quotes)?;
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

    /// The users of a pool whose address begins like this: characters that need no escape.
    pub async fn list_beginning(&self, pool_id: &str, prefix: &str) -> Result<Vec<User>, Failure> {
        self.list_where(pool_id, Some(format!("email ^= \"{prefix}\""))).await
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

    /// Signs in with a password. Needs no AWS credentials.
    pub async fn sign_in(
        &self,
        client_id: &str,
        pool_id: &str,
        email: &str,
        password: SecretValue,
    ) -> Result<Tokens, Failure> {
        let answer = self.ask_for_tokens(client_id, pool_id, email, &password).await?;
        granted(answer, pool_id, email)
    }

    pub(super) async fn ask_for_tokens(
        &self,
        client_id: &str,
        pool_id: &str,
        email: &str,
        password: &SecretValue,
    ) -> Result<InitiateAuthOutput, Failure> {
        let call = self.client.initiate_auth().client_id(client_id).auth_flow(AuthFlowType::UserPasswordAuth);
        let call = call.auth_parameters("USERNAME", email).auth_parameters("PASSWORD", password.reveal());
        let answer = call.send().await.or_fail(&format!("sign {email} in to {pool_id}"));
        explained(answer).map_err(without_quotes)
    }

    /// Exchanges a refresh token for new tokens. Needs no AWS credentials. `rotated`: whether the client rotates refresh
    /// tokens; the used one is then replaced by the new one.
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

    /// Whether there is such a pool, whoever it belongs to.
    pub(super) async fn pool_is_there(&self, pool_id: &str) -> Result<bool, Failure> {
        let call = self.client.describe_user_pool().user_pool_id(pool_id);
        let answer = call.send().await.or_fail(&format!("read the user pool {pool_id}")).or_absent()?;
        Ok(answer.is_some())
    }

    /// A pool's current password policy.
    pub async fn password_rule(&self, pool_id: &str) -> Result<PasswordPolicy, Failure> {
        let call = self.client.describe_user_pool().user_pool_id(pool_id);
        let answer = call.send().await.or_fail(&format!("read the user pool {pool_id}"))?;
        let pool = answer.user_pool.ok_or_else(|| empty(&format!("the user pool {pool_id}")))?;
        Ok(PasswordPolicy::read(&pool))
    }
}

/// Whether this may be an e-mail address. It finds mistakes; only an e-mail shows whether the address exists.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    // A user name has at most 128 characters.
    text.chars().count() <= 128
        && (1..=64).contains(&local.len())
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c))
        && domain.contains('.')
        && domain.split('.').all(label)
}

pub(super) fn attributes(pairs: &[(&str, &str)]) -> Result<Vec<AttributeType>, Failure> {
    let attributes = pairs.iter().map(|(name, value)| AttributeType::builder().name(*name).value(*value).build());
    built(attributes.collect())
}

fn user(user: UserType) -> User {
    let mut attributes: HashMap<String, Option<String>> =
        user.attributes.unwrap_or_default().into_iter().map(|attribute| (attribute.name, attribute.value)).collect();
    User {
        username: user.username.unwrap_or_default(),
        email: attributes.remove("email").flatten().unwrap_or_default(),
        status: user.user_status.map(|status| status.to_string()).unwrap_or_default(),
        enabled: user.enabled,
        created: user.user_create_date.map_or(0, |date| date.secs()),
    }
}

/// The tokens in an answer, or the failure that a challenge is.
pub(super) fn granted(answer: InitiateAuthOutput, pool_id: &str, email: &str) -> Result<Tokens, Failure> {
    match (answer.authentication_result, answer.challenge_name) {
        (Some(result), _) => tokens(result, None),
        (None, Some(challenge)) => Err(challenged(&format!("sign {email} in to {pool_id}"), &challenge)),
        (None, None) => Err(empty(&format!("signing {email} in"))),
    }
}

/// A refresh returns no refresh token: the used one stays valid.
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

/// The password was correct, and Cognito demands something more.
fn challenged(doing: &str, challenge: &ChallengeNameType) -> Failure {
    let (why, hint) = match challenge {
        ChallengeNameType::NewPasswordRequired => (
            "the password is a temporary one",
            "set a permanent one: `securelambda add-user` with the same address sets the password",
        ),
        ChallengeNameType::SoftwareTokenMfa | ChallengeNameType::SmsMfa | ChallengeNameType::SelectMfaType => (
            "the user has a second factor",
            "sign in with the application instead: this program does not ask for codes of a second factor",
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

/// The hint for a refusal about a user.
const ADVICE: [(&Refusal, &str); 17] = [
    (&WRONG_PASSWORD, "check address and password; `securelambda add-user` with the same address sets a new password"),
    (&HELD_BACK, "Cognito has locked this user out after too many wrong passwords: wait some minutes, then try again"),
    (
        &NO_PASSWORD_FLOW,
        "the pool's app client does not let clients send passwords: add \"password\" to the pool's `flows` in the stack \
         file, or sign in with the application",
    ),
    (&DISABLED, "an administrator has disabled this user"),
    (&BAD_REFRESH_TOKEN, "sign in again with the password"),
    (
        &NO_SIGN_UP,
        "this pool does not allow sign-up: add the user without `--sign-up`, or set `self_sign_up = true` for the pool",
    ),
    (
        &NOT_CONFIRMED,
        "confirm the address with the code from the e-mail: \
         `securelambda add-user EMAIL --pool POOL --sign-up --code CODE`",
    ),
    (&PASSWORD_RESET, "`securelambda add-user` with the same address sets a new password"),
    (&WEAK_PASSWORD, "choose a password that meets the pool's rule, or use `--generate`"),
    (&USED_PASSWORD, "choose a password that was not used before"),
    (
        &USER_EXISTS,
        "if it was never confirmed, enter the code from the e-mail; otherwise sign in with `securelambda token`",
    ),
    (
        &PAST_INVITATION,
        "the user has signed in before: set a password with `securelambda add-user`, or remove the user first",
    ),
    (&NO_USER, "`securelambda users` lists the users"),
    (&WRONG_CODE, "check the code; only the code from the latest e-mail is valid"),
    (&OLD_CODE, "the code has expired or was used: request a new one"),
    (&TOO_MANY_TRIES, "too many attempts: wait 15 minutes, then try again"),
    (
        &NOT_DELIVERED,
        "Cognito could not send the e-mail: check the address; unless the pool has a sender of its own, Cognito sends \
         at most 50 a day",
    ),
];

/// Adds the hint for a refusal about a user.
pub(super) fn explained<T>(result: Result<T, Failure>) -> Result<T, Failure> {
    result.map_err(|failure| match ADVICE.iter().find(|(refusal, _)| refusal.is(&failure)) {
        Some((_, advice)) => failure.hint(*advice),
        None => failure,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    const EXISTS: &str = r#"{"__type": "UsernameExistsException", "message": "User account already exists."}"#;

    fn error(code: &str, message: &str) -> String {
        serde_json::json!({"__type": code, "message": message}).to_string()
    }

    fn hidden(text: &str) -> SecretValue {
        SecretValue::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_user_is_added_confirmed_and_no_mail_is_sent() {
        let (clients, http) = replay(vec![(200, r#"{"User": {"Username": "u"}}"#), (200, "{}")]);
        let added =
            Users::new(&clients).add("p1", "ann@example.com", AddUser::Password(hidden("Correct-horse-7"))).await;
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
        let added = Users::new(&clients).add("p1", "ann@example.com", AddUser::Password(hidden("x"))).await;
        assert_eq!((added, asked(&http).len()), (Ok(Added::PasswordSet), 2));
        let (clients, _) = replay(vec![(200, "{}")]);
        assert_eq!(Users::new(&clients).add("p1", "ann@example.com", AddUser::Invite).await, Ok(Added::Invited));
        let (clients, http) = replay(vec![(400, EXISTS), (200, "{}")]);
        assert_eq!(Users::new(&clients).add("p1", "ann@example.com", AddUser::Invite).await, Ok(Added::Reinvited));
        assert!(asked(&http)[1].1.contains("RESEND"));
    }

    #[tokio::test]
    async fn passwords_stay_out_of_failures() {
        let quoting = error("InvalidParameterException", "Value 'Correct-horse-7' at 'password' failed");
        let (clients, _) = replay(vec![(200, "{}"), (400, &quoting)]);
        let how = AddUser::Password(hidden("Correct-horse-7"));
        assert!(!format!("{how:?}").contains("horse"));
        let failure = Users::new(&clients).add("p1", "ann@example.com", how).await.expect_err("a refusal");
        assert_eq!(
            failure.to_string(),
            "could not set the password of ann@example.com: AWS's message is not shown, because it may quote a secret"
        );
    }

    /// A short password occurs in other words, so what is hidden would tell it.
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
            (200, r#"{"ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": "s"}"#.to_owned(), "second factor"),
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
            // The SDK takes the first for throttling and tries again (docs/aws.md, Throttling and quotas).
            let (clients, _) = replay(vec![(400, &answer), (400, &answer), (400, &answer)]);
            let failure =
                Users::new(&clients).confirm_sign_up("c1", "ann@example.com", "123456").await.expect_err("a refusal");
            assert!(failure.hint.is_some_and(|hint| hint.contains("15 minutes")));
        }
    }

    #[test]
    fn email_addresses_are_recognised() {
        for good in ["ann@example.com", "a.b+c@mail.example.co.uk", "o'neil@example.org", "ünal@beispiel.de"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "ann",
            "ann@",
            "@example.com",
            "ann@example",
            "ann@@example.com",
            "ann@.com",
            "ann@example..com",
            "a b@example.com",
            ".ann@example.com",
            "ann.@example.com",
            "a..b@example.com",
            "ann@-example.com",
            "ann@example.com ",
            "<ann@example.com>",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
        assert!(!is_email(&format!("ann@{}.com", "x".repeat(200))));
    }
}
