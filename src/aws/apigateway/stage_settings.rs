//! The settings of a stage as AWS has them, and their comparison with the wanted ones.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_apigateway::types::{self, PatchOperation};

use super::limits::method_of;
use super::stage::FORMAT;
use super::{Mends, Stage, given, listed, remove, replace, segment};
use crate::choices::ExecutionLog;
use crate::engine::Effect;

/// How long answers stay in a cache unless a stage says otherwise, in seconds (docs/aws.md, Stages).
const CACHED_FOR: i32 = 300;

/// The key of the setting for all methods without one of their own.
const ALL: &str = "*/*";

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveStage {
    /// The API's other stages.
    pub others: Vec<String>,
    /// The percentage of the requests that a canary, another deployment, gets.
    pub canary_percent: Option<f64>,
    /// By path and method, as in `*/*` or `~1items/GET`.
    pub settings: BTreeMap<String, LiveSetting>,
    /// Whether it has a cache, which costs money.
    pub cache_cluster: bool,
    /// The names of its variables.
    pub variables: BTreeSet<String>,
    /// The client certificate that API Gateway shows to HTTP servers behind the stage.
    pub client_certificate_id: Option<String>,
    pub documentation_version: Option<String>,
    /// The ARN of the access log's group.
    pub access_log: Option<String>,
    pub access_log_format: Option<String>,
    /// Whether requests are traced by X-Ray.
    pub tracing: bool,
}

/// The settings of some of a stage's methods.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "API Gateway's own five flags")]
pub struct LiveSetting {
    /// Requests a second; negative: no limit.
    pub rate: f64,
    /// The burst; negative: no limit.
    pub burst: i32,
    /// Whether bodies and tokens are written to the log.
    pub data_trace: bool,
    /// `OFF`, `ERROR` or `INFO`.
    pub logging_level: String,
    pub metrics: bool,
    /// Whether answers are cached, for all callers together.
    pub caching: bool,
    /// How long answers are cached, in seconds.
    pub cached_for: i32,
    pub cache_encrypted: bool,
    /// Whether only authorized callers may empty the cache.
    pub cache_control_is_authorized: bool,
}

impl LiveStage {
    pub(super) fn of(stage: types::Stage, others: Vec<String>) -> Self {
        let log = stage.access_log_settings;
        Self {
            others,
            canary_percent: stage.canary_settings.map(|canary| canary.percent_traffic),
            settings: Self::settings(stage.method_settings),
            cache_cluster: stage.cache_cluster_enabled,
            variables: stage.variables.unwrap_or_default().into_keys().collect(),
            client_certificate_id: given(stage.client_certificate_id.as_deref()),
            documentation_version: given(stage.documentation_version.as_deref()),
            access_log: given(log.as_ref().and_then(|log| log.destination_arn())),
            access_log_format: given(log.as_ref().and_then(|log| log.format())),
            tracing: stage.tracing_enabled,
        }
    }

    /// The settings of some methods, by AWS's key.
    pub(super) fn settings(given: Option<HashMap<String, types::MethodSetting>>) -> BTreeMap<String, LiveSetting> {
        given.into_iter().flatten().map(|(key, setting)| (key, LiveSetting::of(&setting))).collect()
    }
}

impl LiveSetting {
    fn of(setting: &types::MethodSetting) -> Self {
        Self {
            rate: setting.throttling_rate_limit,
            burst: setting.throttling_burst_limit,
            data_trace: setting.data_trace_enabled,
            logging_level: given(setting.logging_level()).unwrap_or_else(|| "OFF".to_owned()),
            metrics: setting.metrics_enabled,
            caching: setting.caching_enabled,
            cached_for: setting.cache_ttl_in_seconds,
            cache_encrypted: setting.cache_data_encrypted,
            cache_control_is_authorized: setting.require_authorization_for_cache_control,
        }
    }
}

impl std::fmt::Display for LiveSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rate, burst, data_trace, logging_level, metrics, caching, .. } = self;
        write!(
            f,
            "throttlingRateLimit {rate}, throttlingBurstLimit {burst}, loggingLevel {logging_level}, \
             dataTraceEnabled {data_trace}, cachingEnabled {caching}, metricsEnabled {metrics}"
        )
    }
}

