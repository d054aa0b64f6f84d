//! Lambda: functions, and the permissions to invoke them.
//!
//! Lambda refuses a write to a function while an earlier write is in progress, so a run waits for each write. All
//! writes of an account share a rate of 15 calls a second. So a run waits by reading with GetFunction, which has its
//! own rate of 100 calls a second. Permissions that are added to one function at the same time get lost (docs/aws.md,
//! Invoke permissions).
//!
//! The parts of a function that are not in the stack file ([`Access`]) are differences of the function, and its update
//! removes them. The statements of its resource policy that the stack file implies are resources of their own
//! ([`Permission`]).

mod access;
mod alias;
mod code;
mod configure;
mod event_source_mapping;
mod function;
mod inventory;
mod invoke;
mod live;
mod mapping_settings;
mod permission;
mod provisioned_concurrency;
pub mod refusals;
mod repair;
#[cfg(test)]
mod sample;
mod settings;
mod tagging;
mod update;
mod vpc;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use tokio::sync::Mutex as AsyncMutex;

pub use access::Access;
pub use alias::{Alias, AliasKey, AliasLive, AliasOutputs};
pub use code::Code;
pub use event_source_mapping::{EventSourceMapping, MappingKey, MappingOutputs, Reading, StreamReading};
pub use function::{Function, FunctionKey, FunctionOutputs};
pub use invoke::Invoked;
pub use live::{FunctionLive, State};
pub use mapping_settings::MappingLive;
pub use permission::{Permission, PermissionOutputs};
pub use provisioned_concurrency::{
    ProvisionedConcurrency, ProvisionedLive, ProvisionedOutputs, provisioned_concurrency,
};
pub use settings::reserved_concurrency;
pub use vpc::Vpc;

use super::Clients;
use super::error::{OrAbsent, OrFail};
use super::retries::{client, once};
use super::service::AwsService;
use super::tags::pairs;
use crate::engine::Failure;
use crate::regions::Service;
use crate::scope::Scope;

pub const SERVICE: Service = Service::new("lambda", "Lambda");

pub(super) const ABOUT: AwsService = AwsService {
    names: &[SERVICE.name],
    refusals: refusals::REFUSALS,
    waits: refusals::WAITS,
    #[cfg(test)]
    tests: refusals::tests::WAITS,
};

/// The date in UTC, as in `2026-11-29`.
fn date(now: SystemTime) -> String {
    let now = DateTime::from(now).fmt(Format::DateTime).unwrap_or_default();
    now.chars().take_while(|c| *c != 'T').collect()
}

const FUNCTIONS: &[&str] = &["{arn:lambda}:function:{stack}-*"];

type Read = aws_sdk_lambda::operation::get_function::GetFunctionOutput;

/// Manages functions and permissions.
#[derive(Debug, Clone)]
pub struct Lambda {
    client: aws_sdk_lambda::Client,
    /// Without the SDK's retries, for calls that create.
    once: aws_sdk_lambda::Client,
    scope: Scope,
    /// Whether calls go to an emulator.
    emulated: bool,
    /// The date, as in `2026-11-29`.
    today: String,
    /// A lock for each function, held while its permissions are changed.
    locks: Arc<Mutex<HashMap<String, Arc<AsyncMutex<()>>>>>,
}

impl Lambda {
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: client!(aws_sdk_lambda, &clients.sdk),
            once: once!(aws_sdk_lambda, &clients.once),
            scope: clients.scope.clone(),
            emulated: clients.is_emulator(),
            today: date(clients.now()),
            locks: Arc::default(),
        }
    }

    fn lock_of(&self, function: &str) -> Arc<AsyncMutex<()>> {
        // No code panics while it holds the lock, so a poisoned map is intact.
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(function.to_owned()).or_default())
    }

    /// Reads a function's settings and tags in one call.
    async fn read(&self, name: &str) -> Result<Option<Read>, Failure> {
        let answer = self.client.get_function().function_name(name).send().await;
        answer.or_fail(&format!("read the function {name}")).or_absent()
    }

    /// The tags of a function, by a call that returns only them; `None` if the function does not exist.
    async fn tags(&self, arn: &str) -> Result<Option<HashMap<String, String>>, Failure> {
        let answer = self.client.list_tags().resource(arn).send().await;
        let answer = answer.or_fail(&format!("read the tags of {arn}")).or_absent()?;
        Ok(answer.map(|answer| answer.tags.unwrap_or_default()))
    }

    /// Whether a function that cannot be read is this stack's or does not exist.
    async fn vouched(&self, arn: &str) -> Result<bool, Failure> {
        Ok(self.tags(arn).await?.is_none_or(|tags| self.scope.owns(pairs(Some(&tags)))))
    }

    /// Whether the function is this stack's.
    fn owns(&self, read: &Read) -> Result<bool, Failure> {
        // Without the permission to read tags, AWS returns an error in their place. The function may still be this
        // stack's, so we fail.
        if let Some(error) = read.tags_error() {
            let words = format!("could not read the tags of a function: {}", error.message());
            return Err(Failure::refused(words).hint("these credentials need the permission lambda:ListTags"));
        }
        Ok(self.scope.owns(pairs(read.tags())))
    }
}
