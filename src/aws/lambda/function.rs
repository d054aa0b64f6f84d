//! Functions.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Architecture, Environment, FunctionCode, LogFormat, LoggingConfig, PackageType, Runtime};
use serde::{Deserialize, Serialize};

use super::live::state_of;
use super::{Code, FUNCTIONS, FunctionLive, Lambda, State};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::{FUNCTION_BUSY, FUNCTION_VISIBLE, ROLE, confirmed, settled, until};
use crate::aws::tag_map;
use crate::engine::{Comparison, Drift, Failure, Found, Listing, Provider, Resource, Task};
use crate::layer::Layer;
use crate::regions::Service;
use crate::scope::Whose;

/// While a function is pending: the first and the longest pause between two reads, in milliseconds, and the total time
/// in seconds.
const PACE: (u64, u64) = (500, 2000);
const BUDGET: u64 = 300;

#[derive(Debug, Clone)]
pub struct Function {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 1 to 64 of `a-z A-Z 0-9 - _`.
    pub name: String,
    /// Up to 256 characters.
    pub description: String,
    /// As in `nodejs24.x`.
    pub runtime: String,
    /// As in `index.handler`.
    pub handler: String,
    /// `arm64` or `x86_64`.
    pub architecture: String,
    /// 128 to 10,240.
    pub memory_mb: i32,
    /// 1 to 900.
    pub timeout_s: i32,
    /// The ARN of the role it runs as.
    pub role_arn: String,
    /// The name of the group it logs to, which exists already.
    pub log_group: String,
    /// All of its environment variables. Never credentials: those are in secrets.
    pub environment: BTreeMap<String, String>,
    pub code: Code,
}

/// The field that AWS cannot change later.
const PACKAGE: &str = "PackageType";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionOutputs {
    pub name: String,
    /// `arn:aws:lambda:<region>:<account>:function:<name>`.
    pub arn: String,
}

/// A function is looked up by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionKey {
    pub(super) id: String,
    pub(super) name: String,
}

impl Function {
    fn environment_drift<'a>(&'a self, live: &'a FunctionLive) -> impl Iterator<Item = Drift> + 'a {
        let wanted = self.environment.iter().filter_map(|(name, value)| {
            let field = format!("Environment.{name}");
            match live.environment.get(name) {
                Some(live) if live.reveal() == value => None,
                Some(_) => Some(Drift::weakening(field, format!("{value:?}"), "another value")),
                None => Some(Drift::new(field, format!("{value:?}"), "unset")),
            }
        });
        let others = live.environment.keys().filter(|name| !self.environment.contains_key(*name));
        wanted.chain(others.map(|name| Drift::weakening(format!("Environment.{name}"), "unset", "set")))
    }

    fn variables(&self) -> Environment {
        let variables: HashMap<String, String> = self.environment.clone().into_iter().collect();
        // An empty map: without a map AWS would keep the existing variables (docs/aws.md, Functions).
        Environment::builder().set_variables(Some(variables)).build()
    }

    /// The functions write JSON lines themselves; Lambda's own JSON format would wrap them once more.
    fn logging(&self) -> LoggingConfig {
        LoggingConfig::builder().log_format(LogFormat::Text).log_group(&self.log_group).build()
    }
}

impl Resource for Function {
    const KIND: &'static str = "lambda.function";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    const GUARDS: bool = false;
    const SETTLES_IN: usize = 3; // Pending for a second or more
    type Key = FunctionKey;
    type Outputs = FunctionOutputs;
    type Live = FunctionLive;

    fn key(&self) -> FunctionKey {
        FunctionKey { id: self.id.clone(), name: self.name.clone() }
    }

    fn identity(outputs: &FunctionOutputs) -> String {
        outputs.arn.clone()
    }

    fn removal_command(outputs: &FunctionOutputs) -> Option<String> {
        Some(format!("aws lambda delete-function --function-name {}", outputs.name))
    }

