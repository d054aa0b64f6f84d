//! The weather of these runs: one call cut, or a storm from a seed; lists that lag behind; and an eye on the state
//! file, which must know of everything before it is made and before anything is made from it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use serde_json::Value;

use super::address::{Address, about};
use super::faults;
use crate::support::proxy::{Asked, CallOutcome, FaultInjector};

/// For how long after the first list that should show it, a thing of a name that is not unique is missing from lists:
/// 1.5 s at the tempo of these runs. Longer than one look, shorter than the three that the program takes.
const LAG: Duration = Duration::from_millis(30);

/// What is older than this is in every list.
const YOUNG: Duration = Duration::from_secs(2);

/// What happens in a run.
#[derive(Debug, Clone)]
pub enum Plan {
    /// Nothing.
    Fair,
    /// This becomes of this call.
    Cut(Address, CallOutcome),
    /// Every call has its chance of mishap, which follows from the seed and its address alone.
    Storm(u64),
}

/// One call of a run.
#[derive(Debug, Clone)]
pub struct Heard {
    pub address: Address,
    /// It repeats a question whose answer was that it is not ready yet.
    pub poll: bool,
    /// What became of it, if anything did.
    pub outcome: Option<CallOutcome>,
}

/// The weather over one proxy.
pub struct FaultPlan(Mutex<Inner>);

struct Inner {
    plan: Plan,
    /// Where the program keeps its state.
    folder: PathBuf,
    calls: Vec<Heard>,
    counts: HashMap<(String, String), usize>,
    /// Questions answered with "not yet".
    pending: Vec<(String, String)>,
    hit: bool,
    /// What was made a moment ago, and since when lists should show it.
    young: HashMap<String, (Instant, Option<Instant>)>,
    /// Ids that AWS gave, and which kind of resource they are of.
    given: HashMap<String, &'static str>,
    broken: Vec<String>,
}

impl FaultPlan {
    pub fn new() -> Self {
        Self(Mutex::new(Inner {
            plan: Plan::Fair,
            folder: PathBuf::new(),
            calls: Vec::new(),
            counts: HashMap::new(),
            pending: Vec::new(),
            hit: false,
            young: HashMap::new(),
            given: HashMap::new(),
            broken: Vec::new(),
        }))
    }

    /// A run begins, of a program that keeps its state there.
    pub fn begin(&self, plan: Plan, folder: PathBuf) {
        let mut inner = self.inner();
        (inner.plan, inner.folder, inner.hit) = (plan, folder, false);
        inner.calls.clear();
        inner.counts.clear();
        inner.pending.clear();
    }

    /// Whether the call that was to be cut was made.
    pub fn hit(&self) -> bool {
        self.inner().hit
    }

    /// The calls since the run began.
    pub fn calls(&self) -> Vec<Heard> {
        self.inner().calls.clone()
    }

    /// Which promises were broken since the last time this was asked.
    pub fn broken(&self) -> Vec<String> {
        std::mem::take(&mut self.inner().broken)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
}

impl FaultInjector for FaultPlan {
    fn before(&self, asked: &Asked) -> CallOutcome {
        if !asked.is_control_plane() {
            return CallOutcome::Passed;
        }
        let mut inner = self.inner();
        let key = (asked.name(), about(asked));
        let nth = inner.counts.entry(key.clone()).or_default();
        *nth += 1;
        let address = Address { nth: *nth, name: key.0.clone(), about: key.1.clone() };
        inner.watch(asked, &address);
        let outcome = match &inner.plan {
            Plan::Cut(at, outcome) if *at == address && !inner.hit => outcome.clone(),
            Plan::Storm(seed) => {
                let mut hash = DefaultHasher::new();
                (seed, &address).hash(&mut hash);
                faults::outcome(asked, hash.finish())
            }
            Plan::Fair | Plan::Cut(..) => CallOutcome::Passed,
        };
        inner.hit |= outcome != CallOutcome::Passed;
        let poll = inner.pending.contains(&key);
        inner.calls.push(Heard {
            address,
            poll,
            outcome: Some(outcome.clone()).filter(|outcome| *outcome != CallOutcome::Passed),
        });
        outcome
    }

