//! Checks of user pools: users can sign in, errors reveal no accounts, and tokens are correct.

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

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let of = |user: &'a TestUser| -> [CheckFuture<'a>; 3] {
        [
            async { vec![signs_in(context, user)] }.boxed(),
            async { vec![reveals_nothing(context, user).await] }.boxed(),
            async { token(context, user).await }.boxed(),
        ]
    };
    context.test_users.iter().flat_map(of).collect()
}

fn claim(user: &TestUser, claim: &str) -> CheckSpec {
    CheckSpec::new(Layer::Authentication, &user.name, claim)
}

fn signs_in(context: &VerifyContext, user: &TestUser) -> Check {
    let claim = claim(user, "a user can sign in").sent("InitiateAuth with the right password").expects("tokens");
    let took = context.signed_in.get(&user.name).map(|signed_in| signed_in.took);
    let result = match context.tokens(&user.name) {
        Ok(tokens) => CheckResult::pass(format!("tokens that are valid for {} s", tokens.expires_in)),
        Err(result) => result,
    };
    claim.found(result, took.unwrap_or_default())
}

/// A wrong password and an unknown user get the same answer, so that nobody can find out who has an account.
async fn reveals_nothing(context: &VerifyContext<'_>, user: &TestUser) -> Check {
    let claim = claim(user, "a wrong password and an unknown user get the same answer")
        .sent("InitiateAuth with a wrong password; InitiateAuth for an unknown address")
        .expects("the same error twice");
    claim
        .by(async {
            // Without a test user, both requests would be for unknown users.
            if let Err(result) = context.tokens(&user.name)
                && result.verdict == super::Verdict::Fail
            {
                return result;
            }
            let users = Users::new(context.subject.clients);
            let (users, unknown) = (&users, address());
            let refused = |email: String| async move {
                // It satisfies the password policy of every pool.
                let password = SecretValue::new(format!("{}-aA1", secret::generate(20).reveal()));
                let answer = users.sign_in(&user.pool.client_id, &user.pool.id, &email, password).await;
                answer.map_err(|failure| refusal(&failure, &email))
            };
            let (wrong, unknown) = tokio::join!(refused(user.email.clone()), refused(unknown));
            same(&wrong, &unknown)
        })
        .await
}

/// What an error reveals: its code and message, without the requested address.
fn refusal(failure: &Failure, email: &str) -> String {
    match &failure.service {
        Some(answer) => format!("{} {}", answer.code(), answer.message()).replace(email, "the address"),
        None => format!("no answer: {}", failure.to_string().replace(email, "the address")),
    }
}

fn same(wrong: &Result<Tokens, String>, unknown: &Result<Tokens, String>) -> CheckResult {
    match (wrong, unknown) {
        (Err(wrong), Err(unknown)) if wrong == unknown => CheckResult::pass(format!("the same error twice: {wrong}")),
        (Err(wrong), Err(unknown)) => CheckResult::fail(format!("wrong password: {wrong}; unknown user: {unknown}")),
        (Ok(_), _) => CheckResult::fail("a wrong password was accepted"),
        (_, Ok(_)) => CheckResult::fail("a user that does not exist could sign in"),
    }
}

/// The claims and the signature of the ID token, and whether refresh tokens can be revoked.
async fn token(context: &VerifyContext<'_>, user: &TestUser) -> Vec<Check> {
    let issuer = issuer(&context.subject.clients.scope, &user.pool.id);
    let says = claim(user, "ID tokens name their issuer and their client")
        .sent("the decoded ID token")
        .expects(format!("iss {issuer}, aud {}, token_use id, alg RS256", user.pool.client_id));
    let signed = claim(user, "ID tokens are signed with a published key")
        .sent("the ID token and the pool's jwks.json")
        .expects("the signature is valid");
    let parts = context.tokens(&user.name).and_then(|tokens| {
        Parts::of(&tokens.id).ok_or_else(|| CheckResult::fail("the ID token of the pool is not a JSON Web Token"))
    });
    let client = settings::drift(context.subject.seen, ids::client(&user.name).as_str());
    let revocation = claim(user, "refresh tokens can be revoked")
        .sent("DescribeUserPoolClient")
        .expects("EnableTokenRevocation true")
        .known(revocable(client.as_deref()));
    match parts {
        Ok(parts) => {
            let said = says.known(parts.check_claims(&issuer, &user.pool.client_id));
            let signed = signed.by(async {
                match keys(context, &issuer, &user.pool.id).await {
                    Ok(keys) => parts.check_signature(&keys),
                    Err(result) => result,
                }
            });
            vec![said, signed.await, revocation]
        }
        Err(result) => vec![says.known(result.clone()), signed.known(result), revocation],
    }
}

/// The keys that a pool publishes.
async fn keys(context: &VerifyContext<'_>, issuer: &str, pool_id: &str) -> Result<Value, CheckResult> {
    let base = context.subject.endpoint.map_or_else(|| issuer.to_owned(), |endpoint| format!("{endpoint}/{pool_id}"));
    let url = format!("{base}/.well-known/jwks.json");
    let answer = context.prober.ask_once(&Request { method: "GET", url: &url, token: None, body: None }).await?;
    match serde_json::from_str(&answer.body) {
        Ok(keys) if answer.status == 200 => Ok(keys),
        _ if !context.at_aws() => {
            Err(CheckResult::not_applicable("this endpoint publishes no keys, so the signature was not checked"))
        }
        _ => Err(CheckResult::fail(format!("{url} answered {} without keys", answer.status))),
    }
}

/// `drift`: the differences of the app client.
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
    fn errors_for_known_and_unknown_users_must_be_equal() {
        let refused = |words: &str| Err(words.to_owned());
        assert_eq!(same(&refused("a"), &refused("a")).verdict, Pass);
        assert_eq!(same(&refused("a"), &refused("b")).verdict, Fail);
        assert_eq!(same(&Ok(tokens()), &refused("a")).verdict, Fail);
        assert_eq!(same(&refused("a"), &Ok(tokens())).verdict, Fail);
    }

    #[test]
    fn errors_are_compared_without_the_address() {
        let refusal = |email: &str, code: &str| {
            let answer = ServiceError::new(code, format!("no user {email}"));
            refusal(&Failure::refused(format!("could not sign {email} in to p")).answered(answer), email)
        };
        assert_eq!(refusal("a@b.c", "NotAuthorizedException"), refusal("x@y.z", "NotAuthorizedException"));
        assert_ne!(refusal("a@b.c", "NotAuthorizedException"), refusal("x@y.z", "UserNotFoundException"));
    }

    #[test]
    fn revocation_depends_on_a_setting_of_the_client() {
        assert_eq!(revocable(Some(&[])).verdict, Pass);
        assert_eq!(revocable(Some(&[Drift::new("ExplicitAuthFlows", 1, 2)])).verdict, Pass);
        assert_eq!(revocable(Some(&[Drift::weakening("EnableTokenRevocation", true, false)])).verdict, Fail);
        assert_eq!(revocable(None).verdict, Fail);
    }

    #[test]
    fn an_issuer_names_the_region_and_the_pool() {
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
