//! The log of a web ACL: one entry for each request, in a log group.
//!
//! AWS WAF itself allows the log's delivery in a resource policy of the account, which remains when the web ACL is
//! deleted (docs/aws.md, Logging of web ACLs).

use std::fmt;

use aws_sdk_wafv2::types::{FieldToMatch, FilterBehavior, LoggingConfiguration, LoggingFilter, SingleHeader};
use serde::{Deserialize, Serialize};

use super::refusals::{WAF_ASSOCIATION, WAF_TROUBLE};
use super::{TARGET, WEB_ACLS, Wafv2};
use crate::aws::error::{OrAbsent, OrFail, built};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::logs::{READ_GROUP, REPAIR_GROUP, retag_groups};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::settled;
use crate::aws::unsupported::{UNSUPPORTED, unless_unsupported};
use crate::aws::wafv2::SERVICE;
use crate::engine::{Comparison, Effect, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// Headers whose values are kept out of the log, because readers of the log could use them to act as the caller.
const SECRET_HEADERS: [&str; 2] = ["authorization", "cookie"];

/// AWS demands the prefix `aws-waf-logs-`. Some calls name a group with `:*` at the end and others without.
const LOG_GROUPS: &[&str] =
    &["{arn:logs}:log-group:aws-waf-logs-{stack}", "{arn:logs}:log-group:aws-waf-logs-{stack}:*"];

/// The logging configuration of a web ACL, which has at most one.
#[derive(Debug, Clone)]
pub struct Logging {
    pub web_acl_arn: String,
    /// Without `:*`. Its name begins with `aws-waf-logs-`.
    pub log_group_arn: String,
}

/// A logging configuration is looked up from its web ACL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoggingKey {
    pub(super) web_acl_arn: String,
}

/// A logging configuration has no id of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoggingOutputs {
    pub web_acl_arn: String,
}

/// The log of a web ACL, as read.
#[derive(Debug, Clone)]
pub enum LoggingLive {
    None,
    /// The endpoint is an emulator that keeps no logging configurations.
    Unsupported,
    Some(LoggingConfiguration),
}

impl fmt::Display for LoggingLive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Unsupported => f.write_str(UNSUPPORTED),
            Self::Some(live) => {
                write!(f, "{}, redacted: {}", destinations(live), redacted(live.redacted_fields()).join(", "))
            }
        }
    }
}

fn destinations(live: &LoggingConfiguration) -> String {
    // AWS may return the ARN of a log group with or without `:*`.
    let all: Vec<&str> = live.log_destination_configs().iter().map(|arn| arn.trim_end_matches(":*")).collect();
    all.join(", ")
}

/// The parts of a request that the log does not show, sorted.
fn redacted(fields: &[FieldToMatch]) -> Vec<String> {
    let part = |field: &FieldToMatch| match field.single_header() {
        Some(header) => format!("header {}", header.name().to_ascii_lowercase()),
        None if field.uri_path().is_some() => "path".to_owned(),
        None if field.query_string().is_some() => "query".to_owned(),
        None if field.method().is_some() => "method".to_owned(),
        None => "another part".to_owned(),
    };
    let mut parts: Vec<String> = fields.iter().map(part).collect();
    parts.sort();
    if parts.is_empty() { vec!["nothing".to_owned()] } else { parts }
}

/// A filter in words, and whether every request is still logged.
fn filter(live: Option<&LoggingFilter>) -> (String, Effect) {
    let Some(live) = live else { return ("none".to_owned(), Effect::Same) };
    let keeps = |behavior: &FilterBehavior| *behavior == FilterBehavior::Keep;
    let all = keeps(live.default_behavior()) && live.filters().iter().all(|filter| keeps(filter.behavior()));
    let (count, default) = (live.filters().len(), live.default_behavior().as_str());
    let words = format!("{count} filters, otherwise {default}");
    (words, if all { Effect::Differs } else { Effect::Weakens })
}

impl Logging {
    /// The names of the headers whose values are not logged.
    pub(crate) fn redacted() -> [&'static str; 2] {
        SECRET_HEADERS
    }
}

impl Resource for Logging {
    const KIND: &'static str = "wafv2.logging";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true;
    type Key = LoggingKey;
    type Outputs = LoggingOutputs;
    type Live = LoggingLive;

    fn key(&self) -> LoggingKey {
        LoggingKey { web_acl_arn: self.web_acl_arn.clone() }
    }

