//! A small proof for the tests, with checks of every verdict.

use crate::verify::{Check, Layer, Verdict, Verification};

/// 2026-11-28, 12:04:20 UTC.
pub(super) const BEGAN: u64 = 1_795_867_460_000;

pub(super) fn check(verdict: Verdict) -> Check {
    Check {
        layer: Layer::Firewall,
        subject: "web ACL securelambda".to_owned(),
        claim: "its rules match the stack file".to_owned(),
        verdict,
        sent: "GetWebACL".to_owned(),
        expected: "ip-set: Count".to_owned(),
        received: "ip-set: Count".to_owned(),
        at_unix_ms: BEGAN + 1500,
        elapsed_ms: 40,
    }
}

/// Two failures, one check that was not tried, and one layer without checks.
pub(super) fn proof() -> Verification {
    let route = |verdict, claim: &str, sent: &str, received: &str| Check {
        layer: Layer::Authorization,
        subject: "POST /lambda1".to_owned(),
        claim: claim.to_owned(),
        sent: sent.to_owned(),
        expected: "401".to_owned(),
        received: received.to_owned(),
        elapsed_ms: 212,
        ..check(verdict)
    };
    let mut checks = vec![
        Check {
            layer: Layer::Authentication,
            subject: "MyUserPool1".to_owned(),
            claim: "a user can sign in".to_owned(),
            sent: "InitiateAuth with USER_PASSWORD_AUTH".to_owned(),
            expected: "tokens".to_owned(),
            received: "tokens".to_owned(),
            ..check(Verdict::Pass)
        },
        check(Verdict::Pass),
        Check {
            claim: "a blocked address is refused".to_owned(),
            sent: String::new(),
            expected: "403".to_owned(),
            received: "the firewall only counts: its mode is count".to_owned(),
            ..check(Verdict::NotTried)
        },
    ];
    let kinds = ["no token", "garbage", "a tampered signature", "a token with alg none", "an expired token"];
    checks
        .extend(kinds.map(|kind| route(Verdict::Pass, &format!("{kind} is refused"), &format!("with {kind}"), "401")));
    checks.push(route(
        Verdict::Fail,
        "a token of MyUserPool2 is refused",
        "with an ID token of MyUserPool2",
        "200 {\"message\":\"Hello Ada. Greetings from ExternalLambda1! Message forwarded to InternalLambda.\"}",
    ));
    checks.push(Check {
        layer: Layer::Functions,
        subject: "role ExternalLambda1".to_owned(),
        claim: "its policy equals the policy that the program derives".to_owned(),
        sent: "ListAttachedRolePolicies, ListRolePolicies, GetRolePolicy".to_owned(),
        expected: "no managed policy".to_owned(),
        received: "arn:aws:iam::aws:policy/AmazonSNSFullAccess".to_owned(),
        ..check(Verdict::Fail)
    });
    Verification {
        schema_version: 2,
        tool: "securelambda 0.1.0".to_owned(),
        stack: "securelambda".to_owned(),
        account: "123456789012".to_owned(),
        region: "eu-central-1".to_owned(),
        endpoint: None,
        emulator: None,
        notes: vec!["The firewall blocks nothing: its mode is count.".to_owned()],
        began_unix_ms: BEGAN,
        elapsed_ms: 11_240,
        checks,
    }
}

/// The proof of [`proof`] without failures.
pub(super) fn sound() -> Verification {
    let mut proof = proof();
    for check in proof.checks.iter_mut().filter(|check| check.verdict == Verdict::Fail) {
        check.verdict = Verdict::Pass;
        check.received.clone_from(&check.expected);
    }
    proof
}

/// A proof in which every text contains markup and control characters.
pub(super) fn hostile() -> Verification {
    let hostile = "</td></svg>]]><script>alert(\"x\" & 'y')</script>\0\u{1b}[31m\r\n\u{202e}".to_owned();
    let mut proof = proof();
    for check in &mut proof.checks {
        for text in [&mut check.subject, &mut check.claim, &mut check.sent, &mut check.expected, &mut check.received] {
            text.clone_from(&hostile);
        }
    }
    for text in [&mut proof.tool, &mut proof.stack, &mut proof.account, &mut proof.region] {
        text.clone_from(&hostile);
    }
    proof.emulator = crate::emulator::Emulator::of(Some(&hostile));
    proof.notes = vec![hostile.clone()];
    proof.endpoint = Some(hostile);
    proof
}
