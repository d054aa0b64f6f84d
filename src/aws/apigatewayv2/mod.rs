//! API Gateway v2: one HTTP API with all that hangs under it.
//!
//! Odd about v2: names of APIs are not unique, so one is told by its tag. Its stage deploys every change by itself, so
//! a route is open or closed from the call that makes it: authorizers come first and the permission to invoke comes
//! last. Two writes to one API may meet, and then one is refused with a conflict (docs/aws.md, Concurrent writes): ours
//! go one after the other. Updates merge: what is left out stays as it was. A web ACL cannot be attached.

mod api;
mod authorizer;
mod inventory;
mod routes;
mod stage;
mod urls;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_apigatewayv2::Client;

use super::retries::{client, once};
use super::settle::{API_BUSY, Wait, settled};
use super::{Clients, pairs};
use crate::engine::{Failure, Task};
use crate::scope::Scope;

pub use api::{HttpApi, HttpApiKey, HttpApiOutputs, LiveHttpApi};
pub use authorizer::{JwtAuthorizer, JwtAuthorizerKey, JwtAuthorizerOutputs, LiveJwtAuthorizer};
pub use routes::{
    HttpAuthorization, HttpRoute, HttpRoutes, HttpRoutesKey, HttpRoutesOutputs, LiveHttpRoute, LiveHttpRoutes,
};
pub use stage::{HttpStage, HttpStageKey, HttpStageOutputs, LiveHttpStage};
pub use urls::http_stage_url;

/// As many as a list call returns at most.
const PAGE: &str = "500";

/// Looks after HTTP APIs and all that hangs under them.
#[derive(Debug, Clone)]
pub struct ApiGatewayV2 {
    client: Client,
    /// Without the SDK's retries, for calls that create.
    once: Client,
    scope: Scope,
    /// For each API: held by the write in flight.
    locks: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>,
}

impl ApiGatewayV2 {
    /// On these clients.
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: client!(aws_sdk_apigatewayv2, &clients.sdk),
            once: once!(aws_sdk_apigatewayv2, &clients.once),
            scope: clients.scope.clone(),
            locks: Arc::default(),
        }
    }

    /// Does one call that writes to the API with this id, after all others of ours that do.
    async fn write<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        api: &str,
        task: &Task,
        waits: &[&Wait],
        call: impl FnMut() -> F,
    ) -> Result<T, Failure> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(api.to_owned()).or_default())
        };
        let _alone = lock.lock().await;
        settled(task, &[waits, &[&API_BUSY]].concat(), call).await
    }

    fn owns(&self, tags: Option<&HashMap<String, String>>) -> bool {
        self.scope.owns(pairs(tags))
    }
}
