//! AWS's clock, which is not this machine's: signatures of a wrong time are refused, as each service refuses them.

use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::proxy::{Asked, Fate, Fault, Weather};

/// How services refuse a signature whose time is more than five minutes from theirs.
pub struct Refusal {
    pub services: &'static [&'static str],
    pub status: u16,
    pub code: &'static str,
    /// What the message begins with for a signature that is too old, and for one of the future.
    pub messages: [&'static str; 2],
    pub source: &'static str,
}

const WORDS: [&str; 2] = ["Signature expired: ", "Signature not yet current: "];

pub const REFUSALS: [Refusal; 3] = [
    Refusal {
        services: &["sts", "iam", "sns"],
        status: 403,
        code: "SignatureDoesNotMatch",
        messages: WORDS,
        source: "observed: convox/rack issue 235, aws-sdk-js issue 401",
    },
    Refusal {
        services: &["wafv2", "cognito-idp", "cognito-identity", "logs", "secretsmanager"],
        status: 400,
        code: "InvalidSignatureException",
        messages: WORDS,
        source: "observed: amplify-js issue 3719, aws-sdk-js issue 254",
    },
    Refusal {
        services: &["lambda", "apigateway", "apigatewayv2"],
        status: 403,
        code: "InvalidSignatureException",
        messages: WORDS,
        source: "observed: aws-sdk-js issue 2598, aws-sdk-android issue 253 (403)",
    },
];

/// An AWS whose clock is ahead of this machine's by so many minutes.
pub struct OtherClock(pub i64);

impl OtherClock {
    fn now(&self) -> SystemTime {
        let by = Duration::from_secs(self.0.unsigned_abs() * 60);
        if self.0 < 0 { SystemTime::now() - by } else { SystemTime::now() + by }
    }
}

impl Weather for OtherClock {
    fn before(&self, asked: &Asked) -> Fate {
        let header = |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok());
        // Calls without a signature have no time.
        let (Some(_), Some(signed)) = (header("authorization"), header("x-amz-date")) else { return Fate::Passed };
        let at = |text: &str| {
            format!(
                "{}-{}-{}T{}:{}:{}Z",
                &text[..4],
                &text[4..6],
                &text[6..8],
                &text[9..11],
                &text[11..13],
                &text[13..15]
            )
        };
        let signed_at = DateTime::from_str(&at(signed), Format::DateTime).unwrap().secs();
        let off = DateTime::from(self.now()).secs() - signed_at;
        if off.abs() <= 300 {
            return Fate::Passed;
        }
        let known = REFUSALS.iter().find(|refusal| refusal.services.contains(&asked.service.as_str()));
        let refusal = known.unwrap_or_else(|| panic!("how does {} refuse?", asked.name()));
        let message = format!("{}{signed} is not within 5 min.", refusal.messages[usize::from(off < 0)]);
        Fate::Refused(Fault::new(refusal.status, refusal.code, &message))
    }

    fn date(&self) -> Option<String> {
        Some(DateTime::from(self.now()).fmt(Format::HttpDate).unwrap())
    }
}
