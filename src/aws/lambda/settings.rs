//! Compares a function and its parts with the stack file.
//!
//! A setting with a key in the stack file must match the file. A function without `vpc` must run in no VPC. Settings
//! that only harden and have no key in the file (a KMS key of this account, a signature of the code) are kept. A
//! difference weakens if it lets somebody else call the function, receive its events or results, or run other code in
//! it, or if it hides the function's log. A missing trace or dead-letter queue does not weaken, because it gives nobody
//! access.

use aws_sdk_lambda::types::{LogFormat, RecursiveLoop, SnapStartApplyOn, TracingMode, UpdateRuntimeOn};

use super::access::{InvokeConfig, Mapping, Reading, Statement};
use super::{Code, Function, FunctionLive, State};
use crate::aws::keys;
use crate::choices::LIVE;
use crate::engine::{Comparison, Effect};
use crate::policy::covers;

const LOG_FORMAT: &str = "LoggingConfig.LogFormat";

/// The one field that AWS cannot change later.
pub(super) const PACKAGE: &str = "PackageType";

/// The image that a function runs, by its digest.
pub(super) const IMAGE: &str = "Code.ImageUri";

/// The fields of a function's parts, which separate calls read and remove.
pub(super) const STATEMENTS: &str = "Policy.Statement";
pub(super) const URLS: &str = "FunctionUrlConfigs";
pub(super) const INVOKE_CONFIGS: &str = "FunctionEventInvokeConfigs";
pub(super) const MAPPINGS: &str = "EventSourceMappings";
pub(super) const ALIASES: &str = "Aliases";
pub(super) const VERSIONS: &str = "Versions";

/// The fields of settings that separate calls change.
pub(super) const CONCURRENCY: &str = "Concurrency.ReservedConcurrentExecutions";
pub(super) const RUNTIME_UPDATES: &str = "UpdateRuntimeOn";
pub(super) const RECURSION: &str = "RecursiveLoop";

/// Settings of UpdateFunctionConfiguration that are sent only to reset them.
pub(super) const FILE_SYSTEMS: &str = "FileSystemConfigs";
pub(super) const IMAGE_CONFIG: &str = "ImageConfigResponse.ImageConfig";
pub(super) const DEAD_LETTERS: &str = "DeadLetterConfig.TargetArn";
pub(super) const EPHEMERAL: &str = "EphemeralStorage.Size";
pub(super) const SNAP_START: &str = "SnapStart.ApplyOn";

pub(super) const VPC: &str = "VpcConfig";
pub(super) const KEY: &str = "KMSKeyArn";

const LOG_LEVELS: [&str; 2] = ["LoggingConfig.ApplicationLogLevel", "LoggingConfig.SystemLogLevel"];

/// The levels that log informational lines, warnings and errors. Higher levels omit some of them.
const LOG_ALL: [&str; 4] = ["", "TRACE", "DEBUG", "INFO"];

/// AWS's default size of `/tmp`, in MB.
pub(super) const EPHEMERAL_MB: i32 = 512;

const NONE: &str = "none";

/// The wanted value of a setting that the stack file cannot have.
const ANY: &str = "any";

/// The account in an ARN.
fn account(arn: &str) -> Option<&str> {
    arn.split(':').nth(4)
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { NONE } else { text }
}

fn list<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    let words: Vec<&str> = words.into_iter().map(String::as_str).collect();
    or_none(&words.join(", ")).to_owned()
}

/// Compares a setting. If the region or the emulator does not have it, there is no difference.
fn reading(
    comparison: Comparison,
    field: &str,
    want: &str,
    live: &Reading,
    otherwise: fn(&str) -> Effect,
) -> Comparison {
    match live {
        Ok(live) if live == want => comparison.judged(field, want, live, Effect::Same),
        Ok(live) => comparison.judged(field, want, live, otherwise(live)),
        Err(why) => comparison.judged(field, want, why, Effect::Same),
    }
}