    fn after(&self, asked: &Asked, status: u16, body: Bytes) -> (u16, Bytes) {
        if status >= 300 {
            return (status, body);
        }
        let Ok(answer) = serde_json::from_slice::<Value>(&body) else { return (status, body) };
        let mut inner = self.inner();
        if answer["Configuration"]["State"] == "Pending" {
            inner.pending.push((asked.name(), about(asked)));
        }
        let gives =
            GIVES.iter().find(|(operation, _, at)| *operation == asked.operation && answer.pointer(at).is_some());
        if let Some((_, kind, at)) = gives
            && let Some(id) = answer.pointer(at).and_then(Value::as_str)
        {
            inner.given.insert(id.to_owned(), kind);
            inner.young.insert(id.to_owned(), (Instant::now(), None));
        }
        let lists = LISTS.iter().find(|(operation, ..)| *operation == asked.operation);
        match lists {
            Some((_, list, id)) => (status, inner.without_the_young(answer, list, id).unwrap_or(body)),
            None => (status, body),
        }
    }
}

/// Calls that make what AWS gives an id: the kind of resource, and where in the answer the id is.
const GIVES: [(&str, &str, &str); 11] = [
    ("CreateUserPool", "cognito.user_pool", "/UserPool/Id"),
    ("CreateUserPoolClient", "cognito.app_client", "/UserPoolClient/ClientId"),
    ("CreateRestApi", "apigateway.rest_api", "/id"),
    ("CreateAuthorizer", "apigateway.authorizer", "/id"),
    ("CreateApi", "apigatewayv2.api", "/apiId"),
    ("CreateAuthorizer", "apigatewayv2.authorizer", "/authorizerId"),
    ("CreateRequestValidator", "apigateway.request_validator", "/id"),
    ("CreateDeployment", "apigateway.deployment", "/id"),
    ("CreateIPSet", "wafv2.ip_set", "/Summary/Id"),
    ("CreateWebACL", "wafv2.web_acl", "/Summary/Id"),
    ("CreateIdentityPool", "cognito.identity_pool", "/IdentityPoolId"),
];

/// Lists that lag behind: where names are not unique, so that a create that was not seen would be made again.
const LISTS: [(&str, &str, &str); 5] = [
    ("ListUserPools", "UserPools", "Id"),
    ("ListUserPoolClients", "UserPoolClients", "ClientId"),
    ("GetRestApis", "item", "id"),
    ("GetApis", "items", "apiId"),
    ("ListIdentityPools", "IdentityPools", "IdentityPoolId"),
];

/// Calls that begin the making of a resource, by the kind in the state file.
const MAKES: [(&str, &str, &str); 28] = [
    ("sns", "CreateTopic", "sns.topic"),
    ("sns", "Subscribe", "sns.subscription"),
    ("secretsmanager", "CreateSecret", "secretsmanager.secret"),
    ("logs", "CreateLogGroup", "logs.group"),
    ("iam", "CreateRole", "iam.role"),
    ("iam", "PutRolePolicy", "iam.role_policy"),
    ("lambda", "CreateFunction", "lambda.function"),
    ("lambda", "AddPermission", "lambda.permission"),
    ("cognito-idp", "CreateUserPool", "cognito.user_pool"),
    ("cognito-idp", "CreateUserPoolClient", "cognito.app_client"),
    ("wafv2", "CreateIPSet", "wafv2.ip_set"),
    ("wafv2", "CreateWebACL", "wafv2.web_acl"),
    ("wafv2", "AssociateWebACL", "wafv2.association"),
    ("apigateway", "CreateRestApi", "apigateway.rest_api"),
    ("apigateway", "CreateAuthorizer", "apigateway.authorizer"),
    ("apigateway", "CreateRequestValidator", "apigateway.request_validator"),
    ("apigateway", "CreateModel", "apigateway.model"),
    ("apigateway", "CreateResource", "apigateway.paths"),
    ("apigateway", "PutMethod", "apigateway.routes"),
    ("apigateway", "CreateDeployment", "apigateway.deployment"),
    ("apigateway", "CreateStage", "apigateway.stage"),
    ("apigatewayv2", "CreateApi", "apigatewayv2.api"),
    ("apigatewayv2", "CreateAuthorizer", "apigatewayv2.authorizer"),
    ("apigatewayv2", "CreateIntegration", "apigatewayv2.routes"),
    ("apigatewayv2", "CreateStage", "apigatewayv2.stage"),
    ("cognito-idp", "AdminCreateUser", "cognito.service_user"),
    ("cognito-identity", "CreateIdentityPool", "cognito.identity_pool"),
    ("cognito-identity", "SetIdentityPoolRoles", "cognito.identity_pool_roles"),
];

/// Calls that remove a resource, by the kind in the state file.
const REMOVES: [(&str, &str); 11] = [
    ("DeleteSecret", "secretsmanager.secret"),
    ("DeleteUserPool", "cognito.user_pool"),
    ("DeleteIdentityPool", "cognito.identity_pool"),
    ("DeleteRestApi", "apigateway.rest_api"),
    ("DeleteApi", "apigatewayv2.api"),
    ("DeleteWebACL", "wafv2.web_acl"),
    ("DeleteIPSet", "wafv2.ip_set"),
    ("DeleteFunction", "lambda.function"),
    ("DeleteRole", "iam.role"),
    ("DeleteLogGroup", "logs.group"),
    ("DeleteTopic", "sns.topic"),
];

impl Inner {
    /// Whether what a call promises is on disk. Before a create: that it was about to be made, and the ids of all it is
    /// made from. Before a delete: that it is about to go.
    fn watch(&mut self, asked: &Asked, address: &Address) {
        if let Some((_, kind)) = REMOVES.iter().find(|(operation, _)| *operation == asked.operation) {
            let state = self.state();
            let mut rows = state["resources"].as_object().into_iter().flatten().map(|(_, row)| row);
            if !rows.any(|row| row["kind"] == *kind && row["status"] == "deleting") {
                self.broken.push(format!("{address} came when its record was gone, or did not say that it goes"));
            }
            return;
        }
        let made =
            MAKES.iter().find(|(service, operation, _)| *service == asked.service && *operation == asked.operation);
        let Some((_, _, kind)) = made else { return };
        let state = self.state();
        let rows = state["resources"].as_object().into_iter().flatten().map(|(_, row)| row);
        let rows: Vec<&Value> = rows.filter(|row| row["kind"] == *kind).collect();
        let named = |row: &&&Value| {
            let key = row["key"]["name"].as_str().filter(|_| *kind != "iam.role_policy");
            key.is_none_or(|name| asked.path.contains(name) || String::from_utf8_lossy(&asked.body).contains(name))
        };
        let about_it: Vec<&&Value> = rows.iter().filter(named).collect();
        if !about_it.iter().any(|row| row["status"] != "ready") {
            self.broken.push(format!("{address} was made before its intent was on disk"));
        }
        let outputs: String =
            state["resources"].as_object().into_iter().flatten().map(|(_, row)| row["outputs"].to_string()).collect();
        let body = String::from_utf8_lossy(&asked.body);
        for (id, of) in &self.given {
            if of != kind
                && (asked.path.contains(id.as_str()) || body.contains(id.as_str()))
                && !outputs.contains(id.as_str())
            {
                self.broken.push(format!("{address} was made before the id of what it needs, a {of}, was on disk"));
            }
        }
    }

    /// The state on disk; `Null` if there is none.
    fn state(&self) -> Value {
        let files = std::fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let file = files.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "json"));
        let text = file.and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// The answer of a list without what it does not show yet. `None`: it shows all.
    fn without_the_young(&mut self, mut answer: Value, list: &str, id: &str) -> Option<Bytes> {
        let now = Instant::now();
        let items = answer.get_mut(list)?.as_array_mut()?;
        let before = items.len();
        items.retain(|item| {
            let Some((made, missed)) = item[id].as_str().and_then(|id| self.young.get_mut(id)) else { return true };
            let missed = *missed.get_or_insert(now);
            now.duration_since(*made) > YOUNG || now.duration_since(missed) >= LAG
        });
        (items.len() < before).then(|| Bytes::from(answer.to_string()))
    }
}