impl ExecutionLog {
    /// Logging less weakens, logging more does not.
    pub(super) fn effect_of(self, live: &str) -> Effect {
        let rank = |level: &str| ["OFF", "ERROR", "INFO"].iter().position(|known| *known == level);
        match (rank(live), rank(self.level())) {
            (Some(live), Some(want)) if live >= want => Effect::differs_unless(live == want),
            _ => Effect::Weakens,
        }
    }
}

impl Stage {
    pub(super) fn mends(&self, live: &LiveStage) -> Mends {
        let canary = live.canary_percent.map_or("none".to_owned(), |percent| format!("{percent} %"));
        let mends = Mends::default().guard("canarySettings", "none", canary, [remove("/canarySettings")]);
        let mends = self.all_methods(mends, live.settings.get(ALL));
        let mends = self.own_settings(mends, live);
        let mends = self.log_mends(mends, live);
        let variables = live.variables.iter().map(|name| remove(format!("/variables/{}", segment(name))));
        let certificate = live.client_certificate_id.as_deref().unwrap_or("none");
        let documentation = live.documentation_version.as_deref().unwrap_or("none");
        mends
            .plain("tracingEnabled", self.tracing, live.tracing, [replace("/tracingEnabled", self.tracing)])
            .plain("cacheClusterEnabled", false, live.cache_cluster, [replace("/cacheClusterEnabled", false)])
            .plain("variables", "none", listed(&live.variables), variables)
            .plain("clientCertificateId", "none", certificate, [replace("/clientCertificateId", "")])
            .plain("documentationVersion", "none", documentation, [replace("/documentationVersion", "")])
    }

    /// The settings of all methods without ones of their own.
    fn all_methods(&self, mends: Mends, all: Option<&LiveSetting>) -> Mends {
        let [rate, burst] = self.throttle();
        let limits = [
            ("throttlingRateLimit", self.rate_limit, all.map(|all| all.rate), rate),
            ("throttlingBurstLimit", self.burst_limit.into(), all.map(|all| all.burst.into()), burst),
        ];
        let mut mends = mends;
        for (limit, want, live, patch) in limits {
            let effect = match live {
                Some(live) if !lifts(live, want) => Effect::differs_unless(same(live, want)),
                _ => Effect::Weakens,
            };
            let live = live.map_or("the account's".to_owned(), |live| live.to_string());
            mends = mends.judged(format!("methodSettings.{ALL}.{limit}"), want, live, effect, [patch]);
        }
        let is = |on: fn(&LiveSetting) -> bool| all.is_some_and(on);
        let level = all.map_or("OFF", |all| &all.logging_level);
        let trace = replace("/*/*/logging/dataTrace", false);
        let mends = mends
            .judged(
                "methodSettings.*/*.loggingLevel",
                self.execution_log.level(),
                level,
                self.execution_log.effect_of(level),
                [self.level_patch()],
            )
            .guard("methodSettings.*/*.dataTraceEnabled", false, is(|all| all.data_trace), [trace])
            .plain(
                "methodSettings.*/*.metricsEnabled",
                false,
                is(|all| all.metrics),
                [replace("/*/*/metrics/enabled", false)],
            )
            // An answer in a cache is given to every caller.
            .guard(
                "methodSettings.*/*.cachingEnabled",
                false,
                is(|all| all.caching),
                [replace("/*/*/caching/enabled", false)],
            );
        // Without caching these settings have no effect. The time to live is set back nevertheless, so that a cache
        // that somebody turns on later does not keep answers for too long.
        let cached_for = all.map_or(CACHED_FOR, |all| all.cached_for);
        let mends = mends.judged(
            "methodSettings.*/*.cacheTtlInSeconds",
            CACHED_FOR,
            cached_for,
            Effect::differs_unless(cached_for <= CACHED_FOR),
            [replace("/*/*/caching/ttlInSeconds", CACHED_FOR)],
        );
        let encrypted = is(|all| all.cache_encrypted);
        let authorized = all.is_none_or(|all| all.cache_control_is_authorized);
        mends.judged("methodSettings.*/*.cacheDataEncrypted", encrypted, encrypted, Effect::Same, []).judged(
            "methodSettings.*/*.requireAuthorizationForCacheControl",
            authorized,
            authorized,
            Effect::Same,
            [],
        )
    }

