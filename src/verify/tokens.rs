//! Parses tokens, and forges tokens as an attacker would: from a valid token and without the key of the pool.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::{Value, json};

use super::check_spec::CheckResult;
use crate::secret::SecretValue;

/// The three parts of a token. The first two are parsed. It contains a token and must not be printed.
pub(super) struct Parts {
    pub header: Value,
    pub claims: Value,
    /// The signed text: header and claims.
    signed: SecretValue,
    signature: SecretValue,
}

impl Parts {
    /// Parses a token; `None` if the text is not a token.
    pub(super) fn of(token: &SecretValue) -> Option<Self> {
        let (signed, signature) = token.reveal().rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        Some(Self { header: read(header)?, claims: read(claims)?, signed: signed.into(), signature: signature.into() })
    }

    /// The token with one character in the middle of its signature changed.
    pub(super) fn tampered(&self) -> SecretValue {
        let signature = self.signature.reveal();
        let middle = signature.len() / 2;
        let changed = |(at, c): (usize, char)| match (at == middle, c) {
            (true, 'A') => 'B',
            (true, _) => 'A',
            (false, c) => c,
        };
        let signature: String = signature.chars().enumerate().map(changed).collect();
        SecretValue::new(format!("{}.{signature}", self.signed.reveal()))
    }

    /// The token with `alg` none and without a signature.
    pub(super) fn unsigned(&self) -> SecretValue {
        let mut header = self.header.clone();
        header["alg"] = json!("none");
        SecretValue::new(format!("{}.{}.", write(&header), write(&self.claims)))
    }

    /// The token with a changed claim. The signature is no longer valid, because only the pool can sign.
    pub(super) fn changed(&self, claim: &str, value: Value) -> SecretValue {
        let mut claims = self.claims.clone();
        claims[claim] = value;
        SecretValue::new(format!("{}.{}.{}", write(&self.header), write(&claims), self.signature.reveal()))
    }

    /// The token with another key's name. Its signature is that of the pool's key.
    pub(super) fn named(&self, kid: &str) -> SecretValue {
        let mut header = self.header.clone();
        header["kid"] = json!(kid);
        SecretValue::new(format!("{}.{}.{}", write(&header), write(&self.claims), self.signature.reveal()))
    }

    /// The published key that the token names.
    pub(super) fn key_in<'a>(&self, keys: &'a Value) -> Option<&'a Value> {
        let id = self.header.get("kid").and_then(Value::as_str).unwrap_or_default();
        let mut all = keys.get("keys").and_then(Value::as_array).into_iter().flatten();
        all.find(|key| key.get("kid").and_then(Value::as_str).unwrap_or_default() == id)
    }

    /// Whether the claims are those of an ID token of this issuer for this client.
    pub(super) fn check_claims(&self, issuer: &str, client_id: &str) -> CheckResult {
        let word = |from: &Value, name: &str| from.get(name).and_then(Value::as_str).unwrap_or("nothing").to_owned();
        let said = [
            ("iss", word(&self.claims, "iss"), issuer),
            ("aud", word(&self.claims, "aud"), client_id),
            ("token_use", word(&self.claims, "token_use"), "id"),
            ("alg", word(&self.header, "alg"), "RS256"),
        ];
        let holds = said.iter().all(|(_, is, wanted)| is == wanted);
        let words: Vec<String> = said.iter().map(|(name, is, _)| format!("{name} {is}")).collect();
        CheckResult::pass_if(holds, words.join(", "))
    }

    /// Whether one of the published keys signed the token.
    pub(super) fn check_signature(&self, keys: &Value) -> CheckResult {
        let Some(key) = self.key_in(keys) else {
            return CheckResult::fail("the token names a key that the pool does not publish");
        };
        let part = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok();
        let signature = BASE64_URL_SAFE_NO_PAD.decode(self.signature.reveal());
        let (Some(n), Some(e), Ok(signature)) = (part("n"), part("e"), signature) else {
            return CheckResult::fail("the key or the signature is not valid for RSA");
        };
        let key = RsaPublicKeyComponents { n, e };
        let fits = key.verify(&RSA_PKCS1_2048_8192_SHA256, self.signed.reveal().as_bytes(), &signature).is_ok();
        let id = self.header.get("kid").and_then(Value::as_str).unwrap_or_default();
        let valid = if fits { "valid" } else { "not valid" };
        CheckResult::pass_if(fits, format!("the signature is {valid} for the key {id}"))
    }
}

