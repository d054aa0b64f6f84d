//! The alias `live` of a function with provisioned concurrency, and the version that it points to (docs/aws.md,
//! Versions and provisioned concurrency).
//!
//! The version is compared with the stack file, as the function is. A version never changes. So if it differs, the
//! function, which is updated first, is published as a new version, the alias is pointed to the new version, and the
//! old version is deleted.

use std::collections::HashMap;

use aws_sdk_lambda::types::{AliasConfiguration, AliasRoutingConfiguration, ProvisionedConcurrencyStatusEnum};
use serde::{Deserialize, Serialize};

use super::refusals::{FUNCTION_BUSY, FUNCTION_VISIBLE};
use super::{Access, FUNCTIONS, Function, FunctionLive, Lambda, ProvisionedLive};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::lambda::SERVICE;
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::{settled, until};
use crate::choices::LIVE;
use crate::engine::{Comparison, Effect, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// While AWS moves an alias: the first and the longest pause between two reads, in milliseconds, and the total time in
/// seconds.
pub(super) const PACE: (u64, u64) = (1000, 10_000);
pub(super) const BUDGET: u64 = 900;

/// The fields of the version that the alias points to, and of additional versions that receive a part of its calls.
const VERSION: &str = "FunctionVersion";
const ROUTING: &str = "RoutingConfig.AdditionalVersionWeights";

/// The qualifier of the unpublished function, which can still be changed and is not a version.
const LATEST: &str = "$LATEST";

/// The alias `live` of a function.
#[derive(Debug, Clone)]
pub struct Alias {
    /// The function with the settings that the version must have.
    pub function: Function,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AliasOutputs {
    /// The function's name.
    pub function: String,
    /// The function's ARN, a colon and the alias.
    pub arn: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AliasKey {
    function: String,
}

#[derive(Debug, Clone)]
pub struct AliasLive {
    pub(super) version: String,
    /// Additional versions that receive a part of its calls, with their weights.
    pub(super) weights: Vec<(String, f64)>,
    /// The settings of the version.
    pub(super) settings: FunctionLive,
}

impl AliasLive {
    /// The version that it leads to.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }
}

impl Resource for Alias {
    const KIND: &'static str = "lambda.alias";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    const GUARDS: bool = true; // without it, callers cannot call the function
    type Key = AliasKey;
    type Outputs = AliasOutputs;
    type Live = AliasLive;

    fn key(&self) -> AliasKey {
        AliasKey { function: self.function.name.clone() }
    }

    fn identity(outputs: &AliasOutputs) -> String {
        outputs.arn.clone()
    }

    fn removal_command(outputs: &AliasOutputs) -> Option<String> {
        Some(format!("aws lambda delete-alias --function-name {} --name {LIVE}", outputs.function))
    }

    fn compare(&self, live: &AliasLive) -> Comparison {
        let published = Effect::weakens_unless(live.version != LATEST);
        let want = if live.version == LATEST { "a version" } else { &live.version };
        let comparison = Comparison::default()
            .judged(VERSION, want, &live.version, published)
            // Another version may have different code.
            .nothing_else(ROUTING, live.weights.iter().map(|(version, part)| format!("{version} ({part})")));
        self.function.version_compared(comparison, &live.settings)
    }
}

impl Described for Alias {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "alias",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Lambda,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: FUNCTIONS,
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Create, Usage::Update, Usage::Delete],
                    actions: &["lambda:GetAlias", "lambda:GetFunction", "lambda:GetProvisionedConcurrencyConfig"],
                }],
            },
            // Aliases and versions carry no tags.
            StatementTemplate {
                sid: Sid::OwnByName,
                on: FUNCTIONS,
                rights: &[
                    Permissions {
                        needs: &[Usage::Create, Usage::Update],
                        actions: &["lambda:CreateAlias", "lambda:PublishVersion"],
                    },
                    Permissions { needs: &[Usage::Update], actions: &["lambda:DeleteFunction", "lambda:UpdateAlias"] },
                    Permissions { needs: &[Usage::Delete], actions: &["lambda:DeleteAlias", "lambda:DeleteFunction"] },
                ],
            },
        ],
        rates: &[Rate::per_second(100, Calls::Requests(&["GET"], "/*/functions/*"))],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "{}",
            holds: "all calls go to one version of the function, whose code and settings match the stack file",
            read: "GetAlias, GetFunction",
        },
    };
}

