//! Checks of user pools: users can sign in, errors reveal no accounts, tokens are correct, and users cannot change
//! attributes that the stack file does not give them.

use futures_util::FutureExt;
use serde_json::Value;

use super::check_spec::{CheckResult, CheckSpec};
use super::context::{CheckFuture, SIGNED_BY_POOL, SIGNS_IN, Subject, VerifyContext};
use super::prober::Prober;
use super::settings;
use super::test_users::{self, TestUser};
use super::tokens::Parts;
use super::{Check, Layer};
use crate::aws::cognito::issuer;
use crate::aws::cognito::refusals::NOT_WRITABLE;
use crate::aws::cognito::{Tokens, Users};
use crate::choices::{Mfa, UserAttribute, UserAttributeType};
use crate::engine::{Drift, Failure};
use crate::outputs::Pool;
use crate::probe::Request;
use crate::secret::{self, SecretValue};
use crate::topology::ids;

/// Attributes that a user of the app client must not be able to set, with values: `email_verified`, a standard
/// attribute that the stack file does not let users set, and the custom attributes that users may not set.
fn not_theirs(attributes: &[UserAttribute]) -> Vec<(&str, &'static str)> {
    let theirs = |name: &str| attributes.iter().any(|one| one.name == name && (one.writable || one.required));
    let standard = ["name", "website", "locale"].into_iter().find(|name| !theirs(name));
    let value = |kind| match kind {
        UserAttributeType::String => "securelambda-verify",
        UserAttributeType::Number => "1",
        UserAttributeType::DateTime => "2000-01-01T00:00:00Z",
        UserAttributeType::Boolean => "true",
    };
    // An attribute that cannot be changed at all shows nothing about the app client.
    let own = attributes.iter().filter(|one| one.custom().is_some() && one.mutable && !one.writable);
    let own = own.map(|one| (one.name.as_str(), value(one.kind)));
    let standard = standard.map(|name| (name, "securelambda-verify"));
    [("email_verified", "true")].into_iter().chain(standard).chain(own).collect()
}

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let of = |user: &'a TestUser| -> [CheckFuture<'a>; 4] {
        [
            async { signs_in(context, user) }.boxed(),
            async { vec![writes_nothing(context, user).await] }.boxed(),
            async { vec![reveals_nothing(context, user).await] }.boxed(),
            async { token(context, &user.name, &user.pool) }.boxed(),
        ]
    };
    let theirs = context.subject.outputs.pools.iter().filter(|(_, pool)| pool.existing);
    let theirs =
        theirs.map(|(name, pool)| -> CheckFuture<'a> { async move { of_theirs(context, name, pool) }.boxed() });
    context.test_users.iter().flat_map(of).chain(theirs).collect()
}

fn claim(user: &TestUser, claim: &str) -> CheckSpec {
    claim_of(&user.name, claim)
}

fn claim_of(pool: &str, claim: &str) -> CheckSpec {
    CheckSpec::new(Layer::Authentication, pool, claim)
}

/// The checks of an existing pool: whether a user can sign in, and whether the token is correct.
fn of_theirs(context: &VerifyContext<'_>, name: &str, pool: &Pool) -> Vec<Check> {
    let signs_in = claim_of(name, SIGNS_IN).sent("InitiateAuth (USER_PASSWORD_AUTH) with the given password");
    let signs_in = signs_in.expects("tokens");
    let signs_in = match context.given(name).map(|given| given.took) {
        Ok(Some(took)) => signs_in.found(CheckResult::pass("ID and access tokens"), took),
        Ok(None) => signs_in.known(CheckResult::not_tried("a token was given, and no password")),
        Err(result) => signs_in.known(result),
    };
    [vec![signs_in], token(context, name, pool)].concat()
}

fn signs_in(context: &VerifyContext<'_>, user: &TestUser) -> Vec<Check> {
    const SENT: &str = "InitiateAuth (USER_PASSWORD_AUTH) with the right password";
    let signed_in = context.signed_in.get(&user.name);
    let took = signed_in.map(|signed_in| signed_in.took).unwrap_or_default();
    let tokens = match signed_in.map(|signed_in| &signed_in.tokens) {
        Some(tokens) => tokens.as_ref().map_err(Clone::clone),
        None => Err(CheckResult::fail("no answer")),
    };
    let passes = claim(user, SIGNS_IN).sent(SENT).expects("tokens");
    let mfa = context.subject.stack.pools.get(&user.name).is_some_and(|pool| pool.mfa == Mfa::On);
    if !mfa {
        let result = tokens.map(|tokens| CheckResult::pass(valid(tokens)));
        return vec![passes.found(result.unwrap_or_else(|result| result), took)];
    }
    let needs = claim(user, "a password alone gives no tokens").sent(SENT).expects("a challenge for a second factor");
    let result = challenge(tokens, signed_in.is_some_and(|signed_in| signed_in.challenged), context.at_aws());
    let no_code = CheckResult::not_tried("the pool requires a second factor, which verify does not have");
    vec![passes.known(no_code), needs.found(result, took)]
}

