//! Temporary users, one for each pool, with a random address and a random password. They exist only during a proof.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::check_spec::CheckResult;
use crate::aws::cognito::{AddUser, Tokens, Users, generate};
use crate::aws::refusals::{NO_RESOURCE, SECOND_FACTOR};
use crate::engine::Failure;
use crate::outputs::Pool;
use crate::secret::SecretValue;

/// The beginning of their addresses.
const PREFIX: &str = "securelambda-verify-";

/// An older test user belongs to a run that was killed.
const FORGOTTEN: Duration = Duration::from_mins(15);

#[derive(Debug)]
pub(super) struct TestUser {
    /// The name of the pool in the stack file.
    pub name: String,
    pub pool: Pool,
    pub email: String,
}

/// The result of a test user's sign-in.
#[derive(Debug)]
pub(super) struct SignedIn {
    /// The tokens, or the result of checks that need them.
    pub tokens: Result<Tokens, CheckResult>,
    pub took: Duration,
}

#[derive(Debug)]
pub(super) struct TestUsers {
    users: Users,
    all: Vec<TestUser>,
}

/// `securelambda-verify-` and 16 random hexadecimal digits.
pub(super) fn marker() -> String {
    format!("{PREFIX}{:016x}", rand::random::<u64>())
}

/// A random address. Nobody has it, because the domain is reserved for examples (RFC 2606).
pub(super) fn address() -> String {
    format!("{}@example.com", marker())
}

impl TestUsers {
    /// One test user for each pool. None is created yet.
    pub(super) fn of(users: Users, pools: &BTreeMap<String, Pool>) -> Self {
        let user =
            |(name, pool): (&String, &Pool)| TestUser { name: name.clone(), pool: pool.clone(), email: address() };
        Self { users, all: pools.iter().map(user).collect() }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &TestUser> {
        self.all.iter()
    }

    /// Removes test users of earlier proofs that were killed. Failures are only logged, because no check depends on it.
    /// `now` is AWS's time in seconds since 1970.
    pub(super) async fn clean_up(&self, now: i64) {
        join_all(self.all.iter().map(|user| async move {
            let users = self.users.list_beginning(&user.pool.id, PREFIX).await.unwrap_or_default();
            for old in users.into_iter().filter(|old| is_forgotten(&old.email, now - old.created)) {
                if let Err(failure) = self.users.remove(&user.pool.id, &old.email).await {
                    tracing::info!("{} remains from an earlier run: {failure}", old.email);
                }
            }
        }))
        .await;
    }

    /// Adds the users and signs them in, in parallel.
    pub(super) async fn sign_in(&self) -> BTreeMap<String, SignedIn> {
        join_all(self.all.iter().map(|user| async move {
            let added = self.add(user).await;
            let began = Instant::now();
            let tokens = match added {
                Ok(password) => {
                    let TestUser { pool, email, .. } = user;
                    let signed = self.users.sign_in_and_enrol(&pool.client_id, &pool.id, email, password).await;
                    signed.map(|signed| signed.tokens).map_err(|why| without(&why))
                }
                Err(failure) => Err(without(&failure)),
            };
            (user.name.clone(), SignedIn { tokens, took: began.elapsed() })
        }))
        .await
        .into_iter()
        .collect()
    }

    async fn add(&self, user: &TestUser) -> Result<SecretValue, Failure> {
        let password = generate(&self.users.password_rule(&user.pool.id).await?);
        self.users.add(&user.pool.id, &user.email, AddUser::Password(password.clone())).await?;
        Ok(password)
    }

    /// Removes the users, whether they were added or not. Returns those that could not be removed: `<address> in
    /// <pool>: <reason>`.
    pub(super) async fn remove(&self) -> Vec<String> {
        let removed = join_all(self.all.iter().map(|user| async move {
            let removed = self.users.remove(&user.pool.id, &user.email).await;
            // Without the pool, there is no user.
            let failure = removed.err().filter(|failure| !NO_RESOURCE.is(failure));
            failure.map(|failure| format!("{} in {}: {failure}", user.email, user.name))
        }));
        removed.await.into_iter().flatten().collect()
    }
}

/// Whether it is a test user that is older than any proof takes, so that it does not belong to a running proof.
fn is_forgotten(email: &str, age_s: i64) -> bool {
    email.starts_with(PREFIX) && age_s > i64::try_from(FORGOTTEN.as_secs()).unwrap_or(i64::MAX)
}

/// The result of checks that need the tokens of a failed sign-in.
fn without(failure: &Failure) -> CheckResult {
    if SECOND_FACTOR.is(failure) {
        return CheckResult::not_applicable(
            "the password was accepted; the pool then requires a second factor, which verify does not have",
        );
    }
    CheckResult::fail(failure.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::cognito::is_email;
    use crate::engine::ServiceError;
    use crate::verify::Verdict::{Fail, NotApplicable};

    #[test]
    fn addresses_are_valid_for_cognito_and_unique() {
        let (one, other) = (address(), address());
        assert!(is_email(&one) && one.starts_with(PREFIX) && one != other);
        assert_eq!(marker().len(), PREFIX.len() + 16);
    }

    #[test]
    fn only_old_test_users_are_removed() {
        assert!(is_forgotten(&address(), 3600));
        assert!(!is_forgotten(&address(), 60), "a proof that is running");
        assert!(!is_forgotten("ann@example.com", 3600));
    }

    #[test]
    fn a_pool_that_requires_a_second_factor_is_no_failure() {
        let failure = Failure::refused("could not sign in: the user has no second factor");
        assert_eq!(without(&failure).verdict, Fail);
        assert_eq!(without(&failure.answered(ServiceError::new("MFA_SETUP", ""))).verdict, NotApplicable);
    }
}
