//! Temporary users, one for each pool and one for each group that a route is for, with a random address and a random
//! password. They exist only during a proof.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::check_spec::CheckResult;
use super::context::Expired;
use crate::aws::cognito::refusals::{HOOK_REFUSED, NO_RESOURCE, SECOND_FACTOR};
use crate::aws::cognito::{AddUser, NewUser, Tokens, User, Users, generate, placeholders};
use crate::choices::SignIn;
use crate::engine::Failure;
use crate::outputs::Pool;
use crate::secret::SecretValue;
use crate::spec::Stack;

/// The beginning of the names of test users and of temporary app clients.
pub(super) const PREFIX: &str = "securelambda-verify-";

/// A test user that is older than this belongs to a run that was killed.
const FORGOTTEN: Duration = Duration::from_mins(15);

#[derive(Debug)]
pub(super) struct TestUser {
    /// The name of the pool in the stack file.
    pub name: String,
    pub pool: Pool,
    /// The group that the user belongs to, if any.
    group: Option<String>,
    /// The name that the user signs in with.
    pub email: String,
    /// How the pool's users sign in.
    pub sign_in: Vec<SignIn>,
    /// Values for the attributes that the pool requires of everybody.
    attributes: Vec<(String, String)>,
    /// Whether the call that creates the user was sent.
    created: AtomicBool,
}

/// A test user, or a temporary app client, that may remain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The name of the pool in the stack file.
    pub pool: String,
    pub pool_id: String,
    /// The address of the user, or the name of the client.
    pub name: String,
    /// Why it was not removed.
    pub why: String,
}

impl std::fmt::Display for Leftover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {}: {}", self.name, self.pool, self.why)
    }
}

/// The result of a test user's sign-in.
#[derive(Debug)]
pub(super) struct SignedIn {
    /// The tokens, or the result of checks that need them.
    pub tokens: Result<Tokens, CheckResult>,
    /// Whether Cognito accepted the password and asked for a second factor.
    pub challenged: bool,
    /// `None` if the user could not be added.
    pub password: Option<SecretValue>,
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

/// A random name for signing in to a pool. Nobody has it: the domain is reserved for examples (RFC 2606), and there is no
/// area code 555.
pub(super) fn name(sign_in: &[SignIn]) -> String {
    if sign_in.contains(&SignIn::Username) {
        marker()
    } else if sign_in == [SignIn::Phone] {
        format!("+1555{:07}", rand::random::<u32>() % 10_000_000)
    } else {
        format!("{}@example.com", marker())
    }
}

/// The attribute by which a pool's test users are found. Users who sign in with a phone number have the marker in
/// `name`.
fn found_by(sign_in: &[SignIn]) -> &'static str {
    if sign_in.contains(&SignIn::Username) {
        "username"
    } else if sign_in == [SignIn::Phone] {
        "name"
    } else {
        "email"
    }
}

fn label<'a>(user: &'a User, found_by: &str) -> &'a str {
    match found_by {
        "username" => &user.username,
        "email" => &user.email,
        other => user.attributes.get(other).map(String::as_str).unwrap_or_default(),
    }
}

/// The test users who signed in: those without a group by pool, and those of a group by pool and group.
pub(super) type AllSignedIn = (BTreeMap<String, SignedIn>, BTreeMap<(String, String), SignedIn>);

impl TestUsers {
    /// The test users of each pool. None is created yet.
    pub(super) fn of(users: Users, stack: &Stack, pools: &BTreeMap<String, Pool>) -> Self {
        let user = |(pool_name, pool): (&String, &Pool), group: Option<String>| {
            let wanted = stack.pools.get(pool_name);
            let sign_in = wanted.map_or_else(|| vec![SignIn::Email], |pool| pool.sign_in.clone());
            let email = name(&sign_in);
            let mut attributes = wanted.map(|pool| placeholders(&pool.attributes, &email)).unwrap_or_default();
            if found_by(&sign_in) == "name" {
                attributes.retain(|(name, _)| name != "name");
                attributes.push(("name".to_owned(), marker()));
            }
            let (name, pool) = (pool_name.clone(), pool.clone());
            TestUser { name, pool, group, email, sign_in, attributes, created: AtomicBool::new(false) }
        };
        // `verify` creates no user in an existing pool.
        let own = pools.iter().filter(|(_, pool)| !pool.existing);
        let of_pool = |(name, pool): (&String, &Pool)| -> Vec<TestUser> {
            let groups: BTreeSet<String> =
                stack.groups_of_routes(name).into_iter().chain(stack.groups_with_roles(name).cloned()).collect();
            std::iter::once(None).chain(groups.into_iter().map(Some)).map(|group| user((name, pool), group)).collect()
        };
        Self { users, all: own.flat_map(of_pool).collect() }
    }