/// The result of a sign-in with a password alone where a second factor is required.
fn challenge(tokens: Result<&Tokens, CheckResult>, challenged: bool, at_aws: bool) -> CheckResult {
    match tokens {
        Ok(_) if !at_aws => CheckResult::not_tried("this endpoint does not ask for a second factor"),
        Ok(tokens) => CheckResult::fail(format!("{} without a second factor", valid(tokens))),
        Err(result) if challenged => CheckResult::pass(&result.received),
        // A function of the pool may have refused the user, which says nothing about passwords.
        Err(result) => result,
    }
}

fn valid(tokens: &Tokens) -> String {
    format!("ID, access and refresh tokens; ExpiresIn: {} s", tokens.expires_in)
}

/// A user's own call must not change attributes for which the app client has no write permission.
async fn writes_nothing(context: &VerifyContext<'_>, user: &TestUser) -> Check {
    let attributes = context.subject.stack.pools.get(&user.name).map(|pool| pool.attributes.as_slice());
    let not_theirs = not_theirs(attributes.unwrap_or_default());
    let names = not_theirs.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let claim = claim(user, "users cannot set attributes that the app client may not write")
        .sent(format!("UpdateUserAttributes for {names}, each with the user's own access token"))
        .expects(format!("{} for each", NOT_WRITABLE.codes[0]));
    if !context.at_aws() {
        return claim.known(CheckResult::not_tried("this endpoint accepts every attribute, unlike AWS"));
    }
    claim
        .by(async {
            let access = match context.tokens(&user.name) {
                Ok(tokens) => &tokens.access,
                Err(result) => return result,
            };
            let users = Users::new(context.subject.clients);
            let mut received = Vec::new();
            for (name, value) in not_theirs {
                let result = written(name, &users.set_own_attribute(access, name, value).await);
                if result.verdict != super::Verdict::Pass {
                    return result;
                }
                received.push(result.received);
            }
            CheckResult::pass(received.join("; "))
        })
        .await
}

/// The result of the attempt to set an attribute that the user may not set.
fn written(name: &str, answer: &Result<(), Failure>) -> CheckResult {
    match answer {
        Ok(()) => CheckResult::fail(format!("{name} was changed")),
        Err(failure) if NOT_WRITABLE.is(failure) => CheckResult::pass(format!("{name}: {}", refusal(failure, ""))),
        Err(failure) => CheckResult::fail(format!("{name}: {failure}")),
    }
}

