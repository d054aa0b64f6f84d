//! Checks that a token which has expired is refused. Only the pool can sign a token, so the check takes one that is
//! valid for five minutes, from an app client of its own, and waits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::authorization::{ask, shown};
use super::check_spec::{CheckResult, CheckSpec};
use super::classify::expired;
use super::context::{OwnCaller, SIGNS_IN, VerifyContext};
use super::target::Target;
use super::test_users::{Leftover, PREFIX, is_old, marker};
use super::{Check, Layer};
use crate::aws::cognito::refusals::NO_RESOURCE;
use crate::aws::cognito::{TestClients, Users};
use crate::outputs::{Outputs, Pool};
use crate::secret::SecretValue;
use crate::spec::Auth;

/// The time after a token's expiry until it is sent, because clocks differ.
const SLACK: Duration = Duration::from_secs(20);

const CLAIM: &str = "an expired token is refused";

/// A pool's app client with short tokens.
#[derive(Debug)]
struct Short {
    /// The pool's name in the stack file.
    pool: String,
    pool_id: String,
    /// The name of the client.
    name: String,
    /// Whether the call that creates it was sent.
    created: AtomicBool,
}

/// The app clients of a proof: one for each pool whose users may call a route. None is created without
/// `--wait-for-expiry`.
#[derive(Debug)]
pub(super) struct ShortClients {
    clients: TestClients,
    all: Vec<Short>,
}

/// A token, and when it expires.
pub(super) struct ShortToken {
    token: SecretValue,
    valid_for: Duration,
    signed_in: Instant,
}

impl ShortClients {
    pub(super) fn of(clients: TestClients, outputs: &Outputs) -> Self {
        let short = |(name, pool): (&String, &Pool)| Short {
            pool: name.clone(),
            pool_id: pool.id.clone(),
            name: marker(),
            created: AtomicBool::new(false),
        };
        // The proof creates no client in an existing pool.
        Self { clients, all: outputs.pools.iter().filter(|(_, pool)| !pool.existing).map(short).collect() }
    }

    /// Deletes clients of earlier proofs that were killed, or that ended on this machine and are in `left`: pool id and
    /// name. Failures are only logged.
    pub(super) async fn clean_up(&self, now: i64, left: &[(String, String)]) {
        join_all(self.all.iter().map(|short| async move {
            let found = self.clients.list_beginning(&short.pool_id, PREFIX).await.unwrap_or_default();
            for (name, id) in found {
                let known = left.contains(&(short.pool_id.clone(), name.clone()));
                let created = self.clients.created(&short.pool_id, &id).await.ok().flatten();
                if (known || created.is_some_and(|created| is_old(now - created)))
                    && let Err(failure) = self.clients.delete_named(&short.pool_id, &name).await
                {
                    tracing::info!("the app client {name} remains from an earlier run: {failure}");
                }
            }
        }))
        .await;
    }

    /// Deletes the clients that were or may have been created. Returns those that could not be deleted.
    pub(super) async fn remove(&self) -> Vec<Leftover> {
        let removed = join_all(self.all.iter().filter(|short| short.may_exist()).map(|short| async move {
            let removed = self.clients.delete_named(&short.pool_id, &short.name).await;
            let failure = removed.err().filter(|failure| !NO_RESOURCE.is(failure));
            failure.map(|failure| short.left(&failure.to_string()))
        }));
        removed.await.into_iter().flatten().collect()
    }

    /// The clients that were or may have been created, if they are not deleted.
    pub(super) fn remaining(&self, why: &str) -> Vec<Leftover> {
        self.all.iter().filter(|short| short.may_exist()).map(|short| short.left(why)).collect()
    }

