//! AWS Certificate Manager. The program only reads certificates, which belong to no stack.

pub mod refusals;

use aws_sdk_acm::types::CertificateDetail;

use super::Clients;
use super::error::{OrAbsent, OrFail};
use super::retries::client;
use super::service::AwsService;
use crate::engine::Failure;
use crate::regions::Service;

pub const SERVICE: Service = Service::new("acm", "AWS Certificate Manager");

pub(super) const ABOUT: AwsService = AwsService {
    names: &[SERVICE.name],
    refusals: refusals::REFUSALS,
    waits: &[],
    #[cfg(test)]
    tests: super::waits::WaitTests::NONE,
};

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// `ISSUED` if it can be used.
    pub status: String,
    /// The host names that it covers. The first label may be an asterisk.
    pub names: Vec<String>,
}

impl Certificate {
    fn of(detail: CertificateDetail) -> Self {
        let mut names = detail.subject_alternative_names.unwrap_or_default();
        names.extend(detail.domain_name.filter(|name| !names.contains(name)));
        let status = detail.status.map(|status| status.as_str().to_owned()).unwrap_or_default();
        Self { status, names }
    }

    /// Whether its status is `ISSUED`, without a check of its names.
    pub fn is_issued(&self) -> bool {
        self.status == "ISSUED"
    }

    /// The reason why API Gateway cannot use it for a host name; `None` if it can.
    pub fn unfit_for(&self, name: &str) -> Option<String> {
        if !self.is_issued() {
            return Some(format!("has the status {}, not ISSUED", self.status));
        }
        let covered = self.names.iter().any(|one| covers(one, name));
        (!covered).then(|| format!("is for {}, and not for {name}", self.names.join(", ")))
    }
}

/// Whether a name in a certificate covers a host name. An asterisk matches exactly one label.
fn covers(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase(), name.to_ascii_lowercase());
    match pattern.strip_prefix("*.") {
        Some(rest) => name.split_once('.').is_some_and(|(first, behind)| !first.is_empty() && behind == rest),
        None => pattern == name,
    }
}

/// Reads certificates.
#[derive(Debug, Clone)]
pub struct Certificates {
    client: aws_sdk_acm::Client,
}

impl Certificates {
    pub fn new(clients: &Clients) -> Self {
        Self { client: client!(aws_sdk_acm, &clients.sdk) }
    }

    /// The certificate with this ARN; `None` if there is none.
    ///
    /// # Errors
    /// The certificate could not be read.
    pub async fn read(&self, arn: &str) -> Result<Option<Certificate>, Failure> {
        let answer = self.client.describe_certificate().certificate_arn(arn).send().await;
        let answer = answer.or_fail(&format!("read the certificate {arn}")).or_absent()?;
        Ok(answer.and_then(|answer| answer.certificate).map(Certificate::of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::replay;

    #[test]
    fn a_certificate_fits_if_it_is_issued_for_the_name() {
        let of = |status: &str, names: &[&str]| Certificate {
            status: status.into(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        for (certificate, unfit) in [
            (of("ISSUED", &["api.example.com"]), None),
            (of("ISSUED", &["example.com", "*.example.com"]), None),
            (of("ISSUED", &["API.example.com"]), None),
            (of("PENDING_VALIDATION", &["api.example.com"]), Some("PENDING_VALIDATION")),
            (of("EXPIRED", &["api.example.com"]), Some("EXPIRED")),
            (of("ISSUED", &["example.com"]), Some("not for api.example.com")),
            (of("ISSUED", &["*.api.example.com"]), Some("not for api.example.com")),
            (of("ISSUED", &["*.com"]), Some("not for api.example.com")),
        ] {
            let why = certificate.unfit_for("api.example.com");
            assert_eq!(why.is_some(), unfit.is_some(), "{certificate:?}: {why:?}");
            assert!(unfit.is_none_or(|words| why.is_some_and(|why| why.contains(words))), "{certificate:?}");
        }
    }

    #[tokio::test]
    async fn a_certificate_is_read_with_all_its_names_or_is_absent() {
        let detail = r#"{"Certificate":{"Status":"ISSUED","DomainName":"example.com",
            "SubjectAlternativeNames":["example.com","*.example.com"]}}"#;
        let gone = r#"{"__type":"ResourceNotFoundException","message":"Could not find certificate arn:x."}"#;
        let (clients, _) = replay(vec![(200, detail), (400, gone)]);
        let certificates = Certificates::new(&clients);
        let names = vec!["example.com".to_owned(), "*.example.com".to_owned()];
        let read = certificates.read("arn:x").await.expect("no failure");
        assert_eq!(read, Some(Certificate { status: "ISSUED".into(), names }));
        assert_eq!(certificates.read("arn:x").await, Ok(None));
    }
}