    /// The users of no group: one for each pool.
    pub(super) fn iter(&self) -> impl Iterator<Item = &TestUser> {
        self.all.iter().filter(|user| user.group.is_none())
    }

    /// Removes test users of earlier proofs that were killed. Failures are only logged, because no check depends on the
    /// removal. `now` is AWS's time in seconds since 1970. Users in `left`, as pool id and address, belong to proofs
    /// that ended on this machine, so their age does not matter.
    pub(super) async fn clean_up(&self, now: i64, left: &[(String, String)]) {
        join_all(self.iter().map(|user| async move {
            let (found_by, id) = (found_by(&user.sign_in), &user.pool.id);
            let users = self.users.list_beginning(id, found_by, PREFIX).await.unwrap_or_default();
            for old in users.iter().filter(|old| label(old, found_by).starts_with(PREFIX)) {
                let called = old.called(&user.sign_in);
                let known = left.contains(&(id.clone(), called.to_owned()));
                if !known && !is_old(now - old.created) {
                    continue;
                }
                if let Err(failure) = self.users.remove(id, called).await {
                    tracing::info!("{called} remains from an earlier run: {failure}");
                }
            }
        }))
        .await;
    }

    /// Adds the users and signs them in, in parallel.
    pub(super) async fn sign_in(&self, expired: &Expired) -> AllSignedIn {
        let (mut of_pools, mut of_groups) = AllSignedIn::default();
        let signed_in = join_all(self.all.iter().map(|user| async move {
            let added = self.add(user).await;
            let began = Instant::now();
            let TestUser { pool, email, .. } = user;
            let tokens = match &added {
                Ok(password) => {
                    let signed = self.users.sign_in_and_enrol(&pool.client_id, &pool.id, email, password.clone()).await;
                    signed.map(|signed| signed.tokens)
                }
                Err(failure) => Err(failure.clone()),
            };
            let challenged = tokens.as_ref().is_err_and(|failure| SECOND_FACTOR.is(failure));
            let tokens = tokens.map_err(|failure| {
                expired.notice(&failure);
                without(&failure)
            });
            (user, SignedIn { tokens, challenged, password: added.ok(), took: began.elapsed() })
        }));
        for (user, signed_in) in signed_in.await {
            match &user.group {
                None => drop(of_pools.insert(user.name.clone(), signed_in)),
                Some(group) => drop(of_groups.insert((user.name.clone(), group.clone()), signed_in)),
            }
        }
        (of_pools, of_groups)
    }

    async fn add(&self, user: &TestUser) -> Result<SecretValue, Failure> {
        let password = generate(&self.users.password_rule(&user.pool.id).await?);
        user.created.store(true, Ordering::Relaxed);
        let new = NewUser::of(&user.sign_in, &user.email, user.attributes.clone());
        self.users.add(&user.pool.id, &new, AddUser::Password(password.clone())).await?;
        if let Some(group) = &user.group {
            self.users.join(&user.pool.id, &user.email, group).await?;
        }
        Ok(password)
    }

    /// Removes the users that were or may have been added. Returns those that could not be removed.
    pub(super) async fn remove(&self) -> Vec<Leftover> {
        let removed = join_all(self.all.iter().filter(|user| user.may_exist()).map(|user| async move {
            let removed = self.users.remove(&user.pool.id, &user.email).await;
            // Without the pool, there is no user.
            let failure = removed.err().filter(|failure| !NO_RESOURCE.is(failure));
            failure.map(|failure| user.left(&failure.to_string()))
        }));
        removed.await.into_iter().flatten().collect()
    }

    /// The users that were or may have been added, if they are not removed.
    pub(super) fn remaining(&self, why: &str) -> Vec<Leftover> {
        self.all.iter().filter(|user| user.may_exist()).map(|user| user.left(why)).collect()
    }
}

impl TestUser {
    /// Whether the user was or may have been created.
    fn may_exist(&self) -> bool {
        self.created.load(Ordering::Relaxed)
    }

    fn left(&self, why: &str) -> Leftover {
        let (pool, pool_id) = (self.name.clone(), self.pool.id.clone());
        Leftover { pool, pool_id, name: self.email.clone(), why: why.to_owned() }
    }
}

/// Whether a user or app client of this age in seconds is too old to belong to a running proof.
pub(super) fn is_old(age_s: i64) -> bool {
    age_s > i64::try_from(FORGOTTEN.as_secs()).unwrap_or(i64::MAX)
}

