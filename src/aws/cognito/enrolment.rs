//! Signs in to a pool that demands a second factor from a user who has none yet. Cognito then asks the user to set up
//! an authenticator app (the challenge `MFA_SETUP`). This module acts as that app (TOTP, RFC 6238).

use std::time::SystemTime;

use aws_sdk_cognitoidentityprovider::operation::initiate_auth::InitiateAuthOutput;
use aws_sdk_cognitoidentityprovider::types::ChallengeNameType;
use ring::hmac;

use super::Users;
use super::user_advice::explained;
use super::users::{Tokens, granted, tokens};
use crate::aws::error::{OrFail, empty, without_quotes};
use crate::engine::Failure;
use crate::secret::SecretValue;

/// For how many seconds a code is valid.
const STEP: u64 = 30;

/// The result of signing in.
#[derive(Debug)]
pub struct SignedIn {
    pub tokens: Tokens,
    /// Whether the pool demanded a second factor, which was set up.
    pub enrolled: bool,
}

impl Users {
    /// Signs in with a password. If the pool demands a second factor and the user has none, this function sets up an
    /// authenticator app and does not keep its key. So it is only for users that are deleted afterwards. Needs no AWS
    /// credentials.
    ///
    /// # Errors
    /// The sign-in is refused, or the user already has a factor.
    pub async fn sign_in_and_enrol(
        &self,
        client_id: &str,
        pool_id: &str,
        email: &str,
        password: SecretValue,
    ) -> Result<SignedIn, Failure> {
        self.sign_in_at(client_id, pool_id, email, password, self.now()).await
    }

    async fn sign_in_at(
        &self,
        client_id: &str,
        pool_id: &str,
        email: &str,
        password: SecretValue,
        now: SystemTime,
    ) -> Result<SignedIn, Failure> {
        let answer = self.ask_for_tokens(client_id, pool_id, email, &password).await?;
        match answer.challenge_name {
            Some(ChallengeNameType::MfaSetup) => {
                let tokens = self.enrol(client_id, pool_id, email, answer, now).await?;
                Ok(SignedIn { tokens, enrolled: true })
            }
            _ => Ok(SignedIn { tokens: granted(answer, pool_id, email)?, enrolled: false }),
        }
    }

    async fn enrol(
        &self,
        client_id: &str,
        pool_id: &str,
        email: &str,
        challenge: InitiateAuthOutput,
        now: SystemTime,
    ) -> Result<Tokens, Failure> {
        let doing = format!("set up a second factor for {email} in {pool_id}");
        let nothing = || empty("a second factor");
        // Cognito expects the user's generated name in the response, not the address.
        let user = challenge.challenge_parameters.and_then(|mut given| given.remove("USER_ID_FOR_SRP"));
        let user = user.unwrap_or_else(|| email.to_owned());
        let begun = self.client.associate_software_token().set_session(challenge.session).send().await;
        let begun = begun.or_fail(&doing)?;
        let key = SecretValue::new(begun.secret_code.ok_or_else(nothing)?);
        let code = code(&key, now).ok_or_else(nothing)?;
        let call = self.client.verify_software_token().set_session(begun.session).user_code(code.reveal());
        let verified = call.send().await.or_fail(&doing).map_err(without_quotes)?;
        let call = self.client.respond_to_auth_challenge().client_id(client_id);
        let call = call.challenge_name(ChallengeNameType::MfaSetup).set_session(verified.session);
        let answer = explained(call.challenge_responses("USERNAME", user).send().await.or_fail(&doing))?;
        tokens(answer.authentication_result.ok_or_else(nothing)?, None)
    }
}

/// The code of six digits that an authenticator app with this key shows at `now`; `None` if the key is not in base 32.
fn code(key: &SecretValue, now: SystemTime) -> Option<SecretValue> {
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &from_base32(key.reveal())?);
    let digest = hmac::sign(&key, &(seconds / STEP).to_be_bytes());
    let digest = digest.as_ref();
    // RFC 4226: the last four bits are the offset of the number, and the first bit of the number is ignored.
    let at = usize::from(digest.last()? & 0xf);
    let number = u32::from_be_bytes(digest.get(at..at + 4)?.try_into().ok()?) & 0x7fff_ffff;
    Some(SecretValue::new(format!("{:06}", number % 1_000_000)))
}