    /// Creates the client of a pool and signs its test user in through it.
    async fn token(&self, context: &VerifyContext<'_>, pool: &str) -> Result<ShortToken, CheckResult> {
        if context.is_theirs(pool) {
            return Err(CheckResult::not_tried(format!("verify makes no app client in {pool}, which is only read")));
        }
        let absent = || CheckResult::not_tried(format!("because the pool {pool} does not exist"));
        let short = self.all.iter().find(|short| short.pool == pool).ok_or_else(absent)?;
        context.tokens(pool)?;
        let password = context.signed_in.get(pool).and_then(|signed_in| signed_in.password.clone());
        let user = context.test_users.iter().find(|user| user.name == pool);
        let (Some(password), Some(user)) = (password, user) else {
            return Err(CheckResult::because_failed(&format!("{pool}: {SIGNS_IN}")));
        };
        short.created.store(true, Ordering::Relaxed);
        let created = self.clients.create(&short.pool_id, &short.name).await;
        let client = created.map_err(|failure| not_made(context, &failure))?;
        let signed_in = Instant::now();
        let users = Users::new(context.subject.clients);
        let tokens = users.sign_in(&client, &short.pool_id, &user.email, password).await;
        let tokens = tokens.map_err(|failure| not_made(context, &failure))?;
        let valid_for = Duration::from_secs(u64::try_from(tokens.expires_in).unwrap_or_default());
        Ok(ShortToken { token: tokens.id, valid_for, signed_in })
    }
}

/// The temporary client is not part of the stack, so its failure is not a failure of the stack.
fn not_made(context: &VerifyContext<'_>, failure: &crate::engine::Failure) -> CheckResult {
    context.expired.notice(failure);
    CheckResult::not_tried(format!("there is no token with a short validity: {failure}"))
}

impl Short {
    fn may_exist(&self) -> bool {
        self.created.load(Ordering::Relaxed)
    }

    fn left(&self, why: &str) -> Leftover {
        Leftover {
            pool: self.pool.clone(),
            pool_id: self.pool_id.clone(),
            name: self.name.clone(),
            why: why.to_owned(),
        }
    }
}

/// Gets a token for each pool that has routes. This is done before the other checks, because the token ages during
/// them.
pub(super) async fn tokens(
    context: &VerifyContext<'_>,
    clients: &ShortClients,
) -> Vec<(String, Result<ShortToken, CheckResult>)> {
    let mut pools: Vec<&String> = context
        .routes()
        .filter(|target| context.included(*target).is_ok())
        .filter_map(|target| target.route.pool_of_gateway())
        .collect();
    pools.sort();
    pools.dedup();
    let why = if !context.at_aws() {
        Some("this endpoint does not show that tokens expire as AWS's do")
    } else if !context.subject.wait_for_expiry {
        Some("it takes five minutes; run verify with --wait-for-expiry")
    } else {
        None
    };
    join_all(pools.into_iter().map(|pool| async move {
        let token = match why {
            Some(why) => Err(CheckResult::not_tried(why)),
            None => clients.token(context, pool).await,
        };
        (pool.clone(), token)
    }))
    .await
}

/// A check for each route of a pool, after its token has expired.
pub(super) async fn checks(
    context: &VerifyContext<'_>,
    tokens: &[(String, Result<ShortToken, CheckResult>)],
) -> Vec<Check> {
    let left = |token: &ShortToken| (token.valid_for + SLACK).saturating_sub(token.signed_in.elapsed());
    let wait = tokens.iter().filter_map(|(_, token)| token.as_ref().ok()).map(left).max().unwrap_or_default();
    if !wait.is_zero() {
        (context.subject.tell)(&format!("Waiting {} s until a token has expired …", wait.as_secs()));
        tokio::time::sleep(context.time_scale.of(wait)).await;
    }
    let routes = context.routes().filter_map(|target| match &target.route.auth {
        Auth::Pool(pool) => Some((target, pool)),
        Auth::Lambda(_) | Auth::Iam | Auth::None => None,
    });
    let skipped = || Err(CheckResult::not_tried("--skip leaves this route out"));
    let by_function = "the function that checks groups takes no token of a temporary app client, expired or not";
    join_all(routes.map(|(target, pool)| async move {
        let found = tokens.iter().find(|(name, _)| name == pool).map(|(_, token)| token.as_ref().map_err(Clone::clone));
        let by_gateway = target.route.pool_of_gateway().is_some();
        let found = if by_gateway { found } else { Some(Err(CheckResult::not_tried(by_function))) };
        of_route(context, target, found.unwrap_or_else(skipped)).await
    }))
    .await
}

