//! The requests that a web ACL saw. AWS keeps samples for 3 hours, for each rule at most 500 of the first 5,000
//! requests that matched it. Numbers derived from them are estimates, unless the samples are complete.

use std::time::{Duration, SystemTime};

use aws_sdk_wafv2::types::{SampledHttpRequest, TimeWindow, VisibilityConfig};
use aws_smithy_types::DateTime;
use futures_util::future::try_join_all;

use super::{SCOPE, Wafv2};
use crate::aws::error::{OrFail, built, empty};
use crate::aws::refusals::UNKNOWN_CALL;
use crate::engine::Failure;

/// The most samples that AWS returns in one call.
const MOST: i64 = 500;

/// The name of the default action in reports.
const DEFAULT: &str = "default action";

/// The requests that matched one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleTraffic {
    /// The rule's name, or `default action`.
    pub rule: String,
    /// Whether AWS keeps samples of these requests.
    pub sampling: bool,
    /// How many requests the samples were chosen from.
    pub population: i64,
    /// The period of these requests, in seconds since 1970. If there were more than AWS
    /// chooses from, it is shorter than the requested period.
    pub window: (i64, i64),
    pub samples: Vec<Sample>,
}

/// A sampled request, without its headers, which contain tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// In seconds since 1970.
    pub at: i64,
    pub address: String,
    /// As in `DE`.
    pub country: String,
    /// As in `POST`.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The action: `ALLOW`, `BLOCK` or `COUNT` in the stack's own rules.
    pub action: String,
    pub inner_rule: Option<String>,
    /// How many requests it represents, relative to the other samples.
    pub weight: i64,
}

