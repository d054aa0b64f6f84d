//! The parts of a function that let somebody call it, or receive its events and results: statements of its resource
//! policy, function URLs, destinations, event source mappings, aliases and versions.

use std::collections::BTreeSet;

use aws_sdk_lambda::types::{AliasConfiguration, FunctionEventInvokeConfig, RecursiveLoop, UpdateRuntimeOn};
use serde_json::Value;

use super::alias::weights;
use super::refusals::NO_MANAGED_RUNTIME;
use super::{Alias, EventSourceMapping, Lambda, Permission};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::pages::side_by_side;
use crate::aws::unsupported;
use crate::choices::LIVE;
use crate::engine::{Cause, Failure, Task};
use crate::policy::Policy;

/// How many aliases and versions are read at the same time. A function of a stack has at most one of each.
const QUALIFIERS_AT_ONCE: usize = 4;

/// Regions of the partition `aws` that have no function URLs (docs/aws.md, Access to functions).
const WITHOUT_URLS: [&str; 7] =
    ["ap-south-2", "ap-southeast-4", "ca-west-1", "eu-central-2", "eu-south-2", "il-central-1", "me-central-1"];

/// Regions of the partition `aws` that do not detect recursive loops (docs/aws.md, Access to functions).
const WITHOUT_RECURSION: [&str; 2] = ["ap-southeast-6", "mx-central-1"];

/// The live value of a setting that the region does not have.
const NOT_OFFERED: &str = "not offered in this region";

/// The live value of the runtime's updates if the function has a runtime of its own, in a container image.
const NOT_MANAGED: &str = "not managed by Lambda";

/// The live value of a setting that was not read.
const NOT_READ: &str = "not read";

/// The value of a setting, or the reason why it has no value.
pub(super) type Reading = Result<String, &'static str>;

/// The parts of a function, as read from AWS.
#[derive(Debug, Clone)]
pub struct Access {
    pub(super) statements: Vec<Statement>,
    pub(super) urls: Vec<Url>,
    pub(super) invoke_configs: Vec<InvokeConfig>,
    pub(super) mappings: Vec<Mapping>,
    pub(super) aliases: Vec<String>,
    /// The versions to which the alias `live` sends calls.
    pub(super) live_versions: BTreeSet<String>,
    /// Published versions: `1`, `2` and so on.
    pub(super) versions: Vec<String>,
    /// The mode of the runtime's updates: `Auto`, `FunctionUpdate` or `Manual`.
    pub(super) runtime_updates: Reading,
    /// The handling of recursive loops: `Terminate` or `Allow`.
    pub(super) recursion: Reading,
    /// The statements that the state has: their ids, and their aliases, if they belong to an alias. The engine removes
    /// the statements that are not wanted any more.
    pub(super) recorded: BTreeSet<(String, Option<String>)>,
    /// Whether the state has the alias `live`.
    pub(super) recorded_alias: bool,
    /// The sources of the mappings that the state has.
    pub(super) recorded_sources: BTreeSet<String>,
}

/// A statement of a function's resource policy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statement {
    /// AddPermission demands an id, PutResourcePolicy does not.
    pub sid: Option<String>,
    /// The alias or version that it is about, if it is not about the function as a whole.
    pub qualifier: Option<String>,
    pub denies: bool,
    /// Its id, and its content in JSON.
    pub words: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Url {
    /// The alias that it calls.
    pub qualifier: Option<String>,
    pub words: String,
}

/// The configuration of asynchronous calls.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct InvokeConfig {
    /// As AWS writes it: `$LATEST`, an alias or a version.
    pub qualifier: Option<String>,
    /// The ARNs of the destinations for the results of successful calls, and for the requests of failed calls.
    pub on_success: Option<String>,
    pub on_failure: Option<String>,
    pub words: String,
}

/// An event source that calls the function.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mapping {
    pub uuid: String,
    /// The ARN of its source. A source outside AWS has none.
    pub source: Option<String>,
    /// The alias or version that it calls, if it does not call the function as a whole.
    pub qualifier: Option<String>,
    pub words: String,
}

/// The alias or version in a function's ARN.
pub(super) fn qualifier_of(arn: &str) -> Option<String> {
    arn.split(':').nth(7).map(str::to_owned)
}

fn on(qualifier: Option<&String>) -> String {
    qualifier.map(|qualifier| format!(" on {qualifier}")).unwrap_or_default()
}