/// Bytes from base 32 (RFC 4648), with or without padding.
fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for character in text.trim_end_matches('=').bytes() {
        let value = match character.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        bits = (bits << 5) | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::aws::testing::{asked, replay};

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// The key of RFC 6238's test vectors, `12345678901234567890`.
    const KEY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn codes_are_those_of_the_rfc() {
        // The last six digits of the RFC's eight, appendix B, for SHA-1.
        for (seconds, expected) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (20_000_000_000, "353130")]
        {
            let code = code(&SecretValue::from(KEY), at(seconds)).expect("a code");
            assert_eq!(code.reveal(), expected, "{seconds}");
        }
        assert!(code(&SecretValue::from("no base 32!"), at(59)).is_none());
    }

    #[test]
    fn base_32_is_that_of_the_rfc() {
        for (text, bytes) in [("", ""), ("MY======", "f"), ("MZXQ", "fo"), ("MZXW6YTBOI======", "foobar")] {
            assert_eq!(from_base32(text).expect("base 32"), bytes.as_bytes(), "{text}");
        }
    }

    const TOKENS: &str =
        r#"{"AuthenticationResult": {"IdToken": "i1", "AccessToken": "a1", "RefreshToken": "r1", "ExpiresIn": 900}}"#;

    #[tokio::test]
    async fn a_user_without_a_factor_sets_one_up_and_is_signed_in() {
        let setup = r#"{"ChallengeName": "MFA_SETUP", "Session": "s1",
            "ChallengeParameters": {"USER_ID_FOR_SRP": "u-1", "MFAS_CAN_SETUP": "[\"SOFTWARE_TOKEN_MFA\"]"}}"#;
        let begun = format!(r#"{{"SecretCode": "{KEY}", "Session": "s2"}}"#);
        let verified = r#"{"Status": "SUCCESS", "Session": "s3"}"#;
        let (clients, http) = replay(vec![(200, setup), (200, &begun), (200, verified), (200, TOKENS)]);
        let users = Users::new(&clients);
        let signed = users.sign_in_at("c1", "p1", "ann@example.com", SecretValue::from("x"), at(59)).await;
        let signed = signed.expect("tokens");
        assert_eq!((signed.tokens.id.reveal(), signed.enrolled), ("i1", true));
        let asked = asked(&http);
        let calls: Vec<&str> = asked.iter().map(|(call, _)| call.as_str()).collect();
        assert_eq!(calls, ["InitiateAuth", "AssociateSoftwareToken", "VerifySoftwareToken", "RespondToAuthChallenge"]);
        assert_eq!(asked[1].1, r#"{"Session":"s1"}"#);
        let verify: serde_json::Value = serde_json::from_str(&asked[2].1).expect("JSON");
        assert_eq!((&verify["Session"], &verify["UserCode"]), (&"s2".into(), &"287082".into()));
        let answer: serde_json::Value = serde_json::from_str(&asked[3].1).expect("JSON");
        assert_eq!((&answer["Session"], &answer["ChallengeName"]), (&"s3".into(), &"MFA_SETUP".into()));
        assert_eq!(answer["ChallengeResponses"]["USERNAME"], "u-1");
        let signed = http.actual_requests().any(|request| request.headers().get("authorization").is_some());
        assert!(!signed, "none of these calls needs AWS credentials");
    }

    #[tokio::test]
    async fn without_a_demand_nothing_is_set_up() {
        let (clients, http) = replay(vec![(200, TOKENS)]);
        let users = Users::new(&clients);
        let signed = users.sign_in_at("c1", "p1", "ann@example.com", SecretValue::from("x"), at(59)).await;
        assert!(!signed.expect("tokens").enrolled);
        assert_eq!(asked(&http).len(), 1);
    }

    #[tokio::test]
    async fn a_refused_code_is_a_failure_that_does_not_contain_it() {
        let setup = r#"{"ChallengeName": "MFA_SETUP", "Session": "s1"}"#;
        let begun = format!(r#"{{"SecretCode": "{KEY}", "Session": "s2"}}"#);
        let wrong = r#"{"__type": "EnableSoftwareTokenMFAException", "message": "Code mismatch: 287082"}"#;
        let (clients, _) = replay(vec![(200, setup), (200, &begun), (400, wrong)]);
        let users = Users::new(&clients);
        let signed = users.sign_in_at("c1", "p1", "ann@example.com", SecretValue::from("x"), at(59)).await;
        let failure = signed.expect_err("refused").to_string();
        assert!(failure.contains("is not shown") && !failure.contains("287082"), "{failure}");
    }
}