/// The additional versions that receive a part of an alias's calls, with their weights.
pub(super) fn weights(alias: &AliasConfiguration) -> Vec<(String, f64)> {
    let weights = alias.routing_config().and_then(|routing| routing.additional_version_weights());
    let mut weights: Vec<(String, f64)> = weights.into_iter().flatten().map(|(to, part)| (to.clone(), *part)).collect();
    weights.sort_by(|(one, _), (other, _)| one.cmp(other));
    weights
}

fn outputs(lambda: &Lambda, function: &str) -> AliasOutputs {
    let arn = lambda.scope.arn("lambda", &format!("function:{function}:{LIVE}"));
    AliasOutputs { function: function.to_owned(), arn }
}

impl Lambda {
    async fn alias(&self, function: &str) -> Result<Option<AliasConfiguration>, Failure> {
        let read = self.client.get_alias().function_name(function).name(LIVE).send().await;
        let read = read.or_fail(&format!("read the alias {LIVE} of the function {function}")).or_absent()?;
        Ok(read.map(|alias| {
            AliasConfiguration::builder()
                .set_function_version(alias.function_version)
                .set_routing_config(alias.routing_config)
                .build()
        }))
    }

    /// The settings of the version that the alias points to.
    async fn version(&self, function: &str) -> Result<Option<FunctionLive>, Failure> {
        let read = self.client.get_function().function_name(function).qualifier(LIVE).send().await;
        let read = read.or_fail(&format!("read the version of the function {function} that {LIVE} points to"));
        let Some(read) = read.or_absent()? else { return Ok(None) };
        let settings = read.configuration.as_ref();
        Ok(settings.map(|config| FunctionLive::new((config, read.code.as_ref()), None, Access::unread(), &self.today)))
    }

    /// Publishes the function's current code and settings. If they equal the last version, AWS returns that version.
    async fn publish(&self, function: &str, task: &Task) -> Result<String, Failure> {
        let doing = format!("publish a version of the function {function}");
        let published = settled(task, &[&FUNCTION_BUSY, &FUNCTION_VISIBLE], || async {
            self.client.publish_version().function_name(function).send().await.or_fail(&doing)
        });
        let version = published.await?.version;
        version.ok_or_else(|| Failure::refused(format!("could not {doing}: the answer contains no version")))
    }

    /// Points the alias to a version, or, with `None`, removes its additional versions.
    async fn lead(&self, function: &str, version: Option<&str>, task: &Task) -> Result<(), Failure> {
        let doing = format!("point the alias {LIVE} of the function {function} to one version");
        let nothing = AliasRoutingConfiguration::builder().set_additional_version_weights(Some(HashMap::new())).build();
        let moved = settled(task, &[&FUNCTION_BUSY], || async {
            let call = self.client.update_alias().function_name(function).name(LIVE);
            // With provisioned concurrency, AWS refuses to change both in one call.
            let call = match version {
                Some(version) => call.function_version(version),
                None => call.routing_config(nothing.clone()),
            };
            call.send().await.or_fail(&doing)
        });
        moved.await.map(drop)
    }

    /// Waits until the instances of the new version have started, and AWS sends no more calls to the former version.
    async fn moved(&self, function: &str, task: &Task) -> Result<(), Failure> {
        until(task, "instances of the new version are not ready yet", PACE, BUDGET, || async {
            match self.alias(function).await? {
                Some(alias) if !weights(&alias).is_empty() => {}
                _ => return Ok(Some(())),
            }
            let ready = self.provisioned(function).await?;
            match ready.filter(|ready| ready.status == ProvisionedConcurrencyStatusEnum::Failed) {
                Some(failed) => Err(failed.failure(function)),
                None => Ok(None),
            }
        })
        .await
    }

    /// The provisioned concurrency of the alias, if it has one.
    pub(super) async fn provisioned(&self, function: &str) -> Result<Option<ProvisionedLive>, Failure> {
        let call = self.client.get_provisioned_concurrency_config().function_name(function).qualifier(LIVE);
        let read = call.send().await.or_fail(&format!("read how many instances of {function} are ready"));
        Ok(read.or_absent()?.map(ProvisionedLive::new))
    }
}