/// The result of checks that need the tokens of a failed sign-in.
fn without(failure: &Failure) -> CheckResult {
    if SECOND_FACTOR.is(failure) {
        return CheckResult::not_tried(
            "the password was accepted; the pool then requires a second factor, which verify does not have",
        );
    }
    // The function may refuse strangers on purpose.
    if HOOK_REFUSED.is(failure) {
        return CheckResult::not_tried(format!("a function that the pool calls refused the test user: {failure}"));
    }
    CheckResult::fail(failure.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::cognito::{is_email, is_phone, is_username};
    use crate::engine::ServiceError;
    use crate::spec::parse;
    use crate::verify::Verdict::{Fail, NotTried};

    #[test]
    fn names_are_valid_for_cognito_and_unique() {
        let (one, other) = (name(&[SignIn::Email, SignIn::Phone]), name(&[SignIn::Email]));
        assert!(is_email(&one) && one.starts_with(PREFIX) && one != other);
        assert_eq!(marker().len(), PREFIX.len() + 16);
        let number = name(&[SignIn::Phone]);
        assert!(is_phone(&number) && number.starts_with("+1555"), "{number}");
        let chosen = name(&[SignIn::Email, SignIn::Username]);
        assert!(is_username(&chosen) && !is_email(&chosen) && chosen.starts_with(PREFIX), "{chosen}");
    }

    #[tokio::test]
    async fn only_test_users_that_are_old_or_known_are_removed() {
        let user = |name: &str, created: i64| {
            format!(
                r#"{{"Username":"u","UserCreateDate":{created},"Attributes":[{{"Name":"email","Value":"{name}"}}]}}"#
            )
        };
        let listed = [
            user("securelambda-verify-old@example.com", 1000),
            user("securelambda-verify-running@example.com", 9000),
            user("securelambda-verify-known@example.com", 9000),
            user("ann@example.com", 1000),
        ];
        let page = format!(r#"{{"Users":[{}]}}"#, listed.join(","));
        let (clients, http) = crate::aws::testing::replay(vec![(200, &page), (200, "{}"), (200, "{}")]);
        let stack = parse("[stack]\nname = \"demo\"\n[pools.Users]\n").expect("a sound file");
        let pool = Pool { id: "p1".into(), arn: "arn".into(), client_id: "c1".into(), ..Pool::default() };
        let users = TestUsers::of(Users::new(&clients), &stack, &[("Users".to_owned(), pool)].into());
        let known = [("p1".to_owned(), "securelambda-verify-known@example.com".to_owned())];
        users.clean_up(9060, &known).await;
        let asked = crate::aws::testing::asked(&http);
        assert!(asked[0].1.contains(r#"email ^= \"securelambda-verify-\""#), "{}", asked[0].1);
        let removed: Vec<bool> =
            ["old", "known"].iter().zip(&asked[1..]).map(|(name, (_, body))| body.contains(name)).collect();
        assert_eq!((removed, asked.len()), (vec![true, true], 3));
    }

    #[test]
    fn users_that_were_never_created_do_not_remain() {
        let (clients, _) = crate::aws::testing::replay(vec![]);
        let pool = Pool { id: "p1".into(), arn: "arn".into(), client_id: "c1".into(), ..Pool::default() };
        let stack = parse("[stack]\nname = \"demo\"\n[pools.Users]\n").expect("a sound file");
        let users = TestUsers::of(Users::new(&clients), &stack, &[("Users".to_owned(), pool)].into());
        assert_eq!(users.remaining("stopped"), []);
        users.all[0].created.store(true, Ordering::Relaxed);
        let left = users.remaining("stopped");
        assert!(left[0].to_string().ends_with("@example.com in Users: stopped"), "{}", left[0]);
    }

    #[test]
    fn a_pool_that_requires_a_second_factor_is_no_failure() {
        let failure = Failure::refused("could not sign in: the user has no second factor");
        assert_eq!(without(&failure).verdict, Fail);
        assert_eq!(without(&failure.answered(ServiceError::new("MFA_SETUP", ""))).verdict, NotTried);
    }

    #[test]
    fn a_function_that_refuses_the_test_user_is_no_failure_and_one_that_fails_is_one() {
        let said = |code: &str| {
            let answer = ServiceError::new(code, "PreSignUp failed").on("cognito-idp AdminCreateUser");
            without(&Failure::refused("could not add the user").answered(answer)).verdict
        };
        assert_eq!(said("UserLambdaValidationException"), NotTried);
        assert_eq!(said("InvalidLambdaResponseException"), Fail);
    }
}