    fn compare(&self, live: &FunctionLive) -> Comparison {
        let drift = {
            let mut drift = Vec::new();
            if live.package != PackageType::Zip.as_str() {
                drift.push(Drift::weakening(PACKAGE, PackageType::Zip.as_str(), &live.package));
            }
            match &live.state {
                State::Ready => {}
                State::Settling | State::Going => drift.push(Drift::new("State", "Active", "Pending")),
                State::Failed(reason) => drift.push(Drift::new("State", "Active", format!("Failed: {reason}"))),
            }
            for (field, want, live) in [
                ("CodeSha256", &self.code.sha256, &live.code_sha256),
                ("Role", &self.role_arn, &live.role_arn),
                ("LoggingConfig.LogGroup", &self.log_group, &live.log_group),
            ] {
                drift.extend((want != live).then(|| Drift::weakening(field, want, live)));
            }
            drift.extend(self.environment_drift(live));
            if !live.layers.is_empty() {
                drift.push(Drift::weakening("Layers", "none", live.layers.join(", ")));
            }
            for (field, want, live) in [
                ("Runtime", self.runtime.as_str(), live.runtime.as_str()),
                ("Handler", &self.handler, &live.handler),
                ("Architectures", &self.architecture, &live.architecture),
                ("LoggingConfig.LogFormat", LogFormat::Text.as_str(), &live.log_format),
            ] {
                drift.extend((want != live).then(|| Drift::new(field, want, live)));
            }
            drift.extend(Drift::unless_equal("Description", &self.description, &live.description));
            drift.extend(Drift::unless_equal("MemorySize", &self.memory_mb, &live.memory_mb));
            drift.extend(Drift::unless_equal("Timeout", &self.timeout_s, &live.timeout_s));
            drift
        };
        drift.into_iter().collect()
    }

    fn requires_replacement(&self, drift: &[Drift]) -> Option<Failure> {
        let fixed = drift.iter().find(|drift| drift.field == PACKAGE)?;
        let Drift { live, want, .. } = fixed;
        let message = format!("AWS cannot change {PACKAGE} of the function {} from {live} to {want}", self.name);
        Some(Failure::refused(message).hint(
            "only a new function can have it: give it another name in the stack file, or remove it with another tool; \
             `up` makes it anew",
        ))
    }
}

impl Described for Function {
    const ABOUT: Kind = Kind {
        service: Service::Lambda,
        label: "function",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::Lambda,
        gone_before: &[],
        permissions: &[
            // Without the permission to list tags, `GetFunction` leaves them out.
            StatementTemplate {
                sid: Sid::FindOwn,
                on: FUNCTIONS,
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Create, Usage::Survivors],
                    actions: &["lambda:GetFunction", "lambda:ListTags"],
                }],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: FUNCTIONS,
                rights: &[Permissions {
                    needs: &[Usage::Update],
                    actions: &["lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration"],
                }],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: FUNCTIONS,
                rights: &[Permissions { needs: &[Usage::Delete], actions: &["lambda:DeleteFunction"] }],
            },
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: FUNCTIONS,
                rights: &[Permissions {
                    needs: &[Usage::Create],
                    actions: &["lambda:CreateFunction", "lambda:TagResource"],
                }],
            },
            StatementTemplate {
                sid: Sid::PassRolesToLambda,
                on: &["arn:{partition}:iam::{account}:role/securelambda/{stack}/*"],
                rights: &[Permissions { needs: &[Usage::Create, Usage::Update], actions: &["iam:PassRole"] }],
            },
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[Permissions { needs: &[Usage::Survivors], actions: &["lambda:ListFunctions"] }],
            },
        ],
        rates: &[Rate::per_second(100, Calls::Requests(&["GET"], "/*/functions/*"))],
        check: SettingsCheck {
            layer: Layer::Functions,
            subject: "{}",
            holds: "code and settings match the stack file",
            read: "GetFunction",
        },
    };
}

#[derive(PartialEq)]
enum Remedy {
    Wait,
    Code,
    Configuration,
}

impl Remedy {
    fn of(setting: &Drift) -> Self {
        match setting.field.as_str() {
            "State" => Self::Wait,
            "CodeSha256" | "Architectures" => Self::Code,
            _ => Self::Configuration,
        }
    }
}