impl Provider<Alias> for Lambda {
    async fn read(&self, key: &AliasKey, _: Option<&AliasOutputs>, _: &Task) -> Result<Option<Found<Alias>>, Failure> {
        let name = &key.function;
        // An alias has no tags: it is ours if the function is ours.
        let (function, alias, version) = tokio::join!(self.read(name), self.alias(name), self.version(name));
        let (Some(function), Some(alias), Some(settings)) = (function?, alias?, version?) else { return Ok(None) };
        if !self.owns(&function)? {
            return Ok(None);
        }
        let version = alias.function_version().unwrap_or(LATEST).to_owned();
        let live = AliasLive { version, weights: weights(&alias), settings };
        Ok(Some(Found { outputs: outputs(self, name), live }))
    }

    async fn create(&self, want: &Alias, task: &Task) -> Result<AliasOutputs, Failure> {
        let name = &want.function.name;
        let version = self.publish(name, task).await?;
        let doing = format!("create the alias {LIVE} of the function {name}");
        let made = settled(task, &[&FUNCTION_BUSY, &FUNCTION_VISIBLE], || async {
            let call = self.once.create_alias().function_name(name).name(LIVE).function_version(&version);
            call.send().await.or_fail(&doing)
        });
        made.await?;
        Ok(outputs(self, name))
    }