/// The levels of the JSON format. The text format, which is wanted, has none.
fn log_levels_compared(comparison: Comparison, live: &FunctionLive) -> Comparison {
    LOG_LEVELS.iter().zip(&live.log_levels).fold(comparison, |comparison, (field, level)| match level.as_str() {
        "" => comparison,
        // The difference of the log format already reports the JSON format.
        all if LOG_ALL.contains(&all) => comparison.judged(*field, all, all, Effect::Same),
        less => comparison.guard(*field, NONE, less),
    })
}

/// The reserved concurrency in a comparison, as read from AWS.
pub fn reserved_concurrency(comparison: &Comparison) -> Option<i64> {
    let setting = comparison.settings().iter().find(|setting| setting.field == CONCURRENCY);
    setting.and_then(|setting| setting.live.parse().ok())
}

impl Function {
    /// The alias by which it is called, if it has one.
    fn alias(&self) -> Option<&'static str> {
        self.provisioned_concurrency.map(|_| LIVE)
    }

    /// Whether the stack file implies the alias `live`, or the state has it.
    fn may_have_alias(&self, live: &FunctionLive) -> bool {
        self.alias().is_some() || live.access.recorded_alias
    }

    /// The aliases that neither the stack file implies nor the state has.
    pub(super) fn foreign_aliases<'a>(&'a self, live: &'a FunctionLive) -> impl Iterator<Item = &'a String> {
        live.access.aliases.iter().filter(|name| *name != LIVE || !self.may_have_alias(live))
    }

    /// The versions that neither the stack file implies nor the state has: all to which the alias `live` of the stack
    /// sends no calls.
    pub(super) fn foreign_versions<'a>(&'a self, live: &'a FunctionLive) -> impl Iterator<Item = &'a String> {
        let served = |version: &String| self.may_have_alias(live) && live.access.live_versions.contains(version);
        live.access.versions.iter().filter(move |version| !served(version))
    }

    /// The statements of the resource policy that neither the stack file implies nor the state has.
    pub(super) fn foreign_statements<'a>(&'a self, live: &'a FunctionLive) -> impl Iterator<Item = &'a Statement> {
        live.access.statements.iter().filter(|statement| {
            let of = statement.qualifier.clone();
            let wanted = |sid: &String| of.as_deref() == self.alias() && self.statements.contains(sid);
            let known = |sid: &String| wanted(sid) || live.access.recorded.contains(&(sid.clone(), of.clone()));
            !statement.sid.as_ref().is_some_and(known)
        })
    }

    /// The event source mappings that neither the stack file implies nor the state has.
    pub(super) fn foreign_mappings<'a>(&'a self, live: &'a FunctionLive) -> impl Iterator<Item = &'a Mapping> {
        live.access.mappings.iter().filter(|mapping| {
            let known = |source: &String| {
                self.sources.iter().any(|wanted| covers(wanted, source))
                    || live.access.recorded_sources.contains(source)
            };
            // A mapping that calls the function instead of the alias, or the reverse, is foreign only if another
            // mapping of its source has the right target. Otherwise its target is changed.
            let twin = |other: &Mapping| {
                other.source == mapping.source
                    && other.qualifier.as_deref() == self.alias()
                    && other.uuid != mapping.uuid
            };
            let misplaced = mapping.qualifier.as_deref() != self.alias() && live.access.mappings.iter().any(twin);
            misplaced
                || mapping.qualifier.as_ref().is_some_and(|qualifier| qualifier != LIVE)
                || !mapping.source.as_ref().is_some_and(known)
        })
    }

    pub(super) fn compared(&self, live: &FunctionLive) -> Comparison {
        let state = match &live.state {
            State::Ready => "Active".to_owned(),
            State::Settling | State::Going => "Pending".to_owned(),
            State::Failed(reason) => format!("Failed: {reason}"),
        };
        let comparison = Comparison::default()
            .guard(PACKAGE, self.code.package().as_str(), &live.package)
            .plain("State", "Active", state);
        let comparison = self.version_compared(comparison, live);
        let comparison = self.concurrency_compared(comparison, live);
        let comparison = reading(
            comparison,
            RUNTIME_UPDATES,
            UpdateRuntimeOn::Auto.as_str(),
            &live.access.runtime_updates,
            // Pinned to one version, the runtime gets no security patches.
            |live| if live == UpdateRuntimeOn::Manual.as_str() { Effect::Weakens } else { Effect::Differs },
        );
        let terminate = RecursiveLoop::Terminate;
        let comparison =
            reading(comparison, RECURSION, terminate.as_str(), &live.access.recursion, |_| Effect::Weakens);
        self.access_compared(comparison, live)
    }

    /// Compares the code and the settings that are published with a version and can no longer be changed there.
    pub(super) fn version_compared(&self, comparison: Comparison, live: &FunctionLive) -> Comparison {
        let comparison = match &self.code {
            Code::Zip { sha256, .. } => comparison.guard("CodeSha256", sha256, &live.code_sha256),
            Code::Image(uri) => comparison.guard(IMAGE, uri, or_none(&live.image)),
        };
        let comparison = comparison.guard("Role", &self.role_arn, &live.role_arn).guard(
            "LoggingConfig.LogGroup",
            &self.log_group,
            &live.log_group,
        );
        let comparison = self
            .environment_compared(comparison, live)
            .judged("Layers", list(&self.layers), list(&live.layers), self.layers_effect(live))
            .nothing_else(FILE_SYSTEMS, &live.file_systems)
            .nothing_else(IMAGE_CONFIG, &live.image_config);
        let comparison = self
            .runtime_compared(comparison, live)
            .plain("Architectures", &self.architecture, &live.architecture)
            .plain(LOG_FORMAT, LogFormat::Text.as_str(), &live.log_format)
            .plain("Description", format!("{:?}", self.description), format!("{:?}", live.description))
            .plain("MemorySize", self.memory_mb, live.memory_mb)
            .plain("Timeout", self.timeout_s, live.timeout_s)
            .plain(EPHEMERAL, self.ephemeral_mb, live.ephemeral_mb)
            .plain(SNAP_START, SnapStartApplyOn::None.as_str(), &live.snap_start)
            .judged("SigningProfileVersionArn", ANY, or_none(&live.signing_profile), Effect::Same);
        let key = Some(&live.kms_key).filter(|key| !key.is_empty());
        let own = account(&self.role_arn).unwrap_or_default();
        let comparison = keys::compared(comparison, KEY, &self.kms_key, key, own);
        let wanted = self.dead_letters.as_deref().unwrap_or_default();
        let lost = match live.dead_letters.as_str() {
            live if live == wanted => Effect::Same,
            // Failed events are lost, but nobody else receives them.
            "" => Effect::Differs,
            live => self.receiver(live),
        };
        let comparison = comparison.judged(DEAD_LETTERS, or_none(wanted), or_none(&live.dead_letters), lost);
        // In a network that the stack file does not name, somebody else decides where the function's requests go.
        log_levels_compared(comparison, live).guard(VPC, &self.vpc, &live.vpc).plain(
            "TracingConfig.Mode",
            self.tracing_mode().as_str(),
            &live.tracing,
        )
    }

    fn access_compared(&self, comparison: Comparison, live: &FunctionLive) -> Comparison {
        let foreign: Vec<&Statement> = self.foreign_statements(live).collect();
        let words = list(foreign.iter().map(|statement| &statement.words));
        let effect = match foreign.as_slice() {
            [] => Effect::Same,
            all if all.iter().all(|statement| statement.denies) => Effect::Differs,
            _ => Effect::Weakens,
        };
        let access = &live.access;
        let configs = list(access.invoke_configs.iter().map(|config| &config.words));
        comparison
            .judged(STATEMENTS, NONE, words, effect)
            .nothing_else(URLS, access.urls.iter().map(|url| &url.words))
            .judged(INVOKE_CONFIGS, NONE, configs, self.destinations(&access.invoke_configs))
            .nothing_else(MAPPINGS, self.foreign_mappings(live).map(|mapping| &mapping.words))
            .nothing_else(ALIASES, self.foreign_aliases(live))
            .nothing_else(VERSIONS, self.foreign_versions(live))
    }

    fn environment_compared(&self, mut comparison: Comparison, live: &FunctionLive) -> Comparison {
        for (name, value) in &self.environment {
            let (field, want) = (format!("Environment.{name}"), format!("{value:?}"));
            comparison = match live.environment.get(name) {
                Some(live) if live.reveal() == value => comparison.judged(field, &want, &want, Effect::Same),
                Some(_) => comparison.judged(field, want, "another value", Effect::Weakens),
                None => comparison.judged(field, want, "unset", Effect::Differs),
            };
        }
        let others = live.environment.keys().filter(|name| !self.environment.contains_key(*name));
        others.fold(comparison, |comparison, name| {
            comparison.judged(format!("Environment.{name}"), "unset", "set", Effect::Weakens)
        })
    }

    /// Compares runtime and handler. An image contains both, and AWS does not return them.
    fn runtime_compared(&self, comparison: Comparison, live: &FunctionLive) -> Comparison {
        if self.code.is_image() {
            return comparison;
        }
        comparison.judged("Runtime", &self.runtime, &live.runtime, self.runtime_effect(live)).plain(
            "Handler",
            &self.handler,
            &live.handler,
        )
    }

    /// A different runtime weakens if Lambda no longer patches it, or if this program does not know the end of its
    /// patches.
    fn runtime_effect(&self, live: &FunctionLive) -> Effect {
        // Dates in ISO 8601 can be compared as text.
        let patched = (self.patched_until)(&live.runtime).is_some_and(|end| live.read_on.as_str() < end);
        if live.runtime == self.runtime {
            Effect::Same
        } else if patched {
            Effect::Differs
        } else {
            Effect::Weakens
        }
    }

    /// The code of a layer runs in the function, so one that the stack file does not name weakens.
    fn layers_effect(&self, live: &FunctionLive) -> Effect {
        if live.layers == self.layers {
            Effect::Same
        } else if live.layers.iter().all(|layer| self.layers.contains(layer)) {
            Effect::Differs
        } else {
            Effect::Weakens
        }
    }

    pub(super) fn tracing_mode(&self) -> TracingMode {
        if self.tracing { TracingMode::Active } else { TracingMode::PassThrough }
    }

    fn concurrency_compared(&self, comparison: Comparison, live: &FunctionLive) -> Comparison {
        let text = |reserved: Option<i32>| reserved.map_or_else(|| NONE.to_owned(), |reserved| reserved.to_string());
        comparison.plain(CONCURRENCY, text(self.reserved_concurrency), text(live.reserved_concurrency))
    }

    /// The effect of a receiver of failed requests. A receiver in this account only stores them. A receiver in another
    /// account lets somebody else read them.
    fn receiver(&self, arn: &str) -> Effect {
        match arn {
            "" => Effect::Same,
            arn if account(arn) == account(&self.role_arn) => Effect::Differs,
            _ => Effect::Weakens,
        }
    }

    /// The effect of configurations of asynchronous calls. The stack file implies none.
    fn destinations(&self, configs: &[InvokeConfig]) -> Effect {
        let effect = |config: &InvokeConfig| match (&config.on_success, &config.on_failure) {
            // A destination for successful calls receives all results.
            (Some(_), _) => Effect::Weakens,
            (None, Some(on_failure)) => self.receiver(on_failure),
            (None, None) => Effect::Differs,
        };
        let effects: Vec<Effect> = configs.iter().map(effect).collect();
        match effects.as_slice() {
            [] => Effect::Same,
            all if all.contains(&Effect::Weakens) => Effect::Weakens,
            _ => Effect::Differs,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::Vpc;
    use super::super::access::Url;
    use super::super::sample::{live, want};
    use super::*;
    use crate::engine::{Drift, Resource as _};

    type Change = fn(&mut FunctionLive);

    fn drift(change: Change, live: &FunctionLive) -> Vec<Drift> {
        let mut live = live.clone();
        change(&mut live);
        assert!(!format!("{:?} {live:?}", want().drift(&live)).contains("hunter2"));
        want().drift(&live)
    }

    fn statement(sid: &str, qualifier: Option<&str>, denies: bool) -> Statement {
        Statement {
            sid: Some(sid.into()),
            qualifier: qualifier.map(str::to_owned),
            denies,
            words: format!("{sid}: everybody"),
        }
    }

    fn mapping(qualifier: Option<&str>) -> Mapping {
        let (source, qualifier) = (Some("arn:q".to_owned()), qualifier.map(str::to_owned));
        Mapping { uuid: "u".into(), source, qualifier, words: "u (from arn:q)".into() }
    }

    fn config(on_success: Option<&str>, on_failure: Option<&str>) -> InvokeConfig {
        InvokeConfig {
            qualifier: Some("$LATEST".into()),
            on_success: on_success.map(str::to_owned),
            on_failure: on_failure.map(str::to_owned),
            words: "$LATEST (a destination)".into(),
        }
    }

    const OWN_QUEUE: &str = "arn:aws:sqs:eu-central-1:123456789012:q";
    const THEIR_QUEUE: &str = "arn:aws:sqs:eu-central-1:210987654321:q";
    const THEIR_KEY: &str = "arn:aws:kms:eu-central-1:210987654321:key/k";

    #[tokio::test]
    async fn every_setting_is_evidence() {
        let found = want().compare(&live().await);
        let fields: Vec<&str> = found.settings().iter().map(|setting| setting.field.as_str()).collect();
        let expected = [
            PACKAGE,
            "State",
            "CodeSha256",
            "Role",
            "LoggingConfig.LogGroup",
            "Environment.SECRET_ID",
            "Layers",
            FILE_SYSTEMS,
            IMAGE_CONFIG,
            "Runtime",
            "Handler",
            "Architectures",
            "LoggingConfig.LogFormat",
            "Description",
            "MemorySize",
            "Timeout",
            EPHEMERAL,
            SNAP_START,
            "SigningProfileVersionArn",
            "KMSKeyArn",
            "DeadLetterConfig.TargetArn",
            "VpcConfig",
            "TracingConfig.Mode",
            CONCURRENCY,
            RUNTIME_UPDATES,
            RECURSION,
            STATEMENTS,
            URLS,
            INVOKE_CONFIGS,
            MAPPINGS,
            ALIASES,
            VERSIONS,
        ];
        assert_eq!(fields, expected);
        assert!(found.is_as_wanted(), "{:?}", found.drift());
        let of = |field: &str| found.settings().iter().find(|setting| setting.field == field).unwrap();
        assert_eq!((of(URLS).live.as_str(), of("TracingConfig.Mode").live.as_str()), ("none", "PassThrough"));
    }

    #[tokio::test]
    async fn another_image_weakens_and_an_image_has_its_own_runtime() {
        let image = |digest: &str| format!("123456789012.dkr.ecr.eu-central-1.amazonaws.com/resize@sha256:{digest}");
        let want = Function { code: Code::Image(image("0")), ..want() };
        let live = FunctionLive {
            package: "Image".into(),
            image: image("0"),
            runtime: String::new(),
            handler: String::new(),
            ..live().await
        };
        assert_eq!(want.drift(&live), []);
        let drift = want.drift(&FunctionLive { image: image("1"), ..live.clone() });
        assert_eq!(drift.iter().map(|one| (one.field.as_str(), one.weakens)).collect::<Vec<_>>(), [(IMAGE, true)]);
        let drift = want.drift(&FunctionLive { package: "Zip".into(), image: String::new(), ..live });
        assert!(want.requires_replacement(&drift).is_some());
    }

    #[tokio::test]
    async fn a_runtime_weakens_from_the_day_on_which_its_patches_end() {
        let mut live = live().await;
        live.runtime = "nodejs22.x".into();
        for (day, weakens) in [("2027-04-29", false), ("2027-04-30", true), ("2027-05-01", true)] {
            live.read_on = day.into();
            let drift = want().drift(&live);
            assert_eq!((drift.len(), drift[0].weakens), (1, weakens), "{day}");
        }
    }

    #[tokio::test]
    async fn drift_of_every_setting() {
        let same = live().await;
        let table: [(Change, &str, bool); 41] = [
            (|live| live.package = "Image".into(), PACKAGE, true),
            (|live| live.code_sha256 = "x".into(), "CodeSha256", true),
            (|live| live.role_arn = "x".into(), "Role", true),
            (|live| live.log_group = "x".into(), "LoggingConfig.LogGroup", true),
            (|live| live.log_format = "JSON".into(), "LoggingConfig.LogFormat", false),
            (|live| live.layers = vec!["arn:layer".into()], "Layers", true),
            (|live| live.file_systems = vec!["arn:fs at /mnt/x".into()], FILE_SYSTEMS, true),
            (|live| live.image_config = Some("sh".into()), IMAGE_CONFIG, true),
            (|live| live.runtime = "nodejs22.x".into(), "Runtime", false),
            (|live| live.runtime = "nodejs20.x".into(), "Runtime", true),
            (|live| live.log_levels = ["FATAL".into(), "INFO".into()], LOG_LEVELS[0], true),
            (|live| live.log_levels = ["INFO".into(), "WARN".into()], LOG_LEVELS[1], true),
            (|live| live.vpc = Vpc::new(&["subnet-1".into()], &["sg-1".into()]), VPC, true),
            (|live| live.kms_key = THEIR_KEY.into(), KEY, true),
            (|live| live.handler = "x".into(), "Handler", false),
            (|live| live.architecture = "x86_64".into(), "Architectures", false),
            (|live| live.description = "x".into(), "Description", false),
            (|live| live.memory_mb = 256, "MemorySize", false),
            (|live| live.timeout_s = 3, "Timeout", false),
            (|live| live.ephemeral_mb = 1024, EPHEMERAL, false),
            (|live| live.snap_start = "PublishedVersions".into(), SNAP_START, false),
            (|live| live.tracing = "Active".into(), "TracingConfig.Mode", false),
            (|live| live.reserved_concurrency = Some(0), CONCURRENCY, false),
            (|live| live.dead_letters = OWN_QUEUE.into(), DEAD_LETTERS, false),
            (|live| live.dead_letters = THEIR_QUEUE.into(), DEAD_LETTERS, true),
            (|live| drop(live.environment.insert("KEY".into(), "hunter2".into())), "Environment.KEY", true),
            (|live| drop(live.environment.insert("SECRET_ID".into(), "hunter2".into())), "Environment.SECRET_ID", true),
            (|live| drop(live.environment.remove("SECRET_ID")), "Environment.SECRET_ID", false),
            (|live| live.state = State::Settling, "State", false),
            (|live| live.state = State::Failed("why".into()), "State", false),
            (|live| live.access.runtime_updates = Ok("Manual".into()), RUNTIME_UPDATES, true),
            (|live| live.access.runtime_updates = Ok("FunctionUpdate".into()), RUNTIME_UPDATES, false),
            (|live| live.access.recursion = Ok("Allow".into()), RECURSION, true),
            (|live| live.access.statements.push(statement("open", None, false)), STATEMENTS, true),
            (
                |live| live.access.statements.push(statement("securelambda-topic", Some("live"), false)),
                STATEMENTS,
                true,
            ),
            (|live| live.access.statements.push(statement("no", None, true)), STATEMENTS, false),
            (
                |live| {
                    let url = Url { qualifier: None, words: "https://x (AuthType NONE)".into() };
                    live.access.urls.push(url);
                },
                URLS,
                true,
            ),
            (|live| live.access.invoke_configs.push(config(None, Some(OWN_QUEUE))), INVOKE_CONFIGS, false),
            (|live| live.access.invoke_configs.push(config(Some(OWN_QUEUE), None)), INVOKE_CONFIGS, true),
            (|live| live.access.aliases.push("live".into()), ALIASES, true),
            (|live| live.access.versions.push("1".into()), VERSIONS, true),
        ];
        for (change, field, weakens) in table {
            let drift = drift(change, &same);
            assert_eq!(drift.len(), 1, "{field}: {drift:?}");
            assert_eq!((drift[0].field.as_str(), drift[0].weakens), (field, weakens), "{drift:?}");
        }
        let mapped = drift(|live| live.access.mappings.push(mapping(None)), &same);
        assert_eq!(mapped, [Drift::weakening(MAPPINGS, "none", "u (from arn:q)")]);
        let (wanted, mut live) = (Function { sources: ["arn:q".to_owned()].into(), ..want() }, same.clone());
        live.access.mappings = vec![mapping(None)];
        assert_eq!(wanted.drift(&live), []);
        live.access.mappings = vec![mapping(Some("other"))];
        assert_eq!(wanted.drift(&live).len(), 1, "that of an alias");
        live.access.mappings = vec![mapping(Some("live"))];
        assert_eq!(wanted.drift(&live), [], "the mapping itself is compared, and moved");
        live.access.mappings.push(Mapping { uuid: "v".into(), ..mapping(None) });
        assert_eq!(wanted.drift(&live).len(), 1, "two for one source");
    }

    #[tokio::test]
    async fn the_own_alias_its_version_and_its_permissions_are_no_strangers() {
        let mut live = live().await;
        live.access.aliases = vec!["live".into()];
        live.access.versions = vec!["3".into()];
        live.access.live_versions = ["3".to_owned()].into();
        live.access.statements = vec![statement("securelambda-topic", Some("live"), false)];
        let fields = |want: &Function, live: &FunctionLive| {
            want.drift(live).into_iter().map(|drift| drift.field).collect::<Vec<_>>()
        };
        assert_eq!(fields(&want(), &live), [STATEMENTS, ALIASES, VERSIONS]);
        let kept_ready = Function { provisioned_concurrency: Some(1), ..want() };
        assert_eq!(kept_ready.drift(&live), []);
        // The state still has the alias and the statement, so the engine removes them.
        let mut recorded = live.clone();
        recorded.access.recorded_alias = true;
        recorded.access.recorded = [("securelambda-topic".to_owned(), Some("live".to_owned()))].into();
        assert_eq!(want().drift(&recorded), []);
        live.access.aliases.push("other".into());
        live.access.versions.push("4".into());
        live.access.statements.push(statement("securelambda-topic", None, false));
        assert_eq!(fields(&kept_ready, &live), [STATEMENTS, ALIASES, VERSIONS]);
    }

    #[tokio::test]
    async fn hardening_without_a_key_is_kept_and_shown() {
        let mut live = live().await;
        live.kms_key = "arn:aws:kms:eu-central-1:123456789012:key/k".into();
        live.signing_profile = "arn:aws:signer:eu-central-1:123456789012:/signing-profiles/p/1".into();
        assert_eq!(want().drift(&live), []);
        let found = want().compare(&live);
        let shown = |field: &str| found.settings().iter().any(|setting| setting.field == field && setting.live != NONE);
        assert!(["KMSKeyArn", "SigningProfileVersionArn"].into_iter().all(shown));
    }

    #[tokio::test]
    async fn a_vpc_of_the_stack_file_is_demanded_whatever_its_order() {
        let ids = |of: &[&str]| of.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let vpc = Vpc::new(&ids(&["subnet-2", "subnet-1"]), &ids(&["sg-1"]));
        let want = Function { vpc, ..want() };
        let mut live = live().await;
        assert_eq!(want.drift(&live), [Drift::weakening("VpcConfig", "subnet-1, subnet-2; sg-1", "none")]);
        live.vpc = Vpc::new(&ids(&["subnet-1", "subnet-2"]), &ids(&["sg-1"]));
        assert_eq!(want.drift(&live), []);
        live.vpc.ipv6 = true;
        let opened = Drift::weakening("VpcConfig", "subnet-1, subnet-2; sg-1", "subnet-1, subnet-2; sg-1; IPv6");
        assert_eq!(want.drift(&live), [opened]);
        let outside = Function { vpc: Vpc::default(), ..want };
        let moved = Drift::weakening("VpcConfig", "none", "subnet-1, subnet-2; sg-1; IPv6");
        assert_eq!(outside.drift(&live), [moved]);
    }

    #[tokio::test]
    async fn failed_events_go_to_the_queue_of_the_stack_file() {
        let queue = "arn:aws:sqs:eu-central-1:123456789012:demo-dead";
        let want = Function { dead_letters: Some(queue.into()), ..want() };
        let mut live = live().await;
        assert_eq!(want.drift(&live), [Drift::new(DEAD_LETTERS, queue, "none")]);
        live.dead_letters = OWN_QUEUE.into();
        assert_eq!(want.drift(&live), [Drift::new(DEAD_LETTERS, queue, OWN_QUEUE)]);
        live.dead_letters = "arn:aws:sqs:eu-central-1:999999999999:q".into();
        assert_eq!(want.drift(&live), [Drift::weakening(DEAD_LETTERS, queue, &live.dead_letters)]);
        live.dead_letters = queue.into();
        assert_eq!(want.drift(&live), []);
    }

    #[tokio::test]
    async fn tracing_and_concurrency_follow_their_keys() {
        let want = Function { tracing: true, reserved_concurrency: Some(5), ..want() };
        let mut live = live().await;
        let expected = [Drift::new("TracingConfig.Mode", "Active", "PassThrough"), Drift::new(CONCURRENCY, 5, "none")];
        assert_eq!(want.drift(&live), expected);
        live.tracing = "Active".into();
        live.reserved_concurrency = Some(5);
        assert_eq!(want.drift(&live), []);
        assert_eq!(reserved_concurrency(&want.compare(&live)), Some(5));
    }

    #[tokio::test]
    async fn a_layer_weakens_only_if_the_stack_file_does_not_name_it() {
        let layers = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let want = Function { layers: layers(&["a:1", "b:1"]), ephemeral_mb: 1024, ..want() };
        let live = live().await;
        let drift = |names: &[&str]| {
            let live = FunctionLive { layers: layers(names), ephemeral_mb: 1024, ..live.clone() };
            want.drift(&live)
        };
        assert_eq!(drift(&["a:1", "b:1"]), []);
        assert_eq!(drift(&["b:1", "a:1"]), [Drift::new("Layers", "a:1, b:1", "b:1, a:1")]);
        assert_eq!(drift(&["a:1"]), [Drift::new("Layers", "a:1, b:1", "a:1")]);
        assert_eq!(drift(&["a:1", "b:2"]), [Drift::weakening("Layers", "a:1, b:1", "a:1, b:2")]);
        assert_eq!(
            want.drift(&FunctionLive { layers: layers(&["a:1", "b:1"]), ..live }),
            [Drift::new(EPHEMERAL, 1024, 512)]
        );
    }

    #[tokio::test]
    async fn statements_of_the_stack_file_and_of_the_record_are_not_foreign() {
        let mut live = live().await;
        live.access.statements = vec![statement("securelambda-topic", None, false), statement("old", None, false)];
        let drift = want().drift(&live);
        assert_eq!(drift, [Drift::weakening(STATEMENTS, "none", "old: everybody")]);
        live.access.recorded = [("old".to_owned(), None)].into();
        assert_eq!(want().drift(&live), []);
    }

    #[tokio::test]
    async fn what_cannot_be_read_here_is_no_difference() {
        let mut live = live().await;
        live.access.runtime_updates = Err(crate::aws::unsupported::UNSUPPORTED);
        assert_eq!(want().drift(&live), []);
        let found = want().compare(&live);
        let setting = found.settings().iter().find(|setting| setting.field == RUNTIME_UPDATES).unwrap();
        assert_eq!(setting.live, "not supported by the emulator");
    }
}
