//! The calls that set the configuration and the code of functions, and the settings in their requests.

use std::collections::HashMap;

use aws_sdk_lambda::types::{
    Architecture, DeadLetterConfig, Environment, EphemeralStorage, ImageConfig, LogFormat, LoggingConfig, Runtime,
    SnapStart, SnapStartApplyOn, TracingConfig,
};

use super::live::state_of;
use super::refusals::{FUNCTION_BUSY, FUNCTION_VISIBLE, IMAGE_DENIED, ROLE};
use super::settings::{DEAD_LETTERS, EPHEMERAL, EPHEMERAL_MB, FILE_SYSTEMS, IMAGE_CONFIG, KEY, SNAP_START, VPC};
use super::{Function, Lambda, State};
use crate::aws::error::OrFail;
use crate::aws::settle::{settled, until};
use crate::engine::{Drift, Failure, Task};

/// While a function is pending: the first and the longest pause between two reads, in milliseconds, and the total time
/// in seconds.
pub(super) const PACE: (u64, u64) = (500, 2000);
pub(super) const BUDGET: u64 = 300;

impl Function {
    pub(super) fn variables(&self) -> Environment {
        let variables: HashMap<String, String> = self.environment.clone().into_iter().collect();
        // An empty map, because AWS keeps the existing variables if the map is missing (docs/aws.md, Functions).
        Environment::builder().set_variables(Some(variables)).build()
    }

    /// `None` for an image, which contains its handler.
    pub(super) fn handler(&self) -> Option<String> {
        (!self.code.is_image()).then(|| self.handler.clone())
    }

    /// `None` for an image, which contains its runtime.
    pub(super) fn runtime(&self) -> Option<Runtime> {
        (!self.code.is_image()).then(|| Runtime::from(self.runtime.as_str()))
    }

    pub(super) fn storage(&self) -> Option<EphemeralStorage> {
        EphemeralStorage::builder().size(self.ephemeral_mb).build().ok()
    }

    /// An empty ARN removes the target.
    pub(super) fn dead_letter_config(&self) -> DeadLetterConfig {
        DeadLetterConfig::builder().target_arn(self.dead_letters.as_deref().unwrap_or_default()).build()
    }

    /// The functions write JSON lines themselves; Lambda's own JSON format would wrap them once more.
    pub(super) fn logging(&self) -> LoggingConfig {
        LoggingConfig::builder().log_format(LogFormat::Text).log_group(&self.log_group).build()
    }
}

/// Adds the hint that lets Lambda read an image. It is Lambda that lacks a permission, not the caller.
pub(super) fn image_denied(failure: Failure) -> Failure {
    if !IMAGE_DENIED.is(&failure) {
        return failure;
    }
    failure.hint(
        "let lambda.amazonaws.com use ecr:BatchGetImage and ecr:GetDownloadUrlForLayer in the policy of the image's \
         repository",
    )
}

impl Lambda {
    /// Waits until a function can be called and changed. `said` is its state in the last answer.
    pub(super) async fn ready(&self, name: &str, said: State, task: &Task) -> Result<(), Failure> {
        let mut said = Some(said);
        let ready = until(task, "the function is not active yet", PACE, BUDGET, || {
            let said = said.take();
            async move {
                let state = match said {
                    Some(state) => state,
                    None => self.state(name, task).await?,
                };
                match state {
                    State::Ready => Ok(Some(())),
                    State::Settling | State::Going => Ok(None),
                    State::Failed(reason) => Err(Failure::refused(format!("the function {name} failed: {reason}"))),
                }
            }
        });
        ready.await
    }

    pub(super) async fn state(&self, name: &str, task: &Task) -> Result<State, Failure> {
        let doing = format!("wait for the function {name}");
        let read = settled(task, &[&FUNCTION_VISIBLE], || async {
            self.client.get_function().function_name(name).send().await.or_fail(&doing)
        });
        Ok(read.await?.configuration.map_or(State::Settling, |config| state_of!(config)))
    }

    /// Sends all settings that a stack file can have. Other settings are sent only if they differ, because some of them
    /// do not exist for every runtime or in every region.
    pub(super) async fn configure(&self, want: &Function, drift: &[Drift], task: &Task) -> Result<(), Failure> {
        let differs = |field: &str| drift.iter().any(|setting| setting.field == field);
        let doing = format!("configure the function {}", want.name);
        let updated = settled(task, &[&ROLE, &FUNCTION_BUSY], || async {
            let call = self.client.update_function_configuration().function_name(&want.name);
            let call = call.description(&want.description).set_handler(want.handler()).role(&want.role_arn);
            let call = call.set_runtime(want.runtime());
            let call = call.memory_size(want.memory_mb).timeout(want.timeout_s);
            let call = call.environment(want.variables()).logging_config(want.logging());
            let call = call.set_layers((!want.code.is_image()).then(|| want.layers.clone()));
            let tracing = TracingConfig::builder().mode(want.tracing_mode()).build();
            let call = if want.tracing || differs("TracingConfig.Mode") { call.tracing_config(tracing) } else { call };
            let sends_storage = want.ephemeral_mb != EPHEMERAL_MB || differs(EPHEMERAL);
            let snap_start = SnapStart::builder().apply_on(SnapStartApplyOn::None).build();
            let sends_dead_letters = want.dead_letters.is_some() || differs(DEAD_LETTERS);
            let call = call
                .set_file_system_configs(differs(FILE_SYSTEMS).then(Vec::new))
                .set_image_config(differs(IMAGE_CONFIG).then(|| ImageConfig::builder().build()))
                .set_ephemeral_storage(want.storage().filter(|_| sends_storage))
                .set_snap_start(differs(SNAP_START).then_some(snap_start))
                .set_vpc_config((!want.vpc.is_none() || differs(VPC)).then(|| want.vpc.config()))
                // An empty ARN removes the key.
                .set_kms_key_arn(want.kms_key.key().cloned().or_else(|| differs(KEY).then(String::new)))
                .set_dead_letter_config(sends_dead_letters.then(|| want.dead_letter_config()));
            call.send().await.or_fail(&doing)
        });
        let said = state_of!(updated.await?);
        self.ready(&want.name, said, task).await
    }

    pub(super) async fn upload(&self, want: &Function, task: &Task) -> Result<(), Failure> {
        let doing = format!("upload the code of the function {}", want.name);
        let updated = settled(task, &[&ROLE, &FUNCTION_BUSY], || async {
            let call = self.client.update_function_code().function_name(&want.name);
            let call = call.architectures(Architecture::from(want.architecture.as_str()));
            let call = call.set_zip_file(want.code.archive()).set_image_uri(want.code.image().cloned());
            call.send().await.or_fail(&doing)
        });
        let said = state_of!(updated.await.map_err(image_denied)?);
        self.ready(&want.name, said, task).await
    }
}
