//! API Gateway: a REST API (v1) and everything below it.
//!
//! Names of APIs, validators and deployments are not unique, so an API is recognised by its tag and a deployment by the
//! hash in its description. Changes of an API become live when they are deployed. AWS refuses one of two concurrent
//! writes to an API (docs/aws.md, Concurrent writes). The program's writes run concurrently nevertheless, and a refused
//! write is repeated alone. Settings are changed by patches, so each setting is compared together with the patches that
//! correct it.
//!
//! All paths of an API are one resource here, and all methods another. AWS lists each of them in one call, so an API
//! with a hundred routes is read as fast as one with two.

mod api;
mod api_key;
mod api_settings;
mod authorizer;
mod authorizers;
mod body;
mod deployment;
mod gateway_responses;
mod integration;
mod inventory;
mod lambda_authorizer;
mod limits;
mod log_role;
mod methods;
mod mock;
mod paths;
mod plan_calls;
pub mod refusals;
mod release;
mod route_settings;
mod routes;
mod stage;
mod stage_settings;
mod tagging;
mod tls;
mod urls;
mod usage_plan;
mod usage_plan_key;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::types::{self, Op, PatchOperation};
use tokio::sync::RwLock;

use self::refusals::API_BUSY;
use super::Clients;
use super::error::{OrAbsent, OrFail};
use super::retries::{client, once};
use super::service::AwsService;
use super::settle::{Wait, settled};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Effect, Failure, Task};
use crate::regions::Service;
use crate::scope::Scope;

pub use api::{RestApi, RestApiKey, RestApiOutputs};
pub use api_key::{ApiKey, ApiKeyKey, ApiKeyOutputs, ApiKeys, LiveApiKey};
pub use api_settings::LiveRestApi;
pub use authorizer::{Authorizer, LiveAuthorizer};
pub use authorizers::{AuthorizerKey, AuthorizerOutputs};
pub(in crate::aws) use authorizers::{UNWANTED_SCOPES_OF_HTTP, cache_effect, identity_effect, scopes_effect};
pub use body::{LiveValidator, Model, ModelKey, ModelOutputs, Validator, ValidatorKey, ValidatorOutputs};
pub use deployment::{Deployment, DeploymentKey, DeploymentOutputs};
pub use gateway_responses::{GatewayResponses, GatewayResponsesKey, GatewayResponsesOutputs, LiveGatewayResponse};
pub use integration::{Answering, Integration, LiveIntegration, TIMEOUT_MS};
pub use lambda_authorizer::{LambdaAuthorizer, LiveLambdaAuthorizer};
pub use limits::MethodLimits;
pub use log_role::{LOG_ROLE, LogRole, LogRoleKey, LogRoleOutputs, LogRoles};
pub use mock::{LiveAnswer, Mock};
pub use paths::{LivePath, Paths, PathsKey, PathsOutputs};
pub use release::{LiveRelease, Release, ReleaseOutputs};
pub use route_settings::{LiveMethod, LiveRoutes};
#[cfg(test)]
pub(crate) use routes::tests::method as sample_method;
pub use routes::{Authorization, Method, Routes, RoutesKey, RoutesOutputs};
pub use stage::{Stage, StageKey, StageOutputs};
pub use stage_settings::{LiveSetting, LiveStage};
pub(in crate::aws) use tagging::{READ_TAGS, retag};
pub use urls::{integration_uri, stage_url};
pub use usage_plan::{LiveQuota, LiveUsagePlan, PlanQuota, UsagePlan, UsagePlanLookup, UsagePlanOutputs};
pub use usage_plan_key::{LiveUsagePlanKey, UsagePlanKey, UsagePlanKeyLookup, UsagePlanKeyOutputs};

pub const SERVICE: Service = Service::new("apigateway", "API Gateway");

pub(super) const ABOUT: AwsService = AwsService {
    names: &[SERVICE.name],
    refusals: refusals::REFUSALS,
    waits: refusals::WAITS,
    #[cfg(test)]
    tests: refusals::tests::WAITS,
};