impl Access {
    /// Empty values, for a function whose parts were not read.
    pub(super) fn unread() -> Self {
        Self {
            statements: Vec::new(),
            urls: Vec::new(),
            invoke_configs: Vec::new(),
            mappings: Vec::new(),
            aliases: Vec::new(),
            live_versions: BTreeSet::new(),
            versions: Vec::new(),
            runtime_updates: Err(NOT_READ),
            recursion: Err(NOT_READ),
            recorded: BTreeSet::new(),
            recorded_alias: false,
            recorded_sources: BTreeSet::new(),
        }
    }
}

impl Statement {
    fn new(statement: &Value) -> Self {
        let sid = statement["Sid"].as_str().map(str::to_owned);
        let qualifier = statement["Resource"].as_str().and_then(qualifier_of);
        let mut content = statement.clone();
        if let Some(elements) = content.as_object_mut() {
            elements.retain(|element, _| !["Sid", "Resource"].contains(&element.as_str()));
        }
        let name = sid.as_deref().unwrap_or("(no id)");
        let words = format!("{name}{}: {content}", on(qualifier.as_ref()));
        Self { qualifier, denies: statement["Effect"] == "Deny", words, sid }
    }
}

impl InvokeConfig {
    fn new(config: &FunctionEventInvokeConfig) -> Self {
        let arn = |arn: Option<&str>| arn.filter(|arn| !arn.is_empty()).map(str::to_owned);
        let to = config.destination_config();
        let on_success = arn(to.and_then(|to| to.on_success()).and_then(|to| to.destination()));
        let on_failure = arn(to.and_then(|to| to.on_failure()).and_then(|to| to.destination()));
        let settings = [
            ("OnSuccess", on_success.clone()),
            ("OnFailure", on_failure.clone()),
            ("MaximumRetryAttempts", config.maximum_retry_attempts().map(|tries| tries.to_string())),
            ("MaximumEventAgeInSeconds", config.maximum_event_age_in_seconds().map(|age| age.to_string())),
        ];
        let settings = settings.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?)));
        let qualifier = config.function_arn().and_then(qualifier_of);
        let name = qualifier.as_deref().unwrap_or("$LATEST");
        let words = format!("{name} ({})", settings.collect::<Vec<_>>().join(", "));
        Self { qualifier, on_success, on_failure, words }
    }
}

/// A list that is empty if the function does not exist any more.
fn all<T>(answer: Result<Vec<T>, Failure>) -> Result<Vec<T>, Failure> {
    Ok(answer.or_absent()?.unwrap_or_default())
}

/// `None` if the region lacks the feature and refuses the call. Everywhere else, a refusal is a failure.
fn offered<T>(answer: Result<T, Failure>, lacking: bool) -> Result<Option<T>, Failure> {
    match answer {
        Err(failure) if lacking && failure.cause == Cause::Refused => Ok(None),
        answer => answer.map(Some),
    }
}

impl Lambda {
    /// Reads the parts of a function, in parallel. If there are aliases or versions, reads their statements and
    /// mappings, too.
    pub(super) async fn access(&self, function: &str, task: &Task) -> Result<Access, Failure> {
        let (statements, urls, invoke_configs, mappings, aliases, versions, runtime_updates, recursion) = tokio::join!(
            self.statements(function, None),
            self.urls(function),
            self.invoke_configs(function),
            self.mappings(function.to_owned()),
            self.aliases(function),
            self.versions(function),
            self.runtime_updates(function),
            self.recursion(function),
        );
        let (aliases, live_versions) = aliases?;
        let mut access = Access {
            statements: statements?,
            urls: urls?,
            invoke_configs: invoke_configs?,
            mappings: mappings?,
            aliases,
            live_versions,
            versions: versions?,
            runtime_updates: runtime_updates?,
            recursion: recursion?,
            recorded: task.recorded_parts::<Permission>().map(|key| (key.sid, key.alias)).collect(),
            recorded_alias: task.recorded_parts::<Alias>().next().is_some(),
            recorded_sources: task.recorded_parts::<EventSourceMapping>().map(|key| key.source_arn).collect(),
        };
        let qualifiers: Vec<&String> = access.aliases.iter().chain(&access.versions).collect();
        let statements = qualifiers.iter().map(|qualifier| self.statements(function, Some(qualifier)));
        let statements = side_by_side(QUALIFIERS_AT_ONCE, statements.collect()).await?;
        let arn = |qualifier: &&String| self.scope.arn("lambda", &format!("function:{function}:{qualifier}"));
        let mappings = qualifiers.iter().map(|qualifier| self.mappings(arn(qualifier)));
        let mappings = side_by_side(QUALIFIERS_AT_ONCE, mappings.collect()).await?;
        for statement in statements.into_iter().flatten() {
            if !access.statements.contains(&statement) {
                access.statements.push(statement);
            }
        }
        for mapping in mappings.into_iter().flatten() {
            if !access.mappings.contains(&mapping) {
                access.mappings.push(mapping);
            }
        }
        Ok(access)
    }

