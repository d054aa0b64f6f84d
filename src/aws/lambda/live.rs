//! A function's settings, as read from AWS, and its state.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{
    ApplicationLogLevel, Architecture, EphemeralStorage, FunctionCodeLocation, FunctionConfiguration, LastUpdateStatus,
    LogFormat, PackageType, Runtime, SnapStartApplyOn, State as AwsState, SystemLogLevel, TracingMode,
};

use super::Vpc;
use super::access::Access;
use super::code::image_of;
use super::settings::EPHEMERAL_MB;
use crate::secret::SecretValue;

#[derive(Debug, Clone)]
pub struct FunctionLive {
    /// Empty if it has none.
    pub description: String,
    /// As in `nodejs24.x`.
    pub runtime: String,
    /// The date on which it was read, as in `2026-11-29`.
    pub read_on: String,
    /// As in `index.handler`.
    pub handler: String,
    /// `arm64` or `x86_64`.
    pub architecture: String,
    pub memory_mb: i32,
    pub timeout_s: i32,
    /// The ARN of the role it runs as.
    pub role_arn: String,
    /// The name of the group it logs to.
    pub log_group: String,
    /// `Text` for the function's own lines, or `JSON` for lines that Lambda wraps.
    pub log_format: String,
    /// With `JSON`, the lowest logged level of the function's own lines and of Lambda's lines. Empty if not set.
    pub log_levels: [String; 2],
    /// Its environment variables. The values are hidden, because somebody may have put a credential there.
    pub environment: BTreeMap<String, SecretValue>,
    /// `Zip` or `Image`.
    pub package: String,
    /// The URI of its container image, with the digest. Empty if the code is an archive.
    pub image: String,
    /// The SHA-256 of its code in base64.
    pub code_sha256: String,
    /// The ARNs of its layers, which contain code that this program did not upload.
    pub layers: Vec<String>,
    /// The ARNs of mounted file systems, with their mount paths.
    pub file_systems: Vec<String>,
    /// The entry point, command and working directory that override those of the image.
    pub image_config: Option<String>,
    /// The size of `/tmp` in MB.
    pub ephemeral_mb: i32,
    /// `None` or `PublishedVersions`.
    pub snap_start: String,
    /// `PassThrough` or `Active`.
    pub tracing: String,
    /// The ARN of the queue or topic that receives failed asynchronous requests. Empty if there is none.
    pub dead_letters: String,
    pub vpc: Vpc,
    /// The ARN of the customer managed key that encrypts its variables. Empty if there is none.
    pub kms_key: String,
    /// The ARN of the profile version that signed its code. Empty if the code is not signed.
    pub signing_profile: String,
    /// How many executions are reserved for it. This is also the maximum of its executions at the same time.
    pub reserved_concurrency: Option<i32>,
    /// The parts that let somebody call it, or receive its events and results.
    pub access: Access,
    /// Whether it can be called and changed.
    pub state: State,
}

/// Whether a function can be called and changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Ready,
    /// AWS is still creating or changing it.
    Settling,
    /// AWS is deleting it.
    Going,
    /// The last change failed, for this reason.
    Failed(String),
}

impl State {
    pub(super) fn new(
        (state, reason): (Option<&AwsState>, Option<&str>),
        (update, update_reason): (Option<&LastUpdateStatus>, Option<&str>),
    ) -> Self {
        let failed = |reason: Option<&str>| Self::Failed(reason.unwrap_or("no reason given").to_owned());
        match (state, update) {
            (Some(AwsState::Deleting), _) => Self::Going,
            (Some(AwsState::Failed), _) => failed(reason),
            (_, Some(LastUpdateStatus::Failed)) => failed(update_reason),
            (Some(AwsState::Pending), _) | (_, Some(LastUpdateStatus::InProgress)) => Self::Settling,
            // Also `Inactive`: the function was idle for weeks, and its next call activates it.
            _ => Self::Ready,
        }
    }
}

/// Reads the state from an answer. Four answer types have these four fields, but no common trait.
macro_rules! state_of {
    ($answer:expr) => {{
        let answer = &$answer;
        State::new(
            (answer.state(), answer.state_reason()),
            (answer.last_update_status(), answer.last_update_status_reason()),
        )
    }};
}
pub(super) use state_of;

impl FunctionLive {
    pub(super) fn new(
        (config, code): (&FunctionConfiguration, Option<&FunctionCodeLocation>),
        reserved_concurrency: Option<i32>,
        access: Access,
        read_on: &str,
    ) -> Self {
        let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let variables = config.environment().and_then(|environment| environment.variables());
        let logging = config.logging_config();
        let usual_group = || format!("/aws/lambda/{}", config.function_name().unwrap_or_default());
        Self {
            description: owned(config.description()),
            runtime: owned(config.runtime().map(Runtime::as_str)),
            read_on: read_on.to_owned(),
            handler: owned(config.handler()),
            architecture: config.architectures().first().unwrap_or(&Architecture::X8664).as_str().to_owned(),
            memory_mb: config.memory_size().unwrap_or_default(),
            timeout_s: config.timeout().unwrap_or_default(),
            role_arn: owned(config.role()),
            log_group: logging.and_then(|to| to.log_group()).map_or_else(usual_group, str::to_owned),
            log_format: logging.and_then(|to| to.log_format()).unwrap_or(&LogFormat::Text).as_str().to_owned(),
            log_levels: [
                owned(logging.and_then(|to| to.application_log_level()).map(ApplicationLogLevel::as_str)),
                owned(logging.and_then(|to| to.system_log_level()).map(SystemLogLevel::as_str)),
            ],
            environment: variables
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), SecretValue::from(value.as_str())))
                .collect(),
            package: config.package_type().unwrap_or(&PackageType::Zip).as_str().to_owned(),
            image: image_of(code),
            code_sha256: owned(config.code_sha256()),
            layers: config.layers().iter().map(|layer| owned(layer.arn())).collect(),
            file_systems: config
                .file_system_configs()
                .iter()
                .map(|mounted| format!("{} at {}", mounted.arn(), mounted.local_mount_path()))
                .collect(),
            image_config: image_config(config),
            ephemeral_mb: config.ephemeral_storage().map_or(EPHEMERAL_MB, EphemeralStorage::size),
            snap_start: config
                .snap_start()
                .and_then(|snap| snap.apply_on())
                .unwrap_or(&SnapStartApplyOn::None)
                .as_str()
                .to_owned(),
            tracing: config
                .tracing_config()
                .and_then(|tracing| tracing.mode())
                .unwrap_or(&TracingMode::PassThrough)
                .as_str()
                .to_owned(),
            dead_letters: owned(config.dead_letter_config().and_then(|to| to.target_arn())),
            vpc: Vpc::read(config),
            kms_key: owned(config.kms_key_arn()),
            signing_profile: owned(config.signing_profile_version_arn()),
            reserved_concurrency,
            access,
            state: state_of!(config),
        }
    }
}

fn image_config(config: &FunctionConfiguration) -> Option<String> {
    let image = config.image_config_response()?.image_config()?;
    let parts = image.entry_point().iter().chain(image.command()).map(String::as_str);
    let parts: Vec<&str> = parts.chain(image.working_directory()).filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}