impl Lambda {
    /// Waits until a function can be called and changed. `said` is its state in the last answer.
    async fn ready(&self, name: &str, said: State, task: &Task) -> Result<(), Failure> {
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

    async fn state(&self, name: &str, task: &Task) -> Result<State, Failure> {
        let doing = format!("wait for the function {name}");
        let read = settled(task, &[&FUNCTION_VISIBLE], || async {
            self.client.get_function().function_name(name).send().await.or_fail(&doing)
        });
        Ok(read.await?.configuration.map_or(State::Settling, |config| state_of!(config)))
    }

    async fn configure(&self, want: &Function, task: &Task) -> Result<(), Failure> {
        let doing = format!("configure the function {}", want.name);
        let updated = settled(task, &[&ROLE, &FUNCTION_BUSY], || async {
            let call = self.client.update_function_configuration().function_name(&want.name);
            let call = call.description(&want.description).handler(&want.handler).role(&want.role_arn);
            let call = call.runtime(Runtime::from(want.runtime.as_str()));
            let call = call.memory_size(want.memory_mb).timeout(want.timeout_s);
            let call = call.environment(want.variables()).logging_config(want.logging()).set_layers(Some(Vec::new()));
            call.send().await.or_fail(&doing)
        });
        let said = state_of!(updated.await?);
        self.ready(&want.name, said, task).await
    }

    async fn upload(&self, want: &Function, task: &Task) -> Result<(), Failure> {
        let doing = format!("upload the code of the function {}", want.name);
        let updated = settled(task, &[&ROLE, &FUNCTION_BUSY], || async {
            let call = self.client.update_function_code().function_name(&want.name);
            let call = call.architectures(Architecture::from(want.architecture.as_str()));
            call.zip_file(Blob::new(want.code.zip.as_slice())).send().await.or_fail(&doing)
        });
        let said = state_of!(updated.await?);
        self.ready(&want.name, said, task).await
    }

    fn function(&self, name: &str, arn: Option<String>) -> FunctionOutputs {
        let arn = arn.unwrap_or_else(|| self.scope.arn("lambda", &format!("function:{name}")));
        FunctionOutputs { name: name.to_owned(), arn }
    }
}

impl Provider<Function> for Lambda {
    async fn read(
        &self,
        key: &FunctionKey,
        _: Option<&FunctionOutputs>,
        _: &Task,
    ) -> Result<Option<Found<Function>>, Failure> {
        let Some(read) = self.read(&key.name).await? else { return Ok(None) };
        let ours = self.owns(&read)?;
        let Some(config) = read.configuration else { return Ok(None) };
        let outputs = self.function(&key.name, config.function_arn.clone());
        if !ours {
            return Err(Failure::foreign("the function", &outputs.arn));
        }
        let live = FunctionLive::new(&config);
        Ok((live.state != State::Going).then_some(Found { outputs, live }))
    }

    async fn create(&self, want: &Function, task: &Task) -> Result<FunctionOutputs, Failure> {
        let doing = format!("create the function {}", want.name);
        let tags = tag_map(&self.scope, &want.id);
        let made = settled(task, &[&ROLE, &FUNCTION_BUSY], || async {
            let code = FunctionCode::builder().zip_file(Blob::new(want.code.zip.as_slice())).build();
            let call = self.once.create_function().function_name(&want.name).code(code).publish(false);
            let call = call.description(&want.description).handler(&want.handler).role(&want.role_arn);
            let call = call.runtime(Runtime::from(want.runtime.as_str()));
            let call = call.architectures(Architecture::from(want.architecture.as_str()));
            let call = call.memory_size(want.memory_mb).timeout(want.timeout_s);
            let call = call.environment(want.variables()).logging_config(want.logging());
            call.set_tags(Some(tags.clone())).send().await.or_fail(&doing)
        });
        let made = made.await?;
        self.ready(&want.name, state_of!(made), task).await?;
        Ok(self.function(&want.name, made.function_arn))
    }