/// The ARNs of all REST APIs. AWS chooses the ids, so a policy recognises our APIs by their tag, which everything below
/// an API inherits.
const APIS: &[&str] =
    &["arn:{partition}:apigateway:{region}::/restapis", "arn:{partition}:apigateway:{region}::/restapis/*"];

const BELOW: &[&str] = &["arn:{partition}:apigateway:{region}::/restapis/*"];

/// The permission to read an API and everything below it.
const READ: StatementTemplate = StatementTemplate {
    sid: Sid::FindOwn,
    on: APIS,
    rights: &[Permissions { needs: &[Usage::Read], actions: &["apigateway:GET"] }],
};

/// The permissions for a resource below an API that has its own calls to create, update and delete it.
const CREATE_UPDATE_DELETE: StatementTemplate = StatementTemplate {
    sid: Sid::OwnByTag,
    on: BELOW,
    rights: &[
        Permissions { needs: &[Usage::Create], actions: &["apigateway:POST"] },
        Permissions { needs: &[Usage::Update], actions: &["apigateway:PATCH"] },
        Permissions { needs: &[Usage::Delete], actions: &["apigateway:DELETE"] },
    ],
};

/// The most entries of a list call, which returns 25 by default (docs/aws.md, Creating and finding REST APIs).
const PAGE: i32 = 500;

/// The most concurrent writes to one API. The account's rate is ten calls a second.
const AT_ONCE: usize = 8;

/// Manages REST APIs and everything that belongs to them.
#[derive(Debug, Clone)]
pub struct ApiGateway {
    client: Client,
    /// Without the SDK's retries, for calls that create.
    once: Client,
    scope: Scope,
    emulated: bool,
    /// A lock for each API, by its id. Writes share it; a write that is repeated after a conflict holds it exclusively.
    locks: Arc<Mutex<HashMap<String, Arc<RwLock<()>>>>>,
}

impl ApiGateway {
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: client!(aws_sdk_apigateway, &clients.sdk),
            once: once!(aws_sdk_apigateway, &clients.once),
            scope: clients.scope.clone(),
            emulated: clients.is_emulator(),
            locks: Arc::default(),
        }
    }

    /// Makes a call that writes to the API with this id, concurrently with other writes. If AWS reports a conflict,
    /// it is repeated while our other writes wait. After a conflict nothing was carried out, so even a call that
    /// creates may be repeated.
    async fn write<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        api: &str,
        task: &Task,
        waits: &[&Wait],
        mut call: impl FnMut() -> F,
    ) -> Result<T, Failure> {
        let lock = self.lock(api);
        let first = {
            let _beside_others = lock.read().await;
            settled(task, waits, &mut call).await
        };
        match first {
            Err(failure) if API_BUSY.heals(&failure) => {
                task.note(API_BUSY.why);
                let _alone = lock.write().await;
                settled(task, &[waits, &[&API_BUSY]].concat(), call).await
            }
            done => done,
        }
    }

    fn lock(&self, api: &str) -> Arc<RwLock<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(api.to_owned()).or_default())
    }

    /// An ARN of API Gateway, which contains no account.
    fn arn(&self, path: &str) -> String {
        format!("arn:{}:apigateway:{}::{path}", self.scope.partition, self.scope.region)
    }

    /// All paths of an API, and with `embed` their methods; `None` if there is no such API.
    async fn resources(&self, api: &str, embed: bool) -> Result<Option<BTreeMap<String, types::Resource>>, Failure> {
        let call = self.client.get_resources().rest_api_id(api).limit(PAGE);
        let call = if embed { call.embed("methods") } else { call };
        let mut pages = call.into_paginator().send();
        let mut all = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let Some(page) = page.or_fail(&format!("list the paths of the API {api}")).or_absent()? else {
                return Ok(None);
            };
            let items = page.items.unwrap_or_default().into_iter();
            all.extend(items.filter_map(|resource| Some((resource.path.clone()?, resource))));
        }
        Ok(Some(all))
    }
}

