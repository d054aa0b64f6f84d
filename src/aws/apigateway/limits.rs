//! The limits of single methods in a stage. AWS accepts them only for methods of the deployment that the stage serves.
//! So a [`Release`](super::Release) sets the limits of new methods, and a new [`Stage`](super::Stage) sets all of them.
//!
//! A method with limits of its own also has its own copy of all other settings, which must equal the stage's.

use aws_sdk_apigateway::types::PatchOperation;

use super::stage_settings::{LiveSetting, lifts, pointer, same};
use super::{Mends, replace};
use crate::choices::ExecutionLog;
use crate::engine::Effect;

/// The throttling limits of one method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MethodLimits {
    /// Requests a second.
    pub rate: f64,
    pub burst: i32,
}

/// The method that a setting is for, as in `GET /items/{id}`. AWS returns the key as it was sent: with or without the
/// path's first slash, and with escaped slashes or without.
pub(super) fn method_of(key: &str) -> String {
    let (path, method) = key.rsplit_once('/').unwrap_or((key, "*"));
    let path = path.replace("~1", "/").replace("~0", "~");
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{method} {slash}{path}")
}

/// The key of a method's settings, as this program sends it.
pub(super) fn own_key(method: &str) -> String {
    let (http_method, path) = method.split_once(' ').unwrap_or(("*", method));
    format!("{}/{http_method}", path.replace('~', "~0").replace('/', "~1"))
}

impl MethodLimits {
    /// The patches that give a method its settings.
    pub(super) fn patches(self, method: &str, log: ExecutionLog) -> Vec<PatchOperation> {
        let (http_method, path) = method.split_once(' ').unwrap_or(("*", method));
        let at = pointer(&format!("{path}/{http_method}"));
        vec![
            replace(format!("{at}/throttling/rateLimit"), self.rate),
            replace(format!("{at}/throttling/burstLimit"), self.burst),
            replace(format!("{at}/logging/loglevel"), log.level()),
            replace(format!("{at}/logging/dataTrace"), false),
            replace(format!("{at}/caching/enabled"), false),
            replace(format!("{at}/metrics/enabled"), false),
        ]
    }

    /// Compares a method's own settings in a stage with the wanted ones. `live`: its entries, of which there may be none.
    pub(super) fn mends<'a>(
        self,
        mends: Mends,
        method: &str,
        log: ExecutionLog,
        live: impl Iterator<Item = &'a LiveSetting>,
    ) -> Mends {
        let field = format!("methodSettings.{method}");
        let wanted = format!("throttlingRateLimit {}, throttlingBurstLimit {}", self.rate, self.burst);
        let wanted = format!("{wanted}, loggingLevel {}, dataTraceEnabled false", log.level());
        let wanted = format!("{wanted}, cachingEnabled false, metricsEnabled false");
        let (mut effect, mut shown) = (Effect::Weakens, "none of its own".to_owned());
        for (index, own) in live.enumerate() {
            let one = self.effect(log, own);
            if index == 0 || one > effect {
                (effect, shown) = (one, own.to_string());
            }
        }
        mends.judged(field, wanted, shown, effect, self.patches(method, log))
    }

    fn effect(self, log: ExecutionLog, own: &LiveSetting) -> Effect {
        let burst = f64::from(own.burst);
        let level = log.effect_of(&own.logging_level);
        if lifts(own.rate, self.rate) || lifts(burst, self.burst.into()) || own.data_trace || own.caching {
            return Effect::Weakens;
        }
        let limits = same(own.rate, self.rate) && own.burst == self.burst;
        level.max(Effect::differs_unless(limits && !own.metrics))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(rate: f64, burst: i32) -> LiveSetting {
        LiveSetting { rate, burst, logging_level: "ERROR".into(), ..LiveSetting::default() }
    }

    fn effect(live: &[LiveSetting]) -> Option<bool> {
        let limits = MethodLimits { rate: 5.0, burst: 10 };
        let mends = limits.mends(Mends::default(), "GET /a", ExecutionLog::Error, live.iter());
        let drift = mends.compared.drift();
        assert_eq!(mends.patches.is_empty(), drift.is_empty());
        drift.first().map(|drift| drift.weakens)
    }

    #[test]
    fn a_lifted_or_missing_limit_weakens_and_a_lower_one_differs() {
        assert_eq!(effect(&[live(5.0, 10)]), None);
        for weaker in [
            vec![],
            vec![live(6.0, 10)],
            vec![live(5.0, 11)],
            vec![live(-1.0, -1)],
            vec![live(5.0, 10), live(9.0, 10)],
            vec![LiveSetting { caching: true, ..live(5.0, 10) }],
            vec![LiveSetting { data_trace: true, ..live(5.0, 10) }],
            vec![LiveSetting { logging_level: "OFF".into(), ..live(5.0, 10) }],
        ] {
            assert_eq!(effect(&weaker), Some(true), "{weaker:?}");
        }
        for other in [live(1.0, 10), live(5.0, 1), LiveSetting { metrics: true, ..live(5.0, 10) }] {
            assert_eq!(effect(std::slice::from_ref(&other)), Some(false), "{other:?}");
        }
    }

    #[test]
    fn keys_of_settings_name_their_methods() {
        for (key, method) in [
            ("~1items~1{id}/GET", "GET /items/{id}"),
            ("items/GET", "GET /items"),
            ("/items/{id}/GET", "GET /items/{id}"),
            ("~1/GET", "GET /"),
            ("~1a~0b/POST", "POST /a~b"),
        ] {
            assert_eq!(method_of(key), method, "{key}");
        }
        let paths = MethodLimits { rate: 0.5, burst: 1 }.patches("GET /items/{id}", ExecutionLog::Off);
        assert_eq!(paths[0].path(), Some("/~1items~1{id}/GET/throttling/rateLimit"));
        assert_eq!(paths[0].value(), Some("0.5"));
        let root = MethodLimits { rate: 0.5, burst: 1 }.patches("GET /", ExecutionLog::Off);
        assert_eq!(root[0].path(), Some("/~1/GET/throttling/rateLimit"));
    }
}