fn read(part: &str) -> Option<Value> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok().filter(Value::is_object)
}

pub(super) fn write(part: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(part.to_string())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::verify::Verdict::{Fail, Pass};

    const ISSUER: &str = "https://cognito-idp.eu-central-1.amazonaws.com/p1";

    /// The example of RFC 7515, A.2: a token, and the key that signed it.
    const SIGNED: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv\
        bS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2\
        Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_\
        eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWyw\
        lVmtVrBp0igcN_IoypGlUPQGe77Rw";
    const MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d\
        4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS\
        -UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91\
        kzk2PAcDTW9gb54h4FRWyuXpoQ";

    fn claims() -> Value {
        json!({ "iss": ISSUER, "aud": "c1", "token_use": "id", "exp": 2_000_000_000 })
    }

    /// A token with an invalid signature.
    fn token(header: &Value, claims: &Value) -> SecretValue {
        SecretValue::new(format!("{}.{}.c2lnbmF0dXJl", write(header), write(claims)))
    }

    pub(in crate::verify) fn good() -> SecretValue {
        token(&json!({ "alg": "RS256", "kid": "k1" }), &claims())
    }

    pub(in crate::verify) fn parts(token: &SecretValue) -> Parts {
        Parts::of(token).expect("a token")
    }

    pub(in crate::verify) fn keys(id: &str) -> Value {
        json!({ "keys": [{ "kid": id, "n": MODULUS, "e": "AQAB" }] })
    }

    #[test]
    fn the_claims_must_name_issuer_client_use_and_algorithm() {
        assert_eq!(parts(&good()).check_claims(ISSUER, "c1").verdict, Pass);
        assert_eq!(parts(&good()).check_claims("https://elsewhere", "c1").verdict, Fail);
        assert_eq!(parts(&good()).check_claims(ISSUER, "c2").verdict, Fail);
        let access = token(&json!({ "alg": "RS256" }), &json!({ "iss": ISSUER, "aud": "c1", "token_use": "access" }));
        assert_eq!(parts(&access).check_claims(ISSUER, "c1").verdict, Fail);
        let other = token(&json!({ "alg": "HS256" }), &claims());
        let result = parts(&other).check_claims(ISSUER, "c1");
        assert_eq!((result.verdict, result.received.ends_with("alg HS256")), (Fail, true));
    }

    #[test]
    fn a_signature_is_valid_for_its_token_and_its_key_only() {
        // The header of the example names no key.
        let signed = parts(&SIGNED.into());
        assert_eq!(signed.check_signature(&keys("")).verdict, Pass);
        assert_eq!(signed.check_signature(&keys("k2")).verdict, Fail, "a key that is not published");
        for forged in [signed.tampered(), signed.unsigned(), signed.changed("exp", json!(1)), signed.named("")] {
            assert_eq!(parts(&forged).check_signature(&keys("")).verdict, Fail);
        }
        assert_eq!(parts(&good()).check_signature(&keys("k1")).verdict, Fail);
    }

    #[test]
    fn forged_tokens_differ_only_in_the_forged_part() {
        let good = good();
        let tampered = parts(&good).tampered();
        let changed = good.reveal().chars().zip(tampered.reveal().chars()).filter(|(a, b)| a != b).count();
        assert_eq!((changed, tampered.reveal().len()), (1, good.reveal().len()));
        let unsigned = parts(&good).unsigned();
        assert!(unsigned.reveal().ends_with('.'));
        assert_eq!((&parts(&unsigned).header["alg"], &parts(&unsigned).claims), (&json!("none"), &claims()));
        let changed = parts(&parts(&good).changed("exp", json!(1_899_996_400)));
        assert_eq!((&changed.claims["exp"], &changed.claims["aud"]), (&json!(1_899_996_400), &json!("c1")));
        let named = parts(&parts(&good).named("k9"));
        assert_eq!((&named.header["kid"], &named.claims), (&json!("k9"), &claims()));
    }

    #[test]
    fn other_text_is_not_parsed_as_a_token() {
        for no in ["", "a.b", "a.b.c", "..", "eyJ9.e30.x"] {
            assert!(Parts::of(&no.into()).is_none(), "{no}");
        }
    }
}
