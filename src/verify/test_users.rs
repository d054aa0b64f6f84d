//! Throw-away users: one a pool, with an address and a password that nobody knows, for as long as a proof takes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::check_spec::CheckResult;
use crate::aws::cognito::{AddUser, Tokens, Users, generate};
use crate::aws::refusals::{NO_RESOURCE, SECOND_FACTOR};
use crate::engine::Failure;
use crate::outputs::Pool;
use crate::secret::SecretValue;

/// What every address of theirs begins with.
const PREFIX: &str = "securelambda-verify-";

/// A guest this old was left behind by a run that was killed.
const FORGOTTEN: Duration = Duration::from_mins(15);

/// The guest of one pool.
#[derive(Debug)]
pub(super) struct TestUser {
    /// The pool's name in the stack file.
    pub name: String,
    pub pool: Pool,
    pub email: String,
}

/// What came of a guest's signing in.
#[derive(Debug)]
pub(super) struct SignedIn {
    /// The tokens, or why there are none and what that says of checks that need one.
    pub tokens: Result<Tokens, CheckResult>,
    /// How long it took.
    pub took: Duration,
}

/// All guests of a proof.
#[derive(Debug)]
pub(super) struct TestUsers {
    users: Users,
    all: Vec<TestUser>,
}

/// `securelambda-verify-` and sixteen random hexadecimal digits.
pub(super) fn marker() -> String {
    format!("{PREFIX}{:016x}", rand::random::<u64>())
}

/// An address that nobody has: the domain is reserved for examples (RFC 2606).
pub(super) fn address() -> String {
    format!("{}@example.com", marker())
}

impl TestUsers {
    /// One for each pool. None is there yet.
    pub(super) fn of(users: Users, pools: &BTreeMap<String, Pool>) -> Self {
        let guest =
            |(name, pool): (&String, &Pool)| TestUser { name: name.clone(), pool: pool.clone(), email: address() };
        Self { users, all: pools.iter().map(guest).collect() }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &TestUser> {
        self.all.iter()
    }

    /// Removes what an earlier proof that was killed has left, as far as it can: no check depends on it.
    /// `now` is AWS's time, in seconds since 1970.
    pub(super) async fn clean_up(&self, now: i64) {
        join_all(self.all.iter().map(|guest| async move {
            let users = self.users.list_beginning(&guest.pool.id, PREFIX).await.unwrap_or_default();
            for user in users.into_iter().filter(|user| is_forgotten(&user.email, now - user.created)) {
                if let Err(failure) = self.users.remove(&guest.pool.id, &user.email).await {
                    tracing::info!("{} is left from an earlier run: {failure}", user.email);
                }
            }
        }))
        .await;
    }

    /// Adds them and signs them in, side by side.
    pub(super) async fn sign_in(&self) -> BTreeMap<String, SignedIn> {
        join_all(self.all.iter().map(|guest| async move {
            let added = self.add(guest).await;
            let began = Instant::now();
            let tokens = match added {
                Ok(password) => {
                    let TestUser { pool, email, .. } = guest;
                    self.users.sign_in(&pool.client_id, &pool.id, email, password).await.map_err(|why| without(&why))
                }
                Err(failure) => Err(without(&failure)),
            };
            (guest.name.clone(), SignedIn { tokens, took: began.elapsed() })
        }))
        .await
        .into_iter()
        .collect()
    }

    async fn add(&self, guest: &TestUser) -> Result<SecretValue, Failure> {
        let password = generate(&self.users.password_rule(&guest.pool.id).await?);
        self.users.add(&guest.pool.id, &guest.email, AddUser::Password(password.clone())).await?;
        Ok(password)
    }

    /// Removes them, whether they were added or not. What could not be removed: `<address> in <pool>`, and why.
    pub(super) async fn remove(&self) -> Vec<String> {
        let removed = join_all(self.all.iter().map(|guest| async move {
            let removed = self.users.remove(&guest.pool.id, &guest.email).await;
            // Where there is no pool, nobody is left in it.
            let failure = removed.err().filter(|failure| !NO_RESOURCE.is(failure));
            failure.map(|failure| format!("{} in {}: {failure}", guest.email, guest.name))
        }));
        removed.await.into_iter().flatten().collect()
    }
}

/// Ours, and older than any proof takes: not that of a proof that runs at the same time.
fn is_forgotten(email: &str, age_s: i64) -> bool {
    email.starts_with(PREFIX) && age_s > i64::try_from(FORGOTTEN.as_secs()).unwrap_or(i64::MAX)
}

/// What a failed sign-in says of the checks that need its tokens.
fn without(failure: &Failure) -> CheckResult {
    if SECOND_FACTOR.is(failure) {
        return CheckResult::not_applicable(
            "the password was taken; the pool then asks for a second factor, which verify has not",
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
    fn addresses_are_fit_for_cognito_and_never_the_same() {
        let (one, other) = (address(), address());
        assert!(is_email(&one) && one.starts_with(PREFIX) && one != other);
        assert_eq!(marker().len(), PREFIX.len() + 16);
    }

    #[test]
    fn only_old_guests_are_forgotten() {
        assert!(is_forgotten(&address(), 3600));
        assert!(!is_forgotten(&address(), 60), "a proof that runs now");
        assert!(!is_forgotten("ann@example.com", 3600));
    }

    #[test]
    fn a_second_factor_is_no_failure() {
        let failure = Failure::refused("could not sign in: the user has no second factor");
        assert_eq!(without(&failure).verdict, Fail);
        assert_eq!(without(&failure.answered(ServiceError::new("MFA_SETUP", ""))).verdict, NotApplicable);
    }
}