    /// A method's own setting overrides the stage's. Only the whole setting can be removed, not a single value
    /// (docs/aws.md, Stages). The settings of methods with limits of their own belong to the release.
    fn own_settings(&self, mends: Mends, live: &LiveStage) -> Mends {
        let mut mends = mends;
        let unwanted = |key: &String| key != ALL && !self.limits.contains_key(&method_of(key));
        for (key, own) in live.settings.iter().filter(|(key, _)| unwanted(key)) {
            let lifted = lifts(own.rate, self.rate_limit) || lifts(own.burst.into(), self.burst_limit.into());
            let level = self.execution_log.effect_of(&own.logging_level);
            let effect = Effect::of_difference(lifted || own.data_trace || own.caching || level == Effect::Weakens);
            let field = format!("methodSettings.{key}");
            mends = mends.judged(field, "none of its own", own, effect, [remove(pointer(key))]);
        }
        mends
    }

    fn log_mends(&self, mends: Mends, live: &LiveStage) -> Mends {
        let group = |arn: &Option<String>| arn.as_deref().map_or("none".to_owned(), |arn| log_group(arn).to_owned());
        let (want, is) = (group(&self.access_log), group(&live.access_log));
        // An access log that somebody turned on does not weaken, unless another account gets it.
        let account = |arn: &str| arn.split(':').nth(4).map(str::to_owned);
        let is_abroad = live.access_log.as_deref().is_some_and(|arn| account(arn).as_ref() != Some(&self.account));
        let effect = match &self.access_log {
            _ if want == is => Effect::Same,
            None if !is_abroad => Effect::Differs,
            _ => Effect::Weakens,
        };
        let format = live.access_log_format.as_deref().unwrap_or("none");
        match &self.access_log {
            None => mends.judged("accessLogSettings.destinationArn", want, is, effect, [remove("/accessLogSettings")]),
            Some(arn) => mends.judged("accessLogSettings.destinationArn", want, is, effect, [destination(arn)]).plain(
                "accessLogSettings.format",
                FORMAT,
                format,
                [format_patch()],
            ),
        }
    }

    fn level_patch(&self) -> PatchOperation {
        replace("/*/*/logging/loglevel", self.execution_log.level())
    }

    fn throttle(&self) -> [PatchOperation; 2] {
        [replace("/*/*/throttling/rateLimit", self.rate_limit), replace("/*/*/throttling/burstLimit", self.burst_limit)]
    }

    /// The limits of a new stage, which `CreateStage` cannot make (docs/aws.md, Stages). Its execution log is not on yet.
    pub(super) fn all_limits(&self) -> Vec<PatchOperation> {
        let own = self.limits.iter().flat_map(|(method, limits)| limits.patches(method, ExecutionLog::Off));
        self.throttle().into_iter().chain(own).collect()
    }

    /// The wanted logs of a new stage.
    pub(super) fn logs(&self) -> Vec<PatchOperation> {
        let access = self.access_log.iter().flat_map(|arn| [destination(arn), format_patch()]);
        let execution = (self.execution_log != ExecutionLog::Off).then(|| self.level_patch());
        access.chain(execution).collect()
    }
}

fn destination(arn: &str) -> PatchOperation {
    replace("/accessLogSettings/destinationArn", arn)
}

fn format_patch() -> PatchOperation {
    replace("/accessLogSettings/format", FORMAT)
}

/// AWS may return the ARN of a log group with or without `:*`.
fn log_group(arn: &str) -> &str {
    arn.trim_end_matches(":*")
}