    /// The statements of the resource policy of a function, or of its alias or version.
    async fn statements(&self, function: &str, qualifier: Option<&String>) -> Result<Vec<Statement>, Failure> {
        let policy = self.policy(function, qualifier.cloned()).await?;
        Ok(policy.iter().flat_map(Policy::statements).map(Statement::new).collect())
    }

    /// The resource policy of a function, or of its alias or version. `None` if there is no policy or no function.
    pub(super) async fn policy(&self, function: &str, qualifier: Option<String>) -> Result<Option<Policy>, Failure> {
        let doing = format!("read the permissions of the function {function}");
        let read = self.client.get_policy().function_name(function).set_qualifier(qualifier).send().await;
        let Some(policy) = read.or_fail(&doing).or_absent()?.and_then(|answer| answer.policy) else {
            return Ok(None);
        };
        let parsed = Policy::parse(&policy);
        parsed.map(Some).map_err(|error| {
            Failure::refused(format!("could not {doing}: Lambda's answer is not a policy document: {error}"))
        })
    }

    async fn urls(&self, function: &str) -> Result<Vec<Url>, Failure> {
        let read = self.client.list_function_url_configs().function_name(function).into_paginator().items().send();
        let read = read.collect::<Result<Vec<_>, _>>().await.or_fail(&format!("list the URLs of {function}"));
        let lacking = self.scope.partition == "aws-cn" || WITHOUT_URLS.contains(&self.scope.region.as_str());
        let url = |url: aws_sdk_lambda::types::FunctionUrlConfig| {
            let qualifier = qualifier_of(url.function_arn());
            let words = format!("{}{} (AuthType {})", url.function_url(), on(qualifier.as_ref()), url.auth_type());
            Url { qualifier, words }
        };
        Ok(offered(all(read), lacking)?.unwrap_or_default().into_iter().map(url).collect())
    }

    async fn invoke_configs(&self, function: &str) -> Result<Vec<InvokeConfig>, Failure> {
        let read = self.client.list_function_event_invoke_configs().function_name(function);
        let read = read.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let doing = format!("list the destinations of {function}");
        Ok(all(read.or_fail(&doing))?.iter().map(InvokeConfig::new).collect())
    }

    /// The event source mappings of a function, by its name, or of its alias or version, by its ARN.
    async fn mappings(&self, function: String) -> Result<Vec<Mapping>, Failure> {
        let read = self.client.list_event_source_mappings().function_name(&function);
        let read = read.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let read = all(read.or_fail(&format!("list the event sources of {function}")))?;
        let there = read.into_iter().filter(|mapping| mapping.state() != Some("Deleting"));
        let mapping = |mapping: aws_sdk_lambda::types::EventSourceMappingConfiguration| {
            let source = mapping.event_source_arn().map(str::to_owned);
            let qualifier = mapping.function_arn().and_then(qualifier_of);
            let uuid = mapping.uuid().unwrap_or_default().to_owned();
            let from = source.as_deref().unwrap_or("a self-managed source");
            let words = format!("{uuid}{} (from {from})", on(qualifier.as_ref()));
            Mapping { uuid, source, qualifier, words }
        };
        Ok(there.map(mapping).collect())
    }

