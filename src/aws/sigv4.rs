//! Signatures (Signature Version 4) for requests to an API's routes.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;

use crate::secret::SecretValue;

/// The service name in signatures for API Gateway's routes.
const SERVICE: &str = "execute-api";

/// The credentials that sign a request.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The access key id, which is not secret.
    pub id: String,
    pub secret: SecretValue,
    /// The session token, if they belong to a session.
    pub session: Option<SecretValue>,
}

impl Keys {
    /// The same credentials with another, random secret key.
    #[must_use]
    pub fn forged(&self) -> Self {
        Self { secret: crate::secret::generate(40), ..self.clone() }
    }

    /// Credentials that never existed.
    pub fn unknown() -> Self {
        let id: String = crate::secret::generate(16).reveal().to_uppercase();
        Self { id: format!("AKIA{id}"), secret: crate::secret::generate(40), session: None }
    }

    /// The headers that sign a request, at this time by AWS's clock. An error contains no values.
    pub fn headers(
        &self,
        method: &str,
        url: &str,
        body: &[u8],
        region: &str,
        now: SystemTime,
    ) -> Result<Vec<(String, SecretValue)>, String> {
        let session = self.session.as_ref().map(|session| session.reveal().to_owned());
        let identity = Credentials::new(&self.id, self.secret.reveal(), session, None, "identity pool").into();
        let params = SigningParams::builder().identity(&identity).region(region).name(SERVICE);
        let params = params.time(now).settings(SigningSettings::default()).build();
        let params = params.map_err(|_| "the signature lacks a part".to_owned())?.into();
        let request = SignableRequest::new(method, url, std::iter::empty(), SignableBody::Bytes(body));
        let signed = request.and_then(|request| sign(request, &params));
        let (instructions, _) = signed.map_err(|_| format!("{method} {url} cannot be signed"))?.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), SecretValue::new(value.to_owned()))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_names_one_service_and_region_and_is_never_shown() {
        let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_795_892_707);
        let keys = Keys { id: "AKIDEXAMPLE".into(), secret: "sentinel".into(), session: Some("session".into()) };
        let headers =
            keys.headers("GET", "https://abc.example.com/dev/age?dob=1", b"", "eu-central-1", now).expect("signed");
        let value = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.reveal());
        let authorization = value("authorization").expect("there");
        assert!(authorization.contains("/eu-central-1/execute-api/aws4_request"), "{authorization}");
        assert_eq!(value("x-amz-security-token"), Some("session"));
        assert_eq!(value("x-amz-date"), Some("20261128T190507Z"));
        let shown = format!("{keys:?} {headers:?}");
        assert!(!shown.contains("sentinel") && !shown.contains("Signature="), "{shown}");
    }

    #[test]
    fn forged_credentials_have_the_id_and_another_secret() {
        let keys = Keys::unknown();
        assert_eq!((keys.id.len(), &keys.forged().id), (20, &keys.id));
        assert_ne!(keys.forged().secret.reveal(), keys.secret.reveal());
        assert!(keys.headers("GET", "no address", b"", "eu-central-1", SystemTime::now()).is_err());
    }
}