    async fn update(&self, want: &Function, found: &Found<Function>, task: &Task) -> Result<FunctionOutputs, Failure> {
        let drift = want.drift(&found.live);
        // After a failure both are sent again.
        let all = matches!(found.live.state, State::Failed(_));
        let needs = |remedy: Remedy| all || drift.iter().any(|setting| Remedy::of(setting) == remedy);
        let (configure, upload) = (needs(Remedy::Configuration), needs(Remedy::Code));
        if configure {
            self.configure(want, task).await?;
        }
        if upload {
            self.upload(want, task).await?;
        }
        if !configure && !upload {
            self.ready(&want.name, found.live.state.clone(), task).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn vouch(&self, recorded: &FunctionOutputs, _: &Task) -> Result<bool, Failure> {
        self.vouched(&recorded.arn).await
    }

    async fn delete(&self, gone: &FunctionOutputs, task: &Task) -> Result<(), Failure> {
        let doing = format!("delete the function {}", gone.name);
        let deleted = settled(task, &[&FUNCTION_BUSY], || async {
            self.client.delete_function().function_name(&gone.name).send().await.or_fail(&doing)
        });
        if deleted.await.or_absent()?.is_none() {
            return Ok(());
        }
        let seen_gone = until(task, "the function is not gone yet", PACE, BUDGET, || async {
            Ok(self.read(&gone.name).await?.is_none().then_some(()))
        });
        confirmed(seen_gone.await)
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        self.list_functions(whose).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::testing::{replay, requests};
    use crate::engine::Cause;

    const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:demo-f";

    fn want() -> Function {
        Function {
            id: "function.f".into(),
            name: "demo-f".into(),
            description: "what".into(),
            runtime: "nodejs24.x".into(),
            handler: "index.handler".into(),
            architecture: "arm64".into(),
            memory_mb: 128,
            timeout_s: 10,
            role_arn: "arn:role".into(),
            log_group: "/aws/lambda/demo-f".into(),
            environment: BTreeMap::from([("SECRET_ID".into(), "demo-s".into())]),
            code: Code::new(b"zip".to_vec()),
        }
    }

    fn config(state: &str, update: &str) -> serde_json::Value {
        json!({
            "FunctionName": "demo-f", "FunctionArn": ARN, "Description": "what", "Runtime": "nodejs24.x",
            "Handler": "index.handler", "Architectures": ["arm64"], "MemorySize": 128, "Timeout": 10,
            "Role": "arn:role", "LoggingConfig": { "LogFormat": "Text", "LogGroup": "/aws/lambda/demo-f" },
            "Environment": { "Variables": { "SECRET_ID": "demo-s" } }, "CodeSha256": want().code.sha256,
            "State": state, "StateReason": "the reason", "LastUpdateStatus": update,
        })
    }

    fn read(state: &str, update: &str) -> String {
        json!({ "Configuration": config(state, update), "Tags": { "securelambda:stack": "demo" } }).to_string()
    }

    fn said(state: &str, update: &str) -> String {
        config(state, update).to_string()
    }

    const ABSENT: &str = r#"{"__type":"ResourceNotFoundException","Message":"Function not found"}"#;

    fn conflict(words: &str) -> String {
        json!({ "__type": "ResourceConflictException", "Message": words }).to_string()
    }

    async fn found() -> Found<Function> {
        let (clients, http) = replay(vec![(200, &read("Active", "Successful"))]);
        let found = Provider::<Function>::read(&Lambda::new(&clients), &want().key(), None, &task()).await;
        assert_eq!(requests(&http).len(), 1);
        found.unwrap().unwrap()
    }

    fn task() -> Task {
        Task::detached("function.f")
    }

    #[tokio::test]
    async fn an_unchanged_function_costs_one_read() {
        let found = found().await;
        assert_eq!(want().drift(&found.live), []);
        assert_eq!(found.outputs, FunctionOutputs { name: "demo-f".into(), arn: ARN.into() });
        let (idle, _) = replay(vec![]);
        let outputs = Provider::<Function>::update(&Lambda::new(&idle), &want(), &found, &task()).await;
        assert_eq!(outputs.unwrap(), found.outputs);
    }

    type Change = fn(&mut FunctionLive);

    #[tokio::test]
    async fn drift_of_every_setting() {
        let same = found().await.live;
        let table: [(Change, &str, bool); 16] = [
            (|live| live.code_sha256 = "x".into(), "CodeSha256", true),
            (|live| live.role_arn = "x".into(), "Role", true),
            (|live| live.log_group = "x".into(), "LoggingConfig.LogGroup", true),
            (|live| live.log_format = "JSON".into(), "LoggingConfig.LogFormat", false),
            (|live| live.layers = vec!["arn:layer".into()], "Layers", true),
            (|live| live.runtime = "nodejs22.x".into(), "Runtime", false),
            (|live| live.handler = "x".into(), "Handler", false),
            (|live| live.architecture = "x86_64".into(), "Architectures", false),
            (|live| live.description = "x".into(), "Description", false),
            (|live| live.memory_mb = 256, "MemorySize", false),
            (|live| live.timeout_s = 3, "Timeout", false),
            (|live| drop(live.environment.insert("KEY".into(), "hunter2".into())), "Environment.KEY", true),
            (|live| drop(live.environment.insert("SECRET_ID".into(), "hunter2".into())), "Environment.SECRET_ID", true),
            (|live| drop(live.environment.remove("SECRET_ID")), "Environment.SECRET_ID", false),
            (|live| live.state = State::Settling, "State", false),
            (|live| live.state = State::Failed("why".into()), "State", false),
        ];
        for (change, field, weakens) in table {
            let mut live = same.clone();
            change(&mut live);
            let drift = want().drift(&live);
            assert_eq!(drift.len(), 1, "{field}: {drift:?}");
            assert_eq!((drift[0].field.as_str(), drift[0].weakens), (field, weakens));
            assert!(!format!("{drift:?} {live:?}").contains("hunter2"));
        }
    }

    #[test]
    fn code_is_compared_by_its_hash_and_never_printed() {
        let code = Code::new(b"zip".to_vec());
        assert_eq!(format!("{code:?}"), "Code(3 bytes, SnD+mqZDbgLC3qNA+9HjUuTvLYzmylKtJdS5VHH8i/I=)");
    }

    #[tokio::test]
    async fn a_function_without_our_tag_is_foreign_unless_tags_are_unreadable() {
        let theirs = read("Active", "Successful").replace(r#""demo"}"#, r#""other"}"#);
        let unread = json!({
            "Configuration": config("Active", "Successful"),
            "TagsError": { "ErrorCode": "AccessDeniedException", "Message": "not allowed" },
        });
        for (answer, cause) in [(theirs, Cause::Foreign), (unread.to_string(), Cause::Refused)] {
            let (clients, _) = replay(vec![(200, &answer)]);
            let failure = Provider::<Function>::read(&Lambda::new(&clients), &want().key(), None, &task()).await;
            assert_eq!(failure.unwrap_err().cause, cause);
        }
    }

    #[tokio::test]
    async fn a_deleting_function_is_absent_and_a_pending_one_exists() {
        let (clients, _) =
            replay(vec![(200, &read("Deleting", "Successful")), (404, ABSENT), (200, &read("Pending", "InProgress"))]);
        let lambda = Lambda::new(&clients);
        for there in [false, false, true] {
            let found = Provider::<Function>::read(&lambda, &want().key(), None, &task()).await.unwrap();
            assert_eq!(found.is_some(), there);
        }
    }

    #[tokio::test]
    async fn a_create_that_answers_active_needs_no_read() {
        let (clients, http) = replay(vec![(201, &said("Active", "Successful"))]);
        let outputs = Provider::<Function>::create(&Lambda::new(&clients), &want(), &task()).await.unwrap();
        assert_eq!(outputs.arn, ARN);
        let requests = requests(&http);
        for part in [r#""securelambda:stack":"demo""#, r#""LogFormat":"Text""#, r#""Publish":false"#, r#"["arm64"]"#] {
            assert!(requests[0].contains(part), "{part} in {requests:?}");
        }
    }

    #[tokio::test]
    async fn create_waits_for_its_role_and_until_it_is_active() {
        let role = json!({
            "__type": "InvalidParameterValueException",
            "Message": "The role defined for the function cannot be assumed by Lambda.",
        });
        let (clients, http) = replay(vec![
            (400, &role.to_string()),
            (201, &said("Pending", "InProgress")),
            (200, &read("Pending", "InProgress")),
            (200, &read("Active", "Successful")),
        ]);
        Provider::<Function>::create(&Lambda::new(&clients), &want(), &task()).await.unwrap();
        assert_eq!(requests(&http).len(), 4);
    }

    #[tokio::test]
    async fn a_function_that_fails_says_why() {
        let (clients, _) = replay(vec![(201, &said("Pending", "InProgress")), (200, &read("Failed", "Failed"))]);
        let failure = Provider::<Function>::create(&Lambda::new(&clients), &want(), &task()).await.unwrap_err();
        assert_eq!(
            (failure.cause, failure.to_string().as_str()),
            (Cause::Refused, "the function demo-f failed: the reason")
        );
    }

    #[tokio::test]
    async fn an_existing_function_and_a_lost_answer_have_different_causes() {
        for (status, body, cause) in [
            (409, conflict("Function already exist: demo-f"), Cause::Exists),
            (500, json!({ "__type": "ServiceException", "Message": "sorry" }).to_string(), Cause::Unknown),
            (400, json!({ "__type": "InvalidParameterValueException", "Message": "no" }).to_string(), Cause::Refused),
        ] {
            let (clients, http) = replay(vec![(status, &body)]);
            let failure = Provider::<Function>::create(&Lambda::new(&clients), &want(), &task()).await.unwrap_err();
            assert_eq!((failure.cause, requests(&http).len()), (cause, 1));
        }
    }

    #[tokio::test]
    async fn an_update_configures_then_uploads_and_waits_between() {
        let mut found = found().await;
        found.live.timeout_s = 3;
        found.live.code_sha256 = "x".into();
        let (clients, http) = replay(vec![
            (409, &conflict("The operation cannot be performed at this time. An update is in progress for resource")),
            (200, &said("Active", "InProgress")),
            (200, &read("Active", "Successful")),
            (200, &said("Active", "Successful")),
        ]);
        Provider::<Function>::update(&Lambda::new(&clients), &want(), &found, &task()).await.unwrap();
        let requests = requests(&http);
        assert!(requests[1].contains("PUT") && requests[1].contains("/configuration"), "{requests:?}");
        assert!(
            requests[1].contains(r#""Variables":{"SECRET_ID":"demo-s"}"#) && requests[1].contains(r#""Layers":[]"#)
        );
        assert!(requests[3].contains("PUT") && requests[3].contains("/code"), "{requests:?}");
    }

    #[tokio::test]
    async fn an_update_sends_an_empty_map_of_variables() {
        let want = Function { environment: BTreeMap::new(), ..want() };
        let found = found().await;
        let (clients, http) = replay(vec![(200, &said("Active", "Successful"))]);
        Provider::<Function>::update(&Lambda::new(&clients), &want, &found, &task()).await.unwrap();
        assert!(requests(&http)[0].contains(r#""Environment":{"Variables":{}}"#));
    }

    #[tokio::test]
    async fn an_update_of_a_pending_function_only_waits() {
        let mut found = found().await;
        found.live.state = State::Settling;
        let (clients, http) = replay(vec![(200, &read("Active", "Successful"))]);
        Provider::<Function>::update(&Lambda::new(&clients), &want(), &found, &task()).await.unwrap();
        assert_eq!(requests(&http).len(), 1);
    }

    #[tokio::test]
    async fn delete_returns_once_it_is_gone() {
        let gone = FunctionOutputs { name: "demo-f".into(), arn: ARN.into() };
        let (clients, http) = replay(vec![
            (409, &conflict("The function is currently in the following state: Pending")),
            (200, ""),
            (200, &read("Deleting", "Successful")),
            (404, ABSENT),
            (404, ABSENT),
        ]);
        let lambda = Lambda::new(&clients);
        Provider::<Function>::delete(&lambda, &gone, &task()).await.unwrap();
        assert_eq!(requests(&http).len(), 4);
        Provider::<Function>::delete(&lambda, &gone, &task()).await.unwrap();
    }
}
