//! What happens to the calls of one run: nothing, one call is cut, or random faults from a seed. Besides that, lists do
//! not show new resources for a moment, and the state file is checked before every create and delete: the intent must be
//! on disk, and so must the ids of everything that the new resource depends on.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use serde_json::Value;

use super::address::{Address, about};
use super::faults;
use crate::support::proxy::{AwsRequest, CallOutcome, FaultInjector};

/// How long lists omit a new resource whose name is not unique, counted from the first list that should show it. At the
/// time scale of these runs it stands for 1.5 s: longer than one of the program's three reads, shorter than all three.
const LAG: Duration = Duration::from_millis(30);

/// Every list shows resources that are older than this.
const NEW_FOR: Duration = Duration::from_secs(2);

/// Which faults a run meets.
#[derive(Debug, Clone)]
pub enum FaultMode {
    None,
    /// The call at this address has this outcome.
    Cut(Address, CallOutcome),
    /// Any call may fail. Whether it does depends only on this seed and the call's address.
    Random(u64),
}

#[derive(Debug, Clone)]
pub struct ObservedCall {
    pub address: Address,
    /// It repeats a read that was answered with "not ready yet".
    pub poll: bool,
    /// The injected fault, if there was one.
    pub outcome: Option<CallOutcome>,
}

/// The fault injector of one proxy.
pub struct FaultPlan(Mutex<Inner>);

struct Inner {
    mode: FaultMode,
    /// The program's state folder.
    folder: PathBuf,
    calls: Vec<ObservedCall>,
    counts: HashMap<(String, String), usize>,
    /// Reads that were answered with "not ready yet".
    pending: Vec<(String, String)>,
    hit: bool,
    /// By id: when the resource was created, and when a list first should have shown it.
    new_items: HashMap<String, (Instant, Option<Instant>)>,
    /// The kind of resource, by the id that AWS gave it.
    known_ids: HashMap<String, &'static str>,
    violations: Vec<String>,
}

impl FaultPlan {
    pub fn new() -> Self {
        Self(Mutex::new(Inner {
            mode: FaultMode::None,
            folder: PathBuf::new(),
            calls: Vec::new(),
            counts: HashMap::new(),
            pending: Vec::new(),
            hit: false,
            new_items: HashMap::new(),
            known_ids: HashMap::new(),
            violations: Vec::new(),
        }))
    }

    /// Starts a run of a program whose state folder this is.
    pub fn begin(&self, mode: FaultMode, folder: PathBuf) {
        let mut inner = self.inner();
        (inner.mode, inner.folder, inner.hit) = (mode, folder, false);
        inner.calls.clear();
        inner.counts.clear();
        inner.pending.clear();
    }

    /// Whether the call that was to be cut was made.
    pub fn hit(&self) -> bool {
        self.inner().hit
    }

    /// The calls since the run began.
    pub fn calls(&self) -> Vec<ObservedCall> {
        self.inner().calls.clone()
    }

    /// The engine's promises that were broken since this was last called.
    pub fn violations(&self) -> Vec<String> {
        std::mem::take(&mut self.inner().violations)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
}

impl FaultInjector for FaultPlan {
    fn before(&self, asked: &AwsRequest) -> CallOutcome {
        if !asked.is_control_plane() {
            return CallOutcome::Passed;
        }
        let mut inner = self.inner();
        let key = (asked.name(), about(asked));
        let nth = inner.counts.entry(key.clone()).or_default();
        *nth += 1;
        let address = Address { nth: *nth, name: key.0.clone(), about: key.1.clone() };
        inner.check_state_file(asked, &address);
        let outcome = match &inner.mode {
            FaultMode::Cut(at, outcome) if *at == address && !inner.hit => outcome.clone(),
            FaultMode::Random(seed) => {
                let mut hash = DefaultHasher::new();
                (seed, &address).hash(&mut hash);
                faults::outcome(asked, hash.finish())
            }
            FaultMode::None | FaultMode::Cut(..) => CallOutcome::Passed,
        };
        inner.hit |= outcome != CallOutcome::Passed;
        let poll = inner.pending.contains(&key);
        inner.calls.push(ObservedCall {
            address,
            poll,
            outcome: Some(outcome.clone()).filter(|outcome| *outcome != CallOutcome::Passed),
        });
        outcome
    }

