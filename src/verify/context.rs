//! What all checks share: the stack that is verified, the signed-in test users, and the way to send requests.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::Check;
use super::check_spec::CheckResult;
use super::classify::FirewallExposure;
use super::prober::Prober;
use super::settings::Seen;
use super::target::Target;
use super::test_users::{SignedIn, TestUsers};
use crate::aws::Clients;
use crate::aws::cognito::Tokens;
use crate::engine::TimeScale;
use crate::outputs::Outputs;
use crate::proxies::Proxies;
use crate::spec::{Auth, Route, Stack};

/// The stack that is verified: as the stack file describes it, and as it was read from AWS.
pub struct Subject<'a> {
    pub stack: &'a Stack,
    /// The body schemas, by the route's `body`.
    pub schemas: &'a BTreeMap<PathBuf, String>,
    pub outputs: &'a Outputs,
    /// The result of reading each resource.
    pub seen: &'a [Seen<'a>],
    pub clients: &'a Clients,
    /// The address of an emulator, if one is used instead of AWS.
    pub endpoint: Option<&'a str>,
    pub proxies: &'a Proxies,
    /// The date, as in `2026-11-28`.
    pub today: &'a str,
    /// Tells the user why a check takes longer than usual.
    pub tell: &'a (dyn Fn(&str) + Sync),
}

/// A future that makes one or more checks.
pub(super) type CheckFuture<'a> = BoxFuture<'a, Vec<Check>>;

pub(super) struct VerifyContext<'a> {
    pub subject: &'a Subject<'a>,
    pub test_users: &'a TestUsers,
    /// By pool.
    pub signed_in: BTreeMap<String, SignedIn>,
    pub prober: Prober,
    /// To requests of this machine.
    pub exposure: FirewallExposure,
    pub time_scale: TimeScale,
}

impl VerifyContext<'_> {
    /// The tokens of a pool's test user, or the result of a check that needs tokens which could not be obtained.
    pub(super) fn tokens(&self, pool: &str) -> Result<&Tokens, CheckResult> {
        match self.signed_in.get(pool).map(|signed_in| &signed_in.tokens) {
            Some(Ok(tokens)) => Ok(tokens),
            Some(Err(result)) => Err(result.clone()),
            None => Err(CheckResult::fail(format!("the pool {pool} is not there"))),
        }
    }

    /// The tokens that the route accepts; `None` if anyone may call it.
    pub(super) fn own_tokens(&self, route: &Route) -> Result<Option<&Tokens>, CheckResult> {
        match &route.auth {
            Auth::Pool(pool) => self.tokens(pool).map(Some),
            Auth::Iam => Err(CheckResult::not_applicable("requests to it are signed, not sent with a token")),
            Auth::None => Ok(None),
        }
    }

    /// The route's URL, with a fixed value for each of its parameters.
    pub(super) fn url(&self, Target { name, route, .. }: Target<'_>) -> Option<String> {
        let (_, api) = self.subject.outputs.all_apis().find(|(known, _)| *known == name)?;
        let known = api.routes.iter().find(|known| known.method == route.method && known.path == route.path)?;
        let part = |part: &str| if part.starts_with('{') { "securelambda-verify".to_owned() } else { part.to_owned() };
        let parts = known.path.split('/').map(part).collect::<Vec<_>>().join("/");
        known.url.strip_suffix(&known.path).map(|base| format!("{base}{parts}"))
    }

    /// The JSON schema of the route's body.
    pub(super) fn schema(&self, route: &Route) -> Option<Value> {
        serde_json::from_str(self.subject.schemas.get(route.body.as_ref()?)?).ok()
    }

    pub(super) fn routes(&self) -> impl Iterator<Item = Target<'_>> {
        self.subject.stack.all_apis().flat_map(Target::all)
    }

    /// Whether the firewall lets requests of this machine reach a route. HTTP APIs have no firewall.
    pub(super) fn exposure(&self, target: Target<'_>) -> FirewallExposure {
        if target.by_http() { FirewallExposure::Open } else { self.exposure }
    }

    /// Whether the requests go to AWS, and not to an emulator.
    pub(super) fn at_aws(&self) -> bool {
        self.subject.endpoint.is_none()
    }
}