    fn identity(outputs: &LoggingOutputs) -> String {
        format!("log of {}", outputs.web_acl_arn)
    }

    fn removal_command(outputs: &LoggingOutputs) -> Option<String> {
        Some(format!("aws wafv2 delete-logging-configuration --resource-arn {}", outputs.web_acl_arn))
    }

    fn compare(&self, live: &LoggingLive) -> Comparison {
        let field = "LoggingConfiguration.LogDestinationConfigs";
        let compared = Comparison::default();
        let live = match live {
            LoggingLive::Some(live) => live,
            LoggingLive::Unsupported => {
                return compared.judged(field, &self.log_group_arn, UNSUPPORTED, Effect::Same);
            }
            LoggingLive::None => return compared.guard(field, &self.log_group_arn, "none"),
        };
        let want: Vec<String> = SECRET_HEADERS.map(|name| format!("header {name}")).to_vec();
        let found = redacted(live.redacted_fields());
        let effect = if want == found {
            Effect::Same
        } else if want.iter().all(|part| found.contains(part)) {
            Effect::Differs
        } else {
            Effect::Weakens
        };
        let (words, filters) = filter(live.logging_filter());
        compared
            .guard(field, &self.log_group_arn, destinations(live))
            .judged("LoggingConfiguration.RedactedFields", want.join(", "), found.join(", "), effect)
            .judged("LoggingConfiguration.LoggingFilter", "none", words, filters)
    }
}

impl Described for Logging {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "logging configuration",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Waf,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: WEB_ACLS,
                rights: &[Permissions { needs: &[Usage::Read], actions: &["wafv2:GetLoggingConfiguration"] }],
            },
            // AWS WAF does not see the web ACL's tags here (docs/aws.md, Logging of web ACLs).
            StatementTemplate {
                sid: Sid::OwnByName,
                on: WEB_ACLS,
                rights: &[
                    Permissions { needs: &[Usage::Create, Usage::Update], actions: &["wafv2:PutLoggingConfiguration"] },
                    Permissions { needs: &[Usage::Delete], actions: &["wafv2:DeleteLoggingConfiguration"] },
                ],
            },
            // AWS WAF sets up the delivery for its caller. These permissions cannot be limited to a log group.
            StatementTemplate {
                sid: Sid::DeliverAccessLogs,
                on: &["*"],
                rights: &[
                    Permissions {
                        needs: &[Usage::Create, Usage::Update],
                        actions: &["logs:CreateLogDelivery", "logs:DescribeResourcePolicies", "logs:PutResourcePolicy"],
                    },
                    Permissions { needs: &[Usage::Delete], actions: &["logs:DeleteLogDelivery"] },
                ],
            },
            // The log group. Like the groups of functions, it is recognised by its name.
            StatementTemplate {
                sid: Sid::FindOwn,
                on: LOG_GROUPS,
                rights: &[
                    READ_GROUP,
                    Permissions { needs: &[Usage::Read, Usage::Survivors], actions: &["logs:ListTagsForResource"] },
                ],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: LOG_GROUPS,
                rights: &[
                    REPAIR_GROUP,
                    Permissions {
                        needs: &[Usage::Create, Usage::Update],
                        actions: &["logs:AssociateKmsKey", "logs:PutRetentionPolicy"],
                    },
                    Permissions { needs: &[Usage::Delete], actions: &["logs:DeleteLogGroup"] },
                ],
            },
            retag_groups(LOG_GROUPS),
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: LOG_GROUPS,
                rights: &[Permissions {
                    needs: &[Usage::Create],
                    actions: &["logs:CreateLogGroup", "logs:TagResource"],
                }],
            },
        ],
        rates: &[
            Rate::one_in(1, Calls::Operations(TARGET, &["PutLoggingConfiguration"])),
            Rate::one_in(1, Calls::Operations(TARGET, &["DeleteLoggingConfiguration"])),
        ],
        check: SettingsCheck {
            layer: Layer::Firewall,
            subject: "logging of the web ACL",
            holds: "requests are logged, without tokens and cookies",
            read: "GetLoggingConfiguration",
        },
    };
}

impl Wafv2 {
    /// The log of a web ACL.
    pub(super) async fn log_of(&self, web_acl_arn: &str) -> Result<LoggingLive, Failure> {
        let call = self.client.get_logging_configuration().resource_arn(web_acl_arn).send().await;
        let answer = call.or_fail(&format!("read the logging of {web_acl_arn}")).or_absent();
        let Some(answer) = unless_unsupported(self.emulator, answer)? else { return Ok(LoggingLive::Unsupported) };
        Ok(answer.and_then(|answer| answer.logging_configuration).map_or(LoggingLive::None, LoggingLive::Some))
    }