    /// The names of a function's aliases, and the versions to which the one called `live` sends calls.
    async fn aliases(&self, function: &str) -> Result<(Vec<String>, BTreeSet<String>), Failure> {
        let read = self.client.list_aliases().function_name(function).into_paginator().items().send();
        let read = read.collect::<Result<Vec<_>, _>>().await.or_fail(&format!("list the aliases of {function}"));
        let read = all(read)?;
        let live = read.iter().filter(|alias| alias.name() == Some(LIVE));
        let versions = |alias: &AliasConfiguration| {
            let others = weights(alias).into_iter().map(|(version, _)| version);
            others.chain(alias.function_version().map(str::to_owned)).collect::<Vec<_>>()
        };
        let live = live.flat_map(versions).collect();
        Ok((read.into_iter().filter_map(|alias| alias.name).collect(), live))
    }

    async fn versions(&self, function: &str) -> Result<Vec<String>, Failure> {
        let read = self.client.list_versions_by_function().function_name(function).into_paginator().items().send();
        let read = read.collect::<Result<Vec<_>, _>>().await.or_fail(&format!("list the versions of {function}"));
        let versions = all(read)?.into_iter().filter_map(|version| version.version);
        Ok(versions.filter(|version| version != "$LATEST").collect())
    }

    async fn runtime_updates(&self, function: &str) -> Result<Reading, Failure> {
        let read = self.client.get_runtime_management_config().function_name(function).send().await;
        let read = match read.or_fail(&format!("read the mode of runtime updates of {function}")).or_absent() {
            Err(refused) if NO_MANAGED_RUNTIME.is(&refused) => return Ok(Err(NOT_MANAGED)),
            read => read?,
        };
        let auto = UpdateRuntimeOn::Auto;
        Ok(match read {
            // The emulator answers calls that it does not know as if the function did not exist.
            None if self.emulated => Err(unsupported::UNSUPPORTED),
            read => {
                let mode = read.as_ref().and_then(|read| read.update_runtime_on()).unwrap_or(&auto);
                Ok(mode.as_str().to_owned())
            }
        })
    }

