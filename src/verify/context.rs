//! The data that all checks share: the stack that is verified, the signed-in test users, and the client for requests.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::future::BoxFuture;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::sync::Notify;

use super::Check;
use super::api_keys::ProofKey;
use super::check_spec::CheckResult;
use super::classify::{Behind, Destination, FirewallExposure};
use super::prober::Prober;
use super::programs::ProgramTokens;
use super::settings::Seen;
use super::target::Target;
use super::test_users::{SignedIn, TestUsers};
use super::{allow_from, groups, parameters, paths};
use crate::aws::Clients;
use crate::aws::cognito::Tokens;
use crate::engine::{Cause, Failure, Graph, TimeScale};
use crate::outputs::Outputs;
use crate::proxies::Proxies;
use crate::secret::SecretValue;
use crate::spec::{Auth, Route, Stack};

/// The claim on which all checks with a user's tokens depend.
pub(super) const SIGNS_IN: &str = "a user can sign in";

/// The claim on which all checks with a pool's published keys depend.
pub(super) const SIGNED_BY_POOL: &str = "ID tokens are signed with a published key";

/// The stack that is verified: as the stack file describes it, and as it was read from AWS.
pub struct Subject<'a> {
    pub stack: &'a Stack,
    /// The body schemas, by the route's `body`.
    pub schemas: &'a BTreeMap<PathBuf, String>,
    pub outputs: &'a Outputs,
    /// The dependencies between the resources.
    pub graph: &'a Graph,
    /// The result of reading each resource.
    pub seen: &'a [Seen<'a>],
    pub clients: &'a Clients,
    /// The address of an emulator, if one is used instead of AWS.
    pub endpoint: Option<&'a str>,
    pub proxies: &'a Proxies,
    /// The date, as in `2026-11-28`.
    pub today: &'a str,
    /// The routes to which no request is sent, by [`super::route_names`].
    pub skip: &'a BTreeSet<String>,
    /// The identities that authorizers' functions admit, by authorizer, if the user gave them.
    pub identities: &'a BTreeMap<String, Admitted>,
    /// The user of a pool with `existing` whose tokens may be used, by pool.
    pub given: &'a BTreeMap<String, GivenUser>,
    /// Whether to wait until a token has expired.
    pub wait_for_expiry: bool,
    /// Test users of earlier proofs that could not be removed: the pool's id and the address.
    pub left_before: &'a [(String, String)],
    /// Tells the user why a check takes longer than usual.
    pub tell: &'a (dyn Fn(&str) + Sync),
}

/// The tokens of a user of an existing pool. They are secrets.
#[derive(Debug)]
pub struct GivenUser {
    pub id: SecretValue,
    /// `None`: only an ID token was given.
    pub access: Option<SecretValue>,
    /// How long it took to sign in; `None` if a token was given.
    pub took: Option<Duration>,
}

/// The headers and query parameters of requests that an authorizer's function admits. They are secrets.
#[derive(Debug, Default)]
pub struct Admitted {
    pub headers: Vec<(String, SecretValue)>,
    pub query: Vec<(String, SecretValue)>,
}

/// The credentials of a caller who may call a route.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OwnCaller<'a> {
    pub token: Option<&'a SecretValue>,
    pub headers: &'a [(String, SecretValue)],
    pub query: &'a [(String, SecretValue)],
}

impl OwnCaller<'_> {
    /// The URL with the query parameters that identify the caller.
    pub(super) fn identified(&self, url: String) -> String {
        self.query.iter().fold(url, |url, (name, value)| {
            let first = if url.contains('?') { '&' } else { '?' };
            format!("{url}{first}{name}={}", utf8_percent_encode(value.reveal(), NON_ALPHANUMERIC))
        })
    }
}

/// A future that makes one or more checks.
pub(super) type CheckFuture<'a> = BoxFuture<'a, Vec<Check>>;

/// Set once AWS no longer accepts the credentials: no further check can have a result.
#[derive(Debug, Default)]
pub(super) struct Expired {
    failure: OnceLock<Failure>,
    noticed: Notify,
}

impl Expired {
    /// Keeps the first failure that says that the credentials have expired. Returns whether `failure` says this.
    pub(super) fn notice(&self, failure: &Failure) -> bool {
        let expired = failure.cause == Cause::Fatal;
        if expired && self.failure.set(failure.clone()).is_ok() {
            self.noticed.notify_one();
        }
        expired
    }

    pub(super) fn failure(&self) -> Option<&Failure> {
        self.failure.get()
    }

    /// Waits for a failure that says that the credentials have expired.
    pub(super) async fn reached(&self) -> Failure {
        loop {
            if let Some(failure) = self.failure() {
                return failure.clone();
            }
            self.noticed.notified().await;
        }
    }
}

