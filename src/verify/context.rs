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

/// What is to be proved: the stack as written, and as it was surveyed.
pub struct Subject<'a> {
    /// As written.
    pub stack: &'a Stack,
    /// The schemas of bodies, by the route's `body`.
    pub schemas: &'a BTreeMap<PathBuf, String>,
    /// Its ids, ARNs and URLs.
    pub outputs: &'a Outputs,
    /// What was seen of each resource.
    pub seen: &'a [Seen<'a>],
    /// With which to ask AWS.
    pub clients: &'a Clients,
    /// Where AWS is, if it is not AWS itself.
    pub endpoint: Option<&'a str>,
    /// What requests go through.
    pub proxies: &'a Proxies,
    /// As in `2026-11-28`.
    pub today: &'a str,
    /// Tells the user why it takes longer.
    pub tell: &'a (dyn Fn(&str) + Sync),
}

/// One or more checks, on their way.
pub(super) type CheckFuture<'a> = BoxFuture<'a, Vec<Check>>;

/// What all checks share.
pub(super) struct VerifyContext<'a> {
    pub subject: &'a Subject<'a>,
    pub test_users: &'a TestUsers,
    /// By pool.
    pub signed_in: BTreeMap<String, SignedIn>,
    pub prober: Prober,
    pub gate: FirewallExposure,
    /// How long waiting lasts.
    pub time_scale: TimeScale,
}

impl VerifyContext<'_> {
    /// The tokens of a pool's guest, or what their lack says of a check that needs one.
    pub(super) fn tokens(&self, pool: &str) -> Result<&Tokens, CheckResult> {
        match self.signed_in.get(pool).map(|guest| &guest.tokens) {
            Some(Ok(tokens)) => Ok(tokens),
            Some(Err(finding)) => Err(finding.clone()),
            None => Err(CheckResult::fail(format!("the pool {pool} is not there"))),
        }
    }

    /// The pool whose tokens pass, or that there is none.
    pub(super) fn own_tokens(&self, route: &Route) -> Result<Option<&Tokens>, CheckResult> {
        match &route.auth {
            Auth::Pool(pool) => self.tokens(pool).map(Some),
            Auth::Iam => Err(CheckResult::not_applicable("requests to it are signed, not sent with a token")),
            Auth::None => Ok(None),
        }
    }

    /// The route's URL, with something in the place of its parameters.
    pub(super) fn url(&self, Target { name, route, .. }: Target<'_>) -> Option<String> {
        let (_, api) = self.subject.outputs.all_apis().find(|(known, _)| *known == name)?;
        let known = api.routes.iter().find(|known| known.method == route.method && known.path == route.path)?;
        let part = |part: &str| if part.starts_with('{') { "securelambda-verify".to_owned() } else { part.to_owned() };
        let parts = known.path.split('/').map(part).collect::<Vec<_>>().join("/");
        known.url.strip_suffix(&known.path).map(|base| format!("{base}{parts}"))
    }

    /// What the route's body must satisfy.
    pub(super) fn schema(&self, route: &Route) -> Option<Value> {
        serde_json::from_str(self.subject.schemas.get(route.body.as_ref()?)?).ok()
    }

    /// The routes of the stack file.
    pub(super) fn routes(&self) -> impl Iterator<Item = Target<'_>> {
        self.subject.stack.all_apis().flat_map(Target::all)
    }

    /// Whether the firewall lets this machine through to a route: none stands before an HTTP API.
    pub(super) fn gate(&self, target: Target<'_>) -> FirewallExposure {
        if target.by_http() { FirewallExposure::Open } else { self.gate }
    }

    /// It is AWS itself that we talk to.
    pub(super) fn at_aws(&self) -> bool {
        self.subject.endpoint.is_none()
    }
}