async fn of_route(context: &VerifyContext<'_>, target: Target<'_>, token: Result<&ShortToken, CheckResult>) -> Check {
    let validity = token.as_ref().map(|token| token.valid_for.as_secs()).unwrap_or_default();
    let words = format!("authorization: an ID token of a temporary app client, {validity} s after it was issued");
    let claim = CheckSpec::new(Layer::Authorization, target.subject(), CLAIM)
        .sent(shown(context, target, &words, None))
        .expects("401 from API Gateway, because the token has expired");
    claim
        .by(async {
            let asked = match token {
                Ok(short) => {
                    let own = OwnCaller { token: Some(&short.token), ..OwnCaller::default() };
                    ask(context, target, &own, None).await
                }
                Err(result) => Err(result),
            };
            let judge = |answer| expired(&answer, context.destination(target), target.by_http());
            asked.map_or_else(|result| result, judge)
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    fn outputs() -> Outputs {
        let pool = Pool { id: "p1".into(), arn: "arn".into(), client_id: "c1".into(), ..Pool::default() };
        Outputs {
            schema_version: 1,
            stack: "demo".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            api: None,
            apis: [].into(),
            identity_pools: [].into(),
            pools: [("Users".to_owned(), pool)].into(),
            functions: [].into(),
            topics: [].into(),
            queues: [].into(),
            tables: [].into(),
            api_keys: [].into(),
            secrets: [].into(),
            firewall: None,
        }
    }

    #[tokio::test]
    async fn only_a_client_that_may_exist_is_removed() {
        let listed = |name: &str| format!(r#"{{"UserPoolClients":[{{"ClientName":"{name}","ClientId":"c9"}}]}}"#);
        let (clients, http) = replay(vec![]);
        let short = ShortClients::of(TestClients::new(&clients), &outputs());
        assert_eq!((short.remove().await, asked(&http).len()), (vec![], 0));
        assert_eq!(short.remaining("stopped"), []);

        let name = short.all[0].name.clone();
        let (clients, http) = replay(vec![(200, &listed(&name)), (200, "{}")]);
        let short = ShortClients { clients: TestClients::new(&clients), all: short.all };
        short.all[0].created.store(true, Ordering::Relaxed);
        assert_eq!(short.remaining("stopped")[0].name, name);
        assert_eq!(short.remove().await, []);
        assert_eq!(asked(&http)[1].0, "DeleteUserPoolClient");
    }

    #[tokio::test]
    async fn old_clients_and_those_of_earlier_proofs_on_this_machine_are_deleted() {
        let name = format!("{PREFIX}0123456789abcdef");
        let listed = format!(r#"{{"UserPoolClients":[{{"ClientName":"{name}","ClientId":"c9"}}]}}"#);
        let created = r#"{"UserPoolClient":{"ClientId":"c9","CreationDate":1000}}"#;
        for (now, left, calls) in [
            (1000 + 60, vec![], 2),
            (1000 + 3600, vec![], 4),
            (1000 + 60, vec![("p1".to_owned(), name.clone())], 4),
            (1000 + 60, vec![("p2".to_owned(), name.clone())], 2),
        ] {
            let (clients, http) = replay(vec![(200, &listed), (200, created), (200, &listed), (200, "{}")]);
            let short = ShortClients::of(TestClients::new(&clients), &outputs());
            short.clean_up(now, &left).await;
            assert_eq!(asked(&http).len(), calls, "{now} {left:?}");
        }
    }
}
