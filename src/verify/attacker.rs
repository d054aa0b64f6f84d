//! An attacker's key, with which attacks sign tokens that the pool has not signed. It protects nothing, so it is part of
//! the program: `openssl genpkey -algorithm RSA`, and `openssl req -x509` for its certificate.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};

use super::tokens::{Parts, write};
use crate::secret::SecretValue;

/// The attacker's private key (PKCS #8, DER).
const KEY: &[u8] = include_bytes!("attacker/key.der");

/// The certificate of the attacker's key (X.509, DER, self-signed).
const CERTIFICATE: &[u8] = include_bytes!("attacker/certificate.der");

/// The name of the attacker's key in key sets.
const KEY_ID: &str = "securelambda-verify-attacker";

/// The first bytes of an RSA public key in DER (RFC 8017, A.1): `rsaEncryption` without parameters.
const RSA_ENCRYPTION: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// A token with the claims of a valid one and this header, signed with the attacker's key. `None` if the key cannot be
/// used, which a test rules out.
fn signed(parts: &Parts, header: &Value) -> Option<SecretValue> {
    let key = RsaKeyPair::from_pkcs8(KEY).ok()?;
    let text = format!("{}.{}", write(header), write(&parts.claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).ok()?;
    Some(SecretValue::new(format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))))
}

/// A token signed with the attacker's key, whose header names the pool's key.
pub(super) fn foreign_key(parts: &Parts) -> Option<SecretValue> {
    signed(parts, &parts.header)
}

/// A token signed with the attacker's key, whose header names that key by a name that the pool does not publish.
pub(super) fn other_kid(parts: &Parts) -> Option<SecretValue> {
    signed(parts, &with(parts, &[("kid", json!(KEY_ID))]))
}

/// A token that carries the attacker's public key in its header (RFC 7515, 4.1.3).
pub(super) fn jwk(parts: &Parts) -> Option<SecretValue> {
    signed(parts, &with(parts, &[("kid", json!(KEY_ID)), ("jwk", public_key()?)]))
}

/// A token whose header points to the attacker's key set (RFC 7515, 4.1.2). The address contains the key set, so that a
/// verifier which follows it finds the key.
pub(super) fn jku(parts: &Parts) -> Option<SecretValue> {
    let keys = json!({ "keys": [public_key()?] }).to_string();
    let url = format!("data:application/json;base64,{}", BASE64_STANDARD.encode(keys));
    signed(parts, &with(parts, &[("kid", json!(KEY_ID)), ("jku", json!(url))]))
}

/// A token whose header points to the attacker's certificate (RFC 7515, 4.1.5). The address contains the certificate.
pub(super) fn x5u(parts: &Parts) -> Option<SecretValue> {
    let url = format!(
        "data:application/pem-certificate-chain;base64,{}",
        BASE64_STANDARD.encode(pem("CERTIFICATE", CERTIFICATE))
    );
    signed(parts, &with(parts, &[("kid", json!(KEY_ID)), ("x5u", json!(url))]))
}

/// A token with `alg` HS256 whose secret is the pool's public key, as PEM: everybody knows it. `None` if the key that
/// the token names is not in `keys`.
pub(super) fn hmac_with_public_key(parts: &Parts, keys: &Value) -> Option<SecretValue> {
    let key = parts.key_in(keys)?;
    let part = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok();
    let secret = hmac::Key::new(hmac::HMAC_SHA256, pem("PUBLIC KEY", &spki(&part("n")?, &part("e")?)).as_bytes());
    let text = format!("{}.{}", write(&with(parts, &[("alg", json!("HS256"))])), write(&parts.claims));
    let signature = hmac::sign(&secret, text.as_bytes());
    Some(SecretValue::new(format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))))
}

fn with(parts: &Parts, changes: &[(&str, Value)]) -> Value {
    let mut header = parts.header.clone();
    for (name, value) in changes {
        header[*name] = value.clone();
    }
    header
}

/// The attacker's public key as a JSON Web Key.
fn public_key() -> Option<Value> {
    let key = RsaKeyPair::from_pkcs8(KEY).ok()?;
    let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
    let [n, e] = [n, e].map(|number| BASE64_URL_SAFE_NO_PAD.encode(number));
    Some(json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": n, "e": e }))
}

/// A `SubjectPublicKeyInfo` in DER (RFC 5280, 4.1).
fn spki(n: &[u8], e: &[u8]) -> Vec<u8> {
    // A leading zero keeps the number positive.
    let integer = |number: &[u8]| match number.first() {
        Some(first) if *first >= 0x80 => tagged(0x02, &[&[0], number].concat()),
        _ => tagged(0x02, number),
    };
    let key = tagged(0x30, &[integer(n), integer(e)].concat());
    let bits = tagged(0x03, &[&[0], key.as_slice()].concat());
    tagged(0x30, &[RSA_ENCRYPTION.as_slice(), &bits].concat())
}

/// A DER element of less than 64 KiB.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    let length = match (high, low) {
        (0, 0..=0x7f) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag], length.as_slice(), content].concat()
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Verdict::{Fail, Pass};
    use crate::verify::tokens::tests::{good, keys, parts};

    #[test]
    fn each_attack_is_signed_with_the_attackers_key_and_changes_only_the_header() {
        let good = parts(&good());
        let attackers = |id: &str| {
            let mut key = public_key().expect("a key");
            key["kid"] = json!(id);
            json!({ "keys": [key] })
        };
        for (forge, id, names) in [
            (foreign_key as fn(&Parts) -> Option<SecretValue>, "k1", None),
            (other_kid, KEY_ID, None),
            (jwk, KEY_ID, Some("jwk")),
            (jku, KEY_ID, Some("jku")),
            (x5u, KEY_ID, Some("x5u")),
        ] {
            let forged = parts(&forge(&good).expect("a token"));
            assert_eq!(forged.claims, good.claims);
            // A verifier that trusts the header is fooled.
            assert_eq!(forged.check_signature(&attackers(id)).verdict, Pass, "{names:?}");
            assert_eq!(forged.check_signature(&keys("k1")).verdict, Fail, "{names:?}");
            assert!(names.is_none_or(|name| forged.header.get(name).is_some()));
        }
    }

    #[test]
    fn the_addresses_contain_the_key_and_the_certificate() {
        let good = parts(&good());
        let content = |token: Option<SecretValue>, name: &str| {
            let header = parts(&token.expect("a token")).header;
            let (_, content) = header[name].as_str().expect("an address").split_once(";base64,").expect("data");
            String::from_utf8(BASE64_STANDARD.decode(content).expect("base64")).expect("text")
        };
        assert!(content(jku(&good), "jku").contains(KEY_ID));
        assert!(content(x5u(&good), "x5u").starts_with("-----BEGIN CERTIFICATE-----\n"));
    }

    #[test]
    fn the_public_key_as_a_secret_is_the_pem_that_libraries_read() {
        let forged = hmac_with_public_key(&parts(&good()), &keys("k1")).expect("a token");
        assert_eq!(parts(&forged).header["alg"], "HS256");
        assert!(hmac_with_public_key(&parts(&good()), &keys("k2")).is_none());
        // The beginning of every 2048-bit RSA public key in PEM.
        let public = public_key().expect("a key");
        let part = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(public[name].as_str().expect("text")).expect("base64");
        let pem = pem("PUBLIC KEY", &spki(&part("n"), &part("e")));
        assert!(pem.contains("\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA"), "{pem}");
        assert!(pem.contains("IDAQAB\n-----END PUBLIC KEY-----"), "{pem}");
    }
}