    async fn update(&self, want: &Alias, found: &Found<Alias>, task: &Task) -> Result<AliasOutputs, Failure> {
        let name = &want.function.name;
        let drift = want.drift(&found.live);
        let AliasLive { version: former, weights, .. } = &found.live;
        if !weights.is_empty() {
            self.lead(name, None, task).await?;
        }
        let mut version = former.clone();
        if drift.iter().any(|setting| setting.field != ROUTING) {
            version = self.publish(name, task).await?;
        }
        if version != *former {
            self.lead(name, Some(&version), task).await?;
            self.moved(name, task).await?;
        }
        let others = weights.iter().map(|(other, _)| other).chain([former]);
        for other in others.filter(|other| **other != version && *other != LATEST) {
            self.remove_version(name, other, task).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn vouch(&self, recorded: &AliasOutputs, _: &Task) -> Result<bool, Failure> {
        self.vouched(&self.scope.arn("lambda", &format!("function:{}", recorded.function))).await
    }

    async fn delete(&self, gone: &AliasOutputs, task: &Task) -> Result<(), Failure> {
        let name = &gone.function;
        let Some(alias) = self.alias(name).await? else { return Ok(()) };
        self.remove_alias(name, LIVE, task).await?;
        // If this is interrupted, the next update of the function removes the version.
        match alias.function_version().filter(|version| *version != LATEST) {
            Some(version) => self.remove_version(name, version, task).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::{Value, json};

    use super::super::sample::{ABSENT, ARN, config, found, task, want as function};
    use super::*;
    use crate::aws::testing::{replay, requests};

    fn want() -> Alias {
        Alias { function: function() }
    }

    async fn live() -> AliasLive {
        AliasLive { version: "3".into(), weights: Vec::new(), settings: found().await.live }
    }

    async fn updated(live: AliasLive, answers: Vec<(u16, &str)>) -> Vec<String> {
        let (clients, http) = replay(answers);
        let lambda = Lambda::new(&clients);
        let found = Found { outputs: outputs(&lambda, "demo-f"), live };
        Provider::<Alias>::update(&lambda, &want(), &found, &task()).await.unwrap();
        requests(&http)
    }

    #[tokio::test]
    async fn a_version_with_other_code_or_a_part_of_the_calls_weakens() {
        assert_eq!(want().drift(&live().await), []);
        for (change, field) in [
            ((|live| live.settings.code_sha256 = "x".into()) as fn(&mut AliasLive), "CodeSha256"),
            (|live| live.settings.role_arn = "arn:other".into(), "Role"),
            (|live| live.version = LATEST.into(), VERSION),
            (|live| live.weights = vec![("1".into(), 0.5)], ROUTING),
        ] {
            let mut live = live().await;
            change(&mut live);
            let drift = want().drift(&live);
            assert!(drift.len() == 1 && drift[0].field == field && drift[0].weakens, "{field}: {drift:?}");
        }
    }

    #[tokio::test]
    async fn an_alias_of_the_wanted_version_is_not_written() {
        assert_eq!(updated(live().await, vec![]).await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_new_version_receives_the_calls_before_the_old_one_is_deleted() {
        let mut old = live().await;
        old.settings.timeout_s = 3;
        let published = json!({ "Version": "4" }).to_string();
        let moving = json!({ "FunctionVersion": "4", "RoutingConfig": { "AdditionalVersionWeights": { "3": 1.0 } } });
        let starting = json!({ "RequestedProvisionedConcurrentExecutions": 2, "Status": "IN_PROGRESS" }).to_string();
        let moved = json!({ "FunctionVersion": "4" }).to_string();
        let answers = vec![
            (201, published.as_str()),
            (200, "{}"),
            (200, &moving.to_string()),
            (200, &starting),
            (200, &moved),
            (204, ""),
        ]
        .into_iter()
        .map(|(status, body): (u16, &str)| (status, body.to_owned()))
        .collect::<Vec<_>>();
        let requests = updated(old, answers.iter().map(|(status, body)| (*status, body.as_str())).collect()).await;
        let begins: Vec<String> =
            requests.iter().map(|request| request.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect();
        assert!(begins[0].starts_with("POST") && begins[0].ends_with("/versions"), "{begins:?}");
        assert!(requests[1].contains(r#""FunctionVersion":"4""#), "{requests:?}");
        assert!(begins[5].starts_with("DELETE") && begins[5].ends_with("demo-f?Qualifier=3"), "{begins:?}");
    }

    #[tokio::test]
    async fn an_alias_that_splits_its_calls_leads_to_its_own_version_again() {
        let mut split = live().await;
        split.weights = vec![("1".into(), 0.5)];
        let requests = updated(split, vec![(200, "{}"), (204, "")]).await;
        assert!(requests[1].contains("Qualifier=1"), "{requests:?}");
        assert!(requests[0].contains(r#""RoutingConfig":{"AdditionalVersionWeights":{}}"#), "{requests:?}");
        assert!(!requests[0].contains("FunctionVersion"), "{requests:?}");
    }

    #[tokio::test]
    async fn instances_that_do_not_start_end_the_update() {
        let mut old = live().await;
        old.settings.timeout_s = 3;
        let moving = json!({ "FunctionVersion": "4", "RoutingConfig": { "AdditionalVersionWeights": { "3": 1.0 } } });
        let failed = json!({ "RequestedProvisionedConcurrentExecutions": 2, "Status": "FAILED",
            "StatusReason": "FUNCTION_ERROR_INIT_FAILURE" });
        let (clients, _) = replay(vec![
            (201, r#"{"Version":"4"}"#),
            (200, "{}"),
            (200, &moving.to_string()),
            (200, &failed.to_string()),
        ]);
        let lambda = Lambda::new(&clients);
        let found = Found { outputs: outputs(&lambda, "demo-f"), live: old };
        let failure = Provider::<Alias>::update(&lambda, &want(), &found, &task()).await.unwrap_err();
        assert!(failure.to_string().contains("FUNCTION_ERROR_INIT_FAILURE"), "{failure}");
    }

    #[tokio::test]
    async fn an_alias_is_deleted_with_its_version() {
        let (clients, http) = replay(vec![(200, r#"{"FunctionVersion":"3"}"#), (204, ""), (204, ""), (404, ABSENT)]);
        let lambda = Lambda::new(&clients);
        let gone = outputs(&lambda, "demo-f");
        Provider::<Alias>::delete(&lambda, &gone, &task()).await.unwrap();
        Provider::<Alias>::delete(&lambda, &gone, &task()).await.unwrap();
        let requests = requests(&http);
        assert!(requests[1].contains("/aliases/live") && requests[2].contains("Qualifier=3"), "{requests:?}");
    }

    #[tokio::test]
    async fn the_settings_are_those_of_the_version_and_the_owner_is_the_functions() {
        let mut of_version = config("Active", "Successful");
        of_version["Timeout"] = json!(3);
        let read =
            |config: &Value| json!({ "Configuration": config, "Tags": { "securelambda:stack": "demo" } }).to_string();
        let (function, version) = (read(&config("Active", "Successful")), json!({ "Configuration": of_version }));
        let alias = json!({ "Name": "live", "FunctionVersion": "3", "AliasArn": format!("{ARN}:live") }).to_string();
        let (clients, _) = replay(vec![(200, &function), (200, &alias), (200, &version.to_string())]);
        let lambda = Lambda::new(&clients);
        let found = Provider::<Alias>::read(&lambda, &want().key(), None, &task()).await.unwrap().unwrap();
        assert_eq!(found.outputs.arn, format!("{ARN}:live"));
        let drift = want().drift(&found.live);
        assert!(drift.len() == 1 && drift[0].field == "Timeout", "{drift:?}");
    }
}