/// A wrong password and an unknown user get the same answer, so that nobody can find out who has an account.
async fn reveals_nothing(context: &VerifyContext<'_>, user: &TestUser) -> Check {
    let claim = claim(user, "a wrong password and an unknown user get the same answer")
        .sent("InitiateAuth with a wrong password; InitiateAuth for an unknown address")
        .expects("the same error twice");
    claim
        .by(async {
            // Without a test user, both requests would be for unknown users.
            if context.signed_in.get(&user.name).is_none_or(|signed_in| signed_in.password.is_none()) {
                return CheckResult::because_failed(&format!("{}: {SIGNS_IN}", user.name));
            }
            let users = Users::new(context.subject.clients);
            let (users, unknown) = (&users, test_users::name(&user.sign_in));
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

/// The code and the message of an error, without the requested address.
fn refusal(failure: &Failure, email: &str) -> String {
    match &failure.service {
        Some(answer) if email.is_empty() => format!("{} {}", answer.code(), answer.message()),
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
fn token(context: &VerifyContext<'_>, name: &str, pool: &Pool) -> Vec<Check> {
    let issuer = issuer(&context.subject.clients.scope, &pool.id);
    let says = claim_of(name, "ID tokens name their issuer and their client")
        .sent("the decoded ID token")
        .expects(format!("iss {issuer}, aud {}, token_use id, alg RS256", pool.client_id));
    let signed = claim_of(name, SIGNED_BY_POOL)
        .sent(format!("GET {issuer}/.well-known/jwks.json, and the ID token's signature"))
        .expects("the signature is valid");
    let parts = context.id_token(name).and_then(|token| {
        Parts::of(token).ok_or_else(|| CheckResult::fail("the ID token of the pool is not a JSON Web Token"))
    });
    let client = settings::drift(context.subject.seen, ids::client(name).as_str());
    let theirs = context.subject.stack.existing_pools.get(name).is_some_and(|pool| pool.client_id.is_some());
    let revocation = claim_of(name, "refresh tokens can be revoked")
        .sent("DescribeUserPoolClient")
        .expects("EnableTokenRevocation true")
        .known(if theirs {
            CheckResult::not_tried("the app client does not belong to the stack")
        } else {
            revocable(client.as_deref())
        });
    match parts {
        Ok(parts) => {
            let said = says.known(parts.check_claims(&issuer, &pool.client_id));
            let signed = signed.known(match context.keys(name) {
                Ok(keys) => parts.check_signature(keys),
                // Here the failure itself is reported.
                Err(result) => match context.published.get(name) {
                    Some(Err(failed)) => failed.clone(),
                    _ => result,
                },
            });
            vec![said, signed, revocation]
        }
        Err(result) => vec![says.known(result.clone()), signed.known(result), revocation],
    }
}

/// The keys that a pool publishes.
pub(super) async fn keys(subject: &Subject<'_>, prober: &Prober, pool_id: &str) -> Result<Value, CheckResult> {
    let issuer = issuer(&subject.clients.scope, pool_id);
    let base = subject.endpoint.map_or(issuer, |endpoint| format!("{endpoint}/{pool_id}"));
    let url = format!("{base}/.well-known/jwks.json");
    let answer = prober.ask_once(&Request { method: "GET", url: &url, token: None, body: None }, &[]).await?;
    match serde_json::from_slice(&answer.body) {
        Ok(keys) if answer.status == 200 => Ok(keys),
        _ if subject.endpoint.is_some() => Err(CheckResult::not_tried("this endpoint publishes no keys")),
        _ => Err(CheckResult::fail(format!("{url} answered {} without keys", answer.status))),
    }
}

/// `drift` has the differences of the app client; `None` if it could not be read.
fn revocable(drift: Option<&[Drift]>) -> CheckResult {
    match drift {
        None => CheckResult::not_tried("because the app client could not be read"),
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
    use crate::verify::Verdict::{Fail, NotTried, Pass};

    fn tokens() -> Tokens {
        let some = || SecretValue::from("x");
        Tokens { id: some(), access: some(), refresh: some(), expires_in: 3600 }
    }

    #[test]
    fn attributes_that_users_may_set_are_not_tried() {
        let attribute = |name: &str, writable, mutable| UserAttribute {
            name: name.into(),
            kind: UserAttributeType::String,
            mutable,
            writable,
            required: false,
        };
        let names = |attributes: &[UserAttribute]| {
            not_theirs(attributes).into_iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&[]), ["email_verified", "name"]);
        let attributes = [
            attribute("name", true, true),
            attribute("custom:tenant", false, true),
            attribute("custom:colour", true, true),
            attribute("custom:born", false, false),
        ];
        assert_eq!(names(&attributes), ["email_verified", "website", "custom:tenant"]);
    }

    #[test]
    fn only_a_challenge_shows_that_a_password_alone_gives_no_tokens() {
        let refused = || CheckResult::not_tried("a function that the pool calls refused the test user");
        let tokens = tokens();
        for (signed_in, challenged, at_aws, expected) in [
            (Err(refused()), true, true, Pass),
            (Err(refused()), false, true, NotTried),
            (Err(CheckResult::fail("no answer")), false, true, Fail),
            (Ok(&tokens), false, true, Fail),
            (Ok(&tokens), false, false, NotTried),
        ] {
            assert_eq!(challenge(signed_in, challenged, at_aws).verdict, expected);
        }
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
    fn an_attribute_must_be_refused_for_want_of_permission() {
        let refused = |code: &str| {
            let answer = ServiceError::new(code, "no").on("cognito-idp UpdateUserAttributes");
            Err(Failure::refused("no").answered(answer))
        };
        assert_eq!(written("name", &refused("NotAuthorizedException")).verdict, Pass);
        assert_eq!(written("name", &Ok(())).verdict, Fail);
        assert_eq!(written("name", &refused("InternalErrorException")).verdict, Fail);
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
        assert_eq!(revocable(None).verdict, NotTried);
    }

    #[test]
    fn an_issuer_names_the_region_and_the_pool() {
        let scope = |partition: &str, region: &str| crate::scope::Scope {
            partition: partition.into(),
            account: "123456789012".into(),
            region: region.into(),
            stack: "demo".into(),
            ..crate::scope::Scope::default()
        };
        assert_eq!(issuer(&scope("aws", "eu-west-1"), "p"), "https://cognito-idp.eu-west-1.amazonaws.com/p");
        assert_eq!(issuer(&scope("aws-cn", "cn-north-1"), "p"), "https://cognito-idp.cn-north-1.amazonaws.com.cn/p");
    }
}