pub(super) struct VerifyContext<'a> {
    pub subject: &'a Subject<'a>,
    pub test_users: &'a TestUsers,
    /// The signed-in test users, by pool.
    pub signed_in: BTreeMap<String, SignedIn>,
    /// The test users of groups, by pool and group.
    pub members: BTreeMap<(String, String), SignedIn>,
    /// The key sets that the pools publish, by pool.
    pub published: BTreeMap<String, Result<Value, CheckResult>>,
    pub programs: ProgramTokens,
    pub prober: Prober,
    /// The API key that requests carry where a route asks for one.
    pub api_key: Option<ProofKey>,
    pub exposure: FirewallExposure,
    /// This machine's address, if it matters and is known.
    pub address: Option<IpAddr>,
    pub time_scale: TimeScale,
    pub expired: &'a Expired,
}

impl VerifyContext<'_> {
    /// The result of a check whose call to AWS failed.
    pub(super) fn failed(&self, failure: &Failure) -> CheckResult {
        self.expired.notice(failure);
        CheckResult::fail(failure.to_string())
    }

    /// The tokens of a pool's test user, or the result of a check that needs tokens which could not be obtained.
    pub(super) fn tokens(&self, pool: &str) -> Result<&Tokens, CheckResult> {
        match tokens_of(self.signed_in.get(pool), pool) {
            Err(result) if result.failed() => Err(CheckResult::because_failed(&format!("{pool}: {SIGNS_IN}"))),
            tokens => tokens,
        }
    }

    /// The tokens of the test user of a group.
    pub(super) fn tokens_of_member(&self, pool: &str, group: &str) -> Result<&Tokens, CheckResult> {
        tokens_of(self.members.get(&(pool.to_owned(), group.to_owned())), pool)
    }

    /// Whether a pool is managed outside the stack, so that `verify` creates no user in it.
    pub(super) fn is_theirs(&self, pool: &str) -> bool {
        self.subject.stack.existing_pools.contains_key(pool)
    }

    /// The ID token of a user of the pool.
    pub(super) fn id_token(&self, pool: &str) -> Result<&SecretValue, CheckResult> {
        if self.is_theirs(pool) { Ok(&self.given(pool)?.id) } else { Ok(&self.tokens(pool)?.id) }
    }

    /// The access token of a user of the pool.
    pub(super) fn access_token(&self, pool: &str) -> Result<&SecretValue, CheckResult> {
        if !self.is_theirs(pool) {
            return Ok(&self.tokens(pool)?.access);
        }
        let none = || CheckResult::not_tried("only an ID token was given; with --as there is an access token too");
        self.given(pool)?.access.as_ref().ok_or_else(none)
    }

    /// The user that was given for an existing pool.
    pub(super) fn given(&self, pool: &str) -> Result<&GivenUser, CheckResult> {
        self.subject.given.get(pool).ok_or_else(|| {
            CheckResult::not_tried(format!(
                "verify makes no user in {pool}, which is only read; name one with --as USER, or pass an ID token with \
                 --token-stdin"
            ))
        })
    }

    /// The keys that a pool publishes, or the result of a check that needs them.
    pub(super) fn keys(&self, pool: &str) -> Result<&Value, CheckResult> {
        match self.published.get(pool) {
            Some(Ok(keys)) => Ok(keys),
            Some(Err(result)) if result.failed() => {
                Err(CheckResult::because_failed(&format!("{pool}: {SIGNED_BY_POOL}")))
            }
            Some(Err(result)) => Err(result.clone()),
            None => Err(CheckResult::not_tried(format!("because the pool {pool} does not exist"))),
        }
    }

    /// The result of a check that needs the API key of the route, if the key could not be read. A request that the
    /// route refuses anyway needs no key.
    pub(super) fn has_key(&self, route: &Route) -> Result<(), CheckResult> {
        match self.api_key.as_ref().filter(|_| route.key).map(|key| key.value.as_ref()) {
            Some(Err(result)) => Err(result.clone()),
            Some(Ok(_)) | None => Ok(()),
        }
    }

    /// The credentials of a caller that the route accepts; empty if anyone may call it.
    pub(super) fn own_caller(&self, route: &Route) -> Result<OwnCaller<'_>, CheckResult> {
        self.has_key(route)?;
        self.caller_without_key(route)
    }

    /// The credentials of such a caller for a request without an API key, or with a wrong key.
    pub(super) fn caller_without_key(&self, route: &Route) -> Result<OwnCaller<'_>, CheckResult> {
        match &route.auth {
            Auth::Pool(pool) if !route.groups.is_empty() => {
                Ok(OwnCaller { token: Some(groups::admitted(self, pool, route)?), ..OwnCaller::default() })
            }
            Auth::Pool(pool) => {
                let token =
                    if route.scopes.is_empty() { self.id_token(pool)? } else { self.admitted(pool, &route.scopes)? };
                Ok(OwnCaller { token: Some(token), ..OwnCaller::default() })
            }
            Auth::Lambda(name) => match self.subject.identities.get(name) {
                Some(Admitted { headers, query }) => Ok(OwnCaller { token: None, headers, query }),
                None => Err(CheckResult::not_tried(format!(
                    "verify has no identity that the function of {name} admits; pass one with --identity {name}=@FILE"
                ))),
            },
            Auth::Iam => Err(CheckResult::not_tried("requests to it are signed, not sent with a token")),
            Auth::None => Ok(OwnCaller::default()),
        }
    }

    /// The URL of a request of this caller, with a fixed value for each parameter that the caller does not give.
    pub(super) fn url_of(&self, target: Target<'_>, own: &OwnCaller<'_>) -> Result<String, CheckResult> {
        let asked = target.route.parameters.query.iter();
        let lacking = asked.filter(|name| !own.query.iter().any(|(given, _)| given == *name));
        Ok(own.identified(parameters::with_query(self.path_url(target)?, lacking)))
    }

    /// Refuses routes that `--skip` names.
    pub(super) fn included(&self, target: Target<'_>) -> Result<(), CheckResult> {
        let included = !self.subject.skip.contains(&target.subject());
        included.then_some(()).ok_or_else(|| CheckResult::not_tried("--skip leaves this route out"))
    }

    /// The URL of a request that this route answers, with a fixed value for each of its parameters; or the result of a
    /// check if there is none.
    pub(super) fn url(&self, target: Target<'_>) -> Result<String, CheckResult> {
        Ok(parameters::with_query(self.path_url(target)?, &target.route.parameters.query))
    }

    /// The URL of a request that this route answers, without a query.
    pub(super) fn path_url(&self, target: Target<'_>) -> Result<String, CheckResult> {
        self.included(target)?;
        let base = self.base_url(target.name)?;
        let path = paths::reaching(target.api, target.route).map(|(_, path)| path);
        let path = path.ok_or_else(|| CheckResult::not_tried("other routes answer every request to it"))?;
        Ok(format!("{base}{path}"))
    }

    /// The beginning of an API's URLs.
    pub(super) fn base_url(&self, api: Option<&str>) -> Result<String, CheckResult> {
        let known = self.subject.outputs.all_apis().find(|(known, _)| *known == api);
        let url = known.map(|(_, api)| api.base_url.trim_end_matches('/').to_owned());
        url.ok_or_else(|| CheckResult::not_tried("because the API or its stage does not exist"))
    }

    /// The JSON schema of the route's body.
    pub(super) fn schema(&self, route: &Route) -> Option<Value> {
        serde_json::from_str(self.subject.schemas.get(route.body.as_ref()?)?).ok()
    }

    pub(super) fn routes(&self) -> impl Iterator<Item = Target<'_>> {
        self.subject.stack.all_apis().flat_map(Target::all)
    }

    /// The destination of requests to a route. HTTP APIs have no firewall.
    pub(super) fn destination(&self, target: Target<'_>) -> Destination {
        let exposure = if target.by_http() { FirewallExposure::Open } else { self.exposure };
        let admission = allow_from::admission(target.api, self.address);
        let behind = Behind::of(&target.route.target);
        Destination { at_aws: self.at_aws(), exposure, admission, behind }
    }

    /// Whether the requests go to AWS, and not to an emulator.
    pub(super) fn at_aws(&self) -> bool {
        self.subject.endpoint.is_none()
    }
}

/// The tokens of a user who signed in.
fn tokens_of<'a>(user: Option<&'a SignedIn>, pool: &str) -> Result<&'a Tokens, CheckResult> {
    match user.map(|user| &user.tokens) {
        Some(tokens) => tokens.as_ref().map_err(Clone::clone),
        None => Err(CheckResult::not_tried(format!("because the pool {pool} or its app client does not exist"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn expired_credentials_are_noticed_once_and_other_failures_are_not() {
        let expired = Expired::default();
        assert!(!expired.notice(&Failure::refused("no")) && expired.failure().is_none());
        assert!(expired.notice(&Failure::new(Cause::Fatal, "expired")));
        assert!(expired.notice(&Failure::new(Cause::Fatal, "again")));
        assert_eq!(expired.reached().await.context, "expired");
    }
}
