//! Pools: that signing in works, tells strangers nothing, and gives tokens of the right making.

use futures_util::FutureExt;
use serde_json::Value;

use super::check_spec::{CheckResult, CheckSpec};
use super::context::{CheckFuture, VerifyContext};
use super::settings;
use super::test_users::{TestUser, address};
use super::tokens::Parts;
use super::{Check, Layer};
use crate::aws::cognito::issuer;
use crate::aws::cognito::{Tokens, Users};
use crate::engine::{Drift, Failure};
use crate::probe::Request;
use crate::secret::{self, SecretValue};
use crate::topology::ids;

pub(super) fn units<'a>(scene: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let of = |guest: &'a TestUser| -> [CheckFuture<'a>; 3] {
        [
            async { vec![signs_in(scene, guest)] }.boxed(),
            async { vec![tells_nothing(scene, guest).await] }.boxed(),
            async { token(scene, guest).await }.boxed(),
        ]
    };
    scene.test_users.iter().flat_map(of).collect()
}

fn claim(guest: &TestUser, claim: &str) -> CheckSpec {
    CheckSpec::new(Layer::Authentication, &guest.name, claim)
}

fn signs_in(scene: &VerifyContext, guest: &TestUser) -> Check {
    let claim = claim(guest, "a user can sign in").sent("InitiateAuth with the right password").expects("tokens");
    let took = scene.signed_in.get(&guest.name).map(|signed_in| signed_in.took);
    let finding = match scene.tokens(&guest.name) {
        Ok(tokens) => CheckResult::pass(format!("tokens for {} s", tokens.expires_in)),
        Err(finding) => finding,
    };
    claim.found(finding, took.unwrap_or_default())
}

/// A wrong password and an unknown user get the same answer, so that nobody can find out who has an account.
async fn tells_nothing(scene: &VerifyContext<'_>, guest: &TestUser) -> Check {
    let claim = claim(guest, "a wrong password and an unknown user are told apart by nothing")
        .sent("InitiateAuth with a wrong password; InitiateAuth for an unknown address")
        .expects("the same refusal twice");
    claim
        .by(async {
            // Without a user there would be two unknown ones, and nothing to tell apart.
            if let Err(finding) = scene.tokens(&guest.name)
                && finding.verdict == super::Verdict::Fail
            {
                return finding;
            }
            let users = Users::new(scene.subject.clients);
            let (users, unknown) = (&users, address());
            let refused = |email: String| async move {
                // As long as a right one, and right for any pool but for being wrong.
                let password = SecretValue::new(format!("{}-aA1", secret::generate(20).reveal()));
                let answer = users.sign_in(&guest.pool.client_id, &guest.pool.id, &email, password).await;
                answer.map_err(|failure| refusal(&failure, &email))
            };
            let (wrong, unknown) = tokio::join!(refused(guest.email.clone()), refused(unknown));
            same(&wrong, &unknown)
        })
        .await
}

/// What a refusal lets its reader know: code and words, without the address that was asked for.
fn refusal(failure: &Failure, email: &str) -> String {
    match &failure.service {
        Some(answer) => format!("{} {}", answer.code(), answer.message()).replace(email, "the address"),
        None => format!("no answer: {}", failure.to_string().replace(email, "the address")),
    }
}

/// Pure.
fn same(wrong: &Result<Tokens, String>, unknown: &Result<Tokens, String>) -> CheckResult {
    match (wrong, unknown) {
        (Err(wrong), Err(unknown)) if wrong == unknown => CheckResult::pass(format!("twice {wrong}")),
        (Err(wrong), Err(unknown)) => CheckResult::fail(format!("{wrong} for the one, {unknown} for the other")),
        (Ok(_), _) => CheckResult::fail("a wrong password was taken"),
        (_, Ok(_)) => CheckResult::fail("a user that does not exist could sign in"),
    }
}

