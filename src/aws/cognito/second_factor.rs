//! Sign-in with a password and the code of an authenticator app.

use aws_sdk_cognitoidentityprovider::types::ChallengeNameType;

use super::Users;
use super::refusals::{OLD_SIGN_IN, WRONG_FACTOR};
use super::user_advice::with_advice;
use super::users::{Tokens, granted, tokens};
use crate::aws::error::{OrFail, empty, without_quotes};
use crate::engine::Failure;
use crate::secret::SecretValue;

/// What Cognito answers to a password.
#[derive(Debug)]
pub enum FirstStep {
    Done(Tokens),
    /// The user has an authenticator app, so Cognito asks for its code.
    NeedsCode(SecondStep),
}

/// A sign-in that waits for a code.
#[derive(Debug)]
pub struct SecondStep {
    /// Cognito's id of this sign-in. Together with a code it gives tokens.
    session: Option<SecretValue>,
    /// The name that Cognito expects in the response.
    username: String,
}

impl Users {
    /// Signs in with a password. Needs no AWS credentials. `pool` is the name of the pool in messages.
    ///
    /// # Errors
    /// The sign-in is refused, or Cognito asks for something else than the code of an authenticator app.
    pub async fn begin_sign_in(
        &self,
        client_id: &str,
        pool: &str,
        name: &str,
        password: &SecretValue,
    ) -> Result<FirstStep, Failure> {
        let answer = self.ask_for_tokens(client_id, pool, name, password).await?;
        let given = answer.challenge_parameters.as_ref();
        let given = |parameter: &str| given.and_then(|given| given.get(parameter)).map(String::as_str);
        // Cognito expects the user's generated name in the response, not the address.
        let username = given("USER_ID_FOR_SRP").unwrap_or(name).to_owned();
        let app = ChallengeNameType::SoftwareTokenMfa;
        let offers_app = given("MFAS_CAN_CHOOSE").is_some_and(|factors| factors.contains(app.as_str()));
        let session = match answer.challenge_name {
            Some(ChallengeNameType::SoftwareTokenMfa) => answer.session,
            Some(ChallengeNameType::SelectMfaType) if offers_app => {
                self.choose_app(client_id, pool, name, &username, answer.session).await?
            }
            _ => return granted(answer, pool, name).map(FirstStep::Done),
        };
        Ok(FirstStep::NeedsCode(SecondStep { session: session.map(SecretValue::new), username }))
    }

    /// Chooses the authenticator app among several second factors. Returns the session in which the code is expected.
    async fn choose_app(
        &self,
        client_id: &str,
        pool: &str,
        name: &str,
        username: &str,
        session: Option<String>,
    ) -> Result<Option<String>, Failure> {
        let call = self.client.respond_to_auth_challenge().client_id(client_id).set_session(session);
        // The answer is the name of the chosen factor's challenge.
        let app = ChallengeNameType::SoftwareTokenMfa;
        let call = call.challenge_name(ChallengeNameType::SelectMfaType);
        let call = call.challenge_responses("USERNAME", username).challenge_responses("ANSWER", app.as_str());
        let answer = call.send().await.or_fail(&format!("sign {name} in to {pool}"));
        Ok(answer.map_err(with_advice_on_app)?.session)
    }

    /// Finishes a sign-in with the code that the user's authenticator app shows.
    ///
    /// # Errors
    /// The code is wrong or too old.
    pub async fn finish_sign_in(
        &self,
        client_id: &str,
        pool: &str,
        name: &str,
        step: &SecondStep,
        code: &SecretValue,
    ) -> Result<Tokens, Failure> {
        let call = self.client.respond_to_auth_challenge().client_id(client_id);
        let call = call.challenge_name(ChallengeNameType::SoftwareTokenMfa);
        let call = call.set_session(step.session.as_ref().map(|session| session.reveal().to_owned()));
        let call = call.challenge_responses("USERNAME", &step.username);
        let call = call.challenge_responses("SOFTWARE_TOKEN_MFA_CODE", code.reveal());
        let answer = call.send().await.or_fail(&format!("sign {name} in to {pool}"));
        let answer = answer.map_err(|failure| without_quotes(with_advice_on_app(failure)))?;
        tokens(answer.authentication_result.ok_or_else(|| empty(&format!("signing {name} in")))?, None)
    }
}