/// Settings that were compared, and the patches that correct those that differ.
#[derive(Debug, Default)]
struct Mends {
    compared: Comparison,
    patches: Vec<PatchOperation>,
}

impl Mends {
    /// Adds a setting that does not affect protection.
    fn plain(
        self,
        field: impl Into<String>,
        want: impl Display,
        live: impl Display,
        patches: impl IntoIterator<Item = PatchOperation>,
    ) -> Self {
        let (want, live) = (want.to_string(), live.to_string());
        let effect = Effect::differs_unless(want == live);
        self.judged(field, want, live, effect, patches)
    }

    /// Adds a setting for which every other value protects less than the wanted one.
    fn guard(
        self,
        field: impl Into<String>,
        want: impl Display,
        live: impl Display,
        patches: impl IntoIterator<Item = PatchOperation>,
    ) -> Self {
        let (want, live) = (want.to_string(), live.to_string());
        let effect = Effect::weakens_unless(want == live);
        self.judged(field, want, live, effect, patches)
    }

    /// Adds a setting whose values were compared by the caller.
    fn judged(
        mut self,
        field: impl Into<String>,
        want: impl Display,
        live: impl Display,
        effect: Effect,
        patches: impl IntoIterator<Item = PatchOperation>,
    ) -> Self {
        self.compared = self.compared.judged(field, want, live, effect);
        if effect != Effect::Same {
            self.patches.extend(patches);
        }
        self
    }
}

/// A list as a comparison shows it.
fn listed<T: Display>(all: impl IntoIterator<Item = T>) -> String {
    let all: Vec<String> = all.into_iter().map(|one| one.to_string()).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

/// One segment of a patch's path (docs/aws.md, Stages).
fn segment(text: &str) -> String {
    text.replace('~', "~0").replace('/', "~1")
}

/// Values of patches are always strings (docs/aws.md, Stages).
fn replace(path: impl Into<String>, value: impl Display) -> PatchOperation {
    PatchOperation::builder().op(Op::Replace).path(path).value(format!("{value}")).build()
}

fn remove(path: impl Into<String>) -> PatchOperation {
    PatchOperation::builder().op(Op::Remove).path(path).build()
}

/// A method's name, as in a stack file: `POST /lambda1`.
fn route(http_method: &str, path: &str) -> String {
    format!("{http_method} {path}")
}

/// A missing text and an empty one mean the same.
fn given(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::aws::testing::replay;
    use crate::engine::{Cause, ServiceError};

    fn busy() -> Failure {
        let message = "Unable to complete operation due to concurrent modification. Please try again later.";
        Failure::refused("could not").answered(ServiceError::new("ConflictException", message))
    }

    #[tokio::test]
    async fn a_write_with_a_conflict_is_repeated_alone() {
        let gateway = ApiGateway::new(&replay(vec![]).0);
        let (tries, task) = (AtomicUsize::new(0), Task::detached("test.write"));
        let lock = gateway.lock("abc");
        let done = gateway.write("abc", &task, &[], || async {
            if tries.fetch_add(1, Ordering::SeqCst) == 0 {
                assert!(lock.try_read().is_ok(), "the first try lets others through");
                return Err(busy());
            }
            assert!(lock.try_read().is_err(), "the second one does not");
            Ok("done")
        });
        assert_eq!(done.await, Ok("done"));
        assert_eq!(tries.into_inner(), 2);
        assert!(lock.try_write().is_ok(), "and nothing is held afterwards");
    }

    #[tokio::test]
    async fn other_conflicts_are_not_repeated() {
        let gateway = ApiGateway::new(&replay(vec![]).0);
        let (tries, task) = (AtomicUsize::new(0), Task::detached("test.write"));
        let answer = ServiceError::new("ConflictException", "Stage already exists");
        let exists = Failure::new(Cause::Exists, "could not").answered(answer);
        let done = gateway.write("abc", &task, &[], || async {
            tries.fetch_add(1, Ordering::SeqCst);
            Err::<(), _>(exists.clone())
        });
        assert_eq!(done.await, Err(exists.clone()));
        assert_eq!(tries.into_inner(), 1);
    }
}
