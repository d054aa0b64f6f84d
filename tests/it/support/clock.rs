//! An AWS whose clock differs from this machine's. It refuses signatures with a wrong time, with the error code and
//! message of each service.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use hyper::http::{HeaderMap, HeaderName};

use super::proxy::{AwsRequest, CallOutcome, Fault, FaultInjector};
use crate::services::{WrongTime, service};

/// How some services refuse a signature with a wrong time.
pub struct Refusal {
    pub of: WrongTime,
    /// The largest difference that they accept.
    pub minutes: i64,
    pub status: u16,
    pub code: &'static str,
    /// The beginning of the message for a signature that is too old, and for one from the future.
    pub messages: [&'static str; 2],
    pub source: &'static str,
}

const WORDS: [&str; 2] = ["Signature expired: ", "Signature not yet current: "];

pub const REFUSALS: [Refusal; 3] = [
    Refusal {
        of: WrongTime::Query,
        minutes: 15,
        status: 403,
        code: "SignatureDoesNotMatch",
        messages: WORDS,
        source: "observed: convox/rack issue 235, aws-sdk-js issue 401",
    },
    Refusal {
        of: WrongTime::Json,
        minutes: 5,
        status: 400,
        code: "InvalidSignatureException",
        messages: WORDS,
        source: "observed: amplify-js issue 3719, aws-sdk-js issue 254",
    },
    Refusal {
        of: WrongTime::Rest,
        minutes: 5,
        status: 403,
        code: "InvalidSignatureException",
        messages: WORDS,
        source: "observed: aws-sdk-js issue 2598, aws-sdk-android issue 253 (403)",
    },
];

/// An AWS whose clock is this many minutes ahead of this machine's.
#[derive(Clone)]
pub struct OtherClock {
    minutes: i64,
    refused: Arc<Mutex<Vec<String>>>,
}

impl OtherClock {
    pub fn ahead(minutes: i64) -> Self {
        Self { minutes, refused: Arc::default() }
    }

    pub fn refused(&self) -> Vec<String> {
        self.refused.lock().unwrap().clone()
    }

    fn now(&self) -> SystemTime {
        let by = Duration::from_secs(self.minutes.unsigned_abs() * 60);
        if self.minutes < 0 { SystemTime::now() - by } else { SystemTime::now() + by }
    }
}

impl FaultInjector for OtherClock {
    fn before(&self, asked: &AwsRequest) -> CallOutcome {
        let header = |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok());
        // Calls without a signature have no time.
        let (Some(_), Some(signed)) = (header("authorization"), header("x-amz-date")) else {
            return CallOutcome::Passed;
        };
        let part = |range: std::ops::Range<usize>| &signed[range];
        let (year, month, day) = (part(0..4), part(4..6), part(6..8));
        let at = format!("{year}-{month}-{day}T{}:{}:{}Z", part(9..11), part(11..13), part(13..15));
        let signed_at = DateTime::from_str(&at, Format::DateTime).unwrap().secs();
        let off = DateTime::from(self.now()).secs() - signed_at;
        let wrong_time = service(&asked.service).refusals.wrong_time;
        let refusal = REFUSALS.iter().find(|refusal| refusal.of == wrong_time).unwrap();
        if off.abs() <= refusal.minutes * 60 {
            return CallOutcome::Passed;
        }
        self.refused.lock().unwrap().push(asked.name());
        let words = refusal.messages[usize::from(off < 0)];
        let message = format!("{words}{signed}, {} min. are allowed ({})", refusal.minutes, refusal.source);
        CallOutcome::Refused(Fault::new(refusal.status, refusal.code, &message))
    }

    /// Signs the request again with this machine's time, because the emulator checks the time too.
    fn change_headers(&self, asked: &AwsRequest, headers: &mut HeaderMap) {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let Some(signed) = header("authorization").filter(|value| value.starts_with("AWS4-")) else { return };
        let scope: Vec<&str> = signed.split("Credential=").nth(1).unwrap().split(['/', ',']).collect();
        let (key, region, service) = (scope[0], scope[2], scope[3]);
        // The key of the emulator's root user.
        let identity = Credentials::new(key, "test", None, None, "tests").into();
        let params = SigningParams::builder().identity(&identity).region(region).name(service);
        let params = params.time(SystemTime::now()).settings(SigningSettings::default()).build().unwrap().into();
        let url = format!("http://{}{}", header("host").unwrap(), asked.path);
        let covered: Vec<(String, String)> = ["content-type", "x-amz-target"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), header(name)?)))
            .collect();
        let covered = covered.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let request = SignableRequest::new(&asked.method, &url, covered, SignableBody::Bytes(&asked.body)).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        for (name, value) in instructions.headers() {
            headers.insert(HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
    }

    fn date(&self) -> Option<String> {
        Some(DateTime::from(self.now()).fmt(Format::HttpDate).unwrap())
    }
}