impl Wafv2 {
    /// The samples of the last `since`, for every rule that the web ACL has now, in its order, and the default action.
    ///
    /// # Errors
    /// The samples could not be read; with a hint if the endpoint keeps none.
    pub async fn traffic(&self, web_acl_arn: &str, since: Duration) -> Result<Vec<RuleTraffic>, Failure> {
        let mut parts = web_acl_arn.rsplit('/');
        let (id, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let doing = format!("read the web ACL {name}");
        let call = self.client.get_web_acl().name(name).id(id).scope(SCOPE);
        let acl = call.send().await.or_fail(&doing)?.web_acl.ok_or_else(|| empty(name))?;
        let mut rules: Vec<_> = acl.rules().iter().collect();
        rules.sort_by_key(|rule| rule.priority());
        let rules = rules.into_iter().map(|rule| (rule.name(), rule.visibility_config()));
        let now = self.client.config().time_source().map_or_else(SystemTime::now, |clock| clock.now());
        let window = TimeWindow::builder().start_time((now - since).into()).end_time(now.into()).build();
        let window = &built(window)?;
        let looks = rules.chain([(DEFAULT, acl.visibility_config())]);
        try_join_all(looks.map(|(rule, visible)| self.samples(web_acl_arn, rule, visible, window))).await
    }

    /// Reads the samples of one rule. The metric of the web ACL itself is that of its default action.
    async fn samples(
        &self,
        web_acl_arn: &str,
        rule: &str,
        visible: Option<&VisibilityConfig>,
        window: &TimeWindow,
    ) -> Result<RuleTraffic, Failure> {
        let rule = rule.to_owned();
        let Some(visible) = visible.filter(|visible| visible.sampled_requests_enabled()) else {
            let window = (window.start_time().secs(), window.end_time().secs());
            return Ok(RuleTraffic { rule, sampling: false, population: 0, window, samples: Vec::new() });
        };
        let call = self.client.get_sampled_requests().web_acl_arn(web_acl_arn).scope(SCOPE).max_items(MOST);
        let call = call.rule_metric_name(visible.metric_name()).time_window(window.clone());
        let answer = call.send().await.or_fail(&format!("read the samples of {rule}")).map_err(explained)?;
        let window = answer.time_window().unwrap_or(window);
        Ok(RuleTraffic {
            rule,
            sampling: true,
            population: answer.population_size(),
            window: (window.start_time().secs(), window.end_time().secs()),
            samples: answer.sampled_requests().iter().map(sample).collect(),
        })
    }
}

fn explained(failure: Failure) -> Failure {
    if !UNKNOWN_CALL.is(&failure) {
        return failure;
    }
    Failure::refused("this endpoint keeps no samples of requests")
        .hint("AWS keeps samples; an emulator may store a web ACL's rules without applying them")
}

fn sample(sample: &SampledHttpRequest) -> Sample {
    let request = sample.request();
    let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Sample {
        at: sample.timestamp().map(DateTime::secs).unwrap_or_default(),
        address: owned(request.and_then(|request| request.client_ip())),
        country: owned(request.and_then(|request| request.country())),
        method: owned(request.and_then(|request| request.method())),
        path: owned(request.and_then(|request| request.uri())),
        action: owned(sample.action()),
        inner_rule: sample.rule_name_within_rule_group().map(str::to_owned),
        weight: sample.weight(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    const ARN: &str = "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/demo-web-acl/1-2-3";

    fn web_acl() -> String {
        let visible = |metric: &str, sampled: bool| {
            format!(r#"{{"MetricName":"{metric}","SampledRequestsEnabled":{sampled},"CloudWatchMetricsEnabled":true}}"#)
        };
        let rule = |name: &str, priority: i32, visible: String| {
            format!(r#"{{"Name":"{name}","Priority":{priority},"Statement":{{}},"VisibilityConfig":{visible}}}"#)
        };
        format!(
            r#"{{"WebACL":{{"Name":"demo-web-acl","Id":"1-2-3","ARN":"{ARN}","DefaultAction":{{"Allow":{{}}}},
                "Rules":[{},{}],"VisibilityConfig":{}}}}}"#,
            rule("silent", 10, visible("demo-silent", false)),
            rule("addresses-v4", 0, visible("demo-addresses-v4", true)),
            visible("demo-web-acl", true),
        )
    }

    const SAMPLES: &str = r#"{"PopulationSize":1200,"TimeWindow":{"StartTime":1000,"EndTime":2000},"SampledRequests":[
        {"Request":{"ClientIP":"203.0.113.7","Country":"DE","URI":"/development/lambda1","Method":"POST",
            "HTTPVersion":"HTTP/1.1","Headers":[{"Name":"authorization","Value":"eyJ-a-token"}]},
         "Weight":2,"Timestamp":1500.5,"Action":"COUNT","RuleNameWithinRuleGroup":"group#rule"}]}"#;

    #[tokio::test]
    async fn every_rule_in_its_order_and_then_the_default_action() {
        let none = r#"{"PopulationSize":0,"SampledRequests":[]}"#;
        let (clients, http) = replay(vec![(200, &web_acl()), (200, SAMPLES), (200, none)]);
        let rules = Wafv2::new(&clients).traffic(ARN, Duration::from_hours(3)).await.expect("samples");
        let told: Vec<_> = rules.iter().map(|rule| (rule.rule.as_str(), rule.sampling, rule.population)).collect();
        assert_eq!(told, [("addresses-v4", true, 1200), ("silent", false, 0), ("default action", true, 0)]);
        assert_eq!(rules[0].window, (1000, 2000));
        let sample = Sample {
            at: 1500,
            address: "203.0.113.7".into(),
            country: "DE".into(),
            method: "POST".into(),
            path: "/development/lambda1".into(),
            action: "COUNT".into(),
            inner_rule: Some("group#rule".into()),
            weight: 2,
        };
        assert_eq!(rules[0].samples, [sample]);
        assert!(!format!("{rules:?}").contains("eyJ-a-token"), "headers stay out of it");
        let asked = asked(&http);
        assert!(asked[0].1.contains(r#""Name":"demo-web-acl""#) && asked[0].1.contains(r#""Id":"1-2-3""#), "{asked:?}");
        assert!(asked[1].1.contains(r#""RuleMetricName":"demo-addresses-v4""#), "{asked:?}");
        assert!(asked[1].1.contains(r#""Scope":"REGIONAL""#) && asked[1].1.contains(r#""MaxItems":500"#), "{asked:?}");
        assert!(asked[2].1.contains(r#""RuleMetricName":"demo-web-acl""#), "{asked:?}");
    }

    #[tokio::test]
    async fn an_endpoint_without_the_call_is_told_apart_from_a_refusal() {
        for (code, words, hinted) in [
            ("InvalidAction", "this endpoint keeps no samples of requests", true),
            ("WAFInvalidParameterException", "could not read the samples of addresses-v4: no", false),
        ] {
            let answer = format!(r#"{{"__type":"{code}","message":"no"}}"#);
            let (clients, _) = replay(vec![(200, &web_acl()), (400, &answer), (400, &answer)]);
            let failure = Wafv2::new(&clients).traffic(ARN, Duration::from_hours(1)).await.expect_err("refused");
            assert_eq!((failure.to_string().as_str(), failure.hint.is_some()), (words, hinted));
        }
    }
}