/// What the ID token says, who signed it, and that it can be revoked.
async fn token(scene: &VerifyContext<'_>, guest: &TestUser) -> Vec<Check> {
    let issuer = issuer(&scene.subject.clients.scope, &guest.pool.id);
    let says = claim(guest, "its ID tokens say who made them and for whom")
        .sent("the ID token, decoded")
        .expects(format!("iss {issuer}, aud {}, token_use id, alg RS256", guest.pool.client_id));
    let signed = claim(guest, "its ID tokens are signed with a key that it publishes")
        .sent("the ID token and the pool's jwks.json")
        .expects("the signature fits");
    let parts = scene.tokens(&guest.name).and_then(|tokens| {
        Parts::of(&tokens.id).ok_or_else(|| CheckResult::fail("what the pool gave as ID token is no token"))
    });
    let client = settings::drift(scene.subject.seen, ids::client(&guest.name).as_str());
    let revocation = claim(guest, "its refresh tokens can be revoked")
        .sent("DescribeUserPoolClient")
        .expects("EnableTokenRevocation true")
        .known(revocable(client));
    match parts {
        Ok(parts) => {
            let said = says.known(parts.says(&issuer, &guest.pool.client_id));
            let signed = signed.by(async {
                match keys(scene, &issuer, &guest.pool.id).await {
                    Ok(keys) => parts.signed_by(&keys),
                    Err(finding) => finding,
                }
            });
            vec![said, signed.await, revocation]
        }
        Err(finding) => vec![says.known(finding.clone()), signed.known(finding), revocation],
    }
}

/// The keys that a pool publishes.
async fn keys(scene: &VerifyContext<'_>, issuer: &str, pool_id: &str) -> Result<Value, CheckResult> {
    let base = scene.subject.endpoint.map_or_else(|| issuer.to_owned(), |endpoint| format!("{endpoint}/{pool_id}"));
    let url = format!("{base}/.well-known/jwks.json");
    let answer = scene.prober.ask_once(&Request { method: "GET", url: &url, token: None, body: None }).await?;
    match serde_json::from_str(&answer.body) {
        Ok(keys) if answer.status == 200 => Ok(keys),
        _ if !scene.at_aws() => {
            Err(CheckResult::not_applicable("this endpoint publishes no keys; the signature is not checked"))
        }
        _ => Err(CheckResult::fail(format!("{url} answered {} without keys", answer.status))),
    }
}

/// Pure: from what has drifted of the app client.
fn revocable(drift: Option<&[Drift]>) -> CheckResult {
    match drift {
        None => CheckResult::fail("the app client could not be read"),
        Some(drift) => {
            let off = drift.iter().any(|drift| drift.field == "EnableTokenRevocation");
            CheckResult::pass_if(!off, format!("EnableTokenRevocation {}", !off))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ServiceError;
    use crate::verify::Verdict::{Fail, Pass};

    fn tokens() -> Tokens {
        let some = || SecretValue::from("x");
        Tokens { id: some(), access: some(), refresh: some(), expires_in: 3600 }
    }

    #[test]
    fn refusals_must_not_differ() {
        let refused = |words: &str| Err(words.to_owned());
        assert_eq!(same(&refused("a"), &refused("a")).verdict, Pass);
        assert_eq!(same(&refused("a"), &refused("b")).verdict, Fail);
        assert_eq!(same(&Ok(tokens()), &refused("a")).verdict, Fail);
        assert_eq!(same(&refused("a"), &Ok(tokens())).verdict, Fail);
    }

    #[test]
    fn a_refusal_is_compared_without_the_address() {
        let refusal = |email: &str, code: &str| {
            let answer = ServiceError::new(code, format!("no user {email}"));
            refusal(&Failure::refused(format!("could not sign {email} in to p")).answered(answer), email)
        };
        assert_eq!(refusal("a@b.c", "NotAuthorizedException"), refusal("x@y.z", "NotAuthorizedException"));
        assert_ne!(refusal("a@b.c", "NotAuthorizedException"), refusal("x@y.z", "UserNotFoundException"));
    }

    #[test]
    fn revocation_is_a_setting() {
        assert_eq!(revocable(Some(&[])).verdict, Pass);
        assert_eq!(revocable(Some(&[Drift::new("ExplicitAuthFlows", 1, 2)])).verdict, Pass);
        assert_eq!(revocable(Some(&[Drift::weakening("EnableTokenRevocation", true, false)])).verdict, Fail);
        assert_eq!(revocable(None).verdict, Fail);
    }

    #[test]
    fn an_issuer_is_its_pool_in_its_region() {
        let scope = |partition: &str, region: &str| crate::scope::Scope {
            partition: partition.into(),
            account: "123456789012".into(),
            region: region.into(),
            stack: "demo".into(),
        };
        assert_eq!(issuer(&scope("aws", "eu-west-1"), "p"), "https://cognito-idp.eu-west-1.amazonaws.com/p");
        assert_eq!(issuer(&scope("aws-cn", "cn-north-1"), "p"), "https://cognito-idp.cn-north-1.amazonaws.com.cn/p");
    }
}