pub(super) fn same(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

/// Whether a limit allows more than the wanted one.
pub(super) fn lifts(limit: f64, most: f64) -> bool {
    limit < 0.0 || (limit > most && !same(limit, most))
}

/// The path of the patches for a method's settings, without the setting: `/~1items~1{id}/GET`, from the key
/// `/items/{id}/GET`. The resource path is one segment of it, with escaped slashes. AWS returns keys with these escapes,
/// emulators without.
pub(super) fn pointer(key: &str) -> String {
    let (path, method) = key.rsplit_once('/').unwrap_or((key, "*"));
    let path = if path.contains("~1") { path.to_owned() } else { segment(path) };
    format!("/{path}/{method}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::MethodLimits;
    use super::super::stage::tests::want;
    use super::*;
    use crate::choices::ExecutionLog;
    use crate::engine::{Drift, Resource};

    fn setting(rate: f64, burst: i32, data_trace: bool) -> LiveSetting {
        LiveSetting {
            rate,
            burst,
            data_trace,
            logging_level: "OFF".into(),
            metrics: false,
            caching: false,
            cached_for: CACHED_FOR,
            cache_encrypted: false,
            cache_control_is_authorized: true,
        }
    }

    fn live(settings: &[(&str, LiveSetting)]) -> LiveStage {
        let settings = settings.iter().map(|(key, setting)| ((*key).to_owned(), setting.clone())).collect();
        LiveStage { settings, ..LiveStage::default() }
    }

    /// A stage with this throttle and no other setting.
    pub(crate) fn throttled(rate: f64, burst: i32) -> LiveStage {
        live(&[(ALL, setting(rate, burst, false))])
    }

    fn paths(mends: &Mends) -> Vec<&str> {
        mends.patches.iter().filter_map(PatchOperation::path).collect()
    }

    #[test]
    fn settings_that_allow_more_weaken_and_are_patched() {
        let all = (ALL, setting(50.0, 50, false));
        assert_eq!(want().drift(&throttled(50.0, 50)), vec![]);
        let cached = LiveSetting { caching: true, ..setting(50.0, 50, false) };
        let table = [
            (LiveStage { canary_percent: Some(10.0), ..throttled(50.0, 50) }, vec!["/canarySettings"]),
            (live(&[]), vec!["/*/*/throttling/rateLimit", "/*/*/throttling/burstLimit"]),
            (throttled(10_000.0, 50), vec!["/*/*/throttling/rateLimit"]),
            (throttled(50.0, 5000), vec!["/*/*/throttling/burstLimit"]),
            (throttled(-1.0, -1), vec!["/*/*/throttling/rateLimit", "/*/*/throttling/burstLimit"]),
            (live(&[(ALL, setting(50.0, 50, true))]), vec!["/*/*/logging/dataTrace"]),
            (live(&[(ALL, cached.clone())]), vec!["/*/*/caching/enabled"]),
            (live(&[all.clone(), ("~1lambda1/POST", setting(51.0, 50, false))]), vec!["/~1lambda1/POST"]),
            (live(&[all.clone(), ("~1lambda1/POST", cached)]), vec!["/~1lambda1/POST"]),
            (live(&[all.clone(), ("/items/{id}/GET", setting(1.0, 51, false))]), vec!["/~1items~1{id}/GET"]),
            (live(&[all.clone(), ("items/GET", setting(-1.0, -1, false))]), vec!["/items/GET"]),
            (live(&[all, ("~1/GET", setting(1.0, 1, true))]), vec!["/~1/GET"]),
        ];
        for (live, patched) in table {
            let mends = want().mends(&live);
            assert!(mends.compared.drift().iter().all(|drift| drift.weakens), "{mends:?}");
            assert_eq!(paths(&mends), patched);
        }
    }

    #[test]
    fn a_methods_own_limits_are_removed_unless_the_stack_file_has_some() {
        let own = live(&[(ALL, setting(50.0, 50, false)), ("~1lambda1/POST", setting(50.0, 10, false))]);
        let mends = want().mends(&own);
        let drift = mends.compared.drift();
        assert_eq!(
            (drift.len(), drift[0].weakens, drift[0].field.as_str()),
            (1, false, "methodSettings.~1lambda1/POST")
        );
        assert_eq!(paths(&mends), ["/~1lambda1/POST"]);
        let limits = MethodLimits { rate: 1.0, burst: 1 };
        let limited = Stage { limits: BTreeMap::from([("POST /lambda1".into(), limits)]), ..want() };
        assert_eq!(limited.drift(&own), [], "the release compares them");
        let made: Vec<String> = limited.all_limits().iter().filter_map(|one| one.path().map(str::to_owned)).collect();
        assert_eq!(made[2], "/~1lambda1/POST/throttling/rateLimit");
    }

    fn all(live: &mut LiveStage) -> &mut LiveSetting {
        live.settings.get_mut(ALL).expect("it is there")
    }

    #[test]
    fn what_protects_no_less_differs() {
        let hand = |change: fn(&mut LiveStage)| {
            let mut live = throttled(50.0, 50);
            change(&mut live);
            live
        };
        let table = [
            (hand(|live| all(live).rate = 10.0), "methodSettings.*/*.throttlingRateLimit", "/*/*/throttling/rateLimit"),
            (
                hand(|live| all(live).logging_level = "INFO".into()),
                "methodSettings.*/*.loggingLevel",
                "/*/*/logging/loglevel",
            ),
            (hand(|live| all(live).metrics = true), "methodSettings.*/*.metricsEnabled", "/*/*/metrics/enabled"),
            (hand(|live| live.tracing = true), "tracingEnabled", "/tracingEnabled"),
            (hand(|live| live.cache_cluster = true), "cacheClusterEnabled", "/cacheClusterEnabled"),
            (hand(|live| live.variables = BTreeSet::from(["a".into()])), "variables", "/variables/a"),
            (
                hand(|live| live.client_certificate_id = Some("c1".into())),
                "clientCertificateId",
                "/clientCertificateId",
            ),
            (
                hand(|live| live.documentation_version = Some("1".into())),
                "documentationVersion",
                "/documentationVersion",
            ),
            (
                hand(|live| all(live).cached_for = 3600),
                "methodSettings.*/*.cacheTtlInSeconds",
                "/*/*/caching/ttlInSeconds",
            ),
            (
                hand(|live| live.access_log = Some("arn:aws:logs:eu-central-1:123456789012:log-group:theirs".into())),
                "accessLogSettings.destinationArn",
                "/accessLogSettings",
            ),
        ];
        for (live, field, path) in table {
            let mends = want().mends(&live);
            let drift = mends.compared.drift();
            assert_eq!((drift.len(), drift[0].field.as_str(), drift[0].weakens), (1, field, false));
            assert_eq!(paths(&mends), [path]);
        }
    }

    #[test]
    fn less_than_the_wanted_logs_weakens() {
        let group = "arn:aws:logs:eu-central-1:123456789012:log-group:demo";
        let want =
            Stage { access_log: Some(group.into()), execution_log: ExecutionLog::Error, tracing: true, ..want() };
        let mut logged = throttled(50.0, 50);
        logged.access_log = Some(format!("{group}:*"));
        logged.access_log_format = Some(FORMAT.into());
        logged.tracing = true;
        let level = |level: &str| {
            let mut live = logged.clone();
            live.settings.values_mut().for_each(|setting| setting.logging_level = level.into());
            live
        };
        assert_eq!(want.drift(&level("ERROR")), []);
        let field = "methodSettings.*/*.loggingLevel";
        assert_eq!(want.drift(&level("OFF")), [Drift::weakening(field, "ERROR", "OFF")]);
        assert_eq!(want.drift(&level("INFO")), [Drift::new(field, "ERROR", "INFO")]);
        let unlogged = LiveStage { access_log: None, ..level("ERROR") };
        assert_eq!(want.drift(&unlogged), [Drift::weakening("accessLogSettings.destinationArn", group, "none")]);
        let anothers = "arn:aws:firehose:eu-central-1:999999999999:deliverystream/amazon-apigateway-x";
        let told = LiveStage { access_log: Some(anothers.into()), ..throttled(50.0, 50) };
        let field = "accessLogSettings.destinationArn";
        assert_eq!(super::super::stage::tests::want().drift(&told), [Drift::weakening(field, "none", anothers)]);
        let mut silenced = level("ERROR");
        silenced.settings.insert("~1lambda1/POST".into(), setting(50.0, 50, false));
        assert!(want.drift(&silenced)[0].weakens, "one method logs nothing");
        let untraced = LiveStage { tracing: false, ..level("ERROR") };
        assert_eq!(want.drift(&untraced), [Drift::new("tracingEnabled", true, false)]);
    }

    #[test]
    fn the_log_is_one_line_with_the_request_and_without_the_caller() {
        assert!(FORMAT.contains("$context.requestId") && !FORMAT.contains('\n'));
        assert!(!FORMAT.contains("claims") && !FORMAT.contains("sourceIp"));
        assert!(serde_json::from_str::<serde_json::Value>(FORMAT).is_ok());
    }

    #[test]
    fn names_of_variables_are_shown_and_values_are_not() {
        let stage = types::Stage::builder().variables("TOKEN", "hunter2").build();
        let compared = want().compare(&LiveStage::of(stage, Vec::new()));
        let shown = compared.settings().iter().find(|setting| setting.field == "variables").expect("compared");
        assert_eq!(shown.live, "TOKEN");
        assert!(!format!("{compared:?}").contains("hunter2"));
    }
}