    /// Logs to this group, in place of any other.
    async fn log_to(&self, want: &Logging, task: &Task) -> Result<LoggingOutputs, Failure> {
        let mut config = LoggingConfiguration::builder().resource_arn(&want.web_acl_arn);
        config = config.log_destination_configs(&want.log_group_arn);
        for name in SECRET_HEADERS {
            let header = built(SingleHeader::builder().name(name).build())?;
            config = config.redacted_fields(FieldToMatch::builder().single_header(header).build());
        }
        let config = built(config.build())?;
        // The call replaces the whole configuration, so it may be repeated.
        let put = settled(task, &[&WAF_ASSOCIATION, &WAF_TROUBLE], || async {
            let call = self.client.put_logging_configuration().logging_configuration(config.clone());
            call.send().await.or_fail(&format!("turn on the logging of the web ACL {}", want.web_acl_arn))
        });
        unless_unsupported(self.emulator, put.await)?;
        Ok(LoggingOutputs { web_acl_arn: want.web_acl_arn.clone() })
    }
}

impl Provider<Logging> for Wafv2 {
    /// On an emulator that keeps no logging configurations, every web ACL counts as logged, so that a run continues.
    async fn read(
        &self,
        key: &LoggingKey,
        _: Option<&LoggingOutputs>,
        _: &Task,
    ) -> Result<Option<Found<Logging>>, Failure> {
        let live = self.log_of(&key.web_acl_arn).await?;
        if matches!(live, LoggingLive::Unsupported) && self.owns(&key.web_acl_arn).await?.is_none() {
            return Ok(None);
        }
        let outputs = LoggingOutputs { web_acl_arn: key.web_acl_arn.clone() };
        Ok((!matches!(live, LoggingLive::None)).then_some(Found { outputs, live }))
    }

    async fn create(&self, want: &Logging, task: &Task) -> Result<LoggingOutputs, Failure> {
        self.log_to(want, task).await
    }

    async fn update(&self, want: &Logging, _: &Found<Logging>, task: &Task) -> Result<LoggingOutputs, Failure> {
        self.log_to(want, task).await
    }