    fn after(&self, asked: &AwsRequest, status: u16, body: Bytes) -> (u16, Bytes) {
        if status >= 300 {
            return (status, body);
        }
        let Ok(answer) = serde_json::from_slice::<Value>(&body) else { return (status, body) };
        let mut inner = self.inner();
        if answer["Configuration"]["State"] == "Pending" {
            inner.pending.push((asked.name(), about(asked)));
        }
        let gives = ID_OF_CREATED
            .iter()
            .find(|(operation, _, at)| *operation == asked.operation && answer.pointer(at).is_some());
        if let Some((_, kind, at)) = gives
            && let Some(id) = answer.pointer(at).and_then(Value::as_str)
        {
            inner.known_ids.insert(id.to_owned(), kind);
            inner.new_items.insert(id.to_owned(), (Instant::now(), None));
        }
        let lists = LAGGING_LISTS.iter().find(|(operation, ..)| *operation == asked.operation);
        match lists {
            Some((_, list, id, _)) => (status, inner.without_new_items(answer, list, id).unwrap_or(body)),
            None => (status, body),
        }
    }
}

/// Creates whose answer contains an id from AWS: operation, kind of resource, and where the id is in the answer.
const ID_OF_CREATED: [(&str, &str, &str); 11] = [
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

/// Lists that omit new resources: operation, list, id and kind. Names of these kinds are not unique, so a program that trusted
/// the list would create a second resource.
const LAGGING_LISTS: [(&str, &str, &str, &str); 5] = [
    ("ListUserPools", "UserPools", "Id", "cognito.user_pool"),
    ("ListUserPoolClients", "UserPoolClients", "ClientId", "cognito.app_client"),
    ("GetRestApis", "item", "id", "apigateway.rest_api"),
    ("GetApis", "items", "apiId", "apigatewayv2.api"),
    ("ListIdentityPools", "IdentityPools", "IdentityPoolId", "cognito.identity_pool"),
];

/// The first call that creates a resource of each kind: service, operation, and the kind as in the state file.
const CREATES: &[(&str, &str, &str)] = &[
    ("sns", "CreateTopic", "sns.topic"),
    ("sns", "Subscribe", "sns.subscription"),
    ("sqs", "CreateQueue", "sqs.queue"),
    ("secretsmanager", "CreateSecret", "secretsmanager.secret"),
    ("secretsmanager", "RotateSecret", "secretsmanager.rotation"),
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
    ("wafv2", "PutLoggingConfiguration", "wafv2.logging"),
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

/// Calls that delete a resource, with the kind as in the state file.
const DELETES: &[(&str, &str)] = &[
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
    ("DeleteQueue", "sqs.queue"),
];

impl Inner {
    /// Checks the state file when a call arrives. Before a create, it must contain the intent and the ids of all
    /// dependencies. Before a delete, it must say that the resource is being deleted.
    fn check_state_file(&mut self, asked: &AwsRequest, address: &Address) {
        if let Some((_, kind)) = DELETES.iter().find(|(operation, _)| *operation == asked.operation) {
            let state = self.state();
            let mut rows = state["resources"].as_object().into_iter().flatten().map(|(_, row)| row);
            if !rows.any(|row| row["kind"] == *kind && row["status"] == "deleting") {
                self.violations.push(format!("{address} came when its record was gone, or did not say that it goes"));
            }
            return;
        }
        let made =
            CREATES.iter().find(|(service, operation, _)| *service == asked.service && *operation == asked.operation);
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
            self.violations.push(format!("{address} was made before its intent was on disk"));
        }
        let outputs: String =
            state["resources"].as_object().into_iter().flatten().map(|(_, row)| row["outputs"].to_string()).collect();
        let body = String::from_utf8_lossy(&asked.body);
        for (id, of) in &self.known_ids {
            if of != kind
                && (asked.path.contains(id.as_str()) || body.contains(id.as_str()))
                && !outputs.contains(id.as_str())
            {
                self.violations.push(format!("{address} was made before the id of what it needs, a {of}, was on disk"));
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

    /// The answer of a list without resources that it does not show yet. `None` if it shows all.
    fn without_new_items(&mut self, mut answer: Value, list: &str, id: &str) -> Option<Bytes> {
        let now = Instant::now();
        let items = answer.get_mut(list)?.as_array_mut()?;
        let before = items.len();
        items.retain(|item| {
            let Some((made, missed)) = item[id].as_str().and_then(|id| self.new_items.get_mut(id)) else { return true };
            let missed = *missed.get_or_insert(now);
            now.duration_since(*made) > NEW_FOR || now.duration_since(missed) >= LAG
        });
        (items.len() < before).then(|| Bytes::from(answer.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::{all, assert_covers, listed};

    #[test]
    fn creates_has_an_entry_for_every_kind() {
        let exempt = [
            ("apigateway.release", "it is a setting of the stage, which no call creates"),
            ("apigateway.log_role", "no blueprint logs what a REST API does"),
            ("wafv2.pool_association", "its call is that of wafv2.association"),
        ];
        assert_covers("CREATES", &all(), CREATES.iter().map(|(.., kind)| *kind), &exempt);
    }

    #[test]
    fn id_of_created_has_an_entry_for_every_kind_with_an_id_from_aws() {
        const BY_NAME: &str = "its name identifies it";
        const PART: &str = "it is part of its parent, whose id identifies it";
        let exempt = [
            ("sns.topic", BY_NAME),
            ("sns.subscription", "no other resource depends on it"),
            ("sqs.queue", BY_NAME),
            ("secretsmanager.secret", "its ARN starts with its name; the random end is not checked"),
            ("secretsmanager.rotation", PART),
            ("logs.group", BY_NAME),
            ("iam.role", BY_NAME),
            ("iam.role_policy", BY_NAME),
            ("lambda.function", BY_NAME),
            ("lambda.permission", BY_NAME),
            ("cognito.service_user", BY_NAME),
            ("cognito.identity_pool_roles", PART),
            ("apigateway.model", BY_NAME),
            ("apigateway.paths", "one resource has many ids, one for each path"),
            ("apigateway.routes", PART),
            ("apigateway.stage", BY_NAME),
            ("apigateway.release", PART),
            ("apigateway.log_role", "it belongs to the account, and no other resource needs its id"),
            ("apigatewayv2.routes", "one resource has many ids, and no other resource depends on it"),
            ("apigatewayv2.stage", BY_NAME),
            ("wafv2.association", PART),
            ("wafv2.pool_association", PART),
            ("wafv2.logging", PART),
        ];
        assert_covers("ID_OF_CREATED", &all(), ID_OF_CREATED.iter().map(|(_, kind, _)| *kind), &exempt);
    }

    #[test]
    fn deletes_has_an_entry_for_every_kind_that_the_program_lists() {
        assert_covers("DELETES", &listed(), DELETES.iter().map(|(_, kind)| *kind), &[]);
    }

    #[test]
    fn lagging_lists_has_an_entry_for_every_listed_kind_without_a_unique_name() {
        const UNIQUE: &str = "AWS refuses a second one of the same name";
        let exempt = [
            ("sns.topic", UNIQUE),
            ("sqs.queue", UNIQUE),
            ("secretsmanager.secret", UNIQUE),
            ("logs.group", UNIQUE),
            ("iam.role", UNIQUE),
            ("lambda.function", UNIQUE),
            ("wafv2.ip_set", UNIQUE),
            ("wafv2.web_acl", UNIQUE),
        ];
        let kinds = listed().into_iter().chain(["cognito.app_client"]).collect();
        assert_covers("LAGGING_LISTS", &kinds, LAGGING_LISTS.iter().map(|(.., kind)| *kind), &exempt);
    }
}