    async fn recursion(&self, function: &str) -> Result<Reading, Failure> {
        let read = self.client.get_function_recursion_config().function_name(function).send().await;
        let read = read.or_fail(&format!("read the recursion settings of {function}")).or_absent();
        let lacking = self.scope.partition != "aws" || WITHOUT_RECURSION.contains(&self.scope.region.as_str());
        let terminate = RecursiveLoop::Terminate;
        Ok(offered(read, lacking)?.ok_or(NOT_OFFERED).map(|read| {
            let mode = read.as_ref().and_then(|read| read.recursive_loop()).unwrap_or(&terminate);
            mode.as_str().to_owned()
        }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::super::sample::{ABSENT, ARN, found, found_by, policy, reads, task, want};
    use super::super::{Function, PermissionOutputs};
    use super::*;
    use crate::aws::testing::{replay, requests};
    use crate::engine::{Provider, Resource as _};

    /// The field and the live value of the difference if the list at `path` is `answer`.
    async fn differs(path: &str, answer: &Value) -> (String, String) {
        let (lambda, _) = reads(&[(path, 200, &answer.to_string())]);
        let drift = want().drift(&found_by(&lambda, &task()).await.unwrap().live);
        let [one] = drift.as_slice() else { panic!("{path}: {drift:?}") };
        assert!(one.weakens, "{path}: {one:?}");
        (one.field.clone(), one.live.clone())
    }

    #[tokio::test]
    async fn what_others_added_is_named_with_its_ids() {
        let open = json!({ "Sid": "open", "Action": "lambda:InvokeFunctionUrl",
            "Condition": { "StringEquals": { "lambda:FunctionUrlAuthType": "NONE" } }, "Effect": "Allow",
            "Principal": "*", "Resource": ARN });
        let url = json!({ "FunctionUrl": "https://x.on.aws/", "FunctionArn": format!("{ARN}:live"), "AuthType": "NONE",
            "CreationTime": "t", "LastModifiedTime": "t" });
        let destination = json!({ "FunctionArn": format!("{ARN}:$LATEST"), "MaximumRetryAttempts": 0,
            "DestinationConfig": { "OnSuccess": { "Destination": "arn:q" }, "OnFailure": {} } });
        let mapping = json!({ "UUID": "u-1", "EventSourceArn": "arn:q", "FunctionArn": ARN, "State": "Enabled" });
        for (path, answer, field, live) in [
            (
                "functions/demo-f/policy",
                serde_json::from_str(&policy(&[open])).unwrap(),
                "Policy.Statement",
                "open: {\"Action\":\"lambda:InvokeFunctionUrl\",\"Condition\":{\"StringEquals\":\
                 {\"lambda:FunctionUrlAuthType\":\"NONE\"}},\"Effect\":\"Allow\",\"Principal\":\"*\"}",
            ),
            (
                "functions/demo-f/urls",
                json!({ "FunctionUrlConfigs": [url] }),
                "FunctionUrlConfigs",
                "https://x.on.aws/ on live (AuthType NONE)",
            ),
            (
                "functions/demo-f/event-invoke-config/list",
                json!({ "FunctionEventInvokeConfigs": [destination] }),
                "FunctionEventInvokeConfigs",
                "$LATEST (OnSuccess arn:q, MaximumRetryAttempts 0)",
            ),
            (
                "event-source-mappings?FunctionName=demo-f",
                json!({ "EventSourceMappings": [mapping] }),
                "EventSourceMappings",
                "u-1 (from arn:q)",
            ),
            ("functions/demo-f/aliases", json!({ "Aliases": [{ "Name": "live" }] }), "Aliases", "live"),
            (
                "functions/demo-f/versions",
                json!({ "Versions": [{ "Version": "$LATEST" }, { "Version": "3" }] }),
                "Versions",
                "3",
            ),
        ] {
            assert_eq!(differs(path, &answer).await, (field.to_owned(), live.to_owned()));
        }
    }

    #[tokio::test]
    async fn permissions_and_event_sources_of_aliases_and_versions_are_found() {
        let on_alias = json!({ "Sid": "open", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction",
            "Resource": format!("{ARN}:live") });
        let mapping = json!({ "EventSourceMappings": [{ "UUID": "u-1", "FunctionArn": format!("{ARN}:live") }] });
        let by_alias = format!("event-source-mappings?FunctionName={}", format!("{ARN}:live").replace(':', "%3A"));
        let (lambda, _) = reads(&[
            ("functions/demo-f/aliases", 200, r#"{"Aliases":[{"Name":"live"}]}"#),
            ("functions/demo-f/policy?Qualifier=live", 200, &policy(&[on_alias])),
            (&by_alias, 200, &mapping.to_string()),
        ]);
        let live = found_by(&lambda, &task()).await.unwrap().live;
        let want = want();
        let foreign: Vec<&Statement> = want.foreign_statements(&live).collect();
        assert_eq!(foreign.len(), 1);
        assert_eq!((foreign[0].sid.as_deref(), foreign[0].qualifier.as_deref()), (Some("open"), Some("live")));
        assert_eq!(live.access.mappings[0].words, "u-1 on live (from a self-managed source)");
    }

    #[tokio::test]
    async fn statements_that_the_engine_removes_are_left_to_it() {
        let old = json!({ "Sid": "securelambda-api-old", "Effect": "Allow", "Resource": ARN,
            "Principal": { "Service": "apigateway.amazonaws.com" }, "Action": "lambda:InvokeFunction" });
        let (lambda, _) = reads(&[("functions/demo-f/policy", 200, &policy(&[old]))]);
        let key = PermissionOutputs { function: "demo-f".into(), sid: "securelambda-api-old".into(), alias: None };
        let recorded = task().with_parts_of::<Permission>([key]);
        assert_eq!(want().drift(&found_by(&lambda, &recorded).await.unwrap().live), []);
        assert_eq!(want().drift(&found_by(&lambda, &task()).await.unwrap().live).len(), 1);
    }

    #[tokio::test]
    async fn a_mapping_that_is_being_deleted_is_gone() {
        let mapping = r#"{"EventSourceMappings":[{"UUID":"u-1","State":"Deleting"}]}"#;
        let (lambda, _) = reads(&[("event-source-mappings?FunctionName=demo-f", 200, mapping)]);
        assert_eq!(want().drift(&found_by(&lambda, &task()).await.unwrap().live), []);
    }

    #[tokio::test]
    async fn an_unknown_call_is_tolerated_only_on_an_emulator() {
        let path = "functions/demo-f/runtime-management-config";
        for (emulated, reading) in [(true, Err("not supported by the emulator")), (false, Ok("Auto".to_owned()))] {
            let (lambda, _) = reads(&[(path, 404, ABSENT)]);
            let lambda = Lambda { emulated, ..lambda };
            assert_eq!(found_by(&lambda, &task()).await.unwrap().live.access.runtime_updates, reading);
        }
    }

    #[tokio::test]
    async fn a_function_may_have_no_runtime_that_lambda_manages() {
        let refused = r#"{"__type":"InvalidParameterValueException","Message":"no"}"#;
        let (lambda, _) = reads(&[("functions/demo-f/runtime-management-config", 400, refused)]);
        assert_eq!(found_by(&lambda, &task()).await.unwrap().live.access.runtime_updates, Err(NOT_MANAGED));
    }

    #[tokio::test]
    async fn a_region_without_a_feature_may_refuse_its_calls() {
        let denied = r#"{"__type":"AccessDeniedException","Message":"no"}"#;
        let answers = [("functions/demo-f/urls", 403, denied), ("functions/demo-f/recursion-config", 403, denied)];
        for (partition, region, offered) in [("aws-cn", "cn-north-1", false), ("aws", "eu-central-1", true)] {
            let (lambda, _) = reads(&answers);
            let mut scope = lambda.scope.clone();
            (scope.partition, scope.region) = (partition.into(), region.into());
            let read = found_by(&Lambda { scope, ..lambda }, &task()).await;
            if offered {
                assert_eq!(read.unwrap_err().cause, Cause::Refused);
            } else {
                assert_eq!(read.unwrap().live.access.recursion, Err(NOT_OFFERED));
            }
        }
    }

    #[tokio::test]
    async fn everything_foreign_is_removed_and_nothing_else() {
        let mut found = found().await;
        let statement = |sid: &str, qualifier: Option<&str>| Statement {
            sid: Some(sid.into()),
            qualifier: qualifier.map(str::to_owned),
            denies: false,
            words: sid.into(),
        };
        found.live.access = Access {
            statements: vec![
                statement("securelambda-topic", None),
                statement("open", None),
                statement("open", Some("live")),
            ],
            urls: vec![Url { qualifier: None, words: "a URL".into() }],
            invoke_configs: vec![InvokeConfig {
                qualifier: Some("$LATEST".into()),
                on_success: None,
                on_failure: None,
                words: "one".into(),
            }],
            mappings: vec![Mapping { uuid: "u-1".into(), source: None, qualifier: None, words: "u-1".into() }],
            aliases: vec!["live".into()],
            versions: vec!["1".into()],
            ..found.live.access
        };
        let (clients, http) = replay(vec![
            (204, ""),
            (204, ""),
            (204, ""),
            (404, ABSENT),
            (204, ""),
            (202, "{}"),
            (204, ""),
            (409, r#"{"__type":"ResourceConflictException","Message":"An update is in progress for resource"}"#),
            (204, ""),
        ]);
        Provider::<Function>::update(&Lambda::new(&clients), &want(), &found, &task()).await.unwrap();
        let requests: Vec<String> = requests(&http).iter().map(|request| request.trim_end().to_owned()).collect();
        let expected = [
            "DELETE /2015-03-31/functions/demo-f/policy/open",
            "DELETE /2015-03-31/functions/demo-f/policy/open?Qualifier=live",
            "DELETE /2021-10-31/functions/demo-f/url",
            "DELETE /2021-10-31/functions/demo-f/url?Qualifier=live",
            "DELETE /2019-09-25/functions/demo-f/event-invoke-config?Qualifier=%24LATEST",
            "DELETE /2015-03-31/event-source-mappings/u-1",
            "DELETE /2015-03-31/functions/demo-f/aliases/live",
            "DELETE /2015-03-31/functions/demo-f?Qualifier=1",
            "DELETE /2015-03-31/functions/demo-f?Qualifier=1",
        ];
        assert_eq!(requests, expected);
    }

    #[tokio::test]
    async fn a_statement_without_an_id_is_named_and_not_removed() {
        let bare = json!({ "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction", "Resource": ARN });
        let (lambda, asked) = reads(&[("functions/demo-f/policy", 200, &policy(&[bare]))]);
        let found = found_by(&lambda, &task()).await.unwrap();
        assert!(want().drift(&found.live)[0].live.starts_with("(no id): "));
        let failure = Provider::<Function>::update(&lambda, &want(), &found, &task()).await.unwrap_err();
        assert_eq!(failure.cause, Cause::Refused);
        assert!(failure.hint.unwrap().contains("delete-resource-policy"));
        assert!(asked.lock().unwrap().iter().all(|request| request.starts_with("GET")));
    }
}