/// Adds a hint to a failure. A code of an authenticator app needs other advice than one from an e-mail.
fn with_advice_on_app(failure: Failure) -> Failure {
    if WRONG_FACTOR.is(&failure) {
        return failure.hint("enter the code that the authenticator app shows now; each code can be used once");
    }
    if OLD_SIGN_IN.is(&failure) {
        return failure.hint("the sign-in took longer than 3 minutes: sign in again");
    }
    with_advice(failure)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::testing::{asked, replay};

    const CHALLENGE: &str = r#"{"ChallengeName":"SOFTWARE_TOKEN_MFA","Session":"s1",
        "ChallengeParameters":{"USER_ID_FOR_SRP":"4b-1"}}"#;
    const TOKENS: &str =
        r#"{"AuthenticationResult":{"IdToken":"i","AccessToken":"a","RefreshToken":"r","ExpiresIn":60}}"#;

    async fn second_step(answers: Vec<(u16, &str)>) -> (Result<Tokens, Failure>, Value) {
        let (clients, http) = replay(answers);
        let users = Users::new(&clients);
        let begun = users.begin_sign_in("c1", "p1", "ann@example.com", &SecretValue::from("x")).await;
        let FirstStep::NeedsCode(step) = begun.expect("a challenge") else { panic!("no code was asked for") };
        let signed_in = users.finish_sign_in("c1", "p1", "ann@example.com", &step, &SecretValue::from("123456")).await;
        (signed_in, serde_json::from_str(&asked(&http)[1].1).expect("JSON"))
    }

    #[tokio::test]
    async fn the_code_is_sent_with_the_session_and_the_name_of_the_challenge() {
        let (signed_in, sent) = second_step(vec![(200, CHALLENGE), (200, TOKENS)]).await;
        assert_eq!(signed_in.expect("tokens").refresh.reveal(), "r");
        assert_eq!((&sent["ChallengeName"], &sent["Session"]), (&json!("SOFTWARE_TOKEN_MFA"), &json!("s1")));
        assert_eq!(sent["ChallengeResponses"], json!({ "USERNAME": "4b-1", "SOFTWARE_TOKEN_MFA_CODE": "123456" }));
    }

    #[tokio::test]
    async fn a_wrong_code_is_explained_and_not_quoted() {
        let wrong = r#"{"__type":"CodeMismatchException","message":"Invalid code received for user"}"#;
        let (refused, _) = second_step(vec![(200, CHALLENGE), (400, wrong)]).await;
        let failure = refused.expect_err("refused");
        assert!(failure.hint.as_deref().is_some_and(|hint| hint.contains("authenticator app")), "{failure:?}");
        assert!(!format!("{failure:?}").contains("123456"));
    }

    #[tokio::test]
    async fn among_several_factors_the_app_is_chosen() {
        const CHOICE: &str = r#"{"ChallengeName":"SELECT_MFA_TYPE","Session":"s0",
            "ChallengeParameters":{"USER_ID_FOR_SRP":"4b-1","MFAS_CAN_CHOOSE":"[\"SMS_MFA\",\"SOFTWARE_TOKEN_MFA\"]"}}"#;
        let (clients, http) = replay(vec![(200, CHOICE), (200, CHALLENGE)]);
        let begun = Users::new(&clients).begin_sign_in("c1", "p1", "ann@example.com", &SecretValue::from("x")).await;
        let Ok(FirstStep::NeedsCode(step)) = begun else { panic!("no code was asked for: {begun:?}") };
        assert_eq!((step.username.as_str(), step.session.as_ref().map(SecretValue::reveal)), ("4b-1", Some("s1")));
        let sent: Value = serde_json::from_str(&asked(&http)[1].1).expect("JSON");
        assert_eq!(sent["ChallengeResponses"], json!({ "USERNAME": "4b-1", "ANSWER": "SOFTWARE_TOKEN_MFA" }));
    }

    #[tokio::test]
    async fn without_an_app_the_password_is_enough() {
        let (clients, _) = replay(vec![(200, TOKENS)]);
        let begun = Users::new(&clients).begin_sign_in("c1", "p1", "ann@example.com", &SecretValue::from("x")).await;
        assert!(matches!(begun, Ok(FirstStep::Done(_))), "{begun:?}");
    }
}