    async fn delete(&self, gone: &LoggingOutputs, task: &Task) -> Result<(), Failure> {
        let deleted = settled(task, &[&WAF_TROUBLE], || async {
            let call = self.client.delete_logging_configuration().resource_arn(&gone.web_acl_arn);
            call.send().await.or_fail(&format!("stop the logging of {}", gone.web_acl_arn))
        });
        unless_unsupported(self.emulator, deleted.await.or_absent()).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::Clients;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Drift;

    const ACL: &str = "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/demo-web-acl/1-2";
    const GROUP: &str = "arn:aws:logs:eu-central-1:123456789012:log-group:aws-waf-logs-demo";
    const UNKNOWN: &str = r#"{"__type": "InvalidAction", "message": "Unknown WAF action: GetLoggingConfiguration"}"#;
    const ABSENT: &str = r#"{"__type": "WAFNonexistentItemException", "Message": "no such thing"}"#;

    fn want() -> Logging {
        Logging { web_acl_arn: ACL.into(), log_group_arn: GROUP.into() }
    }

    async fn read(waf: &Wafv2) -> Result<Option<Found<Logging>>, Failure> {
        Provider::<Logging>::read(waf, &want().key(), None, &Task::detached("x")).await
    }

    #[tokio::test]
    async fn every_change_of_the_log_is_compared() {
        let header = |name: &str| json!({"SingleHeader": {"Name": name}});
        let secrets = || vec![header("authorization"), header("cookie")];
        let filter = |default: &str| {
            let blocked = json!({"ActionCondition": {"Action": "BLOCK"}});
            let keep = json!({"Behavior": "KEEP", "Requirement": "MEETS_ANY", "Conditions": [blocked]});
            json!({"Filters": [keep], "DefaultBehavior": default})
        };
        let (path, destination) = (json!({"UriPath": {}}), "LoggingConfiguration.LogDestinationConfigs");
        let (fields, filters) = ("LoggingConfiguration.RedactedFields", "LoggingConfiguration.LoggingFilter");
        let more = [secrets(), vec![path]].concat();
        let (both, group) = ("header authorization, header cookie", format!("{GROUP}:*"));
        for (to, redacted, filtered, expected) in [
            (group.as_str(), secrets(), None, vec![]),
            (GROUP, secrets().into_iter().rev().collect(), None, vec![]),
            ("arn:bucket", secrets(), None, vec![Drift::weakening(destination, GROUP, "arn:bucket")]),
            (GROUP, vec![header("Cookie")], None, vec![Drift::weakening(fields, both, "header cookie")]),
            (GROUP, vec![], None, vec![Drift::weakening(fields, both, "nothing")]),
            (GROUP, more, None, vec![Drift::new(fields, both, format!("{both}, path"))]),
            (
                GROUP,
                secrets(),
                Some(filter("DROP")),
                vec![Drift::weakening(filters, "none", "1 filters, otherwise DROP")],
            ),
            (GROUP, secrets(), Some(filter("KEEP")), vec![Drift::new(filters, "none", "1 filters, otherwise KEEP")]),
        ] {
            let mut live = json!({"ResourceArn": ACL, "LogDestinationConfigs": [to], "RedactedFields": redacted});
            if let Some(filtered) = filtered {
                live["LoggingFilter"] = filtered;
            }
            let answer = json!({"LoggingConfiguration": live}).to_string();
            let (clients, _) = replay(vec![(200, &answer)]);
            let found = read(&Wafv2::new(&clients)).await.expect("an answer").expect("a log");
            assert_eq!(want().drift(&found.live), expected);
        }
    }

    #[tokio::test]
    async fn tokens_and_cookies_are_kept_out_of_the_log() {
        let (clients, http) = replay(vec![(200, "{}")]);
        Wafv2::new(&clients).create(&want(), &Task::detached("x")).await.expect("a log");
        let asked = asked(&http);
        let sent: serde_json::Value = serde_json::from_str(&asked[0].1).expect("JSON");
        let headers = ["authorization", "cookie"].map(|name| json!({"SingleHeader": {"Name": name}}));
        let expected = json!({"LoggingConfiguration": {
            "ResourceArn": ACL, "LogDestinationConfigs": [GROUP], "RedactedFields": headers}});
        assert_eq!((asked[0].0.as_str(), sent), ("PutLoggingConfiguration", expected));
    }

    #[tokio::test]
    async fn only_an_emulator_may_keep_no_logging_configuration() {
        let (clients, _) = replay(vec![(400, UNKNOWN), (400, UNKNOWN), (400, UNKNOWN)]);
        let aws = Wafv2::new(&clients);
        assert!(read(&aws).await.is_err());
        assert!(aws.create(&want(), &Task::detached("x")).await.is_err());
        let gone = LoggingOutputs { web_acl_arn: ACL.into() };
        assert!(Provider::<Logging>::delete(&aws, &gone, &Task::detached("x")).await.is_err());

        let tags = r#"{"TagInfoForResource": {"TagList": [{"Key": "securelambda:stack", "Value": "demo"}]}}"#;
        let unknown = (400, UNKNOWN);
        let (clients, http) = replay(vec![unknown, (200, tags), unknown, unknown, unknown, (400, ABSENT)]);
        let sdk = clients.sdk.into_builder().endpoint_url("http://127.0.0.1:9").build();
        let emulator = Wafv2::new(&Clients::new(sdk, clients.scope));
        let found = read(&emulator).await.expect("an answer").expect("it counts as there");
        let compared = want().compare(&found.live);
        assert!(compared.is_as_wanted());
        assert_eq!(compared.settings()[0].live, UNSUPPORTED);
        assert!(emulator.create(&want(), &Task::detached("x")).await.is_ok());
        assert_eq!(Provider::<Logging>::delete(&emulator, &gone, &Task::detached("x")).await, Ok(()));
        assert!(read(&emulator).await.expect("an answer").is_none(), "it is gone with its web ACL");
        assert_eq!(asked(&http).len(), 6);
    }

    #[tokio::test]
    async fn a_web_acl_without_a_log_has_none_and_a_missing_one_is_deleted() {
        let (clients, _) = replay(vec![(400, ABSENT), (400, ABSENT)]);
        let waf = Wafv2::new(&clients);
        assert!(read(&waf).await.expect("an answer").is_none());
        let gone = LoggingOutputs { web_acl_arn: ACL.into() };
        assert_eq!(Provider::<Logging>::delete(&waf, &gone, &Task::detached("x")).await, Ok(()));
    }
}
